//! HTTP/1 in clear: every request on the connection must be for the host that was judged.

use super::chunks::Chunks;
use super::head::{self, Body, Parsed};
use super::{Aim, MOST};
use crate::judge::Objection;

/// Reads along a connection's requests.
#[derive(Debug)]
pub(crate) struct Http {
    /// The begin of the first line, where it went on before it was known what it is.
    before: Vec<u8>,
    next: Next,
    /// The first request asks for another protocol: what the server says to that.
    answer: Option<Answer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    First,
    Head,
    Body(u64),
    Chunks(Chunks),
}

#[derive(Debug)]
enum Answer {
    /// What it said so far.
    Heard(Vec<u8>),
    Switched,
    Stayed,
}

impl Http {
    pub(crate) fn new(before: Vec<u8>) -> Self {
        Self { before, next: Next::First, answer: Some(Answer::Heard(Vec::new())) }
    }

    /// How many bytes may go on, and whether all that follow may.
    pub(crate) fn release(&mut self, held: &[u8], aim: &Aim) -> Result<(usize, bool), Objection> {
        let mut gone = 0usize;
        loop {
            let rest = held.get(gone..).unwrap_or_default();
            let more = match self.next {
                Next::Body(0) => {
                    self.next = Next::Head;
                    continue;
                }
                Next::Body(left) => {
                    let here = u64::try_from(rest.len()).unwrap_or(u64::MAX).min(left);
                    self.next = Next::Body(left.saturating_sub(here));
                    usize::try_from(here).unwrap_or(rest.len())
                }
                Next::Chunks(mut chunks) => {
                    let more = chunks.release(rest)?;
                    self.next = if chunks == Chunks::Done { Next::Head } else { Next::Chunks(chunks) };
                    more
                }
                Next::Head if rest.is_empty() => 0,
                Next::Head => match self.answer {
                    Some(Answer::Switched) => return Ok((gone, true)),
                    // whether a request or something else comes now, the server has still to say
                    Some(Answer::Heard(_)) => return Ok((gone, false)),
                    Some(Answer::Stayed) | None => match self.head(rest, aim)? {
                        Some(more) => more,
                        None => return Ok((gone, true)),
                    },
                },
                Next::First => match self.head(rest, aim)? {
                    Some(more) => more,
                    None => return Ok((gone, true)),
                },
            };
            if more == 0 {
                return Ok((gone, false));
            }
            gone = gone.saturating_add(more);
        }
    }

    /// Reads the next head: how many bytes it took (0: its end isn't there); none if HTTP/2 begins.
    fn head(&mut self, rest: &[u8], aim: &Aim) -> Result<Option<usize>, Objection> {
        let all;
        let before = self.before.len();
        let mut seen = rest;
        if before > 0 {
            all = [&self.before, rest].concat();
            seen = &all;
        }
        // Empty lines before a request are skipped by servers (RFC 9112 §2.2), and then by us.
        let mut blank = 0usize;
        while let Some(behind) = seen.strip_prefix(b"\r\n") {
            seen = behind;
            blank = blank.saturating_add(2);
        }
        if seen.is_empty() || seen == b"\r" {
            return Ok(Some(if before > 0 { 0 } else { blank }));
        }
        let head = match head::parse(seen, aim)? {
            Parsed::More => return Ok(Some(0)),
            Parsed::Http2 => return Ok(None),
            Parsed::Head(head) => head,
        };
        let is_first = self.next == Next::First;
        // Which of several answers is the one to a later request is not followed: such an upgrade leads nowhere.
        if !(is_first && head.upgrades) {
            self.answer = None;
        }
        self.before = Vec::new();
        self.next = match head.body {
            Body::Length(length) => Next::Body(length),
            Body::Chunked => Next::Chunks(Chunks::Size),
        };
        Ok(Some(blank.saturating_add(head.length).saturating_sub(before)))
    }

    pub(crate) fn is_listening(&self) -> bool {
        matches!(self.answer, Some(Answer::Heard(_)))
    }

    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.next, Next::Head | Next::Body(0)) && self.is_listening()
    }

    pub(crate) fn hear(&mut self, said: &[u8]) {
        let Some(Answer::Heard(heard)) = &mut self.answer else {
            return;
        };
        heard.extend_from_slice(said);
        if let Some(switched) = switched(heard) {
            self.answer = Some(if switched { Answer::Switched } else { Answer::Stayed });
        } else if heard.len() > MOST {
            self.answer = Some(Answer::Stayed);
        }
    }
}

/// Whether a server's answer switches protocols; none if its final status isn't there yet.
fn switched(mut heard: &[u8]) -> Option<bool> {
    loop {
        let status = heard.get(..12)?;
        let (Some(b"HTTP/1."), Some([b' ', status @ ..])) = (status.get(..7), status.get(8..)) else {
            return Some(false);
        };
        match status {
            b"101" => return Some(true),
            [b'1', ..] => {
                let end = heard.windows(4).position(|four| four == b"\r\n\r\n")?;
                heard = heard.get(end.saturating_add(4)..)?;
            }
            _ => return Some(false),
        }
    }
}
