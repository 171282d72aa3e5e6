//! Who may look and answer: a link that works once gives a cookie; every form carries a seal that fits one session, one
//! form and one digest, and works once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// How long a link waits for its use, in milliseconds.
const LINK_LIFE: i64 = 60 * 60 * 1000;

/// How long a browser stays let in, in milliseconds.
const SESSION_LIFE: i64 = 12 * 60 * 60 * 1000;

/// How long a form can be sent, in milliseconds: longer than any question stays open.
const FORM_LIFE: i64 = 2 * 60 * 60 * 1000;

/// Browsers that are let in at one time; the one that came first makes place.
const SESSIONS: usize = 16;

/// Links that wait at one time.
const LINKS: usize = 16;

/// Who is let in. Times are Unix milliseconds, passed in.
pub(crate) struct Keys {
    secret: [u8; 32],
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Links that were not used yet, with their end.
    links: Vec<(String, i64)>,
    /// Sessions, with their end.
    sessions: Vec<(String, i64)>,
    /// Seals that were used, with their end.
    used: HashMap<String, i64>,
}

/// One browser that was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session(String);

/// What a form does, and to what: a seal for one is none for another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form<'a> {
    /// The form: `answer`, `group`, `revoke` …
    pub(crate) name: &'a str,
    /// What it is about: a digest of all that was shown.
    pub(crate) about: &'a str,
}

/// Why a seal does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// None, forged, of another session, another form, another question.
    Foreign,
    /// It was used already.
    Used,
    /// The form was open for too long.
    Old,
}

impl Keys {
    /// New ones, from the kernel's random source.
    pub(crate) fn fresh() -> std::io::Result<Self> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(std::io::Error::other)?;
        Ok(Self { secret, state: Mutex::default() })
    }

    /// A new link's secret: it lets one browser in, once.
    pub(crate) fn link(&self, now: i64) -> std::io::Result<String> {
        let link = random()?;
        let mut state = self.state();
        push(&mut state.links, (link.clone(), now + LINK_LIFE), LINKS);
        Ok(link)
    }

    /// Lets a browser in whose link is a fresh one.
    pub(crate) fn enter(&self, link: &str, now: i64) -> Option<Session> {
        let mut state = self.state();
        state.links.retain(|(_, until)| *until > now);
        let at = state.links.iter().position(|(known, _)| is_same(known, link))?;
        let session = random().ok()?;
        state.links.remove(at);
        push(&mut state.sessions, (session.clone(), now + SESSION_LIFE), SESSIONS);
        Some(Session(session))
    }

    /// The session of a cookie.
    pub(crate) fn session(&self, cookie: &str, now: i64) -> Option<Session> {
        let mut state = self.state();
        state.sessions.retain(|(_, until)| *until > now);
        let known = state.sessions.iter().find(|(known, _)| is_same(known, cookie))?;
        Some(Session(known.0.clone()))
    }

    /// Ends a session.
    pub(crate) fn leave(&self, session: &Session) {
        self.state().sessions.retain(|(known, _)| *known != session.0);
    }

    /// A seal for a form that is shown now.
    pub(crate) fn seal(&self, session: &Session, form: Form<'_>, now: i64) -> String {
        // Without randomness no two forms may share a seal: an empty one never holds.
        random().map_or_else(|_| String::new(), |nonce| self.sealed((session, form), (&nonce, now)))
    }

    fn sealed(&self, (session, form): (&Session, Form<'_>), (nonce, at): (&str, i64)) -> String {
        format!("{nonce}.{at}.{}", self.mac((session, form), (nonce, at)))
    }

    fn mac(&self, (session, form): (&Session, Form<'_>), (nonce, at): (&str, i64)) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.secret) else { return String::new() };
        for part in [session.0.as_str(), form.name, form.about, nonce, &at.to_string()] {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part.as_bytes());
        }
        hex(&mac.finalize().into_bytes())
    }

    /// How long ago the form was shown, in milliseconds, if the seal holds. It stays good until [`Keys::spend`].
    pub(crate) fn check(&self, session: &Session, form: Form<'_>, seal: &str, now: i64) -> Result<i64, Broken> {
        let mut parts = seal.split('.');
        let (Some(nonce), Some(at), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(Broken::Foreign);
        };
        let at: i64 = at.parse().map_err(|_| Broken::Foreign)?;
        if !is_same(&self.sealed((session, form), (nonce, at)), seal) {
            return Err(Broken::Foreign);
        }
        let age = now.saturating_sub(at);
        if age > FORM_LIFE {
            return Err(Broken::Old);
        }
        let mut state = self.state();
        state.used.retain(|_, until| *until > now);
        if state.used.contains_key(nonce) { Err(Broken::Used) } else { Ok(age.max(0)) }
    }

    /// Uses a seal that holds, once and for all: of two that come at the same time, one is too late.
    pub(crate) fn spend(&self, seal: &str, now: i64) -> Result<(), Broken> {
        let nonce = seal.split('.').next().ok_or(Broken::Foreign)?;
        // A clock that steps back makes no used seal fresh: it is kept for twice the time.
        let before = self.state().used.insert(nonce.to_owned(), now.saturating_add(2 * FORM_LIFE));
        if before.is_some() { Err(Broken::Used) } else { Ok(()) }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Session {
    /// What the cookie holds.
    pub(crate) fn cookie(&self) -> &str {
        &self.0
    }
}

fn push(list: &mut Vec<(String, i64)>, new: (String, i64), limit: usize) {
    if list.len() >= limit {
        list.remove(0);
    }
    list.push(new);
}

/// The time taken does not tell where they differ.
fn is_same(known: &str, shown: &str) -> bool {
    known.as_bytes().ct_eq(shown.as_bytes()).into()
}

fn random() -> std::io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(hex(&bytes))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |four: u8| DIGITS.get(usize::from(four & 15)).map_or('0', |digit| char::from(*digit));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn let_in(keys: &Keys) -> Session {
        keys.enter(&keys.link(0).unwrap(), 1).unwrap()
    }

    #[test]
    fn a_link_works_once_and_not_for_ever() {
        let keys = Keys::fresh().unwrap();
        let link = keys.link(0).unwrap();
        assert!(keys.enter("", 1).is_none());
        assert!(keys.enter(&link[1..], 1).is_none());
        let session = keys.enter(&link, 1).unwrap();
        assert!(keys.enter(&link, 1).is_none(), "it worked twice");
        assert!(keys.session(session.cookie(), 2).is_some());
        assert!(keys.session(session.cookie(), 2 + SESSION_LIFE).is_none());
        let late = keys.link(0).unwrap();
        assert!(keys.enter(&late, LINK_LIFE).is_none());
    }

    #[test]
    fn a_seal_fits_one_session_one_form_one_digest_once() {
        let keys = Keys::fresh().unwrap();
        let (ours, theirs) = (let_in(&keys), let_in(&keys));
        let form = Form { name: "answer", about: "digest" };
        let seal = keys.seal(&ours, form, 100);
        assert_eq!(keys.check(&ours, form, &seal, 350), Ok(250));
        let (other, another) = (Form { name: "revoke", ..form }, Form { about: "digest2", ..form });
        let table = [
            (&theirs, form, seal.as_str()),
            (&ours, other, &seal),
            (&ours, another, &seal),
            (&ours, form, ""),
            (&ours, form, "a.1.b"),
            (&ours, form, &seal.replacen(".100.", ".99.", 1)),
        ];
        for (session, form, seal) in table {
            assert_eq!(keys.check(session, form, seal, 350), Err(Broken::Foreign), "{form:?} {seal}");
        }
        assert_eq!(keys.check(&ours, form, &seal, 101 + FORM_LIFE), Err(Broken::Old));
        assert_eq!(keys.spend(&seal, 350), Ok(()));
        assert_eq!(keys.spend(&seal, 350), Err(Broken::Used));
        assert_eq!(keys.check(&ours, form, &seal, 351), Err(Broken::Used));
        assert!(Keys::fresh().unwrap().check(&ours, form, &keys.seal(&ours, form, 0), 0).is_err());
    }

    #[test]
    fn names_of_forms_do_not_run_into_what_they_are_about() {
        let keys = Keys::fresh().unwrap();
        let session = let_in(&keys);
        let seal = keys.seal(&session, Form { name: "ab", about: "c" }, 0);
        assert!(keys.check(&session, Form { name: "a", about: "bc" }, &seal, 0).is_err());
    }
}
