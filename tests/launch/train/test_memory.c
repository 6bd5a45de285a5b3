/* A trainer that finds no memory on one rank, at each allocation of its creation in turn: all ranks fail, and none waits. */
#include "plan.h"

#include "base/host.h"
#include "hoop/checkpoint.h"
#include "hoop/import.h"
#include "observe/observe.h"
#include "hoop/trained.h"
#include "train/meaning.h"
#include "train/trainer.h"

/* calloc fails for this thread where it is asked for `n` items of `size` bytes; any allocation of hoop's own, when it is the one
 * that `countdown` comes to (-1: never). What libraries allocate for themselves is not theirs to survive. */
static _Thread_local size_t failing_n, failing_size;
static _Thread_local long   countdown = -1;
static _Thread_local bool   starved; /* it did fail */

static bool fails(void)
{
    if (countdown < 0 || countdown-- > 0) return false;
    starved = true;
    return true;
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    return (n == failing_n && size == failing_size) || fails() ? NULL : __real_calloc(n, size);
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size)
{
    return fails() ? NULL : __real_realloc(p, size);
}

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
char *__wrap_strdup(const char *s)
{
    return fails() ? NULL : __real_strdup(s);
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

/* ---- a whole run, a failing allocation at each place of it ---- */

enum { SWEEP_RANKS = 2 };

static int enter_with_few(void **state)
{
    hoop_import_opts opts = {.dir = "few", .shards = 1, .split = 0.25, .seed = 1};
    return enter_folder(state) == 0 && hoop_synth("digits", 64, &opts, NULL, NULL) == HOOP_OK ? 0 : -1;
}

typedef struct sweep {
    int  bad;
    long at;
    bool hit; /* the run asked for so much memory */
} sweep;

static hoop_status count_down(plan *p, hoop_comm *comm, int rank, hoop_trainer_opts *opts, hoop_error *err)
{
    const sweep *s = p->ctx;
    (void)comm;
    (void)err;
    opts->run_dir = "swept";
    starved       = false;
    countdown     = rank == s->bad ? s->at : -1;
    return HOOP_OK;
}

/* what hoop eval and predict do */
static hoop_status use_trained(hoop_comm *comm, hoop_error *err)
{
    static const char *const set[] = {"threads=1"}, *const out[] = {"swept.csv", "swept.h5"};
    hoop_trained     *t     = NULL;
    hoop_error        local = {.status = HOOP_OK};
    hoop_metrics_sums sums;
    hoop_status       st;
    (void)hoop_trained_read("swept", set, 1, &local, &t);
    st = hoop_comm_agree_status(comm, &local);
    if (st == HOOP_OK) st = hoop_trained_open(t, comm, &(hoop_trained_opts){.targets = true}, &local);
    if (st == HOOP_OK) st = hoop_trained_evaluate(t, &local, &sums);
    for (int i = 0; i < 2 && st == HOOP_OK; i++) st = hoop_trained_predict(t, out[i], true, NULL, NULL, &local);
    hoop_trained_close(&t);
    return st == HOOP_OK ? HOOP_OK : hoop_fail(err, st, "%s", local.text);
}

/* what hoop train does: observers of all kinds, a validation, checkpoints; then a load, and what is done with a
 * trained model */
static hoop_status whole_run(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop__progress_observer *progress = NULL;
    hoop__metrics_observer  *metrics  = NULL;
    hoop_error               local    = {.status = HOOP_OK};
    FILE                    *nowhere  = fopen("/dev/null", "w");
    char                     path[HOOP_CHECKPOINT_PATH];
    float                    x[10 * 28 * 28] = {0}, y[10 * 10];
    hoop_status              st;
    (void)p;
    (void)rank;
    if (nowhere == NULL) (void)hoop_fail(&local, HOOP_EIO, "/dev/null");
    if (local.status == HOOP_OK) (void)hoop__progress_observer_create(tr, nowhere, NULL, &local, &progress);
    if (local.status == HOOP_OK) (void)hoop__metrics_observer_create(tr, "swept", &local, &metrics);
    st = hoop_comm_agree_status(hoop_trainer_comm(tr), &local);
    if (st == HOOP_OK)
        st = hoop_trainer_run(tr,
                              (hoop_observer[]){hoop__observe_validation(), hoop__observe_progress(progress),
                                                hoop__observe_metrics(metrics), hoop__observe_saving()},
                              4, &local);
    hoop__progress_observer_destroy(&progress);
    hoop__metrics_observer_destroy(&metrics);
    if (st == HOOP_OK) st = hoop_checkpoint_step_path("swept", hoop_trainer_about(tr)->step, &local, path);
    if (st == HOOP_OK) st = hoop_trainer_load(tr, path, &local);
    if (st == HOOP_OK) (void)hoop_trainer_predict(tr, x, 10, y, &local);
    if (st == HOOP_OK) st = hoop_comm_agree_status(hoop_trainer_comm(tr), &local);
    if (st == HOOP_OK) st = use_trained(hoop_trainer_comm(tr), &local);
    if (nowhere != NULL) (void)fclose(nowhere);
    return st == HOOP_OK ? HOOP_OK : hoop_fail(err, st, "%s", local.text);
}

static void stop_counting(plan *p, int rank)
{
    sweep *s = p->ctx;
    if (rank == s->bad) s->hit = starved;
    countdown = -1;
}

/* Whatever is not there, all ranks end together, and soon: none waits for another until its deadline. */
static void sweep_runs(const char *config)
{
    const char *every = getenv("HOOP_TEST_EVERY"); /* of how many places one is tried; 1: all */
    const long  few   = getenv("HOOP_SANITIZE") == NULL ? 61 : 191;
    const long  step  = every != NULL && atol(every) > 0 ? atol(every) : few;
    int64_t     tried = 0, failed = 0;
    for (int bad = 0; bad < SWEEP_RANKS; bad++) {
        sweep s = {.bad = bad, .at = bad, .hit = true};
        for (; s.hit; s.at += step) {
            plan p       = {.config = {config},
                            .comm   = {.timeout_s = 5},
                            .before = count_down,
                            .drive  = whole_run,
                            .after  = stop_counting,
                            .ctx    = &s};
            bool bad_end = false;
            (void)system("rm -rf swept"); /* NOLINT: a test's own folder */
            s.hit = false;
            plan_run(&p, SWEEP_RANKS);
            tried++;
            for (int r = 0; r < SWEEP_RANKS; r++) {
                const hoop_error *e = &p.rank[r].error;
                if (e->status == HOOP_ETIMEOUT || strstr(e->text, "nothing moved") != NULL)
                    fail_msg("allocation %ld of rank %d: rank %d waited: %s", s.at, bad, r, e->text);
                bad_end = bad_end || (e->status == HOOP_OK) != (p.rank[0].error.status == HOOP_OK);
            }
            if (bad_end)
                fail_msg("allocation %ld of rank %d: rank 0 ended with '%s', rank 1 with '%s'", s.at, bad, p.rank[0].error.text,
                         p.rank[1].error.text);
            failed += p.rank[0].error.status != HOOP_OK;
            plan_clear(&p);
        }
    }
    print_message("%lld allocations failed in turn, %lld of them ended the run\n", (long long)tried, (long long)failed);
    assert_true(tried > 10 && failed > 5);
}

static void a_run_without_memory_ends_everywhere(void **state)
{
    (void)state;
    sweep_runs("batch: 12\nleaves: 4\nepochs: 1\nthreads: 1\nmodel: {hidden: [4], activation: relu}\n"
               "data: {train: few/train, validation: few/validation, normalize: standard}\n"
               "checkpoint: {every_steps: 2, keep: 1}\n");
}

static void so_does_one_that_normalises_targets(void **state)
{
    (void)state;
    sweep_runs("batch: 12\nleaves: 4\nepochs: 1\nthreads: 1\nloss: mse\nmodel: {hidden: [4], activation: relu}\n"
               "data: {train: few/train, validation: few/validation, normalize_targets: standard}\n"
               "checkpoint: {every_steps: 2, keep: 1}\n");
}

/* what was freed with an error is not freed again by who gets it */
static void names_without_memory(void **state)
{
    hoop__names names = {0};
    hoop_error  err   = {.status = HOOP_OK};
    (void)state;
    for (long at = 0; at < 2; at++) {
        hoop_status st;
        countdown = at;
        st        = hoop__names_split("one\ntwo", &err, &names);
        countdown = -1;
        hoop__names_free(&names);
        assert_int_equal(st, HOOP_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_rank_has_no_memory), cmocka_unit_test(a_run_without_memory_ends_everywhere),
        cmocka_unit_test(so_does_one_that_normalises_targets), cmocka_unit_test(names_without_memory)};
    return cmocka_run_group_tests(tests, enter_with_few, leave_folder);
}
