/* Tries what the boundary must refuse, one line each: the attempt's name and the errno (0: it worked).
   `attempts NAME…` tries only these. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static long x32(void) {
#ifdef __x86_64__
  return syscall(0x40000000 + SYS_getpid);
#else
  errno = ENOSYS;
  return -1;
#endif
}
static long ia32(void) { /* kills the process where it is refused: so in a child */
#ifdef __x86_64__
  pid_t child = fork();
  if (child == 0) {
    int got;
    __asm__ volatile("int $0x80" : "=a"(got) : "a"(20) : "memory"); /* getpid of the 32-bit table */
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV)) { errno = ENOSYS; return -1; }
  return 0;
#else
  errno = ENOSYS;
  return -1;
#endif
}
static long try_clone3(void) { char args[88] = {0}; return syscall(SYS_clone3, args, sizeof args); }
static long newuser(void) { return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); }
static long newuser_high(void) { return syscall(SYS_clone, 0x100000000L | CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); }
static long unshare_user(void) { return unshare(CLONE_NEWUSER); }
static long tiocsti(void) { return syscall(SYS_ioctl, 0, TIOCSTI, "x"); }
static long tiocsti_high(void) { return syscall(SYS_ioctl, 0, 0xdead00000000UL | TIOCSTI, "x"); }
static long udp(void) { return socket(AF_INET, SOCK_DGRAM, 0); }
static long raw(void) { return socket(AF_INET, SOCK_RAW, 1); }
static long netlink(void) { return socket(AF_NETLINK, SOCK_RAW, 16); } /* generic: not the route table */
static long packet(void) { return socket(AF_PACKET, SOCK_RAW, 0); }
static long fastopen(void) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int s = socket(AF_INET, SOCK_STREAM, 0);
  return sendto(s, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&to, sizeof to);
}
static long tcp(void) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  return connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&to, sizeof to);
}
static long bind_tcp(void) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  return bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&at, sizeof at);
}
static long try_ptrace(void) { return syscall(SYS_ptrace, 0, 0, 0, 0); }
static long bpf(void) { return syscall(SYS_bpf, 0, 0, 0); }
static long io_uring(void) { char p[120] = {0}; return syscall(SYS_io_uring_setup, 1, p); }
static long keyring(void) { return syscall(SYS_keyctl, 0, -3, 1); }
static long uffd(void) { return syscall(SYS_userfaultfd, 0); }
static long try_mount(void) { return mount("none", "/", "tmpfs", 0, 0); }
static long unknown(void) { return syscall(1000); }
static long signal_outside(void) { return kill(atoi(getenv("VICTIM")), 0); }
static long abstract(void) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  const char *name = getenv("ABSTRACT");
  memcpy(to.sun_path + 1, name, strlen(name));
  return connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&to, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}
static long truncate_outside(void) { return truncate(getenv("OUTSIDE"), 0); }
static long write_outside(void) { return open(getenv("OUTSIDE"), O_WRONLY); }
static long read_outside(void) { return open(getenv("OUTSIDE"), O_RDONLY); }
static long write_inside(void) { return open("inside", O_WRONLY | O_CREAT, 0600); }
static long across(void) { mkdir("a", 0700); mkdir("b", 0700); close(open("a/x", O_CREAT | O_WRONLY, 0600)); return rename("a/x", "b/x"); }
static long tty(void) { return open("/dev/tty", O_RDWR); }
static long device_ioctl(void) { int n; return ioctl(open("/dev/zero", O_RDONLY), 0x80041272 /* BLKGETSIZE64 */, &n); }
static long mknod_char(void) { return mknod("node", S_IFCHR | 0600, 0x103); }
static long setuid_file(void) { close(open("s", O_CREAT | O_WRONLY, 0600)); return chmod("s", 04755); }
static long chown_root(void) { close(open("o", O_CREAT | O_WRONLY, 0600)); return chown("o", 12345, 12345); }

static const struct { const char *name; long (*try)(void); } ALL[] = {
  {"x32", x32}, {"ia32", ia32}, {"clone3", try_clone3}, {"newuser", newuser}, {"newuser_high", newuser_high},
  {"unshare_user", unshare_user}, {"tiocsti", tiocsti}, {"tiocsti_high", tiocsti_high}, {"udp", udp}, {"raw", raw},
  {"netlink", netlink}, {"packet", packet}, {"fastopen", fastopen}, {"tcp", tcp}, {"bind_tcp", bind_tcp},
  {"ptrace", try_ptrace}, {"bpf", bpf}, {"io_uring", io_uring}, {"keyring", keyring}, {"userfaultfd", uffd},
  {"mount", try_mount}, {"unknown", unknown}, {"signal_outside", signal_outside}, {"abstract", abstract},
  {"truncate_outside", truncate_outside}, {"write_outside", write_outside}, {"read_outside", read_outside},
  {"write_inside", write_inside}, {"across", across}, {"tty", tty}, {"device_ioctl", device_ioctl},
  {"mknod_char", mknod_char}, {"setuid_file", setuid_file}, {"chown_root", chown_root},
};

int main(int count, char **names) {
  for (size_t i = 0; i < sizeof ALL / sizeof *ALL; i++) {
    int wanted = count == 1;
    for (int n = 1; n < count; n++) wanted |= !strcmp(names[n], ALL[i].name);
    if (!wanted) continue;
    errno = 0;
    long got = ALL[i].try();
    if (got == 0 && !strncmp(ALL[i].name, "newuser", 7)) _exit(0); /* a child that must not be there */
    printf("%s %s\n", ALL[i].name, got < 0 ? strerrorname_np(errno) : "0");
    fflush(stdout);
  }
}
