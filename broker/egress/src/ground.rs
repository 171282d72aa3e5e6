//! What all threads of one egress share.

use std::sync::Arc;

use crate::judge::Judge;
use crate::names::Names;
use crate::resolve::Resolve;
use crate::resolve::conf::Search;
use crate::wait::Bell;

pub(crate) struct Ground {
    pub(crate) judge: Arc<dyn Judge>,
    pub(crate) resolve: Arc<dyn Resolve>,
    pub(crate) names: Names,
    pub(crate) search: Search,
    /// Rung once: everything ends.
    pub(crate) end: Arc<Bell>,
}
