/* core/kernels/update.c - one step of an optimiser on a range of parameters, after torch.optim's formulas where it has them. */
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
    void HOOP_KERNEL(adam_##dt)(int64_t n, const hoop_update *u, void *wv, const void *gv, void *mv, void *vv, void *most)       \
    {                                                                                                                            \
        T       *w = wv, *m = mv, *v = vv, *x = most;                                                                            \
        const T *g     = gv;                                                                                                     \
        const T  scale = (T)u->grad_scale, b1 = (T)u->beta1, b2 = (T)u->beta2, a1 = (T)(1 - u->beta1), a2 = (T)(1 - u->beta2);   \
        const T  step = (T)(u->lr / u->bias1), root = (T)(1 / sqrt(u->bias2)), eps = (T)u->eps;                                  \
        const T  l2 = u->decoupled ? 0 : (T)u->weight_decay, keep = u->decoupled ? (T)(1 - u->lr * u->weight_decay) : 1;         \
        if (x != NULL) {                                                                                                         \
            HOOP_SIMD for (int64_t i = 0; i < n; i++)                                                                            \
            {                                                                                                                    \
                T d  = FMA(l2, w[i], g[i] * scale);                                                                              \
                T mi = FMA(b1, m[i], a1 * d), vi = FMA(b2, v[i], a2 * d * d), xi = x[i] > vi ? x[i] : vi;                        \
                m[i] = mi;                                                                                                       \
                v[i] = vi;                                                                                                       \
                x[i] = xi;                                                                                                       \
                w[i] = FMA(-step, mi / FMA(v_sqrt_##dt(xi), root, eps), w[i] * keep);                                            \
            }                                                                                                                    \
            return;                                                                                                              \
        }                                                                                                                        \
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

#define OTHERS(dt, T, FMA)                                                                                                       \
    void HOOP_KERNEL(ema_##dt)(int64_t n, double rate, const void *wv, void *mean)                                               \
    {                                                                                                                            \
        const T *w = wv, r = (T)rate;                                                                                            \
        T       *e                                     = mean;                                                                   \
        HOOP_SIMD for (int64_t i = 0; i < n; i++) e[i] = FMA(r, w[i] - e[i], e[i]);                                              \
    }                                                                                                                            \
    HOOP_INLINE void rmsprop_run_##dt(int64_t n, const hoop_update *u, T *w, const T *g, T *s, T *m, T *a, const bool moving,    \
                                      const bool centered)                                                                       \
    {                                                                                                                            \
        const T scale = (T)u->grad_scale, l2 = (T)u->weight_decay, b2 = (T)u->beta2, a2 = (T)(1 - u->beta2), eps = (T)u->eps;    \
        const T lr = (T)u->lr, mu = (T)u->momentum;                                                                              \
        HOOP_SIMD for (int64_t i = 0; i < n; i++)                                                                                \
        {                                                                                                                        \
            T d = FMA(l2, w[i], g[i] * scale), si = FMA(b2, s[i], a2 * d * d), q = si;                                           \
            s[i] = si;                                                                                                           \
            if (centered) {                                                                                                      \
                T ai = FMA(b2, a[i], a2 * d);                                                                                    \
                a[i] = ai;                                                                                                       \
                q    = FMA(-ai, ai, si);                                                                                         \
                q    = q < 0 ? 0 : q; /* by rounding */                                                                          \
            }                                                                                                                    \
            d /= v_sqrt_##dt(q) + eps;                                                                                           \
            if (moving) {                                                                                                        \
                d    = FMA(mu, m[i], d);                                                                                         \
                m[i] = d;                                                                                                        \
            }                                                                                                                    \
            w[i] = FMA(-lr, d, w[i]);                                                                                            \
        }                                                                                                                        \
    }                                                                                                                            \
    /* state: square_avg, momentum_buffer, grad_avg; the latter may be NULL */                                                   \
    void HOOP_KERNEL(rmsprop_##dt)(int64_t n, const hoop_update *u, void *w, const void *g, void *const *state)                  \
    {                                                                                                                            \
        if (state[1] != NULL && state[2] != NULL)                                                                                \
            rmsprop_run_##dt(n, u, w, g, state[0], state[1], state[2], true, true);                                              \
        else if (state[1] != NULL)                                                                                               \
            rmsprop_run_##dt(n, u, w, g, state[0], state[1], NULL, true, false);                                                 \
        else if (state[2] != NULL)                                                                                               \
            rmsprop_run_##dt(n, u, w, g, state[0], NULL, state[2], false, true);                                                 \
        else                                                                                                                     \
            rmsprop_run_##dt(n, u, w, g, state[0], NULL, NULL, false, false);                                                    \
    }                                                                                                                            \
    void HOOP_KERNEL(adagrad_##dt)(int64_t n, const hoop_update *u, void *wv, const void *gv, void *const *state)                \
    {                                                                                                                            \
        T         *w = wv, *s = state[0];                                                                                        \
        const T   *g     = gv;                                                                                                   \
        const T    scale = (T)u->grad_scale, l2 = (T)u->weight_decay, lr = (T)u->lr, eps = (T)u->eps, initial = (T)u->initial;   \
        const bool first = u->first;                                                                                             \
        HOOP_SIMD for (int64_t i = 0; i < n; i++)                                                                                \
        {                                                                                                                        \
            T d = FMA(l2, w[i], g[i] * scale), si = FMA(d, d, first ? initial : s[i]);                                           \
            s[i] = si;                                                                                                           \
            w[i] = FMA(-lr, d / (v_sqrt_##dt(si) + eps), w[i]);                                                                  \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(radam_##dt)(int64_t n, const hoop_update *u, void *wv, const void *gv, void *const *state)                  \
    {                                                                                                                            \
        T         *w = wv, *m = state[0], *v = state[1];                                                                         \
        const T   *g     = gv;                                                                                                   \
        const T    scale = (T)u->grad_scale, b1 = (T)u->beta1, b2 = (T)u->beta2, a1 = (T)(1 - u->beta1), a2 = (T)(1 - u->beta2); \
        const T    step = (T)u->step, eps = (T)u->eps;                                                                           \
        const T    l2 = u->decoupled ? 0 : (T)u->weight_decay, keep = u->decoupled ? (T)(1 - u->lr * u->weight_decay) : 1;       \
        const bool plain = u->plain;                                                                                             \
        HOOP_SIMD for (int64_t i = 0; i < n; i++)                                                                                \
        {                                                                                                                        \
            T d  = FMA(l2, w[i], g[i] * scale);                                                                                  \
            T mi = FMA(b1, m[i], a1 * d), vi = FMA(b2, v[i], a2 * d * d);                                                        \
            m[i] = mi;                                                                                                           \
            v[i] = vi;                                                                                                           \
            w[i] = FMA(-step, plain ? mi : mi / (v_sqrt_##dt(vi) + eps), w[i] * keep);                                           \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(nadam_##dt)(int64_t n, const hoop_update *u, void *wv, const void *gv, void *const *state)                  \
    {                                                                                                                            \
        T       *w = wv, *m = state[0], *v = state[1];                                                                           \
        const T *g     = gv;                                                                                                     \
        const T  scale = (T)u->grad_scale, b1 = (T)u->beta1, b2 = (T)u->beta2, a1 = (T)(1 - u->beta1), a2 = (T)(1 - u->beta2);   \
        const T  of_g = (T)u->step, of_m = (T)u->step2, root = (T)(1 / sqrt(u->bias2)), eps = (T)u->eps;                         \
        const T  l2 = u->decoupled ? 0 : (T)u->weight_decay, keep = u->decoupled ? (T)(1 - u->lr * u->weight_decay) : 1;         \
        HOOP_SIMD for (int64_t i = 0; i < n; i++)                                                                                \
        {                                                                                                                        \
            T d  = FMA(l2, w[i], g[i] * scale);                                                                                  \
            T mi = FMA(b1, m[i], a1 * d), vi = FMA(b2, v[i], a2 * d * d);                                                        \
            m[i] = mi;                                                                                                           \
            v[i] = vi;                                                                                                           \
            w[i] = FMA(w[i], keep, -(FMA(of_m, mi, of_g * d) / FMA(v_sqrt_##dt(vi), root, eps)));                                \
        }                                                                                                                        \
    }                                                                                                                            \
    /* the sign of 0 is 0, NaN stays */                                                                                          \
    void HOOP_KERNEL(lion_##dt)(int64_t n, const hoop_update *u, void *wv, const void *gv, void *const *state)                   \
    {                                                                                                                            \
        T       *w = wv, *m = state[0];                                                                                          \
        const T *g     = gv;                                                                                                     \
        const T  scale = (T)u->grad_scale, b1 = (T)u->beta1, b2 = (T)u->beta2, a1 = (T)(1 - u->beta1), a2 = (T)(1 - u->beta2);   \
        const T  lr = (T)u->lr, keep = (T)(1 - u->lr * u->weight_decay);                                                         \
        HOOP_SIMD for (int64_t i = 0; i < n; i++)                                                                                \
        {                                                                                                                        \
            T d = g[i] * scale, c = FMA(b1, m[i], a1 * d);                                                                       \
            m[i] = FMA(b2, m[i], a2 * d);                                                                                        \
            w[i] = FMA(-lr, c > 0 ? 1 : c < 0 ? -1 : c, w[i] * keep);                                                            \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(lars_##dt)(int64_t n, const hoop_update *u, void *wv, const void *gv, void *const *state)                   \
    {                                                                                                                            \
        T       *w = wv, *m = state[0];                                                                                          \
        const T *g     = gv;                                                                                                     \
        const T  scale = (T)u->grad_scale, l2 = (T)u->weight_decay, mu = (T)u->momentum, trust = (T)u->step, lr = (T)u->lr;      \
        HOOP_SIMD for (int64_t i = 0; i < n; i++)                                                                                \
        {                                                                                                                        \
            T mi = FMA(mu, m[i], trust * FMA(l2, w[i], g[i] * scale));                                                           \
            m[i] = mi;                                                                                                           \
            w[i] = FMA(-lr, mi, w[i]);                                                                                           \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(lamb_##dt)(int64_t n, const hoop_update *u, const void *wv, const void *gv, void *mv, void *vv, void *rv)   \
    {                                                                                                                            \
        T       *m = mv, *v = vv, *r = rv;                                                                                       \
        const T *w = wv, *g = gv;                                                                                                \
        const T  scale = (T)u->grad_scale, b1 = (T)u->beta1, b2 = (T)u->beta2, a1 = (T)(1 - u->beta1), a2 = (T)(1 - u->beta2);   \
        const T  rise = (T)(1 / u->bias1), root = (T)(1 / sqrt(u->bias2)), eps = (T)u->eps, wd = (T)u->weight_decay;             \
        HOOP_SIMD for (int64_t i = 0; i < n; i++)                                                                                \
        {                                                                                                                        \
            T d = g[i] * scale, mi = FMA(b1, m[i], a1 * d), vi = FMA(b2, v[i], a2 * d * d);                                      \
            m[i] = mi;                                                                                                           \
            v[i] = vi;                                                                                                           \
            r[i] = FMA(wd, w[i], mi * rise / FMA(v_sqrt_##dt(vi), root, eps));                                                   \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(lamb_step_##dt)(int64_t n, const hoop_update *u, void *wv, const void *mv, const void *vv)                  \
    {                                                                                                                            \
        T       *w = wv;                                                                                                         \
        const T *m = mv, *v = vv;                                                                                                \
        const T  rise = (T)(1 / u->bias1), root = (T)(1 / sqrt(u->bias2)), eps = (T)u->eps, wd = (T)u->weight_decay;             \
        const T  step = (T)u->step;                                                                                              \
        HOOP_SIMD for (int64_t i = 0; i < n; i++) w[i] =                                                                         \
            FMA(-step, FMA(wd, w[i], m[i] * rise / FMA(v_sqrt_##dt(v[i]), root, eps)), w[i]);                                    \
    }
OTHERS(f32, float, HOOP_FMA_F32)
OTHERS(f64, double, HOOP_FMA_F64)
