//! The one form in which a record is hashed and stored: JSON with sorted keys, no spaces, integers only (RFC 8785
//! without its floating-point numbers, so that no two readers can disagree about a number).

use std::fmt;

use serde::Serialize;
use serde_json::Value;

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

/// The canonical bytes of anything that can be written as JSON.
///
/// # Errors
/// [`NotCanonical`] where it can't be written as JSON, or holds a fraction.
pub fn bytes(value: &impl Serialize) -> Result<Vec<u8>, NotCanonical> {
    let value = serde_json::to_value(value).map_err(|e| NotCanonical::NotJson(e.to_string()))?;
    of_value(&value)
}

/// The canonical bytes of a JSON value.
///
/// # Errors
/// [`NotCanonical::Fraction`] where it holds a number that is no integer.
pub fn of_value(value: &Value) -> Result<Vec<u8>, NotCanonical> {
    let mut out = Vec::with_capacity(512);
    write(value, &mut out)?;
    Ok(out)
}

/// Reads bytes that must be canonical.
///
/// # Errors
/// [`NotCanonical`] where they are not: another order, a space, a doubled key, another escape, a fraction.
pub fn read(bytes: &[u8]) -> Result<Value, NotCanonical> {
    let value: Value =
        serde_json::from_slice(bytes).map_err(|e| NotCanonical::NotJson(e.to_string()))?;
    if of_value(&value)? == bytes {
        Ok(value)
    } else {
        Err(NotCanonical::OtherForm)
    }
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(n) if n.is_i64() || n.is_u64() => {
            out.extend_from_slice(n.to_string().as_bytes())
        }
        Value::Number(_) => return Err(NotCanonical::Fraction),
        Value::String(s) => write_string(s, out),
        Value::Array(items) => {
            out.push(b'[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(map) => write_object(map, out)?,
    }
    Ok(())
}

fn write_object(
    map: &serde_json::Map<String, Value>,
    out: &mut Vec<u8>,
) -> Result<(), NotCanonical> {
    let mut members: Vec<_> = map.iter().collect();
    // RFC 8785 3.2.3: sorted by UTF-16 code units, which differs from UTF-8 order above U+D7FF.
    members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    out.push(b'{');
    for (n, (key, member)) in members.into_iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        write_string(key, out);
        out.push(b':');
        write(member, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// RFC 8785 3.2.2.2: the two-letter escapes where there is one, `\u00xx` for other control characters, all else as is.
fn write_string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0..0x20 => {
                let low = HEX
                    .get(usize::from(byte & 0xf))
                    .copied()
                    .unwrap_or_default();
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), low]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop where it is wrong")]
    use super::*;
    use serde_json::json;

    #[test]
    fn values_have_one_form() {
        for (value, want) in [
            (
                json!({"b": 1, "a": [true, null, -3]}),
                r#"{"a":[true,null,-3],"b":1}"#,
            ),
            (
                json!({"\u{e000}": 1, "\u{10000}": 2}),
                "{\"\u{10000}\":2,\"\u{e000}\":1}",
            ),
            (
                json!("\u{8}\t\n\u{c}\r\"\\/\u{1f}\u{7f}é"),
                "\"\\b\\t\\n\\f\\r\\\"\\\\/\\u001f\u{7f}é\"",
            ),
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
