//! How wide an approval is: as a person writes it, and whether it is possible for the question.

use std::fmt;

use tollgate_policy::action::Action;
use tollgate_policy::question::{Answer, Question, Scope};

use crate::neutral;

/// Most uses that one answer may allow.
const USES: u32 = 1000;

/// Why a scope is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopeFault {
    /// Not one of the five forms.
    Form(String),
    /// `uses=` is followed by no number from 1 to 1000.
    Count(String),
    /// `until=` is followed by no time.
    Time(String),
    /// The time has passed.
    Past,
    /// `prefix=` is followed by nothing, or by quotes that don't close.
    Words(String),
    /// A prefix is for commands.
    NoCommand,
    /// The command does not start with these words.
    NotItsStart(String),
    /// Each such question is looked at by itself.
    OnceOnly,
}

impl fmt::Display for ScopeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(text) => write!(f, "`{text}` is no scope"),
            Self::Count(text) => write!(f, "`{text}` names no number from 1 to {USES}"),
            Self::Time(text) => write!(f, "`{text}` is neither a duration nor a time"),
            Self::Past => f.write_str("the time of the scope has passed"),
            Self::Words(text) => write!(f, "`{text}` is no command prefix"),
            Self::NoCommand => f.write_str("a prefix is possible for commands only"),
            Self::NotItsStart(words) => write!(f, "the command does not start with `{words}`"),
            Self::OnceOnly => f.write_str("this can be approved for once only"),
        }
    }
}

impl std::error::Error for ScopeFault {}

impl ScopeFault {
    /// What to do instead.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Form(_) => "use `once`, `run`, `until=30m`, `uses=3` or `prefix=git push`",
            Self::Count(_) => "use a number as `uses=3`",
            Self::Time(_) | Self::Past => "use a duration as `until=30m` or a time as `until=2030-01-31T12:00:00Z`",
            Self::Words(_) | Self::NotItsStart(_) => "use the first words of the command, as in `prefix=git push`",
            Self::NoCommand => "use `once`, `run` or `until=30m`",
            Self::OnceOnly => "use `once`",
        }
    }
}

/// A scope as a person writes it: `once`, `run`, `until=30m`, `until=2030-01-31T12:00:00Z`,
/// `uses=3`, `prefix=git push`.
/// `now` is Unix time in milliseconds.
///
/// # Errors
/// [`ScopeFault`].
pub fn parse(text: &str, now: i64) -> Result<Scope, ScopeFault> {
    match text.split_once('=') {
        None if text == "once" => Ok(Scope::Once),
        None if text == "run" => Ok(Scope::Run),
        Some(("until", time)) => moment(time, now).map(Scope::Until),
        Some(("uses", count)) => {
            let count = count.parse().ok().filter(|count| (1..=USES).contains(count));
            count.map(Scope::Uses).ok_or_else(|| ScopeFault::Count(neutral::short(text, 40)))
        }
        Some(("prefix", words)) => shlex::split(words)
            .filter(|words| words.first().is_some_and(|first| !first.is_empty()))
            .map(Scope::Prefix)
            .ok_or_else(|| ScopeFault::Words(neutral::short(words, 80))),
        None | Some(_) => Err(ScopeFault::Form(neutral::short(text, 80))),
    }
}

/// The scope as it is written in the ledger and shown: what [`parse`] reads.
#[must_use]
pub fn text(scope: &Scope) -> String {
    match scope {
        Scope::Once => "once".to_owned(),
        Scope::Run => "run".to_owned(),
        Scope::Until(at) => jiff::Timestamp::from_millisecond(*at)
            .map_or_else(|_| format!("until={at}"), |time| format!("until={time}")),
        Scope::Uses(count) => format!("uses={count}"),
        Scope::Prefix(words) => format!("prefix={}", neutral::command(words.iter().map(String::as_bytes))),
    }
}

/// Whether the answer is possible for the question at all; whether policy lets it stand is asked afterwards. A
/// refusal always is.
///
/// # Errors
/// [`ScopeFault`].
pub fn fits(answer: &Answer, question: &Question, now: i64) -> Result<(), ScopeFault> {
    let scope = match answer {
        Answer::Deny | Answer::DenyRun | Answer::StopRun => return Ok(()),
        Answer::Approve(scope) => scope,
    };
    match scope {
        Scope::Run | Scope::Uses(_) | Scope::Until(_) if !question.offers.lasting => Err(ScopeFault::OnceOnly),
        Scope::Once | Scope::Run => Ok(()),
        Scope::Uses(count) if (1..=USES).contains(count) => Ok(()),
        Scope::Uses(count) => Err(ScopeFault::Count(format!("uses={count}"))),
        Scope::Until(at) if *at > now => Ok(()),
        Scope::Until(_) => Err(ScopeFault::Past),
        Scope::Prefix(words) => prefix_fits(words, &question.action),
    }
}

fn prefix_fits(words: &[String], action: &Action) -> Result<(), ScopeFault> {
    let Action::Exec(exec) = action else {
        return Err(ScopeFault::NoCommand);
    };
    let shown = || neutral::short_command(words.iter().map(String::as_bytes), 80);
    let starts = words.len() <= exec.argv.len()
        && words.iter().zip(&exec.argv).all(|(word, argument)| word.as_bytes() == argument.bytes());
    if words.is_empty() || !starts {
        return Err(ScopeFault::NotItsStart(shown()));
    }
    Ok(())
}

fn moment(text: &str, now: i64) -> Result<i64, ScopeFault> {
    let fault = || ScopeFault::Time(neutral::short(text, 40));
    let time = if let Ok(time) = text.parse::<jiff::Timestamp>() {
        time
    } else {
        let span: jiff::SignedDuration = text.parse().map_err(|_| fault())?;
        let from = jiff::Timestamp::from_millisecond(now).map_err(|_| fault())?;
        from.checked_add(span).map_err(|_| fault())?
    };
    let at = time.as_millisecond();
    if at > now { Ok(at) } else { Err(ScopeFault::Past) }
}

#[cfg(test)]
#[path = "scope_tests.rs"]
mod tests;
