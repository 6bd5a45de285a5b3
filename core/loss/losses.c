/* The table of losses, and the sum that each is. */
#include "hoop/loss.h"
#include "hoop/ops.h"
#include "loss/class_weights.h"

#include <string.h>

#define HOOP_LOSS(name) extern const hoop_loss_kind hoop__loss_##name;
#include "loss/losses.def"
#undef HOOP_LOSS

static const hoop_loss_kind *const kinds[] = {
#define HOOP_LOSS(name) &hoop__loss_##name,
#include "loss/losses.def"
#undef HOOP_LOSS
};

const hoop_loss_kind *hoop_loss_get(int i)
{
    return i >= 0 && i < (int)(sizeof kinds / sizeof kinds[0]) ? kinds[i] : NULL;
}

const hoop_loss_kind *hoop_loss_find(const char *name)
{
    const hoop_loss_kind *k;
    for (int i = 0; (k = hoop_loss_get(i)) != NULL; i++) {
        if (strcmp(k->name, name) == 0) return k;
    }
    return NULL;
}

/* ---- sums ---- */

hoop_tensor *hoop__beside(hoop_tape *t, hoop_tensor *w, const hoop_tensor *x)
{
    const int     ndim                 = hoop_tensor_is_poison(x) ? 0 : hoop_tensor_ndim(x);
    const int64_t n                    = hoop_tensor_numel(w);
    int64_t       shape[HOOP_MAX_DIMS] = {n};
    if (ndim < 1 || hoop_tensor_size(x, 0) != n) {
        hoop_tape_fail(t, HOOP_ESHAPE, "there are %lld weights of samples, and %lld samples lose something", (long long)n,
                       (long long)(ndim < 1 ? 1 : hoop_tensor_size(x, 0)));
        return hoop__failed_loss(t);
    }
    for (int d = 1; d < ndim; d++) shape[d] = 1;
    return hoop_cast(t, hoop_reshape(t, w, ndim, shape), hoop_tensor_dtype(x));
}

/* the sum of weights, f64 () */
static hoop_tensor *weights_sum(hoop_tape *t, const hoop_tensor *each, hoop_tensor *counted, hoop_tensor *w)
{
    const int64_t n = hoop_tensor_size(each, 0), of_each = n > 0 ? hoop_tensor_numel(each) / n : 0;
    if (counted == NULL) return hoop_scale(t, hoop_sum(t, w, HOOP_ALL_DIMS, false), (double)of_each);
    counted = hoop_cast(t, counted, HOOP_F64);
    counted = hoop_mul(t, counted, hoop__beside(t, w, counted));
    return hoop_sum(t, counted, HOOP_ALL_DIMS, false);
}

hoop_tensor *hoop_loss_sum(hoop_tape *t, hoop_tensor *each, hoop_tensor *counted, hoop_tensor *w)
{
    hoop_tensor *by, *sum, *weight;
    if (hoop_tensor_is_poison(each) || (counted != NULL && hoop_tensor_is_poison(counted)) ||
        (w != NULL && hoop_tensor_is_poison(w)))
        return hoop__failed_loss(t);
    if (w == NULL) {
        sum    = hoop_sum(t, each, HOOP_ALL_DIMS, false);
        weight = counted == NULL ? hoop_fill(t, HOOP_F64, 0, NULL, (double)hoop_tensor_numel(each))
                                 : hoop_sum(t, hoop_cast(t, counted, HOOP_F64), HOOP_ALL_DIMS, false);
        return hoop_loss(t, sum, weight);
    }
    by = hoop__beside(t, w, each);
    if (hoop_tensor_is_poison(by)) return by;
    weight = weights_sum(t, each, counted, w);
    sum    = hoop_sum(t, hoop_mul(t, each, by), HOOP_ALL_DIMS, false);
    return hoop_loss(t, sum, weight);
}
