//! `git push`: which commits go where, what they change, what in them looks like a secret, what others run of them.

use std::path::{Path, PathBuf};

use tollgate_ledger::Redactor;
use tollgate_policy::action::Exec;
use tollgate_policy::evidence::{Changed, Commit, Commits, Destination, Diff, Mark, Section};

use crate::git::Repository;
use crate::secrets::Scan;
use crate::specs::{self, Pushed, Spec};
use crate::tags::Tags;
use crate::words::Git;
use crate::{Search, marks, patch};

/// How many commits are named, and files, and lines of the diff.
const COMMITS: usize = 50;
const FILES: usize = 200;
const LINES: usize = 600;
/// Longest line of it, in characters.
const LONGEST: usize = 400;

/// Collects evidence for a push.
pub(crate) fn push(exec: &Exec, search: &mut Search<'_>) {
    let Some(call) = Git::of(exec) else {
        return search.missing("commits", "the command can't be read");
    };
    let start = call.directories.iter().fold(exec.cwd.as_path().to_owned(), |at, next| at.join(next));
    let found = match Repository::copy(&start, search.until) {
        Ok(found) => found,
        Err(why) => return search.missing("commits", why),
    };
    if search.held.as_deref().is_some_and(|held| found.digest() != Some(held)) {
        return search
            .missing("commits", "branches, settings or the folder are others than those that would be pushed");
    }
    let Pushed { remote, urls, specs, odd } = specs::read(&call, &found);
    for why in odd {
        search.missing("some of what it does", why);
    }
    let there = Side::of(&remote, &urls, &found);
    for url in &urls {
        search.add(Section::Destination(destination(&remote, url)));
    }
    for spec in &specs {
        lost(spec, (&there, &found), search);
    }
    let mut tips: Vec<String> = Vec::new();
    let mut tags = Tags::default();
    for spec in specs.iter().filter(|spec| !spec.from.is_empty()) {
        match found.pushed(&spec.from) {
            Ok((commit, named)) => {
                tags.add(&named, &commit, &found);
                tips.push(commit);
            }
            Err(why) => search.missing("commits", why),
        }
    }
    if found.is_shallow() {
        search.missing("all of the history", "it is shallow here: commits behind its end may be published, too");
    }
    if tips.is_empty() {
        return;
    }
    let tips: Vec<&str> = tips.iter().map(String::as_str).collect();
    let title = format!("would be published to {}", names(&specs));
    commits((&tips, &tags), (&there, &found), &title, search);
}

fn names(specs: &[Spec]) -> String {
    let all: Vec<String> = specs.iter().take(5).map(|spec| format!("`{}`", spec.to)).collect();
    let more = specs.len().saturating_sub(all.len());
    if more == 0 { all.join(", ") } else { format!("{} and {more} more", all.join(", ")) }
}

/// The other side, as far as it is known here.
struct Side {
    url: String,
    /// Prefix of what is known of its branches: `refs/remotes/origin/`.
    tracked: String,
    /// Its references, where it lies on this machine and was asked itself: (id, name).
    asked: Option<Vec<(String, String)>>,
    doubt: String,
}

impl Side {
    fn of(remote: &str, urls: &[String], found: &Repository) -> Self {
        let url = urls.first().cloned().unwrap_or_default();
        let local = if urls.len() == 1 { local(&url, &found.top) } else { None };
        let asked = local.as_ref().and_then(|path| found.references_of(path).ok()).map(|text| {
            let pair = |line: &str| line.split_once(' ').map(|(id, name)| (id.to_owned(), name.to_owned()));
            text.lines().filter_map(pair).collect()
        });
        let doubt = if asked.is_some() {
            String::new()
        } else {
            "what the other side has is known from this repository only, which the sandbox can change".to_owned()
        };
        Self { url, tracked: format!("refs/remotes/{remote}/"), asked, doubt }
    }

    /// Words for `git log`: these commits without what is there already.
    fn range<'w>(&'w self, tips: &[&'w str]) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        if self.asked.is_some() {
            words.push("--ignore-missing".to_owned());
        }
        words.extend(tips.iter().map(|tip| (*tip).to_owned()));
        words.push("--not".to_owned());
        match &self.asked {
            Some(known) => words.extend(known.iter().map(|(id, _)| id.clone())),
            None => words.push(format!("--glob={}", self.tracked)),
        }
        words
    }

    /// What a branch of it is at.
    fn tip(&self, spec: &Spec, found: &Repository) -> Option<String> {
        match &self.asked {
            Some(known) => {
                let wanted = [spec.to.clone(), format!("refs/heads/{}", spec.to), format!("refs/tags/{}", spec.to)];
                known.iter().find(|(_, name)| wanted.contains(name)).map(|(id, _)| id.clone())
            }
            None => found.word(&["rev-parse", "-q", "--verify", &format!("{}{}", self.tracked, spec.short())]),
        }
    }
}

fn destination(remote: &str, url: &str) -> Destination {
    let shown = without_password(url);
    let name = if url == remote { shown } else { format!("{remote} ({shown})") };
    let class = if local(url, Path::new("/")).is_some() { "file" } else { "" };
    let readers = if class == "file" {
        "who can read that folder"
    } else {
        "who can read that repository; public, for all it is known"
    };
    Destination { name, class: class.to_owned(), readers: readers.to_owned(), ..Destination::default() }
}

fn local(url: &str, base: &Path) -> Option<PathBuf> {
    let path = url.strip_prefix("file://").unwrap_or(url);
    if path.contains("://") || path.is_empty() || (path.contains(':') && !path.starts_with(['/', '.'])) {
        return None;
    }
    let path = base.join(path);
    path.is_dir().then_some(path)
}

/// An address without what is between `//` and `@` but the user's name.
pub(crate) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((login, host)) => {
            let user = login.split(':').next().unwrap_or_default();
            let behind = rest.get(authority.len()..).unwrap_or_default();
            if login.contains(':') { format!("{scheme}://{user}:…@{host}{behind}") } else { url.to_owned() }
        }
        None => url.to_owned(),
    }
}

/// What a forced push, or the removal of a branch, throws away on the other side.
fn lost(spec: &Spec, (there, found): (&Side, &Repository), search: &mut Search<'_>) {
    if !spec.forced && !spec.from.is_empty() {
        return;
    }
    let Some(tip) = there.tip(spec, found) else { return };
    let title = format!("of `{}` would be unreachable on the other side", spec.short());
    let mut words = vec![tip.as_str()];
    let kept = found.pushed(&spec.from).ok().map(|(commit, _)| commit);
    if let Some(kept) = &kept {
        words.extend(["--not", kept.as_str()]);
    }
    match log(found, &words) {
        Ok((list, more)) if !list.is_empty() => {
            let doubt = there.doubt.clone();
            search.add(Section::Commits(Commits { title, list, more, doubt }));
            let command =
                format!("git push --force {} {tip}:refs/heads/{}", without_password(&there.url), spec.short());
            let note = "brings the branch back, as long as a copy of its commits is here".to_owned();
            search.add(Section::Recovery { command, note });
        }
        Ok(_) => {}
        Err(why) => search.missing("commits on the other side", why),
    }
}

/// Commits, newest first, and how many more.
pub(crate) fn log(found: &Repository, words: &[&str]) -> Result<(Vec<Commit>, u64), String> {
    let mut all = vec!["log", "--no-show-signature", "--no-decorate", "--format=%H%x00%an <%ae>%x00%s%x00", "-n", "51"];
    all.extend(words);
    let text = found.text(&all)?;
    // nothing but NUL is in no author's name
    let fields: Vec<&str> = text.split('\0').collect();
    let commit = |of: &[&str]| {
        let [id, author, subject] = of else { return None };
        let id = id.trim_start_matches('\n').to_owned();
        // as with the diff: shown, sent and written down
        let clean = |text: &str| Redactor::new().text(text).into_owned();
        Some(Commit { id, author: clean(author), subject: clean(subject) })
    };
    let mut list: Vec<Commit> = fields.chunks_exact(3).filter_map(commit).collect();
    let mut more = 0;
    if list.len() > COMMITS {
        list.truncate(COMMITS);
        let mut count = vec!["rev-list", "--count"];
        count.extend(words);
        let total = found.word(&count).and_then(|count| count.parse::<u64>().ok()).unwrap_or(51);
        more = total.saturating_sub(50);
    }
    Ok((list, more))
}

fn commits((tips, tags): (&[&str], &Tags), (there, found): (&Side, &Repository), title: &str, search: &mut Search<'_>) {
    let range = there.range(tips);
    let words: Vec<&str> = range.iter().map(String::as_str).collect();
    let doubt = doubt(there, found, search.by.begun);
    match log(found, &words) {
        Ok((list, more)) => {
            search.add(Section::Commits(Commits { title: title.to_owned(), list, more, doubt }));
        }
        Err(why) => return search.missing("commits", why),
    }
    tags.show(search);
    if search.is_late() {
        return search.missing("changes", "there was no time left to look at them");
    }
    changes(&words, tags, found, search);
}

fn doubt(there: &Side, found: &Repository, begun: i64) -> String {
    if there.asked.is_none() && found.was_written_since(&there.tracked, begun) {
        return format!("{}, and did so in this run", there.doubt);
    }
    there.doubt.clone()
}

/// What the commits change: every one of them, not just the difference between the ends; a secret that a later commit
/// removes is published all the same.
fn changes(words: &[&str], tags: &Tags, found: &Repository, search: &mut Search<'_>) {
    let mut all = vec![
        "log",
        "--format=",
        "-p",
        "--no-ext-diff",
        "--no-textconv",
        "--no-color",
        "--no-renames",
        "--src-prefix=a/",
        "--dst-prefix=b/",
        "--reverse",
        "--diff-merges=first-parent",
        // links to other repositories' commits; our own settings leave them out where a working tree is looked at
        "--ignore-submodules=none",
        "--submodule=short",
    ];
    all.extend(words);
    match found.history(&all).and_then(|text| Ok((text, found.whole(words)?))) {
        Ok((text, bodies)) => {
            let (diff, mut scan) = gather(&text, &search.by.scope);
            // in their heads, too: a tag that was merged has its own message there
            for (line, number) in bodies.lines().zip(1..) {
                scan.words("commit messages", number, line);
            }
            tags.scan(&mut scan);
            submodules(&text, search);
            search.add(Section::Secrets(scan.done()));
            search.add(Section::Diff(diff));
        }
        Err(why) => {
            search.missing("changes", &why);
            search.missing("secret scan", why);
        }
    }
}

/// Where commits of other repositories are linked to (`gitlink`s): whoever checks out with submodules gets these.
fn submodules(text: &str, search: &mut Search<'_>) {
    let mut links = Vec::new();
    let files = patch::read(text, |path, _, line| {
        if let Some(id) = line.strip_prefix("Subproject commit ") {
            links.push((path.to_owned(), id.to_owned()));
        }
    });
    links.retain(|(path, _)| files.get(path).is_some_and(|count| count.link));
    let more = links.len().saturating_sub(COMMITS);
    for (path, id) in links.iter().take(COMMITS) {
        search.add(Section::note("submodule", format!("{path}: would be at commit {id} of another repository")));
    }
    if more > 0 {
        search.missing("submodules", format!("{more} more are set to other commits"));
    }
}

/// Files with their marks, the text as far as it fits, secrets in what is added.
pub(crate) fn gather(text: &str, scope: &[String]) -> (Diff, Scan) {
    let mut scan = Scan::default();
    let files = patch::read(text, |path, number, line| scan.line(path, number, line));
    let mut changed: Vec<Changed> = files
        .iter()
        .map(|(path, count)| {
            let mut marks = marks::of(path, scope);
            if scan.holds(path) {
                marks.push(Mark::Secret);
            }
            if count.binary {
                marks.push(Mark::Binary);
            }
            let lines = |n: u64| (!count.binary).then_some(n);
            Changed { path: path.clone(), added: lines(count.added), removed: lines(count.removed), marks }
        })
        .collect();
    // what is to be looked at comes first, and is never among what is left out
    changed.sort_by_key(|file| file.marks.iter().all(|mark| *mark == Mark::Binary));
    let more = u64::try_from(changed.len().saturating_sub(FILES)).unwrap_or(0);
    changed.truncate(FILES);
    let total = text.lines().count();
    let shown: Vec<String> = text.lines().take(LINES).map(|line| cut(line, LONGEST)).collect();
    let left_out = u64::try_from(total.saturating_sub(shown.len())).unwrap_or(0);
    let title = "what the commits change".to_owned();
    // the diff is shown, sent and written down: what looks like a secret is not in it
    let text = Redactor::new().text(&shown.join("\n")).into_owned();
    (Diff { title, files: changed, text, left_out, more }, scan)
}

/// A line as far as it fits, and how much does not.
pub(crate) fn cut(line: &str, longest: usize) -> String {
    match line.char_indices().nth(longest) {
        None => line.to_owned(),
        Some((at, _)) => {
            let (shown, rest) = line.split_at(at);
            format!("{shown} … ({} more characters)", rest.chars().count())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_is_told() {
        let long = format!("+x{}; evil", " ".repeat(1000));
        assert_eq!(cut(&long, LONGEST).split_once('…').unwrap().1, " (608 more characters)");
        assert_eq!(cut("+short", LONGEST), "+short");
    }

    #[test]
    fn passwords_are_not_shown() {
        for (url, shown) in [
            ("https://ann:secret@example.com/a.git", "https://ann:…@example.com/a.git"),
            ("https://ann@example.com/a.git", "https://ann@example.com/a.git"),
            ("git@example.com:a/b.git", "git@example.com:a/b.git"),
            ("/srv/git/a.git", "/srv/git/a.git"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
