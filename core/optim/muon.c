/* muon: matrices step along their momentum with all singular values brought near 1, by Newton-Schulz iterations; other parameters
 * go by AdamW. Jordan et al., 'Muon: An optimizer for hidden layers in neural networks', 2024; lr by shape as PyTorch has it
 * (match_rms_adamw: Liu et al., 'Muon is Scalable for LLM Training', 2025). Of more than two dims the first is that of rows. */
#include "hoop/optim.h"

#include "kernels/vmath64.h"
#include "optim/whole.h"
#include "runtime/blas.h"
#include "runtime/runtime.h"

#include <math.h>

extern const hoop_optim_kind hoop__optim_muon;

static const char *const adjusts[] = {"original", "match_rms_adamw", NULL};
static const char *const ways[]    = {"shape", "adamw", NULL};
enum { ADJUST_ORIGINAL };
enum { BY_SHAPE };
#define AT(field) offsetof(hoop_muon_opts, field)
static const hoop_option rows[] = {
    {"lr", HOOP_OPT_FLOAT, AT(lr), "1e-3", 0, 1e6, NULL, true, "learning rate, before the schedule"},
    {"weight_decay", HOOP_OPT_FLOAT, AT(weight_decay), "0.1", 0, 1e6, NULL, true, "times lr, off the weights"},
    {"momentum", HOOP_OPT_FLOAT, AT(momentum), "0.95", 0, 0.999999, NULL, true, "decay of the mean of gradients"},
    {"no_nesterov", HOOP_OPT_BOOL, AT(no_nesterov), "false", 0, 0, NULL, true, "the mean itself, without Nesterov's momentum"},
    {"ns_steps", HOOP_OPT_INT, AT(ns_steps), "5", 1, 99, NULL, true, "Newton-Schulz iterations"},
    {"ns_coefficients", HOOP_OPT_FLOATS, AT(ns_coefficients), "[3.4445, -4.775, 2.0315]", -1e3, 1e3, NULL, true,
     "a, b, c: an iteration makes a X + (b XX' + c (XX')^2) X of X"},
    {"eps", HOOP_OPT_FLOAT, AT(eps), "1e-7", 0, 1, NULL, true, "least norm that is divided by"},
    {"adjust_lr_fn", HOOP_OPT_ENUM, AT(adjust_lr_fn), "original", 0, 0, adjusts, true,
     "of r rows and c columns, original: lr times sqrt(max(1, r / c)); match_rms_adamw: times 0.2 sqrt(max(r, c))"},
    {"by", HOOP_OPT_ENUM, AT(by), "shape", 0, 0, ways, true,
     "shape: matrices by Muon, others by AdamW; adamw: all, as one wants of embeddings and the last layer"},
    {"adamw_lr", HOOP_OPT_FLOAT, AT(adamw_lr), "auto", 0, 1e6, NULL, true, "learning rate of what goes by AdamW; auto: lr"},
    {"beta1", HOOP_OPT_FLOAT, AT(beta1), "0.9", 0, 0.999999, NULL, true, "AdamW: decay of the first moment"},
    {"beta2", HOOP_OPT_FLOAT, AT(beta2), "0.95", 0, 0.99999999, NULL, true, "AdamW: decay of the second moment"},
    {"adamw_eps", HOOP_OPT_FLOAT, AT(adamw_eps), "1e-8", 0, 1, NULL, true, "AdamW: added to the root of the second moment"},
    {"maximize", HOOP_OPT_BOOL, AT(maximize), "false", 0, 0, NULL, true, "the loss, not minimise it"},
};
#undef AT

enum { MOMENTUM, EXP_AVG, EXP_AVG_SQ };

static int states(const void *opts, const char **names)
{
    (void)opts;
    names[MOMENTUM]   = "momentum_buffer";
    names[EXP_AVG]    = "exp_avg";
    names[EXP_AVG_SQ] = "exp_avg_sq";
    return 3;
}

static bool by_muon(const hoop_muon_opts *o, int ndim)
{
    return o->by == BY_SHAPE && ndim >= 2;
}

static int state_shape(const void *opts, int i, int ndim, const int64_t *shape, int64_t *out)
{
    (void)shape, (void)out;
    return (i == MOMENTUM) == by_muon(opts, ndim) ? ndim : -1;
}

static hoop_status check(const void *opts, hoop_error *err)
{
    const hoop_muon_opts *o = opts;
    if (o->ns_coefficients.n == 0 || o->ns_coefficients.n == 3) return HOOP_OK;
    return hoop_fail(err, HOOP_ECONFIG, "ns_coefficients: three are wanted, such as [3.4445, -4.775, 2.0315], not %d",
                     o->ns_coefficients.n);
}

/* Newton-Schulz: X (p, q), p <= q, and its successor; XX' and the polynomial of it, (p, p); what products want. */
typedef struct newton {
    int64_t        p, q;
    bool           turned; /* X is the transpose of the parameter */
    hoop_gemm_args gram, square, next;
    int64_t        x_bytes, gram_bytes, work_bytes;
} newton;

static int64_t padded(int64_t bytes)
{
    return (bytes + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN;
}

static newton newton_of(const hoop_call *call, hoop_dtype dtype, int ndim, const int64_t *shape)
{
    const int64_t size = (int64_t)hoop_dtype_size(dtype), r = shape[0];
    int64_t       c = 1, bytes;
    newton        w = {0};
    for (int d = 1; d < ndim; d++) c *= shape[d];
    w.turned = r > c;
    w.p      = r < c ? r : c;
    w.q      = r < c ? c : r;
    w.gram   = (hoop_gemm_args){
          .dtype = dtype, .tb = true, .m = w.p, .n = w.p, .k = w.q, .lda = w.q, .ldb = w.q, .ldc = w.p, .batch = 1};
    w.square     = (hoop_gemm_args){.dtype = dtype, .m = w.p, .n = w.p, .k = w.p, .lda = w.p, .ldb = w.p, .ldc = w.p, .batch = 1};
    w.next       = (hoop_gemm_args){.dtype = dtype, .m = w.p, .n = w.q, .k = w.p, .lda = w.p, .ldb = w.q, .ldc = w.q, .batch = 1};
    w.x_bytes    = padded(w.p * w.q * size);
    w.gram_bytes = padded(w.p * w.p * size);
    w.work_bytes = hoop__gemm_work_bytes(call, &w.gram);
    bytes        = hoop__gemm_work_bytes(call, &w.square);
    if (bytes > w.work_bytes) w.work_bytes = bytes;
    bytes = hoop__gemm_work_bytes(call, &w.next);
    if (bytes > w.work_bytes) w.work_bytes = bytes;
    return w;
}

static hoop_call call_on(const hoop_runtime *rt)
{
    return (hoop_call){.kernels = rt->kernels, .threads = rt->threads, .blas = rt->blas};
}

static int64_t workspace(const void *opts, const hoop_runtime *rt, hoop_dtype dtype, int ndim, const int64_t *shape)
{
    const hoop_call call = call_on(rt);
    newton          w;
    if (!by_muon(opts, ndim)) return 0;
    w = newton_of(&call, dtype, ndim, shape);
    return 2 * w.x_bytes + 2 * w.gram_bytes + padded(w.work_bytes);
}

/* The mean of gradients, and the direction into x (turned where the parameter is); y = a x + y; w = keep w - lr x. */
#define MUON(dt, T)                                                                                                              \
    static void direction_##dt(const hoop_optim_call *c, const newton *s, T *x)                                                  \
    {                                                                                                                            \
        const hoop_muon_opts *o = c->opts;                                                                                       \
        const T              *g = c->g, scale = (T)c->grad_scale, mu = (T)o->momentum, rest = (T)(1.0 - o->momentum);            \
        T                    *m    = c->state[MOMENTUM];                                                                         \
        const int64_t         cols = s->turned ? s->p : s->q;                                                                    \
        for (int64_t i = 0; i < c->n; i++) {                                                                                     \
            const T d = g[i] * scale, mi = m[i] + rest * (d - m[i]), u = o->no_nesterov ? mi : d + mu * (mi - d);                \
            m[i]                                          = mi;                                                                  \
            x[s->turned ? i % cols * s->q + i / cols : i] = u;                                                                   \
        }                                                                                                                        \
    }                                                                                                                            \
    static void scale_##dt(int64_t n, T by, T *x)                                                                                \
    {                                                                                                                            \
        for (int64_t i = 0; i < n; i++) x[i] *= by;                                                                              \
    }                                                                                                                            \
    static void join_##dt(int64_t n, T a, const T *x, T b, T *y)                                                                 \
    {                                                                                                                            \
        for (int64_t i = 0; i < n; i++) y[i] = a * x[i] + b * y[i];                                                              \
    }                                                                                                                            \
    static void apply_##dt(const hoop_optim_call *c, const newton *s, const T *x, T keep, T lr)                                  \
    {                                                                                                                            \
        const int64_t cols = s->turned ? s->p : s->q;                                                                            \
        T            *w    = c->w;                                                                                               \
        for (int64_t i = 0; i < c->n; i++) w[i] = w[i] * keep - lr * x[s->turned ? i % cols * s->q + i / cols : i];              \
    }
MUON(f32, float)
MUON(f64, double)
#undef MUON

static void scale(hoop_dtype dtype, int64_t n, double by, void *x)
{
    if (dtype == HOOP_F64)
        scale_f64(n, by, x);
    else
        scale_f32(n, (float)by, x);
}

static void join(hoop_dtype dtype, int64_t n, double a, const void *x, double b, void *y)
{
    if (dtype == HOOP_F64)
        join_f64(n, a, x, b, y);
    else
        join_f32(n, (float)a, x, (float)b, y);
}

static void product(const hoop_call *call, hoop_gemm_args g, const void *a, const void *b, void *out, void *work)
{
    g.a = a;
    g.b = b;
    g.c = out;
    (void)hoop__gemm(call, &g, work); /* what can fail is its arguments */
}

static double adjusted(const hoop_muon_opts *o, const newton *s)
{
    const double r = (double)(s->turned ? s->q : s->p), c = (double)(s->turned ? s->p : s->q);
    if (o->adjust_lr_fn == ADJUST_ORIGINAL) return sqrt(r > c ? r / c : 1.0);
    return 0.2 * sqrt(r > c ? r : c);
}

static void update_matrix(const hoop_optim_call *c)
{
    static const double   usual[3] = {3.4445, -4.775, 2.0315};
    const hoop_muon_opts *o        = c->opts;
    const double         *k        = o->ns_coefficients.n == 3 ? o->ns_coefficients.v : usual;
    const hoop_call       call     = call_on(c->rt);
    const newton          s        = newton_of(&call, c->dtype, c->ndim, c->shape);
    char  *x = c->work, *y = x + s.x_bytes, *gram = y + s.x_bytes, *poly = gram + s.gram_bytes, *work = poly + s.gram_bytes;
    double norm;
    if (c->n == 0) return;
    if (c->dtype == HOOP_F64)
        direction_f64(c, &s, (double *)(void *)x);
    else
        direction_f32(c, &s, (float *)(void *)x);
    norm = sqrt(hoop__whole_squares(c, x, c->n));
    scale(c->dtype, c->n, 1.0 / (norm < o->eps ? o->eps : norm), x);
    for (int64_t i = 0; i < o->ns_steps; i++) {
        char *swap = x;
        product(&call, s.gram, x, x, gram, work);
        product(&call, s.square, gram, gram, poly, work);
        join(c->dtype, s.p * s.p, k[1], gram, k[2], poly);
        product(&call, s.next, poly, x, y, work);
        join(c->dtype, c->n, k[0], x, 1.0, y);
        x = y;
        y = swap;
    }
    if (c->dtype == HOOP_F64)
        apply_f64(c, &s, (double *)(void *)x, 1.0 - c->lr * o->weight_decay, c->lr * adjusted(o, &s));
    else
        apply_f32(c, &s, (float *)(void *)x, (float)(1.0 - c->lr * o->weight_decay), (float)(c->lr * adjusted(o, &s)));
}

static void update(const hoop_optim_call *c)
{
    const hoop_muon_opts *o  = c->opts;
    const double          lr = isnan(o->adamw_lr) ? c->lr : o->adamw_lr * c->lr_factor;
    const hoop_update     u  = {.grad_scale   = c->grad_scale,
                                .lr           = lr,
                                .weight_decay = o->weight_decay,
                                .beta1        = o->beta1,
                                .beta2        = o->beta2,
                                .eps          = o->adamw_eps,
                                .bias1        = 1.0 - v_power_f64(o->beta1, c->step),
                                .bias2        = 1.0 - v_power_f64(o->beta2, c->step),
                                .decoupled    = true};
    if (c->shape != NULL && by_muon(o, c->ndim))
        update_matrix(c);
    else
        c->rt->kernels->adam[c->dtype](c->n, &u, c->w, c->g, c->state[EXP_AVG], c->state[EXP_AVG_SQ], NULL);
}

const hoop_optim_kind hoop__optim_muon = {
    .name        = "muon",
    .help        = "matrices along their momentum, made orthogonal; others by AdamW",
    .options     = HOOP_OPTIONS(rows),
    .opts_size   = sizeof(hoop_muon_opts),
    .states      = states,
    .state_shape = state_shape,
    .granularity = HOOP_BY_MATRIX,
    .workspace   = workspace,
    .check       = check,
    .update      = update,
};
