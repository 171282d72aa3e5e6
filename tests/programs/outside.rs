//! Commands that run outside after approval, on a terminal: they can ask there, and Ctrl-C, Ctrl-Z and `fg` mean them.

use tollgate_tests::{Scene, cases, program, skip};

use tollgate_tests::screen::Screen;

cases! { everywhere: asks_on_the_terminal interrupts_with_its_job }
cases! { everywhere: what_inside_can_change_stays_inside }
cases! { both: suspends_and_goes_on sees_the_window a_pipeline_keeps_its_keys }

/// `env` stands for any tool that needs more.
const RULE: &str = "[[command]]\neffect = \"ask\"\nprogram = [\"env\"]\nprofile = \"push\"\nbecause = \"a try\"\nmatches = [\"env x\"]\n";

/// Types the command, and says yes to its question.
fn approved(screen: &Screen<'_>, scene: &Scene, command: &str) {
    screen.line(command);
    let question = scene.question();
    scene.answer("approve", &question, &[]).ended(0);
}

/// A shell inside, with job control.
fn inside(scene: &Scene, play: impl Fn(&Screen<'_>)) {
    let Some(screen) = Screen::open(scene) else { return };
    let policy = scene.policy(RULE);
    let (tollgate, policy) = (scene.tollgate(), policy.display());
    screen.line(&format!("{} run --policy {policy} -- /bin/bash --norc --noprofile -i", tollgate.display()));
    std::thread::sleep(std::time::Duration::from_millis(800));
    screen.line("PS1='inside> '");
    screen.shows("inside>");
    play(&screen);
}

fn asks_on_the_terminal(scene: &Scene) {
    inside(scene, |screen| {
        // as ssh does: whatever its streams are, and without an echo
        let text = r#"env sh -c 'exec 3<>/dev/tty; stty -echo <&3; printf "Word""? " >&3; read w <&3; stty echo <&3; echo "<$w>"'"#;
        approved(screen, scene, text);
        screen.shows("Word?");
        screen.line("open");
        screen.shows("<open>");
        assert_eq!(screen.text().matches("open").count(), 1, "it was echoed:\n{}", screen.text());
        // the terminal is as it was, once the shell has it again
        screen.until("prompt", |text| text.trim_end().ends_with("inside>"));
        screen.line("echo still $((40 + 2))");
        screen.shows("still 42");
        screen.line("exit 3");
        screen.ended(3);
    });
}

fn interrupts_with_its_job(scene: &Scene) {
    inside(scene, |screen| {
        approved(
            screen,
            scene,
            "bash -c 'env sh -c \"echo be\\\"\\\"gun; exec sleep 300\"; echo after'; echo \"rc $?\"",
        );
        screen.shows("begun");
        screen.keys(&["C-c"]);
        screen.until("prompt", |text| text.trim_end().ends_with("inside>"));
        screen.line("echo still $((40 + 2))");
        screen.shows("still 42");
        let text = screen.text();
        assert!(!text.lines().any(|line| line.trim() == "after"), "the shell around it was not interrupted:\n{text}");
        screen.line("exit 3");
        screen.ended(3);
    });
}

/// As a virtual environment's `pip` does: it may run once a person says so, where it is.
fn what_inside_can_change_stays_inside(scene: &Scene) {
    let tool = scene.script(scene.workspace.join("env"), "#!/bin/sh\nls ~/.ssh 2> /dev/null || echo still inside\n");
    let policy = scene.policy(RULE);
    let words = [tool.to_str().unwrap(), "x"];
    let run = scene.job(&["--policy", policy.to_str().unwrap()], &words).start();
    let question = scene.question();
    assert!(question["evidence"].to_string().contains("inside the same boundary"), "{question}");
    scene.answer("approve", &question, &[]).ended(0);
    run.end().ended(0).printed("still inside\n");
    scene.verifies();
}

fn suspends_and_goes_on(scene: &Scene) {
    inside(scene, |screen| {
        approved(screen, scene, r#"env sh -c 'echo be""gun; exec cat'"#);
        screen.shows("begun");
        screen.line("one");
        screen.until("its echo", |text| text.matches("one").count() >= 2);
        screen.keys(&["C-z"]);
        screen.shows("Stopped");
        screen.line("echo between $((1 + 1))");
        screen.shows("between 2");
        screen.line("jobs");
        screen.line("fg");
        screen.line("two");
        screen.until("its echo", |text| text.matches("two").count() >= 2);
        // once more, and with the person's own shell in between
        screen.keys(&["C-z"]);
        screen.until("Stopped again", |text| text.matches("Stopped").count() >= 2);
        screen.line("fg");
        screen.line("three");
        screen.until("its echo", |text| text.matches("three").count() >= 2);
        screen.keys(&["C-d"]);
        screen.until("prompt", |text| text.trim_end().ends_with("inside>"));
        screen.line("echo rc $?");
        screen.shows("rc 0");
        screen.line("exit 3");
        screen.ended(3);
    });
}

fn sees_the_window(scene: &Scene) {
    if !program::has("stty") {
        return skip("stty is not installed");
    }
    inside(scene, |screen| {
        let text = "env bash -c 'trap \"stty size\" WINCH; stty size; for n in $(seq 100); do sleep 0.1; done'";
        approved(screen, scene, text);
        screen.shows("24 80");
        screen.resize(101, 31);
        screen.until("new size", |text| text.contains("31 101") || text.contains("30 101"));
        screen.keys(&["C-c"]);
    });
}

fn a_pipeline_keeps_its_keys(scene: &Scene) {
    inside(scene, |screen| {
        approved(screen, scene, r#"env sh -c 'echo be""gun; exec sleep 300' | cat; echo "rc ${PIPESTATUS[0]}""#);
        screen.shows("begun");
        screen.keys(&["C-c"]);
        screen.until("prompt", |text| text.trim_end().ends_with("inside>"));
        screen.line("echo still $((40 + 2))");
        screen.shows("still 42");
        screen.line("exit 3");
        screen.ended(3);
    });
}
