//! The examples that rules carry, tried on the document that they stand in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::document::{CommandRule, Document, Example, List, Spot, Terms};
use super::rules::abstract_name;
use crate::action::{Access, Action, Connect, Exec, Form, Image, PathAccess, Target, Tool};
use crate::hear::{Opens, Voice};
use crate::host;
use crate::layer::Layer;
use crate::path::AbsPath;
use crate::pattern::{Head, resolve, split};
use crate::place::Place;
use crate::policy::Policy;
use crate::raw::Raw;
use crate::verdict::Effect;

/// What an example is there to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// The rule matches it.
    Matches,
    /// The rule does not.
    Spares,
}

/// One example, tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// The file.
    pub file: String,
    /// Where the example stands.
    pub spot: Spot,
    /// The line of its rule.
    pub rule: u32,
    /// As written.
    pub text: String,
    /// What it is there to show.
    pub wanted: Wanted,
    /// What is wrong; none if it holds.
    pub fault: Option<String>,
}

/// Tries all examples of a document, each alone: what it extends has no say.
#[must_use]
pub fn test(document: &Document) -> Vec<Tried> {
    let place = place(document);
    let alone = Document { extends: List::default(), ..document.clone() };
    // A built-in document without `extends` asks for nothing that may be missing.
    let Ok(policy) = Policy::assemble(vec![(Layer::BuiltIn, alone)], &|_| None, &place) else {
        return Vec::new();
    };
    let bench = Bench { document, policy, place };
    let mut tried = Vec::new();
    for rule in document.commands.iter() {
        bench.rule(&rule.terms, &mut tried, |text| bench.command(rule, text).map(|action| vec![action]));
    }
    for rule in document.paths.iter() {
        bench.rule(&rule.terms, &mut tried, |text| bench.path(&rule.access, text));
    }
    for rule in document.nets.iter() {
        let usual = rule.ports.first().copied().unwrap_or(443);
        bench.rule(&rule.terms, &mut tried, |text| connect(text, usual).map(|action| vec![action]));
    }
    for rule in document.sockets.iter() {
        bench.rule(&rule.terms, &mut tried, |text| bench.socket(text).map(|action| vec![action]));
    }
    for rule in document.tools.iter() {
        bench.rule(&rule.terms, &mut tried, |text| tool(text).map(|action| vec![action]));
    }
    // A table with both `protect` and `hide` is two rules with the same examples: one that either matches, matches.
    tried.sort_by_key(|tried| (tried.spot, tried.fault.is_some()));
    let spares_first = |t: &Tried| t.wanted == Wanted::Spares && t.fault.is_some();
    tried.dedup_by(|later, kept| {
        let same = later.spot == kept.spot;
        if same && spares_first(later) {
            kept.fault.clone_from(&later.fault);
        }
        same
    });
    tried
}

/// A place for examples: everything where it usually is, every variable that the document names set.
fn place(document: &Document) -> Place {
    let path = |text: &str| AbsPath::new(text).unwrap_or_else(|_| AbsPath::root());
    let roots = &document.roots;
    let envelope = &document.envelope;
    let bounds = [&envelope.read, &envelope.exec, &envelope.write, &envelope.device, &envelope.unix];
    let texts = [&roots.read, &roots.exec, &roots.write, &roots.device, &document.network.unix]
        .into_iter()
        .chain(bounds.into_iter().flatten())
        .flat_map(|list| list.iter())
        .chain(document.commands.iter().filter_map(|rule| rule.executable.as_ref()))
        .chain(document.paths.iter().flat_map(|rule| rule.paths.iter()))
        .chain(document.sockets.iter().flat_map(|rule| rule.sockets.iter()));
    let variables = texts.filter_map(|text| match split(text) {
        Ok((Head::Variable(name), _)) => Some((name.to_owned(), Raw::from(format!("/variable/{name}")))),
        _ => None,
    });
    Place {
        home: path("/home/user"),
        workspace: path("/home/user/work/project"),
        temp: path("/tmp/tollgate-run"),
        state: path("/home/user/.local/state/tollgate"),
        variables: variables.collect::<BTreeMap<_, _>>(),
    }
}

struct Bench<'d> {
    document: &'d Document,
    policy: Policy,
    place: Place,
}

impl Bench<'_> {
    /// Tries the examples of one rule; `read` makes actions of an example's text.
    fn rule(&self, terms: &Terms, tried: &mut Vec<Tried>, read: impl Fn(&str) -> Result<Vec<Action>, String>) {
        let matches = terms.matches.iter().map(|example| (Wanted::Matches, example));
        for (wanted, example) in matches.chain(terms.spares.iter().map(|example| (Wanted::Spares, example))) {
            let fault = match read(&example.text) {
                Err(message) => Some(format!("`{}` {message}", super::errors::shown(&example.text))),
                Ok(actions) => self.fault(terms, wanted, (example, &actions)),
            };
            tried.push(Tried {
                file: self.document.source.to_string(),
                spot: example.spot,
                rule: terms.spot.line,
                text: example.text.to_string(),
                wanted,
                fault,
            });
        }
    }

    fn fault(&self, terms: &Terms, wanted: Wanted, (example, actions): (&Example, &[Action])) -> Option<String> {
        let mut ours = false;
        let mut lines = Vec::new();
        for action in actions {
            for voice in self.policy.hear(action).voices.iter().filter(|voice| counts(voice)) {
                ours |= (voice.line, voice.column) == (terms.spot.line, terms.spot.column);
                lines.push(voice.line);
            }
        }
        let text = super::errors::shown(&example.text);
        match (wanted, ours) {
            (Wanted::Matches, true) | (Wanted::Spares, false) => None,
            (Wanted::Spares, true) => Some(format!("`{text}` is to be spared, but this rule matches it")),
            (Wanted::Matches, false) => {
                lines.sort_unstable();
                lines.dedup();
                let lines: Vec<String> = lines.iter().map(u32::to_string).collect();
                Some(match lines.as_slice() {
                    [] => format!("`{text}` is to match, but no rule of this file does"),
                    [line] => format!("`{text}` is to match this rule, but it matches the one in line {line}"),
                    lines => {
                        format!("`{text}` is to match this rule, but it matches those in lines {}", lines.join(", "))
                    }
                })
            }
        }
    }

    fn command(&self, rule: &CommandRule, text: &str) -> Result<Action, String> {
        let words = shlex::split(text).ok_or("is no command line: a quote is open")?;
        let first = words.first().ok_or("is an empty command line")?;
        let literal = rule.executable.as_ref().and_then(|text| resolve(text, &self.place));
        let given = match split(first) {
            Ok((head, _)) if head != Head::Anywhere => resolve(first, &self.place),
            _ if first.contains('/') => self.place.workspace.join(first).ok(),
            _ => literal.filter(|path| crate::seen::bytes_of_name(path) == Some(first.as_bytes())),
        };
        let executable = given.or_else(|| AbsPath::new(format!("/usr/bin/{first}")).ok());
        let image = Image {
            executable,
            form: Form::Native,
            writable: false,
            sha256: rule.sha256.as_deref().map(str::to_owned),
        };
        let given = Raw::from(first.as_str());
        let argv = words.into_iter().map(Raw::from).collect();
        Ok(Action::Exec(Exec { given, image, argv, cwd: self.place.workspace.clone() }))
    }

    fn path(&self, access: &[Access], text: &str) -> Result<Vec<Action>, String> {
        let path = resolve(text, &self.place).ok_or("is no absolute path")?;
        let actions = access.iter().map(|access| PathAccess { path: path.clone(), access: *access });
        Ok(actions.map(Action::Path).collect())
    }

    fn socket(&self, text: &str) -> Result<Action, String> {
        let target = match abstract_name(text) {
            Some(name) => Target::Abstract(Raw::from(name)),
            None => Target::Unix(resolve(text, &self.place).ok_or("is no absolute path")?),
        };
        Ok(Action::Connect(Connect { target, port: 0 }))
    }
}

/// A floor counts however it matches, a grant only where it would grant.
fn counts(voice: &Voice<'_>) -> bool {
    voice.line > 0 && (voice.effect > Effect::Allow || matches!(voice.opens, Opens::Yes | Opens::Envelope))
}

fn connect(text: &str, usual: u16) -> Result<Action, String> {
    let whole = host::normal(text);
    let (target, port) = match text.rsplit_once(':').filter(|_| whole.is_err()) {
        None => (whole, usual),
        Some((name, port)) => (host::normal(name), port.parse().map_err(|_| "has no port behind its `:`")?),
    };
    let target = target.map_err(|fault| format!("is no host and port: {fault}"))?;
    Ok(Action::Connect(Connect { target, port }))
}

fn tool(text: &str) -> Result<Action, String> {
    let (server, tool) = text.split_once('/').ok_or("is no tool: write `server/tool`")?;
    Ok(Action::Tool(Tool { server: server.to_owned(), tool: tool.to_owned() }))
}
