// Threads that all execute a program at once, in many processes one after the other: together TRIES PROGRAM
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void *execute(void *program) {
    execl(program, program, (char *)0);
    return 0;
}

int main(int count, char **words) {
    if (count < 3) return 2;
    int ran = 0, odd = 0;
    for (int i = 0; i < atoi(words[1]); i++) {
        pid_t child = fork();
        if (child == 0) {
            pthread_t thread;
            for (int n = 0; n < 3; n++) pthread_create(&thread, 0, execute, words[2]);
            execute(words[2]);
            // refused for another thread's sake: that one's exec ends this
            sleep(20);
            _exit(99);
        }
        int status;
        waitpid(child, &status, 0);
        if (status == 0) ran++;
        else odd++;
    }
    printf("ran %d odd %d\n", ran, odd);
    return 0;
}
