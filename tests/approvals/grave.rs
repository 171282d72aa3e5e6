//! What can't be undone and is of high risk: a push with a file that the build server runs. Looked at for a moment, and
//! approved by its name: on the page, in the queue of a terminal, by a command at a terminal. Each is refused when skipped.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tollgate_tests::page::Page;
use tollgate_tests::screen::Screen;
use tollgate_tests::{Job, Scene, cases, skip};

cases! { everywhere: on_the_page in_the_queue_of_a_terminal by_a_command_at_a_terminal by_a_command_without_one two_people_through_two_channels
no_is_never_slowed_down }

const PUSH: [&str; 4] = ["git", "push", "origin", "HEAD:refs/heads/main"];

/// A repository with a workflow in its commit, and the bare one that it is pushed to.
fn repository(scene: &Scene) -> PathBuf {
    let bare = scene.workspace.join("remote.git");
    let text = "set -e; git init -q -b work .; git init -q --bare remote.git; git config user.name u
                git config user.email u@example.com; git remote add origin \"$PWD/remote.git\"
                mkdir -p .github/workflows; echo 'x: 1' > .github/workflows/ci.yml; git add .github; git commit -qm one";
    let mut command = scene.command("/bin/bash");
    command.args(["-c", text]);
    Job::new(command).end().ended(0);
    bare
}

fn has_arrived(bare: &Path) -> bool {
    let mut command = Command::new("git");
    command.args(["-c", "safe.directory=*", "--git-dir"]).arg(bare).args(["rev-parse", "-q", "--verify", "main"]);
    command.output().unwrap().status.success()
}

/// The question, and what has to be typed.
fn grave(scene: &Scene) -> (Value, String) {
    let question = scene.question();
    assert_eq!(question["risk"], "high", "{question}");
    assert!(question["offers"]["pause"].as_u64().is_some_and(|pause| pause > 0), "{question}");
    let name = question["offers"]["confirm"].as_str().unwrap_or_default().to_owned();
    assert!(!name.is_empty(), "it has no name: {question}");
    (question, name)
}

fn on_the_page(scene: &Scene) {
    let bare = repository(scene);
    let page = Page::open(scene);
    let running = scene.job::<&str, _>(&[], &PUSH).start();
    let (question, name) = grave(scene);
    let id = question["id"].as_str().unwrap();
    let path = format!("/q/{id}");
    let shown = page.get(&path);
    let form = |confirm: &str| {
        let shown = page.get(&path);
        let (seal, digest) = (shown.field("seal"), shown.field("digest"));
        page.post(&path, &[("seal", &seal), ("digest", &digest), ("answer", "once"), ("confirm", confirm)])
    };
    for fact in
        [".github/workflows/ci.yml", "runs on the build server", &format!("To approve, type <code>{name}</code>")]
    {
        assert!(shown.body.contains(fact), "no {fact} in {}", shown.body);
    }
    let begun = Instant::now();
    let early = form(&name);
    let was_early = begun.elapsed() < Duration::from_secs(1);
    assert!(early.status == 422 || !was_early, "{}", early.body);
    if early.status == 422 {
        for wrong in ["", "yes", &name.to_uppercase(), &format!("{name} x")] {
            let more = [("answer", "once"), ("confirm", wrong)];
            assert_eq!(page.confirmed(id, &more).status, 422, "`{wrong}`");
        }
        assert!(!has_arrived(&bare), "it went ahead without its name");
        let taken = page.answer(id, &[("answer", "once")]);
        assert!(taken.status == 200 && taken.body.contains("Approved once"), "{}", taken.body);
    }
    running.end().ended(0);
    assert!(has_arrived(&bare));
    scene.verifies();
}

fn in_the_queue_of_a_terminal(scene: &Scene) {
    let Some(screen) = Screen::open(scene) else { return };
    let bare = repository(scene);
    screen.line(&format!("{} watch", scene.tollgate().display()));
    screen.shows("nothing waits");
    let running = scene.job::<&str, _>(&[], &PUSH).start();
    let (_, name) = grave(scene);
    screen.shows("1 question waits");
    screen.keys(&["a"]);
    screen.keys(&["Enter"]);
    screen.shows("git push origin");
    // Pressed until it counts: before that, it says that it doesn't.
    let ask = || {
        screen.until("the name's prompt", |text| {
            let asks = text.contains("To approve, type");
            if !asks {
                screen.keys(&["a"]);
            }
            asks
        });
    };
    ask();
    screen.keys(&["-l", "somewhere"]);
    screen.keys(&["Enter"]);
    screen.shows("that is not its name");
    assert!(!has_arrived(&bare) && scene.questions().len() == 1, "it went ahead without its name");
    screen.until("no prompt", |text| !text.contains("To approve, type"));
    ask();
    screen.until("an empty prompt", |text| text.contains(&format!("To approve, type {name}")));
    screen.keys(&["C-u"]);
    // What was pressed too often while it waited is taken back.
    for _ in 0..20 {
        screen.keys(&["BSpace"]);
    }
    screen.keys(&["-l", &name]);
    screen.keys(&["Enter"]);
    screen.shows("approved");
    running.end().ended(0);
    assert!(has_arrived(&bare));
    scene.verifies();
}

fn by_a_command_at_a_terminal(scene: &Scene) {
    let Some(screen) = Screen::open(scene) else { return };
    let bare = repository(scene);
    let running = scene.job::<&str, _>(&[], &PUSH).start();
    let (question, name) = grave(scene);
    let words = format!("{} approvals approve {}", scene.tollgate().display(), question["id"].as_str().unwrap());
    for wrong in ["", "yes", "somewhere"] {
        screen.line(&words);
        screen.shows(&format!("To approve, type {name}"));
        screen.line(wrong);
        screen.ended(1);
        assert!(!has_arrived(&bare) && scene.questions().len() == 1, "it went ahead without its name");
        screen.line("clear");
        screen.until("an empty screen", |text| !text.contains("To approve"));
    }
    screen.line(&words);
    screen.shows(&format!("To approve, type {name}"));
    assert!(screen.text().contains("digest"), "the question itself was shown: {}", screen.text());
    screen.line(&name);
    screen.ended(0);
    running.end().ended(0);
    assert!(has_arrived(&bare));
    let ledger = scene.ledger();
    let decided = ledger.iter().map(ToString::to_string).find(|line| line.contains("\"event\":\"decided\"")).unwrap();
    assert!(decided.contains("\"opened\":true") && decided.contains("\"channel\":\"cli\""), "{decided}");
}

fn by_a_command_without_one(scene: &Scene) {
    let bare = repository(scene);
    let running = scene.job::<&str, _>(&[], &PUSH).start();
    let (question, name) = grave(scene);
    for wrong in ["", "yes", "origins"] {
        let wrong = ["--confirm", wrong];
        let outcome = scene.answer("approve", &question, &wrong);
        outcome.ended(1).told("can't be undone").told(&format!("--confirm {name}"));
        assert!(outcome.out.is_empty() && !has_arrived(&bare) && scene.questions().len() == 1, "{wrong:?}: {outcome}");
    }
    scene.answer("approve", &question, &[]).ended(0);
    running.end().ended(0);
    assert!(has_arrived(&bare));
}

fn two_people_through_two_channels(scene: &Scene) {
    let bare = repository(scene);
    let policy = scene.policy("[approvals]\ntwo = [\"publish\"]\n");
    let page = Page::open(scene);
    let running = scene.job(&[Path::new("--policy"), &policy], &PUSH).start();
    let (question, name) = grave(scene);
    let id = question["id"].as_str().unwrap();
    assert!(page.get(&format!("/q/{id}")).body.contains("2 people have to agree"), "it is not said on the page");
    for lasting in ["run", "until", "uses"] {
        let taken = page.answer(id, &[("answer", lasting), ("minutes", "5"), ("times", "2")]);
        assert_eq!(taken.status, 422, "{lasting}: {}", taken.body);
    }
    let first = page.answer(id, &[("answer", "once")]);
    assert!(first.status == 200 && first.body.contains("agree"), "{}", first.body);
    let again = scene.answer("approve", &question, &["--confirm", &name]);
    assert!(!again.status.success() && again.err.contains("has agreed already"), "{again}");
    let again = page.answer(id, &[("answer", "once")]);
    assert_ne!(again.status, 200, "{}", again.body);
    assert!(!has_arrived(&bare) && scene.questions().len() == 1, "one person was enough");
    if !nix::unistd::geteuid().is_root() || scene.setting.uid().is_root() {
        scene.answer("deny", &question, &[]).ended(0);
        assert!(!running.end().status.success() && !has_arrived(&bare));
        return skip("needs root, to be the second person");
    }
    crate::two::of_root(scene, "approve", &question, &["--confirm", &name]).ended(0);
    running.end().ended(0);
    assert!(has_arrived(&bare));
    scene.verifies();
}

fn no_is_never_slowed_down(scene: &Scene) {
    let Some(screen) = Screen::open(scene) else { return };
    let bare = repository(scene);
    let running = scene.job::<&str, _>(&[], &PUSH).start();
    let (question, _) = grave(scene);
    let id = question["id"].as_str().unwrap();
    screen.line(&format!("{} approvals deny {id} --reason 'no workflows'", scene.tollgate().display()));
    screen.ended(0);
    assert!(!screen.text().contains("To approve"), "{}", screen.text());
    running.end().told("no workflows");
    assert!(!has_arrived(&bare));
}
