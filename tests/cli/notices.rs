//! Webhooks: what a hook on loopback gets when a run asks, that it comes again after a failure, and that nothing of it
//! delays or answers a question.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tollgate_tests::{Scene, cases};

use crate::approvals::{PUSH, has_arrived, repository};

cases! { everywhere: hooks_are_told a_dead_hook_delays_nothing wrong_files_are_said the_projects_file_is_none }

/// A hook that fails at first, then takes what comes; gives each request.
fn hook(failures: usize) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (send, requests) = channel();
    std::thread::spawn(move || {
        for (count, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let mut text = String::new();
            let mut chunk = [0; 4096];
            while !is_whole(&text) {
                match stream.read(&mut chunk) {
                    Ok(read @ 1..) => text.push_str(&String::from_utf8_lossy(&chunk[..read])),
                    _ => break,
                }
            }
            let status = if count < failures { "503 Busy" } else { "200 OK" };
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            if send.send(text).is_err() {
                return;
            }
        }
    });
    (format!("http://{address}/hook/secret-part"), requests)
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

fn write(scene: &Scene, text: &str) {
    for folder in [".config", ".config/tollgate"] {
        scene.folder(scene.home.join(folder));
    }
    scene.file(scene.home.join(".config/tollgate/notify.toml"), text);
}

fn hooks_are_told(scene: &Scene) {
    let bare = repository(scene);
    let (generic, generic_requests) = hook(1);
    let (ntfy, ntfy_requests) = hook(0);
    let (slack, slack_requests) = hook(0);
    let secret = scene.file(scene.home.join("hook-secret"), "s3cret-of-the-hook\n");
    write(
        scene,
        &format!(
            "version = 1\npage = \"http://127.0.0.1:9999\"\n[[hook]]\nurl = \"{generic}\"\nsecret_file = \"{}\"\n
             [[hook]]\nurl = \"{ntfy}\"\nkind = \"ntfy\"\ndiscreet = true\n[[hook]]\nurl = \"{slack}\"\nkind = \"slack\"\n",
            secret.display()
        ),
    );
    let running = scene.job::<&str, _>(&[], &PUSH).start();
    let question = scene.question();
    let wait = Duration::from_secs(20);
    let ntfy = ntfy_requests.recv_timeout(wait).unwrap();
    assert!(ntfy.contains("A question waits") && !ntfy.contains("git push"), "{ntfy}");
    assert!(ntfy.to_ascii_lowercase().contains("click: http://127.0.0.1:9999/q/"), "{ntfy}");
    let slack = slack_requests.recv_timeout(wait).unwrap();
    assert!(slack.contains("Publish: git push origin") && slack.contains("|Look at it>"), "{slack}");
    let first = generic_requests.recv_timeout(wait).unwrap();
    let second = generic_requests.recv_timeout(wait).unwrap();
    let json = |request: &str| -> serde_json::Value {
        serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    assert_eq!(json(&first), json(&second), "it comes again after a failure");
    assert_eq!(json(&second)["id"], question["id"]);
    assert_eq!(json(&second)["what"], "git push origin HEAD:refs/heads/main");
    assert!(second.to_ascii_lowercase().contains("tollgate-signature: t="), "{second}");
    for request in [&ntfy, &slack, &first, &second] {
        assert!(!request.contains("s3cret-of-the-hook"), "{request}");
    }
    // A notice answers nothing.
    assert!(!has_arrived(&bare));
    assert_eq!(scene.questions().len(), 1);
    scene.answer("deny", &question, &[]).ended(0);
    running.end();
}

fn a_dead_hook_delays_nothing(scene: &Scene) {
    repository(scene);
    // Accepts nobody: who connects waits.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    write(scene, &format!("version = 1\n[[hook]]\nurl = \"http://127.0.0.1:{port}/\"\n"));
    let running = scene.job::<&str, _>(&[], &PUSH).start();
    let question = scene.question();
    scene.answer("approve", &question, &[]).ended(0);
    let begun = Instant::now();
    running.end().ended(0);
    assert!(begun.elapsed() < Duration::from_secs(8), "the run waited for its notice");
    // And the sender went with it.
    std::thread::sleep(Duration::from_millis(300));
    let left = std::process::Command::new("pgrep").args(["-f", "notice-of-question"]).output().unwrap();
    let mine = String::from_utf8_lossy(&left.stdout)
        .lines()
        .filter_map(|pid| std::fs::read(format!("/proc/{pid}/environ")).ok())
        .filter(|environ| String::from_utf8_lossy(environ).contains(scene.state.to_str().unwrap()))
        .count();
    assert_eq!(mine, 0, "a sender outlived its run");
    drop(listener);
}

fn wrong_files_are_said(scene: &Scene) {
    scene.verb(&["approvals", "notify"]).end().ended(1).told("there is no notify.toml").told("hint:");
    let table = [
        ("version = 1\n[[hook]]\nurl = \"http://example.com/\"\n", "not encrypted"),
        ("version = 1\nhok = 1\n", "hok"),
        ("version = 1\n[[hook]]\nurl = \"http://127.0.0.1:1/\"\nsecret_file = \"/nonexistent\"\n", "can't read"),
    ];
    for (text, expected) in table {
        write(scene, text);
        let outcome = scene.verb(&["approvals", "notify"]).end();
        assert!(!outcome.status.success(), "{outcome}");
        outcome.told(expected);
    }
    let (url, requests) = hook(0);
    write(scene, &format!("version = 1\n[[hook]]\nurl = \"{url}\"\n"));
    scene.verb(&["approvals", "notify"]).end().ended(0).printed("1 notices arrived\n");
    assert!(requests.recv_timeout(Duration::from_secs(5)).unwrap().contains("this is a test"));
}

fn the_projects_file_is_none(scene: &Scene) {
    repository(scene);
    let (url, requests) = hook(0);
    scene.folder(scene.workspace.join(".tollgate"));
    scene.file(scene.workspace.join(".tollgate/notify.toml"), format!("version = 1\n[[hook]]\nurl = \"{url}\"\n"));
    scene.file(scene.workspace.join("notify.toml"), format!("version = 1\n[[hook]]\nurl = \"{url}\"\n"));
    let running = scene.job::<&str, _>(&[], &PUSH).start();
    let question = scene.question();
    assert!(requests.recv_timeout(Duration::from_secs(2)).is_err(), "a project's file sent something");
    scene.answer("deny", &question, &[]).ended(0);
    running.end();
}
