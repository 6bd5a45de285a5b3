/* Checkpoints behind the steps, on disks that are slow or fail: what a rank's disk does is made to happen by --wrap. */
#include "plan.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "hoop/checkpoint.h"
#include "hoop/comm.h"

#define CONFIG                                                                                                                   \
    "seed: 7\nbatch: 42\nleaves: 12\nthreads: 1\nloss: cross_entropy\noptimizer: {name: adamw, lr: 2e-3}\n"                      \
    "model: {kind: mlp, hidden: [20, 12]}\ndata: {train: digits/train}\ndist: {bucket_mb: 0.02}\nsteps: 100000\n"

/* What the disk does when the file of this name is synced, or gets its name. */
static struct disk {
    const char     *file;
    int             error;   /* it fails with it; 0: it is done */
    bool            waits;   /* until that is false again */
    int             seconds; /* it takes so long */
    int             met;
    pthread_mutex_t lock;
    pthread_cond_t  change;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};

static int touch(const char *path)
{
    const char *slash = strrchr(path, '/');
    int         error = 0, seconds = 0;
    (void)pthread_mutex_lock(&disk.lock);
    if (disk.file != NULL && strcmp(slash == NULL ? path : slash + 1, disk.file) == 0) {
        disk.met++;
        while (disk.waits) (void)pthread_cond_wait(&disk.change, &disk.lock);
        error   = disk.error;
        seconds = disk.seconds;
    }
    (void)pthread_mutex_unlock(&disk.lock);
    (void)nanosleep(&(struct timespec){seconds, 0}, NULL);
    return error;
}

static int met(void)
{
    int n;
    (void)pthread_mutex_lock(&disk.lock);
    n = disk.met;
    (void)pthread_mutex_unlock(&disk.lock);
    return n;
}

static void go_on(void)
{
    (void)pthread_mutex_lock(&disk.lock);
    disk.waits = false;
    (void)pthread_cond_broadcast(&disk.change);
    (void)pthread_mutex_unlock(&disk.lock);
}

static void behave(const char *file, int error, bool waits, int seconds)
{
    disk.file    = file;
    disk.error   = error;
    disk.waits   = waits;
    disk.seconds = seconds;
    disk.met     = 0;
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    char    link[64], path[4096];
    ssize_t n;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n                   = readlink(link, path, sizeof path - 1);
    path[n < 0 ? 0 : n] = '\0';
    if ((errno = touch(path)) != 0) return -1;
    return __real_fsync(fd);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    if ((errno = touch(to)) != 0) return -1;
    return __real_rename(from, to);
}

static hoop_status one_step(hoop_trainer *tr, hoop_error *err)
{
    hoop_leaf *leaf;
    if (!hoop_trainer_next_step(tr)) return hoop_fail(err, HOOP_ESTATE, "no step is left");
    while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) hoop_trainer_backward(tr, hoop_trainer_loss(tr, leaf));
    return hoop_trainer_update(tr, err);
}

static void checkpoints_are(const char *run, int64_t n, int64_t newest)
{
    int64_t *steps = NULL, found = 0;
    assert_ok(hoop_checkpoint_list(run, &err, &steps, &found));
    assert_int_equal(found, n);
    if (n > 0) assert_int_equal(steps[n - 1], newest);
    free(steps);
}

/* As long as rank 0 hangs in publishing, all go on with their steps; then a step tells that it is done. */
static hoop_status step_while_it_publishes(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    const hoop_reducer *max     = hoop_reducer_of(HOOP_I64, HOOP_MAX);
    int64_t             waiting = 0;
    hoop_status         st;
    (void)p;
    HOOP_TRY(st, done, one_step(tr, err));
    HOOP_TRY(st, done, hoop_trainer_save(tr, err));
    while (waiting == 0) {
        HOOP_TRY(st, done, one_step(tr, err));
        waiting = rank == 0 && met() > 0;
        HOOP_TRY(st, done, hoop_comm_all_reduce_wait(hoop_trainer_comm(tr), &waiting, 1, max, "test", err));
    }
    for (int i = 0; i < 5; i++) HOOP_TRY(st, done, one_step(tr, err));
    if (hoop_trainer_about(tr)->saved_step != -1) st = hoop_fail(err, HOOP_ESTATE, "it is not published yet");
    if (rank == 0) go_on();
    while (st == HOOP_OK && hoop_trainer_about(tr)->saved_step != 1) st = one_step(tr, err);
done:
    return st;
}

static void steps_go_on_behind_it(void **state)
{
    plan p = {.config = {CONFIG}, .drive = step_while_it_publishes, .opts = {.run_dir = "behind"}};
    (void)state;
    behave("manifest.json", 0, true, 0);
    plan_run(&p, 3);
    plan_good(&p);
    checkpoints_are("behind", 1, 1);
    plan_clear(&p);
}

static hoop_status save_and_step(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st;
    (void)p;
    (void)rank;
    HOOP_TRY(st, done, one_step(tr, err));
    HOOP_TRY(st, done, hoop_trainer_save(tr, err));
    while (st == HOOP_OK) st = one_step(tr, err);
done:
    return st;
}

static hoop_status save_and_wait(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st;
    (void)p;
    (void)rank;
    HOOP_TRY(st, done, one_step(tr, err));
    HOOP_TRY(st, done, hoop_trainer_save(tr, err));
    st = hoop_trainer_finish(tr, err);
done:
    return st;
}

/* A part that cannot be written, or a manifest: in a later step, or where it is waited for, all fail, each naming who did. */
static void failures_reach_all_ranks(void **state)
{
    static const struct {
        const char *file, *words;
        int         rank;
    } cases[] = {{"shard-00001-of-00003.h5", "saving step 1: ", 1}, {"manifest.json", "saving step 1: ", 0}};
    (void)state;
    for (int i = 0; i < 4; i++) {
        plan p = {.config = {CONFIG}, .drive = i < 2 ? save_and_step : save_and_wait, .opts = {.run_dir = "failing"}};
        behave(cases[i % 2].file, EIO, false, 0);
        plan_run(&p, 3);
        for (int r = 0; r < 3; r++) {
            char words[64];
            (void)snprintf(words, sizeof words, "rank %d on ", cases[i % 2].rank);
            if (r == cases[i % 2].rank)
                plan_failed(&p, r, HOOP_EIO, cases[i % 2].file);
            else
                plan_failed(&p, r, HOOP_EPEER, words);
            plan_failed(&p, r, p.rank[r].error.status, cases[i % 2].words);
        }
        checkpoints_are("failing", 0, 0);
        plan_clear(&p);
    }
}

/* A disk that takes longer than the ranks' deadline is not a rank that is gone. */
static void slow_disks_are_waited_for(void **state)
{
    static const char *const files[] = {"shard-00001-of-00003.h5", "manifest.json"};
    char                     run[]   = "slow-0";
    (void)state;
    for (int i = 0; i < 2; i++) {
        plan p = {.config = {CONFIG}, .drive = save_and_wait, .opts = {.run_dir = run}, .comm = {.timeout_s = 1}};
        run[5] = (char)('0' + i);
        behave(files[i], 0, false, 2);
        plan_run(&p, 3);
        plan_good(&p);
        assert_int_equal(met(), 1);
        checkpoints_are(run, 1, 1);
        plan_clear(&p);
    }
}

static hoop_status lose_the_run(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    int64_t     generation;
    hoop_status st = hoop_trainer_check_run(tr, err);
    (void)p;
    if (st == HOOP_OK && rank == 0 && (st = hoop_run_fence("lost", err, &generation)) == HOOP_OK)
        return hoop_trainer_check_run(tr, err);
    return st;
}

static void who_lost_the_run_is_told(void **state)
{
    plan p = {.config = {CONFIG}, .drive = lose_the_run, .opts = {.run_dir = "lost"}};
    (void)state;
    behave(NULL, 0, false, 0);
    plan_run(&p, 1);
    plan_failed(&p, 0, HOOP_EBUSY, "generation 1, writes here no more");
    plan_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(steps_go_on_behind_it), cmocka_unit_test(failures_reach_all_ranks),
                                       cmocka_unit_test(slow_disks_are_waited_for), cmocka_unit_test(who_lost_the_run_is_told)};
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
