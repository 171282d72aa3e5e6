//! The head of an HTTP/1 request (RFC 9112), read more strictly than any server does: what two servers could read in
//! two ways is refused, since the one that is meant to see it may read it in the other.

use super::opening::is_token;
use super::{Aim, MOST};
use crate::judge::{Objection, Why};

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
}

/// What a head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Its bytes, the empty line included.
    pub(crate) length: usize,
    pub(crate) body: Body,
    /// Whether it asks for another protocol, one that may be spoken.
    pub(crate) upgrades: bool,
}

/// What the begin of a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// Its end isn't there yet.
    More,
    Head(Head),
    /// HTTP/2 in clear, which may be spoken.
    Http2,
}

/// Reads a head, and holds it against what was judged.
pub(crate) fn parse(stream: &[u8], aim: &Aim) -> Result<Parsed, Objection> {
    let Some(length) = end(stream)? else {
        return Ok(Parsed::More);
    };
    let text = stream.get(..length.saturating_sub(4)).unwrap_or_default();
    let mut lines = Lines(Some(text));
    let first = lines.next().unwrap_or_default();
    if first == b"PRI * HTTP/2.0" {
        return if aim.allows_http2() { Ok(Parsed::Http2) } else { Err(Objection::new(Why::ClearHttp2, first)) };
    }
    let version = request_line(first)?;
    let mut fields = Fields::default();
    for line in lines {
        let (name, value) = field(line)?;
        fields.take(name, value)?;
    }
    fields.check_host(aim)?;
    Ok(Parsed::Head(Head {
        length,
        body: fields.body(version)?,
        upgrades: version == Version::V11 && fields.upgrades(aim),
    }))
}

/// Where the head ends. A line that ends in LF alone is one line to some and two to others.
fn end(stream: &[u8]) -> Result<Option<usize>, Objection> {
    let mut before = 0usize;
    for (at, _) in stream.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        let line = stream.get(before..at).unwrap_or_default();
        match line.split_last() {
            Some((b'\r', [])) => return Ok(Some(at.saturating_add(1))),
            Some((b'\r', rest)) if !rest.contains(&b'\r') => {}
            _ => return Err(Objection::new(Why::HttpUnreadable, line)),
        }
        before = at.saturating_add(1);
    }
    if stream.len() >= MOST {
        return Err(Objection::new(Why::Long, stream));
    }
    Ok(None)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V10,
    V11,
}

fn request_line(line: &[u8]) -> Result<Version, Objection> {
    let odd = || Objection::new(Why::HttpUnreadable, line);
    let mut words = line.split(|&byte| byte == b' ');
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(odd());
    };
    let version = match version {
        b"HTTP/1.1" => Version::V11,
        b"HTTP/1.0" => Version::V10,
        _ => return Err(odd()),
    };
    if method.is_empty() || !method.iter().all(|&byte| is_token(byte)) {
        return Err(odd());
    }
    if target.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
        return Err(odd());
    }
    let star = target == b"*" && method == b"OPTIONS";
    if method.eq_ignore_ascii_case(b"CONNECT") || !(target.starts_with(b"/") || star) {
        return Err(Objection::new(Why::HttpForward, line));
    }
    Ok(version)
}

/// A field: a name, a colon at once, a value on one line.
pub(super) fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Objection> {
    let odd = || Objection::new(Why::HttpUnreadable, line);
    let colon = line.iter().position(|&byte| byte == b':').ok_or_else(odd)?;
    let (name, value) = line.split_at_checked(colon).ok_or_else(odd)?;
    let value = value.get(1..).unwrap_or_default();
    let fine = !name.is_empty()
        && name.iter().all(|&byte| is_token(byte))
        && value.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
    if !fine {
        return Err(odd());
    }
    Ok((name, trim(value)))
}

fn trim(mut value: &[u8]) -> &[u8] {
    while let Some((b' ' | b'\t', rest)) = value.split_first() {
        value = rest;
    }
    while let Some((b' ' | b'\t', rest)) = value.split_last() {
        value = rest;
    }
    value
}

/// The fields that matter, each at most once.
#[derive(Debug, Default)]
struct Fields<'a> {
    host: Option<&'a [u8]>,
    length: Option<&'a [u8]>,
    encoding: Option<&'a [u8]>,
    upgrade: Option<&'a [u8]>,
}

/// Names that say where a request goes or ends. Gateways that make variables of names take `_` for `-`.
pub(super) fn is_framing(name: &[u8]) -> Option<&'static str> {
    let name: Vec<u8> =
        (name.iter()).map(|byte| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() }).collect();
    ["host", "content-length", "transfer-encoding"].into_iter().find(|known| known.as_bytes() == name)
}

impl<'a> Fields<'a> {
    fn take(&mut self, name: &'a [u8], value: &'a [u8]) -> Result<(), Objection> {
        let odd = |seen| Err(Objection::new(Why::HttpUnreadable, seen));
        let slot = match is_framing(name) {
            Some(_) if name.contains(&b'_') => return odd(name),
            Some("host") => &mut self.host,
            Some("content-length") => &mut self.length,
            Some(_) => &mut self.encoding,
            None if name.eq_ignore_ascii_case(b"upgrade") => &mut self.upgrade,
            None => return Ok(()),
        };
        if slot.is_some() {
            return odd(name);
        }
        *slot = Some(value);
        Ok(())
    }

    fn check_host(&self, aim: &Aim) -> Result<(), Objection> {
        let host = self.host.ok_or_else(|| Objection::new(Why::HttpUnnamed, &[]))?;
        let matches = std::str::from_utf8(host).is_ok_and(|text| match text.split_once(':') {
            None => aim.is(text),
            Some((name, port)) => aim.is(name) && port == aim.port().to_string(),
        });
        if matches { Ok(()) } else { Err(Objection::new(Why::HttpHost, host)) }
    }

    /// RFC 9112 §6.3, without its repairs.
    fn body(&self, version: Version) -> Result<Body, Objection> {
        match (self.encoding, self.length) {
            (None, None) => Ok(Body::Length(0)),
            (None, Some(length)) => {
                let digits = (1..=18).contains(&length.len()) && length.iter().all(u8::is_ascii_digit);
                let number = std::str::from_utf8(length).ok().and_then(|text| text.parse().ok());
                number.filter(|_| digits).map(Body::Length).ok_or_else(|| Objection::new(Why::HttpUnreadable, length))
            }
            (Some(encoding), None) if version == Version::V11 && encoding.eq_ignore_ascii_case(b"chunked") => {
                Ok(Body::Chunked)
            }
            (Some(encoding), _) => Err(Objection::new(Why::HttpUnreadable, encoding)),
        }
    }

    /// HTTP/2 by upgrade (RFC 7540 §3.2, since withdrawn) is HTTP/2 in clear: unless that may be spoken, it is as if
    /// it had not been asked for, and a server that agrees is not followed.
    fn upgrades(&self, aim: &Aim) -> bool {
        let Some(upgrade) = self.upgrade else {
            return false;
        };
        let http = upgrade.split(|&byte| byte == b',').map(trim).any(|token| {
            let token = token.to_ascii_lowercase();
            token.starts_with(b"h2") || token.starts_with(b"http")
        });
        !http || aim.allows_http2()
    }
}

/// Lines that are known to end in CR LF.
struct Lines<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.0.take()?;
        let Some(at) = text.windows(2).position(|two| two == b"\r\n") else {
            return Some(text);
        };
        self.0 = text.get(at.saturating_add(2)..);
        text.get(..at)
    }
}
