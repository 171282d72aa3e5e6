/* Makes calls that come to the gate, at a steady pace, and holds each answer against what it must be.
 *   load SECONDS RATE OPEN CLOSED     RATE calls a second; OPEN and CLOSED are ports of servers outside on 127.0.0.1, of
 *                                     which only the first may be reached
 * Prints calls, wrong answers, and the slowest call in milliseconds. To be run in a workspace with a `.git` folder. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long calls, wrong;
static double slowest;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(const char *what, int right) {
    if (right) return;
    if (wrong++ < 5) fprintf(stderr, "load: %s: %s\n", what, strerrorname_np(errno));
}

static void reach(int port, int allowed) {
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct linger now = { 1, 0 };
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(s, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    int done = connect(s, (struct sockaddr *)&at, sizeof at);
    must(allowed ? "allowed connection" : "refused connection", allowed ? done == 0 : done < 0 && errno == ECONNREFUSED);
    close(s);
    calls++;
}

static void run(void) {
    pid_t child = fork();
    if (child == 0) { execl("/bin/true", "true", (char *)NULL); _exit(125); }
    int status = 0;
    must("exec", child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    calls++;
}

static void write_to(const char *path, int allowed) {
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    must(allowed ? "allowed write" : "protected write", allowed ? fd >= 0 : fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM));
    if (fd >= 0) close(fd);
    calls++;
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    double seconds = atof(argv[1]), rate = atof(argv[2]), begun = now();
    int open_port = atoi(argv[3]), closed_port = atoi(argv[4]);
    for (long turn = 0; now() - begun < seconds; turn++) {
        double since = now();
        switch (turn % 16) {
        case 0: run(); break;
        case 1: case 9: reach(open_port, 1); break;
        case 2: if (turn % 160 == 2) reach(closed_port, 0); else reach(open_port, 1); break;
        case 3: case 11: write_to(".git/hooks/pre-commit", 0); break;
        case 4: write_to(".git/config", 0); break;
        case 5: must("mkdir", mkdir("folder", 0700) == 0); calls++; break;
        case 6: must("rename", rename("folder", "other") == 0); calls++; break;
        case 7: must("rmdir", rmdir("other") == 0); calls++; break;
        case 8: write_to("a", 1); break;
        case 10: must("unlink", unlink("a") == 0); calls++; write_to("a", 1); break;
        default: write_to("a", 1);
        }
        double took = now() - since, rest = begun + (double)calls / rate - now();
        if (took > slowest) slowest = took;
        if (rest > 0) usleep((useconds_t)(rest * 1e6));
    }
    printf("%ld %ld %.0f\n", calls, wrong, slowest * 1e3);
    return wrong != 0;
}
