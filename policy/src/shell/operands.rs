//! Words of a command that name paths: by what the table says of the program, else by how they look.

use super::reading::{Cwd, Place, Simple, Span, Value, Word};
use super::table::Table;
use crate::action::Access;
use crate::path::AbsPath;
use crate::profile::document::{ProgramLine, Runs, Words};
use crate::word::fits;

/// A word, or the part of one, that names a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operand<'a> {
    pub(super) path: &'a str,
    pub(super) access: Access,
    pub(super) span: Span,
}

/// A path where a command runs; none where that isn't known, and for a path that none can be.
pub(super) fn at(path: &str, place: &Place) -> Option<AbsPath> {
    match &place.cwd {
        _ if path.starts_with('/') => AbsPath::new(path).ok(),
        Cwd::Known(cwd) => cwd.join(path).ok(),
        Cwd::Unknown => None,
    }
}

/// The paths that a command's words name.
pub(super) fn of<'a>(simple: &'a Simple, table: Table<'_>) -> Vec<Operand<'a>> {
    let Some(program) = simple.words.first().and_then(Word::known) else { return Vec::new() };
    let line = table.find(program);
    let words = line.map_or(Words::Reads, |line| line.words);
    let removes = line.is_some_and(|line| !line.commands.is_empty()) && removes(simple, table);
    let writes = words == Words::Writes || removes;
    let mut first = first_is_script(simple, line);
    let mut behind = false;
    let mut found: Vec<Operand<'a>> = Vec::new();
    for word in simple.words.iter().skip(1) {
        let (text, whole) = match &word.value {
            // What a pattern becomes tells the names in a folder, whatever is done with them.
            Value::Known(_) | Value::Partly(_) if words == Words::Data => continue,
            Value::Known(text) => (text.as_str(), true),
            Value::Pattern(_) | Value::Partly(_) => (literal_folder(word), false),
            Value::Unknown => continue,
        };
        if text == "--" && whole && !behind {
            behind = true;
            continue;
        }
        let option = text.starts_with('-') && !behind;
        if !option && first {
            first = false;
            continue;
        }
        if let Some((path, access)) = path_in(text, if option { Sort::Option } else { Sort::Plain }, words) {
            let access = if writes && !option { Access::Write } else { access };
            found.push(Operand { path, access, span: word.span });
        }
    }
    if words == Words::Last
        && found.len() > 1
        && let Some(last) = found.last_mut()
    {
        last.access = Access::Write;
    }
    found
}

/// Names of files that hold secrets: what a pattern is tried on. Which of them may be read is the policy's to say.
const SECRETS: &str = ".env .env.local .env.production .envrc .netrc .npmrc .pypirc .git-credentials \
    .pgpass .vault-token id_rsa id_ed25519 id_ecdsa credentials.json";

/// A file that a word may name, though it does not look like a path, or not like this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Doubtful {
    pub(super) path: String,
    /// Whether it is just that file, and not one of those that a pattern fits.
    pub(super) exact: bool,
    pub(super) span: Span,
}

/// Plain names (`id_rsa`), and what patterns (`.en*`, `*/.env`) may become. Stars alone are no such
/// pattern: they fit everything.
pub(super) fn doubtful(simple: &Simple, table: Table<'_>) -> Vec<Doubtful> {
    let Some(program) = simple.words.first().and_then(Word::known) else { return Vec::new() };
    let line = table.find(program);
    if line.is_some_and(|line| line.words == Words::Data) {
        return Vec::new();
    }
    let mut first = first_is_script(simple, line);
    let mut found = Vec::new();
    for word in simple.words.iter().skip(1).filter(|word| !word.start().starts_with('-')) {
        if std::mem::take(&mut first) {
            continue;
        }
        match &word.value {
            Value::Known(text) if !is_path(text) && !text.is_empty() => {
                found.push(Doubtful { path: text.clone(), exact: true, span: word.span });
                // `git show HEAD:.env`
                let behind = text.split_once(':').filter(|(_, path)| !path.is_empty() && !path.contains(':'));
                found.extend(behind.map(|(_, path)| Doubtful { path: path.into(), exact: false, span: word.span }));
            }
            Value::Pattern(text) => {
                let all = secrets_of(text).into_iter();
                found.extend(all.map(|path| Doubtful { path, exact: false, span: word.span }));
            }
            Value::Known(_) | Value::Partly(_) | Value::Unknown => {}
        }
    }
    found
}

/// Secrets that a pattern may become; a folder that is a pattern stands for any.
fn secrets_of(pattern: &str) -> Vec<String> {
    let special = ['*', '?', '['];
    let (folder, name) = pattern.rsplit_once('/').map_or(("", pattern), |(folder, name)| (folder, name));
    let parts: Vec<&str> = folder.split('/').map(|part| if part.contains(special) { "x" } else { part }).collect();
    let folder = if pattern.contains('/') { parts.join("/") + "/" } else { String::new() };
    let coarse = coarse(name);
    if coarse.bytes().all(|b| matches!(b, b'*' | b'?')) {
        return Vec::new();
    }
    // A star or a question mark at the beginning becomes no dot.
    let hides = |secret: &&str| !secret.starts_with('.') || !coarse.starts_with(special);
    let fits = SECRETS.split(' ').filter(hides).filter(|secret| fits(&coarse, secret.as_bytes()));
    let own = (!name.contains(special)).then_some(name);
    fits.chain(own).map(|name| format!("{folder}{name}")).collect()
}

/// The pattern with `?` for each class of characters: it fits what the pattern fits, and some more. A bracket that nothing closes may
/// be one, too.
fn coarse(pattern: &str) -> String {
    let mut coarse = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find('[') {
        let (before, class) = rest.split_at(at);
        coarse.push_str(before);
        coarse.push('?');
        // The first character in it may be `]` itself.
        let inside = class.get(1..).unwrap_or_default().trim_start_matches(['!', '^']);
        let close = inside.char_indices().skip(1).find(|(_, c)| *c == ']').map(|(at, _)| at + 1);
        let Some(behind) = close.and_then(|close| inside.get(close..)) else { return coarse + "*" };
        rest = behind;
    }
    coarse + rest
}

/// Whether a word is an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Option,
    Plain,
}

/// The path in a word, if there is one, and what is surely done to it.
fn path_in(text: &str, sort: Sort, words: Words) -> Option<(&str, Access)> {
    let named = text
        .split_once('=')
        .filter(|(name, _)| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    if let Some((name, value)) = named {
        let writes = matches!(
            name,
            "of" | "--output" | "--outfile" | "--out" | "--log-file" | "--output-file" | "--output-document"
        );
        let access = if writes { Access::Write } else { Access::Read };
        let value = value.strip_prefix('@').unwrap_or(value);
        return (is_path(value) || writes && !value.is_empty()).then_some((value, access));
    }
    if sort == Sort::Option {
        // `-f/etc/x`, `-f../x`
        let letters = text.bytes().skip(1).take_while(u8::is_ascii_alphanumeric).count();
        let value =
            text.get(letters + 1..).filter(|value| letters > 0 && (value.starts_with('/') || value.starts_with("../")));
        return value.map(|value| (value, Access::Read));
    }
    let text = text.strip_prefix('@').unwrap_or(text);
    let named = is_path(text) || matches!(words, Words::Writes | Words::Last) && !text.is_empty();
    named.then_some((text, Access::Read))
}

/// Whether the first word that is no option is a script or what is looked for, and no path.
fn first_is_script(simple: &Simple, line: Option<&ProgramLine>) -> bool {
    let Some(line) = line.filter(|line| line.words == Words::Search || matches!(line.runs, Runs::Sed | Runs::Awk))
    else {
        return false;
    };
    let given = |word: &Word| {
        let text = word.start();
        let short = text.starts_with('-') && !text.starts_with("--") && text.contains(['e', 'f']);
        short || ["--reg", "--fil", "--exp", "--sou"].iter().any(|option| text.starts_with(option))
    };
    // Options that take scripts elsewhere leave no script among the words.
    !simple.words.iter().skip(1).any(given) && line.words != Words::Data
}

/// Whether what is found is removed or changed.
fn removes(simple: &Simple, table: Table<'_>) -> bool {
    let changes = |word: &Word| {
        word.known().and_then(|program| table.find(program)).is_some_and(|line| line.words == Words::Writes)
    };
    let runs = |word: &Word| {
        matches!(word.known(), Some("-exec" | "-execdir" | "-ok" | "-okdir" | "-x" | "-X" | "--exec" | "--exec-batch"))
    };
    simple.words.iter().any(|word| word.known() == Some("-delete"))
        || simple.words.windows(2).any(|pair| matches!(pair, [option, program] if runs(option) && changes(program)))
}

/// Whether a word looks like a path. One without a slash lies where the command runs.
fn is_path(text: &str) -> bool {
    (text.contains('/') && !text.contains("://")) || text.starts_with('.')
}

/// Of a pattern, the folder in which its names lie.
fn literal_folder(word: &Word) -> &str {
    let start = word.start();
    start.rfind('/').and_then(|end| start.get(..=end)).unwrap_or_default()
}
