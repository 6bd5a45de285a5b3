/* Values that are not finite, in data read in place: a loss that comes of them names file and row. */
#include "support.h"

#include <math.h>

#include <hdf5.h>

static const char config[] = "model: {hidden: [4]}\ndata: {train: good.h5}\nbatch: 8\nleaves: 4\nepochs: 2\n";

static void column_names(hid_t on)
{
    static const char names[2][8] = {"left", "right"};
    const hsize_t     two         = 2;
    const hid_t       type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &two, NULL);
    hid_t             attr;
    assert_true(H5Tset_size(type, sizeof names[0]) >= 0);
    attr = H5Acreate2(on, "columns", type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(attr >= 0 && H5Awrite(attr, type, names) >= 0);
    (void)H5Aclose(attr);
    (void)H5Sclose(space);
    (void)H5Tclose(type);
}

/* 40 rows of 2 reals, and y: classes of f64, of which `labels: whole` makes such; one value of x, or of y, is another. */
static void file_with(const char *name, bool named, const char *field, int at, double value)
{
    const hsize_t shape[2] = {40, 2};
    const hid_t   file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), plane = H5Screate_simple(2, shape, NULL),
                row = H5Screate_simple(1, shape, NULL);
    const hid_t x   = H5Dcreate2(file, "/x", H5T_NATIVE_DOUBLE, plane, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                y   = H5Dcreate2(file, "/y", H5T_NATIVE_INT64, row, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                z   = H5Dcreate2(file, "/z", H5T_NATIVE_DOUBLE, row, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    double  inputs[80], reals[40];
    int64_t labels[40];
    for (int i = 0; i < 80; i++) inputs[i] = i % 7 - 3;
    for (int i = 0; i < 40; i++) {
        labels[i] = i % 2;
        reals[i]  = i % 5;
    }
    (strcmp(field, "x") == 0 ? inputs : reals)[at] = value;
    assert_true(H5Dwrite(x, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, inputs) >= 0 &&
                H5Dwrite(y, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, labels) >= 0 &&
                H5Dwrite(z, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, reals) >= 0);
    if (named) column_names(x);
    (void)H5Dclose(x);
    (void)H5Dclose(y);
    (void)H5Dclose(z);
    (void)H5Sclose(row);
    (void)H5Sclose(plane);
    (void)H5Fclose(file);
}

static int enter(void **state)
{
    if (test_enter(state) != 0) return 1;
    store("config.yaml", config, sizeof config - 1);
    file_with("good.h5", false, "x", 0, 0);
    file_with("nan.h5", false, "x", 2 * 33 + 1, NAN);
    file_with("named.h5", true, "x", 2 * 33 + 1, -INFINITY);
    file_with("large.h5", false, "x", 2 * 33, 1e300);
    file_with("target.h5", false, "z", 12, NAN);
    return hoop("train config.yaml --out runs/good") != 0 ||
           hoop("train config.yaml --out runs/real --set loss=mse --set data.y=/z") != 0;
}

/* its last line, below what a run says when it starts */
static void ended_with(const char *word)
{
    assert_int_equal(last.code, 1);
    expect_in(__FILE__, __LINE__, last.err, "is not finite");
    expect_in(__FILE__, __LINE__, last.err, word);
}

static void training_names_the_row(void **state)
{
    (void)state;
    (void)hoop("train config.yaml --out runs/bad --set data.train=nan.h5");
    ended_with("nan.h5: row 33 of /x is NaN in element 1");
    (void)hoop("train config.yaml --out runs/bad --set data.train=named.h5 --set data.attributes=all");
    ended_with("named.h5: row 33 of /x is -infinity in column 'right'");
    (void)hoop("train config.yaml --out runs/bad --set data.train=target.h5 --set loss=mse --set data.y=/z "
               "--set data.normalize_targets=none");
    ended_with("target.h5: row 12 of /z is NaN in element 0");
    (void)hoop("train config.yaml --out runs/bad --set 'data.train=\"[gl]*.h5\"' --set data.shuffle=false");
    expect_in(__FILE__, __LINE__, last.err, "step 9: ");
    ended_with("large.h5: row 33 of /x is 1e+300 in element 0, beyond f32");
}

/* the rank that has the row need not be the one that prints */
static void ranks_name_the_same_row(void **state)
{
    (void)state;
    for (int p = 2; p <= 4; p += 2) {
        (void)hoop_ranks(p, "train config.yaml --out runs/bad --set threads=1 --set data.train=nan.h5 --set data.shuffle=false");
        assert_int_equal(last.code, 1);
        expect_in(__FILE__, __LINE__, last.err, "step 4: ");
        expect_in(__FILE__, __LINE__, last.err, "nan.h5: row 33 of /x is NaN in element 1");
    }
}

/* without such a row there is nothing to name */
static void a_large_rate_is_another_matter(void **state)
{
    (void)state;
    (void)hoop("train config.yaml --out runs/fast --set optimizer.name=sgd --set optimizer.lr=1e6 --set steps=20 --set loss=mse "
               "--set data.y=/z");
    ended_with("Try a smaller optimizer.lr");
}

static void evaluation_names_the_row(void **state)
{
    (void)state;
    (void)hoop("eval runs/good --data nan.h5");
    assert_int_equal(last.code, 0);
    expect_in(__FILE__, __LINE__, last.err, "the loss is not finite; nan.h5: row 33 of /x is NaN in element 1");
    (void)hoop("eval runs/real --data target.h5");
    assert_int_equal(last.code, 0);
    expect_in(__FILE__, __LINE__, last.err, "target.h5: row 12 of /z is NaN in element 0");
    (void)hoop_ranks(3, "eval runs/good --data nan.h5 --set threads=1");
    assert_int_equal(last.code, 0);
    expect_in(__FILE__, __LINE__, last.err, "nan.h5: row 33 of /x is NaN in element 1");
    (void)hoop("train config.yaml --out runs/checked --set data.validation=nan.h5");
    assert_int_equal(last.code, 0);
    expect_in(__FILE__, __LINE__, last.err, "the validation loss of step 5 is not finite; nan.h5: row 33 of /x is NaN");
    (void)shell("grep -c 'not finite' runs/checked/log.txt");
    said("1\n");
    (void)hoop("eval runs/good --data good.h5");
    succeeded();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_names_the_row),
        cmocka_unit_test(ranks_name_the_same_row),
        cmocka_unit_test(a_large_rate_is_another_matter),
        cmocka_unit_test(evaluation_names_the_row),
    };
    return cmocka_run_group_tests_name("command_finite", tests, enter, test_leave);
}
