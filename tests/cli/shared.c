/* A semaphore and shared memory with a name, as Python's multiprocessing uses them. */
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
    const char *name = argv[argc - 1];
    sem_t *made = sem_open(name, O_CREAT | O_EXCL, 0600, 0), *again = sem_open(name, 0);
    if (made == SEM_FAILED || again == SEM_FAILED) return perror("sem_open"), 1;
    int memory = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
    if (memory < 0 || ftruncate(memory, 4096)) return perror("shm_open"), 2;
    char *bytes = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (fork() == 0) { bytes[0] = 7; sem_post(again); _exit(0); }
    if (sem_wait(made)) return 3;
    wait(0);
    printf("%d\n", bytes[0]);
    return sem_unlink(name) || shm_unlink(name);
}
