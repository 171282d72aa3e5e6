//! Commands.

use std::sync::OnceLock;

use crate::action::{Exec, Form};
use crate::command::{Reading, has_words, words_fit};
use crate::hear::{At, Firm, Ground, Heard, Meets, Voice};
use crate::index::Index;
use crate::key::{Key, Kind};
use crate::layer::within;
use crate::pattern::{Pattern, keys_of};
use crate::policy::Policy;
use crate::profile::Document;
use crate::profile::document::{CommandRule, List, Text};
use crate::seen::{GIT, Seen};
use crate::verdict::Effect;
use crate::word::{any_fits, is_plain};

/// Commands longer than this are looked up by program alone: their words would cost more than they save.
const WORDS: usize = 64;
/// How much of a program's glob is looked up.
const START: usize = 8;

/// Command rules of this launch, filed by program and word, and by program alone.
#[derive(Debug, Default)]
pub(crate) struct ExecRules {
    rules: Vec<ExecRule>,
    by_word: Index,
    /// Made when the first long command comes.
    by_program: OnceLock<Index>,
    coarse: Vec<(u32, Vec<u64>)>,
}

#[derive(Debug)]
struct ExecRule {
    at: At,
    executable: Option<Pattern>,
}

/// Command rules that were filed when the program was built, whatever the run.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Filed {
    /// The rules, as the indexes number them.
    pub rules: List<Numbered>,
    /// By program and word.
    pub by_word: Index,
    /// By program alone.
    pub by_program: Index,
    /// Rules with an `executable`, which hangs on where the run happens: each launch files them.
    pub apart: List<Numbered>,
}

/// A rule by the number of its document and its own.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    /// The document's.
    pub source: u32,
    /// Its own.
    pub rule: u32,
}

impl Filed {
    /// Files the command rules of documents.
    pub(crate) fn new<'a>(documents: impl Iterator<Item = &'a Document>) -> Self {
        let (mut rules, mut apart, mut fine, mut coarse) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (source, document) in (0_u32..).zip(documents) {
            for (number, rule) in (0_u32..).zip(document.commands.iter()) {
                let at = Numbered { source, rule: number };
                if rule.executable.is_some() {
                    apart.push(at);
                } else {
                    file(u32::try_from(rules.len()).unwrap_or(u32::MAX), (rule, None), (&mut fine, &mut coarse));
                    rules.push(at);
                }
            }
        }
        let (by_word, by_program) = (Index::build(&fine), Index::build(&coarse));
        Self { rules: rules.into(), by_word, by_program, apart: apart.into() }
    }
}

impl ExecRules {
    /// Files the rules of all sources. A rule whose `executable` starts from an unset variable is left out.
    pub(crate) fn new<'a>(policy: &Policy, all: impl Iterator<Item = (At, &'a CommandRule)>) -> Self {
        let (mut rules, mut fine, mut coarse) = (Vec::new(), Vec::new(), Vec::new());
        for (at, rule) in all {
            let executable = rule.executable.as_ref().map(|text| Pattern::new(text, &policy.place));
            let Ok(executable) = executable.map(|glob| glob.ok_or(())).transpose() else {
                continue;
            };
            let number = u32::try_from(rules.len()).unwrap_or(u32::MAX);
            file(number, (rule, executable.as_ref()), (&mut fine, &mut coarse));
            rules.push(ExecRule { at, executable });
        }
        Self { rules, by_word: Index::build(&fine), by_program: OnceLock::new(), coarse }
    }
}

type Items = Vec<(u32, Vec<u64>)>;

/// Notes one rule's keys: with words, and without.
fn file(number: u32, (rule, executable): (&CommandRule, Option<&Pattern>), (fine, coarse): (&mut Items, &mut Items)) {
    for keys in program_keys(rule, executable) {
        let first = rule.args.first().or(rule.subcommand.first());
        // An option may stand in one word with others, or with its value.
        let plain = |word: &Text| is_plain(word) && !word.starts_with('-');
        let words = first.filter(|any_of| any_of.iter().all(plain));
        for word in words.into_iter().flat_map(|any_of| any_of.iter()) {
            fine.push((number, keys.with_word(word)));
        }
        if words.is_none() {
            fine.push((number, keys.alone.clone()));
        }
        coarse.push((number, keys.alone));
    }
}

/// Keys of one way in which a rule can match.
struct ProgramKeys {
    /// The program's whole name, where the rule has one.
    name: Option<Text>,
    alone: Vec<u64>,
}

impl ProgramKeys {
    fn with_word(&self, word: &str) -> Vec<u64> {
        let mut keys = vec![word_key(self.name.as_deref().unwrap_or("*").as_bytes(), word.as_bytes())];
        keys.extend(&self.alone);
        keys
    }
}

fn program_keys(rule: &CommandRule, executable: Option<&Pattern>) -> Vec<ProgramKeys> {
    let path = executable.map(Pattern::keys).unwrap_or_default();
    if rule.program.is_empty() {
        return vec![ProgramKeys { name: None, alone: path }];
    }
    let keys = rule.program.iter().map(|program| {
        let plain = is_plain(program);
        let start = program.split(['*', '?']).next().unwrap_or_default().as_bytes();
        let mut alone = path.clone();
        if plain {
            alone.push(Key::new(Kind::Program).bytes(start).done());
        } else if !start.is_empty() {
            let start = start.get(..START).unwrap_or(start);
            alone.push(Key::new(Kind::ProgramStart).bytes(start).done());
        }
        ProgramKeys { name: plain.then(|| program.clone()), alone }
    });
    keys.collect()
}

fn word_key(program: &[u8], word: &[u8]) -> u64 {
    Key::new(Kind::Word).bytes(program).byte(0).bytes(word).done()
}

/// All keys that hold for a command, without those of its words.
fn keys_alone(seen: &Seen<'_>) -> Vec<u64> {
    let mut keys = Vec::with_capacity(32);
    for name in seen.filed() {
        keys.push(Key::new(Kind::Program).bytes(name).done());
        let mut start = Key::new(Kind::ProgramStart);
        for byte in name.iter().take(START) {
            start = start.byte(*byte);
            keys.push(start.done());
        }
    }
    keys.extend(seen.paths.iter().flat_map(|path| keys_of(path)));
    keys
}

/// What a command is looked up by.
enum Wanted {
    /// Its words, too.
    Words(Vec<u64>),
    /// Its program alone.
    Program(Vec<u64>),
}

fn wanted(seen: &Seen<'_>) -> Wanted {
    let mut keys = keys_alone(seen);
    let words = seen.exec.argv.get(1..).unwrap_or_default();
    if words.len() > WORDS {
        return Wanted::Program(keys);
    }
    for word in seen.words() {
        keys.push(word_key(b"*", word));
        keys.extend(seen.filed().map(|name| word_key(name, word)));
    }
    Wanted::Words(keys)
}

impl Policy {
    /// Who speaks of a command.
    pub(crate) fn hear_exec(&self, exec: &Exec) -> Heard<'_> {
        let seen = Seen::new(exec);
        let voices = self.command_rules(&seen).filter_map(|(at, rule, executable)| {
            let meets = meets(rule, executable, &seen);
            let inside = || {
                let path = exec.image.executable.as_ref();
                self.inside(at, |bounds| path.is_some_and(|path| within(bounds.exec.as_ref(), path)))
            };
            let mut voice = Voice::of(&rule.terms, self.stand(at), meets, inside)?;
            voice.profile = rule.profile.as_ref().map(|profile| &*profile.name);

            Some(voice)
        });
        Heard { voices: voices.collect(), ground: self.exec_ground(exec) }
    }

    /// Whether a rule that may concern this command asks for its executable's SHA-256.
    #[must_use]
    pub fn wants_digest(&self, exec: &Exec) -> bool {
        self.command_rules(&Seen::new(exec)).any(|(_, rule, _)| rule.sha256.is_some())
    }

    /// Options that rules which may concern this command look for, so that a word which can become an option is tried as each.
    pub(crate) fn options_looked_for(&self, exec: &Exec) -> Vec<String> {
        let seen = Seen::new(exec);
        let rules = self.command_rules(&seen);
        rules.flat_map(|(_, rule, _)| rule.without.iter().chain(rule.flags.iter()).map(ToString::to_string)).collect()
    }

    fn command_rules<'a>(
        &'a self,
        seen: &Seen<'_>,
    ) -> impl Iterator<Item = (At, &'a CommandRule, Option<&'a Pattern>)> {
        let wanted = wanted(seen);
        let rules = self.exec_rules();
        let found = match &wanted {
            Wanted::Words(keys) => rules.by_word.candidates(keys),
            Wanted::Program(keys) => rules.by_program.get_or_init(|| Index::build(&rules.coarse)).candidates(keys),
        };
        let added = found.into_iter().filter_map(|number| rules.rules.get(number as usize));
        let added = added.map(|filed| (filed.at, filed.executable.as_ref()));
        let all = self.prepared_commands(&wanted).map(|at| (at, None)).chain(added);
        all.filter_map(|(at, executable)| {
            let rule = self.document(at)?.commands.get(at.rule as usize)?;
            Some((at, rule, executable))
        })
    }

    /// Candidates among the rules that the build filed.
    fn prepared_commands<'a>(&'a self, wanted: &Wanted) -> impl Iterator<Item = At> + use<'a> {
        let filed = self.shelf.map(|shelf| &shelf.commands);
        let found = filed.map(|filed| match wanted {
            Wanted::Words(keys) => filed.by_word.candidates(keys),
            Wanted::Program(keys) => filed.by_program.candidates(keys),
        });
        let numbers = found.into_iter().flatten();
        numbers.filter_map(move |number| filed?.rules.get(number as usize)).flat_map(|rule| self.shelved(*rule))
    }

    fn exec_ground(&self, exec: &Exec) -> Ground {
        let firm = |effect, because: &str| Ground { effect, because: because.to_owned(), firm: Firm::Yes };
        match (&exec.image.executable, &exec.image.form) {
            (None, Form::Loader { .. }) => {
                firm(Effect::Deny, "the dynamic loader is run, and what it is to load can't be told")
            }
            (None, Form::Native | Form::Script { .. }) => {
                let ground = self.ground("images without a name", Effect::Deny, |d| d.unnamed, |_| false);
                Ground { firm: Firm::Yes, ..ground }
            }
            (Some(path), _) => {
                self.ground("commands", Effect::Allow, |d| d.exec, |bounds| within(bounds.exec.as_ref(), path))
            }
        }
    }
}

/// How a rule meets a command.
fn meets(rule: &CommandRule, executable: Option<&Pattern>, seen: &Seen<'_>) -> Meets {
    if surely(rule, executable, seen) {
        Meets::Surely
    } else if perhaps(rule, executable, seen) {
        Meets::Perhaps
    } else {
        Meets::No
    }
}

/// By any name, any path, any reading of its words; a digest that isn't known may be the one.
fn perhaps(rule: &CommandRule, executable: Option<&Pattern>, seen: &Seen<'_>) -> bool {
    let named = rule.program.is_empty() || seen.names.iter().any(|name| any_fits(&rule.program, name))
        // A command without any name is still one for `*`.
        || rule.program.iter().any(|program| program == "*");
    let placed = |glob: &Pattern| seen.paths.iter().any(|path| glob.covers(path).unwrap_or(true));
    let digest = seen.exec.image.sha256.as_ref();
    let words = named && (!has_words(rule) || seen.argvs().any(|argv| words_fit(rule, argv, Reading::Loose)));
    let as_git = || {
        let argv = seen.as_git().filter(|_| any_fits(&rule.program, GIT));
        argv.is_some_and(|argv| words_fit(rule, argv, Reading::Loose))
    };
    (words || as_git())
        && executable.is_none_or(placed)
        && rule.sha256.as_ref().is_none_or(|want| digest.is_none_or(|found| found == want))
}

/// By what will run: the resolved executable, which nobody inside can change, with the argv that it gets. The
/// loader gets options that change what runs, and a script's argv is its interpreter's only in part: neither
/// is met surely by a rule that looks at words.
fn surely(rule: &CommandRule, executable: Option<&Pattern>, seen: &Seen<'_>) -> bool {
    let image = &seen.exec.image;
    let (Some(path), Some(name)) = (image.executable.as_ref(), seen.resolved()) else {
        return false;
    };
    let plain = match image.form {
        Form::Native => true,
        Form::Script { .. } => !has_words(rule),
        Form::Loader { .. } => false,
    };
    plain
        && !image.writable
        && (rule.program.is_empty() || any_fits(&rule.program, name))
        && executable.is_none_or(|glob| !glob.is_blurred() && glob.covers(path) == Ok(true))
        && rule.sha256.as_ref().is_none_or(|want| image.sha256.as_deref() == Some(&**want))
        && words_fit(rule, &seen.exec.argv, Reading::Strict)
}
