//! Secrets are taken out before anything is written: known token shapes, passwords in URLs and arguments,
//! authorization headers, and values that the caller names.
//!
//! This is a net, not a wall: a secret of no known shape that nobody names passes through.

mod names;
mod pairs;
mod places;
mod shapes;
mod words;

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::key::hex;

/// What a redacted text begins with.
const MARK: &str = "[redacted:";
/// Shorter values are not looked for: they would hit innocent text.
const SHORTEST: usize = 8;
/// Members that hold no text of a program, but words and digests of our own.
const OURS: [&str; 20] = [
    "event", "kind", "form", "effect", "outcome", "decider", "access", "feature", "held", "run", "id", "digest",
    "policy", "sha256", "profiles", "profile", "class", "version", "address", "channel",
];

/// Takes secrets out of text. What stands for a secret names its kind and has a tag: equal secrets get equal tags,
/// which can't be tried out without the ledger's key.
#[derive(Clone, Default)]
pub struct Redactor {
    key: [u8; 32],
    /// Name and value, longest value first.
    values: Vec<(String, String)>,
}

/// Looks for secrets of one sort in a text.
type Pass<'p> = dyn Fn(&str) -> Vec<Found> + 'p;

/// A secret in a text.
struct Found {
    at: Range<usize>,
    kind: Cow<'static, str>,
}

impl Found {
    fn new(at: Range<usize>, kind: &'static str) -> Self {
        Self { at, kind: Cow::Borrowed(kind) }
    }
}

impl Redactor {
    /// Knows the shapes only.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Knows these values too: (name, value) of environment variables that hold secrets. Values of fewer than 8
    /// bytes are not looked for: they would hit innocent text.
    #[must_use]
    pub fn with_values(mut self, values: impl IntoIterator<Item = (String, String)>) -> Self {
        let plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        self.values.extend(values.into_iter().filter(|(_, value)| value.len() >= SHORTEST).map(|(name, value)| {
            let name = if plain(&name) && !name.is_empty() { name } else { "value".to_owned() };
            (name, value)
        }));
        self.values.sort_by(|(_, a), (_, b)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self
    }

    /// Tags are made with this key.
    #[must_use]
    pub fn keyed(mut self, key: [u8; 32]) -> Self {
        self.key = key;
        self
    }

    /// Takes secrets out of all strings of a record.
    pub fn value(&self, record: &mut Value) {
        match record {
            Value::String(text) => self.string(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(members) => {
                if let Some(bytes) = members.get("base64").and_then(Value::as_str)
                    && members.len() == 1
                {
                    if let Some(text) = self.raw(bytes) {
                        *record = Value::String(text);
                    }
                    return;
                }
                for (name, member) in members.iter_mut() {
                    match (name.as_str(), member) {
                        ("argv", Value::Array(words)) => self.argv(words),
                        // A question's text form names an id; a whole question is an object.
                        ("question", Value::String(_)) => {}
                        (name, _) if OURS.contains(&name) => {}
                        (_, member) => self.value(member),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Takes secrets out of a text.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut out = Cow::Borrowed(text);
        // Most texts are one word, or a path: none of these can find anything there.
        let (signs, words) = (text.contains([':', '=']), text.contains(char::is_whitespace));
        let passes: [(bool, &Pass<'_>); 7] = [
            (true, &|t| self.named(t)),
            (words, &shapes::private_keys),
            (true, &shapes::tokens),
            (signs, &places::urls),
            (signs || words, &places::headers),
            (signs, &pairs::pairs),
            (signs || words, &words::in_line),
        ];
        for (_, pass) in passes.into_iter().filter(|(needed, _)| *needed) {
            let found = pass(&out);
            if !found.is_empty() {
                out = Cow::Owned(self.replace(&out, found));
            }
        }
        out
    }

    fn string(&self, text: &mut String) {
        if let Cow::Owned(redacted) = self.text(text) {
            *text = still_a_path(text, redacted);
        }
    }

    /// An argument vector: a secret may be a word of its own, told only by the word before it.
    fn argv(&self, items: &mut [Value]) {
        let texts: Vec<String> = items.iter().map(|i| i.as_str().unwrap_or_default().to_owned()).collect();
        let secrets = words::in_argv(&texts);
        for (place, item) in items.iter_mut().enumerate() {
            match (secrets.iter().find(|(at, _)| *at == place), item) {
                (Some((_, range)), Value::String(text)) => {
                    let found = Found::new(range.clone(), words::KIND);
                    *text = self.replace(text, vec![found]);
                    self.string(text);
                }
                // Not UTF-8, and a secret by its place.
                (Some(_), item @ Value::Object(_)) => {
                    let tag = self.tag(item.to_string().as_bytes());
                    *item = Value::String(format!("{MARK}{}:{tag}]", words::KIND));
                }
                (_, item) => self.value(item),
            }
        }
    }

    /// Bytes that are no UTF-8: where their readable part holds a secret, that part is what is left of them.
    fn raw(&self, base64: &str) -> Option<String> {
        let bytes = STANDARD.decode(base64).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        match self.text(&text) {
            Cow::Owned(redacted) => Some(still_a_path(&text, redacted)),
            Cow::Borrowed(_) => None,
        }
    }

    fn named(&self, text: &str) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::new();
        for (name, value) in &self.values {
            for (start, _) in text.match_indices(value) {
                let at = start..start + value.len();
                if found.iter().all(|f| f.at.end <= at.start || at.end <= f.at.start) {
                    found.push(Found { at, kind: Cow::Owned(name.clone()) });
                }
            }
        }
        found.sort_by_key(|f| f.at.start);
        found
    }

    /// Puts marks in place of what was found, which must be in order and not overlap.
    fn replace(&self, text: &str, found: Vec<Found>) -> String {
        let (mut out, mut done) = (String::with_capacity(text.len()), 0);
        for Found { at, kind } in found {
            let (Some(before), Some(secret)) = (text.get(done..at.start), text.get(at.clone())) else {
                continue;
            };
            out.push_str(before);
            done = at.end;
            if secret.is_empty() || secret.starts_with(MARK) {
                out.push_str(secret);
            } else {
                out.extend([MARK, &kind, ":", &self.tag(secret.as_bytes()), "]"]);
            }
        }
        out.push_str(text.get(done..).unwrap_or_default());
        out
    }

    fn tag(&self, secret: &[u8]) -> String {
        let hash: [u8; 32] = Sha256::new().chain_update(self.key).chain_update(secret).finalize().into();
        hex(hash.first_chunk::<4>().unwrap_or(&[0; 4]))
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").field("values", &self.values.len()).finish_non_exhaustive()
    }
}

/// A path that lost its beginning must still read as an absolute path.
fn still_a_path(before: &str, after: String) -> String {
    if before.starts_with('/') && !after.starts_with('/') { format!("/{after}") } else { after }
}

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
