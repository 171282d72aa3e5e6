/* One thread makes a call again and again, another swaps what it means: `race CALL HOW TRIES`. The working directory
   has `free` and `guard` (whose contents are guarded) beside each other. The parent looks afterwards. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <sys/time.h>
#include <unistd.h>

static const char *how;
static char path[256], other[256];
static struct sockaddr_un address;
static volatile int stop;
static int slot, good, evil;

static void *swap(void *unused) {
    (void)unused;
    for (unsigned n = 0; !stop; n++) {
        int e = n & 1;
        if (!strcmp(how, "pointer")) { memcpy(path, e ? "guard/x" : "free/x", 8); memcpy(address.sun_path, e ? "guard/x" : "free/x", 8); }
        else if (!strcmp(how, "symlink")) { syscall(SYS_renameat2, AT_FDCWD, "l1", AT_FDCWD, "l2", 2); }
        else if (!strcmp(how, "dirfd")) dup2(e ? evil : good, slot);
        else if (!strcmp(how, "cwd")) fchdir(e ? evil : good);
        else if (!strcmp(how, "descriptor")) dup2(e ? evil : good, slot);
        else if (!strcmp(how, "parent")) { rename("free/m", "free/n"); rename("free/n", "free/m"); rename("free/m", "guard/m"); }
    }
    return 0;
}

int main(int argc, char **argv) {
    const char *call = argv[1]; how = argv[2]; int tries = atoi(argv[3]); (void)argc;
    if (!strcmp(call, "prepare")) {
        const char *all[] = {"guard/there", "guard/x", "free/there", "free/x"};
        for (int i = 0; i < 4; i++) setxattr(all[i], "user.kept", "1", 1, 0);
        return 0;
    }
    int home = open(".", O_RDONLY), won = 0;
    const char *p = path; int base = AT_FDCWD;
    slot = 100; address.sun_family = AF_UNIX;
    strcpy(path, "free/x");
    if (!strcmp(how, "symlink")) { strcpy(path, "l1/x"); strcpy(address.sun_path, "l1/x"); }
    if (!strcmp(how, "parent")) strcpy(path, "free/m/x");
    if (!strcmp(how, "dirfd") || !strcmp(how, "cwd")) {
        good = open("free", O_RDONLY); evil = open("guard", O_RDONLY); dup2(good, slot); strcpy(path, "x"); strcpy(address.sun_path, "x");
        base = !strcmp(how, "dirfd") ? slot : AT_FDCWD;
    }
    if (!strcmp(how, "descriptor")) {
        good = open("free/there", O_RDONLY); evil = open("guard/there", O_RDONLY); dup2(good, slot);
        sprintf(path, "/proc/self/fd/%d", slot);
    }
    int desc = !strcmp(how, "descriptor");
    pthread_t t; pthread_create(&t, 0, swap, 0);
    for (int i = 0; i < tries; i++) {
        int r = -1;
        if (!strcmp(call, "open")) { r = openat(base, p, O_CREAT | O_WRONLY | (i & 1 ? O_TRUNC : O_EXCL), 0666); if (desc && r < 0) r = openat(base, p, O_WRONLY); if (r >= 0) { write(r, "w", 1); close(r); } }
        else if (!strcmp(call, "mkdir")) r = mkdirat(base, p, 0777);
        else if (!strcmp(call, "mknod")) r = mknodat(base, p, S_IFIFO | 0666, 0);
        else if (!strcmp(call, "symlink")) r = symlinkat("target", base, p);
        else if (!strcmp(call, "link")) r = linkat(home, "made", base, p, 0);
        else if (!strcmp(call, "rename")) { r = renameat(home, "made", base, p); if (!r) close(openat(home, "made", O_CREAT | O_WRONLY, 0600)); }
        else if (!strcmp(call, "exchange")) r = syscall(SYS_renameat2, home, "made", base, p, 2);
        else if (!strcmp(call, "unlink")) r = unlinkat(base, p, 0);
        else if (!strcmp(call, "rmdir")) r = unlinkat(base, p, AT_REMOVEDIR);
        else if (!strcmp(call, "chmod")) r = desc && i & 1 ? fchmod(slot, 0777) : fchmodat(base, p, 0777, 0);
        else if (!strcmp(call, "chown")) r = desc && i & 1 ? fchown(slot, 0, 0) : fchownat(base, p, getuid(), getgid(), 0);
        else if (!strcmp(call, "utime")) { struct timespec ts[2] = {{1, 1}, {1, 1}}; r = utimensat(base, p, ts, 0); }
        else if (!strcmp(call, "truncate")) r = truncate(p, 0);
        else if (!strcmp(call, "setxattr")) r = desc && i & 1 ? fsetxattr(slot, "user.won", "1", 1, 0) : setxattr(p, "user.won", "1", 1, 0);
        else if (!strcmp(call, "removexattr")) r = desc && i & 1 ? fremovexattr(slot, "user.kept") : removexattr(p, "user.kept");
        else if (!strcmp(call, "bind")) { int s = socket(AF_UNIX, SOCK_STREAM, 0); if (!strcmp(how, "pointer") && !(i & 1)) strcpy(address.sun_path, "free/x"); r = bind(s, (void *)&address, sizeof address); close(s); }
        else return 2;
        won += r >= 0;
        /* so that the next try finds it missing, or there */
        int there = !strcmp(call, "unlink") || !strcmp(call, "rmdir") || !strncmp(call, "ch", 2) || strstr(call, "xattr") || !strcmp(call, "utime") || !strcmp(call, "truncate") || !strcmp(call, "exchange");
        if (there) {
            if (!strcmp(call, "rmdir")) mkdirat(home, "free/x", 0777);
            else { int f = openat(home, desc ? "free/there" : "free/x", O_CREAT | O_WRONLY, 0666); if (f >= 0) { if (!strcmp(call, "removexattr")) fsetxattr(f, "user.kept", "1", 1, 0); close(f); } }
        } else { unlinkat(home, "free/x", 0); unlinkat(home, "free/x", AT_REMOVEDIR); unlinkat(home, "free/m/x", 0); }
    }
    stop = 1; pthread_join(t, 0);
    printf("%s %s: %d of %d calls succeeded\n", call, how, won, tries);
    return 0;
}
