//! Where each client keeps its settings, and what a place leaves open.

use std::path::{Path, PathBuf};

use super::Form;
use crate::Client;

/// For whom a hook is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Everybody on this machine, in a place that neither a repository nor the agent can change.
    Managed,
    /// One person.
    User,
    /// One project.
    Project,
}

impl Reach {
    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Managed => "managed",
            Self::User => "user",
            Self::Project => "project",
        }
    }
}

/// Folders that places start from.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "a function has nothing to show")]
pub struct Homes<'a> {
    /// The person's home.
    pub home: &'a Path,
    /// The project.
    pub project: &'a Path,
    /// In place of `/`, for tests.
    pub root: &'a Path,
    /// An environment variable that names a folder, if it does.
    pub variable: &'a dyn Fn(&str) -> Option<PathBuf>,
}

/// One settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Whose.
    pub client: Client,
    /// For whom.
    pub reach: Reach,
    /// The file.
    pub file: PathBuf,
    /// How it is written.
    pub form: Form,
    /// What can switch the hooks off, though nothing is wrong with them; empty where nothing was found.
    pub open: &'static str,
    /// What a person still has to do; empty for nothing.
    pub todo: &'static str,
}

/// The file for a client; none where it has none for this reach.
#[must_use]
pub fn setting(client: Client, reach: Reach, homes: &Homes<'_>) -> Option<Setting> {
    let form = match (client, reach) {
        (Client::Codex, Reach::Managed) => Form::Toml,
        (Client::Opencode, _) => Form::Plugin,
        _ => Form::Json,
    };
    let file = match reach {
        Reach::Managed => homes.root.join(managed(client)?),
        Reach::User => user(client, homes)?,
        Reach::Project => homes.project.join(project(client)?),
    };
    Some(Setting { client, reach, file, form, open: open(client, reach), todo: todo(client, reach) })
}

const fn managed(client: Client) -> Option<&'static str> {
    Some(match client {
        Client::ClaudeCode => "etc/claude-code/managed-settings.d/50-tollgate.json",
        Client::Codex => "etc/codex/requirements.toml",
        Client::GeminiCli => "etc/gemini-cli/settings.json",
        Client::QwenCode => "etc/qwen-code/settings.json",
        Client::Copilot => "etc/github-copilot/policy.d/tollgate.json",
        Client::Cursor => "etc/cursor/hooks.json",
        Client::Opencode | Client::Generic => return None,
    })
}

fn user(client: Client, homes: &Homes<'_>) -> Option<PathBuf> {
    let below = |name: &str, usual: &str| (homes.variable)(name).unwrap_or_else(|| homes.home.join(usual));
    Some(match client {
        Client::ClaudeCode => below("CLAUDE_CONFIG_DIR", ".claude").join("settings.json"),
        Client::Codex => below("CODEX_HOME", ".codex").join("hooks.json"),
        Client::GeminiCli => homes.home.join(".gemini/settings.json"),
        Client::QwenCode => homes.home.join(".qwen/settings.json"),
        Client::Copilot => below("COPILOT_HOME", ".copilot").join("hooks/tollgate.json"),
        Client::Opencode => below("XDG_CONFIG_HOME", ".config").join("opencode/plugin/tollgate.js"),
        Client::Cursor => homes.home.join(".cursor/hooks.json"),
        Client::Generic => return None,
    })
}

const fn project(client: Client) -> Option<&'static str> {
    Some(match client {
        Client::ClaudeCode => ".claude/settings.json",
        Client::Codex => ".codex/hooks.json",
        Client::GeminiCli => ".gemini/settings.json",
        Client::QwenCode => ".qwen/settings.json",
        Client::Copilot => ".github/hooks/tollgate.json",
        Client::Opencode => ".opencode/plugin/tollgate.js",
        Client::Cursor => ".cursor/hooks.json",
        Client::Generic => return None,
    })
}

const fn open(client: Client, reach: Reach) -> &'static str {
    match (client, reach) {
        (Client::ClaudeCode | Client::Copilot | Client::Codex, Reach::Managed) | (Client::Generic, _) => "",
        (Client::GeminiCli, Reach::Managed) => {
            "who starts it with GEMINI_CLI_SYSTEM_SETTINGS_PATH reads other settings"
        }
        (Client::QwenCode, Reach::Managed) => {
            "who starts it with --safe-mode or QWEN_CODE_SYSTEM_SETTINGS_PATH has no hooks"
        }
        (Client::ClaudeCode, _) => {
            "a repository's .claude/settings.json with `disableAllHooks`, and whoever writes this file, switch it off, even \
             in the middle of a session"
        }
        (Client::Codex, _) => "`codex --disable hooks` switches it off, and whoever writes ~/.codex/config.toml",
        (Client::GeminiCli, _) => {
            "a repository's .gemini/settings.json with `hooksConfig.enabled: false` switches it off"
        }
        (Client::QwenCode, _) => "a repository's .qwen/settings.json with `disableAllHooks` switches it off",
        (Client::Copilot, _) => {
            "a trusted repository's .github/copilot/settings.json with `disableAllHooks` switches it off"
        }
        (Client::Opencode, _) => {
            "`opencode --pure` switches plugins off, and opencode goes on without a plugin that it can't load"
        }
        (Client::Cursor, _) => "not tried with a real Cursor; whoever writes this file switches it off",
    }
}

const fn todo(client: Client, reach: Reach) -> &'static str {
    match (client, reach) {
        (Client::Codex, Reach::User | Reach::Project) => {
            "start `codex` once and answer `Hooks need review` with `Trust all`: until then codex skips these hooks \
             silently, `codex exec` too"
        }
        (Client::GeminiCli | Client::Copilot | Client::QwenCode, Reach::Project) => {
            "trust the folder when the client asks: it runs a project's hooks only then"
        }
        (Client::Opencode, _) => {
            "opencode fetches @opencode-ai/plugin from npm at its first start with a plugin; without the registry it hangs"
        }
        _ => "",
    }
}
