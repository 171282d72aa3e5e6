/* What is outside: services that write down what they hear, and a process that holds a secret.
 *   outside services FOLDER SECRETFILE HEARD FACTS
 *   outside victim SECRET SECRETFILE HEARD FACTS
 * Each appends what it is called by to FACTS, as shell assignments, and serves until it is killed. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int heard;
static volatile sig_atomic_t over;
static char held[64];

static void hears(const char *text, long length) {
    if (length > 0 && write(heard, text, (size_t)length) > 0 && write(heard, "\n", 1) < 0) exit(1);
}
static void called(int signal) {
    (void)signal;
    hears("signalled", 9);
}
static void ends(int signal) {
    over = signal;
}
static int inet(int type, int *port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    int s = socket(AF_INET, type, 0), qlen = 8;
    if (type == SOCK_STREAM) setsockopt(s, IPPROTO_TCP, 23 /* TCP_FASTOPEN */, &qlen, sizeof qlen);
    if (bind(s, (struct sockaddr *)&at, length) || getsockname(s, (struct sockaddr *)&at, &length)) exit(1);
    *port = ntohs(at.sin_port);
    if (type == SOCK_STREAM && listen(s, 8)) exit(1);
    return s;
}
static int local(int type, const char *name, int abstract) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    strncpy(at.sun_path + abstract, name, sizeof at.sun_path - 2);
    int s = socket(AF_UNIX, type, 0);
    if (bind(s, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)abstract + strlen(name)))) exit(1);
    if (!abstract) chmod(name, 0777);
    if (type == SOCK_STREAM && listen(s, 8)) exit(1);
    return s;
}
static void gives(int to, int fd) {
    char room[CMSG_SPACE(sizeof fd)] = "";
    struct iovec iov = {"x", 1};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *one = CMSG_FIRSTHDR(&message);
    one->cmsg_level = SOL_SOCKET;
    one->cmsg_type = SCM_RIGHTS;
    one->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(one), &fd, sizeof fd);
    sendmsg(to, &message, MSG_NOSIGNAL);
}
static void services(const char *folder, int secret, FILE *facts) {
    int tcp, udp, key = 0x746f0000 | (getpid() & 0xffff);
    char path[128], mq[65], name[64], text[512];
    snprintf(name, sizeof name, "tollgate-escapes-%d", getpid());
    snprintf(mq, sizeof mq, "/%s", name);
    struct pollfd all[6] = {{inet(SOCK_STREAM, &tcp), POLLIN, 0}, {inet(SOCK_DGRAM, &udp), POLLIN, 0}};
    snprintf(path, sizeof path, "%s/stream", folder);
    all[2] = (struct pollfd){local(SOCK_STREAM, path, 0), POLLIN, 0};
    snprintf(path, sizeof path, "%s/datagrams", folder);
    all[3] = (struct pollfd){local(SOCK_DGRAM, path, 0), POLLIN, 0};
    all[4] = (struct pollfd){local(SOCK_STREAM, name, 1), POLLIN, 0};
    umask(0);
    all[5] = (struct pollfd){mq_open(mq, O_RDONLY | O_CREAT | O_NONBLOCK, 0666, &(struct mq_attr){.mq_maxmsg = 4, .mq_msgsize = 256}), POLLIN, 0};
    int queue = msgget(key, IPC_CREAT | 0666), memory = shmget(key, 4096, IPC_CREAT | 0666);
    char *shared = shmat(memory, NULL, 0);
    strcpy(shared, "kept");
    fprintf(facts, "TCP=%d UDP=%d NAME=%s QUEUE=%s KEY=0x%x\n", tcp, udp, name, mq, key);
    fclose(facts);
    signal(SIGTERM, ends);
    for (pid_t parent = getppid(); getppid() == parent && !over;) {
        poll(all, 6, 50);
        for (int i = 0; i < 6; i++) {
            if (!(all[i].revents & POLLIN)) continue;
            if (i == 5) { hears(text, mq_receive(all[5].fd, text, sizeof text, NULL)); continue; }
            if (i == 1 || i == 3) { hears(text, recv(all[i].fd, text, sizeof text, 0)); continue; }
            int one = accept(all[i].fd, NULL, NULL);
            if (i == 2) gives(one, secret);
            setsockopt(one, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_usec = 300000}, sizeof(struct timeval));
            hears(text, recv(one, text, sizeof text, 0));
            close(one);
        }
        struct { long kind; char text[256]; } message;
        long length = msgrcv(queue, &message, sizeof message.text, 0, IPC_NOWAIT);
        if (length > 0) hears(message.text, length - 1);
        if (strcmp(shared, "kept")) { hears("shared memory", 13); strcpy(shared, "kept"); }
    }
    mq_unlink(mq);
    msgctl(queue, IPC_RMID, NULL);
    shmctl(memory, IPC_RMID, NULL);
}
int main(int argc, char **argv) {
    if (argc != 6) return 2;
    heard = open(argv[4], O_CREAT | O_APPEND | O_WRONLY, 0644);
    int secret = open(argv[3], O_RDONLY);
    FILE *facts = fopen(argv[5], "a");
    if (heard < 0 || secret < 0 || !facts) return 1;
    if (!strcmp(argv[1], "services")) {
        services(argv[2], secret, facts);
        return 0;
    }
    strncpy(held, argv[2], sizeof held - 1);
    // Neither `ps` nor the environment of who started it has it; `environ` of this process does.
    memset(argv[2], 'x', strlen(argv[2]));
    signal(SIGUSR1, called);
    prctl(PR_SET_PTRACER, -1L, 0, 0, 0); // whoever may signal may look: nothing but the sandbox is to hold it
    *strrchr(argv[3], '/') = 0;
    if (chdir(argv[3])) return 1;
    fprintf(facts, "VICTIM=%d ADDRESS=%p FD=%d\n", getpid(), (void *)held, secret);
    fclose(facts);
    for (pid_t parent = getppid(); getppid() == parent;) usleep(50000);
    return 0;
}
