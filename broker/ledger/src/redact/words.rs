//! Secrets that the word before them announces: `--password X`, `API_TOKEN=X`, `mysql -pX`.

use std::ops::Range;

use super::Found;
use super::names::{Flag, is_name_byte, names_secret};
use super::places::is_reference;

/// The kind that stands for these.
pub(super) const KIND: &str = "argument";

/// Values that are no secret.
const PLAIN: [&str; 10] = ["true", "false", "yes", "no", "none", "null", "-", "on", "off", "stdin"];

/// Programs that take a secret by a short flag: the flag, and whether only what follows a colon is secret.
const PROGRAMS: [(&[&str], &str, Part); 12] = [
    (&["mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump", "mariadb-admin"], "-p", Part::Attached),
    (&["sshpass"], "-p", Part::Whole),
    (&["docker", "podman", "buildah", "helm"], "-p", Part::WholeAfterLogin),
    (&["curl"], "-u", Part::AfterColon),
    (&["http", "https", "xh"], "-a", Part::AfterColon),
    (&["redis-cli"], "-a", Part::Whole),
    (&["mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport"], "-p", Part::Whole),
    (&["ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldapwhoami", "ldappasswd"], "-w", Part::Whole),
    (&["zip", "unzip"], "-P", Part::Whole),
    (&["7z", "7za", "7zz", "7zr"], "-p", Part::Attached),
    (&["az"], "-p", Part::WholeAfterLogin),
    (&["useradd", "usermod"], "-p", Part::Whole),
];

/// What of the flag's value is the secret.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// All of it, where it is written in one word with the flag.
    Attached,
    /// All of it, in the same word or the next.
    Whole,
    /// The same, if the word `login` came before.
    WholeAfterLogin,
    /// What follows the first colon.
    AfterColon,
}

/// The secrets in an argument vector: which word, and which part of it.
pub(super) fn in_argv(words: &[String]) -> Vec<(usize, Range<usize>)> {
    let mut found = Vec::new();
    let mut before: Option<&str> = None;
    let mut rules = ShortFlags::default();
    for (place, word) in words.iter().enumerate() {
        let script = before.is_some_and(|b| b.starts_with('-') && !b.starts_with("--") && b.ends_with('c'));
        let secret = if script {
            None
        } else {
            announced(before, word)
                .or_else(|| assigned(word))
                .or_else(|| rules.secret(before, word))
                .or_else(|| prefixed(before, word))
        };
        rules.see(word);
        found.extend(secret.filter(|r| !is_plain(word.get(r.clone()).unwrap_or_default())).map(|r| (place, r)));
        before = Some(word);
    }
    found
}

/// The same for a command written as one line, or any other text.
pub(super) fn in_line(text: &str) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut before: Option<&str> = None;
    let mut rules = ShortFlags::default();
    for (start, word) in split(text) {
        let quotes = |c| c == '"' || c == '\'';
        let bare = word.trim_start_matches(quotes);
        let lead = word.len() - bare.len();
        let bare = bare.trim_end_matches(quotes);
        let secret = announced(before, bare)
            .map(|r| vec![r])
            .or_else(|| rules.secret(before, bare).or_else(|| prefixed(before, bare)).map(|r| vec![r]))
            .unwrap_or_else(|| assigned_within(bare));
        for range in secret {
            if !is_plain(bare.get(range.clone()).unwrap_or_default()) {
                found.push(Found::new(start + lead + range.start..start + lead + range.end, KIND));
            }
        }
        rules.see(bare);
        before = Some(bare);
    }
    found
}

/// Words with their places; quotes keep spaces together.
fn split(text: &str) -> Vec<(usize, &str)> {
    let (mut words, mut start, mut quote) = (Vec::new(), None, None);
    for (at, c) in text.char_indices() {
        match quote {
            Some(q) if c == q => quote = None,
            None if c.is_whitespace() => {
                if let Some(from) = start.take() {
                    words.push((from, text.get(from..at).unwrap_or_default()));
                }
                continue;
            }
            // A quote opens only where a word or a value begins: an apostrophe does not.
            None if (c == '"' || c == '\'') && opens(text, at) => quote = Some(c),
            Some(_) | None => {}
        }
        start.get_or_insert(at);
    }
    if let Some(from) = start {
        words.push((from, text.get(from..).unwrap_or_default()));
    }
    words
}

fn opens(text: &str, at: usize) -> bool {
    let before = text.get(..at).and_then(|t| t.chars().next_back());
    before.is_none_or(|c| c.is_whitespace() || c == '=')
}

/// `--password X`: the word is the value of the flag before it.
fn announced(before: Option<&str>, word: &str) -> Option<Range<usize>> {
    let flag = before?.strip_prefix('-')?;
    (names_secret(flag, Flag::Dashed) && !word.starts_with('-') && !word.is_empty()).then_some(0..word.len())
}

/// `-passin pass:X`, as openssl takes it.
fn prefixed(before: Option<&str>, word: &str) -> Option<Range<usize>> {
    const PREFIX: &str = "pass:";
    let flagged = before.is_some_and(|flag| flag.starts_with('-'));
    (flagged && word.starts_with(PREFIX)).then_some(PREFIX.len()..word.len())
}

/// `--password=X`, `API_TOKEN=X`: the rest of the word is the value.
fn assigned(word: &str) -> Option<Range<usize>> {
    let (name, value) = word.split_once('=')?;
    (names_secret(name, Flag::of(name)) && !value.is_empty()).then_some(name.len() + 1..word.len())
}

/// The same anywhere in a word, as in a URL's query or a script: up to what ends a value there.
fn assigned_within(word: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in word.match_indices('=') {
        let length = word.as_bytes().iter().take(at).rev().take_while(|b| is_name_byte(**b)).count();
        let name = word.get(at - length..at).unwrap_or_default();
        let rest = word.get(at + 1..).unwrap_or_default();
        let inner = rest.trim_start_matches(['"', '\'']);
        let quote = rest.chars().next().filter(|c| *c == '"' || *c == '\'');
        let value = match quote {
            Some(q) => inner.split(q).next(),
            None => inner.split(['&', ';', '|', '"', '\'', ')']).next(),
        };
        let start = at + 1 + rest.len() - inner.len();
        let end = start + value.unwrap_or_default().len();
        if names_secret(name, Flag::of(name)) && end > start && found.last().is_none_or(|f| f.end <= start) {
            found.push(start..end);
        }
    }
    found
}

/// Not a secret: nothing, a reference to a variable or a mark of ours, or a plain word.
pub(super) fn is_plain(value: &str) -> bool {
    value.is_empty() || is_reference(value) || PLAIN.iter().any(|plain| plain.eq_ignore_ascii_case(value))
}

/// Short flags mean something only to the program that they follow.
#[derive(Default)]
struct ShortFlags {
    rule: Option<(&'static str, Part)>,
    login: bool,
    /// `machine` went by, as in netrc(5).
    machine: bool,
}

impl ShortFlags {
    /// Sees a word go by: it may be the program.
    fn see(&mut self, word: &str) {
        let name = word.rsplit('/').next().unwrap_or(word);
        if let Some((_, flag, part)) = PROGRAMS.iter().find(|(names, ..)| names.contains(&name)) {
            self.rule = Some((flag, *part));
            self.login = false;
        }
        self.login |= word == "login";
        self.machine |= word == "machine";
    }

    fn secret(&self, before: Option<&str>, word: &str) -> Option<Range<usize>> {
        if self.machine && before == Some("password") {
            return Some(0..word.len());
        }
        let (flag, part) = self.rule?;
        let attached = word.strip_prefix(flag).filter(|rest| !rest.is_empty()).map(|_| flag.len()..word.len());
        let next =
            (before == Some(flag) || (part == Part::AfterColon && before == Some("--user"))).then_some(0..word.len());
        match part {
            Part::Attached => attached,
            Part::Whole => attached.or(next),
            Part::WholeAfterLogin => attached.or(next).filter(|_| self.login),
            Part::AfterColon => {
                let value = attached.or(next)?;
                let colon = word.get(value.clone())?.find(':')?;
                Some(value.start + colon + 1..value.end)
            }
        }
    }
}
