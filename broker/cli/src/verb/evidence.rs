//! `tollgate evidence`: all that the ledger proves of one run, in one packet: what it was, what held, what was refused, asked
//! and decided, and the signed head under which its records stand. Nothing in it is the agent's own word.

use serde_json::{Value, json};
use tollgate_ledger::record::{Event, RunStarted};
use tollgate_ledger::{Entry, Filter, Reader};
use tollgate_wire::neutral;

use crate::args::Evidence;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::place::places;
use crate::verb::ledger::{line, unread};
use crate::{time, ui};

/// What a run's records come to.
struct Packet {
    entries: Vec<Entry>,
    /// The signed head that covers them, and the key to check it with.
    checkpoint: String,
    key: String,
}

/// Prints the packet.
pub(crate) fn evidence(args: &Evidence) -> Outcome {
    let reader = Reader::open(&places()?.state).map_err(|fault| unread(&fault))?;
    // signed first: what is listed after that is covered, but for what is written meanwhile
    let checkpoint = reader.checkpoint().map_err(|fault| unread(&fault))?.unwrap_or_default();
    let filter = Filter { run: Some(args.run.clone()), ..Filter::default() };
    let entries = reader.list(&filter).map_err(|fault| unread(&fault))?;
    if entries.is_empty() {
        return Err(Failure::new(Exit::Failed, format!("there is no run `{}`", neutral::short(&args.run, 60)))
            .hint("`tollgate ledger list --event run_started` shows the runs"));
    }
    let packet = Packet { entries, checkpoint, key: reader.verifier().to_text() };
    if args.json.json { ui::json(&packet.as_json(&args.run)) } else { ui::data(packet.told(&args.run)) }
}

impl Packet {
    fn started(&self) -> Option<(&Entry, &RunStarted)> {
        self.entries.iter().find_map(|entry| {
            let Event::RunStarted(started) = &entry.record.event else { return None };
            Some((entry, started))
        })
    }

    fn ended(&self) -> Option<&Entry> {
        self.entries.iter().find(|entry| matches!(entry.record.event, Event::RunEnded { .. }))
    }

    fn only(&self, kinds: &[&str]) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| kinds.contains(&kind(entry).as_str()))
    }

    fn as_json(&self, run: &str) -> Value {
        let records = |kinds: &[&str]| {
            self.only(kinds).map(|entry| json!({"seq": entry.seq, "record": entry.record})).collect::<Vec<_>>()
        };
        let started = self.started().map(|(_, started)| started);
        json!({
            "run": run,
            "started": started,
            "began": self.started().map(|(entry, _)| time::shown(entry.record.at)),
            "ended": self.ended().map(|entry| json!({"at": time::shown(entry.record.at), "record": entry.record})),
            "gaps": started.map(|started| &started.enforced.gaps),
            "actions": records(&["action_started"]),
            "refused": records(&REFUSED),
            "decisions": records(&DECIDED),
            "outside": records(&OUTSIDE),
            "ledger": {
                "records": self.entries.len(),
                "first": self.entries.first().map(|entry| entry.seq),
                "last": self.entries.last().map(|entry| entry.seq),
                "checkpoint": self.checkpoint,
                "key": self.key,
            },
        })
    }

    fn told(&self, run: &str) -> String {
        let mut text = format!("run {}\n", neutral::short(run, 60));
        if let Some((entry, started)) = self.started() {
            let argv = started.argv.iter().map(tollgate_policy::raw::Raw::bytes);
            let profiles: Vec<String> = started.profiles.iter().map(|name| neutral::short(name, 40)).collect();
            ui::add(&mut text, format_args!("  command    {}\n", neutral::short_command(argv, 300)));
            ui::add(&mut text, format_args!("  workspace  {}\n", crate::place::shown(started.workspace.as_path())));
            ui::add(
                &mut text,
                format_args!("  policy     {} (sha256 {})\n", profiles.join("+"), neutral::short(&started.policy, 64)),
            );
            ui::add(&mut text, format_args!("  began      {}\n", time::shown(entry.record.at)));
        }
        text.push_str(&self.end());
        if let Some((_, started)) = self.started() {
            ui::add(
                &mut text,
                format_args!(
                    "  held       {} features of the kernel, Landlock ABI {}\n",
                    started.enforced.held.len(),
                    started.enforced.landlock_abi
                ),
            );
            for gap in &started.enforced.gaps {
                ui::add(&mut text, format_args!("  gap        {}\n", neutral::short(&gap.detail, 300)));
            }
        }
        self.section(&mut text, "actions", &["action_started"]);
        self.section(&mut text, "refused", &REFUSED);
        self.section(&mut text, "asked and decided", &DECIDED);
        self.section(&mut text, "outside", &OUTSIDE);
        let numbers = self.entries.first().zip(self.entries.last());
        if let Some((first, last)) = numbers {
            ui::add(
                &mut text,
                format_args!("\nproof: records {} to {} of the ledger, under this signed head\n", first.seq, last.seq),
            );
            text.push_str(&self.checkpoint);
            ui::add(&mut text, format_args!("key: {}\n", self.key));
        }
        text
    }

    fn end(&self) -> String {
        match self.ended().map(|entry| (&entry.record.event, entry.record.at)) {
            Some((Event::RunEnded { status, waited, reason }, at)) => {
                let why = if reason.is_empty() { String::new() } else { format!(": {}", neutral::short(reason, 300)) };
                format!(
                    "  ended      {}, status {status}{why}; people were waited for {} s\n",
                    time::shown(at),
                    waited / 1000
                )
            }
            _ => "  ended      not yet, or it was killed before it could be written down\n".to_owned(),
        }
    }

    fn section(&self, text: &mut String, name: &str, kinds: &[&str]) {
        let count = self.only(kinds).count();
        ui::add(text, format_args!("\n{name}: {count}\n"));
        text.extend(self.only(kinds).map(line::of));
    }
}

/// What did not happen.
const REFUSED: [&str; 3] = ["denied", "refused", "tampered"];

/// What was asked, and how it ended.
const DECIDED: [&str; 2] = ["asked", "decided"];

/// What ran outside, or was reached there.
const OUTSIDE: [&str; 3] = ["escalated", "escalation_ended", "reached"];

/// The record's kind, as it is written.
fn kind(entry: &Entry) -> String {
    let value = serde_json::to_value(&entry.record.event).unwrap_or_default();
    value.get("event").and_then(Value::as_str).unwrap_or_default().to_owned()
}
