//! What a run tells the supervisor of an approved command outside: a process of this same program, started here, which
//! reads its orders from a descriptor that nobody else has.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use serde::{Deserialize, Serialize};
use tollgate_evidence::{Look, Wider};
use tollgate_launch::environment;
use tollgate_policy::action::Exec;
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;
use tollgate_supervise::Outside;
use tollgate_supervise::outside::{Order, Outsider, Thing};
use tollgate_sys::limits::as_before;

use crate::failure::Failure;
use crate::layers::{Layers, Source};
use crate::place::Ground;
use crate::shipped;

/// The first word of such a process; not for people, and of no use to anybody else.
pub(crate) const ENTRY: &str = "outside-of-run";

/// What holds for every command of a run that goes outside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Terms {
    /// The run.
    pub(crate) run: String,
    /// Its workspace.
    pub(crate) workspace: AbsPath,
    /// The policies that were read when the run began: they are not read again.
    pub(crate) sources: Vec<Source>,
    /// `--require`
    pub(crate) require: Vec<String>,
    /// Whether nobody can be asked.
    pub(crate) unattended: bool,
}

/// One order, as it is sent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub(crate) terms: Terms,
    pub(crate) question: String,
    pub(crate) action: u64,
    pub(crate) profile: String,
    pub(crate) exec: Exec,
    pub(crate) stands: (u64, u64),
    pub(crate) env: Vec<(String, String)>,
    pub(crate) laid: Vec<(String, Item)>,
    pub(crate) changeable: Vec<AbsPath>,
    /// The process in whose place it runs.
    pub(crate) process: i32,
    /// How old the run is.
    pub(crate) age: Duration,
    /// The sender's process id: without it nothing goes on.
    pub(crate) sender: u32,
    /// The line to it.
    pub(crate) line: i32,
}

/// Something laid in the temp directory.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Item {
    Folder,
    File(Raw),
    Link(AbsPath),
}

impl From<Thing> for Item {
    fn from(thing: Thing) -> Self {
        match thing {
            Thing::Folder => Self::Folder,
            Thing::File(bytes) => Self::File(Raw(bytes)),
            Thing::Link(to) => Self::Link(to),
        }
    }
}

/// What a wider profile opens here, worked out as for a command that goes outside; for who is asked about one.
pub(crate) fn look(sources: Vec<Source>, ground: Ground) -> Look {
    Box::new(move |profile| {
        let told = |failure: Failure| failure.text;
        let layers = Layers::outside(profile, &sources).map_err(told)?;
        let policy = layers.assemble(&ground.place(&std::env::temp_dir()).map_err(told)?).map_err(told)?;
        let boundary = policy.lower();
        let passed = environment(&boundary.environment, std::env::vars_os());
        let variables = passed.into_iter().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
        Ok(Wider { boundary, variables })
    })
}

/// Starts supervisors outside.
#[derive(Debug)]
pub(crate) struct Beyond(pub(crate) Terms);

impl Outside for Beyond {
    fn about(&self, profile: &str) -> Result<String, String> {
        let document = shipped::lookup(profile).ok_or_else(|| format!("there is no profile `{profile}`"))?;
        Ok(document.about.to_string())
    }

    fn start(&mut self, order: Order) -> io::Result<Outsider> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let (line, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
        let Order { question, action, profile, exec, stands, env, laid, changeable, process, stdio, begun } = order;
        let sent = Sent {
            terms: self.0.clone(),
            question,
            action,
            profile,
            exec,
            stands,
            env,
            laid: laid.into_iter().map(|laid| (laid.at, laid.what.into())).collect(),
            changeable,
            process,
            age: begun.elapsed(),
            sender: std::process::id(),
            line: theirs.as_raw_fd(),
        };
        let paper = File::from(memfd_create(c"order", MFdFlags::MFD_CLOEXEC)?);
        (&paper).write_all(&serde_json::to_vec(&sent)?)?;
        let paper = OwnedFd::from(paper);
        let [input, output, errors] = stdio.map(|fd| fd.map_or_else(Stdio::null, Stdio::from));
        // Only this child gets them: nothing else is started meanwhile, and no thread of this process starts anything.
        for fd in [&paper, &theirs] {
            fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
        }
        let child = as_before(
            Command::new("/proc/self/exe")
                .arg0("tollgate")
                .args([ENTRY, &paper.as_raw_fd().to_string()])
                .stdin(input)
                .stdout(output)
                .stderr(errors)
                .process_group(0),
        )
        .spawn()?;
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        Ok(Outsider { pid, line })
    }
}
