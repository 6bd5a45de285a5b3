#include "observe/observe.h"

#include "base/clock.h"
#include "output/lines.h"
#include "output/sums.h"
#include "output/tensorboard.h"
#include "hoop/runtime.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMES = 4, OTHERS = 5 /* epoch, loss, lr, evaluations, grad_norm */ };

struct hoop__metrics_observer {
    hoop__metrics *lines;
    hoop__events  *events;
    hoop_trainer  *tr;
    int64_t        validation_step; /* the last whose validation stands there */
    double         begun_s;         /* when it was made */
    double         line_s;          /* of the last line, and what had been waited till then */
    double         stall_s, communication_s;
    double         event_s; /* when scalars were last taken for events: at most ten times a second */
    double         flush_s; /* the same of writing */
    bool           told;    /* that something could not be written */
    hoop__metric  *list;    /* room for a line */
};

/* What runs, as the value of "start". NULL: no memory */
static char *describe(hoop_trainer *tr)
{
    const hoop_trainer_status *s     = hoop_trainer_about(tr);
    hoop_comm                 *comm  = hoop_trainer_comm(tr);
    const hoop_runtime        *rt    = hoop_trainer_runtime(tr);
    json_t                    *hosts = json_object(), *start;
    char                       utc[HOOP__UTC];
    char                      *text;
    hoop__now_utc(false, utc);
    for (int r = 0; r < hoop_comm_size(comm); r++) {
        json_t *count = json_object_get(hosts, hoop_comm_host(comm, r));
        (void)json_object_set_new(hosts, hoop_comm_host(comm, r), json_integer(json_integer_value(count) + 1));
    }
    start = json_pack("{s:s, s:s, s:s, s:I, s:i, s:o, s:i, s:I, s:I, s:s}", "utc", utc, "hoop", hoop_runtime_build(rt), "config",
                      hoop_trainer_fingerprint(tr), "steps", (json_int_t)s->steps, "ranks", hoop_comm_size(comm), "hosts", hosts,
                      "threads", s->threads, "leaves", (json_int_t)s->leaves, "leaf_samples", (json_int_t)(s->batch / s->leaves),
                      "numerics", hoop_runtime_numerics(rt, hoop_trainer_dtype(tr)));
    text  = start == NULL ? NULL : json_dumps(start, JSON_COMPACT);
    json_decref(start);
    return text;
}

/* The most that a line says. */
static size_t room_for(hoop_trainer *tr)
{
    size_t n = OTHERS + TIMES;
    for (int k = 0; k < hoop_trainer_targets(tr); k++) {
        const hoop_target target = hoop_trainer_target(tr, k);
        n += 1 + (size_t)target.nmetrics;
    }
    return n;
}

hoop_status hoop__metrics_observer_create(hoop_trainer *tr, const char *run_dir, hoop_error *err, hoop__metrics_observer **out)
{
    char                    path[4096];
    int64_t                 step = hoop_trainer_about(tr)->step;
    hoop__metrics_observer *m;
    char                   *start;
    hoop_status             st;
    *out = NULL;
    if (hoop_comm_rank(hoop_trainer_comm(tr)) != 0) return HOOP_OK;
    m = calloc(1, sizeof *m);
    if (m == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for metrics");
    m->validation_step = step; /* of the run that went before */
    m->tr              = tr;
    m->begun_s = m->line_s = hoop__now_s();
    m->stall_s             = hoop_trainer_about(tr)->stall_s;
    m->communication_s     = hoop_trainer_about(tr)->communication_s;
    start                  = describe(tr);
    m->list                = calloc(room_for(tr), sizeof *m->list);
    if (start == NULL || m->list == NULL) {
        st = hoop_fail(err, HOOP_ENOMEM, "no memory for metrics");
        goto done;
    }
    (void)snprintf(path, sizeof path, "%s/metrics.jsonl", run_dir);
    HOOP_TRY(st, done, hoop__metrics_open(path, step, err, &m->lines));
    hoop__metrics_write(m->lines, step, &(hoop__metric){.name = "start", .type = HOOP__METRIC_JSON, .json = start}, 1);
    HOOP_TRY(st, done, hoop__metrics_flush(m->lines, err));
    HOOP_TRY(st, done, hoop__events_create(run_dir, step > 0 ? step + 1 : 0, err, &m->events));
    free(start);
    *out = m;
    return HOOP_OK;
done:
    free(start);
    hoop__metrics_observer_destroy(&m);
    return st;
}

/* A full disk must not end a training that can go on; what did not fit is lost. */
static void tell(hoop__metrics_observer *m, hoop_trainer *tr, const hoop_error *why)
{
    char text[HOOP_ERROR_TEXT + 96];
    (void)snprintf(text, sizeof text, "warning: %s; the run goes on without what does not fit", why->text);
    if (why->status != HOOP_OK && !m->told) hoop_trainer_note(tr, text);
    m->told = m->told || why->status != HOOP_OK;
}

static void flush(hoop__metrics_observer *m, hoop_trainer *tr)
{
    hoop_error why = {.status = HOOP_OK};
    (void)hoop__metrics_flush(m->lines, &why);
    (void)hoop__events_flush(m->events, &why);
    m->flush_s = hoop__now_s();
    tell(m, tr, &why);
}

/* "[0.5,null]", of a table "[[3,0],[1,4]]"; NULL: no memory */
static char *list_text(const hoop_metric_value *v)
{
    json_t *all = json_array(), *row = all;
    char   *text;
    for (int64_t i = 0; i < v->numbers; i++) {
        const double number = v->list[i];
        if (v->columns > 0 && i % v->columns == 0) {
            row = json_array();
            (void)json_array_append_new(all, row);
        }
        (void)json_array_append_new(row, isnan(number)                       ? json_null()
                                         : number == (double)(int64_t)number ? json_integer((json_int_t)number)
                                                                             : json_real(number));
    }
    text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    return text;
}

/* Texts that add_sums made. */
static void free_texts(hoop__metric *list, int n)
{
    for (int i = 0; i < n; i++)
        if (list[i].type == HOOP__METRIC_JSON) free((char *)list[i].json);
}

/* Loss and metrics; of several targets each with its name before. Returns how many. */
static int add_sums(const hoop_metrics_sums *s, const char *before, hoop__metric *list)
{
    int n     = 0;
    list[n++] = (hoop__metric){.before = before, .name = "loss", .real = hoop__sums_loss(s)};
    for (int k = 0; k < s->ntargets; k++) {
        const hoop_target_sums *t      = &s->target[k];
        const char             *target = s->ntargets > 1 ? t->name : NULL;
        if (target != NULL && t->weight > 0)
            list[n++] = (hoop__metric){.target = target, .before = before, .name = "loss", .real = t->loss / t->weight};
        for (int i = 0; i < t->nmetrics; i++) {
            const hoop_metric_value *v = &t->metric[i];
            if (v->list != NULL) {
                list[n] = (hoop__metric){.target = target, .before = before, .name = v->name, .type = HOOP__METRIC_JSON};
                if ((list[n].json = list_text(v)) != NULL) n++;
            } else if (!isnan(v->value))
                list[n++] = (hoop__metric){.target = target, .before = before, .name = v->name, .real = v->value};
        }
    }
    return n;
}

/* The same as curves: "train/loss", "validation/p/loss". */
static void add_curves(hoop__metrics_observer *m, int64_t step, const char *of, const hoop__metric *list, int n)
{
    for (int i = 0; i < n; i++) {
        char tag[192];
        if (list[i].type == HOOP__METRIC_INT || list[i].type == HOOP__METRIC_JSON ||
            (list[i].type == HOOP__METRIC_FIXED && strcmp(list[i].name, "samples_per_s") != 0))
            continue; /* events have their time */
        (void)snprintf(tag, sizeof tag, "%s/%s%s%s", of, list[i].target != NULL ? list[i].target : "",
                       list[i].target != NULL ? "/" : "", list[i].name);
        hoop__events_scalar(m->events, step, tag, list[i].real);
    }
}

/* What a line says of the time since the one before it: `samples` were done in it. */
static int add_times(hoop__metrics_observer *m, hoop_trainer *tr, int64_t samples, hoop__metric *list)
{
    const hoop_trainer_status *s   = hoop_trainer_about(tr);
    double                     now = hoop__now_s(), time = now - m->line_s;
    list[0] = (hoop__metric){.name = "time", .type = HOOP__METRIC_FIXED, .real = now - m->begun_s};
    list[1] = (hoop__metric){.name = "samples_per_s", .type = HOOP__METRIC_FIXED, .real = time > 0 ? (double)samples / time : 0};
    list[2] = (hoop__metric){.name = "stall_s", .type = HOOP__METRIC_FIXED, .real = s->stall_s - m->stall_s};
    list[3] =
        (hoop__metric){.name = "communication_s", .type = HOOP__METRIC_FIXED, .real = s->communication_s - m->communication_s};
    m->line_s          = now;
    m->stall_s         = s->stall_s;
    m->communication_s = s->communication_s;
    return TIMES;
}

static hoop_status step(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    hoop__metrics_observer    *m    = ctx;
    const hoop_trainer_status *s    = hoop_trainer_about(tr);
    bool                       last = s->stopped || s->step == s->steps;
    double                     now  = hoop__now_s();
    hoop__metric              *list = m->list;
    int                        n    = 0;
    (void)err;
    list[n++] = (hoop__metric){.name = "epoch", .type = HOOP__METRIC_INT, .integer = s->epoch};
    n += add_sums(&s->last, NULL, list + n);
    list[n++] = (hoop__metric){.name = "lr", .real = s->lr};
    if (s->evaluations > 0)
        list[n++] = (hoop__metric){.name = "evaluations", .type = HOOP__METRIC_INT, .integer = s->evaluations};
    if (!isnan(s->grad_norm)) list[n++] = (hoop__metric){.name = "grad_norm", .real = s->grad_norm};
    n += add_times(m, tr, s->last.samples, list + n);
    hoop__metrics_write(m->lines, s->step, list, n);
    if (last || now - m->event_s >= 0.1) add_curves(m, s->step, "train", list, n);
    if (last || now - m->event_s >= 0.1) m->event_s = now;
    /* a run that goes on from a checkpoint has all lines up to it */
    if (last || now - m->flush_s >= 0.1 || hoop__saves_now(tr)) flush(m, tr);
    return HOOP_OK;
}

static hoop_status validation(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    hoop__metrics_observer    *m    = ctx;
    const hoop_trainer_status *s    = hoop_trainer_about(tr);
    hoop__metric              *list = m->list;
    int                        sums;
    (void)err;
    if (s->validation_step != s->step || s->step == m->validation_step) return HOOP_OK;
    sums = add_sums(&s->validation, "validation_", list);
    hoop__metrics_write(m->lines, s->step, list, sums + add_times(m, tr, s->validation.samples, list + sums));
    add_curves(m, s->step, "validation", list, sums);
    free_texts(list, sums);
    m->validation_step = s->step;
    if (s->step == s->steps || hoop__saves_now(tr) || hoop__now_s() - m->flush_s >= 0.1) flush(m, tr);
    return HOOP_OK;
}

/* All is written before the last checkpoint; that a disk has it is waited for behind that one (destroy). */
static hoop_status end(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    hoop__metrics_observer *m = ctx;
    (void)validation(ctx, tr, err);
    flush(m, tr);
    return HOOP_OK;
}

void hoop__metrics_observer_destroy(hoop__metrics_observer **m)
{
    hoop_error why = {.status = HOOP_OK};
    if (m == NULL || *m == NULL) return;
    if ((*m)->lines != NULL) (void)hoop__metrics_close(&(*m)->lines, &why);
    if ((*m)->events != NULL) (void)hoop__events_close(&(*m)->events, &why);
    tell(*m, (*m)->tr, &why);
    free((*m)->list);
    free(*m);
    *m = NULL;
}

hoop_observer hoop__observe_metrics(hoop__metrics_observer *m)
{
    return m == NULL ? (hoop_observer){0} : (hoop_observer){.ctx = m, .step = step, .epoch = validation, .end = end};
}
