//! Prints the language's JSON schema: `cargo run -p tollgate-policy --example schema > profiles/schema.json`.

#![allow(clippy::print_stdout, reason = "an example is a program")]

fn main() {
    println!("{:#}", tollgate_policy::profile::schema());
}
