/*
 * The order of dims in memory. Images are (N, C, H, W) and lie as (N, H, W, C): a view. An elementwise op on such a view runs on
 * its dims as they lie, and so does what it gives: nothing is copied from one order to the other.
 */
#include "tape/tape.h"

/* those of size 1 as near to their place as can be */
bool hoop__memory_order(const hoop_view *v, int64_t *dims)
{
    int64_t step = 1;
    int     n    = 0;
    for (int d = 0; d < v->ndim; d++) {
        int at = n;
        if (v->shape[d] == 1) continue;
        while (at > 0 && v->stride[dims[at - 1]] < v->stride[d]) at--;
        for (int k = n++; k > at; k--) dims[k] = dims[k - 1];
        dims[at] = d;
    }
    for (int k = n - 1; k >= 0; k--) {
        if (v->stride[dims[k]] != step) return false;
        step *= v->shape[dims[k]];
    }
    for (int d = 0; d < v->ndim; d++) {
        int at = 0;
        if (v->shape[d] != 1) continue;
        while (at < n && dims[at] < d) at++;
        for (int k = n++; k > at; k--) dims[k] = dims[k - 1];
        dims[at] = d;
    }
    return true;
}

/* the first input of as many dims as the result that lies in an order of its own */
static bool find_order(hoop_tensor *const *in, int nin, int ndim, int64_t *dims)
{
    for (int i = 0; i < nin; i++) {
        if (in[i]->v.ndim == ndim && !in[i]->contiguous && hoop__memory_order(&in[i]->v, dims)) return true;
    }
    return false;
}

/* would the op take these inputs, and of how many dims is the result */
static bool result_dims(const hoop_op *op, hoop_tensor *const *in, int nin, const void *attrs, int *ndim)
{
    const hoop_view *views[HOOP__FEW_IN];
    hoop_view        out;
    hoop_error       why;
    hoop_shape_call  s = {.in = views, .nin = nin, .attrs = attrs, .out = &out, .nout = 1, .err = &why};
    for (int i = 0; i < nin; i++) views[i] = &in[i]->v;
    why.status = HOOP_OK;
    if (op->shape(&s) != HOOP_OK) return false;
    *ndim = out.ndim;
    return true;
}

/* x as an operand of so many dims in that order */
static hoop_tensor *operand(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *dims)
{
    int64_t shape[HOOP_MAX_DIMS];
    if (x->v.ndim == 0) return x;
    if (x->v.ndim < ndim) {
        for (int d = 0; d < ndim; d++) shape[d] = d < ndim - x->v.ndim ? 1 : x->v.shape[d - ndim + x->v.ndim];
        x = t->ops->expand(t, x, ndim, shape);
    }
    return t->ops->permute(t, x, ndim, dims);
}

hoop_tensor *hoop__op_in_order(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, int nin, const void *attrs)
{
    hoop_tensor *moved[HOOP__FEW_IN], *sink = t->sink, *y;
    int64_t      dims[HOOP_MAX_DIMS], back[HOOP_MAX_DIMS];
    bool         strange = false;
    const bool   passed  = t->passed; /* the place is that of this op, not of the views */
    int          ndim;
    for (int i = 0; i < nin && nin <= HOOP__FEW_IN; i++) {
        if (in[i] == NULL || in[i]->poison || in[i]->released) return NULL;
        strange |= !in[i]->contiguous;
    }
    if (!strange || nin > HOOP__FEW_IN || !result_dims(op, in, nin, attrs, &ndim) || !find_order(in, nin, ndim, dims))
        return NULL;
    t->sink = NULL;
    for (int i = 0; i < nin; i++) moved[i] = operand(t, in[i], ndim, dims);
    t->passed = passed;
    y         = hoop__op_run(t, op, moved, nin, attrs, NULL);
    for (int d = 0; d < ndim; d++) back[dims[d]] = d;
    y = t->ops->permute(t, y, ndim, back);
    if (sink != NULL) hoop__sink_value(t, sink, y, false);
    return t->error.status == HOOP_OK ? y : &t->poison;
}
