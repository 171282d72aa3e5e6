//! Where the gate waits for an exec stop: on the processor that its caller goes on with. The two never work at once, and a
//! processor that must first be woken for one of them costs more than both do (`sched_setaffinity(2)`).

use std::cell::OnceCell;

use nix::sched::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;

/// The calling thread.
const SELF: Pid = Pid::from_raw(0);

/// The processors that the gate's thread may run on, once it is known. Whatever fails here costs time and nothing else.
#[derive(Debug, Default)]
pub(crate) struct Processors(OnceCell<Option<CpuSet>>);

impl Processors {
    /// Until this is dropped, on this one. Threads and processes started meanwhile would stay here too: start none.
    pub(crate) fn stay_here(&self) -> Stay<'_> {
        let all = self.0.get_or_init(|| sched_getaffinity(SELF).ok()).as_ref();
        let stays = all.is_some() && this_one().is_ok_and(|one| sched_setaffinity(SELF, &one).is_ok());
        Stay(all.filter(|_| stays))
    }
}

fn this_one() -> nix::Result<CpuSet> {
    let mut one = CpuSet::new();
    one.set(sched_getcpu()?)?;
    Ok(one)
}

/// The gate stays on one processor.
pub(crate) struct Stay<'a>(Option<&'a CpuSet>);

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        if let Some(all) = self.0
            && sched_setaffinity(SELF, all).is_err()
        {
            // processors were taken away meanwhile: the kernel chooses
        }
    }
}
