//! Messages between a run's supervisor and who answers its questions: versioned, framed as one JSON object a line.

pub mod ask;
pub mod message;
