//! Where the programs under test are: `$TOLLGATE_BIN`, else beside this test in the target folder.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The program.
pub fn tollgate() -> PathBuf {
    std::env::var_os("TOLLGATE_BIN").map_or_else(|| built("tollgate"), PathBuf::from)
}

/// The program that makes a setting.
pub fn ground() -> PathBuf {
    built("tollgate-test-ground")
}

fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this test has a path");
    let folder = test.parent().and_then(Path::parent).expect("target/…/deps/TEST");
    let path = folder.join(name);
    assert!(path.exists(), "{} is not built; run `cargo build -p tollgate -p tollgate-tests` first", path.display());
    path
}

/// Whether anybody may run what is at this path.
pub fn is_reachable(path: &Path) -> bool {
    path.ancestors()
        .filter(|part| !part.as_os_str().is_empty())
        .all(|part| part.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o1 != 0))
}

/// Whether a program of this name is on the path.
pub fn has(name: &str) -> bool {
    which(name).is_some()
}

/// The first program of this name on the path.
pub fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0))
}
