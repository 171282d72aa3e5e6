//! The judge with 10 rules and with 10,000, and what a launch pays: assembling and lowering.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tollgate_policy::action::{Access, Action, Connect, Exec, Form, Image, PathAccess, Target, Tool};
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;
use tollgate_policy::{Document, Grants, Layer, Place, Policy, Subject, parse};

fn abs(text: &str) -> AbsPath {
    AbsPath::new(text).unwrap()
}

fn place() -> Place {
    let (home, workspace) = (abs("/home/me"), abs("/home/me/w"));
    Place { home, workspace, temp: abs("/tmp/run"), state: abs("/state"), variables: BTreeMap::new() }
}

/// A document with `count` rules: programs, subcommands of one program, paths, names, tools in equal parts.
fn rules(count: usize) -> Document {
    let mut text = "version = 1\n[defaults]\nexec = \"ask\"\n".to_owned();
    for i in 0..count / 5 {
        write!(
            text,
            r#"
[[command]]
effect = "ask"
program = ["program{i}"]
args = ["word"]
because = "x"
matches = ["program{i} word"]
[[command]]
effect = "deny"
program = ["git"]
subcommand = ["sub{i}"]
global = ["-C"]
because = "x"
matches = ["git sub{i}"]
[[path]]
effect = "deny"
access = ["write"]
paths = ["@workspace/dir{i}/**/*.key", "**/secret{i}"]
because = "x"
matches = ["@workspace/dir{i}/a.key"]
[[net]]
effect = "allow"
names = ["*.host{i}.example", "host{i}.example"]
because = "x"
[[tool]]
effect = "deny"
server = "server{i}"
tool = "*"
because = "x"
matches = ["server{i}/x"]
"#
        )
        .unwrap();
    }
    parse("bench", &text).unwrap()
}

fn exec(words: &[&str]) -> Action {
    let executable = Some(abs(&format!("/usr/bin/{}", words.first().unwrap())));
    let image = Image { executable, form: Form::Native, writable: false, sha256: None };
    let argv = words.iter().map(|word| Raw::from(*word)).collect();
    Action::Exec(Exec { given: Raw::from("/usr/bin/x"), image, argv, cwd: abs("/home/me/w") })
}

fn actions() -> Vec<(&'static str, Action)> {
    let connect = |name: &str| Connect { target: Target::Name(name.to_owned()), port: 443 };
    let path = |text| PathAccess { path: abs(text), access: Access::Write };
    vec![
        ("exec hit", exec(&["git", "-C", "/home/me/w", "sub1", "--force", "origin"])),
        ("exec miss", exec(&["cc", "-O2", "-c", "src/main.c", "-o", "target/main.o"])),
        ("path hit", Action::Path(path("/home/me/w/dir1/a/b/c.key"))),
        ("path miss", Action::Path(path("/home/me/w/src/deep/in/the/tree/main.rs"))),
        ("name hit", Action::Connect(connect("a.b.host1.example"))),
        ("name miss", Action::Connect(connect("index.crates.io"))),
        ("tool hit", Action::Tool(Tool { server: "server1".to_owned(), tool: "x".to_owned() })),
    ]
}

fn judge(c: &mut Criterion) {
    let (subject, grants) = (Subject::default(), Grants::default());
    for count in [10, 100, 10_000] {
        let layers = vec![(Layer::BuiltIn, rules(count))];
        let policy = Policy::assemble(layers, &|_| None, &place()).unwrap();
        for (name, action) in actions() {
            c.bench_function(&format!("{name}, {count} rules"), |b| {
                b.iter(|| policy.judge(&subject, black_box(&action), &grants, 0));
            });
        }
    }
}

/// Profiles of the tree, as a launch loads them.
fn launch(c: &mut Criterion) {
    let names = ["workspace", "rust"];
    let read = |name: &str| -> Document {
        let file = format!("{}/../profiles/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        #[allow(clippy::disallowed_methods, reason = "a benchmark reads its input")]
        let text = std::fs::read_to_string(file).unwrap();
        parse(&format!("profile:{name}"), &text).unwrap()
    };
    let mut all: BTreeMap<String, Document> = BTreeMap::new();
    let mut wanted: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    while let Some(name) = wanted.pop() {
        let document = read(&name);
        wanted.extend(document.extends.iter().map(|r| r.name.to_string()));
        all.insert(name, document.without_examples());
    }
    let lookup = |name: &str| all.get(name).cloned();
    let place = place();
    let given = || names.iter().map(|name| (Layer::BuiltIn, lookup(name).unwrap())).collect::<Vec<_>>();
    c.bench_function("assemble the default set", |b| {
        b.iter(|| Policy::assemble(given(), &lookup, &place).unwrap());
    });
    let policy = Policy::assemble(given(), &lookup, &place).unwrap();
    c.bench_function("lower the default set", |b| b.iter(|| policy.lower()));
    for (name, action) in actions() {
        c.bench_function(&format!("{name}, default set"), |b| {
            b.iter(|| policy.judge(&Subject::default(), black_box(&action), &Grants::default(), 0));
        });
    }
}

criterion_group!(benches, judge, launch);
criterion_main!(benches);
