#include "observe/observe.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "base/tensorboard.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct hoop__metrics_observer {
    hoop__metrics *lines;
    hoop__events  *events;
    int64_t        first_step; /* where this run began or went on */
    double         event_s;    /* when scalars were last written to events: at most ten times a second */
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
    m->first_step = step;
    (void)snprintf(path, sizeof path, "%s/metrics.jsonl", run_dir);
    HOOP_TRY(st, done, hoop__metrics_open(path, step, err, &m->lines));
    HOOP_TRY(st, done, hoop__events_create(run_dir, step, err, &m->events));
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

static hoop_status step(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    hoop__metrics_observer    *m    = ctx;
    const hoop_trainer_status *s    = hoop_trainer_about(tr);
    double                     loss = s->last.loss / s->last.weight, now = hoop__now_s();
    hoop__metric               list[6];
    int                        n = 0;
    hoop_status                st;
    list[n++] = (hoop__metric){.name = "epoch", .type = HOOP__METRIC_INT, .integer = s->epoch};
    list[n++] = (hoop__metric){.name = "loss", .real = loss};
    if (s->last.counted > 0) list[n++] = (hoop__metric){.name = "accuracy", .real = s->last.correct / s->last.counted};
    list[n++] = (hoop__metric){.name = "lr", .real = s->lr};
    if (!isnan(s->grad_norm)) list[n++] = (hoop__metric){.name = "grad_norm", .real = s->grad_norm};
    st = hoop__metrics_write(m->lines, s->step, list, n, err);
    if (st != HOOP_OK || (now - m->event_s < 0.1 && !s->epoch_end)) return st;
    m->event_s = now;
    for (int i = 1; i < n && st == HOOP_OK; i++) {
        char tag[64];
        (void)snprintf(tag, sizeof tag, "train/%s", list[i].name);
        st = hoop__events_scalar(m->events, s->step, tag, list[i].real, err);
    }
    return st;
}

static hoop_status epoch(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    hoop__metrics_observer    *m = ctx;
    const hoop_trainer_status *s = hoop_trainer_about(tr);
    hoop__metric               list[3];
    int                        n = 0;
    hoop_status                st;
    if (s->validation.weight <= 0) return HOOP_OK;
    list[n++] = (hoop__metric){.name = "validation_loss", .real = s->validation.loss / s->validation.weight};
    if (s->validation.counted > 0)
        list[n++] = (hoop__metric){.name = "validation_accuracy", .real = s->validation.correct / s->validation.counted};
    HOOP_TRY(st, done, hoop__metrics_write(m->lines, s->step, list, n, err));
    HOOP_TRY(st, done, hoop__events_scalar(m->events, s->step, "validation/loss", list[0].real, err));
    if (n > 1) HOOP_TRY(st, done, hoop__events_scalar(m->events, s->step, "validation/accuracy", list[1].real, err));
done:
    return st;
}

/* the validation after the last step, where that ended no epoch; a run that was stopped, or had no step left, made none */
static hoop_status end(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    hoop__metrics_observer    *m  = ctx;
    const hoop_trainer_status *s  = hoop_trainer_about(tr);
    hoop_status                st = s->epoch_end || s->stopped || s->step == m->first_step ? HOOP_OK : epoch(ctx, tr, err);
    if (st == HOOP_OK && m->lines != NULL) st = hoop__metrics_close(&m->lines, err);
    if (st == HOOP_OK && m->events != NULL) st = hoop__events_close(&m->events, err);
    return st;
}

hoop_observer hoop__observe_metrics(hoop__metrics_observer *m)
{
    return m == NULL ? (hoop_observer){0} : (hoop_observer){.ctx = m, .step = step, .epoch = epoch, .end = end};
}
