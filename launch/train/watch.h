/** train/watch.h - what goes by metrics of the validation data: the schedule, the end of a run, the best checkpoint (watch.c). */
#ifndef HOOP_TRAINER_WATCH_H
#define HOOP_TRAINER_WATCH_H

#include "train/trainer.h"

/* Are the metrics there? Errors: HOOP_ECONFIG. Once data and outputs are known. */
hoop_status hoop__watch_create(hoop_trainer *tr, hoop_error *err);
/* Are the validation data to be looked at after the last step? */
bool hoop__watch_now(const hoop_trainer *tr);
/* They were evaluated: where they are to be, the values count. */
void hoop__watch_evaluated(hoop_trainer *tr);
/* The numbers of i, and under which name a checkpoint keeps them; NULL: there are none. */
double *hoop__watch_numbers(hoop_trainer *tr, int i, const char **name, int *n);
/* Does a schedule go by evaluations as often as it did? Errors: HOOP_ECONFIG. */
hoop_status hoop__watch_same(const hoop_trainer *tr, const hoop_config *old, hoop_error *err);
/* They were read. */
void hoop__watch_resumed(hoop_trainer *tr);
/* The best is none that this run has: it begins anew. On all ranks. */
void hoop__watch_forget_best(hoop_trainer *tr);

#endif
