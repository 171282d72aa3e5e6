//! Shell text: whatever is written, it is read within the caps, with spans in bounds, and never allowed bare by accident.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may"
)]

mod common;
mod hostile;

use common::{abs, shipped};
use proptest::prelude::*;
use tollgate_policy::grant::Grants;
use tollgate_policy::shell::{
    From, Judged, Occasion, Reading, Redirection, Simple, Span, Stance, Target, Value, Why, Word, caps,
};
use tollgate_policy::verdict::Effect;
use tollgate_policy::{Policy, Subject};

fn judged(policy: &Policy, text: &str, stance: Stance) -> Judged {
    let from = From { cwd: Some(abs("/home/me/w")), home: Some(abs("/home/me")) };
    let (subject, grants) = (Subject::default(), Grants::default());
    policy.judge_text(text, &Occasion { subject: &subject, grants: &grants, now_ms: 0, from: &from, stance })
}

const PIECES: &[&str] = &[
    "ls",
    "cat",
    "rm",
    "$(",
    ")",
    "`",
    "\"",
    "'",
    "${",
    "}",
    "{",
    "((",
    "))",
    "[[",
    "]]",
    "[",
    "]",
    "if ",
    "then ",
    "fi",
    "for i in ",
    "do ",
    "done",
    "case x in ",
    "esac",
    "x)",
    ";;",
    ";",
    "&",
    "&&",
    "||",
    "|",
    "|&",
    "\n",
    " ",
    "\t",
    "<",
    ">",
    ">>",
    "<<E",
    "<<-'E'",
    "\nE\n",
    "<<<",
    "&>",
    ">&",
    "2>&1",
    "<(",
    ">(",
    "$x",
    "$((",
    "$'",
    "\\x41",
    "\\",
    "\\\n",
    "#",
    "!",
    "time ",
    "f() ",
    "function f ",
    "a=",
    "a=(",
    "a[",
    "]=",
    "eval ",
    "bash -c ",
    "sudo ",
    "env ",
    "find . -exec ",
    "\\;",
    "xargs ",
    "-c",
    "--",
    "-",
    "~",
    "*",
    "?",
    "{a,b}",
    "{1..9}",
    "é",
    "\u{202e}",
    "\r",
    "\0",
    "trap ",
    "coproc ",
    "while ",
    "until ",
    "select ",
    "=",
    "+=",
    ",",
    "..",
    "$\"",
    "@(",
    "set -- ",
    "export ",
    "cd ",
    "printf -v ",
    "${x//",
    "${x:-",
    "${#",
    "${!",
    "$[",
    "%",
    "0",
    "1",
];

/// Pieces of shell, put together in any order.
fn text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn spans(reading: &Reading) -> Vec<Span> {
    let mut spans: Vec<Span> = reading.opaque.iter().map(|opaque| opaque.span).collect();
    for simple in &reading.commands {
        spans.push(simple.span);
        spans.extend(simple.words.iter().map(|word| word.span));
        spans.extend(simple.assignments.iter().map(|assignment| assignment.span));
        spans.extend(simple.redirections.iter().map(|redirection| redirection.span));
        for redirection in &simple.redirections {
            if let Target::File(word) | Target::Text(word) = &redirection.target {
                spans.push(word.span);
            }
        }
    }
    spans.extend(reading.redirections.iter().map(|(redirection, _)| redirection.span));
    spans.extend(reading.assignments.iter().map(|assignment| assignment.span));
    spans
}

fn holds(policy: &Policy, text: &str) -> Result<(), TestCaseError> {
    for stance in [Stance::Bare, Stance::Contained] {
        let judged = judged(policy, text, stance);
        for span in spans(&judged.reading).into_iter().chain(judged.span) {
            prop_assert!(text.get(span.start..span.end).is_some(), "{span:?} is no part of {text:?}");
        }
        prop_assert!(judged.reading.commands.len() <= caps::COMMANDS);
        if stance == Stance::Bare && judged.is_opaque() {
            prop_assert!(judged.verdict.effect >= Effect::Ask, "{text:?} is opaque and allowed");
        }
    }
    Ok(())
}

/// `TOLLGATE_LONG=N` tries N times as many.
fn config() -> ProptestConfig {
    let times = std::env::var("TOLLGATE_LONG").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    ProptestConfig { cases: 250_u32.saturating_mul(times), failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_text_is_read(text in text()) {
        holds(&shipped("listed"), &text)?;
    }

    #[test]
    fn any_characters_are_read(text in ".{0,60}") {
        holds(&shipped("listed"), &text)?;
    }
}

/// What nests, repeats or multiplies, as far as the caps let it and beyond.
#[test]
fn worst_texts_stay_small() {
    let policy = shipped("listed");
    let nested = |open: &str, close: &str, times: usize| format!("{}x{}", open.repeat(times), close.repeat(times));
    for times in [3, caps::NESTING - 2, caps::NESTING, 60, 1500] {
        for (open, close) in [
            ("echo $(", ")"),
            ("echo \"$(", ")\""),
            ("(", ")"),
            ("{ ", ";}"),
            ("cat <(", ")"),
            ("echo ${a:-", "}"),
            ("echo $((1+", "))"),
            ("if a; then ", ";fi"),
            ("echo {a,", "}"),
            ("eval ", ""),
            ("bash -c '", ""),
            ("! ", ""),
            ("env ", ""),
            ("a=$(", ")"),
            ("f() { ", ";}"),
            ("while a; do ", ";done"),
            ("case x in x) ", ";; esac"),
            ("[[ ( ", " ) ]]"),
            ("\\\n", ""),
            ("`", "`"),
            ("$'", "'"),
            ("echo \"", "\""),
        ] {
            let judged = judged(&policy, &nested(open, close, times), Stance::Bare);
            assert!(judged.reading.commands.len() <= caps::COMMANDS, "{open} {times}");
        }
    }
    for unit in [
        "ls;",
        "ls|",
        "ls&&",
        "$a",
        "$(a) ",
        "`a` ",
        "{",
        "{a,b}",
        "{1..99}",
        "'a'",
        "a=1 ",
        "<<A;",
        "cat <<A\nA\n",
        ">x ",
        "\\",
        "$",
        "\"",
        "((",
        "[[",
        "é",
        "x) a;; ",
        "*",
        "~",
        "#\n",
        "a ",
        "${a}",
        "$((1)) ",
    ] {
        let long = unit.repeat(caps::LENGTH / unit.len());
        let whole = judged(&policy, &long, Stance::Bare);
        assert!(whole.reading.commands.len() <= caps::COMMANDS, "{unit}");
        let longer = judged(&policy, &unit.repeat(caps::LENGTH), Stance::Bare);
        assert!(unit.len() == 1 || longer.reading.opaque.iter().any(|opaque| opaque.why == Why::TooLong), "{unit}");
    }
}

/// Bytes of all words that were made of a text.
fn size(reading: &Reading) -> usize {
    let word = |word: &Word| match &word.value {
        Value::Known(text) | Value::Pattern(text) | Value::Partly(text) => text.len(),
        Value::Unknown => 0,
    };
    let target = |redirection: &Redirection| match &redirection.target {
        Target::File(to) | Target::Text(to) => word(to),
        Target::Descriptor(_) | Target::Closed => 0,
    };
    let simple = |simple: &Simple| {
        simple.words.iter().map(word).sum::<usize>() + simple.redirections.iter().map(target).sum::<usize>()
    };
    let loose = reading.redirections.iter().map(|(redirection, _)| target(redirection));
    reading.commands.iter().map(simple).chain(loose).sum()
}

/// What would grow with each command of the text (a variable that is set to itself twice) stays small, and is told.
#[test]
fn nothing_grows_without_end() {
    let policies = [shipped("listed"), shipped("shell")];
    for (name, text) in hostile::texts() {
        assert!(text.len() <= caps::LENGTH, "{name}");
        for (policy, stance) in policies.iter().zip([Stance::Bare, Stance::Contained]) {
            let judged = judged(policy, &text, stance);
            // A wrapper's words are those of what it runs, too.
            let most = (caps::LENGTH + caps::GROWTH) * (caps::NESTING + 1);
            assert!(size(&judged.reading) <= most, "{name}: {}", size(&judged.reading));
            assert!(judged.reading.opaque.len() <= 12 * caps::TOLD, "{name}");
        }
        if ["doubled", "braces of a long", "wrappers deep", "replaced"].iter().any(|start| name.starts_with(start)) {
            let reading = policies[0].read_text(&text, &From { cwd: None, home: None });
            assert!(reading.opaque.iter().any(|opaque| opaque.why == Why::TooMuch), "{name}: {:?}", reading.opaque);
        }
    }
    // What people write is far from that.
    for text in [
        "x=a; x=$x$x; x=$x$x; echo $x",
        "mkdir -p src/{a,b,c}/{1..20}",
        "for f in {1..100}; do touch file-$f; done",
        "env nice -n 5 timeout 10 nohup xargs -n 1 env ls",
        "PATHS=\"$HOME/a:$HOME/b\"; echo \"$PATHS\" \"$PATHS\"",
    ] {
        let reading = policies[0].read_text(text, &From { cwd: None, home: Some(abs("/home/me")) });
        assert!(reading.opaque.iter().all(|opaque| opaque.why != Why::TooMuch), "{text}: {:?}", reading.opaque);
    }
}
