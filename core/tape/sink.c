/*
 * Where backward puts what it computes. The first contribution to a gradient is stored, later ones are added; where the
 * kernel can, it adds straight into the gradient, without a temporary and a second pass. A parameter's gradient is its place
 * in the flat store. Under create_graph nothing is changed in place: contributions meet in recorded additions.
 */
#include "tape/tape.h"

#include <string.h>

static bool is_param(const hoop_tape *t, const hoop_tensor *target)
{
    return target->param >= 0 && !t->functional;
}

static bool is_set(const hoop_tape *t, const hoop_tensor *target)
{
    return is_param(t, target) ? target->params->grad_set[target->param] : t->slots.v[target->id].grad != NULL;
}

/* nobody else refers to this gradient's storage */
static bool may_add_into(const hoop_tensor *g)
{
    return g != NULL && g->contiguous && g->storage != NULL && g->storage->refs == 1;
}

/* Decide before the kernel runs. True: out->data is set to the gradient itself (add: it holds something already). */
bool hoop__sink_place(hoop_tape *t, hoop_tensor *target, const hoop_op *op, hoop_view *out, bool *add, hoop_tensor **reuse)
{
    hoop_slot *slot = &t->slots.v[target->id];
    *add            = false;
    *reuse          = NULL;
    if (t->create_graph || !hoop__same_shape(out, &target->v) || out->dtype != target->v.dtype) return false;
    if (is_param(t, target)) {
        bool set = is_set(t, target);
        if (set && (op->flags & HOOP_OP_ACCUMULATES) == 0) return false;
        out->data = hoop_params_grad_of(target->params, target->param);
        *add      = set;
        return true;
    }
    if (!may_add_into(slot->grad) || (op->flags & HOOP_OP_ACCUMULATES) == 0) return false;
    out->data = slot->grad->v.data;
    *add      = true;
    *reuse    = slot->grad;
    return true;
}

void hoop__sink_done(hoop_tape *t, hoop_tensor *target, hoop_tensor *result, bool in_place)
{
    if (!in_place)
        hoop__sink_value(t, target, result, false);
    else if (is_param(t, target))
        target->params->grad_set[target->param] = true;
}

/* a second handle on the storage of x, so that each gradient can be let go by itself */
static hoop_tensor *second_handle(hoop_tape *t, const hoop_tensor *x)
{
    hoop_tensor *h = hoop__tensor_new(t, &x->v);
    if (h == NULL) return NULL;
    h->storage = x->storage;
    if (h->storage != NULL) h->storage->refs++;
    h->contiguous = x->contiguous;
    return h;
}

/* x of any strides added into (or stored to) the contiguous grad of n elements */
static void add_into(hoop_tape *t, const hoop_tensor *g, void *grad, bool set)
{
    const hoop_kernels *k = t->rt->kernels;
    const void         *x = g->v.data;
    if (g->numel == 0) return;
    if (!set) {
        hoop__view_copy(k, &g->v, grad);
        return;
    }
    if (!g->contiguous) {
        void *copy = hoop__scratch(t, g->numel * (int64_t)hoop_dtype_size((hoop_dtype)g->v.dtype));
        if (copy == NULL) {
            hoop_tape_fail(t, HOOP_ENOMEM, "backward: no memory to add a gradient of %lld elements", (long long)g->numel);
            return;
        }
        hoop__view_copy(k, &g->v, copy);
        x = copy;
    }
    k->binary[HOOP_BINARY_add][g->v.dtype](g->numel, grad, 1, x, 1, grad, false);
}

void hoop__sink_value(hoop_tape *t, hoop_tensor *target, hoop_tensor *g, bool shared)
{
    hoop_slot *slot;
    if (t->error.status != HOOP_OK || g->poison) return;
    if (!hoop__same_shape(&g->v, &target->v)) {
        t->sink = NULL;
        g       = t->ops->sum_to(t, g, target->v.ndim, target->v.shape);
        shared  = false;
        if (g->poison) return;
    }
    slot = &t->slots.v[target->id];
    if (is_param(t, target)) {
        add_into(t, g, hoop_params_grad_of(target->params, target->param), is_set(t, target));
        target->params->grad_set[target->param] = true;
    } else if (slot->grad == NULL) {
        if (shared && !t->create_graph) g = second_handle(t, g);
        t->slots.v[target->id].grad = g;
    } else if (t->create_graph || !may_add_into(slot->grad)) {
        hoop_tensor *before = slot->grad, *sum = t->ops->add(t, before, g);
        if (!t->create_graph) hoop__tensor_release(t, before);
        t->slots.v[target->id].grad = sum->poison ? NULL : sum; /* the array may have moved */
    } else {
        add_into(t, g, slot->grad->v.data, true);
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
