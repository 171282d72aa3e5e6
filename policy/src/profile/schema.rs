//! The language's JSON schema, for editors. Described here, read in `sections` and `rules`; a test holds the keys
//! of both together.

#![allow(dead_code, reason = "these types are only described, never made")]

mod reviewer;

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::document::{Runs, Words};
use crate::boundary::{ArgTest, CallFate, Feature, Namespace, Reach};
use crate::verdict::Effect;
use reviewer::Reviewer;

/// The JSON schema of the language, as `profiles/schema.json` holds it.
#[must_use]
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(File).to_value();
    if let Some(map) = schema.as_object_mut() {
        map.insert("title".to_owned(), "Tollgate policy".into());
    }
    without_null(&mut schema);
    schema
}

/// TOML has no null: what may be absent is just not there.
fn without_null(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            for key in ["type", "anyOf"] {
                if let Some(serde_json::Value::Array(kinds)) = map.get_mut(key) {
                    kinds.retain(|kind| kind != "null" && kind.get("type").is_none_or(|kind| kind != "null"));
                }
            }
            if let Some(one) = map.get("type").and_then(|kinds| kinds.as_array()).filter(|kinds| kinds.len() == 1) {
                let one = one.first().cloned().unwrap_or_default();
                map.insert("type".to_owned(), one);
            }
            map.values_mut().for_each(without_null);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(without_null),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
}

/// A policy or profile of Tollgate, version 1.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct File {
    /// The language's version: 1.
    #[schemars(range(min = 1, max = 1))]
    version: u32,
    /// A profile's name, the file's stem. Only profiles have one.
    name: Option<String>,
    /// One line for people.
    about: Option<String>,
    /// Profiles that this one builds on.
    extends: Option<Vec<String>>,
    /// Names of executables that are themselves the agent.
    starters: Option<Vec<String>>,
    /// Effects where nothing speaks.
    defaults: Option<Defaults>,
    /// Paths that may be reached. `~`, `@workspace`, `@temp`, `@state` and `$NAME` may stand in front.
    roots: Option<Roots>,
    /// The network.
    network: Option<Network>,
    /// The environment of a command.
    environment: Option<Environment>,
    /// Limits on what a run and each of its processes may have.
    limits: Option<Limits>,
    /// What is asked of the kernel.
    kernel: Option<Kernel>,
    /// How questions are answered.
    approvals: Option<Approvals>,
    /// Who looks at what the table leaves open, before a person does.
    reviewer: Option<Reviewer>,
    /// What lower layers may grant at most.
    envelope: Option<Envelope>,
    /// Rules on commands.
    command: Option<Vec<Command>>,
    /// Rules on paths.
    path: Option<Vec<Path>>,
    /// Rules on network names and addresses.
    net: Option<Vec<Net>>,
    /// Rules on unix sockets.
    unix: Option<Vec<Unix>>,
    /// Rules on tool calls.
    tool: Option<Vec<Tool>>,
    /// The table behind `review`: the first line that fits decides.
    risk: Option<Vec<Risk>>,
    /// The system-call filter.
    call: Option<Vec<Call>>,
    /// What programs do with their words, for the reader of shell text.
    program: Option<Vec<Program>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Defaults {
    /// Commands.
    exec: Option<Effect>,
    /// Paths outside the roots.
    path: Option<Effect>,
    /// Network names and addresses.
    name: Option<Effect>,
    /// Unix sockets.
    unix: Option<Effect>,
    /// Tool calls.
    tool: Option<Effect>,
    /// Images without a name.
    unnamed: Option<Effect>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Roots {
    /// Read and list.
    read: Option<Vec<String>>,
    /// Read and run.
    exec: Option<Vec<String>>,
    /// Everything, running included.
    write: Option<Vec<String>>,
    /// Read, write, ioctl.
    device: Option<Vec<String>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Network {
    /// How wide.
    reach: Option<Reach>,
    /// TCP ports for `ports`.
    #[schemars(inner(range(min = 1)))]
    ports: Option<Vec<u16>>,
    /// Unix sockets by path; globs.
    unix: Option<Vec<String>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Environment {
    /// Names that pass; `*` is any text.
    pass: Option<Vec<String>>,
    /// Names that never pass.
    drop: Option<Vec<String>>,
    /// Names that may be set for a command without changing what it runs, reads or writes.
    harmless: Option<Vec<String>>,
    /// Values; a leading `~`, `@workspace`, `@temp` or `@state` is resolved.
    set: Option<BTreeMap<String, String>>,
}

/// An amount: a number; or a text such as `"2G"`, `"25%"`, `"256 per cpu, at least 2048"`.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "a schema is made of it, never a value")]
enum Amount {
    Number(u64),
    Text(String),
}

/// What a whole run may have, and `RLIMIT_*` of getrlimit(2) in lower case, which each process may have.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Limits {
    /// Processes and threads of the run at once; a share is of the machine's.
    processes: Option<Amount>,
    /// Bytes of memory of the run; a share is of the machine's.
    memory: Option<Amount>,
    /// Bytes of memory of each process; a share is of the machine's.
    memory_per_process: Option<Amount>,
    /// Bytes by which the run may fill the disks that it writes to; a share is of what was free.
    disk: Option<Amount>,
    r#as: Option<Amount>,
    core: Option<Amount>,
    cpu: Option<Amount>,
    data: Option<Amount>,
    fsize: Option<Amount>,
    locks: Option<Amount>,
    memlock: Option<Amount>,
    msgqueue: Option<Amount>,
    nice: Option<Amount>,
    nofile: Option<Amount>,
    nproc: Option<Amount>,
    rss: Option<Amount>,
    rtprio: Option<Amount>,
    rttime: Option<Amount>,
    sigpending: Option<Amount>,
    stack: Option<Amount>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Kernel {
    /// Used where the kernel grants them.
    namespaces: Option<Vec<Namespace>>,
    /// Nothing starts without these.
    require: Option<Vec<Feature>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Approvals {
    /// Seconds until silence refuses; the lowest of all layers counts.
    #[schemars(range(min = 1))]
    deadline: Option<u64>,
    /// Programs whose commands can only be approved exactly, never by a prefix.
    exact: Option<Vec<String>>,
    /// Classes for which two different people have to agree.
    two: Option<Vec<String>>,
    /// Most open questions of a run; the lowest of all layers counts.
    #[schemars(range(min = 1, max = 1000))]
    open: Option<u64>,
    /// Of a hundred questions, so many are announced tests of attention.
    #[schemars(range(max = 2))]
    canaries: Option<u64>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Envelope {
    /// Roots that may be read.
    read: Option<Vec<String>>,
    /// Roots beneath which programs may be run.
    exec: Option<Vec<String>>,
    /// Roots that may be written.
    write: Option<Vec<String>>,
    /// Devices.
    device: Option<Vec<String>>,
    /// How wide the network may be opened.
    reach: Option<Reach>,
    /// Ports that may be opened.
    #[schemars(inner(range(min = 1)))]
    ports: Option<Vec<u16>>,
    /// Names that may be opened.
    names: Option<Vec<String>>,
    /// Unix sockets that may be opened; globs.
    unix: Option<Vec<String>>,
}

/// A word, or a list of alternatives; `*` is any text, `?` any one byte.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Word {
    /// A word.
    One(String),
    /// Alternatives.
    Any(#[schemars(length(min = 1))] Vec<String>),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Command {
    /// allow is a grant, the others are floors.
    effect: Effect,
    /// Names; `*` is any text.
    #[schemars(length(min = 1))]
    program: Option<Vec<String>>,
    /// Glob on the resolved executable.
    executable: Option<String>,
    /// The first words.
    #[schemars(length(min = 1))]
    args: Option<Vec<Word>>,
    /// The first words behind the program's global options. `**` is any number of words; an entry with a dash is an
    /// option before the next word, in any spelling (`-m pip`, `-mpip`, `-Im pip`).
    #[schemars(length(min = 1))]
    subcommand: Option<Vec<Word>>,
    /// Options that take a value of their own.
    #[schemars(length(min = 1))]
    global: Option<Vec<String>>,
    /// At least one is present.
    #[schemars(length(min = 1))]
    flags: Option<Vec<String>>,
    /// None is present; one that is taken back (`--no-x`, `--x=false`) is not.
    #[schemars(length(min = 1))]
    without: Option<Vec<String>>,
    /// SHA-256 of the executable.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    sha256: Option<String>,
    /// publish, destructive, credential, network, install, privilege, persistence, read, harness, or another word.
    class: Option<String>,
    /// The wider profile of an approved command.
    profile: Option<String>,
    /// Why.
    because: String,
    /// Command lines that the rule matches; floors need one.
    matches: Option<Vec<String>>,
    /// Command lines that it doesn't match.
    spares: Option<Vec<String>>,
}

/// What may be done to a path.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Access {
    Read,
    Write,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Path {
    /// With `access` and `paths`; not beside `protect` or `hide`.
    effect: Option<Effect>,
    /// For what.
    #[schemars(length(min = 1))]
    access: Option<Vec<Access>>,
    /// Globs; without `/`, `~`, `@` or `$` in front at any depth.
    #[schemars(length(min = 1))]
    paths: Option<Vec<String>>,
    /// Never written.
    #[schemars(length(min = 1))]
    protect: Option<Vec<String>>,
    /// Looks empty.
    #[schemars(length(min = 1))]
    hide: Option<Vec<String>>,
    /// The class of risk.
    class: Option<String>,
    /// Why.
    because: String,
    /// Paths that the rule matches; floors need one.
    matches: Option<Vec<String>>,
    /// Paths that it doesn't match.
    spares: Option<Vec<String>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Net {
    /// allow is a grant, the others are floors.
    effect: Effect,
    /// Names, `*.` for one or more labels in front, addresses, CIDR blocks, or `*`.
    #[schemars(length(min = 1))]
    names: Vec<String>,
    /// Ports; a grant has 443 where it names none, a floor all.
    #[schemars(length(min = 1), inner(range(min = 1)))]
    ports: Option<Vec<u16>>,
    /// The class of risk.
    class: Option<String>,
    /// Why.
    because: String,
    /// `name:port` that the rule matches; floors need one.
    matches: Option<Vec<String>>,
    /// `name:port` that it doesn't match.
    spares: Option<Vec<String>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Unix {
    /// allow is a grant, the others are floors.
    effect: Effect,
    /// Path globs, or `@` and an abstract name.
    #[schemars(length(min = 1))]
    sockets: Vec<String>,
    /// The class of risk.
    class: Option<String>,
    /// Why.
    because: String,
    /// Sockets that the rule matches; floors need one.
    matches: Option<Vec<String>>,
    /// Sockets that it doesn't match.
    spares: Option<Vec<String>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(clippy::struct_field_names, reason = "a tool's name is called so in the language")]
struct Tool {
    /// allow is a grant, the others are floors.
    effect: Effect,
    /// Who offers it; `*` is any text.
    server: String,
    /// Its name; `*` is any text.
    tool: String,
    /// The class of risk.
    class: Option<String>,
    /// Why.
    because: String,
    /// `server/tool` that the rule matches; floors need one.
    matches: Option<Vec<String>>,
    /// `server/tool` that it doesn't match.
    spares: Option<Vec<String>>,
}

/// What a line of the risk table says.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Then {
    Allow,
    Ask,
    Deny,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(clippy::struct_field_names, reason = "keys of the language")]
struct Risk {
    /// Absent: any.
    class: Option<String>,
    /// Absent: any.
    risk: Option<crate::question::Risk>,
    /// Absent: any; what can be undone in part counts as `true`.
    reversible: Option<bool>,
    /// Absent: any.
    authorised: Option<crate::question::Authorised>,
    /// What follows.
    then: Then,
    /// Why.
    because: String,
    /// Cases that this line decides: `CLASS RISK yes|no|partly AUTHORISED`.
    matches: Option<Vec<String>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Call {
    /// System calls by name.
    #[schemars(length(min = 1))]
    names: Vec<String>,
    /// What happens.
    then: CallFate,
    /// The errno's name, for `errno` and `refuse`.
    errno: Option<String>,
    /// Conditions on arguments; all must hold.
    when: Option<Vec<ArgTest>>,
    /// Who needs it, or why it is refused.
    because: String,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Program {
    /// Names; `*` is any text.
    #[schemars(length(min = 1))]
    names: Vec<String>,
    /// What it runs of its words; absent: nothing.
    runs: Option<Runs>,
    /// What its other words are; absent: paths that it may read.
    words: Option<Words>,
    /// Words before the command, behind the options.
    skip: Option<u8>,
    /// Whether `NAME=value` may stand before the command.
    assignments: Option<bool>,
    /// Whether it adds words of its own to the command.
    adds: Option<bool>,
    /// Whether what it writes comes from the network.
    fetches: Option<bool>,
    /// Options that take a value.
    values: Option<Vec<String>>,
    /// Options whose value a shell reads.
    text: Option<Vec<String>>,
    /// Options whose value is code of another kind, or names something that is run.
    code: Option<Vec<String>>,
    /// Options behind which a command follows, up to `;` or `+`.
    commands: Option<Vec<String>>,
    /// Options with which nothing else is run.
    unless: Option<Vec<String>>,
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
