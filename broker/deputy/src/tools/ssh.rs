//! ssh and scp: they start programs and read settings by their options, and go on looking for options behind the host.

use super::grammar::{Given, Grammar};
use super::not_taken;

/// `ssh(1)`, without what starts a program here, reads or writes files that words name, hands on the agent or the display,
/// lets the other side in, or stays behind; nor `-P`, which takes a value in some versions and in others not.
const SSH: Grammar = Grammar { flags: "46aCGkNnqsTtVvx", valued: "BbcDeiJLlmopW", long: &[], long_valued: &[] };

/// `scp(1)`, likewise.
const SCP: Grammar = Grammar { flags: "346BCOpqRrTv", valued: "ciJloP", long: &[], long_valued: &[] };

/// `ssh_config(5)`: settings for `-o`.
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

/// Looks at ssh's words.
///
/// # Errors
/// What of them is not taken outside.
pub(crate) fn ssh(words: &[&str]) -> Result<(), String> {
    let before = SSH.leading(words)?;
    each(&before.options)?;
    let Some((host, behind)) = before.rest.split_first() else { return Ok(()) };
    destination(host)?;
    // up to the other side's command, or `--`: one before the host ends nothing (ssh.c, `again:`)
    each(&SSH.leading(behind)?.options)
}

/// Looks at scp's words.
///
/// # Errors
/// As [`ssh`].
pub(crate) fn scp(words: &[&str]) -> Result<(), String> {
    let (options, plain) = SCP.anywhere(words)?;
    each(&options)?;
    plain.iter().try_for_each(|word| place(word))
}

/// A file, here or on another machine.
///
/// # Errors
/// A host that could be read as an option.
pub(crate) fn place(word: &str) -> Result<(), String> {
    if word.starts_with('-') {
        return Err(not_taken(word));
    }
    let url = ["scp://", "rsync://", "sftp://", "ssh://"].iter().find_map(|scheme| word.strip_prefix(scheme));
    if let Some(url) = url {
        return destination(url.split('/').next().unwrap_or_default());
    }
    match word.split_once(':') {
        Some((host, _)) if !host.contains('/') => destination(host),
        Some(_) | None => Ok(()),
    }
}

/// `[user@]host`, a URL of one, or several with commas between; in the words that the person's own `ProxyCommand` may get.
fn destination(word: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@._-:[]/+,".contains(c);
    let begins = word.split(['@', ',', '/']).any(|part| part.starts_with('-'));
    if begins || !word.chars().all(plain) {
        return Err(format!("`{}` is not taken outside as a host", word.escape_debug()));
    }
    Ok(())
}

fn each(options: &[Given<'_>]) -> Result<(), String> {
    options.iter().try_for_each(|(name, value)| {
        let value = value.unwrap_or_default();
        match *name {
            "J" | "l" => destination(value),
            "o" => setting(value),
            // some builds load a library that such an address names
            "i" if value.starts_with("pkcs11:") => Err(not_taken(value)),
            _ => Ok(()),
        }
    })
}

fn setting(text: &str) -> Result<(), String> {
    let text = text.trim_start();
    let (key, value) = text.split_once(|c: char| c == '=' || c.is_whitespace()).unwrap_or((text, ""));
    let key = key.to_ascii_lowercase();
    let value = value.trim_start_matches(|c: char| c == '=' || c.is_whitespace());
    let refused = || Err(format!("ssh's setting `{}` is not taken outside", text.escape_debug()));
    if !SETTINGS.contains(&key.as_str()) || text.contains(char::is_control) {
        return refused();
    }
    match key.as_str() {
        "user" => destination(value),
        "identityfile" if value.contains("pkcs11:") => refused(),
        // tokens are among the variables out there
        "sendenv" => {
            let plain = |name: &str| name == "GIT_PROTOCOL" || name == "LANG" || name.starts_with("LC_");
            if value.split_whitespace().all(plain) { Ok(()) } else { refused() }
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(of: fn(&[&str]) -> Result<(), String>, table: &[(&str, bool)]) {
        for (line, fine) in table {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(of(&words).is_ok(), *fine, "{line}: {:?}", of(&words));
        }
    }

    #[test]
    fn ssh_starts_nothing_here() {
        held(
            ssh,
            &[
                ("host uptime", true),
                ("-p 22 -i key git@host git-receive-pack x", true),
                ("-o SendEnv=GIT_PROTOCOL git@host git-upload-pack x", true),
                ("-l me host rsync --server -vlogDtpre.iLsfxCIvu . dst", true),
                ("-oBatchMode=yes -o ConnectTimeout=5 host", true),
                ("host -p 22 uptime -F cfg", true), // behind the command it is the other side's
                ("host -- -F cfg", true),
                ("-tt -l me host uptime -oProxyCommand=x", true),
                ("ssh://me@host:22 uptime", true),
                ("-vvTp22 host", true),
                ("host -F cfg uptime", false),
                ("-- host -F cfg uptime", false),
                ("-tt -l me host -oProxyCommand=x", false),
                ("host -p 22 -vFcfg uptime", false),
                ("-P -F cfg host", false),
                ("-oProxyCommand=x host", false),
                ("-o proxycommand=x host", false),
                ("-o LocalCommand=x host", false),
                ("-o \"ProxyCommand\"=x host", false),
                ("-oSendEnv=* host", false),
                ("-o", false),
                ("-F cfg host", false),
                ("-vF cfg host", false),
                ("-Fcfg host", false),
                ("-I lib.so host", false),
                ("-i pkcs11:?module-path=x host", false),
                ("-S sock host", false),
                ("-E log host", false),
                ("-A host", false),
                ("-- -oProxyCommand=x uptime", false),
                ("-l -oProxyCommand=x host", false),
                ("x;y@host uptime", false),
                ("ssh://x%3by@host uptime", false),
                ("-J -oProxyCommand=x host", false),
            ],
        );
    }

    #[test]
    fn scp_starts_nothing_here() {
        held(
            scp,
            &[
                ("a host:b", true),
                ("-rP 22 a me@host:", true),
                ("scp://host/a .", true),
                ("./a:b host:", true),
                ("a host:b -S x", false),
                ("-D x a b", false),
                ("-F cfg a host:", false),
                ("-- a -Sx", false),
                ("a x@-oProxyCommand=y:b", false),
                ("-oProxyCommand=x a host:", false),
            ],
        );
    }
}
