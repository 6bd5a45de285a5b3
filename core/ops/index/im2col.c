/* im2col and col2im: patches of images as columns, and columns added up to images; each is the other's gradient. */
#include "hoop/ops.h"
#include "kernels/pool.h"
#include "ops/index/index.h"

#include <string.h>

extern const hoop_op hoop__op_im2col, hoop__op_col2im;

typedef struct patches_attrs {
    int64_t kernel[HOOP_MAX_DIMS], stride[HOOP_MAX_DIMS], padding[HOOP_MAX_DIMS], dilation[HOOP_MAX_DIMS];
    int64_t dims, size[HOOP_MAX_DIMS]; /* of col2im: its image's */
} patches_attrs;
static const hoop_field fields[] = {
    {"kernel", 'I', offsetof(patches_attrs, kernel)},   {"stride", 'I', offsetof(patches_attrs, stride)},
    {"padding", 'I', offsetof(patches_attrs, padding)}, {"dilation", 'I', offsetof(patches_attrs, dilation)},
    {"dims", 'i', offsetof(patches_attrs, dims)},       {"size", 'I', offsetof(patches_attrs, size)},
};

static patches_attrs attrs_of(const hoop_patches_opts *o)
{
    patches_attrs a = {.dims = 0};
    for (int d = 0; d < HOOP_POOL_DIMS; d++) {
        a.kernel[d]   = o->kernel[d];
        a.stride[d]   = o->stride[d] != 0 ? o->stride[d] : 1;
        a.padding[d]  = o->padding[d];
        a.dilation[d] = o->dilation[d] != 0 ? o->dilation[d] : 1;
    }
    return a;
}

/**
 * hoop_im2col - patches as columns, as torch.nn.Unfold.
 * Shape   x (N, C, spatial..) -> (N, C prod(kernel), L), L patches in row-major order; 1 to 3 spatial dims
 * Grad    dx += col2im(dy)
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EARG, HOOP_ERANGE (larger than the padded image), HOOP_ESIZE
 */
hoop_tensor *hoop_im2col(hoop_tape *t, hoop_tensor *x, const hoop_patches_opts *opts)
{
    patches_attrs a = attrs_of(opts);
    return hoop_op_call(t, &hoop__op_im2col, &x, 1, &a, NULL);
}

/**
 * hoop_col2im - columns added up to images, as torch.nn.Fold: a place gets what its patches have, by the kernel's order.
 * Shape   x (N, C prod(kernel), L) -> (N, C, sizes..)
 * Grad    dx += im2col(dy)
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EARG, HOOP_ERANGE (patches larger than the padded image),
 * HOOP_ESIZE
 */
hoop_tensor *hoop_col2im(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *sizes, const hoop_patches_opts *opts)
{
    patches_attrs a = attrs_of(opts);
    a.dims          = ndim;
    for (int d = 0; d < ndim && d < HOOP_POOL_DIMS; d++) a.size[d] = sizes[d];
    return hoop_op_call(t, &hoop__op_col2im, &x, 1, &a, NULL);
}

/* how many patches there are in dim d of n places; 0: the error is said */
static int64_t patches_in(hoop_shape_call *s, int d, int64_t n)
{
    const patches_attrs *a = s->attrs;
    const int64_t        k = a->kernel[d], stride = a->stride[d], pad = a->padding[d], dilation = a->dilation[d];
    int64_t              reach, all;
    if (k < 1 || stride < 1 || pad < 0 || dilation < 1) {
        (void)hoop_fail(s->err, HOOP_EARG,
                        "kernel %lld, stride %lld, padding %lld, dilation %lld in spatial dim %d; at least 1, 1, 0, 1",
                        (long long)k, (long long)stride, (long long)pad, (long long)dilation, d);
        return 0;
    }
    if (!__builtin_mul_overflow(k - 1, dilation, &reach) && !__builtin_mul_overflow(pad, 2, &all) &&
        !__builtin_add_overflow(all, n, &all) && reach < all)
        return (all - reach - 1) / stride + 1;
    (void)hoop_fail(s->err, HOOP_ERANGE, "patches of %lld places with dilation %lld in %lld, padded by %lld, of spatial dim %d",
                    (long long)k, (long long)dilation, (long long)n, (long long)pad, d);
    return 0;
}

/* of images of these sizes: patches, and places of a patch */
static hoop_status patches_over(hoop_shape_call *s, int dims, const int64_t *size, int64_t *count, int64_t *places)
{
    const patches_attrs *a = s->attrs;
    *count = *places = 1;
    for (int d = 0; d < dims; d++) {
        const int64_t n = patches_in(s, d, size[d]);
        if (n == 0) return s->err->status;
        if (__builtin_mul_overflow(*count, n, count) || __builtin_mul_overflow(*places, a->kernel[d], places))
            return hoop_fail(s->err, HOOP_ESIZE, "more patches or places of a patch than fit 63 bits, up to spatial dim %d", d);
    }
    return HOOP_OK;
}

static hoop_status im2col_shape(hoop_shape_call *s)
{
    const hoop_view *x                    = s->in[0];
    hoop_status      st                   = hoop__check_float(s, 0);
    int64_t          shape[HOOP_MAX_DIMS] = {0}, places;
    if (st != HOOP_OK) return st;
    if (x->ndim < 3 || x->ndim > 2 + HOOP_POOL_DIMS)
        return hoop_fail(s->err, HOOP_ESHAPE, "%d dims; (N, C, ..) with 1 to %d spatial dims is wanted", x->ndim, HOOP_POOL_DIMS);
    st = patches_over(s, x->ndim - 2, x->shape + 2, &shape[2], &places);
    if (st != HOOP_OK) return st;
    shape[0] = x->shape[0];
    if (__builtin_mul_overflow(x->shape[1], places, &shape[1]))
        return hoop_fail(s->err, HOOP_ESIZE, "%lld channels of patches of %lld", (long long)x->shape[1], (long long)places);
    hoop__view_set(&s->out[0], (hoop_dtype)x->dtype, 3, shape);
    return HOOP_OK;
}

static hoop_status col2im_shape(hoop_shape_call *s)
{
    const patches_attrs *a                    = s->attrs;
    const hoop_view     *x                    = s->in[0];
    hoop_status          st                   = hoop__check_float(s, 0);
    int64_t              shape[HOOP_MAX_DIMS] = {0}, count, places;
    if (st != HOOP_OK) return st;
    if (x->ndim != 3 || a->dims < 1 || a->dims > HOOP_POOL_DIMS)
        return hoop_fail(s->err, HOOP_ESHAPE, "%d dims to %lld spatial dims; 3 to 1 to %d are possible", x->ndim,
                         (long long)a->dims, HOOP_POOL_DIMS);
    st = patches_over(s, (int)a->dims, a->size, &count, &places);
    if (st != HOOP_OK) return st;
    if (x->shape[1] % places != 0 || x->shape[2] != count)
        return hoop_fail(s->err, HOOP_ESHAPE, "(N, %lld, %lld); (N, C %lld, %lld) is wanted", (long long)x->shape[1],
                         (long long)x->shape[2], (long long)places, (long long)count);
    shape[0] = x->shape[0];
    shape[1] = x->shape[1] / places;
    for (int d = 0; d < a->dims; d++) shape[2 + d] = a->size[d];
    hoop__view_set(&s->out[0], (hoop_dtype)x->dtype, 2 + (int)a->dims, shape);
    return HOOP_OK;
}

/* planes of images and their columns, which a kernel takes one by one */
typedef struct job {
    const hoop_call *c;
    hoop_patches     p;
    int64_t          plane, column; /* bytes */
    char            *image, *columns;
    bool             back;
} job;

static job job_of(const hoop_call *c, const hoop_view *image, const hoop_view *columns, bool back)
{
    const patches_attrs *a    = c->attrs;
    const int            lead = HOOP_POOL_DIMS - (image->ndim - 2);
    job                  j = {.c = c, .plane = hoop__size(image), .image = image->data, .columns = columns->data, .back = back};
    j.column               = j.plane * columns->shape[2];
    for (int d = 0; d < HOOP_POOL_DIMS; d++) {
        const bool there = d >= lead;
        j.p.in[d]        = there ? image->shape[2 + d - lead] : 1;
        j.p.kernel[d]    = there ? a->kernel[d - lead] : 1;
        j.p.stride[d]    = there ? a->stride[d - lead] : 1;
        j.p.before[d]    = there ? a->padding[d - lead] : 0;
        j.p.dilation[d]  = there ? a->dilation[d - lead] : 1;
        j.p.out[d]       = (j.p.in[d] + 2 * j.p.before[d] - (j.p.kernel[d] - 1) * j.p.dilation[d] - 1) / j.p.stride[d] + 1;
        j.plane *= j.p.in[d];
        j.column *= j.p.kernel[d];
    }
    return j;
}

static void planes(const void *ctx, int64_t first, int64_t n)
{
    const job               *j  = ctx;
    const hoop_call         *c  = j->c;
    const int                dt = c->out->dtype;
    const hoop_pool_kernels *k  = c->kernels->pool;
    for (int64_t i = first; i < first + n; i++) {
        char *image = j->image + i * j->plane, *columns = j->columns + i * j->column;
        if (!j->back) {
            k->im2col[dt](&j->p, image, columns);
            continue;
        }
        if (!c->add) memset(image, 0, (size_t)j->plane);
        k->col2im[dt](&j->p, columns, image);
    }
}

static hoop_status im2col_forward(const hoop_call *c)
{
    const job j = job_of(c, c->in[0], c->out, false);
    hoop_threads_share(c->threads, c->in[0]->shape[0] * c->in[0]->shape[1], 64 + 2 * j.column, 1, planes, &j);
    return HOOP_OK;
}

static hoop_status col2im_forward(const hoop_call *c)
{
    const job j = job_of(c, c->out, c->in[0], true);
    hoop_threads_share(c->threads, c->out->shape[0] * c->out->shape[1], 64 + 2 * j.column, 1, planes, &j);
    return HOOP_OK;
}

static void im2col_backward(hoop_backward_call *b)
{
    patches_attrs a = *(const patches_attrs *)b->attrs;
    a.dims          = hoop_tensor_ndim(b->in[0]) - 2;
    for (int d = 0; d < a.dims; d++) a.size[d] = hoop_tensor_size(b->in[0], 2 + d);
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_col2im, &b->dy[0], 1, &a, NULL);
}

static void col2im_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_op_call(b->t, &hoop__op_im2col, &b->dy[0], 1, b->attrs, NULL);
}

/* where element i of the columns is in the images; -1: in the padding */
static int64_t place_in_image(const hoop_call *c, const hoop_view *image, int64_t i)
{
    const job j     = job_of(c, image, c->in[0] == image ? c->out : c->in[0], false);
    int64_t   patch = i, tap, at = 0, step = 1, pixel;
    for (int d = 0; d < HOOP_POOL_DIMS; d++) step *= j.p.out[d];
    tap   = patch / step;
    patch = patch % step;
    step  = 1;
    for (int d = HOOP_POOL_DIMS - 1; d >= 0; d--) {
        pixel = patch % j.p.out[d] * j.p.stride[d] + tap % j.p.kernel[d] * j.p.dilation[d] - j.p.before[d];
        if (pixel < 0 || pixel >= j.p.in[d]) return -1;
        at += pixel * step;
        step *= j.p.in[d];
        patch /= j.p.out[d];
        tap /= j.p.kernel[d];
    }
    return tap * step + at;
}

static void im2col_reference(const hoop_call *c)
{
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        const int64_t at = place_in_image(c, c->in[0], i);
        hoop__put(c->out, i, at < 0 ? 0.0 : hoop__at(c->in[0], at));
    }
}

static void col2im_reference(const hoop_call *c)
{
    double *y = c->out->data;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) y[i] = 0.0;
    for (int64_t i = 0, n = hoop__view_numel(c->in[0]); i < n; i++) {
        const int64_t at = place_in_image(c, c->out, i);
        if (at >= 0) y[at] += hoop__at(c->in[0], i);
    }
}

#define ONES                                                                                                                     \
    {                                                                                                                            \
        1, 1, 1                                                                                                                  \
    }
static const patches_attrs line = {{3}, {1}, {1}, {1}, 1, {7}}, plane = {{3, 2}, {2, 1}, {1, 0}, {1, 2}, 2, {5, 6}},
                           space = {{1, 2, 3}, {1, 2, 1}, {0, 1, 2}, {1, 1, 2}, 3, {2, 3, 4}}, far = {{2}, {1}, {3}, {5}, 1, {2}},
                           no_kernel = {{0}, {1}, {0}, {1}, 1, {7}}, no_stride = {{3}, {0}, {0}, {1}, 1, {7}},
                           no_dilation = {{3}, {1}, {0}, {0}, 1, {7}}, less = {{3}, {1}, {-1}, {1}, 1, {7}},
                           large = {{8}, {1}, {0}, {1}, 1, {7}}, vast = {{(int64_t)1 << 31, (int64_t)1 << 31, 2},
                                                                         ONES,
                                                                         {(int64_t)1 << 31, (int64_t)1 << 31, 2},
                                                                         ONES,
                                                                         3,
                                                                         {1, 1, 1}},
                           no_dims = {{3}, {1}, {0}, {1}, 0, {7}}, four = {{3}, {1}, {0}, {1}, 4, {7}};
static const hoop_case im2col_cases[] = {
    {"2x3x7", &line},
    {"2x3x5x6", &plane},
    {"1x2x2x3x4", &space},
    {"3x1x2", &far},
    {"0x3x7", &line},
    {"2x0x7", &line},
    {"2x3x7", &no_kernel, HOOP_EARG},
    {"2x3x7", &no_stride, HOOP_EARG},
    {"2x3x7", &no_dilation, HOOP_EARG},
    {"2x3x7", &less, HOOP_EARG},
    {"2x3x7", &large, HOOP_ERANGE},
    {"1x1x1x1x1", &vast, HOOP_ESIZE},
    {"3x7", &line, HOOP_ESHAPE},
    {"1x1x1x1x1x1", &line, HOOP_ESHAPE},
    {"i64:2x3x7<9", &line, HOOP_EDTYPE},
};
const hoop_op hoop__op_im2col = {
    .name       = "im2col",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(patches_attrs),
    HOOP_FIELDS(fields),
    .shape     = im2col_shape,
    .forward   = im2col_forward,
    .backward  = im2col_backward,
    .reference = im2col_reference,
    HOOP_CASES(im2col_cases),
};

static const hoop_case col2im_cases[] = {
    {"2x9x7", &line},
    {"2x18x12", &plane},
    {"1x12x16", &space},
    {"3x2x3", &far},
    {"0x9x7", &line},
    {"2x0x7", &line},
    {"2x9x7", &no_kernel, HOOP_EARG},
    {"2x9x7", &no_stride, HOOP_EARG},
    {"2x9x7", &no_dilation, HOOP_EARG},
    {"2x9x7", &less, HOOP_EARG},
    {"2x8x1", &large, HOOP_ERANGE},
    {"1x2x3", &vast, HOOP_ESIZE},
    {"2x8x7", &line, HOOP_ESHAPE},
    {"2x9x6", &line, HOOP_ESHAPE},
    {"9x7", &line, HOOP_ESHAPE},
    {"2x9x7", &no_dims, HOOP_ESHAPE},
    {"2x9x7", &four, HOOP_ESHAPE},
    {"i64:2x9x7<9", &line, HOOP_EDTYPE},
};
const hoop_op hoop__op_col2im = {
    .name       = "col2im",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(patches_attrs),
    HOOP_FIELDS(fields),
    .shape     = col2im_shape,
    .forward   = col2im_forward,
    .backward  = col2im_backward,
    .reference = col2im_reference,
    HOOP_CASES(col2im_cases),
};
