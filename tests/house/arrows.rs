//! Arrows point down only: which crate may name which, who may be asynchronous, where `unsafe` may stand.

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use crate::tree::{self, File};
use crate::{Faults, finds, hold};

/// Crate, and the crates of the house that it may name. Neighbours never meet.
const ALLOWED: &[(&str, &[&str])] = &[
    ("tollgate-policy", &[]),
    ("tollgate-sys", &[]),
    ("tollgate-wire", &["policy"]),
    ("tollgate-ledger", &["policy"]),
    ("tollgate-launch", &["policy", "sys", "wire", "ledger"]),
    ("tollgate-hands", &["policy", "sys", "deputy"]),
    ("tollgate-deputy", &["policy"]),
    ("tollgate-limits", &["policy", "sys"]),
    ("tollgate-supervise", &["policy", "sys", "wire", "ledger", "hands", "deputy", "limits"]),
    ("tollgate-egress", &["policy", "sys", "wire", "ledger"]),
    ("tollgate-stage", &["policy", "sys", "wire", "ledger"]),
    ("tollgate-approve", &["policy", "sys", "wire", "ledger"]),
    ("tollgate-hooks", &["policy", "sys", "wire", "ledger"]),
    ("tollgate-report", &["policy", "sys", "wire", "ledger"]),
    ("tollgate-notice", &["policy", "wire"]),
    ("tollgate-watch", &["policy", "wire"]),
    ("tollgate-web", &["policy", "wire", "ledger"]),
    ("tollgate-evidence", &["policy", "sys", "wire", "ledger", "deputy"]),
    ("tollgate-review", &["policy", "sys", "wire", "ledger"]),
    (
        "tollgate",
        &[
            "policy",
            "sys",
            "wire",
            "ledger",
            "launch",
            "supervise",
            "egress",
            "stage",
            "approve",
            "hooks",
            "report",
            "watch",
            "web",
            "evidence",
            "review",
            "notice",
        ],
    ),
    (
        "tollgate-tests",
        &[
            "policy",
            "sys",
            "wire",
            "ledger",
            "launch",
            "supervise",
            "egress",
            "stage",
            "approve",
            "hooks",
            "report",
            "evidence",
            "review",
        ],
    ),
];

/// Who may be asynchronous.
const ASYNC: [&str; 3] = ["tollgate-approve", "tollgate-web", "tollgate"];
const RUNTIMES: [&str; 5] = ["tokio", "async-std", "smol", "futures", "axum"];
/// A crate is named for what it is about, never for what it is to others.
const EMPTY_NAMES: [&str; 7] = ["core", "common", "shared", "types", "util", "utils", "lib"];
/// The one room with `unsafe`.
const UNSAFE_ROOM: &str = "broker/sys/";

/// What is wrong with one manifest. `cargo test` may use what the program may not, in the crate `tests` only.
fn manifest_faults(manifest: &File) -> Faults {
    let table: toml::Table = manifest.text.parse().unwrap_or_else(|e| panic!("{}: {e}", manifest.path));
    let Some(name) = table.get("package").and_then(|p| p.get("name")).and_then(toml::Value::as_str) else {
        return Faults::new();
    };
    let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
        return vec![format!("{}: `{name}` has no line in the table of arrows", manifest.path)];
    };
    let mut faults = Faults::new();
    if EMPTY_NAMES.iter().any(|empty| name.rsplit('-').next() == Some(empty)) {
        faults.push(format!("{}: `{name}` is named for nothing", manifest.path));
    }
    for dependency in dependencies(&table) {
        if let Some(room) = dependency.strip_prefix("tollgate-")
            && !allowed.contains(&room)
        {
            faults.push(format!("{}: `{name}` may not know `{dependency}`", manifest.path));
        }
        if RUNTIMES.contains(&dependency.as_str()) && !ASYNC.contains(&name) {
            faults.push(format!("{}: `{name}` may not be asynchronous (`{dependency}`)", manifest.path));
        }
    }
    faults
}

fn dependencies(table: &toml::Table) -> Vec<String> {
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let of = |table: &toml::Table| -> Vec<String> {
        let lists = kinds.iter().filter_map(|kind| table.get(*kind)?.as_table());
        lists.flat_map(|list| list.iter().map(|(name, value)| renamed(name, value))).collect()
    };
    let mut all = of(table);
    let targets = table.get("target").and_then(toml::Value::as_table);
    all.extend(targets.into_iter().flatten().filter_map(|(_, target)| target.as_table()).flat_map(of));
    all
}

/// The crate's own name, where the manifest gives it another.
fn renamed(name: &str, value: &toml::Value) -> String {
    value.get("package").and_then(toml::Value::as_str).unwrap_or(name).to_owned()
}

#[derive(Default)]
struct Unsafe(Vec<usize>);

impl<'ast> Visit<'ast> for Unsafe {
    fn visit_expr_unsafe(&mut self, node: &'ast syn::ExprUnsafe) {
        self.0.push(node.span().start().line);
        visit::visit_expr_unsafe(self, node);
    }
    fn visit_signature(&mut self, node: &'ast syn::Signature) {
        self.0.extend(node.unsafety.map(|word| word.span.start().line));
        visit::visit_signature(self, node);
    }
    fn visit_item_impl(&mut self, node: &'ast syn::ItemImpl) {
        self.0.extend(node.unsafety.map(|word| word.span.start().line));
        visit::visit_item_impl(self, node);
    }
    fn visit_item_foreign_mod(&mut self, node: &'ast syn::ItemForeignMod) {
        self.0.push(node.span().start().line);
        visit::visit_item_foreign_mod(self, node);
    }
}

/// `unsafe` outside its room.
fn unsafe_faults(file: &File) -> Faults {
    if file.path.starts_with(UNSAFE_ROOM) {
        return Faults::new();
    }
    let mut found = Unsafe::default();
    found.visit_file(&syn::parse_file(&file.text).unwrap_or_else(|e| panic!("{}: {e}", file.path)));
    found.0.iter().map(|line| format!("{}:{line}: `unsafe` outside {UNSAFE_ROOM}", file.path)).collect()
}

#[test]
fn crates_know_only_what_lies_below() {
    hold("arrows point down only", &tree::files("Cargo.toml").iter().flat_map(manifest_faults).collect());
}

#[test]
fn unsafe_stays_in_its_room() {
    hold("only sys is unsafe", &tree::files(".rs").iter().flat_map(unsafe_faults).collect());
}

fn manifest(text: &str) -> File {
    File { path: "x/Cargo.toml".into(), text: text.into() }
}

#[test]
fn a_planted_arrow_upwards_is_found() {
    let up = "[package]\nname = \"tollgate-policy\"\n[dependencies]\ntollgate-sys.workspace = true\n";
    finds(&manifest_faults(&manifest(up)), "may not know `tollgate-sys`");
    let neighbour =
        "[package]\nname = \"tollgate-launch\"\n[dev-dependencies]\nx = { package = \"tollgate-supervise\" }\n";
    finds(&manifest_faults(&manifest(neighbour)), "may not know `tollgate-supervise`");
    let target = "[package]\nname = \"tollgate-sys\"\n[target.'cfg(unix)'.dependencies]\ntokio = \"1\"\n";
    finds(&manifest_faults(&manifest(target)), "may not be asynchronous");
}

#[test]
fn a_planted_crate_is_found() {
    finds(&manifest_faults(&manifest("[package]\nname = \"tollgate-util\"\n")), "no line in the table");
}

#[test]
fn planted_unsafe_is_found() {
    let plant = |text: &str| unsafe_faults(&File { path: "policy/src/x.rs".into(), text: text.into() });
    finds(&plant("fn f() { unsafe { g() } }"), "x.rs:1");
    finds(&plant("\nunsafe fn f() {}"), "x.rs:2");
    finds(&plant("unsafe impl Send for X {}"), "x.rs:1");
    finds(&plant("unsafe extern \"C\" { fn f(); }"), "x.rs:1");
    assert!(plant("// unsafe\nfn f() -> &'static str { \"unsafe {}\" }").is_empty());
}
