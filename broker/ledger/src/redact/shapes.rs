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
    /// The same, and dots.
    Dotted,
}

impl Tail {
    const fn takes(self, byte: u8) -> bool {
        match self {
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Url => byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-',
            Self::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
        }
    }
}

/// Kind, prefix, what follows, and at least how many. Longer prefixes come before their own beginnings.
const TOKENS: [(&str, &str, Tail, usize); 73] = [
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
    ("slack", "xoxc-", Tail::Url, 10),
    ("slack", "xoxd-", Tail::Url, 10),
    ("slack", "xoxe-", Tail::Url, 10),
    ("slack", "xoxe.xoxp-", Tail::Url, 10),
    ("slack", "xoxp-", Tail::Url, 10),
    ("slack", "xoxr-", Tail::Url, 10),
    ("slack", "xoxs-", Tail::Url, 10),
    ("slack", "xapp-", Tail::Url, 10),
    ("gitlab", "glpat-", Tail::Dotted, 16),
    ("gitlab", "gldt-", Tail::Url, 16),
    ("gitlab", "glrt-", Tail::Dotted, 16),
    ("gitlab", "glcbt-", Tail::Url, 16),
    ("gitlab", "glptt-", Tail::Url, 16),
    ("gitlab", "gloas-", Tail::Url, 16),
    ("npm", "npm_", Tail::Alnum, 30),
    ("pypi", "pypi-", Tail::Url, 32),
    ("google", "AIza", Tail::Url, 35),
    ("google", "ya29.", Tail::Dotted, 20),
    ("google", "GOCSPX-", Tail::Url, 20),
    ("stripe", "sk_live_", Tail::Alnum, 16),
    ("stripe", "rk_live_", Tail::Alnum, 16),
    ("stripe", "sk_test_", Tail::Alnum, 16),
    ("stripe", "whsec_", Tail::Alnum, 16),
    ("huggingface", "hf_", Tail::Alnum, 30),
    ("crates.io", "cio", Tail::Alnum, 32),
    ("digitalocean", "dop_v1_", Tail::Alnum, 40),
    ("digitalocean", "doo_v1_", Tail::Alnum, 40),
    ("docker", "dckr_pat_", Tail::Url, 20),
    ("docker", "dckr_oat_", Tail::Url, 20),
    ("sendgrid", "SG.", Tail::Dotted, 40),
    ("vault", "hvs.", Tail::Url, 20),
    ("vault", "hvb.", Tail::Url, 20),
    ("databricks", "dapi", Tail::Alnum, 32),
    ("linear", "lin_api_", Tail::Alnum, 20),
    ("notion", "ntn_", Tail::Alnum, 30),
    ("figma", "figd_", Tail::Url, 20),
    ("shopify", "shpat_", Tail::Alnum, 20),
    ("shopify", "shpss_", Tail::Alnum, 20),
    ("square", "sq0atp-", Tail::Url, 20),
    ("square", "sq0csp-", Tail::Url, 20),
    ("age", "AGE-SECRET-KEY-1", Tail::Upper, 40),
    ("rubygems", "rubygems_", Tail::Alnum, 40),
    ("newrelic", "NRAK-", Tail::Upper, 20),
    ("planetscale", "pscale_tkn_", Tail::Dotted, 20),
    ("planetscale", "pscale_pw_", Tail::Dotted, 20),
    ("doppler", "dp.pt.", Tail::Alnum, 30),
    ("postman", "PMAK-", Tail::Url, 30),
    ("pulumi", "pul-", Tail::Alnum, 40),
    ("supabase", "sbp_", Tail::Alnum, 30),
    ("groq", "gsk_", Tail::Alnum, 30),
    ("xai", "xai-", Tail::Alnum, 40),
    ("replicate", "r8_", Tail::Alnum, 30),
    ("perplexity", "pplx-", Tail::Alnum, 30),
    ("tailscale", "tskey-", Tail::Url, 20),
    ("sentry", "sntrys_", Tail::Dotted, 30),
    ("sentry", "sntryu_", Tail::Alnum, 30),
    ("grafana", "glsa_", Tail::Url, 30),
    ("atlassian", "ATATT3", Tail::Url, 40),
    ("artifactory", "AKCp", Tail::Alnum, 40),
    ("heroku", "HRKU-", Tail::Url, 30),
    ("slack", "https://hooks.slack.com/services/", Tail::Url, 1),
];

/// Which tokens have a byte at a place of their prefix, a bit each: most words are told from all of them by two bytes.
#[allow(
    clippy::indexing_slicing,
    reason = "a byte is within 256, and a prefix has two at least; else this does not compile"
)]
const fn having(place: usize) -> [u128; 256] {
    let mut sets = [0; 256];
    let (mut rest, mut bit) = (TOKENS.as_slice(), 1);
    while let [(_, prefix, ..), behind @ ..] = rest {
        sets[prefix.as_bytes()[place] as usize] |= bit;
        (rest, bit) = (behind, bit << 1);
    }
    sets
}
const _: () = assert!(TOKENS.len() <= 128);
static FIRST: [u128; 256] = having(0);
static SECOND: [u128; 256] = having(1);

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
    let [first, second, ..] = rest else {
        return None;
    };
    let set = FIRST.get(usize::from(*first))? & SECOND.get(usize::from(*second))?;
    if set == 0 {
        return None;
    }
    let mut may = TOKENS.iter().enumerate().filter(|(place, _)| set >> place & 1 == 1).map(|(_, token)| token);
    let (kind, prefix, tail, least) = may.find(|(_, prefix, ..)| rest.starts_with(prefix.as_bytes()))?;
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
