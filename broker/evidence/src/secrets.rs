//! What looks like a secret, by the ledger's patterns: what is kept out of the ledger is what should not leave.

use tollgate_ledger::Redactor;
use tollgate_policy::evidence::{Secret, Secrets};

/// How many are named.
const SHOWN: usize = 20;

/// Kinds of secrets in one line: `github`, `aws`, `a private key` …
#[must_use]
pub fn found_in(line: &str) -> Vec<String> {
    if line.contains("PRIVATE KEY-----") && line.contains("-----BEGIN") {
        return vec!["a private key".to_owned()];
    }
    let redacted = Redactor::new().text(line).into_owned();
    if redacted == line {
        return Vec::new();
    }
    let kinds = redacted.split("[redacted:").skip(1);
    kinds.map(|rest| rest.split([':', ']']).next().unwrap_or_default().to_owned()).collect()
}

/// Secrets in lines of files, while they are gathered.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    lines: u64,
    files: std::collections::BTreeSet<String>,
    found: Vec<Secret>,
    more: u64,
}

impl Scan {
    pub(crate) fn line(&mut self, path: &str, number: u64, text: &str) {
        self.lines += 1;
        if !self.files.contains(path) {
            self.files.insert(path.to_owned());
        }
        self.words(path, number, text);
    }

    /// Looks through a line that is no file's.
    pub(crate) fn words(&mut self, path: &str, number: u64, text: &str) {
        for what in found_in(text) {
            let secret = Secret { what, path: path.to_owned(), line: number };
            if self.found.contains(&secret) {
                continue;
            }
            if self.found.len() < SHOWN {
                self.found.push(secret);
            } else {
                self.more += 1;
            }
        }
    }

    /// Files with a find.
    pub(crate) fn holds(&self, path: &str) -> bool {
        self.found.iter().any(|secret| secret.path == path)
    }

    pub(crate) fn done(self) -> Secrets {
        let scanned = format!("{} added lines of {} files", self.lines, self.files.len());
        Secrets { scanned, found: self.found, more: self.more }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_shape() {
        let table = [
            ("let x = 1;", 0),
            ("key: AKIAIOSFODNN7EXAMPLA", 1),
            ("-----BEGIN OPENSSH PRIVATE KEY-----", 1),
            ("token = \"ghp_abcdefghijklmnopqrstuvwxyz0123456789\"", 1),
            ("https://user:hunter2hunter2@example.com/x", 1),
        ];
        for (line, count) in table {
            assert_eq!(found_in(line).len(), count, "{line}: {:?}", found_in(line));
        }
    }
}
