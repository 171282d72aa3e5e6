/* Times commands side by side: one round runs each once, in turn, so that whatever else the machine does falls on all
 * of them alike. Says medians, and ratios to the first.
 *   pace compare ROUNDS NAME CMD… --- NAME CMD… ---   times fork to wait, as seen from outside
 *   pace inner   ROUNDS NAME CMD… --- NAME CMD… ---   takes what each command prints as its time (see `time`)
 *   pace time CMD…                                    runs CMD, prints its nanoseconds: to be run inside a sandbox
 * Each reads the file that PACE_INPUT names, or nothing. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COMMANDS = 8, ROUNDS = 10000 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Nanoseconds from fork to wait; what it prints goes to `out`. Ends all if the command fails. */
static double run(char **argv, int out) {
    double begun = now();
    pid_t child = fork();
    if (child < 0) { perror("fork"); exit(3); }
    if (child == 0) {
        int null = open("/dev/null", O_RDWR);
        const char *input = getenv("PACE_INPUT");
        int in = input ? open(input, O_RDONLY) : null;
        if (null < 0 || in < 0 || dup2(in, 0) < 0 || dup2(out < 0 ? null : out, 1) < 0) _exit(124);
        execvp(argv[0], argv);
        perror(argv[0]);
        _exit(125);
    }
    int status;
    if (waitpid(child, &status, 0) != child) { perror("waitpid"); exit(3); }
    double took = now() - begun;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) { fprintf(stderr, "pace: %s: status %#x\n", argv[0], status); exit(4); }
    return took;
}

/* What the command says its time was. */
static double inner(char **argv) {
    int ends[2];
    char text[64] = "";
    if (pipe(ends)) { perror("pipe"); exit(3); }
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    run(argv, ends[1]);
    close(ends[1]);
    if (read(ends[0], text, sizeof text - 1) <= 0) { fprintf(stderr, "pace: %s printed no time\n", argv[0]); exit(4); }
    close(ends[0]);
    return atof(text);
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int n) {
    qsort(values, (size_t)n, sizeof *values, by_size);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

int main(int argc, char **argv) {
    if (argc > 2 && !strcmp(argv[1], "time")) {
        printf("%.0f\n", run(argv + 2, -1));
        return 0;
    }
    if (argc < 5) return 2;
    int inside = !strcmp(argv[1], "inner"), rounds = atoi(argv[2]), n = 0;
    if (rounds < 1 || rounds > ROUNDS) return 2;
    char **commands[COMMANDS], *names[COMMANDS];
    for (int at = 3; at < argc && n < COMMANDS; n++) {
        names[n] = argv[at];
        commands[n] = argv + at + 1;
        while (at < argc && strcmp(argv[at], "---")) at++;
        if (at < argc) argv[at++] = NULL;
    }
    static double times[COMMANDS][ROUNDS], ratios[COMMANDS][ROUNDS];
    for (int c = 0; c < n; c++) (void)(inside ? inner(commands[c]) : run(commands[c], -1));
    for (int r = 0; r < rounds; r++)
        for (int turn = 0; turn < n; turn++) {
            int c = (turn + r) % n;
            times[c][r] = inside ? inner(commands[c]) : run(commands[c], -1);
        }
    for (int c = n - 1; c >= 0; c--)
        for (int r = 0; r < rounds; r++) ratios[c][r] = times[c][r] / times[0][r];
    for (int c = 0; c < n; c++) {
        double ratio = median(ratios[c], rounds);
        printf("%s %.3f %.2f\n", names[c], median(times[c], rounds) / 1e6, ratio);
    }
    return 0;
}
