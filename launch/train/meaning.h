/**
 * train/meaning.h - what the numbers of a dataset stand for: names of columns and classes, scales. Rows of two datasets can have
 * one shape and yet mean different things, and then every number that is computed is wrong without a sign.
 */
#ifndef HOOP_MEANING_H
#define HOOP_MEANING_H

#include "hoop/checkpoint.h"
#include "hoop/dataset.h"

enum { HOOP__MEANING_NOTES = 18 };

typedef struct hoop__meaning {
    char    scale[2][64];     /* of x and y: "integers times 0.00392157"; "": not known */
    char    shape[2][64];     /* of a row: "[28, 28]"; "": not known */
    char    classes_text[24]; /* classes, for the notes */
    char   *names;            /* of the classes, a line each; NULL: not known */
    char   *columns[2];       /* of x and y, the same */
    char   *one_hot;          /* columns of the table that became one for each word: x has "Sex=male" where it lists "Sex" */
    int64_t classes;          /* 0: not known */
    bool    before;           /* of a checkpoint that was written before any of this was kept */
} hoop__meaning;

/** What a dataset says of itself; end it with hoop__meaning_free. Errors: HOOP_ENOMEM. Calls: Local. */
hoop_status hoop__meaning_of(const hoop_dataset *ds, hoop_error *err, hoop__meaning *out);
/** What was kept in a checkpoint's notes. Errors: HOOP_ENOMEM. Calls: Local. */
hoop_status hoop__meaning_noted(const hoop_checkpoint *c, hoop_error *err, hoop__meaning *out);
void        hoop__meaning_free(hoop__meaning *m);
/** Key, value, key, value ... to keep in a checkpoint, at most HOOP__MEANING_NOTES of both, owned by m; returns the pairs. */
int64_t hoop__meaning_notes(hoop__meaning *m, const char **out);
/** Are a, called so in the error, and b alike, names and all? What one of them does not say is not compared. Errors:
 * HOOP_ECONFIG. Calls: Local. */
hoop_status hoop__meaning_same(const hoop__meaning *a, const char *a_name, const hoop__meaning *b, const char *b_name,
                               hoop_error *err);

/** The lines of a list, apart; NULL: there are none. */
typedef struct hoop__names {
    char  **name;
    int64_t n;
    char   *text;
} hoop__names;
hoop_status hoop__names_split(const char *list, hoop_error *err, hoop__names *out);
void        hoop__names_free(hoop__names *l);

/** How a dataset is brought to what a model was trained on. */
typedef struct hoop__match_opts {
    const char *name, *has; /* of what it was trained on: "runs/a", "the run was trained on" */
    bool        zero;       /* a word that was not seen in training is taken as none */
    bool        targets;    /* y is looked at */
    void       *ctx;
    void (*note)(void *ctx, const char *text); /* of what was done; may be NULL */
} hoop__match_opts;

/** Make ds present its rows as those trained on: columns by name in their order, words of one-hot columns it has none of as
 * zeros, labels by the name of their class. What one side does not name stays as it is. Errors: HOOP_ECONFIG, naming what is
 * missing, additional or of another scale. Calls: Local. */
hoop_status hoop__meaning_match(const hoop__meaning *trained, hoop_dataset *ds, const hoop__match_opts *opts, hoop_error *err);
/** "3 inputs a row (a, b, c); the run was trained on 4 (a, b, c, d)". HOOP_ESHAPE. */
hoop_status hoop__meaning_other_width(const hoop__meaning *trained, const hoop_dataset *ds, int field, const char *has,
                                      hoop_error *err);
/** Elements of a row, from its shape as text; -1: not known. */
int64_t hoop__meaning_numel(const hoop__meaning *m, int field);

#endif
