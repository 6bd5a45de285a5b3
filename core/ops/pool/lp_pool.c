/* lp_pool: norms of windows, from averages of powers. */
#include "hoop/ops.h"
#include "ops/pool/pool.h"
#include "tape/tape.h"

/* it has a kernel, a stride and ceil_mode */
static bool fits(hoop_tape *t, double norm_type, const hoop_pool_opts *o)
{
    bool fine = !o->count_exclude_pad && o->divisor_override == 0;
    for (int d = 0; d < 3; d++) fine = fine && o->padding[d] == 0 && o->dilation[d] <= 1;
    if (!fine)
        hoop_tape_fail(t, HOOP_EARG, "lp_pool: padding, dilation, count_exclude_pad or divisor_override, which it does not have");
    else if (!(norm_type > 0.0 && norm_type <= 1e30))
        hoop_tape_fail(t, HOOP_EARG, "lp_pool: norm_type is %g; a number above 0 is wanted", norm_type);
    else
        return true;
    return false;
}

static hoop_tensor *to_power(hoop_tape *t, hoop_tensor *x, double p)
{
    return p == 1.0 ? x : p == 2.0 ? hoop_square(t, x) : p == 0.5 ? hoop_sqrt(t, x) : hoop_pow_scalar(t, x, p);
}

/**
 * hoop_lp_pool - norms of windows.
 * Shape   x (N, C, S..) -> (N, C, O..), as hoop_avg_pool
 * Value   (sum x^p)^(1/p), p = norm_type; a window that reaches over the end (ceil_mode) counts as many times more as it has
 *         places less, as in PyTorch
 * Grad    dx += dy (x / y)^(p-1), 0 where the sum is 0
 * Dtype   f32, f64
 * Errors  HOOP_ESHAPE, HOOP_EARG (options, norm_type), HOOP_EDTYPE
 */
hoop_tensor *hoop_lp_pool(hoop_tape *t, hoop_tensor *x, double norm_type, const hoop_pool_opts *opts)
{
    static const hoop_pool_opts none = {{0}};
    const hoop_pool_opts       *o    = opts == NULL ? &none : opts;
    hoop_tensor                *sums, *zero, *one, *empty, *y;
    double                      places = 1.0;
    if (hoop_tensor_is_poison(x) || !fits(t, norm_type, o)) return &t->poison;
    for (int d = 0; d + 2 < hoop_tensor_ndim(x) && d < 3; d++) places *= (double)o->kernel[d];
    y    = to_power(t, x, norm_type);
    y    = hoop_avg_pool(t, y, o);
    sums = hoop_scale(t, y, places);
    if (hoop_tensor_is_poison(sums)) return sums;
    zero  = hoop_fill(t, hoop_tensor_dtype(sums), 0, NULL, 0.0);
    one   = hoop_fill(t, hoop_tensor_dtype(sums), 0, NULL, 1.0);
    empty = hoop_equal(t, sums, zero);
    y     = hoop_where(t, empty, one, sums); /* the slope of the root is infinite at 0 */
    y     = to_power(t, y, 1.0 / norm_type);
    return hoop_where(t, empty, zero, y);
}
