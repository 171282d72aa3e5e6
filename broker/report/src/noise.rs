//! Questions that were only noise: asked again and again for the same kind of thing, and always approved. Each with the rule
//! that would have spared people the asking.

use std::collections::BTreeMap;

use serde::Serialize;
use tollgate_policy::action::{Action, Connect, Exec, Target};
use tollgate_policy::question::Question;
use tollgate_policy::raw::Raw;
use tollgate_wire::neutral;

/// It is noise when it asked so often and was always approved.
pub(crate) const OFTEN: u64 = 10;

/// One source of noise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Noise {
    /// The file of the rule that asked; `default` where none spoke.
    pub file: String,
    /// Its line; 0 for a default.
    pub line: u32,
    /// What the questions had in common, in a few neutral words.
    pub what: String,
    /// How often it asked.
    pub times: u64,
    /// The rule that would have removed it, as TOML for the person's policy; where a rule asks on purpose, what to do.
    pub rule: String,
}

/// What is kept of a question for this.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    file: String,
    line: u32,
    what: String,
    rule: String,
}

impl Kind {
    pub(crate) fn of(question: &Question) -> Self {
        let reason = &question.verdict.reason;
        let by_default = reason.is_default();
        let (what, allow) = match &question.action {
            Action::Exec(exec) => command(exec),
            Action::Path(access) => {
                let folder = access.path.as_path().parent().unwrap_or(access.path.as_path());
                let folder = neutral::short(&folder.to_string_lossy(), 200);
                (format!("write in {folder}"), format!("[roots]\nwrite = [{folder:?}]\n"))
            }
            Action::Connect(connect) => goal(connect),
            Action::Call(call) => (format!("call {}", neutral::short(&call.name, 60)), String::new()),
            Action::Tool(tool) => (neutral::short(&format!("tool {} {}", tool.server, tool.tool), 120), String::new()),
        };
        let rule = if by_default && !allow.is_empty() {
            allow
        } else {
            let place = if reason.line == 0 { String::new() } else { format!(", line {}", reason.line) };
            format!(
                "let the rule in {}{place} spare this (`spares`, `without`), or approve it with `--scope run`\n",
                neutral::short(&reason.file, 120)
            )
        };
        Self { file: reason.file.clone(), line: reason.line, what, rule }
    }
}

/// A command by its program and its next word, where that looks like a subcommand.
fn command(exec: &Exec) -> (String, String) {
    let text = |at: usize| exec.argv.get(at).and_then(Raw::text).unwrap_or_default();
    let program = text(0).rsplit('/').next().unwrap_or_default();
    let is_name = |word: &&str| {
        word.starts_with(|c: char| c.is_ascii_lowercase()) && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
    };
    let next = Some(text(1)).filter(is_name);
    let words: Vec<&str> = std::iter::once(program).chain(next).collect();
    let what = neutral::short_command(words.iter().map(|word| word.as_bytes()), 120);
    let args = next.map_or_else(String::new, |word| format!("args = [{word:?}]\n"));
    let rule = format!(
        "[[command]]\neffect = \"allow\"\nprogram = [{program:?}]\n{args}because = \"always approved\"\nmatches = [{what:?}]\n"
    );
    (what, rule)
}

fn goal(connect: &Connect) -> (String, String) {
    let name = match &connect.target {
        Target::Name(name) => neutral::short(name, 253),
        Target::Address(address) => address.to_string(),
        Target::Unix(_) | Target::Abstract(_) => return ("connect to a unix socket".to_owned(), String::new()),
    };
    let port = connect.port;
    let rule =
        format!("[[net]]\neffect = \"allow\"\nnames = [{name:?}]\nports = [{port}]\nbecause = \"always approved\"\n");
    (format!("connect to {name}:{port}"), rule)
}

/// What was only noise among these answers (a yes or not), the loudest first.
pub(crate) fn of<'a>(answers: impl Iterator<Item = (&'a Kind, bool)>) -> Vec<Noise> {
    let mut kinds: BTreeMap<&Kind, (u64, bool)> = BTreeMap::new();
    for (kind, yes) in answers {
        let (times, always) = kinds.entry(kind).or_insert((0, true));
        *times += 1;
        *always &= yes;
    }
    let loud = kinds.into_iter().filter(|(_, (times, always))| *always && *times >= OFTEN);
    let mut loud: Vec<Noise> = loud
        .map(|(kind, (times, _))| {
            let Kind { file, line, what, rule } = kind.clone();
            Noise { file, line, what, times, rule }
        })
        .collect();
    loud.sort_by_key(|noise| std::cmp::Reverse(noise.times));
    loud
}

#[cfg(test)]
mod tests {
    use tollgate_policy::verdict::{Effect, Reason, Verdict};

    use super::*;

    fn question(name: &str, (file, line): (&str, u32)) -> Question {
        let action = Action::Connect(Connect { target: Target::Name(name.to_owned()), port: 443 });
        let reason = Reason { file: file.to_owned(), line, because: "x".into() };
        let verdict = Verdict { effect: Effect::Ask, reason, class: None, profile: None };
        Question::new("r-1", "r", action, verdict)
    }

    #[test]
    fn noise_comes_with_its_rule() {
        let (asked, named) =
            (Kind::of(&question("a.example", ("default", 0))), Kind::of(&question("a.example", ("p", 3))));
        let no = Kind::of(&question("b.example", ("default", 0)));
        let all = (0..12).map(|_| (&asked, true)).chain((0..10).map(|_| (&named, true)));
        let noise = of(all.chain((0..20).map(|n| (&no, n != 7))));
        assert_eq!(noise.iter().map(|one| (one.line, one.times)).collect::<Vec<_>>(), [(0, 12), (3, 10)]);
        let rule = "version = 1\n".to_owned() + &noise[0].rule;
        assert!(tollgate_policy::parse("p", &rule).is_ok(), "{rule}");
        assert!(noise[1].rule.starts_with("let the rule in p, line 3 spare"), "{}", noise[1].rule);
    }
}
