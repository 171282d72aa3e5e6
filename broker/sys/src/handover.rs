//! The last words between a child on its way to exec and its parent: "ready", with the filter's listener, or
//! "failed", with a step and an errno. A pair of seqpacket sockets; the parent learns the sender's process id in its
//! own namespace from the kernel (`SCM_CREDENTIALS`, `unix(7)`). The other way go descriptors that the parent makes
//! while the child is busy elsewhere: what it is to do, and its Landlock ruleset.
//!
//! The child speaks when its filter is already in force, and that filter may well hand `sendmsg` to a gate that nobody
//! serves yet. So the filter lets the calls of [`CALLS`] through when their last two arguments, which the kernel ignores
//! in these calls, hold a random number of this run ([`Pass`]) that is gone with the exec.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use serde::{Deserialize, Serialize};

use crate::process::done;
use crate::random;
use crate::seccomp::{ArgTest, Entry, Fate, Filter, Listening, Sense, number};

/// The calls that a child makes between filter and exec.
pub const CALLS: [&str; 6] =
    ["recvmsg", "landlock_add_rule", "landlock_restrict_self", "sendmsg", "write", "exit_group"];

const LENGTH: usize = 8;
const CONTROL: usize = 128;

/// A random number that opens the filter for the child's last words.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Pass([u64; 2]);

impl Pass {
    /// For a process that is under no filter of ours.
    pub const NONE: Self = Self([0; 2]);

    pub(crate) const fn of(words: [u64; 2]) -> Self {
        Self(words)
    }

    pub(crate) fn words(&self) -> [u64; 2] {
        self.0
    }

    /// A new one.
    ///
    /// # Errors
    /// What `getrandom(2)` says.
    pub fn new() -> io::Result<Self> {
        Ok(Self([random::number()?, random::number()?]))
    }

    /// Puts what the child needs before a filter's entries: an entry for each of [`CALLS`] that the filter does not
    /// allow whatever its arguments.
    pub fn open(&self, filter: &mut Filter) {
        let test = |arg, equal| ArgTest { arg, mask: u64::MAX, equal, sense: Sense::Equals };
        let [first, second] = self.0;
        let calls: Vec<u32> = CALLS
            .iter()
            .filter_map(|name| number(name))
            .filter(|call| filter.fate(*call) != Some(Fate::Allow))
            .collect();
        if !calls.is_empty() {
            filter.entries.insert(0, Entry { calls, tests: vec![test(4, first), test(5, second)], then: Fate::Allow });
        }
    }
}

/// What a child says; last of all that it is ready, or that it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// With a ruleset that is being filled, or none.
    Ahead,
    /// That many usual roots are in it.
    Filled(u32),
    /// All is laid; exec follows.
    Ready(Listening),
    /// A step (the caller's numbering) failed with an errno.
    Failed {
        /// Which.
        step: u8,
        /// Why.
        errno: i32,
    },
}

impl Word {
    fn encode(self) -> [u8; LENGTH] {
        let (tag, detail, errno) = match self {
            Self::Ready(Listening::Killable) => (b'r', 0, 0),
            Self::Ready(Listening::Interruptible) => (b'r', 1, 0),
            Self::Ready(Listening::Not) => (b'r', 2, 0),
            Self::Failed { step, errno } => (b'f', step, errno),
            Self::Ahead => (b'a', 0, 0),
            Self::Filled(count) => (b'n', 0, i32::try_from(count).unwrap_or(0)),
        };
        let [a, b, c, d] = errno.to_le_bytes();
        [tag, detail, 0, 0, a, b, c, d]
    }

    fn decode([tag, detail, _, _, a, b, c, d]: [u8; LENGTH]) -> Option<Self> {
        Some(match (tag, detail) {
            (b'r', 0) => Self::Ready(Listening::Killable),
            (b'r', 1) => Self::Ready(Listening::Interruptible),
            (b'r', 2) => Self::Ready(Listening::Not),
            (b'a', 0) => Self::Ahead,
            (b'n', 0) => Self::Filled(u32::from_le_bytes([a, b, c, d])),
            (b'f', step) => Self::Failed { step, errno: i32::from_le_bytes([a, b, c, d]) },
            _ => return None,
        })
    }
}

/// The two ends, both close-on-exec.
#[derive(Debug)]
pub struct Ends {
    /// For [`receive`].
    pub parent: OwnedFd,
    /// For [`send`].
    pub child: OwnedFd,
}

/// Makes the two ends.
///
/// # Errors
/// What `socketpair(2)` and `setsockopt(2)` say.
pub fn ends() -> io::Result<Ends> {
    let mut fds: [RawFd; 2] = [-1; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: `fds` has room for two descriptors.
    done(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()) })?;
    let [parent, child] = fds;
    // SAFETY: the call succeeded; nothing else owns this descriptor.
    let parent = unsafe { OwnedFd::from_raw_fd(parent) };
    // SAFETY: the call succeeded; nothing else owns this descriptor.
    let child = unsafe { OwnedFd::from_raw_fd(child) };
    let on: libc::c_int = 1;
    let size = libc::socklen_t::try_from(size_of::<libc::c_int>()).unwrap_or(4);
    // SAFETY: SO_PASSCRED reads an int of the size given.
    done(unsafe {
        libc::setsockopt(parent.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PASSCRED, (&raw const on).cast(), size)
    })?;
    Ok(Ends { parent, child })
}

#[repr(C, align(8))]
struct Control([u8; CONTROL]);

/// Says a word, with a descriptor. Allocates nothing; passes the filter with `pass`.
///
/// # Errors
/// What `sendmsg(2)` says.
pub fn send(end: BorrowedFd<'_>, word: Word, listener: Option<BorrowedFd<'_>>, pass: &Pass) -> io::Result<()> {
    push(end, word.encode(), listener, pass.0)
}

/// Gives the child a descriptor that was not there yet when it was forked.
///
/// # Errors
/// What `sendmsg(2)` says.
pub fn deliver(end: BorrowedFd<'_>, parcel: BorrowedFd<'_>) -> io::Result<()> {
    push(end, [0; LENGTH], Some(parcel), [0; 2])
}

/// In the child: waits for the descriptor. Allocates nothing; passes the filter with `pass`.
///
/// # Errors
/// What `recvmsg(2)` says; `EPIPE` if the parent has gone without sending one.
pub fn collect(end: BorrowedFd<'_>, pass: &Pass) -> io::Result<OwnedFd> {
    pull(end, pass)?.descriptor.ok_or_else(|| io::Error::from_raw_os_error(libc::EPIPE))
}

fn push(
    end: BorrowedFd<'_>,
    mut text: [u8; LENGTH],
    with: Option<BorrowedFd<'_>>,
    [first, second]: [u64; 2],
) -> io::Result<()> {
    let mut part = libc::iovec { iov_base: text.as_mut_ptr().cast(), iov_len: LENGTH };
    let mut control = Control([0; CONTROL]);
    // SAFETY: an all-zero msghdr is valid: null pointers with length 0.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    if let Some(fd) = with {
        attach(&mut message, &mut control, fd.as_raw_fd());
    }
    let flags = libc::MSG_NOSIGNAL;
    // SAFETY: `message` and all it leads to outlive the call; the last three arguments are ignored by the kernel.
    let sent =
        unsafe { libc::syscall(libc::SYS_sendmsg, end.as_raw_fd(), &raw const message, flags, 0usize, first, second) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn attach(message: &mut libc::msghdr, control: &mut Control, fd: RawFd) {
    let size = libc::c_uint::try_from(size_of::<RawFd>()).unwrap_or(4);
    message.msg_control = control.0.as_mut_ptr().cast();
    // SAFETY: pure arithmetic on a small size.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(size) } as usize;
    // SAFETY: the control buffer is set, aligned, and longer than one header with an int.
    let header = unsafe { libc::CMSG_FIRSTHDR(message) };
    // SAFETY: pure arithmetic on a small size.
    let length = unsafe { libc::CMSG_LEN(size) } as usize;
    let filled = libc::cmsghdr { cmsg_len: length, cmsg_level: libc::SOL_SOCKET, cmsg_type: libc::SCM_RIGHTS };
    // SAFETY: `header` points into the control buffer, aligned, with room for a header.
    unsafe { header.write(filled) };
    // SAFETY: `header` is the header just written.
    let at = unsafe { libc::CMSG_DATA(header) };
    // SAFETY: behind the header there is room for an int; its alignment is not assumed.
    unsafe { at.cast::<RawFd>().write_unaligned(fd) };
}

/// Writes with `pass` through the filter, as [`send`] does; for the child's last report elsewhere.
///
/// # Errors
/// What `write(2)` says.
pub fn write(to: BorrowedFd<'_>, bytes: &[u8], pass: &Pass) -> io::Result<()> {
    let [first, second] = pass.0;
    // SAFETY: the bytes outlive the call; the last three arguments are ignored by the kernel.
    let put =
        unsafe { libc::syscall(libc::SYS_write, to.as_raw_fd(), bytes.as_ptr(), bytes.len(), 0usize, first, second) };
    if put < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Ends the process at once, with `pass` through the filter.
pub fn exit(code: i32, pass: &Pass) -> ! {
    let [first, second] = pass.0;
    // SAFETY: takes a number; the other arguments are ignored by the kernel.
    unsafe { libc::syscall(libc::SYS_exit_group, code, 0usize, 0usize, 0usize, first, second) };
    // Only reached if even that was refused.
    std::process::abort()
}

/// What a child said.
#[derive(Debug)]
pub struct Heard {
    /// The word.
    pub word: Word,
    /// Who said it, as its id is here.
    pub sender: i32,
    /// The descriptor that came with it.
    pub listener: Option<OwnedFd>,
}

/// Waits for the child's word; none if every child with the other end has gone without one.
///
/// # Errors
/// What `recvmsg(2)` says; `EBADMSG` for a word that makes no sense.
pub fn receive(end: BorrowedFd<'_>) -> io::Result<Option<Heard>> {
    let Pulled { length, text, sender, descriptor } = pull(end, &Pass::NONE)?;
    match (length, Word::decode(text)) {
        (0, _) => Ok(None),
        (_, Some(word)) => Ok(Some(Heard { word, sender, listener: descriptor })),
        (_, None) => Err(io::Error::from_raw_os_error(libc::EBADMSG)),
    }
}

struct Pulled {
    length: usize,
    text: [u8; LENGTH],
    sender: i32,
    descriptor: Option<OwnedFd>,
}

fn pull(end: BorrowedFd<'_>, pass: &Pass) -> io::Result<Pulled> {
    let [first, second] = pass.0;
    let mut text = [0u8; LENGTH];
    let mut part = libc::iovec { iov_base: text.as_mut_ptr().cast(), iov_len: LENGTH };
    let mut control = Control([0; CONTROL]);
    // SAFETY: an all-zero msghdr is valid: null pointers with length 0.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = CONTROL;
    loop {
        let flags = libc::MSG_CMSG_CLOEXEC;
        // SAFETY: `message` and all it leads to are writable, as long as said, and outlive the call; the last three
        // arguments are ignored by the kernel.
        let got = unsafe {
            libc::syscall(libc::SYS_recvmsg, end.as_raw_fd(), &raw mut message, flags, 0usize, first, second)
        };
        if let Ok(length) = usize::try_from(got) {
            let (sender, descriptor) = attached(&message);
            return Ok(Pulled { length, text, sender, descriptor });
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

fn attached(message: &libc::msghdr) -> (i32, Option<OwnedFd>) {
    let (mut sender, mut descriptor) = (0, None);
    // SAFETY: the kernel has filled the control buffer and set its length.
    let mut at = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !at.is_null() {
        // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR give headers that lie wholly in the buffer.
        let header = unsafe { at.read() };
        // SAFETY: as above; the data follow the header.
        let data = unsafe { libc::CMSG_DATA(at) };
        if header.cmsg_level == libc::SOL_SOCKET && header.cmsg_type == libc::SCM_RIGHTS {
            // SAFETY: the kernel put at least one int there; alignment is not assumed.
            let fd = unsafe { data.cast::<RawFd>().read_unaligned() };
            // SAFETY: a descriptor received is new in this process; nothing else owns it.
            descriptor = Some(unsafe { OwnedFd::from_raw_fd(fd) });
        } else if header.cmsg_level == libc::SOL_SOCKET && header.cmsg_type == libc::SCM_CREDENTIALS {
            // SAFETY: the kernel put a ucred there; alignment is not assumed.
            sender = unsafe { data.cast::<libc::ucred>().read_unaligned() }.pid;
        }
        // SAFETY: `at` is a header of this message.
        at = unsafe { libc::CMSG_NXTHDR(message, at) };
    }
    (sender, descriptor)
}
