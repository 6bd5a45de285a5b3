/*
 * Rows of samples: where an op that says HOOP_OP_ROW_WISE accepts samples, each leaf's part of its outputs has the bits that the
 * op gives for that leaf's rows alone.
 *
 * A case is the pattern of one sample: any of its inputs' dims may be the one that runs over samples, of as many rows each as the
 * case has there, or of one. Its sizes then stand for those of several leaves, and what the op's shape rule and hook accept is
 * computed at once and leaf by leaf.
 */
#include "op_check.h"

#include "kernels/kernels.h"
#include "tape/rows.h"
#include "tape/tape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 8, MOST_ROWS = 4096 };

/* Uneven, some of one row; totals that sizes of cases have as well; one that passes the blocks of kernels. */
static const struct group {
    int     leaves;
    int64_t rows[5];
} groups[] = {{1, {1}}, {2, {1, 1}}, {2, {2, 1}}, {2, {1, 3}}, {3, {3, 1, 1}}, {5, {7, 1, 2, 5, 1}}, {3, {64, 1, 130}}};

/* a call on samples of all leaves, or of one */
typedef struct rows_call {
    const trial *tr;
    int          axis[FEW];
    hoop_view    in[FEW];
    void        *attrs;
    int          nout;
    hoop_view    out[HOOP_MAX_OUT]; /* contiguous, once it ran */
} rows_call;

static int64_t bytes_of(const hoop_view *v)
{
    return hoop__view_numel(v) * (int64_t)hoop_dtype_size((hoop_dtype)v->dtype);
}

/* out as the shape rule wants it; of views, with the elements */
static hoop_status shapes_of(rows_call *r, const hoop_view **views, int64_t *offset)
{
    hoop_error      err = {.status = HOOP_OK};
    hoop_shape_call s   = {.in    = views,
                           .nin   = r->tr->nin,
                           .attrs = r->attrs,
                           .out   = r->out,
                           .nout  = hoop__op_nouts(r->tr->op, r->tr->nin, r->attrs),
                           .err   = &err};
    hoop_status     st;
    for (int i = 0; i < r->tr->nin; i++) views[i] = &r->in[i];
    r->nout = s.nout;
    st      = r->tr->op->shape(&s);
    *offset = s.offset;
    return st;
}

/* the op by hand; `add`: to what `before` puts there */
static void run(const hoop_runtime *rt, rows_call *r, const unsigned char *const *before)
{
    const hoop_op   *op = r->tr->op;
    const hoop_view *views[FEW];
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
        unsigned char *data = test_memory(bytes_of(&v));
        if ((op->flags & HOOP_OP_VIEW) != 0) {
            v.data = (char *)views[0]->data + offset * (int64_t)hoop_dtype_size((hoop_dtype)v.dtype);
            hoop__view_copy(c.kernels, &v, data);
        } else if (before != NULL) {
            memcpy(data, before[j], (size_t)bytes_of(&v));
        }
        hoop__view_set(&r->out[j], (hoop_dtype)v.dtype, v.ndim, v.shape);
        r->out[j].data = data;
    }
    if ((op->flags & HOOP_OP_VIEW) != 0) return;
    if (op->workspace != NULL) c.work = test_memory(op->workspace(&c));
    if (op->forward(&c) != HOOP_OK) fail_msg("%s: %s", r->tr->where, err.text);
}

/* what of a contiguous x belongs to `rows` of `samples` samples from `first` on, in dim axis */
static unsigned char *part_of(const hoop_view *x, const void *data, int axis, int64_t samples, int64_t first, int64_t rows)
{
    int64_t        inner = (int64_t)hoop_dtype_size((hoop_dtype)x->dtype), outer = 1, step;
    unsigned char *part;
    for (int d = 0; d < axis; d++) outer *= x->shape[d];
    for (int d = axis; d < x->ndim; d++) inner *= x->shape[d];
    step = inner / samples; /* bytes of a sample */
    part = test_memory(outer * rows * step);
    for (int64_t o = 0; o < outer && inner > 0; o++)
        memcpy(part + o * rows * step, (const unsigned char *)data + o * inner + first * step, (size_t)(rows * step));
    return part;
}

/* Attributes that hold a shape say it of all samples: put that of `rows` of them in its place. */
static void shape_of_rows(const hoop_op *op, void *attrs, int d, int64_t rows, int64_t samples)
{
    for (int f = 0; f < op->nfields && d >= 0; f++) {
        int64_t *size = (int64_t *)(void *)((char *)attrs + op->fields[f].offset) + d;
        if (op->fields[f].type == 'I' && strcmp(op->fields[f].name, "shape") == 0 && *size > 0) *size = *size / samples * rows;
    }
}

/* all samples against each leaf's; returns whether the op accepts them */
static bool rows_same(const hoop_runtime *rt, const hoop_runtime *alone, const rows_call *all, const struct group *g, bool add)
{
    rows_call            whole = *all;
    const hoop_op       *op    = all->tr->op;
    const hoop_view     *views[FEW];
    const unsigned char *before[HOOP_MAX_OUT] = {NULL};
    int64_t              offset, samples = 0, first = 0;
    int                  axis;
    for (int i = 0; i < g->leaves; i++) samples += g->rows[i];
    if (shapes_of(&whole, views, &offset) != HOOP_OK) return false;
    axis = hoop__op_samples(op, &(hoop_samples_call){.in      = views,
                                                     .nin     = all->tr->nin,
                                                     .attrs   = whole.attrs,
                                                     .out     = whole.out,
                                                     .nout    = whole.nout,
                                                     .axis    = all->axis,
                                                     .samples = samples,
                                                     .kernels = hoop_runtime_kernels(rt)});
    if (axis < 0) return false;
    for (int j = 0; j < whole.nout; j++) {
        if (axis >= whole.out[j].ndim || whole.out[j].shape[axis] % samples != 0)
            fail_msg("%s: output %d has no dim %d of a multiple of %lld samples", all->tr->where, j, axis, (long long)samples);
    }
    if ((op->flags & HOOP_OP_RANDOM) != 0) return true; /* the engine runs it leaf by leaf */
    for (int j = 0; j < whole.nout && add; j++) {
        int64_t        n = bytes_of(&whole.out[j]) / (int64_t)hoop_dtype_size((hoop_dtype)whole.out[j].dtype);
        unsigned char *x = test_memory(bytes_of(&whole.out[j]));
        for (int64_t k = 0; k < n; k++) {
            if (whole.out[j].dtype == HOOP_F32)
                ((float *)(void *)x)[k] = 0.1F * (float)(k % 23 - 11);
            else
                ((double *)(void *)x)[k] = 0.1 * (double)(k % 23 - 11);
        }
        before[j] = x;
    }
    run(rt, &whole, add ? before : NULL);
    for (int l = 0; l < g->leaves; first += g->rows[l++]) {
        rows_call            leaf = *all;
        const unsigned char *was[HOOP_MAX_OUT];
        leaf.attrs = test_memory((int64_t)op->attrs_size);
        if (op->attrs_size > 0) memcpy(leaf.attrs, all->attrs, op->attrs_size);
        shape_of_rows(op, leaf.attrs, axis, g->rows[l], samples);
        for (int i = 0; i < all->tr->nin; i++) {
            int     d = all->axis[i];
            int64_t shape[HOOP_MAX_DIMS];
            if (d < 0) continue;
            memcpy(shape, all->in[i].shape, sizeof shape);
            shape[d] = shape[d] / samples * g->rows[l];
            hoop__view_set(&leaf.in[i], (hoop_dtype)all->in[i].dtype, all->in[i].ndim, shape);
            leaf.in[i].data = part_of(&all->in[i], all->in[i].data, d, samples, first, g->rows[l]);
        }
        for (int j = 0; j < whole.nout && add; j++) was[j] = part_of(&whole.out[j], before[j], axis, samples, first, g->rows[l]);
        run(alone, &leaf, add ? was : NULL);
        for (int j = 0; j < whole.nout; j++) {
            const hoop_view *y    = &whole.out[j];
            bool             same = y->ndim == leaf.out[j].ndim;
            for (int d = 0; d < y->ndim && same; d++)
                same = leaf.out[j].shape[d] == (d == axis ? y->shape[d] / samples * g->rows[l] : y->shape[d]);
            if (!same)
                fail_msg("%s: output %d of leaf %d alone has another shape than its rows among %lld", all->tr->where, j, l,
                         (long long)samples);
            if (memcmp(part_of(y, y->data, axis, samples, first, g->rows[l]), leaf.out[j].data, (size_t)bytes_of(&leaf.out[j])) !=
                0) {
                fail_msg("%s: output %d of leaf %d, %lld of %lld samples in dim %d (%s, %s%s), has other bits alone",
                         all->tr->where, j, l, (long long)g->rows[l], (long long)samples, axis,
                         hoop_dtype_name((hoop_dtype)y->dtype), hoop_runtime_kernels(rt)->isa, add ? ", added" : "");
            }
        }
    }
    return true;
}

/* on every instruction set, in both dtypes, added and not, and by two threads */
static bool rows_everywhere(const rows_call *all, const struct group *g)
{
    bool any = false;
    for (int d = 0; d < 2; d++) {
        rows_call r = *all;
        for (int i = 0; i < all->tr->nin; i++) {
            float *f;
            if (d == 1 || all->in[i].dtype != HOOP_F64) continue;
            f = test_memory(bytes_of(&all->in[i]) / 2);
            for (int64_t k = 0, n = hoop__view_numel(&all->in[i]); k < n; k++) f[k] = (float)((double *)all->in[i].data)[k];
            r.in[i].dtype = HOOP_F32;
            r.in[i].data  = f;
        }
        for (int k = 0; k < test_rt.nisa; k++) {
            void *mark = test_mark();
            any |= rows_same(test_rt.isa[k], test_rt.isa[k], &r, g, false);
            if ((all->tr->op->flags & HOOP_OP_ACCUMULATES) != 0) any |= rows_same(test_rt.isa[k], test_rt.isa[k], &r, g, true);
            test_rewind(mark);
        }
        any |= rows_same(test_rt.two_threads, test_rt.isa[0], &r, g, false);
    }
    return any;
}

/* the inputs of all samples, each a value of the case's or up to twice as small; false: not of this case */
static bool make_inputs(rows_call *r, int64_t samples, bool one_row)
{
    for (int i = 0; i < r->tr->nin; i++) {
        const trial_input *in = &r->tr->in[i];
        int64_t            shape[HOOP_MAX_DIMS], numel;
        double            *x;
        memcpy(shape, in->v.shape, sizeof shape);
        if (r->axis[i] >= 0) {
            if (shape[r->axis[i]] == 0 || (one_row && shape[r->axis[i]] == 1)) return false;
            shape[r->axis[i]] = samples * (one_row ? 1 : shape[r->axis[i]]);
            if (shape[r->axis[i]] > MOST_ROWS) return false;
        }
        hoop__view_set(&r->in[i], (hoop_dtype)in->v.dtype, in->v.ndim, shape);
        numel         = hoop__view_numel(&r->in[i]);
        r->in[i].data = test_memory(numel * 8);
        x             = r->in[i].data;
        if (r->axis[i] < 0) memcpy(x, in->v.data, (size_t)numel * 8);
        for (int64_t k = 0; k < numel && r->axis[i] >= 0; k++) {
            int64_t from = (int64_t)test_uniform(91, (uint64_t)k, 0.0, (double)in->numel - 0.001);
            if (in->is_float)
                x[k] = (double)(float)(((double *)in->v.data)[from] * test_uniform(92, (uint64_t)k, 0.5, 1.0));
            else
                ((int64_t *)(void *)x)[k] = ((int64_t *)in->v.data)[from];
        }
    }
    return true;
}

/* one choice of dims, for one group of leaves: with the attributes as they are, or a size of their shape for all samples */
static bool rows_of(rows_call *r, const struct group *g, bool one_row)
{
    const hoop_op *op      = r->tr->op;
    int64_t        samples = 0;
    bool           any     = false;
    for (int i = 0; i < g->leaves; i++) samples += g->rows[i];
    if (!make_inputs(r, samples, one_row)) return false;
    for (int d = -1; d < (op->attrs_size > 0 ? HOOP_MAX_DIMS : 0); d++) {
        r->attrs = test_memory((int64_t)op->attrs_size);
        if (op->attrs_size > 0) memcpy(r->attrs, r->tr->c->attrs, op->attrs_size);
        shape_of_rows(op, r->attrs, d, samples, 1);
        if (d >= 0 && memcmp(r->attrs, r->tr->c->attrs, op->attrs_size) == 0) continue; /* no such size */
        any |= rows_everywhere(r, g);
    }
    return any;
}

void check_rows(void **state)
{
    const hoop_op *op    = *state;
    int            taken = 0; /* by several leaves, one of them of one row */
    if ((op->flags & HOOP_OP_ROW_WISE) == 0) return;
    for (int c = 0; c < op->ncases; c++) {
        trial     tr;
        rows_call r = {.tr = &tr};
        int       i;
        if (op->cases[c].expect != HOOP_OK) continue;
        trial_make(&tr, op, c);
        assert_in_range(tr.nin, 1, FEW);
        for (i = 0; i < tr.nin; i++) r.axis[i] = -1;
        for (;;) { /* all choices of a dim, or none, of each input */
            for (i = 0; i < tr.nin && ++r.axis[i] == tr.in[i].v.ndim; i++) r.axis[i] = -1;
            if (i == tr.nin) break;
            for (size_t k = 0; k < 2 * sizeof groups / sizeof groups[0]; k++) {
                void *mark = test_mark();
                if (rows_of(&r, &groups[k / 2], k % 2 == 1) && groups[k / 2].leaves > 1) taken++;
                test_rewind(mark);
            }
        }
    }
    if (taken == 0) fail_msg("%s says that it is row-wise, and accepts samples in none of its cases", op->name);
}
