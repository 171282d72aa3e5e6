//! What goes in and out: pipes stay pipes, arguments and paths are bytes.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use tollgate_tests::{Scene, cases};

cases! { both: stdin_passes pipes_stay_pipes closed_pipe large_command_line bytes_in_arguments bytes_in_paths much_output }

fn stdin_passes(scene: &Scene) {
    let text: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let outcome = scene.job::<&str, _>(&[], &["/bin/cat"]).input(text.clone()).end();
    outcome.ended(0);
    assert!(outcome.bytes == text, "cat changed its input");
}

fn pipes_stay_pipes(scene: &Scene) {
    let text = "for fd in 0 1 2; do readlink /proc/self/fd/$fd | cut -d: -f1; test -t $fd && echo terminal; done; true";
    scene.shell(text).ended(0).printed("pipe\npipe\npipe\n");
}

fn closed_pipe(scene: &Scene) {
    // The reader goes away: the writer ends by SIGPIPE, as it would bare.
    let text = format!(
        "{} run -- /bin/bash -c 'yes; echo $? >&2' | head -n 1; echo ${{PIPESTATUS[0]}}",
        scene.tollgate().display()
    );
    let mut command = scene.command("/bin/bash");
    command.args(["-c", &text]);
    let outcome = tollgate_tests::Job::new(command).end();
    outcome.ended(0).told("141");
    assert_eq!(outcome.out.lines().next(), Some("y"), "{outcome}");
}

fn large_command_line(scene: &Scene) {
    // MAX_ARG_STRLEN is 128 KiB a string; this is a mebibyte and some in all.
    let mut words = vec!["/bin/echo".to_owned()];
    words.extend((0..10).map(|n| n.to_string().repeat(110_000)));
    let expected = words[1..].join(" ") + "\n";
    let outcome = scene.run(&words);
    outcome.ended(0);
    assert!(outcome.out == expected, "echo saw other words");
    scene.verifies();
}

fn bytes_in_arguments(scene: &Scene) {
    let words = [OsStr::new("/usr/bin/printf"), OsStr::new("%s"), OsStr::from_bytes(b"\xff\xfe a\nb\x1b[31m\x80")];
    let outcome = scene.run(&words);
    outcome.ended(0);
    assert_eq!(outcome.bytes, b"\xff\xfe a\nb\x1b[31m\x80");
    let list = scene.verb(&["ledger", "list"]).end();
    list.ended(0);
    assert!(!list.bytes.contains(&0x1b), "a control character reached the terminal: {list}");
    scene.verifies();
}

fn bytes_in_paths(scene: &Scene) {
    let name = OsString::from(OsStr::from_bytes(b"dir \xff\n\xc3"));
    let folder = scene.workspace.join(&name);
    scene.folder(&folder);
    let program = scene.script(folder.join(OsStr::from_bytes(b"run\xfe")), "#!/bin/sh\necho ran; echo x > written\n");
    let outcome = scene.job::<&str, _>(&[], &[program.as_os_str()]).within(&folder).end();
    outcome.ended(0).printed("ran\n");
    assert!(folder.join("written").exists());
    let options = [OsStr::new("--workspace"), folder.as_os_str()];
    scene.job(&options, &[program.as_os_str()]).end().ended(0).printed("ran\n");
    scene.verifies();
}

fn much_output(scene: &Scene) {
    let outcome = scene.shell("head -c 20000000 /dev/zero; head -c 3000000 /dev/zero >&2");
    outcome.ended(0);
    assert_eq!((outcome.bytes.len(), outcome.err.len()), (20_000_000, 3_000_000));
}
