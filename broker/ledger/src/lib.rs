//! Decisions: typed records, a Merkle tree over them, signed checkpoints, an SQLite store.

pub mod record;
