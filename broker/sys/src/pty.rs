//! Pseudo-terminals and terminal settings (`pty(7)`, `termios(3)`, `ioctl_tty(2)`).

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use nix::sys::termios::{self, SetArg, Termios};

use crate::process::done;

/// A pair of pseudo-terminal ends, both close-on-exec.
#[derive(Debug)]
pub struct Pair {
    /// The end that a relay reads and writes.
    pub master: OwnedFd,
    /// The end that is a program's terminal.
    pub slave: OwnedFd,
    /// The slave is `/dev/pts/NUMBER`.
    pub number: u32,
}

/// Opens a pair.
///
/// # Errors
/// What opening `/dev/ptmx` and `ioctl_tty(2)` say.
pub fn open() -> io::Result<Pair> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: the path is NUL-terminated.
    let master = owned(unsafe { libc::open(c"/dev/ptmx".as_ptr(), flags) })?;
    let unlocked: libc::c_int = 0;
    // SAFETY: TIOCSPTLCK reads an int.
    done(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked) })?;
    let number = number(master.as_fd())?;
    // By descriptor, not by name: /dev/pts may be another instance than the one behind /dev/ptmx.
    let slave = slave(master.as_fd(), flags)?;
    Ok(Pair { master, slave, number })
}

/// The number of a master's slave: `/dev/pts/NUMBER`.
///
/// # Errors
/// What `ioctl_tty(2)` says; `ENOTTY` if it is no master.
pub fn number(master: BorrowedFd<'_>) -> io::Result<u32> {
    let mut number: libc::c_uint = 0;
    // SAFETY: TIOCGPTN writes an unsigned int.
    done(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTN, &raw mut number) })?;
    Ok(number)
}

/// Opens the slave of a master, close-on-exec, with the flags of `open(2)`.
///
/// # Errors
/// What `ioctl_tty(2)` says of `TIOCGPTPEER` (Linux 4.13); `EIO` while it is locked.
pub fn slave(master: BorrowedFd<'_>, flags: i32) -> io::Result<OwnedFd> {
    // SAFETY: TIOCGPTPEER takes open flags by value and gives a new descriptor.
    owned(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags | libc::O_CLOEXEC) })
}

fn owned(fd: libc::c_int) -> io::Result<OwnedFd> {
    done(fd)?;
    // SAFETY: the callers pass what a call that gives a new descriptor has just returned.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Makes `slave` the controlling terminal of the caller, which leads a new session.
///
/// # Errors
/// What `ioctl_tty(2)` says.
pub fn control(slave: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: TIOCSCTTY takes a number: 0, steal it from nobody.
    done(unsafe { libc::ioctl(slave.as_raw_fd(), libc::TIOCSCTTY, 0) })
}

/// Makes a process group the terminal's foreground. `SIGTTOU` must be blocked where the caller is in the background.
///
/// # Errors
/// What `tcsetpgrp(3)` says.
pub fn foreground(terminal: BorrowedFd<'_>, group: i32) -> io::Result<()> {
    // SAFETY: takes numbers only.
    done(unsafe { libc::tcsetpgrp(terminal.as_raw_fd(), group) })
}

/// The foreground process group of the terminal.
///
/// # Errors
/// What `tcgetpgrp(3)` says; `ENOTTY` if it is not the caller's controlling terminal.
pub fn foreground_group(terminal: BorrowedFd<'_>) -> io::Result<i32> {
    // SAFETY: takes numbers only.
    let group = unsafe { libc::tcgetpgrp(terminal.as_raw_fd()) };
    done(group).map(|()| group)
}

/// Whether a descriptor is a terminal.
#[must_use]
pub fn is_terminal(fd: impl AsFd) -> bool {
    // SAFETY: takes numbers only.
    unsafe { libc::isatty(fd.as_fd().as_raw_fd()) == 1 }
}

/// Gives `to` the window size of `from`; the kernel then sends `SIGWINCH` to the foreground of `to`.
///
/// # Errors
/// What `ioctl_tty(2)` says.
pub fn copy_size(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes a winsize.
    done(unsafe { libc::ioctl(from.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) })?;
    // SAFETY: TIOCSWINSZ reads a winsize.
    done(unsafe { libc::ioctl(to.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) })
}

/// A terminal's settings.
#[derive(Debug, Clone)]
pub struct Settings(libc::termios);

impl Settings {
    /// Those of a terminal.
    ///
    /// # Errors
    /// What `tcgetattr(3)` says.
    pub fn of(terminal: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self(termios::tcgetattr(terminal)?.into()))
    }

    /// These, but raw: bytes pass as they are, no key is special, nothing is echoed.
    #[must_use]
    pub fn raw(&self) -> Self {
        let mut raw = Termios::from(self.0);
        termios::cfmakeraw(&mut raw);
        Self(raw.into())
    }

    /// Whether the other ones are these.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let flags = |of: &libc::termios| (of.c_iflag, of.c_oflag, of.c_cflag, of.c_lflag);
        flags(&self.0) == flags(&other.0) && self.0.c_cc == other.0.c_cc
    }

    /// Sets them, once what was written has been sent.
    ///
    /// # Errors
    /// What `tcsetattr(3)` says.
    pub fn apply(&self, terminal: BorrowedFd<'_>) -> io::Result<()> {
        Ok(termios::tcsetattr(terminal, SetArg::TCSADRAIN, &Termios::from(self.0))?)
    }
}
