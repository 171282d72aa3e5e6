//! Writes messages: our answers, and the resolver's own questions.

use std::net::Ipv4Addr;

use super::read::{Header, Question};
use super::{Code, IN, kind};

/// Programs may ask again after this; the answer is the same for as long as the run lasts.
const TTL: u32 = 60;
/// What a message over UDP may have without being fragmented (DNS flag day 2020).
pub(crate) const UDP_SIZE: u16 = 1232;

/// What an answer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// Nothing of this type, or nothing at all: the code says which.
    Nothing,
    /// An address.
    Address(Ipv4Addr),
    /// A loopback address of the other family.
    Address6(std::net::Ipv6Addr),
    /// A name, for an address.
    Name(String),
}

/// What is said to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) code: Code,
    pub(crate) content: Content,
    /// Whether the asker knows EDNS.
    pub(crate) edns: bool,
}

/// An answer to a question.
pub(crate) fn answer(header: Header, question: Option<&Question<'_>>, said: &Said) -> Vec<u8> {
    let Said { code, content, edns } = said;
    let mut out = Vec::with_capacity(128);
    // a response to the same opcode; recursion desired is repeated, recursion is available (a resolver without it
    // and without an answer is taken for a lame one and left)
    let flags = 0x8080 | (header.flags & 0x7900) | *code as u16;
    let answers = u16::from(*content != Content::Nothing);
    put(&mut out, header.id);
    put(&mut out, flags);
    put(&mut out, u16::from(question.is_some()));
    put(&mut out, answers);
    put(&mut out, 0);
    put(&mut out, u16::from(*edns));
    if let Some(question) = question {
        out.extend_from_slice(question.raw);
    }
    match content {
        Content::Nothing => {}
        Content::Address(address) => record(&mut out, kind::A, &address.octets()),
        Content::Address6(address) => record(&mut out, kind::AAAA, &address.octets()),
        Content::Name(name) => {
            let mut content = Vec::with_capacity(64);
            put_name(&mut content, name);
            record(&mut out, kind::PTR, &content);
        }
    }
    if *edns {
        put_edns(&mut out);
    }
    out
}

/// A question of our own. `None` if the name is too long for the wire.
pub(crate) fn question(id: u16, name: &str, kind: u16) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(64);
    put(&mut out, id);
    // recursion desired
    put(&mut out, 0x0100);
    for count in [1, 0, 0, 1] {
        put(&mut out, count);
    }
    let from = out.len();
    put_name(&mut out, name);
    if out.len().checked_sub(from)? > 255 {
        return None;
    }
    put(&mut out, kind);
    put(&mut out, IN);
    put_edns(&mut out);
    Some(out)
}

/// A record of the name that was asked for, which is the message's first (byte 12).
fn record(out: &mut Vec<u8>, kind: u16, content: &[u8]) {
    put(out, 0xc00c);
    put(out, kind);
    put(out, IN);
    out.extend_from_slice(&TTL.to_be_bytes());
    put(out, u16::try_from(content.len()).unwrap_or(0));
    out.extend_from_slice(content);
}

/// RFC 6891 §6.1.2: root, OPT, our size, no extended code, version 0, no flags, no options.
fn put_edns(out: &mut Vec<u8>) {
    out.push(0);
    put(out, kind::OPT);
    put(out, UDP_SIZE);
    out.extend_from_slice(&[0; 6]);
}

/// A name whose labels are known to be of 1 to 63 bytes.
fn put_name(out: &mut Vec<u8>, name: &str) {
    for label in name.split('.').filter(|label| !label.is_empty()) {
        let label = label.as_bytes();
        let label = label.get(..label.len().min(63)).unwrap_or_default();
        out.push(u8::try_from(label.len()).unwrap_or(0));
        out.extend_from_slice(label);
    }
    out.push(0);
}

fn put(out: &mut Vec<u8>, number: u16) {
    out.extend_from_slice(&number.to_be_bytes());
}
