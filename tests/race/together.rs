//! Threads of one process that execute at once: one of them runs, and the gate waits for none of them for ever.

use std::time::Duration;

use tollgate_tests::{Scene, cases};

cases! { both: threads }

fn threads(scene: &Scene) {
    let together = scene.compile("race/together.c", scene.workspace.join("together"), &[]);
    let words = [together.to_str().unwrap(), "300", "/bin/true"];
    let outcome = scene.job(&[] as &[&str], &words).deadline(Duration::from_mins(2)).end();
    outcome.ended(0).printed("ran 300 odd 0\n");
    scene.verifies();
}
