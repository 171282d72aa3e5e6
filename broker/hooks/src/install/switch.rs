//! Settings by which a client's hooks are all switched off, though nothing is wrong with them.

use std::path::PathBuf;

use serde_json::Value;

use super::{Form, Homes, json, toml};
use crate::Client;

/// One setting in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// The file.
    pub file: PathBuf,
    /// How it is written.
    form: Form,
    keys: &'static [&'static str],
    off: bool,
}

/// The files that can switch off what is set up for a person or a project. Managed hooks stay.
#[must_use]
pub fn switches(client: Client, homes: &Homes<'_>) -> Vec<Switch> {
    const ALL: &[&str] = &["disableAllHooks"];
    let below = |name: &str, usual: &str| (homes.variable)(name).unwrap_or_else(|| homes.home.join(usual));
    let (own, projects, form, keys, off): (PathBuf, &[&str], Form, &'static [&'static str], bool) = match client {
        Client::ClaudeCode => {
            let projects: &[&str] = &[".claude/settings.json", ".claude/settings.local.json"];
            (below("CLAUDE_CONFIG_DIR", ".claude").join("settings.json"), projects, Form::Json, ALL, true)
        }
        Client::Codex => {
            let keys: &[&str] = &["features", "hooks"];
            (below("CODEX_HOME", ".codex").join("config.toml"), &[".codex/config.toml"], Form::Toml, keys, false)
        }
        Client::GeminiCli => {
            let keys: &[&str] = &["hooksConfig", "enabled"];
            (homes.home.join(".gemini/settings.json"), &[".gemini/settings.json"], Form::Json, keys, false)
        }
        Client::QwenCode => (homes.home.join(".qwen/settings.json"), &[".qwen/settings.json"], Form::Json, ALL, true),
        Client::Copilot => {
            let own = below("COPILOT_HOME", ".copilot").join("settings.json");
            (own, &[".github/copilot/settings.json"], Form::Json, ALL, true)
        }
        Client::Opencode | Client::Cursor | Client::Generic => return Vec::new(),
    };
    let files = std::iter::once(own).chain(projects.iter().map(|file| homes.project.join(file)));
    files.map(|file| Switch { file, form, keys, off }).collect()
}

impl Switch {
    /// The setting's name where this text of the file switches hooks off. A text that can't be read doesn't.
    #[must_use]
    pub fn is_off(&self, text: &str) -> Option<String> {
        let whole = match self.form {
            Form::Json => json::value(text)?,
            Form::Toml => toml::value(text)?,
            Form::Plugin => return None,
        };
        let said = self.keys.iter().try_fold(&whole, |value, key| value.get(key))?;
        (said == &Value::Bool(self.off)).then(|| self.keys.join("."))
    }
}
