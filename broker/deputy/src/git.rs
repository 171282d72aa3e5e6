//! git, outside: the repository in the sandbox's hands gives its objects and branches, as data. Its configuration, hooks,
//! attributes and aliases stay behind: the command works in a git directory of its own, in the outside run's temp
//! directory, with harmless settings only (`git-new-workdir` of git's contrib lays links in the same way).

use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::{Mode, mkdirat};
use tollgate_policy::path::AbsPath;

use crate::config::{self, Setting};
use crate::files::text;
use crate::laid::{Laid, Thing};
use crate::{Asking, Prepared, words};
/// Most branches and tags.
const MOST: usize = 4096;
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
        let Some(found) = Repository::find(asking.exec.cwd.as_path(), asking)? else {
            return Ok(None);
        };
        lay(&found, asking, prepared)?;
        link_references(&found, prepared);
        return Ok(None);
    }
    let call = Call::read(&words)?;
    let start = call.directories.iter().fold(asking.exec.cwd.as_path().to_owned(), |at, next| at.join(next));
    if call.verb == "clone" {
        let inner = call.rest.iter().find(|word| is_local_and(asking, &start, word));
        return Ok(inner.map(|_| "it copies a repository that lies inside".to_owned()));
    }
    if call.verb == "credential" {
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
    let Some(found) = Repository::find(&start, asking)? else {
        return Err("no git repository is here".into());
    };
    let chosen = found.chosen(&call.rest);
    let inside = |url: &str| is_local_and(asking, &found.top, url);
    if call.rest.iter().any(|word| inside(word)) || chosen.iter().any(|url| inside(url)) {
        return Ok(Some("the other repository lies inside as well".into()));
    }
    if let Some(url) = chosen.iter().map(String::as_str).chain(call.rest.iter().copied()).find(|url| url.contains("::"))
    {
        return Err(format!("`{}` names a program to talk through", url.escape_debug()));
    }
    lay(&found, asking, prepared)?;
    snapshot(&found, call.verb, prepared)?;
    Ok(None)
}

/// A command line of git.
struct Call<'a> {
    directories: Vec<&'a str>,
    verb: &'a str,
    rest: Vec<&'a str>,
}

impl<'a> Call<'a> {
    fn read(words: &[&'a str]) -> Result<Self, String> {
        let mut directories = Vec::new();
        let mut left = words.iter().copied();
        let verb = loop {
            let word = left.next().ok_or("git without a subcommand has no need to go outside")?;
            match word {
                "-C" => directories.push(left.next().ok_or("`-C` without a directory")?),
                "-c" => harmless(left.next().unwrap_or_default())?,
                "--no-pager" | "-P" | "--no-optional-locks" | "--no-replace-objects" | "--no-advice" => {}
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
        Ok(Self { directories, verb, rest })
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
struct Repository {
    /// The top of its working tree.
    top: PathBuf,
    /// Its git directory: the working tree's own.
    own: PathBuf,
    /// The one that all working trees share.
    common: PathBuf,
    settings: Vec<Setting>,
}

impl Repository {
    /// The one that `start` is in.
    fn find(start: &Path, asking: &Asking<'_>) -> Result<Option<Self>, String> {
        let start = start.canonicalize().map_err(|e| format!("its directory can't be found: {e}"))?;
        let Some((top, entry)) = start.ancestors().find_map(|at| {
            let entry = at.join(".git");
            entry.symlink_metadata().is_ok().then(|| (at.to_owned(), entry))
        }) else {
            return Ok(None);
        };
        let own = if entry.is_dir() { entry } else { top.join(pointer(&entry, "gitdir: ")?) };
        let common = match own.join("commondir") {
            file if file.exists() => own.join(pointer(&file, "")?),
            _ => own.clone(),
        };
        let real = |path: PathBuf| path.canonicalize().map_err(|e| format!("its git directory can't be found: {e}"));
        let (own, common) = (real(own)?, real(common)?);
        let told = AbsPath::new(&common).map_err(|e| e.to_string())?;
        let within = AbsPath::new(&top).is_ok_and(|top| (asking.changeable)(&top) == (asking.changeable)(&told));
        if !within {
            return Err("the folder and its git directory lie on different sides of the boundary".into());
        }
        let text = text(&common.join("config"))?.unwrap_or_default();
        let settings =
            config::parse(&text).map_err(|line| format!("its git configuration can't be read (line {line})"))?;
        let odd = settings.iter().find(|s| {
            s.section == "extensions" && !["objectformat", "worktreeconfig", "noop"].contains(&s.key.as_str())
        });
        match odd {
            Some(odd) => Err(format!("a repository with `{}` can't be used from outside", odd.name().escape_debug())),
            None => Ok(Some(Self { top, own, common, settings })),
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
        let path = self.common.join(name);
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

/// Lays the git directory, all but branches and tags.
fn lay(found: &Repository, asking: &Asking<'_>, prepared: &mut Prepared) -> Result<(), String> {
    let usable = |s: &&Setting| {
        let url = s.section == "remote" && ["url", "pushurl"].contains(&s.key.as_str());
        s.is_harmless() && !(url && (s.value.contains("::") || is_local_and(asking, &found.top, &s.value)))
    };
    let (kept, left): (Vec<&Setting>, Vec<&Setting>) = found.settings.iter().partition(usable);
    let file = |at: &str, text: String| Laid { at: format!("{PLACE}/{at}"), what: Thing::File(text.into_bytes()) };
    prepared.laid.push(Laid { at: PLACE.into(), what: Thing::Folder });
    prepared.laid.push(file("config", config::write(kept.iter().copied())));
    let head = text(&found.own.join("HEAD"))?.ok_or("the repository has no HEAD")?;
    prepared.laid.push(file("HEAD", head.clone()));
    for name in ["objects", "logs", "shallow"] {
        if let Some(path) = found.path(name) {
            prepared.laid.push(Laid { at: format!("{PLACE}/{name}"), what: Thing::Link(path) });
        }
    }
    let fetched = AbsPath::new(found.own.join("FETCH_HEAD")).map_err(|e| e.to_string())?;
    prepared.laid.push(Laid { at: format!("{PLACE}/FETCH_HEAD"), what: Thing::Link(fetched) });
    let top = found.top.to_str().ok_or("the repository's path is no text")?;
    prepared.env.push(("GIT_DIR".into(), format!("@temp/{PLACE}")));
    prepared.env.push(("GIT_WORK_TREE".into(), top.to_owned()));
    prepared.fact("repository", format!("{}, on {}", found.common.display(), head.trim().escape_debug()));
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

/// Branches and tags: for a push as they are now, so that what is approved is what is pushed; else the live ones.
fn snapshot(found: &Repository, verb: &str, prepared: &mut Prepared) -> Result<(), String> {
    if !["push", "send-pack"].contains(&verb) {
        link_references(found, prepared);
        return Ok(());
    }
    for file in [found.own.join("HEAD"), found.common.join("config"), found.common.join("packed-refs")] {
        prepared.stamp(&file);
    }
    prepared.laid.push(Laid { at: format!("{PLACE}/refs"), what: Thing::Folder });
    for kind in ["heads", "tags"] {
        let place = format!("refs/{kind}");
        prepared.laid.push(Laid { at: format!("{PLACE}/{place}"), what: Thing::Folder });
        copy(&found.common, &place, prepared)?;
    }
    // what a push updates here
    make_remotes(&found.common);
    if let Some(path) = found.path("refs/remotes") {
        prepared.laid.push(Laid { at: format!("{PLACE}/refs/remotes"), what: Thing::Link(path) });
    }
    if let Some(packed) = text(&found.common.join("packed-refs"))? {
        prepared.laid.push(Laid { at: format!("{PLACE}/packed-refs"), what: Thing::File(packed.into_bytes()) });
    }
    let tips = prepared.laid.iter().filter_map(|laid| match (&laid.what, laid.at.strip_prefix("git/refs/heads/")) {
        (Thing::File(text), Some(name)) => {
            Some(format!("{name} {}", String::from_utf8_lossy(text.get(..12).unwrap_or(text))))
        }
        (Thing::File(_) | Thing::Folder | Thing::Link(_), _) => None,
    });
    let tips: Vec<String> = tips.take(20).map(|tip| tip.escape_debug().to_string()).collect();
    prepared.fact("branches", tips.join(", "));
    Ok(())
}

/// For a program that starts git by itself: as [`prepare`], with the live branches and tags.
///
/// # Errors
/// A repository that can't be used from outside.
pub(crate) fn around(asking: &Asking<'_>, prepared: &mut Prepared) -> Result<(), String> {
    fix(prepared);
    let Some(found) = Repository::find(asking.exec.cwd.as_path(), asking)? else {
        return Ok(());
    };
    lay(&found, asking, prepared)?;
    link_references(&found, prepared);
    Ok(())
}

fn link_references(found: &Repository, prepared: &mut Prepared) {
    for name in ["refs", "packed-refs"] {
        if let Some(path) = found.path(name) {
            prepared.laid.push(Laid { at: format!("{PLACE}/{name}"), what: Thing::Link(path) });
        }
    }
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

/// Copies a directory of references.
fn copy(common: &Path, place: &str, prepared: &mut Prepared) -> Result<(), String> {
    prepared.stamp(&common.join(place));
    let Ok(entries) = std::fs::read_dir(common.join(place)) else { return Ok(()) };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.as_bytes().ends_with(b".lock"))
        .collect();
    names.sort();
    for name in names {
        let at = format!("{place}/{name}");
        let meta = common.join(&at).symlink_metadata().map_err(|e| format!("a branch can't be read: {e}"))?;
        if prepared.laid.len() > MOST {
            return Err(format!("the repository has more than {MOST} branches and tags"));
        }
        if meta.is_dir() {
            prepared.laid.push(Laid { at: format!("{PLACE}/{at}"), what: Thing::Folder });
            copy(common, &at, prepared)?;
        } else if let Some(text) = text(&common.join(&at))? {
            prepared.stamp(&common.join(&at));
            prepared.laid.push(Laid { at: format!("{PLACE}/{at}"), what: Thing::File(text.into_bytes()) });
        }
    }
    Ok(())
}

/// A file that points elsewhere.
fn pointer(file: &Path, behind: &str) -> Result<String, String> {
    let text = text(file)?.unwrap_or_default();
    let line = text.trim_end_matches(['\n', '\r']);
    line.strip_prefix(behind).map(str::to_owned).ok_or_else(|| format!("{} can't be read", file.display()))
}
