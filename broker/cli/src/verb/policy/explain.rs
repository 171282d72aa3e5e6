//! `tollgate policy explain`: what policy says here about a command, a path or a connection, and which rules spoke.

use std::ffi::OsString;
use std::path::Path;

use tollgate_launch::find;
use tollgate_policy::action::{Access, Action, Connect, Exec, Form, Image, PathAccess, Target};
use tollgate_policy::boundary::Boundary;
use tollgate_policy::explain::{Explained, Explanation};
use tollgate_policy::raw::Raw;
use tollgate_policy::verdict::{Effect, Reason};
use tollgate_policy::{Layer, Policy};
use tollgate_wire::neutral;

use crate::args;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::layers::{Layers, Wanted};
use crate::place::{Ground, places, shown};
use crate::ui::{self, Tone};
use crate::verb::run::split_host;

/// Explains.
pub(crate) fn explain(args: &args::Explain) -> Outcome {
    let ground = Ground::find(None, &places()?)?;
    let wanted = Wanted { profiles: args.profile.clone(), policies: args.policy.clone(), ..Wanted::default() };
    // A run has a temp directory of its own; nothing is made for an explanation.
    let place = ground.place(&std::env::temp_dir().join("tollgate-explain"))?;
    let policy = Layers::gather(&wanted, ground.workspace.as_path())?.assemble(&place)?;
    let action = action(args, &policy.lower(), &ground)?;
    let explanation = policy.explain(&action);
    if args.json.json {
        return ui::json(&serde_json::json!({
            "action": action, "verdict": explanation.verdict, "rules": explanation.rules,
        }));
    }
    ui::data(told(&policy, &explanation))
}

fn action(args: &args::Explain, boundary: &Boundary, ground: &Ground) -> Result<Action, Failure> {
    if let Some(path) = &args.path {
        let access = if args.write { Access::Write } else { Access::Read };
        let path = crate::place::lenient(&ground.cwd.as_path().join(path))?;
        return Ok(Action::Path(PathAccess { path, access }));
    }
    if let Some(net) = &args.net {
        let (host, port) = split_host(net).ok_or_else(|| {
            Failure::new(Exit::Usage, format!("--net `{}` is no HOST[:PORT]", neutral::short(net, 80)))
        })?;
        let name = || Target::Name(host.trim_end_matches('.').to_ascii_lowercase());
        let target = host.parse().map_or_else(|_| name(), Target::Address);
        return Ok(Action::Connect(Connect { target, port }));
    }
    exec(&args.command, boundary, ground).map(Action::Exec)
}

/// The command as the gate would see it.
fn exec(argv: &[OsString], boundary: &Boundary, ground: &Ground) -> Result<Exec, Failure> {
    let name = argv.first().cloned().unwrap_or_default();
    let path = std::env::var_os("PATH");
    let program = find(&name, path.as_deref(), ground.cwd.as_path()).unwrap_or_else(|_| {
        ui::note(format!("{} is not on this machine; explained as if it were in /usr/bin", shown(Path::new(&name))));
        Path::new("/usr/bin").join(&name)
    });
    let real = crate::place::lenient(&program)?;
    let (executable, form) = match crate::verb::run::interpreter(&program) {
        Some(interpreter) => {
            let found = find(interpreter.as_os_str(), path.as_deref(), ground.cwd.as_path()).unwrap_or(interpreter);
            (crate::place::lenient(&found)?, Form::Script { script: Some(real) })
        }
        None => (real, Form::Native),
    };
    let writable = boundary.roots.iter().any(|root| root.rights.write && executable.is_within(&root.path));
    Ok(Exec {
        given: Raw::from(program.into_os_string()),
        image: Image { executable: Some(executable), form, writable, sha256: None },
        argv: argv.iter().cloned().map(Raw::from).collect(),
        cwd: ground.cwd.clone(),
    })
}

fn told(policy: &Policy, explanation: &Explanation) -> String {
    let verdict = &explanation.verdict;
    let mut text = format!("{}: {}\n", toned(verdict.effect), neutral::short(&verdict.reason.because, 500));
    ui::add(&mut text, format_args!("  rule: {}\n", place_of(&verdict.reason)));
    if verdict.effect == Effect::Review {
        let reviewed = policy.review(verdict);
        ui::add(
            &mut text,
            format_args!("  reviewed: {}: {}\n", name(reviewed.effect), neutral::short(&reviewed.reason.because, 500)),
        );
    }
    if let Some(class) = &verdict.class {
        ui::add(&mut text, format_args!("  class: {}\n", neutral::short(class, 60)));
    }
    if let Some(profile) = &verdict.profile {
        ui::add(&mut text, format_args!("  the rule names the wider profile: {}\n", neutral::short(profile, 60)));
    }
    if !explanation.rules.is_empty() {
        text.push_str("\nrules that match:\n");
    }
    text.extend(explanation.rules.iter().map(one_rule));
    text
}

fn one_rule(rule: &Explained) -> String {
    format!(
        "{} {} ({}, {}): {}\n    {}\n",
        if rule.won { "*" } else { " " },
        toned(rule.effect),
        place_of(&rule.reason),
        layer(rule.layer),
        neutral::short(&rule.reason.because, 300),
        neutral::short(&rule.why, 300),
    )
}

fn place_of(reason: &Reason) -> String {
    let file = neutral::short(&reason.file, 200);
    if reason.line == 0 { file } else { format!("{file}:{}", reason.line) }
}

const fn name(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "allow",
        Effect::Review => "review",
        Effect::Ask => "ask",
        Effect::Deny => "deny",
    }
}

fn toned(effect: Effect) -> String {
    let tone = match effect {
        Effect::Allow => Tone::Good,
        Effect::Review | Effect::Ask => Tone::Warn,
        Effect::Deny => Tone::Bad,
    };
    ui::toned(tone, name(effect))
}

const fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::BuiltIn => "built in",
        Layer::System => "system",
        Layer::Person => "person",
        Layer::Project { trusted: true } => "project, trusted",
        Layer::Project { trusted: false } => "project",
        Layer::Contract => "contract",
    }
}
