//! Arithmetic and tests: bash works out the values of names, and runs what is in a subscript. So every name must be known
//! to hold a number.

use super::reading::{Span, Value, Why};
use super::tree::{Piece, Text};
use super::vars::Held;
use super::walk::Walker;

impl Walker<'_> {
    /// `((…))`, and the head of a `for ((…))`.
    pub(super) fn arithmetic_command(&mut self, text: &Text) {
        self.bodies(text);
        self.arithmetic(text);
    }

    /// An expression that bash works out.
    pub(super) fn arithmetic(&mut self, text: &Text) {
        if !self.works_out(text) {
            self.opaque(Why::Arithmetic, text.span);
        }
    }

    /// Whether it can only come to a number, and runs nothing.
    fn works_out(&mut self, text: &Text) -> bool {
        text.pieces.iter().all(|piece| match piece {
            Piece::Plain(plain) | Piece::Quoted(plain) => self.only_numbers(plain, text.span),
            Piece::Parameter(parameter, _) => {
                let plain = !parameter.indirect && parameter.subscript.is_none() && parameter.operator.is_empty();
                plain
                    && (parameter.length
                        || matches!(&*parameter.name, "?" | "#" | "$" | "!")
                        || self.holds_number(&parameter.name))
            }
            Piece::Arithmetic(inner, _) => self.works_out(inner),
            Piece::Tilde(_) => true,
            Piece::Substitution(..) | Piece::Process(_) => false,
        })
    }

    /// Names in it hold numbers, or are set in it.
    fn only_numbers(&mut self, plain: &str, span: Span) -> bool {
        let mut rest = plain;
        while let Some(first) = rest.chars().next() {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '#').unwrap_or(rest.len());
            if length == 0 {
                if first == '[' {
                    return false;
                }
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
                continue;
            }
            let (name, behind) = rest.split_at(length);
            rest = behind;
            let behind = behind.trim_start();
            if first.is_ascii_digit() {
                continue;
            }
            if behind.starts_with('=') && !behind.starts_with("==") {
                self.variables.set(name, Held::Number);
                // `PATH=1` is a folder
                self.is_set(name, span);
            } else if !self.holds_number(name) {
                return false;
            }
        }
        true
    }

    fn holds_number(&self, name: &str) -> bool {
        self.variables.held(name).is_number()
    }

    /// Whether a word is surely a number.
    pub(super) fn is_number(&self, text: &Text) -> bool {
        !text.pieces.is_empty()
            && text.pieces.iter().all(|piece| match piece {
                Piece::Plain(plain) | Piece::Quoted(plain) => plain.bytes().all(|b| b.is_ascii_digit() || b == b'-'),
                Piece::Arithmetic(..) => true,
                Piece::Parameter(parameter, _) => {
                    parameter.length
                        || parameter.operator.is_empty()
                            && parameter.subscript.is_none()
                            && !parameter.indirect
                            && (matches!(&*parameter.name, "?" | "#" | "$") || self.holds_number(&parameter.name))
                }
                Piece::Tilde(_) | Piece::Substitution(..) | Piece::Process(_) => false,
            })
    }

    /// `[[ … ]]`
    pub(super) fn test(&mut self, words: &[Text]) {
        for (number, word) in words.iter().enumerate() {
            self.bodies(word);
            let value = self.joined(word).value;
            let before = number.checked_sub(1).and_then(|before| words.get(before)).and_then(Text::bare);
            let named = matches!(before, Some("-v" | "-R")) && !is_name(&value);
            let compares = |word: Option<&Text>| {
                matches!(word.and_then(Text::bare), Some("-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge"))
            };
            let behind = number.checked_sub(1).and_then(|before| words.get(before));
            let counted = (compares(words.get(number + 1)) || compares(behind)) && !self.is_number(word);
            if named || counted {
                self.opaque(Why::Arithmetic, word.span);
            }
        }
    }
}

/// Whether it is just a variable's name.
pub(super) fn is_name(value: &Value) -> bool {
    match value {
        Value::Known(text) => !text.is_empty() && super::cursor::name_of(text) == text,
        Value::Pattern(_) | Value::Partly(_) | Value::Unknown => false,
    }
}

/// Whether an array's word begins with a subscript that is no plain number (`[x]=1`): bash works it out.
pub(super) fn has_subscript(word: &Text) -> bool {
    let text = |piece| if let Piece::Plain(text) = piece { text.clone() } else { "?".to_owned() };
    let written: String = word.pieces.iter().cloned().map(text).collect();
    let Some((subscript, _)) = written.strip_prefix('[').and_then(|rest| rest.split_once(']')) else { return false };
    (written.contains("]=") || written.contains("]+=")) && !subscript.bytes().all(|b| b.is_ascii_digit())
}
