//! What a run grants wherever it happens, as far as its profile tells: the guard prepares it while policies are still read.

use tollgate_launch::Usual;
use tollgate_policy::ready::Start;

use crate::args;
use crate::layers;
use crate::shipped;

/// The roots, the network and the filter of the run's profile, where that is a shipped one.
pub(super) fn usual(args: &args::Run) -> Usual {
    let name = args.profile.first().map_or_else(|| layers::default(args.ci), String::as_str);
    let Some(shipped) = shipped::find(name) else { return Usual::default() };
    let ready = &shipped.ready;
    let roots = ready.prepared.roots.iter().filter(|(placed, _)| placed.start == Start::Root);
    let numbers = ready.chain.iter().chain(ready.beneath);
    let documents = numbers.filter_map(|at| ready.shelf.documents.get(usize::try_from(*at).ok()?));
    Usual {
        roots: roots.map(|(placed, rights)| (&*placed.rest, *rights)).collect(),
        reach: documents.filter_map(|document| document.network.reach).max().unwrap_or_default(),
        calls: ready.calls(),
        compiled: shipped.filter,
    }
}
