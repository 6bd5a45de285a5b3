/* Data of several fields, through the command: named inputs and targets, windows of series, rows of variable length. */
#include "support.h"
#include "../../datasets.h"

enum { N = 60, SERIES = 90, RAGGED = 50 };

static double wave(int64_t i, int64_t j)
{
    return (double)((i * 37 + j * 101) % 97) / 48.5 - 1;
}

/* fields.h5: inputs /f/u (N, 3) and /f/v (4, N), whose samples are dim 1; targets /f/p (N, 2) of large numbers and /f/q (N), one
 * of three classes */
static void make_fields(const char *path, int64_t seed)
{
    static double u[N][3], v[4][N], p[N][2], q[N];
    const hsize_t u_dims[] = {N, 3}, v_dims[] = {4, N}, p_dims[] = {N, 2}, q_dims[] = {N};
    const hid_t   file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
                group  = H5Gcreate2(file, "/f", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    for (int64_t i = 0; i < N; i++) {
        for (int64_t j = 0; j < 3; j++) u[i][j] = wave(i + seed, j);
        for (int64_t j = 0; j < 4; j++) v[j][i] = wave(i + seed, j + 7);
        p[i][0] = 1000 + 50 * u[i][0] * v[1][i];
        p[i][1] = 0.01 * (u[i][1] - v[2][i]);
        q[i]    = u[i][2] > 0.3 ? 2 : v[0][i] > 0 ? 1 : 0;
    }
    put_as(file, "/f/u", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 2, u_dims, u);
    put_as(file, "/f/v", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 2, v_dims, v);
    put_as(file, "/f/p", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 2, p_dims, p);
    put_as(file, "/f/q", H5T_STD_I32LE, H5T_NATIVE_DOUBLE, 1, q_dims, q);
    assert_true(H5Gclose(group) >= 0 && H5Fclose(file) >= 0);
}

/* series.h5: /s (SERIES, 2), a wave and its slope; ragged.h5: /text, the tokens of RAGGED texts one behind the other, /at, where
 * each begins, and /next, the tokens that follow */
static void make_series(void)
{
    static double s[SERIES][2], at[RAGGED + 1];
    static double text[RAGGED * 9], next[RAGGED * 9];
    hsize_t       s_dims[] = {SERIES, 2}, at_dims[] = {RAGGED + 1}, text_dims[1];
    hid_t         file = H5Fcreate("series.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    int64_t       n    = 0;
    for (int64_t i = 0; i < SERIES; i++) {
        s[i][0] = wave(i, 0);
        s[i][1] = wave(i + 1, 0) - wave(i, 0);
    }
    put_as(file, "/s", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 2, s_dims, s);
    assert_true(H5Fclose(file) >= 0);
    for (int64_t i = 0; i < RAGGED; i++) {
        at[i] = (double)n;
        for (int64_t j = 0; j < 1 + i * 5 % 9; j++, n++) {
            text[n] = (double)((i + 3 * j) % 7);
            next[n] = (double)((i + 3 * j + 3) % 7);
        }
    }
    at[RAGGED]   = (double)n;
    text_dims[0] = (hsize_t)n;
    file         = H5Fcreate("ragged.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    put_as(file, "/text", H5T_STD_I32LE, H5T_NATIVE_DOUBLE, 1, text_dims, text);
    put_as(file, "/next", H5T_STD_I64LE, H5T_NATIVE_DOUBLE, 1, text_dims, next);
    put_as(file, "/at", H5T_STD_I64LE, H5T_NATIVE_DOUBLE, 1, at_dims, at);
    assert_true(H5Fclose(file) >= 0);
}

#define COMMON "batch: 14\nleaves: 5\noptimizer: {name: adamw, lr: 1e-2}\nthreads: 1\n"
static const char fields_config[] =
    "seed: 3\nsteps: 20\n"
    "model:\n"
    "  layers:\n"
    "    - parallel: {inputs: each, join: concat, branches: {u: [{linear: 12}, relu], v: [{linear: 12}, tanh]}}\n"
    "    - residual: [{linear: 24}, relu]\n"
    "    - parallel: {branches: {p: [{linear: 2}], q: [{linear: 3}]}}\n"
    "data:\n"
    "  train: fields.h5\n"
    "  validation: other.h5\n"
    "  normalize: standard\n"
    "  inputs: {u: /f/u, v: {path: /f/v, sample_axis: 1}}\n"
    "  targets: {p: {path: /f/p, loss: mse, weight: 0.5}, q: {path: /f/q, loss: cross_entropy}}\n" COMMON
    "checkpoint: {every_steps: 8}\n";
static const char series_config[] =
    "seed: 4\nepochs: 4\nloss: mse\nmodel: {kind: mlp, hidden: [16], activation: tanh}\n"
    "data:\n"
    "  train: series.h5\n"
    "  validation: series.h5\n"
    "  inputs: {past: {path: /s, window: 6, stride: 2}}\n"
    "  targets: {next: {path: \"/s[:, 0:1]\", horizon: 2}}\n" COMMON "checkpoint: {every_steps: 7}\n";
static const char ragged_config[] =
    "seed: 5\nepochs: 5\nmodel: {layers: [{embedding: {rows: 7, width: 6}}, {linear: 12}, relu, {linear: 7}]}\n"
    "data:\n"
    "  train: ragged.h5\n"
    "  validation: ragged.h5\n"
    "  inputs: {text: {path: /text, offsets: /at}}\n"
    "  targets: {next: {path: /next, offsets: /at}}\n" COMMON "checkpoint: {every_steps: 9}\n";

static int enter(void **state)
{
    if (test_enter(state) != 0) return 1;
    make_fields("fields.h5", 0);
    make_fields("other.h5", 5);
    make_series();
    store("fields.yaml", fields_config, sizeof fields_config - 1);
    store("series.yaml", series_config, sizeof series_config - 1);
    store("ragged.yaml", ragged_config, sizeof ragged_config - 1);
    return 0;
}

/* The hash of a run's weights and state. */
static void hash(const char *run, char out[65])
{
    assert_int_equal(hoop("inspect %s --hash=state", run), 0);
    (void)snprintf(out, 65, "%.64s", last.out);
}

static void same_files(const char *a, const char *b)
{
    int64_t n, m;
    char   *x = load(a, &n), *y = load(b, &m);
    if (n != m || memcmp(x, y, (size_t)n) != 0) fail_msg("%s and %s differ", a, b);
    free(x);
    free(y);
}

/* Train on 1, 2 and 3 ranks: the same state; runs/NAME-P */
static void train_everywhere(const char *name)
{
    char want[65], is[65], run[64];
    for (int p = 1; p <= 3; p++) {
        if (hoop_ranks(p, "train %s.yaml --out runs/%s-%d", name, name, p) != 0) fail_msg("%d ranks: %s", p, last.err);
        (void)snprintf(run, sizeof run, "runs/%s-%d", name, p);
        hash(run, p == 1 ? want : is);
        if (p > 1) assert_string_equal(want, is);
    }
}

/* From a checkpoint in the middle, on 1, 2 and 3 ranks, to the same end. */
static void gone_on(const char *name, int middle)
{
    char want[65], is[65], run[64];
    (void)snprintf(run, sizeof run, "runs/%s-1", name);
    hash(run, want);
    for (int p = 1; p <= 3; p++) {
        if (hoop_ranks(p, "train %s.yaml --resume runs/%s-1/checkpoints/step-%08d --out runs/%s-on-%d", name, name, middle, name,
                       p) != 0)
            fail_msg("%d ranks: %s", p, last.err);
        (void)snprintf(run, sizeof run, "runs/%s-on-%d", name, p);
        hash(run, is);
        assert_string_equal(want, is);
    }
}

static void inputs_and_targets_by_name(void **state)
{
    json_t *o;
    char   *alone;
    (void)state;
    train_everywhere("fields");
    gone_on("fields", 8);
    assert_int_equal(hoop("eval runs/fields-1"), 0);
    said("p");
    said("q");
    said("rmse");
    said("recall");
    assert_int_equal(hoop("eval runs/fields-1 --json"), 0);
    o = as_json();
    assert_true(json_is_array(json_object_get(json_object_get(json_object_get(o, "by_target"), "q"), "confusion")));
    assert_true(json_is_number(json_object_get(
        json_array_get(json_object_get(json_object_get(json_object_get(o, "by_target"), "p"), "targets"), 1), "r2")));
    json_decref(o);
    alone = strdup(last.out);
    assert_non_null(alone);
    assert_int_equal(hoop_ranks(3, "eval runs/fields-1 --json"), 0);
    assert_string_equal(alone, last.out);
    free(alone);
    for (int p = 1; p <= 3; p++) {
        assert_int_equal(hoop_ranks(p, "predict runs/fields-1 --data other.h5 --out p%d.h5", p), 0);
        assert_int_equal(hoop_ranks(p, "predict runs/fields-1 --data other.h5 --out p%d.csv", p), 0);
    }
    same_files("p1.h5", "p2.h5");
    same_files("p1.h5", "p3.h5");
    same_files("p1.csv", "p2.csv");
    same_files("p1.csv", "p3.csv");
    assert_int_equal(shell("head -n 1 p1.csv"), 0);
    assert_string_equal(last.out, "p.y0,p.y1,q.class,q.p(0),q.p(1),q.p(2)\n");
    assert_int_equal(shell("wc -l <p1.csv"), 0);
    said("61");
    assert_int_equal(hoop("data info p1.h5 --x /p --y /q"), 0);
}

static void windows_of_a_series(void **state)
{
    (void)state;
    train_everywhere("series");
    gone_on("series", 7);
    assert_int_equal(hoop("eval runs/series-1"), 0);
    said("samples    42"); /* (90 - 6 - 2) / 2 + 1 */
    assert_int_equal(hoop_ranks(2, "predict runs/series-1 --data series.h5 --out next.h5"), 0);
    assert_int_equal(hoop("predict runs/series-1 --data series.h5 --out next.csv"), 0);
    assert_int_equal(shell("head -n 1 next.csv; wc -l <next.csv"), 0);
    assert_string_equal(last.out, "next\n44\n"); /* and one window more, whose target is not there yet */
}

static void rows_of_variable_length(void **state)
{
    (void)state;
    train_everywhere("ragged");
    gone_on("ragged", 9);
    assert_int_equal(hoop("eval runs/ragged-1"), 0);
    said("samples    50");
    (void)hoop("predict runs/ragged-1 --data ragged.h5 --out t.h5");
    failed(1, "rows of outputs vary in length", "pad them: --set data.inputs.text.length=9, or more");
    assert_int_equal(hoop("predict runs/ragged-1 --data ragged.h5 --set data.inputs.text.length=9 --out t.h5"), 0);
}

/* tokens-I.h5: one of two series of tokens, 0 to 4, and one 5 at this place. */
static void make_tokens(int i, int n, int at)
{
    static double t[90];
    const hsize_t dims[] = {(hsize_t)n};
    char          name[16];
    hid_t         file;
    (void)snprintf(name, sizeof name, "tokens-%d.h5", i);
    for (int k = 0; k < n; k++) t[k] = k == at ? 5 : k % 5;
    file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    put_as(file, "/t", H5T_STD_I32LE, H5T_NATIVE_DOUBLE, 1, dims, t);
    assert_true(H5Fclose(file) >= 0);
}

/* Of windows that overlap not all are read to look at labels, but each label is. */
static void labels_of_windows_are_looked_at(void **state)
{
    static const char config[]    = "steps: 1\nmodel: {layers: [{embedding: {rows: 7, width: 6}}, {linear: 7}]}\n"
                                    "data:\n"
                                    "  train: 'tokens-?.h5'\n"
                                    "  inputs: {now: {path: /t, window: 7, stride: 2}}\n"
                                    "  targets: {next: {path: /t, window: 7, horizon: 1, classes: 5}}\n" COMMON;
    static const int  places[][2] = {{0, -1}, {1, 0}, {7, 0}, {8, 0}, {49, 0}, {50, 0}, {1, 1}, {9, 1}, {19, 1}};
    (void)state;
    store("tokens.yaml", config, sizeof config - 1);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) { /* rows 0 and 50 are of no target */
        make_tokens(0, 51, places[i][1] == 0 ? places[i][0] : -1);
        make_tokens(1, 20, places[i][1] == 1 ? places[i][0] : -1);
        (void)hoop("train tokens.yaml --out runs/tokens-%zu", i);
        if (places[i][1] < 0 || places[i][0] == 50)
            assert_int_equal(last.code, 0);
        else
            failed(1, "label 5 in row", "data.targets.next.classes says 0 to 4");
    }
}

/* Two tables of the same rows, columns in another order. */
static void make_tables(void)
{
    FILE *a = fopen("a.csv", "w"), *b = fopen("b.csv", "w");
    assert_true(a != NULL && b != NULL);
    (void)fprintf(a, "p,q,kind\n");
    (void)fprintf(b, "kind,q,p\n");
    for (int i = 0; i < 40; i++) {
        static const char *const kinds[] = {"oak", "elm", "ash"};
        (void)fprintf(a, "%d.5,%d,%s\n", i % 7, i % 11, kinds[i % 3]);
        (void)fprintf(b, "%s,%d,%d.5\n", kinds[i % 3], i % 11, i % 7);
    }
    assert_true(fclose(a) == 0 && fclose(b) == 0);
}

static void columns_and_classes_are_matched_by_field(void **state)
{
    static const char config[] = "seed: 2\nsteps: 12\nmodel: {kind: mlp, hidden: [8]}\n"
                                 "data: {train: ta/train, normalize: standard, inputs: {row: /x}, targets: {tree: /y}}\n" COMMON;
    char             *a;
    (void)state;
    make_tables();
    store("names.yaml", config, sizeof config - 1);
    assert_int_equal(hoop("data import-csv a.csv --target kind --out ta"), 0);
    assert_int_equal(hoop("data import-csv b.csv --target kind --out tb"), 0);
    assert_int_equal(hoop("train names.yaml --out runs/names"), 0);
    assert_int_equal(hoop("eval runs/names --data ta/train --json"), 0);
    said("\"oak\"");
    a = strdup(last.out);
    assert_non_null(a);
    assert_int_equal(hoop("eval runs/names --data tb/train --json"), 0);
    expect_in(__FILE__, __LINE__, last.err, "columns of row are in another order than those trained on");
    assert_string_equal(a, last.out);
    free(a);
    assert_int_equal(hoop("predict runs/names --data tb/train --out trees.csv"), 0);
    assert_int_equal(shell("head -n 1 trees.csv"), 0);
    assert_true(strncmp(last.out, "class,p(", 8) == 0);
    (void)hoop("eval runs/names --data ta/train --set 'data.inputs.row={path: /x, normalize: none}'");
    failed(1, "data.inputs.row.normalize: none would make another model of what was trained with standard");
    (void)hoop("eval runs/names --data ta/train --set data.inputs.row.normalize=none"); /* the same of a short form */
    failed(1, "data.inputs.row.normalize: none would make another model of what was trained with standard");
    assert_int_equal(hoop("eval runs/names --data ta/train --set data.inputs.row.path=/x --json"), 0);
    assert_int_equal(hoop("train names.yaml --out runs/names --resume auto --set 'data.inputs={row: {path: /x}}'"), 0);
    (void)hoop("eval runs/names --data ta/train --set 'data.inputs={rows: /x}'");
    failed(1, "data.inputs: rows would make another model of what was trained with row");
    (void)hoop("eval runs/names --data ta/train --set data.targets.tree.loss=mse");
    failed(1, "data.targets.tree");
}

/* A config with one line changed (by sed), and what is said of it. */
static void refused(const char *config, const char *sed, const char *a, const char *b)
{
    (void)shell("sed -e '%s' %s.yaml >bad.yaml && ! cmp -s bad.yaml %s.yaml", sed, config, config);
    assert_int_equal(last.code, 0);
    (void)hoop("train bad.yaml --out runs/bad");
    failed(1, a, b);
}

static void mistakes_are_told_with_their_place(void **state)
{
    (void)state;
    refused("fields", "s/sample_axis/sample_axs/", "bad.yaml:12: data.inputs.v.sample_axs", "did you mean sample_axis?");
    refused("fields", "s/weight: 0.5/horizon: 2/", "bad.yaml:13: data.targets.p.horizon", "no input has one");
    refused("fields", "s/sample_axis: 1/loss: mse/", "data.inputs.v.loss", "is a key of targets");
    refused("fields", "s/loss: mse/loss: mze/", "bad.yaml:13: data.targets.p.loss", "mse");
    refused("fields", "s/weight: 0.5/weight: -1/", "data.targets.p.weight", "out of range");
    refused("fields", "s/q: {path/u: {path/", "bad.yaml:13: data.targets.u", "name of an input");
    refused("fields", "s/{u: /{1u: /", "data.inputs.1u", "a letter first");
    refused("fields", "s,  train: fields.h5,  x: /u\\n  train: fields.h5,", "data.x", "data.inputs");
    refused("fields", "/targets: /d", "data.targets", "by name");
    refused("fields", "s/inputs: {u.*/inputs: {}/", "data.inputs", "as in {u: /fields/u}");
    refused("fields", "s,path: /f/v,pat: /f/v,", "data.inputs.v.pat", "did you mean path?");
    refused("fields", "s,path: /f/v, length: 4,", "data.inputs.v", "path must be given");
    refused("fields", "s,/f/u,/f/uu,", "fields.h5", "/f/uu");
    refused("fields", "s,sample_axis: 1,sample_axis: 2,", "fields.h5", "/f/v");
    refused("fields", "s,path: /f/q,path: /f/p,", "data.targets.q.loss", "cross_entropy wants integer labels");
    refused("fields", "s,path: /f/p,path: /f/p\\, classes: 3,", "data.targets.p.classes", "is for classes");
    refused("series", "s/window: 6/window: 600/", "series.h5", "a sample of next reaches over 602");
    refused("series", "s/horizon: 2/horizon: 2, stride: 3/", "data.targets.next.stride", "all fields have one");
    refused("ragged", "s,offsets: /at}}$,offsets: /at\\, length: 3}},", "ragged.h5", "length");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_and_targets_by_name),
        cmocka_unit_test(windows_of_a_series),
        cmocka_unit_test(rows_of_variable_length),
        cmocka_unit_test(labels_of_windows_are_looked_at),
        cmocka_unit_test(columns_and_classes_are_matched_by_field),
        cmocka_unit_test(mistakes_are_told_with_their_place),
    };
    return cmocka_run_group_tests_name("command fields", tests, enter, test_leave);
}
