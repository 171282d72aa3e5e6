//! Secrets that are known by their shape alone.

use super::Found;

/// What may follow a prefix.
#[derive(Clone, Copy)]
enum Tail {
    /// Letters and digits.
    Alnum,
    /// Upper-case letters and digits.
    Upper,
    /// Letters, digits, `_` and `-`.
    Url,
}

impl Tail {
    const fn takes(self, byte: u8) -> bool {
        match self {
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Url => byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-',
        }
    }
}

/// Kind, prefix, what follows, and at least how many. Longer prefixes come before their own beginnings.
const TOKENS: [(&str, &str, Tail, usize); 27] = [
    ("github", "github_pat_", Tail::Url, 20),
    ("github", "ghp_", Tail::Alnum, 20),
    ("github", "gho_", Tail::Alnum, 20),
    ("github", "ghu_", Tail::Alnum, 20),
    ("github", "ghs_", Tail::Alnum, 20),
    ("github", "ghr_", Tail::Alnum, 20),
    ("aws", "AKIA", Tail::Upper, 16),
    ("aws", "ASIA", Tail::Upper, 16),
    ("anthropic", "sk-ant-", Tail::Url, 12),
    ("openai", "sk-", Tail::Url, 20),
    ("slack", "xoxb-", Tail::Url, 10),
    ("slack", "xoxa-", Tail::Url, 10),
    ("slack", "xoxp-", Tail::Url, 10),
    ("slack", "xoxr-", Tail::Url, 10),
    ("slack", "xoxs-", Tail::Url, 10),
    ("slack", "xapp-", Tail::Url, 10),
    ("gitlab", "glpat-", Tail::Url, 16),
    ("npm", "npm_", Tail::Alnum, 30),
    ("pypi", "pypi-", Tail::Url, 32),
    ("google", "AIza", Tail::Url, 35),
    ("stripe", "sk_live_", Tail::Alnum, 16),
    ("stripe", "rk_live_", Tail::Alnum, 16),
    ("huggingface", "hf_", Tail::Alnum, 30),
    ("crates.io", "cio", Tail::Alnum, 32),
    ("digitalocean", "dop_v1_", Tail::Alnum, 40),
    ("docker", "dckr_pat_", Tail::Url, 20),
    ("slack", "https://hooks.slack.com/services/", Tail::Url, 1),
];

/// Tokens of services, JSON web tokens, Slack's webhooks.
pub(super) fn tokens(text: &str) -> Vec<Found> {
    let bytes = text.as_bytes();
    let (mut found, mut at, mut before) = (Vec::new(), 0, b' ');
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let hit = if before.is_ascii_alphanumeric() || before == b'_' { None } else { token(rest) };
        let taken = match hit {
            Some((kind, skip, length)) => {
                found.push(Found::new(at + skip..at + length, kind));
                length
            }
            None => 1,
        };
        before = bytes.get(at + taken - 1).copied().unwrap_or(b' ');
        at += taken;
    }
    found
}

/// The token at the beginning: its kind, how much of it is no secret, and its length.
fn token(rest: &[u8]) -> Option<(&'static str, usize, usize)> {
    if rest.starts_with(b"eyJ") {
        return web_token(rest).map(|length| ("jwt", 0, length));
    }
    let (kind, prefix, tail, least) = TOKENS.iter().find(|(_, prefix, ..)| rest.starts_with(prefix.as_bytes()))?;
    if prefix.starts_with("https:") {
        let path = rest.iter().skip(prefix.len()).take_while(|b| tail.takes(**b) || **b == b'/').count();
        return (path > 0).then_some((kind, prefix.len(), prefix.len() + path));
    }
    let secret = rest.get(prefix.len()..)?;
    let length = secret.iter().take_while(|b| tail.takes(**b)).count();
    let secret = secret.get(..length)?;
    // Made at random, so it has digits; a hyphenated name of a package mostly has none.
    let random = secret.iter().any(u8::is_ascii_digit) && secret.iter().any(u8::is_ascii_alphabetic);
    (length >= *least && random).then_some((*kind, 0, prefix.len() + length))
}

/// Three parts of base64url with dots between; the first two are JSON objects, which begin with `eyJ`.
fn web_token(rest: &[u8]) -> Option<usize> {
    let part = |from: usize| rest.iter().skip(from).take_while(|b| Tail::Url.takes(**b)).count();
    let header = part(0);
    let payload = part(header + 1);
    let dots = rest.get(header) == Some(&b'.') && rest.get(header + 1 + payload) == Some(&b'.');
    let long = header >= 10 && payload >= 10 && rest.get(header + 1..)?.starts_with(b"ey");
    (dots && long).then(|| header + payload + 2 + part(header + payload + 2))
}

/// Private keys in PEM; one whose end is missing goes to the end of the text.
pub(super) fn private_keys(text: &str) -> Vec<Found> {
    const END: &str = "PRIVATE KEY";
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(start) = text.get(at..).and_then(|t| t.find("-----BEGIN ")).map(|n| at + n) {
        let from = start + "-----BEGIN ".len();
        let label = text.get(from..).and_then(|t| t.split("-----").next()).unwrap_or_default();
        at = from;
        if label.len() < 64 && (label.ends_with(END) || label.ends_with("PRIVATE KEY BLOCK")) {
            let close = format!("-----END {label}-----");
            let end = text.get(from..).and_then(|t| t.find(&close)).map_or(text.len(), |n| from + n + close.len());
            found.push(Found::new(start..end, "private-key"));
            at = end;
        }
    }
    found
}
