//! The journal beside the database: what is written but not yet in the tree. Its lines, and how they hold together; what
//! is done with the file is in `file`.
//!
//! A record is a line: its canonical JSON, a space, a link, a newline. The link is a MAC (HMAC-SHA-256, RFC 2104, cut to
//! 128 bits) over the link before and the JSON, so that without the ledger's key no line can be changed, moved, added or
//! taken out of the middle. The first line says how many records the tree had when the journal was begun: what follows
//! are the next ones. So a journal that is read twice adds nothing twice.

mod file;

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::key::hex;
use crate::note::Seed;
use crate::stamp::Stamp;

pub(crate) use file::{Access, Appended, JOURNAL_FILE, Journal, Locked, TORN_FILE};

/// What the first line begins with; the number is the version.
const FIRST: &str = "tollgate journal 1";
/// A space and the link in hex.
const SEAL: usize = 1 + 2 * 16;

/// Binds a line to all before it.
pub(crate) type Link = [u8; 16];

/// Makes links.
pub(crate) struct Chain(Hmac<Sha256>);

impl Chain {
    pub(crate) fn new(seed: &Seed) -> Self {
        // A key shorter than a block is filled up with zeros (RFC 2104 section 2).
        let mut block = [0; 64];
        block.iter_mut().zip(seed.derive("journal")).for_each(|(byte, key)| *byte = key);
        Self(Hmac::new(&block.into()))
    }

    fn link(&self, before: Link, body: &[u8]) -> Link {
        let mac = self.0.clone().chain_update(before).chain_update(body).finalize().into_bytes();
        mac.first_chunk().copied().unwrap_or_default()
    }

    /// Adds a line that follows the one with the link `before`; gives its own.
    fn write(&self, out: &mut Vec<u8>, before: Link, body: &[u8]) -> Link {
        let link = self.link(before, body);
        out.extend_from_slice(body);
        out.push(b' ');
        out.extend_from_slice(hex(&link).as_bytes());
        out.push(b'\n');
        link
    }
}

/// The first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// How many records the tree had: the number of the journal's first record.
    pub(crate) base: u64,
    /// What the database's files looked like when the tree was last added to.
    pub(crate) stamp: Stamp,
}

impl Header {
    fn parse(body: &[u8]) -> Option<Self> {
        let rest = std::str::from_utf8(body).ok()?.strip_prefix(FIRST)?.strip_prefix(' ')?;
        let (base, stamp) = rest.split_once(' ')?;
        let header = Self { base: base.parse().ok()?, stamp: Stamp::parse(stamp)? };
        (header.to_string().as_bytes() == body).then_some(header)
    }

    /// The line as it stands in the file.
    fn line(&self, chain: &Chain) -> Vec<u8> {
        let mut out = Vec::new();
        chain.write(&mut out, Link::default(), self.to_string().as_bytes());
        out
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FIRST} {} {}", self.base, self.stamp)
    }
}

/// A journal as it was read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents<'b> {
    /// None where there is no whole line.
    pub(crate) header: Option<Header>,
    /// The records, up to the first that is wrong.
    pub(crate) bodies: Vec<&'b [u8]>,
    /// An end without a newline: its writer was killed, or the machine stopped, before the line was whole.
    pub(crate) torn: &'b [u8],
    /// What is wrong, if anything is.
    pub(crate) flaw: Option<String>,
}

/// Reads a journal. Without the key, links are only looked at for their form.
pub(crate) fn read<'b>(bytes: &'b [u8], chain: Option<&Chain>) -> Contents<'b> {
    let mut contents = Contents { torn: bytes, ..Contents::default() };
    let mut before = Link::default();
    for number in 1_u64.. {
        let Some((whole, rest)) = split_line(contents.torn) else {
            break;
        };
        let Some((body, link)) = sound(whole, before, chain) else {
            let what = "was changed, or lines before it were moved, added or removed";
            contents.flaw = Some(format!("line {number} {what}"));
            return contents;
        };
        if number > 1 {
            contents.bodies.push(body);
        } else if let Some(header) = Header::parse(body) {
            contents.header = Some(header);
        } else {
            contents.flaw = Some("its first line is not one that this version writes".into());
            return contents;
        }
        before = link;
        contents.torn = rest;
    }
    // A line that is whole but for its newline was not torn: something else was put in the newline's place.
    if let Some((_, line)) = contents.torn.split_last()
        && chain.is_some()
        && sound(line, before, chain).is_some()
    {
        contents.flaw = Some("the end of its last line was changed".into());
    }
    contents
}

fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|b| *b == b'\n')?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

/// Body and link of a line, if it is what `chain` writes after `before`.
fn sound<'l>(whole: &'l [u8], before: Link, chain: Option<&Chain>) -> Option<(&'l [u8], Link)> {
    let (body, end) = whole.split_at_checked(whole.len().checked_sub(SEAL)?)?;
    let link = link_of(end.strip_prefix(b" ")?)?;
    let fits = chain.is_none_or(|chain| chain.link(before, body) == link);
    fits.then_some((body, link))
}

/// Reads a link, in lower-case hex only.
fn link_of(text: &[u8]) -> Option<Link> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_chunks::<2>();
    let bytes: Option<Vec<u8>> = pairs.iter().map(|[a, b]| Some(digit(*a)? << 4 | digit(*b)?)).collect();
    bytes.filter(|_| rest.is_empty())?.try_into().ok()
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
