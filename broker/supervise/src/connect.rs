//! `connect` at notification: done on the caller's own socket by the supervisor, so that the address that was
//! judged is the address that is used.

use std::ffi::OsStr;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, getsockopt, socket, sockopt};
use tollgate_ledger::record::{Event, Unwritten};
use tollgate_policy::action::{Action, Connect, Target};
use tollgate_policy::boundary::Reach;
use tollgate_policy::grant::Grants;
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;
use tollgate_policy::verdict::{Effect, Verdict};
use tollgate_sys::notify::Notification;

use crate::address::{self, Address};
use crate::exec::{NEXT_RULE, NEXT_WALL, why};
use crate::gate::Gate;
use crate::hold::{Held, Then};
use crate::join::{Connecting, To, connect_to};
use crate::net::{self, Meant, Whose};
use crate::outlet::Way;
use crate::places;
use crate::program::Asked;
use crate::record::now;

/// What an agent is told to do about an address or a service that nobody named.
const NEXT_ADDRESS: &str = "a service of this machine or its network has to be named: tell the person which; `--net ADDRESS:PORT` \
     opens it, a `[[net]]` rule with effect `ask` makes it a question";

/// A connection that is to be judged.
struct Wanted {
    call: Notification,
    connect: Connect,
    connecting: Connecting,
}

impl Gate<'_> {
    /// A socket is to be connected.
    pub(crate) fn connect(&mut self, call: Notification) {
        match self.wanted(call) {
            Ok(Some(wanted)) => self.judge_connect(wanted),
            Ok(None) => {}
            Err(errno) => self.refuse(&call, errno),
        }
    }

    /// What is to be judged; none if nothing is, and the call is answered or on its way.
    fn wanted(&mut self, call: Notification) -> Result<Option<Wanted>, i32> {
        let socket = self.callers_socket(&call)?;
        let address = self.callers_address(&call)?;
        let cookie = net::cookie(&socket)?;
        if let Some(asker) = self.net.asker(cookie) {
            asker.connect(&address)?;
            self.answer(&call, 0);
            return Ok(None);
        }
        let (to, target, port) = match address {
            Address::Path(path) => {
                let asked = Asked { tid: call.tid, dir: None, path, argv: Vec::new() };
                let (handle, path) = self.programs.socket(&asked)?;
                (To::Inode(handle), Target::Unix(path), 0)
            }
            Address::Abstract(name) => (To::Name(name.clone()), Target::Abstract(Raw(name)), 0),
            Address::Inet(at) => return self.wanted_inet(call, (socket, cookie), at),
            Address::Nowhere => return Err(libc::EAFNOSUPPORT),
            Address::Other(_) => return Err(libc::EINVAL),
        };
        let connecting = Connecting { socket, to, outlet: Arc::clone(&self.run.outlet), leave: None };
        Ok(Some(Wanted { call, connect: Connect { target, port }, connecting }))
    }

    fn wanted_inet(
        &mut self,
        call: Notification,
        (socket, cookie): (OwnedFd, u64),
        at: SocketAddr,
    ) -> Result<Option<Wanted>, i32> {
        let outlet = Arc::clone(&self.run.outlet);
        if let Some(inside) = self.net.inside(at) {
            if inside.at != at {
                self.net.calls_peer(cookie, at);
            }
            let to = To::Inside(inside, self.net.diag()?);
            self.make(&call, Connecting { socket, to, outlet, leave: None });
            return Ok(None);
        }
        let way = outlet.way(at).map_err(|_| libc::ENETUNREACH)?;
        if self.net.is_apart() && way != Way::Straight {
            return Err(libc::ENETUNREACH);
        }
        let (to, target) = match way {
            Way::Lookup(door) => {
                self.net.calls_peer(cookie, at);
                self.make(&call, Connecting { socket, to: To::Inet(door), outlet, leave: None });
                return Ok(None);
            }
            Way::Relay { name, door } => {
                self.net.calls_peer(cookie, at);
                let target = Target::Name(name);
                let goal = Connect { target: target.clone(), port: at.port() };
                (To::Relay { door, goal }, target)
            }
            Way::Straight => (To::Inet(at), Target::Address(address::judged(&at))),
            Way::Nowhere => return Err(libc::ECONNREFUSED),
        };
        let connect = Connect { target, port: at.port() };
        Ok(Some(Wanted { call, connect, connecting: Connecting { socket, to, outlet, leave: None } }))
    }

    /// Whether a unix socket is one of the sandbox's own. In a private place nobody else can make one. Elsewhere it is one
    /// that was made to listen by this gate. Where the kernel doesn't say which those are, a connection of our own says who
    /// listens: only where something inside can have made the socket, and no rule denies it.
    fn is_inside(&self, tid: i32, connecting: &Connecting, (target, verdict): (&Target, &Verdict)) -> bool {
        let has_ear = || match self.net.whose(&connecting.to) {
            Whose::Inside => true,
            Whose::Outside => false,
            Whose::Unknown => {
                (verdict.effect != Effect::Deny || verdict.reason.is_default()) && listens_inside(connecting)
            }
        };
        match target {
            // what was reached by a descriptor from outside has a path there, too
            Target::Unix(path) if places::is_private(self.run.boundary, &self.run.started.enforced, path) => {
                stands_inside(tid, path, &connecting.to)
            }
            Target::Unix(path) => self.programs.beneath_writable(path) && has_ear(),
            Target::Abstract(_) => has_ear(),
            Target::Name(_) | Target::Address(_) => false,
        }
    }

    fn judge_connect(&mut self, wanted: Wanted) {
        let Wanted { call, connect, connecting } = wanted;
        let what = Action::Connect(connect.clone());
        let judge = |grants: &Grants| self.run.policy.judge(&self.run.subject, &what, grants, now());
        let (verdict, granted) = (judge(&Grants::default()), judge(&self.grants));
        let action = self.tree.action(call.tid);
        if let Some(place) = self.is_kept(&connect, &verdict, &granted) {
            return self.keep_from((call, action), (&connect, place));
        }
        let shown = format!("to connect to {}", shown(&connect));
        match verdict.effect {
            Effect::Allow => {
                self.net.means(&connect, (call.tid, action));
                match self.reaches(&call, (action, connect, verdict)) {
                    Ok(()) => self.make(&call, connecting),
                    Err(unwritten) => {
                        self.broken(unwritten);
                        self.refuse(&call, libc::EPERM);
                    }
                }
            }
            Effect::Review | Effect::Ask | Effect::Deny
                if self.is_inside(call.tid, &connecting, (&connect.target, &verdict)) =>
            {
                self.make(&call, connecting);
            }
            Effect::Review | Effect::Ask if granted.effect != Effect::Allow && self.net.was_refused(&connect) => {
                self.ending.refusals += 1;
                self.refuse(&call, libc::EACCES);
            }
            Effect::Review | Effect::Ask => {
                self.cross_with(Held::new(call, action, (what, shown), verdict, Then::Connect(connecting)));
            }
            Effect::Deny => {
                let reason = why(&verdict);
                let event = Event::Denied { action, pid: call.tid.unsigned_abs(), what, verdict };
                self.turn_back(call.tid, (event, &shown), (&reason, NEXT_RULE));
                self.refuse(&call, libc::EACCES);
            }
        }
    }

    /// Writes down what policy allows, once for each thread and goal.
    fn reaches(
        &mut self,
        call: &Notification,
        (action, connect, verdict): (u64, Connect, Verdict),
    ) -> Result<(), Unwritten> {
        if !self.net.reaches_anew(call.tid, &connect) {
            return Ok(());
        }
        self.pen.group(Event::Reached { action, pid: call.tid.unsigned_abs(), connect, verdict })
    }

    /// Whether an address is of a kind that is out of reach unless policy names it, and policy doesn't. That a port is
    /// open to all, or all names are allowed, names no address; that all are asked about makes it a question.
    fn is_kept(&self, connect: &Connect, verdict: &Verdict, granted: &Verdict) -> Option<&'static str> {
        let Target::Address(address) = connect.target else { return None };
        let place = self.run.outlet.kept(address)?;
        let named = match verdict.effect {
            Effect::Allow => {
                self.run.boundary.network.reach == Reach::Open || self.run.policy.names_address(address, connect.port)
            }
            Effect::Review | Effect::Ask => !verdict.reason.is_default() || granted.effect == Effect::Allow,
            // a rule's own word goes before; where none speaks, it is a matter of who listens
            Effect::Deny => !verdict.reason.is_default() || net::meant(address) == Meant::Elsewhere,
        };
        (!named).then_some(place)
    }

    /// Refuses such an address. Where nobody listens, there is nothing to be told: programs wait for their servers so.
    fn keep_from(&mut self, (call, action): (Notification, u64), (connect, place): (&Connect, &'static str)) {
        let Target::Address(address) = connect.target else { return self.refuse(&call, libc::EACCES) };
        let is_here = net::meant(address) != Meant::Elsewhere;
        let errno = if is_here { libc::ECONNREFUSED } else { libc::EACCES };
        if !is_here || self.net.listens_outside(SocketAddr::new(address, connect.port)) {
            let wall = if is_here {
                "a service of this machine, which nobody named: nothing inside listens there".to_owned()
            } else {
                format!("a {place} address, which nobody named")
            };
            let shown = format!("to connect to {}", shown(connect));
            let (pid, what) = (call.tid.unsigned_abs(), Action::Connect(connect.clone()));
            let name = nix::errno::Errno::from_raw(errno);
            let next = self.next_or_ask(NEXT_ADDRESS, &what);
            let event = Event::Refused { action, pid, what, wall: format!("{wall}; {name:?}") };
            self.turn_back(call.tid, (event, &shown), (&wall, &next));
        }
        self.refuse(&call, errno);
    }

    /// What the relay did not carry, after the gate had let it on.
    pub(crate) fn take_turned(&mut self) {
        for turned in self.run.outlet.take() {
            let (tid, action) = self.net.who_meant(&turned.goal).unwrap_or((self.run.command, 0));
            let what = Action::Connect(turned.goal.clone());
            let event = Event::Refused { action, pid: tid.unsigned_abs(), what, wall: turned.why.clone() };
            if let Err(unwritten) = self.pen.group(event) {
                self.broken(unwritten);
            }
            let told = Connect {
                port: turned.goal.port,
                target: Target::Name(format!("{}; {}", shown(&turned.goal), turned.why)),
            };
            if self.net.refuses(&told) {
                self.say(tid, &format!("to connect to {}", shown(&turned.goal)), &turned.why, NEXT_WALL);
            } else {
                self.ending.refusals += 1;
            }
        }
    }

    /// A caller that does not wait to be connected, and has other threads that would go on meanwhile, does not wait for an
    /// answer either: it is connected to the relay at once, which holds all it says until the answer is yes, and resets it
    /// on anything else. One that has but this thread waits all the same: its own clock stands still with it, and it
    /// learns the errno.
    pub(crate) fn begin_early(&mut self, held: &mut Held) {
        // from a network of its own no relay is reached
        if self.net.is_apart() || !has_threads(held.call.tid) {
            return;
        }
        let Then::Connect(connecting) = &mut held.then else { return };
        let far = if let To::Inet(at) = connecting.to { Some(at) } else { None };
        let Some(leave) = connecting.begins_early() else { return };
        if let (Some(at), Ok(cookie)) = (far, net::cookie(&connecting.socket)) {
            self.net.calls_peer(cookie, at);
        }
        if let Then::Connect(connecting) = std::mem::replace(&mut held.then, Then::Carry(leave)) {
            self.make(&held.call, connecting);
        }
    }

    /// A connection was approved.
    pub(crate) fn connect_on(&mut self, held: Held) {
        if let Action::Connect(connect) = &held.what {
            self.net.means(connect, (held.call.tid, held.action));
        }
        match held.then {
            Then::Connect(connecting) => self.make(&held.call, connecting),
            Then::Carry(leave) => leave.give(),
            Then::Exec(_) | Then::Request(..) | Then::Write(_) | Then::Draft(_) => self.refuse(&held.call, libc::EPERM),
        }
    }

    /// Connects, and gives the caller what came of it: on a thread of its own, since it may take long. Whether it
    /// may is the caller's to change at any time, with `O_NONBLOCK` on the socket that it shares.
    pub(crate) fn make(&mut self, call: &Notification, connecting: Connecting) {
        let Some(listener) = self.listener.clone() else {
            return;
        };
        let id = call.id;
        if self.net.threads.run(move || connecting.finish(&listener, id)).is_err() {
            self.refuse(call, libc::EAGAIN);
        }
    }
}

/// Whether a thread's process has others (`proc(5)`: each is a folder in `task`).
fn has_threads(tid: i32) -> bool {
    std::fs::metadata(format!("/proc/{tid}/task")).is_ok_and(|task| task.nlink() > 3)
}

/// Whether a path inside is the socket that was found.
fn stands_inside(tid: i32, path: &AbsPath, to: &To) -> bool {
    let To::Inode(found) = to else { return false };
    let inside = [format!("/proc/{tid}/root").as_bytes(), path.as_path().as_os_str().as_bytes()].concat();
    let is = |one: nix::Result<nix::sys::stat::FileStat>| one.map(|stat| (stat.st_dev, stat.st_ino));
    is(nix::sys::stat::fstat(found)).is_ok_and(|it| is(nix::sys::stat::lstat(OsStr::from_bytes(&inside))) == Ok(it))
}

/// Whether what listens there was made to by this gate, which does it for all of the sandbox and nothing else.
fn listens_inside(connecting: &Connecting) -> bool {
    let Ok(kind) = getsockopt(&connecting.socket, sockopt::SockType) else {
        return false;
    };
    if kind == SockType::Datagram {
        return false;
    }
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let Ok(probe) = socket(AddressFamily::Unix, kind, flags, None) else {
        return false;
    };
    if connect_to(&probe, &connecting.to).is_err() {
        return false;
    }
    let me = i32::try_from(std::process::id()).unwrap_or(-1);
    getsockopt(&probe, sockopt::PeerCredentials).is_ok_and(|peer| peer.pid() == me)
}

fn shown(connect: &Connect) -> String {
    match &connect.target {
        Target::Name(name) => format!("{name}:{}", connect.port),
        Target::Address(address) => SocketAddr::new(address_of(*address), connect.port).to_string(),
        Target::Unix(path) => format!("the socket {path:?}"),
        Target::Abstract(name) => format!("the abstract socket {name:?}"),
    }
}

fn address_of(address: IpAddr) -> IpAddr {
    address.to_canonical()
}
