//! TLS: the hello must name the server that was judged; if the server wants another hello (RFC 8446 §4.1.4), that
//! one too. What is behind is encrypted, and nobody's business.

use super::Aim;
use super::hello::{self, Parsed};
use crate::goal::Stance;
use crate::judge::{Objection, Why};

/// The random of a `ServerHello` that asks for another hello (RFC 8446 §4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION: u8 = 23;
/// How much of an answer is looked at: record's head, handshake's head, version, random.
const ANSWER: usize = 43;

/// Reads along the clear part of a TLS connection.
#[derive(Debug)]
pub(crate) struct Tls {
    greeted: bool,
    heard: Vec<u8>,
    answer: Option<Answer>,
}

/// What the server made of the hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// It goes on.
    Fine,
    /// It wants another one; or speaks so oddly that it may.
    Again,
}

impl Tls {
    pub(crate) fn new() -> Self {
        Self { greeted: false, heard: Vec::new(), answer: None }
    }

    /// How many bytes may go on, and whether all that follow may.
    pub(crate) fn release(&mut self, held: &[u8], aim: &Aim) -> Result<(usize, bool), Objection> {
        if !self.greeted {
            let Some(length) = greeting(held, aim)? else {
                return Ok((0, false));
            };
            self.greeted = true;
            let (more, done) = self.release(held.get(length..).unwrap_or_default(), aim)?;
            return Ok((length.saturating_add(more), done));
        }
        let mut gone = 0usize;
        loop {
            let rest = held.get(gone..).unwrap_or_default();
            let Some(&[kind, _, _, high, low]) = rest.first_chunk() else {
                return Ok((gone, false));
            };
            match (kind, self.answer) {
                (HANDSHAKE | APPLICATION, Some(Answer::Fine)) => return Ok((gone, true)),
                // No client goes on before the server has answered.
                (HANDSHAKE, None) => return Ok((gone, false)),
                (HANDSHAKE, Some(Answer::Again)) => {
                    let Some(length) = greeting(rest, aim)? else {
                        return Ok((gone, false));
                    };
                    return Ok((gone.saturating_add(length), true));
                }
                // alerts, a change of ciphers, and early data, which belongs to the hello that was read
                (20 | 21 | APPLICATION, _) => {
                    let length = usize::from(u16::from_be_bytes([high, low])).saturating_add(5);
                    if rest.len() < length {
                        return Ok((gone, false));
                    }
                    gone = gone.saturating_add(length);
                }
                _ => return Err(Objection::new(Why::TlsUnreadable, &[])),
            }
        }
    }

    pub(crate) fn is_listening(&self) -> bool {
        self.answer.is_none()
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.greeted && self.is_listening()
    }

    pub(crate) fn hear(&mut self, said: &[u8]) {
        if self.answer.is_some() {
            return;
        }
        // warnings (of a name that it doesn't know, for one) say nothing of the hello
        let mut said = said;
        while let Some((byte, rest)) = said.split_first().filter(|_| self.heard.len() < ANSWER) {
            self.heard.push(*byte);
            said = rest;
            if matches!(self.heard.as_slice(), [ALERT, _, _, 0, 2, 1, _]) {
                self.heard.clear();
            }
        }
        self.answer = match self.heard.as_slice() {
            [] => None,
            [HANDSHAKE, ..] if self.heard.len() < ANSWER => None,
            [ALERT, ..] if self.heard.len() < 7 => None,
            // a ServerHello whose begin is in one piece
            [HANDSHAKE, _, _, high, low, 2, ..] if u16::from_be_bytes([*high, *low]) >= 38 => {
                let again = self.heard.get(11..) == Some(&RETRY);
                Some(if again { Answer::Again } else { Answer::Fine })
            }
            // an alert that ends it; or no answer of TLS, from one that may have read no hello yet
            _ => Some(Answer::Again),
        };
    }
}

/// The length of a hello that names the right server; none if it isn't whole.
fn greeting(held: &[u8], aim: &Aim) -> Result<Option<usize>, Objection> {
    let hello = match hello::parse(held) {
        Parsed::More => return Ok(None),
        Parsed::Malformed => return Err(Objection::new(Why::TlsUnreadable, &[])),
        Parsed::Hello(hello) => hello,
    };
    match &hello.name {
        None if aim.goal.terms.tls_without_name == Stance::Refuse => {
            return Err(Objection::new(Why::TlsUnnamed, &[]));
        }
        Some(name) if !std::str::from_utf8(name).is_ok_and(|text| aim.is(text)) => {
            return Err(Objection::new(Why::TlsName, name));
        }
        None | Some(_) => {}
    }
    if hello.hidden && aim.goal.terms.tls_with_hidden_name == Stance::Refuse {
        return Err(Objection::new(Why::TlsHidden, &[]));
    }
    Ok(Some(hello.length))
}
