//! A client that runs outside, with the hooks that `tollgate hook install` sets up: its commands run contained, its own
//! edits are judged by where they lead, and a hook that dies is a refusal.

use std::time::{Duration, Instant};

use tollgate_tests::model::{Model, Step};
use tollgate_tests::{Job, Outcome, Scene, cases};

use crate::kinds::{Kind, content};

cases! { user: claude codex gemini qwen copilot opencode }

const CLAIMS: &str = r#"version = 1
[approvals]
deadline = 8

[[command]]
effect = "ask"
program = ["tty", "arch"]
because = "a test asks"
matches = ["tty", "arch"]
spares = ["uname"]

[[command]]
effect = "deny"
program = ["hostid"]
because = "a test refuses"
matches = ["hostid"]
spares = ["hostname"]
"#;

fn claude(scene: &Scene) {
    hooked(scene, Kind::Claude);
}

fn codex(scene: &Scene) {
    hooked(scene, Kind::Codex);
}

fn gemini(scene: &Scene) {
    hooked(scene, Kind::Gemini);
}

fn qwen(scene: &Scene) {
    hooked(scene, Kind::Qwen);
}

fn copilot(scene: &Scene) {
    hooked(scene, Kind::Copilot);
}

fn opencode(scene: &Scene) {
    hooked(scene, Kind::Opencode);
}

/// The client outside of any boundary, its hooks set up; none where it can't be had.
fn client(scene: &Scene, kind: Kind, steps: Vec<Step>) -> Option<(Model, Job)> {
    let program = kind.program()?;
    for folder in [".git", ".git/hooks", ".git/refs", ".git/objects"] {
        scene.folder(scene.workspace.join(folder));
    }
    scene.file(scene.workspace.join(".git/HEAD"), "ref: refs/heads/main\n");
    for folder in [".config", ".config/tollgate"] {
        scene.folder(scene.home.join(folder));
    }
    scene.file(scene.home.join(".config/tollgate/policy.toml"), CLAIMS);
    let model = Model::plays(steps);
    let variables = kind.settle(scene, &model);
    scene.verb(&["hook", "install", kind.profile(), "--user"]).end().ended(0);
    let mut command = scene.command(program.first()?);
    command.args(program.get(1..)?).args(kind.words());
    if kind == Kind::Codex {
        // A person would answer its question for trust.
        command.arg("--dangerously-bypass-hook-trust");
    }
    let job = Job::new(command).deadline(Duration::from_mins(3));
    Some((model, variables.iter().fold(job, |job, (name, value)| job.env(name, value))))
}

/// Runs it to its end, and approves questions with one of these words.
fn played(scene: &Scene, job: Job, words: &[&str]) -> Outcome {
    let mut running = job.start();
    let begun = Instant::now();
    while running.runs() && begun.elapsed() < Duration::from_mins(3) {
        for question in scene.questions() {
            if words.iter().any(|word| question["action"].to_string().contains(word)) {
                // One that has ended meanwhile is no matter.
                scene.answer("approve", &question, &[]);
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    running.end()
}

fn hooked(scene: &Scene, kind: Kind) {
    let at = |path: &str| scene.workspace.join(path).display().to_string();
    let steps = vec![
        kind.shell("echo allowed > ran.txt; echo marker-of-the-first"),
        kind.write(&at("new.txt"), "edited"),
        kind.write(&at(".mcp.json"), "{}"),
        kind.shell("hostid"),
        kind.shell("arch"),
        kind.shell("tty; echo status $?"),
        kind.shell(&format!("echo x > '{}/outside'; true", scene.home.display())),
    ];
    let Some((model, job)) = client(scene, kind, steps) else { return };
    let outcome = played(scene, job, &["arch", "marker-of-the-first"]);
    outcome.ended(0);
    let results = model.results();
    let said = results.join("\n");
    assert!(results.len() >= 7, "{} results: {said}\n{outcome}", results.len());
    assert!(results[0].contains("marker-of-the-first"), "{said}");
    assert_eq!(content(scene, "ran.txt").as_deref(), Some("allowed\n"));
    assert_eq!(content(scene, "new.txt").as_deref().map(str::trim_end), Some("edited"));
    assert_eq!(content(scene, ".mcp.json"), None, "a protected file, by the client's own tool: {said}");
    assert!(results[3].contains("tollgate: refused"), "{}", results[3]);
    assert!(results[4].contains(std::env::consts::ARCH), "what was approved ran: {}", results[4]);
    assert!(results[5].contains("refused") && !results[5].contains("status 0"), "nobody answered: {}", results[5]);
    assert!(!scene.home.join("outside").exists(), "{said}");
    for event in ["hook", "denied", "asked", "decided", "run_started"] {
        assert!(scene.events(event) > 0, "{event} is not in the ledger");
    }
    each_is_told(scene);
    scene.verifies();
}

/// Each call is in the ledger by itself, in the order in which the model made them, with what became of it.
fn each_is_told(scene: &Scene) {
    let ledger = scene.ledger();
    let event = |at: usize| ledger[at]["record"]["event"].as_str().unwrap_or_default();
    let calls = [
        ("marker-of-the-first", &[][..]),
        ("new.txt", &[]),
        (".mcp.json", &["denied"]),
        ("hostid", &["denied"]),
        ("arch", &["asked", "decided"]),
        ("tty", &["asked", "decided"]),
        ("outside", &[]),
    ];
    let mut from = 0;
    let begins = calls.map(|(word, _)| {
        let mut all = from..ledger.len();
        let began = all.find(|at| event(*at) == "action_started" && ledger[*at].to_string().contains(word));
        from = began.unwrap_or_else(|| panic!("{word} is not in the ledger, or not in its place")) + 1;
        from
    });
    for (number, (word, events)) in calls.iter().enumerate() {
        let end = begins.get(number + 1).copied().unwrap_or(ledger.len());
        let told: Vec<&str> = (begins[number]..end).map(event).collect();
        assert!(events.iter().all(|event| told.contains(event)), "{word}: {told:?}");
    }
}

/// The same clients with a hook whose program is killed, hangs, prints garbage or nothing: nothing is let through.
mod broken {
    use tollgate_tests::{Scene, cases};

    use super::client;
    use crate::kinds::Kind;

    cases! { user: claude codex gemini qwen copilot opencode }

    fn claude(scene: &Scene) {
        broken(scene, Kind::Claude);
    }

    fn codex(scene: &Scene) {
        broken(scene, Kind::Codex);
    }

    fn gemini(scene: &Scene) {
        broken(scene, Kind::Gemini);
    }

    fn qwen(scene: &Scene) {
        broken(scene, Kind::Qwen);
    }

    fn copilot(scene: &Scene) {
        broken(scene, Kind::Copilot);
    }

    fn opencode(scene: &Scene) {
        broken(scene, Kind::Opencode);
    }

    fn broken(scene: &Scene, kind: Kind) {
        let program = scene.tollgate();
        let program = program.to_str().unwrap();
        let file = scene.home.join(match kind {
            Kind::Codex => ".codex/hooks.json",
            Kind::Copilot => ".copilot/hooks/tollgate.json",
            Kind::Opencode => ".config/opencode/plugin/tollgate.js",
            Kind::Claude | Kind::Gemini | Kind::Qwen => kind.settings(),
        });
        let script = |name: &str, text: &str| {
            scene.script(scene.workspace.join(name), &format!("#!/bin/sh\n{text}\n")).to_str().unwrap().to_owned()
        };
        let all = [
            script("killed", "kill -9 $$"),
            script("babbles", "echo '{\"decision\": \"al'"),
            script("says-nothing", "exit 0"),
            script("hangs", "exec sleep 600"),
        ];
        for (number, other) in all.iter().enumerate() {
            let name = format!("leaked-{number}");
            let Some((model, job)) = client(scene, kind, vec![kind.shell(&format!("touch {name}"))]) else { return };
            let installed = std::fs::read_to_string(&file).unwrap();
            // The same lines, with less patience.
            let hasty = installed.replace(" -k 1 55 ", " -k 1 3 ").replace("PATIENCE = 55_000", "PATIENCE = 3_000");
            assert_ne!(hasty, installed, "the limit of time is in the file");
            scene.file(&file, hasty.replace(program, other));
            let outcome = job.end();
            assert!(!scene.workspace.join(&name).exists(), "{other}: {}\n{outcome}", model.results().join("\n"));
            assert!(!model.results().is_empty(), "the call was made: {outcome}");
            // Nothing of ours ran, so nothing says that it did; where none ever ran, there is no ledger.
            let ledger = scene.verb(&["ledger", "export"]).end();
            assert!(!ledger.out.contains(&name), "{ledger}\n{outcome}");
            if ledger.status.code() == Some(0) {
                scene.verifies();
            }
            scene.file(&file, &installed);
        }
    }
}
