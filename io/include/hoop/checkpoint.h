/**
 * hoop/checkpoint.h - checkpoints: one directory a step, one HDF5 file a writer, readable by any number of ranks.
 *
 *     RUN/lock                                   held while a run writes here
 *     RUN/latest -> checkpoints/step-00001000    for people; hoop itself looks at what is there
 *     RUN/best -> checkpoints/step-00000800      the best by a metric, if one was asked for: kept whatever is newer
 *     RUN/checkpoints/step-00001000/manifest.json, shard-00000-of-00002.h5, ...
 *     RUN/checkpoints/step-00001200.tmp-ID/      being written; swept when a later run starts
 *
 * To save: one rank calls begin, each writer write_shard, and when all have agreed that all succeeded, one rank publish with
 * their receipts. A
 * directory without .tmp- is complete: killing any process at any moment leaves either the whole checkpoint or none. The
 * layout of the files is said in io/FORMAT.md.
 */
#ifndef HOOP_CHECKPOINT_H
#define HOOP_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/dtype.h"
#include "hoop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { HOOP_CHECKPOINT_PATH = 4096, HOOP_CHECKPOINT_DIMS = 8, HOOP_CHECKPOINT_NAME = 256, HOOP_CHECKPOINT_VERSION = 1 };

typedef enum hoop_checkpoint_kind {
    HOOP_CKPT_PARAMETER,
    HOOP_CKPT_BUFFER,
    HOOP_CKPT_STATE,
    HOOP_CKPT_KINDS
} hoop_checkpoint_kind;

/** "parameter", "buffer", "state". Calls: Local. */
HOOP_API const char *hoop_checkpoint_kind_name(hoop_checkpoint_kind kind);

/** What one writer holds of one tensor: elements [first, first + count) of it, row-major. count 0 of a tensor that has elements:
 * nothing. */
typedef struct hoop_checkpoint_entry {
    const char          *name;  /* "layers.0.weight": no '/', at most 255 bytes of UTF-8 */
    const char          *group; /* STATE: "exp_avg", or NULL; others NULL */
    hoop_checkpoint_kind kind;
    hoop_dtype           dtype;
    int                  ndim;                        /* 0: a scalar */
    int64_t              shape[HOOP_CHECKPOINT_DIMS]; /* of the whole tensor */
    int64_t              order; /* place in the model: the catalogue is sorted by kind, group, order, name */
    int64_t              first, count;
    const void          *data; /* count elements */
} hoop_checkpoint_entry;

typedef struct hoop_run_lock hoop_run_lock; /* below */

/** What a checkpoint says of itself. Strings may be NULL when writing; they are never NULL when read. */
typedef struct hoop_checkpoint_meta {
    int64_t            step;         /* updates done */
    int64_t            epoch, index; /* data position: the next step is step `index` of epoch `epoch` */
    uint64_t           seed;
    int64_t            ranks, leaves, batch;
    const char        *run_id, *numerics, *fingerprint, *data_fingerprint, *optimizer;
    const char        *config;                          /* resolved, YAML */
    const char        *version, *host, *time, *command; /* provenance */
    const char *const *notes;                           /* more of the caller's own: key, value, key, value ... */
    int64_t            nnotes;                          /* pairs */
} hoop_checkpoint_meta;

/* ---- saving ---- */

/** Where a published step is: RUN/checkpoints/step-00001000. Errors: HOOP_EARG (too long). Calls: Local. */
HOOP_API hoop_status hoop_checkpoint_step_path(const char *run_dir, int64_t step, hoop_error *err,
                                               char out[HOOP_CHECKPOINT_PATH]);
/** The directory to write step `step` into, RUN/checkpoints/step-N.tmp-ID: same on all ranks. Calls: Local. */
HOOP_API hoop_status hoop_checkpoint_tmp(const char *run_dir, int64_t step, const char *run_id, hoop_error *err,
                                         char out[HOOP_CHECKPOINT_PATH]);
/** One rank, before any write_shard: make that directory, empty. Calls: Local. */
HOOP_API hoop_status hoop_checkpoint_begin(const char *tmp, hoop_error *err);
/** What a writer says of the file it wrote. Plain bytes: they may be sent to the rank that publishes. */
typedef struct hoop_checkpoint_receipt {
    int64_t bytes;
    char    sum[40]; /* XXH3-128, 32 digits */
} hoop_checkpoint_receipt;

/**
 * Write and sync this writer's file in tmp; entries' data is only read, so a snapshot may be written from another thread.
 * A failed sync throws the file away and writes it once more (not on a full disk). On failure the file is gone. Errors:
 * HOOP_EARG (entries), HOOP_EIO (disk full and the like). Calls: Local.
 */
HOOP_API hoop_status hoop_checkpoint_write_shard(const char *tmp, int writer, int nwriters, const hoop_checkpoint_entry *entries,
                                                 int64_t n, hoop_error *err, hoop_checkpoint_receipt *receipt);

typedef struct hoop_checkpoint_published {
    char    path[HOOP_CHECKPOINT_PATH]; /* of the checkpoint */
    int64_t bytes;
    int     pruned;                /* older ones removed */
    char    note[HOOP_ERROR_TEXT]; /* what went wrong afterwards without harm to it (pruning, links); else "" */
} hoop_checkpoint_published;

/**
 * One rank, when all shards are written, with the receipts of all writers in order: check that the files are there and together
 * hold every tensor once and whole (their headers are read, not their data), write the manifest, read it back, sync, give the
 * directory its name (replacing a checkpoint of that step), set `latest`, and `best` too where this one is it, and keep only the
 * `keep` newest (0: all; never fewer than one good one) and that which `best` is a link to. On failure tmp is removed. May run on
 * another thread. out may be NULL. `lock` (NULL: not asked) is that of the run: once another generation has it, and has swept,
 * nothing gets a name any more, at whatever moment this process was stopped. Errors: HOOP_EBUSY then. Calls: Local.
 */
HOOP_API hoop_status hoop_checkpoint_publish(const char *run_dir, const hoop_run_lock *lock, const char *tmp,
                                             const hoop_checkpoint_meta *meta, const hoop_checkpoint_receipt *receipts,
                                             int nwriters, int64_t keep, bool best, hoop_error *err,
                                             hoop_checkpoint_published *out);
/** One rank: RUN/best becomes a link to this step's checkpoint, and publish prunes it no more. Errors: HOOP_ESTATE (there is no
 * checkpoint of that step), HOOP_EIO. Calls: Local. */
HOOP_API hoop_status hoop_checkpoint_set_best(const char *run_dir, int64_t step, hoop_error *err);
/** Remove a directory that tmp named, whatever is in it. Calls: Local. */
HOOP_API void hoop_checkpoint_discard(const char *tmp);
/** One rank, with the lock held, when a run starts: remove what killed runs left. *removed may be NULL. Calls: Local. */
HOOP_API hoop_status hoop_checkpoint_sweep(const char *run_dir, hoop_error *err, int *removed);

/* ---- finding ---- */

/** Steps of the complete checkpoints of a run, ascending: free(*steps). None is no error, and a path that is no run, or itself a
 * checkpoint, has none. Calls: Local. */
HOOP_API hoop_status hoop_checkpoint_list(const char *run_dir, hoop_error *err, int64_t **steps, int64_t *n);

/** How sound a checkpoint has to be. */
typedef enum hoop_checkpoint_sound {
    HOOP_CKPT_NEWEST,  /* whatever it is like */
    HOOP_CKPT_OPENS,   /* manifest and sizes of files are right */
    HOOP_CKPT_VERIFIED /* all checksums are */
} hoop_checkpoint_sound;

typedef struct hoop_checkpoint_choice {
    bool    run;                        /* the path is that of a run */
    int64_t step;                       /* of a run: the chosen one's */
    char    path[HOOP_CHECKPOINT_PATH]; /* what to open */
    char    notes[HOOP_ERROR_TEXT];     /* of a run: what is wrong with those after the chosen one, a line each */
} hoop_checkpoint_choice;

/**
 * Which checkpoint a path means: of a run the newest that is as sound as is wanted; else what stands there, a checkpoint's folder
 * or one of its files, if it is. Errors: HOOP_EIO (nothing is there, a folder that is neither), HOOP_ECHECKSUM (none of a run's
 * is sound), HOOP_ENOMEM, and what is wrong with what stands there. May run on another thread. Calls: Local.
 */
HOOP_API hoop_status hoop_checkpoint_choose(const char *path, hoop_checkpoint_sound sound, hoop_error *err,
                                            hoop_checkpoint_choice *out);

/* ---- reading ---- */

typedef struct hoop_checkpoint hoop_checkpoint;

typedef struct hoop_checkpoint_tensor {
    hoop_checkpoint_kind kind;
    const char          *group, *name; /* group "" if none */
    hoop_dtype           dtype;
    int                  ndim;
    int64_t              shape[HOOP_CHECKPOINT_DIMS];
    int64_t              numel, order;
    bool                 whole; /* all elements are here; false only in a single shard */
} hoop_checkpoint_tensor;

/**
 * Open a run (its newest checkpoint, sound or not), a checkpoint directory, or one shard file (whose meta is that of a manifest
 * beside it, else empty). Checks the manifest and the sizes of files; contents are checked when read. Owns: caller. Not for use
 * by two threads at a time. Errors: HOOP_EIO (missing), HOOP_EFORMAT, HOOP_ECHECKSUM. Calls: Local.
 */
HOOP_API hoop_status                 hoop_checkpoint_open(const char *path, hoop_error *err, hoop_checkpoint **out);
HOOP_API void                        hoop_checkpoint_close(hoop_checkpoint **c);
HOOP_API const char                 *hoop_checkpoint_path(const hoop_checkpoint *c);
HOOP_API const hoop_checkpoint_meta *hoop_checkpoint_about(const hoop_checkpoint *c);
/** A note of the meta, or NULL. Calls: Local. */
HOOP_API const char *hoop_checkpoint_note(const hoop_checkpoint *c, const char *key);
/** Tensor i of the catalogue, which is sorted the same whoever wrote it; NULL after the last. Calls: Local. */
HOOP_API const hoop_checkpoint_tensor *hoop_checkpoint_tensor_at(const hoop_checkpoint *c, int64_t i);
/** By name; group NULL or "": none. NULL if it is not there. Calls: Local. */
HOOP_API const hoop_checkpoint_tensor *hoop_checkpoint_find(const hoop_checkpoint *c, hoop_checkpoint_kind kind,
                                                            const char *group, const char *name);
/** Elements [first, first + count) of a tensor, as stored, from whichever shards hold them. HOOP_ERANGE, HOOP_ECHECKSUM. Calls:
 * Local. */
HOOP_API hoop_status hoop_checkpoint_read(hoop_checkpoint *c, const hoop_checkpoint_tensor *t, int64_t first, int64_t count,
                                          void *out, hoop_error *err);
/** Read everything, once, and compare all checksums: of files and of datasets. Calls: Local. */
HOOP_API hoop_status hoop_checkpoint_verify(hoop_checkpoint *c, hoop_error *err);

/* ---- one run a directory ---- */

/**
 * Make the run directory and lock it for this process; the lock ends with the process, however it ends. HOOP_EBUSY names host
 * and pid of the holder. Where the file system has no locks, a holder on this host is still noticed, one on another host is not,
 * and the note says so. Owns: caller. Calls: Local.
 */
HOOP_API hoop_status hoop_run_lock_take(const char *run_dir, hoop_error *err, hoop_run_lock **out);
/** Make the run directory and those above it, and no more; their names are on disk then. Errors: HOOP_EIO. Calls: Local. */
HOOP_API hoop_status hoop_run_make(const char *run_dir, hoop_error *err);
/** What is to be told about it; "" if nothing is. Calls: Local. */
HOOP_API const char *hoop_run_lock_note(const hoop_run_lock *lock);
HOOP_API void        hoop_run_lock_release(hoop_run_lock **lock);
/** Who holds it is a generation of the run, one higher than whoever held it before, from 1. Calls: Local. */
HOOP_API int64_t hoop_run_lock_generation(const hoop_run_lock *lock);
/** Is the run still the holder's? To be asked before anything that others see is changed. HOOP_EBUSY, naming who came after it:
 * it was fenced off (hoop_run_fence), and has to end. Calls: Local. */
HOOP_API hoop_status hoop_run_lock_check(const hoop_run_lock *lock, hoop_error *err);

/** Who holds a run. */
typedef struct hoop_run_holder {
    bool    held;
    int64_t generation; /* of the holder, or the last one; 0: there was none */
    char    text[384];  /* "host H, pid N, generation G" */
} hoop_run_holder;
/** Look, without taking it. Where the file system has no locks a holder on another host is not seen. Calls: Local. */
HOOP_API hoop_status hoop_run_lock_look(const char *run_dir, hoop_error *err, hoop_run_holder *out);
/**
 * Take the run away from whoever holds it, stopped or cut off as it may be: the next hoop_run_lock_take succeeds, and what held
 * it publishes nothing any more. It may only be called for a run whose holder is this caller's to end. *generation: one higher
 * than the holder's; whoever takes the lock next has the one after it. Calls: Local.
 */
HOOP_API hoop_status hoop_run_fence(const char *run_dir, hoop_error *err, int64_t *generation);

#ifdef __cplusplus
}
#endif
#endif
