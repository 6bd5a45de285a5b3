/*
 * Leaves at once: a row-wise op of samples and parameters, forward and backward on one tape, against each leaf on a tape of its
 * own. The gradients of the parameters, leaf by leaf as the caller's sum gets them, and those of the samples have the same bits.
 * Samples come and go in dim 0; where the op has them in another, the two are swapped on the way. Such a call may be one that the
 * tape finds to mix samples (in backward: a reshape of their gradient); one with all in dim 0 may not.
 */
#include "rows.h"

#include "tape/tape.h"
#include "tensor/view.h"

#include <stdio.h>
#include <string.h>

/* what a pass over all leaves gives each of them: gradients of the store's blocks, as `sum` gets them */
typedef struct leaf_terms {
    unsigned char *of[ROWS_LEAVES];
    size_t         block; /* bytes */
    int            leaves;
    int           *times; /* that a block came */
} leaf_terms;

/* a tape with the op's outputs (of all leaves, or of one) and inputs; the store's parameters, NULL for other inputs */
typedef struct leaf_run {
    hoop_tape   *t;
    hoop_params *store;
    hoop_tensor *param[ROWS_IN], *in[ROWS_IN], *out[HOOP_MAX_OUT]; /* samples in dim 0 */
    hoop_view    lies[ROWS_IN];                                    /* in, as it lies in memory */
} leaf_run;

static uint64_t leaf_number(int l)
{
    return (uint64_t)(3 + 2 * l);
}

/* inputs without samples that are floats are parameters */
static void make_params(const rows_call *c, leaf_run *r)
{
    hoop_dtype dtype = HOOP_F32;
    char       name[16];
    for (int i = 0; i < c->tr->nin; i++) dtype = c->tr->in[i].is_float ? (hoop_dtype)c->in[i].dtype : dtype;
    assert_int_equal(hoop_params_create(dtype, NULL, &r->store), HOOP_OK);
    for (int i = 0; i < c->tr->nin; i++) {
        r->param[i] = NULL;
        if (c->axis[i] >= 0 || !c->tr->in[i].is_float) continue;
        (void)snprintf(name, sizeof name, "input%d", i);
        assert_int_equal(hoop_params_add(r->store, name, c->in[i].ndim, c->in[i].shape, NULL, &r->param[i]), HOOP_OK);
    }
    assert_int_equal(hoop_params_finalize(r->store, NULL, NULL), HOOP_OK);
    for (int i = 0; i < c->tr->nin; i++) {
        if (r->param[i] != NULL && c->tr->in[i].numel > 0)
            memcpy(hoop_tensor_data(r->param[i]), c->in[i].data, (size_t)rows_bytes(&c->in[i]));
    }
    hoop_params_touch(r->store);
}

/* a copy of x whose dim d comes first, and its first in the place of that */
static hoop_view in_front(const hoop_view *x, int d)
{
    hoop_view y = *x;
    void     *data;
    if (d <= 0) return y;
    y.shape[0] = x->shape[d], y.stride[0] = x->stride[d];
    y.shape[d] = x->shape[0], y.stride[d] = x->stride[0];
    data = test_memory(rows_bytes(&y));
    hoop__view_copy(hoop_runtime_kernels(test_rt.isa[0]), &y, data);
    hoop__view_set(&y, (hoop_dtype)x->dtype, x->ndim, y.shape);
    y.data = data;
    return y;
}

/* the op on a new tape; g: of all leaves at once, NULL: of leaf l alone. axis: the outputs' dim with samples */
static void forward(hoop_runtime *rt, const rows_call *c, const rows_group *g, int l, int axis, leaf_run *r)
{
    uint64_t     leaf[ROWS_LEAVES];
    hoop_tensor *in[ROWS_IN];
    r->t = test_tape(rt);
    assert_int_equal(hoop_tape_reset(r->t, &(hoop_tape_key){7, 11, leaf_number(l)}, NULL), HOOP_OK);
    (void)hoop_tape_set_training(r->t, true);
    for (int i = 0; i < ROWS_LEAVES; i++) leaf[i] = leaf_number(i);
    if (g != NULL) assert_int_equal(hoop_tape_set_leaves(r->t, g->leaves, g->rows, leaf, NULL), HOOP_OK);
    for (int i = 0; i < c->tr->nin; i++) {
        const hoop_view *v = &r->lies[i];
        if (r->param[i] != NULL) {
            in[i] = r->in[i] = r->param[i];
            continue;
        }
        r->lies[i] = in_front(&c->in[i], c->axis[i]);
        r->in[i]   = hoop_tape_wrap(r->t, (hoop_dtype)v->dtype, v->ndim, v->shape, v->data);
        if (c->tr->in[i].is_float) r->in[i] = hoop_tape_watch(r->t, r->in[i]);
        if (g != NULL && c->axis[i] >= 0) r->in[i] = hoop_tape_samples(r->t, r->in[i]);
        in[i] = c->axis[i] > 0 ? hoop_transpose(r->t, r->in[i], 0, c->axis[i]) : r->in[i];
    }
    (void)hoop_op_call(r->t, c->tr->op, in, c->tr->nin, c->attrs, r->out);
    for (int j = 0; j < c->nout; j++) {
        if (axis > 0) r->out[j] = hoop_transpose(r->t, r->out[j], 0, axis);
        (void)hoop_retain(r->t, r->out[j]);
    }
    if (g == NULL || !hoop_tape_mixed(r->t)) on_tape(c->tr, r->t, "the call");
}

/* what leaf l loses by its outputs, weighted */
static hoop_tensor *loss_of(const rows_call *c, leaf_run *r, const rows_group *g, int l)
{
    const hoop_key key  = test_key((uint64_t)(200 + l));
    hoop_tensor   *loss = NULL;
    if (g != NULL) hoop_tape_set_leaf(r->t, l);
    for (int j = 0; j < c->nout; j++) {
        hoop_tensor *y = g != NULL ? hoop_tape_leaf_rows(r->t, r->out[j], l) : r->out[j], *sum;
        double      *w = test_memory(hoop_tensor_numel(y) * 8);
        if (!hoop_dtype_is_float(hoop_tensor_dtype(y))) continue;
        for (int64_t k = 0; k < hoop_tensor_numel(y); k++) w[k] = test_drawn(key, (uint64_t)k, -1.5, 1.5);
        sum  = weighted_sum(r->t, y, w);
        loss = loss == NULL ? sum : hoop_add(r->t, loss, sum);
    }
    return loss;
}

static void take_terms(void *ctx, int64_t first_block, int64_t nblocks, const void *const *terms, int nterms)
{
    leaf_terms *x = ctx;
    if (nterms != x->leaves) return; /* the blocks are missed afterwards */
    for (int l = 0; l < nterms; l++) memcpy(x->of[l] + (size_t)first_block * x->block, terms[l], (size_t)nblocks * x->block);
    for (int64_t b = first_block; b < first_block + nblocks; b++) x->times[b]++;
}

static leaf_terms terms_new(const hoop_params *store, int leaves)
{
    int64_t    n = hoop_params_nblocks(store);
    leaf_terms x = {.block = HOOP_BLOCK * hoop_dtype_size(hoop_params_dtype(store)), .leaves = leaves};
    for (int l = 0; l < leaves; l++) x.of[l] = test_memory(n * (int64_t)x.block);
    x.times = test_memory(n * (int64_t)sizeof *x.times);
    memset(x.times, 0, (size_t)n * sizeof *x.times);
    return x;
}

static void same_bits(const rows_call *c, const char *what, int i, int l, const void *together, const void *alone, int64_t bytes)
{
    if (bytes > 0 && memcmp(together, alone, (size_t)bytes) != 0)
        fail_msg("%s (%s): %s %d of leaf %d has other bits among others", c->tr->where,
                 hoop_dtype_name((hoop_dtype)c->out[0].dtype), what, i, l);
}

/* leaf l by itself, against what it has of r (all leaves at once) */
static void leaf_alone(const rows_call *all, const rows_group *g, int l, int axis, const leaf_run *r, const leaf_terms *terms)
{
    rows_call    leaf  = rows_leaf(all, g, l, axis);
    leaf_run     alone = *r;
    hoop_tensor *loss;
    hoop_error   err = {.status = HOOP_OK};
    forward(test_rt.isa[0], &leaf, NULL, l, axis, &alone);
    (void)hoop_tape_set_grad(r->t, false); /* its rows are only read */
    for (int j = 0; j < all->nout; j++) {
        int64_t        n        = alone.out[j]->numel * (int64_t)hoop_dtype_size(hoop_tensor_dtype(alone.out[j]));
        unsigned char *together = test_memory(n), *by_itself = test_memory(n);
        assert_int_equal(hoop_tensor_read(hoop_tape_leaf_rows(r->t, r->out[j], l), together, NULL), HOOP_OK);
        assert_int_equal(hoop_tensor_read(alone.out[j], by_itself, NULL), HOOP_OK);
        same_bits(all, "output", j, l, together, by_itself, n);
    }
    loss = loss_of(all, &alone, NULL, l);
    if (loss == NULL || !loss->needs_grad || (all->tr->op->flags & HOOP_OP_NO_DERIV) != 0) return;
    if (hoop_backward(alone.t, loss, NULL, &err) != HOOP_OK) fail_msg("%s, leaf %d: %s", all->tr->where, l, err.text);
    for (int i = 0; i < all->tr->nin; i++) {
        const hoop_tensor *dx = hoop_tensor_grad(alone.in[i]), *among = hoop_tensor_grad(r->in[i]);
        unsigned char     *together, *by_itself;
        if (r->param[i] != NULL) {
            int64_t first = hoop_params_first_block(r->store, r->param[i]->param),
                    n     = hoop_params_nblocks_of(r->store, r->param[i]->param) * (int64_t)terms->block;
            for (int64_t b = first; b < first + n / (int64_t)terms->block; b++) assert_int_equal(terms->times[b], 1);
            same_bits(all, "the gradient of parameter", i, l, terms->of[l] + (size_t)first * terms->block,
                      hoop_params_grad_of(r->store, r->param[i]->param), n);
        } else if (all->axis[i] >= 0 && all->tr->in[i].is_float) {
            if ((dx == NULL) != (among == NULL))
                fail_msg("%s: a gradient of input %d comes only alone, or not", all->tr->where, i);
            if (dx == NULL) continue;
            together  = test_memory(rows_bytes(&r->lies[i]));
            by_itself = test_memory(rows_bytes(&alone.lies[i]));
            assert_int_equal(hoop_tensor_read(among, together, NULL), HOOP_OK);
            assert_int_equal(hoop_tensor_read(dx, by_itself, NULL), HOOP_OK);
            same_bits(all, "the gradient of input", i, l, rows_part(&r->lies[i], together, 0, g, l), by_itself,
                      rows_bytes(&alone.lies[i]));
        }
    }
}

/* false: the tape finds that samples would mix */
static bool at_once(hoop_runtime *rt, const rows_call *all, const rows_group *g, int axis, leaf_run *r)
{
    leaf_terms   terms = terms_new(r->store, g->leaves);
    hoop_tensor *loss[ROWS_LEAVES];
    hoop_error   err = {.status = HOOP_OK};
    forward(rt, all, g, 0, axis, r);
    for (int l = 0; l < g->leaves; l++) loss[l] = loss_of(all, r, g, l);
    if (loss[0] != NULL && loss[0]->needs_grad && (all->tr->op->flags & HOOP_OP_NO_DERIV) == 0)
        (void)hoop_backward_leaves(r->t, loss, g->leaves, &(hoop_backward_opts){.ctx = &terms, .sum = take_terms}, &err);
    if (hoop_tape_mixed(r->t)) return false;
    on_tape(all->tr, r->t, "leaves at once");
    for (int l = 0; l < g->leaves; l++) leaf_alone(all, g, l, axis, r, &terms);
    return true;
}

static bool leaves_same(const rows_call *call, const rows_group *g)
{
    rows_call all  = *call;
    int       axis = g->leaves > 1 ? rows_axis(test_rt.isa[0], &all, g) : -1;
    bool      ran, in_dim0 = axis == 0;
    leaf_run  r;
    if (axis < 0) return false;
    for (int i = 0; i < all.tr->nin; i++) in_dim0 &= all.axis[i] <= 0;
    make_params(&all, &r);
    ran = at_once(test_rt.isa[0], &all, g, axis, &r) && at_once(test_rt.two_threads, &all, g, axis, &r);
    if (!ran && in_dim0) fail_msg("%s: %s", all.tr->where, hoop_tape_error(r.t)->text);
    hoop_params_destroy(&r.store);
    return ran;
}

void check_leaves(void **state)
{
    const hoop_op *op = *state;
    if ((op->flags & HOOP_OP_ROW_WISE) != 0 && rows_walk(op, leaves_same) == 0)
        fail_msg("%s: leaves run at once in none of its cases", op->name);
}
