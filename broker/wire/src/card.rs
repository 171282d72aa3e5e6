//! A question as rows of neutral text: the same facts, in the same order, whatever channel shows them.
//!
//! Channels lay the rows out; they never show text of a question that did not pass through here (or [`neutral`]).

mod section;

use tollgate_policy::action::{Access, Action, Connect, Exec, Form, Target};
use tollgate_policy::evidence::Section;
use tollgate_policy::path::AbsPath;
use tollgate_policy::question::{Authorised, Question, Reversible, Risk};
use tollgate_policy::raw::Raw;
use tollgate_policy::verdict::{Effect, Reason};

use crate::neutral;

pub use section::section;

/// Longest line of a command in a list, in characters.
const BRIEF: usize = 160;

/// A command beyond this many characters is shown a word a line.
const LINE: usize = 100;

/// Words and characters of a command that are shown at most; the rest is counted.
const WORDS: usize = 200;
const WORD: usize = 2000;
/// And of all its words together.
const COMMAND: usize = 20_000;

/// How a row is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// A fact.
    Plain,
    /// What it is about.
    Strong,
    /// To be looked at.
    Warn,
    /// Looks bad.
    Bad,
    /// A line of a diff that adds.
    Added,
    /// A line of a diff that removes.
    Removed,
    /// The agent's or a model's own words: a claim.
    Claim,
}

/// One row. An empty label continues the row above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// One or two words.
    pub label: String,
    /// Neutral text, one line.
    pub text: String,
    /// How it is meant.
    pub tone: Tone,
}

impl Row {
    fn new(label: &str, text: impl Into<String>) -> Self {
        Self { label: label.to_owned(), text: text.into(), tone: Tone::Plain }
    }

    fn tone(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }
}

/// What is attempted, in rows: verb first, then object.
#[must_use]
pub fn action(action: &Action) -> Vec<Row> {
    let mut rows = match action {
        Action::Exec(exec) => command(exec),
        Action::Path(_) | Action::Connect(_) | Action::Call(_) | Action::Tool(_) => {
            vec![Row::new("wants to", what(action)).tone(Tone::Strong)]
        }
    };
    rows.extend(doubts(action).into_iter().map(|doubt| Row::new("look twice", doubt).tone(Tone::Bad)));
    rows
}

/// Why it is asked: verdict, rule, risk.
#[must_use]
pub fn reason(question: &Question) -> Vec<Row> {
    let verdict = &question.verdict;
    let mut rows = vec![
        Row::new("verdict", effect(verdict.effect)).tone(Tone::Warn),
        Row::new("because", neutral::short(&verdict.reason.because, 500)),
        Row::new("rule", rule(&verdict.reason)),
    ];
    if let Some(class) = &verdict.class {
        rows.push(Row::new("class", neutral::short(class, 60)));
    }
    let tone = if question.risk == Risk::High { Tone::Bad } else { Tone::Plain };
    rows.push(Row::new("risk", risk(question)).tone(tone));
    if question.waiting > 1 {
        rows.push(Row::new("waiting", format!("{} identical attempts", question.waiting)));
    }
    if question.approvers.needed > 1 {
        let given = question.approvers.given.iter().map(|given| neutral::short(&given.by, 40)).collect::<Vec<_>>();
        let so_far = if given.is_empty() { "nobody yet".to_owned() } else { given.join(", ") };
        let text = format!("{} people have to agree; agreed: {so_far}", question.approvers.needed);
        rows.push(Row::new("approvers", text).tone(Tone::Warn));
    }
    if question.canary {
        rows.push(Row::new("test", "this question was a test of attention; it couldn't take effect"));
    } else if question.tests > 0 {
        let text = format!("at most {} of 100 questions here test attention: deny what looks wrong", question.tests);
        rows.push(Row::new("tests", text));
    }
    rows
}

/// `high, can't be undone, nobody asked for it`.
#[must_use]
pub fn risk(question: &Question) -> String {
    let risk = match question.risk {
        Risk::Low => "low",
        Risk::Medium => "medium",
        Risk::High => "high",
    };
    let undo = match question.reversible {
        Reversible::Yes => "can be undone",
        Reversible::Partly => "can be undone in part",
        Reversible::No => "can't be undone as far as is known",
    };
    let asked = match question.authorised {
        Authorised::Forbidden => ", against what the run is for",
        Authorised::Unsaid => "",
        Authorised::Implied => ", serves what was asked for",
        Authorised::Explicit => ", was asked for",
    };
    format!("{risk}, {undo}{asked}")
}

/// Commands that led here, and the evidence: what weighs most first, so that it stands on a small screen; a diff, which may
/// be long, after what is short; the agent's own words last.
#[must_use]
pub fn evidence(question: &Question) -> Vec<Row> {
    let mut rows = Vec::new();
    for (at, parent) in question.lineage.iter().enumerate() {
        rows.push(Row::new(if at == 0 { "led here by" } else { "" }, neutral::short_quoted(parent, 200)));
    }
    let mut sorted: Vec<&Section> = question.evidence.iter().collect();
    sorted.sort_by_key(|section| place(section));
    rows.extend(sorted.into_iter().flat_map(section));
    rows
}

fn place(section: &Section) -> u8 {
    match section {
        Section::File(_) | Section::Destination(_) => 0,
        Section::Commits(_) | Section::Packages(_) | Section::Meaning { .. } => 1,
        Section::Secrets(_) | Section::Readable { .. } => 2,
        Section::Missing { .. } => 3,
        Section::Opens(_) => 4,
        Section::Recovery { .. } => 5,
        Section::Note { .. } => 6,
        Section::Executable(_) => 7,
        Section::Diff(_) => 8,
        Section::Refused { .. } => 9,
        Section::Earlier(_) => 10,
        Section::Review { .. } => 11,
        Section::Says { .. } => 12,
    }
}

/// The action in one line.
#[must_use]
pub fn what(action: &Action) -> String {
    match action {
        Action::Exec(exec) => neutral::short_command(exec.argv.iter().map(Raw::bytes), BRIEF),
        Action::Path(access) => {
            let verb = match access.access {
                Access::Read => "read",
                Access::Write => "write",
            };
            format!("{verb} {}", path(&access.path))
        }
        Action::Connect(connect) => format!("connect to {}", target(connect)),
        Action::Call(call) => format!("call {}", neutral::short(&call.name, 60)),
        Action::Tool(tool) => {
            format!("use tool {} of {}", neutral::short(&tool.tool, 100), neutral::short(&tool.server, 100))
        }
    }
}

/// Where a connection goes: `example.com:443`.
#[must_use]
pub fn target(connect: &Connect) -> String {
    match &connect.target {
        Target::Name(name) => format!("{}:{}", neutral::short(name, 260), connect.port),
        Target::Address(address) => std::net::SocketAddr::new(*address, connect.port).to_string(),
        Target::Unix(socket) => path(socket),
        Target::Abstract(name) => format!("@{}", neutral::word(name.bytes())),
    }
}

/// The verdict in a word.
#[must_use]
pub fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "allow",
        Effect::Review => "review",
        Effect::Ask => "ask",
        Effect::Deny => "deny",
    }
}

/// A rule's place: `policy.toml:12`.
#[must_use]
pub fn rule(reason: &Reason) -> String {
    let file = neutral::short(&reason.file, 200);
    if reason.line == 0 { file } else { format!("{file}:{}", reason.line) }
}

fn path(path: &AbsPath) -> String {
    neutral::word(Raw::from(path.as_path().as_os_str()).bytes())
}

fn doubts(action: &Action) -> Vec<String> {
    let text = match action {
        // what is no UTF-8 is looked at all the same: a stray byte must not keep the doubt away
        Action::Exec(exec) => {
            exec.argv.iter().map(|word| String::from_utf8_lossy(word.bytes())).collect::<Vec<_>>().join(" ")
        }
        Action::Path(_) | Action::Connect(_) | Action::Call(_) | Action::Tool(_) => {
            serde_json::to_string(action).unwrap_or_default()
        }
    };
    neutral::doubts(&text)
}

fn command(exec: &Exec) -> Vec<Row> {
    let mut rows = Vec::new();
    let shown: usize = exec.argv.iter().take(WORDS).map(|word| word.bytes().len().min(LINE + 1)).sum();
    let line =
        if shown <= LINE { neutral::command(exec.argv.iter().take(WORDS).map(Raw::bytes)) } else { String::new() };
    if !line.is_empty() && line.chars().count() <= LINE && exec.argv.len() <= WORDS {
        rows.push(Row::new("command", line).tone(Tone::Strong));
    } else {
        let mut room = COMMAND;
        for (at, word) in exec.argv.iter().take(WORDS).enumerate() {
            let shown = neutral::short_command([word.bytes()], WORD);
            room = room.saturating_sub(shown.chars().count());
            if room == 0 {
                break;
            }
            rows.push(Row::new(if at == 0 { "command" } else { "" }, shown).tone(Tone::Strong));
        }
        if exec.argv.len() > rows.len() {
            rows.push(Row::new("", format!("… ({} more words)", exec.argv.len() - rows.len())).tone(Tone::Warn));
        }
    }
    let image = &exec.image;
    rows.push(Row::new("program", image.executable.as_ref().map_or_else(|| "(has no name)".to_owned(), path)));
    match &image.form {
        Form::Native => {}
        Form::Script { script } => {
            rows.push(Row::new("script", script.as_ref().map_or_else(|| "(has no name)".to_owned(), path)));
        }
        Form::Loader { loader } => rows.push(Row::new("loader", path(loader))),
    }
    if image.writable {
        rows.push(Row::new("look twice", "the program can be changed from inside the boundary").tone(Tone::Bad));
    }
    rows.push(Row::new("in", path(&exec.cwd)));
    rows
}
