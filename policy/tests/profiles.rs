//! Files that are right load, files that are wrong say what is wrong, word for word. `UPDATE=1` writes the
//! expected texts anew, to be read before they are committed.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]
#![allow(clippy::disallowed_methods, reason = "a test reads its samples")]

use std::path::PathBuf;

use tollgate_policy::parse;

fn samples(kind: &str) -> Vec<PathBuf> {
    let dir = format!("{}/tests/profiles/{kind}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    files
}

fn name(path: &std::path::Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap()
}

#[test]
fn wrong_files_say_what_is_wrong() {
    let files = samples("invalid");
    assert!(files.len() >= 25, "only {} samples", files.len());
    let mut differing = String::new();
    for path in files {
        let faults = match parse(name(&path), &std::fs::read_to_string(&path).unwrap()) {
            Ok(_) => panic!("{} loads", name(&path)),
            Err(faults) => format!("{faults}\n"),
        };
        let expected = path.with_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&expected, &faults).unwrap();
        }
        if std::fs::read_to_string(&expected).unwrap_or_default() != faults {
            differing.push_str(&faults);
        }
    }
    assert!(differing.is_empty(), "not as expected:\n{differing}");
}

#[test]
fn right_files_load() {
    for path in samples("valid") {
        let text = std::fs::read_to_string(&path).unwrap();
        parse(name(&path), &text).unwrap_or_else(|faults| panic!("{faults}"));
    }
}

#[test]
fn the_schema_is_the_one_checked_in() {
    let path = format!("{}/../profiles/schema.json", env!("CARGO_MANIFEST_DIR"));
    let made = format!("{:#}\n", tollgate_policy::profile::schema());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), made, "run this test with UPDATE=1");
}
