//! Words to what they become: tilde, braces, parameters, splitting, patterns (bash manual, 3.5), as far as the text tells.

use std::borrow::Cow;

use super::braces;
use super::caps;
use super::reading::{Assignment, Cwd, Span, Value, Why, Word};
use super::tree::{Parameter, Piece, Quotes, Text};
use super::vars::Held;
use super::walk::Walker;

/// What a piece becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Text that is one part of one word.
    Fixed(String),
    /// Text in which blanks split and stars are patterns.
    Loose(String),
    /// Several words, as of a quoted array.
    Several(Vec<String>),
    /// Digits.
    Number,
    /// One part of one word, anything.
    Data,
    /// Any number of words, anything.
    Anything,
}

/// Words in the making.
struct Fields<'a> {
    done: Vec<Value>,
    text: String,
    state: State,
    separators: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No word has begun.
    Between,
    /// All of it is known.
    Known,
    /// A star or the like is in it.
    Pattern,
    /// What follows `text` is data.
    Partly,
    /// Anything.
    Unknown,
}

impl Walker<'_> {
    /// The words that a written word becomes.
    pub(super) fn fields(&mut self, text: &Text) -> Vec<Word> {
        let span = self.span(text.span);
        let mut words = Vec::new();
        let Some(variants) = self.variants(text) else {
            self.opaque(Why::TooMuch, text.span);
            return vec![Word { value: Value::Unknown, span }];
        };
        let separators = self.variables.separators();
        for pieces in variants {
            let mut fields = Fields {
                done: Vec::new(),
                text: String::new(),
                state: State::Between,
                separators: separators.as_deref(),
            };
            for piece in &pieces {
                let part = self.part(piece);
                fields.push(part, piece);
            }
            fields.end();
            words.extend(fields.done.into_iter().map(|value| Word { value, span }));
        }
        if words.len() > caps::WORDS {
            self.opaque(Why::TooMuch, text.span);
            return vec![Word { value: Value::Unknown, span }];
        }
        words
    }

    /// What braces make of a word; none where that is too much, and for all that come then: it is opaque already.
    fn variants<'a>(&mut self, text: &'a Text) -> Option<Vec<Vec<Cow<'a, Piece>>>> {
        let left = std::mem::take(&mut self.growth);
        let variants = braces::expand(&text.pieces, left)?;
        // Whatever stands beside the braces is looked at each time, and each word is judged.
        let each = text.span.end.saturating_sub(text.span.start).saturating_add(caps::BESIDES);
        self.growth = left.checked_sub(variants.len().saturating_sub(1).checked_mul(each)?)?;
        Some(variants)
    }

    /// The one word that a written word becomes where nothing is split: assignments, targets, here-strings.
    pub(super) fn joined(&mut self, text: &Text) -> Word {
        let span = self.span(text.span);
        let mut known = String::new();
        let mut partly = false;
        for piece in &text.pieces {
            if partly {
                let _looked_at = self.part(piece);
                continue;
            }
            match self.part(piece) {
                Part::Fixed(text) | Part::Loose(text) => known.push_str(&text),
                Part::Several(words) => known.push_str(&words.join(" ")),
                Part::Number | Part::Data | Part::Anything => partly = true,
            }
        }
        Word { value: if partly { Value::Partly(known) } else { Value::Known(known) }, span }
    }

    fn part(&mut self, piece: &Piece) -> Part {
        match piece {
            Piece::Plain(text) => Part::Loose(text.clone()),
            Piece::Quoted(text) => Part::Fixed(text.clone()),
            Piece::Tilde(user) => self.tilde(user),
            Piece::Process(_) => Part::Fixed("/dev/fd/63".to_owned()),
            Piece::Substitution(_, Quotes::Double) => Part::Data,
            Piece::Substitution(_, Quotes::None) => Part::Anything,
            Piece::Arithmetic(text, _) => {
                self.arithmetic(text);
                Part::Number
            }
            Piece::Parameter(parameter, quotes) => self.parameter(parameter, *quotes),
        }
    }

    fn tilde(&self, user: &str) -> Part {
        let cwd = match &self.cwd {
            Cwd::Known(path) => path.as_path().to_str().map(str::to_owned),
            Cwd::Unknown => None,
        };
        let path = match user {
            "" => match self.variables.held("HOME") {
                Held::Text(home) => Some(home.clone()),
                Held::List(_) | Held::Number | Held::Unknown => None,
            },
            "+" => cwd,
            "root" => Some("/root".to_owned()),
            _ => None,
        };
        path.map_or(Part::Data, Part::Fixed)
    }

    fn parameter(&mut self, parameter: &Parameter, quotes: Quotes) -> Part {
        let unknown = match quotes {
            Quotes::Double => Part::Data,
            Quotes::None => Part::Anything,
        };
        if parameter.indirect || parameter.operator == "@" {
            // What is named may be a subscript, and `@P` is read as a prompt: both run what is in them.
            self.lose_to_arithmetic();
            return Part::Anything;
        }
        let argument = self.argument(parameter);
        let all = self.subscript(parameter);
        if parameter.length || matches!(&*parameter.name, "?" | "#" | "$" | "!") {
            return Part::Number;
        }
        if matches!(&*parameter.name, "@" | "*") || all == Some(All::Each) {
            return self.several(parameter, quotes);
        }
        if self.growth == 0 {
            return unknown;
        }
        let held = match &*parameter.name {
            "PWD" => match &self.cwd {
                Cwd::Known(path) => path.as_path().to_str().map_or(Held::Unknown, |path| Held::Text(path.to_owned())),
                Cwd::Unknown => Held::Unknown,
            },
            name => self.variables.held(name).clone(),
        };
        if held == Held::Unknown && !matches!(&*parameter.operator, "+" | ":+") {
            self.reading.shown.insert(parameter.name.clone());
        }
        if all == Some(All::One) {
            return unknown;
        }
        let held = self.grown(held);
        match Self::operated(held, parameter, argument) {
            Held::Text(text) if quotes == Quotes::Double => Part::Fixed(text),
            Held::Text(text) => Part::Loose(text),
            Held::Number => Part::Number,
            Held::List(_) | Held::Unknown => unknown,
        }
    }

    /// What a variable holds, if there is room for it once more.
    fn grown(&mut self, held: Held) -> Held {
        let size = match &held {
            Held::Text(text) => text.len(),
            Held::List(words) => words.iter().map(|word| word.len() + 1).sum(),
            Held::Number | Held::Unknown => return held,
        };
        if let Some(left) = self.growth.checked_sub(size) {
            self.growth = left;
            return held;
        }
        self.growth = 0;
        self.opaque(Why::TooMuch, Span::default());
        Held::Unknown
    }

    /// What stands behind the operator, looked at whatever the parameter is: `${@:x}` works out `x`, `${PATH:=.}` sets PATH.
    fn argument(&mut self, parameter: &Parameter) -> Option<Value> {
        let argument = parameter.argument.as_ref()?;
        match &*parameter.operator {
            ":" => self.arithmetic(argument),
            ":=" | "=" => self.is_set(&parameter.name, argument.span),
            _ => {}
        }
        Some(self.joined(argument).value)
    }

    /// A variable is set by something else than an assignment.
    pub(super) fn is_set(&mut self, name: &str, span: Span) {
        let span = self.span(span);
        self.reading.assignments.push(Assignment { name: name.to_owned(), value: Value::Unknown, span });
    }

    fn several(&mut self, parameter: &Parameter, quotes: Quotes) -> Part {
        if self.growth == 0 {
            return Part::Anything;
        }
        let name = if parameter.name == "*" { "@" } else { &parameter.name };
        let starred = parameter.name == "*" || parameter.subscript.as_ref().and_then(Text::bare) == Some("*");
        let held = self.variables.held(name).clone();
        match self.grown(held) {
            Held::List(words) if parameter.operator.is_empty() => match (quotes, starred) {
                (Quotes::Double, false) => Part::Several(words),
                (Quotes::Double, true) => Part::Fixed(words.join(" ")),
                (Quotes::None, _) => Part::Loose(words.join(" ")),
            },
            _ if quotes == Quotes::Double && starred => Part::Data,
            Held::Text(_) | Held::List(_) | Held::Number | Held::Unknown => Part::Anything,
        }
    }

    /// What a subscript means. One that is worked out may run what is in it.
    fn subscript(&mut self, parameter: &Parameter) -> Option<All> {
        let subscript = parameter.subscript.as_ref()?;
        match subscript.bare() {
            Some("@" | "*") => Some(All::Each),
            Some(number) if number.bytes().all(|b| b.is_ascii_digit()) => Some(All::One),
            _ => {
                self.opaque(Why::Arithmetic, subscript.span);
                Some(All::One)
            }
        }
    }

    /// `${x,,}` and the like, on what is known.
    fn operated(held: Held, parameter: &Parameter, argument: Option<Value>) -> Held {
        let argument = match argument {
            None => return held,
            Some(Value::Known(text)) => text,
            Some(Value::Pattern(_) | Value::Partly(_) | Value::Unknown) => return Held::Unknown,
        };
        let Held::Text(text) = held else { return Held::Unknown };
        let plain = !argument.contains(['*', '?', '[', '\\', '(']);
        let found = match &*parameter.operator {
            ":-" | ":=" | ":?" if text.is_empty() => Some(argument),
            "-" | "=" | "?" | ":-" | ":=" | ":?" => Some(text),
            ":+" if text.is_empty() => Some(String::new()),
            "+" | ":+" => Some(argument),
            ",," if argument.is_empty() => Some(text.to_lowercase()),
            "^^" if argument.is_empty() => Some(text.to_uppercase()),
            "#" | "##" if plain => Some(text.strip_prefix(&*argument).unwrap_or(&text).to_owned()),
            "%" | "%%" if plain => Some(text.strip_suffix(&*argument).unwrap_or(&text).to_owned()),
            "//" if plain => {
                let (from, to) = argument.split_once('/').unwrap_or((&argument, ""));
                let most = text.len().checked_div(from.len()).map(|times| times.saturating_mul(to.len()));
                most.filter(|most| *most <= caps::LENGTH).map(|_| text.replace(from, to))
            }
            ":" => Self::slice(&text, &argument),
            _ => None,
        };
        found.map_or(Held::Unknown, Held::Text)
    }

    /// `${x:1:2}`
    fn slice(text: &str, argument: &str) -> Option<String> {
        let mut numbers = argument.split(':').map(|number| number.trim().parse::<usize>());
        let (Some(Ok(from)), length) = (numbers.next(), numbers.next()) else {
            return None;
        };
        let chars = text.chars().skip(from);
        match length {
            None => Some(chars.collect()),
            Some(Ok(length)) => Some(chars.take(length).collect()),
            Some(Err(_)) => None,
        }
    }
}

/// A subscript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum All {
    /// `[@]`, `[*]`
    Each,
    /// One element.
    One,
}

impl Fields<'_> {
    fn push(&mut self, part: Part, piece: &Piece) {
        match part {
            Part::Fixed(text) => {
                self.begin();
                self.add(&text);
            }
            // Only what a variable held is split; what is written was split by the parser.
            Part::Loose(text) if matches!(piece, Piece::Parameter(..)) => self.split(&text),
            Part::Loose(text) => {
                self.begin();
                self.patterned(&text);
            }
            Part::Several(words) => {
                for (number, word) in words.iter().enumerate() {
                    if number > 0 {
                        self.end();
                    }
                    self.begin();
                    self.add(word);
                }
            }
            Part::Number | Part::Data => {
                self.begin();
                if self.state != State::Unknown {
                    self.state = State::Partly;
                }
            }
            Part::Anything => self.state = State::Unknown,
        }
    }

    fn begin(&mut self) {
        if self.state == State::Between {
            self.state = State::Known;
        }
    }

    fn add(&mut self, text: &str) {
        if matches!(self.state, State::Known | State::Pattern) {
            self.text.push_str(text);
        }
    }

    fn patterned(&mut self, text: &str) {
        let brackets = text.contains('[') && text.contains(']');
        if self.state == State::Known && (text.contains(['*', '?']) || brackets) {
            self.state = State::Pattern;
        }
        self.add(text);
    }

    fn split(&mut self, text: &str) {
        let Some(separators) = self.separators else {
            self.state = State::Unknown;
            return;
        };
        for (number, word) in text.split(|c| separators.contains(c)).enumerate() {
            if number > 0 {
                self.end();
            }
            if !word.is_empty() {
                self.begin();
                self.patterned(word);
            }
        }
    }

    fn end(&mut self) {
        let text = std::mem::take(&mut self.text);
        let value = match std::mem::replace(&mut self.state, State::Between) {
            State::Between => return,
            State::Known => Value::Known(text),
            State::Pattern => Value::Pattern(text),
            State::Partly => Value::Partly(text),
            State::Unknown => Value::Unknown,
        };
        self.done.push(value);
    }
}
