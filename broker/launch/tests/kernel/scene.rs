//! A workspace, a boundary around it, and what came out of a run in it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tollgate_policy::boundary::{
    Boundary, CallEntry, CallFilter, Enforced, Environment, Feature, Namespace, Rights, Root,
};
use tollgate_policy::path::AbsPath;

/// An ordinary user.
const NOBODY: &str = "65534";

/// Who starts the run, and whether user namespaces may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    Root,
    RootWithoutNamespaces,
    User,
    UserWithoutNamespaces,
    /// Where a seccomp filter refuses the making of namespaces, as that of a container.
    UserInContainer,
}

impl Setting {
    /// All that can be tried here: the root ones only by root.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::User, Self::UserWithoutNamespaces, Self::UserInContainer];
        if nix::unistd::geteuid().is_root() {
            all.extend([Self::Root, Self::RootWithoutNamespaces]);
        } else {
            eprintln!("skipped: the settings of root (this is no root)");
        }
        all
    }

    pub(crate) fn is_root(self) -> bool {
        matches!(self, Self::Root | Self::RootWithoutNamespaces)
    }

    pub(crate) fn has_namespaces(self) -> bool {
        matches!(self, Self::Root | Self::User)
    }
}

/// What the run's process is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Spec {
    pub(crate) boundary: Boundary,
    pub(crate) landlock_cap: Option<u32>,
    pub(crate) user_namespaces: bool,
    pub(crate) argv: Vec<String>,
    pub(crate) cwd: PathBuf,
    pub(crate) temp: PathBuf,
    pub(crate) report: PathBuf,
}

/// What the run's process tells.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// `exited 0`, `signalled 9`, `failed 8`; empty if nothing was started.
    pub(crate) ending: String,
    pub(crate) enforced: Enforced,
    /// Why nothing was started, the cause behind it.
    pub(crate) error: String,
    pub(crate) guard: i32,
    pub(crate) command: i32,
    pub(crate) temp: PathBuf,
}

/// A workspace and a boundary around it.
pub(crate) struct Scene {
    pub(crate) setting: Setting,
    pub(crate) spec: Spec,
    pub(crate) base: TempDir,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) report: Report,
}

impl Scene {
    pub(crate) fn new(setting: Setting) -> Self {
        // Not beneath /tmp: what is there is hidden by other means.
        let own = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        // Somebody else may have built the tests; then what lies in /var/tmp is a root of its own, and shown again.
        let base = own.or_else(|_| tempfile::tempdir_in("/var/tmp")).unwrap();
        Self::within(setting, base)
    }

    pub(crate) fn within(setting: Setting, base: TempDir) -> Self {
        for (name, mode) in [("", 0o755), ("work", 0o777), ("temp", 0o777), ("outside", 0o777), ("report", 0o777)] {
            let path = base.path().join(name);
            fs::create_dir_all(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let secret = base.path().join("outside/secret");
        fs::write(&secret, "secret\n").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o666)).unwrap();
        let work = base.path().join("work");
        let boundary = boundary(&work, setting);
        let spec = Spec {
            boundary,
            landlock_cap: None,
            user_namespaces: setting != Setting::UserWithoutNamespaces,
            argv: Vec::new(),
            cwd: work,
            temp: base.path().join("temp"),
            report: base.path().join("report/report.json"),
        };
        Self { setting, spec, base }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.base.path().join(name)
    }

    /// Compiles the attempts into the workspace.
    pub(crate) fn with_attempts(self) -> Self {
        compile("attempts", &self.path("work/attempts"));
        self
    }

    pub(crate) fn namespaces(&self) -> BTreeSet<Namespace> {
        self.spec.boundary.namespaces.clone()
    }

    pub(crate) fn require(mut self, feature: Feature) -> Self {
        self.spec.boundary.require.insert(feature);
        self
    }

    /// The command line that starts the run's process, as the setting's user.
    pub(crate) fn command(&self, argv: &[&str]) -> Command {
        let mut spec = self.spec.clone();
        spec.argv = argv.iter().map(|arg| (*arg).to_owned()).collect();
        let at = self.path("report/spec.json");
        fs::write(&at, serde_json::to_vec(&spec).unwrap()).unwrap();
        let me = std::env::current_exe().unwrap();
        let mut command = if nix::unistd::geteuid().is_root() && !self.setting.is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]).arg(&me);
            command
        } else {
            Command::new(&me)
        };
        command.arg("contain").arg(at);
        if self.setting == Setting::UserInContainer { self.in_container(&command) } else { command }
    }

    fn in_container(&self, inner: &Command) -> Command {
        let container = self.path("report/container");
        compile("container", &container);
        let mut command = Command::new(container);
        let program = if inner.get_program() == "setpriv" { "/usr/bin/setpriv".as_ref() } else { inner.get_program() };
        command.arg(program).args(inner.get_args());
        command
    }

    /// Runs a shell text in the boundary.
    pub(crate) fn shell(&self, text: &str) -> Outcome {
        self.run(&["/bin/sh", "-c", text])
    }

    pub(crate) fn run(&self, argv: &[&str]) -> Outcome {
        self.finish(&self.command(argv).output().unwrap())
    }

    pub(crate) fn finish(&self, output: &Output) -> Outcome {
        let outcome = Outcome {
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            report: self.report(),
        };
        assert!(output.status.success(), "{:?}: {outcome:?}", self.setting);
        outcome
    }

    pub(crate) fn report(&self) -> Report {
        serde_json::from_slice(&fs::read(&self.spec.report).unwrap()).unwrap()
    }

    /// Tries one attempt in the boundary; its errno.
    pub(crate) fn attempt(&self, name: &str, env: &[(&str, &str)]) -> String {
        let sets: Vec<String> = env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let sets = sets.join(" ");
        let outcome = self.shell(&format!("{sets} ./attempts {name}"));
        let errno = outcome.out.strip_prefix(&format!("{name} ")).map(str::trim).map(str::to_owned);
        errno.unwrap_or_else(|| panic!("{name}: {outcome:?}"))
    }
}

impl Outcome {
    /// The output, of a run that must have ended well.
    pub(crate) fn well(&self) -> &str {
        assert_eq!(self.report.ending, "exited 0", "{self:?}");
        &self.out
    }

    pub(crate) fn gap(&self, feature: Feature) -> Option<&str> {
        self.report.enforced.gaps.iter().find(|gap| gap.feature == feature).map(|gap| gap.detail.as_str())
    }
}

fn boundary(work: &Path, setting: Setting) -> Boundary {
    let executable = Rights { read: true, execute: true, ..Rights::default() };
    let readable = Rights { read: true, ..Rights::default() };
    let all = Rights { read: true, execute: true, write: true, device: false };
    let device = Rights { device: true, ..Rights::default() };
    let mut roots = vec![root(work, all)];
    for (rights, paths) in [
        (executable, "/usr /bin /sbin /lib /lib64"),
        (readable, "/etc/ld.so.cache /etc/passwd /proc"),
        (device, "/dev/null /dev/tty"),
    ] {
        roots.extend(paths.split(' ').map(|path| root(Path::new(path), rights)));
    }
    let namespaces = if setting.has_namespaces() {
        BTreeSet::from([Namespace::Mount, Namespace::Pid, Namespace::Ipc, Namespace::Uts])
    } else if setting.is_root() {
        BTreeSet::new()
    } else {
        // Wanted, but refused: what a container without user namespaces looks like.
        BTreeSet::from([Namespace::Mount, Namespace::Pid])
    };
    Boundary {
        roots,
        calls: calls(),
        environment: Environment { pass: vec!["PATH".into(), "KEPT_*".into()], ..Environment::default() },
        namespaces,
        ..Boundary::default()
    }
}

pub(crate) fn root(path: &Path, rights: Rights) -> Root {
    Root { path: AbsPath::new(path).unwrap(), rights }
}

fn compile(name: &str, to: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/kernel/{name}.c"));
    let built = Command::new("cc").args(["-O1", "-w", "-o"]).arg(to).arg(source).status();
    assert!(built.expect("a C compiler is needed").success());
}

/// The shipped filter.
fn calls() -> CallFilter {
    #[derive(Deserialize)]
    struct Shipped {
        call: Vec<CallEntry>,
    }
    let text = include_str!("../../../../profiles/calls.toml");
    CallFilter { entries: toml::from_str::<Shipped>(text).unwrap().call }
}
