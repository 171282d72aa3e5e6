/* The least that a hook can do: read an event, answer. As large as the program that it stands beside, which is its data. */
#include <unistd.h>

__asm__(".section .rodata\n.incbin \"" AS_LARGE_AS "\"\n.text\n");

int main(void) {
    static char event[1 << 16];
    static const char answer[] = "{\"hookSpecificOutput\":{\"hookEventName\":\"PreToolUse\",\"permissionDecision\":\"allow\"}}\n";
    while (read(0, event, sizeof event) > 0) {}
    return write(1, answer, sizeof answer - 1) < 0;
}
