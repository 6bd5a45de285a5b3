/* HDF5 files that hoop did not write, read where they are: their types, filters, attributes and labels. */
#include "io_test.h"

#include <lzf.h>
#include <math.h>

#include "hoop/import.h"

static const hoop_dataset_opts no_y = {.use_y = HOOP_Y_NONE}, maybe_y = {.use_y = HOOP_Y_OPTIONAL};

static void read_all(hoop_dataset *ds, int field, hoop_dtype as, void *out)
{
    hoop_error err = {0};
    int64_t    index[64], n = hoop_dataset_about(ds)->length;
    assert_true(n <= 64);
    for (int64_t i = 0; i < n; i++) index[i] = i;
    test_ok(hoop_dataset_read(ds, index, n, field, as, out, &err));
}

/* Reading, checking and verifying all fail, with these words. */
static void cannot_read(const char *spec, const hoop_dataset_opts *o, int field, hoop_status want, const char *a, const char *b)
{
    hoop_dataset *ds  = test_open_set(spec, o);
    hoop_error    err = {0};
    int64_t       index[64], n = hoop_dataset_about(ds)->length;
    double        out[256];
    for (int64_t i = 0; i < n; i++) index[i] = i;
    assert_true(hoop_dataset_about(ds)->field[field].checked);
    test_failed(hoop_dataset_read(ds, index, n, field, HOOP_F64, out, &err), &err, want, spec, a, b, NULL);
    memset(&err, 0, sizeof err);
    test_failed(hoop_dataset_check(ds, &err), &err, want, spec, a, b, NULL);
    memset(&err, 0, sizeof err);
    test_failed(hoop_dataset_verify(ds, NULL, NULL, &err, NULL), &err, want, spec, a, b, NULL);
    hoop_dataset_close(&ds);
}

static void attr_add(const char *path, const char *dataset, const char *name, hid_t type, hsize_t n, const void *value)
{
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), dset = H5Oopen(file, dataset, H5P_DEFAULT),
                space = n == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &n, NULL),
                attr  = H5Acreate2(dset, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(attr >= 0 && H5Awrite(attr, type, value) >= 0 && H5Aclose(attr) >= 0 && H5Sclose(space) >= 0 &&
                H5Oclose(dset) >= 0 && H5Fclose(file) >= 0);
}

static void text_add(const char *path, const char *dataset, const char *name, const char *text)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    (void)H5Tset_size(type, strlen(text) + 1);
    attr_add(path, dataset, name, type, 0, text);
    (void)H5Tclose(type);
}

/* ---- types ---- */

static hid_t enum_of(hid_t base, int n, const char *const *names, const int *codes)
{
    const hid_t type = H5Tenum_create(base);
    for (int i = 0; i < n; i++) {
        unsigned char value[8];
        memcpy(value, &codes[i], sizeof codes[i]);
        assert_true(H5Tconvert(H5T_NATIVE_INT, base, 1, value, NULL, H5P_DEFAULT) >= 0 &&
                    H5Tenum_insert(type, names[i], value) >= 0);
    }
    return type;
}

static const char *const bools[] = {"FALSE", "TRUE"}, *const kinds[] = {"setosa", "virginica", "versicolor"};
static const int zero_one[] = {0, 1}, mixed[] = {0, 2, 1}, from_one[] = {1, 2, 3};

/* 6 rows: x (6, 2) and y (6) of the same enum, in any layout */
static void make_enum(hid_t base, int n, const char *const *names, const int *codes, hsize_t chunk, int deflate)
{
    const hid_t   type     = enum_of(base, n, names, codes);
    const hsize_t shape[2] = {6, 2};
    int           code[12];
    unsigned char data[12 * 8];
    for (int i = 0; i < 12; i++) code[i] = codes[i % n];
    memcpy(data, code, sizeof code);
    assert_true(H5Tconvert(H5T_NATIVE_INT, base, 12, data, NULL, H5P_DEFAULT) >= 0);
    test_h5_add("enum.h5", true, "/x", type, type, 2, shape, data, chunk, deflate);
    test_h5_add("enum.h5", false, "/y", type, type, 1, shape, data, chunk, deflate);
    (void)H5Tclose(type);
}

static void enums_are_classes_and_numbers(void **state)
{
    const hid_t bases[] = {H5T_STD_I8LE, H5T_STD_U8LE, H5T_STD_I32BE, H5T_STD_I64LE, H5T_STD_U16LE};
    (void)state;
    for (int b = 0; b < 5; b++)
        for (int layout = 0; layout < 3; layout++) {
            int64_t       x[12], y[6];
            float         x32[12];
            hoop_dataset *ds;
            make_enum(bases[b], 2, bools, zero_one, layout == 0 ? 0 : 4, layout == 2 ? 1 : 0);
            ds = test_open_set("enum.h5", NULL);
            assert_int_equal(hoop_dataset_about(ds)->field[HOOP_FIELD_Y].classes, 2);
            assert_string_equal(hoop_dataset_class_name(ds, HOOP_FIELD_Y, 1), "TRUE");
            assert_int_equal(hoop_dataset_about(ds)->mapped, layout == 0 && (b < 2 || b == 3)); /* h5py's bool is mapped */
            assert_int_equal(hoop_dataset_about(ds)->field[0].dtype, b < 2 ? HOOP_U8 : b == 3 ? HOOP_I64 : HOOP_I32);
            read_all(ds, 0, HOOP_I64, x);
            read_all(ds, 0, HOOP_F32, x32);
            read_all(ds, 1, HOOP_I64, y);
            for (int i = 0; i < 12; i++) assert_true(x[i] == i % 2 && x32[i] == (float)(i % 2) && y[i / 2] == i / 2 % 2);
            hoop_dataset_close(&ds);
        }
    make_enum(H5T_STD_U8LE, 3, kinds, mixed, 0, 0); /* names go with codes, whatever their order */
    {
        hoop_dataset *ds = test_open_set("enum.h5", NULL);
        assert_int_equal(hoop_dataset_about(ds)->field[HOOP_FIELD_Y].classes, 3);
        assert_string_equal(hoop_dataset_class_name(ds, HOOP_FIELD_Y, 0), "setosa");
        assert_string_equal(hoop_dataset_class_name(ds, HOOP_FIELD_Y, 1), "versicolor");
        hoop_dataset_close(&ds);
    }
    make_enum(H5T_STD_I16LE, 3, kinds, from_one, 0, 0);
    test_cannot_open("enum.h5", NULL, HOOP_EDTYPE, "/y is an enum of 3 names (setosa = 1, virginica = 2, versicolor = 3)",
                     "numbered 0 to 2: store such codes, or data.labels: whole");
    {
        hoop_dataset *ds = test_open_set("enum.h5", &(hoop_dataset_opts){.labels = HOOP_LABELS_WHOLE});
        int64_t       y[6];
        read_all(ds, 1, HOOP_I64, y);
        assert_true(y[0] == 1 && y[2] == 3 && hoop_dataset_about(ds)->field[HOOP_FIELD_Y].classes == 0);
        hoop_dataset_close(&ds);
    }
}

static void unsigned_integers_that_fit(void **state)
{
    const hsize_t  shape[1] = {4};
    const uint64_t good[] = {0, 1, 1 << 20, INT64_MAX}, bad[] = {0, 1, UINT64_MAX, UINT64_MAX - 1};
    const hid_t    types[] = {H5T_STD_U64LE, H5T_STD_U64BE};
    (void)state;
    for (int layout = 0; layout < 6; layout++) {
        const hid_t   type = types[layout % 2];
        int64_t       x[4];
        hoop_dataset *ds;
        test_h5_add("u64.h5", true, "/x", type, H5T_NATIVE_UINT64, 1, shape, good, layout < 2 ? 0 : 3, layout < 4 ? 0 : 2);
        ds = test_open_set("u64.h5", &maybe_y);
        assert_int_equal(hoop_dataset_about(ds)->field[0].dtype, HOOP_I64);
        assert_int_equal(hoop_dataset_about(ds)->mapped, layout == 0);
        read_all(ds, 0, HOOP_I64, x);
        for (int i = 0; i < 4; i++) assert_int_equal(x[i], good[i]);
        hoop_dataset_close(&ds);
        test_h5_add("u64.h5", true, "/x", type, H5T_NATIVE_UINT64, 1, shape, bad, layout < 2 ? 0 : 3, layout < 4 ? 0 : 2);
        cannot_read("u64.h5", &maybe_y, 0, HOOP_ERANGE, "row 2 of /x, element 0, is 18446744073709551615", "and 1 more");
    }
}

static void types_are_named_as_they_are(void **state)
{
    const hsize_t shape[2] = {4, 2}, three[1] = {3};
    const hid_t   pair = H5Tcreate(H5T_COMPOUND, 12), text = H5Tcopy(H5T_C_S1), list = H5Tvlen_create(H5T_NATIVE_INT),
                lists = H5Tvlen_create(list), array = H5Tarray_create2(H5T_IEEE_F32LE, 1, three),
                opaque = H5Tcreate(H5T_OPAQUE, 5);
    (void)state;
    (void)H5Tinsert(pair, "a", 0, H5T_STD_I32LE);
    (void)H5Tinsert(pair, "b\n", 4, H5T_IEEE_F64LE);
    (void)H5Tset_size(text, H5T_VARIABLE);
    const struct {
        hid_t       type;
        const char *says, *wants;
    } cases[] = {
        {pair, "compound of 2 fields (a, b?)", "write its fields as columns of one"},
        {text, "string of any length", "hoop data import-csv makes classes of words"},
        {lists, "list of any length of list of any length of integer of 4 bytes", "its shape (rows, ...)"},
        {array, "array (3) of float of 4 bytes", "its shape (rows, ...)"},
        {opaque, "opaque of 5 bytes", "float, or integer that fits in 64 signed bits"},
        {H5T_STD_B32LE, "bitfield of 4 bytes", "float, or integer"},
        {H5T_STD_REF_OBJ, "reference of 8 bytes", "float, or integer"},
        {H5T_NATIVE_LDOUBLE, "float of 16 bytes (80 bits are used)", "float, or integer"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const bool long_double = cases[i].type == H5T_NATIVE_LDOUBLE;
        if (long_double && (H5Tget_size(H5T_NATIVE_LDOUBLE) != 16 || H5Tget_precision(H5T_NATIVE_LDOUBLE) != 80)) continue;
        test_h5_add("type.h5", true, "/x", cases[i].type, cases[i].type, 1, shape, NULL, 0, 0);
        test_cannot_open("type.h5", &no_y, HOOP_EDTYPE, cases[i].says, cases[i].wants);
    }
    (void)H5Tclose(pair);
    (void)H5Tclose(text);
    (void)H5Tclose(lists);
    (void)H5Tclose(list);
    (void)H5Tclose(array);
    (void)H5Tclose(opaque);
}

static void what_is_no_dataset_is_said(void **state)
{
    const hsize_t shape[1] = {3};
    const float   x[3]     = {1, 2, 3};
    hoop_dataset *ds;
    hid_t         file;
    (void)state;
    test_h5_add("group.h5", true, "/a/x", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1, shape, x, 0, 0);
    test_h5_add("group.h5", false, "/a/b/z", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1, shape, x, 2, 0);
    file = H5Fopen("group.h5", H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(H5Lcreate_soft("/a/b/z", file, "soft", H5P_DEFAULT, H5P_DEFAULT) >= 0 &&
                H5Lcreate_soft("/nowhere", file, "loose", H5P_DEFAULT, H5P_DEFAULT) >= 0 && H5Fclose(file) >= 0);
    test_cannot_open("group.h5", &no_y, HOOP_EFORMAT, "there is no dataset /x", "it holds a/b/z, a/x");
    test_cannot_open("group.h5", &(hoop_dataset_opts){.x = "/a", .use_y = HOOP_Y_NONE}, HOOP_EFORMAT,
                     "/a cannot be opened as a dataset", "it is a group; it holds b/z, x");
    test_cannot_open("group.h5", &(hoop_dataset_opts){.x = "/loose", .use_y = HOOP_Y_NONE}, HOOP_EFORMAT,
                     "/loose is a link to what is", "not there");
    ds = test_open_set("group.h5", &(hoop_dataset_opts){.x = "/soft", .use_y = HOOP_Y_NONE});
    hoop_dataset_close(&ds);
}

/* ---- filters ---- */

/* As h5py stores it: shuffle (s), LZF (l), fletcher32 (f) by hand, chunks of 4 rows of 3 i32; `raw`: as it did not get smaller.
 */
static void make_lzf(const char *filters, const int *x, int rows, bool raw)
{
    const unsigned values[3] = {4, 0x0105, 4 * 3 * sizeof(int)};
    const hsize_t  shape[2] = {(hsize_t)rows, 3}, chunk[2] = {4, 3};
    const hid_t    file = H5Fcreate("lzf.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), dcpl = H5Pcreate(H5P_DATASET_CREATE),
                space = H5Screate_simple(2, shape, NULL);
    hid_t dset;
    (void)H5Pset_chunk(dcpl, 2, chunk);
    for (const char *f = filters; *f != '\0'; f++)
        assert_true((*f == 's'   ? H5Pset_shuffle(dcpl)
                     : *f == 'f' ? H5Pset_fletcher32(dcpl)
                                 : H5Pset_filter(dcpl, 32000, H5Z_FLAG_OPTIONAL, 3, values)) >= 0);
    dset = H5Dcreate2(file, "/x", H5T_STD_I32LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    assert_true(dset >= 0);
    for (int at = 0; at < rows; at += 4) {
        unsigned char a[256] = {0}, b[256];
        unsigned      n = 48, mask = 0, k = 0;
        const hsize_t place[2] = {(hsize_t)at, 0};
        memcpy(a, x + at * 3, (size_t)(rows - at < 4 ? rows - at : 4) * 3 * sizeof *x);
        for (const char *f = filters; *f != '\0'; f++, k++) {
            if (*f == 's') {
                for (unsigned i = 0; i < 48; i++) b[i % 4 * 12 + i / 4] = a[i];
                memcpy(a, b, 48);
            } else if (*f == 'l' && raw) {
                mask |= 1u << k;
            } else if (*f == 'l') {
                const unsigned m = lzf_compress(a, n, b, sizeof b);
                assert_true(m > 0);
                memcpy(a, b, m);
                n = m;
            } else {
                uint32_t low = 0, high = 0;
                for (unsigned i = 0; i < n; i += 2) {
                    low  = (low + ((uint32_t)a[i] << 8) + (i + 1 < n ? a[i + 1] : 0)) % 65535;
                    high = (high + low) % 65535;
                }
                for (int i = 0; i < 4; i++) a[n + (unsigned)i] = (unsigned char)((high << 16 | low) >> (8 * i));
                n += 4;
            }
        }
        assert_true(H5Dwrite_chunk(dset, H5P_DEFAULT, mask, place, n, a) >= 0);
    }
    assert_true(H5Dclose(dset) >= 0 && H5Pclose(dcpl) >= 0 && H5Sclose(space) >= 0 && H5Fclose(file) >= 0);
}

static void lzf_is_read(void **state)
{
    static const char *const pipelines[] = {"l", "sl", "lf", "slf", "fsl", "ll"};
    int                      x[10 * 3];
    (void)state;
    for (int i = 0; i < 30; i++) x[i] = i / 4 * 3 - 7;
    for (size_t p = 0; p < sizeof pipelines / sizeof pipelines[0]; p++)
        for (int raw = 0; raw < 2; raw++) {
            int64_t       got[30];
            hoop_dataset *ds;
            if (pipelines[p][0] == 'f') continue; /* fletcher32's four bytes more are in no chunk made here */
            make_lzf(pipelines[p], x, 10, raw == 1);
            ds = test_open_set("lzf.h5", &no_y);
            read_all(ds, 0, HOOP_I64, got);
            for (int i = 0; i < 30; i++) assert_int_equal(got[i], x[i]);
            hoop_dataset_close(&ds);
        }
}

static void damaged_lzf_is_found(void **state)
{
    int     x[30] = {0}, found = 0;
    int64_t n, index           = 0, got[3];
    haddr_t at   = 0;
    hsize_t size = 0;
    hid_t   file, dset, space;
    char   *bytes;
    (void)state;
    make_lzf("l", x, 10, false);
    file  = H5Fopen("lzf.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    dset  = H5Dopen2(file, "/x", H5P_DEFAULT);
    space = H5Dget_space(dset);
    assert_true(H5Dget_chunk_info(dset, space, 0, NULL, NULL, &at, &size) >= 0 && size > 2);
    assert_true(H5Sclose(space) >= 0 && H5Dclose(dset) >= 0 && H5Fclose(file) >= 0);
    bytes = test_load("lzf.h5", &n);
    for (hsize_t bit = 0; bit < 8 * size; bit++) {
        hoop_error    err = {0};
        hoop_dataset *ds;
        hoop_status   st;
        test_store("bad.h5", bytes, n);
        test_flip("bad.h5", (int64_t)(at + bit / 8), (unsigned char)(1 << bit % 8));
        st = hoop_dataset_open("bad.h5", &no_y, &err, &ds);
        if (st == HOOP_OK) st = hoop_dataset_read(ds, &index, 1, 0, HOOP_I64, got, &err);
        if (st != HOOP_OK) test_failed(st, &err, HOOP_EFORMAT, "bad.h5: /x: the chunk at row 0 is damaged", NULL);
        found += st != HOOP_OK;
        hoop_dataset_close(&ds);
    }
    assert_true(found > 0);
    free(bytes);
}

/* HDF5 itself reads the sources of virtual data: it is given LZF. */
static void lzf_under_virtual_data(void **state)
{
    const hsize_t shape[2] = {10, 3};
    int           x[30];
    int64_t       got[30];
    hid_t         file, dcpl, space, dset;
    hoop_dataset *ds;
    (void)state;
    for (int i = 0; i < 30; i++) x[i] = i / 7;
    make_lzf("sl", x, 10, false);
    file  = H5Fcreate("over.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    dcpl  = H5Pcreate(H5P_DATASET_CREATE);
    space = H5Screate_simple(2, shape, NULL);
    assert_true(H5Pset_virtual(dcpl, space, "lzf.h5", "/x", space) >= 0);
    dset = H5Dcreate2(file, "/x", H5T_STD_I32LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    assert_true(H5Dclose(dset) >= 0 && H5Pclose(dcpl) >= 0 && H5Sclose(space) >= 0 && H5Fclose(file) >= 0);
    ds = test_open_set("over.h5", &no_y);
    read_all(ds, 0, HOOP_I64, got);
    for (int i = 0; i < 30; i++) assert_int_equal(got[i], x[i]);
    hoop_dataset_close(&ds);
    test_h5_add("made.h5", true, "/x", H5T_STD_I32LE, H5T_NATIVE_INT, 2, shape, x, 0, 0); /* and it writes it as well */
    file = H5Fopen("made.h5", H5F_ACC_RDWR, H5P_DEFAULT);
    dcpl = H5Pcreate(H5P_DATASET_CREATE);
    assert_true(H5Pset_chunk(dcpl, 2, shape) >= 0 && H5Pset_filter(dcpl, 32000, H5Z_FLAG_OPTIONAL, 0, NULL) >= 0);
    space = H5Screate_simple(2, shape, NULL);
    dset  = H5Dcreate2(file, "/z", H5T_STD_I32LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    assert_true(dset >= 0 && H5Dwrite(dset, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0 &&
                H5Dget_storage_size(dset) < 120);
    assert_true(H5Dclose(dset) >= 0 && H5Pclose(dcpl) >= 0 && H5Sclose(space) >= 0 && H5Fclose(file) >= 0);
    ds = test_open_set("made.h5", &(hoop_dataset_opts){.x = "/z", .use_y = HOOP_Y_NONE});
    read_all(ds, 0, HOOP_I64, got);
    for (int i = 0; i < 30; i++) assert_int_equal(got[i], x[i]);
    hoop_dataset_close(&ds);
}

/* Chunks that were stored with a filter; `mask`: it is not needed after all. */
static void make_filtered(const char *path, int filter, unsigned mask)
{
    const hsize_t shape[1] = {8}, at = 0;
    const hid_t   file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), dcpl = H5Pcreate(H5P_DATASET_CREATE),
                space = H5Screate_simple(1, shape, NULL);
    float x[8];
    hid_t dset;
    for (int i = 0; i < 8; i++) {
        uint32_t bits;
        x[i] = (float)i;
        memcpy(&bits, &x[i], sizeof bits);
        if (mask == 0) bits = ~bits;
        memcpy(&x[i], &bits, sizeof bits);
    }
    (void)H5Pset_chunk(dcpl, 1, shape);
    assert_true(H5Pset_filter(dcpl, filter, H5Z_FLAG_OPTIONAL, 0, NULL) >= 0);
    dset = H5Dcreate2(file, "/x", H5T_IEEE_F32LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    assert_true(dset >= 0 && H5Dwrite_chunk(dset, H5P_DEFAULT, mask, &at, sizeof x, x) >= 0);
    assert_true(H5Dclose(dset) >= 0 && H5Pclose(dcpl) >= 0 && H5Sclose(space) >= 0 && H5Fclose(file) >= 0);
}

static void filters_that_are_missing_are_named(void **state)
{
    static const struct {
        int         filter;
        const char *says, *brings;
    } cases[]              = {{32026, "filter 32026 (blosc2)", "HDF5_PLUGIN_PATH"},
                              {307, "filter 307 (bzip2)", "Debian's package hdf5-filter-plugin brings it"},
                              {32001, "filter 32001 (blosc)", "Debian's package hdf5-filter-plugin-blosc-serial"},
                              {399, "filter 399 (no name)", "HDF5_PLUGIN_PATH"}};
    const hsize_t shape[1] = {8};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (H5Zfilter_avail(cases[i].filter) > 0) continue;
        make_filtered("filter.h5", cases[i].filter, 0);
        test_cannot_open("filter.h5", &no_y, HOOP_EFORMAT, cases[i].says, cases[i].brings);
    }
    /* of a source of virtual data as well */
    {
        const hid_t file = H5Fcreate("virtual.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), dcpl = H5Pcreate(H5P_DATASET_CREATE),
                    space = H5Screate_simple(1, shape, NULL);
        hid_t dset;
        assert_true(H5Pset_virtual(dcpl, space, "filter.h5", "/x", space) >= 0);
        dset = H5Dcreate2(file, "/x", H5T_IEEE_F32LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
        assert_true(H5Dclose(dset) >= 0 && H5Pclose(dcpl) >= 0 && H5Sclose(space) >= 0 && H5Fclose(file) >= 0);
        test_cannot_open("virtual.h5", &no_y, HOOP_EFORMAT, "filter.h5: /x is stored with filter 399", "HDF5_PLUGIN_PATH");
    }
    make_filtered("filter.h5", 399, 1); /* optional, and not used */
    {
        hoop_dataset *ds = test_open_set("filter.h5", &no_y);
        float         x[8];
        read_all(ds, 0, HOOP_F32, x);
        assert_true(x[7] == 7);
        hoop_dataset_close(&ds);
    }
}

static void a_plugin_brings_its_filter(void **state)
{
    hoop_dataset *ds;
    float         x[8];
    (void)state;
    make_filtered("plugin.h5", 305, 0);
    test_cannot_open("plugin.h5", &no_y, HOOP_EFORMAT, "filter 305", "HDF5_PLUGIN_PATH");
    assert_true(H5PLprepend(PLUGINS) >= 0); /* as that variable does, before HDF5 starts */
    ds = test_open_set("plugin.h5", &no_y);
    read_all(ds, 0, HOOP_F32, x);
    for (int i = 0; i < 8; i++) assert_true(x[i] == (float)i);
    hoop_dataset_close(&ds);
}

/* ---- netCDF ---- */

static void packed_values_are_unpacked(void **state)
{
    const hsize_t shape[2] = {3, 2};
    const short   packed[] = {0, 100, -5, 7, 32000, -32000};
    const float   factor32 = 0.25F, offset32 = 10;
    const double  factor = 0.01, offset = 273.15;
    char          before[HOOP_FINGERPRINT_TEXT];
    (void)state;
    for (int layout = 0; layout < 3; layout++) {
        const hid_t   type = layout == 0 ? H5T_STD_I16LE : H5T_STD_I16BE;
        double        x[6];
        float         x32[6];
        int64_t       y[3];
        hoop_error    err = {0};
        hoop_dataset *ds;
        test_h5_add("packed.h5", true, "/x", type, H5T_NATIVE_SHORT, 2, shape, packed, layout == 2 ? 2 : 0, layout == 2 ? 1 : 0);
        test_h5_add("packed.h5", false, "/y", H5T_STD_I32LE, H5T_NATIVE_SHORT, 1, shape, packed, 0, 0);
        ds = test_open_set("packed.h5", NULL);
        memcpy(before, hoop_dataset_about(ds)->fingerprint, sizeof before);
        hoop_dataset_close(&ds);
        attr_add("packed.h5", "/x", "scale_factor", H5T_NATIVE_DOUBLE, 1, &factor);
        attr_add("packed.h5", "/x", "add_offset", H5T_NATIVE_DOUBLE, 1, &offset);
        attr_add("packed.h5", "/y", "scale_factor", H5T_NATIVE_FLOAT, 0, &factor32);
        attr_add("packed.h5", "/y", "add_offset", H5T_NATIVE_FLOAT, 0, &offset32);
        ds = test_open_set("packed.h5", NULL);
        assert_string_not_equal(before, hoop_dataset_about(ds)->fingerprint);
        assert_int_equal(hoop_dataset_about(ds)->field[0].dtype, HOOP_F64);
        assert_int_equal(hoop_dataset_about(ds)->field[1].dtype, HOOP_F64); /* of i32: f32 would not hold it */
        assert_true(hoop_dataset_about(ds)->field[0].factor == factor && hoop_dataset_about(ds)->field[0].offset == offset);
        read_all(ds, 0, HOOP_F64, x);
        read_all(ds, 0, HOOP_F32, x32);
        for (int i = 0; i < 6; i++)
            assert_true(x[i] == packed[i] * factor + offset && x32[i] == (float)(packed[i] * factor + offset));
        read_all(ds, 1, HOOP_F64, x);
        assert_true(x[1] == 35);
        test_failed(hoop_dataset_read(ds, (int64_t[]){0}, 1, 1, HOOP_I64, y, &err), &err, HOOP_EDTYPE, "packed.h5", NULL);
        hoop_dataset_close(&ds);
        ds = test_open_set("packed.h5", &(hoop_dataset_opts){.attributes = HOOP_ATTRIBUTES_NONE});
        assert_string_equal(before, hoop_dataset_about(ds)->fingerprint);
        read_all(ds, 1, HOOP_I64, y);
        assert_int_equal(y[1], 100);
        hoop_dataset_close(&ds);
    }
    test_h5_add("packed.h5", true, "/x", H5T_STD_I16LE, H5T_NATIVE_SHORT, 2, shape, packed, 0, 0);
    attr_add("packed.h5", "/x", "scale_factor", H5T_NATIVE_FLOAT, 1, &factor32);
    {
        hoop_dataset *ds = test_open_set("packed.h5", &no_y);
        assert_int_equal(hoop_dataset_about(ds)->field[0].dtype, HOOP_F32); /* 16 bits by an f32 */
        assert_false(hoop_dataset_about(ds)->field[0].checked);
        hoop_dataset_close(&ds);
    }
    text_add("packed.h5", "/x", "add_offset", "ten");
    test_cannot_open("packed.h5", &no_y, HOOP_EFORMAT, "attribute add_offset of /x is not one number", "data.attributes: none");
}

/* Files of a series are packed each by its own numbers. */
static void each_shard_unpacks_by_itself(void **state)
{
    const hsize_t shape[1]  = {2};
    const short   packed[]  = {1, 2};
    const double  factors[] = {0.5, 2};
    char          path[64], before[HOOP_FINGERPRINT_TEXT];
    double        x[4];
    hoop_dataset *ds;
    (void)state;
    for (int i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "series-%05d-of-00002.h5", i);
        test_h5_add(path, true, "/x", H5T_STD_I16LE, H5T_NATIVE_SHORT, 1, shape, packed, 0, 0);
        attr_add(path, "/x", "scale_factor", H5T_NATIVE_DOUBLE, 1, &factors[i]);
    }
    ds = test_open_set("series", &no_y);
    read_all(ds, 0, HOOP_F64, x);
    assert_true(x[0] == 0.5 && x[1] == 1 && x[2] == 2 && x[3] == 4);
    memcpy(before, hoop_dataset_about(ds)->fingerprint, sizeof before);
    hoop_dataset_close(&ds);
    test_h5_add(path, true, "/x", H5T_STD_I16LE, H5T_NATIVE_SHORT, 1, shape, packed, 0, 0);
    test_cannot_open("series", &no_y, HOOP_EDTYPE, "series-00001-of-00002.h5: /x is read as i32, but as f64", "series-00000");
    attr_add(path, "/x", "scale_factor", H5T_NATIVE_DOUBLE, 1, &factors[0]);
    ds = test_open_set("series", &no_y);
    assert_string_not_equal(before, hoop_dataset_about(ds)->fingerprint);
    hoop_dataset_close(&ds);
}

static void missing_values_are_refused(void **state)
{
    const hsize_t shape[2] = {4, 2};
    const short   whole[] = {1, 2, 3, -999, 5, 6, -999, 8}, fill = -999, range[] = {0, 6}, most = 7;
    const float   real[] = {1, 2, 3, NAN, 5, 1e20F, 7, 8}, nan32 = NAN, large = 1e20F;
    const double  large64 = 1e20, packs = 2, unpacked[] = {0, 15};
    float         got[8];
    hoop_dataset *ds;
    (void)state;
#define WHOLE()                                                                                                                  \
    test_h5_add("missing.h5", true, "/x", H5T_STD_I16LE, H5T_NATIVE_SHORT, 2, shape, whole, 0, 0);                               \
    test_h5_add("missing.h5", false, "/y", H5T_STD_I32LE, H5T_NATIVE_SHORT, 1, shape, whole, 0, 0)
    WHOLE();
    attr_add("missing.h5", "/x", "_FillValue", H5T_STD_I16LE, 1, &fill);
    cannot_read("missing.h5", NULL, 0, HOOP_ENONFINITE, "row 1 of /x, element 1, is missing: -999", "and 1 more");
    ds = test_open_set("missing.h5", NULL); /* rows without are read */
    {
        hoop_error err = {0};
        test_ok(hoop_dataset_read(ds, (int64_t[]){2, 0}, 2, 0, HOOP_F32, got, &err));
        assert_true(got[0] == 5 && got[3] == 2);
    }
    hoop_dataset_close(&ds);
    ds = test_open_set("missing.h5", &(hoop_dataset_opts){.attributes = HOOP_ATTRIBUTES_NONE});
    read_all(ds, 0, HOOP_F32, got);
    assert_true(got[3] == -999);
    hoop_dataset_close(&ds);
    WHOLE();
    attr_add("missing.h5", "/y", "missing_value", H5T_STD_I16LE, 1, &fill);
    cannot_read("missing.h5", NULL, 1, HOOP_ENONFINITE, "row 3 of /y", "missing: -999");
    WHOLE();
    attr_add("missing.h5", "/x", "valid_range", H5T_STD_I16LE, 2, range);
    cannot_read("missing.h5", NULL, 0, HOOP_ENONFINITE, "row 1 of /x, element 1", "and 2 more");
    WHOLE();
    attr_add("missing.h5", "/x", "valid_max", H5T_STD_I16LE, 1, &most);
    cannot_read("missing.h5", NULL, 0, HOOP_ENONFINITE, "row 3 of /x, element 1", "missing: 8");
    WHOLE(); /* a range of reals beside packed integers is of what is unpacked */
    attr_add("missing.h5", "/x", "scale_factor", H5T_NATIVE_DOUBLE, 1, &packs);
    attr_add("missing.h5", "/x", "valid_range", H5T_NATIVE_DOUBLE, 2, unpacked);
    cannot_read("missing.h5", NULL, 0, HOOP_ENONFINITE, "row 1 of /x, element 1", "and 2 more");
    WHOLE();
    attr_add("missing.h5", "/x", "valid_range", H5T_STD_I16LE, 1, range);
    test_cannot_open("missing.h5", NULL, HOOP_EFORMAT, "attribute valid_range of /x is not two numbers", "--attributes none");
    test_h5_add("missing.h5", true, "/x", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, shape, real, 2, 3);
    attr_add("missing.h5", "/x", "_FillValue", H5T_NATIVE_FLOAT, 1, &nan32);
    cannot_read("missing.h5", &no_y, 0, HOOP_ENONFINITE, "row 1 of /x, element 1", "missing: nan");
    test_h5_add("missing.h5", true, "/x", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, shape, real, 0, 0);
    attr_add("missing.h5", "/x", "_FillValue", H5T_NATIVE_DOUBLE, 1, &large64); /* rounded as the data was */
    cannot_read("missing.h5", &no_y, 0, HOOP_ENONFINITE, "row 2 of /x, element 1", "missing");
    test_h5_add("missing.h5", true, "/x", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, shape, &real[0], 0, 0);
    attr_add("missing.h5", "/x", "missing_value", H5T_NATIVE_FLOAT, 2, (float[]){large, nan32});
    cannot_read("missing.h5", &no_y, 0, HOOP_ENONFINITE, "row 1 of /x", "and 1 more");
#undef WHOLE
}

/* What nobody wrote, in a file of a netCDF library. */
static void default_fills_are_missing(void **state)
{
    const hsize_t shape[1] = {4};
    const short   x[] = {1, -32767, 3, 4}, fill = -32767;
    hoop_dataset *ds;
    (void)state;
    for (int netcdf = 0; netcdf < 2; netcdf++) {
        const hid_t file = H5Fcreate("default.nc", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), dcpl = H5Pcreate(H5P_DATASET_CREATE),
                    space = H5Screate_simple(1, shape, NULL);
        hid_t dset;
        assert_true(H5Pset_fill_value(dcpl, H5T_NATIVE_SHORT, &fill) >= 0);
        dset = H5Dcreate2(file, "/x", H5T_STD_I16LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
        assert_true(H5Dwrite(dset, H5T_NATIVE_SHORT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
        assert_true(H5Dclose(dset) >= 0 && H5Pclose(dcpl) >= 0 && H5Sclose(space) >= 0 && H5Fclose(file) >= 0);
        if (netcdf == 0) {
            ds = test_open_set("default.nc", &no_y);
            assert_false(hoop_dataset_about(ds)->field[0].checked);
            hoop_dataset_close(&ds);
        } else {
            text_add("default.nc", "/", "_NCProperties", "version=2,netcdf=4.9.0,hdf5=1.10.8");
            cannot_read("default.nc", &no_y, 0, HOOP_ENONFINITE, "row 1 of /x", "missing: -32767");
        }
    }
}

static void bytes_that_were_meant_unsigned(void **state)
{
    const hsize_t     shape[1] = {3};
    const signed char x[] = {0, 127, -1}, fill = -2;
    (void)state;
    for (int layout = 0; layout < 3; layout++) {
        int64_t       got[3];
        hoop_dataset *ds;
        test_h5_add("meant.h5", true, "/x", H5T_STD_I8LE, H5T_NATIVE_SCHAR, 1, shape, x, layout == 1 ? 2 : 0, 0);
        if (layout == 2) { /* compact, which HDF5 reads */
            const hid_t file  = H5Fcreate("meant.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
                        space = H5Screate_simple(1, shape, NULL), dcpl = H5Pcreate(H5P_DATASET_CREATE);
            hid_t dset;
            (void)H5Pset_layout(dcpl, H5D_COMPACT);
            dset = H5Dcreate2(file, "/x", H5T_STD_I8LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
            assert_true(H5Dwrite(dset, H5T_NATIVE_SCHAR, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
            assert_true(H5Dclose(dset) >= 0 && H5Pclose(dcpl) >= 0 && H5Sclose(space) >= 0 && H5Fclose(file) >= 0);
        }
        text_add("meant.h5", "/x", "_Unsigned", "true");
        attr_add("meant.h5", "/x", "_FillValue", H5T_STD_I8LE, 1, &fill);
        ds = test_open_set("meant.h5", &no_y);
        assert_int_equal(hoop_dataset_about(ds)->field[0].dtype, HOOP_U8);
        read_all(ds, 0, HOOP_I64, got);
        assert_true(got[0] == 0 && got[1] == 127 && got[2] == 255);
        hoop_dataset_close(&ds);
    }
}

/* ---- attributes that happen to be called as ours ---- */

static void attributes_of_others_are_not_ours(void **state)
{
    const hsize_t shape[1] = {3};
    const int     x[]      = {1, 2, 3};
    const double  half     = 0.5;
    const int64_t nine     = 9;
    float         got[3];
    hoop_dataset *ds;
    (void)state;
    test_h5_add("other.h5", true, "/x", H5T_STD_I32LE, H5T_NATIVE_INT, 1, shape, x, 0, 0);
    test_h5_add("other.h5", false, "/y", H5T_STD_I32LE, H5T_NATIVE_INT, 1, shape, x, 0, 0);
    attr_add("other.h5", "/x", "scale", H5T_NATIVE_DOUBLE, 0, &half);
    attr_add("other.h5", "/y", "classes", H5T_NATIVE_INT64, 0, &nine);
    text_add("other.h5", "/y", "class_names", "all of them");
    text_add("other.h5", "/", "set", "of pieces");
    ds = test_open_set("other.h5", NULL);
    read_all(ds, 0, HOOP_F32, got);
    assert_true(got[1] == 2 && hoop_dataset_about(ds)->field[HOOP_FIELD_Y].classes == 0 &&
                hoop_dataset_class_name(ds, HOOP_FIELD_Y, 0) == NULL);
    assert_non_null(strstr(hoop_dataset_note(ds, 0), "scale of /x, classes of /y, class_names of /y is not applied"));
    assert_non_null(strstr(hoop_dataset_note(ds, 0), "data.attributes: all"));
    assert_null(hoop_dataset_note(ds, 1));
    hoop_dataset_close(&ds);
    ds = test_open_set("other.h5", &(hoop_dataset_opts){.attributes = HOOP_ATTRIBUTES_NONE});
    assert_null(hoop_dataset_note(ds, 0));
    hoop_dataset_close(&ds);
    test_cannot_open("other.h5", &(hoop_dataset_opts){.attributes = HOOP_ATTRIBUTES_ALL}, HOOP_EFORMAT,
                     "class_names of /y has 1 names", "classes is 9");
    text_add("other.h5", "/", "hoop_format", "dataset shard 1"); /* now it says so */
    test_cannot_open("other.h5", NULL, HOOP_EFORMAT, "class_names of /y has 1 names", "classes is 9");
}

/* ---- files of a later HDF5 ---- */

static void later_files_are_told_from_damaged_ones(void **state)
{
    const hsize_t        shape[1] = {3};
    const float          x[]      = {1, 2, 3};
    static unsigned char layout[] = {3, 1}; /* version, contiguous */
    int64_t              n, patched = 0;
    char                *bytes;
    (void)state;
    test_h5_add("later.h5", true, "/x", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1, shape, x, 0, 0);
    bytes = test_load("later.h5", &n);
    for (int64_t at = 0; at + 10 < n; at++) { /* a message of type 8: type, size, flags, three bytes, then the message */
        if (bytes[at] != 8 || bytes[at + 1] != 0 || bytes[at + 3] != 0 || memcmp(bytes + at + 8, layout, 2) != 0) continue;
        bytes[at + 8] = 5;
        patched++;
    }
    assert_int_equal(patched, 1);
    test_store("later.h5", bytes, n);
    test_cannot_open("later.h5", &no_y, HOOP_EFORMAT, "HDF5: bad version number for layout message",
                     "written by a newer HDF5 than this one");
    test_cannot_open("later.h5", &no_y, HOOP_EFORMAT, "h5repack --low=0 --high=", "libver=('earliest', 'v1");
    bytes[8] = 9; /* of the superblock */
    test_store("later.h5", bytes, n);
    test_cannot_open("later.h5", &no_y, HOOP_EFORMAT, "written by a newer HDF5 than this one", "h5repack");
    free(bytes);
}

/* ---- labels ---- */

static void labels_are_stored_in_many_ways(void **state)
{
    const hsize_t shape[2] = {4, 3};
    const double  hot[] = {0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0}, whole[] = {2, 0, -100, 1};
    double        bad[12];
    const hid_t   types[] = {H5T_IEEE_F32LE, H5T_IEEE_F64BE, H5T_STD_U8LE, H5T_STD_I64LE};
    int64_t       y[4];
    hoop_dataset *ds;
    (void)state;
    for (int t = 0; t < 4; t++) {
        const hoop_dataset_opts one_hot = {.labels = HOOP_LABELS_ONE_HOT}, wrong = {.labels = HOOP_LABELS_ONE_HOT, .classes = 4};
        test_h5_add("labels.h5", true, "/x", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 2, shape, hot, 0, 0);
        test_h5_add("labels.h5", false, "/y", types[t], H5T_NATIVE_DOUBLE, 2, shape, hot, t == 1 ? 2 : 0, t == 1 ? 1 : 0);
        ds = test_open_set("labels.h5", &one_hot);
        assert_true(hoop_dataset_about(ds)->field[HOOP_FIELD_Y].classes == 3 && hoop_dataset_about(ds)->field[1].ndim == 0 &&
                    hoop_dataset_about(ds)->field[1].dtype == HOOP_I64);
        read_all(ds, 1, HOOP_I64, y);
        assert_true(y[0] == 1 && y[1] == 0 && y[2] == 2 && y[3] == 1);
        hoop_dataset_close(&ds);
        test_cannot_open("labels.h5", &wrong, HOOP_EFORMAT, "/y has 3 classes", "data.classes says 4");
        memcpy(bad, hot, sizeof bad);
        bad[4] = 1;
        test_h5_add("labels.h5", true, "/x", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 2, shape, hot, 0, 0);
        test_h5_add("labels.h5", false, "/y", types[t], H5T_NATIVE_DOUBLE, 2, shape, bad, 0, 0);
        cannot_read("labels.h5", &one_hot, 1, HOOP_ERANGE, "row 1 of /y is not one 1 among zeros", "one_hot");
        test_h5_add("labels.h5", true, "/x", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 2, shape, hot, 0, 0);
        test_h5_add("labels.h5", false, "/y", types[t], H5T_NATIVE_DOUBLE, 1, shape, hot, 0, 0);
        test_cannot_open("labels.h5", &one_hot, HOOP_ESHAPE, "one_hot wants rows of /y with an element for each class",
                         "they have 1");
    }
    for (int t = 0; t < 2; t++) {
        const hoop_dataset_opts o = {.labels = HOOP_LABELS_WHOLE, .classes = 5};
        test_h5_add("labels.h5", true, "/x", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 2, shape, hot, 0, 0);
        test_h5_add("labels.h5", false, "/y", types[t], H5T_NATIVE_DOUBLE, 1, shape, whole, 0, 0);
        ds = test_open_set("labels.h5", &o);
        assert_int_equal(hoop_dataset_about(ds)->field[HOOP_FIELD_Y].classes, 5);
        read_all(ds, 1, HOOP_I64, y);
        assert_true(y[0] == 2 && y[1] == 0 && y[2] == -100 && y[3] == 1);
        hoop_dataset_close(&ds);
        for (int k = 0; k < 3; k++) {
            memcpy(bad, whole, sizeof whole);
            bad[1] = k == 0 ? 0.5 : k == 1 ? NAN : 1e30;
            test_h5_add("labels.h5", true, "/x", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 2, shape, hot, 0, 0);
            test_h5_add("labels.h5", false, "/y", types[t], H5T_NATIVE_DOUBLE, 1, shape, bad, 0, 0);
            cannot_read("labels.h5", &o, 1, HOOP_ERANGE, "row 1 of /y is ", "whole numbers");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enums_are_classes_and_numbers),
        cmocka_unit_test(unsigned_integers_that_fit),
        cmocka_unit_test(types_are_named_as_they_are),
        cmocka_unit_test(what_is_no_dataset_is_said),
        cmocka_unit_test(lzf_is_read),
        cmocka_unit_test(damaged_lzf_is_found),
        cmocka_unit_test(lzf_under_virtual_data),
        cmocka_unit_test(each_shard_unpacks_by_itself),
        cmocka_unit_test(filters_that_are_missing_are_named),
        cmocka_unit_test(a_plugin_brings_its_filter),
        cmocka_unit_test(packed_values_are_unpacked),
        cmocka_unit_test(missing_values_are_refused),
        cmocka_unit_test(default_fills_are_missing),
        cmocka_unit_test(bytes_that_were_meant_unsigned),
        cmocka_unit_test(attributes_of_others_are_not_ours),
        cmocka_unit_test(later_files_are_told_from_damaged_ones),
        cmocka_unit_test(labels_are_stored_in_many_ways),
    };
    return cmocka_run_group_tests(tests, test_enter, test_leave);
}
