/* A profile of a trainer: its ops with their calls, its other parts, and weights as without. */
#include "plan.h"

#include "hoop/profile.h"

#define MODEL                                                                                                                    \
    "threads: 1\nmodel: {hidden: [16, 8]}\ndata: {train: digits/train}\nbatch: 24\nsteps: 9\noptimizer: {name: adamw, lr: "      \
    "1e-3}\n"

typedef struct count {
    const char *name;
    hoop_phase  phase;
    int64_t     calls; /* a step; 0: any number of them */
    double      flops; /* a step of one rank; 0: not looked at */
} count;

/* 784-16-8-10 with relu, 24 samples; without the gradient of the input */
#define PRODUCTS (784 * 16 + 16 * 8 + 8 * 10)
static const count counts[] = {
    {"linear", HOOP_PHASE_FORWARD, 3, 2.0 * 24 * PRODUCTS},
    {"relu", HOOP_PHASE_FORWARD, 2, 0.0},
    {"cross_entropy", HOOP_PHASE_FORWARD, 1, 0.0},
    {"matmul", HOOP_PHASE_BACKWARD, 5, 2.0 * 24 * (2 * PRODUCTS - 784 * 16)},
    {"sum", HOOP_PHASE_BACKWARD, 3, 0.0},
    {"relu_grad", HOOP_PHASE_BACKWARD, 2, 0.0},
    {"cross_entropy_grad", HOOP_PHASE_BACKWARD, 1, 0.0},
    {"data", HOOP_PHASE_OTHER, 0, 0.0},
    {"update", HOOP_PHASE_OTHER, 0, 0.0},
    {"sums of gradients", HOOP_PHASE_OTHER, 0, 0.0},
    {"other", HOOP_PHASE_OTHER, -1, 0.0},
};

static const hoop_profile_row *find(const hoop_profile_row *rows, int n, const count *c)
{
    for (int i = 0; i < n; i++)
        if (strcmp(rows[i].name, c->name) == 0 && rows[i].phase == c->phase) return &rows[i];
    return NULL;
}

/* of several leaves a rank the work is that of one; calls of ops that run leaf by leaf are more */
static hoop_status check(hoop_profile *p, int64_t steps, int size, bool one_leaf, hoop_error *err)
{
    const hoop_profile_row *rows;
    const int               n = hoop_profile_rows(p, &rows);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const hoop_profile_row *r = find(rows, n, &counts[i]);
        if (r == NULL || r->seconds <= 0.0) return hoop_fail(err, HOOP_ESTATE, "no %s", counts[i].name);
        if (counts[i].flops > 0.0 && r->flops != (double)steps * counts[i].flops / size)
            return hoop_fail(err, HOOP_ESTATE, "%s: %g flops a step, not %g", r->name, r->flops / (double)steps,
                             counts[i].flops / size);
        if (!one_leaf) continue;
        if (counts[i].calls > 0 ? r->calls != steps * counts[i].calls : counts[i].calls == 0 && r->calls < steps)
            return hoop_fail(err, HOOP_ESTATE, "%s: %lld calls in %lld steps", r->name, (long long)r->calls, (long long)steps);
    }
    for (int i = 0; i < n; i++)
        if (rows[i].op && rows[i].bytes <= 0.0) return hoop_fail(err, HOOP_ESTATE, "%s moves nothing", rows[i].name);
    return HOOP_OK;
}

/* two steps without, four with, three without */
static hoop_status begin_and_end(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    hoop_profile **p = ctx;
    (void)err;
    if (hoop_trainer_about(tr)->step == 2) hoop_profile_start(*p);
    if (hoop_trainer_about(tr)->step == 6) hoop_profile_stop(*p);
    return HOOP_OK;
}

static hoop_status profiled(plan *of, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_profile       *p        = NULL;
    const hoop_observer observer = {.ctx = (void *)&p, .step = begin_and_end};
    hoop_status         st;
    (void)rank;
    HOOP_TRY(st, done, hoop_profile_create(hoop_trainer_runtime(tr), err, &p));
    HOOP_TRY(st, done, hoop_trainer_run(tr, &observer, 1, err));
    st = check(p, 4, of->size, hoop_trainer_about(tr)->leaves == of->size, err);
done:
    hoop_profile_destroy(&p);
    return st;
}

static void every_op_is_seen_and_no_bit_changed(void **state)
{
    static const char *const keys[] = {"leaves: %d\n", "leaves: %d\ncapture: off\n"};
    (void)state;
    for (int i = 0; i < 8; i++) {
        const int size = 1 + i % 2;
        char      config[512];
        plan      with = {.drive = profiled}, without = {.size = 0};
        int       n = snprintf(config, sizeof config, "%s", MODEL);
        (void)snprintf(config + n, sizeof config - (size_t)n, keys[i / 2 % 2], i < 4 ? size : 6);
        with.config[0] = without.config[0] = config;
        plan_run(&without, size);
        plan_good(&without);
        plan_run(&with, size);
        plan_good(&with);
        plan_same(&with, &without);
        plan_clear(&with);
        plan_clear(&without);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_op_is_seen_and_no_bit_changed)};
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
