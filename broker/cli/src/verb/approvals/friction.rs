//! What a yes takes where the risk is high: on a terminal the whole question on the screen, a moment, and its name. The page
//! and `watch` ask for the same. Without a terminal the name is held against the question's where it is said (`--confirm`).

use std::io::{self, BufRead as _, IsTerminal as _};
use std::time::{Duration, Instant};

use nix::sys::termios::{FlushArg, tcflush};
use tollgate_policy::question::{Answer, Question, Seen};
use tollgate_wire::client::Client;
use tollgate_wire::neutral;
use tollgate_wire::pile::Friction;

use super::card;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{time, ui};

/// What is typed where the question has no name of its own.
const YES: &str = "yes";

/// Longest line that is read, in bytes.
const LINE: u64 = 1000;

/// Has a person look at what is grave, and type its name, before a yes; gives what was seen. No is never slowed down.
///
/// # Errors
/// What was typed is something else: then nothing is answered.
pub(super) fn met(
    client: &Client,
    question: &Question,
    (answer, confirm): (&Answer, Option<&str>),
) -> Result<Seen, Failure> {
    let seen = Seen { waiting: question.waiting, ..Seen::default() };
    let friction = Friction::of(question);
    if !answer.is_yes() || !friction.is_any() {
        return Ok(seen);
    }
    if let Some(said) = confirm {
        return if said.trim() == name(&friction) { Ok(seen) } else { Err(unnamed(question)) };
    }
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        return asked(client, question, (&friction, seen));
    }
    // a script is nobody's reflex, and has named its question
    Ok(seen)
}

fn name(friction: &Friction) -> &str {
    if friction.confirm.trim().is_empty() { YES } else { friction.confirm.trim() }
}

fn unnamed(question: &Question) -> Failure {
    let (friction, id) = (Friction::of(question), neutral::short(&question.id, 60));
    let name = neutral::command([name(&friction).as_bytes()]);
    let risk = tollgate_wire::card::risk(question);
    Failure::new(Exit::Failed, format!("question `{id}` was not answered: the risk is {risk}")).hint(format!(
        "look at it with `tollgate approvals show {id}`; to approve it, say what it asks for: `--confirm {name}`"
    ))
}

/// The same at a terminal.
fn asked(client: &Client, question: &Question, (friction, seen): (&Friction, Seen)) -> Result<Seen, Failure> {
    // That it was opened is noted by its run, too.
    client.show(&question.id).ok();
    ui::aside(card::whole(question, time::now()));
    let since = Instant::now();
    wait(friction.pause)?;
    ui::aside(format!("To approve, type {} and Enter:", neutral::short(name(friction), 100)));
    let typed = line()?;
    if typed.trim() != name(friction) {
        return Err(Failure::new(Exit::Failed, format!("question `{}` was not answered", question.id))
            .hint("what was typed is not what was asked for: look at it again, and answer anew"));
    }
    Ok(Seen { shown: u64::try_from(since.elapsed().as_millis()).ok(), opened: Some(true), ..seen })
}

/// Until it was on the screen for long enough; what was typed by then was typed before it was read.
fn wait(pause: Duration) -> Result<(), Failure> {
    std::thread::sleep(pause);
    tcflush(io::stdin(), FlushArg::TCIFLUSH).map_err(|e| unread(&e.into()))
}

fn line() -> Result<String, Failure> {
    let mut text = String::new();
    io::Read::take(io::stdin().lock(), LINE).read_line(&mut text).map_err(|e| unread(&e))?;
    Ok(text)
}

fn unread(e: &io::Error) -> Failure {
    Failure::new(Exit::Failed, "the terminal can't be read: nothing was answered").because(e)
}
