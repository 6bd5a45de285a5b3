/**
 * io/import/table.h - a table on its way to a dataset: what the first pass saw of each column, and what was decided of it.
 *
 * csv.c reads and writes; profile.c sees; header.c, columns.c, kinds.c, numbers.c, labels.c and like.c
 * decide; set.c and summary.c say so, in the set and to people.
 */
#ifndef HOOP_IO_TABLE_H
#define HOOP_IO_TABLE_H

#include <locale.h>

#include "hoop/import.h"
#include "import/cell.h"
#include "import/csv_reader.h"
#include "import/words.h"

enum {
    HOOP_CLASSES_MAX = 65536, /* different texts that are kept of a column */
    HOOP_WORDS_MAX   = 32,    /* words that become columns unasked */
    HOOP_INTS_MAX    = 64,    /* whole numbers that become classes unasked ... */
    HOOP_INTS_EACH   = 5      /* ... where each is there so often, on average */
};

typedef enum hoop_role { HOOP_ROLE_LEFT_OUT, HOOP_ROLE_FEATURE, HOOP_ROLE_TARGET, HOOP_ROLE_INDEX } hoop_role;

/** Numbers of the different texts of a column: classes, or columns of ones and zeros. */
typedef struct hoop_labels {
    int64_t      n;
    const char **name;                 /* ascending: by value where all are numbers, else by bytes */
    bool         ids;                  /* the names are 0, 1 .. n-1 */
    const char  *merged[2], *equal[2]; /* of two spellings that are one, of two that are not though their values are; or NULL */
    char       **own;                  /* texts made here, to be freed */
    int64_t      nown;
} hoop_labels;

/** What the first pass saw of a column. */
typedef struct hoop_column_seen {
    double  low, high, sum, loss; /* of numbers; loss: the most that f32 takes from one */
    int64_t numbers, bools, words, infinite, empty, na;
    bool    whole;
    bool    again; /* the word of the first line is there below */
    /* where the first of each kind stands; 0: nowhere */
    int64_t    word_line, infinite_line, empty_line, na_line, huge_line, rounded_line; /* rounded: whole, and no f64 */
    double     huge;                                                                   /* beyond f32 */
    char       word[HOOP_SHOWN], na_text[16], infinite_text[HOOP_SHOWN];
    hoop_words texts; /* the different ones */
} hoop_column_seen;

typedef struct hoop_column {
    bool             every; /* texts are to have the numbers, too */
    hoop_column_seen seen;
    bool             na_there; /* NA and the like, in rows left out */
    /* decided */
    hoop_role   role;
    bool        one_hot;
    int64_t     group;     /* by --like: which of its columns of words it is; else not looked at */
    hoop_labels labels;    /* of one-hot columns and the target's classes */
    int64_t     at, width; /* its place in x or y */
} hoop_column;

/** What --like takes from a set. */
typedef struct hoop_like {
    int64_t nx, ny, nhot, classes;
    char  **x, **y, **hot, **class_name; /* NULL: the set says none */
    double *mean;                        /* nx, or NULL */
    bool    has_y, x_f64, y_f64, y_class;
} hoop_like;

/** What the first pass saw of the table. */
typedef struct hoop_table_seen {
    int64_t rows;
    char  **first;  /* fields of the first record */
    char  **remark; /* of the last comment before it, if they are as many; else NULL */
    int64_t first_line;
    int64_t word_columns;
    /* of the first column, where it has no name: is each number there once? */
    bool           count_index, distinct;
    unsigned char *bits;
    int64_t        nbits;
    double         before;
    bool           rising;
    /* the first rows, to see what f32 makes equal */
    double *sample;
    int64_t sampled, sample_room;
} hoop_table_seen;

/** What was decided of it. */
typedef struct hoop_table_plan {
    bool         header, from_remark; /* from_remark: the names come from a comment */
    char       **names;               /* of columns; NULL without header */
    bool         index_out;           /* the first column counts rows, and is left out */
    int64_t      ntargets, nfeatures, nx;
    int64_t     *target, *feature; /* columns of y and x, in their order */
    bool         by_class, x_f64, y_f64;
    bool         na_class; /* NA and the like are classes of the target */
    hoop_missing missing;
    int64_t      holes, dropped, total; /* missing cells; rows left out, and all of the file's */
    double      *mean;                  /* nx: what takes the place of missing cells */
} hoop_table_plan;

typedef struct hoop_table {
    hoop_csv             csv;
    const hoop_csv_opts *opts;
    hoop_import_result  *result; /* never NULL */
    locale_t             locale; /* "C" */
    bool                 by_like;
    hoop_like            like;
    int64_t              columns;
    hoop_column         *column;
    hoop_table_seen      seen;
    hoop_table_plan      plan;
} hoop_table;

/* ---- profile.c ---- */

/** Room for what is seen; the first record is in t->csv and is kept apart. */
hoop_status hoop__table_begin(hoop_table *t, hoop_error *err);
/** See the record in t->csv. */
hoop_status hoop__table_see(hoop_table *t, hoop_error *err);
/** The first record is data. */
hoop_status hoop__table_see_first(hoop_table *t, hoop_error *err);
/** See anew: of all columns only what was decided, not what was seen, is kept. */
void hoop__table_forget(hoop_table *t);
/** The first column holds distinct whole numbers. */
bool hoop__table_counts(const hoop_table *t);
/** How many different values of column i, in the first rows, f32 makes equal, and how many there are. */
int64_t hoop__table_merged(const hoop_table *t, int64_t i, int64_t *different);

/* ---- header.c ---- */

hoop_status hoop__table_header(hoop_table *t, hoop_error *err);

/* ---- columns.c ---- */

/** Before anything is read below the first record: which columns may be asked for all their texts. */
void hoop__table_mark(hoop_table *t);
/** Which columns are x, which y, which neither. */
hoop_status hoop__table_roles(hoop_table *t, hoop_error *err);
/** Which of n columns of words, as "Sex", a column "Sex=male" belongs to: the longest such name; -1: none. */
int64_t hoop__one_hot_of(const char *const *hot, int64_t n, const char *name);
/** Does a list say names, not only numbers? */
bool hoop__names_said(const char *list);
/** ": line 3, column 2 (width)" and the like for errors. */
void hoop__where(const hoop_table *t, int64_t column, int64_t line, char *out, size_t size);
/** "column 2 (width)" */
const char *hoop__column_name(const hoop_table *t, int64_t column, char *out, size_t size);
enum { HOOP_WHERE = 192, HOOP_PLACE = 1024 + HOOP_WHERE };

/* ---- labels.c ---- */

/** Number the texts: in numeric order where all texts are numbers, else by bytes. */
hoop_status hoop__labels_number(hoop_table *t, hoop_column *c, hoop_error *err);
/** As the numbers that are classes themselves. */
hoop_status hoop__labels_ids(hoop_table *t, int64_t column, int64_t classes, hoop_error *err);
/** As the n names say; zero: what is not among them keeps -1, else it is an error. */
hoop_status hoop__labels_like(hoop_table *t, int64_t column, char **name, int64_t n, bool ids, bool zero, hoop_error *err);
void        hoop__labels_free(hoop_labels *l);

/* ---- kinds.c ---- */

/** Classes or numbers, and if words which; features: numbers, or columns of ones and zeros; then numbers.c. */
hoop_status hoop__table_kinds(hoop_table *t, hoop_error *err);

/* ---- numbers.c ---- */

/** f32 or f64; what is missing, and what takes its place. */
hoop_status hoop__table_numbers(hoop_table *t, hoop_error *err);

/* ---- like.c ---- */

hoop_status hoop__like_read(const char *spec, hoop_error *err, hoop_like *out);
void        hoop__like_free(hoop_like *l);

/* ---- summary.c ---- */

/** What the whole came to, in lines. */
void hoop__table_summary(hoop_table *t);

#endif
