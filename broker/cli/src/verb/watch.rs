//! `tollgate watch`: the queue in this terminal.

use std::io::IsTerminal as _;
use std::sync::Arc;

use tollgate_approve::within_boundary;
use tollgate_watch::Colour;
use tollgate_wire::inbox::{Desk, Inbox};

use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::place;

/// Shows the queue until it is left.
pub(crate) fn watch() -> Outcome {
    if within_boundary() {
        return Err(Failure::new(Exit::Refused, "a process inside a boundary can't see or answer questions")
            .hint("answer from a terminal outside of the run"));
    }
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(
            Failure::new(Exit::Usage, "the queue needs a terminal").hint("`tollgate approvals` works without one")
        );
    }
    let inbox = Inbox::of(place::places()?.all_sockets());
    let sockets = inbox.folders().to_vec();
    let plain = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
    let colour = if plain { Colour::None } else { Colour::Some };
    let desk: Arc<dyn Desk> = Arc::new(inbox);
    tollgate_watch::watch(&desk, sockets, colour).map_err(|fault| Failure::of(Exit::Failed, &fault))?;
    Ok(Exit::Done)
}
