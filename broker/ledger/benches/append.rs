//! What the ledger costs a run: open, append a small group, close; and the same with one record that must be on disk.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark may stop where it is wrong; criterion's macros make the items"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use tollgate_ledger::record::{Event, Record, Recorder as _};
use tollgate_ledger::{Redactor, Writer};
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;

fn record(number: u64) -> Record {
    let event = Event::ActionStarted {
        action: number,
        argv: ["cargo", "build", "--release", "--package", "tollgate"].map(Raw::from).to_vec(),
        cwd: AbsPath::new("/home/me/src/project").unwrap(),
        read_only: false,
    };
    Record { at: 1_700_000_000_000, mono: number, run: "3f2a".into(), lineage: Vec::new(), event }
}

fn run(state: &std::path::Path, records: u64) -> Writer {
    let writer = Writer::open(state);
    writer.ready().unwrap();
    (0..records).for_each(|n| writer.group(record(n)).unwrap());
    writer
}

fn append(c: &mut Criterion) {
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    Writer::open(dir.path()).finish().unwrap();
    c.bench_function("open, close", |b| b.iter(|| run(dir.path(), 0).finish().unwrap()));
    c.bench_function("open, append 4, close", |b| b.iter(|| run(dir.path(), 4).finish().unwrap()));
    c.bench_function("open, append 1 durably, close", |b| {
        b.iter(|| {
            let writer = run(dir.path(), 3);
            writer.durable(record(4)).unwrap();
            writer.finish().unwrap();
        });
    });
    let writer = run(dir.path(), 0);
    c.bench_function("append 256 to an open ledger", |b| {
        b.iter(|| {
            (0..256).for_each(|n| writer.group(record(n)).unwrap());
            writer.flush().unwrap();
        });
    });
    let redactor = Redactor::new();
    let value = serde_json::to_value(record(1)).unwrap();
    c.bench_function("redact a record", |b| b.iter(|| redactor.value(&mut value.clone())));
}

criterion_group!(benches, append);
criterion_main!(benches);
