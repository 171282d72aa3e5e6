//! The queue in a terminal, in tmux: 80 by 24, without colour, narrow, resized; and the terminal as it is left.

use std::process::Command;
use std::str::FromStr as _;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tollgate_tests::{Scene, cases, skip};

use crate::approvals::{PUSH, has_arrived, repository};

cases! { everywhere: answered_in_the_terminal the_terminal_is_given_back without_a_terminal }

/// A terminal of a tmux server of its own, with a shell in it.
struct Tmux<'a> {
    scene: &'a Scene,
    socket: String,
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

impl<'a> Tmux<'a> {
    /// None where there is no tmux.
    fn open(scene: &'a Scene) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            skip("needs tmux");
            return None;
        }
        let socket = scene.path().join("tmux").to_str().unwrap().to_owned();
        let tmux = Self { scene, socket };
        // As the person, whose terminal it is.
        let mut command = scene.command("tmux");
        command.args(["-S", &tmux.socket, "-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "sh"]);
        assert!(command.env("PS1", "$ ").env("SHELL", "/bin/sh").status().unwrap().success());
        Some(tmux)
    }

    fn tmux(&self, words: &[&str]) -> String {
        let output =
            self.scene.command("tmux").env("SHELL", "/bin/sh").args(["-S", &self.socket]).args(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// The last of what was started: a child of the shell's, or of its child.
    fn child(&self) -> Pid {
        let mut pid = self.tmux(&["display-message", "-p", "#{pane_pid}"]).trim().to_owned();
        while let Some(child) = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
            .ok()
            .and_then(|children| children.split_whitespace().next().map(str::to_owned))
        {
            pid = child;
        }
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
        assert_eq!(name.trim(), "tollgate");
        Pid::from_raw(pid.parse().unwrap())
    }

    /// Waits until the screen holds this.
    fn shows(&self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if screen.contains(text) {
                return screen;
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "no `{text}` in\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn answered_in_the_terminal(scene: &Scene) {
    let Some(tmux) = Tmux::open(scene) else { return };
    let bare = repository(scene);
    tmux.keys(&[&format!("NO_COLOR=1 {} watch", scene.tollgate().display()), "Enter"]);
    tmux.shows("nothing waits");
    let running = scene.job::<&str, _>(&[], &PUSH).start();
    let list = tmux.shows("1 question waits");
    assert!(list.contains("> Publish git push origin HEAD:refs/heads/main"), "{list}");
    // What is pressed before it was looked at answers nothing.
    tmux.keys(&["a", "d", "y"]);
    tmux.keys(&["Enter"]);
    tmux.shows("profile:commands:");
    tmux.tmux(&["resize-window", "-x", "40", "-y", "12"]);
    let narrow = tmux.shows("more lines");
    assert!(narrow.lines().all(|line| line.chars().count() <= 40), "{narrow}");
    tmux.tmux(&["resize-window", "-x", "80", "-y", "24"]);
    tmux.shows("because");
    let colours = tmux.tmux(&["capture-pane", "-p", "-e"]);
    for code in 30..=37 {
        assert!(!colours.contains(&format!("\x1b[{code}m")), "colour {code} in {colours:?}");
    }
    assert!(!has_arrived(&bare), "it went ahead before the answer");
    std::thread::sleep(Duration::from_secs(3));
    tmux.keys(&["a"]);
    let screen = tmux.shows("approved");
    assert!(screen.contains("nothing waits"), "{screen}");
    running.end().ended(0);
    assert!(has_arrived(&bare));
    let running = scene.job::<&str, _>(&[], &PUSH).start();
    tmux.shows("1 question waits");
    tmux.keys(&["Enter"]);
    tmux.shows("profile:commands:");
    tmux.keys(&["w"]);
    tmux.shows("A word to the agent");
    tmux.keys(&["-l", "use a branch"]);
    tmux.keys(&["Enter"]);
    tmux.shows("denied");
    running.end().told("use a branch");
    tmux.keys(&["q"]);
    tmux.shows("$ ");
    let told = scene.ledger().iter().map(ToString::to_string).collect::<String>();
    assert!(told.contains("watch"), "{told}");
}

fn the_terminal_is_given_back(scene: &Scene) {
    let Some(tmux) = Tmux::open(scene) else { return };
    tmux.keys(&["stty -a > before; clear; echo begun", "Enter"]);
    tmux.shows("begun");
    for (count, signal) in ["", "TERM", "HUP", "INT", "QUIT"].iter().enumerate() {
        tmux.keys(&[&format!("{} watch", scene.tollgate().display()), "Enter"]);
        tmux.shows("nothing waits");
        if signal.is_empty() {
            tmux.keys(&["C-c"]);
        } else {
            kill(tmux.child(), Signal::from_str(&format!("SIG{signal}")).unwrap()).unwrap();
        }
        let begun = Instant::now();
        while tmux.screen().contains("nothing waits") {
            assert!(begun.elapsed() < Duration::from_secs(10), "{signal}: it goes on");
            std::thread::sleep(Duration::from_millis(50));
        }
        // What was on the screen before is there again, and the shell reads as it did.
        tmux.keys(&[&format!("stty -a > after; cmp before after && echo sa''me{count}"), "Enter"]);
        let screen = tmux.shows(&format!("same{count}"));
        assert!(screen.contains("begun") && !screen.contains("nothing waits"), "{signal}: {screen}");
    }
}

fn without_a_terminal(scene: &Scene) {
    scene.verb(&["watch"]).end().ended(2).told("needs a terminal");
}
