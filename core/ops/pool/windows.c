#include "hoop/ops.h"
#include "ops/pool/pool.h"

#include <string.h>

const hoop_field hoop__pool_fields[] = {
    {"kernel", 'I', offsetof(pool_attrs, kernel)},
    {"stride", 'I', offsetof(pool_attrs, stride)},
    {"padding", 'I', offsetof(pool_attrs, padding)},
    {"dilation", 'I', offsetof(pool_attrs, dilation)},
    {"adaptive", 'i', offsetof(pool_attrs, adaptive)},
    {"ceil_mode", 'i', offsetof(pool_attrs, ceil_mode)},
    {"count_include_pad", 'i', offsetof(pool_attrs, count_include_pad)},
    {"divisor", 'i', offsetof(pool_attrs, divisor)},
    {"size", 'I', offsetof(pool_attrs, size)},
};
_Static_assert(sizeof hoop__pool_fields / sizeof hoop__pool_fields[0] == HOOP__POOL_FIELDS, "their number");

int hoop__spatial_dims(hoop_shape_call *s, int i)
{
    const hoop_view *x = s->in[i];
    int64_t          n = 1;
    if (x->ndim < 3 || x->ndim > 5) {
        (void)hoop_fail(s->err, HOOP_ESHAPE, "it has %d dims; samples, channels and 1 to 3 spatial dims are wanted", x->ndim);
        return 0;
    }
    for (int d = 1; d + 1 < x->ndim; d++) n = n <= INT32_MAX ? n * x->shape[d] : n;
    if (n <= INT32_MAX) return x->ndim - 2;
    (void)hoop_fail(s->err, HOOP_ESIZE, "a sample has more than %d places", INT32_MAX);
    return 0;
}

static int64_t bad(hoop_shape_call *s, hoop_status st, const char *what, long long v, int d, const char *want)
{
    (void)hoop_fail(s->err, st, "%s %lld in spatial dim %d; %s", what, v, d, want);
    return 0;
}

int64_t hoop__pool_out(hoop_shape_call *s, const pool_attrs *a, int d, int64_t in)
{
    const int64_t k = a->kernel[d], stride = a->stride[d], pad = a->padding[d], dilation = a->dilation[d];
    const int64_t most = INT32_MAX;
    int64_t       span, out;
    if (in < 1 || in > most) return bad(s, HOOP_ESHAPE, "size", in, d, "1 place to 2^31 - 1 are possible");
    if (k < 1 || k > most) return bad(s, HOOP_EARG, a->adaptive ? "an output of size" : "kernel", k, d, "at least 1 is wanted");
    if (a->adaptive) return k;
    if (stride < 1 || stride > most) return bad(s, HOOP_EARG, "stride", stride, d, "at least 1 is wanted");
    if (dilation < 1 || dilation > most) return bad(s, HOOP_EARG, "dilation", dilation, d, "at least 1 is wanted");
    span = dilation * (k - 1) + 1;
    if (pad < 0 || pad > span / 2) return bad(s, HOOP_EARG, "padding", pad, d, "0 to half of the kernel is possible");
    if (in + 2 * pad < span) return bad(s, HOOP_ESHAPE, "a kernel that spans", span, d, "the input with its padding is smaller");
    out = (in + 2 * pad - span + (a->ceil_mode ? stride - 1 : 0)) / stride + 1;
    if (a->ceil_mode && (out - 1) * stride >= in + pad) out--; /* a window begins inside, or in the padding before */
    for (int64_t o = 0; o < out; o++) {
        int64_t count, all;
        (void)hoop__pool_window(a, d, in, out, o, &count, &all);
        if (count < 1) return bad(s, HOOP_ESHAPE, "dilation", dilation, d, "a window would lie in the padding alone");
    }
    return out;
}

int64_t hoop__pool_window(const pool_attrs *a, int d, int64_t in, int64_t out, int64_t o, int64_t *count, int64_t *all)
{
    const int64_t dilation = a->dilation[d];
    int64_t       first, end;
    if (a->adaptive) {
        first  = o * in / out;
        *count = *all = ((o + 1) * in + out - 1) / out - first;
        return first;
    }
    first = o * a->stride[d] - a->padding[d];
    end   = first + (a->kernel[d] - 1) * dilation + 1;
    if (end > in + a->padding[d]) end = in + a->padding[d];
    *all = (end - first + dilation - 1) / dilation;
    if (first < 0) first += (-first + dilation - 1) / dilation * dilation;
    if (end > in) end = in;
    *count = end <= first ? 0 : (end - first + dilation - 1) / dilation;
    return first;
}

bool hoop__pool_attrs(hoop_tape *t, const char *op, const hoop_tensor *x, const hoop_pool_opts *opts, pool_attrs *a)
{
    static const hoop_pool_opts none = {{0}};
    const int                   dims = hoop_tensor_ndim(x) - 2;
    memset(a, 0, sizeof *a);
    if (opts == NULL) opts = &none;
    if (dims < 1 || dims > 3) {
        hoop_tape_fail(t, HOOP_ESHAPE, "%s: the input has %d dims; (N, C, ...) with 1 to 3 spatial dims is wanted", op,
                       hoop_tensor_ndim(x));
        return false;
    }
    for (int d = 0; d < dims; d++) {
        a->kernel[d]   = opts->kernel[d];
        a->stride[d]   = opts->stride[d] == 0 ? opts->kernel[d] : opts->stride[d];
        a->padding[d]  = opts->padding[d];
        a->dilation[d] = opts->dilation[d] == 0 ? 1 : opts->dilation[d];
    }
    a->ceil_mode         = opts->ceil_mode;
    a->count_include_pad = !opts->count_exclude_pad;
    a->divisor           = opts->divisor_override;
    return true;
}
