//! Words of package managers, as each of them reads its own options (`options.toml`): shortened ones, clusters, values.
//! What is not understood is said to be so, and never left out.

use std::collections::{BTreeMap, VecDeque};

/// What the words say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Words {
    /// Those that are no options.
    pub(crate) plain: Vec<String>,
    /// Where packages come from.
    pub(crate) sources: Vec<String>,
    /// Files that name packages.
    pub(crate) lists: Vec<String>,
    /// Packages that options name.
    pub(crate) packages: Vec<String>,
    /// Where it works.
    pub(crate) folders: Vec<String>,
    /// What could not be followed.
    pub(crate) odd: Vec<String>,
}

/// How a tool reads options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    Exact,
    Prefix,
    Optparse,
    Nopt,
    Go,
}

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Value,
    Source,
    List,
    Package,
    Folder,
    Settings,
}

const KINDS: [(&str, Takes); 7] = [
    ("nothing", Takes::Nothing),
    ("value", Takes::Value),
    ("source", Takes::Source),
    ("list", Takes::List),
    ("package", Takes::Package),
    ("folder", Takes::Folder),
    ("settings", Takes::Settings),
];

/// A tool's options.
struct Tool {
    reads: Reads,
    runs: bool,
    options: BTreeMap<String, Takes>,
}

/// The name by which a package manager's options are known; none where it is no package manager.
pub(crate) fn tool(name: &str) -> Option<String> {
    let name = match name.strip_prefix("pip") {
        Some(rest) if rest.chars().all(|c| c.is_ascii_digit() || c == '.') => "pip",
        _ => name,
    };
    let called = |table: &toml::Value| {
        let all = table.get("called").and_then(toml::Value::as_array);
        all.is_some_and(|all| all.iter().any(|is| is.as_str() == Some(name)))
    };
    tables().into_iter().find(|(_, table)| called(table)).map(|(name, _)| name)
}

fn tables() -> toml::Table {
    include_str!("options.toml").parse().unwrap_or_default()
}

impl Tool {
    fn of(name: &str) -> Self {
        let tables = tables();
        let mut tool = Self { reads: Reads::Exact, runs: false, options: BTreeMap::new() };
        let own = tables.get(name);
        let like = own.and_then(|table| table.get("like")?.as_str()).and_then(|like| tables.get(like));
        for table in [like, own].into_iter().flatten() {
            let text = |key: &str| table.get(key).and_then(toml::Value::as_str);
            tool.reads = match text("reads") {
                Some("prefix") => Reads::Prefix,
                Some("optparse") => Reads::Optparse,
                Some("nopt") => Reads::Nopt,
                Some("go") => Reads::Go,
                Some(_) => Reads::Exact,
                None => tool.reads,
            };
            tool.runs |= table.get("runs").and_then(toml::Value::as_bool).unwrap_or(false);
            for (kind, takes) in KINDS {
                let words = text(kind).unwrap_or_default().split_whitespace();
                tool.options.extend(words.map(|option| (option.to_owned(), takes)));
            }
        }
        tool
    }

    /// What an option takes; `Err` has what those take that begin so.
    fn takes(&self, option: &str) -> Result<Takes, Vec<Takes>> {
        if let Some(takes) = self.options.get(option) {
            return Ok(*takes);
        }
        let begin = self.options.iter().filter(|(name, _)| option.len() > 2 && name.starts_with(option));
        let begin: Vec<Takes> = begin.map(|(_, takes)| *takes).collect();
        match *begin {
            [one] if self.reads != Reads::Exact && self.reads != Reads::Go => Ok(one),
            _ => Err(begin),
        }
    }

    /// Whether npm takes `true` or `false` behind it; shorthands may stand for more, and are not known to.
    fn is_switch(&self, option: &str) -> bool {
        let bare = option.trim_start_matches('-').trim_start_matches("no-");
        let long = format!("--{bare}");
        let mut begin = self.options.keys().filter(|name| name.starts_with(&long));
        self.options.contains_key(&long) || begin.next().is_some() && begin.next().is_none()
    }

    /// The same for npm.
    fn nopt(&self, option: &str) -> Result<Takes, Vec<Takes>> {
        let bare = option.trim_start_matches('-');
        let (long, short) = (format!("--{bare}"), format!("-{bare}"));
        let exact = self.options.get(&long).or_else(|| self.options.get(&short));
        if let Some(takes) = exact {
            return Ok(*takes);
        }
        let letters = || bare.chars().map(|letter| self.options.get(&format!("-{letter}")));
        if let Some(all) = letters().collect::<Option<Vec<_>>>() {
            // all but the last would take the option behind them
            let (last, before) = all.split_last().ok_or(Vec::new())?;
            let plain = before.iter().all(|takes| **takes == Takes::Nothing);
            return if plain { Ok(**last) } else { Err(all.into_iter().copied().collect()) };
        }
        let begin = |front: &str, dashes: &str| -> Vec<Takes> {
            let named = self.options.iter().filter(|(name, _)| name.starts_with("--") == (dashes == "--"));
            named.filter(|(name, _)| name.starts_with(front)).map(|(_, takes)| *takes).collect()
        };
        let named = begin(&long, "--");
        if let [one] = *named {
            return Ok(one);
        }
        if let Some(positive) = bare.strip_prefix("no-") {
            // of an option with a value, it may take the next word or not
            let takes = self.nopt(positive)?;
            return if takes == Takes::Nothing { Ok(takes) } else { Err(vec![takes]) };
        }
        match *begin(&short, "-") {
            [one] => Ok(one),
            _ => Err(named),
        }
    }
}

/// Reads the words behind a tool's name.
pub(crate) fn read(name: &str, words: &[&str]) -> Words {
    let mut reader = Reader {
        tool: Tool::of(name),
        left: words.iter().map(|word| (*word).to_owned()).collect(),
        words: Words::default(),
    };
    while let Some(word) = reader.left.pop_front() {
        if word.starts_with("--") && word.bytes().all(|byte| byte == b'-') {
            reader.words.plain.extend(reader.left.drain(..));
        } else if word.len() > 1 && word.starts_with('-') {
            reader.option(&word);
        } else {
            reader.words.plain.push(word);
            if reader.tool.runs {
                reader.left.clear();
            }
        }
    }
    reader.words
}

struct Reader {
    tool: Tool,
    left: VecDeque<String>,
    words: Words,
}

impl Reader {
    fn option(&mut self, word: &str) {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value.to_owned())));
        match self.tool.reads {
            Reads::Nopt => {
                let of_scope = name.contains('@') && name.ends_with(":registry") && value.is_some();
                let takes = if of_scope { Ok(Takes::Source) } else { self.tool.nopt(name) };
                // the value is the next word, whatever npm then takes that for
                let is_next = takes.is_ok() || name.contains("no-");
                let (next, value) = if is_next { (value, None) } else { (None, value) };
                if let Some(next) = next {
                    self.left.push_front(next);
                }
                let told = self.left.front().is_some_and(|next| ["true", "false"].contains(&next.as_str()));
                if takes == Ok(Takes::Nothing) && told && self.tool.is_switch(name) {
                    self.left.pop_front();
                }
                self.taken(word, takes, value);
            }
            Reads::Go => {
                let takes = self.tool.takes(&format!("-{}", name.trim_start_matches('-')));
                self.taken(word, takes, value);
            }
            Reads::Exact | Reads::Prefix | Reads::Optparse if name.starts_with("--") => {
                let takes = self.tool.takes(name);
                self.taken(word, takes, value);
            }
            Reads::Exact | Reads::Prefix | Reads::Optparse => self.cluster(word),
        }
    }

    /// Several short ones, the last of which may have its value right behind it.
    fn cluster(&mut self, word: &str) {
        for (at, letter) in word.char_indices().skip(1) {
            let takes = self.tool.takes(&format!("-{letter}"));
            if takes == Ok(Takes::Nothing) {
                continue;
            }
            let behind = word.get(at + letter.len_utf8()..).unwrap_or_default();
            let value = (!behind.is_empty()).then(|| behind.to_owned());
            return self.taken(word, takes, value);
        }
    }

    fn taken(&mut self, word: &str, takes: Result<Takes, Vec<Takes>>, value: Option<String>) {
        let takes = match takes {
            Ok(Takes::Nothing) => return,
            Ok(takes) => takes,
            Err(may) => {
                self.words.odd.push(format!("the option `{word}` is not understood"));
                let source = may.contains(&Takes::Source);
                return self.words.sources.extend(value.filter(|_| source));
            }
        };
        let Some(value) = value.or_else(|| self.next(word)) else { return };
        match takes {
            Takes::Nothing | Takes::Value => {}
            Takes::Source => self.words.sources.push(value),
            Takes::List => self.words.lists.push(value),
            Takes::Package => self.words.packages.push(value),
            Takes::Folder => self.words.folders.push(value),
            Takes::Settings => self.words.odd.push(format!("`{word}` says where settings are, or what they are")),
        }
    }

    /// The next word as a value. One that looks like an option may be one: it is read as such, and that is said.
    fn next(&mut self, word: &str) -> Option<String> {
        let is_option = |next: &String| next.len() > 1 && next.starts_with('-');
        if self.tool.reads != Reads::Optparse && self.left.front().is_some_and(is_option) {
            self.words.odd.push(format!("what `{word}` takes is not understood"));
            return None;
        }
        self.left.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Words {
        let (name, rest) = line.split_once(' ').unwrap();
        let words: Vec<&str> = rest.split(' ').collect();
        read(&tool(name).unwrap(), &words)
    }

    /// A line, where from, and what is named besides options.
    const READ: [(&str, &[&str], &[&str]); 41] = [
        ("pip install --index-url https://e x", &["https://e"], &["install", "x"]),
        ("pip install --index-u=https://e x", &["https://e"], &["install", "x"]),
        ("pip install --index https://e x", &["https://e"], &["install", "x"]),
        ("pip install --ind=https://e x", &["https://e"], &["install", "x"]),
        ("pip install --pyp https://e x", &["https://e"], &["install", "x"]),
        ("pip install --ext https://e --ext=https://f x", &["https://e", "https://f"], &["install", "x"]),
        ("pip3.11 install -qihttps://e x", &["https://e"], &["install", "x"]),
        ("pip install -Ui https://e x", &["https://e"], &["install", "x"]),
        ("pip install --target --index-url x", &[], &["install", "x"]),
        ("pip install --upg x", &[], &["install", "--upg", "x"]),
        ("pip install -- --index-url", &[], &["install", "--index-url"]),
        ("npm i --registry https://e x", &["https://e"], &["i", "x"]),
        ("npm i --reg=https://e x", &["https://e"], &["i", "x"]),
        ("npm i -reg https://e x", &["https://e"], &["i", "x"]),
        ("npm i --regi https://e x", &["https://e"], &["i", "x"]),
        ("npm i ---registr=https://e x", &["https://e"], &["i", "x"]),
        ("npm i -registry=https://e x", &["https://e"], &["i", "x"]),
        ("npm i --@s:registry=https://e @s/x", &["https://e"], &["i", "@s/x"]),
        ("npm i --tag=--registry=https://e x", &["https://e"], &["i", "x"]),
        ("npm i -gD x", &[], &["i", "x"]),
        ("npm i --save-d x --no-fun --no-save y", &[], &["i", "x", "y"]),
        ("npm i --work a x", &[], &["i", "a", "x"]),
        ("npm i --save=evil --save true --offline=false x", &[], &["i", "evil", "x"]),
        ("npm i -q true --no-os --reg=https://e x", &["https://e"], &["i", "true", "x"]),
        ("npm i --foo=bar --foo bar x", &[], &["i", "bar", "x"]),
        ("npm i --no-reg=https://e x", &[], &["i", "https://e", "x"]),
        ("npm i --re=https://e x", &["https://e"], &["i", "x"]),
        ("npm i --prefix -g x", &[], &["i", "x"]),
        ("npm i --enj 1 -no --desc --w a --ws x", &[], &["i", "x"]),
        ("npx --package=a --reg=https://e b c", &["https://e"], &["b"]),
        ("npx -y cowsay -i x", &[], &["cowsay"]),
        ("cargo install --git https://e --features x y", &["https://e"], &["install", "y"]),
        ("cargo install --registry=e -Fx y", &["e"], &["install", "y"]),
        ("uv pip install --index-url https://e x", &["https://e"], &["pip", "install", "x"]),
        ("uvx --from x --index=https://e y z", &["https://e"], &["y"]),
        ("gem install --sou https://e x", &["https://e"], &["install", "x"]),
        ("twine upload --repository-u=https://e d", &["https://e"], &["upload", "d"]),
        ("conda install --chan e x", &["e"], &["install", "x"]),
        ("go install -tags a --mod=mod x@v1", &[], &["install", "x@v1"]),
        ("pnpm add --filter a -w x", &[], &["add", "x"]),
        ("yarn add --registry e x", &["e"], &["add", "x"]),
    ];

    #[test]
    fn options_are_read_as_the_tool_reads_them() {
        for (line, sources, plain) in READ {
            let words = of(line);
            let unclear = ["--upg ", "--work ", "--tag=", "--foo ", "--re=", "--no-reg=", "--no-os", "--prefix -g"];
            let odd = unclear.iter().any(|option| line.contains(option));
            assert_eq!(words.odd.is_empty(), !odd, "{line}: {:?}", words.odd);
            assert_eq!(words.sources, sources, "{line}");
            let plain: Vec<&str> = plain.iter().copied().filter(|word| *word != "--upg").collect();
            assert_eq!(words.plain, plain, "{line}");
        }
    }

    #[test]
    fn every_table_can_be_read() {
        let tables = tables();
        assert!(tables.len() > 15);
        for name in tables.keys() {
            let tool = Tool::of(name);
            assert!(tool.options.len() > 10, "{name}");
            for option in tool.options.keys() {
                assert!(option.starts_with('-') && option.len() > 1, "{name}: {option}");
            }
        }
    }
}
