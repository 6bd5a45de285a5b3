/* hoop eval and predict on models trained here, on one and several ranks. */
#include "support.h"

#include <math.h>
#include <unistd.h>

#include <hdf5.h>

#include "hoop/dataset.h"

static const char spirals[] =
    "seed: 3\nmodel: {kind: mlp, hidden: [32, 32], activation: tanh}\n"
    "data: {train: set/train, validation: set/validation, normalize: standard}\n"
    "batch: 40\nleaves: 6\nepochs: 12\noptimizer: {name: adamw, lr: 5e-3}\ncheckpoint: {every_steps: 30, keep: 3}\n";
static const char matrix[] = "data: {train: matrix/train, validation: matrix/train}\nbatch: 16\nsteps: 20\nloss: mse\n";
static const char column[] = "data: {train: column-1/train, validation: column-1/train}\nbatch: 16\nsteps: 20\n";
static const char layers[] = "model: {layers: [{linear: 8}, relu, {linear: 1}]}\n"
                             "data: {train: table/train}\nbatch: 10\nsteps: 30\nloss: mse\nprecision: f64\n";

/* a group's set-up: the folder, two sets, two runs */
static int train_models(void **state)
{
    FILE *f;
    if (test_enter(state) != 0) return 1;
    store("spirals.yaml", spirals, sizeof spirals - 1);
    store("layers.yaml", layers, sizeof layers - 1);
    f = fopen("table.csv", "w");
    if (f == NULL) return 1;
    for (int i = 0; i < 64; i++) (void)fprintf(f, "%d,%g,%g\n", i % 8, i / 8.0, 0.1 * (i % 8) - i / 16.0);
    if (fclose(f) != 0) return 1;
    if (hoop("data synth spirals --samples 600 --split 0.25 --out set") != 0) return 1;
    if (hoop("data import-csv table.csv --real --no-header --out table") != 0) return 1;
    if (hoop("train layers.yaml --out runs/layers") != 0) return print_error("%s", last.err), 1;
    if (hoop("train spirals.yaml --out runs/spirals") != 0) return print_error("%s", last.err), 1;
    return 0;
}

typedef struct score {
    double  loss, accuracy;
    int64_t samples;
} score;

static score evaluated(void)
{
    json_t *o = as_json();
    score   s = {json_number_value(json_object_get(o, "loss")), json_number_value(json_object_get(o, "accuracy")),
                 json_integer_value(json_object_get(o, "samples"))};
    json_decref(o);
    return s;
}

static void eval_gives_the_same_numbers_on_any_ranks(void **state)
{
    score one, more;
    (void)state;
    (void)hoop("eval runs/spirals --json");
    succeeded();
    one = evaluated();
    assert_int_equal(one.samples, 150);
    assert_true(one.accuracy > 0.5 && one.accuracy <= 1 && isfinite(one.loss));
    for (int p = 2; p <= 3; p++) {
        (void)hoop_ranks(p, "eval runs/spirals --json --set threads=1");
        succeeded();
        more = evaluated();
        assert_memory_equal(&one.loss, &more.loss, sizeof one.loss);
        assert_memory_equal(&one.accuracy, &more.accuracy, sizeof one.accuracy);
    }
    (void)hoop("eval runs/spirals --data set/train");
    succeeded();
    said("samples    450");
    said("accuracy");
}

/* what training said of its last epoch is what eval finds */
static void eval_agrees_with_training(void **state)
{
    char line[64];
    (void)state;
    (void)hoop("eval runs/spirals --json");
    (void)snprintf(line, sizeof line, "validation loss %.6g", evaluated().loss);
    (void)hoop("train spirals.yaml --out runs/again");
    assert_int_equal(last.code, 0);
    said(line);
}

static void *read_rows(const char *path, const char *name, hoop_dtype dtype, int64_t rows, int64_t width)
{
    hoop_error               err = {.status = HOOP_OK};
    hoop_dataset            *ds  = NULL;
    const hoop_dataset_info *info;
    int64_t                  index[1000];
    void                    *out = calloc((size_t)(rows * width), 8);
    assert_int_equal(hoop_dataset_open(path, &(hoop_dataset_opts){.x = name, .use_y = HOOP_Y_NONE}, &err, &ds), HOOP_OK);
    info = hoop_dataset_about(ds);
    assert_int_equal(info->length, rows);
    assert_int_equal(info->field[HOOP_FIELD_X].numel, width);
    for (int64_t i = 0; i < rows; i++) index[i] = i;
    assert_int_equal(hoop_dataset_read(ds, index, rows, HOOP_FIELD_X, dtype, out, &err), HOOP_OK);
    hoop_dataset_close(&ds);
    return out;
}

static void predictions_count_up_to_the_accuracy(void **state)
{
    float   *y;
    int64_t *label;
    int      right = 0;
    score    s;
    (void)state;
    (void)hoop("eval runs/spirals --json");
    s = evaluated();
    (void)hoop("predict runs/spirals --data set/validation --out one.h5");
    succeeded();
    said("one.h5: /y [150, 2] f32");
    y     = read_rows("one.h5", "/y", HOOP_F32, 150, 2);
    label = read_rows("set/validation", "/y", HOOP_I64, 150, 1);
    for (int i = 0; i < 150; i++) right += (y[2 * i + 1] > y[2 * i]) == (label[i] == 1);
    assert_true(fabs(right / 150.0 - s.accuracy) <= 1e-12);
    for (int p = 2; p <= 4; p++) {
        float *same;
        (void)hoop_ranks(p, "predict runs/spirals --data set/validation --out more.h5 --force --set threads=1");
        succeeded();
        same = read_rows("more.h5", "/y", HOOP_F32, 150, 2);
        assert_memory_equal(y, same, 300 * sizeof *y);
        free(same);
    }
    assert_int_equal(shell("ls -A | grep tmp-"), 1);
    free(y);
    free(label);
}

static void data_needs_no_targets(void **state)
{
    double *y, *x;
    double  best = 0;
    (void)state;
    (void)hoop("predict runs/layers --data table/train --out table-y.h5");
    succeeded();
    said("[64, 1] f64");
    y = read_rows("table-y.h5", "/y", HOOP_F64, 64, 1);
    for (int i = 0; i < 64; i++) best = fabs(y[i]) > best ? fabs(y[i]) : best;
    assert_true(best > 0 && isfinite(best));
    /* the same rows without /y, under another name */
    x = read_rows("table/train", "/x", HOOP_F64, 64, 2);
    (void)hoop("predict runs/layers --data table-y.h5 --set data.x=/y --out never.h5");
    assert_int_equal(last.code, 1); /* rows of one element for a model of two */
    assert_false(exists("never.h5"));
    if (shell("command -v h5copy") == 0) {
        double *again;
        for (int i = 0; i < 4; i++) {
            assert_int_equal(shell("h5copy -i table/train-0000%d-of-00004.h5 -o bare-%d.h5 -s /x -d /inputs", i, i), 0);
        }
        (void)hoop("predict runs/layers --data 'bare-*.h5' --set data.x=/inputs --out bare-y.h5");
        succeeded();
        again = read_rows("bare-y.h5", "/y", HOOP_F64, 64, 1);
        assert_memory_equal(y, again, 64 * sizeof *y);
        free(again);
    }
    free(x);
    free(y);
}

static void mse_has_a_loss_and_no_accuracy(void **state)
{
    json_t *o;
    (void)state;
    (void)hoop("eval runs/layers --data table/train --json");
    succeeded();
    o = as_json();
    assert_true(json_is_real(json_object_get(o, "loss")));
    assert_null(json_object_get(o, "accuracy"));
    json_decref(o);
    (void)hoop("eval runs/layers");
    failed(1, "no validation data", "--data");
}

/* Two targets of two inputs, and a residual branch: each is told and written by its name, on any ranks. */
static void several_targets_are_told_by_name(void **state)
{
    static const char two[] =
        "batch: 50\nepochs: 3\nthreads: 1\nmodel:\n  layers:\n"
        "    - parallel: {branches: {a: [{linear: 8}], b: [{linear: 8}]}, join: concat, inputs: each}\n"
        "    - residual: [tanh, {linear: 16}]\n"
        "    - parallel: {branches: {number: [{linear: 1}], arm: [{linear: 2}]}}\n"
        "data: {train: set/train, validation: set/validation, inputs: {a: /x, b: /x},\n"
        "       targets: {arm: {path: /y, loss: cross_entropy}, number: {path: /y, loss: mse, weight: 0.5}}}\n";
    json_t *o, *all, *arm;
    char    hash[80];
    (void)state;
    store("two.yaml", two, sizeof two - 1);
    (void)hoop("train two.yaml --out runs/two");
    said("  arm 0.");
    (void)snprintf(hash, sizeof hash, "%.77s", strstr(last.out, "hash "));
    for (int p = 2; p <= 3; p++) {
        (void)hoop_ranks(p, "train two.yaml --out runs/two%d", p);
        said(hash);
    }
    (void)hoop("eval runs/two");
    succeeded();
    said("\narm\nloss ");
    said("\nnumber\nloss ");
    (void)hoop("eval runs/two --json");
    succeeded();
    o   = as_json();
    all = json_object_get(o, "by_target");
    arm = json_object_get(all, "arm");
    assert_null(json_object_get(o, "accuracy"));
    assert_int_equal(json_object_size(all), 2);
    assert_true(json_is_real(json_object_get(arm, "accuracy")) && json_array_size(json_object_get(arm, "classes")) == 2);
    assert_true(json_number_value(json_object_get(arm, "loss")) > 0);
    assert_int_equal(json_array_size(json_object_get(json_object_get(all, "number"), "targets")), 1);
    json_decref(o);
    (void)hoop("predict runs/two --data set/validation --out two.h5");
    said("/arm [150, 2] f32");
    said("/number [150");
    (void)hoop("predict runs/two --data set/validation --out two.csv");
    succeeded();
}

/* float rows of a NumPy file, 40 of `width` elements, of the shape that the header tells */
static void npy_rows(const char *path, const char *shape, int width)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fprintf(f, "\x93NUMPY%c%c%c%c", 1, 0, 118, 0);
    char header[120];
    (void)snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", shape);
    (void)fprintf(f, "%-117s\n", header);
    for (int i = 0; i < 40 * width; i++) {
        float v = (float)sin(0.37 * i);
        assert_int_equal(fwrite(&v, sizeof v, 1, f), 1);
    }
    assert_int_equal(fclose(f), 0);
}

/* Targets of any shape: the model's row of outputs takes theirs, and predictions have it. */
static void targets_of_two_dims(void **state)
{
    static const char *const models[] = {"", "--set 'model={layers: [{linear: 8}, tanh, {linear: 6}]}'"};
    json_t                  *o;
    double                   loss[3];
    (void)state;
    npy_rows("x.npy", "40, 3", 3);
    npy_rows("y.npy", "40, 2, 3", 6);
    npy_rows("flat.npy", "40, 6", 6);
    (void)hoop("data import-npy x.npy y.npy --out matrix");
    succeeded();
    (void)hoop("data import-npy x.npy flat.npy --out flat");
    succeeded();
    store("matrix.yaml", matrix, sizeof matrix - 1);
    for (int i = 0; i < 2; i++) {
        (void)hoop("train matrix.yaml --out runs/matrix-%d %s", i, models[i]);
        assert_int_equal(last.code, 0);
        (void)hoop("train matrix.yaml --out runs/flat-%d --set 'data={train: flat/train}' %s", i, models[i]);
        assert_int_equal(last.code, 0);
        assert_int_equal(
            shell("test $($HOOP_COMMAND inspect --hash runs/matrix-%d) = $($HOOP_COMMAND inspect --hash runs/flat-%d)", i, i), 0);
        (void)hoop("train runs/matrix-%d/config.yaml --out runs/copy-%d", i, i); /* the resolved config is a config */
        assert_int_equal(last.code, 0);
        for (int p = 1; p <= 2; p++) {
            (void)hoop_ranks(p, "eval runs/matrix-%d --json --set threads=1", i);
            succeeded();
            o           = as_json();
            loss[p - 1] = json_number_value(json_object_get(o, "loss"));
            json_decref(o);
        }
        assert_true(loss[0] == loss[1] && loss[0] > 0 && isfinite(loss[0]));
        (void)hoop("eval runs/matrix-%d --json --data flat/train", i);
        succeeded();
        o = as_json();
        assert_true(json_number_value(json_object_get(o, "loss")) == loss[0]);
        json_decref(o);
        (void)hoop("predict runs/matrix-%d --data flat/train --out matrix-%d.h5", i, i);
        succeeded();
        said("/y [40, 2, 3] f32");
        free(read_rows(i == 0 ? "matrix-0.h5" : "matrix-1.h5", "/y", HOOP_F32, 40, 6));
    }
    (void)hoop("train matrix.yaml --out runs/no --set model.output_shape=[3,3]");
    failed(1, "model.output_shape", "6 outputs");
    (void)hoop("train matrix.yaml --out runs/no --set model.outputs=5");
    failed(1, "5 outputs", "6 values");
}

/* A column of labels (N, 1) is labels; more columns are not. */
static void labels_in_a_column(void **state)
{
    (void)state;
    assert_int_equal(
        shell("awk 'BEGIN { for (i = 0; i < 40; i++) printf \"%%c\", 48 + i %% 3 }' | tr 012 '\\000\\001\\002' >labels"), 0);
    for (int columns = 1; columns <= 2; columns++) {
        assert_int_equal(shell("{ printf '\\223NUMPY\\001\\000\\166\\000%%-117s\\n' \"{'descr': '|u1', 'fortran_order': False, "
                               "'shape': (%d, %d), }\"; cat labels; } >c.npy",
                               40 / columns, columns),
                         0);
        npy_rows("x.npy", columns == 1 ? "40, 3" : "20, 6", 3);
        (void)hoop("data import-npy x.npy c.npy --out column-%d", columns);
        succeeded();
    }
    store("column.yaml", column, sizeof column - 1);
    (void)hoop_ranks(2, "train column.yaml --out runs/column");
    assert_int_equal(last.code, 0);
    said("accuracy");
    (void)hoop("eval runs/column");
    succeeded();
    said("samples    40");
    (void)hoop("train column.yaml --out runs/column-2 --set data.train=column-2/train --set data.validation=null");
    failed(1, "outputs (N, 3)", "labels are (N, 2)");
    (void)hoop("eval runs/column --data column-2/train");
    assert_int_equal(last.code, 1);
}

/* x.npy (40, width, 4, 4), or with the width last, and c.npy (40, 4, 4), labels below `classes`; imported as `set` */
static void images(const char *set, int width, bool behind, int classes)
{
    char          shape[32];
    unsigned char label;
    FILE         *f = fopen("c.npy", "w");
    (void)snprintf(shape, sizeof shape, behind ? "40, 4, 4, %d" : "40, %d, 4, 4", width);
    npy_rows("x.npy", shape, 16 * width);
    assert_non_null(f);
    (void)fprintf(f, "\x93NUMPY%c%c%c%c%-117s\n", 1, 0, 118, 0,
                  "{'descr': '|u1', 'fortran_order': False, 'shape': (40, 4, 4), }");
    for (int i = 0; i < 40 * 16; i++) {
        label = (unsigned char)(i * 7 % 11 % classes);
        assert_int_equal(fwrite(&label, 1, 1, f), 1);
    }
    assert_int_equal(fclose(f), 0);
    (void)hoop("data import-npy x.npy c.npy --out %s", set);
    succeeded();
}

/* Predictions are (N, H, W, C) whatever the sizes: of as many outputs as there are classes or more, and where C = H = W. */
static void classes_of_images(void **state)
{
    static const char config[] = "batch: 8\nsteps: 40\nthreads: 1\noptimizer: {lr: 1e-2}\n";
    static const struct {
        int         width, classes, outputs;
        bool        last;
        const char *layer;
    } rows[] = {{1, 3, 3, false, "{conv: {out: 3, kernel: 3, padding: 1}}"},
                {1, 3, 5, false, "{conv: {out: 5, kernel: 3, padding: 1}}"},
                {3, 4, 4, true, "{linear: 4}"}};
    (void)state;
    store("images.yaml", config, sizeof config - 1);
    for (int r = 0; r < 3; r++) {
        const int outputs = rows[r].outputs;
        char      line[64];
        float    *y;
        int64_t  *label;
        int       right = 0;
        images("images", rows[r].width, rows[r].last, rows[r].classes);
        (void)hoop("train images.yaml --out runs/images-%d --set 'model={layers: [%s]}' --set data.train=images/train", r,
                   rows[r].layer);
        assert_int_equal(last.code, 0);
        (void)hoop("predict runs/images-%d --data images/train --out images-%d.h5", r, r);
        succeeded();
        (void)snprintf(line, sizeof line, "/y [40, 4, 4, %d] f32", outputs);
        said(line);
        (void)snprintf(line, sizeof line, "images-%d.h5", r);
        y     = read_rows(line, "/y", HOOP_F32, 40, 16 * outputs);
        label = read_rows("images/train", "/y", HOOP_I64, 40, 16);
        for (int i = 0; i < 40 * 16; i++) {
            int best = 0;
            for (int c = 1; c < outputs; c++) best = y[i * outputs + c] > y[i * outputs + best] ? c : best;
            right += best == label[i];
        }
        (void)hoop("eval runs/images-%d --data images/train --json", r);
        succeeded();
        assert_true(fabs(right / 640.0 - evaluated().accuracy) <= 1e-12);
        free(y);
        free(label);
        assert_int_equal(shell("rm -r images"), 0);
    }
}

static void wrong_data_and_settings_are_said(void **state)
{
    (void)state;
    (void)hoop("eval runs/spirals --data nowhere");
    failed(1, "nowhere");
    (void)hoop("eval runs/spirals --set optimiser.lr=1");
    failed(1, "--set", "optimizer");
    (void)hoop("eval runs/spirals --set batch=-1");
    failed(1, "batch");
    (void)hoop("eval runs/spirals --set model.hidden=[16]");
    failed(1, "--set model.hidden: [16] would make another model of what was trained with [32, 32]");
    (void)hoop("eval runs/spirals --set model.activation=relu");
    failed(1, "--set model.activation: relu", "trained with tanh");
    (void)hoop("predict runs/spirals --data set/train --out never.csv --set model.activation=relu");
    failed(1, "--set model.activation: relu", "trained with tanh");
    (void)hoop("eval runs/layers --data table/train --set 'model.layers=[{linear: 8}, tanh, {linear: 1}]'");
    failed(1, "--set model.layers: [{linear: 8}, tanh, {linear: 1}]", "{linear: 8}, relu");
    (void)hoop("eval runs/layers --data table/train --set loss=cross_entropy");
    failed(1, "--set loss: cross_entropy", "mse");
    (void)hoop("eval runs/spirals --set model.activation=tanh --set 'model.hidden=[32,32]' --set threads=1 --set batch=7");
    succeeded();
    (void)hoop("eval runs/spirals --data table/train");
    failed(1, "table/train-00000-of-00004.h5");
    (void)hoop("data synth digits --samples 20 --out digits");
    (void)hoop("eval runs/spirals --data digits/train");
    failed(1, "digits/train", "10 classes");
    (void)hoop("predict runs/spirals --data digits/train --out never.h5");
    failed(1, "digits/train");
    (void)hoop("eval runs/spirals --data set/train --set data.y=/x");
    failed(1, "/x");
    (void)hoop("eval runs");
    failed(1, "runs");
    assert_false(exists("never.h5"));
    (void)hoop_ranks(7, "eval runs/spirals");
    assert_int_equal(last.code, 1);
    expect_in(__FILE__, __LINE__, last.err, "7 ranks and 6 leaves");
}

/* Words are numbered set by set: what is class 0 in one table may be class 1 in the next. */
static void sets_that_mean_other_things_are_refused(void **state)
{
    static const char cats[] = "1,2,cat\n3,4,dog\n5,6,cat\n", eels[] = "1,2,eel\n3,4,dog\n5,6,cat\n",
                      one[]    = "1,2,dog\n3,4,dog\n";
    static const char config[] = "model: {kind: mlp, hidden: [4]}\ndata: {train: cats/train}\nbatch: 2\nsteps: 2\n";
    hid_t             file;
    (void)state;
    store("cats.csv", cats, sizeof cats - 1);
    store("eels.csv", eels, sizeof eels - 1);
    store("one.csv", one, sizeof one - 1);
    store("words.yaml", config, sizeof config - 1);
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"cats", "eels", "one"};
        assert_int_equal(hoop("data import-csv %s.csv --out %s", names[i], names[i]), 0);
    }
    (void)hoop("train words.yaml --out runs/never --set data.validation=eels/train");
    failed(1, "data.validation", "eels/train-00000-of-00003.h5: class 'eel' was not seen in training", "--like");
    (void)hoop("train words.yaml --out runs/words --set data.validation=cats/train");
    assert_int_equal(last.code, 0);
    (void)hoop("eval runs/words --data cats/train");
    succeeded();
    (void)hoop("eval runs/words --data one/train"); /* dogs alone, by name */
    assert_int_equal(last.code, 0);
    expect_in(__FILE__, __LINE__, last.err, "classes are numbered in another way");
    (void)hoop("predict runs/words --data one/train --out one-y.h5"); /* looks at no targets */
    succeeded();
    /* pixels 0 to 255 for a model of 0 to 1 */
    (void)hoop("data synth digits --samples 20 --shards 1 --out scaled");
    (void)hoop("train words.yaml --out runs/scaled --set data.train=scaled/train");
    assert_int_equal(last.code, 0);
    file = H5Fopen("scaled/train-00000-of-00001.h5", H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(file >= 0 && H5Adelete_by_name(file, "/x", "scale", H5P_DEFAULT) >= 0 && H5Fclose(file) >= 0);
    (void)hoop("predict runs/scaled --data scaled/train --out never.h5");
    failed(1, "scaled/train-00000-of-00001.h5: x is integers times 1, but integers times 0.00392156863 in runs/scaled");
}

/* an HDF5 file as other programs write them: x f64 (40, 2) around `mean`, y i64 0, 1, 2 in turn but `label` in row 7 */
static void plain_file(const char *name, double mean, int64_t label)
{
    const hsize_t shape[2] = {40, 2};
    const hid_t   file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), plane = H5Screate_simple(2, shape, NULL),
                row = H5Screate_simple(1, shape, NULL);
    const hid_t x   = H5Dcreate2(file, "/x", H5T_NATIVE_DOUBLE, plane, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                y   = H5Dcreate2(file, "/y", H5T_NATIVE_INT64, row, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    double  values[80];
    int64_t labels[40];
    for (int i = 0; i < 80; i++) values[i] = i % 2 == 0 ? mean + i / 2 % 3 : (double)(i / 2 % 3) - 1; /* both tell the label */
    for (int i = 0; i < 40; i++) labels[i] = i == 7 ? label : i % 3;
    assert_true(H5Dwrite(x, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0 &&
                H5Dwrite(y, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, labels) >= 0);
    (void)H5Dclose(x);
    (void)H5Dclose(y);
    (void)H5Sclose(row);
    (void)H5Sclose(plane);
    (void)H5Fclose(file);
}

/* a plain file whose labels are all to be ignored */
static void ignored_file(const char *name)
{
    int64_t labels[40];
    hid_t   file, y;
    plain_file(name, 0, 1);
    file = H5Fopen(name, H5F_ACC_RDWR, H5P_DEFAULT);
    y    = H5Dopen2(file, "/y", H5P_DEFAULT);
    for (int i = 0; i < 40; i++) labels[i] = -100;
    assert_true(H5Dwrite(y, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, labels) >= 0);
    (void)H5Dclose(y);
    (void)H5Fclose(file);
}

/* labels of plain files are looked at before the first step */
static void labels_out_of_range_are_told_at_once(void **state)
{
    static const char config[] = "model: {kind: mlp, hidden: [4]}\ndata: {train: good.h5}\nbatch: 8\nsteps: 2\n";
    (void)state;
    plain_file("good.h5", 0, 1);
    plain_file("five.h5", 0, 5);
    plain_file("minus.h5", 0, -1);
    plain_file("ignored.h5", 0, -100);
    store("plain.yaml", config, sizeof config - 1);
    (void)hoop("train plain.yaml --out runs/never --set data.validation=five.h5");
    failed(1, "plain.yaml: data.validation: five.h5: label 5 in row 7 of /y; data.train has 0 to 2");
    (void)hoop("train plain.yaml --out runs/never --set data.validation=minus.h5");
    failed(1, "minus.h5: label -1 in row 7 of /y; data.train has 0 to 2");
    (void)hoop("train plain.yaml --out runs/never --set data.train=minus.h5");
    failed(1, "plain.yaml: data.train: minus.h5: label -1 in row 7 of /y; they start at 0 (-100 is ignored)");
    ignored_file("all.h5");
    (void)hoop("train plain.yaml --out runs/never --set data.train=all.h5");
    failed(1, "data.train", "all.h5: every label of /y is -100, which is ignored");
    (void)hoop("train plain.yaml --out runs/plain --set data.train=ignored.h5 --set data.validation=ignored.h5");
    assert_int_equal(last.code, 0);
    (void)hoop("eval runs/plain --data five.h5");
    failed(1, "five.h5: ", "label 5");
    assert_null(strstr(last.err, ".c:")); /* whose line it was in our own sources is nobody's business */
}

/* f32 has 24 bits: a deviation of 1 around 1.7e9 is lost in it, so the mean is taken away in f64 */
static void large_means_are_taken_away(void **state)
{
    static const char config[] =
        "model: {kind: mlp, hidden: [8]}\ndata: {train: large.h5, validation: large.h5, normalize: standard}\n"
        "batch: 40\nsteps: 200\noptimizer: {name: adam, lr: 0.03}\n";
    const char *at;
    (void)state;
    plain_file("large.h5", 1.7e9, 1);
    store("large.yaml", config, sizeof config - 1);
    for (int i = 0; i < 2; i++) {
        static const char *const precisions[] = {"f32", "f64"};
        (void)hoop("train large.yaml --out runs/large-%s --set precision=%s", precisions[i], precisions[i]);
        assert_int_equal(last.code, 0);
        assert_null(strstr(last.err, "data.normalize"));
        (void)hoop("inspect runs/large-%s --json", precisions[i]);
        at = strstr(last.out, "\"normalize.mean\"");
        assert_non_null(at);
        assert_non_null(strstr(at, "\"f64\""));
        (void)hoop("eval runs/large-%s --json", precisions[i]);
        assert_true(evaluated().accuracy > 0.95); /* row 7 has another's label, perhaps */
    }
}

/* epochs are short, and a validation loss stays what it is */
static void a_validation_loss_beyond_numbers_is_told_once(void **state)
{
    static const char far[] = "model: {hidden: [2]}\ndata: {train: near/train, validation: far/train, normalize_targets: none}\n"
                              "batch: 4\nepochs: 6\nloss: mse\n";
    (void)state;
    store("far.yaml", far, sizeof far - 1);
    assert_int_equal(shell("seq 8 | awk '{ print $1 \",0.\" $1 }' >near.csv && printf '1,1e30\\n2,2e30\\n' >far.csv"), 0);
    (void)hoop("data import-csv near.csv --no-header --real --out near");
    succeeded();
    (void)hoop("data import-csv far.csv --no-header --real --out far");
    succeeded();
    (void)hoop("train far.yaml --out runs/far");
    assert_int_equal(last.code, 0);
    (void)shell("grep -c 'validation loss of step 2 is not finite' runs/far/log.txt; grep -c 'not finite' runs/far/log.txt");
    said("1\n1\n");
}

/* 2 MB in chunks of 0.5 MB, a cache of 1 MB, steps of 1 kB */
static void chunks_that_do_not_fit_are_told(void **state)
{
    static const char config[] = "model: {kind: mlp, hidden: [4]}\ndata: {train: wide.h5}\nbatch: 2\nsteps: 3\nloss: mse\n";
    const hsize_t     shape[2] = {4096, 128}, chunk[2] = {1024, 128};
    const hid_t       file = H5Fcreate("wide.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), dcpl = H5Pcreate(H5P_DATASET_CREATE);
    float            *data = calloc(4096, 128 * sizeof *data);
    char              hash[128];
    (void)state;
    (void)H5Pset_chunk(dcpl, 2, chunk);
    for (int k = 0; k < 2; k++) {
        const hid_t space = H5Screate_simple(2 - k, shape, NULL),
                    dset  = H5Dcreate2(file, k == 0 ? "/x" : "/y", H5T_NATIVE_FLOAT, space, H5P_DEFAULT,
                                      k == 0 ? dcpl : H5P_DEFAULT, H5P_DEFAULT);
        assert_true(H5Dwrite(dset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
        (void)H5Dclose(dset);
        (void)H5Sclose(space);
    }
    (void)H5Pclose(dcpl);
    (void)H5Fclose(file);
    free(data);
    store("wide.yaml", config, sizeof config - 1);
    (void)hoop("train wide.yaml --out runs/wide");
    assert_int_equal(last.code, 0);
    assert_null(strstr(last.err, "cache"));
    (void)hoop("train wide.yaml --out runs/narrow --set data.cache_mb=1");
    assert_int_equal(last.code, 0);
    expect_in(__FILE__, __LINE__, last.err, "up to 1 MB each");
    expect_in(__FILE__, __LINE__, last.err, "the cache of 1 MB holds part of 2 MB; data.cache_mb: 2");
    (void)hoop("inspect runs/wide --hash");
    (void)snprintf(hash, sizeof hash, "%s", last.out);
    (void)hoop("inspect runs/narrow --hash");
    assert_string_equal(last.out, hash);
}

static void a_file_is_replaced_only_by_force(void **state)
{
    int64_t n;
    char   *data;
    (void)state;
    store("there.h5", "mine", 4);
    (void)hoop("predict runs/spirals --data set/train --out there.h5");
    failed(1, "there.h5", "already", "--force");
    data = load("there.h5", &n);
    assert_string_equal(data, "mine");
    free(data);
    (void)hoop("predict runs/spirals --data set/train --out there.h5 --force");
    succeeded();
    (void)hoop("predict runs/spirals --data set/train --out no/such/folder.h5");
    failed(1, "no/such");
    (void)hoop("predict runs/spirals --data set/train --out /proc/y.h5");
    failed(1, "/proc/y.h5");
}

/* devices, FIFOs, folders, and what is being read: neither replaced nor begun */
static void other_things_are_not_replaced(void **state)
{
    static const char *const kept[]   = {"fifo", "device", "folder"};
    static const char *const inputs[] = {"set/train-00001-of-00004.h5", "hard", "soft", "good/manifest.json"};
    (void)state;
    assert_int_equal(shell("mkfifo fifo && ln -s /dev/null device && mkdir folder"), 0);
    assert_int_equal(shell("ln set/train-00000-of-00004.h5 hard && ln -s set/train-00002-of-00004.h5 soft"), 0);
    assert_int_equal(shell("cp -rL runs/spirals/latest good"), 0);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        (void)hoop("predict runs/spirals --data set/train --out %s --force", kept[i]);
        failed(1, kept[i], "no regular file");
    }
    assert_int_equal(shell("test -p fifo && test -c device && test -L device && test -d folder"), 0);
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        (void)hoop("predict good --data set/train --out %s --force", inputs[i]);
        failed(1, inputs[i], "is read for the predictions");
    }
    (void)hoop("data verify set");
    succeeded();
    (void)hoop("verify good");
    succeeded();
    (void)shell("ls -A | grep -c tmp-");
    said("0");
}

/* the newest checkpoint is damaged: the one before it serves, and that is said; last, as it damages the run */
static void the_newest_good_one_is_used(void **state)
{
    char    newest[128] = "";
    json_t *o;
    int64_t n;
    char   *data;
    (void)state;
    (void)hoop("inspect runs/spirals --json");
    o = as_json();
    (void)snprintf(newest, sizeof newest, "%s/shard-00000-of-00001.h5", json_string_value(json_object_get(o, "checkpoint")));
    json_decref(o);
    data = load(newest, &n);
    flip(newest, n / 2, 1);
    (void)hoop("eval runs/spirals");
    assert_int_equal(last.code, 0);
    expect_in(__FILE__, __LINE__, last.err, "warning");
    said("step-00000120, step 120");
    store(newest, data, n / 2);
    (void)hoop("eval runs/spirals");
    assert_int_equal(last.code, 0);
    said("step-00000120, step 120");
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eval_gives_the_same_numbers_on_any_ranks),
        cmocka_unit_test(eval_agrees_with_training),
        cmocka_unit_test(predictions_count_up_to_the_accuracy),
        cmocka_unit_test(data_needs_no_targets),
        cmocka_unit_test(mse_has_a_loss_and_no_accuracy),
        cmocka_unit_test(several_targets_are_told_by_name),
        cmocka_unit_test(targets_of_two_dims),
        cmocka_unit_test(labels_in_a_column),
        cmocka_unit_test(classes_of_images),
        cmocka_unit_test(wrong_data_and_settings_are_said),
        cmocka_unit_test(labels_out_of_range_are_told_at_once),
        cmocka_unit_test(large_means_are_taken_away),
        cmocka_unit_test(sets_that_mean_other_things_are_refused),
        cmocka_unit_test(chunks_that_do_not_fit_are_told),
        cmocka_unit_test(a_validation_loss_beyond_numbers_is_told_once),
        cmocka_unit_test(a_file_is_replaced_only_by_force),
        cmocka_unit_test(other_things_are_not_replaced),
        cmocka_unit_test(the_newest_good_one_is_used),
    };
    return cmocka_run_group_tests_name("command_trained", tests, train_models, test_leave);
}
