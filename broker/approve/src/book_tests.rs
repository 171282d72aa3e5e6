//! What becomes of questions, on a clock that the test holds.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use tollgate_policy::action::{Action, Exec, Form, Image};
use tollgate_policy::path::AbsPath;
use tollgate_policy::question::{Answer, Scope};
use tollgate_policy::raw::Raw;
use tollgate_policy::verdict::{Effect, Reason, Verdict};

/// A question of `git push origin main`, asked at 0 of the wall clock.
pub(crate) fn question(id: &str, deadline: i64) -> Question {
    let exec = Exec {
        given: "/usr/bin/git".into(),
        image: Image {
            executable: AbsPath::new("/usr/bin/git").ok(),
            form: Form::Native,
            writable: false,
            sha256: None,
        },
        argv: ["git", "push", "origin", "main"].map(Raw::from).to_vec(),
        cwd: AbsPath::root(),
    };
    let reason = Reason { file: "policy.toml".into(), line: 3, because: "publishing".into() };
    let verdict = Verdict { effect: Effect::Ask, reason, class: None, profile: None };
    let mut question = Question::new(id, "r", Action::Exec(exec), verdict);
    question.offers.lasting = true;
    Question { digest: format!("digest of {id}"), deadline, ..question }
}

pub(crate) fn approval(id: &str, answer: Answer) -> Approval {
    Approval {
        question: id.into(),
        digest: format!("digest of {id}"),
        answer,
        by: "ann (uid 1000)".into(),
        channel: "cli".into(),
        reason: String::new(),
        seen: Seen::default(),
    }
}

fn at(start: Instant, wall: i64, mono: u64) -> Now {
    Now { wall, mono: start + Duration::from_millis(mono) }
}

fn told(outcome: Result<Taken, Declined>) -> String {
    match outcome {
        Ok(Taken::Closed) => "taken".into(),
        Ok(Taken::Test) => "a test".into(),
        Ok(Taken::Counted(missing)) => format!("{missing} more"),
        Err(declined) => declined.to_string(),
    }
}

fn put(book: &mut Book, question: Question, now: Now) -> String {
    book.put(question, now).map_or_else(|declined| declined.to_string(), |()| "put".into())
}

#[test]
fn the_first_answer_wins_and_the_second_is_told() {
    let now = Now { wall: 0, mono: Instant::now() };
    let mut book = Book::new(Box::new(|_, _| Ok(())));
    book.put(question("r-1", 1000), now).unwrap();
    assert_eq!(told(book.answer(approval("r-1", Answer::Deny), now)), "taken");
    let second = approval("r-1", Answer::Approve(Scope::Once));
    assert_eq!(told(book.answer(second, now)), "question `r-1` was already answered by ann (uid 1000)");
    let seen = Seen { opened: Some(false), ..Seen::default() };
    assert_eq!(book.take(), [Ended::Answered(Approval { seen, ..approval("r-1", Answer::Deny) })]);
    assert!(book.take().is_empty());
    assert!(book.list(now).is_empty());
}

#[test]
fn an_answer_is_bound_to_what_was_shown() {
    let now = Now { wall: 0, mono: Instant::now() };
    let mut book = Book::new(Box::new(|_, _| Ok(())));
    book.put(question("r-1", 1000), now).unwrap();
    let stale = Approval { digest: "another".into(), ..approval("r-1", Answer::Approve(Scope::Once)) };
    assert_eq!(told(book.answer(stale, now)), "the question is another one than was shown: look at it again");
    assert_eq!(told(book.answer(approval("r-2", Answer::Deny), now)), "there is no question `r-2`");
    assert_eq!(book.list(now).len(), 1);
    assert!(!book.has_ended());
}

#[test]
fn whichever_clock_reaches_the_deadline_first_closes() {
    // wall, monotonic, expired
    let table = [
        (999, 999, false),
        (1000, 0, true),
        (0, 1000, true),
        (-5_000_000, 999, false),
        (-5_000_000, 1000, true),
        (5_000_000, 1, true),
    ];
    for (wall, mono, expired) in table {
        let start = Instant::now();
        let mut book = Book::new(Box::new(|_, _| Ok(())));
        book.put(question("r-1", 1000), at(start, 0, 0)).unwrap();
        let now = at(start, wall, mono);
        assert_eq!(book.list(now).is_empty(), expired, "{wall} {mono}");
        let said = told(book.answer(approval("r-1", Answer::Approve(Scope::Once)), now));
        assert_eq!(said, if expired { "question `r-1` has expired" } else { "taken" }, "{wall} {mono}");
        let late = Ended::Expired { question: "r-1".into() };
        assert_eq!(book.take().contains(&late), expired, "{wall} {mono}");
    }
}

#[test]
fn a_deadline_in_the_past_or_far_away_is_harmless() {
    let start = Instant::now();
    for deadline in [i64::MIN, -1, 0] {
        let mut book = Book::new(Box::new(|_, _| Ok(())));
        book.put(question("r-1", deadline), at(start, 0, 0)).unwrap();
        assert_eq!(book.rest(at(start, 0, 0)), Some(Duration::ZERO));
        book.expire(at(start, 0, 0));
        assert!(book.has_ended());
    }
    let mut book = Book::new(Box::new(|_, _| Ok(())));
    book.put(question("r-1", i64::MAX), at(start, 0, 0)).unwrap();
    assert_eq!(book.rest(at(start, 0, 0)), Some(Duration::from_hours(24)));
}

#[test]
fn a_withdrawn_question_takes_no_answer() {
    let now = Now { wall: 0, mono: Instant::now() };
    let mut book = Book::new(Box::new(|_, _| Ok(())));
    book.put(question("r-1", 1000), now).unwrap();
    book.withdraw("r-1");
    book.withdraw("r-1");
    let said = told(book.answer(approval("r-1", Answer::Deny), now));
    assert_eq!(said, "question `r-1` was withdrawn: the process that asked is gone");
    assert!(book.take().is_empty());
    assert_eq!(book.rest(now), None);
}

#[test]
fn ids_are_not_used_twice_and_the_list_is_bounded() {
    let now = Now { wall: 0, mono: Instant::now() };
    let mut book = Book::new(Box::new(|_, _| Ok(())));
    book.put(question("r-1", 1000), now).unwrap();
    assert_eq!(put(&mut book, question("r-1", 1000), now), "question `r-1` was put twice");
    book.withdraw("r-1");
    assert_eq!(put(&mut book, question("r-1", 1000), now), "question `r-1` was put twice");
    let big = |id: &str| Question { lineage: vec!["x".repeat(10 << 20)], ..question(id, 1000) };
    for id in ["r-2", "r-3", "r-4"] {
        book.put(big(id), now).unwrap();
    }
    assert_eq!(put(&mut book, big("r-5"), now), "too many questions are open in this run");
}

#[test]
fn what_policy_forbids_is_not_taken() {
    let now = Now { wall: 0, mono: Instant::now() };
    let mut book = Book::new(Box::new(|_, approval| match approval.answer {
        Answer::Approve(Scope::Prefix(_)) => Err("never for shells".into()),
        Answer::Approve(_) | Answer::Deny | Answer::DenyRun | Answer::StopRun => Ok(()),
    }));
    book.put(question("r-1", 1000), now).unwrap();
    let wide = Answer::Approve(Scope::Prefix(vec!["git".into(), "push".into()]));
    assert_eq!(told(book.answer(approval("r-1", wide), now)), "never for shells");
    let other = Answer::Approve(Scope::Prefix(vec!["git".into(), "pull".into()]));
    assert_eq!(told(book.answer(approval("r-1", other), now)), "the command does not start with `git pull`");
    assert_eq!(told(book.answer(approval("r-1", Answer::Approve(Scope::Run)), now)), "taken");
}

#[test]
fn two_people_have_to_agree_where_two_are_needed() {
    let now = Now { wall: 0, mono: Instant::now() };
    let mut book = Book::new(Box::new(|_, _| Ok(())));
    let mut asked = question("r-1", 1000);
    asked.approvers.needed = 2;
    book.put(asked, now).unwrap();
    let yes = |by: &str| Approval { by: by.into(), ..approval("r-1", Answer::Approve(Scope::Once)) };
    let wide = approval("r-1", Answer::Approve(Scope::Run));
    assert_eq!(told(book.answer(wide, now)), "where two people have to agree, it can be approved for once only");
    assert_eq!(told(book.answer(yes("ann"), now)), "1 more");
    assert!(!book.has_ended());
    assert_eq!(told(book.answer(yes("ann"), now)), "ann has agreed already: somebody else has to agree, too");
    assert_eq!(book.list(now).first().unwrap().approvers.given.len(), 1);
    assert_eq!(told(book.answer(yes("bob"), now)), "taken");
    assert!(matches!(book.take().as_slice(), [Ended::Answered(_)]));
}

#[test]
fn one_no_of_two_is_a_no() {
    let now = Now { wall: 0, mono: Instant::now() };
    let mut book = Book::new(Box::new(|_, _| Ok(())));
    let mut asked = question("r-1", 1000);
    asked.approvers.needed = 2;
    book.put(asked, now).unwrap();
    assert_eq!(told(book.answer(approval("r-1", Answer::Approve(Scope::Once)), now)), "1 more");
    assert_eq!(told(book.answer(approval("r-1", Answer::Deny), now)), "taken");
}

#[test]
fn what_was_opened_and_for_how_long_is_noted() {
    let start = Instant::now();
    let mut book = Book::new(Box::new(|_, _| Ok(())));
    book.put(question("r-1", 10_000), at(start, 0, 0)).unwrap();
    book.show("r-1", "ann (uid 1000)", at(start, 0, 100)).unwrap();
    book.show("r-1", "ann (uid 1000)", at(start, 0, 200)).unwrap();
    book.answer(approval("r-1", Answer::Deny), at(start, 0, 1600)).unwrap();
    let Some(Ended::Answered(answer)) = book.take().pop() else { panic!("no answer") };
    assert_eq!(answer.seen, Seen { waiting: 1, shown: Some(1500), opened: Some(true) });
}

#[test]
fn a_test_of_attention_looks_like_any_question_until_it_is_answered() {
    let now = Now { wall: 0, mono: Instant::now() };
    let mut book = Book::new(Box::new(|_, _| Ok(())));
    let test = Question { canary: true, ..question("r-1", 1000) };
    assert_eq!(put(&mut book, test, now), "put");
    assert!(!book.list(now)[0].canary);
    assert!(!book.show("r-1", "ann", now).unwrap().canary);
    assert_eq!(told(book.answer(approval("r-1", Answer::Approve(Scope::Once)), now)), "a test");
    assert_eq!(book.take().len(), 1);
}
