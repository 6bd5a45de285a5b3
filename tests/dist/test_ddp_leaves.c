/*
 * Leaves of DDP, exact: whatever their number, the buffers they take turns in, which of them run at once, and where ranks stop in
 * the middle of a leaf, the sum is that of all gradients that became ready, bit for bit as if each were deposited alone, in
 * order, in one place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hoop/ddp.h"
#include "hoop/exact.h"
#include "kernels/kernels.h"
#include "on_threads.h"

enum { PARAMS = 6, BLOCKS = 175, STEPS = 3, MOST = 80 /* leaves at once */ };
static const bool    whole_blocks[PARAMS] = {true, true, false, false, true, true};
static const int64_t first_block[PARAMS] = {0, 3, 3, 10, 15, 170}, nblocks[PARAMS] = {3, 0, 5, 5, 150, 2};

typedef struct job {
    hoop_dtype dtype;
    int64_t    leaves, bucket_bytes;
    int        threads;
    uint64_t   seed;
    bool       whole;   /* some parameters stay so */
    bool       stops;   /* ranks stop, half of them, anywhere */
    int        at_once; /* leaves: 0 one by one, 1 all of a rank, 2 some of them, and some one by one */
} job;

static uint64_t mix(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t x = a * 0x9e3779b97f4a7c15u + b * 0xbf58476d1ce4e5b9u + c * 0x94d049bb133111ebu;
    x ^= x >> 31;
    x *= 0xff51afd7ed558ccdu;
    return x ^ x >> 29;
}

/* gradients from 2^-53 to 2^31, so that bins differ between leaves and between blocks */
static void fill_param(const job *j, char *grad, int param, int64_t leaf, int64_t step)
{
    for (int64_t e = first_block[param] * 128; e < (first_block[param] + nblocks[param]) * 128; e++) {
        const uint64_t r = mix(j->seed + (uint64_t)step, (uint64_t)leaf, (uint64_t)e);
        const double   x =
            ldexp((double)(int64_t)(r >> 11) - 0x1p52, -52 - (int)(r % 23) + (int)((leaf * 7 + e / 128 * 5) % 61) - 30);
        if (j->dtype == HOOP_F32)
            ((float *)(void *)grad)[e] = (float)x;
        else
            ((double *)(void *)grad)[e] = x;
    }
}

/* How many of its n leaves a rank finishes, and of how many parameters of the next one. */
static int64_t stop_of(const job *j, int rank, int64_t n, int64_t step, int *params)
{
    const uint64_t r = mix(j->seed, (uint64_t)rank + 1, (uint64_t)step + 1);
    *params          = 0;
    if (!j->stops || r % 2 == 0) return n;
    *params = (int)(r / 64 % (PARAMS + 1));
    return (int64_t)(r / 2 % (uint64_t)(n + 1));
}

typedef struct group {
    hoop_ddp *d;
    int64_t   block, n, size; /* of a parameter; bytes of a block */
    char    **grad;           /* of each leaf */
    int64_t   ngrads;
} group;

/* a few blocks, whichever thread it is */
static void sum_some(void *ctx, int64_t task)
{
    const group  *l    = ctx;
    const int64_t each = 7, first = l->block + task * each, n = task * each + each < l->n ? each : l->n - task * each;
    const void   *at[MOST];
    for (int64_t i = 0; i < l->ngrads; i++) at[i] = l->grad[i] + first * l->size;
    hoop_ddp_sum(l->d, first, n, at);
}

/* Leaves [from, from + n) of all, at once, but for parameters below `least`, which never come. */
static void leaves_at_once(const job *j, hoop_ddp *d, const hoop_runtime *rt, int64_t from, int64_t n, bool last, int least,
                           int64_t step)
{
    const int64_t size = (int64_t)hoop_dtype_size(j->dtype) * 128;
    char         *grad[MOST];
    if (hoop_ddp_next_leaves(d, n, last, NULL) != HOOP_OK) abort();
    for (int64_t i = 0; i < n; i++) grad[i] = aligned_alloc(64, (size_t)(BLOCKS * size));
    for (int p = PARAMS - 1; p >= least; p--) {
        group l = {d, first_block[p], nblocks[p], size, grad, n};
        for (int64_t i = 0; i < n; i++) fill_param(j, grad[i], p, from + i, step);
        hoop_runtime_run(rt, (nblocks[p] + 6) / 7, sum_some, &l);
        hoop_ddp_ready_leaves(d, p);
    }
    for (int64_t i = 0; i < n; i++) free(grad[i]);
}

/* how many of the `left` leaves run at once next; 0: one by itself */
static int64_t next_group(const job *j, int64_t leaf, int64_t left, int64_t step)
{
    const int64_t n = (int64_t)(mix(j->seed + 5, (uint64_t)leaf, (uint64_t)step) % 5);
    return j->at_once == 0 ? 0 : j->at_once == 1 || n > left ? left : n;
}

/* parameters become ready from the last to the first; of the leaf in which a rank stops, the rest is half written */
static void backward(const job *j, hoop_comm *c, hoop_ddp *d, const hoop_runtime *rt, int64_t step)
{
    const int64_t size = (int64_t)hoop_dtype_size(j->dtype) * 128;
    int64_t       first, n, finished;
    int           params;
    hoop_comm_chunk(j->leaves, hoop_comm_size(c), hoop_comm_rank(c), &first, &n);
    finished = stop_of(j, hoop_comm_rank(c), n, step, &params);
    for (int64_t l = 0; l < n && l <= finished; l++) {
        const int64_t together = next_group(j, first + l, finished - l, step);
        char         *grad;
        if (together > 0) {
            leaves_at_once(j, d, rt, first + l, together, l + together == n, 0, step);
            l += together - 1;
            continue;
        }
        if (j->at_once == 1 && l < n) { /* the one in which this rank stops */
            leaves_at_once(j, d, rt, first + l, 1, l == n - 1, PARAMS - params, step);
            break;
        }
        grad = hoop_ddp_next_leaf(d);
        for (int i = PARAMS - 1; i >= 0; i--) {
            if (l == finished && PARAMS - 1 - i >= params) {
                memset(grad + first_block[i] * size, 0xff, (size_t)(nblocks[i] * size)); /* NaN */
            } else {
                fill_param(j, grad, i, first + l, step);
                hoop_ddp_ready(d, i, l == n - 1);
            }
        }
    }
    hoop_ddp_skip_all(d);
}

static void sum_one_by_one(const job *j, int ranks, const hoop_exact *e, char *blocks, int64_t step, char *sum)
{
    const size_t bytes = (size_t)(BLOCKS * 128) * hoop_dtype_size(j->dtype);
    char        *term  = aligned_alloc(64, bytes);
    if (term == NULL) abort();
    hoop_exact_clear(e, blocks, BLOCKS);
    for (int r = 0; r < ranks; r++) {
        int64_t first, n, finished;
        int     params;
        hoop_comm_chunk(j->leaves, ranks, r, &first, &n);
        finished = stop_of(j, r, n, step, &params);
        for (int64_t l = 0; l < n && l <= finished; l++) {
            memset(term, 0, bytes);
            for (int k = 0; k < (l == finished ? params : PARAMS); k++) fill_param(j, term, PARAMS - 1 - k, first + l, step);
            hoop_exact_deposit(e, blocks, BLOCKS, &(const void *){term}, 1);
        }
    }
    (void)hoop_exact_finish(e, blocks, BLOCKS, sum);
    free(term);
}

static bool one_step(const job *j, hoop_comm *c, hoop_ddp *d, const hoop_runtime *rt, const hoop_exact *e, int64_t step)
{
    const size_t          block = 128 * hoop_dtype_size(j->dtype), bytes = BLOCKS * block;
    char                 *memory = aligned_alloc(64, 3 * bytes + (size_t)(BLOCKS * e->block_bytes));
    char                 *grad = memory, *got = memory + bytes, *want = got + bytes;
    hoop_error            err    = {0};
    bool                  finite = false, same;
    int                   n;
    const hoop_ddp_range *ranges;
    if (memory == NULL) abort();
    memset(grad, 0xff, bytes);
    if (hoop_ddp_begin(d, step, grad, &err) != HOOP_OK) return false;
    backward(j, c, d, rt, step);
    if (hoop_ddp_reduce(d, &err, &finite) != HOOP_OK || !finite) return false;
    hoop_ddp_ranges(d, &n, &ranges);
    for (int i = 0; i < n; i++)
        memcpy(got + (size_t)ranges[i].first_block * block, grad + (size_t)ranges[i].first_block * block,
               (size_t)ranges[i].nblocks * block);
    if (hoop_ddp_gather(d, got, &err) != HOOP_OK) return false;
    sum_one_by_one(j, hoop_comm_size(c), e, want + bytes, step, want);
    same = memcmp(want, got, bytes) == 0;
    if (!same)
        fprintf(stderr, "%d ranks, %d leaves, %s, seed %d, step %d: not the sum of what was ready\n", hoop_comm_size(c),
                (int)j->leaves, hoop_dtype_name(j->dtype), (int)j->seed, (int)step);
    free(memory);
    return same;
}

static bool run(hoop_comm *c, void *ctx)
{
    const job    *j   = ctx;
    hoop_error    err = {0};
    hoop_runtime *rt;
    hoop_ddp     *d;
    hoop_exact    e;
    bool          same = true;
    int64_t       bytes;
    if (hoop_runtime_create(&(hoop_runtime_opts){.threads = j->threads}, &err, &rt) != HOOP_OK) return false;
    if (hoop_exact_init(&e, hoop_runtime_kernels(rt), j->dtype, j->leaves, &err) != HOOP_OK) return false;
    if (hoop_ddp_create(c,
                        &(hoop_ddp_opts){.dtype        = j->dtype,
                                         .nblocks      = BLOCKS,
                                         .nparams      = PARAMS,
                                         .first_block  = first_block,
                                         .param_blocks = nblocks,
                                         .whole        = j->whole ? whole_blocks : NULL,
                                         .leaves       = j->leaves,
                                         .exact        = true,
                                         .bucket_bytes = j->bucket_bytes,
                                         .kernels      = hoop_runtime_kernels(rt),
                                         .runtime      = rt},
                        &err, &d) != HOOP_OK)
        return false;
    bytes = hoop_ddp_bytes(d);
    for (int64_t step = 0; step < STEPS; step++) same = one_step(j, c, d, rt, &e, step) && same;
    if (j->at_once == 1 && !j->stops && hoop_ddp_bytes(d) != bytes) same = false; /* all at once: nothing but grad is wanted */
    hoop_ddp_destroy(&d);
    hoop_runtime_destroy(&rt);
    return same;
}

static void all_leaves_of(int ranks)
{
    const int64_t by = getenv("HOOP_SANITIZE") == NULL ? 1 : 3; /* a sanitizer slows tenfold */
    for (int64_t leaves = ranks == 1 ? 2 : ranks; leaves <= 11; leaves += by) {
        for (int v = 0; v < 12; v++) {
            const hoop_comm_opts opts = {
                .algorithm = v % 2 ? HOOP_ALGORITHM_RING : HOOP_ALGORITHM_AUTO, .timeout_s = 60, .segment_bytes = 3000};
            job j = {.dtype        = v % 4 < 2 ? HOOP_F32 : HOOP_F64,
                     .leaves       = leaves,
                     .bucket_bytes = v % 3 == 0   ? 1
                                     : v % 3 == 1 ? 9000
                                                  : 0,
                     .threads      = 1 + v % 2,
                     .seed         = (uint64_t)(leaves * 100 + v * 7 + ranks),
                     .whole        = v % 3 == 1,
                     .stops        = v % 6 >= 2,
                     .at_once      = v < 6 ? 0 : 1 + v % 2};
            assert_true(on_threads(ranks, &opts, run, &j));
        }
    }
}

static void one_rank(void **state)
{
    job j = {.dtype = HOOP_F32, .leaves = MOST, .threads = 2, .seed = 3, .at_once = 1};
    (void)state;
    all_leaves_of(1);
    assert_true(on_threads(1, NULL, run, &j));
}

static void several_ranks(void **state)
{
    (void)state;
    for (int ranks = 2; ranks <= 4; ranks++) all_leaves_of(ranks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_rank), cmocka_unit_test(several_ranks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
