//! Where a chunked body ends (RFC 9112 §7.1).

use super::head::{field, is_framing};
use crate::judge::{Objection, Why};

/// A chunk's size and its extensions, or a line of the trailer.
const LINE: usize = 8 * 1024;
/// Lines of a trailer.
const TRAILER: usize = 128;

/// A place in a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunks {
    /// A chunk's first line is next.
    Size,
    /// So many bytes of a chunk are left.
    Content(u64),
    /// The line's end behind a chunk is next.
    Behind,
    /// A line of the trailer is next, so many were there.
    Trailer(usize),
    /// The body is over.
    Done,
}

impl Chunks {
    /// How many bytes may go on.
    pub(crate) fn release(&mut self, held: &[u8]) -> Result<usize, Objection> {
        let mut gone = 0usize;
        while *self != Self::Done {
            let rest = held.get(gone..).unwrap_or_default();
            if let Self::Content(left) = *self {
                let here = u64::try_from(rest.len()).unwrap_or(u64::MAX).min(left);
                let left = left.saturating_sub(here);
                *self = if left == 0 { Self::Behind } else { Self::Content(left) };
                let here = usize::try_from(here).unwrap_or(rest.len());
                if here == 0 && rest.is_empty() {
                    break;
                }
                gone = gone.saturating_add(here);
                continue;
            }
            let Some(line) = line(rest)? else {
                break;
            };
            self.next(line)?;
            gone = gone.saturating_add(line.len()).saturating_add(2);
        }
        Ok(gone)
    }

    fn next(&mut self, line: &[u8]) -> Result<(), Objection> {
        let odd = || Err(Objection::new(Why::HttpUnreadable, line));
        *self = match *self {
            Self::Size => match size(line) {
                None => return odd(),
                Some(0) => Self::Trailer(0),
                Some(size) => Self::Content(size),
            },
            Self::Behind if line.is_empty() => Self::Size,
            Self::Trailer(_) if line.is_empty() => Self::Done,
            Self::Trailer(lines) if lines < TRAILER && is_framing(field(line)?.0).is_none() => {
                Self::Trailer(lines.saturating_add(1))
            }
            Self::Behind | Self::Trailer(_) | Self::Content(_) | Self::Done => return odd(),
        };
        Ok(())
    }
}

/// A line without its CR LF; none if its end isn't there yet.
fn line(rest: &[u8]) -> Result<Option<&[u8]>, Objection> {
    let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
        return if rest.len() > LINE { Err(Objection::new(Why::Long, rest)) } else { Ok(None) };
    };
    let line = rest.get(..end).unwrap_or_default();
    match line.split_last() {
        Some((b'\r', line)) if line.len() <= LINE && !line.contains(&b'\r') => Ok(Some(line)),
        _ => Err(Objection::new(Why::HttpUnreadable, line)),
    }
}

/// Hexadecimal digits, and extensions that hide nothing.
fn size(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, behind) = line.split_at_checked(digits)?;
    let plain = behind.iter().all(|&byte| (b' '..0x7f).contains(&byte));
    let fine = (1..=15).contains(&digits.len()) && (behind.is_empty() || behind.starts_with(b";"));
    if !fine || !plain {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
