//! What a file of the policy language says, once it has been checked. Plain data without matchers, which can be part of
//! the program: what is shipped is read by nobody at a launch. Nothing here knows which layer it will stand in.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::action::Access;
use crate::boundary::{ArgTest, CallFate, Feature, Namespace, Reach};
use crate::question::{Authorised, Risk};
use crate::verdict::Effect;

/// Text that is read from a file, or part of the program.
pub type Text = Cow<'static, str>;

/// A list that is read from a file, or part of the program.
pub type List<T> = Cow<'static, [T]>;

/// One checked file: [`super::parse`] makes one, and the build the shipped ones (see [`crate::ready`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// The file as it is shown: a path, or `profile:NAME`.
    pub source: Text,
    /// SHA-256 of the file's text, lower-case hex.
    pub sha256: Text,
    /// A profile's name; none for a policy of the system, a person, a project or a contract.
    pub name: Option<Text>,
    /// One line for people; empty if none.
    pub about: Text,
    /// Profiles that this one builds on.
    pub extends: List<Reference>,
    /// Names of executables that are themselves the agent.
    pub starters: List<Text>,
    /// Effects where nothing speaks.
    pub defaults: Defaults,
    /// Paths that may be reached, as written (`~`, `@workspace` … unresolved).
    pub roots: Roots,
    /// The network.
    pub network: NetworkGrant,
    /// The environment of a command.
    pub environment: EnvironmentTerms,
    /// Limits on each process, by their `RLIMIT_` name.
    pub limits: List<(Text, u64)>,
    /// Limits on the whole run, by name: [`crate::amount::Amount`]s as written.
    pub budget: List<(Text, Text)>,
    /// Namespaces used where the kernel grants them.
    pub namespaces: List<Namespace>,
    /// Features without which nothing starts.
    pub require: List<Feature>,
    /// How questions are answered.
    pub approvals: Approvals,
    /// `[reviewer]`
    pub reviewer: Option<Reviewer>,
    /// What lower layers may grant at most.
    pub envelope: Envelope,
    /// `[[command]]`
    pub commands: List<CommandRule>,
    /// `[[path]]`
    pub paths: List<PathRule>,
    /// `[[net]]`
    pub nets: List<NetRule>,
    /// `[[unix]]`
    pub sockets: List<UnixRule>,
    /// `[[tool]]`
    pub tools: List<ToolRule>,
    /// `[[risk]]`, in the file's order.
    pub risks: List<RiskLine>,
    /// `[[call]]`, in the file's order.
    pub calls: List<CallLine>,
    /// `[[program]]`, in the file's order.
    pub programs: List<ProgramLine>,
}

/// Where something stands in its file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Spot {
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
}

/// A name that stands for another document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The profile's name.
    pub name: Text,
    /// Where it is named.
    pub spot: Spot,
}

/// Effects where nothing speaks; none where the file is silent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Commands.
    pub exec: Option<Effect>,
    /// Paths outside the roots.
    pub path: Option<Effect>,
    /// Network names and addresses.
    pub name: Option<Effect>,
    /// Unix sockets.
    pub unix: Option<Effect>,
    /// Tool calls.
    pub tool: Option<Effect>,
    /// Images without a name.
    pub unnamed: Option<Effect>,
}

/// Paths as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roots {
    /// Read and list.
    pub read: List<Text>,
    /// Read and run.
    pub exec: List<Text>,
    /// Everything, running included.
    pub write: List<Text>,
    /// Read, write, ioctl.
    pub device: List<Text>,
}

/// `[network]`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkGrant {
    /// How wide.
    pub reach: Option<Reach>,
    /// TCP ports for [`Reach::Ports`].
    pub ports: List<u16>,
    /// Unix sockets by path, globs as written.
    pub unix: List<Text>,
}

/// `[environment]`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvironmentTerms {
    /// Names that pass; `*` is any text.
    pub pass: List<Text>,
    /// Names that never pass.
    pub drop: List<Text>,
    /// Values, as written.
    pub set: List<(Text, Text)>,
    /// Names that may be set for a command without changing what it runs, reads or writes.
    pub harmless: List<Text>,
}

/// `[approvals]`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approvals {
    /// Seconds until silence refuses.
    pub deadline: Option<u64>,
    /// Programs whose commands can only be approved exactly, never by a prefix; `*` is any text.
    pub exact: List<Text>,
    /// Classes for which two different people have to agree.
    pub two: List<Text>,
    /// Most open questions of a run.
    pub open: Option<u64>,
    /// Of a hundred questions, so many tests of the approver's attention; absent or 0: none. At most 2.
    pub canaries: Option<u64>,
}

/// `[reviewer]`: who looks at what the table leaves open, before a person does. It can only make a verdict stricter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reviewer {
    /// A command: words of its argv.
    pub command: List<Text>,
    /// An endpoint's address; its dialect is `dialect`.
    pub endpoint: Option<Text>,
    /// `openai` or `anthropic`.
    pub dialect: Option<Text>,
    /// The model's name.
    pub model: Option<Text>,
    /// The environment variable that holds the key.
    pub key: Option<Text>,
    /// Seconds for one review, retries included.
    pub deadline: Option<u64>,
    /// Most tokens of a run.
    pub tokens: Option<u64>,
    /// Most cost of a run in cents; and the prices of a million tokens in and out, in cents.
    pub budget: Option<u64>,
    /// See `budget`.
    pub price_in: Option<u64>,
    /// See `budget`.
    pub price_out: Option<u64>,
    /// Most reviews a minute.
    pub rate: Option<u64>,
    /// What an open breaker does: `ask` a person, or `stop` the run.
    pub breaker: Option<Text>,
    /// Where the table begins.
    pub spot: Spot,
}

/// `[envelope]`: none where the file sets no bound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Roots that may be read.
    pub read: Option<List<Text>>,
    /// Roots beneath which programs may be run.
    pub exec: Option<List<Text>>,
    /// Roots that may be written.
    pub write: Option<List<Text>>,
    /// Devices.
    pub device: Option<List<Text>>,
    /// How wide the network may be opened.
    pub reach: Option<Reach>,
    /// Ports that may be opened.
    pub ports: Option<List<u16>>,
    /// Names that may be opened.
    pub names: Option<List<Text>>,
    /// Unix sockets that may be opened.
    pub unix: Option<List<Text>>,
}

/// What every rule has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The effect.
    pub effect: Effect,
    /// Why.
    pub because: Text,
    /// What kind of risk, where it says so.
    pub class: Option<Text>,
    /// Where the rule begins.
    pub spot: Spot,
    /// Examples that the rule matches.
    pub matches: List<Example>,
    /// Examples that it does not match.
    pub spares: List<Example>,
}

/// An example of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// As written.
    pub text: Text,
    /// Where.
    pub spot: Spot,
}

/// Alternatives for one word of a command line; `*` is any text, `?` any one byte.
pub type Alternatives = List<Text>;

/// `[[command]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRule {
    /// Effect, reason, examples.
    pub terms: Terms,
    /// Program names; empty where only `executable` counts.
    pub program: List<Text>,
    /// Glob on the resolved executable, as written.
    pub executable: Option<Text>,
    /// Words right behind `argv[0]`.
    pub args: List<Alternatives>,
    /// Words behind the program's global options.
    pub subcommand: List<Alternatives>,
    /// Options that take a value of their own.
    pub global: List<Text>,
    /// At least one of these is present.
    pub flags: List<Text>,
    /// None of these is present.
    pub without: List<Text>,
    /// Digest of the executable, lower-case hex.
    pub sha256: Option<Text>,
    /// The wider profile of an approved command.
    pub profile: Option<Reference>,
}

/// `[[path]]`: one effect on some accesses of some paths. A rule with `protect` is `deny` on writes, one with
/// `hide` is `deny` on both; a table with several of them becomes several rules of one spot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathRule {
    /// Effect, reason, examples.
    pub terms: Terms,
    /// Which accesses.
    pub access: List<Access>,
    /// Globs as written.
    pub paths: List<Text>,
}

/// `[[net]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetRule {
    /// Effect, reason, examples.
    pub terms: Terms,
    /// Names (`*.` for one or more labels in front), addresses, CIDR blocks, or `*`.
    pub names: List<Text>,
    /// Ports; empty is any.
    pub ports: List<u16>,
}

/// `[[unix]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixRule {
    /// Effect, reason, examples.
    pub terms: Terms,
    /// Path globs as written, or `@` and an abstract name.
    pub sockets: List<Text>,
}

/// `[[tool]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolRule {
    /// Effect, reason, examples.
    pub terms: Terms,
    /// Server; `*` is any text.
    pub server: Text,
    /// Tool; `*` is any text.
    pub tool: Text,
}

/// `[[risk]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RiskLine {
    /// Class; none is any.
    pub class: Option<Text>,
    /// How bad it could be; none is any.
    pub risk: Option<Risk>,
    /// Whether it can be undone, be it in part; none is any.
    pub reversible: Option<bool>,
    /// Whether it was asked for; none is any.
    pub authorised: Option<Authorised>,
    /// Never [`Effect::Review`].
    pub then: Effect,
    /// Why.
    pub because: Text,
    /// Cases that this line decides: `class risk reversible authorised`.
    pub matches: List<Text>,
    /// Where.
    pub spot: Spot,
}

/// `[[call]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallLine {
    /// System calls by name.
    pub names: List<Text>,
    /// What happens.
    pub then: CallFate,
    /// The errno's name.
    pub errno: Option<Text>,
    /// Conditions.
    pub when: List<ArgTest>,
    /// Who needs it, or why it is refused.
    pub because: Text,
    /// Where.
    pub spot: Spot,
}

/// `[[program]]`: what a program does with its words, for the reader of shell text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramLine {
    /// Names; `*` is any text.
    pub names: List<Text>,
    /// What it runs.
    pub runs: Runs,
    /// What its other words are.
    pub words: Words,
    /// Words before the command, behind the options (`timeout 5 …`).
    pub skip: u8,
    /// Whether `NAME=value` may stand before the command.
    pub assignments: bool,
    /// Whether it adds words of its own to the command.
    pub adds: bool,
    /// Whether what it writes comes from the network.
    pub fetches: bool,
    /// Options that take a value.
    pub values: List<Text>,
    /// Options whose value a shell reads.
    pub text: List<Text>,
    /// Options whose value is code of another kind, or names something that is run.
    pub code: List<Text>,
    /// Options behind which a command follows, up to `;` or `+`.
    pub commands: List<Text>,
    /// Options with which nothing else is run.
    pub unless: List<Text>,
    /// Where.
    pub spot: Spot,
}

/// What a program runs of its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Runs {
    /// Nothing but what its options name.
    Nothing,
    /// The words behind its options.
    Rest,
    /// The words behind its options, put together for a shell.
    Text,
    /// A file that the first word names, or standard input, as a shell.
    Shell,
    /// A file that the first word names, or standard input, in a language of its own.
    Script,
    /// A script of sed, in the first word.
    Sed,
    /// A program of awk, in the first word.
    Awk,
}

/// What words of a program are that name no option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Words {
    /// Paths that it reads, perhaps.
    Reads,
    /// Paths that it changes.
    Writes,
    /// Paths that it reads; the last it changes.
    Last,
    /// Data: no paths.
    Data,
    /// What is looked for, then paths that it reads.
    Search,
}

impl Document {
    /// The same without the rules' examples.
    #[must_use]
    pub fn without_examples(mut self) -> Self {
        for terms in self.terms_mut() {
            terms.matches = List::default();
            terms.spares = List::default();
        }
        self
    }

    fn terms_mut(&mut self) -> impl Iterator<Item = &mut Terms> {
        let commands = self.commands.to_mut().iter_mut().map(|r| &mut r.terms);
        let paths = self.paths.to_mut().iter_mut().map(|r| &mut r.terms);
        let nets = self.nets.to_mut().iter_mut().map(|r| &mut r.terms);
        let sockets = self.sockets.to_mut().iter_mut().map(|r| &mut r.terms);
        let tools = self.tools.to_mut().iter_mut().map(|r| &mut r.terms);
        commands.chain(paths).chain(nets).chain(sockets).chain(tools)
    }
}
