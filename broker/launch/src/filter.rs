//! The policy's call filter in the kernel's terms: names to numbers, fates to return values.

use tollgate_policy::boundary::{ArgTest, CallEntry, CallFate, CallFilter};
use tollgate_sys::handover::Pass;
use tollgate_sys::seccomp::{self, Entry, Fate, Filter, Instruction, Program, Sense};

use crate::fault::LaunchError;

/// Compiles the filter; calls that none of its entries names are `ENOSYS`.
pub(crate) fn lower(filter: &CallFilter, pass: &Pass) -> Result<Program, LaunchError> {
    let entries = filter.entries.iter().map(entry).collect::<Result<_, _>>()?;
    let mut filter = Filter { entries, otherwise: Fate::Errno(38) }; // ENOSYS
    pass.open(&mut filter);
    seccomp::compile(&filter).map_err(LaunchError::Filter)
}

/// A filter as it is compiled when Tollgate is built, for [`crate::Usual::compiled`].
///
/// # Errors
/// [`LaunchError::Filter`] and [`LaunchError::Unknown`] for a filter that makes no sense.
pub fn compiled(filter: &CallFilter) -> Result<Vec<Instruction>, LaunchError> {
    lower(filter, &Pass::BLANK).map(|program| program.template())
}

fn entry(entry: &CallEntry) -> Result<Entry, LaunchError> {
    Ok(Entry {
        calls: entry.names.iter().filter_map(|name| seccomp::number(name)).collect(),
        tests: entry.when.iter().map(test).collect(),
        then: match entry.then {
            CallFate::Allow => Fate::Allow,
            CallFate::Errno => Fate::Errno(errno(entry.errno.as_deref().unwrap_or("EPERM"))?),
            CallFate::Refuse | CallFate::Judge => Fate::Notify,
            CallFate::Kill => Fate::Kill,
        },
    })
}

fn test(test: &ArgTest) -> seccomp::ArgTest {
    let sense = if test.not { Sense::Differs } else { Sense::Equals };
    seccomp::ArgTest { arg: test.arg, mask: test.mask, equal: test.equal, sense }
}

/// The number of an errno that a filter may answer with.
fn errno(name: &str) -> Result<u16, LaunchError> {
    let number = match name {
        "EPERM" => libc::EPERM,
        "ENOENT" => libc::ENOENT,
        "ESRCH" => libc::ESRCH,
        "EIO" => libc::EIO,
        "ENXIO" => libc::ENXIO,
        "EBADF" => libc::EBADF,
        "EAGAIN" => libc::EAGAIN,
        "ENOMEM" => libc::ENOMEM,
        "EACCES" => libc::EACCES,
        "EBUSY" => libc::EBUSY,
        "EXDEV" => libc::EXDEV,
        "ENODEV" => libc::ENODEV,
        "EINVAL" => libc::EINVAL,
        "ENOTTY" => libc::ENOTTY,
        "ENOSPC" => libc::ENOSPC,
        "EROFS" => libc::EROFS,
        "ENOSYS" => libc::ENOSYS,
        "ENODATA" => libc::ENODATA,
        "EOPNOTSUPP" | "ENOTSUP" => libc::EOPNOTSUPP,
        "ENOPROTOOPT" => libc::ENOPROTOOPT,
        "EPROTONOSUPPORT" => libc::EPROTONOSUPPORT,
        "ESOCKTNOSUPPORT" => libc::ESOCKTNOSUPPORT,
        "EAFNOSUPPORT" => libc::EAFNOSUPPORT,
        "ENETUNREACH" => libc::ENETUNREACH,
        "EHOSTUNREACH" => libc::EHOSTUNREACH,
        "ECONNREFUSED" => libc::ECONNREFUSED,
        "EKEYREJECTED" => libc::EKEYREJECTED,
        _ => return Err(LaunchError::Unknown("errno", name.to_owned())),
    };
    u16::try_from(number).map_err(|_| LaunchError::Unknown("errno", name.to_owned()))
}
