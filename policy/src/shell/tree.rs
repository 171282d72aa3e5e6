//! The text as a tree: what is written, before anything is known of values.

use super::reading::{Context, Direction, Span};

/// Commands one behind another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct List {
    pub(super) items: Vec<Item>,
}

impl List {
    /// Whether it is simple commands with `|`, `&&` or `||` between them, and no more.
    pub(super) fn is_one_simple(&self) -> bool {
        let simple = |command: &Command| matches!(command.shape, Shape::Simple(_));
        let [Item { first, rest, .. }] = self.items.as_slice() else { return false };
        std::iter::once(first).chain(rest.iter().map(|(_, line)| line)).all(|line| line.commands.iter().all(simple))
    }
}

/// One and-or list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) first: Pipeline,
    pub(super) rest: Vec<(Joint, Pipeline)>,
    pub(super) background: bool,
}

/// `&&` or `||`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joint {
    And,
    Or,
}

/// Commands with `|` between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pipeline {
    pub(super) commands: Vec<Command>,
}

/// A command with what follows a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) shape: Shape,
    /// Of anything but a simple command.
    pub(super) redirects: Vec<Redirect>,
    pub(super) span: Span,
}

impl Command {
    /// `|&`: what goes to standard error goes into the pipe.
    pub(super) fn errors_too(&mut self, at: usize) {
        let span = Span { start: at, end: at };
        let target = Aim::Word(Text { pieces: vec![Piece::Plain("1".to_owned())], span });
        let redirect = Redirect { descriptor: Some(2), operator: ">&", direction: Direction::Out, target, span };
        if let Shape::Simple(plain) = &mut self.shape {
            plain.redirects.push(redirect);
        } else {
            self.redirects.push(redirect);
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Simple(Plain),
    Subshell(List),
    Group(List),
    /// Tests with what follows each, and `else`.
    If(Vec<(List, List)>, Option<List>),
    /// `while` and `until`
    While(List, List),
    /// `for` and `select`: the words are none where the positional parameters are meant.
    For(String, Option<Vec<Text>>, List),
    /// `for ((…))`
    ForArithmetic(Text, List),
    Case(Text, Vec<Arm>),
    Function(String, Box<Command>),
    Coproc(Box<Command>),
    /// `((…))`
    Arithmetic(Text),
    /// `[[ … ]]`
    Test(Vec<Text>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arm {
    pub(super) patterns: Vec<Text>,
    pub(super) body: List,
}

/// A simple command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plain {
    pub(super) assignments: Vec<Assign>,
    pub(super) words: Vec<Text>,
    pub(super) redirects: Vec<Redirect>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assign {
    pub(super) name: String,
    pub(super) subscript: Option<Text>,
    pub(super) value: Assigned,
    pub(super) append: bool,
    pub(super) span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Assigned {
    One(Text),
    Array(Vec<Text>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redirect {
    pub(super) descriptor: Option<u32>,
    pub(super) operator: &'static str,
    pub(super) direction: Direction,
    pub(super) target: Aim,
    pub(super) span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Aim {
    Word(Text),
    /// A heredoc, by number: its body is read at the end of the line.
    Here(usize),
}

/// A word as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) pieces: Vec<Piece>,
    pub(super) span: Span,
}

impl Text {
    /// The word, where it is written without any quoting or expansion.
    pub(super) fn bare(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Plain(text)] => Some(text),
            _ => None,
        }
    }

    /// Substitutions in it, however deep in parameters and arithmetic.
    pub(super) fn bodies<'a>(&'a self, found: &mut Vec<(&'a Body, Context)>) {
        for piece in &self.pieces {
            match piece {
                Piece::Plain(_) | Piece::Quoted(_) | Piece::Tilde(_) => {}
                Piece::Substitution(body, _) => found.push((body, Context::Substitution)),
                Piece::Process(body) => found.push((body, Context::Process)),
                Piece::Arithmetic(text, _) => text.bodies(found),
                Piece::Parameter(parameter, _) => {
                    for text in parameter.subscript.iter().chain(&parameter.argument) {
                        text.bodies(found);
                    }
                }
            }
        }
    }
}

/// Whether double quotes stand around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    None,
    Double,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Characters without quotes: braces, globs are in here.
    Plain(String),
    /// Characters that stand for themselves.
    Quoted(String),
    /// `~`, `~name` at the start of a word.
    Tilde(String),
    Parameter(Box<Parameter>, Quotes),
    Substitution(Box<Body>, Quotes),
    Process(Box<Body>),
    Arithmetic(Box<Text>, Quotes),
}

/// A list within a word, and the text that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) list: List,
    pub(super) heres: Vec<Here>,
    pub(super) text: String,
    /// Where the spans in `list` count from, in `text`'s terms: `text` starts there.
    pub(super) offset: usize,
    pub(super) span: Span,
}

/// `$name`, `${…}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) subscript: Option<Text>,
    /// `${#name}`
    pub(super) length: bool,
    /// `${!name}`
    pub(super) indirect: bool,
    /// `:-`, `%`, `//` …; empty if none.
    pub(super) operator: String,
    pub(super) argument: Option<Text>,
}

/// The body of a heredoc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Here {
    pub(super) delimiter: String,
    /// As one word in double quotes, or as it stands where the delimiter is quoted.
    pub(super) text: Text,
    pub(super) raw: String,
}

/// A whole text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) list: List,
    pub(super) heres: Vec<Here>,
}

/// Whether a pipeline surely ends the shell, the function or the round of the loop.
pub(super) fn leaves(pipeline: &Pipeline) -> bool {
    let [command] = pipeline.commands.as_slice() else { return false };
    match &command.shape {
        Shape::Simple(plain) => {
            matches!(plain.words.first().and_then(Text::bare), Some("exit" | "return" | "continue" | "break"))
        }
        Shape::Group(list) => list.items.last().is_some_and(|item| item.rest.is_empty() && leaves(&item.first)),
        Shape::Subshell(_)
        | Shape::If(..)
        | Shape::While(..)
        | Shape::For(..)
        | Shape::ForArithmetic(..)
        | Shape::Case(..)
        | Shape::Function(..)
        | Shape::Coproc(_)
        | Shape::Arithmetic(_)
        | Shape::Test(_) => false,
    }
}
