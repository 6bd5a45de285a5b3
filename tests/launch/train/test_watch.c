/* What goes by metrics of the validation data, a schedule, the end of a run, the best checkpoint, and the mean of the weights
 * that these are of: the same on any number of ranks, and where others go on. */
#include "plan.h"

#include "hoop/checkpoint.h"
#include "hoop/inspect.h"
#include "observe/observe.h"

#include <sys/stat.h>
#include <unistd.h>

/* 4 steps an epoch */
#define RUN                                                                                                                      \
    "seed: 7\nbatch: 60\nleaves: 12\nthreads: 1\nepochs: 6\nmodel: {hidden: [20], dropout: 0.1}\n"                               \
    "data: {train: digits/train, validation: digits/validation}\ndist: {bucket_mb: 0.01}\n"

/* a run as the command makes it; ctx: the step to stop after, 0: none */
static hoop_status stop_at(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    (void)err;
    if (hoop_trainer_about(tr)->step == *(const int64_t *)ctx) hoop_trainer_stop(tr);
    return HOOP_OK;
}

static hoop_status observed(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    static int64_t never       = -1;
    hoop_observer  observers[] = {
         hoop__observe_validation(), hoop__observe_saving(), {.ctx = p->ctx == NULL ? &never : p->ctx, .step = stop_at}};
    (void)rank;
    return hoop_trainer_run(tr, observers, 3, err);
}

static void hash_of(const char *path, char hex[HOOP_CHECKPOINT_HASH_SIZE])
{
    hoop_checkpoint *c = NULL;
    assert_ok(hoop_checkpoint_open(path, &err, &c));
    assert_ok(hoop_checkpoint_hash(c, true, &err, hex));
    hoop_checkpoint_close(&c);
}

static void same_hash(const char *a, const char *b, const char *path)
{
    char one[128], other[128], x[HOOP_CHECKPOINT_HASH_SIZE], y[HOOP_CHECKPOINT_HASH_SIZE];
    (void)snprintf(one, sizeof one, "%s/%s", a, path);
    (void)snprintf(other, sizeof other, "%s/%s", b, path);
    hash_of(one, x);
    hash_of(other, y);
    if (strcmp(x, y) != 0) fail_msg("%s and %s differ", one, other);
}

static void link_of(const char *run, const char *name, char target[64])
{
    char    path[128];
    ssize_t n;
    (void)snprintf(path, sizeof path, "%s/%s", run, name);
    n = readlink(path, target, 63);
    if (n < 0) fail_msg("%s is no link", path);
    target[n] = '\0';
}

/* all at once, and stopped behind steps 20, 10, 8 and 1, on other ranks before and after */
static void same_in_parts(const char *config, const char *name)
{
    static int64_t stops[] = {19, 9, 7, 0}; /* heard in the step that follows */
    plan           p       = {.config = {config}, .drive = observed, .opts = {.run_dir = name}};
    char           a[64], b[64];
    double         factor;
    plan_run(&p, 1);
    plan_good(&p);
    factor = p.rank[0].about.lr / 0.5;
    assert_true(factor < 1.0 && factor > 0.0); /* it has dropped */
    for (int i = 0; i < 4; i++) {
        char run[32];
        (void)snprintf(run, sizeof run, "%s-%d", name, i);
        p.opts = (hoop_trainer_opts){.run_dir = run};
        p.ctx  = &stops[i];
        plan_run(&p, i == 0 ? 2 : 3);
        plan_good(&p);
        p.opts.resume = run;
        p.ctx         = NULL;
        plan_run(&p, i == 1 ? 2 : 1);
        plan_good(&p);
        same_hash(name, run, "latest");
        same_hash(name, run, "best");
        link_of(name, "best", a);
        link_of(run, "best", b);
        assert_string_equal(a, b);
    }
    plan_clear(&p);
}

#define WATCHED                                                                                                                  \
    RUN "optimizer: {name: sgd, lr: 0.5, momentum: 0.9}\nema: {decay: 0.8}\n"                                                    \
        "schedule: {name: plateau, metric: accuracy, patience: 0, factor: 0.5, threshold: 0.3, warmup_steps: 3}\n"               \
        "early_stop: {patience: 3}\ncheckpoint: {every_steps: 4, keep: 1, best: {metric: accuracy}}\n"

static void same_on_any_ranks(void **state)
{
    (void)state;
    same_in_parts(WATCHED, "whole");                                  /* stopped at ends of epochs, and behind them */
    same_in_parts(WATCHED "validation: {every_steps: 5}\n", "often"); /* at evaluations that are none, and between */
}

/* ---- when ---- */

static int64_t seen[32];
static int     nseen;

static hoop_status see(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    const hoop_trainer_status *s = hoop_trainer_about(tr);
    (void)ctx;
    (void)err;
    if (hoop_comm_rank(hoop_trainer_comm(tr)) != 0 || s->validation_step != s->step) return HOOP_OK;
    if (nseen == 0 || seen[nseen - 1] != s->step) seen[nseen++] = s->step;
    return HOOP_OK;
}

static hoop_status watched(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    const hoop_observer observers[] = {hoop__observe_validation(), hoop__observe_saving(), {.epoch = see, .end = see}};
    (void)p;
    if (rank == 0) nseen = 0; /* it alone sees */
    return hoop_trainer_run(tr, observers, 3, err);
}

static void evaluations_come_every_so_many_steps(void **state)
{
#define OFTEN RUN "optimizer: {name: sgd, lr: 0.1}\nschedule: {name: plateau, patience: 1}\n"
    static const int64_t epochs[] = {4, 8, 12, 16, 20, 24}, steps[] = {5, 10, 15, 20, 24};
    plan                 p = {.config = {OFTEN}, .drive = watched, .opts = {.run_dir = "when"}};
    (void)state;
    plan_run(&p, 1);
    plan_good(&p);
    assert_int_equal(nseen, 6);
    assert_memory_equal(seen, epochs, sizeof epochs);
    p.config[0] = OFTEN "validation: {every_steps: 5}\n";
    p.opts      = (hoop_trainer_opts){.run_dir = "five"};
    plan_run(&p, 2);
    plan_good(&p);
    assert_int_equal(nseen, 5);
    assert_memory_equal(seen, steps, sizeof steps);
    p.opts      = (hoop_trainer_opts){.resume = "five"};
    p.config[0] = OFTEN "validation:\n  every_steps: 6\n"; /* the schedule goes by them */
    plan_run(&p, 2);
    for (int r = 0; r < 2; r++)
        plan_failed(
            &p, r, HOOP_ECONFIG,
            "test.yaml:12: validation.every_steps: is 6, but the run was started with 5, which the plateau schedule depends on");
    p.config[0] = RUN "optimizer: {name: sgd, lr: 0.1}\n";
    p.opts      = (hoop_trainer_opts){.run_dir = "plain"};
    plan_run(&p, 1);
    plan_good(&p);
    p.config[0] = RUN "optimizer: {name: sgd, lr: 0.1}\nvalidation: {every_steps: 7}\n"; /* else they decide no bits */
    p.opts      = (hoop_trainer_opts){.run_dir = "plain", .resume = "plain"};
    plan_run(&p, 1);
    plan_good(&p);
    plan_clear(&p);
}

static void runs_end_early(void **state)
{
    plan p = {.config = {RUN "optimizer: {name: sgd, lr: 0}\nearly_stop: {metric: accuracy, patience: 2}\n"},
              .drive  = observed,
              .opts   = {.run_dir = "early"}};
    (void)state;
    for (int size = 1; size <= 2; size++) { /* the second finds that it is over */
        plan_run(&p, size);
        plan_good(&p);
        assert_int_equal(p.rank[0].about.step, 12);
        assert_true(p.rank[0].about.early_stopped);
        assert_int_equal(p.rank[0].about.saved_step, 12);
        p.opts.resume = "early";
    }
    p.config[0] = RUN "optimizer: {name: sgd, lr: 0}\nearly_stop: {metric: accuracy, patience: 4}\n"; /* it decides no bits */
    plan_run(&p, 1);
    plan_good(&p);
    assert_true(p.rank[0].about.step == 20 && p.rank[0].about.early_stopped);
    p.config[0] = RUN "optimizer: {name: sgd, lr: 0}\nearly_stop: {metric: loss, mode: max, patience: 9}\n";
    plan_run(&p, 1); /* of another metric nothing is known */
    plan_good(&p);
    assert_true(p.rank[0].about.step == 24 && !p.rank[0].about.early_stopped);
    plan_clear(&p);
}

static void best_is_kept(void **state)
{
    plan p = {
        .config = {RUN
                   "optimizer: {name: sgd, lr: 0.2}\ncheckpoint: {keep: 1, every_steps: 5, best: {metric: loss, mode: max}}\n"},
        .drive  = observed,
        .opts   = {.run_dir = "worst"}};
    int64_t *steps = NULL, n = 0;
    char     target[64];
    (void)state;
    plan_run(&p, 2);
    plan_good(&p);
    assert_int_equal(p.rank[0].about.best_step, 4);
    assert_ok(hoop_checkpoint_list("worst", &err, &steps, &n));
    assert_true(n == 2 && steps[0] == 4 && steps[1] == 24);
    free(steps);
    link_of("worst", "best", target);
    assert_string_equal(target, "checkpoints/step-00000004");
    p.opts      = (hoop_trainer_opts){.resume = "worst/best"};
    p.drive     = NULL;
    p.config[0] = RUN "optimizer: {name: sgd, lr: 0.2}\n";
    plan_run(&p, 1); /* it is a checkpoint as others are */
    plan_good(&p);
    plan_clear(&p);
}

/* the last note that names what `ctx` is */
static char last_note[1024];

static void take_note(void *ctx, const char *text)
{
    if (strstr(text, ctx) != NULL) (void)snprintf(last_note, sizeof last_note, "%s", text);
}

/* With keep: 1 the best before is gone once there is a better one, of the last step too. */
static void what_was_best_goes(void **state)
{
    plan     p     = {.config = {RUN "optimizer: {name: sgd, lr: 0.2}\ncheckpoint: {keep: 1, best: {metric: loss}}\n"},
                      .drive  = observed,
                      .opts   = {.run_dir = "down"}};
    int64_t *steps = NULL, n = 0;
    (void)state;
    plan_run(&p, 2);
    plan_good(&p);
    assert_int_equal(p.rank[0].about.best_step, 24);
    assert_ok(hoop_checkpoint_list("down", &err, &steps, &n));
    assert_true(n == 1 && steps[0] == 24);
    free(steps);
    plan_clear(&p);
}

/* Gone on from in another directory, the best is chosen among what is there. */
static void best_of_elsewhere_is_forgotten(void **state)
{
    static const char config[] =
        RUN "optimizer: {name: sgd, lr: 0.2}\ncheckpoint: {keep: 1, every_steps: 5, best: {metric: loss, mode: max}}\n";
    static int64_t stop = 9;
    plan           p    = {.config = {config}, .drive = observed, .opts = {.run_dir = "first"}, .ctx = &stop};
    char           target[64];
    (void)state;
    plan_run(&p, 2);
    plan_good(&p);
    assert_int_equal(p.rank[0].about.best_step, 4);
    p.ctx  = NULL;
    p.opts = (hoop_trainer_opts){.run_dir = "second", .resume = "first/latest", .ctx = "best", .note = take_note};
    plan_run(&p, 3);
    plan_good(&p);
    assert_non_null(strstr(last_note, "the best checkpoint so far, of step 4, is not in second"));
    assert_int_equal(p.rank[0].about.best_step, 12);
    link_of("second", "best", target);
    assert_string_equal(target, "checkpoints/step-00000012");
    /* `best` cannot be set: that is said, and harms nothing */
    assert_int_equal(unlink("first/best"), 0);
    assert_int_equal(mkdir("first/best", 0755), 0);
    assert_int_equal(mkdir("first/best/full", 0755), 0);
    last_note[0] = '\0';
    p.opts       = (hoop_trainer_opts){.run_dir = "first", .resume = "first", .ctx = "best", .note = take_note};
    plan_run(&p, 2);
    plan_good(&p);
    assert_int_equal(p.rank[0].about.step, 24);
    assert_int_equal(p.rank[0].about.best_step, 4);
    assert_non_null(strstr(last_note, "warning: first/.best.tmp-"));
    assert_non_null(strstr(last_note, ": cannot be renamed to first/best"));
    plan_clear(&p);
}

static hoop_status evaluate_once(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_metrics_sums sums;
    hoop_status       st = hoop_trainer_evaluate(tr, NULL, err, &sums);
    if (rank == 0) *(double *)p->ctx = sums.loss / sums.weight;
    return st;
}

/* Evaluations are of the mean, in training and of its checkpoint; training goes on as without it. */
static void means_are_evaluated(void **state)
{
#define MEAN RUN "optimizer: {name: adamw, lr: 3e-3}\n"
    plan mean = {.config = {MEAN "ema: {decay: 0.9}\n"}, .drive = observed, .opts = {.run_dir = "mean"}};
    plan none = {.config = {MEAN}, .drive = observed, .opts = {.run_dir = "none"}};
    plan look = {
        .config = {MEAN "ema: {decay: 0.9}\n"}, .drive = evaluate_once, .opts = {.resume = "mean", .evaluate_only = true}};
    double of_mean, of_weights, once;
    (void)state;
    plan_run(&mean, 2);
    plan_run(&none, 3);
    plan_same(&mean, &none);
    of_mean    = mean.rank[0].about.validation.loss / mean.rank[0].about.validation.weight;
    of_weights = none.rank[0].about.validation.loss / none.rank[0].about.validation.weight;
    assert_true(of_mean != of_weights);
    look.ctx = &once;
    plan_run(&look, 3);
    plan_good(&look);
    assert_true(once == of_mean);
    look.config[0] = MEAN; /* of the weights themselves */
    plan_run(&look, 1);
    plan_good(&look);
    assert_true(once == of_weights);
    look.config[0]   = MEAN "ema: {decay: 0.9}\n";
    look.opts.resume = "none";
    plan_run(&look, 1);
    plan_failed(&look, 0, HOOP_ECONFIG, "keeps no mean of its weights; take ema.decay out");
    mean.config[0]   = MEAN "ema: {decay: 0.99}\n";
    mean.opts.resume = "mean";
    plan_run(&mean, 1);
    plan_failed(&mean, 0, HOOP_ECONFIG, "ema.decay is 0.99, but the run was started with 0.9");
    plan_clear(&mean);
    plan_clear(&none);
    plan_clear(&look);
}

static void gradients_are_clipped(void **state)
{
#define CLIP RUN "optimizer: {name: sgd, lr: 0.5}\n"
    plan none = {.config = {CLIP}}, wide = {.config = {CLIP "clip_value: 1e6\n"}},
         clipped = {.config = {CLIP "clip_value: 1e-3\n"}}, p = clipped;
    (void)state;
    plan_run(&none, 1);
    plan_run(&wide, 3);
    plan_same(&none, &wide);
    plan_run(&clipped, 1);
    plan_good(&clipped);
    for (int size = 2; size <= 4; size++) {
        plan_run(&p, size);
        plan_same(&clipped, &p);
    }
    assert_memory_not_equal(clipped.rank[0].weights, none.rank[0].weights, (size_t)none.rank[0].bytes);
    plan_clear(&none);
    plan_clear(&wide);
    plan_clear(&clipped);
    plan_clear(&p);
}

static void configs_are_refused(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"clip_norm: 1\nclip_value: 1\n", "test.yaml:10: clip_value: one of clip_norm and clip_value is wanted, not both"},
        {"clip_value: -1\n", "test.yaml:9: clip_value: -1 is out of range"},
        {"ema: {decay: 1}\n", "test.yaml:9: ema.decay: 1 is out of range"},
        {"ema: 0.9\n", "ema: is a section; give its keys, as in {decay: ...}"},
        {"ema: {decai: 0.9}\n", "test.yaml:9: ema.decai: unknown key; did you mean ema.decay?"},
        {"early_stop: {metric: acuracy, patience: 3}\n",
         "test.yaml:9: early_stop.metric: of the validation data there is no 'acuracy'; there are loss, accuracy"},
        {"early_stop: {metric: nonsense}\n", "test.yaml:9: early_stop: wants patience, the evaluations without"},
        {"early_stop: {metric: nonsense, patience: 1}\n", "of the validation data there is no 'nonsense'"},
        {"checkpoint:\n  keep: 2\n  best: {mode: max}\n", "test.yaml:11: checkpoint.best: wants metric, such as loss"},
        {"early_stop: {patience: 1}\nvalidation: {every_steps: 25}\n",
         "early_stop.metric: counts at each evaluation, and there is none in 24 steps: validation.every_steps is 25"},
        {"validation: {every_steps: -1}\n", "test.yaml:9: validation.every_steps: -1 is out of range"},
        {"validation: 5\n", "validation: is a section; give its keys, as in {every_steps: ...}"},
        {"early_stop: {patience: -3}\n", "test.yaml:9: early_stop.patience: -3 is out of range"},
        {"early_stop: {patience: 3, mode: least}\n", "early_stop.mode: unknown 'least', must be one of auto, min, max"},
        {"checkpoint: {best: {metric: rmse}}\n",
         "test.yaml:9: checkpoint.best.metric: of the validation data there is no 'rmse'; there are loss, accuracy"},
        {"checkpoint: {best: accuracy}\n", "checkpoint.best: is a section; give its keys, as in {metric: ...}"},
        {"checkpoint: {best: {metrik: loss}}\n", "checkpoint.best.metrik: unknown key"},
        {"metrics: [{f1: {average: none}}]\ncheckpoint: {best: {metric: f1_none}}\n",
         "test.yaml:10: checkpoint.best.metric: 'f1_none' is several numbers, and one is wanted"},
        {"schedule: {name: plateau, metric: perplexity}\n",
         "test.yaml:9: schedule.metric: of the validation data there is no 'perplexity'"},
        {"schedule: {name: plateau, factor: 2}\n", "test.yaml:9: schedule.factor: 2 is out of range"},
    };
    char text[2048];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plan p = {.config = {text}};
        (void)snprintf(text, sizeof text, "%s%s", RUN, cases[i].text);
        plan_run(&p, 2);
        for (int r = 0; r < 2; r++) plan_failed(&p, r, HOOP_ECONFIG, cases[i].words);
        plan_clear(&p);
    }
    for (int i = 0; i < 3; i++) { /* no validation data; no end of an epoch; no data to look at */
        plan p = {.config = {text}};
        (void)snprintf(text, sizeof text, "batch: 60\n%s\n%s\n",
                       i == 2   ? "epochs: 2\ndata: {train: digits/train}"
                       : i == 0 ? "epochs: 2\ndata: {train: digits/train}"
                                : "steps: 3\ndata: {train: digits/train, validation: digits/validation}",
                       i == 2 ? "validation: {every_steps: 5}" : "early_stop: {patience: 3}");
        plan_run(&p, 1);
        plan_failed(&p, 0, HOOP_ECONFIG,
                    i == 2 ? "test.yaml:4: validation.every_steps: there are no validation data to look at: give data.validation"
                    : i == 0
                        ? "early_stop.metric: goes by the validation data, and there are none: give data.validation"
                        : "early_stop.metric: counts at the end of each epoch, and there is none in 3 steps: an epoch has 4");
        plan_clear(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_on_any_ranks),   cmocka_unit_test(evaluations_come_every_so_many_steps),
        cmocka_unit_test(runs_end_early),      cmocka_unit_test(best_is_kept),
        cmocka_unit_test(what_was_best_goes),  cmocka_unit_test(best_of_elsewhere_is_forgotten),
        cmocka_unit_test(means_are_evaluated), cmocka_unit_test(gradients_are_clipped),
        cmocka_unit_test(configs_are_refused),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
