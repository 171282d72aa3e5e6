//! A question as a person reads it. All of its text came from elsewhere and is shown neutralised.

use tollgate_approve::neutral;
use tollgate_policy::action::{Access, Action, Connect, Exec, Form, Target};
use tollgate_policy::path::AbsPath;
use tollgate_policy::question::Question;
use tollgate_policy::raw::Raw;
use tollgate_policy::verdict::{Effect, Reason};

use crate::time;
use crate::ui::{self, Tone, toned};

/// Longest line of a command in a list, in characters.
const BRIEF: usize = 160;

/// A command beyond this many characters is shown a word a line.
const LINE: usize = 100;

/// Words and characters of a command that are shown at most; the rest is counted.
const WORDS: usize = 200;
const WORD: usize = 2000;

/// Two lines for a list.
pub(crate) fn brief(question: &Question, now: i64) -> String {
    let verdict = &question.verdict;
    let class = verdict.class.as_ref().map_or_else(String::new, |class| format!(" · {}", neutral::short(class, 30)));
    let why = neutral::short(&verdict.reason.because, 100);
    let left = time::left(question.deadline, now);
    let rule = rule(&verdict.reason);
    format!(
        "{}  {}\n    {}{class} · {why} ({rule}) · {left} left\n",
        toned(Tone::Strong, neutral::short(&question.id, 80)),
        what(&question.action),
        effect(verdict.effect),
    )
}

/// All that is known.
pub(crate) fn whole(question: &Question, now: i64) -> String {
    let mut card = Card(String::new());
    card.line("question", toned(Tone::Strong, neutral::short(&question.id, 80)));
    card.line("run", neutral::short(&question.run, 80));
    match &question.action {
        Action::Exec(exec) => card.command(exec),
        action @ (Action::Path(_) | Action::Connect(_) | Action::Call(_) | Action::Tool(_)) => {
            card.line("wants to", what(action));
        }
    }
    let verdict = &question.verdict;
    card.line("verdict", toned(Tone::Warn, effect(verdict.effect)));
    card.line("because", neutral::short(&verdict.reason.because, 500));
    card.line("rule", rule(&verdict.reason));
    if let Some(class) = &verdict.class {
        card.line("class", neutral::short(class, 60));
    }
    if let Some(profile) = &verdict.profile {
        let name = neutral::short(profile, 60);
        card.line("profile", format!("the rule names `{name}`: what `opens` says below holds"));
    }
    for (at, parent) in question.lineage.iter().enumerate() {
        card.line(if at == 0 { "led here by" } else { "" }, neutral::short_quoted(parent, 200));
    }
    for (label, text) in &question.evidence {
        card.line(&neutral::short(label, 40), neutral::short_quoted(text, 4000));
    }
    for doubt in doubts(&question.action) {
        card.line("look twice", toned(Tone::Bad, doubt));
    }
    card.line("asked", time::shown(question.asked_at));
    card.line("deadline", format!("{} ({} left)", time::shown(question.deadline), time::left(question.deadline, now)));
    card.line("digest", neutral::short(&question.digest, 80));
    card.0
}

/// The action in one line.
pub(crate) fn what(action: &Action) -> String {
    match action {
        Action::Exec(exec) => neutral::short_command(exec.argv.iter().map(Raw::bytes), BRIEF),
        Action::Path(access) => {
            let verb = match access.access {
                Access::Read => "read",
                Access::Write => "write",
            };
            format!("{verb} {}", path(&access.path))
        }
        Action::Connect(connect) => format!("connect to {}", target(connect)),
        Action::Call(call) => format!("call {}", neutral::short(&call.name, 60)),
        Action::Tool(tool) => {
            format!("use tool {} of {}", neutral::short(&tool.tool, 100), neutral::short(&tool.server, 100))
        }
    }
}

fn target(connect: &Connect) -> String {
    match &connect.target {
        Target::Name(name) => format!("{}:{}", neutral::short(name, 260), connect.port),
        Target::Address(address) => std::net::SocketAddr::new(*address, connect.port).to_string(),
        Target::Unix(socket) => path(socket),
        Target::Abstract(name) => format!("@{}", neutral::word(name.bytes())),
    }
}

fn path(path: &AbsPath) -> String {
    neutral::word(Raw::from(path.as_path().as_os_str()).bytes())
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "allow",
        Effect::Review => "review",
        Effect::Ask => "ask",
        Effect::Deny => "deny",
    }
}

fn rule(reason: &Reason) -> String {
    let file = neutral::short(&reason.file, 200);
    if reason.line == 0 { file } else { format!("{file}:{}", reason.line) }
}

fn doubts(action: &Action) -> Vec<String> {
    let text = match action {
        Action::Exec(exec) => exec.argv.iter().filter_map(Raw::text).collect::<Vec<_>>().join(" "),
        Action::Path(_) | Action::Connect(_) | Action::Call(_) | Action::Tool(_) => {
            serde_json::to_string(action).unwrap_or_default()
        }
    };
    neutral::doubts(&text)
}

/// Lines with a label in front.
struct Card(String);

impl Card {
    fn line(&mut self, label: &str, text: impl std::fmt::Display) {
        ui::add(&mut self.0, format_args!("{label:>12}  {text}\n"));
    }

    fn command(&mut self, exec: &Exec) {
        let line = neutral::command(exec.argv.iter().take(WORDS).map(Raw::bytes));
        if line.chars().count() <= LINE && exec.argv.len() <= WORDS {
            self.line("command", line);
        } else {
            for (at, word) in exec.argv.iter().take(WORDS).enumerate() {
                let shown = neutral::short_command([word.bytes()], WORD);
                self.line(if at == 0 { "command" } else { "" }, shown);
            }
            if exec.argv.len() > WORDS {
                self.line("", format!("… ({} more words)", exec.argv.len() - WORDS));
            }
        }
        let image = &exec.image;
        self.line("program", image.executable.as_ref().map_or_else(|| "(has no name)".to_owned(), path));
        match &image.form {
            Form::Native => {}
            Form::Script { script } => {
                self.line("script", script.as_ref().map_or_else(|| "(has no name)".to_owned(), path));
            }
            Form::Loader { loader } => self.line("loader", path(loader)),
        }
        if image.writable {
            self.line("look twice", toned(Tone::Bad, "the program can be changed from inside the boundary"));
        }
        if let Some(sha256) = &image.sha256 {
            self.line("sha256", neutral::short(sha256, 80));
        }
        self.line("in", path(&exec.cwd));
    }
}
