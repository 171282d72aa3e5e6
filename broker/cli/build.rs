//! Checks the shipped profiles and makes them part of the program, so that a launch reads none; and puts a link to the program where
//! people look for it. A profile that doesn't hold its own examples is a build that fails.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit,
    reason = "cargo reads the output; faults end the build"
)]

use std::env;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::exit;

use tollgate_policy::Document;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Err(fault) = ready() {
        eprintln!("{fault}");
        exit(1);
    }
    if let Err(fault) = link() {
        println!("cargo::warning=no link to the program in target/: {fault}");
    }
}

/// Writes `shipped.rs`: a `static` for each profile's document, and the table of profiles, sorted by name.
fn ready() -> Result<(), String> {
    let profiles = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../profiles");
    let profiles = profiles.canonicalize().map_err(|e| format!("no profiles: {e}"))?;
    println!("cargo::rerun-if-changed={}", profiles.display());
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let mut files: Vec<PathBuf> = fs::read_dir(&profiles)
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .map_err(|e| format!("can't list `{}`: {e}", profiles.display()))?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.extension() == Some(OsStr::new("toml")))
        .collect();
    files.sort();
    let documents = files.iter().map(|file| document(file)).collect::<Result<Vec<_>, _>>()?;
    let (mut rust, ready) = tollgate_policy::ready::as_rust(&documents, "base").map_err(|faults| faults.to_string())?;
    rust.push_str("/// All of them, by name.\npub(crate) static ALL: &[super::Shipped] = &[\n");
    for ((file, document), ready) in files.iter().zip(&documents).zip(ready) {
        println!("cargo::rerun-if-changed={}", file.display());
        let (name, file) = (document.name.as_deref().unwrap_or_default(), text(file)?);
        let filter = filter(&documents, name)?;
        writeln!(
            rust,
            "    super::Shipped {{ name: {name:?}, text: include_str!({file:?}), ready: {ready}, filter: &{filter:?} }},"
        )
        .map_err(|e| e.to_string())?;
    }
    rust.push_str("];\n");
    fs::write(out.join("shipped.rs"), rust).map_err(|e| format!("can't write the table of profiles: {e}"))
}

/// The system-call filter of a run on a profile, compiled. Call numbers are those of the machine that builds: empty for
/// another one.
fn filter(documents: &[Document], name: &str) -> Result<Vec<(u16, u8, u8, u32)>, String> {
    let target = env::var("CARGO_CFG_TARGET_ARCH").map_err(|e| e.to_string())?;
    if target != env::consts::ARCH {
        return Ok(Vec::new());
    }
    let calls = tollgate_policy::ready::calls(documents, name, "base").map_err(|faults| faults.to_string())?;
    tollgate_launch::compiled(&calls).map_err(|e| format!("the filter of profile `{name}` can't be compiled: {e}"))
}

fn text(path: &Path) -> Result<&str, String> {
    path.to_str().ok_or_else(|| format!("the path `{}` is not UTF-8", path.display()))
}

fn document(file: &Path) -> Result<Document, String> {
    let name = file.file_stem().and_then(OsStr::to_str).ok_or("a profile's name is not text")?;
    let text = fs::read_to_string(file).map_err(|e| format!("can't read `{}`: {e}", file.display()))?;
    let document = tollgate_policy::parse(&format!("profile:{name}"), &text).map_err(|faults| faults.to_string())?;
    if document.name.as_deref() != Some(name) {
        return Err(format!("`{}` does not say `name = \"{name}\"`", file.display()));
    }
    Ok(document)
}

/// `target/PROFILE/tollgate` → `target/TRIPLE/PROFILE/tollgate`, as a relative link. The build's target is spelled out
/// (see `.cargo/config.toml`), so the program is a folder deeper than people expect it.
fn link() -> Result<(), String> {
    // OUT_DIR is target/TRIPLE/PROFILE/build/tollgate-HASH/out.
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let triple = env::var("TARGET").map_err(|e| e.to_string())?;
    let folder = out.ancestors().nth(3).ok_or("OUT_DIR is not deep enough")?;
    let profile = folder.file_name().ok_or("the profile has no folder")?;
    let above = folder.parent().ok_or("the profile's folder has no parent")?;
    if above.file_name() != Some(OsStr::new(&triple)) {
        // Built for the host without naming it: the program already is where people look.
        return Ok(());
    }
    let target = above.parent().ok_or("the target folder is missing")?;
    let place = target.join(profile);
    fs::create_dir_all(&place).map_err(|e| e.to_string())?;
    let at = place.join("tollgate");
    let to = Path::new("..").join(&triple).join(profile).join("tollgate");
    if fs::read_link(&at).is_ok_and(|there| there == to) {
        return Ok(());
    }
    match fs::remove_file(&at) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e.to_string()),
    }
    std::os::unix::fs::symlink(&to, &at).map_err(|e| e.to_string())
}
