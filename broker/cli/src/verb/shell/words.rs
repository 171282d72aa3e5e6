//! What a call says: options of `tollgate run` first, then the shell's own words, from the first that is none of ours.

use std::ffi::{OsStr, OsString};
use std::io::IsTerminal as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use super::{real, stem};
use crate::args::Run;

/// The words of a call where this program was started under a shell's name: as a link, or as a login shell. None where it
/// was started under its own.
pub(crate) fn called(given: &[OsString]) -> bool {
    given.first().is_some_and(|name| kind_of(stem(name)).is_some())
}

/// The shell behind a name: `sh`, `-bash`, or anything that holds `bash` or `zsh`, as clients want it.
fn kind_of(stem: &[u8]) -> Option<&'static str> {
    let holds = |part: &str| stem.windows(part.len()).any(|window| window == part.as_bytes());
    let exact = real::NAMES.into_iter().find(|name| stem == name.as_bytes());
    exact.or_else(|| ["bash", "zsh"].into_iter().find(|part| holds(part)))
}

/// One call.
#[derive(Debug)]
pub(super) struct Spoken<'a> {
    /// The name that this program was started under, where that is a shell's.
    name: Option<&'a OsStr>,
    options: Vec<&'a OsString>,
    shell: Option<&'a OsStr>,
    words: &'a [OsString],
}

impl<'a> Spoken<'a> {
    /// Takes apart what this program was given. Under a shell's name all words are the shell's.
    pub(super) fn read(given: &'a [OsString]) -> Self {
        if called(given) {
            let (name, words) = given.split_first().map_or((None, given), |(name, words)| (Some(name), words));
            return Self { name: name.map(OsString::as_os_str), options: Vec::new(), shell: None, words };
        }
        let mut spoken =
            Self { name: None, options: Vec::new(), shell: None, words: given.get(2..).unwrap_or_default() };
        spoken.take_options();
        spoken
    }

    fn take_options(&mut self) {
        let ours = Run::options();
        while let [word, rest @ ..] = self.words {
            let bytes = word.as_bytes();
            if bytes == b"--" {
                self.words = rest;
                return;
            }
            let Some(long) = bytes.strip_prefix(b"--") else { return };
            let (name, glued) = match long.iter().position(|b| *b == b'=') {
                Some(at) => (long.get(..at).unwrap_or_default(), long.get(at + 1..)),
                None => (long, None),
            };
            if name == b"shell" {
                self.shell = glued.map(OsStr::from_bytes).or_else(|| rest.first().map(OsString::as_os_str));
                self.words = if glued.is_some() { rest } else { rest.get(1..).unwrap_or_default() };
                continue;
            }
            let Some((_, takes_value)) = ours.iter().find(|(option, _)| option.as_bytes() == name) else { return };
            let count = if *takes_value && glued.is_none() { 2 } else { 1 };
            self.options.extend(self.words.iter().take(count));
            self.words = self.words.get(count..).unwrap_or_default();
        }
    }

    /// `--shell`
    pub(super) fn shell(&self) -> Option<&'a OsStr> {
        self.shell
    }

    /// The shell that this program's name says.
    pub(super) fn kind(&self) -> Option<&'static str> {
        kind_of(stem(self.name?))
    }

    /// What the shell is given, without its name.
    pub(super) fn words(&self) -> &'a [OsString] {
        self.words
    }

    /// The name under which the shell is started: a login shell keeps its dash.
    pub(super) fn zeroth(&self, program: &Path) -> OsString {
        let plain = program.file_name().unwrap_or(program.as_os_str());
        let login = self.name.is_some_and(|name| name.as_bytes().starts_with(b"-"));
        let dash: &[u8] = if login { b"-" } else { b"" };
        OsString::from_vec([dash, plain.as_bytes()].concat())
    }

    /// The call as a run: its options, and the shell with its words as the command.
    pub(super) fn run(&self, program: &Path) -> Result<Run, clap::Error> {
        let (run, end) = (OsString::from("run"), OsString::from("--"));
        let zeroth = self.zeroth(program);
        let words = [&run].into_iter().chain(self.options.iter().copied()).chain([&end, &zeroth]).chain(self.words);
        Run::alone(&words.cloned().collect::<Vec<_>>())
    }

    /// The text behind `-c`, wherever the shell's options put it: `-c TEXT`, `-lc TEXT`, `-c -l TEXT`, `-o pipefail -c TEXT`.
    pub(super) fn text(&self) -> Option<&'a OsStr> {
        let mut words = self.words.iter();
        let mut commands = false;
        while let Some(word) = words.next() {
            let bytes = word.as_bytes();
            if !bytes.starts_with(b"-") && !bytes.starts_with(b"+") || bytes == b"-" || bytes == b"--" {
                let text = if bytes == b"--" || bytes == b"-" { words.next() } else { Some(word) };
                return text.filter(|_| commands).map(OsString::as_os_str);
            }
            if bytes.starts_with(b"--") {
                // of bash's long options these take a value
                if matches!(bytes, b"--rcfile" | b"--init-file") {
                    words.next();
                }
                continue;
            }
            commands |= bytes.starts_with(b"-") && bytes.contains(&b'c');
            if bytes.ends_with(b"o") || bytes.ends_with(b"O") {
                words.next();
            }
        }
        None
    }

    /// Whether a person types at it: asked for (`-i`), or a terminal and nothing else to read.
    pub(super) fn is_interactive(&self) -> bool {
        let short = |word: &&OsString| word.as_bytes().starts_with(b"-") && !word.as_bytes().starts_with(b"--");
        let asked = self.words.iter().take_while(short).any(|word| word.as_bytes().contains(&b'i'));
        let plain = self.words.iter().all(|word| word.as_bytes().starts_with(b"-"));
        self.text().is_none() && (asked || plain && std::io::stdin().is_terminal())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn given(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn names_of_shells() {
        let table = [
            ("bash", Some("bash")),
            ("/x/wrap/zsh", Some("zsh")),
            ("-sh", Some("sh")),
            ("/opt/tollgate-bash", Some("bash")),
            ("my-zsh", Some("zsh")),
            ("tollgate", None),
            ("/usr/bin/tollgate", None),
            ("dash", Some("dash")),
            ("ssh", None),
        ];
        for (name, kind) in table {
            assert_eq!(kind_of(stem(OsStr::new(name))), kind, "{name}");
        }
    }

    #[test]
    fn ours_come_first() {
        let table = [
            ("tollgate shell -c x", "", None, "-c x"),
            ("tollgate shell --ci --net a:1 -lc x", "--ci --net a:1", None, "-lc x"),
            ("tollgate shell --shell zsh --profile=a -- -c x", "--profile=a", Some("zsh"), "-c x"),
            ("tollgate shell --norc --noprofile -c x", "", None, "--norc --noprofile -c x"),
            ("tollgate shell --login --ci", "", None, "--login --ci"),
            ("tollgate shell --shell=/bin/sh f a", "", Some("/bin/sh"), "f a"),
            ("bash --ci -c x", "", None, "--ci -c x"),
        ];
        let joined =
            |words: Vec<&OsString>| words.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ");
        for (line, options, shell, words) in table {
            let given = given(line);
            let spoken = Spoken::read(&given);
            assert_eq!(joined(spoken.options.clone()), options, "{line}");
            assert_eq!(spoken.shell, shell.map(OsStr::new), "{line}");
            assert_eq!(joined(spoken.words.iter().collect()), words, "{line}");
        }
    }

    #[test]
    fn texts() {
        let table = [
            ("bash -c x", Some("x")),
            ("bash -lc x y", Some("x")),
            ("bash -ilc x", Some("x")),
            ("bash -c -l x", Some("x")),
            ("bash --norc --noprofile -c x", Some("x")),
            ("bash --rcfile f -c x", Some("x")),
            ("bash -o pipefail -ec x", Some("x")),
            ("bash -eo pipefail -c x", Some("x")),
            ("bash -c -- x", Some("x")),
            ("bash script -c x", None),
            ("bash -x script", None),
            ("bash", None),
            ("bash -c", None),
        ];
        for (line, text) in table {
            let given = given(line);
            assert_eq!(Spoken::read(&given).text(), text.map(OsStr::new), "{line}");
        }
    }
}
