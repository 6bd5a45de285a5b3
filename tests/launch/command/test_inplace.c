/* HDF5 files that hoop did not write, through the command: train, eval, predict, data info and data verify say and do the same.
 */
#include "support.h"

#include <hdf5.h>

enum { N = 48 };

/* /x (N, 2) of small numbers, and /y as given */
static void make(const char *path, hid_t x_type, const double *x, hid_t y_type, int ndim, const hsize_t *y_dims, const double *y)
{
    const hsize_t x_dims[2] = {N, 2};
    const hid_t   file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), xs = H5Screate_simple(2, x_dims, NULL),
                ys = H5Screate_simple(ndim, y_dims, NULL);
    const hid_t a  = H5Dcreate2(file, "/x", x_type, xs, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                b  = H5Dcreate2(file, "/y", y_type, ys, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(a, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
    assert_true(H5Dwrite(b, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, y) >= 0);
    assert_true(H5Dclose(a) >= 0 && H5Dclose(b) >= 0 && H5Sclose(xs) >= 0 && H5Sclose(ys) >= 0 && H5Fclose(file) >= 0);
}

static void attr_add(const char *path, const char *dataset, const char *name, double value)
{
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), dset = H5Dopen2(file, dataset, H5P_DEFAULT),
                space = H5Screate(H5S_SCALAR), attr = H5Acreate2(dset, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(attr, H5T_NATIVE_DOUBLE, &value) >= 0 && H5Aclose(attr) >= 0 && H5Sclose(space) >= 0 &&
                H5Dclose(dset) >= 0 && H5Fclose(file) >= 0);
}

static double        x[N * 2], label[N], hot[N * 3];
static const hsize_t column[1] = {N}, rows[2] = {N, 3};

/* int.h5 (integers), hot.h5, hoti.h5 (one-hot, reals and integers), whole.h5 (reals), all of the same labels, and a.yaml */
static int enter(void **state)
{
    static const char config[] =
        "seed: 1\nmodel: {kind: mlp, hidden: [4]}\ndata: {train: int.h5}\nbatch: 12\nleaves: 4\nsteps: 8\n"
        "optimizer: {name: adamw, lr: 1e-2}\nthreads: 1\n";
    if (test_enter(state) != 0) return 1;
    for (int i = 0; i < N; i++) {
        label[i]           = i % 3;
        hot[3 * i + i % 3] = 1;
        x[2 * i]           = i % 3 + 0.25 * (i % 5);
        x[2 * i + 1]       = i % 7 - 3;
    }
    make("int.h5", H5T_IEEE_F32LE, x, H5T_STD_I32LE, 1, column, label);
    make("hot.h5", H5T_IEEE_F32LE, x, H5T_IEEE_F32LE, 2, rows, hot);
    make("hoti.h5", H5T_IEEE_F32LE, x, H5T_STD_I8LE, 2, rows, hot);
    make("whole.h5", H5T_IEEE_F32LE, x, H5T_IEEE_F64LE, 1, column, label);
    store("a.yaml", config, sizeof config - 1);
    return 0;
}

/* Train with some settings; the hash of the weights. */
static void train(const char *set, const char *out, char hash[65])
{
    const char *at;
    (void)shell("rm -rf %s", out);
    assert_int_equal(hoop("train a.yaml %s --out %s", set, out), 0);
    at = strstr(last.err, "hash       ");
    if (at == NULL) at = strstr(last.out, "hash       ");
    assert_non_null(at);
    (void)snprintf(hash, 65, "%.64s", at + strlen("hash       "));
}

static void labels_train_alike_however_stored(void **state)
{
    static const char *const sets[] = {
        "--set data.train=hot.h5 --set data.labels=one_hot", "--set data.train=hoti.h5 --set data.labels=one_hot",
        "--set data.train=whole.h5 --set data.labels=whole", "--set data.train=int.h5 --set data.labels=whole"};
    char want[65], is[65];
    (void)state;
    train("", "runs/int", want);
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        train(sets[i], "runs/other", is);
        assert_string_equal(want, is);
    }
    train("--set data.train=hot.h5 --set data.validation=hot.h5 --set data.labels=one_hot", "runs/hot", is);
    assert_string_equal(want, is);
    assert_int_equal(shell("grep -q 'labels: one_hot' runs/hot/config.yaml"), 0);
    (void)hoop("eval runs/hot --data hoti.h5"); /* the checkpoint knows how labels are stored */
    succeeded();
    said("(");
    (void)hoop("eval runs/hot --data int.h5");
    failed(1, "int.h5", "data.labels: one_hot wants rows of /y", "data.labels: auto");
    (void)hoop("eval runs/hot --data int.h5 --set data.labels=auto");
    succeeded();
    (void)hoop("predict runs/hot --data int.h5 --out p.h5 --force");
    assert_int_equal(last.code, 0);
}

static void labels_stored_otherwise_are_recognised(void **state)
{
    static const char one_hot[] = "one-hot): data.labels: one_hot takes them as classes 0 to 2",
                      whole[]   = "data.labels: whole takes them";
    (void)state;
    (void)hoop("train a.yaml --set data.train=hot.h5 --out runs/x");
    failed(1, "hot.h5", one_hot);
    (void)hoop("train a.yaml --set data.train=hoti.h5 --out runs/x");
    failed(1, one_hot);
    (void)hoop("train a.yaml --set data.train=whole.h5 --out runs/x");
    failed(1, "whole.h5", whole, "--classes");
    (void)hoop("train a.yaml --set data.validation=hot.h5 --out runs/x");
    failed(1, "data.validation", "3 targets");
    (void)hoop("train a.yaml --set data.validation=whole.h5 --out runs/x");
    failed(1, "data.validation", "whole.h5", whole);
    (void)hoop("eval runs/int --data whole.h5");
    failed(1, "whole.h5", whole);
    (void)hoop("eval runs/int --data hot.h5");
    failed(1, "hot.h5");
    hot[3 * 7 + 2] = 1;
    make("bad.h5", H5T_IEEE_F32LE, x, H5T_IEEE_F32LE, 2, rows, hot);
    hot[3 * 7 + 2] = 0;
    (void)hoop("train a.yaml --set data.train=bad.h5 --set data.labels=one_hot --out runs/x");
    failed(1, "data.train: bad.h5: row 7 of /y is not one 1 among zeros");
    (void)hoop("eval runs/hot --data bad.h5");
    failed(1, "bad.h5: row 7 of /y is not one 1 among zeros");
    (void)hoop("data verify bad.h5 --labels one_hot");
    failed(1, "bad.h5: row 7 of /y is not one 1 among zeros");
    (void)hoop("train a.yaml --set loss=mse --set data.labels=whole --out runs/x");
    failed(1, "data.labels", "loss is mse");
}

static void a_label_that_is_far_off_is_named(void **state)
{
    char hash[65];
    (void)state;
    label[11] = 2e9;
    make("huge.h5", H5T_IEEE_F32LE, x, H5T_STD_I64LE, 1, column, label);
    label[11] = 2;
    (void)hoop("train a.yaml --set data.train=huge.h5 --out runs/x");
    failed(1, "huge.h5: label 2000000000 in row 11 of /y", "data.classes: 2000000001");
    (void)hoop("train a.yaml --set data.train=huge.h5 --set data.classes=3 --out runs/x");
    failed(1, "huge.h5: label 2000000000 in row 11 of /y; data.classes says 0 to 2");
    (void)hoop("train a.yaml --set data.validation=huge.h5 --out runs/x");
    failed(1, "data.validation", "huge.h5: label 2000000000 in row 11 of /y; data.train has 0 to 2");
    (void)hoop("eval runs/int --data huge.h5");
    failed(1, "huge.h5: label 2000000000 in row 11 of /y; the model knows 0 to 2");
    (void)hoop("data verify huge.h5 --classes 3");
    failed(1, "huge.h5: row 11 of /y is class 2000000000; 0 to 2 are wanted");
    train("--set data.classes=5", "runs/five", hash);
    (void)hoop("predict runs/five --data int.h5 --out five.h5");
    assert_int_equal(last.code, 0);
    said("[48, 5]");
}

/* an enum of 3 names, y of which holds a code beyond them: told with its row before the first step */
static void codes_beyond_an_enum_are_named(void **state)
{
    static const char *const names[] = {"ant", "bee", "c\033at"};
    const hid_t              type    = H5Tenum_create(H5T_STD_I8LE);
    signed char              code[N];
    (void)state;
    for (signed char i = 0; i < 3; i++) assert_true(H5Tenum_insert(type, names[i], &i) >= 0);
    for (int bad = 0; bad < 2; bad++) {
        hid_t file, space, dset;
        make("enum.h5", H5T_IEEE_F32LE, x, H5T_STD_I8LE, 1, column, label);
        for (int i = 0; i < N; i++) code[i] = (signed char)(i % 3);
        if (bad) code[40] = 9;
        file  = H5Fopen("enum.h5", H5F_ACC_RDWR, H5P_DEFAULT);
        space = H5Screate_simple(1, column, NULL);
        assert_true(H5Ldelete(file, "/y", H5P_DEFAULT) >= 0);
        dset = H5Dcreate2(file, "/y", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        assert_true(H5Dwrite(dset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, code) >= 0);
        assert_true(H5Dclose(dset) >= 0 && H5Sclose(space) >= 0 && H5Fclose(file) >= 0);
        assert_int_equal(hoop("train a.yaml --set data.train=enum.h5 --out runs/enum%d", bad), bad);
        if (!bad) assert_int_equal(shell("cp enum.h5 good.h5"), 0);
    }
    failed(1, "data.train: enum.h5: label 9 in row 40 of /y; the names of its type are of 0 to 2");
    assert_false(exists("runs/enum1/checkpoints/step-00000008"));
    (void)hoop("train a.yaml --set data.train=good.h5 --set data.validation=enum.h5 --out runs/enum2");
    failed(1, "data.validation", "enum.h5: label 9 in row 40 of /y; the names of its type are of 0 to 2");
    (void)hoop("eval runs/enum0 --data enum.h5");
    failed(1, "enum.h5: label 9 in row 40 of /y; the model knows 0 to 2");
    (void)hoop("eval runs/enum0 --data good.h5");
    succeeded();
    (void)hoop("data info good.h5");
    succeeded();
    said("classes      3: ant, bee, c\\x1bat\n"); /* no byte of a file is an order to a terminal */
    (void)H5Tclose(type);
}

static void missing_values_stop_before_the_first_step(void **state)
{
    static const char says[] = "missing.h5: row 5 of /x, element 1, is missing: -99";
    (void)state;
    x[11] = -99;
    make("missing.h5", H5T_STD_I16LE, x, H5T_STD_I32LE, 1, column, label);
    x[11] = 2;
    attr_add("missing.h5", "/x", "_FillValue", -99);
    attr_add("missing.h5", "/x", "scale_factor", 0.5);
    (void)hoop("train a.yaml --set data.train=missing.h5 --out runs/missing");
    failed(1, "data.train", says, "data.attributes: none");
    assert_false(exists("runs/missing/checkpoints/step-00000008"));
    assert_int_equal(hoop_ranks(2, "train a.yaml --set data.train=missing.h5 --out runs/missing"), 1);
    expect_in(__FILE__, __LINE__, last.err, says);
    (void)hoop("train a.yaml --set data.validation=missing.h5 --out runs/missing");
    failed(1, "data.validation", says);
    (void)hoop("eval runs/int --data missing.h5");
    failed(1, says);
    (void)hoop("predict runs/int --data missing.h5 --out m.h5");
    failed(1, says);
    assert_false(exists("m.h5"));
    (void)hoop("data verify missing.h5");
    failed(1, says);
    (void)hoop("data info missing.h5");
    succeeded();
    said("scale_factor 0.5, checked as it is read");
    (void)hoop("data verify missing.h5 --attributes none");
    succeeded();
    said("x from -99 to");
    assert_int_equal(hoop("train a.yaml --set data.train=missing.h5 --set data.attributes=none --out runs/missing"), 0);
}

static void attributes_called_as_ours_are_noted(void **state)
{
    char plain[65], noted[65], applied[65];
    (void)state;
    make("scale.h5", H5T_IEEE_F32LE, x, H5T_STD_I32LE, 1, column, label);
    train("--set data.train=scale.h5", "runs/plain", plain);
    attr_add("scale.h5", "/x", "scale", 0.001);
    train("--set data.train=scale.h5", "runs/noted", noted);
    assert_string_equal(plain, noted);
    expect_in(__FILE__, __LINE__, last.err, "data.train: scale.h5: not written by hoop");
    train("--set data.train=scale.h5 --set data.attributes=all", "runs/applied", applied);
    assert_string_not_equal(plain, applied);
    assert_int_equal(hoop("eval runs/noted --data scale.h5"), 0);
    expect_in(__FILE__, __LINE__, last.err, "scale of /x is not applied");
    (void)hoop("eval runs/applied --data scale.h5");
    succeeded();
    /* to go on it is the data that has to be the same, not the key */
    assert_int_equal(
        hoop("train a.yaml --set data.train=scale.h5 --set data.attributes=all --set steps=9 --out runs/applied --resume auto"),
        0);
    assert_int_equal(hoop("train a.yaml --set data.train=scale.h5 --set steps=10 --out runs/applied --resume auto"), 1);
    expect_in(__FILE__, __LINE__, last.err, "scale of /x is not applied");
    expect_in(__FILE__, __LINE__, last.err, "was trained on other data");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_train_alike_however_stored),   cmocka_unit_test(labels_stored_otherwise_are_recognised),
        cmocka_unit_test(a_label_that_is_far_off_is_named),    cmocka_unit_test(missing_values_stop_before_the_first_step),
        cmocka_unit_test(attributes_called_as_ours_are_noted), cmocka_unit_test(codes_beyond_an_enum_are_named),
    };
    return cmocka_run_group_tests(tests, enter, test_leave);
}
