//! Fixture ledgers whose answers were worked out by hand; the working stands beside them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it is wrong")]

use serde_json::{Value, json};
use tollgate_ledger::record::{Decider, Decision, Event, Outcome, Record, Recorder as _, RunStarted, Told};
use tollgate_ledger::{Reader, Writer};
use tollgate_policy::action::{Action, Call};
use tollgate_policy::boundary::{Enforced, Feature};
use tollgate_policy::path::AbsPath;
use tollgate_policy::question::Question;
use tollgate_policy::raw::Raw;
use tollgate_policy::verdict::{Effect, Reason, Verdict};
use tollgate_report::{Filter, Report, Tally, render};

/// The wall clock at the beginning of every run, unless a fixture says otherwise.
const START: i64 = 1_700_000_000_000;

/// A run in the making.
struct Run {
    name: &'static str,
    began: i64,
    records: Vec<Record>,
}

/// Kinds of runs.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Attended,
    Unattended,
    /// Neither Landlock nor seccomp.
    Bare,
    /// Seccomp, but no Landlock.
    Half,
}

impl Run {
    fn new(name: &'static str, kind: Kind) -> Self {
        Self::at(name, kind, START)
    }

    fn at(name: &'static str, kind: Kind, began: i64) -> Self {
        let held = match kind {
            Kind::Attended | Kind::Unattended => [Feature::LandlockFiles, Feature::Seccomp].into(),
            Kind::Half => [Feature::Seccomp].into(),
            Kind::Bare => [].into(),
        };
        let started = RunStarted {
            name: String::new(),
            argv: vec!["agent".into()],
            cwd: path("/w"),
            workspace: path("/w"),
            uid: 1000,
            profiles: vec![],
            policy: "00".into(),
            agent: true,
            unattended: kind == Kind::Unattended,
            enforced: Enforced { landlock_abi: 0, held, gaps: vec![] },
            version: "0".into(),
            of: None,
        };
        let mut run = Self { name, began, records: vec![] };
        run.add(0, Event::RunStarted(started));
        run
    }

    /// An event `mono` milliseconds after the run's beginning.
    fn add(&mut self, mono: u64, event: Event) {
        let at = self.began + i64::try_from(mono).unwrap();
        self.records.push(Record { at, mono, run: self.name.into(), lineage: Vec::new(), event });
    }

    fn starts(&mut self, mono: u64, action: u64, argv: &str) {
        let argv = argv.split(' ').map(Raw::from).collect();
        self.add(mono, Event::ActionStarted { action, argv, cwd: path("/w"), read_only: false });
    }

    fn reads(&mut self, mono: u64, action: u64, argv: &str) {
        self.starts(mono, action, argv);
        if let Some(Record { event: Event::ActionStarted { read_only, .. }, .. }) = self.records.last_mut() {
            *read_only = true;
        }
    }

    fn refused(&mut self, mono: u64, action: u64) {
        self.add(mono, Event::Refused { action, pid: 1, what: what(), wall: "filter, EPERM".into() });
    }

    fn denied(&mut self, mono: u64, action: u64) {
        self.add(mono, Event::Denied { action, pid: 1, what: what(), verdict: verdict(Effect::Deny) });
    }

    fn asked(&mut self, mono: u64, action: u64, id: &str, effect: Effect) {
        let asked = Question::new(id, self.name, what(), verdict(effect));
        let question = Question { asked_at: START, deadline: START, ..asked };
        self.add(mono, Event::Asked { action, question });
    }

    /// The end of a question: who decided, how, and after how many milliseconds.
    fn decided(&mut self, action: u64, id: &str, (decider, outcome, waited): (Decider, Outcome, u64)) {
        let decision = Decision {
            seen: None,
            outcome,
            decider,
            by: String::new(),
            channel: String::new(),
            scope: String::new(),
            reason: String::new(),
            waited,
        };
        self.add(0, Event::Decided { action, question: id.into(), decision });
    }
}

fn path(text: &str) -> AbsPath {
    AbsPath::new(text).unwrap()
}

fn what() -> Action {
    Action::Call(Call { name: "ptrace".into() })
}

fn verdict(effect: Effect) -> Verdict {
    let reason = Reason { file: "default".into(), line: 0, because: String::new() };
    Verdict { effect, reason, class: None, profile: None }
}

fn report(runs: impl IntoIterator<Item = Run>, filter: Filter) -> Report {
    let mut tally = Tally::new(filter);
    runs.into_iter().flat_map(|r| r.records).for_each(|r| tally.take(r));
    tally.finish()
}

fn json_of(runs: impl IntoIterator<Item = Run>) -> Value {
    report(runs, Filter::default()).to_json()
}

fn near(value: &Value, want: f64) {
    let value = value.as_f64().unwrap();
    assert!((value - want).abs() < 5e-5, "{value} is not {want}");
}

/// Ten actions, one of each kind and some more.
fn mixed() -> Run {
    use {Decider as D, Outcome as O};
    let mut run = Run::new("r1", Kind::Attended);
    run.starts(10, 1, "make"); // 1: nothing happened: sandbox_ok
    run.reads(20, 2, "ls"); // 2: nothing happened, read-only: sandbox_ok
    run.reads(30, 3, "cat x"); // 3: the same: sandbox_ok
    run.starts(40, 4, "gdb"); // 4: the boundary refused: sandbox_refused
    run.refused(41, 4);
    run.starts(50, 5, "git push"); // 5: asked, a person allowed after 4 s: escalated_allowed
    run.refused(51, 5); //    (that the boundary also refused something does not matter)
    run.asked(52, 5, "q1", Effect::Ask);
    run.decided(5, "q1", (D::Human, O::Allowed, 4000));
    run.starts(60, 6, "npm publish"); // 6: two questions, a person allowed one (8 s) and denied one (1 s):
    run.asked(61, 6, "q2", Effect::Ask); //    escalated_denied
    run.decided(6, "q2", (D::Human, O::Allowed, 8000));
    run.asked(62, 6, "q3", Effect::Ask);
    run.decided(6, "q3", (D::Human, O::Denied, 1000));
    run.starts(70, 7, "curl x"); // 7: the risk table allowed, and a grant: escalated_allowed
    run.asked(71, 7, "q4", Effect::Review);
    run.decided(7, "q4", (D::Policy, O::Allowed, 0));
    run.asked(72, 7, "q5", Effect::Ask);
    run.decided(7, "q5", (D::Grant, O::Allowed, 0));
    run.denied(73, 7); //    (a denial besides does not matter: something was asked)
    run.starts(80, 8, "rm -rf x"); // 8: a rule denied, and the boundary refused: policy_denied
    run.refused(81, 8);
    run.denied(82, 8);
    run.starts(90, 9, "pip install"); // 9: nobody answered: escalated_denied
    run.asked(91, 9, "q6", Effect::Ask);
    run.decided(9, "q6", (D::Human, O::Expired, 60_000));
    run.starts(95, 10, "cargo add"); // 10: the reviewer denied, then a person allowed after 2 s: one decision counts,
    run.asked(96, 10, "q7", Effect::Review); //     the last: escalated_allowed
    run.decided(10, "q7", (D::Reviewer, O::Denied, 500));
    run.decided(10, "q7", (D::Human, O::Allowed, 2000));
    run
}

#[test]
fn every_path_and_every_decider() {
    let got = json_of([mixed()]);
    // Actions 1, 2, 3 | 4 | 5, 7, 10 | 6, 9 | 8.
    assert_eq!(
        got["actions"],
        json!({"total": 10, "sandbox_ok": 3, "sandbox_refused": 1, "escalated_allowed": 3, "escalated_denied": 2,
               "policy_denied": 1, "unsandboxed": 0})
    );
    // Without 2 and 3.
    assert_eq!(got["actions_without_reads"]["total"], 8);
    assert_eq!(got["actions_without_reads"]["sandbox_ok"], 1);
    // S = 3/10. Wilson with z = 1.959964, z² = 3.841459:
    // middle = (0.3 + 3.841459/20) / (1 + 3.841459/10) = 0.4920729/1.3841459 = 0.355507
    // half = 1.959964/1.3841459 · √(0.3·0.7/10 + 3.841459/400) = 1.416010 · √0.0306036 = 0.247715
    for rate in [&got["share"]["sandbox"], &got["metrics"]["share_in_sandbox"]] {
        assert_eq!(rate["n"], 10);
        near(&rate["value"], 0.3);
        near(&rate["low"], 0.10779);
        near(&rate["high"], 0.60322);
    }
    // E = (3 + 2)/10. middle = 0.5; half = 1.416010 · √(0.025 + 0.00960365) = 0.263407
    for rate in [&got["share"]["escalated"], &got["metrics"]["share_escalated"]] {
        assert_eq!(rate["n"], 10);
        near(&rate["value"], 0.5);
        near(&rate["low"], 0.23659);
        near(&rate["high"], 0.76341);
    }
    near(&got["share"]["sandbox_without_reads"]["value"], 0.125); // 1/8
    near(&got["share"]["escalated_without_reads"]["value"], 0.625); // 5/8
    // Policy q4; grant q5; reviewer none (q7 went on to a person); human q1 q2 q3 q7; expired q6.
    assert_eq!(
        got["deciders"],
        json!({"policy": 1, "grant": 1, "reviewer": 0, "human": 4, "expired": 1, "review_failed": 0, "aborted": 0, "open": 0})
    );
    assert_eq!(got["deciders_detail"]["policy"], json!({"allowed": 1, "denied": 0}));
    assert_eq!(got["deciders_detail"]["human"], json!({"allowed": 3, "denied": 1})); // q1 q2 q7 | q3
    // Automatic decisions: q4, q5; both approvals. Wilson for 2/2: low = n/(n + z²) = 2/5.841459 = 0.342380.
    assert_eq!(got["metrics"]["auto_approved"]["n"], 2);
    near(&got["metrics"]["auto_approved"]["value"], 1.0);
    near(&got["metrics"]["auto_approved"]["low"], 0.34238);
    near(&got["metrics"]["auto_approved"]["high"], 1.0);
    // Put to a person: q1, q2, q3, q6 (expired), q7: five questions in the actions 5, 6, 9, 10.
    assert_eq!(got["human"]["asked"], 5);
    assert_eq!(got["human"]["actions"], 4);
    near(&got["metrics"]["human_stop"]["value"], 0.4);
    assert_eq!(got["metrics"]["human_stop"]["n"], 10);
    // Answered by a person after 1, 2, 4 and 8 s: the median is (2 + 4)/2.
    assert_eq!(got["human"]["answered"], 4);
    near(&got["human"]["median_seconds"], 3.0);
    // Reviewer and person both spoke on q7, and differed.
    assert_eq!(got["metrics"]["reviewer_agreement"]["n"], 1);
    near(&got["metrics"]["reviewer_agreement"]["value"], 0.0);
    assert_eq!((&got["runs"], &got["unattributed"]), (&json!(1), &json!(0)));
}

/// A run of an agent on its own clock, and a session of a client's hooks on the wall clock.
#[test]
fn time_between_interventions() {
    use {Decider as D, Outcome as O};
    let mut run = Run::new("r", Kind::Attended);
    run.starts(0, 1, "x");
    // Waited for from 100 s to 160 s, and meanwhile, from 120 s to 150 s, for another: 60 s in all. The two answers are
    // 10 s apart: one intervention, after 100 active seconds.
    for (mono, id, waited) in [(150_000, "q1", 30_000), (160_000, "q2", 60_000)] {
        run.asked(mono - waited, 1, id, Effect::Ask);
        run.decided(1, id, (D::Human, O::Allowed, waited));
        run.records.last_mut().unwrap().mono = mono;
    }
    // Silence is waited for, but nobody stepped in: 100 s less.
    run.asked(200_000, 1, "q3", Effect::Ask);
    run.decided(1, "q3", (D::Policy, O::Expired, 100_000));
    run.records.last_mut().unwrap().mono = 300_000;
    run.add(400_000, Event::RunEnded { status: 0, waited: 160_000, reason: String::new() });
    let mut session = Run::new("s", Kind::Bare);
    let tell = |session: &mut Run, seconds: u64, told: Told| {
        session.add(seconds * 1000, Event::Hook { client: "c".into(), subagent: String::new(), told });
        session.records.last_mut().unwrap().mono = 3; // each hook is a process of its own
    };
    let prompt = || Told::Prompt { text: "do".into() };
    let call = || Told::Called {
        action: 0,
        call: String::new(),
        tool: "Bash".into(),
        contained: true,
        text: "ls".into(),
        verdict: verdict(Effect::Allow),
    };
    tell(&mut session, 0, prompt()); // the task
    tell(&mut session, 10, call());
    tell(&mut session, 20, call());
    session.starts(30_000, 1, "edit");
    tell(&mut session, 40, Told::Tokens { input: 1000, output: 20 });
    tell(&mut session, 100, Told::Interrupted); // and 5 s later a correction: one intervention
    tell(&mut session, 105, prompt());
    tell(&mut session, 110, call());
    tell(&mut session, 300, prompt()); // one more, after 195 s
    tell(&mut session, 340, Told::Stopped);
    let got = json_of([run, session]);
    let between = &got["metrics"]["mean_time_between_interventions"];
    // 400 - 60 - 100 = 240 s and 340 s; interventions: 1 and 2.
    near(&between["active_seconds"], 580.0);
    assert_eq!(between["n"], 3);
    near(&between["value"], 580.0 / 3.0);
    // Garwood for 3: 0.6187 to 8.7673.
    assert!((between["low"].as_f64().unwrap() - 66.155).abs() < 0.01, "{between}");
    assert!((between["high"].as_f64().unwrap() - 937.49).abs() < 0.2, "{between}");
    // 100; 100, 195.
    assert_eq!(
        (&between["gaps"], &between["gap_median"], &between["gap_p95"]),
        (&json!(3), &json!(100.0), &json!(195.0))
    );
    // 3, 1 and 0 actions.
    let each = &got["metrics"]["actions_per_instruction"];
    near(&each["value"], 4.0 / 3.0);
    assert_eq!((&each["n"], &each["median"]), (&json!(3), &json!(1)));
    assert_eq!(got["metrics"]["interrupt_rate"]["n"], 3);
    near(&got["metrics"]["interrupt_rate"]["value"], 1.0 / 3.0);
    assert_eq!(got["metrics"]["tokens"], json!({"input": 1000, "output": 20}));
}

#[test]
fn nobody_stepped_in() {
    let mut run = Run::new("r", Kind::Attended);
    run.add(90_000, Event::RunEnded { status: 0, waited: 0, reason: String::new() });
    let got = json_of([run]);
    let between = &got["metrics"]["mean_time_between_interventions"];
    assert_eq!((&between["value"], &between["n"], &between["high"]), (&Value::Null, &json!(0), &Value::Null));
    near(&between["low"], 30.0); // a third
}

#[test]
fn nothing_gives_no_number() {
    let got = json_of([]);
    assert_eq!(got["actions"]["total"], 0);
    for rate in [
        &got["share"]["sandbox"],
        &got["share"]["escalated"],
        &got["metrics"]["auto_approved"],
        &got["metrics"]["human_stop"],
    ] {
        assert_eq!(*rate, json!({"value": null, "n": 0, "low": null, "high": null}));
    }
    assert_eq!(got["human"]["median_seconds"], Value::Null);
}

/// What happened to one action, in which kind of run, and its path.
#[test]
fn paths_of_single_actions() {
    use {Decider as D, Outcome as O};
    type Happening = fn(&mut Run);
    let cases: [(Kind, &str, Happening); 15] = [
        (Kind::Attended, "sandbox_ok", |_| {}),
        (Kind::Attended, "policy_denied", |r| {
            let exec = serde_json::from_value(
                json!({"given": "x", "image": {"executable": "/x", "form": {"form": "native"}, "writable": false}, "argv": ["x"], "cwd": "/"}),
            );
            r.add(1, Event::Tampered { action: 1, pid: 1, judged: exec.unwrap(), found: None, detail: String::new() });
        }),
        (Kind::Attended, "escalated_denied", |r| r.asked(1, 1, "q", Effect::Ask)), // no end: not allowed
        (Kind::Attended, "escalated_denied", |r| {
            r.asked(1, 1, "q", Effect::Ask);
            r.decided(1, "q", (D::Human, O::Aborted, 1));
        }),
        (Kind::Attended, "escalated_denied", |r| {
            r.asked(1, 1, "q", Effect::Review);
            r.decided(1, "q", (D::Reviewer, O::ReviewFailed, 1));
        }),
        (Kind::Attended, "escalated_denied", |r| {
            r.asked(1, 1, "q", Effect::Review);
            r.decided(1, "q", (D::Policy, O::Denied, 0));
        }),
        (Kind::Attended, "escalated_denied", |r| {
            // The reviewer allowed, then a person denied: the last one counts.
            r.asked(1, 1, "q", Effect::Ask);
            r.decided(1, "q", (D::Reviewer, O::Allowed, 0));
            r.decided(1, "q", (D::Human, O::Denied, 0));
        }),
        (Kind::Attended, "sandbox_refused", |r| r.refused(1, 1)),
        (Kind::Bare, "unsandboxed", |_| {}),
        (Kind::Bare, "unsandboxed", |r| r.refused(1, 1)),
        (Kind::Half, "unsandboxed", |_| {}), // half a wall is none
        (Kind::Bare, "policy_denied", |r| r.denied(1, 1)),
        (Kind::Bare, "escalated_allowed", |r| {
            r.asked(1, 1, "q", Effect::Ask);
            r.decided(1, "q", (D::Human, O::Allowed, 1));
        }),
        (Kind::Unattended, "escalated_denied", |r| {
            r.asked(1, 1, "q", Effect::Ask);
            r.decided(1, "q", (D::Policy, O::Denied, 0));
        }),
        (Kind::Unattended, "sandbox_ok", |r| r.add(1, Event::ActionEnded { action: 1, status: 1 })), // its own failure
    ];
    for (kind, path, happening) in cases {
        let mut run = Run::new("r", kind);
        run.starts(0, 1, "x");
        happening(&mut run);
        let got = json_of([run]);
        assert_eq!((&got["actions"]["total"], &got["actions"][path]), (&json!(1), &json!(1)), "{path}: {got}");
        let sandboxed = f64::from(path == "sandbox_ok");
        near(&got["share"]["sandbox"]["value"], sandboxed);
    }
}

#[test]
fn who_was_asked() {
    use {Decider as D, Outcome as O};
    type Happening = fn(&mut Run);
    let cases: [(Kind, u64, Happening); 8] = [
        (Kind::Attended, 1, |_| {}), // still waiting for a person
        (Kind::Unattended, 0, |_| {}),
        (Kind::Attended, 1, |r| r.decided(1, "q", (D::Policy, O::Expired, 1))), // silence is a person's
        (Kind::Unattended, 0, |r| r.decided(1, "q", (D::Policy, O::Expired, 1))),
        (Kind::Attended, 0, |r| r.decided(1, "q", (D::Grant, O::Allowed, 0))),
        (Kind::Attended, 0, |r| r.decided(1, "q", (D::Reviewer, O::ReviewFailed, 0))),
        (Kind::Attended, 1, |r| r.decided(1, "q", (D::Human, O::Aborted, 5))),
        (Kind::Attended, 1, |r| r.decided(1, "q", (D::Human, O::Denied, 5))),
    ];
    for (number, (kind, asked, happening)) in cases.into_iter().enumerate() {
        let mut run = Run::new("r", kind);
        run.starts(0, 1, "x");
        run.asked(1, 1, "q", Effect::Ask);
        happening(&mut run);
        assert_eq!(json_of([run])["human"]["asked"], asked, "case {number}");
    }
}

/// A first attempt that was refused at 1,000 ms, then a second one: how many actions, and the last one's path.
#[test]
fn retries_within_five_minutes_are_one_action() {
    type Then = fn(&mut Run);
    let cases: [(u64, &str, Then); 8] = [
        (1, "sandbox_ok", |r| r.starts(1_500, 2, "gdb x")),
        (1, "sandbox_ok", |r| r.starts(301_000, 2, "gdb x")), // 300 s after the refusal: still
        (2, "sandbox_ok", |r| r.starts(301_001, 2, "gdb x")), // a millisecond more: no more
        (2, "sandbox_ok", |r| r.starts(1_500, 2, "gdb y")),   // other arguments, other effects
        (2, "sandbox_ok", |r| r.starts(900, 2, "gdb x")),     // began before the refusal: no retry of it
        (1, "policy_denied", |r| {
            r.starts(1_500, 2, "gdb x");
            r.denied(1_501, 2);
        }),
        (1, "sandbox_ok", |r| {
            // Each refusal opens five minutes anew: 1.0 s, 200 s, 400 s.
            r.starts(200_000, 2, "gdb x");
            r.refused(200_000, 2);
            r.starts(400_000, 3, "gdb x");
        }),
        (2, "sandbox_ok", |r| {
            // What succeeded is over: the third is an action of its own.
            r.starts(1_500, 2, "gdb x");
            r.starts(1_600, 3, "gdb x");
        }),
    ];
    for (number, (total, path, then)) in cases.into_iter().enumerate() {
        let mut run = Run::new("r", Kind::Attended);
        run.starts(0, 1, "gdb x");
        run.refused(1_000, 1);
        then(&mut run);
        let got = json_of([run]);
        assert_eq!(got["actions"]["total"], total, "case {number}");
        assert!(got["actions"][path].as_u64() >= Some(1), "case {number}: {got}");
        assert_eq!(
            got["actions"]["sandbox_refused"].as_u64(),
            Some(u64::from(total == 2 && number != 7)),
            "case {number}"
        );
    }
}

#[test]
fn only_what_the_boundary_refused_is_retried() {
    // A rule's denial is an answer: the second attempt is a second action. Likewise after a person's denial.
    let mut run = Run::new("r", Kind::Attended);
    run.starts(0, 1, "x");
    run.denied(1, 1);
    run.starts(2, 2, "x");
    run.asked(3, 2, "q", Effect::Ask);
    run.decided(2, "q", (Decider::Human, Outcome::Denied, 1));
    run.starts(4, 3, "x");
    let got = json_of([run]);
    assert_eq!(got["actions"]["total"], 3);
}

#[test]
fn a_retry_may_be_another_run_in_the_same_workspace() {
    let first = || {
        let mut run = Run::new("r1", Kind::Attended);
        run.starts(0, 1, "x");
        run.refused(0, 1);
        run
    };
    // By the wall clock: 60 s later, 301 s later, and by a clock that stepped back 10 s.
    for (later, total) in [(60_000, 1), (301_000, 2), (-10_000, 2)] {
        let mut second = Run::at("r2", Kind::Attended, START + later);
        second.starts(0, 1, "x");
        assert_eq!(json_of([first(), second])["actions"]["total"], total, "{later}");
    }
    let mut elsewhere = Run::at("r2", Kind::Attended, START + 60_000);
    if let Event::RunStarted(started) = &mut elsewhere.records[0].event {
        started.workspace = path("/other");
    }
    elsewhere.starts(0, 1, "x");
    assert_eq!(json_of([first(), elsewhere])["actions"]["total"], 2);
}

#[test]
fn filters_choose_actions() {
    let other = || {
        let mut run = Run::at("r2", Kind::Attended, START + 1_000_000);
        run.starts(0, 1, "late");
        run.starts(5_000, 2, "later");
        run.refused(5_001, 2);
        run
    };
    let total = |filter: Filter| {
        let got = report([mixed(), other()], filter).to_json();
        (got["actions"]["total"].as_u64().unwrap(), got["runs"].as_u64().unwrap())
    };
    assert_eq!(total(Filter::default()), (12, 2));
    assert_eq!(total(Filter { run: Some("r2".into()), since: None }), (2, 1));
    assert_eq!(total(Filter { run: None, since: Some(START + 1_000_000) }), (2, 1));
    assert_eq!(total(Filter { run: None, since: Some(START + 1_000_001) }), (1, 1));
    assert_eq!(total(Filter { run: Some("r1".into()), since: Some(START + 90) }), (2, 1)); // actions 9 and 10
    assert_eq!(total(Filter { run: Some("none".into()), since: None }), (0, 0));
    // What belongs to actions before `since` is left out, not called unattributed.
    assert_eq!(report([mixed()], Filter { run: None, since: Some(START + 90) }).unattributed, 0);
}

#[test]
fn records_of_no_action_are_told() {
    let mut run = Run::new("r", Kind::Attended);
    run.refused(1, 7);
    run.starts(2, 1, "x");
    run.decided(1, "nobody-asked", (Decider::Human, Outcome::Allowed, 1));
    let got = report([run], Filter::default());
    assert_eq!((got.actions.total, got.actions.sandbox_ok, got.unattributed), (1, 1, 2));
    assert!(render(&got).contains("2 records"));
}

#[test]
fn a_real_ledger_gives_the_same_report() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::open(dir.path());
    mixed().records.into_iter().for_each(|r| writer.group(r).unwrap());
    writer.finish().unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let read = tollgate_report::over(&reader, Filter::default()).unwrap();
    assert_eq!(read, report([mixed()], Filter::default()));
}

#[test]
fn the_text_is_readable_in_80_columns() {
    let text = render(&report([mixed()], Filter::default()));
    let want = "\
Actions                                  all   without read-only
  in the sandbox                           3                   1
  in the sandbox, partly refused           1                   1
  escalated, allowed                       3                   3
  escalated, not allowed                   2                   2
  denied by a rule                         1                   1
  unsandboxed by configuration             0                   0
  total                                   10                   8

Shares                                             95 % interval         n
  in the sandbox                      30.0 %      10.8 to 60.3 %        10
    without read-only                 12.5 %       2.2 to 47.1 %         8
  escalated                           50.0 %      23.7 to 76.3 %        10
    without read-only                 62.5 %      30.6 to 86.3 %         8
  approved without a person          100.0 %     34.2 to 100.0 %         2
  stopped for a person                40.0 %      16.8 to 68.7 %        10

Questions decided by                 allowed              denied
  policy                                   1                   0
  grant                                    1                   0
  reviewer                                 0                   0
  human                                    3                   1
  not decided: 1 expired, 0 review failed, 0 aborted, 0 open

People were asked 5 times and answered 4.
The median wait for an answer was 3.0 s.
";
    assert_eq!(text, want);
    assert!(text.lines().all(|l| l.len() <= 80));
    assert!(render(&report([], Filter::default())).contains("none"));
}
