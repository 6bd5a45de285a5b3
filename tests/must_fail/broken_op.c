/*
 * The registry with one op broken, put in the way of hoop_op_get by the linker (--wrap): the registry test linked with it must
 * fail. Which mistake is made, BREAK says when this is compiled.
 */
#define HOOP_NO_LOCATIONS
#include "hoop/op.h"
#include "hoop/ops.h"

#include "tape/tape.h"

#include <string.h>

const hoop_op *__real_hoop_op_get(int i);
const hoop_op *__wrap_hoop_op_get(int i);

enum {
    GRADIENT,
    VALUE,
    READS,
    OVERRUN,
    COMPOSITE,
    INCOMPLETE,
    ADDS,
    STRIDES,
    BITS,
    FIELDS,
    INPUTS,
    STATUS,
    ROWS,
    MIXES,
    THREADS
};

static const hoop_op *whole; /* the op as it is */
static hoop_op        broken;

/* a sign that is wrong */
static void wrong_backward(hoop_backward_call *b)
{
    if (hoop_sink(b, 0)) hoop_mul(b->t, b->dy[0], b->in[1]);
    if (hoop_needs(b, 1)) {
        hoop_tensor *g = hoop_mul(b->t, b->dy[0], b->in[0]);
        if (hoop_sink(b, 1)) hoop_neg(b->t, g);
    }
}

/* 2 y dy instead of (1 - y^2) dy */
static hoop_tensor *wrong_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    hoop_tensor *y = hoop_scale(t, in[0], 2.0);
    (void)nin, (void)attrs;
    return hoop_mul(t, y, in[1]);
}

static hoop_status wrong_forward(const hoop_call *c)
{
    static unsigned calls;
    hoop_call       call = *c;
    int64_t         n    = hoop__view_numel(c->out);
    hoop_status     st;
    if (BREAK == ADDS) call.add = false;
    st = whole->forward(&call);
    if (BREAK == THREADS && st == HOOP_OK && n > 1000 && c->out->dtype == HOOP_F32) /* all that sanitizers look at */
        ((float *)c->out->data)[n - 1] += (float)hoop_threads_count(c->threads);
    if (st != HOOP_OK || n == 0 || c->out->dtype != HOOP_F64) return st;
    if (BREAK == VALUE) ((double *)c->out->data)[n - 1] += 1e-9;
    if (BREAK == OVERRUN && n == 12) { /* behind which a tape's memory has room */
        size_t size = hoop_dtype_size((hoop_dtype)c->out->dtype);
        memset((char *)c->out->data + (size_t)n * size, 0, size);
    }
    if (BREAK == BITS) ((double *)c->out->data)[0] += (double)(calls++ % 2) * 0x1p-52;
    if (BREAK == ROWS) ((double *)c->out->data)[n - 1] *= n > 4 ? 1.0 + 0x1p-52 : 1.0;
    if (BREAK == INPUTS) ((double *)c->in[0]->data)[0] = 7.0;
    return HOOP_OK;
}

/* takes what the op refuses */
static hoop_status wrong_shape(hoop_shape_call *s)
{
    hoop_status st = whole->shape(s);
    if (st == HOOP_ESHAPE) {
        s->err->status = HOOP_OK;
        return hoop_fail(s->err, HOOP_EARG, "another status");
    }
    return st;
}

/* what else is summed does not matter */
static int wrong_samples(const hoop_samples_call *s)
{
    int  axis = s->axis[0];
    bool kept = s->out->ndim == s->in[0]->ndim && s->out->shape[axis] == s->in[0]->shape[axis];
    return kept ? axis : whole->samples(s);
}

static const char *const name_of[] = {
    [GRADIENT] = "mul",    [VALUE] = "tanh", [READS] = "exp",       [OVERRUN] = "neg",  [COMPOSITE] = "tanh_grad",
    [INCOMPLETE] = "relu", [ADDS] = "sub",   [STRIDES] = "softmax", [BITS] = "sigmoid", [FIELDS] = "slice",
    [INPUTS] = "erf",      [STATUS] = "add", [ROWS] = "scale",      [MIXES] = "sum",    [THREADS] = "neg"};

const hoop_op *__wrap_hoop_op_get(int i)
{
    const hoop_op *op = __real_hoop_op_get(i);
    if (op == NULL || strcmp(op->name, name_of[BREAK]) != 0) return op;
    whole  = op;
    broken = *op;
    switch (BREAK) {
    case GRADIENT:
        broken.backward = wrong_backward;
        break;
    case READS:
        broken.reads = 0;
        break;
    case COMPOSITE:
        broken.composite = wrong_composite;
        break;
    case INCOMPLETE:
        broken.backward = NULL;
        break;
    case STRIDES:
        broken.flags |= HOOP_OP_STRIDED;
        break; /* its kernel does not look at strides */
    case FIELDS:
        broken.nfields--;
        break;
    case STATUS:
        broken.shape = wrong_shape;
        break;
    case MIXES:
        broken.samples = wrong_samples;
        break;
    default:
        broken.forward = wrong_forward;
        break;
    }
    return &broken;
}
