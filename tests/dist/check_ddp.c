#include "check_ddp.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hoop/exact.h"
#include "kernels/kernels.h"

#define CHECK(condition)                                                                                                         \
    do {                                                                                                                         \
        if (!(condition)) {                                                                                                      \
            fprintf(stderr, "%s:%d: rank %d of %d: %s is false: %s\n", __FILE__, __LINE__, hoop_comm_rank(c), hoop_comm_size(c), \
                    #condition, err.text);                                                                                       \
            return false;                                                                                                        \
        }                                                                                                                        \
    } while (0)

enum { PARAMS_MOST = 32 };

typedef struct layout {
    int64_t first[PARAMS_MOST], count[PARAMS_MOST], nblocks;
} layout;

/* Sizes from one block to many, one of none at all. */
static layout make_layout(const ddp_case *k)
{
    layout l = {{0}, {0}, 0};
    for (int i = 0; i < k->nparams; i++) {
        if (k->gaps && i % 3 == 1) l.nblocks += 1 + i % 2;
        l.first[i] = l.nblocks;
        l.count[i] = i == 2 ? 0 : i == 5 && k->wide ? 700 : i % 4 == 3 ? 37 : 1 + i * 5 % 7;
        l.nblocks += l.count[i];
    }
    if (k->gaps) l.nblocks += 2;
    return l;
}

/* A parameter's last block is not full; what is behind its last element is zero, and stays so. */
static int64_t numel(const layout *l, int i)
{
    return l->count[i] > 0 ? l->count[i] * 128 - (i * 29 + 1) % 128 : 0;
}

static bool is_whole(const ddp_case *k, int i)
{
    return k->whole > 0 && i % k->whole == 0;
}

static double noise(int64_t element, int64_t leaf, int64_t step)
{
    uint64_t x =
        (uint64_t)element * 0x9e3779b97f4a7c15u + (uint64_t)leaf * 0xbf58476d1ce4e5b9u + (uint64_t)step * 0x94d049bb133111ebu;
    x ^= x >> 31;
    x *= 0xff51afd7ed558ccdu;
    x ^= x >> 29;
    return ldexp((double)(int64_t)(x >> 11) - 0x1p52, -52 - (int)(x % 23)); /* magnitudes from 1 down to 2^-23 */
}

static void write_value(hoop_dtype dtype, char *buf, int64_t i, double x)
{
    if (dtype == HOOP_F32)
        ((float *)(void *)buf)[i] = (float)x;
    else
        ((double *)(void *)buf)[i] = x;
}

static double read_value(hoop_dtype dtype, const char *buf, int64_t i)
{
    return dtype == HOOP_F32 ? (double)((const float *)(const void *)buf)[i] : ((const double *)(const void *)buf)[i];
}

static void pause_us(unsigned most, unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    if (most > 0) usleep((*state >> 8) % most);
}

/* Leaves [from, from + n) at once */
static void backward_at_once(hoop_ddp *d, const ddp_case *k, const layout *l, int64_t from, int64_t n, bool last, int64_t step)
{
    const int64_t block = 128 * (int64_t)hoop_dtype_size(k->dtype);
    char         *term[16];
    const void   *at[16];
    if (hoop_ddp_next_leaves(d, n, last, NULL) != HOOP_OK) abort();
    for (int64_t t = 0; t < n; t++) {
        term[t] = calloc((size_t)l->nblocks, (size_t)block);
        for (int i = 0; i < k->nparams; i++)
            for (int64_t e = l->first[i] * 128; e < l->first[i] * 128 + numel(l, i); e++)
                write_value(k->dtype, term[t], e, noise(e, from + t, step) * (step == 1 ? 1e-9 : 1));
    }
    for (int i = k->nparams - 1; i >= 0; i--) {
        for (int64_t t = 0; t < n; t++) at[t] = term[t] + l->first[i] * block;
        hoop_ddp_sum(d, l->first[i], l->count[i], at);
        hoop_ddp_ready_leaves(d, i);
        hoop_ddp_poll(d);
    }
    for (int64_t t = 0; t < n; t++) free(term[t]);
}

/* One step: this rank's leaves, backward from the last parameter to the first. */
static void backward(hoop_comm *c, hoop_ddp *d, const ddp_case *k, const layout *l, char *grad, int64_t step)
{
    int64_t  first, count;
    unsigned state = (unsigned)hoop_comm_rank(c) * 31u + (unsigned)step;
    hoop_comm_chunk(k->leaves, hoop_comm_size(c), hoop_comm_rank(c), &first, &count);
    for (int64_t leaf = first; leaf < first + count; leaf++) {
        char *to;
        if (k->at_once > 0 && leaf + k->at_once <= first + count) {
            backward_at_once(d, k, l, leaf, k->at_once, leaf + k->at_once == first + count, step);
            leaf += k->at_once - 1;
            continue;
        }
        to = hoop_ddp_next_leaf(d);
        if (to != grad && (leaf == first || !k->exact)) abort();
        for (int i = k->nparams - 1; i >= 0; i--) {
            for (int64_t e = l->first[i] * 128; e < l->first[i] * 128 + numel(l, i); e++) {
                const double x = noise(e, leaf, step) * (step == 1 ? 1e-9 : 1);
                write_value(k->dtype, to, e, k->exact || leaf == first ? x : x + read_value(k->dtype, to, e));
            }
            pause_us(k->skew_us, &state);
            hoop_ddp_ready(d, i, leaf == first + count - 1);
            hoop_ddp_poll(d);
        }
    }
}

static uint64_t hash_bytes(uint64_t h, const char *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++) h = (h ^ (unsigned char)p[i]) * 0x100000001b3u;
    return h;
}

static hoop_status make_ddp(hoop_comm *c, const ddp_case *k, const layout *l, const hoop_runtime *rt, hoop_error *err,
                            hoop_ddp **d)
{
    bool          whole[PARAMS_MOST] = {false};
    hoop_ddp_opts opts               = {.dtype        = k->dtype,
                                        .nblocks      = l->nblocks,
                                        .nparams      = k->nparams,
                                        .first_block  = l->first,
                                        .param_blocks = l->count,
                                        .whole        = k->whole > 0 ? whole : NULL,
                                        .leaves       = k->leaves,
                                        .exact        = k->exact,
                                        .bucket_bytes = k->bucket_bytes,
                                        .kernels      = hoop_runtime_kernels(rt),
                                        .runtime      = rt};
    for (int i = 0; i < k->nparams; i++) whole[i] = is_whole(k, i);
    return hoop_ddp_create(c, &opts, err, d);
}

/* Is every block owned by exactly one rank, and whole parameters by one? */
static bool ranges_cover(hoop_comm *c, const hoop_ddp *d, const ddp_case *k, const layout *l)
{
    const int64_t         nblocks = l->nblocks;
    hoop_error            err     = {0};
    int64_t              *owner   = calloc((size_t)nblocks + 1, sizeof *owner);
    int                   n;
    const hoop_ddp_range *ranges;
    if (owner == NULL) abort();
    hoop_ddp_ranges(d, &n, &ranges);
    for (int i = 0; i < n; i++) {
        CHECK(i == 0 || ranges[i].first_block > ranges[i - 1].first_block + ranges[i - 1].nblocks);
        for (int64_t b = 0; b < ranges[i].nblocks; b++) owner[ranges[i].first_block + b]++;
    }
    CHECK(hoop_comm_all_reduce_wait(c, owner, nblocks, hoop_reducer_of(HOOP_I64, HOOP_SUM), "owners", &err) == HOOP_OK);
    for (int64_t b = 0; b < nblocks; b++) CHECK(owner[b] == 1);
    for (int p = 0; p < k->nparams; p++) {
        int64_t mine = 0; /* ranges that meet it */
        for (int i = 0; l->count[p] > 0 && i < n; i++) {
            const int64_t from = ranges[i].first_block, to = from + ranges[i].nblocks;
            if (to <= l->first[p] || from >= l->first[p] + l->count[p]) continue;
            CHECK(!is_whole(k, p) || (from <= l->first[p] && to >= l->first[p] + l->count[p]));
            mine++;
        }
        CHECK(hoop_comm_all_reduce_wait(c, &mine, 1, hoop_reducer_of(HOOP_I64, HOOP_SUM), "parts", &err) == HOOP_OK);
        CHECK(!is_whole(k, p) || mine == (l->count[p] > 0));
    }
    free(owner);
    return true;
}

/* Each sum against one taken in long double. */
static bool sums_are_near(hoop_comm *c, const ddp_case *k, const layout *l, const char *sums, int64_t step)
{
    hoop_error err = {0};
    for (int i = 0; i < k->nparams; i++) {
        const int64_t end = l->first[i] * 128 + numel(l, i);
        for (int64_t e = end; e < (l->first[i] + l->count[i]) * 128; e++) CHECK(read_value(k->dtype, sums, e) == 0);
        for (int64_t e = l->first[i] * 128; e < end; e += 7) {
            long double sum = 0;
            double      bound;
            for (int64_t leaf = 0; leaf < k->leaves; leaf++) {
                const double x = noise(e, leaf, step) * (step == 1 ? 1e-9 : 1);
                sum += k->dtype == HOOP_F32 ? (long double)(float)x : (long double)x;
            }
            /* exact: a leaf's share is cut at 2^-W of its block's largest (about 1); W >= 24 (f32) and 50 (f64) here */
            bound = (double)k->leaves * (step == 1 ? 1e-9 : 1) * (k->dtype == HOOP_F32 ? 0x1p-23 : 0x1p-49);
            CHECK(fabs(read_value(k->dtype, sums, e) - (double)sum) <= bound);
        }
    }
    return true;
}

static void take_own(const hoop_ddp *d, const ddp_case *k, const char *grad, char *weights)
{
    const int64_t         block = 128 * (int64_t)hoop_dtype_size(k->dtype);
    int                   n;
    const hoop_ddp_range *ranges;
    hoop_ddp_ranges(d, &n, &ranges);
    for (int i = 0; i < n; i++)
        memcpy(weights + ranges[i].first_block * block, grad + ranges[i].first_block * block,
               (size_t)(ranges[i].nblocks * block));
}

bool check_ddp(hoop_comm *c, const ddp_case *k, uint64_t *hash)
{
    const layout  l     = make_layout(k);
    const int64_t bytes = l.nblocks * 128 * (int64_t)hoop_dtype_size(k->dtype);
    hoop_error    err   = {0};
    hoop_ddp     *d     = NULL;
    hoop_runtime *rt    = NULL;
    char         *grad = aligned_alloc(64, (size_t)bytes + 64), *weights = aligned_alloc(64, (size_t)bytes + 64);
    bool          finite = false;
    if (grad == NULL || weights == NULL) abort();
    memset(grad, 0x7f, (size_t)bytes + 64); /* of no parameter: garbage */
    memset(weights, 0, (size_t)bytes + 64);
    for (int i = 0; i < k->nparams; i++)
        memset(grad + l.first[i] * 128 * (int64_t)hoop_dtype_size(k->dtype), 0,
               (size_t)(l.count[i] * 128) * hoop_dtype_size(k->dtype));
    *hash = 0xcbf29ce484222325u;
    CHECK(hoop_runtime_create(&(hoop_runtime_opts){.threads = k->threads}, &err, &rt) == HOOP_OK);
    CHECK(make_ddp(c, k, &l, rt, &err, &d) == HOOP_OK);
    CHECK(ranges_cover(c, d, k, &l));
    for (int64_t step = 0; step < 3; step++) {
        CHECK(hoop_ddp_begin(d, step, grad, &err) == HOOP_OK);
        backward(c, d, k, &l, grad, step);
        CHECK(hoop_ddp_reduce(d, &err, &finite) == HOOP_OK && finite);
        /* as weights the sums themselves: gathered, all ranks have all; what is not owned of grad is undefined, and no harm */
        take_own(d, k, grad, weights);
        CHECK(hoop_ddp_gather(d, weights, &err) == HOOP_OK);
        CHECK(sums_are_near(c, k, &l, weights, step));
        *hash = hash_bytes(*hash, weights, bytes);
    }
    hoop_ddp_destroy(&d);
    hoop_runtime_destroy(&rt);
    free(grad);
    free(weights);
    return true;
}

static bool check_no_leaf(hoop_comm *c, hoop_ddp *d, const layout *l, float *grad)
{
    const bool mine = hoop_comm_rank(c) == 0; /* the others have nothing, or fail at the start or in the middle */
    hoop_error err  = {0};
    bool       finite;
    CHECK(hoop_ddp_begin(d, 7, grad, &err) == HOOP_OK);
    for (int64_t e = 0; e < l->nblocks * 128; e++) grad[e] = mine ? (float)e : 1e30f;
    if (hoop_comm_rank(c) <= 1) CHECK(hoop_ddp_next_leaf(d) == grad);
    for (int i = 9; mine && i >= 0; i--) hoop_ddp_ready(d, i, true);
    if (hoop_comm_rank(c) == 1) {
        memset(grad + l->first[9] * 128, 0, (size_t)l->count[9] * 512);
        hoop_ddp_ready(d, 9, true);
    }
    hoop_ddp_skip_all(d);
    CHECK(hoop_ddp_reduce(d, &err, &finite) == HOOP_OK && finite);
    CHECK(hoop_ddp_gather(d, grad, &err) == HOOP_OK);
    for (int64_t e = 0; e < l->nblocks * 128; e++) CHECK(grad[e] == (float)e);
    return true;
}

static bool check_nan(hoop_comm *c, hoop_ddp *d, const layout *l, float *grad)
{
    hoop_error err = {0};
    int64_t    bad;
    bool       finite;
    CHECK(hoop_ddp_begin(d, 8, grad, &err) == HOOP_OK);
    for (int64_t e = 0; e < l->nblocks * 128; e++) grad[e] = 1;
    if (hoop_comm_rank(c) == hoop_comm_size(c) - 1) grad[l->nblocks * 64] = NAN;
    (void)hoop_ddp_next_leaf(d);
    for (int i = 9; i >= 0; i--) hoop_ddp_ready(d, i, true);
    CHECK(hoop_ddp_reduce(d, &err, &finite) == HOOP_OK);
    bad = !finite; /* the owner sees it */
    CHECK(hoop_comm_all_reduce_wait(c, &bad, 1, hoop_reducer_of(HOOP_I64, HOOP_SUM), "bad", &err) == HOOP_OK && bad == 1);
    return true;
}

/* a step of wrong calls ends with `what` */
static bool check_wrong(hoop_comm *c, hoop_ddp *d, float *grad, const char *what, void (*calls)(hoop_ddp *d))
{
    hoop_error err = {0};
    CHECK(hoop_ddp_begin(d, 9, grad, &err) == HOOP_OK);
    CHECK(hoop_ddp_begin(d, 9, grad, NULL) == HOOP_ESTATE && hoop_ddp_gather(d, grad, NULL) == HOOP_ESTATE);
    calls(d);
    hoop_ddp_skip_all(d);
    CHECK(hoop_ddp_reduce(d, &err, NULL) != HOOP_OK && strstr(err.text, what) != NULL);
    return true;
}

static void ready_after_last(hoop_ddp *d)
{
    (void)hoop_ddp_next_leaf(d);
    hoop_ddp_ready(d, 3, true);
    hoop_ddp_ready(d, 3, true);
    hoop_ddp_ready(d, 99, true); /* the first mistake is told */
}

static void ready_outside_leaf(hoop_ddp *d)
{
    hoop_ddp_ready(d, 4, false);
}

static void ready_of_none(hoop_ddp *d)
{
    (void)hoop_ddp_next_leaf(d);
    hoop_ddp_ready(d, 99, true);
}

static void ready_twice(hoop_ddp *d)
{
    (void)hoop_ddp_next_leaf(d);
    hoop_ddp_ready(d, 5, false);
    hoop_ddp_ready(d, 5, false);
}

static void leaf_left_out(hoop_ddp *d)
{
    (void)hoop_ddp_next_leaf(d);
    (void)hoop_ddp_next_leaf(d);
    hoop_ddp_ready(d, 6, true);
}

static void leaves_too_many(hoop_ddp *d)
{
    for (int i = 0; i < 4; i++) (void)hoop_ddp_next_leaf(d);
}

static void sum_alone(hoop_ddp *d)
{
    (void)hoop_ddp_next_leaf(d);
    hoop_ddp_sum(d, 0, 1, NULL);
}

static void sum_beyond(hoop_ddp *d)
{
    (void)hoop_ddp_next_leaves(d, 1, true, NULL);
    hoop_ddp_sum(d, 0, INT64_C(1) << 40, NULL);
}

static void sum_too_few(hoop_ddp *d)
{
    (void)hoop_ddp_next_leaves(d, 1, true, NULL);
    hoop_ddp_ready_leaves(d, 4);
}

static void ready_of_one(hoop_ddp *d)
{
    (void)hoop_ddp_next_leaves(d, 1, true, NULL);
    hoop_ddp_ready(d, 4, true);
}

static void ready_of_several(hoop_ddp *d)
{
    (void)hoop_ddp_next_leaf(d);
    hoop_ddp_ready_leaves(d, 4);
}

static void leaves_too_many_at_once(hoop_ddp *d)
{
    (void)hoop_ddp_next_leaves(d, 4, true, NULL);
}

static void no_leaves(hoop_ddp *d)
{
    (void)hoop_ddp_next_leaves(d, 0, true, NULL);
}

static bool check_misuse_at_once(hoop_comm *c, hoop_ddp *d, int64_t leaves, float *grad)
{
    hoop_error err = {0};
    CHECK(hoop_ddp_next_leaves(d, 1, true, NULL) == HOOP_ESTATE);
    CHECK(check_wrong(c, d, grad, "hoop_ddp_sum outside hoop_ddp_next_leaves", sum_alone));
    CHECK(check_wrong(c, d, grad, "or beyond block", sum_beyond));
    CHECK(check_wrong(c, d, grad, "blocks became ready, and hoop_ddp_sum was given 0", sum_too_few));
    CHECK(check_wrong(c, d, grad, "of one leaf among several at once", ready_of_one));
    CHECK(check_wrong(c, d, grad, "of one leaf among several at once, or of several in one", ready_of_several));
    CHECK(check_wrong(c, d, grad, leaves > 1 ? "more leaves than this rank's 3" : "more leaves than this rank's 1",
                      leaves_too_many_at_once));
    CHECK(check_wrong(c, d, grad, "at least 1, not 0", no_leaves));
    return true;
}

static bool check_misuse(hoop_comm *c, hoop_ddp *d, int64_t leaves, float *grad)
{
    hoop_error err = {0};
    CHECK(hoop_ddp_reduce(d, NULL, NULL) == HOOP_ESTATE);
    CHECK(check_wrong(c, d, grad, "parameter 3 became ready again after its last leaf", ready_after_last));
    CHECK(check_wrong(c, d, grad, "parameter 4 became ready before hoop_ddp_next_leaf", ready_outside_leaf));
    CHECK(check_wrong(c, d, grad, "parameter 99 of 10 became ready and is none", ready_of_none));
    CHECK(check_wrong(c, d, grad, "parameter 5 became ready twice in a leaf", ready_twice));
    if (leaves > 1) CHECK(check_wrong(c, d, grad, "parameter 6 became ready in this leaf, but not in all before", leaf_left_out));
    CHECK(check_wrong(c, d, grad, leaves > 1 ? "more leaves than this rank's 3" : "more leaves than this rank's 1",
                      leaves_too_many));
    CHECK(hoop_ddp_begin(d, 10, grad, &err) == HOOP_OK); /* and the next step is fine, but for a parameter that is forgotten */
    (void)hoop_ddp_next_leaf(d);
    for (int i = 9; i >= 1; i--) hoop_ddp_ready(d, i, true);
    CHECK(hoop_ddp_reduce(d, &err, NULL) == HOOP_ESTATE && strstr(err.text, "not every parameter") != NULL);
    err = (hoop_error){0};
    CHECK(hoop_ddp_begin(d, 11, grad, &err) == HOOP_OK);
    hoop_ddp_skip_all(d);
    CHECK(hoop_ddp_reduce(d, &err, NULL) == HOOP_OK);
    return true;
}

bool check_ddp_left(hoop_comm *c, bool started)
{
    const ddp_case k   = {.dtype = HOOP_F32, .nparams = 10, .leaves = 3 * hoop_comm_size(c), .bucket_bytes = 4096, .exact = true};
    const layout   l   = make_layout(&k);
    hoop_error     err = {0};
    hoop_ddp      *d   = NULL;
    hoop_runtime  *rt  = NULL;
    float         *grad = calloc((size_t)l.nblocks, 512);
    CHECK(grad != NULL && hoop_runtime_create(NULL, &err, &rt) == HOOP_OK && make_ddp(c, &k, &l, rt, &err, &d) == HOOP_OK);
    CHECK(hoop_ddp_begin(d, 4, grad, &err) == HOOP_OK);
    if (started || hoop_comm_rank(c) > 0) hoop_ddp_skip_all(d);
    if (hoop_comm_rank(c) == 0) {
        hoop_ddp_destroy(&d);
        CHECK(hoop_comm_check(c, &err) == HOOP_ESTATE);
    } else {
        hoop_status st = hoop_ddp_reduce(d, &err, NULL);
        if (st == HOOP_OK) st = hoop_ddp_gather(d, grad, &err); /* rank 0 had sent all it had to */
        CHECK(st == HOOP_EPEER && strstr(err.text, "step 4 was left in its middle") != NULL);
        hoop_ddp_destroy(&d);
    }
    hoop_runtime_destroy(&rt);
    free(grad);
    return true;
}

static bool check_create_errors(hoop_comm *c)
{
    const int64_t first[] = {0, 4}, count[] = {4, 2}, overlapping[] = {5, 2};
    hoop_error    err = {0};
    hoop_ddp     *d;
    hoop_ddp_opts good = {.dtype        = HOOP_F32,
                          .nblocks      = 6,
                          .nparams      = 2,
                          .first_block  = first,
                          .param_blocks = count,
                          .leaves       = 100,
                          .exact        = true},
                  o;
    CHECK(hoop_kernels_select(NULL, &err, &good.kernels) == HOOP_OK);
    o = good, o.dtype = HOOP_I64;
    CHECK(hoop_ddp_create(c, &o, NULL, &d) == HOOP_EDTYPE);
    o = good, o.param_blocks = overlapping;
    CHECK(hoop_ddp_create(c, &o, NULL, &d) == HOOP_EARG);
    o = good, o.nblocks = 5;
    CHECK(hoop_ddp_create(c, &o, NULL, &d) == HOOP_EARG);
    o = good, o.leaves = hoop_comm_size(c) - 1;
    CHECK(hoop_ddp_create(c, &o, NULL, &d) == HOOP_EARG);
    o = good, o.bucket_bytes = -1;
    CHECK(hoop_ddp_create(c, &o, NULL, &d) == HOOP_EARG);
    o = good, o.nblocks = INT64_MAX / 128;
    CHECK(hoop_ddp_create(c, &o, NULL, &d) == HOOP_ESIZE);
    o = good, o.nblocks = 20000, o.bucket_bytes = 1;
    CHECK(hoop_ddp_create(c, &o, &err, &d) == HOOP_EARG && strstr(err.text, "bucket_bytes of at least 1536") != NULL);
    o = good, o.kernels = NULL;
    CHECK(hoop_ddp_create(c, &o, NULL, &d) == HOOP_EARG && d == NULL);
    return true;
}

bool check_ddp_misfits(hoop_comm *c)
{
    for (int kind = 0; kind < 3; kind++) {
        /* floats; one leaf a rank; several */
        const ddp_case k    = {.dtype        = HOOP_F32,
                               .nparams      = 10,
                               .leaves       = hoop_comm_size(c) * (kind == 2 ? 3 : 1),
                               .bucket_bytes = 4096,
                               .exact        = kind > 0};
        const layout   l    = make_layout(&k);
        hoop_error     err  = {0};
        hoop_ddp      *d    = NULL;
        hoop_runtime  *rt   = NULL;
        float         *grad = calloc((size_t)l.nblocks, 512);
        CHECK(grad != NULL && hoop_runtime_create(NULL, &err, &rt) == HOOP_OK);
        CHECK(make_ddp(c, &k, &l, rt, &err, &d) == HOOP_OK && hoop_ddp_nbuckets(d) > 5);
        if (k.exact && !check_misuse_at_once(c, d, kind == 2 ? 3 : 1, grad)) return false;
        if (!k.exact && !check_wrong(c, d, grad, "sums of floats take leaves one by one", sum_beyond)) return false;
        if (!check_no_leaf(c, d, &l, grad) || !check_nan(c, d, &l, grad) || !check_misuse(c, d, kind == 2 ? 3 : 1, grad))
            return false;
        hoop_ddp_destroy(&d);
        hoop_runtime_destroy(&rt);
        free(grad);
    }
    return check_create_errors(c);
}
