//! `tollgate policy lint`: what holds together and is still a bad idea, or does nothing.

use std::path::PathBuf;

use serde_json::json;
use tollgate_policy::Document;
use tollgate_policy::profile::document::{CommandRule, Spot, Terms};
use tollgate_policy::verdict::Effect;
use tollgate_wire::neutral;

use super::{check_one, tell, terms, used_here};
use crate::args::Json;
use crate::exit::Exit;
use crate::failure::Outcome;
use crate::{shipped, ui};

/// Programs that run whatever they are told: who allows one allows all.
const RUNNERS: [&str; 26] = [
    "bash", "sh", "zsh", "dash", "fish", "ksh", "env", "xargs", "sudo", "doas", "timeout", "nice", "nohup", "find",
    "awk", "perl", "python", "python3", "ruby", "node", "php", "lua", "make", "ssh", "docker", "npx",
];

/// Shorter reasons tell nobody why.
const SHORTEST: usize = 8;

/// One thing to look at.
struct Finding {
    lint: &'static str,
    spot: Spot,
    message: String,
    hint: &'static str,
}

/// Looks at the files; exits with 1 where there is something to say.
pub(super) fn lint(files: Vec<PathBuf>, json: Json) -> Outcome {
    let files = if files.is_empty() { used_here()? } else { files };
    let checked = files.iter().map(|file| check_one(file)).collect::<Result<Vec<_>, _>>()?;
    if checked.iter().any(|checked| checked.outcome.is_err()) {
        return tell(&checked, json, |_| String::new());
    }
    let found: Vec<(String, Vec<Finding>)> = checked
        .iter()
        .filter_map(|checked| Some((checked.file.clone(), findings(checked.outcome.as_ref().ok()?))))
        .collect();
    let count: usize = found.iter().map(|(_, findings)| findings.len()).sum();
    if json.json {
        let one = |file: &str, it: &Finding| json!({"file": file, "line": it.spot.line, "column": it.spot.column, "lint": it.lint, "message": it.message, "hint": it.hint});
        let all: Vec<_> = found.iter().flat_map(|(file, all)| all.iter().map(|it| one(file, it))).collect();
        ui::json(&json!({"ok": count == 0, "findings": all}))?;
    } else {
        for (file, all) in &found {
            for Finding { lint, spot, message, hint } in all {
                ui::data(format!("{file}:{}:{}: {message} ({lint})\n  hint: {hint}\n", spot.line, spot.column))?;
            }
        }
        ui::note(format!(
            "{count} finding{} in {} file{}",
            if count == 1 { "" } else { "s" },
            found.len(),
            if found.len() == 1 { "" } else { "s" }
        ));
    }
    Ok(if count == 0 { Exit::Done } else { Exit::Failed })
}

fn findings(document: &Document) -> Vec<Finding> {
    let mut found: Vec<Finding> = terms(document).flat_map(of_terms).collect();
    found.extend(document.commands.iter().flat_map(of_command));
    found.extend(of_roots(document));
    found.extend(of_network(document));
    found.extend(of_environment(document));
    found.extend(twice(document));
    found.sort_by_key(|finding| finding.spot);
    found
}

fn of_terms(terms: &Terms) -> Vec<Finding> {
    let mut found = Vec::new();
    if terms.because.trim().chars().count() < SHORTEST {
        found.push(Finding {
            lint: "short-reason",
            spot: terms.spot,
            message: format!("the reason `{}` tells nobody why", neutral::short(&terms.because, 40)),
            hint: "an agent that reads a reason stops trying; a person who reads it decides faster",
        });
    }
    if terms.effect != Effect::Allow && terms.spares.is_empty() {
        found.push(Finding {
            lint: "no-spares",
            spot: terms.spot,
            message: "no example shows what the rule leaves alone".to_owned(),
            hint: "name in `spares` what looks alike and is meant to pass",
        });
    }
    found
}

fn of_command(rule: &CommandRule) -> Vec<Finding> {
    if rule.terms.effect != Effect::Allow {
        return Vec::new();
    }
    let narrow = !rule.args.is_empty() || !rule.subcommand.is_empty() || rule.sha256.is_some();
    let runner = rule.program.iter().find(|name| RUNNERS.contains(&&***name) || **name == *"*");
    let finding = runner.filter(|_| !narrow).map(|name| Finding {
        lint: "allows-anything",
        spot: rule.terms.spot,
        message: format!("`{}` runs whatever it is told, and all of it is allowed", neutral::short(name, 40)),
        hint: "leave it to the default (contained, and judged at each exec), or name its words in `args`",
    });
    finding.into_iter().collect()
}

fn of_roots(document: &Document) -> Vec<Finding> {
    const WIDE: [&str; 9] = ["/", "~", "/home", "/root", "/etc", "/usr", "/var", "$HOME", "/tmp"];
    let wide = |path: &str| WIDE.contains(&path.trim_end_matches('/')) || path == "/";
    let written = document.roots.write.iter().filter(|path| wide(path));
    let read = document.roots.read.iter().filter(|path| ["/", "~", "$HOME", "/home", "/root"].contains(&&***path));
    let finding = |path: &str, what: &str| Finding {
        lint: "wide-root",
        spot: Spot::default(),
        message: format!("`{}` may be {what}, with all that lies beneath", neutral::short(path, 80)),
        hint: "name the folders that are needed",
    };
    written.map(|path| finding(path, "written")).chain(read.map(|path| finding(path, "read"))).collect()
}

fn of_network(document: &Document) -> Vec<Finding> {
    let open = document.nets.iter().filter(|rule| rule.terms.effect == Effect::Allow);
    let all = open.filter(|rule| rule.names.iter().any(|name| ["*", "0.0.0.0/0", "::/0"].contains(&&**name)));
    let finding = all.map(|rule| Finding {
        lint: "every-name",
        spot: rule.terms.spot,
        message: "every name may be connected to: data can leave to anybody".to_owned(),
        hint: "name the hosts; what else is needed is asked about",
    });
    finding.collect()
}

fn of_environment(document: &Document) -> Vec<Finding> {
    let secret = |name: &str| {
        let upper = name.to_ascii_uppercase();
        name == "*" || ["TOKEN", "SECRET", "PASSWORD", "_KEY", "CREDENTIAL"].iter().any(|part| upper.contains(part))
    };
    // a harness needs its own key: profiles of clients say so in their names
    let passed = document.environment.pass.iter().filter(|name| document.starters.is_empty() && secret(name));
    let finding = passed.map(|name| Finding {
        lint: "passes-secret",
        spot: Spot::default(),
        message: format!("`{}` passes a secret to every command", neutral::short(name, 60)),
        hint: "whatever runs inside can read it, and send it where a name is granted",
    });
    finding.collect()
}

/// Rules that say what another one says: of this file, or of the default profile.
fn twice(document: &Document) -> Vec<Finding> {
    let default = shipped::lookup("commands");
    let shipped = default.as_ref().map(|document| &*document.commands).unwrap_or_default();
    let same = |a: &CommandRule, b: &CommandRule| {
        a.terms.effect <= b.terms.effect
            && a.program.iter().all(|name| b.program.contains(name))
            && !a.program.is_empty()
            && (&a.args, &a.subcommand, &a.flags, &a.without, &a.executable, &a.sha256)
                == (&b.args, &b.subcommand, &b.flags, &b.without, &b.executable, &b.sha256)
    };
    let mut found = Vec::new();
    for (at, rule) in document.commands.iter().enumerate().filter(|(_, rule)| rule.terms.effect != Effect::Allow) {
        let before = document.commands.iter().take(at).find(|other| same(rule, other));
        let by = before.map(|other| format!("line {}", other.terms.spot.line));
        let by = by.or_else(|| {
            shipped
                .iter()
                .find(|other| same(rule, other))
                .map(|other| format!("profile:commands, line {}", other.terms.spot.line))
        });
        found.extend(by.map(|by| Finding {
            lint: "said-already",
            spot: rule.terms.spot,
            message: format!("the rule adds nothing to {by}"),
            hint: "take it out, or make it stricter",
        }));
    }
    found
}
