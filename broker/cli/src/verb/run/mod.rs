//! `tollgate run`: policy, boundary, ledger, questions, one command; the exit code is the command's own.
//!
//! The order matters. The guard is forked first, while there is one thread and little memory to copy, and makes its
//! namespaces meanwhile; all that can be refused is refused before the command is started; the ledger opens while the
//! command waits at its first exec, and nothing runs until it is open.

mod ending;
mod flags;
mod ground;
mod nested;
mod network;
mod outside;
pub(crate) mod review;
mod spoken;
mod usual;

pub(crate) use ending::chain;
pub(crate) use flags::split as split_host;
pub(crate) use ground::{fresh_id, interpreter, keep_state_out, redactor, temp as temp_parent, turns};
pub(crate) use network::Network;
pub(crate) use outside::{ENTRY, Item, Sent};

use std::cell::OnceCell;
use std::ffi::OsString;
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tollgate_approve::{Nobody, Queue};
use tollgate_evidence::Collector;
use tollgate_launch::{Ahead, Command, LaunchError, Options, Plan, PrivateTemp, Seat, Started, Terminal};
use tollgate_ledger::record::{RunStarted, Unwritten};
use tollgate_ledger::{Opening, Writer};
use tollgate_policy::Policy;
use tollgate_policy::boundary::{Boundary, Enforced};
use tollgate_policy::raw::Raw;
use tollgate_policy::subject::Subject;
use tollgate_supervise::{Ending, GateError, Role, Signals, supervise};
use tollgate_sys::probe::Probe;
use tollgate_wire::ask::Asker;
use tollgate_wire::place::{Trust, make};

use crate::args;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::layers::{Layers, Source, Wanted};
use crate::place::{Ground, places};
use crate::ui;
use crate::verb::handed::Handed;
use crate::verb::notice::Announced;
use crate::verb::shell::Call;
use outside::{Beyond, Terms};

use usual::usual;

/// Why nobody is asked under `--ci`.
const UNATTENDED: &str = "nobody can be asked in this run (--ci)";

/// How long a question stays open where no layer says.
const DEADLINE: Duration = Duration::from_mins(5);

/// Everything about a run that is settled before it starts.
struct Settled {
    id: String,
    /// What holds for what goes outside.
    terms: Terms,
    ground: Ground,
    policy: Arc<Policy>,
    boundary: Boundary,
    command: Command,
    sockets: PathBuf,
    wanted: Wanted,
    name: String,
    /// The private temp directory.
    temp: PathBuf,
    begun: Instant,
    /// Whether the command is an agent; it takes a look at the program.
    agent: OnceCell<bool>,
    /// The shell's call that it is.
    call: Option<Call>,
    /// What a person approved when the call was asked about, before it was started.
    handed: Option<Handed>,
}

/// Runs the command.
pub(crate) fn run(args: args::Run) -> Outcome {
    let begun = Instant::now();
    if tollgate_sys::inside::is_inside() {
        return nested::nested(&args);
    }
    tollgate_sys::heap::keep_simple();
    let verbose = args.verbose;
    let temp = PrivateTemp::choose(&ground::temp()).map_err(|e| not_started(&e))?;
    let seat = if args.ci { Seat::Empty } else { Seat::Taken };
    let terminal = Terminal::open(seat).map_err(|e| not_started(&e))?;
    let (probe, options) = (Probe::here(), Options::default());
    let ahead = Ahead::fork((&temp, terminal.as_ref()), (probe, options), usual(&args));
    // Never taken apart: the process ends with the run, and a policy is many small pieces.
    let settled = ManuallyDrop::new(settle(args, &temp, begun)?);
    if let Some(judged) = spoken::refused(&settled) {
        return spoken::refuse(&settled, &judged);
    }
    let plan = Plan::lower_with(&settled.boundary, (probe, options), temp, ahead.as_ref());
    let plan = plan.map_err(|e| not_started(&e))?;
    let mut counter = None;
    let mut meanwhile = || {
        counter.get_or_insert_with(|| Counter::set_up(&settled));
        settled.policy.prepare();
        settled.is_agent();
    };
    let started = plan.start_meanwhile((&settled.command, terminal.as_ref()), ahead, &mut meanwhile);
    let started = started.map_err(|e| not_started(&e))?;
    let signals = Signals::take().map_err(|e| internal("can't take signals").because(&e))?;
    if verbose {
        ending::holds(&settled.id, &started.enforced);
    }
    let counter = counter.unwrap_or_else(|| Counter::set_up(&settled));
    let ending = watch(&settled, started, (signals, terminal, counter));
    if let Some(call) = &settled.call {
        call.kept.tidy();
    }
    let ending =
        ending.map_err(|e| Failure::of(Exit::Internal, &e).hint("everything that the run started was stopped"))?;
    ending::conclude(&settled.id, &settled.command, &ending, verbose)
}

/// Reads the command line, the policies and the machine.
fn settle(args: args::Run, temp: &PrivateTemp, begun: Instant) -> Result<Settled, Failure> {
    let places = places()?;
    let mut ground = Ground::find(args.workspace.as_deref(), &places)?;
    let mut flags = flags::documents(&args, &ground)?;
    let mut above = Vec::new();
    if let Some(call) = &args.call {
        // a shell is where its caller is, wherever its project lies
        ground.cwd = Ground::anywhere(&places)?.cwd;
        flags.extend(call.documents());
        above.clone_from(&call.above);
    }
    let wanted = Wanted {
        flags,
        profiles: args.profile,
        policies: args.policy,
        above,
        unattended: args.ci,
        ..Wanted::default()
    };
    let place = ground.place(temp.path())?;
    let layers = Layers::gather(&wanted, ground.workspace.as_path())?;
    let sources = layers.sources().to_vec();
    let policy = layers.assemble(&place)?;
    let mut boundary = policy.lower();
    ground::reach_itself(&mut boundary);
    insist(&mut boundary, &args.require)?;
    make(&places.state, Trust::Own).map_err(|unfit| Failure::of(Exit::Internal, &unfit).hint(unfit.hint()))?;
    let sockets = places.sockets();
    ground::keep_state_out(&boundary, &ground, &sockets)?;
    let command = ground::command((&args.command, args.call.as_ref()), &boundary, &ground)?;
    let id = ground::fresh_id()?;
    let terms = Terms {
        run: id.clone(),
        workspace: ground.workspace.clone(),
        sources,
        require: args.require,
        unattended: wanted.unattended,
    };
    Ok(Settled {
        id,
        temp: temp.path().to_owned(),
        terms,
        ground,
        policy: Arc::new(policy),
        boundary,
        command,
        sockets,
        wanted,
        name: args.name.unwrap_or_default(),
        begun,
        agent: OnceCell::new(),
        handed: args.handed.as_deref().and_then(|token| Handed::take(&places.state, token, args.call.as_ref()?)),
        call: args.call,
    })
}

/// Adds what the person insists on (`--require`).
pub(crate) fn insist(boundary: &mut Boundary, names: &[String]) -> Result<(), Failure> {
    let required = flags::features(names)?;
    boundary.namespaces.extend(flags::namespaces(&required));
    boundary.require.extend(required);
    Ok(())
}

/// How long a question may stay open.
pub(crate) fn deadline(policy: &Policy) -> Duration {
    policy.deadline().map_or(DEADLINE, Duration::from_secs)
}

/// All that the gate turns to, set up while the command is on its way.
struct Counter {
    writer: Writer,
    asker: Box<dyn Asker>,
    outlet: Arc<Network>,
}

impl Counter {
    fn set_up(settled: &Settled) -> Self {
        let state = settled.ground.state.as_path();
        let opening = Opening::now(state);
        let about = About {
            ground: Some(&settled.ground),
            sources: Some(&settled.terms.sources),
            unattended: settled.terms.unattended,
        };
        Self {
            writer: Writer::opened(state, ground::redactor(&settled.command.env), opening),
            asker: asker((&settled.id, settled.sockets.clone()), &settled.policy, &about),
            outlet: Arc::new(Network::new(&settled.policy)),
        }
    }
}

/// Opens terminal and questions around the started command, and supervises it to its end.
fn watch(
    settled: &Settled,
    started: Started,
    (signals, terminal, counter): (Signals, Option<Terminal>, Counter),
) -> Result<Ending, GateError> {
    let attached = match terminal.map(|terminal| terminal.attach(started.command, started.guard)).transpose() {
        Ok(attached) => attached,
        Err(e) => {
            ui::note(format!("the terminal can't be relayed: {e}"));
            None
        }
    };
    let Counter { writer, mut asker, outlet } = counter;
    let mut beyond = Beyond(settled.terms.clone());
    let ending = supervise(tollgate_supervise::Run {
        id: settled.id.clone(),
        subject: Subject { run: settled.id.clone(), agent: settled.agent(), ..Subject::default() },
        policy: &settled.policy,
        grants: settled.handed.as_ref().map(|handed| handed.grants(&settled.id)).unwrap_or_default(),
        boundary: &settled.boundary,
        started: settled.record(&started.enforced),
        begun: settled.begun,
        deadline: deadline(&settled.policy),
        command: started.command.as_raw(),
        temp: settled.temp.clone(),
        turns: ground::turns(&settled.ground),
        guard: started.guard.as_raw(),
        listener: started.listener,
        news: started.news,
        signals,
        recorder: &writer,
        ready: &mut || writer.ready().map_err(|fault| Unwritten(ending::chain(&fault))),
        outlet,
        asker: asker.as_mut(),
        role: Role::Inside(Some(&mut beyond)),
        stopped: &mut |signal| {
            if let Some(attached) = &attached {
                attached.stopped(signal);
            }
        },
        continued: &mut || (),
    });
    // Whatever became of the gate: nothing of the run outlives it. Where its end was told all is dead already, and the
    // guard tidies up while the last records are written.
    let finished = if ending.as_ref().is_ok_and(|ending| ending.news.is_some()) {
        let finished = writer.finish();
        started.remains.end();
        finished
    } else {
        started.remains.end();
        writer.finish()
    };
    drop(asker);
    if let Some(attached) = attached {
        attached.finish();
    }
    ending::with_last_words(ending, finished)
}

/// What a run's questions are about.
pub(crate) struct About<'a> {
    /// Where the run is; none: no evidence is collected.
    pub(crate) ground: Option<&'a Ground>,
    /// The policies that hold for what goes outside; none: nothing does.
    pub(crate) sources: Option<&'a [Source]>,
    /// Whether nobody is asked (`--ci`).
    pub(crate) unattended: bool,
}

/// Who is asked: nobody under `--ci`, else whoever answers on the run's socket.
pub(crate) fn asker((run, sockets): (&str, PathBuf), policy: &Arc<Policy>, about: &About<'_>) -> Box<dyn Asker> {
    let reviewer = match policy.reviewer() {
        None if about.unattended => return Box::new(Nobody::because(UNATTENDED)),
        None => None,
        Some(settings) => Some(review::of(settings, policy)),
    };
    let collector = about.ground.map(|ground| {
        Arc::new(Collector {
            policy: Arc::clone(policy),
            workspace: ground.workspace.clone(),
            state: ground.state.as_path().to_owned(),
            scope: Vec::new(),
            begun: crate::time::now() / 1000,
            wider: about.sources.map(|sources| outside::look(sources.to_vec(), ground.clone())),
            means: Some(Box::new(crate::verb::policy::change::means)),
        })
    });
    let policy = Arc::clone(policy);
    let check = move |question: &_, approval: &_| {
        policy.grant(question, approval, crate::time::now()).map(drop).map_err(|e| e.to_string())
    };
    match Queue::new(run, sockets, Box::new(check)) {
        Ok(queue) => {
            let queue = collector.into_iter().fold(queue, |queue, it| queue.collecting(it));
            let queue = reviewer.into_iter().fold(queue, Queue::reviewed_by);
            let queue = if about.unattended { queue.unattended(UNATTENDED) } else { queue };
            Box::new(Announced::new(Box::new(queue)))
        }
        Err(e) => Box::new(Nobody::because(&format!("nobody can be asked: {e}"))),
    }
}

impl Settled {
    /// The name of the agent, where the command is one.
    fn agent(&self) -> String {
        if self.is_agent() { ground::stem(&self.command.program) } else { String::new() }
    }

    fn is_agent(&self) -> bool {
        if let Some(call) = &self.call {
            return call.interactive;
        }
        *self.agent.get_or_init(|| {
            let argv: Vec<Raw> = self.command.argv.iter().cloned().map(Raw::from).collect();
            ground::names(&self.command.program).iter().any(|path| self.policy.is_starting(path, &argv))
                || ground::is_script(&self.command)
        })
    }

    fn record(&self, enforced: &Enforced) -> RunStarted {
        RunStarted {
            name: self.name.clone(),
            argv: self.command.argv.iter().map(|word: &OsString| Raw::from(word.clone())).collect(),
            cwd: self.ground.cwd.clone(),
            workspace: self.ground.workspace.clone(),
            uid: nix::unistd::getuid().as_raw(),
            profiles: self.policy.profiles(),
            policy: self.policy.digest(),
            agent: self.is_agent(),
            unattended: self.wanted.unattended,
            enforced: enforced.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            of: self.handed.as_ref().map(|handed| handed.of.clone()),
        }
    }
}

fn internal(text: &str) -> Failure {
    Failure::new(Exit::Internal, text)
}

fn not_started(error: &LaunchError) -> Failure {
    match error {
        LaunchError::Required(gaps) => ending::lacking(gaps),
        LaunchError::NotFound(..) | LaunchError::Nul(_) => Failure::of(Exit::Refused, error),
        LaunchError::Filter(_) | LaunchError::Unknown(..) => Failure::of(Exit::Policy, error),
        LaunchError::Threads | LaunchError::Step(..) => Failure::of(Exit::Internal, error)
            .hint("nothing was run; `tollgate doctor` says what this machine can hold"),
    }
}
