//! A path that is to be written: whether version control knows it, how much lies beneath it.

use tollgate_policy::action::PathAccess;
use tollgate_policy::evidence::Section;

use crate::Search;
use crate::git::Repository;

/// How many entries are counted at most.
const MOST: usize = 10_000;

/// Collects evidence.
pub(crate) fn look(access: &PathAccess, search: &mut Search<'_>) {
    let path = access.path.as_path();
    if path.is_dir() {
        let (count, whole) = count(path, search);
        let text = if whole { format!("{count} entries") } else { format!("more than {count} entries") };
        search.add(Section::note("beneath it", text));
    }
    let Some(parent) = path.parent().filter(|parent| parent.is_dir()) else { return };
    let Ok(found) = Repository::find(parent, search.until) else { return };
    let Ok(inside) = path.strip_prefix(&found.top) else { return };
    let name = inside.to_string_lossy();
    let known = |words: &[&str]| found.ask(words).is_ok_and(|bytes| !bytes.is_empty());
    let state = if !known(&["ls-files", "-z", "--", &name]) {
        "untracked: git can't bring it back"
    } else if known(&["diff-index", "--name-only", "--ignore-submodules=all", "HEAD", "--", &name]) {
        "modified: what no commit holds can't be brought back"
    } else {
        "tracked and unchanged: git can bring it back"
    };
    search.add(Section::note("in git", state));
}

fn count(folder: &std::path::Path, search: &Search<'_>) -> (usize, bool) {
    let (mut left, mut count) = (vec![folder.to_owned()], 0);
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            count += 1;
            if count >= MOST || search.is_late() {
                return (count, false);
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                left.push(entry.path());
            }
        }
    }
    (count, true)
}
