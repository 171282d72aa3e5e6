//! Policies with faults: exit 120, file and line and a hint, and nothing run.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tollgate_tests::{Outcome, Scene, cases};

cases! { both: faults_are_told_with_their_place writable_by_others missing_file missing_profile project_policy_tightens
project_policy_grants_nothing changed_inside_counts_not rules_by_name magic_in_a_folders_name }

/// Text, the line of the fault, a word that the message has.
const FAULTS: [(&str, u32, &str); 9] = [
    ("[defualts]\nexec = \"allow\"\n", 2, "defaults"),
    ("[defaults]\nexec = \"alow\"\n", 3, "allow"),
    ("[roots]\nread = \"/usr\"\n", 3, "read"),
    ("[limits]\nnofile = \"many\"\n", 3, "nofile"),
    ("[[path]]\nprotect = [\"@workspace/[\"]\nbecause = \"x\"\nmatches = [\"@workspace/a\"]\n", 3, "["),
    ("[[command]]\neffect = \"deny\"\nprogram = [\"git\"]\nbecause = \"x\"\nmatches = [\"ls\"]\n", 6, "ls"),
    (
        "[[command]]\neffect = \"deny\"\nprogram = [\"git\"]\nbecause = \"x\"\nmatches = [\"git\"]\nspares = [\"git push\"]\n",
        7,
        "git push",
    ),
    ("[[command]]\neffect = \"deny\"\nprogram = [\"git\"]\nmatches = [\"git\"]\n", 2, "because"),
    ("[defaults\n", 2, ""),
];

fn with(scene: &Scene, policy: &Path) -> Outcome {
    scene.job(&[Path::new("--policy"), policy], &["/bin/echo", "ran"]).end()
}

fn faults_are_told_with_their_place(scene: &Scene) {
    for (text, line, word) in FAULTS {
        let policy = scene.policy(text);
        let outcome = with(scene, &policy);
        outcome.ended(120).printed("").told(&format!("policy.toml:{line}:")).told(word);
        let check = scene.verb(&["policy", "check", policy.to_str().unwrap()]).end();
        assert!(check.status.code() != Some(0), "check saw no fault in {text:?}: {check}");
    }
}

fn writable_by_others(scene: &Scene) {
    let policy = scene.policy("");
    with(scene, &policy).ended(0);
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o666)).unwrap();
    with(scene, &policy).ended(120).printed("").told("policy.toml");
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o644)).unwrap();
    let open = scene.path().join("open");
    scene.folder(&open);
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let policy = scene.file(open.join("policy.toml"), "version = 1\n");
    with(scene, &policy).ended(120).printed("");
}

fn missing_file(scene: &Scene) {
    with(scene, &scene.path().join("no-such.toml")).ended(120).printed("").told("no-such.toml");
}

fn missing_profile(scene: &Scene) {
    let outcome = scene.job(&["--profile", "workspce"], &["/bin/echo", "ran"]).end();
    outcome.ended(120).printed("").told("workspce").told("workspace");
    let policy = scene.policy("extends = [\"bsae\"]\n");
    with(scene, &policy).ended(120).printed("");
}

fn project(scene: &Scene, text: &str) {
    scene.folder(scene.workspace.join(".tollgate"));
    scene.file(scene.workspace.join(".tollgate/policy.toml"), format!("version = 1\n{text}"));
}

fn project_policy_tightens(scene: &Scene) {
    project(
        scene,
        "[[command]]\neffect = \"deny\"\nprogram = [\"seq\"]\nbecause = \"no counting\"\nmatches = [\"seq 3\"]\n",
    );
    let outcome = scene.shell("seq 3; echo $?");
    outcome.ended(0).printed("126\n").told("tollgate: refused").told("no counting");
    project(scene, "[[comand]]\n");
    scene.run(&["/bin/echo", "ran"]).ended(120).printed("").told("policy.toml:2");
}

fn project_policy_grants_nothing(scene: &Scene) {
    let outside = scene.outside.display();
    project(scene, &format!("[roots]\nwrite = [\"{outside}\"]\nread = [\"~/.ssh\"]\n"));
    let outcome = scene.shell("echo x > $OLDPWD/no 2>/dev/null; cat ~/.ssh/id_ed25519");
    outcome.withheld(tollgate_tests::scene::SECRET);
    scene.shell(&format!("echo x > {outside}/new"));
    assert!(!scene.outside.join("new").exists());
}

fn changed_inside_counts_not(scene: &Scene) {
    let policy = scene.workspace.join(".tollgate/policy.toml");
    fs::create_dir(policy.parent().unwrap()).unwrap();
    fs::write(&policy, "version = 1\n").unwrap();
    // A person could be asked; nobody is there.
    let unattended = |text: &str| scene.job(&["--ci"], &["bash", "-c", text]).end();
    unattended("echo '# more' >> .tollgate/policy.toml && echo wrote").withheld("wrote");
    unattended("mv .tollgate t && mkdir .tollgate && cp t/policy.toml .tollgate && echo moved").withheld("moved");
    assert_eq!(fs::read_to_string(&policy).unwrap(), "version = 1\n");
}

fn rules_by_name(scene: &Scene) {
    // By the name given, behind a link, by path, through the loader, from a copy under its own name.
    let policy = scene.policy(
        "[[command]]\neffect = \"deny\"\nprogram = [\"seq\"]\nbecause = \"no counting\"\nmatches = [\"seq 3\"]\n",
    );
    let text = "ln -s /usr/bin/seq plus; cp /usr/bin/seq own-seq; mkdir c; cp /usr/bin/seq c/seq
        seq 1; /usr/bin/seq 2; ./plus 3; c/seq 4; env seq 5; bash -c 'seq 6'; (exec -a other seq 7)
        for loader in /lib64/ld-linux-x86-64.so.2 /lib/ld-linux-aarch64.so.1 /lib/ld-musl-*.so.1; do
            test -x $loader && $loader /usr/bin/seq 8; done
        (exec -a seq /bin/echo 9)
        echo end";
    let outcome = scene.job(&[Path::new("--policy"), &policy], &["/bin/bash", "-c", text]).end();
    outcome.ended(0).printed("end\n");
}

fn magic_in_a_folders_name(scene: &Scene) {
    let workspace = scene.workspace.join("a[1]{b}*");
    scene.folder(&workspace);
    scene.folder(workspace.join(".git"));
    scene.file(workspace.join(".env"), "hidden-value");
    scene.file(workspace.join(".git/config"), "kept");
    let options = [Path::new("--workspace"), &workspace];
    let outcome = scene
        .job(&options, &["/bin/sh", "-c", "cd \"$0\"; cat .env; echo x > .git/config", workspace.to_str().unwrap()]);
    outcome.end().withheld("hidden-value");
    assert_eq!(fs::read_to_string(workspace.join(".git/config")).unwrap(), "kept");
}
