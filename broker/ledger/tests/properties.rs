//! What holds for all records: redaction leaves records readable, the canonical form is one, groups don't matter.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is wrong")]

mod common;

use std::ops::ControlFlow;

use common::{record, started, verified};
use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_ledger::list::Filter;
use tollgate_ledger::record::{Event, Record, Recorder as _};
use tollgate_ledger::{Reader, Redactor, Writer, canonical};
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;

/// Words as they come in command lines, among them what the redactor looks for, whole and broken.
fn word() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "--password",
        "--token=",
        "=",
        "-p",
        "mysql",
        "curl",
        "-u",
        ":",
        "@",
        "://",
        "Authorization: ",
        "Bearer ",
        "\"",
        "'",
        "ghp_a1B2c3D4e5F6g7H8i9J0",
        "eyJhbGciOiJIUzI1NiJ9.",
        "-----BEGIN ",
        "PRIVATE KEY-----",
        "sk-",
        "é",
        "\u{202e}",
        "\0",
        "\n",
        " ",
        "hunter2hunter2",
        "[redacted:",
        "]",
        "$",
        "API_TOKEN",
        "/",
    ]);
    prop::collection::vec(prop_oneof![pieces.prop_map(str::to_owned), ".{0,4}"], 0..8).prop_map(|p| p.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(|m| m.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn a_redacted_record_is_still_a_record(
        words in prop::collection::vec(word(), 0..6),
        bytes in prop::collection::vec(any::<u8>(), 0..24),
        dir in "(/[a-z=@:-]{0,12}){1,3}",
        secret in word(),
    ) {
        let mut record = started("r", &words.iter().map(String::as_str).collect::<Vec<_>>());
        if let Event::RunStarted(run) = &mut record.event {
            run.argv.push(Raw(bytes));
            run.cwd = AbsPath::new(&dir).unwrap();
        }
        let redactor = Redactor::new().with_values([("A".into(), secret), ("B".into(), dir), ("C".into(), "run_started".into())]);
        let mut value = serde_json::to_value(&record).unwrap();
        redactor.value(&mut value);
        let parsed: Record = serde_json::from_value(value.clone()).unwrap();
        prop_assert_eq!(serde_json::to_value(parsed).unwrap(), value);
    }

    #[test]
    fn a_planted_token_never_stays(before in word(), after in word()) {
        let token = "glpat-a1B2c3D4e5F6g7H8i9J0";
        let text = format!("{before} {token} {after}");
        prop_assert!(!Redactor::new().text(&text).contains(token));
        let mut argv = json!({"argv": [before, token, after]});
        Redactor::new().value(&mut argv);
        prop_assert!(!argv.to_string().contains(token));
    }

    #[test]
    fn every_value_has_one_canonical_form(value in value()) {
        let bytes = canonical::of_value(&value).unwrap();
        prop_assert_eq!(canonical::read(&bytes).unwrap(), value.clone());
        let pretty = serde_json::to_vec_pretty(&value).unwrap();
        prop_assert_eq!(canonical::read(&pretty).is_ok(), pretty == bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn however_records_are_grouped_they_are_all_there(runs in prop::collection::vec(prop::collection::vec(0..3_u8, 0..40), 1..4)) {
        let dir = tempfile::tempdir().unwrap();
        let mut want = Vec::new();
        for steps in runs {
            let writer = Writer::open(dir.path());
            for step in steps {
                let record = record("r", want.len() as u64);
                want.push(record.clone());
                match step {
                    0 => writer.group(record).unwrap(),
                    1 => writer.group(record).and_then(|()| writer.flush()).unwrap(),
                    _ => writer.durable(record).unwrap(),
                }
            }
            writer.finish().unwrap();
        }
        let mut got = Vec::new();
        let reader = Reader::open(dir.path()).unwrap();
        reader.each(&Filter::default(), |_, record| { got.push(record); ControlFlow::Continue(()) }).unwrap();
        prop_assert_eq!(got, want);
        prop_assert!(verified(dir.path()).holds());
    }
}
