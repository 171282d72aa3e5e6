//! Who started whom: which action a process belongs to, and the commands that led to it.

use std::collections::HashMap;

use tollgate_sys::ids;

use crate::program::{cmdline, split};

/// Deeper chains are cut; the gate must not walk for ever in a tree that grows while it looks.
const DEPTH: usize = 64;
/// How many processes are remembered before the map is begun anew.
const REMEMBERED: usize = 16_384;

/// The run's process tree, as far as actions need it.
#[derive(Debug)]
pub(crate) struct Tree {
    command: i32,
    agent: bool,
    /// Processes in which the agent started itself again, and when they were born: a number is used again after some time.
    again: HashMap<i32, u64>,
    /// Which action a process belongs to, and when it was born.
    actions: HashMap<i32, (u64, u64)>,
    last: u64,
}

/// Where an exec belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// To this action, known before.
    In(u64),
    /// To this action, which it begins.
    Begins(u64),
    /// To the agent itself: no action yet.
    Agent,
}

impl Place {
    /// The action's number; 0 for the agent itself.
    pub(crate) fn action(self) -> u64 {
        match self {
            Self::In(n) | Self::Begins(n) => n,
            Self::Agent => 0,
        }
    }
}

impl Tree {
    /// `agent`: the command is itself a harness or a script, and what it starts are the actions.
    pub(crate) fn new(command: i32, agent: bool) -> Self {
        Self { command, agent, again: HashMap::new(), actions: HashMap::new(), last: u64::from(!agent) }
    }

    /// The agent starts itself again in this thread's process, if a process of the agent's own started that: what it starts
    /// are actions, as before.
    pub(crate) fn starts_again(&mut self, tid: i32) {
        let Ok(ids) = ids::of(tid) else { return };
        if self.agent && self.is_agent(ids.parent) && self.again.len() < REMEMBERED {
            self.again.insert(ids.process, ids.born);
            self.actions.remove(&ids.process);
        }
    }

    /// Something else is run in this thread's process: where the agent had started itself there on the way, it is gone.
    pub(crate) fn becomes_other(&mut self, tid: i32) {
        if let Some(ids) = (!self.again.is_empty()).then(|| ids::of(tid).ok()).flatten() {
            self.again.remove(&ids.process);
        }
    }

    fn is_agent(&self, process: i32) -> bool {
        let is = |born: &u64| ids::of(process).is_ok_and(|ids| ids.born == *born);
        process == self.command || self.again.get(&process).is_some_and(is)
    }

    /// The action that a thread's exec belongs to. A process whose parents can't be followed to the command (it was
    /// orphaned) belongs to the action that its process was last seen in, or begins one of its own.
    pub(crate) fn place(&mut self, tid: i32) -> Place {
        match self.look(tid) {
            Ok(place) => place,
            Err(seen) => {
                self.last += 1;
                self.remember(&seen, self.last);
                Place::Begins(self.last)
            }
        }
    }

    /// The number of an action that is begun whatever its process belongs to.
    pub(crate) fn begins(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// The action that a thread belongs to, 0 for the agent itself: also for a process that the agent has only just forked.
    pub(crate) fn action(&mut self, tid: i32) -> u64 {
        self.look(tid).map_or(0, Place::action)
    }

    /// What is known of a thread; else the processes on the way to the agent, none of which belongs to an action.
    fn look(&mut self, tid: i32) -> Result<Place, Vec<(i32, u64)>> {
        if !self.agent {
            return Ok(Place::In(1));
        }
        let mut known = ids::of(tid).ok();
        let mut process = known.map_or(tid, |ids| ids.process);
        if self.is_agent(process) {
            return Ok(Place::Agent);
        }
        let mut seen = Vec::new();
        for _ in 0..DEPTH {
            let ids = known.take().or_else(|| ids::of(process).ok());
            if let Some(&(born, action)) = self.actions.get(&process)
                && ids.is_none_or(|ids| ids.born == born)
            {
                self.remember(&seen, action);
                return Ok(Place::In(action));
            }
            seen.push((process, ids.map_or(0, |ids| ids.born)));
            match ids {
                Some(ids) if ids.parent > 1 && !self.is_agent(ids.parent) => process = ids.parent,
                Some(_) | None => break,
            }
        }
        Err(seen)
    }

    fn remember(&mut self, processes: &[(i32, u64)], action: u64) {
        if self.actions.len() >= REMEMBERED {
            self.actions.clear();
        }
        self.actions.extend(processes.iter().map(|&(process, born)| (process, (born, action))));
    }

    /// The commands from the run's command down to `tid`, each as one line.
    pub(crate) fn lineage(&self, tid: i32) -> Vec<String> {
        lineage(self.command, tid)
    }
}

/// The commands from `command` down to `tid`, each as one line.
pub(crate) fn lineage(command: i32, tid: i32) -> Vec<String> {
    let mut lines = Vec::new();
    let mut process = tid;
    for _ in 0..DEPTH {
        if let Ok(bytes) = cmdline(process) {
            lines.push(line(&split(&bytes)));
        }
        if process == command {
            break;
        }
        match ids::of(process) {
            Ok(ids) if ids.parent > 1 => process = ids.parent,
            Ok(_) | Err(_) => break,
        }
    }
    lines.reverse();
    // a shell's fork still bears its parent's words
    lines.dedup();
    lines
}

/// An argv as one line: words that need it are quoted, bytes that are no text are escaped, long ones are cut.
pub(crate) fn line(argv: &[Vec<u8>]) -> String {
    const LONGEST: usize = 400;
    let mut out = String::new();
    for word in argv {
        if !out.is_empty() {
            out.push(' ');
        }
        let text = word.escape_ascii().to_string();
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./=:@%+,".contains(&b));
        if plain {
            out.push_str(&text);
        } else {
            out.push('\'');
            out.push_str(&text);
            out.push('\'');
        }
        if out.len() > LONGEST {
            out.truncate(out.floor_char_boundary(LONGEST));
            out.push('…');
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_quoted_and_cut() {
        let words = |line: &[&str]| line.iter().map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>();
        assert_eq!(line(&words(&["git", "push", "a b", ""])), "git push 'a b' ''");
        assert_eq!(line(&words(&["x", "\u{1b}[2J"])), "x '\\x1b[2J'");
        assert!(line(&words(&["x", &"y".repeat(1000)])).len() < 420);
    }

    #[test]
    fn a_process_is_placed_by_its_parents() {
        let mut tree = Tree::new(1, false);
        assert_eq!(tree.place(i32::try_from(std::process::id()).unwrap()), Place::In(1));
        let me = i32::try_from(std::process::id()).unwrap();
        let mut tree = Tree::new(ids::of(me).unwrap().parent, true);
        assert_eq!(tree.action(me), 0, "forked, and not yet anything else");
        assert_eq!(tree.place(me), Place::Begins(1));
        assert_eq!(tree.place(me), Place::In(1));
        tree.starts_again(me);
        assert_eq!(tree.place(me), Place::Agent);
        tree.becomes_other(me);
        assert_eq!(tree.place(me), Place::Begins(2), "the agent gave way to a command");
        let (born, action) = tree.actions[&me];
        tree.actions.insert(me, (born + 1, action));
        assert_eq!(tree.place(me), Place::Begins(3), "the number was another process's before");
        let mut other = Tree::new(1, true);
        other.starts_again(me);
        assert_eq!(other.place(me), Place::Begins(1), "not started by the agent");
    }
}
