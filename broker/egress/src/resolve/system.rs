//! The host's resolver: hosts file, then the name servers in their order, over UDP and where needed TCP.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};

use super::conf::Conf;
use super::query::{Query, Reply};
use super::{Resolve, hosts};
use crate::dns::{kind, stream};
use crate::wait::{self, Bell, Woken};

/// Names whose addresses are kept: an installation opens dozens of connections to one host.
const KEPT: usize = 256;
/// No answer is kept for longer, whatever it says.
const LONGEST: u32 = 60;

/// The host's resolver.
pub(crate) struct System {
    end: Arc<Bell>,
    kept: Mutex<HashMap<String, (Vec<IpAddr>, Instant)>>,
}

impl System {
    pub(crate) fn new(end: Arc<Bell>) -> Self {
        Self { end, kept: Mutex::default() }
    }
}

impl Resolve for System {
    fn resolve(&self, name: &str, until: Instant) -> io::Result<Vec<IpAddr>> {
        let listed = hosts::addresses(name);
        if !listed.is_empty() {
            return Ok(listed);
        }
        let now = Instant::now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (_, until)| *until > now);
        if let Some((addresses, _)) = kept.get(name) {
            return Ok(addresses.clone());
        }
        drop(kept);
        let (addresses, ttl) = self.ask(name, until)?;
        let good = Duration::from_secs(ttl.min(LONGEST).into());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(good) = now.checked_add(good)
            && kept.len() < KEPT
        {
            kept.insert(name.to_owned(), (addresses.clone(), good));
        }
        Ok(addresses)
    }
}

impl System {
    fn ask(&self, name: &str, until: Instant) -> io::Result<(Vec<IpAddr>, u32)> {
        // read each time: a laptop changes its network under a long run
        let conf = Conf::read();
        let mut last = io::Error::from(io::ErrorKind::TimedOut);
        for _ in 0..conf.attempts {
            for server in &conf.servers {
                let now = Instant::now();
                let until = now.checked_add(conf.timeout).unwrap_or(now).min(until);
                match self.ask_one(name, *server, until) {
                    Err(err) if err.kind() == io::ErrorKind::NotFound => return Err(err),
                    Err(_) if self.end.has_rung() => return Err(io::ErrorKind::Interrupted.into()),
                    Err(err) => last = err,
                    found => return found,
                }
            }
        }
        Err(last)
    }

    /// Both families at once, from a socket with a port that nobody can guess, open to this server alone.
    pub(super) fn ask_one(&self, name: &str, server: SocketAddr, until: Instant) -> io::Result<(Vec<IpAddr>, u32)> {
        let any: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(server)?;
        socket.set_nonblocking(true)?;
        let mut open = Vec::with_capacity(2);
        for kind in [kind::AAAA, kind::A] {
            let query = Query::new(name, kind).ok_or(io::ErrorKind::InvalidInput)?;
            socket.send(&query.bytes)?;
            open.push(query);
        }
        let mut found = Found::default();
        let mut message = [0; 4096];
        while !open.is_empty() {
            let mut fds = [self.end.heard(), PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
            match wait::wait(&mut fds, Some(until))? {
                Woken::Ready => {}
                Woken::Stopped => return Err(io::ErrorKind::Interrupted.into()),
                // one family's answer is good enough where the other's is lost
                Woken::Late if !found.addresses.is_empty() => break,
                Woken::Late => return Err(io::ErrorKind::TimedOut.into()),
            }
            let length = match socket.recv(&mut message) {
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => continue,
                received => received?,
            };
            let message = message.get(..length).unwrap_or_default();
            let Some(at) = open.iter().position(|query| query.reply(message).is_some()) else {
                continue;
            };
            let query = open.swap_remove(at);
            let reply = match query.reply(message) {
                Some(Reply::Cut) => self.ask_whole(&query, server, until)?,
                reply => reply,
            };
            found.take(reply);
        }
        found.done()
    }

    /// Over TCP, without the limit of a datagram.
    fn ask_whole(&self, query: &Query, server: SocketAddr, until: Instant) -> io::Result<Option<Reply>> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let stream = TcpStream::connect_timeout(&server, left)?;
        stream.set_nonblocking(true)?;
        let until = (until, self.end.as_ref());
        let length = u16::try_from(query.bytes.len()).map_err(io::Error::other)?;
        stream::write(&stream, &[&length.to_be_bytes()[..], &query.bytes].concat(), until)?;
        let mut length = [0; 2];
        stream::read(&stream, &mut length, until)?;
        let mut message = vec![0; u16::from_be_bytes(length).into()];
        stream::read(&stream, &mut message, until)?;
        Ok(query.reply(&message))
    }
}

/// What the two questions brought. One family's failure does not count where the other has addresses: there are
/// servers that stumble over AAAA.
#[derive(Debug, Default)]
struct Found {
    addresses: Vec<IpAddr>,
    ttl: Option<u32>,
    failed: bool,
}

impl Found {
    fn take(&mut self, reply: Option<Reply>) {
        match reply {
            Some(Reply::Addresses(addresses, ttl)) => {
                self.addresses.extend(addresses);
                self.ttl = Some(self.ttl.map_or(ttl, |other| other.min(ttl)));
            }
            Some(Reply::NoSuchName) => {}
            Some(Reply::Unable | Reply::Cut) | None => self.failed = true,
        }
    }

    fn done(mut self) -> io::Result<(Vec<IpAddr>, u32)> {
        if self.addresses.is_empty() {
            return Err(if self.failed {
                io::Error::other("the name server could not say")
            } else {
                io::ErrorKind::NotFound.into()
            });
        }
        // a stable sort: within a family as the server gave them
        self.addresses.sort_by_key(IpAddr::is_ipv4);
        Ok((self.addresses, self.ttl.unwrap_or(0)))
    }
}
