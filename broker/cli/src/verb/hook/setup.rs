//! `tollgate hook install` and `uninstall`: a client's settings file, changed as a whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tollgate_hooks::Client;
use tollgate_hooks::install::{self, Homes, Line, Reach, Setting, setting};
use tollgate_policy::digest::sha256_hex;
use tollgate_wire::place::{Trust, make};

use crate::args::Setup;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::place::{home, places, shown};
use crate::{ui, whole};

/// Where `timeout(1)` is.
const TIMEOUT: [&str; 3] = ["/usr/bin/timeout", "/bin/timeout", "/usr/local/bin/timeout"];

/// A file as it was, and as we left it.
#[derive(Debug, Serialize, Deserialize)]
struct Backup {
    file: PathBuf,
    /// None where there was no file.
    before: Option<String>,
    /// SHA-256 of what was written, hex.
    after: String,
    /// Folders that were made for it, outermost first.
    made: Vec<PathBuf>,
}

/// Sets up.
pub(super) fn install(args: &Setup) -> Outcome {
    if args.client == Client::Generic {
        return ui::data(generic(args)?);
    }
    let setting = chosen(args)?;
    let file = real(&setting.file);
    let before = read(&file)?;
    let line = line(args)?;
    let after = install::added(&setting, before.as_deref(), &line).map_err(|e| unchanged(&file, &e))?;
    if args.dry_run {
        ui::data(difference(&file, before.as_deref().unwrap_or_default(), &after))?;
    } else if before.as_deref() == Some(&*after) {
        ui::data(format!("hooks for {} are set up already in {}\n", args.client.name(), shown(&file)))?;
    } else {
        let kept = put(&file, (before, &after))?;
        let kept = kept.map_or_else(String::new, |kept| format!("; what was there before is kept in {}", shown(&kept)));
        ui::data(format!("hooks for {} are set up in {}{kept}\n", args.client.name(), shown(&file)))?;
    }
    for (word, text) in [("still open", setting.open), ("to do", setting.todo)] {
        if !text.is_empty() {
            ui::note(format!("{word}: {text}"));
        }
    }
    if setting.reach != Reach::Managed && of(args.client, Reach::Managed)?.is_some() {
        ui::note("a managed place holds better: see `tollgate hook install --help`");
    }
    Ok(Exit::Done)
}

/// Takes out.
pub(super) fn uninstall(args: &Setup) -> Outcome {
    let setting = chosen(args)?;
    let file = real(&setting.file);
    let Some(now) = read(&file)? else {
        return ui::data(format!("there is no {}\n", shown(&file)));
    };
    let backup = backup(&file)?.filter(|backup| backup.after == sha256_hex(now.as_bytes()));
    let (after, made) = if let Some(backup) = &backup {
        // Nobody changed it since: what was there comes back, byte for byte.
        (backup.before.clone(), backup.made.clone())
    } else {
        let after = install::removed(&setting, &now).map_err(|e| unchanged(&file, &e))?;
        (Some(after).filter(|after| setting.form != install::Form::Plugin || !after.is_empty()), Vec::new())
    };
    if after.as_deref() == Some(&*now) {
        return ui::data(format!("no hooks of ours are in {}\n", shown(&file)));
    }
    if args.dry_run {
        return ui::data(difference(&file, &now, after.as_deref().unwrap_or_default()));
    }
    match &after {
        Some(text) => whole::replace(&file, text.as_bytes(), 0o644).map_err(|e| failed(&file, &e))?,
        None => fs::remove_file(&file).map_err(|e| failed(&file, &e))?,
    }
    for folder in made.iter().rev() {
        // One that is used by now stays.
        fs::remove_dir(folder).ok();
    }
    fs::remove_file(backup_path(&file)?).ok();
    ui::data(format!("hooks for {} are out of {}\n", args.client.name(), shown(&file)))
}

/// The setting that is meant: as said, else the managed one where it can be written, else the user's.
fn chosen(args: &Setup) -> Result<Setting, Failure> {
    let none = || {
        Failure::new(Exit::Failed, format!("{} has no settings of this kind", args.client.name()))
            .hint("`--user`, `--project`, or neither")
    };
    let is_root = nix::unistd::geteuid().is_root();
    let reach = match (args.user, args.project) {
        (false, true) => Reach::Project,
        (false, false) if is_root && of(args.client, Reach::Managed)?.is_some() => Reach::Managed,
        (true, _) | (false, false) => Reach::User,
    };
    of(args.client, reach)?.ok_or_else(none)
}

/// A client's setting here.
pub(super) fn of(client: Client, reach: Reach) -> Result<Option<Setting>, Failure> {
    here(|homes| setting(client, reach, homes))
}

/// Where a client's settings start from.
pub(super) fn here<T>(found: impl FnOnce(&Homes<'_>) -> T) -> Result<T, Failure> {
    let home = home().ok_or_else(|| Failure::new(Exit::Failed, "there is no home folder").hint("set HOME"))?;
    let project =
        std::env::current_dir().map_err(|e| Failure::new(Exit::Failed, "the working directory is gone").because(&e))?;
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
    Ok(found(&Homes { home: &home, project: &project, root: Path::new("/"), variable: &variable }))
}

/// Where `timeout(1)` is.
pub(super) fn timeout() -> Result<&'static str, Failure> {
    let found = TIMEOUT.into_iter().find(|path| Path::new(path).exists());
    found.ok_or_else(|| Failure::new(Exit::Failed, "there is no timeout(1) on this machine").hint("install coreutils"))
}

fn line(args: &Setup) -> Result<Line, Failure> {
    let own =
        std::env::current_exe().map_err(|e| Failure::new(Exit::Internal, "this program can't be found").because(&e))?;
    let own =
        own.to_str().ok_or_else(|| Failure::new(Exit::Internal, format!("the path {} is not UTF-8", shown(&own))))?;
    let profiles = args.profile.iter().flat_map(|name| ["--profile", name.as_str()]);
    let prompt = args.prompt.then_some("--prompt");
    Ok(Line::new(args.client, own, timeout()?).with(profiles.chain(prompt)))
}

fn generic(args: &Setup) -> Result<String, Failure> {
    let line = line(args)?.of("before", install::Kind::Gate);
    Ok(format!(
        "nothing is set up: whoever writes the client runs this line for each event, and takes anything but its answer for a no\n\n{line}\n"
    ))
}

/// Where a link leads: dotfiles are often links.
pub(super) fn real(file: &Path) -> PathBuf {
    file.canonicalize().unwrap_or_else(|_| file.to_owned())
}

/// The file's text; none where there is none.
pub(super) fn read(file: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(failed(file, &e)),
    }
}

fn failed(file: &Path, e: &io::Error) -> Failure {
    let failure = Failure::new(Exit::Failed, format!("can't change {}", shown(file))).because(e);
    if e.kind() == io::ErrorKind::PermissionDenied { failure.hint("use sudo, or --user") } else { failure }
}

fn unchanged(file: &Path, e: &install::Unchanged) -> Failure {
    Failure::new(Exit::Failed, format!("{} can't be changed", shown(file))).because(e).hint("nothing was changed")
}

/// Keeps what was there, then writes. Gives where it is kept.
fn put(file: &Path, (before, after): (Option<String>, &str)) -> Result<Option<PathBuf>, Failure> {
    let made: Vec<PathBuf> =
        file.ancestors().skip(1).take_while(|folder| !folder.exists()).map(Path::to_owned).collect();
    let first =
        backup(file)?.filter(|kept| before.as_deref().is_some_and(|now| kept.after == sha256_hex(now.as_bytes())));
    // Set up twice: what was there before the first time is what comes back.
    let (original, made) = match first {
        Some(kept) => (kept.before, kept.made),
        None => (before, made.into_iter().rev().collect()),
    };
    let place = backup_path(file)?;
    let kept = Backup { file: file.to_owned(), before: original, after: sha256_hex(after.as_bytes()), made };
    let text = serde_json::to_string(&kept).map_err(|e| Failure::of(Exit::Internal, &e))?;
    whole::replace(&place, text.as_bytes(), 0o600).map_err(|e| failed(&place, &e))?;
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|e| failed(file, &e))?;
    }
    whole::replace(file, after.as_bytes(), 0o644).map_err(|e| failed(file, &e))?;
    Ok(kept.before.is_some().then_some(place))
}

fn backup_path(file: &Path) -> Result<PathBuf, Failure> {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = places()?.state.join("hooks-installed");
    make(&folder, Trust::Private).map_err(|unfit| Failure::of(Exit::Failed, &unfit).hint(unfit.hint()))?;
    let name = sha256_hex(file.as_os_str().as_bytes());
    Ok(folder.join(format!("{}.json", name.chars().take(16).collect::<String>())))
}

fn backup(file: &Path) -> Result<Option<Backup>, Failure> {
    let kept = read(&backup_path(file)?)?;
    Ok(kept.and_then(|text| serde_json::from_str(&text).ok()).filter(|kept: &Backup| kept.file == file))
}

/// What would change.
fn difference(file: &Path, before: &str, after: &str) -> String {
    let file = shown(file);
    if before == after {
        return format!("nothing would change in {file}\n");
    }
    format!("--- {file}\n+++ {file}\n{}", install::difference(before, after))
}
