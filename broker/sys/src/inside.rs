//! Whether the calling process is behind a filter of Tollgate's: asked of the kernel, since a variable could be set by anybody.

use std::io;

/// An option of `prctl(2)` that no kernel has ("toll"); every shipped filter answers it with [`ANSWER`].
const OPTION: libc::c_long = 0x746f_6c6c;

/// An errno that `prctl(2)` itself never gives: it says `EINVAL` to an unknown option.
const ANSWER: i32 = libc::EKEYREJECTED;

/// Whether a boundary of Tollgate's is around this process. A filter is inherited and never comes off (`seccomp(2)`), so
/// what is true once stays true for all that the process starts. Only an ancestor that lays a filter of its own could
/// make it say yes elsewhere, and that ancestor could as well run what it likes itself.
#[must_use]
pub fn is_inside() -> bool {
    let none: libc::c_long = 0;
    // SAFETY: takes numbers only, and no kernel does anything for this option.
    let result = unsafe { libc::syscall(libc::SYS_prctl, OPTION, none, none, none, none) };
    result == -1 && io::Error::last_os_error().raw_os_error() == Some(ANSWER)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_test_is_outside() {
        // unless the whole suite is run behind a filter, where its other tests could not pass either
        assert!(!super::is_inside());
    }
}
