/* What a new TCP connection costs, in nanoseconds: the median of COUNT, each made from nothing and closed.
 *   names serve                    listens on 127.0.0.1, prints its port, takes connections until its stdin ends
 *   names address ADDRESS PORT COUNT   to an address
 *   names talk ADDRESS PORT COUNT      to an address, and a byte there and back
 *   names name NAME PORT COUNT         to a name that was looked up once, of a name server: not in /etc/hosts
 *   names lookup NAME PORT COUNT       to a name that is looked up each time
 *   names echo NAME PORT COUNT         to a name that was looked up once, and a byte there and back */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <poll.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 100000 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct sockaddr_in look(const char *name, const char *port) {
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
    unsigned char answer[512];
    if (inet_pton(AF_INET, name, &at.sin_addr) == 1) return at;
    int length = res_query(name, C_IN, T_A, answer, sizeof answer);
    if (length < 16 || length > (int)sizeof answer) { fprintf(stderr, "names: %s has no address\n", name); exit(3); }
    memcpy(&at.sin_addr, answer + length - 4, 4);
    return at;
}

static int serve(void) {
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof at;
    int door = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(door, (struct sockaddr *)&at, length) || listen(door, 512) || getsockname(door, (struct sockaddr *)&at, &length)) {
        perror("names: serve");
        return 3;
    }
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    struct pollfd all[512] = { { 0, POLLIN, 0 }, { door, POLLIN, 0 } };
    int n = 2;
    for (;;) {
        if (poll(all, (nfds_t)n, -1) < 0) return 3;
        if (all[0].revents) return 0;
        for (int at = n - 1; at > 1; at--) {
            char byte;
            if (!all[at].revents) continue;
            if (read(all[at].fd, &byte, 1) == 1 && write(all[at].fd, &byte, 1) == 1) continue;
            close(all[at].fd);
            all[at] = all[--n];
        }
        if (all[1].revents && n < 512) all[n++] = (struct pollfd){ accept(door, NULL, NULL), POLLIN, 0 };
    }
}

int main(int argc, char **argv) {
    static double times[MOST];
    if (argc == 2 && !strcmp(argv[1], "serve")) return serve();
    if (argc != 5) return 2;
    int count = atoi(argv[4]), each = !strcmp(argv[1], "lookup"), echo = !strcmp(argv[1], "echo") || !strcmp(argv[1], "talk");
    if (count < 1 || count > MOST) return 2;
    struct sockaddr_in at = look(argv[2], argv[3]);
    for (int n = -8; n < count; n++) {
        char byte = 0;
        double begun = now();
        if (each) at = look(argv[2], argv[3]);
        int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (s < 0 || connect(s, (struct sockaddr *)&at, sizeof at)) { perror("names: connect"); return 3; }
        if (echo && (write(s, &byte, 1) != 1 || read(s, &byte, 1) != 1)) { perror("names: echo"); return 3; }
        if (n >= 0) times[n] = now() - begun;
        close(s);
        /* its end is the other side's work, and not what is measured */
        struct timespec rest = { 0, 300000 };
        nanosleep(&rest, NULL);
    }
    qsort(times, (size_t)count, sizeof *times, by_size);
    printf("%.0f\n", times[count / 2]);
    return 0;
}
