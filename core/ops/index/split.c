/* split: a tensor in parts along a dim. */
#include "hoop/ops.h"
#include "ops/shape.h"
#include "tape/tape.h"

#include <string.h>

extern const hoop_op hoop__op_split;

typedef struct split_attrs {
    int64_t dim, n, sizes[HOOP_MAX_OUT];
} split_attrs;
static const hoop_field fields[] = {
    {"dim", 'i', offsetof(split_attrs, dim)}, {"n", 'i', offsetof(split_attrs, n)}, {"sizes", 'O', offsetof(split_attrs, sizes)}};

static int64_t size_of_part(const int64_t *sizes, int i, int64_t equal)
{
    return sizes != NULL ? sizes[i] : equal;
}

/* more parts than an op gives: groups of them first */
static hoop_tensor *split_twice(hoop_tape *t, hoop_tensor *x, int dim, int n, const int64_t *sizes, int64_t equal,
                                hoop_tensor **outs)
{
    hoop_tensor *group[HOOP_MAX_OUT];
    int64_t      whole[HOOP_MAX_OUT] = {0};
    int          groups = 0, each = (n - 1) / HOOP_MAX_OUT + 1;
    for (int i = 0; i < n; i += each, groups++) {
        for (int k = i; k < n && k < i + each; k++) whole[groups] += size_of_part(sizes, k, equal);
    }
    hoop_split(t, x, dim, groups, whole, group);
    for (int i = 0, g = 0; i < n; i += each, g++)
        hoop_split(t, group[g], dim, n - i < each ? n - i : each, sizes == NULL ? NULL : sizes + i, outs + i);
    return outs[0];
}

/**
 * hoop_split - a tensor in n parts along a dim, of the sizes given (0 is one), or of equal ones where sizes is NULL.
 * Shape   x [.., sum Ni, ..] -> n tensors [.., Ni, ..]
 * Grad    dx[its part] += dyi
 * Dtype   any                        Errors HOOP_ESHAPE (no such dim, sizes that do not add up, n < 1)
 */
hoop_tensor *hoop_split(hoop_tape *t, hoop_tensor *x, int dim, int n, const int64_t *sizes, hoop_tensor **outs)
{
    split_attrs attrs = {.dim = dim < 0 ? dim + hoop_tensor_ndim(x) : dim, .n = n};
    int64_t     equal = n > 0 ? hoop_tensor_size(x, dim) / n : 0;
    if (n > HOOP_MAX_OUT) return split_twice(t, x, dim, n, sizes, equal, outs);
    if (n < 1) {
        hoop_tape_fail(t, HOOP_ESHAPE, "split: into %d parts", n);
        return &t->poison;
    }
    for (int i = 0; i < n; i++) attrs.sizes[i] = size_of_part(sizes, i, equal);
    return hoop_op_call(t, &hoop__op_split, &x, 1, &attrs, outs);
}
static int split_nouts(int nin, const void *attrs)
{
    (void)nin;
    return (int)((const split_attrs *)attrs)->n;
}
static hoop_status split_shape(hoop_shape_call *s)
{
    const split_attrs *a                    = s->attrs;
    const hoop_view   *x                    = s->in[0];
    int64_t            shape[HOOP_MAX_DIMS] = {0}, total = 0;
    bool               fine = true;
    if (a->dim < 0 || a->dim >= x->ndim) return hoop_fail(s->err, HOOP_ESHAPE, "no dim %lld", (long long)a->dim);
    memcpy(shape, x->shape, (size_t)x->ndim * sizeof *shape);
    for (int j = 0; j < s->nout; j++) {
        shape[a->dim] = a->sizes[j];
        fine &= a->sizes[j] >= 0 && !__builtin_add_overflow(total, a->sizes[j], &total);
        hoop__view_set(&s->out[j], (hoop_dtype)x->dtype, x->ndim, shape);
    }
    if (fine && total == x->shape[a->dim]) return HOOP_OK;
    return hoop_fail(s->err, HOOP_ESHAPE, "%d parts, the first of %lld, are not the %lld of dim %lld", s->nout,
                     (long long)a->sizes[0], (long long)x->shape[a->dim], (long long)a->dim);
}
/* part j as a view of x, from `first` on */
static hoop_view part_of(const hoop_call *c, int j, int64_t first)
{
    const split_attrs *a    = c->attrs;
    hoop_view          part = *c->in[0];
    part.shape[a->dim]      = a->sizes[j];
    if (a->sizes[j] > 0)
        part.data = (char *)part.data + first * part.stride[a->dim] * (int64_t)hoop_dtype_size((hoop_dtype)part.dtype);
    return part;
}
static hoop_status split_forward(const hoop_call *c)
{
    const split_attrs *a     = c->attrs;
    int64_t            first = 0;
    for (int j = 0; j < c->nout; first += a->sizes[j++]) {
        hoop_view part = part_of(c, j, first);
        hoop__copy(c, &part, c->out[j].data);
    }
    return HOOP_OK;
}
static int split_samples(const hoop_samples_call *s)
{
    return s->axis[0] != ((const split_attrs *)s->attrs)->dim ? s->axis[0] : -1;
}
static void split_backward(hoop_backward_call *b)
{
    const split_attrs *a     = b->attrs;
    bool               all   = true;
    int64_t            first = 0, size = hoop_tensor_size(b->in[0], (int)a->dim);
    for (int j = 0; j < a->n; j++) all &= b->dy[j] != NULL;
    if (all && hoop_sink(b, 0)) hoop_concat(b->t, b->dy, (int)a->n, (int)a->dim);
    for (int j = 0; j < a->n && !all; first += a->sizes[j++]) {
        if (b->dy[j] != NULL && hoop_sink(b, 0)) hoop_unslice(b->t, b->dy[j], (int)a->dim, first, size);
    }
}
static void split_reference(const hoop_call *c)
{
    int64_t first = 0;
    for (int j = 0; j < c->nout; first += ((const split_attrs *)c->attrs)->sizes[j++]) {
        hoop_view part = part_of(c, j, first);
        for (int64_t i = 0, n = hoop__view_numel(&part); i < n; i++) hoop__put(&c->out[j], i, hoop__at(&part, i));
    }
}
static const split_attrs halves = {1, 2, {2, 2}}, uneven = {0, 3, {1, 0, 4}}, middle = {1, 3, {2, 1, 3}}, one = {0, 1, {3}},
                         short_of = {1, 2, {2, 1}}, beyond = {2, 1, {4}}, negative = {0, 3, {4, -2, 1}};

static const hoop_case cases[] = {
    {"3x4", &halves},
    {"5x2", &uneven},
    {"i32:3x4<9", &halves},
    {"2x6x3", &middle},
    {"3", &one},
    {"0x4", &halves},
    {"3x4", &short_of, HOOP_ESHAPE},
    {"3x4", &beyond, HOOP_ESHAPE},
    {"3x4", &negative, HOOP_ESHAPE},
};

const hoop_op hoop__op_split = {
    .name       = "split",
    .min_in     = 1,
    .max_in     = 1,
    .nouts      = split_nouts,
    .flags      = HOOP_OP_STRIDED | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(split_attrs),
    HOOP_FIELDS(fields),
    .shape     = split_shape,
    .forward   = split_forward,
    .backward  = split_backward,
    .reference = split_reference,
    .samples   = split_samples,
    HOOP_CASES(cases),
};
