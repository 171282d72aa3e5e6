//! `tollgate doctor`: what this kernel and machine hold, layer by layer, and exactly what each can't.
//!
//! It doesn't guess: it lays the default boundary, with every namespace asked for, around a command that is never let
//! run, and says what held.

use std::collections::BTreeSet;

use nix::sys::signal::{Signal, kill};
use serde::Serialize;
use tollgate_launch::{Command, LaunchError, Options, Plan, PrivateTemp};
use tollgate_policy::boundary::{Boundary, Enforced, Feature, Gap, Namespace};
use tollgate_sys::probe::Probe;

use crate::args::Json;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome, chain};
use crate::layers::{Layers, Wanted};
use crate::place::{Ground, places};
use crate::ui::{self, Tone, toned};
use crate::verb::run::temp_parent;

mod layer;

/// How the detail of a layer begins that neither holds nor is missed.
const UNNEEDED: &str = "not needed here";

/// What is said. The names are a promise.
#[derive(Debug, Serialize)]
struct Report {
    kernel: String,
    landlock_abi: u32,
    layers: Vec<Layer>,
}

/// One layer.
#[derive(Debug, Serialize)]
struct Layer {
    name: Feature,
    /// Whether this machine can hold it.
    available: bool,
    /// Whether a run with the default profile does.
    enforced: bool,
    /// What it holds, or why it can't and what that leaves open.
    detail: String,
    /// How to get it.
    hint: String,
}

/// Looks and tells.
pub(crate) fn doctor(json: Json) -> Outcome {
    let probe = Probe::here();
    let boundary = default_boundary()?;
    let wanted = Plan::lower(&boundary, probe, Options::default(), chosen_temp()?).map_err(|e| failed(&e))?;
    let wanted: BTreeSet<Feature> = wanted.enforced().held.clone();
    let found = trial(boundary, probe)?;
    let report = Report {
        kernel: kernel(),
        landlock_abi: found.landlock_abi,
        layers: layer::ALL.iter().map(|(feature, what)| examine(*feature, what, &found, &wanted)).collect(),
    };
    if json.json { ui::json(&report) } else { ui::data(text(&report)) }
}

/// The boundary of the default profile, requiring nothing.
fn default_boundary() -> Result<Boundary, Failure> {
    let ground = Ground::anywhere(&places()?)?;
    let place = ground.place(&temp_parent())?;
    let wanted = Wanted { profiles: vec!["workspace".to_owned()], ..Wanted::default() };
    let mut boundary = Layers::shipped(&wanted)?.assemble(&place)?.lower();
    boundary.require.clear();
    // Something that is there and readable, so that hiding is tried.
    boundary.hidden.push("/etc/passwd".to_owned());
    Ok(boundary)
}

/// Lays the boundary with every namespace around a command, looks what holds, and ends it before it runs.
fn trial(mut boundary: Boundary, probe: Probe) -> Result<Enforced, Failure> {
    boundary.namespaces.extend([Namespace::Mount, Namespace::Pid, Namespace::Ipc, Namespace::Net, Namespace::Uts]);
    let plan = Plan::lower(&boundary, probe, Options::default(), chosen_temp()?).map_err(|e| failed(&e))?;
    let command = Command {
        program: "/proc/self/exe".into(),
        argv: vec!["tollgate".into(), "--version".into()],
        cwd: "/".into(),
        stands: None,
        env: Vec::new(),
    };
    let started = plan.start(&command, None).map_err(|e| failed(&e))?;
    let enforced = started.enforced;
    let remains = started.remains;
    // The command waits for the gate at its first exec. It is ended there, and its guard then ends by itself.
    kill(started.command, Signal::SIGKILL).ok();
    kill(started.guard, Signal::SIGTERM).ok();
    drop((started.listener, started.news));
    remains.end();
    Ok(enforced)
}

fn chosen_temp() -> Result<PrivateTemp, Failure> {
    PrivateTemp::choose(&temp_parent()).map_err(|e| failed(&e))
}

fn failed(error: &LaunchError) -> Failure {
    Failure::of(Exit::Internal, error).hint("without this no command can be run")
}

fn examine(feature: Feature, what: &str, found: &Enforced, wanted: &BTreeSet<Feature>) -> Layer {
    let gap = found.gaps.iter().find(|gap| gap.feature == feature);
    let available = found.held.contains(&feature);
    let (detail, hint) = match gap {
        Some(Gap { detail, hint, .. }) => (detail.clone(), hint.clone()),
        None if available => (what.to_owned(), String::new()),
        None => (format!("{UNNEEDED}: {what}"), String::new()),
    };
    Layer { name: feature, available, enforced: available && wanted.contains(&feature), detail, hint }
}

fn kernel() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_or_else(|e| chain(&e).map(ToString::to_string).collect(), |text| text.trim().to_owned())
}

fn text(report: &Report) -> String {
    let mut text = format!("kernel {}, landlock ABI {}\n\n", report.kernel, report.landlock_abi);
    for layer in &report.layers {
        let name = serde_json::to_value(layer.name).ok().and_then(|name| name.as_str().map(str::to_owned));
        let (tone, state) = match (layer.available, layer.enforced) {
            (true, true) => (Tone::Good, "held"),
            (true, false) => (Tone::Strong, "possible"),
            (false, _) if layer.detail.starts_with(UNNEEDED) => (Tone::Strong, "unneeded"),
            (false, _) => (Tone::Warn, "missing"),
        };
        let pad = " ".repeat(10_usize.saturating_sub(state.len()));
        let state = toned(tone, state);
        ui::add(&mut text, format_args!("{state}{pad}{:<26} {}\n", name.unwrap_or_default(), layer.detail));
        if !layer.hint.is_empty() {
            ui::add(&mut text, format_args!("{:37}hint: {}\n", "", layer.hint));
        }
    }
    text.push_str(
        "\nheld: in force in every run with the default profile; possible: used where a profile asks for it\n",
    );
    text
}
