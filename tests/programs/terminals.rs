//! Full-screen programs, sizes, Ctrl-C, Ctrl-Z and `fg`.

use tollgate_tests::{Scene, cases, program, skip};

use tollgate_tests::screen::Screen;

cases! { everywhere: interrupts suspends_and_goes_on shell_with_job_control put_back_after_a_kill }
cases! { both: under_a_harness_profile editor pager process_list window_size terminal_that_goes_away }

fn with(scene: &Scene, name: &str, play: impl Fn(&Screen<'_>)) {
    if !program::has(name) {
        return skip(&format!("{name} is not installed"));
    }
    if let Some(screen) = Screen::open(scene) {
        play(&screen);
    }
}

/// Whether a process with such a command line runs.
fn runs(scene: &Scene, pattern: &str) -> bool {
    let mut command = scene.command("pgrep");
    command.args(["-f", pattern]);
    tollgate_tests::Job::new(command).end().status.success()
}

/// A command that no other test runs at the same time.
fn sleep() -> String {
    format!("sleep 300.{}", std::process::id())
}

fn editor(scene: &Scene) {
    with(scene, "vim", |screen| {
        screen.run("vim -u NONE -N file");
        screen.shows("~\n~");
        screen.keys(&["i", "hello from inside", "Escape"]);
        screen.resize(60, 15);
        screen.line(":wq");
        screen.ended(0);
        let text = std::fs::read_to_string(scene.workspace.join("file")).unwrap();
        assert_eq!(text, "hello from inside\n");
    });
}

/// There the terminal can be opened by its name (`/dev/tty`), since clients draw on it.
fn under_a_harness_profile(scene: &Scene) {
    with(scene, "vim", |screen| {
        let under = |command: &str| screen.run_under("claude-code", command);
        under("sh -c 'echo by name > /dev/tty; exit 4'");
        screen.shows("by name");
        screen.ended(4);
        under("vim -u NONE -N file");
        screen.shows("~\n~");
        screen.keys(&["i", "written here", "Escape"]);
        screen.line(":wq");
        screen.ended(0);
        assert_eq!(std::fs::read_to_string(scene.workspace.join("file")).unwrap(), "written here\n");
        under("cat");
        std::thread::sleep(std::time::Duration::from_millis(1500));
        screen.keys(&["C-z"]);
        screen.shows("Stopped");
        screen.line("fg");
        screen.line("echo-of-this");
        screen.until("its echo", |text| text.matches("echo-of-this").count() >= 2);
        screen.keys(&["C-c"]);
        screen.ended(130);
    });
}

fn pager(scene: &Scene) {
    with(scene, "less", |screen| {
        scene.file(scene.workspace.join("long"), (0..500).map(|n| format!("line {n}")).collect::<Vec<_>>().join("\n"));
        screen.run("less long");
        screen.shows("line 5");
        screen.keys(&["G"]);
        screen.shows("line 499");
        screen.keys(&["q"]);
        screen.ended(0);
    });
}

fn process_list(scene: &Scene) {
    with(scene, "top", |screen| {
        screen.run("top -d 1");
        screen.shows("PID");
        screen.keys(&["q"]);
        screen.ended(0);
    });
}

fn window_size(scene: &Scene) {
    with(scene, "stty", |screen| {
        screen.run("bash -c 'trap \"stty size\" WINCH; stty size; for n in $(seq 100); do sleep 0.1; done'");
        screen.shows("24 80");
        screen.resize(101, 31);
        screen.until("new size", |text| text.contains("31 101") || text.contains("30 101"));
        screen.keys(&["C-c"]);
    });
}

fn interrupts(scene: &Scene) {
    with(scene, "sleep", |screen| {
        let sleep = sleep();
        screen.run(&sleep);
        screen.until("sleep", |_| runs(scene, &format!("^{sleep}")));
        screen.keys(&["C-c"]);
        screen.ended(130);
    });
}

/// A shell that is no help: it leaves the terminal as it finds it.
fn put_back_after_a_kill(scene: &Scene) {
    with(scene, "stty", |screen| {
        let (sleep, tollgate) = (sleep(), scene.tollgate());
        // the guard may take a moment
        let wait = "for i in 1 2 3 4 5 6 7 8 9; do stty -a | grep -q \" icanon\" && break; sleep 1; done";
        screen.line(&format!("sh -c '{} run -- {sleep}; {wait}; stty -a; echo ov\"\"er'", tollgate.display()));
        screen.until("sleep", |_| runs(scene, &format!("^{sleep}")));
        let mut kill = scene.command("pkill");
        kill.args(["-KILL", "-o", "-f", &format!("^{} run -- {sleep}", tollgate.display())]);
        tollgate_tests::Job::new(kill).end().ended(0);
        screen.shows("over");
        let text = screen.text();
        assert!(text.contains(" icanon") && text.contains(" echo "), "the terminal is still raw:\n{text}");
    });
}

fn suspends_and_goes_on(scene: &Scene) {
    with(scene, "cat", |screen| {
        // What is typed before it runs is echoed twice as well.
        screen.run("sh -c 'echo be\"\"gun; exec cat'");
        screen.shows("begun");
        screen.line("one");
        screen.until("its echo", |text| text.matches("one").count() >= 2);
        screen.keys(&["C-z"]);
        screen.shows("Stopped");
        screen.line("echo between");
        screen.shows("between");
        screen.line("fg");
        screen.line("two");
        screen.until("its echo", |text| text.matches("two").count() >= 2);
        screen.keys(&["C-d"]);
        screen.ended(0);
    });
}

fn shell_with_job_control(scene: &Scene) {
    with(scene, "bash", |screen| {
        screen.run("/bin/bash --norc --noprofile -i");
        std::thread::sleep(std::time::Duration::from_millis(800));
        screen.line("PS1='inside> '");
        screen.shows("inside>");
        assert!(!screen.text().contains("no job control"), "{}", screen.text());
        let sleep = sleep();
        screen.line(&sleep);
        screen.until("sleep", |_| runs(scene, &format!("^{sleep}")));
        screen.keys(&["C-z"]);
        screen.shows("Stopped");
        screen.line("bg");
        screen.line("jobs");
        screen.shows("Running");
        screen.line("fg");
        screen.until("the job's line", |text| text.lines().any(|line| line.trim() == sleep));
        std::thread::sleep(std::time::Duration::from_millis(300));
        screen.keys(&["C-c"]);
        screen.line("echo still $((40 + 2))");
        screen.shows("still 42");
        screen.line("exit 3");
        screen.ended(3);
    });
}

fn terminal_that_goes_away(scene: &Scene) {
    let marker = format!("86398.{}", std::process::id());
    with(scene, "sleep", |screen| {
        screen.run(&format!("bash -c 'touch begun; sleep {marker} & sleep {marker}'"));
        screen.until("beginning", |_| scene.workspace.join("begun").exists());
    });
    // The screen is closed; whatever hung on it is gone soon.
    let begun = std::time::Instant::now();
    loop {
        if !runs(scene, &format!("^sleep {marker}")) {
            break;
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "the command outlives its terminal");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    if scene.state.exists() {
        scene.verifies();
    }
}
