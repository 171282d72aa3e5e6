//! The approval broker of one run: questions with a deadline, answers over a socket that the sandbox can't reach.
//!
//! Absent on purpose: a risk table and grants (the gate has them, from `policy`), and anything that shows a question
//! (that is for the programs that answer). Nothing is made or started before the first question.

mod book;
mod desk;
mod nobody;
mod peer;
mod queue;
pub mod scope;

pub use book::Check;
pub use nobody::Nobody;
pub use peer::within_boundary;
pub use queue::Queue;
pub use tollgate_wire::neutral;
