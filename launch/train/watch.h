/** train/watch.h - what goes by metrics of the validation data: the schedule, the end of a run, the best checkpoint (watch.c). */
#ifndef HOOP_TRAINER_WATCH_H
#define HOOP_TRAINER_WATCH_H

#include "train/trainer.h"

/* Are the metrics there? Errors: HOOP_ECONFIG. Once data and outputs are known. */
hoop_status hoop__watch_create(hoop_trainer *tr, hoop_error *err);
/* The validation data were evaluated: of the ends of epochs the values count. */
void hoop__watch_evaluated(hoop_trainer *tr);
/* The numbers of i, and under which name a checkpoint keeps them; NULL: there are none. */
double *hoop__watch_numbers(hoop_trainer *tr, int i, const char **name, int *n);
/* They were read. */
void hoop__watch_resumed(hoop_trainer *tr);
/* The best is none that this run has: it begins anew. On all ranks. */
void hoop__watch_forget_best(hoop_trainer *tr);

#endif
