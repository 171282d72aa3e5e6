//! How big things get: a file, a function, a crate.

use std::collections::BTreeMap;

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use crate::tree::{self, File};
use crate::{Faults, finds, hold};

/// Lines at which a file is split.
const FILE: usize = 500;
/// Lines at which a function is split, from its name to its closing brace.
const FUNCTION: usize = 70;
/// Lines at which a crate is looked at again.
const CRATE: usize = 8000;

fn file_faults(file: &File) -> Faults {
    let lines = file.text.lines().count();
    let fault = format!("{}: {lines} lines, more than {FILE}", file.path);
    if lines > FILE { vec![fault] } else { Faults::new() }
}

#[derive(Default)]
struct Functions(Vec<(String, usize, usize)>);

impl Functions {
    fn note(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let (from, to) = (signature.span().start().line, block.span().end().line);
        self.0.push((signature.ident.to_string(), from, to + 1 - from));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        self.note(&node.sig, &node.block);
        visit::visit_item_fn(self, node);
    }
    fn visit_impl_item_fn(&mut self, node: &'ast syn::ImplItemFn) {
        self.note(&node.sig, &node.block);
        visit::visit_impl_item_fn(self, node);
    }
    fn visit_trait_item_fn(&mut self, node: &'ast syn::TraitItemFn) {
        if let Some(block) = &node.default {
            self.note(&node.sig, block);
        }
        visit::visit_trait_item_fn(self, node);
    }
}

fn function_faults(file: &File) -> Faults {
    let mut found = Functions::default();
    found.visit_file(&syn::parse_file(&file.text).unwrap_or_else(|e| panic!("{}: {e}", file.path)));
    let long = found.0.iter().filter(|(_, _, lines)| *lines > FUNCTION);
    long.map(|(name, line, lines)| format!("{}:{line}: `{name}` has {lines} lines, more than {FUNCTION}", file.path))
        .collect()
}

/// Crates that were looked at again, and how long they may be until the next look.
/// `policy`: half of it is the reader of shell text, which is judged by the rules' own index and can't stand below it.
const LOOKED_AT: [(&str, usize); 2] = [("broker/cli", 11_000), ("policy", 14_500)];

/// Lines of source by crate; a crate's own tests count, the crate `tests` doesn't.
fn crate_faults(files: &[File]) -> Faults {
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for file in files {
        if let Some((room, _)) = file.path.split_once("/src/") {
            *lines.entry(room).or_default() += file.text.lines().count();
        }
    }
    let limit = |room: &str| LOOKED_AT.iter().find(|(looked, _)| *looked == room).map_or(CRATE, |(_, lines)| *lines);
    let big = lines.iter().map(|(room, count)| (room, count, limit(room))).filter(|(_, count, limit)| *count > limit);
    big.map(|(room, count, limit)| format!("{room}: {count} lines, more than {limit}: look again")).collect()
}

#[test]
fn files_are_short() {
    hold("a file is split at 500 lines", &tree::files(".rs").iter().flat_map(file_faults).collect());
}

#[test]
fn functions_are_short() {
    hold("a function is split at 70 lines", &tree::files(".rs").iter().flat_map(function_faults).collect());
}

#[test]
fn crates_are_small() {
    hold("a crate is looked at again at 8000 lines", &crate_faults(&tree::files(".rs")));
}

fn planted(text: String) -> File {
    File { path: "policy/src/x.rs".into(), text }
}

#[test]
fn a_planted_long_file_is_found() {
    assert!(file_faults(&planted("//! x\n".repeat(FILE))).is_empty());
    finds(&file_faults(&planted("//! x\n".repeat(FILE + 1))), "501 lines");
}

#[test]
fn a_planted_long_function_is_found() {
    let body = |lines: usize| format!("impl X {{\n/// doc\nfn f() {{\n{}}}\n}}", "g();\n".repeat(lines));
    assert!(function_faults(&planted(body(FUNCTION - 2))).is_empty());
    finds(&function_faults(&planted(body(FUNCTION - 1))), "x.rs:3: `f` has 71 lines");
    let free = format!("fn f() {{ {} }}", "\n".repeat(FUNCTION));
    finds(&function_faults(&planted(free)), "`f`");
}

#[test]
fn a_planted_big_crate_is_found() {
    let crate_of = |text| File { path: "broker/sys/src/x.rs".into(), text };
    assert!(crate_faults(&[crate_of("x\n".repeat(CRATE))]).is_empty());
    finds(&crate_faults(&[crate_of("x\n".repeat(CRATE + 1))]), "broker/sys: 8001 lines");
}
