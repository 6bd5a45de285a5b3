/**
 * observe/observe.h - what follows a run: each observer is a struct of its own and a hoop_observer over it.
 *
 * The trainer's loop names none of them; the train command puts them into an array. To add one: a file here, a constructor
 * below, a line in command/train.c.
 */
#ifndef HOOP_OBSERVE_H
#define HOOP_OBSERVE_H

#include <stdio.h>

#include "hoop/train.h"
#include "output/outlet.h"

/** Evaluate on the validation data after each epoch and at the end; the result is in the trainer's status. Collective. */
hoop_observer hoop__observe_validation(void);
/** Save every hoop_trainer_save_every steps, where a step is the best so far, and at the end. Collective. */
hoop_observer hoop__observe_saving(void);
/** Is the step that was just made one of those? */
bool hoop__saves_now(hoop_trainer *tr);

/** Progress of rank 0 on a stream, written by its outlet (NULL: directly; neither is closed); *out is NULL elsewhere. */
typedef struct hoop__progress_observer hoop__progress_observer;
hoop_status hoop__progress_observer_create(hoop_trainer *tr, FILE *where, hoop__outlet *outlet, hoop_error *err,
                                           hoop__progress_observer **out);
void        hoop__progress_observer_destroy(hoop__progress_observer **p);
/** A line that stays, above the bar. */
void          hoop__progress_observer_note(hoop__progress_observer *p, const char *text);
hoop_observer hoop__observe_progress(hoop__progress_observer *p);

/** metrics.jsonl and TensorBoard events in the run directory, by rank 0: written ten times a second, and before a checkpoint is.
 *  What can't be written once the run is under way is told once, as a note of the trainer's, and the run goes on. */
typedef struct hoop__metrics_observer hoop__metrics_observer;
hoop_status   hoop__metrics_observer_create(hoop_trainer *tr, const char *run_dir, hoop_error *err, hoop__metrics_observer **out);
void          hoop__metrics_observer_destroy(hoop__metrics_observer **m);
hoop_observer hoop__observe_metrics(hoop__metrics_observer *m);

#endif
