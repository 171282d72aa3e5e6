//! When `run` returns, everything that was started in it is dead.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tollgate_tests::{Scene, cases};

cases! { everywhere: background_processes_die terminated_with_the_supervisor killed_with_the_supervisor }
cases! { both: signals_reach_the_command leaves_nothing_in_temp started_by_who_ignores_its_children }

/// A name that no other process carries: a sleep of so many seconds.
fn marker() -> String {
    format!("86399.{}", std::process::id())
}

/// Processes with this marker among their arguments.
fn alive(marker: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let folder = entry.path();
        let Ok(line) = fs::read(folder.join("cmdline")) else { continue };
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let name = entry.file_name();
        if name.as_encoded_bytes()[0].is_ascii_digit() && line.starts_with("sleep") && line.contains(marker) {
            found.push(format!("{} {line}", name.display()));
        }
    }
    found
}

#[track_caller]
fn nobody_is_left(marker: &str) {
    let begun = Instant::now();
    loop {
        let left = alive(marker);
        if left.is_empty() {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "still there: {left:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn workload(marker: &str) -> String {
    format!(
        "sleep {marker} & setsid sleep {marker} & nohup sleep {marker} >/dev/null 2>&1 &
         (setsid sh -c 'sleep {marker} & exec setsid sleep {marker}' </dev/null >/dev/null 2>&1 &) &
         (trap '' TERM HUP INT; sleep {marker}) & disown -a
         while [ $(pgrep -cf 'sleep {marker}') -lt 6 ] && [ $((++n)) -lt 100 ]; do sleep 0.02; done; echo started"
    )
}

fn background_processes_die(scene: &Scene) {
    let marker = marker();
    let outcome = scene.shell(&workload(&marker));
    outcome.ended(0).printed("started\n");
    assert_eq!(alive(&marker), [""; 0], "{outcome}");
    scene.verifies();
}

fn ended_by(scene: &Scene, signal: Signal) {
    let marker = marker();
    let text = workload(&marker) + "; touch started; while :; do sleep 1; done";
    let running = scene.job::<&str, _>(&[], &["/bin/bash", "-c", &text]).start();
    let begun = Instant::now();
    while !scene.workspace.join("started").exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the workload did not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(!alive(&marker).is_empty());
    let supervisor = tollgate_process(running.pid().as_raw());
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(supervisor), signal).unwrap();
    nobody_is_left(&marker);
    // What the command had open is closed with it, so this ends.
    let outcome = running.end();
    assert!(outcome.took < Duration::from_secs(25), "{outcome}");
    scene.verifies();
}

/// The supervisor: the process itself, since the setting's tool becomes the program.
fn tollgate_process(pid: i32) -> i32 {
    assert!(Path::new(&format!("/proc/{pid}")).exists());
    pid
}

fn terminated_with_the_supervisor(scene: &Scene) {
    ended_by(scene, Signal::SIGTERM);
}

fn killed_with_the_supervisor(scene: &Scene) {
    ended_by(scene, Signal::SIGKILL);
}

fn signals_reach_the_command(scene: &Scene) {
    let text = "trap 'echo term; exit 7' TERM; touch ready; while :; do sleep 0.05; done";
    let running = scene.job::<&str, _>(&[], &["/bin/bash", "-c", text]).start();
    let begun = Instant::now();
    while !scene.workspace.join("ready").exists() {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(10));
    }
    running.signal(Signal::SIGTERM);
    running.end().ended(7).printed("term\n");
}

fn leaves_nothing_in_temp(scene: &Scene) {
    let before = |folder: &str| fs::read_dir(folder).unwrap().flatten().map(|e| e.file_name()).collect::<Vec<_>>();
    let outcome =
        scene.shell("echo $TMPDIR; echo x > $TMPDIR/left; mkdir -p $TMPDIR/a/b; chmod 0 $TMPDIR/a; mktemp >/dev/null");
    outcome.ended(0);
    let temp = outcome.out.trim();
    assert!(!temp.is_empty(), "{outcome}");
    assert!(!Path::new(temp).join("left").exists(), "{temp} is still there: {outcome}");
    for folder in ["/tmp", "/var/tmp"] {
        let ours = |name: &std::ffi::OsString| {
            name.to_string_lossy().contains("tollgate-") && temp.ends_with(&*name.to_string_lossy())
        };
        assert!(!before(folder).iter().any(ours), "{folder} keeps {temp}");
    }
    assert_eq!(fs::read_dir(&scene.workspace).unwrap().count(), 0, "something is left in the workspace");
}

/// Daemons ignore their children's ends, and what they start inherits that.
fn started_by_who_ignores_its_children(scene: &Scene) {
    let mut command = scene.command("env");
    command.arg("--ignore-signal=CHLD").arg(scene.tollgate()).args(["run", "--", "sh", "-c", "true; exit 3"]);
    tollgate_tests::Job::new(command).end().ended(3);
}
