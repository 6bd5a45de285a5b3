/* The options that losses of classes share (class_weights.h), and what trainers ask of them. */
#include "loss/class_weights.h"

#include "hoop/ops.h"

static hoop_tensor *numbers(hoop_tape *t, hoop_dtype dtype, const hoop_floats *list, int64_t classes)
{
    float f32[HOOP_OPT_FLOATS_MAX];
    if (list->n == 1) return hoop_fill(t, dtype, 1, &classes, list->v[0]);
    if (dtype == HOOP_F64) return hoop_tape_constant(t, dtype, 1, &classes, list->v);
    for (int i = 0; i < list->n; i++) f32[i] = (float)list->v[i];
    return hoop_tape_constant(t, dtype, 1, &classes, f32);
}

bool hoop__weights(hoop_tape *t, const hoop_floats *list, const hoop_tensor *out, const char *what, hoop_tensor **weights)
{
    const int64_t classes = hoop_tensor_is_poison(out) || hoop_tensor_ndim(out) < 1 ? list->n : hoop_tensor_size(out, -1);
    *weights              = NULL;
    if (list->n == 0) return true;
    if (list->n != classes && list->n != 1) {
        hoop_tape_fail(t, HOOP_ESHAPE, "%s: there are %d numbers; one for each of %lld classes is wanted", what, list->n,
                       (long long)classes);
        return false;
    }
    *weights = numbers(t, hoop_tensor_is_poison(out) ? HOOP_F64 : hoop_tensor_dtype(out), list, classes);
    return true;
}

hoop_tensor *hoop__failed_loss(hoop_tape *t)
{
    return hoop_fill(t, HOOP_F64, 0, NULL, 0.0); /* after an error: poison */
}

hoop_tensor *hoop__bce_each(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *pos_weight, hoop_tensor *weight)
{
    hoop_tensor *none = hoop_shift(t, hoop_neg(t, target), 1.0), *soft = hoop_neg(t, hoop_log_sigmoid(t, out)), *more;
    if (pos_weight != NULL) {
        more = hoop_mul(t, target, hoop_shift(t, pos_weight, -1.0));
        soft = hoop_mul(t, soft, hoop_shift(t, more, 1.0));
    }
    none = hoop_mul(t, none, out);
    soft = hoop_add(t, none, soft);
    return weight == NULL ? soft : hoop_mul(t, soft, weight);
}

/* 1 for labels that count, (n, ..., 1) */
static hoop_tensor *counting(hoop_tape *t, hoop_tensor *label, hoop_dtype dtype)
{
    hoop_tensor *other = hoop_fill(t, HOOP_I64, 0, NULL, HOOP_IGNORE_LABEL);
    other              = hoop_not_equal(t, label, other);
    return hoop_unsqueeze(t, hoop_cast(t, other, dtype), -1);
}

hoop_tensor *hoop__class_each(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *weight, double smoothing,
                              double gamma, hoop_tensor **counted)
{
    hoop_tensor *logs, *label, *n, *own, *all, *q;
    unsigned     last;
    double       classes;
    *counted = NULL;
    if (hoop_tensor_is_poison(out) || hoop_tensor_is_poison(target) || hoop_tensor_ndim(out) != hoop_tensor_ndim(target) + 1)
        return hoop_cross_entropy(t, out, target); /* which says what is wanted */
    last    = 1u << (hoop_tensor_ndim(out) - 1);
    classes = (double)hoop_tensor_size(out, -1);
    logs    = hoop_log_softmax(t, out);
    own     = counting(t, target, hoop_tensor_dtype(out));
    label   = hoop_relabel(t, target, HOOP_IGNORE_LABEL, 0);
    n       = hoop_neg(t, hoop_gather(t, logs, -1, hoop_unsqueeze(t, label, -1)));
    all     = own;
    if (weight != NULL) {
        hoop_tensor *table = hoop_unsqueeze(t, weight, -1);
        own                = hoop_mul(t, own, hoop_embedding(t, table, label));
    }
    *counted = own;
    if (gamma > 0.0) { /* below the bound it has no slope of a power below 1 */
        q = hoop_clamp(t, hoop_neg(t, hoop_expm1(t, hoop_neg(t, n))), 1e-30, 1.0);
        n = hoop_mul(t, n, hoop_pow_scalar(t, q, gamma));
    }
    n = hoop_mul(t, n, hoop_scale(t, own, 1.0 - smoothing));
    if (smoothing == 0.0) return n;
    if (weight != NULL) logs = hoop_mul(t, logs, weight);
    logs = hoop_sum(t, logs, last, true);
    logs = hoop_mul(t, logs, hoop_scale(t, all, -smoothing / classes));
    return hoop_add(t, n, logs);
}

int64_t hoop_loss_ignores(const hoop_loss_kind *kind, const void *opts)
{
    const hoop_option *row = opts == NULL ? NULL : hoop_option_find(&kind->options, "ignore_index");
    return row == NULL ? HOOP_IGNORE_LABEL : *(const int64_t *)(const void *)((const char *)opts + row->offset);
}

hoop_tensor *hoop_loss_ignore(hoop_tape *t, hoop_tensor *label, int64_t ignore)
{
    if (ignore == HOOP_IGNORE_LABEL || hoop_tensor_is_poison(label)) return label;
    return hoop_relabel(t, label, ignore, HOOP_IGNORE_LABEL);
}

hoop_tensor *hoop_loss_classes_last(hoop_tape *t, hoop_tensor *out)
{
    return hoop_contiguous(t, hoop__channels_last(t, out));
}
