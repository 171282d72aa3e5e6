//! The files of the house, as they lie in the tree. What git ignores (build output) is not of it.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that are no part of the source.
const OUTSIDE: [&str; 3] = ["target", ".git", "node_modules"];

/// One file, with its path as seen from the root.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The root of the workspace; `CARGO_MANIFEST_DIR` at run time, so that the tests may run from a copy.
pub(crate) fn root() -> PathBuf {
    let here =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().expect("tests/ lies in the root").to_owned()
}

/// All files whose names end so, sorted by path.
pub(crate) fn files(ending: &str) -> Vec<File> {
    let root = root();
    let mut paths = Vec::new();
    walk(&root, ending, &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "no {ending} below {}", root.display());
    paths.into_iter().map(|path| read(&root, &path)).collect()
}

/// One file by its path from the root.
pub(crate) fn file(path: &str) -> File {
    let root = root();
    read(&root, &root.join(path))
}

fn read(root: &Path, path: &Path) -> File {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let path = path.strip_prefix(root).expect("below the root").display().to_string();
    File { path, text }
}

fn walk(dir: &Path, ending: &str, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())).flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        let kind = entry.file_type().expect("a directory entry has a type");
        if kind.is_dir() && !OUTSIDE.iter().any(|outside| name == *outside) {
            walk(&path, ending, into);
        } else if kind.is_file() && name.as_encoded_bytes().ends_with(ending.as_bytes()) {
            into.push(path);
        }
    }
}
