//! Builtins of bash that change what follows them, or run what their words say.

use super::arithmetic::is_name;
use super::reading::{Assignment, Cwd, Simple, Value, Why, Word};
use super::vars::Held;
use super::walk::{Shell, Walker};

/// Whose meaning a function can't take over unnoticed.
const BUILTINS: [&str; 40] = [
    ".", ":", "[", "alias", "bg", "bind", "break", "builtin", "caller", "cd", "command", "continue", "declare", "dirs",
    "disown", "enable", "eval", "exec", "exit", "export", "fc", "fg", "getopts", "hash", "let", "local", "popd",
    "printf", "pushd", "read", "readonly", "return", "set", "shift", "shopt", "source", "test", "trap", "typeset",
    "unset",
];

/// Whether it is a builtin whose meaning counts here.
pub(super) fn is_builtin(name: &str) -> bool {
    BUILTINS.contains(&name)
}

/// Whether the words are a declaration, whose assignments are for all that follows.
pub(super) fn declares(words: &[Word]) -> bool {
    matches!(words.first().and_then(Word::known), Some("declare" | "typeset" | "local" | "export" | "readonly"))
}

impl Walker<'_> {
    /// What a builtin does to what follows.
    pub(super) fn builtin(&mut self, name: &str, simple: &Simple) {
        let words = simple.words.get(1..).unwrap_or_default();
        match name {
            "cd" => self.cd(words),
            "pushd" | "popd" => self.cwd = Cwd::Unknown,
            "eval" => self.evaluated(words, simple),
            "source" | "." => {
                self.opaque_here(Why::Code, simple.span);
                self.variables.lose();
                self.cwd = Cwd::Unknown;
            }
            "trap" => self.trap(words, simple),
            "alias" if words.is_empty() => {}
            "hash" if words.iter().all(|word| word.known() == Some("-r")) => {}
            "alias" | "unalias" | "enable" | "shopt" | "hash" | "bind" | "complete" | "compgen" | "compopt" | "fc" => {
                self.opaque_here(Why::Meaning, simple.span);
            }
            "set" => self.options(words, simple),
            "shift" => self.variables.set("@", Held::Unknown),
            "declare" | "typeset" | "local" | "export" | "readonly" => self.declared(words, simple),
            "unset" => self.unset(words, simple),
            "printf" => self.printf(words, simple),
            "read" | "getopts" | "mapfile" | "readarray" => {
                self.variables.lose();
                let callback = name.starts_with(['m', 'r']) && words.iter().any(|word| word.start().starts_with("-C"));
                if callback && name != "read" {
                    self.opaque_here(Why::Code, simple.span);
                }
                self.subscripts(words);
            }
            "let" => {
                self.opaque_here(Why::Arithmetic, simple.span);
                self.variables.lose();
            }
            "wait" if words.iter().any(|word| word.start().starts_with("-p")) => {
                self.variables.lose();
                self.subscripts(words);
            }
            "test" | "[" => self.asked_for(words, simple),
            _ => {}
        }
    }

    fn cd(&mut self, words: &[Word]) {
        let flags = |word: &&Word| !matches!(word.known(), Some("-L" | "-P" | "-e" | "--"));
        let mut targets = words.iter().filter(flags);
        let there = match (targets.next(), targets.next()) {
            (None, _) => match self.variables.held("HOME") {
                Held::Text(home) => crate::path::AbsPath::new(home).ok(),
                Held::List(_) | Held::Number | Held::Unknown => None,
            },
            (Some(word), None) => match (word.known(), &self.cwd) {
                (Some(path), _) if path.starts_with('/') => crate::path::AbsPath::new(path).ok(),
                (Some("" | "-"), _) => None,
                (Some(path), Cwd::Known(cwd)) if !path.starts_with('-') => cwd.join(path).ok(),
                _ => None,
            },
            (Some(_), Some(_)) => None,
        };
        self.cwd = there.map_or(Cwd::Unknown, Cwd::Known);
    }

    fn evaluated(&mut self, words: &[Word], simple: &Simple) {
        let known: Option<Vec<&str>> = words.iter().map(Word::known).collect();
        if let Some(known) = known {
            return self.text(known.join(" ").trim_start_matches("-- "), simple.span, Shell::Same);
        }
        self.opaque_here(Why::Code, simple.span);
        self.variables.lose();
        self.cwd = Cwd::Unknown;
    }

    fn trap(&mut self, words: &[Word], simple: &Simple) {
        let mut words = words.iter().skip_while(|word| word.known() == Some("--"));
        match words.next().map(Word::known) {
            None | Some(Some("-" | "" | "-p" | "-l" | "-P")) => {}
            Some(Some(text)) => self.text(text, simple.span, Shell::Later),
            Some(None) => {
                self.opaque_here(Why::Code, simple.span);
                self.variables.lose();
                self.cwd = Cwd::Unknown;
            }
        }
    }

    /// `set`: options that change nothing of what words mean; the positional parameters.
    fn options(&mut self, words: &[Word], simple: &Simple) {
        const FINE: [&str; 9] =
            ["pipefail", "errexit", "nounset", "xtrace", "verbose", "noclobber", "errtrace", "noexec", "monitor"];
        let mut rest = words;
        while let Some((word, behind)) = rest.split_first() {
            let Some(text) = word.known() else { break };
            if text == "--" {
                rest = behind;
                break;
            }
            let Some(letters) = text.strip_prefix(['-', '+']) else { break };
            let named = letters.ends_with('o');
            let fine = !letters.is_empty() && letters.chars().all(|c| "euxvCEmbo".contains(c));
            let name = behind.first().and_then(Word::known);
            if !fine || named && !name.is_some_and(|name| FINE.contains(&name)) {
                return self.opaque_here(Why::Meaning, simple.span);
            }
            rest = behind.get(usize::from(named)..).unwrap_or_default();
        }
        if rest.is_empty() && !words.iter().any(|word| word.known() == Some("--")) {
            return;
        }
        let known: Option<Vec<String>> = rest.iter().map(|word| word.known().map(str::to_owned)).collect();
        for number in 1..10 {
            self.variables.set(&number.to_string(), Held::Unknown);
        }
        for (number, word) in known.iter().flatten().enumerate().take(9) {
            self.variables.set(&(number + 1).to_string(), Held::Text(word.clone()));
        }
        self.variables.set("@", known.map_or(Held::Unknown, Held::List));
    }

    fn declared(&mut self, words: &[Word], simple: &Simple) {
        for word in words {
            let start = word.start();
            if start.starts_with(['-', '+']) {
                let letters = start.trim_start_matches(['-', '+']);
                if letters.contains(['i', 'n']) {
                    self.opaque_here(Why::Arithmetic, simple.span);
                }
                if !letters.chars().all(|c| "xrgp".contains(c)) {
                    self.variables.lose();
                }
                continue;
            }
            let Some((name, value)) = start.split_once('=') else {
                match word.known() {
                    Some(name) if name.contains('[') => self.opaque_here(Why::Arithmetic, word.span),
                    Some(_) => {}
                    None => {
                        self.opaque_here(Why::Words, word.span);
                        self.variables.lose();
                    }
                }
                continue;
            };
            let name = name.strip_suffix('+').unwrap_or(name);
            if !is_name(&Value::Known(name.to_owned())) {
                self.opaque_here(Why::Arithmetic, word.span);
                continue;
            }
            let value =
                if word.known().is_some() { Value::Known(value.to_owned()) } else { Value::Partly(value.to_owned()) };
            let whole = word.known().is_some() && !start.contains("+=");
            self.variables.set(name, if whole { Held::Text(value_text(&value)) } else { Held::Unknown });
            self.reading.assignments.push(Assignment { name: name.to_owned(), value, span: word.span });
        }
    }

    fn unset(&mut self, words: &[Word], simple: &Simple) {
        for word in words {
            match word.known() {
                Some("-v" | "--") => {}
                Some(option) if option.starts_with('-') => self.opaque_here(Why::Meaning, simple.span),
                Some(name) if is_name(&word.value) => self.variables.set(name, Held::Unknown),
                _ => {
                    self.opaque_here(Why::Arithmetic, word.span);
                    self.variables.lose();
                }
            }
        }
    }

    fn printf(&mut self, words: &[Word], simple: &Simple) {
        let (name, format) = match words {
            [option, name, format, ..] if option.known() == Some("-v") => (name, Some(format)),
            [option, ..] if option.start().starts_with("-v") => {
                self.variables.lose();
                return self.opaque_here(Why::Arithmetic, simple.span);
            }
            [first, ..] if first.known().is_none() && !first.start().starts_with(|c| c != '-') => {
                return self.opaque_here(Why::Words, simple.span);
            }
            _ => return,
        };
        let plain = format.and_then(Word::known).filter(|text| words.len() == 3 && !text.contains(['%', '\\']));
        if let Some(name) = name.known().filter(|_| is_name(&name.value)) {
            self.variables.set(name, plain.map_or(Held::Unknown, |text| Held::Text(text.to_owned())));
        } else {
            self.variables.lose();
            self.opaque_here(Why::Arithmetic, simple.span);
        }
    }

    /// Names with subscripts, which bash works out.
    fn subscripts(&mut self, words: &[Word]) {
        for word in words {
            if word.known().is_none_or(|name| name.contains('[')) {
                self.opaque_here(Why::Arithmetic, word.span);
            }
        }
    }

    /// `test -v 'a[$(x)]'` works the subscript out.
    fn asked_for(&mut self, words: &[Word], simple: &Simple) {
        for pair in words.windows(2) {
            let [option, name] = pair else { continue };
            if matches!(option.known(), Some("-v" | "-R")) && !is_name(&name.value) {
                self.opaque_here(Why::Arithmetic, simple.span);
            }
        }
        if words.iter().any(|word| matches!(word.value, Value::Unknown | Value::Pattern(_))) {
            self.opaque_here(Why::Words, simple.span);
        }
    }
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Known(text) | Value::Partly(text) | Value::Pattern(text) => text.clone(),
        Value::Unknown => String::new(),
    }
}
