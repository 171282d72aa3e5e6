//! What guard and command are to do, to the last byte. The guard is forked before it is known, and gets it as bytes in
//! an unnamed file.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt as _;

use nix::sys::memfd::{MFdFlags, memfd_create};
use serde::{Deserialize, Serialize};
use tollgate_sys::handover::{self, Pass};
use tollgate_sys::landlock::Rights;
use tollgate_sys::limits::Resource;
use tollgate_sys::seccomp::Program;

/// A mount to be made, in order.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Mount {
    /// The private temp directory at a usual place.
    Temp(CString),
    /// Fresh shared memory.
    Scratch(CString),
    /// Pseudo-terminals of its own.
    Terminals(CString),
    /// Not to be renamed or removed.
    Pinned(CString),
    /// Nothing to be seen in a directory.
    EmptyDirectory(CString),
    /// Nothing to be read in a file.
    EmptyFile(CString),
    /// Not to be written.
    Frozen(CString),
}

impl Mount {
    /// Where the private temp directory is shown.
    pub(crate) fn temporary(&self) -> Option<&CStr> {
        match self {
            Self::Temp(at) => Some(at),
            Self::Scratch(_)
            | Self::Terminals(_)
            | Self::Pinned(_)
            | Self::EmptyDirectory(_)
            | Self::EmptyFile(_)
            | Self::Frozen(_) => None,
        }
    }

    /// Whether it is laid before what hides and protects.
    pub(crate) fn is_ground(&self) -> bool {
        matches!(self, Self::Temp(_) | Self::Scratch(_) | Self::Terminals(_))
    }
}

/// What guard and command are to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The private temp directory, as seen from outside.
    pub(crate) temp: CString,
    /// Writable roots, to be shown again where they were after all else was made unwritable.
    pub(crate) kept: Vec<CString>,
    /// Readable paths beneath a place that will be covered, to be shown again where they were.
    pub(crate) carried: Vec<CString>,
    pub(crate) mounts: Vec<Mount>,
    /// Roots that only exist once guard and mounts are there.
    pub(crate) late: Vec<(CString, Rights)>,
    pub(crate) limits: Vec<(Resource, u64)>,
    /// Where the numbers of the process namespace end, if that holds how many processes there are.
    pub(crate) numbers: Option<u64>,
    /// The Landlock ABI of the ruleset that follows; 0 for none.
    pub(crate) abi: u32,
    /// None for the one that the guard has compiled already.
    pub(crate) filter: Option<Program>,
    pub(crate) pass: Pass,
    pub(crate) cwd: CString,
    /// See [`crate::Command::stands`].
    pub(crate) stands: Option<(u64, u64)>,
    pub(crate) program: CString,
    pub(crate) argv: Vec<CString>,
    pub(crate) env: Vec<CString>,
}

impl Order {
    /// Hands it to the guard.
    pub(crate) fn send(&self, end: BorrowedFd<'_>) -> io::Result<()> {
        let bytes = postcard::to_stdvec(self).map_err(io::Error::other)?;
        let mut file = File::from(memfd_create(c"tollgate-order", MFdFlags::MFD_CLOEXEC)?);
        file.write_all(&bytes)?;
        handover::deliver(end, std::os::fd::AsFd::as_fd(&file))
    }

    /// In the guard: waits for it. `EPIPE` where none will come.
    pub(crate) fn receive(end: BorrowedFd<'_>) -> io::Result<Self> {
        let file = File::from(handover::collect(end, &Pass::NONE)?);
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, 0)?;
        postcard::from_bytes(&bytes).map_err(io::Error::other)
    }

    /// Whether roots are shown beneath a place of the private temp directory.
    pub(crate) fn shows_roots_in(&self, place: &CStr) -> bool {
        let beneath =
            |path: &CString| path.as_bytes().strip_prefix(place.to_bytes()).is_some_and(|rest| rest.starts_with(b"/"));
        self.kept.iter().chain(&self.carried).any(beneath)
    }
}
