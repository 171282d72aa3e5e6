//! The grammar of commands (POSIX 2.10, and bash's additions). What is not in here is no text of ours, which makes it opaque:
//! a parser that guesses would be the hole.

use super::caps;
use super::cursor::{Budget, Cursor, Fault, Read, ends_word};
use super::reading::{Span, Why};
use super::tree::{Command, Here, Item, Joint, List, Pipeline, Script, Shape, Text};

/// One text in reading.
#[derive(Debug)]
pub(super) struct Parser<'a> {
    pub(super) cursor: Cursor<'a>,
    /// Heredocs whose bodies come at the end of this line: number, delimiter, whether it is quoted, whether tabs are dropped.
    pub(super) waiting: Vec<Waiting>,
    pub(super) heres: Vec<Here>,
    /// Where `$"…"` stands.
    pub(super) translated: Vec<usize>,
}

/// A heredoc whose body is still to come.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) number: usize,
    pub(super) delimiter: String,
    pub(super) quoted: Quoting,
    pub(super) tabs: Tabs,
}

/// Whether a heredoc's delimiter is quoted, so that its body stands for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    Quoted,
    Plain,
}

/// Whether `<<-` drops leading tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tabs {
    Kept,
    Dropped,
}

/// Words that end a list or go on with a compound command.
const CLOSING: [&str; 9] = ["then", "do", "done", "fi", "elif", "else", "esac", "}", "]]"];
/// Words with a meaning of their own where a command starts.
const OPENING: [&str; 11] = ["if", "while", "until", "for", "case", "select", "function", "coproc", "{", "[[", "time"];

/// Reads a whole text.
pub(super) fn script(text: &str) -> Result<(Script, Vec<usize>), Fault> {
    if text.len() > caps::LENGTH {
        return Err(Fault { why: Why::TooLong, at: 0 });
    }
    let mut parser = Parser::new(text, Budget::whole());
    let script = parser.script()?;
    Ok((script, parser.translated))
}

/// Reads a text within a text: one level further in, out of the same budget.
pub(super) fn within(text: &str, budget: Budget) -> Result<(Script, Budget), Why> {
    let mut parser = Parser::new(text, budget);
    parser.cursor.enter().map_err(|fault| fault.why)?;
    let script = parser.script().map_err(|fault| fault.why)?;
    Ok((script, parser.cursor.budget))
}

/// Reads the body of a heredoc.
pub(super) fn here(text: &str, budget: Budget) -> Result<(Text, Budget), Why> {
    let mut parser = Parser::new(text, budget);
    parser.cursor.enter().map_err(|fault| fault.why)?;
    let text = parser.pieces(super::words::Until::End).map_err(|fault| fault.why)?;
    Ok((text, parser.cursor.budget))
}

impl<'a> Parser<'a> {
    const fn new(text: &'a str, budget: Budget) -> Self {
        let cursor = Cursor { text, at: 0, budget };
        Self { cursor, waiting: Vec::new(), heres: Vec::new(), translated: Vec::new() }
    }

    fn script(&mut self) -> Read<Script> {
        let list = self.list()?;
        if self.cursor.byte().is_some() || !self.waiting.is_empty() {
            return Err(self.cursor.fault(Why::Syntax));
        }
        Ok(Script { list, heres: std::mem::take(&mut self.heres) })
    }

    /// Commands up to what can't start one. Who called says what must stand there.
    pub(super) fn list(&mut self) -> Read<List> {
        self.cursor.enter()?;
        let mut items = Vec::new();
        self.empty_lines()?;
        while !self.at_end() {
            let mut item = self.and_or()?;
            self.cursor.blanks();
            let more = match (self.cursor.byte(), self.cursor.byte_behind(1)) {
                (Some(b';'), Some(b';' | b'&')) => false,
                (Some(b';'), _) => self.pass(1),
                (Some(b'&'), _) => {
                    item.background = true;
                    self.pass(1)
                }
                (Some(b'\n'), _) => true,
                _ => false,
            };
            items.push(item);
            self.empty_lines()?;
            if !more {
                break;
            }
        }
        self.cursor.leave();
        Ok(List { items })
    }

    fn pass(&mut self, bytes: usize) -> bool {
        self.cursor.at += bytes;
        true
    }

    /// A list that is not empty: where bash wants one.
    fn some_list(&mut self) -> Read<List> {
        let list = self.list()?;
        if list.items.is_empty() { Err(self.cursor.fault(Why::Syntax)) } else { Ok(list) }
    }

    fn at_end(&self) -> bool {
        match self.cursor.byte() {
            None | Some(b')') => true,
            Some(b';') => matches!(self.cursor.byte_behind(1), Some(b';' | b'&')),
            Some(_) => self.reserved(&CLOSING).is_some(),
        }
    }

    /// Blanks, comments, ends of lines with the heredocs that follow them.
    pub(super) fn empty_lines(&mut self) -> Read<()> {
        loop {
            self.cursor.blanks();
            match self.cursor.byte() {
                Some(b'#') => self.comment(),
                Some(b'\n') => {
                    self.cursor.at += 1;
                    self.bodies()?;
                }
                _ => return Ok(()),
            }
        }
    }

    pub(super) fn comment(&mut self) {
        if self.cursor.byte() == Some(b'#') {
            let rest = self.cursor.rest();
            self.cursor.at += rest.bytes().position(|b| b == b'\n').unwrap_or(rest.len());
        }
    }

    /// The reserved word that stands here, if it is one of these.
    fn reserved(&self, words: &[&'static str]) -> Option<&'static str> {
        let rest = self.cursor.rest();
        words.iter().copied().find(|word| {
            let behind = rest.strip_prefix(word);
            behind.is_some_and(|behind| behind.bytes().next().is_none_or(ends_word))
        })
    }

    fn reserve(&mut self, word: &'static str) -> Read<()> {
        match self.reserved(&[word]) {
            Some(word) => self.cursor.expect(word),
            None => Err(self.cursor.fault(Why::Syntax)),
        }
    }

    fn and_or(&mut self) -> Read<Item> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.cursor.blanks();
            let joint = match (self.cursor.byte(), self.cursor.byte_behind(1)) {
                (Some(b'&'), Some(b'&')) => Joint::And,
                (Some(b'|'), Some(b'|')) => Joint::Or,
                _ => break,
            };
            self.cursor.at += 2;
            self.empty_lines()?;
            rest.push((joint, self.pipeline()?));
        }
        Ok(Item { first, rest, background: false })
    }

    fn pipeline(&mut self) -> Read<Pipeline> {
        self.before_pipeline();
        let mut commands = vec![self.command()?];
        loop {
            self.cursor.blanks();
            match (self.cursor.byte(), self.cursor.byte_behind(1)) {
                (Some(b'|'), Some(b'|')) => break,
                (Some(b'|'), Some(b'&')) => {
                    self.cursor.at += 2;
                    commands.last_mut().into_iter().for_each(|command| command.errors_too(self.cursor.at));
                }
                (Some(b'|'), _) => self.cursor.at += 1,
                _ => break,
            }
            self.empty_lines()?;
            commands.push(self.command()?);
        }
        Ok(Pipeline { commands })
    }

    /// `!` and `time`, which change nothing of what runs.
    fn before_pipeline(&mut self) {
        loop {
            self.cursor.blanks();
            if self.reserved(&["!"]).is_some() {
                self.cursor.at += 1;
            } else if self.reserved(&["time"]).is_some() {
                self.cursor.at += 4;
                self.cursor.blanks();
                if self.reserved(&["-p"]).is_some() {
                    self.cursor.at += 2;
                }
            } else {
                return;
            }
        }
    }

    fn command(&mut self) -> Read<Command> {
        self.cursor.blanks();
        self.cursor.part()?;
        self.cursor.enter()?;
        let start = self.cursor.at;
        let shape = self.shape()?;
        let mut redirects = Vec::new();
        if !matches!(shape, Shape::Simple(_) | Shape::Function(..) | Shape::Coproc(_)) {
            self.cursor.blanks();
            while let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
                self.cursor.blanks();
            }
            // What follows a group must end it.
            if self.cursor.byte().is_some_and(|byte| !ends_word(byte)) {
                self.comment();
                if self.cursor.byte().is_some_and(|byte| byte != b'\n') {
                    return Err(self.cursor.fault(Why::Syntax));
                }
            }
        }
        self.cursor.leave();
        Ok(Command { shape, redirects, span: self.cursor.since(start) })
    }

    fn shape(&mut self) -> Read<Shape> {
        match self.cursor.byte() {
            Some(b'(') if self.cursor.byte_behind(1) == Some(b'(') => self.arithmetic(),
            Some(b'(') => {
                self.cursor.at += 1;
                let list = self.some_list()?;
                self.cursor.expect(")")?;
                Ok(Shape::Subshell(list))
            }
            _ => match self.reserved(&OPENING) {
                Some("if") => self.condition(),
                Some(word @ ("while" | "until")) => {
                    self.cursor.at += word.len();
                    let test = self.some_list()?;
                    Ok(Shape::While(test, self.body_of_loop()?))
                }
                Some(word @ ("for" | "select")) => self.loop_over(word),
                Some("case") => self.case(),
                Some("function") => self.function(),
                Some("coproc") => self.coproc(),
                Some("{") => {
                    self.cursor.at += 1;
                    let list = self.some_list()?;
                    self.reserve("}")?;
                    Ok(Shape::Group(list))
                }
                Some("[[") => self.test(),
                _ if self.reserved(&CLOSING).is_some() => Err(self.cursor.fault(Why::Syntax)),
                _ => self.simple(),
            },
        }
    }

    fn arithmetic(&mut self) -> Read<Shape> {
        self.cursor.at += 2;
        let text = self.pieces(super::words::Until::Parens)?;
        self.cursor.expect("))")?;
        Ok(Shape::Arithmetic(text))
    }

    fn condition(&mut self) -> Read<Shape> {
        let mut arms = Vec::new();
        let mut word = "if";
        loop {
            self.cursor.at += word.len();
            let test = self.some_list()?;
            self.reserve("then")?;
            arms.push((test, self.some_list()?));
            match self.reserved(&["elif", "else", "fi"]) {
                Some("elif") => word = "elif",
                Some("else") => {
                    self.cursor.at += 4;
                    let otherwise = self.some_list()?;
                    self.reserve("fi")?;
                    return Ok(Shape::If(arms, Some(otherwise)));
                }
                _ => {
                    self.reserve("fi")?;
                    return Ok(Shape::If(arms, None));
                }
            }
        }
    }

    fn body_of_loop(&mut self) -> Read<List> {
        self.empty_lines()?;
        self.reserve("do")?;
        let body = self.some_list()?;
        self.reserve("done")?;
        Ok(body)
    }

    fn loop_over(&mut self, word: &'static str) -> Read<Shape> {
        self.cursor.at += word.len();
        self.cursor.blanks();
        if word == "for" && self.cursor.skip("((") {
            let text = self.pieces(super::words::Until::Parens)?;
            self.cursor.expect("))")?;
            self.cursor.blanks();
            self.cursor.skip(";");
            return Ok(Shape::ForArithmetic(text, self.body_of_loop()?));
        }
        let name = super::cursor::name_of(self.cursor.rest()).to_owned();
        self.cursor.at += name.len();
        if name.is_empty() || self.cursor.byte().is_some_and(|byte| !ends_word(byte)) {
            return Err(self.cursor.fault(Why::Syntax));
        }
        self.empty_lines()?;
        let mut words = None;
        if self.reserved(&["in"]).is_some() {
            self.cursor.at += 2;
            words = Some(self.words_to_end()?);
        } else {
            self.cursor.skip(";");
        }
        Ok(Shape::For(name, words, self.body_of_loop()?))
    }

    /// Words up to `;` or the end of the line, which is passed over.
    fn words_to_end(&mut self) -> Read<Vec<Text>> {
        let mut words = Vec::new();
        loop {
            self.cursor.blanks();
            match self.cursor.byte() {
                Some(b'\n') => return Ok(words),
                Some(b';') => {
                    self.cursor.at += 1;
                    return Ok(words);
                }
                Some(b'#') => self.comment(),
                _ => words.push(self.word()?),
            }
        }
    }

    fn case(&mut self) -> Read<Shape> {
        self.cursor.at += 4;
        self.cursor.blanks();
        let word = self.word()?;
        self.empty_lines()?;
        self.reserve("in")?;
        self.empty_lines()?;
        let mut arms = Vec::new();
        while self.reserved(&["esac"]).is_none() {
            arms.push(self.arm()?);
            self.empty_lines()?;
        }
        self.reserve("esac")?;
        Ok(Shape::Case(word, arms))
    }

    fn arm(&mut self) -> Read<super::tree::Arm> {
        self.cursor.part()?;
        self.cursor.skip("(");
        let mut patterns = Vec::new();
        loop {
            self.cursor.blanks();
            patterns.push(self.word()?);
            self.cursor.blanks();
            if !self.cursor.skip("|") {
                break;
            }
        }
        self.cursor.expect(")")?;
        let body = self.list()?;
        if !(self.cursor.skip(";;&") || self.cursor.skip(";;") || self.cursor.skip(";&"))
            && self.reserved(&["esac"]).is_none()
        {
            return Err(self.cursor.fault(Why::Syntax));
        }
        Ok(super::tree::Arm { patterns, body })
    }

    fn function(&mut self) -> Read<Shape> {
        self.cursor.at += "function".len();
        self.cursor.blanks();
        let name = self.function_name()?;
        self.cursor.blanks();
        if self.cursor.skip("(") {
            self.cursor.blanks();
            self.cursor.expect(")")?;
        }
        self.function_body(name)
    }

    fn function_name(&mut self) -> Read<String> {
        let rest = self.cursor.rest();
        let length = rest.bytes().position(ends_word).unwrap_or(rest.len());
        let name = rest.get(..length).unwrap_or_default();
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':' | b'+' | b'@' | b'/');
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(self.cursor.fault(Why::Syntax));
        }
        self.cursor.at += length;
        Ok(name.to_owned())
    }

    pub(super) fn function_body(&mut self, name: String) -> Read<Shape> {
        self.empty_lines()?;
        let body = self.command()?;
        if matches!(body.shape, Shape::Simple(_) | Shape::Function(..) | Shape::Coproc(_)) {
            return Err(self.cursor.fault(Why::Syntax));
        }
        Ok(Shape::Function(name, Box::new(body)))
    }

    fn coproc(&mut self) -> Read<Shape> {
        self.cursor.at += "coproc".len();
        self.cursor.blanks();
        // `coproc NAME { …; }`: the name is a variable, no command.
        let name = super::cursor::name_of(self.cursor.rest());
        let behind = self.cursor.rest().get(name.len()..).unwrap_or_default().trim_start_matches([' ', '\t']);
        let opens = behind.starts_with(['(', '{'])
            || ["if ", "while ", "until ", "for ", "case ", "[["].iter().any(|w| behind.starts_with(w));
        if !name.is_empty() && opens && self.reserved(&OPENING).is_none() {
            return Err(self.cursor.fault(Why::Syntax));
        }
        Ok(Shape::Coproc(Box::new(self.command()?)))
    }

    /// `[[ … ]]`: its words. Patterns with parentheses are not read.
    fn test(&mut self) -> Read<Shape> {
        self.cursor.at += 2;
        let mut words = Vec::new();
        loop {
            self.empty_lines()?;
            if self.reserved(&["]]"]).is_some() {
                self.cursor.at += 2;
                return Ok(Shape::Test(words));
            }
            if words.len() >= caps::TEST {
                return Err(self.cursor.fault(Why::TooMuch));
            }
            let operator = ["&&", "||", "(", ")", "<", ">"].into_iter().find(|one| self.cursor.rest().starts_with(one));
            match operator {
                Some(_) if self.process() => return Err(self.cursor.fault(Why::Syntax)),
                Some(operator) => {
                    let start = self.cursor.at;
                    self.cursor.at += operator.len();
                    let pieces = vec![super::tree::Piece::Plain(operator.to_owned())];
                    words.push(Text { pieces, span: self.cursor.since(start) });
                }
                None => words.push(self.word()?),
            }
        }
    }

    fn process(&self) -> bool {
        self.cursor.rest().starts_with("<(") || self.cursor.rest().starts_with(">(")
    }
}

/// The whole of a text.
pub(super) const fn whole(text: &str) -> Span {
    Span { start: 0, end: text.len() }
}
