//! The first questions about paths are answered by a look at each glob and root, later ones by an index of them: both must
//! hear the same rules. `TOLLGATE_LONG=N` tries N times as many.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::disallowed_methods, reason = "a test may")]

mod common;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use common::{abs, layer};
use proptest::prelude::*;
use tollgate_policy::action::{Access, Action, PathAccess};
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;
use tollgate_policy::{Document, Explanation, Place, Policy, parse};

/// Parts of paths; most are plain, and some bytes are no UTF-8.
const PARTS: [&[u8]; 16] = [
    b"a",
    b"b",
    b"ab",
    b"a.b",
    b".b",
    b"w",
    b"home",
    b"me",
    b"run",
    b"etc",
    b"x y",
    b"a\xcc\x81",
    b"[a]",
    b"{b}",
    b"\xff",
    b"**",
];

fn path() -> impl Strategy<Value = AbsPath> {
    let part = prop::sample::select(PARTS.to_vec());
    let front = prop::sample::select(vec!["", "/home/me", "/home/me/w", "/tmp/run", "/home/[me]", "/home/me/w/a"]);
    (front, prop::collection::vec(part, 0..5)).prop_map(|(front, parts)| {
        let bytes: Vec<u8> =
            parts.iter().fold(front.as_bytes().to_vec(), |path, part| [&path, b"/".as_slice(), part].concat());
        let bytes = if bytes.is_empty() { b"/".to_vec() } else { bytes };
        AbsPath::try_from(Raw::from(OsString::from_vec(bytes))).unwrap()
    })
}

/// Where a policy stands; homes and workspaces may be the root, hold what is special in a glob, or no UTF-8.
fn place() -> impl Strategy<Value = Place> {
    let usual = || prop::sample::select(vec!["/home/me", "/home/[me]", "/", "/a", "/home/me/w"]).prop_map(abs);
    let base = move || prop_oneof![5 => usual(), 1 => path()];
    (base(), base(), base(), base()).prop_map(|(home, workspace, temp, odd)| Place {
        state: home.join("state").unwrap(),
        variables: [("ODD".to_owned(), Raw::from(odd))].into(),
        home,
        workspace,
        temp,
    })
}

fn start() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "/",
        "~/",
        "@workspace/",
        "@temp/",
        "@state/",
        "$ODD/",
        "$UNSET/",
        "/home/me/",
        "/a/",
        "//",
    ])
}

fn plain() -> impl Strategy<Value = String> {
    let part =
        prop::sample::select(vec!["a", "b", "ab", "a.b", ".b", "w", "home", "me", "run", "etc", "x y", "a\u{301}"]);
    prop::collection::vec(part, 0..4).prop_map(|parts| parts.join("/"))
}

fn glob() -> impl Strategy<Value = String> {
    let wild = [
        "*", "**", "*.b", "a*", "*b", "?", "[ab]", "{a,b}", "{a/b,w}", "a*.b", "\\[a]", ".*", "***", "*.{a,b}", "[!a]",
        "b*a",
    ];
    let part = prop_oneof![3 => plain(), 2 => prop::sample::select(wild.to_vec()).prop_map(str::to_owned)];
    let front = prop_oneof![2 => start(), 1 => Just(""), 1 => Just("**/")];
    let end = prop::sample::select(vec!["", "", "/", "/**", "/*", "/**/", "//a"]);
    (front, prop::collection::vec(part, 0..3), end)
        .prop_map(|(front, parts, end)| format!("{front}{}{end}", parts.join("/")))
}

fn root() -> impl Strategy<Value = String> {
    (start(), plain(), prop::sample::select(vec!["", "/", "//"]))
        .prop_map(|(front, parts, end)| format!("{front}{parts}{end}"))
}

/// A document of one rule or root; none if it may not be written so. The second glob is for the rule's example.
fn document(number: usize, text: &str) -> Option<Document> {
    parse(&format!("d{number}"), &format!("version = 1\n{text}")).ok()
}

fn rule(effect: &str, access: &str, glob: &str) -> String {
    format!(
        "[[path]]\neffect = \"{effect}\"\naccess = [{access}]\npaths = ['''{glob}''', \"/always\"]\nbecause = \"x\"\n\
         matches = [\"/always\"]\n"
    )
}

fn part() -> impl Strategy<Value = String> {
    let effect = prop::sample::select(vec!["allow", "ask", "deny"]);
    let access = prop::sample::select(vec!["\"read\"", "\"write\"", "\"read\", \"write\""]);
    let right = prop::sample::select(vec!["read", "exec", "write", "device"]);
    prop_oneof![
        4 => (effect, access, glob()).prop_map(|(effect, access, glob)| rule(effect, access, &glob)),
        2 => (right.clone(), root()).prop_map(|(right, root)| format!("[roots]\n{right} = ['''{root}''']\n")),
        1 => (right, root()).prop_map(|(right, root)| format!("[envelope]\n{right} = ['''{root}''']\n")),
    ]
}

fn told(policy: &Policy, path: &AbsPath, access: Access) -> Explanation {
    policy.explain(&Action::Path(PathAccess { path: path.clone(), access }))
}

fn config() -> ProptestConfig {
    let times = std::env::var("TOLLGATE_LONG").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    ProptestConfig { cases: 400_u32.saturating_mul(times), failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_look_at_each_hears_what_an_index_does(
        parts in prop::collection::vec((0_usize..6, part()), 1..12),
        place in place(),
        paths in prop::collection::vec(path(), 6),
    ) {
        let layers = ["built-in", "system", "person", "trusted", "project", "contract"];
        let documents = || {
            let each = parts.iter().enumerate();
            let written = each.filter_map(|(at, (of, text))| Some((layer(layers[*of]), document(at, text)?)));
            Policy::assemble(written.collect(), &|_| None, &place).unwrap()
        };
        let asked = documents();
        for _ in 0..10 {
            told(&asked, &abs("/"), Access::Read);
        }
        for path in &paths {
            for access in [Access::Read, Access::Write] {
                prop_assert_eq!(told(&documents(), path, access), told(&asked, path, access), "{:?}", path);
            }
        }
    }
}

/// That most of what is tried may be written at all, and is heard by somebody.
#[test]
fn something_is_heard() {
    for (text, path) in [
        (rule("deny", "\"read\"", "**/.b*"), "/x/.bc/d"),
        (rule("deny", "\"read\"", "*.b"), "/x/a.b"),
        (rule("deny", "\"write\"", "/a/**"), "/a"),
        (rule("deny", "\"write\"", "@workspace/a*/**"), "/home/me/w/ab"),
        (rule("deny", "\"read\"", "/a//b"), "/a/b"),
        ("[roots]\nwrite = [\"/a//b/\"]\n".to_owned(), "/a/b/c"),
    ] {
        let documents = vec![(layer("person"), document(0, &text).unwrap())];
        let policy = Policy::assemble(documents, &|_| None, &common::place()).unwrap();
        for time in 0..8 {
            let heard = [Access::Read, Access::Write].map(|access| told(&policy, &abs(path), access).rules.len());
            assert_ne!(heard, [0, 0], "{text} {time}");
        }
    }
}
