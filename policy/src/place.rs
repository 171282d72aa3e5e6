//! Where a run happens: what `~`, `@workspace`, `@temp`, `@state` and `$NAME` stand for.

use std::collections::BTreeMap;

use crate::path::AbsPath;
use crate::raw::Raw;

/// What the short forms of the language stand for in one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `~`
    pub home: AbsPath,
    /// `@workspace`
    pub workspace: AbsPath,
    /// `@temp`: the run's own temp directory.
    pub temp: AbsPath,
    /// `@state`: where ledger, runs and sockets are.
    pub state: AbsPath,
    /// `$NAME`: the variables of who starts the run. One that is unset or no absolute path is skipped.
    pub variables: BTreeMap<String, Raw>,
}
