//! Deputies: what could turn a command that runs outside into a servant of the sandbox. Before anybody is asked, and again
//! when the command is about to start, its words, the files that they name and its tool's settings are looked at; what
//! is dangerous is left out, shown, or a refusal. An approval holds only if both looks see the same.

pub mod config;
pub mod content;
mod files;
mod git;
mod laid;
mod led;
pub mod repository;
mod tools;

use std::path::Path;

use tollgate_policy::action::{Exec, Form};
use tollgate_policy::digest::sha256_hex;
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;

pub use files::Readable;
pub use laid::{Laid, Thing};

/// A command that is to run outside.
pub struct Asking<'a> {
    /// It.
    pub exec: &'a Exec,
    /// Whether something inside can change what a path leads to.
    pub changeable: &'a dyn Fn(&AbsPath) -> bool,
}

impl std::fmt::Debug for Asking<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asking").field("exec", self.exec).finish_non_exhaustive()
    }
}

/// What becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// It goes outside.
    Out(Box<Prepared>),
    /// It has no need to; why.
    In(String),
}

/// A command made ready for outside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prepared {
    /// Its arguments out there.
    pub argv: Vec<Raw>,
    /// Variables over what the profile lets pass.
    pub env: Vec<(String, String)>,
    /// What is laid in its temp directory.
    pub laid: Vec<Laid>,
    /// Facts for who is asked.
    pub facts: Vec<(String, String)>,
}

impl Prepared {
    /// A digest of all of it: what an approval is bound to.
    #[must_use]
    pub fn digest(&self) -> String {
        sha256_hex(format!("{:?} {:?} {:?} {:?}", self.argv, self.env, self.laid, self.facts).as_bytes())
    }

    fn fact(&mut self, label: &str, text: impl Into<String>) {
        self.facts.push((label.to_owned(), text.into()));
    }
}

/// Looks at a command.
///
/// # Errors
/// Why it can't be run outside, in words for the agent.
pub fn prepare(asking: &Asking<'_>) -> Result<Way, String> {
    let exec = asking.exec;
    if exec.image.writable {
        return Err("the program can be changed from inside, and what can be changed is not run outside".into());
    }
    if exec.image.executable.is_none() || matches!(exec.image.form, Form::Loader { .. } | Form::Script { script: None })
    {
        return Err("only a program or script that has a name can be run outside".into());
    }
    if !led::goes_by_its_name(asking) {
        return Ok(Way::In("what does not go by its own name stays inside".into()));
    }
    let mut prepared = Prepared { argv: exec.argv.clone(), ..Prepared::default() };
    let names = names(exec);
    if git::is(&names) {
        if let Some(why) = git::prepare(asking, &names, &mut prepared)? {
            return Ok(Way::In(why));
        }
    } else {
        tools::prepare(asking, &names, &mut prepared)?;
    }
    files::named(asking, &mut prepared)?;
    Ok(Way::Out(Box::new(prepared)))
}

/// The names that a command goes by.
fn names(exec: &Exec) -> Vec<String> {
    let last = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let script = match &exec.image.form {
        Form::Script { script: Some(script) } => last(script.as_path()),
        Form::Script { script: None } | Form::Native | Form::Loader { .. } => None,
    };
    let argv0 = exec.argv.first().and_then(|word| last(Path::new(word.os())));
    let real = exec.image.executable.as_ref().and_then(|path| last(path.as_path()));
    [real, script, last(Path::new(exec.given.os())), argv0].into_iter().flatten().collect()
}

/// An argument as text for a person.
pub(crate) fn word(raw: &Raw) -> String {
    raw.bytes().escape_ascii().to_string()
}

/// The words behind the program's name.
///
/// # Errors
/// One that is no text: nobody could say what it means.
fn words(exec: &Exec) -> Result<Vec<&str>, String> {
    let text = exec.argv.iter().skip(1).map(Raw::text).collect::<Option<Vec<_>>>();
    text.ok_or_else(|| "its arguments are no text".to_owned())
}
