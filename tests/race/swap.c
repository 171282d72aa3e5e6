/* Runs a program again and again while a second thread changes what execve was given: the path, the words, the pointers
 * to them, a link on the way, the working directory. Says what became of each try.
 *   swap path|argv|pointer|symlink|chdir TRIES GOOD BAD
 * GOOD and BAD are two paths (path, pointer, symlink), two folders that both hold `it` (chdir), or a program and the
 * word it must not get (argv). */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *mode, *good, *bad;
static char path[4096], word[4096];
static char *volatile argv[4];
static char *const env[] = {NULL};
static atomic_int begun;

static void pause_a_little(unsigned *seed) {
    for (volatile int n = rand_r(seed) % 4000; n > 0; n--) { }
}

static void *swap(void *seed_) {
    unsigned seed = (unsigned)(size_t)seed_;
    begun = 1;
    for (;;) {
        for (int turn = 0; turn < 2; turn++) {
            const char *now = turn ? good : bad;
            if (!strcmp(mode, "path")) strcpy(path, now);
            else if (!strcmp(mode, "argv")) strcpy(word, turn ? "fine" : bad);
            else if (!strcmp(mode, "pointer")) { argv[0] = (char *)now; argv[1] = turn ? "fine" : "evil"; strcpy(path, now); }
            else if (!strcmp(mode, "chdir")) { if (chdir(now)) _exit(90); }
            else {
                char other[64];
                snprintf(other, sizeof other, "link.%d", getpid());
                unlink(other);
                if (symlink(now, other) || rename(other, path)) _exit(91);
            }
            pause_a_little(&seed);
        }
    }
    return NULL;
}

static void one(unsigned seed) {
    pthread_t thread;
    const char *start = rand_r(&seed) % 2 ? good : bad;
    argv[0] = "swapped"; argv[1] = word; argv[2] = NULL;
    strcpy(word, "fine");
    if (!strcmp(mode, "symlink")) {
        snprintf(path, sizeof path, "it.%d", getpid());
        if (symlink(good, path)) _exit(92);
    } else if (!strcmp(mode, "chdir")) { if (chdir(start)) _exit(93); strcpy(path, "it"); }
    else if (!strcmp(mode, "argv")) { argv[0] = (char *)good; strcpy(path, good); }
    else strcpy(path, good);
    if (pthread_create(&thread, NULL, swap, (void *)(size_t)seed)) _exit(94);
    while (!begun) { }
    pause_a_little(&seed);
    syscall(SYS_execve, path, argv, env);
    int error = errno;
    if (!strcmp(mode, "symlink")) unlink(path);
    _exit(error == EACCES || error == EPERM ? 77 : 78);
}

int main(int argc, char **args) {
    if (argc != 5) return 2;
    mode = args[1]; good = args[3]; bad = args[4];
    int tries = atoi(args[2]), ran = 0, refused = 0, failed = 0, killed = 0, other = 0;
    for (int n = 0; n < tries; n++) {
        pid_t child = fork();
        if (child < 0) return 3;
        if (child == 0) one((unsigned)(getpid() * 7919 + n));
        int status;
        if (waitpid(child, &status, 0) != child) return 4;
        if (!strcmp(mode, "symlink")) {
            char left[64];
            snprintf(left, sizeof left, "it.%d", child);
            unlink(left);
            snprintf(left, sizeof left, "link.%d", child);
            unlink(left);
        }
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) killed++;
        else if (!WIFEXITED(status)) other++;
        else if (WEXITSTATUS(status) == 0) ran++;
        else if (WEXITSTATUS(status) == 77) refused++;
        else if (WEXITSTATUS(status) == 78) failed++;
        else other++;
    }
    printf("ran %d refused %d failed %d killed %d other %d\n", ran, refused, failed, killed, other);
    return 0;
}
