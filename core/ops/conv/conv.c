/* conv: convolution over 1 to 3 spatial dims. */
#include "ops/conv/conv.h"
#include "hoop/ops.h"
#include "ops/shape.h"

extern const hoop_op hoop__op_conv;

hoop_tensor *hoop__conv_call(hoop_tape *t, hoop_tensor *x, hoop_tensor *w, hoop_tensor *b, const hoop__conv_attrs *a)
{
    return hoop_op_call(t, &hoop__op_conv, (hoop_tensor *[]){x, w, b}, b == NULL ? 2 : 3, a, NULL);
}

/* what keeps the size of dim d where the stride is 1: as PyTorch, what is odd goes behind */
static void pad_same(hoop__conv_attrs *a, int d, const hoop_tensor *w)
{
    const int64_t all = hoop_tensor_ndim(w) > 2 + d ? a->dilation[d] * (hoop_tensor_size(w, 2 + d) - 1) : 0;
    a->before[d]      = all / 2;
    a->after[d]       = all - all / 2;
}

/* x (N, C, in...) with borders that are not zeros, which the convolution then has no need of */
static hoop_tensor *pad_by(hoop_tape *t, hoop_tensor *x, hoop__conv_attrs *a, hoop_pad_mode mode)
{
    const int    dims                          = hoop_tensor_ndim(x) - 2;
    int64_t      pads[2 * HOOP__CONV_DIMS + 2] = {0}; /* channels are last */
    hoop_tensor *y;
    if (dims < 1 || dims > HOOP__CONV_DIMS) return x; /* the convolution's own error */
    for (int d = 0; d < dims; d++) {
        pads[2 * (dims - d)]     = a->before[d];
        pads[2 * (dims - d) + 1] = a->after[d];
        a->before[d] = a->after[d] = 0;
    }
    y = hoop__channels_last(t, x);
    y = hoop_pad(t, y, 2 * dims + 2, pads, mode, 0.0);
    return hoop__channels_first(t, y);
}

/**
 * hoop_conv - convolution over 1 to 3 spatial dims, as many as x has (cross-correlation, as everywhere in the field).
 * Shape   x (N, C, in...), w (O, C / groups, kernel...), b (O) or NULL -> y (N, O, out...)
 *         out = (in + 2 padding - dilation (kernel - 1) - 1) / stride + 1, rounded down
 * Grad    dx += conv_transpose(dy, w), dw += conv_weight(x, dy), db += sum of dy over all but the channels; differentiable again
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG (options)
 * Padding by a mode is hoop_pad's.
 * Source  Goodfellow, Bengio & Courville, Deep Learning (2016), chapter 9; groups: Krizhevsky et al., NIPS 2012
 */
hoop_tensor *hoop_conv(hoop_tape *t, hoop_tensor *x, hoop_tensor *w, hoop_tensor *b, const hoop_conv_opts *opts)
{
    static const hoop_conv_opts plain = {.groups = 1};
    const hoop_conv_opts       *o     = opts == NULL ? &plain : opts;
    hoop__conv_attrs            a     = {.groups = o->groups == 0 ? 1 : o->groups};
    hoop_tensor                *last, *y;
    for (int d = 0; d < HOOP__CONV_DIMS; d++) {
        a.stride[d]   = o->stride[d] == 0 ? 1 : o->stride[d];
        a.dilation[d] = o->dilation[d] == 0 ? 1 : o->dilation[d];
        a.before[d] = a.after[d] = o->padding[d];
        if (o->same) pad_same(&a, d, w);
    }
    if (o->mode != HOOP_PAD_CONSTANT) x = pad_by(t, x, &a, (hoop_pad_mode)o->mode);
    last = hoop__channels_last(t, x);
    y    = hoop__conv_call(t, last, w, b, &a);
    return hoop__channels_first(t, y);
}

static hoop_status conv_shape(hoop_shape_call *s)
{
    return hoop__conv_check(s, false);
}

static hoop_status conv_forward(const hoop_call *c)
{
    return hoop__conv_gather(c, false);
}

static int64_t conv_workspace(const hoop_call *c)
{
    return hoop__conv_gather_work(c, false);
}

static double conv_flops(const hoop_call *c)
{
    const hoop_view *w = c->in[1];
    return w->shape[0] == 0 ? 0.0 : 2.0 * (double)hoop__view_numel(c->out) * (double)hoop__view_numel(w) / (double)w->shape[0];
}

static void conv_backward(hoop_backward_call *b)
{
    const hoop__conv_attrs *a = b->attrs;
    hoop_tensor            *x = b->in[0], *w = b->in[1], *dy = b->dy[0];
    const hoop__conv_attrs  back = hoop__conv_back(a, x, w, dy), kernel = hoop__conv_kernel(a, w);
    if (hoop_sink(b, 0)) hoop__conv_transpose_call(b->t, dy, w, NULL, &back);
    if (hoop_sink(b, 1)) hoop__conv_weight_call(b->t, x, dy, &kernel);
    if (hoop_sink(b, 2)) hoop_sum(b->t, dy, (1U << (hoop_tensor_ndim(dy) - 1)) - 1, false); /* (N, out..., O) -> (O) */
}

static void conv_reference(const hoop_call *c)
{
    hoop__conv_geometry g    = hoop__conv_geometry_of(c->in[0], c->in[1], c->out, c->attrs, false);
    const int64_t       taps = hoop__conv_taps(&g);
    for (int64_t e = 0, n = hoop__view_numel(c->out); e < n; e++) {
        const int64_t o = e % (g.groups * g.og), p = e / (g.groups * g.og);
        double        sum = c->nin == 3 ? hoop__at(c->in[2], o) : 0.0;
        for (int64_t k = 0; k < g.cg * taps; k++) {
            sum +=
                hoop__at(c->in[1], o * g.cg * taps + k) * hoop__conv_pixel(c->in[0], &g, p, k % taps, o / g.og * g.cg + k / taps);
        }
        ((double *)c->out->data)[e] = sum;
    }
}

/* strides and paddings odd ones out; groups; by channel; patches longer than a block of terms */
#define PLAIN .stride = {1, 1, 1}, .dilation = {1, 1, 1}
static const hoop__conv_attrs plain = {PLAIN, .groups = 1}, line = {PLAIN, .before = {1}, .after = {1}, .groups = 1},
                              strided  = {.stride = {2, 3}, .dilation = {1, 1}, .before = {1, 2}, .after = {2, 0}, .groups = 1},
                              dilated  = {.stride   = {2, 1, 2},
                                          .dilation = {1, 2, 3},
                                          .before   = {0, 2, 3},
                                          .after    = {0, 2, 2},
                                          .groups   = 1},
                              square   = {PLAIN, .before = {1, 0}, .after = {1, 2}, .groups = 1},
                              grouped  = {PLAIN, .before = {1, 0}, .after = {1, 0}, .groups = 2},
                              channels = {.stride = {1, 2}, .dilation = {2, 1}, .before = {2, 1}, .after = {2, 1}, .groups = 5},
                              doubled = {PLAIN, .groups = 3}, no_stride = {.dilation = {1, 1}, .groups = 1},
                              no_dilation = {.stride = {1, 1}, .groups = 1}, no_groups = {PLAIN},
                              less = {PLAIN, .before = {-1}, .groups = 1}, behind = {PLAIN, .after = {-9}, .groups = 1},
                              vast  = {.stride   = {1, 1},
                                       .dilation = {1000000000, 1000000000},
                                       .before   = {1000000000, 1000000000},
                                       .after    = {1000000000, 1000000000},
                                       .groups   = 1},
                              many  = {PLAIN, .before = {4000000, 4000000}, .groups = 1};
static const hoop_case conv_cases[] = {
    {"2x5x3 4x3x3 4", &line},
    {"2x5x3 4x3x1", &plain},
    {"2x5x7x3 4x3x3x2 4", &strided},
    {"1x3x4x5x2 3x2x2x2x2 3", &dilated},
    {"2x3x4x4 6x2x3x2", &grouped},
    {"2x4x5x5 5x1x3x3 5", &channels},
    {"2x5x3 6x1x2 6", &doubled},
    {"1x3x3x33 3x33x3x3 3", &plain},
    {"3x1x1x1 1x1x1x1", &plain},
    {"2x3x2x17 16x17x3x3 16", &square}, /* Winograd */
    {"2x1x7x2 3x2x1x7 3", &plain},
    {"0x5x3 4x3x3", &line},
    {"2x5x0 4x0x3 4", &line},
    {"2x5x3 4x3x7", &line},
    {"2x5x3 4x3x8", &line, HOOP_ESHAPE},
    {"2x5x3 4x2x3", &line, HOOP_ESHAPE},
    {"2x5x3 4x3x3 3", &line, HOOP_ESHAPE},
    {"2x5x3 4x3x0", &line, HOOP_ESHAPE},
    {"2x5x3 4x3", &line, HOOP_ESHAPE},
    {"2x5 4x3x1", &line, HOOP_ESHAPE},
    {"2x3x4x4 5x2x3x2", &grouped, HOOP_ESHAPE},
    {"2x5x3 i64:4x3x3<2", &line, HOOP_EDTYPE},
    {"2x5x7x3 4x3x3x2", &no_stride, HOOP_EARG},
    {"2x5x7x3 4x3x3x2", &no_dilation, HOOP_EARG},
    {"2x5x7x3 4x3x3x2", &no_groups, HOOP_EARG},
    {"2x5x3 4x3x3", &less, HOOP_EARG},
    {"2x5x3 4x3x3", &behind, HOOP_ESHAPE},
    {"2x5x7x3 4x3x3x3", &vast, HOOP_ESIZE},
    {"2x5x7x1 4x1x1x1", &many, HOOP_ESIZE}, /* its output alone */
};

int hoop__conv_samples(const hoop_samples_call *s)
{
    for (int i = 1; i < s->nin; i++) {
        if (s->axis[i] >= 0) return -1;
    }
    return s->axis[0] == 0 ? 0 : -1;
}

const hoop_op hoop__op_conv = {
    .name       = "conv",
    .min_in     = 2,
    .max_in     = 3,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_IN(0) | HOOP_READS_IN(1),
    .attrs_size = sizeof(hoop__conv_attrs),
    HOOP_FIELDS(hoop__conv_fields),
    .shape     = conv_shape,
    .forward   = conv_forward,
    .workspace = conv_workspace,
    .backward  = conv_backward,
    .reference = conv_reference,
    .samples   = hoop__conv_samples,
    .flops     = conv_flops,
    HOOP_CASES(conv_cases),
};
