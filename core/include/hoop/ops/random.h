/** hoop/ops/random.h - ops: what is random. What holds of all is said in hoop/ops.h, which includes this. */
#ifndef HOOP_OPS_RANDOM_H
#define HOOP_OPS_RANDOM_H

#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Zero with probability p, else x / (1 - p); the identity unless training: (...) -> same; dx = dy by the same mask; f32, f64;
 *  HOOP_EDTYPE, HOOP_EARG (p not in [0, 1)). Keyed by the tape's key and site (modules set it; code of one's own:
 *  hoop_tape_set_site), and by the number of the call at that site. */
HOOP_API hoop_tensor *hoop_dropout(hoop_tape *t, hoop_tensor *x, double p);
/** The same of whole channels: (N, C, ..) -> same; dx = dy by the same mask; f32, f64; HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG. */
HOOP_API hoop_tensor *hoop_dropout_channels(hoop_tape *t, hoop_tensor *x, double p);
/** The same of whole samples, for what a residual adds (stochastic depth): (N, ..) -> same; likewise. */
HOOP_API hoop_tensor *hoop_drop_path(hoop_tape *t, hoop_tensor *x, double p);
/** Dropout that keeps mean and variance of what selu gives: (...) -> same; dx = dy a by the mask; as hoop_dropout. */
HOOP_API hoop_tensor *hoop_alpha_dropout(hoop_tape *t, hoop_tensor *x, double p);
/** x, or slope x where x is not above 0, the slope of an element uniform from lower to upper, their mean unless training
 * (PyTorch's: 1/8, 1/3): (...) -> same; dx = dy times that; keyed as hoop_dropout; f32, f64; HOOP_EDTYPE, HOOP_EARG (bounds). */
HOOP_API hoop_tensor *hoop_rrelu(hoop_tape *t, hoop_tensor *x, double lower, double upper);

#ifdef __cplusplus
}
#endif
#endif
