/* Two runs with one workspace, each doing what is harmless by itself: one makes a file in a folder, the other gives the
 * folder the name of a repository's own, where such a file would name programs.
 *   runs make TRIES      makes sub/config and removes it
 *   runs move TRIES      makes sub, calls it .git, removes it
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct stat there;
    int done = 0, planted = 0;
    if (argc != 3) return 64;
    for (int tries = atoi(argv[2]); tries > 0 && !planted; tries--) {
        if (!strcmp(argv[1], "make")) {
            int file = open("sub/config", O_CREAT | O_WRONLY, 0600);
            if (file < 0) continue;
            done++;
            close(file);
            unlink("sub/config");
        } else {
            mkdir("sub", 0700);
            if (rename("sub", ".git")) continue;
            done++;
            planted = !stat(".git/config", &there);
            rmdir(".git");
        }
    }
    printf("%s %s\n", planted ? "planted" : "clean", done > 0 ? "some" : "none");
    return 0;
}
