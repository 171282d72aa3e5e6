//! Which program an exec names: looked up as the caller would, without letting go of the object found; and what
//! must therefore be found at the exec stop.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{FileStat, fstat};
use tollgate_deputy::content::opened;
use tollgate_policy::action::{Exec, Form, Image};
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;
use tollgate_sys::ptrace;

use crate::image::{self, Format};
use crate::loader;

/// Scripts may name scripts as interpreters this often (`exec_binprm` of fs/exec.c).
const NESTING: usize = 5;
/// How many files' formats are remembered.
const REMEMBERED: usize = 4096;

/// An exec as its caller asked for it: strings copied from its memory, good for a first look only.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The calling thread.
    pub(crate) tid: i32,
    /// Directory descriptor of `execveat`; none for the working directory.
    pub(crate) dir: Option<i32>,
    /// Path as given.
    pub(crate) path: Vec<u8>,
    /// argv.
    pub(crate) argv: Vec<Vec<u8>>,
}

/// What a first look says.
#[derive(Debug)]
pub(crate) enum Look {
    /// This would run.
    Program(Box<Program>),
    /// The kernel would refuse with this errno.
    Fails(i32),
}

/// A program about to run.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// What is judged: the command as it was meant, and for scripts the interpreter's command too.
    pub(crate) execs: Vec<Exec>,
    /// What must be found at the exec stop; none where only the kernel knows what will run.
    pub(crate) expected: Option<Expected>,
}

/// The image and arguments that must be found at the exec stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Device and inode.
    pub(crate) file: (u64, u64),
    /// argv, each with its NUL: as `/proc/PID/cmdline` shows it.
    pub(crate) cmdline: Vec<u8>,
}

/// Looks programs up as the sandbox sees them.
#[derive(Debug)]
pub(crate) struct Programs {
    /// The sandbox's root directory: it can't be changed inside (`chroot`, `pivot_root` and `setns` are refused).
    root: OwnedFd,
    /// Roots that can be written from inside, without symlinks.
    writable: Vec<AbsPath>,
    formats: HashMap<(u64, u64, i64, i64, i64), Format>,
}

/// An exec while it is looked at.
struct Attempt<'a> {
    asked: &'a Asked,
    cwd: AbsPath,
    argv: Vec<Vec<u8>>,
}

impl<'a> Attempt<'a> {
    fn new(asked: &'a Asked) -> io::Result<Self> {
        // the kernel puts an empty argv[0] where there is none (Linux 5.18, commit dcd46d897adb)
        let argv = if asked.argv.is_empty() { vec![Vec::new()] } else { asked.argv.clone() };
        Ok(Self { asked, cwd: directory(asked.tid, None)?, argv })
    }

    fn exec(&self, image: Image, argv: &[Vec<u8>]) -> Exec {
        Exec {
            given: Raw(self.asked.path.clone()),
            image,
            argv: argv.iter().cloned().map(Raw).collect(),
            cwd: self.cwd.clone(),
        }
    }

    /// A program whose name leads through a magic link: it is judged by its words now, and at the exec stop by
    /// what stands there.
    fn unclear(&self) -> Program {
        let executable = AbsPath::new(Path::new(std::ffi::OsStr::from_bytes(&self.asked.path))).ok();
        let image = Image { executable, form: Form::Native, writable: true, sha256: None };
        Program { execs: vec![self.exec(image, &self.argv)], expected: None }
    }
}

struct Object {
    handle: OwnedFd,
    stat: FileStat,
    path: Option<AbsPath>,
}

impl Object {
    fn new(handle: OwnedFd) -> Result<Self, Errno> {
        let stat = fstat(&handle)?;
        let path = if stat.st_nlink == 0 { None } else { name_of(handle.as_fd()) };
        Ok(Self { handle, stat, path })
    }
}

impl Programs {
    pub(crate) fn new(root: OwnedFd, writable: Vec<AbsPath>) -> Self {
        Self { root, writable, formats: HashMap::new() }
    }

    /// The first look at an exec.
    pub(crate) fn look(&mut self, asked: &Asked) -> io::Result<Look> {
        // Looked for along PATH, most programs are not there: that needs no directory.
        let absolute = asked.path.starts_with(b"/").then(|| self.open(asked, &AbsPath::root()));
        if let Some(Err(errno @ (Errno::ENOENT | Errno::ENOTDIR))) = absolute {
            return Ok(Look::Fails(errno as i32));
        }
        let attempt = Attempt::new(asked)?;
        let object = match absolute.unwrap_or_else(|| self.open(asked, &attempt.cwd)).and_then(Object::new) {
            Ok(object) => object,
            Err(Errno::ELOOP | Errno::EXDEV | Errno::EAGAIN) => {
                return Ok(Look::Program(Box::new(attempt.unclear())));
            }
            Err(errno) => return Ok(Look::Fails(errno as i32)),
        };
        let stat = &object.stat;
        if stat.st_mode & libc::S_IFMT != libc::S_IFREG || stat.st_mode & 0o111 == 0 {
            return Ok(Look::Fails(libc::EACCES));
        }
        let program = self.program(&attempt, &object)?;
        Ok(program.map_or(Look::Fails(libc::ENOENT), |program| Look::Program(Box::new(program))))
    }

    /// What would run; none where a script's interpreter is missing.
    fn program(&mut self, attempt: &Attempt<'_>, object: &Object) -> io::Result<Option<Program>> {
        let argv = &attempt.argv;
        let (execs, expected) = match self.format_of(object)? {
            Format::Native => (vec![attempt.exec(self.image(object, Form::Native), argv)], Some(expect(object, argv))),
            Format::Unknown => (vec![attempt.exec(self.image(object, Form::Native), argv)], None),
            Format::Loader => {
                let (image, line) = self.loaded(attempt.asked, &attempt.cwd, object, argv);
                (vec![attempt.exec(image, &line)], Some(expect(object, argv)))
            }
            Format::Script { interpreter, argument } => {
                let Some((found, line)) = self.interpreter(attempt, (interpreter, argument))? else {
                    return Ok(None);
                };
                let mut meant = self.image(&found, Form::Script { script: object.path.clone() });
                meant.writable |= self.is_writable(object);
                let given = Raw(line.first().cloned().unwrap_or_default());
                // the loader as interpreter runs the program that the script's first line names behind it
                let (image, words) = match self.format_of(&found)? {
                    Format::Loader => self.loaded(attempt.asked, &attempt.cwd, &found, &line),
                    Format::Native | Format::Script { .. } | Format::Unknown => {
                        (self.image(&found, Form::Native), line.clone())
                    }
                };
                let inner = Exec { given, ..attempt.exec(image, &words) };
                (vec![attempt.exec(meant, argv), inner], Some(expect(&found, &line)))
            }
        };
        Ok(Some(Program { execs, expected }))
    }

    /// Follows `#!` lines to the program that runs at last; none where one of them is missing.
    fn interpreter(
        &mut self,
        attempt: &Attempt<'_>,
        first: (Vec<u8>, Option<Vec<u8>>),
    ) -> io::Result<Option<(Object, Vec<Vec<u8>>)>> {
        let asked = attempt.asked;
        let mut name = script_name(asked);
        let mut rest = attempt.argv.get(1..).unwrap_or_default().to_vec();
        let (mut interpreter, mut argument) = first;
        for _ in 0..NESTING {
            let mut line = vec![interpreter.clone()];
            line.extend(argument);
            line.push(name);
            line.append(&mut rest);
            let inner = Asked { tid: asked.tid, dir: None, path: interpreter.clone(), argv: Vec::new() };
            let Ok(object) = self.object(&inner, &attempt.cwd) else {
                return Ok(None);
            };
            match self.format_of(&object)? {
                Format::Script { interpreter: next, argument: its } => {
                    name = interpreter;
                    rest = line.split_off(1);
                    (interpreter, argument) = (next, its);
                }
                Format::Native | Format::Loader | Format::Unknown => {
                    return Ok(Some((object, line)));
                }
            }
        }
        Ok(None)
    }

    /// The image of a program that the loader was told to run. Only a program that nobody inside can swap after
    /// this look counts; any other has no executable, which the judge refuses.
    fn loaded(&mut self, asked: &Asked, cwd: &AbsPath, object: &Object, argv: &[Vec<u8>]) -> (Image, Vec<Vec<u8>>) {
        let loader = object.path.clone().unwrap_or_else(AbsPath::root);
        let Some(at) = loader::program(argv) else {
            return (self.image(object, Form::Native), argv.to_vec());
        };
        let line = argv.get(at..).unwrap_or_default().to_vec();
        let path = line.first().cloned().unwrap_or_default();
        let inner = Asked { tid: asked.tid, dir: None, path, argv: Vec::new() };
        let named = absolute(&inner, cwd).ok().and_then(|path| AbsPath::new(path).ok());
        let program = self.object(&inner, cwd).ok();
        let executable = program
            .filter(|program| !self.is_writable(program))
            .filter(|_| named.is_some_and(|path| !self.beneath_writable(&path)))
            .and_then(|program| program.path);
        (Image { executable, form: Form::Loader { loader }, writable: false, sha256: None }, line)
    }

    fn image(&self, object: &Object, form: Form) -> Image {
        Image { executable: object.path.clone(), form, writable: self.is_writable(object), sha256: None }
    }

    fn is_writable(&self, object: &Object) -> bool {
        object.path.as_ref().is_none_or(|path| self.beneath_writable(path))
    }

    /// Roots that can be written from inside.
    pub(crate) fn writable(&self) -> &[AbsPath] {
        &self.writable
    }

    /// Whether something inside can change what a path leads to.
    pub(crate) fn beneath_writable(&self, path: &AbsPath) -> bool {
        self.writable.iter().any(|root| path.is_within(root))
    }

    fn object(&self, asked: &Asked, cwd: &AbsPath) -> Result<Object, Errno> {
        Object::new(self.open(asked, cwd)?)
    }

    /// A handle on the object that the path means to the caller. A path through its own /proc/self is followed
    /// as itself; other magic links are left to the exec stop.
    fn open(&self, asked: &Asked, cwd: &AbsPath) -> Result<OwnedFd, Errno> {
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        if asked.path.is_empty() {
            let fd = asked.dir.ok_or(Errno::ENOENT)?;
            return nix::fcntl::open(
                format!("/proc/{}/fd/{fd}", asked.tid).as_str(),
                flags,
                nix::sys::stat::Mode::empty(),
            );
        }
        if let Some(link) = own_link(&asked.path) {
            let path = format!("/proc/{}/{link}", asked.tid);
            return nix::fcntl::open(path.as_str(), flags, nix::sys::stat::Mode::empty());
        }
        let path = absolute(asked, cwd)?;
        let how =
            OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        openat2(&self.root, path.as_path(), how)
    }

    fn format_of(&mut self, object: &Object) -> io::Result<Format> {
        let s = &object.stat;
        let key = (s.st_dev ^ (s.st_ino << 20), s.st_ino, s.st_size, s.st_ctime, s.st_ctime_nsec);
        if s.st_mode & libc::S_IFMT != libc::S_IFREG {
            // the kernel runs nothing else; and opening a pipe waits for its writer, opening a device may start it
            return Ok(Format::Unknown);
        }
        let stable = !self.is_writable(object);
        if stable && let Some(known) = self.formats.get(&key) {
            return Ok(known.clone());
        }
        let file = opened(Path::new(&format!("/proc/self/fd/{}", object.handle.as_raw_fd())))?;
        let format = image::format(&file)?;
        if stable {
            if self.formats.len() >= REMEMBERED {
                self.formats.clear();
            }
            self.formats.insert(key, format.clone());
        }
        Ok(format)
    }

    /// The unix socket that a path means to the caller, held, and its path; or the errno that it gets.
    pub(crate) fn socket(&self, asked: &Asked) -> Result<(OwnedFd, AbsPath), i32> {
        let cwd = directory(asked.tid, None).map_err(|_| libc::ENOENT)?;
        let object = self.object(asked, &cwd).map_err(|errno| errno as i32)?;
        if object.stat.st_mode & libc::S_IFMT != libc::S_IFSOCK {
            return Err(libc::ECONNREFUSED);
        }
        Ok((object.handle, object.path.ok_or(libc::ECONNREFUSED)?))
    }

    /// What stands at the exec stop of a program that the first look could not name.
    pub(crate) fn found(&mut self, tid: i32, asked: &Asked) -> io::Result<Exec> {
        let cwd = directory(tid, None)?;
        let handle = nix::fcntl::open(
            format!("/proc/{tid}/exe").as_str(),
            OFlag::O_PATH | OFlag::O_CLOEXEC,
            nix::sys::stat::Mode::empty(),
        )?;
        let object = Object::new(handle)?;
        let argv = split(&cmdline(tid)?);
        let (image, argv) = match self.format_of(&object)? {
            Format::Loader => self.loaded(asked, &cwd, &object, &argv),
            Format::Native | Format::Script { .. } | Format::Unknown => (self.image(&object, Form::Native), argv),
        };
        Ok(Exec { given: Raw(asked.path.clone()), image, argv: argv.into_iter().map(Raw).collect(), cwd })
    }
}

/// What of a thread at its exec stop is not as expected. Its address space is new, and nobody inside can write there
/// (`/proc/PID/mem` is beneath no writable root, `process_vm_writev` and `ptrace` are refused).
pub(crate) fn differs(tid: i32, expected: &Expected) -> io::Result<Option<&'static str>> {
    let stat = nix::sys::stat::stat(format!("/proc/{tid}/exe").as_str())?;
    if (stat.st_dev, stat.st_ino) != expected.file {
        return Ok(Some("another executable stands there"));
    }
    let count = expected.cmdline.split(|byte| *byte == 0).skip(1).count() as u64;
    let is_same = match ptrace::arguments(tid, expected.cmdline.len()) {
        Ok(found) => found.0 == count && found.1 == expected.cmdline,
        // fewer arguments than expected may end where the stack does
        Err(err) if matches!(err.raw_os_error(), Some(libc::ENOSYS | libc::EFAULT)) => {
            cmdline(tid)? == expected.cmdline
        }
        Err(err) => return Err(err),
    };
    Ok((!is_same).then_some("its arguments changed"))
}

/// The bytes of `/proc/TID/cmdline`.
pub(crate) fn cmdline(tid: i32) -> io::Result<Vec<u8>> {
    std::fs::read(format!("/proc/{tid}/cmdline"))
}

/// argv from NUL-terminated strings.
pub(crate) fn split(cmdline: &[u8]) -> Vec<Vec<u8>> {
    let body = cmdline.strip_suffix(b"\0").unwrap_or(cmdline);
    body.split(|&b| b == 0).map(<[u8]>::to_vec).collect()
}

/// A thread's working directory, or the directory behind one of its descriptors.
pub(crate) fn directory(tid: i32, dir: Option<i32>) -> io::Result<AbsPath> {
    let link = match dir {
        Some(fd) => format!("/proc/{tid}/fd/{fd}"),
        None => format!("/proc/{tid}/cwd"),
    };
    let path = std::fs::read_link(link)?;
    AbsPath::new(path).map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault))
}

fn absolute(asked: &Asked, cwd: &AbsPath) -> Result<PathBuf, Errno> {
    let path = Path::new(std::ffi::OsStr::from_bytes(&asked.path));
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    match asked.dir {
        None => Ok(cwd.as_path().join(path)),
        Some(fd) => {
            let base = directory(asked.tid, Some(fd)).map_err(|_| Errno::EBADF)?;
            Ok(base.as_path().join(path))
        }
    }
}

/// What `/proc/self/fd/N` and its like mean, and `/proc/self/exe`: a link in the process's own folder of `/proc`, which
/// leads to an object and not to a name.
fn own_link(path: &[u8]) -> Option<String> {
    let path = std::str::from_utf8(path).ok()?;
    let own = ["/proc/self/", "/proc/thread-self/"].iter().find_map(|head| path.strip_prefix(head));
    if own == Some("exe") {
        return Some("exe".to_owned());
    }
    let number = own.and_then(|rest| rest.strip_prefix("fd/")).or_else(|| path.strip_prefix("/dev/fd/"))?;
    number.parse().ok().filter(|&n: &i32| n >= 0).map(|n| format!("fd/{n}"))
}

/// How the kernel calls a script to its interpreter.
fn script_name(asked: &Asked) -> Vec<u8> {
    match asked.dir {
        Some(fd) if asked.path.is_empty() => format!("/dev/fd/{fd}").into_bytes(),
        Some(fd) if !asked.path.starts_with(b"/") => [format!("/dev/fd/{fd}/").as_bytes(), &asked.path].concat(),
        _ => asked.path.clone(),
    }
}

fn name_of(handle: BorrowedFd<'_>) -> Option<AbsPath> {
    let path = std::fs::read_link(format!("/proc/self/fd/{}", handle.as_raw_fd())).ok()?;
    AbsPath::new(path).ok()
}

fn expect(object: &Object, argv: &[Vec<u8>]) -> Expected {
    let mut cmdline = Vec::with_capacity(argv.iter().map(|a| a.len() + 1).sum());
    for arg in argv {
        cmdline.extend_from_slice(arg);
        cmdline.push(0);
    }
    Expected { file: (object.stat.st_dev, object.stat.st_ino), cmdline }
}

#[cfg(test)]
#[path = "program_tests.rs"]
mod tests;
