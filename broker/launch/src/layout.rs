//! What guard and command will do, prepared to the last byte before anything is forked.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use tollgate_policy::boundary::{self, Root};
use tollgate_sys::landlock::{Rights, Ruleset};
use tollgate_sys::namespaces::{Maps, Set};
use tollgate_sys::process::Image;

use crate::attempt::{Attempt, Masks};
use crate::command::Command;
use crate::fault::LaunchError;
use crate::hide::Kind;
use crate::plan::Plan;
use crate::terminal::Terminal;

const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];
const SHARED_MEMORY: &str = "/dev/shm";
const PROC: &str = "/proc";

/// A mount to be made, in order.
#[derive(Debug)]
pub(crate) enum Mount {
    /// The private temp directory at a usual place.
    Temp(CString),
    /// Fresh shared memory.
    Scratch(CString),
    /// Nothing to be seen in a directory.
    EmptyDirectory(CString),
    /// Nothing to be read in a file.
    EmptyFile(CString),
    /// Not to be written.
    Frozen(CString),
}

impl Mount {
    /// Where the private temp directory is shown.
    pub(crate) fn temporary(&self) -> Option<&CStr> {
        match self {
            Self::Temp(at) => Some(at),
            Self::Scratch(_) | Self::EmptyDirectory(_) | Self::EmptyFile(_) | Self::Frozen(_) => None,
        }
    }
}

/// What guard and command will do.
#[derive(Debug)]
pub(crate) struct Layout<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) set: Set,
    pub(crate) maps: Option<Maps>,
    pub(crate) temp: CString,
    /// Paths beneath a place that will be covered, to be shown again where they were.
    pub(crate) carried: Vec<CString>,
    pub(crate) mounts: Vec<Mount>,
    /// Roots that only exist once guard and mounts are there.
    pub(crate) late: Vec<(CString, Rights)>,
    pub(crate) cwd: CString,
    pub(crate) image: Image,
    pub(crate) terminal: Option<&'a Terminal>,
}

impl<'a> Layout<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        attempt: &Attempt,
        (command, terminal): (&Command, Option<&'a Terminal>),
    ) -> Result<Self, LaunchError> {
        let set = attempt.set;
        let mut layout = Self {
            plan,
            set,
            maps: set.has(Set::USER).then(Maps::same),
            temp: text("the temp directory", plan.temp.path())?,
            carried: Vec::new(),
            mounts: Vec::new(),
            late: Vec::new(),
            cwd: text("the working directory", &command.cwd)?,
            image: image(command, plan, set)?,
            terminal,
        };
        if set.has(Set::MOUNT) {
            layout.mounts(attempt, &command.cwd)?;
        }
        layout.late = layout.late()?;
        Ok(layout)
    }

    fn mounts(&mut self, attempt: &Attempt, cwd: &Path) -> Result<(), LaunchError> {
        let roots = || self.plan.roots.iter().map(|root| root.path.as_path());
        // Who names such a place as a root means the one that all share.
        let private = |place: &&str| roots().all(|root| root != Path::new(place));
        let temporary: Vec<&str> = TEMPORARY.into_iter().filter(private).collect();
        let mut carried: Vec<&Path> = roots()
            .chain([cwd])
            .filter(|path| temporary.iter().any(|place| path.starts_with(place) && *path != Path::new(place)))
            .filter(|path| !path.starts_with(self.plan.temp.path()))
            .collect();
        carried.sort_unstable();
        carried.dedup_by(|inner, outer| inner.starts_with(*outer));
        self.carried = carried.into_iter().map(|path| text("a root", path)).collect::<Result<_, _>>()?;
        for place in &temporary {
            self.mounts.push(Mount::Temp(text("a path", place)?));
        }
        if private(&SHARED_MEMORY) {
            self.mounts.push(Mount::Scratch(text("a path", SHARED_MEMORY)?));
        }
        if attempt.masks == Masks::Laid {
            self.masks()?;
        }
        Ok(())
    }

    fn masks(&mut self) -> Result<(), LaunchError> {
        for found in &self.plan.protected {
            self.mounts.push(Mount::Frozen(text("a protected path", &found.path)?));
        }
        for found in &self.plan.hidden {
            let path = text("a hidden path", &found.path)?;
            self.mounts.push(match found.kind {
                Kind::Directory => Mount::EmptyDirectory(path),
                Kind::File => Mount::EmptyFile(path),
            });
        }
        Ok(())
    }

    /// The roots that only exist later, where they are seen inside.
    fn late(&self) -> Result<Vec<(CString, Rights)>, LaunchError> {
        let mut late = Vec::new();
        for root in self.plan.roots.iter().filter(|root| self.is_late(root)) {
            let path = inside(root.path.as_path(), self.plan, self.set);
            late.push((text("a root", path)?, rights(root.rights)));
        }
        if self.fresh().contains(&Path::new(SHARED_MEMORY)) {
            let all = Rights { read: true, write: true, execute: false, device: false };
            late.push((text("a path", SHARED_MEMORY)?, all));
        }
        Ok(late)
    }

    fn is_late(&self, root: &Root) -> bool {
        let path = root.path.as_path();
        path.starts_with(self.plan.temp.path()) || self.fresh().iter().any(|place| path.starts_with(place))
    }

    /// The rules for all roots that exist now; none without Landlock.
    pub(crate) fn rules(&self) -> io::Result<Option<Ruleset>> {
        if self.plan.landlock_abi() == 0 {
            return Ok(None);
        }
        let rules = Ruleset::create(self.plan.probe.landlock_abi, &self.plan.governed)?;
        let mut lookup = Lookup::default();
        for root in self.plan.roots.iter().filter(|root| !self.is_late(root)) {
            if let Some(object) = lookup.object(root.path.as_path())? {
                rules.allow(object, rights(root.rights))?;
            }
        }
        if let Some(slave) = self.terminal.map(Terminal::slave) {
            rules.allow(slave, Rights { device: true, ..Rights::default() })?;
        }
        Ok(Some(rules))
    }

    /// Places where a new file system will be, so that what is there now is not what will be.
    fn fresh(&self) -> Vec<&'static Path> {
        let shared = self.mounts.iter().any(|mount| matches!(mount, Mount::Scratch(_)));
        let proc = self.set.has(Set::PID.with(Set::MOUNT));
        [(shared, SHARED_MEMORY), (proc, PROC)].into_iter().filter(|(is, _)| *is).map(|(_, at)| Path::new(at)).collect()
    }
}

fn text(what: &'static str, path: impl AsRef<OsStr>) -> Result<CString, LaunchError> {
    CString::new(path.as_ref().as_bytes()).map_err(|_| LaunchError::Nul(what))
}

fn rights(of: boundary::Rights) -> Rights {
    Rights { read: of.read, execute: of.execute, write: of.write, device: of.device }
}

/// The object at a root; none if there is none, or none that the caller could reach either.
fn object(path: &Path) -> io::Result<Option<OwnedFd>> {
    match open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()) {
        Ok(object) => Ok(Some(object)),
        Err(nix::Error::ENOENT | nix::Error::ENOTDIR | nix::Error::EACCES | nix::Error::ELOOP) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

/// Looks up roots. Of many beneath one directory that is missing only the first two are looked for.
#[derive(Default)]
struct Lookup<'a> {
    missing: Vec<&'a Path>,
    /// Parents in which a root was found, or that were found themselves.
    there: Vec<&'a Path>,
    /// Parents in which a root was not found.
    doubtful: Vec<&'a Path>,
}

impl<'a> Lookup<'a> {
    fn object(&mut self, path: &'a Path) -> io::Result<Option<OwnedFd>> {
        let bytes = path.as_os_str().as_bytes();
        let beneath =
            |above: &&Path| bytes.strip_prefix(above.as_os_str().as_bytes()).is_some_and(|rest| rest.starts_with(b"/"));
        if self.missing.iter().any(beneath) {
            return Ok(None);
        }
        let found = object(path)?;
        let Some(parent) = path.parent().filter(|parent| !holds(&self.there, parent)) else { return Ok(found) };
        if found.is_some() {
            self.there.push(parent);
        } else if !holds(&self.doubtful, parent) {
            self.doubtful.push(parent);
        } else if object(parent)?.is_some() {
            self.there.push(parent);
        } else {
            self.missing.push(parent);
        }
        Ok(found)
    }
}

/// By bytes: roots are normalised, and a path compares by component.
fn holds(list: &[&Path], path: &Path) -> bool {
    list.iter().rev().any(|one| one.as_os_str() == path.as_os_str())
}

/// A path as it is seen inside: the private temp directory is `/tmp` in a mount namespace.
fn inside(path: &Path, plan: &Plan, set: Set) -> PathBuf {
    match path.strip_prefix(plan.temp.path()) {
        Ok(rest) if set.has(Set::MOUNT) && rest.as_os_str().is_empty() => "/tmp".into(),
        Ok(rest) if set.has(Set::MOUNT) => Path::new("/tmp").join(rest),
        _ => path.to_owned(),
    }
}

fn image(command: &Command, plan: &Plan, set: Set) -> Result<Image, LaunchError> {
    let mut env = Vec::with_capacity(command.env.len() + 1);
    let temp = (OsString::from("TMPDIR"), plan.temp.path().as_os_str().to_owned());
    for (name, value) in command.env.iter().filter(|(name, _)| name != "TMPDIR").chain([&temp]) {
        let mut pair = name.clone();
        pair.push("=");
        pair.push(inside(Path::new(value), plan, set));
        env.push(CString::new(pair.into_vec()).map_err(|_| LaunchError::Nul("the environment"))?);
    }
    let argv = command.argv.iter().map(|arg| text("an argument", arg)).collect::<Result<_, _>>()?;
    Ok(Image::new(text("the program's path", &command.program)?, argv, env))
}

impl Layout<'_> {
    /// The directory that holds the private temp directory, and the latter's name in it.
    pub(crate) fn temp_place(&self) -> (BorrowedFd<'_>, &CStr) {
        self.plan.temp.place()
    }
}
