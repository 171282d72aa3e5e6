//! `tollgate entrypoint`: the first process of a container. Reaps whatever is orphaned, hands signals on, and starts the
//! very run that `tollgate run` is, as a child: that one may then stop, trace and wait as it needs.

use std::io::{self, IsTerminal as _};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgrp, tcsetpgrp};
use tollgate_sys::namespaces::Set;
use tollgate_sys::process::{self, Fork};

use crate::args::Run;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

/// The profile where none is named: a container is a wall already, and grants no namespaces.
const PROFILE: &str = "container";

/// Handed on to the run, which hands them on to the command.
const HANDED_ON: [Signal; 9] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGHUP,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGCONT,
    Signal::SIGWINCH,
    Signal::SIGTSTP,
];

/// Starts the run and waits for its end.
pub(crate) fn entrypoint(mut args: Run) -> Outcome {
    if args.profile.is_empty() {
        let also = args.ci.then(|| "ci".to_owned());
        args.profile = [PROFILE.to_owned()].into_iter().chain(also).collect();
    }
    let failed = |what: &str, e: &dyn std::error::Error| Failure::new(Exit::Internal, what.to_owned()).because(e);
    let all: SigSet = HANDED_ON.into_iter().chain([Signal::SIGCHLD]).collect();
    let before = all.thread_swap_mask(SigmaskHow::SIG_BLOCK).map_err(|e| failed("can't take signals", &e))?;
    // where this is not the first process, orphans of the run would pass it by
    process::adopt_orphans().map_err(|e| failed("can't adopt orphans", &e))?;
    match process::fork(Set::NONE).map_err(|e| failed("can't start a process", &e))? {
        Fork::Child => {
            process::signal_on_parent_death(Signal::SIGKILL as i32)
                .map_err(|e| failed("can't follow the parent", &e))?;
            own_group().map_err(|e| failed("can't take the terminal", &e))?;
            sigprocmask(SigmaskHow::SIG_SETMASK, Some(&before), None).map_err(|e| failed("can't free signals", &e))?;
            crate::verb::run::run(args)
        }
        Fork::Parent(child) => look_after(Pid::from_raw(child), &all).map_err(|e| failed("can't wait", &e)),
    }
}

/// A group of its own, in front of the terminal if there is one: Ctrl-C then comes once, not twice.
fn own_group() -> io::Result<()> {
    process::new_group()?;
    if io::stdin().is_terminal() {
        // who moves from behind to the front is stopped by SIGTTOU, unless it is blocked; it is not, so block it
        let quiet: SigSet = [Signal::SIGTTOU].into_iter().collect();
        let before = quiet.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        // a terminal of another session stays where it is
        let _unmoved = tcsetpgrp(io::stdin(), getpgrp());
        before.thread_set_mask()?;
    }
    Ok(())
}

/// Hands signals on and reaps, until the run has ended.
fn look_after(run: Pid, signals: &SigSet) -> Result<Exit, Errno> {
    loop {
        let signal = signals.wait()?;
        if signal == Signal::SIGCHLD {
            if let Some(exit) = reap(run)? {
                return Ok(exit);
            }
            continue;
        }
        match kill(run, signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Takes every child that has ended; says how the run did, if it is among them.
fn reap(run: Pid) -> Result<Option<Exit>, Errno> {
    let mut exit = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == run => {
                exit = Some(Exit::Command(u8::try_from(code & 0xff).unwrap_or(u8::MAX)));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == run => {
                exit = Some(Exit::Command(128 | u8::try_from(signal as i32 & 0x7f).unwrap_or(0)));
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(exit),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}
