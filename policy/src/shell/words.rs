//! Words: quotes, parameters, substitutions, arithmetic.

use super::cursor::{Cursor, Read, ends_word, name_of, names};
use super::parse::Parser;
use super::reading::Why;
use super::tree::{Body, Parameter, Piece, Quotes, Text};

/// Where a word ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// At a blank or an operator.
    Word,
    /// At the `"` that closes.
    Quote,
    /// At the `}` of `${…}`.
    Brace(Quotes),
    /// At the `]` of a subscript.
    Bracket,
    /// At the `))` of arithmetic.
    Parens,
    /// At the end of the text: bodies of heredocs.
    End,
}

impl Parser<'_> {
    /// A word that starts here.
    pub(super) fn word(&mut self) -> Read<Text> {
        let start = self.cursor.at;
        let text = self.pieces(Until::Word)?;
        if self.cursor.at == start { Err(self.cursor.fault(Why::Syntax)) } else { Ok(text) }
    }

    /// Pieces up to an end, which is not passed over.
    pub(super) fn pieces(&mut self, until: Until) -> Read<Text> {
        self.cursor.part()?;
        self.cursor.enter()?;
        let start = self.cursor.at;
        let mut pieces = Pieces { found: Vec::new(), start, open: 0 };
        while let Some(byte) = self.cursor.byte() {
            if pieces.ends(byte, until, &self.cursor) {
                break;
            }
            self.piece(&mut pieces, byte, until)?;
        }
        self.cursor.leave();
        if matches!(until, Until::Parens | Until::Bracket) {
            self.cursor.parts((self.cursor.at - start) / 4)?;
        }
        Ok(Text { pieces: pieces.found, span: self.cursor.since(start) })
    }

    fn piece(&mut self, pieces: &mut Pieces, byte: u8, until: Until) -> Read<()> {
        let quotes = until.quotes();
        let literal = matches!(until, Until::Quote | Until::End) || until == Until::Brace(Quotes::Double);
        match byte {
            b'\\' => self.backslash(pieces, until)?,
            b'$' => self.dollar(pieces, quotes, until)?,
            b'`' => {
                let body = self.backticks(quotes)?;
                pieces.found.push(Piece::Substitution(Box::new(body), quotes));
            }
            b'\'' if !literal => {
                self.cursor.at += 1;
                let inside = self.until_byte(b'\'')?;
                pieces.quoted(inside);
            }
            b'"' if until != Until::End => {
                self.cursor.at += 1;
                let inside = self.pieces(Until::Quote)?;
                self.cursor.expect("\"")?;
                pieces.quoted("");
                pieces.found.extend(inside.pieces);
            }
            b'<' | b'>' if until == Until::Word && self.cursor.byte_behind(1) == Some(b'(') => {
                self.cursor.at += 2;
                let body = self.body()?;
                pieces.found.push(Piece::Process(Box::new(body)));
            }
            b'(' if until == Until::Word => return Err(self.cursor.fault(Why::Syntax)),
            b'~' if until == Until::Word && pieces.found.is_empty() => pieces.found.push(self.tilde()),
            _ => {
                let next = self.cursor.next().ok_or(self.cursor.fault(Why::Syntax))?;
                if literal { pieces.quoted(next.encode_utf8(&mut [0; 4])) } else { pieces.plain(next) }
            }
        }
        Ok(())
    }

    fn tilde(&mut self) -> Piece {
        self.cursor.at += 1;
        let rest = self.cursor.rest();
        let end = rest.bytes().position(|b| ends_word(b) || b == b'/' || b == b':').unwrap_or(rest.len());
        let user = rest.get(..end).unwrap_or_default();
        if user.contains(['\'', '"', '\\', '$', '`', '*', '?', '[', '{']) {
            return Piece::Quoted("~".to_owned());
        }
        self.cursor.at += end;
        Piece::Tilde(user.to_owned())
    }

    /// Text up to a byte, which is passed over.
    fn until_byte(&mut self, end: u8) -> Read<&str> {
        let rest = self.cursor.rest();
        let length = rest.bytes().position(|byte| byte == end).ok_or(self.cursor.fault(Why::Syntax))?;
        self.cursor.at += length + 1;
        Ok(rest.get(..length).unwrap_or_default())
    }

    fn backslash(&mut self, pieces: &mut Pieces, until: Until) -> Read<()> {
        self.cursor.at += 1;
        let within = matches!(until, Until::Quote | Until::End | Until::Brace(Quotes::Double) | Until::Parens);
        let next = self.cursor.next();
        match next {
            Some('\n') => {}
            Some(next @ ('$' | '`' | '\\')) if within => pieces.quoted(next.encode_utf8(&mut [0; 4])),
            Some('"') if until == Until::Quote => pieces.quoted("\""),
            Some(next @ ('"' | '}')) if until == Until::Brace(Quotes::Double) => {
                pieces.quoted(next.encode_utf8(&mut [0; 4]));
            }
            Some(next) if within => {
                pieces.quoted("\\");
                pieces.quoted(next.encode_utf8(&mut [0; 4]));
            }
            Some(next) => pieces.quoted(next.encode_utf8(&mut [0; 4])),
            None => return Err(self.cursor.fault(Why::Syntax)),
        }
        Ok(())
    }

    fn dollar(&mut self, pieces: &mut Pieces, quotes: Quotes, until: Until) -> Read<()> {
        self.cursor.part()?;
        let plain = !matches!(until, Until::Quote | Until::End) && until != Until::Brace(Quotes::Double);
        let rest = self.cursor.rest();
        if rest.starts_with("$((") {
            self.cursor.at += 3;
            let inside = self.pieces(Until::Parens)?;
            self.cursor.expect("))")?;
            pieces.found.push(Piece::Arithmetic(Box::new(inside), quotes));
        } else if rest.starts_with("$(") {
            self.cursor.at += 2;
            let body = self.body()?;
            pieces.found.push(Piece::Substitution(Box::new(body), quotes));
        } else if rest.starts_with("${") {
            self.cursor.at += 2;
            let parameter = self.parameter(quotes)?;
            pieces.found.push(Piece::Parameter(Box::new(parameter), quotes));
        } else if rest.starts_with("$[") {
            self.cursor.at += 2;
            let inside = self.pieces(Until::Bracket)?;
            self.cursor.expect("]")?;
            pieces.found.push(Piece::Arithmetic(Box::new(inside), quotes));
        } else if plain && rest.starts_with("$'") {
            self.cursor.at += 2;
            let text = self.ansi()?;
            pieces.quoted(&text);
        } else if plain && rest.starts_with("$\"") {
            self.translated.push(self.cursor.at);
            self.cursor.at += 1;
        } else {
            self.short(pieces, quotes);
        }
        Ok(())
    }

    /// `$name`, `$1`, `$?`, or a dollar that stands for itself.
    fn short(&mut self, pieces: &mut Pieces, quotes: Quotes) {
        self.cursor.at += 1;
        let rest = self.cursor.rest();
        let mut name = name_of(rest);
        if name.is_empty() {
            let special = |c: char| c.is_ascii_digit() || "@*#?-$!".contains(c);
            name = rest.get(..1).filter(|first| first.chars().all(special)).unwrap_or_default();
        }
        if name.is_empty() {
            pieces.quoted("$");
            return;
        }
        self.cursor.at += name.len();
        let parameter = Parameter { name: name.to_owned(), ..Parameter::default() };
        pieces.found.push(Piece::Parameter(Box::new(parameter), quotes));
    }

    /// Behind `${`, up to and over its `}`.
    fn parameter(&mut self, quotes: Quotes) -> Read<Parameter> {
        let mut parameter = Parameter::default();
        let rest = self.cursor.rest();
        if rest.starts_with('#') && !rest.starts_with("#}") {
            parameter.length = true;
            self.cursor.at += 1;
        } else if rest.starts_with('!') && !rest.starts_with("!}") {
            parameter.indirect = true;
            self.cursor.at += 1;
        }
        let rest = self.cursor.rest();
        let mut name = name_of(rest);
        if name.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let special = usize::from(rest.starts_with(['@', '*', '#', '?', '-', '$', '!']));
            name = rest.get(..digits.max(special)).unwrap_or_default();
        }
        if name.is_empty() {
            return Err(self.cursor.fault(Why::Syntax));
        }
        name.clone_into(&mut parameter.name);
        self.cursor.at += name.len();
        if self.cursor.skip("[") {
            parameter.subscript = Some(self.pieces(Until::Bracket)?);
            self.cursor.expect("]")?;
        }
        if !self.cursor.skip("}") {
            let rest = self.cursor.rest();
            let known = [
                ":-", ":=", ":?", ":+", "-", "=", "?", "+", "##", "#", "%%", "%", "//", "/#", "/%", "/", "^^", "^",
                ",,", ",", "@", ":",
            ];
            let operator = known.iter().find(|one| rest.starts_with(**one)).ok_or(self.cursor.fault(Why::Syntax))?;
            (*operator).clone_into(&mut parameter.operator);
            self.cursor.at += operator.len();
            parameter.argument = Some(self.pieces(Until::Brace(quotes))?);
            self.cursor.expect("}")?;
        }
        Ok(parameter)
    }

    /// A list up to and over its `)`.
    pub(super) fn body(&mut self) -> Read<Body> {
        let start = self.cursor.at;
        let waiting = std::mem::take(&mut self.waiting);
        let heres = std::mem::take(&mut self.heres);
        let list = self.list()?;
        let span = self.cursor.since(start);
        self.cursor.expect(")")?;
        if !self.waiting.is_empty() {
            return Err(self.cursor.fault(Why::Syntax));
        }
        self.waiting = waiting;
        let heres = std::mem::replace(&mut self.heres, heres);
        // Bash (5.2) prints the list anew and runs what it printed, which loses a `;` behind a here-document: `$(p <<E; q; r)`
        // can be `q r`.
        if !heres.is_empty() && !list.is_one_simple() {
            return Err(self.cursor.fault(Why::Syntax));
        }
        let text = span.of(self.cursor.text).to_owned();
        Ok(Body { list, heres, text, offset: span.start, span })
    }

    /// Backticks: their text is read once more, without the backslashes that kept it together.
    fn backticks(&mut self, quotes: Quotes) -> Read<Body> {
        let start = self.cursor.at;
        self.cursor.at += 1;
        let mut text = String::new();
        loop {
            match self.cursor.next() {
                None => return Err(self.cursor.fault(Why::Syntax)),
                Some('`') => break,
                Some('\\') => match self.cursor.next() {
                    Some(next @ ('$' | '`' | '\\')) => text.push(next),
                    Some('"') if quotes == Quotes::Double => text.push('"'),
                    Some(next) => text.extend(['\\', next]),
                    None => return Err(self.cursor.fault(Why::Syntax)),
                },
                Some(next) => text.push(next),
            }
        }
        let span = self.cursor.since(start);
        let (script, budget) =
            super::parse::within(&text, self.cursor.budget).map_err(|why| super::cursor::Fault { why, at: start })?;
        self.cursor.budget.parts = budget.parts;
        Ok(Body { list: script.list, heres: script.heres, text, offset: 0, span })
    }

    /// `$'…'`, decoded (bash manual, 3.1.2.4). What stands behind `\0` is cut off by bash: no text of ours.
    fn ansi(&mut self) -> Read<String> {
        let mut text = String::new();
        loop {
            match self.cursor.next() {
                None => return Err(self.cursor.fault(Why::Syntax)),
                Some('\'') => return Ok(text),
                Some('\\') => {
                    let next = self.escape()?;
                    text.push_str(&next);
                }
                Some(next) => text.push(next),
            }
        }
    }

    fn escape(&mut self) -> Read<String> {
        let next = self.cursor.next().ok_or(self.cursor.fault(Why::Syntax))?;
        let (base, most) = match next {
            'a' => return Ok("\u{7}".to_owned()),
            'b' => return Ok("\u{8}".to_owned()),
            'e' | 'E' => return Ok("\u{1b}".to_owned()),
            'f' => return Ok("\u{c}".to_owned()),
            'n' => return Ok("\n".to_owned()),
            'r' => return Ok("\r".to_owned()),
            't' => return Ok("\t".to_owned()),
            'v' => return Ok("\u{b}".to_owned()),
            '\\' | '\'' | '"' | '?' => return Ok(next.to_string()),
            'x' => (16, 2),
            'u' => (16, 4),
            'U' => (16, 8),
            '0'..='7' => {
                self.cursor.at -= 1;
                (8, 3)
            }
            // Control characters, and what bash leaves as it is.
            'c' => return Err(self.cursor.fault(Why::Characters)),
            other => return Ok(format!("\\{other}")),
        };
        let rest = self.cursor.rest();
        let digits = rest.chars().take(most).take_while(|c| c.is_digit(base)).count();
        let number = u32::from_str_radix(rest.get(..digits).unwrap_or_default(), base);
        self.cursor.at += digits;
        // A NUL ends the string for bash; a byte beyond ASCII may be half a character.
        let fine = |number: &u32| *number > 0 && (most > 3 || *number < 128);
        let found = number.ok().filter(fine).and_then(char::from_u32);
        found.map(String::from).ok_or(self.cursor.fault(Why::Characters))
    }
}

impl Until {
    const fn quotes(self) -> Quotes {
        match self {
            Self::Quote | Self::End => Quotes::Double,
            Self::Brace(quotes) => quotes,
            Self::Word | Self::Bracket | Self::Parens => Quotes::None,
        }
    }
}

/// Pieces so far.
struct Pieces {
    found: Vec<Piece>,
    start: usize,
    /// Parentheses or brackets that are open in arithmetic.
    open: usize,
}

impl Pieces {
    fn plain(&mut self, next: char) {
        if let Some(Piece::Plain(text)) = self.found.last_mut() {
            text.push(next);
        } else {
            self.found.push(Piece::Plain(next.to_string()));
        }
    }

    fn quoted(&mut self, more: &str) {
        if let Some(Piece::Quoted(text)) = self.found.last_mut() {
            text.push_str(more);
        } else {
            self.found.push(Piece::Quoted(more.to_owned()));
        }
    }

    /// Whether the text ends before this byte.
    fn ends(&mut self, byte: u8, until: Until, cursor: &Cursor<'_>) -> bool {
        match until {
            Until::Word => match byte {
                b'<' | b'>' => cursor.byte_behind(1) != Some(b'('),
                // Reading it as a word is an error there: extended globs, and parentheses that bash would refuse.
                b'(' => cursor.at == self.start,
                _ => ends_word(byte),
            },
            Until::Quote => byte == b'"',
            Until::Brace(_) => byte == b'}',
            Until::Bracket => self.balances(byte, (b'[', b']')),
            Until::Parens => byte == b')' && self.open == 0 || self.balances(byte, (b'(', b')')),
            Until::End => false,
        }
    }

    fn balances(&mut self, byte: u8, (open, close): (u8, u8)) -> bool {
        if byte == open {
            self.open += 1;
        } else if byte == close {
            if self.open == 0 {
                return true;
            }
            self.open -= 1;
        }
        false
    }
}

/// A name with `=`, `+=` or a subscript behind it, as an assignment starts.
pub(super) fn assigns(rest: &str) -> Option<&str> {
    let name = name_of(rest);
    let behind = rest.get(name.len()..)?;
    let sign = behind.starts_with('=') || behind.starts_with("+=") || behind.starts_with('[');
    (!name.is_empty() && sign).then_some(name)
}

/// A number that stands right before a redirection.
pub(super) fn descriptor(rest: &str) -> Option<(u32, usize)> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let behind = rest.as_bytes().get(digits)?;
    if digits == 0 || !matches!(behind, b'<' | b'>') {
        return None;
    }
    rest.get(..digits)?.parse().ok().map(|number| (number, digits))
}

/// `{name}` right before a redirection.
pub(super) fn named_descriptor(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('{')?;
    let length = inside.bytes().take_while(|byte| names(*byte)).count();
    let behind = inside.get(length..)?.strip_prefix('}')?;
    (length > 0 && behind.starts_with(['<', '>'])).then_some(length + 2)
}
