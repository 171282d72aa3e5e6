//! Variables, as far as the text alone tells their values.

use std::collections::{BTreeMap, BTreeSet};

use super::caps;
use super::tree::{Assigned, Command, Item, List, Piece, Pipeline, Shape, Text};

/// What a variable holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Held {
    /// Just this.
    Text(String),
    /// An array of these.
    List(Vec<String>),
    /// Digits, perhaps with a sign.
    Number,
    /// Anything.
    Unknown,
}

impl Held {
    /// Whether it surely is a number, as long as numbers are.
    pub(super) fn is_number(&self) -> bool {
        match self {
            Self::Number => true,
            Self::Text(text) => (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()),
            Self::List(_) | Self::Unknown => false,
        }
    }
}

/// Names that bash fills, empties or reads by itself.
const OWN: &str = "RANDOM SECONDS LINENO SRANDOM EPOCHSECONDS EPOCHREALTIME UID EUID PPID GROUPS FUNCNAME DIRSTACK \
    HISTCMD PIPESTATUS SHELLOPTS REPLY OPTARG OPTIND MAPFILE COPROC OLDPWD PWD _ COMP_WORDS";
const NUMBERS: [&str; 7] = ["RANDOM", "SECONDS", "LINENO", "SRANDOM", "EPOCHSECONDS", "UID", "EUID"];

/// The variables of one shell.
#[derive(Debug)]
pub(super) struct Variables {
    held: BTreeMap<String, Held>,
    /// Those that functions and traps set, whenever they like.
    fickle: BTreeSet<String>,
    /// Whether any variable may have been changed in a way that was not seen.
    lost: Lost,
    /// What was there before each change: a shell within this one is begun and left many times, and changes little.
    before: Vec<Before>,
}

#[derive(Debug)]
enum Before {
    Held(String, Option<Held>),
    NotFickle(String),
    NotLost,
}

/// How the variables were at some time.
#[derive(Debug)]
pub(super) struct Mark(usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    No,
    Yes,
}

impl Variables {
    /// Those of a shell that has just started: bash takes no IFS from its environment.
    pub(super) fn new(home: Option<&str>) -> Self {
        let mut held = BTreeMap::from([("IFS".to_owned(), Held::Text(" \t\n".to_owned()))]);
        held.extend(home.map(|home| ("HOME".to_owned(), Held::Text(home.to_owned()))));
        Self { held, fickle: BTreeSet::new(), lost: Lost::No, before: Vec::new() }
    }

    pub(super) fn held(&self, name: &str) -> &Held {
        if NUMBERS.contains(&name) {
            return &Held::Number;
        }
        if self.lost == Lost::Yes {
            return &Held::Unknown;
        }
        self.held.get(name).unwrap_or(&Held::Unknown)
    }

    pub(super) fn set(&mut self, name: &str, held: Held) {
        let own = self.fickle.contains(name)
            || OWN.split(' ').any(|own| own == name)
            || name.starts_with("BASH")
            || name.starts_with("COMP_");
        let before = self.held.insert(name.to_owned(), if own { Held::Unknown } else { held });
        self.before.push(Before::Held(name.to_owned(), before));
    }

    /// To come back to with [`Self::back_to`].
    pub(super) const fn mark(&self) -> Mark {
        Mark(self.before.len())
    }

    /// All is as it was.
    pub(super) fn back_to(&mut self, Mark(mark): Mark) {
        while self.before.len() > mark {
            match self.before.pop() {
                Some(Before::Held(name, Some(held))) => drop(self.held.insert(name, held)),
                Some(Before::Held(name, None)) => drop(self.held.remove(&name)),
                Some(Before::NotFickle(name)) => drop(self.fickle.remove(&name)),
                Some(Before::NotLost) => self.lost = Lost::No,
                None => {}
            }
        }
    }

    /// From here on nothing is known of any.
    pub(super) fn lose(&mut self) {
        if self.lost == Lost::No {
            self.lost = Lost::Yes;
            self.before.push(Before::NotLost);
        }
    }

    /// The characters that split what is not quoted; none where that isn't known.
    pub(super) fn separators(&self) -> Option<String> {
        match self.held("IFS") {
            Held::Text(text) => Some(text.clone()).filter(|text| text.len() <= caps::SEPARATORS),
            Held::List(_) | Held::Number | Held::Unknown => None,
        }
    }

    /// What these commands set is never known again.
    pub(super) fn never(&mut self, changes: &Changes) {
        for name in changes.names.iter().chain(&changes.numbers) {
            if self.fickle.insert(name.clone()) {
                self.before.push(Before::NotFickle(name.clone()));
            }
        }
        self.forget(changes);
    }

    /// What these commands may set is unknown.
    pub(super) fn forget(&mut self, changes: &Changes) {
        if changes.all == Lost::Yes {
            self.lose();
        }
        for name in &changes.names {
            self.set(name, Held::Unknown);
        }
        for name in &changes.numbers {
            let number = self.held(name).is_number();
            self.set(name, if number { Held::Number } else { Held::Unknown });
        }
    }
}

/// What commands may change that is not their own.
#[derive(Debug)]
pub(super) struct Changes {
    names: Vec<String>,
    /// Names that arithmetic may set, which can only be to a number.
    numbers: Vec<String>,
    all: Lost,
    cwd: Lost,
}

impl Changes {
    /// Of a list, whatever of it runs, however often.
    pub(super) fn of(lists: &[&List]) -> Self {
        let mut changes = Self::none();
        for list in lists {
            changes.list(list);
        }
        changes
    }

    /// Of a pipeline; of several commands, each has a shell of its own.
    pub(super) fn of_pipeline(pipeline: &Pipeline) -> Self {
        let mut changes = Self::none();
        pipeline.commands.iter().for_each(|command| changes.command(command));
        changes
    }

    /// Of one command.
    pub(super) fn of_command(command: &Command) -> Self {
        let mut changes = Self::none();
        changes.command(command);
        changes
    }

    const fn none() -> Self {
        Self { names: Vec::new(), numbers: Vec::new(), all: Lost::No, cwd: Lost::No }
    }

    /// Whether the working directory may be another one behind them.
    pub(super) fn moves(&self) -> bool {
        self.cwd == Lost::Yes
    }

    fn list(&mut self, list: &List) {
        for Item { first, rest, .. } in &list.items {
            for pipeline in std::iter::once(first).chain(rest.iter().map(|(_, pipeline)| pipeline)) {
                for command in &pipeline.commands {
                    self.command(command);
                }
            }
        }
    }

    fn command(&mut self, command: &Command) {
        match &command.shape {
            Shape::Simple(plain) => {
                for assign in &plain.assignments {
                    match &assign.value {
                        Assigned::One(text) if is_arithmetic(text) && !assign.append => {
                            self.numbers.push(assign.name.clone());
                        }
                        Assigned::One(_) | Assigned::Array(_) => self.names.push(assign.name.clone()),
                    }
                    match &assign.value {
                        Assigned::One(text) => self.text(text),
                        Assigned::Array(words) => words.iter().for_each(|word| self.text(word)),
                    }
                }
                plain.words.iter().for_each(|word| self.text(word));
                match plain.words.first().map(Text::bare) {
                    Some(Some("cd" | "pushd" | "popd")) => self.cwd = Lost::Yes,
                    Some(Some("eval" | "source" | "." | "builtin" | "command" | "trap") | None) => {
                        (self.all, self.cwd) = (Lost::Yes, Lost::Yes);
                    }
                    Some(Some(
                        "read" | "printf" | "unset" | "declare" | "typeset" | "local" | "export" | "readonly" | "let"
                        | "getopts" | "mapfile" | "readarray" | "set" | "shift" | "wait",
                    )) => self.all = Lost::Yes,
                    None | Some(Some(_)) => {}
                }
            }
            Shape::Subshell(list) | Shape::Group(list) => self.list(list),
            Shape::While(test, body) => {
                self.list(test);
                self.list(body);
            }
            Shape::If(arms, otherwise) => {
                for (test, body) in arms {
                    self.list(test);
                    self.list(body);
                }
                if let Some(list) = otherwise {
                    self.list(list);
                }
            }
            Shape::For(name, _, body) => {
                self.names.push(name.clone());
                self.list(body);
            }
            Shape::ForArithmetic(text, body) => {
                names_in(text, &mut self.numbers);
                self.list(body);
            }
            Shape::Case(_, arms) => arms.iter().for_each(|arm| self.list(&arm.body)),
            Shape::Function(_, body) | Shape::Coproc(body) => self.command(body),
            Shape::Arithmetic(text) => names_in(text, &mut self.numbers),
            Shape::Test(words) => words.iter().for_each(|word| self.text(word)),
        }
    }

    /// `${x:=…}` and arithmetic set variables, too.
    fn text(&mut self, text: &Text) {
        for piece in &text.pieces {
            match piece {
                Piece::Parameter(parameter, _) => {
                    if matches!(&*parameter.operator, ":=" | "=") {
                        self.all = Lost::Yes;
                    }
                    parameter.argument.iter().chain(&parameter.subscript).for_each(|text| self.text(text));
                }
                Piece::Arithmetic(inner, _) => names_in(inner, &mut self.numbers),
                Piece::Plain(_) | Piece::Quoted(_) | Piece::Tilde(_) | Piece::Substitution(..) | Piece::Process(_) => {}
            }
        }
    }
}

/// Whether a word is one expression that bash works out.
fn is_arithmetic(text: &Text) -> bool {
    matches!(text.pieces.as_slice(), [Piece::Arithmetic(..)])
}

/// All names in an expression.
fn names_in(text: &Text, names: &mut Vec<String>) {
    for piece in &text.pieces {
        if let Piece::Plain(plain) | Piece::Quoted(plain) = piece {
            let words = plain.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            names.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
        }
        if let Piece::Arithmetic(inner, _) = piece {
            names_in(inner, names);
        }
    }
}
