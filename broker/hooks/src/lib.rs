//! Adapters for coding agents, one file a client: its hook event in as an [`Event`], a [`Ruling`] out in its own words.
//!
//! An adapter knows its client's payloads, tools, answers, matcher and time limit, and what its client makes of silence.
//! It decides nothing, touches no file and reads no clock: what a call means on this machine, and what policy says of
//! it, is for the program.
//!
//! What every client that runs commands as hooks takes for a no is exit code 2 with text on stderr and nothing on stdout
//! (measured); [`Reply::no`] is that, for whatever goes wrong before or while an event is understood.

mod claude;
mod client;
mod codex;
mod copilot;
mod cursor;
mod event;
mod gemini;
mod generic;
pub mod install;
mod opencode;
mod patch;
mod payload;
mod qwen;
mod reply;
mod tools;
mod words;

pub use client::{Adapter, Client, Limit, Silence};
pub use event::{Call, Deed, Event, Moment, Note, Rewritable, Touch};
pub use payload::{LONGEST, Misread};
pub use reply::{Reply, Ruling};
