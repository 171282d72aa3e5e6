//! Which entry of the filter sent a call here: the same entries, looked through as the filter's program does.

use syscalls::Sysno;
use tollgate_policy::boundary::{ArgTest, CallEntry, CallFate, CallFilter};
use tollgate_sys::notify::Notification;

/// A call's name; its number in brackets where the table has none.
pub(crate) fn name(call: i32) -> String {
    usize::try_from(call)
        .ok()
        .and_then(Sysno::new)
        .map_or_else(|| format!("[{call}]"), |known| known.name().to_owned())
}

/// The entry that decides about a call: the first that names it and whose conditions hold.
pub(crate) fn entry<'a>(filter: &'a CallFilter, call: &Notification) -> Option<&'a CallEntry> {
    let name = name(call.call);
    filter.entries.iter().find(|entry| {
        entry.names.contains(&name) && entry.when.iter().all(|test| holds(test, call))
    })
}

fn holds(test: &ArgTest, call: &Notification) -> bool {
    let value = call
        .args
        .get(usize::from(test.arg))
        .copied()
        .unwrap_or_default();
    ((value & test.mask) == test.equal) != test.not
}

/// The errno that an entry asks for; `EPERM` where it names none, or one that is not known.
pub(crate) fn errno(entry: &CallEntry) -> i32 {
    match (entry.then, entry.errno.as_deref()) {
        (CallFate::Refuse, Some("EACCES")) => libc::EACCES,
        (CallFate::Refuse, Some("ENOSYS")) => libc::ENOSYS,
        (CallFate::Refuse, Some("EINVAL")) => libc::EINVAL,
        (CallFate::Refuse, Some("EAFNOSUPPORT")) => libc::EAFNOSUPPORT,
        (CallFate::Refuse, Some("EOPNOTSUPP")) => libc::EOPNOTSUPP,
        _ => libc::EPERM,
    }
}
