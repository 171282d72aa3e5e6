//! New processes and threads, where the kernel holds no limit on them: the filter then sends each start here, to be counted
//! before it happens. What a caller's other threads do meanwhile changes nothing: the arguments are numbers.

use std::time::{Duration, Instant};

use tollgate_policy::boundary::Boundary;
use tollgate_sys::machine;

use crate::Watch;
use crate::census::Census;

/// Calls that start processes and threads; `clone3` is answered `ENOSYS`.
pub const CALLS: [&str; 3] = ["clone", "fork", "vfork"];
/// So long after a refusal nobody is counted anew: who forks on and on would keep the gate counting.
const REST: Duration = Duration::from_millis(20);

/// How many there are at most.
#[derive(Debug, Default)]
pub(crate) struct Forks {
    /// At the last count, with all that were let through since.
    tasks: u64,
    counted: bool,
    refused: Option<Instant>,
}

impl Forks {
    /// Whether one more is within `most`; `count` counts them, and is asked only where there could be too many.
    fn allows(&mut self, most: u64, now: Instant, count: impl FnOnce() -> Option<u64>) -> bool {
        if self.refused.is_some_and(|at| now.saturating_duration_since(at) < REST) {
            return false;
        }
        if !self.counted || self.tasks >= most {
            // who can't be counted is not let grow
            self.tasks = count().unwrap_or(u64::MAX);
            self.counted = true;
        }
        let allows = self.tasks < most;
        self.refused = if allows { None } else { Some(now) };
        self.tasks = self.tasks.saturating_add(1);
        allows
    }
}

impl Watch {
    /// Whether the run may have one more process or thread. As where the kernel holds it, a quarter more than the limit:
    /// a crowd is to be seen and stopped, before its calls only fail.
    #[must_use]
    pub fn may_fork(&mut self, boundary: &Boundary) -> bool {
        if let Ok(machine) = machine::now() {
            self.begin(boundary, machine);
        }
        let Some(bound) = &self.bounds.processes else { return true };
        let most = bound.most.saturating_add(bound.most / 4);
        let (guard, now) = (self.guard, Instant::now());
        let allows = self.forks.allows(most, now, || Census::take(guard).ok().map(|census| census.tasks()));
        if self.forks.tasks > bound.most {
            self.next = Some(now);
        }
        allows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_counted_where_there_could_be_too_many() {
        let (mut forks, start) = (Forks::default(), Instant::now());
        let mut counts = 0;
        for _ in 0..10 {
            assert!(forks.allows(10, start, || {
                counts += 1;
                Some(0)
            }));
        }
        assert_eq!(counts, 1);
        assert!(forks.allows(10, start, || Some(7)), "some have ended");
        assert!(forks.allows(10, start, || None), "8 of 10");
        assert!(forks.allows(10, start, || None), "9 of 10");
        assert!(!forks.allows(10, start, || Some(10)));
        assert!(!forks.allows(10, start, || Some(0)), "not counted again so soon");
        assert!(forks.allows(10, start + REST, || Some(0)));
        let mut blind = Forks::default();
        assert!(!blind.allows(10, start, || None));
    }
}
