//! An export as lines of JSON, which can be verified on its own: a line `{"record":…,"seq":…}` for each record, then
//! one line `{"checkpoint":…,"key":…}` with the signed note and the verifier key.

use std::io::{BufRead, Write};
use std::ops::ControlFlow;
use std::path::Path;

use serde_json::{Value, json};

use crate::canonical;
use crate::check::Check;
use crate::fault::{Fault, Kind};
use crate::note::Verifier;
use crate::reader::{Order, Reader};
use crate::verify::{Expected, Finding, Flaw, Verification};

/// No record is longer: a command line is at most a few MiB, and JSON at most six times its length.
const LONGEST_LINE: u64 = 256 << 20;

impl Reader {
    /// Writes the whole ledger, as far as it is signed; gives the number of records. An empty ledger has no checkpoint
    /// and gives no line.
    ///
    /// # Errors
    /// [`Fault`] where the ledger can't be read, or the output not written.
    pub fn export(&self, out: &mut dyn Write) -> Result<u64, Fault> {
        let output = |e| Fault::io(Kind::Output, &self.path, e);
        let snapshot = self.settled()?;
        let mut count = 0;
        let _flow = snapshot.rows(Order::OldestFirst, &mut |seq, body| {
            let tail = format!(",\"seq\":{seq}}}\n");
            let parts: [&[u8]; 3] = [b"{\"record\":", body, tail.as_bytes()];
            parts.iter().try_for_each(|part| out.write_all(part)).map_err(output)?;
            count += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        if let Some((_, note)) = snapshot.newest()? {
            let last = canonical::of_value(&json!({"checkpoint": note, "key": self.verifier().to_text()}));
            let last = last.map_err(|e| Fault::new(Kind::Corrupt, &self.path).because(e))?;
            out.write_all(&last).and_then(|()| out.write_all(b"\n")).map_err(output)?;
        }
        out.flush().map_err(output)?;
        Ok(count)
    }
}

/// Verifies an export, every byte of it, as [`Reader::export`] wrote it. Without a key that was kept elsewhere
/// this shows only that the export is of one piece: whoever made it may have signed it with a key of their own.
///
/// # Errors
/// [`Fault`] where it can't be read.
pub fn verify_export(export: &mut dyn BufRead, expected: &Expected) -> Result<Verification, Fault> {
    let mut check = Check::new(expected);
    let mut end = None;
    let mut line = Vec::new();
    while next_line(export, &mut line)? {
        let seq = check.size();
        let Some(text) = line.strip_suffix(b"\n") else {
            check.find(Finding::new(Some(seq), Flaw::Record, "the last line is cut off"));
            break;
        };
        if end.is_some() {
            check.find(Finding::new(Some(seq), Flaw::Sequence, "there is a line after the checkpoint"));
            break;
        }
        if let Some(body) = record_of(text, seq) {
            check.record(seq, body);
        } else if let Some(found) = end_of(text) {
            end = Some(found);
        } else {
            check.find(Finding::new(Some(seq), Flaw::Record, "the line is not the next record, nor a checkpoint"));
            break;
        }
    }
    if let Some((note, key)) = end {
        check.key(&key);
        check.checkpoint(&note);
    }
    Ok(check.finish())
}

/// The record in a line, if it is the line of record `seq`.
fn record_of(line: &[u8], seq: u64) -> Option<&[u8]> {
    line.strip_prefix(b"{\"record\":")?.strip_suffix(format!(",\"seq\":{seq}}}").as_bytes())
}

/// Note and key in the last line.
fn end_of(line: &[u8]) -> Option<(Vec<u8>, Verifier)> {
    let Value::Object(mut members) = canonical::read(line).ok()? else {
        return None;
    };
    let (note, key) = (members.remove("checkpoint")?, members.remove("key")?);
    let key = Verifier::from_text(key.as_str()?).filter(|k| k.to_text() == key)?;
    members.is_empty().then(|| Some((note.as_str()?.as_bytes().to_vec(), key)))?
}

fn next_line(export: &mut dyn BufRead, line: &mut Vec<u8>) -> Result<bool, Fault> {
    line.clear();
    let mut limited = std::io::Read::take(export, LONGEST_LINE);
    let read = limited.read_until(b'\n', line);
    Ok(read.map_err(|e| Fault::io(Kind::Unreadable, Path::new("export"), e))? > 0)
}
