//! Draws the model. Everything is said in words and by place; colour only adds to it.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use tollgate_policy::question::{Question, Risk};
use tollgate_wire::card::{Row, Tone};
use tollgate_wire::neutral;
use tollgate_wire::pile::{self, Friction};

use crate::keys::Now;
use crate::model::{Model, Place, Prompt, Reading};

/// Width of the labels.
const LABEL: usize = 13;

/// Whether colours are used (`NO_COLOR`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// The terminal's sixteen.
    Some,
    /// None.
    None,
}

impl Colour {
    fn style(self, tone: Tone) -> Style {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let plain = Style::new();
        match (tone, self) {
            (Tone::Strong, _) | (Tone::Warn | Tone::Bad, Self::None) => bold,
            (Tone::Warn, Self::Some) => plain.fg(Color::Yellow),
            (Tone::Bad, Self::Some) => bold.fg(Color::Red),
            (Tone::Added, Self::Some) => plain.fg(Color::Green),
            (Tone::Removed, Self::Some) => plain.fg(Color::Red),
            (Tone::Plain, _) | (Tone::Added | Tone::Removed, Self::None) => plain,
            (Tone::Claim, _) => plain.add_modifier(Modifier::ITALIC),
        }
    }
}

/// Draws all of it.
pub(crate) fn draw(frame: &mut Frame<'_>, model: &Model, (colour, now): (Colour, Now)) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(1), Constraint::Length(2)]).areas(frame.area());
    let bar = Style::new().add_modifier(Modifier::REVERSED);
    frame.render_widget(Paragraph::new(fill(&title(model), head.width)).style(bar), head);
    match &model.place {
        Place::List => list(frame, body, model, (colour, now)),
        Place::Pile { key, at, off } => {
            let questions = model.pile(key);
            let rows = questions.iter().map(|q| (off.contains(&q.id), *q)).collect::<Vec<_>>();
            switches(frame, body, (&rows, *at), now);
        }
        Place::Question(reading) => question(frame, body, reading, (colour, now)),
    }
    let message = model.message(now.mono).unwrap_or_default();
    let lines = vec![Line::styled(message.to_owned(), colour.style(Tone::Warn)), Line::raw(keys(model, now))];
    frame.render_widget(Paragraph::new(lines), foot);
}

fn fill(text: &str, width: u16) -> String {
    format!(" {text:<width$}", width = usize::from(width))
}

fn title(model: &Model) -> String {
    let open = model.look.questions.len();
    let waits = match open {
        0 => "nothing waits".to_owned(),
        1 => "1 question waits".to_owned(),
        _ => format!("{open} questions wait"),
    };
    match &model.place {
        Place::List => format!("Tollgate - {waits}"),
        Place::Pile { key, .. } => format!("Tollgate - {} like questions", model.pile(key).len()),
        Place::Question(reading) => {
            format!("Tollgate - {} - {waits}", neutral::short(&reading.question.id, 40))
        }
    }
}

fn keys(model: &Model, now: Now) -> String {
    match &model.place {
        Place::List if model.look.questions.is_empty() => "q quit".to_owned(),
        Place::List => "Enter look  j k move  q quit".to_owned(),
        Place::Pile { .. } => {
            "space switch  a approve those on, once each  d deny those on  Enter look  Esc back".to_owned()
        }
        Place::Question(reading) => match &reading.prompt {
            Prompt::None => {
                let rest = reading.rest(now.mono);
                let yes = if rest.is_zero() {
                    "a approve once".to_owned()
                } else {
                    format!("(a in {:.1} s)", rest.as_secs_f32())
                };
                let longer = if reading.longer(now.wall).is_empty() { "" } else { "  l longer" };
                format!("{yes}{longer}  d deny  w with a word  D for the run  S stop  Esc back")
            }
            Prompt::Longer => "1 to 9 choose  Esc back".to_owned(),
            Prompt::Name { .. } => "Enter approve  Esc back".to_owned(),
            Prompt::Word { .. } => "Enter deny with this word  Esc back".to_owned(),
            Prompt::Stop => "y deny and stop the run  Esc back".to_owned(),
        },
    }
}

/// Rows that fit, so that the chosen one is among them: the first one's number.
fn window(at: usize, fits: usize) -> usize {
    if at < fits { 0 } else { at + 1 - fits }
}

fn list(frame: &mut Frame<'_>, area: Rect, model: &Model, (colour, now): (Colour, Now)) {
    if model.look.questions.is_empty() {
        let mut lines = vec![Line::raw("What a run wants beyond its boundary appears here. Silence is a refusal.")];
        lines.extend(model.look.faults.iter().take(5).map(|fault| Line::raw(neutral::short(fault, 300))));
        return frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), area);
    }
    let fits = usize::from(area.height / 2).max(1);
    let first = window(model.at, fits);
    let mut lines = Vec::new();
    for (row, pile) in model.piles().iter().enumerate().skip(first).take(fits) {
        let Some(question) = pile.questions.first() else { continue };
        let mark = if row == model.at { "> " } else { "  " };
        let many = if pile.questions.len() > 1 { format!("{} x ", pile.questions.len()) } else { String::new() };
        let style = if row == model.at { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
        let text = format!("{mark}{many}{} {}", pile::verb(question), pile::object(question));
        lines.push(Line::styled(cut(&text, area.width), style));
        let tone = if question.risk == Risk::High { Tone::Bad } else { Tone::Plain };
        lines.push(Line::styled(cut(&format!("    {}", meta(question, now)), area.width), colour.style(tone)));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn meta(question: &Question, now: Now) -> String {
    let risk = if question.risk == Risk::High { "high risk, " } else { "" };
    let class =
        question.verdict.class.as_deref().map_or_else(String::new, |class| format!("{}, ", neutral::short(class, 20)));
    let left = pile::left(question.deadline, now.wall);
    format!("{left} left, {risk}{class}{}", neutral::short(&question.verdict.reason.because, 100))
}

/// Cut with a mark that something is missing.
fn cut(text: &str, width: u16) -> String {
    let width = usize::from(width);
    if text.chars().count() <= width {
        text.to_owned()
    } else {
        text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
    }
}

fn switches(frame: &mut Frame<'_>, area: Rect, (rows, at): (&[(bool, &Question)], usize), now: Now) {
    let fits = usize::from(area.height).saturating_sub(1).max(1);
    let first = window(at, fits);
    let mut lines = Vec::new();
    if let Some((_, question)) = rows.first() {
        lines.push(Line::raw(cut(&meta(question, now), area.width)));
    }
    for (row, (off, question)) in rows.iter().enumerate().skip(first).take(fits) {
        let (mark, switch) = (if row == at { ">" } else { " " }, if *off { "[ ]" } else { "[x]" });
        let text = format!("{mark} {switch} {} {}", pile::verb(question), pile::object(question));
        lines.push(Line::raw(cut(&text, area.width)));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn question(frame: &mut Frame<'_>, area: Rect, reading: &Reading, (colour, now): (Colour, Now)) {
    let question = &reading.question;
    let mut lines = vec![
        Line::styled(format!("{} {}", pile::verb(question), pile::object(question)), colour.style(Tone::Strong)),
        Line::raw(format!("{} left, then it is refused", pile::left(question.deadline, now.wall))),
        Line::raw(""),
    ];
    let prompt = asked_back(reading, now);
    let height = u16::try_from(prompt.len()).unwrap_or(0).min(area.height.saturating_sub(3));
    let [above, below] = Layout::vertical([Constraint::Min(1), Constraint::Length(height)]).areas(area);
    let width = usize::from(area.width).saturating_sub(LABEL).max(20);
    lines.extend(reading.rows().iter().flat_map(|row| labelled(row, width, colour)));
    let count = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let scroll = reading.scroll.min(count.saturating_sub(above.height));
    let more = count.saturating_sub(scroll.saturating_add(above.height));
    if more > 0 && above.height > 1 {
        let shown = usize::from(scroll) + usize::from(above.height) - 1;
        lines.truncate(shown);
        lines.push(Line::styled(format!("-- {} more lines: j or space --", more + 1), colour.style(Tone::Warn)));
    }
    frame.render_widget(Paragraph::new(lines).scroll((scroll, 0)), above);
    frame.render_widget(Paragraph::new(prompt).wrap(Wrap { trim: false }), below);
}

/// A row as lines: the label stands before the first, long text is broken.
fn labelled(row: &Row, width: usize, colour: Colour) -> Vec<Line<'static>> {
    let style = colour.style(row.tone);
    let mark = match row.tone {
        Tone::Bad | Tone::Warn if colour == Colour::None => "! ",
        Tone::Bad | Tone::Warn | Tone::Plain | Tone::Strong | Tone::Added | Tone::Removed | Tone::Claim => "",
    };
    let text: Vec<char> = format!("{mark}{}", row.text).chars().collect();
    let mut pieces: Vec<String> = text.chunks(width).map(|piece| piece.iter().collect()).collect();
    if pieces.is_empty() {
        pieces.push(String::new());
    }
    let label: String = row.label.chars().take(LABEL - 1).collect();
    let labels = std::iter::once(label).chain(std::iter::repeat(String::new()));
    labels
        .zip(pieces)
        .map(|(label, piece)| Line::from(vec![Span::raw(format!("{label:<LABEL$}")), Span::styled(piece, style)]))
        .collect()
}

fn asked_back(reading: &Reading, now: Now) -> Vec<Line<'static>> {
    match &reading.prompt {
        Prompt::None => Vec::new(),
        Prompt::Longer => {
            let mut lines = vec![Line::raw(""), Line::raw("Approve for longer:")];
            for (at, (text, _, examples)) in reading.longer(now.wall).into_iter().enumerate() {
                lines.push(Line::raw(format!("  {}  {text}", at + 1)));
                lines.extend(examples.into_iter().map(|line| Line::raw(format!("       {line}"))));
            }
            lines
        }
        Prompt::Name { typed, .. } => {
            let name = neutral::short(&Friction::of(&reading.question).confirm, 200);
            vec![Line::raw(""), Line::raw(format!("To approve, type {name}")), Line::raw(format!("> {typed}_"))]
        }
        Prompt::Word { typed } => {
            vec![Line::raw(""), Line::raw("A word to the agent:"), Line::raw(format!("> {typed}_"))]
        }
        Prompt::Stop => vec![Line::raw(""), Line::raw("Deny this, and stop the whole run?")],
    }
}
