/* The loader: the same samples whatever the number of ranks, each once; seek; errors of the thread; ends at any moment. */
#include "io_test.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "hoop/import.h"
#include "hoop/loader.h"

enum { N = 103, BATCH = 16 };

static int make_set(void **state)
{
    float      x[N * 3];
    int64_t    y[N];
    hsize_t    shape[2] = {N, 3};
    hoop_error err      = {0};
    if (test_enter(state) != 0) return 1;
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < 3; k++) x[3 * i + k] = (float)(10 * i + k);
        y[i] = 1000 + i;
    }
    test_h5_add("mapped.h5", true, "/x", H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, 2, shape, x, 0, 0);
    test_h5_add("mapped.h5", false, "/y", H5T_NATIVE_INT64, H5T_NATIVE_INT64, 1, shape, y, 0, 0);
    test_h5_add("chunked.h5", true, "/x", H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, 2, shape, x, 7, 6);
    test_h5_add("chunked.h5", false, "/y", H5T_NATIVE_INT64, H5T_NATIVE_INT64, 1, shape, y, 5, 0);
    return hoop_synth("digits", 2000, &(hoop_import_opts){.dir = "digits", .seed = 3}, &err, NULL) != HOOP_OK;
}

static hoop_dataset *open_set(const char *name)
{
    hoop_error    err = {0};
    hoop_dataset *ds;
    test_ok(hoop_dataset_open(name, NULL, &err, &ds));
    return ds;
}

static hoop_loader *make(hoop_dataset *ds, int64_t leaves, int rank, int size, bool shuffle, int prefetch)
{
    const hoop_loader_opts o   = {.batch    = BATCH,
                                  .leaves   = leaves,
                                  .rank     = rank,
                                  .size     = size,
                                  .seed     = 5,
                                  .shuffle  = shuffle,
                                  .prefetch = prefetch,
                                  .as       = {HOOP_F32, HOOP_I64}};
    hoop_error             err = {0};
    hoop_loader           *l;
    test_ok(hoop_loader_create(ds, &o, &err, &l));
    return l;
}

/* The step's leaves of one rank: check what they hold, note samples by (leaf, place). */
static void collect(hoop_loader *l, int64_t step, int64_t leaves, int64_t *order, int *leaf_seen)
{
    hoop_error       err = {0};
    hoop_loader_step s;
    hoop_loader_leaf f;
    int64_t          want, total;
    const void      *x_end = NULL, *y_end = NULL; /* leaves stand one after the other */
    test_ok(hoop_loader_next_step(l, &err, &s));
    assert_int_equal(s.step, step);
    total = (N - 1) / BATCH + 1;
    assert_int_equal(hoop_loader_steps_per_epoch(l), total);
    assert_int_equal(s.epoch, step / total);
    assert_int_equal(s.index, step % total);
    assert_int_equal(s.n, s.index == total - 1 ? N - (total - 1) * BATCH : BATCH);
    want = s.first_leaf;
    while (hoop_loader_next_leaf(l, &f)) {
        int64_t first;
        assert_int_equal(f.leaf, want++);
        assert_int_equal(f.n, hoop_leaf_samples(s.n, leaves, f.leaf, &first));
        assert_int_equal(f.first, first);
        assert_true(x_end == NULL || f.field[HOOP_FIELD_X].data == x_end);
        assert_true(y_end == NULL || f.field[HOOP_FIELD_Y].data == y_end);
        x_end = (const float *)f.field[HOOP_FIELD_X].data + 3 * f.n;
        y_end = (const int64_t *)f.field[HOOP_FIELD_Y].data + f.n;
        leaf_seen[f.leaf]++;
        for (int64_t i = 0; i < f.n; i++) {
            const float   *x = (const float *)f.field[HOOP_FIELD_X].data + 3 * i;
            const int64_t *y = f.field[HOOP_FIELD_Y].data;
            assert_true(f.sample[i] >= 0 && f.sample[i] < N);
            for (int k = 0; k < 3; k++) assert_true(x[k] == (float)(10 * f.sample[i] + k));
            assert_int_equal(y[i], 1000 + f.sample[i]);
            assert_int_equal(order[f.first + i], -1);
            order[f.first + i] = f.sample[i];
        }
    }
    assert_int_equal(want, s.first_leaf + s.leaves);
}

static void same_for_any_number_of_ranks(void **state)
{
    static const int     sizes[]   = {1, 2, 3, 4, 7};
    static const int64_t leavess[] = {7, 12, 40};
    static const char   *names[]   = {"mapped.h5", "chunked.h5"};
    const int64_t        steps     = 2 * ((N - 1) / BATCH + 1);
    (void)state;
    for (size_t v = 0; v < 3; v++) {
        int64_t reference[32][BATCH];
        for (size_t p = 0; p < 5; p++) {
            hoop_dataset *ds = open_set(names[p % 2]);
            hoop_loader  *l[7];
            int           seen[N] = {0};
            for (int r = 0; r < sizes[p]; r++) l[r] = make(ds, leavess[v], r, sizes[p], true, r % 3);
            for (int64_t s = 0; s < steps; s++) {
                int64_t order[BATCH];
                int     leaf_seen[40] = {0};
                memset(order, 0xff, sizeof order);
                for (int r = 0; r < sizes[p]; r++) collect(l[r], s, leavess[v], order, leaf_seen);
                for (int64_t k = 0; k < leavess[v]; k++) assert_int_equal(leaf_seen[k], 1);
                if (p == 0) memcpy(reference[s], order, sizeof order);
                assert_memory_equal(order, reference[s], sizeof order);
                for (int i = 0; i < BATCH; i++)
                    if (order[i] >= 0) seen[order[i]]++;
                if (s == steps / 2 - 1)
                    for (int i = 0; i < N; i++) assert_int_equal(seen[i], 1); /* an epoch: all, none twice */
            }
            for (int i = 0; i < N; i++) assert_int_equal(seen[i], 2);
            for (int r = 0; r < sizes[p]; r++) hoop_loader_destroy(&l[r]);
            hoop_dataset_close(&ds);
        }
        assert_memory_not_equal(reference[0], reference[steps / 2], sizeof reference[0]); /* another order each epoch */
    }
}

static void in_stored_order_without_shuffle(void **state)
{
    hoop_dataset    *ds  = open_set("mapped.h5");
    hoop_loader     *l   = make(ds, 4, 0, 1, false, 2);
    hoop_error       err = {0};
    hoop_loader_step s;
    hoop_loader_leaf f;
    int64_t          next = 0;
    (void)state;
    for (int i = 0; i < 7; i++) {
        test_ok(hoop_loader_next_step(l, &err, &s));
        while (hoop_loader_next_leaf(l, &f))
            for (int64_t k = 0; k < f.n; k++) assert_int_equal(f.sample[k], next++);
    }
    assert_int_equal(next, N);
    hoop_loader_destroy(&l);
    hoop_dataset_close(&ds);
}

static void seek_goes_anywhere(void **state)
{
    hoop_dataset *ds  = open_set("mapped.h5");
    hoop_error    err = {0};
    int64_t       reference[40][BATCH], order[BATCH];
    int           leaf_seen[12];
    uint64_t      random = 1;
    hoop_loader  *l;
    (void)state;
    for (int prefetch = 0; prefetch < 4; prefetch++) {
        l = make(ds, 12, 0, 1, true, prefetch);
        for (int s = 0; s < 40; s++) {
            memset(reference[s], 0xff, sizeof reference[s]);
            collect(l, s, 12, reference[s], leaf_seen);
        }
        for (int i = 0; i < 300; i++) {
            int64_t s = (int64_t)(test_random(&random) % 38);
            test_ok(hoop_loader_seek(l, s, &err));
            assert_false(hoop_loader_next_leaf(l, &(hoop_loader_leaf){0}));
            for (uint64_t k = test_random(&random) % 3; k > 0 && s < 40; k--, s++) {
                memset(order, 0xff, sizeof order);
                collect(l, s, 12, order, leaf_seen);
                assert_memory_equal(order, reference[s], sizeof order);
            }
        }
        hoop_loader_destroy(&l);
    }
    l = make(ds, 1, 0, 1, true, 0);
    test_failed(hoop_loader_seek(l, -1, &err), &err, HOOP_ERANGE, "-1", NULL);
    hoop_loader_destroy(&l);
    hoop_dataset_close(&ds);
}

static void ends_at_any_moment(void **state)
{
    hoop_dataset *ds     = open_set("digits/train");
    uint64_t      random = 2;
    (void)state;
    for (int i = 0; i < 200; i++) {
        hoop_loader *l   = make(ds, 4, i % 3, 3, true, 1 + i % 4);
        hoop_error   err = {0};
        for (uint64_t k = test_random(&random) % 4; k > 0; k--) test_ok(hoop_loader_next_step(l, &err, NULL));
        if (i % 2 == 0) {
            const struct timespec t = {0, (long)(test_random(&random) % 200000)};
            (void)nanosleep(&t, NULL);
        }
        hoop_loader_destroy(&l);
        assert_null(l);
    }
    hoop_dataset_close(&ds);
}

static void end_step_is_the_end(void **state)
{
    hoop_dataset          *ds  = open_set("mapped.h5");
    const hoop_loader_opts o   = {.batch = 50, .leaves = 1, .size = 1, .prefetch = 2, .end_step = 3, .as = {HOOP_F64, HOOP_F32}};
    hoop_error             err = {0};
    hoop_loader           *l;
    (void)state;
    test_ok(hoop_loader_create(ds, &o, &err, &l));
    for (int i = 0; i < 3; i++) test_ok(hoop_loader_next_step(l, &err, NULL));
    assert_true(hoop_loader_stall_s(l) > 0);
    test_failed(hoop_loader_next_step(l, &err, NULL), &err, HOOP_ESTATE, "step 3", NULL);
    hoop_loader_destroy(&l);
    hoop_dataset_close(&ds);
}

/* A chunk whose compressed bytes are damaged fails in the thread; next_step says so, again and again, until a seek. */
static void errors_of_the_thread_arrive(void **state)
{
    enum { ROWS = 20000, COLUMNS = 64 }; /* more than the fingerprint reads */
    const hsize_t shape[2] = {ROWS, COLUMNS};
    float        *x        = malloc(sizeof *x * ROWS * COLUMNS);
    char         *bytes;
    int64_t       n, at = 2048;
    (void)state;
    for (int i = 0; i < ROWS * COLUMNS; i++) x[i] = (float)(i * 37 % 1009);
    test_h5_add("broken.h5", true, "/x", H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, 2, shape, x, 7, 6);
    bytes = test_load("broken.h5", &n);
    for (int stream = 0; stream < 12; at++) /* zlib streams of level 6 begin 78 9c; spoil the twelfth */
        if ((unsigned char)bytes[at] == 0x78 && (unsigned char)bytes[at + 1] == 0x9c && ++stream == 12)
            test_flip("broken.h5", at + 5, 0xff);
    for (int prefetch = 0; prefetch < 3; prefetch++) {
        const hoop_loader_opts o   = {.batch = 10, .leaves = 2, .size = 1, .prefetch = prefetch};
        hoop_error             err = {0}, again = {0};
        hoop_status            st = HOOP_OK;
        hoop_dataset          *ds;
        hoop_loader           *l;
        int                    good = 0;
        test_ok(hoop_dataset_open("broken.h5", &(hoop_dataset_opts){.use_y = HOOP_Y_OPTIONAL}, &err, &ds));
        test_ok(hoop_loader_create(ds, &o, &err, &l));
        while ((st = hoop_loader_next_step(l, &err, NULL)) == HOOP_OK) good++;
        test_failed(st, &err, HOOP_EFORMAT, "broken.h5", "/x", "damaged", NULL);
        assert_in_range(good, 1, 10);
        test_failed(hoop_loader_next_step(l, &again, NULL), &again, HOOP_EFORMAT, "broken.h5", NULL);
        assert_false(hoop_loader_next_leaf(l, &(hoop_loader_leaf){0}));
        memset(&err, 0, sizeof err);
        test_ok(hoop_loader_seek(l, 100, &err));
        test_ok(hoop_loader_next_step(l, &err, NULL));
        hoop_loader_destroy(&l);
        hoop_dataset_close(&ds);
    }
    free(bytes);
    free(x);
}

/* One flipped byte of a shard of ours: the step that has the row fails, in any order of rows. */
static void damaged_data_is_not_trained_on(void **state)
{
    static const char path[] = "flipped/train-00002-of-00004.h5";
    hoop_error        err    = {0};
    hid_t             file, dset;
    (void)state;
    test_ok(hoop_synth("digits", 2000, &(hoop_import_opts){.dir = "flipped"}, &err, NULL));
    file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    dset = H5Dopen2(file, "/x", H5P_DEFAULT);
    test_flip(path, (int64_t)H5Dget_offset(dset) + 300 * 784 + 400, 4);
    assert_true(H5Dclose(dset) >= 0 && H5Fclose(file) >= 0);
    for (int shuffle = 0; shuffle < 2; shuffle++) {
        hoop_dataset *ds = open_set("flipped/train");
        hoop_loader  *l  = make(ds, 4, 0, 1, shuffle != 0, 2);
        hoop_status   st;
        int           good = 0;
        while ((st = hoop_loader_next_step(l, &err, NULL)) == HOOP_OK) good++;
        test_failed(st, &err, HOOP_ECHECKSUM, path, "/x is damaged: the checksum of rows 249 to 331", NULL);
        assert_in_range(good, shuffle ? 0 : 1249 / BATCH, shuffle ? 1999 / BATCH : 1249 / BATCH);
        err = (hoop_error){0};
        hoop_loader_destroy(&l);
        hoop_dataset_close(&ds);
    }
}

/* ---- how often chunks are read ---- */

static pthread_mutex_t reading = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t  changed = PTHREAD_COND_INITIALIZER;
static int             reads;
static bool            held, inside; /* held: the next read waits until it is let go; inside: it does */

herr_t __real_H5Dread_chunk(hid_t dset, hid_t dxpl, const hsize_t *at, uint32_t *mask, void *out);
herr_t __wrap_H5Dread_chunk(hid_t dset, hid_t dxpl, const hsize_t *at, uint32_t *mask, void *out);
herr_t __wrap_H5Dread_chunk(hid_t dset, hid_t dxpl, const hsize_t *at, uint32_t *mask, void *out)
{
    (void)pthread_mutex_lock(&reading);
    reads++;
    inside = held;
    (void)pthread_cond_broadcast(&changed);
    while (held) (void)pthread_cond_wait(&changed, &reading);
    (void)pthread_mutex_unlock(&reading);
    return __real_H5Dread_chunk(dset, dxpl, at, mask, out);
}

static hoop_dataset *open_cached(int64_t cache_bytes, hoop_dataset_y use_y)
{
    hoop_error    err = {0};
    hoop_dataset *ds;
    test_ok(hoop_dataset_open("chunked.h5", &(hoop_dataset_opts){.use_y = use_y, .cache_bytes = cache_bytes}, &err, &ds));
    return ds;
}

/* N rows in chunks of 7 (of x, 2 columns and 1) and of 5 (of y) */
enum { X_CHUNKS = 2 * ((N + 6) / 7), Y_CHUNKS = (N + 4) / 5, X_BYTES = N * 3 * 4 };

static int reads_of_steps(int64_t cache_bytes, hoop_dataset_y use_y, int64_t batch, int64_t leaves, bool shuffle, int steps)
{
    const hoop_loader_opts o   = {.batch = batch, .leaves = leaves, .size = 1, .shuffle = shuffle, .as = {HOOP_F32, HOOP_I64}};
    hoop_error             err = {0};
    hoop_dataset          *ds  = open_cached(cache_bytes, use_y);
    hoop_loader           *l;
    test_ok(hoop_loader_create(ds, &o, &err, &l));
    reads = 0;
    for (int i = 0; i < steps; i++) test_ok(hoop_loader_next_step(l, &err, NULL));
    hoop_loader_destroy(&l);
    hoop_dataset_close(&ds);
    return reads;
}

static void chunks_are_read_once(void **state)
{
    (void)state;
    /* a step of all rows, in many leaves, with hardly a cache: no more chunks than there are */
    assert_in_range(reads_of_steps(1, HOOP_Y_REQUIRED, N, 50, true, 1), 1, X_CHUNKS + Y_CHUNKS);
    /* what fits the cache is read by the fingerprint, and not again */
    assert_int_equal(reads_of_steps(0, HOOP_Y_REQUIRED, 10, 5, true, 20), 0);
    /* rows in stored order: each chunk once, though both fields change places in a cache that holds one of each */
    assert_in_range(reads_of_steps(1, HOOP_Y_REQUIRED, 1, 1, false, N), X_CHUNKS + Y_CHUNKS - 3, X_CHUNKS + Y_CHUNKS);
    /* half a cache spares about half of the reads, though each step wants all chunks one after the other */
    assert_in_range(reads_of_steps(X_BYTES / 2, HOOP_Y_NONE, N, 1, true, 20), 1, 20 * X_CHUNKS * 2 / 3);
}

static void what_is_not_wanted_is_not_read(void **state)
{
    hoop_loader_opts o = {
        .batch = N, .leaves = 1, .size = 1, .prefetch = 1, .first_step = 9, .end_step = 9, .as = {HOOP_F32, HOOP_I64}};
    hoop_error       err = {0};
    hoop_loader_step s;
    hoop_loader     *l;
    hoop_dataset    *ds = open_cached(1, HOOP_Y_REQUIRED);
    (void)state;
    reads = 0;
    test_ok(hoop_loader_create(ds, &o, &err, &l)); /* waits at the end for a seek */
    test_failed(hoop_loader_next_step(l, &err, NULL), &err, HOOP_ESTATE, "step 9", NULL);
    hoop_loader_destroy(&l);
    assert_int_equal(reads, 0);
    memset(&err, 0, sizeof err);
    o.end_step = 10;
    test_ok(hoop_loader_create(ds, &o, &err, &l));
    test_ok(hoop_loader_next_step(l, &err, &s));
    assert_int_equal(s.step, 9);
    hoop_loader_destroy(&l);
    o.first_step = -1;
    test_failed(hoop_loader_create(ds, &o, &err, &l), &err, HOOP_EARG, "first_step", NULL);
    /* a step under way ends with the chunk being read, when the loader is sent elsewhere or ends */
    for (int end = 0; end < 2; end++) {
        memset(&err, 0, sizeof err);
        o.first_step = 0;
        o.end_step   = 1;
        held         = true;
        inside       = false;
        reads        = 0;
        test_ok(hoop_loader_create(ds, &o, &err, &l));
        (void)pthread_mutex_lock(&reading);
        while (!inside) (void)pthread_cond_wait(&changed, &reading);
        (void)pthread_mutex_unlock(&reading);
        if (end == 0) test_ok(hoop_loader_seek(l, 1, &err));
        (void)pthread_mutex_lock(&reading);
        held = false;
        (void)pthread_cond_broadcast(&changed);
        (void)pthread_mutex_unlock(&reading);
        hoop_loader_destroy(&l);
        if (end == 0) assert_in_range(reads, 1, 3); /* of the block: its chunks side by side */
    }
    hoop_dataset_close(&ds);
}

/* Sample i is drawn as often as its weight says, none of weight 0, and the ranks together draw what one does. */
static void drawn_by_weight(void **state)
{
    enum { EPOCHS = 200 };
    double        sum[N], all = 0;
    int           count[N] = {0};
    int64_t       alone[BATCH];
    hoop_error    err = {0};
    hoop_dataset *ds  = open_set("mapped.h5");
    (void)state;
    for (int i = 0; i < N; i++) sum[i] = all += i % 4; /* the first and every fourth: 0 */
    for (int size = 1; size <= 3; size += 2)
        for (int rank = 0; rank < size; rank++) {
            const hoop_loader_opts o = {
                .batch = BATCH, .leaves = 4, .rank = rank, .size = size, .seed = 5, .drawn = sum, .as = {HOOP_F32, HOOP_I64}};
            hoop_loader *l;
            test_ok(hoop_loader_create(ds, &o, &err, &l));
            for (int64_t step = 0; step < (size == 1 ? EPOCHS : 1) * hoop_loader_steps_per_epoch(l); step++) {
                hoop_loader_leaf f;
                test_ok(hoop_loader_next_step(l, &err, NULL));
                while (hoop_loader_next_leaf(l, &f))
                    for (int64_t i = 0; i < f.n; i++) {
                        if (step == 0 && size == 1) alone[f.first + i] = f.sample[i];
                        if (step == 0) assert_int_equal(f.sample[i], alone[f.first + i]);
                        assert_int_equal(((const int64_t *)f.field[1].data)[i], 1000 + f.sample[i]);
                        if (size == 1) count[f.sample[i]]++;
                    }
            }
            hoop_loader_destroy(&l);
        }
    for (int i = 0; i < N; i++) {
        const double want = EPOCHS * N * (i % 4) / all;
        assert_true(i % 4 == 0 ? count[i] == 0 : (count[i] - want) * (count[i] - want) < 25 * want);
    }
    hoop_dataset_close(&ds);
}

static void bad_options(void **state)
{
    hoop_dataset *ds = open_set("mapped.h5");
    hoop_loader  *l;
    static const struct {
        hoop_loader_opts o;
        hoop_status      want;
        const char      *word;
    } cases[] = {
        {{.batch = 0, .leaves = 1, .size = 1}, HOOP_ECONFIG, "batch"},
        {{.batch = 1, .leaves = 0, .size = 1}, HOOP_ECONFIG, "leaves"},
        {{.batch = 1, .leaves = 3, .size = 4}, HOOP_ECONFIG, "4 or more"},
        {{.batch = 1, .leaves = 3, .size = 2, .rank = 2}, HOOP_EARG, "rank 2"},
        {{.batch = INT64_MAX / 2, .leaves = 4, .size = 1}, HOOP_ESIZE, "overflows"},
        {{.batch = 8, .leaves = 4, .size = 1, .prefetch = -1}, HOOP_ECONFIG, "prefetch"},
        {{.batch = 8, .leaves = 4, .size = 1, .as = {HOOP_I64}}, HOOP_EDTYPE, "/x"},
        {{.batch = 8, .leaves = 4, .size = 1, .as = {HOOP_F32, HOOP_U8}}, HOOP_EDTYPE, "/y"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hoop_error err = {0};
        test_failed(hoop_loader_create(ds, &cases[i].o, &err, &l), &err, cases[i].want, cases[i].word, NULL);
        assert_null(l);
    }
    hoop_dataset_close(&ds);
}

static void leaves_are_shared_out(void **state)
{
    (void)state;
    for (int64_t v = 1; v < 70; v++)
        for (int64_t p = 1; p <= v; p++) {
            int64_t next = 0, first;
            for (int64_t r = 0; r < p; r++) {
                const int64_t n = hoop_leaf_range(v, r, p, &first);
                assert_int_equal(first, next);
                assert_true(n >= v / p && n <= v / p + 1);
                next += n;
            }
            assert_int_equal(next, v);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_for_any_number_of_ranks),
        cmocka_unit_test(in_stored_order_without_shuffle),
        cmocka_unit_test(seek_goes_anywhere),
        cmocka_unit_test(ends_at_any_moment),
        cmocka_unit_test(end_step_is_the_end),
        cmocka_unit_test(errors_of_the_thread_arrive),
        cmocka_unit_test(damaged_data_is_not_trained_on),
        cmocka_unit_test(chunks_are_read_once),
        cmocka_unit_test(what_is_not_wanted_is_not_read),
        cmocka_unit_test(drawn_by_weight),
        cmocka_unit_test(bad_options),
        cmocka_unit_test(leaves_are_shared_out),
    };
    return cmocka_run_group_tests(tests, make_set, test_leave);
}
