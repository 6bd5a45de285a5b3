/* A trainer that finds no memory on one rank, at each allocation of its creation in turn: all ranks fail, and none waits. */
#include "plan.h"

#include "base/host.h"
#include "train/trainer.h"

/* calloc fails for this thread where it is asked for `n` items of `size` bytes */
static _Thread_local size_t failing_n, failing_size;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    return n == failing_n && size == failing_size ? NULL : __real_calloc(n, size);
}

typedef struct victim {
    int    rank;
    size_t n, size;
} victim;

static hoop_status starve(plan *p, hoop_comm *comm, int rank, hoop_trainer_opts *opts, hoop_error *err)
{
    const victim *v = p->ctx;
    (void)comm;
    (void)opts;
    (void)err;
    failing_n    = v->n;
    failing_size = v->rank == rank ? v->size : 0;
    return HOOP_OK;
}

static void one_rank_has_no_memory(void **state)
{
    enum { RANKS = 3, PARAMETERS = 4 }; /* two layers' */
    static const size_t asked[][2] = {{1, sizeof(hoop_trainer)}, {RANKS, sizeof(hoop__cpus)}, {PARAMETERS + 1, sizeof(int64_t)}};
    (void)state;
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        for (int bad = 0; bad < RANKS; bad++) {
            victim v = {bad, asked[i][0], asked[i][1]};
            plan   p = {.config = {"batch: 12\nsteps: 2\nthreads: 1\nmodel: {hidden: [8]}\ndata: {train: digits/train}\n"},
                        .comm   = {.timeout_s = 10},
                        .before = starve,
                        .ctx    = &v};
            plan_run(&p, RANKS);
            for (int r = 0; r < RANKS; r++) {
                plan_failed(&p, r, r == bad ? HOOP_ENOMEM : HOOP_EPEER, "no memory");
                assert_false(p.rank[r].created);
            }
            plan_clear(&p);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_rank_has_no_memory)};
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
