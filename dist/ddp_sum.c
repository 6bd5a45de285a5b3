/*
 * ddp_sum.c - the five ways in which gradients of leaves and ranks become one sum.
 *
 *   none     one rank, floats (or a single leaf): what backward left in grad is the sum
 *   local    one rank, exact: leaves are deposited in accumulators; the last deposit ends in grad, block by block
 *   leaf     exact, at most one leaf a rank: raw gradients travel (4 bytes an f32 element, not 8.5) and meet in the owner's
 *            accumulators, a few blocks at a time; no others exist
 *   exact    exact, several leaves a rank: leaves are deposited, accumulators travel and are merged on the way
 *   float    the sum of floats, in the order of the algorithm
 *
 * local, leaf and exact give the same bits.
 *
 * A deposit is bound by memory: an f32 element's accumulator has 8.5 bytes, read and written. So local and exact wait for up to
 * HOOP__DDP_TERMS leaves, each in a buffer of its own, and deposit them together while a few blocks' accumulators are in the
 * cache: 4 leaves move 84 bytes an element one by one, 50 in pairs and 33 at once, for 0, 4 and 12 bytes more of memory. Where
 * there are no more leaves than buffers, local keeps no accumulators at all.
 *
 * Leaves at once come in blocks, from any thread: local adds up those of all leaves while they are in the cache, without
 * accumulators where they are all there are; else they are deposited.
 */
#include <string.h>

#include "ddp_internal.h"

/* Where every rank sends to every other, this many are enough. */
enum { LEAF_RANKS_MOST = 64 };
/* Terms whose places are found at once. */
enum { LEAVES_AT_ONCE = 64 };

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
    bool               first;  /* of a deposit: nothing came before */
    int                nterms; /* and how many come: hoop__ddp_term 0 to nterms - 1 */
    char              *own;    /* of a merge: accumulators, or raw gradients */
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
    hoop_profile_begin(w->d->runtime, HOOP__DDP_SUMS, HOOP_PHASE_OTHER, 0.0);
    hoop_runtime_run(w->d->runtime, (w->nblocks + HOOP__DDP_TASK - 1) / HOOP__DDP_TASK, do_task, w);
    hoop_profile_end(w->d->runtime);
}

/* Where a few blocks' sums are made, if not in the accumulators. */
typedef struct few_blocks {
    _Alignas(64) char bytes[HOOP__DDP_AT_ONCE * sizeof(hoop_exact_block64)];
} few_blocks;

static void terms_at(const hoop_ddp *d, const piecework *w, int64_t block, const void *at[HOOP__DDP_TERMS])
{
    for (int k = 0; k < w->nterms; k++) at[k] = hoop__ddp_term(d, k) + block * d->block_bytes;
}

static void deposit_piece(hoop_ddp *d, const piecework *w, int64_t block, int64_t n)
{
    char       *sums = accumulators_at(d, block);
    const void *at[HOOP__DDP_TERMS];
    terms_at(d, w, block, at);
    if (w->first) hoop_exact_clear(&d->exact, sums, n);
    hoop_exact_deposit(&d->exact, sums, n, at, w->nterms);
}

static void finish_piece(hoop_ddp *d, const piecework *w, int64_t block, int64_t n)
{
    const void *at[HOOP__DDP_TERMS];
    if (w->first && w->nterms == 0) {
        memset(grad_at(d, block), 0, (size_t)(n * d->block_bytes));
    } else if (w->first) {
        terms_at(d, w, block, at);
        not_finite(d, hoop_exact_sum(&d->exact, n, at, w->nterms, grad_at(d, block)));
    } else {
        if (w->nterms > 0) deposit_piece(d, w, block, n);
        not_finite(d, hoop_exact_finish(&d->exact, accumulators_at(d, block), n, grad_at(d, block)));
    }
}

/* deposit_piece or finish_piece, with the terms of a span that wait */
static void do_terms(hoop_ddp *d, hoop__ddp_span *span, void (*piece)(hoop_ddp *, const piecework *, int64_t, int64_t))
{
    do_pieces(
        &(piecework){piece, d, span->first_block, span->nblocks, span->deposited == 0, (int)(span->terms - span->deposited)});
    span->deposited = span->terms;
}

void hoop__ddp_flush(hoop_ddp *d)
{
    for (int i = 0; i < d->nparams; i++)
        if (d->spans[i].terms > d->spans[i].deposited) do_terms(d, &d->spans[i], deposit_piece);
}

/* where `skip` blocks of m terms end, from term k on */
static void places(const hoop_ddp *d, const void *const *terms, int64_t k, int m, int64_t skip, const void **at)
{
    for (int i = 0; i < m; i++) at[i] = (const char *)terms[k + i] + skip * d->block_bytes;
}

/* n blocks of leaves at once, those behind `skip` of their terms */
static void deposit_leaves(const hoop_ddp *d, char *sums, const void *const *terms, int64_t skip, int64_t n)
{
    const void *at[LEAVES_AT_ONCE];
    if (d->first) hoop_exact_clear(&d->exact, sums, n);
    for (int64_t k = 0; terms != NULL && k < d->group; k += LEAVES_AT_ONCE) {
        const int m = d->group - k < LEAVES_AT_ONCE ? (int)(d->group - k) : LEAVES_AT_ONCE;
        places(d, terms, k, m, skip, at);
        hoop_exact_deposit(&d->exact, sums, n, at, m);
    }
}

void hoop__ddp_sum(hoop_ddp *d, int64_t first_block, int64_t nblocks, const void *const *terms)
{
    for (int64_t i = 0; i < nblocks; i += HOOP__DDP_AT_ONCE)
        d->mode->leaves(d, first_block + i, terms, i, nblocks - i < HOOP__DDP_AT_ONCE ? nblocks - i : HOOP__DDP_AT_ONCE);
}

static void collect_term(hoop_ddp *d, hoop__ddp_span *span)
{
    if (d->accumulators != NULL && span->terms - span->deposited == d->nterms) do_terms(d, span, deposit_piece);
}

/* none, leaf and float: backward has made the sum of this rank */

static void keep_term(hoop_ddp *d, hoop__ddp_span *span)
{
    (void)d, (void)span;
}

static void keep_sum(hoop_ddp *d, hoop__ddp_span *span)
{
    if (span->terms == 0) memset(grad_at(d, span->first_block), 0, (size_t)(span->nblocks * d->block_bytes));
}

static void copy_leaf(hoop_ddp *d, int64_t block, const void *const *terms, int64_t skip, int64_t n)
{
    const size_t bytes = (size_t)(n * d->block_bytes);
    if (terms == NULL)
        memset(grad_at(d, block), 0, bytes);
    else
        memcpy(grad_at(d, block), (const char *)terms[0] + skip * d->block_bytes, bytes);
}

static hoop_status start_nothing(hoop_ddp *d, hoop__ddp_bucket *bucket, hoop_error *err)
{
    (void)d, (void)bucket, (void)err;
    return HOOP_OK;
}

/* Not finite: the exponent's bits are all ones. Blocks of a known length become vector code. */
static void check_piece(hoop_ddp *d, const piecework *w, int64_t block, int64_t n)
{
    const uint32_t  ones32 = 0x7f800000u;
    const uint64_t  ones64 = UINT64_C(0x7ff) << 52;
    const uint32_t *x      = (const uint32_t *)(const void *)grad_at(d, block);
    const uint64_t *y      = (const uint64_t *)(const void *)grad_at(d, block);
    uint32_t        bad32  = 0;
    uint64_t        bad64  = 0;
    (void)w;
    for (int64_t k = 0; d->dtype == HOOP_F32 && k < n; k++, x += HOOP_EXACT_BLOCK)
        for (int i = 0; i < HOOP_EXACT_BLOCK; i++) bad32 |= (uint32_t)((x[i] & ones32) == ones32);
    for (int64_t k = 0; d->dtype == HOOP_F64 && k < n; k++, y += HOOP_EXACT_BLOCK)
        for (int i = 0; i < HOOP_EXACT_BLOCK; i++) bad64 |= (uint64_t)((y[i] & ones64) == ones64);
    not_finite(d, bad32 == 0 && bad64 == 0);
}

static void finish_floats(hoop_ddp *d, const hoop__ddp_bucket *bucket)
{
    hoop_profile_begin(d->runtime, HOOP__DDP_SUMS, HOOP_PHASE_OTHER, 0.0);
    do_pieces(&(piecework){check_piece, d, bucket->own_first, bucket->own_count});
    hoop_profile_end(d->runtime);
}

/* local */

static void local_close(hoop_ddp *d, hoop__ddp_span *span)
{
    do_terms(d, span, finish_piece);
}

static void local_leaves(hoop_ddp *d, int64_t block, const void *const *terms, int64_t skip, int64_t n)
{
    few_blocks  few;
    const bool  all  = d->first && d->last;
    char       *sums = all ? few.bytes : accumulators_at(d, block);
    const void *at[LEAVES_AT_ONCE];
    if (all && terms != NULL && d->group <= LEAVES_AT_ONCE) {
        places(d, terms, 0, (int)d->group, skip, at);
        not_finite(d, hoop_exact_sum(&d->exact, n, at, (int)d->group, grad_at(d, block)));
        return;
    }
    deposit_leaves(d, sums, terms, skip, n);
    if (d->last) not_finite(d, hoop_exact_finish(&d->exact, sums, n, grad_at(d, block)));
}

static void finish_nothing(hoop_ddp *d, const hoop__ddp_bucket *bucket)
{
    (void)d, (void)bucket;
}

/* leaf and float: grad itself travels */

static hoop_status start_grad(hoop_ddp *d, hoop__ddp_bucket *bucket, hoop_error *err)
{
    return hoop__reduce_scatter_cut(d->comm, grad_at(d, bucket->first_block), bucket->nblocks, &d->reducer, bucket->cuts,
                                    bucket->reduce_what, err, &bucket->work);
}

/* own and others: raw gradients of the same blocks, one leaf each. A reducer's ctx is const; that of a step under way is ours. */
static void combine_piece(hoop_ddp *d, const piecework *w, int64_t block, int64_t n)
{
    char       *sum = w->own + block * d->block_bytes;
    const void *at[LEAF_RANKS_MOST];
    for (int k = 0; k <= w->nothers; k++) at[k] = k == 0 ? sum : (const char *)w->others[k - 1] + block * d->block_bytes;
    not_finite(d, hoop_exact_sum(&d->exact, n, at, w->nothers + 1, sum));
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

static void exact_close(hoop_ddp *d, hoop__ddp_span *span)
{
    do_terms(d, span, deposit_piece);
}

static void exact_leaves(hoop_ddp *d, int64_t block, const void *const *terms, int64_t skip, int64_t n)
{
    deposit_leaves(d, accumulators_at(d, block), terms, skip, n);
}

static hoop_status start_accumulators(hoop_ddp *d, hoop__ddp_bucket *bucket, hoop_error *err)
{
    return hoop__reduce_scatter_cut(d->comm, accumulators_at(d, bucket->first_block), bucket->nblocks, &d->reducer, bucket->cuts,
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
    static const hoop__ddp_mode none_mode  = {"none", keep_term, keep_sum, copy_leaf, start_nothing, finish_floats, false, false};
    static const hoop__ddp_mode local_mode = {"local",       collect_term,   local_close, local_leaves,
                                              start_nothing, finish_nothing, true,        false};
    static const hoop__ddp_mode leaf_mode  = {"leaf", keep_term, keep_sum, copy_leaf, start_grad, finish_nothing, false, false};
    static const hoop__ddp_mode exact_mode = {
        "exact", collect_term, exact_close, exact_leaves, start_accumulators, finish_accumulators, true, true};
    static const hoop__ddp_mode float_mode = {"float", keep_term, keep_sum, copy_leaf, start_grad, finish_floats, false, false};
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
