//! From text to a checked [`Document`]. Never from a file: who calls has read it.

pub(crate) mod bake;
pub mod document;
pub mod errors;
pub mod examples;
mod reader;
pub(crate) mod rules;
mod schema;
mod sections;
mod words;

pub use document::Document;
pub use errors::{Fault, Faults};
pub use examples::{Tried, Wanted, test};
pub use schema::schema;

use reader::{Reader, Section};
use toml::de::DeTable;

/// A file of the language, checked: syntax, keys, types, globs, and the rules' own examples.
///
/// `source_name` is what errors and verdicts show: a path, or `profile:NAME`.
///
/// # Errors
/// All [`Faults`] of the file at once.
pub fn parse(source_name: &str, text: &str) -> Result<Document, Faults> {
    let mut reader = Reader::new(source_name, text);
    let (table, broken) = DeTable::parse_recoverable(text);
    for error in &broken {
        reader.fault(error.span().map_or(0, |span| span.start), error.message());
    }
    let mut document = Document {
        source: source_name.to_owned().into(),
        sha256: crate::digest::sha256_hex(text.as_bytes()).into(),
        ..Document::default()
    };
    if broken.is_empty() {
        // What was recovered of a broken file would only bring faults that aren't there.
        let top = Section { title: "", table: table.get_ref(), at: 0 };
        reader.keys(top, words::TOP);
        sections::read(&mut reader, top, &mut document);
        rules::read(&mut reader, top, &mut document);
    }
    if reader.is_clean() {
        for tried in test(&document) {
            if let Some(message) = tried.fault {
                reader.fault_at(tried.spot, &message);
            }
        }
    }
    reader.finish()?;
    Ok(document)
}
