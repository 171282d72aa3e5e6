//! What becomes of a limit that was passed: its doer is told and stopped, it is written down, the run's summary says so.

use std::fs;

use nix::sys::signal::Signal;
use tollgate_ledger::record::Event;
use tollgate_limits::{Bound, Breach, Ends};
use tollgate_policy::action::{Action, Call};

use crate::gate::Gate;

/// How often one limit's breaches are written down in one run.
const RECORDED: u64 = 64;

impl Gate<'_> {
    /// Looks after the run's limits, where it is time.
    pub(crate) fn watch_limits(&mut self) {
        for breach in self.watch.look(self.run.boundary) {
            self.stop(&breach);
        }
        if let Some(why) = self.watch.is_blind().map(ToString::to_string) {
            self.unseen(&why);
        }
    }

    /// Something passed a limit: the doer is told before it is stopped, since its stderr goes with it.
    fn stop(&mut self, breach: &Breach) {
        let Breach { bound, used, victims, ends } = breach;
        let Some(doer) = victims.first().copied() else { return };
        let call = match bound.name {
            "processes" => "clone",
            "disk" => "write",
            _ => "mmap",
        };
        if *ends == Ends::Run {
            // At once: who passed it may go on growing while it is told and written down.
            self.ending.stopped.get_or_insert_with(|| passed(bound, *used));
            self.end_everything();
        }
        let mut done = Ok(());
        if doer.pid != self.run.command {
            // It must not go on while it is told. (The command itself would stop its terminal's job.)
            done = doer.signal(Signal::SIGSTOP);
        }
        self.over_limit(doer.pid, (Action::Call(Call { name: call.to_owned() }), bound, *used));
        for victim in victims.iter().filter(|victim| victim.pid != self.run.command) {
            done = done.and(victim.signal(Signal::SIGKILL));
        }
        if let Err(why) = done {
            self.unseen(&why.to_string());
        }
    }

    /// The run's processes can't be seen or stopped any more: no limit holds, so the run ends.
    fn unseen(&mut self, why: &str) {
        if self.ending.stopped.is_some() {
            return;
        }
        let text = format!("the run's limits can't be looked after any more: {why}");
        let action = self.tree.action(self.run.command);
        let what = Action::Call(Call { name: "clone".to_owned() });
        let pid = self.run.command.unsigned_abs();
        if let Err(unwritten) = self.pen.group(Event::Refused { action, pid, what, wall: text.clone() }) {
            self.broken(unwritten);
        }
        self.ending.limits.push(text.clone());
        self.ending.stopped = Some(text);
        self.end_everything();
    }

    /// Writes down that a limit was passed, or would have been, and tells it once.
    pub(crate) fn over_limit(&mut self, tid: i32, (what, bound, used): (Action, &Bound, u64)) {
        let action = self.tree.action(tid);
        let text = passed(bound, used);
        let times = self.limits_hit.entry(bound.name).or_insert(0);
        *times += 1;
        let (first, recorded) = (*times == 1, *times <= RECORDED);
        if recorded {
            let limited = Event::Refused { action, pid: tid.unsigned_abs(), what, wall: text.clone() };
            if let Err(unwritten) = self.pen.group(limited) {
                self.broken(unwritten);
            }
        }
        if first {
            // Who has ended meanwhile has no stderr any more.
            let ended = !fs::exists(format!("/proc/{tid}/fd/2")).unwrap_or(false);
            let reader = if ended { self.run.command } else { tid };
            self.say(reader, shown(bound.name), &text, &next(bound.name));
            self.ending.limits.push(text);
        } else {
            self.ending.refusals += 1;
        }
    }
}

/// What was refused, after `refused`.
fn shown(name: &str) -> &'static str {
    match name {
        "processes" => "more processes and threads",
        "memory" | "memory_per_process" => "more memory",
        "disk" => "more space on the disk",
        _ => "a file of that size",
    }
}

/// What was passed, and by how much.
fn passed(bound: &Bound, used: u64) -> String {
    let Bound { name, most, source } = bound;
    let amount = |number: u64| if *name == "processes" { number.to_string() } else { size(number) };
    let whose = match *name {
        "processes" => "processes and threads of the run are more than",
        "memory" => "of memory of the run are more than",
        "memory_per_process" => "of memory of one process are more than",
        "disk" => "of disk that was free when the run began are more than",
        _ => "for one file are more than",
    };
    let source = if source.is_empty() { String::new() } else { format!(" ({source})") };
    format!("{} {whose} the limit `{name}` of {}{source}", amount(used), amount(*most))
}

/// Bytes, for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..0x10_0000 => format!("{bytes} bytes"),
        _ => format!("{} MiB", bytes.div_ceil(1 << 20)),
    }
}

fn next(name: &str) -> String {
    let what = match name {
        "fsize" | "disk" => "don't try to write the same in another way; write less",
        _ => "what took it was stopped: don't start the same again; use less at once",
    };
    format!("{what}, or tell the person that the run needs more (`tollgate run --limit {name}=AMOUNT`)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_passed_is_said_in_words() {
        let bound = |name, most, source: &str| Bound { name, most, source: source.into() };
        assert_eq!(
            passed(&bound("processes", 2048, "profile:base"), 2100),
            "2100 processes and threads of the run are more than the limit `processes` of 2048 (profile:base)"
        );
        assert_eq!(
            passed(&bound("memory", 3 << 30, "--limit"), (3 << 30) + 1),
            "3073 MiB of memory of the run are more than the limit `memory` of 3072 MiB (--limit)"
        );
        assert_eq!(
            passed(&bound("fsize", 10, ""), 12),
            "12 bytes for one file are more than the limit `fsize` of 10 bytes"
        );
    }
}
