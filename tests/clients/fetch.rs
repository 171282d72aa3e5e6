//! Clients from npm, each in a folder of its own, fetched once: the folder is made aside and then put in place.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tollgate_tests::{program, skip};

/// Where packages lie: `$TOLLGATE_CLIENTS`, else in the target folder.
fn place() -> PathBuf {
    std::env::var_os("TOLLGATE_CLIENTS")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients"), PathBuf::from)
}

/// The folder `node_modules` of a package at a version; none, with the reason said, where it can't be had.
pub(crate) fn package(name: &str, version: &str) -> Option<PathBuf> {
    let folder = place().join(format!("{}-{version}", name.replace(['@', '/'], "_")));
    let modules = folder.join("node_modules");
    if !modules.exists() {
        if !program::has("npm") {
            skip("npm is not installed");
            return None;
        }
        if let Err(why) = install(&folder, &format!("{name}@{version}")) {
            skip(&format!("npm can't fetch {name}@{version}: {why}"));
            return None;
        }
    }
    if !program::is_reachable(&modules) {
        skip("the clients' folder can't be reached by other users; TOLLGATE_CLIENTS names another");
        return None;
    }
    Some(modules)
}

fn install(folder: &Path, package: &str) -> Result<(), String> {
    fs::create_dir_all(place()).map_err(|e| e.to_string())?;
    let aside = tempfile::Builder::new().prefix(".fetching-").tempdir_in(place()).map_err(|e| e.to_string())?;
    fs::set_permissions(aside.path(), fs::Permissions::from_mode(0o755)).map_err(|e| e.to_string())?;
    fs::write(aside.path().join("package.json"), "{\"private\":true}").map_err(|e| e.to_string())?;
    let fetched = Command::new("timeout")
        .args(["300", "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", package])
        .current_dir(aside.path())
        .output()
        .map_err(|e| e.to_string())?;
    if !fetched.status.success() {
        let said = String::from_utf8_lossy(&fetched.stderr).lines().take(3).collect::<Vec<_>>().join("; ");
        return Err(said);
    }
    // another test may have been faster: then its folder is as good
    match fs::rename(aside.path(), folder) {
        Ok(()) => Ok(()),
        Err(_) if folder.exists() => Ok(()),
        Err(e) => Err(e.to_string()),
    }
}
