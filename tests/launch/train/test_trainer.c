/* The trainer as a library, a rank a thread: the same bits, errors that reach all ranks and hang none, observers, evaluation,
 * prediction, checkpoints, the caller's own arrays and the caller's own model. */
#include "plan.h"

#include <fenv.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hoop/checkpoint.h"
#include "hoop/loader.h"
#include "hoop/ops.h"

#define SMALL                                                                                                                    \
    "seed: 7\n"                                                                                                                  \
    "batch: 42\n"                                                                                                                \
    "leaves: 12\n"                                                                                                               \
    "threads: 1\n"                                                                                                               \
    "loss: cross_entropy\n"                                                                                                      \
    "optimizer: {name: adamw, lr: 2e-3, weight_decay: 0.01}\n"                                                                   \
    "clip_norm: 0.5\n"
#define MODEL "model: {kind: mlp, hidden: [20, 12], dropout: 0.25}\n"
#define DATA "data: {train: digits/train, validation: digits/validation}\n"
#define BUCKETS "dist: {bucket_mb: 0.02}\n"

static const int sizes[] = {1, 2, 3, 4, 7};
enum { IMAGE = 28 * 28 };

/* How many of sizes to try: under a sanitizer, which slows twentyfold, those up to 3. */
static int nsizes(void)
{
    return getenv("HOOP_SANITIZE") == NULL ? 5 : 3;
}

/* ---- the same bits ---- */

static void same_on(const char *config, const hoop_algorithm *algorithms, int n)
{
    plan one = {.config = {config}}, many = {.config = {config}};
    plan_run(&one, 1);
    plan_good(&one);
    for (int a = 0; a < n; a++) {
        many.comm.algorithm = algorithms[a];
        for (int i = 1; i < nsizes(); i++) {
            plan_run(&many, sizes[i]);
            plan_same(&many, &one);
            assert_true(many.rank[0].about.last.loss == one.rank[0].about.last.loss);
            assert_true(many.rank[0].metric == one.rank[0].metric);
            assert_true(many.rank[0].about.grad_norm == one.rank[0].about.grad_norm || isnan(one.rank[0].about.grad_norm));
        }
    }
    plan_clear(&one);
    plan_clear(&many);
}

static void the_same_bits(void **state)
{
    static const hoop_algorithm all[] = {HOOP_ALGORITHM_AUTO, HOOP_ALGORITHM_RING, HOOP_ALGORITHM_EXCHANGE, HOOP_ALGORITHM_BRUCK};
    (void)state;
    same_on(SMALL MODEL DATA BUCKETS "steps: 20\n", all, 4);
}

static void the_same_bits_in_double(void **state)
{
    static const hoop_algorithm ring[] = {HOOP_ALGORITHM_RING};
    (void)state;
    same_on(SMALL MODEL DATA "precision: f64\nsteps: 8\n", ring, 1);
}

static void the_same_bits_with_statistics_and_momentum(void **state)
{
    static const hoop_algorithm any[] = {HOOP_ALGORITHM_AUTO};
    (void)state;
    same_on("batch: 42\nleaves: 7\nthreads: 1\noptimizer: {name: sgd, lr: 0.05, momentum: 0.9}\nepochs: 2\n"
            "data: {train: digits/train, normalize: standard, prefetch: 0}\n" MODEL BUCKETS,
            any, 1);
}

static void fast_is_repeatable(void **state)
{
    const char *config                 = SMALL MODEL DATA "dist: {bucket_mb: 0.02, reduce: fast}\nsteps: 15\n";
    plan                             a = {.config = {config}}, b = {.config = {config}};
    (void)state;
    for (int i = 0; i < nsizes(); i++) {
        a.comm.algorithm = b.comm.algorithm = HOOP_ALGORITHM_RING;
        plan_run(&a, sizes[i]);
        plan_run(&b, sizes[i]);
        plan_same(&a, &b);
    }
    plan_clear(&a);
    plan_clear(&b);
}

/* ---- arrays of the caller ---- */

typedef struct arrays {
    float   *x;
    int64_t *y;             /* all rows, in order */
    int64_t  rows, bad_row; /* of which the label is wrong; -1: none */
    int      bad_rank;      /* -1: any */
} arrays;

static void arrays_read(arrays *a)
{
    hoop_dataset *ds = NULL;
    int64_t      *index;
    assert_ok(hoop_dataset_open("digits/train", NULL, &err, &ds));
    a->rows = hoop_dataset_about(ds)->length;
    a->x    = malloc((size_t)(a->rows * IMAGE) * sizeof *a->x);
    a->y    = malloc((size_t)a->rows * sizeof *a->y);
    index   = malloc((size_t)a->rows * sizeof *index);
    assert_true(a->x != NULL && a->y != NULL && index != NULL);
    for (int64_t i = 0; i < a->rows; i++) index[i] = i;
    assert_ok(hoop_dataset_read(ds, index, a->rows, HOOP_FIELD_X, HOOP_F32, a->x, &err));
    assert_ok(hoop_dataset_read(ds, index, a->rows, HOOP_FIELD_Y, HOOP_I64, a->y, &err));
    a->bad_row  = -1;
    a->bad_rank = -1;
    free(index);
    hoop_dataset_close(&ds);
}

static void arrays_free(arrays *a)
{
    free(a->x);
    free(a->y);
}

/* 5 steps of 48 over 240 rows, and again */
static hoop_status feed(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    const arrays *a = p->ctx;
    int64_t       first, n = hoop_trainer_share(tr, &first), *y = malloc((size_t)(n + 1) * sizeof *y);
    hoop_status   st = y == NULL ? hoop_fail(err, HOOP_ENOMEM, "no memory") : HOOP_OK;
    while (st == HOOP_OK && hoop_trainer_about(tr)->step < hoop_trainer_about(tr)->steps) {
        int64_t at = hoop_trainer_about(tr)->step % 5 * 48 + first;
        memcpy(y, a->y + at, (size_t)n * sizeof *y);
        if (a->bad_row >= at && a->bad_row < at + n && (a->bad_rank < 0 || a->bad_rank == rank)) y[a->bad_row - at] = 10;
        st = hoop_trainer_step(tr, a->x + at * IMAGE, y, err);
    }
    free(y);
    return st;
}

static const hoop_trainer_opts image_arrays = {.arrays = true, .input_ndim = 2, .input_shape = {28, 28}, .classes = 10};

/* The caller's arrays and the loader's rows, in the same order, are the same training. */
static void arrays_are_as_good_as_files(void **state)
{
    arrays a;
    plan   files = {
          .config = {"seed: 7\nbatch: 48\nleaves: 12\nthreads: 1\noptimizer: {lr: 2e-3, weight_decay: 0.01}\nclip_norm: 0.5\n" MODEL
                     "data: {train: digits/train, shuffle: false}\nsteps: 10\n"}};
    plan own = {
        .config = {"batch: 48\nseed: 7\nleaves: 12\nthreads: 1\noptimizer: {lr: 2e-3, weight_decay: 0.01}\nclip_norm: 0.5\n" MODEL
                       BUCKETS "steps: 10\n"},
        .opts   = image_arrays,
        .drive  = feed,
        .ctx    = &a};
    (void)state;
    arrays_read(&a);
    plan_run(&files, 1);
    for (int i = 0; i < nsizes(); i++) {
        plan_run(&own, sizes[i]);
        plan_same(&own, &files);
    }
    plan_clear(&files);
    plan_clear(&own);
    arrays_free(&a);
}

/* With plain SGD of rate 1 a step moves the weights by the clipped gradient of the mean loss: its norm is told, and kept to the
 * limit. */
typedef struct moved {
    double by[MOST_RANKS], told[MOST_RANKS], loss[MOST_RANKS];
} moved;

static hoop_status one_step(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    moved       *m      = p->ctx;
    hoop_params *params = hoop_trainer_params(tr);
    int64_t      n      = hoop_params_nblocks(params) * HOOP_BLOCK;
    const float *now    = hoop_params_data(params);
    float       *before = malloc((size_t)n * sizeof *before);
    double       sum    = 0;
    hoop_status  st;
    if (before == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory");
    memcpy(before, now, (size_t)n * sizeof *before);
    st = hoop_trainer_run(tr, NULL, 0, err);
    for (int64_t i = 0; i < n; i++) sum += ((double)now[i] - before[i]) * ((double)now[i] - before[i]);
    m->by[rank]   = sqrt(sum);
    m->told[rank] = hoop_trainer_about(tr)->grad_norm;
    m->loss[rank] = hoop_trainer_about(tr)->last.loss / hoop_trainer_about(tr)->last.weight;
    free(before);
    return st;
}

static void clipping_by_the_norm(void **state)
{
    static const char *const config[] = {
        "batch: 60\nleaves: 4\nthreads: 1\nsteps: 1\nmodel: {hidden: [20]}\ndata: {train: digits/train}\n"
        "optimizer: {name: sgd, lr: 1}\nclip_norm: 1000\n",
        "batch: 60\nleaves: 4\nthreads: 1\nsteps: 1\nmodel: {hidden: [20]}\ndata: {train: digits/train}\n"
        "optimizer: {name: sgd, lr: 1}\nclip_norm: 0.01\n"};
    moved  m;
    double free_norm = 0;
    (void)state;
    for (int i = 0; i < 2; i++) {
        plan p = {.config = {config[i]}, .drive = one_step, .ctx = &m};
        plan_run(&p, 3);
        plan_good(&p);
        for (int r = 0; r < 3; r++) {
            assert_true(m.loss[r] > 2.0 && m.loss[r] < 2.8); /* about ln 10, before anything is learnt */
            if (i == 0) free_norm = m.told[0];
            assert_true(m.told[r] == free_norm && free_norm > 0.1 && free_norm < 10);
            assert_true(fabs(m.by[r] / (i == 0 ? free_norm : 0.01) - 1) < 1e-3);
        }
        plan_clear(&p);
    }
}

/* ---- failures ---- */

#define ARRAYS_48 "batch: 48\nleaves: 12\nthreads: 1\n" MODEL BUCKETS "steps: 10\n"

/* A label out of range in one rank's share, in step 2: its own error there, whose it is elsewhere, and the weights of step 2. */
static void a_rank_that_fails(void **state)
{
    arrays a;
    plan   good = {.config = {"batch: 48\nleaves: 12\nthreads: 1\n" MODEL BUCKETS "steps: 2\n"},
                   .opts   = image_arrays,
                   .drive  = feed,
                   .ctx    = &a};
    plan   p    = {.config = {ARRAYS_48}, .opts = image_arrays, .drive = feed, .ctx = &a};
    (void)state;
    arrays_read(&a);
    plan_run(&good, 1);
    plan_good(&good);
    for (int i = 0; i < nsizes(); i++) {
        const int size = sizes[i];
        for (int bad = 0; bad < size; bad++) {
            char words[32];
            (void)snprintf(words, sizeof words, "rank %d on host", bad);
            a.bad_rank = bad;
            a.bad_row  = 2 * 48 + 48 * (12 * bad / size) / 12 + 2;
            plan_run(&p, size);
            for (int r = 0; r < size; r++) {
                plan_failed(&p, r, r == bad ? HOOP_ERANGE : HOOP_EPEER, r == bad ? "10" : words);
                assert_int_equal(p.rank[r].about.step, 2);
                assert_memory_equal(p.rank[r].weights, good.rank[0].weights, (size_t)good.rank[0].bytes);
            }
        }
    }
    plan_clear(&good);
    plan_clear(&p);
    arrays_free(&a);
}

static hoop_status feed_wrong(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    static const int64_t wrong[48] = {[0 ... 47] = -7};
    const arrays        *a         = p->ctx;
    int64_t              first;
    hoop_status          st = hoop_trainer_step(tr, a->x, rank == 1 ? a->y : wrong, err);
    (void)hoop_trainer_share(tr, &first);
    if (hoop_trainer_next_step(tr)) return hoop_fail(NULL, HOOP_ESTATE, "goes on after a failure");
    return st;
}

static void two_ranks_fail_at_once(void **state)
{
    arrays a;
    plan   p = {.config = {ARRAYS_48}, .opts = image_arrays, .drive = feed_wrong, .ctx = &a};
    (void)state;
    arrays_read(&a);
    plan_run(&p, 3);
    plan_failed(&p, 0, HOOP_ERANGE, "-7");
    plan_failed(&p, 1, HOOP_EPEER, "rank 0 on host");
    plan_failed(&p, 2, HOOP_ERANGE, "-7");
    plan_clear(&p);
    arrays_free(&a);
}

/* Rank `*ctx` ends its leaves early, or fails by itself on the tape. */
static hoop_status leave_early(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    hoop_leaf  *leaf;
    while (st == HOOP_OK && hoop_trainer_next_step(tr)) {
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) {
            hoop_trainer_backward(tr, hoop_trainer_loss(tr, leaf));
            if (rank == *(const int *)p->ctx && hoop_trainer_about(tr)->step == 3) break;
        }
        st = hoop_trainer_update(tr, err);
    }
    return st;
}

static hoop_status fail_on_the_tape(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    hoop_leaf  *leaf;
    while (st == HOOP_OK && hoop_trainer_next_step(tr)) {
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) {
            if (rank == *(const int *)p->ctx) hoop_tape_fail(hoop_leaf_tape(leaf), HOOP_EARG, "the simulation went wrong");
            hoop_trainer_backward(tr, hoop_trainer_loss(tr, leaf));
        }
        st = hoop_trainer_update(tr, err);
    }
    return st;
}

/* Half the loss, whose weight the op has dropped; `*ctx`: and made a loss again. */
static hoop_status halve_the_loss(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    hoop_leaf  *leaf;
    (void)rank;
    while (st == HOOP_OK && hoop_trainer_next_step(tr)) {
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) {
            hoop_tape   *t    = hoop_leaf_tape(leaf);
            hoop_tensor *loss = hoop_trainer_loss(tr, leaf), *half = hoop_scale(t, loss, 0.5);
            hoop_trainer_backward(tr, *(const bool *)p->ctx ? hoop_loss(t, half, hoop_loss_weight(loss)) : half);
        }
        st = hoop_trainer_update(tr, err);
    }
    return st;
}

static void losses_without_a_weight(void **state)
{
    bool again = false;
    plan p     = {.config = {SMALL MODEL DATA "steps: 3\n"}, .drive = halve_the_loss, .ctx = &again};
    (void)state;
    plan_run(&p, 2);
    plan_failed(&p, 0, HOOP_EARG, "hoop_loss(");
    plan_clear(&p);
    again = true;
    plan_run(&p, 2);
    plan_good(&p);
    plan_clear(&p);
}

/* Rank `*ctx` calls backward `times` for one of its six leaves of step 2. */
static hoop_status backward_times(plan *p, hoop_trainer *tr, int rank, int times, int which, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    hoop_leaf  *leaf;
    while (st == HOOP_OK && hoop_trainer_next_step(tr)) {
        for (int i = 0; (leaf = hoop_trainer_next_leaf(tr)) != NULL; i++) {
            bool this = rank == *(const int *)p->ctx && hoop_trainer_about(tr)->step == 2 && i == which;
            for (int k = 0; k < (this ? times : 1); k++) hoop_trainer_backward(tr, hoop_trainer_loss(tr, leaf));
        }
        st = hoop_trainer_update(tr, err);
    }
    return st;
}

static hoop_status skip_first(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    return backward_times(p, tr, rank, 0, 0, err);
}

static hoop_status skip_last(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    return backward_times(p, tr, rank, 0, 5, err);
}

static hoop_status twice(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st = backward_times(p, tr, rank, 2, 5, err);
    hoop_error  e  = {.status = HOOP_OK};
    if (hoop_trainer_next_step(tr) || hoop_trainer_update(tr, &e) != HOOP_ESTATE) return HOOP_OK; /* and so fails the test */
    return st;
}

static void a_rank_that_misuses_the_loop(void **state)
{
    int  who = 1;
    plan p   = {.config = {SMALL MODEL DATA "steps: 6\n"}, .drive = leave_early, .ctx = &who};
    (void)state;
    plan_run(&p, 3);
    plan_failed(&p, 1, HOOP_ESTATE, "before the last leaf");
    plan_failed(&p, 0, HOOP_EPEER, "rank 1");
    plan_failed(&p, 2, HOOP_EPEER, "before the last leaf");
    for (int i = 0; i < 3; i++) {
        p.drive = i == 0 ? skip_first : i == 1 ? skip_last : twice;
        plan_run(&p, 2);
        plan_failed(&p, 1, HOOP_ESTATE, i < 2 ? "without hoop_trainer_backward" : "twice");
        plan_failed(&p, 0, HOOP_EPEER, "rank 1");
        assert_int_equal(p.rank[0].about.step, 2);
    }
    p.drive = fail_on_the_tape;
    for (who = 0; who < 3; who++) {
        plan_run(&p, 3);
        for (int r = 0; r < 3; r++) plan_failed(&p, r, r == who ? HOOP_EARG : HOOP_EPEER, "the simulation went wrong");
    }
    plan_clear(&p);
}

static void losses_that_are_not_finite(void **state)
{
    arrays a;
    plan   p = {.config = {ARRAYS_48}, .opts = image_arrays, .drive = feed, .ctx = &a};
    (void)state;
    arrays_read(&a);
    a.x[3 * IMAGE + 5] = NAN; /* in rank 0's share of step 0 */
    for (int i = 0; i < nsizes(); i++) {
        plan_run(&p, sizes[i]);
        for (int r = 0; r < sizes[i]; r++) {
            plan_failed(&p, r, HOOP_ENONFINITE, "step 0");
            assert_int_equal(p.rank[r].about.step, 0);
        }
    }
    plan_clear(&p);
    arrays_free(&a);
}

static void ranks_that_disagree(void **state)
{
    static const struct {
        const char *other, *a, *b;
    } cases[] = {
        {SMALL MODEL DATA "steps: 7\n", "steps: 6", "steps: 7"},
        {SMALL "model: {hidden: [20, 13], dropout: 0.25}\n" DATA "steps: 6\n", "12", "13"},
        {SMALL MODEL "data: {train: digits/validation, validation: digits/validation}\nsteps: 6\n", "digits/train",
         "digits/validation"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plan p = {.config = {SMALL MODEL DATA "steps: 6\n", NULL, cases[i].other}};
        plan_run(&p, 3);
        for (int r = 0; r < 3; r++) {
            plan_failed(&p, r, HOOP_EDESYNC, cases[i].a);
            plan_failed(&p, r, HOOP_EDESYNC, cases[i].b);
            plan_failed(&p, r, HOOP_EDESYNC, "rank 2");
            assert_false(p.rank[r].created);
        }
        plan_clear(&p);
    }
}

static void a_rank_that_cannot_begin(void **state)
{
    plan p = {.config = {SMALL MODEL DATA "steps: 6\n", SMALL MODEL DATA "steps: 6\nbatsh: 3\n"}};
    (void)state;
    plan_run(&p, 4);
    plan_failed(&p, 1, HOOP_ECONFIG, "batsh");
    for (int r = 0; r < 4; r++) {
        if (r != 1) plan_failed(&p, r, HOOP_EPEER, "batsh");
    }
    p.config[1] = NULL;
    p.config[0] = SMALL MODEL "data: {train: nowhere/train}\nsteps: 6\n";
    plan_run(&p, 3);
    for (int r = 0; r < 3; r++) plan_failed(&p, r, HOOP_EIO, "nowhere/train");
    p.config[0] = "batch: 42\nleaves: 2\nsteps: 1\n" MODEL DATA;
    plan_run(&p, 3);
    for (int r = 0; r < 3; r++) plan_failed(&p, r, HOOP_ECONFIG, "leaves: ");
    plan_clear(&p);
}

/* ---- observers ---- */

typedef struct calls {
    char        text[MOST_RANKS][400];
    int         fail_rank, stop_rank;
    int64_t     fail_step, stop_step;
    const char *fail_in;
} calls;

typedef struct listener {
    calls      *c;
    const char *name;
    int         rank;
} listener;

static hoop_status hear(void *ctx, hoop_trainer *tr, const char *what, hoop_error *err)
{
    listener *l    = ctx;
    char     *text = l->c->text[l->rank];
    size_t    used = strlen(text);
    int64_t   step = hoop_trainer_about(tr)->step;
    (void)snprintf(text + used, sizeof l->c->text[0] - used, "%s%s%lld ", l->name, what, (long long)step);
    if (l->rank == l->c->stop_rank && step == l->c->stop_step && strcmp(what, "s") == 0) hoop_trainer_stop(tr);
    if (l->rank == l->c->fail_rank && step == l->c->fail_step && strcmp(what, l->c->fail_in) == 0)
        return hoop_fail(err, HOOP_EIO, "the observer of %s could not write", what);
    return HOOP_OK;
}

static hoop_status hear_start(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    return hear(ctx, tr, "b", err);
}

static hoop_status hear_step(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    return hear(ctx, tr, "s", err);
}

static hoop_status hear_epoch(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    return hear(ctx, tr, "e", err);
}

static hoop_status hear_end(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    return hear(ctx, tr, "z", err);
}

static hoop_status listened(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    listener      one = {p->ctx, "", rank}, two = {p->ctx, "+", rank};
    hoop_observer observers[] = {{.ctx = &one, .start = hear_start, .step = hear_step, .epoch = hear_epoch, .end = hear_end},
                                 {.ctx = NULL},
                                 {.ctx = &two, .step = hear_step, .epoch = hear_epoch}};
    return hoop_trainer_run(tr, observers, 3, err);
}

#define SHORT "batch: 120\nleaves: 7\nthreads: 1\nmodel: {hidden: [8]}\ndata: {train: digits/train}\n"

static void observers_hear_all(void **state)
{
    calls c = {.fail_rank = -1, .stop_rank = -1};
    plan  p = {.config = {SHORT "steps: 5\n"}, .drive = listened, .ctx = &c};
    (void)state;
    for (int i = 0; i < nsizes(); i++) {
        memset(c.text, 0, sizeof c.text);
        plan_run(&p, sizes[i]);
        plan_good(&p);
        for (int r = 0; r < sizes[i]; r++)
            assert_string_equal(c.text[r], "b0 s1 +s1 s2 +s2 e2 +e2 s3 +s3 s4 +s4 e4 +e4 s5 +s5 z5 ");
    }
    /* one rank asks to stop in step 2: all stop after the step in which they heard of it */
    for (int r = 0; r < 3; r++) {
        memset(c.text, 0, sizeof c.text);
        c.stop_rank = r;
        c.stop_step = 2;
        plan_run(&p, 3);
        plan_good(&p);
        for (int i = 0; i < 3; i++) {
            assert_string_equal(c.text[i], "b0 s1 +s1 s2 +s2 e2 +e2 s3 +s3 z3 ");
            assert_true(p.rank[i].about.stopped);
        }
    }
    plan_clear(&p);
}

static void an_observer_fails_on_one_rank(void **state)
{
    static const struct {
        const char *in;
        int64_t     step, ends;
    } cases[] = {{"b", 0, 0}, {"s", 1, 1}, {"s", 3, 3}, {"e", 2, 2}, {"s", 5, 5}, {"z", 5, 5}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int bad = 0; bad < 3; bad++) {
            calls c = {.fail_rank = bad, .stop_rank = -1, .fail_step = cases[i].step, .fail_in = cases[i].in};
            plan  p = {.config = {SHORT "steps: 5\n"}, .drive = listened, .ctx = &c};
            plan_run(&p, 3);
            for (int r = 0; r < 3; r++) {
                plan_failed(&p, r, r == bad ? HOOP_EIO : HOOP_EPEER, "could not write");
                assert_int_equal(p.rank[r].about.step, cases[i].ends);
            }
            plan_clear(&p);
        }
    }
}

/* ---- evaluation and prediction ---- */

typedef struct looked {
    hoop_metrics_sums sums[MOST_RANKS];
    double            correct[MOST_RANKS], counted[MOST_RANKS];
    double            right[MOST_RANKS]; /* counted from predictions */
    float             out[MOST_RANKS][60 * 10];
} looked;

static hoop_status look(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    looked       *l  = p->ctx;
    hoop_dataset *ds = NULL;
    float        *x  = malloc(60 * IMAGE * sizeof *x);
    int64_t       y[60], index[60];
    hoop_status   st = x == NULL ? hoop_fail(err, HOOP_ENOMEM, "no memory") : HOOP_OK;
    for (int i = 0; i < 60; i++) index[i] = i;
    if (st != HOOP_OK) goto done;
    HOOP_TRY(st, done, hoop_trainer_run(tr, NULL, 0, err));
    HOOP_TRY(st, done, hoop_trainer_evaluate(tr, NULL, err, &l->sums[rank]));
    l->correct[rank] = l->sums[rank].target[0].metric[0].sum[0];
    l->counted[rank] = l->sums[rank].target[0].metric[0].sum[1];
    HOOP_TRY(st, done, hoop_dataset_open("digits/validation", NULL, err, &ds));
    HOOP_TRY(st, done, hoop_dataset_read(ds, index, 60, HOOP_FIELD_X, HOOP_F32, x, err));
    HOOP_TRY(st, done, hoop_dataset_read(ds, index, 60, HOOP_FIELD_Y, HOOP_I64, y, err));
    HOOP_TRY(st, done, hoop_trainer_predict(tr, x, 0, l->out[rank], err));
    HOOP_TRY(st, done, hoop_trainer_predict(tr, x, 17, l->out[rank], err)); /* in pieces that no chunk divides */
    HOOP_TRY(st, done, hoop_trainer_predict(tr, x + 17 * IMAGE, 43, l->out[rank] + 17 * 10, err));
    l->right[rank] = 0;
    for (int i = 0; i < 60; i++) {
        int best = 0;
        for (int c = 1; c < 10; c++) best = l->out[rank][10 * i + c] > l->out[rank][10 * i + best] ? c : best;
        l->right[rank] += best == y[i];
    }
done:
    hoop_dataset_close(&ds);
    free(x);
    return st;
}

static void evaluation_and_prediction(void **state)
{
    static looked one, many; /* large */
    plan          a = {.config = {SMALL MODEL DATA "steps: 30\n"}, .drive = look, .ctx = &one};
    plan          b = a;
    (void)state;
    b.ctx = &many;
    plan_run(&a, 1);
    plan_good(&a);
    assert_int_equal(one.sums[0].samples, 60);
    assert_true(one.sums[0].weight == 60 && one.counted[0] == 60);
    assert_true(one.correct[0] == one.right[0]);
    assert_true(one.right[0] > 12); /* it has learnt something */
    for (int i = 1; i < nsizes(); i++) {
        plan_run(&b, sizes[i]);
        plan_same(&b, &a);
        for (int r = 0; r < sizes[i]; r++) {
            assert_true(many.sums[r].loss == one.sums[0].loss && many.sums[r].weight == one.sums[0].weight);
            assert_true(many.correct[r] == one.correct[0] && many.sums[r].samples == 60);
            assert_memory_equal(many.out[r], one.out[0], sizeof one.out[0]);
        }
    }
    plan_clear(&a);
    plan_clear(&b);
}

static const char normalized[] = SMALL MODEL "data: {train: digits/train, normalize: standard}\nsteps: 9\n";

static hoop_status set_mode(plan *p, hoop_comm *comm, int rank, hoop_trainer_opts *opts, hoop_error *err)
{
    (void)p, (void)comm, (void)rank, (void)opts, (void)err;
    (void)fesetround(FE_UPWARD);
    return HOOP_OK;
}

static hoop_status keep_mode(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st = hoop_trainer_run(tr, NULL, 0, err);
    (void)p, (void)rank;
    if (st == HOOP_OK && fegetround() != FE_UPWARD) st = hoop_fail(err, HOOP_ESTATE, "the mode is another afterwards");
    (void)fesetround(FE_TONEAREST);
    return st;
}

/* A program that rounds upward trains to the same bits, and still rounds upward afterwards. */
static void the_rounding_of_the_program_decides_nothing(void **state)
{
    plan usual = {.config = {normalized}}, upward = {.config = {normalized}, .before = set_mode, .drive = keep_mode};
    (void)state;
    plan_run(&usual, 1);
    plan_good(&usual);
    for (int size = 1; size <= 2; size++) {
        plan_run(&upward, size);
        plan_good(&upward);
        plan_same(&upward, &usual);
    }
    plan_clear(&usual);
    plan_clear(&upward);
}

static hoop_status misuse(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_metrics_sums sums;
    hoop_error        e  = {.status = HOOP_OK};
    bool             *ok = p->ctx;
    (void)rank;
    ok[0]    = hoop_trainer_update(tr, &e) == HOOP_ESTATE && strstr(e.text, "next_step") != NULL;
    e.status = HOOP_OK;
    ok[1]    = hoop_trainer_evaluate(tr, NULL, &e, &sums) == HOOP_ESTATE;
    e.status = HOOP_OK;
    ok[2]    = hoop_trainer_step(tr, NULL, NULL, &e) == HOOP_ESTATE && strstr(e.text, "arrays") != NULL;
    e.status = HOOP_OK;
    ok[3]    = hoop_trainer_save(tr, &e) == HOOP_ESTATE && strstr(e.text, "run directory") != NULL;
    e.status = HOOP_OK;
    ok[4]    = hoop_trainer_load(tr, "nowhere", &e) == HOOP_EIO;
    e.status = HOOP_OK;
    ok[5]    = hoop_trainer_next_step(tr) && hoop_trainer_load(tr, "nowhere", &e) == HOOP_ESTATE &&
            strstr(e.text, "inside a step") != NULL;
    return hoop_trainer_run(tr, NULL, 0, err); /* none of it did harm */
}

static void calls_out_of_order(void **state)
{
    bool ok[6] = {false};
    plan p     = {.config = {SHORT "steps: 5\n"}, .drive = misuse, .ctx = ok};
    (void)state;
    plan_run(&p, 1);
    plan_good(&p);
    for (int i = 0; i < 5; i++) assert_true(ok[i]);
    plan_clear(&p);
}

/* ---- checkpoints ---- */

static hoop_status save_and_go_on(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    const int64_t *until = p->ctx; /* the steps to do */
    hoop_status    st    = HOOP_OK;
    hoop_leaf     *leaf;
    (void)rank;
    while (st == HOOP_OK && hoop_trainer_about(tr)->step < *until && hoop_trainer_next_step(tr)) {
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) hoop_trainer_backward(tr, hoop_trainer_loss(tr, leaf));
        st = hoop_trainer_update(tr, err);
        if (st == HOOP_OK && hoop_trainer_about(tr)->step % 4 == 0) st = hoop_trainer_save(tr, err);
    }
    return st == HOOP_OK ? hoop_trainer_finish(tr, err) : st;
}

/* 6 steps on some ranks, saved at 4; from there on another number of ranks to 12. */
static void resumed_on_other_ranks(void **state)
{
    static const int from[] = {1, 3, 7, 2}, to[] = {4, 2, 1, 7};
    const char *config = SMALL MODEL DATA BUCKETS "steps: 12\nschedule: {name: cosine, warmup_steps: 3}\ncheckpoint: {keep: 1}\n";
    int64_t                               six = 6, all = 12;
    plan                                  whole = {.config = {config}};
    (void)state;
    plan_run(&whole, 1);
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        char             dir[32];
        hoop_checkpoint *c = NULL;
        plan             p = {.config = {config}, .drive = save_and_go_on, .ctx = &six};
        (void)snprintf(dir, sizeof dir, "run-%d", (int)i);
        p.opts.run_dir = dir;
        plan_run(&p, from[i]);
        plan_good(&p);
        assert_int_equal(p.rank[0].about.saved_step, 4);
        assert_ok(hoop_checkpoint_open(dir, &err, &c));
        assert_int_equal(hoop_checkpoint_about(c)->step, 4);
        assert_int_equal(hoop_checkpoint_about(c)->ranks, from[i]);
        assert_ok(hoop_checkpoint_verify(c, &err));
        hoop_checkpoint_close(&c);

        plan_run(&p, to[i]); /* without resume: refused, on all ranks */
        plan_failed(&p, 0, HOOP_ESTATE, "holds checkpoints up to step 4");
        for (int r = 1; r < to[i]; r++) plan_failed(&p, r, HOOP_EPEER, "holds checkpoints up to step 4");
        p.opts.resume = dir;
        p.ctx         = &all;
        plan_run(&p, to[i]);
        plan_same(&p, &whole);
        assert_int_equal(p.rank[0].about.saved_step, 12);
        plan_clear(&p);
    }
    plan_clear(&whole);
}

static hoop_status leave_while_saving(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    (void)p;
    (void)rank;
    return hoop_trainer_save(tr, err); /* and destroyed */
}

static void destroyed_while_saving(void **state)
{
    plan        p = {.config = {SHORT "steps: 5\n"}, .drive = leave_while_saving, .opts = {.run_dir = "left"}};
    struct stat info;
    int64_t    *steps = NULL, n = -1;
    (void)state;
    plan_run(&p, 1);
    plan_good(&p);
    assert_ok(hoop_checkpoint_list("left", &err, &steps, &n));
    assert_int_equal(n, 0);
    free(steps);
    assert_int_equal(stat("left/checkpoints", &info), 0);
    assert_int_equal(info.st_nlink, 2); /* and nothing half-written in it */
    plan_clear(&p);
}

static hoop_status save_at_2(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    (void)ctx;
    return hoop_trainer_about(tr)->step == 2 ? hoop_trainer_save(tr, err) : HOOP_OK;
}

static hoop_status fail_at_2(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    return *(const int *)ctx == 1 && hoop_trainer_about(tr)->step == 2 ? hoop_fail(err, HOOP_EIO, "no more of this") : HOOP_OK;
}

static hoop_status save_and_fail(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_observer observers[] = {{.step = save_at_2}, {.ctx = &rank, .step = fail_at_2}};
    (void)p;
    return hoop_trainer_run(tr, observers, 2, err);
}

/* A run that fails while a checkpoint is being written behind it still publishes that. */
static void failed_while_saving(void **state)
{
    plan     p     = {.config = {SHORT "steps: 5\n"}, .drive = save_and_fail, .opts = {.run_dir = "failed"}};
    int64_t *steps = NULL, n = 0;
    (void)state;
    plan_run(&p, 3);
    for (int r = 0; r < 3; r++) plan_failed(&p, r, r == 1 ? HOOP_EIO : HOOP_EPEER, "no more of this");
    assert_ok(hoop_checkpoint_list("failed", &err, &steps, &n));
    assert_int_equal(n, 1);
    assert_int_equal(steps[0], 2);
    free(steps);
    plan_clear(&p);
}

static hoop_status stand_still(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    (void)err;
    if (*(const int *)ctx == 1 && hoop_trainer_about(tr)->step == 2) (void)sleep(4);
    return HOOP_OK;
}

static hoop_status save_and_stand_still(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_observer observers[] = {{.ctx = &rank, .step = stand_still}, {.step = save_at_2}};
    (void)p;
    return hoop_trainer_run(tr, observers, 2, err);
}

/* A rank that stands still while the others wait in an observer: they say which, and not what goes wrong in the step after. */
static void a_deadline_in_an_observer(void **state)
{
    plan p = {
        .config = {SHORT "steps: 5\n"}, .drive = save_and_stand_still, .opts = {.run_dir = "still"}, .comm = {.timeout_s = 1}};
    (void)state;
    plan_run(&p, 3);
    for (int r = 0; r < 3; r++) plan_failed(&p, r, HOOP_ETIMEOUT, "silent: rank 1 on ");
    plan_clear(&p);
}

/* ---- the caller's own model: the loop of hoop/train.h ---- */

typedef struct own_model {
    hoop_params *params;
    hoop_tensor *w1, *b1, *w2, *b2;
    double       first, last; /* losses */
    bool         elsewhere;   /* gradients are kept in memory of its own, */
    float       *grad;        /* this */
} own_model;

static hoop_status own_make(plan *p, hoop_comm *comm, int rank, hoop_trainer_opts *opts, hoop_error *err)
{
    own_model  *m = (own_model *)p->ctx + rank;
    hoop_status st;
    (void)comm;
    HOOP_TRY(st, done, hoop_params_create(HOOP_F32, err, &m->params));
    HOOP_TRY(st, done, hoop_params_add(m->params, "w1", 2, (int64_t[]){16, IMAGE}, err, &m->w1));
    HOOP_TRY(st, done, hoop_params_add(m->params, "b1", 1, (int64_t[]){16}, err, &m->b1));
    HOOP_TRY(st, done, hoop_params_add(m->params, "w2", 2, (int64_t[]){10, 16}, err, &m->w2));
    HOOP_TRY(st, done, hoop_params_add(m->params, "b2", 1, (int64_t[]){10}, err, &m->b2));
    opts->params = m->params;
done:
    return st;
}

static hoop_status own_make_another(plan *p, hoop_comm *comm, int rank, hoop_trainer_opts *opts, hoop_error *err)
{
    own_model  *m = (own_model *)p->ctx + rank;
    hoop_status st;
    (void)comm;
    HOOP_TRY(st, done, hoop_params_create(HOOP_F32, err, &m->params));
    HOOP_TRY(st, done, hoop_params_add(m->params, "w1", 2, (int64_t[]){16, IMAGE}, err, &m->w1));
    HOOP_TRY(st, done, hoop_params_add(m->params, rank == 1 ? "gain" : "bias", 1, (int64_t[]){16}, err, &m->b1));
    HOOP_TRY(st, done, hoop_params_add(m->params, "last", 1, (int64_t[]){16}, err, &m->b1));
    opts->params = m->params;
done:
    return st;
}

static hoop_tensor *own_loss(hoop_tape *t, const own_model *m, hoop_tensor *x, hoop_tensor *label)
{
    hoop_tensor *flat = hoop_reshape(t, x, 2, (int64_t[]){-1, IMAGE});                          /* (B, 784) */
    hoop_tensor *h    = hoop_dropout(t, hoop_relu(t, hoop_linear(t, flat, m->w1, m->b1)), 0.1); /* (B, 16)  */
    return hoop_cross_entropy(t, hoop_linear(t, h, m->w2, m->b2), label);                       /* ()       */
}

static hoop_status own_loop(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    own_model  *m  = (own_model *)p->ctx + rank;
    hoop_status st = HOOP_OK;
    hoop_leaf  *leaf;
    void       *grad;
    if (m->elsewhere) {
        m->grad = aligned_alloc(64, (size_t)hoop_params_nblocks(m->params) * HOOP_BLOCK * sizeof(float));
        if (m->grad == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory");
        memset(m->grad, 0, (size_t)hoop_params_nblocks(m->params) * HOOP_BLOCK * sizeof(float));
        HOOP_TRY(st, done, hoop_params_use_grad(m->params, m->grad, err));
    }
    grad = hoop_params_grad(m->params);
    while (hoop_trainer_next_step(tr)) {
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) {
            hoop_tensor *loss = own_loss(hoop_leaf_tape(leaf), m, hoop_leaf_input(leaf, 0), hoop_leaf_target(leaf, 0));
            hoop_trainer_backward(tr, loss);
            if (hoop_params_grad(m->params) != grad) return hoop_fail(err, HOOP_ESTATE, "gradients were left elsewhere");
        }
        HOOP_TRY(st, done, hoop_trainer_update(tr, err));
        m->last = hoop_trainer_about(tr)->last.loss / hoop_trainer_about(tr)->last.weight;
        if (hoop_trainer_about(tr)->step == 1) m->first = m->last;
    }
    HOOP_TRY(st, done, hoop_trainer_save(tr, err));
    HOOP_TRY(st, done, hoop_trainer_finish(tr, err));
    if (hoop_trainer_model(tr) != NULL) st = hoop_fail(err, HOOP_ESTATE, "a model of its own");
    if (hoop_trainer_predict(tr, NULL, 0, NULL, NULL) != HOOP_ESTATE)
        st = hoop_fail(err, HOOP_ESTATE, "predicts without a model");
done:
    return st;
}

static void own_free(plan *p, int rank)
{
    own_model *m = (own_model *)p->ctx + rank;
    hoop_params_destroy(&m->params);
    free(m->grad);
    m->grad = NULL;
}

static void a_model_of_the_callers(void **state)
{
    own_model models[MOST_RANKS] = {{NULL}};
    plan      one                = {.config = {SMALL DATA "steps: 40\n"},
                                    .before = own_make,
                                    .drive  = own_loop,
                                    .after  = own_free,
                                    .ctx    = models,
                                    .opts   = {.run_dir = "own-1"}};
    plan      many               = one;
    (void)state;
    plan_run(&one, 1);
    plan_good(&one);
    assert_true(models[0].last < 0.8 * models[0].first);
    for (int i = 1; i < nsizes(); i++) {
        char dir[32];
        (void)snprintf(dir, sizeof dir, "own-%d", sizes[i]);
        many.opts.run_dir = dir;
        for (int r = 0; r < sizes[i]; r++) models[r].elsewhere = i % 2 == 1;
        plan_run(&many, sizes[i]);
        plan_same(&many, &one);
    }
    plan_clear(&one);
    plan_clear(&many);
}

/* Other parameters on one rank: both sides are named; and settings that would say nothing to such a model. */
static void models_of_the_callers_that_are_refused(void **state)
{
    static const struct {
        const char *config, *words;
    } wrong[]                    = {{SMALL MODEL DATA "steps: 4\n", "model: the model is the caller's own"},
                                    {SMALL "data: {train: digits/train, normalize: standard}\nsteps: 4\n", "data.normalize: "}};
    own_model models[MOST_RANKS] = {{NULL}};
    plan      p = {.config = {SMALL DATA "steps: 4\n"}, .before = own_make_another, .after = own_free, .ctx = models};
    (void)state;
    plan_run(&p, 3);
    for (int r = 0; r < 3; r++) {
        plan_failed(&p, r, HOOP_EDESYNC, "\"gain f32");
        plan_failed(&p, r, HOOP_EDESYNC, "\"bias f32");
    }
    p.before = own_make;
    for (int i = 0; i < 2; i++) {
        p.config[0] = wrong[i].config;
        plan_run(&p, 1);
        plan_failed(&p, 0, HOOP_ECONFIG, wrong[i].words);
    }
    plan_clear(&p);
    p = (plan){.config = {SMALL MODEL "data: {normalize: standard}\nsteps: 4\n"}, .opts = image_arrays};
    plan_run(&p, 1);
    plan_failed(&p, 0, HOOP_ECONFIG, "data.normalize: ");
    plan_clear(&p);
}

/* ---- leaves: auto ---- */

static void leaves_follow_from_the_batch(void **state)
{
    (void)state;
    for (int64_t batch = 1; batch <= 5000; batch++) {
        int64_t v = hoop_leaves_auto(batch);
        assert_in_range(v, 1, batch);
        if (batch >= 64) assert_true(v <= batch / 16);
    }
    assert_int_equal(hoop_leaves_auto(64), 4);
    assert_int_equal(hoop_leaves_auto(1), 1);
    assert_true(hoop_leaves_auto(INT64_C(1000000000)) <= 5040);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bits),
        cmocka_unit_test(the_same_bits_in_double),
        cmocka_unit_test(the_same_bits_with_statistics_and_momentum),
        cmocka_unit_test(fast_is_repeatable),
        cmocka_unit_test(arrays_are_as_good_as_files),
        cmocka_unit_test(clipping_by_the_norm),
        cmocka_unit_test(a_rank_that_fails),
        cmocka_unit_test(two_ranks_fail_at_once),
        cmocka_unit_test(a_rank_that_misuses_the_loop),
        cmocka_unit_test(losses_without_a_weight),
        cmocka_unit_test(losses_that_are_not_finite),
        cmocka_unit_test(ranks_that_disagree),
        cmocka_unit_test(a_rank_that_cannot_begin),
        cmocka_unit_test(observers_hear_all),
        cmocka_unit_test(an_observer_fails_on_one_rank),
        cmocka_unit_test(evaluation_and_prediction),
        cmocka_unit_test(the_rounding_of_the_program_decides_nothing),
        cmocka_unit_test(calls_out_of_order),
        cmocka_unit_test(resumed_on_other_ranks),
        cmocka_unit_test(destroyed_while_saving),
        cmocka_unit_test(failed_while_saving),
        cmocka_unit_test(a_deadline_in_an_observer),
        cmocka_unit_test(a_model_of_the_callers),
        cmocka_unit_test(models_of_the_callers_that_are_refused),
        cmocka_unit_test(leaves_follow_from_the_batch),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
