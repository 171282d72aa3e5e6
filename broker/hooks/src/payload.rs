//! The door: bytes from a client become one JSON object, or a reason why they are none.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Longest payload in bytes. Clients send whole files in it.
pub const LONGEST: usize = 8 << 20;

/// How deeply an event may be nested. An answer holds a call's arguments, a little deeper, and a client that can't read the
/// answer would let the call through: readers have their limits, at 128 where it is known.
const DEEPEST: usize = 64;

/// Why a payload is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misread {
    /// Longer than [`LONGEST`].
    Long,
    /// Nothing came.
    Empty,
    /// No UTF-8, no JSON, a key twice, something behind it.
    Json(String),
    /// A field is missing or has another type than this client gives it.
    Field(String),
    /// An event that this adapter does not know.
    Event(String),
}

impl fmt::Display for Misread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Long => write!(f, "the event is longer than {LONGEST} bytes"),
            Self::Empty => f.write_str("no event came on stdin"),
            Self::Json(why) => write!(f, "the event is no proper JSON object: {why}"),
            Self::Field(what) => write!(f, "the event has not the expected form: {what}"),
            Self::Event(name) => write!(f, "the event `{name}` is not known"),
        }
    }
}

impl std::error::Error for Misread {}

/// A payload's object.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, Misread> {
    if bytes.len() > LONGEST {
        return Err(Misread::Long);
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Misread::Empty);
    }
    let strict: Strict = serde_json::from_slice(bytes).map_err(|e| Misread::Json(e.to_string()))?;
    if is_deeper(&strict.0, DEEPEST) {
        return Err(Misread::Json("it is nested too deeply".to_owned()));
    }
    match strict.0 {
        Value::Object(map) => Ok(map),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Misread::Json("it is another kind of value".to_owned()))
        }
    }
}

fn is_deeper(value: &Value, than: usize) -> bool {
    match value {
        Value::Object(_) | Value::Array(_) if than == 0 => true,
        Value::Object(map) => map.values().any(|part| is_deeper(part, than - 1)),
        Value::Array(list) => list.iter().any(|part| is_deeper(part, than - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Fields of an object, by name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// A text that has to be there.
    pub(crate) fn text(self, key: &str) -> Result<&'a str, Misread> {
        self.maybe(key)?.ok_or_else(|| Misread::Field(format!("`{key}` is missing")))
    }

    /// A text that may be missing, or null.
    pub(crate) fn maybe(self, key: &str) -> Result<Option<&'a str>, Misread> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(Misread::Field(format!("`{key}` is no text")))
            }
        }
    }

    /// A text, empty where it is missing or something else; for what nothing hangs on.
    pub(crate) fn loose(self, key: &str) -> String {
        self.0.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// An object that has to be there.
    pub(crate) fn object(self, key: &str) -> Result<&'a Map<String, Value>, Misread> {
        match self.0.get(key) {
            Some(Value::Object(map)) => Ok(map),
            None | Some(Value::Null) => Err(Misread::Field(format!("`{key}` is missing"))),
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                Err(Misread::Field(format!("`{key}` is no object")))
            }
        }
    }
}

/// The event's name: the payload's, which has to be the command line's where both give one.
pub(crate) fn agreed<'a>(named: Option<&'a str>, told: Option<&'a str>) -> Result<Option<&'a str>, Misread> {
    match (named, told) {
        (Some(name), Some(told)) if name != told => {
            let name: String = name.chars().take(60).collect();
            Err(Misread::Field(format!("it says `{name}`, and the hook is set up for `{told}`")))
        }
        (name, told) => Ok(name.or(told)),
    }
}

/// A value in which no object has a key twice: which of the two counts is for each reader to choose, and the client's
/// may choose otherwise than ours.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is too large"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(value)) = seq.next_element()? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, Strict(value))) = access.next_entry::<String, Strict>()? {
            if map.insert(key, value).is_some() {
                return Err(A::Error::custom("a key is there twice"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_whole_object_is_an_event() {
        let nested = |times: usize| format!("{{\"a\":{}{}}}", "[".repeat(times), "]".repeat(times));
        let [most, more, deep] = [DEEPEST - 1, DEEPEST, 200].map(nested);
        let table: &[(&[u8], bool)] = &[
            (b"{}", true),
            (b" {\"a\":{\"b\":[1,-2,1.5,null,true,\"x\"]}}\n", true),
            (b"", false),
            (b" \n", false),
            (b"[]", false),
            (b"null", false),
            (b"{", false),
            (b"{}{}", false),
            (b"{} x", false),
            (b"{\"a\":1,\"a\":1}", false),
            (b"{\"a\":{\"b\":1,\"b\":2}}", false),
            (b"{\"a\":[{\"b\":1,\"\\u0062\":2}]}", false),
            (b"{\"a\":\"\xff\"}", false),
            (b"{\"a\":\"\\ud800\"}", false),
            (b"\xef\xbb\xbf{}", false),
            (most.as_bytes(), true),
            (more.as_bytes(), false),
            (deep.as_bytes(), false),
        ];
        for (bytes, good) in table {
            assert_eq!(object(bytes).is_ok(), *good, "{}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(object(&vec![b' '; LONGEST + 1]), Err(Misread::Long));
    }
}
