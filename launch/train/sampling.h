/** train/sampling.h - data.sampling: samples drawn by weight, in place of each once an epoch. */
#ifndef HOOP_TRAINER_SAMPLING_H
#define HOOP_TRAINER_SAMPLING_H

#include "hoop/loader.h"
#include "train/trainer.h"

enum { HOOP__SAMPLING_ONCE, HOOP__SAMPLING_BALANCED, HOOP__SAMPLING_WEIGHTED };

/** Weights of the training data, for the loader; they stay in tr->data->drawn. Errors: HOOP_ECONFIG, those of reading. Calls:
 * Local. */
hoop_status hoop__sampling_load(hoop_trainer *tr, hoop_loader_opts *opts, hoop_error *err);

#endif
