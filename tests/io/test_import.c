/* Importers: what they read, what they refuse and where they say the fault is, and that nothing half-written stays. */
#include "io_test.h"

#include <errno.h>
#include <math.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "hoop/checkpoint.h"
#include "hoop/import.h"

static hoop_dataset *open_set(const char *spec)
{
    hoop_error    err = {0};
    hoop_dataset *ds;
    test_ok(hoop_dataset_open(spec, &(hoop_dataset_opts){.use_y = HOOP_Y_OPTIONAL}, &err, &ds));
    return ds;
}

/* All rows of a field in stored order. */
static void read_all(hoop_dataset *ds, int field, hoop_dtype as, void *out)
{
    const int64_t n     = hoop_dataset_about(ds)->length;
    int64_t      *index = malloc((size_t)n * sizeof *index);
    hoop_error    err   = {0};
    for (int64_t i = 0; i < n; i++) index[i] = i;
    test_ok(hoop_dataset_read(ds, index, n, field, as, out, &err));
    free(index);
}

/* ---- synthetic sets, splits, overwriting ---- */

static void synth_is_deterministic(void **state)
{
    hoop_error         err = {0};
    hoop_import_result r;
    (void)state;
    for (int k = 0; hoop_synth_kind(k) != NULL; k++) {
        char   *a, *b, *c;
        int64_t na, nb, nc;
        test_ok(hoop_synth(hoop_synth_kind(k), 60, &(hoop_import_opts){.dir = "s1", .seed = 7, .split = 0.2, .force = true}, &err,
                           &r));
        assert_int_equal(r.train_rows, 48);
        assert_int_equal(r.validation_rows, 12);
        if (k == 0) (void)sleep(2); /* no times in the files either */
        test_ok(hoop_synth(hoop_synth_kind(k), 60, &(hoop_import_opts){.dir = "s2", .seed = 7, .split = 0.2, .force = true}, &err,
                           &r));
        test_ok(hoop_synth(hoop_synth_kind(k), 60, &(hoop_import_opts){.dir = "s3", .seed = 8, .split = 0.2, .force = true}, &err,
                           &r));
        a = test_load("s1/train-00001-of-00004.h5", &na);
        b = test_load("s2/train-00001-of-00004.h5", &nb);
        c = test_load("s3/train-00001-of-00004.h5", &nc);
        assert_true(na == nb && memcmp(a, b, (size_t)na) == 0);
        assert_true(na != nc || memcmp(a, c, (size_t)na) != 0);
        free(a);
        free(b);
        free(c);
    }
    assert_null(hoop_synth_kind(99));
    test_failed(hoop_synth("cats", 10, &(hoop_import_opts){.dir = "s4"}, &err, NULL), &err, HOOP_EARG, "cats", "digits", NULL);
    memset(&err, 0, sizeof err);
    test_failed(hoop_synth("digits", 0, &(hoop_import_opts){.dir = "s4"}, &err, NULL), &err, HOOP_EARG, "0 samples", NULL);
    assert_false(test_exists("s4"));
}

static void digits_are_balanced_and_alike(void **state)
{
    hoop_error    err = {0};
    hoop_dataset *ds;
    int64_t       count[10] = {0}, y[2000];
    float        *x         = malloc(sizeof *x * 2000 * 784);
    double        sum       = 0;
    (void)state;
    test_ok(hoop_synth("digits", 2000, &(hoop_import_opts){.dir = "alike"}, &err, NULL));
    ds = open_set("alike/train");
    assert_int_equal(hoop_dataset_about(ds)->field[HOOP_FIELD_Y].classes, 10);
    read_all(ds, HOOP_FIELD_Y, HOOP_I64, y);
    read_all(ds, HOOP_FIELD_X, HOOP_F32, x);
    for (int i = 0; i < 2000; i++) count[y[i]]++;
    for (int k = 0; k < 10; k++) assert_in_range(count[k], 150, 250);
    for (int i = 0; i < 2000 * 784; i++) {
        assert_true(x[i] >= 0 && x[i] <= 1);
        sum += (double)x[i];
    }
    assert_true(sum / (2000 * 784) > 0.1 && sum / (2000 * 784) < 0.25);
    free(x);
    hoop_dataset_close(&ds);
}

static void splits_take_each_row_once(void **state)
{
    static const double splits[] = {0.0, 0.001, 0.15, 0.5, 0.999};
    (void)state;
    for (size_t k = 0; k < 5; k++) {
        hoop_error         err = {0};
        hoop_import_result r;
        float              all[200 * 2], part[200 * 2];
        hoop_dataset      *ds;
        int64_t            n = 0;
        test_ok(hoop_synth("spirals", 200, &(hoop_import_opts){.dir = "whole", .seed = 3, .force = true}, &err, NULL));
        test_ok(hoop_synth("spirals", 200,
                           &(hoop_import_opts){.dir = "split", .seed = 3, .split = splits[k], .shards = 3, .force = true}, &err,
                           &r));
        assert_int_equal(r.train_rows + r.validation_rows, 200);
        assert_int_equal(r.validation_rows, k == 0 ? 0 : k == 1 ? 1 : k == 2 ? 30 : k == 3 ? 100 : 199);
        ds = open_set("whole/train");
        read_all(ds, HOOP_FIELD_X, HOOP_F32, all);
        hoop_dataset_close(&ds);
        for (int p = 0; p < 2; p++) {
            if (p == 1 && k == 0) {
                assert_false(test_exists("split/validation-00000-of-00003.h5")); /* of the set before */
                continue;
            }
            ds = open_set(p == 0 ? "split/train" : "split/validation");
            read_all(ds, HOOP_FIELD_X, HOOP_F32, part);
            for (int64_t i = 0; i < hoop_dataset_about(ds)->length; i++) {
                bool found = false;
                for (int64_t j = 0; j < 200 && !found; j++)
                    if (all[2 * j] == part[2 * i] && all[2 * j + 1] == part[2 * i + 1]) {
                        all[2 * j] = NAN; /* once */
                        found      = true;
                    }
                assert_true(found);
                n++;
            }
            hoop_dataset_close(&ds);
        }
        assert_int_equal(n, 200);
    }
}

static void sets_are_not_overwritten_by_chance(void **state)
{
    hoop_error    err = {0};
    hoop_dataset *ds;
    (void)state;
    test_ok(hoop_synth("spirals", 100, &(hoop_import_opts){.dir = "over/deep", .split = 0.5, .shards = 5}, &err, NULL));
    assert_int_equal(test_count("over"), 10);
    test_failed(hoop_synth("spirals", 100, &(hoop_import_opts){.dir = "over/deep"}, &err, NULL), &err, HOOP_EIO,
                "is there already", "over/deep", NULL);
    assert_int_equal(test_count("over"), 10);
    memset(&err, 0, sizeof err);
    test_store("over/deep/.train-00001-of-00005.h5.tmp", "x", 1); /* a killed import's */
    test_ok(hoop_synth("digits", 20, &(hoop_import_opts){.dir = "over/deep", .force = true, .shards = 2}, &err, NULL));
    assert_int_equal(test_count("over"), 2);
    ds = open_set("over/deep/train");
    assert_int_equal(hoop_dataset_about(ds)->length, 20);
    hoop_dataset_close(&ds);
    test_ok(hoop_synth("digits", 2, &(hoop_import_opts){.dir = "few"}, &err, NULL)); /* fewer rows than shards */
    assert_int_equal(test_count("few"), 2);
    /* a shard of another import among these */
    test_ok(hoop_synth("digits", 20, &(hoop_import_opts){.dir = "other", .seed = 9, .shards = 2}, &err, NULL));
    assert_int_equal(rename("other/train-00001-of-00002.h5", "over/deep/train-00001-of-00002.h5"), 0);
    test_failed(hoop_dataset_open("over/deep/train", NULL, &err, &ds), &err, HOOP_EFORMAT, "another import", NULL);
}

static void one_import_at_a_time(void **state)
{
    hoop_error     err = {0};
    hoop_run_lock *lock;
    (void)state;
    test_ok(hoop_run_lock_take("busy", &err, &lock));
    test_store("busy/.train-00000-of-00004.h5.tmp", "x", 1); /* the other's */
    test_failed(hoop_synth("digits", 20, &(hoop_import_opts){.dir = "busy", .force = true}, &err, NULL), &err, HOOP_EBUSY, "busy",
                "pid", NULL);
    assert_true(test_exists("busy/.train-00000-of-00004.h5.tmp"));
    hoop_run_lock_release(&lock);
    memset(&err, 0, sizeof err);
    test_ok(hoop_synth("digits", 20, &(hoop_import_opts){.dir = "busy"}, &err, NULL));
    assert_int_equal(test_count("busy"), 4); /* nothing but shards */
}

/* A set is being replaced and naming fails in the middle, as if killed there: nothing old is lost, nothing is mixed unseen. */
static void a_replacement_that_fails_shows(void **state)
{
    static const struct {
        int64_t     old, new;
        const char *in_the_way;
        int         files; /* left: old ones, and new ones that have names */
    } cases[] = {{2, 3, "mix/validation-00001-of-00003.h5", 4 + 2},
                 {3, 3, "mix/train-00001-of-00003.h5", 5},
                 {1, 1, "mix/validation-00000-of-00001.h5", 0},
                 {2, 1, "mix/validation-00000-of-00001.h5", 4 + 1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hoop_error       err = {0};
        hoop_dataset    *ds;
        hoop_import_opts o = {.dir = "mix", .split = 0.5, .shards = cases[i].old, .force = true};
        test_remove("mix");
        test_ok(hoop_synth("digits", 40, &o, &err, NULL));
        (void)unlink(cases[i].in_the_way);
        assert_int_equal(mkdir(cases[i].in_the_way, 0777), 0);
        o.shards = cases[i].new;
        o.seed   = 5;
        test_failed(hoop_synth("digits", 40, &o, &err, NULL), &err, HOOP_EIO, cases[i].in_the_way, NULL);
        assert_int_equal(test_count("mix"), cases[i].files);
        assert_int_not_equal(hoop_dataset_open("mix/train", NULL, NULL, &ds), HOOP_OK);
        memset(&err, 0, sizeof err);
        assert_int_equal(rmdir(cases[i].in_the_way), 0);
        test_ok(hoop_synth("digits", 40, &o, &err, NULL));
        assert_int_equal(test_count("mix"), 2 * cases[i].new);
        ds = open_set("mix/train");
        hoop_dataset_close(&ds);
        ds = open_set("mix/validation");
        hoop_dataset_close(&ds);
    }
}

static void bad_import_options(void **state)
{
    static const struct {
        hoop_import_opts o;
        const char      *word;
    } cases[] = {
        {{.dir = NULL}, "directory"},        {{.dir = "b", .shards = -1}, "shards"}, {{.dir = "b", .shards = 100000}, "shards"},
        {{.dir = "b", .split = 1}, "split"}, {{.dir = "b", .split = -0.1}, "split"}, {{.dir = "b", .split = NAN}, "split"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hoop_error err = {0};
        test_failed(hoop_synth("spirals", 10, &cases[i].o, &err, NULL), &err, HOOP_EARG, cases[i].word, NULL);
    }
    assert_false(test_exists("b"));
}

/* ---- IDX ---- */

static void idx_store(const char *path, int ndim, const int *dims, const unsigned char *data, int64_t n, bool gz)
{
    unsigned char head[4 + 16] = {0, 0, 8, (unsigned char)ndim};
    gzFile        g;
    for (int d = 0; d < ndim; d++) {
        head[4 + 4 * d + 2] = (unsigned char)(dims[d] >> 8);
        head[4 + 4 * d + 3] = (unsigned char)dims[d];
    }
    g = gzopen(path, gz ? "wb6" : "wbT");
    assert_non_null(g);
    assert_true(gzwrite(g, head, (unsigned)(4 + 4 * ndim)) > 0 && (n == 0 || gzwrite(g, data, (unsigned)n) > 0));
    assert_int_equal(gzclose(g), Z_OK);
}

static void idx_files(void **state)
{
    const int     shape[3] = {40, 6, 5}, few[1] = {39};
    unsigned char x[40 * 30], y[40];
    float         got[40 * 30];
    int64_t       labels[40], n;
    char         *good;
    uint64_t      random = 3;
    (void)state;
    for (int i = 0; i < 40 * 30; i++) x[i] = (unsigned char)test_random(&random);
    for (int i = 0; i < 40; i++) y[i] = (unsigned char)(i % 9);
    for (int gz = 0; gz < 2; gz++) {
        hoop_error         err = {0};
        hoop_import_result r;
        hoop_dataset      *ds;
        hoop_import_opts   o = {.dir = "idx", .force = true};
        idx_store("x.idx", 3, shape, x, sizeof x, gz);
        idx_store("y.idx", 1, shape, y, sizeof y, gz);
        test_ok(hoop_import_idx("x.idx", "y.idx", &o, &err, &r));
        assert_int_equal(r.train_rows, 40);
        assert_int_equal(r.classes, 9);
        ds = open_set("idx/train");
        assert_int_equal(hoop_dataset_about(ds)->field[0].ndim, 2);
        read_all(ds, HOOP_FIELD_X, HOOP_F32, got);
        read_all(ds, HOOP_FIELD_Y, HOOP_I64, labels);
        for (int i = 0; i < 40 * 30; i++) assert_true(got[i] == (float)x[i] * (float)(1.0 / 255));
        for (int i = 0; i < 40; i++) assert_int_equal(labels[i], y[i]);
        hoop_dataset_close(&ds);
        test_remove("idx");
        /* every truncation of either file */
        good = test_load("x.idx", &n);
        for (int64_t cut = 0; cut < n; cut += cut < 40 || cut > n - 40 ? 1 : 13) {
            memset(&err, 0, sizeof err);
            test_store("x.idx", good, cut);
            test_failed(hoop_import_idx("x.idx", "y.idx", &o, &err, NULL), &err, HOOP_EFORMAT, "x.idx", NULL);
            assert_int_equal(test_count("idx"), 0);
        }
        for (int64_t at = 10; gz && at < n; at++) {
            memset(&err, 0, sizeof err);
            test_store("x.idx", good, n);
            test_flip("x.idx", at, 0x10);
            if (hoop_import_idx("x.idx", "y.idx", &o, &err, NULL) == HOOP_OK) { /* bits that pad a block mean nothing */
                ds = open_set("idx/train");
                read_all(ds, HOOP_FIELD_X, HOOP_F32, got);
                for (int i = 0; i < 40 * 30; i++) assert_true(got[i] == (float)x[i] * (float)(1.0 / 255));
                hoop_dataset_close(&ds);
                test_remove("idx");
            } else {
                test_failed(err.status, &err, err.status, "x.idx", NULL);
                assert_int_equal(test_count("idx"), 0);
            }
        }
        free(good);
    }
    idx_store("x.idx", 3, shape, x, sizeof x, false);
    for (int k = 0; k < 6; k++) {
        hoop_error err = {0};
        idx_store("y.idx", 1, k == 0 ? few : shape, y, k == 0 ? 39 : k == 1 ? 40 : 40, false);
        if (k == 0)
            test_failed(hoop_import_idx("x.idx", "y.idx", &(hoop_import_opts){.dir = "idx"}, &err, NULL), &err, HOOP_ESHAPE,
                        "40 images", "39 labels", NULL);
        if (k == 1)
            test_failed(hoop_import_idx("y.idx", "x.idx", &(hoop_import_opts){.dir = "idx"}, &err, NULL), &err, HOOP_ESHAPE,
                        "exchanged", NULL);
        if (k == 2)
            test_failed(hoop_import_idx("none.idx", "y.idx", &(hoop_import_opts){.dir = "idx"}, &err, NULL), &err, HOOP_EIO,
                        "none.idx", NULL);
        if (k == 3) {
            test_store("t.idx", "hello world, this is text", 25);
            test_failed(hoop_import_idx("t.idx", "y.idx", &(hoop_import_opts){.dir = "idx"}, &err, NULL), &err, HOOP_EFORMAT,
                        "not an IDX file", NULL);
        }
        if (k == 4) {
            test_store("t.idx", "\0\0\x0d\1\0\0\0\1abcd", 12);
            test_failed(hoop_import_idx("t.idx", "y.idx", &(hoop_import_opts){.dir = "idx"}, &err, NULL), &err, HOOP_EDTYPE,
                        "0x0d", NULL);
        }
        if (k == 5) {
            test_store("t.idx", "\0\0\x08\3\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16);
            test_failed(hoop_import_idx("t.idx", "y.idx", &(hoop_import_opts){.dir = "idx"}, &err, NULL), &err, HOOP_ESHAPE,
                        "dim 1", NULL);
        }
    }
    assert_false(test_exists("idx/train-00000-of-00004.h5"));
}

static void real_mnist(void **state)
{
    char               x[4096], y[4096];
    hoop_error         err = {0};
    hoop_import_result r;
    hoop_dataset      *ds;
    const char        *shared = getenv("HOOP_SHARED");
    (void)state;
    (void)snprintf(x, sizeof x, "%s/data/mnist10k/t10k-images-idx3-ubyte.gz", shared != NULL ? shared : "");
    (void)snprintf(y, sizeof y, "%s/data/mnist10k/t10k-labels-idx1-ubyte.gz", shared != NULL ? shared : "");
    if (shared == NULL || !test_exists(x)) {
        print_message("[  SKIP    ] no MNIST in HOOP_SHARED\n");
        skip();
    }
    test_ok(hoop_import_idx(x, y, &(hoop_import_opts){.dir = "mnist", .split = 0.15}, &err, &r));
    assert_int_equal(r.train_rows, 8500);
    assert_int_equal(r.validation_rows, 1500);
    assert_int_equal(r.classes, 10);
    ds = open_set("mnist/train");
    test_ok(hoop_dataset_verify(ds, NULL, NULL, &err, NULL));
    hoop_dataset_close(&ds);
}

/* ---- CSV ---- */

static hoop_status csv(const char *text, const hoop_csv_opts *c, hoop_error *err, hoop_import_result *r)
{
    const hoop_import_opts o = {.dir = "csv", .shards = 1, .force = true};
    test_remove("csv");
    test_store("t.csv", text, (int64_t)strlen(text));
    memset(err, 0, sizeof *err);
    return hoop_import_csv("t.csv", c, &o, err, r);
}

static void csv_tables(void **state)
{
    hoop_error         err;
    hoop_import_result r;
    hoop_dataset      *ds;
    float              x[64], yf[64];
    int64_t            y[64];
    (void)state;
    /* header, words as classes, quotes, CRLF, an empty line, a byte order mark, no line end at the end */
    test_ok(csv("\xef\xbb\xbfwidth,\"a \"\"name\"\"\",kind\r\n1,2.5,rose\r\n-3e2, 4 ,\"lily, white\"\r\n\r\n.5,6,rose", NULL,
                &err, &r));
    assert_int_equal(r.train_rows, 3);
    assert_int_equal(r.classes, 2);
    ds = open_set("csv/train");
    read_all(ds, HOOP_FIELD_X, HOOP_F32, x);
    read_all(ds, HOOP_FIELD_Y, HOOP_I64, y);
    assert_true(x[0] == 1 && x[1] == 2.5f && x[2] == -300 && x[3] == 4 && x[4] == 0.5f && x[5] == 6);
    assert_true(y[0] == 1 && y[1] == 0 && y[2] == 1);
    assert_string_equal(hoop_dataset_class_name(ds, HOOP_FIELD_Y, 0), "lily, white");
    assert_string_equal(hoop_dataset_class_name(ds, HOOP_FIELD_Y, 1), "rose");
    assert_null(hoop_dataset_class_name(ds, HOOP_FIELD_Y, 2));
    hoop_dataset_close(&ds);
    /* no header, ids as they are */
    test_ok(csv("1,2,0\n3,4,1\n5,6,2\n", NULL, &err, &r));
    assert_int_equal(r.train_rows, 3);
    assert_int_equal(r.classes, 3);
    /* numbers that are no ids become classes only when asked, in numeric order */
    test_ok(csv("1,2,-1\n3,4,10\n5,6,9\n", NULL, &err, &r));
    assert_int_equal(r.classes, 0);
    test_ok(csv("1,2,-1\n3,4,10\n5,6,9\n7,8,9.0\n", &(hoop_csv_opts){.targets = HOOP_CSV_CLASS}, &err, &r));
    assert_int_equal(r.classes, 3);
    ds = open_set("csv/train");
    read_all(ds, HOOP_FIELD_Y, HOOP_I64, y);
    assert_true(y[0] == 0 && y[1] == 2 && y[2] == 1 && y[3] == 1);
    hoop_dataset_close(&ds);
    /* real targets by name, in the order given; separator */
    test_ok(csv("a;b;c;d\n1;2;3;4\n5;6;7;8\n", &(hoop_csv_opts){.target = "d, b", .separator = ';'}, &err, &r));
    ds = open_set("csv/train");
    assert_int_equal(hoop_dataset_about(ds)->field[1].ndim, 1);
    read_all(ds, HOOP_FIELD_X, HOOP_F32, x);
    read_all(ds, HOOP_FIELD_Y, HOOP_F32, yf);
    assert_true(x[0] == 1 && x[1] == 3 && x[2] == 5 && yf[0] == 4 && yf[1] == 2 && yf[2] == 8);
    hoop_dataset_close(&ds);
    test_ok(csv("1,2,3\n5,6,7\n", &(hoop_csv_opts){.target = "0", .targets = HOOP_CSV_REAL}, &err, &r));
    ds = open_set("csv/train");
    assert_int_equal(hoop_dataset_about(ds)->field[1].ndim, 0);
    read_all(ds, HOOP_FIELD_Y, HOOP_F32, yf);
    assert_true(yf[0] == 1 && yf[1] == 5);
    hoop_dataset_close(&ds);
    test_ok(csv("1,2\n3,4\n", &(hoop_csv_opts){.header = HOOP_CSV_HEADER}, &err, &r)); /* a header of numbers */
    assert_int_equal(r.train_rows, 1);
    test_ok(csv("2018,2019\n3,4\n", &(hoop_csv_opts){.target = "2018", .header = HOOP_CSV_HEADER}, &err, &r));
    assert_int_equal(r.train_rows, 1);
    /* classes of words and numbers together only when asked; blanks around them do not count */
    test_ok(csv("1,2\n3, b\n5,b \n7,2\n", &(hoop_csv_opts){.targets = HOOP_CSV_CLASS}, &err, &r));
    assert_int_equal(r.classes, 2);
    ds = open_set("csv/train");
    read_all(ds, HOOP_FIELD_Y, HOOP_I64, y);
    assert_true(y[0] == 0 && y[1] == 1 && y[2] == 1 && y[3] == 0);
    assert_string_equal(hoop_dataset_class_name(ds, HOOP_FIELD_Y, 1), "b");
    hoop_dataset_close(&ds);
}

static void csv_headers_are_told_from_data(void **state)
{
    static const struct {
        const char *text, *target;
        int64_t     rows; /* of data; 0: an error */
    } cases[] = {
        {"a,b,c\n1,2,3\n", NULL, 1},       {"1,2,rose\n3,4,lily\n", NULL, 2},
        {",a,b\n0,2,3\n1,4,5\n", NULL, 2}, /* the first column is the row's number */
        {"1,2,3\n4,5,6\n", "1", 2},        {"1,,3\n1,2,3\n", NULL, 0},
        {"5.1,NA,1\n1,2,3\n", NULL, 0},    {"a,,c\n1,2,3\n", NULL, 0},
        {"a,2,c\n1,2,3\n", NULL, 0},
    };
    hoop_error         err;
    hoop_import_result r;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const hoop_csv_opts o  = {.target = cases[i].target};
        const hoop_status   st = csv(cases[i].text, &o, &err, &r);
        if (cases[i].rows == 0) {
            test_failed(st, &err, HOOP_EFORMAT, "line 1, column", NULL);
        } else {
            if (st != HOOP_OK || r.train_rows != cases[i].rows)
                fail_msg("case %zu: %lld rows (%s)", i, (long long)r.train_rows, err.text);
        }
    }
}

static void csv_faults_have_line_and_column(void **state)
{
    static const struct {
        const char   *text;
        hoop_csv_opts o;
        hoop_status   want;
        const char   *a, *b;
    } cases[] = {
        {"", {0}, HOOP_EFORMAT, "t.csv", "empty"},
        {"a,b\n", {0}, HOOP_EFORMAT, "t.csv", "no rows"},
        {"a,b,c\n1,2,3\n1,x,3\n", {0}, HOOP_EFORMAT, "line 3, column 2 (b)", "'x' is not a number"},
        {"1,2,3\n1,,3\n", {0}, HOOP_EFORMAT, "line 2, column 2", "is empty"},
        {"1,2,3\n1,2\n", {0}, HOOP_EFORMAT, "line 2 has 2 columns", "the first has 3"},
        {"a;b\n1;2\n", {0}, HOOP_EARG, "t.csv: its lines have one column when cut at ','", "--separator ';'"},
        {"1\t2\n3\t4\n", {0}, HOOP_EARG, "one column when cut at ',', and tabs", "--separator tab"},
        {"1,2\n3,4\n", {.separator = ';'}, HOOP_EARG, "one column when cut at ';'", "--separator ','"},
        {"a;b\n1;2\n", {.target = "b"}, HOOP_EARG, "t.csv: its lines have one column", "--separator ';'"},
        {"1\n2\n", {0}, HOOP_EARG, "t.csv", "none to learn from"},
        {"1,2,3\n1,2,3,4\n", {0}, HOOP_EFORMAT, "line 2 has 4 columns", ""},
        {"1,2,3\n1,1e99,3\n", {.dtype = HOOP_IMPORT_F32}, HOOP_EFORMAT, "line 2, column 2", "too large for f32; --dtype f64"},
        {"1,2,3\n\n1,nan,3\n", {0}, HOOP_EFORMAT, "line 3, column 2", "'nan' is a missing value, one of 1"},
        {"1,2,3\n1,2,\n", {0}, HOOP_EFORMAT, "line 2, column 3", "empty"},
        {"a,b\n1,\"2\n3,4\n", {0}, HOOP_EFORMAT, "line 2", "no end"},
        {"a,b,c\n1,2,3\n", {.target = "d"}, HOOP_EARG, "no column 'd'", "t.csv"},
        {"1,2,3\n1,2,3\n",
         {.target = "3"},
         HOOP_EARG,
         "no column 3 of 3",
         "numbered from 0; if the first line names it: --header"},
        {"1,2,3\n1,2,3\n", {.target = "1,1"}, HOOP_EARG, "twice", ""},
        {"1,2\n1,2\n", {.target = "0,1"}, HOOP_EARG, "all of its 2 columns", ""},
        {"1,2\n1,2\n", {.target = "0,"}, HOOP_EARG, "empty", ""},
        {"1,2,3\n1,2,3\n", {.target = "0,1", .targets = HOOP_CSV_CLASS}, HOOP_EARG, "one target", ""},
        {"1,2,x\n1,2,3\n",
         {.targets = HOOP_CSV_REAL, .header = HOOP_CSV_NO_HEADER},
         HOOP_EFORMAT,
         "line 1, column 3",
         "not a number"},
        {"1,2\n", {.separator = '"'}, HOOP_EARG, "quote", ""},
        {"1,0\n2,1\n3,nan\n", {0}, HOOP_EFORMAT, "line 3, column 2: 'nan' is a missing value", "--classes takes it as a class"},
        {"1,0\n2,inf\n3,1\n", {0}, HOOP_EFORMAT, "line 2, column 2", "'inf' is not finite"},
        {"a,b\n1,0.5\n2,0.7\n3,much\n4,1\n", {0}, HOOP_EFORMAT, "line 4, column 2", "'much' is not a number, others are; --cl"},
        {"1,x\n2,y\n3,7\n", {0}, HOOP_EFORMAT, "line 1, column 2", "'x' is not a number"},
        {"1,x\n2, \n3,y\n", {0}, HOOP_EFORMAT, "line 2, column 2", "is empty"},
        {"1,2,3\n1, ,3\n", {0}, HOOP_EFORMAT, "line 2, column 2", "is empty"},
        {"1,2,3\n1,\"2\n3\",3\n", {0}, HOOP_EFORMAT, "line 2, column 2", "'2?3' is not a number"},
        {"a,\"b\nc\",d\n1,x,3\n1,2,3\n", {0}, HOOP_EFORMAT, "column 2 (b?c)", "'x' is not a number"},
        {"1,2,3\n\"1\"2,2,3\n", {0}, HOOP_EFORMAT, "line 2, column 1", "behind the quoted"},
    };
    hoop_error err;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        test_failed(csv(cases[i].text, &cases[i].o, &err, NULL), &err, cases[i].want, cases[i].a, cases[i].b, NULL);
        assert_int_equal(test_count("csv"), 0);
    }
    memset(&err, 0, sizeof err);
    test_failed(hoop_import_csv("none.csv", NULL, &(hoop_import_opts){.dir = "csv"}, &err, NULL), &err, HOOP_EIO, "none.csv",
                NULL);
    memset(&err, 0, sizeof err);
    test_store("t.csv", "1,2\n3\0,4\n", 9);
    test_failed(hoop_import_csv("t.csv", NULL, &(hoop_import_opts){.dir = "csv"}, &err, NULL), &err, HOOP_EFORMAT, "line 2",
                "NUL", NULL);
}

static void csv_of_noise_does_not_crash(void **state)
{
    static const char alphabet[] = "0123456789.,;-\"\"\r\n\n eE+xnaif";
    uint64_t          random     = 8;
    (void)state;
    for (int i = 0; i < 3000; i++) {
        char         text[80];
        const size_t n = test_random(&random) % (sizeof text - 1);
        hoop_error   err;
        hoop_status  st;
        for (size_t k = 0; k < n; k++) text[k] = alphabet[test_random(&random) % (sizeof alphabet - 1)];
        text[n] = '\0';
        st =
            csv(text, &(hoop_csv_opts){.targets = (hoop_csv_targets)(i % 3), .header = (hoop_csv_header)(i / 3 % 3)}, &err, NULL);
        assert_int_equal(st, err.status);
        if (strpbrk(err.text, "\r\n") != NULL) fail_msg("more than one line: %s", err.text);
        assert_int_equal(test_count("csv"), st == HOOP_OK ? 1 : 0);
    }
}

/* ---- NumPy ---- */

static void npy_store(const char *path, int version, const char *dict, const void *data, int64_t n)
{
    char        *all  = calloc(1, (size_t)n + 4096);
    const size_t head = version == 1 ? 10 : 12, pad = 64 - (head + strlen(dict) + 1) % 64, length = strlen(dict) + pad + 1;
    memcpy(all, "\x93NUMPY", 6);
    all[6] = (char)version;
    all[8] = (char)(length & 255);
    all[9] = (char)(length >> 8);
    memcpy(all + head, dict, strlen(dict));
    memset(all + head + strlen(dict), ' ', pad);
    all[head + length - 1] = '\n';
    if (n > 0) memcpy(all + head + length, data, (size_t)n);
    test_store(path, all, (int64_t)(head + length) + n);
    free(all);
}

static void npy_files(void **state)
{
    const unsigned char f2be[12] = {0x3c, 0,    0xc0, 0, 0,    1,
                                    0x7b, 0xff, 0,    0, 0x35, 0x55}; /* 1, -2, 2^-24, 65504, 0, 0.33325195 */
    const double        f2[6]    = {1, -2, 0x1p-24, 65504, 0, 0.333251953125};
    const float         f4[6]    = {1.5f, -2, 3, 4, 5, 6};
    const short         i2[6]    = {1, -2, 3, 4, 5, -32768};
    const unsigned      u4[6]    = {1, 2, 3, 4, 5, 4294967295u};
    const unsigned long u8[6]    = {1, 2, 3, 4, 5, 1ul << 62};
    const long          i8[3]    = {2, 0, 1};
    const signed char   i1[3]    = {0, 1, -1};
    const struct {
        const char *dict;
        int         version;
        const void *data;
        int64_t     bytes;
        hoop_dtype  dtype;
        double      want[6];
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }", 1, f4, 24, HOOP_F32, {1.5, -2, 3, 4, 5, 6}},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }", 2, f4, 24, HOOP_F32, {1.5, 4, -2, 5, 3, 6}},
        {"{'descr':\"<i2\",'fortran_order':False,'shape':(3L,2L)}", 1, i2, 12, HOOP_I32, {1, -2, 3, 4, 5, -32768}},
        {"{'shape': (3, 2), 'fortran_order': False, 'descr': '<u4'}", 3, u4, 24, HOOP_I64, {1, 2, 3, 4, 5, 4294967295.0}},
        {"{'descr': '<u8', 'fortran_order': False, 'shape': (3, 2), }", 1, u8, 48, HOOP_I64, {1, 2, 3, 4, 5, 0x1p62}},
        {"{'descr': '<u8', 'fortran_order': True, 'shape': (3, 2), }", 1, u8, 48, HOOP_I64, {1, 4, 2, 5, 3, 0x1p62}},
        {"{'descr': '>f2', 'fortran_order': False, 'shape': (3, 2), }",
         1,
         f2be,
         12,
         HOOP_F32,
         {f2[0], f2[1], f2[2], f2[3], f2[4], f2[5]}},
        {"{'descr': '|b1', 'fortran_order': False, 'shape': (3, 2), }", 1, "\0\1\2\0\0\1", 6, HOOP_U8, {0, 1, 1, 0, 0, 1}},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        hoop_error         err = {0};
        hoop_import_result r;
        hoop_dataset      *ds;
        double             x[6];
        int64_t            y[3];
        npy_store("x.npy", cases[k].version, cases[k].dict, cases[k].data, cases[k].bytes);
        npy_store("y.npy", 1, "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }", i8, 24);
        test_ok(hoop_import_npy("x.npy", "y.npy", NULL, &(hoop_import_opts){.dir = "npy", .force = true}, &err, &r));
        assert_int_equal(r.classes, 3);
        ds = open_set("npy/train");
        assert_int_equal(hoop_dataset_about(ds)->field[0].dtype, cases[k].dtype);
        read_all(ds, HOOP_FIELD_X, HOOP_F64, x);
        read_all(ds, HOOP_FIELD_Y, HOOP_I64, y);
        for (int i = 0; i < 6; i++)
            if (x[i] != cases[k].want[i]) fail_msg("%s: element %d is %g, not %g", cases[k].dict, i, x[i], cases[k].want[i]);
        for (int i = 0; i < 3; i++) assert_int_equal(y[i], i8[i]);
        hoop_dataset_close(&ds);
        npy_store("y.npy", 1, "{'descr': '|i1', 'fortran_order': False, 'shape': (3,), }", i1, 3); /* negative: no classes */
        test_ok(hoop_import_npy("x.npy", k % 2 == 0 ? "y.npy" : NULL, NULL, &(hoop_import_opts){.dir = "npy", .force = true},
                                &err, &r));
        assert_int_equal(r.classes, 0);
    }
}

/* uint64 is taken as i64 where all of it fits; what does not is named by its row, in x and in y */
static void npy_of_uint64(void **state)
{
    static const char *const dicts[] = {"{'descr': '<u8', 'fortran_order': False, 'shape': (4, 3), }",
                                        "{'descr': '<u8', 'fortran_order': True, 'shape': (4, 3), }",
                                        "{'descr': '>u8', 'fortran_order': False, 'shape': (4, 3), }"};
    const hoop_import_opts   o       = {.dir = "u8", .force = true, .shards = 1};
    uint64_t                 x[12], y[4] = {7, 7, 9, 9};
    (void)state;
    for (int k = 0; k < 3; k++) {
        for (int bad = 0; bad < 2; bad++) {
            hoop_error         err = {0};
            hoop_import_result r;
            for (int i = 0; i < 12; i++) x[i] = (uint64_t)i;
            if (bad) x[k == 1 ? 5 : 4] = x[11] = (1ull << 63) + 6; /* row 1, column 1, and the last */
            for (int i = 0; i < 12 && k == 2; i++) x[i] = __builtin_bswap64(x[i]);
            npy_store("x.npy", 1, dicts[k], x, sizeof x);
            npy_store("y.npy", 1, "{'descr': '<u8', 'fortran_order': False, 'shape': (4,), }", y, sizeof y);
            if (bad)
                test_failed(hoop_import_npy("x.npy", "y.npy", NULL, &o, &err, &r), &err, HOOP_ERANGE,
                            "x.npy: row 1 holds 9223372036854775814, which does not fit in 64 signed bits", NULL);
            else
                test_ok(hoop_import_npy("x.npy", "y.npy", &(hoop_npy_opts){.targets = HOOP_CSV_CLASS}, &o, &err, &r));
            if (!bad) assert_int_equal(r.classes, 2);
        }
    }
    {
        hoop_error err = {0};
        y[3]           = UINT64_MAX;
        npy_store("y.npy", 1, "{'descr': '<u8', 'fortran_order': False, 'shape': (4,), }", y, sizeof y);
        npy_store("x.npy", 1, dicts[0], (uint64_t[12]){0}, sizeof x);
        test_failed(hoop_import_npy("x.npy", "y.npy", NULL, &o, &err, NULL), &err, HOOP_ERANGE,
                    "y.npy: row 3 holds 18446744073709551615", "astype", NULL);
    }
}

static void bad_npy_files(void **state)
{
    const float x[6] = {0};
    static const struct {
        const char *dict;
        int         version;
        hoop_status want;
        const char *word;
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2), }", 1, HOOP_EFORMAT, "truncated"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", 1, HOOP_EFORMAT, "8 bytes follow the end"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (), }", 1, HOOP_ESHAPE, "scalar"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 2), }", 1, HOOP_ESHAPE, "dim 0"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 3), }", 1, HOOP_ESHAPE, "overflows"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 3), }", 1, HOOP_EFORMAT,
         "header cannot be read: 'shape' is not"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (3,), }", 1, HOOP_EDTYPE, "<c8"},
        {"{'descr': '<U6', 'fortran_order': False, 'shape': (3,), }", 1, HOOP_EDTYPE, "'<U6': text, and numbers are wanted"},
        {"{'descr': '|S6', 'fortran_order': False, 'shape': (3,), }", 1, HOOP_EDTYPE, "hoop data import-csv makes classes"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", 1, HOOP_EDTYPE, "pickled"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }", 1, HOOP_EDTYPE, "structured"},
        {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (3,), }", 1, HOOP_EFORMAT,
         "header cannot be read: 'fortran_order' is neither"},
        {"{'descr': '<f4', 'shape': (3,), }", 1, HOOP_EFORMAT, "header cannot be read: 'fortran_order' is missing"},
        {"{'fortran_order': False, 'shape': (3,), }", 1, HOOP_EFORMAT, "header cannot be read: 'descr' is missing"},
        {"{'descr': 4, 'fortran_order': False, 'shape': (3,), }", 1, HOOP_EFORMAT, "header cannot be read: 'descr' is not"},
        {"{'colour': 4, }", 1, HOOP_EFORMAT, "header cannot be read: a key is none of"},
        {"{'fortran_order': False 'shape': (3,), }", 1, HOOP_EFORMAT, "header cannot be read: no Python dict: , or }"},
        {"nonsense", 1, HOOP_EFORMAT, "header cannot be read: no Python dict"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 4, HOOP_EFORMAT, "version 4"},
    };
    hoop_error err;
    char      *good;
    int64_t    n;
    uint64_t   random = 6;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(&err, 0, sizeof err);
        npy_store("b.npy", cases[i].version, cases[i].dict, x, sizeof x);
        test_failed(hoop_import_npy("b.npy", NULL, NULL, &(hoop_import_opts){.dir = "bad"}, &err, NULL), &err, cases[i].want,
                    "b.npy", cases[i].word, NULL);
    }
    npy_store("b.npy", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }", x, sizeof x);
    npy_store("y.npy", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", x, 4 * sizeof x[0]);
    memset(&err, 0, sizeof err);
    test_failed(hoop_import_npy("b.npy", "y.npy", NULL, &(hoop_import_opts){.dir = "bad"}, &err, NULL), &err, HOOP_ESHAPE,
                "3 rows", "has 4", NULL);
    good = test_load("b.npy", &n);
    for (int64_t cut = 0; cut < n; cut++) {
        memset(&err, 0, sizeof err);
        test_store("b.npy", good, cut);
        test_failed(hoop_import_npy("b.npy", NULL, NULL, &(hoop_import_opts){.dir = "bad"}, &err, NULL), &err, HOOP_EFORMAT,
                    "b.npy", NULL);
    }
    assert_false(test_exists("bad"));
    for (int i = 0; i < 2000; i++) {
        test_store("b.npy", good, n);
        test_flip("b.npy", (int64_t)(test_random(&random) % (uint64_t)(n - 24)), (unsigned char)(1 + test_random(&random) % 255));
        (void)hoop_import_npy("b.npy", NULL, NULL, &(hoop_import_opts){.dir = "noise", .force = true, .shards = 1}, NULL, NULL);
    }
    free(good);
}

/* ---- named fields of arrays ---- */

enum { ROWS = 40 };

/* u.npy f4 (ROWS, 3), v.npy u1 (ROWS, 2, 2), p.npy f8 (ROWS), q.npy i8 (ROWS) of 0 to 3 */
static void store_fields(void)
{
    float         u[ROWS * 3];
    unsigned char v[ROWS * 4];
    double        p[ROWS];
    int64_t       q[ROWS];
    for (int i = 0; i < ROWS * 3; i++) u[i] = (float)i / 2;
    for (int i = 0; i < ROWS * 4; i++) v[i] = (unsigned char)i;
    for (int i = 0; i < ROWS; i++) p[i] = i / 3.0;
    for (int i = 0; i < ROWS; i++) q[i] = i % 4;
    npy_store("u.npy", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (40, 3), }", u, sizeof u);
    npy_store("v.npy", 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (40, 2, 2), }", v, sizeof v);
    npy_store("p.npy", 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (40,), }", p, sizeof p);
    npy_store("q.npy", 1, "{'descr': '<i8', 'fortran_order': False, 'shape': (40,), }", q, sizeof q);
    npy_store("short.npy", 1, "{'descr': '<i8', 'fortran_order': False, 'shape': (39,), }", q, 39 * 8);
}

/* Row i of the arrays stands in all fields of one sample, and each in one part only. */
static void look_for_rows(hoop_dataset *ds, bool seen[ROWS])
{
    const int64_t n = hoop_dataset_about(ds)->length;
    float         u[ROWS * 3], v[ROWS * 4];
    double        p[ROWS];
    int64_t       q[ROWS];
    read_all(ds, 0, HOOP_F32, u);
    read_all(ds, 1, HOOP_F32, v);
    read_all(ds, 2, HOOP_F64, p);
    read_all(ds, 3, HOOP_I64, q);
    for (int64_t k = 0; k < n; k++) {
        const int row = (int)(u[3 * k] * 2) / 3;
        assert_in_range(row, 0, ROWS - 1);
        assert_false(seen[row]);
        seen[row] = true;
        for (int j = 0; j < 3; j++) assert_true(u[3 * k + j] == (float)(3 * row + j) / 2);
        for (int j = 0; j < 4; j++) assert_true(v[4 * k + j] == (float)(4 * row + j) * 0.5F);
        assert_true(p[k] == row / 3.0);
        assert_int_equal(q[k], row % 4);
    }
}

static void npy_fields(void **state)
{
    const hoop_import_field fields[]   = {{.name = "u", .path = "u.npy"},
                                          {.name = "v-2.x", .path = "v.npy", .scale = 0.5},
                                          {.name = "p", .path = "p.npy", .role = HOOP_TARGET},
                                          {.name = "q", .path = "q.npy", .role = HOOP_TARGET}};
    bool                    seen[ROWS] = {false};
    hoop_error              err        = {0};
    hoop_import_result      r;
    (void)state;
    store_fields();
    test_ok(hoop_import_npy_fields(fields, 4, &(hoop_import_opts){.dir = "named", .split = 0.25, .shards = 3}, &err, &r));
    assert_int_equal(r.train_rows, 30);
    assert_int_equal(r.validation_rows, 10);
    assert_int_equal(r.classes, 4);
    for (int part = 0; part < 2; part++) {
        const char        *spec = part == 0 ? "named/train" : "named/validation";
        hoop_field_opts   *own;
        hoop_dataset      *ds;
        hoop_verify_report report;
        int                n;
        test_ok(hoop_dataset_fields(spec, &err, &own, &n));
        assert_int_equal(n, 4);
        for (int k = 0; k < 4; k++) {
            assert_string_equal(own[k].name, fields[k].name);
            assert_string_equal(own[k].path + 1, fields[k].name);
            assert_int_equal(own[k].role, fields[k].role);
        }
        test_ok(hoop_dataset_open(spec, &(hoop_dataset_opts){.fields = own, .nfields = n}, &err, &ds));
        free(own);
        assert_int_equal(hoop_dataset_about(ds)->shards, 3);
        assert_int_equal(hoop_dataset_about(ds)->field[0].dtype, HOOP_F32);
        assert_int_equal(hoop_dataset_about(ds)->field[1].dtype, HOOP_U8);
        assert_int_equal(hoop_dataset_about(ds)->field[1].ndim, 2);
        assert_int_equal(hoop_dataset_about(ds)->field[2].dtype, HOOP_F64);
        assert_int_equal(hoop_dataset_about(ds)->field[2].classes, 0);
        assert_int_equal(hoop_dataset_about(ds)->field[3].classes, 4);
        test_ok(hoop_dataset_verify(ds, NULL, NULL, &err, &report));
        assert_int_equal(report.checksums, 12);
        look_for_rows(ds, seen);
        hoop_dataset_close(&ds);
    }
    for (int i = 0; i < ROWS; i++) assert_true(seen[i]);
}

/* x and y by name are the short form: the same bytes, and nothing said of fields */
static void npy_fields_x_and_y(void **state)
{
    const hoop_import_field fields[] = {{.name = "x", .path = "u.npy"}, {.name = "y", .path = "q.npy", .role = HOOP_TARGET}};
    const hoop_import_field labels[] = {{.name = "x", .path = "u.npy"},
                                        {.name = "q", .path = "q.npy", .role = HOOP_TARGET, .targets = HOOP_CSV_REAL}};
    hoop_error              err      = {0};
    hoop_field_opts        *own;
    hoop_dataset           *ds;
    char                   *a, *b;
    int64_t                 na, nb;
    int                     n;
    (void)state;
    store_fields();
    test_ok(hoop_import_npy_fields(fields, 2, &(hoop_import_opts){.dir = "xy1", .shards = 1}, &err, NULL));
    test_ok(hoop_import_npy("u.npy", "q.npy", NULL, &(hoop_import_opts){.dir = "xy2", .shards = 1}, &err, NULL));
    a = test_load("xy1/train-00000-of-00001.h5", &na);
    b = test_load("xy2/train-00000-of-00001.h5", &nb);
    assert_true(na == nb && memcmp(a, b, (size_t)na) == 0);
    free(a);
    free(b);
    test_ok(hoop_dataset_fields("xy1/train", &err, &own, &n));
    assert_true(own == NULL && n == 0);
    test_ok(hoop_import_npy_fields(labels, 2, &(hoop_import_opts){.dir = "xq", .shards = 1}, &err, NULL));
    test_ok(hoop_dataset_fields("xq/train", &err, &own, &n));
    assert_int_equal(n, 2);
    test_ok(hoop_dataset_open("xq/train", &(hoop_dataset_opts){.fields = own, .nfields = n}, &err, &ds));
    assert_int_equal(hoop_dataset_about(ds)->field[1].dtype, HOOP_F32); /* as `targets` says */
    assert_int_equal(hoop_dataset_about(ds)->field[1].classes, 0);
    hoop_dataset_close(&ds);
    free(own);
}

static void bad_npy_fields(void **state)
{
    static const char      longest[] = "a23456789012345678901234567890123456789012345678901234567890123";
    const hoop_import_opts o         = {.dir = "bad-fields", .shards = 1};
    const struct {
        hoop_import_field first, second;
        hoop_status       want;
        const char       *word;
    } cases[] = {
        {{.name = "u", .path = "u.npy"},
         {.name = "q", .path = "short.npy", .role = HOOP_TARGET},
         HOOP_ESHAPE,
         "u.npy has 40 rows, short.npy has 39"},
        {{.name = "u", .path = "u.npy"},
         {.name = "u", .path = "q.npy", .role = HOOP_TARGET},
         HOOP_EARG,
         "two fields are called 'u'"},
        {{.name = "", .path = "u.npy"}, {.name = "q", .path = "q.npy"}, HOOP_EARG, "cannot be called ''"},
        {{.name = NULL, .path = "u.npy"}, {.name = "q", .path = "q.npy"}, HOOP_EARG, "cannot be called ''"},
        {{.name = "u", .path = "u.npy"}, {.name = "a/b", .path = "q.npy"}, HOOP_EARG, "cannot be called 'a/b'"},
        {{.name = "u", .path = "u.npy"}, {.name = "\xc3\xa9", .path = "q.npy"}, HOOP_EARG, "1 to 63 letters, digits"},
        {{.name = "u", .path = "u.npy"},
         {.name = "a234567890123456789012345678901234567890123456789012345678901234", .path = "q.npy"},
         HOOP_EARG,
         "1 to 63"},
        {{.name = "u", .path = "u.npy"}, {.name = "xxh3_64", .path = "q.npy"}, HOOP_EARG, "something else"},
        {{.name = "u", .path = "u.npy"}, {.name = "..", .path = "q.npy"}, HOOP_EARG, "something else"},
        {{.name = "y", .path = "u.npy"}, {.name = "q", .path = "q.npy"}, HOOP_EARG, "an input cannot be called 'y'"},
        {{.name = "u", .path = "u.npy"},
         {.name = "x", .path = "q.npy", .role = HOOP_TARGET},
         HOOP_EARG,
         "a target cannot be called 'x'"},
        {{.name = "u", .path = "u.npy", .role = HOOP_TARGET},
         {.name = "q", .path = "q.npy", .role = HOOP_TARGET},
         HOOP_EARG,
         "no input"},
        {{.name = "u", .path = "u.npy", .scale = NAN}, {.name = "q", .path = "q.npy"}, HOOP_EARG, "a finite number is wanted"},
        {{.name = "u", .path = "u.npy"},
         {.name = "q", .path = "q.npy", .role = HOOP_TARGET, .scale = 2},
         HOOP_EARG,
         "classes, which have none"},
        {{.name = "u", .path = "u.npy"},
         {.name = "p", .path = "p.npy", .role = HOOP_TARGET, .targets = HOOP_CSV_CLASS},
         HOOP_EFORMAT,
         "classes are whole numbers"},
        {{.name = "u", .path = "u.npy"}, {.name = "q", .path = "none.npy"}, HOOP_EIO, "none.npy"},
    };
    hoop_import_field two[2];
    hoop_error        err = {0};
    (void)state;
    store_fields();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(&err, 0, sizeof err);
        two[0] = cases[i].first;
        two[1] = cases[i].second;
        test_failed(hoop_import_npy_fields(two, 2, &o, &err, NULL), &err, cases[i].want, cases[i].word, NULL);
    }
    memset(&err, 0, sizeof err);
    test_failed(hoop_import_npy_fields(two, 0, &o, &err, NULL), &err, HOOP_EARG, "0 fields; 1 to 64", NULL);
    memset(&err, 0, sizeof err);
    test_failed(hoop_import_npy_fields(two, 65, &o, &err, NULL), &err, HOOP_EARG, "65 fields", NULL);
    assert_false(test_exists("bad-fields"));
    two[1] = (hoop_import_field){.name = longest, .path = "q.npy"};
    memset(&err, 0, sizeof err);
    test_ok(hoop_import_npy_fields(two, 2, &o, &err, NULL));
}

/* ---- disks ---- */

static void a_full_disk_leaves_nothing(void **state)
{
    hoop_error err = {0};
    (void)state;
    assert_int_equal(mkdir("full", 0777), 0);
    if (mount("hoop-test", "full", "tmpfs", 0, "size=1m") != 0) {
        print_message("[  SKIP    ] no tmpfs can be mounted here: %s\n", strerror(errno));
        skip();
    }
    test_failed(hoop_synth("digits", 5000, &(hoop_import_opts){.dir = "full/set", .split = 0.2}, &err, NULL), &err, HOOP_EIO,
                "No space left", NULL);
    assert_int_equal(test_count("full"), 0);
    for (int64_t n = 100; n < 1400; n += 90) { /* some fit, some do not */
        memset(&err, 0, sizeof err);
        if (hoop_synth("digits", n, &(hoop_import_opts){.dir = "full/set", .split = 0.2, .shards = 2}, &err, NULL) == HOOP_OK) {
            hoop_dataset *ds = open_set("full/set/train");
            test_ok(hoop_dataset_verify(ds, NULL, NULL, &err, NULL));
            hoop_dataset_close(&ds);
        } else {
            assert_int_equal(err.status, HOOP_EIO);
            assert_int_equal(test_count("full"), 0);
        }
        test_remove("full/set");
    }
    assert_int_equal(umount("full"), 0);
}

static void report(void *ctx, double fraction)
{
    double *last = ctx;
    assert_true(fraction >= *last && fraction <= 1);
    *last = fraction;
}

static void progress_is_told(void **state)
{
    hoop_error err  = {0};
    double     last = 0;
    (void)state;
    test_ok(hoop_synth("spirals", 1000, &(hoop_import_opts){.dir = "progress", .progress = report, .ctx = &last}, &err, NULL));
    assert_true(last > 0.9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(synth_is_deterministic),
        cmocka_unit_test(digits_are_balanced_and_alike),
        cmocka_unit_test(splits_take_each_row_once),
        cmocka_unit_test(sets_are_not_overwritten_by_chance),
        cmocka_unit_test(one_import_at_a_time),
        cmocka_unit_test(a_replacement_that_fails_shows),
        cmocka_unit_test(bad_import_options),
        cmocka_unit_test(idx_files),
        cmocka_unit_test(real_mnist),
        cmocka_unit_test(csv_tables),
        cmocka_unit_test(csv_headers_are_told_from_data),
        cmocka_unit_test(csv_faults_have_line_and_column),
        cmocka_unit_test(csv_of_noise_does_not_crash),
        cmocka_unit_test(npy_files),
        cmocka_unit_test(bad_npy_files),
        cmocka_unit_test(npy_of_uint64),
        cmocka_unit_test(npy_fields),
        cmocka_unit_test(npy_fields_x_and_y),
        cmocka_unit_test(bad_npy_fields),
        cmocka_unit_test(a_full_disk_leaves_nothing),
        cmocka_unit_test(progress_is_told),
    };
    return cmocka_run_group_tests(tests, test_enter, test_leave);
}
