/* hoop data: writing, importing, describing and verifying datasets, and what is said of bad ones. */
#include "support.h"

#include <hdf5.h>
#include <sys/stat.h>
#include <unistd.h>

static void put_be32(unsigned char *out, uint32_t v)
{
    for (int i = 0; i < 4; i++) out[i] = (unsigned char)(v >> (24 - 8 * i));
}

/* IDX of n images of 3 x 2 and as many labels, i % 4 */
static void make_idx(int n)
{
    unsigned char *images = calloc(1, 16 + (size_t)n * 6), *labels = calloc(1, 8 + (size_t)n);
    put_be32(images, 0x00000803);
    put_be32(images + 4, (uint32_t)n);
    put_be32(images + 8, 3);
    put_be32(images + 12, 2);
    put_be32(labels, 0x00000801);
    put_be32(labels + 4, (uint32_t)n);
    for (int i = 0; i < 6 * n; i++) images[16 + i] = (unsigned char)(7 * i);
    for (int i = 0; i < n; i++) labels[8 + i] = (unsigned char)(i % 4);
    store("images", images, 16 + 6 * n);
    store("labels", labels, 8 + n);
    free(images);
    free(labels);
}

static void synth_writes_parts(void **state)
{
    json_t *list, *train, *validation;
    (void)state;
    (void)hoop("data synth digits --samples 200 --split 0.15 --shards 3 --seed 5 --out digits");
    succeeded();
    said("digits/train: 170 rows, x u8 [28, 28], y i64 [], 10 classes, 3 files");
    said("digits/validation: 30 rows");
    assert_int_equal(count_files("digits"), 6);
    (void)hoop("data info digits --json");
    succeeded();
    list = as_json();
    assert_int_equal(json_array_size(list), 2);
    train      = json_array_get(list, 0);
    validation = json_array_get(list, 1);
    assert_string_equal(json_string_value(json_object_get(train, "dataset")), "digits/train");
    assert_int_equal(json_integer_value(json_object_get(train, "rows")), 170);
    assert_int_equal(json_integer_value(json_object_get(validation, "rows")), 30);
    assert_int_equal(json_integer_value(json_object_get(train, "classes")), 10);
    assert_int_equal(json_array_size(json_object_get(train, "files")), 3);
    assert_string_equal(json_string_value(json_object_get(json_object_get(train, "x"), "dtype")), "u8");
    assert_null(json_object_get(train, "class_names"));
    json_decref(list);
    (void)hoop("data verify digits");
    succeeded();
    said("ok  digits/train: 170 rows");
    said("ok  digits/validation: 30 rows");
    said("checksums right");
}

/* a damaged set is told, and keeps no other from being looked at */
static void all_sets_are_looked_at(void **state)
{
    json_t *list;
    (void)state;
    (void)hoop("data synth digits --samples 40 --shards 1 --split 0.5 --out some");
    succeeded();
    assert_int_equal(shell("cp -r some whole"), 0);
    flip("some/train-00000-of-00001.h5", 8000, 1);
    (void)hoop("data verify some whole");
    failed(1, "some/train");
    said("ok  some/validation");
    said("ok  whole/train");
    (void)hoop("data verify --json whole/train some/train some/validation");
    failed(1, "some/train");
    list = as_json();
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "dataset")), "some/validation");
    json_decref(list);
    (void)hoop("data info --json nowhere some/train");
    failed(1, "nowhere");
    list = as_json();
    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
}

static void a_set_is_replaced_only_by_force(void **state)
{
    (void)state;
    (void)hoop("data synth spirals --samples 40 --shards 2 --out twice");
    succeeded();
    (void)hoop("data synth spirals --samples 50 --shards 2 --out twice");
    failed(1, "twice");
    failed(1, "twice", "--force");
    (void)hoop("data info twice");
    said("40");
    assert_int_equal(shell("mkdir odd && mkfifo odd/train-00000-of-00001.h5"), 0);
    (void)hoop("data synth spirals --samples 50 --shards 1 --out odd --force");
    failed(1, "odd/train-00000-of-00001.h5", "no regular file");
    assert_int_equal(shell("test -p odd/train-00000-of-00001.h5"), 0);
    (void)hoop("data synth spirals --samples 50 --shards 1 --out twice --force");
    succeeded();
    (void)hoop("data info twice/train");
    succeeded();
    said("50");
}

static void synth_knows_its_kinds(void **state)
{
    (void)state;
    (void)hoop("data synth digts --samples 10 --out none");
    failed(1, "digts", "digits");
    assert_false(exists("none/train-00000-of-00004.h5"));
}

static void idx(void **state)
{
    (void)state;
    make_idx(50);
    (void)hoop("data import-idx images labels --split 0.2 --shards 1 --out idx");
    succeeded();
    said("idx/train: 40 rows, x u8 [3, 2], y i64 [], 4 classes, 1 file");
    (void)hoop("data verify idx");
    succeeded();
    said("labels 0 to 3");
    assert_int_equal(shell("head -c 100 images > short"), 0);
    (void)hoop("data import-idx short labels --out bad");
    failed(1, "short");
    (void)hoop("data import-idx labels labels --out bad");
    assert_int_equal(last.code, 1);
    (void)hoop("data import-idx nowhere labels --out bad");
    failed(1, "nowhere");
    assert_true(!exists("bad") || count_files("bad") == 0);
}

static void csv(void **state)
{
    static const char words[] = "length;width;kind\n1.5;2;ash\n2.5;3;oak\n3;4;ash\n4;5;oak\n5;6;elm\n6;7;elm\n";
    static const char reals[] = "1,2,3.5\n4,5,6.5\n7,8,9.5\n";
    static const char wrong[] = "a,b,c\n1,2,3\n4,five,6\n";
    json_t           *list, *tree;
    (void)state;
    store("words.csv", words, sizeof words - 1);
    store("reals.csv", reals, sizeof reals - 1);
    store("wrong.csv", wrong, sizeof wrong - 1);
    (void)hoop("data import-csv words.csv --separator ';' --header --classes --target kind --shards 1 --out trees");
    succeeded();
    said("trees/train: 6 rows, x f32 [2], y i64 [], 3 classes");
    (void)hoop("data info trees");
    said("ash, elm, oak");
    assert_int_equal(rename("trees", "tr\xe4\xc3\xa4"), 0); /* a byte that is no UTF-8, and two that are */
    (void)hoop("data info tr\xe4\xc3\xa4 --json");
    list = as_json();
    tree = json_array_get(list, 0);
    assert_string_equal(json_string_value(json_object_get(tree, "dataset")), "tr\xef\xbf\xbd\xc3\xa4/train");
    assert_non_null(json_string_value(json_object_get(json_array_get(json_object_get(tree, "files"), 0), "path")));
    assert_int_equal(json_array_size(json_object_get(tree, "class_names")), 3);
    assert_string_equal(json_string_value(json_array_get(json_object_get(tree, "class_names"), 2)), "oak");
    json_decref(list);
    assert_int_equal(rename("tr\xe4\xc3\xa4", "trees"), 0);
    (void)hoop("data import-csv reals.csv --no-header --real --target 0,-1 --shards 1 --out reals");
    succeeded();
    said("reals/train: 3 rows, x f32 [1], y f32 [2]");
    (void)hoop("data import-csv wrong.csv --out wrong");
    failed(1, "wrong.csv", "3");
    (void)hoop("data import-csv words.csv --separator ';' --target bark --out wrong");
    failed(1, "bark");
    (void)hoop("data import-csv nowhere.csv --out wrong");
    failed(1, "nowhere.csv");
    assert_true(!exists("wrong") || count_files("wrong") == 0);
}

/* the options of tables reach the importer, and what it decided is printed */
static void tables(void **state)
{
    static const char pandas[] = ",0,1,species\n0,5.5,1,ash\n1,6.5,2,oak\n2,7.5,1,ash\n",
                      people[] = "Id;Sex;Age;Y\n1;male;20;0.5\n2;female;;1\n3;male;40;2\n";
    static const struct {
        const char *options, *said;
    } good[] =
        {
            {"--drop Id --missing mean", "x f32 [3], y f32"},
            {"--drop Id,Age --no-one-hot --one-hot Sex", "x f32 [2], y f32"},
            {"--columns Id --dtype f64", "x f64 [1], y f64"},
            {"--missing drop --classes", "2 rows, x f32 [3], y i64 [], 2 classes"},
            {"--no-target --missing drop", "x f32 [4], 1 file"},
            {"--target Id --missing drop --real --comment none --encoding UTF-8", "y f32"},
        },
      bad[] = {
          {"--missing maybe", "refuse, drop, mean"}, {"--dtype f16", "f32, f64"},
          {"--unknown one", "refuse, zero"},         {"--comment ##", "--comment"},
          {"--separator '\"'", "--separator"},
      };
    (void)state;
    store("pandas.csv", pandas, sizeof pandas - 1);
    store("people.csv", people, sizeof people - 1);
    (void)hoop("data import-csv pandas.csv --shards 1 --out 'set[1]'");
    succeeded();
    said("header       line 1 names the columns");
    said("index        the first column has no name and counts rows: left out (--keep-index)");
    said("rows         3");
    said("target       species: 2 classes, ash, oak: words");
    said("set[1]/train: 3 rows, x f32 [2], y i64 [], 2 classes");
    (void)hoop("data info 'set[1]'");
    succeeded();
    (void)hoop("data verify 'set[1]/train'");
    succeeded();
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        (void)hoop("data import-csv people.csv --separator ';' --shards 1 --force --out people %s", good[i].options);
        succeeded();
        said(good[i].said);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)hoop("data import-csv people.csv --out people2 %s", bad[i].options);
        failed(2, bad[i].said);
    }
    (void)hoop("data import-csv people.csv --separator ';' --shards 1 --drop Id --missing mean --force --out people");
    succeeded();
    assert_int_equal(shell("printf 'Age,Sex\\n,other\\n' | gzip >new.csv.gz"), 0);
    (void)hoop("data import-csv new.csv.gz --like people/train --no-target --out new");
    failed(1, "'other' is none of the 2 words that people/train has", "--unknown zero");
    (void)hoop("data import-csv - <new.csv.gz --like people/train --no-target --unknown zero --shards 1 --out new");
    succeeded();
    said("new/train: 1 rows, x f32 [3], 1 file");
    assert_int_equal(shell("mkfifo pipe && { cat new.csv.gz >pipe & }"), 0);
    (void)hoop("data import-csv pipe --like people/train --no-target --unknown zero --shards 1 --out piped");
    succeeded();
    assert_int_equal(shell("cmp new/train-00000-of-00001.h5 piped/train-00000-of-00001.h5"), 0);
}

/* a .npy file, version 1.0, of f4 (n, 3) or i8 (n) */
static void make_npy(const char *path, const char *descr, const char *shape, const void *data, int64_t bytes)
{
    char    head[128], text[118];
    FILE   *f;
    int64_t n = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape);
    memset(head, ' ', sizeof head);
    memcpy(head, "\x93NUMPY\x01\x00\x76\x00", 10);
    memcpy(head + 10, text, (size_t)n);
    head[127] = '\n';
    f         = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(head, 1, sizeof head, f), sizeof head);
    assert_int_equal(fwrite(data, 1, (size_t)bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

static void npy(void **state)
{
    float   x[10][3];
    int64_t y[10];
    (void)state;
    for (int i = 0; i < 10; i++) {
        for (int j = 0; j < 3; j++) x[i][j] = (float)(i - j);
        y[i] = i % 2;
    }
    make_npy("x.npy", "<f4", "(10, 3)", x, sizeof x);
    make_npy("y.npy", "<i8", "(10,)", y, sizeof y);
    make_npy("c.npy", "<c8", "(10, 3)", x, sizeof x);
    (void)hoop("data import-npy x.npy y.npy --shards 2 --out both");
    succeeded();
    said("both/train: 10 rows, x f32 [3], y i64 [], 2 classes, 2 files");
    said("target       2 classes, 0 to 1");
    (void)hoop("data import-npy x.npy y.npy --real --shards 2 --out real");
    succeeded();
    said("real/train: 10 rows, x f32 [3], y f32 []");
    (void)hoop("data import-npy x.npy --shards 1 --out alone");
    succeeded();
    said("alone/train: 10 rows, x f32 [3], 1 file");
    (void)hoop("data verify alone");
    succeeded();
    assert_int_equal(shell("{ cat x.npy; echo; } >long.npy"), 0);
    (void)hoop("data import-npy long.npy --out bad");
    failed(1, "long.npy", "1 bytes follow the end");
    (void)hoop("data import-npy c.npy --out bad");
    failed(1, "c.npy");
    (void)hoop("data import-npy y.npy y.npy x.npy --out bad");
    failed(2, "too many");
    assert_true(!exists("bad") || count_files("bad") == 0);
}

static const char named_config[] =
    "seed: 3\nsteps: 8\nbatch: 14\nleaves: 5\nthreads: 1\n"
    "model:\n"
    "  layers:\n"
    "    - parallel: {inputs: each, join: concat, branches: {u: [{linear: 12}, relu], v: [flatten, {linear: 12}, tanh]}}\n"
    "    - parallel: {branches: {p: [{linear: 2}], q: [{linear: 3}]}}\n"
    "data: {train: named/train, validation: named/validation, inputs: {u: /u, v: /v}, targets: {p: {path: /p, loss: mse}, q: "
    "/q}}\n";

/* Arrays by name become a set that says its fields, and is trained on by them; the same bits for 1 and 2 ranks. */
static void npy_by_name(void **state)
{
    enum { ROWS = 60 };
    float         u[ROWS][3];
    unsigned char v[ROWS][2][2];
    double        p[ROWS][2];
    int64_t       q[ROWS];
    char          hash[65] = "";
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < 3; j++) u[i][j] = (float)((i * 7 + j * 5) % 11) / 11;
        for (int j = 0; j < 4; j++) v[i][j / 2][j % 2] = (unsigned char)(i * 13 + j);
        for (int j = 0; j < 2; j++) p[i][j] = (double)u[i][j] * 2 - 1;
        q[i] = i % 3;
    }
    make_npy("u.npy", "<f4", "(60, 3)", u, sizeof u);
    make_npy("v.npy", "|u1", "(60, 2, 2)", v, sizeof v);
    make_npy("p.npy", "<f8", "(60, 2)", p, sizeof p);
    make_npy("labels.npy", "<i8", "(60,)", q, sizeof q);
    make_npy("short.npy", "<i8", "(59,)", q, sizeof q - 8);
    (void)hoop("data import-npy --input u=u.npy --input v=v.npy,scale=0.004 --target p=p.npy --target q=labels.npy --split 0.2 "
               "--shards 3 --out named");
    succeeded();
    said("target       p: 2 numbers a row");
    said("target       q: 3 classes, 0 to 2");
    said("named/train: 48 rows, u f32 [3], v u8 [2, 2], p f64 [2], q i64 [], 3 classes, 3 files");
    (void)hoop("data info named");
    succeeded();
    said("v            /v  u8 [2, 2] a row, scale 0.004");
    said("classes      3");
    (void)hoop("data verify named");
    succeeded();
    said("named/train: 48 rows, 12 checksums right");
    said("q labels 0 to 2");
    (void)hoop("data verify named/train --input u=/u --target q=/q");
    succeeded();
    said("6 checksums right");
    store("named.yaml", named_config, sizeof named_config - 1);
    for (int ranks = 1; ranks <= 2; ranks++) {
        assert_int_equal(hoop_ranks(ranks, "train named.yaml --out runs/named-%d", ranks), 0);
        assert_int_equal(hoop("inspect runs/named-%d --hash=state", ranks), 0);
        if (ranks == 1) (void)snprintf(hash, sizeof hash, "%.64s", last.out);
        assert_memory_equal(hash, last.out, 64);
    }
    (void)hoop("data import-npy --input u=u.npy --target p=p.npy,classes --target q=labels.npy --out none");
    failed(1, "p.npy: 2 numbers a row; a class is one");
    (void)hoop("data import-npy --input u=u.npy --target q=short.npy --out none");
    failed(1, "u.npy has 60 rows, short.npy has 59");
    (void)hoop("data import-npy --input u=u.npy --input u=v.npy --out none");
    failed(1, "two fields are called 'u'");
    (void)hoop("data import-npy --input a/b=u.npy --out none");
    failed(1, "a field cannot be called 'a/b'");
    (void)hoop("data import-npy --target q=labels.npy --out none");
    failed(1, "no input");
    (void)hoop("data import-npy --input u= --out none");
    failed(2, "NAME=FILE is wanted");
    (void)hoop("data import-npy --input u=u.npy,classes --out none");
    failed(2, "--input u: 'classes'; scale=NUMBER is possible");
    (void)hoop("data import-npy --input u=u.npy --target q=labels.npy,scale=0 --out none");
    failed(2, "--target q: 'scale=0'");
    (void)hoop("data import-npy u.npy --target q=labels.npy --out none");
    failed(2, "'u.npy' is the short form");
    assert_false(exists("none"));
}

static void damage_is_found_and_named(void **state)
{
    char   *data;
    int64_t n;
    (void)state;
    (void)hoop("data synth digits --samples 60 --shards 1 --out hurt");
    succeeded();
    data = load("hurt/train-00000-of-00001.h5", &n);
    flip("hurt/train-00000-of-00001.h5", n / 2, 0x10);
    (void)hoop("data verify hurt");
    failed(1, "hurt/train-00000-of-00001.h5");
    store("hurt/train-00000-of-00001.h5", data, n / 2);
    (void)hoop("data verify hurt/train");
    failed(1, "hurt/train-00000-of-00001.h5");
    (void)hoop("data info hurt/train");
    failed(1, "hurt/train-00000-of-00001.h5");
    store("hurt/train-00000-of-00001.h5", "", 0);
    (void)hoop("data info hurt/train");
    failed(1, "empty");
    (void)hoop("data info hurt/nothing");
    failed(1, "hurt/nothing");
    assert_int_equal(mkdir("bare", 0700), 0);
    (void)hoop("data info bare");
    failed(1, "bare", "no .h5 files");
    free(data);
}

/* /a (4, 2) f64 and /b (4) i32 with the labels */
static void make_foreign(const char *path, const int *label, double first)
{
    double  x[4][2] = {{first, 1}, {2, 3}, {4, 5}, {6, 7}};
    hsize_t dims[2] = {4, 2};
    hid_t   file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), space = H5Screate_simple(2, dims, NULL), set, one,
          attr;
    int classes = 3;
    set         = H5Dcreate2(file, "/a", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
    (void)H5Dclose(set);
    (void)H5Sclose(space);
    space = H5Screate_simple(1, dims, NULL);
    set   = H5Dcreate2(file, "/b", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, label) >= 0);
    one  = H5Screate(H5S_SCALAR);
    attr = H5Acreate2(set, "classes", H5T_STD_I32LE, one, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(attr, H5T_NATIVE_INT, &classes) >= 0);
    (void)H5Aclose(attr);
    (void)H5Sclose(one);
    (void)H5Dclose(set);
    (void)H5Sclose(space);
    assert_true(H5Fclose(file) >= 0);
}

static void any_hdf5_file_will_do(void **state)
{
    static const int good[4] = {0, 1, 2, 0}, out_of_range[4] = {0, 1, 3, 0};
    (void)state;
    make_foreign("foreign.h5", good, 0);
    assert_int_equal(hoop("data info foreign.h5 --x /a --y /b"), 0);
    said("/a  f64 [2] a row");
    expect_in(__FILE__, __LINE__, last.err, "not written by hoop, so what its attributes call classes of /b is not applied");
    (void)hoop("data info foreign.h5 --x /a --y /b --attributes all");
    succeeded();
    said("classes      3");
    (void)hoop("data verify foreign.h5 --x /a --y /b --attributes none --classes 3");
    succeeded();
    said("no checksums");
    said("labels 0 to 2");
    (void)hoop("data info foreign.h5");
    failed(1, "foreign.h5", "/x");
    (void)hoop("data info foreign.h5 --x /a --y /c");
    failed(1, "foreign.h5", "/c");
    make_foreign("labels.h5", out_of_range, 0);
    (void)hoop("data verify labels.h5 --x /a --y /b --attributes none --classes 3");
    failed(1, "labels.h5", "class 3; 0 to 2 are wanted");
    (void)hoop("data verify labels.h5 --x /a --y /b --labels one_hot");
    failed(1, "labels.h5", "one_hot wants rows of /b with an element for each class");
    (void)hoop("data verify labels.h5 --x /a --y /b --labels onehot");
    failed(2, "--labels: 'onehot'", "auto, whole, one_hot are possible");
    make_foreign("nan.h5", good, 0.0 / 0.0);
    (void)hoop("data verify nan.h5 --x /a --y /b --attributes none");
    failed(1, "nan.h5", "/a");
}

static void info_names_columns(void **state)
{
    char    text[512] = "";
    size_t  n         = 0;
    json_t *list, *x, *y;
    (void)state;
    for (int i = 0; i < 11; i++) n += (size_t)snprintf(text + n, sizeof text - n, "c%d,", i);
    n += (size_t)snprintf(text + n, sizeof text - n, "kind,size\n");
    for (int row = 0; row < 2; row++) {
        for (int i = 0; i < 11; i++) n += (size_t)snprintf(text + n, sizeof text - n, "%d,", i + 3 * row);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s,%d.5\n", row == 0 ? "ash" : "oak", row);
    }
    store("wide.csv", text, (int64_t)n);
    (void)hoop("data import-csv wide.csv --shards 1 --out wide");
    succeeded();
    (void)hoop("data info wide");
    succeeded();
    said("  columns      c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, ... (13 in all)\n  one-hot      kind\n");
    said("  columns      size\n");
    (void)hoop("data info wide --json");
    succeeded();
    list = as_json();
    x    = json_object_get(json_array_get(list, 0), "x");
    y    = json_object_get(json_array_get(list, 0), "y");
    assert_int_equal(json_array_size(json_object_get(x, "columns")), 13);
    assert_string_equal(json_string_value(json_array_get(json_object_get(x, "columns"), 12)), "kind=oak");
    assert_int_equal(json_array_size(json_object_get(x, "one_hot")), 1);
    assert_int_equal(json_array_size(json_object_get(y, "columns")), 1);
    assert_string_equal(json_string_value(json_array_get(json_object_get(y, "columns"), 0)), "size");
    assert_null(json_object_get(y, "one_hot"));
    json_decref(list);
    (void)hoop("data synth spirals --samples 10 --shards 1 --out nameless");
    (void)hoop("data info nameless");
    succeeded();
    assert_null(strstr(last.out, "columns"));
    (void)hoop("data info nameless --json");
    assert_null(strstr(last.out, "columns"));
}

static void what_cannot_be_written_is_said(void **state)
{
    (void)state;
    store("file", "x", 1);
    (void)hoop("data synth spirals --samples 10 --out file/set");
    failed(1, "file");
    (void)hoop("data synth spirals --samples 10 --out /proc/set");
    failed(1, "/proc/set");
}

static void texts_and_pictures(void **state)
{
    (void)state;
    store("t.txt", "to be, or not to be: that is the question\n", 42);
    store("u.txt", "caf\xc3\xa9\n", 6);
    store("broken.txt", "caf\xc3", 4);
    (void)hoop("data import-text t.txt --split 0.25 --out text");
    succeeded();
    said("text/train: 31 rows, text u8 []");
    said("text/validation: 11 rows");
    said("16 characters");
    (void)hoop("data verify text/train text/validation");
    succeeded();
    (void)hoop("data import-text t.txt --tokens pairs --vocabulary 258 --out pairs");
    succeeded();
    said("258 byte pairs");
    (void)hoop("data info text/train pairs/train");
    succeeded();
    said("characters, 16 tokens");
    said("byte_pairs, 258 tokens");
    (void)hoop("data import-text --help");
    succeeded();
    said("(default 1)");
    (void)hoop("data import-text t.txt --tokens pairs --like text/train --out q");
    failed(1, "tokens byte pairs", "text/train are characters");
    (void)hoop("data import-text u.txt --like text/train --out q");
    failed(1, "u.txt: byte 0: U+0063 'c'", "text/train");
    (void)hoop("data import-text broken.txt --out q");
    failed(1, "broken.txt: byte 3 (0xc3)");
    (void)hoop("data import-text t.txt --tokens words --out q");
    failed(2, "--tokens words", "characters, bytes, pairs");
    (void)hoop("data import-images nowhere --out q");
    failed(1, "nowhere");
    (void)hoop("data import-images . --size 4x --out q");
    failed(2, "--size 4x", "48x64");
    assert_false(exists("q"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(synth_writes_parts),
        cmocka_unit_test(all_sets_are_looked_at),
        cmocka_unit_test(a_set_is_replaced_only_by_force),
        cmocka_unit_test(synth_knows_its_kinds),
        cmocka_unit_test(idx),
        cmocka_unit_test(csv),
        cmocka_unit_test(tables),
        cmocka_unit_test(npy),
        cmocka_unit_test(npy_by_name),
        cmocka_unit_test(texts_and_pictures),
        cmocka_unit_test(damage_is_found_and_named),
        cmocka_unit_test(any_hdf5_file_will_do),
        cmocka_unit_test(info_names_columns),
        cmocka_unit_test(what_cannot_be_written_is_said),
    };
    return cmocka_run_group_tests_name("command_data", tests, test_enter, test_leave);
}
