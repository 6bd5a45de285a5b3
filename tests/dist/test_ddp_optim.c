/* An optimiser that needs whole matrices, trained by ranks that share its work: the same bits on any number of ranks, with any
 * buckets and leaves; and without DDP being told, the optimiser refuses a range that cuts a matrix. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/optim/matrix_optim.h"
#include "hoop/ddp.h"
#include "hoop/params.h"
#include "hoop/random.h"
#include "on_threads.h"

enum { PARAMS = 8, STEPS = 4, MOST_BYTES = 1 << 17 };
/* weights and biases of some layers: 20, 1, 4, 1, 1, 43, 1, 2 blocks */
static const int64_t shapes[PARAMS][3] = {{80, 32, 0}, {80, 0, 0},   {6, 80, 0}, {6, 0, 0},
                                          {1, 0, 0},   {13, 20, 21}, {13, 0, 0}, {13, 13, 0}};

typedef struct job {
    hoop_dtype dtype;
    int64_t    leaves, bucket_bytes;
    bool       told; /* what must stay whole */
    bool       one;  /* the rank that the others are held to */
    char      *want; /* weights and momentum after the last step */
    size_t     bytes;
} job;

static hoop_params *store(const job *j)
{
    hoop_error   err = {0};
    hoop_params *p;
    hoop_tensor *x;
    if (hoop_params_create(j->dtype, &err, &p) != HOOP_OK) abort();
    for (int i = 0; i < PARAMS; i++) {
        char name[32];
        int  ndim = 1 + (shapes[i][1] > 0) + (shapes[i][2] > 0);
        (void)snprintf(name, sizeof name, "layers.%d.%s", i, ndim > 1 ? "weight" : "bias");
        if (hoop_params_add(p, name, ndim, shapes[i], &err, &x) != HOOP_OK) abort();
    }
    if (hoop_params_finalize(p, NULL, &err) != HOOP_OK) abort();
    for (int i = 0; i < PARAMS; i++) {
        x = hoop_params_tensor(p, i);
        for (int64_t e = 0; e < hoop_tensor_numel(x); e++)
            matrix_put(hoop_tensor_data(x), j->dtype, e, (double)hoop_random_f32((hoop_key){7, (uint64_t)i}, (uint64_t)e) - 0.5);
    }
    return p;
}

/* a leaf's gradient of a parameter: of its own, and of what the weights have become */
static void fill(const job *j, const hoop_params *p, int param, int64_t step, int64_t leaf, char *grad)
{
    const hoop_tensor *x    = hoop_params_tensor(p, param);
    const size_t       size = hoop_dtype_size(j->dtype);
    char              *g    = grad + (size_t)(hoop_params_first_block(p, param) * HOOP_BLOCK) * size;
    const int64_t      n    = hoop_tensor_numel(x);
    memset(g, 0, (size_t)(hoop_params_nblocks_of(p, param) * HOOP_BLOCK) * size);
    for (int64_t e = 0; e < n; e++) {
        const hoop_key key = {(uint64_t)(100 * step + leaf), (uint64_t)param};
        matrix_put(g, j->dtype, e, hoop_random_normal(key, (uint64_t)e) + 0.3 * matrix_at(hoop_tensor_data(x), j->dtype, e));
    }
}

static hoop_status one_step(const job *j, hoop_comm *c, hoop_ddp *d, hoop_params *p, hoop_optim *o, const hoop_runtime *rt,
                            int64_t step, hoop_error *err)
{
    const hoop_ddp_range *range;
    int64_t               first, n;
    int                   nranges;
    hoop_status           st;
    HOOP_TRY(st, done, hoop_ddp_begin(d, step, hoop_params_grad(p), err));
    hoop_comm_chunk(j->leaves, hoop_comm_size(c), hoop_comm_rank(c), &first, &n);
    for (int64_t l = first; l < first + n; l++) {
        char *grad = hoop_ddp_next_leaf(d);
        for (int i = PARAMS - 1; i >= 0; i--) {
            fill(j, p, i, step, l, grad);
            hoop_ddp_ready(d, i, l == first + n - 1);
        }
    }
    HOOP_TRY(st, done, hoop_ddp_reduce(d, err, NULL));
    hoop_ddp_ranges(d, &nranges, &range);
    for (int r = 0; r < nranges; r++)
        HOOP_TRY(st, done, hoop_optim_update(o, rt, range[r].first_block, range[r].nblocks, 1.0, 1.0 / (double)j->leaves, err));
    HOOP_TRY(st, done, hoop_ddp_gather(d, hoop_params_data(p), err));
    hoop_optim_advance(o);
done:
    return st;
}

static hoop_status make_ddp(const job *j, hoop_comm *c, const hoop_params *p, const hoop_optim *o, const hoop_runtime *rt,
                            hoop_error *err, hoop_ddp **d)
{
    int64_t       first[PARAMS], count[PARAMS];
    bool          whole[PARAMS];
    hoop_ddp_opts opts = {.dtype        = j->dtype,
                          .nblocks      = hoop_params_nblocks(p),
                          .nparams      = PARAMS,
                          .first_block  = first,
                          .param_blocks = count,
                          .whole        = j->told ? whole : NULL,
                          .leaves       = j->leaves,
                          .exact        = true,
                          .bucket_bytes = j->bucket_bytes,
                          .kernels      = hoop_runtime_kernels(rt),
                          .runtime      = rt};
    for (int i = 0; i < PARAMS; i++) {
        first[i] = hoop_params_first_block(p, i);
        count[i] = hoop_params_nblocks_of(p, i);
        whole[i] = hoop_optim_whole(o, i);
    }
    return hoop_ddp_create(c, &opts, err, d);
}

/* Weights are on all ranks, momentum where it was updated: there it must be the one rank's. */
static bool same(job *j, const hoop_ddp *d, const hoop_params *p, const hoop_optim *o)
{
    const hoop_ddp_range *range;
    const size_t          block = HOOP_BLOCK * hoop_dtype_size(j->dtype);
    const char           *m     = hoop_optim_state(o, 0);
    int                   n;
    bool                  good;
    if (j->one) {
        memcpy(j->want, hoop_params_data(p), j->bytes);
        memcpy(j->want + j->bytes, m, j->bytes);
        return true;
    }
    good = memcmp(j->want, hoop_params_data(p), j->bytes) == 0;
    hoop_ddp_ranges(d, &n, &range);
    for (int r = 0; r < n && good; r++) {
        const size_t at = (size_t)range[r].first_block * block;
        good            = memcmp(j->want + j->bytes + at, m + at, (size_t)range[r].nblocks * block) == 0;
    }
    return good;
}

static bool run(hoop_comm *c, void *ctx)
{
    job          *j   = ctx;
    hoop_error    err = {0};
    hoop_runtime *rt  = NULL;
    hoop_params  *p   = store(j);
    hoop_optim   *o   = NULL;
    hoop_ddp     *d   = NULL;
    hoop_status   st;
    bool          good = false;
    HOOP_TRY(st, done, hoop_runtime_create(&(hoop_runtime_opts){.threads = 1}, &err, &rt));
    HOOP_TRY(st, done, hoop_optim_create(&(hoop_optim_opts){.kind = &matrix_optim}, p, &err, &o));
    HOOP_TRY(st, done, make_ddp(j, c, p, o, rt, &err, &d));
    if (j->one) j->bytes = (size_t)hoop_params_bytes(p) / 2;
    for (int64_t step = 0; step < STEPS; step++) HOOP_TRY(st, done, one_step(j, c, d, p, o, rt, step, &err));
    good = same(j, d, p, o);
done:
    if (st != HOOP_OK && j->told) (void)fprintf(stderr, "rank %d of %d: %s\n", hoop_comm_rank(c), hoop_comm_size(c), err.text);
    if (st != HOOP_OK && !j->told) good = st == HOOP_EARG && strstr(err.text, "must be updated as a whole") != NULL;
    hoop_ddp_destroy(&d);
    hoop_optim_destroy(&o);
    hoop_params_destroy(&p);
    hoop_runtime_destroy(&rt);
    return good;
}

static void same_bits_on_any_number_of_ranks(void **state)
{
    static const int64_t leaves[] = {7, 24}, buckets[] = {1, 4096, 1 << 20};
    static const int     sizes[] = {1, 2, 3, 4, 7};
    (void)state;
    matrix_wrong = matrix_wholes = 0;
    for (int i = 0; i < 12; i++) {
        char *want = malloc(2 * (size_t)MOST_BYTES);
        job   j    = {.dtype        = i % 2 == 0 ? HOOP_F32 : HOOP_F64,
                      .leaves       = leaves[i / 2 % 2],
                      .bucket_bytes = buckets[i / 4],
                      .told         = true,
                      .one          = true,
                      .want         = want};
        assert_non_null(want);
        assert_true(on_threads(1, NULL, run, &j));
        assert_true(j.bytes <= MOST_BYTES);
        j.one = false;
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            if (!on_threads(sizes[s], NULL, run, &j))
                fail_msg("%d ranks, %s, %d leaves, buckets of %d bytes: other bits", sizes[s], hoop_dtype_name(j.dtype),
                         (int)j.leaves, (int)j.bucket_bytes);
        }
        free(want);
    }
    assert_int_equal(matrix_wrong, 0);
    assert_int_equal(matrix_wholes, 12 * 6 * STEPS * 4); /* each of 4 matrices once a step, whoever it was */
}

/* One rank owns all in one range: then nothing is cut. */
static void cut_matrices_are_refused(void **state)
{
    job j = {.dtype = HOOP_F32, .leaves = 7, .bucket_bytes = 1 << 20, .told = false};
    (void)state;
    assert_true(on_threads(2, NULL, run, &j));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_bits_on_any_number_of_ranks),
                                       cmocka_unit_test(cut_matrices_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
