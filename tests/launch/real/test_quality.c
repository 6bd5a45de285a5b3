/*
 * Exact sums cost no quality: gradients around 1e-9, gradients that jump by 1e6 from one step to the next, and leaves of one
 * step that differ by 1e6, trained with `reduce: exact`, with `fast`, and in f64 as the truth. The loss curves stand in the
 * output. What is scaled is the loss, so that gradients are and nothing else.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hoop/import.h"
#include "hoop/ops.h"
#include "hoop/train.h"

enum { MOST_STEPS = 1200, LEAVES = 12, ROWS = 12 /* of the table */ };

typedef struct scaling {
    const char *name;
    double (*scale)(int64_t step, int leaf);
    const char *optimizer;
    int         steps;
} scaling;

typedef struct curve {
    double loss[MOST_STEPS]; /* mean, of the loss before it was scaled */
    double rms[MOST_STEPS];  /* of the gradient's elements */
    double validation_loss, accuracy;
} curve;

typedef struct setup {
    char dir[256];
} setup;

static double small(int64_t step, int leaf)
{
    (void)step;
    (void)leaf;
    return 1e-7;
}

static double jumps(int64_t step, int leaf)
{
    (void)leaf;
    return step % 10 < 5 ? 1.0 : 1e-6;
}

static double mixed(int64_t step, int leaf)
{
    return (step + leaf) % 2 == 0 ? 1.0 : 1e-6;
}

/* eps far below the gradients: with the usual 1e-8 Adam would hardly see them, however they are summed */
static const scaling scalings[] = {
    {"gradients around 1e-9 (AdamW, eps 1e-16)", small, "optimizer: {name: adamw, lr: 5e-3, weight_decay: 0.01, eps: 1e-16}\n",
     300},
    {"gradients that jump by 1e6 every five steps (AdamW, eps 1e-16)", jumps,
     "optimizer: {name: adamw, lr: 2e-3, weight_decay: 0.01, eps: 1e-16}\n", 600},
    {"gradients that jump by 1e6 every five steps (SGD, momentum, clipped)", jumps,
     "optimizer: {name: sgd, lr: 0.05, momentum: 0.9}\nclip_norm: 1.0\n", 1200},
    {"leaves of a step that differ by 1e6 (AdamW)", mixed, "optimizer: {name: adamw, lr: 5e-3, weight_decay: 0.01}\n", 300},
};

static double rms_of(hoop_params *p, double weight)
{
    int64_t n       = HOOP_BLOCK * hoop_params_nblocks(p);
    bool    f32     = hoop_params_dtype(p) == HOOP_F32;
    double  squares = 0;
    for (int64_t i = 0; i < n; i++) {
        double g = (f32 ? (double)((const float *)hoop_params_grad(p))[i] : ((const double *)hoop_params_grad(p))[i]) / weight;
        squares += g * g;
    }
    return sqrt(squares / (double)hoop_params_numel(p));
}

/* One step of a trainer of one rank; the mean of the loss as it was before scaling. */
static double step_scaled(hoop_trainer *tr, const scaling *s, int64_t step)
{
    hoop_error err = {.status = HOOP_OK};
    hoop_leaf *leaf;
    double     sum = 0, weight = 0;
    int        i = 0;
    assert_true(hoop_trainer_next_step(tr));
    while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) {
        hoop_tensor *loss = hoop_trainer_loss(tr, leaf);
        sum += hoop_tensor_item(loss);
        weight += hoop_tensor_item(hoop_loss_weight(loss));
        hoop_trainer_backward(tr, hoop_loss(hoop_leaf_tape(leaf), hoop_scale(hoop_leaf_tape(leaf), loss, s->scale(step, i++)),
                                            hoop_loss_weight(loss)));
    }
    assert_int_equal(i, LEAVES);
    if (hoop_trainer_update(tr, &err) != HOOP_OK) fail_msg("%s: step %lld: %s", s->name, (long long)step, err.text);
    return sum / weight;
}

static void train(const setup *su, const scaling *s, const char *reduce, const char *precision, curve *out)
{
    char              text[1024];
    hoop_error        err    = {.status = HOOP_OK};
    hoop_config      *config = NULL;
    hoop_comm        *comm   = NULL;
    hoop_trainer     *tr     = NULL;
    hoop_metrics_sums sums;
    (void)snprintf(text, sizeof text,
                   "model: {kind: mlp, hidden: [64, 64, 64], activation: tanh}\ndata: {train: %s/train, validation: "
                   "%s/validation}\nbatch: 96\n"
                   "leaves: %d\nsteps: %d\nthreads: 1\nprecision: %s\ndist: {reduce: %s}\n%s",
                   su->dir, su->dir, LEAVES, s->steps, precision, reduce, s->optimizer);
    if (hoop_config_parse(text, s->name, &err, &config) != HOOP_OK || hoop_comm_create_self(NULL, &err, &comm) != HOOP_OK ||
        hoop_trainer_create(comm, config, NULL, &err, &tr) != HOOP_OK) {
        fail_msg("%s", err.text);
    }
    for (int64_t k = 0; k < s->steps; k++) {
        out->loss[k] = step_scaled(tr, s, k);
        out->rms[k]  = rms_of(hoop_trainer_params(tr), hoop_trainer_about(tr)->last.weight);
    }
    assert_int_equal(hoop_trainer_evaluate(tr, NULL, &err, &sums), HOOP_OK);
    out->validation_loss = sums.loss / sums.weight;
    out->accuracy        = sums.target[0].metric[0].value;
    hoop_trainer_destroy(&tr);
    hoop_comm_destroy(&comm);
    hoop_config_destroy(&config);
}

/* largest |a - b| / b of two curves up to a step */
static double apart(const double *a, const double *b, int n)
{
    double most = 0;
    for (int k = 0; k < n; k++) most = fmax(most, isnan(a[k]) || isnan(b[k]) ? INFINITY : fabs(a[k] - b[k]) / b[k]);
    return most;
}

static void print_curves(const scaling *s, const curve *exact, const curve *fast, const curve *truth)
{
    print_message(
        "%s: %d leaves, spirals\n  step     exact      fast       f64   |exact-fast|  |exact-f64|  |fast-f64|   gradient\n",
        s->name, LEAVES);
    for (int k = 0; k < s->steps; k = k == 0 ? s->steps / ROWS - 1 : k + s->steps / ROWS) {
        print_message("%6d  %8.6f  %8.6f  %8.6f      %9.2e    %9.2e   %9.2e  %9.2e\n", k + 1, exact->loss[k], fast->loss[k],
                      truth->loss[k], apart(exact->loss, fast->loss, k + 1), apart(exact->loss, truth->loss, k + 1),
                      apart(fast->loss, truth->loss, k + 1), exact->rms[k]);
    }
    print_message("validation loss %.6f exact, %.6f fast, %.6f f64; accuracy %.2f %%, %.2f %%, %.2f %%\n", exact->validation_loss,
                  fast->validation_loss, truth->validation_loss, 100 * exact->accuracy, 100 * fast->accuracy,
                  100 * truth->accuracy);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median_rms(const curve *c, int n)
{
    double sorted[MOST_STEPS];
    memcpy(sorted, c->rms, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    return sorted[n / 2];
}

/* Is the case what it says? */
static void check_gradients(const scaling *s, const curve *c)
{
    double jump = 0, median = median_rms(c, s->steps);
    for (int k = 1; k < s->steps; k++) jump = fmax(jump, c->rms[k] / c->rms[k - 1]);
    print_message("gradients (rms): median %.1e, largest factor from one step to the next %.1e\n\n", median, jump);
    if (s->scale == small && !(median > 1e-10 && median < 1e-8)) fail_msg("%s: the median gradient is %g", s->name, median);
    if (s->scale == jumps && !(jump > 3e5)) fail_msg("%s: the largest jump is %g", s->name, jump);
}

static void trains_as_fast(void **state, int which)
{
    const scaling *s = &scalings[which];
    static curve   exact, fast, truth;
    train(*state, s, "exact", "f32", &exact);
    train(*state, s, "fast", "f32", &fast);
    train(*state, s, "exact", "f64", &truth);
    print_curves(s, &exact, &fast, &truth);
    check_gradients(s, &exact);
    /* it learns; it stays with fast, and no further from the truth than fast does (rounding differs, so three times) */
    assert_true(exact.loss[s->steps - 1] < 0.8 * exact.loss[0]);
    assert_true(apart(exact.loss, fast.loss, 50) < 1e-5);
    assert_true(apart(exact.loss, fast.loss, s->steps) < 2e-3);
    assert_true(apart(exact.loss, truth.loss, s->steps) < 3 * apart(fast.loss, truth.loss, s->steps) + 1e-5);
    assert_true(fabs(exact.validation_loss - fast.validation_loss) < 2e-3 * fast.validation_loss);
}

static void small_gradients(void **state)
{
    trains_as_fast(state, 0);
}

static void jumping_gradients_adam(void **state)
{
    trains_as_fast(state, 1);
}

static void jumping_gradients_sgd(void **state)
{
    trains_as_fast(state, 2);
}

static void leaves_that_differ(void **state)
{
    trains_as_fast(state, 3);
}

static int make_data(void **state)
{
    static setup     su;
    hoop_error       err  = {.status = HOOP_OK};
    hoop_import_opts opts = {.dir = su.dir, .shards = 1, .split = 0.2, .seed = 1};
    const char      *tmp  = getenv("TMPDIR");
    (void)snprintf(su.dir, sizeof su.dir, "%.200s/hoop-quality-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    if (mkdtemp(su.dir) == NULL) return -1;
    *state = &su;
    if (hoop_synth("spirals", 2400, &opts, &err, NULL) == HOOP_OK) return 0;
    print_error("%s\n", err.text);
    return -1;
}

static int remove_data(void **state)
{
    const setup       *su      = *state;
    static const char *names[] = {"/train-00000-of-00001.h5", "/validation-00000-of-00001.h5", ""};
    char               path[300];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s%s", su->dir, names[i]);
        if (remove(path) != 0) return -1;
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_gradients),
        cmocka_unit_test(jumping_gradients_adam),
        cmocka_unit_test(jumping_gradients_sgd),
        cmocka_unit_test(leaves_that_differ),
    };
    return cmocka_run_group_tests(tests, make_data, remove_data);
}
