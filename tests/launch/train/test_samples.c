/* Windows of a series and rows of variable length in a trainer: each sample once, on any number of ranks, also where a run goes
 * on in the middle. */
#include "plan.h"
#include "../../datasets.h"

#include "hoop/trained.h"

#include <stdatomic.h>

enum { SERIES = 83, WINDOW = 6, STRIDE = 2, HORIZON = 3, TEXTS = 50, MOST = 128, EPOCHS = 3 };
/* the last window that has its target: rows i*STRIDE to i*STRIDE + 5, and 3 after that */
enum { WINDOWS = (SERIES - WINDOW - HORIZON) / STRIDE + 1 };

static int64_t text_length(int64_t i)
{
    return 1 + i * 5 % 9;
}

/* series.h5: /s, row i of which is i; texts.h5: /text, whose sample i is i, i, ..., /at where each begins, /label i % 3, and the
 * same as /number (N, 1) */
static int enter(void **state)
{
    static double s[SERIES], text[TEXTS * 9], at[TEXTS + 1], label[TEXTS], value[TEXTS * 9 * 2];
    hid_t         file;
    hsize_t       n = 0;
    if (enter_folder(state) != 0) return -1;
    for (int i = 0; i < SERIES; i++) s[i] = i;
    file = H5Fcreate("series.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    put_as(file, "/s", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 1, (hsize_t[]){SERIES}, s);
    assert_true(H5Fclose(file) >= 0);
    for (int64_t i = 0; i < TEXTS; i++) {
        at[i]    = (double)n;
        label[i] = (double)(i % 3);
        for (int64_t j = 0; j < text_length(i); j++) text[n++] = (double)i;
    }
    at[TEXTS] = (double)n;
    for (hsize_t i = 0; i < 2 * n; i++) value[i] = (double)(i % 5) / 5;
    file = H5Fcreate("texts.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    put_as(file, "/text", H5T_STD_I32LE, H5T_NATIVE_DOUBLE, 1, (hsize_t[]){n}, text);
    put_as(file, "/at", H5T_STD_I64LE, H5T_NATIVE_DOUBLE, 1, (hsize_t[]){TEXTS + 1}, at);
    put_as(file, "/label", H5T_STD_U8LE, H5T_NATIVE_DOUBLE, 1, (hsize_t[]){TEXTS}, label);
    put_as(file, "/number", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 2, (hsize_t[]){TEXTS, 1}, label);
    put_as(file, "/value", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 2, (hsize_t[]){n, 2}, value);
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
    static plan whole[4], half, rest, run;
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
        run.config[0] = config; /* without looking at leaves, which run together then */
        plan_run(&run, p);
        plan_same(&whole[1], &run);
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
        plan_clear(&run);
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

/* ---- rows padded to one length ---- */

enum { LENGTH = 9, LABELS = 3 };

/* The outputs for all texts at once are those for each by itself. */
static hoop_status predict_texts(hoop_trainer *tr, hoop_error *err)
{
    static int64_t text[TEXTS][LENGTH];
    static float   again[TEXTS][LENGTH][TEXTS], label[TEXTS][LABELS], one_again[LENGTH][TEXTS], one_label[LABELS];
    hoop_status    st;
    for (int64_t i = 0; i < TEXTS; i++)
        for (int64_t j = 0; j < text_length(i); j++) text[i][j] = i;
    HOOP_TRY(st, done, hoop_trainer_predict_fields(tr, (const void *const[]){text}, TEXTS, (void *const[]){again, label}, err));
    for (int i = 0; i < TEXTS; i++) {
        HOOP_TRY(st, done,
                 hoop_trainer_predict_fields(tr, (const void *const[]){text[i]}, 1, (void *const[]){one_again, one_label}, err));
        assert_memory_equal(one_again, again[i], sizeof one_again);
        assert_memory_equal(one_label, label[i], sizeof one_label);
    }
done:
    return st;
}

/* Of the same data, opened without a length: rows of another. */
static hoop_status refuse_unpadded(hoop_trainer *tr, hoop_error *err)
{
    const hoop_field_opts   fields[] = {{.name = "text", .path = "/text", .offsets = "/at"},
                                        {.name = "again", .path = "/text", .role = HOOP_TARGET, .offsets = "/at"},
                                        {.name = "label", .path = "/label", .role = HOOP_TARGET}};
    const hoop_dataset_opts how      = {.fields = fields, .nfields = 3};
    hoop_error              e        = {.status = HOOP_OK};
    hoop_dataset           *ds;
    hoop_status             st = hoop_dataset_open("texts.h5", &how, err, &ds);
    if (st != HOOP_OK) return st;
    assert_int_equal(hoop_trainer_evaluate(tr, ds, &e, NULL), HOOP_ESHAPE);
    assert_non_null(strstr(e.text, "its rows of text are not of the shape this trainer was made for"));
    hoop_dataset_close(&ds);
    return HOOP_OK;
}

/* What the trainer says of its validation data its checkpoint says, too. */
static hoop_status train_and_look_back(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    const hoop_trained_opts how     = {.targets = true};
    hoop_trained           *trained = NULL;
    hoop_metrics_sums       a, b;
    hoop_status             st;
    (void)rank;
    HOOP_TRY(st, done, hoop_trainer_run(tr, NULL, 0, err));
    HOOP_TRY(st, done, hoop_trainer_save(tr, err));
    HOOP_TRY(st, done, hoop_trainer_finish(tr, err));
    HOOP_TRY(st, done, hoop_trainer_evaluate(tr, NULL, err, &a));
    HOOP_TRY(st, done, hoop_trained_read(p->opts.run_dir, NULL, 0, err, &trained));
    HOOP_TRY(st, done, hoop_trained_open(trained, hoop_trainer_comm(tr), &how, err));
    HOOP_TRY(st, done, hoop_trained_evaluate(trained, err, &b));
    assert_true(a.loss == b.loss && a.weight == b.weight);
    for (int k = 0; k < 2; k++) assert_true(a.target[k].loss == b.target[k].loss && a.target[k].weight == b.target[k].weight);
    HOOP_TRY(st, done, predict_texts(tr, err));
    st = refuse_unpadded(tr, err);
done:
    hoop_trained_close(&trained);
    return st;
}

static void padded_to_one_length(void **state)
{
    plan p = {
        .config = {"seed: 6\nbatch: 8\nleaves: 4\nsteps: 5\nthreads: 1\n"
                   "model: {layers: [{embedding: {rows: 50, width: 6}}, {parallel: {branches: {again: [{linear: 50}], label: "
                   "[flatten, {linear: 3}]}}}]}\n"
                   "data: {train: texts.h5, validation: texts.h5, inputs: {text: {path: /text, offsets: /at, length: 9}}, "
                   "targets: {again: {path: /text, offsets: /at, length: 9}, label: /label}}\n"},
        .opts   = {.run_dir = "padded"},
        .drive  = train_and_look_back};
    (void)state;
    plan_run(&p, 1);
    plan_good(&p);
    plan_clear(&p);
}

/* Rows that are looked up beside others that are normalised; and no outputs for rows of which nobody said how long they are. */
static hoop_status train_then_predict(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_error  e  = {.status = HOOP_OK};
    hoop_status st = hoop_trainer_run(tr, NULL, 0, err);
    (void)p, (void)rank;
    if (st != HOOP_OK) return st;
    assert_int_equal(
        hoop_trainer_predict_fields(tr, (const void *const[]){&(int64_t){1}, &(float){1}}, 1, (void *const[]){&(float){0}}, &e),
        HOOP_ESHAPE);
    assert_non_null(strstr(e.text, "hoop_trainer_predict_fields: rows of text vary in length; one for all is wanted"));
    return HOOP_OK;
}

/* Values have no label that says "nothing": what they are padded with is left out all the same. */
static hoop_status train_on_values(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    int64_t           all = 0;
    hoop_metrics_sums sums;
    hoop_status       st;
    (void)p, (void)rank;
    for (int64_t i = 0; i < TEXTS; i++) all += text_length(i);
    HOOP_TRY(st, done, hoop_trainer_run(tr, NULL, 0, err));
    HOOP_TRY(st, done, hoop_trainer_evaluate(tr, NULL, err, &sums));
    assert_true(sums.weight == (double)(2 * all) && sums.samples == TEXTS);
done:
    return st;
}

static void values_are_not_padded(void **state)
{
    plan one  = {.config = {"seed: 6\nbatch: 8\nleaves: 4\nepochs: 2\nthreads: 1\nloss: mse\n"
                             "model: {layers: [{embedding: {rows: 50, width: 6}}, {linear: 2}]}\n"
                             "data: {train: texts.h5, validation: texts.h5, inputs: {text: {path: /text, offsets: /at}}, "
                             "targets: {value: {path: /value, offsets: /at}}}\n"},
                 .drive  = train_on_values},
         many = one;
    (void)state;
    plan_run(&one, 1);
    plan_good(&one);
    plan_run(&many, 3);
    plan_same(&many, &one);
    plan_clear(&one);
    plan_clear(&many);
}

static void looked_up_beside_normalised(void **state)
{
    plan p = {.config = {"seed: 6\nbatch: 8\nleaves: 4\nsteps: 5\nthreads: 1\n"
                         "model: {layers: [{parallel: {inputs: each, branches: {a: [{embedding: {rows: 50, width: 6}}, {linear: "
                         "50}], b: [{linear: 3}]}}}]}\n"
                         "data: {train: texts.h5, inputs: {text: {path: /text, offsets: /at}, number: {path: /number, normalize: "
                         "standard}}, targets: {again: {path: /text, offsets: /at}, label: /label}}\n"},
              .drive  = train_then_predict};
    (void)state;
    plan_run(&p, 2);
    plan_good(&p);
    plan_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padded_to_one_length),  cmocka_unit_test(looked_up_beside_normalised),
        cmocka_unit_test(values_are_not_padded), cmocka_unit_test(windows_come_once),
        cmocka_unit_test(texts_come_once),
    };
    return cmocka_run_group_tests_name("trainer samples", tests, enter, leave_folder);
}
