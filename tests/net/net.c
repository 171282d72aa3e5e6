/* What programs do with sockets, a line for each outcome.
 *   net pair 4|6 BOUND REACHED        a server bound to BOUND at port 0, and a client of it that connects to REACHED
 *   net connect ADDRESS PORT          one connection; says errno's name, and "slow" after a second
 *   net udp ADDRESS PORT              one datagram
 *   net name NAME PORT                looks a name up, by datagram and by hand, and connects to it
 *   net early NAME PORT FILE         the same with two threads and without waiting for the connection; makes FILE when it has said its word
 *   net race PORT BAD TRIES           connects to PORT while a second thread writes BAD over it
 *   net linger                       closes sockets with something unsent: told to wait for it, told to reset
 *   net listen TRIES                  listens while a second thread puts a socket that was never bound in its place
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

union any { struct sockaddr a; struct sockaddr_in v4; struct sockaddr_in6 v6; };

static socklen_t fill(union any *to, const char *text, int port) {
    memset(to, 0, sizeof *to);
    if (strchr(text, ':')) {
        to->v6.sin6_family = AF_INET6;
        to->v6.sin6_port = htons(port);
        inet_pton(AF_INET6, text, &to->v6.sin6_addr);
        return sizeof to->v6;
    }
    to->v4.sin_family = AF_INET;
    to->v4.sin_port = htons(port);
    inet_pton(AF_INET, text, &to->v4.sin_addr);
    return sizeof to->v4;
}

static int port_of(const union any *at) { return ntohs(at->a.sa_family == AF_INET ? at->v4.sin_port : at->v6.sin6_port); }

static const char *address_of(const union any *at, char *text) {
    const void *from = at->a.sa_family == AF_INET ? (const void *)&at->v4.sin_addr : (const void *)&at->v6.sin6_addr;
    return inet_ntop(at->a.sa_family, from, text, INET6_ADDRSTRLEN);
}

static int die(const char *what) { printf("%s: %s\n", what, strerrorname_np(errno)); return 1; }

static int pair(int family, const char *bound, const char *reached) {
    union any at, to, peer;
    socklen_t length = sizeof at;
    char text[INET6_ADDRSTRLEN], word[3] = "";
    int server = socket(family, SOCK_STREAM, 0), on = 1;
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(server, &at.a, fill(&at, bound, 0))) return die("bind");
    if (listen(server, 4)) return die("listen");
    if (getsockname(server, &at.a, &length)) return die("getsockname");
    if (strcmp(address_of(&at, text), bound)) printf("bound to %s\n", text);
    length = fill(&to, reached, port_of(&at));
    int client = socket(to.a.sa_family, SOCK_STREAM, 0);
    if (connect(client, &to.a, length)) return die("connect");
    length = sizeof peer;
    if (getpeername(client, &peer.a, &length)) return die("getpeername");
    if (strcmp(address_of(&peer, text), reached) || port_of(&peer) != port_of(&at)) printf("reached %s\n", text);
    int met = accept(server, NULL, NULL);
    if (met < 0 || write(client, "hi", 2) != 2 || read(met, word, 2) != 2 || strcmp(word, "hi")) return die("talk");
    close(met), close(client), close(server);
    client = socket(to.a.sa_family, SOCK_STREAM, 0);
    if (!connect(client, &to.a, to.a.sa_family == AF_INET ? sizeof to.v4 : sizeof to.v6)) return puts("still there"), 1;
    printf("%s %s done\n", bound, reached);
    return 0;
}

static int one(const char *address, int port) {
    union any to;
    struct timespec begun, ended;
    socklen_t length = fill(&to, address, port);
    int s = socket(to.a.sa_family, SOCK_STREAM, 0);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    int got = connect(s, &to.a, length), why = errno;
    clock_gettime(CLOCK_MONOTONIC, &ended);
    printf("%s%s\n", got ? strerrorname_np(why) : "connected", ended.tv_sec - begun.tv_sec > 1 ? " slow" : "");
    return 0;
}

static int udp(const char *address, int port) {
    union any to;
    socklen_t length = fill(&to, address, port);
    int s = socket(to.a.sa_family, SOCK_DGRAM, 0);
    if (s < 0) return die("socket");
    if (sendto(s, "x", 1, 0, &to.a, length) == 1) puts("sent");
    else printf("%s\n", strerrorname_np(errno));
    int copy = dup(s);
    sendto(copy, "x", 1, 0, &to.a, length);
    struct iovec word = { "x", 1 };
    struct msghdr message = { .msg_name = &to, .msg_namelen = length, .msg_iov = &word, .msg_iovlen = 1 };
    sendmsg(s, &message, 0);
    struct mmsghdr several = { message, 0 };
    sendmmsg(copy, &several, 1, 0);
    return 0;
}

/* Connects without waiting: says what it means to say, and that it does. */
static int early(int s, const union any *to, socklen_t length, const char *file) {
    int why = 0;
    socklen_t room = sizeof why;
    fcntl(s, F_SETFL, O_NONBLOCK);
    if (connect(s, &to->a, length) && errno != EINPROGRESS) return printf("connect %s\n", strerrorname_np(errno)), 0;
    struct pollfd up = { s, POLLOUT, 0 };
    if (poll(&up, 1, 20000) != 1 || getsockopt(s, SOL_SOCKET, SO_ERROR, &why, &room) || why) return die("poll");
    if (write(s, "hi", 2) != 2) return die("write");
    close(open(file, O_CREAT | O_WRONLY, 0600));
    return fcntl(s, F_SETFL, 0);
}

static void *rest(void *unused) { return poll(NULL, 0, -1), unused; }

static int name(const char *text, int port, const char *file) {
    unsigned char ask[512] = { 0x12, 0x34, 1, 0, 0, 1 }, got[512];
    size_t at = 12;
    for (const char *label = text; *label;) {
        size_t n = strcspn(label, ".");
        ask[at++] = (unsigned char)n;
        memcpy(ask + at, label, n);
        at += n;
        label += n + (label[n] == '.');
    }
    memcpy(ask + at, "\0\0\1\0\1", 5);
    at += 5;
    union any server, from, to;
    socklen_t length = fill(&server, "127.0.0.53", 53), room = sizeof from;
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    if (s < 0) return die("socket");
    if (sendto(s, ask, at, 0, &server.a, length) != (ssize_t)at) return die("sendto");
    ssize_t n = recvfrom(s, got, sizeof got, 0, &from.a, &room);
    if (n < 16) return die("recvfrom");
    if (memcmp(&from.v4.sin_addr, &server.v4.sin_addr, 4) || room != sizeof from.v4) puts("answered by another");
    if (got[3] & 15 || !got[7]) return printf("code %d\n", got[3] & 15), 0;
    char address[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, got + n - 4, address, sizeof address);
    if (strncmp(address, "198.18.", 7)) printf("not ours: %s\n", address);
    length = fill(&to, address, port);
    s = socket(AF_INET, SOCK_STREAM, 0);
    if (file) {
        pthread_t other;
        pthread_create(&other, NULL, rest, NULL); /* who is alone waits all the same */
        if (early(s, &to, length, file)) return 1;
    } else {
        if (connect(s, &to.a, length)) return printf("connect %s\n", strerrorname_np(errno)), 0;
        if (write(s, "hi", 2) != 2) return die("write");
    }
    if ((n = read(s, got, 2)) < 0) return printf("read %s\n", strerrorname_np(errno)), 0;
    printf("answer %.*s\n", n < 0 ? 0 : (int)n, got);
    return 0;
}

static union any shared;
static int good_port, bad_port, place, spare;
static atomic_int over, begun;

static void *rewrite(void *unused) {
    for (unsigned n = 0; !over; n++) shared.v4.sin_port = htons(n & 1 ? good_port : bad_port);
    return unused;
}

static int race(int good, int bad, int tries) {
    pthread_t thread;
    int connected = 0, refused = 0;
    good_port = good, bad_port = bad;
    fill(&shared, "127.0.0.1", good);
    pthread_create(&thread, NULL, rewrite, NULL);
    for (int n = 0; n < tries; n++) {
        struct linger now = { 1, 0 };
        int s = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(s, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        if (connect(s, &shared.a, sizeof shared.v4)) refused++;
        else connected++;
        close(s);
    }
    over = 1;
    pthread_join(thread, NULL);
    printf("tries %d some %d none %d\n", tries, connected > 0, refused > 0);
    return 0;
}

static long milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int lingers(void) {
    static char block[1 << 16];
    for (int seconds = 5; seconds >= 0; seconds -= 5) {
        union any at;
        socklen_t length = sizeof at;
        int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(server, &at.a, fill(&at, "127.0.0.1", 0)) || listen(server, 4)) return die("listen");
        if (getsockname(server, &at.a, &length) || connect(client, &at.a, length)) return die("connect");
        int met = accept(server, NULL, NULL);
        while (send(client, block, sizeof block, MSG_DONTWAIT) > 0) {}
        struct linger how = { 1, seconds };
        if (!setsockopt(client, SOL_SOCKET, SO_LINGER, &how, 4) || errno != EINVAL) return die("short");
        if (!setsockopt(client, SOL_SOCKET, SO_LINGER, (void *)1, sizeof how) || errno != EFAULT) return die("nowhere");
        if (!setsockopt(1000, SOL_SOCKET, SO_LINGER, &how, sizeof how) || errno != EBADF) return die("nothing");
        if (setsockopt(client, SOL_SOCKET, SO_LINGER, &how, sizeof how)) return die("SO_LINGER");
        long before = milliseconds();
        close(client);
        long waited = milliseconds() - before;
        ssize_t got;
        while ((got = read(met, block, sizeof block)) > 0) {}
        printf("%s, %s\n", waited < 1000 ? "at once" : "waited", got ? strerrorname_np(errno) : "all came");
    }
    return 0;
}

static void *replace(void *unused) {
    for (unsigned n = 0; !over; n++) {
        struct sockaddr_un at = { AF_UNIX, "" };
        int fresh = socket(n & 1 ? AF_INET : AF_UNIX, SOCK_STREAM, 0);
        if (!(n & 1)) bind(fresh, (struct sockaddr *)&at, sizeof at.sun_family);
        dup2(fresh, place);
        if (fresh != place) close(fresh);
        begun++;
    }
    return unused;
}

static int listening(int tries) {
    pthread_t thread;
    spare = open("/dev/null", O_RDONLY);
    place = dup(spare);
    pthread_create(&thread, NULL, replace, NULL);
    int done = 0;
    int kept[64], held = 0;
    while (!begun) usleep(1000);
    for (int n = 0; n < tries || begun < 2000; n++) {
        if (listen(place, 1)) continue;
        done++;
        int copy = dup(place), family = 0, listens = 0;
        socklen_t length = sizeof family;
        getsockopt(copy, SOL_SOCKET, SO_DOMAIN, &family, &length);
        getsockopt(copy, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length);
        if (family == AF_INET && listens && held < 64) kept[held++] = copy;
        else close(copy);
    }
    poll(NULL, 0, 200);
    while (held) close(kept[--held]);
    over = 1;
    pthread_join(thread, NULL);
    printf("tries %d some %d\n", tries, done > 0);
    return 0;
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 5 && !strcmp(argv[1], "pair")) return pair(argv[2][0] == '4' ? AF_INET : AF_INET6, argv[3], argv[4]);
    if (argc == 4 && !strcmp(argv[1], "connect")) return one(argv[2], atoi(argv[3]));
    if (argc == 4 && !strcmp(argv[1], "udp")) return udp(argv[2], atoi(argv[3]));
    if (argc == 4 && !strcmp(argv[1], "name")) return name(argv[2], atoi(argv[3]), NULL);
    if (argc == 5 && !strcmp(argv[1], "early")) return name(argv[2], atoi(argv[3]), argv[4]);
    if (argc == 5 && !strcmp(argv[1], "race")) return race(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
    if (argc == 2 && !strcmp(argv[1], "linger")) return lingers();
    if (argc == 3 && !strcmp(argv[1], "listen")) return listening(atoi(argv[2]));
    return 64;
}
