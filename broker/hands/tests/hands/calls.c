/* Makes path calls of every kind in the working directory and says what came of each: run bare and gated, the words
   must be the same. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

static int last;
#define T(call) do { errno = 0; long r_ = (long)(call); last = (int)r_; \
    printf("%d %s = %s %s\n", __LINE__, #call, r_ < 0 ? "-1" : "ok", r_ < 0 ? strerrorname_np(errno) : ""); } while (0)
#define F(call) do { T(call); if (last >= 0) { show_fd(last); close(last); } } while (0)

static void show_fd(int fd) {
    struct stat s; fstat(fd, &s);
    printf("   mode %o size %ld flags %x cloexec %d nlink %ld\n", s.st_mode, (long)s.st_size, fcntl(fd, F_GETFL), fcntl(fd, F_GETFD), (long)s.st_nlink);
}
static void show(const char *p) {
    struct stat s;
    if (lstat(p, &s)) { printf("   %s: %s\n", p, strerrorname_np(errno)); return; }
    printf("   %s: mode %o nlink %ld size %ld gid %d\n", p, s.st_mode, (long)s.st_nlink, S_ISDIR(s.st_mode) ? 0 : (long)s.st_size, s.st_gid);
}
static volatile int caught;
static void on(int s) { caught = s; }

int main(void) {
    char longname[300]; memset(longname, 'n', 299); longname[299] = 0;
    char longpath[5000]; memset(longpath, 'p', 4999); for (int i = 50; i < 4999; i += 50) longpath[i] = '/'; longpath[4999] = 0;
    umask(027);
    /* open */
    F(open("a", O_CREAT | O_WRONLY, 0666)); F(open("a", O_CREAT | O_EXCL | O_WRONLY, 0666));
    F(open("a", O_RDWR)); F(open("a", O_WRONLY | O_APPEND | O_CLOEXEC)); F(open("none", O_WRONLY)); F(open("none/x", O_CREAT | O_WRONLY, 0600));
    F(open("a/x", O_CREAT | O_WRONLY, 0600)); F(open("", O_WRONLY)); F(open("b/", O_CREAT | O_WRONLY, 0600)); F(open(".", O_WRONLY)); F(open("..", O_RDWR));
    F(open("a/", O_WRONLY)); F(open("none/", O_WRONLY)); F(open(longname, O_CREAT | O_WRONLY, 0600)); F(open(longpath, O_CREAT | O_WRONLY, 0600));
    F(open((char *)1, O_WRONLY)); F(open("a", O_WRONLY | O_DIRECTORY)); F(open("r", O_RDONLY | O_CREAT, 0440)); F(open("r", O_RDONLY | O_CREAT, 0440));
    F(open("r", O_RDONLY | O_TRUNC)); F(open("t", O_CREAT | O_RDWR | O_TRUNC, 04777)); F(creat("c", 0640)); F(openat(77, "x", O_CREAT | O_WRONLY, 0600));
    F(openat(0, "x", O_CREAT | O_WRONLY, 0600)); F(open("a", 3)); F(open("/", O_WRONLY)); F(open("/etc/passwd", O_WRONLY)); F(open("/none-x", O_CREAT | O_WRONLY, 0600));
    F(open("a", O_WRONLY | O_NOFOLLOW)); F(open("a", O_WRONLY | O_SYNC | O_NOATIME));
    /* symlinks */
    T(symlink("a", "la")); T(symlink("la", "lla")); T(symlink("loop", "loop")); T(symlink("dangling-target", "dang")); T(symlink("/nowhere/x", "out")); T(symlink("", "e")); T(symlink("a", "la"));
    F(open("la", O_WRONLY)); F(open("lla", O_RDWR | O_TRUNC)); F(open("la", O_WRONLY | O_NOFOLLOW)); F(open("loop", O_WRONLY | O_CREAT, 0600)); F(open("loop/x", O_WRONLY | O_CREAT, 0600));
    F(open("dang", O_WRONLY)); F(open("dang", O_CREAT | O_EXCL | O_WRONLY, 0600)); F(open("dang", O_CREAT | O_WRONLY, 0600)); show("dangling-target"); F(open("out", O_CREAT | O_WRONLY, 0600));
    F(open("la", O_CREAT | O_EXCL | O_WRONLY, 0600)); F(open("la/", O_WRONLY));
    { char n[32], t[32]; strcpy(t, "a"); for (int i = 0; i < 42; i++) { sprintf(n, "ch%d", i); symlink(t, n); strcpy(t, n); } }
    F(open("ch30", O_WRONLY)); F(open("ch39", O_WRONLY)); F(open("ch40", O_WRONLY)); F(open("ch41", O_WRONLY));
    /* mkdir and directories */
    T(mkdir("d", 0777)); show("d"); T(mkdir("d", 0777)); T(mkdir("d/", 0777)); T(mkdir("d2/", 0700)); T(mkdir("none/x", 0700)); T(mkdir("a/x", 0700)); T(mkdir(".", 0700)); T(mkdir("..", 0700)); T(mkdir("/", 0700)); T(mkdir("", 0700)); T(mkdir("/usr", 0700)); T(mkdir("/usr/x", 0700)); T(mkdir("la", 0700)); T(mkdir("dang", 0700)); T(mkdir(longname, 0700));
    T(symlink("d", "ld")); F(open("ld/x", O_CREAT | O_WRONLY, 0666)); F(open("ld/../d/y", O_CREAT | O_WRONLY, 0666)); F(open("./d//./z", O_CREAT | O_WRONLY, 0666)); T(mkdir("ld/", 0700)); T(rmdir("ld/")); T(rmdir("ld")); T(mkdir("ld/sub", 01777)); show("d/sub");
    int d = open("d", O_RDONLY | O_DIRECTORY), dp = open("d", O_PATH);
    F(openat(d, "via", O_CREAT | O_WRONLY, 0644)); F(openat(dp, "viap", O_CREAT | O_WRONLY, 0644)); F(openat(d, "../up", O_CREAT | O_WRONLY, 0644)); F(openat(d, ".", O_TMPFILE | O_RDWR, 0640)); T(mkdirat(d, "m", 02755)); show("d/m"); F(openat(d, "m/x", O_CREAT | O_WRONLY, 0666)); T(mkdirat(d, "m/n", 0755)); show("d/m/n");
    T(chmod("d2", 02770)); F(open("d2/inherits", O_CREAT | O_WRONLY, 0666)); show("d2/inherits"); T(mkdir("d2/s", 0755)); show("d2/s");
    /* nodes */
    T(mkfifo("f", 0666)); show("f"); T(mknod("reg", S_IFREG | 0600, 0)); T(mknod("reg0", 0600, 0)); T(mknod("sock", S_IFSOCK | 0666, 0)); T(mknod("f", S_IFIFO, 0)); T(mknod("bad", 0170000, 0)); T(mknod("dir", S_IFDIR | 0700, 0)); F(open("sock", O_WRONLY)); F(open("f", O_WRONLY | O_NONBLOCK)); F(open("f", O_RDWR)); F(open("f", O_RDWR | O_TRUNC));
    /* links */
    T(link("a", "ha")); T(link("a", "ha")); T(link("none", "x1")); T(link("d", "hd")); T(link("la", "hla")); show("hla"); T(linkat(AT_FDCWD, "la", AT_FDCWD, "hla2", AT_SYMLINK_FOLLOW)); show("hla2"); T(linkat(AT_FDCWD, "a", d, "ha", 0)); T(linkat(AT_FDCWD, "a", AT_FDCWD, "q", 0x8000)); T(link("a", "none/x")); T(link("a", "ha/")); T(link("/etc/passwd", "pw")); T(link("dang", "hdang")); T(linkat(AT_FDCWD, "loop", AT_FDCWD, "hl", AT_SYMLINK_FOLLOW));
    { int t = open(".", O_TMPFILE | O_RDWR, 0640); char p[64]; write(t, "tmp", 3); sprintf(p, "/proc/self/fd/%d", t); T(linkat(AT_FDCWD, p, AT_FDCWD, "named", AT_SYMLINK_FOLLOW)); show("named"); T(linkat(t, "", AT_FDCWD, "named2", AT_EMPTY_PATH)); show_fd(t); F(open(p, O_WRONLY)); F(open(p, O_WRONLY | O_CREAT | O_EXCL, 0600)); close(t); }
    F(open(".", O_TMPFILE | O_RDONLY, 0600)); F(open("a", O_TMPFILE | O_RDWR, 0600)); F(open("none", O_TMPFILE | O_RDWR, 0600)); F(open("d/", O_TMPFILE | O_RDWR | O_EXCL, 0600)); F(open("ld", O_TMPFILE | O_RDWR, 0600));
    /* metadata */
    T(chmod("a", 0600)); show("a"); T(chmod("la", 0640)); show("a"); T(chmod("none", 0600)); T(chmod("dang", 0600)); T(chmod("loop", 0)); T(chmod("a/", 0600)); T(chmod("d/", 0750)); T(chmod("", 0)); T(fchmodat(AT_FDCWD, "a", 0644, 0)); T(syscall(452, AT_FDCWD, "la", 0600, AT_SYMLINK_NOFOLLOW)); T(syscall(452, d, "", 0711, AT_EMPTY_PATH)); show("d"); T(syscall(452, AT_FDCWD, "a", 0600, 0x8000)); T(fchmod(d, 0755)); T(fchmod(dp, 0755)); T(fchmod(99, 0755));
    T(chown("a", -1, -1)); T(lchown("la", getuid(), getgid())); T(chown("dang", -1, -1)); T(lchown("dang", -1, -1)); T(chown("a", 12345, -1)); T(fchownat(d, "x", getuid(), -1, 0)); T(fchownat(d, "", getuid(), -1, AT_EMPTY_PATH)); T(fchown(d, getuid(), getgid())); T(fchown(dp, -1, -1)); T(chmod(".", 0755)); T(chown("d/..", -1, -1));
    struct timespec ts[2] = {{1000, 5}, {2000, 6}}, bad[2] = {{1, 2000000000}, {1, 1}}, omit[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}}; struct timeval tv[2] = {{11, 22}, {33, 44}}, tvb[2] = {{1, 1000000}, {1, 1}}; struct utimbuf ub = {55, 66}; struct stat s;
    T(utimensat(AT_FDCWD, "a", ts, 0)); stat("a", &s); printf("   %ld.%09ld\n", s.st_mtim.tv_sec, s.st_mtim.tv_nsec); T(utimensat(AT_FDCWD, "la", ts, AT_SYMLINK_NOFOLLOW)); lstat("la", &s); printf("   %ld\n", s.st_mtim.tv_sec); T(utimensat(AT_FDCWD, "a", bad, 0)); T(utimensat(AT_FDCWD, "a", omit, 0)); T(utimensat(AT_FDCWD, "none", 0, 0)); T(utimensat(AT_FDCWD, "a", 0, 0)); T(futimens(d, ts)); T(utimes("a", tv)); stat("a", &s); printf("   %ld.%09ld\n", s.st_mtim.tv_sec, s.st_mtim.tv_nsec); T(utimes("a", tvb)); T(utime("a", &ub)); stat("a", &s); printf("   %ld\n", s.st_mtim.tv_sec); T(utime("a", 0)); T(syscall(SYS_futimesat, d, "x", tv));
    T(truncate("a", 100)); show("a"); T(truncate("la", 3)); show("a"); T(truncate("d", 3)); T(truncate("none", 1)); T(truncate("a", -1)); T(truncate("f", 1)); T(truncate("/etc/passwd", 1));
    T(setxattr("a", "user.x", "val", 3, 0)); T(setxattr("a", "user.x", "val", 3, XATTR_CREATE)); T(setxattr("a", "user.y", "val", 3, XATTR_REPLACE)); { char v[8] = {0}; T(getxattr("a", "user.x", v, 8)); printf("   %s\n", v); } T(lsetxattr("la", "user.x", "v", 1, 0)); T(lsetxattr("a", "user.z", "", 0, 0)); T(removexattr("a", "user.x")); T(removexattr("a", "user.x")); T(lremovexattr("a", "user.z")); T(setxattr("a", "", "v", 1, 0)); T(setxattr("a", "bogus", "v", 1, 0)); T(setxattr("none", "user.x", "v", 1, 0)); T(fsetxattr(d, "user.q", "v", 1, 0)); T(fremovexattr(d, "user.q")); T(setxattr("a", "trusted.x", "v", 1, 0)); T(setxattr("a", longname, "v", 1, 0));
    /* rename */
    T(rename("none", "x")); T(rename("a", "a2")); T(rename("a2", "a")); T(rename("d", "a")); T(rename("a", "d")); T(rename("d", "d/in")); T(rename(".", "x")); T(rename("a", ".")); T(rename("d2", "d")); T(rename("a/", "a9")); T(rename("d2/", "d3/")); T(rename("d3", "d2")); T(rename("a", "none/x")); T(rename("a", "a")); T(rename("la", "la2")); show("la2"); T(rename("a", "ha")); show("a"); T(rename("/etc/passwd", "pw")); T(rename("c", "/usr/c"));
    T(syscall(SYS_renameat2, AT_FDCWD, "r", AT_FDCWD, "t", RENAME_NOREPLACE)); T(syscall(SYS_renameat2, AT_FDCWD, "r", AT_FDCWD, "t", RENAME_EXCHANGE)); T(syscall(SYS_renameat2, AT_FDCWD, "r", AT_FDCWD, "d", RENAME_EXCHANGE)); T(syscall(SYS_renameat2, AT_FDCWD, "r", AT_FDCWD, "d", RENAME_EXCHANGE)); T(syscall(SYS_renameat2, AT_FDCWD, "r", AT_FDCWD, "none", RENAME_EXCHANGE)); T(syscall(SYS_renameat2, AT_FDCWD, "r", AT_FDCWD, "t", 64)); T(syscall(SYS_renameat2, AT_FDCWD, "r", AT_FDCWD, "t", RENAME_EXCHANGE | RENAME_NOREPLACE)); T(renameat(d, "x", AT_FDCWD, "fromd"));
    /* sticky, /proc, sockets */
    F(open("/proc/self/cwd/pc", O_CREAT | O_WRONLY, 0600)); show("pc"); { char p[64]; sprintf(p, "/proc/self/fd/%d/pf", d); F(open(p, O_CREAT | O_WRONLY, 0600)); show("d/pf"); sprintf(p, "/proc/%d/cwd/pp", getpid()); F(open(p, O_CREAT | O_WRONLY, 0600)); sprintf(p, "/dev/fd/%d/pd", d); T(mkdir(p, 0700)); show("d/pd"); }
    F(open("/proc/self/comm", O_WRONLY)); F(open("/proc/self/root/none-y", O_CREAT | O_WRONLY, 0600)); F(open("/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0666)); F(open("/dev/full", O_RDWR)); F(open("/dev/new", O_WRONLY | O_CREAT, 0600)); F(open("/dev/tty", O_RDWR)); F(open("/dev/ptmx", O_RDWR | O_NOCTTY));
    { int p[2]; pipe(p); char q[64]; sprintf(q, "/proc/self/fd/%d", p[1]); F(open(q, O_WRONLY)); sprintf(q, "/dev/fd/%d", p[1]); F(open(q, O_WRONLY | O_APPEND)); T(fchmod(p[0], 0600)); close(p[0]); close(p[1]); }
    { int m = memfd_create("m", 0); char q[64]; sprintf(q, "/proc/self/fd/%d", m); F(open(q, O_RDWR | O_TRUNC)); T(fchmod(m, 0600)); close(m); }
    { struct sockaddr_un u = {AF_UNIX, "unixsock"}; int k = socket(AF_UNIX, SOCK_STREAM, 0); T(bind(k, (void *)&u, sizeof u)); show("unixsock"); T(bind(k, (void *)&u, sizeof u)); int k2 = socket(AF_UNIX, SOCK_STREAM, 0); T(bind(k2, (void *)&u, sizeof u)); T(listen(k, 1)); T(connect(k2, (void *)&u, sizeof u)); strcpy(u.sun_path, "none/s"); int k3 = socket(AF_UNIX, SOCK_STREAM, 0); T(bind(k3, (void *)&u, sizeof u)); strcpy(u.sun_path, "/usr/s"); T(bind(k3, (void *)&u, sizeof u)); memcpy(u.sun_path, "\0abstract-name", 14); T(bind(k3, (void *)&u, 16)); T(bind(99, (void *)&u, 16)); }
    /* fifo: waits for the other end */
    { pid_t c = fork(); if (!c) { usleep(30000); int r = open("f", O_RDONLY); char b[8]; int n = read(r, b, 8); _exit(n); } F(open("f", O_WRONLY)); int w = open("f", O_WRONLY | O_NONBLOCK); if (w >= 0) { write(w, "123", 3); close(w); } int st; waitpid(c, &st, 0); }
    { pid_t c = fork(); if (!c) { open("f", O_WRONLY); _exit(9); } usleep(30000); kill(c, SIGKILL); int st; waitpid(c, &st, 0); printf("   killed %d\n", WTERMSIG(st)); }
    /* limits */
    { struct rlimit l = {64, 64}; signal(SIGXFSZ, on); setrlimit(RLIMIT_FSIZE, &l); T(truncate("t", 65)); printf("   signal %d\n", caught); T(truncate("t", 64)); int k = open("t", O_WRONLY | O_APPEND); T(write(k, "x", 1)); close(k); }
    { struct rlimit l; getrlimit(RLIMIT_NOFILE, &l); l.rlim_cur = 20; setrlimit(RLIMIT_NOFILE, &l); int n = 0, f; while ((f = open("t", O_WRONLY)) >= 0) n++; printf("   %d %s\n", n, strerrorname_np(errno)); for (int i = 3; i < 20; i++) if (i != d && i != dp) close(i); }
    /* another directory for the thread, a directory that goes away */
    T(mkdir("gone", 0755)); T(chdir("gone")); T(rmdir("../gone")); F(open("x", O_CREAT | O_WRONLY, 0600)); T(mkdir("y", 0700)); F(open("../back", O_CREAT | O_WRONLY, 0600)); T(chdir("..")); T(mkdir("shut", 0700)); T(mkdir("shut/in", 0700)); T(chdir("shut/in")); T(chmod("..", 0)); F(open("x", O_CREAT | O_WRONLY, 0600)); T(mkdir("../y", 0700)); T(unlink("x")); T(chdir("/")); 
    T(mkdirat(d, "deep", 0700)); T(fchmodat(d, "../shut", 0700, 0));
    /* unlink */
    T(unlinkat(d, "none", 0)); T(unlinkat(d, "m", 0)); T(unlinkat(d, "m", AT_REMOVEDIR)); T(unlinkat(d, "via", AT_REMOVEDIR)); T(unlinkat(d, "via", 0)); T(unlinkat(d, "viap", 64)); T(unlinkat(d, ".", AT_REMOVEDIR)); T(unlinkat(d, "..", AT_REMOVEDIR)); T(unlinkat(d, "via/", 0)); T(unlinkat(d, "viap/", 0)); T(unlinkat(d, "m/", 0)); T(unlinkat(d, "deep/", AT_REMOVEDIR)); T(unlink("/etc/passwd")); T(rmdir("/usr")); T(unlinkat(d, "../lla", 0)); T(unlinkat(dp, "../dang", 0)); T(unlink("/none")); T(unlinkat(d, "", 0));
    return 0;
}
