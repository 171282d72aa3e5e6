//! Keys and screens, without a terminal.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tollgate_policy::action::{Action, Connect, Target};
use tollgate_policy::evidence::Section;
use tollgate_policy::question::{Answer, Question, Risk, Scope};
use tollgate_policy::verdict::{Effect, Reason, Verdict};
use tollgate_wire::inbox::Look;

use crate::draw::{Colour, draw};
use crate::keys::Now;
use crate::model::{Act, Model, Place};

fn question(id: &str, name: &str, group: &str) -> Question {
    let action = Action::Connect(Connect { target: Target::Name(name.into()), port: 443 });
    let reason = Reason { file: "policy.toml".into(), line: 3, because: "not named yet".into() };
    let verdict = Verdict { effect: Effect::Ask, reason, class: Some("network".into()), profile: None };
    let mut question = Question::new(id, "r1", action, verdict);
    group.clone_into(&mut question.group);
    question.deadline = 60_000;
    question
}

fn now(begun: Instant, millis: u64) -> Now {
    Now { mono: begun + Duration::from_millis(millis), wall: i64::try_from(millis).unwrap() }
}

fn with(questions: Vec<Question>, begun: Instant) -> Model {
    let mut model = Model::new();
    model.news(Look { questions, ..Look::default() }, begun);
    model
}

fn press(model: &mut Model, keys: &str, at: Now) -> Option<Act> {
    let mut last = None;
    for c in keys.chars() {
        let code = match c {
            '\n' => KeyCode::Enter,
            '\x1b' => KeyCode::Esc,
            c => KeyCode::Char(c),
        };
        last = model.key(KeyEvent::new(code, KeyModifiers::NONE), at);
    }
    last
}

fn screen(model: &Model, (width, height): (u16, u16), at: Now) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, model, (Colour::None, at))).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let lines = buffer.content().chunks(usize::from(width));
    lines
        .map(|line| line.iter().map(ratatui::buffer::Cell::symbol).collect::<String>().trim_end().to_owned() + "\n")
        .collect()
}

fn given(act: Option<Act>) -> Vec<(String, Answer, String)> {
    match act {
        Some(Act::Give(answers)) => {
            answers.into_iter().map(|given| (given.question, given.answer, given.word)).collect()
        }
        other => panic!("no answer but {other:?}"),
    }
}

#[test]
fn a_question_is_looked_at_before_it_is_answered() {
    let begun = Instant::now();
    let mut model = with(vec![question("r1-1", "a.example", "")], begun);
    for key in ["a", "d", "y", "w"] {
        assert_eq!(press(&mut model, key, now(begun, 5)), None, "{key}");
        assert_eq!(model.place, Place::List);
    }
    assert_eq!(press(&mut model, "\n", now(begun, 10)), Some(Act::Open("r1".into(), "r1-1".into())));
    let shown = screen(&model, (80, 24), now(begun, 20));
    assert!(
        shown.contains("a.example:443") && shown.contains("not named yet") && shown.contains("a approve once"),
        "{shown}"
    );
    let answers = given(press(&mut model, "a", now(begun, 30)));
    assert_eq!(answers, [("r1-1".into(), Answer::Approve(Scope::Once), String::new())]);
}

#[test]
fn a_word_goes_with_a_denial() {
    let begun = Instant::now();
    let mut model = with(vec![question("r1-1", "a.example", "")], begun);
    let answers = given(press(&mut model, "\nwuse the mirror, q\n", now(begun, 30)));
    assert_eq!(answers, [("r1-1".into(), Answer::Deny, "use the mirror, q".into())]);
    let mut model = with(vec![question("r1-1", "a.example", "")], begun);
    assert_eq!(press(&mut model, "\nwabc\x1b", now(begun, 30)), None);
    assert_eq!(press(&mut model, "S\x1b", now(begun, 40)), None);
    assert_eq!(given(press(&mut model, "Sy", now(begun, 40))), [("r1-1".into(), Answer::StopRun, String::new())]);
}

#[test]
fn risk_takes_a_moment_and_a_name() {
    let begun = Instant::now();
    let mut risky = question("r1-1", "a.example", "g");
    risky.risk = Risk::High;
    risky.offers.confirm = "origin".into();
    risky.offers.pause = 3000;
    let mut model = with(vec![risky], begun);
    press(&mut model, "\n", now(begun, 0));
    assert_eq!(press(&mut model, "a", now(begun, 2900)), None);
    assert!(screen(&model, (80, 24), now(begun, 2900)).contains("(a in 0.1 s)"));
    assert_eq!(press(&mut model, "a", now(begun, 3000)), None);
    assert!(screen(&model, (80, 24), now(begun, 3000)).contains("To approve, type origin"));
    assert_eq!(press(&mut model, "upstream\n", now(begun, 4000)), None);
    let answers = given(press(&mut model, "aorigin\n", now(begun, 4000)));
    assert_eq!(answers, [("r1-1".into(), Answer::Approve(Scope::Once), String::new())]);
}

#[test]
fn what_was_shown_is_what_is_answered() {
    let begun = Instant::now();
    let mut model = with(vec![question("r1-1", "a.example", "")], begun);
    press(&mut model, "\n", now(begun, 0));
    model.news(Look { questions: vec![question("r1-1", "b.example", "")], ..Look::default() }, begun);
    assert_eq!(model.place, Place::List);
    assert!(screen(&model, (80, 24), now(begun, 0)).contains("has changed"));
    press(&mut model, "\n", now(begun, 0));
    model.news(Look::default(), begun);
    assert!(screen(&model, (80, 24), now(begun, 0)).contains("no longer open"));
    assert_eq!(press(&mut model, "a", now(begun, 0)), None);
}

#[test]
fn like_ones_have_a_switch_each() {
    let begun = Instant::now();
    let questions = (0..40).map(|n| question(&format!("r1-{n}"), &format!("h{n}.example"), "g")).collect();
    let mut model = with(questions, begun);
    assert!(screen(&model, (80, 24), now(begun, 0)).contains("40 x Connect to"));
    press(&mut model, "\n j ", now(begun, 0));
    let shown = screen(&model, (80, 24), now(begun, 0));
    assert!(shown.contains("[ ] Connect to h0") && shown.contains("[ ] Connect to h1"), "{shown}");
    let answers = given(press(&mut model, "a", now(begun, 0)));
    assert_eq!(answers.len(), 38);
    assert!(
        answers.iter().all(|(id, answer, _)| id != "r1-0" && id != "r1-1" && *answer == Answer::Approve(Scope::Once))
    );
}

#[test]
fn every_size_is_drawn_and_long_evidence_is_said_to_go_on() {
    let begun = Instant::now();
    let mut long = question("r1-1", "a.example", "");
    long.evidence = (0..500).map(|n| Section::note("note", format!("line {n}"))).collect();
    let mut model = with(vec![long, question("r1-2", "b.example", "")], begun);
    for place in ["", "\n", "l", "w", "\x1b"] {
        press(&mut model, place, now(begun, 0));
        for size in [(1, 1), (2, 3), (10, 4), (20, 6), (40, 12), (80, 24), (200, 60)] {
            screen(&model, size, now(begun, 0));
        }
    }
    let shown = screen(&model, (40, 12), now(begun, 0));
    assert!(shown.contains("more lines"), "{shown}");
}

#[test]
fn text_of_the_sandbox_moves_nothing() {
    let begun = Instant::now();
    let mut evil = question("r1-1", "a\u{1b}[2J\u{202e}b\u{9b}.example", "");
    evil.verdict.reason.because = "x\u{1b}]0;t\u{7}\nApproved".into();
    evil.evidence = vec![Section::note("n\u{200b}", "\u{1b}[31m\r\u{2066}")];
    let mut model = with(vec![evil], begun);
    for keys in ["", "\n"] {
        press(&mut model, keys, now(begun, 0));
        let shown = screen(&model, (80, 24), now(begun, 0));
        for c in ['\u{1b}', '\u{202e}', '\u{9b}', '\u{7}', '\r', '\u{200b}', '\u{2066}'] {
            assert!(!shown.contains(c), "{c:?} in {shown}");
        }
    }
}
