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
        let (tag, number) = match self {
            Self::Exited(n) => (b'e', n),
            Self::Signalled(n) => (b's', n),
            Self::Stopped(n) => (b't', n),
            Self::Continued => (b'c', 0),
            Self::Failed(n) => (b'f', n),
        };
        let mut message = [tag, 0, 0, 0, 0];
        for (to, from) in message.iter_mut().skip(1).zip(number.to_le_bytes()) {
            *to = from;
        }
        message
    }

    /// The news in a message; none where the tag is unknown.
    #[must_use]
    pub fn decode(message: [u8; LENGTH]) -> Option<Self> {
        let (tag, number) = message.split_first()?;
        let number = i32::from_le_bytes(number.try_into().ok()?);
        match tag {
            b'e' => Some(Self::Exited(number)),
            b's' => Some(Self::Signalled(number)),
            b't' => Some(Self::Stopped(number)),
            b'c' => Some(Self::Continued),
            b'f' => Some(Self::Failed(number)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LENGTH, News};

    #[test]
    fn news_arrive_as_sent() {
        let all = [News::Exited(255), News::Signalled(9), News::Stopped(20), News::Continued, News::Failed(-2)];
        for news in all {
            assert_eq!(News::decode(news.encode()), Some(news));
        }
        assert_eq!(News::decode([0; LENGTH]), None);
    }
}
