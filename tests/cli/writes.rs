//! Writes outside the roots that are asked about: what was written is shown, and what was shown is what is put in place.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tollgate_tests::job::Running;
use tollgate_tests::{Job, Scene, cases, skip};

cases! { everywhere: handles_on_paths content_is_shown_and_put denied_is_told_at_the_close semaphores_are_the_runs_own }
cases! { both: killed_writers_are_asked_about_too changed_meanwhile unchanged_is_no_question hidden_content_stays_hidden
unattended_writes_fail_at_once removals_are_asked replacements_show_both_sides for_the_rest_of_the_run
one_change_for_the_run_is_no_other requested_for_the_run configurations_of_git_by_their_content }

/// A folder of the person's that is the same inside as outside; `kept` in it holds "kept".
struct Place(TempDir);

impl Place {
    fn lay(scene: &Scene) -> Option<Self> {
        let Some(folder) = ["/srv", "/opt"].iter().find_map(|above| TempDir::with_prefix_in("tollgate-", above).ok())
        else {
            skip("no folder can be made in /srv or /opt");
            return None;
        };
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        scene.folder(folder.path());
        scene.file(folder.path().join("kept"), "kept");
        Some(Self(folder))
    }

    fn kept(&self) -> PathBuf {
        self.0.path().join("kept")
    }

    fn content(&self) -> String {
        fs::read_to_string(self.kept()).unwrap()
    }
}

/// A run that may read the folder, and is asked about what it writes there.
fn job(scene: &Scene, place: &Place, options: &[&str], words: &[&str]) -> Job {
    let policy = scene.policy("[defaults]\npath = \"ask\"\n");
    let (policy, outside) = (policy.to_str().unwrap().to_owned(), place.0.path().to_str().unwrap().to_owned());
    let mut all = vec!["--policy", &policy, "--read", &outside];
    all.extend(options);
    scene.job(&all, words)
}

fn shell(scene: &Scene, place: &Place, text: &str) -> Running {
    let text = text.replace("OUT", place.0.path().to_str().unwrap());
    job(scene, place, &[], &["bash", "-c", &text]).start()
}

/// The section of a kind.
fn section<'a>(question: &'a Value, kind: &str) -> &'a Value {
    let all = question["evidence"].as_array().unwrap();
    all.iter().find(|section| section["kind"] == kind).unwrap_or(&Value::Null)
}

fn content_is_shown_and_put(scene: &Scene) {
    let Some(place) = Place::lay(scene) else { return };
    scene.file(place.kept(), "one\ntwo\n");
    let running = shell(
        scene,
        &place,
        "printf 'one\\nTWO\\n' > OUT/kept; cat OUT/kept; echo x >> OUT/fresh; stat -c %a OUT/fresh",
    );
    let question = scene.question();
    assert_eq!(section(&question, "diff")["text"], "@@ -1,2 +1,2 @@\n one\n-two\n+TWO", "{question}");
    assert_eq!(place.content(), "one\ntwo\n", "it was written before the answer");
    scene.answer("approve", &question, &[]).ended(0);
    let question = scene.question();
    assert_eq!(section(&question, "file")["would"], "create", "{question}");
    assert!(!place.0.path().join("fresh").exists());
    scene.answer("approve", &question, &[]).ended(0);
    running.end().ended(0).printed("one\nTWO\n644\n");
    assert_eq!(place.content(), "one\nTWO\n");
    assert_eq!(fs::read_to_string(place.0.path().join("fresh")).unwrap(), "x\n");
    scene.verifies();
}

fn denied_is_told_at_the_close(scene: &Scene) {
    let Some(place) = Place::lay(scene) else { return };
    let running =
        shell(scene, &place, "echo other > theirs; cp theirs OUT/kept; echo $?; cp theirs OUT/kept || echo again");
    let question = scene.question();
    assert!(section(&question, "diff")["text"].as_str().unwrap().contains("+other"), "{question}");
    scene.answer("deny", &question, &["--reason", "not there"]).ended(0);
    // the second try is no second question
    running.end().printed("1\nagain\n").told("tollgate: refused to write").told("not there");
    assert_eq!(place.content(), "kept");
    assert_eq!(scene.events("asked"), 1);
}

fn killed_writers_are_asked_about_too(scene: &Scene) {
    let Some(place) = Place::lay(scene) else { return };
    let running = shell(scene, &place, "(exec 5> OUT/kept; echo late >&5; kill -9 $BASHPID); echo went on");
    let question = scene.question();
    assert!(section(&question, "diff")["text"].as_str().unwrap().contains("+late"), "{question}");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(place.content(), "kept");
    scene.answer("approve", &question, &[]).ended(0);
    running.end().ended(0).printed("went on\n");
    assert_eq!(place.content(), "late\n");
}

fn changed_meanwhile(scene: &Scene) {
    let Some(place) = Place::lay(scene) else { return };
    let running = shell(scene, &place, "echo ours > ours; cp ours OUT/kept");
    let question = scene.question();
    scene.file(place.kept(), "somebody else's");
    scene.answer("approve", &question, &[]).ended(0);
    running.end().ended(1).told("changed meanwhile");
    assert_eq!(place.content(), "somebody else's");
}

fn unchanged_is_no_question(scene: &Scene) {
    let Some(place) = Place::lay(scene) else { return };
    shell(scene, &place, "printf kept > OUT/kept && : >> OUT/kept").end().ended(0);
    assert_eq!((place.content().as_str(), scene.events("asked")), ("kept", 0));
}

fn hidden_content_stays_hidden(scene: &Scene) {
    let Some(place) = Place::lay(scene) else { return };
    let policy = scene.policy("[defaults]\npath = \"ask\"\n");
    let script = format!("exec 5>>{}; cat <&5; cat /proc/self/fd/5; echo more >&5", place.kept().display());
    let running = scene.job(&["--policy", policy.to_str().unwrap()], &["bash", "-c", &script]).start();
    let question = scene.question();
    assert!(section(&question, "diff")["text"].as_str().unwrap().contains("+keptmore"), "{question}");
    scene.answer("approve", &question, &[]).ended(0);
    let outcome = running.end();
    assert!(!outcome.out.contains("kept"), "{outcome}");
    assert_eq!(place.content(), "keptmore\n");
}

fn unattended_writes_fail_at_once(scene: &Scene) {
    let Some(place) = Place::lay(scene) else { return };
    let target = place.kept();
    let outcome = job(scene, &place, &["--ci"], &["cp", "/etc/passwd", target.to_str().unwrap()]).end();
    outcome.told("tollgate: refused to write");
    assert!(!outcome.status.success() && outcome.took < Duration::from_secs(5), "{outcome}");
    assert_eq!(place.content(), "kept");
}

fn semaphores_are_the_runs_own(scene: &Scene) {
    let program = scene.compile("cli/shared.c", scene.workspace.join("shared"), &[]);
    let name = format!("/tollgate-test-{}", std::process::id());
    let words = [program.to_str().unwrap(), &name];
    scene.run(&words).ended(0).printed("7\n");
    // one of the user's own stays as it is
    let theirs = scene.file(format!("/dev/shm/sem.{}", name.trim_start_matches('/')), "theirs");
    let outcome = scene.run(&words);
    let left = fs::read_to_string(&theirs).unwrap();
    fs::remove_file(theirs).unwrap();
    outcome.ended(0).printed("7\n");
    assert_eq!(left, "theirs");
}

fn removals_are_asked(scene: &Scene) {
    let Some(place) = Place::lay(scene) else { return };
    let running = shell(scene, &place, "rm OUT/kept");
    let question = scene.question();
    assert_eq!(section(&question, "file")["would"], "remove it", "{question}");
    assert_eq!(section(&question, "diff")["text"], "@@ -1 +0,0 @@\n-kept\n\\ No newline at end of file", "{question}");
    assert!(question.to_string().contains("can bring it back"), "{question}");
    assert!(place.kept().exists());
    scene.answer("approve", &question, &[]).ended(0);
    running.end().ended(0);
    assert!(!place.kept().exists());
}

fn replacements_show_both_sides(scene: &Scene) {
    let Some(place) = Place::lay(scene) else { return };
    scene.file(place.0.path().join("other"), "other\n");
    let running = shell(scene, &place, "mv -f OUT/other OUT/kept");
    let mut shown = String::new();
    // first as what leaves its place, then as what comes to another
    for _ in 0..2 {
        let question = scene.question();
        assert_eq!(
            section(&question, "diff")["text"].as_str().unwrap().lines().next(),
            Some("@@ -1 +1 @@"),
            "{question}"
        );
        shown += &question.to_string();
        scene.answer("approve", &question, &[]).ended(0);
    }
    running.end().ended(0);
    assert_eq!(place.content(), "other\n");
    for words in ["+other", "-kept", "/other (a file, 6 bytes", "/kept (a file, 4 bytes", "can bring it back"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

fn for_the_rest_of_the_run(scene: &Scene) {
    let Some(place) = Place::lay(scene) else { return };
    let running = shell(scene, &place, "echo one > OUT/kept; echo two > OUT/kept; echo three >> OUT/kept; rm OUT/kept");
    let question = scene.question();
    assert!(question.to_string().contains("whatever is written there"), "{question}");
    scene.answer("approve", &question, &["--scope", "run"]).ended(0);
    // all that is written there, and not its removal
    let question = scene.question();
    assert_eq!(section(&question, "file")["would"], "remove it", "{question}");
    assert_eq!(place.content(), "two\nthree\n");
    scene.answer("deny", &question, &[]).ended(0);
    running.end().ended(1);
    assert_eq!((place.content().as_str(), scene.events("decided")), ("two\nthree\n", 4));
    scene.verifies();
}

fn one_change_for_the_run_is_no_other(scene: &Scene) {
    let Some(place) = Place::lay(scene) else { return };
    let running = shell(scene, &place, "chmod 600 OUT/kept; chmod 600 OUT/kept; chmod 640 OUT/kept");
    let question = scene.question();
    scene.answer("approve", &question, &["--scope", "run"]).ended(0);
    let question = scene.question();
    assert_eq!(section(&question, "file")["would"], "set its mode to 640", "{question}");
    scene.answer("deny", &question, &[]).ended(0);
    running.end().ended(1);
    assert_eq!(fs::metadata(place.kept()).unwrap().permissions().mode() & 0o777, 0o600);
}

fn requested_for_the_run(scene: &Scene) {
    let Some(place) = Place::lay(scene) else { return };
    fs::copy(scene.tollgate(), scene.workspace.join("tollgate")).unwrap();
    let text = "./tollgate request path OUT/kept && echo one > OUT/kept && echo two > OUT/kept";
    let running = shell(scene, &place, text);
    let question = scene.question();
    scene.answer("approve", &question, &["--scope", "run"]).ended(0);
    running.end().ended(0);
    assert_eq!(place.content(), "two\n");
}

/// A handle that opens nothing is made of whatever a root covers, and of nothing else; and leads nowhere else.
fn handles_on_paths(scene: &Scene) {
    scene.folder(scene.workspace.join("sub"));
    scene.file(scene.workspace.join("sub/file"), "content");
    let secret = scene.file(scene.home.join("secret"), "no");
    let text = "import os, sys
for flags in (0, os.O_DIRECTORY, os.O_NOFOLLOW | os.O_CLOEXEC):
    at = os.open('sub', os.O_PATH | flags)
    assert os.readlink(f'/proc/self/fd/{at}') == os.getcwd() + '/sub'
    assert os.read(os.open('file', os.O_RDONLY, dir_fd=at), 9) == b'content'
    os.close(os.open('..', os.O_PATH | flags, dir_fd=at))
    os.fchdir(at)
    os.chdir('..')
try:
    os.open('sub/file', os.O_PATH | os.O_DIRECTORY)
    sys.exit(2)
except NotADirectoryError:
    pass
try:
    os.open(sys.argv[1], os.O_PATH)
    sys.exit(3)
except OSError:
    pass
";
    scene.run(&["/usr/bin/python3", "-c", text, secret.to_str().unwrap()]).ended(0);
}

/// Tools that write a repository's configuration in place, as some clients do in their temp directory.
fn configurations_of_git_by_their_content(scene: &Scene) {
    for place in ["$TMPDIR/bare", "bare"] {
        let text = format!(
            "mkdir -p {place}/objects {place}/refs; printf '[core]\\n\\tbare = true\\n\\tfsync = none\\n[index]\\n\\tskipHash = true\\n' > \
             {place}/config && git config -f {place}/config core.bare"
        );
        scene.shell(&text).ended(0).printed("true\n");
    }
    assert_eq!(scene.events("asked"), 0);
    let text = "cp -r bare other; printf '[core]\\n\\tfsmonitor = /bin/evil\\n' >> other/config; git config -f other/config core.fsmonitor";
    let outcome = scene.shell(text);
    outcome.told("tollgate: refused to write");
    assert!(!outcome.out.contains("evil"), "{outcome}");
    let written = fs::read_to_string(scene.workspace.join("other/config")).unwrap();
    assert!(!written.contains("evil"), "{written}");
    scene.verifies();
}
