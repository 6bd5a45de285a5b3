/*
 * Gradients of L = sum(out0 * w), w fixed: against differences of the naive reference; through hoop_grad, hoop_backward and
 * the parameter store; accumulated; through views; with storage released; and differentiated once more.
 */
#include "op_check.h"

#include "tape/tape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { MOST_SAMPLES = 4, MOST_SECOND_SAMPLES = 1 }; /* each calls the same on the same memory with other numbers */
#else
enum { MOST_SAMPLES = 40, MOST_SECOND_SAMPLES = 10 };
#endif

/* ---- derivatives of a function of numbers, by differences ---- */

typedef double scalar_fn(void *ctx);

/* Fourth-order central difference: f' + O(h^4). */
static double difference(scalar_fn *f, void *ctx, double *x, double h)
{
    double at = *x, a, b, c, d;
    *x        = at + h;
    a         = f(ctx);
    *x        = at - h;
    b         = f(ctx);
    *x        = at + 2.0 * h;
    c         = f(ctx);
    *x        = at - 2.0 * h;
    d         = f(ctx);
    *x        = at;
    return (8.0 * (a - b) - (c - d)) / (12.0 * h);
}

/* The derivative; false where two step sizes disagree: a kink lies between. size: of the terms of f, for their rounding. */
static bool derivative(scalar_fn *f, void *ctx, double *x, double size, double *out, double *tolerance)
{
    double coarse = difference(f, ctx, x, 0x1p-10), fine = difference(f, ctx, x, 0x1p-11);
    *out       = coarse;
    *tolerance = 2e-9 * (1.0 + fabs(coarse)) + 1e-11 * size;
    return fabs(coarse - fine) <= 4.0 * *tolerance;
}

typedef struct tally {
    int checked, skipped;
} tally;

static void tally_check(const trial *tr, const tally *n, const char *what)
{
    if (n->skipped * 10 > n->checked + 10)
        fail_msg("%s of %s: %d of %d places lie at kinks", what, tr->where, n->skipped, n->checked + n->skipped);
}

/* which element the k-th of `samples` samples of n is: the ends, and some between */
static int64_t sample(int64_t n, int64_t samples, int64_t k)
{
    if (n <= samples) return k;
    if (k < 2) return k == 0 ? 0 : n - 1;
    return (int64_t)test_uniform(4711, (uint64_t)(n * 64 + k), 0.0, (double)n - 0.001) % n;
}

/* ---- the loss by the reference ---- */

typedef struct reference_loss {
    trial        *tr;
    const double *w;
} reference_loss;

static double reference_value(void *ctx)
{
    const reference_loss *r   = ctx;
    double                sum = 0.0;
    trial_reference(r->tr);
    for (int64_t i = 0; i < r->tr->out_numel[0]; i++) sum += r->w[i] * ((const double *)r->tr->out[0].data)[i];
    return sum;
}

static double size_of_loss(const trial *tr)
{
    return tr->span * (double)(tr->out_numel[0] + tr->terms);
}

/* ---- the gradients by hoop ---- */

typedef enum how { BY_GRAD, BY_BACKWARD, BY_PARAMS } how;

typedef struct gradients {
    double *of[HOOP_MAX_IN]; /* by input; NULL: not float */
} gradients;

static hoop_status grad_of_inputs(const trial *tr, hoop_tape *t, hoop_tensor *s, hoop_tensor **leaf, int flags, hoop_tensor **dx)
{
    hoop_tensor *xs[HOOP_MAX_IN], *dxs[HOOP_MAX_IN];
    int          n = 0;
    hoop_status  st;
    for (int i = 0; i < tr->nin; i++) {
        if (tr->in[i].is_float) xs[n++] = leaf[i];
    }
    st = hoop_grad(t, s, xs, n, flags, NULL, dxs);
    n  = 0;
    for (int i = 0; i < tr->nin; i++) dx[i] = tr->in[i].is_float ? dxs[n++] : NULL;
    return st;
}

static void check_shape(const trial *tr, int i, const hoop_tensor *g)
{
    if (g == NULL) fail_msg("%s: input %d got no gradient", tr->where, i);
    if (!hoop__same_shape(&g->v, &tr->in[i].v))
        fail_msg("%s: the gradient of input %d has another shape than the input", tr->where, i);
}

static gradients gradients_by(const trial *tr, how by, hoop_dtype dtype, const double *w)
{
    gradients    g                 = {{NULL}};
    hoop_tape   *t                 = test_tape(test_rt.isa[0]);
    hoop_tensor *leaf[HOOP_MAX_IN] = {NULL}, *param[HOOP_MAX_IN] = {NULL}, *dx[HOOP_MAX_IN] = {NULL}, *y, *s;
    hoop_params *store = NULL;
    if (by == BY_PARAMS) {
        assert_int_equal(hoop_params_create(dtype, NULL, &store), HOOP_OK);
        for (int i = 0; i < tr->nin; i++) {
            char name[16];
            (void)snprintf(name, sizeof name, "in%d", i);
            if (tr->in[i].is_float)
                assert_int_equal(hoop_params_add(store, name, tr->in[i].v.ndim, tr->in[i].v.shape, NULL, &param[i]), HOOP_OK);
        }
        assert_int_equal(hoop_params_finalize(store, NULL, NULL), HOOP_OK);
    }
    for (int i = 0; i < tr->nin; i++) {
        leaf[i] = trial_tensor(tr, t, i, dtype);
        if (!tr->in[i].is_float) continue;
        if (by == BY_PARAMS) {
            assert_int_equal(hoop_tensor_assign(param[i], leaf[i], NULL), HOOP_OK);
            leaf[i] = param[i];
        } else {
            leaf[i] = hoop_tape_watch(t, leaf[i]);
        }
    }
    y = hoop_op_call(t, tr->op, leaf, tr->nin, tr->c->attrs, NULL);
    on_tape(tr, t, "the call");
    s = weighted_sum(t, y, w);
    if (by == BY_GRAD)
        (void)grad_of_inputs(tr, t, s, leaf, 0, dx);
    else
        (void)hoop_backward(t, s, NULL, NULL);
    on_tape(tr, t, "backward");
    for (int i = 0; i < tr->nin; i++) {
        if (!tr->in[i].is_float) continue;
        if (by == BY_PARAMS) {
            dx[i] = hoop_tape_wrap(t, dtype, tr->in[i].v.ndim, tr->in[i].v.shape, hoop_params_grad_of(store, param[i]->param));
        } else if (by == BY_BACKWARD) {
            dx[i] = hoop_tensor_grad(leaf[i]);
            if (dx[i] == NULL) dx[i] = hoop_fill(t, dtype, tr->in[i].v.ndim, tr->in[i].v.shape, 0.0); /* nothing came */
        }
        check_shape(tr, i, dx[i]);
        g.of[i] = as_doubles(tr, dx[i]);
    }
    hoop_params_destroy(&store);
    return g;
}

static bool differentiable(const trial *tr)
{
    return (tr->op->flags & (HOOP_OP_NO_GRAD | HOOP_OP_NO_DERIV)) == 0 && tr->nfloat > 0 &&
           hoop_dtype_is_float((hoop_dtype)tr->out[0].dtype);
}

/* an op that says NO_GRAD passes none on, one that says NO_DERIV refuses to */
static void check_no_gradient(trial *tr)
{
    hoop_tape   *t                 = test_tape(test_rt.isa[0]);
    hoop_tensor *leaf[HOOP_MAX_IN] = {NULL}, *y, *s;
    for (int i = 0; i < tr->nin; i++) {
        leaf[i] = trial_tensor(tr, t, i, HOOP_F64);
        if (tr->in[i].is_float) leaf[i] = hoop_tape_watch(t, leaf[i]);
    }
    y = hoop_op_call(t, tr->op, leaf, tr->nin, tr->c->attrs, NULL);
    on_tape(tr, t, "the call");
    if (!hoop_dtype_is_float(hoop_tensor_dtype(y))) return;
    s = hoop_sum(t, y, HOOP_ALL_DIMS, false);
    if (tr->op->flags & HOOP_OP_NO_DERIV) {
        if (hoop_backward(t, s, NULL, NULL) != HOOP_ENODERIV) fail_msg("%s says it has no derivative, and gives one", tr->where);
        return;
    }
    if (hoop_backward(t, s, NULL, NULL) != HOOP_EARG)
        fail_msg("%s says it has no gradient, and backward runs through it", tr->where);
}

static void gradient_of_case(trial *tr)
{
    const double  *w       = trial_weights(tr, 5);
    gradients      by_grad = gradients_by(tr, BY_GRAD, HOOP_F64, w), by_backward = gradients_by(tr, BY_BACKWARD, HOOP_F64, w);
    gradients      by_params = gradients_by(tr, BY_PARAMS, HOOP_F64, w), single = gradients_by(tr, BY_GRAD, HOOP_F32, w);
    reference_loss r    = {tr, w};
    tally          n    = {0, 0};
    double         size = size_of_loss(tr);
    for (int i = 0; i < tr->nin; i++) {
        int64_t numel = tr->in[i].numel, samples = numel < MOST_SAMPLES ? numel : MOST_SAMPLES;
        double *x = tr->in[i].v.data, largest = 1.0;
        if (!tr->in[i].is_float) continue;
        for (int64_t k = 0; k < samples; k++) {
            int64_t e = sample(numel, samples, k);
            double  want, tolerance, got = by_grad.of[i][e];
            if (!derivative(reference_value, &r, &x[e], size, &want, &tolerance)) {
                n.skipped++;
                continue;
            }
            n.checked++;
            if (fabs(got - want) <= tolerance) continue;
            fail_msg("gradient of %s: input %d, element %lld: %.12g, and by differences %.12g (within %.3g)", tr->where, i,
                     (long long)e, got, want, tolerance);
        }
        for (int64_t e = 0; e < numel; e++) largest = fmax(largest, fabs(by_grad.of[i][e]));
        if (memcmp(by_grad.of[i], by_backward.of[i], (size_t)numel * 8) != 0)
            fail_msg("%s: hoop_backward gives input %d other bits than hoop_grad", tr->where, i);
        if (memcmp(by_grad.of[i], by_params.of[i], (size_t)numel * 8) != 0)
            fail_msg("%s: as a parameter, input %d gets a gradient of other bits", tr->where, i);
        same_within(tr, "gradient in f32", numel, single.of[i], by_grad.of[i], trial_tolerance(tr, HOOP_F32, 4.0 * largest));
    }
    tally_check(tr, &n, "gradient");
}

void check_gradient(void **state)
{
    const hoop_op *op = *state;
    for (int i = 0; i < op->ncases; i++) {
        trial tr;
        if (op->cases[i].expect != HOOP_OK) continue;
        trial_make(&tr, op, i);
        if (differentiable(&tr))
            gradient_of_case(&tr);
        else
            check_no_gradient(&tr);
    }
}

/* ---- accumulation ---- */

static void largest_of(const gradients *g, const trial *tr, int i, double *largest)
{
    for (int64_t e = 0; e < tr->in[i].numel; e++) *largest = fmax(*largest, fabs(g->of[i][e]));
}

/* the op twice on the same leaves, with two weights; then backward a second time */
static void used_twice(const trial *tr)
{
    const double *w = trial_weights(tr, 5), *v = trial_weights(tr, 9);
    gradients     gw = gradients_by(tr, BY_GRAD, HOOP_F64, w), gv = gradients_by(tr, BY_GRAD, HOOP_F64, v);
    hoop_tape    *t = test_tape(test_rt.isa[0]);
    hoop_tensor  *leaf[HOOP_MAX_IN], *y1, *y2, *s1, *s2, *s;
    for (int i = 0; i < tr->nin; i++) {
        leaf[i] = trial_tensor(tr, t, i, HOOP_F64);
        if (tr->in[i].is_float) leaf[i] = hoop_tape_watch(t, leaf[i]);
    }
    y1 = hoop_op_call(t, tr->op, leaf, tr->nin, tr->c->attrs, NULL);
    y2 = hoop_op_call(t, tr->op, leaf, tr->nin, tr->c->attrs, NULL);
    s1 = weighted_sum(t, y1, w);
    s2 = weighted_sum(t, y2, v);
    s  = hoop_add(t, s1, s2);
    for (int round = 1; round <= 2; round++) {
        assert_int_equal(hoop_backward(t, s, &(hoop_backward_opts){.retain_graph = round == 1}, NULL), HOOP_OK);
        for (int i = 0; i < tr->nin; i++) {
            double largest = 1.0, *want = test_memory(tr->in[i].numel * 8);
            if (!tr->in[i].is_float || hoop_tensor_grad(leaf[i]) == NULL) continue;
            largest_of(&gw, tr, i, &largest);
            for (int64_t e = 0; e < tr->in[i].numel; e++) want[e] = (double)round * (gw.of[i][e] + gv.of[i][e]);
            same_within(tr, round == 1 ? "gradient of two uses" : "gradient after two passes", tr->in[i].numel,
                        as_doubles(tr, hoop_tensor_grad(leaf[i])), want, trial_tolerance(tr, HOOP_F64, 8.0 * largest));
        }
    }
}

/* One tensor as all float inputs of its shape: contributions of one node meet in one gradient. */
static void aliased(const trial *tr)
{
    const double *w    = trial_weights(tr, 5);
    trial         same = *tr;
    hoop_tape    *t    = test_tape(test_rt.isa[0]);
    hoop_tensor  *leaf[HOOP_MAX_IN], *s, *y;
    gradients     apart;
    double       *want, largest = 1.0;
    int           n = 0;
    if (tr->nin < 2 || !tr->in[0].is_float) return;
    for (int i = 1; i < tr->nin; i++) {
        if (tr->in[i].is_float && hoop__same_shape(&tr->in[i].v, &tr->in[0].v)) {
            memcpy(same.in[i].v.data, tr->in[0].v.data, (size_t)tr->in[0].numel * 8);
            n++;
        }
    }
    if (n == 0) return;
    trial_reference(&same);
    apart = gradients_by(&same, BY_GRAD, HOOP_F64, w);
    for (int i = 0; i < tr->nin; i++) leaf[i] = trial_tensor(tr, t, i, HOOP_F64);
    leaf[0] = hoop_tape_watch(t, leaf[0]);
    want    = test_memory(tr->in[0].numel * 8);
    memcpy(want, apart.of[0], (size_t)tr->in[0].numel * 8);
    largest_of(&apart, tr, 0, &largest);
    for (int i = 1; i < tr->nin; i++) {
        if (!tr->in[i].is_float || !hoop__same_shape(&tr->in[i].v, &tr->in[0].v)) continue;
        leaf[i] = leaf[0];
        for (int64_t e = 0; e < tr->in[0].numel; e++) want[e] += apart.of[i][e];
    }
    y = hoop_op_call(t, tr->op, leaf, tr->nin, tr->c->attrs, NULL);
    s = weighted_sum(t, y, w);
    assert_int_equal(hoop_backward(t, s, NULL, NULL), HOOP_OK);
    same_within(tr, "gradient of one tensor as several inputs", tr->in[0].numel, as_doubles(tr, hoop_tensor_grad(leaf[0])), want,
                trial_tolerance(tr, HOOP_F64, 8.0 * largest));
}

/* parameters: a second pass replaces, or with accumulate adds */
static void in_store(const trial *tr, bool accumulate)
{
    const double *w               = trial_weights(tr, 5);
    gradients     g               = gradients_by(tr, BY_GRAD, HOOP_F64, w);
    hoop_tape    *t               = test_tape(test_rt.isa[0]);
    hoop_tensor  *in[HOOP_MAX_IN] = {NULL};
    hoop_params  *store;
    assert_int_equal(hoop_params_create(HOOP_F64, NULL, &store), HOOP_OK);
    for (int i = 0; i < tr->nin; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "in%d", i);
        if (tr->in[i].is_float)
            assert_int_equal(hoop_params_add(store, name, tr->in[i].v.ndim, tr->in[i].v.shape, NULL, &in[i]), HOOP_OK);
    }
    assert_int_equal(hoop_params_finalize(store, NULL, NULL), HOOP_OK);
    for (int i = 0; i < tr->nin; i++) {
        hoop_tensor *x = trial_tensor(tr, t, i, HOOP_F64);
        if (tr->in[i].is_float) assert_int_equal(hoop_tensor_assign(in[i], x, NULL), HOOP_OK);
    }
    for (int pass = 0; pass < 3; pass++) {
        hoop_tensor *s, *y, *use[HOOP_MAX_IN];
        (void)hoop_tape_reset(t, NULL, NULL);
        for (int i = 0; i < tr->nin; i++) use[i] = tr->in[i].is_float ? in[i] : trial_tensor(tr, t, i, HOOP_F64);
        y = hoop_op_call(t, tr->op, use, tr->nin, tr->c->attrs, NULL);
        s = weighted_sum(t, y, w);
        assert_int_equal(hoop_backward(t, s, &(hoop_backward_opts){.accumulate = accumulate}, NULL), HOOP_OK);
    }
    for (int i = 0; i < tr->nin; i++) {
        double largest = 1.0, *want = test_memory(tr->in[i].numel * 8);
        if (!tr->in[i].is_float) continue;
        largest_of(&g, tr, i, &largest);
        for (int64_t e = 0; e < tr->in[i].numel; e++) want[e] = (accumulate ? 3.0 : 1.0) * g.of[i][e];
        same_within(tr, accumulate ? "accumulated gradient of a parameter" : "gradient of a parameter after several passes",
                    tr->in[i].numel, hoop_params_grad_of(store, in[i]->param), want,
                    trial_tolerance(tr, HOOP_F64, 8.0 * largest));
    }
    hoop_params_destroy(&store);
}

void check_accumulation(void **state)
{
    const hoop_op *op = *state;
    for (int i = 0; i < op->ncases; i++) {
        trial tr;
        if (op->cases[i].expect != HOOP_OK) continue;
        trial_make(&tr, op, i);
        if (!differentiable(&tr)) continue;
        used_twice(&tr);
        in_store(&tr, false);
        in_store(&tr, true);
        aliased(&tr); /* last: it changes the inputs */
    }
}

/* ---- inputs that are views ---- */

typedef enum layout { TRANSPOSED, SLICED, EXPANDED, LAYOUTS } layout;

/* make the values of an input such that it can be an expanded view: all rows of dim 0 are the first */
static void repeat_rows(trial_input *in)
{
    int64_t rows = in->v.ndim > 0 ? in->v.shape[0] : 1, width = rows > 0 ? in->numel / rows : 0;
    for (int64_t r = 1; r < rows; r++) memcpy((char *)in->v.data + r * width * 8, in->v.data, (size_t)width * 8);
}

/* a base tensor and the view of it that has the values of input i; *base gets the leaf */
static hoop_tensor *view_of_input(const trial *tr, hoop_tape *t, int i, layout kind, hoop_tensor **base)
{
    const trial_input *in   = &tr->in[i];
    int                ndim = in->v.ndim;
    int64_t            shape[HOOP_MAX_DIMS + 1], n = 1, first[HOOP_MAX_DIMS + 1] = {0}, step[HOOP_MAX_DIMS + 1], *bits;
    hoop_tensor       *x;
    if (ndim == 0 || (kind == TRANSPOSED && ndim < 2)) kind = SLICED;
    memcpy(shape, in->v.shape, sizeof in->v.shape);
    if (ndim == 0) shape[0] = 1;
    if (kind == TRANSPOSED) shape[ndim - 1] = in->v.shape[ndim - 2], shape[ndim - 2] = in->v.shape[ndim - 1];
    if (kind == EXPANDED) shape[0] = 1;
    for (int d = 0; d < (ndim > 0 ? ndim : 1) && kind == SLICED; d++) {
        first[d] = 1;
        shape[d] += 2;
    }
    for (int d = (ndim > 0 ? ndim : 1) - 1; d >= 0; d--) {
        step[d] = n;
        n *= shape[d];
    }
    if (kind == TRANSPOSED) {
        int64_t s      = step[ndim - 1];
        step[ndim - 1] = step[ndim - 2], step[ndim - 2] = s;
    }
    if (kind == EXPANDED) step[0] = 0;
    bits = test_memory(n * 8);
    memset(bits, 0x7F, (size_t)n * 8); /* what is not in the view: huge in f64, out of range as an index */
    for (int64_t e = 0; e < in->numel; e++) {
        int64_t at = 0, rest = e;
        for (int d = ndim - 1; d >= 0; d--) {
            at += (first[d] + rest % in->v.shape[d]) * step[d];
            rest /= in->v.shape[d];
        }
        if (ndim == 0) at = 1;
        bits[at] = ((const int64_t *)in->v.data)[e];
    }
    x = hoop_tape_tensor(t, in->dtype, ndim > 0 ? ndim : 1, shape, trial_numbers(bits, n, in->dtype));
    if (in->is_float) x = hoop_tape_watch(t, x);
    *base = x;
    if (kind == TRANSPOSED) return hoop_transpose(t, x, -1, -2);
    if (kind == EXPANDED) return hoop_expand(t, x, ndim, in->v.shape);
    for (int d = 0; d < (ndim > 0 ? ndim : 1); d++) x = hoop_slice(t, x, d, 1, ndim == 0 ? 1 : in->v.shape[d]);
    return ndim == 0 ? hoop_reshape(t, x, 0, NULL) : x;
}

/* L through views of the inputs, or through contiguous copies of those views; the output's gradient arrives transposed */
static gradients through_views(const trial *tr, const layout *kind, bool copied, const double *w, double **y_out)
{
    gradients    g = {{NULL}};
    hoop_tape   *t = test_tape(test_rt.isa[0]);
    hoop_tensor *base[HOOP_MAX_IN], *in[HOOP_MAX_IN], *y, *s;
    for (int i = 0; i < tr->nin; i++) {
        in[i] = view_of_input(tr, t, i, kind[i], &base[i]);
        on_tape(tr, t, "a view");
        if (copied) in[i] = hoop_contiguous(t, in[i]);
    }
    y = hoop_op_call(t, tr->op, in, tr->nin, tr->c->attrs, NULL);
    on_tape(tr, t, "the call on views");
    *y_out = as_doubles(tr, y);
    if (!differentiable(tr)) return g;
    if (!copied && hoop_tensor_ndim(y) >= 2) { /* w is transposed with it */
        int          ndim = hoop_tensor_ndim(y);
        hoop_tensor *v = hoop_tape_tensor(t, HOOP_F64, ndim, hoop_tensor_shape(y), w), *vt = hoop_transpose(t, v, 0, -1),
                    *yt = hoop_transpose(t, y, 0, -1);
        hoop_tensor *p  = hoop_mul(t, yt, vt);
        s               = hoop_sum(t, p, HOOP_ALL_DIMS, false);
    } else {
        s = weighted_sum(t, y, w);
    }
    (void)hoop_backward(t, s, NULL, NULL);
    on_tape(tr, t, "backward through views");
    for (int i = 0; i < tr->nin; i++) {
        hoop_tensor *dx = hoop_tensor_grad(base[i]);
        if (tr->in[i].is_float && dx != NULL) g.of[i] = as_doubles(tr, dx);
    }
    return g;
}

static void layouts_of_case(trial *tr, int turn)
{
    layout    kind[HOOP_MAX_IN];
    double   *w, *y, *y_copied;
    gradients views, copies;
    for (int i = 0; i < tr->nin; i++) {
        kind[i] = (layout)((i + turn) % LAYOUTS);
        if (kind[i] == EXPANDED) repeat_rows(&tr->in[i]);
    }
    trial_reference(tr);
    w      = trial_weights(tr, 5);
    views  = through_views(tr, kind, false, w, &y);
    copies = through_views(tr, kind, true, w, &y_copied);
    same_within(tr, "value on views", tr->out_numel[0], y, reference_doubles(tr, 0), trial_tolerance(tr, HOOP_F64, 0.0));
    for (int i = 0; i < tr->nin; i++) {
        int64_t n       = tr->in[i].numel;
        double  largest = 1.0;
        if (views.of[i] == NULL && copies.of[i] == NULL) continue;
        if (views.of[i] == NULL || copies.of[i] == NULL)
            fail_msg("%s: input %d gets a gradient only as a %s", tr->where, i, views.of[i] == NULL ? "copy" : "view");
        if (kind[i] == EXPANDED && tr->in[i].v.ndim > 0) n = tr->in[i].v.shape[0] == 0 ? 0 : n / tr->in[i].v.shape[0];
        for (int64_t e = 0; e < n; e++) largest = fmax(largest, fabs(copies.of[i][e]));
        same_within(tr, "gradient through views", n, views.of[i], copies.of[i], trial_tolerance(tr, HOOP_F64, 8.0 * largest));
    }
}

/* the gradient of a plain sum arrives as one number, expanded over the output */
static void expanded_gradient(const trial *tr)
{
    double      *ones = test_memory(tr->out_numel[0] * 8);
    gradients    want;
    hoop_tape   *t = test_tape(test_rt.isa[0]);
    hoop_tensor *leaf[HOOP_MAX_IN], *y, *s;
    for (int64_t e = 0; e < tr->out_numel[0]; e++) ones[e] = 1.0;
    want = gradients_by(tr, BY_GRAD, HOOP_F64, ones);
    for (int i = 0; i < tr->nin; i++) {
        leaf[i] = trial_tensor(tr, t, i, HOOP_F64);
        if (tr->in[i].is_float) leaf[i] = hoop_tape_watch(t, leaf[i]);
    }
    y = hoop_op_call(t, tr->op, leaf, tr->nin, tr->c->attrs, NULL);
    s = hoop_sum(t, y, HOOP_ALL_DIMS, false);
    (void)hoop_backward(t, s, NULL, NULL);
    on_tape(tr, t, "backward of a sum");
    for (int i = 0; i < tr->nin; i++) {
        double largest = 1.0;
        if (!tr->in[i].is_float || hoop_tensor_grad(leaf[i]) == NULL) continue;
        largest_of(&want, tr, i, &largest);
        same_within(tr, "gradient of a plain sum", tr->in[i].numel, as_doubles(tr, hoop_tensor_grad(leaf[i])), want.of[i],
                    trial_tolerance(tr, HOOP_F64, 8.0 * largest));
    }
}

void check_layouts(void **state)
{
    const hoop_op *op = *state;
    for (int i = 0; i < op->ncases; i++) {
        trial tr;
        if (op->cases[i].expect != HOOP_OK) continue;
        trial_make(&tr, op, i);
        if (tr.nin == 0) continue;
        if (differentiable(&tr)) expanded_gradient(&tr);
        for (int turn = 0; turn < LAYOUTS; turn++) layouts_of_case(&tr, turn);
    }
}

/* ---- reads: what backward needs is there, and nothing more is relied on ---- */

enum hold { RETAINED, RELEASED, AGAIN /* in a segment, of which nothing is kept: all of it runs again */ };

static gradients between_nodes(const trial *tr, enum hold hold, const double *w, int64_t *live)
{
    gradients    g                 = {{NULL}};
    hoop_tape   *t                 = test_tape(test_rt.isa[0]);
    hoop_tensor *leaf[HOOP_MAX_IN] = {NULL}, *in[HOOP_MAX_IN], *y, *s, *after;
    int64_t      segment;
    for (int i = 0; i < tr->nin; i++) { /* inputs made by ops, so that their storage can go */
        leaf[i] = trial_tensor(tr, t, i, HOOP_F64);
        if (tr->in[i].is_float) leaf[i] = hoop_tape_watch(t, leaf[i]);
    }
    segment = hold == AGAIN ? hoop_segment_begin(t) : -1;
    for (int i = 0; i < tr->nin; i++) in[i] = tr->in[i].is_float ? hoop_scale(t, leaf[i], 1.0) : leaf[i];
    y     = hoop_op_call(t, tr->op, in, tr->nin, tr->c->attrs, NULL);
    after = hoop_scale(t, y, 1.0); /* y itself is read by nobody else */
    s     = weighted_sum(t, after, w);
    hoop_segment_end(t, segment, &s, 1);
    (void)hoop_backward(t, s, &(hoop_backward_opts){.retain_graph = hold == RETAINED}, NULL);
    on_tape(tr, t,
            hold == AGAIN      ? "backward of a segment"
            : hold == RETAINED ? "backward with everything retained"
                               : "backward (does the op's `reads` name all that its backward reads?)");
    hoop_tape_memory(t, live, NULL, NULL);
    if (hold != RETAINED) {
        assert_true(after->released);
        if (tr->in[0].is_float && tr->nin > 0) assert_true(in[0]->released);
    }
    for (int i = 0; i < tr->nin; i++) {
        hoop_tensor *dx = tr->in[i].is_float ? hoop_tensor_grad(leaf[i]) : NULL;
        if (dx != NULL) g.of[i] = as_doubles(tr, dx);
    }
    return g;
}

void check_release(void **state)
{
    const hoop_op *op = *state;
    for (int i = 0; i < op->ncases; i++) {
        trial         tr;
        gradients     kept, released, again;
        int64_t       live_kept, live_released, live_again;
        const double *w;
        if (op->cases[i].expect != HOOP_OK) continue;
        trial_make(&tr, op, i);
        if (!differentiable(&tr)) continue;
        w        = trial_weights(&tr, 5);
        kept     = between_nodes(&tr, RETAINED, w, &live_kept);
        released = between_nodes(&tr, RELEASED, w, &live_released);
        again    = between_nodes(&tr, AGAIN, w, &live_again);
        if (live_released >= live_kept)
            fail_msg("%s: %lld bytes live after backward, %lld when all is retained", tr.where, (long long)live_released,
                     (long long)live_kept);
        for (int k = 0; k < tr.nin; k++) {
            if (kept.of[k] == NULL) continue;
            if (memcmp(kept.of[k], released.of[k], (size_t)tr.in[k].numel * 8) != 0)
                fail_msg("%s: releasing storage changes the gradient of input %d", tr.where, k);
            if (memcmp(kept.of[k], again.of[k], (size_t)tr.in[k].numel * 8) != 0)
                fail_msg("%s: run again in backward, it changes the gradient of input %d", tr.where, k);
        }
    }
}

/* ---- second derivatives ---- */

typedef struct second {
    trial  *tr;
    double *w; /* numbers that are varied too: the gradient depends on the output's gradient */
    double *v[HOOP_MAX_IN];
} second;

static hoop_tensor *first_gradients(const second *q, hoop_tape *t, hoop_tensor **leaf, hoop_tensor **weight, int flags,
                                    hoop_tensor **dx)
{
    const trial *tr = q->tr;
    hoop_tensor *y, *p, *s;
    for (int i = 0; i < tr->nin; i++) {
        leaf[i] = trial_tensor(tr, t, i, HOOP_F64);
        if (tr->in[i].is_float) leaf[i] = hoop_tape_watch(t, leaf[i]);
    }
    y = hoop_op_call(t, tr->op, leaf, tr->nin, tr->c->attrs, NULL);
    on_tape(tr, t, "the call");
    *weight = hoop_tape_tensor(t, HOOP_F64, hoop_tensor_ndim(y), hoop_tensor_shape(y), q->w);
    *weight = hoop_tape_watch(t, *weight);
    p       = hoop_mul(t, y, *weight);
    s       = hoop_sum(t, p, HOOP_ALL_DIMS, false);
    (void)grad_of_inputs(tr, t, s, leaf, flags, dx);
    on_tape(tr, t, "the first gradient");
    return s;
}

/* Z = sum over inputs of sum(dL/dx * v) */
static double second_value(void *ctx)
{
    const second *q = ctx;
    hoop_tape    *t;
    hoop_tensor  *leaf[HOOP_MAX_IN], *dx[HOOP_MAX_IN], *weight;
    double        z = 0.0;
    assert_int_equal(hoop_tape_create(test_rt.isa[0], NULL, &t), HOOP_OK);
    (void)first_gradients(q, t, leaf, &weight, 0, dx);
    for (int i = 0; i < q->tr->nin; i++) {
        const double *d;
        if (!q->tr->in[i].is_float) continue;
        d = as_doubles(q->tr, dx[i]);
        for (int64_t e = 0; e < q->tr->in[i].numel; e++) z += d[e] * q->v[i][e];
    }
    hoop_tape_destroy(&t);
    return z;
}

static void compare_second(const second *q, const char *of, int i, int64_t numel, double *x, const double *got, double size,
                           tally *n)
{
    int64_t samples = numel < MOST_SECOND_SAMPLES ? numel : MOST_SECOND_SAMPLES;
    for (int64_t k = 0; k < samples; k++) {
        int64_t e = sample(numel, samples, k);
        double  want, tolerance, have = got == NULL ? 0.0 : got[e];
        if (!derivative(second_value, (void *)(uintptr_t)q, &x[e], size, &want, &tolerance)) {
            n->skipped++;
            continue;
        }
        n->checked++;
        if (fabs(have - want) <= 8.0 * tolerance) continue;
        fail_msg("second derivative of %s by %s %d, element %lld: %.12g, and by differences of the first %.12g", q->tr->where, of,
                 i, (long long)e, have, want);
    }
}

static void second_of_case(trial *tr)
{
    second       q = {.tr = tr, .w = trial_weights(tr, 5)};
    hoop_tape   *t = test_tape(test_rt.isa[0]);
    hoop_tensor *leaf[HOOP_MAX_IN], *dx[HOOP_MAX_IN], *xs[HOOP_MAX_IN], *dxs[HOOP_MAX_IN], *weight, *z = NULL;
    tally        n     = {0, 0};
    double       size  = size_of_loss(tr) + fabs((double)tr->terms);
    int          count = 0;
    for (int i = 0; i < tr->nin; i++) {
        q.v[i] = test_memory(tr->in[i].numel * 8);
        for (int64_t e = 0; e < tr->in[i].numel; e++) q.v[i][e] = test_uniform(900 + (uint64_t)i, (uint64_t)e, -1.0, 1.0);
    }
    (void)first_gradients(&q, t, leaf, &weight, HOOP_CREATE_GRAPH, dx);
    for (int i = 0; i < tr->nin; i++) {
        hoop_tensor *part;
        if (!tr->in[i].is_float) continue;
        part        = weighted_sum(t, dx[i], q.v[i]);
        z           = z == NULL ? part : hoop_add(t, z, part);
        xs[count++] = leaf[i];
    }
    on_tape(tr, t, "the recorded gradient");
    if (z == NULL) return;
    xs[count++] = weight;
    for (int i = 0; i < count; i++) dxs[i] = NULL;
    if (z->needs_grad && hoop_grad(t, z, xs, count, 0, NULL, dxs) == HOOP_ENODERIV) return; /* a row says so */
    on_tape(tr, t, "the second derivative");
    count = 0;
    for (int i = 0; i < tr->nin; i++) {
        if (!tr->in[i].is_float) continue;
        compare_second(&q, "input", i, tr->in[i].numel, tr->in[i].v.data, dxs[count] == NULL ? NULL : as_doubles(tr, dxs[count]),
                       size, &n);
        count++;
    }
    compare_second(&q, "the output's gradient", 0, tr->out_numel[0], q.w, dxs[count] == NULL ? NULL : as_doubles(tr, dxs[count]),
                   size, &n);
    tally_check(tr, &n, "second derivative");
}

void check_second(void **state)
{
    const hoop_op *op = *state;
    for (int i = 0; i < op->ncases; i++) {
        trial tr;
        if (op->cases[i].expect != HOOP_OK) continue;
        trial_make(&tr, op, i);
        if (!differentiable(&tr)) continue;
        if (tr.nin * tr.terms * tr.out_numel[0] > 200000) continue; /* the small cases say as much */
        second_of_case(&tr);
        (void)test_tidy(NULL);
    }
}
