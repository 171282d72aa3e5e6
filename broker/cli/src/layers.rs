//! The layers of policy for a run: which files count, whether they can be trusted, and what they say together.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::{getegid, geteuid};
use serde::{Deserialize, Serialize};
use tollgate_policy::profile::Faults;
use tollgate_policy::ready::Given;
use tollgate_policy::{Document, Layer, Place, Policy};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::place::shown;
use crate::trust::{self, Standing};
use crate::{shipped, ui};

/// The system's policy.
const SYSTEM: &str = "/etc/tollgate/policy.toml";

/// Where a project's policy is, beneath its workspace.
pub(crate) const PROJECT: &str = ".tollgate/policy.toml";

/// Longest policy file in bytes.
const LIMIT: u64 = 4 << 20;

/// What the person who starts the run says.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Profiles, in order; if none, the default ones.
    pub(crate) profiles: Vec<String>,
    /// `--policy`
    pub(crate) policies: Vec<PathBuf>,
    /// `--read`, `--write`, `--net`, checked.
    pub(crate) flags: Vec<Document>,
    /// Policies of projects around the workspace, whose floors count.
    pub(crate) above: Vec<PathBuf>,
    /// Whose trust is looked up.
    pub(crate) trust: Trusting,
    /// What one of the files is supposed to say.
    pub(crate) instead: Option<(PathBuf, String)>,
    /// Whether nobody can be asked.
    pub(crate) unattended: bool,
}

/// Whether a project's policy counts as trusted.
#[derive(Debug, Default)]
pub(crate) enum Trusting {
    /// As a person said.
    #[default]
    AsSaid,
    /// As if this file were, to see what that would mean.
    If(PathBuf),
    /// As if this file were not.
    Unless(PathBuf),
}

impl Trusting {
    /// What is supposed of a file; none where it is as a person said.
    fn supposes(&self, path: &Path) -> Option<Layer> {
        let is = |file: &PathBuf| path.canonicalize().map_or(path == file, |path| path == *file);
        match self {
            Self::If(file) if is(file) => Some(Layer::Project { trusted: true }),
            Self::Unless(file) if is(file) => Some(Layer::Project { trusted: false }),
            Self::AsSaid | Self::If(_) | Self::Unless(_) => None,
        }
    }
}

/// Documents of all layers, and the texts that their faults point into.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    documents: Vec<(Layer, Given)>,
    texts: Vec<(String, String)>,
    sources: Vec<Source>,
}

/// A policy file as it was read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Source {
    layer: Layer,
    name: String,
    text: String,
}

impl Layers {
    /// A wider profile for one approved command, with the files that held when its run began.
    pub(crate) fn outside(profile: &str, sources: &[Source]) -> Result<Self, Failure> {
        let mut layers = Self::default();
        layers.profile(Layer::BuiltIn, "base")?;
        layers.profile(Layer::Person, profile)?;
        for source in sources {
            layers.source(source.clone())?;
        }
        Ok(layers)
    }

    /// The files that were read.
    pub(crate) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Reads what counts for a run in this workspace.
    pub(crate) fn gather(wanted: &Wanted, workspace: &Path) -> Result<Self, Failure> {
        let mut layers = Self::default();
        layers.profile(Layer::BuiltIn, "base")?;
        layers.file_if_there(Layer::System, Path::new(SYSTEM))?;
        if let Some(file) = person() {
            layers.file_if_there(Layer::Person, &file)?;
        }
        for name in chosen(wanted) {
            layers.profile(Layer::Person, &name)?;
        }
        for file in &wanted.policies {
            layers.file(Layer::Person, file)?;
        }
        layers.documents.extend(wanted.flags.iter().map(|flag| (Layer::Person, flag.clone().into())));
        layers.project(&workspace.join(PROJECT), wanted)?;
        for file in &wanted.above {
            layers.file_if_there(Layer::Project { trusted: false }, file)?;
        }
        Ok(layers)
    }

    /// Only what is built in and shipped, whatever files there are.
    pub(crate) fn shipped(wanted: &Wanted) -> Result<Self, Failure> {
        let mut layers = Self::default();
        layers.profile(Layer::BuiltIn, "base")?;
        for name in chosen(wanted) {
            layers.profile(Layer::Person, &name)?;
        }
        Ok(layers)
    }

    /// The same, with what a person would add to a file of their own.
    pub(crate) fn with(mut self, name: &str, text: &str) -> Result<Self, Failure> {
        self.source(Source { layer: Layer::Person, name: name.to_owned(), text: text.to_owned() })?;
        Ok(self)
    }

    /// All of them as one policy.
    pub(crate) fn assemble(self, place: &Place) -> Result<Policy, Failure> {
        let texts = self.texts;
        Policy::assemble_ready(self.documents, &shipped::ready, place)
            .map_err(|faults| invalid("the policies don't fit together", &faults, &texts))
    }

    fn profile(&mut self, layer: Layer, name: &str) -> Result<(), Failure> {
        let ready = shipped::ready(name).ok_or_else(|| {
            Failure::new(Exit::Policy, format!("there is no profile `{}`", tollgate_wire::neutral::short(name, 60)))
                .hint(shipped::hint(name))
        })?;
        self.documents.push((layer, ready.into()));
        Ok(())
    }

    /// A project's policy: what it grants counts as far as a person trusted this very text. One that has changed since counts
    /// with its floors, and with those that it had then.
    fn project(&mut self, path: &Path, wanted: &Wanted) -> Result<(), Failure> {
        let supposed = wanted.instead.iter().find(|(at, _)| at == path).map(|(_, text)| text.clone());
        let text = match supposed.map_or_else(|| read(path), Ok) {
            Ok(text) => text,
            Err(Unread::Io(e)) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(());
            }
            Err(unread) => return Err(unread.failure(path)),
        };
        if let Some(layer) = wanted.trust.supposes(path) {
            return self.text(layer, path, text);
        }
        let state = crate::place::places()?.state;
        match trust::standing(&state, path, &text) {
            Standing::Untrusted => self.text(Layer::Project { trusted: false }, path, text),
            Standing::Trusted => self.text(Layer::Project { trusted: true }, path, text),
            Standing::Changed(then) => {
                if wanted.instead.is_none() {
                    ui::note(format!("{} has changed since it was trusted: it grants nothing", shown(path)));
                    ui::aside("  hint: look at it, then `tollgate policy trust`");
                }
                let name = format!("{} (as trusted)", shown(path));
                self.source(Source { layer: Layer::Project { trusted: false }, name, text: then.text })?;
                self.text(Layer::Project { trusted: false }, path, text)
            }
        }
    }

    fn file_if_there(&mut self, layer: Layer, path: &Path) -> Result<(), Failure> {
        match read(path) {
            Ok(text) => self.text(layer, path, text),
            Err(Unread::Io(e)) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(()),
            Err(unread) => Err(unread.failure(path)),
        }
    }

    fn file(&mut self, layer: Layer, path: &Path) -> Result<(), Failure> {
        let text = read(path).map_err(|unread| unread.failure(path))?;
        self.text(layer, path, text)
    }

    fn text(&mut self, layer: Layer, path: &Path, text: String) -> Result<(), Failure> {
        self.source(Source { layer, name: shown(path), text })
    }

    fn source(&mut self, source: Source) -> Result<(), Failure> {
        let Source { layer, name, text } = source.clone();
        self.sources.push(source);
        let parsed = tollgate_policy::parse(&name, &text);
        self.texts.push((name.clone(), text));
        let document =
            parsed.map_err(|faults| invalid(&format!("{name} is not a valid policy"), &faults, &self.texts))?;
        self.documents.push((layer, document.into()));
        Ok(())
    }
}

/// The profiles in force: those that were named, else the default.
fn chosen(wanted: &Wanted) -> Vec<String> {
    if !wanted.profiles.is_empty() {
        return wanted.profiles.clone();
    }
    vec![default(wanted.unattended).to_owned()]
}

/// The profile where none is named: `ci` (which extends `workspace`) where nobody can be asked, else `workspace`.
pub(crate) fn default(unattended: bool) -> &'static str {
    if unattended { "ci" } else { "workspace" }
}

/// The person's own policy: `$XDG_CONFIG_HOME/tollgate/policy.toml`, else beneath `~/.config`.
pub(crate) fn person() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let base = named.or_else(|| Some(crate::place::home()?.join(".config")))?;
    Some(base.join("tollgate/policy.toml"))
}

/// The files that a run in this workspace would use, where they exist.
pub(crate) fn files(workspace: &Path) -> Vec<PathBuf> {
    let all = [Some(SYSTEM.into()), person(), Some(workspace.join(PROJECT))];
    all.into_iter().flatten().filter(|path: &PathBuf| path.exists()).collect()
}

/// The failure for faults, each with its line.
pub(crate) fn invalid(text: &str, faults: &Faults, texts: &[(String, String)]) -> Failure {
    Failure::new(Exit::Policy, text).detail(ui::faults(faults, &|file| source(file, texts)))
}

/// The text of a file that faults name.
pub(crate) fn source(file: &str, texts: &[(String, String)]) -> Option<String> {
    let read = texts.iter().find(|(name, _)| name == file).map(|(_, text)| text.clone());
    read.or_else(|| {
        let name = file.strip_prefix("profile:")?;
        shipped::ALL.iter().find(|shipped| shipped.name == name).map(|shipped| shipped.text.to_owned())
    })
}

/// Why a policy file was not read.
#[derive(Debug)]
pub(crate) enum Unread {
    Io(io::Error),
    NoFile,
    Owner(u32),
    Writable(u32),
    Folder(PathBuf),
    Long,
    NoText(usize),
}

impl Unread {
    pub(crate) fn failure(self, path: &Path) -> Failure {
        let path = shown(path);
        let fail = |text: String| Failure::new(Exit::Policy, text);
        match self {
            Self::Io(e) => fail(format!("can't read the policy {path}")).because(&e),
            Self::NoFile => fail(format!("the policy {path} is no file")),
            Self::Owner(uid) => fail(format!("the policy {path} belongs to another user (uid {uid})"))
                .hint("a policy counts only if it is yours or root's"),
            Self::Writable(mode) => fail(format!("the policy {path} can be written by others (mode {mode:04o})"))
                .hint(format!("chmod go-w {path}")),
            Self::Folder(folder) => {
                fail(format!("the policy {path} lies in a folder that others can change: {}", shown(&folder)))
                    .hint("keep policies where only you, or root, can write")
            }
            Self::Long => fail(format!("the policy {path} is longer than {LIMIT} bytes")),
            Self::NoText(at) => fail(format!("the policy {path} is not UTF-8 (byte {at})")),
        }
    }
}

/// The text of a policy file, if nobody else could have written it. What is checked is what is read: one descriptor.
pub(crate) fn read(path: &Path) -> Result<String, Unread> {
    // Without O_NONBLOCK a FIFO in its place would hold us up.
    let file = File::options().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path).map_err(Unread::Io)?;
    let meta = file.metadata().map_err(Unread::Io)?;
    if !meta.is_file() {
        return Err(Unread::NoFile);
    }
    if !is_ours(&meta) {
        return Err(Unread::Owner(meta.uid()));
    }
    if meta.mode() & others(&meta) != 0 {
        return Err(Unread::Writable(meta.mode() & 0o7777));
    }
    // Who can change the folder can put another file of ours, or root's, in its place.
    let real = path.canonicalize().map_err(Unread::Io)?;
    for folder in [path, &real].into_iter().filter_map(Path::parent) {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let meta = folder.metadata().map_err(Unread::Io)?;
        let sticky = meta.mode() & 0o1000 != 0;
        if !is_ours(&meta) || (meta.mode() & others(&meta) != 0 && !sticky) {
            return Err(Unread::Folder(folder.to_owned()));
        }
    }
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(Unread::Io)?;
    if bytes.len() as u64 > LIMIT {
        return Err(Unread::Long);
    }
    String::from_utf8(bytes).map_err(|e| Unread::NoText(e.utf8_error().valid_up_to()))
}

fn is_ours(meta: &Metadata) -> bool {
    meta.uid() == geteuid().as_raw() || meta.uid() == 0
}

/// The bits that let others write. A group that has the user's own number is theirs alone (user private groups,
/// umask 002).
fn others(meta: &Metadata) -> u32 {
    let (me, group) = (geteuid().as_raw(), getegid().as_raw());
    if meta.gid() == group && group == me { 0o002 } else { 0o022 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    fn told(path: &Path) -> String {
        match read(path) {
            Ok(text) => format!("read {} bytes", text.len()),
            Err(unread) => unread.failure(Path::new("p")).text,
        }
    }

    #[test]
    fn only_a_file_of_our_own_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("policy.toml");
        std::fs::write(&path, "version = 1\n").unwrap();
        let table = [
            (0o600, "read 12 bytes"),
            (0o644, "read 12 bytes"),
            (0o646, "the policy p can be written by others (mode 0646)"),
            (0o602, "the policy p can be written by others (mode 0602)"),
        ];
        for (mode, expected) in table {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(told(&path), expected, "{mode:o}");
        }
    }

    #[test]
    fn a_folder_that_others_can_change_is_no_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("policy.toml");
        std::fs::write(&path, "version = 1\n").unwrap();
        for (mode, read) in [(0o755, true), (0o777, false), (0o1777, true), (0o757, false)] {
            std::fs::set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
            assert_eq!(told(&path).starts_with("read"), read, "{mode:o}: {}", told(&path));
        }
        // Neither behind a link that lies in a good place.
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o777)).unwrap();
        let good = tempfile::tempdir().unwrap();
        let link = good.path().join("policy.toml");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(told(&link).contains("lies in a folder"), "{}", told(&link));
    }

    #[test]
    fn what_is_no_text_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("policy.toml");
        assert_eq!(told(&path), "can't read the policy p");
        assert_eq!(told(dir.path()), "the policy p is no file");
        std::fs::write(&path, b"version = 1 # \xff").unwrap();
        assert_eq!(told(&path), "the policy p is not UTF-8 (byte 14)");
        let big = "#".repeat(usize::try_from(LIMIT).unwrap() + 1);
        std::fs::write(&path, big).unwrap();
        assert_eq!(told(&path), "the policy p is longer than 4194304 bytes");
        let fifo = dir.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        assert_eq!(told(&fifo), "the policy p is no file");
    }

    #[test]
    fn default_profiles() {
        let table: &[(&[&str], bool, &[&str])] = &[
            (&[], false, &["workspace"]),
            (&[], true, &["ci"]),
            (&["read-only"], true, &["read-only"]),
            (&["rust", "node"], false, &["rust", "node"]),
        ];
        for (named, unattended, expected) in table {
            let profiles = named.iter().map(|name| (*name).to_owned()).collect();
            let wanted = Wanted { profiles, unattended: *unattended, ..Wanted::default() };
            assert_eq!(chosen(&wanted), *expected);
        }
    }
}
