//! Takes answers: only with a seal that fits what was shown, only once, and with the friction that the risk is worth.
//! Whether the answer counts is said by the run itself, never here.

use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use tollgate_policy::question::{Answer, Question, Scope, Seen};
use tollgate_wire::client::{ClientFault, Reaction, TEST, Taken};
use tollgate_wire::neutral;
use tollgate_wire::pile::{self, Friction};

use crate::form::Fields;
use crate::queue::{Frame, SWITCHES};
use crate::session::{Broken, Form, Session};
use crate::shop::{Shop, aside, now};
use crate::told::Told;
use crate::{closed, question, queue};

/// The name by which answers from here are recorded.
const CHANNEL: &str = "web";

/// Who asks for what.
struct Desk {
    shop: Shop,
    session: Session,
    fields: Fields,
}

/// An answer to one question.
pub(crate) async fn answer(
    State(shop): State<Shop>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let desk = Desk { shop, session, fields: Fields::read(&body) };
    aside(move || desk.one(&id)).await
}

/// An answer to several like ones.
pub(crate) async fn group(
    State(shop): State<Shop>,
    Extension(session): Extension<Session>,
    Path(_key): Path<String>,
    body: Bytes,
) -> Response {
    let desk = Desk { shop, session, fields: Fields::read(&body) };
    aside(move || desk.several()).await
}

/// Takes back what an answer opened.
pub(crate) async fn revoke(State(shop): State<Shop>, Extension(session): Extension<Session>, body: Bytes) -> Response {
    let desk = Desk { shop, session, fields: Fields::read(&body) };
    aside(move || desk.revoke()).await
}

impl Desk {
    fn one(&self, id: &str) -> Response {
        let (digest, seal) = (self.fields.one("digest"), self.fields.one("seal"));
        let about = question::about(id, digest);
        let form = Form { name: "answer", about: &about };
        let shown = match self.shop.keys.check(&self.session, form, seal, now()) {
            Ok(shown) => shown,
            Err(broken) => return unsealed(broken, id),
        };
        let look = self.shop.goods.desk.look();
        let frame = Frame::of((&self.shop, &self.session), "queue", look.questions.len());
        let Some(question) = look.questions.iter().find(|question| question.id == id) else {
            return closed::late(&self.shop, frame, id);
        };
        let again = |notice: &str| {
            question::show(
                (&self.shop, &self.session),
                Frame::of((&self.shop, &self.session), "queue", look.questions.len()),
                (question, notice),
            )
        };
        if question.digest != digest {
            return again("The question has changed since it was shown. Nothing was answered; this is how it is now.");
        }
        let answer = match self.wanted(question) {
            Ok(answer) => answer,
            Err(why) => return again(why),
        };
        if let Err(why) = self.is_slow_enough(question, (&answer, shown)) {
            return again(&why);
        }
        if let Err(broken) = self.shop.keys.spend(seal, now()) {
            return unsealed(broken, id);
        }
        let seen = Seen { waiting: question.waiting, shown: u64::try_from(shown).ok(), opened: Some(true) };
        match self.give(question, (&answer, seen)) {
            Ok(taken) => taken_page(&look.questions, question, (&answer, taken)),
            Err(ClientFault::Refused(why)) => closed::refused(&self.shop, frame, (id, &why)),
            Err(fault) => Told::new("The answer did not arrive")
                .tone("bad")
                .line(neutral::short(&fault.to_string(), 300))
                .link(format!("/q/{id}"), "Look again")
                .respond(StatusCode::BAD_GATEWAY),
        }
    }

    fn give(&self, question: &Question, (answer, seen): (&Answer, Seen)) -> Result<Taken, ClientFault> {
        let reaction = Reaction {
            question: &question.id,
            digest: &question.digest,
            answer: answer.clone(),
            channel: CHANNEL,
            reason: self.fields.one("word").trim(),
            seen,
        };
        self.shop.goods.desk.answer(&question.run, &reaction)
    }

    /// The answer that the pressed button means.
    fn wanted(&self, question: &Question) -> Result<Answer, &'static str> {
        let number = |name: &str| self.fields.one(name).trim().parse::<u32>().ok().filter(|n| (1..=10_000).contains(n));
        let scope = match self.fields.one("answer") {
            "deny" => return Ok(Answer::Deny),
            "deny_run" => return Ok(Answer::DenyRun),
            "stop_run" => return Ok(Answer::StopRun),
            "once" => Scope::Once,
            "run" => Scope::Run,
            "until" => {
                let minutes = number("minutes").ok_or("A time in minutes is missing. Nothing was answered.")?;
                Scope::Until(now().saturating_add(i64::from(minutes) * 60_000))
            }
            "uses" => Scope::Uses(number("times").ok_or("How many times is missing. Nothing was answered.")?),
            other => {
                let at = other.strip_prefix("prefix-").and_then(|at| at.parse::<usize>().ok());
                let offer = at.and_then(|at| question.offers.prefixes.get(at));
                Scope::Prefix(offer.ok_or("There is no such answer. Nothing was answered.")?.words.clone())
            }
        };
        if scope != Scope::Once && !matches!(scope, Scope::Prefix(_)) && !question.offers.lasting {
            return Err("This can be approved only once. Nothing was answered.");
        }
        Ok(Answer::Approve(scope))
    }

    /// Where the risk is high, a yes has to have been looked at for a moment, and the target typed.
    fn is_slow_enough(&self, question: &Question, (answer, shown): (&Answer, i64)) -> Result<(), String> {
        let friction = Friction::of(question);
        let shown = Duration::from_millis(u64::try_from(shown).unwrap_or(0));
        if !answer.is_yes() || friction.is_met(shown, self.fields.one("confirm")) {
            return Ok(());
        }
        Err(if shown < friction.pause {
            "That was quicker than this can be read. Nothing was answered: look at it, then answer.".to_owned()
        } else {
            format!("To approve this, type its name: {}. Nothing was answered.", neutral::short(&friction.confirm, 200))
        })
    }

    fn several(&self) -> Response {
        let shown: Vec<(&str, &str)> =
            self.fields.all("shown").filter_map(|pair| pair.rsplit_once(':')).take(SWITCHES).collect();
        let about = queue::about(shown.iter().copied());
        let seal = self.fields.one("seal");
        let form = Form { name: "group", about: &about };
        let age = match self.shop.keys.check(&self.session, form, seal, now()) {
            Ok(age) => age,
            Err(broken) => return unsealed(broken, ""),
        };
        let answer = match self.fields.one("answer") {
            "once" => Answer::Approve(Scope::Once),
            "deny" => Answer::Deny,
            _ => return Told::new("There is no such answer").link("/", "Back").respond(StatusCode::BAD_REQUEST),
        };
        if let Err(broken) = self.shop.keys.spend(seal, now()) {
            return unsealed(broken, "");
        }
        let chosen: Vec<&str> = self.fields.all("chosen").collect();
        let look = self.shop.goods.desk.look();
        let piled: Vec<&Question> = tollgate_wire::pile::piles(&look.questions)
            .into_iter()
            .filter(|pile| !pile.key.is_empty() || pile.questions.iter().all(|q| !Friction::of(q).is_any()))
            .flat_map(|pile| pile.questions)
            .collect();
        let mut count = Count::default();
        for (id, digest) in shown.into_iter().filter(|(id, _)| chosen.contains(id)) {
            let question = piled.iter().find(|question| question.id == id && question.digest == digest);
            let seen = Seen {
                waiting: question.map_or(1, |q| q.waiting),
                shown: u64::try_from(age).ok(),
                opened: Some(false),
            };
            let given = question.map(|question| self.give(question, (&answer, seen)));
            count.take(id, given);
        }
        count.told(&answer)
    }

    fn revoke(&self) -> Response {
        let (run, id) = (self.fields.one("run"), self.fields.one("question"));
        let about = queue::about(std::iter::once((run, id)));
        let (form, seal) = (Form { name: "revoke", about: &about }, self.fields.one("seal"));
        let holds = self.shop.keys.check(&self.session, form, seal, now());
        if let Err(broken) = holds.and_then(|_| self.shop.keys.spend(seal, now())) {
            return unsealed(broken, "");
        }
        match self.shop.goods.desk.revoke(run, id) {
            Ok(()) => Told::new("Taken back")
                .tone("good")
                .line("It lets nothing more through. What it let through already is not undone.")
                .link("/grants", "To what still stands")
                .respond(StatusCode::OK),
            Err(fault) => Told::new("It was not taken back")
                .tone("bad")
                .line(neutral::short(&fault.to_string(), 300))
                .link("/grants", "Look again")
                .respond(StatusCode::CONFLICT),
        }
    }
}

/// What became of several answers.
#[derive(Default)]
struct Count {
    taken: usize,
    missed: Vec<String>,
}

impl Count {
    fn take(&mut self, id: &str, given: Option<Result<Taken, ClientFault>>) {
        match given {
            Some(Ok(_)) => self.taken += 1,
            Some(Err(fault)) => {
                let why = neutral::short(&fault.to_string(), 200);
                self.missed.push(format!("{}: {why}", neutral::short(id, 80)));
            }
            None => {
                self.missed.push(format!("{}: it is closed, or another one than was shown", neutral::short(id, 80)));
            }
        }
    }

    fn told(self, answer: &Answer) -> Response {
        let word = if answer.is_yes() { "approved once each" } else { "denied" };
        let (tone, status) =
            if self.missed.is_empty() { ("good", StatusCode::OK) } else { ("bad", StatusCode::CONFLICT) };
        let mut told = Told::new(format!("{} {word}", self.taken)).tone(tone);
        if !self.missed.is_empty() {
            told = told.line(format!("{} were not answered:", self.missed.len()));
        }
        told = self.missed.into_iter().take(20).fold(told, Told::line);
        told.link("/", "To the questions").respond(status)
    }
}

fn taken_page(open: &[Question], question: &Question, (answer, taken): (&Answer, Taken)) -> Response {
    let (title, tone) = match (answer, taken) {
        (Answer::Approve(_), Taken::Test) => ("Approved, and it was a test", "bad"),
        (_, Taken::Test) => ("Denied, and it was a test", "good"),
        (Answer::Approve(_), Taken::Counted(_)) => ("Your yes counts", "good"),
        (Answer::Approve(Scope::Once), Taken::Closed) => ("Approved once", "good"),
        (Answer::Approve(_), Taken::Closed) => ("Approved", "good"),
        (Answer::Deny, _) => ("Denied", "bad"),
        (Answer::DenyRun, _) => ("Denied for the run", "bad"),
        (Answer::StopRun, _) => ("Denied, and the run is stopped", "bad"),
    };
    let what = tollgate_wire::card::what(&question.action);
    let mut told = Told::new(title).tone(tone).line(format!("{}: {what}", pile::verb(question)));
    if taken == Taken::Test {
        told = told.line(TEST);
    }
    if let Taken::Counted(missing) = taken {
        told = told.line(format!("Nothing happens until {missing} more agree."));
    }
    if let Some(next) = open.iter().find(|other| other.id != question.id) {
        told = told.link(format!("/q/{}", next.id), "Next question");
    }
    told.link("/", "To the questions").link(format!("/q/{}", question.id), "What came of it").respond(StatusCode::OK)
}

fn unsealed(broken: Broken, id: &str) -> Response {
    let (title, line) = match broken {
        Broken::Foreign => {
            ("Nothing was answered", "This form does not come from this page, or not for this question.")
        }
        Broken::Used => {
            ("This was sent already", "A form counts once. What came of it is said on the question's page.")
        }
        Broken::Old => ("Nothing was answered", "This form was open for too long. Look at the question again."),
    };
    let told = Told::new(title).tone("bad").line(line);
    let told =
        if id.is_empty() { told } else { told.link(format!("/q/{}", neutral::short(id, 80)), "To the question") };
    told.link("/", "To the questions").respond(StatusCode::FORBIDDEN)
}
