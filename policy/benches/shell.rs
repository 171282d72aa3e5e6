//! The reader of shell text: a typical line, and the worst that the caps let through. `TOLLGATE_WORST=1` also looks through the
//! corpus for the slowest.
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
use tollgate_policy::shell::{From, Occasion, Stance, caps};
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

/// Texts that go to the caps, each in another way.
fn worst() -> Vec<(&'static str, String)> {
    let full = |piece: &str| piece.repeat(caps::LENGTH / piece.len());
    let nested = |open: &str, close: &str| {
        let one = format!("{}ls{}", open.repeat(caps::NESTING), close.repeat(caps::NESTING));
        one.clone() + &format!("; {one}").repeat(caps::LENGTH / (one.len() + 2) - 1)
    };
    vec![
        ("words", full("a ")),
        ("commands", full("ls;")),
        ("pipes", format!("ls{}", full("|ls"))),
        ("lists", format!("ls{}", full("&&ls"))),
        ("substitutions", nested("$(", ")")),
        ("backticks", full("`ls` ")),
        ("groups", nested("{ ", "; }")),
        ("subshells", nested("( ", " )")),
        ("braces", full("{a,b}")),
        ("assignments", full("a=b ")),
        ("expansions", full("${x:-y}")),
        ("quotes", full("'a'\"b\"")),
        ("redirections", format!("ls {}", full(">f "))),
        ("heredocs", full("cat <<E\na\nE\n")),
        ("texts", full("bash -c 'ls -l';")),
        ("evals", full("eval 'eval ls';")),
        ("wrappers", full("env nice timeout 1 ls;")),
        ("functions", full("f(){ ls;};f;")),
        ("conditions", full("if a;then b;fi;")),
        ("loops", full("for i in a b;do c $i;done;")),
        ("arithmetic", full("$((1+2)) ")),
        ("open", full("$(")),
        ("quote", format!("'{}", full("a"))),
    ]
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
    let mut group = c.benchmark_group("worst");
    group.sample_size(20);
    for (name, text) in worst() {
        assert!(text.len() <= caps::LENGTH + 8, "{name}");
        let text = text.get(..caps::LENGTH.min(text.len())).unwrap().to_owned();
        group.bench_function(format!("read/{name}"), |b| b.iter(|| policy.read_text(black_box(&text), &from)));
        group.bench_function(format!("judge/{name}"), |b| b.iter(|| judge(black_box(&text), Stance::Bare)));
    }
    group.finish();
}

criterion_group!(benches, shell);
criterion_main!(benches);
