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
