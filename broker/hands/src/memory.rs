//! Shared memory with a name (`shm_open(3)`, `sem_open(3)`) where the sandbox has no `/dev/shm` of its own: all of the
//! user's programs share that one, so the calls that would make, open for writing or remove something in it are made in a
//! directory of the run's instead. What only reads there isn't seen by the gate, and finds what the others have.

use std::cell::OnceCell;
use std::ffi::CString;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use nix::sys::stat::Mode;

use crate::call::{Of, Spot, What};
use crate::standing::is_shared;

/// Where glibc and musl have it.
const SHARED: &[u8] = b"/dev/shm/";

/// Where it is kept.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    place: Option<PathBuf>,
    made: OnceCell<bool>,
}

impl Memory {
    pub(crate) fn beneath(temp: &Path) -> Self {
        Self { place: Some(temp.join("shm")), made: OnceCell::new() }
    }

    /// The call as it is made: in the run's own directory, where it names something in the one that all share.
    pub(crate) fn placed(&self, mut what: What, root: BorrowedFd<'_>) -> What {
        let Some(place) = &self.place else { return what };
        let named = |spot: &&mut Spot| is_direct(spot.path.to_bytes());
        for spot in spots(&mut what).into_iter().filter(named) {
            if !*self.made.get_or_init(|| is_shared(root) && make(place)) {
                break;
            }
            let name = spot.path.to_bytes().get(SHARED.len()..).unwrap_or_default();
            if let Ok(path) = CString::new([place.as_os_str().as_bytes(), b"/", name].concat()) {
                spot.path = path;
            }
        }
        what
    }
}

/// Whether a path names something that lies there itself.
fn is_direct(path: &[u8]) -> bool {
    path.strip_prefix(SHARED).is_some_and(|name| !matches!(name, b"" | b"." | b"..") && !name.contains(&b'/'))
}

fn make(place: &Path) -> bool {
    let made = nix::unistd::mkdir(place, Mode::S_IRWXU);
    matches!(made, Ok(()) | Err(nix::errno::Errno::EEXIST))
}

/// The paths of a call.
fn spots(what: &mut What) -> Vec<&mut Spot> {
    match what {
        What::Open { at, .. } | What::Unlink { at, .. } | What::Alter { of: Of::Path(at, _), .. } => vec![at],
        What::Link { from: Of::Path(from, _), to } | What::Rename { from, to, .. } => vec![from, to],
        What::Link { to, .. } => vec![to],
        What::MakeDirectory { .. }
        | What::MakeNode { .. }
        | What::Symlink { .. }
        | What::Alter { .. }
        | What::Bind { .. }
        | What::Look { .. }
        | What::Umask => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_there_is_moved() {
        for (path, direct) in [
            ("/dev/shm/sem.x", true),
            ("/dev/shm/", false),
            ("/dev/shm/..", false),
            ("/dev/shm/a/b", false),
            ("/dev/shmx", false),
            ("sem.x", false),
        ] {
            assert_eq!(is_direct(path.as_bytes()), direct, "{path}");
        }
    }
}
