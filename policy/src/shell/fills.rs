//! Words that a wrapper fills in when it runs a command: what `xargs` reads, what `find` finds.
//!
//! What is filled in is somebody's data. It may be a word of its own; as a part of a text for a shell it could be anything, so
//! such a text is not known.

use super::reading::{Value, Word};

/// Where `find` and `fd` put a name.
const MARKS: [&str; 5] = ["{}", "{.}", "{/}", "{//}", "{/.}"];

/// A command of `find` or `fd`, whose words these are: a name alone lies beneath where it looks, and never begins with a dash.
pub(super) fn found(words: &[Word], command: Vec<Word>) -> Vec<Word> {
    let place = looks(words);
    let fill = |word: Word| match word.known() {
        Some("{}") => Word { value: place.clone(), ..word },
        Some(_) | None => filled(word, &MARKS),
    };
    command.into_iter().map(fill).collect()
}

/// Where it looks: the words before its tests, if there is one at most.
fn looks(words: &[Word]) -> Value {
    let is_option = |word: &&Word| word.start().starts_with('-');
    let places =
        words.iter().skip(1).skip_while(is_option).take_while(|word| !word.start().starts_with(['-', '(', '!']));
    let mut places = places.map(Word::known);
    match (places.next(), places.next()) {
        (None, _) => Value::Pattern("./*".to_owned()),
        (Some(Some(place)), None) if !place.is_empty() => Value::Pattern(format!("{}/*", place.trim_end_matches('/'))),
        (Some(_), _) => Value::Unknown,
    }
}

/// The command of `xargs`, whose words these are: with `-I` what it reads stands where the text says, else at the end.
pub(super) fn added(words: &[Word], command: &[Word]) -> Vec<Word> {
    let options = words.get(..words.len().saturating_sub(command.len())).unwrap_or_default();
    let mut mark = None;
    let mut options = options.iter().skip(1).map(Word::known);
    while let Some(option) = options.next() {
        mark = match option.and_then(marked) {
            Some(Where::Next) => Some(options.next().flatten().unwrap_or_default()),
            Some(Where::At(given)) => Some(given),
            None => mark,
        };
    }
    match mark {
        Some(mark) => command.iter().map(|word| filled(word.clone(), &[mark])).collect(),
        None => command.iter().cloned().chain(unknown(command)).collect(),
    }
}

/// Where an option says that something is filled in.
enum Where<'a> {
    /// The next word tells.
    Next,
    /// At this mark.
    At(&'a str),
}

/// `-I %`, `-I%`, `-0rI%`, `-i`, `-i%`, `--replace`, `--replace=%`.
fn marked(option: &str) -> Option<Where<'_>> {
    if let Some(rest) = option.strip_prefix("--replace") {
        return Some(Where::At(rest.strip_prefix('=').unwrap_or("{}")));
    }
    let rest = option.strip_prefix('-')?.trim_start_matches(['0', 'o', 'p', 'r', 't', 'x']);
    match rest.split_at_checked(1)? {
        ("I" | "J", "") => Some(Where::Next),
        ("i", "") => Some(Where::At("{}")),
        ("I" | "J" | "i", mark) => Some(Where::At(mark)),
        _ => None,
    }
}

fn unknown(command: &[Word]) -> Option<Word> {
    command.last().map(|word| Word { value: Value::Unknown, span: word.span })
}

/// A word of which only what stands before a mark is known.
fn filled(word: Word, marks: &[&str]) -> Word {
    let text = match &word.value {
        Value::Known(text) | Value::Pattern(text) | Value::Partly(text) => text,
        Value::Unknown => return word,
    };
    let start = marks.iter().filter_map(|mark| text.find(mark)).min().and_then(|at| text.get(..at));
    match start.map(str::to_owned) {
        Some(start) => Word { value: Value::Partly(start), ..word },
        None => word,
    }
}
