//! Several runs on one tree: what one gate has looked at, another run's program moves.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use tollgate_tests::{Scene, cases};

cases! { both: gates_take_turns }
cases! { everywhere: roots_do_not_change_hands }

fn gates_take_turns(scene: &Scene) {
    let runs = scene.compile("race/runs.c", scene.workspace.join("runs"), &[]);
    let start = |what| {
        let words = [runs.to_str().unwrap(), what, "10000"];
        scene.job(&["--ci"], &words).deadline(Duration::from_mins(4)).start()
    };
    let (making, moving) = (start("make"), start("move"));
    for run in [making.end(), moving.end()] {
        run.ended(0).printed("clean some\n");
    }
    assert!(!scene.workspace.join(".git/config").exists());
    scene.verifies();
}

/// A root is what stood there when the run began, as it is for the kernel.
fn roots_do_not_change_hands(scene: &Scene) {
    let (other, victim) = (scene.path().join("other"), scene.path().join("victim"));
    scene.folder(other.join("out"));
    scene.folder(&victim);
    let (out, kept) = (other.join("out"), other.join("kept"));
    let go = scene.workspace.join("go");
    mkfifo(&go, Mode::from_bits_truncate(0o666)).unwrap();
    let text = format!("cat go; echo x > {}/planted; echo x > {}/moved; echo end", out.display(), kept.display());
    let run = scene.job(&["--ci", "--write", out.to_str().unwrap()], &["/bin/sh", "-c", &text]).start();
    // nothing inside has changed a name so far: a read tells that it waits
    let begun = Instant::now();
    let mut told = loop {
        match OpenOptions::new().write(true).custom_flags(nix::libc::O_NONBLOCK).open(&go) {
            Ok(told) => break told,
            Err(_) => assert!(begun.elapsed() < Duration::from_mins(1), "it does not come so far"),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    fs::rename(&out, &kept).unwrap();
    symlink(&victim, &out).unwrap();
    told.write_all(b"go\n").unwrap();
    drop(told);
    run.end().ended(0).printed("go\nend\n");
    assert!(!victim.join("planted").exists(), "the root had become another folder");
    scene.verifies();
}
