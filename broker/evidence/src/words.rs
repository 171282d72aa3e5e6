//! Which evidence a command calls for, and its words without the options that come before a subcommand.

use tollgate_policy::action::Exec;
use tollgate_policy::raw::Raw;

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

/// Package managers by name.
const MANAGERS: [&str; 20] = [
    "npm", "npx", "pnpm", "yarn", "bun", "bunx", "pip", "pip3", "uv", "uvx", "pipx", "poetry", "cargo", "gem",
    "bundle", "go", "composer", "deno", "twine", "conda",
];

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
    (of_packages && MANAGERS.contains(&name.as_str())).then_some(Kind::Packages)
}

/// What the program is called: of a script (npm is one) the script's name, else what it was called by.
pub(crate) fn name(exec: &Exec) -> String {
    let zero = exec.argv.first().and_then(Raw::text).unwrap_or_default();
    let last = zero.rsplit('/').next().unwrap_or_default();
    if last == "node" || last.starts_with("python") {
        let script = exec.argv.get(1).and_then(Raw::text).unwrap_or_default();
        let script = script.rsplit('/').next().unwrap_or_default();
        return script.trim_end_matches(".js").trim_end_matches("-cli").to_owned();
    }
    last.to_owned()
}

/// The words behind the program's name (and behind its script's).
pub(crate) fn rest(exec: &Exec) -> Vec<&str> {
    let zero = exec.argv.first().and_then(Raw::text).unwrap_or_default();
    let last = zero.rsplit('/').next().unwrap_or_default();
    let skip = if last == "node" || last.starts_with("python") { 2 } else { 1 };
    exec.argv.iter().skip(skip).filter_map(Raw::text).collect()
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
