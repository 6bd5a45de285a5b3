/* flip; roll, stack, repeat, repeat_interleave, chunk: of other ops. */
#include "ops/index/index.h"
#include "tape/tape.h"

extern const hoop_op hoop__op_flip;

typedef struct flip_attrs {
    int64_t dims; /* bit mask */
} flip_attrs;
static const hoop_field fields[] = {{"dims", 'i', offsetof(flip_attrs, dims)}};

/**
 * hoop_flip - the dims of a bit mask from their end.
 * Shape   x -> same                  Grad   dx += dy flipped
 * Dtype   any                        Errors HOOP_ESHAPE (no such dim)
 */
hoop_tensor *hoop_flip(hoop_tape *t, hoop_tensor *x, unsigned dims)
{
    return hoop_op_call(t, &hoop__op_flip, &x, 1, &(flip_attrs){dims}, NULL);
}
static hoop_status flip_shape(hoop_shape_call *s)
{
    int64_t dims = ((const flip_attrs *)s->attrs)->dims;
    if (dims != (int64_t)HOOP_ALL_DIMS && (dims < 0 || dims >> s->in[0]->ndim != 0))
        return hoop_fail(s->err, HOOP_ESHAPE, "the dims 0x%llx to flip are not all there", (unsigned long long)dims);
    hoop__out_like(&s->out[0], s->in[0]);
    return HOOP_OK;
}
static bool flips(const void *attrs, int d)
{
    return (((const flip_attrs *)attrs)->dims >> d & 1) != 0;
}
static hoop_status flip_forward(const hoop_call *c)
{
    hoop_view x = *c->in[0]; /* from its last element on, backwards */
    if (hoop__view_numel(&x) == 0) return HOOP_OK;
    for (int d = 0; d < x.ndim; d++) {
        if (!flips(c->attrs, d)) continue;
        x.data      = (char *)x.data + (x.shape[d] - 1) * x.stride[d] * hoop__size(&x);
        x.stride[d] = -x.stride[d];
    }
    hoop__copy(c, &x, c->out->data);
    return HOOP_OK;
}
static int flip_samples(const hoop_samples_call *s)
{
    return flips(s->attrs, s->axis[0]) ? -1 : s->axis[0];
}
static void flip_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_flip(b->t, b->dy[0], (unsigned)((const flip_attrs *)b->attrs)->dims);
}
static void flip_reference(const hoop_call *c)
{
    int64_t at[HOOP_MAX_DIMS];
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        hoop__places(c->out, i, at);
        for (int d = 0; d < c->out->ndim; d++) at[d] = flips(c->attrs, d) ? c->out->shape[d] - 1 - at[d] : at[d];
        hoop__put(c->out, i, hoop__at(c->in[0], hoop__number(c->out, at)));
    }
}
static const flip_attrs all = {HOOP_ALL_DIMS}, first = {1}, second = {2}, odd = {5}, fourth = {8}, minus = {-1};
static const hoop_case  cases[] = {
     {"3x4", &all},
     {"3x4", &first},
     {"3x4", &second},
     {"2x3x5", &odd},
     {"0x3", &second},
     {".", &all},
     {"u8:3x7<9", &second},
     {"i32:3x7<9", &first},
     {"3x4", &fourth, HOOP_ESHAPE},
     {"3x4", &minus, HOOP_ESHAPE},
};
const hoop_op hoop__op_flip = {
    .name       = "flip",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_STRIDED | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(flip_attrs),
    HOOP_FIELDS(fields),
    .shape     = flip_shape,
    .forward   = flip_forward,
    .backward  = flip_backward,
    .reference = flip_reference,
    .samples   = flip_samples,
    HOOP_CASES(cases),
};

/**
 * hoop_roll - element i of a dim goes to (i + shift) mod N; what leaves at one end comes in at the other.
 * Shape   x [.., N, ..] -> same      Grad   dx += dy rolled back
 * Dtype   any                        Errors HOOP_ESHAPE (no such dim)
 */
hoop_tensor *hoop_roll(hoop_tape *t, hoop_tensor *x, int dim, int64_t shift)
{
    int64_t      n = hoop_tensor_size(x, dim);
    hoop_tensor *part[2];
    shift = n > 0 ? (shift % n + n) % n : 0;
    if (shift == 0) return hoop_slice(t, x, dim, 0, n);
    part[0] = hoop_slice(t, x, dim, n - shift, shift);
    part[1] = hoop_slice(t, x, dim, 0, n - shift);
    return hoop_concat(t, part, 2, dim);
}

/**
 * hoop_stack - tensors of one shape side by side in a new dim (dim < 0 counts from the end of the result).
 * Shape   n tensors [A, B] -> [A, n, B]
 * Grad    dxi += its part of dy
 * Dtype   any, all one               Errors HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG (n < 1, or more than an op takes)
 */
hoop_tensor *hoop_stack(hoop_tape *t, hoop_tensor *const *xs, int n, int dim)
{
    hoop_tensor *part[HOOP_MAX_IN];
    if (n < 1 || n > HOOP_MAX_IN) {
        hoop_tape_fail(t, HOOP_EARG, "stack: %d tensors; 1 to %d", n, HOOP_MAX_IN);
        return &t->poison;
    }
    if (dim < 0) dim += hoop_tensor_ndim(xs[0]) + 1;
    for (int i = 0; i < n; i++) part[i] = hoop_unsqueeze(t, xs[i], dim);
    return hoop_concat(t, part, n, dim);
}

/* x as (what is before dim, n, what is behind it), each of n, or all of them, so many times */
static hoop_tensor *times(hoop_tape *t, hoop_tensor *x, int dim, int64_t count, bool each)
{
    int     ndim  = hoop_tensor_ndim(x);
    int64_t outer = 1, inner = 1, n = hoop_tensor_size(x, dim), shape[HOOP_MAX_DIMS];
    for (int d = 0; d < ndim; d++) {
        shape[d] = hoop_tensor_size(x, d) * (d == dim ? count : 1);
        *(d < dim ? &outer : &inner) *= d == dim ? 1 : hoop_tensor_size(x, d);
    }
    if (each) { /* (outer n, 1, inner) */
        x = hoop_reshape(t, x, 4, (int64_t[]){outer, n, 1, inner});
        x = hoop_expand(t, x, 4, (int64_t[]){outer, n, count, inner});
    } else { /* (outer, 1, n inner) */
        x = hoop_reshape(t, x, 3, (int64_t[]){outer, 1, n * inner});
        x = hoop_expand(t, x, 3, (int64_t[]){outer, count, n * inner});
    }
    return hoop_reshape(t, x, ndim, shape);
}

/**
 * hoop_repeat - x so many times along each dim; as torch.Tensor.repeat, times may have more numbers than x has dims.
 * Shape   x [A, B] -> [times0 A, times1 B]
 * Grad    dx += dy summed over its repetitions
 * Dtype   any (gradient: floats)     Errors HOOP_EARG (times), HOOP_ESHAPE (fewer numbers than dims)
 */
hoop_tensor *hoop_repeat(hoop_tape *t, hoop_tensor *x, int n, const int64_t *count)
{
    if (hoop_tensor_is_poison(x)) return x;
    if (n < hoop_tensor_ndim(x) || n > HOOP_MAX_DIMS) {
        hoop_tape_fail(t, HOOP_ESHAPE, "repeat: %d numbers for %d dims; at most %d", n, hoop_tensor_ndim(x), HOOP_MAX_DIMS);
        return &t->poison;
    }
    for (int d = 0; d < n; d++) {
        if (count[d] >= 0) continue;
        hoop_tape_fail(t, HOOP_EARG, "repeat: %lld times in dim %d", (long long)count[d], d);
        return &t->poison;
    }
    while (hoop_tensor_ndim(x) < n && !hoop_tensor_is_poison(x)) x = hoop_unsqueeze(t, x, 0);
    for (int d = n - 1; d >= 0; d--) {
        if (count[d] != 1) x = times(t, x, d, count[d], false);
    }
    return x;
}

/**
 * hoop_repeat_interleave - each element of a dim so many times, one after the other.
 * Shape   x [.., N, ..] -> [.., N times, ..]
 * Grad    dx += dy summed over its repetitions
 * Dtype   any (gradient: floats)     Errors HOOP_EARG (times), HOOP_ESHAPE (no such dim)
 */
hoop_tensor *hoop_repeat_interleave(hoop_tape *t, hoop_tensor *x, int dim, int64_t count)
{
    int ndim = hoop_tensor_ndim(x), d = dim < 0 ? dim + ndim : dim;
    if (hoop_tensor_is_poison(x)) return x;
    if (count >= 0 && d >= 0 && d < ndim) return times(t, x, d, count, true);
    hoop_tape_fail(t, count < 0 ? HOOP_EARG : HOOP_ESHAPE, "repeat_interleave: %lld times in dim %d of %d", (long long)count, dim,
                   ndim);
    return &t->poison;
}

/**
 * hoop_chunk - in up to n parts along a dim, as torch.chunk: all of ceil(N / n), the last of what is left. *parts (may be NULL):
 * how many there are.
 * Shape   x [.., N, ..] -> up to n tensors, of which the first is returned
 * Grad    dx[its part] += dyi        Dtype  any            Errors HOOP_EARG (n), HOOP_ESHAPE (no such dim)
 */
hoop_tensor *hoop_chunk(hoop_tape *t, hoop_tensor *x, int dim, int n, hoop_tensor **outs, int *parts)
{
    int64_t size  = hoop_tensor_size(x, dim), each, sizes[HOOP_MAX_OUT];
    int     count = 0;
    for (int i = 0; i < n; i++) outs[i] = &t->poison;
    if (parts != NULL) *parts = 0;
    if (n < 1 || n > HOOP_MAX_OUT) {
        hoop_tape_fail(t, HOOP_EARG, "chunk: %d parts; 1 to %d", n, HOOP_MAX_OUT);
        return &t->poison;
    }
    each = size > 0 ? (size + n - 1) / n : 0;
    for (int64_t left = size; count == 0 || left > 0; left -= each) sizes[count++] = left < each ? left : each;
    if (parts != NULL) *parts = count;
    return hoop_split(t, x, dim, count, sizes, outs);
}
