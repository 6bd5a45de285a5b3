/**
 * io/checkpoint/catalog.h - what a checkpoint holds: its files, its tensors, and where the pieces of each are.
 */
#ifndef HOOP_IO_CATALOG_H
#define HOOP_IO_CATALOG_H

#include "base/files.h"
#include "hoop/checkpoint.h"

typedef struct hoop_piece {
    int64_t shard, first, count;
    int64_t offset; /* of its bytes in the shard's file */
    char    sum[HOOP_SUM_TEXT];
    bool    checked; /* its checksum was seen to be right */
} hoop_piece;

typedef struct hoop_catalog_tensor {
    hoop_checkpoint_tensor about;
    char                   name[HOOP_CHECKPOINT_NAME], group[HOOP_CHECKPOINT_NAME];
    hoop_piece            *piece;
    int64_t                npieces;
} hoop_catalog_tensor;

typedef struct hoop_catalog_shard {
    char    file[64]; /* name in the directory */
    int64_t bytes;
    char    sum[HOOP_SUM_TEXT]; /* of the file; "" if there is no manifest */
} hoop_catalog_shard;

typedef struct hoop_catalog {
    hoop_catalog_shard  *shard;
    int64_t              nshards;
    hoop_catalog_tensor *tensor;
    int64_t              ntensors, room;
} hoop_catalog;

void hoop__catalog_free(hoop_catalog *c);
/** Add a tensor with one piece; both are copied. */
hoop_status hoop__catalog_add(hoop_catalog *c, const hoop_catalog_tensor *t, const hoop_piece *p, const char *where,
                              hoop_error *err);
/** Join and sort the pieces of each tensor, and check that they agree and no element is there twice; with `whole`, that none
 *  is missing. */
hoop_status hoop__catalog_finish(hoop_catalog *c, bool whole, const char *where, hoop_error *err);
/** Is this a name or group that can stand in a file? */
bool hoop__checkpoint_name_ok(const char *name);
/** "/optimizer/exp_avg/layers.0.weight" into out. */
void hoop__checkpoint_dataset_name(hoop_checkpoint_kind kind, const char *group, const char *name, char *out, size_t size);
/** numel of a shape, checked. */
bool hoop__checkpoint_numel(hoop_dtype dtype, int ndim, const int64_t *shape, int64_t *numel);

/** Read what shard `index` holds, through HDF5, into the catalogue; *writers: how many files there are. */
hoop_status hoop__shard_scan(const char *path, int64_t index, hoop_catalog *c, int64_t *writers, hoop_error *err);

/** meta with its strings in one block: free(*block). */
hoop_status hoop__manifest_write(const char *path, const hoop_checkpoint_meta *meta, const hoop_catalog *c, hoop_error *err);
hoop_status hoop__manifest_read(const char *path, hoop_error *err, hoop_checkpoint_meta *meta, hoop_catalog *c, void **owner);
/** Read it back: does it hold all that the catalogue does? */
hoop_status hoop__manifest_check(const char *path, const hoop_catalog *c, hoop_error *err);
void        hoop__manifest_release(void **owner, hoop_checkpoint_meta *meta);

/** "shard-00003-of-00016.h5" into out; and read: false if a name is none. */
void hoop__checkpoint_shard_file(int64_t index, int64_t count, char out[64]);
bool hoop__checkpoint_shard_name(const char *name, int64_t *index, int64_t *count);
/** Open a checkpoint's directory, or one of its files: hoop_checkpoint_open without the choice. */
hoop_status hoop__checkpoint_open_at(const char *path, bool directory, hoop_error *err, hoop_checkpoint **out);

#endif
