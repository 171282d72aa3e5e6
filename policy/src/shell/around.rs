//! What stands around a simple command's words: assignments and redirections.

use super::arithmetic;
use super::reading::{Assignment, Redirection, Target, Value, Why, Word};
use super::tree::{Aim, Assign, Assigned, Here, Piece, Redirect};
use super::vars::Held;
use super::walk::Walker;

impl Walker<'_> {
    pub(super) fn assignment(&mut self, assign: &Assign) -> Assignment {
        let value = match &assign.value {
            Assigned::One(text) => {
                self.bodies(text);
                self.joined(text).value
            }
            Assigned::Array(words) => {
                for word in words {
                    self.bodies(word);
                    let _looked_at = self.joined(word);
                    if arithmetic::has_subscript(word) {
                        self.opaque(Why::Arithmetic, word.span);
                    }
                }
                Value::Unknown
            }
        };
        if let Some(subscript) = &assign.subscript {
            self.bodies(subscript);
            if !subscript.bare().is_some_and(|text| text.bytes().all(|b| b.is_ascii_digit())) {
                self.opaque(Why::Arithmetic, subscript.span);
            }
        }
        let value = if assign.append || assign.subscript.is_some() { Value::Unknown } else { value };
        Assignment { name: assign.name.clone(), value, span: self.span(assign.span) }
    }

    pub(super) fn assigned(&mut self, assignment: &Assignment, assign: &Assign) {
        let held = match (&assignment.value, &assign.value) {
            (_, Assigned::Array(words)) if !assign.append => {
                let mut known = Vec::new();
                for word in words {
                    known.extend(self.fields(word));
                }
                let known: Option<Vec<String>> = known.iter().map(|word| word.known().map(str::to_owned)).collect();
                known.map_or(Held::Unknown, Held::List)
            }
            (Value::Known(text), _) => Held::Text(text.clone()),
            (Value::Partly(_), Assigned::One(text)) if self.is_number(text) => Held::Number,
            _ => Held::Unknown,
        };
        self.variables.set(&assign.name, held);
    }

    pub(super) fn redirection(&mut self, redirect: &Redirect, heres: &[Here]) -> Redirection {
        let span = self.span(redirect.span);
        let target = match &redirect.target {
            Aim::Here(number) => {
                let text = heres.get(*number).map(|here| here.text.clone()).unwrap_or_default();
                // Its substitutions have spans of their own text.
                let outer = self.fixed;
                self.fixed = Some(self.span(text.span));
                self.bodies(&text);
                let word = self.joined(&text);
                self.fixed = outer;
                Target::Text(word)
            }
            Aim::Word(text) => {
                self.bodies(text);
                let word = self.joined(text);
                match (redirect.operator, word.known()) {
                    ("<<<", _) => Target::Text(word),
                    (">&" | "<&", Some("-")) => Target::Closed,
                    (">&" | "<&", Some(number)) => {
                        let number = number.strip_suffix('-').unwrap_or(number).parse();
                        number.map_or_else(|_| Target::File(word.clone()), Target::Descriptor)
                    }
                    _ => {
                        let patterned = text
                            .pieces
                            .iter()
                            .any(|piece| matches!(piece, Piece::Plain(plain) if plain.contains(['*', '?', '[', '{'])));
                        Target::File(if patterned { Word { value: Value::Unknown, ..word } } else { word })
                    }
                }
            }
        };
        Redirection { descriptor: redirect.descriptor, direction: redirect.direction, target, span }
    }
}
