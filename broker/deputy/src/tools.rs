//! Other tools, outside: options and settings by which a file or word of the sandbox would start a program out there, or
//! send what the person logs in with elsewhere.

mod grammar;
mod rsync;
mod ssh;

use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;

use crate::{Asking, Prepared, files, git, words};

/// What they run, or log in to, is written in files of the workspace: no card could show it.
const RUNNERS: [&str; 32] = [
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
    "ovsx",
    "yarn",
    "sftp",
    "mosh",
    "autossh",
    "dbclient",
    "sshfs",
    "ssh-copy-id",
];

/// Options of single tools that name programs, or settings that do; exact, or with `=`.
const OPTIONS: [(&[&str], &[&str]); 4] = [
    (&["helm"], &["--kubeconfig", "--post-renderer", "--repository-config", "--registry-config", "--plugins"]),
    (
        &["kubectl", "oc", "k9s", "flux", "argocd", "istioctl"],
        &["--kubeconfig", "--enable-exec", "--enable-helm", "--helm-command"],
    ),
    (
        &["docker", "podman", "nerdctl", "buildah", "skopeo", "docker-compose", "podman-compose"],
        &["--config", "--authfile"],
    ),
    (&["twine", "uv", "gem"], &["--config-file", "--config"]),
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
        refuse(&words, options)?;
    }
    if is(&["scp"]) {
        ssh::scp(&words)?;
    }
    if is(&["ssh"]) {
        ssh::ssh(&words)?;
    }
    if is(&["rsync"]) {
        rsync::rsync(&words, asking.exec.cwd.as_path())?;
    }
    if is(&["gh", "glab", "hub", "tea"]) {
        git::around(asking, prepared)?;
    }
    if is(&["cargo", "rustup"]) {
        cargo(asking, &words, prepared)?;
    }
    if is(&["npm", "npm-cli.js", "pnpm", "pnpm.cjs", "bun"]) {
        npm(asking, &words, prepared)?;
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

fn not_taken(word: &str) -> String {
    format!("the option `{}` is not taken outside", word.escape_debug())
}

/// cargo reads `.cargo/config.toml` of every folder above, and rustup `rust-toolchain`: they name programs and registries.
fn cargo(asking: &Asking<'_>, words: &[&str], prepared: &mut Prepared) -> Result<(), String> {
    const NAMES: [&str; 14] = [
        "credential",
        "regist",
        "source",
        "rustc",
        "rustdoc",
        "wrapper",
        "linker",
        "runner",
        "http",
        "net",
        "include",
        "alias",
        "env",
        "path",
    ];
    refuse(words, &["--config", "-Z", "--index"])?;
    let above = asking.exec.cwd.as_path().ancestors();
    for folder in above.take_while(|folder| AbsPath::new(folder).is_ok_and(|folder| (asking.changeable)(&folder))) {
        for name in [".cargo/config.toml", ".cargo/config", "rust-toolchain.toml", "rust-toolchain"] {
            let Some(text) = files::text(&folder.join(name), &|_| true)? else { continue };
            let lower = text.to_ascii_lowercase();
            if let Some(found) = NAMES.iter().find(|key| lower.contains(**key)) {
                return Err(format!(
                    "{} says `{found}…`, and cargo would follow it outside",
                    folder.join(name).display()
                ));
            }
            files::add(&folder.join(name), prepared)?;
        }
    }
    if words.first() == Some(&"publish") && !words.contains(&"--no-verify") {
        insert(prepared, "publish", "--no-verify");
        prepared.fact(
            "not run",
            "the crate's build script: it is published with --no-verify; `cargo package` inside verifies it",
        );
    } else if words.contains(&"publish") && !words.contains(&"--no-verify") {
        return Err("write `cargo publish --no-verify …`: the crate's build script is not run outside".into());
    }
    Ok(())
}

/// npm reads the project's `.npmrc`, and runs the package's scripts when it publishes.
fn npm(asking: &Asking<'_>, words: &[&str], prepared: &mut Prepared) -> Result<(), String> {
    const HARMLESS: [&str; 14] = [
        "access",
        "audit",
        "auto-install-peers",
        "engine-strict",
        "fund",
        "legacy-peer-deps",
        "lockfile",
        "loglevel",
        "package-lock",
        "progress",
        "save-exact",
        "save-prefix",
        "strict-peer-dependencies",
        "tag-version-prefix",
    ];
    let publishes = words.iter().any(|word| {
        [
            "publish",
            "unpublish",
            "deprecate",
            "dist-tag",
            "owner",
            "access",
            "token",
            "login",
            "adduser",
            "logout",
            "profile",
            "star",
        ]
        .contains(word)
    });
    if !publishes {
        return Ok(());
    }
    refuse(
        words,
        &["--userconfig", "--globalconfig", "--prefix", "-C", "--dir", "--script-shell", "--node-options", "--git"],
    )?;
    let above = asking.exec.cwd.as_path().ancestors();
    for folder in above.take_while(|folder| AbsPath::new(folder).is_ok_and(|folder| (asking.changeable)(&folder))) {
        let Some(text) = files::text(&folder.join(".npmrc"), &|_| true)? else { continue };
        let odd =
            text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';'])).find(|line| {
                let key = line.split('=').next().unwrap_or_default().trim();
                !HARMLESS.contains(&key)
            });
        if odd.is_some() {
            let file = folder.join(".npmrc");
            return Err(format!(
                "{} says more than is followed outside (a registry, a token, a program)",
                file.display()
            ));
        }
        files::add(&folder.join(".npmrc"), prepared)?;
    }
    if words.first() == Some(&"publish") {
        insert(prepared, "publish", "--ignore-scripts");
        prepared
            .fact("not run", "the package's scripts: it is published with --ignore-scripts; run them inside before");
    } else if words.contains(&"publish") {
        return Err("write `publish` first: the package's scripts are not run outside".into());
    }
    Ok(())
}

/// Puts an option behind a word.
fn insert(prepared: &mut Prepared, behind: &str, option: &str) {
    if let Some(at) = prepared.argv.iter().position(|word| word.text() == Some(behind)) {
        prepared.argv.insert(at + 1, Raw::from(option));
        let line = prepared.argv.iter().map(crate::word).collect::<Vec<_>>().join(" ");
        prepared.fact("outside as", line);
    }
}
