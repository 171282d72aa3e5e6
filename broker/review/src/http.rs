//! A reviewer that is a model behind an endpoint: the dialect of `OpenAI`'s chat completions, or of Anthropic's messages.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::StatusCode;

use crate::attempt::{Again, Reply};
use crate::input::Asked;

/// Longest reply, in bytes.
const LONGEST: u64 = 1 << 20;

/// Most tokens of an answer.
const TOKENS: u32 = 1024;

/// The version of Anthropic's interface that is spoken.
const ANTHROPIC: &str = "2023-06-01";

/// An endpoint.
pub(crate) struct Endpoint {
    address: String,
    dialect: Dialect,
    model: String,
    key: Option<String>,
}

/// How it is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    OpenAi,
    Anthropic,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("address", &self.address).field("model", &self.model).finish_non_exhaustive()
    }
}

impl Endpoint {
    pub(crate) fn new((address, dialect): (&str, &str), model: &str, key: Option<String>) -> Result<Self, String> {
        let dialect = match dialect {
            "openai" => Dialect::OpenAi,
            "anthropic" => Dialect::Anthropic,
            other => return Err(format!("`{other}` is no dialect of a reviewer")),
        };
        if !address.starts_with("https://") && !is_loopback(address) {
            return Err(format!("`{address}` is neither https nor on loopback"));
        }
        let plain = address.trim_end_matches('/');
        let end = match dialect {
            Dialect::OpenAi => "/chat/completions",
            Dialect::Anthropic => "/messages",
        };
        let address = match dialect {
            _ if plain.ends_with(end) => plain.to_owned(),
            Dialect::Anthropic if !plain.ends_with("/v1") => format!("{plain}/v1{end}"),
            Dialect::OpenAi | Dialect::Anthropic => format!("{plain}{end}"),
        };
        Ok(Self { address, dialect, model: model.to_owned(), key })
    }

    pub(crate) fn ask(&self, asked: &Asked, until: Instant) -> Reply {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Reply::failed("it did not answer in time", Again::No);
        }
        match self.send(asked, left) {
            Ok((status, body)) if status.is_success() => self.read(&body),
            Ok((status, _)) => {
                let again = status.is_server_error() || [408, 409, 429].contains(&status.as_u16());
                Reply::failed(format!("the endpoint said {status}"), if again { Again::Yes } else { Again::No })
            }
            Err(ureq::Error::Timeout(_)) => Reply::failed("it did not answer in time", Again::No),
            Err(e) => Reply::failed(format!("the endpoint can't be reached: {e}"), Again::Yes),
        }
    }

    fn send(&self, asked: &Asked, left: Duration) -> Result<(StatusCode, String), ureq::Error> {
        let config = Agent::config_builder()
            .timeout_global(Some(left))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .build();
        let mut request = Agent::from(config).post(&self.address).header("content-type", "application/json");
        match (self.dialect, &self.key) {
            (Dialect::OpenAi, Some(key)) => request = request.header("authorization", format!("Bearer {key}")),
            (Dialect::Anthropic, Some(key)) => request = request.header("x-api-key", key),
            (Dialect::OpenAi | Dialect::Anthropic, None) => {}
        }
        if self.dialect == Dialect::Anthropic {
            request = request.header("anthropic-version", ANTHROPIC);
        }
        let mut reply = request.send(self.body(asked).to_string())?;
        let status = reply.status();
        let body = reply.body_mut().with_config().limit(LONGEST).read_to_string()?;
        Ok((status, body))
    }

    fn body(&self, asked: &Asked) -> Value {
        let (system, user) = asked.prompt();
        match self.dialect {
            Dialect::OpenAi => json!({
                "model": self.model,
                "max_completion_tokens": TOKENS,
                "response_format": {"type": "json_object"},
                "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
            }),
            Dialect::Anthropic => json!({
                "model": self.model,
                "max_tokens": TOKENS,
                "system": system,
                "messages": [{"role": "user", "content": user}],
            }),
        }
    }

    fn read(&self, body: &str) -> Reply {
        let Ok(json) = serde_json::from_str::<Value>(body) else {
            return Reply::failed("the endpoint's reply is no JSON", Again::Yes);
        };
        let count =
            |name: &str| json.get("usage").and_then(|usage| usage.get(name)).and_then(Value::as_u64).unwrap_or(0);
        let (text, tokens) = match self.dialect {
            Dialect::OpenAi => (
                json.pointer("/choices/0/message/content").and_then(Value::as_str).map(str::to_owned),
                (count("prompt_tokens"), count("completion_tokens")),
            ),
            Dialect::Anthropic => {
                let parts = json.get("content").and_then(Value::as_array);
                let texts =
                    parts.map(|parts| parts.iter().filter_map(|part| part.get("text")?.as_str()).collect::<String>());
                (texts, (count("input_tokens"), count("output_tokens")))
            }
        };
        match text.filter(|text| !text.is_empty()) {
            Some(text) => Reply { text: Ok(text), tokens },
            None => Reply { tokens, ..Reply::failed("the endpoint's reply holds no answer", Again::Yes) },
        }
    }
}

/// Whether an address is plain HTTP to this machine, by number or as `localhost`.
fn is_loopback(address: &str) -> bool {
    let Some(rest) = address.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    !authority.contains('@')
        && (host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_completed_and_checked() {
        let of = |address, dialect| Endpoint::new((address, dialect), "m", None).map(|endpoint| endpoint.address);
        for (address, dialect, full) in [
            ("https://api.openai.com/v1", "openai", "https://api.openai.com/v1/chat/completions"),
            ("https://x/v1/chat/completions", "openai", "https://x/v1/chat/completions"),
            ("https://api.anthropic.com", "anthropic", "https://api.anthropic.com/v1/messages"),
            ("https://api.anthropic.com/v1/", "anthropic", "https://api.anthropic.com/v1/messages"),
            ("http://127.0.0.1:8080/v1", "openai", "http://127.0.0.1:8080/v1/chat/completions"),
            ("http://[::1]:8080", "anthropic", "http://[::1]:8080/v1/messages"),
        ] {
            assert_eq!(of(address, dialect).as_deref(), Ok(full));
        }
        for bad in [
            "http://example.com",
            "http://127.0.0.1.example.com",
            "http://127.0.0.1@example.com",
            "ftp://127.0.0.1",
            "",
        ] {
            assert!(of(bad, "openai").is_err(), "{bad}");
        }
        assert!(of("https://x", "other").is_err());
    }
}
