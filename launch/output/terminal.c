#include "output/terminal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ANCESTORS = 16 };

static int width_of(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 ? (int)size.ws_col : 0;
}

/* The parent of a process, from /proc/PID/stat: "PID (name) state PPID ..."; the name may hold anything, so from the last ). */
static long parent_of(long pid)
{
    char   path[64], text[512];
    FILE  *file;
    size_t n;
    long   parent = 0;
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    file = fopen(path, "re");
    if (file == NULL) return 0;
    n       = fread(text, 1, sizeof text - 1, file);
    text[n] = '\0';
    (void)fclose(file);
    const char *after = strrchr(text, ')');
    return after != NULL && sscanf(after + 1, " %*c %ld", &parent) == 1 ? parent : 0;
}

/* The width of the terminal that the first process above with another output than ours writes to; 0: it is no terminal. */
static int width_above(int fd)
{
    struct stat ours, theirs;
    long        pid = (long)getppid();
    if (fstat(fd, &ours) != 0) return 0;
    for (int i = 0; i < ANCESTORS && pid > 1; i++, pid = parent_of(pid)) {
        char path[64];
        (void)snprintf(path, sizeof path, "/proc/%ld/fd/1", pid);
        if (stat(path, &theirs) != 0) return 0;
        if (theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino) continue;
        if (!S_ISCHR(theirs.st_mode)) return 0;
        int above = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        if (above < 0) return 0;
        int width = isatty(above) ? width_of(above) : 0;
        (void)close(above);
        return width;
    }
    return 0;
}

/* mpirun --tag-output and --timestamp-output put a word before each piece of a line. */
static bool is_tagged(void)
{
    return getenv("OMPI_MCA_orte_tag_output") != NULL || getenv("OMPI_MCA_orte_timestamp_output") != NULL;
}

bool hoop__terminal_find(int fd, int *columns)
{
    const char *term = getenv("TERM");
    if (!isatty(fd) || (term != NULL && strcmp(term, "dumb") == 0) || is_tagged()) return false;
    int width = width_of(fd);
    if (width == 0) width = width_above(fd);
    *columns = width;
    return width > 0;
}

bool hoop__terminal_colours(void)
{
    const char *no = getenv("NO_COLOR");
    return no == NULL || no[0] == '\0';
}
