//! `tollgate hook`: one event of a client on stdin, the client's own words on stdout. Whatever goes wrong on the way is a
//! refusal that this client understands.
//!
//! Absent on purpose: any variable that would loosen an answer. A repository can set variables through a client's
//! settings; only options (in the command line that was installed) and policy files count.

mod ask;
mod evidence;
mod foreseen;
mod last;
mod paths;
mod repositories;
mod scene;
mod session;
mod setup;
mod shell;
mod status;
mod told;
mod urls;
mod wait;
mod weigh;

use std::io::Read as _;
use std::time::Duration;

use tollgate_hooks::{Client, Event, LONGEST, Misread, Moment, Reply, Ruling};
use tollgate_sys::inside;
use tollgate_wire::neutral;

use crate::args;
use crate::args::HookVerb;
use crate::failure::{Failure, Outcome};
use scene::Scene;

/// What is kept back of a client's patience for all but the waiting.
pub(crate) const MARGIN: Duration = Duration::from_secs(5);

/// How long a question may wait where the command line doesn't say.
pub(crate) const WAIT: Duration = Duration::from_secs(45);

/// Answers one event, or does what is said about hooks.
pub(crate) fn hook(args: &args::Hook) -> Outcome {
    match &args.verb {
        Some(HookVerb::Install(setup)) => setup::install(setup),
        Some(HookVerb::Uninstall(setup)) => setup::uninstall(setup),
        Some(HookVerb::Status { client, json }) => status::status(*client, *json),
        None => {
            last::arm(wait(args) + MARGIN);
            Ok(last::give(&reply(args)))
        }
    }
}

fn wait(args: &args::Hook) -> Duration {
    args.wait.map_or(WAIT, Duration::from_secs)
}

fn reply(args: &args::Hook) -> Reply {
    let Some(client) = args.client else {
        return Reply::no(&refusal("an event", "no client is named", "name one: tollgate hook claude-code"));
    };
    match understood(client, args) {
        Ok(event) => settled(client, &event, args),
        Err(misread) => {
            let next = "this is not the agent's fault: tell the person who set up the hook";
            Reply::no(&refusal(&format!("an event of {}", client.name()), &misread.to_string(), next))
        }
    }
}

fn understood(client: Client, args: &args::Hook) -> Result<Event, Misread> {
    let mut payload = Vec::new();
    let limit = u64::try_from(LONGEST).unwrap_or(u64::MAX).saturating_add(1);
    std::io::stdin().lock().take(limit).read_to_end(&mut payload).map_err(|e| Misread::Json(e.to_string()))?;
    client.adapter().read(&payload, args.event.as_deref())
}

fn settled(client: Client, event: &Event, args: &args::Hook) -> Reply {
    let adapter = client.adapter();
    // Inside a boundary ledger and questions are out of reach, and the gate holds all that a call could do.
    if inside::is_inside() {
        let reason = "inside a boundary: the gate judges what it does".to_owned();
        return adapter.answer(event, &Ruling::Allow { reason });
    }
    let outcome = Scene::set((client, event), args).and_then(|mut scene| match &event.moment {
        Moment::Before(call) | Moment::Permission(call) => weigh::weigh(&mut scene, event, call),
        Moment::Told(note) => told::told(&mut scene, event, note).map(|()| Ruling::Pass),
    });
    match (outcome, &event.moment) {
        (Ok(ruling), _) => adapter.answer(event, &ruling),
        (Err(failure), Moment::Before(call) | Moment::Permission(call)) => {
            let what = format!("`{}`", neutral::short(&call.tool, 60));
            let next = failure.hint.clone().unwrap_or_else(|| "tell the person who set up the hook".to_owned());
            adapter.answer(event, &Ruling::Deny { reason: refusal(&what, &one_line(&failure), &next) })
        }
        (Err(failure), Moment::Told(_)) => {
            let stderr = format!("tollgate: {} was not written down: {}\n", event.name, one_line(&failure));
            Reply { stdout: Vec::new(), stderr: stderr.into_bytes(), code: 1 }
        }
    }
}

/// What an agent reads; the first words are a promise.
fn refusal(what: &str, why: &str, next: &str) -> String {
    format!("tollgate: refused {what}\n  why: {why}\n  next: {next}")
}

/// A failure in one line.
fn one_line(failure: &Failure) -> String {
    let detail = failure.detail.lines().next().map(str::to_owned);
    [failure.text.clone()]
        .into_iter()
        .chain(failure.causes.iter().cloned())
        .chain(detail)
        .collect::<Vec<_>>()
        .join(": ")
}
