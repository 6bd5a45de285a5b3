/* The nets that engines are compared by (resnet20, gpt, lstm), whole: the same state on any number of ranks and threads, replayed
 * and not, leaves at once and one by one; and no allocation after the first step. HOOP_TEST_GRID=1: on 1, 2, 3, 4 and 7 ranks,
 * and gpt in segments, too. */
#include "plan.h"

#include "../../allocations.h"
#include "command/workloads.h"
#include "hoop/checkpoint.h"
#include "hoop/random.h"

enum { STEPS = 3 };

/* None of these may show. Those without `grid` are run every time. */
static const struct way {
    int         ranks, threads;
    const char *more;
    bool        grid;
} ways[] = {
    {1, 1, "", false},
    {3, 1, "capture: off", false},
    {1, 1, "capture: off", true},
    {1, 2, "memory: {limit: 0}", true},
    {1, 1, "memory: {limit: 0}\ncapture: off", true},
    {2, 1, "", true},
    {3, 2, "", true},
    {4, 1, "", true},
    {4, 1, "capture: off", true},
    {7, 1, "", true},
    {7, 1, "memory: {limit: 0}\ncapture: off", true},
};

typedef struct net {
    const workload *w;
    bool            mixes;     /* batch norm: statistics are a leaf's, and leaves go one by one anyhow */
    int             warm;      /* steps */
    long            allocated; /* from then on */
} net;

static int64_t elements(int ndim, const int64_t *shape)
{
    int64_t n = 1;
    for (int d = 0; d < ndim; d++) n *= shape[d];
    return n;
}

/* rows `first` to first + n - 1 of a step: labels or indices below `below`, or floats */
static void draw(void *out, uint64_t step, uint64_t field, int64_t first, int64_t n, int64_t below)
{
    const hoop_key key = hoop_key_make(11, HOOP_FOR_TEST, step, field, 0);
    for (int64_t i = 0; i < n; i++) {
        if (below > 0)
            ((int64_t *)out)[i] = (int64_t)(hoop_random_f64(key, (uint64_t)(first + i)) * (double)below);
        else
            ((float *)out)[i] = (float)hoop_random_normal(key, (uint64_t)(first + i));
    }
}

static hoop_status drive(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    net            *a = p->ctx;
    const workload *w = a->w;
    const int64_t   x = elements(w->ndim, w->shape), y = elements(w->target_ndim, w->target_shape);
    int64_t         first, n                           = hoop_trainer_share(tr, &first);
    void           *in = malloc((size_t)(n * x + 1) * 8), *target = malloc((size_t)(n * y + 1) * 8);
    long            before = 0;
    hoop_status     st     = HOOP_OK;
    for (int step = 0; st == HOOP_OK && hoop_trainer_next_step(tr); step++) {
        n = hoop_trainer_share(tr, &first);
        draw(in, (uint64_t)step, 0, first * x, n * x, w->vocabulary);
        draw(target, (uint64_t)step, 1, first * y, n * y, w->classes);
        if (step == a->warm) before = atomic_load(&allocations);
        st = hoop_trainer_step(tr, in, target, err);
    }
    if (rank == 0) a->allocated = atomic_load(&allocations) - before; /* of all ranks: looked at where there is one */
    free(in);
    free(target);
    if (st == HOOP_OK) st = hoop_trainer_save(tr, err);
    return st == HOOP_OK ? hoop_trainer_finish(tr, err) : st;
}

static void hash_of(const char *run, char hex[HOOP_CHECKPOINT_HASH_SIZE])
{
    hoop_checkpoint *c = NULL;
    assert_ok(hoop_checkpoint_open(run, &err, &c));
    assert_ok(hoop_checkpoint_hash(c, true, &err, hex));
    hoop_checkpoint_close(&c);
}

static void train(net *a, int rows, int leaves, const struct way *way, char hex[HOOP_CHECKPOINT_HASH_SIZE])
{
    const workload *w   = a->w;
    const bool      off = strstr(way->more, "capture: off") != NULL, alone = strstr(way->more, "limit: 0") != NULL;
    char            config[4096], run[64];
    plan            p = {.drive = drive, .ctx = a, .config = {config}};
    p.opts            = (hoop_trainer_opts){
                   .run_dir = run, .arrays = true, .input_ndim = w->ndim, .target_ndim = w->target_ndim, .classes = w->classes};
    memcpy(p.opts.input_shape, w->shape, sizeof w->shape);
    memcpy(p.opts.target_shape, w->target_shape, sizeof w->target_shape);
    (void)snprintf(run, sizeof run, "%s-%d", w->name, (int)(way - ways));
    (void)snprintf(config, sizeof config,
                   "%sseed: 5\nbatch: %d\nleaves: %d\nsteps: %d\nthreads: %d\n"
                   "optimizer: {name: adamw, lr: 1e-3, weight_decay: 0.01}\n%s\n",
                   w->config, rows, leaves, STEPS, way->threads, way->more);
    plan_run(&p, way->ranks);
    plan_good(&p);
    if (p.rank[0].about.replayed == off) fail_msg("%s, %s: replayed %d", w->name, way->more, p.rank[0].about.replayed);
    if ((p.rank[0].about.at_once == 1) != (alone || a->mixes || leaves / way->ranks == 1))
        fail_msg("%s, %s: %d leaves at once", w->name, way->more, (int)p.rank[0].about.at_once);
    if (way->ranks == 1 && a->allocated != 0)
        fail_msg("%s, %d threads, %s: %ld allocations behind step %d", w->name, way->threads, way->more, a->allocated, a->warm);
    plan_clear(&p);
    hash_of(run, hex);
}

static bool grid;

static void same_state(const char *name, int rows, int leaves, char one[HOOP_CHECKPOINT_HASH_SIZE])
{
    char hex[HOOP_CHECKPOINT_HASH_SIZE];
    net  a = {.w = NULL};
    for (int i = 0; workload_get(i) != NULL; i++)
        if (strcmp(workload_get(i)->name, name) == 0) a.w = workload_get(i);
    assert_non_null(a.w);
    a.warm  = strstr(a.w->config, "checkpoint: true") == NULL ? 1 : 2; /* the second step may ask for storage yet */
    a.mixes = strstr(a.w->config, "batch_norm") != NULL;
    if (grid) leaves = rows = 8;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (ways[i].grid && !grid) continue;
        train(&a, rows, leaves, &ways[i], hex);
        if (i == 0) memcpy(one, hex, HOOP_CHECKPOINT_HASH_SIZE);
        if (strcmp(hex, one) != 0)
            fail_msg("%s: %d ranks of %d threads, %s: %s, and one rank has %s", name, ways[i].ranks, ways[i].threads,
                     ways[i].more, hex, one);
    }
}

static void resnet20(void **state)
{
    char one[HOOP_CHECKPOINT_HASH_SIZE];
    (void)state;
    same_state("resnet20", 10, 5, one);
}

static void gpt(void **state)
{
    char one[HOOP_CHECKPOINT_HASH_SIZE], segments[HOOP_CHECKPOINT_HASH_SIZE];
    (void)state;
    same_state("gpt", 3, 3, one);
    if (!grid) return;
    same_state("segments", 3, 3, segments);
    assert_string_equal(segments, one);
}

static void lstm(void **state)
{
    char one[HOOP_CHECKPOINT_HASH_SIZE];
    (void)state;
    same_state("lstm", 10, 5, one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(resnet20), cmocka_unit_test(gpt), cmocka_unit_test(lstm)};
    grid                            = getenv("HOOP_TEST_GRID") != NULL;
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
