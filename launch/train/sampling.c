#include "train/sampling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/data.h"
#include "train/plan.h"

enum { AT_ONCE = 4096 };

/* All rows of a field of one number each. */
static hoop_status read_all(hoop_dataset *ds, int field, hoop_dtype as, char *out, hoop_error *err)
{
    const int64_t n  = hoop_dataset_about(ds)->length;
    hoop_status   st = HOOP_OK;
    int64_t       index[AT_ONCE];
    for (int64_t at = 0; at < n && st == HOOP_OK; at += AT_ONCE) {
        const int64_t count = n - at < AT_ONCE ? n - at : AT_ONCE;
        for (int64_t i = 0; i < count; i++) index[i] = at + i;
        st = hoop_dataset_read(ds, index, count, field, as, out + (size_t)at * hoop_dtype_size(as), err);
    }
    return st;
}

/* Labels of which samples are drawn: those of classes, but for the one that is ignored. */
static bool is_drawn(const hoop__field *y, int64_t label)
{
    return label >= 0 && label < y->classes && label != hoop_loss_ignores(y->loss, y->loss_opts);
}

/* Of each class in all the same; what is ignored is not drawn. */
static hoop_status balanced(hoop_trainer *tr, double *weight, hoop_error *err)
{
    const int          field = tr->data->ninputs;
    const hoop__field *y     = hoop__target(tr, 0);
    hoop_dataset      *ds    = tr->data->train;
    const int64_t      n     = hoop_dataset_about(ds)->length;
    int64_t           *label = NULL, *count = NULL;
    hoop_status        st;
    if (tr->data->ntargets != 1 || !y->loss->classes || y->ndim != 0)
        return hoop_config_fail(tr->config, "data.sampling", err,
                                "balanced is for one target, of one class a sample; weighted goes by a dataset of weights");
    label = malloc((size_t)n * sizeof *label);
    count = calloc((size_t)y->classes, sizeof *count);
    st    = label != NULL && count != NULL ? HOOP_OK : hoop_fail(err, HOOP_ENOMEM, "no memory for %lld labels", (long long)n);
    if (st == HOOP_OK) st = read_all(ds, field, HOOP_I64, (char *)label, err);
    for (int64_t i = 0; i < n && st == HOOP_OK; i++)
        if (is_drawn(y, label[i])) count[label[i]]++;
    for (int64_t i = 0; i < n && st == HOOP_OK; i++) weight[i] = is_drawn(y, label[i]) ? 1.0 / (double)count[label[i]] : 0;
    free(label);
    free(count);
    return st;
}

static hoop_status weighted(hoop_trainer *tr, double *weight, hoop_error *err)
{
    const char           *path  = tr->plan->data.sampling_weights;
    const hoop_field_opts field = {.name = "weights", .path = path};
    hoop_dataset_opts opts = {.fields = &field, .nfields = 1, .attributes = (hoop_dataset_attributes)tr->plan->data.attributes};
    const int64_t     n    = hoop_dataset_about(tr->data->train)->length;
    hoop_dataset     *ds   = NULL;
    hoop_error        why  = {.status = HOOP_OK};
    hoop_status       st   = HOOP_OK;
    if (path[0] == '\0')
        return hoop_config_fail(
            tr->config, "data.sampling", err,
            "weighted wants data.sampling_weights, an HDF5 dataset of a weight for each sample, such as /weights");
    if (hoop_dataset_open(tr->plan->data.train, &opts, &why, &ds) != HOOP_OK)
        return hoop_config_fail(tr->config, "data.sampling_weights", err, "%s", why.text);
    if (hoop_dataset_about(ds)->length != n || hoop_dataset_about(ds)->field[0].numel != 1)
        st = hoop_config_fail(tr->config, "data.sampling_weights", err,
                              "%s has %lld rows of %lld numbers; one number for each of %lld samples is wanted", path,
                              (long long)hoop_dataset_about(ds)->length, (long long)hoop_dataset_about(ds)->field[0].numel,
                              (long long)n);
    if (st == HOOP_OK && read_all(ds, 0, HOOP_F64, (char *)weight, &why) != HOOP_OK)
        st = hoop_config_fail(tr->config, "data.sampling_weights", err, "%s", why.text);
    hoop_dataset_close(&ds);
    for (int64_t i = 0; i < n && st == HOOP_OK; i++)
        if (!(weight[i] >= 0) || !isfinite(weight[i]))
            st = hoop_config_fail(tr->config, "data.sampling_weights", err,
                                  "weight %lld of %s is %g; finite ones from 0 are wanted", (long long)i, path, weight[i]);
    return st;
}

static hoop_status take_hash(hoop__data *d, int64_t n, hoop_error *err)
{
    hoop__sha256 *h;
    hoop_status   st = hoop__sha256_create(err, &h);
    if (st != HOOP_OK) return st;
    st = hoop__sha256_update(h, d->drawn, (size_t)n * sizeof *d->drawn, err);
    if (st == HOOP_OK) st = hoop__sha256_finish(h, err, NULL, d->drawn_hash);
    hoop__sha256_destroy(&h);
    return st;
}

hoop_status hoop__sampling_agree(hoop_trainer *tr, hoop_error *err)
{
    return tr->data->drawn == NULL ? HOOP_OK : hoop_comm_agree(tr->comm, "weights of samples", tr->data->drawn_hash, err);
}

hoop_status hoop__sampling_same(const hoop_trainer *tr, const hoop_checkpoint *c, hoop_error *err)
{
    const char *hash = tr->data->drawn_hash, *then = hoop_checkpoint_note(c, HOOP__SAMPLING_NOTE);
    const bool  read = tr->plan->data.sampling == HOOP__SAMPLING_WEIGHTED;
    if (tr->data->drawn == NULL || then == NULL || strcmp(then, hash) == 0) return HOOP_OK;
    return hoop_config_fail(tr->config, read ? "data.sampling_weights" : "data.sampling", err,
                            "weights of samples%s%s have the SHA-256 %.16s, and %s was trained with those of %.16s; the same "
                            "ones are wanted to go on",
                            read ? " in " : "", read ? tr->plan->data.sampling_weights : "", hash, hoop_checkpoint_path(c), then);
}

hoop_status hoop__sampling_load(hoop_trainer *tr, hoop_loader_opts *opts, hoop_error *err)
{
    const int     how = tr->plan->data.sampling;
    const int64_t n   = hoop_dataset_about(tr->data->train)->length;
    double       *sum;
    hoop_status   st;
    if (how != HOOP__SAMPLING_WEIGHTED && tr->plan->data.sampling_weights[0] != '\0')
        return hoop_config_fail(tr->config, "data.sampling_weights", err, "is for data.sampling: weighted; take one out");
    if (how == HOOP__SAMPLING_ONCE) return HOOP_OK;
    sum = malloc((size_t)n * sizeof *sum);
    if (sum == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for %lld weights", (long long)n);
    tr->data->drawn = sum;
    st              = how == HOOP__SAMPLING_BALANCED ? balanced(tr, sum, err) : weighted(tr, sum, err);
    if (st != HOOP_OK) return st;
    for (int64_t i = 1; i < n; i++) sum[i] += sum[i - 1];
    if (!(sum[n - 1] > 0) || !isfinite(sum[n - 1]))
        return hoop_config_fail(tr->config, "data.sampling", err,
                                "weights add up to %g; samples are drawn by a finite sum above 0", sum[n - 1]);
    if ((st = take_hash(tr->data, n, err)) != HOOP_OK) return st;
    opts->drawn = sum;
    if (hoop_comm_rank(tr->comm) == 0)
        hoop__note(
            tr, "data.sampling: samples are drawn by weight, with replacement: an epoch has as many, but not each of them once");
    return HOOP_OK;
}
