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
    let present = |flag: &String, reading| match reading {
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

fn subcommand_fits(rule: &CommandRule, words: &[Raw], reading: Reading) -> bool {
    let mut rest = words;
    for (i, any_of) in rule.subcommand.iter().enumerate() {
        if i == 0 || reading == Reading::Loose {
            rest = behind_options(rest, &rule.global);
        }
        match rest.split_first() {
            Some((word, behind)) if any_fits(any_of, word.bytes()) => rest = behind,
            _ => return false,
        }
    }
    true
}

/// What is left behind leading options, those in `global` with their values, and a `--`. An entry of `global`
/// without a dash is a word that is passed over (`+*` for cargo's toolchains).
fn behind_options<'a>(mut words: &'a [Raw], global: &[String]) -> &'a [Raw] {
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
fn may_hold(words: &[Raw], flag: &str, global: &[String]) -> bool {
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

/// Whether `flag` is certainly among the words: before `--`, and not as the value of an option in `global`.
fn surely_holds(words: &[Raw], flag: &str, global: &[String]) -> bool {
    let mut words = words.iter().map(Raw::bytes);
    while let Some(word) = words.next() {
        if word == b"--" {
            return false;
        }
        if is_flag(word, flag, global) {
            return true;
        }
        if word.starts_with(b"-") && any_fits(global, word) {
            words.next();
        }
    }
    false
}

/// The word itself, `--flag=value`, or a cluster of short options up to one that takes a value.
fn is_flag(word: &[u8], flag: &str, global: &[String]) -> bool {
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

fn in_cluster(word: &[u8], letter: u8, global: &[String]) -> bool {
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
