//! `tollgate approvals`: the questions of all runs, and their answers.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::json;
use tollgate_approve::{neutral, scope, within_boundary};
use tollgate_policy::question::{Answer, Question};
use tollgate_wire::client::{Client, ClientFault, Reaction, TEST, Taken};
use tollgate_wire::place::Why;
use tollgate_wire::socket::Sockets;

use crate::args;
use crate::args::ApprovalsVerb;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::ui::Tone;
use crate::{place, time, ui};

mod card;
mod friction;
mod grants;
mod past;
mod rule;

pub(crate) use card::what;
pub(crate) use rule::Proposal;

/// Does what was asked.
pub(crate) fn approvals(verb: ApprovalsVerb) -> Outcome {
    if within_boundary() {
        return Err(Failure::new(Exit::Refused, "a process inside a boundary can't see or answer questions")
            .hint("answer from a terminal outside of the run"));
    }
    match verb {
        ApprovalsVerb::Notify => super::notice::test(),
        ApprovalsVerb::List(json) => list(json),
        ApprovalsVerb::Show { id, json } => show(&id, json),
        ApprovalsVerb::Approve { id, scope, confirm, answer } => {
            let scope = scope::parse(&scope, time::now())
                .map_err(|fault| Failure::of(Exit::Usage, &fault).hint(fault.hint()))?;
            let said = format!("approved, {}", scope::text(&scope));
            react(&id, (Answer::Approve(scope), confirm.as_deref()), &answer, &said)
        }
        ApprovalsVerb::Deny { id, scope, answer } => {
            let (no, said) = match scope.as_str() {
                "once" => (Answer::Deny, "denied"),
                "run" => (Answer::DenyRun, "denied for the run"),
                "stop" => (Answer::StopRun, "denied, and the run is stopped"),
                other => {
                    let shown = neutral::short(other, 60);
                    return Err(Failure::new(Exit::Usage, format!("`{shown}` is no scope of a denial"))
                        .hint("use `once`, `run` or `stop`"));
                }
            };
            react(&id, (no, None), &answer, said)
        }
        ApprovalsVerb::Rule { id, effect, json } => rule::rule(&id, effect, json),
        ApprovalsVerb::Grants(json) => grants::list(json),
        ApprovalsVerb::Revoke { id, json } => grants::revoke(&id, json),
    }
}

fn list(json: args::Json) -> Outcome {
    let questions: Vec<Question> = open()?.into_iter().map(|(_, question)| question).collect();
    if json.json {
        return ui::json(&questions);
    }
    if questions.is_empty() {
        ui::note("no open questions");
        return Ok(Exit::Done);
    }
    let now = time::now();
    ui::data(questions.iter().map(|question| card::brief(question, now)).collect::<String>())
}

fn show(id: &str, json: args::Json) -> Outcome {
    let found = open()?.into_iter().find(|(_, question)| question.id == id);
    let Some((client, question)) = found else { return closed(id, json) };
    // That it was opened is noted by its run; one that closed meanwhile is shown as it was.
    let question = client.show(&question.id).unwrap_or(question);
    if json.json { ui::json(&question) } else { ui::data(card::whole(&question, time::now())) }
}

/// One that was asked, and is over.
fn closed(id: &str, json: args::Json) -> Outcome {
    let Some(past) = past::ended(id) else { return Err(absent(id)) };
    let ended = past::end(&past);
    if json.json {
        let mut shown = serde_json::to_value(&past.question)
            .map_err(|e| Failure::new(Exit::Internal, "the question can't be shown").because(&e))?;
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("decision".to_owned(), json!(past.decision.as_ref().map(|(_, decision)| decision)));
        }
        return ui::json(&shown);
    }
    ui::data(card::over(&past.question, ended.as_deref().unwrap_or("it is no longer open")))
}

fn react(id: &str, (answer, confirm): (Answer, Option<&str>), how: &args::Answer, said: &str) -> Outcome {
    let (client, question) = find(id)?;
    let seen = friction::met(&client, &question, (&answer, confirm))?;
    let reaction = Reaction {
        question: &question.id,
        digest: how.digest.as_deref().unwrap_or(&question.digest),
        answer,
        channel: "cli",
        reason: &how.reason,
        seen,
    };
    let taken = client.answer(reaction).map_err(|fault| {
        Failure::new(Exit::Failed, format!("question `{}` was not answered", question.id)).because(&fault)
    })?;
    let said = match taken {
        Taken::Closed => said.to_owned(),
        Taken::Test => format!("{said}; {TEST}"),
        Taken::Counted(missing) => format!("{said}; {missing} more must agree"),
    };
    if how.json.json {
        return ui::json(&json!({"question": question.id, "digest": question.digest, "answer": said}));
    }
    ui::data(format!("{}: {said}: {}\n", ui::toned(Tone::Strong, &question.id), card::what(&question.action)))
}

fn find(id: &str) -> Result<(Rc<Client>, Question), Failure> {
    open()?.into_iter().find(|(_, question)| question.id == id).ok_or_else(|| absent(id))
}

/// That it is not open, and what came of it.
fn absent(id: &str) -> Failure {
    let failure = Failure::new(Exit::Failed, format!("there is no open question `{}`", neutral::short(id, 60)));
    match past::ended(id).as_ref().and_then(past::end) {
        Some(end) => failure.hint(format!("it was {end}")),
        None => failure
            .hint("`tollgate approvals list` shows the open ones; one that was answered or has expired is closed"),
    }
}

/// Every open question with who can be told its answer, oldest first. What dead runs left behind is removed.
fn open() -> Result<Vec<(Rc<Client>, Question)>, Failure> {
    let mut all = Vec::new();
    for folder in place::places()?.all_sockets() {
        let sockets = match Sockets::visit(&folder) {
            Ok(Some(sockets)) => sockets,
            Ok(None) => continue,
            Err(unfit) => return Err(unreachable(&unfit)),
        };
        let runs = sockets
            .runs()
            .map_err(|e| Failure::new(Exit::Failed, format!("can't list {}", place::shown(&folder))).because(&e))?;
        for run in runs {
            all.extend(of_run(&sockets, &folder, &run));
        }
    }
    all.sort_by_key(|(_, question)| question.asked_at);
    Ok(all)
}

fn of_run(sockets: &Sockets, folder: &Path, run: &str) -> Vec<(Rc<Client>, Question)> {
    let socket: PathBuf = folder.join(format!("{run}.sock"));
    let asked = Client::connect(&socket).and_then(|client| Ok((client.questions()?, client)));
    let (questions, client) = match asked {
        Ok((questions, client)) => (questions, Rc::new(client)),
        Err(ClientFault::Gone) => {
            sockets.remove(run);
            return Vec::new();
        }
        Err(fault) => {
            ui::note(format!("run {run} can't be asked: {}", super::run::chain(&fault)));
            return Vec::new();
        }
    };
    // Each question keeps the way to its run, which may be over before it is used.
    questions.into_iter().map(|question| (Rc::clone(&client), question)).collect()
}

/// Every run that has asked something and goes on.
fn each_run() -> Result<Vec<Client>, Failure> {
    let mut all = Vec::new();
    for folder in place::places()?.all_sockets() {
        let Some(sockets) = Sockets::visit(&folder).map_err(|unfit| unreachable(&unfit))? else { continue };
        let runs = sockets
            .runs()
            .map_err(|e| Failure::new(Exit::Failed, format!("can't list {}", place::shown(&folder))).because(&e))?;
        all.extend(runs.iter().filter_map(|run| Client::connect(&folder.join(format!("{run}.sock"))).ok()));
    }
    Ok(all)
}

fn unreachable(unfit: &tollgate_wire::place::Unfit) -> Failure {
    let failure = Failure::of(Exit::Failed, unfit);
    match &unfit.why {
        Why::Io(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
            failure.hint("questions are answered by the user who started the run, from outside of any boundary")
        }
        Why::Io(_) | Why::NoDirectory | Why::Owner(_) | Why::Mode(_) => failure.hint(unfit.hint()),
    }
}
