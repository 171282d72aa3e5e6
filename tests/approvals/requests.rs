//! `tollgate request`: what an agent asks for itself, from inside; what a yes opens, and what nothing inside can do.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use tollgate_tests::{Job, Scene, cases};

use crate::{RULES, open, records};

// Without a mount namespace: in it, the scene's own folders are not to be seen from inside.
mod paths {
    tollgate_tests::cases!(@one UserWithoutNamespaces asked_for_and_written super::a_path_is_asked_for_and_written);
    tollgate_tests::cases!(@one RootWithoutNamespaces asked_for_and_written_by_root super::a_path_is_asked_for_and_written);
    tollgate_tests::cases!(@one UserWithoutNamespaces a_no_opens_nothing super::a_no_opens_nothing);
}
cases! { everywhere: a_host_is_asked_for_and_reached a_command_is_asked_for too_many_are_told_to_wait nobody_there_is_told
nothing_inside_answers nothing_inside_another_run_answers a_rules_no_is_not_asked }

/// A run of this text, with the folder outside shown read-only; `$T` is the program, `$OUT` the folder.
fn job(scene: &Scene, options: &[&str], text: &str) -> Job {
    let outside = scene.outside.to_str().unwrap();
    let text = format!("T={}; OUT={outside}\n{text}", scene.tollgate().display());
    scene.job(&[&["--read", outside], options].concat(), &["bash", "-c", &text])
}

fn a_path_is_asked_for_and_written(scene: &Scene) {
    let text = "echo early > $OUT/new; $T request path $OUT/new --reason 'the task says so'; echo rc=$?
                echo hello > $OUT/new; cat $OUT/new; echo again > $OUT/new; echo other > $OUT/other; echo over";
    let running = job(scene, &[], text).start();
    let question = scene.question();
    assert!(question["action"].to_string().contains("/new"), "{question}");
    let last = question["evidence"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["kind"], &last["text"]), (&"says".into(), &"the task says so".into()), "{question}");
    assert!(!scene.outside.join("new").exists());
    let shown = scene.verb(&["approvals", "show", question["id"].as_str().unwrap()]).end();
    assert!(shown.out.contains("agent says"), "{shown}");
    scene.answer("approve", &question, &[]).ended(0);
    let outcome = running.end();
    outcome.ended(0).printed("granted: go on\nrc=0\nhello\nover\n");
    outcome.told("tollgate: refused").told(&format!("request path {}", scene.outside.join("new").display()));
    assert_eq!(std::fs::read_to_string(scene.outside.join("new")).unwrap(), "hello\n", "once is once");
    assert!(!scene.outside.join("other").exists());
    let decided = records(scene, "decided");
    assert_eq!(decided.iter().filter(|one| one["decision"]["decider"] == "grant").count(), 1, "{decided:?}");
    scene.verifies();
}

fn a_no_opens_nothing(scene: &Scene) {
    let text = "$T request path $OUT/new; echo rc=$?; echo hello > $OUT/new; echo rc=$?";
    let running = job(scene, &[], text).start();
    let question = scene.question();
    scene.answer("deny", &question, &["--reason", "not there"]).ended(0);
    let outcome = running.end();
    outcome.told("not there");
    assert!(!outcome.out.contains("rc=0") && !outcome.out.contains("granted"), "{outcome}");
    assert!(!scene.outside.join("new").exists());
}

fn a_host_is_asked_for_and_reached(scene: &Scene) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"welcome\n").unwrap();
        // until it has read
        stream.read_to_end(&mut Vec::new()).ok();
    });
    let text = format!(
        "(exec 3<>/dev/tcp/127.0.0.1/{port}) && echo EARLY
         $T request host 127.0.0.1:{port} --reason db; echo rc=$?
         exec 3<>/dev/tcp/127.0.0.1/{port}; read -r line <&3; echo \"$line\""
    );
    let running = job(scene, &[], &text).start();
    let question = scene.question();
    assert!(question["action"].to_string().contains(&port.to_string()), "{question}");
    scene.answer("approve", &question, &["--scope", "run"]).ended(0);
    let outcome = running.end();
    outcome.printed("granted: go on\nrc=0\nwelcome\n").told(&format!("request host 127.0.0.1:{port}"));
    served.join().unwrap();
}

fn a_command_is_asked_for(scene: &Scene) {
    let policy = scene.policy(RULES);
    let running =
        job(scene, &["--policy", policy.to_str().unwrap()], "$T request command -- factor 6; echo rc=$?").start();
    let question = scene.question();
    assert!(question["action"].to_string().contains("factor"), "{question}");
    scene.answer("approve", &question, &[]).ended(0);
    running.end().printed("6: 2 3\nrc=0\n");
    assert_eq!(scene.events("decided"), 1);
}

/// A run's budget of open questions: what comes on top is refused at once, and the agent told to hold back.
fn too_many_are_told_to_wait(scene: &Scene) {
    let policy = scene.policy("[approvals]\nopen = 2\n");
    let text = "for i in 1 2; do $T request path $OUT/$i >/dev/null & done
                until test -e go; do sleep 0.1; done; $T request path $OUT/3; echo rc=$?; touch done; wait";
    let running = job(scene, &["--policy", policy.to_str().unwrap()], text).start();
    let questions = open(scene, 2);
    scene.file(scene.workspace.join("go"), "");
    let begun = std::time::Instant::now();
    while !scene.workspace.join("done").exists() {
        assert!(begun.elapsed() < std::time::Duration::from_secs(30), "the third one waits");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(scene.questions().len(), 2);
    for question in &questions {
        scene.answer("deny", question, &[]).ended(0);
    }
    let outcome = running.end();
    outcome.told("too many questions of this run are open").told("wait until some are answered");
    assert!(!outcome.out.contains("rc=0"), "{outcome}");
}

fn nobody_there_is_told(scene: &Scene) {
    let outcome = job(scene, &["--ci"], "$T request path $OUT/new; echo rc=$?").end();
    outcome.told("tollgate: refused");
    assert!(!outcome.out.contains("rc=0"), "{outcome}");
    assert!(!outcome.err.contains("to ask the person now"), "there is nobody: {outcome}");
}

fn nothing_inside_answers(scene: &Scene) {
    let text = "$T request path $OUT/new & until test -e go; do sleep 0.1; done
                for verb in list 'show ID' 'approve ID' 'deny ID' grants 'revoke ID'; do
                    $T approvals ${verb/ID/$(cat go)} && echo ANSWERED
                done
                $T request answer $(cat go) && echo ANSWERED; $T request approve $(cat go) && echo ANSWERED
                timeout 3 $T watch </dev/null && echo ANSWERED; timeout 3 $T web --listen 127.0.0.1:0 && echo ANSWERED; wait";
    let running = job(scene, &[], text).start();
    let question = scene.question();
    scene.file(scene.workspace.join("go"), question["id"].as_str().unwrap());
    let begun = std::time::Instant::now();
    while records(scene, "denied").is_empty() {
        assert!(begun.elapsed() < std::time::Duration::from_secs(30), "nothing was tried");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    scene.answer("deny", &question, &[]).ended(0);
    let outcome = running.end();
    assert!(!outcome.out.contains("ANSWERED") && !outcome.out.contains("granted"), "{outcome}");
    let decided = records(scene, "decided");
    assert_eq!(decided.len(), 1, "{decided:?}");
    assert_eq!(decided[0]["decision"]["outcome"], "denied");
}

/// A second agent of the same person, in a run of its own, that knows the question and where answers are taken.
fn nothing_inside_another_run_answers(scene: &Scene) {
    let policy = scene.policy(RULES);
    let running = job(scene, &["--policy", policy.to_str().unwrap()], "factor 6; echo rc=$?").start();
    let question = scene.question();
    let (id, digest) = (question["id"].as_str().unwrap(), question["digest"].as_str().unwrap());
    let text = format!(
        "S={state}; $T approvals approve {id} --digest {digest} && echo ANSWERED
         $T approvals list --json | grep -q {id} && echo LISTED; cat $S/run/* $S/*/*token* && echo READ
         for s in $S/run/*.sock $S/*/*.sock $S/run/{run}.sock; do python3 - $s <<'P'
import json, socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print('CONNECTED')
s.sendall((json.dumps({{'version': 1, 'token': '0' * 64, 'ask': 'list'}}) + '\\n').encode()); print(s.recv(99999))
P
         done; echo over",
        state = scene.state.display(),
        run = question["run"].as_str().unwrap(),
    );
    let other = job(scene, &["--read", scene.tollgate().parent().unwrap().to_str().unwrap()], &text).end();
    for word in ["ANSWERED", "LISTED", "READ", "CONNECTED", id] {
        assert!(!other.out.contains(word), "{word}: {other}");
    }
    assert!(other.out.contains("over"), "{other}");
    assert_eq!(scene.questions().len(), 1, "it was answered from another run");
    scene.answer("deny", &question, &[]).ended(0);
    assert!(!running.end().out.contains("rc=0"));
    let decided = records(scene, "decided");
    let human = decided.iter().filter(|one| one["decision"]["decider"] == "human").count();
    assert_eq!(human, 1, "{decided:?}");
}

fn a_rules_no_is_not_asked(scene: &Scene) {
    let policy = scene.policy(&format!(
        "[[path]]\neffect = \"deny\"\naccess = [\"write\"]\npaths = [\"{0}/**\"]\nbecause = \"kept\"\nmatches = [\"{0}/x\"]\n",
        scene.outside.display()
    ));
    let outcome = job(scene, &["--policy", policy.to_str().unwrap()], "$T request path $OUT/new; echo rc=$?").end();
    outcome.told("kept");
    assert!(!outcome.out.contains("rc=0"), "{outcome}");
    assert_eq!(scene.events("asked"), 0);
}
