//! A repository's configuration, read as data: what the sandbox can change is never handed to git as it is, but only
//! keys that say nothing of programs, paths or other hosts.

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// `remote`, lower case.
    pub section: String,
    /// `origin`; empty if there is none.
    pub of: String,
    /// `url`, lower case.
    pub key: String,
    /// The value; `true` where the key stands alone.
    pub value: String,
}

impl Setting {
    /// `remote.origin.url`
    #[must_use]
    pub fn name(&self) -> String {
        if self.of.is_empty() {
            format!("{}.{}", self.section, self.key)
        } else {
            format!("{}.{}.{}", self.section, self.of, self.key)
        }
    }

    /// Whether it is harmless in a command that runs outside: an allowlist, by section and key.
    #[must_use]
    pub fn is_harmless(&self) -> bool {
        let keys: &[&str] = match self.section.as_str() {
            "core" => &[
                "repositoryformatversion",
                "filemode",
                "bare",
                "logallrefupdates",
                "ignorecase",
                "precomposeunicode",
                "symlinks",
                "autocrlf",
                "eol",
                "safecrlf",
                "quotepath",
                "compression",
                "sharedrepository",
            ],
            "extensions" => &["objectformat"],
            "remote" => &[
                "url",
                "pushurl",
                "pushdefault",
                "fetch",
                "push",
                "tagopt",
                "prune",
                "prunetags",
                "mirror",
                "skipdefaultupdate",
            ],
            "branch" => &["remote", "pushremote", "merge", "rebase"],
            "user" | "author" | "committer" => &["name", "email"],
            "push" => &["default", "autosetupremote", "followtags", "useforceifincludes"],
            "fetch" => &["prune", "prunetags", "output"],
            "pack" => &["threads", "windowmemory", "depth", "window"],
            "color" => &["ui", "push", "remote", "transport"],
            "advice" | "transfer" => &["pushupdaterejected", "pushnonfastforward", "fsckobjects"],
            _ => &[],
        };
        keys.contains(&self.key.as_str())
    }
}

impl Setting {
    /// Whether it names no program, no further file and no other repository, for whoever runs git there: an allowlist.
    #[must_use]
    pub fn names_no_program(&self) -> bool {
        let key = self.key.as_str();
        self.is_harmless()
            || match self.section.as_str() {
                "core" => [
                    "worktree",
                    "sparsecheckout",
                    "sparsecheckoutcone",
                    "abbrev",
                    "bigfilethreshold",
                    "untrackedcache",
                    "fsync",
                    "fsyncmethod",
                ]
                .contains(&key),
                "extensions" => {
                    ["refstorage", "partialclone", "noop", "preciousobjects", "compatobjectformat"].contains(&key)
                }
                "submodule" => {
                    ["url", "active", "update", "branch", "fetchrecursesubmodules", "ignore"].contains(&key)
                        && !self.value.starts_with('!')
                }
                "remote" => ["promisor", "partialclonefilter", "skipfetchall", "followremotehead"].contains(&key),
                "branch" => ["description", "autosetuprebase", "vscode-merge-base"].contains(&key),
                "pull" | "rebase" | "rerere" | "status" | "log" | "commit" | "merge" | "gc" | "index" | "feature"
                | "init" | "pack" | "fetch" | "push" | "color" | "advice" | "column" | "checkout" | "tag" | "stash" => {
                    PLAIN.contains(&key)
                }
                _ => false,
            }
    }
}

/// Keys of sections that also have keys with programs.
const PLAIN: [&str; 23] = [
    "rebase",
    "ff",
    "autostash",
    "autosquash",
    "autoupdate",
    "enabled",
    "showuntrackedfiles",
    "date",
    "abbrevcommit",
    "gpgsign",
    "conflictstyle",
    "renames",
    "auto",
    "autodetach",
    "pruneexpire",
    "reflogexpire",
    "version",
    "threads",
    "skiphash",
    "manyfiles",
    "defaultbranch",
    "ui",
    "defaultremote",
];

/// Reads a file in git's configuration format (`git-config(1)`).
///
/// # Errors
/// The line that can't be read.
pub fn parse(text: &str) -> Result<Vec<Setting>, usize> {
    let mut settings = Vec::new();
    let (mut section, mut of) = (String::new(), String::new());
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let mut rest = line.trim();
        if let Some(header) = rest.strip_prefix('[') {
            let (name, sub, behind) = heading(header).ok_or(number + 1)?;
            (section, of) = (name, sub);
            rest = behind.trim();
        }
        if rest.is_empty() || rest.starts_with(['#', ';']) {
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
        let (key, behind) = rest.split_at(end);
        if key.is_empty() || section.is_empty() {
            return Err(number + 1);
        }
        let value = match behind.trim_start().strip_prefix('=') {
            Some(written) => value(written, &mut lines).ok_or(number + 1)?,
            None if behind.trim().is_empty() || behind.trim_start().starts_with(['#', ';']) => "true".to_owned(),
            None => return Err(number + 1),
        };
        settings.push(Setting { section: section.clone(), of: of.clone(), key: key.to_ascii_lowercase(), value });
    }
    Ok(settings)
}

/// Section, subsection and what stands behind the bracket.
fn heading(header: &str) -> Option<(String, String, &str)> {
    let end = header.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '.')?;
    let (name, rest) = header.split_at(end);
    if name.is_empty() {
        return None;
    }
    let rest = rest.trim_start();
    if let Some(behind) = rest.strip_prefix(']') {
        // the old form: [section.subsection]
        let (section, of) = name.split_once('.').unwrap_or((name, ""));
        return Some((section.to_ascii_lowercase(), of.to_ascii_lowercase(), behind));
    }
    let mut chars = rest.strip_prefix('"')?.char_indices();
    let mut of = String::new();
    let quoted = rest.get(1..)?;
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => of.push(chars.next()?.1),
            '"' => {
                let behind = quoted.get(at + 1..)?.trim_start().strip_prefix(']')?;
                return Some((name.to_ascii_lowercase(), of, behind));
            }
            other => of.push(other),
        }
    }
    None
}

/// A value, over several lines where they end with a backslash.
fn value<'a>(written: &'a str, lines: &mut impl Iterator<Item = (usize, &'a str)>) -> Option<String> {
    let mut out = String::new();
    let mut kept = 0; // up to here blanks are part of the value
    let mut quoted = false;
    let mut line = written.trim_start();
    'lines: loop {
        let mut chars = line.chars();
        while let Some(c) = chars.next() {
            match c {
                '"' => quoted = !quoted,
                '\\' => {
                    let Some(escaped) = chars.next() else {
                        line = lines.next()?.1;
                        continue 'lines;
                    };
                    out.push(match escaped {
                        'n' => '\n',
                        't' => '\t',
                        'b' => '\u{8}',
                        '\\' | '"' => escaped,
                        _ => return None,
                    });
                }
                '#' | ';' if !quoted => break,
                other => out.push(other),
            }
            if quoted || !out.ends_with([' ', '\t']) {
                kept = out.len();
            }
        }
        if quoted {
            return None;
        }
        out.truncate(kept);
        return Some(out);
    }
}

/// Settings as a file.
#[must_use]
pub fn write<'a>(settings: impl Iterator<Item = &'a Setting>) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for setting in settings {
        let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let value = quote(&setting.value).replace('\n', "\\n").replace('\t', "\\t").replace('\u{8}', "\\b");
        let header = if setting.of.is_empty() { String::new() } else { format!(" \"{}\"", quote(&setting.of)) };
        if writeln!(out, "[{}{header}]\n\t{} = \"{value}\"", setting.section, setting.key).is_err() {
            // writing to a string doesn't fail
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap().into_iter().map(|s| (s.name(), s.value)).collect()
    }

    #[test]
    fn a_configuration_is_read_as_git_reads_it() {
        let text = "# c\n[core]\n\tbare = false ; no\n\tBare\n[remote \"or\\\"ig\"] url = \"a b\" # x\n fetch = +x:y  \n\
                    [alias.P] q = !sh -c \\\"x\\\"\n[a \"b\"]\n k = one \\\n two\n";
        let expected = [
            ("core.bare", "false"),
            ("core.bare", "true"),
            ("remote.or\"ig.url", "a b"),
            ("remote.or\"ig.fetch", "+x:y"),
            ("alias.p.q", "!sh -c \"x\""),
            ("a.b.k", "one  two"),
        ];
        assert_eq!(names(text), expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
        for (bad, line) in [
            ("x = 1", 1),
            ("[core]\n= 1", 2),
            ("[core\nx=1", 1),
            ("[a]\nb = \"c", 2),
            ("[a]\nb c", 2),
            ("[a]\nb=\\q", 2),
        ] {
            assert_eq!(parse(bad), Err(line), "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = "[remote \"a\\\\\\\"b\"]\n url = \"x\\\\y \\\"z\\\" #\\n\"\n";
        let settings = parse(text).unwrap();
        assert_eq!(parse(&write(settings.iter())).unwrap(), settings);
    }

    #[test]
    fn what_git_writes_by_itself_names_no_program() {
        let own = "[core]\nrepositoryformatversion=0\nfilemode=true\nbare=true\nlogallrefupdates=true\nworktree=../x\n\
                   [remote \"origin\"]\nurl=/x\nfetch=+refs/heads/*:refs/remotes/origin/*\n[branch \"main\"]\nremote=origin\n\
                   merge=refs/heads/main\n[user]\nname=a\nemail=b\n[submodule \"lib\"]\nurl=../lib\nactive=true\n[pull]\nrebase=true\n";
        for setting in parse(own).unwrap() {
            assert!(setting.names_no_program(), "{}", setting.name());
        }
        for evil in [
            "[submodule \"x\"]\nupdate=!sh\n",
            "[extensions]\nworktreeConfig=true\n",
            "[gc]\nrecentObjectsHook=x\n",
            "[log]\nmailmap=x\nshowSignature=1\n",
            "[commit]\ntemplate=x\n",
            "[merge]\ntool=x\n",
            "[merge \"x\"]\ndriver=x\n",
        ] {
            assert!(parse(evil).unwrap().iter().any(|setting| !setting.names_no_program()), "{evil}");
        }
    }

    #[test]
    fn keys_that_name_programs_or_places_are_not_harmless() {
        let all = "[core]\nsshCommand=x\nfsmonitor=x\nhooksPath=x\ngitProxy=x\naskPass=x\npager=x\neditor=x\nworktree=x\n\
                   attributesFile=x\nalternateRefsCommand=x\n[credential]\nhelper=x\n[url \"a\"]\ninsteadOf=b\npushInsteadOf=b\n[include]\npath=x\n\
                   [includeIf \"x\"]\npath=x\n[alias]\np=x\n[remote \"o\"]\nreceivepack=x\nuploadpack=x\nvcs=x\nproxy=x\n\
                   [http]\nproxy=x\nsslVerify=false\n[gpg]\nprogram=x\n[filter \"l\"]\nclean=x\n[push]\nrecurseSubmodules=x\n[protocol \"ext\"]\nallow=always\n\
                   [pager]\nlog=x\n[extensions]\nworktreeConfig=true\n";
        for setting in parse(all).unwrap() {
            assert!(!setting.is_harmless(), "{}", setting.name());
            // where git looks for files, whoever runs it there
            assert_eq!(setting.names_no_program(), setting.name() == "core.worktree", "{}", setting.name());
        }
        for setting in parse("[remote \"o\"]\nurl=x\n[branch \"m\"]\nmerge=x\n[core]\nBare=false\n").unwrap() {
            assert!(setting.is_harmless(), "{}", setting.name());
        }
    }
}
