/* conv_transpose: the transpose of a convolution; what a convolution's input gets. */
#include "ops/conv/conv.h"
#include "hoop/ops.h"
#include "ops/shape.h"

extern const hoop_op hoop__op_conv_transpose;

hoop_tensor *hoop__conv_transpose_call(hoop_tape *t, hoop_tensor *x, hoop_tensor *w, hoop_tensor *b, const hoop__conv_attrs *a)
{
    return hoop_op_call(t, &hoop__op_conv_transpose, (hoop_tensor *[]){x, w, b}, b == NULL ? 2 : 3, a, NULL);
}

/**
 * hoop_conv_transpose - transposed convolution over 1 to 3 spatial dims, as many as x has.
 * Shape   x (N, C, in...), w (C, O / groups, kernel...), b (O) or NULL -> y (N, O, out...)
 *         out = (in - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1
 * Grad    dx += conv(dy, w), dw += conv_weight(dy, x), db += sum of dy over all but the channels; differentiable again
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG (options)
 * Source  Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", arXiv 1603.07285
 */
hoop_tensor *hoop_conv_transpose(hoop_tape *t, hoop_tensor *x, hoop_tensor *w, hoop_tensor *b,
                                 const hoop_conv_transpose_opts *opts)
{
    static const hoop_conv_transpose_opts plain = {.groups = 1};
    const hoop_conv_transpose_opts       *o     = opts == NULL ? &plain : opts;
    hoop__conv_attrs                      a     = {.groups = o->groups == 0 ? 1 : o->groups};
    hoop_tensor                          *last, *y;
    for (int d = 0; d < HOOP__CONV_DIMS; d++) {
        a.stride[d]   = o->stride[d] == 0 ? 1 : o->stride[d];
        a.dilation[d] = o->dilation[d] == 0 ? 1 : o->dilation[d];
        a.before[d] = a.after[d] = o->padding[d];
        a.extra[d]               = o->output_padding[d];
    }
    last = hoop__channels_last(t, x);
    y    = hoop__conv_transpose_call(t, last, w, b, &a);
    return hoop__channels_first(t, y);
}

static hoop_status transpose_shape(hoop_shape_call *s)
{
    return hoop__conv_check(s, true);
}

static hoop_status transpose_forward(const hoop_call *c)
{
    return hoop__conv_gather(c, true);
}

static int64_t transpose_workspace(const hoop_call *c)
{
    return hoop__conv_gather_work(c, true);
}

static double transpose_flops(const hoop_call *c)
{
    const hoop_view *w = c->in[1];
    return w->shape[0] == 0 ? 0.0 : 2.0 * (double)hoop__view_numel(c->in[0]) * (double)hoop__view_numel(w) / (double)w->shape[0];
}

/* What lies past the last pixel that the convolution meets is cut off, so that it gives x's sizes. */
static void transpose_backward(hoop_backward_call *b)
{
    hoop__conv_attrs a = *(const hoop__conv_attrs *)b->attrs, kernel;
    hoop_tensor     *x = b->in[0], *w = b->in[1], *dy = b->dy[0];
    for (int d = 0; d < hoop_tensor_ndim(x) - 2; d++) {
        a.after[d] -= a.extra[d];
        a.extra[d] = 0;
    }
    kernel = hoop__conv_kernel(&a, w);
    if (hoop_sink(b, 0)) hoop__conv_call(b->t, dy, w, NULL, &a);
    if (hoop_sink(b, 1)) hoop__conv_weight_call(b->t, dy, x, &kernel);
    if (hoop_sink(b, 2)) hoop_sum(b->t, dy, (1U << (hoop_tensor_ndim(dy) - 1)) - 1, false); /* (N, out..., O) -> (O) */
}

static void transpose_reference(const hoop_call *c)
{
    /* of the convolution whose transpose it is: its input is y */
    hoop__conv_geometry g    = hoop__conv_geometry_of(c->out, c->in[1], c->in[0], c->attrs, false);
    const int64_t       taps = hoop__conv_taps(&g), inputs = hoop__view_numel(c->in[0]), channels = g.groups * g.cg;
    double             *y = c->out->data;
    for (int64_t e = 0, n = hoop__view_numel(c->out); e < n; e++) y[e] = c->nin == 3 ? hoop__at(c->in[2], e % channels) : 0.0;
    for (int64_t e = 0; e < inputs; e++) {
        const int64_t from = e % (g.groups * g.og), p = e / (g.groups * g.og);
        for (int64_t k = 0; k < g.cg * taps; k++) {
            const int64_t to = hoop__conv_place(&g, p, k % taps, from / g.og * g.cg + k / taps);
            if (to >= 0) y[to] += hoop__at(c->in[0], e) * hoop__at(c->in[1], from * g.cg * taps + k);
        }
    }
}

#define PLAIN .stride = {1, 1, 1}, .dilation = {1, 1, 1}
static const hoop__conv_attrs
    plain   = {PLAIN, .groups = 1},
    line    = {PLAIN, .before = {1}, .after = {1}, .groups = 1},
    strided = {.stride = {2, 3}, .dilation = {1, 1}, .before = {1, 2}, .after = {0, 1}, .extra = {1, 2}, .groups = 1},
    dilated =
        {.stride = {2, 1, 2}, .dilation = {1, 2, 3}, .before = {0, 1, 3}, .after = {0, 1, 2}, .extra = {1, 1, 2}, .groups = 1},
    square = {PLAIN, .before = {2, 1}, .after = {0, 1}, .groups = 1}, even = {.stride = {4, 2}, .dilation = {2, 2}, .groups = 1},
    grouped   = {.stride = {1, 2}, .dilation = {1, 1}, .before = {1, 0}, .after = {1, 0}, .groups = 2},
    channels  = {.stride = {2, 2}, .dilation = {1, 1}, .before = {1, 1}, .after = {1, 1}, .extra = {1, 0}, .groups = 5},
    far       = {.stride = {7, 1}, .dilation = {1, 1}, .before = {3, 0}, .after = {3, 0}, .groups = 1},
    no_stride = {.dilation = {1, 1}, .groups = 1}, no_dilation = {.stride = {1, 1}, .groups = 1}, no_groups = {PLAIN},
    less = {PLAIN, .before = {-1}, .groups = 1}, inside = {PLAIN, .after = {99}, .groups = 1},
    output                               = {PLAIN, .extra = {1}, .groups = 1},
    vast                                 = {.stride   = {1, 1},
                                            .dilation = {1000000000, 1000000000},
                                            .before   = {1000000000, 1000000000},
                                            .after    = {1000000000, 1000000000},
                                            .groups   = 1},
    steps                                = {.stride = {1000000000, 1000000000}, .dilation = {1, 1}, .groups = 1};
static const hoop_case transpose_cases[] = {
    {"2x5x3 3x4x3 4", &line},
    {"2x5x3 3x4x1", &plain},
    {"2x3x4x3 3x4x3x2 4", &strided},
    {"1x2x3x3x2 2x3x2x2x2 3", &dilated},
    {"2x3x2x2 2x3x3x3", &even},
    {"2x3x4x4 4x3x3x2", &grouped},
    {"2x3x4x5 5x1x3x3 5", &channels},
    {"2x2x3x2 2x3x2x1 3", &far},
    {"1x3x3x33 33x3x3x3", &plain},
    {"1x3x2x16 16x17x3x3 17", &square}, /* Winograd */
    {"0x5x3 3x4x3", &line},
    {"2x5x0 0x4x3 4", &line},
    {"2x5x3 4x3x3", &line, HOOP_ESHAPE},
    {"2x5x3 3x4x3 3", &line, HOOP_ESHAPE},
    {"2x5x3 3x4x0", &line, HOOP_ESHAPE},
    {"2x5x3 3x4", &line, HOOP_ESHAPE},
    {"2x3x4x5 5x2x3x2", &grouped, HOOP_ESHAPE},
    {"2x5x3 i64:3x4x3<2", &line, HOOP_EDTYPE},
    {"2x3x4x3 3x4x3x2", &no_stride, HOOP_EARG},
    {"2x3x4x3 3x4x3x2", &no_dilation, HOOP_EARG},
    {"2x3x4x3 3x4x3x2", &no_groups, HOOP_EARG},
    {"2x5x3 3x4x3", &less, HOOP_EARG},
    {"2x5x3 3x4x3", &inside, HOOP_ESHAPE},
    {"2x5x3 3x4x3", &output, HOOP_EARG},
    {"2x5x7x3 3x4x3x3", &vast, HOOP_ESIZE}, /* an output of 5 x 7 */
    {"2x5x7x3 3x4x3x3", &steps, HOOP_ESIZE},
};

const hoop_op hoop__op_conv_transpose = {
    .name       = "conv_transpose",
    .min_in     = 2,
    .max_in     = 3,
    .nout       = 1,
    .flags      = HOOP_OP_ACCUMULATES | HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_IN(0) | HOOP_READS_IN(1),
    .attrs_size = sizeof(hoop__conv_attrs),
    HOOP_FIELDS(hoop__conv_fields),
    .shape     = transpose_shape,
    .forward   = transpose_forward,
    .workspace = transpose_workspace,
    .backward  = transpose_backward,
    .reference = transpose_reference,
    .samples   = hoop__conv_samples,
    .flops     = transpose_flops,
    HOOP_CASES(transpose_cases),
};
