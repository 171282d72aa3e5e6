//! The reader of shell text at its worst: texts that go to the caps, each in another way, and texts that would make it do one thing
//! again and again. Says what the slowest took, in microseconds (the fastest of some rounds, so that a busy machine counts
//! little); ends with 1 if one is above the limit. `cargo bench -p tollgate-policy --bench worst [-- WORD]` tries those whose
//! name has the word.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::exit,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark"
)]

#[path = "../tests/hostile/mod.rs"]
mod hostile;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use tollgate_policy::path::AbsPath;
use tollgate_policy::shell::{From, Occasion, Stance};
use tollgate_policy::{Document, Grants, Layer, Place, Policy, Subject, parse};

/// What one text may take.
const LIMIT: Duration = Duration::from_millis(1);
const ROUNDS: usize = 15;

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

/// The fastest of some rounds; one that takes long is not repeated.
fn fastest(mut what: impl FnMut()) -> Duration {
    let mut least = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        what();
        least = least.min(begun.elapsed());
        if least > LIMIT * 100 {
            break;
        }
    }
    least
}

fn main() {
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let (listed, shell) = (policy("listed"), policy("shell"));
    let (subject, grants) = (Subject::default(), Grants::default());
    let from = From { cwd: Some(abs("/home/me/w")), home: Some(abs("/home/me")) };
    let judge = |policy: &Policy, text: &str, stance| {
        policy.judge_text(text, &Occasion { subject: &subject, grants: &grants, now_ms: 0, from: &from, stance })
    };
    println!("{:24} {:>6} {:>9} {:>9} {:>9}", "text", "bytes", "read", "bare", "contained");
    let mut slow = 0;
    for (name, text) in hostile::texts().into_iter().filter(|(name, _)| name.contains(&wanted)) {
        let all = [
            fastest(|| drop(black_box(listed.read_text(&text, &from)))),
            fastest(|| drop(black_box(judge(&listed, &text, Stance::Bare)))),
            fastest(|| drop(black_box(judge(&shell, &text, Stance::Contained)))),
        ];
        let [read, bare, contained] = all.map(|time| time.as_micros());
        let missed = all.iter().any(|time| *time > LIMIT);
        slow += usize::from(missed);
        println!("{name:24} {:6} {read:9} {bare:9} {contained:9}{}", text.len(), if missed { "  MISSED" } else { "" });
    }
    if slow > 0 {
        println!("{slow} took more than {LIMIT:?}");
        std::process::exit(1);
    }
}
