//! Where the parser stands in its text, and how much it has used up.

use super::caps;
use super::reading::{Span, Why};

/// Why a text is not read, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) why: Why,
    pub(super) at: usize,
}

pub(super) type Read<T> = Result<T, Fault>;

/// What is left of the caps, over all texts within a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub(super) parts: usize,
    pub(super) nesting: usize,
}

impl Budget {
    pub(super) const fn whole() -> Self {
        Self { parts: caps::PARTS, nesting: caps::NESTING }
    }
}

/// A place in a text.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) budget: Budget,
}

impl<'a> Cursor<'a> {
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn byte_behind(&self, offset: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + offset).copied()
    }

    /// The next character, passed over.
    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    pub(super) fn skip(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len();
        }
        found
    }

    pub(super) fn expect(&mut self, expected: &str) -> Read<()> {
        if self.skip(expected) { Ok(()) } else { Err(self.fault(Why::Syntax)) }
    }

    /// Passes over blanks and line continuations.
    pub(super) fn blanks(&mut self) {
        loop {
            match (self.byte(), self.byte_behind(1)) {
                (Some(b' ' | b'\t'), _) => self.at += 1,
                (Some(b'\\'), Some(b'\n')) => self.at += 2,
                _ => return,
            }
        }
    }

    pub(super) const fn fault(&self, why: Why) -> Fault {
        Fault { why, at: self.at }
    }

    pub(super) const fn since(&self, start: usize) -> Span {
        Span { start, end: self.at }
    }

    /// Counts one part.
    pub(super) fn part(&mut self) -> Read<()> {
        self.parts(1)
    }

    pub(super) fn parts(&mut self, number: usize) -> Read<()> {
        self.budget.parts = self.budget.parts.checked_sub(number).ok_or(self.fault(Why::TooMuch))?;
        Ok(())
    }

    /// Goes one level in; [`Self::leave`] comes back.
    pub(super) fn enter(&mut self) -> Read<()> {
        self.budget.nesting = self.budget.nesting.checked_sub(1).ok_or(self.fault(Why::TooMuch))?;
        Ok(())
    }

    pub(super) const fn leave(&mut self) {
        self.budget.nesting += 1;
    }
}

/// Whether a byte ends a word.
pub(super) const fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'|' | b'&' | b';' | b'(' | b')' | b'<' | b'>')
}

/// Whether a byte may stand in a name.
pub(super) const fn names(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The name that a text starts with; empty if none.
pub(super) fn name_of(text: &str) -> &str {
    let end = text.bytes().position(|byte| !names(byte)).unwrap_or(text.len());
    let name = text.get(..end).unwrap_or_default();
    if name.starts_with(|c: char| c.is_ascii_digit()) { "" } else { name }
}
