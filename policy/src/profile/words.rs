//! The fixed words of the language: keys of each table, and names of effects, features, limits. Data only.

use super::document::{Runs, Words};
use crate::action::Access;
use crate::boundary::{CallFate, Feature, Namespace, Reach};
use crate::question::{Authorised, Risk};
use crate::verdict::Effect;

pub(super) type Keys = &'static [&'static str];
/// A heading as it is shown, and the table's keys.
pub(super) type Shape = (&'static str, Keys);

pub(super) const TOP: Keys = &[
    "version",
    "name",
    "about",
    "extends",
    "starters",
    "defaults",
    "roots",
    "network",
    "environment",
    "limits",
    "kernel",
    "approvals",
    "reviewer",
    "envelope",
    "command",
    "path",
    "net",
    "unix",
    "tool",
    "risk",
    "call",
    "program",
];
pub(super) const DEFAULTS: Shape = ("[defaults]", &["exec", "path", "name", "unix", "tool", "unnamed"]);
pub(super) const ROOTS: Shape = ("[roots]", &["read", "exec", "write", "device"]);
pub(super) const NETWORK: Shape = ("[network]", &["reach", "ports", "unix"]);
pub(super) const ENVIRONMENT: Shape = ("[environment]", &["pass", "drop", "set", "harmless"]);
pub(super) const KERNEL: Shape = ("[kernel]", &["namespaces", "require"]);
pub(super) const APPROVALS: Shape = ("[approvals]", &["deadline", "exact", "two", "open", "canaries"]);
pub(super) const REVIEWER: Shape = (
    "[reviewer]",
    &[
        "command",
        "endpoint",
        "dialect",
        "model",
        "key",
        "deadline",
        "tokens",
        "budget",
        "price_in",
        "price_out",
        "rate",
        "breaker",
    ],
);
pub(super) const ENVELOPE: Shape =
    ("[envelope]", &["read", "exec", "write", "device", "reach", "ports", "names", "unix"]);
pub(super) const COMMAND: Shape = (
    "[[command]]",
    &[
        "effect",
        "program",
        "executable",
        "args",
        "subcommand",
        "global",
        "flags",
        "without",
        "sha256",
        "class",
        "profile",
        "because",
        "matches",
        "spares",
    ],
);
pub(super) const PATH: Shape =
    ("[[path]]", &["effect", "access", "paths", "protect", "hide", "class", "because", "matches", "spares"]);
pub(super) const NET: Shape = ("[[net]]", &["effect", "names", "ports", "class", "because", "matches", "spares"]);
pub(super) const UNIX: Shape = ("[[unix]]", &["effect", "sockets", "class", "because", "matches", "spares"]);
pub(super) const TOOL: Shape = ("[[tool]]", &["effect", "server", "tool", "class", "because", "matches", "spares"]);
pub(super) const RISK: Shape =
    ("[[risk]]", &["class", "risk", "reversible", "authorised", "then", "because", "matches"]);
pub(super) const CALL: Shape = ("[[call]]", &["names", "then", "errno", "when", "because"]);
pub(super) const WHEN: Shape = ("`when`", &["arg", "mask", "equal", "not"]);

pub(super) const EFFECTS: &[(&str, Effect)] =
    &[("allow", Effect::Allow), ("review", Effect::Review), ("ask", Effect::Ask), ("deny", Effect::Deny)];
pub(super) const PROGRAM: Shape = (
    "[[program]]",
    &[
        "names",
        "runs",
        "words",
        "skip",
        "assignments",
        "adds",
        "fetches",
        "values",
        "text",
        "code",
        "commands",
        "unless",
    ],
);
/// What a program runs of its words.
pub(super) const RUNS: &[(&str, Runs)] = &[
    ("nothing", Runs::Nothing),
    ("rest", Runs::Rest),
    ("text", Runs::Text),
    ("shell", Runs::Shell),
    ("script", Runs::Script),
    ("sed", Runs::Sed),
    ("awk", Runs::Awk),
];
/// What its other words are.
pub(super) const WORDS: &[(&str, Words)] = &[
    ("reads", Words::Reads),
    ("writes", Words::Writes),
    ("last", Words::Last),
    ("data", Words::Data),
    ("search", Words::Search),
];
/// What the risk table may say: it closes a review, so it can't ask for another.
pub(super) const CLOSED: &[(&str, Effect)] = &[("allow", Effect::Allow), ("ask", Effect::Ask), ("deny", Effect::Deny)];
pub(super) const RISKS: &[(&str, Risk)] = &[("low", Risk::Low), ("medium", Risk::Medium), ("high", Risk::High)];
pub(super) const AUTHORISED: &[(&str, Authorised)] = &[
    ("forbidden", Authorised::Forbidden),
    ("unsaid", Authorised::Unsaid),
    ("implied", Authorised::Implied),
    ("explicit", Authorised::Explicit),
];
pub(super) const DIALECTS: &[(&str, &str)] = &[("openai", "openai"), ("anthropic", "anthropic")];
pub(super) const BREAKERS: &[(&str, &str)] = &[("ask", "ask"), ("stop", "stop")];
pub(super) const ACCESSES: &[(&str, Access)] = &[("read", Access::Read), ("write", Access::Write)];
pub(super) const REACHES: &[(&str, Reach)] = &[("none", Reach::None), ("ports", Reach::Ports), ("open", Reach::Open)];
pub(super) const FATES: &[(&str, CallFate)] = &[
    ("allow", CallFate::Allow),
    ("errno", CallFate::Errno),
    ("refuse", CallFate::Refuse),
    ("judge", CallFate::Judge),
    ("kill", CallFate::Kill),
];
pub(super) const NAMESPACES: &[(&str, Namespace)] = &[
    ("mount", Namespace::Mount),
    ("pid", Namespace::Pid),
    ("ipc", Namespace::Ipc),
    ("net", Namespace::Net),
    ("uts", Namespace::Uts),
];
pub(super) const FEATURES: &[(&str, Feature)] = &[
    ("landlock-files", Feature::LandlockFiles),
    ("landlock-refer", Feature::LandlockRefer),
    ("landlock-truncate", Feature::LandlockTruncate),
    ("landlock-tcp", Feature::LandlockTcp),
    ("landlock-device-ioctl", Feature::LandlockDeviceIoctl),
    ("landlock-signals", Feature::LandlockSignals),
    ("landlock-abstract-sockets", Feature::LandlockAbstractSockets),
    ("seccomp", Feature::Seccomp),
    ("exec-gate", Feature::ExecGate),
    ("exec-verify", Feature::ExecVerify),
    ("user-namespace", Feature::UserNamespace),
    ("mount-namespace", Feature::MountNamespace),
    ("pid-namespace", Feature::PidNamespace),
    ("ipc-namespace", Feature::IpcNamespace),
    ("net-namespace", Feature::NetNamespace),
    ("hidden-paths", Feature::HiddenPaths),
    ("private-temp", Feature::PrivateTemp),
    ("outside-metadata", Feature::OutsideMetadata),
    ("process-limit", Feature::ProcessLimit),
    ("memory-limit", Feature::MemoryLimit),
];
/// What a whole run may have, and `RLIMIT_*` of getrlimit(2) in lower case.
pub(super) const LIMITS: Keys = &[
    "as",
    "core",
    "cpu",
    "data",
    "disk",
    "fsize",
    "locks",
    "memlock",
    "memory",
    "memory_per_process",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "processes",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];
/// Those that are for the whole run.
pub(super) const BUDGET: Keys = &["disk", "memory", "memory_per_process", "processes"];
/// Classes that the house knows. Others are allowed, so long as they aren't near misses of these.
pub(super) const CLASSES: Keys =
    &["publish", "destructive", "credential", "network", "install", "privilege", "persistence", "read", "harness"];
