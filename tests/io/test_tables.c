/* Tables as people have them: what an import decides of them, what it says of that, and what it refuses. */
#include "io_test.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "hoop/import.h"

static hoop_import_result result;

static hoop_status import_to(const char *dir, const char *text, int64_t n, const hoop_csv_opts *c, hoop_error *err)
{
    test_remove(dir);
    test_store("t.csv", text, n);
    memset(err, 0, sizeof *err);
    return hoop_import_csv("t.csv", c, &(hoop_import_opts){.dir = dir, .shards = 1, .force = true}, err, &result);
}

static hoop_status import(const char *text, const hoop_csv_opts *c, hoop_error *err)
{
    return import_to("csv", text, (int64_t)strlen(text), c, err);
}

/* Does a line of the summary hold these words? */
static void said(const char *about, const char *words)
{
    for (int i = 0; i < result.nlines; i++)
        if (strcmp(result.line[i].about, about) == 0 && strstr(result.line[i].text, words) != NULL) return;
    for (int i = 0; i < result.nlines; i++) print_error("%s: %s\n", result.line[i].about, result.line[i].text);
    fail_msg("the summary has no '%s' with '%s'", about, words);
}

static void not_said(const char *about)
{
    for (int i = 0; i < result.nlines; i++) assert_string_not_equal(result.line[i].about, about);
}

/* The strings of an attribute of the set in DIR, joined by |; "-" if there is none. */
static const char *strings(const char *dir, const char *dataset, const char *name)
{
    static char out[4096], path[256];
    hid_t       file, dset, attr, type;
    hsize_t     n = 0;
    size_t      width, used = 0;
    char       *all;
    (void)snprintf(path, sizeof path, "%s/train-00000-of-00001.h5", dir);
    file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    dset = H5Dopen2(file, dataset, H5P_DEFAULT);
    (void)strcpy(out, "-");
    if (H5Aexists(dset, name) > 0) {
        attr  = H5Aopen(dset, name, H5P_DEFAULT);
        type  = H5Aget_type(attr);
        width = H5Tget_size(type);
        n     = (hsize_t)H5Aget_storage_size(attr) / width;
        all   = malloc((size_t)n * width);
        assert_true(H5Aread(attr, type, all) >= 0);
        for (hsize_t i = 0; i < n; i++)
            used += (size_t)snprintf(out + used, sizeof out - used, "%s%.*s", i > 0 ? "|" : "", (int)width, all + i * width);
        free(all);
        (void)H5Tclose(type);
        (void)H5Aclose(attr);
    }
    (void)H5Dclose(dset);
    (void)H5Fclose(file);
    return out;
}

/* All of x, or y, of the set in DIR as f64; the number of elements. */
static int64_t values(const char *dir, int field, double *out, int64_t room, hoop_dtype *dtype)
{
    char          spec[256];
    hoop_error    err = {0};
    hoop_dataset *ds;
    int64_t       n, numel, index[1024];
    (void)snprintf(spec, sizeof spec, "%s/train", dir);
    test_ok(hoop_dataset_open(spec, &(hoop_dataset_opts){.use_y = HOOP_Y_OPTIONAL}, &err, &ds));
    n     = hoop_dataset_about(ds)->length;
    numel = hoop_dataset_about(ds)->field[field].numel;
    assert_true(n * numel <= room && n <= 1024);
    if (dtype != NULL) *dtype = hoop_dataset_about(ds)->field[field].dtype;
    for (int64_t i = 0; i < n; i++) index[i] = i;
    if (hoop_dtype_is_float(hoop_dataset_about(ds)->field[field].dtype)) {
        test_ok(hoop_dataset_read(ds, index, n, field, HOOP_F64, out, &err));
    } else {
        int64_t *whole = malloc((size_t)n * sizeof *whole);
        test_ok(hoop_dataset_read(ds, index, n, field, HOOP_I64, whole, &err));
        for (int64_t i = 0; i < n; i++) out[i] = (double)whole[i];
        free(whole);
    }
    hoop_dataset_close(&ds);
    return n * numel;
}

/* ---- headers ---- */

static void headers_are_found_by_what_stands_below(void **state)
{
    static const struct {
        const char   *text;
        hoop_csv_opts o;
        int64_t       rows; /* 0: refused, with --header and --no-header named */
    } cases[] = {
        /* what pandas writes of an array with a column of words beside it */
        {"0,1,2,3,species\n5.1,3.5,1.4,0.2,setosa\n6.2,2.9,4.3,1.3,virginica\n5.0,3.6,1.4,0.3,setosa\n", {0}, 3},
        {"0,1,2,3,4\n5.1,3.5,1.4,0.2,0\n6.2,2.9,4.3,1.3,1\n", {0}, 2},
        {",0,1\n0,5.5,1.5\n1,6.5,2.5\n", {0}, 2},
        {"0,1\n0.5,3\n1.5,4\n", {0}, 2},
        {"0,1\n0,1\n1,0\n", {0}, 0},
        {"0,1\n0,1\n1,0\n", {.header = HOOP_CSV_NO_HEADER}, 3},
        {"0,1\n0,1\n1,0\n", {.header = HOOP_CSV_HEADER}, 2},
        {"0,1,2\n3,4,5\n6,7,8\n", {0}, 0}, /* numpy.arange */
        {"0,1,2\n5,4,5\n6,7,8\n", {0}, 2},
        {"1990,1991,1992\n0.5,1.5,2\n0.25,1,1.5\n", {0}, 0}, /* years over numbers */
        {"1990,1991,1992\n1991,1992,1993\n0,1,2\n", {0}, 3},
        {"place,1990,1991\nA,0.5,1\nB,1,0.5\nC,2,2.5\nD,3,1\nE,1,1\n", {0}, 0},
        {"1,2,3\n4,5,6\n", {0}, 2},
        /* a class in the first line that is there below is one, however the numbers look */
        {"0,1,2,a\n5,6,7,a\n8,9,1,b\n", {0}, 0},
        {"5,1,2,a\n5,6,7,a\n8,9,1,b\n", {0}, 3},
        /* years as names; the same where the numbers fit their columns */
        {"2018,2019,2020,region\n1.5,2,3,north\n2,3,4,north\n1,1,1,south\n3,3,3,south\n", {0}, 4},
        {"3,2,4,rare\n1,2,3,north\n2,3,4,north\n5,1,9,south\n3,3,3,south\n", {0}, 0},
        {"3.5,2.5,4.5,rare\n1,2,3,north\n2,3,4,north\n5,1,9,south\n3,3,3,south\n", {0}, 0},
        {"3.5,2.5,4.5,rare\n1,2,3,north\n2,3,4,north\n5,1,9,south\n3,3,3,south\n", {.header = HOOP_CSV_NO_HEADER}, 5},
        /* words only: over numbers, in no other line, in some */
        {"a,b\n1,2\n", {0}, 1},
        {"colour,kind\nred,ash\nblue,oak\nred,oak\n", {0}, 3},
        {"red,oak\nred,ash\nblue,oak\nblue,ash\n", {0}, 4},
        {"red,kind\nred,ash\nblue,oak\nblue,ash\n", {0}, 0},
        {"True,False,a\nTrue,True,a\nFalse,False,b\n", {0}, 3},
        {"up,yes\nTrue,a\nFalse,b\n", {0}, 2},
    };
    hoop_error err;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const hoop_status st = import(cases[i].text, &cases[i].o, &err);
        if (cases[i].rows == 0)
            test_failed(st, &err, HOOP_EFORMAT, "t.csv: line 1, column", "--header", "--no-header", NULL);
        else if (st != HOOP_OK || result.train_rows != cases[i].rows)
            fail_msg("case %zu: %lld rows, not %lld (%s)", i, (long long)result.train_rows, (long long)cases[i].rows, err.text);
    }
    test_ok(import(cases[0].text, NULL, &err));
    said("header", "line 1 names the columns");
    said("header", "--no-header");
    assert_int_equal(result.classes, 2);
    assert_string_equal(strings("csv", "/x", "columns"), "0|1|2|3");
    assert_string_equal(strings("csv", "/y", "class_names"), "setosa|virginica");
}

static void the_index_of_pandas_is_left_out(void **state)
{
    hoop_error err;
    double     x[64];
    (void)state;
    test_ok(import(",length,kind\n0,1.5,a\n1,2.5,b\n2,3.5,a\n", NULL, &err));
    said("index", "--keep-index");
    assert_string_equal(strings("csv", "/x", "columns"), "length");
    assert_int_equal(values("csv", HOOP_FIELD_X, x, 64, NULL), 3);
    assert_true(x[0] == 1.5 && x[2] == 3.5);
    test_ok(import(",length,kind\n7,1.5,a\n0,2.5,b\n3,3.5,a\n", NULL, &err)); /* shuffled */
    assert_string_equal(strings("csv", "/x", "columns"), "length");
    test_ok(import("Unnamed: 0,length,kind\n7,1.5,a\n9,2.5,b\n", NULL, &err));
    assert_string_equal(strings("csv", "/x", "columns"), "length");
    test_ok(import(",length,kind\n0,1.5,a\n1,2.5,b\n", &(hoop_csv_opts){.keep_index = true}, &err));
    assert_string_equal(strings("csv", "/x", "columns"), "|length");
    test_ok(import(",length,kind\n3,1.5,a\n1,2.5,b\n3,3.5,a\n", NULL, &err)); /* no index: 3 is there twice */
    said("index", "kept");
    assert_string_equal(strings("csv", "/x", "columns"), "|length");
    test_ok(import(",length,kind\n-1,1.5,a\n10000000000,2.5,b\n", NULL, &err)); /* rising */
    assert_string_equal(strings("csv", "/x", "columns"), "length");
    test_ok(import("n,length,kind\n0,1.5,a\n1,2.5,b\n", NULL, &err));
    not_said("index");
    assert_string_equal(strings("csv", "/x", "columns"), "n|length");
}

/* ---- targets ---- */

static void classes_are_compared_as_text(void **state)
{
    static const struct {
        const char *target[4]; /* one a row */
        const char *names;     /* "-": the ids are the names */
        double      y[4];
    } cases[] = {
        {{"9007199254740993", "9007199254740992", "9007199254740993", "9007199254740992"},
         "9007199254740992|9007199254740993",
         {1, 0, 1, 0}},
        {{"01234", "1234", "1234", "01234"}, "1234|01234", {1, 0, 0, 1}},
        {{"10", "9", "-1", "9"}, "-1|9|10", {2, 1, 0, 1}},
        {{"2", "1.0", "1", "2.00"}, "1|2", {1, 0, 0, 1}},
        {{"1.10", "1.1", "1.1", "1.10"}, "1.1|1.10", {1, 0, 0, 1}},
        {{"0", "1", "1.0", "0.0"}, "-", {0, 1, 1, 0}},
        {{"0.000000e+00", "1.000000e+00", "2.000000e+00", "0.000000e+00"}, "-", {0, 1, 2, 0}},
        {{"1.25e+01", "1.2e+01", "12", "12.50"}, "12|12.50|1.25e+01", {2, 0, 0, 1}},
        {{"NA", "nan", "null", "x"}, "NA|nan|null|x", {0, 1, 2, 3}},
        {{"inf", "-inf", "1", "0"}, "-inf|0|1|inf", {3, 0, 2, 1}},
        {{"TRUE", "False", "false", "true"}, "False|True", {1, 0, 0, 1}},
    };
    hoop_error err;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char                text[256];
        double              y[4];
        const hoop_csv_opts o = {.targets = HOOP_CSV_CLASS, .header = HOOP_CSV_HEADER};
        (void)snprintf(text, sizeof text, "a,y\n1,%s\n2,%s\n3,%s\n4,%s\n", cases[i].target[0], cases[i].target[1],
                       cases[i].target[2], cases[i].target[3]);
        test_ok(import(text, &o, &err));
        assert_string_equal(strings("csv", "/y", "class_names"), cases[i].names);
        assert_int_equal(values("csv", HOOP_FIELD_Y, y, 4, NULL), 4);
        for (int k = 0; k < 4; k++)
            if (y[k] != cases[i].y[k]) fail_msg("case %zu: row %d is class %g", i, k, y[k]);
        if (i < 2) said("classes", "are two classes");
        if (i == 3 || i == 7) said("classes", "are one class");
    }
    /* true and false, and words with NaN among them, need nobody to say so */
    test_ok(import("a,y\n1,True\n2,false\n", NULL, &err));
    assert_int_equal(result.classes, 2);
    test_ok(import("a,y\n1,cat\n2,NA\n3,cat\n", NULL, &err));
    assert_string_equal(strings("csv", "/y", "class_names"), "NA|cat");
    said("classes", "'NA' is a class");
}

static char *numbered(const char *head, int n, const char *(*row)(int i))
{
    char  *text = malloc((size_t)n * 64 + 64);
    size_t used = (size_t)sprintf(text, "%s\n", head);
    for (int i = 0; i < n; i++) used += (size_t)sprintf(text + used, "%s\n", row(i));
    return text;
}

static const char *three(int i)
{
    static char out[32];
    (void)snprintf(out, sizeof out, "%d.5,%d", i, 1 + i % 3);
    return out;
}

static const char *thirteen(int i)
{
    static char out[32];
    (void)snprintf(out, sizeof out, "%d.5,%d", i, 1 + i % 13);
    return out;
}

static const char *half(int i)
{
    static char out[32];
    (void)snprintf(out, sizeof out, "%d,%d%s", i, 123456789 + i / 2, i % 2 == 1 ? ".5" : "");
    return out;
}

static void few_whole_numbers_are_classes(void **state)
{
    char      *text = numbered("a,y", 60, three);
    hoop_error err;
    double     y[60];
    hoop_dtype dtype;
    (void)state;
    test_ok(import(text, NULL, &err));
    assert_int_equal(result.classes, 3);
    said("target", "y: 3 classes, 1, 2, 3: whole numbers, each 20 times on average");
    said("target", "--real");
    assert_string_equal(strings("csv", "/y", "class_names"), "1|2|3");
    (void)values("csv", HOOP_FIELD_Y, y, 60, &dtype);
    assert_true(dtype == HOOP_I64 && y[0] == 0 && y[2] == 2);
    test_ok(import(text, &(hoop_csv_opts){.targets = HOOP_CSV_REAL}, &err));
    assert_int_equal(result.classes, 0);
    free(text);
    text = numbered("a,y", 60, thirteen); /* not five times each */
    test_ok(import(text, NULL, &err));
    assert_int_equal(result.classes, 0);
    said("target", "real numbers: 13 different values in 60 rows, all of them whole");
    said("target", "--classes");
    free(text);
}

/* ---- precision ---- */

static void f32_is_left_where_it_loses_what_varies(void **state)
{
    static const struct {
        const char *text;
        hoop_dtype  x;
    } cases[] = {
        {"a,y\n0.1,1\n0.2,2\n0.3,3\n", HOOP_F32},
        {"a,y\n16777216,1\n16777217,2\n", HOOP_F64},
        {"a,y\n16777216,1\n16777218,2\n", HOOP_F32},
        {"a,y\n0.1,1\n0.1,2\n", HOOP_F32},
        {"a,y\n1000.001,1\n1000.002,2\n", HOOP_F64},
        {"a,y\n1e99,1\n2,2\n", HOOP_F64},
        {"a,y\n1e-50,1\n2e-50,2\n", HOOP_F64},
        {"a,y\n123456789.5,1\n123456790,2\n0,3\n", HOOP_F64},
        {"a,y\n20200101,1\n20200102,2\n19990101,3\n", HOOP_F64},
    };
    hoop_error err;
    hoop_dtype dtype;
    double     y[300];
    char      *text;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double x[8];
        test_ok(import(cases[i].text, NULL, &err));
        (void)values("csv", HOOP_FIELD_X, x, 8, &dtype);
        if (dtype != cases[i].x) fail_msg("case %zu: x is %s", i, hoop_dtype_name(dtype));
        said("dtype", dtype == HOOP_F64 ? "x f64, for column 1 (a)" : "x f32");
    }
    text = numbered("a,y", 300, half);
    test_ok(import(text, NULL, &err));
    said("dtype", "y f64, for column 2 (y): f32 would take up to 4 from numbers that vary by 150 (--dtype f32)");
    (void)values("csv", HOOP_FIELD_Y, y, 300, &dtype);
    assert_int_equal(dtype, HOOP_F64);
    for (int i = 0; i < 300; i++) assert_true(y[i] == 123456789 + i / 2.0);
    test_ok(import(text, &(hoop_csv_opts){.dtype = HOOP_IMPORT_F32}, &err));
    said("dtype", "y f32, as --dtype says");
    (void)values("csv", HOOP_FIELD_Y, y, 300, &dtype);
    assert_int_equal(dtype, HOOP_F32);
    free(text);
    test_failed(import("a,y\n1,1\n1e99,2\n", &(hoop_csv_opts){.dtype = HOOP_IMPORT_F32}, &err), &err, HOOP_EFORMAT,
                "line 3, column 1 (a)", "too large for f32", "--dtype f64", NULL);
    /* nor does f64 hold every whole number */
    test_ok(import("a,y\n9007199254740993,u\n9007199254740992,v\n", NULL, &err));
    said("dtype", "line 2, column 1 (a): a whole number beyond 2^53");
    test_ok(import("a,y\n1,9223372036854775809\n2,3\n", NULL, &err));
    said("dtype", "line 2, column 2 (y): a whole number beyond 2^53");
    test_ok(import("a,y\n009007199254740994,u\n-36893488147419103232,v\n1e30,v\n", NULL, &err));
    for (int i = 0; i < result.nlines; i++) assert_null(strstr(result.line[i].text, "beyond 2^53"));
}

/* ---- missing values ---- */

static void missing_values_are_counted_left_out_or_filled(void **state)
{
    static const char table[] = "a,b,y\n1,10,u\n,20,v\n3,NaN,u\n5,60,v\n";
    hoop_error        err;
    double            x[8];
    (void)state;
    test_failed(import(table, NULL, &err), &err, HOOP_EFORMAT, "line 3, column 1 (a): is empty", "one of 2 in 2 columns",
                "--missing drop", "--missing mean", NULL);
    test_ok(import(table, &(hoop_csv_opts){.missing = HOOP_MISSING_DROP}, &err));
    assert_int_equal(result.train_rows, 2);
    assert_int_equal(result.dropped_rows, 2);
    assert_int_equal(result.missing, 2);
    said("rows", "2 of 4: 2 with missing values are left out");
    said("missing", "2 cells, in the rows left out");
    (void)values("csv", HOOP_FIELD_X, x, 8, NULL);
    assert_true(x[0] == 1 && x[1] == 10 && x[2] == 5 && x[3] == 60);
    test_ok(import(table, &(hoop_csv_opts){.missing = HOOP_MISSING_MEAN}, &err));
    said("missing", "2 cells took the mean of their column");
    (void)values("csv", HOOP_FIELD_X, x, 8, NULL);
    assert_true(x[2] == 3 && x[5] == 30);
    test_failed(import("a,y\n1,u\n2,\n", &(hoop_csv_opts){.missing = HOOP_MISSING_MEAN}, &err), &err, HOOP_EFORMAT, "target",
                "--missing drop", NULL);
    test_failed(import("a,y\n1,\n,2\n", &(hoop_csv_opts){.missing = HOOP_MISSING_DROP}, &err), &err, HOOP_EFORMAT,
                "each of its 2 rows", NULL);
    test_failed(import("a,b,y\n,1,1\n,2,2\n", &(hoop_csv_opts){.missing = HOOP_MISSING_MEAN}, &err), &err, HOOP_EFORMAT,
                "column 1 (a) has no value", "--drop 0", NULL);
    /* what stands in rows left out only is none of the classes and words */
    test_ok(import("a,b,y\nu,1,x\nv,,y\nu,1,z\nw,2,x\n1e99,,1e99\n",
                   &(hoop_csv_opts){.missing = HOOP_MISSING_DROP, .targets = HOOP_CSV_CLASS, .one_hot = "a"}, &err));
    assert_string_equal(strings("csv", "/x", "columns"), "a=u|a=w|b");
    assert_string_equal(strings("csv", "/y", "class_names"), "x|z");
    said("rows", "3 of 5");
    /* NA among numbers is missing, though the numbers are classes */
    test_ok(import("a,y\n1,0\n2,1\n3,NA\n4,0\n5,1\n", &(hoop_csv_opts){.missing = HOOP_MISSING_DROP}, &err));
    assert_int_equal(result.classes, 2);
    assert_int_equal(result.train_rows, 4);
    test_ok(import("a,b,y\n,1,1\n,2,2\n", &(hoop_csv_opts){.drop = "a"}, &err)); /* what is dropped may be anything */
    not_said("left");
    /* a mean that is no number is not written */
    test_failed(import("a,y\n1e308,u\n1e308,v\n,u\n", &(hoop_csv_opts){.missing = HOOP_MISSING_MEAN}, &err), &err, HOOP_EFORMAT,
                "column 1 (a) are too large for a mean", "--missing drop", NULL);
}

/* ---- words, lists, like ---- */

static const char titanic[] = "PassengerId,Survived,Sex,Name,Age,Embarked\n"
                              "1,0,male,\"Braund, Mr\",22,S\n2,1,female,\"Cumings, Mrs\",38,C\n3,1,female,Heikkinen,26,S\n"
                              "4,0,male,Allen,,Q\n";

static void words_become_columns(void **state)
{
    const hoop_csv_opts o = {.target = "Survived", .drop = "PassengerId,Name", .missing = HOOP_MISSING_MEAN};
    hoop_error          err;
    double              x[24];
    char                many[4096] = "a,y\n";
    (void)state;
    test_ok(import(titanic, &o, &err));
    assert_string_equal(strings("csv", "/x", "columns"), "Sex=female|Sex=male|Age|Embarked=C|Embarked=Q|Embarked=S");
    assert_string_equal(strings("csv", "/x", "one_hot"), "Sex|Embarked");
    said("one-hot", "Sex (2), Embarked (3)");
    said("left out", "2 columns: PassengerId, Name");
    assert_int_equal(values("csv", HOOP_FIELD_X, x, 24, NULL), 24);
    assert_true(x[0] == 0 && x[1] == 1 && x[2] == 22 && x[3] == 0 && x[4] == 0 && x[5] == 1);
    assert_true(fabs(x[20] - 86.0 / 3) < 1e-5 && x[22] == 1); /* Allen's age */
    test_ok(import(titanic, &(hoop_csv_opts){.target = "Survived", .columns = "Embarked,PassengerId"}, &err));
    assert_string_equal(strings("csv", "/x", "columns"), "Embarked=C|Embarked=Q|Embarked=S|PassengerId");
    test_ok(import("a,b,y\n1,2,u\n1,3,v\n2,2,u\n", &(hoop_csv_opts){.one_hot = "a"}, &err)); /* numbers, if asked */
    assert_string_equal(strings("csv", "/x", "columns"), "a=1|a=2|b");
    test_ok(import("1,red,3\n2,blue,4\n1,red,5\n", &(hoop_csv_opts){.header = HOOP_CSV_NO_HEADER}, &err)); /* no names: numbers */
    assert_string_equal(strings("csv", "/x", "columns"), "0|1=blue|1=red");
    test_failed(import(titanic, &(hoop_csv_opts){.target = "Survived", .no_one_hot = true, .drop = "Name"}, &err), &err,
                HOOP_EFORMAT, "line 2, column 3 (Sex): 'male' is not a number", "--drop 'Sex'", NULL);
    test_failed(import("a,b,y\n1,2,3\nx,2,3\n", NULL, &err), &err, HOOP_EFORMAT,
                "line 3, column 1 (a): 'x' is not a number, others are", "--one-hot 'a'", NULL);
    for (int i = 0; i < 33; i++) (void)snprintf(many + strlen(many), sizeof many - strlen(many), "w%d,%d\n", i, i % 2);
    test_failed(import(many, NULL, &err), &err, HOOP_EFORMAT, "column 1 (a) holds 33 different words", "--drop 'a'",
                "--one-hot 'a'", NULL);
    test_ok(import(many, &(hoop_csv_opts){.one_hot = "a"}, &err));
    test_ok(import("a,b,y\nTrue,1,u\nfalse,2,v\n", NULL, &err));
    assert_string_equal(strings("csv", "/x", "columns"), "a|b");
    (void)values("csv", HOOP_FIELD_X, x, 24, NULL);
    assert_true(x[0] == 1 && x[2] == 0);
    test_failed(import("a,b,y\n1,2,3\n", &(hoop_csv_opts){.drop = "y"}, &err), &err, HOOP_EARG, "(y) is the target",
                "--no-target", NULL);
    test_failed(import("a,b,y\n1,2,3\n", &(hoop_csv_opts){.columns = "y"}, &err), &err, HOOP_EARG, "--columns", "the target",
                NULL);
    test_failed(import("a,b,y\n1,2,3\n", &(hoop_csv_opts){.drop = "c"}, &err), &err, HOOP_EARG, "--drop: there is no column 'c'",
                NULL);
    test_ok(import("a,a,y\n1,2,3\n", NULL, &err));
    said("columns", "two are called 'a'");
    test_failed(import("a,a,y\n1,2,3\n", &(hoop_csv_opts){.target = "a"}, &err), &err, HOOP_EARG, "two columns are called 'a'",
                NULL);
}

static void a_table_without_target(void **state)
{
    hoop_error    err;
    hoop_dataset *ds;
    (void)state;
    test_ok(import("a,b\n1,2\n3,4\n", &(hoop_csv_opts){.no_target = true}, &err));
    said("target", "none");
    assert_string_equal(strings("csv", "/x", "columns"), "a|b");
    test_ok(hoop_dataset_open("csv/train", &(hoop_dataset_opts){.use_y = HOOP_Y_OPTIONAL}, &err, &ds));
    assert_false(hoop_dataset_about(ds)->field[HOOP_FIELD_Y].present);
    hoop_dataset_close(&ds);
    test_ok(import("1\n2\n", &(hoop_csv_opts){.no_target = true}, &err)); /* one column will do */
    test_failed(import("a,b\n1,2\n", &(hoop_csv_opts){.no_target = true, .target = "a"}, &err), &err, HOOP_EARG, "--no-target",
                NULL);
}

/* the set calls its column of words "-1", the table has no names and is wide */
static void like_goes_by_the_names_of_the_set(void **state)
{
    enum { WIDE = 1200 };
    hoop_csv_opts like = {.like = "as/train", .no_target = true, .header = HOOP_CSV_NO_HEADER};
    char          text[2 * (2 * WIDE + 8)];
    hoop_error    err = {0};
    double        x[16];
    (void)state;
    for (int words = 1; words <= 2; words++) {
        const char *set = words == 1 ? "0,-1,y\n5,p,0.5\n6,p,1.5\n" : "0,-1,y\n5,p,0.5\n6,q,1.5\n";
        size_t      n   = 0;
        test_ok(import_to("as", set, (int64_t)strlen(set), &(hoop_csv_opts){.header = HOOP_CSV_HEADER, .target = "y"}, &err));
        assert_string_equal(strings("as", "/x", "columns"), words == 1 ? "0|-1=p" : "0|-1=p|-1=q");
        for (int row = 0; row < 2; row++) {
            for (int i = 0; i < WIDE - 1; i++) n += (size_t)snprintf(text + n, sizeof text - n, "%d,", 3 + row);
            n += (size_t)snprintf(text + n, sizeof text - n, "%s\n", row == 1 && words == 2 ? "q" : "p");
        }
        test_ok(import(text, &like, &err));
        assert_int_equal(values("csv", HOOP_FIELD_X, x, 16, NULL), 2 * (1 + words));
        assert_true(x[0] == 3 && x[1] == 1 && x[1 + words] == 4 && x[2 * words + 1] == 1);
    }
}

static void like_takes_all_from_a_set(void **state)
{
    const hoop_csv_opts o    = {.target = "Survived", .drop = "PassengerId,Name", .missing = HOOP_MISSING_MEAN};
    hoop_csv_opts       like = {.like = "as/train", .no_target = true};
    hoop_error          err;
    double              x[24];
    (void)state;
    test_ok(import_to("as", titanic, sizeof titanic - 1, &o, &err));
    /* other order, fewer words, one more column, a hole: the same columns, and the mean of the set */
    test_ok(import("Embarked,Age,Cabin,Sex\nS,30,C85,male\nS,,,female\n", &like, &err));
    assert_string_equal(strings("csv", "/x", "columns"), "Sex=female|Sex=male|Age|Embarked=C|Embarked=Q|Embarked=S");
    assert_string_equal(strings("csv", "/x", "one_hot"), "Sex|Embarked");
    assert_int_equal(values("csv", HOOP_FIELD_X, x, 24, NULL), 12);
    assert_true(x[0] == 0 && x[1] == 1 && x[2] == 30 && x[5] == 1 && x[6] == 1 && fabs(x[8] - 86.0 / 3) < 1e-5);
    /* rows left out, and two columns of words */
    like.missing = HOOP_MISSING_DROP;
    test_ok(import("Embarked,Age,Sex\nS,30,male\nC,,female\nQ,40,female\n", &like, &err));
    assert_int_equal(values("csv", HOOP_FIELD_X, x, 24, NULL), 12);
    assert_true(x[1] == 1 && x[5] == 1 && x[6] == 1 && x[8] == 40 && x[10] == 1);
    like.missing = HOOP_MISSING_AUTO;
    test_failed(import("Embarked,Age,Sex\nX,30,male\n", &like, &err), &err, HOOP_EFORMAT,
                "line 2, column 1 (Embarked): 'X' is none", "as/train", "--unknown zero", NULL);
    like.unknown_zero = true;
    test_ok(import("Embarked,Age,Sex\nX,30,male\n", &like, &err));
    (void)values("csv", HOOP_FIELD_X, x, 24, NULL);
    assert_true(x[3] == 0 && x[4] == 0 && x[5] == 0);
    like.unknown_zero = false;
    test_failed(import("Embarked,Sex\nS,male\n", &like, &err), &err, HOOP_EFORMAT, "no column 'Age'", "as/train", NULL);
    like.no_target = false;
    test_failed(import("Embarked,Age,Sex\nS,30,male\n", &like, &err), &err, HOOP_EFORMAT, "no column 'Survived'", "--no-target",
                NULL);
    test_failed(import("Survived,Embarked,Age,Sex\n2,S,30,male\n", &like, &err), &err, HOOP_EFORMAT,
                "'2' is none of the classes 0 to 1", NULL);
    test_ok(import("Survived,Embarked,Age,Sex\n1,S,30,male\n", &like, &err)); /* its classes have no names */
    said("target", "2 classes, 0 to 1");
    /* what is no set of a table is told with what it is */
    for (int k = 0; k < 3; k++) {
        static const char *const says[]  = {"like.h5: is no set of a table: rows of x have 2 dims of f32",
                                            "rows of x have 1 dims of i32", "y is i64 without a number of classes"};
        const hsize_t            dims[3] = {2, 2, 2};
        double                   zero[8] = {0};
        const hid_t              type    = k == 1 ? H5T_STD_I32LE : H5T_IEEE_F32LE;
        test_h5_add("like.h5", true, "/x", type, H5T_NATIVE_DOUBLE, k == 0 ? 3 : 2, dims, zero, 0, 0);
        test_h5_add("like.h5", false, "/y", H5T_STD_I64LE, H5T_NATIVE_DOUBLE, 1, dims, zero, 0, 0);
        test_failed(import("a,y\n1,2\n", &(hoop_csv_opts){.like = "like.h5"}, &err), &err, HOOP_EFORMAT, says[k], NULL);
    }
    /* a name that reads like a word of another column would be taken for one */
    test_failed(import("Sex,Sex=x,y\nm,1,0\nf,0,1\n", NULL, &err), &err, HOOP_EFORMAT, "'Sex=x' of column 2", "column 'Sex'",
                "--drop 1", NULL);
    test_ok(import("Sex,Sex=x,y\n0,1,0\n1,0,1\n", NULL, &err));
    /* names with commas are no lists */
    test_ok(
        import_to("as", "\"b, c\",\"y, z\"\n1,5\n2,6\n", 21, &(hoop_csv_opts){.one_hot = "0", .targets = HOOP_CSV_CLASS}, &err));
    test_ok(import("\"y, z\",\"b, c\"\n6,1\n", &like, &err));
    assert_string_equal(strings("csv", "/x", "columns"), "b, c=1|b, c=2");
    /* classes keep their numbers */
    test_ok(import_to("as", "a,y\n1,x\n2,y\n3,z\n", 16, NULL, &err));
    test_ok(import("y,a\nz,1\n", &like, &err));
    assert_int_equal(result.classes, 3);
    (void)values("csv", HOOP_FIELD_Y, x, 24, NULL);
    assert_true(x[0] == 2);
    test_failed(import("y,a\nw,1\n", &like, &err), &err, HOOP_EFORMAT, "'w' is none of the 3 classes", NULL);
    test_failed(import("y,a\nw,1\n", &(hoop_csv_opts){.like = "nothing/train"}, &err), &err, HOOP_EIO, "--like", "nothing/train",
                NULL);
    test_failed(import("y,a\nw,1\n", &(hoop_csv_opts){.unknown_zero = true}, &err), &err, HOOP_EARG, "--like", NULL);
}

/* ---- how a table is written ---- */

static void forms(void **state)
{
    hoop_error err;
    double     x[8];
    (void)state;
    /* a number of a column, where the first line, which is data, holds it twice */
    test_ok(import("1,1,0\n0,0,1\n1,0,1\n", &(hoop_csv_opts){.target = "1"}, &err));
    test_ok(import("sep=;\na;b;y\n1;2;u\n3;4;v\n", NULL, &err));
    said("file", "cut at ';'");
    assert_string_equal(strings("csv", "/x", "columns"), "a|b");
    test_ok(import("sep=,\n1,2,u\n", NULL, &err));
    assert_int_equal(result.train_rows, 1);
    test_ok(import("sep=;\n1|2|u\n", &(hoop_csv_opts){.separator = '|'}, &err));
    test_ok(import("# made by hand\n1,2,u\n# and more\n3,4,v\n", NULL, &err));
    assert_int_equal(result.train_rows, 2);
    said("file", "2 comment lines left out");
    test_ok(import("% made by hand\n1,2,u\n", &(hoop_csv_opts){.comment = '%'}, &err));
    test_ok(import("#1,2,u\n#2,4,v\n", &(hoop_csv_opts){.comment = -1}, &err));
    assert_int_equal(result.train_rows, 2);
    test_failed(import("1,2,u\n#2,4,v\n3,4,u\n", NULL, &err), &err, HOOP_EFORMAT, "line 2 begins with #", "--comment none", NULL);
    test_failed(import("#2,4,v\n3,4,u\n", NULL, &err), &err, HOOP_EFORMAT, "line 1 begins with #", "--comment none", NULL);
    test_ok(import("1,2,u\n#2,4,v\n3,4,u\n", &(hoop_csv_opts){.comment = '#'}, &err));
    assert_int_equal(result.train_rows, 2);
    test_ok(import("1,2,\"#u\"\n3,4,\"# v\"\n", NULL, &err)); /* within a line it is a word */
    assert_string_equal(strings("csv", "/y", "class_names"), "# v|#u");
    /* numpy.savetxt */
    test_failed(import("1.5 2.5 3.5\n1 2 3\n", NULL, &err), &err, HOOP_EARG, "--separator blank", NULL);
    test_ok(import("# a b c\n1.000e+00  2.5 3.5\n 1\t2 3 \n", &(hoop_csv_opts){.separator = ' '}, &err));
    assert_int_equal(values("csv", HOOP_FIELD_X, x, 8, NULL), 4);
    assert_true(x[0] == 1 && x[1] == 2.5 && x[2] == 1 && x[3] == 2);
    assert_string_equal(strings("csv", "/x", "columns"), "a|b");
    said("header", "the comment in line 1 names the columns");
    test_ok(import("#id,a,y\n1,2,u\n", NULL, &err));
    assert_string_equal(strings("csv", "/x", "columns"), "id|a");
    /* a column that options, or another set, call by such a name is seen as any other */
    test_ok(import("#k,a,b\n0,1,3\n1,2,5\n0,1,3\n1,2,5\n0,1,3\n1,2,5\n0,1,3\n1,2,5\n0,1,3\n1,2,5\n",
                   &(hoop_csv_opts){.target = "k", .one_hot = "b"}, &err));
    assert_int_equal(result.classes, 2);
    assert_string_equal(strings("csv", "/x", "columns"), "a|b=3|b=5");
    test_ok(import_to("other", "#k,b,a\n1,5,7\n", 13, &(hoop_csv_opts){.like = "csv/train"}, &err));
    assert_string_equal(strings("other", "/x", "columns"), "a|b=3|b=5");
    assert_int_equal(result.classes, 2);
    /* CR alone ends a line, wherever LF does */
    test_ok(import("# by hand\ra,\"b\",y\r1,2,u\r\r# and more\r3,\"4\",\"v\"\r5, 6 ,w", NULL, &err));
    assert_int_equal(values("csv", HOOP_FIELD_X, x, 8, NULL), 6);
    assert_true(x[2] == 3 && x[3] == 4 && x[4] == 5 && x[5] == 6);
    assert_string_equal(strings("csv", "/y", "class_names"), "u|v|w");
    /* a separator at the end of each line */
    test_failed(import("a,b,y,\n1,2,u,\n3,4,v,\n", NULL, &err), &err, HOOP_EFORMAT, "column 4 is empty in all rows", "--target",
                "--drop 3", "end each line", NULL);
    test_ok(import("a,b,y,\n1,2,u,\n3,4,v,\n", &(hoop_csv_opts){.target = "y", .drop = "3"}, &err));
    test_failed(import("a,b,y\n1,,u\n3,,v\n", &(hoop_csv_opts){.missing = HOOP_MISSING_DROP}, &err), &err, HOOP_EFORMAT,
                "column 2 (b) is empty in all rows: --drop 1", NULL);
    /* numbers with commas are no words, and no classes, unless it is said */
    test_failed(import("a;y\n1,5;u\n2,5;v\n", &(hoop_csv_opts){.separator = ';'}, &err), &err, HOOP_EFORMAT,
                "line 2, column 1 (a): '1,5' is not a number: as 1234.5", "--one-hot 'a'", NULL);
    test_failed(import("a,y\n1,\"1,234\"\n2,\"5,678\"\n", NULL, &err), &err, HOOP_EFORMAT, "'1,234' is not a number: as 1234.5",
                "--classes", NULL);
    test_failed(import("a,y\n1,12%\n2,-3%\n", NULL, &err), &err, HOOP_EFORMAT, "'12%' is not a number", NULL);
    test_ok(import("a;y\n1,5;u\n2,5;v\n", &(hoop_csv_opts){.separator = ';', .one_hot = "a"}, &err));
    test_ok(import("a;y\n\"1,2\";u\nnone;v\n", &(hoop_csv_opts){.separator = ';'}, &err)); /* a list of things */
    test_ok(import("1 2 3 \r4 5 6\r\r\n7 8 9\r\n", &(hoop_csv_opts){.separator = ' '}, &err));
    assert_int_equal(values("csv", HOOP_FIELD_X, x, 8, NULL), 6);
    test_failed(import("a,b\r1,2\r3\r", NULL, &err), &err, HOOP_EFORMAT, "line 3 has 1 columns", NULL);
    test_ok(import("a, \"b\" ,y\n1, \"2\" ,\"u, w\"\n", NULL, &err)); /* blanks around quotes */
    assert_string_equal(strings("csv", "/y", "class_names"), "u, w");
}

static void encodings(void **state)
{
    static const char utf16[] = "\xff\xfe"
                                "a\0,\0y\0\n\0"
                                "1\0,\0\xfc\0\n\0";
    hoop_error        err;
    (void)state;
    test_failed(import("a,y\n1,u\n2,gr\xfcn\n", NULL, &err), &err, HOOP_EFORMAT, "line 3: byte 0xfc is not UTF-8",
                "--encoding latin1", NULL);
    test_ok(import("a,y\n1,u\n2,gr\xfcn\n", &(hoop_csv_opts){.encoding = "latin1"}, &err));
    assert_string_equal(strings("csv", "/y", "class_names"), "gr\xc3\xbcn|u");
    said("file", "read as latin1");
    test_ok(import("a,y\n1,gr\xc3\xbcn\n", NULL, &err));
    test_ok(import_to("csv", utf16, sizeof utf16 - 1, &(hoop_csv_opts){.encoding = "UTF-16"}, &err));
    assert_string_equal(strings("csv", "/y", "class_names"), "\xc3\xbc");
    test_failed(import_to("csv", utf16, sizeof utf16 - 1, NULL, &err), &err, HOOP_EFORMAT, "--encoding UTF-16", NULL);
    test_failed(import_to("csv", utf16, sizeof utf16 - 2, &(hoop_csv_opts){.encoding = "UTF-16"}, &err), &err, HOOP_EFORMAT,
                "within a character", NULL);
    test_failed(import("a,y\n1,u\n2,\xff\n", &(hoop_csv_opts){.encoding = "UTF-8"}, &err), &err, HOOP_EFORMAT, "line 3",
                "no character", NULL);
    test_failed(import("a,y\n1,u\n", &(hoop_csv_opts){.encoding = "latin-nine"}, &err), &err, HOOP_EARG, "latin-nine", "latin1",
                NULL);
    /* the last letter of the file, which cp1255 keeps until it knows which mark follows */
    test_ok(import("a,y\n1,u\n2,\xe0\xf9", &(hoop_csv_opts){.encoding = "CP1255"}, &err));
    assert_string_equal(strings("csv", "/y", "class_names"), "u|\xd7\x90\xd7\xa9");
    test_failed(import("a,y\n1,\xed\xa0\x80\n", NULL, &err), &err, HOOP_EFORMAT, "not UTF-8", NULL); /* half of a pair */
    test_failed(import("a,y\n1,\xc0\x80\n", NULL, &err), &err, HOOP_EFORMAT, "not UTF-8", NULL);
}

static void gzip_store(const char *path, const char *text, const char *mode)
{
    gzFile g = gzopen(path, mode);
    assert_true(g != NULL && gzputs(g, text) > 0 && gzclose(g) == Z_OK);
}

static void gzip_and_pipes(void **state)
{
    static const char      text[] = "a,y\n1,u\n2,v\n3,u\n";
    const hoop_import_opts o      = {.dir = "gz", .shards = 1, .force = true};
    hoop_error             err    = {0};
    char                  *data, *first;
    int64_t                n, same;
    pid_t                  child;
    (void)state;
    gzip_store("t.gz", text, "wb");
    test_ok(hoop_import_csv("t.gz", NULL, &o, &err, &result));
    assert_int_equal(result.train_rows, 3);
    said("file", "gzip");
    first = test_load("gz/train-00000-of-00001.h5", &same);
    data  = test_load("t.gz", &n);
    for (int64_t cut = 2; cut < n; cut++) { /* every truncation */
        memset(&err, 0, sizeof err);
        test_store("cut.gz", data, cut);
        test_failed(hoop_import_csv("cut.gz", NULL, &o, &err, NULL), &err, HOOP_EFORMAT, "cut.gz", "truncated", NULL);
    }
    test_store("cut.gz", data, n);
    test_flip("cut.gz", n - 6, 1);
    memset(&err, 0, sizeof err);
    test_failed(hoop_import_csv("cut.gz", NULL, &o, &err, NULL), &err, HOOP_EFORMAT, "corrupt gzip data", NULL);
    data = realloc(data, (size_t)(2 * n + 1000000));
    for (int k = 0; k < 3; k++) { /* zeros follow, as gzip pads blocks with: few, many, and with something behind them */
        const int64_t all = n + (k == 0 ? 1 : 900000);
        memset(data + n, 0, (size_t)(all - n));
        if (k == 2) memcpy(data + all - n, data, (size_t)n);
        test_store("padded.gz", data, all);
        memset(&err, 0, sizeof err);
        if (k < 2)
            test_ok(hoop_import_csv("padded.gz", NULL, &o, &err, &result));
        else
            test_failed(hoop_import_csv("padded.gz", NULL, &o, &err, NULL), &err, HOOP_EFORMAT, "other bytes follow", NULL);
        if (k < 2) assert_int_equal(result.train_rows, 3);
    }
    memcpy(data + n, data, (size_t)n);
    for (int64_t cut = n + 2; cut < 2 * n; cut++) { /* a second member without its end */
        memset(&err, 0, sizeof err);
        test_store("cut.gz", data, cut);
        test_failed(hoop_import_csv("cut.gz", NULL, &o, &err, NULL), &err, HOOP_EFORMAT, "cut.gz", "truncated", NULL);
    }
    memcpy(data + n, data, (size_t)n); /* another member: the header is a row that is like none */
    test_store("two.gz", data, 2 * n);
    memset(&err, 0, sizeof err);
    test_ok(hoop_import_csv("two.gz", &(hoop_csv_opts){.no_target = true, .one_hot = "a"}, &o, &err, &result));
    assert_int_equal(result.train_rows, 7);
    memcpy(data + n, "garbage!", 8);
    test_store("cut.gz", data, n + 8);
    memset(&err, 0, sizeof err);
    test_failed(hoop_import_csv("cut.gz", NULL, &o, &err, NULL), &err, HOOP_EFORMAT, "other bytes follow", NULL);
    free(data);
    for (int k = 0; k < 2; k++) { /* through a pipe, plain and gzip */
        assert_int_equal(mkfifo("pipe", 0600), 0);
        if ((child = fork()) == 0) execlp("cp", "cp", k == 0 ? "t.csv" : "t.gz", "pipe", NULL);
        test_store("t.csv", text, sizeof text - 1);
        memset(&err, 0, sizeof err);
        test_ok(hoop_import_csv("pipe", NULL, &o, &err, &result));
        said("file", "from a pipe");
        data = test_load("gz/train-00000-of-00001.h5", &n);
        assert_true(n == same && memcmp(data, first, (size_t)n) == 0);
        free(data);
        assert_int_equal(unlink("pipe"), 0);
    }
    /* its first bytes one at a time: UTF-8's mark is none of the table */
    assert_int_equal(mkfifo("pipe", 0600), 0);
    if ((child = fork()) == 0) execlp("dd", "dd", "if=t.csv", "of=pipe", "bs=1", "status=none", NULL);
    test_store("t.csv",
               "\xef\xbb\xbf"
               "a,y\n1,u\n2,v\n3,u\n",
               (int64_t)sizeof text + 2);
    memset(&err, 0, sizeof err);
    test_ok(hoop_import_csv("pipe", NULL, &o, &err, &result));
    assert_string_equal(strings("gz", "/x", "columns"), "a");
    assert_int_equal(unlink("pipe"), 0);
    free(first);
    assert_int_equal(test_count("gz"), 1);
}

/* Whatever a table holds and is asked for: a set, or one line that says why not and nothing left behind. */
static void tables_of_noise(void **state)
{
    static const char *const pieces[] = {"0",  "1", "2",   "12",    "1.5",      "-3",   "1e9",  "16777217", "nan",
                                         "NA", "",  "inf", "true",  "Yes",      "rose", "red",  "\"q\"",    "\"a,b\"",
                                         "\"", "#", "#a",  "sep=;", "\xc3\xa9", "\xe9", "1e400"};
    static const char *const lists[]  = {NULL, NULL, NULL, "0", "1", "-1", "rose", "0,1", "7", ",", "a"};
    enum { LISTS = sizeof lists / sizeof lists[0], PIECES = sizeof pieces / sizeof pieces[0] };
    uint64_t   random = 4;
    hoop_error err;
    (void)state;
    test_ok(import_to("as", titanic, sizeof titanic - 1,
                      &(hoop_csv_opts){.target = "Survived", .drop = "Name", .missing = HOOP_MISSING_MEAN}, &err));
    for (int i = 0; i < 4000; i++) {
        char          text[1024] = "";
        const int64_t rows = 1 + (int64_t)(test_random(&random) % 8), columns = 1 + (int64_t)(test_random(&random) % 4);
        hoop_csv_opts o = {.target    = lists[test_random(&random) % LISTS],
                           .drop      = lists[test_random(&random) % LISTS],
                           .one_hot   = lists[test_random(&random) % LISTS],
                           .header    = (hoop_csv_header)(test_random(&random) % 3),
                           .targets   = (hoop_csv_targets)(test_random(&random) % 3),
                           .missing   = (hoop_missing)(test_random(&random) % 4),
                           .dtype     = (hoop_import_dtype)(test_random(&random) % 3),
                           .separator = "\0\0,; "[test_random(&random) % 5],
                           .comment   = (int)(test_random(&random) % 3) - 1,
                           .encoding  = test_random(&random) % 4 == 0 ? "latin1" : NULL,
                           .like      = test_random(&random) % 8 == 0 ? "as/train" : NULL,
                           .no_target = test_random(&random) % 8 == 0};
        hoop_status   st;
        if (o.comment == 1) o.comment = '#';
        if (o.like != NULL) o.target = o.drop = o.one_hot = NULL;
        if (o.like != NULL) (void)strcpy(text, "Age,Embarked,PassengerId,Sex,Survived\n");
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < columns; c++) {
                const uint64_t k = test_random(&random) % (test_random(&random) % 3 == 0 ? PIECES : 6);
                (void)strcat(text, pieces[k]);
                (void)strcat(text, c + 1 == columns                                     ? "\n"
                                   : o.separator == 0 || test_random(&random) % 50 == 0 ? ","
                                                                                        : (char[]){o.separator, 0});
            }
        st = import(text, &o, &err);
        assert_int_equal(st, err.status);
        if (strpbrk(err.text, "\r\n") != NULL) fail_msg("more than one line: %s", err.text);
        if (test_count("csv") != (st == HOOP_OK ? 1 : 0)) fail_msg("%d files of: %s", test_count("csv"), text);
    }
}

/* ---- arrays and images ---- */

static void npy_store(const char *path, const char *descr, const char *shape, const void *data, int64_t n, bool gz)
{
    char   head[128];
    gzFile g = gzopen(path, gz ? "wb" : "wbT");
    memset(head, ' ', sizeof head);
    memcpy(head, "\x93NUMPY\x01\x00\x76\x00", 10);
    head[10 + snprintf(head + 10, 110, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape)] = ' ';
    head[127]                                                                                                   = '\n';
    assert_true(g != NULL && gzwrite(g, head, 128) == 128 && gzwrite(g, data, (unsigned)n) == n && gzclose(g) == Z_OK);
}

static void integers_of_arrays_are_classes_where_they_are_few(void **state)
{
    static const struct {
        int              first, step, different;
        hoop_csv_targets said;
        int64_t          classes; /* 0: numbers */
        const char      *names;
    } cases[] = {
        {0, 1, 10, HOOP_CSV_TARGETS_AUTO, 10, "-"},
        {1, 1, 3, HOOP_CSV_TARGETS_AUTO, 3, "1|2|3"},
        {-1, 2, 2, HOOP_CSV_TARGETS_AUTO, 2, "-1|1"},
        {0, 5, 2, HOOP_CSV_TARGETS_AUTO, 6, "-"},
        {0, 1, 20, HOOP_CSV_TARGETS_AUTO, 20, "-"},
        {1, 1, 20, HOOP_CSV_TARGETS_AUTO, 20, "1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20"},
        {1000, 7, 100, HOOP_CSV_TARGETS_AUTO, 0, NULL},
        {1000, 7, 3, HOOP_CSV_REAL, 0, NULL},
        {0, 1, 100, HOOP_CSV_CLASS, 100, "-"},
        {100000, 1, 2, HOOP_CSV_CLASS, 2, "100000|100001"},
        {20000000, 7, 100, HOOP_CSV_TARGETS_AUTO, 0, NULL},
    };
    const hoop_import_opts o = {.dir = "npy", .shards = 1, .force = true};
    float                  x[100];
    double                 back[100];
    hoop_error             err = {0};
    hoop_dtype             dtype;
    (void)state;
    for (int i = 0; i < 100; i++) x[i] = (float)i;
    npy_store("x.npy", "<f4", "(100, 1)", x, sizeof x, false);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t y[100];
        for (int k = 0; k < 100; k++) y[k] = cases[i].first + k % cases[i].different * cases[i].step;
        npy_store("y.npy", "<i8", "(100,)", y, sizeof y, false);
        test_ok(hoop_import_npy("x.npy", "y.npy", &(hoop_npy_opts){.targets = cases[i].said}, &o, &err, &result));
        assert_int_equal(result.classes, cases[i].classes);
        said("target", cases[i].classes > 0 ? "class" : "integers");
        (void)values("npy", HOOP_FIELD_Y, back, 100, &dtype);
        if (cases[i].names != NULL) assert_string_equal(strings("npy", "/y", "class_names"), cases[i].names);
        if (cases[i].classes == 0) assert_int_equal(dtype, cases[i].first < 1 << 24 ? HOOP_F32 : HOOP_F64);
        for (int k = 0; k < 100 && cases[i].classes == 0; k++) assert_true(back[k] == (double)y[k]);
        for (int k = 0; k < 100 && cases[i].classes > 0; k++)
            assert_true(back[k] == (strcmp(cases[i].names, "-") == 0 ? (double)y[k] : (double)(k % cases[i].different)));
    }
    npy_store("y.npy", "<f4", "(100,)", x, sizeof x, false);
    test_ok(hoop_import_npy("x.npy", "y.npy", NULL, &o, &err, &result));
    said("target", "real numbers, all of them whole (--classes: classes)");
    test_ok(hoop_import_npy("x.npy", "y.npy", &(hoop_npy_opts){.targets = HOOP_CSV_CLASS}, &o, &err, &result));
    assert_int_equal(result.classes, 100);
    x[3] = 0.5F;
    npy_store("y.npy", "<f4", "(100,)", x, sizeof x, false);
    test_failed(hoop_import_npy("x.npy", "y.npy", &(hoop_npy_opts){.targets = HOOP_CSV_CLASS}, &o, &err, &result), &err,
                HOOP_EFORMAT, "row 3 is 0.5", "--real", NULL);
    memset(&err, 0, sizeof err);
    x[3] = NAN;
    npy_store("x.npy", "<f4", "(100, 1)", x, sizeof x, true); /* gzip, whatever the name */
    test_ok(hoop_import_npy("x.npy", NULL, NULL, &o, &err, &result));
    said("missing", "1 values are NaN or infinite, the first in row 3");
    test_store("x.npz", "PK\x03\x04 and so on", 14);
    test_failed(hoop_import_npy("x.npz", NULL, NULL, &o, &err, &result), &err, HOOP_EFORMAT, ".npz archive", NULL);
}

static void labels_of_images_that_begin_at_1(void **state)
{
    unsigned char images[16 + 26 * 4]             = {0, 0, 8, 3, 0, 0, 0, 26, 0, 0, 0, 2, 0, 0, 0, 2},
                                   labels[8 + 26] = {0, 0, 8, 1, 0, 0, 0, 26};
    hoop_error err                                = {0};
    double     y[26];
    (void)state;
    for (int i = 0; i < 26; i++) labels[8 + i] = (unsigned char)(i + 1);
    test_store("images", images, sizeof images);
    test_store("labels", labels, sizeof labels);
    test_ok(hoop_import_idx("images", "labels", &(hoop_import_opts){.dir = "idx", .shards = 1}, &err, &result));
    assert_int_equal(result.classes, 26);
    said("target", "26 classes, called 1, 2");
    assert_int_equal(values("idx", HOOP_FIELD_Y, y, 26, NULL), 26);
    assert_true(y[0] == 0 && y[25] == 25);
    assert_string_equal(strings("idx", "/y", "class_names"),
                        "1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20|21|22|23|24|25|26");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_found_by_what_stands_below),
        cmocka_unit_test(the_index_of_pandas_is_left_out),
        cmocka_unit_test(classes_are_compared_as_text),
        cmocka_unit_test(few_whole_numbers_are_classes),
        cmocka_unit_test(f32_is_left_where_it_loses_what_varies),
        cmocka_unit_test(missing_values_are_counted_left_out_or_filled),
        cmocka_unit_test(words_become_columns),
        cmocka_unit_test(a_table_without_target),
        cmocka_unit_test(like_takes_all_from_a_set),
        cmocka_unit_test(like_goes_by_the_names_of_the_set),
        cmocka_unit_test(forms),
        cmocka_unit_test(encodings),
        cmocka_unit_test(gzip_and_pipes),
        cmocka_unit_test(tables_of_noise),
        cmocka_unit_test(integers_of_arrays_are_classes_where_they_are_few),
        cmocka_unit_test(labels_of_images_that_begin_at_1),
    };
    return cmocka_run_group_tests(tests, test_enter, test_leave);
}
