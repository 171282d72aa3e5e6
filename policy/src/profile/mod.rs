//! From text to a checked [`Document`]. Never from a file: who calls has read it.

pub mod document;
pub mod errors;

pub use document::Document;
pub use errors::{Fault, Faults};

/// A file of the language, checked: syntax, keys, types, globs, and the rules' own examples.
///
/// `source_name` is what errors and verdicts show: a path, or `profile:NAME`.
///
/// # Errors
/// All [`Faults`] of the file at once.
pub fn parse(source_name: &str, text: &str) -> Result<Document, Faults> {
    let _ = text;
    Err(Faults(vec![Fault {
        file: source_name.to_owned(),
        spot: document::Spot::default(),
        message: "the parser is not there yet".to_owned(),
        text: String::new(),
        hint: None,
    }]))
}

/// The JSON schema of the language, as `profiles/schema.json` holds it.
#[must_use]
pub fn schema() -> serde_json::Value {
    serde_json::Value::Null
}
