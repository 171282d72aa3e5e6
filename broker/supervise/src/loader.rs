//! The dynamic loader's own command line (`ld.so(8)`): which word is the program that it will run.

/// Options that take the next word.
const WITH_VALUE: [&[u8]; 7] = [
    b"--library-path",
    b"--inhibit-rpath",
    b"--audit",
    b"--preload",
    b"--argv0",
    b"--glibc-hwcaps-prepend",
    b"--glibc-hwcaps-mask",
];
/// Options that stand alone.
const ALONE: [&[u8]; 1] = [b"--inhibit-cache"];
/// Options after which nothing is run.
const ONLY_TELLS: [&[u8]; 7] =
    [b"--list", b"--verify", b"--help", b"--version", b"--list-tunables", b"--list-diagnostics", b"--list-ld-so-conf"];

/// Where in argv the program stands; none where the loader only tells something. After an option that is not known
/// here nobody can tell: the answer then lies behind the end, where no program is.
pub(crate) fn program(argv: &[Vec<u8>]) -> Option<usize> {
    let mut at = 1;
    while let Some(word) = argv.get(at) {
        if ONLY_TELLS.contains(&word.as_slice()) {
            return None;
        }
        if word == b"--" {
            return Some(at + 1);
        }
        if !word.starts_with(b"--") {
            return Some(at);
        }
        at += match word.as_slice() {
            option if WITH_VALUE.contains(&option) => 2,
            option if ALONE.contains(&option) => 1,
            _ => return Some(argv.len()),
        };
    }
    (argv.len() > 1).then_some(argv.len())
}

#[cfg(test)]
mod tests {
    use super::program;

    #[test]
    fn the_program_stands_behind_the_loaders_options() {
        let at = |line: &str| program(&line.split(' ').map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>());
        for (line, place) in [
            ("ld.so ./x", Some(1)),
            ("ld.so --library-path /lib ./x -a", Some(3)),
            ("ld.so --inhibit-cache ./x", Some(2)),
            ("ld.so --preload a.so --argv0 ls /bin/x", Some(5)),
            ("ld.so --list /bin/x", None),
            ("ld.so --verify /bin/x", None),
            ("ld.so", None),
            ("ld.so --unknown /bin/x", Some(3)),
            ("ld.so --preload", Some(2)),
        ] {
            assert_eq!(at(line), place, "{line}");
        }
    }
}
