/* Leaves that run at once, and steps that are replayed: the weights are those of leaves one by one, each step run anew, however
 * many run together; what cannot run so does not; a step allocates nothing. */
#include "plan.h"

#include <math.h>
#include <stdatomic.h>

#include "hoop/ops.h"

/* The linker sends every allocation of this program and of hoop through these. */
static atomic_long allocations;

#define COUNTED(result, name, parameters, arguments)                                                                             \
    result __real_##name parameters;                                                                                             \
    result __wrap_##name parameters;                                                                                             \
    result __wrap_##name parameters                                                                                              \
    {                                                                                                                            \
        atomic_fetch_add(&allocations, 1);                                                                                       \
        return __real_##name arguments;                                                                                          \
    }
COUNTED(void *, malloc, (size_t n), (n))
COUNTED(void *, calloc, (size_t n, size_t size), (n, size))
COUNTED(void *, realloc, (void *p, size_t n), (p, n))
COUNTED(void *, aligned_alloc, (size_t alignment, size_t n), (alignment, n))

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
    static const char *const ways[] = {"", "capture: off\n", "memory: {limit: 0}\n", "memory: {limit: 0.02}\n",
                                       "memory: {limit: 0.05}\ncapture: off\n"};
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

#define ARRAYS "seed: 3\nbatch: 640\nsteps: 40\nthreads: 1\nmodel: {hidden: [64, 32], activation: tanh}\n"

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
                                       SMALL DATA MLP "leaves: 12\nthreads: 1\nmemory: {limit: 0.1}\n"};
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_as_there_are),
        cmocka_unit_test(all_kinds_keep_their_bits),
        cmocka_unit_test(rows_that_meet_run_leaf_by_leaf),
        cmocka_unit_test(steps_on_arrays_are_the_same),
        cmocka_unit_test(no_malloc_after_the_first_step),
        cmocka_unit_test(errors_name_what_they_did),
        cmocka_unit_test(tensors_stay_in_the_limit),
        cmocka_unit_test(evaluation_and_prediction_are_the_same),
        cmocka_unit_test(mixed_rows_are_evaluated_by_leaves),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
