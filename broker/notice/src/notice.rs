//! What is told, and how it looks for each kind of hook.

use serde::{Deserialize, Serialize};
use serde_json::json;
use tollgate_policy::question::{Question, Risk};
use tollgate_wire::{card, neutral, pile};

use crate::config::Kind;

/// That a question waits. All text is neutral and short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The question's id.
    pub id: String,
    /// The run that asks.
    pub run: String,
    /// The verb: `Publish`, `Run`, `Connect to` …
    pub verb: String,
    /// What it is about; empty where the hook is discreet.
    pub what: String,
    /// The rule's class; empty for none.
    pub class: String,
    /// How bad it could be.
    pub risk: Risk,
    /// Why it is asked.
    pub because: String,
    /// Unix milliseconds after which silence refuses.
    pub deadline: i64,
    /// Where it can be looked at.
    pub link: String,
    /// How many more questions came while nothing could be told.
    pub more: u32,
}

/// A body and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) body: String,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Notice {
    /// Of a question, with the page at this address. `clean` takes secrets out.
    #[must_use]
    pub fn of(question: &Question, page: &str, clean: &dyn Fn(&str) -> String) -> Self {
        let class = question.verdict.class.as_deref().unwrap_or_default();
        Self {
            id: neutral::short(&question.id, 80),
            run: neutral::short(&question.run, 80),
            verb: pile::verb(question).to_owned(),
            what: clean(&card::what(&question.action)),
            class: neutral::short(class, 40),
            risk: question.risk,
            because: clean(&neutral::short(&question.verdict.reason.because, 200)),
            deadline: question.deadline,
            link: format!("{}/q/{}", page.trim_end_matches('/'), neutral::short(&question.id, 80)),
            more: 0,
        }
    }

    /// The same without what is asked.
    #[must_use]
    pub fn discreet(self) -> Self {
        Self { what: String::new(), because: String::new(), ..self }
    }

    /// One line: the verb and what it is about.
    #[must_use]
    pub fn title(&self) -> String {
        let text =
            if self.what.is_empty() { "A question waits".to_owned() } else { format!("{}: {}", self.verb, self.what) };
        if self.more == 0 { text } else { format!("{text} (and {} more)", self.more) }
    }

    pub(crate) fn letter(&self, kind: Kind) -> Letter {
        let json = |value: serde_json::Value| Letter {
            body: value.to_string(),
            headers: vec![("content-type", "application/json".to_owned())],
        };
        match kind {
            Kind::Generic => json(json!({
                "version": 1,
                "event": "question",
                "id": self.id,
                "run": self.run,
                "verb": self.verb,
                "what": self.what,
                "class": self.class,
                "risk": self.risk,
                "because": self.because,
                "deadline": self.deadline,
                "link": self.link,
                "more": self.more,
            })),
            Kind::Slack => {
                let text =
                    format!("{}\n{}\n<{}|Look at it>", slack(&self.title()), slack(&self.because), slack(&self.link));
                // What looks like an address stays text ("parse" in Slack's reference of chat.postMessage).
                let (off, none) = (false, "none");
                json(json!({ "text": text, "mrkdwn": off, "parse": none, "unfurl_links": off, "unfurl_media": off }))
            }
            Kind::Ntfy => self.ntfy(),
        }
    }

    fn ntfy(&self) -> Letter {
        let priority = if self.risk == Risk::High { "4" } else { "3" };
        let headers = vec![
            ("content-type", "text/plain; charset=utf-8".to_owned()),
            ("title", "Tollgate asks".to_owned()),
            ("priority", priority.to_owned()),
            ("click", self.link.clone()),
        ];
        Letter { body: format!("{}\n{}", self.title(), self.because).trim().to_owned(), headers }
    }
}

/// Text that Slack takes for text (its documentation, "Escaping text"): no links, mentions or commands in it.
fn slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use serde_json::Value;

    fn notice() -> Notice {
        Notice {
            id: "r1-1".into(),
            run: "r1".into(),
            verb: "Publish".into(),
            what: "git push '<!channel>' \"x\"".into(),
            class: "publish".into(),
            risk: Risk::High,
            because: "it can't be & isn't".into(),
            deadline: 5,
            link: "http://127.0.77.1:7077/q/r1-1".into(),
            more: 2,
        }
    }

    #[test]
    fn bodies_hold_what_is_told_and_nothing_breaks_out() {
        let generic: Value = serde_json::from_str(&notice().letter(Kind::Generic).body).unwrap();
        assert_eq!(
            (&generic["what"], &generic["risk"]),
            (&Value::from("git push '<!channel>' \"x\""), &Value::from("high"))
        );
        let slack: Value = serde_json::from_str(&notice().letter(Kind::Slack).body).unwrap();
        let text = slack["text"].as_str().unwrap();
        assert!(text.contains("&lt;!channel&gt;") && !text.contains("<!channel>"), "{text}");
        assert!(text.ends_with("<http://127.0.77.1:7077/q/r1-1|Look at it>"), "{text}");
        let ntfy = notice().letter(Kind::Ntfy);
        assert!(ntfy.body.starts_with("Publish: git push") && ntfy.body.contains("(and 2 more)"), "{}", ntfy.body);
        assert!(ntfy.headers.contains(&("priority", "4".into())));
        assert!(ntfy.headers.iter().all(|(_, value)| value.bytes().all(|byte| (32..127).contains(&byte))));
    }

    #[test]
    fn the_discreet_tell_only_that_something_is_asked() {
        for kind in [Kind::Generic, Kind::Slack, Kind::Ntfy] {
            let body = notice().discreet().letter(kind).body;
            assert!(!body.contains("git") && !body.contains("isn't"), "{body}");
        }
    }
}
