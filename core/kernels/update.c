/* core/kernels/update.c - one step of SGD and of Adam on a range of parameters, after torch.optim's formulas. */
#include "kernels/vmath.h"

#define UPDATE(dt, T, FMA)                                                                                                       \
    HOOP_INLINE void sgd_run_##dt(int64_t n, const hoop_update *u, T *w, const T *g, T *m, const bool first,                     \
                                  const bool nesterov)                                                                           \
    {                                                                                                                            \
        const T scale = (T)u->grad_scale, lr = (T)u->lr, wd = (T)u->weight_decay, mu = (T)u->momentum,                           \
                in = (T)(1 - u->dampening);                                                                                      \
        HOOP_SIMD for (int64_t i = 0; i < n; i++)                                                                                \
        {                                                                                                                        \
            T d = FMA(wd, w[i], g[i] * scale), b = first ? d : FMA(mu, m[i], in * d);                                            \
            m[i] = b;                                                                                                            \
            w[i] = FMA(-lr, nesterov ? FMA(mu, b, d) : b, w[i]);                                                                 \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(sgd_##dt)(int64_t n, const hoop_update *u, void *wv, const void *gv, void *mv)                              \
    {                                                                                                                            \
        T       *w = wv, *m = mv;                                                                                                \
        const T *g = gv;                                                                                                         \
        if (m == NULL) {                                                                                                         \
            const T scale = (T)u->grad_scale, lr = (T)u->lr, wd = (T)u->weight_decay;                                            \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) w[i] = FMA(-lr, FMA(wd, w[i], g[i] * scale), w[i]);                        \
        } else if (u->first) {                                                                                                   \
            if (u->nesterov)                                                                                                     \
                sgd_run_##dt(n, u, w, g, m, true, true);                                                                         \
            else                                                                                                                 \
                sgd_run_##dt(n, u, w, g, m, true, false);                                                                        \
        } else {                                                                                                                 \
            if (u->nesterov)                                                                                                     \
                sgd_run_##dt(n, u, w, g, m, false, true);                                                                        \
            else                                                                                                                 \
                sgd_run_##dt(n, u, w, g, m, false, false);                                                                       \
        }                                                                                                                        \
    }                                                                                                                            \
    /* Adam: the decay joins the gradient; AdamW: it shrinks w. One of l2 = 0, keep = 1 holds. */                                \
    void HOOP_KERNEL(adam_##dt)(int64_t n, const hoop_update *u, void *wv, const void *gv, void *mv, void *vv)                   \
    {                                                                                                                            \
        T       *w = wv, *m = mv, *v = vv;                                                                                       \
        const T *g     = gv;                                                                                                     \
        const T  scale = (T)u->grad_scale, b1 = (T)u->beta1, b2 = (T)u->beta2, a1 = (T)(1 - u->beta1), a2 = (T)(1 - u->beta2);   \
        const T  step = (T)(u->lr / u->bias1), root = (T)(1 / sqrt(u->bias2)), eps = (T)u->eps;                                  \
        const T  l2 = u->decoupled ? 0 : (T)u->weight_decay, keep = u->decoupled ? (T)(1 - u->lr * u->weight_decay) : 1;         \
        HOOP_SIMD for (int64_t i = 0; i < n; i++)                                                                                \
        {                                                                                                                        \
            T d  = FMA(l2, w[i], g[i] * scale);                                                                                  \
            T mi = FMA(b1, m[i], a1 * d), vi = FMA(b2, v[i], a2 * d * d);                                                        \
            m[i] = mi;                                                                                                           \
            v[i] = vi;                                                                                                           \
            w[i] = FMA(-step, mi / FMA(v_sqrt_##dt(vi), root, eps), w[i] * keep);                                                \
        }                                                                                                                        \
    }
UPDATE(f32, float, HOOP_FMA_F32)
UPDATE(f64, double, HOOP_FMA_F64)
