//! Harmless scripts made by chance, and whether a program's call was read in a text: for the trials against bash itself and
//! against the gate's own record.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "a test may")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the judge asks no clock and no variable, its tests do"
)]

use tollgate_policy::shell::{Reading, Value};

/// How many trials: these in the suite, as many times more as `TOLLGATE_LONG` says in a long one.
pub(crate) fn long(usual: usize) -> usize {
    let times = std::env::var("TOLLGATE_LONG").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    usual.saturating_mul(times)
}

/// A sequence of numbers that is the same each time (Knuth's MMIX).
pub(crate) struct Dice(u64);

impl Dice {
    /// Always the same sequence for a seed; in a long trial another each time, which is told.
    pub(crate) fn thrown(seed: u64) -> Self {
        let given = std::env::var("TOLLGATE_SEED").ok().and_then(|seed| seed.parse().ok());
        let by_chance = || {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            u64::from(now.subsec_nanos()) << 20 | now.as_secs() & 0xf_ffff
        };
        let seed = if std::env::var_os("TOLLGATE_LONG").is_some() { given.unwrap_or_else(by_chance) } else { seed };
        println!("TOLLGATE_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    pub(crate) fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }
}

const WORDS: &[&str] = &[
    "a",
    "'b c'",
    "\"d e\"",
    "$'\\x66'",
    "g\\ h",
    "{i,j}",
    "k{1..3}",
    "\"$x\"",
    "$x",
    "${x:-l}",
    "${x,,}",
    "${x//m/n}",
    "-o",
    "$((1+2))",
    "\"${#x}\"",
    "~",
    "$HOME",
    "$?",
    "$y",
    "\"q$(p4 r)s\"",
    "''",
    "t\"u\"'v'",
    "*.none",
];

const STARTS: &[&str] = &[
    "p1",
    "p2",
    "p3",
    "'p1'",
    "p\\2",
    "\"p3\"",
    "$'p1'",
    "$p",
    "${p}",
    "p{1,2}",
    "command p1",
    "env A=1 p2",
    "nice -n 1 p3",
    "timeout 9 p1",
    "nohup p2",
    "env -i PATH=$PATH p3",
    "bash -c 'p1 w'",
    "sh -c \"p2 $x\"",
    "eval 'p3 z'",
    "exec p1",
    "xargs p2",
    "builtin command p1",
    "X=1 p2",
];

/// A harmless script: programs `p1` to `p4` in all that a shell offers to start them.
pub(crate) fn script(dice: &mut Dice, depth: usize) -> String {
    let word = |dice: &mut Dice| dice.pick(WORDS).to_owned();
    let simple = |dice: &mut Dice| {
        let program = dice.pick(STARTS);
        let words: Vec<String> = (0..dice.roll(3)).map(|_| word(dice)).collect();
        format!("{program} {}", words.join(" "))
    };
    if depth == 0 {
        return simple(dice);
    }
    let [a, b, c] = [0, 1, 2].map(|_| {
        let deeper = dice.roll(depth);
        script(dice, deeper)
    });
    match dice.roll(26) {
        0 => format!("{a}; {b}"),
        1 => format!("{a} && {b}"),
        2 => format!("{a} || {b}"),
        3 => format!("{a} | {b}"),
        4 => format!("({a}; {b})"),
        5 => format!("{{ {a}; {b}; }}"),
        6 => format!("if {a}; then {b}; else {c}; fi"),
        7 => format!("for i in 1 2; do {a}; p1 $i; done"),
        8 => format!("while {a}; do {b}; break; done"),
        9 => format!("case $x in M) {a};; *) {b};; esac"),
        10 => format!("f() {{ {a}; }}\nf\n{b}"),
        11 => format!("p1 \"$({a})\""),
        12 => format!("p1 x; {a}"),
        13 => format!("p2 <<E\n$({a})\nE\n{b}"),
        14 => format!("p2 <<'E'\n$({a})\nE\n{b}"),
        15 => format!("x=Mm p=p3; {a}"),
        16 => format!("x=$({a}); p1 \"$x\""),
        17 => format!("! {a}\n{b} # {c}"),
        18 => format!("trap 'p4 t' EXIT; {a}"),
        19 => format!("set -- u v; p1 \"$@\"; {a}"),
        20 => format!("l=(p1 w 'x y'); \"${{l[@]}}\"; {a}"),
        21 => format!("{a} >/dev/null 2>&1"),
        22 => format!("IFS=,; z=p1,q; $z; {a}"),
        23 => format!("p2 ${{nope:-$({a})}}"),
        24 => format!("cd / && {a}; {b}"),
        _ => format!("printf -v v p3; $v; {a}"),
    }
}

/// Whether a call is one that was read: word by word, as far as the words are known.
pub(crate) fn was_read(reading: &Reading, call: &[String]) -> bool {
    // The number of a pipe is the shell's to choose.
    let call: Vec<String> = call
        .iter()
        .map(|word| if word.starts_with("/dev/fd/") { "/dev/fd/63".to_owned() } else { word.clone() })
        .collect();
    // A wrapper that is given a text (`flock -c`) has a shell of its own for it, whose commands were read.
    if let [shell, option, text] = call.as_slice()
        && shell.ends_with("sh")
        && option == "-c"
        && reading.commands.iter().any(|simple| simple.words.iter().any(|word| word.known() == Some(text)))
    {
        return true;
    }
    // A program without words writes one empty one.
    let call: Vec<&String> =
        call.iter().enumerate().filter(|(at, word)| *at < 1 || !word.is_empty()).map(|(_, word)| word).collect();
    reading.commands.iter().any(|simple| {
        let words: Vec<&Value> = simple
            .words
            .iter()
            .map(|word| &word.value)
            .filter(|value| **value != Value::Known(String::new()))
            .collect();
        let many = words.iter().any(|value| matches!(value, Value::Unknown | Value::Pattern(_)));
        let data = words.iter().any(|value| matches!(value, Value::Partly(_)));
        let fits = |value: &Value, word: &String| match value {
            Value::Known(text) => text == word,
            Value::Partly(start) => word.starts_with(start.as_str()),
            Value::Pattern(_) | Value::Unknown => true,
        };
        match words.split_first() {
            Some((Value::Known(program), rest)) if many || data => {
                let same = program.rsplit('/').next() == call.first().map(|word| word.as_str());
                let before = rest.iter().take_while(|value| matches!(value, Value::Known(_)));
                same && before.zip(call.iter().skip(1)).all(|(value, word)| fits(value, word))
            }
            Some(_) => words.len() == call.len() && words.iter().zip(&call).all(|(value, word)| fits(value, word)),
            None => false,
        }
    })
}
