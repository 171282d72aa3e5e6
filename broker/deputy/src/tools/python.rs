//! Python's modules, and the tools that send packages to its index and to that of Ruby.

use tollgate_policy::action::Form;

use super::grammar::Grammar;
use super::insert;
use crate::{Asking, Prepared};

/// `twine upload`, without settings, programs (`--sign-with`) and certificates that words name.
const TWINE: Grammar = Grammar {
    flags: "",
    valued: "rupc",
    long: &["skip-existing", "verbose", "disable-progress-bar", "non-interactive", "attestations"],
    long_valued: &["repository", "repository-url", "username", "password", "comment"],
};

/// `uv publish`, likewise.
const UV: Grammar = Grammar {
    flags: "nqv",
    valued: "upt",
    long: &["dry-run", "no-config", "no-cache", "no-progress", "quiet", "verbose", "native-tls", "no-attestations"],
    long_valued: &["publish-url", "check-url", "username", "password", "token", "trusted-publishing", "color"],
};

/// `gem push` and `gem yank`, likewise.
const GEM: Grammar = Grammar {
    flags: "qV",
    valued: "kvp",
    long: &["norc", "quiet", "silent", "verbose", "no-verbose"],
    long_valued: &["key", "host", "otp", "version", "platform"],
};

/// `python -m MODULE` looks for the module in its directory first: the sandbox's own would be run. An environment in the
/// workspace is found by the interpreter's name alone, so that only what has no credentials goes outside like this.
///
/// # Errors
/// A module that is not pip.
pub(crate) fn interpreter(asking: &Asking<'_>, words: &[&str], prepared: &mut Prepared) -> Result<(), String> {
    if asking.exec.image.form != Form::Native {
        return Ok(());
    }
    let Some(module) = module(words) else { return Ok(()) };
    if module != "pip" {
        let shown = module.escape_debug();
        return Err(format!(
            "`python -m {shown}` is not run outside: the workspace can have a module of that name; run `{shown} …` itself"
        ));
    }
    prepared.argv.insert(1.min(prepared.argv.len()), "-I".into());
    super::outside_as(prepared);
    Ok(())
}

/// What `-m` names, if no script or text comes before it.
fn module<'a>(words: &[&'a str]) -> Option<&'a str> {
    let mut left = words.iter().copied();
    while let Some(word) = left.next() {
        let cluster = word.strip_prefix('-').filter(|cluster| !cluster.is_empty())?;
        if word == "--check-hash-based-pycs" {
            left.next();
            continue;
        }
        let Some(at) = cluster.find(['m', 'c', 'W', 'X', 'Q']).filter(|_| !word.starts_with("--")) else { continue };
        let (letter, behind) = cluster.split_at(at).1.split_at(1);
        let value = if behind.is_empty() { left.next().unwrap_or_default() } else { behind };
        match letter {
            "m" => return Some(value),
            "c" => return None,
            _ => {}
        }
    }
    None
}

/// Looks at twine's words.
///
/// # Errors
/// What of them is not taken outside.
pub(crate) fn twine(words: &[&str]) -> Result<(), String> {
    TWINE.anywhere(words).map(|_| ())
}

/// uv goes by the workspace's `uv.toml` and `pyproject.toml`, which say where a package is sent, and what asks for passwords.
///
/// # Errors
/// As [`twine`].
pub(crate) fn uv(words: &[&str], prepared: &mut Prepared) -> Result<(), String> {
    if !words.contains(&"publish") {
        return Ok(());
    }
    if words.first() != Some(&"publish") {
        return Err("write `uv publish …`, options behind".into());
    }
    let (options, _) = UV.anywhere(words)?;
    if options.iter().all(|(name, _)| *name != "no-config") {
        insert(prepared, "publish", &["--no-config"]);
        prepared.fact("left out", "settings of uv.toml and pyproject.toml: where it is sent is said by --publish-url");
    }
    Ok(())
}

/// A gem's own data name the server that it is sent to, with what the person logs in with.
///
/// # Errors
/// As [`twine`].
pub(crate) fn gem(words: &[&str], prepared: &mut Prepared) -> Result<(), String> {
    let Some(verb) = words.iter().find(|word| ["push", "yank"].contains(word)) else { return Ok(()) };
    if words.first() != Some(verb) {
        return Err(format!("write `gem {verb} …`, options behind"));
    }
    let (options, _) = GEM.anywhere(words)?;
    if options.iter().all(|(name, _)| *name != "host") {
        insert(prepared, verb, &["--host", "https://rubygems.org"]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_found() {
        for (line, expected) in [
            ("-m twine upload x", Some("twine")),
            ("-mtwine upload", Some("twine")),
            ("-Im pip install", Some("pip")),
            ("-X dev -W ignore -I -m pip", Some("pip")),
            ("-Xm -m pip", Some("pip")),
            ("--check-hash-based-pycs never -m pip", Some("pip")),
            ("tool.py -m pip", None),
            ("-c x -m pip", None),
        ] {
            assert_eq!(module(&line.split(' ').collect::<Vec<_>>()), expected, "{line}");
        }
    }

    #[test]
    fn only_plain_options_go_out() {
        for (line, fine) in [
            ("upload dist/x.whl -r testpypi --skip-existing", true),
            ("upload --conf=rc x", false),
            ("upload --config-file rc x", false),
            ("upload --sign --sign-with ./x x", false),
        ] {
            assert_eq!(twine(&line.split(' ').collect::<Vec<_>>()).is_ok(), fine, "twine {line}");
        }
        let ready = |tool: fn(&[&str], &mut Prepared) -> Result<(), String>, line: &str| {
            let argv = line.split(' ').map(Into::into).collect();
            let mut prepared = Prepared { argv, ..Prepared::default() };
            let words: Vec<&str> = line.split(' ').skip(1).collect();
            tool(&words, &mut prepared)?;
            Ok::<_, String>(prepared.argv.iter().map(crate::word).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(ready(uv, "uv publish dist/a"), Ok("uv publish --no-config dist/a".into()));
        assert_eq!(ready(uv, "uv sync --config-file x"), Ok("uv sync --config-file x".into()));
        for line in ["uv --directory x publish", "uv publish --keyring-provider subprocess", "uv publish --index x"] {
            assert!(ready(uv, line).is_err(), "{line}");
        }
        assert_eq!(ready(gem, "gem push x.gem"), Ok("gem push --host https://rubygems.org x.gem".into()));
        assert_eq!(ready(gem, "gem push --host=https://h x.gem"), Ok("gem push --host=https://h x.gem".into()));
        assert!(ready(gem, "gem push --conf=x x.gem").is_err());
    }
}
