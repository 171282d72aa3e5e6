//! Where a run happens: what `~`, `@workspace`, `@temp`, `@state` and `$NAME` stand for.

use std::collections::BTreeMap;

use crate::path::AbsPath;
use crate::pattern::Head;
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

impl Place {
    /// A place for what hangs on no place.
    pub(crate) fn nowhere() -> Self {
        let root = AbsPath::root;
        Self { home: root(), workspace: root(), temp: root(), state: root(), variables: BTreeMap::new() }
    }

    /// The directory that a written path starts from; none for a variable that is unset, empty or relative, and
    /// for a path that may be anywhere.
    pub(crate) fn base(&self, head: Head<'_>) -> Option<AbsPath> {
        match head {
            Head::Root => Some(AbsPath::root()),
            Head::Home => Some(self.home.clone()),
            Head::Workspace => Some(self.workspace.clone()),
            Head::Temp => Some(self.temp.clone()),
            Head::State => Some(self.state.clone()),
            Head::Variable(name) => AbsPath::try_from(self.variables.get(name)?.clone()).ok(),
            Head::Anywhere => None,
        }
    }
}
