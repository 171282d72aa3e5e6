//! That the definitions hold together, and that a run is read alike alone and among all verbs.

use super::*;
use clap::CommandFactory as _;

#[test]
fn definitions_hold_together() {
    Cli::command().debug_assert();
}

#[test]
fn a_run_alone_is_read_as_among_all_verbs() {
    let lines = [
        "run -- true",
        "run true --version -x",
        "run --profile a --profile=b --ci -v --name x --workspace /w --write a --read b -- cmd --help",
        "run --net a:1 --require x --policy p.toml -- -- x",
        "run -- -- x",
        "run -- --ci x",
        "run x -- y",
        "run x --",
        "run - x",
        "run ",
        "run  x",
        "run -- ",
        "run",
        "run --",
        "run --help",
        "run -h",
        "run --version",
        "run -V",
        "run --no-such -- x",
        "run --profile",
        "run help",
        "run --ci=yes x",
    ];
    for line in lines {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let all = std::iter::once(OsString::from("tollgate")).chain(words.iter().cloned());
        let whole = match Cli::try_parse_from(all) {
            Ok(Cli { verb: Verb::Run(run) }) => Ok(format!("{run:?}")),
            Ok(other) => Ok(format!("{other:?}")),
            Err(fault) => Err(fault.kind()),
        };
        let alone = Run::alone(&words).map(|run| format!("{run:?}")).map_err(|fault| fault.kind());
        assert_eq!(alone, whole, "{line}");
    }
}
