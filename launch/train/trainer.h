/**
 * train/trainer.h - what every file of launch/train knows of a trainer. The rest is in four parts, each seen by its own files:
 *
 *     plan.h    what the config decides: options, schema, what tells one plan from another
 *     data.h    inputs and targets, the datasets they come from, what their numbers mean
 *     step.h    the step under way: leaves, the record that ranks sum
 *     saving.h  checkpoints, written and read
 */
#ifndef HOOP_TRAINER_INTERNAL_H
#define HOOP_TRAINER_INTERNAL_H

#include "hoop/ddp.h"
#include "hoop/ops.h"
#include "hoop/profile.h"
#include "hoop/train.h"

typedef struct hoop__plan hoop__plan;
typedef struct hoop__data hoop__data;
typedef struct hoop__step hoop__step;
typedef struct hoop__save hoop__save; /* a save under way (save.c) */

/* What goes by metrics of the validation data (watch.h), and the numbers of each, which a checkpoint keeps: the schedule has its
 * own; else they are a number for the metric (0: none was fed yet), its best value, evaluations since, the step of the best.
 */
enum { HOOP__WATCH_SCHEDULE, HOOP__WATCH_STOP, HOOP__WATCH_BEST, HOOP__WATCHES };
enum { HOOP__WATCH_ID, HOOP__WATCH_VALUE, HOOP__WATCH_BAD, HOOP__WATCH_STEP, HOOP__WATCH_NUMBERS };

struct hoop_trainer {
    hoop_comm         *comm;
    const hoop_config *config;
    hoop_trainer_opts  opts;
    hoop_dtype         dtype; /* the run's precision */

    hoop_runtime  *rt;
    hoop_tape     *tape;
    hoop_model    *model; /* NULL: the caller's own */
    hoop_params   *params;
    hoop_optim    *optim;
    hoop_schedule *schedule;
    hoop_ddp      *ddp;

    hoop__plan *plan;
    hoop__data *data;
    hoop__step *step;
    hoop__save *save; /* NULL: nothing is written */

    struct {
        bool    on[HOOP__WATCHES], up[HOOP__WATCHES]; /* up: more is better */
        double  number[HOOP__WATCHES][HOOP__WATCH_NUMBERS];
        int64_t fed_step;
    } watch;

    hoop_trainer_status status;
    hoop_error          error; /* of this rank in this step, or what ended the run */
};

/* what comes out is known here, of the config's model or of the caller's opts.forward; else the caller's loop knows it */
static inline bool hoop__trainer_forwards(const hoop_trainer *tr)
{
    return tr->model != NULL || tr->opts.forward != NULL;
}

/* note.c: news or a warning, a line, to whoever made the trainer */
void hoop__note(const hoop_trainer *tr, const char *format, ...) HOOP_PRINTF(2, 3);

#endif
