/** train/sampling.h - data.sampling: samples drawn by weight, in place of each once an epoch. */
#ifndef HOOP_TRAINER_SAMPLING_H
#define HOOP_TRAINER_SAMPLING_H

#include "hoop/checkpoint.h"
#include "hoop/loader.h"
#include "train/trainer.h"

enum { HOOP__SAMPLING_ONCE, HOOP__SAMPLING_BALANCED, HOOP__SAMPLING_WEIGHTED };

/** The key of a checkpoint's note: SHA-256 of the weights. */
#define HOOP__SAMPLING_NOTE "sampling_weights"

/** Weights of the training data, for the loader; they stay in tr->data->drawn. Errors: HOOP_ECONFIG, those of reading. Calls:
 * Local. */
hoop_status hoop__sampling_load(hoop_trainer *tr, hoop_loader_opts *opts, hoop_error *err);
/** Have all ranks read the same weights? Errors: HOOP_EDESYNC. Calls: Collective. */
hoop_status hoop__sampling_agree(hoop_trainer *tr, hoop_error *err);
/** Was a checkpoint trained with these weights? Errors: HOOP_ECONFIG. Calls: Local. */
hoop_status hoop__sampling_same(const hoop_trainer *tr, const hoop_checkpoint *c, hoop_error *err);

#endif
