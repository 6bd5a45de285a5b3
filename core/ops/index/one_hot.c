/* one_hot: labels as rows of 0 and 1. */
#include "hoop/ops.h"
#include "ops/index/labels.h"

#include <string.h>

extern const hoop_op hoop__op_one_hot;

hoop_status hoop__check_labels(const hoop_view *label, int64_t classes, hoop_error *err)
{
    const int64_t *v    = label->data;
    int64_t        n    = hoop__view_numel(label);
    bool           fine = true;
    for (int64_t i = 0; i < n; i++) fine &= (uint64_t)v[i] < (uint64_t)classes || v[i] == HOOP_IGNORE_LABEL;
    for (int64_t i = 0; i < n && !fine; i++) {
        if ((uint64_t)v[i] < (uint64_t)classes || v[i] == HOOP_IGNORE_LABEL) continue;
        return hoop_fail(err, HOOP_ERANGE, "label %lld at position %lld is not between 0 and %lld", (long long)v[i], (long long)i,
                         (long long)(classes - 1));
    }
    return HOOP_OK;
}

typedef struct one_hot_attrs {
    int64_t classes, dtype;
} one_hot_attrs;
static const hoop_field one_hot_fields[] = {
    {"classes", 'i', offsetof(one_hot_attrs, classes)},
    {"dtype", 'i', offsetof(one_hot_attrs, dtype)},
};

/**
 * hoop_one_hot - 1 at the label, 0 elsewhere; a row of zeros for HOOP_IGNORE_LABEL.
 * Shape   label i64 (...) -> (..., classes)
 * Grad    none
 * Dtype   to f32, f64                Errors HOOP_EDTYPE, HOOP_ESHAPE, HOOP_ERANGE
 */
hoop_tensor *hoop_one_hot(hoop_tape *t, hoop_tensor *label, int64_t classes, hoop_dtype dtype)
{
    return hoop_op_call(t, &hoop__op_one_hot, &label, 1, &(one_hot_attrs){classes, dtype}, NULL);
}
static hoop_status one_hot_shape(hoop_shape_call *s)
{
    const one_hot_attrs *a = s->attrs;
    const hoop_view     *x = s->in[0];
    int64_t              shape[HOOP_MAX_DIMS];
    if (x->dtype != HOOP_I64) return hoop_fail(s->err, HOOP_EDTYPE, "labels are i64 (hoop_cast)");
    if (a->dtype != HOOP_F32 && a->dtype != HOOP_F64) return hoop_fail(s->err, HOOP_EDTYPE, "the result is f32 or f64");
    if (a->classes < 1 || x->ndim == HOOP_MAX_DIMS)
        return hoop_fail(s->err, HOOP_ESHAPE, "%lld classes, %d dims", (long long)a->classes, x->ndim);
    memcpy(shape, x->shape, sizeof shape);
    shape[x->ndim] = a->classes;
    hoop__view_set(&s->out[0], (hoop_dtype)a->dtype, x->ndim + 1, shape);
    return HOOP_OK;
}
static hoop_status one_hot_forward(const hoop_call *c)
{
    const one_hot_attrs *a     = c->attrs;
    const int64_t       *label = c->in[0]->data;
    int64_t              n     = hoop__view_numel(c->in[0]);
    if (hoop__check_labels(c->in[0], a->classes, c->err) != HOOP_OK) return HOOP_ERANGE;
    hoop__clear(c, c->out->data, n * a->classes * (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype));
    for (int64_t i = 0; i < n; i++) {
        if (label[i] == HOOP_IGNORE_LABEL) continue;
        if (c->out->dtype == HOOP_F32)
            ((float *)c->out->data)[i * a->classes + label[i]] = 1.0F;
        else
            ((double *)c->out->data)[i * a->classes + label[i]] = 1.0;
    }
    return HOOP_OK;
}
static void one_hot_reference(const hoop_call *c)
{
    int64_t classes = ((const one_hot_attrs *)c->attrs)->classes;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        ((double *)c->out->data)[i] = (int64_t)hoop__at(c->in[0], i / classes) == i % classes ? 1.0 : 0.0;
    }
}
static const one_hot_attrs five = {5, HOOP_F64}, two = {2, HOOP_F64}, negative = {-1, HOOP_F64}, to_i64 = {5, HOOP_I64};

static const hoop_case one_hot_cases[] = {
    {"i64:4<5", &five},
    {"i64:2x3<5", &five},
    {"i64:0<5", &five},
    {"4", &five, HOOP_EDTYPE},
    {"i64:64<5", &two, HOOP_ERANGE},
    {"i64:4<5", &negative, HOOP_ESHAPE},
    {"i64:4<5", &to_i64, HOOP_EDTYPE},
};

const hoop_op hoop__op_one_hot = {
    .name       = "one_hot",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_NO_GRAD | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(one_hot_attrs),
    HOOP_FIELDS(one_hot_fields),
    .shape     = one_hot_shape,
    .forward   = one_hot_forward,
    .reference = one_hot_reference,
    .samples   = hoop__samples_any,
    HOOP_CASES(one_hot_cases),
};
