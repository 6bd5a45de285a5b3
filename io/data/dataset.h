/**
 * io/data/dataset.h - inside a dataset: its fields, its shards, and the cache of chunks.
 */
#ifndef HOOP_IO_DATASET_H
#define HOOP_IO_DATASET_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/h5.h"
#include "data/cut.h"
#include "data/reading.h"
#include "hoop/dataset.h"

/* Stored elements, which other programs' files may place anywhere. */
typedef float __attribute__((aligned(1), may_alias)) hoop_stored_F32;
typedef double __attribute__((aligned(1), may_alias)) hoop_stored_F64;
typedef int64_t __attribute__((aligned(1), may_alias)) hoop_stored_I64;
typedef int32_t __attribute__((aligned(1), may_alias)) hoop_stored_I32;
typedef uint8_t __attribute__((aligned(1), may_alias)) hoop_stored_U8;

/** Consecutive rows read through HDF5; a list from the most to the least recently used. Rows of variable length: i64, how many
 * elements stand before each row and before the end, then these. */
typedef struct hoop_block {
    struct hoop_block  *newer, *older;
    struct hoop_block **owner; /* the entry of the field's table that points here */
    int                 field;
    int64_t             bytes;
    unsigned char       data[];
} hoop_block;

/** One field of one shard: mapped, or read in blocks of block_rows rows. */
typedef struct hoop_shard_field {
    const unsigned char *rows;     /* of the dataset (straight: the first row) in the map; NULL: blocks */
    bool                 straight; /* mapped rows that are taken as they are, one after the other */
    bool                 varies;   /* rows are of variable length */
    int64_t              nrows;    /* of its series, or list of rows; samples are made of these (samples.c) */
    int64_t             *offsets;  /* of samples, NULL: they are not by offsets */
    hoop_cut             cut;
    hoop_reading         reading; /* how its stored elements are meant */
    bool                 flip;    /* its integers are taken with the other sign than the file's type says */
    hid_t                dset;    /* -1 when mapped, or while the shard's file is closed */
    struct hoop_chunks  *chunks;  /* how to decode them; NULL: by H5Dread */
    int64_t              block_rows, nblocks;
    hoop_block         **blocks;
    /* of mapped rows that come with checksums (sums.c), one for sum_rows rows; NULL: none */
    const hoop_stored_I64 *sums;
    const unsigned char   *summed;    /* the first row, as it is in the file */
    int64_t                sum_bytes; /* of a row */
    int64_t                sum_rows;
    atomic_uchar          *seen; /* whether that block was found to be right */
} hoop_shard_field;

typedef struct hoop_shard {
    char             *path;
    int64_t           first, rows; /* place of its samples in the dataset */
    int64_t           bytes;
    void             *map;
    hid_t             file;                       /* -1 when all is mapped, or while it is closed */
    int64_t           used;                       /* when, by the dataset's count of uses */
    struct stat       stat;                       /* of the file when it was first opened */
    bool              ours;                       /* hoop wrote it */
    char              set[HOOP_FINGERPRINT_TEXT]; /* attribute `set`: the same in all shards of one import; "" if none */
    hoop_shard_field *field;
} hoop_shard;

/** Names, in one block with their text. */
typedef struct hoop_names {
    char  **name;
    int64_t n;
} hoop_names;

/** How rows are presented, where that is not as they are stored (columns.c). */
typedef struct hoop_presented {
    int64_t   *from; /* which column each comes from, -1: zeros; NULL: as stored */
    hoop_names columns, classes;
    int64_t   *label, nlabel; /* what each stored label stands for; NULL: itself */
} hoop_presented;

/** One field, the same in all shards. */
typedef struct hoop_field {
    hoop_field_opts    opts;               /* its texts are the dataset's */
    hoop_dataset_field stored, read;       /* what blocks and mapped rows hold; as read (reading.h), before a view */
    int64_t            row_bytes;          /* stored */
    char              *object;             /* the HDF5 dataset */
    hoop_piece         piece;              /* of it */
    int64_t            stride, lead, span; /* sample i is rows i * stride + lead and on, span of them; not by offsets */
    bool               mapped;             /* in all shards */
    hoop_names         columns, classes;
    hoop_presented     view;
    hoop_block        *latest;    /* the last one used */
    bool               backwards; /* its next gathering goes from high rows to low */
} hoop_field;

struct hoop_dataset {
    hoop_dataset_info   info;
    hoop_dataset_field *shown; /* info.field: as presented */
    hoop_field         *field;
    int                 nfields;
    bool                plain; /* opened by the short form */
    hoop_names          one_hot;
    char              **tokenizer; /* one line, as a list; NULL: none */
    int64_t             tokens;    /* that it has */
    hoop_dataset_opts   opts;
    char               *spec;
    char              **note;
    int                 nnotes;
    bool                foreign; /* attributes of ours in a file that is not were noted */
    hoop_shard         *shard;
    int64_t             cached_bytes;
    hoop_block         *newest, *oldest;
    int                 open_files, open_max; /* shards that HDF5 has open */
    int64_t             uses;
    pthread_mutex_t     lock; /* of HDF5 handles and the cache */
};

/** The paths a spec stands for. */
typedef struct hoop_paths {
    char  **path;
    int64_t n;
} hoop_paths;
hoop_status hoop__spec_resolve(const char *spec, hoop_error *err, hoop_paths *out);
void        hoop__paths_free(hoop_paths *p);

/** Open shard i, whose path is set; fields and info of shard 0 become the dataset's, others are compared with them. */
hoop_status hoop__shard_open(hoop_dataset *ds, int i, hoop_error *err);
void        hoop__shard_close(hoop_dataset *ds, hoop_shard *s);
/** Is it a shard of ours? HOOP_EFORMAT for one of a version that is not known. */
hoop_status hoop__shard_format(hid_t file, const char *path, hoop_error *err, bool *ours);
/** Rows of a shard, one after the other. */
typedef struct hoop_rows {
    const unsigned char *data;
    int64_t              n;     /* rows; of a row of variable length, its elements */
    unsigned char       *space; /* where they are not to be had side by side: free it at the end */
    int64_t              room;
} hoop_rows;
/** The stored bytes of rows (one, where they are of variable length), valid until the next call; of them at least the first
 * `most` bytes. Under ds->lock unless the field is mapped; not checked by sums. */
hoop_status hoop__shard_rows(hoop_dataset *ds, hoop_shard *s, int field, int64_t first, int64_t count, int64_t most, hoop_rows *r,
                             hoop_error *err);

/* ---- which rows a sample is (samples.c) ---- */

/** What windows make of the fields' options. HOOP_EARG. */
hoop_status hoop__samples_plan(hoop_dataset *ds, hoop_error *err);
/** From a row to a sample, as it is presented. HOOP_EARG, HOOP_ESHAPE, HOOP_ESIZE. */
hoop_status hoop__samples_shape(const hoop_field *f, bool varies, const char *path, hoop_error *err, hoop_dataset_field *shown);
/** Rows [*first, *first + return) of sample i of a shard. */
static inline int64_t hoop__sample_rows(const hoop_field *f, const hoop_shard_field *s, int64_t i, int64_t *first)
{
    *first = s->offsets != NULL ? s->offsets[i] : i * f->stride + f->lead;
    return s->offsets != NULL ? s->offsets[i + 1] - s->offsets[i] : f->span;
}
/** Rows index[n] of a field, as `as`, to out side by side, or each to its place. */
typedef struct hoop_gather {
    const int64_t     *index;
    int64_t            n;
    int                field;
    hoop_dtype         as;
    char              *out;
    char *const       *to;      /* n places; NULL: out */
    int64_t           *lengths; /* only this is wanted: how long each is */
    int64_t            length;  /* where rows vary, what they are padded to; NULL padded: one length */
    const int64_t     *padded;
    const atomic_bool *stop; /* looked at between rows: given up with HOOP_EINTERRUPTED when it is set; may be NULL */
} hoop_gather;
hoop_status hoop__dataset_gather(hoop_dataset *ds, const hoop_gather *g, hoop_error *err);

/* ---- names and views (columns.c) ---- */

struct hoop_look;
struct hoop_found;
/** The names of an open field's columns, where what the file's attributes are called counts. */
hoop_status hoop__columns_read(hoop_dataset *ds, const struct hoop_look *l, const struct hoop_found *f, int field,
                               hoop_error *err);
void        hoop__columns_free(hoop_dataset *ds);
/** A row of the field, cast as it is stored (n elements), to how it is presented; row may be out where no columns are chosen. */
void hoop__view_row(const hoop_dataset *ds, int field, hoop_dtype as, void *row, int64_t n, void *out);

/* ---- checksums of blocks of mapped rows (sums.c) ---- */

/** How many rows a block has in files that hoop writes. */
int64_t hoop__sums_rows(int64_t row_bytes);
/** The dataset that holds the checksums of dataset `name`. */
hoop_status hoop__sums_name(const char *name, hoop_error *err, char *out, size_t size);
/** The mapped field has them, one for `rows` rows, at this offset of the file. */
hoop_status hoop__sums_adopt(hoop_shard *s, int field, int64_t rows, int64_t offset, hoop_error *err);
/** Is the block that holds this row of the shard right? HOOP_ECHECKSUM if not. Any thread. */
hoop_status hoop__sums_check(const hoop_dataset *ds, const hoop_shard *s, int field, int64_t row, hoop_error *err);
/** The same of all blocks with rows [row, row + n), unless that was asked before, or there is nothing to ask. */
static inline hoop_status hoop__sums_look(const hoop_dataset *ds, const hoop_shard *s, int field, int64_t row, int64_t n,
                                          hoop_error *err)
{
    const hoop_shard_field *f  = &s->field[field];
    hoop_status             st = HOOP_OK;
    if (f->sums == NULL || n == 0) return HOOP_OK;
    for (int64_t b = row / f->sum_rows; b <= (row + n - 1) / f->sum_rows && st == HOOP_OK; b++)
        if (atomic_load_explicit(&f->seen[b], memory_order_relaxed) == 0)
            st = hoop__sums_check(ds, s, field, b * f->sum_rows, err);
    return st;
}

/* ---- files open through HDF5 (handles.c); under ds->lock, HDF5's printing being off ---- */

/** How many a dataset keeps open. */
int hoop__handles_max(void);
/** Open shard s, if it is not, and close others if they are too many. HOOP_EIO if it is another file than at first. */
hoop_status hoop__handles_open(hoop_dataset *ds, hoop_shard *s, hoop_error *err);
/** s was opened: count it, and close others if they are too many. */
void        hoop__handles_opened(hoop_dataset *ds, hoop_shard *s);
void        hoop__handles_close(hoop_dataset *ds, hoop_shard *s);
hoop_status hoop__shard_stat(const hoop_shard *s, hoop_error *err, struct stat *out);
/** The shard that holds row `index` of the dataset. */
hoop_shard *hoop__shard_find(const hoop_dataset *ds, int64_t index);

/** A note for people, which stays with the dataset. */
hoop_status hoop__dataset_note(hoop_dataset *ds, hoop_error *err, const char *format, ...) HOOP_PRINTF(3, 4);
/** dst[n] = (as) src[n] * scale; NULL where there is no such cast. */
typedef void   hoop_row_cast(const void *src, void *dst, int64_t n, double scale);
hoop_row_cast *hoop__row_cast(hoop_dtype from, hoop_dtype as, double scale);

#endif
