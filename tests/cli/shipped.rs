//! Each shipped rule that sends a command outside really does: its own examples are run, with stand-ins for the programs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tollgate_tests::{Outcome, Scene, Setting};

/// A home with a folder for programs. The scene's own lies where the sandbox has a private folder in its place.
struct Home(TempDir);

impl Home {
    fn lay() -> Self {
        let home = tempfile::Builder::new().prefix("home-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::create_dir_all(home.path().join(".local/bin")).unwrap();
        Self(home)
    }

    fn program(&self, scene: &Scene, name: &str, text: &str) {
        scene.script(self.0.path().join(".local/bin").join(name), text);
    }

    /// `tollgate run` of a shell's text by its owner; each question is approved, and seen.
    fn approving(&self, scene: &Scene, text: &str, mut seen: impl FnMut(&serde_json::Value)) -> Outcome {
        let path = format!("{}/.local/bin:/usr/local/bin:/usr/bin:/bin", self.0.path().display());
        let job = scene.job::<&str, _>(&[], &["/bin/bash", "-c", text]).deadline(Duration::from_mins(4));
        let mut running = job.env("PATH", path).env("HOME", self.0.path()).start();
        while running.runs() {
            for question in scene.questions() {
                seen(&question);
                scene.approve(&question);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        running.end()
    }
}

/// What these do is written in files of the workspace: they are refused, whoever would say yes.
const STAYS: [&str; 1] = ["terraform"];

/// First examples of all rules with a wider profile, by profile; git has tests of its own.
fn examples() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../profiles");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "toml") {
            continue;
        }
        let table: toml::Table = fs::read_to_string(&path).unwrap().parse().unwrap();
        for rule in table.get("command").and_then(toml::Value::as_array).into_iter().flatten() {
            let text = |key: &str| rule.get(key).and_then(toml::Value::as_str).map(str::to_owned);
            let example = rule["matches"].as_array().and_then(|all| all.first()).and_then(toml::Value::as_str);
            if let (Some(profile), Some(example)) = (text("profile"), example)
                && !example.starts_with("git ")
            {
                found.push((profile, example.to_owned()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn examples_run_outside() {
    let Some(scene) = Scene::lay(Setting::Root) else { return };
    let examples = examples();
    assert!(examples.len() > 10, "{examples:?}");
    let home = Home::lay();
    let programs: BTreeSet<&str> = examples.iter().filter_map(|(_, line)| line.split(' ').next()).collect();
    for program in &programs {
        assert!(!program.contains('/'), "{program}");
        home.program(&scene, program, &format!("#!/bin/sh\necho \"ran {program} $*\"\nexit 3\n"));
    }
    let text = examples.iter().map(|(_, line)| format!("{line}\necho \"rc $?\"\n")).collect::<Vec<_>>().concat();
    let mut profiles = BTreeSet::new();
    let outcome = home.approving(&scene, &text, |question| {
        profiles.insert(question["verdict"]["profile"].as_str().unwrap_or_default().to_owned());
    });
    for (profile, line) in &examples {
        let program = line.split(' ').next().unwrap();
        if STAYS.contains(&program) {
            outcome.told(&format!("`{program}` is not run outside"));
            continue;
        }
        assert!(outcome.out.contains(&format!("ran {program} ")), "`{line}` ({profile}): {outcome}");
        assert!(profiles.contains(profile), "{profiles:?}");
    }
    let gone = examples.iter().filter(|(_, line)| !STAYS.contains(&line.split(' ').next().unwrap())).count();
    assert_eq!(outcome.out.matches("rc 3\n").count(), gone, "{outcome}");
    assert_eq!(scene.events("escalated"), gone);
    scene.verifies();
}

/// A repository behind a stand-in for ssh: what git would run at the other end runs here.
#[test]
fn git_pushes_and_pulls_over_ssh() {
    let Some(scene) = Scene::lay(Setting::Root) else { return };
    let home = Home::lay();
    // as ssh: options, the host, and then what the shell over there is given
    let ssh = "#!/bin/sh\nwhile [ \"$1\" != git@host.example ]; do shift; done\nshift\nexec sh -c \"$*\"\n";
    home.program(&scene, "ssh", ssh);
    let setup = format!(
        "set -e; git init -q -b main .; git init -q -b main --bare far.git; git config user.name u
         git config user.email u@example.com; git remote add origin ssh://git@host.example{}/far.git
         echo one > file; git add file; git commit -qm one",
        scene.workspace.display()
    );
    let mut command = scene.command("/bin/bash");
    command.args(["-c", &setup]);
    tollgate_tests::Job::new(command).end().ended(0);
    let mut asked = Vec::new();
    let text = "git push -q origin main && git pull -q origin main; echo \"rc $?\"";
    let outcome = home.approving(&scene, text, |question| asked.push(question["action"]["argv"].to_string()));
    outcome.ended(0).printed("rc 0\n");
    assert!(asked.iter().any(|argv| argv.contains("push")), "{asked:?}");
    let mut command = scene.command("git");
    command.args(["-c", "safe.directory=*", "-C", "far.git", "log", "--format=%s", "main"]);
    tollgate_tests::Job::new(command).end().ended(0).printed("one\n");
}
