/* Checkpoints: any number of writers and readers, damage of every kind, kills at any moment, locks, full disks. */
#include "io_test.h"

#include <errno.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hoop/checkpoint.h"

/* fsync fails this many times from now on (the test is linked with --wrap=fsync). */
static int fsync_failures, fsync_errno = EIO;
int        __real_fsync(int fd);
int        __wrap_fsync(int fd);
int        __wrap_fsync(int fd)
{
    if (fsync_failures > 0) {
        fsync_failures--;
        errno = fsync_errno;
        return -1;
    }
    return __real_fsync(fd);
}

/* A small model: its values follow from step and place. */
enum { TENSORS = 7 };
static const struct {
    const char          *name, *group;
    hoop_checkpoint_kind kind;
    hoop_dtype           dtype;
    int                  ndim;
    int64_t              shape[3];
} model[TENSORS] = {
    {"layers.0.weight", NULL, HOOP_CKPT_PARAMETER, HOOP_F32, 2, {37, 11}},
    {"layers.0.bias", NULL, HOOP_CKPT_PARAMETER, HOOP_F32, 1, {37}},
    {"layers.10.weight", NULL, HOOP_CKPT_PARAMETER, HOOP_F64, 3, {5, 3, 2}},
    {"norm.running_mean", NULL, HOOP_CKPT_BUFFER, HOOP_F32, 1, {3}},
    {"empty", NULL, HOOP_CKPT_BUFFER, HOOP_I32, 2, {0, 4}},
    {"layers.0.weight", "exp_avg", HOOP_CKPT_STATE, HOOP_F32, 2, {37, 11}},
    {"step", NULL, HOOP_CKPT_STATE, HOOP_I64, 0, {0}},
};

static int64_t numel(int t)
{
    int64_t n = 1;
    for (int d = 0; d < model[t].ndim; d++) n *= model[t].shape[d];
    return n;
}

static double value(int t, int64_t i, int64_t step)
{
    return (double)(step * 1000 + t * 100) + (double)i / 8;
}

static void *tensor(int t, int64_t step)
{
    const int64_t n    = numel(t);
    char         *data = malloc((size_t)(n + 1) * 8);
    for (int64_t i = 0; i < n; i++) {
        switch (model[t].dtype) {
        case HOOP_F32:
            ((float *)(void *)data)[i] = (float)value(t, i, step);
            break;
        case HOOP_F64:
            ((double *)(void *)data)[i] = value(t, i, step);
            break;
        default:
            ((int64_t *)(void *)data)[i] = step;
            break;
        }
    }
    return data;
}

static hoop_checkpoint_receipt receipts[8]; /* of the writers of the checkpoint under way */

static hoop_status write_shards(const char *tmp, int64_t step, int writers, hoop_error *err)
{
    hoop_checkpoint_entry e[TENSORS];
    void                 *data[TENSORS];
    hoop_status           st = HOOP_OK;
    for (int w = 0; w < writers && st == HOOP_OK; w++) {
        for (int t = 0; t < TENSORS; t++) {
            const int64_t n = numel(t), first = n * w / writers, end = n * (w + 1) / writers;
            data[t] = tensor(t, step);
            e[t]    = (hoop_checkpoint_entry){.name  = model[t].name,
                                              .group = model[t].group,
                                              .kind  = model[t].kind,
                                              .dtype = model[t].dtype,
                                              .ndim  = model[t].ndim,
                                              .order = t,
                                              .first = first,
                                              .count = end - first,
                                              .data  = (char *)data[t] + first * (int64_t)hoop_dtype_size(model[t].dtype)};
            memcpy(e[t].shape, model[t].shape, sizeof model[t].shape);
        }
        /* what has no elements comes from one writer */
        if (w > 0) memmove(&e[4], &e[5], 2 * sizeof e[0]);
        st = hoop_checkpoint_write_shard(tmp, w, writers, e, w == 0 ? TENSORS : TENSORS - 1, err, &receipts[w]);
        for (int t = 0; t < TENSORS; t++) free(data[t]);
    }
    return st;
}

static const char *const notes[] = {"loss", "0.25", "best", "900"};

static bool is_best; /* what is saved */

static hoop_status save(const char *run, int64_t step, int writers, int64_t keep, hoop_error *err, hoop_checkpoint_published *out)
{
    const hoop_checkpoint_meta m = {.step             = step,
                                    .epoch            = 3,
                                    .index            = 17,
                                    .seed             = UINT64_MAX - 1,
                                    .ranks            = writers,
                                    .leaves           = 12,
                                    .batch            = 128,
                                    .run_id           = "r1",
                                    .numerics         = "avx2",
                                    .fingerprint      = "abc",
                                    .data_fingerprint = "def",
                                    .optimizer        = "adamw",
                                    .config           = "seed: 1\nmodel: {a: \"b\"}\n",
                                    .version          = "0.1",
                                    .host             = "h",
                                    .time             = "t",
                                    .command          = "hoop train \xff x",
                                    .notes            = notes,
                                    .nnotes           = 2};
    char                       tmp[HOOP_CHECKPOINT_PATH];
    hoop_status                st = hoop_checkpoint_tmp(run, step, "r1", err, tmp);
    if (st == HOOP_OK) st = hoop_checkpoint_begin(tmp, err);
    if (st == HOOP_OK) st = write_shards(tmp, step, writers, err);
    return st == HOOP_OK ? hoop_checkpoint_publish(run, NULL, tmp, &m, receipts, writers, keep, is_best, err, out) : st;
}

static void check_contents(hoop_checkpoint *c, int64_t step)
{
    hoop_error err = {0};
    for (int t = 0; t < TENSORS; t++) {
        const hoop_checkpoint_tensor *a     = hoop_checkpoint_find(c, model[t].kind, model[t].group, model[t].name);
        const int64_t                 width = (int64_t)hoop_dtype_size(model[t].dtype), n = numel(t);
        char                         *want = tensor(t, step), *got = calloc((size_t)(n + 1), 8);
        assert_non_null(a);
        assert_int_equal(a->dtype, model[t].dtype);
        assert_int_equal(a->ndim, model[t].ndim);
        assert_int_equal(a->numel, n);
        assert_true(a->whole);
        for (int d = 0; d < a->ndim; d++) assert_int_equal(a->shape[d], model[t].shape[d]);
        test_ok(hoop_checkpoint_read(c, a, 0, n, got, &err));
        assert_memory_equal(got, want, (size_t)(n * width));
        free(want);
        free(got);
    }
    assert_null(hoop_checkpoint_tensor_at(c, TENSORS));
}

static void writes_with_any_and_reads_with_any(void **state)
{
    static const int writers[] = {1, 2, 3, 5, 8};
    (void)state;
    for (size_t k = 0; k < 5; k++) {
        hoop_error                  err = {0};
        hoop_checkpoint            *c;
        hoop_checkpoint_published   p;
        uint64_t                    random = k;
        const hoop_checkpoint_meta *m;
        test_ok(save("any", 100 + (int64_t)k, writers[k], 0, &err, &p));
        assert_string_equal(p.note, "");
        test_ok(hoop_checkpoint_open("any", &err, &c));
        assert_string_equal(hoop_checkpoint_path(c), p.path);
        m = hoop_checkpoint_about(c);
        assert_int_equal(m->step, 100 + (int64_t)k);
        assert_int_equal(m->epoch, 3);
        assert_int_equal(m->index, 17);
        assert_true(m->seed == UINT64_MAX - 1);
        assert_int_equal(m->ranks, writers[k]);
        assert_string_equal(m->config, "seed: 1\nmodel: {a: \"b\"}\n");
        assert_string_equal(m->command, "hoop train ? x");
        assert_string_equal(hoop_checkpoint_note(c, "best"), "900");
        assert_null(hoop_checkpoint_note(c, "worst"));
        check_contents(c, 100 + (int64_t)k);
        test_ok(hoop_checkpoint_verify(c, &err));
        /* the catalogue is in the model's order */
        assert_string_equal(hoop_checkpoint_tensor_at(c, 0)->name, "layers.0.weight");
        assert_string_equal(hoop_checkpoint_tensor_at(c, 2)->name, "layers.10.weight");
        hoop_checkpoint_close(&c);
        test_ok(hoop_checkpoint_open("any/latest", &err, &c));
        for (int i = 0; i < 200; i++) {
            const int64_t                 n = numel(0), first = (int64_t)(test_random(&random) % (uint64_t)(n + 1));
            const int64_t                 count = (int64_t)(test_random(&random) % (uint64_t)(n - first + 1));
            const hoop_checkpoint_tensor *a     = hoop_checkpoint_find(c, HOOP_CKPT_STATE, "exp_avg", "layers.0.weight");
            float                         out[37 * 11 + 1];
            out[count] = -5;
            test_ok(hoop_checkpoint_read(c, a, first, count, out, &err));
            for (int64_t j = 0; j < count; j++) assert_true(out[j] == (float)value(5, first + j, 100 + (int64_t)k));
            assert_true(out[count] == -5);
        }
        test_failed(hoop_checkpoint_read(c, hoop_checkpoint_tensor_at(c, 0), 400, 8, NULL, &err), &err, HOOP_ERANGE, "407", NULL);
        hoop_checkpoint_close(&c);
    }
}

static hoop_status publish(const char *run, const char *tmp, int64_t step, int writers, hoop_error *err)
{
    const hoop_checkpoint_meta m = {.step = step, .run_id = "x"};
    return hoop_checkpoint_publish(run, NULL, tmp, &m, receipts, writers, 0, false, err, NULL);
}

/* As buckets are shared out: a writer holds several ranges of one tensor. */
static void a_writer_may_hold_many_ranges(void **state)
{
    enum { RANGES = 7, MANY = 101 };
    hoop_error            err = {0};
    hoop_checkpoint_entry e[2][RANGES];
    float                 x[MANY], out[MANY];
    char                  tmp[HOOP_CHECKPOINT_PATH];
    int64_t               n[2] = {0};
    hoop_checkpoint      *c;
    (void)state;
    for (int i = 0; i < MANY; i++) x[i] = (float)i;
    for (int r = 0; r < RANGES; r++) {
        const int64_t first = MANY * r / RANGES, end = MANY * (r + 1) / RANGES;
        const int     w = r % 2;
        e[w][n[w]++]    = (hoop_checkpoint_entry){.name  = "w",
                                                  .group = "exp_avg",
                                                  .kind  = HOOP_CKPT_STATE,
                                                  .ndim  = 1,
                                                  .shape = {MANY},
                                                  .first = first,
                                                  .count = end - first,
                                                  .data  = x + first};
    }
    test_ok(hoop_checkpoint_tmp("ranges", 1, "x", &err, tmp));
    test_ok(hoop_checkpoint_begin(tmp, &err));
    for (int w = 0; w < 2; w++) test_ok(hoop_checkpoint_write_shard(tmp, w, 2, e[w], n[w], &err, &receipts[w]));
    test_ok(publish("ranges", tmp, 1, 2, &err));
    for (int shard = 0; shard < 2; shard++) {
        test_ok(hoop_checkpoint_open(shard ? "ranges/checkpoints/step-00000001/shard-00000-of-00002.h5" : "ranges", &err, &c));
        assert_non_null(hoop_checkpoint_tensor_at(c, 0));
        assert_null(hoop_checkpoint_tensor_at(c, 1));
        assert_string_equal(hoop_checkpoint_tensor_at(c, 0)->name, "w");
        assert_int_equal(hoop_checkpoint_tensor_at(c, 0)->whole, !shard);
        if (!shard) {
            test_ok(hoop_checkpoint_read(c, hoop_checkpoint_tensor_at(c, 0), 0, MANY, out, &err));
            assert_memory_equal(out, x, sizeof x);
        }
        test_ok(hoop_checkpoint_verify(c, &err));
        hoop_checkpoint_close(&c);
    }
}

static void one_shard_can_be_opened(void **state)
{
    hoop_error                    err = {0};
    hoop_checkpoint              *c;
    const hoop_checkpoint_tensor *a;
    float                         out[37 * 11];
    (void)state;
    test_ok(save("single", 7, 2, 0, &err, NULL));
    test_ok(hoop_checkpoint_open("single/checkpoints/step-00000007/shard-00001-of-00002.h5", &err, &c));
    assert_int_equal(hoop_checkpoint_about(c)->step, 7); /* from the manifest beside it */
    a = hoop_checkpoint_find(c, HOOP_CKPT_PARAMETER, NULL, "layers.0.weight");
    assert_non_null(a);
    assert_false(a->whole);
    assert_int_equal(a->numel, 37 * 11);
    test_ok(hoop_checkpoint_read(c, a, 300, 100, out, &err));
    assert_true(out[0] == (float)value(0, 300, 7));
    test_failed(hoop_checkpoint_read(c, a, 0, 37 * 11, out, &err), &err, HOOP_ERANGE, "another shard", NULL);
    memset(&err, 0, sizeof err);
    test_ok(hoop_checkpoint_verify(c, &err));
    hoop_checkpoint_close(&c);
    assert_int_equal(rename("single/checkpoints/step-00000007/shard-00000-of-00002.h5", "alone.h5"), 0);
    test_ok(hoop_checkpoint_open("alone.h5", &err, &c));
    assert_string_equal(hoop_checkpoint_about(c)->config, "");
    hoop_checkpoint_close(&c);
}

static void bad_entries_are_refused(void **state)
{
    static const float x[8] = {0};
    static const struct {
        hoop_checkpoint_entry e;
        hoop_status           want;
        const char           *word;
    } cases[] = {
        {{.name = "a/b", .ndim = 1, .shape = {8}, .count = 8, .data = x}, HOOP_EARG, "a/b"},
        {{.name = "", .ndim = 1, .shape = {8}, .count = 8, .data = x}, HOOP_EARG, "name"},
        {{.name = NULL, .ndim = 1, .shape = {8}, .count = 8, .data = x}, HOOP_EARG, "null"},
        {{.name = "..", .ndim = 1, .shape = {8}, .count = 8, .data = x}, HOOP_EARG, "name"},
        {{.name = "x", .group = "g", .ndim = 1, .shape = {8}, .count = 8, .data = x}, HOOP_EARG, "group"},
        {{.name = "x", .ndim = 1, .shape = {-8}, .count = 8, .data = x}, HOOP_EARG, "shape"},
        {{.name = "x", .ndim = 2, .shape = {INT64_MAX, 8}, .count = 8, .data = x}, HOOP_EARG, "shape"},
        {{.name = "x", .ndim = 9, .shape = {1}, .count = 8, .data = x}, HOOP_EARG, "shape"},
        {{.name = "x", .ndim = 1, .shape = {8}, .first = 4, .count = 8, .data = x}, HOOP_ERANGE, "12"},
        {{.name = "x", .ndim = 1, .shape = {8}, .first = -1, .count = 8, .data = x}, HOOP_ERANGE, "x"},
        {{.name = "x", .ndim = 1, .shape = {8}, .count = 8}, HOOP_EARG, "data"},
    };
    hoop_error            err      = {0};
    hoop_checkpoint_entry twice[2] = {{.name = "x", .ndim = 1, .shape = {8}, .count = 8, .data = x},
                                      {.name = "x", .ndim = 1, .shape = {8}, .count = 8, .data = x}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(&err, 0, sizeof err);
        test_failed(hoop_checkpoint_write_shard("refused.tmp-x", 0, 1, &cases[i].e, 1, &err, receipts), &err, cases[i].want,
                    cases[i].word, NULL);
    }
    memset(&err, 0, sizeof err);
    test_failed(hoop_checkpoint_write_shard("refused.tmp-x", 0, 1, twice, 2, &err, receipts), &err, HOOP_EIO, "/parameters/x",
                NULL);
    memset(&err, 0, sizeof err);
    test_failed(hoop_checkpoint_write_shard("refused.tmp-x", 2, 2, twice, 1, &err, receipts), &err, HOOP_EARG, "writer 2", NULL);
    assert_int_equal(test_count("refused.tmp-x"), 0);
}

static void incomplete_ones_are_not_published(void **state)
{
    static const float    x[8] = {0};
    hoop_checkpoint_entry e    = {.name = "x", .ndim = 1, .shape = {8}, .count = 4, .data = x};
    char                  tmp[HOOP_CHECKPOINT_PATH];
    hoop_error            err = {0};
    (void)state;
    test_ok(hoop_checkpoint_tmp("incomplete", 5, "x", &err, tmp));
    test_failed(publish("incomplete", tmp, 5, 1, &err), &err, HOOP_EIO, "step-00000005", NULL);
    memset(&err, 0, sizeof err);
    test_ok(hoop_checkpoint_begin(tmp, &err)); /* half of a tensor */
    test_ok(hoop_checkpoint_write_shard(tmp, 0, 1, &e, 1, &err, &receipts[0]));
    test_failed(publish("incomplete", tmp, 5, 1, &err), &err, HOOP_EFORMAT, "x are missing", NULL);
    assert_false(test_exists(tmp));
    memset(&err, 0, sizeof err);
    test_ok(hoop_checkpoint_begin(tmp, &err)); /* a writer's file is missing */
    test_ok(hoop_checkpoint_write_shard(tmp, 0, 2, &e, 1, &err, &receipts[0]));
    test_failed(publish("incomplete", tmp, 5, 2, &err), &err, HOOP_EIO, "shard-00001-of-00002.h5", "missing", NULL);
    memset(&err, 0, sizeof err);
    test_ok(hoop_checkpoint_begin(tmp, &err)); /* cut short since */
    test_ok(hoop_checkpoint_write_shard(tmp, 0, 1, &e, 1, &err, &receipts[0]));
    receipts[0].bytes++;
    test_failed(publish("incomplete", tmp, 5, 1, &err), &err, HOOP_EIO, "bytes", "were written", NULL);
    memset(&err, 0, sizeof err);
    test_ok(hoop_checkpoint_begin(tmp, &err)); /* overlapping */
    test_ok(hoop_checkpoint_write_shard(tmp, 0, 2, &e, 1, &err, &receipts[0]));
    e.first = 3;
    e.count = 5;
    test_ok(hoop_checkpoint_write_shard(tmp, 1, 2, &e, 1, &err, &receipts[1]));
    test_failed(publish("incomplete", tmp, 5, 2, &err), &err, HOOP_EFORMAT, "element 3", "twice", NULL);
    memset(&err, 0, sizeof err);
    test_ok(hoop_checkpoint_begin(tmp, &err)); /* other shapes */
    e.first = 0;
    e.count = 4;
    test_ok(hoop_checkpoint_write_shard(tmp, 0, 2, &e, 1, &err, &receipts[0]));
    e.first    = 4;
    e.shape[0] = 9;
    e.count    = 5;
    test_ok(hoop_checkpoint_write_shard(tmp, 1, 2, &e, 1, &err, &receipts[1]));
    test_failed(publish("incomplete", tmp, 5, 2, &err), &err, HOOP_EFORMAT, "shape", "differ", NULL);
    assert_int_equal(test_count("incomplete"), 0);
}

static void a_failed_sync_is_written_again(void **state)
{
    hoop_error       err = {0};
    hoop_checkpoint *c;
    char             tmp[HOOP_CHECKPOINT_PATH];
    (void)state;
    test_ok(hoop_checkpoint_tmp("sync", 1, "x", &err, tmp));
    test_ok(hoop_checkpoint_begin(tmp, &err));
    fsync_failures = 1;
    test_ok(write_shards(tmp, 1, 1, &err));
    assert_int_equal(fsync_failures, 0);
    test_ok(publish("sync", tmp, 1, 1, &err));
    test_ok(hoop_checkpoint_open("sync", &err, &c));
    check_contents(c, 1);
    hoop_checkpoint_close(&c);
    test_ok(hoop_checkpoint_tmp("sync", 2, "x", &err, tmp));
    test_ok(hoop_checkpoint_begin(tmp, &err));
    fsync_failures = 2;
    test_failed(write_shards(tmp, 2, 1, &err), &err, HOOP_EIO, "synced", "tried twice", strerror(EIO), NULL);
    assert_int_equal(test_count(tmp), 0);
    memset(&err, 0, sizeof err);
    fsync_errno    = ENOSPC; /* which will not be otherwise the second time */
    fsync_failures = 2;
    test_failed(write_shards(tmp, 2, 1, &err), &err, HOOP_EIO, "synced", strerror(ENOSPC), NULL);
    assert_int_equal(fsync_failures, 1);
    assert_int_equal(test_count(tmp), 0);
    fsync_failures = 0;
    fsync_errno    = EIO;
    memset(&err, 0, sizeof err);
    test_ok(write_shards(tmp, 2, 1, &err));
    fsync_failures = 1; /* of the manifest */
    test_failed(publish("sync", tmp, 2, 1, &err), &err, HOOP_EIO, "synced", NULL);
    fsync_failures = 0;
    assert_false(test_exists("sync/checkpoints/step-00000002"));
    assert_false(test_exists(tmp));
}

static void the_last_k_are_kept(void **state)
{
    hoop_error                err = {0};
    hoop_checkpoint_published p;
    int64_t                  *steps, n;
    char                      link[64] = "";
    (void)state;
    for (int64_t s = 1; s <= 6; s++) test_ok(save("keep", s * 10, 2, 3, &err, &p));
    assert_int_equal(p.pruned, 1);
    test_ok(hoop_checkpoint_list("keep", &err, &steps, &n));
    assert_int_equal(n, 3);
    for (int i = 0; i < 3; i++) assert_int_equal(steps[i], 40 + 10 * i);
    free(steps);
    assert_int_equal(readlink("keep/latest", link, sizeof link - 1), (int)strlen("checkpoints/step-00000060"));
    assert_string_equal(link, "checkpoints/step-00000060");
    /* damaged ones do not count: 50 and 60 lose their manifests, so 40 stays beside 70 */
    assert_int_equal(unlink("keep/checkpoints/step-00000050/manifest.json"), 0);
    assert_int_equal(unlink("keep/checkpoints/step-00000060/manifest.json"), 0);
    test_ok(save("keep", 70, 1, 2, &err, &p));
    assert_true(test_exists("keep/checkpoints/step-00000040"));
    test_ok(save("keep", 80, 1, 1, &err, &p));
    test_ok(hoop_checkpoint_list("keep", &err, &steps, &n));
    assert_int_equal(n, 1);
    assert_int_equal(steps[0], 80);
    free(steps);
    /* the same step again replaces it */
    test_ok(save("keep", 80, 3, 1, &err, &p));
    assert_int_equal(test_count("keep/checkpoints"), 4);
    test_failed(save("keep", -1, 1, 1, &err, NULL), &err, HOOP_EARG, "-1", NULL);
}

/* The best stays beside the newest until another is; where its link cannot be set, that which it is of stays. */
static void the_best_is_kept(void **state)
{
    hoop_error                err = {0};
    hoop_checkpoint_published p;
    char                      link[64] = "";
    (void)state;
    for (int64_t s = 10; s <= 40; s += 10) {
        is_best = s == 10 || s == 40;
        test_ok(save("best", s, 1, 1, &err, &p));
        assert_string_equal(p.note, "");
        assert_int_equal(test_count("best/checkpoints"), s == 20 || s == 30 ? 4 : 2); /* files, two each */
        assert_true(test_exists(s < 40 ? "best/best/manifest.json" : "best/checkpoints/step-00000040/manifest.json"));
    }
    assert_int_equal(readlink("best/best", link, sizeof link - 1), (int)strlen("checkpoints/step-00000040"));
    assert_string_equal(link, "checkpoints/step-00000040");
    assert_int_equal(mkdir("best/.best.tmp-0", 0755), 0); /* in the way of the next link */
    test_ok(save("best", 50, 1, 1, &err, &p));
    is_best = false;
    assert_non_null(strstr(p.note, "best/best: cannot be set"));
    assert_true(test_exists("best/best/manifest.json"));
    assert_int_equal(test_count("best/checkpoints"), 4);
    test_failed(hoop_checkpoint_set_best("best", 60, &err), &err, HOOP_ESTATE, "step-00000060", "is not there", NULL);
}

/* What is chosen of a run: its step. */
static int64_t chosen(const char *run, hoop_checkpoint_sound sound, hoop_checkpoint_choice *choice)
{
    hoop_error err = {0};
    test_ok(hoop_checkpoint_choose(run, sound, &err, choice));
    assert_true(choice->run);
    return choice->step;
}

static void unchosen(const char *path, hoop_checkpoint_sound sound, hoop_status status, const char *text)
{
    hoop_error             err = {0};
    hoop_checkpoint_choice choice;
    test_failed(hoop_checkpoint_choose(path, sound, &err, &choice), &err, status, text, NULL);
}

static void a_damaged_one_is_passed_over(void **state)
{
    static const char      newest[] = "damage/checkpoints/step-00000300/shard-00000-of-00001.h5";
    hoop_error             err      = {0};
    hoop_checkpoint_choice c;
    char                  *good;
    int64_t                n;
    (void)state;
    unchosen("damage", HOOP_CKPT_VERIFIED, HOOP_EIO, "damage");
    for (int64_t s = 1; s <= 3; s++) test_ok(save("damage", s * 100, 1, 0, &err, NULL));
    assert_int_equal(chosen("damage", HOOP_CKPT_VERIFIED, &c), 300);
    assert_string_equal(c.notes, "");
    good = test_load(newest, &n);
    test_flip(newest, n / 2, 4);
    assert_int_equal(chosen("damage", HOOP_CKPT_VERIFIED, &c), 200);
    assert_non_null(strstr(c.path, "step-00000200"));
    assert_non_null(strstr(c.notes, "step-00000300"));
    assert_int_equal(chosen("damage", HOOP_CKPT_OPENS, &c), 300); /* its manifest and its size are right */
    test_store(newest, good, n - 100);
    assert_int_equal(chosen("damage", HOOP_CKPT_VERIFIED, &c), 200);
    assert_int_equal(chosen("damage", HOOP_CKPT_OPENS, &c), 200);
    assert_int_equal(chosen("damage", HOOP_CKPT_NEWEST, &c), 300);
    test_store(newest, "", 0);
    assert_int_equal(chosen("damage", HOOP_CKPT_VERIFIED, &c), 200);
    assert_int_equal(unlink("damage/checkpoints/step-00000200/manifest.json"), 0);
    assert_int_equal(chosen("damage", HOOP_CKPT_VERIFIED, &c), 100);
    assert_non_null(strstr(c.notes, "\n"));
    assert_int_equal(unlink("damage/checkpoints/step-00000100/shard-00000-of-00001.h5"), 0);
    unchosen("damage", HOOP_CKPT_VERIFIED, HOOP_ECHECKSUM, "none of its 3");
    unchosen("damage", HOOP_CKPT_OPENS, HOOP_ECHECKSUM, "none of its 3");
    assert_int_equal(chosen("damage", HOOP_CKPT_NEWEST, &c), 300);
    free(good);
}

static void what_stands_there_is_meant(void **state)
{
    static const char dir[]    = "meant/checkpoints/step-00000005",
                      file[]   = "meant/checkpoints/step-00000005/shard-00000-of-00001.h5";
    hoop_error             err = {0};
    hoop_checkpoint_choice c;
    int64_t               *steps, n;
    (void)state;
    test_ok(save("meant", 5, 1, 0, &err, NULL));
    for (int sound = HOOP_CKPT_NEWEST; sound <= HOOP_CKPT_VERIFIED; sound++) {
        test_ok(hoop_checkpoint_choose(dir, (hoop_checkpoint_sound)sound, &err, &c));
        assert_true(!c.run && c.step == -1 && strcmp(c.path, dir) == 0);
        test_ok(hoop_checkpoint_choose(file, (hoop_checkpoint_sound)sound, &err, &c));
        assert_true(!c.run && strcmp(c.path, file) == 0);
        unchosen("meant/checkpoints", (hoop_checkpoint_sound)sound, HOOP_EIO, "nor a run");
        unchosen("meant/nothing", (hoop_checkpoint_sound)sound, HOOP_EIO, "meant/nothing");
    }
    /* a checkpoint has none, whatever lies in it; nor has a file */
    test_ok(save(dir, 7, 1, 0, &err, NULL));
    test_ok(hoop_checkpoint_list(dir, &err, &steps, &n));
    assert_int_equal(n, 0);
    test_ok(hoop_checkpoint_list(file, &err, &steps, &n));
    assert_int_equal(n, 0);
    test_ok(hoop_checkpoint_choose(dir, HOOP_CKPT_NEWEST, &err, &c));
    assert_string_equal(c.path, dir);
    free(test_load(file, &n));
    test_flip(file, n / 2, 4);
    test_ok(hoop_checkpoint_choose(file, HOOP_CKPT_OPENS, &err, &c));
    unchosen(file, HOOP_CKPT_VERIFIED, HOOP_ECHECKSUM, file);
    unchosen(dir, HOOP_CKPT_VERIFIED, HOOP_ECHECKSUM, file);
}

/* Every byte of every file that is flipped is noticed; nothing crashes on the way, single shards included. */
static void flipped_bytes_are_always_noticed(void **state)
{
    static const char *const files[] = {"fuzz/checkpoints/step-00000001/manifest.json",
                                        "fuzz/checkpoints/step-00000001/shard-00000-of-00002.h5",
                                        "fuzz/checkpoints/step-00000001/shard-00001-of-00002.h5"};
    hoop_error               err     = {0};
    uint64_t                 random  = 11;
    (void)state;
    test_ok(save("fuzz", 1, 2, 0, &err, NULL));
    for (int i = 0; i < 3000; i++) {
        const char      *path = files[i % 3];
        int64_t          n, at;
        char            *good = test_load(path, &n);
        hoop_checkpoint *c    = NULL;
        bool             noticed;
        at = (int64_t)(test_random(&random) % (uint64_t)n);
        if (i % 10 == 9)
            test_store(path, good, at); /* truncated */
        else
            test_flip(path, at, (unsigned char)(1 + test_random(&random) % 255));
        memset(&err, 0, sizeof err);
        noticed = hoop_checkpoint_open("fuzz", &err, &c) != HOOP_OK || hoop_checkpoint_verify(c, &err) != HOOP_OK;
        if (!noticed) fail_msg("byte %lld of %s was changed and not noticed", (long long)at, path);
        if (err.status == HOOP_OK || err.text[0] == '\0') fail_msg("no message for byte %lld of %s", (long long)at, path);
        hoop_checkpoint_close(&c);
        if (i % 3 != 0 && hoop_checkpoint_open(path, NULL, &c) == HOOP_OK) {
            const hoop_checkpoint_tensor *t;
            float                         out[37 * 11 * 2];
            for (int64_t k = 0; (t = hoop_checkpoint_tensor_at(c, k)) != NULL; k++)
                if (t->numel <= 37 * 11) (void)hoop_checkpoint_read(c, t, 0, t->numel, out, NULL);
            (void)hoop_checkpoint_verify(c, NULL);
        }
        hoop_checkpoint_close(&c);
        test_store(path, good, n);
        free(good);
    }
}

static void files_of_other_kinds_are_named(void **state)
{
    hoop_error       err = {0};
    hoop_checkpoint *c;
    const hsize_t    shape[1] = {4};
    const float      x[4]     = {0};
    (void)state;
    test_failed(hoop_checkpoint_open("nowhere", &err, &c), &err, HOOP_EIO, "nowhere", NULL);
    assert_int_equal(mkdir("bare", 0777), 0);
    memset(&err, 0, sizeof err);
    test_failed(hoop_checkpoint_open("bare", &err, &c), &err, HOOP_EIO, "neither", NULL);
    test_h5_add("data.h5", true, "/x", H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, 1, shape, x, 0, 0);
    memset(&err, 0, sizeof err);
    test_failed(hoop_checkpoint_open("data.h5", &err, &c), &err, HOOP_EFORMAT, "no shard of a hoop checkpoint", NULL);
    test_store("text.h5", "hello, this is no HDF5", 22);
    memset(&err, 0, sizeof err);
    test_failed(hoop_checkpoint_open("text.h5", &err, &c), &err, HOOP_EFORMAT, "not an HDF5 file", NULL);
    test_store("bare/manifest.json", "{}", 2);
    memset(&err, 0, sizeof err);
    test_failed(hoop_checkpoint_open("bare", &err, &c), &err, HOOP_ECHECKSUM, "manifest.json", NULL);
}

static void kills_leave_nothing_to_trip_over(void **state)
{
    struct timespec start, end;
    int64_t         span;
    hoop_error      err    = {0};
    uint64_t        random = 5;
    int64_t         next   = 1;
    (void)state;
    /* moments spread over some saves, however slow this disk is */
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    test_ok(save("timed", 1, 1, 2, &err, NULL));
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    span = 4 * ((end.tv_sec - start.tv_sec) * 1000000000 + end.tv_nsec - start.tv_nsec);
    if (span > 300000000) span = 300000000;
    /* on a busy machine a child gets less far before it is killed: then there are more rounds, and longer ones */
    for (int round = 0; round < 60 || (next <= 10 && round < 600); round++) {
        int                    ends[2], status;
        pid_t                  child;
        int64_t                reported = -1, s, step;
        struct timespec        pause    = {0, (long)(test_random(&random) % (uint64_t)span)};
        hoop_run_lock         *lock;
        hoop_checkpoint_choice choice;
        memset(&err, 0, sizeof err);
        assert_int_equal(pipe(ends), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            (void)close(ends[0]);
            if (hoop_run_lock_take("killed", &err, &lock) != HOOP_OK || hoop_checkpoint_sweep("killed", &err, NULL) != HOOP_OK)
                _exit(3);
            for (s = next;; s++) {
                /* every third a second time: replacing has its own moments to be killed in */
                if (save("killed", s, 1 + (int)(s % 3), 2, &err, NULL) != HOOP_OK) _exit(4);
                if (s % 3 == 0 && save("killed", s, 2, 2, &err, NULL) != HOOP_OK) _exit(5);
                if (write(ends[1], &s, sizeof s) != sizeof s) _exit(6);
            }
        }
        (void)close(ends[1]);
        (void)nanosleep(&pause, NULL);
        (void)kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFSIGNALED(status)) fail_msg("the child failed in round %d with %d", round, WEXITSTATUS(status));
        while (read(ends[0], &s, sizeof s) == sizeof s) reported = s;
        (void)close(ends[0]);
        test_ok(hoop_run_lock_take("killed", &err, &lock)); /* died with its holder */
        hoop_run_lock_release(&lock);
        if (round % 2 == 0) test_ok(hoop_checkpoint_sweep("killed", &err, NULL));
        if (hoop_checkpoint_choose("killed", HOOP_CKPT_VERIFIED, &err, &choice) != HOOP_OK)
            assert_int_equal(err.status, HOOP_EIO); /* there is none yet */
        step = choice.step;
        if (step < reported || (next > 1 && step < next - 1))
            fail_msg("step %lld was there, %lld is found", (long long)(reported < next - 1 ? next - 1 : reported),
                     (long long)step);
        if (step >= 1) {
            hoop_checkpoint *c;
            test_ok(hoop_checkpoint_open(choice.path, &err, &c));
            check_contents(c, step);
            hoop_checkpoint_close(&c);
            next = step + 1;
        }
    }
    assert_true(next > 3);
}

static void sweeping(void **state)
{
    hoop_error err = {0};
    int        removed;
    (void)state;
    test_ok(hoop_checkpoint_sweep("swept", &err, &removed));
    assert_int_equal(removed, 0);
    test_ok(save("swept", 5, 1, 0, &err, NULL));
    test_ok(save("swept", 6, 1, 0, &err, NULL));
    assert_int_equal(mkdir("swept/checkpoints/step-00000007.tmp-x", 0777), 0);
    test_store("swept/checkpoints/step-00000007.tmp-x/shard-00000-of-00001.h5", "x", 1);
    /* a publish without exchange that was killed between its two renames, and one after */
    assert_int_equal(rename("swept/checkpoints/step-00000006", "swept/checkpoints/step-00000006.old-replaced"), 0);
    assert_int_equal(mkdir("swept/checkpoints/step-00000005.old-replaced", 0777), 0);
    test_ok(hoop_checkpoint_sweep("swept", &err, &removed));
    assert_int_equal(removed, 2);
    assert_true(test_exists("swept/checkpoints/step-00000006/manifest.json"));
    assert_true(test_exists("swept/checkpoints/step-00000005/manifest.json"));
    assert_int_equal(test_count("swept/checkpoints"), 4);
}

static void two_runs_are_kept_apart(void **state)
{
    hoop_error     err = {0};
    hoop_run_lock *a, *b;
    char           pid[32];
    (void)state;
    (void)snprintf(pid, sizeof pid, "pid %ld", (long)getpid());
    test_ok(hoop_run_lock_take("locked/deep/down", &err, &a));
    test_failed(hoop_run_lock_take("locked/deep/down", &err, &b), &err, HOOP_EBUSY, "locked/deep/down", "host", pid, NULL);
    assert_null(b);
    hoop_run_lock_release(&a);
    assert_null(a);
    memset(&err, 0, sizeof err);
    test_ok(hoop_run_lock_take("locked/deep/down", &err, &b));
    hoop_run_lock_release(&b);
    test_store("afile", "x", 1);
    test_failed(hoop_run_lock_take("afile", &err, &b), &err, HOOP_EIO, "afile", NULL);
}

static void a_full_disk_is_a_clean_error(void **state)
{
    hoop_error            err  = {0};
    const int64_t         many = 1 << 20;
    float                *x    = calloc((size_t)many, sizeof *x);
    hoop_checkpoint_entry e    = {.name = "x", .ndim = 1, .shape = {many}, .count = many, .data = x};
    (void)state;
    if (!test_small_disk("full", "size=1m")) {
        free(x);
        skip();
    }
    test_failed(hoop_checkpoint_write_shard("full/step-1.tmp-x", 0, 1, &e, 1, &err, receipts), &err, HOOP_EIO, "No space left",
                NULL);
    assert_int_equal(test_count("full"), 0);
    /* any amount of space there is: it works or fails cleanly */
    for (int64_t kb = 0; kb < 1024; kb += 24) {
        char *filler = calloc(1, (size_t)kb * 1024 + 1);
        test_remove("full/run");
        test_store("full/filler", filler, kb * 1024);
        memset(&err, 0, sizeof err);
        e.shape[0] = e.count = 20000;
        if (hoop_checkpoint_write_shard("full/run/checkpoints/step-00000001.tmp-x", 0, 1, &e, 1, &err, receipts) == HOOP_OK &&
            publish("full/run", "full/run/checkpoints/step-00000001.tmp-x", 1, 1, &err) == HOOP_OK) {
            hoop_checkpoint *c;
            test_ok(hoop_checkpoint_open("full/run", &err, &c));
            test_ok(hoop_checkpoint_verify(c, &err));
            hoop_checkpoint_close(&c);
        } else {
            assert_int_equal(err.status, HOOP_EIO);
            assert_int_equal(test_count("full"), 1);
        }
        free(filler);
    }
    assert_int_equal(umount("full"), 0);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_with_any_and_reads_with_any),
        cmocka_unit_test(one_shard_can_be_opened),
        cmocka_unit_test(a_writer_may_hold_many_ranges),
        cmocka_unit_test(bad_entries_are_refused),
        cmocka_unit_test(incomplete_ones_are_not_published),
        cmocka_unit_test(a_failed_sync_is_written_again),
        cmocka_unit_test(the_last_k_are_kept),
        cmocka_unit_test(the_best_is_kept),
        cmocka_unit_test(a_damaged_one_is_passed_over),
        cmocka_unit_test(what_stands_there_is_meant),
        cmocka_unit_test(flipped_bytes_are_always_noticed),
        cmocka_unit_test(files_of_other_kinds_are_named),
        cmocka_unit_test(kills_leave_nothing_to_trip_over),
        cmocka_unit_test(sweeping),
        cmocka_unit_test(two_runs_are_kept_apart),
        cmocka_unit_test(a_full_disk_is_a_clean_error),
    };
    return cmocka_run_group_tests(tests, test_enter, test_leave);
}
