//! One process under test, with a deadline; and what came of it.

use std::io::{Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// A process that is about to run.
#[derive(Debug)]
pub struct Job {
    command: Command,
    input: Vec<u8>,
    deadline: Duration,
}

/// A process that runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    out: JoinHandle<Vec<u8>>,
    err: JoinHandle<Vec<u8>>,
    begun: Instant,
    deadline: Duration,
    told: String,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// As `wait(2)` gave it.
    pub status: ExitStatus,
    /// Standard output, bytes that are no UTF-8 replaced.
    pub out: String,
    /// Standard output as it is.
    pub bytes: Vec<u8>,
    /// Standard error.
    pub err: String,
    /// How long it took.
    pub took: Duration,
    told: String,
}

impl Job {
    /// A command, with nothing on stdin and a minute to end.
    pub fn new(command: Command) -> Self {
        Self { command, input: Vec::new(), deadline: Duration::from_mins(1) }
    }

    /// What it reads from stdin.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// A variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Where it starts.
    #[must_use]
    pub fn within(mut self, folder: impl AsRef<std::path::Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// How long it may take.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Starts it.
    pub fn start(mut self) -> Running {
        let told = format!("{:?}", self.command);
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|e| panic!("can't start {told}: {e}"));
        let mut stdin = child.stdin.take().unwrap();
        let input = self.input;
        // A program that reads nothing closes its end: that is its right.
        std::thread::spawn(move || stdin.write_all(&input).ok());
        Running {
            out: read(child.stdout.take().unwrap()),
            err: read(child.stderr.take().unwrap()),
            child,
            begun: Instant::now(),
            deadline: self.deadline,
            told,
        }
    }

    /// Starts it and waits for its end.
    pub fn end(self) -> Outcome {
        self.start().end()
    }
}

fn read(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        from.read_to_end(&mut all).ok();
        all
    })
}

impl Running {
    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    /// Sends it, and it alone, a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end; at the deadline it is killed, and the test fails.
    pub fn end(mut self) -> Outcome {
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if self.begun.elapsed() > self.deadline {
                killpg(self.pid(), Signal::SIGKILL).ok();
                self.child.wait().unwrap();
                let [out, err] = [self.out, self.err].map(|said| said.join().unwrap());
                let [out, err] = [&out, &err].map(|said| String::from_utf8_lossy(said));
                panic!("{} did not end within {:?}\nstdout: {out}\nstderr: {err}", self.told, self.deadline);
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let took = self.begun.elapsed();
        let bytes = self.out.join().unwrap();
        Outcome {
            status,
            out: String::from_utf8_lossy(&bytes).into_owned(),
            bytes,
            err: String::from_utf8_lossy(&self.err.join().unwrap()).into_owned(),
            took,
            told: self.told,
        }
    }
}

impl Outcome {
    /// It exited with this code.
    #[track_caller]
    pub fn ended(&self, code: i32) -> &Self {
        assert_eq!(self.status.code(), Some(code), "{self}");
        self
    }

    /// It was ended by this signal, itself.
    #[track_caller]
    pub fn killed(&self, signal: Signal) -> &Self {
        assert_eq!(self.status.signal(), Some(signal as i32), "{self}");
        self
    }

    /// Its stdout is exactly this.
    #[track_caller]
    pub fn printed(&self, text: &str) -> &Self {
        assert_eq!(self.out, text, "{self}");
        self
    }

    /// Its stderr holds this.
    #[track_caller]
    pub fn told(&self, text: &str) -> &Self {
        assert!(self.err.contains(text), "stderr has no `{text}`: {self}");
        self
    }

    /// Neither stdout nor stderr holds this.
    #[track_caller]
    pub fn withheld(&self, text: &str) -> &Self {
        assert!(!self.out.contains(text) && !self.err.contains(text), "`{text}` was seen: {self}");
        self
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{}\n--- stdout\n{}\n--- stderr\n{}\n---", self.told, self.status, self.out, self.err)
    }
}
