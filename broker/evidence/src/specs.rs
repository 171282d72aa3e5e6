//! What a `git push` would push, and where to: by its words, and by the repository's settings where these are silent.
//!
//! Absent on purpose: the person's own settings. They are theirs, and nothing inside can change them.

use crate::git::Repository;
use crate::words::Git;

/// Options of `git push` that take a value of their own (git-push(1)).
const VALUED: [&str; 5] = ["-o", "--push-option", "--repo", "--receive-pack", "--exec"];

/// Most references that a pattern is read to.
const MOST: usize = 500;

/// One reference to be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spec {
    /// What is pushed; empty: the reference is deleted.
    pub(crate) from: String,
    /// Its name on the other side.
    pub(crate) to: String,
    /// Whether it may throw away what is there.
    pub(crate) forced: bool,
}

/// What is pushed, and where to.
#[derive(Debug, Default)]
pub(crate) struct Pushed {
    /// The remote's name, or an address.
    pub(crate) remote: String,
    /// All addresses: git pushes to each of them.
    pub(crate) urls: Vec<String>,
    pub(crate) specs: Vec<Spec>,
    /// What says more than could be followed here.
    pub(crate) odd: Vec<String>,
}

impl Spec {
    /// A refspec as it is written: `main`, `+HEAD:main`, `:old`.
    fn read(word: &str, (forced, deletes): (bool, bool), branch: &str) -> Self {
        let (plus, word) = word.strip_prefix('+').map_or((false, word), |rest| (true, rest));
        let forced = forced || plus;
        match word.split_once(':') {
            _ if deletes => Self { from: String::new(), to: word.to_owned(), forced },
            Some((from, to)) => Self { from: from.to_owned(), to: to.to_owned(), forced },
            None if word == "HEAD" || word == "@" => Self { from: word.to_owned(), to: branch.to_owned(), forced },
            None => Self { from: word.to_owned(), to: word.to_owned(), forced },
        }
    }

    pub(crate) fn short(&self) -> &str {
        self.to.strip_prefix("refs/heads/").unwrap_or(&self.to)
    }
}

/// A repository's settings: name (section and key in lower case) and value, as git itself reads them.
struct Settings(Vec<(String, String)>);

impl Settings {
    fn of(found: &Repository, odd: &mut Vec<String>) -> Self {
        let all = found.settings().unwrap_or_else(|why| {
            odd.push(format!("its settings can't be read: {why}"));
            Vec::new()
        });
        let leads_on = |name: &str| name.starts_with("url.") || name.starts_with("include");
        if let Some((name, _)) = all.iter().find(|(name, _)| leads_on(name)) {
            odd.push(format!("its setting `{name}` may lead elsewhere"));
        }
        Self(all)
    }

    fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(is, _)| is == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The last one counts.
    fn one(&self, name: &str) -> Option<&str> {
        self.all(name).last().copied()
    }

    fn is_on(&self, name: &str) -> bool {
        self.one(name).is_some_and(|value| !["false", "no", "off", "0", ""].contains(&&*value.to_ascii_lowercase()))
    }

    fn remote_of(&self, branch: &str) -> String {
        let found = self.one(&format!("branch.{branch}.pushremote")).or_else(|| self.one("remote.pushdefault"));
        let found = found.or_else(|| self.one(&format!("branch.{branch}.remote")));
        let all = self.0.iter().filter_map(|(name, _)| name.strip_prefix("remote.")?.strip_suffix(".url"));
        let mut all: Vec<&str> = all.collect();
        all.dedup();
        let only = if let [one] = *all { Some(one) } else { None };
        found.or(only).unwrap_or("origin").to_owned()
    }
}

/// The words of the command that are no options, and what `--repo` says.
fn plain(call: &Git) -> (Vec<&str>, Option<String>) {
    let (mut plain, mut repo) = (Vec::new(), None);
    let mut words = call.rest.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        let takes = VALUED
            .iter()
            .find(|option| **option == name || name.len() > 2 && name.starts_with("--") && option.starts_with(name));
        match takes {
            _ if word == "--" => plain.extend(words.by_ref()),
            Some(option) => {
                let value = value.or_else(|| words.next());
                if *option == "--repo" {
                    repo = value.map(str::to_owned);
                }
            }
            // `-qo VALUE`
            None if word.starts_with('-') && !word.starts_with("--") && word.find('o') == Some(word.len() - 1) => {
                words.next();
            }
            None if word.starts_with('-') && word != "-" => {}
            None => plain.push(word),
        }
    }
    (plain, repo)
}

/// What a command pushes, and where to.
pub(crate) fn read(call: &Git, found: &Repository) -> Pushed {
    let mut odd: Vec<String> = call.odd.iter().map(|word| format!("`{word}` changes what git does")).collect();
    let settings = Settings::of(found, &mut odd);
    let (plain, repo) = plain(call);
    let branch = found.word(&["symbolic-ref", "--short", "-q", "HEAD"]).unwrap_or_else(|| "HEAD".to_owned());
    let mut words = plain.into_iter();
    let remote = words.next().map(str::to_owned).or(repo).unwrap_or_else(|| settings.remote_of(&branch));
    let mirrors = call.has(&["--mirror"]);
    if mirrors || call.has(&["--prune"]) {
        odd.push("what the other side has and this one has not is removed there, whoever put it there".to_owned());
    }
    let how = (mirrors || call.has(&["-f", "--force", "--force-with-lease"]), call.has(&["-d", "--delete"]));
    let mut specs = Vec::new();
    while let Some(word) = words.next() {
        let tag = if word == "tag" { words.next().map(|name| format!("refs/tags/{name}")) } else { None };
        add(tag.as_deref().unwrap_or(word), (how, &branch), found, &mut specs);
    }
    if mirrors || call.has(&["--all", "--branches"]) {
        specs.extend(all("refs/heads/*:refs/heads/*", how.0, found));
    }
    if mirrors || call.has(&["--tags", "--follow-tags"]) {
        specs.extend(all("refs/tags/*:refs/tags/*", how.0, found));
    }
    if specs.is_empty() && !how.1 {
        usual((&remote, &branch), (&settings, how.0), found, &mut specs);
    }
    let of = |key: &str| settings.all(&format!("remote.{remote}.{key}")).into_iter().map(str::to_owned).collect();
    let urls: Vec<String> = Some(of("pushurl")).filter(|urls: &Vec<_>| !urls.is_empty()).unwrap_or_else(|| of("url"));
    let urls = if urls.is_empty() { vec![remote.clone()] } else { urls };
    let asked = call.rest.iter().map(String::as_str).chain(settings.all(&format!("remote.{remote}.push")));
    if mirrors || settings.is_on(&format!("remote.{remote}.mirror")) || asked.into_iter().any(is_wide) {
        odd.push("what is known here of remotes may go there as well, as it is by then".to_owned());
    }
    Pushed { remote, urls, specs, odd }
}

/// What is pushed where the command names nothing (git-config(1): `remote.*.push`, `remote.*.mirror`, `push.default`).
fn usual(
    (remote, branch): (&str, &str),
    (settings, forced): (&Settings, bool),
    found: &Repository,
    specs: &mut Vec<Spec>,
) {
    let how = (forced, false);
    let mirrors = settings.is_on(&format!("remote.{remote}.mirror"));
    if mirrors {
        specs.extend(all("refs/*:refs/*", true, found));
    }
    for word in settings.all(&format!("remote.{remote}.push")) {
        add(word, (how, branch), found, specs);
    }
    if settings.is_on("push.followtags") {
        specs.extend(all("refs/tags/*:refs/tags/*", forced, found));
    }
    if mirrors || !settings.all(&format!("remote.{remote}.push")).is_empty() {
        return;
    }
    let merge = settings.one(&format!("branch.{branch}.merge"));
    match settings.one("push.default").unwrap_or("simple").to_ascii_lowercase().as_str() {
        "nothing" => {}
        "matching" => specs.extend(all("refs/heads/*:refs/heads/*", forced, found)),
        "upstream" | "tracking" => {
            let to = merge.unwrap_or(branch).to_owned();
            specs.push(Spec { from: "HEAD".to_owned(), to, forced });
        }
        _ => specs.push(Spec { from: "HEAD".to_owned(), to: branch.to_owned(), forced }),
    }
}

/// One refspec, as far as it pushes something.
fn add(word: &str, (how, branch): ((bool, bool), &str), found: &Repository, specs: &mut Vec<Spec>) {
    let (plus, bare) = word.strip_prefix('+').map_or((false, word), |rest| (true, rest));
    match bare {
        // it only takes away from what patterns name
        bare if bare.starts_with('^') => {}
        ":" => specs.extend(all("refs/heads/*:refs/heads/*", how.0 || plus, found)),
        bare if bare.contains('*') && !how.1 => specs.extend(all(bare, how.0 || plus, found)),
        _ => specs.push(Spec::read(word, how, branch)),
    }
}

/// Whether a pattern names more than branches and tags.
fn is_wide(word: &str) -> bool {
    let from = word.trim_start_matches('+').split(':').next().unwrap_or_default();
    from.contains('*') && !["refs/heads/", "refs/tags/"].iter().any(|front| from.starts_with(front))
}

/// All that a pattern names.
fn all(pattern: &str, forced: bool, found: &Repository) -> Vec<Spec> {
    let (from, to) = pattern.split_once(':').unwrap_or((pattern, pattern));
    let (front, back) = from.split_once('*').unwrap_or((from, ""));
    let names = found.references();
    let spec = |name: &str| {
        let middle = name.strip_prefix(front)?.strip_suffix(back)?;
        Some(Spec { from: name.to_owned(), to: to.replacen('*', middle, 1), forced })
    };
    let specs: Vec<Spec> = names.lines().filter_map(spec).take(MOST).collect();
    // what can't be found is said to be so
    if specs.is_empty() { vec![Spec { from: from.to_owned(), to: to.to_owned(), forced }] } else { specs }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refspecs_are_read() {
        let spec = |from: &str, to: &str, forced| Spec { from: from.into(), to: to.into(), forced };
        assert_eq!(Spec::read("main", (false, false), "x"), spec("main", "main", false));
        assert_eq!(Spec::read("+HEAD:refs/heads/main", (false, false), "x"), spec("HEAD", "refs/heads/main", true));
        assert_eq!(Spec::read(":old", (false, false), "x"), spec("", "old", false));
        assert_eq!(Spec::read("old", (false, true), "x"), spec("", "old", false));
        assert_eq!(Spec::read("HEAD", (true, false), "x"), spec("HEAD", "x", true));
    }
}
