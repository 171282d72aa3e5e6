//! Text that came from a program, made harmless for the eyes and the terminal of whoever reads it.
//!
//! Nothing is dropped in silence: what can't be shown as it is appears as an escape, what is cut is counted, and
//! what looks like something else is pointed out.

use std::fmt::Write as _;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};
use unicode_security::MixedScript as _;

use crate::punycode;

/// Combining marks that may follow one another; more of them paint over the neighbouring lines.
const MARKS: usize = 3;

/// Doubts about letters that are named, and names that are decoded, at most.
const DOUBTS: usize = 8;
const NAMES: usize = 4;

/// One line of prose (a reason, a note): what is no plain character becomes `\n`, `\x1b`, `\u{202e}`; a backslash
/// doubles, so an escape can't be counterfeited.
#[must_use]
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    for c in text.chars() {
        marks = if is_mark(c) { marks + 1 } else { 0 };
        match c {
            '\\' => out.push_str("\\\\"),
            c if is_plain(c) && marks <= MARKS => out.push(c),
            c => escape(c, &mut out),
        }
    }
    out
}

/// A line that is quoted or escaped already (a command as one line, a path): as [`line()`], but backslashes stay.
#[must_use]
pub fn quoted(text: &str) -> String {
    text.split('\\').map(line).collect::<Vec<_>>().join("\\")
}

/// [`quoted`], cut after `limit` characters of the original, with a count of what was cut.
#[must_use]
pub fn short_quoted(text: &str, limit: usize) -> String {
    let Some((at, _)) = text.char_indices().nth(limit) else { return quoted(text) };
    let (kept, cut) = text.split_at(at);
    format!("{} … ({} more characters)", quoted(kept), cut.chars().count())
}

/// [`line()`], cut after `limit` characters of the original, with a count of what was cut.
#[must_use]
pub fn short(text: &str, limit: usize) -> String {
    let Some((at, _)) = text.char_indices().nth(limit) else {
        return line(text);
    };
    let (kept, cut) = text.split_at(at);
    format!("{} … ({} more characters)", line(kept), cut.chars().count())
}

/// One word of a command as a shell would take it: bare where that is safe, else in quotes, and as `$'…'` where it
/// holds what can't be shown. Two different words never look the same.
#[must_use]
pub fn word(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes);
    match text {
        Ok("") => "''".to_owned(),
        Ok(text) if text.bytes().all(is_bare) => text.to_owned(),
        Ok(text) if is_all_plain(text) => format!("'{}'", text.replace('\'', "'\\''")),
        _ => dollar_quoted(bytes),
    }
}

/// A command as one line of [`word`]s.
#[must_use]
pub fn command<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> String {
    words.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

/// A command as one line of at most about `limit` characters; what is left out is counted.
#[must_use]
pub fn short_command<'a>(words: impl IntoIterator<Item = &'a [u8]>, limit: usize) -> String {
    let mut out = String::new();
    let mut words = words.into_iter();
    while let Some(bytes) = words.next() {
        if !out.is_empty() {
            out.push(' ');
        }
        let left = limit.saturating_sub(out.chars().count());
        let shown = word(bytes);
        if shown.chars().count() <= left {
            out.push_str(&shown);
            continue;
        }
        out.extend(shown.chars().take(left));
        let bytes_cut = shown.chars().count().saturating_sub(left);
        let words_cut = words.count();
        write_all(&mut out, format_args!("… ({bytes_cut} more characters"));
        if words_cut > 0 {
            write_all(&mut out, format_args!(", {words_cut} more words"));
        }
        out.push(')');
        break;
    }
    out
}

/// Words of the text that look like something else: letters of several scripts in one word, or all of a script
/// whose letters look Latin; and names that a browser would show otherwise than they are written here.
#[must_use]
pub fn doubts(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (name, shown) in encoded_names(text) {
        let looks = doubts(&shown);
        found.push(format!("`{}` stands for `{}`", short(name, 80), short(&shown, 80)));
        found.extend(looks);
    }
    for piece in text.split(|c: char| !c.is_alphanumeric() && !is_mark(c)) {
        if piece.is_ascii() || found.len() >= DOUBTS {
            continue;
        }
        let fault = if !piece.is_single_script() {
            "mixes letters of several scripts"
        } else if is_lookalike(piece) {
            "looks Latin but isn't"
        } else {
            continue;
        };
        let mut codes = String::new();
        for c in piece.chars().filter(|c| !c.is_ascii()).take(8) {
            write_all(&mut codes, format_args!(" U+{:04X}", u32::from(c)));
        }
        let doubt = format!("`{}` {fault}:{codes}", short(piece, 40));
        if !found.contains(&doubt) {
            found.push(doubt);
        }
    }
    found.extend(false_signs(text).take(DOUBTS.saturating_sub(found.len())));
    found
}

/// Signs within a name that look like those which part a host from its path or port: `github.com\u{2215}x.example` is one host.
fn false_signs(text: &str) -> impl Iterator<Item = String> {
    let next = text.char_indices().map(|(at, c)| text.get(at + c.len_utf8()..).and_then(|rest| rest.chars().next()));
    let before = std::iter::once(None).chain(text.chars().map(Some));
    let within = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let signs = before
        .zip(text.chars())
        .zip(next)
        .filter(move |((before, c), next)| !c.is_ascii() && !c.is_alphanumeric() && within(*before) && within(*next));
    let signs: std::collections::BTreeSet<char> = signs.map(|((_, c), _)| c).collect();
    signs.into_iter().filter_map(|c| {
        let looks = unicode_security::skeleton(c.encode_utf8(&mut [0; 4])).collect::<String>();
        let is_sign = looks.len() == 1 && looks.contains(['/', '.', ':', '@', '?', '#', '\\', '%', '&', '=']);
        is_sign.then(|| format!("`{c}` looks like `{looks}` but isn't: U+{:04X}", u32::from(c)))
    })
}

/// Names with encoded labels (`xn--…`), and what they stand for.
fn encoded_names(text: &str) -> impl Iterator<Item = (&str, String)> {
    let names = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '.');
    names.filter_map(|name| Some((name, punycode::decoded(name)?))).take(NAMES)
}

fn is_lookalike(piece: &str) -> bool {
    let folded: String = unicode_security::skeleton(piece).collect();
    folded.is_ascii() && piece.chars().any(char::is_alphabetic)
}

fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"%+,-./:=@_^".contains(&byte)
}

fn is_all_plain(text: &str) -> bool {
    let mut marks = 0;
    text.chars().all(|c| {
        marks = if is_mark(c) { marks + 1 } else { 0 };
        is_plain(c) && marks <= MARKS
    })
}

fn dollar_quoted(bytes: &[u8]) -> String {
    let mut out = String::from("$'");
    for chunk in bytes.utf8_chunks() {
        let mut marks = 0;
        for c in chunk.valid().chars() {
            marks = if is_mark(c) { marks + 1 } else { 0 };
            match c {
                '\'' | '\\' => out.extend(['\\', c]),
                c if is_plain(c) && marks <= MARKS => out.push(c),
                c if u32::from(c) >= 0x80 => {
                    write_all(&mut out, format_args!("\\U{:08x}", u32::from(c)));
                }
                c => escape(c, &mut out),
            }
        }
        for byte in chunk.invalid() {
            write_all(&mut out, format_args!("\\x{byte:02x}"));
        }
    }
    out.push('\'');
    out
}

fn escape(c: char, out: &mut String) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if u32::from(c) < 0x80 => write_all(out, format_args!("\\x{:02x}", u32::from(c))),
        c => write_all(out, format_args!("\\u{{{:x}}}", u32::from(c))),
    }
}

fn is_mark(c: char) -> bool {
    !c.is_ascii() && matches!(c.general_category(), GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark)
}

/// Whether a terminal shows the character, in its place, as something of its own.
#[must_use]
pub fn is_plain(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    // Letters and symbols that are painted as nothing (Unicode's Default_Ignorable_Code_Point outside Cf, and the
    // blank braille pattern), and variation selectors.
    let blank = matches!(u32::from(c),
        0x034F | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x2800 | 0x3164 | 0xFE00..=0xFE0F | 0xFFA0
        | 0xFFFC | 0xE0000..=0xE0FFF);
    !blank
        && !matches!(
            c.general_category(),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
                | GeneralCategory::SpaceSeparator
                | GeneralCategory::PrivateUse
                | GeneralCategory::Surrogate
                | GeneralCategory::Unassigned
        )
}

fn write_all(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    out.write_fmt(arguments).ok();
}

#[cfg(test)]
#[path = "neutral_tests.rs"]
mod tests;
