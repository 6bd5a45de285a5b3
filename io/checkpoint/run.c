/* The folders of a run: what they are called, which there are, and which have to go. */
#include "checkpoint/run.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint/catalog.h"

hoop_status hoop__checkpoint_step_path(const char *run_dir, int64_t step, const char *suffix, hoop_error *err, char *out)
{
    const int n = snprintf(out, HOOP_CHECKPOINT_PATH, "%s/checkpoints/step-%08lld%s", run_dir, (long long)step, suffix);
    return n < HOOP_CHECKPOINT_PATH ? HOOP_OK : hoop_fail(err, HOOP_EARG, "%.256s: the path is too long", run_dir);
}

hoop_status hoop_checkpoint_step_path(const char *run_dir, int64_t step, hoop_error *err, char out[HOOP_CHECKPOINT_PATH])
{
    return hoop__checkpoint_step_path(run_dir, step, "", err, out);
}

hoop_status hoop_checkpoint_tmp(const char *run_dir, int64_t step, const char *run_id, hoop_error *err,
                                char out[HOOP_CHECKPOINT_PATH])
{
    char suffix[128];
    if (step < 0) return hoop_fail(err, HOOP_EARG, "checkpoint: step %lld", (long long)step);
    if (!hoop__checkpoint_name_ok(run_id) || strlen(run_id) > 64)
        return hoop_fail(err, HOOP_EARG, "checkpoint: '%.80s' is no run id: 1 to 64 bytes without '/' are wanted", run_id);
    (void)snprintf(suffix, sizeof suffix, ".tmp-%s", run_id);
    return hoop__checkpoint_step_path(run_dir, step, suffix, err, out);
}

hoop_status hoop__checkpoint_remove_dir(const char *path, hoop_error *err)
{
    DIR                 *d = opendir(path);
    const struct dirent *e;
    hoop_status          st = HOOP_OK;
    if (d == NULL)
        return errno == ENOENT ? HOOP_OK : hoop_fail(err, HOOP_EIO, "%s: cannot be removed: %s", path, strerror(errno));
    while ((e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        if (unlinkat(dirfd(d), e->d_name, 0) != 0 && errno != ENOENT)
            st = hoop_fail(err, HOOP_EIO, "%s/%s: cannot be removed: %s", path, e->d_name, strerror(errno));
    }
    (void)closedir(d);
    if (st == HOOP_OK && rmdir(path) != 0 && errno != ENOENT)
        st = hoop_fail(err, HOOP_EIO, "%s: cannot be removed: %s", path, strerror(errno));
    return st;
}

/* "step-00001000" with *rest after the number; false if a name is something else. */
static bool parse_step(const char *name, int64_t *step, const char **rest)
{
    char *end;
    if (strncmp(name, "step-", 5) != 0 || name[5] < '0' || name[5] > '9') return false;
    errno = 0;
    *step = strtoll(name + 5, &end, 10);
    *rest = end;
    return errno == 0;
}

/* Its last part says so: a folder above may be called anything. */
bool hoop__checkpoint_is_tmp(const char *path)
{
    const char *slash = strrchr(path, '/'), *rest;
    int64_t     step;
    return parse_step(slash == NULL ? path : slash + 1, &step, &rest) && strncmp(rest, ".tmp-", 5) == 0;
}

void hoop_checkpoint_discard(const char *tmp)
{
    /* Never a checkpoint, whatever the caller says. */
    if (hoop__checkpoint_is_tmp(tmp)) (void)hoop__checkpoint_remove_dir(tmp, NULL);
}

hoop_status hoop_checkpoint_begin(const char *tmp, hoop_error *err)
{
    hoop_status st;
    if (!hoop__checkpoint_is_tmp(tmp)) return hoop_fail(err, HOOP_EARG, "%s: not a name that hoop_checkpoint_tmp gives", tmp);
    st = hoop__checkpoint_remove_dir(tmp, err);
    return st == HOOP_OK ? hoop__dir_make(tmp, err) : st;
}

/* ---- steps of a run ---- */

bool hoop__checkpoint_is_one(const char *dir)
{
    char        path[HOOP_PATH_MAX];
    struct stat s;
    return hoop__path_join(dir, "manifest.json", NULL, path, sizeof path) == HOOP_OK && stat(path, &s) == 0;
}

/* RUN/checkpoints for reading; *out NULL and HOOP_OK: there is none. */
static hoop_status open_folder(const char *run_dir, hoop_error *err, char path[HOOP_PATH_MAX], DIR **out)
{
    hoop_status st = hoop__path_join(run_dir, "checkpoints", err, path, HOOP_PATH_MAX);
    *out           = st == HOOP_OK ? opendir(path) : NULL;
    if (st != HOOP_OK || *out != NULL || errno == ENOENT || errno == ENOTDIR) return st;
    return hoop_fail(err, HOOP_EIO, "%s: cannot be listed: %s", path, strerror(errno));
}

static int ascending(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

hoop_status hoop_checkpoint_list(const char *run_dir, hoop_error *err, int64_t **steps, int64_t *n)
{
    char                 path[HOOP_PATH_MAX];
    DIR                 *d;
    const struct dirent *e;
    hoop_status          st;
    int64_t              step;
    const char          *rest;
    *steps = NULL;
    *n     = 0;
    if (hoop__checkpoint_is_one(run_dir)) return HOOP_OK;
    st = open_folder(run_dir, err, path, &d);
    if (d == NULL) return st;
    while (st == HOOP_OK && (e = readdir(d)) != NULL) {
        char     canonical[64];
        int64_t *grown;
        if (!parse_step(e->d_name, &step, &rest) || *rest != '\0') continue;
        (void)snprintf(canonical, sizeof canonical, "step-%08lld", (long long)step);
        if (strcmp(canonical, e->d_name) != 0) continue;
        grown = realloc(*steps, (size_t)(*n + 1) * sizeof **steps);
        if (grown == NULL) {
            st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory", path);
            break;
        }
        *steps           = grown;
        (*steps)[(*n)++] = step;
    }
    (void)closedir(d);
    if (*n > 0) qsort(*steps, (size_t)*n, sizeof **steps, ascending);
    if (st != HOOP_OK) {
        free(*steps);
        *steps = NULL;
        *n     = 0;
    }
    return st;
}

/* Links that were to be renamed: a run that lost its lock must not find its own. */
static void sweep_links(const char *run_dir)
{
    DIR                 *d = opendir(run_dir);
    const struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL)
        if (strncmp(e->d_name, ".latest.tmp", 11) == 0 || strncmp(e->d_name, ".best.tmp", 9) == 0)
            (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d != NULL) (void)closedir(d);
}

/* Under another name first, in one move: whoever is about to give it that of a checkpoint finds it whole, or not at all. */
static hoop_status sweep_away(const char *run_dir, const char *path, int64_t step, hoop_error *err)
{
    char        doomed[HOOP_CHECKPOINT_PATH];
    hoop_status st = hoop__checkpoint_step_path(run_dir, step, ".tmp-swept", err, doomed);
    if (st == HOOP_OK && strcmp(path, doomed) != 0) {
        st = hoop__checkpoint_remove_dir(doomed, err);
        if (st == HOOP_OK && rename(path, doomed) != 0 && errno != ENOENT)
            st = hoop_fail(err, HOOP_EIO, "%s: cannot be removed: %s", path, strerror(errno));
    }
    return st == HOOP_OK ? hoop__checkpoint_remove_dir(doomed, err) : st;
}

hoop_status hoop_checkpoint_sweep(const char *run_dir, hoop_error *err, int *removed)
{
    char                 dir[HOOP_PATH_MAX], path[HOOP_PATH_MAX], home[HOOP_CHECKPOINT_PATH];
    DIR                 *d;
    const struct dirent *e;
    const char          *rest;
    int64_t              step;
    int                  count = 0;
    hoop_status          st;
    struct stat          s;
    if (removed != NULL) *removed = 0;
    sweep_links(run_dir);
    st = open_folder(run_dir, err, dir, &d);
    if (d == NULL) return st;
    while (st == HOOP_OK && (e = readdir(d)) != NULL) {
        if (!parse_step(e->d_name, &step, &rest)) continue;
        st = hoop__path_join(dir, e->d_name, err, path, sizeof path);
        if (st != HOOP_OK) break;
        if (strncmp(rest, ".old-", 5) == 0) {
            /* Put aside by a publish that was killed before the new one had the name: give it back. */
            st = hoop__checkpoint_step_path(run_dir, step, "", err, home);
            if (st == HOOP_OK && stat(home, &s) != 0) {
                st = hoop__file_name(path, home, true, err);
                continue;
            }
        } else if (strncmp(rest, ".tmp-", 5) != 0) {
            continue;
        }
        if (st == HOOP_OK) st = sweep_away(run_dir, path, step, err);
        count++;
    }
    (void)closedir(d);
    if (removed != NULL) *removed = count;
    return st;
}
