/* outer, dot, bilinear: products made of others. */
#include "hoop/ops.h"
#include "tape/tape.h"

/**
 * hoop_outer - every element of a times every element of b.
 * Shape   a (M), b (N) -> (M, N)
 * Grad    da += dy b, db += a dy
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_outer(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    hoop_tensor *column, *row;
    if (hoop_tensor_is_poison(a) || hoop_tensor_is_poison(b)) return &t->poison;
    if (hoop_tensor_ndim(a) != 1 || hoop_tensor_ndim(b) != 1) {
        hoop_tape_fail(t, HOOP_ESHAPE, "outer: (M) and (N) are wanted, not %d and %d dims", hoop_tensor_ndim(a),
                       hoop_tensor_ndim(b));
        return &t->poison;
    }
    column = hoop_unsqueeze(t, a, 1);
    row    = hoop_unsqueeze(t, b, 0);
    return hoop_mul(t, column, row);
}

/**
 * hoop_dot - the sum of products of elements.
 * Shape   a (N), b (N) -> ()
 * Grad    da += dy b, db += dy a
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_dot(hoop_tape *t, hoop_tensor *a, hoop_tensor *b)
{
    if (hoop_tensor_is_poison(a) || hoop_tensor_is_poison(b)) return &t->poison;
    if (hoop_tensor_ndim(a) == 1 && hoop_tensor_ndim(b) == 1) return hoop_matmul(t, a, b);
    hoop_tape_fail(t, HOOP_ESHAPE, "dot: (N) twice is wanted, not %d and %d dims", hoop_tensor_ndim(a), hoop_tensor_ndim(b));
    return &t->poison;
}

/**
 * hoop_bilinear - y_o = sum over i and j of x_i w_oij z_j, + b_o.
 * Shape   x (..., I), z (..., J), w (O, I, J), b (O) or NULL -> (..., O)
 * Grad    of the products it is made of
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_bilinear(hoop_tape *t, hoop_tensor *x, hoop_tensor *z, hoop_tensor *w, hoop_tensor *b)
{
    hoop_tensor *y = hoop_einsum(t, "...i,oij,...j->...o", (hoop_tensor *[]){x, w, z}, 3);
    return b == NULL ? y : hoop_add(t, y, b);
}
