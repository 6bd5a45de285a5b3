/*
 * Where backward puts what it computes. The first contribution to a gradient is stored, later ones are added; where the
 * kernel can, it adds straight into the gradient, without a temporary and a second pass. A parameter's gradient is its place
 * in the flat store. Under create_graph nothing is changed in place: contributions meet in recorded additions.
 */
#include "tape/tape.h"

#include <string.h>

static bool is_set(const hoop_tape *t, const hoop_tensor *target)
{
    return hoop__is_param(t, target) ? target->params->grad_set[target->param] : t->slots.v[target->id].grad != NULL;
}

/* nobody else refers to this gradient's storage */
static bool may_add_into(const hoop_tensor *g)
{
    return g != NULL && g->contiguous && g->storage != NULL && g->storage->refs == 1;
}

/* to what rows of leaves left in a gradient, all of it is added: rows that come later are so, too */
static void fill_rows(const hoop_tape *t, hoop_tensor *g)
{
    if (g->rows) memset(g->filled, 1, (size_t)t->leaves.n);
}

/* into the gradient of the tensor whose rows target is */
static bool place_in_rows(hoop_tape *t, hoop_tensor *target, const hoop_op *op, hoop_view *out, bool *add, hoop_tensor **reuse)
{
    hoop_tensor *g = hoop__rows_grad(t, target, add);
    if (g == NULL || (*add && (op->flags & HOOP_OP_ACCUMULATES) == 0)) return false;
    out->data = g->v.data;
    *reuse    = g;
    return true;
}

/* into the parameter's gradient of one leaf */
static bool place_in_leaf(hoop_tape *t, const hoop_tensor *target, const hoop_op *op, hoop_view *out, bool *add)
{
    uint8_t *set;
    void    *g = hoop__leaf_grad(t, target->param, &set);
    if (g == NULL || (*set != 0 && (op->flags & HOOP_OP_ACCUMULATES) == 0)) return false;
    out->data = g;
    *add      = *set != 0;
    return true;
}

/* Decide before the kernel runs. True: out->data is set to the gradient itself (add: it holds something already). */
bool hoop__sink_place(hoop_tape *t, hoop_tensor *target, const hoop_op *op, hoop_view *out, bool *add, hoop_tensor **reuse)
{
    hoop_slot *slot = &t->slots.v[target->id];
    *add            = false;
    *reuse          = NULL;
    if (t->create_graph || !hoop__same_shape(out, &target->v) || out->dtype != target->v.dtype) return false;
    if (target->rows_of >= 0) return place_in_rows(t, target, op, out, add, reuse);
    if (hoop__is_param(t, target) && t->leaves.n > 0) return place_in_leaf(t, target, op, out, add);
    if (hoop__is_param(t, target)) {
        bool set = is_set(t, target);
        if (set && (op->flags & HOOP_OP_ACCUMULATES) == 0) return false;
        out->data = hoop_params_grad_of(target->params, target->param);
        *add      = set;
        return true;
    }
    if (!may_add_into(slot->grad) || (op->flags & HOOP_OP_ACCUMULATES) == 0) return false;
    fill_rows(t, slot->grad);
    out->data = slot->grad->v.data;
    *add      = true;
    *reuse    = slot->grad;
    return true;
}

static void param_set(hoop_tape *t, const hoop_tensor *target)
{
    if (t->leaves.n > 0)
        t->leaf_grads.v[target->param].set[t->leaves.current] = 1;
    else
        target->params->grad_set[target->param] = true;
}

void hoop__sink_done(hoop_tape *t, hoop_tensor *target, hoop_tensor *result, bool in_place)
{
    if (!in_place)
        hoop__sink_value(t, target, result, false);
    else if (hoop__is_param(t, target))
        param_set(t, target);
}

/* a second handle on the storage of x, so that each gradient can be let go by itself */
static hoop_tensor *second_handle(hoop_tape *t, const hoop_tensor *x)
{
    hoop_tensor *h = hoop__tensor_new(t, &x->v);
    if (h == NULL) return NULL;
    h->storage = x->storage;
    if (h->storage != NULL) h->storage->refs++;
    h->base       = x->base;
    h->axis       = x->axis;
    h->contiguous = x->contiguous;
    return h;
}

/* g, of any strides, stored to the contiguous grad of its shape or added to it */
static void add_into(hoop_tape *t, const hoop_tensor *g, void *grad, int32_t base, bool set)
{
    hoop_view        to;
    const hoop_view *in[2]      = {&to, &g->v};
    const int32_t    in_base[2] = {base, g->base};
    const int        from       = set ? 0 : 1;
    if (g->numel == 0) return;
    hoop__view_set(&to, (hoop_dtype)g->v.dtype, g->v.ndim, g->v.shape);
    to.data = grad;
    (void)hoop__launch(t, &(hoop_launch){.op       = set ? t->ops->add_op : t->ops->copy_op,
                                         .in       = in + from,
                                         .in_base  = in_base + from,
                                         .out      = &to,
                                         .out_base = base,
                                         .nin      = 2 - from,
                                         .nout     = 1,
                                         .leaf     = t->leaves.current});
}

/* g into a parameter's gradient: its leaf's, or that in the store */
static void add_to_param(hoop_tape *t, const hoop_tensor *target, const hoop_tensor *g)
{
    uint8_t *set;
    void    *grad;
    if (t->leaves.n == 0) {
        add_into(t, g, hoop_params_grad_of(target->params, target->param), -1 - target->param, is_set(t, target));
    } else {
        grad = hoop__leaf_grad(t, target->param, &set);
        if (grad == NULL) return;
        add_into(t, g, grad, 0, *set != 0);
    }
    param_set(t, target);
}

/* samples of all leaves, for a parameter: each leaf's by itself */
static void add_each_leaf(hoop_tape *t, hoop_tensor *target, hoop_tensor *g)
{
    const int current = t->leaves.current;
    for (int leaf = 0; leaf < t->leaves.n; leaf++) {
        hoop_tensor *slice = hoop__leaf_slice(t, g, leaf);
        if (slice == NULL) return;
        t->leaves.current = leaf;
        hoop__sink_value(t, target, slice, false);
    }
    t->leaves.current = current;
}

void hoop__sink_value(hoop_tape *t, hoop_tensor *target, hoop_tensor *g, bool shared)
{
    hoop_slot *slot;
    bool       add;
    if (t->error.status != HOOP_OK || g->poison) return;
    if (hoop__is_param(t, target) && g->axis >= 0) {
        add_each_leaf(t, target, g);
        return;
    }
    if (!hoop__same_shape(&g->v, &target->v)) {
        t->sink = NULL;
        g       = t->ops->sum_to(t, g, target->v.ndim, target->v.shape);
        shared  = false;
        if (g->poison) return;
    }
    slot = &t->slots.v[target->id];
    if (hoop__is_param(t, target)) {
        add_to_param(t, target, g);
    } else if (target->rows_of >= 0) {
        const hoop_tensor *rows = hoop__rows_grad(t, target, &add);
        if (rows != NULL) add_into(t, g, rows->v.data, 0, add);
    } else if (slot->grad == NULL) {
        if (shared && !t->create_graph) g = second_handle(t, g);
        t->slots.v[target->id].grad = g;
    } else if (t->create_graph || !may_add_into(slot->grad)) {
        hoop_tensor *before = slot->grad, *sum = t->ops->add(t, before, g);
        if (!t->create_graph) hoop__tensor_release(t, before);
        t->slots.v[target->id].grad = sum->poison ? NULL : sum; /* the array may have moved */
    } else {
        fill_rows(t, slot->grad);
        add_into(t, g, slot->grad->v.data, slot->grad->base, true);
    }
}

bool hoop_needs(const hoop_backward_call *b, int i)
{
    return i < b->nin && hoop__follows(b->t, b->in[i]) && b->t->error.status == HOOP_OK;
}

bool hoop_sink(hoop_backward_call *b, int i)
{
    if (!hoop_needs(b, i)) return false;
    b->t->sink = b->in[i];
    return true;
}

void hoop_pass(hoop_backward_call *b, int i, hoop_tensor *g)
{
    if (hoop_needs(b, i)) hoop__sink_value(b->t, b->in[i], g, true);
}
