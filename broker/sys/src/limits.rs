//! Resource limits by name (`setrlimit(2)`).

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::process::done;

/// A resource that can be limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource(libc::__rlimit_resource_t);

/// The resource of a name: `RLIMIT_` left off, lower case.
#[must_use]
pub fn resource(name: &str) -> Option<Resource> {
    Some(Resource(match name {
        "as" => libc::RLIMIT_AS,
        "core" => libc::RLIMIT_CORE,
        "cpu" => libc::RLIMIT_CPU,
        "data" => libc::RLIMIT_DATA,
        "fsize" => libc::RLIMIT_FSIZE,
        "locks" => libc::RLIMIT_LOCKS,
        "memlock" => libc::RLIMIT_MEMLOCK,
        "msgqueue" => libc::RLIMIT_MSGQUEUE,
        "nice" => libc::RLIMIT_NICE,
        "nofile" => libc::RLIMIT_NOFILE,
        "nproc" => libc::RLIMIT_NPROC,
        "rss" => libc::RLIMIT_RSS,
        "rtprio" => libc::RLIMIT_RTPRIO,
        "rttime" => libc::RLIMIT_RTTIME,
        "sigpending" => libc::RLIMIT_SIGPENDING,
        "stack" => libc::RLIMIT_STACK,
        _ => return None,
    }))
}

/// Lowers a limit of the calling process, hard and soft, to `most`; one that is lower already stays.
///
/// # Errors
/// What `getrlimit(2)` and `setrlimit(2)` say.
pub fn lower(resource: Resource, most: u64) -> io::Result<()> {
    let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `now` is a writable rlimit.
    done(unsafe { libc::getrlimit(resource.0, &raw mut now) })?;
    let limit = libc::rlimit { rlim_cur: now.rlim_cur.min(most), rlim_max: now.rlim_max.min(most) };
    // SAFETY: `limit` is an rlimit that outlives the call.
    done(unsafe { libc::setrlimit(resource.0, &raw const limit) })
}

/// The limit of descriptors as it was before this process raised its own.
static BEFORE: OnceLock<libc::rlimit> = OnceLock::new();

/// Raises the calling process's own soft limit of open descriptors towards the hard one, to `most` at most. What it starts
/// from then on inherits that, but for what [`as_before`] was said of.
///
/// # Errors
/// What `getrlimit(2)` and `setrlimit(2)` say.
pub fn raise_descriptors(most: u64) -> io::Result<()> {
    let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `now` is a writable rlimit.
    done(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut now) })?;
    let raised = libc::rlimit { rlim_cur: now.rlim_max.min(most).max(now.rlim_cur), rlim_max: now.rlim_max };
    let _first = BEFORE.set(now);
    // SAFETY: `raised` is an rlimit that outlives the call.
    done(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) })
}

/// Has a program started with the soft limit of descriptors that this process had before it raised its own: many close or
/// watch every number below it, and `select(2)` ends at 1024.
pub fn as_before(command: &mut Command) -> &mut Command {
    let Some(before) = BEFORE.get().copied() else { return command };
    // SAFETY: `before` is an rlimit that outlives the call, which is safe between fork and exec.
    let lower = move || done(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const before) });
    // SAFETY: the closure makes one system call, and neither allocates nor locks.
    unsafe { command.pre_exec(lower) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn what_is_started_keeps_the_limit_that_this_process_had() {
        let soft = || {
            let told = as_before(Command::new("/bin/sh").args(["-c", "ulimit -Sn"])).output().unwrap();
            String::from_utf8(told.stdout).unwrap().trim().parse::<u64>().unwrap()
        };
        let low = libc::rlimit { rlim_cur: 256, rlim_max: 4096 };
        // SAFETY: `low` is an rlimit that outlives the call.
        done(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const low) }).unwrap();
        raise_descriptors(1000).unwrap();
        let (own, _) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!((own, soft()), (1000, 256));
    }
}
