//! What it costs to open a ledger, append a small group and close it.

fn main() {}
