//! `tollgate ledger`: what was decided, and the proof that nothing was changed since.

use std::fs::File;
use std::io::{self, BufReader, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tollgate_ledger::fault::Kind;
use tollgate_ledger::note::Verifier;
use tollgate_ledger::{Clock, Entry, Expected, Fault, Filter, Reader, Shown, Verification, verify, verify_export};

use crate::args::{Json, LedgerVerb};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::place::{places, shown};
use crate::{time, ui};

pub(crate) mod line;

/// Does what was asked.
pub(crate) fn ledger(verb: LedgerVerb) -> Outcome {
    match verb {
        LedgerVerb::List { run, event, since, limit, json } => {
            let since = since.as_deref().map(time::since).transpose()?;
            list(&Filter { run, event, since, limit: Some(limit) }, json)
        }
        LedgerVerb::Show { seq, json } => show(seq, json),
        LedgerVerb::Verify { checkpoint, key, export, json } => {
            let expected = expected(checkpoint.as_deref(), key.as_deref())?;
            let found = check(export, &expected)?;
            if json.json {
                ui::json(&verification(&found))?
            } else {
                ui::data(told(&found))?
            };
            Ok(if found.holds() { Exit::Done } else { Exit::Failed })
        }
        LedgerVerb::Export => export(),
        LedgerVerb::Checkpoint { key } => checkpoint(key),
    }
}

/// The failure where the ledger can't be read.
pub(crate) fn unread(fault: &Fault) -> Failure {
    let failure = Failure::of(Exit::Failed, fault);
    if fault.kind == Kind::Missing {
        failure.hint("the first `tollgate run` makes it; TOLLGATE_STATE_DIR says where it is")
    } else {
        failure
    }
}

fn reader() -> Result<Reader, Failure> {
    Reader::open(&places()?.state).map_err(|fault| unread(&fault))
}

fn list(filter: &Filter, json: Json) -> Outcome {
    let entries = reader()?.list(filter).map_err(|fault| unread(&fault))?;
    if json.json {
        return ui::json(&entries.iter().map(entry).collect::<Vec<_>>());
    }
    ui::data(entries.iter().map(line::of).collect::<String>())
}

fn entry(entry: &Entry) -> Value {
    let back = entry.clock == Clock::SteppedBack;
    json!({"seq": entry.seq, "record": entry.record, "clock_stepped_back": back})
}

fn show(seq: u64, json: Json) -> Outcome {
    let found = reader()?.show(seq).map_err(|fault| unread(&fault))?;
    let Shown { record, checkpoint, note, proof, body, .. } = found.ok_or_else(|| {
        Failure::new(Exit::Failed, format!("there is no record {seq}"))
            .hint("`tollgate ledger list` shows their numbers")
    })?;
    if json.json {
        return ui::json(&json!({
            "seq": seq, "record": record, "body": String::from_utf8_lossy(&body), "checkpoint": note,
            "proof": proof.iter().map(|hash| hex(hash)).collect::<Vec<_>>(),
        }));
    }
    ui::json(&record)?;
    ui::data(format!("proven by {} hashes up to the checkpoint of {} records\n", proof.len(), checkpoint.size))
}

fn expected(checkpoint: Option<&Path>, key: Option<&str>) -> Result<Expected, Failure> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|e| Failure::new(Exit::Failed, format!("can't read {}", shown(path))).because(&e))
    };
    let parse = |text: &str| {
        Verifier::from_text(text.trim()).ok_or_else(|| {
            Failure::new(Exit::Usage, "--key is no verifier key").hint("`tollgate ledger checkpoint --key` prints it")
        })
    };
    Ok(Expected { checkpoint: checkpoint.map(read).transpose()?, key: key.map(parse).transpose()? })
}

fn check(export: Option<PathBuf>, expected: &Expected) -> Result<Verification, Failure> {
    match export {
        None => verify(&places()?.state, expected).map_err(|fault| unread(&fault)),
        Some(path) if path.as_os_str() == "-" => {
            verify_export(&mut io::stdin().lock(), expected).map_err(|fault| unread(&fault))
        }
        Some(path) => {
            let file = File::open(&path)
                .map_err(|e| Failure::new(Exit::Failed, format!("can't read {}", shown(&path))).because(&e))?;
            verify_export(&mut BufReader::new(file), expected).map_err(|fault| unread(&fault))
        }
    }
}

fn verification(found: &Verification) -> Value {
    let newest = found.newest.as_ref().map(|c| json!({"origin": c.origin, "size": c.size, "root": hex(&c.root)}));
    json!({
        "holds": found.holds(),
        "records": found.records,
        "checkpoints": found.checkpoints,
        "key": found.key.as_ref().map(Verifier::to_text),
        "newest": newest,
        "waiting": found.waiting,
        "torn": found.torn,
        "clock_steps": found.clock_steps,
        "findings": found.findings.iter().map(|f| json!({
            "seq": f.seq, "flaw": line::flaw(f.flaw), "detail": f.detail,
        })).collect::<Vec<_>>(),
    })
}

fn told(found: &Verification) -> String {
    let head =
        if found.holds() { ui::toned(ui::Tone::Good, "holds") } else { ui::toned(ui::Tone::Bad, "does not hold") };
    let mut text = format!(
        "{head}: {} records, {} checkpoints\nkey: {}\n",
        found.records,
        found.checkpoints,
        found.key.as_ref().map_or_else(|| "none".to_owned(), Verifier::to_text),
    );
    if let Some(newest) = &found.newest {
        ui::add(&mut text, format_args!("newest checkpoint: {} records, root {}\n", newest.size, hex(&newest.root)));
    }
    if found.waiting > 0 {
        ui::add(&mut text, format_args!("{} more records wait in the journal and are not signed yet\n", found.waiting));
    }
    if found.torn > 0 {
        ui::add(&mut text, format_args!("{} bytes of records that were never whole were left out\n", found.torn));
    }
    if found.clock_steps > 0 {
        ui::add(&mut text, format_args!("the clock stepped back {} times\n", found.clock_steps));
    }
    for finding in &found.findings {
        let at = finding.seq.map_or_else(|| "the whole".to_owned(), |seq| format!("record {seq}"));
        ui::add(
            &mut text,
            format_args!(
                "  {at}: {}: {}\n",
                line::flaw(finding.flaw),
                tollgate_wire::neutral::short(&finding.detail, 300)
            ),
        );
    }
    text
}

fn export() -> Outcome {
    let mut out = io::BufWriter::new(io::stdout().lock());
    // Each byte counts for who verifies it; a terminal doesn't, and is shown no control characters.
    let written = if io::stdout().is_terminal() {
        reader()?.export(&mut ui::Harmless::over(&mut out))
    } else {
        reader()?.export(&mut out)
    };
    let written = written.map_err(|fault| unread(&fault))?;
    out.flush().map_err(|e| Failure::new(Exit::Failed, "can't write to stdout").because(&e))?;
    ui::note(format!("{written} records"));
    Ok(Exit::Done)
}

fn checkpoint(key: bool) -> Outcome {
    let reader = reader()?;
    if key {
        return ui::data(format!("{}\n", reader.verifier().to_text()));
    }
    match reader.checkpoint().map_err(|fault| unread(&fault))? {
        Some(note) => ui::data(note),
        None => Err(Failure::new(Exit::Failed, "the ledger has no records yet")),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        ui::add(&mut text, format_args!("{byte:02x}"));
        text
    })
}
