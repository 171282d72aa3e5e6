//! cargo and rustup: `.cargo/config.toml` of every folder above, and `rust-toolchain`, name programs and registries.

use toml::{Table, Value};

use super::{above, insert, not_taken, refuse};
use crate::{Asking, Prepared, files};

/// Verbs with the person's credentials.
const PUBLISH: [&str; 5] = ["publish", "yank", "owner", "login", "logout"];

/// Options of theirs that name no other settings, directory or server.
const OPTIONS: [&str; 39] = [
    "--no-verify",
    "--dry-run",
    "-n",
    "--allow-dirty",
    "-p",
    "--package",
    "--manifest-path",
    "--registry",
    "--token",
    "--workspace",
    "--exclude",
    "--features",
    "-F",
    "--all-features",
    "--no-default-features",
    "--target-dir",
    "--jobs",
    "-j",
    "--keep-going",
    "--locked",
    "--offline",
    "--frozen",
    "--color",
    "-q",
    "--quiet",
    "-v",
    "-vv",
    "--verbose",
    "--version",
    "--vers",
    "--undo",
    "--add",
    "-a",
    "--remove",
    "-r",
    "--list",
    "-l",
    "-h",
    "--help",
];

/// What settings may say, all beneath `*`.
const SETTINGS: [&str; 15] = [
    "build.jobs",
    "build.incremental",
    "build.target",
    "build.target-dir",
    "build.rustflags",
    "target.*.rustflags",
    "profile.*",
    "term.*",
    "cargo-new.*",
    "future-incompat-report.*",
    "net.retry",
    "net.offline",
    "registries.crates-io.protocol",
    "resolver.*",
    "cache.*",
];

/// What a toolchain may say.
const TOOLCHAIN: [&str; 4] = ["toolchain.channel", "toolchain.components", "toolchain.targets", "toolchain.profile"];

/// What names of platforms are made of.
const TRIPLES: [&str; 20] = [
    "x86_64",
    "aarch64",
    "i686",
    "armv7",
    "riscv64gc",
    "powerpc64le",
    "s390x",
    "unknown",
    "pc",
    "apple",
    "linux",
    "gnu",
    "musl",
    "gnueabihf",
    "musleabihf",
    "darwin",
    "windows",
    "msvc",
    "freebsd",
    "illumos",
];

/// Makes it ready.
///
/// # Errors
/// Why it can't go outside.
pub(crate) fn prepare(asking: &Asking<'_>, words: &[&str], prepared: &mut Prepared) -> Result<(), String> {
    read_words(words)?;
    for folder in above(asking) {
        for name in [".cargo/config.toml", ".cargo/config", "rust-toolchain.toml", "rust-toolchain"] {
            let file = folder.join(name);
            let Some(text) = files::text(&file, &|_| true)? else { continue };
            if let Some(odd) = if name.starts_with(".cargo") { settings(&text) } else { toolchain(&text) } {
                let odd = odd.escape_debug();
                return Err(format!("{} says `{odd}`, and cargo would follow it outside", file.display()));
            }
            files::add(&file, prepared)?;
        }
    }
    if words.first() == Some(&"publish") && !words.contains(&"--no-verify") {
        insert(prepared, "publish", &["--no-verify"]);
        prepared.fact(
            "not run",
            "the crate's build script: it is published with --no-verify; `cargo package` inside verifies it",
        );
    } else if words.contains(&"publish") && !words.contains(&"--no-verify") {
        return Err("write `cargo publish --no-verify …`: the crate's build script is not run outside".into());
    }
    Ok(())
}

fn read_words(words: &[&str]) -> Result<(), String> {
    if let Some(named) = words.first().and_then(|word| word.strip_prefix('+'))
        && !is_channel(named)
    {
        return Err(format!(
            "the toolchain `{}` is not taken outside: it is none that rustup hands out",
            named.escape_debug()
        ));
    }
    refuse(words, &["--config", "--index"])?;
    if let Some(word) = words.iter().find(|word| word.starts_with("-Z") || word.starts_with("-C")) {
        return Err(not_taken(word));
    }
    if ["link", "run"].iter().any(|verb| words.contains(verb)) {
        return Err("a toolchain that lies elsewhere is not taken outside".into());
    }
    if words.iter().any(|word| PUBLISH.contains(word)) {
        let odd = words
            .iter()
            .find(|word| word.starts_with('-') && !OPTIONS.contains(&word.split('=').next().unwrap_or_default()));
        return odd.map_or(Ok(()), |word| Err(not_taken(word)));
    }
    Ok(())
}

/// `stable`, `nightly-2026-01-31`, `1.95.0-x86_64-unknown-linux-gnu`: names that no toolchain of one's own can have.
fn is_channel(name: &str) -> bool {
    let (channel, behind) = name.split_once('-').unwrap_or((name, ""));
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    let number = (2..=3).contains(&channel.split('.').count()) && channel.split('.').all(digits);
    let known = |part: &str| TRIPLES.contains(&part) || digits(part) || part.starts_with("beta");
    (["stable", "beta", "nightly"].contains(&channel) || number)
        && plain(behind)
        && (behind.is_empty() || behind.split('-').all(known))
}

/// What of a `rust-toolchain` is not followed.
fn toolchain(text: &str) -> Option<String> {
    if !text.contains(['[', '=']) {
        let name = text.trim();
        return (!is_channel(name)).then(|| name.to_owned());
    }
    odd(text, &TOOLCHAIN, |key, value| key != "toolchain.channel" || value.as_str().is_some_and(is_channel))
}

/// What of cargo's settings is not followed.
fn settings(text: &str) -> Option<String> {
    odd(text, &SETTINGS, |key, value| match key {
        // a path would be a platform of the sandbox's own, with a linker
        "build.target" => value.as_str().is_some_and(|target| !target.contains(['/', '.'])),
        key => !key.ends_with(".rustflags") || are_flags(value),
    })
}

/// The first key of TOML that is not on the list, or whose value is not fine; text that is no TOML as a whole.
fn odd(text: &str, keys: &[&str], fine: impl Fn(&str, &Value) -> bool) -> Option<String> {
    let Ok(table) = text.parse::<Table>() else { return Some("what can't be read".into()) };
    let mut left: Vec<(Vec<String>, Value)> = table.into_iter().map(|(key, value)| (vec![key], value)).collect();
    while let Some((path, value)) = left.pop() {
        let known = keys.iter().any(|key| fits(key, &path));
        match value {
            Value::Table(table) if !known => {
                left.extend(table.into_iter().map(|(key, value)| ([path.as_slice(), &[key]].concat(), value)));
            }
            value if known && fine(&path.join("."), &value) => {}
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_)
            | Value::Table(_) => return Some(path.join(".")),
        }
    }
    None
}

/// `*` stands for one part, whatever it holds.
fn fits(key: &str, path: &[String]) -> bool {
    let parts: Vec<&str> = key.split('.').collect();
    parts.len() == path.len() && parts.iter().zip(path).all(|(part, is)| *part == "*" || part == is)
}

/// Flags of rustc's that name no program, library or file.
fn are_flags(value: &Value) -> bool {
    let flags: Option<Vec<&str>> = match value {
        Value::String(text) => Some(text.split_whitespace().collect()),
        Value::Array(flags) => flags.iter().map(Value::as_str).collect(),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) | Value::Table(_) => None,
    };
    let plain = |flag: &str| {
        let bare = flag.strip_prefix("-C").unwrap_or(flag);
        let word = |c: char| c.is_ascii_alphanumeric() || "_:-".contains(c);
        ["-C", "-D", "-W", "-A", "--cfg"].contains(&flag)
            || ["target-cpu=", "target-feature=", "opt-level=", "debuginfo="]
                .iter()
                .any(|known| bare.starts_with(known))
            || (flag.starts_with(|c: char| c.is_ascii_lowercase()) && flag.chars().all(word))
            || ["-D", "-W", "-A"]
                .iter()
                .any(|level| flag.strip_prefix(level).is_some_and(|lint| lint.chars().all(word)))
    };
    flags.is_some_and(|flags| flags.into_iter().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_cargo_reads_them() {
        for (text, fine) in [
            ("", true),
            ("[build]\njobs = 2\nrustflags = [\"-D\", \"warnings\", \"-Ctarget-cpu=native\"]\n", true),
            ("[target.x86_64-unknown-linux-gnu]\nrustflags = \"-C target-feature=+sse4.2\"\n", true),
            ("[profile.release]\nlto = true\n[net]\nretry = 3\n[registries.crates-io]\nprotocol = \"sparse\"\n", true),
            ("[\"\\u0072egistries\".x]\n\"\\u0069ndex\" = \"file:///x\"\n", false),
            ("[\"registr\\u0079\"]\n\"credential-provi\\u0064er\" = [\"sh\"]\n", false),
            ("build.\"rust\\u0063\" = \"./x\"\n", false),
            ("[build]\nrustflags = [\"-Clinker=./x\"]\n", false),
            ("[build]\nrustflags = \"-Zcodegen-backend=./x.so\"\n", false),
            ("[target.x]\nrunner = \"./x\"\n", false),
            ("[http]\nproxy = \"x\"\n", false),
            ("include = \"x\"\n", false),
            ("[build]\ntarget = \"own.json\"\n", false),
            ("[env]\nX = \"y\"\n", false),
            ("\u{0}", false),
        ] {
            assert_eq!(settings(text).is_none(), fine, "{text}");
        }
    }

    #[test]
    fn toolchains_are_those_that_are_handed_out() {
        for (text, fine) in [
            ("stable\n", true),
            ("[toolchain]\nchannel = \"1.95.0\"\ncomponents = [\"clippy\"]\n", true),
            ("[toolchain]\nchannel = \"nightly-2026-01-31\"\n", true),
            ("[toolchain]\npath = \"tc\"\n", false),
            ("[toolchain]\n\"p\\u0061th\" = \"tc\"\n", false),
            ("/ws/tc", false),
            ("mine", false),
        ] {
            assert_eq!(toolchain(text).is_none(), fine, "{text}");
        }
        for (line, fine) in [
            ("publish", true),
            ("publish -p x --dry-run --token=t", true),
            ("+stable-x86_64-unknown-linux-gnu publish", true),
            ("install ripgrep --locked", true),
            ("+/ws/tc publish --no-verify", false),
            ("+mine publish --no-verify", false),
            ("+stable-mine publish", false),
            ("publish --conf x", false),
            ("--config=x publish", false),
            ("-Zunstable-options publish", false),
            ("-C../x publish", false),
            ("toolchain link x tc", false),
        ] {
            assert_eq!(read_words(&line.split(' ').collect::<Vec<_>>()).is_ok(), fine, "{line}");
        }
    }
}
