//! The loader of policies: whatever stands in a file, it is loaded or refused with what is wrong, where; it never panics, and
//! what was loaded can be judged by, lowered and said again. `TOLLGATE_LONG=N` tries N times as many.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may")]

mod common;

use common::{abs, place};
use proptest::prelude::*;
use tollgate_policy::action::{Access, Action, PathAccess};
use tollgate_policy::{Document, Grants, Layer, Policy, Subject, parse};

/// Policies to be bent: those that are shipped, and those of the tests, good and bad.
fn seeds() -> Vec<String> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let mut seeds = Vec::new();
    for folder in ["profiles", "policy/tests/profiles/invalid", "policy/tests/profiles/valid"] {
        let Ok(entries) = std::fs::read_dir(format!("{root}/{folder}")) else { continue };
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let texts = paths.iter().filter(|path| path.extension().is_some_and(|end| end == "toml"));
        seeds.extend(texts.map(|path| std::fs::read_to_string(path).unwrap()).filter(|text| text.len() < 20_000));
    }
    seeds
}

fn shipped(name: &str) -> Option<Document> {
    let file = format!("{}/../profiles/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    parse(name, &std::fs::read_to_string(file).ok()?).ok()
}

fn tried(text: &str) -> Result<(), TestCaseError> {
    let document = match parse("p.toml", text) {
        Ok(document) => document,
        Err(faults) => {
            prop_assert!(!faults.to_string().trim().is_empty(), "nothing is said of {text:?}");
            return Ok(());
        }
    };
    for layer in [Layer::System, Layer::Project { trusted: false }] {
        let layers = vec![(layer, document.clone())];
        let Ok(policy) = Policy::assemble(layers, &shipped, &place()) else { continue };
        let action = Action::Path(PathAccess { path: abs("/home/me/w/a"), access: Access::Write });
        let _verdict = policy.judge(&Subject::default(), &action, &Grants::default(), 0);
        let _boundary = policy.lower();
    }
    Ok(())
}

fn config() -> ProptestConfig {
    let times = std::env::var("TOLLGATE_LONG").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    ProptestConfig { failure_persistence: None, cases: 48_u32.saturating_mul(times), ..ProptestConfig::default() }
}

/// What may stand where something else is wanted.
const ODD: &[&str] = &[
    "",
    "\"",
    "'''",
    "\"\"\"",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ",",
    ".",
    "#",
    "\n",
    "\0",
    "\u{202e}",
    "é",
    "-1",
    "0",
    "1e400",
    "inf",
    "nan",
    "9223372036854775807",
    "9223372036854775808",
    "true",
    "[]",
    "{}",
    "[[[[[[[[",
    "\"*\"",
    "\"**\"",
    "\"/\"",
    "\"..\"",
    "\"${HOME}\"",
    "\"${\"",
    "\"~\"",
    "\"\\u0000\"",
    "\"\\x\"",
    "\"[\"",
    "\"{a,\"",
    "\"!\"",
    "1979-05-27",
    "version = 2\n",
    "extends = [\"base\"]\n",
    "extends = [\"nobody\"]\n",
    "[[command]]\n",
    "[defaults]\n",
    "a.b.c.d = 1\n",
];

proptest! {
    #![proptest_config(config())]

    #[test]
    fn bent_policies(
        pick in any::<prop::sample::Index>(),
        bends in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..30, prop::sample::select(ODD)), 1..4),
    ) {
        let seeds = seeds();
        let mut text = pick.get(&seeds).clone();
        for (at, cut, with) in bends {
            let at = text.floor_char_boundary(at.index(text.len() + 1));
            let end = text.floor_char_boundary((at + cut).min(text.len()));
            text.replace_range(at..end, with);
        }
        tried(&text)?;
    }

    /// Lines of one in another, twice, or in another order.
    #[test]
    fn mixed_policies(picks in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1_usize..8), 1..6)) {
        let seeds = seeds();
        let mut text = "version = 1\n".to_owned();
        for (pick, from, count) in picks {
            let lines: Vec<&str> = pick.get(&seeds).lines().collect();
            let from = from.index(lines.len().max(1));
            for line in lines.iter().skip(from).take(count) {
                text.push_str(line);
                text.push('\n');
            }
        }
        tried(&text)?;
    }

    #[test]
    fn any_text(text in "\\PC{0,200}") {
        tried(&text)?;
    }
}

/// What nests or repeats is refused or loaded, not followed until the stack ends.
#[test]
fn deep_and_long() {
    let full = |piece: &str| piece.repeat(60_000 / piece.len());
    let table = [
        format!("version = {}", full("[")),
        format!("a = {}", full("{a=")),
        full("[a]\n"),
        format!("[{}a]", full("a.")),
        format!("{}a = 1", full("a.")),
        format!("[roots]\nwrite = [{}]", full("\"/a\",")),
        format!("[roots]\nwrite = [\"/{}\"]", full("*")),
        format!("[roots]\nwrite = [\"/{}\"]", full("{a,")),
        format!("[roots]\nwrite = [\"/{}\"]", full("a/")),
        format!("version = 1\n{}", full("[[command]]\n")),
        format!("version = 1\n# {}", full("x")),
    ];
    for text in table {
        tried(&text).unwrap();
    }
}
