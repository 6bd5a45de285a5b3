/**
 * train/meaning.h - what the numbers of a dataset stand for, field by field: names of columns and classes, scales. Rows of two
 * datasets can have one shape and yet mean different things, and then every number that is computed is wrong without a sign.
 */
#ifndef HOOP_MEANING_H
#define HOOP_MEANING_H

#include "hoop/checkpoint.h"
#include "hoop/dataset.h"

typedef struct hoop__field_meaning {
    char   *name;
    bool    target;
    char    scale[64];        /* "integers times 0.00392157"; "": not known */
    char    shape[64];        /* of a row: "[28, 28]"; "": not known */
    char    classes_text[24]; /* classes, for the notes */
    char   *class_names;      /* of the classes, a line each; NULL: not known */
    char   *columns;          /* the same */
    int64_t classes;          /* 0: not known */
    char    class_dim[8];     /* of outputs of several dims: "first", (n, C, ...), or "last"; "": not known */
} hoop__field_meaning;

typedef struct hoop__meaning {
    hoop__field_meaning *field; /* as in the dataset, or as the checkpoint tells them */
    int                  n;
    char                *one_hot; /* columns of the table that became one for each word: x has "Sex=male" where it lists "Sex" */
    char                *tokenizer; /* the line of that of its text (hoop/tokenizer.h); NULL: none is known */
    bool                 before;    /* of a checkpoint that was written before any of this was kept */
    const char         **notes;     /* what hoop__meaning_notes gave */
    char                *keys;
} hoop__meaning;

/** What a dataset says of itself; end it with hoop__meaning_free. Errors: HOOP_ENOMEM. Calls: Local. */
hoop_status hoop__meaning_of(const hoop_dataset *ds, hoop_error *err, hoop__meaning *out);
/** What was kept in a checkpoint's notes. Errors: HOOP_ENOMEM. Calls: Local. */
hoop_status hoop__meaning_noted(const hoop_checkpoint *c, hoop_error *err, hoop__meaning *out);
void        hoop__meaning_free(hoop__meaning *m);
/** The field called so; NULL if nothing is known of it. Calls: Local. */
hoop__field_meaning *hoop__meaning_find(const hoop__meaning *m, const char *name);
/** The same, made where it is not there. Errors: HOOP_ENOMEM (NULL). Calls: Local. */
hoop__field_meaning *hoop__meaning_add(hoop__meaning *m, const char *name, bool target, hoop_error *err);
/** *pairs of key and value to keep in a checkpoint, owned by m, behind `nfirst` of the caller's. Errors: HOOP_ENOMEM. Calls:
 * Local.
 */
hoop_status hoop__meaning_notes(hoop__meaning *m, const char *const *first, int64_t nfirst, hoop_error *err,
                                const char *const **out, int64_t *pairs);
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
    bool        targets;    /* they are looked at */
    void       *ctx;
    void (*note)(void *ctx, const char *text); /* of what was done; may be NULL */
} hoop__match_opts;

/** Make ds present its rows as those trained on: columns by name in their order, words of one-hot columns it has none of as
 * zeros, labels by the name of their class. What one side does not name stays as it is. Errors: HOOP_ECONFIG, naming what is
 * missing, additional or of another scale. Calls: Local. */
hoop_status hoop__meaning_match(const hoop__meaning *trained, hoop_dataset *ds, const hoop__match_opts *opts, hoop_error *err);
/** "3 inputs a row (a, b, c); the run was trained on 4 (a, b, c, d)", of a field of ds. HOOP_ESHAPE. */
hoop_status hoop__meaning_other_width(const hoop__meaning *trained, const hoop_dataset *ds, int field, const char *has,
                                      hoop_error *err);
/** Elements of a row of the field called so, from its shape as text; -1: not known, or not one number. */
int64_t hoop__meaning_numel(const hoop__meaning *m, const char *name);

#endif
