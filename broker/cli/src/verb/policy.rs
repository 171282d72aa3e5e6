//! `tollgate policy`: check files, run their examples, explain a verdict, print the schema.

use std::path::{Path, PathBuf};

use serde_json::json;
use tollgate_policy::profile::{Fault, Faults};
use tollgate_policy::{Document, Layer, Policy};

use crate::args::{Json, PolicyVerb};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::layers::{self, source};
use crate::place::{Ground, places, shown};
use crate::{shipped, ui};

pub(crate) mod change;
mod explain;
mod import;
mod lines;
mod lint;
pub(crate) mod replay;
mod suggest;
mod trust;

/// Does what was asked.
pub(crate) fn policy(verb: PolicyVerb) -> Outcome {
    match verb {
        PolicyVerb::Check { shell_lines: Some(lines), policy, json, .. } => lines::judge(&lines, &policy, json),
        PolicyVerb::Check { files, json, .. } => check(files, json),
        PolicyVerb::Test { files, json } => test(&files, json),
        PolicyVerb::Explain(args) => explain::explain(&args),
        PolicyVerb::Lint { files, json } => lint::lint(files, json),
        PolicyVerb::Trust(args) => trust::trust(&args),
        PolicyVerb::Import(args) => import::import(&args),
        PolicyVerb::Replay(args) => replay::replay(&args),
        PolicyVerb::Suggest(args) => suggest::suggest(&args),
        PolicyVerb::Schema => ui::json(&tollgate_policy::profile::schema()),
    }
}

/// A file, and what is wrong with it.
struct Checked {
    file: String,
    text: String,
    outcome: Result<Document, Faults>,
}

fn check(files: Vec<PathBuf>, json: Json) -> Outcome {
    let files = if files.is_empty() { used_here()? } else { files };
    if files.is_empty() && !json.json {
        ui::note("no policy files here; `tollgate init` writes one");
    }
    let checked = files.iter().map(|file| check_one(file)).collect::<Result<Vec<_>, _>>()?;
    tell(&checked, json, |document| format!("{} rules", rules(document)))
}

fn test(files: &[PathBuf], json: Json) -> Outcome {
    let shipped = shipped::ALL.iter().map(|shipped| {
        let file = format!("profile:{}", shipped.name);
        let outcome = tollgate_policy::parse(&file, shipped.text);
        Ok(Checked { file, text: shipped.text.to_owned(), outcome })
    });
    let checked = shipped.chain(files.iter().map(|file| check_one(file))).collect::<Result<Vec<_>, _>>()?;
    tell(&checked, json, |document| format!("{} examples of {} rules hold", examples(document), rules(document)))
}

fn used_here() -> Result<Vec<PathBuf>, Failure> {
    let here =
        std::env::current_dir().map_err(|e| Failure::new(Exit::Failed, "the working directory is gone").because(&e))?;
    Ok(layers::files(&here))
}

/// The file by itself, and then as a person's policy on top of what is built in: that it extends what exists.
fn check_one(path: &Path) -> Result<Checked, Failure> {
    let text = layers::read(path).map_err(|unread| unread.failure(path))?;
    let file = shown(path);
    let outcome = tollgate_policy::parse(&file, &text).and_then(|document| fits(&document).map(|()| document));
    Ok(Checked { file, text, outcome })
}

fn fits(document: &Document) -> Result<(), Faults> {
    // Where it would stand changes nothing of whether it holds together.
    let Some(place) = places().ok().and_then(|places| {
        let ground = Ground::anywhere(&places).ok()?;
        ground.place(Path::new("/tmp")).ok()
    }) else {
        return Ok(());
    };
    let base = shipped::lookup("base").map(|base| (Layer::BuiltIn, base));
    let layers = base.into_iter().chain([(Layer::Person, document.clone())]).collect();
    Policy::assemble(layers, &shipped::lookup, &place).map(drop)
}

fn tell(checked: &[Checked], json: Json, praise: impl Fn(&Document) -> String) -> Outcome {
    let exit = if checked.iter().all(|checked| checked.outcome.is_ok()) { Exit::Done } else { Exit::Policy };
    if json.json {
        let files: Vec<_> = checked.iter().map(as_json).collect();
        ui::json(&json!({"ok": exit == Exit::Done, "files": files}))?;
        return Ok(exit);
    }
    for Checked { file, text, outcome } in checked {
        match outcome {
            Ok(document) => {
                ui::data(format!("{file}: ok, {}\n", praise(document)))?;
            }
            Err(faults) => {
                let texts = [(file.clone(), text.clone())];
                ui::aside(ui::faults(faults, &|name| source(name, &texts)).trim_end());
            }
        }
    }
    Ok(exit)
}

fn as_json(checked: &Checked) -> serde_json::Value {
    let faults = checked.outcome.as_ref().err().map_or(&[][..], |faults| faults.0.as_slice());
    let fault = |fault: &Fault| {
        json!({
            "file": fault.file, "line": fault.spot.line, "column": fault.spot.column,
            "message": fault.message, "text": fault.text, "hint": fault.hint,
        })
    };
    let document = checked.outcome.as_ref().ok();
    json!({
        "file": checked.file,
        "ok": checked.outcome.is_ok(),
        "rules": document.map(rules),
        "examples": document.map(examples),
        "faults": faults.iter().map(fault).collect::<Vec<_>>(),
    })
}

fn terms(document: &Document) -> impl Iterator<Item = &tollgate_policy::profile::document::Terms> {
    let commands = document.commands.iter().map(|rule| &rule.terms);
    let paths = document.paths.iter().map(|rule| &rule.terms);
    let nets = document.nets.iter().map(|rule| &rule.terms);
    let sockets = document.sockets.iter().map(|rule| &rule.terms);
    let tools = document.tools.iter().map(|rule| &rule.terms);
    commands.chain(paths).chain(nets).chain(sockets).chain(tools)
}

fn rules(document: &Document) -> usize {
    terms(document).count()
}

fn examples(document: &Document) -> usize {
    terms(document).map(|terms| terms.matches.len() + terms.spares.len()).sum()
}
