//! Resource limits by name (`setrlimit(2)`).

use std::io;

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
