//! Framing: one JSON object a line, with a size cap and one deadline for the whole line.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest request in bytes: an answer with the words of a prefix.
pub const REQUEST_LIMIT: usize = 1 << 20;

/// Longest reply in bytes: all open questions of a run.
pub const REPLY_LIMIT: usize = 32 << 20;

/// How much may be read, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes, without the newline.
    pub size: usize,
    /// When the other end has had time enough.
    pub until: Instant,
}

impl Bounds {
    /// `size` bytes within `wait` from now.
    #[must_use]
    pub fn within(size: usize, wait: Duration) -> Self {
        Self { size, until: Instant::now() + wait }
    }
}

/// Why no message came or went.
#[derive(Debug)]
pub enum FrameFault {
    /// The other end closed, or the line broke.
    Io(io::Error),
    /// The deadline passed before the line was whole.
    Slow,
    /// The line is longer than allowed.
    Long(usize),
    /// The other end closed before a whole line.
    Short,
    /// The line is no such message.
    Form(serde_json::Error),
}

impl fmt::Display for FrameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("the connection failed"),
            Self::Slow => f.write_str("the other end took too long"),
            Self::Long(limit) => write!(f, "the message is longer than {limit} bytes"),
            Self::Short => f.write_str("the other end closed in the middle of a message"),
            Self::Form(_) => f.write_str("the message has not the expected form"),
        }
    }
}

impl std::error::Error for FrameFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(cause) => Some(cause),
            Self::Form(cause) => Some(cause),
            Self::Slow | Self::Long(_) | Self::Short => None,
        }
    }
}

/// Reads one line, without its newline. What follows the newline is not looked at: a connection carries one
/// request and one reply.
///
/// # Errors
/// [`FrameFault`]; an empty stream is [`FrameFault::Short`].
pub fn read_line(mut from: &UnixStream, bounds: Bounds) -> Result<Vec<u8>, FrameFault> {
    let mut line = Vec::new();
    let mut chunk = [0_u8; 16 << 10];
    loop {
        from.set_read_timeout(Some(left(bounds.until)?)).map_err(FrameFault::Io)?;
        let count = match from.read(&mut chunk) {
            Ok(0) => return Err(FrameFault::Short),
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(fault(e)),
        };
        let read = chunk.get(..count).unwrap_or_default();
        let end = read.iter().position(|byte| *byte == b'\n');
        line.extend_from_slice(read.get(..end.unwrap_or(count)).unwrap_or_default());
        if line.len() > bounds.size {
            return Err(FrameFault::Long(bounds.size));
        }
        if end.is_some() {
            return Ok(line);
        }
    }
}

/// Reads one message.
///
/// # Errors
/// [`FrameFault`].
pub fn read<T: DeserializeOwned>(from: &UnixStream, bounds: Bounds) -> Result<T, FrameFault> {
    serde_json::from_slice(&read_line(from, bounds)?).map_err(FrameFault::Form)
}

/// Writes one message and its newline.
///
/// # Errors
/// [`FrameFault`].
pub fn write<T: Serialize>(mut to: &UnixStream, message: &T, until: Instant) -> Result<(), FrameFault> {
    let mut line = serde_json::to_vec(message).map_err(FrameFault::Form)?;
    line.push(b'\n');
    let mut rest = line.as_slice();
    while !rest.is_empty() {
        to.set_write_timeout(Some(left(until)?)).map_err(FrameFault::Io)?;
        match to.write(rest) {
            Ok(0) => return Err(FrameFault::Short),
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(fault(e)),
        }
    }
    Ok(())
}

fn left(until: Instant) -> Result<Duration, FrameFault> {
    let left = until.saturating_duration_since(Instant::now());
    // The kernel takes a timeout of zero for none at all.
    if left < Duration::from_millis(1) { Err(FrameFault::Slow) } else { Ok(left) }
}

fn fault(cause: io::Error) -> FrameFault {
    let slow = matches!(cause.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
    if slow { FrameFault::Slow } else { FrameFault::Io(cause) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::message::{Ask, Reply, Request, VERSION};

    fn soon(size: usize) -> Bounds {
        Bounds::within(size, Duration::from_millis(200))
    }

    #[test]
    fn a_message_survives_the_trip() {
        let (a, b) = UnixStream::pair().unwrap();
        let sent = Request { version: VERSION, token: "t".into(), ask: Ask::List };
        write(&a, &sent, soon(0).until).unwrap();
        assert_eq!(read::<Request>(&b, soon(REQUEST_LIMIT)).unwrap(), sent);
    }

    #[test]
    fn faults_are_told_apart() {
        let long = "x".repeat(100) + "\n";
        let table: &[(&[u8], bool, &str)] = &[
            (b"", true, "the other end closed in the middle of a message"),
            (b"{\"taken\"", true, "the other end closed in the middle of a message"),
            (b"{\"taken\"", false, "the other end took too long"),
            (b"{}\n", false, "the message has not the expected form"),
            (b"\xff\xfe\n", false, "the message has not the expected form"),
            (long.as_bytes(), false, "the message is longer than 64 bytes"),
        ];
        for (bytes, closes, expected) in table {
            let (mut a, b) = UnixStream::pair().unwrap();
            a.write_all(bytes).unwrap();
            let kept = (!closes).then_some(a);
            let fault = read::<Reply>(&b, soon(64)).unwrap_err();
            assert_eq!(fault.to_string(), *expected, "{}", bytes.escape_ascii());
            drop(kept);
        }
    }

    #[test]
    fn a_drip_does_not_move_the_deadline() {
        let (mut a, b) = UnixStream::pair().unwrap();
        let drip = std::thread::spawn(move || {
            while a.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let began = Instant::now();
        assert!(matches!(read_line(&b, soon(REQUEST_LIMIT)), Err(FrameFault::Slow)));
        assert!(began.elapsed() < Duration::from_secs(2), "took {:?}", began.elapsed());
        drop(b);
        drip.join().unwrap();
    }
}
