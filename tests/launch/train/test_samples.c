/* Windows of a series and rows of variable length in a trainer: each sample once, on any number of ranks, also where a run goes
 * on in the middle. */
#include "plan.h"

#include <hdf5.h>
#include <stdatomic.h>

enum { SERIES = 83, WINDOW = 6, STRIDE = 2, HORIZON = 3, TEXTS = 50, MOST = 128, EPOCHS = 3 };
/* the last window that has its target: rows i*STRIDE to i*STRIDE + 5, and 3 after that */
enum { WINDOWS = (SERIES - WINDOW - HORIZON) / STRIDE + 1 };

static void put(hid_t file, const char *name, hid_t stored, hsize_t n, const double *values)
{
    const hid_t space = H5Screate_simple(1, &n, NULL),
                set   = H5Dcreate2(file, name, stored, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    assert_true(H5Dclose(set) >= 0 && H5Sclose(space) >= 0);
}

static int64_t text_length(int64_t i)
{
    return 1 + i * 5 % 9;
}

/* series.h5: /s, row i of which is i; texts.h5: /text, whose sample i is i, i, ..., /at where each begins, /label i % 3 */
static int enter(void **state)
{
    static double s[SERIES], text[TEXTS * 9], at[TEXTS + 1], label[TEXTS];
    hid_t         file;
    hsize_t       n = 0;
    if (enter_folder(state) != 0) return -1;
    for (int i = 0; i < SERIES; i++) s[i] = i;
    file = H5Fcreate("series.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    put(file, "/s", H5T_IEEE_F32LE, SERIES, s);
    assert_true(H5Fclose(file) >= 0);
    for (int64_t i = 0; i < TEXTS; i++) {
        at[i]    = (double)n;
        label[i] = (double)(i % 3);
        for (int64_t j = 0; j < text_length(i); j++) text[n++] = (double)i;
    }
    at[TEXTS] = (double)n;
    file      = H5Fcreate("texts.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    put(file, "/text", H5T_STD_I32LE, n, text);
    put(file, "/at", H5T_STD_I64LE, TEXTS + 1, at);
    put(file, "/label", H5T_STD_U8LE, TEXTS, label);
    assert_true(H5Fclose(file) >= 0);
    return 0;
}

/* What ranks saw; texts: or windows. */
typedef struct seen {
    bool       texts;
    int64_t    stop; /* after this step a checkpoint is written and the run ends; 0: it does not */
    atomic_int count[EPOCHS][MOST];
} seen;

/* Rows of windows: i*STRIDE and on; the target is the row HORIZON after the last. */
static void look_at_windows(seen *s, int64_t epoch, hoop_leaf *leaf)
{
    const hoop_tensor *x = hoop_leaf_input(leaf, 0), *y = hoop_leaf_find(leaf, "next");
    const float       *a = hoop_tensor_data(x), *b = hoop_tensor_data(y);
    assert_ptr_equal(hoop_leaf_find(leaf, "past"), x);
    assert_ptr_equal(hoop_leaf_target(leaf, 0), y);
    assert_null(hoop_leaf_lengths(leaf, "past"));
    assert_int_equal(hoop_tensor_size(x, 1), WINDOW);
    for (int64_t i = 0; i < hoop_tensor_size(x, 0); i++, a += WINDOW, b++) {
        for (int j = 0; j < WINDOW; j++) assert_true(a[j] == a[0] + (float)j);
        assert_true(*b == a[0] + WINDOW - 1 + HORIZON);
        assert_int_equal((int64_t)a[0] % STRIDE, 0);
        (void)atomic_fetch_add(&s->count[epoch][(int64_t)a[0] / STRIDE], 1);
    }
}

/* Text i is i, as often as it is long; then nothing but padding, up to the longest of the leaf. */
static void look_at_texts(seen *s, int64_t epoch, hoop_leaf *leaf)
{
    const hoop_tensor *x    = hoop_leaf_input(leaf, 0);
    const int64_t     *text = hoop_tensor_data(x), *length = hoop_tensor_data(hoop_leaf_lengths(leaf, "text"));
    int64_t            longest = 0;
    for (int64_t i = 0; i < hoop_tensor_size(x, 0); i++, text += hoop_tensor_size(x, 1)) {
        assert_int_equal(length[i], text_length(text[0]));
        for (int64_t j = 0; j < hoop_tensor_size(x, 1); j++) assert_int_equal(text[j], j < length[i] ? text[0] : 0);
        if (length[i] > longest) longest = length[i];
        (void)atomic_fetch_add(&s->count[epoch][text[0]], 1);
    }
    assert_int_equal(hoop_tensor_size(x, 1), longest);
}

static hoop_status drive(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    seen       *s = p->ctx;
    hoop_leaf  *leaf;
    hoop_status st = HOOP_OK;
    (void)rank;
    while (st == HOOP_OK && hoop_trainer_next_step(tr)) {
        const int64_t epoch = hoop_trainer_about(tr)->epoch;
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) {
            if (s->texts)
                look_at_texts(s, epoch, leaf);
            else
                look_at_windows(s, epoch, leaf);
            hoop_trainer_backward(tr, hoop_trainer_loss(tr, leaf));
        }
        HOOP_TRY(st, done, hoop_trainer_update(tr, err));
        if (hoop_trainer_about(tr)->step != s->stop) continue;
        HOOP_TRY(st, done, hoop_trainer_save(tr, err));
        return hoop_trainer_finish(tr, err);
    }
done:
    return st;
}

static void each_once(const seen *s, int64_t samples)
{
    for (int e = 0; e < EPOCHS; e++)
        for (int64_t i = 0; i < MOST; i++)
            if (s->count[e][i] != (i < samples ? 1 : 0))
                fail_msg("epoch %d: sample %lld was seen %d times", e, (long long)i, (int)s->count[e][i]);
}

/* On 1, 2 and 3 ranks, and from step `middle` on on as many: each sample once an epoch, and the same weights. */
static void check(const char *config, bool texts, int64_t samples, int64_t middle)
{
    static plan whole[4], half, rest;
    for (int p = 1; p <= 3; p++) {
        seen all = {.texts = texts}, parts = {.texts = texts, .stop = middle};
        char dir[32];
        whole[p].config[0] = half.config[0] = rest.config[0] = config;
        whole[p].drive = half.drive = rest.drive = drive;
        whole[p].ctx                             = &all;
        half.ctx = rest.ctx = &parts;
        plan_run(&whole[p], p);
        plan_good(&whole[p]);
        each_once(&all, samples);
        if (p > 1) plan_same(&whole[1], &whole[p]);
        (void)snprintf(dir, sizeof dir, "%s-%d", texts ? "texts" : "windows", p);
        half.opts.run_dir = dir;
        plan_run(&half, p);
        plan_good(&half);
        parts.stop       = 0;
        rest.opts.resume = dir;
        plan_run(&rest, 4 - p);
        each_once(&parts, samples);
        plan_same(&whole[p], &rest);
        plan_clear(&half);
        plan_clear(&rest);
    }
    for (int p = 1; p <= 3; p++) plan_clear(&whole[p]);
}

static void windows_come_once(void **state)
{
    static const char config[] =
        "seed: 4\nbatch: 9\nleaves: 4\nepochs: 3\nloss: mse\nthreads: 1\nmodel: {kind: mlp, hidden: [8], activation: tanh}\n"
        "optimizer: {lr: 1e-3}\n"
        "data: {train: series.h5, normalize_targets: none, inputs: {past: {path: /s, window: 6, stride: 2}}, "
        "targets: {next: {path: /s, horizon: 3}}}\n";
    (void)state;
    check(config, false, WINDOWS, 7);
}

static void texts_come_once(void **state)
{
    static const char config[] =
        "seed: 5\nbatch: 8\nleaves: 4\nepochs: 3\nthreads: 1\n"
        "model: {layers: [{embedding: {rows: 50, width: 6}}, {linear: 50}]}\n"
        "data: {train: texts.h5, inputs: {text: {path: /text, offsets: /at}}, targets: {again: {path: /text, offsets: /at}}}\n";
    (void)state;
    check(config, true, TEXTS, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_come_once),
        cmocka_unit_test(texts_come_once),
    };
    return cmocka_run_group_tests_name("trainer samples", tests, enter, leave_folder);
}
