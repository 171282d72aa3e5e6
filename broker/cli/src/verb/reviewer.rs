//! `tollgate reviewer test`: rules, and the reviewer if there is one, over labelled command lines.

use std::time::Instant;

use serde_json::json;
use tollgate_policy::action::{Action, Exec, Form, Image};
use tollgate_policy::path::AbsPath;
use tollgate_policy::question::Question;
use tollgate_policy::raw::Raw;
use tollgate_policy::review::Opinion;
use tollgate_policy::shell::{From, Occasion, Stance};
use tollgate_policy::verdict::Effect;
use tollgate_policy::{Grants, Policy, Subject};
use tollgate_review::trial::{Label, Line, Outcome as Tried, Score, Share};
use tollgate_review::{Context, MUTATIONS, Reviewer};

use crate::args::ReviewerVerb;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::layers::{Layers, Wanted};
use crate::place::{Ground, places};
use crate::ui;

/// Does what was asked.
pub(crate) fn reviewer(verb: ReviewerVerb) -> Outcome {
    let ReviewerVerb::Test { file, profile, policy, plain, json } = verb;
    let text = std::fs::read_to_string(&file)
        .map_err(|e| Failure::new(Exit::Failed, format!("can't read `{}`", file.display())).because(&e))?;
    let lines = lines(&text)?;
    let wanted = Wanted { profiles: profile, policies: policy, ..Wanted::default() };
    let ground = Ground::find(None, &places()?)?;
    let place = ground.place(&std::env::temp_dir())?;
    let policy = Layers::gather(&wanted, ground.workspace.as_path())?.assemble(&place)?;
    let reviewer = policy.reviewer().map(|settings| {
        let context = Context { policy: policy.digest(), ..Context::default() };
        Reviewer::new(settings, context, |name| std::env::var(name).ok())
            .map_err(|why| Failure::new(Exit::Failed, format!("the reviewer can't be used: {why}")))
    });
    let bench = Bench { policy: &policy, reviewer: reviewer.transpose()?, ground: &ground };
    let score = bench.score(&lines, str::to_owned);
    let by = bench.reviewer.as_ref().map_or("rules", Reviewer::name);
    let mutated: Vec<(&str, Score)> = if plain {
        Vec::new()
    } else {
        let dangerous: Vec<Line> = lines.iter().filter(|line| line.label == Label::Deny).cloned().collect();
        MUTATIONS.iter().map(|mutation| (mutation.name, bench.score(&dangerous, mutation.of))).collect()
    };
    if json.json {
        let mutations: serde_json::Map<String, serde_json::Value> = mutated
            .iter()
            .map(|(name, of)| {
                let raised = of.false_negatives.value - score.false_negatives.value;
                (
                    (*name).to_owned(),
                    json!({
                        "false_negatives": of.false_negatives, "raised_by": raised, "failed": of.failed,
                        "cost": of.cost, "p95_us": of.p95_us,
                    }),
                )
            })
            .collect();
        return ui::json(&json!({
            "lines": lines.len(), "reviewer": by, "profiles": wanted.profiles, "score": score, "mutations": mutations,
        }));
    }
    let by = format!("{by}, on the profile {}", wanted.profiles.join(", "));
    ui::data(shown((&lines, &by), &score, &mutated))
}

fn lines(text: &str) -> Result<Vec<Line>, Failure> {
    let numbered = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let line = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|e| {
            Failure::new(Exit::Failed, format!("line {} is no labelled command", number + 1))
                .because(&e)
                .hint("a line is {\"id\": …, \"command\": …, \"label\": \"allow\"|\"ask\"|\"deny\"}")
        })
    };
    numbered.map(line).collect()
}

/// What the lines are tried with.
struct Bench<'a> {
    policy: &'a Policy,
    reviewer: Option<Reviewer>,
    ground: &'a Ground,
}

impl Bench<'_> {
    fn score(&self, lines: &[Line], change: impl Fn(&str) -> String) -> Score {
        let tried: Vec<Tried> = lines.iter().map(|line| self.one(line.label, &change(&line.command))).collect();
        Score::of(&tried)
    }

    fn one(&self, label: Label, command: &str) -> Tried {
        let began = Instant::now();
        let from = From { cwd: Some(self.ground.workspace.clone()), home: Some(self.ground.home.clone()) };
        let (subject, grants) = (Subject::default(), Grants::default());
        let occasion = Occasion { subject: &subject, grants: &grants, now_ms: 0, from: &from, stance: Stance::Bare };
        let verdict = self.policy.judge_text(command, &occasion).verdict;
        let table = self.policy.review(&verdict).effect;
        let (mut effect, mut failed, mut cost) = (table, false, 0);
        if let (Some(reviewer), true) = (&self.reviewer, table != Effect::Deny) {
            let mut question = Question::new("test-1", "test", self.action(command), verdict);
            self.policy.assess(&mut question);
            question.seal(&self.policy.digest());
            let review = reviewer.look_at(&question);
            effect = review.effective(table);
            failed = !matches!(review.opinion, Opinion::Verdict(_));
            cost = review.cost;
        }
        Tried { label, effect, failed, took: began.elapsed(), cost }
    }

    fn action(&self, command: &str) -> Action {
        let shell = AbsPath::new("/bin/bash").ok();
        let image = Image { executable: shell, form: Form::Native, writable: false, sha256: None };
        let argv = ["bash", "-c", command].map(Raw::from).to_vec();
        Action::Exec(Exec { given: "bash".into(), image, argv, cwd: self.ground.workspace.clone() })
    }
}

fn shown((lines, by): (&[Line], &str), score: &Score, mutated: &[(&str, Score)]) -> String {
    let mut out = String::new();
    let mut line = |label: &str, text: String| ui::add(&mut out, format_args!("{label:>28}  {text}\n"));
    line("reviewed by", by.to_owned());
    line("lines", lines.len().to_string());
    line("dangerous, allowed", share(&score.false_negatives));
    line("safe, asked or refused", share(&score.false_positives));
    line("to be asked, allowed", share(&score.allowed_unseen));
    line("without a verdict", share(&score.failed));
    line("cost", format!("{}.{:03} cents", score.cost / 1000, score.cost % 1000));
    line("95th percentile", format!("{} µs", score.p95_us));
    for (name, of) in mutated {
        let raised = (of.false_negatives.value - score.false_negatives.value) * 100.0;
        line(name, format!("dangerous, allowed: {}; {raised:+.1} points", share(&of.false_negatives)));
    }
    out
}

fn share(share: &Share) -> String {
    let percent = |value: f64| value * 100.0;
    format!(
        "{:.1} % ({} of {}; 95 %: {:.1} to {:.1} %)",
        percent(share.value),
        share.k,
        share.n,
        percent(share.low),
        percent(share.high)
    )
}
