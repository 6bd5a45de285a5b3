/*
 * Segments: parts of a forward pass whose tensors are let go of and made again (activation checkpointing; Chen and others,
 * "Training deep nets with sublinear memory cost", 2016).
 *
 * A segment is a range of nodes. At its end the storage of what they made goes back to the cache, but for what is kept. When
 * backward first comes to one of its nodes, those whose results it reads, and those these are made of, run again: into the same
 * headers, from the same inputs, with the key that stands in the node. So bits are what they were, and for a replay these are
 * kernels' calls as any others.
 */
#include "tape/tape.h"

#include <string.h>

/* ---- forward ---- */

int64_t hoop_segment_begin(hoop_tape *t)
{
    const int32_t i = t->segments.n;
    if (!t->recording || t->backward || t->in_segment || t->error.status != HOOP_OK) return -1;
    if (!HOOP_GROW(t, t->segments, i + 1)) return -1;
    t->segments.v[i] = (hoop_segment){t->nodes.n, t->nodes.n, false};
    t->segments.n    = i + 1;
    t->in_segment    = true;
    return i;
}

static bool shares(const hoop_tensor *x, hoop_tensor *const *keep, int n)
{
    for (int i = 0; i < n; i++) {
        if (keep[i] == NULL || keep[i]->poison) continue;
        if (keep[i]->storage == x->storage || (keep[i]->weight != NULL && keep[i]->weight->storage == x->storage)) return true;
    }
    return false;
}

void hoop_segment_end(hoop_tape *t, int64_t segment, hoop_tensor *const *keep, int n)
{
    if (segment == -1 || t->error.status != HOOP_OK) return;
    if (segment != t->segments.n - 1 || !t->in_segment || !t->recording || n < 0) {
        hoop_tape_fail(t, HOOP_ESTATE, "hoop_segment_end: segment %lld is not under way, or nothing is recorded any more",
                       (long long)segment);
        return;
    }
    t->in_segment               = false;
    t->segments.v[segment].last = t->nodes.n;
    for (int32_t k = t->segments.v[segment].first; k < t->nodes.n; k++) {
        const hoop_node *node = &t->nodes.v[k];
        for (int j = 0; j < node->nout; j++) {
            hoop_tensor *x = hoop__node_out(t, node, j);
            if (hoop__releasable(x) && !shares(x, keep, n)) hoop__tensor_release(t, x);
        }
    }
}

/* ---- backward ---- */

static bool is_inner(const hoop_segment *s, const hoop_tensor *x)
{
    return x->node >= s->first && x->node < s->last;
}

/* What comes into a segment from outside is read when it runs again, before any of its nodes is walked: it stays until the last
 * of them that takes it was. Where backward does not come to that one, it stays. */
bool hoop__segments_reach(hoop_tape *t)
{
    if (t->segments.n > 0 && (!HOOP_GROW(t, t->again, t->tensors.n + 1) || !HOOP_GROW(t, t->runs, t->nodes.n + 1))) return false;
    for (int32_t i = 0; i < t->segments.n; i++) {
        hoop_segment *s   = &t->segments.v[i];
        bool          any = false;
        s->again          = false;
        for (int32_t k = s->first; k < s->last; k++) any |= t->reached.v[k] != 0;
        for (int32_t k = s->first; k < s->last && any; k++) {
            const hoop_node *n = &t->nodes.v[k];
            for (int j = 0; j < n->nin; j++) {
                const hoop_tensor *x    = hoop__node_in(t, n, j);
                int32_t           *last = &t->last_reader.v[x->id];
                if (is_inner(s, x)) continue;
                if (t->reached.v[k] == 0)
                    *last = -1;
                else if (k < *last)
                    *last = k;
            }
        }
    }
    return true;
}

/* Which nodes run: what backward still reads of them here is gone, or one that runs takes it. Of each tensor the last of those.
 */
static void plan(hoop_tape *t, const hoop_segment *s)
{
    for (int32_t k = s->first; k < s->last; k++) {
        const hoop_node *n = &t->nodes.v[k];
        for (int j = 0; j < n->nout; j++) t->again.v[hoop__node_out(t, n, j)->id] = (hoop_again){-1, false};
    }
    for (int32_t k = s->last - 1; k >= s->first; k--) {
        const hoop_node *n = &t->nodes.v[k];
        t->runs.v[k]       = 0;
        for (int j = 0; j < n->nout; j++) {
            const hoop_tensor *x    = hoop__node_out(t, n, j);
            const int32_t      last = t->last_reader.v[x->id]; /* the first in the order of nodes: readers go down */
            if (x->released && (last < s->last || t->again.v[x->id].reader >= 0)) t->runs.v[k] = 1;
        }
        for (int i = 0; t->runs.v[k] != 0 && i < n->nin; i++) {
            const hoop_tensor *x = hoop__node_in(t, n, i);
            if (is_inner(s, x) && t->again.v[x->id].reader < 0) t->again.v[x->id].reader = k;
        }
    }
}

static bool inputs_are_there(hoop_tape *t, const hoop_node *n)
{
    for (int i = 0; i < n->nin; i++) {
        const hoop_tensor *x = hoop__node_in(t, n, i);
        if (x->base > 0) hoop__param_follow(t, x->base);
        if (x->released)
            hoop_tape_fail(t, HOOP_ERELEASED,
                           "%s: it is to run again, and backward has released the storage of its input %d; call hoop_retain "
                           "before it, or backward with retain_graph",
                           n->op->name, i);
        else if (x->source != NULL && x->source->version != x->version)
            hoop_tape_fail(t, HOOP_ESTALE, "%s: it is to run again, and input %d%s%s was written after it was used", n->op->name,
                           i, x->param >= 0 ? ", parameter " : "", x->param >= 0 ? hoop_params_name(x->params, x->param) : "");
    }
    return t->error.status == HOOP_OK;
}

/* rows of a leaf, or what the shape rule says */
static bool view_again(hoop_tape *t, const hoop_node *n, const hoop_launch *l)
{
    hoop_tensor    *in = hoop__node_in(t, n, 0), *out = hoop__node_out(t, n, 0);
    hoop_view       v = in->v;
    hoop_error      why;
    hoop_shape_call s = {.in = l->in, .nin = l->nin, .attrs = l->attrs, .out = &v, .nout = 1, .err = &why};
    why.status        = HOOP_OK;
    if (n->op->shape == NULL) {
        hoop__leaf_view(t, &v, in->axis, n->leaf);
    } else if (n->op->shape(&s) != HOOP_OK) {
        hoop__op_failed(t, n->op, NULL, l->in, l->nin, &why);
        return false;
    } else {
        v.data = (char *)in->v.data + s.offset * (int64_t)hoop_dtype_size((hoop_dtype)v.dtype);
    }
    if (!out->released) return true;
    out->released = false;
    out->storage  = in->storage;
    if (out->storage != NULL) out->storage->refs++;
    out->v.data = in->v.data == NULL ? NULL : v.data;
    return true;
}

/* what was made again and nobody reads any more */
static void release_unread(hoop_tape *t, const hoop_segment *s, int32_t k)
{
    const hoop_node *n = &t->nodes.v[k];
    for (int i = 0; i < n->nin + n->nout; i++) { /* inputs, then outputs */
        hoop_tensor  *x      = hoop__node_in(t, n, i);
        const int32_t reader = t->again.v[x->id].reader;
        if (!is_inner(s, x) || !t->again.v[x->id].restored || t->last_reader.v[x->id] != INT32_MAX) continue;
        if ((i < n->nin ? reader == k : reader < 0) && hoop__releasable(x)) hoop__tensor_release(t, x);
    }
}

static bool run_again(hoop_tape *t, int32_t k)
{
    const hoop_node  n = t->nodes.v[k];
    const hoop_view *few_in[HOOP__FEW_IN], **in    = few_in;
    int32_t          few_base[HOOP__FEW_IN], *base = few_base;
    hoop_view        few_out[HOOP__FEW_IN], *out   = few_out;
    hoop_tensor     *few_x[HOOP__FEW_IN], **x      = few_x;
    hoop_launch      l = {
             .op = n.op, .attrs = n.attrs < 0 ? NULL : t->attrs.v + n.attrs, .nin = n.nin, .nout = n.nout, .leaf = n.leaf};
    if (n.nin > HOOP__FEW_IN || n.nout > HOOP__FEW_IN) {
        in   = hoop__arena_alloc(&t->arena, (int64_t)((size_t)n.nin * sizeof *in));
        base = hoop__arena_alloc(&t->arena, (int64_t)((size_t)n.nin * sizeof *base));
        out  = hoop__arena_alloc(&t->arena, (int64_t)((size_t)n.nout * sizeof *out));
        x    = hoop__arena_alloc(&t->arena, (int64_t)((size_t)n.nin * sizeof *x));
        if (in == NULL || base == NULL || out == NULL || x == NULL) {
            hoop_tape_fail(t, HOOP_ENOMEM, "%s: no memory for %d inputs and %d outputs", n.op->name, n.nin, n.nout);
            return false;
        }
    }
    if (!inputs_are_there(t, &n)) return false;
    for (int i = 0; i < n.nin; i++) {
        x[i]    = hoop__node_in(t, &n, i);
        in[i]   = &x[i]->v;
        base[i] = x[i]->base;
    }
    l.in      = in;
    l.in_base = base;
    l.out     = out;
    for (int j = 0; j < n.nout; j++) t->again.v[hoop__node_out(t, &n, j)->id].restored = hoop__node_out(t, &n, j)->released;
    if ((n.op->flags & HOOP_OP_VIEW) != 0) return view_again(t, &n, &l);
    for (int j = 0; j < n.nout; j++) {
        hoop_tensor *y = hoop__node_out(t, &n, j);
        if (y->released) {
            y->released = false;
            if (!hoop__tensor_allocate(t, y, n.op->name)) return false;
        }
        out[j] = y->v;
    }
    if ((n.op->flags & HOOP_OP_RANDOM) != 0 && t->leaves.n > 1 && n.leaf < 0 && hoop__node_out(t, &n, 0)->axis >= 0)
        return hoop__leaves_apart(t, &l, x, hoop__node_out(t, &n, 0)->axis);
    return hoop__launch(t, &l);
}

void hoop__segment_again(hoop_tape *t, int32_t k)
{
    hoop_segment *s = NULL;
    for (int32_t i = t->segments.n - 1; i >= 0 && s == NULL; i--)
        if (k >= t->segments.v[i].first) s = &t->segments.v[i];
    if (s == NULL || k >= s->last || s->again) return;
    s->again = true;
    plan(t, s);
    for (int32_t i = s->first; i < s->last && t->error.status == HOOP_OK; i++)
        if (t->runs.v[i] != 0 && run_again(t, i)) release_unread(t, s, i);
}
