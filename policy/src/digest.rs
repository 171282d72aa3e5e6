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
    let mut out = String::new();
    write(value, &mut out)?;
    Ok(out)
}

fn write(value: &Value, out: &mut String) -> Result<(), NotCanonical> {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => out.push_str(&value.to_string()),
        Value::Number(n) if n.is_f64() => return Err(NotCanonical),
        Value::Number(n) => out.push_str(&n.to_string()),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(item, out)?;
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (i, (key, item)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                write(item, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

/// SHA-256 of some bytes, lower-case hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String can't fail.
        write!(hex, "{byte:02x}").unwrap_or_default();
        hex
    })
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
