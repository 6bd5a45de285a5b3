/* One op: check, shape rule, storage, kernel, record. Everything an op does not say itself is done here. */
#include "runtime/profile.h"
#include "tape/tape.h"

#include <stdio.h>
#include <string.h>

/* "matmul: " + text + " of f32 (2, 3), f32 (4, 5)" becomes the sticky error */
static hoop_tensor *op_failed(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, int nin, const hoop_error *why)
{
    char   text[512], shape[160];
    size_t at = 0;
    text[0]   = '\0';
    for (int i = 0; i < nin && at + sizeof shape < sizeof text; i++) {
        int n =
            snprintf(text + at, sizeof text - at, "%s%s", i == 0 ? "" : ", ", hoop_tensor_describe(in[i], shape, sizeof shape));
        at += n > 0 ? (size_t)n : 0;
    }
    hoop_tape_fail(t, why->status, "%s: %s; inputs %s", op->name, why->text, text);
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
        if (taken[i]->released) {
            op_fails(t, op, in, nin, HOOP_ERELEASED, "backward has released the storage of input %d; call hoop_retain before it",
                     i);
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

static void record(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, int nin, const void *attrs, hoop_tensor *const *out)
{
    bool          needs = false, leads = false;
    hoop_node    *node;
    hoop_tensor **ptrs;
    void         *kept = NULL;
    for (int i = 0; i < nin; i++) {
        needs |= in[i]->needs_grad;
        leads |= in[i]->leads;
    }
    if (!HOOP_GROW(t, t->nodes, t->nodes.n + 1)) return;
    ptrs = hoop__arena_alloc(&t->arena, (int64_t)((size_t)(nin + op->nout) * sizeof *ptrs));
    if (op->attrs_size > 0 && attrs != NULL) kept = hoop__arena_alloc(&t->arena, (int64_t)op->attrs_size);
    if (ptrs == NULL || (op->attrs_size > 0 && attrs != NULL && kept == NULL)) {
        hoop_tape_fail(t, HOOP_ENOMEM, "%s: no memory for a node", op->name);
        return;
    }
    memcpy(ptrs, in, (size_t)nin * sizeof *ptrs);
    memcpy(ptrs + nin, out, (size_t)op->nout * sizeof *ptrs);
    if (kept != NULL) memcpy(kept, attrs, op->attrs_size);
    node  = &t->nodes.v[t->nodes.n];
    *node = (hoop_node){op, ptrs, ptrs + nin, kept, nin};
    for (int j = 0; j < op->nout; j++) {
        out[j]->node       = t->nodes.n;
        out[j]->needs_grad = needs && (op->flags & HOOP_OP_NO_GRAD) == 0 && hoop_dtype_is_float((hoop_dtype)out[j]->v.dtype);
        out[j]->leads      = leads && out[j]->needs_grad;
    }
    t->nodes.n++;
}

static hoop_tensor *call_view(hoop_tape *t, hoop_tensor *const *in, const hoop_view *v, int64_t offset)
{
    hoop_tensor *x = hoop__tensor_new(t, v);
    if (x == NULL) return NULL;
    x->storage = in[0]->storage;
    if (x->storage != NULL) x->storage->refs++;
    x->v.data = in[0]->v.data == NULL ? NULL : (char *)in[0]->v.data + offset * (int64_t)hoop_dtype_size((hoop_dtype)v->dtype);
    x->contiguous = hoop__view_contiguous(v);
    x->source     = in[0]->source; /* what is stale is so through a view as well */
    x->version    = in[0]->version;
    return x;
}

static bool run_kernel(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, const hoop_view *const *inv, int nin,
                       const void *attrs, const hoop_view *views, bool add)
{
    hoop_error  why;
    hoop_call   c = {.op      = op,
                     .in      = inv,
                     .nin     = nin,
                     .out     = views,
                     .nout    = op->nout,
                     .attrs   = attrs,
                     .add     = add,
                     .blas    = t->rt->blas,
                     .kernels = t->rt->kernels,
                     .threads = t->rt->threads,
                     .err     = &why};
    hoop_status st;
    int64_t     bytes;
    why.status  = HOOP_OK; /* not an initialiser: that would clear the text, a kilobyte, at every call */
    why.text[0] = '\0';
    bytes       = op->workspace == NULL ? 0 : op->workspace(&c);
    if (bytes > 0) c.work = hoop__scratch(t, bytes);
    if (bytes > 0 && c.work == NULL) {
        op_fails(t, op, in, nin, HOOP_ENOMEM, "no memory for %lld bytes of workspace", (long long)bytes);
        return false;
    }
    if (t->rt->profile != NULL)
        hoop__profile_begin(t->rt->profile, op, t->backward ? HOOP_PHASE_BACKWARD : HOOP_PHASE_FORWARD, &c);
    st = op->forward(&c);
    if (t->rt->profile != NULL) hoop__profile_end(t->rt->profile);
    if (st == HOOP_OK) return true;
    if (why.status == HOOP_OK) (void)hoop_fail(&why, st, "%s", hoop_status_text(st));
    op_failed(t, op, in, nin, &why);
    return false;
}

/* a descriptor (a user's) that cannot be called */
static bool op_is_broken(const hoop_op *op)
{
    if (op == NULL || op->name == NULL || op->nout < 1 || op->nout > HOOP_MAX_OUT || op->min_in < 0 || op->max_in > HOOP_MAX_IN ||
        op->shape == NULL)
        return true;
    return (op->flags & HOOP_OP_VIEW) != 0 ? op->nout != 1 || op->min_in < 1 : op->forward == NULL;
}

enum { FEW = 8 /* inputs, outputs: more are kept on the tape */ };

static hoop_tensor *op_run(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, int nin, const void *attrs,
                           hoop_tensor **outs)
{
    hoop_tensor     *few_in[FEW], *few_out[FEW], **taken = few_in, **out = few_out, *sink = t->sink, *reuse = NULL;
    const hoop_view *few_inv[FEW], **inv    = few_inv;
    hoop_view        few_views[FEW], *views = few_views;
    hoop_error       why;
    hoop_shape_call  s;
    bool             add = false, in_place = false;
    int64_t          numel;
    hoop_status      st;
    t->sink     = NULL;
    why.status  = HOOP_OK;
    why.text[0] = '\0';
    if (nin > FEW || op->nout > FEW) {
        taken = hoop__arena_alloc(&t->arena, (int64_t)((size_t)nin * sizeof *taken));
        inv   = hoop__arena_alloc(&t->arena, (int64_t)((size_t)nin * sizeof *inv));
        out   = hoop__arena_alloc(&t->arena, (int64_t)((size_t)op->nout * sizeof *out));
        views = hoop__arena_alloc(&t->arena, (int64_t)((size_t)op->nout * sizeof *views));
        if (taken == NULL || inv == NULL || out == NULL || views == NULL)
            return op_fails(t, op, in, 0, HOOP_ENOMEM, "no memory for %d inputs and %d outputs", nin, op->nout);
    }
    s = (hoop_shape_call){.in = inv, .nin = nin, .attrs = attrs, .out = views, .nout = op->nout, .err = &why};
    if (!take_inputs(t, op, in, nin, taken)) return &t->poison;
    for (int i = 0; i < nin; i++) inv[i] = &taken[i]->v;
    st = op->shape(&s);
    if (st != HOOP_OK) {
        if (why.status == HOOP_OK) (void)hoop_fail(&why, st, "its shape rule refuses this: %s", hoop_status_text(st));
        return op_failed(t, op, taken, nin, &why);
    }
    for (int j = 0; j < op->nout; j++) {
        if (hoop_shape_numel((hoop_dtype)views[j].dtype, views[j].ndim, views[j].shape, &why, &numel) != HOOP_OK)
            return op_failed(t, op, taken, nin, &why);
    }
    if ((op->flags & HOOP_OP_VIEW) != 0) {
        out[0] = call_view(t, taken, &views[0], s.offset);
        if (out[0] == NULL) return &t->poison;
    } else {
        for (int j = 0; j < op->nout; j++) {
            hoop_view v = views[j];
            hoop__view_set(&views[j], (hoop_dtype)v.dtype, v.ndim, v.shape);
        }
        if (sink != NULL) in_place = hoop__sink_place(t, sink, op, &views[0], &add, &reuse);
        for (int j = 0; j < op->nout; j++) {
            if (j == 0 && reuse != NULL) {
                out[j] = reuse;
                continue;
            }
            out[j] = hoop__tensor_new(t, &views[j]);
            if (out[j] == NULL || (j == 0 && in_place)) continue;
            if (!hoop__tensor_allocate(t, out[j], op->name)) return &t->poison;
            views[j].data = out[j]->v.data;
        }
        if (t->error.status != HOOP_OK) return &t->poison;
        if (!run_kernel(t, op, taken, inv, nin, attrs, views, add)) return &t->poison;
    }
    if (t->recording) record(t, op, taken, nin, attrs, out);
    if (t->error.status != HOOP_OK) return &t->poison;
    t->passed = true;
    if (sink != NULL) hoop__sink_done(t, sink, out[0], in_place);
    for (int j = 0; outs != NULL && j < op->nout; j++) outs[j] = out[j];
    return out[0];
}

static HOOP_NOINLINE hoop_tensor *op_call(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, int nin, const void *attrs,
                                          hoop_tensor **outs)
{
    if (op_is_broken(op)) {
        hoop_tape_fail(t, HOOP_EARG,
                       "op %s: 1 to %d outputs, at most %d inputs, a shape rule and a kernel (a view: one output, an "
                       "input and no kernel) are wanted",
                       op == NULL || op->name == NULL ? "?" : op->name, HOOP_MAX_OUT, HOOP_MAX_IN);
        return &t->poison;
    }
    for (int j = 0; outs != NULL && j < op->nout; j++) outs[j] = &t->poison;
    if (t->error.status != HOOP_OK) return &t->poison;
    if (nin < op->min_in || nin > op->max_in)
        return op_fails(t, op, in, 0, HOOP_EARG, "%d inputs; it takes %d to %d", nin, op->min_in, op->max_in);
    return op_run(t, op, in, nin, attrs, outs);
}

hoop_tensor *hoop_op_call(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, int nin, const void *attrs, hoop_tensor **outs)
{
    uint64_t     mode = hoop_fp_enter();
    hoop_tensor *y    = op_call(t, op, in, nin, attrs, outs);
    hoop_fp_restore(mode);
    return y;
}
