#include "train/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/data.h"
#include "train/labels.h"
#include "train/plan.h"
#include "train/sampling.h"

enum { AT_ONCE = 4096 };

hoop_status hoop__weights_read_all(hoop_dataset *ds, int field, hoop_dtype as, void *out, hoop_error *err)
{
    const int64_t n  = hoop_dataset_about(ds)->length;
    hoop_status   st = HOOP_OK;
    int64_t       index[AT_ONCE];
    for (int64_t at = 0; at < n && st == HOOP_OK; at += AT_ONCE) {
        const int64_t count = n - at < AT_ONCE ? n - at : AT_ONCE;
        for (int64_t i = 0; i < count; i++) index[i] = at + i;
        st = hoop_dataset_read(ds, index, count, field, as, (char *)out + (size_t)at * hoop_dtype_size(as), err);
    }
    return st;
}

hoop_status hoop__weights_read(hoop_trainer *tr, const char *key, const char *path, double *out, hoop_error *err)
{
    const hoop_field_opts field = {.name = "weights", .path = path};
    hoop_dataset_opts opts = {.fields = &field, .nfields = 1, .attributes = (hoop_dataset_attributes)tr->plan->data.attributes};
    const int64_t     n    = hoop_dataset_about(tr->data->train)->length;
    hoop_dataset     *ds   = NULL;
    hoop_error        why  = {.status = HOOP_OK};
    hoop_status       st   = HOOP_OK;
    if (hoop_dataset_open(tr->plan->data.train, &opts, &why, &ds) != HOOP_OK)
        return hoop_config_fail(tr->config, key, err, "%s", why.text);
    if (hoop_dataset_about(ds)->length != n || hoop_dataset_about(ds)->field[0].numel != 1)
        st = hoop_config_fail(
            tr->config, key, err, "%s has %lld rows of %lld numbers; one number for each of %lld samples is wanted", path,
            (long long)hoop_dataset_about(ds)->length, (long long)hoop_dataset_about(ds)->field[0].numel, (long long)n);
    if (st == HOOP_OK && hoop__weights_read_all(ds, 0, HOOP_F64, out, &why) != HOOP_OK)
        st = hoop_config_fail(tr->config, key, err, "%s", why.text);
    for (int64_t i = 0; i < n && st == HOOP_OK; i++) {
        int64_t     row  = i;
        const char *file = hoop__labels_shard(ds, &row);
        if (!(out[i] >= 0) || !isfinite(out[i]))
            st = hoop_config_fail(tr->config, key, err, "%s: weight %lld of %s is %g; finite ones from 0 are wanted", file,
                                  (long long)row, path, out[i]);
    }
    hoop_dataset_close(&ds);
    return st;
}

hoop_status hoop__weights_hash(const double *values, int64_t n, hoop_error *err, char hex[HOOP__SHA256_HEX])
{
    hoop__sha256 *h;
    hoop_status   st = hoop__sha256_create(err, &h);
    if (st != HOOP_OK) return st;
    st = hoop__sha256_update(h, values, (size_t)n * sizeof *values, err);
    if (st == HOOP_OK) st = hoop__sha256_finish(h, err, NULL, hex);
    hoop__sha256_destroy(&h);
    return st;
}

/* ---- data.weights ---- */

static hoop_status check_losses(const hoop_trainer *tr, hoop_error *err)
{
    for (int k = 0; k < tr->data->ntargets; k++)
        if (hoop__target(tr, k)->loss->weighted == NULL)
            return hoop_config_fail(tr->config, "data.weights", err, "the loss %s is not made of samples that could have weights",
                                    hoop__target(tr, k)->loss->name);
    return HOOP_OK;
}

hoop_status hoop__weights_load(hoop_trainer *tr, hoop_error *err)
{
    const char   *path = tr->plan->data.weights;
    const int64_t n    = hoop_dataset_about(tr->data->train)->length;
    double        sum  = 0;
    hoop_status   st;
    if (path[0] == '\0') return HOOP_OK;
    if ((st = check_losses(tr, err)) != HOOP_OK) return st;
    tr->data->weights = malloc((size_t)n * sizeof *tr->data->weights);
    if (tr->data->weights == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for %lld weights", (long long)n);
    if ((st = hoop__weights_read(tr, "data.weights", path, tr->data->weights, err)) != HOOP_OK) return st;
    for (int64_t i = 0; i < n; i++) sum += tr->data->weights[i];
    if (!(sum > 0) || !isfinite(sum))
        return hoop_config_fail(tr->config, "data.weights", err, "all of %s add up to %g; a finite sum above 0 is wanted", path,
                                sum);
    return hoop__weights_hash(tr->data->weights, n, err, tr->data->weights_hash);
}

/* ---- between ranks and runs ---- */

hoop_status hoop__weights_agree(hoop_trainer *tr, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    if (tr->data->drawn != NULL) st = hoop_comm_agree(tr->comm, "weights of samples", tr->data->drawn_hash, err);
    if (st == HOOP_OK && tr->data->weights != NULL)
        st = hoop_comm_agree(tr->comm, "weights of losses", tr->data->weights_hash, err);
    return st;
}

/* hash: of what the data give now, under `path` (NULL: from labels) */
static hoop_status same(const hoop_trainer *tr, const hoop_checkpoint *c, const char *key, const char *path, const char *note,
                        const char *hash, hoop_error *err)
{
    const char *then = hoop_checkpoint_note(c, note);
    if (then == NULL || strcmp(then, hash) == 0) return HOOP_OK;
    return hoop_config_fail(tr->config, key, err,
                            "weights of samples%s%s have the SHA-256 %.16s, and %s was trained with those of %.16s; the same "
                            "ones are wanted to go on",
                            path != NULL ? " in " : "", path != NULL ? path : "", hash, hoop_checkpoint_path(c), then);
}

hoop_status hoop__weights_same(const hoop_trainer *tr, const hoop_checkpoint *c, hoop_error *err)
{
    const bool  read = tr->plan->data.sampling == HOOP__SAMPLING_WEIGHTED;
    hoop_status st   = HOOP_OK;
    if (tr->data->drawn != NULL)
        st = same(tr, c, read ? "data.sampling_weights" : "data.sampling", read ? tr->plan->data.sampling_weights : NULL,
                  HOOP__SAMPLING_NOTE, tr->data->drawn_hash, err);
    if (st == HOOP_OK && tr->data->weights != NULL)
        st = same(tr, c, "data.weights", tr->plan->data.weights, HOOP__WEIGHTS_NOTE, tr->data->weights_hash, err);
    return st;
}

int hoop__weights_notes(const hoop_trainer *tr, const char **out)
{
    int n = 0;
    if (tr->data->drawn != NULL) {
        out[2 * n]       = HOOP__SAMPLING_NOTE;
        out[2 * n++ + 1] = tr->data->drawn_hash;
    }
    if (tr->data->weights != NULL) {
        out[2 * n]       = HOOP__WEIGHTS_NOTE;
        out[2 * n++ + 1] = tr->data->weights_hash;
    }
    return n;
}
