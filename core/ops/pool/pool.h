/** core/ops/pool/pool.h - images as pooling and resampling see them, (N, S.., C), and the windows of a dim. */
#ifndef HOOP_OPS_POOL_INTERNAL_H
#define HOOP_OPS_POOL_INTERNAL_H

#include "kernels/pool.h"
#include "ops/shape.h"

/* attributes of pooling; arrays are by spatial dim */
typedef struct pool_attrs {
    int64_t kernel[HOOP_MAX_DIMS]; /* adaptive: the output's size */
    int64_t stride[HOOP_MAX_DIMS], padding[HOOP_MAX_DIMS], dilation[HOOP_MAX_DIMS];
    int64_t adaptive, ceil_mode;
    int64_t count_include_pad, divisor; /* of averages; divisor 0: how many there are */
    int64_t size[HOOP_MAX_DIMS];        /* of gradients: the spatial sizes of what was pooled */
} pool_attrs;
extern const hoop_field hoop__pool_fields[];
enum { HOOP__POOL_FIELDS = 9 };

/* spatial dims of (N, S.., C), 1 to 3; 0: x is none such, and the call fails */
int hoop__spatial_dims(hoop_shape_call *s, int i);
/* The output's size in a dim of `in` places; below 1: the options make none, and the call fails, naming what. */
int64_t hoop__pool_out(hoop_shape_call *s, const pool_attrs *a, int d, int64_t in);
/* the part of window o that lies inside: its first place, and how many there are; *all: with those in the padding */
int64_t hoop__pool_window(const pool_attrs *a, int d, int64_t in, int64_t out, int64_t o, int64_t *count, int64_t *all);
/* attributes of a call from its options, by spatial dim of x; false: the tape has failed */
bool hoop__pool_attrs(hoop_tape *t, const char *op, const hoop_tensor *x, const hoop_pool_opts *opts, pool_attrs *a);

#endif
