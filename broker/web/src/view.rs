//! A question as the templates show it: neutral rows, put under headings.

use tollgate_policy::evidence::Section;
use tollgate_policy::question::{Question, Risk};
use tollgate_wire::card::{self, Row, Tone};
use tollgate_wire::neutral;
use tollgate_wire::pile::{self, Friction};

/// A class for each tone, as in the style sheet.
pub(crate) fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Strong => "strong",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
        Tone::Added => "added",
        Tone::Removed => "removed",
        Tone::Claim => "claim",
    }
}

/// One line of a list of questions.
#[derive(Debug)]
pub(crate) struct Brief {
    pub(crate) id: String,
    pub(crate) digest: String,
    pub(crate) run: String,
    pub(crate) verb: &'static str,
    pub(crate) what: String,
    pub(crate) class: String,
    pub(crate) because: String,
    pub(crate) risk: &'static str,
    pub(crate) waiting: u32,
    pub(crate) deadline: i64,
    pub(crate) left: String,
}

impl Brief {
    pub(crate) fn of(question: &Question, now: i64) -> Self {
        Self {
            id: neutral::short(&question.id, 80),
            digest: neutral::short(&question.digest, 80),
            run: neutral::short(&question.run, 80),
            verb: pile::verb(question),
            what: pile::object(question),
            class: question.verdict.class.as_deref().map_or_else(String::new, |class| neutral::short(class, 30)),
            because: neutral::short(&question.verdict.reason.because, 160),
            risk: risk(question.risk),
            waiting: question.waiting,
            deadline: question.deadline,
            left: pile::left(question.deadline, now),
        }
    }
}

pub(crate) fn risk(risk: Risk) -> &'static str {
    match risk {
        Risk::Low => "low",
        Risk::Medium => "medium",
        Risk::High => "high",
    }
}

/// A heading and what stands below it.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) title: &'static str,
    /// `facts`, `diff`, `claim`: how it is laid out.
    pub(crate) form: &'static str,
    pub(crate) rows: Vec<Line>,
}

/// A row of a block.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) label: String,
    pub(crate) text: String,
    pub(crate) tone: &'static str,
}

impl From<Row> for Line {
    fn from(row: Row) -> Self {
        Self { label: row.label, text: row.text, tone: tone(row.tone) }
    }
}

/// All that is known of a question.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) brief: Brief,
    pub(crate) action: Vec<Line>,
    pub(crate) reason: Vec<Line>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) lineage: Vec<String>,
    pub(crate) asked: String,
    pub(crate) lasting: bool,
    pub(crate) prefixes: Vec<Prefix>,
    pub(crate) confirm: String,
    /// Half seconds for which yes stays closed.
    pub(crate) pause: u64,
    pub(crate) seconds: String,
}

/// A prefix that may be approved.
#[derive(Debug)]
pub(crate) struct Prefix {
    pub(crate) words: String,
    pub(crate) covers: Vec<String>,
    pub(crate) spares: Vec<String>,
}

impl View {
    pub(crate) fn of(question: &Question, now: i64) -> Self {
        let friction = Friction::of(question);
        let millis = u64::try_from(friction.pause.as_millis()).unwrap_or(u64::MAX);
        let lines = |lines: &[String]| lines.iter().take(3).map(|line| neutral::short_quoted(line, 160)).collect();
        let offers = &question.offers;
        let prefixes = offers.prefixes.iter().map(|offer| Prefix {
            words: neutral::short_command(offer.words.iter().map(String::as_bytes), 120),
            covers: lines(&offer.covers),
            spares: lines(&offer.spares),
        });
        Self {
            brief: Brief::of(question, now),
            action: card::action(&question.action).into_iter().map(Line::from).collect(),
            reason: card::reason(question).into_iter().map(Line::from).collect(),
            blocks: blocks(&question.evidence),
            lineage: question.lineage.iter().map(|line| neutral::short_quoted(line, 200)).collect(),
            asked: time(question.asked_at),
            lasting: offers.lasting,
            prefixes: prefixes.collect(),
            confirm: neutral::short(&friction.confirm, 200),
            pause: millis.div_ceil(500).min(10),
            seconds: format!("{:.1}", friction.pause.as_secs_f64()),
        }
    }
}

/// Sections under their headings, what weighs most first; the agent's own words come last.
fn blocks(evidence: &[Section]) -> Vec<Block> {
    let mut sorted: Vec<&Section> = evidence.iter().collect();
    sorted.sort_by_key(|section| rank(section));
    let mut blocks: Vec<Block> = Vec::new();
    for section in sorted {
        let (title, form) = heading(section);
        let rows = card::section(section).into_iter().map(Line::from);
        match blocks.last_mut().filter(|block| block.title == title) {
            Some(block) => block.rows.extend(rows),
            None => blocks.push(Block { title, form, rows: rows.collect() }),
        }
    }
    blocks
}

fn rank(section: &Section) -> u8 {
    match section {
        Section::File(_) | Section::Destination(_) => 0,
        Section::Commits(_) | Section::Packages(_) | Section::Meaning { .. } => 1,
        Section::Secrets(_) | Section::Readable { .. } => 2,
        Section::Missing { .. } => 3,
        Section::Diff(_) => 4,
        Section::Opens(_) => 5,
        Section::Recovery { .. } => 6,
        Section::Note { .. } => 7,
        Section::Refused { .. } => 8,
        Section::Earlier(_) => 9,
        Section::Review { .. } => 10,
        Section::Executable(_) => 11,
        Section::Says { .. } => 12,
    }
}

fn heading(section: &Section) -> (&'static str, &'static str) {
    match section {
        Section::Meaning { .. } => ("What it means", "facts"),
        Section::Note { .. } => ("Facts", "facts"),
        Section::Executable(_) => ("Program", "facts"),
        Section::Opens(_) => ("What a yes opens", "facts"),
        Section::Refused { .. } => ("Refused before", "facts"),
        Section::File(_) => ("File", "facts"),
        Section::Diff(_) => ("Changes", "diff"),
        Section::Commits(_) => ("Commits", "facts"),
        Section::Destination(_) => ("Destination", "facts"),
        Section::Secrets(_) | Section::Readable { .. } => ("Secrets", "facts"),
        Section::Packages(_) => ("Packages", "facts"),
        Section::Recovery { .. } => ("If it goes wrong", "facts"),
        Section::Earlier(_) => ("Decided before", "facts"),
        Section::Review { .. } => ("Automatic review", "facts"),
        Section::Missing { .. } => ("Not known", "facts"),
        Section::Says { .. } => ("Agent says", "claim"),
    }
}

/// Unix milliseconds as `2030-01-31 12:00:00 UTC`.
pub(crate) fn time(millis: i64) -> String {
    let Ok(time) = jiff::Timestamp::from_second(millis.div_euclid(1000)) else { return millis.to_string() };
    let text = time.to_string();
    text.replace('T', " ").replace('Z', " UTC")
}
