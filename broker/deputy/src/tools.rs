//! Other tools, outside: options and settings by which a file or word of the sandbox would start a program out there, or
//! send what the person logs in with elsewhere.

use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;

use crate::{Asking, Prepared, files, git, words};

/// What they run, or log in to, is written in files of the workspace: no card could show it.
const RUNNERS: [&str; 31] = [
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
    if is(&["ssh", "scp"]) {
        ssh(&words, is(&["scp"]))?;
    }
    if is(&["rsync"]) {
        rsync(&words)?;
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

/// ssh's own options (`ssh(1)`, `scp(1)`): none that starts a program here, or reads settings that the sandbox wrote.
fn ssh(words: &[&str], copies: bool) -> Result<(), String> {
    const SETTINGS: [&str; 18] = [
        "addressfamily",
        "batchmode",
        "compression",
        "connectionattempts",
        "connecttimeout",
        "identitiesonly",
        "identityfile",
        "loglevel",
        "numberofpasswordprompts",
        "port",
        "preferredauthentications",
        "requesttty",
        "sendenv",
        "serveralivecountmax",
        "serveraliveinterval",
        "setenv",
        "stricthostkeychecking",
        "user",
    ];
    let (valued, refused) = if copies { ("cDFiJloPSX", "DFSX") } else { ("BbcDEeFIiJLlmOoPpQRSWw", "EFIOQS") };
    let mut left = words.iter().copied();
    while let Some(word) = left.next() {
        let Some(cluster) = word.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
            if copies {
                continue;
            }
            return Ok(());
        };
        let letters = cluster.char_indices();
        for (at, letter) in letters {
            if refused.contains(letter) {
                return Err(not_taken(word));
            }
            if valued.contains(letter) {
                let behind = cluster.get(at + letter.len_utf8()..).unwrap_or_default();
                let value = if behind.is_empty() { left.next().unwrap_or_default() } else { behind };
                let key = value.trim_start().split(|c: char| c == '=' || c.is_whitespace()).next().unwrap_or_default();
                if letter == 'o' && !SETTINGS.contains(&key.to_ascii_lowercase().as_str()) {
                    return Err(format!("ssh's setting `{}` is not taken outside", key.escape_debug()));
                }
                break;
            }
        }
    }
    Ok(())
}

/// `-e` starts a program; ssh is the one that is meant.
fn rsync(words: &[&str]) -> Result<(), String> {
    refuse(words, &["--daemon", "--password-file", "--config"])?;
    let mut left = words.iter().copied();
    while let Some(word) = left.next() {
        let shell = match word.split_once('=') {
            Some(("--rsh", shell)) => Some(shell),
            _ if word == "--rsh" || word == "-e" => Some(left.next().unwrap_or_default()),
            _ if word.starts_with('-') && !word.starts_with("--") && word.contains('e') => return Err(not_taken(word)),
            _ => None,
        };
        if shell.is_some_and(|shell| shell != "ssh") {
            return Err(not_taken(word));
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssh_starts_nothing_here() {
        let table: [(&str, bool); 15] = [
            ("host uptime", true),
            ("-p 22 -i key git@host git-receive-pack x", true),
            ("-oBatchMode=yes -o ConnectTimeout=5 host", true),
            ("-tt -l me host -oProxyCommand=x", true), // behind the host it is the other side's
            ("-oProxyCommand=x host", false),
            ("-o proxycommand=x host", false),
            ("-o LocalCommand=x host", false),
            ("-o", false),
            ("-F cfg host", false),
            ("-vF cfg host", false),
            ("-Fcfg host", false),
            ("-I lib.so host", false),
            ("-S sock host", false),
            ("-E log host", false),
            ("-vvTp22 host", true),
        ];
        for (line, fine) in table {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(ssh(&words, false).is_ok(), fine, "ssh {line}");
        }
        for (line, fine) in [("a host:b", true), ("a host:b -S x", false), ("-D x a b", false), ("-rP 22 a b", true)] {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(ssh(&words, true).is_ok(), fine, "scp {line}");
        }
    }

    #[test]
    fn rsync_starts_ssh_only() {
        for (line, fine) in [
            ("-e ssh a h:b", true),
            ("--rsh=ssh a h:b", true),
            ("-e ./x a h:b", false),
            ("--rsh ./x a h:b", false),
            ("-ave ./x a h:b", false),
            ("--daemon", false),
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(rsync(&words).is_ok(), fine, "rsync {line}");
        }
    }
}
