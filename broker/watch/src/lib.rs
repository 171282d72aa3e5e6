//! The queue in a terminal: what waits, the evidence, and the answers by keys; in 80 by 24 and less, without colour too.
//!
//! What is pressed and what follows from it is pure (`model`), what is seen is drawn from that (`draw`); the terminal is
//! given back however it ends (`terminal`). Text of a question arrives here neutral (`tollgate_wire::card`).

mod draw;
mod keys;
mod model;
mod terminal;

pub use draw::Colour;
pub use terminal::{Unshown, watch};

#[cfg(test)]
mod tests;
