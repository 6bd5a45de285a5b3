/* Leaves at once and replay: the bits of each leaf alone, whatever runs beside it, and again with other inputs, keys and weights.
 */
#include "tape_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IN = 12, WIDE = 40, OUT = 8, ROWS_OF_TABLE = 9, MOST = 6, MOST_ROWS = 40 };

/* parameters used once, twice, through broadcasting, by index, in the loss, and not at all */
typedef struct net {
    hoop_params *params;
    hoop_tensor *w1, *b1, *shift, *table, *tied, *w2, *unused;
    bool         parted;   /* part of it has no gradient, by hoop_detach of a view and by a region without recording */
    bool         segments; /* it is two, one in another */
    hoop_tensor *input;    /* with a gradient, of the last forward */
} net;

static hoop_tensor *param(net *m, const char *name, int ndim, int64_t a, int64_t b)
{
    hoop_tensor *x;
    test_ok(hoop_params_add(m->params, name, ndim, (int64_t[]){a, b}, why, &x));
    return x;
}

static void fill(float *x, int64_t n, uint64_t what)
{
    const hoop_key key = hoop_key_make(3, HOOP_FOR_TEST, what, 0, 0);
    for (int64_t i = 0; i < n; i++) x[i] = 0.5F * (float)hoop_random_normal(key, (uint64_t)i);
}

/* wherever they lie */
static void net_fill(const net *m, uint64_t what)
{
    for (int p = 0; p < hoop_params_count(m->params); p++)
        fill(hoop_tensor_data(hoop_params_tensor(m->params, p)), hoop_tensor_numel(hoop_params_tensor(m->params, p)),
             100 * what + (uint64_t)p);
}

static void net_create_frozen(net *m, const char *frozen)
{
    m->parted = m->segments = false;
    test_ok(hoop_params_create(HOOP_F32, why, &m->params));
    m->w1     = param(m, "w1", 2, WIDE, IN);
    m->b1     = param(m, "b1", 1, WIDE, 0);
    m->shift  = param(m, "shift", 2, 1, WIDE);
    m->table  = param(m, "table", 2, ROWS_OF_TABLE, WIDE);
    m->tied   = param(m, "tied", 2, WIDE, WIDE);
    m->w2     = param(m, "w2", 2, WIDE, OUT);
    m->unused = param(m, "unused", 1, 130, 0);
    if (frozen != NULL) test_ok(hoop_params_freeze(m->params, frozen, why));
    test_ok(hoop_params_finalize(m->params, NULL, why));
    net_fill(m, 1);
}

static void net_create(net *m)
{
    net_create_frozen(m, NULL);
}

typedef struct rows {
    float   x[MOST_ROWS * IN], y[MOST_ROWS * OUT];
    int64_t index[MOST_ROWS];
} rows;

static void rows_fill(rows *r, uint64_t what)
{
    fill(r->x, MOST_ROWS * IN, 10 + what);
    fill(r->y, MOST_ROWS * OUT, 20 + what);
    for (int i = 0; i < MOST_ROWS; i++) r->index[i] = (int64_t)((uint64_t)i * (7 + what) % ROWS_OF_TABLE);
}

static hoop_tensor *wrap(hoop_tape *t, hoop_dtype dtype, int64_t n, int64_t width, const void *data)
{
    return hoop_tape_samples(t, hoop_tape_wrap(t, dtype, width == 0 ? 1 : 2, (int64_t[]){n, width}, data));
}

/* (n, IN), (n) -> (n, OUT) */
static hoop_tensor *forward(net *m, hoop_tape *t, int64_t n, const rows *r, int64_t first)
{
    hoop_tensor *x = wrap(t, HOOP_F32, n, IN, r->x + first * IN), *i = wrap(t, HOOP_I64, n, 0, r->index + first);
    hoop_tensor *h, *e                                               = hoop_embedding(t, m->table, i);
    int64_t      outer = m->segments ? hoop_segment_begin(t) : -1, second = -1, third = -1;
    m->input = x = hoop_tape_watch(t, x);
    h            = hoop_linear(t, x, m->w1, m->b1);
    h            = hoop_add(t, h, m->shift);
    (void)hoop_tape_set_site(t, 5);
    h = hoop_dropout(t, h, 0.25);
    if (m->parted) {
        hoop_tensor *left = hoop_slice(t, h, 1, 0, WIDE / 2), *right = hoop_slice(t, h, 1, WIDE / 2, WIDE / 2);
        bool         recorded;
        right    = hoop_detach(t, hoop_reshape(t, right, 2, (int64_t[]){-1, WIDE / 2}));
        h        = hoop_concat(t, (hoop_tensor *[]){left, right}, 2, 1);
        recorded = hoop_tape_set_grad(t, false);
        e        = hoop_reshape(t, hoop_tanh(t, hoop_transpose(t, e, 1, 1)), 2, (int64_t[]){-1, WIDE});
        (void)hoop_tape_set_grad(t, recorded);
    }
    h = hoop_tanh(t, hoop_add(t, h, e));
    hoop_segment_end(t, outer, &h, 1);
    if (m->segments) second = hoop_segment_begin(t);
    h = hoop_linear(t, h, m->tied, NULL);
    if (m->segments) third = hoop_segment_begin(t);
    h = hoop_dropout(t, h, 0.5);
    hoop_segment_end(t, third, &h, 1);
    h = hoop_linear(t, hoop_gelu(t, h, HOOP_GELU_ERF), m->tied, NULL);
    h = hoop_matmul(t, h, m->w2);
    hoop_segment_end(t, second, &h, 1);
    return h;
}

/* of one leaf, with a parameter and randomness of its own */
static hoop_tensor *loss_of(const net *m, hoop_tape *t, hoop_tensor *out, hoop_tensor *y)
{
    hoop_tensor *mse, *size, *sum;
    out  = hoop_dropout(t, out, 0.1);
    mse  = hoop_mse(t, out, y);
    size = hoop_sum(t, hoop_mul(t, m->w2, m->w2), HOOP_ALL_DIMS, false);
    size = hoop_scale(t, size, 0.01);
    sum  = hoop_add(t, mse, size);
    return hoop_loss(t, sum, hoop_loss_weight(mse));
}

/* gradients and losses of leaves */
typedef struct result {
    float       *grad; /* [leaves][store] */
    float        dx[MOST_ROWS * IN];
    hoop_tensor *input;
    double       loss[MOST], weight[MOST];
    int          blocks[MOST_ROWS * 100], ready; /* how often each block came; parameters that were ready */
} result;

static int64_t store_size(const net *m)
{
    return hoop_params_nblocks(m->params) * HOOP_BLOCK;
}

static void take_sum(void *ctx, int64_t first_block, int64_t nblocks, const void *const *terms, int nterms)
{
    const struct {
        const net *m;
        result    *r;
    } *c = ctx;
    for (int i = 0; i < nterms; i++)
        memcpy(c->r->grad + i * store_size(c->m) + first_block * HOOP_BLOCK, terms[i],
               (size_t)(nblocks * HOOP_BLOCK) * sizeof(float));
    for (int64_t b = first_block; b < first_block + nblocks; b++) c->r->blocks[b]++;
}

typedef struct taken {
    const net *m;
    result    *r;
} taken;

static void take_ready(void *ctx, int p)
{
    taken *c = ctx;
    (void)p;
    c->r->ready++;
}

static result *result_new(const net *m)
{
    result *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->grad = calloc((size_t)(MOST * store_size(m)), sizeof *r->grad);
    assert_non_null(r->grad);
    return r;
}

static void result_free(result *r)
{
    free(r->grad);
    free(r);
}

/* each leaf on a tape of its own */
static result *alone(net *m, hoop_runtime *rt, int n, const int64_t *count, const rows *r, const hoop_tape_key *key,
                     const uint64_t *number)
{
    result    *out = result_new(m);
    hoop_tape *t;
    int64_t    first = 0;
    test_ok(hoop_tape_create(rt, why, &t));
    test_ok(hoop_tape_bind(t, m->params, why));
    for (int i = 0; i < n; i++) {
        hoop_tensor *y, *loss;
        test_ok(hoop_tape_reset(t, &(hoop_tape_key){key->seed, key->step, number[i]}, why));
        (void)hoop_tape_set_training(t, true);
        loss = forward(m, t, count[i], r, first);
        y    = wrap(t, HOOP_F32, count[i], OUT, r->y + first * OUT);
        loss = loss_of(m, t, loss, y);
        test_ok(hoop_backward(t, loss, NULL, why));
        memcpy(out->grad + i * store_size(m), hoop_params_grad(m->params),
               (size_t)(hoop_params_trained(m->params) * HOOP_BLOCK) * sizeof(float));
        for (int p = 0; p < hoop_params_count(m->params); p++) { /* what is behind a parameter's last element is nobody's */
            const int64_t numel = hoop_tensor_numel(hoop_params_tensor(m->params, p)),
                          at    = hoop_params_first_block(m->params, p) * HOOP_BLOCK,
                          all   = hoop_params_nblocks_of(m->params, p) * HOOP_BLOCK;
            memset(out->grad + i * store_size(m) + at + numel, 0, (size_t)(all - numel) * sizeof(float));
        }
        out->loss[i]   = hoop_tensor_item(loss);
        out->weight[i] = hoop_tensor_item(hoop_loss_weight(loss));
        memcpy(out->dx + first * IN, hoop_tensor_data(hoop_tensor_grad(m->input)), (size_t)(count[i] * IN) * sizeof *out->dx);
        first += count[i];
    }
    hoop_tape_destroy(&t);
    return out;
}

/* all of them: recorded forward and backward; the losses in y */
static void at_once(net *m, hoop_tape *t, int n, const int64_t *count, const rows *r, result *out, hoop_tensor **loss)
{
    taken                    c    = {m, out};
    const hoop_backward_opts opts = {.ctx = &c, .ready = take_ready, .sum = take_sum};
    int64_t                  all  = 0;
    hoop_tensor             *y, *target;
    for (int i = 0; i < n; i++) all += count[i];
    y      = forward(m, t, all, r, 0);
    target = wrap(t, HOOP_F32, all, OUT, r->y);
    for (int i = 0; i < n; i++) {
        hoop_tensor *mine, *wanted;
        hoop_tape_set_leaf(t, i);
        mine    = hoop_tape_leaf_rows(t, y, i);
        wanted  = hoop_tape_leaf_rows(t, target, i);
        loss[i] = loss_of(m, t, mine, wanted);
    }
    test_ok(hoop_backward_leaves(t, loss, n, &opts, why));
    out->input = m->input;
}

static void losses(result *out, int n, hoop_tensor *const *loss)
{
    const hoop_tensor *dx = hoop_tensor_grad(out->input);
    memcpy(out->dx, hoop_tensor_data((hoop_tensor *)(uintptr_t)dx), (size_t)hoop_tensor_numel(dx) * sizeof *out->dx);
    for (int i = 0; i < n; i++) {
        out->loss[i]   = hoop_tensor_item(loss[i]);
        out->weight[i] = hoop_tensor_item(hoop_loss_weight(loss[i]));
    }
}

/* a: of leaves at once, b: of one by one, of a net that may be laid out otherwise */
static void same_as(const net *m, const net *other, int n, const result *a, const result *b, const char *what)
{
    int trained = 0;
    if (memcmp(a->dx, b->dx, sizeof a->dx) != 0) fail_msg("%s: another gradient of the input", what);
    for (int i = 0; i < n; i++) {
        if (memcmp(&a->loss[i], &b->loss[i], sizeof a->loss[i]) != 0 || a->weight[i] != b->weight[i])
            fail_msg("%s: leaf %d loses %.17g of %g, alone %.17g of %g", what, i, a->loss[i], a->weight[i], b->loss[i],
                     b->weight[i]);
        for (int p = 0; p < hoop_params_count(m->params); p++) {
            const int64_t at = i * store_size(m) + hoop_params_first_block(m->params, p) * HOOP_BLOCK,
                          of = i * store_size(m) + hoop_params_first_block(other->params, p) * HOOP_BLOCK;
            if (hoop_params_frozen(m->params, p)) continue;
            if (memcmp(a->grad + at, b->grad + of, (size_t)(hoop_params_nblocks_of(m->params, p) * HOOP_BLOCK) * sizeof(float)) !=
                0)
                fail_msg("%s: leaf %d has another gradient of %s", what, i, hoop_params_name(m->params, p));
        }
    }
    for (int64_t k = 0; k < hoop_params_nblocks(m->params); k++)
        assert_int_equal(a->blocks[k], k < hoop_params_trained(m->params) ? 1 : 0);
    for (int p = 0; p < hoop_params_count(m->params); p++) trained += !hoop_params_frozen(m->params, p);
    assert_int_equal(a->ready, trained);
}

static void same(const net *m, int n, const result *a, const result *b, const char *what)
{
    same_as(m, m, n, a, b, what);
}

static const struct {
    int     n;
    int64_t count[MOST];
} groups[]                               = {{1, {7}}, {2, {1, 1}}, {3, {5, 1, 12}}, {6, {1, 2, 3, 4, 5, 1}}, {4, {8, 8, 8, 8}}};
static const uint64_t      numbers[MOST] = {4, 5, 6, 7, 8, 9}, others[MOST] = {40, 3, 2, 1, 0, 11};
static const hoop_tape_key key_a = {7, 11, 99}, key_b = {7, 12, 98};
static const char *const   sets[] = {"avx512", "avx2", "baseline"};

static void begin(hoop_tape *t, int g)
{
    test_ok(hoop_tape_reset(t, &key_a, why));
    (void)hoop_tape_set_training(t, true);
    test_ok(hoop_tape_set_leaves(t, groups[g].n, groups[g].count, numbers, why));
}

static void as_alone(const char *isa, int threads)
{
    hoop_runtime *rt;
    hoop_tape    *t;
    net           m;
    static rows   r;
    if (hoop_runtime_create(&(hoop_runtime_opts){.threads = threads, .isa = isa}, NULL, &rt) != HOOP_OK) return;
    net_create(&m);
    rows_fill(&r, 0);
    test_ok(hoop_tape_create(rt, why, &t));
    test_ok(hoop_tape_bind(t, m.params, why));
    for (int g = 0; g < (int)(sizeof groups / sizeof groups[0]); g++) {
        result      *want = alone(&m, rt, groups[g].n, groups[g].count, &r, &key_a, numbers), *got = result_new(&m);
        hoop_tensor *loss[MOST];
        char         what[64];
        (void)snprintf(what, sizeof what, "group %d, %s, %d threads", g, isa, threads);
        begin(t, g);
        at_once(&m, t, groups[g].n, groups[g].count, &r, got, loss);
        losses(got, groups[g].n, loss);
        same(&m, groups[g].n, got, want, what);
        result_free(want);
        result_free(got);
    }
    hoop_tape_destroy(&t);
    hoop_params_destroy(&m.params);
    hoop_runtime_destroy(&rt);
}

static void leaves_have_the_bits_they_have_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        for (int threads = 1; threads <= 3; threads++) as_alone(sets[i], threads);
}

static void replay(const net *m, hoop_tape *t, int g, const rows *r, const hoop_tape_key *key, const uint64_t *number,
                   result *out)
{
    taken                    c       = {m, out};
    const hoop_backward_opts opts    = {.ctx = &c, .ready = take_ready, .sum = take_sum};
    const void              *input[] = {r->x, r->index, r->y};
    (void)g;
    test_ok(hoop_tape_replay(t, key, number, 3, input, &opts, why));
}

static void replays_have_the_bits_of_recording_anew(void **state)
{
    static rows a, b;
    net         m;
    (void)state;
    net_create(&m);
    rows_fill(&a, 0);
    rows_fill(&b, 5);
    for (int g = 0; g < (int)(sizeof groups / sizeof groups[0]); g++) {
        hoop_tape   *t   = test_tape();
        result      *got = result_new(&m), *want;
        hoop_tensor *loss[MOST];
        net_fill(&m, 1);
        test_ok(hoop_tape_bind(t, m.params, why));
        begin(t, g);
        test_ok(hoop_tape_record(t, why));
        assert_false(hoop_tape_recorded(t));
        at_once(&m, t, groups[g].n, groups[g].count, &a, got, loss);
        assert_true(hoop_tape_recorded(t));
        losses(got, groups[g].n, loss);
        want = alone(&m, test_rt, groups[g].n, groups[g].count, &a, &key_a, numbers);
        same(&m, groups[g].n, got, want, "recorded");
        result_free(want);
        for (int again = 0; again < 3; again++) { /* other weights, rows, step, leaves; and the first ones again */
            const rows          *r      = again == 1 ? &a : &b;
            const hoop_tape_key *key    = again == 1 ? &key_a : &key_b;
            const uint64_t      *number = again == 2 ? others : numbers;
            net_fill(&m, 1 + (uint64_t)again);
            memset(got->blocks, 0, sizeof got->blocks);
            got->ready = 0;
            replay(&m, t, g, r, key, number, got);
            losses(got, groups[g].n, loss);
            want = alone(&m, test_rt, groups[g].n, groups[g].count, r, key, number);
            same(&m, groups[g].n, got, want, "replayed");
            result_free(want);
        }
        result_free(got);
        hoop_tape_destroy(&t);
    }
    hoop_params_destroy(&m.params);
}

/* without leaves: the gradient goes to the store, wherever that is now */
static void replay_of_one(void **state)
{
    static rows  a, b;
    static float elsewhere[100 * HOOP_BLOCK] __attribute__((aligned(64)));
    net          m;
    hoop_tape   *t = test_tape();
    hoop_tensor *loss, *y;
    const void  *input[] = {b.x, b.index, b.y};
    result      *want;
    (void)state;
    net_create(&m);
    rows_fill(&a, 0);
    rows_fill(&b, 5);
    test_ok(hoop_tape_bind(t, m.params, why));
    test_ok(hoop_tape_reset(t, &key_a, why));
    (void)hoop_tape_set_training(t, true);
    test_ok(hoop_tape_record(t, why));
    loss = forward(&m, t, 9, &a, 0);
    y    = wrap(t, HOOP_F32, 9, OUT, a.y);
    loss = loss_of(&m, t, loss, y);
    test_ok(hoop_backward(t, loss, NULL, why));
    assert_true(hoop_tape_recorded(t));
    net_fill(&m, 8);
    test_ok(hoop_params_use_grad(m.params, elsewhere, why));
    test_ok(hoop_tape_replay(t, &(hoop_tape_key){7, 12, 4}, NULL, 3, input, NULL, why));
    test_ok(hoop_params_use_grad(m.params, NULL, why));
    want = alone(&m, test_rt, 1, (int64_t[]){9}, &b, &key_b, numbers);
    assert_true(hoop_tensor_item(loss) == want->loss[0]);
    for (int p = 0; p < hoop_params_count(m.params); p++) {
        const int64_t at = hoop_params_first_block(m.params, p) * HOOP_BLOCK,
                      n  = hoop_tensor_numel(hoop_params_tensor(m.params, p));
        if (memcmp(elsewhere + at, want->grad + at, (size_t)n * sizeof(float)) != 0)
            fail_msg("another gradient of %s", hoop_params_name(m.params, p));
    }
    result_free(want);
    hoop_tape_destroy(&t);
    hoop_params_destroy(&m.params);
}

/* what is constant is there at each replay */
static void constants_stay(void **state)
{
    enum { N = 300 };
    static float  a[N], b[N], c[N], y[N];
    const int64_t n     = N;
    hoop_tape    *t     = test_tape();
    const void   *input = b;
    hoop_tensor  *x, *z, *loss;
    (void)state;
    for (int i = 0; i < N; i++) {
        a[i] = (float)i;
        b[i] = (float)(N - 2 * i);
        c[i] = (float)(i % 7) - 3.0F;
    }
    test_ok(hoop_tape_reset(t, NULL, why));
    test_ok(hoop_tape_record(t, why));
    x    = hoop_tape_wrap(t, HOOP_F32, 1, &n, a);
    z    = hoop_tape_watch(t, x);
    z    = hoop_add(t, z, hoop_tape_constant(t, HOOP_F32, 1, &n, c)); /* backward does not read it, and takes storage */
    z    = hoop_retain(t, hoop_square(t, z));
    loss = hoop_sum(t, z, HOOP_ALL_DIMS, false);
    test_ok(hoop_backward(t, loss, NULL, why));
    assert_true(hoop_tape_recorded(t));
    for (int again = 0; again < 3; again++) {
        test_ok(hoop_tape_replay(t, NULL, NULL, 1, &input, NULL, why));
        test_ok(hoop_tensor_read(z, y, why));
        for (int i = 0; i < N; i++) assert_true(y[i] == (b[i] + c[i]) * (b[i] + c[i]));
    }
    hoop_tape_destroy(&t);
}

/* weights that move between forward and backward, and before a replay, are found where they are */
static void weights_may_move(void **state)
{
    static rows  r;
    static float elsewhere[2][100 * HOOP_BLOCK] __attribute__((aligned(64)));
    net          m;
    hoop_tape   *t = test_tape();
    hoop_tensor *loss, *out, *y;
    const void  *input[] = {r.x, r.index, r.y};
    result      *want;
    float       *own;
    hoop_error   err = {.status = HOOP_OK};
    (void)state;
    net_create(&m);
    rows_fill(&r, 0);
    want = alone(&m, test_rt, 1, (int64_t[]){9}, &r, &key_a, numbers);
    own  = hoop_params_data(m.params);
    for (int i = 0; i < 2; i++) memcpy(elsewhere[i], own, (size_t)store_size(&m) * sizeof(float));
    test_ok(hoop_tape_bind(t, m.params, why));
    test_ok(hoop_tape_reset(t, &(hoop_tape_key){7, 11, 4}, why));
    (void)hoop_tape_set_training(t, true);
    test_ok(hoop_tape_record(t, why));
    out  = forward(&m, t, 9, &r, 0);
    y    = wrap(t, HOOP_F32, 9, OUT, r.y);
    loss = loss_of(&m, t, out, y);
    test_ok(hoop_params_use_data(m.params, elsewhere[0], why));
    memset(own, 0xFF, (size_t)store_size(&m) * sizeof(float));
    assert_ptr_equal(hoop_params_data(m.params), elsewhere[0]);
    test_ok(hoop_backward(t, loss, NULL, why));
    for (int run = 0; run < 2; run++) {
        for (int p = 0; p < hoop_params_count(m.params); p++) {
            const int64_t at = hoop_params_first_block(m.params, p) * HOOP_BLOCK,
                          n  = hoop_tensor_numel(hoop_params_tensor(m.params, p));
            if (memcmp((float *)hoop_params_grad(m.params) + at, want->grad + at, (size_t)n * sizeof(float)) != 0)
                fail_msg("run %d: another gradient of %s", run, hoop_params_name(m.params, p));
        }
        if (run == 1) break;
        test_ok(hoop_params_use_data(m.params, elsewhere[1], why));
        memset(elsewhere[0], 0xFF, sizeof elsewhere[0]);
        test_ok(hoop_tape_replay(t, &(hoop_tape_key){7, 11, 4}, NULL, 3, input, NULL, why));
    }
    test_failed(hoop_params_use_data(m.params, elsewhere[0] + 1, &err), &err, HOOP_EARG, "aligned", NULL);
    test_ok(hoop_params_use_data(m.params, NULL, why));
    assert_ptr_equal(hoop_params_data(m.params), own);
    result_free(want);
    hoop_tape_destroy(&t);
    hoop_params_destroy(&m.params);
}

/* leaves at once of m, recorded and replayed, have the gradients that leaves of `other` have one by one */
static void run_as(net *m, net *other, const char *what)
{
    static rows r;
    rows_fill(&r, 0);
    for (int g = 0; g < (int)(sizeof groups / sizeof groups[0]); g++) {
        hoop_tape   *t    = test_tape();
        result      *want = alone(other, test_rt, groups[g].n, groups[g].count, &r, &key_a, numbers), *got = result_new(m);
        hoop_tensor *loss[MOST];
        test_ok(hoop_tape_bind(t, m->params, why));
        begin(t, g);
        test_ok(hoop_tape_record(t, why));
        at_once(m, t, groups[g].n, groups[g].count, &r, got, loss);
        losses(got, groups[g].n, loss);
        same_as(m, other, groups[g].n, got, want, what);
        memset(got->blocks, 0, sizeof got->blocks);
        got->ready = 0;
        memset(got->grad, 0x55, (size_t)(MOST * store_size(m)) * sizeof *got->grad);
        replay(m, t, g, &r, &key_a, numbers, got);
        same_as(m, other, groups[g].n, got, want, what);
        result_free(want);
        result_free(got);
        hoop_tape_destroy(&t);
    }
}

static void frozen_parameters_have_no_gradient(void **state)
{
    static const char *const frozen[] = {"w1", "table", "tied", "*", "[wt]*", "unused", "s*"};
    net                      all;
    (void)state;
    net_create(&all);
    for (size_t i = 0; i < sizeof frozen / sizeof *frozen; i++) {
        net          m;
        hoop_tape   *t;
        hoop_tensor *y;
        hoop_error   err = {.status = HOOP_OK};
        net_create_frozen(&m, frozen[i]);
        for (int p = 0; p < hoop_params_count(m.params); p++)
            assert_true(hoop_params_frozen(m.params, p) == (hoop_params_grad_of(m.params, p) == NULL));
        if (strcmp(frozen[i], "*") != 0) {
            run_as(&m, &all, frozen[i]);
        } else { /* there is nothing to go back to */
            t = test_tape();
            y = hoop_sum(t, hoop_mul(t, m.w2, m.w2), HOOP_ALL_DIMS, false);
            test_failed(hoop_backward(t, y, NULL, &err), &err, HOOP_EARG, "wants a gradient", NULL);
            (void)hoop_tape_reset(t, NULL, NULL);
            y = hoop_tape_watch(t, m.w2); /* but who asks for a gradient by name gets it */
            test_ok(hoop_backward(t, hoop_sum(t, hoop_mul(t, y, y), HOOP_ALL_DIMS, false), NULL, why));
            assert_true(((float *)hoop_tensor_data(hoop_tensor_grad(y)))[5] == 2 * ((float *)hoop_tensor_data(m.w2))[5]);
            hoop_tape_destroy(&t);
        }
        hoop_params_destroy(&m.params);
    }
    hoop_params_destroy(&all.params);
}

/* of one leaf's loss by the rows of all: those of others are zero; by a parameter it would be one of all leaves */
static void grad_by_rows(void **state)
{
    static rows  r;
    net          m;
    hoop_tape   *t = test_tape();
    hoop_tensor *loss[MOST], *y, *target, *dx;
    result      *want;
    hoop_error   err = {.status = HOOP_OK};
    (void)state;
    net_create(&m);
    rows_fill(&r, 0);
    want = alone(&m, test_rt, 3, groups[2].count, &r, &key_a, numbers);
    test_ok(hoop_tape_bind(t, m.params, why));
    begin(t, 2);
    y      = forward(&m, t, 18, &r, 0);
    target = wrap(t, HOOP_F32, 18, OUT, r.y);
    for (int i = 0; i < 3; i++) {
        hoop_tensor *mine, *wanted;
        hoop_tape_set_leaf(t, i);
        mine    = hoop_tape_leaf_rows(t, y, i);
        wanted  = hoop_tape_leaf_rows(t, target, i);
        loss[i] = loss_of(&m, t, mine, wanted);
    }
    for (int i = 0, first = 0; i < 3; first += (int)groups[2].count[i++]) {
        const int n = (int)groups[2].count[i];
        test_ok(hoop_grad(t, loss[i], &m.input, 1, HOOP_RETAIN_GRAPH, why, &dx));
        for (int e = 0; e < 18 * IN; e++) {
            const bool own = e >= first * IN && e < (first + n) * IN;
            assert_true(((float *)hoop_tensor_data(dx))[e] == (own ? want->dx[e] : 0.0F));
        }
    }
    test_failed(hoop_grad(t, loss[0], &m.tied, 1, 0, &err, &dx), &err, HOOP_ESTATE, "one by one", NULL);
    assert_true(hoop_tape_mixed(t));
    result_free(want);
    hoop_tape_destroy(&t);
    hoop_params_destroy(&m.params);
}

static void parts_without_gradient(void **state)
{
    net m, plain;
    (void)state;
    net_create(&m);
    net_create(&plain);
    m.parted = true;
    run_as(&m, &m, "parted");
    hoop_params_destroy(&m.params);
    net_create_frozen(&m, "*1");
    m.parted = plain.parted = true;
    run_as(&m, &plain, "parted and frozen");
    hoop_params_destroy(&m.params);
    hoop_params_destroy(&plain.params);
}

/* made again in backward, to the same bits, replayed too; and less is live */
static void segments_keep_the_bits(void **state)
{
    net m, plain;
    (void)state;
    net_create(&plain);
    for (int how = 0; how < 4; how++) {
        net_create_frozen(&m, how % 2 == 0 ? NULL : "t*");
        m.segments = true;
        m.parted = plain.parted = how >= 2;
        run_as(&m, &plain, "in segments");
        hoop_params_destroy(&m.params);
    }
    hoop_params_destroy(&plain.params);
}

static void buffers_are_emitted(void **state)
{
    hoop_params         *p;
    hoop_tape           *t = test_tape();
    hoop_tensor         *buffer, *count, *x, *twice;
    const hoop_emission *e;
    float                once[] = {1, 2, 3, 4}, again[] = {5, 6, 7, 8};
    const void          *input[] = {again};
    (void)state;
    test_ok(hoop_params_create(HOOP_F32, why, &p));
    test_ok(hoop_params_add_buffer(p, "mean", HOOP_F32, 1, (int64_t[]){4}, why, &buffer));
    test_ok(hoop_params_add_buffer(p, "count", HOOP_I64, 1, (int64_t[]){4}, why, &count));
    test_ok(hoop_tape_record(t, why));
    x = hoop_tape_wrap(t, HOOP_F32, 1, (int64_t[]){4}, once);
    hoop_emit(t, buffer, x, 3.0);
    assert_int_equal(hoop_tape_emissions(t, &e), 0); /* evaluation */
    (void)hoop_tape_set_training(t, true);
    hoop_emit(t, buffer, x, 3.0);
    x     = hoop_tape_watch(t, x);
    twice = hoop_scale(t, x, 2.0);
    hoop_emit(t, buffer, twice, 4.0); /* run again: it replaces */
    test_ok(hoop_backward(t, hoop_sum(t, twice, HOOP_ALL_DIMS, false), NULL, why));
    assert_int_equal(hoop_tape_emissions(t, &e), 1);
    assert_ptr_equal(e->buffer, buffer);
    assert_true(e->weight == 4.0);
    assert_true(((float *)hoop_tensor_data(e->value))[2] == 6.0F);
    assert_true(((float *)hoop_tensor_data(buffer))[2] == 0.0F);
    test_ok(hoop_tape_replay(t, NULL, NULL, 1, input, NULL, why));
    assert_true(((float *)hoop_tensor_data(e->value))[2] == 14.0F);
    test_ok(hoop_tape_reset(t, NULL, why));
    assert_int_equal(hoop_tape_emissions(t, &e), 0);
    hoop_emit(t, count, hoop_tape_wrap(t, HOOP_F32, 1, (int64_t[]){4}, once), 1.0);
    test_tape_failed(t, HOOP_EDTYPE, "hoop_emit", "i64", NULL);
    hoop_emit(t, buffer, hoop_tape_wrap(t, HOOP_F32, 1, (int64_t[]){3}, once), 1.0);
    test_tape_failed(t, HOOP_ESHAPE, "f32 (3)", "f32 (4)", NULL);
    hoop_emit(t, NULL, hoop_tape_wrap(t, HOOP_F32, 1, (int64_t[]){3}, once), 1.0);
    test_tape_failed(t, HOOP_EARG, "buffer", NULL);
    test_ok(hoop_tape_set_leaves(t, 2, (int64_t[]){2, 2}, numbers, why));
    hoop_emit(t, buffer, hoop_tape_wrap(t, HOOP_F32, 1, (int64_t[]){4}, once), 1.0);
    assert_true(hoop_tape_mixed(t));
    test_tape_failed(t, HOOP_ESTATE, "one by one", NULL);
    hoop_tape_destroy(&t);
    hoop_params_destroy(&p);
}

/*
 * Workspace grows while backward is recorded, when tensors of its size are already gone: it must not be their memory, which a
 * replay writes to before. Sizes at which classes of storage meet: (n, WIDE_IN) -> hidden -> classes, workspace packs weights.
 */
static void workspace_is_no_tensors(void **state)
{
    enum { WIDE_IN = 64, HIDDEN = 256, CLASSES = 1000 };
    static float   x[224 * WIDE_IN];
    static int64_t label[224];
    const void    *input[] = {x, label};
    (void)state;
    fill(x, 224 * WIDE_IN, 77);
    for (int64_t i = 0; i < 224; i++) label[i] = i * 7 % CLASSES;
    for (int64_t n = 96; n <= 224; n += 8) {
        for (int leaves = 0; leaves <= 4; leaves += 4) {
            const int64_t      count[] = {n / 4, n / 4, n / 4, n / 4};
            hoop_params       *p;
            hoop_tape         *t = test_tape();
            hoop_tensor       *w1, *w2, *h, *y, *loss[4];
            float             *first;
            int64_t            size;
            net                m = {0};
            result            *r;
            taken              c;
            hoop_backward_opts opts = {.ready = take_ready, .sum = take_sum};
            test_ok(hoop_params_create(HOOP_F32, why, &p));
            test_ok(hoop_params_add(p, "w1", 2, (int64_t[]){HIDDEN, WIDE_IN}, why, &w1));
            test_ok(hoop_params_add(p, "w2", 2, (int64_t[]){CLASSES, HIDDEN}, why, &w2));
            test_ok(hoop_params_finalize(p, NULL, why));
            size = hoop_params_nblocks(p) * HOOP_BLOCK;
            fill(hoop_params_data(p), size, 5);
            for (int64_t i = 0; i < size; i++) ((float *)hoop_params_data(p))[i] *= 0.1F;
            m.params = p;
            r        = result_new(&m);
            c        = (taken){&m, r};
            opts.ctx = &c;
            test_ok(hoop_tape_bind(t, p, why));
            test_ok(hoop_tape_reset(t, &key_a, why));
            if (leaves > 0) test_ok(hoop_tape_set_leaves(t, leaves, count, numbers, why));
            test_ok(hoop_tape_record(t, why));
            h = hoop_relu(t, hoop_linear(t, wrap(t, HOOP_F32, n, WIDE_IN, x), w1, NULL));
            h = hoop_linear(t, h, w2, NULL);
            y = wrap(t, HOOP_I64, n, 0, label);
            for (int i = 0; i < leaves; i++) {
                hoop_tensor *mine, *wanted;
                hoop_tape_set_leaf(t, i);
                mine    = hoop_tape_leaf_rows(t, h, i);
                wanted  = hoop_tape_leaf_rows(t, y, i);
                loss[i] = hoop_cross_entropy(t, mine, wanted);
            }
            if (leaves == 0) {
                loss[0] = hoop_cross_entropy(t, h, y);
                test_ok(hoop_backward(t, loss[0], &opts, why));
            } else {
                test_ok(hoop_backward_leaves(t, loss, leaves, &opts, why));
            }
            assert_true(hoop_tape_recorded(t));
            first = leaves == 0 ? hoop_params_grad(p) : r->grad;
            size *= leaves == 0 ? 1 : leaves;
            {
                const double value = hoop_tensor_item(loss[0]);
                float       *kept  = malloc((size_t)size * sizeof *kept);
                assert_non_null(kept);
                memcpy(kept, first, (size_t)size * sizeof *kept);
                for (int again = 0; again < 2; again++) {
                    test_ok(hoop_tape_replay(t, &key_a, numbers, 2, input, &opts, why));
                    if (hoop_tensor_item(loss[0]) != value) fail_msg("%d rows, %d leaves: another loss", (int)n, leaves);
                    if (memcmp(kept, first, (size_t)size * sizeof *kept) != 0)
                        fail_msg("%d rows, %d leaves: other gradients", (int)n, leaves);
                }
                free(kept);
            }
            result_free(r);
            hoop_tape_destroy(&t);
            hoop_params_destroy(&p);
        }
    }
}

/* under a cap idle memory goes back to the system while a step is recorded: then there is no replay */
static void no_replay_of_memory_that_is_gone(void **state)
{
    static rows   r;
    net           m;
    hoop_runtime *rt;
    int64_t       peak = 0;
    (void)state;
    net_create(&m);
    rows_fill(&r, 0);
    for (int64_t cap = 0; cap == 0 || cap > peak / 4; cap = cap == 0 ? peak * 2 : cap - peak / 64) {
        hoop_tape   *t;
        hoop_tensor *loss, *y;
        hoop_error   err     = {.status = HOOP_OK};
        const void  *input[] = {r.x, r.index, r.y};
        test_ok(hoop_runtime_create(&(hoop_runtime_opts){.memory_cap_bytes = cap}, why, &rt));
        test_ok(hoop_tape_create(rt, why, &t));
        test_ok(hoop_tape_bind(t, m.params, why));
        test_ok(hoop_tape_record(t, why));
        loss = forward(&m, t, MOST_ROWS, &r, 0);
        y    = wrap(t, HOOP_F32, MOST_ROWS, OUT, r.y);
        loss = loss_of(&m, t, loss, y);
        (void)hoop_backward(t, loss, NULL, &err);
        if (cap == 0) hoop_tape_memory(t, NULL, NULL, &peak);
        if (hoop_tape_recorded(t)) test_ok(hoop_tape_replay(t, &key_a, NULL, 3, input, NULL, why)); /* ASan looks on */
        hoop_tape_destroy(&t);
        hoop_runtime_destroy(&rt);
    }
    hoop_params_destroy(&m.params);
}

static void replay_refuses(void **state)
{
    static rows  r;
    net          m;
    hoop_tape   *t   = test_tape();
    hoop_error   err = {.status = HOOP_OK};
    hoop_tensor *loss, *out;
    const void  *input[] = {r.x, r.index, r.y};
    (void)state;
    net_create(&m);
    rows_fill(&r, 0);
    test_ok(hoop_tape_bind(t, m.params, why));
    test_failed(hoop_tape_replay(t, NULL, NULL, 0, NULL, NULL, &err), &err, HOOP_ESTATE, "recorded", NULL);
    for (int how = 0; how < 4; how++) {
        err.status = HOOP_OK;
        test_ok(hoop_tape_reset(t, NULL, why));
        test_ok(hoop_tape_record(t, why));
        if (how == 1) (void)hoop_tape_tensor(t, HOOP_F32, 1, (int64_t[]){4}, r.x); /* the host's numbers of now */
        out = forward(&m, t, 9, &r, 0);
        if (how == 2) assert_non_null(hoop_tensor_data(out)); /* who reads may act on it */
        loss = loss_of(&m, t, out, wrap(t, HOOP_F32, 9, OUT, r.y));
        if (how == 3) {
            hoop_tensor *dx;
            test_ok(hoop_grad(t, loss, &m.w1, 1, HOOP_RETAIN_GRAPH, why, &dx));
        }
        test_ok(hoop_backward(t, loss, NULL, why));
        assert_int_equal(hoop_tape_recorded(t), how == 0);
        if (how == 0) {
            test_failed(hoop_tape_replay(t, NULL, NULL, 2, input, NULL, &err), &err, HOOP_EARG, "2 inputs", "3 were", NULL);
            err.status = HOOP_OK;
            r.index[3] = ROWS_OF_TABLE; /* an error of a run is told, and the next run is fine */
            test_failed(hoop_tape_replay(t, NULL, NULL, 3, input, NULL, &err), &err, HOOP_ERANGE, "embedding", NULL);
            r.index[3] = 0;
            test_ok(hoop_tape_replay(t, NULL, NULL, 3, input, NULL, why));
        } else {
            test_failed(hoop_tape_replay(t, NULL, NULL, 3, input, NULL, &err), &err, HOOP_ESTATE, "recorded", NULL);
        }
    }
    hoop_tape_destroy(&t);
    hoop_params_destroy(&m.params);
}

static void what_mixes_samples_is_told(void **state)
{
    static rows r;
    net         m;
    hoop_tape  *t = test_tape();
    (void)state;
    net_create(&m);
    rows_fill(&r, 0);
    test_ok(hoop_tape_bind(t, m.params, why));
    for (int how = 0; how < 6; how++) {
        hoop_tensor *x, *w;
        begin(t, 2);
        assert_false(hoop_tape_mixed(t));
        x = wrap(t, HOOP_F32, 18, IN, r.x);
        switch (how) {
        case 0: /* over samples */
            (void)hoop_sum(t, x, 1, false);
            break;
        case 1: /* samples turned to the last dim, whose rows are normalised */
            x = hoop_transpose(t, x, 0, 1);
            (void)hoop_softmax(t, x);
            break;
        case 2: /* the gradient of what is no parameter is one of all leaves */
            w = hoop_scale(t, m.w1, 2.0);
            (void)hoop_linear(t, x, w, NULL);
            break;
        case 3: /* randomness of each leaf, and no samples */
            (void)hoop_dropout(t, m.w1, 0.5);
            break;
        case 4: /* a tensor of the samples' size that is not of samples */
            (void)hoop_add(t, x, hoop_fill(t, HOOP_F32, 2, (int64_t[]){18, IN}, 1.0));
            break;
        default: /* all samples in one leaf's loss */
            hoop_tape_set_leaf(t, 1);
            (void)hoop_relu(t, x);
            break;
        }
        if (!hoop_tape_mixed(t)) fail_msg("case %d is not told", how);
        test_tape_failed(t, HOOP_ESTATE, "one by one", NULL);
        assert_false(hoop_tape_mixed(t));
    }
    hoop_tape_destroy(&t);
    hoop_params_destroy(&m.params);
}

/* five reductions of x over a dim; k: which */
static hoop_tensor *reduced(hoop_tape *t, int k, hoop_tensor *x, int dim)
{
    const unsigned dims = 1U << dim;
    switch (k) {
    case 0:
        return hoop_var(t, x, dims, 1, false);
    case 1:
        return hoop_std(t, x, dims, 1, false);
    case 2:
        return hoop_logsumexp(t, x, dims, false);
    case 3:
        return hoop_norm(t, x, 3.0, dims, false);
    default:
        return hoop_sum(t, x, dims, false);
    }
}

/* samples (5, 7, 6) as they reach a reduction: parts of a dim, from 3 on behind another dim than the first */
static hoop_tensor *lain(hoop_tape *t, int how, hoop_tensor *x, int *dim)
{
    *dim = how < 3 ? 1 : 2;
    switch (how) {
    case 0:
        return hoop_slice(t, x, 1, 0, 4);
    case 1:
        return hoop_slice(t, x, 2, 0, 5);
    case 2:
        x = hoop_permute(t, x, 4, (int64_t[]){0, 2, 1, 3});
        return hoop_slice(t, x, 1, 2, 3);
    case 3:
        return hoop_transpose(t, x, 0, 1);
    case 4:
        x = hoop_reshape(t, x, 4, (int64_t[]){-1, 1, 35, 6});
        return hoop_transpose(t, x, 0, 1);
    default:
        x = hoop_transpose(t, x, 0, 1);
        return hoop_contiguous(t, x);
    }
}

/* How a tensor is reduced does not depend on how many samples there are, wherever they lie in it. */
static void reductions_of_what_has_gaps(void **state)
{
    enum { SAMPLES = 3, EACH = 5 * 7 * 6, WAYS = 6, REDUCTIONS = 5 };
    const int64_t one[SAMPLES] = {1, 1, 1};
    float         x[SAMPLES * EACH], alone[EACH];
    hoop_tape    *t = test_tape(), *single = test_tape();
    (void)state;
    fill(x, SAMPLES * EACH, 31);
    for (int how = 0; how < WAYS; how++) {
        for (int k = 0; k < REDUCTIONS; k++) {
            hoop_tensor *y;
            int          dim, axis = how < 3 ? 0 : 1;
            test_ok(hoop_tape_reset(t, &key_a, why));
            test_ok(hoop_tape_set_leaves(t, SAMPLES, one, numbers, why));
            y = hoop_tape_samples(t, hoop_tape_wrap(t, HOOP_F32, 4, (int64_t[]){SAMPLES, 5, 7, 6}, x));
            y = lain(t, how, y, &dim);
            y = reduced(t, k, y, dim);
            if (axis == 1) y = hoop_transpose(t, y, 0, 1);
            if (hoop_tape_mixed(t)) {
                if (how < 3 || how == 5) fail_msg("way %d, reduction %d: samples run one by one", how, k);
                test_tape_failed(t, HOOP_ESTATE, "one by one", NULL); /* right, too */
                continue;
            }
            test_tape_ok(t);
            (void)hoop_tape_set_grad(t, false);
            for (int l = 0; l < SAMPLES; l++) {
                hoop_tensor  *part = hoop_tape_leaf_rows(t, y, l), *z;
                float         among[EACH];
                const int64_t n = hoop_tensor_numel(part);
                test_ok(hoop_tensor_read(part, among, why));
                test_ok(hoop_tape_reset(single, &key_a, why));
                z = hoop_tape_wrap(single, HOOP_F32, 4, (int64_t[]){1, 5, 7, 6}, x + (ptrdiff_t)l * EACH);
                z = lain(single, how, z, &dim);
                z = reduced(single, k, z, dim);
                if (axis == 1) z = hoop_transpose(single, z, 0, 1);
                assert_int_equal(hoop_tensor_numel(z), n);
                test_ok(hoop_tensor_read(z, alone, why));
                if (memcmp(among, alone, (size_t)n * sizeof *alone) != 0)
                    fail_msg("way %d, reduction %d: sample %d has other bits among others", how, k, l);
            }
            (void)hoop_tape_set_grad(t, true);
        }
    }
    hoop_tape_destroy(&t);
    hoop_tape_destroy(&single);
}

static void bad_calls_are_told(void **state)
{
    hoop_tape   *t        = test_tape();
    hoop_error   err      = {.status = HOOP_OK};
    int64_t      count[2] = {3, 0};
    hoop_tensor *x;
    (void)state;
    test_failed(hoop_tape_set_leaves(t, 2, count, numbers, &err), &err, HOOP_EARG, "leaf 1", "no rows", NULL);
    err.status = HOOP_OK;
    test_failed(hoop_tape_set_leaves(t, 0, count, numbers, &err), &err, HOOP_EARG, "0 leaves", NULL);
    err.status = HOOP_OK;
    test_failed(hoop_tape_set_leaves(t, HOOP_LEAVES_AT_ONCE + 1, count, numbers, &err), &err, HOOP_EARG, "leaves", NULL);
    err.status = HOOP_OK;
    count[1]   = 2;
    test_ok(hoop_tape_set_leaves(t, 2, count, numbers, why));
    x = test_vector(t, 4, NULL);
    (void)hoop_tape_samples(t, x);
    test_tape_failed(t, HOOP_EARG, "5 samples", NULL);
    test_ok(hoop_tape_set_leaves(t, 2, count, numbers, why));
    hoop_tape_set_leaf(t, 2);
    test_tape_failed(t, HOOP_EARG, "2 of 2", NULL);
    test_ok(hoop_tape_set_leaves(t, 2, count, numbers, why));
    hoop_tape_set_leaf(t, 1);
    hoop_tape_set_leaf(t, 0);
    test_tape_failed(t, HOOP_ESTATE, "leaf 0 after leaf 1", NULL);
    test_ok(hoop_tape_set_leaves(t, 2, count, numbers, why));
    x = hoop_tape_samples(t, test_vector(t, 5, NULL));
    hoop_tape_set_leaf(t, 0);
    (void)hoop_tape_leaf_rows(t, x, 1);
    test_tape_failed(t, HOOP_ESTATE, "hoop_tape_set_leaf(t, 1)", NULL);
    test_ok(hoop_tape_set_leaves(t, 2, count, numbers, why));
    x = hoop_tape_watch(t, test_vector(t, 5, NULL));
    test_failed(hoop_backward(t, x, NULL, &err), &err, HOOP_ESTATE, "hoop_backward_leaves", NULL);
    err.status = HOOP_OK;
    test_failed(hoop_backward_leaves(t, &x, 1, NULL, &err), &err, HOOP_EARG, "1 losses of 2", NULL);
    err.status = HOOP_OK;
    test_failed(hoop_tape_set_leaves(t, 2, count, numbers, &err), &err, HOOP_ESTATE, "hoop_tape_reset", NULL);
    err.status = HOOP_OK;
    test_failed(hoop_tape_record(t, &err), &err, HOOP_ESTATE, "hoop_tape_reset", NULL);
    hoop_tape_destroy(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_have_the_bits_they_have_alone),
        cmocka_unit_test(replays_have_the_bits_of_recording_anew),
        cmocka_unit_test(frozen_parameters_have_no_gradient),
        cmocka_unit_test(parts_without_gradient),
        cmocka_unit_test(grad_by_rows),
        cmocka_unit_test(segments_keep_the_bits),
        cmocka_unit_test(replay_of_one),
        cmocka_unit_test(constants_stay),
        cmocka_unit_test(replay_refuses),
        cmocka_unit_test(what_mixes_samples_is_told),
        cmocka_unit_test(reductions_of_what_has_gaps),
        cmocka_unit_test(bad_calls_are_told),
        cmocka_unit_test(weights_may_move),
        cmocka_unit_test(workspace_is_no_tensors),
        cmocka_unit_test(no_replay_of_memory_that_is_gone),
        cmocka_unit_test(buffers_are_emitted),
    };
    return cmocka_run_group_tests(tests, test_start, test_stop);
}
