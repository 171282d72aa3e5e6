//! The boundary in every setting: what it holds as root and not, with namespaces and without. Judged from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{SocketAddr, UnixListener};

use tollgate_tests::scene::SECRET;
use tollgate_tests::{Job, Scene, cases, program, skip};

cases! { everywhere: home_is_unreadable outside_is_unwritable environment_is_scrubbed descriptors_are_closed
calls_are_refused sockets_outside_are_out_of_reach work_goes_on no_rights_are_gained other_processes_are_closed }
cases! { both: tracers_are_refused_with_a_reason system_files_stay work_in_tmp }
cases! { everywhere: what_is_handed_in_stays_outside creating_reads_no_more_than_reading roots_keep_their_place terminals_of_others_are_left terminals_of_ones_own message_pairs }

fn home_is_unreadable(scene: &Scene) {
    let key = scene.home.join(".ssh/id_ed25519");
    let text = format!(
        "cat {0}; cat ~/.ssh/*; cp {0} k; cat k; ln {0} h; cat h; ln -s {0} s; cat s; cat /proc/self/root{0}
         cat /proc/1/root{0}; ls -R ~; mv {0} m; cat m; tar cf - ~/.ssh; exec 3<{0}; cat <&3; true",
        key.display()
    );
    scene.shell(&text).ended(0).withheld(SECRET);
    assert_eq!(fs::read_to_string(key).unwrap(), SECRET);
}

fn outside_is_unwritable(scene: &Scene) {
    let kept = scene.outside.join("kept");
    let before = kept.metadata().unwrap();
    let text = format!(
        "cd {0}; echo x > new; echo x >> kept; : > kept; rm -f kept; mv kept gone; mkdir folder; ln -s x link; mkfifo pipe
         chmod 777 kept; chown 1:1 kept; touch kept; truncate -s 0 kept; ln kept other; cp /etc/hostname kept; chmod 777 .
         ln -s {0} $OLDPWD/way; echo x > $OLDPWD/way/new; echo x > ~/.bashrc; echo x > ~/new; true",
        scene.outside.display()
    );
    // Nobody is there to answer what writes outside may ask.
    scene.job(&["--ci"], &["/bin/bash", "-c", &text]).end();
    let after = kept.metadata().unwrap();
    assert_eq!(fs::read_to_string(&kept).unwrap(), "kept");
    let facts = |m: &fs::Metadata| (m.len(), m.nlink(), m.ino());
    assert_eq!(facts(&before), facts(&after));
    assert_eq!(fs::read_dir(&scene.outside).unwrap().count(), 1);
    let metadata = |m: &fs::Metadata| (m.mode(), m.uid(), m.gid(), m.mtime());
    let run = scene.ledger().into_iter().find(|entry| entry["record"]["event"] == "run_started").unwrap();
    let gaps = run["record"]["enforced"]["gaps"].as_array().unwrap().clone();
    if gaps.iter().any(|gap| gap["feature"] == "outside-metadata") {
        skip("permissions and times outside are not held without a mount namespace; the run said so");
    } else {
        assert_eq!(metadata(&before), metadata(&after));
        assert_eq!(scene.outside.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    }
    assert_eq!(fs::read_dir(&scene.home).unwrap().count(), 1);
}

fn environment_is_scrubbed(scene: &Scene) {
    let names = [
        "GITHUB_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "MY_API_KEY",
        "DATABASE_URL",
        "SSH_AUTH_SOCK",
        "LD_PRELOAD",
        "BASH_ENV",
        "NODE_OPTIONS",
        "PYTHONSTARTUP",
        "GIT_SSH_COMMAND",
        "DBUS_SESSION_BUS_ADDRESS",
        "UNHEARD_OF",
        "TOLLGATE_STATE_DIR",
    ];
    let mut job = scene.job::<&str, _>(&[], &["/usr/bin/env"]);
    for name in names.iter().filter(|name| !name.starts_with("TOLLGATE") && !name.starts_with("LD_")) {
        job = job.env(name, "leaked-value");
    }
    let outcome = job.env("LC_ALL", "C").end();
    outcome.ended(0).withheld("leaked-value");
    let seen: Vec<&str> = outcome.out.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    for name in names {
        assert!(!seen.contains(&name), "{name} was passed: {outcome}");
    }
    for name in ["PATH", "HOME", "TERM", "LC_ALL", "TMPDIR"] {
        assert!(seen.contains(&name), "{name} is missing: {outcome}");
    }
}

fn descriptors_are_closed(scene: &Scene) {
    let text = format!(
        "exec 7<{}/kept 8<{} 9<>{}/.ssh/id_ed25519; exec {} run -- /bin/bash -c 'cat <&7; cat <&9; ls /proc/self/fd | tr \"\\n\" \" \"'",
        scene.outside.display(),
        scene.outside.display(),
        scene.home.display(),
        scene.tollgate().display()
    );
    let mut command = scene.command("/bin/bash");
    command.args(["-c", &text]);
    // 3 is the folder that `ls` itself opened.
    Job::new(command).end().ended(0).printed("0 1 2 3 ");
}

fn calls_are_refused(scene: &Scene) {
    let probe = scene.compile("matrix/probe.c", scene.workspace.join("probe"), &[]);
    let outcome = scene.run(&[probe.to_str().unwrap(), "calls"]);
    outcome.ended(0);
    let lines: Vec<&str> = outcome.out.lines().collect();
    assert!(lines.len() > 25, "{outcome}");
    for line in lines {
        let refused =
            ["EPERM", "EACCES", "ENOSYS", "EIO", "EAFNOSUPPORT", "EPROTONOSUPPORT"].iter().any(|e| line.ends_with(e));
        assert!(refused, "{line}: {outcome}");
    }
}

fn sockets_outside_are_out_of_reach(scene: &Scene) {
    let probe = scene.compile("matrix/probe.c", scene.workspace.join("probe"), &[]);
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let path = scene.outside.join("socket");
    let _unix = UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    let name = format!("tollgate-test-{}", std::process::id());
    let _abstract = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let ways = [
        ("tcp", tcp.local_addr().unwrap().port().to_string()),
        ("udp", udp.local_addr().unwrap().port().to_string()),
        ("unix", path.display().to_string()),
        ("abstract", name),
    ];
    for (way, target) in &ways {
        let mut bare = scene.command(&probe);
        bare.args([way, target.as_str()]);
        Job::new(bare).end().printed(&format!("{way} done\n"));
        let outcome = scene.job(&["--ci"], &[probe.to_str().unwrap(), way, target]).end();
        outcome.ended(0);
        assert!(!outcome.out.contains("done"), "{outcome}");
    }
    scene.run(&[probe.to_str().unwrap(), "pair"]).ended(0).printed("pair done\n");
}

fn work_goes_on(scene: &Scene) {
    let text = "set -e; echo a > f; mkdir -p d/e; mv f d/e/g; ln d/e/g h; ln -s h s; cat s; chmod 755 h; rm -r d; touch -d 2001-01-01 h
        t=$(mktemp); echo b > $t; cat $t; rm $t; head -c 3 /dev/urandom > /dev/null; echo c > /dev/null; ls /usr/bin > /dev/null
        seq 1000 | sort -rn | head -1; (sleep 0.05; echo d) & wait; printf '#!/bin/sh\\necho e\\n' > p; chmod +x p; ./p; cat /proc/self/status > /dev/null";
    scene.shell(text).ended(0).printed("a\nb\n1000\nd\ne\n");
    scene.verifies();
}

fn no_rights_are_gained(scene: &Scene) {
    let outcome = scene.shell("grep -E '^(NoNewPrivs|CapEff|CapBnd|CapAmb|Seccomp):' /proc/self/status");
    outcome.ended(0);
    let value = |name: &str| {
        let line = outcome.out.lines().find(|line| line.starts_with(name)).unwrap();
        u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
    };
    assert_eq!((value("NoNewPrivs"), value("Seccomp")), (1, 2), "{outcome}");
    assert_eq!(value("CapAmb"), 0, "{outcome}");
    // CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_SYS_MODULE, CAP_NET_ADMIN, CAP_DAC_READ_SEARCH, CAP_MKNOD.
    for capability in [21, 19, 16, 12, 2, 27] {
        assert_eq!(value("CapEff") >> capability & 1, 0, "capability {capability}: {outcome}");
    }
}

fn other_processes_are_closed(scene: &Scene) {
    // A process of the same person's, outside, with a secret in its environment.
    let mut outside = scene.command("/bin/sleep");
    outside.arg("60").env("HIDDEN", SECRET);
    let outside = Job::new(outside).start();
    let pid = outside.pid();
    let text = format!(
        "cat /proc/{pid}/environ; cat /proc/[0-9]*/environ 2>/dev/null; cat /proc/{pid}/maps && echo MAPS; readlink /proc/{pid}/fd/0 && echo FDS
         kill -0 {pid} && echo SIGNALLED; kill -9 {pid}; kill -9 -1 2>/dev/null; echo 500 > /proc/{pid}/oom_score_adj && echo WROTE; true"
    );
    let outcome = scene.job::<&str, _>(&[], &["/bin/bash", "-c", &text]).end();
    outcome.withheld(SECRET).withheld("MAPS").withheld("FDS").withheld("SIGNALLED").withheld("WROTE");
    let mut outside = outside;
    assert!(outside.runs(), "the process outside was killed");
    outside.signal(nix::sys::signal::Signal::SIGKILL);
    outside.end();
}

fn tracers_are_refused_with_a_reason(scene: &Scene) {
    let mut some = false;
    for (tracer, words) in [("gdb", "-batch /bin/true"), ("strace", "/bin/true"), ("ltrace", "/bin/true")] {
        let Some(path) = program::which(tracer) else { continue };
        some = true;
        let outcome = scene.shell(&format!("{} {words}; echo $?", path.display()));
        outcome.ended(0).printed("126\n").told("tollgate: refused").told("ptrace");
    }
    if !some {
        skip("no tracer is installed (gdb, strace)");
    }
}

fn system_files_stay(scene: &Scene) {
    let text = "for f in /usr/new /etc/new /bin/new /proc/sys/kernel/hostname /sys/kernel/mm/ksm/run; do
        echo x > $f && echo WROTE $f; done 2>/dev/null; cat /etc/shadow && echo READ; rm -f /etc/hostname; hostname other && echo RENAMED; true";
    let outcome = scene.job(&["--ci"], &["/bin/bash", "-c", text]).end();
    outcome.withheld("WROTE").withheld("READ").withheld("RENAMED");
    assert!(std::path::Path::new("/etc/hostname").exists() || !scene.setting.uid().is_root());
}

fn work_in_tmp(scene: &Scene) {
    // A workspace in /tmp is seen although temp is private.
    let folder = tempfile::Builder::new().prefix("tollgate-scene-").tempdir_in("/tmp").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let workspace = folder.path().join("workspace");
    scene.folder(&workspace);
    let outcome = scene
        .job::<&str, _>(&[], &["/bin/sh", "-c", "echo x > made; cat made; mktemp > /dev/null && pwd"])
        .within(&workspace)
        .end();
    outcome.ended(0).printed(&format!("x\n{}\n", workspace.display()));
    assert!(workspace.join("made").exists());
}

/// A file, or a directory, that a run is given as its input lies outside, also where the sandbox has a private place by its
/// path; but what may be written through a descriptor may be opened so again.
fn what_is_handed_in_stays_outside(scene: &Scene) {
    if !program::has("python3") {
        return skip("needs python3");
    }
    let place = scene.path().join("handed");
    scene.folder(&place);
    let (input, log) = (scene.file(place.join("input"), "given"), scene.file(place.join("log"), ""));
    let socket = place.join("service");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    listener.set_nonblocking(true).unwrap();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).unwrap();
    let tries = "import os, socket
def t(name, what):
    try: what(); print(name)
    except OSError: pass
p = '/proc/self/fd/8'
t('write', lambda: os.open(p, os.O_RDWR)); t('append', lambda: os.open(p, os.O_WRONLY | os.O_APPEND))
t('mode', lambda: os.fchmod(8, 0o777)); t('chmod', lambda: os.chmod(p, 0o777)); t('times', lambda: os.utime(p, (1, 1)))
t('cut', lambda: os.truncate(p, 1)); t('attribute', lambda: os.setxattr(p, 'user.x', b'y'))
t('make', lambda: os.open(p + '/made', os.O_CREAT | os.O_WRONLY)); t('folder', lambda: os.mkdir('made', dir_fd=8))
t('open', lambda: os.open('input', os.O_RDWR, dir_fd=8)); t('remove', lambda: os.unlink('input', dir_fd=8))
t('move', lambda: os.rename('input', 'moved', src_dir_fd=8, dst_dir_fd=8)); t('link', lambda: os.symlink('x', 'made', dir_fd=8))
t('above', lambda: os.mkdir('../made', dir_fd=8))
s = lambda: socket.socket(socket.AF_UNIX)
t('handle', lambda: s().connect('/proc/self/fd/%d' % os.open('service', os.O_PATH, dir_fd=8)))
t('go', lambda: (os.fchdir(8), s().connect('service')))
t('bind', lambda: (os.fchdir(8), s().bind('made')))
print('end')";
    scene.file(scene.workspace.join("tries.py"), tries);
    let before = fs::metadata(&input).unwrap();
    for given in [&input, &place] {
        let line = format!(
            "exec {} run --ci -- bash -c 'exec 8<&0 < /dev/null; exec /usr/bin/python3 tries.py' < {} 2>> {}",
            scene.tollgate().display(),
            given.display(),
            log.display()
        );
        let mut command = scene.command("/bin/sh");
        command.args(["-c", &line]);
        let outcome = Job::new(command).end();
        let told = fs::read_to_string(&log).unwrap();
        assert_eq!((outcome.out.as_str(), outcome.status.code()), ("end\n", Some(0)), "{outcome}\n{told}");
    }
    let after = fs::metadata(&input).unwrap();
    assert_eq!((after.mode(), after.mtime(), after.len()), (before.mode(), before.mtime(), before.len()));
    assert!(listener.accept().is_err(), "the service was reached");
    assert_eq!(fs::read_dir(&place).unwrap().count(), 3);
    let line = format!(
        "exec {} run --ci -- bash -c 'echo told > /dev/stderr' 2> {}",
        scene.tollgate().display(),
        log.display()
    );
    let mut command = scene.command("/bin/sh");
    command.args(["-c", &line]);
    Job::new(command).end().ended(0);
    assert!(fs::read_to_string(&log).unwrap().contains("told"), "what may be written may not be opened again");
}

/// What a call that could make a file opens, the gate opens: nothing that the caller's own reading would not be given. Among
/// what is tried are the supervisor's and the guard's own variables and memory.
fn creating_reads_no_more_than_reading(scene: &Scene) {
    scene.compile("matrix/probe.c", scene.workspace.join("probe"), &[]);
    let ends = nix::pty::openpty(None, None).unwrap();
    let terminal = nix::unistd::ttyname(&ends.slave).unwrap();
    nix::unistd::chown(&terminal, Some(scene.setting.uid()), None).unwrap();
    scene.file(scene.workspace.join("own"), "x");
    let text = format!(
        "./probe more /proc/[0-9]*/environ /proc/[0-9]*/maps /proc/[0-9]*/mem /proc/kmsg /dev/kmsg {0} ~/.ssh/* /dev/pts/[0-9]*
         ./probe create own; ./probe create /etc/passwd; ./probe create made; ./probe create /etc/shadow",
        terminal.display()
    );
    let outcome = scene.job(&["--ci"], &["/bin/bash", "-c", &text]).end();
    outcome.ended(0).printed("own done\n/etc/passwd done\nmade done\n/etc/shadow EACCES\n");
}

/// A root may be written beneath, and not be removed, replaced, or given to others; a device in one no more than that.
fn roots_keep_their_place(scene: &Scene) {
    let given = scene.path().join("given");
    scene.folder(&given);
    let file = scene.file(given.join("file"), "before");
    let node = given.join("node");
    let root = scene.setting.uid().is_root();
    if root {
        let full = nix::sys::stat::makedev(1, 7);
        let mode = nix::sys::stat::Mode::from_bits_truncate(0o666);
        nix::sys::stat::mknod(&node, nix::sys::stat::SFlag::S_IFCHR, mode, full).unwrap();
        fs::set_permissions(&node, fs::Permissions::from_mode(0o666)).unwrap();
    }
    // a folder of devices, as /dev/dri is
    let folder = scene.path().join("devices");
    scene.folder(&folder);
    fs::hard_link(&node, folder.join("node")).ok();
    let (node_is, folder_is) = (node.display(), folder.display());
    let devices = if root { format!("device = [\"{node_is}\", \"{folder_is}\"]\n") } else { String::new() };
    let policy = scene.policy(&format!("[roots]\nwrite = [\"{}\"]\n{devices}", file.display()));
    let text = format!(
        "cd {0}; rm -f file node; mv file gone; mv node gone; echo x > $OLDPWD/new; mv $OLDPWD/new file; cp $OLDPWD/new n
         mv $OLDPWD/new node; ln -sf x file; chmod 600 node; chown 12 node; exec 5< node; chmod 600 /proc/self/fd/5
         ln file other; cd {2}; rm -f node; mv node gone; echo x > made; ln -s x link; cd ..; cd {3}; mv $PWD $PWD-2; rmdir $PWD; echo inside > {1}; echo end",
        given.display(),
        file.display(),
        folder.display(),
        scene.workspace.display()
    );
    let before = (scene.workspace.metadata().unwrap().ino(), file.metadata().unwrap().ino());
    let options = ["--ci", "--policy", policy.to_str().unwrap()];
    let outcome = scene.job(&options, &["/bin/bash", "-c", &text]).end();
    outcome.ended(0).printed("end\n");
    assert_eq!((scene.workspace.metadata().unwrap().ino(), file.metadata().unwrap().ino()), before);
    assert_eq!(fs::read_to_string(&file).unwrap(), "inside\n", "{outcome}");
    assert_eq!(fs::read_dir(&given).unwrap().count(), if root { 2 } else { 1 });
    assert_eq!(fs::read_dir(&folder).unwrap().count(), usize::from(root), "{outcome}");
    if root {
        let node = node.metadata().unwrap();
        assert_eq!((node.mode(), node.uid()), (nix::libc::S_IFCHR | 0o666, 0), "the device was changed");
    }
}

/// Where the person's terminals lie where the run's do.
fn terminals_of_others_are_left(scene: &Scene) {
    let ends = nix::pty::openpty(None, None).unwrap();
    let path = nix::unistd::ttyname(&ends.slave).unwrap();
    let uid = scene.setting.uid();
    nix::unistd::chown(&path, Some(uid), None).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!("chmod 666 {0}; echo typed > {0}; head -c 1 < {0}; chown 12 {0}; echo end", path.display());
    let words = ["/usr/bin/setsid", "-w", "/bin/bash", "-c", &text];
    scene.job(&["--ci"], &words).end().ended(0).printed("end\n");
    let after = path.metadata().unwrap();
    assert_eq!((after.mode() & 0o777, after.uid()), (0o600, uid.as_raw()));
    let flags = nix::fcntl::OFlag::O_NONBLOCK;
    nix::fcntl::fcntl(&ends.master, nix::fcntl::FcntlArg::F_SETFL(flags)).unwrap();
    assert_eq!(nix::unistd::read(&ends.master, &mut [0; 8]), Err(nix::errno::Errno::EAGAIN), "something was written");
}

/// A program inside makes a terminal, and another is on it: by name, and as `/dev/tty`.
fn terminals_of_ones_own(scene: &Scene) {
    if !program::has("script") {
        return skip("script (util-linux) is not installed");
    }
    let inner = "echo made; echo named > /dev/tty; echo by its number > $(tty); chmod 600 $(tty); stat -c %a $(tty)";
    let outcome = scene.job(&["--ci"], &["/usr/bin/script", "-qec", inner, "/dev/null"]).end();
    outcome.ended(0);
    assert_eq!(outcome.out.replace('\r', ""), "made\nnamed\nby its number\n600\n", "{outcome}");
}

/// Pairs for datagrams keep messages apart, and send nowhere else.
fn message_pairs(scene: &Scene) {
    let probe = scene.compile("matrix/probe.c", scene.workspace.join("probe"), &[]);
    let path = scene.outside.join("datagrams");
    let outside = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    outside.set_nonblocking(true).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    let path = path.to_str().unwrap();
    let mut bare = scene.command(&probe);
    bare.args(["messages", path]);
    Job::new(bare).end().ended(0).printed("one two\n");
    assert_eq!(outside.recv(&mut [0; 8]).unwrap(), 3, "the attack does not work bare");
    scene.job(&["--ci"], &[probe.to_str().unwrap(), "messages", path]).end().ended(0).printed("one two\n");
    assert!(outside.recv(&mut [0; 8]).is_err(), "a datagram came out");
}
