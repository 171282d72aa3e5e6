//! The questions of a run and what became of them. Pure: time is passed in.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use tollgate_policy::grant::Grant;
use tollgate_policy::question::{Answer, Approval, Given, Question, Scope, Seen};
use tollgate_policy::review::Review;
use tollgate_wire::ask::{Ended, Revoked};
use tollgate_wire::client::Taken;

use crate::scope;

/// Bytes of all open questions together, as JSON: a reply with all of them stays below the wire's limit.
const OPEN_LIMIT: usize = tollgate_wire::frame::REPLY_LIMIT - (1 << 20);

/// How many closed questions are remembered, to tell a late approver what happened.
const CLOSED_LIMIT: usize = 1024;

/// Both clocks: the wall clock may step, the other one stops while the machine sleeps. Whichever reaches a
/// deadline first has passed it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// Unix time in milliseconds.
    pub(crate) wall: i64,
    /// Monotonic.
    pub(crate) mono: Instant,
}

impl Now {
    pub(crate) fn read() -> Self {
        Self { wall: jiff::Timestamp::now().as_millisecond(), mono: Instant::now() }
    }
}

/// Why an answer was not taken, or a question not put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Declined {
    Unknown(String),
    Closed {
        question: String,
        how: String,
    },
    Digest,
    Scope(String),
    Full,
    Double(String),
    /// The same person can't be two approvers.
    Twice(String),
    /// Where two have to agree, they agree to this once.
    OnceOnly,
    /// No grant of this question stands.
    NoGrant(String),
}

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(id) => write!(f, "there is no question `{id}`"),
            Self::Closed { question, how } => write!(f, "question `{question}` {how}"),
            Self::Digest => f.write_str("the question is another one than was shown: look at it again"),
            Self::Scope(why) => f.write_str(why),
            Self::Full => f.write_str("too many questions are open in this run"),
            Self::Double(id) => write!(f, "question `{id}` was put twice"),
            Self::Twice(by) => write!(f, "{by} has agreed already: somebody else has to agree, too"),
            Self::OnceOnly => f.write_str("where two people have to agree, it can be approved for once only"),
            Self::NoGrant(id) => write!(f, "no grant of question `{id}` stands"),
        }
    }
}

/// Whether policy lets an answer stand (a prefix for a shell, say, never does); if not, why.
pub type Check = Box<dyn Fn(&Question, &Approval) -> Result<(), String> + Send>;

#[derive(Debug)]
struct Open {
    question: Question,
    until: Instant,
    size: usize,
    /// Who had it shown to them in full, and since when.
    shown: Vec<(String, Instant)>,
}

impl Open {
    fn is_late(&self, now: Now) -> bool {
        now.mono >= self.until || now.wall >= self.question.deadline
    }

    /// Counts a yes where several people have to agree; how many are missing, none where it is enough (or a no).
    fn agree(&mut self, approval: &Approval, now: Now) -> Result<Option<u8>, Declined> {
        let approvers = &mut self.question.approvers;
        if approvers.needed < 2 || !approval.answer.is_yes() {
            return Ok(None);
        }
        if approval.answer != Answer::Approve(Scope::Once) {
            return Err(Declined::OnceOnly);
        }
        if approvers.given.iter().any(|given| given.by == approval.by) {
            return Err(Declined::Twice(approval.by.clone()));
        }
        let (by, channel) = (approval.by.clone(), approval.channel.clone());
        approvers.given.push(Given { by, channel, at: now.wall });
        let given = u8::try_from(approvers.given.len()).unwrap_or(u8::MAX);
        Ok(Some(approvers.needed.saturating_sub(given)).filter(|missing| *missing > 0))
    }

    /// What the channel could not tell is taken from what was asked of this desk.
    fn note_what_was_seen(&self, approval: &mut Approval, now: Now) {
        let since = self.shown.iter().find(|(by, _)| *by == approval.by).map(|(_, since)| *since);
        let Seen { shown, opened, .. } = &mut approval.seen;
        let on_screen = since.map(|since| now.mono.saturating_duration_since(since).as_millis());
        *shown = shown.or(on_screen.and_then(|millis| u64::try_from(millis).ok()));
        *opened = opened.or(Some(since.is_some()));
    }
}

/// All that is known of a run's questions.
pub(crate) struct Book {
    check: Check,
    open: BTreeMap<u64, Open>,
    /// Where each is, by id.
    places: HashMap<String, u64>,
    /// Bytes of all open ones.
    held: usize,
    closed: VecDeque<(String, String)>,
    ended: Vec<Ended>,
    grants: Vec<Grant>,
    revoked: Vec<Revoked>,
    count: u64,
    /// Grows with each change of what is open.
    change: u64,
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book").field("open", &self.open).field("closed", &self.closed).finish_non_exhaustive()
    }
}

impl Book {
    /// An empty one.
    pub(crate) fn new(check: Check) -> Self {
        Self {
            check,
            open: BTreeMap::new(),
            places: HashMap::new(),
            held: 0,
            closed: VecDeque::new(),
            ended: Vec::new(),
            grants: Vec::new(),
            revoked: Vec::new(),
            count: 0,
            change: 1,
        }
    }

    /// Puts a question on the list.
    pub(crate) fn put(&mut self, question: Question, now: Now) -> Result<(), Declined> {
        if self.find(&question.id).is_some() || self.how_closed(&question.id).is_some() {
            return Err(Declined::Double(question.id));
        }
        let size = serde_json::to_vec(&question).map_or(usize::MAX, |json| json.len());
        let held = self.held.saturating_add(size);
        if held > OPEN_LIMIT {
            return Err(Declined::Full);
        }
        self.held = held;
        let left = u64::try_from(question.deadline.saturating_sub(now.wall)).unwrap_or(0);
        // A deadline beyond what the clock can hold is no deadline: it is cut to a day.
        let until = now.mono + Duration::from_millis(left).min(Duration::from_hours(24));
        self.count += 1;
        self.change += 1;
        self.places.insert(question.id.clone(), self.count);
        self.open.insert(self.count, Open { question, until, size, shown: Vec::new() });
        Ok(())
    }

    /// A question was made ready.
    pub(crate) fn ready(&mut self, question: Question) {
        self.ended.push(Ended::Ready(Box::new(question)));
    }

    /// The reviewer looked at a question.
    pub(crate) fn reviewed(&mut self, question: String, review: Review) {
        self.ended.push(Ended::Reviewed { question, review: Box::new(review) });
    }

    /// One more attempt waits for the same answer.
    pub(crate) fn joined(&mut self, id: &str, waiting: u32) {
        self.change += 1;
        if let Some(open) = self.find(id).and_then(|key| self.open.get_mut(&key)) {
            open.question.waiting = waiting;
        }
    }

    /// The number of the last change of what is open.
    pub(crate) fn change(&self) -> u64 {
        self.change
    }

    /// One open question, and that it was shown to `by`.
    pub(crate) fn show(&mut self, id: &str, by: &str, now: Now) -> Result<Question, Declined> {
        self.expire(now);
        let open = self.find(id).and_then(|key| self.open.get_mut(&key));
        let Some(open) = open else { return Err(self.absent(id)) };
        if !open.shown.iter().any(|(other, _)| other == by) {
            open.shown.push((by.to_owned(), now.mono));
        }
        Ok(unmarked(&open.question))
    }

    /// What stands of earlier answers.
    pub(crate) fn granted(&mut self, grants: &[Grant]) {
        self.grants = grants.to_vec();
    }

    /// The same, without what is over.
    pub(crate) fn grants(&self, now: Now) -> Vec<Grant> {
        self.grants.iter().filter(|grant| grant.until.is_none_or(|until| now.wall < until)).cloned().collect()
    }

    /// Takes a grant back.
    pub(crate) fn revoke(&mut self, question: &str, by: &str) -> Result<(), Declined> {
        let before = self.grants.len();
        self.grants.retain(|grant| grant.question != question);
        if self.grants.len() == before {
            return Err(Declined::NoGrant(question.to_owned()));
        }
        self.revoked.push(Revoked { question: question.to_owned(), by: by.to_owned() });
        Ok(())
    }

    /// What was taken back since the last call.
    pub(crate) fn revoked(&mut self) -> Vec<Revoked> {
        std::mem::take(&mut self.revoked)
    }

    fn absent(&self, id: &str) -> Declined {
        match self.how_closed(id) {
            Some(how) => Declined::Closed { question: id.to_owned(), how: how.to_owned() },
            None => Declined::Unknown(id.to_owned()),
        }
    }

    /// The open questions, oldest first.
    pub(crate) fn list(&self, now: Now) -> Vec<Question> {
        self.open.values().filter(|open| !open.is_late(now)).map(|open| unmarked(&open.question)).collect()
    }

    /// Takes an answer, if it is the first one and in time and to this very question.
    pub(crate) fn answer(&mut self, mut approval: Approval, now: Now) -> Result<Taken, Declined> {
        self.expire(now);
        let Some(key) = self.find(&approval.question) else {
            return Err(self.absent(&approval.question));
        };
        let Some(open) = self.open.get_mut(&key) else {
            return Err(Declined::Unknown(approval.question));
        };
        if approval.digest != open.question.digest {
            return Err(Declined::Digest);
        }
        scope::fits(&approval.answer, &open.question, now.wall).map_err(|why| Declined::Scope(why.to_string()))?;
        (self.check)(&open.question, &approval).map_err(Declined::Scope)?;
        if let Some(missing) = open.agree(&approval, now)? {
            self.change += 1;
            return Ok(Taken::Counted(missing));
        }
        open.note_what_was_seen(&mut approval, now);
        let taken = if open.question.canary { Taken::Test } else { Taken::Closed };
        self.close(key, format!("was already answered by {}", approval.by));
        self.ended.push(Ended::Answered(approval));
        Ok(taken)
    }

    /// Closes what nobody answered in time.
    pub(crate) fn expire(&mut self, now: Now) {
        let late: Vec<u64> = self.open.iter().filter(|(_, open)| open.is_late(now)).map(|(key, _)| *key).collect();
        for key in late {
            if let Some(question) = self.close(key, "has expired".to_owned()) {
                self.ended.push(Ended::Expired { question: question.id });
            }
        }
    }

    /// Closes a question that is no longer of interest; it has no end to be taken.
    pub(crate) fn withdraw(&mut self, id: &str) {
        if let Some(key) = self.find(id) {
            self.close(key, "was withdrawn: the process that asked is gone".to_owned());
        }
    }

    /// How long until the next deadline; none where nothing is open.
    pub(crate) fn rest(&self, now: Now) -> Option<Duration> {
        let rest = |open: &Open| {
            let wall = u64::try_from(open.question.deadline.saturating_sub(now.wall)).unwrap_or(0);
            open.until.saturating_duration_since(now.mono).min(Duration::from_millis(wall))
        };
        self.open.values().map(rest).min()
    }

    /// What has ended since the last call.
    pub(crate) fn take(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.ended)
    }

    pub(crate) fn has_ended(&self) -> bool {
        !self.ended.is_empty()
    }

    fn find(&self, id: &str) -> Option<u64> {
        self.places.get(id).copied()
    }

    fn how_closed(&self, id: &str) -> Option<&str> {
        self.closed.iter().find(|(closed, _)| closed == id).map(|(_, how)| how.as_str())
    }

    fn close(&mut self, key: u64, how: String) -> Option<Question> {
        let open = self.open.remove(&key)?;
        self.places.remove(&open.question.id);
        self.held = self.held.saturating_sub(open.size);
        self.change += 1;
        if self.closed.len() == CLOSED_LIMIT {
            self.closed.pop_front();
        }
        self.closed.push_back((open.question.id.clone(), how));
        Some(open.question)
    }
}

/// As approvers see it: that it is a test of their attention, they learn with their answer.
fn unmarked(question: &Question) -> Question {
    Question { canary: false, ..question.clone() }
}

#[cfg(test)]
#[path = "book_tests.rs"]
pub(crate) mod tests;
