/** train/compare_checkpoint.h - what is in a checkpoint's tensors, and where two checkpoints differ. Tensors are read in pieces:
 *  memory does not grow with their size, but for a file's first checksum. */
#ifndef HOOP_COMPARE_CHECKPOINT_H
#define HOOP_COMPARE_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/checkpoint.h"

/** Of the elements that are finite; norm is Euclidean. All NaN where there is none. */
typedef struct hoop__tensor_stats {
    double  min, mean, max, norm;
    int64_t nonfinite; /* elements that are NaN or infinite */
} hoop__tensor_stats;

/** Read a tensor (which must be whole) and look at it. Errors: those of reading. Calls: Local. */
hoop_status hoop__tensor_look(hoop_checkpoint *c, const hoop_checkpoint_tensor *t, hoop_error *err, hoop__tensor_stats *out);

typedef enum hoop__tensor_relation {
    HOOP__TENSOR_EQUAL,      /* to the last bit */
    HOOP__TENSOR_DIFFERENT,  /* in values */
    HOOP__TENSOR_OTHER_KIND, /* in shape or dtype */
    HOOP__TENSOR_ONLY_A,
    HOOP__TENSOR_ONLY_B
} hoop__tensor_relation;

typedef struct hoop__tensor_difference {
    hoop__tensor_relation         relation;
    const hoop_checkpoint_tensor *a, *b;    /* NULL where it is missing */
    int64_t                       elements; /* whose bits differ */
    double max_abs;  /* largest |a - b|; 0 where only signs of zeros or bits of NaNs differ; infinite where one side alone is not
                        finite */
    double relative; /* Euclidean norm of a - b over that of a, both of finite elements; infinite for a of zeros */
} hoop__tensor_difference;

/**
 * Compare all tensors of both; tensors of a in its order, then those that b alone has: free(*out). Errors: HOOP_EFORMAT when only
 * a part of a tensor is here (a single shard), those of reading. `progress` (may be NULL) is told the share of bytes done.
 * Calls: Local.
 */
hoop_status hoop__checkpoint_compare(hoop_checkpoint *a, hoop_checkpoint *b, void (*progress)(void *ctx, double fraction),
                                     void *ctx, hoop_error *err, hoop__tensor_difference **out, int64_t *n);

#endif
