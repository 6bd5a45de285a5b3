/* Preloaded: who gives anything the name that HOOP_TEST_NAME says makes the file HOOP_TEST_HOLD, and stands still as long as it
 * is there. (SIGSTOP would not do: a stopped process is woken when the one above it dies.) */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

__attribute__((visibility("default"))) int rename(const char *from, const char *to)
{
    const char *slash = strrchr(to, '/'), *name = getenv("HOOP_TEST_NAME"), *hold = getenv("HOOP_TEST_HOLD");
    if (name != NULL && hold != NULL && strcmp(slash == NULL ? to : slash + 1, name) == 0) {
        const int file = open(hold, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (file >= 0) (void)close(file);
        while (access(hold, F_OK) == 0) (void)nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}
