/** hoop/ops/conv.h - ops: convolutions. What holds of all is said in hoop/ops.h, which includes this. */
#ifndef HOOP_OPS_CONV_H
#define HOOP_OPS_CONV_H

#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Convolutions of 1 to 3 spatial dims, by x's shape. */

/** Of each spatial dim; zero is the default (stride 1, padding 0, dilation 1, 1 group). */
typedef struct hoop_conv_opts {
    int64_t stride[3], padding[3], dilation[3], groups;
    bool    same; /* in place of padding: as much as keeps the sizes where the stride is 1 */
    int     mode; /* hoop_pad_mode: of what the padding is; 0 is zeros */
} hoop_conv_opts;
typedef struct hoop_conv_transpose_opts {
    int64_t stride[3], padding[3], output_padding[3], dilation[3], groups;
} hoop_conv_transpose_opts;

/** x (N, C, in..), w (O, C / groups, kernel..), b (O) or NULL -> (N, O, out..); opts NULL: defaults; f32, f64; HOOP_ESHAPE,
 * HOOP_EDTYPE, HOOP_EARG. */
HOOP_API hoop_tensor *hoop_conv(hoop_tape *t, hoop_tensor *x, hoop_tensor *w, hoop_tensor *b, const hoop_conv_opts *opts);
/** x (N, C, in..), w (C, O / groups, kernel..), b (O) or NULL -> (N, O, out..): what hoop_conv's x gets, as an op of its own. */
HOOP_API hoop_tensor *hoop_conv_transpose(hoop_tape *t, hoop_tensor *x, hoop_tensor *w, hoop_tensor *b,
                                          const hoop_conv_transpose_opts *opts);

#ifdef __cplusplus
}
#endif
#endif
