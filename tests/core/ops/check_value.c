/* Completeness, values, canaries, declared errors, determinism. */
#include "op_check.h"

#include "kernels/kernels.h"
#include "tape/tape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t field_size(const hoop_op *op, const hoop_field *f)
{
    switch (f->type) {
    case 'i':
        return sizeof(int64_t);
    case 'f':
        return sizeof(double);
    case 'b':
        return sizeof(bool);
    case 'n':
        return sizeof(int);
    case 'O':
        return sizeof(int64_t) * HOOP_MAX_OUT;
    case 'I':
        return sizeof(int64_t) * HOOP_MAX_DIMS;
    default:
        fail_msg("%s: field %s has the unknown type '%c'", op->name, f->name, f->type);
        return 0;
    }
}

/* A field table that leaves out or overlaps bytes would export and print the op wrongly. Padding cannot be told from a field that
 * was forgotten: attributes have none. */
static void check_fields(const hoop_op *op)
{
    unsigned char *covered = test_memory((int64_t)op->attrs_size + 1);
    memset(covered, 0, op->attrs_size);
    for (int i = 0; i < op->nfields; i++) {
        size_t n = field_size(op, &op->fields[i]), at = op->fields[i].offset;
        if (at + n > op->attrs_size) fail_msg("%s: field %s ends after the attributes", op->name, op->fields[i].name);
        for (size_t b = at; b < at + n; b++) {
            if (covered[b]++ != 0) fail_msg("%s: field %s overlaps another", op->name, op->fields[i].name);
        }
    }
    for (size_t b = 0; b < op->attrs_size; b++) {
        if (covered[b] == 0) fail_msg("%s: byte %zu of the attributes is in no field", op->name, b);
    }
}

void check_complete(void **state)
{
    const hoop_op *op    = *state;
    bool           works = false;
    assert_non_null(op->name);
    if (hoop_op_find(op->name) == NULL) fail_msg("%s: hoop_op_find does not find it", op->name);
    if (op->ncases < 1) fail_msg("%s has no case", op->name);
    if (op->reference == NULL) fail_msg("%s has no reference", op->name);
    if (op->shape == NULL) fail_msg("%s has no shape rule", op->name);
    if (op->forward == NULL && (op->flags & HOOP_OP_VIEW) == 0) fail_msg("%s has no kernel and is no view", op->name);
    if (op->backward == NULL && op->composite == NULL && (op->flags & (HOOP_OP_NO_GRAD | HOOP_OP_NO_DERIV)) == 0) {
        fail_msg("%s has neither backward nor composite, and says neither HOOP_OP_NO_GRAD nor HOOP_OP_NO_DERIV", op->name);
    }
    if (op->min_in < 0 || op->min_in > op->max_in || op->max_in > HOOP_MAX_IN ||
        (op->nouts == NULL ? op->nout < 1 || op->nout > HOOP_MAX_OUT : op->nout != 0)) {
        fail_msg("%s: %d to %d inputs, %d outputs", op->name, op->min_in, op->max_in, op->nout);
    }
    for (int i = 0; i < op->ncases; i++) {
        works |= op->cases[i].expect == HOOP_OK;
        if (op->attrs_size > 0 && op->cases[i].attrs == NULL) fail_msg("%s, case %d: attributes are wanted", op->name, i);
    }
    if (!works) fail_msg("%s: no case works", op->name);
    check_fields(op);
}

/* call the op of a trial on a tape; its tensors in in[], its outputs in outs[] */
static void call(const trial *tr, hoop_tape *t, hoop_dtype dtype, hoop_tensor **in, hoop_tensor **outs)
{
    for (int i = 0; i < tr->nin; i++) in[i] = trial_tensor(tr, t, i, dtype);
    (void)hoop_op_call(t, tr->op, in, tr->nin, tr->c->attrs, outs);
    on_tape(tr, t, "the call");
}

static void value_on(hoop_runtime *rt, const trial *tr, hoop_dtype dtype)
{
    hoop_tape   *t = test_tape(rt);
    hoop_tensor *in[HOOP_MAX_IN], *outs[HOOP_MAX_OUT];
    char         what[64];
    call(tr, t, dtype, in, outs);
    for (int j = 0; j < tr->nout; j++) {
        (void)snprintf(what, sizeof what, "output %d (%s, %s)", j, hoop_dtype_name(dtype), hoop_runtime_kernels(rt)->isa);
        if (hoop_tensor_numel(outs[j]) != tr->out_numel[j] || hoop_tensor_ndim(outs[j]) != tr->out[j].ndim) {
            fail_msg("%s of %s has another shape than with f64", what, tr->where);
        }
        same_within(tr, what, tr->out_numel[j], as_doubles(tr, outs[j]), reference_doubles(tr, j),
                    hoop_dtype_is_float(hoop_tensor_dtype(outs[j])) ? trial_tolerance(tr, dtype, 0.0) : 0.0);
    }
    for (int i = 0; i < tr->nin; i++) { /* ops are pure */
        double *now = as_doubles(tr, in[i]);
        for (int64_t k = 0; k < tr->in[i].numel; k++) {
            double was = tr->in[i].is_float ? ((double *)tr->in[i].v.data)[k] : (double)((int64_t *)tr->in[i].v.data)[k];
            if (now[k] != was) fail_msg("%s: the kernel wrote to input %d", tr->where, i);
        }
    }
}

void check_value(void **state)
{
    const hoop_op *op = *state;
    for (int i = 0; i < op->ncases; i++) {
        trial tr;
        if (op->cases[i].expect != HOOP_OK) continue;
        trial_make(&tr, op, i);
        for (int r = 0; r < test_rt.nisa; r++) {
            value_on(test_rt.isa[r], &tr, HOOP_F64);
            value_on(test_rt.isa[r], &tr, HOOP_F32);
        }
        value_on(test_rt.two_threads, &tr, HOOP_F32);
    }
}

/* ---- kernels called by hand on guarded memory ---- */

enum { GUARD = 64, CANARY = 0xA5 };

typedef struct guarded {
    unsigned char *block;
    int64_t        bytes;
} guarded;

static guarded guarded_new(int64_t bytes, int fill)
{
    guarded g = {test_memory(bytes + 2 * GUARD), bytes};
    memset(g.block, CANARY, (size_t)bytes + 2 * GUARD);
    memset(g.block + GUARD, fill, (size_t)bytes);
    return g;
}

static void guarded_check(const trial *tr, const guarded *g, const char *what)
{
    for (int i = 0; i < GUARD; i++) {
        if (g->block[i] != CANARY) fail_msg("%s: the kernel wrote %d bytes before %s", tr->where, GUARD - i, what);
        if (g->block[GUARD + g->bytes + i] != CANARY) fail_msg("%s: the kernel wrote %d bytes after %s", tr->where, i + 1, what);
    }
}

static double element(const hoop_view *v, const void *data, int64_t i)
{
    switch ((hoop_dtype)v->dtype) {
    case HOOP_F32:
        return (double)((const float *)data)[i];
    case HOOP_I64:
        return (double)((const int64_t *)data)[i];
    case HOOP_I32:
        return (double)((const int32_t *)data)[i];
    case HOOP_U8:
        return (double)((const uint8_t *)data)[i];
    default:
        return ((const double *)data)[i];
    }
}

static void guards_of(const hoop_runtime *rt, const trial *tr, hoop_dtype dtype, bool add)
{
    hoop_view        in[HOOP_MAX_IN], out[HOOP_MAX_OUT];
    const hoop_view *views[HOOP_MAX_IN];
    guarded          block[HOOP_MAX_OUT], work = {NULL, 0};
    hoop_tape_key    key = {0};
    hoop_error       err = {.status = HOOP_OK};
    hoop_shape_call  s   = {.in = views, .nin = tr->nin, .attrs = tr->c->attrs, .out = out, .nout = tr->nout, .err = &err};
    hoop_call        c   = {.op      = tr->op,
                            .in      = views,
                            .nin     = tr->nin,
                            .out     = out,
                            .nout    = tr->nout,
                            .attrs   = tr->c->attrs,
                            .add     = add,
                            .kernels = hoop_runtime_kernels(rt),
                            .key     = &key,
                            .err     = &err};
    for (int i = 0; i < tr->nin; i++) {
        in[i]       = tr->in[i].v;
        views[i]    = &in[i];
        in[i].dtype = (int32_t)trial_dtype(tr, i, dtype);
        in[i].data  = trial_numbers(tr->in[i].v.data, tr->in[i].numel, (hoop_dtype)in[i].dtype);
    }
    assert_int_equal(tr->op->shape(&s), HOOP_OK);
    if (add && !hoop_dtype_is_float((hoop_dtype)out[0].dtype)) return; /* only gradients are added up */
    for (int j = 0; j < tr->nout; j++) {
        hoop_view v = out[j];
        hoop__view_set(&out[j], (hoop_dtype)v.dtype, v.ndim, v.shape);
        block[j] = guarded_new(tr->out_numel[j] * (int64_t)hoop_dtype_size((hoop_dtype)v.dtype), 0xFF); /* NaN: must not show */
        out[j].data = block[j].block + GUARD;
    }
    for (int64_t k = 0; k < tr->out_numel[0] && add; k++) {
        if (out[0].dtype == HOOP_F32)
            ((float *)out[0].data)[k] = (float)(k % 7);
        else
            ((double *)out[0].data)[k] = (double)(k % 7);
    }
    if (tr->op->workspace != NULL && tr->op->workspace(&c) > 0) {
        work   = guarded_new(tr->op->workspace(&c), 0xFF);
        c.work = work.block + GUARD;
    }
    if (tr->op->forward(&c) != HOOP_OK) fail_msg("%s: %s", tr->where, err.text);
    if (work.block != NULL) guarded_check(tr, &work, "its workspace");
    for (int j = 0; j < tr->nout; j++) {
        double *got = test_memory(tr->out_numel[j] * 8);
        char    what[64];
        (void)snprintf(what, sizeof what, "output %d%s", j, add ? " added to what was there" : "");
        guarded_check(tr, &block[j], what);
        for (int64_t k = 0; k < tr->out_numel[j]; k++)
            got[k] = element(&out[j], out[j].data, k) - (add && j == 0 ? (double)(k % 7) : 0.0);
        same_within(tr, what, tr->out_numel[j], got, reference_doubles(tr, j),
                    hoop_dtype_is_float((hoop_dtype)out[j].dtype) ? trial_tolerance(tr, dtype, 8.0) : 0.0);
    }
}

void check_guards(void **state)
{
    const hoop_op *op = *state;
    if ((op->flags & HOOP_OP_VIEW) != 0) return; /* no kernel */
    for (int i = 0; i < op->ncases; i++) {
        trial tr;
        if (op->cases[i].expect != HOOP_OK) continue;
        trial_make(&tr, op, i);
        for (int r = 0; r < test_rt.nisa; r++) {
            guards_of(test_rt.isa[r], &tr, HOOP_F64, false);
            guards_of(test_rt.isa[r], &tr, HOOP_F32, false);
            if ((op->flags & HOOP_OP_ACCUMULATES) == 0) continue;
            guards_of(test_rt.isa[r], &tr, HOOP_F64, true);
            guards_of(test_rt.isa[r], &tr, HOOP_F32, true);
        }
    }
}

/* ---- declared errors ---- */

static void fails_with(const char *where, const hoop_op *op, hoop_tape *t, hoop_tensor *y, hoop_status want, const char *sizes)
{
    const hoop_error *e = hoop_tape_error(t);
    char              head[96];
    hoop_error        err = {.status = HOOP_OK};
    (void)snprintf(head, sizeof head, "%s: ", op->name);
    if (e->status != want)
        fail_msg("%s: %s (%s); it should fail with %s", where, hoop_status_name(e->status), e->text, hoop_status_name(want));
    if (!hoop_tensor_is_poison(y)) fail_msg("%s: the failed call gave no poison", where);
    if (strncmp(e->text, head, strlen(head)) != 0)
        fail_msg("%s: the error does not begin with the op's name: %s", where, e->text);
    if (strchr(e->text, '\n') != NULL) fail_msg("%s: the error has more than one line: %s", where, e->text);
    if (sizes != NULL && strstr(e->text, sizes) == NULL) fail_msg("%s: the error does not name %s: %s", where, sizes, e->text);
    if (hoop_tape_reset(t, NULL, &err) != want || strncmp(err.text, head, strlen(head)) != 0)
        fail_msg("%s: reset does not return the error", where);
    assert_int_equal(hoop_tape_error(t)->status, HOOP_OK);
}

void check_errors(void **state)
{
    const hoop_op *op                  = *state;
    hoop_tape     *t                   = test_tape(test_rt.isa[0]);
    hoop_tensor   *in[HOOP_MAX_IN + 1] = {NULL};
    char           sizes[200];
    for (int i = 0; i < op->ncases; i++) {
        trial tr;
        if (op->cases[i].expect == HOOP_OK) continue;
        trial_make(&tr, op, i);
        for (int d = 0; d < 2; d++) {
            hoop_tensor *y, *outs[HOOP_MAX_OUT];
            for (int k = 0; k < tr.nin; k++) in[k] = trial_tensor(&tr, t, k, d == 0 ? HOOP_F64 : HOOP_F32);
            y = hoop_op_call(t, op, in, tr.nin, op->cases[i].attrs, outs);
            for (int j = 0; j < tr.nout; j++) assert_true(hoop_tensor_is_poison(outs[j]));
            fails_with(tr.where, op, t, y, tr.c->expect, tr.nin > 0 ? hoop_tensor_describe(in[0], sizes, sizeof sizes) : NULL);
        }
    }
    if (op->min_in > 0) { /* none, NULL, and one too many */
        hoop_tensor *y = hoop_op_call(t, op, in, op->min_in - 1, op->cases[0].attrs, NULL);
        fails_with("too few inputs", op, t, y, HOOP_EARG, NULL);
        memset(in, 0, sizeof in);
        y = hoop_op_call(t, op, in, op->min_in, op->cases[0].attrs, NULL);
        fails_with("inputs that are NULL", op, t, y, HOOP_EARG, NULL);
    }
    fails_with("too many inputs", op, t, hoop_op_call(t, op, in, op->max_in + 1, op->cases[0].attrs, NULL), HOOP_EARG, NULL);
}

/* ---- the same bits, run after run, with any instruction set and on any number of threads ---- */

unsigned char *trial_bits(hoop_runtime *rt, const trial *tr, hoop_dtype dtype, int64_t *bytes)
{
    hoop_tape     *t = test_tape(rt);
    hoop_tensor   *in[HOOP_MAX_IN], *outs[HOOP_MAX_OUT], *all[HOOP_MAX_OUT + HOOP_MAX_IN];
    unsigned char *bits;
    int            n = 0;
    for (int i = 0; i < tr->nin; i++) {
        in[i] = trial_tensor(tr, t, i, dtype);
        if (tr->in[i].is_float) in[i] = hoop_tape_watch(t, in[i]);
    }
    (void)hoop_op_call(t, tr->op, in, tr->nin, tr->c->attrs, outs);
    on_tape(tr, t, "the call");
    for (int j = 0; j < tr->nout; j++) all[n++] = hoop_retain(t, outs[j]);
    if (outs[0]->needs_grad && hoop_dtype_is_float(hoop_tensor_dtype(outs[0])) && (tr->op->flags & HOOP_OP_NO_DERIV) == 0) {
        hoop_tensor *s = weighted_sum(t, outs[0], trial_weights(tr, 77));
        assert_int_equal(hoop_backward(t, s, NULL, NULL), HOOP_OK);
        for (int i = 0; i < tr->nin; i++) {
            if (hoop_tensor_grad(in[i]) != NULL) all[n++] = hoop_tensor_grad(in[i]);
        }
    }
    *bytes = 0;
    for (int k = 0; k < n; k++) *bytes += all[k]->numel * (int64_t)hoop_dtype_size((hoop_dtype)all[k]->v.dtype);
    bits   = test_memory(*bytes);
    *bytes = 0;
    for (int k = 0; k < n; k++) {
        assert_int_equal(hoop_tensor_read(all[k], bits + *bytes, NULL), HOOP_OK);
        *bytes += all[k]->numel * (int64_t)hoop_dtype_size((hoop_dtype)all[k]->v.dtype);
    }
    return bits;
}

void check_determinism(void **state)
{
    const hoop_op *op = *state;
    for (int i = 0; i < op->ncases; i++) {
        trial tr;
        if (op->cases[i].expect != HOOP_OK) continue;
        trial_make(&tr, op, i);
        for (int d = 0; d < 2; d++) {
            hoop_dtype     dtype = d == 0 ? HOOP_F32 : HOOP_F64;
            int64_t        n, m;
            unsigned char *first = trial_bits(test_rt.isa[0], &tr, dtype, &n);
            if (memcmp(first, trial_bits(test_rt.isa[0], &tr, dtype, &m), (size_t)n) != 0)
                fail_msg("%s: another run, other bits", tr.where);
            for (int r = 1; r < test_rt.nisa; r++) {
                unsigned char *other = trial_bits(test_rt.isa[r], &tr, dtype, &m);
                assert_int_equal(n, m);
                if (memcmp(first, other, (size_t)n) != 0)
                    fail_msg("%s: other bits with %s", tr.where, hoop_runtime_kernels(test_rt.isa[r])->isa);
            }
            for (int run = 0; run < 3; run++) {
                unsigned char *two = trial_bits(test_rt.two_threads, &tr, dtype, &m);
                assert_int_equal(n, m);
                if (memcmp(first, two, (size_t)n) != 0) fail_msg("%s: two threads, other bits", tr.where);
            }
        }
    }
}
