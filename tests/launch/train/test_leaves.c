/* Leaves that run at once, and steps that are replayed: the weights are those of leaves one by one, each step run anew, however
 * many run together; what cannot run so does not; a step allocates nothing. */
#include "plan.h"

#include <math.h>

#include "../../allocations.h"
#include "hoop/op.h"
#include "hoop/ops.h"

/* A model that mixes rows: what it gives, less the sum over all rows. */
static bool mixing;

void __real_hoop_model_forward(const hoop_model *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out);
void __wrap_hoop_model_forward(const hoop_model *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out);
void __wrap_hoop_model_forward(const hoop_model *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    hoop_tensor *sum;
    __real_hoop_model_forward(m, t, nin, in, out);
    if (!mixing || hoop_tensor_is_poison(out[0])) return;
    sum    = hoop_sum(t, out[0], 1, true);
    out[0] = hoop_sub(t, out[0], hoop_scale(t, sum, 0.01));
}

#define SMALL                                                                                                                    \
    "seed: 7\nbatch: 42\nsteps: 16\n"                                                                                            \
    "optimizer: {name: adamw, lr: 2e-3, weight_decay: 0.01}\n"
#define DATA "data: {train: digits/train, validation: digits/validation}\n"
#define MLP "model: {kind: mlp, hidden: [20, 12], dropout: 0.25}\n"
/* as before there were leaves at once */
#define ONE_BY_ONE "memory: {limit: 0}\ncapture: off\n"

static void run_on(plan *p, int size, const char *config)
{
    p->config[0] = config;
    plan_run(p, size);
    plan_good(p);
}

/* weights and metrics */
static void same_as(const plan *p, const plan *one)
{
    const hoop_metrics_sums *a = &p->rank[0].about.last, *b = &one->rank[0].about.last;
    assert_int_equal(p->rank[0].bytes, one->rank[0].bytes);
    if (memcmp(p->rank[0].weights, one->rank[0].weights, (size_t)one->rank[0].bytes) != 0)
        fail_msg("%d ranks: other weights than leaves one by one give, with\n%s", p->size, p->config[0]);
    if (a->loss != b->loss || a->weight != b->weight || a->samples != b->samples || p->rank[0].metric != one->rank[0].metric)
        fail_msg("%d ranks: other metrics than leaves one by one give, with\n%s", p->size, p->config[0]);
}

/* ---- how they run ---- */

static void as_many_as_there_are(void **state)
{
    static const struct {
        const char *config;
        int         size, at_once;
        bool        replayed;
    } rows[] = {
        {SMALL DATA MLP "leaves: 6\nthreads: 1\n", 1, 6, true},
        {SMALL DATA MLP "leaves: 6\nthreads: 1\n", 3, 2, true},
        {SMALL DATA MLP "leaves: 6\nthreads: 1\n", 6, 1, true},
        {SMALL DATA MLP "leaves: 6\nthreads: 3\n", 1, 6, true},
        {SMALL DATA MLP "leaves: 6\nthreads: 1\ncapture: off\n", 1, 6, false},
        {SMALL DATA MLP "leaves: 6\nthreads: 1\nmemory: {limit: 0}\n", 1, 1, true},
        {SMALL DATA MLP "leaves: 6\nthreads: 1\n" ONE_BY_ONE, 1, 1, false},
    };
    plan one = {0}, p = {0};
    (void)state;
    run_on(&one, 1, SMALL DATA MLP "leaves: 6\nthreads: 1\n" ONE_BY_ONE);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        run_on(&p, rows[i].size, rows[i].config);
        assert_int_equal(p.rank[0].about.at_once, rows[i].at_once);
        assert_int_equal(p.rank[0].about.replayed, rows[i].replayed);
        same_as(&p, &one);
    }
    plan_clear(&one);
    plan_clear(&p);
}

/* Models, losses and targets of all kinds, leaves of uneven, one or no rows (an epoch ends with 30 rows), at limits from a few
 * leaves to all: the bits of leaves one by one. */
static void all_kinds_keep_their_bits(void **state)
{
    static const char *const kinds[] = {
        SMALL DATA MLP "leaves: 12\nclip_norm: 0.5\n",
        SMALL DATA MLP "leaves: 24\n",
        SMALL DATA MLP "leaves: 42\n",
        SMALL DATA MLP "leaves: 5\ndist: {reduce: fast}\n",
        SMALL DATA MLP "leaves: 6\nprecision: f64\n",
        SMALL DATA MLP "leaves: 6\ngemm: blas\n",
        SMALL
        "model: {layers: [flatten, {linear: 24}, gelu, {dropout: 0.2}, {residual: [{linear: 24}, tanh]}, {linear: 10}]}\n" DATA
        "leaves: 9\n",
        SMALL "model: {layers: [flatten, {linear: 12}, relu, {parallel: {branches: {a: [{linear: 8}, sigmoid], b: [{linear: 8}, "
              "tanh]}, join: "
              "concat}}, {linear: 10}]}\n" DATA "leaves: 6\n",
    };
    static const char *const ways[] = {"", "capture: off\n", "memory: {limit: 0}\n", "memory: {limit: 1.6}\n",
                                       "memory: {limit: 3}\ncapture: off\n"};
    const int                more   = getenv("HOOP_SANITIZE") == NULL ? 5 : 2;
    plan                     one = {0}, p = {0};
    char                     text[1024];
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        (void)snprintf(text, sizeof text, "%sthreads: 1\n" ONE_BY_ONE, kinds[k]);
        run_on(&one, 1, text);
        for (int w = 0; w < more; w++) {
            const bool fast = strstr(kinds[k], "fast") != NULL;
            (void)snprintf(text, sizeof text, "%sthreads: %d\n%s", kinds[k], 1 + (int)(k + (size_t)w) % 3, ways[w]);
            run_on(&p, fast ? 1 : 1 + (w + (int)k) % 4, text);
            same_as(&p, &one);
        }
    }
    plan_clear(&one);
    plan_clear(&p);
}

/* Segments whose tensors are made again in backward: the weights of a run that keeps all, on any number of ranks, leaves at once
 * and one by one, replayed and not; and less memory. */
static void segments_are_made_again(void **state)
{
#define DEEP(checkpoint)                                                                                                         \
    SMALL DATA                                                                                                                   \
        "leaves: 6\nthreads: 1\nmodel: {layers: [flatten, {linear: 16}, {repeat: {times: 8, checkpoint: " checkpoint             \
        ", body: [{residual: [{linear: 300}, gelu, {dropout: 0.1}, {linear: 16}]}]}}, {sequential: {checkpoint: " checkpoint     \
        ", layers: [{linear: 32}, tanh]}}, {linear: 10}]}\n"
    static const char *const ways[] = {DEEP("true"), DEEP("true") "capture: off\n", DEEP("true") "memory: {limit: 0}\n",
                                       DEEP("true") ONE_BY_ONE};
    plan                     all = {0}, p = {0};
    (void)state;
    run_on(&all, 1, DEEP("false"));
    for (int w = 0; w < 4; w++)
        for (int size = 1; size <= 3; size += w < 2 ? 1 : 2) {
            run_on(&p, size, ways[w]);
            same_as(&p, &all);
            assert_int_equal(p.rank[0].about.at_once, w < 2 ? 6 / size : 1);
            if (w == 0 && size == 1 && 3 * p.rank[0].about.memory_peak_bytes > 2 * all.rank[0].about.memory_peak_bytes)
                fail_msg("%lld bytes, without segments %lld", (long long)p.rank[0].about.memory_peak_bytes,
                         (long long)all.rank[0].about.memory_peak_bytes);
        }
        /* tensors that lie channels-last, and views of them */
#define CONV(checkpoint)                                                                                                         \
    SMALL DATA "leaves: 6\nthreads: 1\nmodel: {layers: [{conv: {out: 6, kernel: 3, padding: 1}}, relu, {repeat: {times: 2, "     \
               "checkpoint: " checkpoint                                                                                         \
               ", body: [{residual: [{conv: {out: 6, kernel: 3, padding: 1}}, relu, {dropout: 0.1}]}, "                          \
               "tanh]}}, flatten, {linear: 10}]}\n"
    run_on(&all, 1, CONV("false"));
    for (int size = 1; size <= 2; size++) {
        run_on(&p, size, CONV("true"));
        same_as(&p, &all);
    }
    plan_clear(&all);
    plan_clear(&p);
}

static void rows_that_meet_run_leaf_by_leaf(void **state)
{
    plan one = {0}, p = {0};
    (void)state;
    mixing = true;
    run_on(&one, 1, SMALL DATA MLP "leaves: 6\nthreads: 1\n" ONE_BY_ONE);
    for (int size = 1; size <= 3; size++) {
        run_on(&p, size, SMALL DATA MLP "leaves: 6\nthreads: 1\n");
        assert_int_equal(p.rank[0].about.at_once, 1);
        same_as(&p, &one);
    }
    mixing = false;
    run_on(&p, 1, SMALL DATA MLP "leaves: 6\nthreads: 1\n");
    assert_int_equal(p.rank[0].about.at_once, 6);
    assert_memory_not_equal(p.rank[0].weights, one.rank[0].weights, (size_t)one.rank[0].bytes); /* it did mix */
    plan_clear(&one);
    plan_clear(&p);
}

/* ---- steps on arrays ---- */

enum { WIDTH = 24, CLASSES = 5, BATCH = 640 };

typedef struct arrays {
    int64_t steps, bad_step; /* with a label that is none; -1: never */
    long    allocated;       /* from `warm` steps on */
    int64_t warm;
} arrays;

static hoop_status on_arrays(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    arrays     *a      = p->ctx;
    float      *x      = malloc(sizeof(float) * BATCH * WIDTH);
    int64_t    *label  = malloc(sizeof(int64_t) * BATCH), first;
    long        before = 0;
    hoop_status st     = HOOP_OK;
    for (int64_t step = 0; step < a->steps && st == HOOP_OK && hoop_trainer_next_step(tr); step++) {
        const int64_t  n   = hoop_trainer_share(tr, &first);
        const hoop_key key = hoop_key_make(3, HOOP_FOR_TEST, (uint64_t)step, 0, 0);
        for (int64_t i = 0; i < n; i++) {
            for (int64_t j = 0; j < WIDTH; j++)
                x[i * WIDTH + j] = hoop_random_f32(key, (uint64_t)(WIDTH * (first + i) + j)) - 0.5F;
            label[i] = x[i * WIDTH] > 0 ? 2 : 1;
        }
        if (step == a->bad_step && rank == p->size - 1) label[n - 1] = 9;
        if (step == a->warm) before = atomic_load(&allocations);
        st = hoop_trainer_step(tr, x, label, err);
    }
    if (rank == 0) a->allocated = atomic_load(&allocations) - before; /* of all ranks: looked at where there is one */
    free(x);
    free(label);
    return st;
}

static hoop_trainer_opts array_opts(void)
{
    return (hoop_trainer_opts){.arrays = true, .input_ndim = 1, .input_shape = {WIDTH}, .classes = CLASSES};
}

#define STEPS "seed: 3\nbatch: 640\nsteps: 40\nthreads: 1\n"
#define ARRAYS STEPS "model: {hidden: [64, 32], activation: tanh}\n"
#define SEGMENTS                                                                                                                 \
    STEPS                                                                                                                        \
    "model: {layers: [{linear: 16}, {repeat: {times: 3, checkpoint: true, body: [{residual: [{linear: 32}, tanh, {linear: "      \
    "16}]}]}}, {linear: 5}]}\n"

/* Also more leaves than run at once on a tape. */
static void steps_on_arrays_are_the_same(void **state)
{
    arrays a   = {.steps = 5, .bad_step = -1};
    plan   one = {.opts = array_opts(), .drive = on_arrays, .ctx = &a}, p = one;
    (void)state;
    run_on(&one, 1, ARRAYS "leaves: 320\n" ONE_BY_ONE);
    run_on(&p, 1, ARRAYS "leaves: 320\n");
    assert_int_equal(p.rank[0].about.at_once, 160); /* 256 at most, in parts as even as may be */
    assert_true(p.rank[0].about.replayed);
    same_as(&p, &one);
    run_on(&p, 2, ARRAYS "leaves: 320\ncapture: off\n");
    same_as(&p, &one);
    plan_clear(&one);
    plan_clear(&p);
}

static void no_malloc_after_the_first_step(void **state)
{
    static const char *const ways[] = {ARRAYS "leaves: 20\n",
                                       ARRAYS "leaves: 20\ncapture: off\n",
                                       ARRAYS "leaves: 20\nmemory: {limit: 0}\n",
                                       ARRAYS "leaves: 20\n" ONE_BY_ONE,
                                       ARRAYS "leaves: 1\n",
                                       SEGMENTS "leaves: 20\n",
                                       SEGMENTS "leaves: 20\ncapture: off\n",
                                       ARRAYS "leaves: 20\nmemory: {limit: 0.3}\n"};
    arrays                   a      = {.steps = 12, .bad_step = -1, .warm = 1};
    plan                     p      = {.opts = array_opts(), .drive = on_arrays, .ctx = &a};
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        a.warm = strstr(ways[i], "0.3") == NULL ? 1 : 4; /* what a row takes is known from the first steps */
        run_on(&p, 1, ways[i]);
        if (a.allocated != 0) fail_msg("%ld allocations in steps %d to 11 of\n%s", a.allocated, (int)a.warm, ways[i]);
    }
    plan_clear(&p);
}

static void errors_name_what_they_did(void **state)
{
    static const char *const ways[] = {ARRAYS "leaves: 20\n", ARRAYS "leaves: 20\ncapture: off\n",
                                       ARRAYS "leaves: 20\n" ONE_BY_ONE};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (int64_t step = 0; step < 4; step += 3) { /* in the first, and in one that is replayed */
            arrays a = {.steps = 6, .bad_step = step};
            plan   p = {.config = {ways[i]}, .opts = array_opts(), .drive = on_arrays, .ctx = &a};
            plan_run(&p, 2);
            plan_failed(&p, 1, HOOP_ERANGE, "label 9 at position 31 is not between 0 and 4");
            plan_failed(&p, 0, HOOP_EPEER, "label 9");
            assert_int_equal(p.rank[0].about.step, step);
            plan_clear(&p);
        }
    }
}

/* ---- memory ---- */

static void tensors_stay_in_the_limit(void **state)
{
    static const char *const ways[] = {ARRAYS "leaves: 40\ncapture: off\nmemory: {limit: 0.25}\n",
                                       ARRAYS "leaves: 40\ncapture: off\nmemory: {limit: 0.5}\n"};
    arrays                   a      = {.steps = 5, .bad_step = -1};
    plan                     p = {.opts = array_opts(), .drive = on_arrays, .ctx = &a}, one = p;
    (void)state;
    run_on(&one, 1, ARRAYS "leaves: 40\n" ONE_BY_ONE);
    for (int i = 0; i < 2; i++) {
        run_on(&p, 1, ways[i]);
        assert_in_range(p.rank[0].about.at_once, 2, 39);
        assert_in_range(p.rank[0].about.memory_peak_bytes, 1, (262144 << i));
        same_as(&p, &one);
    }
    plan_clear(&one);
    plan_clear(&p);
}

/* What one leaf takes beyond it is an error, which names the op; a rank more does not help, smaller leaves do. */
static void one_leaf_does_not_keep_the_limit(void **state)
{
    arrays a = {.steps = 5, .bad_step = -1};
    plan   p = {.opts = array_opts(), .drive = on_arrays, .ctx = &a};
    (void)state;
    for (int size = 1; size <= 2; size++) {
        p.config[0] = ARRAYS "leaves: 4\nmemory: {limit: 0.05}\n";
        plan_run(&p, size);
        plan_failed(&p, 0, HOOP_ENOMEM,
                    "memory.limit of 0.05 MiB, which one leaf of at most 160 rows does not keep: linear: no memory for ");
        plan_failed(&p, 0, HOOP_ENOMEM, " were at most, and the limit is 52428; inputs f32 (160, 24)");
        assert_int_equal(p.rank[0].about.step, 0);
        run_on(&p, size, ARRAYS "leaves: 64\nmemory: {limit: 0.05}\n");
        assert_int_equal(p.rank[0].about.at_once, 1);
        assert_in_range(p.rank[0].about.memory_peak_bytes, 1, 2 * 52428);
    }
    plan_clear(&p);
}

/* ---- evaluation and prediction ---- */

typedef struct looked {
    double loss, accuracy;
    float *out;
} looked;

enum { ROWS = 64 };

static hoop_status look(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    looked     *l      = p->ctx;
    float      *x      = calloc((size_t)ROWS * 784, sizeof *x);
    const int   each[] = {1, 7, 64};
    hoop_status st     = hoop_trainer_run(tr, NULL, 0, err);
    for (int i = 0; i < ROWS * 784; i++) x[i] = (float)(i * 7 % 31) / 31;
    if (st == HOOP_OK) st = hoop_trainer_evaluate(tr, NULL, err, NULL);
    if (st == HOOP_OK) st = hoop_trainer_evaluate(tr, NULL, err, NULL); /* now of many leaves */
    if (rank == 0 && st == HOOP_OK) {
        l->loss     = hoop_trainer_about(tr)->validation.loss;
        l->accuracy = hoop_trainer_about(tr)->validation.target[0].metric[0].value;
        for (int b = 0; b < 3; b++) /* the same prediction of a row in any batch */
            for (int at = 0; at < ROWS && st == HOOP_OK; at += each[b]) {
                const int n = ROWS - at < each[b] ? ROWS - at : each[b];
                st          = hoop_trainer_predict(tr, x + (ptrdiff_t)at * 784, n, l->out + (ptrdiff_t)(b * ROWS + at) * 10, err);
            }
    }
    free(x);
    return st;
}

static void evaluation_and_prediction_are_the_same(void **state)
{
    static const char *const ways[] = {SMALL DATA MLP "leaves: 12\nthreads: 1\n" ONE_BY_ONE,
                                       SMALL DATA MLP "leaves: 12\nthreads: 2\n",
                                       SMALL DATA MLP "leaves: 12\nthreads: 1\nmemory: {limit: 0.8}\n"};
    float                    out[4][3 * ROWS * 10];
    looked                   l[4];
    (void)state;
    for (int w = 0; w < 4; w++) {
        plan p = {.drive = look, .ctx = &l[w]};
        l[w]   = (looked){.out = out[w]};
        mixing = false;
        run_on(&p, 1 + w % 3, ways[w % 3]);
        plan_clear(&p);
        for (int b = 1; b < 3; b++) assert_memory_equal(out[w], out[w] + (ptrdiff_t)b * ROWS * 10, sizeof out[w] / 3);
        assert_memory_equal(out[w], out[0], sizeof out[w]);
        assert_true(l[w].loss == l[0].loss && l[w].accuracy == l[0].accuracy && isfinite(l[w].loss));
    }
}

/* What mixes rows is evaluated and predicts in leaves. */
static void mixed_rows_are_evaluated_by_leaves(void **state)
{
    static float out[2][3 * ROWS * 10];
    looked       l[2];
    (void)state;
    mixing = true;
    for (int w = 0; w < 2; w++) {
        plan p = {.drive = look, .ctx = &l[w]};
        l[w]   = (looked){.out = out[w]};
        run_on(&p, 1, w == 0 ? SMALL DATA MLP "leaves: 12\nthreads: 1\n" ONE_BY_ONE : SMALL DATA MLP "leaves: 12\nthreads: 1\n");
        plan_clear(&p);
    }
    mixing = false;
    assert_memory_equal(out[0], out[1], sizeof out[0]);
    assert_true(l[0].loss == l[1].loss && l[0].accuracy == l[1].accuracy);
}

/* ---- a model of the caller's own ---- */

enum { IMAGE = 784, HIDDEN = 20, GUESSES = 60 };

/* one a rank; what the test wants of it, and what came out */
typedef struct own {
    hoop_params *params;
    hoop_tensor *w1, *b1, *w2, *b2;
    bool         loop, row_wise, mixing; /* the caller's own loop; what opts say; rows meet */
    double       loss, accuracy;         /* of the validation data */
    float        guess[GUESSES * 10];
} own;

/* an op of the program's own: y = x / (1 + x^2) */
static hoop_status bend_shape(hoop_shape_call *s)
{
    s->out[0] = *s->in[0];
    return s->in[0]->dtype == HOOP_F32 ? HOOP_OK : hoop_fail(s->err, HOOP_EDTYPE, "of f32");
}

static hoop_status bend_forward(const hoop_call *c)
{
    const float *x = c->in[0]->data;
    float       *y = c->out->data;
    for (int64_t i = 0; i < c->out->shape[0] * c->out->shape[1]; i++) y[i] = x[i] / (1.0F + x[i] * x[i]);
    return HOOP_OK;
}

static void bend_backward(hoop_backward_call *b) /* dy (1 - x^2) / (1 + x^2)^2 */
{
    hoop_tensor *square = hoop_mul(b->t, b->in[0], b->in[0]), *below = hoop_shift(b->t, square, 1.0);
    hoop_tensor *above = hoop_shift(b->t, hoop_neg(b->t, square), 1.0),
                *slope = hoop_div(b->t, above, hoop_mul(b->t, below, below));
    if (hoop_sink(b, 0)) hoop_mul(b->t, slope, b->dy[0]);
}

static const hoop_op bend = {.name     = "bend",
                             .min_in   = 1,
                             .max_in   = 1,
                             .nout     = 1,
                             .flags    = HOOP_OP_ROW_WISE,
                             .reads    = HOOP_READS_IN(0),
                             .shape    = bend_shape,
                             .forward  = bend_forward,
                             .backward = bend_backward};

static void own_forward(void *ctx, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    const own   *m = ctx;
    hoop_tensor *h = hoop_reshape(t, in[0], 2, (int64_t[]){-1, IMAGE}); /* (N, 784) */
    (void)nin;
    h      = hoop_linear(t, h, m->w1, m->b1); /* (N, 20) */
    h      = hoop_dropout(t, hoop_op_call(t, &bend, &h, 1, NULL, NULL), 0.25);
    out[0] = hoop_linear(t, h, m->w2, m->b2); /* (N, 10) */
    if (m->mixing) out[0] = hoop_sub(t, out[0], hoop_scale(t, hoop_sum(t, out[0], 1, true), 0.01));
}

static hoop_status own_make(plan *p, hoop_comm *comm, int rank, hoop_trainer_opts *opts, hoop_error *err)
{
    own        *m = (own *)p->ctx + rank;
    hoop_status st;
    (void)comm;
    HOOP_TRY(st, done, hoop_params_create(HOOP_F32, err, &m->params));
    HOOP_TRY(st, done, hoop_params_add(m->params, "w1", 2, (int64_t[]){HIDDEN, IMAGE}, err, &m->w1));
    HOOP_TRY(st, done, hoop_params_add(m->params, "b1", 1, (int64_t[]){HIDDEN}, err, &m->b1));
    HOOP_TRY(st, done, hoop_params_add(m->params, "w2", 2, (int64_t[]){10, HIDDEN}, err, &m->w2));
    HOOP_TRY(st, done, hoop_params_add(m->params, "b2", 1, (int64_t[]){10}, err, &m->b2));
    opts->params = m->params;
    opts->ctx    = m;
    if (!m->loop) opts->forward = own_forward;
    opts->row_wise = m->row_wise;
done:
    return st;
}

static hoop_status own_loop(hoop_trainer *tr, own *m, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    hoop_leaf  *leaf;
    while (st == HOOP_OK && hoop_trainer_next_step(tr)) {
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) {
            hoop_tensor *x = hoop_leaf_input(leaf, 0), *y;
            own_forward(m, hoop_leaf_tape(leaf), 1, &x, &y);
            hoop_trainer_backward(tr, hoop_cross_entropy(hoop_leaf_tape(leaf), y, hoop_leaf_target(leaf, 0)));
        }
        st = hoop_trainer_update(tr, err);
    }
    return st;
}

static hoop_status own_drive(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    own        *m  = (own *)p->ctx + rank;
    float      *x  = calloc((size_t)GUESSES * IMAGE, sizeof *x);
    hoop_status st = m->loop ? own_loop(tr, m, err) : hoop_trainer_run(tr, NULL, 0, err);
    for (int i = 0; i < GUESSES * IMAGE; i++) x[i] = (float)(i * 7 % 31) / 31;
    if (m->loop) goto done;
    HOOP_TRY(st, done, hoop_trainer_evaluate(tr, NULL, err, NULL)); /* leaves one by one, then at once */
    HOOP_TRY(st, done, hoop_trainer_evaluate(tr, NULL, err, NULL));
    HOOP_TRY(st, done, hoop_trainer_predict(tr, x, GUESSES, m->guess, err));
    m->loss     = hoop_trainer_about(tr)->validation.loss;
    m->accuracy = hoop_trainer_about(tr)->validation.target[0].metric[0].value;
    if (hoop_trainer_target(tr, 0).ndim != 1) st = hoop_fail(err, HOOP_ESTATE, "outputs are not known");
done:
    free(x);
    return st;
}

static void own_free(plan *p, int rank)
{
    hoop_params_destroy(&((own *)p->ctx + rank)->params);
}

/* Rows of leaves of 9, 10 and (an epoch's end) 7 or 8 samples. */
static const char own_config[] =
    "seed: 5\nbatch: 56\nsteps: 14\nleaves: 6\nthreads: 1\noptimizer: {name: adamw, lr: 2e-3}\n" DATA;
static const char own_anew[] =
    "seed: 5\nbatch: 56\nsteps: 14\nleaves: 6\nthreads: 1\noptimizer: {name: adamw, lr: 2e-3}\n" DATA "capture: off\n";

static void own_run(plan *p, int size, const char *config, own like)
{
    own *m = p->ctx;
    for (int r = 0; r < size; r++) m[r] = like;
    run_on(p, size, config);
}

/* The caller's loop and its model as a function: row-wise at once, else leaf by leaf, where rows meet too; replayed or not. */
static void a_model_of_the_callers_runs_at_once(void **state)
{
    static const struct {
        own         like;
        const char *config;
        int         at_once; /* of 6 leaves */
        bool        replayed;
    } rows[] = {
        {{.row_wise = true}, own_config, 6, true},
        {{.row_wise = true}, own_anew, 6, false},
        {{.row_wise = false}, own_config, 1, true},
        {{.row_wise = true, .mixing = true}, own_config, 1, true},
        {{.row_wise = false, .mixing = true}, own_anew, 1, false},
    };
    static own m[MOST_RANKS], first[2];
    plan       loop[2] = {{.before = own_make, .drive = own_drive, .after = own_free, .ctx = m}}, p = loop[0];
    (void)state;
    loop[1] = p;
    for (int mixes = 0; mixes < 2; mixes++) {
        own_run(&loop[mixes], 1, own_config, (own){.loop = true, .mixing = mixes != 0});
        own_run(&p, 2, own_config, (own){.loop = true, .mixing = mixes != 0});
        plan_same(&p, &loop[mixes]);
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int size = 1; size <= 3; size++) {
            const int mixes = rows[i].like.mixing ? 1 : 0;
            own_run(&p, size, rows[i].config, rows[i].like);
            plan_same(&p, &loop[mixes]);
            assert_int_equal(p.rank[0].about.at_once, rows[i].at_once == 1 ? 1 : 6 / size);
            assert_int_equal(p.rank[0].about.replayed, rows[i].replayed);
            if (first[mixes].loss == 0.0) first[mixes] = m[0];
            assert_true(m[0].loss == first[mixes].loss && m[0].accuracy == first[mixes].accuracy && isfinite(m[0].loss));
            assert_memory_equal(m[0].guess, first[mixes].guess, sizeof m[0].guess);
        }
    assert_memory_not_equal(loop[0].rank[0].weights, loop[1].rank[0].weights, (size_t)loop[0].rank[0].bytes);
    for (int i = 0; i < 2; i++) plan_clear(&loop[i]);
    plan_clear(&p);
}

static void forward_nothing(void *ctx, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    (void)ctx, (void)t, (void)nin, (void)in, (void)out;
}

static void forward_few(void *ctx, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    const own *m = ctx;
    (void)nin;
    out[0] = hoop_linear(t, hoop_reshape(t, in[0], 2, (int64_t[]){-1, IMAGE}), m->w1, m->b1);
    out[0] = hoop_slice(t, out[0], 1, 0, 3);
}

static void forward_one_row(void *ctx, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    own_forward(ctx, t, nin, in, out);
    out[0] = hoop_sum(t, out[0], 1, true);
}

static void forward_wrong(void *ctx, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    const own *m = ctx;
    (void)nin;
    out[0] = hoop_linear(t, in[0], m->w2, m->b2);
}

static hoop_status own_make_wrong(plan *p, hoop_comm *comm, int rank, hoop_trainer_opts *opts, hoop_error *err)
{
    const hoop_trainer_opts want = *opts;
    hoop_status             st   = own_make(p, comm, rank, opts, err);
    opts->forward                = want.forward;
    if (want.row_wise) opts->params = NULL; /* as the test says */
    return st;
}

static void models_of_the_callers_that_do_not_fit(void **state)
{
    static const struct {
        hoop_trainer_opts opts;
        hoop_status       status;
        const char       *words;
    } rows[] = {
        {{.forward = forward_nothing}, HOOP_EARG, "forward has left output 0 of 1, y, NULL"},
        {{.forward = forward_few}, HOOP_ECONFIG, "the output for 'y' has 3 outputs, the data 10 classes"},
        {{.forward = forward_one_row}, HOOP_ESHAPE, "output 0, y, is f32 (1, 10), and f32 (2, ...) is wanted"},
        {{.forward = forward_wrong}, HOOP_ESHAPE, "forward, tried on 2 rows of zeros: linear: "},
        {{.forward = own_forward, .row_wise = true}, HOOP_EARG, "it has no params"},
    };
    static own m[MOST_RANKS];
    plan       p = {.config = {own_config}, .before = own_make_wrong, .after = own_free, .ctx = m};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        p.opts = rows[i].opts;
        plan_run(&p, 1);
        plan_failed(&p, 0, rows[i].status, rows[i].words);
    }
    plan_clear(&p);
}

/* images of 5 classes, 2 x 3: (N, 5, 2, 3) as convolutions give them, or (N, 2, 3, 5) */
static void forward_classes_first(void *ctx, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    const own   *m = ctx;
    hoop_tensor *h = hoop_reshape(t, in[0], 2, (int64_t[]){-1, IMAGE});
    (void)nin;
    h      = hoop_linear(t, h, m->w1, m->b1);
    h      = hoop_slice(t, h, 1, 0, 15); /* (N, 15): rows of 3 */
    h      = hoop_reshape(t, h, 4, (int64_t[]){-1, 5, 1, 3});
    out[0] = hoop_concat(t, (hoop_tensor *[]){h, h}, 2, 2);
}

static void forward_classes_last(void *ctx, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    forward_classes_first(ctx, t, nin, in, out);
    out[0] = hoop_loss_classes_last(t, out[0]);
}

static hoop_status on_images(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    float      *x  = calloc((size_t)12 * IMAGE, sizeof *x);
    hoop_status st = HOOP_OK;
    int64_t     first, label[12 * 6];
    (void)p;
    (void)rank;
    while (st == HOOP_OK && hoop_trainer_next_step(tr)) {
        const int64_t n = hoop_trainer_share(tr, &first);
        for (int64_t i = 0; i < n * IMAGE; i++) x[i] = (float)((first * IMAGE + i) % 23) / 23;
        for (int64_t i = 0; i < n * 6; i++) label[i] = (first + i) % 5;
        st = hoop_trainer_step(tr, x, label, err);
    }
    free(x);
    return st;
}

static void classes_of_images_of_the_callers_model(void **state)
{
    static own                      m[MOST_RANKS];
    static const hoop_trainer_field images[] = {{.name = "x", .ndim = 1, .shape = {IMAGE}}},
                                    labels[] = {{.name = "y", .ndim = 2, .shape = {2, 3}, .classes = 5}};
    plan first                               = {
                                      .config = {"seed: 3\nbatch: 12\nleaves: 4\nsteps: 5\nthreads: 1\n"},
                                      .before = own_make_wrong,
                                      .after  = own_free,
                                      .drive  = on_images,
                                      .ctx    = m,
                                      .opts   = {
                                            .arrays = true, .inputs = images, .ninputs = 1, .targets = labels, .ntargets = 1, .forward = forward_classes_first}};
    plan last = first;
    (void)state;
    last.opts.forward = forward_classes_last;
    plan_run(&last, 1);
    plan_good(&last);
    for (int size = 1; size <= 2; size++) {
        plan_run(&first, size);
        plan_good(&first);
        plan_same(&first, &last);
    }
    assert_true(first.rank[0].about.last.loss == last.rank[0].about.last.loss);
    plan_clear(&first);
    plan_clear(&last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_as_there_are),
        cmocka_unit_test(all_kinds_keep_their_bits),
        cmocka_unit_test(segments_are_made_again),
        cmocka_unit_test(rows_that_meet_run_leaf_by_leaf),
        cmocka_unit_test(steps_on_arrays_are_the_same),
        cmocka_unit_test(no_malloc_after_the_first_step),
        cmocka_unit_test(errors_name_what_they_did),
        cmocka_unit_test(tensors_stay_in_the_limit),
        cmocka_unit_test(one_leaf_does_not_keep_the_limit),
        cmocka_unit_test(evaluation_and_prediction_are_the_same),
        cmocka_unit_test(mixed_rows_are_evaluated_by_leaves),
        cmocka_unit_test(a_model_of_the_callers_runs_at_once),
        cmocka_unit_test(models_of_the_callers_that_do_not_fit),
        cmocka_unit_test(classes_of_images_of_the_callers_model),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
