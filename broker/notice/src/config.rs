//! `notify.toml`, a person's own: who is told.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use tollgate_policy::question::Risk;

/// Hooks of one file, at most.
const HOOKS: usize = 16;

/// Who is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The format's version: 1.
    pub version: u32,
    /// Whether the desktop shows a notice (`notify-send`).
    #[serde(default)]
    pub desktop: bool,
    /// Where the page is (`tollgate web`), for the link; empty for its usual address.
    #[serde(default)]
    pub page: String,
    /// Webhooks.
    #[serde(default, rename = "hook")]
    pub hooks: Vec<Hook>,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// Where to: https, or http on loopback.
    pub url: String,
    /// How the body looks.
    #[serde(default)]
    pub kind: Kind,
    /// A file with the key that notices are signed with; none for unsigned.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// A file with a token that is sent as `Authorization: Bearer`.
    #[serde(default)]
    pub bearer_file: Option<PathBuf>,
    /// Only questions of this risk and above.
    #[serde(default = "low")]
    pub from_risk: Risk,
    /// Whether to leave out what is asked: then only that something is asked is told.
    #[serde(default)]
    pub discreet: bool,
}

const fn low() -> Risk {
    Risk::Low
}

/// How a body looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// JSON with a field for each fact.
    #[default]
    Generic,
    /// A message of ntfy: text, and headers for title, link and priority.
    Ntfy,
    /// Slack's incoming webhook.
    Slack,
}

/// What is wrong with the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong(pub String);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Wrong {}

/// Reads the text of `notify.toml`.
///
/// # Errors
/// [`Wrong`] with the line, for unknown keys, wrong types, and addresses that are neither https nor on loopback.
pub fn parse(text: &str) -> Result<Config, Wrong> {
    let config: Config = toml::from_str(text).map_err(|e| Wrong(e.to_string().trim().to_owned()))?;
    if config.version != 1 {
        return Err(Wrong(format!("version {} is not known; it is 1", config.version)));
    }
    if config.hooks.len() > HOOKS {
        return Err(Wrong(format!("more than {HOOKS} hooks")));
    }
    for hook in &config.hooks {
        check(&hook.url)?;
    }
    if !config.page.is_empty() && !config.page.starts_with("http://") && !config.page.starts_with("https://") {
        return Err(Wrong(format!("`page` is no address of a page: `{}`", config.page)));
    }
    Ok(config)
}

fn check(url: &str) -> Result<(), Wrong> {
    let wrong = |what: &str| Err(Wrong(format!("the hook `{url}` {what}")));
    let uri: ureq::http::Uri = match url.parse() {
        Ok(uri) => uri,
        Err(_) => return wrong("is no address"),
    };
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let near = host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") if !host.is_empty() => Ok(()),
        Some("http") if near => Ok(()),
        Some("http") => wrong("is not encrypted: use https"),
        _ => wrong("is neither https nor http on loopback"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn files_are_read() {
        let text = "version = 1\ndesktop = true\n[[hook]]\nurl = \"https://ntfy.sh/x\"\nkind = \"ntfy\"\nfrom_risk = \"high\"\n";
        let config = parse(text).unwrap();
        assert!(config.desktop);
        assert_eq!((config.hooks[0].kind, config.hooks[0].from_risk), (Kind::Ntfy, Risk::High));
    }

    #[test]
    fn wrong_files_say_what_is_wrong() {
        let hook = |url: &str| format!("version = 1\n[[hook]]\nurl = \"{url}\"\n");
        let table = [
            (String::new(), "version"),
            ("version = 2\n".into(), "version 2"),
            ("version = 1\ndesktp = true\n".into(), "desktp"),
            ("version = 1\npage = \"x\"\n".into(), "no address of a page"),
            (hook("http://ntfy.sh/x"), "not encrypted"),
            (hook("ftp://ntfy.sh/x"), "neither https"),
            (hook("file:///etc/passwd"), "no address"),
            (hook("http://127.0.0.1.evil.example/"), "not encrypted"),
            (hook("http://localhost.evil.example/"), "not encrypted"),
            (hook("x"), "neither https"),
            (hook(""), "no address"),
        ];
        for (text, expected) in table {
            let wrong = parse(&text).unwrap_err().to_string();
            assert!(wrong.contains(expected), "{text}: {wrong}");
        }
        for url in
            ["http://127.0.0.1:8080/x", "http://[::1]:1/", "http://localhost:1/", "https://hooks.slack.com/services/x"]
        {
            parse(&hook(url)).unwrap();
        }
    }
}
