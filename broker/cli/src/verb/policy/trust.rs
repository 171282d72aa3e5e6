//! `tollgate policy trust`: lets the grants of a project's policy count, as it is now. A change makes it untrusted again.

use std::path::{Path, PathBuf};

use serde_json::json;
use tollgate_ledger::record::RunStarted;
use tollgate_policy::Document;
use tollgate_policy::verdict::Effect;
use tollgate_report::{Change, differ, meaning};
use tollgate_sys::inside;
use tollgate_wire::neutral;
use tollgate_wire::place::{Trust as Owner, make};

use super::{check_one, replay, rules};
use crate::args::Trust;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::layers::{PROJECT, Trusting, Wanted};
use crate::place::{places, shown};
use crate::trust::{self, Standing};
use crate::ui;

/// Trusts, takes back, or lists.
pub(super) fn trust(args: &Trust) -> Outcome {
    if inside::is_inside() {
        return Err(Failure::new(Exit::Refused, "nothing is trusted from inside a boundary")
            .hint("a person does it, from a terminal outside"));
    }
    let state = places()?.state;
    if args.list {
        return list(&state, args);
    }
    let policy = policy(args.path.as_deref())?;
    if args.revoke {
        let was = trust::revoke(&state, &policy).map_err(|e| fail("can't take it back", &e))?;
        ui::note(format!("{} {}", shown(&policy), if was { "is no longer trusted" } else { "was not trusted" }));
        return Ok(Exit::Done);
    }
    let checked = check_one(&policy)?;
    let Ok(document) = &checked.outcome else {
        return super::tell(&[checked], args.json, |_| String::new());
    };
    let grants = grants(document);
    let changed = changed(&state, &policy, &checked.text);
    let (flips, judged) = flips(&policy)?;
    if !args.json.json {
        ui::aside(said(&policy, document, &grants) + &meant(changed.as_deref(), &meaning::flips(&flips, judged)));
    }
    if !args.dry_run {
        make(&state, Owner::Own).map_err(|unfit| Failure::of(Exit::Internal, &unfit).hint(unfit.hint()))?;
        trust::trust(&state, &policy, &checked.text).map_err(|e| fail("can't write down that it is trusted", &e))?;
    }
    if args.json.json {
        return ui::json(&json!({
            "policy": shown(&policy), "sha256": tollgate_policy::digest::sha256_hex(checked.text.as_bytes()),
            "grants": grants, "rules": rules(document), "trusted": !args.dry_run,
            "changed": changed, "replay": meaning::as_json(&flips, judged),
        }));
    }
    if !args.dry_run {
        ui::note("trusted as it is now; when the file changes, its grants count no more until it is trusted again");
    }
    Ok(Exit::Done)
}

/// What it says besides, and no more, since it was trusted; none where it was not, or says the same.
fn changed(state: &Path, policy: &Path, text: &str) -> Option<Vec<String>> {
    match trust::standing(state, policy, text) {
        Standing::Changed(then) => Some(meaning::difference(&then.text, text)),
        Standing::Trusted | Standing::Untrusted => None,
    }
}

/// Decisions in this project that would be others if it were trusted.
fn flips(policy: &Path) -> Result<(Vec<Change>, usize), Failure> {
    let Ok(trusting) = policy.canonicalize() else { return Ok((Vec::new(), 0)) };
    // of this project only; without a ledger nothing was decided yet
    let Ok(mut story) = replay::all() else { return Ok((Vec::new(), 0)) };
    story.runs.retain(|_, started| {
        started.workspace.as_path().join(PROJECT).canonicalize().is_ok_and(|path| path == trusting)
    });
    let made = |started: &RunStarted, trust: Trusting| {
        replay::layers(Wanted { trust, ..Wanted::default() }, started)
            .and_then(|(layers, place)| layers.assemble(&place))
    };
    let before = |started: &RunStarted| made(started, Trusting::Unless(trusting.clone()));
    let after = |started: &RunStarted| made(started, Trusting::If(trusting.clone()));
    differ(&story, (Some(&before), &after), crate::time::now())
}

fn meant(changed: Option<&[String]>, flips: &[String]) -> String {
    let block = |title: &str, lines: &[String]| {
        let lines: String = lines.iter().flat_map(|line| ["\n    ", line]).collect();
        format!("\n  {title}{lines}")
    };
    let since = changed.map(|lines| match lines {
        [] => block("nothing of what it says has changed since it was trusted", &[]),
        lines => block("what has changed since it was trusted:", lines),
    });
    since.unwrap_or_default() + &block("what would be decided otherwise than without it:", flips)
}

fn list(state: &Path, args: &Trust) -> Outcome {
    let all = trust::all(state).map_err(|e| fail("can't read what is trusted", &e))?;
    let now = |path: &str| match std::fs::read_to_string(path) {
        Err(_) => "gone",
        Ok(text) => match trust::standing(state, Path::new(path), &text) {
            Standing::Trusted => "trusted",
            Standing::Changed(_) => "changed since",
            Standing::Untrusted => "untrusted",
        },
    };
    if args.json.json {
        let one =
            |it: &trust::Trusted| json!({"policy": it.path, "sha256": it.sha256, "at": it.at, "now": now(&it.path)});
        return ui::json(&all.iter().map(one).collect::<Vec<_>>());
    }
    let mut text = String::new();
    for it in &all {
        ui::add(&mut text, format_args!("{:<13} {}\n", now(&it.path), neutral::short(&it.path, 400)));
    }
    ui::data(text)
}

/// The file that is meant: of this folder, of a folder that is named, or the file itself.
fn policy(path: Option<&Path>) -> Result<PathBuf, Failure> {
    let path = path.unwrap_or_else(|| Path::new("."));
    let policy = if path.is_dir() { path.join(PROJECT) } else { path.to_owned() };
    if policy.ends_with(PROJECT) {
        return Ok(policy);
    }
    Err(Failure::new(Exit::Usage, format!("{} is no project's policy", shown(&policy)))
        .hint(format!("a project's policy is {PROJECT}; one of your own counts anyway, with --policy")))
}

fn fail(text: &str, cause: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, text).because(cause)
}

/// What counts only because it is trusted, in words.
fn grants(document: &Document) -> Vec<String> {
    let mut grants = Vec::new();
    let roots = [
        ("read", &document.roots.read),
        ("run", &document.roots.exec),
        ("write", &document.roots.write),
        ("device", &document.roots.device),
    ];
    for (what, paths) in roots {
        grants.extend(paths.iter().map(|path| format!("{what} {}", neutral::short(path, 200))));
    }
    grants.extend(
        document
            .nets
            .iter()
            .filter(|rule| rule.terms.effect == Effect::Allow)
            .flat_map(|rule| rule.names.iter().map(|name| format!("connect to {}", neutral::short(name, 200)))),
    );
    grants
        .extend(document.environment.pass.iter().map(|name| format!("pass the variable {}", neutral::short(name, 80))));
    let commands = document.commands.iter().filter(|rule| rule.terms.effect == Effect::Allow).count();
    let paths = document.paths.iter().filter(|rule| rule.terms.effect == Effect::Allow).count();
    for (count, what) in [(commands, "commands"), (paths, "paths")] {
        if count > 0 {
            grants.push(format!("{count} rules that allow {what}"));
        }
    }
    grants.extend(
        document.network.unix.iter().map(|path| format!("connect to the socket {}", neutral::short(path, 200))),
    );
    grants.extend(
        document.environment.set.iter().map(|(name, _)| format!("set the variable {}", neutral::short(name, 80))),
    );
    grants.extend(document.network.reach.map(|reach| format!("the network: {reach:?}").to_lowercase()));
    grants.extend(
        document.limits.iter().map(|(name, amount)| format!("the limit {} of {amount}", neutral::short(name, 40))),
    );
    grants.extend(
        document
            .budget
            .iter()
            .map(|(name, amount)| format!("the limit {} of {}", neutral::short(name, 40), neutral::short(amount, 60))),
    );
    grants.extend(document.extends.iter().map(|one| format!("all of the profile {}", neutral::short(&one.name, 80))));
    grants
}

fn said(policy: &Path, document: &Document, grants: &[String]) -> String {
    let mut text = format!("{}: {} rules\n", shown(policy), rules(document));
    if grants.is_empty() {
        text.push_str("  it grants nothing; its rules count whether it is trusted or not");
    } else {
        text.push_str("  what it grants, within what stands above it:");
        for grant in grants {
            text.push_str("\n    ");
            text.push_str(grant);
        }
    }
    text
}
