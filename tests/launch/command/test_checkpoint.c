/* hoop inspect, verify and diff on checkpoints written by one or more writers, sound and damaged. */
#include "support.h"

#include <math.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hoop/checkpoint.h"

/* A model of four parameters; out of name order on purpose. Elements of tensor t: base[t] + i. */
enum { TENSORS = 6 };
static const struct {
    const char          *name, *group;
    hoop_checkpoint_kind kind;
    hoop_dtype           dtype;
    int                  ndim;
    int64_t              shape[2];
} model[TENSORS] = {
    {"layers.10.weight", NULL, HOOP_CKPT_PARAMETER, HOOP_F64, 2, {3, 4}},
    {"layers.2.bias", NULL, HOOP_CKPT_PARAMETER, HOOP_F32, 1, {5}},
    {"layers.2.weight", NULL, HOOP_CKPT_PARAMETER, HOOP_F32, 2, {5, 2}},
    {"normalize.mean", NULL, HOOP_CKPT_BUFFER, HOOP_F32, 1, {2}},
    {"layers.2.bias", "exp_avg", HOOP_CKPT_STATE, HOOP_F32, 1, {5}},
    {"step", NULL, HOOP_CKPT_STATE, HOOP_I64, 0, {0}},
};
static double values[TENSORS][12];

static int64_t numel(int t)
{
    int64_t n = 1;
    for (int d = 0; d < model[t].ndim; d++) n *= model[t].shape[d];
    return n;
}

static void reset_values(void)
{
    for (int t = 0; t < TENSORS; t++) {
        for (int i = 0; i < 12; i++) values[t][i] = t + 0.25 * i;
    }
    values[5][0] = 40;
}

/* elements as stored: n * size bytes at out */
static size_t encode(int t, void *out)
{
    for (int64_t i = 0; i < numel(t); i++) {
        if (model[t].dtype == HOOP_F32)
            ((float *)out)[i] = (float)values[t][i];
        else if (model[t].dtype == HOOP_F64)
            ((double *)out)[i] = values[t][i];
        else
            ((int64_t *)out)[i] = (int64_t)values[t][i];
    }
    return (size_t)numel(t) * hoop_dtype_size(model[t].dtype);
}

static void save(const char *run, int64_t step, int writers, const char *config)
{
    const char             *notes[] = {"total_steps", "80"};
    hoop_checkpoint_meta    meta    = {.step             = step,
                                       .epoch            = 2,
                                       .index            = 3,
                                       .seed             = 9,
                                       .ranks            = writers,
                                       .leaves           = 12,
                                       .batch            = 48,
                                       .run_id           = "abc",
                                       .numerics         = "test",
                                       .fingerprint      = "f",
                                       .data_fingerprint = "d",
                                       .optimizer        = "adamw",
                                       .config           = config,
                                       .version          = "0",
                                       .host             = "h",
                                       .time             = "2026-01-01T00:00:00Z",
                                       .command          = "test",
                                       .notes            = notes,
                                       .nnotes           = 1};
    char                    tmp[HOOP_CHECKPOINT_PATH];
    hoop_checkpoint_entry   e[TENSORS];
    hoop_checkpoint_receipt receipts[8];
    double                  data[TENSORS][12];
    hoop_error              err = {.status = HOOP_OK};
    (void)mkdir(run, 0700);
    assert_int_equal(hoop_checkpoint_tmp(run, step, "abc", &err, tmp), HOOP_OK);
    assert_int_equal(hoop_checkpoint_begin(tmp, &err), HOOP_OK);
    for (int w = 0; w < writers; w++) {
        int n = 0;
        for (int t = 0; t < TENSORS; t++) {
            int64_t first = numel(t) * w / writers, end = numel(t) * (w + 1) / writers;
            if (model[t].ndim == 0 && w > 0) continue; /* a scalar is rank 0's */
            if (model[t].ndim == 0) end = 1;
            (void)encode(t, data[t]);
            e[n] = (hoop_checkpoint_entry){.name  = model[t].name,
                                           .group = model[t].group,
                                           .kind  = model[t].kind,
                                           .dtype = model[t].dtype,
                                           .ndim  = model[t].ndim,
                                           .order = t,
                                           .first = first,
                                           .count = end - first,
                                           .data  = (char *)data[t] + (size_t)first * hoop_dtype_size(model[t].dtype)};
            memcpy(e[n].shape, model[t].shape, sizeof model[t].shape);
            n++;
        }
        assert_int_equal(hoop_checkpoint_write_shard(tmp, w, writers, e, n, &err, &receipts[w]), HOOP_OK);
    }
    assert_int_equal(hoop_checkpoint_publish(run, NULL, tmp, &meta, receipts, writers, 0, false, &err, NULL), HOOP_OK);
}

/* ---- the hash, written a second time from its description ---- */

static void add_i64(EVP_MD_CTX *h, int64_t v)
{
    unsigned char b[8];
    for (int i = 0; i < 8; i++) b[i] = (unsigned char)((uint64_t)v >> (8 * i));
    (void)EVP_DigestUpdate(h, b, 8);
}

static void reference_hash(const int *order, int n, char hex[65])
{
    EVP_MD_CTX   *h = EVP_MD_CTX_new();
    unsigned char sum[32];
    double        data[12];
    (void)EVP_DigestInit_ex(h, EVP_sha256(), NULL);
    for (int k = 0; k < n; k++) {
        int         t     = order[k];
        const char *group = model[t].group == NULL ? "" : model[t].group, *dtype = hoop_dtype_name(model[t].dtype);
        (void)EVP_DigestUpdate(h, model[t].name, strlen(model[t].name) + 1);
        (void)EVP_DigestUpdate(h, group, strlen(group) + 1);
        (void)EVP_DigestUpdate(h, dtype, strlen(dtype) + 1);
        add_i64(h, model[t].ndim);
        for (int d = 0; d < model[t].ndim; d++) add_i64(h, model[t].shape[d]);
        (void)EVP_DigestUpdate(h, data, encode(t, data));
    }
    (void)EVP_DigestFinal_ex(h, sum, NULL);
    EVP_MD_CTX_free(h);
    for (int i = 0; i < 32; i++) (void)snprintf(hex + 2 * i, 3, "%02x", sum[i]);
}

static void hash_is_as_described_for_any_writers(void **state)
{
    static const int weights[] = {0, 1, 2}, all[] = {3, 0, 1, 2, 5, 4}; /* buffer < parameter < state; "" < "exp_avg" */
    char             want[66], want_state[66];
    (void)state;
    reset_values();
    reference_hash(weights, 3, want);
    reference_hash(all, TENSORS, want_state);
    strcat(want, "\n");
    strcat(want_state, "\n");
    for (int writers = 1; writers <= 3; writers++) {
        char run[32];
        (void)snprintf(run, sizeof run, "by-%d", writers);
        save(run, 40, writers, "seed: 9\n");
        (void)hoop("inspect --hash %s", run);
        succeeded();
        assert_string_equal(last.out, want);
        (void)hoop("inspect %s --hash=weights", run);
        assert_string_equal(last.out, want);
        (void)hoop("inspect --hash=state %s/checkpoints/step-00000040", run);
        succeeded();
        assert_string_equal(last.out, want_state);
    }
    values[5][0] = 41;
    save("by-1", 40, 1, "seed: 9\n");
    (void)hoop("inspect --hash by-1");
    assert_string_equal(last.out, want);
    (void)hoop("inspect --hash=state by-1");
    assert_string_not_equal(last.out, want_state);
    values[2][3] += 1;
    save("by-1", 40, 1, "seed: 9\n");
    (void)hoop("inspect --hash by-1");
    assert_string_not_equal(last.out, want);
}

static void table_and_json_agree_with_the_values(void **state)
{
    json_t *o, *t;
    (void)state;
    reset_values();
    values[2][4] = NAN;
    values[2][7] = INFINITY;
    values[1][0] = -3;
    save("run", 20, 1, "seed: 9\n");
    save("run", 40, 2, "seed: 9\n");
    (void)hoop("inspect run");
    succeeded();
    said("checkpoint   run/checkpoints/step-00000040\n");
    said("checkpoints  20 40\n");
    said("step         40 of 80\n");
    said("epoch 2, step 3 of it is next");
    said("optimizer    adamw\n");
    said("leaves       12\n");
    said("2 NOT FINITE");
    said("exp_avg/layers.2.bias");
    said("27 parameters");
    (void)hoop("inspect run --json");
    succeeded();
    o = as_json();
    assert_int_equal(json_integer_value(json_object_get(o, "step")), 40);
    assert_int_equal(json_integer_value(json_object_get(o, "nonfinite")), 2);
    assert_string_equal(json_string_value(json_object_get(json_object_get(o, "notes"), "total_steps")), "80");
    t = json_array_get(json_object_get(o, "tensors"), 1);
    assert_string_equal(json_string_value(json_object_get(t, "name")), "layers.2.bias");
    assert_true(fabs(json_number_value(json_object_get(t, "min")) - -3) <= 0);
    assert_true(fabs(json_number_value(json_object_get(t, "max")) - (2)) <= 0);
    assert_true(fabs(json_number_value(json_object_get(t, "mean")) - ((-3 + 1.25 + 1.5 + 1.75 + 2) / 5)) <= 1e-15);
    assert_true(fabs(json_number_value(json_object_get(t, "norm")) - (sqrt(9 + 1.25 * 1.25 + 1.5 * 1.5 + 1.75 * 1.75 + 4))) <=
                1e-14);
    json_decref(o);
}

static void a_file_of_several_says_what_it_lacks(void **state)
{
    (void)state;
    reset_values();
    save("parts", 40, 2, "seed: 9\n");
    (void)hoop("inspect parts/checkpoints/step-00000040/shard-00000-of-00002.h5");
    succeeded();
    said("only a part is in this file");
    said("name the checkpoint's folder");
    (void)hoop("inspect --hash parts/checkpoints/step-00000040/shard-00000-of-00002.h5");
    failed(1, "one of the 2 files");
    assert_int_equal(shell("cp parts/checkpoints/step-00000040/shard-00000-of-00002.h5 moved.h5"), 0);
    (void)hoop("inspect --hash moved.h5");
    failed(1, "moved.h5", "part");
    (void)hoop("inspect moved.h5");
    succeeded();
    said("not known");
    (void)hoop("diff moved.h5 parts");
    failed(2, "moved.h5", "part");
    (void)hoop("verify moved.h5");
    succeeded();
    said("in part");
}

static void verify_names_the_damaged_ones(void **state)
{
    static const char file[] = "bad/checkpoints/step-00000020/shard-00000-of-00001.h5";
    char             *data;
    int64_t           n;
    (void)state;
    reset_values();
    for (int i = 1; i <= 3; i++) save("bad", 10 * i, 1, "seed: 9\n");
    (void)hoop("verify bad");
    succeeded();
    data = load(file, &n);
    /* wherever a bit flips: in a tensor, in HDF5's metadata, in between */
    for (int64_t at = 0; at < n; at += n / 40) {
        store(file, data, n);
        flip(file, at, 0x04);
        (void)hoop("verify bad");
        assert_int_equal(last.code, 1);
        said("ok       bad/checkpoints/step-00000010");
        said("damaged  bad/checkpoints/step-00000020");
        said("ok       bad/checkpoints/step-00000030");
        expect_in(__FILE__, __LINE__, last.err, "hoop: bad: 1 of 3 checkpoints is damaged\n");
    }
    store(file, data, n / 3);
    (void)hoop("verify bad/checkpoints/step-00000020");
    failed(1, file);
    store(file, "", 0);
    (void)hoop("inspect bad/checkpoints/step-00000020");
    failed(1, file);
    assert_int_equal(unlink(file), 0);
    (void)hoop("inspect --hash bad/checkpoints/step-00000020");
    failed(1, file, "missing");
    store("bad/checkpoints/step-00000030/manifest.json", "{}", 2);
    (void)hoop("inspect bad");
    failed(1, "manifest.json");
    (void)hoop("verify bad");
    assert_int_equal(last.code, 1);
    expect_in(__FILE__, __LINE__, last.err, "2 of 3");
    free(data);
}

static void what_is_no_checkpoint_is_said(void **state)
{
    (void)state;
    (void)hoop("inspect nowhere");
    failed(1, "nowhere");
    (void)hoop("verify .");
    failed(1, "neither a checkpoint");
    store("text.h5", "not HDF5", 8);
    (void)hoop("verify text.h5");
    failed(1, "text.h5", "not an HDF5 file");
    (void)hoop("data synth spirals --samples 12 --shards 1 --out set");
    succeeded();
    (void)hoop("inspect set/train");
    failed(1, "is a dataset");
    (void)hoop("verify set/train-00000-of-00001.h5");
    failed(1, "hoop data verify");
    (void)hoop("diff nowhere set/train");
    failed(2, "nowhere");
}

static void diff_tells_all_kinds_of_difference(void **state)
{
    (void)state;
    reset_values();
    save("a", 40, 1, "seed: 9\nmodel:\n  hidden: [4, 5]\n");
    save("b", 40, 3, "seed: 9\nmodel:\n  hidden: [4, 5]\n");
    (void)hoop("diff a b");
    succeeded();
    said("6 tensors equal to the last bit, 0 with other values");
    values[2][1] += 0.5;
    values[1][0] = -0.0;
    save("b", 40, 1, "seed: 9\nmodel:\n  hidden: [4, 6]\nthreads: 2\n");
    assert_int_equal(hoop("diff a b"), 1);
    assert_string_equal(last.err, "");
    said("1 of 10");
    said("0.5");
    said("model.hidden: [4, 5] in A, [4, 6] in B");
    said("threads: nothing in A, 2 in B");
    said("4 tensors equal to the last bit, 2 with other values");
    values[1][0] = 0;
    save("a", 40, 1, "");
    assert_int_equal(hoop("diff a b"), 1);
    said("1 of 5"); /* 0 against -0: other bits, no difference */
    values[1][0] = NAN;
    save("a", 40, 1, "");
    save("b", 40, 1, "");
    assert_int_equal(hoop("diff a b"), 0);
    values[1][0] = 1;
    save("b", 40, 1, "");
    assert_int_equal(hoop("diff a b"), 1);
    said("inf");
}

/* b has a tensor of another shape, one of another dtype, one more and one less */
static void diff_of_other_shapes(void **state)
{
    const float           data[8] = {0};
    hoop_checkpoint_entry e[]     = {
            {.name  = "layers.2.bias",
             .kind  = HOOP_CKPT_PARAMETER,
             .dtype = HOOP_F64,
             .ndim  = 1,
             .shape = {1},
             .count = 1,
             .data  = data},
            {.name  = "layers.2.weight",
             .kind  = HOOP_CKPT_PARAMETER,
             .dtype = HOOP_F32,
             .ndim  = 2,
             .shape = {2, 2},
             .count = 4,
             .data  = data},
            {.name = "more", .kind = HOOP_CKPT_PARAMETER, .dtype = HOOP_F32, .ndim = 1, .shape = {2}, .count = 2, .data = data},
    };
    hoop_checkpoint_meta    meta = {.step = 1};
    hoop_error              err  = {.status = HOOP_OK};
    char                    tmp[HOOP_CHECKPOINT_PATH];
    hoop_checkpoint_receipt receipt;
    (void)state;
    reset_values();
    save("a", 40, 1, "");
    assert_int_equal(hoop_checkpoint_tmp("other", 1, "x", &err, tmp), HOOP_OK);
    (void)mkdir("other", 0700);
    assert_int_equal(hoop_checkpoint_begin(tmp, &err), HOOP_OK);
    assert_int_equal(hoop_checkpoint_write_shard(tmp, 0, 1, e, 3, &err, &receipt), HOOP_OK);
    assert_int_equal(hoop_checkpoint_publish("other", NULL, tmp, &meta, &receipt, 1, 0, false, &err, NULL), HOOP_OK);
    assert_int_equal(hoop("diff a other"), 1);
    said("A f32 [5], B f64 [1]");
    said("A f32 [5, 2], B f32 [2, 2]");
    said("only in A");
    said("only in B");
    said("0 tensors equal to the last bit, 0 with other values, 2 with another shape or dtype, 4 only in A, 1 only in B");
}

static void other_tools_read_it(void **state)
{
    (void)state;
    if (shell("command -v h5dump") != 0) skip();
    reset_values();
    save("tools", 40, 1, "seed: 9\n");
    assert_int_equal(shell("h5dump -d /parameters/layers.2.weight tools/checkpoints/step-00000040/shard-00000-of-00001.h5"), 0);
    said("H5T_IEEE_F32LE");
    said("( 5, 2 )");
    said("(0,0): 2, 2.25");
    assert_int_equal(shell("h5dump -n tools/checkpoints/step-00000040/shard-00000-of-00001.h5"), 0);
    said("/optimizer/exp_avg/layers.2.bias");
    said("/buffers/normalize.mean");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_is_as_described_for_any_writers),
        cmocka_unit_test(table_and_json_agree_with_the_values),
        cmocka_unit_test(a_file_of_several_says_what_it_lacks),
        cmocka_unit_test(verify_names_the_damaged_ones),
        cmocka_unit_test(what_is_no_checkpoint_is_said),
        cmocka_unit_test(diff_tells_all_kinds_of_difference),
        cmocka_unit_test(diff_of_other_shapes),
        cmocka_unit_test(other_tools_read_it),
    };
    return cmocka_run_group_tests_name("command_checkpoint", tests, test_enter, test_leave);
}
