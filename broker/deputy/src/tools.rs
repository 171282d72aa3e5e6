//! Other tools, outside: options and settings by which a file or word of the sandbox would start a program out there, or
//! send what the person logs in with elsewhere.

mod cargo;
mod clouds;
mod grammar;
mod npm;
mod python;
mod rsync;
mod ssh;

use std::path::Path;

use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;

use crate::{Asking, Prepared, files, git, words};

/// What they run, or log in to, is written in files of the workspace: no card could show it.
const RUNNERS: [&str; 35] = [
    "terraform",
    "tofu",
    "terragrunt",
    "pulumi",
    "cdk",
    "serverless",
    "sls",
    "ansible",
    "ansible-playbook",
    "vercel",
    "netlify",
    "firebase",
    "wrangler",
    "helmfile",
    "skaffold",
    "tilt",
    "maturin",
    "hatch",
    "poetry",
    "pdm",
    "flit",
    "mix",
    "dart",
    "vsce",
    "deno",
    "nuget",
    "hub",
    "ovsx",
    "yarn",
    "sftp",
    "mosh",
    "autossh",
    "dbclient",
    "sshfs",
    "ssh-copy-id",
];

/// Options of single tools that name programs, or settings that do; any beginning of a long one counts, as some take it.
const OPTIONS: [(&[&str], &[&str]); 4] = [
    (&["uv", "gem"], &["--config-file", "--config"]),
    (&["doctl"], &["--config", "-c", "--api-url", "-u"]),
    (&["s3cmd"], &["--config", "-c", "--host", "--host-bucket"]),
    (&["gcloud", "gsutil", "bq"], &["--flags-file", "--flagfile", "--bigqueryrc", "-o"]),
];

/// Files that a tool reads unasked, where they lie in its directory.
const UNASKED: [(&[&str], &[&str]); 3] = [
    (
        &["docker", "docker-compose", "podman", "podman-compose", "nerdctl", "buildah"],
        &[
            "Dockerfile",
            "Containerfile",
            ".env",
            "compose.yaml",
            "compose.yml",
            "docker-compose.yaml",
            "docker-compose.yml",
            "compose.override.yaml",
            "docker-compose.override.yml",
            "docker-bake.hcl",
        ],
    ),
    (&["npm", "pnpm", "bun"], &["package.json"]),
    (&["cargo"], &["Cargo.toml", "Cargo.lock"]),
];

/// Makes it ready.
///
/// # Errors
/// Why it can't go outside.
pub(crate) fn prepare(asking: &Asking<'_>, names: &[String], prepared: &mut Prepared) -> Result<(), String> {
    let is = |list: &[&str]| names.iter().any(|name| list.contains(&name.as_str()));
    if let Some(runner) = names.iter().find(|name| RUNNERS.contains(&name.as_str())) {
        return Err(format!(
            "`{runner}` is not run outside: files or words that the sandbox can change say what it starts"
        ));
    }
    let words = words(asking.exec)?;
    for (_, options) in OPTIONS.iter().filter(|(tools, _)| is(tools)) {
        refuse_beginnings(&words, options)?;
    }
    clouds::prepare(asking, (&words, names), prepared)?;
    if is(&["scp"]) {
        ssh::scp(&words)?;
    }
    if is(&["ssh"]) {
        ssh::ssh(&words)?;
    }
    if is(&["rsync"]) {
        rsync::rsync(&words, asking.exec.cwd.as_path())?;
    }
    if is(&["gh", "glab", "tea"]) {
        // behind it stand options of git's or ssh's
        refuse(&words, &["--"])?;
        git::around(asking, prepared)?;
    }
    if is(&["cargo", "rustup"]) {
        cargo::prepare(asking, &words, prepared)?;
    }
    let of_its_kind =
        |name: &&String| ["pnpm", "bun", "corepack", "npm.js"].iter().any(|other| name.starts_with(other));
    if is(&["npm", "npm-cli.js", "pnpm", "pnpm.cjs", "bun"]) {
        npm::prepare(asking, (&words, names.iter().find(of_its_kind)), prepared)?;
    }
    if names.iter().any(|name| name.starts_with("python") || name.starts_with("pypy") || name == "py") {
        python::interpreter(asking, &words, prepared)?;
    }
    if is(&["twine"]) {
        python::twine(&words)?;
    }
    if is(&["uv"]) {
        python::uv(&words, prepared)?;
    }
    if is(&["gem"]) {
        python::gem(&words, prepared)?;
    }
    for (_, unasked) in UNASKED.iter().filter(|(tools, _)| is(tools)) {
        files::there(asking, unasked, prepared)?;
    }
    Ok(())
}

fn refuse(words: &[&str], options: &[&str]) -> Result<(), String> {
    let found = words.iter().find(|word| options.contains(&word.split('=').next().unwrap_or_default()));
    found.map_or(Ok(()), |word| Err(not_taken(word)))
}

fn refuse_beginnings(words: &[&str], options: &[&str]) -> Result<(), String> {
    let begins = |word: &str| {
        let name = word.split('=').next().unwrap_or_default();
        options.iter().any(|option| match option.strip_prefix("--") {
            Some(_) => name.len() > 2 && option.starts_with(name),
            None => name.starts_with(option) && !name.starts_with("--"),
        })
    };
    words.iter().find(|word| begins(word)).map_or(Ok(()), |word| Err(not_taken(word)))
}

fn not_taken(word: &str) -> String {
    format!("the option `{}` is not taken outside", word.escape_debug())
}

/// The folders from the command's own up that the sandbox can change.
fn above<'a>(asking: &'a Asking<'_>) -> impl Iterator<Item = &'a Path> {
    let folders = asking.exec.cwd.as_path().ancestors();
    folders.take_while(|folder| AbsPath::new(folder).is_ok_and(|folder| (asking.changeable)(&folder)))
}

/// Puts options behind a word.
fn insert(prepared: &mut Prepared, behind: &str, options: &[&str]) {
    if let Some(at) = prepared.argv.iter().position(|word| word.text() == Some(behind)) {
        let at = at + 1;
        prepared.argv.splice(at..at, options.iter().map(|option| Raw::from(*option)));
        outside_as(prepared);
    }
}

/// Shows the words as they have become.
fn outside_as(prepared: &mut Prepared) {
    let line = prepared.argv.iter().map(crate::word).collect::<Vec<_>>().join(" ");
    prepared.fact("outside as", line);
}

#[cfg(test)]
mod tests {
    use tollgate_policy::action::{Exec, Form, Image};

    use super::*;

    #[test]
    fn each_tool_is_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let at = AbsPath::new(dir.path().canonicalize().unwrap()).unwrap();
        for (line, fine) in [
            ("gh pr create --fill", true),
            ("gh repo clone o/r -- -c core.sshCommand=x", false),
            ("glab repo clone o/r -- --upload-pack=x", false),
            ("hub push origin", false),
            ("deno publish", false),
            ("pnpm publish", false),
            ("bun publish", false),
            ("pnpm install", true),
            ("python3.12 -m twine upload x", false),
            ("twine upload x --conf=y", false),
            ("uv publish --config-file=x", false),
            ("gem push --config-file x y", false),
            ("cargo +./tc publish", false),
            ("npm publish --userconf=x", false),
            ("kubectl get pods -s https://x", false),
            ("podman --runtime=x ps", false),
            ("rclone ls :sftp,ssh=x:", false),
            ("az extension add --source x", false),
            ("s3cmd --conf=x ls", false),
            ("doctl -cx account get", false),
            ("ssh host -Fx", false),
            ("scp -Sx a h:", false),
            ("rsync --daemon", false),
        ] {
            let argv = line.split(' ').map(Raw::from).collect();
            let image = Image { executable: None, form: Form::Native, writable: false, sha256: None };
            let exec = Exec { given: Raw::from("x"), image, argv, cwd: at.clone() };
            let names = [line.split(' ').next().unwrap().to_owned()];
            let asking = Asking { exec: &exec, changeable: &|path| path.is_within(&at) };
            let told = prepare(&asking, &names, &mut Prepared::default());
            assert_eq!(told.is_ok(), fine, "{line}: {told:?}");
        }
    }

    #[test]
    fn a_beginning_is_the_option() {
        for (line, fine) in [
            ("sync x --verbose", true),
            ("--con=x sync", false),
            ("--config x sync", false),
            ("-crc sync", false),
            ("sync -- x", true),
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(refuse_beginnings(&words, &["--config", "-c"]).is_ok(), fine, "{line}");
        }
    }
}
