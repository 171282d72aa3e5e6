//! Which real shell does the work. Looked for where systems keep shells, never through variables, which could lead back here.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::words::Spoken;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::place::shown;

/// Shells that this program can stand for.
pub(super) const NAMES: [&str; 6] = ["bash", "zsh", "sh", "dash", "ksh", "ash"];

/// Where they are looked for.
const FOLDERS: [&str; 4] = ["/usr/bin", "/bin", "/usr/local/bin", "/run/current-system/sw/bin"];

/// The shell that was named (`--shell`), or the one of this program's own name, or bash, or sh.
pub(super) fn find(spoken: &Spoken<'_>) -> Result<PathBuf, Failure> {
    let refused = |text: String| Failure::new(Exit::Refused, text);
    if let Some(named) = spoken.shell() {
        let path = PathBuf::from(named);
        let found = if path.is_absolute() { Some(path).filter(|path| fits(path)) } else { standard(named.to_str()) };
        return found.ok_or_else(|| {
            refused(format!("there is no shell {}", shown(Path::new(named))))
                .hint("--shell takes a name, such as zsh, or a path")
        });
    }
    if let Some(name) = spoken.kind() {
        return standard(Some(name))
            .ok_or_else(|| refused(format!("there is no {name} on this machine")).hint("--shell names another"));
    }
    let usual = ["bash", "sh"].into_iter().find_map(|name| standard(Some(name)));
    usual.ok_or_else(|| refused("there is no shell on this machine".to_owned()).hint("--shell takes a path"))
}

fn standard(name: Option<&str>) -> Option<PathBuf> {
    let name = name.filter(|name| !name.is_empty() && !name.contains('/'))?;
    FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| fits(path))
}

fn fits(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.mode() & 0o111 != 0) && !is_this(path)
}

/// Whether a path leads to this very program: it would start itself without end.
pub(super) fn is_this(path: &Path) -> bool {
    let (Ok(there), Ok(this)) = (path.metadata(), Path::new("/proc/self/exe").metadata()) else { return false };
    (there.dev(), there.ino()) == (this.dev(), this.ino())
}
