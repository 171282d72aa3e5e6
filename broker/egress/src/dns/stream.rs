//! Questions over TCP (RFC 7766), each with its length in front.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use nix::poll::PollFlags;

use super::answer::Source;
use crate::wait::{self, Bell};

/// RFC 7766 §6.2.3 wants "of the order of a few seconds".
const IDLE: Duration = Duration::from_secs(10);
/// Questions on one connection.
const MOST: usize = 1000;

/// Answers a connection's questions until it ends, is silent, or everything ends.
pub(crate) fn serve(stream: &TcpStream, source: &Source<'_>, end: &Bell) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let mut message = vec![0; 65_535];
    for _ in 0..MOST {
        let until = (deadline(), end);
        let mut length = [0; 2];
        read(stream, &mut length, until)?;
        let message = message.get_mut(..usize::from(u16::from_be_bytes(length))).unwrap_or_default();
        read(stream, message, until)?;
        let Some(answer) = source.answer(message) else {
            return Ok(());
        };
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        let framed = [&length.to_be_bytes()[..], &answer].concat();
        write(stream, &framed, (deadline(), end))?;
    }
    Ok(())
}

fn deadline() -> Instant {
    let now = Instant::now();
    now.checked_add(IDLE).unwrap_or(now)
}

/// Reads all of it, from a stream that doesn't block.
pub(crate) fn read(mut stream: &TcpStream, mut into: &mut [u8], until: (Instant, &Bell)) -> io::Result<()> {
    while !into.is_empty() {
        match stream.read(into) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => into = into.get_mut(n..).unwrap_or_default(),
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => {
                wait::for_one(stream.as_fd(), PollFlags::POLLIN, until)?;
            }
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
    Ok(())
}

/// Writes all of it, to a stream that doesn't block.
pub(crate) fn write(mut stream: &TcpStream, mut what: &[u8], until: (Instant, &Bell)) -> io::Result<()> {
    while !what.is_empty() {
        match stream.write(what) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => what = what.get(n..).unwrap_or_default(),
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => {
                wait::for_one(stream.as_fd(), PollFlags::POLLOUT, until)?;
            }
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
    Ok(())
}
