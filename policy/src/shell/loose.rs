//! A text that could not be understood, looked through for what policy refuses: all that may be words in it, whatever quotes,
//! substitutions or another language stand around them. It can only make a question into a refusal.

use super::operands;
use super::reading::{Cwd, Place, Simple, Span, Value, Word};
use super::weigh::{Found, Scales, exec_at};
use crate::action::{Access, Action};
use crate::profile::document::{Runs, Words};
use crate::verdict::Effect;

/// Commands and paths that are tried.
const MOST: usize = 150;
/// Words of one command.
const LONG: usize = 12;

/// Looks for what is refused.
pub(super) fn look(scales: &Scales<'_>, found: &mut Found) {
    let place = Place { cwd: scales.occasion.from.cwd.clone().map_or(Cwd::Unknown, Cwd::Known), context: Vec::new() };
    let span = Some(Span { start: 0, end: scales.text.len() });
    let mut left = MOST;
    for segment in segments(scales.text, scales.occasion.from.home.as_ref().and_then(|home| home.as_path().to_str())) {
        for (start, program) in segment.iter().enumerate().filter(|(_, word)| is_program(word)) {
            if left == 0 {
                return;
            }
            let words: Vec<String> = segment.iter().skip(start).take(LONG).cloned().collect();
            left = left.saturating_sub(4);
            let Some(exec) = exec_at(program, &words, &place) else { continue };
            let verdict = scales.judge(&Action::Exec(exec));
            if verdict.effect == Effect::Deny && !verdict.reason.is_default() {
                return found.note(verdict, span);
            }
            if let Some(verdict) = refused_path(scales, words, (&place, &mut left)) {
                return found.note(verdict, span);
            }
        }
    }
}

/// A path that the words of a known program would change, or that nobody may touch.
fn refused_path(
    scales: &Scales<'_>,
    words: Vec<String>,
    (place, left): (&Place, &mut usize),
) -> Option<crate::verdict::Verdict> {
    let line = scales.table.find(words.first()?);
    let scripted = line.is_some_and(|line| matches!(line.runs, Runs::Sed | Runs::Awk | Runs::Script));
    let changes =
        scales.table.find(words.first()?).is_some_and(|line| matches!(line.words, Words::Writes | Words::Last));
    let word = |text| Word { value: Value::Known(text), span: Span::default() };
    let words = words.into_iter().map(word).collect();
    let simple = Simple {
        assignments: Vec::new(),
        words,
        redirections: Vec::new(),
        place: place.clone(),
        by: None,
        span: Span::default(),
    };
    for operand in operands::of(&simple, scales.table) {
        let Some(path) = operands::at(operand.path, place) else { continue };
        *left = left.checked_sub(1)?;
        // A script may write what it names.
        let access = if scripted { Access::Write } else { operand.access };
        let verdict = scales.judge_path(path, access);
        let refused = verdict.effect == Effect::Deny;
        if refused && (!verdict.reason.is_default() || changes && operand.access == Access::Write) {
            return Some(verdict);
        }
    }
    None
}

fn is_program(word: &str) -> bool {
    word.len() < 64 && word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '.') && word.is_ascii()
}

/// Words between what separates commands, without quotes and with escapes decoded.
fn segments(text: &str, home: Option<&str>) -> Vec<Vec<String>> {
    let mut text = text.replace("${IFS}", " ").replace("$IFS", " ");
    if let Some(home) = home {
        text = text.replace("${HOME}", home).replace("$HOME", home);
    }
    let mut segments = vec![Vec::new()];
    let mut word = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let last = |segments: &mut Vec<Vec<String>>, word: &mut String| {
            if let (false, Some(segment)) = (word.is_empty(), segments.last_mut()) {
                segment.push(std::mem::take(word));
            }
        };
        match c {
            '\'' | '"' | '[' | ']' => {}
            '\\' => match chars.next() {
                Some(escape @ ('x' | 'u' | '0'..='7')) => decode(escape, &mut chars, &mut word),
                Some('n' | 't') | None => last(&mut segments, &mut word),
                Some('\n') => {}
                Some(next) => word.push(next),
            },
            '~' if word.is_empty() && home.is_some() => word.push_str(home.unwrap_or_default()),
            ';' | '|' | '&' | '\n' | '<' | '>' => {
                last(&mut segments, &mut word);
                segments.push(Vec::new());
            }
            '$' if chars.peek() == Some(&'(') => {}
            '(' if word.is_empty() && segments.last().is_some_and(Vec::is_empty) => {}
            '`' | ')' | ' ' | '\t' | '\r' | ',' | '(' | '{' | '}' | '=' | '!' => last(&mut segments, &mut word),
            c => word.push(c),
        }
    }
    if let (false, Some(segment)) = (word.is_empty(), segments.last_mut()) {
        segment.push(word);
    }
    segments
}

fn decode(escape: char, chars: &mut std::iter::Peekable<std::str::Chars<'_>>, word: &mut String) {
    let (base, most, first) = match escape {
        'x' => (16, 2, None),
        'u' => (16, 4, None),
        digit => (8, 2, digit.to_digit(8)),
    };
    let mut number = first.unwrap_or(0);
    for _ in 0..most {
        let Some(digit) = chars.peek().and_then(|c| c.to_digit(base)) else { break };
        number = number * base + digit;
        chars.next();
    }
    // A blank that is written so separates words for whoever runs them.
    match char::from_u32(number) {
        Some(c) if !c.is_whitespace() && number != 0 => word.push(c),
        _ => word.push(' '),
    }
}
