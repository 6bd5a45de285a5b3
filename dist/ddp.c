/* ddp.c - a step of data-parallel training: which bucket waits for whom, and when each starts. ddp_cut.c cuts, ddp_sum.c sums. */
#include <stdlib.h>
#include <string.h>

#include "ddp_internal.h"

#define BUCKET_BYTES_DEFAULT (INT64_C(4) << 20)

static hoop_status check_opts(const hoop_comm *comm, const hoop_ddp_opts *o, hoop_error *err)
{
    int64_t end = 0, bytes;
    if (!hoop_dtype_is_float(o->dtype))
        return hoop_fail(err, HOOP_EDTYPE, "ddp: gradients of %s, they are f32 or f64", hoop_dtype_name(o->dtype));
    if (o->nblocks < 0 || o->nparams < 0 || o->bucket_bytes < 0)
        return hoop_fail(err, HOOP_EARG, "ddp: %lld blocks, %d parameters, buckets of %lld bytes: none may be negative",
                         (long long)o->nblocks, o->nparams, (long long)o->bucket_bytes);
    if (__builtin_mul_overflow(o->nblocks, (int64_t)sizeof(hoop_exact_block64) * 2, &bytes))
        return hoop_fail(err, HOOP_ESIZE, "ddp: %lld blocks are too many", (long long)o->nblocks);
    if (o->leaves < hoop_comm_size(comm))
        return hoop_fail(err, HOOP_EARG, "ddp: %lld leaves for %d ranks, each needs at least one", (long long)o->leaves,
                         hoop_comm_size(comm));
    for (int i = 0; i < o->nparams; i++) {
        const int64_t first = o->first_block[i], n = o->param_blocks[i];
        if (first < end || n < 0 || n > o->nblocks || first > o->nblocks - n)
            return hoop_fail(err, HOOP_EARG, "ddp: parameter %d has blocks %lld to %lld, after %lld and of %lld", i,
                             (long long)first, (long long)(first + n), (long long)end, (long long)o->nblocks);
        end = first + n;
    }
    return HOOP_OK;
}

/* buffers for gradients of leaves */
static int count_terms(const hoop_ddp *d)
{
    const int most = d->nblocks * d->block_bytes <= HOOP__DDP_TERMS_BYTES ? HOOP__DDP_TERMS : 2;
    return !d->mode->collects ? 1 : d->leaves_most < most ? (int)d->leaves_most : most;
}

static hoop_status no_memory(const hoop_ddp *d, hoop_error *err)
{
    return hoop_fail(err, HOOP_ENOMEM, "ddp: no memory for the sums of %lld blocks (%lld bytes)", (long long)d->nblocks,
                     (long long)d->bytes);
}

static bool take_accumulators(hoop_ddp *d)
{
    if (d->accumulators == NULL) d->accumulators = hoop__ddp_take(d, d->nblocks, d->exact.block_bytes);
    return d->accumulators != NULL;
}

/* What leaves one by one need: buffers beside grad, and accumulators where there are more leaves than buffers. */
static bool take_terms(hoop_ddp *d)
{
    if (!d->mode->collects) return true;
    if (d->more == NULL) d->more = hoop__ddp_take(d, d->nblocks * (d->nterms - 1), d->block_bytes);
    return d->more != NULL && (d->leaves_most <= d->nterms || take_accumulators(d));
}

hoop_status hoop_ddp_create(hoop_comm *comm, const hoop_ddp_opts *opts, hoop_error *err, hoop_ddp **out)
{
    hoop_ddp   *d;
    hoop_status st = check_opts(comm, opts, err);
    *out           = NULL;
    if (st != HOOP_OK) return st;
    d = calloc(1, sizeof *d);
    if (d == NULL) return hoop_fail(err, HOOP_ENOMEM, "ddp: no memory");
    d->comm          = comm;
    d->runtime       = opts->runtime;
    d->dtype         = opts->dtype;
    d->nblocks       = opts->nblocks;
    d->nparams       = opts->nparams;
    d->block_bytes   = HOOP_EXACT_BLOCK * (int64_t)hoop_dtype_size(opts->dtype);
    d->bucket_blocks = (opts->bucket_bytes > 0 ? opts->bucket_bytes : BUCKET_BYTES_DEFAULT) / d->block_bytes;
    if (d->bucket_blocks < 1) d->bucket_blocks = 1;
    d->leaves_most = (opts->leaves + hoop_comm_size(comm) - 1) / hoop_comm_size(comm);
    d->is_exact    = opts->exact;
    if (opts->exact) HOOP_TRY(st, done, hoop_exact_init(&d->exact, opts->kernels, opts->dtype, opts->leaves, err));
    d->mode = hoop__ddp_choose(d, opts);
    HOOP_TRY(st, done, hoop__ddp_cut(d, opts, err));
    d->nterms = count_terms(d);
    if (d->mode->sends_accumulators && !take_accumulators(d)) {
        st = no_memory(d, err);
        goto done;
    }
    *out = d;
    return HOOP_OK;
done:
    hoop_ddp_destroy(&d);
    return st;
}

/* Others wait for this rank's part; works under way read and write what is about to go. */
static void leave_step(hoop_ddp *d)
{
    hoop_error why = {0};
    if (!d->in_step || hoop_comm_size(d->comm) == 1) return;
    (void)hoop_fail(&why, HOOP_ESTATE, "step %lld was left in its middle", (long long)d->step);
    hoop_comm_poison(d->comm, &why);
    for (int k = 0; k < d->nbuckets; k++) (void)hoop_work_wait(&d->buckets[k].work, NULL);
}

void hoop_ddp_destroy(hoop_ddp **ddp)
{
    hoop_ddp *d = ddp == NULL ? NULL : *ddp;
    if (d == NULL) return;
    if (d->buckets != NULL) leave_step(d);
    free(d->spans);
    free(d->buckets);
    free(d->ranges);
    free(d->cuts);
    *ddp = NULL;
    if (hoop_comm_unsettled(d->comm)) { /* the wire may still write into the sums, and MPI call a reducer of d */
        d->runtime = NULL;
        return;
    }
    free(d->accumulators);
    free(d->more);
    free(d);
}

/* In order: a bucket starts when it and all before it are there. */
static void start_buckets(hoop_ddp *d)
{
    for (; d->next < d->nbuckets && d->buckets[d->next].missing == 0 && d->error.status == HOOP_OK; d->next++) {
        hoop_profile_begin(d->runtime, "reduce-scatter", HOOP_PHASE_OTHER, 0.0);
        if (d->mode->start(d, &d->buckets[d->next], &d->error) != HOOP_OK)
            hoop_comm_poison(d->comm, &d->error); /* the others wait for it */
        hoop_profile_end(d->runtime);
    }
}

/* its sum is made */
static void end_span(hoop_ddp *d, hoop__ddp_span *span)
{
    span->done = true;
    for (int k = span->from; k < span->to; k++) d->buckets[k].missing--;
    start_buckets(d);
}

static void close_span(hoop_ddp *d, hoop__ddp_span *span)
{
    d->mode->close(d, span);
    end_span(d, span);
}

hoop_status hoop_ddp_begin(hoop_ddp *d, int64_t step, void *grad, hoop_error *err)
{
    hoop_status st = hoop_comm_check(d->comm, err);
    if (st != HOOP_OK) return st;
    if (d->in_step)
        return hoop_fail(err, HOOP_ESTATE, "ddp: step %lld begins before step %lld was reduced", (long long)step,
                         (long long)d->step);
    if (grad == NULL && d->nblocks > 0) return hoop_fail(err, HOOP_EARG, "ddp: there is no gradient buffer");
    d->grad = grad;
    d->leaf = d->turn = d->group = 0;
    d->step                      = step;
    d->in_step                   = true;
    atomic_store(&d->finite, true);
    atomic_store(&d->came, 0);
    atomic_store(&d->strayed, false);
    d->wanted = 0;
    d->next   = 0;
    d->error  = (hoop_error){0};
    hoop_comm_set_position(d->comm, step, "backward");
    for (int k = 0; k < d->nbuckets; k++) d->buckets[k].missing = d->buckets[k].spans;
    for (int i = 0; i < d->nspans; i++) {
        d->spans[i].done  = false;
        d->spans[i].terms = d->spans[i].deposited = 0;
    }
    for (int i = d->nspans - 1; i >= d->nparams; i--) close_span(d, &d->spans[i]);
    return HOOP_OK;
}

/* May n more leaves begin? */
static bool begins(hoop_ddp *d, int64_t n)
{
    if (!d->in_step || d->error.status != HOOP_OK) return false;
    if (n >= 1 && n <= d->leaves_most - d->leaf) return true;
    (void)hoop_fail(&d->error, HOOP_ESTATE, "ddp: step %lld: %s%lld", (long long)d->step,
                    n < 1 ? "leaves at once are at least 1, not " : "more leaves than this rank's ",
                    (long long)(n < 1 ? n : d->leaves_most));
    return false;
}

void *hoop_ddp_next_leaf(hoop_ddp *d)
{
    if (!begins(d, 1)) return NULL;
    if (!take_terms(d)) {
        (void)no_memory(d, &d->error);
        return NULL;
    }
    d->group = 0;
    d->leaf++;
    return hoop__ddp_term(d, d->turn++ % d->nterms);
}

hoop_status hoop_ddp_next_leaves(hoop_ddp *d, int64_t n, bool last, hoop_error *err)
{
    if (!d->in_step) return hoop_fail(err, HOOP_ESTATE, "ddp: leaves begin outside a step");
    if (begins(d, n) && !d->is_exact)
        (void)hoop_fail(&d->error, HOOP_ESTATE, "ddp: step %lld: sums of floats take leaves one by one", (long long)d->step);
    if (d->error.status == HOOP_OK && d->mode->collects && (d->leaf > 0 || !last) && !take_accumulators(d))
        (void)no_memory(d, &d->error);
    if (d->error.status != HOOP_OK) return hoop_fail(err, d->error.status, "%s", d->error.text);
    if (d->turn > 0) hoop__ddp_flush(d);
    d->first = d->leaf == 0;
    d->last  = last;
    d->group = n;
    d->turn  = 0;
    d->leaf += n;
    return HOOP_OK;
}

/* The parameter that became ready for the `n` leaves begun last; NULL: it should not have. */
static hoop__ddp_span *ready_span(hoop_ddp *d, int param, int64_t n)
{
    hoop__ddp_span *span;
    if (d->error.status != HOOP_OK) return NULL;
    if (!d->in_step || param < 0 || param >= d->nparams) {
        (void)hoop_fail(&d->error, d->in_step ? HOOP_EARG : HOOP_ESTATE, "ddp: parameter %d of %d became ready %s", param,
                        d->nparams, d->in_step ? "and is none" : "outside a step");
        return NULL;
    }
    span = &d->spans[param];
    if (!span->done && d->leaf > 0 && n > 0 && span->terms == d->leaf - n) return span;
    (void)hoop_fail(&d->error, HOOP_ESTATE, "ddp: parameter %d became ready %s", param,
                    span->done               ? "again after its last leaf"
                    : d->leaf == 0           ? "before hoop_ddp_next_leaf"
                    : n == 0                 ? "of one leaf among several at once, or of several in one"
                    : span->terms == d->leaf ? "twice in a leaf"
                                             : "in this leaf, but not in all before it");
    return NULL;
}

void hoop_ddp_ready(hoop_ddp *d, int param, bool last_leaf)
{
    hoop__ddp_span *span = ready_span(d, param, d->group == 0);
    if (span == NULL) return;
    span->terms++;
    if (last_leaf)
        close_span(d, span);
    else
        d->mode->term(d, span);
}

void hoop_ddp_sum(hoop_ddp *d, int64_t first_block, int64_t nblocks, const void *const *terms)
{
    if (!d->in_step || d->group == 0 || first_block < 0 || nblocks < 0 || nblocks > d->nblocks - first_block) {
        atomic_store_explicit(&d->strayed, true, memory_order_relaxed);
        return;
    }
    atomic_fetch_add_explicit(&d->came, nblocks, memory_order_relaxed);
    hoop_profile_begin(d->runtime, HOOP__DDP_SUMS, HOOP_PHASE_OTHER, 0.0);
    hoop__ddp_sum(d, first_block, nblocks, terms);
    hoop_profile_end(d->runtime);
}

void hoop_ddp_ready_leaves(hoop_ddp *d, int param)
{
    hoop__ddp_span *span = ready_span(d, param, d->group);
    if (span == NULL) return;
    span->terms += d->group;
    span->deposited = span->terms;
    d->wanted += span->nblocks;
    if (d->last) end_span(d, span);
}

void hoop_ddp_poll(hoop_ddp *d)
{
    hoop_profile_begin(d->runtime, "reduce-scatter", HOOP_PHASE_OTHER, 0.0);
    hoop_comm_progress(d->comm);
    hoop_profile_end(d->runtime);
}

void hoop_ddp_skip_all(hoop_ddp *d)
{
    hoop_error kept = d->error;
    if (!d->in_step) return;
    d->error = (hoop_error){0}; /* the others wait for our part, whatever went wrong here */
    for (int i = d->nspans - 1; i >= 0; i--) {
        if (!d->spans[i].done) close_span(d, &d->spans[i]);
    }
    if (kept.status != HOOP_OK) d->error = kept;
}

static bool is_complete(const hoop_ddp *d)
{
    for (int i = 0; i < d->nspans; i++)
        if (!d->spans[i].done && d->spans[i].nblocks > 0) return false;
    return true;
}

/* Did each gradient of leaves at once come that was said to be ready, and where it should? */
static void check_sums(hoop_ddp *d)
{
    const int64_t came = atomic_load(&d->came);
    if (d->error.status == HOOP_OK && atomic_load(&d->strayed))
        (void)hoop_fail(&d->error, HOOP_EARG, "ddp: step %lld: hoop_ddp_sum outside hoop_ddp_next_leaves, or beyond block %lld",
                        (long long)d->step, (long long)d->nblocks);
    if (d->error.status == HOOP_OK && came < d->wanted)
        (void)hoop_fail(&d->error, HOOP_ESTATE,
                        "ddp: step %lld: parameters of %lld blocks became ready, and hoop_ddp_sum was given %lld",
                        (long long)d->step, (long long)d->wanted, (long long)came);
}

hoop_status hoop_ddp_reduce(hoop_ddp *d, hoop_error *err, bool *finite)
{
    const double before = hoop_comm_wait_s(d->comm);
    hoop_error   why    = {0};
    if (!d->in_step) return hoop_fail(err, HOOP_ESTATE, "ddp: there is no step to reduce: begin one first");
    check_sums(d);
    if (!is_complete(d) || d->error.status != HOOP_OK) {
        (void)hoop_fail(&d->error, HOOP_ESTATE,
                        "ddp: not every parameter became ready in step %lld: hoop_ddp_skip_all is for those", (long long)d->step);
        hoop_ddp_skip_all(d);
    }
    hoop_profile_begin(d->runtime, "reduce-scatter, waiting", HOOP_PHASE_OTHER, 0.0);
    for (int k = 0; k < d->nbuckets; k++) {
        hoop_status st = hoop_work_wait(&d->buckets[k].work, &why);
        if (st == HOOP_OK && why.status == HOOP_OK) d->mode->finish(d, &d->buckets[k]);
    }
    hoop_profile_end(d->runtime);
    d->in_step = false;
    d->wait_s += hoop_comm_wait_s(d->comm) - before;
    hoop_comm_set_position(d->comm, d->step, "update");
    if (finite != NULL) *finite = atomic_load(&d->finite);
    if (d->error.status != HOOP_OK) return hoop_fail(err, d->error.status, "%s", d->error.text);
    return why.status == HOOP_OK ? HOOP_OK : hoop_fail(err, why.status, "%s", why.text);
}

void hoop_ddp_ranges(const hoop_ddp *d, int *nranges, const hoop_ddp_range **ranges)
{
    *nranges = d->nranges;
    *ranges  = d->ranges;
}

hoop_status hoop_ddp_gather(hoop_ddp *d, void *weights, hoop_error *err)
{
    const double before = hoop_comm_wait_s(d->comm);
    hoop_status  st     = hoop_comm_check(d->comm, err);
    if (st != HOOP_OK) return st;
    if (d->in_step)
        return hoop_fail(err, HOOP_ESTATE, "ddp: weights of step %lld are gathered before its gradients were reduced",
                         (long long)d->step);
    hoop_profile_begin(d->runtime, "all-gather", HOOP_PHASE_OTHER, 0.0);
    for (int k = 0; k < d->nbuckets && st == HOOP_OK; k++) {
        hoop__ddp_bucket *b = &d->buckets[k];
        st = hoop__all_gather_cut(d->comm, (char *)weights + b->first_block * d->block_bytes, b->nblocks, d->block_bytes, b->cuts,
                                  b->gather_what, err, &b->work);
    }
    for (int k = 0; k < d->nbuckets; k++) {
        hoop_status waited = hoop_work_wait(&d->buckets[k].work, st == HOOP_OK ? err : NULL);
        if (st == HOOP_OK) st = waited;
    }
    hoop_profile_end(d->runtime);
    d->wait_s += hoop_comm_wait_s(d->comm) - before;
    return st;
}

int hoop_ddp_nbuckets(const hoop_ddp *d)
{
    return d->nbuckets;
}

double hoop_ddp_wait_s(const hoop_ddp *d)
{
    return d->wait_s;
}

int64_t hoop_ddp_bytes(const hoop_ddp *d)
{
    return d->bytes;
}
