//! The schema has the keys that are read.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

use super::super::words;
use super::schema;

#[test]
fn keys_are_those_that_are_read() {
    let schema = schema();
    let keys = |of: &serde_json::Value| {
        let mut keys: Vec<String> = of["properties"].as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    let sorted = |keys: words::Keys| {
        let mut keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&schema), sorted(words::TOP));
    for (name, known) in [
        ("Defaults", words::DEFAULTS.1),
        ("Roots", words::ROOTS.1),
        ("Network", words::NETWORK.1),
        ("Environment", words::ENVIRONMENT.1),
        ("Limits", words::LIMITS),
        ("Kernel", words::KERNEL.1),
        ("Approvals", words::APPROVALS.1),
        ("Reviewer", words::REVIEWER.1),
        ("Envelope", words::ENVELOPE.1),
        ("Command", words::COMMAND.1),
        ("Path", words::PATH.1),
        ("Net", words::NET.1),
        ("Unix", words::UNIX.1),
        ("Tool", words::TOOL.1),
        ("Risk", words::RISK.1),
        ("Call", words::CALL.1),
        ("Program", words::PROGRAM.1),
        ("ArgTest", words::WHEN.1),
    ] {
        assert_eq!(keys(&schema["$defs"][name]), sorted(known), "{name}");
    }
}
