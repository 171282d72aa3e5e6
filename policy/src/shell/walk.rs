//! From the tree to what would run: in which order, where, with which words.

use super::caps;
use super::check;
use super::cursor::Budget;
use super::parse;
use super::reading::{
    Assignment, Context, Cwd, From, Opaque, Place, Reading, Redirection, Simple, Span, Value, Why, Word,
};
use super::table::Table;
use super::tree::{Body, Command, Here, Item, Joint, List, Pipeline, Plain, Script, Shape, Text, leaves};
use super::vars::{Changes, Held, Variables};

/// One reading in the making.
#[derive(Debug)]
pub(super) struct Walker<'t> {
    pub(super) table: Table<'t>,
    pub(super) reading: Reading,
    pub(super) variables: Variables,
    pub(super) cwd: Cwd,
    pub(super) context: Vec<Context>,
    home: Option<String>,
    /// The word that holds the text in reading; none for the text itself.
    pub(super) fixed: Option<Span>,
    texts: usize,
    /// Wrappers around wrappers, how many.
    pub(super) wrapped: usize,
    budget: Budget,
    /// What is left of [`caps::GROWTH`].
    pub(super) growth: usize,
    /// What is left of [`caps::AGAIN`].
    again: usize,
    pipelines: usize,
    /// Functions and traps change the directory whenever they like.
    adrift: bool,
    pub(super) by: Option<usize>,
}

/// Which shell reads a text within the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shell {
    /// `eval`: this one, now.
    Same,
    /// `trap`: this one, at any time.
    Later,
    /// `bash -c`: another one.
    New,
}

/// Reads a text with a table of wrappers.
pub(super) fn read(text: &str, from: &From, table: Table<'_>) -> Reading {
    let home = from.home.as_ref().and_then(|home| home.as_path().to_str()).map(str::to_owned);
    let mut walker = Walker {
        table,
        reading: Reading::default(),
        variables: Variables::new(home.as_deref()),
        cwd: from.cwd.clone().map_or(Cwd::Unknown, Cwd::Known),
        context: Vec::new(),
        home,
        fixed: None,
        texts: 0,
        wrapped: 0,
        budget: Budget::whole(),
        growth: caps::GROWTH,
        again: caps::AGAIN,
        pipelines: 0,
        adrift: false,
        by: None,
    };
    for span in super::characters::odd(text) {
        walker.reading.opaque.push(Opaque { why: Why::Characters, span });
    }
    match parse::script(text) {
        Err(fault) => {
            let start = text.floor_char_boundary(fault.at.min(text.len()));
            walker.reading.opaque.push(Opaque { why: fault.why, span: Span { start, end: text.len() } });
        }
        Ok((script, translated)) => {
            for at in translated {
                walker.reading.opaque.push(Opaque { why: Why::Words, span: Span { start: at, end: at + 1 } });
            }
            if !check::agrees(text, (&script.list, &script.heres), 0) {
                walker.reading.opaque.push(Opaque { why: Why::Disagreement, span: parse::whole(text) });
            }
            walker.list(&script.list, &script.heres);
        }
    }
    walker.reading
}

impl Walker<'_> {
    /// A span of the text in reading, in the whole text.
    pub(super) fn span(&self, span: Span) -> Span {
        self.fixed.unwrap_or(span)
    }

    pub(super) fn opaque(&mut self, why: Why, span: Span) {
        self.opaque_here(why, self.span(span));
    }

    /// A variable's value would be worked out, and with it what is in it.
    pub(super) fn lose_to_arithmetic(&mut self) {
        self.opaque(Why::Arithmetic, Span::default());
    }

    pub(super) fn place(&self) -> Place {
        Place { cwd: self.cwd.clone(), context: self.context.clone() }
    }

    pub(super) fn list(&mut self, list: &List, heres: &[Here]) {
        for item in &list.items {
            if item.background {
                self.apart(Context::Background, |walker| walker.item(item, heres));
            } else {
                self.item(item, heres);
            }
        }
    }

    /// Something in a shell of its own: what it sets is not set here.
    fn apart(&mut self, context: Context, walk: impl FnOnce(&mut Self)) {
        let (variables, cwd) = (self.variables.mark(), self.cwd.clone());
        self.context.push(context);
        walk(self);
        self.context.pop();
        self.variables.back_to(variables);
        self.cwd = cwd;
        if self.adrift {
            self.cwd = Cwd::Unknown;
        }
    }

    fn within(&mut self, context: Context, walk: impl FnOnce(&mut Self)) {
        self.context.push(context);
        walk(self);
        self.context.pop();
    }

    fn item(&mut self, item: &Item, heres: &[Here]) {
        let before = self.cwd.clone();
        if item.rest.is_empty() {
            self.pipeline(&item.first, heres);
            return self.uncertain(&before);
        }
        self.within(Context::Condition, |walker| walker.pipeline(&item.first, heres));
        if let [(Joint::Or, pipeline)] = item.rest.as_slice()
            && leaves(pipeline)
        {
            // `cd x || exit`: what follows runs in x, or not at all.
            let there = self.cwd.clone();
            self.within(Context::Branch, |walker| walker.pipeline(pipeline, heres));
            self.cwd = there;
            return;
        }
        let mut sure = 0;
        for (number, (joint, pipeline)) in item.rest.iter().enumerate() {
            if *joint == Joint::Or {
                // What stands before was forgotten at the last one, and is known again only by what came since.
                self.maybe(item.rest.get(sure..number).unwrap_or_default());
                self.uncertain(&before);
                sure = number;
            }
            self.within(Context::Branch, |walker| walker.pipeline(pipeline, heres));
        }
        self.maybe(&item.rest);
        self.uncertain(&before);
    }

    /// What these set may not have been set.
    fn maybe(&mut self, rest: &[(Joint, Pipeline)]) {
        for (_, pipeline) in rest {
            self.variables.forget(&Changes::of_pipeline(pipeline));
        }
    }

    /// A `cd` may have failed.
    fn uncertain(&mut self, before: &Cwd) {
        if self.cwd != *before {
            self.cwd = Cwd::Unknown;
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, heres: &[Here]) {
        let of = pipeline.commands.len();
        if let [only] = pipeline.commands.as_slice() {
            return self.command(only, heres);
        }
        let number = self.pipelines;
        self.pipelines += 1;
        for (at, command) in pipeline.commands.iter().enumerate() {
            self.apart(Context::Pipeline { number, at, of }, |walker| walker.command(command, heres));
        }
    }

    fn command(&mut self, command: &Command, heres: &[Here]) {
        for redirect in &command.redirects {
            let redirection = self.redirection(redirect, heres);
            let place = self.place();
            self.reading.redirections.push((redirection, place));
        }
        match &command.shape {
            Shape::Simple(plain) => self.simple(plain, command.span, heres),
            Shape::Subshell(list) => self.apart(Context::Subshell, |walker| walker.list(list, heres)),
            Shape::Group(list) => self.list(list, heres),
            Shape::If(arms, otherwise) => self.branches(arms, otherwise.as_ref(), heres),
            Shape::While(test, body) => self.repeated(&[test, body], |walker| {
                walker.within(Context::Condition, |walker| walker.list(test, heres));
                walker.list(body, heres);
            }),
            Shape::For(name, words, body) => self.each(name, words.as_deref(), body, heres),
            Shape::ForArithmetic(text, body) => {
                self.arithmetic_command(text);
                self.repeated(&[body], |walker| walker.list(body, heres));
            }
            Shape::Case(word, arms) => {
                self.bodies(word);
                let _tested = self.joined(word);
                let lists: Vec<&List> = arms.iter().map(|arm| &arm.body).collect();
                for arm in arms {
                    for pattern in &arm.patterns {
                        self.bodies(pattern);
                        let _tested = self.joined(pattern);
                    }
                    self.branch(&arm.body, heres);
                }
                self.behind(&Changes::of(&lists));
            }
            Shape::Function(name, body) => self.function(name, body, heres),
            Shape::Coproc(body) => {
                self.apart(Context::Background, |walker| walker.command(body, heres));
                self.variables.set("COPROC", Held::Unknown);
            }
            Shape::Arithmetic(text) => self.arithmetic_command(text),
            Shape::Test(words) => self.test(words),
        }
    }

    fn branches(&mut self, arms: &[(List, List)], otherwise: Option<&List>, heres: &[Here]) {
        for (test, body) in arms {
            self.within(Context::Condition, |walker| walker.list(test, heres));
            self.branch(body, heres);
        }
        if let Some(list) = otherwise {
            self.branch(list, heres);
        }
        let lists: Vec<&List> = arms.iter().flat_map(|(test, body)| [test, body]).chain(otherwise).collect();
        self.behind(&Changes::of(&lists));
    }

    fn branch(&mut self, list: &List, heres: &[Here]) {
        self.apart(Context::Branch, |walker| walker.list(list, heres));
    }

    /// Behind something that may have run or not.
    fn behind(&mut self, changes: &Changes) {
        self.variables.forget(changes);
        if changes.moves() {
            self.cwd = Cwd::Unknown;
        }
    }

    fn repeated(&mut self, lists: &[&List], walk: impl FnOnce(&mut Self)) {
        let changes = Changes::of(lists);
        self.behind(&changes);
        self.within(Context::Loop, walk);
        self.behind(&changes);
    }

    fn each(&mut self, name: &str, words: Option<&[Text]>, body: &List, heres: &[Here]) {
        let mut values = Vec::new();
        for word in words.unwrap_or_default() {
            self.bodies(word);
            values.extend(self.fields(word));
        }
        let span = words.and_then(<[Text]>::first).map_or(Span::default(), |word| word.span);
        self.is_set(name, span);
        self.repeated(&[body], |walker| {
            let held = match values.as_slice() {
                [Word { value: Value::Known(one), .. }] => Held::Text(one.clone()),
                _ => Held::Unknown,
            };
            walker.variables.set(name, held);
            walker.list(body, heres);
        });
        self.variables.set(name, Held::Unknown);
    }

    /// A function may be called from anywhere behind it, with anything.
    fn function(&mut self, name: &str, body: &Command, heres: &[Here]) {
        if super::builtins::is_builtin(name) || self.table.find(name).is_some() {
            self.opaque(Why::Meaning, body.span);
        }
        let changes = Changes::of_command(body);
        self.adrift |= changes.moves();
        self.variables.never(&changes);
        let (variables, cwd) = (self.variables.mark(), std::mem::replace(&mut self.cwd, Cwd::Unknown));
        self.variables.lose();
        self.within(Context::Function, |walker| walker.command(body, heres));
        self.variables.back_to(variables);
        self.cwd = if self.adrift { Cwd::Unknown } else { cwd };
    }

    fn simple(&mut self, plain: &Plain, span: Span, heres: &[Here]) {
        for text in &plain.words {
            self.bodies(text);
        }
        let mut words = Vec::new();
        for text in &plain.words {
            words.extend(self.fields(text));
        }
        let redirections = plain.redirects.iter().map(|redirect| self.redirection(redirect, heres)).collect();
        let assignments: Vec<Assignment> = plain.assignments.iter().map(|assign| self.assignment(assign)).collect();
        let span = self.span(span);
        if words.is_empty() {
            for (assignment, assign) in assignments.iter().zip(&plain.assignments) {
                self.assigned(assignment, assign);
            }
            self.reading.assignments.extend(assignments);
            let place = self.place();
            let loose = |redirection| (redirection, place.clone());
            let redirections: Vec<Redirection> = redirections;
            self.reading.redirections.extend(redirections.into_iter().map(loose));
            return;
        }
        for assign in plain.assignments.iter().filter(|_| super::builtins::declares(&words)) {
            self.variables.set(&assign.name, Held::Unknown);
        }
        let simple = Simple { assignments, words, redirections, place: self.place(), by: self.by, span };
        self.run(&simple);
    }

    /// A command, and what it runs in turn.
    pub(super) fn run(&mut self, simple: &Simple) {
        if self.reading.commands.len() >= caps::COMMANDS {
            return self.opaque(Why::TooMuch, simple.span);
        }
        let number = self.reading.commands.len();
        let program = simple.words.first().and_then(Word::known).map(str::to_owned);
        let span = simple.words.first().map_or(simple.span, |word| word.span);
        self.reading.commands.push(simple.clone());
        match program {
            None => self.opaque_here(Why::Program, span),
            Some(program) if program.is_empty() => {}
            Some(program) => {
                self.builtin(&program, simple);
                self.through(number, &program, simple);
            }
        }
    }

    /// Opaque, at a span of the whole text.
    pub(super) fn opaque_here(&mut self, why: Why, span: Span) {
        let opaque = Opaque { why, span };
        let alike = self.reading.opaque.iter().filter(|one| one.why == why);
        if alike.clone().count() < caps::TOLD && !alike.into_iter().any(|one| *one == opaque) {
            self.reading.opaque.push(opaque);
        }
    }

    /// Whether both parsers read a text within the text in one way.
    fn agrees(&mut self, text: &str, tree: (&List, &[Here]), offset: usize) -> Result<(), Why> {
        self.again = self.again.checked_sub(text.len()).ok_or(Why::TooMuch)?;
        if check::agrees(text, tree, offset) { Ok(()) } else { Err(Why::Disagreement) }
    }

    /// Substitutions in a word run before it.
    pub(super) fn bodies(&mut self, text: &Text) {
        let mut found: Vec<(&Body, Context)> = Vec::new();
        text.bodies(&mut found);
        for (body, context) in found {
            if let Err(why) = self.agrees(&body.text, (&body.list, &body.heres), body.offset) {
                self.opaque(why, body.span);
            }
            // Backticks are a text of their own, whose spans are not of this one.
            let outer = self.fixed;
            if body.offset == 0 {
                self.fixed = Some(self.span(body.span));
            }
            self.apart(context, |walker| walker.list(&body.list, &body.heres));
            self.fixed = outer;
        }
    }

    /// A text that a shell reads, which stands in a word of this one.
    pub(super) fn text(&mut self, text: &str, span: Span, shell: Shell) {
        if self.texts >= caps::TEXTS {
            return self.opaque_here(Why::TooMuch, span);
        }
        let script = match parse::within(text, self.budget) {
            Ok((script, budget)) => {
                self.budget.parts = budget.parts;
                script
            }
            Err(why) => return self.opaque_here(why, span),
        };
        if let Err(why) = self.agrees(text, (&script.list, &script.heres), 0) {
            self.opaque_here(why, span);
        }
        self.texts += 1;
        let outer = self.fixed.replace(span);
        self.inside(&script, shell);
        self.fixed = outer;
        self.texts -= 1;
    }

    fn inside(&mut self, script: &Script, shell: Shell) {
        match shell {
            Shell::Same => self.within(Context::Within, |walker| walker.list(&script.list, &script.heres)),
            Shell::Later => {
                let changes = Changes::of(&[&script.list]);
                self.adrift |= changes.moves();
                self.variables.never(&changes);
                self.apart(Context::Within, |walker| {
                    walker.variables.lose();
                    walker.cwd = Cwd::Unknown;
                    walker.list(&script.list, &script.heres);
                });
            }
            Shell::New => {
                let fresh = Variables::new(self.home.as_deref());
                let outer = std::mem::replace(&mut self.variables, fresh);
                self.apart(Context::Within, |walker| walker.list(&script.list, &script.heres));
                self.variables = outer;
            }
        }
        if self.adrift {
            self.cwd = Cwd::Unknown;
        }
    }
}
