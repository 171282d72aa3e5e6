//! Which evidence a command calls for, and its words without the options that come before a subcommand.

use tollgate_policy::action::Exec;
use tollgate_policy::raw::Raw;

use crate::options;

/// Which evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `git push` and its like.
    Push,
    /// Git commands, or `rm`, that destroy work.
    Destructive,
    /// Package managers.
    Packages,
}

/// Options of git before its subcommand that take a value of their own (git(1)).
const VALUED: [&str; 8] =
    ["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--config-env", "--attr-source"];

/// Which evidence a command calls for.
pub(crate) fn kind(exec: &Exec, class: Option<&str>) -> Option<Kind> {
    let name = name(exec);
    if name == "git" || name.starts_with("git-") {
        let call = Git::of(exec)?;
        return match call.verb.as_str() {
            "push" | "send-pack" | "http-push" => Some(Kind::Push),
            _ if class == Some("destructive") => Some(Kind::Destructive),
            _ => None,
        };
    }
    if name == "rm" && class == Some("destructive") {
        return Some(Kind::Destructive);
    }
    let of_packages = matches!(class, Some("install" | "publish" | "network"));
    (of_packages && options::tool(&name).is_some()).then_some(Kind::Packages)
}

/// What the program is called: of a script (npm is one) or module the other's name, else what it was called by.
pub(crate) fn name(exec: &Exec) -> String {
    called(exec).0
}

/// The words behind the program's name (and behind its script's).
pub(crate) fn rest(exec: &Exec) -> Vec<&str> {
    exec.argv.iter().skip(called(exec).1).map(|word| word.text().unwrap_or("\u{fffd}")).collect()
}

/// The name, and how many words stand before those that are its own.
fn called(exec: &Exec) -> (String, usize) {
    let word = |at: usize| exec.argv.get(at).and_then(Raw::text).unwrap_or_default();
    let last = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let zero = last(word(0));
    let script = |at: usize| (last(word(at)).trim_end_matches(".js").trim_end_matches("-cli").to_owned(), at + 1);
    if zero == "node" {
        return script(1);
    }
    if !zero.starts_with("python") {
        return (zero, 1);
    }
    // `python3 -I -m pip`, `-Im pip`, `-mpip`; `-W` and `-X` take a value
    let mut at = 1;
    while let Some(letters) = word(at).strip_prefix('-').filter(|rest| !rest.starts_with('-')) {
        match letters.find(['m', 'c', 'W', 'X']).map(|end| letters.split_at(end)) {
            Some((_, "m")) => return (word(at + 1).to_owned(), at + 2),
            Some((_, module)) if module.starts_with('m') => return (module.trim_start_matches('m').to_owned(), at + 1),
            Some((_, "W" | "X")) => at += 2,
            Some(_) | None => at += 1,
        }
    }
    script(at)
}

/// A command line of git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Git {
    /// Directories of `-C`, in order.
    pub(crate) directories: Vec<String>,
    /// The subcommand.
    pub(crate) verb: String,
    /// What follows it.
    pub(crate) rest: Vec<String>,
    /// Options before the subcommand that say which repository or which settings count.
    pub(crate) odd: Vec<String>,
}

impl Git {
    pub(crate) fn of(exec: &Exec) -> Option<Self> {
        let zero = name(exec);
        let mut words = exec.argv.iter().skip(1).map(|word| word.text().unwrap_or("?").to_owned());
        if let Some(verb) = zero.strip_prefix("git-") {
            return Some(Self {
                directories: Vec::new(),
                verb: verb.to_owned(),
                rest: words.collect(),
                odd: Vec::new(),
            });
        }
        let (mut directories, mut odd) = (Vec::new(), Vec::new());
        loop {
            let word = words.next()?;
            if word == "-C" {
                directories.push(words.next()?);
            } else if VALUED.contains(&word.as_str()) {
                let value = words.next()?;
                odd.push(format!("{word} {value}"));
            } else if !word.starts_with('-') {
                return Some(Self { directories, verb: word, rest: words.collect(), odd });
            } else if word == "--bare" || word.split_once('=').is_some_and(|(name, _)| VALUED.contains(&name)) {
                odd.push(word);
            }
        }
    }

    /// Whether one of these options is there: as itself, cut short as git takes it, with a value, or in a cluster of
    /// short ones.
    pub(crate) fn has(&self, options: &[&str]) -> bool {
        let before_paths = self.rest.iter().take_while(|word| *word != "--");
        before_paths.into_iter().any(|word| {
            options.iter().any(|option| {
                if option.starts_with("--") {
                    let name = word.split('=').next().unwrap_or_default();
                    name == *option || name.len() > 2 && option.starts_with(name)
                } else {
                    let letter = option.trim_start_matches('-');
                    // behind the letter of an option with a value, this is what stands
                    let cluster = word.split(if self.verb == "clean" { 'e' } else { 'o' }).next().unwrap_or_default();
                    word.starts_with('-') && !word.starts_with("--") && cluster.contains(letter)
                }
            })
        })
    }

    /// The words that are no options.
    pub(crate) fn plain(&self) -> Vec<&str> {
        self.rest.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect()
    }
}

#[cfg(test)]
mod tests {
    use tollgate_policy::action::{Form, Image};
    use tollgate_policy::path::AbsPath;

    use super::*;

    #[test]
    fn programs_are_known_by_what_they_run() {
        for (line, called, behind) in [
            ("/usr/bin/pip3 install x", "pip3", "install x"),
            ("node /usr/lib/npm-cli.js i x", "npm", "i x"),
            ("python3 /usr/bin/pip install x", "pip", "install x"),
            ("python3 -m pip install x", "pip", "install x"),
            ("python3 -X dev -Im pip install x", "pip", "install x"),
            ("python3.11 -mpip install x", "pip", "install x"),
        ] {
            let Ok(cwd) = AbsPath::new("/") else { return };
            let image = Image { executable: None, form: Form::Native, writable: false, sha256: None };
            let argv = line.split(' ').map(Raw::from).collect();
            let exec = Exec { given: Raw::from("x"), image, argv, cwd };
            assert_eq!((name(&exec).as_str(), rest(&exec).join(" ").as_str()), (called, behind), "{line}");
        }
    }
}
