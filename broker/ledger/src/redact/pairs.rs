//! Secrets that a name before a colon, or before an equals sign with spaces around it, announces: JSON, YAML, INI, headers
//! of no fixed name; in quotes that are escaped too.

use std::ops::Range;

use super::Found;
use super::names::{Flag, is_name_byte, names_secret};
use super::places::is_reference;
use super::words::{KIND, is_plain};

/// A value without quotes is taken for a secret from this length on, if it has a digit.
const SHORT: usize = 4;
/// And from this length on, if it has none: types and verbs are mostly shorter.
const LONG: usize = 12;

/// `"password": "X"`, `password: X`, `secret_key = X`, `{\"token\":\"X\"}`.
pub(super) fn pairs(text: &str) -> Vec<Found> {
    let bytes = text.as_bytes();
    let (mut found, mut done) = (Vec::new(), 0);
    for (at, sign) in bytes.iter().enumerate().filter(|(_, b)| matches!(b, b':' | b'=')) {
        if at < done || !named(text, at) {
            continue;
        }
        let Some(value) = value(text, at + 1, *sign) else {
            continue;
        };
        if !is_plain(text.get(value.clone()).unwrap_or_default()) {
            done = value.end;
            found.push(Found::new(value, KIND));
        }
    }
    found
}

/// Whether a name of a secret stands before the sign.
fn named(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let name = before.trim_end_matches([' ', '\t']);
    let name = name.trim_end_matches(['"', '\'', '\\']);
    let length = name.bytes().rev().take(65).take_while(|b| is_name_byte(*b)).count();
    let (ahead, name) = name.split_at_checked(name.len() - length).unwrap_or_default();
    // What we put there ourselves has a colon too.
    !name.is_empty() && names_secret(name, Flag::of(name)) && !ahead.ends_with(super::MARK)
}

/// Where the value is, from behind the sign.
fn value(text: &str, from: usize, sign: u8) -> Option<Range<usize>> {
    let rest = text.get(from..)?;
    let inner = rest.trim_start_matches([' ', '\t']);
    let spaced = inner.len() < rest.len();
    let start = text.len() - inner.len();
    if sign == b'=' && !spaced {
        // One word; that is for `words`.
        return None;
    }
    let escape = inner.len() - inner.trim_start_matches('\\').len();
    let open = inner.as_bytes().get(escape).copied().filter(|b| matches!(b, b'"' | b'\''));
    if let Some(quote) = open {
        let start = start + escape + 1;
        let length = quoted(text.get(start..)?.as_bytes(), quote, escape);
        return Some(start..start + length);
    }
    let ends = |c: char| c.is_whitespace() || ",;}])\"'`&|<>".contains(c);
    let word = inner.split(ends).next().unwrap_or_default();
    let secret = word.len() >= LONG || (word.len() >= SHORT && word.bytes().any(|b| b.is_ascii_digit()));
    // `c::token::Kind`, `token:=`, `//`: no values.
    let code = word.starts_with([':', '=', '/']) || word.contains("::") || is_reference(word);
    (secret && !code).then(|| start..start + word.len())
}

/// How long a value is, up to the quote that ends it: one with as many backslashes as the one that began it.
fn quoted(text: &[u8], quote: u8, escape: usize) -> usize {
    let mut slashes = 0;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'\\' => slashes += 1,
            b if *b == quote && slashes <= escape => return at - slashes,
            _ => slashes = 0,
        }
    }
    text.len()
}
