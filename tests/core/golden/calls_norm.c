/* Functions of the cases of norm. */
#include "golden.h"

/* x, or with option `last` of benchmarks, where it is an image (N, S.., C), as (N, C, S..); y, with it, the other way round */
static hoop_tensor *image(hoop_tape *t, const golden_case *c, hoop_tensor *x)
{
    const int ndim = hoop_tensor_ndim(x);
    int64_t   dims[HOOP_MAX_DIMS];
    if (golden_int(c, "last", 0, 0) == 0) return x;
    for (int d = 0; d < ndim; d++) dims[d] = d == 0 ? 0 : d == 1 ? ndim - 1 : d - 1;
    return hoop_permute(t, x, ndim, dims);
}
static hoop_tensor *back(hoop_tape *t, const golden_case *c, hoop_tensor *y)
{
    const int ndim = hoop_tensor_ndim(y);
    int64_t   dims[HOOP_MAX_DIMS];
    if (golden_int(c, "last", 0, 0) == 0) return y;
    for (int d = 0; d < ndim; d++) dims[d] = d == 0 ? 0 : d + 1 < ndim ? d + 1 : 1;
    return hoop_permute(t, y, ndim, dims);
}

static hoop_tensor *layer_norm(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)out;
    return hoop_layer_norm(t, x[0], (int)golden_int(c, "dims", 0, 1), x[1], x[2], golden_float(c, "eps", 0.0));
}

static hoop_tensor *rms_norm(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)out;
    return hoop_rms_norm(t, x[0], (int)golden_int(c, "dims", 0, 1), x[1], golden_float(c, "eps", 0.0));
}

static hoop_tensor *group_norm(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    hoop_tensor *y =
        hoop_group_norm(t, image(t, c, x[0]), golden_int(c, "groups", 0, 1), x[1], x[2], golden_float(c, "eps", 0.0));
    (void)out;
    return back(t, c, y);
}

static hoop_tensor *instance_norm(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    hoop_tensor *y = hoop_instance_norm(t, image(t, c, x[0]), NULL, NULL, x[1], x[2], 0.0, golden_float(c, "eps", 0.0));
    (void)out;
    return back(t, c, y);
}

static hoop_tensor *batch_norm(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    hoop_tensor *y = hoop_batch_norm(t, image(t, c, x[0]), NULL, NULL, x[1], x[2], golden_float(c, "eps", 0.0));
    (void)out;
    return back(t, c, y);
}

extern const golden_call golden_calls_norm[];
const golden_call golden_calls_norm[] = {{"layer_norm", layer_norm},       {"rms_norm", rms_norm},     {"group_norm", group_norm},
                                         {"instance_norm", instance_norm}, {"batch_norm", batch_norm}, {NULL, NULL}};
