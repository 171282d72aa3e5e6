//! The tables of which a file has one each: defaults, roots, network, environment, limits, kernel, approvals,
//! envelope.

use std::collections::{BTreeMap, BTreeSet};

use super::document::Text;
use super::document::{
    Approvals, Defaults, Document, Envelope, EnvironmentTerms, List, NetworkGrant, Reference, Reviewer, Roots,
};
use super::errors::nearest;
use super::reader::{self, Reader, Section};
use super::words;
use crate::amount::Amount;
use crate::host::HostPattern;
use crate::pattern;

/// Reads all of them into the document.
pub(super) fn read(reader: &mut Reader<'_>, top: Section<'_>, document: &mut Document) {
    head(reader, top, document);
    let part = |reader: &mut Reader<'_>, key: &str, shape: words::Shape| {
        top.table.get(key).and_then(|value| reader.section(shape.0, value, shape.1))
    };
    if let Some(section) = part(reader, "defaults", words::DEFAULTS) {
        document.defaults = defaults(reader, section);
    }
    if let Some(section) = part(reader, "roots", words::ROOTS) {
        let mut roots = |key| reader.checked(section, key, pattern::path_fault);
        document.roots =
            Roots { read: roots("read"), exec: roots("exec"), write: roots("write"), device: roots("device") };
    }
    if let Some(section) = part(reader, "network", words::NETWORK) {
        document.network = network(reader, section);
    }
    if let Some(section) = part(reader, "environment", words::ENVIRONMENT) {
        document.environment = environment(reader, section);
    }
    if let Some(section) = part(reader, "limits", ("[limits]", words::LIMITS)) {
        limits(reader, section, document);
    }
    if let Some(section) = part(reader, "kernel", words::KERNEL) {
        document.namespaces = reader.choices(section, "namespaces", words::NAMESPACES);
        document.require = reader.choices(section, "require", words::FEATURES);
    }
    if let Some(section) = part(reader, "approvals", words::APPROVALS) {
        document.approvals = approvals(reader, section);
    }
    if let Some(section) = part(reader, "reviewer", words::REVIEWER) {
        document.reviewer = Some(reviewer(reader, section));
    }
    if let Some(section) = part(reader, "envelope", words::ENVELOPE) {
        document.envelope = envelope(reader, section);
    }
}

/// What the kernel holds for a process is a number on every machine; what a whole run may have can be a share.
fn limits(reader: &mut Reader<'_>, section: Section<'_>, document: &mut Document) {
    for key in words::LIMITS {
        let Some((value, amount)) = section.table.get(*key).zip(amount(reader, section, key)) else { continue };
        let fault = match (words::BUDGET.contains(key), amount.plain()) {
            (true, _) if *key == "processes" && amount.is_share() => "`processes` takes a number, or so many `per cpu`",
            (true, _) => {
                document.budget.to_mut().push(((*key).into(), amount.to_string().into()));
                continue;
            }
            (false, Some(number)) => {
                document.limits.to_mut().push(((*key).into(), number));
                continue;
            }
            (false, None) => "it is held for each process, and takes a number",
        };
        reader.fault(value.span().start, format!("`{key}`: {fault}"));
    }
    document.limits.to_mut().sort_unstable();
    document.budget.to_mut().sort_unstable();
}

fn amount(reader: &mut Reader<'_>, section: Section<'_>, key: &str) -> Option<Amount> {
    let value = section.table.get(key)?;
    let Some(text) = value.get_ref().as_str() else {
        return reader.integer(key, value).map(Amount::exactly);
    };
    Amount::new(text).map_err(|why| reader.fault(value.span().start, format!("`{key}`: {why}"))).ok()
}

fn head(reader: &mut Reader<'_>, top: Section<'_>, document: &mut Document) {
    match reader.number(top, "version") {
        Some((1, _)) => {}
        Some((other, at)) => reader.fault(at, format!("version {other} of the language is not known, only 1 is")),
        None if top.table.contains_key("version") => {}
        None => reader.hinted(0, "the file has no `version`", Some("start it with `version = 1`".to_owned())),
    }
    if let Some(name) = reader.text(top, "name") {
        let stem = stem(&document.source);
        if let Some(message) = name_fault(name.text) {
            reader.fault(name.span.start, message);
        } else if stem != name.text {
            let message = format!("profile `{}` is in a file called `{stem}`: they must agree", name.text);
            reader.fault(name.span.start, message);
        }
        document.name = Some(name.text.to_owned().into());
    }
    document.about = reader.text(top, "about").map(|about| about.text.to_owned().into()).unwrap_or_default();
    document.extends = references(reader, top, "extends");
    document.starters = reader.checked(top, "starters", program_fault);
    if document.name.is_none() {
        for key in ["about", "risk", "call", "program"] {
            if let Some((key, _)) = top.table.get_key_value(key) {
                let message = format!("only a profile may have `{}`, and a profile has a `name`", key.get_ref());
                reader.fault(key.span().start, message);
            }
        }
    }
}

/// `base` of `profile:base` and of `profiles/base.toml`.
fn stem(source: &str) -> &str {
    let file = source.rsplit(['/', ':']).next().unwrap_or(source);
    file.strip_suffix(".toml").unwrap_or(file)
}

fn name_fault(name: &str) -> Option<String> {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (!plain).then(|| format!("`{name}` is no profile's name: lower-case letters, digits and `-`"))
}

/// Names of profiles with their places.
pub(super) fn references(reader: &mut Reader<'_>, section: Section<'_>, key: &str) -> List<Reference> {
    let texts = reader.texts(section, key);
    texts.iter().filter_map(|text| reference(reader, text)).collect()
}

/// A profile's name with its place.
pub(super) fn reference(reader: &mut Reader<'_>, found: &reader::Text<'_>) -> Option<Reference> {
    if let Some(message) = name_fault(found.text) {
        reader.fault(found.span.start, message);
        return None;
    }
    Some(Reference { name: found.text.to_owned().into(), spot: reader.spot(found.span.start) })
}

/// What is wrong with a program's name.
pub(super) fn program_fault(name: &str) -> Option<String> {
    name.contains('/').then(|| format!("`{name}` is a path; a program is named, a path goes to `executable`"))
}

fn defaults(reader: &mut Reader<'_>, section: Section<'_>) -> Defaults {
    let mut effect = |key| reader.choice(section, key, words::EFFECTS);
    Defaults {
        exec: effect("exec"),
        path: effect("path"),
        name: effect("name"),
        unix: effect("unix"),
        tool: effect("tool"),
        unnamed: effect("unnamed"),
    }
}

fn network(reader: &mut Reader<'_>, section: Section<'_>) -> NetworkGrant {
    NetworkGrant {
        reach: reader.choice(section, "reach", words::REACHES),
        ports: ports(reader, section).unwrap_or_default(),
        unix: reader.checked(section, "unix", pattern::fault),
    }
}

/// Ports from 1 to 65535; none where the key is absent.
pub(super) fn ports(reader: &mut Reader<'_>, section: Section<'_>) -> Option<List<u16>> {
    let list = reader.list(section, "ports")?;
    let mut ports = BTreeSet::new();
    for item in list {
        let Some(number) = reader.integer("ports", item) else {
            continue;
        };
        match u16::try_from(number) {
            Ok(port) if port > 0 => {
                ports.insert(port);
            }
            _ => reader.fault(item.span().start, format!("{number} is no port: they are 1 to 65535")),
        }
    }
    Some(ports.into_iter().collect())
}

fn environment(reader: &mut Reader<'_>, section: Section<'_>) -> EnvironmentTerms {
    let name_fault = |name: &str| {
        let wild = name.replace('*', "_");
        (!is_variable(&wild)).then(|| format!("`{name}` is no variable's name"))
    };
    let pass = reader.checked(section, "pass", name_fault);
    let drop = reader.checked(section, "drop", name_fault);
    let harmless = reader.checked(section, "harmless", name_fault);
    EnvironmentTerms { pass, drop, set: set(reader, section).into_iter().collect(), harmless }
}

fn is_variable(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn set(reader: &mut Reader<'_>, section: Section<'_>) -> BTreeMap<Text, Text> {
    let mut set = BTreeMap::new();
    let Some(value) = section.table.get("set") else {
        return set;
    };
    let Some(table) = value.get_ref().as_table() else {
        reader.fault(value.span().start, "`set` must be a table: `set = { NAME = \"value\" }`");
        return set;
    };
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        match value.get_ref().as_str() {
            _ if name.is_empty() || !is_variable(name) => {
                reader.fault(key.span().start, format!("`{name}` is no variable's name"));
            }
            Some(text) if !text.contains('\0') => {
                set.insert(name.to_owned().into(), text.to_owned().into());
            }
            _ => reader.fault(value.span().start, format!("`{name}` must be a string without NUL bytes")),
        }
    }
    set
}

fn approvals(reader: &mut Reader<'_>, section: Section<'_>) -> Approvals {
    let deadline = reader.number(section, "deadline");
    if let Some((0, at)) = deadline {
        reader.fault(at, "a `deadline` of 0 seconds refuses every question");
    }
    let canaries = reader.number(section, "canaries");
    if let Some((_, at)) = canaries.filter(|(share, _)| *share > 2) {
        reader.fault(at, "at most 2 of a hundred questions may be `canaries`");
    }
    let open = reader.number(section, "open");
    if let Some((_, at)) = open.filter(|(open, _)| !(1..=1000).contains(open)) {
        reader.fault(at, "`open` is from 1 to 1000");
    }
    Approvals {
        deadline: deadline.map(|(seconds, _)| seconds),
        exact: reader.checked(section, "exact", program_fault),
        two: reader.checked(section, "two", class_fault),
        open: open.map(|(open, _)| open),
        canaries: canaries.map(|(share, _)| share),
    }
}

fn reviewer(reader: &mut Reader<'_>, section: Section<'_>) -> Reviewer {
    let command = reader.checked(section, "command", |_| None);
    let mut text = |key: &str| reader.text(section, key).map(|text| Text::Owned(text.text.to_owned()));
    let (endpoint, model, key) = (text("endpoint"), text("model"), text("key"));
    let dialect = reader.choice(section, "dialect", words::DIALECTS).map(Text::Borrowed);
    let breaker = reader.choice(section, "breaker", words::BREAKERS).map(Text::Borrowed);
    if command.is_empty() == endpoint.is_none() {
        reader.fault(section.at, "a reviewer is a `command` or an `endpoint`, and not both");
    }
    if endpoint.is_some() && (dialect.is_none() || model.is_none()) {
        reader.fault(section.at, "an `endpoint` needs a `dialect` (`openai` or `anthropic`) and a `model`");
    }
    if command.first().is_some_and(|program| !program.starts_with('/')) {
        reader.fault(section.at, "the first word of `command` is an absolute path");
    }
    let deadline = reader.number(section, "deadline");
    if let Some((_, at)) = deadline.filter(|(seconds, _)| !(1..=300).contains(seconds)) {
        reader.fault(at, "a reviewer's `deadline` is from 1 to 300 seconds");
    }
    let mut number = |key: &str| reader.number(section, key).map(|(number, _)| number);
    Reviewer {
        tokens: number("tokens"),
        budget: number("budget"),
        price_in: number("price_in"),
        price_out: number("price_out"),
        rate: number("rate"),
        deadline: deadline.map(|(seconds, _)| seconds),
        command,
        endpoint,
        dialect,
        model,
        key,
        breaker,
        spot: reader.spot(section.at),
    }
}

fn envelope(reader: &mut Reader<'_>, section: Section<'_>) -> Envelope {
    let mut paths = |key: &str| {
        let there = section.table.contains_key(key);
        there.then(|| reader.checked(section, key, pattern::path_fault))
    };
    let (read, exec, write, device) = (paths("read"), paths("exec"), paths("write"), paths("device"));
    let there = |key: &str| section.table.contains_key(key);
    Envelope {
        read,
        exec,
        write,
        device,
        reach: reader.choice(section, "reach", words::REACHES),
        ports: ports(reader, section),
        names: there("names").then(|| reader.checked(section, "names", |name| HostPattern::new(name).err())),
        unix: there("unix").then(|| reader.checked(section, "unix", pattern::fault)),
    }
}

fn class_fault(name: &str) -> Option<String> {
    (!words::CLASSES.contains(&name)).then(|| format!("`{name}` is no class that a shipped rule has"))
}

/// A class: one the house knows, or another word that isn't nearly one.
pub(super) fn class(reader: &mut Reader<'_>, section: Section<'_>) -> Option<Text> {
    let found = reader.text(section, "class")?;
    let plain = found.text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    let near = nearest(found.text, words::CLASSES.iter().copied());
    if !plain {
        reader.fault(found.span.start, "a `class` is a word of lower-case letters and `-`");
    } else if !words::CLASSES.contains(&found.text) && near.is_some() {
        reader.hinted(found.span.start, format!("`class` can't be `{}`", found.text), near);
    }
    Some(found.text.to_owned().into())
}
