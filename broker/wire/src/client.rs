//! A blocking client: one connection a request, as an approver's program uses it.
#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes back is told as unexpected, in one place")]

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tollgate_policy::grant::Grant;
use tollgate_policy::question::{Answer, Question, Seen};

use crate::frame::{Bounds, FrameFault, REPLY_LIMIT, read, write};
use crate::message::{Ask, Reply, Request, VERSION, WAIT};
use crate::place::Unfit;
use crate::socket::Sockets;

/// How long a supervisor may take to reply.
const PATIENCE: Duration = Duration::from_secs(10);

/// The run could not be asked.
#[derive(Debug)]
pub enum ClientFault {
    /// The path names no socket of a run (`…/RUN.sock`).
    Path(PathBuf),
    /// The folder of the socket can't be trusted.
    Folder(Unfit),
    /// Nobody listens any more: the run is over.
    Gone,
    /// The token can't be read: this program is not entitled to answer, or is inside a boundary.
    Token(io::Error),
    /// No connection.
    Connect(io::Error),
    /// The conversation failed.
    Frame(FrameFault),
    /// The supervisor said no, and why.
    Refused(String),
    /// The supervisor replied with something else than was asked.
    Confused,
}

impl fmt::Display for ClientFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "`{}` is not the socket of a run", path.display()),
            Self::Folder(unfit) => unfit.fmt(f),
            Self::Gone => f.write_str("the run is over"),
            Self::Token(_) => f.write_str("the run's answer token can't be read"),
            Self::Connect(_) => f.write_str("can't connect to the run"),
            Self::Frame(_) => f.write_str("the run did not reply properly"),
            Self::Refused(why) => f.write_str(why),
            Self::Confused => f.write_str("the run replied with something else than was asked"),
        }
    }
}

impl std::error::Error for ClientFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Folder(unfit) => std::error::Error::source(unfit),
            Self::Token(cause) | Self::Connect(cause) => Some(cause),
            Self::Frame(cause) => Some(cause),
            Self::Path(_) | Self::Gone | Self::Refused(_) | Self::Confused => None,
        }
    }
}

/// A run whose questions can be read and answered.
#[derive(Debug)]
pub struct Client {
    sockets: Sockets,
    run: String,
    token: String,
}

/// One answer, as it is sent.
#[derive(Debug, Clone)]
pub struct Reaction<'a> {
    /// The question's id.
    pub question: &'a str,
    /// The digest that was shown.
    pub digest: &'a str,
    /// Yes or no.
    pub answer: Answer,
    /// `cli`, `watch`, `web`.
    pub channel: &'a str,
    /// A word to the agent.
    pub reason: &'a str,
    /// What was seen.
    pub seen: Seen,
}

/// What is said to who answered a test of attention.
pub const TEST: &str = "this was a test of attention: a no was right, a yes lets nothing through";

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The question is closed.
    Closed,
    /// The same, and it was a test of attention: nothing follows from it.
    Test,
    /// It is a yes of several; so many more people have to agree.
    Counted(u8),
}

impl Client {
    /// The run behind the socket `…/RUN.sock`; its token lies beside it.
    ///
    /// # Errors
    /// [`ClientFault`]; where nobody listens, [`ClientFault::Gone`].
    pub fn connect(socket: &Path) -> Result<Self, ClientFault> {
        let no_run = || ClientFault::Path(socket.to_owned());
        let run = socket.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".sock"));
        let folder = socket.parent().ok_or_else(no_run)?;
        let sockets = Sockets::visit(folder).map_err(ClientFault::Folder)?.ok_or(ClientFault::Gone)?;
        Self::of_run(sockets, run.ok_or_else(no_run)?)
    }

    /// The run of this name in an open folder.
    ///
    /// # Errors
    /// [`ClientFault`].
    pub fn of_run(sockets: Sockets, run: &str) -> Result<Self, ClientFault> {
        // Connecting comes first: what a dead run left behind is reported as gone, whatever its token.
        drop(sockets.connect(run).map_err(no_connection)?);
        let token = sockets.token(run).map_err(ClientFault::Token)?;
        Ok(Self { token: token.reveal().to_owned(), sockets, run: run.to_owned() })
    }

    /// The run's name.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// The open questions, oldest first.
    ///
    /// # Errors
    /// [`ClientFault`].
    pub fn questions(&self) -> Result<Vec<Question>, ClientFault> {
        match self.ask(Ask::List)? {
            Reply::Questions(questions) => Ok(questions),
            other => Err(unexpected(other)),
        }
    }

    /// The open questions as soon as they are others than at the change `since` (0 at first), and the number of that
    /// change. Waits for [`WAIT`] at most; then they are the same ones.
    ///
    /// # Errors
    /// [`ClientFault`].
    pub fn wait(&self, since: u64) -> Result<(u64, Vec<Question>), ClientFault> {
        match self.ask(Ask::Wait { since })? {
            Reply::News { change, questions } => Ok((change, questions)),
            other => Err(unexpected(other)),
        }
    }

    /// One question in full; that it was opened is noted.
    ///
    /// # Errors
    /// [`ClientFault`]; [`ClientFault::Refused`] where it is not open.
    pub fn show(&self, question: &str) -> Result<Question, ClientFault> {
        match self.ask(Ask::Show { question: question.to_owned() })? {
            Reply::Question(question) => Ok(*question),
            other => Err(unexpected(other)),
        }
    }

    /// What earlier answers opened and still stands, oldest first.
    ///
    /// # Errors
    /// [`ClientFault`].
    pub fn grants(&self) -> Result<Vec<Grant>, ClientFault> {
        match self.ask(Ask::Grants)? {
            Reply::Grants(grants) => Ok(grants),
            other => Err(unexpected(other)),
        }
    }

    /// Takes back what the answer to `question` opened. What it let through already is not undone.
    ///
    /// # Errors
    /// [`ClientFault::Refused`] where there is no such grant.
    pub fn revoke(&self, question: &str) -> Result<(), ClientFault> {
        match self.ask(Ask::Revoke { question: question.to_owned() })? {
            Reply::Taken => Ok(()),
            other => Err(unexpected(other)),
        }
    }

    /// Answers one question.
    ///
    /// # Errors
    /// [`ClientFault::Refused`] says why the answer was not taken: unknown, already answered, expired, another
    /// digest, an impossible scope.
    pub fn answer(&self, reaction: Reaction<'_>) -> Result<Taken, ClientFault> {
        let Reaction { question, digest, answer, channel, reason, seen } = reaction;
        let ask = Ask::Answer {
            question: question.to_owned(),
            digest: digest.to_owned(),
            answer,
            channel: channel.to_owned(),
            reason: reason.to_owned(),
            seen,
        };
        match self.ask(ask)? {
            Reply::Taken => Ok(Taken::Closed),
            Reply::Test => Ok(Taken::Test),
            Reply::Counted { missing } => Ok(Taken::Counted(missing)),
            other => Err(unexpected(other)),
        }
    }

    fn ask(&self, ask: Ask) -> Result<Reply, ClientFault> {
        let stream = self.sockets.connect(&self.run).map_err(no_connection)?;
        let wait = if matches!(ask, Ask::Wait { .. }) { PATIENCE + WAIT } else { PATIENCE };
        let bounds = Bounds::within(REPLY_LIMIT, wait);
        let request = Request { version: VERSION, token: self.token.clone(), ask };
        // A supervisor that refuses before it reads closes its end: its reply is there all the same.
        let sent = write(&stream, &request, bounds.until);
        read(&stream, bounds).map_err(|fault| ClientFault::Frame(sent.err().unwrap_or(fault)))
    }
}

fn unexpected(reply: Reply) -> ClientFault {
    match reply {
        Reply::Refused(why) => ClientFault::Refused(why),
        Reply::Questions(_)
        | Reply::News { .. }
        | Reply::Question(_)
        | Reply::Grants(_)
        | Reply::Taken
        | Reply::Test
        | Reply::Counted { .. } => ClientFault::Confused,
    }
}

fn no_connection(cause: io::Error) -> ClientFault {
    let gone = matches!(cause.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound);
    if gone { ClientFault::Gone } else { ClientFault::Connect(cause) }
}
