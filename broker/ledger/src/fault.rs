//! What can go wrong with a ledger: what failed, on which file, and what to do about it.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ErrorCode;

/// Why a ledger can't be used. `Display` says what failed on which file; the cause is the source, the cure the hint.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What kind of trouble it is.
    pub kind: Kind,
    /// The file or directory it is about.
    pub path: PathBuf,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

/// Kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The state directory or a file in it can't be made.
    NotMade,
    /// There is no ledger yet.
    Missing,
    /// It can't be opened or read.
    Unreadable,
    /// The file is no ledger.
    NotALedger,
    /// A newer version of Tollgate made it.
    Newer,
    /// It can't be written: read-only file or file system.
    ReadOnly,
    /// The disk, or the quota, is full.
    Full,
    /// Other runs kept it locked for too long.
    Busy,
    /// What is stored contradicts itself.
    Corrupt,
    /// There is a ledger but not the key that signs it.
    KeyMissing,
    /// The key can be read or changed by other users.
    KeyExposed,
    /// The key file does not hold a key.
    KeyMalformed,
    /// The output could not be written.
    Output,
    /// The writing thread could not be started, or is gone.
    Stopped,
}

impl Fault {
    pub(crate) fn new(kind: Kind, path: &Path) -> Self {
        Self { kind, path: path.to_owned(), cause: None }
    }

    pub(crate) fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(Arc::from(cause.into()));
        self
    }

    /// An input or output error; a full or read-only disk is told apart.
    pub(crate) fn io(kind: Kind, path: &Path, cause: io::Error) -> Self {
        let is = |kinds: &[io::ErrorKind]| kinds.contains(&cause.kind());
        let kind = if is(&[io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded]) {
            Kind::Full
        } else if is(&[io::ErrorKind::ReadOnlyFilesystem]) {
            Kind::ReadOnly
        } else {
            kind
        };
        Self::new(kind, path).because(cause)
    }

    /// What SQLite said, in our words.
    pub(crate) fn sqlite(path: &Path, cause: rusqlite::Error) -> Self {
        let kind = match cause.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Kind::Full,
            Some(ErrorCode::ReadOnly) => Kind::ReadOnly,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Kind::Busy,
            Some(ErrorCode::NotADatabase) => Kind::NotALedger,
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::SystemIoFailure) => Kind::Unreadable,
            _ => Kind::Corrupt,
        };
        Self::new(kind, path).because(cause)
    }

    /// What to do about it; empty where there is nothing to say.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self.kind {
            Kind::NotMade => {
                "check the owner and mode of the directory, or set TOLLGATE_STATE_DIR to one you can write"
            }
            Kind::Missing => "it is made by the first `tollgate run`",
            Kind::Unreadable => "check the owner and mode of the file and of its directory",
            Kind::NotALedger => "move the file away, or set TOLLGATE_STATE_DIR to another directory",
            Kind::Newer => "use that version of tollgate, or set TOLLGATE_STATE_DIR to another directory",
            Kind::ReadOnly => "make it writable, or set TOLLGATE_STATE_DIR to a directory you can write",
            Kind::Full => "free some space, or set TOLLGATE_STATE_DIR to a directory on another disk",
            Kind::Busy => "wait until the other runs are done, or look for one that is stopped",
            Kind::Corrupt => {
                "see what is wrong with `tollgate ledger verify`; to go on, move all of `ledger.*` away and keep it"
            }
            Kind::KeyMissing => "put `ledger.key` back from a backup, or move all of `ledger.*` away and keep it",
            Kind::KeyExposed => "chmod 600 it; if others may have read it, move key and ledger away",
            Kind::KeyMalformed => "put `ledger.key` back from a backup, or move key and ledger away",
            Kind::Output | Kind::Stopped => "",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.kind {
            Kind::NotMade => write!(f, "can't make `{path}`"),
            Kind::Missing => write!(f, "there is no ledger at `{path}`"),
            Kind::Unreadable => write!(f, "can't read `{path}`"),
            Kind::NotALedger => write!(f, "`{path}` is not a ledger"),
            Kind::Newer => write!(f, "the ledger `{path}` was made by a newer version of tollgate"),
            Kind::ReadOnly => write!(f, "the ledger `{path}` is read-only"),
            Kind::Full => write!(f, "the disk that holds `{path}` is full"),
            Kind::Busy => write!(f, "the ledger `{path}` stayed locked by other processes"),
            Kind::Corrupt => write!(f, "the ledger `{path}` is corrupt"),
            Kind::KeyMissing => write!(f, "the key `{path}` of the ledger is missing"),
            Kind::KeyExposed => write!(f, "the key `{path}` can be read or written by other users"),
            Kind::KeyMalformed => write!(f, "`{path}` does not hold a ledger key"),
            Kind::Output => write!(f, "can't write the output"),
            Kind::Stopped => write!(f, "the writer of the ledger `{path}` is gone"),
        }
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|c| c as &(dyn Error + 'static))
    }
}
