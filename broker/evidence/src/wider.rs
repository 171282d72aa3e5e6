//! A command that would go outside under a wider profile, or that prints credentials: which secrets it could read there,
//! each by its name, which variables it gets, where they go and for how long.

use std::path::{Path, PathBuf};

use tollgate_policy::boundary::Boundary;
use tollgate_policy::evidence::Section;
use tollgate_policy::question::Question;

use crate::Search;
use crate::destination::{self, Reader};

/// How many variables are named.
const SHOWN: usize = 60;

/// What a wider profile comes to here.
#[derive(Debug, Clone)]
pub struct Wider {
    /// Its boundary.
    pub boundary: Boundary,
    /// Names of the variables that a command under it gets.
    pub variables: Vec<String>,
}

/// Looks a profile up by its name; none where it can't be worked out.
pub type Look = Box<dyn Fn(&str) -> Result<Wider, String> + Send + Sync>;

/// Collects evidence.
pub(crate) fn look(question: &Question, search: &mut Search<'_>) {
    let prints = question.verdict.class.as_deref() == Some("credential");
    let Some(profile) = &question.verdict.profile else {
        if prints {
            fate(search);
        }
        return;
    };
    match search.by.wider.as_ref().map(|look| look(profile)) {
        Some(Ok(wider)) => {
            let paths = destination::readable(&Reader::Wider(&wider.boundary), search);
            search.add(Section::Readable { paths });
            let (secrets, others): (Vec<&str>, Vec<&str>) =
                wider.variables.iter().map(String::as_str).partition(|name| is_secret(name));
            if !secrets.is_empty() {
                search.add(Section::note("secrets it gets", named(secrets)));
            }
            search.add(Section::note("variables", named(others)));
        }
        Some(Err(why)) => search.missing("secrets that it could read", why),
        None => {}
    }
    if prints {
        fate(search);
    }
}

/// Where credentials go that are printed.
fn fate(search: &mut Search<'_>) {
    search.add(Section::note(
        "they go to",
        "whoever reads what the command prints: the sandbox, and what it may talk to",
    ));
    search.add(Section::note(
        "for how long",
        "for good: what was read once can't be taken back; only the secret can be changed",
    ));
}

fn named(mut variables: Vec<&str>) -> String {
    variables.sort_unstable();
    let more = variables.len().saturating_sub(SHOWN);
    variables.truncate(SHOWN);
    let text = variables.join(", ");
    if more == 0 { text } else { format!("{text} and {more} more") }
}

/// Whether a variable by its name holds a secret, or leads to an agent that holds some.
fn is_secret(name: &str) -> bool {
    const PARTS: [&str; 9] =
        ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "APIKEY", "API_KEY", "ACCESS_KEY", "AUTH_SOCK"];
    let upper = name.to_ascii_uppercase();
    PARTS.iter().any(|part| upper.contains(part)) || upper.contains("CREDENTIAL")
}

/// A folder of keys, as the keys in it: each is a secret with a name of its own.
pub(crate) fn keys(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_key = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let plain = ["config", "known_hosts", "known_hosts.old", "authorized_keys", "environment", "rc"];
        !plain.contains(&name) && path.extension().is_none_or(|end| end != "pub") && path.is_file()
    };
    let mut keys: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_key).take(SHOWN).collect();
    keys.sort();
    if keys.is_empty() { vec![folder.to_owned()] } else { keys }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_hold_secrets_are_known_by_name() {
        for (name, secret) in [
            ("GITHUB_TOKEN", true),
            ("SSH_AUTH_SOCK", true),
            ("AWS_SECRET_ACCESS_KEY", true),
            ("PGPASSWORD", true),
            ("GOOGLE_APPLICATION_CREDENTIALS", true),
            ("PATH", false),
            ("KEYBOARD", false),
        ] {
            assert_eq!(is_secret(name), secret, "{name}");
        }
    }
}
