/* One op: check, shape rule, storage, kernel, record. Everything an op does not say itself is done here. */
#include "tape/rows.h"
#include "tape/tape.h"

#include <string.h>

static hoop_tensor *op_failed(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, int nin, const hoop_error *why)
{
    hoop__op_failed(t, op, in, NULL, nin, why);
    return &t->poison;
}

static hoop_tensor *op_fails(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, int nin, hoop_status st, const char *format,
                             ...) HOOP_PRINTF(6, 7);
static hoop_tensor *op_fails(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, int nin, hoop_status st, const char *format,
                             ...)
{
    hoop_error why;
    va_list    args;
    why.status = HOOP_OK;
    va_start(args, format);
    (void)hoop_vfail(&why, st, NULL, NULL, format, args);
    va_end(args);
    return op_failed(t, op, in, nin, &why);
}

/* the inputs as handles on this tape, contiguous where the kernel wants them so */
static bool take_inputs(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, int nin, hoop_tensor **taken)
{
    for (int i = 0; i < nin; i++) {
        if (in[i] == NULL) {
            op_fails(t, op, in, nin, HOOP_EARG, "input %d is NULL", i);
            return false;
        }
        if (in[i]->poison) {
            op_fails(t, op, in, nin, HOOP_EARG, "input %d comes from a failed op of another tape", i);
            return false;
        }
        taken[i] = hoop__acquire(t, in[i]);
        if (taken[i] == NULL) return false;
        if (taken[i]->base > 0) hoop__param_follow(t, taken[i]->base);
        if (taken[i]->released) {
            op_fails(t, op, in, nin, HOOP_ERELEASED,
                     "backward has released the storage of input %d, or its segment has ended; call hoop_retain before that", i);
            return false;
        }
        if (!taken[i]->contiguous && (op->flags & HOOP_OP_STRIDED) == 0) {
            bool passed = t->passed; /* the place is that of this op, not of the copy */
            taken[i]    = t->ops->contiguous(t, taken[i]);
            if (taken[i]->poison) return false;
            t->passed = passed;
        }
    }
    return true;
}

static hoop_tensor *call_view(hoop_tape *t, hoop_tensor *const *in, const hoop_view *v, int64_t offset)
{
    hoop_tensor *x = hoop__tensor_new(t, v);
    if (x == NULL) return NULL;
    x->storage = in[0]->storage;
    if (x->storage != NULL) x->storage->refs++;
    x->v.data = in[0]->v.data == NULL ? NULL : (char *)in[0]->v.data + offset * (int64_t)hoop_dtype_size((hoop_dtype)v->dtype);
    x->base   = in[0]->base;
    x->contiguous = hoop__view_contiguous(v);
    x->source     = in[0]->source; /* what is stale is so through a view as well */
    x->version    = in[0]->version;
    return x;
}

/* a descriptor (a user's) that cannot be called */
static bool op_is_broken(const hoop_op *op)
{
    if (op == NULL || op->name == NULL || op->min_in < 0 || op->max_in > HOOP_MAX_IN || op->shape == NULL) return true;
    if (op->nouts == NULL && (op->nout < 1 || op->nout > HOOP_MAX_OUT)) return true;
    return (op->flags & HOOP_OP_VIEW) != 0 ? op->nout != 1 || op->min_in < 1 : op->forward == NULL;
}

enum { FEW = HOOP__FEW_IN };

/* storage of the outputs (the first's may be a gradient's), and the kernel */
static bool compute(hoop_tape *t, const hoop_called *c, hoop__way way, int axis, hoop_view *views, hoop_tensor *sink,
                    bool *in_place, hoop_tensor **out)
{
    int32_t      few[FEW], *base = few;
    hoop_tensor *reuse = NULL;
    bool         add   = false;
    hoop_launch  l     = {.op      = c->op,
                          .attrs   = c->attrs,
                          .in      = c->inv,
                          .in_base = base,
                          .out     = views,
                          .nin     = c->nin,
                          .nout    = c->nout,
                          .leaf    = t->leaves.current};
    if (c->nin > FEW) l.in_base = base = hoop__arena_alloc(&t->arena, (int64_t)((size_t)c->nin * sizeof *base));
    if (base == NULL) {
        hoop_tape_fail(t, HOOP_ENOMEM, "%s: no memory for %d inputs", c->op->name, c->nin);
        return false;
    }
    for (int i = 0; i < c->nin; i++) base[i] = c->in[i]->base;
    if (sink != NULL) *in_place = hoop__sink_place(t, sink, c->op, &views[0], &add, &reuse);
    if (*in_place && hoop__is_param(t, sink) && t->leaves.n == 0) l.out_base = -1 - sink->param;
    for (int j = 0; j < c->nout; j++) {
        if (j == 0 && reuse != NULL) {
            out[j] = reuse;
            continue;
        }
        out[j] = hoop__tensor_new(t, &views[j]);
        if (out[j] == NULL || (j == 0 && *in_place)) continue;
        if (!hoop__tensor_allocate(t, out[j], c->op->name)) return false;
        views[j].data = out[j]->v.data;
    }
    if (t->error.status != HOOP_OK) return false;
    l.add = add;
    return way == HOOP__APART ? hoop__leaves_apart(t, &l, c->in, axis) : hoop__launch(t, &l);
}

hoop_tensor *hoop__op_run(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, int nin, const void *attrs, hoop_tensor **outs)
{
    hoop_tensor     *few_in[FEW], *few_out[FEW], **taken = few_in, **out = few_out, *sink = t->sink;
    const hoop_view *few_inv[FEW], **inv    = few_inv;
    hoop_view        few_views[FEW], *views = few_views;
    const int        nout = hoop__op_nouts(op, nin, attrs);
    hoop_called      c    = {op, NULL, NULL, attrs, NULL, nin, nout};
    hoop_error       why;
    hoop_shape_call  s;
    bool             in_place = false;
    int64_t          numel;
    hoop__way        way;
    int              axis;
    hoop_status      st;
    t->sink     = NULL;
    why.status  = HOOP_OK;
    why.text[0] = '\0';
    if (nin > FEW || nout > FEW) {
        taken = hoop__arena_alloc(&t->arena, (int64_t)((size_t)nin * sizeof *taken));
        inv   = hoop__arena_alloc(&t->arena, (int64_t)((size_t)nin * sizeof *inv));
        out   = hoop__arena_alloc(&t->arena, (int64_t)((size_t)nout * sizeof *out));
        views = hoop__arena_alloc(&t->arena, (int64_t)((size_t)nout * sizeof *views));
        if (taken == NULL || inv == NULL || out == NULL || views == NULL)
            return op_fails(t, op, in, 0, HOOP_ENOMEM, "no memory for %d inputs and %d outputs", nin, nout);
    }
    s = (hoop_shape_call){.in = inv, .nin = nin, .attrs = attrs, .out = views, .nout = nout, .err = &why};
    if (!take_inputs(t, op, in, nin, taken)) return &t->poison;
    for (int i = 0; i < nin; i++) inv[i] = &taken[i]->v;
    st = op->shape(&s);
    if (st != HOOP_OK) {
        if (why.status == HOOP_OK) (void)hoop_fail(&why, st, "its shape rule refuses this: %s", hoop_status_text(st));
        return op_failed(t, op, taken, nin, &why);
    }
    for (int j = 0; j < nout; j++) {
        if (hoop_shape_numel((hoop_dtype)views[j].dtype, views[j].ndim, views[j].shape, &why, &numel) != HOOP_OK)
            return op_failed(t, op, taken, nin, &why);
    }
    c.in  = taken;
    c.inv = inv;
    c.out = views;
    way   = hoop__leaves_way(t, &c, sink, &axis);
    if (way == HOOP__MIXED) return &t->poison;
    if (way == HOOP__EACH) {
        hoop__leaves_each(t, &c, sink);
        return &t->poison; /* nobody reads what went to a parameter's gradient */
    }
    if ((op->flags & HOOP_OP_VIEW) != 0) {
        out[0] = call_view(t, taken, &views[0], s.offset);
        if (out[0] == NULL) return &t->poison;
    } else {
        for (int j = 0; j < nout; j++) {
            hoop_view v = views[j];
            hoop__view_set(&views[j], (hoop_dtype)v.dtype, v.ndim, v.shape);
        }
        if (!compute(t, &c, way, axis, views, sink, &in_place, out)) return &t->poison;
    }
    for (int j = 0; j < nout; j++) out[j]->axis = (int16_t)axis;
    if (t->recording) hoop__record(t, op, taken, nin, attrs, out, nout);
    if (t->error.status != HOOP_OK) return &t->poison;
    t->passed = true;
    if (sink != NULL) hoop__sink_done(t, sink, out[0], in_place);
    for (int j = 0; outs != NULL && j < nout; j++) outs[j] = out[j];
    return out[0];
}

static HOOP_NOINLINE hoop_tensor *op_call(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, int nin, const void *attrs,
                                          hoop_tensor **outs)
{
    int nout;
    if (op_is_broken(op)) {
        hoop_tape_fail(t, HOOP_EARG,
                       "op %s: 1 to %d outputs, at most %d inputs, a shape rule and a kernel (a view: one output, an "
                       "input and no kernel) are wanted",
                       op == NULL || op->name == NULL ? "?" : op->name, HOOP_MAX_OUT, HOOP_MAX_IN);
        return &t->poison;
    }
    nout = hoop__op_nouts(op, nin, attrs);
    if (nout < 1 || nout > HOOP_MAX_OUT)
        return op_fails(t, op, in, 0, HOOP_EARG, "%d outputs; 1 to %d are possible", nout, HOOP_MAX_OUT);
    for (int j = 0; outs != NULL && j < nout; j++) outs[j] = &t->poison;
    if (t->error.status != HOOP_OK) return &t->poison;
    if (nin < op->min_in || nin > op->max_in)
        return op_fails(t, op, in, 0, HOOP_EARG, "%d inputs; it takes %d to %d", nin, op->min_in, op->max_in);
    if ((op->flags & HOOP_OP_ANY_ORDER) != 0) {
        hoop_tensor *y = hoop__op_in_order(t, op, in, nin, attrs);
        if (y != NULL) {
            if (outs != NULL) outs[0] = y;
            return y;
        }
    }
    return hoop__op_run(t, op, in, nin, attrs, outs);
}

hoop_tensor *hoop_op_call(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, int nin, const void *attrs, hoop_tensor **outs)
{
    uint64_t     mode = hoop_fp_enter();
    hoop_tensor *y    = op_call(t, op, in, nin, attrs, outs);
    hoop_fp_restore(mode);
    return y;
}
