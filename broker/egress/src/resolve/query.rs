//! What a name server is asked, and how its answer is read: only what was asked for, or what its aliases lead to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::dns::read::{Reader, Record};
use crate::dns::{Code, IN, kind, write};

/// Aliases in a row; resolvers themselves stop at about this many.
const ALIASES: usize = 12;

/// A question that waits for its answer.
#[derive(Debug)]
pub(crate) struct Query {
    id: u16,
    name: String,
    kind: u16,
    pub(crate) bytes: Vec<u8>,
}

/// What a message means to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// It has these addresses (none: it has no such address), good for so many seconds.
    Addresses(Vec<IpAddr>, u32),
    /// There is no such name.
    NoSuchName,
    /// The answer is too long for a datagram: to be asked again over TCP.
    Cut,
    /// This server can't or won't say.
    Unable,
}

impl Query {
    /// A question for addresses, with an id that nobody can guess.
    pub(crate) fn new(name: &str, kind: u16) -> Option<Self> {
        let mut id = [0; 2];
        getrandom::fill(&mut id).ok()?;
        let id = u16::from_ne_bytes(id);
        Some(Self { id, name: name.to_owned(), kind, bytes: write::question(id, name, kind)? })
    }

    /// Reads a message; none if it doesn't answer this question, or is malformed.
    pub(crate) fn reply(&self, message: &[u8]) -> Option<Reply> {
        let mut reader = Reader::new(message);
        let header = reader.header()?;
        let [1, answers, ..] = header.counts else {
            return None;
        };
        if header.id != self.id || !header.is_response() || header.opcode() != 0 {
            return None;
        }
        let question = reader.question()?;
        let same = question.kind == self.kind && question.class == IN && is(&self.name, question.name.as_deref());
        if !same {
            return None;
        }
        if header.is_cut() {
            return Some(Reply::Cut);
        }
        if header.code() == Code::NoSuchName as u16 {
            return Some(Reply::NoSuchName);
        }
        if header.code() != Code::Fine as u16 {
            return Some(Reply::Unable);
        }
        let records = reader.records(answers)?;
        let name = self.follow(message, &records)?;
        let wanted =
            |record: &&Record<'_>| record.kind == self.kind && record.class == IN && is(&name, record.name.as_deref());
        let ttl = records.iter().map(|record| record.ttl).min().unwrap_or(0);
        let found = records.iter().filter(wanted);
        let found = found.filter_map(|record| address(record.content)).collect();
        Some(Reply::Addresses(found, ttl))
    }

    /// The name at the end of the aliases.
    fn follow(&self, message: &[u8], records: &[Record<'_>]) -> Option<String> {
        let mut name = self.name.clone();
        for _ in 0..ALIASES {
            let alias = records
                .iter()
                .find(|record| record.kind == kind::CNAME && record.class == IN && is(&name, record.name.as_deref()));
            let Some(alias) = alias else {
                return Some(name);
            };
            name = Reader::at(message, alias.at).name()??;
        }
        None
    }
}

fn is(name: &str, other: Option<&str>) -> bool {
    other.is_some_and(|other| other.eq_ignore_ascii_case(name))
}

fn address(content: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(content) {
        return Some(Ipv4Addr::from(v4).into());
    }
    let v6 = <[u8; 16]>::try_from(content).ok()?;
    Some(Ipv6Addr::from(v6).into())
}
