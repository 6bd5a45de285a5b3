/**
 * train/meaning.h - what the numbers of a dataset stand for: names of its classes, scales. Rows of two datasets can have one
 * shape and yet mean different things, and then every number that is computed is wrong without a sign.
 */
#ifndef HOOP_MEANING_H
#define HOOP_MEANING_H

#include "hoop/checkpoint.h"
#include "hoop/dataset.h"

enum { HOOP__MEANING_NOTES = 6 };

typedef struct hoop__meaning {
    char    scale[2][64]; /* of x and y: "integers times 0.00392157"; "": not known */
    char   *names;        /* of the classes, a line each; NULL: not known */
    int64_t classes;      /* 0: not known */
} hoop__meaning;

/** What a dataset says of itself; end it with hoop__meaning_free. Errors: HOOP_ENOMEM. Calls: Local. */
hoop_status hoop__meaning_of(const hoop_dataset *ds, hoop_error *err, hoop__meaning *out);
/** What was kept in a checkpoint's notes. Errors: HOOP_ENOMEM. Calls: Local. */
hoop_status hoop__meaning_noted(const hoop_checkpoint *c, hoop_error *err, hoop__meaning *out);
void        hoop__meaning_free(hoop__meaning *m);
/** Key, value, key, value ... to keep in a checkpoint, at most HOOP__MEANING_NOTES of both, owned by m; returns the pairs. */
int64_t hoop__meaning_notes(const hoop__meaning *m, const char **out);
/** Does b, called so in the error, agree with a? What one of them does not say is not compared. Errors: HOOP_ECONFIG. Calls:
 * Local. */
hoop_status hoop__meaning_compare(const hoop__meaning *a, const char *a_name, const hoop__meaning *b, const char *b_name,
                                  hoop_error *err);

#endif
