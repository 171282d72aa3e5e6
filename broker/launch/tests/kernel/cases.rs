//! What is refused, what is held, what is seen inside.

use std::fs;
use std::os::unix::net::UnixListener;

use tollgate_policy::boundary::{Feature, Namespace, Reach};
use tollgate_sys::landlock;

use crate::Case;
use crate::scene::{Outcome, Scene, Setting};

pub(crate) const ALL: &[Case] = &[
    ("landlock_abi_1", || abi(1)),
    ("landlock_abi_2", || abi(2)),
    ("landlock_abi_3", || abi(3)),
    ("landlock_abi_4", || abi(4)),
    ("landlock_abi_5", || abi(5)),
    ("landlock_abi_6", || abi(6)),
    ("landlock_abi_7", || abi(7)),
    ("the_filter_refuses", the_filter_refuses),
    ("tcp_ports", tcp_ports),
    ("no_descriptor_is_inherited", no_descriptor_is_inherited),
    ("the_environment_is_scrubbed", the_environment_is_scrubbed),
    ("no_capability_is_left", no_capability_is_left),
    ("limits_hold", limits_hold),
    ("there_is_no_terminal", there_is_no_terminal),
    ("temp_is_private_and_goes", temp_is_private_and_goes),
    ("a_workspace_beneath_tmp_stays", a_workspace_beneath_tmp_stays),
    ("processes_are_unseen", processes_are_unseen),
    ("hidden_paths_look_empty", hidden_paths_look_empty),
    ("protected_paths_are_frozen", protected_paths_are_frozen),
    ("a_network_of_its_own", a_network_of_its_own),
    ("what_is_required_is_demanded", what_is_required_is_demanded),
    ("what_is_refused_becomes_a_gap", what_is_refused_becomes_a_gap),
];

/// The settings in which there are namespaces.
fn with_namespaces() -> impl Iterator<Item = Setting> {
    Setting::all().into_iter().filter(|setting| setting.has_namespaces())
}

/// An ABI's restrictions hold, and no more is claimed.
fn abi(cap: u32) {
    if landlock::abi() < cap {
        eprintln!("skipped: this kernel's Landlock ABI is {}", landlock::abi());
        return;
    }
    for setting in Setting::all() {
        let mut scene = Scene::new(setting).with_attempts();
        scene.spec.landlock_cap = Some(cap);
        scene.spec.boundary.namespaces.clear(); // so that nothing else refuses
        let outside = scene.path("outside/secret");
        let name = format!("tollgate-test-{}", std::process::id());
        let listening = listen_abstract(&name);
        let victim = std::process::id().to_string();
        let env = [("OUTSIDE", outside.to_str().unwrap()), ("ABSTRACT", &name), ("VICTIM", &victim)];
        // A user may not signal root's processes anyway; its own it may.
        let own = setting.is_root() == nix::unistd::geteuid().is_root();
        let signalled = if own && cap < 6 { "0" } else { "EPERM" };
        for (attempt, errno) in [
            ("read_outside", "EACCES"),
            ("write_outside", "EACCES"),
            ("write_inside", "0"),
            ("across", if cap < 2 { "EXDEV" } else { "0" }),
            ("truncate_outside", if cap < 3 { "0" } else { "EACCES" }),
            ("tcp", if cap < 4 { "ECONNREFUSED" } else { "EACCES" }),
            ("bind_tcp", if cap < 4 { "0" } else { "EACCES" }),
            ("abstract", if cap < 6 { "0" } else { "EPERM" }),
            ("signal_outside", signalled),
        ] {
            assert_eq!(scene.attempt(attempt, &env), errno, "ABI {cap}, {setting:?}, {attempt}");
        }
        drop(listening);
        let outcome = scene.run(&["/bin/true"]);
        assert_eq!(outcome.report.enforced.landlock_abi, cap);
        for (feature, since) in [
            (Feature::LandlockFiles, 1),
            (Feature::LandlockRefer, 2),
            (Feature::LandlockTruncate, 3),
            (Feature::LandlockTcp, 4),
            (Feature::LandlockDeviceIoctl, 5),
            (Feature::LandlockSignals, 6),
            (Feature::LandlockAbstractSockets, 6),
        ] {
            assert_eq!(outcome.report.enforced.held.contains(&feature), cap >= since, "{feature:?}");
            assert_eq!(outcome.gap(feature).is_some(), cap < since, "{feature:?}");
        }
    }
}

fn listen_abstract(name: &str) -> UnixListener {
    use std::os::linux::net::SocketAddrExt as _;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
    UnixListener::bind_addr(&address).unwrap()
}

fn the_filter_refuses() {
    let mut wrong = Vec::new();
    for setting in Setting::all() {
        let scene = Scene::new(setting).with_attempts();
        for (attempt, errno) in [
            ("x32", "ENOSYS"),
            ("ia32", "ENOSYS"),
            ("clone3", "ENOSYS"),
            ("newuser", "EPERM"),
            ("newuser_high", "EPERM"),
            ("unshare_user", "EPERM"),
            ("udp", "EPERM"), // as with tiocsti below: a run's gate gives sockets for lookups by name
            ("raw", "EACCES"),
            ("netlink", "EAFNOSUPPORT"),
            ("packet", "EAFNOSUPPORT"),
            ("fastopen", "EOPNOTSUPP"),
            ("ptrace", "EPERM"),
            ("bpf", "EPERM"),
            ("io_uring", "ENOSYS"),
            ("keyring", "EPERM"),
            ("userfaultfd", "EPERM"),
            ("mount", "EPERM"),
            ("unknown", "ENOSYS"),
            ("mknod_char", "EPERM"),
            ("setuid_file", "EPERM"),
            // In a user namespace that knows only its owner there is nobody else to give it to.
            ("chown_root", if setting == Setting::User { "EINVAL" } else { "EPERM" }),
            ("tiocsti", "EPERM"), // refused by the gate of these tests; its errno in a run is the entry's
            ("tiocsti_high", "EPERM"),
        ] {
            let got = scene.attempt(attempt, &[]);
            if got != errno {
                wrong.push(format!("{setting:?}, {attempt}: {got} in place of {errno}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

fn tcp_ports() {
    if landlock::abi() < 4 {
        eprintln!("skipped: Landlock governs TCP from ABI 4, here it is {}", landlock::abi());
        return;
    }
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    for setting in Setting::all() {
        let mut scene = Scene::new(setting);
        let mut connect = |ports: &[u16], reach: Reach| {
            scene.spec.boundary.network.reach = reach;
            scene.spec.boundary.network.ports = ports.iter().copied().collect();
            let python = format!("import socket;s=socket.socket();print(s.connect_ex(('127.0.0.1',{port})))");
            scene.run(&["/usr/bin/python3", "-c", &python]).out.trim().to_owned()
        };
        assert_eq!(connect(&[], Reach::None), libc::EACCES.to_string(), "{setting:?}");
        assert_eq!(connect(&[port ^ 1], Reach::Ports), libc::EACCES.to_string(), "{setting:?}");
        assert_eq!(connect(&[port], Reach::Ports), "0", "{setting:?}");
        assert_eq!(connect(&[], Reach::Open), "0", "{setting:?}");
    }
}

fn no_descriptor_is_inherited() {
    use std::os::fd::AsFd as _;
    let kept = fs::File::open("/etc/passwd").unwrap();
    nix::fcntl::fcntl(kept.as_fd(), nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
    for setting in Setting::all() {
        let scene = Scene::new(setting);
        // The shell lists its own table, so ls sees only what it was given, and its own of the listing.
        let outcome = scene.shell("for fd in /proc/self/fd/*; do echo ${fd##*/}; done | sort -n | tr '\\n' ' '");
        let seen: Vec<&str> = outcome.well().split_whitespace().collect();
        assert_eq!(seen[..3], ["0", "1", "2"], "{setting:?}: {outcome:?}");
        let listed = scene.run(&["/bin/ls", "/proc/self/fd"]);
        assert_eq!(listed.well().split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"], "{setting:?}");
    }
}

fn the_environment_is_scrubbed() {
    for setting in Setting::all() {
        let scene = Scene::new(setting);
        let mut command = scene.command(&["/usr/bin/env"]);
        command.env("SECRET_TOKEN", "x").env("KEPT_ONE", "1").env("LD_PRELOAD", "");
        let outcome = scene.finish(&command.output().unwrap());
        let mut names: Vec<&str> = outcome.well().lines().filter_map(|line| line.split('=').next()).collect();
        names.sort_unstable();
        assert_eq!(names, ["KEPT_ONE", "PATH", "TMPDIR"], "{setting:?}");
    }
}

fn no_capability_is_left() {
    for setting in Setting::all() {
        let status = Scene::new(setting).run(&["/bin/cat", "/proc/self/status"]);
        let field = |name: &str| {
            let line = status.well().lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().to_owned()
        };
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
            assert_eq!(field(set), "0000000000000000", "{setting:?}, {set}");
        }
        // Without CAP_SETPCAP nobody can empty it; no_new_privs makes it moot.
        if setting.is_root() || setting.has_namespaces() {
            assert_eq!(field("CapBnd:"), "0000000000000000", "{setting:?}");
        }
        assert_eq!((field("NoNewPrivs:"), field("Seccomp:")), ("1".to_owned(), "2".to_owned()), "{setting:?}");
    }
}

fn limits_hold() {
    for setting in Setting::all() {
        let mut scene = Scene::new(setting);
        scene.spec.boundary.limits = [("nofile".to_owned(), 77), ("core".to_owned(), 0)].into();
        assert_eq!(scene.shell("ulimit -n; ulimit -Hn; ulimit -c").well(), "77\n77\n0\n", "{setting:?}");
        scene.spec.boundary.limits = [("nosuch".to_owned(), 1)].into();
        assert_eq!(scene.run(&["/bin/true"]).report.error, "limit `nosuch` is not known here");
    }
}

fn there_is_no_terminal() {
    for setting in Setting::all() {
        let scene = Scene::new(setting).with_attempts();
        assert_eq!(scene.attempt("tty", &[]), "ENXIO", "{setting:?}");
    }
}

fn temp_is_private_and_goes() {
    for setting in Setting::all() {
        let scene = Scene::new(setting);
        let outcome = scene.shell(
            "echo x > $TMPDIR/mine; mkdir -p $TMPDIR/a/b; ls -A $TMPDIR | grep -xe a -e mine; echo $TMPDIR; mktemp -u",
        );
        let lines: Vec<&str> = outcome.well().lines().collect();
        let private = setting.has_namespaces();
        let at = if private { "/tmp".to_owned() } else { outcome.report.temp.display().to_string() };
        assert_eq!(lines[..3], ["a", "mine", &at], "{setting:?}");
        assert!(lines[3].starts_with(&format!("{at}/tmp.")), "{setting:?}: {lines:?}");
        assert!(!outcome.report.temp.exists(), "{setting:?}: the temp directory is left behind");
        assert_eq!(fs::read_dir(&scene.spec.temp).unwrap().count(), 0, "{setting:?}");
        assert_eq!(outcome.gap(Feature::PrivateTemp).is_none(), private, "{setting:?}");
        if private {
            let marker = tempfile::Builder::new().prefix("tollgate-marker").tempfile_in("/var/tmp").unwrap();
            let text = "echo x > /dev/shm/tollgate-probe && ls /dev/shm; ls -A /var/tmp | grep -c tollgate-marker";
            let shared = scene.shell(&format!("{text}; true"));
            assert_eq!(shared.well(), "tollgate-probe\n0\n", "{setting:?}");
            drop(marker);
            assert!(!std::path::Path::new("/dev/shm/tollgate-probe").exists());
        }
    }
}

fn a_workspace_beneath_tmp_stays() {
    for setting in Setting::all() {
        let base = tempfile::Builder::new().prefix("ws").tempdir_in("/tmp").unwrap();
        let scene = Scene::within(setting, base);
        let outcome = scene.shell("echo hello > file; pwd; cat ../outside/secret 2>/dev/null; ls -A .. | tr '\\n' ' '");
        let pwd = scene.path("work").display().to_string();
        assert!(outcome.out.starts_with(&format!("{pwd}\n")), "{setting:?}: {outcome:?}");
        assert!(!outcome.out.contains("secret"), "{setting:?}: {outcome:?}");
        assert_eq!(fs::read_to_string(scene.path("work/file")).unwrap(), "hello\n", "{setting:?}");
        if setting.has_namespaces() {
            // The same private directory, though its first name is covered.
            let both = scene.shell("echo x > /var/tmp/one; ls /tmp/one; ls /var/tmp | grep -c .");
            assert_eq!(both.well(), "/tmp/one\n2\n", "{setting:?}: {both:?}");
        }
        assert!(!outcome.report.temp.exists(), "{setting:?}: the temp directory is left behind");
    }
}

fn processes_are_unseen() {
    for setting in with_namespaces() {
        let outcome = Scene::new(setting)
            .shell("ls /proc > seen; grep -c '^[0-9]' seen; echo $$; read -r me rest < /proc/self/stat; echo $me");
        let lines: Vec<&str> = outcome.well().lines().collect();
        // The guard, the shell and ls; the shell is what /proc says it is.
        assert_eq!(lines, ["3", "2", "2"], "{setting:?}");
        assert!(outcome.report.enforced.held.contains(&Feature::PidNamespace));
    }
}

fn hidden_paths_look_empty() {
    for setting in Setting::all() {
        let mut scene = Scene::new(setting);
        let work = scene.path("work");
        fs::create_dir_all(work.join("deep/down")).unwrap();
        fs::create_dir_all(work.join("keys")).unwrap();
        for file in [".env", "deep/down/.env", "keys/id", "plain"] {
            fs::write(work.join(file), "content\n").unwrap();
        }
        scene.spec.boundary.hidden = ["**/.env", "keys"].map(|glob| format!("{}/{glob}", work.display())).to_vec();
        let outcome =
            scene.shell("cat .env deep/down/.env; ls -A keys; cat plain; echo x 2>/dev/null > keys/new; true");
        if setting.has_namespaces() {
            assert_eq!(outcome.well(), "content\n", "{setting:?}");
            assert!(outcome.report.enforced.held.contains(&Feature::HiddenPaths));
        } else {
            assert!(outcome.gap(Feature::HiddenPaths).is_some(), "{setting:?}");
        }
        assert_eq!(fs::read_to_string(work.join(".env")).unwrap(), "content\n");
    }
}

fn protected_paths_are_frozen() {
    for setting in with_namespaces() {
        let mut scene = Scene::new(setting);
        let hooks = scene.path("work/hooks");
        fs::create_dir_all(&hooks).unwrap();
        fs::set_permissions(&hooks, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        scene.spec.boundary.protected = vec![format!("{}/**", hooks.display())];
        let outcome = scene.shell("echo x > hooks/pre-commit; mv hooks other; echo x > free; ls hooks | wc -l");
        assert_eq!(outcome.well(), "0\n", "{setting:?}");
        assert!(outcome.err.contains("Read-only file system") && outcome.err.contains("busy"), "{outcome:?}");
        assert!(scene.path("work/free").exists());
    }
}

fn a_network_of_its_own() {
    for setting in with_namespaces() {
        let mut scene = Scene::new(setting);
        scene.spec.boundary.namespaces.insert(Namespace::Net);
        let outcome = scene.shell("cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' '");
        assert_eq!(outcome.well(), "lo\n", "{setting:?}");
        assert!(outcome.report.enforced.held.contains(&Feature::NetNamespace), "{setting:?}");
    }
}

fn what_is_required_is_demanded() {
    for setting in Setting::all() {
        let mut scene = Scene::new(setting).require(Feature::LandlockTcp);
        scene.spec.landlock_cap = Some(3);
        let error = scene.run(&["/bin/true"]).report.error;
        assert!(error.starts_with("the boundary cannot be enforced as required"), "{setting:?}: {error}");
        let held = Scene::new(setting).require(Feature::Seccomp).require(Feature::ExecGate).run(&["/bin/true"]);
        held.well();
    }
    let scene = Scene::new(Setting::UserWithoutNamespaces).require(Feature::MountNamespace);
    assert!(scene.run(&["/bin/true"]).report.error.contains("user namespaces are switched off"), "as a user without");
}

fn what_is_refused_becomes_a_gap() {
    let scene = Scene::new(Setting::UserWithoutNamespaces);
    let outcome: Outcome = scene.run(&["/bin/true"]);
    outcome.well();
    assert!(scene.namespaces().contains(&Namespace::Pid));
    for feature in [Feature::MountNamespace, Feature::PidNamespace, Feature::UserNamespace, Feature::PrivateTemp] {
        assert!(outcome.gap(feature).is_some(), "{feature:?}: {outcome:?}");
        assert!(!outcome.report.enforced.held.contains(&feature), "{feature:?}");
    }
    let contained = Scene::new(Setting::UserInContainer).run(&["/bin/true"]);
    contained.well();
    let why = contained.gap(Feature::MountNamespace).unwrap();
    assert!(why.contains("could not start the guard: Operation not permitted"), "{why}");
}
