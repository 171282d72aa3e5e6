//! Whether stored bytes are in the one form in which a record is hashed: what `tollgate_policy::digest::canonical`
//! writes (RFC 8785 with integers only).

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use tollgate_policy::digest::canonical;

/// Why a value has no canonical form, or why bytes are not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotCanonical {
    /// It is no JSON at all.
    NotJson(String),
    /// It holds a number that is no integer.
    Fraction,
    /// It is JSON, but not in the canonical form.
    OtherForm,
}

impl fmt::Display for NotCanonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(why) => write!(f, "not JSON: {why}"),
            Self::Fraction => f.write_str("holds a number that is not an integer"),
            Self::OtherForm => f.write_str("not in canonical form"),
        }
    }
}

impl std::error::Error for NotCanonical {}

/// As a JSON value.
///
/// # Errors
/// [`NotCanonical::NotJson`] where it can't be written as JSON.
pub fn to_value(value: &impl Serialize) -> Result<Value, NotCanonical> {
    serde_json::to_value(value).map_err(|e| NotCanonical::NotJson(e.to_string()))
}

/// The canonical bytes of a JSON value.
///
/// # Errors
/// [`NotCanonical::Fraction`] where it holds a number that is no integer.
pub fn of_value(value: &Value) -> Result<Vec<u8>, NotCanonical> {
    canonical(value).map(String::into_bytes).map_err(|_| NotCanonical::Fraction)
}

/// Reads bytes that must be canonical.
///
/// # Errors
/// [`NotCanonical`] where they are not: another order, a space, a doubled key, another escape, a fraction.
pub fn read(bytes: &[u8]) -> Result<Value, NotCanonical> {
    let value: Value = serde_json::from_slice(bytes).map_err(|e| NotCanonical::NotJson(e.to_string()))?;
    if of_value(&value)? == bytes { Ok(value) } else { Err(NotCanonical::OtherForm) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop where it is wrong")]
    use super::*;
    use serde_json::json;

    #[test]
    fn values_have_one_form() {
        for (value, want) in [
            (json!({"b": 1, "a": [true, null, -3]}), r#"{"a":[true,null,-3],"b":1}"#),
            (json!({"\u{e000}": 1, "\u{10000}": 2}), "{\"\u{10000}\":2,\"\u{e000}\":1}"),
            (json!("\u{8}\t\n\u{c}\r\"\\/\u{1f}\u{7f}é"), "\"\\b\\t\\n\\f\\r\\\"\\\\/\\u001f\u{7f}é\""),
            (json!(u64::MAX), "18446744073709551615"),
        ] {
            let got = of_value(&value).unwrap();
            assert_eq!(std::str::from_utf8(&got).unwrap(), want);
            assert_eq!(read(&got).unwrap(), value);
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for (bytes, want) in [
            (&br#"{"b":1,"a":2}"#[..], NotCanonical::OtherForm),
            (br#"{"a": 1}"#, NotCanonical::OtherForm),
            (br#"{"a":1,"a":1}"#, NotCanonical::OtherForm),
            (br#""\u0041""#, NotCanonical::OtherForm),
            (br#""\/""#, NotCanonical::OtherForm),
            (b"1.0", NotCanonical::Fraction),
            (b"-0", NotCanonical::Fraction),
            (b"1e3", NotCanonical::Fraction),
            (b" 1", NotCanonical::OtherForm),
            (b"1\n", NotCanonical::OtherForm),
        ] {
            assert_eq!(read(bytes).unwrap_err(), want, "{}", bytes.escape_ascii());
        }
        assert!(matches!(read(b"{"), Err(NotCanonical::NotJson(_))));
        assert!(matches!(read(b"\xff"), Err(NotCanonical::NotJson(_))));
    }
}
