//! Who runs the program, and what the kernel grants them.

use nix::unistd::{Uid, geteuid};

/// The ordinary user that root plays: `nobody`.
pub const NOBODY: u32 = 65534;

/// Who runs the program, and whether namespaces can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Root with all it has.
    Root,
    /// Root of a container: no `CAP_SYS_ADMIN`, no user namespaces.
    RootWithoutNamespaces,
    /// An ordinary user, where the kernel lets users make user namespaces.
    User,
    /// An ordinary user, where it doesn't.
    UserWithoutNamespaces,
}

impl Setting {
    /// The user id that the case has.
    pub fn uid(self) -> Uid {
        match (self, geteuid().is_root()) {
            (Self::Root | Self::RootWithoutNamespaces, _) => Uid::from_raw(0),
            (_, true) => Uid::from_raw(NOBODY),
            (_, false) => geteuid(),
        }
    }

    /// Why this setting can't be made here; none where it can.
    pub fn missing(self) -> Option<&'static str> {
        let needs_root = matches!(self, Self::Root | Self::RootWithoutNamespaces);
        let needs_namespaces = matches!(self, Self::RootWithoutNamespaces | Self::UserWithoutNamespaces);
        if needs_root && !geteuid().is_root() {
            Some("needs root")
        } else if needs_namespaces && !has_user_namespaces() {
            // Then `User` is already that setting.
            Some("this kernel makes no user namespaces, in which they could be switched off")
        } else {
            None
        }
    }

    /// Whether namespaces can be made.
    pub fn has_namespaces(self) -> bool {
        match self {
            Self::Root => true,
            Self::User => has_user_namespaces(),
            Self::RootWithoutNamespaces | Self::UserWithoutNamespaces => false,
        }
    }

    /// What goes before the program's own words, for `tollgate-test-ground`.
    pub fn words(self) -> Vec<String> {
        let mut words = Vec::new();
        if matches!(self, Self::RootWithoutNamespaces | Self::UserWithoutNamespaces) {
            words.push("--no-user-namespaces".to_owned());
        }
        if self == Self::RootWithoutNamespaces {
            words.push("--no-sys-admin".to_owned());
        }
        if geteuid().is_root() && !self.uid().is_root() {
            words.push("--user".to_owned());
            words.push(self.uid().to_string());
        }
        words
    }
}

fn has_user_namespaces() -> bool {
    let allowed = |path: &str, no: &str| std::fs::read_to_string(path).map_or(true, |text| text.trim() != no);
    allowed("/proc/sys/user/max_user_namespaces", "0")
        && allowed("/proc/sys/kernel/unprivileged_userns_clone", "0")
        && allowed("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1")
}
