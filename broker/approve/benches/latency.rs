//! What people never wait for: a decision by a rule and by a grant (p99 below 50 µs), a question's way to a channel (below
//! 50 ms), an answer's way back. Criterion has the means; the percentiles are printed before, as it doesn't know them.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "a benchmark")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use tollgate_approve::Queue;
use tollgate_policy::action::{Action, Connect, Exec, Form, Image, Target};
use tollgate_policy::path::AbsPath;
use tollgate_policy::question::{Answer, Approval, Question, Scope, Seen};
use tollgate_policy::raw::Raw;
use tollgate_policy::{Document, Grants, Layer, Place, Policy, Subject, parse};
use tollgate_wire::ask::Asker as _;
use tollgate_wire::client::{Client, Reaction};

fn abs(text: &str) -> AbsPath {
    AbsPath::new(text).unwrap()
}

/// The default set of shipped profiles.
fn policy() -> Policy {
    let mut all: BTreeMap<String, Document> = BTreeMap::new();
    let mut wanted = vec!["workspace".to_owned()];
    while let Some(name) = wanted.pop() {
        let file = format!("{}/../../profiles/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let document = parse(&format!("profile:{name}"), &std::fs::read_to_string(file).unwrap()).unwrap();
        wanted.extend(document.extends.iter().map(|r| r.name.to_string()));
        all.insert(name, document.without_examples());
    }
    let lookup = |name: &str| all.get(name).cloned();
    let (home, workspace) = (abs("/home/me"), abs("/home/me/w"));
    let place = Place { home, workspace, temp: abs("/tmp/run"), state: abs("/state"), variables: BTreeMap::new() };
    Policy::assemble(vec![(Layer::BuiltIn, lookup("workspace").unwrap())], &lookup, &place).unwrap()
}

fn exec(words: &[&str]) -> Action {
    let executable = Some(abs(&format!("/usr/bin/{}", words[0])));
    let image = Image { executable, form: Form::Native, writable: false, sha256: None };
    let argv = words.iter().map(|word| Raw::from(*word)).collect();
    Action::Exec(Exec { given: Raw::from(words[0]), image, argv, cwd: abs("/home/me/w") })
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// Times `count` calls and prints how long they took.
fn percentiles(name: &str, count: usize, mut call: impl FnMut(usize) -> Duration) {
    let mut times: Vec<Duration> = (0..count).map(&mut call).collect();
    times.sort_unstable();
    let at = |share: usize| times[(count * share / 1000).min(count - 1)];
    println!("{name}: p50 {:?}, p99 {:?}, p99.9 {:?}, n {count}", at(500), at(990), at(999));
}

fn timed(call: impl FnOnce()) -> Duration {
    let began = Instant::now();
    call();
    began.elapsed()
}

/// A run, named as runs are. (Not the empty name: comparing nothing with nothing takes a quarter of a microsecond on
/// processors whose `memcmp` reads masked: the address that stands for nothing is no memory.)
const RUN: &str = "k3f9x2ab";

fn subject() -> Subject {
    Subject { run: RUN.to_owned(), ..Subject::default() }
}

/// A hundred grants of a run, the last of which covers the push.
fn grants(policy: &Policy, push: &Action) -> Grants {
    let mut grants = Grants::default();
    let digest = policy.digest();
    for number in 0..100 {
        let action = if number == 99 {
            push.clone()
        } else {
            Action::Connect(Connect { target: Target::Name(format!("h{number}.example")), port: 443 })
        };
        let verdict = policy.judge(&Subject::default(), &action, &Grants::default(), 0);
        let id = format!("r-{number}");
        let mut question = Question { deadline: i64::MAX, ..Question::new(&id, RUN, action, verdict) };
        question.seal(&digest);
        let approval = Approval {
            question: id,
            digest: question.digest.clone(),
            answer: Answer::Approve(Scope::Run),
            by: "ann".into(),
            channel: "cli".into(),
            reason: String::new(),
            seen: Seen::default(),
        };
        grants.add(policy.grant(&question, &approval, 0).unwrap().unwrap());
    }
    grants
}

fn decisions(c: &mut Criterion) {
    let (policy, subject, none) = (policy(), subject(), Grants::default());
    let push = exec(&["git", "push", "origin", "main"]);
    let cases = [
        ("rule: git push", push.clone()),
        ("rule: cc", exec(&["cc", "-O2", "-c", "src/main.c", "-o", "target/main.o"])),
        ("rule: name", Action::Connect(Connect { target: Target::Name("index.crates.io".into()), port: 443 })),
    ];
    for (name, action) in &cases {
        percentiles(name, 100_000, |_| timed(|| drop(black_box(policy.judge(&subject, black_box(action), &none, 0)))));
        c.bench_function(name, |b| b.iter(|| policy.judge(&subject, black_box(action), &none, 0)));
    }
    let (grants, digest) = (grants(&policy, &push), policy.digest());
    let drafted = || {
        let verdict = policy.judge(&subject, black_box(&push), &none, 0);
        let mut question = Question { deadline: i64::MAX, ..Question::new("r-200", RUN, push.clone(), verdict) };
        question.seal(&digest);
        question
    };
    let question = drafted();
    let by_grant = || assert!(policy.answered(&subject, &question, &grants, 0).is_some(), "no grant covers it");
    c.bench_function("a question drafted and sealed", |b| b.iter(drafted));
    percentiles("grant, one of 100", 100_000, |_| timed(by_grant));
    c.bench_function("grant, one of 100", |b| b.iter(by_grant));
}

fn question(number: usize) -> Question {
    let policy_free = exec(&["git", "push", "origin", &format!("b{number}")]);
    let reason = tollgate_policy::verdict::Reason { file: "p".into(), line: 1, because: "x".into() };
    let effect = tollgate_policy::verdict::Effect::Ask;
    let verdict = tollgate_policy::verdict::Verdict { effect, reason, class: None, profile: None };
    let id = format!("r-{number}");
    Question { asked_at: now(), deadline: now() + 600_000, ..Question::new(&id, "r", policy_free, verdict) }
}

/// From the gate's call to a channel that waits for news, and from an answer to the gate's wake-up.
fn channel(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run");
    let mut queue = Queue::new("r", folder.clone(), Box::new(|_, _| Ok(()))).unwrap();
    queue.raise(question(0)).unwrap();
    let client = Client::connect(&folder.join("r.sock")).unwrap();
    let mut number = 0;
    let mut there_and_back = |queue: &mut Queue, client: &Client| {
        number += 1;
        let (change, _) = client.wait(0).unwrap();
        let asked = question(number);
        let (to, seen) = std::thread::scope(|scope| {
            let waits = scope.spawn(|| {
                let (_, questions) = client.wait(change).unwrap();
                (Instant::now(), questions.into_iter().find(|one| one.id == asked.id))
            });
            // so that it waits before there is news
            std::thread::sleep(Duration::from_millis(2));
            let began = Instant::now();
            queue.raise(asked.clone()).unwrap();
            let (at, seen) = waits.join().unwrap();
            (at.saturating_duration_since(began), seen)
        });
        let seen = seen.unwrap();
        let began = Instant::now();
        let (reason, seen_how) = ("", Seen::default());
        let (question, digest, answer) = (&*seen.id, &*seen.digest, Answer::Approve(Scope::Once));
        client.answer(Reaction { question, digest, answer, channel: "cli", reason, seen: seen_how }).unwrap();
        assert_eq!(queue.take().len(), 1);
        (to, began.elapsed())
    };
    percentiles("question to a channel that waits", 500, |_| there_and_back(&mut queue, &client).0);
    percentiles("answer to the gate", 500, |_| there_and_back(&mut queue, &client).1);
    c.bench_function("question to a channel that waits", |b| {
        b.iter_custom(|times| (0..times).map(|_| there_and_back(&mut queue, &client).0).sum());
    });
    listed(c, dir.path());
}

/// 1,000 questions that wait in 100 runs, as a channel lists them.
fn listed(c: &mut Criterion, folder: &Path) {
    let folder = folder.join("many");
    let mut queues: Vec<Queue> = Vec::new();
    for run in 0..100 {
        let name = format!("r{run}");
        let mut queue = Queue::new(&name, folder.clone(), Box::new(|_, _| Ok(()))).unwrap();
        (0..10).for_each(|number| queue.raise(question(run * 10 + number)).unwrap());
        queues.push(queue);
    }
    let list = || {
        let of = |run| Client::connect(&folder.join(format!("r{run}.sock"))).unwrap().questions().unwrap().len();
        assert_eq!((0..100).map(of).sum::<usize>(), 1000);
    };
    c.bench_function("1,000 questions of 100 runs, listed", |b| b.iter(list));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2));
    targets = decisions, channel
}
criterion_main!(benches);
