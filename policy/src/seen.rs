//! A command as rules see it: all names that it goes by, and where its own argv may begin.

use crate::action::{Exec, Form};
use crate::path::AbsPath;
use crate::raw::Raw;

/// The program whose subcommands are programs too.
pub(crate) const GIT: &[u8] = b"git";

/// A command as rules see it.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) exec: &'a Exec,
    /// Every name that it goes by, each once.
    pub(crate) names: Vec<&'a [u8]>,
    /// Executable, script, loader: what may be named by an `executable` glob.
    pub(crate) paths: Vec<&'a AbsPath>,
    /// Where in argv the program's own argv may begin; 0 always.
    starts: Vec<usize>,
    /// `git-push X` as `git push X`.
    as_git: Option<Vec<Raw>>,
}

impl<'a> Seen<'a> {
    pub(crate) fn new(exec: &'a Exec) -> Self {
        let mut seen = Self { exec, names: Vec::new(), paths: Vec::new(), starts: vec![0], as_git: None };
        seen.name(base(exec.given.bytes()));
        if let Some(zero) = exec.argv.first() {
            seen.zero(zero);
        }
        seen.path(exec.image.executable.as_ref());
        match &exec.image.form {
            Form::Native => {}
            Form::Script { script } => {
                seen.path(script.as_ref());
                seen.script_start(script.as_ref());
            }
            Form::Loader { loader } => {
                seen.path(Some(loader));
                seen.loader_starts();
            }
        }
        seen.git();
        seen
    }

    /// The argvs that the program may be run with.
    pub(crate) fn argvs(&self) -> impl Iterator<Item = &'a [Raw]> {
        self.starts.iter().filter_map(|start| self.exec.argv.get(*start..))
    }

    /// A subcommand of git by its own name (`git-push`), as git reads it.
    pub(crate) fn as_git(&self) -> Option<&[Raw]> {
        self.as_git.as_deref()
    }

    /// Every name under which a rule may be filed.
    pub(crate) fn filed(&self) -> impl Iterator<Item = &[u8]> {
        self.names.iter().copied().chain(self.as_git.as_ref().map(|_| GIT))
    }

    /// All words that stand behind a program's name.
    pub(crate) fn words(&self) -> impl Iterator<Item = &[u8]> {
        let own = self.exec.argv.get(1..).unwrap_or_default();
        let git = self.as_git.as_deref().and_then(|argv| argv.get(1));
        own.iter().chain(git).map(Raw::bytes)
    }

    /// The resolved executable's name, as bytes.
    pub(crate) fn resolved(&self) -> Option<&'a [u8]> {
        self.exec.image.executable.as_ref().and_then(bytes_of_name)
    }

    fn name(&mut self, name: &'a [u8]) {
        if !name.is_empty() && !self.names.contains(&name) {
            self.names.push(name);
        }
    }

    /// `argv[0]`; a login shell's begins with a dash (login(1)).
    fn zero(&mut self, zero: &'a Raw) {
        let zero = base(zero.bytes());
        self.name(zero);
        if let Some(login) = zero.strip_prefix(b"-") {
            self.name(login);
        }
    }

    /// `git-push` is `git push`: git finds its subcommands so (git(1), "--exec-path"), and is all of them itself when it
    /// is started by such a name.
    fn git(&mut self) {
        let Some(sub) = self.names.iter().find_map(|name| name.strip_prefix(b"git-").filter(|sub| !sub.is_empty()))
        else {
            return;
        };
        let start = self.starts.last().copied().unwrap_or_default();
        let behind = self.exec.argv.get(start + 1..).unwrap_or_default();
        let head = [Raw(GIT.to_vec()), Raw(sub.to_vec())];
        self.as_git = Some(head.into_iter().chain(behind.iter().cloned()).collect());
    }

    fn path(&mut self, path: Option<&'a AbsPath>) {
        if let Some(path) = path {
            self.name(bytes_of_name(path).unwrap_or_default());
            self.paths.push(path);
        }
    }

    /// At the exec stop a script's argv is the interpreter, perhaps one argument, the script, the rest
    /// (execve(2), "Interpreter scripts").
    fn script_start(&mut self, script: Option<&'a AbsPath>) {
        let Some(name) = script.and_then(bytes_of_name) else {
            return;
        };
        let at = |i: &usize| self.exec.argv.get(*i).is_some_and(|word| base(word.bytes()) == name);
        if let Some(start) = [1, 2].into_iter().find(at) {
            self.starts.push(start);
        }
    }

    /// Behind the loader's own options (ld.so(8), and musl's), and where the loaded program is named.
    fn loader_starts(&mut self) {
        const WITH_VALUE: [&[u8]; 7] = [
            b"--library-path",
            b"--inhibit-rpath",
            b"--audit",
            b"--preload",
            b"--argv0",
            b"--glibc-hwcaps-prepend",
            b"--glibc-hwcaps-mask",
        ];
        let argv = &self.exec.argv;
        let mut at = 1;
        while let Some(word) = argv.get(at).map(Raw::bytes).filter(|word| word.starts_with(b"-")) {
            at += if WITH_VALUE.contains(&word) { 2 } else { 1 };
            if word == b"--" {
                break;
            }
        }
        let name = self.resolved();
        let named = argv.iter().skip(1).position(|word| Some(base(word.bytes())) == name).map(|i| i + 1);
        for start in [Some(at), named].into_iter().flatten() {
            if let Some(word) = argv.get(start).filter(|_| !self.starts.contains(&start)) {
                self.name(base(word.bytes()));
                self.starts.push(start);
            }
        }
    }
}

/// What is behind the last slash.
pub(crate) fn base(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or_default()
}

/// A path's last component, as bytes.
pub(crate) fn bytes_of_name(path: &AbsPath) -> Option<&[u8]> {
    use std::os::unix::ffi::OsStrExt as _;
    path.name().map(std::ffi::OsStr::as_bytes)
}
