#include "command/segments.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { NAMES_MAX = 1024, PATH_TEXT = 4096 };

typedef struct segment {
    char name[256];
    bool used;
} segment;

const char *hoop__segments_folder(void)
{
    const char *set = getenv("OMPI_MCA_btl_vader_backing_directory");
    return set != NULL && set[0] != '\0' ? set : "/dev/shm";
}

/* "vader_segment.HOST.UID.JOB.RANK", HOST perhaps without its domain */
static bool is_ours(const char *name, const char *host)
{
    static const char prefix[] = "vader_segment.";
    size_t            n;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0) return false;
    name += sizeof prefix - 1;
    n = strlen(host);
    if (strncmp(name, host, n) == 0 && name[n] == '.') return true;
    n = strcspn(host, ".");
    return strncmp(name, host, n) == 0 && name[n] == '.';
}

static int find_old(const char *folder, double age_s, segment *list)
{
    char           path[PATH_TEXT], host[256] = "";
    struct stat    info;
    struct dirent *e;
    DIR           *dir = opendir(folder);
    time_t         now = time(NULL);
    int            n   = 0;
    if (dir == NULL) return 0;
    (void)gethostname(host, sizeof host - 1);
    while (n < NAMES_MAX && host[0] != '\0' && (e = readdir(dir)) != NULL) {
        if (!is_ours(e->d_name, host) || snprintf(path, sizeof path, "%s/%s", folder, e->d_name) >= (int)sizeof path) continue;
        if (lstat(path, &info) != 0 || !S_ISREG(info.st_mode) || info.st_uid != geteuid() || difftime(now, info.st_mtime) < age_s)
            continue;
        (void)snprintf(list[n].name, sizeof list[n].name, "%s", e->d_name);
        list[n++].used = false;
    }
    (void)closedir(dir);
    return n;
}

static void mark(const char *text, segment *list, int n)
{
    if (strstr(text, "vader_segment.") == NULL) return;
    for (int i = 0; i < n; i++) {
        const char *at = strstr(text, list[i].name);
        list[i].used   = list[i].used || (at != NULL && strchr("\n (", at[strlen(list[i].name)]) != NULL);
    }
}

/* what a process has mapped or open */
static void mark_process(const char *pid, segment *list, int n)
{
    char           path[PATH_TEXT], line[PATH_TEXT + 256];
    struct dirent *e;
    FILE          *maps;
    DIR           *fds;
    (void)snprintf(path, sizeof path, "/proc/%s/maps", pid);
    maps = fopen(path, "re");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) mark(line, list, n);
    if (maps != NULL) (void)fclose(maps);
    (void)snprintf(path, sizeof path, "/proc/%s/fd", pid);
    fds = opendir(path);
    while (fds != NULL && (e = readdir(fds)) != NULL) {
        ssize_t size              = readlinkat(dirfd(fds), e->d_name, line, sizeof line - 1);
        line[size > 0 ? size : 0] = '\0';
        mark(line, list, n);
    }
    if (fds != NULL) (void)closedir(fds);
}

int hoop__segments_sweep(const char *folder, double age_s)
{
    segment       *list    = calloc(NAMES_MAX, sizeof *list);
    int            removed = 0, n = list == NULL ? 0 : find_old(folder, age_s, list);
    DIR           *proc = n == 0 ? NULL : opendir("/proc");
    char           path[PATH_TEXT];
    struct dirent *e;
    while (proc != NULL && (e = readdir(proc)) != NULL) {
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9') mark_process(e->d_name, list, n);
    }
    for (int i = 0; proc != NULL && i < n; i++) { /* without /proc nothing is known, and nothing removed */
        if (list[i].used || snprintf(path, sizeof path, "%s/%s", folder, list[i].name) >= (int)sizeof path) continue;
        removed += unlink(path) == 0;
    }
    if (proc != NULL) (void)closedir(proc);
    free(list);
    return removed;
}
