//! Commands that run outside after approval, under the wider profile of their rule: what they get, what becomes of them
//! inside, and what can't be made of them.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tollgate_tests::scene::SECRET;
use tollgate_tests::{Job, Outcome, Scene, cases, skip};

cases! { everywhere: each_wider_profile_runs streams_and_status death_by_signal denied_runs_nothing signals_reach_it }
cases! { everywhere: wider_than_inside nothing_of_the_agents_environment swapped_file_is_refused swapped_input_is_refused nothing_of_the_workspace_is_run
killed_inside_ends_outside only_its_own_name_goes_outside what_is_protected_stays_so what_a_link_leads_to_is_held pushed_without_its_deputies options_that_name_programs settings_that_name_programs plain_forms_are_asked_about branches_that_are_others_than_shown }

/// `env` stands for any tool that needs more.
const RULE: &str = "[[command]]\neffect = \"ask\"\nprogram = [\"env\"]\nprofile = \"push\"\nbecause = \"a try\"\nmatches = [\"env x\"]\n";

/// Runs a shell's text, and gives each question that answer.
fn answered(scene: &Scene, rules: &str, (text, verb): (&str, &str)) -> Outcome {
    let policy = scene.policy(rules);
    let words = ["/bin/bash", "-c", text];
    let running = scene.job(&[Path::new("--policy"), &policy], &words).start();
    let question = scene.question();
    scene.answer(verb, &question, &[]).ended(0);
    running.end()
}

fn approved(scene: &Scene, text: &str) -> Outcome {
    answered(scene, RULE, (text, "approve"))
}

fn streams_and_status(scene: &Scene) {
    let outcome =
        approved(scene, "mkdir -p d; cd d; printf in | env sh -c 'cat; pwd; echo err >&2; exit 7'; echo \"rc $?\"");
    outcome.ended(0).printed(&format!("in{}/d\nrc 7\n", scene.workspace.display())).told("err\n");
    assert_eq!((scene.events("escalated"), scene.events("escalation_ended")), (1, 1));
    let report = scene.report();
    assert_eq!(report["actions"]["total"], 1, "{report}");
    assert_eq!(report["actions"]["escalated_allowed"], 1, "{report}");
    scene.verifies();
}

/// Whatever namespaces a wider profile asks for, and whether they are granted.
fn each_wider_profile_runs(scene: &Scene) {
    for profile in ["push", "publish", "engine", "cloud", "online"] {
        let rule = RULE.replace("\"push\"", &format!("{profile:?}"));
        let outcome = answered(scene, &rule, ("env sh -c 'echo $TMPDIR > made; cat made; rm made'", "approve"));
        outcome.ended(0);
        assert!(outcome.out.starts_with('/'), "{profile}: {outcome}");
    }
    assert_eq!((scene.events("escalated"), scene.events("refused")), (5, 0));
}

fn death_by_signal(scene: &Scene) {
    let outcome = approved(scene, "trap '' INT; env sh -c 'kill -TERM $$'; echo \"rc $?\"");
    outcome.printed("rc 143\n");
}

fn denied_runs_nothing(scene: &Scene) {
    let outcome = answered(scene, RULE, ("env touch made; echo \"rc $?\"", "deny"));
    outcome.printed("rc 126\n").told("tollgate: refused to run `env touch made`");
    assert!(!scene.workspace.join("made").exists());
    assert_eq!(scene.events("escalated"), 0);
}

fn signals_reach_it(scene: &Scene) {
    let text = "env sh -c 'trap \"echo got; exit 5\" HUP; echo ready; while :; do sleep 0.05; done' & \
                sleep 3; kill -HUP $!; wait $!; echo \"rc $?\"";
    approved(scene, text).printed("ready\ngot\nrc 5\n");
}

fn wider_than_inside(scene: &Scene) {
    let inside = scene.shell("cat ~/.ssh/id_ed25519");
    assert!(!inside.status.success());
    inside.withheld(SECRET);
    // what `push` is for, and shown on the card; a person said yes to it
    approved(scene, "env cat ~/.ssh/id_ed25519").ended(0).printed(SECRET);
    // wider, but never without a boundary
    let kept = scene.outside.join("kept");
    let outcome = approved(scene, &format!("env cat {}", kept.display()));
    assert!(!outcome.status.success(), "{outcome}");
}

fn nothing_of_the_agents_environment(scene: &Scene) {
    let text =
        "export GIT_SSH_COMMAND=evil LD_AUDIT=evil PAGER=evil EDITOR=evil AGENT=evil PATH=$PWD:$PATH; env printenv";
    let outcome = approved(scene, text);
    outcome.ended(0).withheld("evil").withheld(&format!("{}:", scene.workspace.display()));
    assert!(outcome.out.contains("HOME="), "{outcome}");
}

fn swapped_file_is_refused(scene: &Scene) {
    swapped(scene, "env cat note; echo \"rc $?\"");
}

/// As its standard input, too.
fn swapped_input_is_refused(scene: &Scene) {
    swapped(scene, "env cat < note; echo \"rc $?\"");
    let running = scene.job(&[Path::new("--policy"), &scene.policy(RULE)], &["bash", "-c", "echo x | env cat"]).start();
    let question = scene.question();
    assert!(question.to_string().contains("what comes through a pipe: it is not known"), "{question}");
    scene.answer("approve", &question, &[]).ended(0);
    running.end().ended(0).printed("x\n");
}

fn swapped(scene: &Scene, text: &str) {
    scene.file(scene.workspace.join("note"), "as approved");
    let policy = scene.policy(RULE);
    let words = ["/bin/bash", "-c", text];
    let running = scene.job(&[Path::new("--policy"), &policy], &words).start();
    let question = scene.question();
    let card = scene.verb(&["approvals", "show", question["id"].as_str().unwrap()]).end();
    assert!(card.out.contains("note\", sha256") || card.out.contains("note, sha256"), "{card}");
    fs::write(scene.workspace.join("note"), "as swapped").unwrap();
    scene.answer("approve", &question, &[]).ended(0);
    running.end().printed("rc 137\n").withheld("as swapped");
    assert_eq!((scene.events("escalated"), scene.events("tampered")), (0, 1));
}

fn nothing_of_the_workspace_is_run(scene: &Scene) {
    scene.script(scene.workspace.join("evil"), "#!/bin/sh\ntouch ran\n");
    let outcome = approved(scene, "env ./evil; echo \"rc $?\"");
    outcome.printed("rc 126\n").told("nothing is run that the sandbox can write");
    assert!(!scene.workspace.join("ran").exists());
}

/// By the name of something else a program is asked about, as its rule says, and stays inside.
fn only_its_own_name_goes_outside(scene: &Scene) {
    for text in ["exec -a env cat ~/.ssh/id_ed25519", "ln -s $(command -v cat) env; ./env ~/.ssh/id_ed25519"] {
        let outcome = approved(scene, text);
        assert!(!outcome.status.success(), "{text}: {outcome}");
        outcome.withheld(SECRET);
    }
    assert_eq!(scene.events("escalated"), 0);
}

/// What is never written from inside is not written by an approved command, whatever way leads there.
fn what_is_protected_stays_so(scene: &Scene) {
    scene.folder(scene.workspace.join(".claude"));
    let text = "echo evil > made; ln -s .claude way; env cp made way/settings.json; echo \"rc $?\"";
    approved(scene, text).told("tollgate: refused");
    assert!(!scene.workspace.join(".claude/settings.json").exists());
}

/// Where a link that can be changed leads is shown; what an approval for the run covers is what it led to then.
fn what_a_link_leads_to_is_held(scene: &Scene) {
    let policy = scene.policy(RULE);
    let text = "ln -s /etc/hostname note; env cat note; ln -sfn ~/.ssh/id_ed25519 note; env cat note; echo \"rc $?\"";
    let running = scene.job(&[Path::new("--policy"), &policy], &["/bin/bash", "-c", text]).start();
    let question = scene.question();
    let card = scene.verb(&["approvals", "show", question["id"].as_str().unwrap()]).end();
    assert!(card.out.contains("note: /etc/hostname"), "{card}");
    scene.answer("approve", &question, &["--scope", "run"]).ended(0);
    let question = scene.question();
    let card = scene.verb(&["approvals", "show", question["id"].as_str().unwrap()]).end();
    assert!(card.out.contains(".ssh/id_ed25519"), "{card}");
    scene.answer("deny", &question, &[]).ended(0);
    running.end().withheld(SECRET).told("tollgate: refused");
}

fn killed_inside_ends_outside(scene: &Scene) {
    let marker = format!("{}", 100_000 + std::process::id());
    let text = format!("env sleep {marker} & sleep 3; kill -9 $!; wait $!; echo \"rc $?\"; sleep 0.5");
    approved(scene, &text).printed("rc 137\n");
    let left = Command::new("pgrep").args(["-f", &format!("sleep {marker}")]).output().unwrap();
    assert!(left.stdout.is_empty(), "{}", String::from_utf8_lossy(&left.stdout));
}

/// A daemon of git's on an address that no other test has, and its end.
struct Daemon(Child, String);

impl Daemon {
    fn start(scene: &Scene) -> Self {
        let address = format!("127.{}.{}.9", scene.setting.uid().as_raw() % 200 + 1, std::process::id() % 250);
        let base = format!("--base-path={}", scene.outside.display());
        let mut command = scene.command("git");
        command.args(["daemon", "--reuseaddr", "--export-all", "--enable=receive-pack", &base]);
        command.args([&format!("--listen={address}"), scene.outside.to_str().unwrap()]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(500));
        Self(child, address)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // `git daemon` starts another program
        killpg(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), Signal::SIGKILL).ok();
        self.0.wait().ok();
    }
}

/// What would be pushed is copied before anybody is asked, and is the same when it starts; that it was another in between
/// does nothing.
fn branches_that_are_others_than_shown(scene: &Scene) {
    let text = format!(
        "set -e; cd {}; for r in a b; do git init -q -b main $r; cd $r; git config user.name u
         git config user.email u@example.com; git remote add origin git://127.0.0.1:1/r.git
         git commit -q --allow-empty -m one; cd ..; done; ln -s a link",
        scene.workspace.display(),
    );
    let mut command = scene.command("/bin/bash");
    command.args(["-c", &text]);
    Job::new(command).end().ended(0);
    let [branch, link] = ["a/.git/refs/heads/main", "link"].map(|name| scene.workspace.join(name));
    let pushed = fs::read(&branch).unwrap();
    let lead = |to: &str| {
        fs::remove_file(&link).unwrap();
        symlink(to, &link).unwrap();
    };
    let push = |change: &dyn Fn()| {
        let words = ["/bin/bash", "-c", "git -C link push origin main; echo \"rc $?\""];
        let running = scene.job::<&str, _>(&[], &words).start();
        let question = scene.question();
        let card = scene.verb(&["approvals", "show", question["id"].as_str().unwrap()]).end();
        assert!(card.out.contains("one") && !card.out.contains("not known: commits"), "{card}");
        change();
        scene.answer("approve", &question, &[]).ended(0);
        running.end()
    };
    push(&|| fs::write(&branch, "0123456789012345678901234567890123456789\n").unwrap()).printed("rc 137\n");
    fs::write(&branch, &pushed).unwrap();
    push(&|| lead("b")).printed("rc 137\n");
    lead("a");
    assert_eq!((scene.events("escalated"), scene.events("tampered")), (0, 2));
    // nobody is there
    let moved = || {
        lead("b");
        lead("a");
        fs::write(&branch, &pushed).unwrap();
    };
    push(&moved).printed("rc 128\n");
    assert_eq!((scene.events("escalated"), scene.events("tampered")), (1, 2));
}

fn pushed_without_its_deputies(scene: &Scene) {
    let mut daemon = Daemon::start(scene);
    if daemon.0.try_wait().unwrap().is_some() {
        return skip("git has no daemon here");
    }
    let text = format!(
        "set -e; cd {workspace}; git init -q --bare {outside}/r.git; git init -q -b main .
         git config user.name u; git config user.email u@example.com; git remote add origin git://{address}/r.git
         echo one > file; git add file; git commit -qm one
         printf '#!/bin/sh\\ntouch {workspace}/hook\\n' > .git/hooks/pre-push; chmod +x .git/hooks/pre-push
         git config core.fsmonitor 'touch {workspace}/fsmonitor; false'; git config core.gitProxy 'touch {workspace}/proxy'",
        workspace = scene.workspace.display(),
        outside = scene.outside.display(),
        address = daemon.1,
    );
    let mut command = scene.command("/bin/bash");
    command.args(["-c", &text]);
    Job::new(command).end().ended(0);
    let rules =
        format!("[[net]]\neffect = \"allow\"\nnames = [\"{}\"]\nports = [9418]\nbecause = \"the test's\"\n", daemon.1);
    let outcome = answered(scene, &rules, ("git push origin main && git log --format=%s origin/main", "approve"));
    outcome.ended(0);
    assert!(outcome.out.contains("one"), "{outcome}");
    for deputy in ["hook", "proxy"] {
        assert!(!scene.workspace.join(deputy).exists(), "{deputy}");
    }
    let mut command = scene.command("git");
    command.args([
        "-c",
        "safe.directory=*",
        "-C",
        scene.outside.join("r.git").to_str().unwrap(),
        "log",
        "--format=%s",
        "main",
    ]);
    Job::new(command).end().ended(0).printed("one\n");
}

fn options_that_name_programs(scene: &Scene) {
    let mut command = scene.command("git");
    command.args(["init", "-q", "."]);
    Job::new(command).end().ended(0);
    for text in [
        "git push --receive-pack=x o",
        "git push --exec=x o",
        "git -c core.sshCommand=x push o",
        "git send-email x",
        "git push ext::x",
        "ssh build.example -F cfg uptime",
        "ssh -P -F cfg build.example uptime",
        "ssh -p 22 -- build.example -oProxyCommand=x uptime",
        "scp -P 22 file x@-oProxyCommand=y:z",
        "rsync -e ssh -l --rsync-path=-l file 'x@-oProxyCommand=sh e.sh:b'",
        "rsync -e ssh --files-from=- / host:b",
        "/usr/bin/python3 -m twine upload file",
        "npm publish --no-ignore-scripts",
        "npm publish --userconf=rc",
    ] {
        let program = text.split(' ').next().unwrap();
        if !Path::new("/usr/bin").join(program).exists() {
            continue;
        }
        let outcome = scene.shell(text);
        assert!(!outcome.status.success(), "{outcome}");
        outcome.told("tollgate: refused to run");
    }
    assert_eq!(scene.events("asked"), 0);
}

/// What a tool reads unasked where it is started, and would start something by.
fn settings_that_name_programs(scene: &Scene) {
    let mut command = scene.command("/bin/bash");
    let text = "git init -q . && git config credential.helper '!touch ran; echo username=u; echo password=p; :'";
    command.args(["-c", text]);
    Job::new(command).end().ended(0);
    let asks = "printf 'protocol=https\nhost=example.com\n\n' | git credential fill; echo \"rc $?\"";
    answered(scene, "", (asks, "approve")).printed("rc 128\n");
    assert_eq!(scene.events("escalated"), 1);
    assert!(!scene.workspace.join("ran").exists());
}

fn plain_forms_are_asked_about(scene: &Scene) {
    scene.file(scene.workspace.join("package.json"), "{\"name\": \"x\", \"publishConfig\": {\"access\": \"public\"}}");
    scene.file(scene.workspace.join(".npmrc"), "audit=false\n");
    for text in [
        "ssh me@127.0.0.1 uptime -F",
        "scp package.json 127.0.0.1:",
        "rsync -avz --delete -e ssh src 127.0.0.1:dst",
        "npm publish --access public",
        "kubectl get pods -n x -ojson",
        "kubectl apply -f package.json",
        "docker compose up -d",
        "gh pr create --fill",
        "/usr/bin/python3 -m pip install x",
    ] {
        if Path::new("/usr/bin").join(text.split(' ').next().unwrap()).exists() {
            answered(scene, "", (text, "deny")).told("refused to run");
        }
    }
}
