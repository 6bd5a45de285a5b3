/* Names of columns, columns chosen, labels numbered in another way: mapped and in chunks, in every dtype, with bad input. */
#include "io_test.h"

#include "hoop/loader.h"

enum { ROWS = 40, COLUMNS = 4 };

static void strings(const char *path, const char *object, const char *name, const char *const *values, hsize_t n)
{
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &n, NULL);
    char        block[16][16] = {{0}};
    hid_t       on, attr;
    for (hsize_t i = 0; i < n; i++) (void)snprintf(block[i], sizeof block[i], "%s", values[i]);
    assert_true(H5Tset_size(type, 16) >= 0);
    on   = H5Oopen(file, object, H5P_DEFAULT);
    attr = H5Acreate2(on, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(attr >= 0 && H5Awrite(attr, type, block) >= 0);
    (void)H5Aclose(attr);
    (void)H5Oclose(on);
    (void)H5Sclose(space);
    (void)H5Tclose(type);
    assert_true(H5Fclose(file) >= 0);
}

static const char *const abcd[] = {"a", "b", "c", "d"}, *const words[] = {"cat", "dog", "eel"};

/* x (ROWS, COLUMNS) = 10 * row + column, y = row % 3 but -100 in row 5 */
static void make(const char *path, hid_t type, hsize_t chunk, bool named)
{
    const hsize_t shape[2] = {ROWS, COLUMNS};
    double        x[ROWS * COLUMNS];
    int64_t       y[ROWS];
    for (int i = 0; i < ROWS * COLUMNS; i++) x[i] = 10 * (i / COLUMNS) % 200 + i % COLUMNS;
    for (int i = 0; i < ROWS; i++) y[i] = i == 5 ? -100 : i % 3;
    test_h5_add(path, true, "/x", type, H5T_NATIVE_DOUBLE, 2, shape, x, chunk, 0);
    test_h5_add(path, false, "/y", H5T_NATIVE_INT64, H5T_NATIVE_INT64, 1, shape, y, chunk, 0);
    if (!named) return;
    strings(path, "/x", "columns", abcd, 4);
    strings(path, "/y", "class_names", words, 3);
    strings(path, "/", "hoop_format", (const char *const[]){"dataset shard 1"}, 1);
}

static hoop_dataset *open_set(const char *spec)
{
    hoop_error    err = {0};
    hoop_dataset *ds;
    test_ok(hoop_dataset_open(spec, NULL, &err, &ds));
    return ds;
}

static void expect_row(hoop_dataset *ds, int64_t row, const double *want, int64_t n)
{
    hoop_error err = {0};
    double     d[8];
    float      f[8];
    assert_int_equal(hoop_dataset_about(ds)->field[HOOP_FIELD_X].numel, n);
    assert_int_equal(hoop_dataset_about(ds)->field[HOOP_FIELD_X].shape[0], n);
    test_ok(hoop_dataset_read(ds, &row, 1, HOOP_FIELD_X, HOOP_F64, d, &err));
    test_ok(hoop_dataset_read(ds, &row, 1, HOOP_FIELD_X, HOOP_F32, f, &err));
    for (int64_t i = 0; i < n; i++) assert_true(d[i] == want[i] && f[i] == (float)want[i]);
}

static void columns_are_chosen(void **state)
{
    const hid_t   types[] = {H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_STD_I32LE, H5T_STD_U8LE, H5T_IEEE_F32BE};
    const int64_t from[] = {3, 1, -1, 0, 3}, again[] = {1, 0, 2};
    const char   *names[] = {"d", "b", "new", "a", "d2"};
    (void)state;
    for (size_t i = 0; i < 10; i++) {
        hoop_error    err = {0};
        hoop_dataset *ds;
        char          print[HOOP_FINGERPRINT_TEXT];
        make("set.h5", types[i / 2], i % 2 == 0 ? 0 : 7, true);
        ds = open_set("set.h5");
        (void)snprintf(print, sizeof print, "%s", hoop_dataset_about(ds)->fingerprint);
        assert_string_equal(hoop_dataset_column(ds, HOOP_FIELD_X, 3), "d");
        assert_null(hoop_dataset_column(ds, HOOP_FIELD_X, 4));
        assert_null(hoop_dataset_column(ds, HOOP_FIELD_X, -1));
        assert_null(hoop_dataset_column(ds, HOOP_FIELD_Y, 0));
        test_ok(hoop_dataset_choose(ds, HOOP_FIELD_X, from, names, 5, &err));
        expect_row(ds, 7, (const double[]){73, 71, 0, 70, 73}, 5);
        assert_string_equal(hoop_dataset_column(ds, HOOP_FIELD_X, 4), "d2");
        assert_string_equal(hoop_dataset_about(ds)->fingerprint, print);
        test_ok(hoop_dataset_choose(ds, HOOP_FIELD_X, again, NULL, 3, &err)); /* of those chosen */
        expect_row(ds, 12, (const double[]){121, 123, 0}, 3);
        assert_null(hoop_dataset_column(ds, HOOP_FIELD_X, 0));
        err = (hoop_error){0};
        test_failed(hoop_dataset_choose(ds, HOOP_FIELD_X, from, NULL, 5, &err), &err, HOOP_ERANGE, "column 3 of /x, which has 3",
                    NULL);
        err = (hoop_error){0};
        test_failed(hoop_dataset_choose(ds, HOOP_FIELD_X, from, NULL, 0, &err), &err, HOOP_EARG, "/x", NULL);
        err = (hoop_error){0};
        test_failed(hoop_dataset_choose(ds, HOOP_FIELD_Y, from, NULL, 2, &err), &err, HOOP_ESHAPE, "/y", NULL);
        expect_row(ds, 12, (const double[]){121, 123, 0}, 3);
        hoop_dataset_close(&ds);
    }
}

/* the loader takes what is presented */
static void loaders_see_the_choice(void **state)
{
    hoop_error       err  = {0};
    hoop_loader     *l    = NULL;
    hoop_loader_opts opts = {.batch = 8, .leaves = 2, .size = 1, .as = {HOOP_F32, HOOP_I64}, .end_step = 5};
    hoop_loader_leaf leaf;
    hoop_dataset    *ds;
    int64_t          row = 0;
    (void)state;
    make("set.h5", H5T_IEEE_F32LE, 0, true);
    ds = open_set("set.h5");
    test_ok(hoop_dataset_choose(ds, HOOP_FIELD_X, (const int64_t[]){2, -1, 0, 1, 3, 2}, NULL, 6, &err));
    test_ok(hoop_loader_create(ds, &opts, &err, &l));
    for (int step = 0; step < 5; step++) {
        test_ok(hoop_loader_next_step(l, &err, NULL));
        while (hoop_loader_next_leaf(l, &leaf)) {
            for (int64_t i = 0; i < leaf.n; i++, row++) {
                const float *x = (const float *)leaf.field[HOOP_FIELD_X].data + 6 * i, first = (float)(10 * row % 200);
                assert_true(x[0] == first + 2 && x[1] == 0 && x[2] == first && x[5] == first + 2);
            }
        }
    }
    assert_int_equal(row, ROWS);
    hoop_loader_destroy(&l);
    hoop_dataset_close(&ds);
}

static void labels_are_numbered_in_another_way(void **state)
{
    static const char *const names[] = {"ant", "dog", "eel", "cat"};
    (void)state;
    for (hsize_t chunk = 0; chunk < 8; chunk += 7) {
        hoop_error    err = {0};
        hoop_dataset *ds;
        int64_t       index[ROWS], y[ROWS];
        make("set.h5", H5T_IEEE_F32LE, chunk, true);
        ds = open_set("set.h5");
        test_ok(hoop_dataset_relabel(ds, HOOP_FIELD_Y, (const int64_t[]){3, 1, 2}, 3, names, 4, &err));
        assert_string_equal(hoop_dataset_class_name(ds, HOOP_FIELD_Y, 3), "cat");
        assert_int_equal(hoop_dataset_about(ds)->field[HOOP_FIELD_Y].classes, 4);
        for (int64_t i = 0; i < ROWS; i++) index[i] = i;
        test_ok(hoop_dataset_read(ds, index, ROWS, HOOP_FIELD_Y, HOOP_I64, y, &err));
        for (int i = 0; i < ROWS; i++) assert_int_equal(y[i], i == 5 ? -100 : i % 3 == 0 ? 3 : i % 3);
        test_ok(hoop_dataset_relabel(ds, HOOP_FIELD_Y, (const int64_t[]){0, 2, 1}, 3, NULL, 0,
                                     &err)); /* 3, cat, is not among these */
        test_ok(hoop_dataset_read(ds, index, ROWS, HOOP_FIELD_Y, HOOP_I64, y, &err));
        for (int i = 0; i < ROWS; i++) assert_int_equal(y[i], i == 5 ? -100 : i % 3 == 0 ? 3 : 3 - i % 3);
        assert_null(hoop_dataset_class_name(ds, HOOP_FIELD_Y, 0));
        hoop_dataset_close(&ds);
        ds = open_set("set.h5"); /* fewer than there are labels: they are nothing */
        test_ok(hoop_dataset_relabel(ds, HOOP_FIELD_Y, (const int64_t[]){0, 1}, 2, words, 2, &err));
        test_ok(hoop_dataset_read(ds, index, 3, HOOP_FIELD_Y, HOOP_I64, y, &err));
        assert_int_equal(y[2], -1);
        hoop_dataset_close(&ds);
    }
}

static void names_are_those_of_all_shards(void **state)
{
    static const char *const other[] = {"a", "b", "c", "e"};
    hoop_error               err     = {0};
    hoop_dataset            *ds;
    (void)state;
    make("part-0.h5", H5T_IEEE_F32LE, 0, true);
    make("part-1.h5", H5T_IEEE_F32LE, 0, false);
    ds = open_set("part-*.h5"); /* one says nothing */
    assert_string_equal(hoop_dataset_column(ds, HOOP_FIELD_X, 1), "b");
    hoop_dataset_close(&ds);
    strings("part-1.h5", "/x", "columns", other, 4);
    ds = open_set("part-*.h5"); /* one is not of hoop: what its attributes are called says nothing */
    hoop_dataset_close(&ds);
    strings("part-1.h5", "/", "hoop_format", (const char *const[]){"dataset shard 1"}, 1);
    err = (hoop_error){0};
    test_failed(hoop_dataset_open("part-*.h5", NULL, &err, &ds), &err, HOOP_EFORMAT,
                "part-1.h5: column 3 of /x is called 'e', but 'd'", NULL);
    make("plain.h5", H5T_IEEE_F32LE, 0, false);
    strings("plain.h5", "/x", "columns", abcd, 3); /* of another program: something else is meant */
    strings("plain.h5", "/x", "one_hot", abcd, 1);
    ds = open_set("plain.h5");
    assert_null(hoop_dataset_column(ds, HOOP_FIELD_X, 0));
    assert_null(hoop_dataset_one_hot(ds, 0));
    hoop_dataset_close(&ds);
    strings("plain.h5", "/", "hoop_format", (const char *const[]){"dataset shard 1"}, 1);
    err = (hoop_error){0};
    test_failed(hoop_dataset_open("plain.h5", NULL, &err, &ds), &err, HOOP_EFORMAT, "columns of /x has 3 names", "4 elements",
                NULL);
    make("words.h5", H5T_IEEE_F32LE, 0, true);
    strings("words.h5", "/x", "one_hot", abcd, 2);
    ds = open_set("words.h5");
    assert_string_equal(hoop_dataset_one_hot(ds, 1), "b");
    assert_null(hoop_dataset_one_hot(ds, 2));
    hoop_dataset_close(&ds);
}

/* in files of others `columns` and `one_hot` count where all attributes do; a checkpoint says hoop_format, too */
static void names_of_other_files_count_where_asked_for(void **state)
{
    static const char *const formats[] = {NULL, "checkpoint shard 1", "dataset shard 1"};
    (void)state;
    for (int k = 0; k < 3; k++) {
        make("other.h5", H5T_IEEE_F32LE, 0, false);
        strings("other.h5", "/x", "columns", abcd, 4);
        strings("other.h5", "/x", "one_hot", abcd, 1);
        strings("other.h5", "/y", "columns", words, 1);
        if (formats[k] != NULL) strings("other.h5", "/", "hoop_format", &formats[k], 1);
        for (int how = HOOP_ATTRIBUTES_AUTO; how <= HOOP_ATTRIBUTES_NONE; how++) {
            const bool        count = k == 2 || how == HOOP_ATTRIBUTES_ALL;
            hoop_error        err   = {0};
            hoop_dataset_opts opts  = {.attributes = (hoop_dataset_attributes)how};
            hoop_dataset     *ds;
            test_ok(hoop_dataset_open("other.h5", &opts, &err, &ds));
            assert_true(count == (hoop_dataset_column(ds, HOOP_FIELD_X, 3) != NULL));
            assert_true(count == (hoop_dataset_column(ds, HOOP_FIELD_Y, 0) != NULL));
            assert_true(count == (hoop_dataset_one_hot(ds, 0) != NULL));
            if (k < 2 && how == HOOP_ATTRIBUTES_AUTO)
                assert_non_null(strstr(hoop_dataset_note(ds, 0), "columns of /x, columns of /y, one_hot of /x is not applied"));
            else
                assert_null(hoop_dataset_note(ds, 0));
            hoop_dataset_close(&ds);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_chosen),
        cmocka_unit_test(loaders_see_the_choice),
        cmocka_unit_test(labels_are_numbered_in_another_way),
        cmocka_unit_test(names_are_those_of_all_shards),
        cmocka_unit_test(names_of_other_files_count_where_asked_for),
    };
    return cmocka_run_group_tests_name("columns", tests, test_enter, test_leave);
}
