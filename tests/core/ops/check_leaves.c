/*
 * Leaves at once: a row-wise op of samples and parameters, forward and backward on one tape, against each leaf on a tape of its
 * own. The gradients of the parameters, leaf by leaf as the caller's sum gets them, and those of the samples have the same bits.
 */
#include "rows.h"

#include "tape/tape.h"

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
    hoop_tensor *param[ROWS_IN], *in[ROWS_IN], *out[HOOP_MAX_OUT];
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

/* the op on a new tape; g: of all leaves at once, NULL: of leaf l alone */
static void forward(hoop_runtime *rt, const rows_call *c, const rows_group *g, int l, leaf_run *r)
{
    uint64_t leaf[ROWS_LEAVES];
    r->t = test_tape(rt);
    assert_int_equal(hoop_tape_reset(r->t, &(hoop_tape_key){7, 11, leaf_number(l)}, NULL), HOOP_OK);
    (void)hoop_tape_set_training(r->t, true);
    for (int i = 0; i < ROWS_LEAVES; i++) leaf[i] = leaf_number(i);
    if (g != NULL) assert_int_equal(hoop_tape_set_leaves(r->t, g->leaves, g->rows, leaf, NULL), HOOP_OK);
    for (int i = 0; i < c->tr->nin; i++) {
        const hoop_view *v = &c->in[i];
        if (r->param[i] != NULL) {
            r->in[i] = r->param[i];
            continue;
        }
        r->in[i] = hoop_tape_wrap(r->t, (hoop_dtype)v->dtype, v->ndim, v->shape, v->data);
        if (c->tr->in[i].is_float) r->in[i] = hoop_tape_watch(r->t, r->in[i]);
        if (g != NULL && c->axis[i] >= 0) r->in[i] = hoop_tape_samples(r->t, r->in[i]);
    }
    (void)hoop_op_call(r->t, c->tr->op, r->in, c->tr->nin, c->attrs, r->out);
    on_tape(c->tr, r->t, "the call");
    for (int j = 0; j < c->nout; j++) (void)hoop_retain(r->t, r->out[j]);
}

/* what leaf l loses by its outputs, weighted */
static hoop_tensor *loss_of(const rows_call *c, leaf_run *r, const rows_group *g, int l)
{
    hoop_tensor *loss = NULL;
    if (g != NULL) hoop_tape_set_leaf(r->t, l);
    for (int j = 0; j < c->nout; j++) {
        hoop_tensor *y = g != NULL ? hoop_tape_leaf_rows(r->t, r->out[j], l) : r->out[j], *sum;
        double      *w = test_memory(hoop_tensor_numel(y) * 8);
        if (!hoop_dtype_is_float(hoop_tensor_dtype(y))) continue;
        for (int64_t k = 0; k < hoop_tensor_numel(y); k++) w[k] = test_uniform((uint64_t)(200 + l), (uint64_t)k, -1.5, 1.5);
        sum  = weighted_sum(r->t, y, w);
        loss = loss == NULL ? sum : hoop_add(r->t, loss, sum);
    }
    on_tape(c->tr, r->t, "the loss");
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
    forward(test_rt.isa[0], &leaf, NULL, l, &alone);
    for (int j = 0; j < all->nout; j++) {
        int64_t        n        = alone.out[j]->numel * (int64_t)hoop_dtype_size(hoop_tensor_dtype(alone.out[j]));
        unsigned char *together = test_memory(n), *by_itself = test_memory(n);
        assert_int_equal(hoop_tensor_read(hoop_tape_leaf_rows(r->t, r->out[j], l), together, NULL), HOOP_OK);
        assert_int_equal(hoop_tensor_read(alone.out[j], by_itself, NULL), HOOP_OK);
        same_bits(all, "output", j, l, together, by_itself, n);
    }
    loss = loss_of(all, &alone, NULL, l);
    if (loss == NULL || !loss->needs_grad) return;
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
            together  = test_memory(rows_bytes(&all->in[i]));
            by_itself = test_memory(rows_bytes(&leaf.in[i]));
            assert_int_equal(hoop_tensor_read(among, together, NULL), HOOP_OK);
            assert_int_equal(hoop_tensor_read(dx, by_itself, NULL), HOOP_OK);
            same_bits(all, "the gradient of input", i, l, rows_part(&all->in[i], together, 0, g, l), by_itself,
                      rows_bytes(&leaf.in[i]));
        }
    }
}

static void at_once(hoop_runtime *rt, const rows_call *all, const rows_group *g, int axis, leaf_run *r)
{
    leaf_terms   terms = terms_new(r->store, g->leaves);
    hoop_tensor *loss[ROWS_LEAVES];
    hoop_error   err = {.status = HOOP_OK};
    forward(rt, all, g, 0, r);
    for (int l = 0; l < g->leaves; l++) loss[l] = loss_of(all, r, g, l);
    if (loss[0] != NULL && loss[0]->needs_grad &&
        hoop_backward_leaves(r->t, loss, g->leaves, &(hoop_backward_opts){.ctx = &terms, .sum = take_terms}, &err) != HOOP_OK)
        fail_msg("%s: %s", all->tr->where, err.text);
    for (int l = 0; l < g->leaves; l++) leaf_alone(all, g, l, axis, r, &terms);
}

static bool leaves_same(const rows_call *call, const rows_group *g)
{
    rows_call all  = *call;
    int       axis = g->leaves > 1 ? rows_axis(test_rt.isa[0], &all, g) : -1;
    leaf_run  r;
    for (int i = 0; i < all.tr->nin; i++) {
        if (all.axis[i] > 0) return false; /* inputs of a tape have their samples in dim 0 */
    }
    if (axis != 0) return false; /* and so have outputs that leaves' rows are taken of */
    make_params(&all, &r);
    at_once(test_rt.isa[0], &all, g, axis, &r);
    at_once(test_rt.two_threads, &all, g, axis, &r);
    hoop_params_destroy(&r.store);
    return true;
}

void check_leaves(void **state)
{
    const hoop_op *op = *state;
    if ((op->flags & HOOP_OP_ROW_WISE) != 0 && rows_walk(op, leaves_same) == 0)
        fail_msg("%s: none of its cases has samples in dim 0 of inputs and outputs", op->name);
}
