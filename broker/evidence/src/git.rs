//! git, asked about a repository that the sandbox can write, without running anything of it: a git directory of our own,
//! whose objects and references are links to the repository's, with settings of our own and no hooks, filters, drivers,
//! monitors, replacements or lazy fetches.
//!
//! What git says may still be wrong where the sandbox forged objects or references; a forged object is not what a push
//! would publish (the other side computes its id), a forged remote reference is pointed out.

use std::cell::OnceCell;
use std::fs;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;
use tollgate_deputy::repository::Copied;
use tollgate_deputy::{Laid, Thing, repository};
use tollgate_sys::pidfd;

/// Most bytes of one answer.
const MOST: usize = 8 << 20;

/// A working tree with nothing in it, in a git directory of ours.
const NO_TREE: &str = "no-tree";

/// The repository's own settings, in a git directory of ours: data, under a name that git does not know.
const THEIRS: &str = "their-config";

/// Where git is looked for: never in a folder that comes from the environment.
const PLACES: [&str; 4] = ["/usr/bin/git", "/usr/local/bin/git", "/bin/git", "/run/current-system/sw/bin/git"];

/// Settings over all others.
const SETTINGS: &str = "[core]\n\tbare = false\n\thooksPath = /dev/null\n\tfsmonitor = false\n\tattributesFile = /dev/null\n\
     \texcludesFile = /dev/null\n\tcommitGraph = false\n\tmultiPackIndex = false\n\tpager = cat\n\tquotePath = true\n\
     [diff]\n\tignoreSubmodules = all\n\texternal =\n\trenames = true\n[protocol]\n\tallow = never\n[gc]\n\tauto = 0\n\
     [maintenance]\n\tauto = false\n[submodule]\n\trecurse = false\n";

/// A repository, as it is asked.
pub(crate) struct Repository {
    /// The top of its working tree.
    pub(crate) top: PathBuf,
    /// Its shared git directory.
    pub(crate) common: PathBuf,
    /// Its own git directory: that of the working tree.
    own: PathBuf,
    /// Our git directory.
    ours: TempDir,
    /// Another, with nothing but what a push takes as it was copied; none where all is looked up as it is.
    copied: Option<(TempDir, Copied)>,
    /// Names of all references, once they were asked for.
    known: OnceCell<String>,
    git: &'static str,
    until: Instant,
}

impl Repository {
    /// The repository around `start`, as it is while it is asked.
    pub(crate) fn find(start: &Path, until: Instant) -> Result<Self, String> {
        Self::look(&place(start)?, None, until)
    }

    /// The repository around `start`, with settings, branches and tags as they are now: a copy is asked, as a push that is
    /// approved goes by a copy.
    pub(crate) fn copy(start: &Path, until: Instant) -> Result<Self, String> {
        let place = place(start)?;
        let copied = place.copied(&|_| true)?;
        Self::look(&place, Some(copied), until)
    }

    fn look(place: &repository::Repository, copied: Option<Copied>, until: Instant) -> Result<Self, String> {
        let git = PLACES.iter().find(|place| Path::new(place).is_file()).ok_or("git is not installed outside")?;
        let unmade = |e: io::Error| format!("a place to look from can't be made: {e}");
        let ours = lay(&place.own, &place.common, copied.as_ref()).map_err(unmade)?;
        let alone = |copied: Copied| -> io::Result<(TempDir, Copied)> {
            let alone = lay(&place.own, &place.common, Some(&copied))?;
            for name in ["refs/remotes", "logs"] {
                fs::remove_file(alone.path().join(name)).or_else(absent)?;
            }
            // what was packed of other references may be overridden by then
            let packed = alone.path().join("packed-refs");
            if let Ok(text) = limited(&packed) {
                let kept = |line: &&str| {
                    let name = line.split_once(' ').map_or("", |(_, name)| name);
                    name.starts_with("refs/heads/") || name.starts_with("refs/tags/")
                };
                let lines: Vec<&str> = text.split_inclusive('\n').filter(kept).collect();
                fs::write(packed, lines.concat())?;
            }
            Ok((alone, copied))
        };
        let copied = copied.map(alone).transpose().map_err(unmade)?;
        let repository::Repository { top, own, common } = place.clone();
        Ok(Self { top, common, own, ours, copied, known: OnceCell::new(), git, until })
    }

    /// Tells the copy from any other; none where all is looked up as it is.
    pub(crate) fn digest(&self) -> Option<&str> {
        self.copied.as_ref().map(|(_, copied)| copied.digest.as_str())
    }

    /// What git answers.
    pub(crate) fn ask(&self, words: &[&str]) -> Result<Vec<u8>, String> {
        self.ask_of(self.ours.path(), words, (&self.top, &self.own.join("index")))
    }

    /// What git answers about commits alone, as text: attributes of the working tree could say that all files are binary.
    pub(crate) fn history(&self, words: &[&str]) -> Result<String, String> {
        let ours = self.ours.path();
        let bytes = self.ask_of(ours, words, (&ours.join(NO_TREE), &ours.join("none")))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The same as text.
    pub(crate) fn text(&self, words: &[&str]) -> Result<String, String> {
        self.ask(words).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// One line of it.
    pub(crate) fn word(&self, words: &[&str]) -> Option<String> {
        let text = self.text(words).ok()?;
        text.lines().next().map(str::to_owned).filter(|line| !line.is_empty())
    }

    /// The id of the commit that a word of the command names; none where git would not take it for one name of one
    /// commit. Only such ids, never the words, are given to git: a word can look like an option (`--output=…` writes a
    /// file) or take away what others name (`^main`).
    pub(crate) fn commit(&self, name: &str) -> Option<String> {
        named(name, "^{commit}", |words| self.ask(words))
    }

    /// What git answers where nothing is but what a push takes.
    fn ask_copy(&self, words: &[&str]) -> Result<Vec<u8>, String> {
        let Some((alone, _)) = &self.copied else { return self.ask(words) };
        let at = alone.path();
        self.ask_of(at, words, (&at.join(NO_TREE), &at.join("none")))
    }

    /// Names of what a push takes: of branches and tags, where these were copied.
    pub(crate) fn references(&self) -> String {
        let bytes = self.ask_copy(&["for-each-ref", "--format=%(refname)"]).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What a push takes for a word of the command: the id of the commit, and of what the word names, which is another
    /// where that is a tag of its own. It looks among the references first, as `refname_match` of git has it; where
    /// several go by the name, or something else does, none is shown for it; nor for what may be another by then (what
    /// is known of remotes, what a branch was before).
    pub(crate) fn pushed(&self, name: &str) -> Result<(String, String), String> {
        let full = if name == "@" { "HEAD" } else { name };
        let ways = ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"].map(|front| format!("{front}{full}"));
        let known = if let Some(known) = self.known.get() {
            known
        } else {
            let known = self.text(&["for-each-ref", "--format=%(refname)"])?;
            self.known.get_or_init(|| known)
        };
        let found: Vec<&str> = known.lines().filter(|is| ways.iter().any(|way| way == is)).collect();
        let taken = match *found {
            [] => name,
            [one] if full != "HEAD" => one,
            _ => return Err(format!("`{name}` may be any of {}: the whole name would tell", found.join(", "))),
        };
        let id = |of| named(taken, of, |words| self.ask_copy(words));
        let ids = id("^{commit}").zip(id(""));
        ids.ok_or_else(|| {
            if self.commit(taken).is_some() {
                format!("`{name}` is no branch or tag, and may be another commit by then")
            } else {
                format!("`{name}` is not the name of a commit here")
            }
        })
    }

    /// Whether the history here ends before its beginning.
    pub(crate) fn is_shallow(&self) -> bool {
        self.ours.path().join("shallow").metadata().is_ok_and(|meta| meta.len() > 0)
    }

    /// The repository's own settings, read as data, in order: (name, value).
    pub(crate) fn settings(&self) -> Result<Vec<(String, String)>, String> {
        let file = self.ours.path().join(THEIRS);
        let file = file.to_str().ok_or("its path is no text")?;
        let text = self.text(&["config", "--file", file, "--no-includes", "--null", "--list"])?;
        let pair = |one: &str| {
            let (name, value) = one.split_once('\n').unwrap_or((one, "true"));
            (name.to_owned(), value.to_owned())
        };
        Ok(text.split('\0').filter(|one| !one.is_empty()).map(pair).collect())
    }

    /// The references of another repository, at a path of this machine: `id name` a line.
    pub(crate) fn references_of(&self, other: &Path) -> Result<String, String> {
        let there = if other.join("HEAD").exists() { other.to_owned() } else { other.join(".git") };
        // its settings are not ours to follow
        let laid = lay(&there, &there, None).map_err(|e| format!("a place to look from can't be made: {e}"))?;
        let words = ["for-each-ref", "--format=%(objectname) %(refname)"];
        let bytes = self.ask_of(laid.path(), &words, (&self.top, &self.own.join("index")))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Whether a reference was written since (Unix seconds), as far as its file tells. The time of the inode can't be
    /// set back.
    pub(crate) fn was_written_since(&self, reference: &str, since: i64) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        let of = |name: &str| fs::symlink_metadata(self.common.join(name)).map(|meta| meta.ctime());
        of(reference).or_else(|_| of("packed-refs")).is_ok_and(|changed| changed >= since)
    }

    /// All of these commits, as they are: git shows none behind a NUL.
    pub(crate) fn whole(&self, words: &[&str]) -> Result<String, String> {
        let ours = self.ours.path();
        let tree = ours.join(NO_TREE);
        let listed = ours.join("listed");
        let kept = |e: io::Error| format!("what commits say can't be looked up: {e}");
        fs::write(&listed, self.history(&[&["rev-list"], words].concat())?).map_err(kept)?;
        let input = fs::File::open(&listed).map_err(kept)?;
        let bytes = self.ask_with(ours, &["cat-file", "--batch"], (&tree, &ours.join("none")), input.into())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn ask_of(&self, directory: &Path, words: &[&str], place: (&Path, &Path)) -> Result<Vec<u8>, String> {
        self.ask_with(directory, words, place, Stdio::null())
    }

    fn ask_with(
        &self,
        directory: &Path,
        words: &[&str],
        (tree, index): (&Path, &Path),
        input: Stdio,
    ) -> Result<Vec<u8>, String> {
        if words.iter().any(|word| word.starts_with("--output")) {
            return Err("git is asked, never told to write".to_owned());
        }
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", TELLING, "sh", self.git])
            .args(["--no-pager", "--no-replace-objects", "--no-optional-locks", "--literal-pathspecs"])
            .args(words)
            .env_clear()
            .envs([
                ("PATH", "/usr/bin:/bin"),
                ("HOME", "/nonexistent"),
                ("LC_ALL", "C"),
                ("GIT_CONFIG_NOSYSTEM", "1"),
                ("GIT_CONFIG_GLOBAL", "/dev/null"),
                ("GIT_ATTR_NOSYSTEM", "1"),
                ("GIT_NO_LAZY_FETCH", "1"),
                ("GIT_NO_REPLACE_OBJECTS", "1"),
                ("GIT_OPTIONAL_LOCKS", "0"),
                ("GIT_TERMINAL_PROMPT", "0"),
                ("GIT_ALLOW_PROTOCOL", ""),
            ])
            .env("GIT_DIR", directory)
            .env("GIT_WORK_TREE", tree)
            .env("GIT_INDEX_FILE", index)
            .current_dir(tree)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0);
        let mut child =
            tollgate_sys::limits::as_before(&mut command).spawn().map_err(|e| format!("git can't be started: {e}"))?;
        let group = i32::try_from(child.id()).map_err(|e| e.to_string())?;
        let handle = pidfd::open(group).ok();
        let output = child.stdout.take().ok_or("git has no output")?;
        let read = read(output.into(), self.until);
        // As long as its leader is not taken from the process table, the group's number is nobody else's.
        if read.is_err()
            && handle.is_some_and(|handle| pidfd::signal(handle.as_fd(), 0).is_ok())
            && killpg(Pid::from_raw(group), Signal::SIGKILL).is_err()
        {
            // it has ended by itself
        }
        // In a supervisor, the gate may have taken its end already: what became of git is told in its output.
        let _taken = child.wait();
        read.and_then(told)
    }
}

/// Tells git's status behind its output: a number behind a NUL.
const TELLING: &str = r#""$@"; printf '\0%d' "$?""#;

/// What git said, if it said all of it and succeeded.
fn told(mut bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let end = bytes.iter().rposition(|byte| *byte == 0).ok_or("what became of git is not known")?;
    let status = bytes.split_off(end);
    match status.get(1..).unwrap_or_default() {
        b"0" => Ok(bytes),
        b"" => Err("what became of git is not known".to_owned()),
        status => Err(format!("git did not answer (status {})", String::from_utf8_lossy(status))),
    }
}

fn read(output: OwnedFd, until: Instant) -> Result<Vec<u8>, String> {
    let mut output = fs::File::from(output);
    let (mut all, mut chunk) = (Vec::new(), [0_u8; 8 << 10]);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let mut fds = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        let wait = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        match poll(&mut fds, wait) {
            Ok(0) => return Err("git took too long".to_owned()),
            Ok(_) => {}
            Err(nix::Error::EINTR) => continue,
            Err(e) => return Err(format!("git can't be read: {e}")),
        }
        match output.read(&mut chunk) {
            Ok(0) => return Ok(all),
            Ok(n) => all.extend_from_slice(chunk.get(..n).unwrap_or_default()),
            Err(e) => return Err(format!("git can't be read: {e}")),
        }
        if all.len() > MOST {
            return Err("git says more than can be shown".to_owned());
        }
    }
}

fn place(start: &Path) -> Result<repository::Repository, String> {
    repository::Repository::find(start)?.ok_or_else(|| "no git repository is there".to_owned())
}

/// The id of what one name names, as git says that is asked.
fn named(name: &str, of: &str, ask: impl Fn(&[&str]) -> Result<Vec<u8>, String>) -> Option<String> {
    let odd = name.is_empty() || name.starts_with(['-', '^']) || name.contains("..") || name.contains(char::is_control);
    if odd {
        return None;
    }
    let bytes = ask(&["rev-parse", "-q", "--verify", &format!("{name}{of}")]).ok()?;
    let id = String::from_utf8(bytes).ok()?.lines().next()?.to_owned();
    (id.len() >= 40 && id.bytes().all(|b| b.is_ascii_hexdigit())).then_some(id)
}

fn absent(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// A small file as text: regular files only, nothing that blocks.
pub(crate) fn limited(file: &Path) -> io::Result<String> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC).open(file)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    file.take(32 << 20).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A git directory of ours, with links to what the repository has, or with what was copied from it.
fn lay(own: &Path, common: &Path, copied: Option<&Copied>) -> io::Result<TempDir> {
    let ours = tempfile::Builder::new().prefix("tollgate-evidence-").tempdir()?;
    let at = |name: &str| ours.path().join(name);
    for Laid { at: name, what } in copied.iter().flat_map(|copied| &copied.laid) {
        match what {
            Thing::Folder => fs::create_dir(at(name))?,
            Thing::File(bytes) => fs::write(at(name), bytes)?,
            Thing::Link(to) => symlink(to.as_path(), at(name))?,
        }
    }
    let live: &[&str] = match copied {
        Some(_) => &["objects", "logs", "refs/remotes"],
        None => &["objects", "logs", "refs", "packed-refs", "shallow"],
    };
    for name in live {
        if common.join(name).exists() {
            symlink(common.join(name), at(name))?;
        }
    }
    let head = copied.map_or_else(|| limited(&own.join("HEAD")), |copied| Ok(copied.head.clone()))?;
    let theirs =
        copied.map_or_else(|| limited(&common.join("config")).unwrap_or_default(), |copied| copied.config.clone());
    fs::create_dir(at(NO_TREE))?;
    fs::write(at("HEAD"), head)?;
    let lower = theirs.to_ascii_lowercase();
    fs::write(at(THEIRS), theirs)?;
    let wide = lower.lines().any(|line| line.replace([' ', '\t'], "") == "objectformat=sha256");
    let format = if wide {
        "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n"
    } else {
        "[core]\n\trepositoryformatversion = 0\n"
    };
    fs::write(at("config"), format!("{format}{SETTINGS}"))?;
    Ok(ours)
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn only_what_git_finished_is_an_answer() {
        assert_eq!(told(b"a\x00b\x000".to_vec()), Ok(b"a\x00b".to_vec()));
        assert_eq!(told(b"\x000".to_vec()), Ok(Vec::new()));
        for text in [&b""[..], b"a", b"a\x00", b"\x00128", b"a\x001", b"a\x00b"] {
            assert!(told(text.to_vec()).is_err(), "{text:?}");
        }
    }
}
