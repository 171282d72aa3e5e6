//! How a run ends: its status, and that nothing of it is left, whoever is killed.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Case;
use crate::scene::{Report, Scene, Setting};

pub(crate) const ALL: &[Case] = &[
    ("the_status_passes_through", the_status_passes_through),
    ("a_program_that_is_none_fails", a_program_that_is_none_fails),
    ("daemons_are_killed", daemons_are_killed),
    ("a_fork_bomb_is_killed", a_fork_bomb_is_killed),
    ("a_killed_supervisor_leaves_nothing", a_killed_supervisor_leaves_nothing),
    ("a_killed_guard_leaves_nothing", a_killed_guard_leaves_nothing),
    ("the_guard_cannot_be_reached", the_guard_cannot_be_reached),
];

fn the_status_passes_through() {
    for setting in Setting::all() {
        let scene = Scene::new(setting);
        for (text, ending) in [("exit 0", "exited 0"), ("exit 42", "exited 42"), ("kill -9 $$", "signalled 9")] {
            assert_eq!(scene.shell(text).report.ending, ending, "{setting:?}, {text}");
        }
        assert_eq!(scene.shell("seq 3 | sort -rn").well(), "3\n2\n1\n");
    }
}

fn a_program_that_is_none_fails() {
    for setting in Setting::all() {
        let scene = Scene::new(setting);
        let odd = scene.path("work/odd");
        fs::write(&odd, "no program\n").unwrap();
        fs::set_permissions(&odd, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let ending = |path: &str| scene.run(&[path]).report.ending;
        assert_eq!(ending(odd.to_str().unwrap()), format!("failed {}", libc::ENOEXEC), "{setting:?}");
        assert_eq!(ending("/nowhere/at/all"), format!("failed {}", libc::ENOENT), "{setting:?}");
        let report = scene.run(&["/nowhere/at/all"]).report;
        assert!(!report.temp.exists(), "{setting:?}");
    }
}

/// Processes whose command line holds the mark, but for this one.
fn marked(mark: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if line.windows(mark.len()).any(|part| part == mark.as_bytes()) {
            found.push(String::from_utf8_lossy(&line).replace('\0', " "));
        }
    }
    found
}

fn gone(what: impl Fn() -> bool, patience: Duration) -> bool {
    let until = Instant::now() + patience;
    while Instant::now() < until {
        if what() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    what()
}

fn mark(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

fn daemons_are_killed() {
    for setting in Setting::all() {
        let scene = Scene::new(setting);
        let mark = mark("daemon");
        // Away from parent, session and group, deaf to signals.
        let text = format!(
            "(setsid sh -c 'trap \"\" HUP TERM INT; sleep 300 # {mark}' </dev/null >/dev/null 2>&1 &) ; sleep 0.2; exit 7"
        );
        let began = Instant::now();
        assert_eq!(scene.shell(&text).report.ending, "exited 7", "{setting:?}");
        assert!(began.elapsed() < Duration::from_secs(20), "{setting:?}");
        assert_eq!(marked(&mark), Vec::<String>::new(), "{setting:?}");
    }
}

fn a_fork_bomb_is_killed() {
    for setting in Setting::all() {
        let scene = Scene::new(setting);
        let mark = mark("bomb");
        // Processes that fork and die faster than they can be looked up, each in a session of its own.
        let comet = "import os,sys\nfor i in range(4):\n if os.fork()==0: break\nelse: os._exit(0)\nwhile True:\n os.setsid() if os.getpid()!=os.getsid(0) else 0\n if os.fork(): os._exit(0)\n";
        let text = format!("/usr/bin/python3 -c '{comet}' {mark} >/dev/null 2>&1 & sleep 0.5; exit 3");
        assert_eq!(scene.shell(&text).report.ending, "exited 3", "{setting:?}");
        assert_eq!(marked(&mark), Vec::<String>::new(), "{setting:?}");
    }
}

fn started(scene: &Scene, text: &str) -> (Child, Report) {
    let _old = fs::remove_file(&scene.spec.report);
    let mut command = scene.command(&["/bin/sh", "-c", text]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let ready = scene.path("work/ready");
    assert!(gone(|| ready.exists(), Duration::from_secs(20)), "the run did not begin");
    fs::remove_file(ready).unwrap();
    (child, scene.report())
}

fn a_killed_supervisor_leaves_nothing() {
    for setting in Setting::all() {
        let scene = Scene::new(setting);
        let mark = mark("orphan");
        let text = format!(
            "trap '' TERM HUP; (setsid sleep 300 {mark} 2>/dev/null &); sh -c 'sleep 300 # {mark}' & touch ready; wait # {mark}"
        );
        for _ in 0..5 {
            let (mut child, report) = started(&scene, &text);
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(gone(|| marked(&mark).is_empty(), Duration::from_secs(5)), "{setting:?}: {:?}", marked(&mark));
            assert!(gone(|| !report.temp.exists(), Duration::from_secs(5)), "{setting:?}: the temp directory is left");
        }
    }
}

fn a_killed_guard_leaves_nothing() {
    for setting in Setting::all() {
        let mut scene = Scene::new(setting);
        scene.spec.landlock_cap = Some(1); // where a command of the same user could do it
        let mark = mark("stray");
        let text = format!("(setsid sh -c 'sleep 300 # {mark}' &); touch ready; sleep 300 # {mark}");
        let (mut child, report) = started(&scene, &text);
        kill(Pid::from_raw(report.guard), Signal::SIGKILL).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(scene.report().ending, "guard killed", "{setting:?}");
        assert!(gone(|| marked(&mark).is_empty(), Duration::from_secs(5)), "{setting:?}: {:?}", marked(&mark));
    }
}

fn the_guard_cannot_be_reached() {
    if tollgate_sys::landlock::abi() < 6 {
        eprintln!("skipped: signals stay inside from Landlock ABI 6");
        return;
    }
    for setting in Setting::all() {
        let scene = Scene::new(setting);
        // The guard is the shell's parent, whatever namespace that is in.
        let text = "kill -9 $PPID 2>&1; kill -STOP $PPID 2>&1; cat /proc/$PPID/environ 2>&1 | head -c 1 | wc -c; \
                    readlink /proc/$PPID/root /proc/$PPID/cwd /proc/$PPID/fd/0 | wc -l";
        let outcome = scene.shell(text);
        assert_eq!(outcome.well().matches("not permitted").count(), 2, "{setting:?}: {outcome:?}");
        assert!(outcome.out.trim_end().ends_with('0'), "{setting:?}: {outcome:?}");
    }
}
