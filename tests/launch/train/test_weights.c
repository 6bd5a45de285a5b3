/* Weights of samples (data.weights): what they make of a step, the same bits on any ranks, at once, one by one and replayed, and
 * what is refused. */
#include "plan.h"
#include "../../datasets.h"

#include <math.h>

enum { ROWS = 30, MOST = 4 };

/* A dataset of doubles in a file that is open. */
/* ROWS rows of a regression, row i `times` times where that is not NULL; w, of ROWS rows, as /w where it is not. */
static void write_rows(const char *path, const int *times, const double *w)
{
    static double x[ROWS * MOST * 3], y[ROWS * MOST * 2], class[ROWS * MOST];
    const hid_t   file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hsize_t       n    = 0;
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < (times == NULL ? 1 : times[i]); k++, n++) {
            for (int j = 0; j < 3; j++) x[3 * n + (hsize_t)j] = sin(1.0 + 3.7 * i + 1.3 * j);
            y[2 * n]     = 40 * x[3 * n] * x[3 * n + 1] + 100;
            y[2 * n + 1] = 30 * x[3 * n + 2] - 50;
            class[n]     = i % 3;
        }
    put(file, "/x", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){n, 3}, x);
    put(file, "/y", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){n, 2}, y);
    put(file, "/class", H5T_NATIVE_DOUBLE, 1, &n, class);
    if (w != NULL) put(file, "/w", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){ROWS}, w);
    assert_true(H5Fclose(file) >= 0);
}

/* after a run: loss of the last step, and its weight */
static void run(const char *config, int size, plan *p)
{
    *p = (plan){.config = {config}};
    plan_run(p, size);
    plan_good(p);
}

#define STEP(file, more)                                                                                                         \
    "seed: 3\nbatch: 1000\nleaves: 3\nthreads: 1\nsteps: 2\nprecision: f64\noptimizer: {name: sgd, lr: 0.01}\n"                  \
    "model: {hidden: [5], activation: tanh}\ndata: {train: " file ", shuffle: false, normalize_targets: none" more "}\n"

static void close_weights(const plan *a, const plan *b, const char *what)
{
    const double *x = a->rank[0].weights, *y = b->rank[0].weights;
    for (int64_t i = 0; i < a->rank[0].bytes / 8; i++)
        if (!(fabs(x[i] - y[i]) <= 1e-11 * fmax(1.0, fabs(y[i]))))
            fail_msg("%s: weight %lld is %.17g, not %.17g", what, (long long)i, x[i], y[i]);
    if (fabs(a->rank[0].about.last.loss / a->rank[0].about.last.weight -
             b->rank[0].about.last.loss / b->rank[0].about.last.weight) > 1e-9)
        fail_msg("%s: other losses", what);
}

/* A weight of 2 is the sample twice, of 0 none at all: in one step over all, with each kind of targets. */
static void as_often(void **state)
{
    static const char *const more[][2] = {
        {"", "loss: mse\n"},
        {"", "loss: {name: huber, delta: 3}\n"},
        {", y: /class, labels: whole, classes: 4", "loss: {name: cross_entropy, weight: [1, 2, 0.5, 1], label_smoothing: 0.1}\n"},
        {", y: /class, labels: whole, classes: 4", "loss: {name: focal, ignore_index: 1}\n"},
        {", inputs: {x: /x}, targets: {u: {path: /y, loss: mse, weight: 0.1, normalize: none}, "
         "c: {path: /class, labels: whole, classes: 3, loss: cross_entropy}}",
         ""},
    };
    int    times[ROWS];
    double w[ROWS];
    char   with[1024], without[1024];
    (void)state;
    for (int i = 0; i < ROWS; i++) w[i] = times[i] = i * 7 % MOST;
    write_rows("once.h5", NULL, w);
    write_rows("often.h5", times, NULL);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        plan a, b;
        (void)snprintf(with, sizeof with, STEP("once.h5", ", weights: /w%s") "%s", more[i][0], more[i][1]);
        (void)snprintf(without, sizeof without, STEP("often.h5", "%s") "%s", more[i][0], more[i][1]);
        run(with, 2, &a);
        run(without, 3, &b);
        close_weights(&a, &b, i == 4 ? "two targets" : more[i][1]);
        plan_clear(&a);
        plan_clear(&b);
    }
}

/* Of normalised targets the loss is told in the data's units: those of weights w and 4 - w add up to 4 times all. */
static void losses_are_told_in_units(void **state)
{
#define UNITS(file, more)                                                                                                        \
    "seed: 3\nbatch: 1000\nleaves: 3\nthreads: 1\nsteps: 1\nprecision: f64\nloss: mse\noptimizer: {name: sgd, lr: 0}\n"          \
    "model: {hidden: [5]}\ndata: {train: " file ", normalize_targets: standard" more "}\n"
    double w[ROWS], rest[ROWS];
    plan   p[3];
    (void)state;
    for (int i = 0; i < ROWS; i++) w[i] = 0.125 * (i % 17), rest[i] = 4 - w[i];
    write_rows("part.h5", NULL, w);
    write_rows("rest.h5", NULL, rest);
    run(UNITS("part.h5", ", weights: /w"), 2, &p[0]);
    run(UNITS("rest.h5", ", weights: /w"), 1, &p[1]);
    run(UNITS("rest.h5", ""), 1, &p[2]);
    assert_true(p[2].rank[0].about.last.weight == 2.0 * ROWS);
    assert_true(p[0].rank[0].about.last.weight + p[1].rank[0].about.last.weight == 4 * p[2].rank[0].about.last.weight);
    assert_true(fabs((p[0].rank[0].about.last.loss + p[1].rank[0].about.last.loss) / (4 * p[2].rank[0].about.last.loss) - 1) <
                1e-12);
    for (int i = 0; i < 3; i++) plan_clear(&p[i]);
}

/* Only what they are to each other counts. */
static void their_scale_says_nothing(void **state)
{
    double w[ROWS], more[ROWS];
    plan   a, b, c;
    (void)state;
    for (int i = 0; i < ROWS; i++) w[i] = 1 + i % 5, more[i] = 8 * w[i];
    write_rows("w.h5", NULL, w);
    write_rows("more.h5", NULL, more);
    run(STEP("w.h5", ", weights: /w") "loss: mse\n", 1, &a);
    run(STEP("more.h5", ", weights: /w") "loss: mse\n", 2, &b);
    plan_same(&a, &b);
    run(STEP("w.h5", "") "loss: mse\n", 1, &c);
    assert_memory_not_equal(a.rank[0].weights, c.rank[0].weights, (size_t)a.rank[0].bytes);
    plan_clear(&a);
    plan_clear(&b);
    plan_clear(&c);
}

/* A step of samples that all weigh nothing leaves the weights where they are. */
static void nothing_to_lose(void **state)
{
    static const char *const optimizers[] = {"{name: sgd, lr: 0}", "{name: sgd, lr: 1}", "{name: lbfgs}"};
    double                   w[ROWS];
    char                     text[1024];
    plan                     p[3];
    (void)state;
    for (int i = 0; i < ROWS; i++) w[i] = i >= 10;
    write_rows("later.h5", NULL, w);
    for (int i = 0; i < 3; i++) {
        (void)snprintf(text, sizeof text,
                       "seed: 3\nbatch: 10\nleaves: 2\nthreads: 1\nsteps: 1\nloss: mse\noptimizer: %s\nmodel: {hidden: [5]}\n"
                       "data: {train: later.h5, shuffle: false, weights: /w}\n",
                       optimizers[i]);
        run(text, 1 + i % 2, &p[i]);
        plan_same(&p[0], &p[i]);
    }
    for (int i = 0; i < 3; i++) plan_clear(&p[i]);
}

/* ---- any ranks, any way ---- */

#define RUN                                                                                                                      \
    "seed: 5\nbatch: 24\nleaves: 6\nthreads: 1\nepochs: 2\nmodel: {kind: mlp, hidden: [16], dropout: 0.2}\nclip_norm: 1\n"       \
    "ema: {decay: 0.9}\ndata: {train: digits/train, validation: digits/validation, weights: /w"

/* into both shards of 120 rows */
static void weigh_digits(double last)
{
    double w[120];
    for (int s = 0; s < 2; s++) {
        const hid_t file =
            H5Fopen(s == 0 ? "digits/train-00000-of-00002.h5" : "digits/train-00001-of-00002.h5", H5F_ACC_RDWR, H5P_DEFAULT);
        for (int i = 0; i < 120; i++) w[i] = s == 1 && i == 117 ? last : 0.25 * (i % 7);
        if (H5Lexists(file, "/w", H5P_DEFAULT) > 0) assert_true(H5Ldelete(file, "/w", H5P_DEFAULT) >= 0);
        put(file, "/w", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){120}, w);
        assert_true(H5Fclose(file) >= 0);
    }
}

static void same_on_any_ranks(void **state)
{
    static const char *const ways[] = {"capture: off\n", "memory: {limit: 0}\n", "capture: off\nmemory: {limit: 0}\n"};
    static const char        config[] =
        RUN ", sampling: balanced, augment: [{crop: 2}, {mixup: 0.3}]}\nloss: {name: cross_entropy, label_smoothing: 0.1}\n";
    plan at_once;
    (void)state;
    weigh_digits(1);
    plan_resumes(config, "classes");
    plan_resumes("precision: f64\n" RUN
                 ", inputs: {x: /x}, targets: {y: {path: /y, loss: cross_entropy}, half: {path: '/x[:, 0:14, :]', "
                 "loss: mse, normalize: none}}}\n",
                 "both");
    run(config, 2, &at_once);
    assert_true(at_once.rank[0].about.at_once > 1 && at_once.rank[0].about.replayed);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char text[1024];
        plan p;
        (void)snprintf(text, sizeof text, "%s%s", config, ways[i]);
        run(text, 1, &p);
        plan_same(&at_once, &p);
        plan_clear(&p);
    }
    plan_clear(&at_once);
}

/* Samples of different lengths: a value of one, however many there are of it, has the sample's weight. */
static void lengths_that_vary(void **state)
{
    static const int64_t at[8] = {0, 2, 5, 6, 10, 13, 17, 18};
    double               rows[18], w[7];
    const hid_t          file  = H5Fcreate("varied.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t          space = H5Screate_simple(1, (hsize_t[]){8}, NULL);
    hid_t                set;
    (void)state;
    for (int i = 0; i < 18; i++) rows[i] = sin(i);
    for (int i = 0; i < 7; i++) w[i] = i % 3;
    put(file, "/x", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){18, 1}, rows);
    set = H5Dcreate2(file, "/at", H5T_NATIVE_INT64, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, at) >= 0);
    (void)H5Dclose(set);
    (void)H5Sclose(space);
    put(file, "/w", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){7}, w);
    assert_true(H5Fclose(file) >= 0);
    plan_resumes(
        "seed: 2\nbatch: 3\nleaves: 3\nthreads: 1\nsteps: 12\nloss: mse\nmodel: {layers: [{linear: 4}, tanh, {linear: 1}]}\n"
        "data: {train: varied.h5, weights: /w, inputs: {x: {path: /x, offsets: /at}}, targets: {y: {path: /x, offsets: /at}}}\n",
        "varied");
}

/* ---- what is refused ---- */

static hoop_status run_and_save(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st = hoop_trainer_run(tr, NULL, 0, err);
    (void)p, (void)rank;
    if (st == HOOP_OK) st = hoop_trainer_save(tr, err);
    return st == HOOP_OK ? hoop_trainer_finish(tr, err) : st;
}

static void others_are_not_gone_on_with(void **state)
{
    plan p = {.config = {RUN "}\n"}, .opts = {.run_dir = "weighed"}, .drive = run_and_save};
    (void)state;
    weigh_digits(1);
    plan_run(&p, 1);
    plan_good(&p);
    weigh_digits(1.5);
    p.opts  = (hoop_trainer_opts){.resume = "weighed"};
    p.drive = NULL;
    plan_run(&p, 2);
    for (int r = 0; r < 2; r++)
        plan_failed(&p, r, HOOP_ECONFIG, "test.yaml:9: data.weights: weights of samples in /w have the SHA-256");
    p.config[0] =
        "seed: 5\nbatch: 24\nleaves: 6\nthreads: 1\nepochs: 2\nmodel: {kind: mlp, hidden: [16], dropout: 0.2}\nclip_norm: 1\n"
        "ema: {decay: 0.9}\ndata: {train: digits/train, validation: digits/validation}\n";
    plan_run(&p, 1);
    plan_failed(&p, 0, HOOP_ECONFIG, "data.weights is ");
    plan_clear(&p);
}

static void bad_weights_are_named(void **state)
{
    static const struct {
        double      last;
        const char *more, *words;
    } cases[] = {
        {NAN, "",
         "test.yaml:9: data.weights: digits/train-00001-of-00002.h5: weight 117 of /w is nan; finite ones from 0 are wanted"},
        {-0.5, "", "train-00001-of-00002.h5: weight 117 of /w is -0.5"},
        {INFINITY, "", "weight 117 of /w is inf"},
        {1, "none", "data.weights: "},
    };
    char text[1024];
    plan p = {.config = {text}};
    (void)state;
    for (int i = 0; i < 4; i++) {
        weigh_digits(cases[i].last);
        (void)snprintf(text, sizeof text, "%s%s}\n", RUN, cases[i].more);
        plan_run(&p, 2);
        for (int r = 0; r < 2; r++) plan_failed(&p, r, HOOP_ECONFIG, cases[i].words);
    }
    p = (plan){.config = {"steps: 1\nbatch: 4\nmodel: {hidden: [3]}\ndata: {train: digits/train, weights: /x}\n"}};
    plan_run(&p, 1);
    plan_failed(&p, 0, HOOP_ECONFIG,
                "test.yaml:4: data.weights: /x has 240 rows of 784 numbers; one number for each of 240 samples is wanted");
    p = (plan){.config = {"steps: 1\nbatch: 4\nmodel: {hidden: [3]}\nloss: mse\ndata: {weights: /w}\n"},
               .opts   = {.arrays = true, .input_ndim = 1, .input_shape = {2}, .target_ndim = 1, .target_shape = {1}}};
    plan_run(&p, 1);
    plan_failed(&p, 0, HOOP_ECONFIG,
                "test.yaml:5: data.weights: is of the data of a config, and samples are the caller's arrays");
    weigh_digits(1);
    plan_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_often),
        cmocka_unit_test(losses_are_told_in_units),
        cmocka_unit_test(their_scale_says_nothing),
        cmocka_unit_test(nothing_to_lose),
        cmocka_unit_test(same_on_any_ranks),
        cmocka_unit_test(lengths_that_vary),
        cmocka_unit_test(others_are_not_gone_on_with),
        cmocka_unit_test(bad_weights_are_named),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
