//! What the database's files look like from outside, so that a run can tell without opening them that nobody touched
//! them since they were last written here. A stamp that fits proves nothing; one that doesn't fit means: look closely.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::fault::{Fault, Kind};
use crate::key::hex;
use crate::store::{LEDGER_FILE, LOG_FILE};

/// A digest over inode, size and change time of the database and its log. The change time can't be set by hand, but it
/// is as coarse as the kernel's clock tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp([u8; 16]);

impl Stamp {
    /// Of the files in a state directory, as they are now.
    pub(crate) fn of(state: &Path) -> Result<Self, Fault> {
        let mut digest = Sha256::new();
        for file in [LEDGER_FILE, LOG_FILE] {
            let path = state.join(file);
            let numbers = match path.symlink_metadata() {
                Ok(m) => {
                    [m.ino(), m.size(), m.ctime().cast_unsigned(), m.ctime_nsec().cast_unsigned(), m.mode().into()]
                }
                Err(e) if e.kind() == io::ErrorKind::NotFound => [0; 5],
                Err(e) => return Err(Fault::io(Kind::Unreadable, &path, e)),
            };
            for number in numbers {
                digest.update(number.to_le_bytes());
            }
        }
        let hash: [u8; 32] = digest.finalize().into();
        Ok(Self(hash.first_chunk().copied().unwrap_or_default()))
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(byte).collect();
        let stamp = Self(bytes?.try_into().ok()?);
        (stamp.to_string() == text).then_some(stamp)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}
