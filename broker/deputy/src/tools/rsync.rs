//! rsync: it starts ssh with a host and a program that its words name, and reads more of its words from files and streams.

use std::path::Path;

use super::grammar::Grammar;
use super::ssh;

/// `rsync(1)`, without what starts a program, writes or reads a file that is named besides (logs, batches, lists of files),
/// or serves.
const OPTIONS: Grammar = Grammar {
    flags: "vqcarRbudlLkKHpEAXogDtUNOJSnWxyzCmIhiP846",
    valued: "eBf",
    long: &[
        "verbose",
        "quiet",
        "checksum",
        "archive",
        "recursive",
        "relative",
        "backup",
        "update",
        "inplace",
        "append",
        "append-verify",
        "dirs",
        "mkpath",
        "links",
        "copy-links",
        "copy-unsafe-links",
        "safe-links",
        "munge-links",
        "copy-dirlinks",
        "keep-dirlinks",
        "hard-links",
        "perms",
        "executability",
        "acls",
        "xattrs",
        "owner",
        "group",
        "devices",
        "specials",
        "times",
        "atimes",
        "crtimes",
        "omit-dir-times",
        "omit-link-times",
        "sparse",
        "preallocate",
        "dry-run",
        "whole-file",
        "one-file-system",
        "existing",
        "ignore-existing",
        "remove-source-files",
        "del",
        "delete",
        "delete-before",
        "delete-during",
        "delete-delay",
        "delete-after",
        "delete-excluded",
        "ignore-missing-args",
        "delete-missing-args",
        "ignore-errors",
        "force",
        "partial",
        "delay-updates",
        "prune-empty-dirs",
        "numeric-ids",
        "ignore-times",
        "size-only",
        "fuzzy",
        "compress",
        "cvs-exclude",
        "stats",
        "8-bit-output",
        "human-readable",
        "progress",
        "itemize-changes",
        "list-only",
        "fsync",
        "ipv4",
        "ipv6",
        "protect-args",
        "secluded-args",
        "no-motd",
        "no-perms",
        "no-p",
        "no-owner",
        "no-o",
        "no-group",
        "no-g",
        "no-times",
        "no-t",
        "no-links",
        "no-l",
        "no-devices",
        "no-specials",
        "no-D",
        "no-recursive",
        "no-r",
        "no-compress",
        "no-z",
        "no-whole-file",
        "no-W",
        "no-relative",
        "no-R",
        "no-implied-dirs",
        "no-inc-recursive",
        "no-i-r",
        "no-human-readable",
        "no-h",
        "no-progress",
    ],
    long_valued: &[
        "rsh",
        "rsync-path",
        "info",
        "debug",
        "stderr",
        "backup-dir",
        "suffix",
        "chmod",
        "chown",
        "usermap",
        "groupmap",
        "checksum-choice",
        "cc",
        "block-size",
        "max-delete",
        "max-size",
        "min-size",
        "partial-dir",
        "timeout",
        "contimeout",
        "modify-window",
        "compare-dest",
        "copy-dest",
        "link-dest",
        "compress-choice",
        "zc",
        "compress-level",
        "zl",
        "skip-compress",
        "filter",
        "exclude",
        "exclude-from",
        "include",
        "port",
        "out-format",
        "outbuf",
        "bwlimit",
        "stop-after",
        "iconv",
        "checksum-seed",
        "protocol",
    ],
};

/// Looks at its words, as of a command in that directory.
///
/// # Errors
/// What of them is not taken outside.
pub(crate) fn rsync(words: &[&str], cwd: &Path) -> Result<(), String> {
    let (options, plain) = OPTIONS.anywhere(words)?;
    for (name, value) in options {
        let value = value.unwrap_or_default();
        let fine = match name {
            "e" | "rsh" => value == "ssh",
            "rsync-path" => is_program(value),
            "f" | "filter" => is_rule(value),
            // a list that nobody has seen could take back what the command line leaves out
            "exclude-from" => {
                std::fs::symlink_metadata(cwd.join(value)).is_ok_and(|meta| value != "-" && meta.is_file())
            }
            _ => true,
        };
        if !fine {
            return Err(format!("rsync's `{name}` is not taken outside with `{}`", value.escape_debug()));
        }
    }
    plain.iter().try_for_each(|word| ssh::place(word))
}

/// What the other side starts: ssh would take an option in its place for its own.
fn is_program(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || " ._/-".contains(c);
    !value.starts_with(['-', ' ']) && !value.is_empty() && value.chars().all(plain)
}

/// A rule that stands for itself, or such a file in each folder that only leaves out.
fn is_rule(value: &str) -> bool {
    let folders = value.strip_prefix(":- ").is_some_and(|name| !name.contains('/'));
    folders || ["- ", "+ ", "P ", "exclude ", "include ", "protect "].iter().any(|kind| value.starts_with(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rsync_starts_ssh_only() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("list"), "x").unwrap();
        std::os::unix::fs::symlink("/dev/stdin", dir.path().join("link")).unwrap();
        for (line, fine) in [
            ("-e ssh a h:b", true),
            ("-a src host:dst", true),
            ("-avz --delete -e ssh src/ me@host:dst/", true),
            ("-aessh a h:b", true),
            ("--rsh=ssh --rsync-path=/usr/bin/rsync a h:b", true),
            ("-e ssh --exclude-from=list --exclude .git a h:b", true),
            ("-e ./x a h:b", false),
            ("--rsh ./x a h:b", false),
            ("-ave ./x a h:b", false),
            ("-e ssh -l --rsync-path=-l a h:b", false),
            ("-e ssh a x@-oProxyCommand=y:b", false),
            ("-e ssh a -- -oProxyCommand=y:b", false),
            ("-e ssh a rsync://-oProxyCommand=y/b", false),
            ("-e ssh --files-from=- / h:b", false),
            ("-e ssh --files-from=list / h:b", false),
            ("-e ssh --include-from=- a h:b", false),
            ("-e ssh --exclude-from=- a h:b", false),
            ("-e ssh --exclude-from=link a h:b", false),
            ("-e ssh --exclude-from=/dev/stdin a h:b", false),
            ("-e ssh --log-file=x a h:b", false),
            ("-e ssh -T x a h:b", false),
            ("--password-file=x a h::b", false),
            ("--daemon", false),
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            let told = rsync(&words, dir.path());
            assert_eq!(told.is_ok(), fine, "rsync {line}: {told:?}");
        }
        for (rule, fine) in
            [(":- .gitignore", true), ("- *.o", true), ("merge -", false), (". -", false), (": /x", false)]
        {
            assert_eq!(rsync(&["-e", "ssh", "-f", rule, "a", "h:b"], dir.path()).is_ok(), fine, "{rule}");
        }
    }
}
