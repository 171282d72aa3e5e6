//! `tollgate policy import`: a client's own rules in the words of a policy. What a client denies or asks about becomes a floor;
//! what it allows needs no rule, since contained commands ask nobody. What has no counterpart is said in a comment.

mod claude;
mod codex;

use std::path::Path;

use tollgate_wire::neutral;

use crate::args::{Import, ImportFrom};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::place::shown;
use crate::ui;

/// Longest file that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// One rule of a client, in our words.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Made {
    /// A table of TOML.
    Rule(String),
    /// Why there is none.
    LeftOut(String),
}

/// Prints a policy.
pub(super) fn import(args: &Import) -> Outcome {
    let text = read(&args.file)?;
    let file = shown(&args.file);
    let made = match args.client {
        ImportFrom::ClaudeCode => claude::rules(&text, &file),
        ImportFrom::Codex => codex::rules(&text, &file),
    };
    let made = made.map_err(|why| Failure::new(Exit::Failed, format!("{file} can't be read: {why}")))?;
    let mut policy =
        format!("# From {file}. What a client allows is not here: contained commands ask nobody.\nversion = 1\n");
    let (mut rules, mut left) = (0, 0);
    for one in made {
        match checked(one) {
            Made::Rule(rule) => {
                rules += 1;
                policy.push('\n');
                policy.push_str(&rule);
            }
            Made::LeftOut(why) => {
                left += 1;
                ui::add(&mut policy, format_args!("\n# left out: {}\n", neutral::line(&why)));
            }
        }
    }
    ui::note(format!("{rules} rules; {left} left out, each with its reason"));
    ui::data(policy)
}

fn read(path: &Path) -> Result<String, Failure> {
    let fail = |text: String| Failure::new(Exit::Failed, text);
    let meta = path.metadata().map_err(|e| fail(format!("can't read {}", shown(path))).because(&e))?;
    if !meta.is_file() || meta.len() > LIMIT {
        return Err(fail(format!("{} is no file of at most {LIMIT} bytes", shown(path))));
    }
    std::fs::read_to_string(path).map_err(|e| fail(format!("can't read {}", shown(path))).because(&e))
}

/// A rule stands only if the language takes it, examples and all.
fn checked(made: Made) -> Made {
    let Made::Rule(rule) = made else { return made };
    match tollgate_policy::parse("import", &format!("version = 1\n{rule}")) {
        Ok(_) => Made::Rule(rule),
        Err(faults) => {
            let why = faults.0.first().map(|fault| fault.message.clone()).unwrap_or_default();
            let first = rule.lines().find(|line| line.starts_with("because")).unwrap_or_default();
            Made::LeftOut(format!("{first}: {why}"))
        }
    }
}

/// A text as TOML; JSON's escapes are among TOML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn list(words: &[String]) -> String {
    let all: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("[{}]", all.join(", "))
}

/// A rule on commands: the program, and the words behind it, each a list of alternatives.
fn command(effect: &str, words: &[Vec<String>], because: &str) -> Made {
    let Some((program, args)) = words.split_first().filter(|(program, _)| !program.is_empty()) else {
        return Made::LeftOut(format!("{because}: it names no command"));
    };
    let args: Vec<String> = args
        .iter()
        .map(|word| match word.as_slice() {
            [one] => quoted(one),
            several => list(several),
        })
        .collect();
    let example = words.iter().filter_map(|word| word.first()).map(|word| word.replace('*', "x")).collect::<Vec<_>>();
    let args = if args.is_empty() { String::new() } else { format!("args = [{}]\n", args.join(", ")) };
    Made::Rule(format!(
        "[[command]]\neffect = {}\nprogram = {}\n{args}because = {}\nmatches = [{}]\nspares = [\"tollgate --version\"]\n",
        quoted(effect),
        list(program),
        quoted(because),
        quoted(&example.join(" ")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn whole(made: Vec<Made>) -> String {
        made.into_iter()
            .map(|one| match checked(one) {
                Made::Rule(rule) => rule,
                Made::LeftOut(why) => format!("left out: {why}\n"),
            })
            .collect()
    }

    #[test]
    fn claude_codes_permissions() {
        let text = r#"{"permissions": {"allow": ["Bash(npm test:*)", "WebFetch(domain:docs.rs)"],
            "ask": ["Bash(git push:*)", "mcp__github__create_issue"],
            "deny": ["Bash(curl *)", "Bash(a | b)", "Bash", "Read(./.env)", "Edit(//etc/hosts)", "Read(~/.ssh/**)", "WebFetch(domain:evil.example)", "Odd(x)"]}}"#;
        let said = whole(claude::rules(text, "s.json").unwrap_or_default());
        for part in [
            "effect = \"ask\"\nprogram = [\"git\"]\nargs = [\"push\"]",
            "effect = \"deny\"\nprogram = [\"curl\"]\n",
            "hide = [\"@workspace/.env\"]",
            "protect = [\"/etc/hosts\"]",
            "hide = [\"~/.ssh/**\"]",
            "effect = \"deny\"\nnames = [\"evil.example\"]",
            "effect = \"allow\"\nnames = [\"docs.rs\"]",
            "server = \"github\"\ntool = \"create_issue\"",
            "left out: denied in s.json: Bash(a | b)",
            "left out: denied in s.json: Odd(x)",
        ] {
            assert!(said.contains(part), "no {part} in\n{said}");
        }
        assert!(!said.contains("npm"), "{said}");
    }

    #[test]
    fn codexs_rules() {
        let text = "# mine\nprefix_rule(\n    pattern = [\"git\", [\"push\", 'fetch']],\n    decision = \"prompt\",\n    justification = \"leaves (the) machine\",\n)\n\
            prefix_rule(pattern=[\"rm\"], decision=\"forbidden\")\nprefix_rule(pattern=[\"ls\"], decision=\"allow\")\nother(1)\n";
        let said = whole(codex::rules(text, "r.rules").unwrap_or_default());
        for part in [
            "effect = \"ask\"\nprogram = [\"git\"]\nargs = [[\"push\", \"fetch\"]]\nbecause = \"leaves (the) machine\"",
            "effect = \"deny\"\nprogram = [\"rm\"]\n",
        ] {
            assert!(said.contains(part), "no {part} in\n{said}");
        }
        assert!(!said.contains("\"ls\""), "{said}");
        assert!(codex::rules("prefix_rule(pattern=[\"rm\"", "r").is_err());
    }
}
