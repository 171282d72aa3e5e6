//! A connection's first bytes: what is going to be spoken?

use super::Speech;
use crate::judge::Why;

/// The ports of HTTP and TLS: nothing else is spoken there.
const WEB: [u16; 2] = [80, 443];

/// How a proxy begins that says for whom it speaks: the PROXY protocol, as text and in its second version.
const PROXY: &[u8] = b"PROXY ";
const PROXY_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Methods of requests that some servers answer without a version behind the target (HTTP/0.9).
const METHODS: [&[u8]; 8] = [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE"];

/// What the first bytes could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guess {
    /// Anything, yet.
    Undecided,
    /// Anything, yet; but it may go on, and is remembered.
    Late,
    /// TLS, or so like it that some server may take it for that.
    Tls,
    /// HTTP, or so like it that a lenient server may take it for that.
    Http,
    /// Neither, where that is fine.
    Other,
    /// What goes on nowhere.
    Refused(Why),
}

/// Before anything is known.
#[derive(Debug)]
pub(crate) struct Opening {
    port: u16,
    /// What went on before it was known what it is: the begin of a line, which no server acts on.
    pub(crate) before: Vec<u8>,
    tired: bool,
}

impl Opening {
    pub(crate) fn new(port: u16) -> Self {
        Self { port, before: Vec::new(), tired: false }
    }

    /// Whether it is held only for a while: a few protocols begin with a word that has no line's end.
    pub(crate) fn is_patient(&self) -> bool {
        !self.is_web() && !self.tired
    }

    pub(crate) fn tire(&mut self) {
        self.tired = !self.is_web();
    }

    fn is_web(&self) -> bool {
        WEB.contains(&self.port)
    }

    pub(crate) fn guess(&mut self, rest: &[u8], speech: Speech) -> Guess {
        if rest.is_empty() && speech == Speech::Goes {
            return Guess::Undecided;
        }
        let all;
        let seen = if self.before.is_empty() {
            rest
        } else {
            all = [&self.before, rest].concat();
            &all
        };
        let guess = match look(seen) {
            Guess::Late | Guess::Other if self.is_web() => Guess::Refused(Why::Unknown),
            // of a hello, nothing went on before it was read
            Guess::Tls if !self.before.is_empty() => Guess::Refused(Why::TlsUnreadable),
            guess @ (Guess::Undecided | Guess::Late) if !self.is_web() => self.unsure(guess, seen, speech),
            guess @ (Guess::Undecided | Guess::Late | Guess::Tls | Guess::Http | Guess::Other | Guess::Refused(_)) => {
                guess
            }
        };
        if guess == Guess::Late {
            self.before.extend_from_slice(rest);
        }
        guess
    }

    /// What is to become of a line without an end.
    fn unsure(&self, guess: Guess, seen: &[u8], speech: Speech) -> Guess {
        let (word, line) = begin(seen);
        match speech {
            // to some servers, the end of all is the end of a line
            Speech::Ended if is_request(word, line) => Guess::Refused(Why::HttpUnreadable),
            Speech::Ended => Guess::Other,
            // some servers read lines that are longer, but none whose first word is no method
            Speech::Goes if seen.len() >= super::MOST => {
                if word.iter().copied().all(is_token) {
                    Guess::Refused(Why::Long)
                } else {
                    Guess::Other
                }
            }
            Speech::Goes if self.tired => Guess::Late,
            Speech::Goes => guess,
        }
    }
}

fn look(seen: &[u8]) -> Guess {
    if seen == [HANDSHAKE] || PROXY_2.starts_with(seen) && seen != PROXY_2 {
        return Guess::Undecided;
    }
    if is_record(seen) || is_old_hello(seen) {
        return Guess::Tls;
    }
    let (word, line) = begin(seen);
    if line.starts_with(PROXY) || seen.starts_with(PROXY_2) {
        return Guess::Refused(Why::Proxied);
    }
    let Some(end) = line.iter().position(|&byte| byte == b'\n') else {
        // what no method begins with is not held, but some server may still make a request of the line
        return if is_text(word) { Guess::Undecided } else { Guess::Late };
    };
    let line = line.get(..end).unwrap_or_default();
    if is_request(word, line) { Guess::Http } else { Guess::Other }
}

const HANDSHAKE: u8 = 22;

/// Whether a server of TLS may read a record there, whatever its type: some drop alerts, empty records and changes of
/// ciphers that come before a hello. Its version is 3 to all; but Go's reads on up to 16, `GnuTLS` from 0, Java's without an
/// end: there, only what goes on as such a record does is taken for one, since other protocols begin with a length.
fn is_record(seen: &[u8]) -> bool {
    match seen {
        [20..=24, 3, ..] | [20, _, _, 0, 1, 1, ..] | [21, _, _, 0, 2, 1 | 2, ..] => true,
        [HANDSHAKE, _, _, high, low, 1, ..] => (*high, *low) != (0, 0),
        _ => false,
    }
}

/// Whether it is a hello as SSL 2 framed it (RFC 5246, E.2): it names no server. Its head has two bytes, or three.
fn is_old_hello(seen: &[u8]) -> bool {
    let (high, low, hello) = match seen {
        [high, low, hello @ ..] if *high >= 0x80 => (high & 0x7f, low, hello),
        [high, low, _, hello @ ..] if *high < 0x40 => (*high, low, hello),
        _ => return false,
    };
    let [1, _, _, lengths @ ..] = hello else {
        return false;
    };
    let Some((&[ciphers, session, challenge], _)) = lengths.as_chunks::<2>().0.split_first_chunk() else {
        return false;
    };
    let [ciphers, session, challenge] = [ciphers, session, challenge].map(|two| usize::from(u16::from_be_bytes(two)));
    let whole = ciphers.saturating_add(session).saturating_add(challenge).saturating_add(9);
    ciphers > 0 && ciphers % 3 == 0 && whole <= usize::from(u16::from_be_bytes([high, *low]))
}

/// The first word, and the line that it is in and what follows. Servers skip empty lines before a request (RFC 9112
/// §2.2), some skip any white space.
fn begin(seen: &[u8]) -> (&[u8], &[u8]) {
    let blank = seen.iter().take_while(|&&byte| is_space(byte)).count();
    let line = seen.get(blank..).unwrap_or_default();
    let word = line.iter().take_while(|&&byte| !is_space(byte)).count();
    (line.get(..word).unwrap_or_default(), line)
}

fn is_text(word: &[u8]) -> bool {
    word.iter().all(u8::is_ascii_graphic)
}

/// Whether some server may take a line for a request's first. What is no proper one is then refused as one, not let
/// through as something else.
fn is_request(word: &[u8], line: &[u8]) -> bool {
    let is_http = |five: &[u8]| five.eq_ignore_ascii_case(b"HTTP/");
    let mut words = line.split(|&byte| is_space(byte)).filter(|word| !word.is_empty()).skip(1);
    if !is_text(word) {
        return words.last().and_then(|last| last.get(..5)).is_some_and(is_http);
    }
    if line.windows(5).any(is_http) {
        return true;
    }
    let (target, more) = (words.next().unwrap_or_default(), words.next());
    let is_target = target.starts_with(b"/") || target.windows(3).any(|three| three == b"://");
    METHODS.contains(&word) && is_target || word == b"GET" && !target.is_empty() && more.is_none()
}

/// What some server takes for white space (RFC 9112 §3; Python's, that of Latin-1).
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r' | 0x1c..=0x1f | 0x85 | 0xa0)
}

/// RFC 9110 §5.6.2.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_what_is_spoken() {
        let table: &[(&[u8], Guess)] = &[
            (b"", Guess::Undecided),
            (b"\x16", Guess::Undecided),
            (b"\x16\x03", Guess::Tls),
            (b"\x16\x04", Guess::Late),
            (b"\x16\x04\x01\x02\0\x01", Guess::Tls),
            (b"\x16\0\0\0\x05\x01", Guess::Tls),
            (b"\x15\x03", Guess::Tls),
            (b"\x15\x01\0\0\x02\x01", Guess::Tls),
            (b"\x14\x03", Guess::Tls),
            (b"\x14\x02\0\0\x01\x01", Guess::Tls),
            (b"\x17\x03", Guess::Tls),
            (b"\x18\x03", Guess::Tls),
            // MongoDB's: a length, then a number that begins anywhere
            (b"\x16\x01\0\0\x01\0\0\0\0\0\0\0\xd4\x07", Guess::Late),
            // SSL 2: ciphers, no session, a challenge
            (b"\x80\x1c\x01\x03\x01\0\x03\0\0\0\x10", Guess::Tls),
            (b"\0\x1c\0\x01\x03\x01\0\x03\0\0\0\x10", Guess::Tls),
            // Thrift's, Cassandra's and a lookup
            (b"\x82\x21\x01\x04ping\0\0\0\0", Guess::Late),
            (b"\x04\0\0\x01\x01\0\0\0\x16\0\x01\0", Guess::Late),
            (b"\0\x1d\0\x01\x01\0\0\x01\0\0\0\0\0\0", Guess::Late),
            (b"PROXY TCP4 ", Guess::Refused(Why::Proxied)),
            (b"\r\n\r\n\0\r\nQUIT\n", Guess::Refused(Why::Proxied)),
            (b"\r\n\r\n\0\r\nQUI", Guess::Undecided),
            (b"GET", Guess::Undecided),
            (b"GET / HT", Guess::Undecided),
            (b"GET / HTTP/1.1\r\n", Guess::Http),
            (b"get\t/ http/1.1\n", Guess::Http),
            (b"\r\n\nGET / HTTP/1.1\n", Guess::Http),
            (b"PRI * HTTP/2.0\r\n", Guess::Http),
            (b"GET /\r\n", Guess::Http),
            (b"GET x\r\n", Guess::Http),
            (b"GET /x y\r\n", Guess::Http),
            (b"POST http://x/\n", Guess::Http),
            (b"\xa0GET\x1c/\x85http/1.0\n", Guess::Http),
            (b"\xef\xbb\xbfGET / HTTP/1.1\r\n", Guess::Http),
            (b"\0GET / HTTP/1.1 \r\n", Guess::Http),
            (b"get /key\r\n", Guess::Other),
            (b"GET a b\r\n", Guess::Other),
            (b"GET\r\n", Guess::Other),
            // what speaks of requests to a program behind
            (b"\x124\0\x10\x02\x02\0\x08HTTP/1.1\0\n", Guess::Other),
            (b"EHLO me.example\r\n", Guess::Other),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Guess::Other),
            (b"QUIT\n", Guess::Other),
            (b"JRMI\0", Guess::Late),
            (b"\0\0\0\x08", Guess::Late),
            (b" GET / HTTP/1.1\r\n", Guess::Http),
            (b"G(T / HTTP/1.1\r\n", Guess::Http),
            (b"<stream to='x'>", Guess::Undecided),
            (b"\xffword", Guess::Late),
            (b"\xffword\n", Guess::Other),
            (b"*1\r\n$4\r\nPING\r\n", Guess::Other),
            (b"\r\n", Guess::Undecided),
        ];
        for (bytes, guess) in table {
            let shown = String::from_utf8_lossy(bytes);
            assert_eq!(look(bytes), *guess, "{shown:?}");
        }
    }

    #[test]
    fn a_pause_lets_the_begin_of_a_line_go_and_the_line_is_still_read() {
        let mut opening = Opening::new(8080);
        assert_eq!(opening.guess(b"GET / HT", Speech::Goes), Guess::Undecided);
        opening.tire();
        assert_eq!(opening.guess(b"GET / HT", Speech::Goes), Guess::Late);
        assert_eq!(opening.guess(b"TP/1.1\r\n", Speech::Goes), Guess::Http);
        assert_eq!(opening.before, b"GET / HT");
        let mut web = Opening::new(80);
        web.tire();
        assert_eq!(web.guess(b"GET / HT", Speech::Goes), Guess::Undecided);
        assert_eq!(web.guess(b"QUIT\n", Speech::Goes), Guess::Refused(Why::Unknown));
    }
}
