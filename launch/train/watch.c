/* What goes by metrics of the validation data: the schedule, the end of a run, the best checkpoint. All ranks have the same exact
 * values, and so decide the same. */
#include "train/watch.h"

#include "train/data.h"
#include "train/plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* source-check: kinds, because an example names some */
#define OF_METRIC "of the validation data, as its lines name it: loss, accuracy, p.rmse"
#define OF_MODE "min: less is better; max: more is; auto: as of the metric"

static const hoop_option validation_rows[] = {
    {"every_steps", HOOP_OPT_INT, offsetof(hoop__validation_opts, every_steps), "0", 0, 1e15, NULL, false,
     "the validation data are looked at after each so many steps; 0: at the end of each epoch. early_stop, checkpoint.best and a "
     "schedule that goes by a metric, whose bits hang on it, count these"},
};
const hoop_option_table hoop__validation_options = {"validation", validation_rows,
                                                    (int)(sizeof validation_rows / sizeof validation_rows[0])};

static const hoop_option stop_rows[] = {
    {"metric", HOOP_OPT_STRING, offsetof(hoop__stop_opts, metric), "loss", 0, 0, NULL, false, OF_METRIC},
    {"mode", HOOP_OPT_ENUM, offsetof(hoop__stop_opts, mode), "auto", 0, 0, hoop_watch_modes, false, OF_MODE},
    {"patience", HOOP_OPT_INT, offsetof(hoop__stop_opts, patience), "0", 0, 1e9, NULL, false,
     "evaluations without improvement, one after the other, after which the run ends; 0: it does not"},
    {"min_delta", HOOP_OPT_FLOAT, offsetof(hoop__stop_opts, min_delta), "0.0", 0, 1e30, NULL, false,
     "an improvement is one by more than this"},
};
const hoop_option_table hoop__stop_options = {"early_stop", stop_rows, (int)(sizeof stop_rows / sizeof stop_rows[0])};

static const hoop_option best_rows[] = {
    {"metric", HOOP_OPT_STRING, offsetof(hoop__best_opts, metric), "", 0, 0, NULL, false,
     OF_METRIC
     ". The checkpoint that is best by it where they are looked at is kept beside the newest, as `best`; none if empty"},
    {"mode", HOOP_OPT_ENUM, offsetof(hoop__best_opts, mode), "auto", 0, 0, hoop_watch_modes, false, OF_MODE},
};
const hoop_option_table hoop__best_options = {"checkpoint.best", best_rows, (int)(sizeof best_rows / sizeof best_rows[0])};

static const hoop_option ema_rows[] = {
    {"decay", HOOP_OPT_FLOAT, offsetof(hoop__ema_opts, decay), "0.0", 0, 0.9999999, NULL, true,
     "of a mean of the weights over steps, which evaluations and predictions use and checkpoints keep; 0: none"},
};
const hoop_option_table hoop__ema_options = {"ema", ema_rows, (int)(sizeof ema_rows / sizeof ema_rows[0])};

static const struct {
    const char *section, *kept; /* of the config; in a checkpoint */
} names[HOOP__WATCHES] = {{"schedule", "schedule"}, {"early_stop", "early_stop"}, {"checkpoint.best", "best"}};

/* what i goes by; false: it is not asked for */
static bool wanted(const hoop_trainer *tr, int i, hoop_watched *out)
{
    const hoop__plan *plan = tr->plan;
    if (i == HOOP__WATCH_SCHEDULE) return hoop_schedule_watched(tr->schedule, out);
    *out = i == HOOP__WATCH_STOP ? (hoop_watched){plan->stop.metric, plan->stop.mode}
                                 : (hoop_watched){plan->best.metric, plan->best.mode};
    return i == HOOP__WATCH_STOP ? plan->stop.patience > 0 : plan->best.metric[0] != '\0';
}

/* Metric j of target k as validation lines name it; j < 0: its loss, of several. False: there is no such name. */
static bool name_of(const hoop_trainer *tr, int k, int j, char *out, size_t size)
{
    const hoop__field *f = hoop__target(tr, k);
    if (j < 0)
        (void)snprintf(out, size, "%s.loss", f->name);
    else if (tr->data->ntargets > 1)
        (void)snprintf(out, size, "%s.%s", f->name, f->shown[j].name);
    else
        (void)snprintf(out, size, "%s", f->shown[j].name);
    return j >= 0 || tr->data->ntargets > 1;
}

enum { NAME = 256 };

/* the target and metric of a name: target -1, the loss that is trained; metric -1, the target's loss */
static bool find(const hoop_trainer *tr, const char *metric, int *target, int *number)
{
    char name[NAME];
    *target = *number = -1;
    if (strcmp(metric, "loss") == 0) return true;
    for (int k = 0; k < tr->data->ntargets; k++)
        for (int j = -1; j < hoop__target(tr, k)->nshown; j++) {
            if (!name_of(tr, k, j, name, sizeof name) || strcmp(name, metric) != 0) continue;
            *target = k;
            *number = j;
            return true;
        }
    return false;
}

static hoop_status fail_name(const hoop_trainer *tr, const char *path, const char *metric, hoop_error *err)
{
    char   list[HOOP_ERROR_TEXT / 2] = "loss", name[NAME];
    size_t at                        = strlen(list);
    for (int k = 0; k < tr->data->ntargets; k++)
        for (int j = -1; j < hoop__target(tr, k)->nshown && at < sizeof list; j++)
            if (name_of(tr, k, j, name, sizeof name)) at += (size_t)snprintf(list + at, sizeof list - at, ", %s", name);
    return hoop_config_fail(tr->config, path, err,
                            "of the validation data there is no '%.64s'; there are %s (metrics adds others)", metric, list);
}

bool hoop__watch_now(const hoop_trainer *tr)
{
    const int64_t every = tr->plan->validation.every_steps;
    return every > 0 ? tr->status.step % every == 0 : tr->status.epoch_end;
}

/* Which way it is better; and that it is one number. */
static hoop_status check_metric(hoop_trainer *tr, int i, const hoop_watched *w, hoop_error *err)
{
    const int64_t every = tr->plan->validation.every_steps;
    char          path[64];
    int           k, j;
    (void)snprintf(path, sizeof path, "%s.metric", names[i].section);
    if (tr->data->validation == NULL)
        return hoop_config_fail(tr->config, path, err, "goes by the validation data, and there are none: give data.validation");
    if (every > tr->status.steps)
        return hoop_config_fail(tr->config, path, err,
                                "counts at each evaluation, and there is none in %lld steps: validation.every_steps is %lld",
                                (long long)tr->status.steps, (long long)every);
    if (every == 0 && tr->status.steps_per_epoch > 0 && tr->status.steps < tr->status.steps_per_epoch)
        return hoop_config_fail(tr->config, path, err,
                                "counts at the end of each epoch, and there is none in %lld steps: an epoch has %lld",
                                (long long)tr->status.steps, (long long)tr->status.steps_per_epoch);
    if (!find(tr, w->metric, &k, &j)) return fail_name(tr, path, w->metric, err);
    if (k >= 0 && j >= 0) {
        const hoop__field *f = hoop__target(tr, k);
        const hoop_metric *m = f->shown[j].use.metric;
        int64_t            columns;
        if (m->numbers != NULL && m->numbers(hoop__field_numel(f), f->shown[j].use.opts, &columns) > 0)
            return hoop_config_fail(tr->config, path, err, "'%.64s' is several numbers, and one is wanted", w->metric);
        tr->watch.up[i] = m->higher_is_better;
    }
    if (w->mode != HOOP_WATCH_AUTO) tr->watch.up[i] = w->mode == HOOP_WATCH_MAX;
    return HOOP_OK;
}

/* a number for a metric and the way it is better, never 0: numbers kept of another say nothing */
static double id_of(const hoop_watched *w, bool up)
{
    uint32_t h = 2166136261u;
    for (const char *c = w->metric; *c != '\0'; c++) h = (h ^ (unsigned char)*c) * 16777619u;
    return (double)(h | 1u) * (up ? 1.0 : -1.0);
}

/* A section without the key that it is for asks for nothing, which nobody means by writing it. */
static hoop_status check_asked(const hoop_trainer *tr, const char *section, const char *key, const char *what, hoop_error *err)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s.%s", section, key);
    if (!hoop_config_has(tr->config, section) || hoop_config_has(tr->config, path)) return HOOP_OK;
    return hoop_config_fail(tr->config, section, err, "wants %s, %s", key, what);
}

hoop_status hoop__watch_create(hoop_trainer *tr, hoop_error *err)
{
    hoop_status st =
        check_asked(tr, names[HOOP__WATCH_STOP].section, "patience", "the evaluations without improvement that end the run", err);
    if (st == HOOP_OK)
        st = check_asked(tr, names[HOOP__WATCH_BEST].section, "metric", "such as loss, by which a checkpoint is the best", err);
    if (st == HOOP_OK && tr->plan->validation.every_steps > 0 && tr->data->validation == NULL)
        st = hoop_config_fail(tr->config, "validation.every_steps", err,
                              "there are no validation data to look at: give data.validation");
    tr->status.best_step = -1;
    tr->watch.fed_step   = -1;
    for (int i = 0; i < HOOP__WATCHES && st == HOOP_OK; i++) {
        hoop_watched w;
        if (!wanted(tr, i, &w)) continue;
        tr->watch.on[i] = true;
        st              = check_metric(tr, i, &w, err);
        if (i == HOOP__WATCH_SCHEDULE) hoop_schedule_set_mode(tr->schedule, tr->watch.up[i] ? HOOP_WATCH_MAX : HOOP_WATCH_MIN);
    }
    return st;
}

static double value_of(const hoop_trainer *tr, const char *metric)
{
    const hoop_metrics_sums *sums = &tr->status.validation;
    int                      k, j;
    if (!find(tr, metric, &k, &j)) return NAN;
    if (k < 0) return sums->loss / sums->weight;
    return j < 0 ? sums->target[k].loss / sums->target[k].weight : sums->target[k].metric[j].value;
}

/* a new value of i; true: it is the best so far */
static bool feed(hoop_trainer *tr, int i, const hoop_watched *w, double value, double by)
{
    double      *x  = tr->watch.number[i];
    const double id = id_of(w, tr->watch.up[i]), best = x[HOOP__WATCH_VALUE];
    bool         better = tr->watch.up[i] ? value > best + by : value < best - by;
    if (x[HOOP__WATCH_ID] != id || isnan(best)) better = !isnan(value);
    if (x[HOOP__WATCH_ID] != id) {
        memset(x, 0, sizeof tr->watch.number[i]);
        x[HOOP__WATCH_ID]    = id;
        x[HOOP__WATCH_VALUE] = value;
        x[HOOP__WATCH_STEP]  = -1.0;
    }
    x[HOOP__WATCH_BAD] = better ? 0.0 : x[HOOP__WATCH_BAD] + 1.0;
    if (!better) return false;
    x[HOOP__WATCH_VALUE] = value;
    x[HOOP__WATCH_STEP]  = (double)tr->status.step;
    return true;
}

static bool is_over(const hoop_trainer *tr)
{
    return tr->watch.on[HOOP__WATCH_STOP] &&
           tr->watch.number[HOOP__WATCH_STOP][HOOP__WATCH_BAD] >= (double)tr->plan->stop.patience;
}

void hoop__watch_evaluated(hoop_trainer *tr)
{
    hoop_watched w;
    if (!tr->status.validates || tr->watch.fed_step == tr->status.step) return;
    tr->watch.fed_step = tr->status.step;
    if (tr->watch.on[HOOP__WATCH_SCHEDULE] && wanted(tr, HOOP__WATCH_SCHEDULE, &w))
        hoop_schedule_feed(tr->schedule, value_of(tr, w.metric));
    if (tr->watch.on[HOOP__WATCH_BEST] && wanted(tr, HOOP__WATCH_BEST, &w) &&
        feed(tr, HOOP__WATCH_BEST, &w, value_of(tr, w.metric), 0.0))
        tr->status.best_step = tr->status.step;
    if (!tr->watch.on[HOOP__WATCH_STOP] || !wanted(tr, HOOP__WATCH_STOP, &w)) return;
    (void)feed(tr, HOOP__WATCH_STOP, &w, value_of(tr, w.metric), tr->plan->stop.min_delta);
    if (!is_over(tr) || tr->status.step >= tr->status.steps) return;
    tr->status.early_stopped = true;
    if (hoop_comm_rank(tr->comm) == 0)
        hoop__note(tr, "early_stop: %s was best, %.6g, at step %lld, and has not improved in the %lld evaluations since",
                   w.metric, tr->watch.number[HOOP__WATCH_STOP][HOOP__WATCH_VALUE],
                   (long long)tr->watch.number[HOOP__WATCH_STOP][HOOP__WATCH_STEP],
                   (long long)tr->watch.number[HOOP__WATCH_STOP][HOOP__WATCH_BAD]);
}

double *hoop__watch_numbers(hoop_trainer *tr, int i, const char **name, int *n)
{
    if (!tr->watch.on[i]) return NULL;
    *name = names[i].kept;
    *n    = i == HOOP__WATCH_SCHEDULE ? (int)HOOP_SCHEDULE_STATE : (int)HOOP__WATCH_NUMBERS;
    return i == HOOP__WATCH_SCHEDULE ? hoop_schedule_state(tr->schedule) : tr->watch.number[i];
}

void hoop__watch_forget_best(hoop_trainer *tr)
{
    memset(tr->watch.number[HOOP__WATCH_BEST], 0, sizeof tr->watch.number[HOOP__WATCH_BEST]);
    tr->status.best_step = -1;
}

void hoop__watch_resumed(hoop_trainer *tr)
{
    const double *best = tr->watch.number[HOOP__WATCH_BEST];
    hoop_watched  w;
    tr->watch.fed_step = tr->status.step;
    if (tr->watch.on[HOOP__WATCH_BEST] && wanted(tr, HOOP__WATCH_BEST, &w) &&
        best[HOOP__WATCH_ID] == id_of(&w, tr->watch.up[HOOP__WATCH_BEST]))
        tr->status.best_step = (int64_t)best[HOOP__WATCH_STEP];
    if (wanted(tr, HOOP__WATCH_STOP, &w) &&
        tr->watch.number[HOOP__WATCH_STOP][HOOP__WATCH_ID] == id_of(&w, tr->watch.up[HOOP__WATCH_STOP]) && is_over(tr) &&
        tr->status.step < tr->status.steps)
        tr->status.early_stopped = true;
}

hoop_status hoop__watch_same(const hoop_trainer *tr, const hoop_config *old, hoop_error *err)
{
    hoop__validation_opts then = {0};
    const int64_t         now  = tr->plan->validation.every_steps;
    hoop_status           st;
    if (!tr->watch.on[HOOP__WATCH_SCHEDULE]) return HOOP_OK;
    st = hoop_config_fill(old, &hoop__validation_options, err, &then);
    if (st != HOOP_OK || then.every_steps == now) return st;
    return hoop_config_fail(tr->config, "validation.every_steps", err,
                            "is %lld, but the run was started with %lld, which the %s schedule depends on", (long long)now,
                            (long long)then.every_steps, hoop_schedule_about(tr->schedule)->name);
}
