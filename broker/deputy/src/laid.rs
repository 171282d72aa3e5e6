//! What an outside run finds in its own temp directory.

use tollgate_policy::path::AbsPath;

/// Something in the outside run's temp directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Laid {
    /// Where, beneath the directory.
    pub at: String,
    /// What.
    pub what: Thing,
}

/// What is laid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thing {
    /// A directory.
    Folder,
    /// A file with this content.
    File(Vec<u8>),
    /// A link to this path.
    Link(AbsPath),
}
