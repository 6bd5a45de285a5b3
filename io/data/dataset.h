/**
 * io/data/dataset.h - inside a dataset: shards, their two fields, and the cache of chunks.
 */
#ifndef HOOP_IO_DATASET_H
#define HOOP_IO_DATASET_H

#include <pthread.h>

#include "base/h5.h"
#include "hoop/dataset.h"

/** `rows` consecutive rows read through HDF5; a list from the most to the least recently used. */
typedef struct hoop_block {
    struct hoop_block  *newer, *older;
    struct hoop_block **owner; /* the entry of the field's table that points here */
    int64_t             bytes;
    unsigned char       data[];
} hoop_block;

/** One field of one shard: mapped, or read in blocks of block_rows rows. */
typedef struct hoop_shard_field {
    const unsigned char *rows;   /* first row in the map; NULL: blocks */
    hid_t                dset;   /* -1 when mapped */
    struct hoop_chunks  *chunks; /* how to decode them; NULL: by H5Dread */
    int64_t              block_rows, nblocks;
    hoop_block         **blocks;
} hoop_shard_field;

typedef struct hoop_shard {
    char            *path;
    int64_t          first, rows; /* place in the dataset */
    int64_t          bytes;
    void            *map;
    hid_t            file; /* -1 when all is mapped */
    hoop_shard_field field[2];
    char             set[HOOP_FINGERPRINT_TEXT]; /* attribute `set`: the same in all shards of one import; "" if none */
} hoop_shard;

struct hoop_dataset {
    hoop_dataset_info info;
    char             *spec, *name[2];
    int64_t           row_bytes[2];
    hoop_shard       *shard;
    char            **class_names;
    int64_t           nclass_names;
    int64_t           cache_bytes, cached_bytes;
    hoop_block       *newest, *oldest;
    pthread_mutex_t   lock; /* of HDF5 handles and the cache */
};

/** The paths a spec stands for. */
typedef struct hoop_paths {
    char  **path;
    int64_t n;
} hoop_paths;
hoop_status hoop__spec_resolve(const char *spec, hoop_error *err, hoop_paths *out);
void        hoop__paths_free(hoop_paths *p);
/** Is this name "PREFIX-00003-of-00016.h5"? */
bool hoop__shard_name_parse(const char *name, const char *prefix, int64_t *index, int64_t *count);

/** Open shard i, whose path is set; fields and info of shard 0 become the dataset's, others are compared with them. */
hoop_status hoop__shard_open(hoop_dataset *ds, int i, hoop_dataset_y use_y, hoop_error *err);
void        hoop__shard_close(hoop_dataset *ds, hoop_shard *s);
/** The stored bytes of a row, valid until the next call (call under ds->lock unless mapped). */
hoop_status hoop__shard_row(hoop_dataset *ds, hoop_shard *s, int field, int64_t row, hoop_error *err, const unsigned char **out);
/** The shard that holds row `index` of the dataset. */
hoop_shard *hoop__shard_find(const hoop_dataset *ds, int64_t index);

/* Stored elements, which other programs' files may place anywhere. */
typedef float __attribute__((aligned(1), may_alias)) hoop_stored_F32;
typedef double __attribute__((aligned(1), may_alias)) hoop_stored_F64;
typedef int64_t __attribute__((aligned(1), may_alias)) hoop_stored_I64;
typedef int32_t __attribute__((aligned(1), may_alias)) hoop_stored_I32;
typedef uint8_t __attribute__((aligned(1), may_alias)) hoop_stored_U8;

/** dst[n] = (as) src[n] * scale; NULL where there is no such cast. */
typedef void   hoop_row_cast(const void *src, void *dst, int64_t n, double scale);
hoop_row_cast *hoop__row_cast(hoop_dtype from, hoop_dtype as, double scale);

#endif
