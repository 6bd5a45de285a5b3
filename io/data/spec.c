/* What a dataset spec stands for: one file, a glob, or all shards of a prefix. */
#include "data/dataset.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"

void hoop__paths_free(hoop_paths *p)
{
    for (int64_t i = 0; i < p->n; i++) free(p->path[i]);
    free(p->path);
    p->path = NULL;
    p->n    = 0;
}

static hoop_status paths_add(hoop_paths *p, const char *path, hoop_error *err)
{
    char **grown = realloc(p->path, (size_t)(p->n + 1) * sizeof *grown);
    if (grown != NULL) p->path = grown;
    if (grown == NULL || (p->path[p->n] = strdup(path)) == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", path);
    p->n++;
    return HOOP_OK;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A folder that is there is no pattern: 'set[1]' in 'set[1]/train-*'. */
static void escape_folder(const char *spec, char out[2 * HOOP_PATH_MAX])
{
    const char *slash = strrchr(spec, '/');
    char        dir[HOOP_PATH_MAX];
    struct stat s;
    size_t      folder = slash == NULL ? 0 : (size_t)(slash - spec), n = 0;
    hoop__path_dir(spec, dir, sizeof dir);
    if (stat(dir, &s) != 0) folder = 0;
    for (size_t i = 0; i < folder; i++) {
        if (strchr("*?[\\", spec[i]) != NULL) out[n++] = '\\';
        out[n++] = spec[i];
    }
    memcpy(out + n, spec + folder, strlen(spec + folder) + 1);
}

static hoop_status resolve_glob(const char *spec, hoop_error *err, hoop_paths *out)
{
    glob_t      g  = {0};
    hoop_status st = HOOP_OK;
    char        pattern[2 * HOOP_PATH_MAX];
    int         rc;
    escape_folder(spec, pattern);
    rc = glob(pattern, GLOB_NOSORT, NULL, &g); /* which would sort as the locale says, and so differ */
    if (rc == GLOB_NOMATCH)
        st = hoop_fail(err, HOOP_EIO, "%s: no file matches", spec);
    else if (rc != 0)
        st = hoop_fail(err, HOOP_EIO, "%s: cannot be listed", spec);
    if (st == HOOP_OK) qsort(g.gl_pathv, g.gl_pathc, sizeof *g.gl_pathv, by_bytes);
    for (size_t i = 0; st == HOOP_OK && i < g.gl_pathc; i++) st = paths_add(out, g.gl_pathv[i], err);
    globfree(&g);
    return st;
}

/* "train-00000-of-00004.h5" -> "train"; other HDF5 files stay as they are; false: neither. */
static bool set_name(const char *file, char out[256])
{
    int64_t      index, count;
    const size_t n = strnlen(file, 256);
    if (*file == '.' || n == 256) return false;
    for (const char *at = strchr(file, '-'); at != NULL; at = strchr(at + 1, '-')) {
        memcpy(out, file, (size_t)(at - file));
        out[at - file] = '\0';
        if (hoop__shard_name_parse(file, out, &index, &count)) return true;
    }
    memcpy(out, file, n + 1);
    return (n > 3 && strcmp(file + n - 3, ".h5") == 0) || (n > 5 && strcmp(file + n - 5, ".hdf5") == 0);
}

hoop_status hoop_dataset_sets(const char *dir, hoop_error *err, char ***sets, int64_t *n)
{
    DIR                 *d   = opendir(dir);
    hoop_paths           all = {0};
    const struct dirent *e;
    hoop_status          st = HOOP_OK;
    *sets                   = NULL;
    *n                      = 0;
    if (d == NULL) return hoop_fail(err, HOOP_EIO, "%s: cannot be listed: %s", dir, strerror(errno));
    while (st == HOOP_OK && (e = readdir(d)) != NULL) {
        char name[256], path[HOOP_PATH_MAX];
        if (!set_name(e->d_name, name)) continue;
        st = hoop__path_join(dir, name, err, path, sizeof path);
        if (st == HOOP_OK) st = paths_add(&all, path, err);
    }
    (void)closedir(d);
    if (st != HOOP_OK) {
        hoop__paths_free(&all);
        return st;
    }
    if (all.n > 0) qsort(all.path, (size_t)all.n, sizeof *all.path, by_bytes);
    for (int64_t i = 0; i < all.n; i++) { /* one of each */
        if (*n > 0 && strcmp(all.path[*n - 1], all.path[i]) == 0)
            free(all.path[i]);
        else
            all.path[(*n)++] = all.path[i];
    }
    *sets = all.path;
    return HOOP_OK;
}

/* A folder is no dataset; those in it are. */
static hoop_status name_sets(const char *dir, hoop_error *err)
{
    char      **sets, list[512] = "";
    int64_t     n, said         = 0;
    size_t      used = 0;
    hoop_status st   = hoop_dataset_sets(dir, err, &sets, &n);
    if (st != HOOP_OK) return st;
    for (; said < n && used + strlen(sets[said]) + 8 < sizeof list; said++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? ", " : "", sets[said]);
    for (int64_t i = 0; i < n; i++) free(sets[i]);
    free(sets);
    if (n == 0) return hoop_fail(err, HOOP_EIO, "%s: is a directory without datasets (.h5)", dir);
    return hoop_fail(err, HOOP_EIO, "%s: is a directory; name one of its sets: %s%s", dir, list, said < n ? ", ..." : "");
}

/* Collect the shards of a prefix in `found` (index -> name); all must agree on how many there are. */
static hoop_status scan_prefix(const char *dir, const char *base, const char *spec, hoop_error *err, char ***found,
                               int64_t *total)
{
    DIR                 *d = opendir(dir);
    const struct dirent *e;
    hoop_status          st = HOOP_OK;
    int64_t              index, count;
    *found = NULL;
    *total = 0;
    if (d == NULL) return hoop_fail(err, HOOP_EIO, "%s: no such dataset: %s: %s", spec, dir, strerror(errno));
    while (st == HOOP_OK && (e = readdir(d)) != NULL) {
        if (!hoop__shard_name_parse(e->d_name, base, &index, &count)) continue;
        if (*found == NULL) {
            *total = count;
            *found = calloc((size_t)count, sizeof **found);
            if (*found == NULL) st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %lld shards", spec, (long long)count);
        }
        if (st != HOOP_OK) break;
        if (count != *total)
            st = hoop_fail(err, HOOP_EFORMAT, "%s: shards of two sets are mixed: some say -of-%05lld, %s says -of-%05lld", spec,
                           (long long)*total, e->d_name, (long long)count);
        else if (index >= count || (*found)[index] != NULL)
            st = hoop_fail(err, HOOP_EFORMAT, "%s: %s/%s: %s of %lld shards", spec, dir, e->d_name,
                           index >= count ? "not one" : "twice the same", (long long)count);
        else if (((*found)[index] = strdup(e->d_name)) == NULL)
            st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory", spec);
    }
    (void)closedir(d);
    return st;
}

static hoop_status resolve_prefix(const char *spec, hoop_error *err, hoop_paths *out)
{
    char        dir[HOOP_PATH_MAX], path[HOOP_PATH_MAX], **found = NULL;
    const char *slash = strrchr(spec, '/'), *base = slash == NULL ? spec : slash + 1;
    int64_t     total = 0, missing = 0, first_missing = -1;
    hoop_status st;
    struct stat s;
    hoop__path_dir(spec, dir, sizeof dir);
    HOOP_TRY(st, done, scan_prefix(dir, base, spec, err, &found, &total));
    for (int64_t i = 0; i < total; i++) {
        if (found[i] != NULL) continue;
        if (missing++ == 0) first_missing = i;
    }
    if (missing > 0) {
        st = hoop_fail(err, HOOP_EIO, "%s: shard %s-%05lld-of-%05lld.h5 is missing (%lld of %lld are)", spec, spec,
                       (long long)first_missing, (long long)total, (long long)missing, (long long)total);
        goto done;
    }
    for (int64_t i = 0; i < total; i++) {
        HOOP_TRY(st, done, hoop__path_join(dir, found[i], err, path, sizeof path));
        HOOP_TRY(st, done, paths_add(out, slash == NULL ? found[i] : path, err));
    }
    if (total == 0) {
        if (snprintf(path, sizeof path, "%s.h5", spec) < (int)sizeof path && stat(path, &s) == 0)
            st = paths_add(out, path, err);
        else
            st = hoop_fail(err, HOOP_EIO, "%s: no such dataset: neither a file, nor %s.h5, nor shards %s-00000-of-NNNNN.h5", spec,
                           spec, spec);
    }
done:
    for (int64_t i = 0; found != NULL && i < total; i++) free(found[i]);
    free(found);
    return st;
}

/* Is there a shard of this prefix, or PREFIX.h5? */
static bool prefix_is_there(const char *spec)
{
    char                 dir[HOOP_PATH_MAX], path[HOOP_PATH_MAX];
    const char          *slash = strrchr(spec, '/');
    const struct dirent *e;
    struct stat          s;
    int64_t              index, count;
    bool                 found = snprintf(path, sizeof path, "%s.h5", spec) < (int)sizeof path && stat(path, &s) == 0;
    DIR                 *d;
    hoop__path_dir(spec, dir, sizeof dir);
    d = opendir(dir);
    while (!found && d != NULL && (e = readdir(d)) != NULL)
        found = hoop__shard_name_parse(e->d_name, slash == NULL ? spec : slash + 1, &index, &count);
    if (d != NULL) (void)closedir(d);
    return found;
}

hoop_status hoop__spec_resolve(const char *spec, hoop_error *err, hoop_paths *out)
{
    struct stat s;
    hoop_status st;
    out->path = NULL;
    out->n    = 0;
    if (spec == NULL || spec[0] == '\0')
        return hoop_fail(err, HOOP_EARG, "dataset: an empty name; a file, a glob or a prefix like digits/train is wanted");
    if (strlen(spec) > HOOP_PATH_MAX - 64) return hoop_fail(err, HOOP_EARG, "dataset: %.64s...: the path is too long", spec);
    if (stat(spec, &s) == 0 && !S_ISDIR(s.st_mode)) {
        st = paths_add(out, spec, err);
    } else if (stat(spec, &s) == 0) {
        st = name_sets(spec, err);
    } else if (strpbrk(spec, "*?[") != NULL && !prefix_is_there(spec)) {
        st = resolve_glob(spec, err, out);
    } else {
        st = resolve_prefix(spec, err, out);
    }
    if (st != HOOP_OK) hoop__paths_free(out);
    return st;
}
