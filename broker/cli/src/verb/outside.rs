//! The supervisor of one approved command outside: policy of the wider profile, its boundary, the command in it, the same
//! gate and ledger. Started by a run only; it trusts nothing but the order that it was handed.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Seek as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use tollgate_launch::{Attached, Command, Options, Plan, PrivateTemp, Started, Terminal, environment};
use tollgate_ledger::Writer;
use tollgate_ledger::record::{Event, Record, Recorder, RunStarted, Unwritten};
use tollgate_policy::Policy;
use tollgate_policy::action::Form;
use tollgate_policy::boundary::{Boundary, Enforced};
use tollgate_policy::grant::Grants;
use tollgate_policy::path::AbsPath;
use tollgate_policy::subject::Subject;
use tollgate_supervise::outside::Word;
use tollgate_supervise::{Ending, Role, Signals, Size, supervise};
use tollgate_sys::news::News;
use tollgate_sys::probe::Probe;
use tollgate_sys::{fds, process};

use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::layers::Layers;
use crate::place::{Ground, places};
use crate::verb::run::{self, Item, Sent, chain};

/// The number of the order's descriptor, where this process was started to carry one out.
pub(crate) fn ordered() -> Option<i32> {
    let mut words = std::env::args_os().skip(1);
    let (entry, number) = (words.next()?, words.next()?);
    (entry == run::ENTRY && words.next().is_none()).then(|| number.to_str()?.parse().ok())?
}

/// Carries out an order.
pub(crate) fn outside(number: i32) -> Outcome {
    tollgate_sys::heap::keep_simple();
    let unread = |e: io::Error| Failure::new(Exit::Internal, "the order can't be read").because(&e);
    process::signal_on_parent_death(Signal::SIGKILL as i32).map_err(unread)?;
    // the sender blocks what it reads from a descriptor, and a child inherits that
    SigSet::empty().thread_set_mask().map_err(|e| unread(e.into()))?;
    let sent = read(number).map_err(unread)?;
    let line = fds::take(sent.line).map_err(unread)?;
    if parent_id() != sent.sender {
        return Err(Failure::new(Exit::Internal, "who sent the order has gone"));
    }
    let told = line.try_clone().map_err(unread)?;
    let word = match carry_out(sent, line) {
        Ok(news) => Word::Ended(news),
        Err(failure) => Word::Refused(in_a_line(&failure)),
    };
    // nobody there to be told: then nobody waits
    let told = word.tell(told.as_fd());
    Ok(if told.is_ok() { Exit::Done } else { Exit::Failed })
}

fn read(number: i32) -> io::Result<Sent> {
    let mut paper = File::from(fds::take(number)?);
    let mut text = Vec::new();
    paper.rewind()?;
    paper.read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

fn in_a_line(failure: &Failure) -> String {
    std::iter::once(&failure.text).chain(&failure.causes).cloned().collect::<Vec<_>>().join(": ")
}

/// Everything that is settled before the command starts.
struct Settled {
    sent: Sent,
    ground: Ground,
    policy: Arc<Policy>,
    boundary: Boundary,
    sockets: PathBuf,
    temp: PathBuf,
}

fn carry_out(sent: Sent, line: OwnedFd) -> Result<News, Failure> {
    let temp = PrivateTemp::choose(&run::temp_parent()).map_err(|e| Failure::of(Exit::Internal, &e))?;
    let place = temp.path().to_owned();
    let settled = settle(sent, &place)?;
    let plan = Plan::lower(&settled.boundary, Probe::here(), Options::default(), temp)
        .map_err(|e| Failure::of(Exit::Boundary, &e))?;
    let command = settled.command(&place)?;
    let terminal =
        Terminal::open_for(Pid::from_raw(settled.sent.process)).map_err(|e| Failure::of(Exit::Internal, &e))?;
    let started = plan.start(&command, terminal.as_ref()).map_err(|e| Failure::of(Exit::Internal, &e))?;
    if let Err(e) = settled.lay(&place) {
        // all that was started is the guard, and the command before its door, where it waits for this gate
        let _told = kill(started.guard, Signal::SIGTERM);
        drop(started.listener);
        started.remains.end();
        return Err(Failure::new(Exit::Internal, "what the command needs can't be laid out").because(&e));
    }
    let size = if terminal.is_some() { Size::SeenTo } else { Size::HandedOn };
    let signals = Signals::take_all(size);
    let signals = signals.map_err(|e| Failure::new(Exit::Internal, "can't take signals").because(&e))?;
    settled.watch(started, (signals, terminal, line), &command)
}

/// The policy of the wider profile, with what stood above it when the run began.
fn settle(sent: Sent, temp: &Path) -> Result<Settled, Failure> {
    let places = places()?;
    let ground = Ground::of(&sent.exec.cwd, &sent.terms.workspace, &places)?;
    let layers = Layers::outside(&sent.profile, &sent.terms.sources)?;
    let policy = layers.assemble(&ground.place(temp)?)?;
    let mut boundary = policy.lower();
    run::insist(&mut boundary, &sent.terms.require)?;
    let sockets = places.sockets();
    run::keep_state_out(&boundary, &ground, &sockets)?;
    Ok(Settled { sent, ground, policy: Arc::new(policy), boundary, sockets, temp: temp.to_owned() })
}

impl Settled {
    /// The command, with an environment of the person's: what the profile lets pass, and what the order sets. What lies in the
    /// temp directory the launch names as it is found inside.
    fn command(&self, temp: &Path) -> Result<Command, Failure> {
        let exec = &self.sent.exec;
        let program = match &exec.image.form {
            Form::Native => exec.image.executable.as_ref(),
            Form::Script { script } => script.as_ref(),
            Form::Loader { .. } => None,
        };
        let program = program.ok_or_else(|| Failure::new(Exit::Refused, "the command has no name"))?;
        let cwd = exec.cwd.as_path();
        let mut env = environment(&self.boundary.environment, std::env::vars_os());
        for (name, value) in &mut env {
            if name == "PWD" {
                cwd.as_os_str().clone_into(value);
            } else if name == "PATH" {
                *value = self.path(value);
            }
        }
        for (name, value) in &self.sent.env {
            env.retain(|(other, _)| other != OsStr::new(name));
            let value =
                value.strip_prefix("@temp/").map_or_else(|| value.into(), |rest| temp.join(rest).into_os_string());
            env.push((name.into(), value));
        }
        let argv = exec.argv.iter().map(|word| word.os().to_owned()).collect();
        Ok(Command {
            program: program.as_path().to_owned(),
            argv,
            cwd: cwd.to_owned(),
            stands: Some(self.sent.stands),
            env,
        })
    }

    /// The folders in which programs are looked for, without those that the sandbox can write.
    fn path(&self, given: &OsStr) -> OsString {
        let fine = |folder: &PathBuf| {
            let real = folder.canonicalize().ok().and_then(|real| AbsPath::new(real).ok());
            folder.is_absolute()
                && real.is_some_and(|real| !self.sent.changeable.iter().any(|root| real.is_within(root)))
        };
        std::env::join_paths(std::env::split_paths(given).filter(fine)).unwrap_or_default()
    }

    /// Lays in the temp directory what the order says.
    fn lay(&self, place: &Path) -> io::Result<()> {
        for (at, item) in &self.sent.laid {
            let path = place.join(at);
            match item {
                Item::Folder => DirBuilder::new().mode(0o700).create(path)?,
                Item::File(bytes) => fs::write(path, bytes.bytes())?,
                Item::Link(to) => symlink(to.as_path(), path)?,
            }
        }
        Ok(())
    }

    fn watch(
        &self,
        started: Started,
        (signals, terminal, line): (Signals, Option<Terminal>, OwnedFd),
        command: &Command,
    ) -> Result<News, Failure> {
        let internal = |text: &str| Failure::new(Exit::Internal, text);
        // without it the command has a terminal that says nothing: better none of it
        let attached = terminal.map(|terminal| terminal.attach(started.command, started.guard)).transpose();
        let attached = attached.map_err(|e| internal("the terminal can't be relayed").because(&e))?;
        let writer = Writer::open_with(self.ground.state.as_path(), run::redactor(&command.env));
        let id = run::fresh_id()?;
        let about = run::About { ground: Some(&self.ground), sources: None, unattended: self.sent.terms.unattended };
        let mut asker = run::asker((&id, self.sockets.clone()), &self.policy, &about);
        let ending = supervise(tollgate_supervise::Run {
            id: id.clone(),
            subject: Subject { run: id, ..Subject::default() },
            policy: &self.policy,
            grants: Grants::default(),
            boundary: &self.boundary,
            started: self.record(&started.enforced),
            begun: Instant::now().checked_sub(self.sent.age).unwrap_or_else(Instant::now),
            deadline: run::deadline(&self.policy),
            command: started.command.as_raw(),
            temp: self.temp.clone(),
            turns: run::turns(&self.ground),
            guard: started.guard.as_raw(),
            listener: started.listener,
            news: started.news,
            signals,
            recorder: &Within { writer: &writer, sent: &self.sent },
            ready: &mut || writer.ready().map_err(|fault| Unwritten(chain(&fault))),
            outlet: Arc::new(run::Network::new(&self.policy)),
            asker: asker.as_mut(),
            role: Role::Outside(line),
            stopped: &mut |signal| attached.iter().for_each(|attached| attached.stopped(signal)),
            continued: &mut || attached.iter().for_each(Attached::continued),
        });
        started.remains.end();
        if let Some(attached) = attached {
            attached.finish();
        }
        let finished = writer.finish();
        drop(asker);
        let ending = ending.map_err(|e| Failure::of(Exit::Internal, &e))?;
        finished.map_err(|e| Failure::of(Exit::Internal, &e))?;
        let Ending { news, refused, unwritten, .. } = ending;
        match (unwritten, refused, news) {
            (Some(unwritten), ..) => Err(Failure::of(Exit::Internal, &unwritten)),
            // it was told why, on its own stderr
            (None, Some(_), _) => Ok(News::Exited(126)),
            (None, None, Some(news)) => Ok(news),
            (None, None, None) => Err(internal("its end was not seen; everything that it started was stopped")),
        }
    }

    fn record(&self, enforced: &Enforced) -> RunStarted {
        RunStarted {
            name: String::new(),
            argv: self.sent.exec.argv.clone(),
            cwd: self.sent.exec.cwd.clone(),
            workspace: self.sent.terms.workspace.clone(),
            uid: nix::unistd::getuid().as_raw(),
            profiles: vec![self.sent.profile.clone()],
            policy: self.policy.digest(),
            agent: false,
            unattended: self.sent.terms.unattended,
            enforced: enforced.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            of: None,
        }
    }
}

/// Writes what happens outside into the run's own story: its id, its action.
struct Within<'a> {
    writer: &'a Writer,
    sent: &'a Sent,
}

impl Within<'_> {
    fn told(&self, record: Record) -> Option<Record> {
        let (ours, question) = (self.sent.action, self.sent.question.clone());
        let event = match record.event {
            Event::RunStarted(RunStarted { policy, enforced, .. }) => Event::Escalated {
                action: ours,
                question,
                exec: self.sent.exec.clone(),
                profile: self.sent.profile.clone(),
                policy,
                enforced,
            },
            Event::RunEnded { status, reason, .. } => Event::EscalationEnded { action: ours, question, status, reason },
            Event::ActionStarted { .. } | Event::ActionEnded { .. } => return None,
            Event::Step { pid, exec, verdict, .. } => Event::Step { action: ours, pid, exec, verdict },
            Event::Reached { pid, connect, verdict, .. } => Event::Reached { action: ours, pid, connect, verdict },
            Event::Asked { question, .. } => Event::Asked { action: ours, question },
            Event::Reviewed { question, review, .. } => Event::Reviewed { action: ours, question, review },
            Event::Joined { pid, question, .. } => Event::Joined { action: ours, pid, question },
            Event::Decided { question, decision, .. } => Event::Decided { action: ours, question, decision },
            Event::Denied { pid, what, verdict, .. } => Event::Denied { action: ours, pid, what, verdict },
            Event::Refused { pid, what, wall, .. } => Event::Refused { action: ours, pid, what, wall },
            Event::Tampered { pid, judged, found, detail, .. } => {
                Event::Tampered { action: ours, pid, judged, found, detail }
            }
            other @ (Event::Escalated { .. }
            | Event::EscalationEnded { .. }
            | Event::Hook { .. }
            | Event::Revoked { .. }) => other,
        };
        Some(Record { run: self.sent.terms.run.clone(), event, ..record })
    }
}

impl Recorder for Within<'_> {
    fn group(&self, record: Record) -> Result<(), Unwritten> {
        // that it goes outside is on the disk before it does
        let durable = matches!(record.event, Event::RunStarted(_));
        match self.told(record) {
            Some(record) if durable => self.writer.durable(record),
            Some(record) => self.writer.group(record),
            None => Ok(()),
        }
    }

    fn durable(&self, record: Record) -> Result<(), Unwritten> {
        self.told(record).map_or(Ok(()), |record| self.writer.durable(record))
    }

    fn tick(&self) -> Option<Duration> {
        self.writer.tick()
    }
}
