/**
 * output/progress.h - how far a run is: one line redrawn on a terminal, plain lines now and then elsewhere. For one rank.
 *
 *     epoch 3/10 [=======>       ]  42% 1234/2930  loss 0.1234  acc 97.21%  12.3k samples/s  stall 1%  comm 12%  eta 0:12
 */
#ifndef HOOP_OUTPUT_PROGRESS_H
#define HOOP_OUTPUT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "output/outlet.h"
#include "hoop/status.h"

typedef enum hoop__progress_mode { HOOP__PROGRESS_AUTO, HOOP__PROGRESS_BAR, HOOP__PROGRESS_PLAIN } hoop__progress_mode;

typedef struct hoop__progress_opts {
    FILE               *out;      /* not closed */
    hoop__outlet       *outlet;   /* of `out`, not closed: what is not read in time is lost; NULL: `out` itself */
    hoop__progress_mode mode;     /* AUTO: by what `out` is */
    int                 columns;  /* of the bar; 0: the terminal's, asked anew at each drawing */
    double              redraw_s; /* least time between two drawings; 0: 0.1 */
    double              line_s;   /* the same of plain lines, and of those that ask whether they are due; 0: 10 */
    double              worth_s;  /* the same of those of them that are worth it; 0: 3 */
    double (*clock)(void *);      /* seconds, never backwards; NULL: CLOCK_MONOTONIC */
    void *clock_context;
} hoop__progress_opts;

typedef struct hoop__progress_state {
    int64_t     step, steps;   /* done, of how many */
    int64_t     epoch, epochs; /* from 1; 0: not shown */
    double      loss;          /* NAN in this and the rest: not shown */
    const char *metrics;       /* "acc 97.21%"; NULL or "": none */
    int64_t     evaluations;   /* of the loss in the last step; 0: not shown */
    double      samples_per_s;
    double      steps_per_s;          /* for the time that is left */
    double      stall, communication; /* shares of the time, 0 to 1 */
} hoop__progress_state;

typedef struct hoop__progress hoop__progress;

/** Errors: HOOP_ENOMEM. */
hoop_status hoop__progress_create(const hoop__progress_opts *opts, hoop_error *err, hoop__progress **out);
/** Would update show anything now? It costs a look at the clock. `p` may be NULL here and below: nothing is shown. */
bool hoop__progress_wants(const hoop__progress *p);
/** After each step, or those that it wants. */
void hoop__progress_update(hoop__progress *p, const hoop__progress_state *state);
/** A line that stays, such as the end of an epoch: the state as it is. */
void hoop__progress_keep(hoop__progress *p, const hoop__progress_state *state);
/** Is it time for a line that stays, of those that would come with every epoch? True for the first, and then once in some
 *  seconds, sooner where it is `worth` it; true counts as that line. */
bool hoop__progress_due(hoop__progress *p, bool worth);
/** A line of text that stays; the bar goes on below it. */
void hoop__progress_note(hoop__progress *p, const char *format, ...) HOOP_PRINTF(2, 3);
/** Leaves the cursor on a fresh line. */
void hoop__progress_destroy(hoop__progress **p);

#endif
