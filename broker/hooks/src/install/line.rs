//! The command line that a client runs: it refuses also where the program is missing, is killed, hangs or fails.

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
    options: Vec<String>,
}

impl Line {
    /// `program` and `timeout` are absolute paths; a hook's search path is the client's, and can be changed.
    #[must_use]
    pub fn new(client: Client, program: &str, timeout: &str) -> Self {
        Self { client, program: program.to_owned(), timeout: timeout.to_owned(), options: Vec::new() }
    }

    /// Adds options for `tollgate hook`, each one word for itself.
    #[must_use]
    pub fn with<'a>(mut self, options: impl IntoIterator<Item = &'a str>) -> Self {
        self.options.extend(options.into_iter().map(str::to_owned));
        self
    }

    /// The program's path.
    #[must_use]
    pub fn program(&self) -> &str {
        &self.program
    }

    /// The program's arguments, where a client runs it without a shell.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let wait = (PATIENCE.as_secs() - 3 * STEP).to_string();
        let words = ["hook", self.client.name(), "--wait", &wait].map(str::to_owned);
        words.into_iter().chain(self.options.iter().cloned()).collect()
    }

    /// The line for an event. What a shell says of a missing program goes to stderr, so that there is always a reason; it
    /// ends with code 2, which is a no for every client, and with nothing on stdout unless an answer was complete: most
    /// clients let a call through where they can't read the answer, or there is none. Only where a client would ask its
    /// person is silence an answer, which leaves that to it.
    #[must_use]
    pub fn of(&self, event: &str, kind: Kind) -> String {
        let Self { client, program, timeout, options } = self;
        let (program, timeout) = (quoted(program), quoted(timeout));
        let options: String = options.iter().flat_map(|option| [" ".to_owned(), quoted(option)]).collect();
        let patience = PATIENCE.as_secs();
        let (outer, inner) = (patience - STEP, patience - 3 * STEP);
        let event_option = if *client == Client::Copilot { format!(" --event {event}") } else { String::new() };
        let call = format!("{timeout} -k 1 {outer} {program} hook {}{event_option}", client.name());
        let silent = if event.to_ascii_lowercase().starts_with("permission") { "'') ;; " } else { "" };
        match kind {
            Kind::Gate => format!(
                "answer=$({call} --wait {inner}{options}) && \
                 case $answer in {silent}'{{'*'}}') printf '%s\\n' \"$answer\" ;; *) false ;; esac || \
                 {{ echo 'tollgate: refused, for want of a good answer' >&2; exit 2; }}"
            ),
            Kind::Told => format!("{call}{options} || true"),
        }
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
