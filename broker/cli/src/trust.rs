//! Projects' policies that a person trusts: by the file's path and by the digest of what it said then. Kept in the state
//! folder, which nothing inside a boundary reaches.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tollgate_policy::digest::sha256_hex;

use crate::whole;

/// The folder beneath the state folder.
const FOLDER: &str = "trusted";

/// What a person trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trusted {
    /// The policy file, resolved.
    pub(crate) path: String,
    /// SHA-256 of its text, hex.
    pub(crate) sha256: String,
    /// Its text.
    pub(crate) text: String,
    /// When: Unix milliseconds.
    pub(crate) at: i64,
}

/// How a project's file stands to what a person trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nobody trusted this file.
    Untrusted,
    /// It says what it said when it was trusted.
    Trusted,
    /// It has changed since; this was trusted.
    Changed(Trusted),
}

/// Where the state folder keeps what is known of this file.
fn place(state: &Path, policy: &Path) -> PathBuf {
    state.join(FOLDER).join(format!("{}.json", sha256_hex(policy.as_os_str().as_bytes())))
}

/// How a file with this text stands. What can't be read is not trusted.
pub(crate) fn standing(state: &Path, policy: &Path, text: &str) -> Standing {
    let Ok(policy) = policy.canonicalize() else { return Standing::Untrusted };
    let Ok(bytes) = fs::read(place(state, &policy)) else { return Standing::Untrusted };
    let Ok(trusted) = serde_json::from_slice::<Trusted>(&bytes) else { return Standing::Untrusted };
    let fits = trusted.path.as_bytes() == policy.as_os_str().as_bytes()
        && sha256_hex(trusted.text.as_bytes()) == trusted.sha256;
    match (fits, sha256_hex(text.as_bytes()) == trusted.sha256) {
        (false, _) => Standing::Untrusted,
        (true, true) => Standing::Trusted,
        (true, false) => Standing::Changed(trusted),
    }
}

/// Trusts a file with this text, from now on.
pub(crate) fn trust(state: &Path, policy: &Path, text: &str) -> io::Result<Trusted> {
    let policy = policy.canonicalize()?;
    let path = policy.to_str().ok_or_else(|| io::Error::other("its path is not UTF-8"))?.to_owned();
    let trusted = Trusted { path, sha256: sha256_hex(text.as_bytes()), text: text.to_owned(), at: crate::time::now() };
    let folder = state.join(FOLDER);
    match DirBuilder::new().mode(0o700).create(&folder) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(e),
    }
    let at = place(state, &policy);
    let text = serde_json::to_vec(&trusted)?;
    whole::replace(&at, &text, 0o600)?;
    Ok(trusted)
}

/// Trusts it no more; says whether it was.
pub(crate) fn revoke(state: &Path, policy: &Path) -> io::Result<bool> {
    // a file that is gone can be taken back as well
    let policy = policy.canonicalize().unwrap_or_else(|_| policy.to_owned());
    match fs::remove_file(place(state, &policy)) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// All that is trusted, by path.
pub(crate) fn all(state: &Path) -> io::Result<Vec<Trusted>> {
    let folder = match fs::read_dir(state.join(FOLDER)) {
        Ok(folder) => folder,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut all = Vec::new();
    for entry in folder {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            all.extend(fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<Trusted>(&bytes).ok()));
        }
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn by_path_and_by_what_it_says() {
        let dir = tempfile::tempdir().unwrap();
        let (state, policy) = (dir.path().join("state"), dir.path().join("policy.toml"));
        fs::create_dir(&state).unwrap();
        fs::write(&policy, "version = 1\n").unwrap();
        assert_eq!(standing(&state, &policy, "version = 1\n"), Standing::Untrusted);
        let trusted = trust(&state, &policy, "version = 1\n").unwrap();
        assert_eq!(standing(&state, &policy, "version = 1\n"), Standing::Trusted);
        assert_eq!(standing(&state, &policy, "version = 1 # \n"), Standing::Changed(trusted.clone()));
        let other = dir.path().join("other.toml");
        fs::write(&other, "version = 1\n").unwrap();
        assert_eq!(standing(&state, &other, "version = 1\n"), Standing::Untrusted, "the same words elsewhere");
        assert_eq!(all(&state).unwrap(), [trusted]);
        // what was tampered with is not trusted
        let at = place(&state, &policy.canonicalize().unwrap());
        let text = fs::read_to_string(&at).unwrap().replace("version = 1", "version = 2");
        fs::write(&at, text).unwrap();
        assert_eq!(standing(&state, &policy, "version = 1\n"), Standing::Untrusted);
        assert!(revoke(&state, &policy).unwrap());
        assert!(!revoke(&state, &policy).unwrap());
    }
}
