//! A place to play a case: a workspace, a home with a secret in it, a folder that is nobody's business, a state folder.
//! All of it belongs to the person of the setting, and all of it is gone afterwards.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::setting::Setting;
use crate::{Job, Outcome, program, skip};

/// What nobody inside may ever read.
pub const SECRET: &str = "the-secret-that-stays-outside";

/// A place to play a case.
#[derive(Debug)]
pub struct Scene {
    /// Who plays.
    pub setting: Setting,
    /// The workspace, also the working directory.
    pub workspace: PathBuf,
    /// The person's home; `.ssh/id_ed25519` in it holds [`SECRET`].
    pub home: PathBuf,
    /// Neither workspace nor home; `kept` in it holds "kept".
    pub outside: PathBuf,
    /// `TOLLGATE_STATE_DIR`.
    pub state: PathBuf,
    bin: PathBuf,
    folder: TempDir,
}

impl Scene {
    /// Lays the scene; none, with the reason said, where the setting can't be made here.
    pub fn lay(setting: Setting) -> Option<Self> {
        if let Some(reason) = setting.missing() {
            skip(reason);
            return None;
        }
        // Not in /tmp: that is what a mount namespace replaces first.
        let folder = tempfile::Builder::new().prefix("tollgate-scene-").tempdir_in("/var/tmp").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let part = |name: &str| folder.path().join(name);
        let scene = Self {
            setting,
            workspace: part("workspace"),
            home: part("home"),
            outside: part("outside"),
            state: part("state"),
            bin: part("bin"),
            folder,
        };
        scene.own(scene.folder.path());
        for made in [&scene.workspace, &scene.home, &scene.outside, &scene.bin, &scene.home.join(".ssh")] {
            scene.folder(made);
        }
        scene.file(scene.home.join(".ssh/id_ed25519"), SECRET);
        scene.file(scene.outside.join("kept"), "kept");
        Some(scene)
    }

    /// Where all of the scene is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Makes a folder of the person's.
    pub fn folder(&self, path: impl AsRef<Path>) {
        fs::create_dir_all(path.as_ref()).unwrap();
        self.own(path);
    }

    /// Writes a file of the person's.
    pub fn file(&self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) -> PathBuf {
        fs::write(path.as_ref(), text).unwrap();
        self.own(&path);
        path.as_ref().to_owned()
    }

    /// Writes a program of the person's.
    pub fn script(&self, path: impl AsRef<Path>, text: &str) -> PathBuf {
        self.file(&path, text);
        fs::set_permissions(path.as_ref(), fs::Permissions::from_mode(0o755)).unwrap();
        path.as_ref().to_owned()
    }

    fn own(&self, path: impl AsRef<Path>) {
        let uid = self.setting.uid().as_raw();
        if nix::unistd::geteuid().is_root() {
            chown(path, Some(uid), Some(uid)).unwrap();
        }
    }

    /// A built program where the person can reach it.
    fn reachable(&self, built: PathBuf) -> PathBuf {
        if program::is_reachable(&built) {
            return built;
        }
        let copy = self.bin.join(built.file_name().unwrap());
        if !copy.exists() {
            fs::copy(&built, &copy).unwrap();
        }
        copy
    }

    /// The program under test.
    pub fn tollgate(&self) -> PathBuf {
        self.reachable(program::tollgate())
    }

    /// Any program, as the person, in the workspace, with the scene's environment.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let words = self.setting.words();
        let mut command = if words.is_empty() {
            Command::new(program)
        } else {
            let mut command = Command::new(self.reachable(program::ground()));
            command.args(words).arg(program);
            command
        };
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", &self.home)
            .env("TOLLGATE_STATE_DIR", &self.state)
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm")
            .current_dir(&self.workspace);
        command
    }

    /// `tollgate` with these words.
    pub fn verb<W: AsRef<OsStr>>(&self, words: &[W]) -> Job {
        let mut command = self.command(self.tollgate());
        command.args(words);
        Job::new(command)
    }

    /// `tollgate run` with these options, and the command behind `--`.
    pub fn job<O: AsRef<OsStr>, W: AsRef<OsStr>>(&self, options: &[O], words: &[W]) -> Job {
        let mut command = self.command(self.tollgate());
        command.arg("run").args(options).arg("--").args(words);
        Job::new(command)
    }

    /// Runs a command to its end inside the default boundary.
    pub fn run<W: AsRef<OsStr>>(&self, words: &[W]) -> Outcome {
        self.job::<&str, W>(&[], words).end()
    }

    /// Runs a shell's text to its end inside the default boundary.
    pub fn shell(&self, text: &str) -> Outcome {
        self.run(&["/bin/bash", "-c", text])
    }

    /// A policy file of the person's, to be named by `--policy`.
    pub fn policy(&self, text: &str) -> PathBuf {
        self.file(self.path().join("policy.toml"), format!("version = 1\n{text}"))
    }

    /// What `ledger export` says, a record a line.
    pub fn ledger(&self) -> Vec<serde_json::Value> {
        let export = self.verb(&["ledger", "export"]).end();
        export.ended(0);
        export.out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// How many records in the ledger tell of this event.
    pub fn events(&self, name: &str) -> usize {
        self.ledger().iter().filter(|line| has_event(line, name)).count()
    }

    /// What `report --json` says.
    pub fn report(&self) -> serde_json::Value {
        let report = self.verb(&["report", "--json"]).end();
        report.ended(0);
        serde_json::from_str(&report.out).unwrap()
    }

    /// The ledger is in order.
    pub fn verifies(&self) {
        self.verb(&["ledger", "verify"]).end().ended(0);
    }
}

/// Whether `"event": name` is anywhere in a line of the export, however it is wrapped.
fn has_event(value: &serde_json::Value, name: &str) -> bool {
    match value {
        serde_json::Value::Object(map) => {
            map.get("event").and_then(serde_json::Value::as_str) == Some(name)
                || map.values().any(|v| has_event(v, name))
        }
        serde_json::Value::Array(list) => list.iter().any(|v| has_event(v, name)),
        serde_json::Value::String(text) => serde_json::from_str::<serde_json::Value>(text)
            .is_ok_and(|inner| inner.is_object() && has_event(&inner, name)),
        _ => false,
    }
}
