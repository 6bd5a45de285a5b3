/** train/augment.h - data.augment: what is done to samples of training, at random (hoop/augment.h). */
#ifndef HOOP_TRAINER_AUGMENT_H
#define HOOP_TRAINER_AUGMENT_H

#include "hoop/augment.h"
#include "hoop/config.h"
#include "hoop/loader.h"
#include "train/trainer.h"

typedef struct hoop__augment hoop__augment;

extern const hoop_config_free hoop__augment_key;

/** Read it, to tr->data->augment; NULL where there is none. Errors: HOOP_ECONFIG, HOOP_ENOMEM. Calls: Local. */
hoop_status hoop__augment_read(hoop_trainer *tr, hoop_error *err);
/** Once it is known how fields are read: can it be done to them? Then the loader does it. Errors: HOOP_ECONFIG. Calls: Local. */
hoop_status hoop__augment_load(hoop_trainer *tr, hoop_loader_opts *opts, hoop_error *err);
/** Of how many parts labels of a sample are (hoop_augment_part); 1: they are its own. Calls: Local. */
int  hoop__augment_parts(const hoop_trainer *tr);
void hoop__augment_free(hoop__augment **a);

#endif
