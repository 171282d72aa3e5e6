//! What was understood of a text, and what was not. Plain data; spans are bytes of the text that was read.

use std::collections::BTreeSet;

use crate::path::AbsPath;

/// Bytes of the text, `start..end`. Always on character boundaries within the text; for parts of a text within the text (a
/// string for `bash -c`) it is the word that holds it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
}

impl Span {
    /// The text that it covers; empty where it is none of this text's.
    #[must_use]
    pub fn of<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// Where a text would run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    /// The working directory; none if it isn't known.
    pub cwd: Option<AbsPath>,
    /// `~` and `$HOME`; none if it isn't known.
    pub home: Option<AbsPath>,
}

/// All that was made of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// Commands that may be run, in the order in which they are written; what a wrapper runs stands behind it.
    pub commands: Vec<Simple>,
    /// Redirections of groups, loops and conditions, which belong to no simple command.
    pub redirections: Vec<(Redirection, Place)>,
    /// Variables that are set for all that follows.
    pub assignments: Vec<Assignment>,
    /// Variables whose value becomes part of a word, and that the text does not set.
    pub shown: BTreeSet<String>,
    /// What was not understood. Empty: each program that the shell itself will start is among `commands`.
    pub opaque: Vec<Opaque>,
}

/// One command: a program or builtin with its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simple {
    /// Variables of this command alone.
    pub assignments: Vec<Assignment>,
    /// The words, from the program; never empty.
    pub words: Vec<Word>,
    /// Its own redirections.
    pub redirections: Vec<Redirection>,
    /// Where and when it would run.
    pub place: Place,
    /// The command in `Reading::commands` through which it runs (`env`, `xargs`, `bash -c` …); none for one that the
    /// shell itself starts.
    pub by: Option<usize>,
    /// All of it.
    pub span: Span,
}

/// Where and when a part would run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Working directory, as far as `cd` could be followed.
    pub cwd: Cwd,
    /// What it stands in, outermost first.
    pub context: Vec<Context>,
}

/// A working directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cwd {
    /// Where the text started, or where a `cd` led that can't have failed unnoticed.
    Known(AbsPath),
    /// A `cd` somewhere led to a place that the text doesn't tell, or may have failed.
    Unknown,
}

/// What a part stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// Part of a pipeline of several commands: its number, from 0, and how many there are. Pipelines have numbers of their own.
    Pipeline {
        /// Which pipeline of the text.
        number: usize,
        /// Which part.
        at: usize,
        /// How many parts.
        of: usize,
    },
    /// Runs in the background (`&`, `coproc`).
    Background,
    /// `$(…)`, backticks: what it writes becomes part of a word.
    Substitution,
    /// `<(…)`, `>(…)`.
    Process,
    /// `(…)`
    Subshell,
    /// The test of an `if`, `while` or `until`, or in front of `&&` or `||`.
    Condition,
    /// Runs only if something else did or did not succeed, or for a pattern.
    Branch,
    /// The body of a loop.
    Loop,
    /// The body of a function: runs when it is called.
    Function,
    /// Behind a wrapper, or in a string that a shell reads.
    Within,
}

/// A word, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What it becomes.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
}

impl Word {
    /// The whole word, where all of it is known.
    #[must_use]
    pub fn known(&self) -> Option<&str> {
        match &self.value {
            Value::Known(text) => Some(text),
            Value::Pattern(_) | Value::Partly(_) | Value::Unknown => None,
        }
    }

    /// What it surely starts with.
    #[must_use]
    pub fn start(&self) -> &str {
        match &self.value {
            Value::Known(text) | Value::Partly(text) => text,
            Value::Pattern(text) => text.split(['*', '?', '[', '(']).next().unwrap_or_default(),
            Value::Unknown => "",
        }
    }
}

/// What a word becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Just this one word.
    Known(String),
    /// Names of files that fit this pattern, or the pattern itself: any number of words, each with the pattern's literal start.
    Pattern(String),
    /// One word that starts with this. What follows is data: it can't add a word, but it can be anything.
    Partly(String),
    /// Any number of words, anything.
    Unknown,
}

/// `NAME=value`, `NAME+=value`, `NAME[…]=value`, `export NAME=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The variable's name, without a subscript.
    pub name: String,
    /// Its value; [`Value::Unknown`] for arrays.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
}

/// `[n]op target`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirection {
    /// The descriptor that is given or implied; none for `{name}` and for `&>`.
    pub descriptor: Option<u32>,
    /// Which way.
    pub direction: Direction,
    /// From or to what.
    pub target: Target,
    /// Where it stands.
    pub span: Span,
}

/// Which way a redirection goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// `<`, `<&`, `<<`, `<<<`
    In,
    /// `>`, `>|`, `>>`, `&>`, `&>>`, `>&`
    Out,
    /// `<>`
    Both,
}

/// What a redirection leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A file (or, for bash, `/dev/tcp/…`, `/dev/udp/…`).
    File(Word),
    /// Another descriptor of the shell.
    Descriptor(u32),
    /// Nothing: it is closed.
    Closed,
    /// The text of a heredoc or here-string.
    Text(Word),
}

/// A part that the text alone does not explain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opaque {
    /// Why.
    pub why: Why,
    /// Where it stands.
    pub span: Span,
}

/// Why a part is opaque.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// Longer than [`super::caps::LENGTH`].
    TooLong,
    /// Beyond another cap.
    TooMuch,
    /// Characters that shells, terminals and people read differently: control characters, invisible and bidirectional ones,
    /// blanks beyond ASCII, carriage returns.
    Characters,
    /// No bash would read it, or we don't.
    Syntax,
    /// The two parsers don't agree.
    Disagreement,
    /// Which program it is hangs on what the text doesn't tell.
    Program,
    /// Words can become anything, where that matters.
    Words,
    /// The text of a shell, built at run time, read from a file or from standard input.
    Code,
    /// Arithmetic or a subscript, in which bash would run what a variable holds.
    Arithmetic,
    /// It changes what later words mean: aliases, options of the shell, functions over commands, loaded builtins.
    Meaning,
    /// A variable is set that changes what programs do.
    Variable,
    /// An interpreter's own language, or a program that runs what a file says.
    Language,
}

impl Why {
    /// What a person is told.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::TooLong => "the text is longer than is read",
            Self::TooMuch => "the text has more parts, or more within one another, than is read",
            Self::Characters => "it has characters that are invisible, or read differently by shells and people",
            Self::Syntax => "it can't be read as bash would read it",
            Self::Disagreement => "two parsers read it differently",
            Self::Program => "which program would run can't be told from the text",
            Self::Words => "what this becomes can't be told from the text",
            Self::Code => "a shell would run text that isn't here",
            Self::Arithmetic => "bash would work this out, and may run what is in it",
            Self::Meaning => "it changes what later words mean",
            Self::Variable => "it sets a variable that changes what programs do",
            Self::Language => "it is code in another language, or a program that runs what a file says",
        }
    }
}

/// Reads a text, without a table of wrappers: `env ls` is the program `env` with a word.
#[must_use]
pub fn read(text: &str, from: &From) -> Reading {
    super::walk::read(text, from, super::table::Table::new(&[]))
}
