//! What one thread of ours lays down while it acts for another process: capabilities that go past file permissions,
//! and its share of working directory and umask. `capset(2)` and `unshare(CLONE_FS)` concern the calling thread alone.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use nix::errno::Errno;

use crate::caps;
use crate::process::done;

/// From here on the calling thread's umask and working directory are its own.
///
/// # Errors
/// What `unshare(2)` says.
pub fn own_umask() -> io::Result<()> {
    // SAFETY: takes a number; only the calling thread's share of fs_struct changes.
    done(unsafe { libc::unshare(libc::CLONE_FS) })
}

/// Sets the umask and gives the one before, to be set again.
#[must_use]
pub fn umask(mask: u32) -> u32 {
    // SAFETY: takes a number and cannot fail.
    unsafe { libc::umask(mask) }
}

/// Binds a unix socket to a name in a directory. The calling thread must own its working directory ([`own_umask`]);
/// it is left at the root.
///
/// # Errors
/// What `fchdir(2)` and `bind(2)` say; `ENAMETOOLONG` for a name of more than 107 bytes.
pub fn bind_in(dir: BorrowedFd<'_>, name: &CStr, socket: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: an all-zero sockaddr_un is valid.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::sa_family_t::try_from(libc::AF_UNIX).unwrap_or(1);
    let bytes = name.to_bytes();
    if bytes.len() >= address.sun_path.len() {
        return Err(Errno::ENAMETOOLONG);
    }
    for (to, from) in address.sun_path.iter_mut().zip(bytes) {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    let length = libc::socklen_t::try_from(size_of::<libc::sa_family_t>() + bytes.len() + 1).unwrap_or(0);
    // SAFETY: takes a number.
    if unsafe { libc::fchdir(dir.as_raw_fd()) } < 0 {
        return Err(Errno::last());
    }
    // SAFETY: the address is a sockaddr_un, as long as said.
    let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    let errno = Errno::last();
    // SAFETY: the path is NUL-terminated.
    let back = unsafe { libc::chdir(c"/".as_ptr()) };
    if bound < 0 || back < 0 { Err(errno) } else { Ok(()) }
}

/// Capabilities that reach past what a user's files allow: CHOWN, `DAC_OVERRIDE`, `DAC_READ_SEARCH`, FOWNER, FSETID,
/// `LINUX_IMMUTABLE`, `NET_BIND_SERVICE`, `SYS_RAWIO`, `SYS_ADMIN`, `SYS_RESOURCE`, MKNOD, LEASE, SETFCAP,
/// `MAC_OVERRIDE`, `MAC_ADMIN`.
const FILES: u64 = 1
    | 1 << 1
    | 1 << 2
    | 1 << 3
    | 1 << 4
    | 1 << 9
    | 1 << 10
    | 1 << 17
    | 1 << 21
    | 1 << 24
    | 1 << 27
    | 1 << 28
    | 1 << 31
    | 1 << 32
    | 1 << 33;

/// While this lives, the thread that made it acts with a user's rights over files. Threads that it starts meanwhile
/// have no more; programs that it starts get back what an exec gives.
#[derive(Debug)]
#[must_use]
pub struct Lowered {
    full: u64,
}

impl Lowered {
    /// Lays the rights down. Costs nothing where there are none.
    ///
    /// # Errors
    /// What `capget(2)` and `capset(2)` say.
    pub fn lower() -> io::Result<Self> {
        let full = caps::effective()?;
        if full & FILES != 0 {
            caps::set_effective(full & !FILES)?;
        }
        Ok(Self { full })
    }
}

impl Drop for Lowered {
    fn drop(&mut self) {
        if self.full & FILES != 0 && caps::set_effective(self.full).is_err() {
            // fewer rights than before is the safe side
        }
    }
}
