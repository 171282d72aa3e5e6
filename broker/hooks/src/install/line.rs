//! The command line that a client runs: it refuses also where the program is missing, is killed, hangs or fails.

use std::fmt::Write as _;
use std::time::Duration;

use super::Kind;
use crate::Client;

/// How long the client itself waits; `timeout(1)` ends the program before, and the program ends its question before that.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Between each of the three.
const STEP: u64 = 5;

/// The parts of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    client: Client,
    program: String,
    timeout: String,
    options: String,
}

impl Line {
    /// `program` and `timeout` are absolute paths; a hook's search path is the client's, and can be changed.
    #[must_use]
    pub fn new(client: Client, program: &str, timeout: &str) -> Self {
        Self { client, program: program.to_owned(), timeout: timeout.to_owned(), options: String::new() }
    }

    /// Adds options for `tollgate hook`, each one word for itself.
    #[must_use]
    pub fn with<'a>(mut self, options: impl IntoIterator<Item = &'a str>) -> Self {
        for option in options {
            self.options.push(' ');
            self.options.push_str(&quoted(option));
        }
        self
    }

    /// The program's path.
    #[must_use]
    pub fn program(&self) -> &str {
        &self.program
    }

    /// The line for an event. What a shell says of a missing program goes to stderr, so that there is always a reason; it
    /// ends with code 2, which is a no for every client, and with nothing on stdout unless an answer was complete.
    #[must_use]
    pub fn of(&self, event: &str, kind: Kind) -> String {
        let Self { client, program, timeout, options } = self;
        let (program, timeout) = (quoted(program), quoted(timeout));
        let patience = PATIENCE.as_secs();
        let mut line = String::new();
        let (outer, inner) = (patience - STEP, patience - 3 * STEP);
        // Writing to a String can't fail.
        let _written = write!(line, "{timeout} -k 1 {outer} {program} hook {}", client.name());
        if *client == Client::Copilot {
            let _written = write!(line, " --event {event}");
        }
        match kind {
            Kind::Gate => {
                let _written = write!(
                    line,
                    " --wait {inner}{options} || {{ echo 'tollgate: refused, for want of a good answer' >&2; exit 2; }}"
                );
            }
            Kind::Told => {
                let _written = write!(line, "{options} || true");
            }
        }
        line
    }
}

/// One word for a shell: bare where it is plain, else in single quotes.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
