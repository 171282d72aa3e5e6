//! Simple commands: assignments, words, redirections, heredocs.

use super::cursor::Read;
use super::parse::{Parser, Quoting, Tabs, Waiting};
use super::reading::{Direction, Why};
use super::tree::{Aim, Assign, Assigned, Here, Piece, Plain, Redirect, Shape, Text};
use super::words::{Until, assigns, descriptor, named_descriptor};

/// Builtins whose words are read as assignments.
pub(super) const DECLARING: [&str; 6] = ["declare", "typeset", "local", "export", "readonly", "alias"];

/// Operators, longest first, with their direction.
const OPERATORS: [(&str, Direction); 12] = [
    ("&>>", Direction::Out),
    ("&>", Direction::Out),
    ("<<<", Direction::In),
    ("<<-", Direction::In),
    ("<<", Direction::In),
    ("<&", Direction::In),
    ("<>", Direction::Both),
    ("<", Direction::In),
    (">>", Direction::Out),
    (">&", Direction::Out),
    (">|", Direction::Out),
    (">", Direction::Out),
];

impl Parser<'_> {
    pub(super) fn simple(&mut self) -> Read<Shape> {
        let mut plain = Plain::default();
        let mut redirected = false;
        loop {
            self.cursor.blanks();
            if let Some(redirect) = self.redirect()? {
                plain.redirects.push(redirect);
                redirected |= !(plain.words.is_empty() && plain.assignments.is_empty());
                continue;
            }
            match self.cursor.byte() {
                None | Some(b'\n' | b';' | b'|' | b'&' | b')') => break,
                Some(b'#') => {
                    self.comment();
                    break;
                }
                Some(_) => {}
            }
            if let Some(shape) = self.defines(&plain)? {
                return Ok(shape);
            }
            self.assign_or_word(&mut plain)?;
            // Bash reads no arrays behind a redirection, but one at the very start.
            let array =
                |assign: &Assign| matches!(assign.value, Assigned::Array(_)) && assign.span.end == self.cursor.at;
            if redirected && plain.assignments.last().is_some_and(array) {
                return Err(self.cursor.fault(Why::Syntax));
            }
        }
        let empty = plain.words.is_empty() && plain.assignments.is_empty() && plain.redirects.is_empty();
        if empty { Err(self.cursor.fault(Why::Syntax)) } else { Ok(Shape::Simple(plain)) }
    }

    fn assign_or_word(&mut self, plain: &mut Plain) -> Read<()> {
        let declares = plain.words.first().and_then(Text::bare).is_some_and(|word| DECLARING.contains(&word));
        let name = assigns(self.cursor.rest()).filter(|_| plain.words.is_empty() || declares);
        let array = name.is_some_and(|name| {
            self.cursor.rest().get(name.len()..).is_some_and(|rest| rest.starts_with("=(") || rest.starts_with("+=("))
        });
        if let Some(name) = name.filter(|_| plain.words.is_empty() || array) {
            let start = self.cursor.at;
            if let Some(assign) = self.assign(name)? {
                plain.assignments.push(assign);
                return Ok(());
            }
            self.cursor.at = start;
        }
        plain.words.push(self.word()?);
        Ok(())
    }

    /// `name() …`
    fn defines(&mut self, plain: &Plain) -> Read<Option<Shape>> {
        if !(plain.words.is_empty() && plain.assignments.is_empty() && plain.redirects.is_empty()) {
            return Ok(None);
        }
        let rest = self.cursor.rest();
        let length = rest.bytes().position(super::cursor::ends_word).unwrap_or(rest.len());
        let behind = rest.get(length..).unwrap_or_default().trim_start_matches([' ', '\t']);
        let Some(inside) = behind.strip_prefix('(').map(|inside| inside.trim_start_matches([' ', '\t'])) else {
            return Ok(None);
        };
        let Some(after) = inside.strip_prefix(')') else { return Ok(None) };
        let name = rest.get(..length).unwrap_or_default().to_owned();
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':' | b'+' | b'@');
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(self.cursor.fault(Why::Syntax));
        }
        self.cursor.at += rest.len() - after.len();
        self.function_body(name).map(Some)
    }

    /// What starts like an assignment; none if it is a word after all (`a[b`).
    fn assign(&mut self, name: &str) -> Read<Option<Assign>> {
        let start = self.cursor.at;
        let name = name.to_owned();
        self.cursor.at += name.len();
        let mut subscript = None;
        if self.cursor.skip("[") {
            subscript = Some(self.pieces(Until::Bracket)?);
            // Bash looks for its end over blanks and lines.
            if !self.cursor.skip("]") {
                return Err(self.cursor.fault(Why::Syntax));
            }
        }
        let behind = self.cursor.at;
        let append = self.cursor.skip("+");
        if !self.cursor.skip("=") {
            self.cursor.at = start;
            let read = self.cursor.rest().get(..behind - start).unwrap_or_default();
            let one = !read.bytes().any(super::cursor::ends_word);
            return if one { Ok(None) } else { Err(self.cursor.fault(Why::Syntax)) };
        }
        let value = if self.cursor.skip("(") {
            Assigned::Array(self.array()?)
        } else {
            Assigned::One(self.pieces(Until::Word)?)
        };
        Ok(Some(Assign { name, subscript, value, append, span: self.cursor.since(start) }))
    }

    fn array(&mut self) -> Read<Vec<Text>> {
        let mut words = Vec::new();
        loop {
            self.empty_lines()?;
            if self.cursor.skip(")") {
                return Ok(words);
            }
            // Bash takes it for the beginning of a test, and looks for the end.
            if self.cursor.rest().starts_with("[[") {
                return Err(self.cursor.fault(Why::Syntax));
            }
            words.push(self.word()?);
        }
    }

    /// A redirection, if one starts here.
    pub(super) fn redirect(&mut self) -> Read<Option<Redirect>> {
        let start = self.cursor.at;
        let rest = self.cursor.rest();
        if named_descriptor(rest).is_some() {
            // The descriptor's number goes to a variable: rare enough to leave alone.
            return Err(self.cursor.fault(Why::Syntax));
        }
        let (number, length) = descriptor(rest).map_or((None, 0), |(number, length)| (Some(number), length));
        let rest = rest.get(length..).unwrap_or_default();
        let found = OPERATORS.iter().find(|(operator, _)| rest.starts_with(operator));
        let process = length == 0 && (rest.starts_with("<(") || rest.starts_with(">("));
        let Some((operator, direction)) = found.filter(|_| !process) else { return Ok(None) };
        self.cursor.part()?;
        self.cursor.at += length + operator.len();
        self.cursor.blanks();
        let target = match *operator {
            "<<" | "<<-" => self.here(if *operator == "<<" { Tabs::Kept } else { Tabs::Dropped })?,
            _ => Aim::Word(self.word()?),
        };
        let usual = match *operator {
            "&>" | "&>>" => None,
            _ if *direction == Direction::Out => Some(1),
            _ => Some(0),
        };
        let span = self.cursor.since(start);
        Ok(Some(Redirect { descriptor: number.or(usual), operator, direction: *direction, target, span }))
    }

    fn here(&mut self, tabs: Tabs) -> Read<Aim> {
        let word = self.word()?;
        let mut delimiter = String::new();
        let mut quoted = Quoting::Plain;
        for piece in &word.pieces {
            match piece {
                Piece::Plain(text) => delimiter.push_str(text),
                Piece::Quoted(text) => {
                    quoted = Quoting::Quoted;
                    delimiter.push_str(text);
                }
                Piece::Tilde(_)
                | Piece::Parameter(..)
                | Piece::Substitution(..)
                | Piece::Process(_)
                | Piece::Arithmetic(..) => {
                    return Err(self.cursor.fault(Why::Syntax));
                }
            }
        }
        // A line can't be compared with these.
        if delimiter.is_empty() || delimiter.contains('\n') {
            return Err(self.cursor.fault(Why::Syntax));
        }
        let number = self.heres.len();
        self.heres.push(Here { delimiter: delimiter.clone(), text: Text::default(), raw: String::new() });
        self.waiting.push(Waiting { number, delimiter, quoted, tabs });
        Ok(Aim::Here(number))
    }

    /// Bodies of the heredocs of the line that ended here.
    pub(super) fn bodies(&mut self) -> Read<()> {
        for waiting in std::mem::take(&mut self.waiting) {
            let start = self.cursor.at;
            let mut raw = String::new();
            loop {
                let rest = self.cursor.rest();
                if rest.is_empty() {
                    return Err(self.cursor.fault(Why::Syntax));
                }
                let end = rest.find('\n');
                let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
                self.cursor.at += line.len() + usize::from(end.is_some());
                let line = if waiting.tabs == Tabs::Dropped { line.trim_start_matches('\t') } else { line };
                if line == waiting.delimiter {
                    break;
                }
                // A line that goes on with a backslash may hide the delimiter or be joined with it.
                if waiting.quoted == Quoting::Plain && line.ends_with('\\') {
                    return Err(self.cursor.fault(Why::Syntax));
                }
                raw.push_str(line);
                raw.push('\n');
            }
            let span = self.cursor.since(start);
            let text = match waiting.quoted {
                Quoting::Quoted => Text { pieces: vec![Piece::Quoted(raw.clone())], span },
                Quoting::Plain => Text { span, ..self.here_text(&raw)? },
            };
            if let Some(here) = self.heres.get_mut(waiting.number) {
                (here.text, here.raw) = (text, raw);
            }
        }
        Ok(())
    }

    /// A heredoc's body, in which parameters and substitutions count. Its own spans would be those of another text.
    fn here_text(&mut self, raw: &str) -> Read<Text> {
        if !raw.contains(['$', '`', '\\']) {
            return Ok(Text { pieces: vec![Piece::Quoted(raw.to_owned())], ..Text::default() });
        }
        let at = self.cursor.at;
        let (text, budget) =
            super::parse::here(raw, self.cursor.budget).map_err(|why| super::cursor::Fault { why, at })?;
        self.cursor.budget.parts = budget.parts;
        Ok(text)
    }
}
