/*
 * Bad cases: whatever a row's shape rule refuses has one. What it refuses is found out by asking it: each working case with other
 * sizes, other dims, another dtype of an input, or another value of an attribute.
 */
#include "op_check.h"

#include "tape/rows.h"
#include "tensor/view.h"

#include <math.h>
#include <string.h>

/* a working case about to be spoilt */
typedef struct question {
    const hoop_op   *op;
    int              nin;
    hoop_view        in[HOOP_MAX_IN];
    const hoop_view *views[HOOP_MAX_IN];
    unsigned char   *attrs;
} question;

static question question_of(const trial *tr)
{
    question q;
    q.op    = tr->op;
    q.nin   = tr->nin;
    q.attrs = test_memory((int64_t)tr->op->attrs_size);
    if (tr->op->attrs_size > 0) memcpy(q.attrs, tr->c->attrs, tr->op->attrs_size);
    for (int i = 0; i < tr->nin; i++) {
        q.in[i]       = tr->in[i].v;
        q.in[i].dtype = (int32_t)tr->in[i].dtype;
        q.in[i].data  = NULL;
    }
    return q;
}

static hoop_status ask(question *q)
{
    hoop_view       out[HOOP_MAX_OUT];
    hoop_error      err = {.status = HOOP_OK};
    hoop_shape_call s   = {.in = q->views, .nin = q->nin, .attrs = q->attrs, .out = out, .err = &err};
    s.nout              = hoop__op_nouts(q->op, q->nin, q->attrs);
    for (int i = 0; i < q->nin; i++) q->views[i] = &q->in[i];
    return s.nout < 1 || s.nout > HOOP_MAX_OUT ? HOOP_EARG : q->op->shape(&s);
}

static bool case_with(const hoop_op *op, hoop_status a, hoop_status b, hoop_status c)
{
    for (int i = 0; i < op->ncases; i++) {
        hoop_status st = op->cases[i].expect;
        if (st != HOOP_OK && (st == a || st == b || st == c)) return true;
    }
    return false;
}

/* another dtype of input i */
static bool refuses_dtype(const trial *tr, int i)
{
    bool any = false;
    for (int d = 0; d < HOOP_DTYPE_COUNT; d++) {
        question q    = question_of(tr);
        q.in[i].dtype = d;
        any |= ask(&q) == HOOP_EDTYPE;
    }
    return any;
}

/* input i with a size more or less in one dim, without its last dim, with one more */
static bool refuses_shape(const trial *tr, int i)
{
    const hoop_view *v   = &tr->in[i].v;
    bool             any = false;
    for (int d = -2; d < 2 * v->ndim; d++) {
        question    q    = question_of(tr);
        hoop_view   was  = q.in[i];
        int64_t    *size = was.shape;
        int         ndim = was.ndim;
        hoop_status st;
        if (d == -2 && ndim > 0) ndim--;
        if (d == -1 && ndim < HOOP_MAX_DIMS) size[ndim++] = 3;
        if (d >= 0 && (d % 2 == 0 || size[d / 2] > 0)) size[d / 2] += d % 2 == 0 ? 1 : -1;
        hoop__view_set(&q.in[i], (hoop_dtype)was.dtype, ndim, size);
        st = ask(&q);
        any |= st == HOOP_ESHAPE || st == HOOP_EARG || st == HOOP_ERANGE;
    }
    return any;
}

/* bytes of a number in a field, and how many numbers it has */
static size_t width_of(char type)
{
    return type == 'n' ? sizeof(int) : type == 'b' ? sizeof(bool) : sizeof(int64_t);
}

static int numbers_of(char type)
{
    return type == 'I' ? HOOP_MAX_DIMS : type == 'O' ? HOOP_MAX_OUT : 1;
}

/* does the shape rule refuse the k-th number of field f to be what `from` has there? */
static bool refuses_value(const trial *tr, const hoop_field *f, int k, const void *from)
{
    question q  = question_of(tr);
    size_t   at = f->offset + (size_t)k * width_of(f->type);
    memcpy(q.attrs + at, (const unsigned char *)from + at, width_of(f->type));
    return ask(&q) != HOOP_OK;
}

/* values that nobody wants */
static bool refuses_any(const trial *tr, const hoop_field *f, int k)
{
    static const int64_t whole[]    = {-1000003, -1, 1000003};
    const double         fraction[] = {-1000.5, (double)NAN, (double)INFINITY};
    unsigned char       *attrs      = test_memory((int64_t)tr->op->attrs_size);
    bool                 any        = false;
    for (int v = 0; v < 3 && f->type != 'b'; v++) {
        unsigned char *to = attrs + f->offset + (size_t)k * width_of(f->type);
        int            n  = (int)whole[v];
        memcpy(attrs, tr->c->attrs, tr->op->attrs_size);
        if (f->type == 'f')
            memcpy(to, &fraction[v], sizeof(double));
        else
            memcpy(to, f->type == 'n' ? (const void *)&n : &whole[v], width_of(f->type));
        any |= refuses_value(tr, f, k, attrs);
    }
    return any;
}

/* Can attribute f be bad, and is it so in one of the cases that must fail? */
static void check_field(const hoop_op *op, const hoop_field *f)
{
    bool can = false, is = false;
    for (int i = 0; i < op->ncases; i++) {
        void *mark = test_mark();
        trial tr;
        if (op->cases[i].expect != HOOP_OK) continue;
        trial_make(&tr, op, i);
        for (int k = 0; k < numbers_of(f->type); k++) {
            can |= refuses_any(&tr, f, k);
            for (int b = 0; b < op->ncases; b++)
                is |= op->cases[b].expect != HOOP_OK && refuses_value(&tr, f, k, op->cases[b].attrs);
        }
        test_rewind(mark);
    }
    if (can && !is)
        fail_msg(
            "%s: its shape rule refuses values of '%s', and no case shows it: add one with HOOP_EARG and a '%s' that alone, put "
            "into a working case, makes this bad",
            op->name, f->name, f->name);
}

void check_refusals(void **state)
{
    const hoop_op *op    = *state;
    bool           dtype = false, shape = false;
    for (int i = 0; i < op->ncases; i++) {
        void *mark = test_mark();
        trial tr;
        if (op->cases[i].expect != HOOP_OK) continue;
        trial_make(&tr, op, i);
        for (int k = 0; k < tr.nin; k++) {
            dtype |= refuses_dtype(&tr, k);
            shape |= refuses_shape(&tr, k);
        }
        test_rewind(mark);
    }
    if (dtype && !case_with(op, HOOP_EDTYPE, HOOP_EDTYPE, HOOP_EDTYPE))
        fail_msg("%s: its shape rule refuses dtypes, and no case has a bad one (with HOOP_EDTYPE)", op->name);
    if (shape && !case_with(op, HOOP_ESHAPE, HOOP_EARG, HOOP_ERANGE))
        fail_msg("%s: its shape rule refuses shapes, and no case has a bad one (with HOOP_ESHAPE)", op->name);
    for (int f = 0; f < op->nfields; f++) check_field(op, &op->fields[f]);
}
