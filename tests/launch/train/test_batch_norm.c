/* Batch norm: running statistics are pooled over the leaves of all ranks; leaves: auto gives it leaves that are large enough. */
#include "plan.h"

#include <math.h>

#include "hoop/comm.h"
#include "hoop/ops.h"

enum { IMAGE = 784, STEPS = 9, LINE = 400 };
/* 240 rows: five steps of 42 and one of 30; leaves of 6, of 4 and of 5 rows */
#define CONFIG "seed: 3\nbatch: 42\nleaves: 7\nsteps: 9\noptimizer: {name: sgd, lr: 0.01}\ndata: {train: digits/train}\n"
static const int sizes[] = {1, 2, 3, 4, 7};

typedef struct model {
    hoop_params *params;
    hoop_tensor *w, *mean, *var, *count; /* (10, IMAGE), (IMAGE), (IMAGE), () */
    float        end[2][IMAGE];          /* what mean and var were at the end, */
    double       want[2][IMAGE];         /* and, on one rank, should be */
    int64_t      steps;
} model;
static model  own[MOST_RANKS];
static double momentum;

static hoop_status make(plan *p, hoop_comm *comm, int rank, hoop_trainer_opts *opts, hoop_error *err)
{
    model      *m = &own[rank];
    hoop_status st;
    (void)p;
    (void)comm;
    memset(m->want, 0, sizeof m->want);
    HOOP_TRY(st, done, hoop_params_create(HOOP_F32, err, &m->params));
    HOOP_TRY(st, done, hoop_params_add(m->params, "w", 2, (int64_t[]){10, IMAGE}, err, &m->w));
    HOOP_TRY(st, done, hoop_params_add_buffer(m->params, "var", HOOP_F32, 1, (int64_t[]){IMAGE}, err, &m->var));
    HOOP_TRY(st, done, hoop_params_add_buffer(m->params, "count", HOOP_I64, 0, NULL, err, &m->count));
    HOOP_TRY(st, done, hoop_params_add_buffer(m->params, "mean", HOOP_F32, 1, (int64_t[]){IMAGE}, err, &m->mean));
    HOOP_TRY(st, done, hoop_params_running(m->params, m->mean, m->var, m->count, momentum, err));
    opts->params = m->params;
done:
    return st;
}

static void unmake(plan *p, int rank)
{
    (void)p;
    hoop_params_destroy(&own[rank].params);
}

/* PyTorch's rule for all rows of the step at once */
static void by_hand(model *m, const float *rows, int64_t n, int step)
{
    const double part = momentum < 0.0 ? 1.0 / (double)step : momentum;
    for (int i = 0; i < IMAGE; i++) {
        double mean = 0.0, squares = 0.0;
        for (int64_t r = 0; r < n; r++) mean += (double)rows[r * IMAGE + i] / (double)n;
        for (int64_t r = 0; r < n; r++) squares += pow((double)rows[r * IMAGE + i] - mean, 2);
        m->want[0][i] += part * (mean - m->want[0][i]);
        m->want[1][i] += part * (squares / (double)(n - 1) - m->want[1][i]);
    }
}

static hoop_status drive(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    static float rows[42 * IMAGE];
    model       *m  = &own[rank];
    hoop_status  st = HOOP_OK;
    hoop_leaf   *leaf;
    for (int step = 1; st == HOOP_OK && hoop_trainer_next_step(tr); step++) {
        int64_t n = 0;
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) {
            hoop_tape   *t = hoop_leaf_tape(leaf);
            hoop_tensor *x = hoop_reshape(t, hoop_leaf_input(leaf, 0), 2, (int64_t[]){-1, IMAGE});
            if (p->size == 1) memcpy(rows + n * IMAGE, hoop_tensor_data(x), (size_t)hoop_tensor_numel(x) * sizeof *rows);
            n += hoop_tensor_size(x, 0);
            x = hoop_batch_norm(t, x, m->mean, m->var, NULL, NULL, 0.01);
            hoop_trainer_backward(tr, hoop_cross_entropy(t, hoop_linear(t, x, m->w, NULL), hoop_leaf_target(leaf, 0)));
        }
        st = hoop_trainer_update(tr, err);
        if (p->size == 1) by_hand(m, rows, n, step);
    }
    if (st != HOOP_OK) return st;
    memcpy(m->end[0], hoop_tensor_data(m->mean), sizeof m->end[0]);
    memcpy(m->end[1], hoop_tensor_data(m->var), sizeof m->end[1]);
    m->steps = *(const int64_t *)hoop_tensor_data(m->count);
    return HOOP_OK;
}

static void pooled_as_all_rows_at_once(void **state)
{
    static float first[2][IMAGE];
    (void)state;
    for (int way = 0; way < 2; way++) {
        plan one = {.config = {CONFIG}, .before = make, .drive = drive, .after = unmake}, p = one;
        momentum = way == 0 ? 0.3 : -1.0;
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            plan *now = sizes[s] == 1 ? &one : &p;
            plan_run(now, sizes[s]);
            plan_good(now);
            if (sizes[s] == 1) memcpy(first, own[0].end, sizeof first);
            for (int i = 0; i < 2 * IMAGE && sizes[s] == 1; i++) {
                const double got = (double)own[0].end[i / IMAGE][i % IMAGE], want = own[0].want[i / IMAGE][i % IMAGE];
                if (!(fabs(got - want) <= 2e-6 * fmax(1.0, fabs(want))))
                    fail_msg("%s %d is %.9g, and should be %.9g", i < IMAGE ? "mean" : "var", i % IMAGE, got, want);
            }
            for (int r = 0; r < sizes[s]; r++) {
                assert_memory_equal(own[r].end, first, sizeof first);
                assert_int_equal(own[r].steps, STEPS);
            }
            if (sizes[s] != 1) plan_same(&one, &p);
        }
        plan_clear(&one);
        plan_clear(&p);
    }
}

/* ---- of a config ---- */

#define LAYERS                                                                                                                   \
    "seed: 5\nsteps: 7\nmodel: {layers: [flatten, {linear: 24}, batch_norm, relu, {batch_norm: {cumulative: true}}, {linear: "   \
    "10}]}\n"                                                                                                                    \
    "optimizer: {name: adamw, lr: 0.01}\ndata: {train: digits/train, validation: digits/validation}\n"

static char notes[MOST_RANKS][LINE];
static void note(void *ctx, const char *text)
{
    (void)snprintf(ctx, LINE, "%s", text);
}

/* all of a run's buffers, rank by rank */
static struct {
    int64_t bytes;
    char    data[4096];
} ends[MOST_RANKS];

static hoop_status listen(plan *p, hoop_comm *comm, int rank, hoop_trainer_opts *opts, hoop_error *err)
{
    (void)p;
    (void)comm;
    (void)err;
    notes[rank][0] = '\0';
    opts->note     = note;
    opts->ctx      = notes[rank];
    return HOOP_OK;
}

static hoop_status run(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    const hoop_status  st     = hoop_trainer_run(tr, NULL, 0, err);
    const hoop_params *params = hoop_trainer_params(tr);
    (void)p;
    ends[rank].bytes = 0;
    for (int i = 0; i < hoop_params_buffer_count(params); i++) {
        const hoop_tensor *x     = hoop_params_buffer(params, i);
        const size_t       bytes = (size_t)hoop_tensor_numel(x) * hoop_dtype_size(hoop_tensor_dtype(x));
        assert_true((size_t)ends[rank].bytes + bytes <= sizeof ends[rank].data);
        memcpy(ends[rank].data + ends[rank].bytes, hoop_tensor_data(x), bytes);
        ends[rank].bytes += (int64_t)bytes;
    }
    return st;
}

static void the_same_bits(void **state)
{
    static const char *const extra[] = {"leaves: 7\nbatch: 112\n", "leaves: 7\nbatch: 112\ncapture: off\n",
                                        "leaves: 7\nbatch: 112\nprecision: f64\n"};
    (void)state;
    for (size_t e = 0; e < sizeof extra / sizeof *extra; e++) {
        char config[2048];
        plan one = {.config = {config}, .before = listen, .drive = run}, p = one;
        (void)snprintf(config, sizeof config, "%s%s", LAYERS, extra[e]);
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            static char first[sizeof ends[0].data];
            plan       *now = sizes[s] == 1 ? &one : &p;
            plan_run(now, sizes[s]);
            plan_good(now);
            assert_true(ends[0].bytes > 0);
            if (s == 0 && e != 1) memcpy(first, ends[0].data, sizeof first); /* replayed or not, it is the same */
            for (int r = 0; r < sizes[s]; r++) assert_memory_equal(ends[r].data, first, (size_t)ends[0].bytes);
            if (sizes[s] != 1) plan_same(&one, &p);
        }
        plan_clear(&one);
        plan_clear(&p);
    }
}

static void leaves_are_large_enough(void **state)
{
    static const struct {
        const char *extra;
        int64_t     leaves;
        const char *warning;
    } cases[] = {
        {"batch: 120\n", 3, NULL}, /* 4 would be of 30 samples */
        {"batch: 40\n", 1, NULL},  /* one leaf where the batch allows no more */
        {"batch: 8\n", 1, "8 a leaf; 16 or more are wanted"},
        {"batch: 60\nleaves: 4\n", 4, "15 a leaf; 16 or more are wanted"},
        {"batch: 80\nleaves: 5\n", 5, NULL},
        {"batch: 115\nleaves: 1\n", 1, "the last step of an epoch has 10 samples for 1 leaf"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char config[2048];
        plan p = {.config = {config}, .before = listen, .drive = run};
        (void)snprintf(config, sizeof config, "%s%s", LAYERS, cases[k].extra);
        plan_run(&p, 1);
        plan_good(&p);
        assert_int_equal(p.rank[0].about.leaves, cases[k].leaves);
        if (cases[k].warning == NULL && strstr(notes[0], "batch_norm") != NULL) fail_msg("%s: %s", cases[k].extra, notes[0]);
        if (cases[k].warning != NULL && strstr(notes[0], cases[k].warning) == NULL)
            fail_msg("%s: '%s' says nothing of '%s'", cases[k].extra, notes[0], cases[k].warning);
        plan_clear(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pooled_as_all_rows_at_once), cmocka_unit_test(the_same_bits),
                                       cmocka_unit_test(leaves_are_large_enough)};
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
