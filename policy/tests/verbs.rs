//! The other verbs: assemble, lower, review, grant, explain, digests.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod common;

use common::{abs, action, document, judge, place, policy};
use tollgate_policy::boundary::{Reach, Rights};
use tollgate_policy::digest::{canonical, digest_of};
use tollgate_policy::question::{Answer, Approval, Question, Scope};
use tollgate_policy::verdict::Effect;
use tollgate_policy::{Document, GrantFault, Grants, Layer, Policy, Subject};

const ASKS: &str = r#"
version = 1
[approvals]
deadline = 60
exact = ["bash", "python*"]
[[command]]
effect = "ask"
program = ["gh", "bash"]
class = "publish"
profile = "push"
because = "x"
matches = ["gh"]
[[command]]
effect = "ask"
program = ["gh"]
flags = ["--admin"]
because = "y"
matches = ["gh --admin"]
"#;

fn question(policy: &Policy, line: &str) -> Question {
    let action = action(line);
    let verdict = judge(policy, &action);
    Question { deadline: 1000, ..Question::new("r-1", "r", action, verdict) }
}

fn approval(question: &Question, answer: Answer) -> Approval {
    Approval {
        question: question.id.clone(),
        digest: question.digest.clone(),
        answer,
        by: "me".to_owned(),
        channel: "cli".to_owned(),
        reason: String::new(),
        seen: tollgate_policy::question::Seen::default(),
    }
}

fn prefix(words: &[&str]) -> Answer {
    Answer::Approve(Scope::Prefix(words.iter().map(|word| (*word).to_owned()).collect()))
}

#[test]
fn an_approval_opens_what_was_asked() {
    let policy = policy(&[("built-in", ASKS)]);
    let question = question(&policy, "exec -- gh pr merge");
    let ours = Subject { run: "r".to_owned(), ..Subject::default() };
    let other = Subject { run: "s".to_owned(), ..Subject::default() };
    let table: [(Answer, i64, &str, &Subject, Effect); 11] = [
        (Answer::Approve(Scope::Run), 5, "exec -- gh pr merge", &ours, Effect::Allow),
        (Answer::Approve(Scope::Run), 5, "exec -- gh pr merge", &other, Effect::Ask),
        (Answer::Approve(Scope::Run), 5, "exec -- gh pr merge 2", &ours, Effect::Ask),
        (Answer::Approve(Scope::Until(9)), 8, "exec -- gh pr merge", &ours, Effect::Allow),
        (Answer::Approve(Scope::Until(9)), 9, "exec -- gh pr merge", &ours, Effect::Ask),
        (prefix(&["gh", "pr"]), 5, "exec -- gh pr merge 2", &ours, Effect::Allow),
        (prefix(&["gh", "pr"]), 5, "exec -- gh pr merge --admin", &ours, Effect::Ask),
        (prefix(&["gh", "pr"]), 5, "exec -- gh repo delete", &ours, Effect::Ask),
        (prefix(&["gh", "pr"]), 5, "exec writable -- gh pr x", &ours, Effect::Ask),
        (prefix(&["gh", "pr"]), 5, "exec at=/opt/gh -- gh pr x", &ours, Effect::Ask),
        (prefix(&["gh", "pr"]), 5, "exec at=/usr/bin/bash -- gh pr x", &ours, Effect::Ask),
    ];
    for (answer, now, line, subject, want) in table {
        let mut grants = Grants::default();
        grants.add(policy.grant(&question, &approval(&question, answer.clone()), 1).unwrap().unwrap());
        let verdict = policy.judge(subject, &action(line), &grants, now);
        assert_eq!(verdict.effect, want, "{answer:?} {line}");
        if want == Effect::Allow {
            assert_eq!(verdict.profile.as_deref(), Some("push"));
            assert_eq!(verdict.reason.file, "grant:r-1");
        }
    }
}

#[test]
fn once_is_spent() {
    let policy = policy(&[("built-in", ASKS)]);
    let question = question(&policy, "exec -- gh pr");
    let ours = Subject { run: "r".to_owned(), ..Subject::default() };
    let mut grants = Grants::default();
    let answer = Answer::Approve(Scope::Once);
    grants.add(policy.grant(&question, &approval(&question, answer), 1).unwrap().unwrap());
    let verdict = |grants: &Grants| policy.judge(&ours, &question.action, grants, 5).effect;
    assert_eq!(verdict(&grants), Effect::Allow);
    grants.spend("r-1");
    assert_eq!(verdict(&grants), Effect::Ask);
}

#[test]
fn answers_that_make_no_grant() {
    let policy = policy(&[("built-in", ASKS)]);
    let asked = question(&policy, "exec -- gh pr");
    let bash = question(&policy, "exec -- bash -c x");
    let renamed = question(&policy, "exec at=/usr/bin/bash -- gh pr");
    let script = question(&policy, "exec at=/usr/bin/python3 script=/w/gh -- gh pr");
    let path = question(&policy, "write /x");
    let run = Answer::Approve(Scope::Run);
    let bare = common::policy(&[("built-in", "version = 1")]);
    assert_eq!(policy.grant(&asked, &approval(&asked, Answer::Deny), 1), Ok(None));
    let other = Approval { digest: "0".repeat(64), ..approval(&asked, run.clone()) };
    for (policy, question, approval, now, fault) in [
        (&policy, &asked, other, 1, GrantFault::OtherAction),
        (&policy, &bash, approval(&asked, run.clone()), 1, GrantFault::OtherAction),
        (&policy, &asked, approval(&asked, run), 1001, GrantFault::Late),
        (&policy, &asked, approval(&asked, Answer::Approve(Scope::Until(5))), 5, GrantFault::Over),
        (&policy, &asked, approval(&asked, prefix(&[])), 1, GrantFault::OtherPrefix),
        (&policy, &asked, approval(&asked, prefix(&["gh", "p"])), 1, GrantFault::OtherPrefix),
        (&policy, &path, approval(&path, prefix(&["x"])), 1, GrantFault::OtherPrefix),
        (&policy, &bash, approval(&bash, prefix(&["bash", "-c"])), 1, GrantFault::ExactOnly),
        (&policy, &renamed, approval(&renamed, prefix(&["gh"])), 1, GrantFault::ExactOnly),
        (&policy, &script, approval(&script, prefix(&["gh"])), 1, GrantFault::ExactOnly),
        (&bare, &asked, approval(&asked, prefix(&["gh"])), 1, GrantFault::ExactOnly),
    ] {
        assert_eq!(policy.grant(question, &approval, now), Err(fault), "{:?}", approval.answer);
    }
}

#[test]
fn the_risk_table_closes_a_review() {
    let table = r#"
version = 1
name = "built-in"
[[risk]]
class = "read"
then = "allow"
because = "reads"
[[risk]]
reversible = false
then = "deny"
because = "stays"
[[command]]
effect = "review"
program = ["a"]
class = "read"
because = "x"
matches = ["a"]
[[command]]
effect = "review"
program = ["b"]
class = "publish"
because = "x"
matches = ["b"]
[[command]]
effect = "review"
program = ["c"]
class = "install"
because = "x"
matches = ["c"]
[[command]]
effect = "review"
program = ["d"]
because = "x"
matches = ["d"]
"#;
    let policy = policy(&[("built-in", table)]);
    for (line, effect, line_of_table) in [
        ("exec -- a", Effect::Allow, 4),
        ("exec -- b", Effect::Deny, 8),
        ("exec -- c", Effect::Ask, 24),
        ("exec -- d", Effect::Deny, 8),
        ("exec -- e", Effect::Allow, 0),
    ] {
        let reviewed = policy.review(&judge(&policy, &action(line)));
        assert_eq!((reviewed.effect, reviewed.reason.line), (effect, line_of_table), "{line}");
    }
}

#[test]
fn profiles_that_are_missing_or_go_round() {
    let lookup = |name: &str| {
        let text = match name {
            "base" => "",
            "a" => "extends = [\"b\"]",
            "b" => "extends = [\"base\", \"a\"]",
            _ => return None,
        };
        Some(document(&format!("profile:{name}"), &format!("version = 1\nname = \"{name}\"\n{text}")))
    };
    let fails = |layer: Layer, text: &str| {
        Policy::assemble(vec![(layer, document("my", text))], &lookup, &place()).unwrap_err().to_string()
    };
    assert_eq!(
        fails(Layer::Person, "version = 1\nextends = [\"bsae\"]"),
        "my:2:12: this policy extends `bsae`, which does not exist\n  hint: did you mean `base`?"
    );
    assert_eq!(
        fails(Layer::Person, "version = 1\nextends = [\"a\"]"),
        "profile:b:3:20: profile `b` extends itself: `a` extends `b` extends `a`"
    );
    let rule = "version = 1\n[[command]]\neffect = \"allow\"\nprogram = [\"x\"]\nprofile = \"pusj\"\nbecause = \"x\"\n";
    assert_eq!(fails(Layer::Person, rule), "my:5:11: a rule of this policy names `pusj`, which does not exist");
    let call = "version = 1\nname = \"my\"\n[[call]]\nnames = [\"x\"]\nthen = \"allow\"\nbecause = \"x\"\n";
    assert!(fails(Layer::Contract, call).contains("my:3:1: a project's policy and a contract can't have [[call]]"));
}

#[test]
fn the_boundary() {
    let above = r#"
version = 1
name = "built-in"
[roots]
read = ["/usr", "/usr/lib", "$UNSET/x"]
exec = ["/usr/bin"]
write = ["@workspace"]
[network]
reach = "ports"
ports = [443]
[environment]
pass = ["PATH"]
drop = ["LD_*"]
set = { CACHE = "@temp/cache", LD_X = "1", A = "1" }
[limits]
nofile = 10
[kernel]
require = ["seccomp"]
[[path]]
hide = ["**/.env"]
because = "x"
matches = ["/a/.env"]
[[path]]
protect = ["@workspace/.git/hooks/**"]
because = "x"
matches = ["@workspace/.git/hooks/x"]
[[path]]
effect = "allow"
access = ["write"]
paths = ["~/.cache/x/**", "/a/*/b"]
because = "x"
[[unix]]
effect = "allow"
sockets = ["/run/a/*.sock", "/run/b/s"]
because = "x"
[[unix]]
effect = "deny"
sockets = ["/run/b/**"]
because = "x"
matches = ["/run/b/s"]
[[call]]
names = ["read"]
then = "allow"
because = "x"
"#;
    let below = "version = 1\n[limits]\nnofile = 5\n[environment]\nset = { A = \"2\" }\n[roots]\nwrite = [\"/srv\"]\n";
    let boundary = policy(&[("built-in", above), ("person", below), ("project", below)]).lower();
    let rights = |path: &str| boundary.roots.iter().find(|root| root.path == abs(path)).map(|root| root.rights);
    let none = Rights::default();
    assert_eq!(rights("/usr"), Some(Rights { read: true, ..none }));
    assert_eq!(rights("/usr/lib"), None, "it is covered by /usr");
    assert_eq!(rights("/usr/bin"), Some(Rights { read: true, execute: true, ..none }));
    assert_eq!(rights("/home/me/w"), Some(Rights { read: true, execute: true, write: true, ..none }));
    assert_eq!(rights("/home/me/.cache/x"), Some(Rights { read: true, write: true, ..none }));
    assert_eq!(rights("/srv").map(|r| r.write), Some(true));
    assert_eq!(boundary.hidden, ["/**/.env"]);
    assert_eq!(boundary.protected, ["/home/me/w/.git/hooks/**"]);
    assert_eq!(boundary.network.reach, Reach::Ports);
    assert_eq!(boundary.network.unix, ["/run/a/*.sock"]);
    assert_eq!(boundary.limits["nofile"], 5);
    let set: Vec<(&str, &str)> = boundary.environment.set.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(set, [("A", "2"), ("CACHE", "/tmp/run/cache")]);
    assert_eq!(boundary.calls.entries.len(), 1);
    assert_eq!(boundary.require.len(), 1);
    let json = serde_json::to_string(&boundary).unwrap();
    assert_eq!(serde_json::from_str::<tollgate_policy::boundary::Boundary>(&json).unwrap(), boundary);
}

#[test]
fn a_place_with_special_names() {
    let mut odd = place();
    odd.workspace =
        tollgate_policy::path::AbsPath::try_from(tollgate_policy::raw::Raw(b"/w/\xff[a]*\\x".to_vec())).unwrap();
    let text = "version = 1\n[roots]\nwrite = [\"@workspace\"]\n[[path]]\nprotect = [\"@workspace/*/hooks/**\"]\nbecause = \"x\"\nmatches = [\"@workspace/a/hooks/x\"]\n";
    let policy = Policy::assemble(vec![(Layer::BuiltIn, document("d", text))], &|_| None, &odd).unwrap();
    for (line, want) in [
        ("write /w/\\xff[a]*\\x5cx/file", Effect::Allow),
        ("write /w/\\xff[a]*\\x5cx/a/hooks/x", Effect::Deny),
        ("write /w/\\xffa/file", Effect::Ask),
    ] {
        assert_eq!(judge(&policy, &action(line)).effect, want, "{line}");
    }
}

#[test]
fn explain_says_who_lost_and_why() {
    let top = "version = 1\n[[command]]\neffect = \"ask\"\nprogram = [\"a\"]\nbecause = \"x\"\nmatches = [\"a\"]\n";
    let low = "version = 1\n[[command]]\neffect = \"allow\"\nprogram = [\"a\"]\nbecause = \"x\"\n";
    let told = policy(&[("built-in", top), ("project", low), ("person", low)]).explain(&action("exec -- a"));
    let lines: Vec<(bool, &str)> = told.rules.iter().map(|rule| (rule.won, rule.why.as_str())).collect();
    assert_eq!(
        lines,
        [(true, "it is the strictest floor"), (false, "a stricter rule won"), (false, "its layer may grant nothing"),]
    );
}

#[test]
fn canonical_json() {
    let value = serde_json::json!({ "b": [1, -2, true, null], "a": "\u{7}\n\"é", "\u{e000}": 1, "😀": 2 });
    let text = "{\"a\":\"\\u0007\\n\\\"é\",\"b\":[1,-2,true,null],\"😀\":2,\"\u{e000}\":1}";
    assert_eq!(canonical(&value).unwrap(), text);
    assert!(canonical(&serde_json::json!({ "x": [1.5] })).is_err());
}

#[test]
fn digests_differ_where_actions_do() {
    let lines = [
        "exec -- a b",
        "exec -- a \\xff",
        "exec -- ab",
        "exec writable -- a b",
        "exec at=/x -- a b",
        "read /a",
        "write /a",
    ];
    let mut digests: Vec<String> = lines.iter().map(|line| digest_of(&action(line))).collect();
    assert!(digests.iter().all(|digest| digest.len() == 64));
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), lines.len());
    let one = policy(&[("built-in", "version = 1")]).digest();
    let two = policy(&[("person", "version = 1")]).digest();
    assert_ne!(one, two);
}

#[test]
fn a_program_asked_for_by_digest() {
    let text = "version = 1\n[[command]]\neffect = \"deny\"\nprogram = [\"a\"]\nsha256 = \"aa00000000000000000000000000000000000000000000000000000000000000\"\nbecause = \"x\"\nmatches = [\"a\"]\n";
    let policy = policy(&[("built-in", text)]);
    for (line, want) in [("exec -- a", true), ("exec -- b", false)] {
        let tollgate_policy::action::Action::Exec(exec) = action(line) else { panic!("{line}") };
        assert_eq!(policy.wants_digest(&exec), want);
    }
    let starter = Document { starters: vec!["claude*".into()].into(), ..document("d", "version = 1") };
    let policy = Policy::assemble(vec![(Layer::BuiltIn, starter)], &|_| None, &place()).unwrap();
    assert!(policy.is_starter(&abs("/opt/claude-code")) && !policy.is_starter(&abs("/claude/x")));
}
