//! Files of git repositories that a client's own tools would write: wherever a folder holds `objects` and `refs` it is a
//! repository, with or without the name `.git`, and git runs its hooks and what its configuration names. Inside a boundary
//! the gate sees to that; here there is no gate.
//!
//! Absent on purpose: configuration that names no program. Clients' tools have no business in it; `git config` does.

use std::path::Path;

use tollgate_policy::path::AbsPath;

/// Whether git would obey what is written there, or what lies beside it as soon as that is written. `written` is all that
/// the same call writes.
pub(super) fn is_obeyed(path: &Path, written: &[AbsPath]) -> bool {
    let will_be =
        |place: &Path| place.symlink_metadata().is_ok() || written.iter().any(|path| path.as_path().starts_with(place));
    let is_repository = |folder: &Path| will_be(&folder.join("objects")) && will_be(&folder.join("refs"));
    let is_laden = |folder: &Path| {
        ["config", "config.worktree", "commondir"].iter().any(|name| is_file(&folder.join(name), written))
            || has_hooks(&folder.join("hooks"), written)
    };
    let is_sample = path.extension().is_some_and(|end| end == "sample");
    path.ancestors().any(|place| {
        let (Some(folder), Some(name)) = (place.parent(), place.file_name().and_then(|name| name.to_str())) else {
            return false;
        };
        match name {
            "objects" | "refs" => is_repository(folder) && is_laden(folder),
            "config" | "config.worktree" | "commondir" => place == path && is_repository(folder),
            "hooks" => !is_sample && is_repository(folder),
            _ => false,
        }
    })
}

/// Whether something that can be read as a file is, or will be, there.
fn is_file(place: &Path, written: &[AbsPath]) -> bool {
    written.iter().any(|path| path.as_path() == place) || place.symlink_metadata().is_ok_and(|meta| !meta.is_dir())
}

/// Whether there is, or will be, a hook that is no sample.
fn has_hooks(folder: &Path, written: &[AbsPath]) -> bool {
    let is_hook = |name: &Path| name.extension().is_none_or(|end| end != "sample");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| is_hook(&path))
        || written.iter().any(|path| path.as_path().starts_with(folder) && is_hook(path.as_path()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn whichever_comes_last_is_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for folder in ["r/objects", "r/refs", "half/objects/x", "half/hooks", "src/objects", "src/refs", "src/config"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        std::fs::write(root.join("half/config"), "").unwrap();
        let table: [(&[&str], bool); 14] = [
            (&["r/config"], true),
            (&["r/commondir"], true),
            (&["r/hooks/pre-commit"], true),
            (&["r/hooks/pre-commit.sample"], false),
            (&["r/description"], false),
            (&["half/refs/x"], true),
            (&["half/config"], false),
            (&["half/hooks/x"], false),
            (&["new/objects/x", "new/refs/x", "new/config"], true),
            (&["new/objects/x", "new/refs/x", "new/hooks/post-checkout"], true),
            (&["new/objects/x", "new/refs/x"], false),
            (&["src/objects/a.rs", "src/refs/b.rs"], false),
            (&["src/config/c.rs"], false),
            (&["config", "hooks/use.ts"], false),
        ];
        for (names, obeyed) in table {
            let written: Vec<AbsPath> = names.iter().map(|name| AbsPath::new(root.join(name)).unwrap()).collect();
            let found = written.iter().any(|path| is_obeyed(path.as_path(), &written));
            assert_eq!(found, obeyed, "{names:?}");
        }
    }
}
