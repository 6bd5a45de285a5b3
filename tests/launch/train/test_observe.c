/* What follows a run: the numbers of its progress, metrics and events across a resumption, validation, a disk that is full. */
#include "plan.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "observe/observe.h"

#define EPOCHS                                                                                                                   \
    "batch: 60\nleaves: 4\nthreads: 1\nmodel: {hidden: [8]}\ndata: {train: digits/train, validation: digits/validation}\n"

static char *contents(const char *path)
{
    FILE *f    = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);
    if (f == NULL || text == NULL) fail_msg("can't read %s", path);
    (void)fread(text, 1, (1 << 20) - 1, f);
    (void)fclose(f);
    return text;
}

/* A run's metrics without its own times and the records of where it began. */
static char *metrics_of(const char *path)
{
    char *text = contents(path), *to = text;
    for (char *line = text, *end; *line != '\0'; line = end) {
        char *times;
        end   = strchr(line, '\n') + 1;
        times = strstr(line, ",\"time\":");
        if (strstr(line, "\"start\":") != NULL && strstr(line, "\"start\":") < end) continue;
        if (times == NULL || times > end) fail_msg("no times in %s", line);
        memmove(to, line, (size_t)(times - line));
        to += times - line;
        memcpy(to, "}\n", 2);
        to += 2;
    }
    *to = '\0';
    return text;
}

static int count(const char *text, const char *word)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++) n++;
    return n;
}

/* ---- progress ---- */

/* Rank 1 is late for the first step, which is before rank 0 looks: that wait is no share of what comes after. */
static hoop_status late(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop__progress_observer *progress = NULL;
    hoop_leaf               *leaf;
    hoop_status              st = HOOP_OK;
    if (rank == 1) (void)sleep(1);
    (void)hoop_trainer_next_step(tr);
    while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) hoop_trainer_backward(tr, hoop_trainer_loss(tr, leaf));
    HOOP_TRY(st, done, hoop_trainer_update(tr, err));
    if (rank == 0 && hoop_trainer_about(tr)->communication_s < 0.5) return hoop_fail(err, HOOP_ESTATE, "did not wait for rank 1");
    HOOP_TRY(st, done, hoop__progress_observer_create(tr, p->ctx, NULL, err, &progress));
    st = hoop_trainer_run(tr, (hoop_observer[]){hoop__observe_progress(progress)}, 1, err);
    hoop__progress_observer_destroy(&progress);
done:
    return st;
}

static void shares_begin_with_the_observer(void **state)
{
    FILE *out = fopen("progress.txt", "w");
    plan  p   = {.config = {EPOCHS "epochs: 2\n"}, .drive = late, .ctx = out};
    char *text;
    int   shares = 0;
    (void)state;
    plan_run(&p, 2);
    plan_good(&p);
    (void)fclose(out);
    text = contents("progress.txt");
    for (const char *at = text; (at = strstr(at, "comm ")) != NULL; at++, shares++) assert_in_range(atoi(at + 5), 0, 100);
    for (const char *at = text; (at = strstr(at, "stall ")) != NULL; at++) assert_in_range(atoi(at + 6), 0, 100);
    assert_int_equal(shares, 2);
    free(text);
    plan_clear(&p);
}

/* ---- metrics, events, validation ---- */

typedef struct watched {
    const char *dir;
    int64_t     stop_at; /* 0: not */
    char        notes[4096];
    rlim_t      room; /* files may grow so far from step 3 on; 0: any */
} watched;

static void keep_note(void *ctx, const char *text)
{
    watched *w    = ctx;
    size_t   used = strlen(w->notes);
    (void)snprintf(w->notes + used, sizeof w->notes - used, "%s\n", text);
}

static hoop_status stop(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    const watched *w   = ctx;
    struct rlimit  all = {RLIM_INFINITY, RLIM_INFINITY};
    (void)err;
    if (hoop_trainer_about(tr)->step == w->stop_at) hoop_trainer_stop(tr);
    if (w->room > 0 && hoop_trainer_about(tr)->step == 3) {
        (void)getrlimit(RLIMIT_FSIZE, &all);
        all.rlim_cur = w->room;
        (void)setrlimit(RLIMIT_FSIZE, &all);
    }
    return HOOP_OK;
}

static hoop_status watch(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    watched                *w       = p->ctx;
    hoop__metrics_observer *metrics = NULL;
    hoop_status             st;
    (void)rank;
    HOOP_TRY(st, done, hoop__metrics_observer_create(tr, w->dir, err, &metrics));
    st = hoop_trainer_run(
        tr,
        (hoop_observer[]){
            {.ctx = w, .step = stop}, hoop__observe_validation(), hoop__observe_metrics(metrics), hoop__observe_saving()},
        4, err);
    hoop__metrics_observer_destroy(&metrics);
done:
    return st;
}

/* the step from which the newest event file makes TensorBoard forget; -1: there is none */
static int64_t forgets_from(const char *dir)
{
    DIR           *d = opendir(dir);
    struct dirent *entry;
    int64_t        from = -1;
    assert_non_null(d);
    while ((entry = readdir(d)) != NULL) {
        char        path[600];
        struct stat about;
        FILE       *f;
        /* 12 bytes before the version's event, 9 of its time, step 0, 15 of its version, 4 of its checksum; 12, 9 of time, 0x10,
         * step */
        unsigned char head[80] = {0};
        size_t        second   = 12 + 9 + 2 + 15 + 4;
        if (strncmp(entry->d_name, "events.", 7) != 0) continue;
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        f = fopen(path, "rb");
        assert_true(f != NULL && stat(path, &about) == 0);
        assert_true(fread(head, 1, sizeof head, f) > second);
        (void)fclose(f);
        if (memcmp(head + 12 + 9 + 2 + 2, "brain.Event:2", 13) != 0) fail_msg("%s has another version", path);
        if (head[second + 12 + 9] == 0x10 && head[second + 12 + 11] == 0x3a) from = head[second + 12 + 10];
    }
    (void)closedir(d);
    return from;
}

/* `time` rises within a run; the waits are parts of it, and samples_per_s is by the clock between two lines */
static void times_add_up(const char *path)
{
    char  *text   = contents(path);
    double before = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        double      now, rate, stall, communication;
        const char *times = strstr(line, ",\"time\":");
        if (strstr(line, "\"start\":") != NULL) {
            before = 0;
            continue;
        }
        assert_int_equal(sscanf(times, ",\"time\":%lf,\"samples_per_s\":%lf,\"stall_s\":%lf,\"communication_s\":%lf}", &now,
                                &rate, &stall, &communication),
                         4);
        assert_true(now >= before && stall >= 0 && stall <= now - before + 2e-6 && communication >= 0);
        if (strstr(line, "\"lr\":") != NULL) assert_true(rate * (now - before) > 0.9 * 60 - rate * 2e-6);
        if (strstr(line, "\"lr\":") != NULL) assert_true(rate * (now - before) < 1.1 * 60 + rate * 2e-6);
        before = now;
    }
    free(text);
}

/* Stopped and gone on from there: the lines of an undisturbed run, and TensorBoard forgets only what comes after. */
static void gone_on_without_gaps(void **state)
{
    const char *config = EPOCHS "steps: 10\ncheckpoint: {every_steps: 3}\n";
    watched     w      = {.dir = "whole"};
    plan        p      = {.config = {config}, .drive = watch, .ctx = &w, .opts = {.run_dir = "whole"}};
    char       *want, *got;
    (void)state;
    plan_run(&p, 1);
    plan_good(&p);
    want = metrics_of("whole/metrics.jsonl");
    assert_int_equal(count(want, "\"validation_loss\""), 3); /* epochs of 4 steps, and the end */
    assert_int_equal(count(want, "\"step\":"), 13);
    assert_int_equal(forgets_from("whole"), -1);
    w.dir = p.opts.run_dir = "parts";
    w.stop_at              = 5;
    plan_run(&p, 1);
    plan_good(&p);
    assert_true(p.rank[0].about.stopped);
    assert_int_equal(p.rank[0].about.step, 6);            /* stopped in the step after */
    assert_int_equal(p.rank[0].about.validation_step, 4); /* it is of that step, and is not told of this one */
    w.stop_at     = 0;
    p.opts.resume = "parts";
    plan_run(&p, 1);
    plan_good(&p);
    assert_int_equal(p.rank[0].about.validation_step, 10);
    assert_int_equal(p.rank[0].about.validation_samples, 60);
    got = metrics_of("parts/metrics.jsonl");
    assert_string_equal(got, want);
    assert_int_equal(forgets_from("parts"), 7);
    free(got);
    got = contents("parts/metrics.jsonl"); /* both parts say what ran */
    assert_int_equal(count(got, "\"start\":{"), 2);
    assert_ptr_equal(strstr(got, "{\"step\":0,\"start\":{\"utc\":\""), got);
    assert_non_null(strstr(got, "\n{\"step\":6,\"start\":{\"utc\":\""));
    assert_non_null(strstr(got, "\"config\":\""));
    assert_non_null(strstr(got, "\"ranks\":1,\"hosts\":{\""));
    assert_non_null(strstr(got, "\"numerics\":\"f32-"));
    free(got);
    times_add_up("parts/metrics.jsonl");
    plan_run(&p, 1); /* nothing left to do */
    plan_good(&p);
    assert_int_equal(p.rank[0].about.validation_step, 10);
    got = metrics_of("parts/metrics.jsonl");
    assert_string_equal(got, want);
    free(got);
    free(want);
    plan_clear(&p);
}

/* The file of events in a run, in which tags stand as they are. */
static bool has_curve(const char *dir, const char *tag)
{
    DIR           *d = opendir(dir);
    struct dirent *entry;
    bool           found = false;
    assert_non_null(d);
    while ((entry = readdir(d)) != NULL) {
        char   path[512], *text;
        FILE  *f;
        size_t n;
        if (strncmp(entry->d_name, "events.", 7) != 0) continue;
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        f    = fopen(path, "rb");
        text = malloc(1 << 20);
        assert_true(f != NULL && text != NULL);
        n = fread(text, 1, 1 << 20, f);
        found |= memmem(text, n, tag, strlen(tag)) != NULL;
        free(text);
        (void)fclose(f);
    }
    (void)closedir(d);
    return found;
}

/* Each of several targets has its loss and metrics under its name, beside the loss of all. */
static void several_targets_have_names(void **state)
{
    static const char *const        keys[]   = {"\"loss\":",
                                                "\"kind.loss\":",
                                                "\"kind.accuracy\":",
                                                "\"size.loss\":",
                                                "\"validation_loss\":",
                                                "\"kind.validation_loss\":",
                                                "\"kind.validation_accuracy\":",
                                                "\"size.validation_loss\":"},
                             *const curves[] = {"train/loss", "train/kind/accuracy", "train/size/loss", "validation/kind/loss"};
    watched                         w        = {.dir = "several"};
    plan                            p        = {.config = {"batch: 60\nleaves: 4\nthreads: 1\nmodel: {hidden: [8]}\nepochs: 2\n"
                                                                                             "data: {train: digits/train, validation: digits/validation, inputs: {pixels: /x},\n"
                                                                                             "       targets: {kind: {path: /y, loss: cross_entropy}, size: {path: /y, loss: mse}}}\n"},
                                                .drive  = watch,
                                                .ctx    = &w,
                                                .opts   = {.run_dir = "several"}};
    char                           *one, *two;
    (void)state;
    plan_run(&p, 1);
    plan_good(&p);
    one = metrics_of("several/metrics.jsonl");
    for (int i = 0; i < 8; i++) assert_int_equal(count(one, keys[i]), i < 4 ? 8 : 2);
    assert_int_equal(count(one, "\"accuracy\":"), 0);
    for (int i = 0; i < 4; i++) assert_true(has_curve("several", curves[i]));
    assert_false(has_curve("several", "train/accuracy"));
    plan_clear(&p);
    w.dir = p.opts.run_dir = "on two";
    plan_run(&p, 2);
    plan_good(&p);
    two = metrics_of("on two/metrics.jsonl");
    assert_string_equal(one, two);
    free(one);
    free(two);
    plan_clear(&p);
}

/* What a checkpoint covers stands in metrics.jsonl when the checkpoint is begun, however fast the steps. */
static hoop_status look_at_lines(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    const watched *w = ctx;
    char           last[40], path[300];
    char          *text;
    hoop_status    st = HOOP_OK;
    if (!hoop__saves_now(tr)) return HOOP_OK;
    (void)snprintf(path, sizeof path, "%s/metrics.jsonl", w->dir);
    (void)snprintf(last, sizeof last, "{\"step\":%lld,", (long long)hoop_trainer_about(tr)->step);
    text = contents(path);
    if (strstr(text, last) == NULL)
        st = hoop_fail(err, HOOP_ESTATE, "no line of step %lld", (long long)hoop_trainer_about(tr)->step);
    free(text);
    return st;
}

static hoop_status watch_lines(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    watched                *w       = p->ctx;
    hoop__metrics_observer *metrics = NULL;
    hoop_status             st;
    (void)rank;
    HOOP_TRY(st, done, hoop__metrics_observer_create(tr, w->dir, err, &metrics));
    st = hoop_trainer_run(tr, (hoop_observer[]){hoop__observe_metrics(metrics), {.ctx = w, .step = look_at_lines}}, 2, err);
    hoop__metrics_observer_destroy(&metrics);
done:
    return st;
}

static void lines_come_before_their_checkpoint(void **state)
{
    watched w = {.dir = "lines"};
    plan    p = {.config = {EPOCHS "steps: 40\ncheckpoint: {every_steps: 3}\n"}, .drive = watch_lines, .ctx = &w};
    (void)state;
    assert_int_equal(mkdir("lines", 0777), 0);
    plan_run(&p, 1);
    plan_good(&p);
    plan_clear(&p);
}

/* No room for more lines: told once, and the training goes on. (Checkpoints that find no room end it: `refused_output`.) */
static void a_full_disk_ends_no_training(void **state)
{
    struct rlimit before;
    watched       w = {.dir = "full", .room = 900};
    plan          p = {.config = {EPOCHS "steps: 40\n"}, .drive = watch, .ctx = &w, .opts = {.ctx = &w, .note = keep_note}};
    char         *text;
    (void)state;
    assert_int_equal(mkdir("full", 0777), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    p.drive = watch;
    plan_run(&p, 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    plan_failed(&p, 0, HOOP_ESTATE, "no run directory"); /* of the saving at the end: all steps were made */
    assert_int_equal(p.rank[0].about.step, 40);
    assert_int_equal(count(w.notes, "warning: "), 1);
    assert_non_null(strstr(w.notes, "full/"));
    assert_non_null(strstr(w.notes, "File too large"));
    text = contents("full/metrics.jsonl");
    assert_true(strlen(text) <= 900 && strlen(text) > 0 && text[strlen(text) - 1] == '\n');
    free(text);
    plan_clear(&p);
}

/* ---- an evaluation ---- */

static void keep_fraction(void *ctx, double fraction)
{
    double *told = ctx; /* how often, the last */
    assert_true(fraction > told[1] && fraction <= 1);
    told[0]++;
    told[1] = fraction;
}

static hoop_status evaluate(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_dataset     *ds = NULL;
    hoop_metrics_sums own, other;
    hoop_status       st;
    (void)p;
    (void)rank;
    HOOP_TRY(st, done, hoop_dataset_open("digits/train", NULL, err, &ds));
    HOOP_TRY(st, done, hoop_trainer_evaluate(tr, ds, err, &other));
    if (hoop_trainer_about(tr)->validation_step != -1) st = hoop_fail(err, HOOP_ESTATE, "other data are told as validation");
    ((double *)p->ctx)[1] = 0;
    if (st == HOOP_OK) st = hoop_trainer_evaluate(tr, NULL, err, &own);
    if (st == HOOP_OK && memcmp(&own, &hoop_trainer_about(tr)->validation, sizeof own) != 0)
        st = hoop_fail(err, HOOP_ESTATE, "the status tells another validation");
done:
    hoop_dataset_close(&ds);
    return st;
}

static void an_evaluation_tells_how_far_it_is(void **state)
{
    double told[2] = {0, 0};
    plan   p       = {.config = {"batch: 7\nleaves: 4\nthreads: 1\nsteps: 1\nmodel: {hidden: [8]}\n"
                                         "data: {train: digits/train, validation: digits/validation}\n"},
                      .drive  = evaluate,
                      .ctx    = told,
                      .opts   = {.ctx = told, .progress = keep_fraction}};
    (void)state;
    plan_run(&p, 1);
    plan_good(&p);
    assert_true(told[0] == 35 + 9 && told[1] == 1); /* 240 rows, 60 rows */
    assert_int_equal(p.rank[0].about.validation_step, 0);
    plan_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_begin_with_the_observer), cmocka_unit_test(gone_on_without_gaps),
        cmocka_unit_test(several_targets_have_names),     cmocka_unit_test(lines_come_before_their_checkpoint),
        cmocka_unit_test(a_full_disk_ends_no_training),   cmocka_unit_test(an_evaluation_tells_how_far_it_is),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
