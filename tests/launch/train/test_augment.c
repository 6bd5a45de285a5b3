/* Augmentation: the same bits on any ranks and after a resumption, in training alone, and what is refused. */
#include "plan.h"
#include "../../datasets.h"

#include "hoop/import.h"

#define RUN                                                                                                                      \
    "seed: 5\nbatch: 24\nleaves: 6\nthreads: 1\noptimizer: {name: adamw, lr: 5e-3}\nclip_norm: 1\nmodel: {kind: mlp, hidden: "   \
    "[16]}\n"                                                                                                                    \
    "data: {train: digits/train, validation: digits/validation, "

static void all_kinds_resume(void **state)
{
    (void)state;
    plan_resumes(RUN
                 "augment: [{flip: both}, {crop: 3}, {rotate: {degrees: 20, p: 0.5}}, {jitter: {contrast: 0.5}}, {noise: 0.1}, "
                 "{cutout: {size: 5, count: 2}}, {mixup: 0.4}, {cutmix: {p: 0.5}}]}\nepochs: 2\n",
                 "all");
}

static void train(const char *config, plan *p)
{
    *p = (plan){.config = {config}};
    plan_run(p, 1);
    plan_good(p);
}

/* It changes what is trained on; where it moves nothing, nothing is changed. */
static void training_alone(void **state)
{
    plan plain, same, other;
    (void)state;
    train(RUN "shuffle: false}\nepochs: 1\n", &plain);
    train(RUN "shuffle: false, augment: {crop: 0}}\nepochs: 1\n", &same);
    train(RUN "shuffle: false, augment: flip}\nepochs: 1\n", &other);
    plan_same(&plain, &same);
    assert_memory_not_equal(plain.rank[0].weights, other.rank[0].weights, (size_t)plain.rank[0].bytes);
    plan_clear(&same);
    plan_clear(&other);
    plan_clear(&plain);
}

static hoop_status evaluate(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_metrics_sums sums = {0};
    const hoop_status st   = hoop_trainer_evaluate(tr, NULL, err, &sums);
    if (rank == 0) *(double *)p->ctx = sums.loss;
    return st;
}

static hoop_status run_and_save(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st = hoop_trainer_run(tr, NULL, 0, err);
    if (st == HOOP_OK) st = hoop_trainer_save(tr, err);
    if (st == HOOP_OK) st = hoop_trainer_finish(tr, err);
    return st == HOOP_OK && p->ctx != NULL ? evaluate(p, tr, rank, err) : st;
}

/* What is evaluated is as it is, while a run trains and afterwards. */
static void never_in_evaluation(void **state)
{
    static const char *const configs[] = {RUN "augment: [flip, {noise: 0.5}]}\nepochs: 1\n", RUN "shuffle: true}\nepochs: 1\n"};
    double                   loss[3]   = {0, 0, 0};
    plan                     p = {.config = {configs[0]}, .opts = {.run_dir = "seen"}, .drive = run_and_save, .ctx = &loss[2]};
    (void)state;
    plan_run(&p, 1);
    plan_good(&p);
    for (int i = 0; i < 2; i++) {
        plan q = {.config = {configs[i]}, .opts = {.resume = "seen", .evaluate_only = true}, .drive = evaluate, .ctx = &loss[i]};
        plan_run(&q, 2);
        plan_good(&q);
        plan_clear(&q);
    }
    assert_true(loss[0] > 0 && loss[0] == loss[1]);
    assert_true(loss[0] == loss[2]);
    plan_clear(&p);
}

/* ---- labels that are mixed ---- */

static void train_both(const char *more, const char *target, plan *p)
{
    char config[1024];
    (void)snprintf(config, sizeof config,
                   "seed: 5\nbatch: 14\nleaves: 3\nthreads: 1\nsteps: 5\nprecision: f64\nmodel: {hidden: [7], activation: tanh}\n"
                   "optimizer: {name: sgd, lr: 0.5}\ndata: {train: both.h5, %s, normalize_targets: none, targets: {y: {%s}}}\n",
                   more, target);
    *p = (plan){.config = {config}};
    plan_run(p, 2);
    plan_good(p);
}

/* Labels by their parts lose what shares of classes do that are mixed as numbers; with weights, smoothing and weights of samples.
 */
static void labels_are_mixed(void **state)
{
    enum { ROWS = 40, CLASSES = 4 };
    static const char *const more[] = {"inputs: {x: /x}, augment: {mixup: 0.8}",
                                       "inputs: {x: /x}, weights: /w, augment: [{mixup: 0.8}, {cutmix: {p: 0.7}}]"};
    static const char *const opts[] = {"}", ", label_smoothing: 0.1}"};
    static double            x[ROWS][6][5], hot[ROWS][CLASSES], w[ROWS];
    int64_t                  label[ROWS];
    const hid_t              file = H5Fcreate("both.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < 30; j++) x[i][j / 5][j % 5] = (double)((i * 37 + j * 11 + i * j) % 23) / 11 - 1;
        label[i]         = i * 7 % CLASSES;
        hot[i][label[i]] = 1;
        w[i]             = 0.5 * (i % 4);
    }
    put(file, "/x", H5T_NATIVE_DOUBLE, 3, (hsize_t[]){ROWS, 6, 5}, x);
    put(file, "/label", H5T_NATIVE_INT64, 1, (hsize_t[]){ROWS}, label);
    put(file, "/hot", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){ROWS, CLASSES}, hot);
    put(file, "/w", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){ROWS}, w);
    assert_true(H5Fclose(file) >= 0);
    for (int i = 0; i < 2; i++) {
        char          labels[160], shares[160];
        plan          a, b;
        const double *u, *v;
        (void)snprintf(labels, sizeof labels, "path: /label, classes: 4, loss: {name: cross_entropy%s", opts[i]);
        (void)snprintf(shares, sizeof shares, "path: /hot, loss: {name: soft_cross_entropy%s", opts[i]);
        train_both(more[i], labels, &a);
        train_both(more[i], shares, &b);
        u = a.rank[0].weights, v = b.rank[0].weights;
        for (int64_t k = 0; k < a.rank[0].bytes / 8; k++)
            if (!(u[k] - v[k] < 1e-11 && v[k] - u[k] < 1e-11))
                fail_msg("weight %lld is %.17g, not %.17g", (long long)k, u[k], v[k]);
        plan_clear(&b);
        train_both("inputs: {x: /x}", labels, &b);
        assert_memory_not_equal(a.rank[0].weights, b.rank[0].weights, (size_t)a.rank[0].bytes);
        plan_clear(&a);
        plan_clear(&b);
    }
}

static void drawn_by_weight(void **state)
{
    (void)state;
    plan_resumes(RUN "sampling: balanced, augment: [{crop: 2}, {noise: 0.1}]}\nepochs: 2\n", "balanced");
    plan_resumes(RUN "sampling: weighted, sampling_weights: /y}\nepochs: 2\n",
                 "weighted"); /* labels are weights, too: none is a 0 */
}

/* ---- weights that are other ones ---- */

#define WEIGHED                                                                                                                  \
    "seed: 5\nbatch: 24\nleaves: 6\nthreads: 1\nmodel: {kind: mlp, hidden: [8]}\nsteps: 9\ndata: {train: weighed/train, "        \
    "sampling: weighted, sampling_weights: /weights}\n"

static void put_weights(double last)
{
    const char   *path  = "weighed/train-00000-of-00001.h5";
    const hsize_t n     = 120;
    const hid_t   file  = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    const hid_t   space = H5Screate_simple(1, &n, NULL);
    const hid_t   set   = H5Lexists(file, "/weights", H5P_DEFAULT) > 0
                              ? H5Dopen2(file, "/weights", H5P_DEFAULT)
                              : H5Dcreate2(file, "/weights", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    double        value[120];
    for (int i = 0; i < 120; i++) value[i] = i == 119 ? last : 1 + i % 3;
    assert_true(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0);
    (void)H5Dclose(set);
    (void)H5Sclose(space);
    assert_true(H5Fclose(file) >= 0);
}

/* One rank's copy is another. */
static _Thread_local bool read_other;
hoop_status __real_hoop_dataset_read(hoop_dataset *ds, const int64_t *index, int64_t n, int field, hoop_dtype as, void *out,
                                     hoop_error *err);
hoop_status __wrap_hoop_dataset_read(hoop_dataset *ds, const int64_t *index, int64_t n, int field, hoop_dtype as, void *out,
                                     hoop_error *err);
hoop_status __wrap_hoop_dataset_read(hoop_dataset *ds, const int64_t *index, int64_t n, int field, hoop_dtype as, void *out,
                                     hoop_error *err)
{
    const hoop_status st = __real_hoop_dataset_read(ds, index, n, field, as, out, err);
    if (st == HOOP_OK && read_other && as == HOOP_F64) *(double *)out += 0.5;
    return st;
}

static hoop_status rank_one_reads_other(plan *p, hoop_comm *comm, int rank, hoop_trainer_opts *opts, hoop_error *err)
{
    (void)p;
    (void)comm;
    (void)opts;
    (void)err;
    read_other = rank == 1;
    return HOOP_OK;
}

static void other_weights(void **state)
{
    plan p = {.config = {WEIGHED}, .opts = {.run_dir = "weighed-run"}, .drive = run_and_save};
    (void)state;
    assert_ok(hoop_synth("digits", 120, &(hoop_import_opts){.dir = "weighed", .shards = 1}, &err, NULL));
    put_weights(1);
    plan_run(&p, 1);
    plan_good(&p);
    p.opts  = (hoop_trainer_opts){.resume = "weighed-run"};
    p.drive = NULL;
    plan_run(&p, 2);
    plan_good(&p);
    put_weights(1.5);
    plan_run(&p, 1);
    plan_failed(&p, 0, HOOP_ECONFIG, "data.sampling_weights: weights of samples in /weights have the SHA-256");
    p.opts   = (hoop_trainer_opts){0};
    p.before = rank_one_reads_other;
    plan_run(&p, 2);
    plan_failed(&p, 0, HOOP_EDESYNC, "weights of samples");
    plan_clear(&p);
}

/* Labels that the loss ignores are never drawn: each step counts as many samples as it has. */
static hoop_status count(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    hoop_leaf  *leaf;
    (void)p;
    (void)rank;
    while (st == HOOP_OK && hoop_trainer_next_step(tr)) {
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) hoop_trainer_backward(tr, hoop_trainer_loss(tr, leaf));
        st = hoop_trainer_update(tr, err);
        if (st == HOOP_OK && hoop_trainer_about(tr)->last.target[0].metric[0].sum[1] != 24.0)
            st = hoop_fail(err, HOOP_ESTATE, "%g samples of 24 are counted",
                           hoop_trainer_about(tr)->last.target[0].metric[0].sum[1]);
    }
    return st;
}

static void ignored_is_not_drawn(void **state)
{
    plan p = {.config = {RUN "sampling: balanced}\nloss: {name: cross_entropy, ignore_index: 3}\nsteps: 8\n"}, .drive = count};
    (void)state;
    plan_run(&p, 1);
    plan_good(&p);
    plan_clear(&p);
}

static void refused(void **state)
{
    static const struct {
        const char *config, *words;
    } cases[] = {
        {RUN "sampling: weighted}\nsteps: 1\n", "wants data.sampling_weights"},
        {RUN "sampling: weighted, sampling_weights: /w}\nsteps: 1\n", "data.sampling_weights: "},
        {RUN "sampling: weighted, sampling_weights: /x}\nsteps: 1\n", "one number for each of 240 samples"},
        {RUN "sampling_weights: /y}\nsteps: 1\n", "is for data.sampling: weighted"},
        {RUN "sampling: balanced, y: /x}\nloss: mse\nsteps: 1\n", "balanced is for one target"},
        {RUN "augment: [flop]}\nsteps: 1\n", "did you mean flip?"},
        {RUN "augment: [zzz]}\nsteps: 1\n", "there are flip, crop"},
        {RUN "augment: [{crop: {paddings: 2}}]}\nsteps: 1\n", "did you mean padding?"},
        {RUN "augment: [{flip: diagonal}]}\nsteps: 1\n", "diagonal"},
        {RUN "augment: [{crop: -1}]}\nsteps: 1\n", "0 to 65536"},
        {RUN "inputs: {x: /x}, targets: {half: '/x[:, 0:14, :]'}, augment: [{rotate: 90}]}\nloss: mse\nsteps: 1\n",
         "rotate moves pixels of images of 28 x 28, and target 0 is of 14 x 28"},
        {"seed: 1\nbatch: 6\nleaves: 6\nmodel: {kind: mlp, hidden: [4]}\ndata: {train: digits/train, augment: [noise, mixup]}\n"
         "steps: 1\n",
         "data.augment[1]: mixup mixes samples of one leaf, and a batch of 6 in 6 leaves has leaves of one; at most 3"},
        {RUN "augment: [[1, 2]]}\nsteps: 1\n", "is a name"},
        {RUN "augment: [{flip: 1, crop: 2}]}\nsteps: 1\n", "is a name"},
        {"seed: 1\nbatch: 8\nmodel: {kind: mlp, hidden: [4]}\ndata: {train: spirals/train, augment: [noise, flip]}\nsteps: 1\n",
         "data.augment[1]: flip is for images"},
    };
    (void)state;
    assert_ok(hoop_synth("spirals", 40, &(hoop_import_opts){.dir = "spirals"}, &err, NULL));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plan p = {.config = {cases[i].config}};
        plan_run(&p, 1);
        plan_failed(&p, 0, HOOP_ECONFIG, cases[i].words);
        plan_clear(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_resume),     cmocka_unit_test(training_alone),  cmocka_unit_test(never_in_evaluation),
        cmocka_unit_test(labels_are_mixed),     cmocka_unit_test(drawn_by_weight), cmocka_unit_test(other_weights),
        cmocka_unit_test(ignored_is_not_drawn), cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
