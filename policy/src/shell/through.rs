//! Wrappers and interpreters, seen through by the table: which of their words are a command, a text for a shell, or code.

use super::caps;
use super::fills;
use super::reading::{Assignment, Context, Direction, Redirection, Simple, Span, Target, Value, Why, Word};
use super::walk::{Shell, Walker};
use crate::profile::document::{ProgramLine, Runs};

/// What an option is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Flag,
    Value,
    Text,
    Code,
    Commands,
    Unless,
}

/// What was found among the words of a wrapper.
#[derive(Debug, Default)]
struct Found {
    /// Texts for a shell.
    texts: Vec<(String, Span)>,
    /// Commands behind options (`-exec`).
    commands: Vec<Vec<Word>>,
    /// The first word that is no option.
    rest: Option<usize>,
    assignments: Vec<Assignment>,
    code: Option<Span>,
    unknown: Option<Span>,
    /// Whether a shell's text is the first word.
    wants_text: bool,
    /// Whether a text was given.
    has_text: bool,
    /// Nothing is run.
    nothing: bool,
}

impl Walker<'_> {
    /// What a command runs in turn.
    pub(super) fn through(&mut self, number: usize, program: &str, simple: &Simple) {
        let Some(line) = self.table.find(program) else { return };
        let mut found = look(line, &simple.words);
        if found.nothing {
            return;
        }
        if self.wrapped >= caps::NESTING {
            return self.opaque_here(Why::TooMuch, simple.span);
        }
        self.wrapped += 1;
        let outer = self.by.replace(number);
        self.context.push(Context::Within);
        for command in std::mem::take(&mut found.commands) {
            self.inner(command, (simple, Vec::new()));
        }
        for (text, span) in std::mem::take(&mut found.texts) {
            self.text(&text, span, Shell::New);
        }
        if let Some(span) = found.unknown {
            self.opaque_here(Why::Program, span);
        } else if let Some(span) = found.code {
            self.opaque_here(Why::Language, span);
        }
        self.rest(line, simple, found);
        self.context.pop();
        self.by = outer;
        self.wrapped -= 1;
    }

    fn rest(&mut self, line: &ProgramLine, simple: &Simple, found: Found) {
        let rest =
            found.rest.map(|at| at + usize::from(line.skip)).and_then(|at| simple.words.get(at..)).unwrap_or_default();
        match line.runs {
            // `flock FILE -c TEXT`
            Runs::Rest if line.skip > 0 && rest.first().is_some_and(|word| is_text(line, word)) => {
                match rest.get(1).map(Word::known) {
                    Some(Some(text)) => self.text(text, simple.span, Shell::New),
                    Some(None) | None => self.opaque_here(Why::Code, simple.span),
                }
            }
            Runs::Rest => {
                let words = if line.adds { fills::added(&simple.words, rest) } else { rest.to_vec() };
                self.inner(words, (simple, found.assignments));
            }
            Runs::Text if !rest.is_empty() => {
                let known: Option<Vec<&str>> = rest.iter().map(Word::known).collect();
                match known {
                    Some(known) => self.text(&known.join(" "), simple.span, Shell::New),
                    None => self.opaque_here(Why::Code, simple.span),
                }
            }
            Runs::Shell => self.shell(simple, &found),
            Runs::Script if found.code.is_none() => self.opaque_here(Why::Language, simple.span),
            Runs::Nothing | Runs::Text | Runs::Script => {}
            Runs::Sed | Runs::Awk => self.filter(line.runs, simple, &found),
        }
    }

    /// A command behind a wrapper.
    fn inner(&mut self, words: Vec<Word>, (outer, assignments): (&Simple, Vec<Assignment>)) {
        if words.is_empty() {
            return;
        }
        // They are looked at once more for each wrapper.
        let Some(left) = self.growth.checked_sub(words.len() * caps::WRAPPED) else {
            return self.opaque_here(Why::TooMuch, outer.span);
        };
        self.growth = left;
        let place = self.place();
        self.run(&Simple { assignments, words, redirections: Vec::new(), place, by: self.by, span: outer.span });
    }

    /// A shell without a text: a file, or standard input.
    fn shell(&mut self, simple: &Simple, found: &Found) {
        if found.rest.is_some() || found.code.is_some() {
            if !found.has_text {
                self.opaque_here(Why::Code, simple.span);
            }
            return;
        }
        let last = simple.redirections.iter().rfind(|redirection| reads_input(redirection));
        match last.map(|redirection| &redirection.target) {
            Some(Target::Text(word)) if word.known().is_some() => {
                let text = word.known().unwrap_or_default().to_owned();
                self.text(&text, simple.span, Shell::New);
            }
            _ if found.has_text => {}
            _ => self.opaque_here(Why::Code, simple.span),
        }
    }

    /// sed and awk: a script that only prints is no code.
    fn filter(&mut self, runs: Runs, simple: &Simple, found: &Found) {
        let scripts: Vec<Option<&str>> = if found.code.is_some() {
            script_options(&simple.words)
        } else {
            found.rest.and_then(|at| simple.words.get(at)).map(Word::known).into_iter().collect()
        };
        let plain = |script: Option<&str>| {
            script.is_some_and(|script| {
                if runs == Runs::Sed { super::filters::sed(script) } else { super::filters::awk(script) }
            })
        };
        if scripts.is_empty() || !scripts.iter().copied().all(plain) {
            self.opaque_here(Why::Language, simple.span);
        } else {
            self.reading.opaque.retain(|opaque| !(opaque.why == Why::Language && Some(opaque.span) == found.code));
        }
    }
}

fn reads_input(redirection: &Redirection) -> bool {
    redirection.descriptor == Some(0) && redirection.direction != Direction::Out
}

/// Looks at the words behind a wrapper's name.
fn look(line: &ProgramLine, words: &[Word]) -> Found {
    let mut found = Found::default();
    let mut at = 1;
    while let Some(word) = words.get(at) {
        at = match word.known() {
            None => half_known(line, word, at, &mut found),
            Some("--") if line.commands.is_empty() => {
                found.given(line, words, at + 1);
                return found;
            }
            Some(text) if is_option(line, text) => option(line, (words, at), text, &mut found),
            Some(text) => positional(line, (words, at), text, &mut found),
        };
        if found.nothing {
            return found;
        }
    }
    found
}

fn is_option(line: &ProgramLine, text: &str) -> bool {
    text.len() > 1 && (text.starts_with('-') || line.runs == Runs::Shell && text.starts_with('+'))
}

/// A word that isn't known in full. Answers where to go on; `usize::MAX` is the end.
fn half_known(line: &ProgramLine, word: &Word, at: usize, found: &mut Found) -> usize {
    let start = word.start();
    if let Some((name, _)) = start.split_once('=').filter(|_| start.starts_with('-')) {
        if matches!(kind(line, name).0, Kind::Text | Kind::Code | Kind::Commands) {
            found.code = Some(word.span);
        }
        return at + 1;
    }
    let data = matches!(word.value, Value::Partly(_)) && !start.is_empty() && !start.starts_with('-');
    let file = matches!(word.value, Value::Pattern(_)) && !start.is_empty() && !start.starts_with('-');
    match line.runs {
        Runs::Nothing if data || file => at + 1,
        Runs::Sed | Runs::Awk if data || file => {
            found.rest.get_or_insert(at);
            at + 1
        }
        Runs::Shell | Runs::Script if data || file => {
            found.rest = Some(at);
            usize::MAX
        }
        Runs::Rest if data && at_words(line) => {
            found.rest = Some(at);
            usize::MAX
        }
        // It may be an option, but none behind which a command stands.
        Runs::Nothing if line.commands.is_empty() => at + 1,
        Runs::Nothing | Runs::Sed | Runs::Awk => {
            found.unknown = Some(word.span);
            at + 1
        }
        Runs::Rest | Runs::Text | Runs::Shell | Runs::Script => {
            found.unknown = Some(word.span);
            usize::MAX
        }
    }
}

fn is_text(line: &ProgramLine, word: &Word) -> bool {
    word.known().is_some_and(|text| matches!(kind(line, text), (Kind::Text, None)))
}

/// Whether words stand before the command, so that one that is data is none of it.
fn at_words(line: &ProgramLine) -> bool {
    line.skip > 0
}

/// A word that is no option. Answers where to go on.
fn positional(line: &ProgramLine, (words, at): (&[Word], usize), text: &str, found: &mut Found) -> usize {
    let span = words.get(at).map(|word| word.span).unwrap_or_default();
    if line.assignments
        && let Some((name, value)) =
            text.split_once('=').filter(|(name, _)| super::cursor::name_of(name) == *name && !name.is_empty())
    {
        found.assignments.push(Assignment { name: name.to_owned(), value: Value::Known(value.to_owned()), span });
        return at + 1;
    }
    match line.runs {
        Runs::Nothing => at + 1,
        Runs::Sed | Runs::Awk => {
            found.rest.get_or_insert(at);
            at + 1
        }
        Runs::Rest | Runs::Text | Runs::Shell | Runs::Script => {
            found.given(line, words, at);
            usize::MAX
        }
    }
}

impl Found {
    /// The words behind the options begin here.
    fn given(&mut self, line: &ProgramLine, words: &[Word], at: usize) {
        if line.runs == Runs::Shell && self.wants_text {
            match words.get(at).map(|word| (word.known(), word.span)) {
                Some((Some(text), span)) => self.texts.push((text.to_owned(), span)),
                Some((None, span)) => self.code = Some(span),
                None => {}
            }
            self.has_text = true;
        } else if at < words.len() {
            self.rest = Some(at);
        }
    }
}

/// An option. Answers where to go on.
fn option(line: &ProgramLine, (words, at): (&[Word], usize), text: &str, found: &mut Found) -> usize {
    let span = words.get(at).map(|word| word.span).unwrap_or_default();
    let (kind, attached) = kind(line, text);
    let behind = if attached.is_some() { at + 1 } else { at + 2 };
    match kind {
        Kind::Flag => at + 1,
        Kind::Value => behind,
        Kind::Unless => {
            found.nothing = true;
            behind
        }
        Kind::Text if line.runs == Runs::Shell => {
            found.wants_text = true;
            at + 1
        }
        Kind::Text => {
            let value = attached.or_else(|| words.get(at + 1).and_then(Word::known));
            match value {
                Some(value) => found.texts.push((value.to_owned(), span)),
                None => found.code = Some(span),
            }
            found.has_text = true;
            behind
        }
        Kind::Code => {
            found.code = Some(span);
            behind
        }
        Kind::Commands => {
            let command: Vec<Word> = words
                .iter()
                .skip(at + 1)
                .take_while(|word| !matches!(word.known(), Some(";" | "+")))
                .cloned()
                .collect();
            let next = at + 2 + command.len();
            found.commands.push(fills::found(words, command));
            next
        }
    }
}

/// What an option is, and the value that stands in one word with it.
fn kind<'w>(line: &ProgramLine, text: &'w str) -> (Kind, Option<&'w str>) {
    let lists = [
        (Kind::Commands, &line.commands),
        (Kind::Unless, &line.unless),
        (Kind::Text, &line.text),
        (Kind::Code, &line.code),
        (Kind::Value, &line.values),
    ];
    let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
    for (kind, list) in lists {
        if list.iter().any(|one| *one == text) {
            return (kind, None);
        }
        let long = |one: &str| one.starts_with("--") && name.len() > 3 && one.starts_with(name);
        if list.iter().any(|one| *one == name || long(one)) {
            return (kind, value);
        }
    }
    if text.starts_with("--") || !line.commands.is_empty() {
        return (Kind::Flag, None);
    }
    for (position, letter) in text.char_indices().skip(1) {
        let option = |one: &str| one.strip_prefix('-').is_some_and(|one| one.strip_prefix(letter) == Some(""));
        let Some((kind, _)) = lists.iter().find(|(_, list)| list.iter().any(|one| option(one))) else { continue };
        let attached = text.get(position + letter.len_utf8()..).filter(|rest| !rest.is_empty());
        return (*kind, attached);
    }
    (Kind::Flag, None)
}

/// Scripts that options of sed or awk name.
fn script_options(words: &[Word]) -> Vec<Option<&str>> {
    let mut scripts = Vec::new();
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        match word.known() {
            Some("-e" | "--expression") => scripts.push(words.next().and_then(Word::known)),
            Some(text) if text.starts_with("--expression=") => scripts.push(text.strip_prefix("--expression=")),
            Some(text) if text.starts_with("--") || !text.starts_with('-') => {}
            // Clusters and files: not told apart here.
            Some(text) if text.contains(['e', 'f']) => scripts.push(None),
            Some(_) => {}
            None => scripts.push(None),
        }
    }
    scripts
}
