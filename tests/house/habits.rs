//! Words and habits that stay out. What clippy knows (unwrap, panic, printing) is in the workspace's lints.

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use crate::tree::{self, File};
use crate::{Faults, finds, hold};

/// Words that say nothing in a type's name.
const EMPTY_WORDS: [&str; 9] =
    ["Manager", "Handler", "Helper", "Helpers", "Util", "Utils", "Info", "Data", "Processor"];
/// Names of files where things go to grow, in a program's source.
const EMPTY_FILES: [&str; 7] = ["util", "utils", "helper", "helpers", "common", "misc", "shared"];
/// Macros that stand for work not done.
const UNDONE: [&str; 2] = ["todo", "unimplemented"];

struct Habits<'a> {
    path: &'a str,
    faults: Faults,
}

impl Habits<'_> {
    fn fault(&mut self, span: proc_macro2::Span, what: &str) {
        self.faults.push(format!("{}:{}: {what}", self.path, span.start().line));
    }

    fn type_name(&mut self, name: &syn::Ident) {
        let text = name.to_string();
        if let Some(word) = words(&text).into_iter().find(|word| EMPTY_WORDS.contains(word)) {
            self.fault(name.span(), &format!("`{text}`: `{word}` says nothing"));
        }
    }
}

/// The words of a name in camel case.
fn words(name: &str) -> Vec<&str> {
    let starts: Vec<usize> = name.char_indices().filter(|(_, c)| c.is_uppercase()).map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([name.len()]);
    starts.iter().copied().zip(ends).filter_map(|(from, to)| name.get(from..to)).collect()
}

impl<'ast> Visit<'ast> for Habits<'_> {
    fn visit_item_struct(&mut self, node: &'ast syn::ItemStruct) {
        self.type_name(&node.ident);
        visit::visit_item_struct(self, node);
    }
    fn visit_item_enum(&mut self, node: &'ast syn::ItemEnum) {
        self.type_name(&node.ident);
        visit::visit_item_enum(self, node);
    }
    fn visit_item_trait(&mut self, node: &'ast syn::ItemTrait) {
        self.type_name(&node.ident);
        visit::visit_item_trait(self, node);
    }
    fn visit_item_type(&mut self, node: &'ast syn::ItemType) {
        self.type_name(&node.ident);
        visit::visit_item_type(self, node);
    }
    fn visit_signature(&mut self, node: &'ast syn::Signature) {
        if node.ident.to_string().starts_with("get_") {
            self.fault(node.ident.span(), &format!("`{}`: the house does not say `get_`", node.ident));
        }
        visit::visit_signature(self, node);
    }
    fn visit_attribute(&mut self, node: &'ast syn::Attribute) {
        if node.path().is_ident("ignore") {
            self.fault(node.span(), "a test is never ignored: it says why it can't run");
        }
        visit::visit_attribute(self, node);
    }
    fn visit_macro(&mut self, node: &'ast syn::Macro) {
        if let Some(word) = UNDONE.iter().find(|word| node.path.is_ident(word)) {
            self.fault(node.span(), &format!("`{word}!` stands for work not done"));
        }
        visit::visit_macro(self, node);
    }
}

fn habit_faults(file: &File) -> Faults {
    let mut found = Habits { path: &file.path, faults: Faults::new() };
    found.visit_file(&syn::parse_file(&file.text).unwrap_or_else(|e| panic!("{}: {e}", file.path)));
    found.faults
}

/// The first line says what the room is for.
fn first_line_faults(file: &File) -> Faults {
    let said = file
        .text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("//! "))
        .is_some_and(|line| line.len() > 7 && !line.starts_with('('));
    if said {
        Faults::new()
    } else {
        vec![format!("{}:1: the first line says what the file is for, after `//! `", file.path)]
    }
}

fn file_name_faults(file: &File) -> Faults {
    let inside = file.path.split_once("/src/").map_or("", |(_, inside)| inside);
    let empty = inside.split('/').find(|part| EMPTY_FILES.contains(&part.trim_end_matches(".rs")));
    empty.map(|part| format!("{}: `{part}` says nothing", file.path)).into_iter().collect()
}

#[test]
fn words_and_habits_stay_out() {
    hold("words and habits", &tree::files(".rs").iter().flat_map(habit_faults).collect());
}

#[test]
fn first_lines_speak() {
    hold("first lines", &tree::files(".rs").iter().flat_map(first_line_faults).collect());
}

#[test]
fn file_names_speak() {
    hold("names of files", &tree::files(".rs").iter().flat_map(file_name_faults).collect());
}

fn planted(text: &str) -> File {
    File { path: "policy/src/x.rs".into(), text: text.into() }
}

#[test]
fn planted_words_are_found() {
    finds(&habit_faults(&planted("struct RunManager;")), "`Manager`");
    finds(&habit_faults(&planted("enum ExecInfo {}")), "`Info`");
    finds(&habit_faults(&planted("type DataSet = u8;")), "`Data`");
    finds(&habit_faults(&planted("trait Helper {}")), "`Helper`");
    finds(&habit_faults(&planted("impl X { fn get_x(&self) {} }")), "`get_`");
    assert!(habit_faults(&planted("struct Metadata; struct Informed; fn getter() {}")).is_empty());
}

#[test]
fn planted_habits_are_found() {
    finds(&habit_faults(&planted("#[test]\n#[ignore = \"slow\"]\nfn f() {}")), "x.rs:2");
    finds(&habit_faults(&planted("fn f() { todo!() }")), "`todo!`");
    finds(&habit_faults(&planted("fn f() { unimplemented!(\"later\") }")), "`unimplemented!`");
}

#[test]
fn a_planted_silent_file_is_found() {
    finds(&first_line_faults(&planted("use std::fs;\n")), "x.rs:1");
    finds(&first_line_faults(&planted("//! x\n")), "x.rs:1");
    finds(&first_line_faults(&planted("//! (being laid)\n")), "x.rs:1");
    finds(&file_name_faults(&File { path: "broker/cli/src/utils.rs".into(), text: String::new() }), "`utils.rs`");
}
