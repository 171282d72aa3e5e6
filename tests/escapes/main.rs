//! The attacks of this folder behind the default boundary, in four settings. The runner itself judges.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::time::Duration;

use tollgate_tests::{Job, Scene, cases};

cases! { everywhere: nothing_escapes }

fn nothing_escapes(scene: &Scene) {
    let runner = Path::new(env!("CARGO_MANIFEST_DIR")).join("escapes/run");
    // As the person would say it, and where the program may be read and run as far as roots go, so that the rule is
    // what holds it.
    let policy = scene.policy(
        "[[command]]\neffect = \"deny\"\nprogram = [\"refused\"]\nbecause = \"not this\"\nmatches = [\"refused x\"]\n",
    );
    let mut command = scene.command(runner);
    // What would be asked is refused at once: nobody is there to answer.
    let prefix = format!("{} run --ci --policy {} --workspace {{WS}} --", scene.tollgate().display(), policy.display());
    command.arg(prefix).current_dir("/");
    let outcome = Job::new(command).deadline(Duration::from_mins(4)).end();
    assert!(outcome.status.success(), "{outcome}");
}
