/* Buffers that a model emits to: one change a step, to the mean of what all leaves emitted, the same bits on any number of ranks.
 */
#include "plan.h"

#include "hoop/comm.h"
#include "hoop/ops.h"

enum { IMAGE = 784, STEPS = 9 };
/* 240 rows: five steps of 42 and one of 30 */
#define CONFIG "seed: 3\nbatch: 42\nleaves: 7\nsteps: 9\noptimizer: {name: sgd, lr: 0.01}\ndata: {train: digits/train}\n"

typedef struct model {
    hoop_params *params;
    hoop_tensor *w, *mean, *seen; /* (10, IMAGE), (IMAGE), () */
    float        end[IMAGE];      /* what mean was at the end, */
    double       want[IMAGE];     /* and, on one rank, should be */
    double       rows;            /* what seen was */
} model;
static model own[MOST_RANKS];

static hoop_status make(plan *p, hoop_comm *comm, int rank, hoop_trainer_opts *opts, hoop_error *err)
{
    model       *m = &own[rank];
    hoop_tensor *unused;
    hoop_status  st;
    (void)p;
    (void)comm;
    memset(m->want, 0, sizeof m->want);
    HOOP_TRY(st, done, hoop_params_create(HOOP_F32, err, &m->params));
    HOOP_TRY(st, done, hoop_params_add(m->params, "w", 2, (int64_t[]){10, IMAGE}, err, &m->w));
    HOOP_TRY(st, done, hoop_params_add_buffer(m->params, "count", HOOP_I64, 1, (int64_t[]){2}, err, &unused));
    HOOP_TRY(st, done, hoop_params_add_buffer(m->params, "mean", HOOP_F32, 1, (int64_t[]){IMAGE}, err, &m->mean));
    HOOP_TRY(st, done, hoop_params_add_buffer(m->params, "seen", HOOP_F64, 0, NULL, err, &m->seen));
    opts->params = m->params;
done:
    return st;
}

static void unmake(plan *p, int rank)
{
    (void)p;
    hoop_params_destroy(&own[rank].params);
}

/* 9/10 of what the buffer is, 1/10 of the leaf's mean; emitted twice, as where a part is run again */
static void emit(const model *m, hoop_tape *t, hoop_tensor *x)
{
    const double rows = (double)hoop_tensor_size(x, 0);
    hoop_tensor *old  = hoop_scale(t, m->mean, 0.9), *now;
    now               = hoop_scale(t, hoop_mean(t, x, 1, false), 0.1);
    hoop_emit(t, m->mean, now, 1000.0);
    now = hoop_add(t, old, now);
    hoop_emit(t, m->mean, now, rows);
    hoop_emit(t, m->seen, hoop_fill(t, HOOP_F64, 0, NULL, rows), 1.0);
}

static hoop_status drive(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    model      *m  = &own[rank];
    hoop_status st = HOOP_OK;
    hoop_leaf  *leaf;
    while (st == HOOP_OK && hoop_trainer_next_step(tr)) {
        double sum[IMAGE] = {0}, n = 0;
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) {
            hoop_tape   *t = hoop_leaf_tape(leaf);
            hoop_tensor *x = hoop_reshape(t, hoop_leaf_input(leaf, 0), 2, (int64_t[]){-1, IMAGE});
            const float *v = hoop_tensor_data(x);
            for (int64_t i = 0; i < hoop_tensor_numel(x); i++) sum[i % IMAGE] += (double)v[i];
            n += (double)hoop_tensor_size(x, 0);
            emit(m, t, x);
            hoop_trainer_backward(tr, hoop_cross_entropy(t, hoop_linear(t, x, m->w, NULL), hoop_leaf_target(leaf, 0)));
        }
        st = hoop_trainer_update(tr, err);
        for (int i = 0; i < IMAGE && p->size == 1; i++) m->want[i] = 0.9 * m->want[i] + 0.1 * sum[i] / n;
    }
    if (st != HOOP_OK) return st;
    memcpy(m->end, hoop_tensor_data(m->mean), sizeof m->end);
    m->rows = hoop_tensor_item(m->seen);
    return st;
}

static void buffers_become_what_leaves_emit(void **state)
{
    static const int sizes[] = {1, 2, 3, 4, 7};
    static float     first[IMAGE];
    plan             one = {.config = {CONFIG}, .before = make, .drive = drive, .after = unmake}, p = one;
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        plan *now = sizes[s] == 1 ? &one : &p;
        plan_run(now, sizes[s]);
        plan_good(now);
        if (sizes[s] == 1) memcpy(first, own[0].end, sizeof first);
        for (int i = 0; i < IMAGE && sizes[s] == 1; i++)
            if (!(own[0].end[i] - own[0].want[i] < 1e-5 && own[0].want[i] - own[0].end[i] < 1e-5))
                fail_msg("element %d is %g, and should be %g", i, (double)own[0].end[i], own[0].want[i]);
        for (int r = 0; r < sizes[s]; r++) {
            assert_memory_equal(own[r].end, first, sizeof first);
            assert_true(own[r].rows == 42.0 / 7.0); /* the last step is the third of an epoch: leaves of 6 */
        }
        if (sizes[s] != 1) plan_same(&one, &p);
    }
    plan_clear(&one);
    plan_clear(&p);
}

static hoop_status emit_elsewhere(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_tensor *buffer;
    hoop_status  st = hoop_tensor_create(HOOP_F32, 0, NULL, err, &buffer);
    hoop_leaf   *leaf;
    while (st == HOOP_OK && hoop_trainer_next_step(tr)) {
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) {
            hoop_tape   *t = hoop_leaf_tape(leaf);
            hoop_tensor *x = hoop_reshape(t, hoop_leaf_input(leaf, 0), 2, (int64_t[]){-1, IMAGE});
            if (rank == p->size - 1) hoop_emit(t, buffer, hoop_fill(t, HOOP_F32, 0, NULL, 1.0), 1.0);
            hoop_trainer_backward(tr, hoop_cross_entropy(t, hoop_linear(t, x, own[rank].w, NULL), hoop_leaf_target(leaf, 0)));
        }
        st = hoop_trainer_update(tr, err);
    }
    hoop_tensor_destroy(&buffer);
    return st;
}

static void a_buffer_of_nobody_is_told(void **state)
{
    plan p = {.config = {CONFIG}, .before = make, .drive = emit_elsewhere, .after = unmake};
    (void)state;
    plan_run(&p, 2);
    plan_failed(&p, 1, HOOP_EARG, "hoop_emit");
    plan_failed(&p, 0, HOOP_EPEER, "rank 1");
    plan_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(buffers_become_what_leaves_emit),
                                       cmocka_unit_test(a_buffer_of_nobody_is_told)};
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
