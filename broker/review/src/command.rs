//! A reviewer that is a command: a line of JSON on its stdin, a line of JSON on its stdout, one process a review.

use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tollgate_sys::pidfd;

use crate::attempt::{Again, Reply};
use crate::input::Asked;

/// Longest line that is read.
const LONGEST: usize = 128 << 10;

/// The command.
pub(crate) struct Agent {
    /// Its argv.
    pub(crate) words: Vec<String>,
    /// A variable that it needs, and its value.
    pub(crate) key: Option<(String, String)>,
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent").field("words", &self.words).finish_non_exhaustive()
    }
}

impl Agent {
    pub(crate) fn ask(&self, asked: &Asked, until: Instant) -> Reply {
        let mut child = match self.start() {
            Ok(child) => child,
            Err(why) => return Reply::failed(why, Again::No),
        };
        let handle = i32::try_from(child.id()).ok().and_then(|pid| pidfd::open(pid).ok());
        let text = talk(&mut child, asked, until);
        if let Some(handle) = handle
            && pidfd::signal(handle.as_fd(), libc::SIGKILL).is_err()
        {
            // it has ended by itself
        }
        if child.wait().is_err() {
            // in a supervisor, the gate has seen its end
        }
        match text {
            Ok(text) => Reply { text: Ok(text), tokens: (0, 0) },
            Err(why) => Reply::failed(why, if Instant::now() < until { Again::Yes } else { Again::No }),
        }
    }

    fn start(&self) -> Result<Child, String> {
        let (program, rest) = self.words.split_first().ok_or("the reviewer's command is empty")?;
        let mut command = Command::new(program);
        command.args(rest).env_clear().current_dir("/").process_group(0);
        for name in ["PATH", "HOME", "LANG", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(self.key.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        tollgate_sys::limits::as_before(&mut command).spawn().map_err(|e| format!("`{program}` can't be started: {e}"))
    }
}

fn talk(child: &mut Child, asked: &Asked, until: Instant) -> Result<String, String> {
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("it has no input and output".to_owned());
    };
    let line = format!("{}\n", asked.input);
    // A reviewer that doesn't read must not hold this up: a thread waits for it, and ends when the process does.
    let writer = std::thread::Builder::new().name("reviewer".to_owned()).spawn(move || {
        if stdin.write_all(line.as_bytes()).is_err() {
            // it has gone; what it said is read below
        }
    });
    writer.map_err(|e| format!("no thread can be started: {e}"))?;
    read(OwnedFd::from(stdout), until)
}

fn read(output: OwnedFd, until: Instant) -> Result<String, String> {
    let mut output = std::fs::File::from(output);
    let (mut line, mut chunk) = (Vec::new(), [0_u8; 8 << 10]);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let mut fds = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO)) {
            Ok(0) => return Err("it did not answer in time".to_owned()),
            Ok(_) => {}
            Err(nix::Error::EINTR) => continue,
            Err(e) => return Err(format!("it can't be read: {e}")),
        }
        let count = output.read(&mut chunk).map_err(|e| format!("it can't be read: {e}"))?;
        let read = chunk.get(..count).unwrap_or_default();
        let end = read.iter().position(|byte| *byte == b'\n');
        line.extend_from_slice(read.get(..end.unwrap_or(count)).unwrap_or_default());
        if line.len() > LONGEST {
            return Err("its answer is too long".to_owned());
        }
        let more = end.and_then(|end| read.get(end + 1..)).unwrap_or_default();
        if !more.trim_ascii().is_empty() {
            return Err("it answered more than once".to_owned());
        }
        if end.is_some() || (count == 0 && !line.is_empty()) {
            return String::from_utf8(line).map_err(|_| "its answer is no text".to_owned());
        }
        if count == 0 {
            return Err("it ended without an answer".to_owned());
        }
    }
}
