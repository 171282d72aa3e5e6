//! The way to a question: the exact command that a program inside may use to ask a person for what was refused.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use tollgate_policy::action::{Access, Action, Connect, Target};

use crate::neutral;

/// Longest command that is named; what is longer is asked for by trying it.
const LONGEST: usize = 400;

/// The program's name as it is found inside: bare where `PATH` leads to it.
fn program() -> String {
    let Ok(own) = std::env::current_exe() else { return "tollgate".to_owned() };
    let id = |path: &Path| std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("tollgate")).find(|at| at.exists());
    let bare = found.is_some_and(|found| id(&found).is_some() && id(&found) == id(&own));
    match own.to_str() {
        Some(own) if !bare => neutral::command([own.as_bytes()]),
        Some(_) | None => "tollgate".to_owned(),
    }
}

/// The words behind the program's name; none where nothing of the kind can be asked for.
fn words(what: &Action) -> Option<Vec<Vec<u8>>> {
    let plain = |words: &[&str]| Some(words.iter().map(|word| word.as_bytes().to_vec()).collect());
    match what {
        Action::Path(access) if access.access == Access::Write => {
            plain(&["request", "path", access.path.as_path().to_str()?])
        }
        Action::Connect(connect) => plain(&["request", "host", &host(connect)?]),
        Action::Exec(exec) => {
            let lead = ["request", "command", "--"].map(|word| word.as_bytes().to_vec());
            Some(lead.into_iter().chain(exec.argv.iter().map(|word| word.bytes().to_vec())).collect())
        }
        Action::Path(_) | Action::Call(_) | Action::Tool(_) => None,
    }
}

/// `tollgate request …` for it, in neutral text; none where nothing of the kind can be asked for, or the command is too long to
/// be named.
#[must_use]
pub fn request(what: &Action) -> Option<String> {
    let words = neutral::command(words(what)?.iter().map(Vec::as_slice));
    let reason = if matches!(what, Action::Exec(_)) { "" } else { " --reason TEXT" };
    Some(format!("{} {words}{reason}", program())).filter(|command| command.len() <= LONGEST)
}

fn host(connect: &Connect) -> Option<String> {
    match &connect.target {
        Target::Name(name) => Some(format!("{name}:{}", connect.port)),
        Target::Address(address) if address.is_ipv6() => Some(format!("[{address}]:{}", connect.port)),
        Target::Address(address) => Some(format!("{address}:{}", connect.port)),
        Target::Unix(_) | Target::Abstract(_) => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use tollgate_policy::action::PathAccess;
    use tollgate_policy::path::AbsPath;

    use super::*;

    fn line(what: &Action) -> Option<String> {
        words(what).map(|words| neutral::command(words.iter().map(Vec::as_slice)))
    }

    #[test]
    fn what_can_be_asked_for_is_named() {
        let path = |text: &str, access| Action::Path(PathAccess { path: AbsPath::new(text).unwrap(), access });
        let connect = |target, port| Action::Connect(Connect { target, port });
        for (what, expected) in [
            (path("/srv/a b", Access::Write), Some("request path '/srv/a b'")),
            (path("/srv/x", Access::Read), None),
            (connect(Target::Name("a.example".into()), 8443), Some("request host a.example:8443")),
            (connect(Target::Address("192.0.2.1".parse().unwrap()), 22), Some("request host 192.0.2.1:22")),
            (connect(Target::Address("2001:db8::1".parse().unwrap()), 22), Some("request host '[2001:db8::1]:22'")),
            (connect(Target::Abstract("x".into()), 0), None),
        ] {
            assert_eq!(line(&what).as_deref(), expected);
        }
    }
}
