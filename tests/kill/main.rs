//! The supervisor is killed at any moment: nothing is left of the run but what the command itself wrote, and the ledger
//! is in order.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tollgate_tests::{Scene, cases};

/// How often in each of four settings: 200 moments in all.
const MOMENTS: u64 = 50;
/// The last moment after the start, in microseconds; on a slow machine, three times what a whole run takes.
const LATEST: u64 = 60_000;

cases! { everywhere: killed_at_any_moment }

/// Forks, daemons and files of known names; it goes on until it is killed. `$1` is the marker.
const WORKLOAD: &str = r#"
marker=$1; mkdir -p known
for n in $(seq 400); do
    echo $n > known/file.$n
    sleep $marker &
    setsid sleep $marker &
    (setsid nohup sh -c "sleep $marker & sleep $marker" </dev/null >/dev/null 2>&1 &)
    mktemp -d > /dev/null
    /bin/true
done
wait
"#;

fn killed_at_any_moment(scene: &Scene) {
    let begun = Instant::now();
    scene.run(&["/bin/true"]).ended(0);
    let latest = LATEST.max(u64::try_from(begun.elapsed().as_micros()).unwrap() * 3);
    let before = temp_entries(scene);
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64 ^ u64::from(std::process::id());
    for moment in 0..MOMENTS {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let after = Duration::from_micros((seed >> 33) % latest);
        let marker = format!("8{}.{moment}", std::process::id());
        let running = scene.job::<&str, _>(&[], &["/bin/bash", "-c", WORKLOAD, "workload", &marker]).start();
        std::thread::sleep(after);
        running.signal(Signal::SIGKILL);
        let outcome = running.end();
        outcome.killed(Signal::SIGKILL);
        nobody_is_left(&marker, after);
    }
    let unknown: Vec<OsString> = names(&scene.workspace).into_iter().filter(|name| name != "known").collect();
    assert!(unknown.is_empty(), "the workspace keeps {unknown:?}");
    for name in names(&scene.workspace.join("known")) {
        assert!(name.to_string_lossy().starts_with("file."), "the workspace keeps {}", name.display());
    }
    // The guard tidies after the supervisor's death; give it a moment.
    let begun = Instant::now();
    loop {
        let left: Vec<_> = temp_entries(scene).difference(&before).cloned().collect();
        if left.is_empty() {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "temp folders are left: {left:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
    scene.verifies();
    // And the next run works.
    scene.run(&["/bin/echo", "hi"]).ended(0).printed("hi\n");
    scene.verifies();
}

/// Processes that carry the marker: the command, what it started, and whoever of ours runs it.
fn nobody_is_left(marker: &str, after: Duration) {
    let begun = Instant::now();
    loop {
        let left: Vec<String> = fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| {
                let line = fs::read(entry.path().join("cmdline")).ok()?;
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                line.contains(marker)
                    .then(|| format!("{} {}", entry.file_name().display(), line.chars().take(60).collect::<String>()))
            })
            .collect();
        if left.is_empty() {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "killed after {after:?}, still there: {left:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn names(folder: &std::path::Path) -> Vec<OsString> {
    fs::read_dir(folder).map(|list| list.flatten().map(|entry| entry.file_name()).collect()).unwrap_or_default()
}

/// What lies in the shared temp folders, belongs to the person and has our name, but for scenes.
fn temp_entries(scene: &Scene) -> BTreeSet<OsString> {
    let owner = scene.setting.uid().as_raw();
    ["/tmp", "/var/tmp", "/dev/shm"]
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flat_map(Iterator::flatten)
        .filter(|entry| entry.metadata().is_ok_and(|meta| meta.uid() == owner))
        .map(|entry| entry.path().into_os_string())
        .filter(|path| {
            let text = path.to_string_lossy();
            (text.contains("tollgate") || text.contains("/tmp.")) && !text.contains("tollgate-scene-")
        })
        .collect()
}
