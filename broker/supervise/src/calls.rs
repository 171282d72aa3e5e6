//! Which entry of the filter sent a call here: the same entries, looked through as the filter's program does.

use std::collections::HashMap;

use syscalls::Sysno;
use tollgate_policy::boundary::{ArgTest, CallEntry, CallFilter};
use tollgate_sys::notify::Notification;

/// The filter's entries, by call.
#[derive(Debug)]
pub(crate) struct Calls<'a> {
    filter: &'a CallFilter,
    /// Filled as calls come: few kinds ever do.
    by_number: HashMap<i32, Vec<&'a CallEntry>>,
}

impl<'a> Calls<'a> {
    pub(crate) fn new(filter: &'a CallFilter) -> Self {
        Self { filter, by_number: HashMap::new() }
    }

    /// The entry that decides about a call: the first that names it and whose conditions hold.
    pub(crate) fn entry(&mut self, call: &Notification) -> Option<&'a CallEntry> {
        let filter = self.filter;
        let entries = self.by_number.entry(call.call).or_insert_with(|| {
            let name = name(call.call);
            filter.entries.iter().filter(|entry| entry.names.iter().any(|known| *known == name)).collect()
        });
        entries.iter().copied().find(|entry| entry.when.iter().all(|test| holds(test, call)))
    }
}

fn holds(test: &ArgTest, call: &Notification) -> bool {
    let value = call.args.get(usize::from(test.arg)).copied().unwrap_or_default();
    ((value & test.mask) == test.equal) != test.not
}

/// A call's name; its number in brackets where the table has none.
pub(crate) fn name(call: i32) -> String {
    usize::try_from(call).ok().and_then(Sysno::new).map_or_else(|| format!("[{call}]"), |known| known.name().to_owned())
}

/// The errno that an entry asks for; `EPERM` where it names none, or one that is not known here.
pub(crate) fn errno(entry: &CallEntry) -> i32 {
    match entry.errno.as_deref() {
        Some("EACCES") => libc::EACCES,
        Some("ENOSYS") => libc::ENOSYS,
        Some("EINVAL") => libc::EINVAL,
        Some("EIO") => libc::EIO,
        Some("EAFNOSUPPORT") => libc::EAFNOSUPPORT,
        Some("EOPNOTSUPP") => libc::EOPNOTSUPP,
        Some("ENOPROTOOPT") => libc::ENOPROTOOPT,
        Some(_) | None => libc::EPERM,
    }
}

#[cfg(test)]
mod tests {
    use tollgate_policy::boundary::CallFate;

    use super::*;

    #[test]
    fn the_first_entry_whose_conditions_hold_decides() {
        let entry = |then, when| CallEntry {
            names: vec!["ioctl".into()].into(),
            then,
            errno: Some("EIO".into()),
            when,
            because: "x".into(),
        };
        let test = ArgTest { arg: 1, mask: 0xffff_ffff, equal: 0x5412, not: false };
        let filter = CallFilter {
            entries: vec![entry(CallFate::Refuse, vec![test].into()), entry(CallFate::Allow, Vec::new().into())],
        };
        let mut calls = Calls::new(&filter);
        let mut fate = |request| {
            let call = Notification { id: 1, tid: 1, call: 16, args: [0, request, 0, 0, 0, 0] };
            calls.entry(&call).map(|entry| (entry.then, errno(entry)))
        };
        // ioctl is 16 on x86_64 only
        if name(16) == "ioctl" {
            assert_eq!(fate(0x5412), Some((CallFate::Refuse, libc::EIO)));
            assert_eq!(fate(0xffff_ffff_0000_5412), Some((CallFate::Refuse, libc::EIO)));
            assert_eq!(fate(0x5413), Some((CallFate::Allow, libc::EIO)));
        }
        assert_eq!(calls.entry(&Notification { id: 1, tid: 1, call: 9999, args: [0; 6] }), None);
    }
}
