#include "observe/observe.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "base/tensorboard.h"
#include "train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct hoop__metrics_observer {
    hoop__metrics *lines;
    hoop__events  *events;
    int64_t        validation_step; /* the last whose validation stands there */
    double         event_s;         /* when scalars were last taken for events: at most ten times a second */
    double         flush_s;         /* the same of writing */
    bool           told;            /* that something could not be written */
};

hoop_status hoop__metrics_observer_create(hoop_trainer *tr, const char *run_dir, hoop_error *err, hoop__metrics_observer **out)
{
    char                    path[4096];
    int64_t                 step = hoop_trainer_about(tr)->step;
    hoop__metrics_observer *m;
    hoop_status             st;
    *out = NULL;
    if (hoop_comm_rank(hoop_trainer_comm(tr)) != 0) return HOOP_OK;
    m = calloc(1, sizeof *m);
    if (m == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for metrics");
    m->validation_step = step; /* of the run that went before */
    (void)snprintf(path, sizeof path, "%s/metrics.jsonl", run_dir);
    HOOP_TRY(st, done, hoop__metrics_open(path, step, err, &m->lines));
    HOOP_TRY(st, done, hoop__events_create(run_dir, step > 0 ? step + 1 : 0, err, &m->events));
    *out = m;
    return HOOP_OK;
done:
    hoop__metrics_observer_destroy(&m);
    return st;
}

void hoop__metrics_observer_destroy(hoop__metrics_observer **m)
{
    if (m == NULL || *m == NULL) return;
    if ((*m)->lines != NULL) (void)hoop__metrics_close(&(*m)->lines, NULL);
    if ((*m)->events != NULL) (void)hoop__events_close(&(*m)->events, NULL);
    free(*m);
    *m = NULL;
}

/* A full disk must not end a training that can go on; what did not fit is lost. */
static void tell(hoop__metrics_observer *m, hoop_trainer *tr, const hoop_error *why)
{
    if (why->status != HOOP_OK && !m->told) hoop__note(tr, "warning: %s; the run goes on without what does not fit", why->text);
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

static hoop_status step(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    hoop__metrics_observer    *m    = ctx;
    const hoop_trainer_status *s    = hoop_trainer_about(tr);
    bool                       last = s->epoch_end || s->stopped || s->step == s->steps;
    double                     now  = hoop__now_s();
    hoop__metric               list[5];
    int                        n = 0;
    (void)err;
    list[n++] = (hoop__metric){.name = "epoch", .type = HOOP__METRIC_INT, .integer = s->epoch};
    list[n++] = (hoop__metric){.name = "loss", .real = s->last.loss / s->last.weight};
    if (s->last.counted > 0) list[n++] = (hoop__metric){.name = "accuracy", .real = s->last.correct / s->last.counted};
    list[n++] = (hoop__metric){.name = "lr", .real = s->lr};
    if (!isnan(s->grad_norm)) list[n++] = (hoop__metric){.name = "grad_norm", .real = s->grad_norm};
    hoop__metrics_write(m->lines, s->step, list, n);
    for (int i = 1; i < n && (last || now - m->event_s >= 0.1); i++) {
        char tag[64];
        (void)snprintf(tag, sizeof tag, "train/%s", list[i].name);
        hoop__events_scalar(m->events, s->step, tag, list[i].real);
    }
    if (last || now - m->event_s >= 0.1) m->event_s = now;
    /* a run that goes on from a checkpoint has all lines up to it */
    if (last || now - m->flush_s >= 0.1 || hoop__saves_now(tr)) flush(m, tr);
    return HOOP_OK;
}

static hoop_status validation(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    hoop__metrics_observer    *m = ctx;
    const hoop_trainer_status *s = hoop_trainer_about(tr);
    hoop__metric               list[2];
    int                        n = 0;
    (void)err;
    if (s->validation_step != s->step || s->step == m->validation_step) return HOOP_OK;
    list[n++] = (hoop__metric){.name = "validation_loss", .real = s->validation.loss / s->validation.weight};
    if (s->validation.counted > 0)
        list[n++] = (hoop__metric){.name = "validation_accuracy", .real = s->validation.correct / s->validation.counted};
    hoop__metrics_write(m->lines, s->step, list, n);
    hoop__events_scalar(m->events, s->step, "validation/loss", list[0].real);
    if (n > 1) hoop__events_scalar(m->events, s->step, "validation/accuracy", list[1].real);
    m->validation_step = s->step;
    flush(m, tr);
    return HOOP_OK;
}

static hoop_status end(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    hoop__metrics_observer *m   = ctx;
    hoop_error              why = {.status = HOOP_OK};
    (void)validation(ctx, tr, err);
    (void)hoop__metrics_close(&m->lines, &why);
    (void)hoop__events_close(&m->events, &why);
    tell(m, tr, &why);
    return HOOP_OK;
}

hoop_observer hoop__observe_metrics(hoop__metrics_observer *m)
{
    return m == NULL ? (hoop_observer){0} : (hoop_observer){.ctx = m, .step = step, .epoch = validation, .end = end};
}
