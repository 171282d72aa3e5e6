//! A client's session across its hook calls: one run in the ledger, numbers for its actions, and approvals that hold for
//! the rest of it. Kept beneath the state folder, which nothing inside a boundary reaches.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use tollgate_hooks::{Client, Event};
use tollgate_ledger::record::RunStarted;
use tollgate_policy::boundary::Enforced;
use tollgate_policy::digest::sha256_hex;
use tollgate_policy::grant::{Grant, GrantFault, Grants};
use tollgate_policy::question::{Answer, Approval, Question, Scope};
use tollgate_policy::raw::Raw;
use tollgate_wire::place::{Places, Trust, make};

use super::scene::Scene;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::verb::run::fresh_id;

/// Longest file of a session, in bytes.
const LIMIT: u64 = 4 << 20;

/// A session, by its name in the ledger.
#[derive(Debug)]
pub(super) struct Session {
    /// Its run.
    pub(super) run: String,
    folder: PathBuf,
}

/// What is kept of it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    begun: bool,
    /// The last action's number.
    actions: u64,
    /// Approvals for more than once.
    granted: Grants,
    /// Actions (by digest) that a person refused for the rest of the session.
    denied: BTreeSet<String>,
    /// Whether a person stopped it.
    stopped: bool,
}

/// What earlier answers say to a question.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing.
    Open,
    /// Yes, in this question.
    Granted(String),
    /// No, and why.
    Denied(&'static str),
}

impl Session {
    /// The session of an event. One without a name is a session of its own.
    pub(super) fn of(client: Client, event: &Event, places: &Places) -> Result<Self, Failure> {
        let run = if event.session.is_empty() {
            fresh_id()?
        } else {
            let hex = sha256_hex(format!("{}\0{}", client.name(), event.session).as_bytes());
            format!("h{}", hex.chars().take(15).collect::<String>())
        };
        let folder = places.state.join(crate::verb::handed::FOLDER);
        make(&folder, Trust::Private).map_err(|unfit| Failure::of(Exit::Internal, &unfit).hint(unfit.hint()))?;
        Ok(Self { run, folder })
    }

    /// Calls `first` if nobody has for this session.
    pub(super) fn begin(&self, first: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
        self.with(|kept| {
            if !kept.begun {
                first()?;
                kept.begun = true;
            }
            Ok(())
        })
    }

    /// A number for an action.
    pub(super) fn next(&self) -> Result<u64, Failure> {
        self.with(|kept| {
            kept.actions += 1;
            Ok(kept.actions)
        })
    }

    /// What was answered before, and still holds.
    pub(super) fn standing(&self, scene: &Scene, question: &Question) -> Result<Standing, Failure> {
        self.with(|kept| {
            if kept.denied.contains(&question.bound.action) {
                return Ok(Standing::Denied("a person refused it for the rest of the session"));
            }
            let before = scene.policy.answered(&scene.subject, question, &kept.granted, crate::time::now());
            let Some(before) = before.map(|grant| grant.question.clone()) else { return Ok(Standing::Open) };
            kept.granted.spend(&before);
            Ok(Standing::Granted(before))
        })
    }

    /// Whether a person stopped the session.
    pub(super) fn is_stopped(&self) -> Result<bool, Failure> {
        self.with(|kept| Ok(kept.stopped))
    }

    /// Keeps what an answer says beyond this one call.
    pub(super) fn keep(&self, scene: &Scene, (question, approval): (&Question, &Approval)) -> Result<(), Failure> {
        let refused = |e: GrantFault| Failure::of(Exit::Refused, &e);
        let grant = scene.policy.grant(question, approval, crate::time::now()).map_err(refused)?;
        self.with(|kept| {
            match &approval.answer {
                Answer::Approve(Scope::Once) | Answer::Deny => {}
                Answer::Approve(_) => {
                    if let Some(grant) = grant {
                        // Each question has a queue of its own; what was opened is the session's.
                        kept.granted.add(Grant { run: self.run.clone(), ..grant });
                        // This call is one use.
                        kept.granted.spend(&question.id);
                    }
                }
                Answer::DenyRun => {
                    kept.denied.insert(question.bound.action.clone());
                }
                Answer::StopRun => kept.stopped = true,
            }
            Ok(())
        })
    }

    /// How its run began.
    pub(super) fn record(scene: &Scene) -> RunStarted {
        RunStarted {
            name: scene.client.name().to_owned(),
            argv: vec![Raw::from(scene.client.name())],
            cwd: scene.ground.cwd.clone(),
            workspace: scene.ground.workspace.clone(),
            uid: nix::unistd::getuid().as_raw(),
            profiles: scene.policy.profiles(),
            policy: scene.policy.digest(),
            agent: true,
            unattended: scene.wanted.unattended,
            // The client itself is held by nothing.
            enforced: Enforced { landlock_abi: 0, held: BTreeSet::new(), gaps: Vec::new() },
            version: env!("CARGO_PKG_VERSION").to_owned(),
            of: None,
        }
    }

    /// Reads what is kept, under its lock; writes it if it changed. A file that can't be read is a failure: an approval
    /// that was given must not be made up, and a number not be given twice.
    fn with<T>(&self, change: impl FnOnce(&mut Kept) -> Result<T, Failure>) -> Result<T, Failure> {
        let fault = |e: io::Error| Failure::new(Exit::Internal, "the session's file can't be used").because(&e);
        let path = self.folder.join(&self.run);
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(fault)?;
        let locked = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| fault(errno.into()))?;
        let mut text = String::new();
        (&*locked).take(LIMIT).read_to_string(&mut text).map_err(fault)?;
        let mut kept: Kept = match text.lines().last() {
            None => Kept::default(),
            Some(line) => serde_json::from_str(line).map_err(|e| fault(e.into()))?,
        };
        let before = serde_json::to_string(&kept).map_err(|e| fault(e.into()))?;
        let value = change(&mut kept)?;
        let after = serde_json::to_string(&kept).map_err(|e| fault(e.into()))?;
        if before != after || text.is_empty() {
            replace(&locked, &after).map_err(fault)?;
        }
        Ok(value)
    }
}

/// One write of the whole line; a shorter line than before is filled up, so that nothing has to be cut off first.
fn replace(mut file: &File, line: &str) -> io::Result<()> {
    use std::io::Seek as _;
    let before = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    file.rewind()?;
    let width = before.saturating_sub(1);
    file.write_all(format!("{line:width$}\n").as_bytes())
}

/// Sessions whose files are older than this many days are forgotten when another begins.
const DAYS: u64 = 30;

impl Session {
    /// Forgets sessions that nobody has spoken of for long.
    pub(super) fn tidy(&self) {
        let old = std::time::Duration::from_secs(DAYS * 24 * 3600);
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let age = entry.metadata().and_then(|meta| meta.modified()).ok().and_then(|at| at.elapsed().ok());
            if age.is_some_and(|age| age > old) {
                // One that stays is as good.
                fs::remove_file(entry.path()).ok();
            }
        }
    }
}
