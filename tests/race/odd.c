/* Runs a program in every way but the plain one: odd WAY PROGRAM [WORD...].
 * Ends with the program's status; 77 if the kernel said no. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char **words;
static char *const env[] = {"PATH=/usr/bin:/bin", NULL};

static void no(void) { _exit(errno == EACCES || errno == EPERM ? 77 : 78); }

static void *from_thread(void *unused) {
    (void)unused;
    execve(words[0], words, env);
    no();
    return NULL;
}

static int copy(const char *from) {
    int in = open(from, O_RDONLY), out = memfd_create("copy", MFD_CLOEXEC);
    char block[65536];
    ssize_t n;
    if (in < 0 || out < 0) no();
    while ((n = read(in, block, sizeof block)) > 0)
        if (write(out, block, (size_t)n) != n) no();
    return out;
}

static int child_of_clone(void *unused) {
    (void)unused;
    execve(words[0], words, env);
    no();
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    const char *way = argv[1];
    words = argv + 2;
    if (!strcmp(way, "thread")) {
        pthread_t thread;
        pthread_create(&thread, NULL, from_thread, NULL);
        for (;;) pause();
    } else if (!strcmp(way, "vfork")) {
        pid_t child = vfork();
        if (child == 0) { execve(words[0], words, env); no(); }
        int status;
        waitpid(child, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    } else if (!strcmp(way, "untraced")) {
        static char stack[65536];
        pid_t child = clone(child_of_clone, stack + sizeof stack, CLONE_UNTRACED | CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
        if (child < 0) no();
        int status;
        waitpid(child, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    } else if (!strcmp(way, "fexecve")) {
        int file = open(words[0], O_RDONLY | O_CLOEXEC);
        if (file < 0) no();
        syscall(SYS_execveat, file, "", words, env, AT_EMPTY_PATH);
    } else if (!strcmp(way, "path-handle")) {
        int file = open(words[0], O_PATH | O_CLOEXEC);
        if (file < 0) no();
        syscall(SYS_execveat, file, "", words, env, AT_EMPTY_PATH);
    } else if (!strcmp(way, "proc-fd")) {
        char path[64];
        int file = open(words[0], O_PATH);
        if (file < 0) no();
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
        execve(path, words, env);
    } else if (!strcmp(way, "dirfd")) {
        char *folder = dirname(strdup(words[0])), *name = basename(strdup(words[0]));
        int at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (at < 0) no();
        syscall(SYS_execveat, at, name, words, env, 0);
    } else if (!strcmp(way, "memfd")) {
        syscall(SYS_execveat, copy(words[0]), "", words, env, AT_EMPTY_PATH);
    } else if (!strcmp(way, "memfd-path")) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", copy(words[0]));
        execve(path, words, env);
    } else if (!strcmp(way, "deleted")) {
        int in = open(words[0], O_RDONLY), out = open("gone", O_WRONLY | O_CREAT | O_TRUNC, 0755);
        char block[65536];
        ssize_t n;
        if (in < 0 || out < 0) no();
        while ((n = read(in, block, sizeof block)) > 0)
            if (write(out, block, (size_t)n) != n) no();
        close(out);
        int file = open("gone", O_RDONLY | O_CLOEXEC);
        unlink("gone");
        syscall(SYS_execveat, file, "", words, env, AT_EMPTY_PATH);
    } else if (!strcmp(way, "no-words")) {
        char *none[] = {NULL};
        execve(words[0], none, env);
    } else if (!strcmp(way, "null-words")) {
        syscall(SYS_execve, words[0], NULL, NULL);
    } else if (!strcmp(way, "plain")) {
        execve(words[0], words, env);
    } else return 2;
    no();
    return 1;
}
