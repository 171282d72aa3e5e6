//! One run of a client on a scene.

use std::path::PathBuf;
use std::time::Duration;

use tollgate_tests::model::{Model, Step};
use tollgate_tests::{Job, Scene};

use crate::kinds::Kind;

/// Commands that tests ask about and refuse: harmless, and of no use to any client.
const RULES: &str = r#"
[approvals]
deadline = 20

[[command]]
effect = "ask"
program = ["tty", "arch"]
because = "a test asks"
matches = ["tty", "arch"]
spares = ["uname"]

[[command]]
effect = "deny"
program = ["hostid"]
because = "a test refuses"
matches = ["hostid"]
spares = ["hostname"]
"#;

/// The client in its boundary, about to start; none, with the reason said, where it can't be had.
pub(crate) fn client(scene: &Scene, kind: Kind, steps: Vec<Step>) -> Option<(Model, Job)> {
    let program = kind.program()?;
    for folder in [".git", ".git/hooks", ".git/refs", ".git/objects"] {
        scene.folder(scene.workspace.join(folder));
    }
    scene.file(scene.workspace.join(".git/HEAD"), "ref: refs/heads/main\n");
    scene.file(scene.workspace.join("README.md"), "hello\n");
    let model = Model::plays(steps);
    let variables = kind.settle(scene, &model);
    let folders: Vec<String> = program.iter().map(|path| format!("{:?}", folder(path))).collect();
    let policy = scene.policy(&format!("[roots]\nexec = [{}]\n{RULES}", folders.join(", ")));
    let net = format!("127.0.0.1:{}", model.port());
    let options = ["--profile", kind.profile(), "--policy", policy.to_str().unwrap(), "--net", &net];
    let words: Vec<&str> =
        program.iter().map(|path| path.to_str().unwrap()).chain(kind.words().iter().copied()).collect();
    let job = scene.job(&options, &words).deadline(Duration::from_mins(2));
    let job = variables.iter().fold(job, |job, (name, value)| job.env(name, value));
    Some((model, job))
}

/// The package's folder, from which its programs and libraries are run.
fn folder(program: &std::path::Path) -> PathBuf {
    let modules = program.ancestors().find(|above| above.file_name().is_some_and(|name| name == "node_modules"));
    modules.unwrap().to_owned()
}
