//! Who acts.

use serde::{Deserialize, Serialize};

use crate::path::AbsPath;

/// Who acts: a process of a run, as the supervisor knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The run's id. An approval of another run opens nothing.
    pub run: String,
    /// The agent's name; empty if it isn't known.
    pub agent: String,
    /// The executable that acts; none if it has no name.
    pub executable: Option<AbsPath>,
    /// Executables that led here, outermost first.
    pub ancestry: Vec<AbsPath>,
}
