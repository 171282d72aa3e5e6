//! The mechanics of reading TOML: typed values with their places, and every fault noted rather than thrown.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_spanned::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::document::{self, List, Spot};
use super::errors::{Fault, Faults, escaped, nearest, shown};

type Span = Range<usize>;

/// A text of the file and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Text<'t> {
    pub(super) text: &'t str,
    pub(super) span: Span,
}

/// One table of the file: its heading as it is shown, and its keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section<'t> {
    pub(super) title: &'static str,
    pub(super) table: &'t DeTable<'t>,
    /// Where the table begins.
    pub(super) at: usize,
}

/// The file being read, and what is wrong with it so far.
#[derive(Debug)]
pub(super) struct Reader<'f> {
    file: &'f str,
    text: &'f str,
    lines: Vec<usize>,
    faults: Vec<Fault>,
}

impl<'f> Reader<'f> {
    pub(super) fn new(file: &'f str, text: &'f str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { file, text, lines: std::iter::once(0).chain(breaks).collect(), faults: Vec::new() }
    }

    /// Nothing was wrong, or all that was, in the file's order.
    pub(super) fn finish(mut self) -> Result<(), Faults> {
        if self.faults.is_empty() {
            return Ok(());
        }
        self.faults.sort_by_key(|fault| fault.spot);
        self.faults.dedup();
        Err(Faults(self.faults))
    }

    /// Line and column of a byte.
    pub(super) fn spot(&self, at: usize) -> Spot {
        let line = self.lines.partition_point(|start| *start <= at);
        let start = self.lines.get(line.wrapping_sub(1)).copied().unwrap_or(0);
        let column = self.text.get(start..at).map_or(0, |before| before.chars().count());
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Spot { line: small(line), column: small(column + 1) }
    }

    /// Notes a fault.
    pub(super) fn fault(&mut self, at: usize, message: impl Into<String>) {
        self.hinted(at, message, None);
    }

    /// Notes a fault with what would cure it.
    pub(super) fn hinted(&mut self, at: usize, message: impl Into<String>, hint: Option<String>) {
        let message = message.into();
        self.push(self.spot(at), &message, hint);
    }

    /// Notes a fault at a place that is known already.
    pub(super) fn fault_at(&mut self, spot: Spot, message: &str) {
        self.push(spot, message, None);
    }

    /// Whether nothing was wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    fn push(&mut self, spot: Spot, message: &str, hint: Option<String>) {
        let start = self.lines.get(spot.line.saturating_sub(1) as usize).copied().unwrap_or(0);
        let line = self.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        self.faults.push(Fault {
            file: self.file.to_owned(),
            spot,
            message: escaped(message),
            text: shown(line),
            hint,
        });
    }

    /// A section with its unknown keys noted.
    pub(super) fn section<'t>(
        &mut self,
        title: &'static str,
        value: &'t Spanned<DeValue<'t>>,
        known: &[&str],
    ) -> Option<Section<'t>> {
        let at = value.span().start;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(at, title, "a table", value.get_ref());
            return None;
        };
        self.keys(Section { title, table, at }, known);
        Some(Section { title, table, at })
    }

    /// Notes the keys of a section that aren't known.
    pub(super) fn keys(&mut self, section: Section<'_>, known: &[&str]) {
        for key in section.table.keys() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let whose = if section.title.is_empty() { String::new() } else { format!(" in {}", section.title) };
                let hint = nearest(name, known.iter().copied());
                self.hinted(key.span().start, format!("unknown key `{}`{whose}", shown(name)), hint);
            }
        }
    }

    /// A value and its kind's fault, with the key's name.
    fn wrong(&mut self, at: usize, key: &str, wanted: &str, found: &DeValue<'_>) {
        let found = match found.type_str() {
            "array" => "a list",
            "integer" => "an integer",
            "string" => "a string",
            "table" => "a table",
            "boolean" => "true or false",
            "float" => "a fraction",
            _ => "a date",
        };
        self.fault(at, format!("`{}` must be {wanted}, not {found}", shown(key)));
    }

    /// A string that is not empty.
    pub(super) fn text<'t>(&mut self, section: Section<'t>, key: &str) -> Option<Text<'t>> {
        let value = section.table.get(key)?;
        self.string(key, value)
    }

    fn string<'t>(&mut self, key: &str, value: &'t Spanned<DeValue<'t>>) -> Option<Text<'t>> {
        let span = value.span();
        match value.get_ref().as_str() {
            None => self.wrong(span.start, key, "a string", value.get_ref()),
            Some("") => self.fault(span.start, format!("`{key}` is empty")),
            Some(text) if text.contains('\0') => {
                self.fault(span.start, format!("`{key}` holds a NUL byte"));
            }
            Some(text) => return Some(Text { text, span }),
        }
        None
    }

    /// A string that must be there.
    pub(super) fn required<'t>(&mut self, section: Section<'t>, key: &str, why: &str) -> Option<Text<'t>> {
        if !section.table.contains_key(key) {
            self.fault(section.at, format!("{} has no `{key}`: {why}", section.title));
        }
        self.text(section, key)
    }

    /// A list; empty if absent.
    pub(super) fn list<'t>(&mut self, section: Section<'t>, key: &str) -> Option<&'t DeArray<'t>> {
        let value = section.table.get(key)?;
        let list = value.get_ref().as_array();
        if list.is_none() {
            self.wrong(value.span().start, key, "a list", value.get_ref());
        }
        list
    }

    /// A list of strings; empty if absent.
    pub(super) fn texts<'t>(&mut self, section: Section<'t>, key: &str) -> Vec<Text<'t>> {
        let list = self.list(section, key);
        list.into_iter().flat_map(|list| list.iter()).filter_map(|item| self.string(key, item)).collect()
    }

    /// As [`Self::texts`], each checked; `check` says what is wrong.
    pub(super) fn checked(
        &mut self,
        section: Section<'_>,
        key: &str,
        check: impl Fn(&str) -> Option<String>,
    ) -> List<document::Text> {
        let mut kept = Vec::new();
        for Text { text, span } in self.texts(section, key) {
            match check(text) {
                Some(message) => self.fault(span.start, message),
                None => kept.push(text.to_owned().into()),
            }
        }
        kept.into()
    }

    /// A list of tables; empty if absent.
    pub(super) fn tables<'t>(
        &mut self,
        section: Section<'t>,
        key: &str,
        shape: (&'static str, &[&str]),
    ) -> Vec<Section<'t>> {
        let list = self.list(section, key);
        let items = list.into_iter().flat_map(|list| list.iter());
        items.filter_map(|item| self.section(shape.0, item, shape.1)).collect()
    }

    /// An integer of at least 0, and its place.
    pub(super) fn number(&mut self, section: Section<'_>, key: &str) -> Option<(u64, usize)> {
        let value = section.table.get(key)?;
        self.integer(key, value).map(|number| (number, value.span().start))
    }

    /// A value that must be an integer of at least 0.
    pub(super) fn integer(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<u64> {
        let at = value.span().start;
        let Some(integer) = value.get_ref().as_integer() else {
            self.wrong(at, key, "an integer", value.get_ref());
            return None;
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        if number.is_none() {
            self.fault(at, format!("`{key}` must be an integer from 0 to 2^64 - 1"));
        }
        number
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, section: Section<'_>, key: &str) -> Option<bool> {
        let value = section.table.get(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong(value.span().start, key, "true or false", value.get_ref());
        }
        flag
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(&mut self, section: Section<'_>, key: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(section, key)?;
        self.word(key, &text, words)
    }

    /// Some of some words, each once, in order; absent is none of them.
    pub(super) fn choices<T: Copy + Ord>(&mut self, section: Section<'_>, key: &str, words: &[(&str, T)]) -> List<T> {
        let texts = self.texts(section, key);
        let found: BTreeSet<T> = texts.iter().filter_map(|text| self.word(key, text, words)).collect();
        found.into_iter().collect()
    }

    fn word<T: Copy>(&mut self, key: &str, found: &Text<'_>, words: &[(&str, T)]) -> Option<T> {
        let hit = words.iter().find(|(word, _)| *word == found.text);
        if hit.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let near = nearest(found.text, names.iter().copied());
            let near = near.or_else(|| Some(format!("it is one of {}", names.join(", "))));
            self.hinted(found.span.start, format!("`{key}` can't be `{}`", shown(found.text)), near);
        }
        hit.map(|(_, value)| *value)
    }
}
