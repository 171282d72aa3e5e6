//! Annotated tags that a push publishes: objects of their own, with a message that no commit has.

use tollgate_ledger::Redactor;
use tollgate_policy::evidence::{Commit, Commits, Section};

use crate::Search;
use crate::git::Repository;
use crate::publish::cut;
use crate::secrets::Scan;

/// How many are named.
const SHOWN: usize = 50;
/// How many may stand before a commit, each naming the next.
const DEEP: usize = 16;
/// Longest message that is shown, in characters; all of it is looked through.
const LONGEST: usize = 400;

/// Tags of a push.
#[derive(Debug, Default)]
pub(crate) struct Tags {
    /// Id and all that it says, each once.
    found: Vec<(String, String)>,
    unread: Vec<String>,
}

impl Tags {
    /// What a reference names, down to its commit.
    pub(crate) fn add(&mut self, named: &str, commit: &str, from: &Repository) {
        let mut id = named.to_owned();
        for _ in 0..DEEP {
            if id == commit || self.found.iter().any(|(known, _)| *known == id) {
                return;
            }
            let Ok(text) = from.text(&["cat-file", "tag", &id]) else { break };
            let next = text.lines().next().and_then(|line| line.strip_prefix("object ")).unwrap_or_default().to_owned();
            self.found.push((std::mem::replace(&mut id, next), text));
        }
        self.unread.push(id);
    }

    /// Shows them.
    pub(crate) fn show(&self, search: &mut Search<'_>) {
        if !self.found.is_empty() {
            let list: Vec<Commit> = self.found.iter().take(SHOWN).map(|(id, text)| shown(id, text)).collect();
            let more = u64::try_from(self.found.len().saturating_sub(list.len())).unwrap_or(0);
            let title = "annotated tags, published with their messages".to_owned();
            search.add(Section::Commits(Commits { title, list, more, doubt: String::new() }));
        }
        if let Some(id) = self.unread.first() {
            search.missing("tags", format!("{id} can't be read, or tags name too many others"));
        }
    }

    /// Looks for secrets in all that they say.
    pub(crate) fn scan(&self, scan: &mut Scan) {
        for (id, text) in &self.found {
            let of = format!("tag {}", field(text, "tag ").unwrap_or(id));
            for (line, number) in text.lines().zip(1..) {
                scan.words(&of, number, line);
            }
        }
    }
}

/// A line of the head.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().take_while(|line| !line.is_empty()).find_map(|line| line.strip_prefix(name))
}

fn shown(id: &str, text: &str) -> Commit {
    let tagger = field(text, "tagger ").unwrap_or("nobody").to_owned();
    // the time behind the address
    let author = tagger.rsplit_once("> ").map_or(tagger.clone(), |(who, _)| format!("{who}>"));
    let message = text.split_once("\n\n").map_or("", |(_, message)| message).trim_end();
    let lines: Vec<&str> = message.lines().filter(|line| !line.is_empty()).collect();
    let subject = format!("{}: {}", field(text, "tag ").unwrap_or_default(), lines.join(" / "));
    // it is shown, sent and written down
    let words = Redactor::new().text(&subject).into_owned();
    Commit { id: id.to_owned(), author, subject: cut(&words, LONGEST) }
}
