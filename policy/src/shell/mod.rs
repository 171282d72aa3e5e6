//! A command line reduced to what it would run: hooks and shells see text, not execs. Nothing is run, expanded on a disk or
//! looked up here; what the text alone does not say is called opaque, never guessed.
//!
//! Two steps. [`read`] (or [`Policy::read_text`](crate::Policy::read_text), with the policy's table of wrappers and
//! interpreters) makes a [`Reading`]: simple commands with their words, assignments, redirections and working directory, and the parts
//! that can't be understood, each with a reason and a span. [`Policy::judge_text`](crate::Policy::judge_text) makes a
//! [`Judged`] of it: the strictest of what policy says about each part, for the [`Stance`] in which the text would run.
//!
//! * [`Stance::Contained`]: the text will run inside a boundary, where the gate judges each exec, write and connection again. So
//!   only rules that speak of what is certain count (a refusal or a question comes early, with a span), and what can't be
//!   understood may run.
//! * [`Stance::Bare`]: nothing will look again. Every command needs a grant of its own, every word that could be an option or a path
//!   must be known, and what can't be understood is a question.
//!
//! The text is read twice, by a parser of our own and by `rable`; where they disagree about one word, all of it is opaque. Caps on
//! length, nesting and number of parts ([`caps`]) come first, so that no input can crash, stall or exhaust the reader: what is
//! beyond them is opaque.

mod arithmetic;
mod around;
mod braces;
mod builtins;
pub mod caps;
mod characters;
mod check;
mod cursor;
mod expand;
mod fills;
mod filters;
mod judged;
mod loose;
mod operands;
mod parse;
mod reading;
mod simple;
mod table;
mod through;
mod tree;
mod vars;
mod walk;
mod weigh;
mod words;

pub use judged::{Asking, Judged, Occasion, Stance};
pub use reading::{
    Assignment, Context, Cwd, Direction, From, Opaque, Place, Reading, Redirection, Simple, Span, Target, Value, Why,
    Word, read,
};
