//! Licences of everything that is linked in: each must be on the list. Reads what cargo knows, offline.

use std::process::Command;

use crate::tree;
use crate::{Faults, finds, hold};

/// Licences under which a part may be used in a program that is MIT OR Apache-2.0.
const FINE: [&str; 12] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    // the list of the web's root certificates
    "CDLA-Permissive-2.0",
    "ISC",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "0BSD",
];

/// Whether an SPDX expression can be met from the list: `OR` needs one side, `AND` both. `/` is an old form of `OR`.
fn is_fine(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], " ").replace('/', " OR ");
    let group = |text: &str| text.split(" AND ").all(|part| FINE.contains(&part.trim()));
    let any = |text: &str| text.split(" OR ").any(group);
    // `(A OR B) AND C` binds otherwise than the plain text: there each bracket must be met by itself.
    if expression.contains('(') && expression.contains(" AND ") {
        expression.split(" AND ").all(|part| any(part.trim().trim_start_matches('(').trim_end_matches(')')))
    } else {
        any(&plain)
    }
}

/// Packages in `cargo metadata`'s answer that say no licence, or one that isn't on the list.
fn licence_faults(metadata: &serde_json::Value) -> Faults {
    let packages = metadata.get("packages").and_then(serde_json::Value::as_array);
    let text = |package: &serde_json::Value, key| {
        package.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    };
    let bad = packages.into_iter().flatten().filter(|package| !is_fine(&text(package, "license")));
    bad.map(|p| {
        format!("{} {}: licence `{}` is not on the list", text(p, "name"), text(p, "version"), text(p, "license"))
    })
    .collect()
}

#[test]
fn parts_have_fine_licences() {
    let Some(cargo) = std::env::var_os("CARGO") else {
        return tollgate_tests::skip("licences: no cargo where the tests run; `.ci/run` runs them where there is one");
    };
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", &target])
        .current_dir(tree::root())
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo speaks JSON");
    let count = metadata.get("packages").and_then(serde_json::Value::as_array).map_or(0, Vec::len);
    assert!(count > 20, "only {count} packages: not the whole graph");
    hold("licences", &licence_faults(&metadata));
}

#[test]
fn expressions_are_read() {
    let table = [
        ("MIT OR Apache-2.0", true),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0-only", false),
        ("GPL-2.0 OR MIT", true),
        ("MIT AND GPL-2.0", false),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("(MIT OR Apache-2.0) AND CC-BY-NC-4.0", false),
        ("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", true),
        ("", false),
    ];
    for (expression, fine) in table {
        assert_eq!(is_fine(expression), fine, "{expression}");
    }
}

#[test]
fn a_planted_licence_is_found() {
    let planted = serde_json::json!({"packages": [
        {"name": "a", "version": "1.0.0", "license": "MIT"},
        {"name": "b", "version": "2.0.0", "license": "AGPL-3.0"},
    ]});
    finds(&licence_faults(&planted), "b 2.0.0");
    finds(
        &licence_faults(&serde_json::json!({"packages": [{"name": "c", "version": "1.0.0", "license": null}]})),
        "c 1.0.0",
    );
}
