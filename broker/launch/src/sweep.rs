//! Killing all that a run has left, for a parent that adopts its orphans.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgrp, getpid};

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All in the process-id namespace that the caller is the init of.
    Namespace,
    /// All in the Landlock domain that the caller is in and that keeps signals within; it adopts orphans.
    Domain,
    /// All that descends from the caller, which adopts orphans.
    Descendants,
}

/// Kills and reaps until no child is left. `reaped` is told of each child's end.
pub(crate) fn all(scope: Scope, mut reaped: impl FnMut(WaitStatus)) {
    let mut rounds = 0;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Err(Errno::ECHILD) => return,
            Ok(WaitStatus::StillAlive) | Err(_) => {}
            Ok(status) => {
                reaped(status);
                continue;
            }
        }
        rounds += 1;
        match scope {
            Scope::Namespace | Scope::Domain => {
                // One call takes all at once; a fork under way is undone by the pending signal (kernel/fork.c).
                let _killed = kill(Pid::from_raw(-1), Signal::SIGKILL);
                if let Ok(status) = waitpid(None, None) {
                    reaped(status);
                }
            }
            Scope::Descendants => {
                children();
                // At first as fast as can be, against programs that fork faster than they die; then with patience
                // for those that are slow to die.
                if rounds > 50 {
                    sleep(Duration::from_micros(500));
                }
            }
        }
    }
}

/// Kills each child, and its process group where that is not the caller's. Their children become the caller's.
/// A child's id is its own until the caller has reaped it, and a group of its session holds only descendants.
fn children() {
    let own = getpgrp();
    for child in list() {
        if let Ok(group) = nix::unistd::getpgid(Some(child))
            && group != own
        {
            let _gone = killpg(group, Signal::SIGKILL);
        }
        let _gone = kill(child, Signal::SIGKILL);
    }
}

fn list() -> Vec<Pid> {
    let me = getpid();
    // With CONFIG_PROC_CHILDREN one read says it.
    if let Ok(text) = fs::read_to_string(format!("/proc/self/task/{me}/children")) {
        return text.split_ascii_whitespace().filter_map(|id| id.parse().ok()).map(Pid::from_raw).collect();
    }
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|id| parent(*id) == Some(me.as_raw()))
        .map(Pid::from_raw)
        .collect()
}

/// The parent in `/proc/PID/stat`: the second field after the name, which ends at the last bracket.
fn parent(id: i32) -> Option<i32> {
    let stat = fs::read(format!("/proc/{id}/stat")).ok()?;
    let after = stat.rsplit(|byte| *byte == b')').next()?;
    std::str::from_utf8(after).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}
