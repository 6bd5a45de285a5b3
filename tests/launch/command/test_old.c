/*
 * A run of an older hoop goes on. Its checkpoint is made here by HDF5's own calls, as FORMAT.md has it, by one writer and by two,
 * with the config that it kept: the keys of every kind of optimiser and schedule, at their defaults. Hashes, loss and
 * predictions are what that version said of these files.
 */
#include "support.h"

#include <fcntl.h>
#include <hdf5.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { ROWS = 18, STEP = 4, TENSORS = 13, MOST = 6 };

static const char config[] =
    "# Every key with the value in force, as hoop wrote it at the start of the run.\n"
    "seed: 5\nbatch: 6\nleaves: 4\nepochs: 0\nsteps: 8\nloss: cross_entropy\nclip_norm: 0\nprecision: f32\n"
    "threads: auto\ngemm: own\nisa: auto\n"
    "model:\n  kind: mlp\n  init: pytorch\n  output_shape: []\n  hidden: [3]\n  activation: tanh\n"
    "  dropout: 0\n  outputs: auto\n"
    "data:\n  train: train.h5\n  validation: train.h5\n  x: /x\n  y: /y\n  normalize: none\n"
    "  normalize_targets: none\n  unknown: refuse\n  labels: auto\n  classes: 0\n  attributes: auto\n"
    "  shuffle: true\n  prefetch: 2\n  cache_mb: 0\n"
    "optimizer:\n  name: adamw\n  lr: 0.05\n  weight_decay: 0\n  momentum: 0\n  dampening: 0\n"
    "  nesterov: false\n  beta1: 0.9\n  beta2: 0.999\n  eps: 1e-08\n"
    "schedule:\n  name: constant\n  warmup_steps: 0\n  min_factor: 0\n  every_steps: 1000\n  gamma: 0.1\n"
    "dist:\n  algorithm: auto\n  reduce: exact\n  bucket_mb: 4\n  timeout_s: 300\n"
    "checkpoint:\n  every_steps: 4\n  keep: 5\n";
static const char yaml[] = "seed: 5\nmodel: {kind: mlp, hidden: [3], activation: tanh}\n"
                           "data: {train: train.h5, validation: train.h5}\nbatch: 6\nsteps: 8\n"
                           "optimizer: {name: adamw, lr: 0.05}\ncheckpoint: {every_steps: 4, keep: 5}\n";

static const struct {
    const char *folder, *kind, *group, *name;
    int         order, ndim;
    hsize_t     shape[2];
} tensors[TENSORS] = {
    {"/parameters/", "parameter", "", "layers.0.weight", 0, 2, {3, 2}},
    {"/parameters/", "parameter", "", "layers.0.bias", 1, 1, {3}},
    {"/parameters/", "parameter", "", "layers.2.weight", 2, 2, {2, 3}},
    {"/parameters/", "parameter", "", "layers.2.bias", 3, 1, {2}},
    {"/optimizer/", "state", "", "step", -1, 0, {0}},
    {"/optimizer/exp_avg/", "state", "exp_avg", "layers.0.weight", 0, 2, {3, 2}},
    {"/optimizer/exp_avg/", "state", "exp_avg", "layers.0.bias", 1, 1, {3}},
    {"/optimizer/exp_avg/", "state", "exp_avg", "layers.2.weight", 2, 2, {2, 3}},
    {"/optimizer/exp_avg/", "state", "exp_avg", "layers.2.bias", 3, 1, {2}},
    {"/optimizer/exp_avg_sq/", "state", "exp_avg_sq", "layers.0.weight", 0, 2, {3, 2}},
    {"/optimizer/exp_avg_sq/", "state", "exp_avg_sq", "layers.0.bias", 1, 1, {3}},
    {"/optimizer/exp_avg_sq/", "state", "exp_avg_sq", "layers.2.weight", 2, 2, {2, 3}},
    {"/optimizer/exp_avg_sq/", "state", "exp_avg_sq", "layers.2.bias", 3, 1, {2}},
};
static const int is_step = 4;

static int numel(int t)
{
    int n = 1;
    for (int d = 0; d < tensors[t].ndim; d++) n *= (int)tensors[t].shape[d];
    return n;
}

/* parameters between -1 and 1, first moments a tenth of them, second ones positive */
static float value(int t, int i)
{
    const float x = (float)((t * 5 + i * 11) % 13 - 6) * 0.15625F;
    return t < is_step ? x : strcmp(tensors[t].group, "exp_avg") == 0 ? x * 0.0625F : x * x * 0.0625F + 0.0078125F;
}

static void hex(const void *data, size_t n, char out[33])
{
    XXH128_canonical_t c;
    XXH128_canonicalFromHash(&c, XXH3_128bits(data, n));
    for (int i = 0; i < 16; i++) (void)sprintf(out + 2 * i, "%02x", c.digest[i]);
}

static void attribute(hid_t object, const char *name, hid_t type, int64_t n, const void *value)
{
    const hid_t space = n < 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &(hsize_t){(hsize_t)n}, NULL),
                a     = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(a >= 0 && H5Awrite(a, type, value) >= 0);
    (void)H5Aclose(a);
    (void)H5Sclose(space);
}

static void integer(hid_t object, const char *name, int64_t value)
{
    attribute(object, name, H5T_STD_I64LE, -1, &value);
}

static void string(hid_t object, const char *name, const char *value)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    assert_true(H5Tset_size(type, strlen(value) + 1) >= 0);
    attribute(object, name, type, -1, value);
    (void)H5Tclose(type);
}

/* A contiguous dataset whose place is known from now on. */
static hid_t dataset(hid_t file, const char *name, hid_t type, int ndim, const hsize_t *shape, const void *data)
{
    const hid_t space = ndim == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(ndim, shape, NULL),
                make = H5Pcreate(H5P_LINK_CREATE), dcpl = H5Pcreate(H5P_DATASET_CREATE);
    hid_t d;
    assert_true(H5Pset_create_intermediate_group(make, 1) >= 0 && H5Pset_alloc_time(dcpl, H5D_ALLOC_TIME_EARLY) >= 0);
    d = H5Dcreate2(file, name, type, space, make, dcpl, H5P_DEFAULT);
    assert_true(d >= 0 && H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    (void)H5Pclose(dcpl);
    (void)H5Pclose(make);
    (void)H5Sclose(space);
    return d;
}

static hid_t create(const char *path)
{
    const hid_t fapl = H5Pcreate(H5P_FILE_ACCESS);
    hid_t       file;
    assert_true(H5Pset_libver_bounds(fapl, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0);
    file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, fapl);
    assert_true(file >= 0);
    (void)H5Pclose(fapl);
    return file;
}

static void make_data(void)
{
    const hid_t file = create("train.h5");
    float       x[ROWS][2];
    int64_t     y[ROWS];
    for (int i = 0; i < ROWS; i++) {
        x[i][0] = (float)(i * 7 % 5 - 2);
        x[i][1] = (float)(i * 3 % 11 - 5) * 0.5F;
        y[i]    = i % 3 != 0;
    }
    (void)H5Dclose(dataset(file, "/x", H5T_IEEE_F32LE, 2, (hsize_t[]){ROWS, 2}, x));
    (void)H5Dclose(dataset(file, "/y", H5T_STD_I64LE, 1, (hsize_t[]){ROWS}, y));
    (void)H5Fclose(file);
}

typedef struct piece {
    int64_t first, count, offset;
    char    sum[33];
} piece;

static void write_shard(const char *path, int writer, int writers, piece *pieces)
{
    const hid_t file = create(path);
    string(file, "hoop_format", "checkpoint shard 1");
    integer(file, "writer", writer);
    integer(file, "writers", writers);
    for (int t = 0; t < TENSORS; t++) {
        const hid_t   type = t == is_step ? H5T_STD_I64LE : H5T_IEEE_F32LE;
        const int64_t n = numel(t), first = t == is_step ? 0 : n * writer / writers,
                      count = t == is_step ? writer == 0 : n * (writer + 1) / writers - first;
        const int64_t step  = STEP;
        float         part[MOST];
        char          name[64];
        hid_t         d;
        piece        *p = &pieces[t];
        p->first        = first;
        p->count        = count;
        if (count == 0) continue;
        for (int i = 0; i < count; i++) part[i] = value(t, (int)first + i);
        (void)snprintf(name, sizeof name, first > 0 ? "%s%s@%lld" : "%s%s", tensors[t].folder, tensors[t].name, (long long)first);
        d = dataset(file, name, type, count < n ? 1 : tensors[t].ndim, count < n ? (hsize_t[]){(hsize_t)count} : tensors[t].shape,
                    t == is_step ? (const void *)&step : part);
        hex(t == is_step ? (const void *)&step : part, (size_t)count * (t == is_step ? 8 : 4), p->sum);
        string(d, "xxh3_128", p->sum);
        integer(d, "order", tensors[t].order);
        if (count < n) {
            const int64_t shape[2] = {(int64_t)tensors[t].shape[0], (int64_t)tensors[t].shape[1]};
            attribute(d, "shape", H5T_STD_I64LE, tensors[t].ndim, shape);
            integer(d, "first", first);
            integer(d, "count", count);
        }
        if (first > 0) string(d, "tensor", tensors[t].name);
        p->offset = (int64_t)H5Dget_offset(d);
        assert_true(p->offset > 0);
        (void)H5Dclose(d);
    }
    assert_true(H5Fclose(file) >= 0);
}

static json_t *tensor_json(int t, int writers, piece (*pieces)[TENSORS])
{
    json_t *shape = json_array(), *list = json_array();
    for (int d = 0; d < tensors[t].ndim; d++) json_array_append_new(shape, json_integer((json_int_t)tensors[t].shape[d]));
    for (int w = 0; w < writers; w++) {
        const piece *p = &pieces[w][t];
        if (p->count > 0)
            json_array_append_new(list, json_pack("{s:i, s:I, s:I, s:I, s:s}", "shard", w, "first", (json_int_t)p->first, "count",
                                                  (json_int_t)p->count, "offset", (json_int_t)p->offset, "xxh3_128", p->sum));
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:i, s:o}", "kind", tensors[t].kind, "group", tensors[t].group, "name",
                     tensors[t].name, "dtype", t == is_step ? "i64" : "f32", "shape", shape, "order", tensors[t].order, "pieces",
                     list);
}

static void write_manifest(const char *dir, int writers, json_t *shards, piece (*pieces)[TENSORS])
{
    json_t *root = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s, s:s, s:s},"
                             " s:{s:s, s:s, s:s, s:s, s:s, s:s}, s:o}",
                             "format", "hoop checkpoint", "version", 1, "step", STEP, "epoch", 1, "index", 1, "ranks", writers,
                             "leaves", 4, "batch", 6, "seed", "5", "run_id", "18ebcdb2e8ffd5ca", "numerics",
                             "hoop 0.1.0-890286ccd5 gcc-12.2.0 avx512 own openblas", "fingerprint",
                             "a393f3fa157302aaee7c954df2ca695f58f29df87e8515af6e1cd21ac7ae1c66", "data_fingerprint",
                             "3ebd5e9f04e61bdddfc4b03d05b093bc", "optimizer", "adamw", "config", config, "provenance", "hoop",
                             "0.1.0", "host", "h", "time", "2026-11-27T03:31:27Z", "command", "hoop train c.yaml --out run",
                             "notes", "total_steps", "8", "x_scale", "real numbers times 1", "y_scale", "integers times 1",
                             "x_shape", "[2]", "y_shape", "[]", "classes", "2", "shards", shards);
    json_t *list = json_array();
    char   *text, sum[33], path[256], head[64];
    FILE   *f;
    assert_non_null(root);
    for (int t = 0; t < TENSORS; t++) json_array_append_new(list, tensor_json(t, writers, pieces));
    json_object_set_new(root, "tensors", list);
    text = json_dumps(root, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    assert_non_null(text); /* "{" and the end of its line give way to the line with the checksum of what follows */
    hex(text + 2, strlen(text + 2), sum);
    (void)snprintf(head, sizeof head, "{\"xxh3_128\": \"%s\",\n", sum);
    (void)snprintf(path, sizeof path, "%s/manifest.json", dir);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_true(fputs(head, f) >= 0 && fputs(text + 2, f) >= 0 && fclose(f) == 0);
    free(text);
    json_decref(root);
}

/* RUN as that version left it when it was killed after step 4. */
static void make_run(const char *run, int writers)
{
    piece   pieces[2][TENSORS] = {{{0}}};
    json_t *shards             = json_array();
    char    dir[128], path[256], file[64], sum[33];
    (void)snprintf(dir, sizeof dir, "%s/checkpoints/step-%08d", run, STEP);
    assert_int_equal(shell("mkdir -p %s", dir), 0);
    for (int w = 0; w < writers; w++) {
        char   *bytes;
        int64_t n;
        (void)snprintf(file, sizeof file, "shard-%05d-of-%05d.h5", w, writers);
        (void)snprintf(path, sizeof path, "%s/%s", dir, file);
        write_shard(path, w, writers, pieces[w]);
        bytes = load(path, &n);
        hex(bytes, (size_t)n, sum);
        free(bytes);
        json_array_append_new(shards, json_pack("{s:s, s:I, s:s}", "file", file, "bytes", (json_int_t)n, "xxh3_128", sum));
    }
    write_manifest(dir, writers, shards, pieces);
}

static int enter(void **state)
{
    if (test_enter(state) != 0) return 1;
    make_data();
    make_run("one", 1);
    make_run("two", 2);
    store("old.yaml", yaml, (int64_t)sizeof yaml - 1);
    return 0;
}

static void it_is_sound(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hoop("verify %s", i == 0 ? "one" : "two"), 0);
        succeeded();
        said("13 tensors");
        assert_int_equal(hoop("inspect %s --hash", i == 0 ? "one" : "two"), 0);
        succeeded();
        said("36cd6175995e7155f83a5b81a7a517898942b85a0f8aef9dae4483cca8d0d6d4");
    }
    assert_int_equal(hoop("diff one two"), 0);
}

static void it_is_evaluated(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hoop("eval %s", i == 0 ? "one" : "two"), 0);
        succeeded();
        said("loss       0.630689\naccuracy   55.56%");
        assert_int_equal(hoop("predict %s --data train.h5 --out %d.csv", i == 0 ? "one" : "two", i), 0);
        succeeded();
    }
    assert_int_equal(shell("cmp 0.csv 1.csv"), 0);
    assert_int_equal(shell("sed -n 3p 0.csv"), 0);
    said("1,0.235156551,0.764843464");
}

static void it_goes_on(void **state)
{
    const char *end = "de297c9413a143da697adc7cc8ace88b1795ac421aa64188087ceec2824c6390";
    (void)state;
    assert_int_equal(hoop("train old.yaml --out one --resume auto"), 0);
    said(end);
    assert_int_equal(hoop_ranks(3, "train old.yaml --out two --resume auto"), 0);
    said(end);
    assert_int_equal(hoop("verify one"), 0); /* the old one beside the new one */
    succeeded();
}

static void refused(const char *set, const char *why)
{
    assert_int_equal(hoop("train old.yaml --out other --resume auto --set %s", set), 1);
    expect_in(__FILE__, __LINE__, last.err, why);
}

/* what it kept is not what it is resumed with */
static void another_config_is_refused(void **state)
{
    (void)state;
    make_run("other", 1);
    refused("optimizer.beta1=0.8", "optimizer.beta1 is 0.8, but the run was started with 0.9");
    refused("optimizer.name=sgd", "optimizer");
    refused("schedule.name=cosine", "schedule");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_is_sound), cmocka_unit_test(it_is_evaluated),
                                       cmocka_unit_test(another_config_is_refused), cmocka_unit_test(it_goes_on)};
    return cmocka_run_group_tests(tests, enter, test_leave);
}
