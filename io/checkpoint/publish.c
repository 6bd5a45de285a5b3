/* From written shards to a checkpoint with a name, and the directories around it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

/* Is this a name that hoop_checkpoint_tmp gives? Its last part says so: a folder above may be called anything. */
static bool is_tmp(const char *path)
{
    const char *slash = strrchr(path, '/'), *rest;
    int64_t     step;
    return parse_step(slash == NULL ? path : slash + 1, &step, &rest) && strncmp(rest, ".tmp-", 5) == 0;
}

void hoop_checkpoint_discard(const char *tmp)
{
    /* Never a checkpoint, whatever the caller says. */
    if (is_tmp(tmp)) (void)hoop__checkpoint_remove_dir(tmp, NULL);
}

hoop_status hoop_checkpoint_begin(const char *tmp, hoop_error *err)
{
    hoop_status st;
    if (!is_tmp(tmp)) return hoop_fail(err, HOOP_EARG, "%s: not a name that hoop_checkpoint_tmp gives", tmp);
    st = hoop__checkpoint_remove_dir(tmp, err);
    return st == HOOP_OK ? hoop__dir_make(tmp, err) : st;
}

/* ---- steps of a run ---- */

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
    st     = hoop__path_join(run_dir, "checkpoints", err, path, sizeof path);
    if (st != HOOP_OK) return st;
    d = opendir(path);
    if (d == NULL) return errno == ENOENT ? HOOP_OK : hoop_fail(err, HOOP_EIO, "%s: cannot be listed: %s", path, strerror(errno));
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

hoop_status hoop_checkpoint_sweep(const char *run_dir, hoop_error *err, int *removed)
{
    char                 dir[HOOP_PATH_MAX], path[HOOP_PATH_MAX], home[HOOP_CHECKPOINT_PATH];
    DIR                 *d;
    const struct dirent *e;
    const char          *rest;
    int64_t              step;
    int                  count = 0;
    hoop_status          st    = hoop__path_join(run_dir, "checkpoints", err, dir, sizeof dir);
    struct stat          s;
    if (removed != NULL) *removed = 0;
    if (st != HOOP_OK) return st;
    d = opendir(dir);
    if (d == NULL) return errno == ENOENT ? HOOP_OK : hoop_fail(err, HOOP_EIO, "%s: cannot be listed: %s", dir, strerror(errno));
    while (st == HOOP_OK && (e = readdir(d)) != NULL) {
        if (!parse_step(e->d_name, &step, &rest)) continue;
        st = hoop__path_join(dir, e->d_name, err, path, sizeof path);
        if (st != HOOP_OK) break;
        if (strncmp(rest, ".old-", 5) == 0) {
            /* Put aside by a publish that was killed before the new one had the name: give it back. */
            st = hoop__checkpoint_step_path(run_dir, step, "", err, home);
            if (st == HOOP_OK && stat(home, &s) != 0) {
                if (rename(path, home) != 0) st = hoop_fail(err, HOOP_EIO, "%s: cannot be renamed: %s", path, strerror(errno));
                continue;
            }
        } else if (strncmp(rest, ".tmp-", 5) != 0) {
            continue;
        }
        if (st == HOOP_OK) st = hoop__checkpoint_remove_dir(path, err);
        count++;
    }
    (void)closedir(d);
    if (removed != NULL) *removed = count;
    return st;
}

/* ---- publishing ---- */

/* All shards of tmp into the catalogue, with what their writers said of them. */
static hoop_status collect(const char *tmp, const hoop_checkpoint_receipt *receipts, int nwriters, hoop_catalog *c,
                           hoop_error *err)
{
    char        path[HOOP_PATH_MAX];
    hoop_status st = HOOP_OK;
    c->nshards     = nwriters;
    c->shard       = calloc((size_t)nwriters, sizeof *c->shard);
    if (c->shard == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %d shards", tmp, nwriters);
    for (int i = 0; i < nwriters; i++) {
        hoop_catalog_shard *s       = &c->shard[i];
        int64_t             writers = 0, bytes;
        hoop__checkpoint_shard_file(i, nwriters, s->file);
        s->bytes = receipts[i].bytes;
        (void)snprintf(s->sum, sizeof s->sum, "%.32s", receipts[i].sum);
        HOOP_TRY(st, done, hoop__path_join(tmp, s->file, err, path, sizeof path));
        bytes = hoop__file_size(path);
        if (bytes < 0)
            st = hoop_fail(err, HOOP_EIO, "%s: is missing, though it was written: is this folder the same on all hosts?", path);
        else if (bytes != s->bytes)
            st = hoop_fail(err, HOOP_EIO, "%s: has %lld bytes, %lld were written", path, (long long)bytes, (long long)s->bytes);
        if (st != HOOP_OK) goto done;
        HOOP_TRY(st, done, hoop__shard_scan(path, i, c, &writers, err));
        if (writers != nwriters) {
            st = hoop_fail(err, HOOP_EFORMAT, "%s: says %lld writers", path, (long long)writers);
            goto done;
        }
    }
    st = hoop__catalog_finish(c, true, tmp, err);
done:
    return st;
}

/* Give tmp its name. Where a checkpoint of that step exists the two change places in one move, or, where the file system
 * cannot, the old one steps aside; sweep knows that name. */
static hoop_status take_name(const char *run_dir, int64_t step, const char *tmp, const char *path, hoop_error *err)
{
    char        aside[HOOP_CHECKPOINT_PATH];
    struct stat s;
    hoop_status st;
    if (stat(path, &s) != 0)
        return rename(tmp, path) == 0 ? HOOP_OK
                                      : hoop_fail(err, HOOP_EIO, "%s: cannot be renamed to %s: %s", tmp, path, strerror(errno));
    if (renameat2(AT_FDCWD, tmp, AT_FDCWD, path, RENAME_EXCHANGE) == 0) return HOOP_OK; /* tmp is now the old one */
    st = hoop__checkpoint_step_path(run_dir, step, ".old-replaced", err, aside);
    if (st == HOOP_OK) st = hoop__checkpoint_remove_dir(aside, err);
    if (st != HOOP_OK) return st;
    if (rename(path, aside) != 0) return hoop_fail(err, HOOP_EIO, "%s: cannot be renamed: %s", path, strerror(errno));
    if (rename(tmp, path) != 0) {
        st = hoop_fail(err, HOOP_EIO, "%s: cannot be renamed to %s: %s", tmp, path, strerror(errno));
        (void)rename(aside, path);
        return st;
    }
    (void)hoop__checkpoint_remove_dir(aside, NULL);
    return HOOP_OK;
}

static hoop_status set_latest(const char *run_dir, int64_t step, hoop_error *err)
{
    char        target[64], temp[HOOP_PATH_MAX], link[HOOP_PATH_MAX];
    hoop_status st;
    (void)snprintf(target, sizeof target, "checkpoints/step-%08lld", (long long)step);
    if ((st = hoop__path_join(run_dir, ".latest.tmp", err, temp, sizeof temp)) != HOOP_OK ||
        (st = hoop__path_join(run_dir, "latest", err, link, sizeof link)) != HOOP_OK)
        return st;
    (void)unlink(temp);
    if (symlink(target, temp) != 0 || rename(temp, link) != 0) {
        st = hoop_fail(err, HOOP_EIO, "%s: cannot be set: %s", link, strerror(errno));
        (void)unlink(temp);
        return st;
    }
    return hoop__file_sync(run_dir, err);
}

/* Remove what is older than the `keep` newest that look good (manifest right, sizes right), the newest being `newest`. */
static hoop_status prune(const char *run_dir, int64_t newest, int64_t keep, int *pruned, hoop_error *err)
{
    int64_t    *steps, n, good = 0;
    char        path[HOOP_CHECKPOINT_PATH], doomed[HOOP_CHECKPOINT_PATH];
    hoop_status st = hoop_checkpoint_list(run_dir, err, &steps, &n);
    for (int64_t i = n - 1; i >= 0 && st == HOOP_OK; i--) {
        hoop_checkpoint *c = NULL;
        st                 = hoop__checkpoint_step_path(run_dir, steps[i], "", err, path);
        if (st != HOOP_OK || steps[i] > newest) continue;
        if (good < keep) {
            if (hoop_checkpoint_open(path, NULL, &c) == HOOP_OK) good++;
            hoop_checkpoint_close(&c);
            continue;
        }
        /* Under a name that is no checkpoint's first: a half-removed one must not be found. */
        st = hoop__checkpoint_step_path(run_dir, steps[i], ".tmp-pruned", err, doomed);
        if (st == HOOP_OK) st = hoop__checkpoint_remove_dir(doomed, err);
        if (st == HOOP_OK && rename(path, doomed) != 0)
            st = hoop_fail(err, HOOP_EIO, "%s: cannot be removed: %s", path, strerror(errno));
        if (st == HOOP_OK) st = hoop__checkpoint_remove_dir(doomed, err);
        if (st == HOOP_OK) ++*pruned;
    }
    free(steps);
    return st;
}

hoop_status hoop_checkpoint_publish(const char *run_dir, const char *tmp, const hoop_checkpoint_meta *meta,
                                    const hoop_checkpoint_receipt *receipts, int nwriters, int64_t keep, hoop_error *err,
                                    hoop_checkpoint_published *out)
{
    hoop_catalog              c = {0};
    char                      path[HOOP_CHECKPOINT_PATH], parent[HOOP_PATH_MAX], manifest[HOOP_PATH_MAX];
    hoop_checkpoint_published local;
    hoop_error                after = {0};
    hoop_status               st;
    if (out == NULL) out = &local;
    memset(out, 0, sizeof *out);
    if (!is_tmp(tmp)) return hoop_fail(err, HOOP_EARG, "%s: not a name that hoop_checkpoint_tmp gives", tmp);
    if (meta->step < 0 || keep < 0 || nwriters < 1 || nwriters > 99999)
        return hoop_fail(err, HOOP_EARG, "checkpoint: step %lld, keep %lld, %d writers", (long long)meta->step, (long long)keep,
                         nwriters);
    HOOP_TRY(st, done, hoop__checkpoint_step_path(run_dir, meta->step, "", err, path));
    HOOP_TRY(st, done, collect(tmp, receipts, nwriters, &c, err));
    HOOP_TRY(st, done, hoop__path_join(tmp, "manifest.json", err, manifest, sizeof manifest));
    HOOP_TRY(st, done, hoop__manifest_write(manifest, meta, &c, err)); /* syncs tmp too, and so the names of the shards */
    HOOP_TRY(st, done, hoop__manifest_check(manifest, &c, err));
    HOOP_TRY(st, done, take_name(run_dir, meta->step, tmp, path, err));
    hoop__path_dir(path, parent, sizeof parent);
    HOOP_TRY(st, done, hoop__file_sync(parent, err));
    (void)snprintf(out->path, sizeof out->path, "%s", path);
    for (int64_t i = 0; i < c.nshards; i++) out->bytes += c.shard[i].bytes;
    /* It is safe now: what fails from here on is only said. */
    (void)set_latest(run_dir, meta->step, &after);
    if (keep > 0) (void)prune(run_dir, meta->step, keep, &out->pruned, &after);
    (void)snprintf(out->note, sizeof out->note, "%s", after.text);
done:
    hoop_checkpoint_discard(tmp);
    hoop__catalog_free(&c);
    return st;
}

hoop_status hoop_checkpoint_find_good(const char *run_dir, hoop_error *err, char *notes, int64_t notes_size, int64_t *step,
                                      char path[HOOP_CHECKPOINT_PATH])
{
    int64_t    *steps, n, used = 0;
    hoop_status st    = hoop_checkpoint_list(run_dir, err, &steps, &n);
    hoop_error  first = {0};
    *step             = -1;
    path[0]           = '\0';
    if (notes != NULL && notes_size > 0) notes[0] = '\0';
    for (int64_t i = n - 1; i >= 0 && st == HOOP_OK && *step < 0; i--) {
        hoop_checkpoint *c     = NULL;
        hoop_error       fault = {0};
        st                     = hoop__checkpoint_step_path(run_dir, steps[i], "", err, path);
        if (st != HOOP_OK) break;
        if (hoop_checkpoint_open(path, &fault, &c) == HOOP_OK && hoop_checkpoint_verify(c, &fault) == HOOP_OK) {
            *step = steps[i];
        } else if (fault.status == HOOP_ENOMEM) { /* says nothing about the checkpoint */
            st = hoop_fail(err, fault.status, "%s", fault.text);
        } else {
            if (first.status == HOOP_OK) first = fault;
            if (notes != NULL && used < notes_size)
                used += snprintf(notes + used, (size_t)(notes_size - used), "%s%s", used > 0 ? "\n" : "", fault.text);
        }
        hoop_checkpoint_close(&c);
    }
    free(steps);
    if (st == HOOP_OK && n > 0 && *step < 0) {
        path[0] = '\0';
        st = hoop_fail(err, HOOP_ECHECKSUM, "%s: none of its %lld checkpoints is good; the newest: %s", run_dir, (long long)n,
                       first.text);
    }
    return st;
}
