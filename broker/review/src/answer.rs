//! A reviewer's answer: all members there, of the right kind, for this very question, or it is none.

use std::fmt;

use serde::Deserialize;
use tollgate_policy::question::{Authorised, Risk};
use tollgate_policy::review::{Opinion, Review};
use tollgate_policy::verdict::Effect;

use crate::VERSION;

/// JSON schema of the answer.
pub const SCHEMA: &str = include_str!("../../../profiles/reviewer-answer.schema.json");

/// Longest answer, in bytes.
const LONGEST: usize = 64 << 10;

/// The answer, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    version: u32,
    nonce: String,
    verdict: Verdict,
    risk: Risk,
    authorisation: Authorised,
    codes: Vec<String>,
    evidence: Vec<String>,
    rationale: String,
}

/// Its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Allow,
    Ask,
    Deny,
}

/// Why an answer is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerFault {
    /// It is longer than any answer.
    Long,
    /// It is not the object that was asked for.
    Form(String),
    /// It is of another version.
    Version(u32),
    /// It answers another question.
    Nonce,
}

impl fmt::Display for AnswerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Long => write!(f, "its answer is longer than {LONGEST} bytes"),
            Self::Form(why) => write!(f, "its answer has not the form that was asked for: {why}"),
            Self::Version(version) => write!(f, "its answer is of version {version}, not {VERSION}"),
            Self::Nonce => f.write_str("its answer is to another question"),
        }
    }
}

impl std::error::Error for AnswerFault {}

/// Reads an answer to the question with this nonce.
pub(crate) fn read(text: &str, nonce: &str) -> Result<Answer, AnswerFault> {
    if text.len() > LONGEST {
        return Err(AnswerFault::Long);
    }
    let answer: Answer =
        serde_json::from_str(bare(text)).map_err(|e| AnswerFault::Form(e.to_string().chars().take(200).collect()))?;
    if answer.version != VERSION {
        return Err(AnswerFault::Version(answer.version));
    }
    if answer.nonce != nonce {
        return Err(AnswerFault::Nonce);
    }
    Ok(answer)
}

/// Without the fence that models like to put around JSON. Anything else around it is a fault.
fn bare(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
    inner.and_then(|rest| rest.strip_suffix("```")).map_or(text, str::trim)
}

impl Answer {
    pub(crate) fn into_review(self, review: Review) -> Review {
        let effect = match self.verdict {
            Verdict::Allow => Effect::Allow,
            Verdict::Ask => Effect::Ask,
            Verdict::Deny => Effect::Deny,
        };
        let cut = |text: String, most: usize| text.chars().take(most).collect::<String>();
        let few = |list: Vec<String>| list.into_iter().take(20).map(|text| cut(text, 100)).collect();
        Review {
            opinion: Opinion::Verdict(effect),
            risk: Some(self.risk),
            authorised: Some(self.authorisation),
            codes: few(self.codes),
            references: few(self.evidence),
            rationale: cut(self.rationale, 2000),
            ..review
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"version":1,"nonce":"n","verdict":"allow","risk":"low","authorisation":"unsaid","codes":[],"evidence":[],"rationale":"x"}"#;

    #[test]
    fn only_a_whole_answer_to_this_question_is_one() {
        assert!(read(GOOD, "n").is_ok());
        assert!(read(&format!("```json\n{GOOD}\n```"), "n").is_ok());
        assert_eq!(read(GOOD, "m"), Err(AnswerFault::Nonce));
        assert_eq!(read(&GOOD.replace("\"version\":1", "\"version\":2"), "n"), Err(AnswerFault::Version(2)));
        for member in ["version", "nonce", "verdict", "risk", "authorisation", "codes", "evidence", "rationale"] {
            let renamed = GOOD.replacen(&format!("\"{member}\""), "\"other\"", 1);
            assert!(matches!(read(&renamed, "n"), Err(AnswerFault::Form(_))), "{member}");
        }
        for bad in [
            "",
            "yes",
            "null",
            "[]",
            "{}",
            &GOOD.replace("allow", "ALLOW"),
            &GOOD.replace("allow", "review"),
            &GOOD.replace("\"allow\"", "true"),
            &format!("Sure! {GOOD}"),
            &format!("{GOOD}{GOOD}"),
            &GOOD.replacen('{', "{\"verdict\":\"deny\",", 1),
            &format!("{GOOD} trailing"),
        ] {
            assert!(matches!(read(bad, "n"), Err(AnswerFault::Form(_))), "{bad}");
        }
        assert_eq!(read(&"x".repeat(LONGEST + 1), "n"), Err(AnswerFault::Long));
    }
}
