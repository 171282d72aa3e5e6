//! Canonical JSON and the digests made of it.

use std::fmt;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::action::Action;

/// A value has no canonical form: it holds a number that is no integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotCanonical;

impl fmt::Display for NotCanonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number is no integer")
    }
}

impl std::error::Error for NotCanonical {}

/// Canonical JSON after RFC 8785: keys sorted by their UTF-16 units, no spaces, the shortest escapes. Only
/// integers (i64 and u64, in decimal; RFC 8785 would round beyond 2^53, we don't).
///
/// # Errors
/// [`NotCanonical`] for a number with a fraction or exponent.
pub fn canonical(value: &Value) -> Result<String, NotCanonical> {
    let mut out = Vec::with_capacity(512);
    write(value, &mut out)?;
    String::from_utf8(out).map_err(|_| NotCanonical)
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
    match value {
        Value::Number(n) if n.is_f64() => return Err(NotCanonical),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => put(value, out)?,
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (i, (key, item)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                put(key, out)?;
                out.push(b':');
                write(item, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn put<T: serde::Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
    serde_json::to_writer(out, value).map_err(|_| NotCanonical)
}

/// SHA-256 of some bytes, lower-case hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(if half < 10 { b'0' + half } else { b'a' - 10 + half });
    Sha256::digest(bytes).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// SHA-256 of the canonical action, hex: what a question and its answer are bound to.
#[must_use]
pub fn digest_of(action: &Action) -> String {
    let text = serde_json::to_value(action).ok().and_then(|value| canonical(&value).ok());
    // An action always has a canonical form; were that ever untrue, two actions still must not share a digest.
    sha256_hex(text.unwrap_or_else(|| format!("{action:?}")).as_bytes())
}

/// SHA-256 of a value's canonical JSON, hex.
#[must_use]
pub fn sealed<T: serde::Serialize + fmt::Debug>(value: &T) -> String {
    let text = serde_json::to_value(value).ok().and_then(|value| canonical(&value).ok());
    // As above: without a canonical form, two values still must not share a digest.
    sha256_hex(text.unwrap_or_else(|| format!("{value:?}")).as_bytes())
}
