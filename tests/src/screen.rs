//! A terminal to look at: tmux holds it, types, and says what is on the screen.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::{Job, Scene, program, skip};

/// A screen of 80 by 24, with a shell of the person's in it.
#[derive(Debug)]
pub struct Screen<'a> {
    scene: &'a Scene,
}

impl<'a> Screen<'a> {
    /// Starts it in the workspace; none if there is no tmux.
    pub fn open(scene: &'a Scene) -> Option<Self> {
        if !program::has("tmux") {
            skip("tmux is not installed");
            return None;
        }
        let screen = Self { scene };
        scene.script(scene.path().join("shell"), "#!/bin/bash\nPS1='ready$ ' exec /bin/bash --norc --noprofile\n");
        let shell = scene.path().join("shell");
        let started =
            screen.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", shell.to_str().unwrap()]);
        assert!(started.0, "{}", started.1);
        screen.is_ready();
        Some(screen)
    }

    fn tmux(&self, words: &[&str]) -> (bool, String) {
        let mut command: Command = self.scene.command("tmux");
        // A user without a login shell has none for tmux either.
        command.env("SHELL", "/bin/sh").arg("-S").arg(self.scene.path().join("tmux.sock")).args(words);
        let outcome = Job::new(command).end();
        (outcome.status.success(), outcome.out + &outcome.err)
    }

    /// Types keys, by tmux's names.
    pub fn keys(&self, keys: &[&str]) {
        let words: Vec<&str> = ["send-keys"].iter().chain(keys).copied().collect();
        assert!(self.tmux(&words).0);
    }

    /// Types a line.
    pub fn line(&self, text: &str) {
        self.keys(&["-l", text]);
        self.keys(&["Enter"]);
    }

    /// `tollgate run` with a command.
    pub fn run(&self, command: &str) {
        self.line(&format!("{} run -- {command}", self.scene.tollgate().display()));
    }

    /// The same under a profile.
    pub fn run_under(&self, profile: &str, command: &str) {
        self.line(&format!("{} run --profile {profile} -- {command}", self.scene.tollgate().display()));
    }

    /// Writes to a file what programs write to it from now on, byte by byte.
    pub fn records(&self, file: &std::path::Path) {
        assert!(self.tmux(&["pipe-pane", "-o", &format!("cat >> '{}'", file.display())]).0);
    }

    /// Makes it another size.
    pub fn resize(&self, columns: u32, rows: u32) {
        assert!(self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]).0);
    }

    /// What is on it.
    pub fn text(&self) -> String {
        self.tmux(&["capture-pane", "-p"]).1
    }

    /// Waits until this is on it.
    #[track_caller]
    pub fn shows(&self, text: &str) {
        self.until(&format!("`{text}`"), |screen| screen.contains(text));
    }

    /// Waits until the shell waits for a line.
    #[track_caller]
    pub fn is_ready(&self) {
        self.until("prompt", |text| text.trim_end().ends_with("ready$"));
    }

    /// Waits for the shell and has it say the last status.
    #[track_caller]
    pub fn ended(&self, status: i32) {
        self.is_ready();
        self.line("echo over $?");
        self.shows(&format!("over {status}"));
    }

    /// Waits until it is as asked.
    #[track_caller]
    pub fn until(&self, what: &str, fits: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        loop {
            let screen = self.text();
            if fits(&screen) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "no {what} on the screen:\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}
