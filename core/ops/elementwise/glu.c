/* glu: one half of a dim, gated by the other. */
#include "hoop/ops.h"
#include "ops/shape.h"
#include "tape/tape.h"

/**
 * hoop_glu - the first half of a dim times the sigmoid of its second half.
 * Shape   x (.., 2 N, ..) -> (.., N, ..)
 * Grad    by the ops it is made of
 * Dtype   f32, f64                   Errors HOOP_ESHAPE (no such dim, an odd size), HOOP_EDTYPE
 * Source  Dauphin, Fan, Auli & Grangier, ICML 2017
 */
hoop_tensor *hoop_glu(hoop_tape *t, hoop_tensor *x, int dim)
{
    int          ndim = hoop_tensor_ndim(x);
    int64_t      half;
    hoop_tensor *value, *gate;
    if (dim < -ndim || dim >= ndim || hoop_tensor_size(x, dim) % 2 != 0) {
        bool there = dim >= -ndim && dim < ndim;
        hoop_tape_fail(t, HOOP_ESHAPE, there ? "glu: dim %d has %lld elements; an even number is wanted" : "glu: no dim %d", dim,
                       there ? (long long)hoop_tensor_size(x, dim) : 0LL);
        return &t->poison;
    }
    half  = hoop_tensor_size(x, dim) / 2;
    value = hoop_slice(t, x, dim, 0, half);
    gate  = hoop_slice(t, x, dim, half, half);
    gate  = hoop_sigmoid(t, gate);
    return hoop_mul(t, value, gate);
}
