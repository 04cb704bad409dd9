/* A worker that does no more than it must: what the daemon and two pipes cost. With --once it answers one
 * event, as a handler of type "exec". */
#include <stdio.h>
#include <string.h>

int main(int argc, char** argv) {
    static char line[4 << 20];
    (void)argv;
    if (argc < 2) puts("{\"hookswitch\":1}");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        /* The id comes first, and is a ULID. */
        const char* id = strstr(line, "\"id\":\"");
        if (!id) return 1;
        printf("{\"id\":\"%.26s\",\"reply\":{\"result\":{\"name\":\"Jan Jansen\"}}}\n", id + 6);
        fflush(stdout);
    }
    return 0;
}
