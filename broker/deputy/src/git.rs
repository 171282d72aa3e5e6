//! git, outside: the repository in the sandbox's hands gives its objects and branches, as data. Its configuration, hooks,
//! attributes and aliases stay behind: the command works in a git directory of its own, in the outside run's temp
//! directory, with harmless settings only (`git-new-workdir` of git's contrib lays links in the same way).

use std::path::Path;

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::{Mode, mkdirat};
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;

use crate::config::{self, Setting};
use crate::files::text;
use crate::laid::{Laid, Thing};
use crate::repository::{HELD, Repository};
use crate::{Asking, Prepared, words};

/// Where the git directory is.
const PLACE: &str = "git";

/// Programs of git that talk to others, started by git itself.
const HELPERS: [&str; 4] = ["git-remote-https", "git-remote-http", "git-remote-ftp", "git-remote-ftps"];

/// Subcommands that can go outside.
const CARRIED: [&str; 5] = ["push", "fetch", "ls-remote", "send-pack", "fetch-pack"];

/// Options that name programs or other places; any beginning of one counts, as git takes it.
const REFUSED: [&str; 10] = [
    "--receive-pack",
    "--upload-pack",
    "--exec",
    "--template",
    "--config",
    "--reference",
    "--reference-if-able",
    "--separate-git-dir",
    "--recurse-submodules",
    "--remote-submodules",
];

/// Settings over all others.
const FIXED: [(&str, &str); 9] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("protocol.ext.allow", "never"),
    ("protocol.fd.allow", "never"),
    ("push.recurseSubmodules", "no"),
    ("fetch.recurseSubmodules", "no"),
    ("submodule.recurse", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
];

/// Whether a command is git, or a part of it.
pub(crate) fn is(names: &[String]) -> bool {
    names.iter().any(|name| name == "git" || name.starts_with("git-"))
}

/// Makes it ready; the reason, where it has no need to go outside.
///
/// # Errors
/// Why it can't go.
pub(crate) fn prepare(
    asking: &Asking<'_>,
    names: &[String],
    prepared: &mut Prepared,
) -> Result<Option<String>, String> {
    fix(prepared);
    let words = words(asking.exec)?;
    if names.iter().any(|name| HELPERS.contains(&name.as_str())) {
        around(asking, prepared)?;
        return Ok(None);
    }
    let call = Call::read(&words)?;
    let start = call.directories.iter().fold(asking.exec.cwd.as_path().to_owned(), |at, next| at.join(next));
    if call.verb == "clone" {
        let inner = call.rest.iter().find(|word| is_local_and(asking, &start, word));
        return Ok(inner.map(|_| "it copies a repository that lies inside".to_owned()));
    }
    if call.verb == "credential" {
        without(prepared);
        return Ok(None);
    }
    if call.verb == "pull" {
        return Ok(Some("it only merges; what it fetches with is asked about, and goes outside, by itself".to_owned()));
    }
    if !CARRIED.contains(&call.verb) {
        return Err(format!(
            "`git {}` is not run outside: files that the sandbox can change say what it does",
            call.verb
        ));
    }
    let Some(found) = Found::of(&start, asking)? else {
        return Err("no git repository is here".into());
    };
    let chosen = found.chosen(&call.rest);
    let inside = |url: &str| is_local_and(asking, &found.at.top, url);
    if call.rest.iter().any(|word| inside(word)) || chosen.iter().any(|url| inside(url)) {
        return Ok(Some("the other repository lies inside as well".into()));
    }
    if let Some(url) = chosen.iter().map(String::as_str).chain(call.rest.iter().copied()).find(|url| url.contains("::"))
    {
        return Err(format!("`{}` names a program to talk through", url.escape_debug()));
    }
    from_top(&call, &found.at.top, prepared)?;
    if ["push", "send-pack"].contains(&call.verb) {
        lay_copied(&found, asking, prepared)?;
    } else {
        lay_live(&found, asking, prepared)?;
    }
    Ok(None)
}

/// `-C` as the true path of the working tree's top: other links may lie on the given one's way by then.
fn from_top(call: &Call<'_>, top: &Path, prepared: &mut Prepared) -> Result<(), String> {
    if call.directories.is_empty() {
        return Ok(());
    }
    let top = top.to_str().ok_or("the repository's path is no text")?;
    let behind = call.options.iter().chain([&call.verb]).chain(&call.rest).map(|word| Raw::from(*word));
    let argv0 = prepared.argv.first().cloned();
    prepared.argv = argv0.into_iter().chain(["-C", top].map(Raw::from)).chain(behind).collect();
    let line = prepared.argv.iter().map(crate::word).collect::<Vec<_>>().join(" ");
    prepared.fact("outside as", line);
    Ok(())
}

/// A command line of git.
struct Call<'a> {
    directories: Vec<&'a str>,
    /// Before the subcommand, without directories.
    options: Vec<&'a str>,
    verb: &'a str,
    rest: Vec<&'a str>,
}

impl<'a> Call<'a> {
    fn read(words: &[&'a str]) -> Result<Self, String> {
        let (mut directories, mut options) = (Vec::new(), Vec::new());
        let mut left = words.iter().copied();
        let verb = loop {
            let word = left.next().ok_or("git without a subcommand has no need to go outside")?;
            match word {
                "-C" => directories.push(left.next().ok_or("`-C` without a directory")?),
                "-c" => {
                    let setting = left.next().unwrap_or_default();
                    harmless(setting)?;
                    options.extend([word, setting]);
                }
                "--no-pager" | "-P" | "--no-optional-locks" | "--no-replace-objects" | "--no-advice" => {
                    options.push(word);
                }
                word if word.starts_with('-') => {
                    return Err(format!("git's option `{}` is not taken outside", word.escape_debug()));
                }
                verb => break verb,
            }
        };
        let rest: Vec<&str> = left.collect();
        for word in &rest {
            let name = word.split('=').next().unwrap_or_default();
            let long =
                name.len() > 2 && name.starts_with("--") && REFUSED.iter().any(|option| option.starts_with(name));
            let short =
                verb == "clone" && word.starts_with('-') && !word.starts_with("--") && word.contains(['u', 'c']);
            if long || short {
                return Err(format!("the option `{}` is not taken outside", word.escape_debug()));
            }
        }
        Ok(Self { directories, options, verb, rest })
    }
}

/// `-c` with a harmless setting.
fn harmless(setting: &str) -> Result<(), String> {
    let (name, value) = setting.split_once('=').unwrap_or((setting, "true"));
    let (section, rest) = name.split_once('.').unwrap_or((name, ""));
    let (of, key) = rest.rsplit_once('.').unwrap_or(("", rest));
    let lower = str::to_ascii_lowercase;
    let read = Setting { section: lower(section), of: of.to_owned(), key: lower(key), value: value.to_owned() };
    // a remote of its own making would hide what the card shows
    if read.is_harmless() && read.section != "remote" {
        Ok(())
    } else {
        Err(format!("the setting `{}` is not taken outside", name.escape_debug()))
    }
}

/// Whether a word is a path (or file URL) of something that lies in the sandbox's hands.
fn is_local_and(asking: &Asking<'_>, base: &Path, word: &str) -> bool {
    let path = word.strip_prefix("file://").unwrap_or(word);
    if word.starts_with('-') || path.contains("://") || path.is_empty() {
        return false;
    }
    let Ok(real) = base.join(path).canonicalize() else { return false };
    real.is_dir() && AbsPath::new(real).is_ok_and(|real| (asking.changeable)(&real))
}

/// A repository as it lies in the sandbox.
struct Found {
    at: Repository,
    config: String,
    settings: Vec<Setting>,
}

impl Found {
    /// The one that `start` is in.
    fn of(start: &Path, asking: &Asking<'_>) -> Result<Option<Self>, String> {
        let Some(at) = Repository::find(start)? else { return Ok(None) };
        let side = |path: &Path| AbsPath::new(path).is_ok_and(|path| (asking.changeable)(&path));
        if side(&at.top) != side(&at.common) || side(&at.own) != side(&at.common) {
            return Err("the folder and its git directory lie on different sides of the boundary".into());
        }
        let config = text(&at.common.join("config"), &same_side(&at, asking))?.unwrap_or_default();
        let settings =
            config::parse(&config).map_err(|line| format!("its git configuration can't be read (line {line})"))?;
        let odd = settings.iter().find(|s| {
            s.section == "extensions" && !["objectformat", "worktreeconfig", "noop"].contains(&s.key.as_str())
        });
        match odd {
            Some(odd) => Err(format!("a repository with `{}` can't be used from outside", odd.name().escape_debug())),
            None => Ok(Some(Self { at, config, settings })),
        }
    }

    /// Where a command goes: the URLs of the remote that it names, else of all.
    fn chosen(&self, words: &[&str]) -> Vec<String> {
        let urls = |of: Option<&str>| -> Vec<String> {
            let of_remotes =
                self.settings.iter().filter(|s| s.section == "remote" && ["url", "pushurl"].contains(&s.key.as_str()));
            of_remotes.filter(|s| of.is_none_or(|of| of == s.of)).map(|s| s.value.clone()).collect()
        };
        let named = words.iter().find(|word| !urls(Some(word)).is_empty());
        named.map_or_else(|| urls(None), |name| urls(Some(name)))
    }

    fn path(&self, name: &str) -> Option<AbsPath> {
        let path = self.at.common.join(name);
        if path.exists() { AbsPath::new(path).ok() } else { None }
    }
}

/// The settings that hold whatever else is said.
fn fix(prepared: &mut Prepared) {
    let mut env = vec![("GIT_CONFIG_COUNT".to_owned(), FIXED.len().to_string())];
    for (at, (key, value)) in FIXED.iter().enumerate() {
        env.push((format!("GIT_CONFIG_KEY_{at}"), (*key).to_owned()));
        env.push((format!("GIT_CONFIG_VALUE_{at}"), (*value).to_owned()));
    }
    env.push(("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned()));
    prepared.env = env;
}

/// Which files are read for a repository: what lies on its own side of the boundary, whatever links the sandbox made.
/// The gate reads with rights of the person's, and what it lays git may repeat to the caller.
fn same_side<'a>(at: &Repository, asking: &'a Asking<'_>) -> impl Fn(&AbsPath) -> bool + 'a {
    let side = AbsPath::new(&at.common).is_ok_and(|common| (asking.changeable)(&common));
    move |path| (asking.changeable)(path) == side
}

/// Lays the git directory, all but branches and tags.
fn lay(found: &Found, head: String, asking: &Asking<'_>, prepared: &mut Prepared) -> Result<(), String> {
    let usable = |s: &&Setting| {
        let url = s.section == "remote" && ["url", "pushurl"].contains(&s.key.as_str());
        s.is_harmless() && !(url && (s.value.contains("::") || is_local_and(asking, &found.at.top, &s.value)))
    };
    let (kept, left): (Vec<&Setting>, Vec<&Setting>) = found.settings.iter().partition(usable);
    let file = |at: &str, text: String| Laid { at: format!("{PLACE}/{at}"), what: Thing::File(text.into_bytes()) };
    prepared.laid.push(Laid { at: PLACE.into(), what: Thing::Folder });
    prepared.laid.push(file("config", config::write(kept.iter().copied())));
    let shown = head.trim().escape_debug().to_string();
    prepared.laid.push(file("HEAD", head));
    link(&["objects", "logs"], found, prepared);
    let fetched = AbsPath::new(found.at.own.join("FETCH_HEAD")).map_err(|e| e.to_string())?;
    prepared.laid.push(Laid { at: format!("{PLACE}/FETCH_HEAD"), what: Thing::Link(fetched) });
    let top = found.at.top.to_str().ok_or("the repository's path is no text")?;
    prepared.env.push(("GIT_DIR".into(), format!("@temp/{PLACE}")));
    prepared.env.push(("GIT_WORK_TREE".into(), top.to_owned()));
    prepared.fact("repository", format!("{}, on {shown}", found.at.common.display()));
    for setting in &kept {
        if setting.section == "remote" && setting.key.ends_with("url") {
            prepared.fact(&setting.name(), setting.value.escape_debug().to_string());
        }
    }
    if !left.is_empty() {
        let names: Vec<String> = left.iter().map(|s| s.name().escape_debug().to_string()).collect();
        prepared.fact("left out", format!("settings of the repository: {}", names.join(", ")));
    }
    prepared.fact("not run", "hooks of the repository (nor git-lfs), aliases, submodules");
    Ok(())
}

/// With branches and tags as they are now, so that what is approved is what is pushed.
fn lay_copied(found: &Found, asking: &Asking<'_>, prepared: &mut Prepared) -> Result<(), String> {
    let copied = found.at.copied(&same_side(&found.at, asking))?;
    if copied.config != found.config {
        return Err("the repository's settings change while they are looked at".into());
    }
    lay(found, copied.head, asking, prepared)?;
    let tips = copied.laid.iter().filter_map(|laid| match (&laid.what, laid.at.strip_prefix("refs/heads/")) {
        (Thing::File(text), Some(name)) => {
            Some(format!("{name} {}", String::from_utf8_lossy(text.get(..12).unwrap_or(text))))
        }
        (Thing::File(_) | Thing::Folder | Thing::Link(_), _) => None,
    });
    let tips: Vec<String> = tips.take(20).map(|tip| tip.escape_debug().to_string()).collect();
    prepared.laid.extend(copied.laid.into_iter().map(|laid| Laid { at: format!("{PLACE}/{}", laid.at), ..laid }));
    // what a push updates here
    make_remotes(&found.at.common);
    link(&["refs/remotes"], found, prepared);
    prepared.fact("branches", tips.join(", "));
    prepared.fact(HELD, copied.digest);
    Ok(())
}

/// With the live branches and tags.
fn lay_live(found: &Found, asking: &Asking<'_>, prepared: &mut Prepared) -> Result<(), String> {
    let head = text(&found.at.own.join("HEAD"), &same_side(&found.at, asking))?.ok_or("the repository has no HEAD")?;
    lay(found, head, asking, prepared)?;
    link(&["refs", "packed-refs", "shallow"], found, prepared);
    Ok(())
}

fn link(names: &[&str], found: &Found, prepared: &mut Prepared) {
    for name in names {
        if let Some(path) = found.path(name) {
            prepared.laid.push(Laid { at: format!("{PLACE}/{name}"), what: Thing::Link(path) });
        }
    }
}

/// For a program of git's, or one that starts git by itself: as [`prepare`], with the live branches and tags.
///
/// # Errors
/// A repository that can't be used from outside.
pub(crate) fn around(asking: &Asking<'_>, prepared: &mut Prepared) -> Result<(), String> {
    fix(prepared);
    let Some(found) = Found::of(asking.exec.cwd.as_path(), asking)? else {
        without(prepared);
        return Ok(());
    };
    lay_live(&found, asking, prepared)
}

/// With no repository, even if one is made here in the meantime: its settings name programs.
fn without(prepared: &mut Prepared) {
    prepared.env.push(("GIT_DIR".into(), "/dev/null".into()));
}

/// Makes the place for what is known of remotes, if it isn't there; no link leads out of the git directory.
fn make_remotes(common: &Path) {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    let refs = open(common, flags, Mode::empty()).and_then(|common| openat2(common, "refs", how));
    if refs.is_ok_and(|refs| mkdirat(refs, "remotes", Mode::from_bits_truncate(0o755)).is_ok()) {
        // made; where it could not be, the push goes on without
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use tollgate_policy::action::{Exec, Form, Image};

    use super::*;
    use crate::{Way, prepare};

    /// What becomes of a command at `at`, beneath which all can be changed.
    fn ready(at: &Path, line: &str) -> Result<Prepared, String> {
        asked(at, line, |asking| match prepare(asking)? {
            Way::Out(prepared) => Ok(*prepared),
            Way::In(why) => panic!("{line}: {why}"),
        })
    }

    fn asked<T>(at: &Path, line: &str, then: impl Fn(&Asking<'_>) -> T) -> T {
        let abs = |path: &Path| AbsPath::new(path).unwrap();
        let image = Image {
            executable: Some(abs(Path::new("/usr/bin/git"))),
            form: Form::Native,
            writable: false,
            sha256: None,
        };
        let argv = line.split(' ').map(Raw::from).collect();
        let exec = Exec { given: Raw::from("/usr/bin/git"), image, argv, cwd: abs(at) };
        let root = abs(at);
        then(&Asking { exec: &exec, changeable: &|path| path.is_within(&root) })
    }

    fn repository(at: &Path) {
        fs::create_dir_all(at.join(".git/refs/heads")).unwrap();
        for (file, text) in [("HEAD", "ref: refs/heads/main\n"), ("config", "[core]\nbare = false\n")] {
            fs::write(at.join(".git").join(file), text).unwrap();
        }
    }

    fn fact(prepared: &Prepared, label: &str) -> String {
        let found = prepared.facts.iter().find(|(is, _)| is == label);
        found.map(|(_, text)| text.clone()).unwrap_or_default()
    }

    #[test]
    fn no_link_is_gone_over_again() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().canonicalize().unwrap();
        let [one, other] = ["one", "other"].map(|name| at.join(name));
        repository(&one);
        repository(&other);
        fs::create_dir(one.join("sub")).unwrap();
        symlink("one", at.join("link")).unwrap();
        let before = ready(&at, "git -c push.default=current -C link -C sub push origin main").unwrap();
        let words: Vec<&str> = before.argv.iter().filter_map(Raw::text).collect();
        let top = one.to_str().unwrap();
        assert_eq!(words, ["git", "-C", top, "-c", "push.default=current", "push", "origin", "main"]);
        assert!(fact(&before, "outside as").contains(top));
        fs::remove_file(at.join("link")).unwrap();
        symlink("other", at.join("link")).unwrap();
        let after = ready(&at, "git -C link push origin main").unwrap();
        assert_ne!(fact(&before, HELD), fact(&after, HELD));
        assert!(!fact(&after, HELD).is_empty());
    }

    #[test]
    fn no_settings_of_a_repository_where_none_is_needed() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().canonicalize().unwrap();
        let without = |prepared: Prepared| prepared.env.contains(&("GIT_DIR".into(), "/dev/null".into()));
        let helped = || {
            asked(&at, "git", |asking| {
                let mut prepared = Prepared::default();
                around(asking, &mut prepared).map(|()| prepared)
            })
            .unwrap()
        };
        assert!(without(helped()));
        repository(&at);
        assert!(!without(helped()));
        for line in ["git credential fill", "git -C sub credential fill"] {
            assert!(without(ready(&at, line).unwrap()), "{line}");
        }
    }

    #[test]
    fn what_a_push_goes_by_is_copied() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().canonicalize().unwrap();
        repository(&at);
        for (file, text) in [("refs/heads/main", "1"), ("packed-refs", "2"), ("shallow", "3")] {
            let before = ready(&at, "git push origin main").unwrap();
            fs::write(at.join(".git").join(file), text).unwrap();
            let after = ready(&at, "git push origin main").unwrap();
            let laid = Laid { at: format!("git/{file}"), what: Thing::File(text.into()) };
            assert!(after.laid.contains(&laid), "{file}: {:?}", after.laid);
            assert_ne!(fact(&before, HELD), fact(&after, HELD), "{file}");
        }
        // a fetch writes there
        let linked = Thing::Link(AbsPath::new(at.join(".git/shallow")).unwrap());
        let fetch = ready(&at, "git fetch origin").unwrap();
        assert!(fetch.laid.iter().any(|laid| laid.what == linked), "{:?}", fetch.laid);
    }

    /// git repeats lines that it does not understand.
    #[test]
    fn nothing_of_the_persons_is_copied() {
        let dir = tempfile::tempdir().unwrap();
        let others = tempfile::tempdir().unwrap();
        let at = dir.path().canonicalize().unwrap();
        repository(&at);
        fs::write(others.path().join("secret"), "secret").unwrap();
        fs::write(at.join("own"), "own").unwrap();
        for name in ["packed-refs", "shallow", "refs/heads/x", "HEAD", "config"] {
            let file = at.join(".git").join(name);
            let before = fs::read(&file).ok();
            fs::remove_file(&file).ok();
            symlink(others.path().join("secret"), &file).unwrap();
            let told = ready(&at, "git push origin main").unwrap_err();
            assert!(told.contains("a link to what lies elsewhere"), "{name}: {told}");
            fs::remove_file(&file).unwrap();
            before.map_or_else(|| symlink(at.join("own"), &file), |before| fs::write(&file, before)).unwrap();
            ready(&at, "git push origin main").unwrap();
        }
    }
}
