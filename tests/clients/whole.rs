//! A client, whole inside: a task from its first word to its last.

use std::time::{Duration, Instant};

use serde_json::Value;
use tollgate_tests::{Scene, cases};

use crate::kinds::{Kind, content};
use crate::play::client;

cases! { user: claude codex gemini qwen copilot opencode silence }

mod without_namespaces {
    tollgate_tests::cases!(@one UserWithoutNamespaces claude super::claude);
    tollgate_tests::cases!(@one UserWithoutNamespaces codex super::codex);
    tollgate_tests::cases!(@one UserWithoutNamespaces qwen super::qwen);
}

fn claude(scene: &Scene) {
    whole(scene, Kind::Claude);
}

fn codex(scene: &Scene) {
    whole(scene, Kind::Codex);
}

fn gemini(scene: &Scene) {
    whole(scene, Kind::Gemini);
}

fn qwen(scene: &Scene) {
    whole(scene, Kind::Qwen);
}

fn copilot(scene: &Scene) {
    whole(scene, Kind::Copilot);
}

fn opencode(scene: &Scene) {
    whole(scene, Kind::Opencode);
}

fn whole(scene: &Scene, kind: Kind) {
    let at = |path: &str| scene.workspace.join(path).display().to_string();
    let settings = scene.home.join(kind.settings());
    let steps = vec![
        kind.shell(&unhurried("echo allowed > ran.txt; echo marker-of-the-first")),
        kind.write(&at("new.txt"), "edited"),
        kind.write(&at(".mcp.json"), "{}"),
        kind.shell(&unhurried("hostid")),
        kind.shell(&unhurried("arch")),
        kind.shell(&unhurried(&format!("echo x > .git/hooks/pre-commit; echo x > '{}'", settings.display()))),
        kind.shell(&format!("cat '{}/.ssh/id_ed25519'", scene.home.display())),
    ];
    let Some((model, job)) = client(scene, (kind, steps), 20) else { return };
    let before = std::fs::read(&settings).ok();
    let mut running = job.start();
    let question = approve(scene, &mut || running.runs());
    let outcome = running.end();
    outcome.ended(0).withheld(tollgate_tests::scene::SECRET);
    assert!(question.is_some_and(|question| question.to_string().contains("arch")), "what was asked: {outcome}");

    let results = model.results();
    let said = results.join("\n");
    assert!(results.len() >= 7, "{} results: {said}\n{outcome}", results.len());
    assert!(results[0].contains("marker-of-the-first"), "{said}");
    assert!(results[3].contains("tollgate: refused") && results[3].contains("a test refuses"), "{}", results[3]);
    assert!(results[4].contains(std::env::consts::ARCH), "what was approved ran: {}", results[4]);
    assert!(results[5].contains("tollgate: refused"), "{}", results[5]);
    assert!(!said.contains(tollgate_tests::scene::SECRET));

    assert_eq!(content(scene, "ran.txt").as_deref(), Some("allowed\n"));
    assert_eq!(content(scene, "new.txt").as_deref().map(str::trim_end), Some("edited"));
    assert_eq!(content(scene, ".mcp.json"), None, "a protected file, by the client's own tool");
    assert_eq!(content(scene, ".git/hooks/pre-commit"), None);
    assert_eq!(std::fs::read(&settings).ok(), before, "the client's own settings");
    told(scene);
}

/// A command that stays a moment when it is done: one client (Qwen Code 0.24) drops what it has not read by the end.
fn unhurried(text: &str) -> String {
    format!("{text}; code=$?; sleep 0.3; exit $code")
}

/// Each command of the client's is an action of its own, and all that was refused is written down.
fn told(scene: &Scene) {
    let records = scene.ledger();
    let has = |event: &str, words: &str| {
        records.iter().any(|record| {
            let text = record.to_string();
            text.contains(event) && text.contains(words)
        })
    };
    // a client may wrap its command in a text of its own, which is cut in the ledger: so by the number
    let first = action(&records, "step", "marker-of-the-first").expect("the first command is a step");
    let other = action(&records, "denied", "hostid").expect("the refused command is known");
    assert!(first > 0 && other > first, "each command is an action of its own: {first}, {other}");
    assert!(
        records.iter().map(|record| &record["record"]).any(|r| r["event"] == "action_started" && r["action"] == first)
    );
    assert!(has("denied", "hostid") && has("decided", "") && has("denied", "pre-commit"));
    scene.verifies();
}

/// The number of the action that a record with these words belongs to. A client may start itself once more on the way to a
/// command, with the command's words (Codex 0.169, now and then): that is none yet.
fn action(records: &[Value], event: &str, words: &str) -> Option<u64> {
    let found = records
        .iter()
        .map(|line| &line["record"])
        .find(|record| record["event"] == event && record["action"] != 0 && record.to_string().contains(words));
    found?["action"].as_u64()
}

/// Approves the question that the task raises; gives up when the client has ended.
fn approve(scene: &Scene, runs: &mut dyn FnMut() -> bool) -> Option<Value> {
    let begun = Instant::now();
    while runs() && begun.elapsed() < Duration::from_mins(2) {
        // clients ask for more than their tasks need; what nobody answers is refused
        let about = |question: &Value| question["action"].to_string().contains("arch");
        if let Some(question) = scene.questions().into_iter().find(about) {
            scene.answer("approve", &question, &[]).ended(0);
            return Some(question);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    None
}

/// What nobody answers is refused, and the client goes on.
fn silence(scene: &Scene) {
    let kind = Kind::Claude;
    let steps = vec![kind.shell("tty; echo status $?"), kind.shell("echo later > later.txt")];
    let Some((model, job)) = client(scene, (kind, steps), 4) else { return };
    job.end().ended(0);
    let results = model.results();
    assert!(results[0].contains("tollgate: refused") && !results[0].contains("status 0"), "{}", results[0]);
    assert_eq!(content(scene, "later.txt").as_deref(), Some("later\n"));
    scene.verifies();
}
