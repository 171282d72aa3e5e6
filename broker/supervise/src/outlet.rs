//! What the gate knows of named egress: where a connection really goes, who answers lookups, what came of it. The
//! egress itself is made elsewhere, and started at the first call that needs it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{BorrowedFd, OwnedFd};

use tollgate_policy::action::Connect;
use tollgate_sys::leave::Awaited;

/// Named egress. Called from the gate's loop and from threads that connect.
pub trait Outlet: Send + Sync {
    /// Where a TCP socket that is to be connected to `to` goes.
    ///
    /// # Errors
    /// The egress could not be started.
    fn way(&self, to: SocketAddr) -> io::Result<Way>;

    /// A socket that a caller gets in place of one for datagrams: lookups are answered there, all else goes nowhere.
    ///
    /// # Errors
    /// The egress could not be started, or what the kernel says.
    fn asker(&self) -> io::Result<OwnedFd>;

    /// What kind of place an address is, as a word for people ("private", "loopback"); none for the open internet.
    fn kept(&self, address: IpAddr) -> Option<&'static str>;

    /// The relay's door for a connection to an address of the open internet; none where it can't be carried.
    fn door(&self, to: SocketAddr) -> Option<SocketAddr>;

    /// Reaches a goal, as long as that takes; its caller is connected afterwards.
    ///
    /// # Errors
    /// The errno for the caller.
    fn reach(&self, goal: &Connect) -> Result<Box<dyn Far>, i32>;

    /// Says what the connection from `local` to the relay's door means: at once after it was begun. With `leave`, nothing
    /// comes of it before that is given, and a reset if it is not.
    ///
    /// # Errors
    /// The errno for the caller; the connection is reset.
    fn announce(&self, local: SocketAddr, goal: &Connect, leave: Option<Awaited>) -> Result<(), i32>;

    /// Readable when [`Outlet::take`] has something; none before the egress is started.
    fn wakes(&self) -> Option<BorrowedFd<'_>>;

    /// What was turned away since the last call, after the gate had let it on; also clears the wake-up.
    fn take(&self) -> Vec<Turned>;
}

/// A goal that was reached, to be joined with its caller's connection.
pub trait Far: Send {
    /// Joins it with the connection from `local` to the relay's door.
    ///
    /// # Errors
    /// The errno for the caller; the connection is reset.
    fn join(self: Box<Self>, local: SocketAddr) -> Result<(), i32>;
}

/// Where a caller's socket is to be connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// To this address: a lookup over TCP.
    Lookup(SocketAddr),
    /// It means this name; once that is judged, to the relay's door.
    Relay {
        /// The name, in its one form.
        name: String,
        /// The relay's door for sockets of this family.
        door: SocketAddr,
    },
    /// It means an address, to be judged as such.
    Straight,
    /// Nowhere.
    Nowhere,
}

/// Something that the relay did not carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turned {
    /// What had been judged.
    pub goal: Connect,
    /// Why not, as text for people; what callers said is escaped in it.
    pub why: String,
}

/// No egress: lookups and names lead nowhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoOutlet;

impl Outlet for NoOutlet {
    fn way(&self, _: SocketAddr) -> io::Result<Way> {
        Ok(Way::Straight)
    }

    fn asker(&self) -> io::Result<OwnedFd> {
        Err(io::Error::from_raw_os_error(libc::EACCES))
    }

    fn kept(&self, _: IpAddr) -> Option<&'static str> {
        Some("unknown")
    }

    fn door(&self, _: SocketAddr) -> Option<SocketAddr> {
        None
    }

    fn reach(&self, _: &Connect) -> Result<Box<dyn Far>, i32> {
        Err(libc::ENETUNREACH)
    }

    fn announce(&self, _: SocketAddr, _: &Connect, _: Option<Awaited>) -> Result<(), i32> {
        Err(libc::ENETUNREACH)
    }

    fn wakes(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn take(&self) -> Vec<Turned> {
        Vec::new()
    }
}
