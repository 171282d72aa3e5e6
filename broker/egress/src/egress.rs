//! The egress as its supervisor sees it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use tollgate_sys::leave::Awaited;
use tollgate_sys::pool::Pool;

use crate::dial::{self, Reached, Unreached};
use crate::doors::{self, Askers, Doors, Keeper};
use crate::goal::Goal;
use crate::ground::Ground;
use crate::judge::Judge;
use crate::meet::{Errand, Meeting};
use crate::names::{self, Names};
use crate::resolve::conf::Conf;
use crate::resolve::{Resolve, System};
use crate::wait::Bell;

/// Connections, lookups over TCP included, that are carried at once.
const CONNECTIONS: usize = 512;
/// Names that are told apart in one run.
const NAMES: usize = 16 * 1024;
/// The thread at the doors answers lookups and accepts: it goes nowhere deep.
const STACK: usize = 256 * 1024;

/// A run's egress. All of its threads, connections and doors end when it is dropped.
pub struct Egress {
    ground: Arc<Ground>,
    meeting: Arc<Meeting>,
    pool: Arc<Pool>,
    askers: Arc<Askers>,
    lookups: Vec<SocketAddr>,
    long_lookups: Vec<SocketAddr>,
    relay: Vec<SocketAddr>,
    keeper: Option<JoinHandle<()>>,
}

/// What an egress is made of, where it isn't the usual.
#[derive(Default)]
pub struct Setting {
    /// Listeners, where they are not to be opened on this thread's loopback.
    pub doors: Option<Doors>,
    /// Who resolves allowed names; the host's resolver if none is given.
    pub resolve: Option<Arc<dyn Resolve>>,
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setting").field("doors", &self.doors).finish_non_exhaustive()
    }
}

/// The kinds of sockets that callers connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// TCP.
    Stream,
    /// UDP.
    Datagram,
}

/// Where a caller's socket is to be connected instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// To this address: a lookup. Nothing is to be judged or announced.
    Stub(SocketAddr),
    /// It means this name, at the port that the caller gave. Once that is judged: to this address, and then
    /// [`Egress::announce`].
    Relay {
        /// The name, in its one form.
        name: String,
        /// The relay's door for sockets of this family.
        door: SocketAddr,
    },
    /// It means an address, to be judged as such; allowed, it is connected to, or, where the callers' network has no
    /// way out, to the door of [`Egress::door`], and announced.
    Straight,
    /// Nowhere: `ECONNREFUSED`. An address of ours that stands for no name; datagrams to anything but lookups.
    Nowhere,
}

/// Too many connections wait to be announced or carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl std::fmt::Display for Full {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("too many connections at once")
    }
}

impl std::error::Error for Full {}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Egress")
            .field("lookups", &self.lookups)
            .field("relay", &self.relay)
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

impl Egress {
    /// Opens the doors and starts the thread that stands at them; threads for connections come with these.
    ///
    /// # Errors
    /// What the kernel says to a socket or a thread.
    pub fn start(judge: Arc<dyn Judge>) -> io::Result<Self> {
        Self::start_with(judge, Setting::default())
    }

    /// As [`Egress::start`], with doors or a resolver of the caller's own.
    ///
    /// # Errors
    /// As there.
    pub fn start_with(judge: Arc<dyn Judge>, setting: Setting) -> io::Result<Self> {
        let doors = match setting.doors {
            Some(doors) => doors,
            None => Doors::open()?,
        };
        let end = Arc::new(Bell::new()?);
        let host = || Arc::new(System::new(Arc::clone(&end))) as Arc<dyn Resolve>;
        let ground = Arc::new(Ground {
            judge,
            resolve: setting.resolve.unwrap_or_else(host),
            names: Names::new(NAMES),
            search: Conf::read().search,
            end,
        });
        let mut egress = Self {
            ground: Arc::clone(&ground),
            meeting: Arc::default(),
            pool: Arc::new(Pool::new("egress", CONNECTIONS)),
            askers: Arc::new(Askers::new()?),
            lookups: addresses(doors.lookups.iter().map(std::net::UdpSocket::local_addr))?,
            long_lookups: addresses(doors.long_lookups.iter().map(std::net::TcpListener::local_addr))?,
            relay: addresses(doors.relay.iter().map(std::net::TcpListener::local_addr))?,
            keeper: None,
        };
        let keeper = Keeper {
            doors,
            ground,
            meeting: Arc::clone(&egress.meeting),
            pool: Arc::clone(&egress.pool),
            askers: Arc::clone(&egress.askers),
        };
        let thread = std::thread::Builder::new().name("egress".to_owned());
        egress.keeper = Some(thread.stack_size(STACK).spawn(move || keeper.keep())?);
        Ok(egress)
    }

    /// The name that an address of ours stands for, also as IPv4 in IPv6.
    #[must_use]
    pub fn name_of(&self, address: IpAddr) -> Option<String> {
        self.ground.names.name_of(address)
    }

    /// Where a socket that is to be connected to `to` goes. Whatever is at port 53 is a lookup.
    #[must_use]
    pub fn way(&self, to: SocketAddr, kind: Kind) -> Way {
        let stub = match kind {
            Kind::Stream => &self.long_lookups,
            Kind::Datagram => &self.lookups,
        };
        if to.port() == 53 {
            return doors::address_for(to, stub).map_or(Way::Nowhere, Way::Stub);
        }
        if kind == Kind::Datagram {
            return Way::Nowhere;
        }
        if !names::is_ours(to.ip()) {
            return Way::Straight;
        }
        match (self.name_of(to.ip()), self.door(to)) {
            (Some(name), Some(door)) => Way::Relay { name, door },
            _ => Way::Nowhere,
        }
    }

    /// The relay's door for a socket that is to be connected to `to`; none if it has none of that family.
    #[must_use]
    pub fn door(&self, to: SocketAddr) -> Option<SocketAddr> {
        doors::address_for(to, &self.relay)
    }

    /// Says what the connection from `local` (the caller's socket's own address, once it is connected or connecting
    /// to the relay's door) means. To be said at once after that connect, from whichever thread made it.
    ///
    /// # Errors
    /// [`Full`]: the connection will be reset.
    pub fn announce(&self, local: SocketAddr, goal: Goal) -> Result<(), Full> {
        self.meet(local, Errand::new(goal, None))
    }

    /// As [`Egress::announce`], before it is settled: nothing is read, resolved or carried until `leave` is given, and
    /// without it the connection is reset. That is not reported; whoever gave no leave knows.
    ///
    /// # Errors
    /// As there.
    pub fn announce_early(&self, local: SocketAddr, goal: Goal, leave: Awaited) -> Result<(), Full> {
        self.meet(local, Errand { leave: Some(leave), ..Errand::new(goal, None) })
    }

    /// Reaches a goal before its caller is connected, so that the caller's blocking `connect` fails as it would
    /// without us. Takes as long as that; to be followed by [`Egress::join`].
    ///
    /// # Errors
    /// [`Unreached`], with the errno for the caller.
    pub fn reach(&self, goal: Goal) -> Result<Reached, Unreached> {
        let stream = dial::dial(&goal, &self.ground)?;
        Ok(Reached { goal, stream })
    }

    /// As [`Egress::announce`], for a goal that was reached.
    ///
    /// # Errors
    /// As there.
    pub fn join(&self, local: SocketAddr, reached: Reached) -> Result<(), Full> {
        let goal = reached.goal.clone();
        self.meet(local, Errand::new(goal, Some(reached)))
    }

    fn meet(&self, local: SocketAddr, errand: Errand) -> Result<(), Full> {
        match self.meeting.announce(local, errand)? {
            None => Ok(()),
            Some(met) => doors::begin(met, &self.ground, &self.pool).map_err(|_| Full),
        }
    }

    /// A socket to be given to a caller in place of one for datagrams: what is sent there comes to the stub, whatever
    /// address it bears, and nothing else can ever be reached with it (`unix(7)`: a connected pair of packets).
    ///
    /// # Errors
    /// What the kernel says.
    pub fn asker(&self) -> io::Result<OwnedFd> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
        self.askers.add(ours);
        Ok(theirs)
    }
}

impl Drop for Egress {
    fn drop(&mut self) {
        self.ground.end.ring();
        if let Some(keeper) = self.keeper.take()
            && keeper.join().is_err()
        {
            // it panicked: its doors are closed with it
        }
        self.pool.end();
    }
}

fn addresses(found: impl Iterator<Item = io::Result<SocketAddr>>) -> io::Result<Vec<SocketAddr>> {
    found.collect()
}
