//! The boundary lowered to this kernel, before anything is forked: what will hold, and the gaps.

use tollgate_policy::boundary::{Boundary, Enforced};
use tollgate_sys::probe::Probe;

use crate::fault::LaunchError;
use crate::temp::PrivateTemp;

/// What a run may use of the kernel; the default is all it offers. For tests and for `--no-…` flags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Use no Landlock ABI above this.
    pub landlock_cap: Option<u32>,
    /// Whether user namespaces may be made.
    pub user_namespaces: UserNamespaces,
}

/// Whether user namespaces may be made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UserNamespaces {
    /// Where the kernel grants them and the caller needs one to make the others.
    #[default]
    Allowed,
    /// Never; without `CAP_SYS_ADMIN` there are then no namespaces at all.
    Forbidden,
}

/// A boundary lowered to this kernel. Nothing has been started.
#[derive(Debug)]
pub struct Plan {
    enforced: Enforced,
}

impl Plan {
    /// Lowers a boundary.
    ///
    /// # Errors
    /// [`LaunchError::Required`] if it requires what this kernel is known not to hold;
    /// [`LaunchError::Filter`] and [`LaunchError::Unknown`] for a boundary that makes no sense here.
    pub fn lower(
        boundary: &Boundary,
        probe: &Probe,
        options: Options,
        temp: PrivateTemp,
    ) -> Result<Self, LaunchError> {
        let _ = (boundary, probe, options, temp);
        Err(LaunchError::Threads)
    }

    /// What will hold as far as can be known before trying. [`crate::Started::enforced`] is the last word.
    pub fn enforced(&self) -> &Enforced {
        &self.enforced
    }
}
