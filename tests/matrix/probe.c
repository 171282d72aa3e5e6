/* Tries what no boundary may let through, and prints a line for each: its name and the errno, or `done`.
 *   probe calls              system calls that reach into the kernel; harmless where they are let through
 *   probe tcp|udp PORT       loopback
 *   probe unix|abstract NAME a socket outside
 *   probe pair               a socket of one's own: must work
 *   probe create PATH        opens it for reading in a call that could make it
 *   probe more PATH...       names each that such a call opens, and a plain one does not
 *   probe messages PATH      a datagram pair: its messages come whole, and never to the socket at PATH */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static void say(const char *name, long result) {
    printf("%s %s\n", name, result < 0 ? strerrorname_np(errno) : "done");
}

static void calls(void) {
    char block[256] = "";
    say("ptrace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
    say("io_uring_setup", syscall(SYS_io_uring_setup, 8, block));
    say("bpf", syscall(SYS_bpf, 0, block, sizeof block));
    say("userfaultfd", syscall(SYS_userfaultfd, 1));
    say("perf_event_open", syscall(SYS_perf_event_open, block, 0, -1, -1, 0));
    say("keyctl", syscall(SYS_keyctl, 0, -3, 0));
    say("add_key", syscall(SYS_add_key, "user", "n", "v", 1, -4));
    say("setns", setns(open("/proc/self/ns/mnt", O_RDONLY), 0));
    say("clone3", syscall(SYS_clone3, block, 64));
    say("mount", mount("none", "/nowhere", "tmpfs", 0, NULL));
    say("umount2", umount2("/nowhere", MNT_DETACH));
    say("pivot_root", syscall(SYS_pivot_root, ".", "."));
    say("chroot", chroot("/"));
    say("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
    say("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
    say("init_module", syscall(SYS_init_module, block, 0, ""));
    say("kexec_load", syscall(SYS_kexec_load, 0, 0, NULL, 0));
    say("syslog", syscall(SYS_syslog, 3, block, sizeof block));
    say("open_by_handle_at", syscall(SYS_open_by_handle_at, AT_FDCWD, block, 0));
    say("process_vm_readv", syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
    say("pidfd_getfd", syscall(SYS_pidfd_getfd, 0, 0, 0));
    say("tiocsti", ioctl(0, TIOCSTI, "x"));
    say("tiocsti-high-bits", syscall(SYS_ioctl, 0L, 0x1234567800000000L | TIOCSTI, "x"));
#ifdef TIOCLINUX
    say("tioclinux", ioctl(0, TIOCLINUX, "\x02"));
#endif
    // Last of those that change who we are.
    say("unshare", unshare(CLONE_NEWUSER));
    say("packet", socket(AF_PACKET, SOCK_RAW, 0));
    say("raw", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    say("vsock", socket(40, SOCK_STREAM, 0));
    say("alg", socket(38, SOCK_SEQPACKET, 0));
#ifdef __x86_64__
    say("x32", syscall(0x40000000 | SYS_getpid));
#endif
}

static int inet(int type, int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, type, 0);
    if (s < 0) return -1;
    if (type == SOCK_DGRAM) return sendto(s, "x", 1, 0, (struct sockaddr *)&to, sizeof to) == 1 ? 0 : -1;
    return connect(s, (struct sockaddr *)&to, sizeof to);
}

static int local(const char *name, int abstract) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strncpy(to.sun_path + abstract, name, sizeof to.sun_path - 2);
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    if (s < 0) return -1;
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)abstract + strlen(name) + (abstract ? 0 : 1));
    return connect(s, (struct sockaddr *)&to, length);
}

/* Two messages through a pair, and a third to a path. */
static int messages(const char *path) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char one[8] = {0}, two[8] = {0};
    int s[2];
    strncpy(to.sun_path, path, sizeof to.sun_path - 1);
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, s) || fcntl(s[0], F_GETFD) != FD_CLOEXEC) return 3;
    if (write(s[0], "one", 3) != 3 || write(s[0], "two", 3) != 3) return 4;
    sendto(s[0], "out", 3, 0, (struct sockaddr *)&to, sizeof to);
    if (read(s[1], one, 7) != 3 || recv(s[1], two, 7, 0) != 3) return 5;
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, s) || read(s[1], one, 7) != -1) return 6;
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, (int *)1) != -1) return 7;
    printf("%s %s\n", one, two);
    return 0;
}

static int more(char **paths) {
    for (; *paths; paths++) {
        int plain = open(*paths, O_RDONLY | O_NOCTTY | O_NONBLOCK);
        int made = open(*paths, O_RDONLY | O_CREAT | O_NOCTTY | O_NONBLOCK, 0600);
        if (plain < 0 && made >= 0) puts(*paths);
        close(plain), close(made);
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 2 && !strcmp(argv[1], "more")) return more(argv + 2);
    if (argc == 2 && !strcmp(argv[1], "calls")) calls();
    else if (argc == 2 && !strcmp(argv[1], "pair")) { int s[2]; say("pair", socketpair(AF_UNIX, SOCK_STREAM, 0, s)); }
    else if (argc != 3) return 2;
    else if (!strcmp(argv[1], "create")) say(argv[2], open(argv[2], O_RDONLY | O_CREAT, 0600));
    else if (!strcmp(argv[1], "messages")) return messages(argv[2]);
    else if (!strcmp(argv[1], "tcp")) say("tcp", inet(SOCK_STREAM, atoi(argv[2])));
    else if (!strcmp(argv[1], "udp")) say("udp", inet(SOCK_DGRAM, atoi(argv[2])));
    else if (!strcmp(argv[1], "unix")) say("unix", local(argv[2], 0));
    else if (!strcmp(argv[1], "abstract")) say("abstract", local(argv[2], 1));
    else return 2;
    return 0;
}
