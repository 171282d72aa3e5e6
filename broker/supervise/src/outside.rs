//! Escalation of one command: who runs it outside, what is told to them, and what they tell back. The process inside is
//! held at its exec stop meanwhile, and leaves as the other did (`standin`).

use std::io;
use std::os::fd::OwnedFd;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};
use std::os::fd::{AsRawFd as _, BorrowedFd};
use tollgate_policy::action::Exec;
use tollgate_policy::path::AbsPath;
use tollgate_sys::news::{LENGTH, News};

pub use tollgate_deputy::{Laid, Thing};

/// Longest reason that is told.
const REASON: usize = 2048;

/// Who runs an approved command outside, inside the boundary of a wider profile: never without one.
pub trait Outside {
    /// What the profile is, in a line.
    ///
    /// # Errors
    /// Why it can't be used in this run.
    fn about(&self, profile: &str) -> Result<String, String>;
    /// Starts a supervisor of its own for the command: a child of the calling process, which ends all that it started
    /// when the other end of [`Outsider::line`] is closed, and tells its [`Word`] there before it ends.
    ///
    /// # Errors
    /// What the system says; then nothing was started.
    fn start(&mut self, order: Order) -> io::Result<Outsider>;
}

/// A command to be run outside.
#[derive(Debug)]
pub struct Order {
    /// The question that was answered with yes.
    pub question: String,
    /// The run's action that it belongs to.
    pub action: u64,
    /// The wider profile.
    pub profile: String,
    /// What is run: the executable (or script) as it lies outside, its arguments, its working directory.
    pub exec: Exec,
    /// Device and inode of that directory: another may have its path by the time that it is entered.
    pub stands: (u64, u64),
    /// Variables that are set over what the profile lets pass; `@temp` at the start of a value is the outside run's own
    /// temp directory.
    pub env: Vec<(String, String)>,
    /// What is laid in that directory before the command starts.
    pub laid: Vec<Laid>,
    /// Roots that the sandbox can write: no program is looked for there.
    pub changeable: Vec<AbsPath>,
    /// The process in whose place it runs: its terminal's foreground is asked after.
    pub process: i32,
    /// The caller's standard input, output and error; none where one is closed.
    pub stdio: [Option<OwnedFd>; 3],
    /// When the run began.
    pub begun: Instant,
}

/// A supervisor outside.
#[derive(Debug)]
pub struct Outsider {
    /// Its process, a child.
    pub pid: i32,
    /// This end of a pair of sockets: closed, it ends everything.
    pub line: OwnedFd,
}

/// What an outside supervisor tells before it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// What became of the command.
    Ended(News),
    /// It was never run, and why.
    Refused(String),
}

impl Word {
    /// Tells it. The other end may be gone: then nobody waits for it.
    ///
    /// # Errors
    /// What `send(2)` says.
    pub fn tell(&self, line: BorrowedFd<'_>) -> io::Result<()> {
        let mut message = Vec::new();
        match self {
            Self::Ended(news) => {
                message.push(b'e');
                message.extend(news.encode());
            }
            Self::Refused(why) => {
                message.push(b'r');
                message.extend(why.bytes().take(REASON));
            }
        }
        send(line.as_raw_fd(), &message, MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT)?;
        Ok(())
    }

    /// What was told; none where nothing was.
    pub(crate) fn heard(line: &OwnedFd) -> Option<Self> {
        let mut message = [0u8; REASON + 1];
        let length = loop {
            match recv(line.as_raw_fd(), &mut message, MsgFlags::MSG_DONTWAIT) {
                Err(Errno::EINTR) => {}
                other => break other.ok()?,
            }
        };
        let (tag, text) = message.get(..length)?.split_first()?;
        match tag {
            b'e' => Some(Self::Ended(News::decode(*text.first_chunk::<LENGTH>()?)?)),
            b'r' => Some(Self::Refused(String::from_utf8_lossy(text).into_owned())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

    use super::*;

    #[test]
    fn words_arrive_as_they_were_told() {
        let pair = || socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        let all = [Word::Ended(News::Exited(3)), Word::Ended(News::Signalled(15)), Word::Refused("no".into())];
        for word in all {
            let (here, there) = pair();
            word.tell(there.as_fd()).unwrap();
            drop(there);
            assert_eq!(Word::heard(&here), Some(word));
            assert_eq!(Word::heard(&here), None);
        }
        let (here, there) = pair();
        assert_eq!(Word::heard(&here), None);
        drop(here);
        assert!(Word::Refused("x".into()).tell(there.as_fd()).is_err());
    }
}
