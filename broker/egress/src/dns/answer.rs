//! Answers questions from the table of names and the judge's word. A pure function but for that table.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tollgate_policy::action::Target;
use tollgate_policy::host;
use tollgate_policy::verdict::Effect;

use super::read::{Question, Reader, has_edns};
use super::write::{self, Content, Said};
use super::{ANY_CLASS, Code, IN, kind};
use crate::judge::Judge;
use crate::names::Names;
use crate::resolve::conf::Search;

/// What answers are made from.
pub(crate) struct Source<'a> {
    pub(crate) names: &'a Names,
    pub(crate) judge: &'a dyn Judge,
    pub(crate) search: &'a Search,
}

impl Source<'_> {
    /// The answer to a message; none if it is no question at all.
    pub(crate) fn answer(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut reader = Reader::new(message);
        let header = reader.header()?;
        if header.is_response() {
            return None;
        }
        let plain = |code| {
            let said = Said { code, content: Content::Nothing, edns: false };
            Some(write::answer(header, None, &said))
        };
        if header.opcode() != 0 {
            return plain(Code::NotImplemented);
        }
        let [1, answers, authorities, additional] = header.counts else {
            return plain(Code::Malformed);
        };
        let Some(question) = reader.question() else {
            return plain(Code::Malformed);
        };
        let others = answers.saturating_add(authorities).saturating_add(additional);
        let Some(records) = reader.records(others) else {
            return plain(Code::Malformed);
        };
        let (code, content) = self.say(&question);
        let said = Said { code, content, edns: has_edns(&records) };
        Some(write::answer(header, Some(&question), &said))
    }

    fn say(&self, question: &Question<'_>) -> (Code, Content) {
        let missing = (Code::NoSuchName, Content::Nothing);
        if !matches!(question.class, IN | ANY_CLASS) {
            return missing;
        }
        let Some(text) = &question.name else {
            return missing;
        };
        let lower = text.to_ascii_lowercase();
        if lower.ends_with(".in-addr.arpa") || lower.ends_with(".ip6.arpa") {
            return self.reverse(&lower, question.kind);
        }
        let Ok(Target::Name(name)) = host::normal(text) else {
            return missing;
        };
        if name == "localhost" || name.ends_with(".localhost") {
            return local(question.kind);
        }
        let effect = self.judge.look_up(&name);
        let exists = match effect {
            Effect::Allow => true,
            Effect::Review | Effect::Ask => !self.search.has_made(&name),
            Effect::Deny => false,
        };
        if !exists {
            return missing;
        }
        // The address is given out with the first question of any type, so that a name either has one or not.
        let Some(address) = self.names.address_of(&name) else {
            return (Code::Failed, Content::Nothing);
        };
        match question.kind {
            kind::A | kind::ANY => (Code::Fine, Content::Address(address)),
            // No IPv6 address: programs try both, and each try is a question of its own; with one they are done.
            // All other types could tell a program how to go round the name (SVCB, with its hints and keys), or
            // carry something.
            _ => (Code::Fine, Content::Nothing),
        }
    }

    fn reverse(&self, name: &str, kind: u16) -> (Code, Content) {
        let Some(name) = reversed(name).and_then(|address| self.names.name_of(address)) else {
            return (Code::NoSuchName, Content::Nothing);
        };
        match kind {
            kind::PTR | kind::ANY => (Code::Fine, Content::Name(name)),
            _ => (Code::Fine, Content::Nothing),
        }
    }
}

/// RFC 6761 §6.3. The connection is then judged as one to this address.
fn local(kind: u16) -> (Code, Content) {
    let content = match kind {
        kind::A | kind::ANY => Content::Address(Ipv4Addr::LOCALHOST),
        kind::AAAA => Content::Address6(Ipv6Addr::LOCALHOST),
        _ => Content::Nothing,
    };
    (Code::Fine, content)
}

/// The IPv4 address that a reverse name stands for (RFC 1035 §3.5).
fn reversed(name: &str) -> Option<IpAddr> {
    let digits = name.strip_suffix(".in-addr.arpa")?;
    let mut parts = digits.split('.');
    let mut octets = [0u8; 4];
    for octet in octets.iter_mut().rev() {
        *octet = parts.next()?.parse().ok()?;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets).into())
}
