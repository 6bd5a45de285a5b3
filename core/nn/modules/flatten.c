/* flatten: (N, A, B, ...) of any dtype -> (N, A B, ...); unflatten, the other way. */
#include "hoop/ops.h"
#include "nn/module.h"

#include <string.h>

typedef struct flatten_opts {
    int64_t start_dim, end_dim;
} flatten_opts;
static const hoop_option rows[] = {
    {"start_dim", HOOP_OPT_INT, offsetof(flatten_opts, start_dim), "1", 1, HOOP_MAX_DIMS, NULL, true, "first dim that is joined"},
    {"end_dim", HOOP_OPT_INT, offsetof(flatten_opts, end_dim), "-1", -HOOP_MAX_DIMS, HOOP_MAX_DIMS, NULL, true,
     "last one; below 0 from the end"},
};

/* the dims of ndim that are joined; of (N) alone none: a dim of size 1 comes */
static bool joined(const flatten_opts *o, int ndim, int *first, int *last)
{
    *first = (int)o->start_dim;
    *last  = (int)(o->end_dim < 0 ? o->end_dim + ndim : o->end_dim);
    return *first >= 1 && ((ndim == 1 && *first == 1 && *last == 0) || (*first <= *last && *last < ndim));
}

static hoop_status build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    const flatten_opts *o = hoop_module_opts(m);
    int64_t             n = 1;
    int                 first, last;
    (void)nout;
    if (nin != 1) return hoop_fail(err, HOOP_ESHAPE, "it takes one tensor and is given %d", nin);
    if (!joined(o, in->ndim, &first, &last))
        return hoop_fail(err, HOOP_ESHAPE, "start_dim %lld and end_dim %lld of an input of %d dims", (long long)o->start_dim,
                         (long long)o->end_dim, in->ndim);
    for (int d = first; d <= last; d++) {
        if (in->size[d] < 0)
            return hoop_fail(
                err, HOOP_ESHAPE,
                "dim %d of its input varies from leaf to leaf, so that its output has no size; reduce that dim first, "
                "or give the data one length (data's key `length`)",
                d);
        if (__builtin_mul_overflow(n, in->size[d], &n)) return hoop_fail(err, HOOP_ESIZE, "its input's size overflows");
    }
    *out             = (hoop_shape){.dtype = in->dtype, .ndim = in->ndim - (last - first)};
    out->size[first] = n;
    for (int d = 0; d < first; d++) out->size[d] = in->size[d];
    for (int d = first + 1; d < out->ndim; d++) out->size[d] = in->size[d + last - first];
    return HOOP_OK;
}

static hoop_tensor *forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    int64_t shape[HOOP_MAX_DIMS] = {0};
    int     first, last, ndim = hoop_tensor_ndim(x);
    if (!joined(hoop_module_opts(m), ndim, &first, &last) || first == last) return x;
    for (int d = 0; d < first; d++) shape[d] = hoop_tensor_size(x, d);
    shape[first] = 1;
    for (int d = first; d <= last; d++) shape[first] *= hoop_tensor_size(x, d);
    for (int d = last + 1; d < ndim; d++) shape[d - last + first] = hoop_tensor_size(x, d);
    return hoop_reshape(t, x, ndim - (last - first), shape);
}

const hoop_module_kind hoop__module_flatten = {
    .name       = "flatten",
    .help       = "(N, ...) -> (N, product), or the dims from start_dim to end_dim joined",
    .options    = HOOP_OPTIONS(rows),
    .opts_size  = sizeof(flatten_opts),
    .prepares   = true,
    .build_many = build,
    .forward    = forward,
};

typedef struct unflatten_opts {
    int64_t   dim;
    hoop_ints sizes;
} unflatten_opts;
static const hoop_option unflatten_rows[] = {
    {"dim", HOOP_OPT_INT, offsetof(unflatten_opts, dim), "1", 1, HOOP_MAX_DIMS, NULL, true, "dim that becomes several"},
    {"sizes", HOOP_OPT_INTS, offsetof(unflatten_opts, sizes), NULL, -1, 1e12, NULL, true, "their sizes; one may be -1"},
};

/* the sizes, with -1 worked out; false: they are not those of n elements */
static bool sizes_of(const unflatten_opts *o, int64_t n, int64_t *size)
{
    int64_t known   = 1;
    int     missing = -1;
    if (o->sizes.n < 1 || o->sizes.n > HOOP_MAX_DIMS) return false;
    for (int k = 0; k < o->sizes.n; k++) {
        size[k] = o->sizes.v[k];
        if (size[k] >= 0 && !__builtin_mul_overflow(known, size[k], &known)) continue;
        if (size[k] != -1 || missing >= 0) return false;
        missing = k;
    }
    if (missing < 0) return known == n;
    if (known == 0 || n % known != 0) return false;
    size[missing] = n / known;
    return true;
}

static hoop_status unflatten_build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    const unflatten_opts *o = hoop_module_opts(m);
    int64_t               size[HOOP_MAX_DIMS];
    int                   more = o->sizes.n - 1, dim = (int)o->dim;
    (void)nout;
    if (nin != 1) return hoop_fail(err, HOOP_ESHAPE, "it takes one tensor and is given %d", nin);
    if (dim < 1 || dim >= in->ndim || in->size[dim] < 0 || in->ndim + more > HOOP_MAX_DIMS || !sizes_of(o, in->size[dim], size))
        return hoop_fail(err, HOOP_ESHAPE, "dim %d of its input (of %d dims, that one of size %lld) does not become these %d",
                         dim, in->ndim, dim >= 1 && dim < in->ndim ? (long long)in->size[dim] : -1LL, o->sizes.n);
    *out = (hoop_shape){.dtype = in->dtype, .ndim = in->ndim + more};
    for (int d = 0; d < out->ndim; d++)
        out->size[d] = d < dim ? in->size[d] : d <= dim + more ? size[d - dim] : in->size[d - more];
    return HOOP_OK;
}

static hoop_tensor *unflatten_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const unflatten_opts *o = hoop_module_opts(m);
    int64_t               size[HOOP_MAX_DIMS], shape[HOOP_MAX_DIMS] = {0};
    int                   more = o->sizes.n - 1, dim = (int)o->dim, ndim = hoop_tensor_ndim(x) + more;
    if (!sizes_of(o, hoop_tensor_size(x, dim), size)) return hoop_reshape(t, x, 1, (int64_t[]){-2});
    for (int d = 0; d < ndim; d++)
        shape[d] = d < dim ? hoop_tensor_size(x, d) : d <= dim + more ? size[d - dim] : hoop_tensor_size(x, d - more);
    return hoop_reshape(t, x, ndim, shape);
}

const hoop_module_kind hoop__module_unflatten = {
    .name        = "unflatten",
    .help        = "(N, A B, ...) -> (N, A, B, ...): a dim as several",
    .example     = "{unflatten: [3, -1]}",
    .options     = HOOP_OPTIONS(unflatten_rows),
    .opts_size   = sizeof(unflatten_opts),
    .main_option = "sizes",
    .prepares    = true,
    .build_many  = unflatten_build,
    .forward     = unflatten_forward,
};
