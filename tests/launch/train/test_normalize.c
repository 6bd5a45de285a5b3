/* Inputs and targets that f32 cannot hold, normalised in f64: the same bits on any ranks and after a resumption, errors and
 * predictions in the data's units, and what is refused. */
#include "plan.h"

#include <hdf5.h>
#include <math.h>

enum { ROWS = 120 };

/* x f64 (ROWS, 2): around `mean`, and between -1 and 1; y f64 (ROWS) around 123456789 by halves; `bad` in row 70 of x's column 1
 */
static void make(const char *path, double mean, double bad)
{
    const hsize_t shape[2] = {ROWS, 2};
    const hid_t   file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), plane = H5Screate_simple(2, shape, NULL),
                line = H5Screate_simple(1, shape, NULL);
    const hid_t x    = H5Dcreate2(file, "/x", H5T_IEEE_F64LE, plane, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                y    = H5Dcreate2(file, "/y", H5T_IEEE_F64LE, line, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    double values[2 * ROWS], targets[ROWS];
    for (int i = 0; i < ROWS; i++) {
        values[2 * i]     = mean + i;
        values[2 * i + 1] = i == 70 && bad != 0 ? bad : (double)(i * 37 % 41) / 20 - 1;
        targets[i]        = 123456789 + 0.5 * i;
    }
    assert_true(H5Dwrite(x, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0 &&
                H5Dwrite(y, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, targets) >= 0);
    (void)H5Dclose(x);
    (void)H5Dclose(y);
    (void)H5Sclose(plane);
    (void)H5Sclose(line);
    assert_true(H5Fclose(file) >= 0);
}

#define RUN "seed: 3\nmodel: {hidden: [16]}\nbatch: 24\nleaves: 6\nthreads: 1\nloss: mse\noptimizer: {name: adam, lr: 0.01}\n"
#define LARGE "data: {train: large.h5, validation: large.h5, normalize: standard}\n"

typedef struct seen {
    hoop_metrics_sums of[MOST_RANKS];
    char              config[4096];
    double            out[ROWS];
    int               notes;
} seen;

static void note(void *ctx, const char *text)
{
    seen *s = ctx;
    if (strstr(text, "targets are normalised, since column 0 of y has mean 123456819") != NULL) s->notes++;
}

/* Train; then its error in units by evaluation, and by hand from predictions. */
static hoop_status train_and_look(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    seen       *s = p->ctx;
    float       x[2 * ROWS], y[ROWS];
    hoop_status st;
    HOOP_TRY(st, done, hoop_trainer_run(tr, NULL, 0, err));
    HOOP_TRY(st, done, hoop_trainer_evaluate(tr, NULL, err, &s->of[rank]));
    if (rank != 0) goto done;
    (void)snprintf(s->config, sizeof s->config, "%s", hoop_trainer_config(tr));
    for (int i = 0; i < ROWS; i++) {
        x[2 * i]     = 1000000 + (float)i;
        x[2 * i + 1] = (float)(i * 37 % 41) / 20 - 1;
    }
    HOOP_TRY(st, done, hoop_trainer_predict(tr, x, ROWS, y, err));
    for (int i = 0; i < ROWS; i++) s->out[i] = (double)y[i];
done:
    return st;
}

static void targets_come_back_in_units(void **state)
{
    seen one = {.notes = 0}, many = {.notes = 0};
    plan a = {.config = {RUN LARGE "steps: 1500\n"}, .drive = train_and_look, .ctx = &one, .opts = {.ctx = &one, .note = note}},
         b = {.config = {RUN LARGE "steps: 1500\n"}, .drive = train_and_look, .ctx = &many, .opts = {.ctx = &many, .note = note}};
    (void)state;
    make("large.h5", 1000000, 0);
    plan_run(&a, 1);
    plan_good(&a);
    assert_int_equal(one.notes, 1);
    assert_non_null(strstr(one.config, "normalize_targets: standard"));
    assert_true(one.of[0].loss / one.of[0].weight < 4.0);                                      /* of a variance of 300 */
    for (int i = 0; i < ROWS; i++) assert_true(fabs(one.out[i] - (123456789 + 0.5 * i)) < 16); /* f32 has steps of 8 there */
    for (int p = 2; p <= 3; p++) {
        plan_run(&b, p);
        plan_same(&b, &a);
        for (int r = 0; r < p; r++)
            assert_true(many.of[r].loss == one.of[0].loss && many.of[r].weight == one.of[0].weight && many.of[r].samples == ROWS);
        assert_true(b.rank[0].about.last.loss == a.rank[0].about.last.loss);
    }
    assert_true(a.rank[0].about.last.loss / a.rank[0].about.last.weight < 10.0);
    plan_clear(&a);
    plan_clear(&b);
}

/* x around 1.7e9 that varies by ones is told apart in f32 weights */
static void large_means_of_f64_are_taken_away_in_f64(void **state)
{
    plan a = {.config = {RUN "data: {train: far.h5, normalize: standard}\nsteps: 1500\n"}}, b = a;
    (void)state;
    make("far.h5", 1.7e9, 0);
    make("near.h5", 0, 0);
    plan_run(&a, 1);
    plan_good(&a);
    assert_true(a.rank[0].about.last.loss / a.rank[0].about.last.weight < 10.0);
    for (int p = 2; p <= 3; p++) {
        plan_run(&b, p);
        plan_same(&b, &a);
    }
    b.config[0] = RUN "data: {train: near.h5, normalize: standard}\nsteps: 1500\n";
    plan_run(&b, 1);
    assert_true(b.rank[0].about.last.loss == a.rank[0].about.last.loss); /* without the 1.7e9 it is the same */
    plan_clear(&a);
    plan_clear(&b);
}

static hoop_status saved(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st;
    (void)p;
    (void)rank;
    HOOP_TRY(st, done, hoop_trainer_run(tr, NULL, 0, err));
    HOOP_TRY(st, done, hoop_trainer_save(tr, err));
    st = hoop_trainer_finish(tr, err);
done:
    return st;
}

static void a_resumed_run_normalises_as_before(void **state)
{
    plan whole = {.config = {RUN LARGE "steps: 60\n"}},
         half  = {.config = {RUN LARGE "steps: 30\ncheckpoint: {every_steps: 30}\n"}, .drive = saved, .opts = {.run_dir = "run"}},
         rest  = {.config = {RUN LARGE "steps: 60\n"}, .opts = {.run_dir = "run", .resume = "run"}};
    (void)state;
    make("large.h5", 1000000, 0);
    plan_run(&whole, 1);
    plan_good(&whole);
    plan_run(&half, 2);
    plan_good(&half);
    plan_run(&rest, 3);
    plan_same(&rest, &whole);
    rest.config[0] =
        RUN "data: {train: large.h5, validation: large.h5, normalize: standard, normalize_targets: none}\nsteps: 90\n";
    plan_run(&rest, 2);
    plan_failed(&rest, 0, HOOP_ECONFIG, "normalize_targets is none, but the run was started with standard");
    plan_clear(&whole);
    plan_clear(&half);
    plan_clear(&rest);
}

static void what_is_not_finite_is_named(void **state)
{
    static const char *const words[] = {"row 70 of /x, column 1 is NaN", "row 70 of /x, column 1 is -infinite",
                                        "column 1 of /x varies by more"};
    static const double      bad[]   = {(double)NAN, -(double)INFINITY, 1e200};
    plan                     p       = {.config = {RUN "data: {train: bad.h5, normalize: standard}\nsteps: 1\n"}};
    (void)state;
    for (int i = 0; i < 3; i++) {
        make("bad.h5", 1, bad[i]);
        plan_run(&p, 2);
        plan_failed(&p, 0, HOOP_ENONFINITE, words[i]);
        plan_failed(&p, 0, HOOP_ENONFINITE, "bad.h5: ");
        plan_failed(&p, 0, HOOP_ENONFINITE, "data.normalize: standard");
    }
    plan_clear(&p);
}

/* the caller's arrays have no data to look at, classes no spread */
static void where_there_is_nothing_to_normalise(void **state)
{
    seen s = {.notes = 0};
    plan p = {.config = {RUN "steps: 1\ndata: {normalize_targets: standard}\n"},
              .ctx    = &s,
              .opts   = {.arrays = true, .input_ndim = 1, .input_shape = {2}, .target_ndim = 1, .target_shape = {1}}};
    (void)state;
    plan_run(&p, 1);
    plan_failed(&p, 0, HOOP_ECONFIG, "data.normalize_targets: there is no training data");
    p = (plan){.config = {"batch: 24\nsteps: 1\ndata: {train: digits/train, normalize_targets: standard}\n"}};
    plan_run(&p, 1);
    plan_failed(&p, 0, HOOP_ECONFIG, "data.normalize_targets: is for real targets");
    p = (plan){
        .config = {
            "batch: 24\nsteps: 1\ndata: {train: digits/train, inputs: {x: /x}, targets: {y: /y}, normalize_targets: all}\n"}};
    plan_run(&p, 1);
    plan_failed(&p, 0, HOOP_ECONFIG, ":3: data.normalize_targets: is for real targets"); /* of all targets, not y's own */
    plan_clear(&p);
}

/* ---- predictions inside a step ---- */

static hoop_status predict_inside(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    float       x[2] = {0, 0}, y;
    hoop_leaf  *leaf;
    hoop_error  e  = {.status = HOOP_OK};
    hoop_status st = HOOP_OK;
    (void)p;
    (void)rank;
    while (st == HOOP_OK && hoop_trainer_next_step(tr)) {
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) {
            hoop_tensor *loss = hoop_trainer_loss(tr, leaf);
            e                 = (hoop_error){.status = HOOP_OK};
            if (hoop_trainer_predict(tr, x, 1, &y, &e) != HOOP_ESTATE) return hoop_fail(err, HOOP_ESTATE, "it predicts");
            hoop_trainer_backward(tr, loss);
        }
        st = hoop_trainer_update(tr, err);
        if (st == HOOP_OK) st = hoop_trainer_predict(tr, x, 1, &y, err);
    }
    return st;
}

static void predictions_wait_for_the_end_of_a_step(void **state)
{
    plan plain = {.config = {RUN LARGE "steps: 8\n"}}, p = {.config = {RUN LARGE "steps: 8\n"}, .drive = predict_inside};
    (void)state;
    make("large.h5", 1000000, 0);
    plan_run(&plain, 1);
    plan_good(&plain);
    plan_run(&p, 2);
    plan_same(&p, &plain);
    plan_clear(&plain);
    plan_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_come_back_in_units),          cmocka_unit_test(large_means_of_f64_are_taken_away_in_f64),
        cmocka_unit_test(a_resumed_run_normalises_as_before),  cmocka_unit_test(what_is_not_finite_is_named),
        cmocka_unit_test(where_there_is_nothing_to_normalise), cmocka_unit_test(predictions_wait_for_the_end_of_a_step),
    };
    return cmocka_run_group_tests_name("trainer_normalize", tests, enter_folder, leave_folder);
}
