//! Commands that destroy work: which commits become unreachable, what no commit holds, how it could be brought back.

use tollgate_policy::action::Exec;
use tollgate_policy::evidence::{Commits, Section};

use crate::Search;
use crate::git::Repository;
use crate::publish::log;
use crate::words::{self, Git};

/// How many files are named.
const FILES: usize = 50;

/// Collects evidence.
pub(crate) fn look(exec: &Exec, search: &mut Search<'_>) {
    if words::name(exec) == "rm" {
        return removal(exec, search);
    }
    let Some(call) = Git::of(exec) else {
        return search.missing("what is lost", "the command can't be read");
    };
    let start = call.directories.iter().fold(exec.cwd.as_path().to_owned(), |at, next| at.join(next));
    let found = match Repository::find(&start, search.until) {
        Ok(found) => found,
        Err(why) => return search.missing("what is lost", why),
    };
    for word in &call.odd {
        search.missing("some of what it does", format!("`{word}` changes what git does"));
    }
    match call.verb.as_str() {
        "reset" => reset(&call, &found, search),
        "clean" => clean(&call, &found, search),
        "branch" | "update-ref" => branch(&call, &found, search),
        "stash" => stash(&found, search),
        "checkout" | "switch" | "restore" | "checkout-index" | "read-tree" | "worktree" | "rm" => {
            dirty(&found, search);
            let note = "changes that no commit holds can't be brought back".to_owned();
            search.add(Section::Recovery { command: String::new(), note });
        }
        "filter-branch" | "filter-repo" => {
            dirty(&found, search);
            let head = found.word(&["rev-parse", "HEAD"]).unwrap_or_default();
            let note = "as long as the old commits were not pruned; other branches have their own in `git reflog`";
            search.add(Section::Recovery { command: format!("git reset --hard {head}"), note: note.to_owned() });
        }
        "reflog" | "gc" | "prune" | "replace" | "symbolic-ref" => forgotten(&found, search),
        _ => search.missing("what is lost", format!("`git {}` is not known here", call.verb)),
    }
}

fn lost(title: &str, words: &[&str], found: &Repository, search: &mut Search<'_>) {
    match log(found, words) {
        Ok((list, more)) => {
            search.add(Section::Commits(Commits { title: title.to_owned(), list, more, doubt: String::new() }));
        }
        Err(why) => search.missing("commits that become unreachable", why),
    }
}

fn reset(call: &Git, found: &Repository, search: &mut Search<'_>) {
    let named = call.plain().first().map_or("HEAD", |word| *word);
    let (Some(target), Some(head)) = (found.commit(named), found.commit("HEAD")) else {
        search.missing("what is lost", format!("`{named}` or HEAD is not the name of a commit here"));
        return dirty(found, search);
    };
    let branch = found.word(&["symbolic-ref", "-q", "HEAD"]).unwrap_or_default();
    let exclude = format!("--exclude={branch}");
    let words = [head.as_str(), "--not", target.as_str(), exclude.as_str(), "--glob=refs/*"];
    lost("become unreachable but for the reflog", &words, found, search);
    dirty(found, search);
    let note = "brings the commits back; changes that no commit holds can't be".to_owned();
    search.add(Section::Recovery { command: format!("git reset --hard {head}"), note });
}

fn branch(call: &Git, found: &Repository, search: &mut Search<'_>) {
    if call.has(&["-M", "-f", "--force"]) && !call.has(&["-D", "-d", "--delete"]) {
        return moved(call, found, search);
    }
    for name in call.plain() {
        let full = if name.starts_with("refs/") { name.to_owned() } else { format!("refs/heads/{name}") };
        let Some(tip) = found.word(&["rev-parse", "-q", "--verify", &full]) else { continue };
        let exclude = format!("--exclude={full}");
        let title = format!("of `{name}` become unreachable");
        lost(&title, &[&tip, "--not", &exclude, "--glob=refs/*", "HEAD"], found, search);
        let note = "as long as the commits were not pruned".to_owned();
        search.add(Section::Recovery { command: format!("git update-ref {full} {tip}"), note });
    }
}

/// `branch -M old new`, `branch -f name where`: the branch that is overwritten.
fn moved(call: &Git, found: &Repository, search: &mut Search<'_>) {
    let plain = call.plain();
    let overwritten = if call.has(&["-M"]) { plain.last() } else { plain.first() };
    let Some(name) = overwritten else { return };
    let full = format!("refs/heads/{name}");
    let Some(tip) = found.word(&["rev-parse", "-q", "--verify", &full]) else { return };
    let exclude = format!("--exclude={full}");
    let title = format!("of `{name}`, which is moved, become unreachable");
    lost(&title, &[&tip, "--not", &exclude, "--glob=refs/*"], found, search);
    let note = "as long as the commits were not pruned".to_owned();
    search.add(Section::Recovery { command: format!("git update-ref {full} {tip}"), note });
}

fn stash(found: &Repository, search: &mut Search<'_>) {
    match found.text(&["log", "-g", "--format=%H %gs", "-n", "20", "refs/stash", "--"]) {
        Ok(text) => {
            for line in text.lines() {
                search.add(Section::note("put aside", line));
            }
            let first = text.split(' ').next().unwrap_or_default().to_owned();
            let note = "for each of them, as long as it was not pruned".to_owned();
            search.add(Section::Recovery { command: format!("git stash store {first}"), note });
        }
        Err(why) => search.missing("what was put aside", why),
    }
}

fn clean(call: &Git, found: &Repository, search: &mut Search<'_>) {
    let mut words = vec!["ls-files", "-z", "--others", "--directory"];
    if !call.has(&["-x", "-X"]) {
        words.push("--exclude-per-directory=.gitignore");
    }
    named("untracked, to be removed", &words, found, search);
    let note = "git never knew these files".to_owned();
    search.add(Section::Recovery { command: String::new(), note });
}

/// What no commit holds.
fn dirty(found: &Repository, search: &mut Search<'_>) {
    named(
        "changed, in no commit",
        &["diff-index", "-z", "--name-only", "--ignore-submodules=all", "HEAD", "--"],
        found,
        search,
    );
    let words = ["ls-files", "-z", "--others", "--directory", "--exclude-per-directory=.gitignore"];
    named("untracked", &words, found, search);
    if let Some(counts) = found.word(&["rev-list", "--count", "--left-right", "HEAD...@{upstream}"]) {
        let (ahead, behind) = counts.split_once('\t').unwrap_or((&counts, "0"));
        search.add(Section::note("branch", format!("{ahead} commits ahead of its upstream, {behind} behind")));
    }
}

fn named(label: &str, words: &[&str], found: &Repository, search: &mut Search<'_>) {
    match found.ask(words) {
        Ok(bytes) => {
            let names: Vec<&[u8]> = bytes.split(|byte| *byte == 0).filter(|name| !name.is_empty()).collect();
            let shown: Vec<String> =
                names.iter().take(FILES).map(|name| String::from_utf8_lossy(name).into_owned()).collect();
            let more = names.len().saturating_sub(shown.len());
            let text = match (names.len(), more) {
                (0, _) => "nothing".to_owned(),
                (count, 0) => format!("{count}: {}", shown.join(", ")),
                (count, more) => format!("{count}: {} and {more} more", shown.join(", ")),
            };
            search.add(Section::note(label, text));
        }
        Err(why) => search.missing(label, why),
    }
}

/// Commits that only the reflog holds.
fn forgotten(found: &Repository, search: &mut Search<'_>) {
    lost("are in the reflog only, and would be lost", &["--reflog", "--not", "--all"], found, search);
    search.add(Section::Recovery { command: String::new(), note: "what is pruned is gone".to_owned() });
}

/// `rm -r` of a repository or the whole workspace.
fn removal(exec: &Exec, search: &mut Search<'_>) {
    match Repository::find(exec.cwd.as_path(), search.until) {
        Ok(found) => {
            lost("are on no remote", &["--all", "--not", "--remotes"], &found, search);
            dirty(&found, search);
        }
        Err(why) => search.missing("what is lost", why),
    }
    search.add(Section::Recovery { command: String::new(), note: "removed files can't be brought back".to_owned() });
}
