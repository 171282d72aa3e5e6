//! What the guard tells the supervisor of the command it started: fixed five-byte messages on a pipe.

/// News of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It ended with this exit code.
    Exited(i32),
    /// A signal ended it.
    Signalled(i32),
    /// A signal stopped it (job control).
    Stopped(i32),
    /// It goes on.
    Continued,
    /// It never ran: the errno of the last step (exec, or a boundary that could not be laid).
    Failed(i32),
}

/// Length of a message in bytes.
pub const LENGTH: usize = 5;

impl News {
    /// The message: a tag and a little-endian number.
    #[must_use]
    pub fn encode(self) -> [u8; LENGTH] {
        let (tag, n) = match self {
            Self::Exited(n) => (b'e', n),
            Self::Signalled(n) => (b's', n),
            Self::Stopped(n) => (b't', n),
            Self::Continued => (b'c', 0),
            Self::Failed(n) => (b'f', n),
        };
        let [a, b, c, d] = n.to_le_bytes();
        [tag, a, b, c, d]
    }

    /// The news in a message; none where the tag is unknown.
    #[must_use]
    pub fn decode([tag, a, b, c, d]: [u8; LENGTH]) -> Option<Self> {
        let n = i32::from_le_bytes([a, b, c, d]);
        match tag {
            b'e' => Some(Self::Exited(n)),
            b's' => Some(Self::Signalled(n)),
            b't' => Some(Self::Stopped(n)),
            b'c' => Some(Self::Continued),
            b'f' => Some(Self::Failed(n)),
            _ => None,
        }
    }
}
