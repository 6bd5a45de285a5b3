/** train/weights.h - numbers of the config's own for each sample of training: data.weights, which its loss is multiplied by; and
 * those of data.sampling_weights, which are read and kept the same way. */
#ifndef HOOP_TRAINER_WEIGHTS_H
#define HOOP_TRAINER_WEIGHTS_H

#include "base/hash.h"
#include "hoop/checkpoint.h"
#include "train/trainer.h"

/** Keys of a checkpoint's notes: SHA-256 of what was trained with. */
#define HOOP__WEIGHTS_NOTE "weights"
#define HOOP__SAMPLING_NOTE "sampling_weights"

/** To tr->data->weights, NULL where the config has none. Errors: HOOP_ECONFIG, which names the sample. Calls: Local. */
hoop_status hoop__weights_load(hoop_trainer *tr, hoop_error *err);
/** A finite number from 0 for each sample of the training data, of the HDF5 dataset that `key` of the config names. Errors:
 * HOOP_ECONFIG. Calls: Local. */
hoop_status hoop__weights_read(hoop_trainer *tr, const char *key, const char *path, double *out, hoop_error *err);
/** All rows of a field of one number each. Errors: those of reading. Calls: Local. */
hoop_status hoop__weights_read_all(hoop_dataset *ds, int field, hoop_dtype as, void *out, hoop_error *err);
hoop_status hoop__weights_hash(const double *values, int64_t n, hoop_error *err, char hex[HOOP__SHA256_HEX]);
/** Have all ranks the same ones, drawn by or multiplied by? Errors: HOOP_EDESYNC. Calls: Collective. */
hoop_status hoop__weights_agree(hoop_trainer *tr, hoop_error *err);
/** Was a checkpoint trained with them? Errors: HOOP_ECONFIG. Calls: Local. */
hoop_status hoop__weights_same(const hoop_trainer *tr, const hoop_checkpoint *c, hoop_error *err);
/** Its notes: key, value ... into out[4]; returns how many pairs. Calls: Local. */
int hoop__weights_notes(const hoop_trainer *tr, const char **out);

#endif
