//! `tollgate web`: the page on loopback, with a link that lets one browser in.

use std::io::{BufRead as _, IsTerminal as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tollgate_approve::within_boundary;
use tollgate_ledger::Reader;
use tollgate_policy::question::Question;
use tollgate_report::{Filter, over};
use tollgate_web::{Backdrop, Door, Goods, Reach, Unheard, listen, serve};
use tollgate_wire::inbox::Inbox;
use tollgate_wire::place::{Trust, make};

use crate::args::{self, RuleEffect};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::{place, ui};

/// Serves the page until it is stopped.
pub(crate) fn web(args: &args::Web) -> Outcome {
    if within_boundary() {
        return Err(Failure::new(Exit::Refused, "a process inside a boundary can't see or answer questions")
            .hint("start the page from a terminal outside of the run"));
    }
    let places = place::places()?;
    // The folders are made now, so that the bell hangs before the first question.
    for (folder, trust) in [(places.state.clone(), Trust::Own), (places.sockets(), Trust::Private)] {
        make(&folder, trust).map_err(|unfit| Failure::of(Exit::Failed, &unfit).hint(unfit.hint()))?;
    }
    let reach = if args.beyond_loopback { Reach::Network } else { Reach::Loopback };
    let listener = listen(args.listen.unwrap_or(tollgate_web::USUAL), reach).map_err(|fault| unheard(&fault))?;
    let address =
        listener.local_addr().map_err(|e| Failure::new(Exit::Failed, "the page has no address").because(&e))?;
    if !address.ip().is_loopback() {
        ui::note(
            "warning: the page can be reached from the network, without encryption: who sees its traffic can answer \
             your questions",
        );
    }
    let door = Door::new(address).map_err(|fault| Failure::of(Exit::Failed, &fault))?;
    invite(&door)?;
    let inbox = Inbox::of(places.all_sockets());
    let goods = Goods {
        sockets: inbox.folders().to_vec(),
        desk: Arc::new(inbox),
        state: places.state.clone(),
        backdrop: Arc::new(Ledger(places.state)),
    };
    serve(listener, goods, (&door, reach)).map_err(|fault| Failure::of(Exit::Failed, &fault))?;
    Ok(Exit::Done)
}

fn unheard(fault: &Unheard) -> Failure {
    let failure = Failure::of(Exit::Failed, fault);
    match fault {
        Unheard::Open(_) => failure.hint(
            "listen on loopback, and reach it from elsewhere by `ssh -L`; or say --beyond-loopback, if you know who \
             can read that network",
        ),
        Unheard::Io(..) => failure.hint("is the page open already? `--listen 127.0.77.1:0` takes any free port"),
    }
}

/// Prints a link; at a terminal, a new one for each Enter.
fn invite(door: &Door) -> Result<(), Failure> {
    let link = || door.link().map_err(|fault| Failure::of(Exit::Failed, &fault));
    ui::data(format!("{}\n", link()?))?;
    ui::note("the link lets one browser in, once, within an hour; Ctrl-C ends the page");
    if std::io::stdin().is_terminal() {
        let door = door.clone();
        ui::note("Enter prints a new link");
        let ask = move || {
            for _ in std::io::stdin().lock().lines().map_while(Result::ok) {
                match door.link() {
                    Ok(link) => ui::note(link),
                    Err(fault) => ui::note(fault),
                }
            }
        };
        // Without the thread the first link is the only one.
        std::thread::Builder::new().name("links".to_owned()).spawn(ask).ok();
    }
    Ok(())
}

/// What the report says, for the page.
struct Ledger(PathBuf);

impl Backdrop for Ledger {
    fn report(&self) -> Result<serde_json::Value, String> {
        let told = |fault: tollgate_ledger::Fault| super::run::chain(&fault);
        let ledger = Reader::open(&self.0).map_err(told)?;
        Ok(over(&ledger, Filter::default()).map_err(told)?.to_json())
    }

    fn rule(&self, question: &Question) -> Result<String, String> {
        let proposal = super::approvals::Proposal::of(question, RuleEffect::Allow);
        proposal.map(|proposal| proposal.text()).map_err(|failure| failure.text)
    }
}

/// An address to listen at.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "an address and a port, as 127.0.77.1:7077".to_owned())
}
