//! Shell text: whatever is written, it is read within the caps, with spans in bounds, and never allowed bare by accident.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod common;

use common::{abs, shipped};
use proptest::prelude::*;
use tollgate_policy::grant::Grants;
use tollgate_policy::shell::{From, Judged, Occasion, Reading, Span, Stance, Target, Why, caps};
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

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
