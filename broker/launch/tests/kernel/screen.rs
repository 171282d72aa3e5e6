//! The terminal: runs on a pty whose other end is the test.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tollgate_sys::pty::{self, Settings};

use crate::Case;
use crate::scene::{Scene, Setting};

pub(crate) const ALL: &[Case] = &[
    ("keys_and_picture_pass", keys_and_picture_pass),
    ("ctrl_c_reaches_the_command", ctrl_c_reaches_the_command),
    ("window_size_passes", window_size_passes),
    ("the_clipboard_does_not", the_clipboard_does_not),
    ("pipes_stay_pipes", pipes_stay_pipes),
    ("a_supervisor_that_dies_slowly_leaves_no_raw_terminal", a_supervisor_that_dies_slowly_leaves_no_raw_terminal),
    ("a_vanished_terminal_ends_the_run", a_vanished_terminal_ends_the_run),
];

/// A user at a terminal.
struct User {
    run: Child,
    screen: File,
    slave: OwnedFd,
    seen: String,
}

impl User {
    /// Starts a run in a session that the terminal controls. `stdin` and `stdout` are the terminal unless given.
    fn at(scene: &Scene, argv: &[&str], stdout: Option<Stdio>) -> Self {
        Self::with(&[], &scene.command(argv), stdout)
    }

    /// The same, with hang-ups ignored.
    fn deaf(scene: &Scene, argv: &[&str]) -> Self {
        Self::with(&["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"], &scene.command(argv), None)
    }

    fn with(before: &[&str], inner: &Command, stdout: Option<Stdio>) -> Self {
        let pair = pty::open().unwrap();
        let end = || Stdio::from(pair.slave.try_clone().unwrap());
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait"]).args(before).arg(inner.get_program()).args(inner.get_args());
        command.stdin(end()).stdout(stdout.unwrap_or_else(end)).stderr(end());
        let run = command.spawn().unwrap();
        Self { run, screen: pair.master.into(), slave: pair.slave, seen: String::new() }
    }

    fn see(&mut self, wanted: &str) {
        let until = Instant::now() + Duration::from_secs(20);
        while !self.seen.contains(wanted) {
            assert!(Instant::now() < until, "`{wanted}` is not in `{}`", self.seen.escape_debug());
            let mut ends = [PollFd::new(self.screen.as_fd(), PollFlags::POLLIN)];
            if poll(&mut ends, PollTimeout::from(100u16)).unwrap() > 0 {
                let mut chunk = [0; 4096];
                let n = self.screen.read(&mut chunk).unwrap();
                self.seen.push_str(&String::from_utf8_lossy(&chunk[..n]));
            }
        }
    }

    fn press(&mut self, keys: &str) {
        self.screen.write_all(keys.as_bytes()).unwrap();
    }

    fn end(mut self, scene: &Scene) -> (String, String) {
        assert!(self.run.wait().unwrap().success());
        (scene.report().ending, self.seen)
    }
}

/// The terminal's settings. Asked at the master: the slave is hung up when its session ends.
fn settings(screen: &File) -> String {
    format!("{:?}", Settings::of(screen.as_fd()).unwrap())
}

fn keys_and_picture_pass() {
    for setting in Setting::all() {
        let scene = Scene::new(setting);
        let mut user =
            User::at(&scene, &["/bin/sh", "-c", "tty >/dev/null && echo ready; read -r x; echo \"<$x>\""], None);
        let before = settings(&user.screen);
        user.see("ready");
        assert_ne!(settings(&user.screen), before, "the user's terminal is raw while the command has it");
        user.press("hello\r");
        user.see("<hello>");
        let screen = user.screen.try_clone().unwrap();
        let (ending, _) = user.end(&scene);
        assert_eq!(ending, "exited 0", "{setting:?}");
        assert_eq!(settings(&screen), before, "{setting:?}: it is as it was");
    }
}

fn ctrl_c_reaches_the_command() {
    for setting in Setting::all() {
        let scene = Scene::new(setting);
        let mut user = User::at(&scene, &["/bin/sh", "-c", "echo ready; exec sleep 60"], None);
        user.see("ready");
        user.press("\x03");
        assert_eq!(user.end(&scene).0, "signalled 2", "{setting:?}");
    }
}

fn window_size_passes() {
    for setting in Setting::all() {
        let scene = Scene::new(setting);
        // stty sets rows and columns one after the other.
        let text = "trap 's=$(stty size); echo $s; test \"$s\" = \"33 77\" && exit 0' WINCH; echo ready; while :; do sleep 0.05; done";
        let mut user = User::at(&scene, &["/bin/sh", "-c", text], None);
        user.see("ready");
        let mut sized = Command::new("stty");
        sized.args(["rows", "33", "cols", "77"]);
        assert!(sized.stdin(Stdio::from(user.slave.try_clone().unwrap())).status().unwrap().success());
        user.see("33 77");
        assert_eq!(user.end(&scene).0, "exited 0", "{setting:?}");
    }
}

fn the_clipboard_does_not() {
    for setting in Setting::all() {
        let scene = Scene::new(setting);
        let text = "printf 'a\\033]52;c;aGk=\\007b\\033[21tc\\033[1mend'";
        let mut user = User::at(&scene, &["/bin/sh", "-c", text], None);
        user.see("end");
        assert_eq!(user.end(&scene).1, "abc\x1b[1mend", "{setting:?}");
    }
}

fn pipes_stay_pipes() {
    for setting in Setting::all() {
        let scene = Scene::new(setting);
        let text =
            "test -t 0 && test ! -t 1 && test -t 2 && echo one; echo two >&2; read -r x < /dev/tty; echo \"<$x>\"";
        let mut user = User::at(&scene, &["/bin/sh", "-c", text], Some(Stdio::piped()));
        user.see("two");
        // It was in the background until it asked for keys.
        user.press("key\r");
        let mut piped = String::new();
        user.run.stdout.take().unwrap().read_to_string(&mut piped).unwrap();
        assert_eq!(piped, "one\n<key>\n", "{setting:?}");
        assert_eq!(user.end(&scene).0, "exited 0", "{setting:?}");
    }
}

/// Even if neither the supervisor nor the command minds a hang-up.
fn a_vanished_terminal_ends_the_run() {
    for setting in Setting::all() {
        let scene = Scene::new(setting);
        let mut user = User::deaf(&scene, &["/bin/sh", "-c", "echo ready; sleep 300"]);
        user.see("ready");
        let User { mut run, screen, slave, .. } = user;
        drop((screen, slave));
        let until = Instant::now() + Duration::from_secs(20);
        while run.try_wait().unwrap().is_none() {
            assert!(Instant::now() < until, "{setting:?}: it goes on without a terminal");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(scene.report().ending.starts_with("signalled"), "{setting:?}: {:?}", scene.report());
    }
}

/// The first of its threads to end tells the guard, the last one closes its descriptors: here one that is stopped.
fn a_supervisor_that_dies_slowly_leaves_no_raw_terminal() {
    for setting in Setting::all() {
        let scene = Scene::new(setting);
        let inner = scene.command(&["/bin/sh", "-c", "echo ready; exec sleep 60"]);
        let mut user = User::with(&["sh", "-c", "\"$@\"; read -r x", "sh"], &inner, None);
        let before = settings(&user.screen);
        user.see("ready");
        let guard = Pid::from_raw(scene.report().guard);
        let supervisor = Pid::from_raw(parent(guard));
        kill(supervisor, Signal::SIGSTOP).unwrap();
        kill(guard, Signal::SIGTERM).unwrap();
        let gone = |pid: Pid| parent(pid) == 0;
        until("the command's end", || gone(Pid::from_raw(scene.report().command)));
        // Long enough for a guard that does not wait.
        std::thread::sleep(Duration::from_millis(300));
        assert_ne!(settings(&user.screen), before, "{setting:?}: the terminal is still the command's");
        kill(supervisor, Signal::SIGKILL).unwrap();
        until("the terminal as it was", || settings(&user.screen) == before);
        user.press("\r");
        user.run.wait().unwrap();
    }
}

/// A process's parent; 0 if there is none such, or only its remains.
fn parent(process: Pid) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let rest = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<_> = rest.split_ascii_whitespace().collect();
    if fields.first() == Some(&"Z") { 0 } else { fields.get(1).map_or(0, |parent| parent.parse().unwrap()) }
}

fn until(what: &str, is: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is() {
        assert!(Instant::now() < end, "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
