//! Seccomp user notifications: calls that wait for the supervisor's word (`seccomp_unotify(2)`).

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

// _IOWR('!', 0, struct seccomp_notif), _IOWR('!', 1, struct seccomp_notif_resp), _IOW('!', 2, __u64),
// _IOW('!', 3, struct seccomp_notif_addfd), _IOW('!', 4, __u64): include/uapi/linux/seccomp.h
const RECV: libc::c_ulong = 0xc050_2100;
const SEND: libc::c_ulong = 0xc018_2101;
const ID_VALID: libc::c_ulong = 0x4008_2102;
const ADDFD: libc::c_ulong = 0x4018_2103;
const SET_FLAGS: libc::c_ulong = 0x4008_2104;
const FD_SYNC_WAKE_UP: u64 = 1;
const RESP_CONTINUE: u32 = 1;
const ADDFD_SETFD: u32 = 1;
const ADDFD_SEND: u32 = 2;

/// The supervisor's end of a filter with notifications.
#[derive(Debug)]
pub struct Listener(OwnedFd);

/// A call that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notification {
    /// The kernel's cookie for this call.
    pub id: u64,
    /// The calling thread, in the supervisor's process-id namespace; 0 if it can't be seen from there.
    pub tid: i32,
    /// System-call number.
    pub call: i32,
    /// Arguments as the registers hold them: pointers lead into memory that can change at any time.
    pub args: [u64; 6],
}

#[repr(C)]
struct Addfd {
    id: u64,
    flags: u32,
    source: u32,
    target: u32,
    target_flags: u32,
}

impl Listener {
    /// Takes the descriptor that `seccomp(2)` gave, and asks for synchronous wake-ups (Linux 6.6, commit
    /// 48a1084a8b74; older kernels answer EINVAL and only lose speed).
    #[must_use]
    pub fn new(fd: OwnedFd) -> Self {
        // SAFETY: the flags are passed by value; the kernel touches no memory of ours.
        unsafe { libc::ioctl(fd.as_raw_fd(), SET_FLAGS, FD_SYNC_WAKE_UP) };
        Self(fd)
    }

    /// Takes the next call; none if the caller has gone between the wake-up and this.
    ///
    /// # Errors
    /// What `ioctl(2)` says; `ENOENT` and `EINTR` are none instead.
    pub fn receive(&self) -> io::Result<Option<Notification>> {
        let mut raw = MaybeUninit::<libc::seccomp_notif>::zeroed();
        // SAFETY: `raw` is zeroed, as the kernel demands, and large enough for the struct named by RECV.
        if unsafe { libc::ioctl(self.0.as_raw_fd(), RECV, raw.as_mut_ptr()) } != 0 {
            let err = io::Error::last_os_error();
            return match err.raw_os_error() {
                Some(libc::ENOENT | libc::EINTR) => Ok(None),
                _ => Err(err),
            };
        }
        // SAFETY: all bit patterns of the struct are valid, and it was zeroed before the kernel filled it.
        let raw = unsafe { raw.assume_init() };
        Ok(Some(Notification {
            id: raw.id,
            tid: i32::try_from(raw.pid).unwrap_or(0),
            call: raw.data.nr,
            args: raw.data.args,
        }))
    }

    /// Whether the call still waits. To be asked after reading the caller's memory: only then did the bytes
    /// come from that caller.
    #[must_use]
    pub fn is_valid(&self, id: u64) -> bool {
        // SAFETY: the kernel reads eight bytes behind the pointer, which `id` has.
        unsafe { libc::ioctl(self.0.as_raw_fd(), ID_VALID, &raw const id) == 0 }
    }

    /// Lets the kernel do the call, with whatever the caller's memory then holds: only where that is checked
    /// again, or harmless.
    ///
    /// # Errors
    /// `ENOENT` if the caller has gone.
    pub fn proceed(&self, id: u64) -> io::Result<()> {
        self.send(id, 0, 0, RESP_CONTINUE)
    }

    /// Makes the call fail with `errno` (positive).
    ///
    /// # Errors
    /// `ENOENT` if the caller has gone.
    pub fn fail(&self, id: u64, errno: i32) -> io::Result<()> {
        self.send(id, 0, -errno, 0)
    }

    /// Makes the call return `value` without being done by the kernel.
    ///
    /// # Errors
    /// `ENOENT` if the caller has gone.
    pub fn succeed(&self, id: u64, value: i64) -> io::Result<()> {
        self.send(id, value, 0, 0)
    }

    /// Makes the call return a new descriptor for `file`, in one step (Linux 5.14, `ADDFD_FLAG_SEND`).
    ///
    /// # Errors
    /// `ENOENT` if the caller has gone; `EMFILE` if it has no room.
    pub fn succeed_with(&self, id: u64, file: BorrowedFd<'_>, close_on_exec: CloseOnExec) -> io::Result<RawFd> {
        self.add(id, file, (close_on_exec, None), ADDFD_SEND)
    }

    /// Gives the caller a new descriptor for `file`, and lets it wait on; which is its number.
    ///
    /// # Errors
    /// `ENOENT` if the caller has gone; `EMFILE` if it has no room.
    pub fn give(&self, id: u64, file: BorrowedFd<'_>, close_on_exec: CloseOnExec) -> io::Result<RawFd> {
        self.add(id, file, (close_on_exec, None), 0)
    }

    /// As [`Listener::succeed_with`], with this number: what is open there is closed.
    ///
    /// # Errors
    /// As there; `EBADF` for a number above the caller's limit.
    pub fn succeed_at(&self, id: u64, file: BorrowedFd<'_>, at: (CloseOnExec, u32)) -> io::Result<RawFd> {
        self.add(id, file, (at.0, Some(at.1)), ADDFD_SEND)
    }

    fn add(
        &self,
        id: u64,
        file: BorrowedFd<'_>,
        (closes, number): (CloseOnExec, Option<u32>),
        flags: u32,
    ) -> io::Result<RawFd> {
        let add = Addfd {
            id,
            flags: flags | number.map_or(0, |_| ADDFD_SETFD),
            source: u32::try_from(file.as_raw_fd()).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?,
            target: number.unwrap_or(0),
            target_flags: match closes {
                CloseOnExec::Yes => libc::O_CLOEXEC.cast_unsigned(),
                CloseOnExec::No => 0,
            },
        };
        // SAFETY: the kernel reads the struct named by ADDFD behind the pointer.
        let fd = unsafe { libc::ioctl(self.0.as_raw_fd(), ADDFD, &raw const add) };
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(fd) }
    }

    fn send(&self, id: u64, val: i64, error: i32, flags: u32) -> io::Result<()> {
        let answer = libc::seccomp_notif_resp { id, val, error, flags };
        // SAFETY: the kernel reads the struct named by SEND behind the pointer.
        if unsafe { libc::ioctl(self.0.as_raw_fd(), SEND, &raw const answer) } == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

/// Whether a descriptor closes on exec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseOnExec {
    /// It does.
    Yes,
    /// It stays.
    No,
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
