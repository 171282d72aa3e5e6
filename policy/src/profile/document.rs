//! What a file of the policy language says, once it has been checked. Plain data without matchers: it can be
//! packed at build time and unpacked at each launch. Nothing here knows which layer it will stand in.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::action::Access;
use crate::boundary::{ArgTest, CallFate, Feature, Namespace, Reach};
use crate::verdict::Effect;

/// One checked file. Only [`super::parse`] and [`Document::unpack`] make one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The file as it is shown: a path, or `profile:NAME`.
    pub source: String,
    /// SHA-256 of the file's text, lower-case hex.
    pub sha256: String,
    /// A profile's name; none for a policy of the system, a person, a project or a contract.
    pub name: Option<String>,
    /// One line for people; empty if none.
    pub about: String,
    /// Profiles that this one builds on.
    pub extends: Vec<Reference>,
    /// Names of executables that are themselves the agent.
    pub starters: Vec<String>,
    /// Effects where nothing speaks.
    pub defaults: Defaults,
    /// Paths that may be reached, as written (`~`, `@workspace` … unresolved).
    pub roots: Roots,
    /// The network.
    pub network: NetworkGrant,
    /// The environment of a command.
    pub environment: EnvironmentTerms,
    /// Resource limits.
    pub limits: BTreeMap<String, u64>,
    /// Namespaces used where the kernel grants them.
    pub namespaces: BTreeSet<Namespace>,
    /// Features without which nothing starts.
    pub require: BTreeSet<Feature>,
    /// How questions are answered.
    pub approvals: Approvals,
    /// What lower layers may grant at most.
    pub envelope: Envelope,
    /// `[[command]]`
    pub commands: Vec<CommandRule>,
    /// `[[path]]`
    pub paths: Vec<PathRule>,
    /// `[[net]]`
    pub nets: Vec<NetRule>,
    /// `[[unix]]`
    pub sockets: Vec<UnixRule>,
    /// `[[tool]]`
    pub tools: Vec<ToolRule>,
    /// `[[risk]]`, in the file's order.
    pub risks: Vec<RiskLine>,
    /// `[[call]]`, in the file's order.
    pub calls: Vec<CallLine>,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// The profile's name.
    pub name: String,
    /// Where it is named.
    pub spot: Spot,
}

/// Effects where nothing speaks; none where the file is silent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roots {
    /// Read and list.
    pub read: Vec<String>,
    /// Read and run.
    pub exec: Vec<String>,
    /// Everything, running included.
    pub write: Vec<String>,
    /// Read, write, ioctl.
    pub device: Vec<String>,
}

/// `[network]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkGrant {
    /// How wide.
    pub reach: Option<Reach>,
    /// TCP ports for [`Reach::Ports`].
    pub ports: BTreeSet<u16>,
    /// Unix sockets by path, globs as written.
    pub unix: Vec<String>,
}

/// `[environment]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentTerms {
    /// Names that pass; `*` is any text.
    pub pass: Vec<String>,
    /// Names that never pass.
    pub drop: Vec<String>,
    /// Values, as written.
    pub set: BTreeMap<String, String>,
}

/// `[approvals]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approvals {
    /// Seconds until silence refuses.
    pub deadline: Option<u64>,
    /// Programs whose commands can only be approved exactly, never by a prefix; `*` is any text.
    pub exact: Vec<String>,
}

/// `[envelope]`: none where the file sets no bound.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Roots that may be read.
    pub read: Option<Vec<String>>,
    /// Roots beneath which programs may be run.
    pub exec: Option<Vec<String>>,
    /// Roots that may be written.
    pub write: Option<Vec<String>>,
    /// Devices.
    pub device: Option<Vec<String>>,
    /// How wide the network may be opened.
    pub reach: Option<Reach>,
    /// Ports that may be opened.
    pub ports: Option<BTreeSet<u16>>,
    /// Names that may be opened.
    pub names: Option<Vec<String>>,
    /// Unix sockets that may be opened.
    pub unix: Option<Vec<String>>,
}

/// What every rule has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The effect.
    pub effect: Effect,
    /// Why.
    pub because: String,
    /// What kind of risk, where it says so.
    pub class: Option<String>,
    /// Where the rule begins.
    pub spot: Spot,
    /// Examples that the rule matches.
    pub matches: Vec<Example>,
    /// Examples that it does not match.
    pub spares: Vec<Example>,
}

/// An example of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// As written.
    pub text: String,
    /// Where.
    pub spot: Spot,
}

/// Alternatives for one word of a command line; `*` is any text, `?` any one byte.
pub type Alternatives = Vec<String>;

/// `[[command]]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRule {
    /// Effect, reason, examples.
    pub terms: Terms,
    /// Program names; empty where only `executable` counts.
    pub program: Vec<String>,
    /// Glob on the resolved executable, as written.
    pub executable: Option<String>,
    /// Words right behind `argv[0]`.
    pub args: Vec<Alternatives>,
    /// Words behind the program's global options.
    pub subcommand: Vec<Alternatives>,
    /// Options that take a value of their own.
    pub global: Vec<String>,
    /// At least one of these is present.
    pub flags: Vec<String>,
    /// None of these is present.
    pub without: Vec<String>,
    /// Digest of the executable, lower-case hex.
    pub sha256: Option<String>,
    /// The wider profile of an approved command.
    pub profile: Option<Reference>,
}

/// `[[path]]`: one effect on some accesses of some paths. A rule with `protect` is `deny` on writes, one with
/// `hide` is `deny` on both; a table with several of them becomes several rules of one spot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathRule {
    /// Effect, reason, examples.
    pub terms: Terms,
    /// Which accesses.
    pub access: BTreeSet<Access>,
    /// Globs as written.
    pub paths: Vec<String>,
}

/// `[[net]]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetRule {
    /// Effect, reason, examples.
    pub terms: Terms,
    /// Names (`*.` for one or more labels in front), addresses, CIDR blocks, or `*`.
    pub names: Vec<String>,
    /// Ports; empty is any.
    pub ports: BTreeSet<u16>,
}

/// `[[unix]]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnixRule {
    /// Effect, reason, examples.
    pub terms: Terms,
    /// Path globs as written, or `@` and an abstract name.
    pub sockets: Vec<String>,
}

/// `[[tool]]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolRule {
    /// Effect, reason, examples.
    pub terms: Terms,
    /// Server; `*` is any text.
    pub server: String,
    /// Tool; `*` is any text.
    pub tool: String,
}

/// `[[risk]]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskLine {
    /// Class; none is any.
    pub class: Option<String>,
    /// Whether the class can be undone; none is any.
    pub reversible: Option<bool>,
    /// Never [`Effect::Review`].
    pub then: Effect,
    /// Why.
    pub because: String,
    /// Where.
    pub spot: Spot,
}

/// `[[call]]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallLine {
    /// System calls by name.
    pub names: Vec<String>,
    /// What happens.
    pub then: CallFate,
    /// The errno's name.
    pub errno: Option<String>,
    /// Conditions.
    pub when: Vec<ArgTest>,
    /// Who needs it, or why it is refused.
    pub because: String,
    /// Where.
    pub spot: Spot,
}

/// Bytes are no packed document of this version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpackable(postcard::Error);

impl std::fmt::Display for Unpackable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a packed policy of this version")
    }
}

impl std::error::Error for Unpackable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl Document {
    /// Bytes for embedding, without the examples: they were checked when the document was parsed, and the
    /// source has them for `policy test`.
    ///
    /// # Errors
    /// [`Unpackable`] where it can't be encoded.
    pub fn pack(&self) -> Result<Vec<u8>, Unpackable> {
        postcard::to_stdvec(&self.clone().without_examples()).map_err(Unpackable)
    }

    /// The document that [`Document::pack`] made bytes of.
    ///
    /// # Errors
    /// [`Unpackable`] where the bytes are anything else.
    pub fn unpack(bytes: &[u8]) -> Result<Self, Unpackable> {
        postcard::from_bytes(bytes).map_err(Unpackable)
    }

    /// The same without the rules' examples.
    #[must_use]
    pub fn without_examples(mut self) -> Self {
        for terms in self.terms_mut() {
            terms.matches.clear();
            terms.spares.clear();
        }
        self
    }

    fn terms_mut(&mut self) -> impl Iterator<Item = &mut Terms> {
        let commands = self.commands.iter_mut().map(|r| &mut r.terms);
        let paths = self.paths.iter_mut().map(|r| &mut r.terms);
        let nets = self.nets.iter_mut().map(|r| &mut r.terms);
        let sockets = self.sockets.iter_mut().map(|r| &mut r.terms);
        let tools = self.tools.iter_mut().map(|r| &mut r.terms);
        commands.chain(paths).chain(nets).chain(sockets).chain(tools)
    }
}
