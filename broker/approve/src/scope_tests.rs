//! Tables for [`super`].
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::book::tests::question;

const NOW: i64 = 1_800_000_000_000;

#[test]
fn scopes_are_read() {
    let words = |words: &[&str]| Ok(Scope::Prefix(words.iter().map(|w| (*w).to_owned()).collect()));
    let table: &[(&str, Result<Scope, ScopeFault>)] = &[
        ("once", Ok(Scope::Once)),
        ("run", Ok(Scope::Run)),
        ("until=30m", Ok(Scope::Until(NOW + 1_800_000))),
        ("until=1h 30m", Ok(Scope::Until(NOW + 5_400_000))),
        ("until=PT2H", Ok(Scope::Until(NOW + 7_200_000))),
        ("until=2030-01-31T12:00:00Z", Ok(Scope::Until(1_896_091_200_000))),
        ("until=2030-01-31T14:00:00+02:00", Ok(Scope::Until(1_896_091_200_000))),
        ("until=2001-01-01T00:00:00Z", Err(ScopeFault::Past)),
        ("until=-5m", Err(ScopeFault::Past)),
        ("until=0s", Err(ScopeFault::Past)),
        ("until=", Err(ScopeFault::Time(String::new()))),
        ("until=soon", Err(ScopeFault::Time("soon".into()))),
        ("until=999999999999h", Err(ScopeFault::Time("999999999999h".into()))),
        ("prefix=git push", words(&["git", "push"])),
        ("prefix=git 'a b'", words(&["git", "a b"])),
        ("prefix=", Err(ScopeFault::Words(String::new()))),
        ("prefix=''", Err(ScopeFault::Words("''".into()))),
        ("prefix=git 'a", Err(ScopeFault::Words("git 'a".into()))),
        ("session", Err(ScopeFault::Form("session".into()))),
        ("", Err(ScopeFault::Form(String::new()))),
        ("once=1", Err(ScopeFault::Form("once=1".into()))),
        ("for\u{202e}ever", Err(ScopeFault::Form("for\\u{202e}ever".into()))),
    ];
    for (given, expected) in table {
        assert_eq!(&parse(given, NOW), expected, "{given}");
    }
}

#[test]
fn what_is_written_can_be_read_again() {
    for scope in ["once", "run", "until=2030-01-31T12:00:00Z", "prefix=git 'a b'"] {
        assert_eq!(text(&parse(scope, NOW).unwrap()), scope);
    }
}

#[test]
fn a_scope_is_never_wider_than_its_question() {
    let asked = question("r-1", NOW + 1000);
    let prefix = |words: &[&str]| Answer::Approve(Scope::Prefix(words.iter().map(|w| (*w).to_owned()).collect()));
    let table = [
        (Answer::Deny, Ok(())),
        (Answer::Approve(Scope::Once), Ok(())),
        (Answer::Approve(Scope::Run), Ok(())),
        (Answer::Approve(Scope::Until(NOW + 1)), Ok(())),
        (Answer::Approve(Scope::Until(NOW)), Err(ScopeFault::Past)),
        (prefix(&["git", "push"]), Ok(())),
        (prefix(&["git", "push", "origin", "main"]), Ok(())),
        (prefix(&["git", "pull"]), Err(ScopeFault::NotItsStart("git pull".into()))),
        (prefix(&["git", "pus"]), Err(ScopeFault::NotItsStart("git pus".into()))),
        (
            prefix(&["git", "push", "origin", "main", "x"]),
            Err(ScopeFault::NotItsStart("git push origin main x".into())),
        ),
        (prefix(&[]), Err(ScopeFault::NotItsStart(String::new()))),
    ];
    for (answer, expected) in table {
        assert_eq!(fits(&answer, &asked, NOW), expected, "{answer:?}");
    }
}

#[test]
fn what_is_offered_for_once_is_approved_for_once() {
    let mut asked = question("r-1", NOW);
    asked.offers.lasting = false;
    for scope in [Scope::Run, Scope::Uses(2), Scope::Until(NOW + 1)] {
        assert_eq!(fits(&Answer::Approve(scope), &asked, NOW), Err(ScopeFault::OnceOnly));
    }
    for answer in [Answer::Approve(Scope::Once), Answer::DenyRun] {
        assert_eq!(fits(&answer, &asked, NOW), Ok(()));
    }
}

#[test]
fn a_prefix_is_for_commands() {
    use tollgate_policy::action::Tool;
    let asked = Question {
        action: Action::Tool(Tool { server: "builtin".into(), tool: "fetch".into() }),
        ..question("r-1", NOW)
    };
    let answer = Answer::Approve(Scope::Prefix(vec!["git".into()]));
    assert_eq!(fits(&answer, &asked, NOW), Err(ScopeFault::NoCommand));
}
