//! What the tests share: a place, and actions written in one line.

#![allow(dead_code, reason = "each test uses some of it")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

use std::collections::BTreeMap;

use tollgate_policy::action::{Access, Action, Call, Connect, Exec, Form, Image, PathAccess, Target, Tool};
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;
use tollgate_policy::{Document, Grants, Layer, Place, Policy, Subject, parse, verdict::Verdict};

pub(crate) fn abs(text: &str) -> AbsPath {
    AbsPath::new(text).unwrap()
}

pub(crate) fn place() -> Place {
    Place {
        home: abs("/home/me"),
        workspace: abs("/home/me/w"),
        temp: abs("/tmp/run"),
        state: abs("/home/me/.local/state/tollgate"),
        variables: BTreeMap::from([("TOOLS".to_owned(), Raw::from("/opt/[tools]"))]),
    }
}

pub(crate) fn layer(name: &str) -> Layer {
    match name {
        "built-in" => Layer::BuiltIn,
        "system" => Layer::System,
        "person" => Layer::Person,
        "trusted" => Layer::Project { trusted: true },
        "project" => Layer::Project { trusted: false },
        "contract" => Layer::Contract,
        other => panic!("no layer `{other}`"),
    }
}

pub(crate) fn document(name: &str, text: &str) -> Document {
    parse(name, text).unwrap_or_else(|faults| panic!("{faults}"))
}

pub(crate) fn policy(layers: &[(&str, &str)]) -> Policy {
    let documents = layers.iter().map(|(name, text)| (layer(name), document(name, text)));
    Policy::assemble(documents.collect(), &|_| None, &place()).unwrap_or_else(|f| panic!("{f}"))
}

pub(crate) fn judge(policy: &Policy, action: &Action) -> Verdict {
    policy.judge(&Subject::default(), action, &Grants::default(), 0)
}

/// `exec [at=PATH] [given=PATH] [script=PATH] [loader=PATH] [sha256=X] [writable] [unnamed] -- WORD…`,
/// `read PATH`, `write PATH`, `connect HOST PORT`, `unix PATH`, `abstract NAME`, `tool SERVER TOOL`, `call NAME`.
/// `\xNN` in a word is a byte.
pub(crate) fn action(line: &str) -> Action {
    let words: Vec<&str> = line.split_whitespace().collect();
    let raw_path = |text: &str| AbsPath::try_from(bytes(text)).unwrap();
    let connect = |target, port| Action::Connect(Connect { target, port });
    let path = |text, access| Action::Path(PathAccess { path: raw_path(text), access });
    match words.as_slice() {
        ["exec", rest @ ..] => exec(rest),
        ["read", text] => path(text, Access::Read),
        ["write", text] => path(text, Access::Write),
        ["connect", host, port] => {
            let address = host.parse().map(Target::Address);
            connect(address.unwrap_or_else(|_| Target::Name((*host).to_owned())), port.parse().unwrap())
        }
        ["unix", text] => connect(Target::Unix(raw_path(text)), 0),
        ["abstract", text] => connect(Target::Abstract(bytes(text)), 0),
        ["tool", server, tool] => Action::Tool(Tool { server: (*server).to_owned(), tool: (*tool).to_owned() }),
        ["call", name] => Action::Call(Call { name: (*name).to_owned() }),
        other => panic!("no action `{other:?}`"),
    }
}

fn exec(words: &[&str]) -> Action {
    let split = words.iter().position(|word| *word == "--").unwrap();
    let argv: Vec<Raw> = words[split + 1..].iter().map(|word| bytes(word)).collect();
    let zero = argv.first().cloned().unwrap_or_default();
    let base = zero.text().and_then(|t| t.rsplit('/').next()).unwrap_or("x").to_owned();
    let mut image =
        Image { executable: Some(abs(&format!("/usr/bin/{base}"))), form: Form::Native, writable: false, sha256: None };
    let mut given = zero;
    for option in &words[..split] {
        match option.split_once('=').unwrap_or((option, "")) {
            ("at", path) => image.executable = Some(AbsPath::try_from(bytes(path)).unwrap()),
            ("given", path) => given = bytes(path),
            ("script", path) => image.form = Form::Script { script: Some(abs(path)) },
            ("loader", path) => image.form = Form::Loader { loader: abs(path) },
            ("sha256", digest) => image.sha256 = Some(digest.to_owned()),
            ("writable", _) => image.writable = true,
            ("unnamed", _) => image.executable = None,
            other => panic!("no option `{other:?}`"),
        }
    }
    Action::Exec(Exec { given, image, argv, cwd: abs("/home/me/w") })
}

fn bytes(word: &str) -> Raw {
    let mut parts = word.split("\\x");
    let mut out = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.split_at(2);
        out.push(u8::from_str_radix(hex, 16).unwrap());
        out.extend(rest.as_bytes());
    }
    Raw(out)
}

/// A shipped profile, as it lies in the tree.
#[allow(clippy::disallowed_methods, reason = "the judge reads no files, its tests do")]
pub(crate) fn profile(name: &str) -> Option<Document> {
    let file = format!("{}/../profiles/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    Some(document(&format!("profile:{name}"), &std::fs::read_to_string(file).ok()?))
}

/// A run on a shipped profile alone.
pub(crate) fn shipped(name: &str) -> Policy {
    let layers = vec![(Layer::BuiltIn, profile(name).unwrap())];
    Policy::assemble(layers, &profile, &place()).unwrap_or_else(|faults| panic!("{faults}"))
}
