//! Limits on the whole run, counted from outside where no kernel feature holds them, and seen where one does: processes,
//! memory, disk. Nothing is done before the run is some milliseconds old; then the machine's own numbers are looked at
//! (one cheap call), and only where these have moved far enough are the run's processes counted.

mod census;
mod disk;
mod patience;
mod stop;
mod victim;

use std::collections::HashSet;
use std::io;
use std::time::{Duration, Instant};

use tollgate_policy::amount::Stock;
use tollgate_policy::boundary::Boundary;
use tollgate_sys::machine::{self, Machine};

use nix::sys::signal::Signal;

use census::Census;
use disk::Disks;
use patience::Patience;

pub use stop::Victim;

/// The first look after a program was started: what grows fast grows then.
const SOON: Duration = Duration::from_millis(20);
/// While something is close to its limit and grows.
const CLOSE: Duration = Duration::from_millis(5);
/// Between looks at a run in which nothing starts.
const SLOW: Duration = Duration::from_millis(250);
/// The run's processes are counted at least so often.
const LONGEST: Duration = Duration::from_secs(5);
/// Who came close to a limit so lately is looked at closely.
const LATELY: Duration = Duration::from_millis(500);
/// What was stopped needs a moment to be gone.
const GRACE: Duration = Duration::from_millis(100);
/// So many times as many processes as may be are no mishap.
const FAR: u64 = 2;
/// Between looks while the run can't be seen.
const AGAIN: Duration = Duration::from_millis(50);
/// Who can't be seen so often, one look after the other, and for so long, is not held by limits any more.
const BLIND: (u32, Duration) = (10, Duration::from_secs(1));

/// One limit of this run on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// Its name in policy.
    pub name: &'static str,
    /// At most so many, or so many bytes.
    pub most: u64,
    /// The file that says so.
    pub source: String,
}

/// The limits of this run.
#[derive(Debug, Default)]
struct Bounds {
    processes: Option<Bound>,
    memory: Option<Bound>,
    each: Option<Bound>,
    disk: Option<Bound>,
}

/// A limit that was passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Which one.
    pub bound: Bound,
    /// What was used, in the limit's own unit.
    pub used: u64,
    /// Whom to kill, the doer first; of a crowd, all but the command are stopped already.
    pub victims: Vec<Victim>,
    /// Whom it ends.
    pub ends: Ends,
}

/// Whom a breach ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Its victims.
    Doer,
    /// All of the run: its command did it, or it went on however much was stopped.
    Run,
}

/// The run can't be seen, and since when.
#[derive(Debug)]
struct Blind {
    since: Instant,
    looks: u32,
    why: io::Error,
}

/// What was counted last.
#[derive(Debug, Clone, Copy)]
struct Counted {
    tasks: u64,
    memory: u64,
    largest: u64,
    /// The machine's numbers then.
    machine: Machine,
    when: Instant,
    cost: Duration,
}

/// The watch over a run's limits.
#[derive(Debug)]
pub struct Watch {
    guard: i32,
    command: i32,
    bounds: Bounds,
    disks: Disks,
    begun: Option<Machine>,
    counted: Option<Counted>,
    /// Whose offspring most of the run's processes were at the last count, where there were many.
    suspect: Option<Victim>,
    /// The machine at the last look.
    looked: Option<Machine>,
    next: Option<Instant>,
    pause: Duration,
    spared_until: Option<Instant>,
    /// How long and how often there were too many processes lately.
    patience: Patience,
    /// Who was killed as part of a crowd, until it is gone.
    killed: HashSet<Victim>,
    blind: Option<Blind>,
}

impl Watch {
    /// For the run whose command is `command`, beneath `guard`: both as the host numbers them.
    #[must_use]
    pub fn new(guard: i32, command: i32) -> Self {
        Self {
            guard,
            command,
            bounds: Bounds::default(),
            disks: Disks::default(),
            begun: None,
            counted: None,
            suspect: None,
            looked: None,
            next: None,
            pause: SOON,
            spared_until: None,
            patience: Patience::default(),
            killed: HashSet::new(),
            blind: None,
        }
    }

    /// A program is about to start.
    pub fn stir(&mut self) {
        let soon = Instant::now() + SOON;
        self.pause = SOON;
        self.next = Some(self.next.map_or(soon, |next| next.min(soon)));
    }

    /// How long until the next look; none before anything was started.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.next.map(|next| next.saturating_duration_since(Instant::now()))
    }

    /// Looks, if it is time: limits that were passed.
    pub fn look(&mut self, boundary: &Boundary) -> Vec<Breach> {
        let now = Instant::now();
        if self.next.is_none_or(|next| now < next) {
            return Vec::new();
        }
        let Ok(machine) = machine::now() else {
            self.next = Some(now + SLOW);
            return Vec::new();
        };
        self.begin(boundary, machine);
        let paused = self.pause_suspect(machine);
        let mut breaches = Vec::new();
        let counted = self.count(machine, now).map(|breach| breaches.extend(breach));
        if let (Some(suspect), true) = (paused, breaches.is_empty())
            && suspect.signal(Signal::SIGCONT).is_err()
        {
            // it was stopped by the same way, a moment ago: the next look will say that none is open any more
        }
        let whose = ((self.guard, self.command), now);
        let disk = self.bounds.disk.as_ref().map_or(Ok(None), |bound| self.disks.passed(bound, whose));
        let disk = disk.map(|breach| breaches.extend(breach));
        self.saw(counted.and(disk), now);
        if !breaches.is_empty() {
            self.spared_until = Some(now + GRACE);
        }
        let lately = self.counted.is_some_and(|counted| now.saturating_duration_since(counted.when) < LATELY);
        let hurried = !breaches.is_empty() || self.is_growing(machine) || (lately && self.is_close());
        self.pause = if hurried { CLOSE } else { (self.pause * 2).clamp(SOON, SLOW) };
        if self.blind.is_some() {
            self.pause = AGAIN;
        }
        self.looked = Some(machine);
        self.next = Some(Instant::now() + self.pause);
        breaches
    }

    /// Counts the run, where that is worth it: a limit that was passed.
    fn count(&mut self, machine: Machine, now: Instant) -> io::Result<Option<Breach>> {
        if self.blind.is_none() && !self.patience.is_over() && !self.is_worth_counting(machine, now) {
            return Ok(None);
        }
        if let Some(crowd) = self.orphans(now)? {
            return Ok(Some(crowd));
        }
        let is_late = || self.adopted().is_ok_and(|far| far.is_some());
        let census = Census::of_run_unless((self.guard, self.command), is_late)?;
        let Some(census) = census else { return self.orphans(now) };
        self.killed.retain(|killed| census.0.iter().any(|process| process.victim() == *killed));
        let census = census.but(&self.killed);
        // A crowd grows while each of it is looked at.
        if let Some(crowd) = self.crowd(&census, now)? {
            return Ok(Some(crowd));
        }
        let census = census.with_memory()?;
        let passed = self.passed(&census, now)?;
        self.note(&census, machine, now);
        Ok(passed)
    }

    /// Whether the run could be seen. What can't be seen can't be held.
    fn saw(&mut self, seen: io::Result<()>, now: Instant) {
        let before = self.blind.take();
        self.blind = seen.err().map(|why| {
            let (since, looks) = before.map_or((now, 0), |blind| (blind.since, blind.looks));
            Blind { since, looks: looks.saturating_add(1), why }
        });
    }

    /// Why the run's limits can't be looked after any more, where that has been so for a while.
    #[must_use]
    pub fn is_blind(&self) -> Option<&io::Error> {
        let Blind { since, looks, why } = self.blind.as_ref()?;
        (*looks >= BLIND.0 && since.elapsed() >= BLIND.1).then_some(why)
    }

    /// Reads the limits and the machine, once.
    fn begin(&mut self, boundary: &Boundary, machine: Machine) {
        if self.begun.is_none() {
            self.begun = Some(machine);
            self.disks = Disks::of(boundary);
            self.bounds = bounds(boundary, machine, self.disks.free());
        }
    }

    /// The limit that so much more on a disk would pass; else it is counted as taken.
    pub fn disk_would_pass(&mut self, boundary: &Boundary, more: u64) -> Option<Bound> {
        self.begin(boundary, machine::now().ok()?);
        let bound = self.bounds.disk.as_ref()?;
        let promised = self.disks.promised.saturating_add(more);
        if self.disks.filled().saturating_add(promised) > bound.most {
            return Some(bound.clone());
        }
        self.disks.promised = promised;
        None
    }

    fn note(&mut self, census: &Census, machine: Machine, when: Instant) {
        let largest = census.largest().map_or(0, |process| process.memory);
        let (tasks, memory) = (census.tasks(), census.memory());
        self.counted = Some(Counted { tasks, memory, largest, machine, when, cost: when.elapsed() });
        let crowded = self.bounds.processes.as_ref().is_some_and(|bound| tasks > bound.most / 8);
        let suspect = crowded.then(|| victim::crowd(census, (self.guard, self.command)).first().copied()).flatten();
        let suspect = suspect.filter(|pid| *pid != self.command);
        let suspect = suspect.and_then(|pid| census.0.iter().find(|process| process.pid == pid));
        self.suspect = suspect.map(|process| process.victim());
    }

    /// Stops whose crowd it was at the last count, where it may have passed the limit by now: it must not go on growing
    /// while it is counted.
    fn pause_suspect(&mut self, machine: Machine) -> Option<Victim> {
        let last = self.counted?;
        let grown = grown(&last.machine, &machine).tasks;
        let bound = self.bounds.processes.as_ref()?;
        let suspect = self.suspect.filter(|_| grown > 0 && last.tasks.saturating_add(grown) > bound.most)?;
        suspect.signal(Signal::SIGSTOP).ok().map(|()| suspect)
    }

    /// Whether the machine has moved so far since the last count that a limit may be near.
    fn is_worth_counting(&self, machine: Machine, now: Instant) -> bool {
        let zero = Counted {
            tasks: 0,
            memory: 0,
            largest: 0,
            machine: self.begun.unwrap_or(machine),
            when: now,
            cost: Duration::ZERO,
        };
        let last = self.counted.unwrap_or(zero);
        let since = now.saturating_duration_since(last.when);
        let patience = if self.is_close() { 4 } else { 40 };
        if self.counted.is_some() && since < last.cost * patience {
            return may_have_passed(&self.bounds, &last, machine);
        }
        may_be_near(&self.bounds, &last, machine) || (since >= LONGEST && since >= last.cost * 200)
    }

    /// Whether the machine has got so many more tasks or so much less memory since the last look that a limit may be
    /// reached within some looks.
    fn is_growing(&self, machine: Machine) -> bool {
        let more = |bound: &Option<Bound>, more: u64| bound.as_ref().is_some_and(|bound| more > bound.most / 16);
        self.looked.is_some_and(|before| {
            let Grown { tasks, memory } = grown(&before, &machine);
            more(&self.bounds.processes, tasks) || more(&self.bounds.each, memory) || more(&self.bounds.memory, memory)
        })
    }

    /// Whether the last count was more than half of a limit.
    fn is_close(&self) -> bool {
        let half = |bound: &Option<Bound>, used: u64| bound.as_ref().is_some_and(|bound| used > bound.most / 2);
        self.counted.is_some_and(|counted| {
            half(&self.bounds.processes, counted.tasks)
                || half(&self.bounds.memory, counted.memory)
                || half(&self.bounds.each, counted.largest)
        })
    }

    fn passed(&self, census: &Census, now: Instant) -> io::Result<Option<Breach>> {
        let largest = census.largest().filter(|_| self.spared_until.is_none_or(|until| now >= until));
        let Some(largest) = largest else { return Ok(None) };
        let breach = |bound: &Bound, used: u64| {
            let ends = if largest.pid == self.command { Ends::Run } else { Ends::Doer };
            Breach { bound: bound.clone(), used, victims: vec![largest.victim()], ends }
        };
        if let Some(bound) = self.bounds.each.as_ref().filter(|bound| largest.memory > bound.most) {
            return Ok(Some(breach(bound, largest.memory)));
        }
        let Some(bound) = self.bounds.memory.as_ref() else { return Ok(None) };
        Ok(self.in_all(bound, census)?.map(|used| breach(bound, used)))
    }

    /// Far too many orphans, which one read tells. Who leaves its children so fast has most of the processor before all of the
    /// run is counted and stopped one by one: the run ends.
    fn orphans(&mut self, now: Instant) -> io::Result<Option<Breach>> {
        let (Some(bound), Some(adopted)) = (self.bounds.processes.clone(), self.adopted()?) else { return Ok(None) };
        let used = u64::try_from(adopted.len()).unwrap_or(u64::MAX);
        let one = adopted.iter().filter(|pid| **pid != self.command).find_map(|pid| census::stat(*pid).ok());
        let Some(one) = one else { return Ok(None) };
        self.patience.is_passed(now);
        Ok(Some(Breach { bound, used, victims: vec![one.victim()], ends: Ends::Run }))
    }

    /// The orphans that the guard has adopted, where they are far too many.
    fn adopted(&self) -> io::Result<Option<Vec<i32>>> {
        let Some(bound) = self.bounds.processes.as_ref() else { return Ok(None) };
        let Some(mut adopted) = census::seen(census::children(self.guard))? else { return Ok(None) };
        adopted.retain(|pid| !self.killed.iter().any(|killed| killed.pid == *pid));
        let are_far = u64::try_from(adopted.len()).is_ok_and(|many| many > bound.most.saturating_mul(FAR));
        Ok(are_far.then_some(adopted))
    }

    /// Too many processes: whoever started them is stopped. Where they come again and again, that is not enough.
    fn crowd(&mut self, census: &Census, now: Instant) -> io::Result<Option<Breach>> {
        let used = census.tasks();
        let Some(bound) = self.bounds.processes.as_ref().filter(|bound| used > bound.most) else {
            self.patience.is_below(now);
            return Ok(None);
        };
        let victims: Vec<Victim> = victim::stopped(census, (self.guard, self.command))?;
        let done_by_command = victims.iter().any(|victim| victim.pid == self.command);
        let lost = self.patience.is_passed(now);
        let ends = if lost || done_by_command { Ends::Run } else { Ends::Doer };
        self.killed.extend(&victims);
        Ok(Some(Breach { bound: bound.clone(), used, victims, ends }))
    }

    /// All memory of the run, where it passes the limit: the quick sum first, which counts some pages more than once.
    fn in_all(&self, bound: &Bound, census: &Census) -> io::Result<Option<u64>> {
        let shared = self.counted.zip(self.begun).map_or(0, |(counted, begun)| {
            counted.machine.shared.saturating_sub(begun.shared) // of all that runs on the machine
        });
        if census.memory().saturating_add(shared) <= bound.most {
            return Ok(None);
        }
        let used = census.exact_memory(self.command)?;
        Ok((used > bound.most).then_some(used))
    }
}

/// What more is in use on the machine.
struct Grown {
    tasks: u64,
    memory: u64,
}

fn grown(before: &Machine, now: &Machine) -> Grown {
    let tasks = now.tasks.wrapping_sub(before.tasks);
    let tasks = if tasks > u16::MAX / 2 { 0 } else { u64::from(tasks) };
    let swapped = now.swapped.saturating_sub(before.swapped);
    Grown { tasks, memory: before.free.saturating_sub(now.free).saturating_add(swapped) }
}

/// Whether a limit is passed if all that the machine has more in use is the run's.
fn may_have_passed(bounds: &Bounds, last: &Counted, machine: Machine) -> bool {
    let Grown { tasks, memory } = grown(&last.machine, &machine);
    let passed = |bound: &Option<Bound>, used: u64, more: u64| {
        bound.as_ref().is_some_and(|bound| more > 0 && used.saturating_add(more) > bound.most)
    };
    passed(&bounds.processes, last.tasks, tasks)
        || passed(&bounds.memory, last.memory, memory)
        || passed(&bounds.each, last.largest, memory)
}

/// Whether what the machine has more in use than at the last count could be the run's, and bring it halfway from there
/// to a limit.
fn may_be_near(bounds: &Bounds, last: &Counted, machine: Machine) -> bool {
    let Grown { tasks: started, memory: taken } = grown(&last.machine, &machine);
    let near = |bound: &Option<Bound>, used: u64, more: u64| {
        bound.as_ref().is_some_and(|bound| more > 0 && more >= bound.most.saturating_sub(used) / 2)
    };
    // With nothing free, memory is taken from caches, and the number stands still.
    let scarce = machine.free < machine.memory / 16;
    // Processes come fastest, and whose they are must be known in time.
    near(&bounds.processes, last.tasks, started.saturating_mul(2))
        || near(&bounds.memory, last.memory, taken)
        || near(&bounds.each, last.largest, taken)
        || (scarce && (bounds.memory.is_some() || bounds.each.is_some()))
}

/// The boundary's budget in this machine's numbers.
fn bounds(boundary: &Boundary, machine: Machine, free: u64) -> Bounds {
    let cpus = machine::cpus();
    let bound = |name: &'static str, whole: u64| {
        let amounts = boundary.budget.get(name)?.iter();
        let lowest = amounts.min_by_key(|budget| budget.amount.of(Stock { whole, cpus }))?;
        Some(Bound { name, most: lowest.amount.of(Stock { whole, cpus }), source: lowest.source.clone() })
    };
    Bounds {
        processes: bound("processes", 0),
        memory: bound("memory", machine.memory),
        each: bound("memory_per_process", machine.memory),
        disk: bound("disk", free),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn bounds_of(processes: u64, memory: u64, each: u64) -> Bounds {
        let bound = |name, most| Some(Bound { name, most, source: String::new() });
        Bounds {
            processes: bound("processes", processes),
            memory: bound("memory", memory),
            each: bound("memory_per_process", each),
            disk: None,
        }
    }

    #[test]
    fn a_count_is_made_when_the_machine_has_moved() {
        let at = |free, tasks| Machine { memory: 16 * GIB, free, shared: 0, swapped: 0, tasks };
        let counted = |tasks, memory, largest| Counted {
            tasks,
            memory,
            largest,
            machine: at(8 * GIB, 65_500),
            when: Instant::now(),
            cost: Duration::ZERO,
        };
        let bounds = bounds_of(1000, 4 * GIB, 2 * GIB);
        for (last, now, expected, why) in [
            (counted(10, 0, 0), at(8 * GIB, 65_500), false, "nothing moved"),
            (counted(10, 0, 0), at(9 * GIB, 100), false, "some were started, past the count's 16 bits"),
            (counted(10, 0, 0), at(8 * GIB, 500), true, "many were"),
            (counted(900, 0, 0), at(8 * GIB, 30), true, "few were, but it is close"),
            (counted(900, 0, 0), at(8 * GIB, 60_000), false, "many have ended"),
            (counted(10, 0, 0), at(8 * GIB - GIB / 2, 65_500), false, "some memory was taken"),
            (counted(10, 0, 0), at(7 * GIB, 65_500), true, "as much as one process may have, half of it"),
            (counted(10, 3 * GIB, GIB), at(8 * GIB - GIB / 2, 65_500), true, "less, from higher up"),
            (counted(10, 0, 0), at(GIB / 2, 65_500), true, "memory is scarce"),
        ] {
            assert_eq!(may_be_near(&bounds, &last, now), expected, "{why}");
        }
    }

    #[test]
    fn the_watch_rests_before_anything_starts() {
        let mut watch = Watch::new(1, 2);
        assert_eq!(watch.wait(), None);
        watch.stir();
        assert!(watch.wait().unwrap() <= SOON);
    }
}
