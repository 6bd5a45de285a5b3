#include "train/sampling.h"

#include <math.h>
#include <stdlib.h>

#include "train/data.h"
#include "train/plan.h"
#include "train/weights.h"

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
    if (st == HOOP_OK) st = hoop__weights_read_all(ds, field, HOOP_I64, label, err);
    for (int64_t i = 0; i < n && st == HOOP_OK; i++)
        if (is_drawn(y, label[i])) count[label[i]]++;
    for (int64_t i = 0; i < n && st == HOOP_OK; i++) weight[i] = is_drawn(y, label[i]) ? 1.0 / (double)count[label[i]] : 0;
    free(label);
    free(count);
    return st;
}

static hoop_status weighted(hoop_trainer *tr, double *weight, hoop_error *err)
{
    const char *path = tr->plan->data.sampling_weights;
    if (path[0] == '\0')
        return hoop_config_fail(
            tr->config, "data.sampling", err,
            "weighted wants data.sampling_weights, an HDF5 dataset of a weight for each sample, such as /weights");
    return hoop__weights_read(tr, "data.sampling_weights", path, weight, err);
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
    if ((st = hoop__weights_hash(sum, n, err, tr->data->drawn_hash)) != HOOP_OK) return st;
    opts->drawn = sum;
    if (hoop_comm_rank(tr->comm) == 0)
        hoop__note(
            tr, "data.sampling: samples are drawn by weight, with replacement: an epoch has as many, but not each of them once");
    return HOOP_OK;
}
