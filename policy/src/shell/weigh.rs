//! A reading on the scales: each part is judged, the strictest counts.

use super::judged::{Asking, Occasion, Stance};
use super::operands;
use super::reading::{
    Assignment, Context, Cwd, Direction, Place, Reading, Redirection, Simple, Span, Target, Value, Why, Word,
};
use super::table::Table;
use crate::action::{Access, Action, Exec, Form, Image, PathAccess};
use crate::path::AbsPath;
use crate::policy::Policy;
use crate::profile::document::Words;
use crate::raw::Raw;
use crate::verdict::{Effect, Reason, Verdict};

/// Stands for what a word may be: no rule names it, so only `*` fits.
const ANYTHING: &str = "\u{1}";
/// Where programs lie that nobody changes from inside.
const SYSTEM: [&str; 8] = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/opt", "/nix/store", "/run/current-system"];

/// Words that are judged over all of a text, whatever they are tried as; beyond, it is asked about.
const TRIES: usize = 1_500;
/// What judging a command or a path costs besides, in words.
pub(super) const ONE: usize = 8;

/// What a reading is judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scales<'a> {
    pub(super) policy: &'a Policy,
    pub(super) occasion: &'a Occasion<'a>,
    pub(super) table: Table<'a>,
    pub(super) text: &'a str,
}

/// The strictest so far; of equals the first.
#[derive(Debug, Default)]
pub(super) struct Found {
    worst: Option<(Verdict, Option<Span>)>,
    asking: Vec<Asking>,
    /// How much of [`TRIES`] is used up.
    tried: usize,
}

impl Found {
    pub(super) fn note(&mut self, verdict: Verdict, span: Option<Span>) {
        if self.worst.as_ref().is_none_or(|(worst, _)| verdict.effect > worst.effect) {
            self.worst = Some((verdict, span));
        }
    }

    /// Whether something that costs so much may still be looked at.
    pub(super) fn affords(&mut self, cost: usize) -> bool {
        self.tried = self.tried.saturating_add(cost);
        self.tried <= TRIES
    }

    fn effect(&self) -> Option<Effect> {
        self.worst.as_ref().map(|(verdict, _)| verdict.effect)
    }
}

/// What is concluded, the part that decided, and what asks.
pub(super) fn weigh(scales: &Scales<'_>, reading: &Reading) -> (Verdict, Option<Span>, Vec<Asking>) {
    let mut found = Found::default();
    match scales.occasion.stance {
        Stance::Contained => scales.contained(reading, &mut found),
        Stance::Bare => scales.bare(reading, &mut found),
    }
    let nothing = || (plain(Effect::Allow, "nothing in it is held back"), None);
    let (verdict, span) = found.worst.unwrap_or_else(nothing);
    (verdict, span, found.asking)
}

/// A verdict of which no rule is the reason.
pub(super) fn plain(effect: Effect, because: &str) -> Verdict {
    let reason = Reason { file: "default".to_owned(), line: 0, because: because.to_owned() };
    Verdict { effect, reason, class: None, profile: None }
}

impl Scales<'_> {
    pub(super) fn judge(&self, action: &Action) -> Verdict {
        self.policy.judge(self.occasion.subject, action, self.occasion.grants, self.occasion.now_ms)
    }

    pub(super) fn judge_path(&self, path: AbsPath, access: Access) -> Verdict {
        self.judge(&Action::Path(PathAccess { path, access }))
    }

    /// Only what surely runs, and what a rule surely says of it.
    fn contained(&self, reading: &Reading, found: &mut Found) {
        for simple in &reading.commands {
            if !surely_runs(&simple.place) || !found.affords(simple.words.len()) {
                continue;
            }
            if let Some(exec) = exec_of(simple, &words_of(simple)) {
                let verdict = self.judge(&Action::Exec(exec.clone()));
                if verdict.effect > Effect::Allow && !verdict.reason.is_default() {
                    found.note(verdict.clone(), Some(simple.span));
                    if verdict.effect < Effect::Deny {
                        let is_known = is_known(simple);
                        found.asking.push(Asking { exec, verdict, span: simple.span, is_known });
                    }
                }
            }
            for redirection in &simple.redirections {
                self.guarded(redirection, &simple.place, found);
            }
        }
        for (redirection, place) in reading.redirections.iter().filter(|(_, place)| surely_runs(place)) {
            self.guarded(redirection, place, found);
        }
    }

    /// A write that a rule forbids.
    fn guarded(&self, redirection: &Redirection, place: &Place, found: &mut Found) {
        let Target::File(word) = &redirection.target else { return };
        let path = word.known().and_then(|path| operands::at(path, place));
        if let (Direction::Out | Direction::Both, Some(path)) = (redirection.direction, path) {
            let verdict = self.judge_path(path, Access::Write);
            if verdict.effect == Effect::Deny && !verdict.reason.is_default() {
                found.note(verdict, Some(redirection.span));
            }
        }
    }

    fn bare(&self, reading: &Reading, found: &mut Found) {
        for opaque in &reading.opaque {
            found.note(plain(Effect::Ask, opaque.why.text()), Some(opaque.span));
        }
        for simple in &reading.commands {
            self.command(simple, found);
        }
        for (redirection, place) in &reading.redirections {
            self.redirection(redirection, place, found);
        }
        for assignment in &reading.assignments {
            let own = assignment.name.len() < 64
                && assignment.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            // Names that zsh ties to what it searches.
            let tied = ["path", "fpath", "cdpath", "manpath", "mailpath", "precmd", "preexec", "chpwd"]
                .contains(&&*assignment.name);
            if !own || tied {
                self.variable(assignment, found);
            }
        }
        if reading.shown.iter().any(|name| self.policy.drops(name)) {
            found.note(plain(Effect::Ask, "a variable that holds a secret by its name would be told"), None);
        }
        self.downloads(reading, found);
        let moved =
            |simple: &Simple| !simple.assignments.is_empty() || simple.place.context.contains(&Context::Function);
        let doubtful =
            !reading.opaque.is_empty() || !reading.assignments.is_empty() || reading.commands.iter().any(moved);
        if doubtful
            && found.effect().is_some_and(|effect| effect > Effect::Allow)
            && found.effect() != Some(Effect::Deny)
        {
            super::loose::look(self, found);
        }
    }

    /// What is fetched and then run was never seen by anybody.
    fn downloads(&self, reading: &Reading, found: &mut Found) {
        let fetches = |simple: &&Simple| {
            let line = simple.words.first().and_then(Word::known).and_then(|program| self.table.find(program));
            line.is_some_and(|line| line.fetches)
        };
        let run = reading.opaque.iter().find(|opaque| matches!(opaque.why, Why::Code | Why::Program | Why::Language));
        if let (Some(simple), Some(_)) = (reading.commands.iter().find(fetches), run) {
            found.note(plain(Effect::Deny, "it runs what it fetches, which nobody has seen"), Some(simple.span));
        }
    }

    fn command(&self, simple: &Simple, found: &mut Found) {
        if !found.affords(simple.words.len()) {
            return found.note(plain(Effect::Ask, Why::TooMuch.text()), Some(simple.span));
        }
        let words = words_of(simple);
        let Some(exec) = exec_of(simple, &words) else { return };
        let verdict = self.judge(&Action::Exec(exec.clone()));
        let granted = verdict.effect == Effect::Allow && !verdict.reason.is_default();
        if verdict.effect == Effect::Allow && !granted {
            let because = "outside a boundary a command needs a rule that allows it";
            found.note(plain(Effect::Ask, because), Some(simple.span));
        } else {
            found.note(verdict, Some(simple.span));
        }
        if granted {
            self.unknown_words(simple, (&words, &exec), found);
            if simple.place.context.contains(&Context::Background) {
                found.note(plain(Effect::Ask, "it would go on in the background"), Some(simple.span));
            }
        }
        for assignment in &simple.assignments {
            self.variable(assignment, found);
        }
        for redirection in &simple.redirections {
            self.redirection(redirection, &simple.place, found);
        }
        self.operands(simple, found);
    }

    /// Words that aren't known must not become an option or a path.
    fn unknown_words(&self, simple: &Simple, (words, exec): (&[String], &Exec), found: &mut Found) {
        let program = simple.words.first().and_then(Word::known).unwrap_or_default();
        if self.table.find(program).is_some_and(|line| line.words == Words::Data) {
            return;
        }
        let mut options = None;
        for (number, word) in simple.words.iter().enumerate().skip(1) {
            let fine = match &word.value {
                Value::Known(_) => true,
                Value::Unknown | Value::Partly(_) => false,
                // Behind `--option=` it is the option's value, whatever it becomes.
                Value::Pattern(_) if !word.start().is_empty() => {
                    !word.start().starts_with('-') || word.start().contains('=')
                }
                Value::Pattern(_) => {
                    let options = options.get_or_insert_with(|| self.policy.options_looked_for(exec));
                    found.affords(options.len() * (words.len() + ONE))
                        && options.iter().all(|option| self.holds_with((exec, number), option))
                }
            };
            if !fine {
                found.note(plain(Effect::Ask, Why::Words.text()), Some(word.span));
            }
        }
    }

    /// Whether a command stays allowed with an option in place of one word.
    fn holds_with(&self, (exec, number): (&Exec, usize), option: &str) -> bool {
        let mut exec = exec.clone();
        if let Some(word) = exec.argv.get_mut(number) {
            *word = Raw::from(option);
        }
        self.judge(&Action::Exec(exec)).effect == Effect::Allow
    }

    fn variable(&self, assignment: &Assignment, found: &mut Found) {
        if !self.policy.is_harmless(&assignment.name) {
            found.note(plain(Effect::Ask, Why::Variable.text()), Some(assignment.span));
        }
    }

    fn redirection(&self, redirection: &Redirection, place: &Place, found: &mut Found) {
        let Target::File(word) = &redirection.target else { return };
        let access = match redirection.direction {
            Direction::In => Access::Read,
            Direction::Out | Direction::Both => Access::Write,
        };
        // bash makes connections of these.
        let known = word.known();
        let network = known.is_some_and(|path| path.starts_with("/dev/tcp/") || path.starts_with("/dev/udp/"));
        let access = if network { Access::Write } else { access };
        match known.and_then(|path| operands::at(path, place)) {
            // a number only: `/dev/fd/../root/etc/x` is a file
            _ if known.and_then(|path| path.strip_prefix("/dev/fd/")).is_some_and(is_digits) => {}
            Some(path) => found.note(self.path_verdict(path, access), Some(redirection.span)),
            None => found.note(plain(Effect::Ask, Why::Words.text()), Some(redirection.span)),
        }
    }

    /// What is said of a path. Reading what nobody speaks of is a question, not a refusal.
    pub(super) fn path_verdict(&self, path: AbsPath, access: Access) -> Verdict {
        let verdict = self.judge_path(path, access);
        if access == Access::Read && verdict.reason.is_default() && verdict.effect == Effect::Deny {
            return plain(Effect::Ask, "it lies outside of what may be read");
        }
        verdict
    }

    /// Words that name paths.
    fn operands(&self, simple: &Simple, found: &mut Found) {
        for operand in operands::of(simple, self.table) {
            if !found.affords(ONE) {
                return found.note(plain(Effect::Ask, Why::TooMuch.text()), Some(operand.span));
            }
            match operands::at(operand.path, &simple.place) {
                Some(path) => found.note(self.path_verdict(path, operand.access), Some(operand.span)),
                None => found.note(plain(Effect::Ask, Why::Words.text()), Some(operand.span)),
            }
        }
        for doubtful in operands::doubtful(simple, self.table) {
            if !found.affords(ONE) {
                return found.note(plain(Effect::Ask, Why::TooMuch.text()), Some(doubtful.span));
            }
            let root = Place { cwd: Cwd::Known(AbsPath::root()), context: Vec::new() };
            let at = operands::at(&doubtful.path, &simple.place).or_else(|| operands::at(&doubtful.path, &root));
            let Some(verdict) = at.map(|path| self.judge_path(path, Access::Read)) else { continue };
            if verdict.effect == Effect::Deny && !verdict.reason.is_default() {
                let open = plain(Effect::Ask, "a pattern may name what is not to be read");
                found.note(if doubtful.exact { verdict } else { open }, Some(doubtful.span));
            }
        }
    }
}

/// Whether the text tells all of a command.
fn is_known(simple: &Simple) -> bool {
    let known = |word: &Word| matches!(word.value, Value::Known(_));
    matches!(simple.place.cwd, Cwd::Known(_)) && simple.words.iter().all(known)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether it runs whatever else happens.
fn surely_runs(place: &Place) -> bool {
    !place.context.iter().any(|context| matches!(context, Context::Branch | Context::Loop | Context::Function))
}

fn words_of(simple: &Simple) -> Vec<String> {
    let text = |word: &Word| match &word.value {
        Value::Known(text) | Value::Pattern(text) => text.clone(),
        Value::Partly(start) => format!("{start}{ANYTHING}"),
        Value::Unknown => ANYTHING.to_owned(),
    };
    simple.words.iter().map(text).collect()
}

/// What the shell would start, as far as the text tells: a name is looked for where programs of the system lie.
pub(super) fn exec_of(simple: &Simple, words: &[String]) -> Option<Exec> {
    let program = simple.words.first()?.known().filter(|program| !program.is_empty())?;
    exec_at(program, words, &simple.place)
}

/// The same for words that stand for themselves.
pub(super) fn exec_at(program: &str, words: &[String], place: &Place) -> Option<Exec> {
    let cwd = match &place.cwd {
        Cwd::Known(path) => Some(path.clone()),
        Cwd::Unknown => None,
    };
    let root = cwd.clone().unwrap_or_else(AbsPath::root);
    let executable = if program.contains('/') {
        root.join(program)
    } else {
        AbsPath::root().join("usr/bin").and_then(|bin| bin.join(program))
    };
    let executable = executable.ok()?;
    let lies = |root: &&str| AbsPath::new(root).is_ok_and(|root| executable.is_within(&root));
    let writable = program.contains('/') && (!SYSTEM.iter().any(lies) || cwd.is_none() && !program.starts_with('/'));
    let image = Image { executable: Some(executable), form: Form::Native, writable, sha256: None };
    let argv = words.iter().map(|word| Raw::from(word.as_str())).collect();
    Some(Exec { given: Raw::from(program), image, argv, cwd: root })
}
