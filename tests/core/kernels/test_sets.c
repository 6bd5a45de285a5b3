/* One set of bits: every kernel of every instruction set that this processor has gives what the first of them gives, and the
 * emulated fma gives the fused one. Any NaN is as good as any other: which it is, is not promised. */
#include "kernels_test.h"

#include "hoop/runtime.h"

#include "kernels/conv.h"
#include "kernels/attention.h"
#include "kernels/elementwise.h"
#include "kernels/fma.h"
#include "kernels/loss.h"
#include "kernels/recurrent.h"
#include "kernels/norm.h"
#include "kernels/pool.h"
#include "kernels/reduce.h"

enum { MOST = 40000, RESULTS = 4, INPUTS = 4 };

typedef struct result {
    hoop_dtype dt;
    int64_t    n;
    double     x[MOST];
} result;

static double inputs[INPUTS][MOST];

static uint64_t word(uint64_t seed, int64_t i)
{
    uint64_t x = (seed * 1000003 + (uint64_t)i + 1) * 0x9e3779b97f4a7c15u; /* splitmix64 */
    x          = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x          = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static int64_t below(uint64_t seed, int64_t most)
{
    return (int64_t)(word(seed, 77) % (uint64_t)most);
}

/* n values: specials, bits of any kind, of the size of activations, of all sizes */
static void fill(hoop_dtype dt, void *x, int64_t n, uint64_t seed, int kind)
{
    static const double special[] = {0.0,
                                     -0.0,
                                     (double)INFINITY,
                                     -(double)INFINITY,
                                     (double)NAN,
                                     0x1p-149,
                                     -0x1p-149,
                                     1.0,
                                     -1.0,
                                     0x1.fffffep127,
                                     -0x1.fffffep127,
                                     0x1p-126,
                                     -0x1.8p-127,
                                     0x1p-1074,
                                     0x1p127,
                                     -0x1p63,
                                     0x1p63,
                                     0x1p31,
                                     -0x1p31,
                                     255.5,
                                     256.0,
                                     -0.5,
                                     0x1p1023,
                                     40.0,
                                     -40.5,
                                     88.8,
                                     -104.0,
                                     710.0,
                                     0.93,
                                     1e-300,
                                     16777217.0,
                                     0x1.000002p0,
                                     0x1p-75,
                                     -0x1.8p-1022,
                                     2.5};
    size_t              size      = hoop_dtype_size(dt);
    for (int64_t i = 0; i < n; i++) {
        uint64_t u = word(seed, i);
        if (dt > HOOP_F64 || kind == 1)
            memcpy((char *)x + (size_t)i * size, &u, size);
        else if (kind == 0)
            set(dt, x, i, special[u % (sizeof special / sizeof *special)]);
        else
            set(dt, x, i, ((double)(u >> 40) * 0x1p-23 - 1) * (kind == 2 ? 4.0 : ldexp(1.0, (int)(u & 127) - 90)));
    }
}

/* of this size and no larger: so that values and seeds decide the rest */
typedef struct trial {
    int64_t  n;
    uint64_t seed;
    int      kind;
} trial;

static void *input(const trial *t, int which, hoop_dtype dt, int64_t n)
{
    assert_true(n <= MOST);
    fill(dt, inputs[which], n, 8 * t->seed + (uint64_t)which, t->kind);
    return inputs[which];
}

/* a result that holds such values before it is written */
static void *output(const trial *t, result *r, hoop_dtype dt, int64_t n)
{
    assert_true(n <= MOST);
    r->dt = dt;
    r->n  = n;
    fill(dt, r->x, n, 8 * t->seed + 5, t->kind);
    return r->x;
}

/* ---- a runner for each row of the table; slot: the place in the row ---- */

typedef void set_run(const hoop_kernels *k, int slot, const trial *t, result *r);

static void run_unary(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt     = (hoop_dtype)(slot % HOOP_NFLOAT);
    int64_t    stride = t->seed % 3 == 0 ? 3 : 1;
    k->unary[slot / HOOP_NFLOAT][dt](t->n, input(t, 0, dt, t->n * stride), stride, output(t, r, dt, t->n), t->seed & 1);
}

static void run_unary_grad(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt = (hoop_dtype)(slot % HOOP_NFLOAT);
    k->unary_grad[slot / HOOP_NFLOAT][dt](t->n, input(t, 0, dt, t->n), input(t, 1, dt, t->n), output(t, r, dt, t->n),
                                          t->seed & 1);
}

static void run_binary(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt = (hoop_dtype)(slot % HOOP_NFLOAT);
    int64_t    sa = below(t->seed, 3), sb = below(t->seed + 1, 3);
    k->binary[slot / HOOP_NFLOAT][dt](t->n, input(t, 0, dt, 2 * t->n + 1), sa, input(t, 1, dt, 2 * t->n + 1), sb,
                                      output(t, r, dt, t->n), t->seed & 1);
}

static void run_copy(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt = (hoop_dtype)slot;
    int64_t    sx = below(t->seed, 3), sy = 1 + below(t->seed + 1, 2);
    k->copy[dt](t->n, input(t, 0, dt, 2 * t->n + 1), sx, output(t, r, dt, 2 * t->n), sy);
}

static void run_cast(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype from = (hoop_dtype)(slot / HOOP_DTYPE_COUNT), to = (hoop_dtype)(slot % HOOP_DTYPE_COUNT);
    k->cast[from][to](t->n, input(t, 0, from, t->n), output(t, r, to, t->n));
}

/* about n elements as rows */
static int64_t rows_of(const trial *t)
{
    return 1 + below(t->seed, 5);
}

#define ROWS_RUNNER(name)                                                                                                        \
    static void run_##name(const hoop_kernels *k, int slot, const trial *t, result *r)                                           \
    {                                                                                                                            \
        hoop_dtype dt   = (hoop_dtype)slot;                                                                                      \
        int64_t    rows = rows_of(t), ld = t->n + below(t->seed + 2, 5);                                                         \
        k->name[dt](rows, t->n, input(t, 0, dt, rows * ld + 1), ld, output(t, r, dt, rows), t->seed & 1);                        \
    }
ROWS_RUNNER(sum_rows)
ROWS_RUNNER(max_rows)

/* n rows of a few columns */
#define COLS_RUNNER(name)                                                                                                        \
    static void run_##name(const hoop_kernels *k, int slot, const trial *t, result *r)                                           \
    {                                                                                                                            \
        hoop_dtype dt   = (hoop_dtype)slot;                                                                                      \
        int64_t    cols = 1 + below(t->seed, 30), ld = cols + below(t->seed + 2, 3);                                             \
        k->name[dt](t->n, cols, input(t, 0, dt, t->n * ld + 1), ld, output(t, r, dt, cols), t->seed & 1);                        \
    }
COLS_RUNNER(sum_cols)
COLS_RUNNER(max_cols)

#define SOFTMAX_RUNNER(name)                                                                                                     \
    static void run_##name(const hoop_kernels *k, int slot, const trial *t, result *r)                                           \
    {                                                                                                                            \
        hoop_dtype dt = (hoop_dtype)slot;                                                                                        \
        int64_t    n  = rows_of(t) * t->n;                                                                                       \
        k->name[dt](rows_of(t), t->n, input(t, 0, dt, n), output(t, r, dt, n));                                                  \
    }
SOFTMAX_RUNNER(softmax)
SOFTMAX_RUNNER(log_softmax)

#define SOFTMAX_GRAD_RUNNER(name)                                                                                                \
    static void run_##name(const hoop_kernels *k, int slot, const trial *t, result *r)                                           \
    {                                                                                                                            \
        hoop_dtype dt = (hoop_dtype)slot;                                                                                        \
        int64_t    n  = rows_of(t) * t->n;                                                                                       \
        k->name[dt](rows_of(t), t->n, input(t, 0, dt, n), input(t, 1, dt, n), output(t, r, dt, n), t->seed & 1);                 \
    }
SOFTMAX_GRAD_RUNNER(softmax_grad)
SOFTMAX_GRAD_RUNNER(log_softmax_grad)

/* of each row; every fifth does not count */
static int64_t *labels(const trial *t, int64_t rows)
{
    static int64_t label[8];
    for (int64_t i = 0; i < rows; i++)
        label[i] = (t->seed + (uint64_t)i) % 5 == 4 || t->n == 0 ? HOOP_IGNORE_LABEL_VALUE : below(t->seed + (uint64_t)i, t->n);
    return label;
}

static void run_cross_entropy(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt   = (hoop_dtype)slot;
    int64_t    rows = rows_of(t);
    k->cross_entropy[dt](rows, t->n, input(t, 0, dt, rows * t->n), labels(t, rows), output(t, &r[0], dt, rows),
                         output(t, &r[1], dt, rows));
}

static void run_cross_entropy_grad(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt   = (hoop_dtype)slot;
    int64_t    rows = rows_of(t);
    k->cross_entropy_grad[dt](rows, t->n, input(t, 0, dt, rows * t->n), labels(t, rows), input(t, 1, dt, rows), 0.37,
                              output(t, r, dt, rows * t->n), t->seed & 1);
}

/* ---- losses ---- */

static void run_pair(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt = (hoop_dtype)(slot % HOOP_NFLOAT);
    k->loss->pair[slot / HOOP_NFLOAT][dt](t->n, input(t, 0, dt, t->n), input(t, 1, dt, t->n), 0.25 * (double)(t->seed % 4),
                                          (double)(t->seed % 3), output(t, r, dt, t->n));
}

static void run_pair_grad(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt = (hoop_dtype)(slot % HOOP_NFLOAT);
    k->loss->pair_grad[slot / HOOP_NFLOAT][dt](t->n, input(t, 0, dt, t->n), input(t, 1, dt, t->n), 0.25 * (double)(t->seed % 4),
                                               (double)(t->seed % 3), 0.37, output(t, r, dt, t->n), t->seed & 1);
}

static hoop_class_opts class_opts(const trial *t, hoop_dtype dt)
{
    return (hoop_class_opts){.cols      = t->n,
                             .smoothing = t->seed % 3 == 0 ? 0 : 0.1,
                             .gamma     = (double)(t->seed / 3 % 3),
                             .total     = 1.5 * (double)t->n,
                             .weight    = t->seed / 2 % 2 == 0 ? NULL : input(t, 2, dt, t->n)};
}

static void run_class_loss(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype      dt   = (hoop_dtype)slot;
    hoop_class_opts o    = class_opts(t, dt);
    int64_t         rows = rows_of(t);
    k->loss->class_loss[dt](rows, &o, input(t, 0, dt, rows * t->n), labels(t, rows), output(t, &r[0], dt, rows),
                            output(t, &r[1], dt, rows));
}

static void run_class_loss_grad(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype      dt   = (hoop_dtype)slot;
    hoop_class_opts o    = class_opts(t, dt);
    int64_t         rows = rows_of(t);
    k->loss->class_loss_grad[dt](rows, &o, input(t, 0, dt, rows * t->n), labels(t, rows), input(t, 1, dt, rows), 0.37,
                                 output(t, r, dt, rows * t->n), t->seed & 1);
}

/* n classes, the last of them the blank */
static hoop_ctc_sample ctc_sample(const trial *t, hoop_dtype dt, int64_t *label)
{
    static double   work[4096];
    hoop_ctc_sample s = {.frames = 1 + below(t->seed, 9),
                         .cols   = t->n,
                         .labels = t->n < 2 ? 0 : below(t->seed + 1, 5),
                         .label  = label,
                         .work   = work};
    for (int64_t i = 0; i < s.labels; i++) label[i] = below(t->seed + 2 + (uint64_t)i, t->n - 1);
    s.blank = t->n - 1;
    s.x     = input(t, 0, dt, s.frames * t->n);
    assert_true(hoop_ctc_work(s.frames, s.labels) <= (int64_t)(sizeof work / sizeof *work));
    return s;
}

static void run_ctc(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    int64_t         label[8];
    hoop_ctc_sample s   = ctc_sample(t, (hoop_dtype)slot, label);
    double         *out = output(t, r, HOOP_F64, 1);
    if (t->n > 0) out[0] = k->loss->ctc[slot](&s);
}

static void run_ctc_grad(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    int64_t         label[8];
    hoop_ctc_sample s  = ctc_sample(t, (hoop_dtype)slot, label);
    void           *dx = output(t, r, (hoop_dtype)slot, s.frames * t->n);
    if (t->n > 0) k->loss->ctc_grad[slot](&s, 0.37, dx, t->seed & 1);
}

static void run_dropout(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt  = (hoop_dtype)slot;
    hoop_key   key = {.k = word(t->seed, 1), .stream = word(t->seed, 2)};
    double     p   = (double)(t->seed % 8) / 7;
    k->dropout[dt](below(t->seed, 9) * HOOP_DROPOUT_ALIGN, t->n, input(t, 0, dt, t->n), p, p < 1 ? 1 / (1 - p) : 0, key,
                   output(t, r, dt, t->n), t->seed & 1);
}

static hoop_update update_of(uint64_t seed)
{
    return (hoop_update){.grad_scale   = 1.0 / (3 + (double)(seed % 5)),
                         .lr           = 1e-3 * (double)(1 + seed % 7),
                         .weight_decay = seed % 3 == 0 ? 0 : 0.013,
                         .momentum     = 0.9,
                         .dampening    = seed % 2 == 0 ? 0 : 0.1,
                         .nesterov     = seed / 2 % 2,
                         .first        = seed / 4 % 2,
                         .beta1        = 0.9,
                         .beta2        = 0.999,
                         .eps          = 1e-8,
                         .bias1        = 0.1 + (double)(seed % 9) / 10,
                         .bias2        = 0.001 + (double)(seed % 11) / 11.1,
                         .decoupled    = seed / 8 % 2};
}

static void run_sgd(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype  dt = (hoop_dtype)slot;
    hoop_update u  = update_of(t->seed);
    void       *m  = t->seed % 5 == 0 ? NULL : output(t, &r[1], dt, t->n);
    k->sgd[dt](t->n, &u, output(t, &r[0], dt, t->n), input(t, 0, dt, t->n), m);
}

static void run_adam(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype  dt = (hoop_dtype)slot;
    hoop_update u  = update_of(t->seed);
    k->adam[dt](t->n, &u, output(t, &r[0], dt, t->n), input(t, 0, dt, t->n), output(t, &r[1], dt, t->n),
                output(t, &r[2], dt, t->n), t->seed % 3 == 0 ? output(t, &r[3], dt, t->n) : NULL);
}

static void run_update(hoop_update_fn *f, hoop_dtype dt, bool second, bool third, const trial *t, result *r)
{
    hoop_update u = update_of(t->seed);
    void       *w = output(t, &r[0], dt, t->n), *state[3];
    u.step        = u.lr / u.bias1;
    u.step2       = 0.5 * u.step;
    u.initial     = 0.25;
    u.plain       = t->seed % 4 == 0;
    state[0]      = output(t, &r[1], dt, t->n);
    state[1]      = second ? output(t, &r[2], dt, t->n) : NULL;
    state[2]      = third ? output(t, &r[3], dt, t->n) : NULL;
    f(t->n, &u, w, input(t, 0, dt, t->n), state);
}

static void run_rmsprop(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    run_update(k->rmsprop[slot], (hoop_dtype)slot, t->seed % 2 == 0, t->seed / 2 % 2 == 0, t, r);
}

static void run_adagrad(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    run_update(k->adagrad[slot], (hoop_dtype)slot, false, false, t, r);
}

static void run_radam(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    run_update(k->radam[slot], (hoop_dtype)slot, true, false, t, r);
}

static void run_nadam(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    run_update(k->nadam[slot], (hoop_dtype)slot, true, false, t, r);
}

static void run_lion(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    run_update(k->lion[slot], (hoop_dtype)slot, false, false, t, r);
}

static void run_lars(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    run_update(k->lars[slot], (hoop_dtype)slot, false, false, t, r);
}

static void run_lamb(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype  dt = (hoop_dtype)slot;
    hoop_update u  = update_of(t->seed);
    k->lamb[dt](t->n, &u, input(t, 0, dt, t->n), input(t, 1, dt, t->n), output(t, &r[0], dt, t->n), output(t, &r[1], dt, t->n),
                output(t, &r[2], dt, t->n));
}

static void run_lamb_step(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype  dt = (hoop_dtype)slot;
    hoop_update u  = update_of(t->seed);
    u.step         = u.lr;
    k->lamb_step[dt](t->n, &u, output(t, &r[0], dt, t->n), input(t, 0, dt, t->n), input(t, 1, dt, t->n));
}

static void run_ema(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt = (hoop_dtype)slot;
    k->ema[dt](t->n, 1.0 / (2 + (double)(t->seed % 5)), input(t, 0, dt, t->n), output(t, r, dt, t->n));
}

enum { BLOCKS = 3, TERMS = 5 };

static void run_squares(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt = (hoop_dtype)slot;
    k->squares[dt](BLOCKS, input(t, 0, dt, (int64_t)BLOCKS * HOOP_EXACT_BLOCK), output(t, r, HOOP_F64, BLOCKS));
}

/* accumulators as bytes: what a kernel leaves as it was is the same too */
static void *blocks_of(const trial *t, result *r, hoop_dtype dt, const hoop_kernels *k, hoop_exact *e)
{
    void *blocks;
    assert_int_equal(hoop_exact_init(e, k, dt, 7, NULL), HOOP_OK);
    blocks = output(t, r, HOOP_U8, BLOCKS * e->block_bytes);
    k->exact_clear[dt](BLOCKS, blocks);
    return blocks;
}

static int terms_of(const trial *t, hoop_dtype dt, const void **terms)
{
    int   n = 1 + (int)below(t->seed, TERMS);
    char *x = input(t, 0, dt, (int64_t)TERMS * BLOCKS * HOOP_EXACT_BLOCK);
    for (int i = 0; i < n; i++) terms[i] = x + (size_t)(i * BLOCKS * HOOP_EXACT_BLOCK) * hoop_dtype_size(dt);
    return n;
}

static void run_exact_clear(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_exact e;
    (void)blocks_of(t, r, (hoop_dtype)slot, k, &e);
}

static void run_exact_deposit(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype  dt = (hoop_dtype)slot;
    hoop_exact  e;
    const void *terms[TERMS];
    void       *blocks = blocks_of(t, r, dt, k, &e);
    int         n      = terms_of(t, dt, terms);
    for (int half = 0; half < 2; half++) k->exact_deposit[dt](BLOCKS, e.width, e.tmin, blocks, terms + half, n - half);
}

static void run_exact_merge(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype  dt = (hoop_dtype)slot;
    hoop_exact  e;
    const void *terms[TERMS];
    trial       other  = {t->n, t->seed + 1, (t->kind + 1) % 4};
    void       *blocks = blocks_of(t, &r[0], dt, k, &e), *more = blocks_of(t, &r[1], dt, k, &e);
    int         n = terms_of(t, dt, terms);
    k->exact_deposit[dt](BLOCKS, e.width, e.tmin, blocks, terms, n);
    n = terms_of(&other, dt, terms);
    k->exact_deposit[dt](BLOCKS, e.width, e.tmin, more, terms, n);
    k->exact_merge[dt](BLOCKS, blocks, more);
}

static void run_exact_finish(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype  dt = (hoop_dtype)slot;
    hoop_exact  e;
    const void *terms[TERMS];
    void       *blocks = blocks_of(t, &r[1], dt, k, &e);
    int         n      = terms_of(t, dt, terms);
    k->exact_deposit[dt](BLOCKS, e.width, e.tmin, blocks, terms, n);
    *(uint8_t *)output(t, &r[2], HOOP_U8, 1) =
        k->exact_finish[dt](BLOCKS, e.width, blocks, output(t, &r[0], dt, (int64_t)BLOCKS * HOOP_EXACT_BLOCK));
}

static void run_exact_sum(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype  dt = (hoop_dtype)slot;
    hoop_exact  e;
    const void *terms[TERMS];
    int         n = terms_of(t, dt, terms);
    assert_int_equal(hoop_exact_init(&e, k, dt, 7, NULL), HOOP_OK);
    *(uint8_t *)output(t, &r[1], HOOP_U8, 1) =
        k->exact_sum[dt](BLOCKS, e.width, e.tmin, terms, n, output(t, &r[0], dt, (int64_t)BLOCKS * HOOP_EXACT_BLOCK));
}

/* k is t->n */
static void run_gemm(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt = (hoop_dtype)slot;
    int64_t    m = 1 + below(t->seed, 29), n = 1 + below(t->seed + 1, 37), bytes;
    hoop_gemm  g = {.ta = t->seed & 1, .tb = t->seed & 2, .add = t->seed & 4, .m = m, .n = n, .k = t->n, .ldc = n};
    void      *work;
    g.lda  = (g.ta ? m : t->n) + below(t->seed + 3, 2);
    g.ldb  = (g.tb ? t->n : n) + below(t->seed + 4, 2);
    g.a    = input(t, 0, dt, (g.ta ? t->n : m) * g.lda);
    g.b    = input(t, 1, dt, (g.tb ? n : t->n) * g.ldb);
    g.bias = g.add || t->seed % 3 == 0 ? NULL : input(t, 2, dt, n);
    g.c    = output(t, r, dt, m * n);
    bytes  = hoop_gemm_work_bytes(&g);
    work   = aligned_alloc(64, (size_t)(bytes + 64));
    assert_non_null(work);
    k->gemm[dt](&g, work);
    free(work);
}

/* ---- reductions (kernels/reduce.h) ---- */

static void run_fold_rows(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    int        kind = slot / HOOP_DTYPE_COUNT;
    hoop_dtype dt   = (hoop_dtype)(slot % HOOP_DTYPE_COUNT);
    int64_t    rows = rows_of(t), ld = t->n + below(t->seed + 2, 5);
    k->reduce->fold_rows[kind][dt](rows, t->n, input(t, 0, dt, rows * ld + 1), ld,
                                   output(t, r, hoop_reduce_dtype(kind, dt), rows), t->seed & 1);
}

static void run_fold_cols(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    int        kind = slot / HOOP_DTYPE_COUNT;
    hoop_dtype dt   = (hoop_dtype)(slot % HOOP_DTYPE_COUNT);
    int64_t    cols = 1 + below(t->seed, 30), ld = cols + below(t->seed + 2, 3);
    k->reduce->fold_cols[kind][dt](t->n, cols, input(t, 0, dt, t->n * ld + 1), ld,
                                   output(t, r, hoop_reduce_dtype(kind, dt), cols), t->seed & 1);
}

static double param_of(int kind, uint64_t seed)
{
    static const double p[] = {1, 2, (double)INFINITY, 3, 0.5};
    return kind == HOOP_STAT_NORM ? p[seed % 5] : (double)(seed % 2);
}

static void run_stat_rows(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt   = (hoop_dtype)(slot % 2);
    int64_t    rows = rows_of(t), ld = t->n + below(t->seed + 2, 5);
    k->reduce->stat_rows[slot / 2][dt](rows, t->n, input(t, 0, dt, rows * ld + 1), ld, param_of(slot / 2, t->seed),
                                       output(t, r, dt, rows));
}

static void run_stat_cols(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt   = (hoop_dtype)(slot % 2);
    int64_t    cols = 1 + below(t->seed, 30), ld = cols + below(t->seed + 2, 3);
    k->reduce->stat_cols[slot / 2][dt](t->n, cols, input(t, 0, dt, t->n * ld + 1), ld, param_of(slot / 2, t->seed),
                                       output(t, r, dt, cols));
}

static void run_arg_rows(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt   = (hoop_dtype)(slot % HOOP_DTYPE_COUNT);
    int64_t    rows = rows_of(t), n = t->n > 0 ? t->n : 1, ld = n + below(t->seed + 2, 5);
    k->reduce->arg_rows[slot / HOOP_DTYPE_COUNT][dt](rows, n, input(t, 0, dt, rows * ld + 1), ld, output(t, r, HOOP_I64, rows));
}

static void run_arg_cols(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt   = (hoop_dtype)(slot % HOOP_DTYPE_COUNT);
    int64_t    cols = 1 + below(t->seed, 30), n = t->n > 0 ? t->n : 1, ld = cols + below(t->seed + 2, 3);
    k->reduce->arg_cols[slot / HOOP_DTYPE_COUNT][dt](n, cols, input(t, 0, dt, n * ld + 1), ld, output(t, r, HOOP_I64, cols));
}

static void run_running_rows(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt   = (hoop_dtype)(slot % HOOP_DTYPE_COUNT);
    int64_t    rows = rows_of(t), ld = t->n + below(t->seed + 2, 5);
    k->reduce->running_rows[slot / HOOP_DTYPE_COUNT][dt](rows, t->n, input(t, 0, dt, rows * ld + 1), ld,
                                                         output(t, r, hoop_reduce_dtype(HOOP_REDUCE_SUM, dt), rows * t->n), t->n,
                                                         t->seed & 1);
}

static void run_running_cols(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt   = (hoop_dtype)(slot % HOOP_DTYPE_COUNT);
    int64_t    cols = 1 + below(t->seed, 30), ld = cols + below(t->seed + 2, 3);
    k->reduce->running_cols[slot / HOOP_DTYPE_COUNT][dt](t->n, cols, input(t, 0, dt, t->n * ld + 1), ld,
                                                         output(t, r, hoop_reduce_dtype(HOOP_REDUCE_SUM, dt), t->n * cols), cols,
                                                         t->seed & 1);
}

static void run_prod_grad(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    static double before[MOST];
    hoop_dtype    dt   = (hoop_dtype)slot;
    int64_t       rows = rows_of(t);
    k->reduce->prod_grad[dt](rows, t->n, input(t, 0, dt, rows * t->n), input(t, 1, dt, rows), before,
                             output(t, r, dt, rows * t->n));
}

/* places; values follow from them. Lines side by side, or one behind the other */
static void run_running_place(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    static double values[MOST];
    hoop_dtype    dt    = (hoop_dtype)(slot % HOOP_DTYPE_COUNT);
    int64_t       lines = 1 + below(t->seed, 30), n = t->n > 0 ? t->n : 1;
    bool          rows = t->seed & 1;
    k->reduce->running_place[slot / HOOP_DTYPE_COUNT][dt](n, lines, input(t, 0, dt, n * lines), rows ? 1 : lines, rows ? n : 1,
                                                          values, output(t, r, HOOP_I64, n * lines));
}

static void run_cumprod_grad(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    static double s[MOST];
    hoop_dtype    dt    = (hoop_dtype)slot;
    int64_t       lines = 1 + below(t->seed, 30);
    bool          rows  = t->seed & 1;
    k->reduce->cumprod_grad[dt](t->n, lines, input(t, 0, dt, t->n * lines), input(t, 1, dt, t->n * lines), rows ? 1 : lines,
                                rows ? t->n : 1, s, output(t, r, dt, t->n * lines));
}

/* ---- conv: tiles of about n terms, in runs ---- */

enum { CONV_ROWS = 13, CONV_RUNS = 9 };

/* runs of n terms in all, from anywhere, in blocks of about a third */
static void run_conv_loop(const hoop_kernels *k, const trial *t, hoop_dtype dt, bool by_channel, result *r)
{
    hoop_conv_run run[CONV_RUNS];
    int64_t x_at[CONV_ROWS], y_at[CONV_ROWS], block[CONV_RUNS + 1], terms = 0, cols = 1 + below(t->seed, 40), step, each, places;
    const int       nruns = t->n == 0 ? 0 : 1 + (int)below(t->seed + 1, CONV_RUNS);
    hoop_conv_tiles g     = {.rows = 1 + below(t->seed + 2, CONV_ROWS), .cols = cols, .runs = run, .block = block, .nblocks = 1};
    step                  = by_channel ? cols : 1 + below(t->seed + 3, 3);
    each                  = nruns == 0 ? 0 : t->n / nruns + 1;
    places                = nruns * each * step + 50;
    if (places + cols > MOST) return;
    for (int i = 0; i < nruns; i++, terms += each) {
        run[i] = (hoop_conv_run){below(t->seed + 20 + (uint64_t)i, (nruns - 1) * each * step + 1), terms, each};
        if (i % 3 == 0) block[i / 3] = i, g.nblocks = i / 3 + 1;
    }
    if (nruns == 0) block[0] = 0;
    block[g.nblocks] = nruns;
    for (int64_t i = 0; i < g.rows; i++) {
        x_at[i] = below(t->seed + 40 + (uint64_t)i, 50);
        y_at[i] = i * (cols + 2);
    }
    g.x_step = step;
    g.x_at   = x_at;
    g.y_at   = y_at;
    g.ldq    = cols;
    g.x      = input(t, 0, dt, places + cols);
    g.q      = input(t, 1, dt, terms * cols > MOST ? MOST : terms * cols);
    if (terms * cols > MOST) return;
    g.bias   = t->seed % 3 == 0 ? input(t, 2, dt, cols) : NULL;
    g.add    = t->seed & 1;
    g.resume = t->seed & 2;
    g.open   = t->seed & 4;
    g.y      = output(t, &r[0], dt, g.rows * (cols + 2));
    g.chain  = output(t, &r[1], dt, g.rows * (cols + 2));
    (by_channel ? k->conv->channels : k->conv->tiles)[dt](&g);
}

static void run_conv_tiles(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    run_conv_loop(k, t, (hoop_dtype)slot, false, r);
}

static void run_conv_channels(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    run_conv_loop(k, t, (hoop_dtype)slot, true, r);
}

/* sets pack in panels of their own widths: what a tile of one term a time finds there must be the same */
static void run_conv_pack(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    static double memory[MOST], none[1] = {1};
    const float   one  = 1;
    hoop_dtype    dt   = (hoop_dtype)slot;
    int64_t       cols = 1 + below(t->seed, 70), nc = 1 + t->n % 17, taps = 1 + below(t->seed + 1, 5), tap[5], zero[1] = {0},
            block[2]    = {0, 1};
    hoop_conv_pack  w   = {.tap = tap, .taps = taps, .nc = nc, .cols = cols, .q = memory};
    hoop_conv_run   run = {0, below(t->seed + 2, taps * nc), 1};
    hoop_conv_tiles g   = {.rows    = 1,
                           .cols    = cols,
                           .x       = dt == HOOP_F32 ? (const void *)&one : none,
                           .x_at    = zero,
                           .q       = memory,
                           .packed  = taps * nc,
                           .runs    = &run,
                           .block   = block,
                           .nblocks = 1,
                           .y_at    = zero};
    w.c_step            = t->seed & 1 ? taps : taps * cols;
    w.col_step          = t->seed & 1 ? taps * nc : taps;
    for (int64_t i = 0; i < taps; i++) tap[i] = taps - 1 - i;
    w.w = input(t, 0, dt, taps * nc * cols);
    g.y = output(t, r, dt, cols);
    k->conv->pack[dt](&w);
    k->conv->tiles[dt](&g);
}

static void run_conv_unpack(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype     dt   = (hoop_dtype)slot;
    int64_t        cols = 1 + below(t->seed, 30), nc = 1 + t->n % 17, taps = 1 + below(t->seed + 1, 5), tap[5];
    hoop_conv_pack w = {.tap = tap, .taps = taps, .nc = nc, .cols = cols, .c_step = taps, .col_step = taps * nc};
    for (int64_t i = 0; i < taps; i++) tap[i] = i;
    w.q = input(t, 0, dt, taps * nc * cols);
    w.w = output(t, r, dt, taps * nc * cols);
    k->conv->unpack[dt](&w, t->seed & 1);
}

/* about n tiles of channels; positions of v or of the weights are `step` apart */
static void run_winograd_tiles(const hoop_kernels *k, hoop_conv_winograd_fn *f, hoop_dtype dt, bool from_v, const trial *t,
                               result *r)
{
    static int64_t     at[MOST];
    static uint8_t     whole[MOST];
    const int64_t      channels = 1 + below(t->seed, 40), tiles = t->n % 40, row = 7 * channels + 3, pixel = channels + 1;
    hoop_conv_winograd g = {
        .tiles = tiles, .channels = channels, .at = at, .row = row, .pixel = pixel, .whole = whole, .step = tiles * channels + 5};
    (void)k;
    for (int64_t i = 0; i < tiles; i++) {
        at[i]    = i * 17 % 29 * (from_v ? 2 * row : 3);
        whole[i] = (uint8_t)below(t->seed + 30 + (uint64_t)i, 4);
    }
    if (16 * g.step > MOST || 60 * row + 4 * pixel > MOST) return;
    g.bias  = from_v && t->seed % 3 == 0 ? input(t, 2, dt, channels) : NULL;
    g.add   = t->seed & 1;
    g.image = from_v ? output(t, r, dt, 60 * row + 4 * pixel) : input(t, 0, dt, 60 * row + 4 * pixel);
    g.v     = from_v ? input(t, 0, dt, 16 * g.step) : output(t, r, dt, 16 * g.step);
    f(&g);
}

static void run_conv_winograd_in(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    run_winograd_tiles(k, k->conv->winograd_in[slot], (hoop_dtype)slot, false, t, r);
}

static void run_conv_winograd_out(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    run_winograd_tiles(k, k->conv->winograd_out[slot], (hoop_dtype)slot, true, t, r);
}

static void run_conv_winograd_spread(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    run_winograd_tiles(k, k->conv->winograd_spread[slot], (hoop_dtype)slot, false, t, r);
}

/* as pack: column c of row r of a position, by a tile of one term */
static void run_conv_winograd_weight(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    static double   memory[MOST], none[1] = {1};
    const float     one  = 1;
    hoop_dtype      dt   = (hoop_dtype)slot;
    const int64_t   cols = 1 + below(t->seed, 70), nc = 1 + t->n % 9, step = 128 * nc;
    int64_t         tap[9], zero[1] = {0}, block[2] = {0, 1};
    hoop_conv_pack  w   = {.tap = tap, .taps = 9, .nc = nc, .cols = cols, .c_step = 9, .col_step = 9 * nc, .q = memory};
    hoop_conv_run   run = {0, below(t->seed + 2, nc), 1};
    hoop_conv_tiles g   = {.rows    = 1,
                           .cols    = cols,
                           .x       = dt == HOOP_F32 ? (const void *)&one : none,
                           .x_at    = zero,
                           .packed  = nc,
                           .runs    = &run,
                           .block   = block,
                           .nblocks = 1,
                           .y_at    = zero};
    for (int64_t i = 0; i < 9; i++) tap[i] = 8 - i;
    w.w = input(t, 0, dt, 9 * nc * cols);
    g.q = (char *)memory + (size_t)(below(t->seed + 3, 16) * step) * hoop_dtype_size(dt);
    g.y = output(t, r, dt, cols);
    k->conv->winograd_weight[dt](&w, step);
    k->conv->tiles[dt](&g);
}

static void run_conv_winograd_unweight(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype     dt   = (hoop_dtype)slot;
    const int64_t  cols = 1 + below(t->seed, 40), nc = 1 + t->n % 9;
    int64_t        tap[9];
    hoop_conv_pack w = {.tap = tap, .taps = 9, .nc = nc, .cols = cols, .c_step = 9, .col_step = 9 * nc};
    for (int64_t i = 0; i < 9; i++) tap[i] = i;
    w.q = input(t, 0, dt, 16 * nc * cols);
    w.w = output(t, r, dt, 9 * nc * cols);
    k->conv->winograd_unweight[dt](&w, nc * cols, t->seed & 1);
}

/* ---- attention (kernels/attention.h): rows of t->n keys, of t->n pairs ---- */

static hoop_attention_strip strip(const trial *t, hoop_dtype dt)
{
    const int64_t        rows = rows_of(t), ld = t->n + below(t->seed + 2, 5);
    hoop_attention_strip s = {.rows = rows, .keys = t->n, .ld = ld, .limit = below(t->seed, t->n + 3), .slope = 1, .scale = 0.3};
    s.mask                 = (int)below(t->seed + 4, 3);
    s.masks    = s.mask == HOOP_MASK_NONE ? NULL : input(t, 0, s.mask == HOOP_MASK_KEPT ? HOOP_U8 : dt, rows * ld + 1);
    s.mask_row = ld;
    s.mask_key = below(t->seed + 5, 2);
    return s;
}

static void run_attention_forward(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    const hoop_dtype           dt = (hoop_dtype)slot;
    const hoop_attention_strip s  = strip(t, dt);
    k->attention->forward[dt](&s, output(t, &r[0], dt, s.rows * s.ld), output(t, &r[1], dt, 2 * s.rows));
}

static void run_attention_backward(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    const hoop_dtype           dt = (hoop_dtype)slot;
    const hoop_attention_strip s  = strip(t, dt);
    k->attention->backward[dt](&s, output(t, &r[0], dt, s.rows * s.ld), output(t, &r[1], dt, s.rows * s.ld),
                               input(t, 1, dt, 2 * s.rows));
}

static void run_attention_turn(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    const hoop_dtype dt   = (hoop_dtype)slot;
    const int64_t    rows = rows_of(t), ld = t->n + below(t->seed + 2, 5);
    k->attention->turn[dt](rows, t->n, input(t, 2, dt, rows * ld), ld, output(t, r, dt, t->n * (rows + 2)), rows + 2);
}

static void run_rotary_turns(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    const hoop_dtype dt   = (hoop_dtype)slot;
    const int64_t    rows = rows_of(t), first = below(t->seed, 100000) - 5;
    double          *rates = inputs[0];
    for (int64_t p = 0; p < t->n; p++) rates[p] = (double)(word(t->seed, p) >> 40) * 0x1p-24;
    k->attention->turns[dt](rows, t->n, first, rates, output(t, &r[0], dt, rows * t->n), output(t, &r[1], dt, rows * t->n));
}

static void run_rotary_rotate(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    const hoop_dtype dt = (hoop_dtype)slot;
    k->attention->rotate[dt](t->n, t->seed & 4, t->seed & 8, input(t, 0, dt, t->n), input(t, 1, dt, t->n),
                             input(t, 2, dt, 2 * t->n), output(t, r, dt, 2 * t->n), t->seed & 16);
}

/* ---- recurrent: one step of a few rows of n units; results: what is as wide as gates, states and sequences of h, sums of gates
 * ---- */

enum { CELL_STEPS = 3 };

static hoop_cell cell_of(const trial *t, hoop_dtype dt, int64_t *length, result *r)
{
    const int64_t rows = rows_of(t), n = t->n, all = rows * CELL_STEPS * n, size = (int64_t)hoop_dtype_size(dt);
    char         *states = output(t, &r[1], dt, 2 * rows * n + 2 * all);
    hoop_cell c = {.rows = rows, .hidden = n, .steps = CELL_STEPS, .at = below(t->seed, CELL_STEPS), .g_row = 4 * n, .h_row = n};
    c.before    = c.at + (t->seed & 1 ? 1 : -1);
    for (int64_t i = 0; i < rows; i++) length[i] = below(t->seed + 9 + (uint64_t)i, CELL_STEPS + 1);
    if (t->seed & 2) c.length = length;
    c.g     = output(t, &r[2], dt, 4 * rows * n);
    c.gates = output(t, &r[0], dt, 4 * all);
    c.h     = states;
    c.c     = states + rows * n * size;
    c.y     = states + 2 * rows * n * size;
    c.cells = states + (2 * rows * n + all) * size;
    return c;
}

static void run_cell(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt = (hoop_dtype)(slot % HOOP_NFLOAT);
    int64_t    length[8];
    hoop_cell  c = cell_of(t, dt, length, r);
    c.x          = input(t, 0, dt, 4 * c.rows * CELL_STEPS * t->n);
    k->recurrent->cell[slot / HOOP_NFLOAT][dt](&c);
}

static void run_cell_grad(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt = (hoop_dtype)(slot % HOOP_NFLOAT);
    int64_t    length[8];
    hoop_cell  c      = cell_of(t, dt, length, r);
    char      *states = input(t, 2, dt, (2 * c.rows + 1) * t->n);
    c.dx              = c.gates;
    c.gates           = input(t, 1, dt, 4 * c.rows * CELL_STEPS * t->n);
    if (t->seed & 4) c.dy = input(t, 0, dt, c.rows * CELL_STEPS * t->n);
    if (t->seed & 8) c.h0 = states, c.c0 = states + c.rows * t->n * (int64_t)hoop_dtype_size(dt);
    c.zeros = states + 2 * c.rows * t->n * (int64_t)hoop_dtype_size(dt);
    if (slot / HOOP_NFLOAT == HOOP_GRU) c.dg = input(t, 3, dt, 3 * c.rows * CELL_STEPS * t->n);
    k->recurrent->cell_grad[slot / HOOP_NFLOAT][dt](&c);
}

/* ---- norm: rows of n elements, or n rows of a few columns ---- */

static void run_norm_rows(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype  dt   = (hoop_dtype)slot;
    int64_t     rows = t->n == 0 ? 0 : rows_of(t), n = rows * t->n;
    const void *w = t->seed % 3 == 0 ? NULL : input(t, 1, dt, t->n), *b = t->seed % 3 < 2 ? NULL : input(t, 2, dt, t->n);
    k->norm->rows[dt](rows, t->n, 1e-3, input(t, 0, dt, n), w, b, output(t, &r[0], dt, n),
                      t->seed & 1 ? NULL : output(t, &r[1], dt, rows), output(t, &r[2], dt, rows));
}

static void run_norm_rows_grad(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype  dt   = (hoop_dtype)slot;
    int64_t     rows = rows_of(t), n = rows * t->n;
    const char *of = input(t, 3, dt, 2 * rows + t->n), *rstd = of + (size_t)rows * hoop_dtype_size(dt);
    k->norm->rows_grad[dt](rows, t->n, input(t, 0, dt, n), input(t, 1, dt, n), t->seed & 1 ? NULL : of, rstd,
                           t->seed % 3 == 0 ? NULL : rstd + (size_t)rows * hoop_dtype_size(dt), output(t, r, dt, n), t->seed & 2);
}

static void run_norm_weight_grad(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype  dt   = (hoop_dtype)slot;
    int64_t     cols = 1 + below(t->seed, 30), ld = cols + below(t->seed + 2, 3), n = t->n * ld + 1;
    const char *of = input(t, 3, dt, 2 * t->n + 1);
    k->norm->weight_grad[dt](t->n, cols, ld, input(t, 0, dt, n), input(t, 1, dt, n), t->seed & 1 ? NULL : of,
                             of + (size_t)t->n * hoop_dtype_size(dt), output(t, r, dt, cols), t->seed & 2);
}

static void run_norm_moments(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt   = (hoop_dtype)slot;
    int64_t    rows = t->n == 0 || t->n > HOOP_NORM_ROWS ? HOOP_NORM_ROWS : t->n, cols = 1 + below(t->seed, 40), ld = cols + 3;
    k->norm->moments[dt](rows, cols, ld, input(t, 0, dt, rows * ld), output(t, &r[0], HOOP_F64, cols),
                         output(t, &r[1], HOOP_F64, cols));
}

static void run_norm_sums(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt   = (hoop_dtype)slot;
    int64_t    rows = t->n > HOOP_NORM_ROWS ? HOOP_NORM_ROWS : t->n, cols = 1 + below(t->seed, 40), ld = cols + 3;
    k->norm->sums[dt](rows, cols, ld, input(t, 0, dt, rows * ld), input(t, 1, dt, rows * ld), input(t, 2, dt, cols),
                      output(t, &r[0], HOOP_F64, cols), output(t, &r[1], HOOP_F64, cols));
}

static void run_norm_apply(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt   = (hoop_dtype)slot;
    int64_t    cols = 1 + below(t->seed, 40), ld = cols + below(t->seed + 2, 3), n = t->n * ld;
    k->norm->apply[dt](t->n, cols, ld, input(t, 0, dt, n), input(t, 1, dt, cols), input(t, 2, dt, cols), input(t, 3, dt, cols),
                       output(t, r, dt, n));
}

static void run_norm_apply_grad(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype  dt   = (hoop_dtype)slot;
    int64_t     cols = 1 + below(t->seed, 40), ld = cols + below(t->seed + 2, 3), n = t->n * ld;
    size_t      each = (size_t)cols * hoop_dtype_size(dt);
    const char *of   = input(t, 2, dt, 4 * cols);
    k->norm->apply_grad[dt](t->n, cols, ld, input(t, 0, dt, n), input(t, 1, dt, n), of, of + each, of + 2 * each, of + 3 * each,
                            output(t, r, dt, n), t->seed & 2);
}

/* ---- pool: windows and taps that lie anywhere inside ---- */

enum { POOL_OUT = 3, POOL_TAPS = 4 };

/* of n / 8 places, at least 1, in the last dim, 2 in the others; about n channels */
static void pool_sizes(const trial *t, int64_t *in, int64_t *out, int64_t *channels)
{
    in[0] = in[1] = 2;
    in[2]         = 1 + t->n / 8;
    for (int d = 0; d < HOOP_POOL_DIMS; d++) out[d] = 1 + below(t->seed + (uint64_t)d, POOL_OUT);
    *channels = 1 + below(t->seed + 7, 35);
    if (4 * in[2] * *channels > MOST) *channels = MOST / (4 * in[2]);
}

static hoop_windows pool_windows(const trial *t, int32_t first[HOOP_POOL_DIMS][POOL_OUT], int32_t count[HOOP_POOL_DIMS][POOL_OUT])
{
    hoop_windows w;
    pool_sizes(t, w.in, w.out, &w.channels);
    for (int d = 0; d < HOOP_POOL_DIMS; d++) {
        w.step[d]  = 1;
        w.first[d] = first[d];
        w.count[d] = count[d];
        for (int o = 0; o < POOL_OUT; o++) {
            first[d][o] = (int32_t)below(t->seed + 10 + (uint64_t)(d * POOL_OUT + o), w.in[d]);
            count[d][o] = 1 + (int32_t)below(t->seed + 30 + (uint64_t)(d * POOL_OUT + o), w.in[d] - first[d][o]);
        }
    }
    return w;
}

static void run_pool_max_pool(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype   dt = (hoop_dtype)slot;
    int32_t      first[HOOP_POOL_DIMS][POOL_OUT], count[HOOP_POOL_DIMS][POOL_OUT];
    hoop_windows w = pool_windows(t, first, count);
    int64_t      n = w.out[0] * w.out[1] * w.out[2] * w.channels;
    k->pool->max_pool[dt](&w, 0, w.out[0] * w.out[1], input(t, 0, dt, w.in[0] * w.in[1] * w.in[2] * w.channels),
                          output(t, &r[0], dt, n), output(t, &r[1], HOOP_I32, n));
}

static void run_pool_max_pool_grad(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype   dt = (hoop_dtype)slot;
    int32_t      first[HOOP_POOL_DIMS][POOL_OUT], count[HOOP_POOL_DIMS][POOL_OUT], *index;
    hoop_windows w = pool_windows(t, first, count);
    int64_t      n = w.in[0] * w.in[1] * w.in[2] * w.channels;
    index          = input(t, 1, HOOP_I32, n);
    for (int64_t i = 0; i < n; i++) index[i] = (int32_t)below(t->seed + (uint64_t)i, w.out[0] * w.out[1] * w.out[2]);
    k->pool->max_pool_grad[dt](&w, 0, w.out[0] * w.out[1], index, input(t, 0, dt, n),
                               output(t, r, dt, w.out[0] * w.out[1] * w.out[2] * w.channels), t->seed & 1);
}

static void run_pool_resample(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype    dt = (hoop_dtype)slot;
    int32_t       begin[HOOP_POOL_DIMS][POOL_OUT + 1], from[HOOP_POOL_DIMS][POOL_OUT * POOL_TAPS];
    double        weight[HOOP_POOL_DIMS][POOL_OUT * POOL_TAPS];
    hoop_resample w;
    pool_sizes(t, w.in, w.out, &w.channels);
    for (int d = 0; d < HOOP_POOL_DIMS; d++) {
        w.taps[d]   = (hoop_taps){begin[d], from[d], weight[d]};
        begin[d][0] = 0;
        for (int o = 0; o < POOL_OUT; o++) {
            begin[d][o + 1] = begin[d][o] + (int32_t)below(t->seed + 10 + (uint64_t)(d * POOL_OUT + o), POOL_TAPS + 1);
            for (int32_t i = begin[d][o]; i < begin[d][o + 1]; i++) {
                from[d][i]   = (int32_t)below(t->seed + 50 + (uint64_t)(d * 16 + i), w.in[d]);
                weight[d][i] = (double)below(t->seed + 99 + (uint64_t)(d * 16 + i), 1000) / 7;
            }
        }
    }
    k->pool->resample[dt](&w, 0, w.out[0] * w.out[1], input(t, 0, dt, w.in[0] * w.in[1] * w.in[2] * w.channels),
                          output(t, r, dt, w.out[0] * w.out[1] * w.out[2] * w.channels), t->seed & 1);
}

/* patches of a plane of about n places in each line, on all sides of it */
static hoop_patches patches_of(const trial *t, int64_t *image, int64_t *columns)
{
    hoop_patches p;
    *image = *columns = 1;
    for (int d = 0; d < HOOP_POOL_DIMS; d++) {
        int64_t room;
        p.in[d]       = d < 2 ? 1 + below(t->seed + (uint64_t)d, 3) : 1 + t->n / 8;
        p.kernel[d]   = 1 + below(t->seed + 10 + (uint64_t)d, 3);
        p.stride[d]   = 1 + below(t->seed + 20 + (uint64_t)d, 2);
        p.dilation[d] = 1 + below(t->seed + 30 + (uint64_t)d, 2);
        p.before[d]   = 2 + below(t->seed + 40 + (uint64_t)d, 2);
        room          = p.in[d] + 2 * p.before[d] - (p.kernel[d] - 1) * p.dilation[d];
        p.out[d]      = (room - 1) / p.stride[d] + 1;
        *image *= p.in[d];
        *columns *= p.kernel[d] * p.out[d];
    }
    return p;
}

static void run_pool_im2col(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    int64_t      image, columns;
    hoop_patches p = patches_of(t, &image, &columns);
    k->pool->im2col[slot](&p, input(t, 0, (hoop_dtype)slot, image), output(t, r, (hoop_dtype)slot, columns));
}

static void run_pool_col2im(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    int64_t      image, columns;
    hoop_patches p = patches_of(t, &image, &columns);
    k->pool->col2im[slot](&p, input(t, 0, (hoop_dtype)slot, columns), output(t, r, (hoop_dtype)slot, image));
}

/* ---- elementwise (kernels/elementwise.h) ---- */

static const double *params_of(const trial *t)
{
    static const double p[][HOOP_TUNED_PARAMS] = {{0.01, 1.5, 1}, {1, 20, 0.5}, {-0.25, 0.75, 1}, {1.6732632423543772, 1.05, 1}};
    return p[t->seed % 4];
}

static void run_tuned(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt     = (hoop_dtype)(slot % HOOP_NFLOAT);
    int64_t    stride = t->seed % 3 == 0 ? 3 : 1;
    k->elementwise->tuned[slot / HOOP_NFLOAT][dt](t->n, input(t, 0, dt, t->n * stride), stride, params_of(t),
                                                  output(t, r, dt, t->n), t->seed & 1);
}

static void run_tuned_grad(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt = (hoop_dtype)(slot % HOOP_NFLOAT);
    k->elementwise->tuned_grad[slot / HOOP_NFLOAT][dt](t->n, input(t, 0, dt, t->n), input(t, 1, dt, t->n), params_of(t),
                                                       output(t, r, dt, t->n), t->seed & 1);
}

static void run_integer(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt = (hoop_dtype)(slot % HOOP_DTYPE_COUNT);
    int64_t    sa = below(t->seed, 3), sb = below(t->seed + 1, 3);
    k->elementwise->integer[slot / HOOP_DTYPE_COUNT][dt](t->n, input(t, 0, dt, 2 * t->n + 1), sa, input(t, 1, dt, 2 * t->n + 1),
                                                         sb, output(t, r, dt, t->n), t->seed & 1);
}

static void run_integer_unary(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt     = (hoop_dtype)(slot % HOOP_DTYPE_COUNT);
    int64_t    stride = 1 + below(t->seed, 2);
    k->elementwise->integer_unary[slot / HOOP_DTYPE_COUNT][dt](t->n, input(t, 0, dt, t->n * stride), stride,
                                                               output(t, r, dt, t->n), t->seed & 1);
}

static void run_truth(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    int64_t n = t->n < HOOP_WHERE_CHUNK ? t->n : HOOP_WHERE_CHUNK, stride = below(t->seed, 3);
    k->elementwise->truth[slot](n, input(t, 0, (hoop_dtype)slot, 2 * n + 1), stride, output(t, r, HOOP_U8, n));
}

static void run_where(const hoop_kernels *k, int slot, const trial *t, result *r)
{
    hoop_dtype dt = (hoop_dtype)slot;
    int64_t    sa = below(t->seed, 3), sb = below(t->seed + 1, 3);
    uint8_t   *m = input(t, 2, HOOP_U8, t->n + 1);
    for (int64_t i = 0; i < t->n; i++) m[i] &= 1;
    k->elementwise->where[dt](t->n, m, input(t, 0, dt, 2 * t->n + 1), sa, input(t, 1, dt, 2 * t->n + 1), sb,
                              output(t, r, dt, t->n));
}

/* ---- the table, and those of families that it points to ---- */

enum { OWN = -1, REDUCE, CONV, ATTENTION, RECURRENT, LOSS, NORM, POOL, ELEMENTWISE, FAMILIES };
static const struct family {
    size_t at, bytes; /* where the table points to it */
} families[FAMILIES] = {[REDUCE]      = {offsetof(hoop_kernels, reduce), sizeof(hoop_reduce_kernels)},
                        [CONV]        = {offsetof(hoop_kernels, conv), sizeof(hoop_conv_kernels)},
                        [ATTENTION]   = {offsetof(hoop_kernels, attention), sizeof(hoop_attention_kernels)},
                        [RECURRENT]   = {offsetof(hoop_kernels, recurrent), sizeof(hoop_recurrent_kernels)},
                        [LOSS]        = {offsetof(hoop_kernels, loss), sizeof(hoop_loss_kernels)},
                        [NORM]        = {offsetof(hoop_kernels, norm), sizeof(hoop_norm_kernels)},
                        [POOL]        = {offsetof(hoop_kernels, pool), sizeof(hoop_pool_kernels)},
                        [ELEMENTWISE] = {offsetof(hoop_kernels, elementwise), sizeof(hoop_elementwise_kernels)}};

static const struct row {
    const char *name;
    size_t      offset, bytes;
    set_run    *run;
    int         family;
} rows[] = {
#define ROW(member) {#member, offsetof(hoop_kernels, member), sizeof((hoop_kernels *)NULL)->member, run_##member, OWN},
    ROW(unary) ROW(unary_grad) ROW(binary) ROW(copy) ROW(cast) ROW(sum_rows) ROW(max_rows) ROW(sum_cols) ROW(max_cols) ROW(
        softmax) ROW(log_softmax) ROW(softmax_grad) ROW(log_softmax_grad) ROW(cross_entropy) ROW(cross_entropy_grad) ROW(dropout)
        ROW(sgd) ROW(adam) ROW(rmsprop) ROW(adagrad) ROW(radam) ROW(nadam) ROW(lion) ROW(lars) ROW(lamb) ROW(lamb_step) ROW(ema)
            ROW(squares) ROW(exact_clear) ROW(exact_deposit) ROW(exact_merge) ROW(exact_finish) ROW(exact_sum) ROW(gemm)
#undef ROW
#define ROW(member)                                                                                                              \
    {#member, offsetof(hoop_reduce_kernels, member), sizeof((hoop_reduce_kernels *)NULL)->member, run_##member, REDUCE},
                ROW(fold_rows) ROW(fold_cols) ROW(stat_rows) ROW(stat_cols) ROW(arg_rows) ROW(arg_cols) ROW(running_rows)
                    ROW(running_cols) ROW(running_place) ROW(prod_grad) ROW(cumprod_grad)
#undef ROW
#define ROW(member)                                                                                                              \
    {#member, offsetof(hoop_conv_kernels, member), sizeof((hoop_conv_kernels *)NULL)->member, run_conv_##member, CONV},
                        ROW(tiles) ROW(channels) ROW(pack) ROW(unpack) ROW(winograd_in) ROW(winograd_out) ROW(winograd_spread)
                            ROW(winograd_weight) ROW(winograd_unweight)
#undef ROW
#define ROW(member, run)                                                                                                         \
    {#run, offsetof(hoop_attention_kernels, member), sizeof((hoop_attention_kernels *)NULL)->member, run_##run, ATTENTION},
                                ROW(forward, attention_forward) ROW(backward, attention_backward) ROW(turn, attention_turn)
                                    ROW(turns, rotary_turns) ROW(rotate, rotary_rotate)
#undef ROW
#define ROW(member)                                                                                                              \
    {#member, offsetof(hoop_recurrent_kernels, member), sizeof((hoop_recurrent_kernels *)NULL)->member, run_##member, RECURRENT},
                                        ROW(cell) ROW(cell_grad)
#undef ROW
#define ROW(member) {#member, offsetof(hoop_loss_kernels, member), sizeof((hoop_loss_kernels *)NULL)->member, run_##member, LOSS},
                                            ROW(pair) ROW(pair_grad) ROW(class_loss) ROW(class_loss_grad) ROW(ctc) ROW(ctc_grad)
#undef ROW
#define ROW(member)                                                                                                              \
    {#member, offsetof(hoop_norm_kernels, member), sizeof((hoop_norm_kernels *)NULL)->member, run_norm_##member, NORM},
                                                ROW(rows) ROW(rows_grad) ROW(weight_grad) ROW(moments) ROW(sums) ROW(apply)
                                                    ROW(apply_grad)
#undef ROW
#define ROW(member)                                                                                                              \
    {#member, offsetof(hoop_pool_kernels, member), sizeof((hoop_pool_kernels *)NULL)->member, run_pool_##member, POOL},
                                                        ROW(max_pool) ROW(max_pool_grad) ROW(resample) ROW(im2col) ROW(col2im)
#undef ROW
#define ROW(member)                                                                                                              \
    {#member, offsetof(hoop_elementwise_kernels, member), sizeof((hoop_elementwise_kernels *)NULL)->member, run_##member,        \
     ELEMENTWISE},
                                                            ROW(tuned) ROW(tuned_grad) ROW(integer) ROW(integer_unary) ROW(truth)
                                                                ROW(where)
#undef ROW
};

/* A kernel that no row runs would be a hole. */
static void test_rows_are_the_table(void **state)
{
    (void)state;
    for (int f = OWN; f < FAMILIES; f++) {
        size_t at = f == OWN ? sizeof((hoop_kernels *)NULL)->isa : 0, end = f == OWN ? sizeof(hoop_kernels) : families[f].bytes;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            if (rows[i].family != f) continue;
            if (rows[i].offset != at) fail_msg("before %s the table has a kernel that this test does not run", rows[i].name);
            at += rows[i].bytes;
        }
        for (int k = 0; k < FAMILIES && f == OWN; k++, at += sizeof(void *)) {
            if (families[k].at != at) fail_msg("family %d of the table is none of this test's", k);
        }
        if (at != end) fail_msg("at its end a table has a kernel that this test does not run");
    }
}

static bool has(const hoop_kernels *k, const struct row *row, int slot)
{
    const char *table = (const char *)k;
    void (*fn)(void);
    if (row->family != OWN) memcpy(&table, (const char *)k + families[row->family].at, sizeof table);
    memcpy(&fn, table + row->offset + (size_t)slot * sizeof fn, sizeof fn);
    return fn != NULL;
}

static void compare(const struct row *row, int slot, const trial *t, const char *isa, const result *want, const char *other,
                    const result *got)
{
    for (int j = 0; j < RESULTS; j++) {
        assert_int_equal(got[j].n, want[j].n);
        for (int64_t i = 0; i < got[j].n; i++) {
            size_t size = hoop_dtype_size(got[j].dt), at = (size_t)i * size;
            if (memcmp((const char *)got[j].x + at, (const char *)want[j].x + at, size) == 0) continue;
            if (got[j].dt <= HOOP_F64 && same(got[j].dt, got[j].x, i, want[j].x, i)) continue;
            fail_msg("%s, place %d, n %d, seed %d, values of kind %d: result %d, element %d: %s has %a, %s %a", row->name, slot,
                     (int)t->n, (int)t->seed, t->kind, j, (int)i, other, got[j].dt <= HOOP_F64 ? get(got[j].dt, got[j].x, i) : 0,
                     isa, got[j].dt <= HOOP_F64 ? get(got[j].dt, want[j].x, i) : 0);
        }
    }
}

static void check_row(const struct row *row, const hoop_kernels **tables, int ntables)
{
    static const int64_t lengths[] = {0,  1,  2,  3,  4,  5,   7,   8,   9,   15,  16,  17,
                                      31, 33, 63, 64, 65, 100, 127, 130, 255, 256, 259, 520};
    static result        want[RESULTS], got[RESULTS];
    enum { SEEDS = 12 };
    for (int slot = 0; slot < (int)(row->bytes / sizeof(void (*)(void))); slot++) {
        for (int i = 1; i < ntables; i++) assert_true(has(tables[i], row, slot) == has(tables[0], row, slot));
        if (!has(tables[0], row, slot)) continue;
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            for (int seed = 0; seed < SEEDS; seed++) {
                trial t = {lengths[l], (uint64_t)seed + SEEDS * l, seed % 4};
                for (int j = 0; j < RESULTS; j++) want[j].n = got[j].n = 0;
                row->run(tables[0], slot, &t, want);
                for (int i = 1; i < ntables; i++) {
                    row->run(tables[i], slot, &t, got);
                    compare(row, slot, &t, tables[0]->isa, want, tables[i]->isa, got);
                }
            }
        }
    }
}

static void test_sets(void **state)
{
    const hoop_kernels *tables[3];
    int                 n      = tables_get(tables);
    uint64_t            before = hoop_fp_enter();
    (void)state;
    if (n == 1) {
        print_message("this processor has one instruction set: %s\n", tables[0]->isa);
        skip();
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) check_row(&rows[i], tables, n);
    hoop_fp_restore(before);
}

/* ---- the emulated fma against the C library's, which is the processor's where it has one ---- */

enum { FMA_CASES = 12000000 };

/* bits of all kinds, or few of them set (products that end half way between two numbers), or exponents near each other's */
static uint64_t odd_bits(uint64_t seed, int64_t i, int fraction, int exponents)
{
    uint64_t u = word(seed, i), low = ((uint64_t)1 << fraction) - 1, near = (uint64_t)1 << exponents >> 1;
    switch (word(seed + 50, i) % 6) {
    case 0:
        return u & ~(low >> 8); /* few bits */
    case 1:
        return (u & ~(low >> 4)) | (low >> 6 & ~(uint64_t)3); /* a long run of them */
    case 2:
        return (u & ~((((uint64_t)1 << exponents) - 2) << fraction)); /* denormal, or about the smallest */
    case 3:
        return (u & (low | (uint64_t)1 << (fraction + exponents))) | (near - 20 + u / 3 % 40) << fraction;
    default:
        return u;
    }
}

static void test_fma_f32(void **state)
{
    (void)state;
    for (int64_t i = 0; i < FMA_CASES; i++) {
        float v[3], got, want;
        for (int j = 0; j < 3; j++) {
            uint32_t u = (uint32_t)odd_bits((uint64_t)j, i, 23, 8);
            memcpy(&v[j], &u, sizeof u);
        }
        if (i % 4 == 1) v[2] = nextafterf(-v[0] * v[1], i % 8 == 1 ? 0.0F : (float)INFINITY); /* cancels */
        if (i % 4 == 2) v[2] = ldexpf(v[0] * v[1], (int)(i / 4 % 60) - 30);                   /* overlaps */
        got  = hoop__fma_f32(v[0], v[1], v[2]);
        want = fmaf(v[0], v[1], v[2]);
        if (!same(HOOP_F32, &got, 0, &want, 0))
            fail_msg("fma(%a, %a, %a) is %a, want %a", (double)v[0], (double)v[1], (double)v[2], (double)got, (double)want);
    }
}

static void test_fma_f64(void **state)
{
    (void)state;
    for (int64_t i = 0; i < FMA_CASES; i++) {
        double v[3], got, want;
        for (int j = 0; j < 3; j++) {
            uint64_t u = odd_bits((uint64_t)j, i, 52, 11);
            memcpy(&v[j], &u, sizeof u);
        }
        if (i % 4 == 1) v[2] = nextafter(-v[0] * v[1], i % 8 == 1 ? 0.0 : (double)INFINITY);
        if (i % 4 == 2) v[2] = ldexp(v[0] * v[1], (int)(i / 4 % 130) - 65);
        got  = hoop__fma_f64(v[0], v[1], v[2]);
        want = fma(v[0], v[1], v[2]);
        if (!same(HOOP_F64, &got, 0, &want, 0)) fail_msg("fma(%a, %a, %a) is %a, want %a", v[0], v[1], v[2], got, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows_are_the_table), cmocka_unit_test(test_fma_f32),
                                       cmocka_unit_test(test_fma_f64), cmocka_unit_test(test_sets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
