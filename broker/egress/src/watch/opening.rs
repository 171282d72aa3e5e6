//! A connection's first bytes: what is going to be spoken?

use super::Speech;

/// The ports of HTTP and TLS: nothing else is spoken there.
const WEB: [u16; 2] = [80, 443];

/// What the first bytes could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guess {
    /// Anything, yet.
    Undecided,
    /// Anything, yet; but it may go on, and is remembered.
    Late,
    Tls,
    /// HTTP, or so like it that a lenient server may take it for that.
    Http,
    /// Neither, where that is fine.
    Other,
    /// Neither, where that is not.
    Unknown,
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
        let all;
        let seen = if self.before.is_empty() {
            rest
        } else {
            all = [&self.before, rest].concat();
            &all
        };
        let guess = look(seen);
        let elsewhere = !self.is_web();
        match guess {
            Guess::Other if !elsewhere => Guess::Unknown,
            Guess::Undecided if elsewhere && (speech == Speech::Ended || seen.len() >= super::MOST) => Guess::Other,
            Guess::Undecided if self.tired && !rest.is_empty() => {
                self.before.extend_from_slice(rest);
                Guess::Late
            }
            Guess::Undecided | Guess::Late | Guess::Tls | Guess::Http | Guess::Other | Guess::Unknown => guess,
        }
    }
}

fn look(seen: &[u8]) -> Guess {
    match seen {
        [] | [22] => return Guess::Undecided,
        [22, 3, ..] => return Guess::Tls,
        _ => {}
    }
    // Servers skip empty lines before a request (RFC 9112 §2.2), some skip any white space.
    let blank = seen.iter().take_while(|&&byte| is_space(byte)).count();
    let line = seen.get(blank..).unwrap_or_default();
    let word = line.iter().take_while(|&&byte| !is_space(byte));
    if !word.clone().all(u8::is_ascii_graphic) {
        return Guess::Other;
    }
    let Some(end) = line.iter().position(|&byte| byte == b'\n') else {
        return Guess::Undecided;
    };
    let line = line.get(..end).unwrap_or_default();
    // wherever it stands: what is no proper request is then refused as one, not let through as something else
    let names_http = line.windows(5).any(|five| five.eq_ignore_ascii_case(b"HTTP/"));
    if names_http { Guess::Http } else { Guess::Other }
}

/// What some server takes for white space (RFC 9112 §3).
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
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
            (b"\x16\x04", Guess::Other),
            (b"GET", Guess::Undecided),
            (b"GET / HT", Guess::Undecided),
            (b"GET / HTTP/1.1\r\n", Guess::Http),
            (b"get\t/ http/1.1\n", Guess::Http),
            (b"\r\n\nGET / HTTP/1.1\n", Guess::Http),
            (b"PRI * HTTP/2.0\r\n", Guess::Http),
            (b"GET /\r\n", Guess::Other),
            (b"EHLO me.example\r\n", Guess::Other),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Guess::Other),
            (b"QUIT\n", Guess::Other),
            (b"JRMI\0", Guess::Other),
            (b"\0\0\0\x08", Guess::Other),
            (b" GET / HTTP/1.1\r\n", Guess::Http),
            (b"G(T / HTTP/1.1\r\n", Guess::Http),
            (b"<stream to='x'>", Guess::Undecided),
            (b"\xffword", Guess::Other),
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
        assert_eq!(web.guess(b"QUIT\n", Speech::Goes), Guess::Unknown);
    }
}
