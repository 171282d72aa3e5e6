//! One section of evidence as rows.

use tollgate_policy::evidence::{
    Changed, Commits, Destination, Diff, Earlier, Executable, File, Mark, Opens, Package, Packages, Secrets, Section,
};

use super::{Row, Tone};
use crate::neutral;

/// Longest text of a note, in characters.
const NOTE: usize = 4000;

/// Longest line of a diff, in characters.
const LINE: usize = 400;

/// The section's rows.
#[must_use]
pub fn section(section: &Section) -> Vec<Row> {
    match section {
        Section::Note { label, text } => vec![Row::new(&neutral::short(label, 40), neutral::short_quoted(text, NOTE))],
        Section::Meaning { says, flips } => {
            let says = listed("says", says, NOTE).into_iter().map(of_change);
            says.chain(listed("would flip", flips, NOTE)).collect()
        }
        Section::Executable(it) => executable(it),
        Section::Opens(it) => opens(it),
        Section::Refused { walls } => listed("refused before", walls, LINE),
        Section::File(it) => file(it),
        Section::Diff(it) => diff(it),
        Section::Commits(it) => commits(it),
        Section::Destination(it) => destination(it),
        Section::Secrets(it) => secrets(it),
        Section::Packages(it) => packages(it),
        Section::Readable { paths } => listed("can read", paths, LINE),
        Section::Recovery { command, note } => recovery(command, note),
        Section::Earlier(it) => earlier(it),
        Section::Review { by, verdict, rationale, codes } => review((by, verdict), rationale, codes),
        Section::Missing { what, why } => {
            let text = format!("{}: {}", neutral::short(what, 100), neutral::short(why, 300));
            vec![Row::new("not known", text).tone(Tone::Warn)]
        }
        Section::Says { text } => vec![Row::new("agent says", neutral::short(text, NOTE)).tone(Tone::Claim)],
    }
}

/// A statement that a policy would make, or no longer.
fn of_change(row: Row) -> Row {
    match row.text.bytes().next() {
        Some(b'+') => row.tone(Tone::Added),
        Some(b'-') => row.tone(Tone::Removed),
        Some(_) | None => row,
    }
}

fn listed(label: &str, lines: &[String], longest: usize) -> Vec<Row> {
    let label = |at| if at == 0 { label } else { "" };
    let row = |(at, line): (usize, &String)| Row::new(label(at), neutral::short_quoted(line, longest));
    lines.iter().enumerate().map(row).collect()
}

/// What of the text looks like something else.
fn doubts(text: &str) -> impl Iterator<Item = Row> {
    neutral::doubts(text).into_iter().map(|doubt| Row::new("look twice", doubt).tone(Tone::Bad))
}

fn path(text: &str) -> String {
    neutral::short_command([text.as_bytes()], 1000)
}

fn executable(it: &Executable) -> Vec<Row> {
    let mut rows = vec![if it.path.is_empty() {
        Row::new("executable", "none: an image without a name").tone(Tone::Bad)
    } else {
        Row::new("executable", path(&it.path))
    }];
    rows.push(Row::new("owner", format!("uid {}, gid {}, mode {:o}", it.uid, it.gid, it.mode)));
    if !it.script.is_empty() {
        rows.push(Row::new("script", path(&it.script)));
    }
    if !it.loader.is_empty() {
        rows.push(Row::new("loader", path(&it.loader)));
    }
    if !it.sha256.is_empty() {
        rows.push(Row::new("sha256", neutral::short(&it.sha256, 80)));
    }
    if it.changeable {
        rows.push(Row::new("changeable", "the program can be changed from inside the sandbox").tone(Tone::Bad));
    }
    rows
}

fn opens(it: &Opens) -> Vec<Row> {
    let mut rows = vec![Row::new("opens", neutral::short(&it.what, NOTE)).tone(Tone::Strong)];
    if !it.profile.is_empty() {
        rows.push(Row::new("profile", neutral::short(&it.profile, 60)).tone(Tone::Warn));
    }
    if !it.environment.is_empty() {
        let names = it.environment.iter().map(|name| neutral::short(name, 100)).collect::<Vec<_>>();
        rows.push(Row::new("environment", names.join(", ")));
    }
    rows
}

fn file(it: &File) -> Vec<Row> {
    let mut rows = vec![Row::new("path", path(&it.path)).tone(Tone::Strong)];
    if !it.would.is_empty() {
        rows.push(Row::new("would", neutral::short(&it.would, 200)));
    }
    rows.extend(it.hops.iter().map(|hop| Row::new("by symlink", neutral::short_quoted(hop, 1000)).tone(Tone::Warn)));
    rows.push(Row::new("there now", neutral::short(&it.now, 300)));
    if !it.tracked.is_empty() {
        rows.push(Row::new("in git", neutral::short(&it.tracked, 60)));
    }
    rows
}

fn mark(mark: Mark) -> &'static str {
    match mark {
        Mark::Ci => "runs on the build server",
        Mark::Hook => "runs by itself",
        Mark::Script => "says what tools run",
        Mark::OutsideScope => "outside the scope",
        Mark::Secret => "looks like a secret",
        Mark::Binary => "binary",
    }
}

fn changed(it: &Changed) -> Row {
    let count = match (it.added, it.removed) {
        (Some(added), Some(removed)) => format!("+{added} -{removed}"),
        _ => "binary".to_owned(),
    };
    let marks: Vec<&str> = it.marks.iter().filter(|m| **m != Mark::Binary).map(|m| mark(*m)).collect();
    let behind = if marks.is_empty() { String::new() } else { format!("  ({})", marks.join(", ")) };
    let tone = if marks.is_empty() { Tone::Plain } else { Tone::Warn };
    Row::new("", format!("{}  {count}{behind}", path(&it.path))).tone(tone)
}

fn diff(it: &Diff) -> Vec<Row> {
    let total = u64::try_from(it.files.len()).unwrap_or(u64::MAX).saturating_add(it.more);
    let files = if total == 1 { "1 file".to_owned() } else { format!("{total} files") };
    let mut rows = vec![Row::new("diff", format!("{} ({files})", neutral::short(&it.title, 200)))];
    rows.extend(it.files.iter().map(changed));
    if it.more > 0 {
        rows.push(Row::new("", format!("… ({} more files)", it.more)).tone(Tone::Warn));
    }
    let paths = it.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>().join(" ");
    rows.extend(doubts(&format!("{paths} {}", it.text)));
    let mut head = false;
    for line in it.text.lines() {
        // the names of both sides stand between a file's first line and its first change
        head = line.starts_with("diff --git ") || (head && !line.starts_with("@@ "));
        let tone = match line.as_bytes().first() {
            Some(b'+') if !head => Tone::Added,
            Some(b'-') if !head => Tone::Removed,
            Some(_) | None => Tone::Plain,
        };
        rows.push(Row::new("", neutral::short_quoted(&line.replace('\t', "    "), LINE)).tone(tone));
    }
    if it.left_out > 0 {
        rows.push(Row::new("", format!("… ({} more lines of the diff)", it.left_out)).tone(Tone::Warn));
    }
    rows
}

fn commits(it: &Commits) -> Vec<Row> {
    let total = u64::try_from(it.list.len()).unwrap_or(u64::MAX).saturating_add(it.more);
    let mut rows = vec![Row::new("commits", format!("{total} {}", neutral::short(&it.title, 200))).tone(Tone::Strong)];
    for commit in &it.list {
        let id: String = commit.id.chars().take(12).collect();
        let text = format!(
            "{} {} ({})",
            neutral::short(&id, 12),
            neutral::short(&commit.subject, 200),
            neutral::short(&commit.author, 100)
        );
        rows.push(Row::new("", text));
    }
    if it.more > 0 {
        rows.push(Row::new("", format!("… ({} more commits)", it.more)).tone(Tone::Warn));
    }
    if !it.doubt.is_empty() {
        rows.push(Row::new("look twice", neutral::short(&it.doubt, 400)).tone(Tone::Warn));
    }
    rows
}

fn destination(it: &Destination) -> Vec<Row> {
    let port = if it.port == 0 { String::new() } else { format!(", port {}", it.port) };
    let class = if it.class.is_empty() { String::new() } else { format!(", {}", neutral::short(&it.class, 40)) };
    let mut rows =
        vec![Row::new("goes to", format!("{}{port}{class}", neutral::short(&it.name, 400))).tone(Tone::Strong)];
    match it.first_time {
        Some(true) => rows.push(Row::new("first time", "nothing in this ledger went there before").tone(Tone::Warn)),
        Some(false) => rows.push(Row::new("first time", "no")),
        None => {}
    }
    if !it.readers.is_empty() {
        rows.push(Row::new("read by", neutral::short(&it.readers, 300)));
    }
    rows.extend(doubts(&it.name));
    rows
}

fn secrets(it: &Secrets) -> Vec<Row> {
    let count = u64::try_from(it.found.len()).unwrap_or(u64::MAX).saturating_add(it.more);
    let scanned = neutral::short(&it.scanned, 200);
    if count == 0 {
        return vec![Row::new("secrets", format!("none found in {scanned}"))];
    }
    let mut rows = vec![Row::new("secrets", format!("{count} found in {scanned}")).tone(Tone::Bad)];
    for found in &it.found {
        let line = if found.line == 0 { String::new() } else { format!(", line {}", found.line) };
        let text = format!("{} in {}{line}", neutral::short(&found.what, 100), path(&found.path));
        rows.push(Row::new("", text).tone(Tone::Bad));
    }
    rows
}

fn package(it: &Package) -> Row {
    let version = if it.version.is_empty() { "any version".to_owned() } else { neutral::short(&it.version, 80) };
    let lock = if it.lock.is_empty() { String::new() } else { format!(", {}", neutral::short(&it.lock, 40)) };
    let (scripts, tone) = match it.scripts {
        Some(true) => (", runs scripts when installed", Tone::Warn),
        Some(false) => (", no install scripts", Tone::Plain),
        None => ("", Tone::Plain),
    };
    Row::new("", format!("{} {version}{lock}{scripts}", neutral::short(&it.name, 200))).tone(tone)
}

fn packages(it: &Packages) -> Vec<Row> {
    let total = u64::try_from(it.list.len()).unwrap_or(u64::MAX).saturating_add(it.more);
    let from =
        if it.registry.is_empty() { String::new() } else { format!(" from {}", neutral::short(&it.registry, 300)) };
    let mut rows = vec![Row::new("packages", format!("{total}{from}"))];
    rows.extend(it.list.iter().map(package));
    rows.extend(doubts(&it.list.iter().map(|package| package.name.as_str()).collect::<Vec<_>>().join(" ")));
    if it.more > 0 {
        rows.push(Row::new("", format!("… ({} more)", it.more)).tone(Tone::Warn));
    }
    rows
}

fn recovery(command: &str, note: &str) -> Vec<Row> {
    let text = if command.is_empty() { "it can't be undone".to_owned() } else { neutral::short_quoted(command, 400) };
    let tone = if command.is_empty() { Tone::Bad } else { Tone::Plain };
    let mut rows = vec![Row::new("to undo", text).tone(tone)];
    if !note.is_empty() {
        rows.push(Row::new("", neutral::short(note, 400)));
    }
    rows
}

fn earlier(it: &Earlier) -> Vec<Row> {
    let counts = format!("{} allowed, {} denied, {} unanswered in like cases", it.allowed, it.denied, it.expired);
    let mut rows = vec![Row::new("before", counts)];
    for like in &it.list {
        let same = if like.same { "the same" } else { "like it" };
        let text = format!(
            "{} by {}: {} ({same}, {})",
            neutral::short(&like.outcome, 20),
            neutral::short(&like.by, 60),
            neutral::short_quoted(&like.what, 160),
            neutral::short(&like.question, 60)
        );
        rows.push(Row::new("", text));
    }
    rows
}

fn review((by, verdict): (&str, &str), rationale: &str, codes: &[String]) -> Vec<Row> {
    let codes = codes.iter().map(|code| neutral::short(code, 40)).collect::<Vec<_>>().join(", ");
    let behind = if codes.is_empty() { String::new() } else { format!(" ({codes})") };
    let verdict = format!("{} by {}{behind}", neutral::short(verdict, 40), neutral::short(by, 60));
    let mut rows = vec![Row::new("review", verdict).tone(Tone::Warn)];
    if !rationale.is_empty() {
        rows.push(Row::new("", neutral::short(rationale, 1000)).tone(Tone::Claim));
    }
    rows
}
