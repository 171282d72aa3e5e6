//! What is refused, written down and told: each thing once for each action that met it, so that the action counts as
//! refused, and once for the agent. Calls that the filter hands over only for that end here too.

use std::collections::{HashMap, HashSet};

use tollgate_ledger::record::Event;
use tollgate_policy::action::{Action, Call};
use tollgate_sys::notify::Notification;

use crate::calls;
use crate::exec::NEXT_WALL;
use crate::gate::Gate;

/// How many things are written down for one action, and told in one run; a program that tries thousands has had its
/// answer.
const MOST: usize = 64;
/// How many actions' refusals are remembered before that is begun anew.
const REMEMBERED: usize = 4096;

/// Refusals of this run.
#[derive(Debug, Default)]
pub(crate) struct Walls {
    told: HashSet<String>,
    written: HashMap<u64, HashSet<String>>,
}

/// What is left to do for a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left {
    write: bool,
    tell: bool,
}

impl Walls {
    fn meet(&mut self, action: u64, shown: &str) -> Left {
        if self.written.len() >= REMEMBERED && !self.written.contains_key(&action) {
            self.written.clear();
        }
        let written = self.written.entry(action).or_default();
        let write = written.len() < MOST && written.insert(shown.to_owned());
        Left { write, tell: self.is_new(shown) }
    }

    fn is_new(&mut self, shown: &str) -> bool {
        self.told.len() < MOST && self.told.insert(shown.to_owned())
    }
}

impl Gate<'_> {
    /// Writes a refusal down and tells it, so far as that is new. The call itself is still to be refused.
    pub(crate) fn turn_back(&mut self, tid: i32, (event, shown): (Event, &str), (why, next): (&str, &str)) {
        let Left { write, tell } = self.walls.meet(action_of(&event), shown);
        if write {
            // What a rule of policy denied is durable before the refusal is given.
            let written =
                if matches!(event, Event::Denied { .. }) { self.pen.durable(event) } else { self.pen.group(event) };
            if let Err(unwritten) = written {
                self.broken(unwritten);
            }
        }
        if tell {
            self.say(tid, shown, why, next);
        } else {
            self.ending.refusals += 1;
        }
    }

    /// Tells a refusal whose process is dead, on the command's own stderr.
    pub(crate) fn tell_once(&mut self, shown: &str, why: &str, next: &str) {
        if self.walls.is_new(shown) {
            self.say(self.run.command, shown, why, next);
        } else {
            self.ending.refusals += 1;
        }
    }

    /// Refuses a call of the filter.
    pub(crate) fn wall(&mut self, call: &Notification, errno: i32, because: &str) {
        let name = calls::name(call.call);
        let wall = format!("the system-call filter: {because}; {}", nix::errno::Errno::from_raw(errno));
        let shown = format!("the system call `{name}`");
        let event = self.refused_by(call.tid, Action::Call(Call { name }), wall);
        self.turn_back(call.tid, (event, &shown), (because, NEXT_WALL));
        self.refuse(call, errno);
    }

    /// The record of a refusal by the boundary.
    pub(crate) fn refused_by(&mut self, tid: i32, what: Action, wall: String) -> Event {
        let action = self.tree.action(tid);
        Event::Refused { action, pid: tid.unsigned_abs(), what, wall }
    }
}

/// The action that a refusal belongs to; 0 for the agent itself.
fn action_of(event: &Event) -> u64 {
    let (Event::Denied { action, .. } | Event::Refused { action, .. } | Event::Tampered { action, .. }) = event else {
        return 0;
    };
    *action
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_told_once_and_written_for_each_action() {
        let mut walls = Walls::default();
        let left = |write, tell| Left { write, tell };
        assert_eq!(walls.meet(1, "a"), left(true, true));
        assert_eq!(walls.meet(1, "a"), left(false, false));
        assert_eq!(walls.meet(1, "b"), left(true, true));
        assert_eq!(walls.meet(2, "a"), left(true, false));
        for number in 0..200 {
            walls.meet(3, &number.to_string());
        }
        assert_eq!(walls.meet(3, "new"), left(false, false), "enough of one action");
        assert_eq!(walls.meet(4, "new"), left(true, false), "enough told, but another action");
    }
}
