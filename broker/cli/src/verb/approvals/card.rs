//! A question as a person reads it in a terminal. Its text comes from `wire::card`, neutralised.

use tollgate_policy::question::Question;
use tollgate_wire::card::{self, Row};
use tollgate_wire::{neutral, pile};

use crate::time;
use crate::ui::{self, Tone, toned};

pub(crate) use tollgate_wire::card::what;

/// Two lines for a list.
pub(crate) fn brief(question: &Question, now: i64) -> String {
    let verdict = &question.verdict;
    let class = verdict.class.as_ref().map_or_else(String::new, |class| format!(" · {}", neutral::short(class, 30)));
    let why = neutral::short(&verdict.reason.because, 100);
    let left = pile::left(question.deadline, now);
    let rule = card::rule(&verdict.reason);
    let waiting = if question.waiting > 1 { format!(" · {} waiting", question.waiting) } else { String::new() };
    format!(
        "{}  {}\n    {}{class} · {why} ({rule}) · {left} left{waiting}\n",
        toned(Tone::Strong, neutral::short(&question.id, 80)),
        what(&question.action),
        card::effect(verdict.effect),
    )
}

/// All that is known.
pub(crate) fn whole(question: &Question, now: i64) -> String {
    let deadline = format!("{} ({} left)", time::shown(question.deadline), pile::left(question.deadline, now));
    facts(question, &[("answers", answers(question)), ("deadline", deadline)])
}

/// The same of one that is over.
pub(crate) fn over(question: &Question, end: &str) -> String {
    facts(question, &[("ended", end.to_owned())])
}

fn facts(question: &Question, more: &[(&str, String)]) -> String {
    let mut text = String::new();
    let mut line = |label: &str, shown: &str| ui::add(&mut text, format_args!("{label:>14}  {shown}\n"));
    line("question", &toned(Tone::Strong, neutral::short(&question.id, 80)));
    line("run", &neutral::short(&question.run, 80));
    let rows = [card::action(&question.action), card::reason(question), card::evidence(question)];
    for row in rows.iter().flatten() {
        line(&row.label, &shown(row));
    }
    line("asked", &time::shown(question.asked_at));
    for (label, shown) in more {
        line(label, shown);
    }
    line("digest", &neutral::short(&question.digest, 80));
    text
}

fn shown(row: &Row) -> String {
    match row.tone {
        card::Tone::Plain | card::Tone::Strong | card::Tone::Claim | card::Tone::Added | card::Tone::Removed => {
            row.text.clone()
        }
        card::Tone::Warn => toned(Tone::Warn, &row.text),
        card::Tone::Bad => toned(Tone::Bad, &row.text),
    }
}

/// Which answers are possible.
fn answers(question: &Question) -> String {
    let offers = &question.offers;
    let mut all = vec!["deny".to_owned(), "approve once".to_owned()];
    if offers.lasting {
        all.extend(["run", "until=TIME", "uses=N"].map(str::to_owned));
    }
    for prefix in &offers.prefixes {
        let words = neutral::short_command(prefix.words.iter().map(String::as_bytes), 100);
        all.push(format!("prefix={words}"));
    }
    all.join(", ")
}
