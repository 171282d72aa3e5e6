//! The guard: the command's parent, outside Landlock and filter, inside the namespaces. It makes the mounts, starts the
//! command, tells news of it, and ends all that is left when the command or the supervisor ends.
//!
//! It holds three descriptors, has no handlers, and takes orders by signal only: `SIGTERM` (from the kernel when the
//! supervisor dies, or from the supervisor) ends the run, `SIGUSR1` brings the command to its terminal's foreground.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, write};
use tollgate_sys::landlock::Ruleset;
use tollgate_sys::namespaces::{Set, bring_up_loopback};
use tollgate_sys::news::News;
use tollgate_sys::process::{self, Fork, Inspection};
use tollgate_sys::{fds, masks, mounts, pty};

use crate::fault::Step;
use crate::layout::{Layout, Mount};
use crate::recipe::{self, Failed, Wires, at};
use crate::sweep::{self, Scope};
use crate::temp;

/// The guard's whole life. Does not return.
pub(crate) fn live(mut layout: Layout<'_>, wires: Wires, supervisor: OwnedFd) -> ! {
    let _never_back = NeverBack;
    drop(supervisor);
    let mut ruleset = layout.ruleset.take();
    let forked = prepare(&layout, &mut ruleset, &wires).and_then(|()| process::fork(Set::NONE).map_err(at(Step::Fork)));
    match forked {
        Ok(Fork::Child) => recipe::cook(&layout, ruleset, &wires),
        Ok(Fork::Parent(command)) => watch(&layout, wires, Pid::from_raw(command)),
        Err(failed) => recipe::report(&wires, failed, &layout.plan.pass),
    }
    process::exit(0)
}

/// The supervisor's code must never run twice: an unwinding panic ends here.
struct NeverBack;

impl Drop for NeverBack {
    fn drop(&mut self) {
        process::exit(125)
    }
}

fn prepare(layout: &Layout<'_>, ruleset: &mut Option<Ruleset>, wires: &Wires) -> Result<(), Failed> {
    process::signal_on_parent_death(libc::SIGTERM).map_err(at(Step::Session))?;
    if is_alone(wires.word.as_fd()) {
        process::exit(0) // the supervisor died before the line above
    }
    process::adopt_orphans().map_err(at(Step::Session))?;
    process::new_session().map_err(at(Step::Session))?;
    if let Some(terminal) = layout.terminal {
        pty::control(terminal.slave().as_fd()).map_err(at(Step::Session))?;
    }
    if let Some(maps) = &layout.maps {
        maps.write().map_err(at(Step::Maps))?;
    }
    if layout.set.has(Set::MOUNT) {
        mount(layout)?;
    }
    if layout.set.has(Set::NET) {
        bring_up_loopback().map_err(at(Step::Loopback))?;
    }
    for (path, rights) in &layout.late {
        if let Some(rules) = ruleset.take() {
            *ruleset = Some(allow_late(rules, (path, *rights)).map_err(at(Step::Ruleset))?);
        }
    }
    Ok(())
}

fn is_alone(word: BorrowedFd<'_>) -> bool {
    let mut ends = [PollFd::new(word, PollFlags::empty())];
    poll(&mut ends, PollTimeout::ZERO).is_ok()
        && ends.iter().any(|end| end.revents().is_some_and(|got| got.contains(PollFlags::POLLHUP)))
}

fn allow_late(
    rules: Ruleset,
    (path, rights): (&std::ffi::CString, tollgate_sys::landlock::Rights),
) -> io::Result<Ruleset> {
    use nix::fcntl::{OFlag, open};
    match open(path.as_c_str(), OFlag::O_PATH | OFlag::O_CLOEXEC, nix::sys::stat::Mode::empty()) {
        Ok(object) => rules.allow(object, rights),
        Err(nix::Error::ENOENT | nix::Error::ENOTDIR | nix::Error::EACCES) => Ok(rules),
        Err(other) => Err(other.into()),
    }
}

fn mount(layout: &Layout<'_>) -> Result<(), Failed> {
    if layout.maps.is_none() {
        // In a user namespace of its own the kernel has cut the propagation already.
        mounts::make_private().map_err(at(Step::Mounts))?;
    }
    let held: Vec<Option<OwnedFd>> = layout.carried.iter().map(|path| mounts::hold(path).ok()).collect();
    for mount in layout.mounts.iter().filter(|mount| matches!(mount, Mount::Temp(_) | Mount::Scratch(_))) {
        lay(mount, layout).map_err(at(Step::Mounts))?;
    }
    for (path, held) in layout.carried.iter().zip(&held) {
        if let Some(held) = held {
            carry(held.as_fd(), path).map_err(at(Step::Mounts))?;
        }
    }
    for mount in layout.mounts.iter().filter(|mount| !matches!(mount, Mount::Temp(_) | Mount::Scratch(_))) {
        lay(mount, layout).map_err(at(Step::Masks))?;
    }
    if layout.set.has(Set::PID) {
        mounts::proc(c"/proc").map_err(at(Step::Proc))?;
    }
    Ok(())
}

fn lay(mount: &Mount, layout: &Layout<'_>) -> io::Result<()> {
    let done = match mount {
        Mount::Temp(at) => mounts::bind(&layout.temp, at),
        Mount::Scratch(at) => mounts::scratch(at),
        Mount::EmptyDirectory(at) => mounts::empty_directory(at),
        Mount::EmptyFile(at) => mounts::empty_file(at),
        Mount::Frozen(at) => mounts::freeze(at),
    };
    match done {
        // A usual place that this machine lacks, or a path that has gone since it was looked up.
        Err(e) if matches!(e.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => Ok(()),
        other => other,
    }
}

/// Shows a root again that lies beneath a place now covered.
fn carry(held: BorrowedFd<'_>, path: &std::ffi::CString) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt as _;
    let path_here = std::path::Path::new(std::ffi::OsStr::from_bytes(path.as_bytes()));
    if fs::File::from(held.try_clone_to_owned()?).metadata()?.is_dir() {
        fs::create_dir_all(path_here)?;
    } else {
        path_here.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::File::create(path_here)?;
    }
    mounts::show(held, path)
}

/// Waits with the command, to the end.
fn watch(layout: &Layout<'_>, wires: Wires, command: Pid) -> ! {
    let (parent, name) = layout.temp_place();
    let slave = layout.terminal.map_or(wires.news.as_fd(), |terminal| terminal.slave().as_fd());
    // From here on 0 is the news, 1 the directory of the temp directory, 2 the terminal; nothing else is open, so
    // nobody waits for an end of file, or for a listener, because of the guard.
    if fds::keep_only([wires.news.as_fd(), parent, slave]).is_err() || process::inspection(Inspection::Closed).is_err()
    {
        end(command, layout.set, name)
    }
    std::mem::forget(wires);
    loop {
        match masks::wait(&[Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGUSR1]) {
            Ok(Signal::SIGCHLD) => {
                if reap(command) {
                    end(command, layout.set, name)
                }
            }
            Ok(Signal::SIGUSR1) => {
                // Fails if the terminal is gone; the command will notice that itself.
                let _in_front = pty::foreground(io::stderr().as_fd(), command.as_raw());
                let _continued = killpg(command, Signal::SIGCONT);
            }
            Ok(_) | Err(_) => end(command, layout.set, name),
        }
    }
}

/// Takes all changes of children; whether the command has ended.
fn reap(command: Pid) -> bool {
    let mut ended = false;
    let flags = WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED | WaitPidFlag::WCONTINUED;
    while let Ok(status) = waitpid(None, Some(flags)) {
        let news = match status {
            WaitStatus::StillAlive => break,
            WaitStatus::Exited(pid, code) if pid == command => News::Exited(code),
            WaitStatus::Signaled(pid, signal, _) if pid == command => News::Signalled(signal as i32),
            WaitStatus::Stopped(pid, signal) if pid == command => News::Stopped(signal as i32),
            WaitStatus::Continued(pid) if pid == command => News::Continued,
            _ => continue, // an orphan of the run
        };
        tell(news);
        ended |= matches!(news, News::Exited(_) | News::Signalled(_));
    }
    ended
}

fn tell(news: News) {
    // The supervisor may be gone; then nobody needs the news.
    let _told = write(io::stdin().as_fd(), &news.encode());
}

/// Kills what is left, removes the temp directory, ends.
fn end(command: Pid, set: Set, temp: &std::ffi::CStr) -> ! {
    let scope = if set.has(Set::PID) { Scope::Namespace } else { Scope::Descendants };
    sweep::all(scope, |status| match status {
        WaitStatus::Exited(pid, code) if pid == command => tell(News::Exited(code)),
        WaitStatus::Signaled(pid, signal, _) if pid == command => tell(News::Signalled(signal as i32)),
        _ => {}
    });
    temp::remove(io::stdout().as_fd(), temp);
    process::exit(0)
}
