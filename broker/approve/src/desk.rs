//! The desk where a run's questions are answered: a listening socket, a thread, a thread for each connection.

use std::fmt;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tollgate_policy::question::Approval;
use tollgate_wire::client::Taken;
use tollgate_wire::frame::{self, Bounds, REQUEST_LIMIT};
use tollgate_wire::message::{Ask, Reply, Request, VERSION, WAIT};
use tollgate_wire::place::Unfit;
use tollgate_wire::socket::Sockets;
use tollgate_wire::token::Token;

use crate::book::Now;
use crate::peer::{self, Peer};
use crate::queue::Shared;

/// How long one approver's program may take for its request and our reply.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections served at one time; more are closed at once.
const SEATS: usize = 32;

/// How long a run that ends waits for its approvers to hear that their answers were taken.
const FAREWELL: Duration = Duration::from_secs(1);

/// Longest word to the agent, in bytes.
const WORD_LIMIT: usize = 4096;

/// The desk can't be opened: nobody can be asked.
#[derive(Debug)]
pub(crate) enum Closed {
    Folder(Unfit),
    Socket(io::Error),
    Thread(io::Error),
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The whole chain: this text goes to the agent and into the ledger.
        match self {
            Self::Folder(unfit) => {
                write!(f, "nobody can be asked: {unfit}")?;
                std::error::Error::source(unfit).map_or(Ok(()), |cause| write!(f, ": {cause}"))
            }
            Self::Socket(cause) => write!(f, "nobody can be asked: can't make the socket for answers: {cause}"),
            Self::Thread(cause) => write!(f, "nobody can be asked: can't start a thread: {cause}"),
        }
    }
}

/// An open desk. Dropping it ends its thread and removes what it made.
pub(crate) struct Desk {
    run: String,
    sockets: Arc<Sockets>,
    shared: Arc<Shared>,
    closing: Arc<AtomicBool>,
    owed: Arc<Owed>,
    thread: Option<JoinHandle<()>>,
}

impl Desk {
    pub(crate) fn open(run: &str, folder: &Path, shared: &Arc<Shared>) -> Result<Self, Closed> {
        let sockets = Arc::new(Sockets::make(folder).map_err(Closed::Folder)?);
        let (listener, token) = sockets.listen(run).map_err(Closed::Socket)?;
        listener.set_nonblocking(true).map_err(Closed::Socket)?;
        let closing = Arc::new(AtomicBool::new(false));
        let mut desk = Self {
            run: run.to_owned(),
            sockets: Arc::clone(&sockets),
            shared: Arc::clone(shared),
            closing: Arc::clone(&closing),
            owed: Arc::default(),
            thread: None,
        };
        let clerk = Clerk {
            run: run.to_owned(),
            sockets,
            shared: Arc::clone(shared),
            token: Arc::new(token),
            seats: Arc::new(AtomicUsize::new(SEATS)),
            owed: Arc::clone(&desk.owed),
        };
        let work = move || clerk.work(&listener, &closing);
        let thread = std::thread::Builder::new().name("approvals".to_owned()).spawn(work);
        desk.thread = Some(thread.map_err(Closed::Thread)?);
        Ok(desk)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.sockets.remove(&self.run);
        self.closing.store(true, Ordering::Release);
        self.shared.changed().write(1).ok();
        if let Some(thread) = self.thread.take() {
            // A clerk that died has nothing left to be waited for.
            thread.join().ok();
        }
        // An answer can end the run, and this program with it, before who gave it is told.
        self.owed.wait();
    }
}

/// Replies to answers that the book has and their givers have not heard of.
#[derive(Default)]
struct Owed {
    count: Mutex<usize>,
    paid: Condvar,
}

impl Owed {
    fn owe(&self) -> Debt<'_> {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Debt(self)
    }

    fn wait(&self) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.paid.wait_timeout_while(count, FAREWELL, |count| *count > 0));
    }
}

/// One of them, until dropped.
struct Debt<'a>(&'a Owed);

impl Drop for Debt<'_> {
    fn drop(&mut self) {
        *self.0.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.paid.notify_all();
    }
}

/// Who sits at the desk.
struct Clerk {
    run: String,
    sockets: Arc<Sockets>,
    shared: Arc<Shared>,
    token: Arc<Token>,
    seats: Arc<AtomicUsize>,
    owed: Arc<Owed>,
}

impl Clerk {
    fn work(&self, listener: &UnixListener, closing: &AtomicBool) {
        let mut rung = 0;
        while !closing.load(Ordering::Acquire) {
            rung = self.keep_deadlines(rung);
            self.wait(listener);
            // A step of the wall clock or a burst of connections changes nothing: the book is asked each time.
            self.shared.changed().read().ok();
            while let Ok((stream, _)) = listener.accept() {
                self.seat(stream);
            }
        }
    }

    /// Closes what is late, and rings for who shows the questions if they are others than at the last ring.
    fn keep_deadlines(&self, rung: u64) -> u64 {
        let mut book = self.shared.book();
        book.expire(Now::read());
        self.shared.tell(&book);
        let change = book.change();
        drop(book);
        if change != rung {
            self.sockets.ring(&self.run);
        }
        change
    }

    fn wait(&self, listener: &UnixListener) {
        let rest = self.shared.book().rest(Now::read());
        let timeout = rest.map_or(PollTimeout::NONE, |rest| {
            // One millisecond more: poll counts whole ones. At most a second: the wall clock may step.
            let millis = rest.as_millis().min(999) + 1;
            PollTimeout::from(u16::try_from(millis).unwrap_or(1000))
        });
        let mut fds = [
            PollFd::new(listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.shared.changed().as_fd(), PollFlags::POLLIN),
        ];
        if poll(&mut fds, timeout).is_err() {
            // Interrupted, or out of memory: not to spin is all that can be done.
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn seat(&self, stream: UnixStream) {
        let seats = Arc::clone(&self.seats);
        let free = seats.fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| free.checked_sub(1));
        if free.is_err() {
            return;
        }
        let (shared, token, owed) = (Arc::clone(&self.shared), Arc::clone(&self.token), Arc::clone(&self.owed));
        let seat = Seat(seats);
        let talk = move || {
            let seat = seat;
            talk(&stream, &shared, &token, &owed);
            drop(seat);
        };
        // Without a thread the connection is closed unanswered, and its seat is free again.
        std::thread::Builder::new().name("approver".to_owned()).spawn(talk).ok();
    }
}

/// A seat at the desk, free again when dropped.
struct Seat(Arc<AtomicUsize>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

fn talk(stream: &UnixStream, shared: &Shared, token: &Token, owed: &Owed) {
    if stream.set_nonblocking(false).is_err() {
        return;
    }
    let bounds = Bounds::within(REQUEST_LIMIT, PATIENCE);
    // A reply may come late, where news were waited for.
    let until = bounds.until + WAIT;
    let mut debt = None;
    let reply = match peer::identify(stream) {
        Ok(peer) => match request(stream, bounds, token) {
            Ok(ask) => {
                debt = matches!(ask, Ask::Answer { .. }).then(|| owed.owe());
                Office { shared, peer }.serve(ask)
            }
            Err(why) => Reply::Refused(why),
        },
        Err(stranger) => Reply::Refused(stranger.to_string()),
    };
    // An approver that went away has nothing to be told; what it answered is in the book.
    frame::write(stream, &reply, until).ok();
    drop(debt);
}

/// What an approver asks, or why it is not served.
fn request(stream: &UnixStream, bounds: Bounds, token: &Token) -> Result<Ask, String> {
    let line = frame::read_line(stream, bounds).map_err(|fault| fault.to_string())?;
    let request = read_request(&line)?;
    token.is(&request.token).then_some(request.ask).ok_or_else(|| "this is not the run's answer token".to_owned())
}

/// What one reply is made with.
struct Office<'a> {
    shared: &'a Shared,
    peer: Peer,
}

/// The request, or why it is none. Another version may look otherwise, so its number is read by itself first.
fn read_request(line: &[u8]) -> Result<Request, String> {
    let value: serde_json::Value = serde_json::from_slice(line).map_err(|_| "the request is no JSON".to_owned())?;
    let version = value.get("version").and_then(serde_json::Value::as_u64);
    if version != Some(u64::from(VERSION)) {
        return Err(format!("this run speaks version {VERSION} of the protocol"));
    }
    serde_json::from_value(value).map_err(|_| "the request has not the expected form".to_owned())
}

impl Office<'_> {
    fn serve(&self, ask: Ask) -> Reply {
        match ask {
            Ask::List => Reply::Questions(self.shared.book().list(Now::read())),
            Ask::Wait { since } => {
                let (change, questions) = self.shared.wait_for_news(since);
                Reply::News { change, questions }
            }
            Ask::Show { question } => {
                let shown = self.shared.book().show(&question, &self.peer.name(), Now::read());
                shown.map_or_else(|declined| Reply::Refused(declined.to_string()), |q| Reply::Question(Box::new(q)))
            }
            Ask::Grants => Reply::Grants(self.shared.book().grants(Now::read())),
            Ask::Revoke { question } => {
                let revoked = self.shared.book().revoke(&question, &self.peer.name());
                revoked.map_or_else(|declined| Reply::Refused(declined.to_string()), |()| Reply::Taken)
            }
            Ask::Answer { reason, channel, .. } if reason.len() > WORD_LIMIT || channel.len() > WORD_LIMIT => {
                Reply::Refused(format!("a reason has at most {WORD_LIMIT} bytes"))
            }
            Ask::Answer { question, digest, answer, channel, reason, seen } => {
                let by = self.peer.name();
                self.answer(Approval { question, digest, answer, by, channel, reason, seen })
            }
        }
    }

    fn answer(&self, approval: Approval) -> Reply {
        let mut book = self.shared.book();
        let outcome = book.answer(approval, Now::read());
        self.shared.tell(&book);
        self.shared.changed().write(1).ok();
        match outcome {
            Ok(Taken::Closed) => Reply::Taken,
            Ok(Taken::Test) => Reply::Test,
            Ok(Taken::Counted(missing)) => Reply::Counted { missing },
            Err(declined) => Reply::Refused(declined.to_string()),
        }
    }
}
