//! `fallocate`: the one call that takes a disk at once, and may pass the limit on a file's size unseen
//! (`FALLOC_FL_KEEP_SIZE`). Its arguments are numbers, so what is judged is what happens.

use tollgate_limits::Bound;
use tollgate_policy::action::{Action, Call};
use tollgate_sys::machine;
use tollgate_sys::notify::Notification;

use crate::gate::Gate;

/// Takes no space: `FALLOC_FL_PUNCH_HOLE`, `FALLOC_FL_COLLAPSE_RANGE`.
const GIVES_BACK: u64 = 0x02 | 0x08;

impl Gate<'_> {
    /// Space is to be set aside for a file.
    pub(crate) fn preallocate(&mut self, call: &Notification) {
        let [_, mode, offset, length, ..] = call.args;
        let end = offset.saturating_add(length);
        // What is no place in a file the kernel refuses by itself.
        let takes = mode & GIVES_BACK == 0 && i64::try_from(offset.max(length)).is_ok();
        let passed = if takes { self.passed_by(call.tid, end, length) } else { None };
        if let Some((bound, errno)) = passed {
            let what = Action::Call(Call { name: "fallocate".to_owned() });
            self.over_limit(call.tid, (what, &bound, end));
            return self.refuse(call, errno);
        }
        if let Some(listener) = &self.listener
            && listener.proceed(call.id).is_err()
        {
            // its caller has gone
        }
    }

    /// The limit that a file of this length, with so much new space, would pass.
    fn passed_by(&mut self, tid: i32, end: u64, length: u64) -> Option<(Bound, i32)> {
        let most = machine::file_size_limit(tid).unwrap_or(0);
        if end > most {
            return Some((Bound { name: "fsize", most, source: String::new() }, libc::EFBIG));
        }
        let bound = self.watch.disk_would_pass(self.run.boundary, length)?;
        Some((bound, libc::ENOSPC))
    }
}
