/* Hooks: gradients of leaves and of the step, as they are on any number of ranks, and weights that know nothing of who looks. */
#include "plan.h"

#include <math.h>

#define RUN                                                                                                                      \
    "seed: 7\nbatch: 42\nleaves: 6\nthreads: 1\nsteps: 7\nmodel: {hidden: [12], dropout: 0.2}\ndata: {train: digits/train}\n"    \
    "dist: {bucket_mb: 0.01}\n"

enum { STEPS = 7, LEAVES = 6, ROOM = 12000 };

/* of all ranks, which have leaves and parts of their own: nothing is written twice */
typedef struct seen {
    float       leaf[STEPS][LEAVES][ROOM], sum[STEPS][ROOM];
    int         nleaf[STEPS][LEAVES], elements[STEPS][MOST_RANKS];
    double      weight[STEPS];
    bool        loop; /* the caller's own */
    const char *match;
} seen;

typedef struct looker {
    seen *s;
    int   rank;
} looker;

/* where a parameter's elements are, one behind the other */
static int64_t place(hoop_trainer *tr, int param)
{
    int64_t n = 0;
    for (int i = 0; i < param; i++) n += hoop_tensor_numel(hoop_params_tensor(hoop_trainer_params(tr), i));
    return n;
}

static void see_leaf(void *ctx, hoop_trainer *tr, const hoop_gradient *g)
{
    seen         *s    = ((looker *)ctx)->s;
    const int64_t step = hoop_trainer_about(tr)->step;
    s->nleaf[step][g->leaf]++;
    memcpy(s->leaf[step][g->leaf] + place(tr, g->param) + g->first, g->values, (size_t)g->count * sizeof(float));
}

static void see_sum(void *ctx, hoop_trainer *tr, const hoop_gradient *g)
{
    const looker *l    = ctx;
    const int64_t step = hoop_trainer_about(tr)->step;
    if (g->leaf == -1) l->s->elements[step][l->rank] += (int)g->count;
    if (l->rank == 0) l->s->weight[step] = g->weight;
    memcpy(l->s->sum[step] + place(tr, g->param) + g->first, g->values, (size_t)g->count * sizeof(float));
}

static hoop_status look(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    seen       *s = p->ctx;
    looker      l = {s, rank};
    hoop_leaf  *leaf;
    hoop_status st = hoop_trainer_hook(tr, &(hoop_hook){&l, s->match, true, see_sum}, err);
    if (st == HOOP_OK) st = hoop_trainer_hook(tr, &(hoop_hook){&l, s->match, false, see_leaf}, err);
    if (st != HOOP_OK || !s->loop) return st == HOOP_OK ? hoop_trainer_run(tr, NULL, 0, err) : st;
    while (st == HOOP_OK && hoop_trainer_next_step(tr)) {
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) hoop_trainer_backward(tr, hoop_trainer_loss(tr, leaf));
        st = hoop_trainer_update(tr, err);
    }
    return st;
}

static void leaves_and_their_sums(void **state)
{
    static seen              first, again;
    static const char *const ways[] = {RUN, RUN "capture: off\n", RUN "clip_norm: 0.1\n"};
    plan                     plain = {.config = {RUN}}, one = {.config = {RUN}, .drive = look, .ctx = &first}, p = one;
    (void)state;
    plan_run(&plain, 1);
    assert_int_equal(plain.rank[0].about.at_once, 6);
    plan_run(&one, 1);
    plan_same(&one, &plain); /* nobody's bits change */
    assert_int_equal(one.rank[0].about.at_once, 1);
    assert_true(one.rank[0].about.replayed);
    for (int step = 0; step < STEPS; step++) {
        const int    n       = step == 5 ? 30 : 42; /* the end of an epoch of 240 */
        const double weight  = first.weight[step];
        double       largest = 0.0;
        assert_true(weight == n);
        for (int i = 0; i < LEAVES; i++)
            for (int e = 0; e < ROOM; e++) largest = fmax(largest, fabs((double)first.leaf[step][i][e]));
        assert_int_equal(first.elements[step][0], 784 * 12 + 12 + 120 + 10);
        for (int i = 0; i < LEAVES; i++) assert_int_equal(first.nleaf[step][i], 4);
        for (int e = 0; e < first.elements[step][0]; e++) {
            double sum = 0.0;
            for (int i = 0; i < LEAVES; i++) sum += (double)first.leaf[step][i][e];
            if (!(fabs(sum - (double)first.sum[step][e]) <=
                  6e-8 * LEAVES * largest)) /* a block has the accuracy of its largest */
                fail_msg("step %d: element %d: leaves add up to %g, the sum is %g", step, e, sum, (double)first.sum[step][e]);
        }
    }
    p.ctx = &again;
    for (int size = 1; size <= 4; size++) {
        memset(&again, 0, sizeof again);
        again.loop  = size == 2;
        p.config[0] = ways[size % 2];
        plan_run(&p, size);
        plan_same(&p, &plain);
        assert_memory_equal(first.leaf, again.leaf, sizeof first.leaf);
        assert_memory_equal(first.sum, again.sum, sizeof first.sum);
        for (int step = 0; step < STEPS; step++) {
            int all = 0;
            for (int r = 0; r < size; r++) all += again.elements[step][r];
            assert_int_equal(all, first.elements[step][0]);
        }
    }
    memset(&again, 0, sizeof again);
    p.config[0] = ways[2]; /* before clipping, of the same weights in the first step */
    plan_run(&p, 2);
    plan_good(&p);
    assert_memory_equal(first.sum[0], again.sum[0], sizeof first.sum[0]);
    plan_clear(&plain);
    plan_clear(&one);
    plan_clear(&p);
}

static hoop_status only_biases(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    looker      l   = {p->ctx, rank};
    hoop_error  why = {.status = HOOP_OK};
    hoop_status st  = HOOP_OK;
    (void)hoop_trainer_hook(tr, &(hoop_hook){&l, "*.bais", true, see_sum}, &why);
    if (why.status != HOOP_EARG || strstr(why.text, "no parameter is called like '*.bais'") == NULL)
        return hoop_fail(err, HOOP_ESTATE, "a pattern like no name: %s", why.text);
    why.status = HOOP_OK;
    if (hoop_trainer_hook(tr, &(hoop_hook){&l, NULL, true, NULL}, &why) != HOOP_EARG)
        return hoop_fail(err, HOOP_ESTATE, "see is NULL");
    st         = hoop_trainer_hook(tr, &(hoop_hook){&l, "*.bias", true, see_sum}, err);
    why.status = HOOP_OK;
    if (st == HOOP_OK && hoop_trainer_next_step(tr) &&
        hoop_trainer_hook(tr, &(hoop_hook){&l, NULL, true, see_sum}, &why) != HOOP_ESTATE)
        return hoop_fail(err, HOOP_ESTATE, "a hook inside a step");
    return st == HOOP_OK ? hoop_trainer_run(tr, NULL, 0, err) : st;
}

/* sums alone leave leaves at once; frozen ones have none */
static void some_of_them(void **state)
{
    static seen s;
    plan        p = {.config = {RUN}, .drive = only_biases, .ctx = &s};
    (void)state;
    plan_run(&p, 2);
    plan_good(&p);
    assert_int_equal(p.rank[0].about.at_once, 3);
    assert_int_equal(s.elements[1][0] + s.elements[1][1], 22);
    plan_clear(&p);
    memset(&s, 0, sizeof s);
    p = (plan){.config = {"seed: 7\nbatch: 42\nleaves: 6\nsteps: 7\nthreads: 1\ndata: {train: digits/train}\nmodel: {hidden: "
                          "[12], frozen: layers.0.*}\n"},
               .drive  = look,
               .ctx    = &s};
    plan_run(&p, 1);
    plan_good(&p);
    assert_int_equal(s.elements[1][0], 130);
    assert_int_equal(s.nleaf[1][0], 2);
    p.config[0] = "seed: 7\nbatch: 42\nleaves: 6\nsteps: 7\nthreads: 1\ndata: {train: digits/train}\nmodel: {hidden: "
                  "[12]}\ndist: {reduce: fast}\n";
    plan_run(&p, 1);
    plan_failed(&p, 0, HOOP_EARG, "with dist.reduce: fast leaves add to one gradient");
    plan_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(leaves_and_their_sums), cmocka_unit_test(some_of_them)};
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
