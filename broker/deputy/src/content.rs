//! A file's content, read without waiting and held to a digest.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Larger executables aren't digested while the gate waits; they then have no digest, and no approval binds them.
const DIGESTED: u64 = 256 << 20;

/// A regular file, opened without waiting: one that its owner inside holds a lease on (`fcntl(2)`) is `EWOULDBLOCK`.
///
/// # Errors
/// What `open(2)` says.
pub fn opened(path: &Path) -> io::Result<File> {
    File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}

/// SHA-256 of a regular file, lower-case hex.
///
/// # Errors
/// What the system says; `InvalidInput` for what is no regular file, `FileTooLarge` past 256 MiB.
pub fn sha256(path: &Path) -> io::Result<String> {
    let mut file = opened(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    if meta.len() > DIGESTED {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    let mut hash = Sha256::new();
    let mut buffer = vec![0u8; 1 << 16];
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(buffer.get(..n).unwrap_or_default());
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut out, byte| {
        if write!(out, "{byte:02x}").is_err() {
            // writing to a string doesn't fail
        }
        out
    })
}
