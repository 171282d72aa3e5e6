//! What a changed file is to be looked at for, by its path alone.

use tollgate_policy::evidence::Mark;

/// What build servers run.
const CI: [&str; 15] = [
    ".github/workflows/",
    ".github/actions/",
    ".gitlab-ci",
    ".gitlab/ci/",
    ".circleci/",
    ".buildkite/",
    ".drone.y",
    ".travis.y",
    ".woodpecker",
    ".forgejo/workflows/",
    ".gitea/workflows/",
    "azure-pipelines",
    "bitbucket-pipelines",
    "jenkinsfile",
    "cloudbuild.y",
];

/// What runs by itself where it is checked out.
const HOOKS: [&str; 22] = [
    ".githooks/",
    ".husky/",
    ".git/",
    "lefthook",
    ".lefthook",
    ".pre-commit-config",
    ".envrc",
    ".vscode/",
    ".idea/",
    ".devcontainer",
    ".mcp.json",
    ".claude/",
    "claude.md",
    "agents.md",
    ".cursor/",
    ".cursorrules",
    ".codex/",
    ".gemini/",
    ".opencode",
    ".gitattributes",
    ".gitmodules",
    ".tollgate/",
];

/// What tools take commands from.
const SCRIPTS: [&str; 16] = [
    "makefile",
    "gnumakefile",
    "justfile",
    "taskfile.y",
    "package.json",
    "build.rs",
    "setup.py",
    "conftest.py",
    "dockerfile",
    "containerfile",
    "rakefile",
    "build.gradle",
    "pom.xml",
    "cmakelists.txt",
    ".npmrc",
    ".cargo/config",
];

/// The marks of a path, as git names it.
pub(crate) fn of(path: &str, scope: &[String]) -> Vec<Mark> {
    let lower = path.to_lowercase();
    let last = lower.rsplit('/').next().unwrap_or_default();
    let named = |list: &[&str]| {
        list.iter().any(|name| lower.starts_with(name) || lower.contains(&format!("/{name}")) || last.starts_with(name))
    };
    let mut marks = Vec::new();
    if named(&CI) {
        marks.push(Mark::Ci);
    }
    if named(&HOOKS) {
        marks.push(Mark::Hook);
    }
    if named(&SCRIPTS)
        || last.rsplit_once('.').is_some_and(|(_, end)| ["sh", "bash", "zsh", "ps1", "bat"].contains(&end))
    {
        marks.push(Mark::Script);
    }
    if !scope.is_empty() && !scope.iter().any(|glob| fits(glob, path)) {
        marks.push(Mark::OutsideScope);
    }
    marks
}

/// A glob of paths: `*` is any text without `/`, `**` any text; what ends in `/` is all beneath it.
fn fits(glob: &str, path: &str) -> bool {
    let glob = glob.strip_prefix("./").unwrap_or(glob);
    let all = if glob.ends_with('/') { format!("{glob}**") } else { glob.to_owned() };
    matches(all.as_bytes(), path.as_bytes()) || matches(format!("{all}/**").as_bytes(), path.as_bytes())
}

fn matches(glob: &[u8], text: &[u8]) -> bool {
    match glob {
        [] => text.is_empty(),
        [b'*', b'*', rest @ ..] => {
            let rest = rest.strip_prefix(b"/").unwrap_or(rest);
            (0..=text.len()).any(|at| matches(rest, text.get(at..).unwrap_or_default()))
        }
        [b'*', rest @ ..] => (0..=text.len())
            .take_while(|at| at.checked_sub(1).is_none_or(|before| text.get(before) != Some(&b'/')))
            .any(|at| matches(rest, text.get(at..).unwrap_or_default())),
        [first, rest @ ..] => text.split_first().is_some_and(|(byte, text)| byte == first && matches(rest, text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_marked() {
        let table: [(&str, &[Mark]); 9] = [
            ("src/main.rs", &[]),
            (".github/workflows/ci.yml", &[Mark::Ci]),
            ("sub/.github/workflows/ci.yml", &[Mark::Ci]),
            ("Jenkinsfile", &[Mark::Ci]),
            (".husky/pre-commit", &[Mark::Hook]),
            (".vscode/tasks.json", &[Mark::Hook]),
            ("web/package.json", &[Mark::Script]),
            ("tool.sh", &[Mark::Script]),
            ("docs/makefiles.md", &[Mark::Script]),
        ];
        for (path, marks) in table {
            assert_eq!(of(path, &[]), marks, "{path}");
        }
    }

    #[test]
    fn what_lies_outside_the_scope_is_marked() {
        let scope = ["src/**".to_owned(), "docs/".to_owned(), "Cargo.*".to_owned()];
        for (path, inside) in [
            ("src/a/b.rs", true),
            ("docs/x.md", true),
            ("Cargo.toml", true),
            ("tests/a.rs", false),
            ("srcx/a.rs", false),
            ("sub/Cargo.toml", false),
        ] {
            assert_eq!(of(path, &scope).contains(&Mark::OutsideScope), !inside, "{path}");
        }
    }
}
