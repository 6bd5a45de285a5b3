/* Datasets: every dtype and layout, specs, and bad files, each with its one line. */
#include "io_test.h"

#include <locale.h>
#include <math.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hoop/import.h"

enum { N = 50, COLUMNS = 5 };

static double value(int64_t i)
{
    return (double)(i % 100);
}

/* /x (N, COLUMNS) of any type, /y (N) i64 = i % 7 */
static void make(const char *path, hid_t type, int64_t rows, hsize_t chunk, int deflate)
{
    const hsize_t shape[2] = {(hsize_t)rows, COLUMNS};
    double       *x        = malloc((size_t)rows * COLUMNS * sizeof *x);
    int64_t      *y        = malloc((size_t)rows * sizeof *y);
    for (int64_t i = 0; i < rows * COLUMNS; i++) x[i] = value(i);
    for (int64_t i = 0; i < rows; i++) y[i] = i % 7;
    test_h5_add(path, true, "/x", type, H5T_NATIVE_DOUBLE, 2, shape, x, chunk, deflate);
    test_h5_add(path, false, "/y", H5T_NATIVE_INT64, H5T_NATIVE_INT64, 1, shape, y, chunk, deflate);
    free(x);
    free(y);
}

static void every_dtype_and_layout_reads_the_same(void **state)
{
    const struct {
        hid_t      type;
        hoop_dtype dtype;
        bool       native;
    } types[] = {
        {H5T_IEEE_F32LE, HOOP_F32, true},  {H5T_IEEE_F64LE, HOOP_F64, true}, {H5T_STD_I64LE, HOOP_I64, true},
        {H5T_STD_I32LE, HOOP_I32, true},   {H5T_STD_U8LE, HOOP_U8, true},    {H5T_IEEE_F32BE, HOOP_F32, false},
        {H5T_IEEE_F64BE, HOOP_F64, false}, {H5T_STD_I32BE, HOOP_I32, false}, {H5T_STD_I8LE, HOOP_I32, false},
        {H5T_STD_U16LE, HOOP_I32, false},  {H5T_STD_U32BE, HOOP_I64, false},
    };
    char fingerprint[3][HOOP_FINGERPRINT_TEXT];
    (void)state;
    for (size_t k = 0; k < sizeof types / sizeof types[0]; k++) {
        for (int layout = 0; layout < 4; layout++) { /* contiguous; chunked; compressed; chunked with a tiny cache */
            const hoop_dataset_opts  o = {.cache_bytes = layout == 3 ? 1 : 0, .attributes = HOOP_ATTRIBUTES_ALL};
            const hoop_dataset_info *info;
            hoop_dataset            *ds;
            hoop_error               err = {0};
            int64_t                  index[3 * N], y[3 * N];
            float                    x32[3 * N * COLUMNS];
            double                   x64[3 * N * COLUMNS];
            const bool               floats = types[k].dtype == HOOP_F32 || types[k].dtype == HOOP_F64;
            make("any.h5", types[k].type, N, layout == 0 ? 0 : 7, layout == 2 ? 5 : 0);
            if (layout == 1) test_h5_attr_f64("any.h5", "/x", "scale", 0.5);
            ds   = test_open_set("any.h5", &o);
            info = hoop_dataset_about(ds);
            assert_int_equal(info->length, N);
            assert_int_equal(info->mapped, layout == 0 && types[k].native);
            assert_int_equal(info->field[0].dtype, types[k].dtype);
            assert_int_equal(info->field[0].ndim, 1);
            assert_int_equal(info->field[0].shape[0], COLUMNS);
            assert_int_equal(info->field[1].ndim, 0);
            assert_true(info->field[0].scale == (layout == 1 ? 0.5 : 1.0));
            for (int i = 0; i < 3 * N; i++) index[i] = (i * 17 + 3) % N;
            test_ok(hoop_dataset_read(ds, index, 3 * N, HOOP_FIELD_X, HOOP_F32, x32, &err));
            test_ok(hoop_dataset_read(ds, index, 3 * N, HOOP_FIELD_X, HOOP_F64, x64, &err));
            test_ok(hoop_dataset_read(ds, index, 3 * N, HOOP_FIELD_Y, HOOP_I64, y, &err));
            for (int i = 0; i < 3 * N; i++) {
                assert_int_equal(y[i], index[i] % 7);
                for (int c = 0; c < COLUMNS; c++) {
                    const double want = value(index[i] * COLUMNS + c) * info->field[0].scale;
                    assert_true(x64[i * COLUMNS + c] == want && x32[i * COLUMNS + c] == (float)want);
                }
            }
            if (floats || layout == 1) {
                test_failed(hoop_dataset_read(ds, index, 1, HOOP_FIELD_X, HOOP_I64, y, &err), &err, HOOP_EDTYPE, "any.h5", "/x",
                            NULL);
            } else {
                test_ok(hoop_dataset_read(ds, index, N / COLUMNS, HOOP_FIELD_X, HOOP_I64, y, &err));
                assert_int_equal(y[1], (int64_t)value(index[0] * COLUMNS + 1));
            }
            memset(&err, 0, sizeof err);
            index[5] = N;
            test_failed(hoop_dataset_read(ds, index, 6, HOOP_FIELD_X, HOOP_F32, x32, &err), &err, HOOP_ERANGE, "row 50", NULL);
            if (k == 0 && layout < 3) memcpy(fingerprint[layout], info->fingerprint, sizeof fingerprint[0]);
            hoop_dataset_close(&ds);
        }
    }
    assert_string_equal(fingerprint[0], fingerprint[2]); /* the same data however stored */
    assert_string_not_equal(fingerprint[0], fingerprint[1]);
}

/* Filters in any order that HDF5 writes, 1 to 4 dims, chunks that do and do not fit, and chunks never written. */
static void chunks_are_read_as_hdf5_wrote_them(void **state)
{
    static const char *const pipelines[]  = {"", "d", "sd", "f", "sdf", "sfd", "fsd", "s"};
    static const hsize_t     shapes[4][4] = {{37}, {37, 5}, {37, 4, 7}, {37, 3, 2, 5}},
                         chunks[4][4]     = {{8}, {37, 2}, {5, 4, 3}, {50, 2, 2, 2}};
    uint64_t random                       = 9;
    (void)state;
    for (size_t p = 0; p < sizeof pipelines / sizeof pipelines[0]; p++) {
        for (int nd = 0; nd < 4; nd++) {
            const hsize_t most[4]  = {H5S_UNLIMITED, shapes[nd][1], shapes[nd][2], shapes[nd][3]};
            const hid_t   file     = H5Fcreate("pipe.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
                        dcpl       = H5Pcreate(H5P_DATASET_CREATE);
            const hid_t   space    = H5Screate_simple(nd + 1, shapes[nd], most);
            hsize_t       start[4] = {0}, count[4];
            hid_t         dset, part;
            float         want[37 * 30], got[37 * 30], fill = -7;
            int64_t       row = 1, index[37];
            hoop_error    err = {0};
            hoop_dataset *ds;
            for (int d = 1; d <= nd; d++) row *= (int64_t)shapes[nd][d];
            (void)H5Pset_chunk(dcpl, nd + 1, chunks[nd]);
            (void)H5Pset_fill_value(dcpl, H5T_NATIVE_FLOAT, &fill);
            /* chunks that reach over the edge may be left as they are */
            if (p % 3 == 2) assert_true(H5Pset_chunk_opts(dcpl, H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS) >= 0);
            for (const char *f = pipelines[p]; *f != '\0'; f++)
                assert_true((*f == 'd'   ? H5Pset_deflate(dcpl, 6)
                             : *f == 's' ? H5Pset_shuffle(dcpl)
                                         : H5Pset_fletcher32(dcpl)) >= 0);
            dset = H5Dcreate2(file, "x", nd % 2 == 0 ? H5T_IEEE_F32LE : H5T_IEEE_F32BE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
            assert_true(dset >= 0);
            for (int64_t i = 0; i < 37 * row; i++) want[i] = (float)(test_random(&random) % 50);
            /* the last rows are left unwritten */
            memcpy(count, shapes[nd], sizeof count);
            count[0] = 16;
            part     = H5Screate_simple(nd + 1, count, NULL);
            (void)H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
            assert_true(H5Dwrite(dset, H5T_NATIVE_FLOAT, part, space, H5P_DEFAULT, want) >= 0);
            for (int64_t i = 16 * row; i < 37 * row; i++) want[i] = fill;
            (void)H5Sclose(part);
            (void)H5Sclose(space);
            (void)H5Dclose(dset);
            (void)H5Pclose(dcpl);
            (void)H5Fclose(file);
            ds = test_open_set("pipe.h5", &(hoop_dataset_opts){.use_y = HOOP_Y_NONE, .cache_bytes = 1});
            for (int i = 0; i < 37; i++) index[i] = i;
            test_ok(hoop_dataset_read(ds, index, 37, HOOP_FIELD_X, HOOP_F32, got, &err));
            for (int64_t i = 0; i < 37 * row; i++)
                if (got[i] != want[i])
                    fail_msg("pipeline '%s', %d dims: element %lld is %g, %g was written", pipelines[p], nd + 1, (long long)i,
                             (double)got[i], (double)want[i]);
            hoop_dataset_close(&ds);
        }
    }
}

/* An offset of another file's data, or of none, must not be looked up in this one. */
static void data_outside_of_the_file_is_read(void **state)
{
    const hsize_t     shape[2] = {N, COLUMNS};
    const char *const kind[]   = {"linked.h5", "external.h5", "virtual.h5"};
    int64_t           index[N];
    float             x[N * COLUMNS], other[N * COLUMNS];
    hoop_error        err = {0};
    (void)state;
    for (int i = 0; i < N; i++) index[i] = i;
    for (int i = 0; i < N * COLUMNS; i++) x[i] = (float)value(i);
    make("there.h5", H5T_IEEE_F32LE, N, 0, 0);
    test_store("there.raw", x, sizeof x);
    for (int k = 0; k < 3; k++) {
        hoop_dataset *ds;
        const hid_t   dcpl = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(2, shape, NULL);
        hid_t         file;
        make(kind[k], H5T_IEEE_F32LE, N, 0, 0);
        file = H5Fopen(kind[k], H5F_ACC_RDWR, H5P_DEFAULT);
        assert_true(H5Lmove(file, "/x", H5L_SAME_LOC, "/z", H5P_DEFAULT, H5P_DEFAULT) >= 0);
        if (k == 0) {
            assert_true(H5Lcreate_external("there.h5", "/x", file, "/x", H5P_DEFAULT, H5P_DEFAULT) >= 0);
        } else {
            hid_t dset;
            assert_true((k == 1 ? H5Pset_external(dcpl, "there.raw", 0, sizeof x)
                                : H5Pset_virtual(dcpl, space, "there.h5", "/x", space)) >= 0);
            dset = H5Dcreate2(file, "/x", H5T_IEEE_F32LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
            assert_true(dset >= 0 && H5Dclose(dset) >= 0);
        }
        (void)H5Sclose(space);
        (void)H5Pclose(dcpl);
        for (int i = 0; i < N * COLUMNS; i++) other[i] = -1;
        if (k == 0) { /* what lies here at the other file's offset */
            const hid_t z = H5Dopen2(file, "/z", H5P_DEFAULT);
            assert_true(H5Dwrite(z, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, other) >= 0 && H5Dclose(z) >= 0);
        }
        (void)H5Fclose(file);
        ds = test_open_set(kind[k], NULL);
        assert_false(hoop_dataset_about(ds)->mapped);
        test_ok(hoop_dataset_read(ds, index, N, HOOP_FIELD_X, HOOP_F32, other, &err));
        assert_memory_equal(other, x, sizeof x);
        hoop_dataset_close(&ds);
    }
}

/* A dataset of one filter pipeline ('d' deflate, 's' shuffle, 'n' n-bit), all zeros, or with space for them but never written. */
static void make_zeros(const char *path, hid_t type, hsize_t rows, hsize_t chunk, const char *filters, bool written)
{
    const hsize_t shape[2] = {rows, 64}, chunks[2] = {chunk, 64};
    const hid_t   file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), space = H5Screate_simple(2, shape, NULL),
                dcpl = H5Pcreate(H5P_DATASET_CREATE);
    hid_t dset;
    char *zeros = calloc(rows, 64);
    if (chunk > 0) assert_true(H5Pset_chunk(dcpl, 2, chunks) >= 0);
    for (; *filters != '\0'; filters++)
        assert_true((*filters == 'd'   ? H5Pset_deflate(dcpl, 9)
                     : *filters == 's' ? H5Pset_shuffle(dcpl)
                                       : H5Pset_nbit(dcpl)) >= 0);
    dset = H5Dcreate2(file, "/x", type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    assert_true(dset >= 0);
    if (written) assert_true(H5Dwrite(dset, H5T_NATIVE_SCHAR, H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros) >= 0);
    (void)H5Dclose(dset);
    (void)H5Pclose(dcpl);
    (void)H5Sclose(space);
    (void)H5Fclose(file);
    free(zeros);
}

static void data_never_written_is_refused(void **state)
{
    static const struct {
        const char *filters;
        hsize_t     chunk;
    } cases[]                       = {{"", 0}, {"", 16}, {"d", 16}, {"n", 16}};
    const hid_t             types[] = {H5T_IEEE_F32LE, H5T_IEEE_F32BE};
    const hoop_dataset_opts no_y    = {.use_y = HOOP_Y_NONE};
    hoop_dataset           *ds;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int t = 0; t < 2; t++) {
            make_zeros("never.h5", types[t], 64, cases[i].chunk, cases[i].filters, false);
            test_cannot_open("never.h5", &no_y, HOOP_EFORMAT, "never.h5: only 0 bytes of /x, which should have 16384",
                             "never written");
        }
    /* zeros of small types that deflate makes a thousand times smaller, or n-bit filters to nothing, are data */
    for (int k = 0; k < 2; k++) {
        make_zeros("zeros.h5", H5T_STD_I8LE, 1 << 19, 1 << 15, k == 0 ? "sd" : "nd", true);
        ds = test_open_set("zeros.h5", &no_y);
        assert_int_equal(hoop_dataset_about(ds)->length, 1 << 19);
        hoop_dataset_close(&ds);
    }
}

static void casts_of_any_length(void **state)
{
    (void)state;
    for (hsize_t n = 1; n < 130; n++) {
        hsize_t       shape[2] = {1, n};
        unsigned char x[130];
        float         out[131];
        const int64_t zero = 0;
        hoop_error    err  = {0};
        hoop_dataset *ds;
        for (hsize_t i = 0; i < n; i++) x[i] = (unsigned char)(i * 37);
        test_h5_add("length.h5", true, "/x", H5T_NATIVE_UINT8, H5T_NATIVE_UINT8, 2, shape, x, 0, 0);
        test_h5_attr_f64("length.h5", "/x", "scale", 1.0 / 255);
        ds     = test_open_set("length.h5", &(hoop_dataset_opts){.use_y = HOOP_Y_NONE, .attributes = HOOP_ATTRIBUTES_ALL});
        out[n] = -1;
        test_ok(hoop_dataset_read(ds, &zero, 1, HOOP_FIELD_X, HOOP_F32, out, &err));
        for (hsize_t i = 0; i < n; i++) assert_true(out[i] == (float)x[i] * (float)(1.0 / 255));
        assert_true(out[n] == -1);
        test_failed(hoop_dataset_read(ds, &zero, 1, HOOP_FIELD_Y, HOOP_I64, out, &err), &err, HOOP_EARG, "without /y", NULL);
        hoop_dataset_close(&ds);
    }
}

/* Rows 16 to 31 of 32, two chunks, are not written. (With a fill value of its own: chunks_are_read_as_hdf5_wrote_them.) */
static void chunks_never_written_are_refused(void **state)
{
    static const char *const filters[] = {"", "d", "n"};
    const hoop_dataset_opts  no_y      = {.use_y = HOOP_Y_NONE};
    const hsize_t            start[2] = {0, 0}, count[2] = {16, 64}, all[2] = {32, 64};
    float                   *x = calloc(32 * 64, sizeof *x);
    (void)state;
    for (int k = 0; k < 3; k++) {
        hid_t file, dset, part = H5Screate_simple(2, count, NULL), space = H5Screate_simple(2, all, NULL);
        make_zeros("some.h5", H5T_IEEE_F32LE, 32, 8, filters[k], false);
        file = H5Fopen("some.h5", H5F_ACC_RDWR, H5P_DEFAULT);
        dset = H5Dopen2(file, "/x", H5P_DEFAULT);
        assert_true(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                    H5Dwrite(dset, H5T_NATIVE_FLOAT, part, space, H5P_DEFAULT, x) >= 0);
        assert_true(H5Dclose(dset) >= 0 && H5Fclose(file) >= 0 && H5Sclose(part) >= 0 && H5Sclose(space) >= 0);
        test_cannot_open("some.h5", &no_y, HOOP_EFORMAT, "some.h5: only 2 of the 4 chunks of /x are stored",
                         "not all of it was written");
    }
    free(x);
}

/* A virtual dataset of rows [0, N) of two sources: dirs and names as given, `rows` of each of them. */
static void make_virtual(const char *path, const char *a, const char *b, const char *name, hsize_t rows)
{
    const hsize_t shape[2] = {(hsize_t)2 * N, COLUMNS}, half[2] = {rows, COLUMNS}, most[2] = {N, COLUMNS};
    const hid_t   file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), dcpl = H5Pcreate(H5P_DATASET_CREATE),
                space = H5Screate_simple(2, shape, NULL), from = H5Screate_simple(2, most, NULL);
    hid_t dset;
    for (hsize_t k = 0; k < 2; k++) {
        const hsize_t start[2] = {k * N, 0}, zero[2] = {0, 0};
        assert_true(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, half, NULL) >= 0 &&
                    H5Sselect_hyperslab(from, H5S_SELECT_SET, zero, NULL, half, NULL) >= 0 &&
                    H5Pset_virtual(dcpl, space, k == 0 ? a : b, name, from) >= 0);
    }
    dset = H5Dcreate2(file, "/x", H5T_IEEE_F32LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    assert_true(dset >= 0 && H5Dclose(dset) >= 0 && H5Pclose(dcpl) >= 0 && H5Sclose(space) >= 0 && H5Sclose(from) >= 0 &&
                H5Fclose(file) >= 0);
}

static void virtual_data_has_its_sources(void **state)
{
    const hoop_dataset_opts no_y = {.use_y = HOOP_Y_NONE};
    char                    here[1024], full[1100];
    const char *good[][2] = {{"a.h5", "b.h5"}, {full, "b.h5"}, {"/not/there/a.h5", "b.h5"}, {".", "a.h5"}, {"a.h5", "beside.h5"}};
    float       x[COLUMNS];
    hoop_error  err = {0};
    hoop_dataset *ds;
    (void)state;
    assert_true(getcwd(here, sizeof here) != NULL && mkdir("made", 0777) == 0);
    (void)snprintf(full, sizeof full, "%s/made/a.h5", here);
    make("made/a.h5", H5T_IEEE_F32LE, N, 0, 0);
    make("made/b.h5", H5T_IEEE_F32LE, N, 7, 4);
    make("beside.h5", H5T_IEEE_F32LE, N, 0, 0); /* in the folder where we are, not where the file is */
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        const bool self = strcmp(good[i][0], ".") == 0;
        make_virtual("made/v.h5", good[i][0], good[i][1], self ? "/z" : "/x", N);
        if (self) { /* its first source is in it; the second gets the name too */
            const hsize_t shape[2] = {N, COLUMNS};
            double        z[N * COLUMNS];
            for (int k = 0; k < N * COLUMNS; k++) z[k] = value(k);
            test_h5_add("made/v.h5", false, "/z", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 2, shape, z, 0, 0);
            test_h5_add("made/a.h5", false, "/z", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 2, shape, z, 0, 0);
        }
        ds = test_open_set("made/v.h5", &no_y);
        for (int64_t row = 3; row < 2 * N; row += N) {
            test_ok(hoop_dataset_read(ds, &row, 1, HOOP_FIELD_X, HOOP_F32, x, &err));
            assert_true(x[1] == (float)value(3 * COLUMNS + 1));
        }
        hoop_dataset_close(&ds);
    }
    make_virtual("made/v.h5", "a.h5", "gone.h5", "/x", N);
    test_cannot_open("made/v.h5", &no_y, HOOP_EFORMAT, "made/v.h5: /x is virtual", "its source gone.h5 is not there");
    make_virtual("made/v.h5", "a.h5", "b.h5", "/w", N);
    test_cannot_open("made/v.h5", &no_y, HOOP_EFORMAT, "made/v.h5: /x is virtual", "its source a.h5 has no dataset /w");
    make_virtual("made/v.h5", "a.h5", "b.h5", "/x", N - 1);
    test_cannot_open("made/v.h5", &no_y, HOOP_EFORMAT, "made/v.h5: /x is virtual",
                     "its sources give only 490 of its 500 elements");
    make_zeros("made/a.h5", H5T_IEEE_F32LE, N, 0, "", false);
    make_virtual("made/v.h5", "b.h5", "a.h5", "/x", N);
    test_cannot_open("made/v.h5", &no_y, HOOP_EFORMAT, "made/v.h5: /x is virtual", "of its source /x in a.h5 nothing is stored");
}

static void shards_globs_and_prefixes(void **state)
{
    hoop_dataset *ds;
    int64_t       rows, index[3] = {0, N, N + 29}, y[3], nsets;
    char        **sets;
    hoop_error    err = {0};
    (void)state;
    assert_int_equal(mkdir("set", 0777), 0);
    make("set/a-00000-of-00003.h5", H5T_IEEE_F32LE, N, 0, 0);
    make("set/a-00001-of-00003.h5", H5T_IEEE_F32LE, 30, 4, 3);
    test_cannot_open("set/a", NULL, HOOP_EIO, "a-00002-of-00003.h5 is missing", "1 of 3");
    make("set/a-00002-of-00003.h5", H5T_IEEE_F32LE, 20, 0, 0);
    ds = test_open_set("set/a", NULL);
    assert_int_equal(hoop_dataset_about(ds)->length, N + 50);
    assert_int_equal(hoop_dataset_about(ds)->shards, 3);
    assert_false(hoop_dataset_about(ds)->mapped);
    assert_string_equal(hoop_dataset_path(ds, 1, &rows), "set/a-00001-of-00003.h5");
    assert_int_equal(rows, 30);
    assert_null(hoop_dataset_path(ds, 3, NULL));
    test_ok(hoop_dataset_read(ds, index, 3, HOOP_FIELD_Y, HOOP_I64, y, &err));
    assert_int_equal(y[0], 0);
    assert_int_equal(y[1], 0);
    assert_int_equal(y[2], 29 % 7);
    hoop_dataset_close(&ds);
    ds = test_open_set("set/a-0000[02]*.h5", NULL);
    assert_int_equal(hoop_dataset_about(ds)->length, N + 20);
    hoop_dataset_close(&ds);
    ds = test_open_set("set/a-00001-of-00003.h5", NULL);
    assert_int_equal(hoop_dataset_about(ds)->length, 30);
    hoop_dataset_close(&ds);
    make("set/b.h5", H5T_IEEE_F32LE, N, 0, 0);
    ds = test_open_set("set/b", NULL);
    hoop_dataset_close(&ds);
    assert_int_equal(chdir("set"), 0);
    ds = test_open_set("a", NULL); /* no folder in the name */
    assert_string_equal(hoop_dataset_path(ds, 0, NULL), "a-00000-of-00003.h5");
    hoop_dataset_close(&ds);
    assert_int_equal(chdir(".."), 0);
    make("set/short-0-of-1.h5", H5T_IEEE_F32LE, N, 0, 0); /* five digits or more */
    test_cannot_open("set/short", NULL, HOOP_EIO, "no such dataset", "set/short-00000-of-NNNNN.h5");
    test_cannot_open("set/c", NULL, HOOP_EIO, "no such dataset", "set/c-00000-of-NNNNN.h5");
    test_cannot_open("nowhere/c", NULL, HOOP_EIO, "no such dataset", "nowhere");
    test_cannot_open("set/z*.h5", NULL, HOOP_EIO, "no file matches", "set/z*.h5");
    test_cannot_open("set", NULL, HOOP_EIO, "is a directory", "its sets: set/a, set/b.h5, set/short-0-of-1.h5");
    assert_int_equal(mkdir("set/empty", 0777), 0);
    test_cannot_open("set/empty", NULL, HOOP_EIO, "set/empty", "without datasets");
    test_store("set/empty/.hidden.h5", "", 0);
    test_store("set/empty/notes.txt", "", 0);
    test_store("set/empty/t-00000-of-00002.h5.tmp", "", 0);
    test_ok(hoop_dataset_sets("set/empty", &err, &sets, &nsets));
    assert_int_equal(nsets, 0);
    free(sets);
    test_failed(hoop_dataset_sets("nowhere", &err, &sets, &nsets), &err, HOOP_EIO, "nowhere", NULL);
    test_cannot_open("", NULL, HOOP_EARG, "empty name", "prefix");
    make("set/a-00000-of-00002.h5", H5T_IEEE_F32LE, N, 0, 0);
    test_cannot_open("set/a", NULL, HOOP_EFORMAT, "two sets are mixed", "set/a");
}

static void names_and_absent_targets(void **state)
{
    const hsize_t shape[2] = {4, 2};
    const float   x[8]     = {0, 1, 2, 3, 4, 5, 6, 7};
    hoop_dataset *ds;
    (void)state;
    test_h5_add("named.h5", true, "/deep/down/input", H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, 2, shape, x, 0, 0);
    test_cannot_open("named.h5", NULL, HOOP_EFORMAT, "named.h5", "no dataset /x");
    test_cannot_open("named.h5", &(hoop_dataset_opts){.x = "/deep/down/input"}, HOOP_EFORMAT, "named.h5", "no dataset /y");
    test_cannot_open("named.h5", &(hoop_dataset_opts){.x = "/deep/down", .use_y = HOOP_Y_NONE}, HOOP_EFORMAT, "named.h5",
                     "/deep/down cannot be opened as a dataset");
    test_cannot_open("named.h5", &(hoop_dataset_opts){.x = "/deep/up/input", .use_y = HOOP_Y_NONE}, HOOP_EFORMAT, "named.h5",
                     "/deep/up/input");
    ds = test_open_set("named.h5", &(hoop_dataset_opts){.x = "/deep/down/input", .use_y = HOOP_Y_OPTIONAL});
    assert_false(hoop_dataset_about(ds)->field[1].present);
    hoop_dataset_close(&ds);
    ds =
        test_open_set("named.h5", &(hoop_dataset_opts){.x = "deep/down/input", .y = "/deep/down/input"}); /* targets are inputs */
    assert_true(hoop_dataset_about(ds)->field[1].present);
    hoop_dataset_close(&ds);
}

static void bad_files_are_named(void **state)
{
    const hsize_t shape[3] = {4, 2, 3}, empty[2] = {0, 3}, thin[2] = {4, 0};
    const double  x[24] = {0};
    const hid_t   text  = H5Tcopy(H5T_C_S1);
    char         *good;
    int64_t       n;
    (void)state;
    (void)H5Tset_size(text, 8);
    test_store("empty.h5", "", 0);
    test_cannot_open("empty.h5", NULL, HOOP_EFORMAT, "empty.h5", "empty (0 bytes)");
    test_store("text.h5", "a,b,c\n1,2,3\n", 12);
    test_cannot_open("text.h5", NULL, HOOP_EFORMAT, "text.h5", "not an HDF5 file");
    test_cannot_open("/dev/null", NULL, HOOP_EIO, "/dev/null", "regular");
    make("good.h5", H5T_IEEE_F32LE, N, 0, 0);
    good = test_load("good.h5", &n);
    for (int64_t cut = 1; cut < n; cut += cut < 8 ? 1 : 97) {
        test_store("cut.h5", good, cut);
        test_cannot_open("cut.h5", NULL, HOOP_EFORMAT, "cut.h5", cut < 8 ? "not an HDF5 file" : "truncated");
        if (cut >= 100) test_cannot_open("cut.h5", NULL, HOOP_EFORMAT, "cut.h5", "eof = "); /* what HDF5 said */
    }
    free(good);
    test_h5_add("t.h5", true, "/x", text, text, 1, shape, NULL, 0, 0);
    test_cannot_open("t.h5", NULL, HOOP_EDTYPE, "t.h5: /x", "string");
    (void)H5Tclose(text);
    test_h5_add("t.h5", true, "/x", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 2, empty, NULL, 0, 0);
    test_cannot_open("t.h5", NULL, HOOP_EFORMAT, "t.h5: /x", "no rows");
    test_h5_add("t.h5", true, "/x", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 2, thin, NULL, 0, 0);
    test_cannot_open("t.h5", NULL, HOOP_ESHAPE, "t.h5", "no elements");
    test_h5_add("t.h5", true, "/x", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 0, shape, x, 0, 0);
    test_cannot_open("t.h5", NULL, HOOP_ESHAPE, "t.h5: /x", "0 dims");
    test_h5_add("t.h5", true, "/x", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 3, shape, x, 0, 0);
    test_h5_add("t.h5", false, "/y", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 1, shape + 2, x, 0, 0);
    test_cannot_open("t.h5", NULL, HOOP_ESHAPE, "/x has 4 rows", "/y has 3");
    test_h5_add("t.h5", true, "/x", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 1, shape, x, 0, 0);
    test_h5_attr_f64("t.h5", "/x", "scale", NAN);
    test_cannot_open("t.h5", &(hoop_dataset_opts){.use_y = HOOP_Y_NONE, .attributes = HOOP_ATTRIBUTES_ALL}, HOOP_EFORMAT, "t.h5",
                     "scale");
}

static bool threadsafe = true;

/* In place of HDF5's: a library built without --enable-threadsafe. */
herr_t __wrap_H5is_library_threadsafe(hbool_t *out);
herr_t __wrap_H5is_library_threadsafe(hbool_t *out)
{
    *out = threadsafe;
    return 0;
}

static void what_the_system_says_is_passed_on(void **state)
{
    struct rlimit now, none;
    const int     next = dup(0);
    (void)state;
    make("one.h5", H5T_IEEE_F32LE, N, 0, 0);
    assert_true(next >= 0 && close(next) == 0 && getrlimit(RLIMIT_NOFILE, &now) == 0);
    none = (struct rlimit){(rlim_t)next, now.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    test_cannot_open("one.h5", NULL, HOOP_EIO, "one.h5", "Too many open files");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    if (geteuid() != 0) {
        assert_int_equal(chmod("one.h5", 0), 0);
        test_cannot_open("one.h5", NULL, HOOP_EIO, "one.h5", "Permission denied");
    }
    threadsafe = false;
    test_cannot_open("one.h5", NULL, HOOP_ESTATE, "one.h5", "not thread-safe");
    threadsafe = true;
}

/* More files than may be open at a time, all of which HDF5 reads. */
static void more_shards_than_files_may_be_open(void **state)
{
    enum { SHARDS = 40, ROWS = 10 };
    struct rlimit now, few;
    const int     next = dup(0);
    int64_t       index[SHARDS * ROWS], y[SHARDS * ROWS];
    float         x[SHARDS * ROWS * COLUMNS];
    char          path[64];
    hoop_error    err = {0};
    hoop_dataset *ds;
    (void)state;
    for (int i = 0; i < SHARDS; i++) {
        (void)snprintf(path, sizeof path, "many-%05d-of-%05d.h5", i, SHARDS);
        make(path, H5T_IEEE_F32LE, ROWS, 4, i % 2);
    }
    assert_true(next >= 0 && close(next) == 0 && getrlimit(RLIMIT_NOFILE, &now) == 0);
    few = (struct rlimit){(rlim_t)next + 12, now.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    ds = test_open_set("many", &(hoop_dataset_opts){.cache_bytes = 1});
    for (int i = 0; i < SHARDS * ROWS; i++) index[i] = i * 7 % (SHARDS * ROWS);
    for (int pass = 0; pass < 3; pass++) {
        test_ok(hoop_dataset_read(ds, index, SHARDS * ROWS, HOOP_FIELD_X, HOOP_F32, x, &err));
        test_ok(hoop_dataset_read(ds, index, SHARDS * ROWS, HOOP_FIELD_Y, HOOP_I64, y, &err));
        for (int i = 0; i < SHARDS * ROWS; i++) {
            assert_int_equal(y[i], index[i] % ROWS % 7);
            assert_true((double)x[i * COLUMNS] == value(index[i] % ROWS * COLUMNS));
        }
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    /* a file that is opened again must be the one it was */
    for (int i = 0; i < SHARDS; i++) {
        (void)snprintf(path, sizeof path, "many-%05d-of-%05d.h5", i, SHARDS);
        assert_int_equal(rename(path, "aside.h5"), 0);
        make(path, H5T_IEEE_F32LE, ROWS, 4, 0);
    }
    test_failed(hoop_dataset_read(ds, index, SHARDS * ROWS, HOOP_FIELD_X, HOOP_F32, x, &err), &err, HOOP_EIO, "many-000",
                "was changed while it was in use", NULL);
    hoop_dataset_close(&ds);
}

static void shards_that_differ_are_named(void **state)
{
    const hsize_t           shape[2] = {4, 6};
    const double            x[24]    = {0};
    const hoop_dataset_opts no_y     = {.use_y = HOOP_Y_OPTIONAL};
    (void)state;
    make("d-00000-of-00002.h5", H5T_IEEE_F32LE, N, 0, 0);
    make("d-00001-of-00002.h5", H5T_IEEE_F64LE, N, 0, 0);
    test_cannot_open("d", NULL, HOOP_EDTYPE, "d-00001-of-00002.h5: /x is f64", "f32 in d-00000-of-00002.h5");
    test_h5_add("d-00001-of-00002.h5", true, "/x", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 2, shape, x, 0, 0);
    test_cannot_open("d", &no_y, HOOP_ESHAPE, "d-00001-of-00002.h5: rows of /x have shape (6)", "(5)");
    test_h5_add("d-00001-of-00002.h5", true, "/x", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 2, (hsize_t[]){4, 5}, x, 0, 0);
    test_cannot_open("d", &no_y, HOOP_EFORMAT, "d-00001-of-00002.h5", "/y is missing");
    make("d-00001-of-00002.h5", H5T_IEEE_F32LE, N, 0, 0);
    test_h5_attr_f64("d-00001-of-00002.h5", "/x", "scale", 2);
    test_cannot_open("d", &(hoop_dataset_opts){.attributes = HOOP_ATTRIBUTES_ALL}, HOOP_EFORMAT, "d-00001-of-00002.h5", "scale");
    make("d-00001-of-00002.h5", H5T_IEEE_F32LE, N, 0, 0);
    test_h5_attr_i64("d-00001-of-00002.h5", "/y", "classes", 7);
    test_cannot_open("d", &(hoop_dataset_opts){.attributes = HOOP_ATTRIBUTES_ALL}, HOOP_EFORMAT, "d-00001-of-00002.h5",
                     "classes");
}

static void fingerprints_tell_data_apart(void **state)
{
    hoop_error    err = {0};
    char          a[HOOP_FINGERPRINT_TEXT];
    hoop_dataset *ds;
    (void)state;
    test_ok(hoop_synth("digits", 3000, &(hoop_import_opts){.dir = "f4", .seed = 1}, &err, NULL));
    test_ok(hoop_synth("digits", 3000, &(hoop_import_opts){.dir = "f7", .seed = 1, .shards = 7}, &err, NULL));
    test_ok(hoop_synth("digits", 3000, &(hoop_import_opts){.dir = "fs", .seed = 2}, &err, NULL));
    ds = test_open_set("f4/train", NULL);
    memcpy(a, hoop_dataset_about(ds)->fingerprint, sizeof a);
    hoop_dataset_close(&ds);
    ds = test_open_set("f7/train", NULL);
    assert_string_equal(a, hoop_dataset_about(ds)->fingerprint); /* other shards, same rows */
    hoop_dataset_close(&ds);
    ds = test_open_set("fs/train", NULL);
    assert_string_not_equal(a, hoop_dataset_about(ds)->fingerprint);
    hoop_dataset_close(&ds);
    assert_int_equal(strlen(a), 32);
}

/* Is byte `at` of a file one of the elements of x or y? */
static bool is_data(const char *path, int64_t at)
{
    const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    bool        is   = false;
    for (int k = 0; k < 2; k++) {
        const hid_t   dset  = H5Dopen2(file, k == 0 ? "/x" : "/y", H5P_DEFAULT);
        const int64_t first = (int64_t)H5Dget_offset(dset), bytes = (int64_t)H5Dget_storage_size(dset);
        assert_true(dset >= 0 && bytes > 0);
        is = is || (at >= first && at < first + bytes);
        (void)H5Dclose(dset);
    }
    (void)H5Fclose(file);
    return is;
}

/* Whatever is said of files with changed bytes, nothing crashes; and in our own files changed data is noticed. */
static void flipped_bytes_do_not_crash(void **state)
{
    static const char *const kinds[] = {"flip-c.h5", "flip-z.h5", "flip-i.h5"};
    hoop_error               err     = {0};
    uint64_t                 random  = 4;
    int                      of_data = 0;
    (void)state;
    make(kinds[0], H5T_IEEE_F32LE, N, 0, 0);
    make(kinds[1], H5T_IEEE_F32LE, N, 7, 4);
    test_ok(hoop_synth("spirals", N, &(hoop_import_opts){.dir = "flip", .shards = 1}, &err, NULL));
    assert_int_equal(rename("flip/train-00000-of-00001.h5", kinds[2]), 0);
    for (int k = 0; k < 3; k++) {
        int64_t n;
        char   *good = test_load(kinds[k], &n);
        for (int i = 0; i < 1500; i++) {
            const int64_t       at   = (int64_t)(test_random(&random) % (uint64_t)n);
            const unsigned char mask = (unsigned char)(1 + test_random(&random) % 255);
            hoop_dataset       *ds   = NULL;
            hoop_verify_report  report;
            const bool          data = k == 2 && is_data(kinds[k], at);
            of_data += data;
            test_flip(kinds[k], at, mask);
            memset(&err, 0, sizeof err);
            if (hoop_dataset_open(kinds[k], NULL, &err, &ds) == HOOP_OK) {
                const hoop_status st = hoop_dataset_verify(ds, NULL, NULL, &err, &report);
                if (data && st == HOOP_OK) fail_msg("byte %lld of %s was changed and not noticed", (long long)at, kinds[k]);
            }
            hoop_dataset_close(&ds);
            test_store(kinds[k], good, n);
        }
        free(good);
    }
    assert_in_range(of_data, 100, 1400);
}

/* Overwrite an attribute of one of our files. */
static void attr_write(const char *path, const char *object, const char *name, hid_t memory, const void *value)
{
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), of = H5Oopen(file, object, H5P_DEFAULT),
                attr = H5Aopen(of, name, H5P_DEFAULT);
    const hid_t type = memory >= 0 ? H5Tcopy(memory) : H5Aget_type(attr);
    assert_true(attr >= 0 && H5Awrite(attr, type, value) >= 0);
    (void)H5Tclose(type);
    (void)H5Aclose(attr);
    (void)H5Oclose(of);
    assert_true(H5Fclose(file) >= 0);
}

/* Where the elements of a dataset begin in its file. */
static int64_t data_at(const char *path, const char *name)
{
    const hid_t   file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), dset = H5Dopen2(file, name, H5P_DEFAULT);
    const int64_t at = (int64_t)H5Dget_offset(dset);
    assert_true(dset >= 0 && H5Dclose(dset) >= 0 && H5Fclose(file) >= 0);
    return at;
}

/* Of a shard of ours one byte is flipped, of x, of y or of their checksums: whoever reads a row beside it is told, and nobody
 * else; the file can be opened, and verified, as before. */
static void damage_is_found_by_reading(void **state)
{
    static const char path[] = "damaged/train-00001-of-00002.h5";
    static const struct {
        const char *name, *says;
        int         field;
        int64_t     far, near; /* a row of another block, of the other shard if there is but one; and one of this block */
        int64_t     byte;
        bool        verify; /* finds it */
    } cases[] = {
        {"/x", "/x is damaged: the checksum of rows 83 to 165 does not match", HOOP_FIELD_X, 1082, 1100, 100 * 784 + 5, true},
        {"/y", "/y is damaged: the checksum of rows 0 to 999 does not match", HOOP_FIELD_Y, 999, 1999, 100 * 8, true},
        {"/xxh3_64/x", "/x is damaged: the checksum of rows 83 to 165 does not match", HOOP_FIELD_X, 1166, 1165, 8, false},
        {"/x", "/x is damaged: the checksum of rows 996 to 999 does not match", HOOP_FIELD_X, 1995, 1999, 1000 * 784 - 1, true},
    };
    static double x[2 * 784];
    hoop_error    err = {0};
    hoop_dataset *ds;
    hid_t         file;
    (void)state;
    test_ok(hoop_synth("digits", 2000, &(hoop_import_opts){.dir = "damaged", .shards = 2}, &err, NULL));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int64_t rows[] = {cases[i].far, cases[i].near};
        test_flip(path, data_at(path, cases[i].name) + cases[i].byte, 16);
        ds = test_open_set("damaged/train", NULL);
        test_ok(hoop_dataset_read(ds, rows, 1, cases[i].field, HOOP_F64, x, &err));
        for (int again = 0; again < 2; again++) {
            err = (hoop_error){0};
            test_failed(hoop_dataset_read(ds, rows, 2, cases[i].field, HOOP_F64, x, &err), &err, HOOP_ECHECKSUM, path,
                        cases[i].says, NULL);
        }
        err = (hoop_error){0};
        if (cases[i].verify)
            test_failed(hoop_dataset_verify(ds, NULL, NULL, &err, NULL), &err, HOOP_ECHECKSUM, path, cases[i].name, NULL);
        else
            test_ok(hoop_dataset_verify(ds, NULL, NULL, &err, NULL));
        err = (hoop_error){0};
        hoop_dataset_close(&ds);
        test_flip(path, data_at(path, cases[i].name) + cases[i].byte, 16);
    }
    /* the same of x where y is read by chunks */
    file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(H5Ldelete(file, "/y", H5P_DEFAULT) >= 0 && H5Fclose(file) >= 0);
    test_h5_add(path, false, "/y", H5T_NATIVE_INT64, H5T_NATIVE_DOUBLE, 1, (hsize_t[]){1000}, x, 100, 0);
    test_flip(path, data_at(path, "/x") + 5, 1);
    ds = test_open_set(path, NULL);
    assert_false(hoop_dataset_about(ds)->mapped);
    test_ok(hoop_dataset_read(ds, (int64_t[]){83}, 1, HOOP_FIELD_X, HOOP_F64, x, &err));
    test_failed(hoop_dataset_read(ds, (int64_t[]){82}, 1, HOOP_FIELD_X, HOOP_F64, x, &err), &err, HOOP_ECHECKSUM, path,
                "/x is damaged: the checksum of rows 0 to 82 does not match", NULL);
    hoop_dataset_close(&ds);
    /* checksums that cannot be those of x */
    err = (hoop_error){0};
    attr_write(path, "/x", "xxh3_64_rows", H5T_NATIVE_INT, &(int){84});
    test_failed(hoop_dataset_open(path, NULL, &err, &ds), &err, HOOP_EFORMAT, path, "/xxh3_64/x",
                "xxh3_64_rows of /x, which is 84", NULL);
}

/* A wrong value, and a chunk behind it that cannot be read: the second is the reason, in its own words. */
static void verify_says_what_cannot_be_read(void **state)
{
    enum { ROWS = 20000, WIDE = 64 }; /* more than the fingerprint reads */
    const hsize_t shape[2] = {ROWS, WIDE};
    float        *x        = malloc(sizeof *x * ROWS * WIDE);
    hoop_error    err      = {0};
    hoop_dataset *ds;
    int64_t       n, at = 2048;
    char         *bytes;
    (void)state;
    for (int i = 0; i < ROWS * WIDE; i++) x[i] = (float)(i * 37 % 1009);
    x[1] = NAN;
    test_h5_add("late.h5", true, "/x", H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, 2, shape, x, 7, 6);
    bytes = test_load("late.h5", &n);
    for (int stream = 0; stream < 12; at++) /* zlib streams of level 6 begin 78 9c; spoil the twelfth */
        if ((unsigned char)bytes[at] == 0x78 && (unsigned char)bytes[at + 1] == 0x9c && ++stream == 12)
            test_flip("late.h5", at + 5, 0xff);
    ds = test_open_set("late.h5", &(hoop_dataset_opts){.use_y = HOOP_Y_NONE});
    test_failed(hoop_dataset_verify(ds, NULL, NULL, &err, NULL), &err, HOOP_EFORMAT, "late.h5", "the chunk at row", "damaged",
                NULL);
    hoop_dataset_close(&ds);
    free(bytes);
    free(x);
}

/* A path that is there is itself; only then a pattern. */
static void names_with_signs_of_patterns(void **state)
{
    hoop_error    err = {0};
    hoop_dataset *ds;
    const char   *specs[] = {"set[1]/train", "set[1]/train-*",  "set[1]/train-00000-of-00002.h5", "set[1]/va*n-00000-of-00001.h5",
                             "x?*/train[",   "se?[[]1]/train-*"};
    const int64_t rows[]  = {16, 16, 8, 2, 2, 16};
    (void)state;
    test_ok(hoop_synth("spirals", 20, &(hoop_import_opts){.dir = "set[1]", .shards = 2, .split = 0.2}, &err, NULL));
    assert_int_equal(mkdir("x?*", 0777), 0);
    assert_int_equal(rename("set[1]/validation-00000-of-00002.h5", "set[1]/validation-00000-of-00001.h5"), 0);
    assert_int_equal(rename("set[1]/validation-00001-of-00002.h5", "x?*/train[.h5"), 0);
    for (int i = 0; i < 6; i++) {
        test_ok(hoop_dataset_open(specs[i], &(hoop_dataset_opts){.use_y = HOOP_Y_OPTIONAL}, &err, &ds));
        if (hoop_dataset_about(ds)->length != rows[i])
            fail_msg("%s: %lld rows", specs[i], (long long)hoop_dataset_about(ds)->length);
        hoop_dataset_close(&ds);
    }
}

static void attributes_of_ours_are_checked(void **state)
{
    static const char cats[] = "1,cat\n2,dog\n", eels[] = "1,eel\n2,dog\n";
    const int64_t     three = 3;
    hoop_error        err   = {0};
    (void)state;
    test_ok(hoop_synth("spirals", N, &(hoop_import_opts){.dir = "later", .shards = 1}, &err, NULL));
    attr_write("later/train-00000-of-00001.h5", "/", "hoop_format", -1, "dataset shard 2");
    test_cannot_open("later/train", NULL, HOOP_EFORMAT, "later/train-00000-of-00001.h5: is a dataset shard of version 2",
                     "up to 1");
    attr_write("later/train-00000-of-00001.h5", "/", "hoop_format", -1, "dataset shard x");
    test_cannot_open("later/train", NULL, HOOP_EFORMAT, "later/train", "hoop_format");
    test_store("cats.csv", cats, sizeof cats - 1);
    test_store("eels.csv", eels, sizeof eels - 1);
    test_ok(hoop_import_csv("cats.csv", NULL, &(hoop_import_opts){.dir = "named-1", .shards = 1}, &err, NULL));
    test_ok(hoop_import_csv("eels.csv", NULL, &(hoop_import_opts){.dir = "named-2", .shards = 1}, &err, NULL));
    test_cannot_open("named-*/train*", NULL, HOOP_EFORMAT, "named-2/train-00000-of-00001.h5", "class_names");
    attr_write("named-1/train-00000-of-00001.h5", "/y", "classes", H5T_NATIVE_INT64, &three);
    test_cannot_open("named-1/train", NULL, HOOP_EFORMAT, "named-1/train", "class_names of /y has 2 names, but classes is 3");
}

/* One attribute of any type and shape (n 0: a scalar). */
static void attr_add(const char *path, const char *dataset, const char *name, hid_t type, hsize_t n, const void *value)
{
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), dset = H5Dopen2(file, dataset, H5P_DEFAULT),
                space = n == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &n, NULL),
                attr  = H5Acreate2(dset, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(attr >= 0 && H5Awrite(attr, type, value) >= 0 && H5Aclose(attr) >= 0 && H5Sclose(space) >= 0 &&
                H5Dclose(dset) >= 0 && H5Fclose(file) >= 0);
}

static void attributes_of_a_wrong_type_are_named(void **state)
{
    const double  three = 3, two[] = {2, 2};
    const int64_t each[] = {3, 3};
    hoop_dataset *ds;
    const struct {
        const char *dataset, *name;
        hid_t       type; /* 0: a string */
        hsize_t     n;
        const void *value;
        const char *says;
    } cases[] = {
        {"/x", "scale", 0, 0, "2", "attribute scale of /x is the string '2'; one number is wanted"},
        {"/x", "scale", H5T_NATIVE_DOUBLE, 2, two,
         "attribute scale of /x is 2 values of type float of 8 bytes; one number is wanted"},
        {"/y", "scale", 0, 0, "\n", "attribute scale of /y is the string '?'; one number is wanted"},
        {"/y", "classes", H5T_NATIVE_DOUBLE, 0, &three, "attribute classes of /y is 3, stored as a float; one integer is wanted"},
        {"/y", "classes", 0, 1, "3", "attribute classes of /y is the string '3'; one integer is wanted"},
        {"/y", "classes", H5T_NATIVE_INT64, 2, each,
         "attribute classes of /y is 2 values of type integer of 8 bytes; one integer"},
        {"/y", "class_names", H5T_NATIVE_INT64, 2, each, "attribute class_names of /y is 2 values of type integer"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make("typed.h5", H5T_IEEE_F32LE, N, 0, 0);
        attr_add("typed.h5", cases[i].dataset, cases[i].name, cases[i].type == 0 ? H5T_C_S1 : cases[i].type, cases[i].n,
                 cases[i].value);
        test_cannot_open("typed.h5", &(hoop_dataset_opts){.attributes = HOOP_ATTRIBUTES_ALL}, HOOP_EFORMAT, "typed.h5: attribute",
                         cases[i].says);
    }
    make("typed.h5", H5T_IEEE_F32LE, N, 0, 0);
    attr_add("typed.h5", "/x", "scale", H5T_STD_I8BE, 1, &(signed char){2}); /* one number, however stored */
    ds = test_open_set("typed.h5", &(hoop_dataset_opts){.attributes = HOOP_ATTRIBUTES_ALL});
    assert_true(hoop_dataset_about(ds)->field[0].scale == 2);
    hoop_dataset_close(&ds);
}

/* Names are sorted by their bytes in every country. */
static void globs_have_one_order(void **state)
{
    static const char *const locales[] = {"en_US.UTF-8", "de_DE.UTF-8", "en_GB.UTF-8", "fr_FR.UTF-8"};
    const char              *set       = NULL;
    hoop_dataset            *ds;
    (void)state;
    assert_int_equal(mkdir("order", 0777), 0);
    make("order/b.h5", H5T_IEEE_F32LE, N, 0, 0);
    make("order/A.h5", H5T_IEEE_F32LE, N, 0, 0);
    make("order/C.h5", H5T_IEEE_F32LE, N, 0, 0);
    for (size_t i = 0; i < 4 && set == NULL; i++) set = setlocale(LC_COLLATE, locales[i]);
    if (set == NULL) print_message("no locale here that sorts otherwise\n");
    ds = test_open_set("order/*.h5", NULL);
    assert_string_equal(hoop_dataset_path(ds, 0, NULL), "order/A.h5");
    assert_string_equal(hoop_dataset_path(ds, 1, NULL), "order/C.h5");
    assert_string_equal(hoop_dataset_path(ds, 2, NULL), "order/b.h5");
    hoop_dataset_close(&ds);
    (void)setlocale(LC_COLLATE, "C");
}

static void verify_finds_what_is_wrong(void **state)
{
    const hsize_t      shape[2] = {6, 2};
    float              x[12]    = {0};
    int64_t            y[6]     = {0, 1, 2, 2, 1, 3};
    hoop_error         err      = {0};
    hoop_verify_report r;
    hoop_dataset      *ds;
    (void)state;
    x[3] = 5;
    x[4] = -2;
    test_h5_add("v.h5", true, "/x", H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, 2, shape, x, 0, 0);
    test_h5_add("v.h5", false, "/y", H5T_NATIVE_INT64, H5T_NATIVE_INT64, 1, shape, y, 2, 0);
    test_h5_attr_f64("v.h5", "/x", "scale", 2);
    ds = test_open_set("v.h5", &(hoop_dataset_opts){.attributes = HOOP_ATTRIBUTES_ALL});
    test_ok(hoop_dataset_verify(ds, NULL, NULL, &err, &r));
    assert_int_equal(r.rows, 6);
    assert_int_equal(r.checksums, 0);
    assert_int_equal(r.field[HOOP_FIELD_Y].greatest, 3);
    assert_true(r.field[HOOP_FIELD_X].least == -4 && r.field[HOOP_FIELD_X].greatest == 10);
    hoop_dataset_close(&ds);
    test_h5_attr_i64("v.h5", "/y", "classes", 3);
    ds = test_open_set("v.h5", &(hoop_dataset_opts){.attributes = HOOP_ATTRIBUTES_ALL});
    test_failed(hoop_dataset_verify(ds, NULL, NULL, &err, NULL), &err, HOOP_ERANGE, "v.h5", "row 5 of /y", "class 3", "0 to 2",
                NULL);
    hoop_dataset_close(&ds);
    x[7] = NAN;
    test_h5_add("v.h5", true, "/x", H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, 2, shape, x, 0, 0);
    ds = test_open_set("v.h5", &(hoop_dataset_opts){.use_y = HOOP_Y_NONE});
    memset(&err, 0, sizeof err);
    test_failed(hoop_dataset_verify(ds, NULL, NULL, &err, NULL), &err, HOOP_ENONFINITE, "v.h5", "row 3 of /x", NULL);
    hoop_dataset_close(&ds);
    memset(&err, 0, sizeof err);
    test_ok(hoop_synth("digits", 100, &(hoop_import_opts){.dir = "vs"}, &err, NULL));
    test_flip("vs/train-00002-of-00004.h5", 10000, 1);
    ds = test_open_set("vs/train", NULL);
    test_failed(hoop_dataset_verify(ds, NULL, NULL, &err, NULL), &err, HOOP_ECHECKSUM, "vs/train-00002-of-00004.h5", "/x", NULL);
    hoop_dataset_close(&ds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dtype_and_layout_reads_the_same),
        cmocka_unit_test(casts_of_any_length),
        cmocka_unit_test(chunks_are_read_as_hdf5_wrote_them),
        cmocka_unit_test(data_outside_of_the_file_is_read),
        cmocka_unit_test(data_never_written_is_refused),
        cmocka_unit_test(chunks_never_written_are_refused),
        cmocka_unit_test(virtual_data_has_its_sources),
        cmocka_unit_test(shards_globs_and_prefixes),
        cmocka_unit_test(names_and_absent_targets),
        cmocka_unit_test(bad_files_are_named),
        cmocka_unit_test(what_the_system_says_is_passed_on),
        cmocka_unit_test(more_shards_than_files_may_be_open),
        cmocka_unit_test(shards_that_differ_are_named),
        cmocka_unit_test(fingerprints_tell_data_apart),
        cmocka_unit_test(flipped_bytes_do_not_crash),
        cmocka_unit_test(damage_is_found_by_reading),
        cmocka_unit_test(verify_finds_what_is_wrong),
        cmocka_unit_test(verify_says_what_cannot_be_read),
        cmocka_unit_test(names_with_signs_of_patterns),
        cmocka_unit_test(attributes_of_ours_are_checked),
        cmocka_unit_test(attributes_of_a_wrong_type_are_named),
        cmocka_unit_test(globs_have_one_order),
    };
    return cmocka_run_group_tests(tests, test_enter, test_leave);
}
