//! The `ClientHello` of TLS (RFC 8446 §4.1.2), as far as it says which server is meant (RFC 6066 §3). It must be whole,
//! well-formed to its last byte, and say each thing once.

/// A handshake message that is longer is not read; hellos with the largest keys known have about 2 KiB.
const LONGEST: usize = 32 * 1024;
/// RFC 8446 §5.1.
const RECORD: usize = 16 * 1024;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const HIDDEN: u16 = 0xfe0d;

/// What a hello says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hello {
    /// The server's name; none if it names none.
    pub(crate) name: Option<Vec<u8>>,
    /// Whether it carries an encrypted one.
    pub(crate) hidden: bool,
    /// How many bytes of the stream it took, its records' heads included.
    pub(crate) length: usize,
}

/// What a stream's begin is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// Well-formed so far.
    More,
    /// No hello.
    Malformed,
    Hello(Hello),
}

/// Reads a hello from the begin of a stream.
pub(crate) fn parse(stream: &[u8]) -> Parsed {
    let mut message = Vec::new();
    let mut at = 0usize;
    loop {
        let rest = stream.get(at..).unwrap_or_default();
        let Some((record, length)) = record(rest) else {
            return Parsed::Malformed;
        };
        let Some(content) = record else {
            return Parsed::More;
        };
        message.extend_from_slice(content);
        at = at.saturating_add(length);
        if message.first().is_some_and(|&kind| kind != CLIENT_HELLO) {
            return Parsed::Malformed;
        }
        let Some([_, a, b, c]) = message.first_chunk() else {
            continue;
        };
        let size = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        if size > LONGEST {
            return Parsed::Malformed;
        }
        let body = message.get(4..).unwrap_or_default();
        // behind a hello the client waits: nothing else is in its last record
        match body.len().cmp(&size) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Greater => return Parsed::Malformed,
            std::cmp::Ordering::Equal => {
                return hello(body)
                    .map_or(Parsed::Malformed, |(name, hidden)| Parsed::Hello(Hello { name, hidden, length: at }));
            }
        }
    }
}

/// The content of a handshake record and its length with its head; no content if it isn't there yet. `None` if it is
/// no handshake record.
#[allow(clippy::type_complexity, reason = "two fields, named in the line above")]
fn record(stream: &[u8]) -> Option<(Option<&[u8]>, usize)> {
    let more = Some((None, 0));
    match stream.first() {
        None => return more,
        Some(&kind) if kind != HANDSHAKE => return None,
        Some(_) => {}
    }
    match stream.get(1) {
        None => return more,
        Some(&major) if major != 3 => return None,
        Some(_) => {}
    }
    let Some(&[_, _, _, high, low]) = stream.first_chunk() else {
        return more;
    };
    let size = usize::from(u16::from_be_bytes([high, low]));
    if size == 0 || size > RECORD {
        return None;
    }
    let length = size.checked_add(5)?;
    match stream.get(5..length) {
        None => more,
        content => Some((content, length)),
    }
}

fn hello(body: &[u8]) -> Option<(Option<Vec<u8>>, bool)> {
    let mut body = Cut(body);
    // version, random
    body.take(34)?;
    if body.short()?.len() > 32 {
        return None;
    }
    let suites = body.long()?;
    let compressions = body.short()?;
    if suites.is_empty() || suites.len() % 2 != 0 || compressions.is_empty() {
        return None;
    }
    if body.0.is_empty() {
        return Some((None, false));
    }
    let mut extensions = Cut(body.long()?);
    if !body.0.is_empty() {
        return None;
    }
    let (mut name, mut hidden) = (None, false);
    while !extensions.0.is_empty() {
        let (kind, content) = (extensions.number()?, extensions.long()?);
        match kind {
            SERVER_NAME if name.is_some() => return None,
            SERVER_NAME => name = Some(server_name(content)?),
            HIDDEN if hidden => return None,
            HIDDEN => hidden = true,
            _ => {}
        }
    }
    Some((name, hidden))
}

/// A list of exactly one, of the one type there is.
fn server_name(content: &[u8]) -> Option<Vec<u8>> {
    let mut content = Cut(content);
    let mut list = Cut(content.long()?);
    if !content.0.is_empty() || list.take(1)? != [0] {
        return None;
    }
    let name = list.long()?;
    (list.0.is_empty() && !name.is_empty()).then(|| name.to_vec())
}

/// What is left to be read.
struct Cut<'a>(&'a [u8]);

impl<'a> Cut<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*number))
    }

    /// With one byte of length in front.
    fn short(&mut self) -> Option<&'a [u8]> {
        let length = *self.take(1)?.first()?;
        self.take(usize::from(length))
    }

    /// With two bytes of length in front.
    fn long(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::from(length))
    }
}
