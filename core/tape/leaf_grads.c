/*
 * Gradients of parameters in leaves that run at once: kept leaf by leaf until all uses are added, and then handed to opts->sum.
 * One that a single op makes row by row of its first input (dY^T X is) waits until the node that calls it is done, and is then
 * made in pieces (leaf_sums.c).
 */
#include "tape/tape.h"

#include <string.h>

void hoop__leaf_grads_drop(hoop_tape *t)
{
    for (int32_t i = 0; i < t->leaf_grads.n; i++)
        if (t->leaf_grads.v[i].storage != NULL) hoop__storage_put(&t->cache, t->leaf_grads.v[i].storage);
    t->leaf_grads.n = 0;
}

bool hoop__leaf_grads_begin(hoop_tape *t)
{
    const int nparams = t->params == NULL ? 0 : t->params->count;
    if (t->leaves.n == 0) return true;
    hoop__leaf_grads_drop(t);
    if (!HOOP_GROW(t, t->leaf_grads, nparams + 1)) return false;
    memset(t->leaf_grads.v, 0, (size_t)(nparams + 1) * sizeof *t->leaf_grads.v);
    t->leaf_grads.n = nparams;
    return true;
}

/* zeros behind a parameter's last element, in a term or in its last piece */
static void pad(hoop_tape *t, int param, char *term)
{
    const hoop_tensor *x = t->params->param[param].tensor;
    const int64_t      n = t->params->param[param].nblocks * HOOP_BLOCK - x->numel;
    hoop_view          tail;
    if (n == 0) return;
    hoop__view_set(&tail, t->params->dtype, 1, &n);
    tail.data = term + x->numel * (int64_t)hoop_dtype_size(t->params->dtype);
    hoop__tape_fill(t, &tail, 0, 0.0);
}

static bool terms_take(hoop_tape *t, int param)
{
    hoop_leaf_grads *g    = &t->leaf_grads.v[param];
    const int64_t    each = hoop__term_bytes(t, param);
    if (g->storage != NULL) return true;
    g->storage = hoop__storage_get(&t->cache, t->leaves.n * each + 1);
    g->set     = hoop__arena_alloc(&t->arena, t->leaves.n);
    if (g->storage == NULL || g->set == NULL) {
        char memory[HOOP__MEMORY_TEXT];
        hoop_tape_fail(t, HOOP_ENOMEM, "backward: no memory for %d gradients of parameter %s, %lld bytes each%s", t->leaves.n,
                       hoop_params_name(t->params, param), (long long)each, hoop__memory_text(t, memory));
        return false;
    }
    memset(g->set, 0, (size_t)t->leaves.n);
    for (int i = 0; i < t->leaves.n; i++) pad(t, param, (char *)g->storage->data + i * each);
    return true;
}

static void pending_store(hoop_tape *t, int param);

void *hoop__leaf_grad(hoop_tape *t, int param, uint8_t **set)
{
    hoop_leaf_grads *g    = &t->leaf_grads.v[param];
    const int        leaf = t->leaves.current;
    if (leaf < 0 || g->summed) {
        hoop_tape_fail(t, HOOP_ESTATE, "backward: a gradient of parameter %s that is no leaf's",
                       hoop_params_name(t->params, param));
        return NULL;
    }
    if (g->pending != NULL) pending_store(t, param);
    if (!terms_take(t, param)) return NULL;
    *set = &g->set[leaf];
    return (char *)g->storage->data + leaf * hoop__term_bytes(t, param);
}

/* ---- leaf by leaf, or in pieces ---- */

/* are all leaves' slices of the inputs as the kernel wants them; those of the last in v */
static bool slices(const hoop_tape *t, const hoop_called *c, hoop_view *v, const hoop_view **at)
{
    int16_t axis[HOOP__FEW_IN];
    for (int i = 0; i < c->nin; i++) axis[i] = c->in[i]->axis;
    for (int leaf = 0; leaf < t->leaves.n; leaf++) {
        hoop__leaf_views(t, c->nin, c->inv, axis, leaf, v, at);
        for (int i = 0; i < c->nin && (c->op->flags & HOOP_OP_STRIDED) == 0; i++)
            if (!hoop__view_contiguous(&v[i])) return false;
    }
    return true;
}

/* Does the op make rows of its output of rows of its first input? */
static bool by_rows(const hoop_tape *t, const hoop_called *c, const hoop_view *const *at, const hoop_view *out)
{
    hoop_called one = *c;
    int         axis[HOOP__FEW_IN];
    if (c->in[0]->axis == 0 || at[0]->ndim < 1 || at[0]->shape[0] != out->shape[0] || (c->op->flags & HOOP_OP_STRIDED) == 0)
        return false;
    for (int i = 0; i < c->nin; i++) axis[i] = i == 0 ? 0 : -1;
    one.inv = at;
    one.out = out;
    return hoop__called_axis(t, &one, axis, out->shape[0]) == 0;
}

enum { IN_ONE_PIECE = 16384 /* elements of all leaves that one thread makes as soon as several would */ };

/* May the op make the parameter's gradient in pieces, and is it all there is of it? *whole: in one, as it is small. */
static bool in_pieces(hoop_tape *t, const hoop_called *c, const hoop_tensor *target, bool *whole)
{
    const hoop_leaf_grads *g = &t->leaf_grads.v[target->param];
    hoop_view              v[HOOP__FEW_IN], out;
    const hoop_view       *at[HOOP__FEW_IN];
    bool                   rows;
    hoop_error             why;
    hoop_shape_call        s = {.in = at, .nin = c->nin, .attrs = c->attrs, .out = &out, .nout = 1, .err = &why};
    if (t->uses.v[target->param] != 1 || t->composites > 0 || g->pending != NULL || g->storage != NULL || g->summed) return false;
    if (c->nin < 1 || c->nin > HOOP__FEW_IN || c->nout != 1 || target->v.ndim < 1 || target->numel == 0) return false;
    if ((c->op->flags & (HOOP_OP_VIEW | HOOP_OP_RANDOM)) != 0 || c->out->dtype != target->v.dtype) return false;
    why.status = HOOP_OK;
    if (!slices(t, c, v, at)) return false;
    if (c->op->shape(&s) != HOOP_OK || !hoop__same_shape(&out, &target->v)) return false;
    rows   = by_rows(t, c, at, &out);
    *whole = !rows && target->numel * t->leaves.n <= IN_ONE_PIECE;
    return rows || *whole;
}

static bool pending_keep(hoop_tape *t, const hoop_called *c, hoop_tensor *target, bool whole)
{
    hoop_pending *p = hoop__arena_alloc(&t->arena, (int64_t)sizeof *p + (int64_t)c->op->attrs_size);
    if (p == NULL) {
        hoop_tape_fail(t, HOOP_ENOMEM, "%s: no memory for its gradient", c->op->name);
        return false;
    }
    p->op     = c->op;
    p->nin    = c->nin;
    p->target = target;
    p->whole  = whole;
    p->attrs  = c->attrs == NULL ? NULL : p + 1;
    if (p->attrs != NULL) memcpy(p + 1, c->attrs, c->op->attrs_size);
    for (int i = 0; i < c->nin; i++) p->in[i] = c->in[i];
    t->leaf_grads.v[target->param].pending = p;
    return true;
}

static void each(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, int nin, const void *attrs, hoop_tensor *target)
{
    const int    current = t->leaves.current;
    hoop_tensor *few[HOOP__FEW_IN], **slice = few;
    if (nin > HOOP__FEW_IN) slice = hoop__arena_alloc(&t->arena, (int64_t)((size_t)nin * sizeof(hoop_tensor *)));
    if (slice == NULL) hoop_tape_fail(t, HOOP_ENOMEM, "%s: no memory for slices of %d inputs", op->name, nin);
    for (int leaf = 0; leaf < t->leaves.n && t->error.status == HOOP_OK && slice != NULL; leaf++) {
        for (int i = 0; i < nin; i++) {
            slice[i] = hoop__leaf_slice(t, in[i], leaf);
            if (slice[i] == NULL) return;
        }
        t->leaves.current = leaf;
        t->sink           = target;
        (void)hoop__op_run(t, op, slice, nin, attrs, NULL);
    }
    t->leaves.current = current;
}

void hoop__leaves_each(hoop_tape *t, const hoop_called *c, hoop_tensor *target)
{
    bool whole;
    if (in_pieces(t, c, target, &whole))
        (void)pending_keep(t, c, target, whole);
    else
        each(t, c->op, c->in, c->nin, c->attrs, target);
}

/* another contribution comes: what was to be made in pieces is made whole */
static void pending_store(hoop_tape *t, int param)
{
    hoop_leaf_grads    *g    = &t->leaf_grads.v[param];
    const hoop_pending *p    = g->pending;
    hoop_tensor        *sink = t->sink;
    g->pending               = NULL;
    each(t, p->op, p->in, p->nin, p->attrs, p->target);
    t->sink = sink;
}

void hoop__leaf_grads_flush(hoop_tape *t, int param)
{
    hoop_leaf_grads    *g = &t->leaf_grads.v[param];
    const hoop_pending *p = g->pending;
    const hoop_view    *in[HOOP__FEW_IN];
    int32_t             base[HOOP__FEW_IN];
    hoop_launch         l      = {.in = in, .in_base = base, .nout = 1, .leaf = -1};
    hoop_pieces         pieces = {.param = param};
    hoop_error          why;
    if (p == NULL) return;
    g->pending = NULL;
    for (int i = 0; i < p->nin; i++) {
        in[i]          = &p->in[i]->v;
        base[i]        = p->in[i]->base;
        pieces.axis[i] = p->in[i]->axis;
    }
    l.op         = p->op;
    l.attrs      = p->attrs;
    l.nin        = p->nin;
    l.out        = &p->target->v;
    l.out_base   = p->target->base;
    pieces.whole = p->whole;
    hoop__pieces_plan(t, &l, &pieces);
    hoop__keep_pieces(t, &l, &pieces);
    why.status = HOOP_OK;
    if (hoop__sum_pieces(t, &l, &pieces, &why) != HOOP_OK) hoop__op_failed(t, p->op, p->in, NULL, p->nin, &why);
    g->summed = true;
}

void hoop__leaf_grads_sum(hoop_tape *t, int param)
{
    hoop_leaf_grads *g    = &t->leaf_grads.v[param];
    const int64_t    each = hoop__term_bytes(t, param);
    if (g->pending != NULL) hoop__leaf_grads_flush(t, param);
    if (g->summed || !terms_take(t, param)) return;
    for (int i = 0; i < t->leaves.n; i++) {
        hoop_view v = t->params->param[param].tensor->v;
        v.data      = (char *)g->storage->data + i * each;
        if (g->set[i] == 0) hoop__tape_fill(t, &v, 0, 0.0);
    }
    hoop__keep_terms(t, param, g->storage->data);
    hoop__sum_terms(t, param, g->storage->data);
    hoop__storage_put(&t->cache, g->storage);
    g->storage = NULL;
    g->summed  = true;
}
