/* What the numbers of a table stand for, from training to evaluation and prediction: columns, words and classes by name, widths.
 */
#include "support.h"

#include <hdf5.h>

#include "hoop/checkpoint.h"

static const char config[] = "seed: 2\nmodel: {hidden: [8]}\ndata: {train: train.h5}\nbatch: 10\nsteps: 120\n"
                             "optimizer: {name: adam, lr: 0.03}\n";

static void strings(hid_t on, const char *name, const char *list)
{
    char        block[16][24] = {{0}};
    hsize_t     n             = 0;
    const hid_t type          = H5Tcopy(H5T_C_S1);
    hid_t       space, attr;
    for (const char *at = list; *at != '\0'; n++) {
        const size_t bytes = strcspn(at, ",");
        (void)snprintf(block[n], sizeof block[n], "%.*s", (int)bytes, at);
        at += bytes + (at[bytes] == ',');
    }
    space = H5Screate_simple(1, &n, NULL);
    assert_true(H5Tset_size(type, sizeof block[0]) >= 0);
    attr = H5Acreate2(on, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(attr >= 0 && H5Awrite(attr, type, block) >= 0);
    (void)H5Aclose(attr);
    (void)H5Sclose(space);
    (void)H5Tclose(type);
}

/* The value of a column in a row: `a` decides the class, sex=* are 0 and 1. */
static float value(const char *column, int row)
{
    if (strcmp(column, "a") == 0) return (float)(row * 7 % 10) / 10;
    if (strcmp(column, "sex=male") == 0) return row % 2 == 0 ? 1 : 0;
    if (strcmp(column, "sex=female") == 0) return row % 3 == 1 ? 1 : 0;
    return (float)(row * (3 + column[0]) % 20) / 2;
}

/* A set of hoop's own kind, of 60 rows: columns "a,b", one-hot groups "" or "sex", classes "low,high" in their order. */
static void table(const char *path, const char *columns, const char *one_hot, const char *classes)
{
    char        names[16][24] = {{0}};
    float       x[60 * 16];
    int64_t     y[60];
    hsize_t     dims[2] = {60, 0};
    const int   high    = strncmp(classes, "high", 4) == 0 ? 0 : 1;
    const hid_t file    = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t       plane, line, dset;
    for (const char *at = columns; *at != '\0'; dims[1]++) {
        const size_t n = strcspn(at, ",");
        (void)snprintf(names[dims[1]], sizeof names[0], "%.*s", (int)n, at);
        at += n + (at[n] == ',');
    }
    for (int i = 0; i < 60; i++) {
        for (hsize_t j = 0; j < dims[1]; j++) x[(hsize_t)i * dims[1] + j] = value(names[j], i);
        y[i] = value("a", i) > 0.45 ? high : 1 - high;
    }
    plane = H5Screate_simple(2, dims, NULL);
    line  = H5Screate_simple(1, dims, NULL);
    dset  = H5Dcreate2(file, "/x", H5T_NATIVE_FLOAT, plane, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(dset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
    strings(dset, "columns", columns);
    if (one_hot[0] != '\0') strings(dset, "one_hot", one_hot);
    (void)H5Dclose(dset);
    if (classes[0] != '\0') {
        dset = H5Dcreate2(file, "/y", H5T_NATIVE_INT64, line, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        assert_true(H5Dwrite(dset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, y) >= 0);
        strings(dset, "class_names", classes);
        (void)H5Dclose(dset);
    }
    strings(file, "hoop_format", "dataset shard 1");
    (void)H5Sclose(plane);
    (void)H5Sclose(line);
    assert_true(H5Fclose(file) >= 0);
}

static double loss(void)
{
    json_t *o = as_json();
    double  l = json_number_value(json_object_get(o, "loss"));
    json_decref(o);
    return l;
}

static int train_models(void **state)
{
    if (test_enter(state) != 0) return 1;
    store("config.yaml", config, sizeof config - 1);
    table("train.h5", "a,b,c", "", "low,high");
    table("moved.h5", "c,a,b", "", "high,low");
    table("other.h5", "a,b,d", "", "low,high");
    table("fewer.h5", "a,b", "", "low,high");
    table("more.h5", "a,b,c,d", "", "low,high");
    table("bare.h5", "b,c,a", "", "");
    table("eels.h5", "a,b,c", "", "low,eel");
    table("words.h5", "a,sex=female,sex=male", "sex", "low,high");
    table("men.h5", "sex=male,a", "sex", "low,high");
    table("robots.h5", "a,sex=female,sex=male,sex=robot", "sex", "low,high");
    table("sexless.h5", "a", "", "low,high");
    return hoop("train config.yaml --out runs/abc") != 0 ||
           hoop("train config.yaml --set data.train=words.h5 --out runs/words") != 0;
}

/* another order is taken by name, of columns and of classes, and told in one line each */
static void columns_and_classes_are_matched_by_name(void **state)
{
    double right;
    (void)state;
    (void)hoop("eval runs/abc --data train.h5 --json");
    succeeded();
    right = loss();
    assert_true(right < 0.68);
    (void)hoop("eval runs/abc --data moved.h5 --json");
    assert_int_equal(last.code, 0);
    assert_true(loss() == right);
    expect_in(__FILE__, __LINE__, last.err, "moved.h5: columns of x are in another order than those trained on: taken by name\n");
    expect_in(__FILE__, __LINE__, last.err,
              "moved.h5: classes are numbered in another way than those trained on: taken by name\n");
    (void)hoop_ranks(2, "eval runs/abc --data moved.h5 --json");
    assert_int_equal(last.code, 0);
    assert_true(loss() == right);
    assert_null(strstr(strstr(last.err, "columns of x") + 1, "columns of x"));
    (void)hoop("predict runs/abc --data train.h5 --out train-y.h5");
    succeeded();
    (void)hoop("predict runs/abc --data bare.h5 --out bare-y.h5"); /* no targets */
    assert_int_equal(last.code, 0);
    assert_int_equal(shell("h5dump -d /y -y -o a.txt train-y.h5 >/dev/null && h5dump -d /y -y -o b.txt bare-y.h5 >/dev/null && "
                           "cmp a.txt b.txt"),
                     0);
}

/* so is validation data */
static void validation_data_is_matched(void **state)
{
    char right[64];
    (void)state;
    (void)hoop("train config.yaml --set data.validation=train.h5 --out runs/one");
    assert_int_equal(last.code, 0);
    (void)snprintf(right, sizeof right, "%.40s", strstr(last.out, "validation loss"));
    (void)hoop("train config.yaml --set data.validation=moved.h5 --out runs/two");
    assert_int_equal(last.code, 0);
    said(right);
    expect_in(__FILE__, __LINE__, last.err, "moved.h5: columns of x are in another order");
    (void)hoop("train config.yaml --set data.validation=other.h5 --out runs/no");
    failed(1,
           "data.validation: other.h5: 3 inputs a row (a, b, d); data.train has 3 (a, b, c): c is missing, d is not among these");
    (void)hoop("train config.yaml --set data.validation=eels.h5 --out runs/no");
    failed(1, "data.validation: eels.h5: class 'eel' was not seen in training", "low, high", "--like");
    (void)hoop("train config.yaml --set data.train=words.h5 --set data.validation=robots.h5 --out runs/no");
    failed(1, "robots.h5: 'sex=robot'", "data.unknown: zero");
    (void)hoop(
        "train config.yaml --set data.train=words.h5 --set data.validation=robots.h5 --set data.unknown=zero --out runs/three");
    assert_int_equal(last.code, 0);
}

static void other_columns_are_named(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        static const char *const commands[] = {"eval runs/abc", "predict runs/abc --out no.h5"};
        (void)hoop("%s --data other.h5", commands[i]);
        failed(1, "other.h5: 3 inputs a row (a, b, d); the run was trained on 3 (a, b, c): c is missing, d is not among these");
        (void)hoop("%s --data fewer.h5", commands[i]);
        failed(1, "fewer.h5: 2 inputs a row (a, b); the run was trained on 3 (a, b, c): c is missing");
        (void)hoop("%s --data more.h5", commands[i]);
        failed(1, "more.h5: 4 inputs a row (a, b, c, d); the run was trained on 3 (a, b, c): d is not among these");
    }
    (void)hoop("eval runs/abc --data eels.h5");
    failed(1, "eels.h5: class 'eel' was not seen in training: runs/abc has low, high", "--like");
    (void)hoop("predict runs/abc --data eels.h5 --out eels-y.h5"); /* looks at no targets */
    succeeded();
    (void)hoop("data synth digits --samples 20 --shards 1 --out digits");
    (void)hoop("predict runs/abc --data digits/train --out no.h5"); /* no names: numbers */
    failed(1, "digits/train-00000-of-00001.h5: 784 inputs a row; the run was trained on 3 (a, b, c)");
    assert_false(exists("no.h5"));
}

/* of words: one that is missing is zeros, one that is new is an error, or none of them */
static void words_are_matched(void **state)
{
    double right;
    (void)state;
    (void)hoop("eval runs/words --data words.h5 --json");
    right = loss();
    (void)hoop("eval runs/words --data men.h5 --json");
    assert_int_equal(last.code, 0);
    expect_in(__FILE__, __LINE__, last.err, "men.h5: has no sex=female: zeros are taken");
    (void)hoop("eval runs/words --data robots.h5 --json");
    failed(1, "robots.h5: 'sex=robot'", "not seen in training", "--unknown zero");
    (void)hoop("eval runs/words --data robots.h5 --unknown zero --json");
    assert_int_equal(last.code, 0);
    expect_in(__FILE__, __LINE__, last.err, "sex=robot was not seen in training: taken as none");
    assert_true(loss() == right);
    (void)hoop("predict runs/words --data robots.h5 --unknown zero --out robots-y.h5");
    assert_int_equal(last.code, 0);
    (void)hoop("predict runs/words --data robots.h5 --unknown nought --out no.h5");
    failed(2, "refuse or zero", "nought");
    (void)hoop("eval runs/words --data sexless.h5");
    failed(
        1,
        "sexless.h5: 1 input a row (a); the run was trained on 3 (a, sex=female, sex=male): sex=female and 1 more are missing");
}

/* names decide no bits and stand in no fingerprint, so a resumed run looks at them */
static void a_resumed_run_wants_its_names(void **state)
{
    (void)state;
    assert_int_equal(shell("mkdir renamed"), 0);
    table("renamed/train.h5", "a,b,c", "", "low,high");
    (void)hoop("train config.yaml --set data.train=renamed/train.h5 --out runs/renamed");
    assert_int_equal(last.code, 0);
    {
        const hid_t file = H5Fopen("renamed/train.h5", H5F_ACC_RDWR, H5P_DEFAULT), x = H5Dopen2(file, "/x", H5P_DEFAULT);
        assert_true(H5Adelete(x, "columns") >= 0);
        strings(x, "columns", "a,c,b");
        (void)H5Dclose(x);
        (void)H5Fclose(file);
    }
    (void)hoop("train config.yaml --set data.train=renamed/train.h5 --set steps=130 --out runs/renamed --resume auto");
    assert_int_equal(last.code, 1);
    expect_in(__FILE__, __LINE__, last.err,
              "renamed/train.h5: column 1 of x is 'c', but 'b' in runs/renamed/checkpoints/step-00000120");
}

/* The newest checkpoint of runs/abc, of a model all zeros, as one that was written before notes were. */
static void without_notes(const char *run)
{
    static const float       zeros[64];
    static const char *const names[] = {"layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias"};
    hoop_checkpoint_entry    entry[4];
    hoop_checkpoint_receipt  receipt;
    hoop_checkpoint_meta     meta;
    hoop_checkpoint         *c   = NULL;
    hoop_error               err = {.status = HOOP_OK};
    char                     tmp[HOOP_CHECKPOINT_PATH];
    assert_int_equal(hoop_checkpoint_open("runs/abc", &err, &c), HOOP_OK);
    meta        = *hoop_checkpoint_about(c);
    meta.notes  = NULL;
    meta.nnotes = 0;
    for (int i = 0; i < 4; i++) {
        const hoop_checkpoint_tensor *t = hoop_checkpoint_find(c, HOOP_CKPT_PARAMETER, NULL, names[i]);
        entry[i] =
            (hoop_checkpoint_entry){.name = names[i], .dtype = t->dtype, .ndim = t->ndim, .order = i, .count = 1, .data = zeros};
        for (int d = 0; d < t->ndim; d++) {
            entry[i].shape[d] = t->shape[d];
            entry[i].count *= t->shape[d];
        }
        assert_in_range(entry[i].count, 1, 64);
    }
    assert_int_equal(hoop_checkpoint_tmp(run, meta.step, "1", &err, tmp), HOOP_OK);
    assert_int_equal(hoop_checkpoint_begin(tmp, &err), HOOP_OK);
    assert_int_equal(hoop_checkpoint_write_shard(tmp, 0, 1, entry, 4, &err, &receipt), HOOP_OK);
    assert_int_equal(hoop_checkpoint_publish(run, NULL, tmp, &meta, &receipt, 1, 0, false, &err, NULL), HOOP_OK);
    hoop_checkpoint_close(&c);
}

/* where the order of columns cannot be compared, this is said */
static void an_older_checkpoint_has_no_names(void **state)
{
    static const char line[] =
        "runs/older was written before names of columns were kept: those of train.h5 are taken in their order\n";
    (void)state;
    without_notes("runs/older");
    (void)hoop("eval runs/older --data train.h5");
    assert_int_equal(last.code, 0);
    expect_in(__FILE__, __LINE__, last.err, line);
    assert_null(strstr(strstr(last.err, "written before") + 1, "written before"));
    (void)hoop("predict runs/older --data train.h5 --out older.csv");
    assert_int_equal(last.code, 0);
    expect_in(__FILE__, __LINE__, last.err, line);
    (void)hoop("eval runs/older --data fewer.h5");
    assert_int_equal(last.code, 1);
    expect_in(__FILE__, __LINE__, last.err, "fewer.h5: 2 inputs a row (a, b); the run was trained on 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_and_classes_are_matched_by_name),
        cmocka_unit_test(validation_data_is_matched),
        cmocka_unit_test(other_columns_are_named),
        cmocka_unit_test(words_are_matched),
        cmocka_unit_test(a_resumed_run_wants_its_names),
        cmocka_unit_test(an_older_checkpoint_has_no_names),
    };
    return cmocka_run_group_tests_name("command_meaning", tests, train_models, test_leave);
}
