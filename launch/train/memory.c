/* What a rank holds in memory, by what it is for. */
#include "train/data.h"
#include "train/plan.h"
#include "train/saving.h"
#include "train/step.h"

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t buffer_bytes(const hoop_params *p)
{
    int64_t n = 0;
    for (int i = 0; i < hoop_params_buffer_count(p); i++) {
        const hoop_tensor *x = hoop_params_buffer(p, i);
        n += hoop_tensor_numel(x) * (int64_t)hoop_dtype_size(hoop_tensor_dtype(x));
    }
    return n;
}

/* elements of optimiser state that this rank has a part in */
static hoop_status add_states(hoop_trainer *tr, void *ctx, int param, int64_t first, int64_t count, hoop_error *err)
{
    int64_t *n = ctx;
    (void)first, (void)err;
    for (int i = 0; i < hoop_optim_state_count(tr->optim); i++) *n += hoop__state_count(tr, i, param, count);
    return HOOP_OK;
}

/* what its updates compute in, one after the other */
static int64_t update_bytes(const hoop_trainer *tr)
{
    const hoop_ddp_range *range;
    int64_t               most = 0;
    int                   n;
    hoop_ddp_ranges(tr->ddp, &n, &range);
    for (int i = 0; i < n; i++) {
        const int64_t bytes = hoop_optim_work_bytes(tr->optim, tr->rt, range[i].first_block, range[i].nblocks);
        if (bytes > most) most = bytes;
    }
    return most;
}

/* decoded chunks are kept up to a limit; what is mapped is the system's, which takes it back */
static int64_t dataset_bytes(const hoop_dataset *ds)
{
    const hoop_dataset_info *info = ds == NULL ? NULL : hoop_dataset_about(ds);
    return info == NULL ? 0 : smaller(info->chunked_bytes, info->cache_bytes);
}

hoop_trainer_bytes hoop_trainer_memory(const hoop_trainer *tr)
{
    const int64_t block = HOOP_BLOCK * (int64_t)hoop_dtype_size(tr->dtype), weights = hoop_params_nblocks(tr->params) * block;
    const int64_t buffers = buffer_bytes(tr->params);
    hoop_trainer_bytes b  = {.parameters = weights + buffers, .gradients = hoop_params_trained(tr->params) * block};
    if (tr->ddp != NULL) b.exchange = hoop_ddp_bytes(tr->ddp);
    if (tr->ddp != NULL) (void)hoop__each_own_part((hoop_trainer *)(uintptr_t)tr, add_states, &b.optimizer, NULL);
    b.optimizer *= (int64_t)hoop_dtype_size(tr->dtype);
    b.checkpoint = b.optimizer + (hoop_comm_rank(tr->comm) == 0 ? weights + buffers : 0);
    if (tr->ddp != NULL && hoop_optim_searches(tr->optim)) b.optimizer = hoop_optim_bytes(tr->optim);
    b.activations = hoop__leaves_peak(tr);
    b.reserve     = hoop__leaves_reserved(tr) - b.activations;
    b.data        = dataset_bytes(tr->data->train);
    if (tr->data->weights != NULL) b.data += hoop_dataset_about(tr->data->train)->length * (int64_t)sizeof *tr->data->weights;
    if (tr->data->drawn != NULL) b.data += hoop_dataset_about(tr->data->train)->length * (int64_t)sizeof *tr->data->drawn;
    if (tr->data->loader != NULL) b.data += hoop_loader_bytes(tr->data->loader);
    if (tr->ddp != NULL) b.optimizer += update_bytes(tr);
    return b;
}
