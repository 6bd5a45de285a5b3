/* hardshrink, softshrink, tanhshrink, threshold: no rows, they call others. */
#include "hoop/ops.h"
#include "tape/tape.h"

static hoop_tensor *number(hoop_tape *t, const hoop_tensor *x, double value)
{
    return hoop_fill(t, hoop_tensor_is_poison(x) ? HOOP_F64 : hoop_tensor_dtype(x), 0, NULL, value);
}

static bool refused(hoop_tape *t, const char *op, double lambda)
{
    if (lambda >= 0.0) return false;
    hoop_tape_fail(t, HOOP_EARG, "%s: lambda is %g; it is 0 or more", op, lambda);
    return true;
}

/**
 * hoop_hardshrink - x, but 0 within lambda of 0.
 * Shape   x -> same                  Grad   dx += dy where |x| > lambda
 * Dtype   f32, f64                   Errors HOOP_EDTYPE, HOOP_EARG (lambda)
 */
hoop_tensor *hoop_hardshrink(hoop_tape *t, hoop_tensor *x, double lambda)
{
    hoop_tensor *size, *within;
    if (refused(t, "hardshrink", lambda)) return &t->poison;
    size   = hoop_abs(t, x);
    within = hoop_less_equal(t, size, number(t, x, lambda));
    return hoop_masked_fill(t, x, within, 0.0);
}

/**
 * hoop_softshrink - x, lambda nearer to 0, or 0 within lambda of it.
 * Shape   x -> same                  Grad   dx += dy where |x| > lambda
 * Dtype   f32, f64                   Errors HOOP_EDTYPE, HOOP_EARG (lambda)
 */
hoop_tensor *hoop_softshrink(hoop_tape *t, hoop_tensor *x, double lambda)
{
    if (refused(t, "softshrink", lambda)) return &t->poison;
    return hoop_sub(t, x, hoop_clamp(t, x, -lambda, lambda));
}

/**
 * hoop_tanhshrink - x - tanh x.
 * Shape   x -> same                  Grad   dx += dy tanh(x)^2
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_tanhshrink(hoop_tape *t, hoop_tensor *x)
{
    return hoop_sub(t, x, hoop_tanh(t, x));
}

/**
 * hoop_threshold - x where it is above threshold, else value.
 * Shape   x -> same                  Grad   dx += dy where x > threshold
 * Dtype   f32, f64                   Errors HOOP_EDTYPE
 */
hoop_tensor *hoop_threshold(hoop_tape *t, hoop_tensor *x, double threshold, double value)
{
    hoop_tensor *below = hoop_less_equal(t, x, number(t, x, threshold));
    return hoop_masked_fill(t, x, below, value);
}
