//! What a caller says, held against the name that was judged, before it is passed on. TLS and HTTP are read on every
//! port; on theirs, nothing else may be spoken. What the far end says is never held up, so that protocols in which
//! the server speaks first work.

mod chunks;
mod head;
mod hello;
mod http;
mod opening;
mod tls;

use tollgate_policy::action::Target;
use tollgate_policy::host;

use crate::goal::{Goal, Stance};
use crate::judge::{Objection, Why};
use http::Http;
use opening::{Guess, Opening};
use tls::Tls;

/// The most that is held back: a request's head, or a hello.
pub(crate) const MOST: usize = 64 * 1024;

/// What must be met: the goal in the form in which it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aim {
    pub(crate) name: String,
    pub(crate) goal: Goal,
}

impl Aim {
    /// Whether a caller's name for its server is the one that was judged.
    pub(crate) fn is(&self, seen: &str) -> bool {
        matches!(host::normal(seen), Ok(Target::Name(name)) if name == self.name)
    }

    pub(crate) fn port(&self) -> u16 {
        self.goal.connect.port
    }

    pub(crate) fn allows_http2(&self) -> bool {
        self.goal.terms.clear_http2 == Stance::Allow
    }
}

/// Whether a caller may say more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speech {
    Goes,
    Ended,
}

/// Reads along one connection.
#[derive(Debug)]
pub(crate) struct Watch {
    aim: Aim,
    state: State,
}

#[derive(Debug)]
enum State {
    Opening(Opening),
    Tls(Tls),
    Http(Box<Http>),
    Open,
}

impl Watch {
    /// For a name, everything is read; an address was judged as what it is, whatever is said there.
    pub(crate) fn new(goal: &Goal) -> Self {
        let (name, state) = match &goal.connect.target {
            Target::Name(name) => (name.clone(), State::Opening(Opening::new(goal.connect.port))),
            Target::Address(_) | Target::Unix(_) | Target::Abstract(_) => (String::new(), State::Open),
        };
        let goal = goal.clone();
        Self { aim: Aim { name, goal }, state }
    }

    /// How many of these bytes may go on. They follow those that went before.
    pub(crate) fn release(&mut self, held: &[u8], speech: Speech) -> Result<usize, Objection> {
        let mut gone = 0;
        loop {
            let rest = held.get(gone..).unwrap_or_default();
            let (more, next) = match &mut self.state {
                State::Open => return Ok(held.len()),
                State::Opening(opening) => match opening.guess(rest, speech) {
                    Guess::Undecided if speech == Speech::Ended && !rest.is_empty() => {
                        return Err(Objection::new(Why::Unknown, rest));
                    }
                    Guess::Undecided if rest.len() >= MOST => return Err(Objection::new(Why::Long, rest)),
                    Guess::Undecided => return Ok(gone),
                    Guess::Late => return Ok(held.len()),
                    Guess::Refused(why) => return Err(Objection::new(why, rest)),
                    Guess::Other => (0, Some(State::Open)),
                    Guess::Tls => (0, Some(State::Tls(Tls::new()))),
                    Guess::Http => {
                        let http = Http::new(std::mem::take(&mut opening.before));
                        (0, Some(State::Http(Box::new(http))))
                    }
                },
                State::Tls(tls) => {
                    let (more, done) = tls.release(rest, &self.aim)?;
                    (more, done.then_some(State::Open))
                }
                State::Http(http) => {
                    let (more, done) = http.release(rest, &self.aim)?;
                    (more, done.then_some(State::Open))
                }
            };
            gone = gone.saturating_add(more);
            match next {
                Some(state) => self.state = state,
                None => return self.stalled(held.get(gone..).unwrap_or_default(), speech).map(|()| gone),
            }
        }
    }

    /// Nothing more goes on for now: that is an objection if nothing more can come.
    fn stalled(&self, rest: &[u8], speech: Speech) -> Result<(), Objection> {
        let why = match &self.state {
            State::Tls(_) => Why::TlsUnreadable,
            State::Http(_) | State::Opening(_) | State::Open => Why::HttpUnreadable,
        };
        // while the far end's answer is waited for, full buffers slow the caller down, and that is all
        match (rest.len(), self.is_waiting()) {
            (MOST.., false) => Err(Objection::new(Why::Long, rest)),
            (1.., false) if speech == Speech::Ended => Err(Objection::new(why, rest)),
            _ => Ok(()),
        }
    }

    /// Takes note of what the far end says; it decides how some of the caller's words are to be read.
    pub(crate) fn hear(&mut self, said: &[u8]) {
        match &mut self.state {
            State::Tls(tls) => tls.hear(said),
            State::Http(http) => http.hear(said),
            State::Opening(_) | State::Open => {}
        }
    }

    /// Whether what the far end says still matters.
    pub(crate) fn is_listening(&self) -> bool {
        match &self.state {
            State::Tls(tls) => tls.is_listening(),
            State::Http(http) => http.is_listening(),
            State::Opening(_) | State::Open => false,
        }
    }

    /// Whether the caller's next words can only be read once the far end has answered.
    fn is_waiting(&self) -> bool {
        match &self.state {
            State::Tls(tls) => tls.is_waiting(),
            State::Http(http) => http.is_waiting(),
            State::Opening(_) | State::Open => false,
        }
    }

    /// Whether nothing is read any more.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Whether bytes are held that could still be anything, on a port where that is no reason to hold them for long.
    pub(crate) fn is_unsure(&self) -> bool {
        matches!(&self.state, State::Opening(opening) if opening.is_patient())
    }

    /// That was long enough: the next release lets go of a line without an end, and reads on.
    pub(crate) fn tire(&mut self) {
        if let State::Opening(opening) = &mut self.state {
            opening.tire();
        }
    }
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_http;
#[cfg(test)]
mod tests_tls;
