//! The reader of shell text on typical lines; `worst` has those that go to the caps.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark"
)]

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tollgate_policy::path::AbsPath;
use tollgate_policy::shell::{From, Occasion, Stance};
use tollgate_policy::{Document, Grants, Layer, Place, Policy, Subject, parse};

fn abs(text: &str) -> AbsPath {
    AbsPath::new(text).unwrap()
}

fn profile(name: &str) -> Option<Document> {
    let file = format!("{}/../profiles/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    Some(parse(&format!("profile:{name}"), &std::fs::read_to_string(file).ok()?).unwrap())
}

fn policy(name: &str) -> Policy {
    let place = Place {
        home: abs("/home/me"),
        workspace: abs("/home/me/w"),
        temp: abs("/tmp/run"),
        state: abs("/state"),
        variables: BTreeMap::new(),
    };
    Policy::assemble(vec![(Layer::BuiltIn, profile(name).unwrap())], &profile, &place).unwrap()
}

const TYPICAL: [&str; 4] = [
    "cd src && grep -rn 'fn main' --include='*.rs' . | head -20",
    "cargo test --workspace 2>&1 | tail -40",
    "git status && git diff --stat HEAD~1",
    "for f in a b c; do echo \"$f\"; done > out.txt",
];

fn shell(c: &mut Criterion) {
    let policy = policy("listed");
    let (subject, grants) = (Subject::default(), Grants::default());
    let from = From { cwd: Some(abs("/home/me/w")), home: Some(abs("/home/me")) };
    let judge = |text: &str, stance| {
        policy.judge_text(text, &Occasion { subject: &subject, grants: &grants, now_ms: 0, from: &from, stance })
    };
    let mut group = c.benchmark_group("typical");
    for (number, text) in TYPICAL.iter().enumerate() {
        group.bench_function(format!("read/{number}"), |b| b.iter(|| policy.read_text(black_box(text), &from)));
        group.bench_function(format!("judge/{number}"), |b| b.iter(|| judge(black_box(text), Stance::Contained)));
    }
    group.finish();
}

criterion_group!(benches, shell);
criterion_main!(benches);
