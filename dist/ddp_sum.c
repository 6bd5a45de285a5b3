/*
 * ddp_sum.c - the five ways in which gradients of leaves and ranks become one sum.
 *
 *   none     one rank, floats (or a single leaf): what backward left in grad is the sum
 *   local    one rank, exact: leaves are deposited in accumulators; the last one's deposit ends in grad, block by block
 *   leaf     exact, at most one leaf a rank: raw gradients travel (4 bytes an f32 element, not 8.5) and meet in the owner's
 *            accumulators, a few blocks at a time; no others exist
 *   exact    exact, several leaves a rank: leaves are deposited, accumulators travel and are merged on the way
 *   float    the sum of floats, in the order of the algorithm
 *
 * local, leaf and exact give the same bits.
 */
#include <string.h>

#include "comm_internal.h"
#include "ddp_internal.h"

/* Where every rank sends to every other, this many are enough. */
enum { LEAF_RANKS_MOST = 64 };

static char *grad_at(const hoop_ddp *d, int64_t block)
{
    return d->grad + block * d->block_bytes;
}

static char *accumulators_at(const hoop_ddp *d, int64_t block)
{
    return d->accumulators + block * d->exact.block_bytes;
}

static int64_t at_once(int64_t left)
{
    return left < HOOP__DDP_AT_ONCE ? left : HOOP__DDP_AT_ONCE;
}

static void deposit(hoop_ddp *d, const hoop__ddp_span *span, bool first)
{
    for (int64_t i = 0, n; i < span->nblocks; i += n) {
        const int64_t block = span->first_block + i;
        n                   = at_once(span->nblocks - i);
        if (first) hoop_exact_clear(&d->exact, accumulators_at(d, block), n);
        hoop_exact_deposit(&d->exact, accumulators_at(d, block), n, grad_at(d, block));
    }
}

static void keep_term(hoop_ddp *d, const hoop__ddp_span *span, bool first, bool last)
{
    (void)d, (void)span, (void)first, (void)last;
}

static void zero_grad(hoop_ddp *d, const hoop__ddp_span *span, bool first)
{
    if (first) memset(grad_at(d, span->first_block), 0, (size_t)(span->nblocks * d->block_bytes));
}

static hoop_status start_nothing(hoop_ddp *d, hoop__ddp_bucket *bucket, hoop_error *err)
{
    (void)d, (void)bucket, (void)err;
    return HOOP_OK;
}

/* Not finite: the exponent's bits are all ones. */
static bool is_finite(const hoop_ddp *d, int64_t first_block, int64_t nblocks)
{
    const int64_t n = nblocks * HOOP_EXACT_BLOCK;
    if (d->dtype == HOOP_F32) {
        const uint32_t *x    = (const uint32_t *)(const void *)grad_at(d, first_block);
        uint32_t        most = 0;
        for (int64_t i = 0; i < n; i++) most = (x[i] & 0x7fffffffu) > most ? x[i] & 0x7fffffffu : most;
        return most < 0x7f800000u;
    }
    const uint64_t *x    = (const uint64_t *)(const void *)grad_at(d, first_block);
    uint64_t        most = 0;
    for (int64_t i = 0; i < n; i++) most = (x[i] & INT64_MAX) > most ? x[i] & INT64_MAX : most;
    return most < UINT64_C(0x7ff) << 52;
}

static void finish_floats(hoop_ddp *d, const hoop__ddp_bucket *bucket, bool want_finite)
{
    if (want_finite) d->finite &= is_finite(d, bucket->own_first, bucket->own_count);
}

/* local */

static void finish_span(hoop_ddp *d, const hoop__ddp_span *span, bool with_term, bool first)
{
    for (int64_t i = 0, n; i < span->nblocks; i += n) {
        const int64_t block        = span->first_block + i;
        char         *accumulators = accumulators_at(d, block);
        n                          = at_once(span->nblocks - i);
        if (first) hoop_exact_clear(&d->exact, accumulators, n);
        if (with_term) hoop_exact_deposit(&d->exact, accumulators, n, grad_at(d, block));
        d->finite &= hoop_exact_finish(&d->exact, accumulators, n, grad_at(d, block));
    }
}

static void local_term(hoop_ddp *d, const hoop__ddp_span *span, bool first, bool last)
{
    if (last)
        finish_span(d, span, true, first);
    else
        deposit(d, span, first);
}

static void local_none(hoop_ddp *d, const hoop__ddp_span *span, bool first)
{
    if (first)
        zero_grad(d, span, true);
    else
        finish_span(d, span, false, false);
}

static void finish_nothing(hoop_ddp *d, const hoop__ddp_bucket *bucket, bool want_finite)
{
    (void)d, (void)bucket, (void)want_finite;
}

/* leaf and float: grad itself travels */

static hoop_status start_grad(hoop_ddp *d, hoop__ddp_bucket *bucket, hoop_error *err)
{
    return hoop_comm_reduce_scatter(d->comm, grad_at(d, bucket->first_block), bucket->nblocks, &d->reducer, bucket->reduce_what,
                                    err, &bucket->work);
}

/* own and others: raw gradients of the same blocks, one leaf each. A reducer's ctx is const; that of a step under way is ours. */
static void combine_leaves(const void *ctx, void *own, const void *const *others, int n, int64_t nblocks)
{
    hoop_ddp *d = (hoop_ddp *)(uintptr_t)ctx;
    for (int64_t i = 0, m; i < nblocks; i += m) {
        char *sum = (char *)own + i * d->block_bytes;
        m         = at_once(nblocks - i);
        hoop_exact_clear(&d->exact, d->few, m);
        hoop_exact_deposit(&d->exact, d->few, m, sum);
        for (int k = 0; k < n; k++) hoop_exact_deposit(&d->exact, d->few, m, (const char *)others[k] + i * d->block_bytes);
        d->finite &= hoop_exact_finish(&d->exact, d->few, m, sum);
    }
}

static void combine_floats(const void *ctx, void *dst, const void *src, int64_t nblocks)
{
    const hoop_reducer *sum = ctx;
    sum->combine(sum->ctx, dst, src, nblocks * HOOP_EXACT_BLOCK);
}

/* exact */

static void exact_term(hoop_ddp *d, const hoop__ddp_span *span, bool first, bool last)
{
    (void)last;
    deposit(d, span, first);
}

static void exact_none(hoop_ddp *d, const hoop__ddp_span *span, bool first)
{
    if (first) hoop_exact_clear(&d->exact, accumulators_at(d, span->first_block), span->nblocks);
}

static hoop_status start_accumulators(hoop_ddp *d, hoop__ddp_bucket *bucket, hoop_error *err)
{
    return hoop_comm_reduce_scatter(d->comm, accumulators_at(d, bucket->first_block), bucket->nblocks, &d->reducer,
                                    bucket->reduce_what, err, &bucket->work);
}

static void combine_accumulators(const void *ctx, void *dst, const void *src, int64_t nblocks)
{
    const hoop_ddp *d = ctx;
    hoop_exact_merge(&d->exact, dst, src, nblocks);
}

static void finish_accumulators(hoop_ddp *d, const hoop__ddp_bucket *bucket, bool want_finite)
{
    (void)want_finite;
    d->finite &=
        hoop_exact_finish(&d->exact, accumulators_at(d, bucket->own_first), bucket->own_count, grad_at(d, bucket->own_first));
}

const hoop__ddp_mode *hoop__ddp_choose(hoop_ddp *d, const hoop_ddp_opts *opts)
{
    static const hoop__ddp_mode none_mode  = {"none", keep_term, zero_grad, start_nothing, finish_floats, false};
    static const hoop__ddp_mode local_mode = {"local", local_term, local_none, start_nothing, finish_nothing, true};
    static const hoop__ddp_mode leaf_mode  = {"leaf", keep_term, zero_grad, start_grad, finish_nothing, false};
    static const hoop__ddp_mode exact_mode = {"exact", exact_term, exact_none, start_accumulators, finish_accumulators, true};
    static const hoop__ddp_mode float_mode = {"float", keep_term, zero_grad, start_grad, finish_floats, false};
    const int                   size       = hoop_comm_size(d->comm);
    const hoop_algorithm        algorithm  = d->comm->opts.algorithm;
    if (size == 1) return opts->exact && opts->leaves > 1 ? &local_mode : &none_mode;
    if (!opts->exact) {
        d->reducer = (hoop_reducer){d->block_bytes, combine_floats, NULL, hoop_reducer_of(d->dtype, HOOP_SUM)};
        return &float_mode;
    }
    if (d->leaves_most == 1 && size <= LEAF_RANKS_MOST &&
        (algorithm == HOOP_ALGORITHM_AUTO || algorithm == HOOP_ALGORITHM_EXCHANGE)) {
        d->reducer = (hoop_reducer){d->block_bytes, NULL, combine_leaves, d};
        return &leaf_mode;
    }
    d->reducer = (hoop_reducer){d->exact.block_bytes, combine_accumulators, NULL, d};
    return &exact_mode;
}
