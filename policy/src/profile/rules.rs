//! The tables of which a file has many: rules, lines of the risk table, lines of the system-call filter.

use super::document::{
    Alternatives, CallLine, CommandRule, Document, Example, List, NetRule, PathRule, ProgramLine, RiskLine, Runs,
    Terms, Text, ToolRule, UnixRule, Words,
};
use super::reader::{self, Reader, Section};
use super::sections::{class, ports, program_fault, reference};
use super::words;
use crate::action::Access;
use crate::boundary::{ArgTest, CallFate};
use crate::host::HostPattern;
use crate::pattern;
use crate::risk::Case;
use crate::verdict::Effect;

/// Reads all of them into the document.
pub(super) fn read(reader: &mut Reader<'_>, top: Section<'_>, document: &mut Document) {
    for section in reader.tables(top, "command", words::COMMAND) {
        document.commands.to_mut().extend(command(reader, section));
    }
    for section in reader.tables(top, "path", words::PATH) {
        document.paths.to_mut().extend(path(reader, section));
    }
    for section in reader.tables(top, "net", words::NET) {
        document.nets.to_mut().extend(net(reader, section));
    }
    for section in reader.tables(top, "unix", words::UNIX) {
        document.sockets.to_mut().extend(unix(reader, section));
    }
    for section in reader.tables(top, "tool", words::TOOL) {
        document.tools.to_mut().extend(tool(reader, section));
    }
    let risks = reader.tables(top, "risk", words::RISK);
    for section in &risks {
        document.risks.to_mut().extend(risk(reader, *section));
    }
    let places: Vec<usize> = risks.iter().map(|section| section.at).collect();
    check_risks(reader, &places, document);
    for section in reader.tables(top, "call", words::CALL) {
        document.calls.to_mut().extend(call(reader, section));
    }
    for section in reader.tables(top, "program", words::PROGRAM) {
        document.programs.to_mut().push(program(reader, section));
    }
}

/// What every rule has, with its effect.
fn terms(reader: &mut Reader<'_>, section: Section<'_>, effect: Option<Effect>) -> Option<Terms> {
    let because = because(reader, section);
    let class = class(reader, section);
    let matches = examples(reader, section, "matches");
    let spares = examples(reader, section, "spares");
    if effect.is_some_and(|effect| effect > Effect::Allow) && !section.table.contains_key("matches") {
        let hint = "give at least one line that this rule stops: `matches = [\"…\"]`".to_owned();
        reader.hinted(section.at, format!("{} has no `matches`", section.title), Some(hint));
    } else if matches.is_empty() && section.table.contains_key("matches") {
        reader.fault(section.at, format!("{} has an empty `matches`", section.title));
    }
    Some(Terms { effect: effect?, because: because?, class, spot: reader.spot(section.at), matches, spares })
}

fn effect(reader: &mut Reader<'_>, section: Section<'_>) -> Option<Effect> {
    if !section.table.contains_key("effect") {
        reader.fault(section.at, format!("{} has no `effect`: allow, review, ask or deny", section.title));
    }
    reader.choice(section, "effect", words::EFFECTS)
}

fn because(reader: &mut Reader<'_>, section: Section<'_>) -> Option<Text> {
    let found = reader.required(section, "because", "a rule says why it is there")?;
    if found.text.trim().is_empty() {
        reader.fault(found.span.start, "`because` is empty");
    }
    Some(found.text.to_owned().into())
}

fn examples(reader: &mut Reader<'_>, section: Section<'_>, key: &str) -> List<Example> {
    let texts = reader.texts(section, key);
    texts.iter().map(|t| Example { text: t.text.to_owned().into(), spot: reader.spot(t.span.start) }).collect()
}

/// A list that may be absent but not empty.
fn filled(reader: &mut Reader<'_>, section: Section<'_>, key: &str) {
    let value = section.table.get(key);
    if let Some(value) = value.filter(|v| v.get_ref().as_array().is_some_and(|list| list.is_empty())) {
        reader.fault(value.span().start, format!("`{key}` is empty"));
    }
}

/// A list that must be there and not be empty.
fn needed(reader: &mut Reader<'_>, section: Section<'_>, key: &str) {
    if !section.table.contains_key(key) {
        reader.fault(section.at, format!("{} has no `{key}`", section.title));
    }
    filled(reader, section, key);
}

fn command(reader: &mut Reader<'_>, section: Section<'_>) -> Option<CommandRule> {
    for key in ["program", "args", "subcommand", "global", "flags", "without"] {
        filled(reader, section, key);
    }
    let effect = effect(reader, section);
    let terms = terms(reader, section, effect);
    let executable = reader.text(section, "executable");
    if let Some(message) = executable.as_ref().and_then(|glob| pattern::fault(glob.text)) {
        reader.fault(executable.as_ref().map_or(0, |glob| glob.span.start), message);
    }
    if executable.is_none() && !section.table.contains_key("program") {
        reader.fault(section.at, "[[command]] has neither `program` nor `executable`");
    }
    let flag_fault = |word: &str| (word == "--").then(|| "`--` ends the options, it is none".to_owned());
    let profile = reader.text(section, "profile");
    Some(CommandRule {
        program: reader.checked(section, "program", program_fault),
        executable: executable.map(|glob| glob.text.to_owned().into()),
        args: words_of(reader, section, "args"),
        subcommand: words_of(reader, section, "subcommand"),
        global: reader.checked(section, "global", flag_fault),
        flags: reader.checked(section, "flags", flag_fault),
        without: reader.checked(section, "without", flag_fault),
        sha256: sha256(reader, section),
        profile: profile.and_then(|name| reference(reader, &name)),
        terms: terms?,
    })
}

/// Words and lists of alternatives.
fn words_of(reader: &mut Reader<'_>, section: Section<'_>, key: &str) -> List<Alternatives> {
    let mut words = Vec::new();
    for item in reader.list(section, key).into_iter().flat_map(|list| list.iter()) {
        let at = item.span().start;
        let value = item.get_ref();
        let alternatives: Option<Vec<&str>> = match value.as_array() {
            Some(list) => list.iter().map(|item| item.get_ref().as_str()).collect(),
            None => value.as_str().map(|word| vec![word]),
        };
        match alternatives {
            None => reader.fault(at, format!("`{key}` holds strings, and lists of strings as alternatives")),
            Some(list) if list.is_empty() => {
                reader.fault(at, format!("`{key}` holds a list without alternatives"));
            }
            Some(list) if list.iter().any(|word| word.contains('\0')) => {
                reader.fault(at, format!("`{key}` holds a NUL byte"));
            }
            Some(list) => words.push(list.into_iter().map(|word| word.to_owned().into()).collect()),
        }
    }
    words.into()
}

fn sha256(reader: &mut Reader<'_>, section: Section<'_>) -> Option<Text> {
    let found = reader.text(section, "sha256")?;
    let plain = found.text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !plain || found.text.len() != 64 {
        reader.fault(found.span.start, "`sha256` is 64 hexadecimal digits in lower case");
    }
    Some(found.text.to_owned().into())
}

/// One table, one or two rules: `protect` and `hide` may stand together.
fn path(reader: &mut Reader<'_>, section: Section<'_>) -> Vec<PathRule> {
    for key in ["access", "paths", "protect", "hide"] {
        filled(reader, section, key);
    }
    let there = |key| section.table.contains_key(key);
    let held = there("protect") || there("hide");
    let effect = if held { Some(Effect::Deny) } else { effect(reader, section) };
    for key in ["effect", "access", "paths"] {
        match (held, there(key)) {
            (true, true) => reader.fault(section.at, format!("`{key}` can't stand beside `protect` or `hide`")),
            (false, false) if key != "effect" => {
                reader.fault(section.at, format!("[[path]] has no `{key}`, nor `protect` or `hide`"));
            }
            _ => {}
        }
    }
    let access = reader.choices(section, "access", words::ACCESSES);
    let terms = terms(reader, section, effect);
    let both: List<Access> = vec![Access::Read, Access::Write].into();
    let kinds = [("paths", access), ("protect", vec![Access::Write].into()), ("hide", both)];
    let mut rules = Vec::new();
    for (key, access) in kinds {
        let paths = reader.checked(section, key, pattern::fault);
        if let Some(terms) = terms.clone().filter(|_| !paths.is_empty()) {
            rules.push(PathRule { terms, access, paths });
        }
    }
    rules
}

fn net(reader: &mut Reader<'_>, section: Section<'_>) -> Option<NetRule> {
    needed(reader, section, "names");
    filled(reader, section, "ports");
    let effect = effect(reader, section);
    let terms = terms(reader, section, effect);
    let names = reader.checked(section, "names", |name| HostPattern::new(name).err());
    // A grant opens one port unless it says otherwise; a floor that names no port holds for all.
    let usual = if effect == Some(Effect::Allow) { vec![443] } else { Vec::new() };
    let ports = ports(reader, section).unwrap_or_else(|| usual.into());
    Some(NetRule { names, ports, terms: terms? })
}

fn unix(reader: &mut Reader<'_>, section: Section<'_>) -> Option<UnixRule> {
    needed(reader, section, "sockets");
    let effect = effect(reader, section);
    let terms = terms(reader, section, effect);
    let sockets = reader.checked(section, "sockets", |text| match abstract_name(text) {
        Some(name) => name.is_empty().then(|| "an abstract socket has a name behind the `@`".to_owned()),
        None => pattern::fault(text),
    });
    Some(UnixRule { sockets, terms: terms? })
}

/// The name of an abstract socket; none for a path, be it with a short form.
pub(crate) fn abstract_name(text: &str) -> Option<&str> {
    let first = text.split('/').next().unwrap_or(text);
    text.strip_prefix('@').filter(|_| !pattern::SHORT.contains(&first))
}

fn tool(reader: &mut Reader<'_>, section: Section<'_>) -> Option<ToolRule> {
    let effect = effect(reader, section);
    let terms = terms(reader, section, effect);
    let server = reader.required(section, "server", "`*` is any");
    let tool = reader.required(section, "tool", "`*` is any");
    Some(ToolRule { server: server?.text.to_owned().into(), tool: tool?.text.to_owned().into(), terms: terms? })
}

fn risk(reader: &mut Reader<'_>, section: Section<'_>) -> Option<RiskLine> {
    let because = because(reader, section);
    reader.required(section, "then", "allow, ask or deny");
    let then = reader.choice(section, "then", words::CLOSED);
    let (class, reversible) = (class(reader, section), reader.flag(section, "reversible"));
    let risk = reader.choice(section, "risk", words::RISKS);
    let authorised = reader.choice(section, "authorised", words::AUTHORISED);
    let matches = reader.checked(section, "matches", |text| {
        Case::read(text).is_none().then(|| format!("`{text}` is not `CLASS RISK yes|no|partly AUTHORISED`"))
    });
    let spot = reader.spot(section.at);
    Some(RiskLine { class, risk, reversible, authorised, then: then?, because: because?, matches, spot })
}

/// Each example of the table is decided by the line that carries it.
fn check_risks(reader: &mut Reader<'_>, at: &[usize], document: &Document) {
    for (number, line) in document.risks.iter().enumerate() {
        for text in line.matches.iter() {
            let Some(case) = Case::read(text) else { continue };
            let first = document.risks.iter().position(|line| case.fits(line));
            if first != Some(number) {
                let place = at.get(number).copied().unwrap_or_default();
                reader.fault(place, format!("the line does not decide its example `{text}`"));
            }
        }
    }
}

fn call(reader: &mut Reader<'_>, section: Section<'_>) -> Option<CallLine> {
    needed(reader, section, "names");
    let because = because(reader, section);
    reader.required(section, "then", "allow, errno, refuse, judge or kill");
    let then = reader.choice(section, "then", words::FATES);
    let name_fault = |name: &str| {
        let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        (!plain).then(|| format!("`{name}` is no system call's name"))
    };
    let errno = reader.text(section, "errno");
    if let Some(reader::Text { text, span }) = &errno {
        let plain = text.starts_with('E') && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !plain {
            reader.fault(span.start, format!("`{text}` is no errno's name"));
        }
        if then.is_some_and(|then| !matches!(then, CallFate::Errno | CallFate::Refuse)) {
            reader.fault(span.start, "`errno` is only for `then = \"errno\"` or `\"refuse\"`");
        }
    }
    Some(CallLine {
        names: reader.checked(section, "names", name_fault),
        errno: errno.map(|errno| errno.text.to_owned().into()),
        when: reader.tables(section, "when", words::WHEN).into_iter().filter_map(|s| when(reader, s)).collect(),
        because: because?,
        then: then?,
        spot: reader.spot(section.at),
    })
}

fn program(reader: &mut Reader<'_>, section: Section<'_>) -> ProgramLine {
    needed(reader, section, "names");
    let runs = reader.choice(section, "runs", words::RUNS);
    let kind = reader.choice(section, "words", words::WORDS);
    let skip = reader.number(section, "skip").map_or(0, |(skip, _)| u8::try_from(skip).unwrap_or(u8::MAX));
    let [assignments, adds, fetches] =
        ["assignments", "adds", "fetches"].map(|key| reader.flag(section, key).unwrap_or(false));
    let [values, text, code, commands, unless] =
        ["values", "text", "code", "commands", "unless"].map(|key| reader.checked(section, key, |_| None));
    ProgramLine {
        names: reader.checked(section, "names", program_fault),
        runs: runs.unwrap_or(Runs::Nothing),
        words: kind.unwrap_or(Words::Reads),
        skip,
        assignments,
        adds,
        fetches,
        values,
        text,
        code,
        commands,
        unless,
        spot: reader.spot(section.at),
    }
}

fn when(reader: &mut Reader<'_>, section: Section<'_>) -> Option<ArgTest> {
    for key in ["arg", "equal"] {
        if !section.table.contains_key(key) {
            reader.fault(section.at, format!("{} has no `{key}`", section.title));
        }
    }
    let arg = reader.number(section, "arg");
    if let Some((number, at)) = arg.filter(|(number, _)| *number > 5) {
        reader.fault(at, format!("a system call has arguments 0 to 5, none {number}"));
    }
    let mask = reader.number(section, "mask").map_or(0xffff_ffff, |(mask, _)| mask);
    let equal = reader.number(section, "equal");
    if let Some((number, at)) = equal.filter(|(number, _)| number & !mask != 0) {
        reader.fault(at, format!("`equal` is {number:#x}, which has bits that the mask {mask:#x} takes away"));
    }
    let not = reader.flag(section, "not").unwrap_or(false);
    Some(ArgTest { arg: u8::try_from(arg?.0).ok()?, mask, equal: equal?.0, not })
}
