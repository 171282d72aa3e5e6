//! A queue and its desk, with real sockets, threads and processes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tollgate_policy::question::{Answer, Scope, Seen};
use tollgate_wire::client::{Client, ClientFault, Reaction, Taken};
use tollgate_wire::frame::{self, Bounds};
use tollgate_wire::message::{Ask, Reply, Request, VERSION};

use crate::book::tests::question;

fn queue(folder: &Path) -> Queue {
    Queue::new("r", folder.to_owned(), Box::new(|_, _| Ok(()))).unwrap()
}

fn soon(id: &str) -> Question {
    let now = Now::read().wall;
    Question { asked_at: now, ..question(id, now + 60_000) }
}

fn yes<'a>(id: &'a str, digest: &'a str) -> Reaction<'a> {
    Reaction {
        question: id,
        digest,
        answer: Answer::Approve(Scope::Once),
        channel: "cli",
        reason: "fine",
        seen: Seen::default(),
    }
}

fn wakes_within(queue: &Queue, wait: u16) -> bool {
    let mut fds = [PollFd::new(queue.wakes().unwrap(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::from(wait)).unwrap() == 1
}

fn refusal(outcome: Result<Taken, ClientFault>) -> String {
    outcome.unwrap_err().to_string()
}

#[test]
fn nothing_is_made_before_the_first_question() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run");
    let mut queue = queue(&folder);
    assert!(!wakes_within(&queue, 0));
    assert!(queue.take().is_empty());
    assert!(!folder.exists());
    queue.raise(soon("r-1")).unwrap();
    assert!(folder.join("r.sock").exists());
    drop(queue);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

/// The answer itself may be what ends the run, and its program: who gave it is told before.
#[test]
fn a_run_that_ends_has_told_who_answered() {
    let dir = tempfile::tempdir().unwrap();
    for at in 0..300 {
        let folder = dir.path().join(at.to_string());
        let mut queue = queue(&folder);
        queue.raise(soon("r-1")).unwrap();
        let stream = UnixStream::connect(folder.join("r.sock")).unwrap();
        let token = std::fs::read_to_string(folder.join("r.token")).unwrap();
        let ask = Ask::Answer {
            question: "r-1".into(),
            digest: "digest of r-1".into(),
            answer: Answer::Approve(Scope::Once),
            channel: "cli".into(),
            reason: String::new(),
            seen: Seen::default(),
        };
        let until = Instant::now() + Duration::from_secs(5);
        frame::write(&stream, &Request { version: VERSION, token, ask }, until).unwrap();
        assert!(wakes_within(&queue, 5000));
        drop(queue);
        let mut replies = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut replies, PollTimeout::ZERO).unwrap(), 1, "the reply came after the end");
    }
}

#[test]
fn an_answer_wakes_the_gate() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run");
    let mut queue = queue(&folder);
    let asked = soon("r-1");
    queue.raise(asked.clone()).unwrap();
    let client = Client::connect(&folder.join("r.sock")).unwrap();
    assert_eq!(client.questions().unwrap(), [asked]);
    assert!(!wakes_within(&queue, 0));
    client.answer(yes("r-1", "digest of r-1")).unwrap();
    assert!(wakes_within(&queue, 1000));
    let ended = queue.take();
    let Some(Ended::Answered(approval)) = ended.first() else { unreachable!("{ended:?}") };
    assert_eq!((approval.channel.as_str(), approval.reason.as_str()), ("cli", "fine"));
    assert!(approval.by.contains("uid "), "{}", approval.by);
    assert!(!wakes_within(&queue, 0));
    let second = refusal(client.answer(yes("r-1", "digest of r-1")));
    assert_eq!(second, format!("question `r-1` was already answered by {}", approval.by));
    assert!(queue.take().is_empty());
}

#[test]
fn of_many_answers_at_once_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run");
    let mut queue = queue(&folder);
    queue.raise(soon("r-1")).unwrap();
    let socket = folder.join("r.sock");
    let taken = std::thread::scope(|scope| {
        let answer = || Client::connect(&socket).unwrap().answer(yes("r-1", "digest of r-1")).is_ok();
        let threads: Vec<_> = (0..12).map(|_| scope.spawn(answer)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|taken| *taken).count()
    });
    assert_eq!(taken, 1);
    assert_eq!(queue.take().len(), 1);
}

#[test]
fn silence_expires() {
    let dir = tempfile::tempdir().unwrap();
    let mut queue = queue(&dir.path().join("run"));
    let now = Now::read().wall;
    queue.raise(question("r-1", now + 60_000)).unwrap();
    queue.raise(question("r-2", now + 150)).unwrap();
    let began = Instant::now();
    assert!(wakes_within(&queue, 5000));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(queue.take(), [Ended::Expired { question: "r-2".into() }]);
}

#[test]
fn who_does_not_know_the_token_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run");
    let mut queue = queue(&folder);
    queue.raise(soon("r-1")).unwrap();
    let ask = |line: &[u8]| {
        use std::io::Write as _;
        let mut stream = UnixStream::connect(folder.join("r.sock")).unwrap();
        // Who is refused before the whole line was read sees a broken pipe, and the reply.
        stream.write_all(line).ok();
        let bounds = Bounds::within(1 << 20, Duration::from_secs(5));
        match frame::read::<Reply>(&stream, bounds).unwrap() {
            Reply::Refused(why) => why,
            Reply::Questions(questions) => format!("Questions({questions:?})"),
            Reply::Taken
            | Reply::Test
            | Reply::News { .. }
            | Reply::Question(_)
            | Reply::Grants(_)
            | Reply::Counted { .. } => "another reply".to_owned(),
        }
    };
    let request = |token: &str| {
        let request = Request { version: VERSION, token: token.into(), ask: Ask::List };
        let mut line = serde_json::to_vec(&request).unwrap();
        line.push(b'\n');
        line
    };
    let token = std::fs::read_to_string(folder.join("r.token")).unwrap();
    assert!(ask(&request(&token)).starts_with("Questions"));
    let wrong = "this is not the run's answer token";
    for bad in ["", "x", &token.replace(|_: char| true, "0"), &token[..63]] {
        assert_eq!(ask(&request(bad)), wrong);
    }
    assert_eq!(ask(b"{\"version\":2,\"new\":1}\n"), "this run speaks version 1 of the protocol");
    assert_eq!(ask(b"{\"version\":1}\n"), "the request has not the expected form");
    assert_eq!(ask(b"GET / HTTP/1.1\n"), "the request is no JSON");
    assert_eq!(ask(&vec![b'x'; 2 << 20]), "the message is longer than 1048576 bytes");
}

/// A connection carries one answer, in one whole line: what is cut off is none, what follows is not looked at.
#[test]
fn only_one_whole_line_is_an_answer() {
    use std::io::{Read as _, Write as _};
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run");
    let mut queue = queue(&folder);
    for id in ["r-1", "r-2"] {
        queue.raise(soon(id)).unwrap();
    }
    let token = std::fs::read_to_string(folder.join("r.token")).unwrap();
    let line = |id: &str| {
        let answer = Ask::Answer {
            question: id.into(),
            digest: format!("digest of {id}"),
            answer: Answer::Approve(Scope::Once),
            channel: "cli".into(),
            reason: String::new(),
            seen: Seen::default(),
        };
        serde_json::to_vec(&Request { version: VERSION, token: token.clone(), ask: answer }).unwrap()
    };
    let said = |bytes: &[u8]| {
        let mut stream = UnixStream::connect(folder.join("r.sock")).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).ok();
        reply
    };
    let whole = line("r-1");
    for cut in [1, whole.len() / 2, whole.len() - 1, whole.len()] {
        assert!(said(&whole[..cut]).contains("closed in the middle"), "{cut} bytes");
    }
    assert!(queue.take().is_empty(), "a line that was cut off answered");
    let two = [&whole[..], b"\n", &line("r-2"), b"\n"].concat();
    assert!(said(&two).contains("taken"));
    let ended = queue.take();
    assert!(matches!(&ended[..], [Ended::Answered(approval)] if approval.question == "r-1"), "{ended:?}");
    // and once more, as it went over the wire
    assert!(said(&[&whole[..], b"\n"].concat()).contains("already answered"));
    assert!(queue.take().is_empty());
}

/// Not a test by itself: what the next one starts, to be a process beneath the supervisor.
#[test]
fn beneath() {
    let Some(socket) = std::env::var_os("TOLLGATE_TEST_SOCKET") else {
        return;
    };
    let said = match Client::connect(Path::new(&socket)).unwrap().answer(yes("r-1", "digest of r-1")) {
        Ok(_) => "taken".to_owned(),
        Err(fault) => fault.to_string(),
    };
    std::fs::write(std::env::var_os("TOLLGATE_TEST_SAID").unwrap(), said).unwrap();
}

#[test]
fn a_process_beneath_the_supervisor_cannot_answer() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run");
    let said = dir.path().join("said");
    let mut queue = queue(&folder);
    queue.raise(soon("r-1")).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "queue::tests::beneath"])
        .env("TOLLGATE_TEST_SOCKET", folder.join("r.sock"))
        .env("TOLLGATE_TEST_SAID", &said)
        .output()
        .unwrap();
    assert!(child.status.success(), "{child:?}");
    assert_eq!(std::fs::read_to_string(&said).unwrap(), "a process inside a boundary can't answer questions");
    assert!(queue.take().is_empty());
}

#[test]
fn idle_connections_do_not_keep_others_out_for_long() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run");
    let mut queue = queue(&folder);
    queue.raise(soon("r-1")).unwrap();
    let idle: Vec<_> = (0..40).map(|_| UnixStream::connect(folder.join("r.sock")).unwrap()).collect();
    // The seats are taken: the connections beyond them were closed, and a new one is too.
    std::thread::sleep(Duration::from_millis(200));
    let client = Client::connect(&folder.join("r.sock")).unwrap();
    assert!(client.questions().is_err());
    drop(idle);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(client.questions().unwrap().len(), 1);
}

#[test]
fn a_folder_that_cannot_be_trusted_means_nobody_is_asked() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    let refused = queue(&folder).raise(soon("r-1")).unwrap_err();
    assert!(refused.0.starts_with("nobody can be asked: the folder `"), "{refused}");
    assert!(refused.0.ends_with("is open to others (mode 0777)"), "{refused}");
}
