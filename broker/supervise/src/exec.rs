//! `execve` and `execveat` at notification: judged by what would run; refused here, or let go on to its exec stop.

use tollgate_deputy::Prepared;
use tollgate_ledger::record::Event;
use tollgate_policy::action::{Action, Call, Exec};
use tollgate_policy::grant::Grants;
use tollgate_policy::verdict::{Effect, Verdict};
use tollgate_sys::ids::descends;
use tollgate_sys::memory;
use tollgate_sys::notify::Notification;

use crate::gate::Gate;
use crate::hold::{Held, Then};
use crate::program::{Asked, Look, Program};
use crate::record::{ReadOnly, now};
use crate::tell::{Refusal, Spare, block};
use crate::tree::{Place, line};
use crate::{Role, calls, request, verify};

/// The kernel's own limit is a quarter of the stack limit (6 MiB at most, `bprm_stack_limits` of fs/exec.c).
const ARGV_LIMIT: usize = 6 << 20;
const PATH_LIMIT: usize = 4096;
const AT_SYMLINK_NOFOLLOW: u64 = 0x100;

/// An exec that has been looked at and judged.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub(crate) asked: Asked,
    pub(crate) program: Program,
    pub(crate) verdict: Verdict,
    pub(crate) action: u64,
    /// Made ready to run outside, where its rule names a wider profile.
    pub(crate) outside: Option<Box<Prepared>>,
}

impl Judged {
    /// The command as it was meant.
    pub(crate) fn exec(&self) -> Option<&Exec> {
        self.program.execs.first()
    }
}

impl Gate<'_> {
    /// A program is to be run.
    pub(crate) fn exec(&mut self, call: Notification) {
        let Some(asked) = self.asked(&call) else {
            // its memory can't be read, or it has gone: nobody knows what it wants
            return self.refuse(&call, libc::EFAULT);
        };
        let look = match self.programs.look(&asked) {
            Ok(look) => look,
            Err(err) => {
                return self.unknown(&call, &asked, &format!("the program can't be examined ({err})"));
            }
        };
        match look {
            Look::Fails(errno) => self.refuse(&call, errno),
            Look::Program(program) => self.judge_exec(call, asked, *program),
        }
    }

    /// Nobody can tell what would be run.
    pub(crate) fn unknown(&mut self, call: &Notification, asked: &Asked, why: &str) {
        let shown = format!("to run `{}`", line(&asked.argv));
        let what = Action::Call(Call { name: calls::name(call.call) });
        let event = self.refused_by(call.tid, what, format!("{shown}: {why}; EPERM"));
        self.turn_back(call.tid, (event, &shown), (why, NEXT_WALL));
        self.not_started(&format!("{shown}: {why}"));
        self.refuse(call, libc::EPERM);
    }

    fn asked(&self, call: &Notification) -> Option<Asked> {
        let [path, argv, dir] = if calls::name(call.call) == "execve" {
            [call.args[0], call.args[1], libc::AT_FDCWD.cast_unsigned().into()]
        } else {
            if call.args[4] & AT_SYMLINK_NOFOLLOW != 0 {
                return None;
            }
            [call.args[1], call.args[2], call.args[0]]
        };
        // the kernel takes the descriptor as an int
        #[allow(clippy::cast_possible_truncation, reason = "as the kernel does")]
        let dir = (dir as u32).cast_signed();
        let path = memory::string(call.tid, path, PATH_LIMIT).ok()?;
        let argv = memory::strings(call.tid, argv, ARGV_LIMIT).ok()?;
        let valid = self.listener.as_ref().is_some_and(|listener| listener.is_valid(call.id));
        valid.then_some(Asked { tid: call.tid, dir: (dir != libc::AT_FDCWD).then_some(dir), path, argv })
    }

    fn judge_exec(&mut self, call: Notification, asked: Asked, mut program: Program) {
        let Some(exec) = program.execs.first() else {
            return self.refuse(&call, libc::EPERM);
        };
        if self.lately.again(call.tid, exec) {
            return self.refuse(&call, libc::EPERM);
        }
        if let Some(executable) = &exec.image.executable
            && !self.may_be_run(exec, executable)
        {
            return self.outside(&call, exec.clone());
        }
        let wants = program.execs.iter().any(|exec| self.run.policy.wants_digest(exec));
        if wants {
            verify::add_digests(call.tid, &mut program);
        }
        let verdict = self.verdict(&program.execs, &Grants::default());
        let Ok(action) = self.begin_action(&asked, &program, &verdict) else {
            return self.refuse(&call, libc::EPERM);
        };
        let judged = Judged { asked, program, verdict, action, outside: None };
        if let (Effect::Allow, Some(wanted)) = (judged.verdict.effect, judged.exec().and_then(request::wanted)) {
            return self.request(call, judged, wanted);
        }
        match judged.verdict.effect {
            Effect::Allow => self.let_on(&call, judged, None),
            Effect::Review | Effect::Ask if self.is_answered_for(&call) => self.let_on(&call, judged, None),
            Effect::Review | Effect::Ask => self.cross(call, judged),
            Effect::Deny => self.deny(&call, &judged),
        }
    }

    /// Whether it is the one command that this run is for, outside: the question was answered before it started.
    fn is_answered_for(&self, call: &Notification) -> bool {
        matches!(self.run.role, Role::Outside(_)) && !self.under_way && call.tid == self.run.command
    }

    /// The strictest verdict over all that an exec would run.
    pub(crate) fn verdict(&self, execs: &[Exec], grants: &Grants) -> Verdict {
        let judge = |exec: &Exec| self.run.policy.judge(&self.run.subject, &Action::Exec(exec.clone()), grants, now());
        let mut all = execs.iter().map(judge);
        let none = Verdict {
            effect: Effect::Deny,
            reason: tollgate_policy::verdict::Reason {
                file: "default".into(),
                line: 0,
                because: "nothing to judge".into(),
            },
            class: None,
            profile: None,
        };
        let first = all.next().unwrap_or(none);
        all.fold(first, |strictest, next| if next.effect > strictest.effect { next } else { strictest })
    }

    /// Writes down that an action begins, where this exec begins one.
    fn begin_action(&mut self, asked: &Asked, program: &Program, verdict: &Verdict) -> Result<u64, ()> {
        if let Some(exec) = program.execs.first().filter(|_| self.run.started.agent) {
            let executable = exec.image.executable.as_ref();
            if executable.is_some_and(|executable| self.run.policy.is_starting(executable, &exec.argv)) {
                self.tree.starts_again(asked.tid);
            } else {
                self.tree.becomes_other(asked.tid);
            }
        }
        let place = match self.tree.place(asked.tid) {
            // the agent's own start is none, unless it crosses: what is asked or refused is counted
            Place::Agent if verdict.effect != Effect::Allow => Place::Begins(self.tree.begins()),
            place @ (Place::In(_) | Place::Begins(_) | Place::Agent) => place,
        };
        let (Place::Begins(action), Some(exec)) = (place, program.execs.first()) else {
            return Ok(place.action());
        };
        let reads = if verdict.class.as_deref() == Some("read") { ReadOnly::Yes } else { ReadOnly::Unknown };
        self.pen
            .action(action, exec.argv.clone(), exec.cwd.clone(), reads)
            .map_err(|unwritten| self.broken(unwritten))?;
        Ok(action)
    }

    /// Whether the boundary lets this be run; asked so that the agent hears the reason, the kernel holds it.
    fn may_be_run(&self, exec: &Exec, executable: &tollgate_policy::path::AbsPath) -> bool {
        let within = |path: &tollgate_policy::path::AbsPath| self.runnable.holds(path);
        match &exec.image.form {
            tollgate_policy::action::Form::Native => within(executable),
            tollgate_policy::action::Form::Script { script } => {
                within(executable) && script.as_ref().is_none_or(within)
            }
            tollgate_policy::action::Form::Loader { loader } => within(loader),
        }
    }

    /// A rule says no.
    pub(crate) fn deny(&mut self, call: &Notification, judged: &Judged) {
        let Some(exec) = judged.exec().cloned() else {
            return self.refuse(call, libc::EPERM);
        };
        let what = format!("to run `{}`", line(&judged.asked.argv));
        let denied = Event::Denied {
            action: judged.action,
            pid: call.tid.unsigned_abs(),
            what: Action::Exec(exec.clone()),
            verdict: judged.verdict.clone(),
        };
        if let Err(unwritten) = self.pen.durable(denied) {
            self.broken(unwritten);
        }
        self.lately.refused(call.tid, &exec);
        self.say(call.tid, &what, &why(&judged.verdict), NEXT_RULE);
        self.not_started(&format!("{what}: {}", why(&judged.verdict)));
        self.refuse(call, libc::EPERM);
    }

    /// The file lies beneath no root that may be run from: the kernel would refuse it without a word.
    fn outside(&mut self, call: &Notification, exec: Exec) {
        let shown = exec.image.executable.as_ref().map(|path| format!("{path:?}")).unwrap_or_default();
        let what = format!("to run {shown}");
        let wall = "no root of the boundary lets it be run; EACCES".to_owned();
        let event = self.refused_by(call.tid, Action::Exec(exec), wall);
        self.turn_back(call.tid, (event, &what), ("it lies outside what this boundary lets be run", NEXT_WALL));
        self.not_started(&what);
        self.refuse(call, libc::EACCES);
    }

    /// Counts a refusal and tells the agent.
    pub(crate) fn say(&mut self, tid: i32, what: &str, why: &str, next: &str) {
        self.ending.refusals += 1;
        let refusal = Refusal { what: what.to_owned(), why: why.to_owned(), next: next.to_owned() };
        // a client's own refusals come when its screen is gone; those of its commands, it reads
        let draws = self.run.started.agent && self.run.policy.has_starters() && self.tree.action(tid) == 0;
        // who was refused may have gone long ago, and its number may be somebody else's
        let tid = if descends(tid, self.run.guard) { tid } else { 0 };
        self.teller.tell(tid, block(&refusal), if draws { Spare::Terminal } else { Spare::Nothing });
    }

    /// What to do next, and how a person can be asked for it, where one can be.
    pub(crate) fn next_or_ask(&self, next: &str, what: &Action) -> String {
        match tollgate_wire::way::request(what).filter(|_| !self.run.started.unattended) {
            Some(command) => format!("{next}; to ask the person now: {command}"),
            None => next.to_owned(),
        }
    }

    /// Remembers why the command itself did not run.
    pub(crate) fn not_started(&mut self, why: &str) {
        if !self.under_way {
            self.ending.refused.get_or_insert_with(|| why.to_owned());
        }
    }

    /// Review or ask: a crossing.
    fn cross(&mut self, call: Notification, mut judged: Judged) {
        verify::add_digests(call.tid, &mut judged.program);
        let unbound = |exec: &Exec| exec.image.writable && exec.image.sha256.is_none();
        if judged.program.execs.iter().any(unbound) {
            // it could be something else by the time that somebody says yes
            let why = "it can be changed from inside, and its content can't be held to an approval";
            return self.unknown(&call, &judged.asked, why);
        }
        if let Err(why) = self.make_ready(&mut judged) {
            return self.not_ready(&call, &judged, &why);
        }
        let Some(exec) = judged.exec().cloned() else {
            return self.refuse(&call, libc::EPERM);
        };
        let about = (Action::Exec(exec), format!("to run `{}`", line(&judged.asked.argv)));
        let (action, verdict) = (judged.action, judged.verdict.clone());
        self.cross_with(Held::new(call, action, about, verdict, Then::Exec(Box::new(judged))));
    }
}

impl Gate<'_> {
    /// It can't be run outside as its rule wants: nobody is asked.
    fn not_ready(&mut self, call: &Notification, judged: &Judged, why: &str) {
        let Some(exec) = judged.exec().cloned() else {
            return self.refuse(call, libc::EPERM);
        };
        let what = format!("to run `{}`", line(&judged.asked.argv));
        let wall = format!("it can't be run outside: {why}; EPERM");
        let event = Event::Refused {
            action: judged.action,
            pid: call.tid.unsigned_abs(),
            what: Action::Exec(exec.clone()),
            wall,
        };
        if let Err(unwritten) = self.pen.group(event) {
            self.broken(unwritten);
        }
        self.lately.refused(call.tid, &exec);
        self.say(call.tid, &what, &format!("after approval it would run outside, and {why}"), NEXT_WALL);
        self.not_started(&format!("{what}: {why}"));
        self.refuse(call, libc::EPERM);
    }
}

/// Why a verdict is what it is, with the place of its rule.
pub(crate) fn why(verdict: &Verdict) -> String {
    let reason = &verdict.reason;
    if reason.line == 0 {
        format!("{} ({})", reason.because, reason.file)
    } else {
        format!("{} (rule {}, line {})", reason.because, reason.file, reason.line)
    }
}

/// What an agent is told to do after a rule's no.
pub(crate) const NEXT_RULE: &str = "this is policy, not a fault: don't retry it or look for another way to the same effect; \
     go on without it, or tell the person what you need and why (they can see the rule with `tollgate policy explain`)";
/// What an agent is told to do at a wall.
pub(crate) const NEXT_WALL: &str = "the sandbox holds this for every program: another tool or path won't get around it; go on without it, or tell the person what you need and why";
