//! Codex's rules (`~/.codex/rules/*.rules`): `prefix_rule(pattern = ["git", ["push", "fetch"]], decision = "prompt")`. Read as
//! data; the language around them is not run.

use super::{Made, command};

/// All rules, in the file's order.
pub(super) fn rules(text: &str, file: &str) -> Result<Vec<Made>, String> {
    let mut made = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("prefix_rule(") {
        let commented =
            rest.get(..at).unwrap_or_default().rsplit('\n').next().unwrap_or_default().trim_start().starts_with('#');
        let mut reader = Reader(rest.get(at + "prefix_rule(".len()..).unwrap_or_default());
        let rule = reader.rule()?;
        rest = reader.0;
        if !commented {
            made.extend(of(rule, file));
        }
    }
    Ok(made)
}

fn of(rule: Rule, file: &str) -> Option<Made> {
    let effect = match rule.decision.as_str() {
        "forbidden" => "deny",
        "prompt" => "ask",
        // contained, it needs none; the client's own default is to allow
        _ => return None,
    };
    let because =
        if rule.justification.is_empty() { format!("{} in {file}", rule.decision) } else { rule.justification };
    Some(command(effect, &rule.pattern, &because))
}

#[derive(Default)]
struct Rule {
    pattern: Vec<Vec<String>>,
    decision: String,
    justification: String,
}

/// What is still to be read.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    /// `name = value, …)`
    fn rule(&mut self) -> Result<Rule, String> {
        let mut rule = Rule::default();
        loop {
            self.space();
            if self.takes(')') {
                return Ok(rule);
            }
            let name = self.name();
            self.space();
            if name.is_empty() || !self.takes('=') {
                return Err("a rule is not `name = value`".to_owned());
            }
            let value = self.value()?;
            match (name, value) {
                ("pattern", Value::List(all)) => rule.pattern = all.into_iter().map(Value::words).collect(),
                ("decision", Value::Text(text)) => rule.decision = text,
                ("justification", Value::Text(text)) => rule.justification = text,
                _ => {}
            }
            self.space();
            self.takes(',');
        }
    }

    fn value(&mut self) -> Result<Value, String> {
        self.space();
        if self.takes('[') {
            let mut all = Vec::new();
            loop {
                self.space();
                if self.takes(']') {
                    return Ok(Value::List(all));
                }
                all.push(self.value()?);
                self.space();
                self.takes(',');
            }
        }
        let quote =
            self.0.chars().next().filter(|c| ['"', '\''].contains(c)).ok_or("a value is no text and no list")?;
        self.takes(quote);
        let mut text = String::new();
        let mut escaped = false;
        for (at, c) in self.0.char_indices() {
            match (escaped, c) {
                (true, c) => {
                    text.push(if c == 'n' { '\n' } else { c });
                    escaped = false;
                }
                (false, '\\') => escaped = true,
                (false, c) if c == quote => {
                    self.0 = self.0.get(at + 1..).unwrap_or_default();
                    return Ok(Value::Text(text));
                }
                (false, c) => text.push(c),
            }
        }
        Err("a text has no end".to_owned())
    }

    fn name(&mut self) -> &'a str {
        let end = self.0.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.0.len());
        let (name, rest) = self.0.split_at(end);
        self.0 = rest;
        name
    }

    /// Blanks and comments.
    fn space(&mut self) {
        loop {
            self.0 = self.0.trim_start();
            if !self.0.starts_with('#') {
                return;
            }
            self.0 = self.0.split_once('\n').map_or("", |(_, rest)| rest);
        }
    }

    fn takes(&mut self, c: char) -> bool {
        self.0.strip_prefix(c).map(|rest| self.0 = rest).is_some()
    }
}

enum Value {
    Text(String),
    List(Vec<Self>),
}

impl Value {
    fn words(self) -> Vec<String> {
        match self {
            Self::Text(text) => vec![text],
            Self::List(all) => all.into_iter().flat_map(Self::words).collect(),
        }
    }
}
