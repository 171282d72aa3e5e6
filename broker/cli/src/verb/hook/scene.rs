//! Where a call happens: workspace, policy, session, ledger. Set up for each event anew, so nothing heavy is built.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tollgate_hooks::{Client, Event};
use tollgate_ledger::Writer;
use tollgate_ledger::record::{self, Record, Recorder as _};
use tollgate_policy::Policy;
use tollgate_policy::path::AbsPath;
use tollgate_policy::subject::Subject;
use tollgate_wire::place::{Places, Trust, make};

use super::session::Session;
use crate::args;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::layers::{Layers, Wanted};
use crate::place::{Ground, places, resolved, shown};
use crate::shipped;
use crate::verb::run::redactor;
use crate::verb::shell::project;
use crate::verb::shell::project::is_no_place_for_work;

/// The profile of a client's shell calls, and of what its own tools do.
const PROFILE: &str = "shell";

/// Variables in which clients say where their project is.
const PROJECT: [&str; 5] =
    ["CLAUDE_PROJECT_DIR", "GEMINI_PROJECT_DIR", "QWEN_PROJECT_DIR", "COPILOT_PROJECT_DIR", "CURSOR_PROJECT_DIR"];

/// What makes a folder a project.
const MARKS: [&str; 2] = [".git", ".tollgate"];

/// Everything that an event is judged with.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) client: Client,
    pub(super) ground: Ground,
    pub(super) places: Places,
    pub(super) policy: Arc<Policy>,
    /// Profiles that were named, for the command line of a contained call.
    pub(super) wanted: Wanted,
    pub(super) subject: Subject,
    pub(super) session: Session,
    pub(super) begun: Instant,
    /// How long a question may wait.
    pub(super) wait: Duration,
    /// Whether questions go to the client's own prompt.
    pub(super) hand_over: bool,
    writer: Writer,
}

impl Scene {
    /// Looks around.
    pub(super) fn set((client, event): (Client, &Event), args: &args::Hook) -> Result<Self, Failure> {
        let begun = Instant::now();
        let places = places()?;
        let ground = ground(event, &places)?;
        let wanted = Wanted {
            profiles: if args.profile.is_empty() { vec![default()] } else { args.profile.clone() },
            policies: args.policy.iter().map(|file| absolute(file)).collect::<Result<_, _>>()?,
            above: project::policies_above(ground.workspace.as_path(), home().as_deref()),
            unattended: args.ci,
            ..Wanted::default()
        };
        // What a client's own tools write is in no run's temp directory.
        let place = ground.place(&ground.state.as_path().join("none"))?;
        let policy = Layers::gather(&wanted, ground.workspace.as_path())?.assemble(&place)?;
        make(&places.state, Trust::Own).map_err(|unfit| Failure::of(Exit::Internal, &unfit).hint(unfit.hint()))?;
        let session = Session::of(client, event, &places)?;
        let writer = Writer::open_with(ground.state.as_path(), redactor(&[]));
        writer.ready().map_err(|fault| Failure::of(Exit::Internal, &fault))?;
        let subject = Subject { run: session.run.clone(), agent: client.name().to_owned(), ..Subject::default() };
        let wait = args.wait.map_or(super::WAIT, Duration::from_secs);
        let hand_over = args.prompt && client.adapter().hands_over();
        let policy = Arc::new(policy);
        let scene = Self { client, ground, places, policy, wanted, subject, session, begun, wait, hand_over, writer };
        scene.begin()?;
        Ok(scene)
    }

    /// The session's first event begins its run in the ledger.
    fn begin(&self) -> Result<(), Failure> {
        self.session.begin(|| {
            self.group(record::Event::RunStarted(Session::record(self)))?;
            self.writer.flush().map_err(|e| unwritten(&e))
        })
    }

    /// Adds to what is written when the process ends.
    pub(super) fn group(&self, event: record::Event) -> Result<(), Failure> {
        self.writer.group(self.record(event)).map_err(|e| unwritten(&e))
    }

    /// Writes, and returns when it is on the disk.
    pub(super) fn durable(&self, event: record::Event) -> Result<(), Failure> {
        self.writer.durable(self.record(event)).map_err(|e| unwritten(&e))
    }

    /// Writes what was added: before an answer that lets something happen.
    pub(super) fn flush(&self) -> Result<(), Failure> {
        self.writer.flush().map_err(|e| unwritten(&e))
    }

    fn record(&self, event: record::Event) -> Record {
        let mono = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Record { at: crate::time::now(), mono, run: self.session.run.clone(), lineage: Vec::new(), event }
    }

    /// How long a question may still wait: the client's patience counts from the call's beginning.
    pub(super) fn patience(&self) -> Duration {
        self.wait.saturating_sub(self.begun.elapsed())
    }

    /// Whether a path is Tollgate's own: state, ledger, sockets.
    pub(super) fn is_ours(&self, path: &AbsPath) -> bool {
        let sockets = self.places.all_sockets().into_iter().filter_map(|path| AbsPath::new(path).ok());
        sockets.chain([self.ground.state.clone()]).any(|ours| path.is_within(&ours) || ours.is_within(path))
    }
}

fn unwritten(fault: &record::Unwritten) -> Failure {
    Failure::of(Exit::Internal, fault).hint("nothing goes on that can't be written down")
}

fn default() -> String {
    if shipped::ready(PROFILE).is_some() { PROFILE.to_owned() } else { crate::layers::default(false).to_owned() }
}

/// The client's working directory, and the project around it.
fn ground(event: &Event, places: &Places) -> Result<Ground, Failure> {
    let cwd = match &event.cwd {
        Some(cwd) if Path::new(cwd).is_absolute() => resolved(Path::new(cwd))?,
        Some(cwd) => {
            return Err(Failure::new(
                Exit::Refused,
                format!("the working directory {} is not absolute", shown(Path::new(cwd))),
            ));
        }
        None => resolved(&here()?)?,
    };
    let workspace = workspace(&cwd)?;
    let ground = Ground::find(Some(&workspace), places)?;
    Ok(Ground { cwd, ..ground })
}

fn home() -> Option<PathBuf> {
    crate::place::home().map(|home| home.canonicalize().unwrap_or(home))
}

/// As the command line of a contained call names it.
fn absolute(file: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(file).map_err(|e| Failure::new(Exit::Policy, format!("can't find {}", shown(file))).because(&e))
}

fn here() -> Result<PathBuf, Failure> {
    std::env::current_dir().map_err(|e| Failure::new(Exit::Refused, "the working directory is gone").because(&e))
}

/// What the client calls its project where the working directory lies in it; else the nearest folder with a project's
/// mark, below home; else the working directory. That can be where an agent went to: the system's folders are no projects.
fn workspace(cwd: &AbsPath) -> Result<PathBuf, Failure> {
    let named = PROJECT.iter().filter_map(std::env::var_os).map(PathBuf::from).filter(|path| path.is_absolute());
    let mut named = named.filter_map(|path| resolved(&path).ok()).filter(|project| cwd.is_within(project));
    if let Some(project) = named.next() {
        return Ok(project.as_path().to_owned());
    }
    let home = home();
    let below_home = |folder: &&Path| !home.as_ref().is_some_and(|home| home.starts_with(folder));
    let marked = |folder: &&Path| MARKS.iter().any(|mark| folder.join(mark).symlink_metadata().is_ok());
    if let Some(found) = cwd.as_path().ancestors().take_while(below_home).find(marked) {
        return Ok(found.to_owned());
    }
    if is_no_place_for_work(cwd.as_path(), home.as_deref()) {
        return Err(Failure::new(Exit::Refused, format!("{} is no project", shown(cwd.as_path())))
            .hint("work in a folder with .git or .tollgate at or above it"));
    }
    Ok(cwd.as_path().to_owned())
}
