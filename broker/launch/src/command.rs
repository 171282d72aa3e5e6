//! What is to be run.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::fault::LaunchError;

/// What is to be run: the program is already found, the environment already scrubbed.
#[derive(Debug, Clone)]
pub struct Command {
    /// The executable, absolute (see [`find`]).
    pub program: PathBuf,
    /// argv, from `argv[0]`.
    pub argv: Vec<OsString>,
    /// Working directory, absolute.
    pub cwd: PathBuf,
    /// Device and inode that it has, where it must be no other that has its path by then.
    pub stands: Option<(u64, u64)>,
    /// The whole environment (see [`crate::environment`]).
    pub env: Vec<(OsString, OsString)>,
}

/// Finds `name` as `execvp(3)` does: a name with a slash is taken from `cwd`, any other is looked for along `path`
/// (the value of `PATH`).
///
/// # Errors
/// [`LaunchError::NotFound`] with `ENOENT`, or `EACCES` where something of that name is no executable file.
pub fn find(name: &OsStr, path: Option<&OsStr>, cwd: &Path) -> Result<PathBuf, LaunchError> {
    if name.as_bytes().contains(&b'/') {
        let program = cwd.join(name);
        return runnable(&program).map(|()| program.clone()).map_err(|e| LaunchError::NotFound(program, e));
    }
    let mut fault = io::Error::from_raw_os_error(libc::ENOENT);
    for directory in path.unwrap_or(OsStr::new("/usr/bin:/bin")).as_bytes().split(|b| *b == b':') {
        let program = cwd.join(OsStr::from_bytes(directory)).join(name);
        match runnable(&program) {
            Ok(()) if !name.is_empty() => return Ok(program),
            Err(e) if e.raw_os_error() == Some(libc::EACCES) => fault = e,
            Ok(()) | Err(_) => {}
        }
    }
    Err(LaunchError::NotFound(name.into(), fault))
}

fn runnable(program: &Path) -> io::Result<()> {
    let found = program.metadata()?;
    let fits = found.is_file() && found.permissions().mode() & 0o111 != 0;
    if fits { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EACCES)) }
}
