/* From written shards to a checkpoint with a name. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint/catalog.h"
#include "checkpoint/run.h"

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

static hoop_status is_ours(const hoop_run_lock *lock, hoop_error *err)
{
    return lock == NULL ? HOOP_OK : hoop_run_lock_check(lock, err);
}

/* Give tmp its name. Where a checkpoint of that step exists the two change places in one move, or, where the file system
 * cannot, the old one steps aside; sweep knows that name. Who comes after a run that lost its lock sweeps tmp away, by a rename:
 * either that one succeeds or one here does, whatever was asked before. */
static hoop_status take_name(const char *run_dir, int64_t step, const char *tmp, const char *path, hoop_error *err)
{
    char        aside[HOOP_CHECKPOINT_PATH];
    struct stat s;
    hoop_status st;
    if (stat(path, &s) != 0) return hoop__file_name(tmp, path, true, err);
    if (renameat2(AT_FDCWD, tmp, AT_FDCWD, path, RENAME_EXCHANGE) == 0) return HOOP_OK; /* tmp is now the old one */
    if (stat(tmp, &s) != 0) return hoop_fail(err, HOOP_EIO, "%s: %s", tmp, strerror(errno));
    HOOP_TRY(st, done, hoop__checkpoint_step_path(run_dir, step, ".old-replaced", err, aside));
    HOOP_TRY(st, done, hoop__checkpoint_remove_dir(aside, err));
    HOOP_TRY(st, done, hoop__file_name(path, aside, true, err));
    st = hoop__file_name(tmp, path, true, err);
    if (st == HOOP_OK)
        (void)hoop__checkpoint_remove_dir(aside, NULL);
    else
        (void)hoop__file_name(aside, path, true, NULL);
done:
    return st;
}

/* RUN/name, a link to a step's checkpoint. It is made under a name that no other generation uses, which sweep removes: a run that
 * lost its lock in between has nothing to rename. */
static hoop_status set_link(const char *run_dir, const hoop_run_lock *lock, const char *name, int64_t step, hoop_error *err)
{
    char        target[64], temporary[64], temp[HOOP_PATH_MAX], link[HOOP_PATH_MAX];
    hoop_status st;
    (void)snprintf(target, sizeof target, "checkpoints/step-%08lld", (long long)step);
    (void)snprintf(temporary, sizeof temporary, ".%s.tmp-%lld", name,
                   (long long)(lock == NULL ? 0 : hoop_run_lock_generation(lock)));
    if ((st = hoop__path_join(run_dir, temporary, err, temp, sizeof temp)) != HOOP_OK ||
        (st = hoop__path_join(run_dir, name, err, link, sizeof link)) != HOOP_OK)
        return st;
    (void)unlink(temp);
    if (symlink(target, temp) != 0) st = hoop_fail(err, HOOP_EIO, "%s: cannot be set: %s", link, strerror(errno));
    if (st == HOOP_OK) st = is_ours(lock, err);
    if (st == HOOP_OK) st = hoop__file_name(temp, link, true, err);
    if (st != HOOP_OK) {
        (void)unlink(temp);
        return st;
    }
    return hoop__file_sync(run_dir, err);
}

static hoop_status set_best(const char *run_dir, const hoop_run_lock *lock, int64_t step, hoop_error *err)
{
    char        path[HOOP_CHECKPOINT_PATH];
    hoop_status st = hoop__checkpoint_step_path(run_dir, step, "", err, path);
    if (st == HOOP_OK && access(path, F_OK) != 0) st = hoop_fail(err, HOOP_ESTATE, "%s: is not there", path);
    return st == HOOP_OK ? set_link(run_dir, lock, "best", step, err) : st;
}

hoop_status hoop_checkpoint_set_best(const char *run_dir, int64_t step, hoop_error *err)
{
    return set_best(run_dir, NULL, step, err);
}

/* the step that RUN/best is a link to, -1: there is none */
static int64_t best_of(const char *run_dir)
{
    char      link[HOOP_PATH_MAX], target[HOOP_PATH_MAX];
    long long step;
    ssize_t   n;
    if (hoop__path_join(run_dir, "best", NULL, link, sizeof link) != HOOP_OK) return -1;
    n = readlink(link, target, sizeof target - 1);
    if (n <= 0) return -1;
    target[n] = '\0';
    return sscanf(target, "checkpoints/step-%lld", &step) == 1 ? step : -1;
}

/* Remove what is older than the `keep` newest that look good (manifest right, sizes right), the newest being `newest`, but not
 * the best. */
static hoop_status prune(const char *run_dir, const hoop_run_lock *lock, int64_t newest, int64_t keep, int *pruned,
                         hoop_error *err)
{
    const int64_t best = best_of(run_dir);
    int64_t      *steps, n, good = 0;
    char          path[HOOP_CHECKPOINT_PATH], doomed[HOOP_CHECKPOINT_PATH];
    hoop_status   st = hoop_checkpoint_list(run_dir, err, &steps, &n);
    for (int64_t i = n - 1; i >= 0 && st == HOOP_OK; i--) {
        hoop_checkpoint *c = NULL;
        st                 = hoop__checkpoint_step_path(run_dir, steps[i], "", err, path);
        if (st != HOOP_OK || steps[i] > newest) continue;
        if (good < keep) {
            if (hoop_checkpoint_open(path, NULL, &c) == HOOP_OK) good++;
            hoop_checkpoint_close(&c);
            continue;
        }
        if (steps[i] == best) continue;
        /* Under a name that is no checkpoint's first: a half-removed one must not be found. */
        st = hoop__checkpoint_step_path(run_dir, steps[i], ".tmp-pruned", err, doomed);
        if (st == HOOP_OK) st = hoop__checkpoint_remove_dir(doomed, err);
        if (st == HOOP_OK) st = is_ours(lock, err);
        if (st == HOOP_OK) st = hoop__file_name(path, doomed, true, err);
        if (st == HOOP_OK) st = hoop__checkpoint_remove_dir(doomed, err);
        if (st == HOOP_OK) ++*pruned;
    }
    free(steps);
    return st;
}

hoop_status hoop_checkpoint_publish(const char *run_dir, const hoop_run_lock *lock, const char *tmp,
                                    const hoop_checkpoint_meta *meta, const hoop_checkpoint_receipt *receipts, int nwriters,
                                    int64_t keep, bool best, hoop_error *err, hoop_checkpoint_published *out)
{
    hoop_catalog              c = {0};
    char                      path[HOOP_CHECKPOINT_PATH], parent[HOOP_PATH_MAX], manifest[HOOP_PATH_MAX];
    hoop_checkpoint_published local;
    hoop_error                after = {0}, lost = {0};
    hoop_status               st;
    if (out == NULL) out = &local;
    memset(out, 0, sizeof *out);
    if (!hoop__checkpoint_is_tmp(tmp)) return hoop_fail(err, HOOP_EARG, "%s: not a name that hoop_checkpoint_tmp gives", tmp);
    if (meta->step < 0 || keep < 0 || nwriters < 1 || nwriters > 99999)
        return hoop_fail(err, HOOP_EARG, "checkpoint: step %lld, keep %lld, %d writers", (long long)meta->step, (long long)keep,
                         nwriters);
    HOOP_TRY(st, done, hoop__checkpoint_step_path(run_dir, meta->step, "", err, path));
    HOOP_TRY(st, done, collect(tmp, receipts, nwriters, &c, err));
    HOOP_TRY(st, done, hoop__path_join(tmp, "manifest.json", err, manifest, sizeof manifest));
    HOOP_TRY(st, done, hoop__manifest_write(manifest, meta, &c, err)); /* syncs tmp too, and so the names of the shards */
    HOOP_TRY(st, done, hoop__manifest_check(manifest, &c, err));
    HOOP_TRY(st, done, is_ours(lock, err));
    HOOP_TRY(st, done, take_name(run_dir, meta->step, tmp, path, err));
    hoop__path_dir(path, parent, sizeof parent);
    HOOP_TRY(st, done, hoop__file_sync(parent, err));
    (void)snprintf(out->path, sizeof out->path, "%s", path);
    for (int64_t i = 0; i < c.nshards; i++) out->bytes += c.shard[i].bytes;
    /* It is safe now: what fails from here on is only said. */
    (void)set_link(run_dir, lock, "latest", meta->step, &after);
    if (best) (void)set_best(run_dir, lock, meta->step, &after); /* the one before is then pruned as others are */
    if (keep > 0) (void)prune(run_dir, lock, meta->step, keep, &out->pruned, &after);
    (void)snprintf(out->note, sizeof out->note, "%s", after.text);
done:
    if (st != HOOP_OK && is_ours(lock, &lost) != HOOP_OK) { /* whatever failed, failed of that */
        st = lost.status;
        if (err != NULL) *err = lost;
    }
    hoop_checkpoint_discard(tmp);
    hoop__catalog_free(&c);
    return st;
}
