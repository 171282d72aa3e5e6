//! What guard and command will do, and the Landlock rules, worked out by the supervisor.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use tollgate_policy::boundary::{self, Root};
use tollgate_sys::handover::Pass;
use tollgate_sys::landlock::{Rights, Ruleset};
use tollgate_sys::namespaces::Set;

use crate::attempt::{Attempt, Masks};
use crate::command::Command;
use crate::fault::{LaunchError, Step};
use crate::hide::Kind;
use crate::lookup::{Lookup, lies_in};
use crate::order::{Mount, Order};
use crate::plan::Plan;
use crate::recipe::{Failed, at};
use crate::terminal::Terminal;
use crate::usual::{Usual, add};

const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];
const SHARED_MEMORY: &str = "/dev/shm";
const PROC: &str = "/proc";
const TERMINALS: &str = "/dev/pts";

/// Places where another file system may be than before.
pub(crate) const NEW: [&str; 5] = [TEMPORARY[0], TEMPORARY[1], SHARED_MEMORY, PROC, TERMINALS];

/// What the supervisor knows of a try: its plan, and the order for guard and command.
#[derive(Debug)]
pub(crate) struct Layout<'a> {
    plan: &'a Plan,
    set: Set,
    terminal: Option<&'a Terminal>,
    pub(crate) order: Order,
}

impl<'a> Layout<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        attempt: &Attempt,
        (command, terminal): (&Command, Option<&'a Terminal>),
    ) -> Result<Self, LaunchError> {
        let (set, hold) = (attempt.set, attempt.hold(plan));
        let order = Order {
            temp: text("the temp directory", plan.temp.path())?,
            kept: Vec::new(),
            carried: Vec::new(),
            mounts: Vec::new(),
            late: Vec::new(),
            limits: plan.limits.iter().copied().chain(hold.limit()).collect(),
            numbers: hold.numbers(),
            abi: plan.landlock_abi(),
            filter: None,
            pass: plan.pass,
            cwd: text("the working directory", &command.cwd)?,
            stands: command.stands,
            program: text("the program's path", &command.program)?,
            argv: command.argv.iter().map(|arg| text("an argument", arg)).collect::<Result<_, _>>()?,
            env: env(command, plan, set)?,
        };
        let mut layout = Self { plan, set, terminal, order };
        if set.has(Set::MOUNT) {
            layout.mounts(attempt, &command.cwd)?;
        }
        layout.order.late = layout.late()?;
        Ok(layout)
    }

    fn mounts(&mut self, attempt: &Attempt, cwd: &Path) -> Result<(), LaunchError> {
        let roots = || self.plan.roots.iter().map(|root| root.path.as_path());
        // Who names such a place as a root means the one that all share.
        let private = |place: &&str| !roots().any(|root| root.as_os_str() == *place);
        let temporary: Vec<&str> = TEMPORARY.into_iter().filter(private).collect();
        // Devices are written as they are: what a mount forbids is to change the file, not what it stands for.
        let writable = self.plan.roots.iter().filter(|root| root.rights.write && !root.rights.device);
        let writable = writable.map(|root| root.path.as_path());
        let kept = outermost(writable.filter(|path| !lies_in(path, self.plan.temp.path())));
        let covered = |path: &&Path| {
            temporary.iter().any(|place| lies_in(path, place.as_ref()) && path.as_os_str() != *place)
                && !lies_in(path, self.plan.temp.path())
                && !kept.iter().any(|outer| lies_in(path, outer))
        };
        let carried = outermost(roots().chain([cwd]).filter(covered));
        let texts = |paths: Vec<&Path>| paths.into_iter().map(|path| text("a root", path)).collect::<Result<_, _>>();
        let (kept, carried) = (texts(kept)?, texts(carried)?);
        (self.order.kept, self.order.carried) = (kept, carried);
        for place in &temporary {
            self.order.mounts.push(Mount::Temp(text("a path", place)?));
        }
        if private(&SHARED_MEMORY) {
            self.order.mounts.push(Mount::Scratch(text("a path", SHARED_MEMORY)?));
        }
        if roots().any(|root| root == Path::new(TERMINALS)) {
            self.order.mounts.push(Mount::Terminals(text("a path", TERMINALS)?));
        }
        if attempt.masks == Masks::Laid {
            self.masks()?;
        }
        Ok(())
    }

    fn masks(&mut self) -> Result<(), LaunchError> {
        // Whoever could rename a directory on the way could put another in its place, and write there.
        let ways =
            self.ways_to_protected().into_iter().map(|folder| text("a protected path", folder).map(Mount::Pinned));
        let ways = ways.collect::<Result<Vec<_>, _>>()?;
        self.order.mounts.extend(ways);
        for found in &self.plan.protected {
            self.order.mounts.push(Mount::Frozen(text("a protected path", &found.path)?));
        }
        for found in &self.plan.hidden {
            let path = text("a hidden path", &found.path)?;
            self.order.mounts.push(match found.kind {
                Kind::Directory => Mount::EmptyDirectory(path),
                Kind::File => Mount::EmptyFile(path),
            });
        }
        Ok(())
    }

    /// Directories between a writable root and a protected path, outermost first.
    fn ways_to_protected(&self) -> Vec<&Path> {
        let mut ways: Vec<&Path> = Vec::new();
        let writable = || self.plan.roots.iter().filter(|root| root.rights.write).map(|root| root.path.as_path());
        for found in &self.plan.protected {
            let above = found.path.ancestors().skip(1);
            ways.extend(above.filter(|folder| writable().any(|root| folder.starts_with(root) && *folder != root)));
        }
        ways.sort_unstable();
        ways.dedup();
        ways
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
        lies_in(path, self.plan.temp.path()) || self.fresh().iter().any(|place| lies_in(path, place))
    }

    /// The rules for all roots that exist now; none without Landlock. `ahead` is what the guard fills with the usual ones;
    /// `filled` waits until it has done as many as it could.
    pub(crate) fn rules<'p>(
        &'p self,
        lookup: &mut Lookup<'p>,
        ahead: Option<(&'p Usual, OwnedFd)>,
        filled: impl FnOnce() -> Result<u32, Failed>,
    ) -> Result<Option<Ruleset>, Failed> {
        let abi = self.plan.landlock_abi();
        if abi == 0 {
            return Ok(None);
        }
        // The user's other terminals lie there too: without a namespace in which they don't, it isn't granted.
        let shared = |root: &&Root| root.path.as_path() == Path::new(TERMINALS) && !self.set.has(Set::MOUNT);
        let roots = self.plan.roots.iter().filter(|root| !self.is_late(root) && !shared(root));
        let mut roots: Vec<&Root> = roots.collect();
        let fault = at(Step::Ruleset);
        let network = (&self.plan.network, self.plan.options);
        let mut taken = None;
        let rules = match ahead {
            None => self.ruleset().map_err(&fault)?,
            Some((usual, fd)) => match usual.left(&roots, network) {
                Some(left) => {
                    roots = left;
                    taken = Some(usual);
                    Ruleset::from_fd(fd, abi, Pass::NONE)
                }
                None => self.ruleset().map_err(&fault)?,
            },
        };
        for root in roots {
            add(lookup, &rules, (root.path.as_path(), rights(root.rights))).map_err(&fault)?;
        }
        if let Some(slave) = self.terminal.map(Terminal::slave) {
            rules.allow(slave, Rights { device: true, ..Rights::default() }).map_err(&fault)?;
        }
        let filled = filled()?;
        if let Some(usual) = taken {
            usual.complete(lookup, (&rules, filled)).map_err(&fault)?;
        }
        Ok(Some(rules))
    }

    /// An empty one.
    fn ruleset(&self) -> io::Result<Ruleset> {
        Ruleset::create(self.plan.probe.landlock_abi, &self.plan.governed)
    }

    /// Places where a new file system will be, so that what is there now is not what will be.
    fn fresh(&self) -> Vec<&'static Path> {
        let shared = self.order.mounts.iter().any(|mount| matches!(mount, Mount::Scratch(_)));
        let terminals = self.order.mounts.iter().any(|mount| matches!(mount, Mount::Terminals(_)));
        let proc = self.set.has(Set::PID.with(Set::MOUNT));
        [(shared, SHARED_MEMORY), (terminals, TERMINALS), (proc, PROC)]
            .into_iter()
            .filter(|(is, _)| *is)
            .map(|(_, at)| Path::new(at))
            .collect()
    }
}

/// Of paths beneath each other only the upper ones.
fn outermost<'p>(paths: impl Iterator<Item = &'p Path>) -> Vec<&'p Path> {
    let mut paths: Vec<&Path> = paths.collect();
    paths.sort_unstable();
    paths.dedup_by(|inner, outer| inner.starts_with(*outer));
    paths
}

fn text(what: &'static str, path: impl AsRef<OsStr>) -> Result<CString, LaunchError> {
    CString::new(path.as_ref().as_bytes()).map_err(|_| LaunchError::Nul(what))
}

/// In the kernel's terms.
pub(crate) fn rights(of: boundary::Rights) -> Rights {
    Rights { read: of.read, execute: of.execute, write: of.write, device: of.device }
}

/// A path as it is seen inside: the private temp directory is `/tmp` in a mount namespace.
fn inside(path: &Path, plan: &Plan, set: Set) -> PathBuf {
    match path.strip_prefix(plan.temp.path()) {
        Ok(rest) if set.has(Set::MOUNT) && rest.as_os_str().is_empty() => "/tmp".into(),
        Ok(rest) if set.has(Set::MOUNT) => Path::new("/tmp").join(rest),
        _ => path.to_owned(),
    }
}

/// The environment as `NAME=value`, with `TMPDIR`.
fn env(command: &Command, plan: &Plan, set: Set) -> Result<Vec<CString>, LaunchError> {
    let mut env = Vec::with_capacity(command.env.len() + 1);
    let temp = (OsString::from("TMPDIR"), plan.temp.path().as_os_str().to_owned());
    for (name, value) in command.env.iter().filter(|(name, _)| name != "TMPDIR").chain([&temp]) {
        let mut pair = name.clone();
        pair.push("=");
        pair.push(inside(Path::new(value), plan, set));
        env.push(CString::new(pair.into_vec()).map_err(|_| LaunchError::Nul("the environment"))?);
    }
    Ok(env)
}
