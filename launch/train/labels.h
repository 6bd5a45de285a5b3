/** train/labels.h - targets that are classes: how many there are, and what to say of targets that are stored as something else.
 */
#ifndef HOOP_LABELS_H
#define HOOP_LABELS_H

#include "hoop/dataset.h"

enum { HOOP__ADVICE = 256 };

/** "; what to do" with a field where it is no label a row: one-hot rows, whole numbers stored as reals, or real targets; "" where
 * there is nothing to say. From a sample of its rows. `key`: what its labels are set with, "data.labels". */
const char *hoop__labels_advice(hoop_dataset *ds, int field, const char *key, char out[HOOP__ADVICE]);
/**
 * Read all labels of a field (of windows that overlap each once, or little more), and give the greatest + 1. limit: there are no
 * more, as `who` says (0: any number, but a label of 65536 or more that is not below the number of labels is asked about: a model
 * would have as many outputs). classes_key: what the number is set with, "data.classes". Errors: HOOP_ERANGE, those of reading.
 * Calls: Local.
 */
hoop_status hoop__labels_scan(hoop_dataset *ds, int field, int64_t limit, const char *who, const char *classes_key,
                              int64_t ignore, hoop_error *err, int64_t *classes);
/** What is known of boxes before they are looked at: size of the pictures (0: not known), classes (0: any), and who says so:
 * "data.train has". */
typedef struct hoop__boxes_look {
    int64_t     width, height, classes;
    const char *who;
} hoop__boxes_look;
/** Read all boxes of a field, and give the greatest class + 1. Errors, with sample and box: HOOP_ERANGE, HOOP_ESHAPE,
 * HOOP_EDTYPE, those of reading. Calls: Local. */
hoop_status hoop__boxes_scan(hoop_dataset *ds, int field, const hoop__boxes_look *look, hoop_error *err, int64_t *classes);
/** The shard of a row, which becomes one of it. Calls: Local. */
const char *hoop__labels_shard(const hoop_dataset *ds, int64_t *row);
/** The first loss of the table for classes, or for real targets: what to advise. Calls: Local. */
const char *hoop__loss_of(bool classes);

#endif
