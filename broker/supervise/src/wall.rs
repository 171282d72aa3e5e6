//! Calls that the filter hands over only so that their refusal is told and written down.

use tollgate_ledger::record::Event;
use tollgate_policy::action::{Action, Call};
use tollgate_sys::notify::Notification;

use crate::calls;
use crate::exec::NEXT_WALL;
use crate::gate::Gate;

impl Gate<'_> {
    /// Refuses, writes it down, and tells the agent once.
    pub(crate) fn wall(&mut self, call: &Notification, errno: i32, because: &str) {
        let name = calls::name(call.call);
        let seen = self.walls.entry(name.clone()).or_insert(0);
        *seen += 1;
        if *seen <= TOLD {
            let action = self.tree.place(call.tid).action();
            let wall = format!("the system-call filter: {because}; {}", nix::errno::Errno::from_raw(errno));
            let what = Action::Call(Call { name: name.clone() });
            let refused = Event::Refused { action, pid: call.tid.unsigned_abs(), what, wall };
            if let Err(unwritten) = self.pen.group(refused) {
                self.broken(unwritten);
            }
        }
        if *self.walls.get(&name).unwrap_or(&0) == 1 {
            self.say(call.tid, &format!("the system call `{name}`"), because, NEXT_WALL);
        } else {
            self.ending.refusals += 1;
        }
        self.refuse(call, errno);
    }
}

/// How often the same call's refusal is written down in one run; the agent is told once.
const TOLD: u64 = 64;
