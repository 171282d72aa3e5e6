//! First looks at real files, through this test's own process as the caller.

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn programs(writable: &Path) -> Programs {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let root = nix::fcntl::open("/", flags, nix::sys::stat::Mode::empty()).unwrap();
    Programs::new(root, vec![AbsPath::new(fs::canonicalize(writable).unwrap()).unwrap()])
}

fn asked(path: &str, argv: &[&str]) -> Asked {
    Asked {
        tid: i32::try_from(std::process::id()).unwrap(),
        dir: None,
        path: path.as_bytes().to_vec(),
        argv: argv.iter().map(|a| a.as_bytes().to_vec()).collect(),
    }
}

fn look(programs: &mut Programs, asked: &Asked) -> Result<Program, i32> {
    match programs.look(asked).unwrap() {
        Look::Program(program) => Ok(*program),
        Look::Fails(errno) => Err(errno),
    }
}

fn script(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn words(expected: &Expected) -> Vec<String> {
    split(&expected.cmdline).iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect()
}

#[test]
fn a_binary_is_found_behind_its_links() {
    let dir = tempfile::tempdir().unwrap();
    symlink("/bin/sh", dir.path().join("ls")).unwrap();
    let mut programs = programs(dir.path());
    let link = dir.path().join("ls");
    let program = look(&mut programs, &asked(link.to_str().unwrap(), &["ls", "-l"])).unwrap();
    let exec = &program.execs[0];
    let real = fs::canonicalize("/bin/sh").unwrap();
    assert_eq!(exec.image.executable.as_ref().unwrap().as_path(), real);
    assert!(!exec.image.writable, "the object counts, not the link");
    assert_eq!(words(program.expected.as_ref().unwrap()), ["ls", "-l"]);
}

#[test]
fn a_script_is_judged_by_its_name_and_by_what_runs_it() {
    let dir = tempfile::tempdir().unwrap();
    let inner = script(dir.path(), "inner", "#!/bin/sh -e\n");
    let outer = script(dir.path(), "outer", &format!("#!{inner} x y\n"));
    let mut programs = programs(dir.path());
    let program = look(&mut programs, &asked(&outer, &["outer", "1"])).unwrap();
    assert_eq!(program.execs.len(), 2);
    assert!(
        matches!(&program.execs[0].image.form, Form::Script { script: Some(path) } if path.as_path().ends_with("outer"))
    );
    assert!(program.execs[0].image.writable);
    assert_eq!(program.execs[1].argv[0], Raw::from("/bin/sh"));
    // exactly what the kernel lays down
    assert_eq!(words(program.expected.as_ref().unwrap()), ["/bin/sh", "-e", &inner, "x y", &outer, "1"]);
    let shown = std::process::Command::new(&outer).arg("1").output();
    assert!(shown.is_ok(), "the kernel takes the script too");
}

#[test]
fn what_the_kernel_would_refuse_gets_its_errno() {
    let dir = tempfile::tempdir().unwrap();
    let gone = script(dir.path(), "gone", "#!/no/such/interpreter\n");
    fs::write(dir.path().join("plain"), "x").unwrap();
    symlink("loop", dir.path().join("loop")).unwrap();
    let mut programs = programs(dir.path());
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    for (path, errno) in [
        (at("missing"), libc::ENOENT),
        (gone, libc::ENOENT),
        (at("plain"), libc::EACCES),
        (at("plain/x"), libc::ENOTDIR),
        (at(""), libc::EACCES),
    ] {
        assert_eq!(look(&mut programs, &asked(&path, &["x"])).err(), Some(errno), "{path}");
    }
}

#[test]
fn what_is_no_file_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let path = script(dir.path(), "waits", &format!("#!{}\n", pipe.display()));
    let root = dir.path().to_owned();
    // opening a pipe that nobody writes would wait for ever
    let (done, looked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut programs = programs(&root);
        done.send(look(&mut programs, &asked(&path, &["waits"])).map(|program| program.execs.len()))
    });
    let looked = looked.recv_timeout(std::time::Duration::from_secs(10));
    assert!(looked.is_ok());
}

#[test]
fn an_image_without_a_name_has_no_executable() {
    let dir = tempfile::tempdir().unwrap();
    let mut programs = programs(dir.path());
    let copy = script(dir.path(), "copy", "");
    fs::copy("/bin/true", &copy).unwrap();
    let file = File::open(&copy).unwrap();
    fs::remove_file(&copy).unwrap();
    for path in [String::new(), format!("/proc/self/fd/{}", file.as_raw_fd()), format!("/dev/fd/{}", file.as_raw_fd())]
    {
        let asked = Asked { dir: Some(file.as_raw_fd()), ..asked(&path, &["true"]) };
        let program = look(&mut programs, &asked).unwrap();
        assert_eq!(program.execs[0].image.executable, None, "{path}");
    }
}

#[test]
fn a_program_that_starts_itself_again_has_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut programs = programs(dir.path());
    let own = fs::canonicalize("/proc/self/exe").unwrap();
    let program = look(&mut programs, &asked("/proc/self/exe", &["again"])).unwrap();
    assert_eq!(program.execs[0].image.executable.as_ref().map(AbsPath::as_path), Some(own.as_path()));
    assert!(program.expected.is_some(), "it is compared at the exec stop");
}

#[test]
fn the_loader_counts_as_what_it_loads() {
    let loader = "/lib64/ld-linux-x86-64.so.2";
    if !Path::new(loader).exists() {
        println!("SKIPPED: no {loader} here");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let own = script(dir.path(), "own", "");
    fs::copy("/bin/true", &own).unwrap();
    let disguised = script(dir.path(), "ls", "");
    fs::copy(loader, &disguised).unwrap();
    let mut programs = programs(dir.path());
    let real = fs::canonicalize("/bin/true").unwrap();
    for (path, argv, runs) in [
        (loader, vec!["ld.so", "/bin/true", "x"], Some(real.as_path())),
        (disguised.as_str(), vec!["ls", "/bin/true"], Some(real.as_path())),
        (loader, vec!["ld.so", own.as_str()], None),
        (loader, vec!["ld.so", "--new-option", "/bin/true"], None),
    ] {
        let program = look(&mut programs, &asked(path, &argv)).unwrap();
        let image = &program.execs[0].image;
        assert!(matches!(image.form, Form::Loader { .. }), "{argv:?}");
        assert_eq!(image.executable.as_ref().map(AbsPath::as_path), runs, "{argv:?}");
    }
    let through = script(dir.path(), "push", &format!("#!{loader} /bin/true\n"));
    let program = look(&mut programs, &asked(&through, &["push", "x"])).unwrap();
    let inner = program.execs.last().unwrap();
    assert_eq!(inner.image.executable.as_ref().map(AbsPath::as_path), Some(real.as_path()));
    assert_eq!(inner.argv, ["/bin/true", through.as_str(), "x"].map(Raw::from));
    let telling = look(&mut programs, &asked(loader, &["ld.so", "--list", "/bin/true"])).unwrap();
    assert_eq!(telling.execs[0].image.form, Form::Native);
}

#[test]
fn an_empty_argv_gets_its_empty_first_word() {
    let dir = tempfile::tempdir().unwrap();
    let program = look(&mut programs(dir.path()), &asked("/bin/true", &[])).unwrap();
    assert_eq!(program.expected.unwrap().cmdline, b"\0");
}
