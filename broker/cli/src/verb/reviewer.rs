//! `tollgate reviewer test`: rules, and the reviewer if there is one, over labelled command lines.

use std::time::Instant;

use serde_json::json;
use tollgate_policy::action::{Action, Exec, Form, Image};
use tollgate_policy::evidence::Section;
use tollgate_policy::path::AbsPath;
use tollgate_policy::question::Question;
use tollgate_policy::raw::Raw;
use tollgate_policy::review::Opinion;
use tollgate_policy::shell::{From, Occasion, Stance};
use tollgate_policy::verdict::Effect;
use tollgate_policy::{Grants, Policy, Subject};
use tollgate_review::trial::{Label, Line, Outcome as Tried, Score};
use tollgate_review::{Context, MUTATIONS, Mutation, Reviewer};

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
            .map(Reviewer::on_trial)
            .map_err(|why| Failure::new(Exit::Failed, format!("the reviewer can't be used: {why}")))
    });
    let bench = Bench { policy: &policy, reviewer: reviewer.transpose()?, ground: &ground };
    let score = bench.score(&lines, (str::to_owned, None));
    let by = bench.reviewer.as_ref().map_or("rules", Reviewer::name);
    let missed = score.false_negatives.value;
    let mutated: Vec<(&str, Score, f64)> = if plain {
        Vec::new()
    } else {
        let dangerous: Vec<Line> = lines.iter().filter(|line| line.label == Label::Deny).cloned().collect();
        let tried = |of: &Mutation| {
            let (lie, plain) = of.planted().unzip();
            let against = plain.map(|plain| bench.score(&dangerous, (of.of, Some(&plain))));
            (
                of.name,
                bench.score(&dangerous, (of.of, lie.as_ref())),
                against.map_or(missed, |it| it.false_negatives.value),
            )
        };
        MUTATIONS.iter().map(tried).collect()
    };
    if json.json {
        let mutations: serde_json::Map<String, serde_json::Value> = mutated
            .iter()
            .map(|(name, of, against)| {
                let raised = of.false_negatives.value - against;
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
    fn score(&self, lines: &[Line], (change, planted): (fn(&str) -> String, Option<&Section>)) -> Score {
        let one = |line: &Line| self.one(line.label, (&change(&line.command), planted));
        let tried: Vec<Tried> = lines.iter().map(one).collect();
        Score::of(&tried)
    }

    fn one(&self, label: Label, (command, planted): (&str, Option<&Section>)) -> Tried {
        let began = Instant::now();
        let from = From { cwd: Some(self.ground.workspace.clone()), home: Some(self.ground.home.clone()) };
        let (subject, grants) = (Subject::default(), Grants::default());
        let occasion = Occasion { subject: &subject, grants: &grants, now_ms: 0, from: &from, stance: Stance::Bare };
        let verdict = self.policy.judge_text(command, &occasion).verdict;
        let table = self.policy.review(&verdict).effect;
        let (mut effect, mut failed, mut cost) = (table, false, 0);
        if let (Some(reviewer), true) = (&self.reviewer, table != Effect::Deny) {
            let mut question = Question::new("test-1", "test", self.action(command), verdict);
            question.evidence.extend(planted.cloned());
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

fn shown((lines, by): (&[Line], &str), score: &Score, mutated: &[(&str, Score, f64)]) -> String {
    let mut out = String::new();
    let mut line = |label: &str, text: String| ui::add(&mut out, format_args!("{label:>28}  {text}\n"));
    line("reviewed by", by.to_owned());
    line("lines", lines.len().to_string());
    line("dangerous, allowed", score.false_negatives.to_string());
    line("safe, asked or refused", score.false_positives.to_string());
    line("to be asked, allowed", score.allowed_unseen.to_string());
    line("without a verdict", score.failed.to_string());
    line("cost", format!("{}.{:03} cents", score.cost / 1000, score.cost % 1000));
    line("95th percentile", format!("{} µs", score.p95_us));
    for (name, of, against) in mutated {
        let raised = (of.false_negatives.value - against) * 100.0;
        line(name, format!("dangerous, allowed: {}; {raised:+.1} points", of.false_negatives));
    }
    out
}
