/**
 * hoop/inspect.h - what is in a checkpoint: numbers about its tensors, one hash of all of them, and where two checkpoints differ.
 * What the configs of two say otherwise: hoop_config_compare (hoop/config.h).
 *
 * Tensors are read in pieces: memory does not grow with their size, but for a file's first checksum.
 */
#ifndef HOOP_INSPECT_H
#define HOOP_INSPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/checkpoint.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Of the elements that are finite; norm is Euclidean. All NaN where there is none. */
typedef struct hoop_checkpoint_stats {
    double  min, mean, max, norm;
    int64_t nonfinite; /* elements that are NaN or infinite */
} hoop_checkpoint_stats;

/** Read a tensor (which must be whole) and look at it. Errors: those of reading. Calls: Local. */
HOOP_API hoop_status hoop_checkpoint_look(hoop_checkpoint *c, const hoop_checkpoint_tensor *t, hoop_error *err,
                                          hoop_checkpoint_stats *out);

enum { HOOP_CHECKPOINT_HASH_SIZE = 65 }; /* 64 hex digits and a NUL */

/**
 * One SHA-256 of what a checkpoint holds, the same whoever wrote it and into how many files: of all parameters; with `state`, of
 * buffers and the optimizer's state (its step too) as well. Tensors go in byte order of (kind, group, name), as strcmp orders the
 * names of hoop_checkpoint_kind_name, and each adds: name, NUL, group ("" for none), NUL, dtype name, NUL, number of dims and
 * each size as i64, little endian, and then its elements, little endian, row-major. Checksums are checked on the way. Errors:
 * HOOP_EFORMAT when only a part of a tensor is here (a single shard), those of reading. Calls: Local.
 */
HOOP_API hoop_status hoop_checkpoint_hash(hoop_checkpoint *c, bool state, hoop_error *err, char hex[HOOP_CHECKPOINT_HASH_SIZE]);

typedef enum hoop_checkpoint_relation {
    HOOP_TENSORS_EQUAL,      /* to the last bit */
    HOOP_TENSORS_DIFFERENT,  /* in values */
    HOOP_TENSORS_OTHER_KIND, /* in shape or dtype */
    HOOP_TENSORS_ONLY_A,
    HOOP_TENSORS_ONLY_B
} hoop_checkpoint_relation;

typedef struct hoop_checkpoint_difference {
    hoop_checkpoint_relation      relation;
    const hoop_checkpoint_tensor *a, *b;    /* NULL where it is missing */
    int64_t                       elements; /* whose bits differ */
    double max_abs;  /* largest |a - b|; 0 where only signs of zeros or bits of NaNs differ; infinite where one side alone is not
                        finite */
    double relative; /* Euclidean norm of a - b over that of a, both of finite elements; infinite for a of zeros */
} hoop_checkpoint_difference;

/**
 * Compare all tensors of both; tensors of a in its order, then those that b alone has: free(*out). Errors: HOOP_EFORMAT when only
 * a part of a tensor is here (a single shard), those of reading. `progress` (may be NULL) is told the share of bytes done.
 * Calls: Local.
 */
HOOP_API hoop_status hoop_checkpoint_compare(hoop_checkpoint *a, hoop_checkpoint *b, void (*progress)(void *ctx, double fraction),
                                             void *ctx, hoop_error *err, hoop_checkpoint_difference **out, int64_t *n);

#ifdef __cplusplus
}
#endif
#endif
