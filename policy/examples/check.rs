//! Checks files of the policy language: `cargo run -p tollgate-policy --example check -- FILE…`.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::exit, reason = "an example is a program")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "an example may read files")]

fn main() {
    let mut failed = false;
    for file in std::env::args().skip(1) {
        match std::fs::read_to_string(&file) {
            Err(error) => {
                eprintln!("{file}: {error}");
                failed = true;
            }
            Ok(text) => match tollgate_policy::parse(&file, &text) {
                Ok(_) => println!("{file}: ok"),
                Err(faults) => {
                    eprintln!("{faults}");
                    failed = true;
                }
            },
        }
    }
    if failed {
        std::process::exit(1);
    }
}
