//! A second thread rewrites what execve was given. Five ways, by two persons, 2,000 tries each: 20,000 in all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tollgate_tests::{Job, Outcome, Scene, cases};

const TRIES: u32 = 2000;

cases! { both: path argv pointer symlink chdir outside }

/// The refused program, the good one, and what tells that the refused one ran.
struct Stage {
    swap: PathBuf,
    good: PathBuf,
    bad: PathBuf,
    witness: PathBuf,
    policy: PathBuf,
}

/// Lays both programs into folders of the workspace, or the refused one into a folder outside of it.
fn stage(scene: &Scene, bad: &Path) -> Stage {
    let good = scene.workspace.join("good");
    scene.folder(&good);
    scene.folder(bad);
    let witness = scene.workspace.join("witness");
    let name = format!("-DWITNESS=\"{}\"", witness.display());
    let policy = scene.policy(
        "[[command]]\neffect = \"deny\"\nprogram = [\"refused\"]\nbecause = \"it must never run\"\nmatches = [\"refused\"]\n
         [[command]]\neffect = \"deny\"\nprogram = [\"speak\"]\nargs = [\"evil\"]\nbecause = \"not this word\"\nmatches = [\"speak evil\"]\nspares = [\"speak fine\"]\n",
    );
    scene.compile("race/witness.c", bad.join("refused"), &[&name, "-DALWAYS"]);
    scene.compile("race/witness.c", good.join("speak"), &[&name]);
    Stage {
        swap: scene.compile("race/swap.c", scene.workspace.join("swap"), &[]),
        good,
        bad: bad.to_owned(),
        witness,
        policy,
    }
}

impl Stage {
    fn words(&self, mode: &str, tries: u32, good: &Path, bad: &Path) -> Vec<String> {
        let words =
            [self.swap.to_str().unwrap(), mode, &tries.to_string(), good.to_str().unwrap(), bad.to_str().unwrap()];
        words.map(str::to_owned).to_vec()
    }
}

/// The last line of `swap`.
fn counts(outcome: &Outcome) -> BTreeMap<String, usize> {
    let words: Vec<&str> = outcome.out.split_whitespace().collect();
    words.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].parse().unwrap())).collect()
}

fn play(scene: &Scene, stage: &Stage, mode: &str, good: &Path, bad: &Path) {
    // Bare, the race is won: what follows can fail.
    let words = stage.words(mode, 300, good, bad);
    let mut command = scene.command(&words[0]);
    command.args(&words[1..]);
    Job::new(command).end().ended(0);
    assert!(stage.witness.exists(), "without the gate the refused program never ran: the test shows nothing");
    fs::remove_file(&stage.witness).unwrap();

    let words = stage.words(mode, TRIES, good, bad);
    let outcome = scene.job(&[Path::new("--policy"), &stage.policy], &words).deadline(Duration::from_mins(5)).end();
    outcome.ended(0);
    let counts = counts(&outcome);
    assert!(!stage.witness.exists(), "{}{outcome}", fs::read_to_string(&stage.witness).unwrap_or_default());
    assert_eq!(counts.values().sum::<usize>(), TRIES as usize, "{outcome}");
    assert!(counts["ran"] > 0 && counts["other"] == 0, "{counts:?}");
    let tampered = scene.events("tampered");
    assert_eq!(tampered, counts["killed"], "killed without a record, or the other way round: {counts:?}");
    scene.verifies();
    assert!(!counts.is_empty(), "{mode}: {counts:?}");
}

fn path(scene: &Scene) {
    let stage = stage(scene, &scene.workspace.join("bad"));
    play(scene, &stage, "path", &stage.good.join("speak"), &stage.bad.join("refused"));
}

fn argv(scene: &Scene) {
    let stage = stage(scene, &scene.workspace.join("bad"));
    play(scene, &stage, "argv", &stage.good.join("speak"), Path::new("evil"));
}

fn pointer(scene: &Scene) {
    let stage = stage(scene, &scene.workspace.join("bad"));
    play(scene, &stage, "pointer", &stage.good.join("speak"), &stage.bad.join("refused"));
}

fn symlink(scene: &Scene) {
    let stage = stage(scene, &scene.workspace.join("bad"));
    play(scene, &stage, "symlink", &stage.good.join("speak"), &stage.bad.join("refused"));
}

fn chdir(scene: &Scene) {
    let stage = stage(scene, &scene.workspace.join("bad"));
    // Links, so that the rule's name is what is run and not what is typed.
    std::os::unix::fs::symlink("speak", stage.good.join("it")).unwrap();
    std::os::unix::fs::symlink("refused", stage.bad.join("it")).unwrap();
    play(scene, &stage, "chdir", &stage.good, &stage.bad);
}

/// The refused program is outside every root, and no rule names it: the kernel alone holds it.
fn outside(scene: &Scene) {
    let stage = stage(scene, &scene.outside.join("bad"));
    fs::rename(stage.bad.join("refused"), stage.bad.join("unnamed")).unwrap();
    play(scene, &stage, "path", &stage.good.join("speak"), &stage.bad.join("unnamed"));
}
