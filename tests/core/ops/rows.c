#include "rows.h"

#include "kernels/kernels.h"
#include "tape/rows.h"
#include "tape/tape.h"

#include <string.h>

enum { MOST_ROWS = 4096 };

/* Uneven, some of one row; totals that sizes of cases have as well; one that passes the blocks of kernels. */
static const rows_group groups[] = {
    {1, {1}, 1},       {2, {1, 1}, 2},           {2, {2, 1}, 3},         {2, {1, 3}, 4},
    {3, {3, 1, 1}, 5}, {5, {7, 1, 2, 5, 1}, 16}, {3, {64, 1, 130}, 195},
};

int64_t rows_bytes(const hoop_view *v)
{
    return hoop__view_numel(v) * (int64_t)hoop_dtype_size((hoop_dtype)v->dtype);
}

/* out as the shape rule wants it; of views, with the place of the first element */
static hoop_status shapes_of(rows_call *r, const hoop_view **views, int64_t *offset)
{
    hoop_error      err = {.status = HOOP_OK};
    hoop_shape_call s   = {.in = views, .nin = r->tr->nin, .attrs = r->attrs, .out = r->out, .err = &err};
    hoop_status     st;
    for (int i = 0; i < r->tr->nin; i++) views[i] = &r->in[i];
    r->nout = s.nout = hoop__op_nouts(r->tr->op, r->tr->nin, r->attrs);
    st               = r->tr->op->shape(&s);
    *offset          = s.offset;
    return st;
}

void rows_run(const hoop_runtime *rt, rows_call *r, const unsigned char *const *before)
{
    const hoop_op   *op = r->tr->op;
    const hoop_view *views[ROWS_IN];
    hoop_error       err = {.status = HOOP_OK};
    hoop_call        c   = {.op      = op,
                            .in      = views,
                            .nin     = r->tr->nin,
                            .out     = r->out,
                            .attrs   = r->attrs,
                            .add     = before != NULL,
                            .kernels = hoop_runtime_kernels(rt),
                            .threads = rt->threads,
                            .err     = &err};
    int64_t          offset;
    if (shapes_of(r, views, &offset) != HOOP_OK) fail_msg("%s: the shape rule refuses a leaf alone", r->tr->where);
    c.nout = r->nout;
    for (int j = 0; j < r->nout; j++) {
        hoop_view      v    = r->out[j];
        unsigned char *data = test_memory(rows_bytes(&v));
        if ((op->flags & HOOP_OP_VIEW) != 0) {
            v.data = (char *)views[0]->data + offset * (int64_t)hoop_dtype_size((hoop_dtype)v.dtype);
            hoop__view_copy(c.kernels, &v, data);
        } else if (before != NULL) {
            memcpy(data, before[j], (size_t)rows_bytes(&v));
        }
        hoop__view_set(&r->out[j], (hoop_dtype)v.dtype, v.ndim, v.shape);
        r->out[j].data = data;
    }
    if ((op->flags & HOOP_OP_VIEW) != 0) return;
    if (op->workspace != NULL) c.work = test_memory(op->workspace(&c));
    if (op->forward(&c) != HOOP_OK) fail_msg("%s: %s", r->tr->where, err.text);
}

unsigned char *rows_part(const hoop_view *x, const void *data, int axis, const rows_group *g, int l)
{
    int64_t        inner = (int64_t)hoop_dtype_size((hoop_dtype)x->dtype), outer = 1, first = 0, sample, n;
    unsigned char *part;
    for (int i = 0; i < l; i++) first += g->rows[i];
    for (int d = 0; d < axis; d++) outer *= x->shape[d];
    for (int d = axis; d < x->ndim; d++) inner *= x->shape[d];
    sample = inner / g->samples;
    n      = sample * g->rows[l];
    part   = test_memory(outer * n);
    for (int64_t o = 0; o < outer && n > 0; o++)
        memcpy(part + o * n, (const unsigned char *)data + o * inner + first * sample, (size_t)n);
    return part;
}

/* Attributes with a shape say it of the samples there are: size d of `samples` becomes that of `rows`. */
static void shape_of_rows(const hoop_op *op, void *attrs, int d, int64_t rows, int64_t samples)
{
    for (int f = 0; f < op->nfields && d >= 0; f++) {
        int64_t *size = (int64_t *)(void *)((char *)attrs + op->fields[f].offset) + d;
        if (op->fields[f].type == 'I' && strcmp(op->fields[f].name, "shape") == 0 && *size > 0) *size = *size / samples * rows;
    }
}

static bool has_shape(const hoop_op *op)
{
    bool any = false;
    for (int f = 0; f < op->nfields; f++) any |= op->fields[f].type == 'I' && strcmp(op->fields[f].name, "shape") == 0;
    return any;
}

static void *attrs_copy(const hoop_op *op, const void *attrs)
{
    void *copy = test_memory((int64_t)op->attrs_size);
    return op->attrs_size > 0 ? memcpy(copy, attrs, op->attrs_size) : copy;
}

int rows_axis(const hoop_runtime *rt, rows_call *all, const rows_group *g)
{
    const hoop_view  *views[ROWS_IN];
    hoop_samples_call s = {.in      = views,
                           .nin     = all->tr->nin,
                           .attrs   = all->attrs,
                           .out     = all->out,
                           .axis    = all->axis,
                           .samples = g->samples,
                           .kernels = hoop_runtime_kernels(rt)};
    int64_t           offset;
    int               axis;
    if (shapes_of(all, views, &offset) != HOOP_OK) return -1;
    s.nout = all->nout;
    axis   = hoop__op_samples(all->tr->op, &s);
    for (int j = 0; j < all->nout && axis >= 0; j++) {
        if (axis < all->out[j].ndim && all->out[j].shape[axis] % g->samples == 0) continue;
        fail_msg("%s: output %d has no dim %d of a multiple of %lld samples", all->tr->where, j, axis, (long long)g->samples);
    }
    return axis;
}

rows_call rows_leaf(const rows_call *all, const rows_group *g, int l, int axis)
{
    rows_call leaf = *all;
    leaf.attrs     = attrs_copy(all->tr->op, all->attrs);
    shape_of_rows(all->tr->op, leaf.attrs, axis, g->rows[l], g->samples);
    for (int i = 0; i < all->tr->nin; i++) {
        int d = all->axis[i];
        if (d < 0) continue;
        leaf.in[i].shape[d] = all->in[i].shape[d] / g->samples * g->rows[l];
        hoop__view_set(&leaf.in[i], (hoop_dtype)leaf.in[i].dtype, leaf.in[i].ndim, leaf.in[i].shape);
        leaf.in[i].data = rows_part(&all->in[i], all->in[i].data, d, g, l);
    }
    return leaf;
}

/* the inputs of all samples as views without data; false: not of this case */
static bool make_views(rows_call *r, int64_t samples, bool one_row)
{
    for (int i = 0; i < r->tr->nin; i++) {
        hoop_view *v = &r->in[i];
        int        d = r->axis[i];
        *v           = r->tr->in[i].v;
        if (d >= 0) {
            if (v->shape[d] == 0 || (one_row && v->shape[d] == 1)) return false;
            v->shape[d] = samples * (one_row ? 1 : v->shape[d]);
            if (v->shape[d] > MOST_ROWS) return false;
            hoop__view_set(v, (hoop_dtype)v->dtype, v->ndim, v->shape);
        }
        v->dtype = (int32_t)r->tr->in[i].dtype;
        v->data  = NULL;
    }
    return true;
}

/* each a value of the case's or up to twice as small */
static void make_inputs(rows_call *r)
{
    const hoop_key which = test_key(91), share = test_key(92);
    for (int i = 0; i < r->tr->nin; i++) {
        const trial_input *in = &r->tr->in[i];
        hoop_view         *v  = &r->in[i];
        const int64_t      n  = hoop__view_numel(v);
        void              *x;
        if (r->axis[i] < 0) {
            v->data = trial_numbers(in->v.data, in->numel, in->dtype);
            continue;
        }
        x = test_memory(n * 8);
        for (int64_t k = 0; k < n; k++) {
            int64_t from = (int64_t)test_drawn(which, (uint64_t)k, 0.0, (double)in->numel - 0.001);
            if (in->is_float)
                ((double *)x)[k] = (double)(float)(((double *)in->v.data)[from] * test_drawn(share, (uint64_t)k, 0.5, 1.0));
            else
                ((int64_t *)x)[k] = ((int64_t *)in->v.data)[from];
        }
        v->data = trial_numbers(x, n, in->dtype);
    }
}

static rows_call in_f32(const rows_call *all)
{
    rows_call r = *all;
    for (int i = 0; i < all->tr->nin; i++) {
        float *f;
        if (all->in[i].dtype != HOOP_F64) continue;
        f = test_memory(rows_bytes(&all->in[i]) / 2);
        for (int64_t k = 0, n = hoop__view_numel(&all->in[i]); k < n; k++) f[k] = (float)((double *)all->in[i].data)[k];
        r.in[i].dtype = HOOP_F32;
        r.in[i].data  = f;
    }
    return r;
}

/* one choice of dims, for one group of leaves: with the attributes as they are, or a size of their shape for all samples */
static bool visit_group(rows_call *r, const rows_group *g, bool one_row, bool (*visit)(const rows_call *, const rows_group *))
{
    const hoop_op *op  = r->tr->op;
    bool           any = false, made = false;
    if (!make_views(r, g->samples, one_row)) return false;
    for (int d = -1; d < (has_shape(op) ? HOOP_MAX_DIMS : 0); d++) {
        rows_call asked, f32;
        r->attrs = attrs_copy(op, r->tr->c->attrs);
        shape_of_rows(op, r->attrs, d, g->samples, 1);
        if (d >= 0 && memcmp(r->attrs, r->tr->c->attrs, op->attrs_size) == 0) continue; /* no such size */
        asked = *r;
        if (rows_axis(test_rt.isa[0], &asked, g) < 0) continue;
        if (!made) make_inputs(r);
        made = true;
        f32  = in_f32(r);
        any |= visit(r, g);
        any |= visit(&f32, g);
    }
    return any;
}

int rows_walk(const hoop_op *op, bool (*visit)(const rows_call *all, const rows_group *g))
{
    int taken = 0;
    for (int c = 0; c < op->ncases; c++) {
        trial     tr;
        rows_call r = {.tr = &tr};
        int       i;
        if (op->cases[c].expect != HOOP_OK) continue;
        trial_make(&tr, op, c);
        assert_in_range(tr.nin, 1, ROWS_IN);
        for (i = 0; i < tr.nin; i++) r.axis[i] = -1;
        for (;;) { /* a dim, or none, of each input */
            for (i = 0; i < tr.nin && ++r.axis[i] == tr.in[i].v.ndim; i++) r.axis[i] = -1;
            if (i == tr.nin) break;
            for (size_t k = 0; k < 2 * sizeof groups / sizeof groups[0]; k++) {
                void *mark = test_mark();
                if (visit_group(&r, &groups[k / 2], k % 2 == 1, visit) && groups[k / 2].leaves > 1) taken++;
                test_rewind(mark);
            }
        }
    }
    return taken;
}
