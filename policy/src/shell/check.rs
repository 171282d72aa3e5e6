//! The second reading: `rable`, a parser of all of bash by others, must see the same commands with the same words, operators and
//! redirections. Substitutions within words are compared by whoever walks them, each by itself.

use std::borrow::Cow;

use rable::{ListOperator, Node, NodeKind};

use super::reading::Span;
use super::tree::{Aim, Command, Here, Item, Joint, List, Pipeline, Plain, Redirect, Shape, Text};

/// Whether both parsers read a text in one way. `offset` is where spans begin to count in it.
pub(super) fn agrees(text: &str, (list, heres): (&List, &[Here]), offset: usize) -> bool {
    // It looks at all that follows for each brace that opens in a word.
    if text.bytes().filter(|byte| *byte == b'{').count() > 512 {
        return false;
    }
    let Ok(nodes) = rable::parse(text, false) else { return false };
    let mut theirs = Vec::with_capacity(32);
    for node in &nodes {
        their_node(node, &mut theirs);
    }
    let mut ours = Ours { text, offset, heres, marks: Vec::with_capacity(32) };
    ours.list(list);
    ours.marks == theirs
}

/// What both must agree on, in the order in which it is written.
#[derive(Debug, PartialEq, Eq)]
enum Mark<'a> {
    /// A reserved word, an operator, or what begins here.
    Sign(&'static str),
    /// A word as it is written, without continued lines.
    Word(Cow<'a, str>),
    /// An operator and its target.
    Redirect(&'a str, Cow<'a, str>),
    /// A heredoc's delimiter and body.
    Here(&'a str, &'a str),
}

fn word(text: &str) -> Cow<'_, str> {
    if text.contains("\\\n") { Cow::Owned(text.replace("\\\n", "")) } else { Cow::Borrowed(text) }
}

fn squeezed(texts: &[&str]) -> Cow<'static, str> {
    let mut squeezed = texts.join(";");
    squeezed.retain(|c| !c.is_ascii_whitespace());
    Cow::Owned(squeezed)
}

struct Ours<'a> {
    text: &'a str,
    /// Where the text starts, for the spans.
    offset: usize,
    heres: &'a [Here],
    marks: Vec<Mark<'a>>,
}

impl<'a> Ours<'a> {
    fn sign(&mut self, sign: &'static str) {
        self.marks.push(Mark::Sign(sign));
    }

    fn word(&mut self, span: Span) {
        self.marks.push(Mark::Word(word(self.slice(span))));
    }

    fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start.saturating_sub(self.offset)..span.end.saturating_sub(self.offset)).unwrap_or_default()
    }

    fn list(&mut self, list: &'a List) {
        for Item { first, rest, background } in &list.items {
            self.pipeline(first);
            for (joint, pipeline) in rest {
                self.sign(if *joint == Joint::And { "&&" } else { "||" });
                self.pipeline(pipeline);
            }
            if *background {
                self.sign("&");
            }
        }
    }

    fn pipeline(&mut self, pipeline: &'a Pipeline) {
        for (number, command) in pipeline.commands.iter().enumerate() {
            if number > 0 {
                self.sign("|");
            }
            self.command(command);
        }
    }

    fn command(&mut self, command: &'a Command) {
        match &command.shape {
            Shape::Simple(plain) => self.simple(plain),
            Shape::Subshell(list) => self.group(("(", ")"), list),
            Shape::Group(list) => self.group(("{", "}"), list),
            Shape::If(arms, otherwise) => self.condition(arms, otherwise.as_ref()),
            Shape::While(test, body) => {
                self.group(("while", "do"), test);
                self.group(("", "done"), body);
            }
            Shape::For(name, words, body) => {
                self.sign("for");
                self.marks.push(Mark::Word(Cow::Borrowed(name)));
                match words {
                    Some(words) => words.iter().for_each(|word| self.word(word.span)),
                    None => self.marks.push(Mark::Word(Cow::Borrowed("\"$@\""))),
                }
                self.group(("do", "done"), body);
            }
            Shape::ForArithmetic(text, body) => {
                self.sign("for");
                self.marks.push(Mark::Word(squeezed(&[self.slice(text.span)])));
                self.group(("do", "done"), body);
            }
            Shape::Case(word, arms) => {
                self.sign("case");
                self.word(word.span);
                for arm in arms {
                    self.sign("pattern");
                    arm.patterns.iter().for_each(|pattern| self.word(pattern.span));
                    self.group((")", ";;"), &arm.body);
                }
                self.sign("esac");
            }
            Shape::Function(name, body) => {
                self.sign("function");
                self.marks.push(Mark::Word(Cow::Borrowed(name)));
                self.command(body);
            }
            Shape::Coproc(body) => {
                self.sign("coproc");
                self.command(body);
            }
            Shape::Arithmetic(text) => {
                self.sign("((");
                self.word(text.span);
            }
            Shape::Test(words) => {
                self.sign("[[");
                for text in
                    words.iter().filter(|text| !matches!(text.bare(), Some("-n" | "!" | "(" | ")" | "&&" | "||")))
                {
                    self.word(text.span);
                }
                self.sign("]]");
            }
        }
        self.redirects(&command.redirects);
    }

    fn condition(&mut self, arms: &'a [(List, List)], otherwise: Option<&'a List>) {
        for (number, (test, body)) in arms.iter().enumerate() {
            if number > 0 {
                self.sign("else");
            }
            self.group(("if", "then"), test);
            self.list(body);
        }
        if let Some(otherwise) = otherwise {
            self.sign("else");
            self.list(otherwise);
        }
        for _ in arms {
            self.sign("fi");
        }
    }

    fn group(&mut self, (opens, closes): (&'static str, &'static str), list: &'a List) {
        self.sign(opens);
        self.list(list);
        self.sign(closes);
    }

    fn simple(&mut self, plain: &'a Plain) {
        self.sign("command");
        let assigned = plain.assignments.iter().map(|assign| assign.span);
        let mut spans: Vec<Span> = assigned.chain(plain.words.iter().map(|word: &Text| word.span)).collect();
        spans.sort_unstable();
        for span in spans {
            self.word(span);
        }
        self.redirects(&plain.redirects);
    }

    fn redirects(&mut self, redirects: &'a [Redirect]) {
        for redirect in redirects {
            match &redirect.target {
                Aim::Here(number) => {
                    let here = self.heres.get(*number).map(|here| (&*here.delimiter, &*here.raw)).unwrap_or_default();
                    self.marks.push(Mark::Here(here.0, here.1));
                }
                Aim::Word(text) => {
                    let target = word(self.slice(text.span));
                    let copies = matches!(redirect.operator, ">&" | "<&");
                    let mark = match target.strip_suffix('-').filter(|_| copies) {
                        Some("") => Mark::Redirect(">&-", Cow::Borrowed("0")),
                        Some(number) => Mark::Redirect(redirect.operator, Cow::Owned(number.to_owned())),
                        // `|&`, which is written nowhere.
                        None if text.span.start == text.span.end => Mark::Redirect(">&", Cow::Borrowed("1")),
                        None => Mark::Redirect(redirect.operator, target),
                    };
                    self.marks.push(mark);
                }
            }
        }
    }
}

fn their_group<'a>((opens, closes): (&'static str, &'static str), node: &'a Node, marks: &mut Vec<Mark<'a>>) {
    marks.push(Mark::Sign(opens));
    their_node(node, marks);
    marks.push(Mark::Sign(closes));
}

fn their_nodes<'a>(nodes: &'a [Node], marks: &mut Vec<Mark<'a>>) {
    for node in nodes {
        their_node(node, marks);
    }
}

/// Adds what a node of theirs comes to.
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest is in the next two")]
fn their_node<'a>(node: &'a Node, marks: &mut Vec<Mark<'a>>) {
    match &node.kind {
        NodeKind::Word { value, .. } | NodeKind::CondTerm { value, .. } => marks.push(Mark::Word(word(value))),
        NodeKind::Command { assignments, words, redirects } => {
            marks.push(Mark::Sign("command"));
            their_nodes(assignments, marks);
            their_nodes(words, marks);
            their_nodes(redirects, marks);
        }
        NodeKind::Pipeline { commands, .. } => {
            for (number, command) in commands.iter().enumerate() {
                if number > 0 {
                    marks.push(Mark::Sign("|"));
                }
                their_node(command, marks);
            }
        }
        NodeKind::List { items } => {
            for item in items {
                their_node(&item.command, marks);
                match item.operator {
                    Some(ListOperator::And) => marks.push(Mark::Sign("&&")),
                    Some(ListOperator::Or) => marks.push(Mark::Sign("||")),
                    Some(ListOperator::Background) => marks.push(Mark::Sign("&")),
                    Some(ListOperator::Semi) | None => {}
                }
            }
        }
        NodeKind::Redirect { op, target, .. } => {
            if let NodeKind::Word { value, .. } = &target.kind {
                marks.push(Mark::Redirect(op, word(value)));
            }
        }
        NodeKind::HereDoc { delimiter, content, .. } => marks.push(Mark::Here(delimiter, content)),
        NodeKind::Negation { pipeline: inner } | NodeKind::Time { pipeline: inner, .. } => their_node(inner, marks),
        NodeKind::Coproc { command, .. } => {
            marks.push(Mark::Sign("coproc"));
            their_node(command, marks);
        }
        NodeKind::Function { name, body } => {
            marks.push(Mark::Sign("function"));
            marks.push(Mark::Word(Cow::Borrowed(name)));
            their_node(body, marks);
        }
        NodeKind::Empty | NodeKind::Comment { .. } => {}
        _ => their_compound(node, marks),
    }
}

/// Adds a group, condition or loop of theirs.
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest is in the next one")]
fn their_compound<'a>(node: &'a Node, marks: &mut Vec<Mark<'a>>) {
    let redirects = match &node.kind {
        NodeKind::If { condition, then_body, else_body, redirects } => {
            their_group(("if", "then"), condition, marks);
            their_node(then_body, marks);
            if let Some(otherwise) = else_body {
                marks.push(Mark::Sign("else"));
                their_node(otherwise, marks);
            }
            marks.push(Mark::Sign("fi"));
            redirects
        }
        NodeKind::While { condition, body, redirects } | NodeKind::Until { condition, body, redirects } => {
            their_group(("while", "do"), condition, marks);
            their_group(("", "done"), body, marks);
            redirects
        }
        NodeKind::For { var, words, body, redirects } | NodeKind::Select { var, words, body, redirects } => {
            marks.push(Mark::Sign("for"));
            marks.push(Mark::Word(Cow::Borrowed(var)));
            their_nodes(words.as_deref().unwrap_or_default(), marks);
            their_group(("do", "done"), body, marks);
            redirects
        }
        NodeKind::ForArith { init, cond, incr, body, redirects } => {
            marks.push(Mark::Sign("for"));
            marks.push(Mark::Word(squeezed(&[init, cond, incr])));
            their_group(("do", "done"), body, marks);
            redirects
        }
        NodeKind::Case { word, patterns, redirects } => {
            marks.push(Mark::Sign("case"));
            their_node(word, marks);
            for arm in patterns {
                marks.push(Mark::Sign("pattern"));
                their_nodes(&arm.patterns, marks);
                marks.push(Mark::Sign(")"));
                arm.body.iter().for_each(|body| their_node(body, marks));
                marks.push(Mark::Sign(";;"));
            }
            marks.push(Mark::Sign("esac"));
            redirects
        }
        NodeKind::Subshell { body, redirects } => {
            their_group(("(", ")"), body, marks);
            redirects
        }
        NodeKind::BraceGroup { body, redirects } => {
            their_group(("{", "}"), body, marks);
            redirects
        }
        NodeKind::ArithmeticCommand { redirects, raw_content, .. } => {
            marks.push(Mark::Sign("(("));
            marks.push(Mark::Word(word(raw_content)));
            redirects
        }
        NodeKind::ConditionalExpr { body, redirects } => {
            their_group(("[[", "]]"), body, marks);
            redirects
        }
        _ => return their_test(node, marks),
    };
    their_nodes(redirects, marks);
}

/// Adds a part of `[[ … ]]` of theirs. What is none is another reading.
#[expect(clippy::wildcard_enum_match_arm, reason = "what is not read by us is another reading")]
fn their_test<'a>(node: &'a Node, marks: &mut Vec<Mark<'a>>) {
    match &node.kind {
        NodeKind::UnaryTest { op, operand } => {
            // They write `-n` where nothing is written.
            if op != "-n" {
                marks.push(Mark::Word(Cow::Borrowed(op)));
            }
            their_node(operand, marks);
        }
        NodeKind::BinaryTest { op, left, right } => {
            their_node(left, marks);
            marks.push(Mark::Word(Cow::Borrowed(op)));
            their_node(right, marks);
        }
        NodeKind::CondAnd { left, right } | NodeKind::CondOr { left, right } => {
            their_node(left, marks);
            their_node(right, marks);
        }
        NodeKind::CondNot { operand: inner } | NodeKind::CondParen { inner } => their_node(inner, marks),
        _ => marks.push(Mark::Sign("?")),
    }
}
