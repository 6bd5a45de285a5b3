/* pixel_shuffle, pixel_unshuffle, channel_shuffle: views and one copy, which leaves the result channels-last. */
#include "hoop/ops.h"
#include "ops/shape.h"

/* spatial dims of (N, C, S..); 0: the tape has failed */
static int spatial(hoop_tape *t, const char *op, const hoop_tensor *x)
{
    const int dims = hoop_tensor_ndim(x) - 2;
    if (dims >= 1 && dims <= 3) return dims;
    hoop_tape_fail(t, HOOP_ESHAPE, "%s: the input has %d dims; (N, C, ...) with 1 to 3 spatial dims is wanted", op,
                   hoop_tensor_ndim(x));
    return 0;
}

static bool factor_is(hoop_tape *t, const char *op, const char *what, int64_t factor)
{
    if (factor >= 1 && factor <= 65536) return true;
    hoop_tape_fail(t, HOOP_EARG, "%s: %s %lld; 1 or more is wanted", op, what, (long long)factor);
    return false;
}

/* does it divide? */
static bool divides(hoop_tape *t, const char *op, int64_t by, int64_t size, const char *what)
{
    if (size % by == 0) return true;
    hoop_tape_fail(t, HOOP_ESHAPE, "%s: %s %lld does not divide by %lld", op, what, (long long)size, (long long)by);
    return false;
}

static hoop_tensor *failed(hoop_tape *t, hoop_tensor *x)
{
    return hoop_reshape(t, x, 0, NULL);
}

/**
 * hoop_pixel_shuffle - channels become places: each place r of them in each dim.
 * Shape   x (N, C r^d, S..) -> (N, C, S r..), d spatial dims; channel ((c r + i) r + j) is place (i, j) of channel c
 * Grad    dx += dy, moved back       Dtype   any
 * Errors  HOOP_ESHAPE, HOOP_EARG (r)
 * Source  Shi et al., CVPR 2016
 */
hoop_tensor *hoop_pixel_shuffle(hoop_tape *t, hoop_tensor *x, int64_t r)
{
    const int d       = spatial(t, "pixel_shuffle", x);
    int64_t   wide[8] = {0}, order[8] = {0}, out[5] = {0}, all = 1;
    if (d == 0 || !factor_is(t, "pixel_shuffle", "factor", r)) return failed(t, x);
    for (int k = 0; k < d; k++) all *= r;
    if (!divides(t, "pixel_shuffle", all, hoop_tensor_size(x, 1), "the number of channels")) return failed(t, x);
    x       = hoop__channels_last(t, x);
    wide[0] = out[0] = hoop_tensor_size(x, 0);
    wide[d + 1] = out[d + 1] = hoop_tensor_size(x, d + 1) / all;
    for (int k = 0; k < d; k++) { /* (N, S.., C, r..) -> (N, S, r, .., C) */
        wide[1 + k]      = hoop_tensor_size(x, 1 + k);
        wide[d + 2 + k]  = r;
        order[1 + 2 * k] = 1 + k;
        order[2 + 2 * k] = d + 2 + k;
        out[1 + k]       = wide[1 + k] * r;
    }
    order[2 * d + 1] = d + 1;
    x                = hoop_reshape(t, x, 2 * d + 2, wide);
    x                = hoop_permute(t, x, 2 * d + 2, order);
    x                = hoop_reshape(t, x, d + 2, out);
    return hoop__channels_first(t, x);
}

/**
 * hoop_pixel_unshuffle - places become channels: the reverse of hoop_pixel_shuffle.
 * Shape   x (N, C, S r..) -> (N, C r^d, S..), d spatial dims
 * Grad    dx += dy, moved back       Dtype   any
 * Errors  HOOP_ESHAPE, HOOP_EARG (r)
 */
hoop_tensor *hoop_pixel_unshuffle(hoop_tape *t, hoop_tensor *x, int64_t r)
{
    const int d       = spatial(t, "pixel_unshuffle", x);
    int64_t   wide[8] = {0}, order[8] = {0}, out[5] = {0};
    if (d == 0 || !factor_is(t, "pixel_unshuffle", "factor", r)) return failed(t, x);
    for (int k = 0; k < d; k++)
        if (!divides(t, "pixel_unshuffle", r, hoop_tensor_size(x, 2 + k), "a spatial size of")) return failed(t, x);
    x       = hoop__channels_last(t, x);
    wide[0] = out[0] = hoop_tensor_size(x, 0);
    wide[2 * d + 1] = out[d + 1] = hoop_tensor_size(x, d + 1);
    for (int k = 0; k < d; k++) { /* (N, S, r, .., C) -> (N, S.., C, r..) */
        wide[1 + 2 * k] = out[1 + k] = hoop_tensor_size(x, 1 + k) / r;
        wide[2 + 2 * k]              = r;
        order[1 + k]                 = 1 + 2 * k;
        order[d + 2 + k]             = 2 + 2 * k;
        out[d + 1] *= r;
    }
    order[d + 1] = 2 * d + 1;
    x            = hoop_reshape(t, x, 2 * d + 2, wide);
    x            = hoop_permute(t, x, 2 * d + 2, order);
    x            = hoop_reshape(t, x, d + 2, out);
    return hoop__channels_first(t, x);
}

/**
 * hoop_channel_shuffle - channel i of group g becomes channel g of group i.
 * Shape   x (N, C, S..) -> same, C in `groups` of equal size
 * Grad    dx += dy, moved back       Dtype   any
 * Errors  HOOP_ESHAPE, HOOP_EARG (groups)
 * Source  Zhang et al., CVPR 2018 (ShuffleNet)
 */
hoop_tensor *hoop_channel_shuffle(hoop_tape *t, hoop_tensor *x, int64_t groups)
{
    const int d       = spatial(t, "channel_shuffle", x);
    int64_t   wide[8] = {0}, order[8] = {0}, out[5] = {0};
    if (d == 0 || !factor_is(t, "channel_shuffle", "groups", groups) ||
        !divides(t, "channel_shuffle", groups, hoop_tensor_size(x, 1), "the number of channels"))
        return failed(t, x);
    x = hoop__channels_last(t, x);
    for (int k = 0; k < d + 2; k++) {
        wide[k] = out[k] = hoop_tensor_size(x, k);
        order[k]         = k;
    }
    wide[d + 1]  = groups;
    wide[d + 2]  = out[d + 1] / groups;
    order[d + 1] = d + 2;
    order[d + 2] = d + 1;
    x            = hoop_reshape(t, x, d + 3, wide);
    x            = hoop_permute(t, x, d + 3, order);
    x            = hoop_reshape(t, x, d + 2, out);
    return hoop__channels_first(t, x);
}
