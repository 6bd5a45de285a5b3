/*
 * Rows of samples: where an op that says HOOP_OP_ROW_WISE accepts samples, each leaf's part of its outputs has the bits that the
 * op gives for that leaf's rows alone.
 */
#include "rows.h"

#include "kernels/kernels.h"
#include "tensor/view.h"

#include <string.h>

/* what is there before a kernel adds to it */
static unsigned char *some_of(const hoop_view *v)
{
    unsigned char *x = test_memory(rows_bytes(v));
    for (int64_t k = 0, n = hoop__view_numel(v); k < n; k++) {
        double value = 0.1 * (double)(k % 23 - 11);
        if (v->dtype == HOOP_F32)
            ((float *)(void *)x)[k] = (float)value;
        else
            ((double *)(void *)x)[k] = value;
    }
    return x;
}

static void leaf_same(const hoop_runtime *rt, const rows_call *all, const rows_call *leaf, int axis, const rows_group *g, int l)
{
    for (int j = 0; j < all->nout; j++) {
        const hoop_view *y = &all->out[j], *z = &leaf->out[j];
        bool             same = y->ndim == z->ndim;
        for (int d = 0; d < y->ndim && same; d++)
            same = z->shape[d] == (d == axis ? y->shape[d] / g->samples * g->rows[l] : y->shape[d]);
        if (!same) fail_msg("%s: output %d of leaf %d alone has another shape than its rows", all->tr->where, j, l);
        if (memcmp(rows_part(y, y->data, axis, g, l), z->data, (size_t)rows_bytes(z)) == 0) continue;
        fail_msg("%s: output %d of leaf %d, %lld of %lld samples in dim %d (%s, %s), has other bits alone", all->tr->where, j, l,
                 (long long)g->rows[l], (long long)g->samples, axis, hoop_dtype_name((hoop_dtype)y->dtype),
                 hoop_runtime_kernels(rt)->isa);
    }
}

/* all samples by one runtime, each leaf's by another */
static bool rows_same(const hoop_runtime *rt, const hoop_runtime *alone, const rows_call *call, const rows_group *g, bool add)
{
    rows_call            all                  = *call;
    const unsigned char *before[HOOP_MAX_OUT] = {NULL}, *was[HOOP_MAX_OUT] = {NULL};
    int                  axis = rows_axis(rt, &all, g);
    if (axis < 0 || (add && !hoop_dtype_is_float((hoop_dtype)all.out[0].dtype))) return false;
    if ((all.tr->op->flags & HOOP_OP_RANDOM) != 0) return true; /* the engine runs it leaf by leaf */
    for (int j = 0; j < all.nout && add; j++) before[j] = some_of(&all.out[j]);
    rows_run(rt, &all, add ? before : NULL);
    for (int l = 0; l < g->leaves; l++) {
        rows_call leaf = rows_leaf(call, g, l, axis);
        for (int j = 0; j < all.nout && add; j++) was[j] = rows_part(&all.out[j], before[j], axis, g, l);
        rows_run(alone, &leaf, add ? was : NULL);
        leaf_same(rt, &all, &leaf, axis, g, l);
    }
    return true;
}

/* on every instruction set, added and not, and by two threads */
static bool rows_everywhere(const rows_call *all, const rows_group *g)
{
    bool any = false, adds = (all->tr->op->flags & HOOP_OP_ACCUMULATES) != 0;
    for (int k = 0; k < test_rt.nisa; k++) {
        any |= rows_same(test_rt.isa[k], test_rt.isa[k], all, g, false);
        any |= adds && rows_same(test_rt.isa[k], test_rt.isa[k], all, g, true);
    }
    return rows_same(test_rt.two_threads, test_rt.isa[0], all, g, false) || any;
}

void check_rows(void **state)
{
    const hoop_op *op = *state;
    if ((op->flags & HOOP_OP_ROW_WISE) != 0 && rows_walk(op, rows_everywhere) == 0)
        fail_msg("%s says that it is row-wise, and accepts samples in none of its cases", op->name);
}
