//! Whom to stop when there are too many processes: the part of the tree that has most of them.

use std::collections::{HashMap, HashSet};
use std::io;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::census::{Census, Process};
use crate::stop::Victim;

/// Stopping a crowd takes so long at most: who still starts others then is stopped at the next look.
const LONGEST: Duration = Duration::from_millis(500);

/// Stops the crowd, so that nobody in it starts others while the rest is killed: all of it, then whom these had started
/// meanwhile, until nobody is new. The doer first. The command itself is never stopped, which would stop its terminal's job.
pub(crate) fn stopped(census: &Census, run: (i32, i32)) -> io::Result<Vec<Victim>> {
    let until = Instant::now() + LONGEST;
    let there: HashSet<_> = census.0.iter().map(|process| process.victim()).collect();
    let by_number: HashMap<i32, Process> = census.0.iter().map(|process| (process.pid, *process)).collect();
    let mut stopped = Vec::new();
    let mut known = HashSet::new();
    let mut fresh: Vec<Process> = crowd(census, run).iter().filter_map(|pid| by_number.get(pid).copied()).collect();
    while !fresh.is_empty() {
        for process in fresh.drain(..) {
            let victim = process.victim();
            if victim.pid != run.1 {
                victim.signal(Signal::SIGSTOP)?;
            }
            known.insert(victim);
            stopped.push(victim);
        }
        if Instant::now() > until {
            break;
        }
        let now = Census::take(run.0)?;
        fresh = joined(&now, run, &known, &there);
    }
    Ok(stopped)
}

/// Who belongs to the crowd and was not stopped yet: what is beneath it, and orphans that were not there before.
fn joined(
    now: &Census,
    (guard, command): (i32, i32),
    known: &HashSet<Victim>,
    before: &HashSet<Victim>,
) -> Vec<Process> {
    let children = children(now);
    let orphan =
        |process: &&Process| process.parent == guard && process.pid != command && !before.contains(&process.victim());
    let known_or_orphans = now.0.iter().filter(|process| known.contains(&process.victim()) || orphan(process));
    let mut seen = HashSet::new();
    let mut all: Vec<i32> = known_or_orphans.map(|process| process.pid).filter(|pid| seen.insert(*pid)).collect();
    let mut next = 0;
    while let Some(parent) = all.get(next).copied() {
        let beneath = children.get(&parent).into_iter().flatten().map(|child| child.pid);
        all.extend(beneath.filter(|pid| seen.insert(*pid)));
        next += 1;
    }
    let joined = now.0.iter().filter(|process| seen.contains(&process.pid) && !known.contains(&process.victim()));
    joined.filter(|process| process.pid != command).copied().collect()
}

/// Whom to stop: the process whose offspring is the crowd, then all of it. None where there is nobody.
///
/// It is the deepest process that has, with all beneath it, more than half of all there are. Where only the guard has,
/// it is the orphans, which are the guard's children: they are stopped together, and the command's own part is spared.
pub(crate) fn crowd(census: &Census, (guard, command): (i32, i32)) -> Vec<i32> {
    let children = children(census);
    let weights = weights(census, &children, guard);
    let weight = |pid: i32| weights.get(&pid).copied().unwrap_or(0);
    let heaviest =
        |pid: i32| children.get(&pid).into_iter().flatten().map(|child| child.pid).max_by_key(|pid| weight(*pid));
    let mut at = guard;
    while let Some(child) = heaviest(at).filter(|child| weight(*child) > census.tasks() / 2) {
        at = child;
    }
    if at == guard {
        let orphans = children.get(&guard).into_iter().flatten().filter(|child| child.pid != command);
        return orphans.flat_map(|orphan| family(orphan.pid, &children)).collect();
    }
    family(at, &children)
}

fn children(census: &Census) -> HashMap<i32, Vec<&Process>> {
    let mut children: HashMap<i32, Vec<&Process>> = HashMap::new();
    for process in &census.0 {
        children.entry(process.parent).or_default().push(process);
    }
    children
}

/// Tasks of each process with all beneath it.
fn weights(census: &Census, children: &HashMap<i32, Vec<&Process>>, guard: i32) -> HashMap<i32, u64> {
    let mut weights: HashMap<i32, u64> = census.0.iter().map(|process| (process.pid, process.threads)).collect();
    let parents: HashMap<i32, i32> = census.0.iter().map(|process| (process.pid, process.parent)).collect();
    // Children come after their parents here, so backwards each is complete when it is added.
    for pid in family(guard, children).into_iter().rev() {
        if let (Some(own), Some(parent)) = (weights.get(&pid).copied(), parents.get(&pid)) {
            *weights.entry(*parent).or_insert(0) += own;
        }
    }
    weights
}

/// A process and all beneath it, parents first.
fn family(pid: i32, children: &HashMap<i32, Vec<&Process>>) -> Vec<i32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(children.get(&parent).into_iter().flatten().map(|child| child.pid));
        next += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn census(of: &[(i32, i32, u64)]) -> Census {
        Census(
            of.iter().map(|&(pid, parent, threads)| Process { pid, parent, threads, ..Process::default() }).collect(),
        )
    }

    #[test]
    fn the_crowd_is_found() {
        // guard 1, command 2 (an agent), its shells 3 and 4
        let quiet = [(2, 1, 3), (3, 2, 1), (4, 2, 1)];
        let with = |more: Vec<(i32, i32, u64)>| {
            let mut found = crowd(&census(&[quiet.to_vec(), more].concat()), (1, 2));
            found.sort_unstable();
            found
        };
        let flat: Vec<_> = (10..40).map(|pid| (pid, 4, 1)).collect();
        assert_eq!(with(flat), [4].into_iter().chain(10..40).collect::<Vec<_>>(), "children of one shell");
        let chain: Vec<_> = (10..40).map(|pid| (pid, if pid == 10 { 3 } else { pid - 1 }, 1)).collect();
        assert_eq!(with(chain), (22..40).collect::<Vec<_>>(), "each started by the one before");
        let orphans: Vec<_> = (10..40).map(|pid| (pid, 1, 1)).collect();
        assert_eq!(with(orphans), (10..40).collect::<Vec<_>>(), "orphans, and not the agent");
        assert_eq!(with(vec![(10, 4, 100)]), [10], "threads of one program");
        assert_eq!(with((10..40).map(|pid| (pid, 2, 1)).collect()).first(), Some(&2), "the command's own doing");
    }
    #[test]
    fn who_was_started_while_a_crowd_was_stopped_is_of_it() {
        // guard 1, command 2, its shell 3 with a crowd; a server 5 that went its own way before, and its child
        let before = census(&[(2, 1, 1), (3, 2, 1), (10, 3, 1), (5, 1, 1)]);
        let there: HashSet<_> = before.0.iter().map(|process| process.victim()).collect();
        let known: HashSet<_> =
            before.0.iter().filter(|one| [3, 10].contains(&one.pid)).map(|one| one.victim()).collect();
        let now = census(&[
            (2, 1, 1),
            (3, 2, 1),
            (10, 3, 1),
            (5, 1, 1),
            (6, 5, 1),
            (11, 10, 1),
            (12, 11, 1),
            (20, 1, 1),
            (21, 20, 1),
            (4, 2, 1),
        ]);
        let mut found: Vec<i32> = joined(&now, (1, 2), &known, &there).iter().map(|process| process.pid).collect();
        found.sort_unstable();
        assert_eq!(found, [11, 12, 20, 21]);
    }
}
