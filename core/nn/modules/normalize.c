/* normalize: (x - mean) * inverse_std by element of a row, by channel, or of all; the statistics are buffers. Input of f64 loses
 * its mean before it is rounded to the model's dtype. */
#include "hoop/ops.h"
#include "nn/module.h"

static const char *const overs[] = {"element", "channel", "all", NULL};
static const hoop_option rows[]  = {
     {"over", HOOP_OPT_ENUM, offsetof(hoop_normalize_opts, over), "element", 0, 0, overs, true,
      "what has a mean and deviation of its own: each element of a row, each channel, or all of them one"},
     {"dim", HOOP_OPT_INTS, offsetof(hoop_normalize_opts, dim), "[]", 0, HOOP_MAX_DIMS - 2, NULL, true,
      "which dim of a row the channels are; []: the first of three or more, the last of fewer"},
     {"mean", HOOP_OPT_FLOATS, offsetof(hoop_normalize_opts, mean), "[]", 0, 0, NULL, true,
      "one number, or one for each channel; []: as the training data have it (data.transform)"},
     {"std", HOOP_OPT_FLOATS, offsetof(hoop_normalize_opts, std), "[]", 0, 0, NULL, true, "the same of deviations"},
};

/* Which dim of a row, from 0, has the channels; -1: each element, or all are one. */
static int channel_dim(const hoop_normalize_opts *o, int ndim)
{
    const bool channels = o->over == HOOP_NORMALIZE_CHANNEL || (o->over == HOOP_NORMALIZE_ELEMENT && o->mean.n > 1);
    if (!channels || ndim == 0) return -1;
    return o->dim.n > 0 ? (int)o->dim.v[0] : ndim > 2 ? 0 : ndim - 1;
}

static hoop_status check_given(const hoop_normalize_opts *o, int64_t channels, hoop_error *err)
{
    if (o->mean.n != o->std.n)
        return hoop_fail(err, HOOP_EARG, "%d numbers for mean and %d for std; as many of both are wanted", o->mean.n, o->std.n);
    if (o->mean.n > 1 && o->over == HOOP_NORMALIZE_ALL)
        return hoop_fail(err, HOOP_EARG, "over: all has one mean, and %d are given", o->mean.n);
    if (o->mean.n > 1 && o->mean.n != channels)
        return hoop_fail(err, HOOP_ESHAPE, "%d numbers for mean, and its input has %lld channels", o->mean.n,
                         (long long)channels);
    for (int i = 0; i < o->std.n; i++)
        if (!(o->std.v[i] > 0)) return hoop_fail(err, HOOP_EARG, "std is %g; it is above 0", o->std.v[i]);
    return HOOP_OK;
}

/* of the buffers, behind which rows are broadcast */
static hoop_status statistics_shape(const hoop_normalize_opts *o, int ndim, const int64_t *row, int64_t *out, hoop_error *err)
{
    const int  at   = channel_dim(o, ndim);
    const bool each = o->over == HOOP_NORMALIZE_ELEMENT && o->mean.n == 0;
    if (o->dim.n > 1 || (o->dim.n == 1 && at < 0)) return hoop_fail(err, HOOP_EARG, "dim is one, of channels (over: channel)");
    if (at >= ndim) return hoop_fail(err, HOOP_ESHAPE, "dim is %d, and rows have %d dims", at, ndim);
    for (int d = 0; d < ndim; d++) out[d] = each || d == at ? row[d] : 1;
    for (int d = 0; d < ndim; d++)
        if (out[d] < 0)
            return hoop_fail(
                err, HOOP_ESHAPE,
                "dim %d of its input varies from leaf to leaf; it has a mean for each %s, so that rows of one size are "
                "wanted",
                d + 1, each ? "element of a row" : "channel");
    return check_given(o, at < 0 ? 1 : row[at], err);
}

static hoop_status build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    const hoop_dtype dtype = hoop_module_dtype(m);
    int64_t          shape[HOOP_MAX_DIMS];
    hoop_status      st;
    (void)nout;
    if (nin != 1) return hoop_fail(err, HOOP_ESHAPE, "it takes one tensor and is given %d", nin);
    if (in->dtype != dtype && in->dtype != HOOP_F64)
        return hoop_fail(err, HOOP_EDTYPE, "its input is %s, and it takes %s, or f64", hoop_dtype_name(in->dtype),
                         hoop_dtype_name(dtype));
    *out       = *in;
    out->dtype = dtype;
    HOOP_TRY(st, done, statistics_shape(hoop_module_opts(m), in->ndim - 1, in->size + 1, shape, err));
    HOOP_TRY(st, done, hoop_module_buffer(m, 0, "mean", in->dtype, in->ndim - 1, shape, err));
    st = hoop_module_buffer(m, 1, "inverse_std", dtype, in->ndim - 1, shape, err);
done:
    return st;
}

static void fill(hoop_tensor *x, const hoop_floats *v, bool inverse)
{
    void *data = hoop_tensor_data(x);
    for (int64_t i = 0; i < hoop_tensor_numel(x); i++) {
        const double given = v->v[v->n > 1 ? i : 0], e = inverse ? 1 / given : given;
        if (hoop_tensor_dtype(x) == HOOP_F64)
            ((double *)data)[i] = e;
        else
            ((float *)data)[i] = (float)e;
    }
    hoop_tensor_touch(x);
}

/* what the options give is there from the start */
static void begin(hoop_module *m)
{
    const hoop_normalize_opts *o = hoop_module_opts(m);
    if (o->mean.n == 0) return;
    fill(hoop_module_tensor(m, 0), &o->mean, false);
    fill(hoop_module_tensor(m, 1), &o->std, true);
}

static hoop_tensor *forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const hoop_dtype dtype = hoop_module_dtype(m);
    x                      = hoop_sub(t, x, hoop_module_tensor(m, 0));
    if (!hoop_tensor_is_poison(x) && hoop_tensor_dtype(x) != dtype) x = hoop_cast(t, x, dtype);
    return hoop_mul(t, x, hoop_module_tensor(m, 1));
}

const hoop_module_kind hoop__module_normalize = {
    .name        = "normalize",
    .help        = "(x - mean) * inverse_std; both are buffers, 0 at first where they are not given",
    .example     = "{normalize: {mean: 0.13, std: 0.31}}",
    .options     = HOOP_OPTIONS(rows),
    .opts_size   = sizeof(hoop_normalize_opts),
    .main_option = "over",
    .prepares    = true,
    .build_many  = build,
    .forward     = forward,
    .begin       = begin,
};
