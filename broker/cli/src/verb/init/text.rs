//! The policy as text, with its reasons as comments. It holds floors only: a project's file can't grant.

use super::look::{Finding, Follows};

const HEAD: &str = "\
# What Tollgate holds in this project, on top of the profile that a run uses. It can only tighten: rules here deny, ask,
# protect or hide. `tollgate policy check` says whether it holds together, `tollgate policy explain -- CMD` what it means.
version = 1

[approvals]
deadline = 300   # seconds until an unanswered question is refused
";

/// The text.
pub(crate) fn of(findings: &[Finding]) -> String {
    let mut text = HEAD.to_owned();
    let protected = findings.iter().filter_map(|finding| match &finding.follows {
        Follows::Protect(name) => Some(name.as_str()),
        Follows::Served(_) | Follows::Hide(_) | Follows::Ask { .. } => None,
    });
    let hidden = findings.iter().filter_map(|finding| match &finding.follows {
        Follows::Hide(name) => Some(name.as_str()),
        Follows::Served(_) | Follows::Protect(_) | Follows::Ask { .. } => None,
    });
    let because = "CI runs these with the repository's own rights and secrets";
    text.push_str(&paths("protect", &protected.collect::<Vec<_>>(), because));
    text.push_str(&paths("hide", &hidden.collect::<Vec<_>>(), "holds passwords and keys"));
    text.extend(findings.iter().map(command));
    text
}

fn paths(key: &str, names: &[&str], because: &str) -> String {
    let Some(first) = names.first() else { return String::new() };
    let quoted: Vec<String> = names.iter().map(|name| format!("\"@workspace/{name}\"")).collect();
    format!(
        "\n[[path]]\n{key} = [{}]\nbecause = \"{because}\"\nmatches = [\"@workspace/{first}\"]\nspares = [\"@workspace/README.md\"]\n",
        quoted.join(", ")
    )
}

fn command(finding: &Finding) -> String {
    let Follows::Ask { program, lead, names } = &finding.follows else { return String::new() };
    let lead_words = lead.iter().map(|word| format!("\"{word}\", ")).collect::<Vec<_>>().concat();
    let spoken = lead.iter().map(|word| format!("{word} ")).collect::<Vec<_>>().concat();
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let examples: Vec<String> = names.iter().map(|name| format!("\"{program} {spoken}{name}\"")).collect();
    format!(
        "\n[[command]]\neffect = \"ask\"\nprogram = [\"{program}\"]\nargs = [{lead_words}[{}]]\nclass = \"publish\"\n\
         because = \"by its name, this target of {} reaches out of the machine\"\nmatches = [{}]\nspares = [\"{program} {spoken}test\"]\n",
        quoted.join(", "),
        finding.what,
        examples.join(", "),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn whatever_is_found_makes_a_policy_that_holds() {
        let finding = |what: &str, follows| Finding { what: what.to_owned(), follows };
        let ask = |program, lead: &[&'static str]| Follows::Ask {
            program,
            lead: lead.to_vec(),
            names: vec!["deploy".into(), "docs:release".into()],
        };
        let findings = [
            finding("Cargo.toml", Follows::Served("x")),
            finding(".github/workflows", Follows::Protect(".github/workflows".into())),
            finding("Jenkinsfile", Follows::Protect("Jenkinsfile".into())),
            finding(".env", Follows::Hide(".env".into())),
            finding("Makefile", ask("make", &[])),
            finding("package.json", ask("npm", &["run"])),
        ];
        for count in 0..=findings.len() {
            let text = of(findings.get(..count).unwrap());
            let parsed = tollgate_policy::parse("policy.toml", &text);
            assert!(parsed.is_ok(), "{text}\n{}", parsed.unwrap_err());
        }
        let all = tollgate_policy::parse("policy.toml", &of(&findings)).unwrap();
        assert_eq!((all.paths.len(), all.commands.len()), (2, 2));
    }
}
