//! What people see: data on stdout, all else on stderr. The only room that prints.
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "this is where the program prints")]

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;
use tollgate_approve::neutral;
use tollgate_policy::profile::{Fault, Faults};

use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

/// How something stands out on a terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tone {
    /// Headings, names.
    Strong,
    /// What is good.
    Good,
    /// What wants attention.
    Warn,
    /// What is bad.
    Bad,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Strong => "1",
            Self::Good => "32",
            Self::Warn => "33",
            Self::Bad => "31",
        }
    }
}

/// The text in a tone, where stdout is a terminal and `NO_COLOR` (no-color.org) is not set.
pub(crate) fn toned(tone: Tone, text: impl Display) -> String {
    paint(tone, text, io::stdout().is_terminal())
}

fn paint(tone: Tone, text: impl Display, terminal: bool) -> String {
    let plain = !terminal
        || std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty())
        || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if plain { text.to_string() } else { format!("\x1b[{}m{text}\x1b[0m", tone.code()) }
}

/// Writes data. A reader that went away (`| head`) is no failure of ours.
pub(crate) fn data(text: impl Display) -> Outcome {
    let mut out = io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => Ok(Exit::Done),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(e) => Err(Failure::new(Exit::Failed, "can't write to stdout").because(&e)),
    }
}

/// Writes a value as JSON, in lines. What a terminal would not show as it is (bidi marks, C1 controls …) is escaped:
/// the value stays the same, and looking at it is harmless.
pub(crate) fn json(value: &impl Serialize) -> Outcome {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Failure::new(Exit::Internal, "can't write JSON").because(&e))?;
    data(harmless(&text) + "\n")
}

fn harmless(json: &str) -> String {
    // Outside of strings JSON is ASCII, so whatever is escaped here is inside one.
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || neutral::is_plain(c) {
            out.push(c);
        } else {
            let mut units = [0; 2];
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

/// Writes lines of JSON so that looking at them is harmless, as [`json`] does.
pub(crate) struct Harmless<W: io::Write> {
    line: Vec<u8>,
    out: W,
}

impl<W: io::Write> Harmless<W> {
    pub(crate) fn over(out: W) -> Self {
        Self { line: Vec::new(), out }
    }
}

impl<W: io::Write> io::Write for Harmless<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.out.write_all(harmless(&String::from_utf8_lossy(&line)).as_bytes())?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Adds formatted text to a string.
pub(crate) fn add(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    std::fmt::Write::write_fmt(text, arguments).ok();
}

/// Says something beside the data.
pub(crate) fn note(text: impl Display) {
    // With stderr gone there is nobody to tell.
    writeln!(io::stderr(), "tollgate: {text}").ok();
}

/// Writes lines to stderr as they are.
pub(crate) fn aside(text: impl Display) {
    writeln!(io::stderr(), "{text}").ok();
}

/// Says what failed, and gives the exit code.
pub(crate) fn failed(failure: &Failure) -> Exit {
    let terminal = io::stderr().is_terminal();
    let mut text = format!("{}: {}", paint(Tone::Bad, "tollgate", terminal), failure.text);
    for cause in &failure.causes {
        text.push_str("\n  cause: ");
        text.push_str(cause);
    }
    if let Some(hint) = &failure.hint {
        text.push_str("\n  hint: ");
        text.push_str(hint);
    }
    if !failure.detail.is_empty() {
        text.push('\n');
        text.push_str(failure.detail.trim_end());
    }
    aside(text);
    failure.exit
}

/// Faults of a policy as people read them: place, message, the line with a caret, hint. `source` gives the text of a
/// file, where it is at hand.
pub(crate) fn faults(faults: &Faults, source: &dyn Fn(&str) -> Option<String>) -> String {
    faults.0.iter().map(|fault| one_fault(fault, source)).collect::<Vec<_>>().join("\n")
}

fn one_fault(fault: &Fault, source: &dyn Fn(&str) -> Option<String>) -> String {
    let place = if fault.spot.line == 0 {
        fault.file.clone()
    } else {
        format!("{}:{}:{}", fault.file, fault.spot.line, fault.spot.column)
    };
    let mut text = format!("{place}: {}\n", neutral::short(&fault.message, 2000));
    let line = usize::try_from(fault.spot.line).ok().and_then(|line| line.checked_sub(1));
    let excerpt = line.and_then(|at| source(&fault.file)?.lines().nth(at).map(str::to_owned));
    if let Some(excerpt) = excerpt {
        text.push_str(&pointed(&excerpt, fault.spot.line, fault.spot.column));
    }
    if let Some(hint) = &fault.hint {
        add(&mut text, format_args!("  hint: {}\n", neutral::short(hint, 2000)));
    }
    text
}

/// The line with its number, and a caret below the column (in characters, from 1). Of a long line, the part around
/// the column.
fn pointed(line: &str, number: u32, column: u32) -> String {
    const WIDTH: usize = 100;
    let at = usize::try_from(column).unwrap_or(1).saturating_sub(1).min(line.chars().count());
    let from = if at > WIDTH / 2 && line.chars().count() > WIDTH { at - WIDTH / 2 } else { 0 };
    let before: String = line.chars().skip(from).take(at - from).collect();
    let after: String = line.chars().skip(at).take(WIDTH.saturating_sub(at - from)).collect();
    let lead = if from > 0 { "…" } else { "" };
    let (before, after) = (plain(&before), plain(&after));
    let number = number.to_string();
    let margin = " ".repeat(number.len());
    let indent = " ".repeat(lead.chars().count() + before.chars().count());
    format!(" {number} | {lead}{before}{after}\n {margin} | {indent}^\n")
}

/// Tabs take one column, backslashes stay what a reader of the file expects.
fn plain(text: &str) -> String {
    neutral::quoted(&text.replace('\t', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_stays_the_same_and_harmless() {
        let value = serde_json::json!({"a": "x\u{202e}y\u{9b}z\u{e0041}\x7f", "b": "größe 漢"});
        let text = harmless(&value.to_string());
        assert!(text.contains("\\u202ey\\u009bz\\udb40\\udc41\\u007f") && text.contains("größe 漢"), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).ok(), Some(value));
    }

    #[test]
    fn lines_of_json_are_harmless_however_they_come() {
        let text = "{\"a\":\"x\u{9b}2J\u{202e}ä\"}\n";
        let mut out = Vec::new();
        let mut harmless = Harmless::over(&mut out);
        for byte in text.bytes() {
            assert!(harmless.write_all(&[byte]).is_ok());
        }
        assert_eq!(String::from_utf8_lossy(&out), "{\"a\":\"x\\u009b2J\\u202eä\"}\n");
    }

    #[test]
    fn carets_point_at_the_column() {
        let table = [
            ("effect = \"alow\"", 10, " 7 | effect = \"alow\"\n   |          ^\n"),
            ("", 1, " 7 | \n   | ^\n"),
            ("\teffect", 2, " 7 |  effect\n   |  ^\n"),
            ("x\u{202e} = 1", 4, " 7 | x\\u{202e} = 1\n   |           ^\n"),
            ("short", 99, " 7 | short\n   |      ^\n"),
        ];
        for (line, column, expected) in table {
            assert_eq!(pointed(line, 7, column), expected, "{line:?}");
        }
    }

    #[test]
    fn long_lines_are_shown_around_the_column() {
        let line = format!("{}HERE{}", "a".repeat(500), "b".repeat(500));
        let shown = pointed(&line, 1, 501);
        let mut lines = shown.lines();
        let (text, caret) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let at = caret.chars().position(|c| c == '^');
        assert_eq!(at.and_then(|at| text.chars().nth(at)), Some('H'));
        assert!(text.chars().count() < 120, "{text}");
    }
}
