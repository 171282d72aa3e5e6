/* Says that it ran, and with which words: a line in the file `witness` beside the program, or in the folder that was
 * baked in when there is none to be known. As `good` it says nothing. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef WITNESS
#error "-DWITNESS=\"path\" is needed"
#endif

int main(int argc, char **argv) {
    char line[4096];
    int word = argc > 1 && strcmp(argv[1], "fine") != 0;
#ifdef ALWAYS
    word = 1;
#endif
    if (!word) return 0;
    int file = open(WITNESS, O_WRONLY | O_CREAT | O_APPEND, 0666);
    int length = snprintf(line, sizeof line, "ran %s %s\n", argc > 0 ? argv[0] : "-", argc > 1 ? argv[1] : "-");
    if (file < 0 || write(file, line, (size_t)length) != length) return 1;
    return 0;
}
