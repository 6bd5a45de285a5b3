/** train/lists.h - boxes that were predicted, as lists in a file: NAMEboxes (k, 4) f32, NAMEscores (k) f32, NAMElabels (k) i64,
 * and the offsets of each, as lists of datasets have them (io/FORMAT.md). */
#ifndef HOOP_TRAIN_LISTS_H
#define HOOP_TRAIN_LISTS_H

#include "hoop/output.h"
#include "train/trainer.h"

enum { HOOP__LISTS = 3, HOOP__LIST_SETS = 2 * HOOP__LISTS, HOOP__LIST_NAME = 96 };

/** What a rank has predicted of a target: boxes of its rows, one row's behind the other's. */
typedef struct hoop__lists {
    float      *box, *score;
    int64_t    *label, *end; /* end: of each row, where its boxes end */
    int64_t     rows, n, room_rows, room;
    int64_t     before, all; /* boxes of the ranks before, of all ranks; once agreed */
    char        name[HOOP__LIST_SETS][HOOP__LIST_NAME];
    const char *attrs[HOOP__LISTS][8]; /* borrowed by sets */
} hoop__lists;

void hoop__lists_free(hoop__lists *l);
/** Rows more: values (n, most, 6) of f32 or f64, as hoop_box_detect gives them. Errors: HOOP_ENOMEM. Calls: Local. */
hoop_status hoop__lists_add(hoop__lists *l, const void *values, hoop_dtype dtype, int64_t n, int64_t most, hoop_error *err);
/** Where this rank's begin, how many there are. Calls: Collective. */
hoop_status hoop__lists_agree(hoop_trainer *tr, hoop__lists *l, hoop_error *err);
/** The datasets they are in, HOOP__LIST_SETS of them; prefix: of their names, "" or "NAME."; rows: of all ranks; attrs: three
 * pairs that each gets. */
void hoop__lists_sets(hoop__lists *l, const char *prefix, int64_t rows, const char *const attrs[6], const char *const *classes,
                      int64_t nclasses, hoop_output_set sets[HOOP__LIST_SETS]);
/** This rank's, into datasets from number `set` on; first: its first row. Calls: Local. */
hoop_status hoop__lists_write(const hoop__lists *l, const hoop_output *file, int set, int64_t first, hoop_error *err);

#endif
