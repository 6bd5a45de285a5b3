#include "base/host.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- CPU quotas of cgroups ------------------------------------------------------------------------------------------- */

enum { PATH_TEXT = 4096 };

static bool has_word(const char *list, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = list; *at != '\0';) {
        size_t n = strcspn(at, ",");
        if (n == size && memcmp(at, word, size) == 0) return true;
        at += n + (at[n] == ',');
    }
    return false;
}

static bool read_text(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    size_t n = fread(out, 1, size - 1, file);
    out[n]   = '\0';
    (void)fclose(file);
    return n > 0;
}

/* cpu.max holds "max 100000" or "150000 100000"; cpu.cfs_quota_us -1 or microseconds of each cpu.cfs_period_us. 0: no limit. */
static double quota_of(const char *folder, bool v2)
{
    char   path[PATH_TEXT + 32], text[128];
    double quota = 0, period = 0;
    if (v2) {
        (void)snprintf(path, sizeof path, "%s/cpu.max", folder);
        if (!read_text(path, text, sizeof text) || sscanf(text, "%lf %lf", &quota, &period) != 2) return 0;
    } else {
        (void)snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
        if (!read_text(path, text, sizeof text) || sscanf(text, "%lf", &quota) != 1) return 0;
        (void)snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
        if (!read_text(path, text, sizeof text) || sscanf(text, "%lf", &period) != 1) return 0;
    }
    return quota > 0 && period > 0 ? quota / period : 0;
}

/* The tightest quota from the group up to the root of the mount. */
static double quota_upwards(const char *top, const char *group, bool v2)
{
    char   folder[PATH_TEXT];
    double least      = 0;
    size_t floor_size = strlen(top);
    if (snprintf(folder, sizeof folder, "%s%s", top, strcmp(group, "/") == 0 ? "" : group) >= (int)sizeof folder) return 0;
    for (;;) {
        double quota = quota_of(folder, v2);
        if (quota > 0 && (least == 0 || quota < least)) least = quota;
        char *slash = strrchr(folder, '/');
        if (slash == NULL || strlen(folder) <= floor_size) break;
        *slash = '\0';
    }
    return least;
}

/* The line of /proc/self/cgroup of the hierarchy with the cpu controller: "ID:controllers:/group"; v2 has "0::/group". */
static bool find_group(const char *root, bool v2, char group[PATH_TEXT])
{
    char  path[PATH_TEXT], line[PATH_TEXT];
    FILE *file;
    bool  found = false;
    (void)snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    file = fopen(path, "re");
    if (file == NULL) return false;
    while (!found && fgets(line, sizeof line, file) != NULL) {
        char *controllers = strchr(line, ':'), *name = controllers == NULL ? NULL : strchr(controllers + 1, ':');
        if (name == NULL) continue;
        *name++ = '\0';
        controllers++;
        name[strcspn(name, "\n")] = '\0';
        found                     = v2 ? strncmp(line, "0:", 2) == 0 && controllers[0] == '\0' : has_word(controllers, "cpu");
        if (found) (void)snprintf(group, PATH_TEXT, "%s", name);
    }
    (void)fclose(file);
    return found;
}

/* proc(5): "36 35 98:0 /mounted-part /mount-point options - type source super-options" */
static double quota_of_hierarchy(const char *root, bool v2)
{
    char   group[PATH_TEXT], path[PATH_TEXT], line[PATH_TEXT], top[2 * PATH_TEXT];
    double quota = 0;
    FILE  *file;
    if (!find_group(root, v2, group)) return 0;
    (void)snprintf(path, sizeof path, "%s/proc/self/mountinfo", root);
    file = fopen(path, "re");
    if (file == NULL) return 0;
    while (quota == 0 && fgets(line, sizeof line, file) != NULL) {
        char        part[1024], point[1024], type[64], super[1024];
        const char *tail = strstr(line, " - "), *below = group;
        if (tail == NULL || sscanf(line, "%*s %*s %*s %1023s %1023s", part, point) != 2) continue;
        if (sscanf(tail, " - %63s %*s %1023s", type, super) != 2) continue;
        if (strcmp(type, v2 ? "cgroup2" : "cgroup") != 0 || (!v2 && !has_word(super, "cpu"))) continue;
        /* In a container the mount shows a part of the host's tree, and the group is still named from its root. */
        if (strcmp(part, "/") != 0 && strncmp(group, part, strlen(part)) == 0) below = group + strlen(part);
        (void)snprintf(top, sizeof top, "%s%s", root, point);
        quota = quota_upwards(top, below, v2);
        if (quota == 0) quota = quota_of(top, v2);
    }
    (void)fclose(file);
    return quota;
}

double hoop__cgroup_quota(const char *root)
{
    double v1 = quota_of_hierarchy(root, false), v2 = quota_of_hierarchy(root, true);
    return v1 == 0 ? v2 : v2 == 0 ? v1 : fmin(v1, v2);
}

/* ---- Cores ----------------------------------------------------------------------------------------------------------- */

void hoop__cpus_find(hoop__cpus *out)
{
    cpu_set_t *set  = CPU_ALLOC(8 * HOOP__CPU_BYTES);
    size_t     size = CPU_ALLOC_SIZE(8 * HOOP__CPU_BYTES);
    memset(out, 0, sizeof *out);
    if (gethostname(out->host, sizeof out->host - 1) != 0) (void)snprintf(out->host, sizeof out->host, "unknown");
    out->host[sizeof out->host - 1] = '\0';
    out->quota                      = hoop__cgroup_quota("");
    if (set == NULL) return;
    CPU_ZERO_S(size, set);
    if (sched_getaffinity(0, size, set) == 0) {
        for (int c = 0; c < 8 * HOOP__CPU_BYTES; c++) {
            if (CPU_ISSET_S((size_t)c, size, set)) out->mask[c / 8] = (uint8_t)(out->mask[c / 8] | 1U << (c % 8));
        }
    }
    CPU_FREE(set);
}

const char *hoop__cpus_bound_by(void)
{
    static const char *const names[] = {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (i == 0 && value != NULL && strcasecmp(value, "false") == 0) return NULL; /* it decides for all three */
        if (value != NULL && value[0] != '\0') return names[i];
    }
    return NULL;
}

int64_t hoop__cpus_asked_for(void)
{
    const char *text = getenv("OMP_NUM_THREADS");
    char       *end;
    long        n;
    if (text == NULL || text[strspn(text, " \t")] == '\0') return 0;
    errno = 0;
    n     = strtol(text, &end, 10);
    end += strspn(end, " \t");
    return errno != 0 || end == text || (*end != '\0' && *end != ',') || n < 1 || n > 1024 ? -1 : n;
}

static int64_t cores_in(const hoop__cpus *cpus)
{
    int64_t n = 0;
    for (int i = 0; i < HOOP__CPU_BYTES; i++) n += __builtin_popcount(cpus->mask[i]);
    return n > 0 ? n : 1;
}

static bool has(const hoop__cpus *cpus, long c)
{
    return c >= 0 && c < 8L * HOOP__CPU_BYTES && ((unsigned)cpus->mask[c / 8] >> (c % 8) & 1U) != 0;
}

/* Is c the first processor of its core that may be run on? "0-1" or "0,64" names those of its core. */
static bool begins_core(const hoop__cpus *own, const char *root, int c)
{
    char path[PATH_TEXT], text[1024], *end;
    (void)snprintf(path, sizeof path, "%s/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", root, c);
    if (!read_text(path, text, sizeof text)) return true;
    for (const char *at = text;; at = end + 1) {
        const long first = strtol(at, &end, 10);
        long       last  = first;
        if (end == at) return true;
        if (*end == '-') last = strtol(end + 1, &end, 10);
        for (long k = first; k <= last && k < c; k++)
            if (has(own, k)) return false;
        if (*end != ',') return true;
    }
}

int64_t hoop__cpus_cores(const hoop__cpus *own, const char *root)
{
    int64_t n = 0;
    for (int c = 0; c < 8 * HOOP__CPU_BYTES; c++) n += has(own, c) && begins_core(own, root, c);
    if (own->quota > 0 && own->quota < (double)n) n = (int64_t)own->quota;
    return n > 0 ? n : 1;
}

static bool meet(const hoop__cpus *a, const hoop__cpus *b)
{
    for (int i = 0; i < HOOP__CPU_BYTES; i++) {
        if ((a->mask[i] & b->mask[i]) != 0) return true;
    }
    return false;
}

int64_t hoop__cpus_share(const hoop__cpus *all, int n, int self)
{
    const hoop__cpus *own     = &all[self];
    int64_t           sharing = 0, local = 0, share;
    for (int r = 0; r < n; r++) {
        if (strncmp(all[r].host, own->host, sizeof own->host) != 0) continue;
        local++;
        sharing += r == self || meet(&all[r], own);
    }
    share = cores_in(own) / sharing;
    if (own->quota > 0 && own->quota / (double)local < (double)share) share = (int64_t)(own->quota / (double)local);
    return share < 1 ? 1 : share;
}

int64_t hoop__cpus_least(const hoop__cpus *all, int n, int *who)
{
    int64_t least = INT64_MAX;
    for (int r = 0; r < n; r++) {
        int64_t share = hoop__cpus_share(all, n, r);
        if (share >= least) continue;
        least = share;
        *who  = r;
    }
    return least;
}
