//! Where announcements and connections meet. The supervisor connects a caller's socket to the relay's door, and then
//! says what that socket's local address means; the relay accepts at about the same time. Whoever comes first waits,
//! not for long. What nobody announced is reset, and has then carried no byte anywhere.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tollgate_sys::leave::Awaited;

use crate::dial::Reached;
use crate::egress::Full;
use crate::goal::Goal;

/// Longer than any scheduling delay; an announcement follows its connection at once.
const PATIENCE: Duration = Duration::from_secs(10);
/// Of each kind: more than a listener's queue is worth keeping.
const MOST: usize = 1024;

/// What a connection is for.
#[derive(Debug)]
pub(crate) struct Errand {
    pub(crate) goal: Goal,
    /// The far end, where it was reached before.
    pub(crate) reached: Option<Reached>,
    /// The leave that it has to have, where it was begun before it was settled.
    pub(crate) leave: Option<Awaited>,
    pub(crate) since: Instant,
}

/// An errand and its connection.
#[derive(Debug)]
pub(crate) struct Met {
    pub(crate) stream: TcpStream,
    pub(crate) errand: Errand,
}

/// The table: a local address of a caller stands for its connection, as the doors' own addresses are fixed.
#[derive(Debug, Default)]
pub(crate) struct Meeting {
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    announced: HashMap<(IpAddr, u16), Errand>,
    arrived: HashMap<(IpAddr, u16), (TcpStream, Instant)>,
}

impl Meeting {
    /// Says what a connection is for. Gives it back where both are there; [`Full`] if too many wait.
    pub(crate) fn announce(&self, local: SocketAddr, errand: Errand) -> Result<Option<Met>, Full> {
        let mut tables = self.tables();
        if let Some((stream, _)) = tables.arrived.remove(&key(local)) {
            return Ok(Some(Met { stream, errand }));
        }
        if tables.announced.len() >= MOST {
            return Err(Full);
        }
        // A local address is free again only when its last connection has gone: the newer word counts.
        tables.announced.insert(key(local), errand);
        Ok(None)
    }

    /// Takes a connection. Gives it back where both are there.
    pub(crate) fn arrive(&self, peer: SocketAddr, stream: TcpStream) -> Option<Met> {
        let mut tables = self.tables();
        if let Some(errand) = tables.announced.remove(&key(peer)) {
            return Some(Met { stream, errand });
        }
        if tables.arrived.len() < MOST {
            // the kernel lets the address be used again only after the older connection was broken off
            tables.arrived.insert(key(peer), (stream, Instant::now()));
        }
        None
    }

    /// Lets go of what has waited too long; says when to come again.
    pub(crate) fn sweep(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut tables = self.tables();
        let fresh = |since: Instant| now.saturating_duration_since(since) < PATIENCE;
        tables.announced.retain(|_, errand| fresh(errand.since));
        tables.arrived.retain(|_, (_, since)| fresh(*since));
        let oldest = (tables.announced.values().map(|errand| errand.since))
            .chain(tables.arrived.values().map(|(_, since)| *since))
            .min();
        oldest.and_then(|since| since.checked_add(PATIENCE))
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // each change is one insert or remove
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same for `::ffff:127.0.0.1`, as an IPv6 socket names itself, and `127.0.0.1`, as its IPv4 peer does.
fn key(address: SocketAddr) -> (IpAddr, u16) {
    (address.ip().to_canonical(), address.port())
}
