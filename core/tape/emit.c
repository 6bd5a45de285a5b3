/* What buffers are to become: emitted by modules while they run, applied by whoever drives the step, after it. */
#include "tape/tape.h"

#include <stdlib.h>

static bool fits(hoop_tape *t, const hoop_tensor *buffer, const hoop_tensor *value, double weight)
{
    char a[160], b[160];
    if (t->scopes.n > 0) {
        hoop_tape_fail(t, HOOP_ESTATE, "hoop_emit inside a scope, which would free the value");
    } else if (!(weight > 0.0) || weight - weight != 0.0) {
        hoop_tape_fail(t, HOOP_EARG, "hoop_emit: a weight of %g; a positive one is wanted", weight);
    } else if (buffer == NULL || buffer->tape != NULL || buffer->param >= 0) {
        hoop_tape_fail(t, HOOP_EARG, "hoop_emit: a buffer is wanted, a persistent tensor that is no parameter");
    } else if (!hoop_dtype_is_float((hoop_dtype)value->v.dtype) || buffer->v.dtype != value->v.dtype) {
        hoop_tape_fail(t, HOOP_EDTYPE, "hoop_emit: %s for a buffer %s; both of f32 or of f64 are wanted",
                       hoop_tensor_describe(value, a, sizeof a), hoop_tensor_describe(buffer, b, sizeof b));
    } else if (!hoop__same_shape(&buffer->v, &value->v)) {
        hoop_tape_fail(t, HOOP_ESHAPE, "hoop_emit: %s for a buffer %s", hoop_tensor_describe(value, a, sizeof a),
                       hoop_tensor_describe(buffer, b, sizeof b));
    }
    return t->error.status == HOOP_OK;
}

void hoop_emit(hoop_tape *t, hoop_tensor *buffer, hoop_tensor *value, double weight)
{
    hoop_emission *e;
    int32_t        i     = 0;
    bool           grads = t->recording;
    if (t->error.status != HOOP_OK || hoop_tensor_is_poison(value) || !t->training || !fits(t, buffer, value, weight)) return;
    if (value->axis >= 0 || (t->leaves.n > 1 && t->leaves.current < 0)) {
        t->leaves.mixed = true;
        hoop_tape_fail(t, HOOP_ESTATE, "hoop_emit: what all leaves emit is no leaf's; these leaves are to run one by one");
        return;
    }
    if (!value->contiguous) {
        t->recording = false; /* nobody asks for its gradient */
        value        = t->ops->contiguous(t, value);
        t->recording = grads;
    }
    while (i < t->emissions.n && (t->emissions.v[i].buffer != buffer || t->emissions.v[i].leaf != t->leaves.current)) i++;
    if (!HOOP_GROW(t, t->emissions, i + 1)) return;
    e  = &t->emissions.v[i];
    *e = (hoop_emission){buffer, hoop_retain(t, value), weight, t->leaves.current};
    if (i == t->emissions.n) t->emissions.n++;
}

int hoop_tape_emissions(const hoop_tape *t, const hoop_emission **out)
{
    *out = t->emissions.v;
    return t->emissions.n;
}
