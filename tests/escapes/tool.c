/* What attacks need beyond a shell. Run inside the sandbox that is tried; prints what it got.
 *   tcp|fast|mptcp|udp PORT TEXT     says TEXT to loopback        unix|datagram|abstract NAME TEXT   to a socket outside
 *   take NAME                        asks a socket for a descriptor and reads it
 *   queue NAME TEXT, message KEY TEXT, shared KEY                 POSIX queue, System V queue and memory
 *   peek|attach|mem PID ADDRESS, steal PID FD                     another process's memory and descriptors
 *   signal|own|limit|priority|affinity PID                        what may be done to another process
 *   handle PATH, exchange A B, nameless FOLDER NAME, node NAME    ways to a file
 *   attribute|owner|has PATH         metadata
 *   bind NAME, push TEXT, keys, late FILE, forks N, fill FILE MIB, grow MIB */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static char got[4096];

static int fails(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return 1;
}
static int shows(long length) {
    if (length < 0) return fails("read");
    fwrite(got, 1, (size_t)length, stdout);
    puts("");
    return 0;
}
static int inet(const char *how, int port, const char *text) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int udp = !strcmp(how, "udp"), fast = !strcmp(how, "fast");
    int s = socket(AF_INET, udp ? SOCK_DGRAM : SOCK_STREAM, !strcmp(how, "mptcp") ? 262 : 0);
    if (s < 0) return fails("socket");
    if (udp || fast) {
        if (sendto(s, text, strlen(text), fast ? MSG_FASTOPEN : 0, (struct sockaddr *)&to, sizeof to) < 0) return fails("sendto");
    } else if (connect(s, (struct sockaddr *)&to, sizeof to) || write(s, text, strlen(text)) < 0) return fails("connect");
    usleep(100000);
    return 0;
}
static int local(const char *how, const char *name, const char *text) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int abstract = !strcmp(how, "abstract"), datagram = !strcmp(how, "datagram");
    strncpy(to.sun_path + abstract, name, sizeof to.sun_path - 2);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)abstract + strlen(name));
    int s = socket(AF_UNIX, datagram ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (s < 0) return fails("socket");
    if (!strcmp(how, "bind")) return bind(s, (struct sockaddr *)&to, length) ? fails("bind") : 0;
    if (datagram) return sendto(s, text, strlen(text), 0, (struct sockaddr *)&to, length) < 0 ? fails("sendto") : 0;
    if (connect(s, (struct sockaddr *)&to, length)) return fails("connect");
    if (strcmp(how, "take")) return write(s, text, strlen(text)) < 0 ? fails("write") : (usleep(100000), 0);
    char byte, room[CMSG_SPACE(sizeof(int))];
    struct iovec iov = {&byte, 1};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    if (recvmsg(s, &message, 0) < 0 || !CMSG_FIRSTHDR(&message)) return fails("recvmsg");
    int fd;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return shows(pread(fd, got, sizeof got, 0));
}
static int peek(pid_t pid, uintptr_t at) {
    struct iovec here = {got, 64}, there = {(void *)at, 64};
    return shows(process_vm_readv(pid, &here, 1, &there, 1, 0));
}
static int attach(pid_t pid, uintptr_t at) {
    if (ptrace(PTRACE_ATTACH, pid, 0, 0)) return fails("attach");
    waitpid(pid, NULL, __WALL);
    for (size_t i = 0; i < 64; i += sizeof(long)) {
        long word = ptrace(PTRACE_PEEKDATA, pid, at + i, 0);
        memcpy(got + i, &word, sizeof word);
    }
    ptrace(PTRACE_DETACH, pid, 0, 0);
    return shows(64);
}
static int mem(pid_t pid, uintptr_t at) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    int fd = open(path, O_RDONLY);
    return fd < 0 ? fails(path) : shows(pread(fd, got, 64, (off_t)at));
}
static int steal(pid_t pid, int fd) {
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    int mine = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, fd, 0);
    return mine < 0 ? fails("pidfd_getfd") : shows(pread(mine, got, sizeof got, 0));
}
static int own(pid_t pid) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || fcntl(pair[0], F_SETOWN, pid) || fcntl(pair[0], F_SETSIG, SIGUSR1)
        || fcntl(pair[0], F_SETFL, O_ASYNC)) return fails("F_SETOWN");
    return write(pair[1], "x", 1) < 0;
}
static int handle(const char *path) {
    char room[sizeof(struct file_handle) + 128];
    struct file_handle *one = (struct file_handle *)room;
    one->handle_bytes = 128;
    int mount;
    if (name_to_handle_at(AT_FDCWD, path, one, &mount, 0)) return fails("name_to_handle_at");
    int fd = open_by_handle_at(open(".", O_RDONLY), one, O_RDONLY);
    return fd < 0 ? fails("open_by_handle_at") : shows(pread(fd, got, sizeof got, 0));
}
static int nameless(const char *folder, const char *name) {
    int fd = open(folder, O_TMPFILE | O_WRONLY, 0644);
    if (fd < 0) fd = open(".", O_TMPFILE | O_WRONLY, 0644);
    char from[64], to[512];
    snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
    snprintf(to, sizeof to, "%s/%s", folder, name);
    return linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) ? fails("linkat") : 0;
}
static int keys(void) {
    int terminal = open("/dev/tty", O_RDONLY);
    if (terminal < 0) return fails("/dev/tty");
    long length = read(terminal, got, sizeof got);
    printf("STOLEN ");
    return shows(length);
}
static int push(const char *text, unsigned long high) {
    int terminal = open("/dev/tty", O_RDWR);
    for (const char *c = text; *c; c++)
        if (syscall(SYS_ioctl, (long)(terminal < 0 ? 0 : terminal), high | TIOCSTI, c)) return fails("TIOCSTI");
    return 0;
}
/* A process that outlives its parents; it writes from outside of every session and group. */
static int late(const char *file) {
    if (fork()) return 0;
    setsid();
    if (fork()) _exit(0);
    signal(SIGHUP, SIG_IGN);
    for (int fd = 0; fd < 64; fd++) close(fd);
    usleep(1500000);
    close(open(file, O_CREAT | O_WRONLY, 0644));
    _exit(0);
}
static int forks(int count) {
    int done = 0;
    while (done < count) {
        pid_t child = fork();
        if (child < 0) break;
        if (!child) { pause(); _exit(0); }
        done++;
    }
    printf("processes %s\n", done == count ? "done" : strerror(errno));
    fflush(stdout);
    signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM);
    return 0;
}
static int fill(const char *file, long mib) {
    static char block[1 << 20];
    memset(block, 'x', sizeof block);
    int fd = open(file, O_CREAT | O_WRONLY, 0644);
    while (mib && write(fd, block, sizeof block) == sizeof block) mib--;
    if (!mib) puts("disk done");
    return 0;
}
static int grow(long mib) {
    for (; mib; mib--) {
        char *block = malloc(1 << 20);
        if (!block) return fails("malloc");
        memset(block, 1, 1 << 20);
    }
    puts("memory done");
    return 0;
}
static int shared(key_t key) {
    int id = shmget(key, 0, 0);
    char *there = id < 0 ? (void *)-1 : shmat(id, NULL, 0);
    if (there == (void *)-1) return fails("shmat");
    puts(there);
    strcpy(there, "changed");
    return 0;
}
static int message(key_t key, const char *text) {
    struct { long kind; char text[128]; } one = {.kind = 1};
    strncpy(one.text, text, sizeof one.text - 1);
    int id = msgget(key, 0);
    return id < 0 || msgsnd(id, &one, strlen(text) + 1, 0) ? fails("msgsnd") : 0;
}
static int queue(const char *name, const char *text) {
    mqd_t one = mq_open(name, O_WRONLY);
    return one < 0 || mq_send(one, text, strlen(text), 0) ? fails("mq_send") : 0;
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "", *a = argc > 2 ? argv[2] : "", *b = argc > 3 ? argv[3] : "";
    pid_t pid = atoi(a);
#define IS(name) (!strcmp(what, name))
    if (IS("tcp") || IS("fast") || IS("mptcp") || IS("udp")) return inet(what, pid, b);
    if (IS("unix") || IS("datagram") || IS("abstract") || IS("take") || IS("bind")) return local(what, a, b);
    if (IS("queue")) return queue(a, b);
    if (IS("message")) return message((key_t)strtol(a, NULL, 0), b);
    if (IS("shared")) return shared((key_t)strtol(a, NULL, 0));
    if (IS("peek")) return peek(pid, strtoul(b, NULL, 0));
    if (IS("attach")) return attach(pid, strtoul(b, NULL, 0));
    if (IS("mem")) return mem(pid, strtoul(b, NULL, 0));
    if (IS("steal")) return steal(pid, atoi(b));
    if (IS("signal")) return kill(pid, SIGUSR1) ? fails("kill") : 0;
    if (IS("own")) return own(pid);
    if (IS("limit")) return prlimit(pid, RLIMIT_NOFILE, &(struct rlimit){77, 77}, NULL) ? fails("prlimit") : 0;
    if (IS("priority")) return setpriority(PRIO_PROCESS, (id_t)pid, 13) ? fails("setpriority") : 0;
    if (IS("affinity")) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(0, &set);
        return sched_setaffinity(pid, sizeof set, &set) ? fails("sched_setaffinity") : 0;
    }
    if (IS("handle")) return handle(a);
    if (IS("exchange")) return syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2) ? fails("renameat2") : 0;
    if (IS("nameless")) return nameless(a, b);
    if (IS("node")) return mknod(a, S_IFBLK | 0600, makedev(7, 0)) ? fails("mknod") : 0;
    if (IS("attribute")) return setxattr(a, "user.tried", "x", 1, 0) ? fails("setxattr") : 0;
    if (IS("has")) return getxattr(a, "user.tried", got, sizeof got) < 0;
    if (IS("owner")) return chown(a, (uid_t)-1, getegid() ? getegid() : 1) ? fails("chown") : 0;
    if (IS("push")) return push(a, 0);
    if (IS("push-high")) return push(a, 0x1234567800000000UL);
    if (IS("path")) return open(a, O_PATH) < 0 ? fails("open") : (puts("all done"), 0);
    if (IS("watch")) return inotify_add_watch(inotify_init1(0), a, IN_CREATE) < 0 ? fails("inotify_add_watch") : (puts("all done"), 0);
    if (IS("keys")) return keys();
    if (IS("late")) return late(a);
    if (IS("forks")) return forks(pid);
    if (IS("fill")) return fill(a, atol(b));
    if (IS("grow")) return grow(pid);
    return 2;
}
