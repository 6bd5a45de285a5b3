/** train/labels.h - targets that are classes: how many there are, and what to say of targets that are stored as something else.
 */
#ifndef HOOP_LABELS_H
#define HOOP_LABELS_H

#include "train/plan.h"

/** How a config wants its files read; use_y is left to the caller. */
hoop_dataset_opts hoop__labels_dataset_opts(const hoop__data_opts *data);
/** "; what to do" with y where it is no label a row: one-hot rows, whole numbers stored as reals, or real targets; "" where
 * there is nothing to say. From a sample of its rows. */
const char *hoop__labels_advice(hoop_dataset *ds, char out[192]);
/**
 * Read all labels, and give the greatest + 1. limit: there are no more, as `who` says (0: any number, but a label of 65536 or
 * more that is not below the number of labels is asked about: a model would have as many outputs). Errors: HOOP_ERANGE, those of
 * reading. Calls: Local.
 */
hoop_status hoop__labels_scan(hoop_dataset *ds, int64_t limit, const char *who, hoop_error *err, int64_t *classes);
/** The shard of a row, which becomes one of it. Calls: Local. */
const char *hoop__labels_shard(const hoop_dataset *ds, int64_t *row);

#endif
