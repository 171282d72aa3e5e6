//! Every odd way to run a program: the good one runs where its name can be told, the refused one never does.

use std::fs;
use std::path::{Path, PathBuf};

use tollgate_tests::{Job, Outcome, Scene, cases};

cases! { everywhere: good_ones_run refused_ones_dont images_without_a_name }
cases! { both: through_the_loader scripts refused_interpreters deep_interpreters }

/// Ways that name a file.
const NAMED: [&str; 9] =
    ["plain", "thread", "vfork", "fexecve", "path-handle", "proc-fd", "dirfd", "no-words", "null-words"];
/// Ways that don't.
const UNNAMED: [&str; 3] = ["memfd", "memfd-path", "deleted"];

struct Stage {
    odd: PathBuf,
    witness: PathBuf,
    refused: PathBuf,
    policy: PathBuf,
}

fn stage(scene: &Scene) -> Stage {
    let witness = scene.workspace.join("witness");
    let name = format!("-DWITNESS=\"{}\"", witness.display());
    let refused = scene.workspace.join("refused");
    Stage {
        odd: scene.compile("race/odd.c", scene.workspace.join("odd"), &[]),
        refused: scene.compile("race/witness.c", refused, &[&name, "-DALWAYS"]),
        witness,
        policy: scene.policy(
            "[[command]]\neffect = \"deny\"\nprogram = [\"refused\"]\nbecause = \"it must never run\"\nmatches = [\"refused\"]\n",
        ),
    }
}

impl Stage {
    fn run(&self, scene: &Scene, words: &[&str]) -> Outcome {
        scene.job(&[Path::new("--policy"), &self.policy], words).end()
    }

    fn bare(&self, scene: &Scene, words: &[&str]) -> bool {
        let mut command = scene.command(words[0]);
        command.args(&words[1..]);
        Job::new(command).end();
        let ran = self.witness.exists();
        fs::remove_file(&self.witness).ok();
        ran
    }
}

fn good_ones_run(scene: &Scene) {
    let stage = stage(scene);
    let odd = stage.odd.to_str().unwrap();
    for way in NAMED {
        let outcome = stage.run(scene, &[odd, way, "/usr/bin/printf", "%s", "hi"]);
        if way.ends_with("-words") {
            // printf misses its operand, but it ran.
            assert!(outcome.status.code() != Some(77) && outcome.status.code() < Some(128), "{way}: {outcome}");
        } else {
            outcome.ended(0).printed("hi");
        }
    }
    assert_eq!(scene.events("tampered"), 0);
}

fn refused_ones_dont(scene: &Scene) {
    let stage = stage(scene);
    let (odd, refused) = (stage.odd.to_str().unwrap(), stage.refused.to_str().unwrap());
    for way in NAMED.iter().chain(&UNNAMED).chain(&["untraced"]) {
        assert!(stage.bare(scene, &[odd, way, refused, "x"]), "{way} runs nothing even without the gate");
        let outcome = stage.run(scene, &[odd, way, refused, "x"]);
        assert!(!stage.witness.exists(), "{way}: {outcome}");
        assert!(matches!(outcome.status.code(), Some(77 | 78 | 137)), "{way}: {outcome}");
    }
    scene.verifies();
}

fn images_without_a_name(scene: &Scene) {
    let stage = stage(scene);
    for way in UNNAMED {
        let outcome = stage.run(scene, &[stage.odd.to_str().unwrap(), way, "/bin/echo", "hi"]);
        outcome.ended(77).printed("").told("tollgate: refused");
    }
}

/// The dynamic loader, run as a program; none on a system without one.
fn loader() -> Option<PathBuf> {
    let known = [
        "/lib64/ld-linux-x86-64.so.2",
        "/lib/ld-linux-aarch64.so.1",
        "/lib/ld-musl-x86_64.so.1",
        "/lib/ld-musl-aarch64.so.1",
    ];
    known.iter().map(PathBuf::from).find(|path| path.exists())
}

fn through_the_loader(scene: &Scene) {
    let Some(loader) = loader() else {
        return tollgate_tests::skip("no dynamic loader is known here");
    };
    let loader = loader.to_str().unwrap();
    let policy = scene.policy(
        "[[command]]\neffect = \"deny\"\nprogram = [\"seq\"]\nbecause = \"no counting\"\nmatches = [\"seq 3\"]\n",
    );
    let with = |words: &[&str]| scene.job(&[Path::new("--policy"), &policy], words).end();
    with(&[loader, "/usr/bin/printf", "hi"]).ended(0).printed("hi");
    for words in [
        &[loader, "/usr/bin/seq", "3"][..],
        &[loader, "--argv0", "other", "/usr/bin/seq", "3"],
        &[loader, "--library-path", "/lib", "/usr/bin/seq", "3"],
        &[loader, "--inhibit-cache", "--library-path", "/x", "/usr/bin/seq", "3"],
    ] {
        let outcome = with(words);
        assert!(!outcome.status.success() && outcome.out.is_empty(), "{outcome}");
    }
    // The loader in the middle of a command, with the name behind a link.
    let text = format!(
        "ln -s /usr/bin/seq plus; {loader} ./plus 3; {loader} /proc/self/root/usr/bin/seq 3; cp {loader} own; ./own /usr/bin/seq 3; echo end"
    );
    with(&["/bin/bash", "-c", &text]).ended(0).printed("end\n");
}

fn scripts(scene: &Scene) {
    scene.script(scene.workspace.join("script"), "#!/bin/sh\necho script $0 $1\n");
    let outcome = scene.run(&["./script", "a"]);
    // The command itself is named by its whole path.
    outcome.ended(0);
    assert!(outcome.out.ends_with("/script a\n"), "{outcome}");
    scene.shell("./script a").ended(0).printed("script ./script a\n");
    scene.script(scene.workspace.join("enved"), "#!/usr/bin/env bash\necho enved $1\n");
    scene.run(&["./enved", "a"]).ended(0).printed("enved a\n");
    scene.script(scene.workspace.join("bare"), "echo bare\n");
    // execve gives ENOEXEC; a shell then reads it itself.
    scene.shell("./bare").ended(0).printed("bare\n");
    // By its own name a script is refused too.
    let policy = scene.policy(
        "[[command]]\neffect = \"deny\"\nprogram = [\"script\"]\nbecause = \"not this\"\nmatches = [\"script\"]\n",
    );
    let outcome = scene.job(&[Path::new("--policy"), &policy], &["/bin/bash", "-c", "./script a; echo $?"]).end();
    outcome.ended(0).printed("126\n");
}

fn refused_interpreters(scene: &Scene) {
    let stage = stage(scene);
    let refused = stage.refused.to_str().unwrap();
    scene.script(scene.workspace.join("script"), &format!("#!{refused}\n"));
    assert!(stage.bare(scene, &["./script"]));
    let outcome = stage.run(scene, &["/bin/bash", "-c", "./script; (exec -a other ./script); echo end"]);
    outcome.ended(0);
    assert!(!stage.witness.exists(), "{outcome}");
    // With a word for the interpreter, and through env.
    scene.script(scene.workspace.join("worded"), &format!("#!{refused} word\n"));
    scene.script(scene.workspace.join("enved"), &format!("#!/usr/bin/env -S {refused} word\n"));
    let outcome = stage.run(scene, &["/bin/bash", "-c", "./worded; ./enved; echo end"]);
    assert!(!stage.witness.exists(), "{outcome}");
}

fn deep_interpreters(scene: &Scene) {
    let stage = stage(scene);
    // Scripts that are run by scripts: the kernel follows four of them.
    let mut interpreter = stage.refused.display().to_string();
    for depth in 0..4 {
        let path = scene.workspace.join(format!("depth{depth}"));
        scene.script(&path, &format!("#!{interpreter}\n"));
        interpreter = path.display().to_string();
    }
    assert!(stage.bare(scene, &[&interpreter]));
    let outcome = stage.run(scene, &["/bin/bash", "-c", &format!("{interpreter}; echo end")]);
    assert!(!stage.witness.exists(), "{outcome}");
}
