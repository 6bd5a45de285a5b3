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

static void not_finite(hoop_ddp *d, bool finite)
{
    if (!finite) atomic_store_explicit(&d->finite, false, memory_order_relaxed);
}

/* What is done to blocks [block, block + n), n at most HOOP__DDP_AT_ONCE; blocks do not meet, so threads share them. */
typedef struct piecework {
    void (*piece)(hoop_ddp *d, const struct piecework *w, int64_t block, int64_t n);
    hoop_ddp          *d;
    int64_t            first_block, nblocks;
    bool               first, with_term; /* of a deposit: nothing came before; a gradient comes */
    char              *own;              /* of a merge: accumulators, or raw gradients */
    const void *const *others;
    int                nothers;
} piecework;

static void do_task(void *ctx, int64_t task)
{
    const piecework *w    = ctx;
    const int64_t    from = task * HOOP__DDP_TASK, to = from + HOOP__DDP_TASK < w->nblocks ? from + HOOP__DDP_TASK : w->nblocks;
    for (int64_t i = from; i < to; i += HOOP__DDP_AT_ONCE)
        w->piece(w->d, w, w->first_block + i, to - i < HOOP__DDP_AT_ONCE ? to - i : HOOP__DDP_AT_ONCE);
}

static void do_pieces(piecework *w)
{
    hoop_runtime_run(w->d->runtime, (w->nblocks + HOOP__DDP_TASK - 1) / HOOP__DDP_TASK, do_task, w);
}

static void deposit_piece(hoop_ddp *d, const piecework *w, int64_t block, int64_t n)
{
    if (w->first) hoop_exact_clear(&d->exact, accumulators_at(d, block), n);
    hoop_exact_deposit(&d->exact, accumulators_at(d, block), n, grad_at(d, block));
}

static void deposit(hoop_ddp *d, const hoop__ddp_span *span, bool first)
{
    do_pieces(&(piecework){deposit_piece, d, span->first_block, span->nblocks, .first = first});
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

static void finish_floats(hoop_ddp *d, const hoop__ddp_bucket *bucket)
{
    not_finite(d, is_finite(d, bucket->own_first, bucket->own_count));
}

/* local */

static void finish_piece(hoop_ddp *d, const piecework *w, int64_t block, int64_t n)
{
    char *accumulators = accumulators_at(d, block);
    if (w->first) hoop_exact_clear(&d->exact, accumulators, n);
    if (w->with_term) hoop_exact_deposit(&d->exact, accumulators, n, grad_at(d, block));
    not_finite(d, hoop_exact_finish(&d->exact, accumulators, n, grad_at(d, block)));
}

static void finish_span(hoop_ddp *d, const hoop__ddp_span *span, bool with_term, bool first)
{
    do_pieces(&(piecework){finish_piece, d, span->first_block, span->nblocks, .first = first, .with_term = with_term});
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

static void finish_nothing(hoop_ddp *d, const hoop__ddp_bucket *bucket)
{
    (void)d, (void)bucket;
}

/* leaf and float: grad itself travels */

static hoop_status start_grad(hoop_ddp *d, hoop__ddp_bucket *bucket, hoop_error *err)
{
    return hoop_comm_reduce_scatter(d->comm, grad_at(d, bucket->first_block), bucket->nblocks, &d->reducer, bucket->reduce_what,
                                    err, &bucket->work);
}

/* own and others: raw gradients of the same blocks, one leaf each. A reducer's ctx is const; that of a step under way is ours. */
static void combine_piece(hoop_ddp *d, const piecework *w, int64_t block, int64_t n)
{
    _Alignas(64) char few[HOOP__DDP_AT_ONCE * sizeof(hoop_exact_block64)];
    char             *sum = w->own + block * d->block_bytes;
    hoop_exact_clear(&d->exact, few, n);
    hoop_exact_deposit(&d->exact, few, n, sum);
    for (int k = 0; k < w->nothers; k++)
        hoop_exact_deposit(&d->exact, few, n, (const char *)w->others[k] + block * d->block_bytes);
    not_finite(d, hoop_exact_finish(&d->exact, few, n, sum));
}

static void combine_leaves(const void *ctx, void *own, const void *const *others, int n, int64_t nblocks)
{
    hoop_ddp *d = (hoop_ddp *)(uintptr_t)ctx;
    do_pieces(&(piecework){combine_piece, d, 0, nblocks, .own = own, .others = others, .nothers = n});
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

static void merge_piece(hoop_ddp *d, const piecework *w, int64_t block, int64_t n)
{
    const int64_t at = block * d->exact.block_bytes;
    hoop_exact_merge(&d->exact, w->own + at, (const char *)w->others[0] + at, n);
}

static void combine_accumulators(const void *ctx, void *dst, const void *src, int64_t nblocks)
{
    hoop_ddp *d = (hoop_ddp *)(uintptr_t)ctx;
    do_pieces(&(piecework){merge_piece, d, 0, nblocks, .own = dst, .others = &src, .nothers = 1});
}

static void finish_accumulators(hoop_ddp *d, const hoop__ddp_bucket *bucket)
{
    do_pieces(&(piecework){finish_piece, d, bucket->own_first, bucket->own_count});
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
