/* normalize: (x - mean) * inverse_std by element of a row; the statistics are buffers. Input of f64 loses its mean before it is
 * rounded to the model's dtype. */
#include "hoop/ops.h"
#include "nn/module.h"

static const char *const inputs[] = {"model", "f64", NULL};
static const hoop_option rows[]   = {
      {"input", HOOP_OPT_ENUM, offsetof(hoop_normalize_opts, input), "model", 0, 0, inputs, true,
       "dtype of its input: the model's, or f64"},
};

static hoop_status build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    const hoop_normalize_opts *o     = hoop_module_opts(m);
    const hoop_dtype           dtype = hoop_module_dtype(m), input = o->input == HOOP_NORMALIZE_F64 ? HOOP_F64 : dtype;
    hoop_status                st;
    (void)nout;
    if (nin != 1) return hoop_fail(err, HOOP_ESHAPE, "it takes one tensor and is given %d", nin);
    if (in->dtype != input)
        return hoop_fail(err, HOOP_EDTYPE, "its input is %s, and it takes %s", hoop_dtype_name(in->dtype),
                         hoop_dtype_name(input));
    for (int d = 1; d < in->ndim; d++) {
        if (in->size[d] < 0)
            return hoop_fail(err, HOOP_ESHAPE,
                             "dim %d of its input varies from leaf to leaf; it has a mean for each element of a "
                             "row, so that rows of one size are wanted",
                             d);
    }
    *out       = *in;
    out->dtype = dtype;
    st         = hoop_module_buffer(m, 0, "mean", input, in->ndim - 1, in->size + 1, err);
    return st == HOOP_OK ? hoop_module_buffer(m, 1, "inverse_std", dtype, in->ndim - 1, in->size + 1, err) : st;
}

static hoop_tensor *forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const hoop_normalize_opts *o     = hoop_module_opts(m);
    const hoop_dtype           dtype = hoop_module_dtype(m);
    x                                = hoop_sub(t, x, hoop_module_tensor(m, 0));
    if (o->input == HOOP_NORMALIZE_F64 && dtype != HOOP_F64) x = hoop_cast(t, x, dtype);
    return hoop_mul(t, x, hoop_module_tensor(m, 1));
}

const hoop_module_kind hoop__module_normalize = {
    .name        = "normalize",
    .help        = "(x - mean) * inverse_std by element of a row; both are buffers, 0 at first",
    .options     = HOOP_OPTIONS(rows),
    .opts_size   = sizeof(hoop_normalize_opts),
    .main_option = "input",
    .build_many  = build,
    .forward     = forward,
};
