//! Path calls at the gate: what the hands can't do inside the boundary is judged by policy, and asked, told or done.

use tollgate_hands::{CALLS, Crossing, Files, FilesError, Served, Stake, Stands, Unseen, Wall};
use tollgate_ledger::record::Event;
use tollgate_policy::action::{Access, Action, PathAccess};
use tollgate_policy::boundary::{Boundary, CallFate};
use tollgate_policy::evidence::Section;
use tollgate_policy::grant::Grants;
use tollgate_policy::profile::document::Text;
use tollgate_policy::verdict::Effect;
use tollgate_sys::notify::Notification;

use crate::evidence;
use crate::exec::{NEXT_RULE, NEXT_WALL, why};
use crate::gate::Gate;
use crate::hold::{Held, Then};
use crate::record::now;

/// What an agent is told to do about a path outside.
const NEXT_OUTSIDE: &str = "write beneath the workspace or $TMPDIR instead; if it has to be there, tell the person: \
     `--write DIR` opens a directory, a `[[path]]` rule with effect `ask` makes it a question";

const ROOT: &str = "it is open for writing, but not to be removed, replaced, or given another mode or owner";
const NEXT_ROOT: &str = "leave it in its place as it is, and write into it or beneath it";

const CHANGED: &str = "what would be moved or removed is no longer what was asked about";
const NEXT_CHANGED: &str = "have it stand as it is to be, then try once more: it is asked about anew";

/// The class of a change to a policy. What may be done to one, where a person agrees: what it would say is known then.
const POLICY: &str = "policy";
const TOLD_WHOLE: &str = "a policy is written, removed, or replaced by a file: nothing else is asked about, since what it would \
     say could not be told";
const NEXT_TOLD: &str = "write the policy itself, or move a file into its place";

/// As the filter says it of set-user-id files. In a directory the bit only says whose group new files are of.
const RIGHTS: &str = "a set-group-id file would act with this user's rights for whoever runs it";

/// The hands, where the filter sends path calls here.
pub(crate) fn hands(command: i32, boundary: &Boundary) -> Result<Option<Files<'_>>, FilesError> {
    let sent = |name: &Text| CALLS.contains(&&**name);
    let wanted =
        boundary.calls.entries.iter().any(|entry| entry.then == CallFate::Judge && entry.names.iter().any(sent));
    wanted.then(|| Files::new(command, boundary)).transpose()
}

impl Gate<'_> {
    /// A path is to be changed.
    pub(crate) fn path_call(&mut self, call: Notification, name: &str) {
        let Some(listener) = self.listener.clone() else { return };
        let Some(files) = &mut self.files else { return self.refuse(&call, libc::EPERM) };
        let served = files.serve(&listener, (name, &call));
        self.served(call, served);
    }

    /// Whether the names of a call still stand for what they did when it was asked about. Nothing else of the sandbox moves
    /// between this look and the call.
    pub(crate) fn stands_as_shown(&mut self, held: &Held) -> bool {
        self.stake(held).is_ok_and(|now| now == held.stake)
    }

    /// What stands at the names of a call that would move or remove them, as it is shown.
    pub(crate) fn stake(&mut self, held: &Held) -> Result<Vec<Section>, Unseen> {
        let Then::Write(crossing) = &held.then else { return Ok(Vec::new()) };
        let (Some(files), Some(listener)) = (&mut self.files, &self.listener) else { return Err(Unseen) };
        let stake = files.stake(listener, &held.call, crossing)?;
        Ok(stake.iter().flat_map(evidence::of_stake).collect())
    }

    /// Refuses what is no longer what was approved.
    pub(crate) fn turned_off(&mut self, held: &Held) {
        let Then::Write(crossing) = &held.then else { return };
        let about = (held.action, held.what.clone(), held.shown.as_str());
        self.barred((&held.call, crossing), about, (CHANGED, NEXT_CHANGED));
    }

    /// Does what was approved, so far as it comes to no other wall.
    pub(crate) fn write_on(&mut self, call: Notification, crossing: &Crossing) {
        let Some(listener) = self.listener.clone() else { return };
        let Some(files) = &mut self.files else { return self.refuse(&call, libc::EPERM) };
        let served = files.approved(&listener, &call, crossing);
        self.served(call, served);
    }

    fn served(&mut self, call: Notification, served: Served) {
        match served {
            Served::Answered => {}
            Served::Proceed => {
                if let Some(listener) = &self.listener
                    && listener.proceed(call.id).is_err()
                {
                    // its caller has gone
                }
            }
            Served::Rights => self.wall(&call, libc::EPERM, RIGHTS),
            Served::Crossing(crossing) => self.judge_write(call, crossing),
        }
    }

    fn judge_write(&mut self, call: Notification, crossing: Box<Crossing>) {
        let what = Action::Path(PathAccess { path: crossing.path.clone(), access: Access::Write });
        let judge = |grants: &Grants| self.run.policy.judge(&self.run.subject, &what, grants, now());
        let (verdict, granted) = (judge(&Grants::default()), judge(&self.grants));
        let shown = format!("to write {:?}", crossing.path);
        let action = self.tree.action(call.tid);
        match (verdict.effect, &crossing.wall) {
            (Effect::Allow, Wall::Outside) => self.write_on(call, &crossing),
            // nobody spoke of it: the roots stand, and programs that try everything hold up nobody
            (_, Wall::Outside)
                if verdict.reason.is_default()
                    && !self.is_asked_of(verdict.effect)
                    && granted.effect != Effect::Allow =>
            {
                let reason = "it lies outside the roots that may be written in here".to_owned();
                let next = self.next_or_ask(NEXT_OUTSIDE, &what);
                let event =
                    Event::Refused { action, pid: call.tid.unsigned_abs(), what, wall: format!("{reason}; EACCES") };
                self.turned_away((call, &crossing), (event, &shown), (&reason, &next));
            }
            // the path itself may be written, but something guarded would come or go with it, or its name
            (Effect::Allow, wall @ (Wall::Guarded(_) | Wall::Root)) => {
                if crossing.is_configuration() && self.draft(call, &crossing, (action, verdict)).is_none() {
                    return;
                }
                let (reason, next) = match wall {
                    Wall::Guarded(glob) => {
                        (format!("it would change what `{}` protects", glob.escape_debug()), NEXT_WALL)
                    }
                    Wall::Outside | Wall::Root => (ROOT.to_owned(), NEXT_ROOT),
                };
                self.barred((&call, &crossing), (action, what, &shown), (&reason, next));
            }
            (Effect::Review | Effect::Ask, _) if granted.effect != Effect::Allow && self.was_denied(&crossing) => {
                self.ending.refusals += 1;
                self.refuse(&call, crossing.errno);
            }
            (Effect::Review | Effect::Ask, _)
                if verdict.class.as_deref() == Some(POLICY) && !self.is_told_whole(&call, &crossing) =>
            {
                self.barred((&call, &crossing), (action, what, &shown), (TOLD_WHOLE, NEXT_TOLD));
            }
            (Effect::Review | Effect::Ask, _) => {
                let drafted = if self.is_granted_unseen(&what) {
                    Some(verdict)
                } else {
                    self.draft(call, &crossing, (action, verdict))
                };
                let Some(verdict) = drafted else { return };
                self.cross_with(Held::new(call, action, (what, shown), verdict, Then::Write(crossing)));
            }
            (Effect::Deny, _) => {
                let reason = why(&verdict);
                let event = Event::Denied { action, pid: call.tid.unsigned_abs(), what, verdict };
                self.turned_away((call, &crossing), (event, &shown), (&reason, NEXT_RULE));
            }
        }
    }

    /// Whether what would stand at the path, and nowhere under another name, is known when it is asked about.
    fn is_told_whole(&mut self, call: &Notification, crossing: &Crossing) -> bool {
        let (Some(files), Some(listener)) = (&mut self.files, &self.listener) else { return false };
        crossing.opens()
            || match files.stake(listener, call, crossing) {
                Ok(Some(Stake::Removed(gone))) => gone.path == crossing.path.as_path(),
                Ok(Some(Stake::Moved(from, to))) => {
                    matches!(from.now, Stands::File(_)) && to.path == crossing.path.as_path()
                }
                Ok(Some(Stake::Exchanged(..)) | None) | Err(Unseen) => false,
            }
    }

    /// Refuses what no person can open.
    fn barred(
        &mut self,
        (call, crossing): (&Notification, &Crossing),
        (action, what, shown): (u64, Action, &str),
        (reason, next): (&str, &str),
    ) {
        let event = Event::Refused { action, pid: call.tid.unsigned_abs(), what, wall: reason.to_owned() };
        self.turned_away((*call, crossing), (event, shown), (reason, next));
    }

    /// Refuses; what is new of it is written down and told.
    fn turned_away(
        &mut self,
        (call, crossing): (Notification, &Crossing),
        (event, shown): (Event, &str),
        (reason, next): (&str, &str),
    ) {
        self.turn_back(call.tid, (event, shown), (reason, next));
        self.refuse(&call, crossing.errno);
    }

    /// Whether a default asks a person: only one that somebody wrote down.
    fn is_asked_of(&self, default: Effect) -> bool {
        default != Effect::Deny && self.run.policy.speaks_of_other_paths()
    }

    /// Whether a person let this path be written whatever its content will be (`tollgate request path`).
    fn is_granted_unseen(&self, what: &Action) -> bool {
        let covering = self.grants.covering(&self.run.subject, what, now());
        covering.iter().any(|grant| grant.bound.held.is_empty())
    }

    /// A path that was refused in this run is not asked about again.
    pub(crate) fn deny_again(&mut self, crossing: &Crossing) {
        self.denied_writes.insert(crossing.path.clone());
    }

    fn was_denied(&self, crossing: &Crossing) -> bool {
        self.denied_writes.contains(&crossing.path)
    }
}
