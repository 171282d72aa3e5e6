//! What programs ask of the system, and get as they would without us.

use std::time::Duration;

use tollgate_tests::{Job, Outcome, Scene, cases, skip};

cases! { everywhere: sockets_are_called_what_they_were_bound_by folders_hand_on_their_group starts_itself_again }
cases! { both: links_fail_as_they_do submodules_are_updated }

/// What a shell's text prints bare, in a folder of its own; none, with the reason said, where it does not work.
fn bare(scene: &Scene, text: &str) -> Option<String> {
    let folder = scene.path().join("bare");
    scene.folder(&folder);
    let mut command = scene.command("/bin/bash");
    command.args(["-c", text]).current_dir(&folder);
    let outcome = Job::new(command).deadline(Duration::from_mins(2)).end();
    if !outcome.status.success() {
        skip(&format!("`{text}` does not work here for this person, without any boundary: {outcome}"));
    }
    outcome.status.success().then_some(outcome.out)
}

/// Runs it inside.
fn inside(scene: &Scene, text: &str) -> Outcome {
    scene.job(&["--ci"], &["/bin/bash", "-c", text]).deadline(Duration::from_mins(2)).end()
}

fn the_same(scene: &Scene, text: &str) {
    let Some(expected) = bare(scene, text) else { return };
    let outcome = inside(scene, text);
    outcome.ended(0);
    assert_eq!(outcome.out, expected, "{outcome}");
}

/// Browsers, tool boxes and container tools start themselves by the link that the kernel keeps.
fn starts_itself_again(scene: &Scene) {
    the_same(scene, "for own in self thread-self; do (exec -a other /proc/$own/exe -c 'echo again as $0'); done");
}

/// Both ends and those in between are told the path, also where sockets of one name lie in many folders; and programs
/// that hand an address on (here Python's own) work.
fn sockets_are_called_what_they_were_bound_by(scene: &Scene) {
    let text = r"
import os, socket, tempfile
from multiprocessing import Manager
above = tempfile.mkdtemp()
ways = ['rel', './dotted', os.getcwd() + '/whole', above + '/private', '\0tollgate-%d' % os.getpid()]
for n in range(70):
    os.mkdir('%s/%d' % (above, n))
    ways.append('%s/%d/s' % (above, n))
kept = []
for way in ways:
    server = socket.socket(socket.AF_UNIX)
    server.bind(way)
    server.listen()
    client = socket.socket(socket.AF_UNIX)
    client.connect(way)
    taken, _ = server.accept()
    kept += [server, client, taken]
    asked = way.encode() if way[0] == '\0' else way
    for told in (server.getsockname(), client.getpeername(), taken.getsockname()):
        assert told == asked, (told, asked)
    assert not client.getsockname() and not taken.getpeername()
with Manager() as manager:
    shared = manager.list([1])
    shared.append(2)
    print(list(shared))
";
    scene.file(scene.path().join("sockets.py"), text);
    the_same(scene, &format!("/usr/bin/python3 -c \"$(cat <<'X'\n{text}\nX\n)\""));
}

/// The set-group-id bit of a folder says whose group new files are of; a file with it would carry rights.
fn folders_hand_on_their_group(scene: &Scene) {
    the_same(
        scene,
        "umask 022; mkdir a && chmod g+s a && chmod 2775 a && mkdir a/b && cp -a a c && stat -c '%a %n' a a/b c c/b && /bin/chmod 3770 c && stat -c %a c",
    );
    let outcome =
        inside(scene, "cp /bin/true t && for bits in 2755 g+s; do chmod $bits t; done; stat -c %a t; ls -d t");
    outcome.printed("755\nt\n").told("set-group-id");
}

fn links_fail_as_they_do(scene: &Scene) {
    let python = "import os, sys\nos.mkdir('d'); open('f', 'w').close()\nfor to in ('none/x', 'f', 'new', 'f/x'):\n    try: os.link('d', to)\n    except OSError as error: print(to, error.errno)";
    the_same(scene, &format!("/usr/bin/python3 -c \"{python}\""));
}

fn submodules_are_updated(scene: &Scene) {
    let setup = "export GIT_AUTHOR_NAME=u GIT_AUTHOR_EMAIL=u@example.com GIT_COMMITTER_NAME=u GIT_COMMITTER_EMAIL=u@example.com
        git init -q -b main part && cd part && echo x > x && git add x && git commit -qm x && cd .. &&
        git init -q -b main whole && cd whole && git -c protocol.file.allow=always submodule -q add ../part part && git commit -qm part &&
        git submodule -q deinit -f part && ls part";
    let mut command = scene.command("/bin/bash");
    command.args(["-c", setup]);
    if !Job::new(command).end().status.success() {
        return skip("git can't make a repository with a submodule here");
    }
    let outcome = inside(
        scene,
        "cd whole && git submodule -q update --init && cat part/x && git submodule -q update && git status --short",
    );
    outcome.ended(0).printed("x\n");
}
