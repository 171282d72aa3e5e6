//! `tollgate request`, as the gate sees it: its exec is held like any other crossing, and the question is about what its
//! words name. It can raise a question and never answer one: with a yes the program runs and says so, with a no its exec
//! fails. A yes leaves a grant, which covers the attempt that follows.

use tollgate_ledger::record::Event;
use tollgate_policy::action::{Access, Action, Connect, Exec, Form, PathAccess, Target};
use tollgate_policy::grant::Grants;
use tollgate_policy::path::AbsPath;
use tollgate_policy::verdict::{Effect, Verdict};
use tollgate_sys::notify::Notification;

use crate::exec::{Judged, NEXT_RULE, why};
use crate::gate::Gate;
use crate::hold::{Held, Then};
use crate::record::now;

/// Longest reason, in characters.
const REASON: usize = 500;

/// What is asked for, and the agent's reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) what: Action,
    pub(crate) shown: String,
    pub(crate) says: String,
}

/// What a command line of `tollgate request` asks for; none for any other command, and for `request command`, whose own
/// exec raises the question.
pub(crate) fn wanted(exec: &Exec) -> Option<Result<Wanted, String>> {
    let words: Vec<&str> = exec.argv.iter().map(|word| word.text().unwrap_or_default()).collect();
    let name = words.first()?.rsplit('/').next()?;
    if name != "tollgate" || words.get(1) != Some(&"request") || exec.image.form != Form::Native {
        return None;
    }
    let kind = *words.get(2)?;
    if !["path", "host"].contains(&kind) {
        return None;
    }
    let (mut target, mut says) = (None, String::new());
    let mut rest = words.iter().skip(3);
    while let Some(word) = rest.next() {
        match *word {
            "--reason" => says = rest.next().map(|text| (*text).to_owned()).unwrap_or_default(),
            word if word.starts_with("--reason=") => word.get(9..).unwrap_or_default().clone_into(&mut says),
            "-h" | "--help" => return None,
            "--json" => {}
            word => target = Some(word),
        }
    }
    let says: String = says.chars().take(REASON).collect();
    let target = target?;
    let what = if kind == "path" { path(exec, target) } else { host(target) };
    Some(what.map(|what| Wanted { shown: shown(&what), what, says }))
}

fn shown(what: &Action) -> String {
    match what {
        Action::Path(access) => format!("to write {:?}", access.path),
        Action::Connect(connect) => format!("to connect to {}", tollgate_wire::card::target(connect)),
        Action::Exec(_) | Action::Call(_) | Action::Tool(_) => String::new(),
    }
}

/// A path as the caller names it, with the part that is there resolved.
fn path(exec: &Exec, target: &str) -> Result<Action, String> {
    let full = exec.cwd.as_path().join(target);
    let (mut there, mut behind) = (full.as_path(), Vec::new());
    let real = loop {
        if let Ok(real) = there.canonicalize() {
            break real;
        }
        let (Some(parent), Some(name)) = (there.parent(), there.file_name()) else {
            return Err(format!("`{}` is no path", target.escape_debug()));
        };
        behind.push(name.to_owned());
        there = parent;
    };
    let whole = behind.iter().rev().fold(real, |at, name| at.join(name));
    let path = AbsPath::new(whole).map_err(|e| e.to_string())?;
    Ok(Action::Path(PathAccess { path, access: Access::Write }))
}

/// `example.com`, `example.com:8443`: port 443 where none is given.
fn host(target: &str) -> Result<Action, String> {
    let (name, port) = match target.rsplit_once(':') {
        // an IPv6 address with a port stands in brackets
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
            (name, port.parse().map_err(|_| format!("`{}` is no port", port.escape_debug()))?)
        }
        _ => (target, 443),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let target = if let Ok(address) = name.trim_matches(['[', ']']).parse() {
        Target::Address(address)
    } else {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if name.is_empty() || name.len() > 253 || !name.bytes().all(plain) {
            return Err(format!("`{}` is no host", name.escape_debug()));
        }
        Target::Name(name)
    };
    Ok(Action::Connect(Connect { target, port }))
}

impl Gate<'_> {
    /// Asks for what the words name.
    pub(crate) fn request(&mut self, call: Notification, judged: Judged, wanted: Result<Wanted, String>) {
        let wanted = match wanted {
            Ok(wanted) => wanted,
            Err(why) => {
                self.say(
                    call.tid,
                    "to ask",
                    &why,
                    "name a path, or a host with its port: `tollgate request host example.com:443`",
                );
                return self.refuse(&call, libc::EINVAL);
            }
        };
        let Wanted { what, shown, says } = wanted;
        let mut verdict = self.run.policy.judge(&self.run.subject, &what, &Grants::default(), now());
        match verdict.effect {
            Effect::Allow if !self.is_within_walls(&what) => verdict.effect = Effect::Ask,
            Effect::Allow => return self.let_on(&call, judged, None),
            Effect::Review | Effect::Ask => {}
            Effect::Deny => return self.deny_request(&call, (&shown, what, verdict), judged.action),
        }
        let action = judged.action;
        self.cross_with(Held::new(call, action, (what, shown), verdict, Then::Request(Box::new(judged), says)));
    }

    /// A rule says no: nobody is asked.
    fn deny_request(&mut self, call: &Notification, (shown, what, verdict): (&str, Action, Verdict), action: u64) {
        let denied = Event::Denied { action, pid: call.tid.unsigned_abs(), what, verdict: verdict.clone() };
        if let Err(unwritten) = self.pen.durable(denied) {
            self.broken(unwritten);
        }
        self.say(call.tid, shown, &why(&verdict), NEXT_RULE);
        self.refuse(call, libc::EPERM);
    }

    /// Whether the boundary itself lets it be done: what policy allows may lie outside the roots all the same.
    fn is_within_walls(&self, what: &Action) -> bool {
        match what {
            Action::Path(access) => self.programs.beneath_writable(&access.path),
            Action::Connect(_) | Action::Exec(_) | Action::Call(_) | Action::Tool(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_policy::action::Image;

    fn exec(line: &str) -> Exec {
        let image = Image { executable: None, form: Form::Native, writable: false, sha256: None };
        Exec { given: "x".into(), image, argv: line.split(' ').map(Into::into).collect(), cwd: AbsPath::root() }
    }

    #[test]
    fn requests_are_read() {
        for (line, shown) in [
            ("tollgate request host Example.COM.:8443", Some("to connect to example.com:8443")),
            ("/usr/bin/tollgate request host example.com --reason x", Some("to connect to example.com:443")),
            ("tollgate request host 192.0.2.1:22", Some("to connect to 192.0.2.1:22")),
            ("tollgate request host [2001:db8::1]:22", Some("to connect to [2001:db8::1]:22")),
            ("tollgate request host 2001:db8::1", Some("to connect to [2001:db8::1]:443")),
            ("tollgate request path /nonexistent/x", Some("to write \"/nonexistent/x\"")),
            ("tollgate request host a/b", None),
            ("tollgate request host a:b", None),
        ] {
            let wanted = wanted(&exec(line)).and_then(Result::ok);
            assert_eq!(wanted.map(|wanted| wanted.shown).as_deref(), shown, "{line}");
        }
        for other in ["tollgate run -- x", "tollgate request command -- x", "echo request path /x", "tollgate request"]
        {
            assert_eq!(wanted(&exec(other)), None, "{other}");
        }
    }
}
