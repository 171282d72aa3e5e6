//! Claude Code's `permissions` (`settings.json`, `settings.local.json`): `Bash(git push:*)`, `Read(./.env)`, `WebFetch(domain:x)`,
//! `mcp__server__tool`, in lists of what is allowed, asked about and denied.

use serde_json::Value;

use super::{Made, command, list, quoted};

/// All rules, in the file's order.
pub(super) fn rules(text: &str, file: &str) -> Result<Vec<Made>, String> {
    let settings: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let permissions = settings.get("permissions").ok_or("it has no `permissions`")?;
    let mut made = Vec::new();
    for (key, effect, word) in
        [("deny", "deny", "denied"), ("ask", "ask", "asked about"), ("allow", "allow", "allowed")]
    {
        let all = permissions.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for rule in all.iter().filter_map(Value::as_str) {
            made.extend(one(rule, effect, &format!("{word} in {file}: {rule}")));
        }
    }
    Ok(made)
}

fn one(rule: &str, effect: &str, because: &str) -> Option<Made> {
    let (tool, what) = match rule.split_once('(') {
        Some((tool, rest)) => (tool, Some(rest.strip_suffix(')').unwrap_or(rest))),
        None => (rule, None),
    };
    let left = |why: &str| Some(Made::LeftOut(format!("{because}: {why}")));
    match (tool, what, effect) {
        // contained, they need none
        ("Bash" | "Read" | "Edit" | "Write" | "MultiEdit" | "NotebookEdit", _, "allow") => None,
        ("Bash", None | Some("" | "*"), _) => Some(command(effect, &[vec!["*".to_owned()]], because)),
        ("Bash", Some(text), _) => Some(words(text).map_or_else(
            || {
                Made::LeftOut(format!(
                    "{because}: more than one command, or quotes: a rule speaks of one command's words"
                ))
            },
            |words| command(effect, &words, because),
        )),
        ("Read", Some(path), _) => Some(on_path("hide", "read", effect, path, because)),
        ("Edit" | "Write" | "MultiEdit" | "NotebookEdit", Some(path), _) => {
            Some(on_path("protect", "write", effect, path, because))
        }
        ("WebFetch", Some(what), _) => match what.strip_prefix("domain:") {
            Some(name) => Some(Made::Rule(format!(
                "[[net]]\neffect = {}\nnames = {}\nbecause = {}\nmatches = [{}]\nspares = [\"other.invalid:443\"]\n",
                quoted(effect),
                list(&[name.to_owned()]),
                quoted(because),
                quoted(&format!("{}:443", name.replacen('*', "x", 1))),
            ))),
            None => left("only `domain:` is understood"),
        },
        (name, None, _) if name.starts_with("mcp__") => {
            let mut parts = name.splitn(3, "__").skip(1);
            let (server, tool) = (parts.next().unwrap_or("*"), parts.next().unwrap_or("*"));
            Some(Made::Rule(format!(
                "[[tool]]\neffect = {}\nserver = {}\ntool = {}\nbecause = {}\nmatches = [{}]\nspares = [\"other/other\"]\n",
                quoted(effect),
                quoted(server),
                quoted(tool),
                quoted(because),
                quoted(&format!("{}/{}", server.replace('*', "x"), tool.replace('*', "x"))),
            )))
        }
        _ => left("there is no rule for this tool"),
    }
}

/// The words of a command's pattern: `git push:*` and `git push *` are prefixes.
fn words(text: &str) -> Option<Vec<Vec<String>>> {
    let text = text.strip_suffix(":*").or_else(|| text.strip_suffix(" *")).unwrap_or(text);
    let plain = !text.contains(['|', '&', ';', '<', '>', '$', '`', '(', ')', '"', '\'', '\\', '\n']);
    plain.then(|| text.split_whitespace().map(|word| vec![word.to_owned()]).collect())
}

fn on_path(floor: &str, access: &str, effect: &str, path: &str, because: &str) -> Made {
    let path = match path {
        absolute if absolute.starts_with("//") => absolute.get(1..).unwrap_or_default().to_owned(),
        home if home.starts_with('~') => home.to_owned(),
        within => format!("@workspace/{}", within.trim_start_matches("./").trim_start_matches('/')),
    };
    let example = path.replace("**", "x").replace('*', "x");
    let head = if effect == "deny" {
        format!("{floor} = {}", list(&[path]))
    } else {
        format!("effect = {}\naccess = [{}]\npaths = {}", quoted(effect), quoted(access), list(&[path]))
    };
    Made::Rule(format!(
        "[[path]]\n{head}\nbecause = {}\nmatches = [{}]\nspares = [\"@workspace/other-file\"]\n",
        quoted(because),
        quoted(&example)
    ))
}
