//! Messages between a run's supervisor and who answers its questions: versioned, framed as one JSON object a line.
//!
//! Also what both ends agree on: where the sockets are ([`place`], [`socket`]), who may answer ([`token`]), and how
//! text that came from a program is shown to a person ([`neutral`]).

pub mod ask;
pub mod bell;
pub mod canary;
pub mod card;
pub mod client;
pub mod frame;
pub mod inbox;
pub mod message;
pub mod neutral;
pub mod pile;
pub mod place;
mod punycode;
pub mod socket;
pub mod token;
pub mod way;
