//! Command lines against rules. Every question is read twice: loosely where a yes keeps an action under a
//! floor, strictly where a yes sets it free. Bytes throughout; nothing here fails or allocates.

use crate::profile::document::{Alternatives, CommandRule};
use crate::raw::Raw;
use crate::word::{any_fits, fits};

/// How a doubtful word is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// For floors: what may be meant, is.
    Loose,
    /// For grants: only what is certain.
    Strict,
}

/// Whether a rule asks for anything beyond the program.
pub(crate) fn has_words(rule: &CommandRule) -> bool {
    !(rule.args.is_empty() && rule.subcommand.is_empty() && rule.flags.is_empty() && rule.without.is_empty())
}

/// Whether the words of a rule fit an argv, from `argv[0]`.
pub(crate) fn words_fit(rule: &CommandRule, argv: &[Raw], reading: Reading) -> bool {
    let words = argv.get(1..).unwrap_or_default();
    let freed = match reading {
        Reading::Loose => Reading::Strict,
        Reading::Strict => Reading::Loose,
    };
    let present = |flag: &str, reading| match reading {
        Reading::Loose => may_hold(words, flag, &rule.global),
        Reading::Strict => surely_holds(words, flag, &rule.global),
    };
    args_fit(&rule.args, words)
        && subcommand_fits(rule, words, reading)
        && (rule.flags.is_empty() || rule.flags.iter().any(|flag| present(flag, reading)))
        && !rule.without.iter().any(|flag| present(flag, freed))
}

fn args_fit(args: &[Alternatives], words: &[Raw]) -> bool {
    args.len() <= words.len() && args.iter().zip(words).all(|(any_of, word)| any_fits(any_of, word.bytes()))
}

/// Any number of words, as an entry of `subcommand`.
pub(crate) const ANY: &str = "**";

/// What of a command line is still to be read: perhaps a value that is written in one word with its option, then words.
#[derive(Clone, Copy)]
struct Rest<'a> {
    attached: Option<&'a [u8]>,
    words: &'a [Raw],
}

impl<'a> Rest<'a> {
    fn split(self) -> Option<(&'a [u8], Self)> {
        if let Some(word) = self.attached {
            return Some((word, Self { attached: None, ..self }));
        }
        let (word, words) = self.words.split_first()?;
        Some((word.bytes(), Self { attached: None, words }))
    }

    /// Passes over leading options, unless a value has the next word.
    fn behind_options<P: AsRef<str>>(self, global: &[P]) -> Self {
        match self.attached {
            Some(_) => self,
            None => Self { attached: None, words: behind_options(self.words, global) },
        }
    }
}

fn subcommand_fits(rule: &CommandRule, words: &[Raw], reading: Reading) -> bool {
    let words = match reading {
        // Only here; further in, an option is a word that stands in the way.
        Reading::Strict if !rule.subcommand.is_empty() => behind_options(words, &rule.global),
        Reading::Strict | Reading::Loose => words,
    };
    entries_fit(&rule.subcommand, Rest { attached: None, words }, (rule, reading))
}

fn entries_fit(entries: &[Alternatives], rest: Rest<'_>, by: (&CommandRule, Reading)) -> bool {
    let (rule, reading) = by;
    let Some((any_of, behind)) = entries.split_first() else {
        return true;
    };
    let any_of = &**any_of;
    if any_of.iter().any(|word| word == ANY) {
        return anywhere(behind, rest, by);
    }
    if reading == Reading::Strict {
        return rest.split().is_some_and(|(word, rest)| any_fits(any_of, word) && entries_fit(behind, rest, by));
    }
    let among = at_option(any_of, rest, &rule.global);
    let next = rest.behind_options(&rule.global).split();
    let next = next.filter(|(word, _)| any_of.iter().any(|one| !is_option(one.as_bytes()) && fits(one, word)));
    [among, next.map(|(_, rest)| rest)].into_iter().flatten().any(|rest| entries_fit(behind, rest, by))
}

/// Behind any number of words. One further entry is all that may follow, so this stays linear in the words.
fn anywhere(entries: &[Alternatives], mut rest: Rest<'_>, by: (&CommandRule, Reading)) -> bool {
    let Some(any_of) = entries.first() else {
        return true;
    };
    while let Some((word, behind)) = rest.split() {
        if any_fits(any_of, word) {
            return entries.len() == 1 || entries_fit(entries.get(1..).unwrap_or_default(), behind, by);
        }
        rest = behind;
    }
    false
}

/// The option itself among the leading ones, in any spelling: `-m X`, `-mX`, `-ImX`, `--package=X`, `--pack X`.
fn at_option<'a, P: AsRef<str>>(any_of: &[P], rest: Rest<'a>, global: &[P]) -> Option<Rest<'a>> {
    let mut words = rest.words;
    while let Some((raw, behind)) = words.split_first().filter(|_| rest.attached.is_none()) {
        let word = raw.bytes();
        if !is_option(word) || word == b"--" {
            return None;
        }
        let options = any_of.iter().map(AsRef::as_ref).filter(|option| is_option(option.as_bytes()));
        if let Some(attached) = options.into_iter().find_map(|option| spelt(word, option, global)) {
            return Some(Rest { attached: Some(attached).filter(|value| !value.is_empty()), words: behind });
        }
        words = if takes_next(word, global) { behind.get(1..).unwrap_or_default() } else { behind };
    }
    None
}

/// What is attached to the option, if the word is it: nothing, or its value.
fn spelt<'a, P: AsRef<str>>(word: &'a [u8], option: &str, global: &[P]) -> Option<&'a [u8]> {
    if fits(option, word) {
        return Some(&[]);
    }
    match option.as_bytes() {
        [b'-', letter] if *letter != b'-' => {
            let cluster = word.strip_prefix(b"-").filter(|rest| !rest.starts_with(b"-"))?;
            let at = cluster.iter().position(|found| found == letter || any_fits(global, &[b'-', *found]))?;
            cluster.get(at..)?.strip_prefix(std::slice::from_ref(letter))
        }
        [b'-', b'-', ..] if is_beginning(word, option) => {
            Some(word.iter().position(|b| *b == b'=').and_then(|at| word.get(at + 1..)).unwrap_or_default())
        }
        _ => None,
    }
}

fn is_option(word: &[u8]) -> bool {
    word.len() > 1 && word.starts_with(b"-")
}

/// Whether the option takes the next word as its value: it is in `global`, or is the beginning of one there, or is a
/// cluster that ends in one.
fn takes_next<P: AsRef<str>>(word: &[u8], global: &[P]) -> bool {
    if !is_option(word) || word.contains(&b'=') {
        return false;
    }
    if any_fits(global, word)
        || (word.starts_with(b"--") && global.iter().any(|option| is_beginning(word, option.as_ref())))
    {
        return true;
    }
    let cluster = word.get(1..).filter(|_| !word.starts_with(b"--")).unwrap_or_default();
    let valued = cluster.iter().position(|letter| any_fits(global, &[b'-', *letter]));
    valued.is_some_and(|at| at + 1 == cluster.len())
}

/// What is left behind leading options, those in `global` with their values, and a `--`. An entry of `global`
/// without a dash is a word that is passed over (`+*` for cargo's toolchains).
fn behind_options<'a, P: AsRef<str>>(mut words: &'a [Raw], global: &[P]) -> &'a [Raw] {
    while let Some((word, rest)) = words.split_first() {
        let word = word.bytes();
        if word == b"--" {
            return rest;
        }
        let listed = any_fits(global, word);
        if word.len() > 1 && word.starts_with(b"-") {
            words = if listed { rest.get(1..).unwrap_or_default() } else { rest };
        } else if listed {
            words = rest;
        } else {
            break;
        }
    }
    words
}

/// Whether `flag` may be among the words: long options by any beginning (`--forc`, as `getopt_long(3)` takes
/// them), short ones in clusters; a `--` that may be the value of the option before it ends nothing; a flag that
/// is a plain word counts behind `--` too.
fn may_hold<P: AsRef<str>>(words: &[Raw], flag: &str, global: &[P]) -> bool {
    let mut ended = false;
    let mut after_option = false;
    for word in words.iter().map(Raw::bytes) {
        let dashed = flag.starts_with('-');
        if (!dashed || !ended) && (is_flag(word, flag, global) || (dashed && is_beginning(word, flag))) {
            return true;
        }
        ended |= word == b"--" && !after_option;
        after_option = word.len() > 1 && word.starts_with(b"-") && word != b"--";
    }
    false
}

/// Whether `flag` is certainly among the words: before `--`, not as the value of an option in `global`, and not taken
/// back (`--flag=false`, `--flag false`, `--no-flag`).
fn surely_holds<P: AsRef<str>>(words: &[Raw], flag: &str, global: &[P]) -> bool {
    let mut held = false;
    let mut words = words.iter().map(Raw::bytes).peekable();
    while let Some(word) = words.next() {
        if word == b"--" {
            break;
        }
        if takes_back(word, words.peek().copied(), flag) {
            return false;
        }
        held |= is_flag(word, flag, global);
        if takes_next(word, global) {
            words.next();
        }
    }
    held
}

/// Whether a word switches a long option off, as npm, git and others read it.
fn takes_back(word: &[u8], next: Option<&[u8]>, flag: &str) -> bool {
    const OFF: [&[u8]; 6] = [b"false", b"0", b"no", b"off", b"never", b""];
    let Some(name) = flag.strip_prefix("--") else {
        return false;
    };
    if word.strip_prefix(b"--no-").is_some_and(|rest| !rest.is_empty() && name.as_bytes().starts_with(rest)) {
        return true;
    }
    match word.iter().position(|b| *b == b'=') {
        Some(at) => is_beginning(word, flag) && word.get(at + 1..).is_some_and(|value| OFF.contains(&value)),
        None => word == flag.as_bytes() && next == Some(b"false"),
    }
}

/// The word itself, `--flag=value`, or a cluster of short options up to one that takes a value.
fn is_flag<P: AsRef<str>>(word: &[u8], flag: &str, global: &[P]) -> bool {
    if fits(flag, word) {
        return true;
    }
    let with_value = word.strip_prefix(flag.as_bytes()).is_some_and(|rest| rest.starts_with(b"="));
    match flag.as_bytes() {
        [b'-', letter] if *letter != b'-' => with_value || in_cluster(word, *letter, global),
        [b'-', ..] => with_value,
        _ => false,
    }
}

fn in_cluster<P: AsRef<str>>(word: &[u8], letter: u8, global: &[P]) -> bool {
    let Some(cluster) = word.strip_prefix(b"-").filter(|rest| !rest.starts_with(b"-")) else {
        return false;
    };
    for found in cluster {
        if *found == letter {
            return true;
        }
        if !found.is_ascii_alphanumeric() || any_fits(global, &[b'-', *found]) {
            return false;
        }
    }
    false
}

fn is_beginning(word: &[u8], flag: &str) -> bool {
    let stem = word.split(|b| *b == b'=').next().unwrap_or_default();
    stem.len() > 2 && stem.starts_with(b"--") && flag.as_bytes().starts_with(stem)
}
