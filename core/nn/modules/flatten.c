/* flatten: (N, ...) of any dtype -> (N, product). */
#include "hoop/ops.h"
#include "nn/module.h"

static hoop_status build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    int64_t n = 1;
    (void)m, (void)nout;
    if (nin != 1) return hoop_fail(err, HOOP_ESHAPE, "it takes one tensor and is given %d", nin);
    for (int d = 1; d < in->ndim; d++) {
        if (in->size[d] < 0)
            return hoop_fail(
                err, HOOP_ESHAPE,
                "dim %d of its input varies from leaf to leaf, so that its output has no size; reduce that dim first, "
                "or give the data one length (data's key `length`)",
                d);
        if (__builtin_mul_overflow(n, in->size[d], &n)) return hoop_fail(err, HOOP_ESIZE, "its input's size overflows");
    }
    *out = (hoop_shape){.dtype = in->dtype, .ndim = 2, .size = {in->size[0], n}};
    return HOOP_OK;
}

static hoop_tensor *forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    (void)m;
    return hoop_tensor_ndim(x) == 2 ? x : hoop_reshape(t, x, 2, (int64_t[]){hoop_tensor_size(x, 0), -1});
}

const hoop_module_kind hoop__module_flatten = {
    .name = "flatten", .help = "(N, ...) -> (N, product)", .build_many = build, .forward = forward};
