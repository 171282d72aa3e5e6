//! Reads messages. Everything here is hostile: nothing is trusted to be where it says, every loop is bounded.

use super::kind;

/// A name on the wire has at most 255 bytes (RFC 1035 §3.1), so at most 127 labels.
const LABELS: usize = 128;
/// Records that are looked at in one message; a resolver's answer has a few dozen at most.
const RECORDS: u16 = 128;

/// A header: id, flags, and how many of each section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id: u16,
    pub(crate) flags: u16,
    pub(crate) counts: [u16; 4],
}

impl Header {
    pub(crate) fn is_response(self) -> bool {
        self.flags & 0x8000 != 0
    }

    pub(crate) fn opcode(self) -> u16 {
        self.flags >> 11 & 0xf
    }

    pub(crate) fn is_cut(self) -> bool {
        self.flags & 0x0200 != 0
    }

    pub(crate) fn code(self) -> u16 {
        self.flags & 0xf
    }
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question<'a> {
    /// As it came, to be repeated in the answer.
    pub(crate) raw: &'a [u8],
    /// In text, labels parted by dots; none if a label holds a byte that no host name has, or a dot.
    pub(crate) name: Option<String>,
    pub(crate) kind: u16,
    pub(crate) class: u16,
}

/// One record of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) name: Option<String>,
    pub(crate) kind: u16,
    pub(crate) class: u16,
    pub(crate) ttl: u32,
    pub(crate) content: &'a [u8],
    /// Where the content begins in the message: names in it may point back.
    pub(crate) at: usize,
}

/// A place in a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self { message, at: 0 }
    }

    pub(crate) fn at(message: &'a [u8], at: usize) -> Self {
        Self { message, at }
    }

    pub(crate) fn header(&mut self) -> Option<Header> {
        Some(Header {
            id: self.u16()?,
            flags: self.u16()?,
            counts: [self.u16()?, self.u16()?, self.u16()?, self.u16()?],
        })
    }

    pub(crate) fn question(&mut self) -> Option<Question<'a>> {
        let from = self.at;
        let name = self.name()?;
        let (kind, class) = (self.u16()?, self.u16()?);
        Some(Question { raw: self.message.get(from..self.at)?, name, kind, class })
    }

    pub(crate) fn record(&mut self) -> Option<Record<'a>> {
        let name = self.name()?;
        let (kind, class) = (self.u16()?, self.u16()?);
        let ttl = u32::from(self.u16()?) << 16 | u32::from(self.u16()?);
        let length = usize::from(self.u16()?);
        let at = self.at;
        let content = self.take(length)?;
        Some(Record { name, kind, class, ttl, content, at })
    }

    /// All records of some sections, as far as they are looked at.
    pub(crate) fn records(&mut self, count: u16) -> Option<Vec<Record<'a>>> {
        if count > RECORDS {
            return None;
        }
        (0..count).map(|_| self.record()).collect()
    }

    /// A name, which may point to an earlier place (RFC 1035 §4.1.4): only ever backwards, so that it ends.
    /// `None` if it is malformed, `Some(None)` if it is no host name.
    #[allow(clippy::option_option, reason = "malformed and strange are two things")]
    pub(crate) fn name(&mut self) -> Option<Option<String>> {
        let mut text = String::new();
        let mut is_host = true;
        let (mut here, mut length, mut jumped) = (*self, 1usize, false);
        let mut lowest = self.at;
        for _ in 0..LABELS {
            let first = here.u8()?;
            match first {
                0 => {
                    if !jumped {
                        self.at = here.at;
                    }
                    return Some(is_host.then_some(text));
                }
                1..=63 => {
                    let label = here.take(usize::from(first))?;
                    length = length.checked_add(label.len())?.checked_add(1)?;
                    if length > 255 {
                        return None;
                    }
                    if !text.is_empty() {
                        text.push('.');
                    }
                    is_host &= label.iter().all(|&b| b.is_ascii_graphic() && b != b'.');
                    text.extend(label.iter().map(|&b| char::from(b)));
                }
                0xc0.. => {
                    let to = usize::from(u16::from(first & 0x3f) << 8 | u16::from(here.u8()?));
                    if !jumped {
                        self.at = here.at;
                        jumped = true;
                    }
                    if to >= lowest {
                        return None;
                    }
                    lowest = to;
                    here.at = to;
                }
                // the two other kinds of labels are long dead (RFC 6891 §5)
                64..=191 => return None,
            }
        }
        None
    }

    fn u8(&mut self) -> Option<u8> {
        let byte = *self.message.get(self.at)?;
        self.at = self.at.checked_add(1)?;
        Some(byte)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes([self.u8()?, self.u8()?]))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let to = self.at.checked_add(length)?;
        let taken = self.message.get(self.at..to)?;
        self.at = to;
        Some(taken)
    }
}

/// Whether any of these records says that the asker knows EDNS (RFC 6891), and must be answered so.
pub(crate) fn has_edns(records: &[Record<'_>]) -> bool {
    records.iter().any(|record| record.kind == kind::OPT)
}
