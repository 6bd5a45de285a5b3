/* What is done to inputs before the model (data.transform), and normalising by channel: the same bits on any ranks and after a
 * resumption, in training, evaluation and prediction; statistics against a plain loop; what is refused. */
#include "plan.h"
#include "../../datasets.h"

#include <math.h>

#include "hoop/trained.h"

enum { ROWS = 60, CHANNELS = 3, SIDE = 4, NUMEL = CHANNELS * SIDE, CLASSES = 5 };

static double x_of(int row, int e)
{
    return (double)((row * 131 + e * 37 + (e / SIDE) * row * 7) % 211) / (double)(1 << (e / SIDE)); /* channels of other sizes */
}

/* x (ROWS, 3, 4, 1) of f32 and, as /wide, of f64 behind 1e9; /class (ROWS) of integers; /y as /x, /z (ROWS) */
static int make(void **state)
{
    const hsize_t shape[4] = {ROWS, CHANNELS, SIDE, 1};
    double        x[ROWS * NUMEL], wide[ROWS * NUMEL], z[ROWS];
    int class[ROWS];
    hid_t file;
    if (enter_folder(state) != 0) return 1;
    for (int i = 0; i < ROWS; i++) {
        for (int e = 0; e < NUMEL; e++) {
            x[i * NUMEL + e]    = x_of(i, e);
            wide[i * NUMEL + e] = 1e9 + x_of(i, e);
        }
        class[i] = i * 7 % CLASSES;
        z[i]     = class[i] == 2 ? 3 : -1;
    }
    file = H5Fcreate("raw.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    put_as(file, "/x", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 4, shape, x);
    put_as(file, "/y", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 4, shape, x);
    put_as(file, "/wide", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 4, shape, wide);
    put_as(file, "/z", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 1, shape, z);
    put_as(file, "/class", H5T_STD_I32LE, H5T_NATIVE_INT, 1, shape, class);
    return H5Fclose(file) < 0;
}

#define RUN "seed: 3\nbatch: 12\nleaves: 6\nthreads: 1\nloss: mse\noptimizer: {name: adam, lr: 0.01}\nsteps: 15\n"
#define LINEAR "model: {layers: [flatten, {linear: 1}]}\n"
#define LIST "[{clip: {min: 4, max: 100}}, log1p, {normalize: channel}]"

/* The same in a plain loop. */
static double done_before(double v)
{
    return log1p(v < 4 ? 4 : v > 100 ? 100 : v);
}

static void moments(double (*of)(double), int channel, double *mean, double *std)
{
    const int first = channel < 0 ? 0 : channel * SIDE, last = channel < 0 ? NUMEL : first + SIDE;
    double    sum = 0, squares = 0;
    for (int i = 0; i < ROWS; i++)
        for (int e = first; e < last; e++) sum += of(x_of(i, e));
    *mean = sum / (ROWS * (last - first));
    for (int i = 0; i < ROWS; i++)
        for (int e = first; e < last; e++) squares += pow(of(x_of(i, e)) - *mean, 2);
    *std = sqrt(squares / (ROWS * (last - first)));
}

/* of a rank's thread */
#define wanted(condition)                                                                                                        \
    do {                                                                                                                         \
        if (!(condition)) return hoop_fail(err, HOOP_ESTATE, "line %d: %s", __LINE__, #condition);                               \
    } while (0)

static double as_it_is(double v)
{
    return v;
}

static const hoop_tensor *buffer(hoop_trainer *tr, const char *name)
{
    hoop_params *p = hoop_trainer_params(tr);
    for (int i = 0; i < hoop_params_buffer_count(p); i++)
        if (strcmp(hoop_params_buffer_name(p, i), name) == 0) return hoop_params_buffer(p, i);
    return NULL;
}

static double at(const hoop_tensor *x, int64_t i)
{
    if (x == NULL) return (double)NAN;
    return hoop_tensor_dtype(x) == HOOP_F64 ? ((const double *)hoop_tensor_data(x))[i]
                                            : (double)((const float *)hoop_tensor_data(x))[i];
}

static const float *weight(hoop_trainer *tr, int i)
{
    return hoop_tensor_data(hoop_params_tensor(hoop_trainer_params(tr), i));
}

/* Train, and look at what it learned of the data and says of it. */
static hoop_status look(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    float       x[NUMEL], y;
    hoop_status st = hoop_trainer_run(tr, NULL, 0, err);
    (void)p;
    if (st != HOOP_OK || rank != 0) return st;
    for (int c = 0; c < CHANNELS; c++) {
        double mean, std;
        moments(done_before, c, &mean, &std);
        wanted(buffer(tr, "transform.2.mean") != NULL && hoop_tensor_numel(buffer(tr, "transform.2.mean")) == (CHANNELS));
        wanted(fabs(at(buffer(tr, "transform.2.mean"), c) - mean) < 1e-6 * fabs(mean));
        wanted(fabs(at(buffer(tr, "transform.2.inverse_std"), c) * std - 1) < 1e-5);
    }
    for (int i = 0; i < ROWS; i += 7) {
        double sum = (double)weight(tr, 1)[0];
        for (int e = 0; e < NUMEL; e++) {
            x[e] = (float)x_of(i, e);
            sum += (double)weight(tr, 0)[e] * (done_before(x_of(i, e)) - at(buffer(tr, "transform.2.mean"), e / SIDE)) *
                   at(buffer(tr, "transform.2.inverse_std"), e / SIDE);
        }
        st = hoop_trainer_predict(tr, x, 1, &y, err);
        if (st != HOOP_OK) return st;
        wanted(fabs((double)y - sum) < 1e-4);
    }
    return st;
}

static void lists_are_a_part_of_the_model(void **state)
{
    plan a = {.config = {RUN LINEAR "data: {train: raw.h5, y: /z, transform: " LIST "}\n"}, .drive = look}, b = a;
    (void)state;
    plan_run(&a, 1);
    plan_good(&a);
    for (int p = 2; p <= 3; p++) {
        plan_run(&b, p);
        plan_good(&b);
        plan_same(&b, &a);
    }
    plan_clear(&a);
    plan_clear(&b);
    plan_resumes(RUN LINEAR "data: {train: raw.h5, y: /z, transform: " LIST "}\n", "resumed");
}

/* ---- a run alone, on raw data ---- */

static hoop_status save(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    float      *out = p->ctx, x[ROWS * NUMEL];
    hoop_status st;
    HOOP_TRY(st, done, hoop_trainer_run(tr, NULL, 0, err));
    HOOP_TRY(st, done, hoop_trainer_save(tr, err));
    HOOP_TRY(st, done, hoop_trainer_finish(tr, err));
    for (int i = 0; i < ROWS * NUMEL; i++) x[i] = (float)x_of(i / NUMEL, i % NUMEL);
    if (rank == 0) st = hoop_trainer_predict(tr, x, ROWS, out, err);
done:
    return st;
}

static void a_run_knows_what_is_done(void **state)
{
    float              out[ROWS], rows[2];
    const int64_t      index[2] = {41, 7};
    void *const        to[1]    = {rows};
    static const char *set[] = {"data.transform=[log1p]"}, *none[] = {"data.transform=[]"}, *also[] = {"data.normalize=channel"};
    const char *const *other[] = {set, none};
    plan               p       = {.config = {RUN LINEAR "data: {train: raw.h5, y: /z, transform: " LIST "}\n"},
                                  .drive  = save,
                                  .opts   = {.run_dir = "kept"},
                                  .ctx    = out};
    hoop_trained      *t       = NULL;
    hoop_comm         *comm    = NULL;
    hoop_metrics_sums  sums;
    hoop_error         why = {.status = HOOP_OK};
    (void)state;
    plan_run(&p, 2);
    plan_good(&p);
    assert_ok(hoop_comm_create_self(NULL, &err, &comm));
    assert_ok(hoop_trained_read("kept", NULL, 0, &err, &t));
    assert_ok(hoop_trained_open(t, comm, &(hoop_trained_opts){.data = "raw.h5", .targets = true}, &err));
    assert_ok(hoop_trained_rows(t, index, 2, to, &err));
    assert_true(rows[0] == out[41] && rows[1] == out[7]);
    assert_ok(hoop_trained_evaluate(t, &err, &sums));
    assert_true(isfinite(sums.loss));
    hoop_trained_close(&t);
    for (int i = 0; i < 2; i++) {
        why.status = HOOP_OK;
        assert_int_equal(hoop_trained_read("kept", other[i], 1, &why, &t), HOOP_ECONFIG);
        assert_non_null(strstr(why.text, "--set data.transform: another list would make another model"));
    }
    why.status = HOOP_OK;
    assert_int_equal(hoop_trained_read("kept", also, 1, &why, &t), HOOP_ECONFIG);
    hoop_comm_destroy(&comm);
    plan_clear(&p);
}

/* ---- integers ---- */

static hoop_status classes_alone(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st = hoop_trainer_run(tr, NULL, 0, err);
    (void)p;
    (void)rank;
    for (int64_t c = 0; c < CLASSES && st == HOOP_OK; c++) {
        float y;
        st = hoop_trainer_predict(tr, &c, 1, &y, err);
        wanted(st != HOOP_OK || y == weight(tr, 0)[c] + weight(tr, 1)[0]);
    }
    return st;
}

static void integers_one_hot(void **state)
{
    plan a = {.config = {RUN
                         "model: {layers: [{linear: 1}]}\ndata: {train: raw.h5, x: /class, y: /z, transform: [{one_hot: 5}]}\n"},
              .drive  = classes_alone},
         b = a;
    (void)state;
    plan_run(&a, 1);
    plan_good(&a);
    plan_run(&b, 3);
    plan_same(&b, &a);
    b.config[0] = RUN "model: {layers: [{linear: 1}]}\ndata: {train: raw.h5, x: /class, y: /z, transform: [{one_hot: 4}]}\n";
    plan_run(&b, 2);
    plan_failed(&b, 0, HOOP_ERANGE, "4 at position");
    b.config[0] = RUN "model: {layers: [{linear: 1}]}\ndata: {train: raw.h5, x: /z, y: /z, transform: [{one_hot: 4}]}\n";
    plan_run(&b, 2);
    plan_failed(&b, 0, HOOP_ECONFIG, "test.yaml:9: data.transform[0]: one_hot takes integers, and /z is stored as f32");
    plan_clear(&a);
    plan_clear(&b);
}

/* ---- several inputs ---- */

static hoop_status names(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st = hoop_trainer_run(tr, NULL, 0, err);
    (void)p;
    if (st != HOOP_OK || rank != 0) return st;
    wanted(buffer(tr, "transform.u.1.mean") != NULL && hoop_tensor_numel(buffer(tr, "transform.u.1.mean")) == (1));
    wanted(buffer(tr, "normalize.v.mean") != NULL && hoop_tensor_numel(buffer(tr, "normalize.v.mean")) == (CHANNELS));
    wanted(hoop_tensor_dtype(buffer(tr, "transform.w.0.mean")) == HOOP_F64); /* 1e9, taken away in f64 */
    wanted(fabs(at(buffer(tr, "normalize.v.inverse_std"), 1)) < 1);
    return st;
}

static void each_input_its_own(void **state)
{
#define EACH                                                                                                                     \
    RUN "model: {layers: [{parallel: {inputs: each, join: concat, branches: [flatten, flatten, flatten, flatten]}}, {linear: "   \
        "1}]}\n"                                                                                                                 \
        "data:\n  train: raw.h5\n  normalize: channel\n"                                                                         \
        "  inputs: {u: {path: /x, transform: [{log: 1}, {normalize: all}]}, v: /x, w: {path: /wide, transform: [normalize]}, "   \
        "c: {path: /class, transform: [{one_hot: 5}]}}\n  targets: {z: /z}\n"
    plan a = {.config = {EACH}, .drive = names}, b = a;
    (void)state;
    plan_run(&a, 1);
    plan_good(&a);
    plan_run(&b, 3);
    plan_same(&b, &a);
    plan_resumes(EACH, "each");
    plan_clear(&a);
    plan_clear(&b);
}

/* ---- the short key, of inputs and targets ---- */

static hoop_status by_channel(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    const bool  all = p->ctx != NULL;
    hoop_status st  = hoop_trainer_run(tr, NULL, 0, err);
    if (st != HOOP_OK || rank != 0) return st;
    wanted(buffer(tr, "normalize.mean") != NULL && hoop_tensor_numel(buffer(tr, "normalize.mean")) == (all ? 1 : CHANNELS));
    for (int e = 0; e < NUMEL; e++) {
        double mean, std;
        moments(as_it_is, all ? -1 : e / SIDE, &mean, &std);
        wanted(fabs(at(buffer(tr, "normalize.mean"), all ? 0 : e / SIDE) - mean) < 1e-4);
        wanted(fabs(at(buffer(tr, "normalize_targets.mean"), e) - mean) < 1e-9 * fabs(mean)); /* of each element, all the same */
        wanted(fabs(at(buffer(tr, "normalize_targets.std"), e) - std) < 1e-9 * std);
    }
    wanted(strstr(hoop_trainer_config(tr), all ? "normalize_targets: all" : "normalize_targets: channel") != NULL);
    return st;
}

static void normalised_by_channel(void **state)
{
    static const char *const configs[] = {
        RUN
        "model: {layers: [{conv: {out: 3, kernel: 1}}]}\ndata: {train: raw.h5, normalize: channel, normalize_targets: channel}\n",
        RUN "model: {layers: [{conv: {out: 3, kernel: 1}}]}\ndata: {train: raw.h5, normalize: all, normalize_targets: all}\n"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        plan a = {.config = {configs[i]}, .drive = by_channel, .ctx = i == 0 ? NULL : (void *)configs}, b = a;
        plan_run(&a, 1);
        plan_good(&a);
        plan_run(&b, 3);
        plan_same(&b, &a);
        plan_clear(&a);
        plan_clear(&b);
    }
    plan_resumes(configs[0], "channels");
}

/* ---- the caller's arrays ---- */

static hoop_status on_arrays(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    float       x[2] = {3, -1000}, y[2];
    hoop_status st   = hoop_trainer_predict(tr, x, 2, y, err);
    (void)p;
    (void)rank;
    wanted(st != HOOP_OK || fabsf(y[0] - (weight(tr, 0)[0] * 2 + weight(tr, 1)[0])) < 1e-6F);
    wanted(st != HOOP_OK || fabsf(y[1] - (weight(tr, 0)[0] * -2 + weight(tr, 1)[0])) < 1e-6F);
    return st;
}

static void arrays_of_a_program(void **state)
{
    static const char *const measured[] = {"batch: 4\nsteps: 1\nloss: mse\ndata: {transform: [normalize]}\n",
                                           "batch: 4\nsteps: 1\nloss: mse\ndata: {transform: [{normalize: {mean: []}}]}\n"};
    plan                     p          = {.config = {"batch: 4\nsteps: 1\nloss: mse\nmodel: {layers: [{linear: 1}]}\n"
                                                                                   "data: {transform: [{normalize: {mean: 2, std: 0.5}}, {clip: {min: -2, max: 9}}]}\n"},
                                           .drive  = on_arrays,
                                           .opts = {.arrays = true, .input_ndim = 1, .input_shape = {1}, .target_ndim = 1, .target_shape = {1}}};
    (void)state;
    plan_run(&p, 1);
    plan_good(&p);
    for (int i = 0; i < 2; i++) {
        p.config[0] = measured[i];
        plan_run(&p, 1);
        plan_failed(&p, 0, HOOP_ECONFIG,
                    "data.transform[0]: there is no training data of a config to measure; give mean and std");
    }
    plan_clear(&p);
}

/* ---- what is refused ---- */

static void bad_lists(void **state)
{
    static const struct {
        const char *data, *words;
    } bad[] = {
        {"transform: log1p", "test.yaml:9: data.transform: is a list, such as"},
        {"transform: [log2p]", "data.transform[0]: there is no 'log2p' for inputs; did you mean log1p?"},
        {"transform: [{linear: 3}]",
         "'linear' is none of flatten, unflatten, permute, pad, normalize, one_hot, clip, log, log1p"},
        {"transform: [{dropout: 0.5}]", "'dropout' is none of"},
        {"transform: [[log1p]]", "data.transform[0]: is a name, or one with options"},
        {"transform: [log1p, {one_hot: 3}]", "data.transform[1]: is of integers as they are stored: it can only come first"},
        {"transform: [{one_hot: 0}]", "one_hot: 0 is out of range"},
        {"transform: [one_hot]", "classes of one_hot must be given"},
        {"transform: [{clip: {min: 3, max: 1}}]", "min is 3, above max, 1"},
        {"transform: [clip]", "min, max or both must be given"},
        {"transform: [{clip: {low: 1}}]", "unknown key"},
        {"transform: [{log: {eps: -1}}]", "eps"},
        {"transform: [{normalize: rows}]", "element, channel, all"},
        {"transform: [{normalize: {mean: [1, 2], std: [1, 2]}}]", "2 numbers for mean, and its input has 3 channels"},
        {"transform: [{normalize: {mean: 1}}]", "1 numbers for mean and 0 for std"},
        {"transform: [{normalize: {mean: 1, std: 0}}]", "std is 0; it is above 0"},
        {"transform: [{normalize: {over: channel, dim: 3}}]", "dim is 3, and rows have 3 dims"},
        {"transform: [{normalize: {dim: 1}}]", "dim is one, of channels"},
        {"transform: [log1p], normalize: standard", "and data.normalize are both given; normalize stands in the list"},
        {"normalize: rows", "normalize"},
        {"transform: [log]", "infinite after what is done before, of which data.transform can make nothing"},
    };
    char text[1024];
    plan p = {.config = {text}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const bool zero = strcmp(bad[i].data, "transform: [log]") == 0; /* x has zeros */
        (void)snprintf(text, sizeof text, RUN LINEAR "data: {train: raw.h5, y: /z, %s}\n",
                       zero ? "transform: [log, normalize]" : bad[i].data);
        plan_run(&p, 2);
        assert_int_not_equal(p.rank[0].error.status, HOOP_OK);
        if (strstr(p.rank[0].error.text, bad[i].words) == NULL) fail_msg("%s: %s", bad[i].data, p.rank[0].error.text);
        plan_clear(&p);
    }
    (void)snprintf(text, sizeof text,
                   RUN LINEAR "data: {train: raw.h5, inputs: {x: /x}, targets: {z: {path: /z, transform: [log1p]}}}\n");
    plan_run(&p, 1);
    plan_failed(&p, 0, HOOP_ECONFIG,
                "data.targets.z.transform: is a key of inputs (data.inputs); of a target there is normalize");
    (void)snprintf(text, sizeof text,
                   RUN LINEAR
                   "data: {train: raw.h5, inputs: {x: {path: /x, transform: [log1p], normalize: channel}}, targets: {z: /z}}\n");
    plan_run(&p, 1);
    plan_failed(&p, 0, HOOP_ECONFIG, "data.inputs.x.transform: and data.inputs.x.normalize are both given");
    plan_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_a_part_of_the_model),
        cmocka_unit_test(a_run_knows_what_is_done),
        cmocka_unit_test(integers_one_hot),
        cmocka_unit_test(each_input_its_own),
        cmocka_unit_test(normalised_by_channel),
        cmocka_unit_test(arrays_of_a_program),
        cmocka_unit_test(bad_lists),
    };
    return cmocka_run_group_tests_name("trainer_transform", tests, make, leave_folder);
}
