//! One run of a client on a scene.

use std::path::PathBuf;
use std::time::Duration;

use tollgate_tests::model::{Model, Step};
use tollgate_tests::{Job, Scene};

use crate::kinds::Kind;

/// Commands that tests ask about and refuse: harmless, and of no use to any client.
const RULES: &str = r#"
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

/// A client that is ready to start in its boundary.
pub(crate) struct Ready {
    pub(crate) model: Model,
    variables: Vec<(&'static str, String)>,
    options: Vec<String>,
    program: Vec<PathBuf>,
}

/// Lays everything out, where a question waits for so many seconds; none, with the reason said, where the client can't be
/// had.
pub(crate) fn ready(scene: &Scene, (kind, steps): (Kind, Vec<Step>), deadline: u32) -> Option<Ready> {
    let program = kind.program()?;
    for folder in [".git", ".git/hooks", ".git/refs", ".git/objects"] {
        scene.folder(scene.workspace.join(folder));
    }
    scene.file(scene.workspace.join(".git/HEAD"), "ref: refs/heads/main\n");
    scene.file(scene.workspace.join("README.md"), "hello\n");
    let model = Model::plays(steps);
    let variables = kind.settle(scene, &model);
    let folders: Vec<String> = program.iter().map(|path| format!("\"{}\"", folder(path).display())).collect();
    let policy =
        scene.policy(&format!("[approvals]\ndeadline = {deadline}\n[roots]\nexec = [{}]\n{RULES}", folders.join(", ")));
    let net = format!("127.0.0.1:{}", model.port());
    let options = ["--profile", kind.profile(), "--policy", policy.to_str().unwrap(), "--net", &net].map(str::to_owned);
    Some(Ready { model, variables, options: options.to_vec(), program })
}

/// The client about to do one task without a terminal.
pub(crate) fn client(scene: &Scene, task: (Kind, Vec<Step>), deadline: u32) -> Option<(Model, Job)> {
    let kind = task.0;
    let Ready { model, variables, options, program } = ready(scene, task, deadline)?;
    let words: Vec<&str> =
        program.iter().map(|path| path.to_str().unwrap()).chain(kind.words().iter().copied()).collect();
    let job = scene.job(&options, &words).deadline(Duration::from_mins(2));
    let job = variables.iter().fold(job, |job, (name, value)| job.env(name, value));
    Some((model, job))
}

impl Ready {
    /// A script that starts it with these words on the terminal that it is called from.
    pub(crate) fn script(&self, scene: &Scene, words: &str) -> PathBuf {
        let exports: Vec<String> =
            self.variables.iter().map(|(name, value)| format!("export {name}='{value}'\n")).collect();
        let exports = exports.concat();
        let program: Vec<&str> = self.program.iter().map(|path| path.to_str().unwrap()).collect();
        let (options, tollgate) = (self.options.join(" "), scene.tollgate());
        let text =
            format!("#!/bin/sh\n{exports}exec {} run {options} -- {} {words}\n", tollgate.display(), program.join(" "));
        scene.script(scene.path().join("start"), &text)
    }
}

/// The package's folder, from which its programs and libraries are run.
fn folder(program: &std::path::Path) -> PathBuf {
    let modules = program.ancestors().find(|above| above.file_name().is_some_and(|name| name == "node_modules"));
    modules.unwrap().to_owned()
}
