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
#include "data/reading.h"
#include "hoop/dataset.h"

/* Stored elements, which other programs' files may place anywhere. */
typedef float __attribute__((aligned(1), may_alias)) hoop_stored_F32;
typedef double __attribute__((aligned(1), may_alias)) hoop_stored_F64;
typedef int64_t __attribute__((aligned(1), may_alias)) hoop_stored_I64;
typedef int32_t __attribute__((aligned(1), may_alias)) hoop_stored_I32;
typedef uint8_t __attribute__((aligned(1), may_alias)) hoop_stored_U8;

/** `rows` consecutive rows read through HDF5; a list from the most to the least recently used. */
typedef struct hoop_block {
    struct hoop_block  *newer, *older;
    struct hoop_block **owner; /* the entry of the field's table that points here */
    int                 field;
    int64_t             bytes;
    unsigned char       data[];
} hoop_block;

/** One field of one shard: mapped, or read in blocks of block_rows rows. */
typedef struct hoop_shard_field {
    const unsigned char *rows;    /* first row in the map; NULL: blocks */
    hoop_reading         reading; /* how its stored elements are meant */
    bool                 flip;    /* its integers are taken with the other sign than the file's type says */
    hid_t                dset;    /* -1 when mapped, or while the shard's file is closed */
    struct hoop_chunks  *chunks;  /* how to decode them; NULL: by H5Dread */
    int64_t              block_rows, nblocks;
    hoop_block         **blocks;
    /* of mapped rows that come with checksums (sums.c), one for sum_rows rows; NULL: none */
    const hoop_stored_I64 *sums;
    int64_t                sum_rows;
    atomic_uchar          *seen; /* whether that block was found to be right */
} hoop_shard_field;

typedef struct hoop_shard {
    char             *path;
    int64_t           first, rows; /* place in the dataset */
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
typedef struct hoop_view {
    int64_t   *from; /* which column each comes from, -1: zeros; NULL: as stored */
    hoop_names columns, classes;
    int64_t   *label, nlabel; /* what each stored label stands for; NULL: itself */
} hoop_view;

/** One field, the same in all shards. */
typedef struct hoop_field {
    hoop_field_opts    opts;         /* its texts are the dataset's */
    hoop_dataset_field stored, read; /* what blocks and mapped rows hold; as read (reading.h), before a view */
    int64_t            row_bytes;    /* stored */
    bool               mapped;       /* in all shards */
    hoop_names         columns, classes;
    hoop_view          view;
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
/** The stored bytes of a row, valid until the next call (call under ds->lock unless mapped); not checked by sums. */
hoop_status hoop__shard_row(hoop_dataset *ds, hoop_shard *s, int field, int64_t row, hoop_error *err, const unsigned char **out);
/** Rows index[n] of a field, as `as`, to out side by side, or each to its place. */
typedef struct hoop_gather {
    const int64_t     *index;
    int64_t            n;
    int                field;
    hoop_dtype         as;
    char              *out;
    char *const       *to;   /* n places; NULL: out */
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
/** A row of the field, cast as it is stored, to how it is presented; row may be out where no columns are chosen. */
void hoop__view_row(const hoop_dataset *ds, int field, hoop_dtype as, void *row, void *out);

/* ---- checksums of blocks of mapped rows (sums.c) ---- */

/** How many rows a block has in files that hoop writes. */
int64_t hoop__sums_rows(int64_t row_bytes);
/** The dataset that holds the checksums of dataset `name`. */
hoop_status hoop__sums_name(const char *name, hoop_error *err, char *out, size_t size);
/** The mapped field has them, one for `rows` rows, at this offset of the file. */
hoop_status hoop__sums_adopt(hoop_shard *s, int field, int64_t rows, int64_t offset, hoop_error *err);
/** Is the block that holds this row of the shard right? HOOP_ECHECKSUM if not. Any thread. */
hoop_status hoop__sums_check(const hoop_dataset *ds, const hoop_shard *s, int field, int64_t row, hoop_error *err);
/** The same, unless that was asked before, or there is nothing to ask. */
static inline hoop_status hoop__sums_look(const hoop_dataset *ds, const hoop_shard *s, int field, int64_t row, hoop_error *err)
{
    const hoop_shard_field *f = &s->field[field];
    if (f->sums == NULL || atomic_load_explicit(&f->seen[row / f->sum_rows], memory_order_relaxed) != 0) return HOOP_OK;
    return hoop__sums_check(ds, s, field, row, err);
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
