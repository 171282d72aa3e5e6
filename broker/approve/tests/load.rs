//! Many questions: 1,000 from 100 runs, listed, answered and drained; 10,000 of one. None is lost, none is answered twice.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use tollgate_approve::Queue;
use tollgate_policy::action::{Action, Connect, Target};
use tollgate_policy::question::{Answer, Question, Scope, Seen};
use tollgate_policy::verdict::{Effect, Reason, Verdict};
use tollgate_wire::ask::{Asker as _, Ended};
use tollgate_wire::client::{Client, ClientFault, Reaction};

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

fn question(run: &str, number: usize) -> Question {
    let action = Action::Connect(Connect { target: Target::Name(format!("h{number}.example")), port: 443 });
    let reason = Reason { file: "p".into(), line: 1, because: "x".into() };
    let verdict = Verdict { effect: Effect::Ask, reason, class: None, profile: None };
    let id = format!("{run}-{number}");
    Question { asked_at: now(), deadline: now() + 600_000, ..Question::new(&id, run, action, verdict) }
}

fn queue(run: &str, folder: &Path) -> Queue {
    Queue::new(run, folder.to_owned(), Box::new(|_, _| Ok(()))).unwrap()
}

fn give(client: &Client, question: &Question, answer: Answer) -> Result<(), ClientFault> {
    let reaction = Reaction {
        question: &question.id,
        digest: &question.digest,
        answer,
        channel: "cli",
        reason: "",
        seen: Seen::default(),
    };
    client.answer(reaction).map(drop)
}

/// What ended, by question.
fn ends(queue: &mut Queue) -> BTreeMap<String, Vec<Ended>> {
    let mut ends: BTreeMap<String, Vec<Ended>> = BTreeMap::new();
    for ended in queue.take() {
        let id = match &ended {
            Ended::Answered(approval) => approval.question.clone(),
            Ended::Expired { question } | Ended::Reviewed { question, .. } => question.clone(),
            Ended::Ready(question) => question.id.clone(),
        };
        ends.entry(id).or_default().push(ended);
    }
    ends
}

#[test]
fn a_thousand_questions_of_a_hundred_runs_are_drained() {
    const RUNS: usize = 100;
    const EACH: usize = 10;
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run");
    let mut queues: Vec<Queue> = (0..RUNS).map(|run| queue(&format!("r{run}"), &folder)).collect();
    for (run, queue) in queues.iter_mut().enumerate() {
        for number in 0..EACH {
            queue.raise(question(&format!("r{run}"), number)).unwrap();
        }
    }
    let socket = |run: usize| folder.join(format!("r{run}.sock"));
    let listed: Vec<Question> =
        (0..RUNS).flat_map(|run| Client::connect(&socket(run)).unwrap().questions().unwrap()).collect();
    assert_eq!(listed.len(), RUNS * EACH);
    let taken = AtomicUsize::new(0);
    // each question is answered by two people, one of them with no
    std::thread::scope(|scope| {
        for person in 0..4 {
            let (listed, taken, socket) = (&listed, &taken, &socket);
            scope.spawn(move || {
                for (at, question) in listed.iter().enumerate().filter(|(at, _)| at % 2 == person % 2) {
                    let client = Client::connect(&socket(at / EACH)).unwrap();
                    let answer = if person < 2 { Answer::Approve(Scope::Once) } else { Answer::Deny };
                    match give(&client, question, answer) {
                        Ok(()) => {
                            taken.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(ClientFault::Refused(why)) => assert!(why.contains("was already answered by"), "{why}"),
                        Err(fault) => panic!("{fault}"),
                    }
                }
            });
        }
    });
    assert_eq!(taken.into_inner(), RUNS * EACH);
    for (run, queue) in queues.iter_mut().enumerate() {
        let ends = ends(queue);
        assert_eq!(ends.len(), EACH, "run {run}");
        assert!(ends.values().all(|ends| ends.len() == 1), "{ends:?}");
        assert!(Client::connect(&socket(run)).unwrap().questions().unwrap().is_empty());
    }
}

#[test]
fn a_flood_of_ten_thousand_is_bounded_and_whole() {
    const FLOOD: usize = 10_000;
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run");
    let mut queue = queue("r", &folder);
    let raised: Vec<bool> = (0..FLOOD).map(|number| queue.raise(question("r", number)).is_ok()).collect();
    let waiting = raised.iter().filter(|raised| **raised).count();
    let client = Client::connect(&folder.join("r.sock")).unwrap();
    let listed = client.questions().unwrap();
    assert_eq!(listed.len(), waiting, "what was taken is listed, what was not was refused at once");
    for question in listed.iter().take(50) {
        give(&client, question, Answer::Deny).unwrap();
    }
    for question in &listed[50..100] {
        queue.withdraw(&question.id);
    }
    let ends = ends(&mut queue);
    assert!(ends.len() == 50 && ends.values().all(|ends| ends.len() == 1));
    assert!(give(&client, &listed[0], Answer::Approve(Scope::Once)).is_err(), "an answer counts once");
    // one more finds room where others went
    queue.raise(question("r", FLOOD)).unwrap();
}

#[test]
fn questions_of_any_size_stay_below_what_a_channel_reads() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run");
    let mut queue = queue("r", &folder);
    let large = |number| {
        let mut question = question("r", number);
        question.lineage = vec!["x".repeat(1 << 20)];
        question
    };
    let raised = (0..40).filter(|number| queue.raise(large(*number)).is_ok()).count();
    assert!((20..40).contains(&raised), "{raised}");
    queue.withdraw("r-0");
    queue.raise(large(200)).unwrap();
}
