#include "observe/observe.h"

#include "base/clock.h"
#include "observe/pace.h"
#include "output/progress.h"
#include "output/sums.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct hoop__progress_observer {
    hoop__progress *bar;
    hoop__pace      pace;
    int64_t         samples;   /* since it started */
    int64_t         told_step; /* of the last line that tells of a step in full */
    double          best;      /* the least validation loss that was told */
    char            metrics[HOOP__SUMS_TEXT];
};

static hoop__pace_mark mark_of(const hoop__progress_observer *p, hoop_trainer *tr)
{
    const hoop_trainer_status *s = hoop_trainer_about(tr);
    return (hoop__pace_mark){.now_s           = hoop__now_s(),
                             .stall_s         = s->stall_s,
                             .communication_s = s->communication_s,
                             .samples         = p->samples,
                             .steps           = s->step};
}

hoop_status hoop__progress_observer_create(hoop_trainer *tr, FILE *where, hoop__outlet *outlet, hoop_error *err,
                                           hoop__progress_observer **out)
{
    hoop__progress_opts      opts = {.out = where, .outlet = outlet};
    hoop__progress_observer *p;
    hoop__pace_mark          now;
    hoop_status              st;
    *out = NULL;
    if (hoop_comm_rank(hoop_trainer_comm(tr)) != 0) return HOOP_OK;
    p = calloc(1, sizeof *p);
    if (p == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a progress bar");
    p->told_step = hoop_trainer_about(tr)->step; /* there is nothing to tell of it */
    p->best      = INFINITY;
    st           = hoop__progress_create(&opts, err, &p->bar);
    now          = mark_of(p, tr);
    hoop__pace_begin(&p->pace, &now);
    *out = p;
    return st;
}

void hoop__progress_observer_destroy(hoop__progress_observer **p)
{
    if (p == NULL || *p == NULL) return;
    hoop__progress_destroy(&(*p)->bar);
    free(*p);
    *p = NULL;
}

void hoop__progress_observer_note(hoop__progress_observer *p, const char *text)
{
    hoop__progress_note(p->bar, "%s", text);
}

static hoop__progress_state state_of(hoop__progress_observer *p, hoop_trainer *tr)
{
    const hoop_trainer_status *s     = hoop_trainer_about(tr);
    hoop__pace_rates           rates = hoop__pace_of(&p->pace);
    return (hoop__progress_state){.step          = s->step,
                                  .steps         = s->steps,
                                  .epoch         = s->epochs > 0 ? s->epoch + 1 : 0,
                                  .epochs        = s->epochs,
                                  .loss          = hoop__sums_loss(&s->last),
                                  .metrics       = hoop__sums_text(&s->last, true, p->metrics),
                                  .evaluations   = s->evaluations,
                                  .samples_per_s = rates.samples_per_s,
                                  .steps_per_s   = rates.steps_per_s,
                                  .stall         = rates.stall,
                                  .communication = rates.communication};
}

static hoop_status step(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    hoop__progress_observer *p = ctx;
    hoop__progress_state     state;
    hoop__pace_mark          now;
    (void)err;
    p->samples += hoop_trainer_about(tr)->last.samples;
    now = mark_of(p, tr);
    hoop__pace_move(&p->pace, &now);
    if (!hoop__progress_wants(p->bar)) return HOOP_OK;
    state = state_of(p, tr);
    hoop__progress_update(p->bar, &state);
    return HOOP_OK;
}

/* The line of a step with its validation, where it has one. */
static void tell(hoop__progress_observer *p, hoop_trainer *tr)
{
    const hoop_trainer_status *s         = hoop_trainer_about(tr);
    hoop__progress_state       state     = state_of(p, tr);
    double                     loss      = hoop__sums_loss(&s->validation);
    const bool                 fine      = fabs(state.loss) < 1e-3 || fabs(loss) < 1e-3; /* four places would hide them */
    char                       epoch[80] = "", metrics[HOOP__SUMS_TEXT];
    p->told_step                         = s->step;
    if (s->validation_step != s->step) {
        hoop__progress_keep(p->bar, &state);
        return;
    }
    if (s->epochs > 0)
        (void)snprintf(epoch, sizeof epoch, "epoch %lld/%lld  ", (long long)s->epoch + 1, (long long)s->epochs);
    else if (s->epoch_end)
        (void)snprintf(epoch, sizeof epoch, "epoch %lld  ", (long long)s->epoch + 1);
    if (loss < p->best) p->best = loss;
    if (hoop__sums_text(&s->validation, false, metrics)[0] != '\0')
        hoop__progress_note(p->bar,
                            fine ? "%sstep %lld  loss %.3e  validation loss %.3e  %s"
                                 : "%sstep %lld  loss %.4f  validation loss %.4f  %s",
                            epoch, (long long)s->step, state.loss, loss, metrics);
    else
        hoop__progress_note(p->bar, "%sstep %lld  loss %.6g  validation loss %.6g", epoch, (long long)s->step, state.loss, loss);
}

/* Thousands of epochs a second are no thousands of lines: the first is told, the last, and others once in some seconds. */
static hoop_status epoch(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    hoop__progress_observer   *p    = ctx;
    const hoop_trainer_status *s    = hoop_trainer_about(tr);
    bool                       best = s->validation_step == s->step && hoop__sums_loss(&s->validation) < p->best;
    (void)err;
    if (hoop__progress_due(p->bar, best)) tell(p, tr);
    return HOOP_OK;
}

static hoop_status end(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    hoop__progress_observer *p = ctx;
    (void)err;
    if (hoop_trainer_about(tr)->step != p->told_step) tell(p, tr);
    return HOOP_OK;
}

hoop_observer hoop__observe_progress(hoop__progress_observer *p)
{
    return p == NULL ? (hoop_observer){0} : (hoop_observer){.ctx = p, .step = step, .epoch = epoch, .end = end};
}
