//! Exit codes. The command's own pass through; these are Tollgate's, and a promise.

use tollgate_sys::news::News;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Done,
    /// What was asked for is not there or not in order (`ledger verify`, an unknown id …).
    Failed,
    /// The command line makes no sense; `run` has [`Exit::Refused`] instead.
    Usage,
    /// 120: policy invalid.
    Policy,
    /// 121: the boundary can't be enforced as required.
    Boundary,
    /// 122: refused before it started.
    Refused,
    /// 123: stopped by a limit.
    Stopped,
    /// 124: internal failure; nothing was run, or everything was stopped.
    Internal,
    /// What became of the command: its code, or 128 + signal.
    Command(u8),
}

impl Exit {
    /// The number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Policy => 120,
            Self::Boundary => 121,
            Self::Refused => 122,
            Self::Stopped => 123,
            Self::Internal => 124,
            Self::Command(code) => code,
        }
    }

    /// What the guard's last news means; none where the command goes on.
    pub(crate) fn of(news: News) -> Option<Self> {
        match news {
            // A status has eight bits (wait(2)).
            News::Exited(code) => Some(Self::Command(u8::try_from(code & 0xff).unwrap_or(u8::MAX))),
            News::Signalled(signal) => Some(Self::Command(128 | u8::try_from(signal & 0x7f).unwrap_or(0))),
            News::Failed(_) => Some(Self::Refused),
            News::Stopped(_) | News::Continued => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_promised_ones() {
        let table = [
            (Some(Exit::Done), 0),
            (Some(Exit::Policy), 120),
            (Some(Exit::Boundary), 121),
            (Some(Exit::Refused), 122),
            (Some(Exit::Stopped), 123),
            (Some(Exit::Internal), 124),
            (Exit::of(News::Exited(0)), 0),
            (Exit::of(News::Exited(3)), 3),
            (Exit::of(News::Exited(255)), 255),
            (Exit::of(News::Signalled(9)), 137),
            (Exit::of(News::Signalled(15)), 143),
            (Exit::of(News::Failed(2)), 122),
        ];
        for (exit, code) in table {
            assert_eq!(exit.map(Exit::code), Some(code), "{exit:?}");
        }
        assert_eq!(Exit::of(News::Stopped(20)), None);
    }
}
