/* attention: scaled dot-product attention in one op; its kernels are in strips.c. */
#include "ops/attention/attention.h"
#include "ops/random/random.h"
#include "runtime/blas.h"
#include "tape/tape.h"

#include <math.h>
#include <string.h>

extern const hoop_op hoop__op_attention, hoop__op_attention_grad, hoop__op_attention_dropout, hoop__op_attention_dropout_grad;

typedef hoop__attention_attrs attrs_t;
static const hoop_field       fields[] = {
          {"inputs", 'i', offsetof(attrs_t, inputs)}, {"kv_heads", 'i', offsetof(attrs_t, kv_heads)},
          {"causal", 'i', offsetof(attrs_t, causal)}, {"mask", 'i', offsetof(attrs_t, mask)},
          {"scale", 'f', offsetof(attrs_t, scale)},   {"p", 'f', offsetof(attrs_t, p)},
          {"site", 'i', offsetof(attrs_t, site)},     {"call", 'i', offsetof(attrs_t, call)},
};

static hoop_tensor *call(hoop_tape *t, hoop_tensor *const *x, attrs_t attrs, hoop_tensor *mask, const hoop_attention_opts *opts)
{
    const hoop_op *op    = &hoop__op_attention;
    hoop_tensor   *in[4] = {x[0]};
    const int      n     = (int)attrs.inputs;
    for (int i = 1; i < n; i++) in[i] = x[i];
    in[n] = mask;
    if (opts != NULL) {
        attrs.causal = opts->causal;
        attrs.scale  = opts->scale;
        attrs.p      = opts->dropout;
    }
    if (!(attrs.p >= 0.0 && attrs.p < 1.0)) { /* the op says so, in evaluation too */
        op = &hoop__op_attention_dropout;
    } else if (!t->training) {
        attrs.p = 0.0;
    } else if (attrs.p > 0.0) {
        op         = &hoop__op_attention_dropout;
        attrs.site = (int64_t)t->site;
        attrs.call = (int64_t)hoop__random_call(t);
    }
    if (mask != NULL) {
        hoop_dtype dtype = hoop_tensor_dtype(mask);
        attrs.mask       = dtype == HOOP_U8 ? HOOP_MASK_KEPT : dtype == HOOP_I64 ? HOOP_MASK_LENGTHS : HOOP_MASK_ADDED;
    }
    return hoop_op_call(t, op, in, n + (mask != NULL), &attrs, NULL);
}

/**
 * hoop_attention - scaled dot-product attention, by head.
 * Shape   q (N, H, T, D), k (N, K, S, D), v (N, K, S, E), H a multiple of K -> y (N, H, T, E), in the memory order (N, T, H, E)
 * Value   softmax(scale q k^T + mask) v; zeros for a query that may look at nothing (all keys masked, or -inf in an added mask)
 * Dropout of probabilities, in training: those of query t and key s of a head of a leaf's sample i are number
 *         ((i H + head) T + t) S' + s of the call, S' = S rounded up to a multiple of 128; never held
 * Mask    NULL; of q's dtype, added to scores; u8, 1 where a key may be looked at; both broadcast to (N, H, T, S). i64 (N): the
 *         keys of each sample, from the first on; with HOOP_CAUSAL_END its last is that of the last query
 * Grad    dq, dk, dv by one fused op that makes the scores again; of an added mask by ops that hold them all (N H T S elements)
 * Dtype   f32, f64
 * Errors  HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG (options), HOOP_ERANGE (a length)
 * Bits    those of matmul, scale, add, softmax and matmul; in dk and dv queries are summed in groups of 64
 * Source  Vaswani et al., NeurIPS 2017; grouped heads: Ainslie et al., EMNLP 2023
 *
 * q, k and v are used where they lie, whatever their strides.
 */
hoop_tensor *hoop_attention(hoop_tape *t, hoop_tensor *q, hoop_tensor *k, hoop_tensor *v, hoop_tensor *mask,
                            const hoop_attention_opts *opts)
{
    hoop_tensor *x[3], *given[3] = {q, k, v}, *y;
    for (int i = 0; i < 3; i++) {
        if (hoop_tensor_ndim(given[i]) != 4) return call(t, given, (attrs_t){.inputs = 3}, mask, opts); /* says so */
    }
    for (int i = 0; i < 3; i++) x[i] = hoop_transpose(t, given[i], 1, 2);
    y = call(t, x, (attrs_t){.inputs = 3}, mask, opts);
    return hoop_tensor_is_poison(y) ? y : hoop_transpose(t, y, 1, 2);
}

/**
 * hoop_attention_packed - the same of queries, keys and values that lie in one: H heads, kv_heads, and kv_heads.
 * Shape   qkv (N, T, H + 2 kv_heads, D) -> y (N, T, H, D)      Grad   dqkv, whole
 */
hoop_tensor *hoop_attention_packed(hoop_tape *t, hoop_tensor *qkv, int64_t kv_heads, hoop_tensor *mask,
                                   const hoop_attention_opts *opts)
{
    return call(t, &qkv, (attrs_t){.inputs = 1, .kv_heads = kv_heads}, mask, opts);
}

/**
 * hoop_attention_cross - the same of keys and values that lie in one: K heads, and K.
 * Shape   q (N, T, H, D), kv (N, S, 2 K, D) -> y (N, T, H, D)   Grad   dq, dkv
 */
hoop_tensor *hoop_attention_cross(hoop_tape *t, hoop_tensor *q, hoop_tensor *kv, hoop_tensor *mask,
                                  const hoop_attention_opts *opts)
{
    return call(t, (hoop_tensor *[]){q, kv}, (attrs_t){.inputs = 2}, mask, opts);
}

/* ---- what a call computes with ---- */

static hoop_view heads_of(const hoop_view *x, int64_t first, int64_t n)
{
    hoop_view y = *x;
    y.shape[2]  = n;
    if (y.data != NULL) y.data = (char *)y.data + first * x->stride[2] * (int64_t)hoop_dtype_size((hoop_dtype)x->dtype);
    return y;
}

void hoop__attention_parts(const hoop_view *const *in, const attrs_t *a, hoop_view part[3])
{
    const int64_t heads = in[0]->shape[2], kv = a->kv_heads;
    part[0] = *in[0];
    if (a->inputs == 3) {
        part[1] = *in[1];
        part[2] = *in[2];
    } else if (a->inputs == 2) {
        part[1] = heads_of(in[1], 0, in[1]->shape[2] / 2);
        part[2] = heads_of(in[1], in[1]->shape[2] / 2, in[1]->shape[2] / 2);
    } else {
        part[0] = heads_of(in[0], 0, heads - 2 * kv);
        part[1] = heads_of(in[0], heads - 2 * kv, kv);
        part[2] = heads_of(in[0], heads - kv, kv);
    }
}

static void mask_strides(hoop__attention *x)
{
    const int64_t full[4] = {x->n, x->heads, x->t, x->s};
    hoop_view     scores;
    hoop__view_set(&scores, HOOP_F32, 4, full);
    hoop__broadcast_strides(x->mask, &scores, x->mask_stride);
}

hoop__attention hoop__attention_of(const hoop_view *const *in, const attrs_t *a)
{
    hoop__attention x = {.a = a};
    hoop_view       part[3];
    hoop__attention_parts(in, a, part);
    x.q     = part[0];
    x.k     = part[1];
    x.v     = part[2];
    x.n     = x.q.shape[0];
    x.t     = x.q.shape[1];
    x.heads = x.q.shape[2];
    x.d     = x.q.shape[3];
    x.s     = x.k.shape[1];
    x.kv    = x.k.shape[2];
    x.e     = x.v.shape[3];
    x.scale = a->scale != 0.0 ? a->scale : 1.0 / __builtin_sqrt((double)x.d);
    if (a->mask != HOOP_MASK_NONE) x.mask = in[a->inputs];
    if (a->mask == HOOP_MASK_ADDED || a->mask == HOOP_MASK_KEPT) mask_strides(&x);
    return x;
}

int64_t hoop__attention_end(const hoop__attention *x, int64_t i)
{
    return x->a->mask == HOOP_MASK_LENGTHS ? ((const int64_t *)x->mask->data)[i * x->mask->stride[0]] : x->s;
}

int64_t hoop__attention_limit(const hoop__attention *x, int64_t i, int64_t t)
{
    int64_t end = hoop__attention_end(x, i);
    if (x->a->causal == HOOP_CAUSAL_START) return t + 1;
    return x->a->causal == HOOP_CAUSAL_END ? end - x->t + t + 1 : end;
}

int64_t hoop__attention_number(const hoop__attention *x, int64_t i, int64_t head, int64_t t)
{
    const int64_t row = (x->s + HOOP_DROPOUT_ALIGN - 1) / HOOP_DROPOUT_ALIGN * HOOP_DROPOUT_ALIGN;
    return ((i * x->heads + head) * x->t + t) * row;
}

/* ---- shapes ---- */

static hoop_status check_inputs(hoop_shape_call *s, int extra)
{
    const attrs_t *a = s->attrs;
    const int64_t  n = a->inputs;
    if (n < 1 || n > 3 || s->nin != n + (a->mask != HOOP_MASK_NONE) + extra)
        return hoop_fail(s->err, HOOP_EARG, "%d inputs, %lld of them queries, keys and values", s->nin, (long long)n);
    if (a->causal < HOOP_CAUSAL_NONE || a->causal > HOOP_CAUSAL_END)
        return hoop_fail(s->err, HOOP_EARG, "causal is %lld; it is none (0), start (1) or end (2)", (long long)a->causal);
    if (a->mask < HOOP_MASK_NONE || a->mask > HOOP_MASK_LENGTHS)
        return hoop_fail(s->err, HOOP_EARG, "a mask of kind %lld", (long long)a->mask);
    if (!(a->scale >= 0.0 && a->scale <= 1e30)) return hoop_fail(s->err, HOOP_EARG, "a scale of %g", a->scale);
    if (hoop__check_float(s, 0) != HOOP_OK) return HOOP_EDTYPE;
    for (int i = 0; i < n; i++) {
        if (s->in[i]->dtype != s->in[0]->dtype)
            return hoop_fail(s->err, HOOP_EDTYPE, "inputs of one dtype are wanted (hoop_cast)");
        if (s->in[i]->ndim != 4) return hoop_fail(s->err, HOOP_ESHAPE, "input %d has %d dims; 4 are wanted", i, s->in[i]->ndim);
    }
    if (n == 1 && (a->kv_heads < 1 || s->in[0]->shape[2] <= 2 * a->kv_heads))
        return hoop_fail(s->err, HOOP_EARG, "%lld heads of which twice %lld are of keys and values",
                         (long long)s->in[0]->shape[2], (long long)a->kv_heads);
    if (n == 2 && s->in[1]->shape[2] % 2 != 0)
        return hoop_fail(s->err, HOOP_ESHAPE, "%lld heads of keys and values: each has half of them",
                         (long long)s->in[1]->shape[2]);
    return HOOP_OK;
}

static hoop_status check_parts(hoop_shape_call *s, const hoop__attention *x)
{
    const hoop_view *k = &x->k, *v = &x->v;
    if (k->shape[0] != x->n || v->shape[0] != x->n)
        return hoop_fail(s->err, HOOP_ESHAPE, "queries of %lld samples, keys of %lld, values of %lld", (long long)x->n,
                         (long long)k->shape[0], (long long)v->shape[0]);
    if (k->shape[3] != x->d || x->d < 1 || x->e < 1)
        return hoop_fail(s->err, HOOP_ESHAPE,
                         "queries of size %lld, keys of %lld, values of %lld: the first two the same, none 0", (long long)x->d,
                         (long long)k->shape[3], (long long)x->e);
    if (v->shape[1] != x->s || v->shape[2] != x->kv)
        return hoop_fail(s->err, HOOP_ESHAPE, "%lld keys in %lld heads, %lld values in %lld: as many of both", (long long)x->s,
                         (long long)x->kv, (long long)v->shape[1], (long long)v->shape[2]);
    if (x->kv < 1 || x->heads < 1 || x->heads % x->kv != 0)
        return hoop_fail(s->err, HOOP_ESHAPE, "%lld heads of queries, %lld of keys: a multiple of these is wanted",
                         (long long)x->heads, (long long)x->kv);
    return HOOP_OK;
}

static hoop_status check_mask(hoop_shape_call *s, const hoop__attention *x)
{
    const hoop_view *m       = s->in[x->a->inputs];
    const int64_t    full[4] = {x->n, x->heads, x->t, x->s}, kind = x->a->mask;
    const int        dtype = kind == HOOP_MASK_KEPT ? HOOP_U8 : kind == HOOP_MASK_LENGTHS ? HOOP_I64 : x->q.dtype;
    bool             fits  = m->ndim <= 4;
    if (m->dtype != dtype)
        return hoop_fail(s->err, HOOP_EDTYPE, "a mask of %s: of u8, of i64 (lengths), or of the dtype of queries",
                         hoop_dtype_name((hoop_dtype)m->dtype));
    if (kind == HOOP_MASK_LENGTHS) {
        if (m->ndim == 1 && m->shape[0] == x->n) return HOOP_OK;
        return hoop_fail(s->err, HOOP_ESHAPE, "lengths of %lld samples are wanted: (N)", (long long)x->n);
    }
    for (int d = 0; d < m->ndim && fits; d++) fits = m->shape[d] == 1 || m->shape[d] == full[4 - m->ndim + d];
    if (fits) return HOOP_OK;
    return hoop_fail(s->err, HOOP_ESHAPE, "a mask is wanted that broadcasts to (%lld, %lld, %lld, %lld)", (long long)full[0],
                     (long long)full[1], (long long)full[2], (long long)full[3]);
}

static hoop_status check_all(hoop_shape_call *s, int extra, hoop__attention *x)
{
    attrs_t     unmasked;
    hoop_status st = check_inputs(s, extra);
    if (st != HOOP_OK) return st;
    unmasked      = *(const attrs_t *)s->attrs;
    unmasked.mask = HOOP_MASK_NONE;
    *x            = hoop__attention_of(s->in, &unmasked);
    x->a          = s->attrs;
    st            = check_parts(s, x);
    return st != HOOP_OK || x->a->mask == HOOP_MASK_NONE ? st : check_mask(s, x);
}

static hoop_status check_dropout(hoop_shape_call *s, bool random)
{
    const double p = ((const attrs_t *)s->attrs)->p;
    if (random && !(p >= 0.0 && p < 1.0)) return hoop_fail(s->err, HOOP_EARG, "dropout of %g is not in [0, 1)", p);
    if (!random && p != 0.0) return hoop_fail(s->err, HOOP_EARG, "dropout of %g, which attention_dropout has", p);
    return HOOP_OK;
}

static hoop_status shape_of(hoop_shape_call *s, bool random)
{
    hoop__attention x;
    hoop_status     st = check_dropout(s, random);
    if (st == HOOP_OK) st = check_all(s, 0, &x);
    if (st != HOOP_OK) return st;
    hoop__view_set(&s->out[0], (hoop_dtype)x.q.dtype, 4, (int64_t[]){x.n, x.t, x.heads, x.e});
    hoop__view_set(&s->out[1], (hoop_dtype)x.q.dtype, 4, (int64_t[]){x.n, x.heads, x.t, 2}); /* of each row, for backward */
    return HOOP_OK;
}

static hoop_status attention_shape(hoop_shape_call *s)
{
    return shape_of(s, false);
}
static hoop_status attention_dropout_shape(hoop_shape_call *s)
{
    return shape_of(s, true);
}

/* Samples are in dim 0 of all, and each is computed by itself. A mask has some, too, or is the same for all. */
static int attention_samples(const hoop_samples_call *s)
{
    const attrs_t *a = s->attrs;
    if (hoop__gemm_kernel(s->kernels, s->blas, (hoop_dtype)s->in[0]->dtype) == NULL)
        return -1; /* what is made in primitive ops is made by products of all samples */
    for (int i = 0; i < s->nin; i++) {
        const hoop_view *m = s->in[i];
        if (i != a->inputs || a->mask == HOOP_MASK_NONE || a->mask == HOOP_MASK_LENGTHS || s->axis[i] >= 0) {
            if (s->axis[i] != 0) return -1;
            if (i == a->inputs && (a->mask == HOOP_MASK_ADDED || a->mask == HOOP_MASK_KEPT) &&
                (m->ndim != 4 || m->shape[0] != s->in[0]->shape[0]))
                return -1;
        } else if (m->ndim == 4 && m->shape[0] != 1) {
            return -1;
        }
    }
    return 0;
}

/* queries times keys that are looked at, without a mask */
static double pairs_of(const hoop__attention *x)
{
    double pairs = 0.0;
    for (int64_t t = 0; t < x->t; t++) {
        int64_t n = x->a->causal == HOOP_CAUSAL_NONE ? x->s : x->a->causal == HOOP_CAUSAL_START ? t + 1 : x->s - x->t + t + 1;
        pairs += (double)(n < 0 ? 0 : n < x->s ? n : x->s);
    }
    return pairs * (double)x->n * (double)x->heads;
}

static double attention_flops(const hoop_call *c)
{
    hoop__attention x = hoop__attention_of(c->in, c->attrs);
    return 2.0 * pairs_of(&x) * (double)(x.d + x.e);
}

static double attention_grad_flops(const hoop_call *c)
{
    hoop__attention x = hoop__attention_of(c->in, c->attrs);
    return 2.0 * pairs_of(&x) * (double)(3 * x.d + 2 * x.e);
}

/* ---- in primitive ops: for second derivatives and the gradient of a mask ---- */

/* by head of keys: q (N, K, G, T, D), k (N, K, 1, S, D), v (N, K, 1, S, E); scores are (N, K, G, T, S) */
typedef struct pieces {
    hoop_tape      *t;
    hoop__attention x;
    hoop_tensor    *part[3], *q, *k, *v, *mask, *kept; /* kept: what probabilities are multiplied by; NULL: nothing is dropped */
    int64_t         group;
} pieces;

/* (N, T, H, D) -> (N, K, G, T, D), and back */
static hoop_tensor *by_group(hoop_tape *t, hoop_tensor *x, int64_t kv)
{
    const int64_t *n = hoop_tensor_shape(x), shape[5] = {n[0], n[1], kv, n[2] / kv, n[3]};
    x = hoop_reshape(t, x, 5, shape);
    x = hoop_transpose(t, x, 1, 2);
    return hoop_transpose(t, x, 2, 3);
}
static hoop_tensor *from_group(hoop_tape *t, hoop_tensor *x)
{
    int64_t shape[4];
    x        = hoop_transpose(t, x, 2, 3);
    x        = hoop_transpose(t, x, 1, 2);
    shape[0] = hoop_tensor_size(x, 0);
    shape[1] = hoop_tensor_size(x, 1);
    shape[2] = hoop_tensor_size(x, 2) * hoop_tensor_size(x, 3);
    shape[3] = hoop_tensor_size(x, 4);
    return hoop_reshape(t, x, 4, shape);
}
/* (N, K, G, S, D) -> (N, S, K, D), summed over groups */
static hoop_tensor *from_groups(hoop_tape *t, hoop_tensor *x)
{
    x = hoop_sum(t, x, 1u << 2, false);
    return hoop_transpose(t, x, 1, 2);
}

/* (N, K, G, T, S): 0 where a probability is dropped, else 1 / (1 - p). Of ones that are made of q, since their samples decide. */
static hoop_tensor *kept_of(hoop_tape *t, const hoop__attention *x, hoop_tensor *q)
{
    const int64_t row = (x->s + HOOP_DROPOUT_ALIGN - 1) / HOOP_DROPOUT_ALIGN * HOOP_DROPOUT_ALIGN;
    hoop_tensor  *one = hoop_fill(t, (hoop_dtype)x->q.dtype, 0, NULL, 1.0), *y;
    y                 = hoop_slice(t, q, 4, 0, 1);
    y                 = hoop_isnan(t, y);
    y                 = hoop_less_equal(t, y, one);
    y                 = hoop_expand(t, y, 5, (int64_t[]){x->n, x->kv, x->heads / x->kv, x->t, row});
    y                 = hoop__dropout_of(t, y, x->a->p, x->a->site, x->a->call);
    return hoop_slice(t, y, 4, 0, x->s);
}

static pieces pieces_of(hoop_tape *t, hoop_tensor *const *in, const attrs_t *a)
{
    pieces           p = {.t = t};
    const hoop_view *views[4];
    hoop_tensor     *x = in[0];
    for (int i = 0; i < a->inputs + (a->mask != HOOP_MASK_NONE); i++) views[i] = hoop_tensor_view(in[i]);
    p.x       = hoop__attention_of(views, a);
    p.group   = p.x.heads / p.x.kv;
    p.mask    = a->mask != HOOP_MASK_NONE ? in[a->inputs] : NULL;
    p.part[0] = x;
    if (a->inputs == 3) {
        p.part[1] = in[1];
        p.part[2] = in[2];
    } else {
        int64_t first = 0;
        if (a->inputs == 1) {
            p.part[0] = hoop_slice(t, x, 2, 0, p.x.heads);
            first     = p.x.heads;
        } else {
            x = in[1];
        }
        p.part[1] = hoop_slice(t, x, 2, first, p.x.kv);
        p.part[2] = hoop_slice(t, x, 2, first + p.x.kv, p.x.kv);
    }
    p.q = by_group(t, p.part[0], p.x.kv);
    p.k = by_group(t, p.part[1], p.x.kv);
    p.v = by_group(t, p.part[2], p.x.kv);
    if (a->p > 0.0) p.kept = kept_of(t, &p.x, p.q);
    return p;
}

/* constants (T, S): how many keys there must be that query t may look at key s, and whether the first query's place lets it */
static hoop_tensor *places(const pieces *p, bool at_start)
{
    const hoop__attention *x    = &p->x;
    hoop_tensor           *y    = hoop_tape_tensor(p->t, (hoop_dtype)x->q.dtype, 2, (int64_t[]){x->t, x->s}, NULL);
    void                  *data = hoop_tensor_data(y);
    for (int64_t i = 0; i < x->t * x->s && data != NULL; i++) {
        const int64_t t = i / x->s, s = i % x->s, wanted = s + 1 + (x->a->causal == HOOP_CAUSAL_END ? x->t - 1 - t : 0);
        const double  value = at_start ? (x->a->causal != HOOP_CAUSAL_START || s <= t ? 1.0 : 0.0) : (double)wanted - 0.5;
        if (x->q.dtype == HOOP_F32)
            ((float *)data)[i] = (float)value;
        else
            ((double *)data)[i] = value;
    }
    return y;
}

/* a mask as scores are: (N or 1, K, G, T, S) */
static hoop_tensor *mask_by_group(const pieces *p, hoop_tensor *mask)
{
    const hoop__attention *x       = &p->x;
    const int64_t          n       = hoop_tensor_ndim(mask) == 4 ? hoop_tensor_size(mask, 0) : 1;
    const int64_t          full[4] = {n, x->heads, x->t, x->s}, shape[5] = {n, x->kv, p->group, x->t, x->s};
    mask = hoop_expand(p->t, mask, 4, full);
    return hoop_reshape(p->t, mask, 5, shape);
}

/* 1 where a query may look at a key, apart from an added mask: (T, S), or (N, K, G, T, S) where a mask says so */
static hoop_tensor *shown(const pieces *p)
{
    const hoop__attention *x      = &p->x;
    hoop_tape             *t      = p->t;
    const hoop_dtype       dtype  = (hoop_dtype)x->q.dtype;
    const int64_t          one[5] = {x->n, 1, 1, 1, 1};
    hoop_tensor           *start = places(p, true), *wanted = places(p, false), *y;
    if (x->a->mask == HOOP_MASK_LENGTHS) {
        y = hoop_cast(t, p->mask, dtype);
        y = hoop_reshape(t, y, 5, one);
    } else {
        y = hoop_fill(t, dtype, 0, NULL, (double)x->s);
    }
    y = hoop_greater(t, y, wanted);
    y = hoop_mul(t, y, start);
    if (x->a->mask == HOOP_MASK_KEPT) {
        hoop_tensor *m = hoop_cast(t, p->mask, dtype);
        m              = mask_by_group(p, m);
        y              = hoop_mul(t, m, y);
    }
    return y;
}

/* probabilities (N, K, G, T, S): of softmax, or of what the fused op kept of each row */
static hoop_tensor *probabilities(const pieces *p, hoop_tensor *kept)
{
    hoop_tape             *t      = p->t;
    const hoop__attention *x      = &p->x;
    const int64_t          row[5] = {x->n, x->kv, p->group, x->t, 2};
    hoop_tensor           *zero = hoop_fill(t, (hoop_dtype)x->q.dtype, 0, NULL, 0.0), *kt = hoop_transpose(t, p->k, -2, -1);
    hoop_tensor *none = hoop_fill(t, (hoop_dtype)x->q.dtype, 0, NULL, -(double)INFINITY), *look = shown(p), *alive, *s, *m, *r;
    s = hoop_matmul(t, p->q, kt);
    s = hoop_scale(t, s, x->scale);
    if (x->a->mask == HOOP_MASK_ADDED) {
        m    = mask_by_group(p, p->mask);
        s    = hoop_add(t, s, m);
        m    = hoop_greater(t, m, none);
        look = hoop_mul(t, look, m);
    }
    alive = hoop_sum(t, look, 1u << (hoop_tensor_ndim(look) - 1), true);
    s     = hoop_where(t, look, s, none);
    s     = hoop_where(t, alive, s, zero); /* of a query that may look at none there comes no NaN */
    if (kept == NULL) {
        s = hoop_softmax(t, s);
    } else {
        kept = hoop_reshape(t, kept, 5, row);
        m    = hoop_slice(t, kept, 4, 0, 1);
        r    = hoop_slice(t, kept, 4, 1, 1);
        s    = hoop_sub(t, s, m);
        s    = hoop_exp(t, s);
        s    = hoop_mul(t, s, r);
    }
    return hoop_where(t, alive, s, zero);
}

/* what of probabilities is left */
static hoop_tensor *left_of(const pieces *p, hoop_tensor *probability)
{
    return p->kept == NULL ? probability : hoop_mul(p->t, probability, p->kept);
}

/* the gradient of scores before the scale: p (dy v^T - sum of p dy v^T), dy v^T where nothing is dropped */
static hoop_tensor *scores_gradient(const pieces *p, hoop_tensor *probability, hoop_tensor *dy)
{
    hoop_tape   *t  = p->t;
    hoop_tensor *vt = hoop_transpose(t, p->v, -2, -1), *dp, *product, *dot, *rest;
    dp              = hoop_matmul(t, dy, vt);
    dp              = left_of(p, dp);
    product         = hoop_mul(t, probability, dp);
    dot             = hoop_sum(t, product, 1u << 4, true);
    rest            = hoop_sub(t, dp, dot);
    return hoop_mul(t, probability, rest);
}

/* gradients of q, k, v: (N, T, H, D), (N, S, K, D), (N, S, K, E) */
static void gradients(const pieces *p, hoop_tensor *probability, hoop_tensor *dy, hoop_tensor *grad[3])
{
    hoop_tape   *t  = p->t;
    hoop_tensor *g  = by_group(t, dy, p->x.kv);
    hoop_tensor *ds = scores_gradient(p, probability, g), *turned;
    ds              = hoop_scale(t, ds, p->x.scale);
    grad[0]         = hoop_matmul(t, ds, p->k);
    grad[0]         = from_group(t, grad[0]);
    turned          = hoop_transpose(t, ds, -2, -1);
    grad[1]         = hoop_matmul(t, turned, p->q);
    grad[1]         = from_groups(t, grad[1]);
    probability     = left_of(p, probability);
    turned          = hoop_transpose(t, probability, -2, -1);
    grad[2]         = hoop_matmul(t, turned, g);
    grad[2]         = from_groups(t, grad[2]);
}

/* gradients as the inputs lie; how many */
static int join(hoop_tape *t, const attrs_t *a, hoop_tensor *grad[3])
{
    if (a->inputs == 1) grad[0] = hoop_concat(t, grad, 3, 2);
    if (a->inputs == 2) grad[1] = hoop_concat(t, grad + 1, 2, 2);
    return (int)a->inputs;
}

/* ---- backward ---- */

static void mask_backward(hoop_backward_call *b)
{
    const attrs_t *a       = b->attrs;
    const pieces   p       = pieces_of(b->t, b->in, a);
    const int64_t  full[4] = {p.x.n, p.x.heads, p.x.t, p.x.s};
    hoop_tensor   *probability, *dy, *ds;
    probability = probabilities(&p, b->t->create_graph ? NULL : b->out[1]);
    dy          = by_group(b->t, b->dy[0], p.x.kv);
    ds          = scores_gradient(&p, probability, dy);
    if (hoop_sink(b, (int)a->inputs)) hoop_reshape(b->t, ds, 4, full);
}

/* of second derivatives: in ops that have derivatives themselves */
static void primitive_backward(hoop_backward_call *b)
{
    const pieces p = pieces_of(b->t, b->in, b->attrs);
    hoop_tensor *grad[3], *probability = probabilities(&p, NULL);
    gradients(&p, probability, b->dy[0], grad);
    for (int i = 0, n = join(b->t, b->attrs, grad); i < n; i++) hoop_pass(b, i, grad[i]);
}

static void attention_backward(hoop_backward_call *b)
{
    const attrs_t *a = b->attrs;
    const int      n = (int)a->inputs;
    hoop_tensor   *in[6], *grad[3];
    bool           any = false;
    if (b->dy[0] == NULL) return; /* what is kept of rows is nobody else's */
    for (int i = 0; i < n; i++) any |= hoop_needs(b, i);
    if (any && b->t->create_graph) primitive_backward(b);
    if (any && !b->t->create_graph) {
        for (int i = 0; i < b->nin; i++) in[i] = b->in[i];
        in[b->nin]     = b->out[1];
        in[b->nin + 1] = b->dy[0];
        if (n == 1) (void)hoop_sink(b, 0);
        hoop_op_call(b->t, a->p > 0.0 ? &hoop__op_attention_dropout_grad : &hoop__op_attention_grad, in, b->nin + 2, a, grad);
        for (int i = 0; i < n && n > 1; i++) hoop_pass(b, i, grad[i]);
    }
    if (a->mask == HOOP_MASK_ADDED && hoop_needs(b, n)) mask_backward(b);
}

static uint64_t attention_reads(const void *attrs, int nin)
{
    uint64_t reads = HOOP_READS_OUT(1);
    (void)attrs;
    for (int i = 0; i < nin; i++) reads |= HOOP_READS_IN(i);
    return reads;
}

/* ---- references ---- */

static double at4(const hoop_view *x, int64_t a, int64_t b, int64_t c, int64_t d)
{
    return ((const double *)x->data)[a * x->stride[0] + b * x->stride[1] + c * x->stride[2] + d * x->stride[3]];
}

/* may query t look at key s, in a reference, where whole numbers are i64 */
static bool reference_looks(const hoop__attention *x, int64_t i, int64_t head, int64_t t, int64_t s)
{
    const int64_t *step = x->mask_stride, at = i * step[0] + head * step[1] + t * step[2] + s * step[3];
    if (s >= hoop__attention_limit(x, i, t) || s >= hoop__attention_end(x, i)) return false;
    if (x->a->mask != HOOP_MASK_KEPT) return true;
    return x->mask->dtype == HOOP_U8 ? ((const uint8_t *)x->mask->data)[at] != 0 : ((const int64_t *)x->mask->data)[at] != 0;
}

/* the score of a query and a key; -inf where it may not look at it */
static double reference_score(const hoop__attention *x, int64_t i, int64_t head, int64_t t, int64_t s)
{
    const int64_t *step = x->mask_stride;
    double         sum  = 0.0;
    if (!reference_looks(x, i, head, t, s)) return -(double)INFINITY;
    for (int64_t d = 0; d < x->d; d++) sum += at4(&x->q, i, t, head, d) * at4(&x->k, i, s, head / (x->heads / x->kv), d);
    sum *= x->scale;
    if (x->a->mask == HOOP_MASK_ADDED)
        sum += ((const double *)x->mask->data)[i * step[0] + head * step[1] + t * step[2] + s * step[3]];
    return sum;
}

/* what a probability is multiplied by */
static double reference_kept(const hoop_call *c, const hoop__attention *x, int64_t i, int64_t head, int64_t t, int64_t s)
{
    const double p = x->a->p;
    if (p == 0.0) return 1.0;
    return (double)hoop_random_f32(hoop__random_key(c, x->a->site, x->a->call),
                                   (uint64_t)(hoop__attention_number(x, i, head, t) + s)) >= p
               ? 1.0 / (1.0 - p)
               : 0.0;
}

static void attention_reference(const hoop_call *c)
{
    const hoop__attention x = hoop__attention_of(c->in, c->attrs);
    double               *y = c->out[0].data, *kept = c->out[1].data;
    for (int64_t r = 0; r < x.n * x.heads * x.t; r++) {
        const int64_t t = r % x.t, head = r / x.t % x.heads, i = r / x.t / x.heads;
        double        largest = -(double)INFINITY, sum = 0.0, *row = y + ((i * x.t + t) * x.heads + head) * x.e;
        for (int64_t e = 0; e < x.e; e++) row[e] = 0.0;
        for (int64_t s = 0; s < x.s; s++) largest = fmax(largest, reference_score(&x, i, head, t, s));
        for (int64_t s = 0; s < x.s && largest > -(double)INFINITY; s++) sum += exp(reference_score(&x, i, head, t, s) - largest);
        for (int64_t s = 0; s < x.s && sum > 0.0; s++) {
            double p = exp(reference_score(&x, i, head, t, s) - largest) / sum * reference_kept(c, &x, i, head, t, s);
            for (int64_t e = 0; e < x.e; e++) row[e] += p * at4(&x.v, i, s, head / (x.heads / x.kv), e);
        }
        kept[2 * r]     = sum > 0.0 ? largest : 0.0;
        kept[2 * r + 1] = sum > 0.0 ? 1.0 / sum : 0.0;
    }
}

static double *at_gradient(const hoop_view *x, int64_t a, int64_t b, int64_t c)
{
    return (double *)x->data + a * x->stride[0] + b * x->stride[1] + c * x->stride[2];
}

static void attention_grad_reference(const hoop_call *c)
{
    const attrs_t        *a      = c->attrs;
    const hoop__attention x      = hoop__attention_of(c->in, a);
    const hoop_view      *out[3] = {&c->out[0], c->nout > 1 ? &c->out[1] : NULL, c->nout > 2 ? &c->out[2] : NULL};
    const double         *kept = c->in[c->nin - 2]->data, *dy = c->in[c->nin - 1]->data;
    hoop_view             grad[3];
    for (int j = 0; j < c->nout; j++) memset(c->out[j].data, 0, (size_t)hoop__view_numel(&c->out[j]) * sizeof(double));
    hoop__attention_parts(out, a, grad);
    for (int64_t r = 0; r < x.n * x.heads * x.t; r++) {
        const int64_t t = r % x.t, head = r / x.t % x.heads, i = r / x.t / x.heads, kv = head / (x.heads / x.kv);
        const double *g   = dy + ((i * x.t + t) * x.heads + head) * x.e;
        double        dot = 0.0;
        for (int pass = 0; pass < 2; pass++) {
            for (int64_t s = 0; s < x.s; s++) {
                const double left = reference_kept(c, &x, i, head, t, s);
                double       p = exp(reference_score(&x, i, head, t, s) - kept[2 * r]) * kept[2 * r + 1], dp = 0.0, ds;
                for (int64_t e = 0; e < x.e; e++) dp += left * g[e] * at4(&x.v, i, s, kv, e);
                if (pass == 0) {
                    dot += p * dp;
                    continue;
                }
                ds = p * (dp - dot) * x.scale;
                for (int64_t d = 0; d < x.d; d++) at_gradient(&grad[0], i, t, head)[d] += ds * at4(&x.k, i, s, kv, d);
                for (int64_t d = 0; d < x.d; d++) at_gradient(&grad[1], i, s, kv)[d] += ds * at4(&x.q, i, t, head, d);
                for (int64_t e = 0; e < x.e; e++) at_gradient(&grad[2], i, s, kv)[e] += p * left * g[e];
            }
        }
    }
}

/* ---- the rows ---- */

static const attrs_t plain = {.inputs = 3}, causal = {.inputs = 3, .causal = HOOP_CAUSAL_START},
                     at_end = {.inputs = 3, .causal = HOOP_CAUSAL_END}, scaled = {.inputs = 3, .scale = 0.7},
                     added   = {.inputs = 3, .mask = HOOP_MASK_ADDED, .causal = HOOP_CAUSAL_START},
                     masked  = {.inputs = 3, .mask = HOOP_MASK_KEPT},
                     lengths = {.inputs = 3, .mask = HOOP_MASK_LENGTHS, .causal = HOOP_CAUSAL_END}, cross = {.inputs = 2},
                     packed = {.inputs = 1, .kv_heads = 2, .causal = HOOP_CAUSAL_START}, few_heads = {.inputs = 1, .kv_heads = 3},
                     wild = {.inputs = 3, .causal = 5}, mad = {.inputs = 3, .scale = -1.0}, four = {.inputs = 4},
                     odd_mask = {.inputs = 3, .mask = 9};

static const attrs_t half   = {.inputs = 3, .p = 0.5, .site = 7, .call = 9},
                     fourth = {.inputs = 1, .kv_heads = 2, .causal = HOOP_CAUSAL_START, .p = 0.25, .site = 3},
                     tenth  = {.inputs = 3, .mask = HOOP_MASK_LENGTHS, .causal = HOOP_CAUSAL_END, .p = 0.1, .call = 1},
                     third = {.inputs = 2, .p = 0.3}, of_added = {.inputs = 3, .mask = HOOP_MASK_ADDED, .p = 0.25, .scale = 0.7},
                     of_kept = {.inputs = 3, .mask = HOOP_MASK_KEPT, .p = 0.5}, all = {.inputs = 3, .p = 1.0};

static const hoop_case cases[] = {
    {"2x5x3x4 2x7x3x4 2x7x3x2", &plain},
    {"1x1x1x1 1x1x1x1 1x1x1x1", &plain},
    {"1x67x2x1 1x67x1x1 1x67x1x1", &causal},
    {"2x3x4x3 2x6x2x3 2x6x2x3", &at_end},
    {"1x9x1x3 1x4x1x3 1x4x1x3", &at_end}, /* the first five look at nothing */
    {"2x1x2x3 2x11x2x3 2x11x2x3", &scaled},
    {"2x3x2x3 2x4x1x3 2x4x1x2 2x3x4", &added},
    {"2x3x2x3 2x4x2x3 2x4x2x2 u8:2x1x3x4<2", &masked},
    {"2x9x1x3 2x4x1x3 2x4x1x2 u8:9x4<2", &masked},
    {"2x3x2x3 2x4x2x3 2x4x2x2 2x2x3x1", &added},
    {"3x2x2x3 3x5x2x3 3x5x2x2 i64:3<5", &lengths},
    {"2x3x2x3 2x5x4x3", &cross},
    {"2x5x8x3", &packed},
    {"0x3x2x3 0x4x2x3 0x4x2x3", &plain},
    {"2x0x2x3 2x4x2x3 2x4x2x3", &plain},
    {"2x3x2x3 2x0x2x3 2x0x2x3", &plain},
    {"2x3x2x3 2x4x2x3 2x4x2x3", &half, HOOP_EARG},
    {"2x3x2x3 2x4x2x3", &plain, HOOP_EARG},
    {"2x3x2x3 2x4x2x3 2x4x2x3", &wild, HOOP_EARG},
    {"2x3x2x3 2x4x2x3 2x4x2x3", &mad, HOOP_EARG},
    {"2x3x2x3 2x4x2x3 2x4x2x3 4", &four, HOOP_EARG},
    {"2x3x2x3 2x4x2x3 2x4x2x3 4", &odd_mask, HOOP_EARG},
    {"2x5x6x3", &few_heads, HOOP_EARG},
    {"2x3x2x3 3x4x2x3 3x4x2x3", &plain, HOOP_ESHAPE},
    {"2x3x2x3 2x4x2x5 2x4x2x3", &plain, HOOP_ESHAPE},
    {"2x3x2x0 2x4x2x0 2x4x2x3", &plain, HOOP_ESHAPE},
    {"2x3x2x3 2x4x2x3 2x5x2x3", &plain, HOOP_ESHAPE},
    {"2x3x2x3 2x4x2x3 2x4x1x3", &plain, HOOP_ESHAPE},
    {"2x3x3x3 2x4x2x3 2x4x2x3", &plain, HOOP_ESHAPE},
    {"2x3x2 2x4x2x3 2x4x2x3", &plain, HOOP_ESHAPE},
    {"2x3x2x3 2x5x3x3", &cross, HOOP_ESHAPE},
    {"2x3x2x3 2x4x1x3 2x4x1x2 2x3x5", &added, HOOP_ESHAPE},
    {"2x3x2x3 2x4x1x3 2x4x1x2 i64:2x4<2", &added, HOOP_EDTYPE},
    {"2x3x2x3 2x4x1x3 2x4x1x2 2x3x4", &masked, HOOP_EDTYPE},
    {"3x2x2x3 3x5x2x3 3x5x2x2 i64:2<5", &lengths, HOOP_ESHAPE},
    {"64x2x2x3 64x5x2x3 64x5x2x2 i64:64<99", &lengths, HOOP_ERANGE},
    {"2x3x2x3 2x4x2x3 i64:2x4x2x3<9", &plain, HOOP_EDTYPE},
    {"i64:2x3x2x3<9 2x4x2x3 2x4x2x3", &plain, HOOP_EDTYPE},
};

const hoop_op hoop__op_attention = {
    .name       = "attention",
    .min_in     = 1,
    .max_in     = 4,
    .nout       = 2,
    .flags      = HOOP_OP_STRIDED | HOOP_OP_ROW_WISE,
    .reads_of   = attention_reads,
    .attrs_size = sizeof(attrs_t),
    HOOP_FIELDS(fields),
    .shape     = attention_shape,
    .forward   = hoop__attention_forward,
    .workspace = hoop__attention_workspace,
    .backward  = attention_backward,
    .reference = attention_reference,
    .samples   = attention_samples,
    .flops     = attention_flops,
    HOOP_CASES(cases),
};

static const hoop_case dropout_cases[] = {
    {"2x5x3x4 2x7x3x4 2x7x3x2", &half},
    {"1x67x2x1 1x130x2x1 1x130x2x1", &half},
    {"2x5x8x3", &fourth},
    {"3x2x2x3 3x5x2x3 3x5x2x2 i64:3<5", &tenth},
    {"2x3x4x3 2x5x4x3", &third},
    {"2x3x2x3 2x4x1x3 2x4x1x2 2x3x4", &of_added},
    {"2x3x2x3 2x4x2x3 2x4x2x2 u8:2x1x3x4<2", &of_kept},
    {"0x3x2x3 0x4x2x3 0x4x2x3", &half},
    {"2x3x2x3 2x4x2x3 2x4x2x3", &all, HOOP_EARG},
    {"2x3x2x3 2x4x2x3", &half, HOOP_EARG},
    {"2x3x2x3 2x4x2x3 2x4x2x3", &wild, HOOP_EARG},
    {"2x3x2x3 2x4x2x3 2x4x2x3", &mad, HOOP_EARG},
    {"2x3x2x3 2x4x2x3 2x4x2x3 4", &four, HOOP_EARG},
    {"2x3x2x3 2x4x2x3 2x4x2x3 4", &odd_mask, HOOP_EARG},
    {"2x5x6x3", &few_heads, HOOP_EARG},
    {"2x3x2x3 3x4x2x3 3x4x2x3", &half, HOOP_ESHAPE},
    {"2x3x2x3 2x4x2x5 2x4x2x3", &half, HOOP_ESHAPE},
    {"2x3x2x3 2x4x2x3 2x5x2x3", &half, HOOP_ESHAPE},
    {"2x3x3x3 2x4x2x3 2x4x2x3", &half, HOOP_ESHAPE},
    {"2x3x2 2x4x2x3 2x4x2x3", &half, HOOP_ESHAPE},
    {"2x3x2x3 2x4x1x3 2x4x1x2 2x3x5", &of_added, HOOP_ESHAPE},
    {"2x3x2x3 2x4x1x3 2x4x1x2 i64:2x4<2", &of_added, HOOP_EDTYPE},
    {"3x2x2x3 3x5x2x3 3x5x2x2 i64:2<5", &tenth, HOOP_ESHAPE},
    {"64x2x2x3 64x5x2x3 64x5x2x2 i64:64<99", &tenth, HOOP_ERANGE},
    {"2x3x2x3 2x4x2x3 i64:2x4x2x3<9", &half, HOOP_EDTYPE},
};

/* The same with dropout: random, so that each leaf is a call of its own. */
const hoop_op hoop__op_attention_dropout = {
    .name       = "attention_dropout",
    .min_in     = 1,
    .max_in     = 4,
    .nout       = 2,
    .flags      = HOOP_OP_STRIDED | HOOP_OP_ROW_WISE | HOOP_OP_RANDOM,
    .reads_of   = attention_reads,
    .attrs_size = sizeof(attrs_t),
    HOOP_FIELDS(fields),
    .shape     = attention_dropout_shape,
    .forward   = hoop__attention_forward,
    .workspace = hoop__attention_workspace,
    .backward  = attention_backward,
    .reference = attention_reference,
    .samples   = attention_samples,
    .flops     = attention_flops,
    HOOP_CASES(dropout_cases),
};

/* attention_grad: the inputs of attention, what it kept of rows, dy (N, T, H, E) -> gradients of q, k, v, as the inputs lie */
static int attention_grad_nouts(int nin, const void *attrs)
{
    (void)nin;
    return (int)((const attrs_t *)attrs)->inputs;
}
static hoop_status grad_shape_of(hoop_shape_call *s, bool random)
{
    hoop__attention  x;
    hoop_status      st = check_dropout(s, random);
    const hoop_view *kept, *dy;
    hoop_view        want[2];
    if (st == HOOP_OK) st = check_all(s, 2, &x);
    if (st != HOOP_OK) return st;
    kept = s->in[s->nin - 2];
    dy   = s->in[s->nin - 1];
    hoop__view_set(&want[0], (hoop_dtype)x.q.dtype, 4, (int64_t[]){x.n, x.heads, x.t, 2});
    hoop__view_set(&want[1], (hoop_dtype)x.q.dtype, 4, (int64_t[]){x.n, x.t, x.heads, x.e});
    if (kept->dtype != x.q.dtype || dy->dtype != x.q.dtype)
        return hoop_fail(s->err, HOOP_EDTYPE, "inputs of one dtype are wanted (hoop_cast)");
    if (!hoop__same_shape(kept, &want[0]) || !hoop__same_shape(dy, &want[1]))
        return hoop_fail(s->err, HOOP_ESHAPE, "what was kept of rows (N, H, T, 2) and dy (N, T, H, E) are wanted");
    for (int j = 0; j < s->nout; j++) hoop__out_like(&s->out[j], s->in[j]);
    return HOOP_OK;
}
static hoop_status attention_grad_shape(hoop_shape_call *s)
{
    return grad_shape_of(s, false);
}
static hoop_status attention_dropout_grad_shape(hoop_shape_call *s)
{
    return grad_shape_of(s, true);
}
/* out[0]; what was kept of rows is an input of its own here */
static hoop_tensor *attention_grad_composite(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs)
{
    const pieces p = pieces_of(t, in, attrs);
    hoop_tensor *grad[3], *probability = probabilities(&p, in[nin - 2]);
    gradients(&p, probability, in[nin - 1], grad);
    (void)join(t, attrs, grad);
    return grad[0];
}

static const hoop_case grad_cases[] = {
    {"2x5x3x4 2x7x3x4 2x7x3x2 2x3x5x2 2x5x3x2", &plain},
    {"1x67x1x1 1x67x1x1 1x67x1x1 1x1x67x2 1x67x1x1", &causal},
    {"2x3x4x3 2x6x2x3 2x6x2x3 2x4x3x2 2x3x4x3", &at_end},
    {"2x3x2x3 2x4x1x3 2x4x1x2 2x2x3x4 2x2x3x2 2x3x2x2", &added},

    {"3x2x2x3 3x5x2x3 3x5x2x2 i64:3<5 3x2x2x2 3x2x2x2", &lengths},
    {"2x3x2x3 2x5x4x3 2x2x3x2 2x3x2x3", &cross},
    {"2x5x8x3 2x4x5x2 2x5x4x3", &packed},
    {"2x0x2x3 2x4x2x3 2x4x2x3 2x2x0x2 2x0x2x3", &plain},
    {"2x3x2x3 2x0x2x3 2x0x2x3 2x2x3x2 2x3x2x3", &plain},
    {"2x5x3x4 2x7x3x4 2x7x3x2 2x3x5x2 2x5x3x2", &half, HOOP_EARG},
    {"2x5x3x4 2x7x3x4 2x7x3x2 2x3x5x2", &plain, HOOP_EARG},
    {"2x5x3x4 2x7x3x4 2x7x3x2 2x3x5x2 2x5x3x2", &wild, HOOP_EARG},
    {"2x5x3x4 2x7x3x4 2x7x3x2 2x3x5x2 2x5x3x2", &mad, HOOP_EARG},
    {"2x5x3x4 2x7x3x4 2x7x3x2 2x3x5x2 2x5x3x2", &four, HOOP_EARG},
    {"2x5x3x4 2x7x3x4 2x7x3x2 4 2x3x5x2 2x5x3x2", &odd_mask, HOOP_EARG},
    {"2x5x6x3 2x4x5x2 2x5x4x3", &few_heads, HOOP_EARG},
    {"2x5x3x4 2x7x3x4 2x7x3x2 2x3x5x1 2x5x3x2", &plain, HOOP_ESHAPE},
    {"2x5x3x4 2x7x3x4 2x7x3x2 2x3x5x2 2x5x3x4", &plain, HOOP_ESHAPE},
    {"2x5x3x4 2x7x3x4 2x7x3x2 2x3x5x2 i64:2x5x3x2<9", &plain, HOOP_EDTYPE},
};

const hoop_op hoop__op_attention_grad = {
    .name       = "attention_grad",
    .min_in     = 3,
    .max_in     = 6,
    .nouts      = attention_grad_nouts,
    .flags      = HOOP_OP_STRIDED | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(attrs_t),
    HOOP_FIELDS(fields),
    .shape     = attention_grad_shape,
    .forward   = hoop__attention_backward,
    .workspace = hoop__attention_backward_workspace,
    .composite = attention_grad_composite,
    .reference = attention_grad_reference,
    .samples   = attention_samples,
    .flops     = attention_grad_flops,
    HOOP_CASES(grad_cases),
};

static const hoop_case dropout_grad_cases[] = {
    {"2x5x3x4 2x7x3x4 2x7x3x2 2x3x5x2 2x5x3x2", &half},
    {"1x67x1x1 1x130x1x1 1x130x1x1 1x1x67x2 1x67x1x1", &half},
    {"2x5x8x3 2x4x5x2 2x5x4x3", &fourth},
    {"3x2x2x3 3x5x2x3 3x5x2x2 i64:3<5 3x2x2x2 3x2x2x2", &tenth},
    {"2x3x4x3 2x5x4x3 2x4x3x2 2x3x4x3", &third},
    {"2x3x2x3 2x4x1x3 2x4x1x2 2x2x3x4 2x2x3x2 2x3x2x2", &of_added},
    {"2x0x2x3 2x4x2x3 2x4x2x3 2x2x0x2 2x0x2x3", &half},
    {"2x5x3x4 2x7x3x4 2x7x3x2 2x3x5x2 2x5x3x2", &all, HOOP_EARG},
    {"2x5x3x4 2x7x3x4 2x7x3x2 2x3x5x2", &half, HOOP_EARG},
    {"2x5x3x4 2x7x3x4 2x7x3x2 2x3x5x2 2x5x3x2", &wild, HOOP_EARG},
    {"2x5x3x4 2x7x3x4 2x7x3x2 2x3x5x2 2x5x3x2", &mad, HOOP_EARG},
    {"2x5x3x4 2x7x3x4 2x7x3x2 2x3x5x2 2x5x3x2", &four, HOOP_EARG},
    {"2x5x3x4 2x7x3x4 2x7x3x2 4 2x3x5x2 2x5x3x2", &odd_mask, HOOP_EARG},
    {"2x5x6x3 2x4x5x2 2x5x4x3", &few_heads, HOOP_EARG},
    {"2x5x3x4 2x7x3x4 2x7x3x2 2x3x5x1 2x5x3x2", &half, HOOP_ESHAPE},
    {"2x5x3x4 2x7x3x4 2x7x3x2 2x3x5x2 2x5x3x4", &half, HOOP_ESHAPE},
    {"2x5x3x4 2x7x3x4 2x7x3x2 2x3x5x2 i64:2x5x3x2<9", &half, HOOP_EDTYPE},
};

const hoop_op hoop__op_attention_dropout_grad = {
    .name       = "attention_dropout_grad",
    .min_in     = 3,
    .max_in     = 6,
    .nouts      = attention_grad_nouts,
    .flags      = HOOP_OP_STRIDED | HOOP_OP_ROW_WISE | HOOP_OP_RANDOM,
    .attrs_size = sizeof(attrs_t),
    HOOP_FIELDS(fields),
    .shape     = attention_dropout_grad_shape,
    .forward   = hoop__attention_backward,
    .workspace = hoop__attention_backward_workspace,
    .composite = attention_grad_composite,
    .reference = attention_grad_reference,
    .samples   = attention_samples,
    .flops     = attention_grad_flops,
    HOOP_CASES(dropout_grad_cases),
};
