//! Decisions: typed records, a Merkle tree over them, signed checkpoints, an SQLite store.
//!
//! [`Writer`] appends (it is the [`record::Recorder`] of a run), [`Reader`] reads while others append, [`verify()`] and
//! [`verify_export`] recompute everything. What an event means is told by `tollgate-report`, not here.

pub mod brief;
pub mod canonical;
pub mod fault;
pub mod key;
pub mod note;
pub mod record;
pub mod redact;
pub mod tree;

mod append;
mod check;
mod export;
mod journal;
pub mod list;
mod reader;
mod stamp;
mod store;
mod verify;
mod writer;

pub use export::verify_export;
pub use fault::Fault;
pub use list::{Clock, Entry, Filter};
pub use reader::{Reader, Shown};
pub use redact::Redactor;
pub use verify::{Expected, Finding, Flaw, Verification, verify};
pub use writer::{Opening, Writer};
