//! Sockets at the gate: the run's own loopback, sockets for lookups, and what callers are told of both. `connect` is
//! beside it.

mod asker;
mod bind;
mod diag;
mod listen;
mod names;
mod own;
mod pair;
mod table;
mod unix;

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};
use tollgate_ledger::record::Outcome;
use tollgate_policy::action::{Connect, Target};
use tollgate_policy::boundary::{Boundary, Enforced, Feature};
use tollgate_sys::notify::Notification;
use tollgate_sys::pool::Pool;
use tollgate_sys::{memory, pidfd, sockets};

use crate::address::{self, Address};
use crate::gate::Gate;

pub(crate) use asker::Asker;
pub(crate) use diag::Diag;
pub(crate) use own::{Meant, Own, at, meant};
use table::Table;
pub(crate) use unix::Whose;

/// Socket calls that come here; `connect` is judged elsewhere, and `bind` of unix sockets is a path's.
pub(crate) const CALLS: [&str; 9] =
    ["socket", "socketpair", "listen", "getsockname", "getpeername", "setsockopt", "sendto", "recvfrom", "recvmsg"];

/// For how long a question that nobody answered is not put again.
const QUIET: Duration = Duration::from_secs(30);
/// Callers that wait at once, for connections and answers: more than any program has.
const WAITING: usize = 512;
/// Refusals that are remembered, so that each is told and written down once.
const REMEMBERED: usize = 4096;

/// What is known of this run's sockets.
#[derive(Debug)]
pub(crate) struct Net {
    ground: Ground,
    own: Option<Own>,
    diag: Option<Arc<Diag>>,
    /// Sockets that were bound to the run's own loopback, by cookie.
    bound: Table<Bound>,
    /// Sockets that listen there.
    listeners: Table<Bound>,
    /// Unix sockets that listen.
    ears: Table<unix::Ear>,
    /// Whether one listens of which the kernel tells nothing.
    is_deaf: bool,
    /// What connected sockets were asked to be connected to, where that is not where they are.
    peers: Table<SocketAddr>,
    askers: Table<Asker>,
    next_number: u32,
    /// Connections that were refused, and until when they are without a word.
    refused: HashMap<(String, u16), Option<Instant>>,
    /// Who meant the names that the relay carries.
    meant: HashMap<(String, u16), (i32, u64)>,
    /// Who reached what, as it was written down.
    reached: HashSet<(i32, String, u16)>,
    /// Where callers are waited for.
    pub(crate) threads: Pool,
}

/// Whose loopback the sandbox has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ground {
    /// The machine's: the run's own addresses on it are kept apart.
    Shared,
    /// A network namespace's: all on it is the sandbox's own.
    Namespace,
}

/// What a socket was bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    /// As its owner asked.
    asked: IpAddr,
    /// Whether it takes IPv4 connections too, though it is an IPv6 socket.
    both: bool,
}

/// Where a connection to loopback leads inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inside {
    /// The listener's real address.
    pub(crate) at: SocketAddr,
    /// The listener's cookie; none where nobody else can listen.
    pub(crate) cookie: Option<u64>,
}

impl Net {
    pub(crate) fn new(enforced: &Enforced) -> Self {
        let apart = enforced.held.contains(&Feature::NetNamespace);
        Self {
            ground: if apart { Ground::Namespace } else { Ground::Shared },
            own: None,
            diag: None,
            bound: Table::default(),
            listeners: Table::default(),
            ears: Table::default(),
            is_deaf: false,
            peers: Table::default(),
            askers: Table::default(),
            next_number: 0,
            refused: HashMap::new(),
            meant: HashMap::new(),
            reached: HashSet::new(),
            threads: Pool::new("connect", WAITING),
        }
    }

    /// The run's addresses, chosen when they are first needed.
    fn own(&mut self) -> Result<Own, i32> {
        match self.own {
            Some(own) => Ok(own),
            None => Ok(*self.own.insert(Own::choose().map_err(|_| libc::EADDRNOTAVAIL)?)),
        }
    }

    pub(crate) fn diag(&mut self) -> Result<Arc<Diag>, i32> {
        if let Some(diag) = &self.diag {
            return Ok(Arc::clone(diag));
        }
        let diag = Arc::new(Diag::open().map_err(|_| libc::EADDRNOTAVAIL)?);
        Ok(Arc::clone(self.diag.insert(diag)))
    }

    /// Which of the sandbox's own sockets a connection to this address comes to.
    pub(crate) fn inside(&mut self, to: SocketAddr) -> Option<Inside> {
        let meant = meant(to.ip());
        if meant == Meant::Elsewhere {
            return None;
        }
        if self.ground == Ground::Namespace {
            return Some(Inside { at: to, cookie: None });
        }
        let own = self.own?;
        let diag = self.diag().ok()?;
        let (is_v6, port) = (to.is_ipv6(), to.port());
        let candidates: &[_] = match meant {
            Meant::Four => &[own.v4, own.v6],
            // "any" is where both are bound, or the one of IPv6
            Meant::Any | Meant::Six if is_v6 => &[own.v6],
            Meant::Any | Meant::Six | Meant::Elsewhere => &[],
        };
        candidates.iter().find_map(|address| {
            let cookie = diag.listener(((*address).into(), port)).ok()??;
            let listener = self.listeners.of(cookie)?;
            let fits = meant != Meant::Four || *address == own.v4 || listener.both;
            fits.then_some(Inside { at: at((*address, port), is_v6), cookie: Some(cookie) })
        })
    }

    /// Whether somebody outside listens at this address of loopback.
    pub(crate) fn listens_outside(&mut self, to: SocketAddr) -> bool {
        let address = match to.ip().to_canonical() {
            IpAddr::V4(v4) if v4.is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(v6) if v6.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
            address @ (IpAddr::V4(_) | IpAddr::V6(_)) => address,
        };
        let found = self.diag().ok().map(|diag| diag.listener((address, to.port())));
        // what can't be looked up may be there
        !matches!(found, Some(Ok(None)))
    }

    pub(crate) fn asker(&mut self, cookie: u64) -> Option<&mut Asker> {
        self.askers.of_mut(cookie)
    }

    /// Remembers what a socket's peer is to be called.
    pub(crate) fn calls_peer(&mut self, cookie: u64, peer: SocketAddr) {
        self.peers.put(cookie, peer);
    }

    /// Remembers who meant a name.
    pub(crate) fn means(&mut self, connect: &Connect, who: (i32, u64)) {
        if self.meant.len() >= REMEMBERED {
            self.meant.clear();
        }
        self.meant.insert(key(connect), who);
    }

    /// Who meant it.
    pub(crate) fn who_meant(&self, connect: &Connect) -> Option<(i32, u64)> {
        self.meant.get(&key(connect)).copied()
    }

    /// Whether this thread reaches this for the first time.
    pub(crate) fn reaches_anew(&mut self, tid: i32, connect: &Connect) -> bool {
        if self.reached.len() >= REMEMBERED {
            self.reached.clear();
        }
        let (target, port) = key(connect);
        self.reached.insert((tid, target, port))
    }

    /// Notes a refusal that stands for the run; whether it is the first.
    pub(crate) fn refuses(&mut self, connect: &Connect) -> bool {
        self.note(connect, None)
    }

    /// Notes a question that ended in a refusal: a no stands for the run; what nobody answered may be asked again
    /// later.
    pub(crate) fn was_answered(&mut self, connect: &Connect, outcome: Outcome) {
        let until = if outcome == Outcome::Denied { None } else { Instant::now().checked_add(QUIET) };
        self.note(connect, until);
    }

    /// Whether the sandbox has a network of its own.
    pub(crate) fn is_apart(&self) -> bool {
        self.ground == Ground::Namespace
    }

    fn note(&mut self, connect: &Connect, until: Option<Instant>) -> bool {
        if self.refused.len() >= REMEMBERED {
            self.refused.clear();
        }
        self.refused.insert(key(connect), until).is_none()
    }

    /// Whether the same was refused, for good or a moment ago.
    pub(crate) fn was_refused(&self, connect: &Connect) -> bool {
        match self.refused.get(&key(connect)) {
            Some(Some(until)) => *until > Instant::now(),
            Some(None) => true,
            None => false,
        }
    }
}

fn key(connect: &Connect) -> (String, u16) {
    let target = match &connect.target {
        Target::Name(name) => name.clone(),
        Target::Address(address) => address.to_string(),
        Target::Unix(path) => format!("{path:?}"),
        Target::Abstract(name) => format!("@{name:?}"),
    };
    (target, connect.port)
}

/// What programs inside can read beyond the system's own folders, for a person who is to judge what may leave.
pub(crate) fn readable(boundary: &Boundary) -> String {
    const SYSTEM: [&str; 14] = [
        "/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev", "/opt", "/run", "/var/lib", "/nix",
        "/snap",
    ];
    const SHOWN: usize = 8;
    let is_system = |path: &std::path::Path| SYSTEM.iter().any(|system| path.starts_with(system));
    let roots = boundary.roots.iter().map(|root| &root.path);
    let mut roots: Vec<_> = roots.filter(|root| !is_system(root.as_path()) && root.as_path().exists()).collect();
    roots.sort_by_key(|root| root.as_path().components().count());
    let shown: Vec<String> = roots.iter().take(SHOWN).map(|root| format!("{root:?}")).collect();
    let more = roots.len().saturating_sub(shown.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}, and the system's own folders", shown.join(", "))
}

impl Gate<'_> {
    /// A socket call other than `connect`.
    pub(crate) fn socket_call(&mut self, call: Notification, name: &str) {
        let done = match name {
            "socket" => self.make_asker(&call),
            "socketpair" => self.make_pair(&call),
            "listen" => self.listen(&call).map(Some),
            "getsockname" => self.socket_name(&call),
            "getpeername" => self.peer_name(&call),
            "setsockopt" if (word(&call, 1), word(&call, 2)) == (libc::SOL_SOCKET, libc::SO_LINGER) => {
                self.linger(&call)
            }
            _ => self.asker_call(&call, name),
        };
        match done {
            Ok(Some(value)) => self.answer(&call, value),
            Ok(None) => {}
            Err(errno) => self.refuse(&call, errno),
        }
    }

    /// `SO_LINGER` (`socket(7)`). Who closes a socket last waits as long as it says for what is still to be sent, and that
    /// may be the gate, which has looked at it: so it is sent without waiting. A close that resets at once stays one.
    fn linger(&self, call: &Notification) -> Result<Option<i64>, i32> {
        let socket = self.callers_socket(call)?;
        let mut said = [0u8; size_of::<libc::linger>()];
        if usize::try_from(word(call, 4)).map_or(true, |length| length < said.len()) {
            return Err(libc::EINVAL);
        }
        memory::read_exact(call.tid, arg(call, 3), &mut said).map_err(|_| libc::EFAULT)?;
        let (on, seconds) = said.split_at(size_of::<libc::c_int>());
        let is_set = |number: &[u8]| number.iter().any(|&byte| byte != 0);
        let how = libc::linger { l_onoff: i32::from(is_set(on) && !is_set(seconds)), l_linger: 0 };
        if !self.still_waits(call) {
            return Err(libc::EINTR);
        }
        setsockopt(&socket, sockopt::Linger, &how).map_err(|errno| errno as i32)?;
        Ok(Some(0))
    }

    /// The answer to a call that was done here.
    pub(crate) fn answer(&self, call: &Notification, value: i64) {
        if let Some(listener) = &self.listener
            && listener.succeed(call.id, value).is_err()
        {
            // the caller has gone
        }
    }

    /// Lets the kernel do it, where the caller could do the same with any other socket.
    fn leave_be(&self, call: &Notification) {
        if let Some(listener) = &self.listener
            && listener.proceed(call.id).is_err()
        {
            // the caller has gone
        }
    }

    fn still_waits(&self, call: &Notification) -> bool {
        self.listener.as_ref().is_some_and(|listener| listener.is_valid(call.id))
    }

    /// The caller's own socket behind its first argument.
    pub(crate) fn callers_socket(&self, call: &Notification) -> Result<OwnedFd, i32> {
        let handle = pidfd::open(call.tid).map_err(|_| libc::EPERM)?;
        let fd = word(call, 0);
        let socket = pidfd::descriptor(handle.as_fd(), fd).map_err(|err| err.raw_os_error().unwrap_or(libc::EBADF))?;
        if self.still_waits(call) { Ok(socket) } else { Err(libc::EINTR) }
    }

    /// The address at `args[1]`, `args[2]` bytes long.
    pub(crate) fn callers_address(&self, call: &Notification) -> Result<Address, i32> {
        let length = usize::try_from(word(call, 2)).ok().filter(|&n| n <= address::LONGEST).ok_or(libc::EINVAL)?;
        let mut bytes = [0u8; address::LONGEST];
        let bytes = bytes.get_mut(..length).unwrap_or_default();
        memory::read_exact(call.tid, arg(call, 1), bytes).map_err(|_| libc::EFAULT)?;
        if self.still_waits(call) { Ok(address::parse(bytes)) } else { Err(libc::EINTR) }
    }

    /// Writes an address where the caller wants it, as `getsockname(2)` does: cut to the room there is, with its whole
    /// length.
    fn tell_address(&self, call: &Notification, (to, length_at): (u64, u64), bytes: &[u8]) -> Result<(), i32> {
        let fault = |_| libc::EFAULT;
        let mut room = [0u8; 4];
        memory::read_exact(call.tid, length_at, &mut room).map_err(fault)?;
        let room = usize::try_from(i32::from_ne_bytes(room)).map_err(|_| libc::EINVAL)?;
        if !self.still_waits(call) {
            return Err(libc::EINTR);
        }
        memory::write(call.tid, to, bytes.get(..room).unwrap_or(bytes)).map_err(fault)?;
        let length = u32::try_from(bytes.len()).unwrap_or(0);
        memory::write(call.tid, length_at, &length.to_ne_bytes()).map_err(fault)
    }
}

/// An argument.
fn arg(call: &Notification, n: usize) -> u64 {
    call.args.get(n).copied().unwrap_or_default()
}

/// An argument that the kernel takes as an int.
#[allow(clippy::cast_possible_truncation, reason = "as the kernel does")]
fn word(call: &Notification, n: usize) -> i32 {
    (arg(call, n) as u32).cast_signed()
}

/// The cookie of a socket.
pub(crate) fn cookie(socket: &OwnedFd) -> Result<u64, i32> {
    sockets::cookie(socket.as_fd()).map_err(|err| err.raw_os_error().unwrap_or(libc::ENOTSOCK))
}
