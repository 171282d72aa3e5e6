//! Named egress for a run: made of `egress` and the policy, handed to the gate, started at the first call that needs it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use nix::sys::eventfd::{EfdFlags, EventFd};
use tollgate_egress::{Class, Egress, End, Goal, Judge, Kind, Reached, Report, Unreached, class_here};
use tollgate_policy::Policy;
use tollgate_policy::action::{Action, Connect, Target};
use tollgate_policy::grant::Grants;
use tollgate_policy::subject::Subject;
use tollgate_policy::verdict::Effect;
use tollgate_supervise::outlet::{Far, Outlet, Turned, Way};
use tollgate_sys::leave::Awaited;

/// Ports on which a name is looked for among the allowed ones, when it is looked up.
const USUAL: [u16; 3] = [443, 80, 22];

/// More than anybody reads; what is turned away faster is counted by the programs that see it.
const TURNED: usize = 1024;

/// The egress of one run, before and after it is started.
pub(crate) struct Network {
    policy: Arc<Policy>,
    started: OnceLock<Option<Arc<Running>>>,
}

struct Running {
    egress: Egress,
    word: Arc<Word>,
}

/// What the egress asks, and what it tells.
struct Word {
    policy: Arc<Policy>,
    turned: Mutex<Vec<Turned>>,
    bell: EventFd,
}

/// A far end that was reached.
struct Come(Arc<Running>, Reached);

impl Network {
    /// Nothing is started yet.
    pub(crate) fn new(policy: &Arc<Policy>) -> Self {
        Self { policy: Arc::clone(policy), started: OnceLock::new() }
    }

    fn running(&self) -> io::Result<&Arc<Running>> {
        let started = self.started.get_or_init(|| Running::start(&self.policy).ok().map(Arc::new));
        started.as_ref().ok_or_else(|| io::Error::from_raw_os_error(nix::libc::ENETUNREACH))
    }

    fn is_started(&self) -> bool {
        matches!(self.started.get(), Some(Some(_)))
    }
}

impl Running {
    fn start(policy: &Arc<Policy>) -> io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let bell = EventFd::from_value_and_flags(0, flags)?;
        let word = Arc::new(Word { policy: Arc::clone(policy), turned: Mutex::default(), bell });
        let judge: Arc<dyn Judge> = Arc::<Word>::clone(&word);
        Ok(Self { egress: Egress::start(judge)?, word })
    }
}

impl Outlet for Network {
    fn way(&self, to: SocketAddr) -> io::Result<Way> {
        // without lookups there are no names
        if !self.is_started() && to.port() != 53 {
            return Ok(Way::Straight);
        }
        Ok(match self.running()?.egress.way(to, Kind::Stream) {
            tollgate_egress::Way::Stub(door) => Way::Lookup(door),
            tollgate_egress::Way::Relay { name, door } => Way::Relay { name, door },
            tollgate_egress::Way::Straight => Way::Straight,
            tollgate_egress::Way::Nowhere => Way::Nowhere,
        })
    }

    fn asker(&self) -> io::Result<OwnedFd> {
        self.running()?.egress.asker()
    }

    fn kept(&self, address: IpAddr) -> Option<&'static str> {
        Some(class_here(address)).filter(|class| !class.is_open()).map(Class::word)
    }

    fn door(&self, to: SocketAddr) -> Option<SocketAddr> {
        let running = self.running().ok().filter(|_| class_here(to.ip()).is_open())?;
        running.egress.door(to)
    }

    fn reach(&self, goal: &Connect) -> Result<Box<dyn Far>, i32> {
        let running = self.running().map_err(|_| nix::libc::ENETUNREACH)?;
        match running.egress.reach(Goal::new(goal.clone())) {
            Ok(reached) => Ok(Box::new(Come(Arc::clone(running), reached))),
            Err(Unreached { errno, end }) => {
                running.word.turns(goal, &end);
                Err(errno)
            }
        }
    }

    fn announce(&self, local: SocketAddr, goal: &Connect, leave: Option<Awaited>) -> Result<(), i32> {
        let running = self.running().map_err(|_| nix::libc::ENETUNREACH)?;
        let goal = Goal::new(goal.clone());
        let announced = match leave {
            Some(leave) => running.egress.announce_early(local, goal, leave),
            None => running.egress.announce(local, goal),
        };
        announced.map_err(|_| nix::libc::ENOBUFS)
    }

    fn wakes(&self) -> Option<BorrowedFd<'_>> {
        self.started.get()?.as_ref().map(|running| running.word.bell.as_fd())
    }

    fn take(&self) -> Vec<Turned> {
        let Some(Some(running)) = self.started.get() else { return Vec::new() };
        running.word.take()
    }
}

impl Far for Come {
    fn join(self: Box<Self>, local: SocketAddr) -> Result<(), i32> {
        let Self(running, reached) = *self;
        running.egress.join(local, reached).map_err(|_| nix::libc::ENOBUFS)
    }
}

impl Word {
    /// What policy did not let on; a far end that was not there is for the program to tell.
    fn turns(&self, goal: &Connect, end: &End) {
        let why = match end {
            End::Refused(objection) => {
                let seen = objection.seen.escape_debug();
                let seen = if objection.seen.is_empty() { String::new() } else { format!(": `{seen}`") };
                format!("{}{seen}", objection.why.text())
            }
            End::Elsewhere(address, class) => {
                format!("the name leads to {address}, a {} address, which nobody named", class.word())
            }
            End::Closed | End::Broken | End::Idle | End::Stopped | End::Unresolved(_) | End::Unreachable(_) => return,
        };
        let mut turned = self.turned.lock().unwrap_or_else(PoisonError::into_inner);
        if turned.len() < TURNED {
            turned.push(Turned { goal: goal.clone(), why });
        }
        if self.bell.write(1).is_err() {
            // only a full counter refuses, and that one is readable
        }
    }

    fn take(&self) -> Vec<Turned> {
        if self.bell.read().is_err() {
            // it was not rung
        }
        std::mem::take(&mut *self.turned.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Judge for Word {
    /// Every name exists: one that is refused is refused when it is connected to, where the gate knows by whom, and says
    /// why.
    fn look_up(&self, name: &str) -> Effect {
        let allowed = USUAL.into_iter().any(|port| {
            let what = Action::Connect(Connect { target: Target::Name(name.to_owned()), port });
            let verdict = self.policy.judge(&Subject::default(), &what, &Grants::default(), 0);
            verdict.effect == Effect::Allow
        });
        if allowed { Effect::Allow } else { Effect::Ask }
    }

    fn may_reach(&self, goal: &Connect, address: IpAddr, _: Class) -> bool {
        self.policy.names_address(address, goal.port)
    }

    fn told(&self, report: Report) {
        self.turns(&report.goal, &report.end);
    }
}
