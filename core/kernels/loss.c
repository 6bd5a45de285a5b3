/* core/kernels/loss.c - losses of an output with its target, and of classes by row. */
#include "kernels/loss.h"
#include "kernels/rows.h"

extern const hoop_loss_kernels HOOP_KERNEL(loss_kernels);
extern hoop_ctc_fn             HOOP_KERNEL(ctc_f32), HOOP_KERNEL(ctc_f64);
extern hoop_ctc_grad_fn        HOOP_KERNEL(ctc_grad_f32), HOOP_KERNEL(ctc_grad_f64);

/* ---- an output with its target: value_NAME, slope_NAME (by x) ---- */

#define PAIRS(dt, T, I)                                                                                                          \
    HOOP_INLINE T size_##dt(T e)                                                                                                 \
    {                                                                                                                            \
        return e < 0 ? -e : e;                                                                                                   \
    }                                                                                                                            \
    /* log(1 + e) of e in [0, 1], to its own size: what 1 + e rounds away is put back */                                         \
    HOOP_INLINE T log1p_##dt(T e)                                                                                                \
    {                                                                                                                            \
        const T u = 1 + e, d = u - 1, l = v_log_##dt(u);                                                                         \
        return d > 0 ? l * (e / d) : e;                                                                                          \
    }                                                                                                                            \
    /* log(1 + e^-x) */                                                                                                          \
    HOOP_INLINE T softplus_##dt(T x)                                                                                             \
    {                                                                                                                            \
        const T near = log1p_##dt(v_exp_##dt(-size_##dt(x)));                                                                    \
        return x > 0 ? near : near - x;                                                                                          \
    }                                                                                                                            \
    HOOP_INLINE T value_l1_##dt(T x, T t, T a, T b)                                                                              \
    {                                                                                                                            \
        (void)a, (void)b;                                                                                                        \
        return size_##dt(x - t);                                                                                                 \
    }                                                                                                                            \
    HOOP_INLINE T slope_l1_##dt(T x, T t, T a, T b)                                                                              \
    {                                                                                                                            \
        const T e = x - t;                                                                                                       \
        (void)a, (void)b;                                                                                                        \
        return e > 0 ? 1 : e < 0 ? -1 : e;                                                                                       \
    }                                                                                                                            \
    HOOP_INLINE T value_smooth_l1_##dt(T x, T t, T a, T b)                                                                       \
    {                                                                                                                            \
        const T s = size_##dt(x - t);                                                                                            \
        (void)b;                                                                                                                 \
        return s < a ? (T)0.5 * s * s / a : s - (T)0.5 * a;                                                                      \
    }                                                                                                                            \
    HOOP_INLINE T slope_smooth_l1_##dt(T x, T t, T a, T b)                                                                       \
    {                                                                                                                            \
        const T e = x - t, far = e > 0 ? 1 : e < 0 ? -1 : e;                                                                     \
        (void)b;                                                                                                                 \
        return size_##dt(e) < a ? e / a : far;                                                                                   \
    }                                                                                                                            \
    HOOP_INLINE T value_huber_##dt(T x, T t, T a, T b)                                                                           \
    {                                                                                                                            \
        const T s = size_##dt(x - t);                                                                                            \
        (void)b;                                                                                                                 \
        return s < a ? (T)0.5 * s * s : a * (s - (T)0.5 * a);                                                                    \
    }                                                                                                                            \
    HOOP_INLINE T slope_huber_##dt(T x, T t, T a, T b)                                                                           \
    {                                                                                                                            \
        const T e = x - t;                                                                                                       \
        (void)b;                                                                                                                 \
        return e > a ? a : e < -a ? -a : e;                                                                                      \
    }                                                                                                                            \
    /* a log of 0 counts as -100 */                                                                                              \
    HOOP_INLINE T log_from_##dt(T x)                                                                                             \
    {                                                                                                                            \
        const T l = v_log_##dt(x);                                                                                               \
        return l < -100 ? -100 : l;                                                                                              \
    }                                                                                                                            \
    HOOP_INLINE T value_bce_##dt(T x, T t, T a, T b)                                                                             \
    {                                                                                                                            \
        (void)a, (void)b;                                                                                                        \
        return (t - 1) * log_from_##dt(1 - x) - t * log_from_##dt(x);                                                            \
    }                                                                                                                            \
    HOOP_INLINE T slope_bce_##dt(T x, T t, T a, T b)                                                                             \
    {                                                                                                                            \
        const T spread = (1 - x) * x;                                                                                            \
        (void)a, (void)b;                                                                                                        \
        return (x - t) / (spread < (T)1e-12 ? (T)1e-12 : spread);                                                                \
    }                                                                                                                            \
    HOOP_INLINE T value_bce_with_logits_##dt(T x, T t, T a, T b)                                                                 \
    {                                                                                                                            \
        (void)a, (void)b;                                                                                                        \
        return (1 - t) * x + softplus_##dt(x);                                                                                   \
    }                                                                                                                            \
    HOOP_INLINE T slope_bce_with_logits_##dt(T x, T t, T a, T b)                                                                 \
    {                                                                                                                            \
        (void)a, (void)b;                                                                                                        \
        return v_sigmoid_##dt(x) - t;                                                                                            \
    }                                                                                                                            \
    HOOP_INLINE T value_kl_div_##dt(T x, T t, T a, T b)                                                                          \
    {                                                                                                                            \
        const T f = t * (v_log_##dt(t) - x);                                                                                     \
        (void)a, (void)b;                                                                                                        \
        return t == 0 ? -(t * x) : f;                                                                                            \
    }                                                                                                                            \
    HOOP_INLINE T slope_kl_div_##dt(T x, T t, T a, T b)                                                                          \
    {                                                                                                                            \
        (void)x, (void)a, (void)b;                                                                                               \
        return -t;                                                                                                               \
    }                                                                                                                            \
    HOOP_INLINE T value_kl_div_log_##dt(T x, T t, T a, T b)                                                                      \
    {                                                                                                                            \
        (void)a, (void)b;                                                                                                        \
        return v_exp_##dt(t) * (t - x);                                                                                          \
    }                                                                                                                            \
    HOOP_INLINE T slope_kl_div_log_##dt(T x, T t, T a, T b)                                                                      \
    {                                                                                                                            \
        (void)x, (void)a, (void)b;                                                                                               \
        return -v_exp_##dt(t);                                                                                                   \
    }                                                                                                                            \
    /* b: with Stirling's formula for log t!, where t > 1 */                                                                     \
    HOOP_INLINE T stirling_##dt(T t, T b)                                                                                        \
    {                                                                                                                            \
        const T f = t * v_log_##dt(t) - t + (T)0.5 * v_log_##dt((T)6.28318530717958647693 * t);                                  \
        return b != 0 && t > 1 ? f : 0;                                                                                          \
    }                                                                                                                            \
    HOOP_INLINE T value_poisson_nll_##dt(T x, T t, T a, T b)                                                                     \
    {                                                                                                                            \
        return x - t * v_log_##dt(x + a) + stirling_##dt(t, b);                                                                  \
    }                                                                                                                            \
    HOOP_INLINE T slope_poisson_nll_##dt(T x, T t, T a, T b)                                                                     \
    {                                                                                                                            \
        (void)b;                                                                                                                 \
        return 1 - t / (x + a);                                                                                                  \
    }                                                                                                                            \
    HOOP_INLINE T value_poisson_nll_log_##dt(T x, T t, T a, T b)                                                                 \
    {                                                                                                                            \
        (void)a;                                                                                                                 \
        return v_exp_##dt(x) - t * x + stirling_##dt(t, b);                                                                      \
    }                                                                                                                            \
    HOOP_INLINE T slope_poisson_nll_log_##dt(T x, T t, T a, T b)                                                                 \
    {                                                                                                                            \
        (void)a, (void)b;                                                                                                        \
        return v_exp_##dt(x) - t;                                                                                                \
    }                                                                                                                            \
    /* x^gamma of x >= 0 */                                                                                                      \
    HOOP_INLINE T power_##dt(T x, T gamma)                                                                                       \
    {                                                                                                                            \
        return gamma == 0 ? 1 : v_exp_##dt(gamma * v_log_##dt(x));                                                               \
    }                                                                                                                            \
    /* a: alpha, below 0: none; b: gamma; q = 1 - p_t */                                                                         \
    HOOP_INLINE T value_sigmoid_focal_##dt(T x, T t, T a, T b)                                                                   \
    {                                                                                                                            \
        const T p = v_sigmoid_##dt(x), r = v_sigmoid_##dt(-x), q = p * (1 - t) + r * t;                                          \
        const T side = a < 0 ? 1 : a * t + (1 - a) * (1 - t);                                                                    \
        return side * (power_##dt(q, b) * ((1 - t) * x + softplus_##dt(x)));                                                     \
    }                                                                                                                            \
    HOOP_INLINE T slope_sigmoid_focal_##dt(T x, T t, T a, T b)                                                                   \
    {                                                                                                                            \
        const T p = v_sigmoid_##dt(x), r = v_sigmoid_##dt(-x), q = p * (1 - t) + r * t;                                          \
        const T side = a < 0 ? 1 : a * t + (1 - a) * (1 - t), ce = (1 - t) * x + softplus_##dt(x);                               \
        const T bend = q > 0 ? (p * r) * (1 - 2 * t) / q : 0;                                                                    \
        return side * (power_##dt(q, b) * (b * bend * ce + (p - t)));                                                            \
    }
HOOP_FLOAT_LIST(PAIRS)

#define PAIR(name, dt, T)                                                                                                        \
    static void pair_##name##_##dt(int64_t n, const void *xv, const void *tv, double av, double bv, void *yv)                    \
    {                                                                                                                            \
        const T *x = xv, *t = tv;                                                                                                \
        T       *y = yv, a = (T)av, b = (T)bv;                                                                                   \
        HOOP_SIMD for (int64_t i = 0; i < n; i++) y[i] = value_##name##_##dt(x[i], t[i], a, b);                                  \
    }                                                                                                                            \
    static void pair_grad_##name##_##dt(int64_t n, const void *xv, const void *tv, double av, double bv, double scale,           \
                                        void *dxv, bool add)                                                                     \
    {                                                                                                                            \
        const T *x = xv, *t = tv;                                                                                                \
        T       *dx = dxv, a = (T)av, b = (T)bv, k = (T)scale;                                                                   \
        if (add) {                                                                                                               \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) dx[i] += k * slope_##name##_##dt(x[i], t[i], a, b);                        \
        } else {                                                                                                                 \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) dx[i] = k * slope_##name##_##dt(x[i], t[i], a, b);                         \
        }                                                                                                                        \
    }
#define PAIR_BOTH(name) PAIR(name, f32, float) PAIR(name, f64, double)
HOOP_PAIR_LIST(PAIR_BOTH)

/* ---- classes ---- */

#define CLASSES(dt, T, I)                                                                                                        \
    /* sum_c w_c (x_c - m): not from sums of x, since m may be large */                                                          \
    HOOP_INLINE T below_##dt(int64_t cols, const T *x, T m, const T *w)                                                          \
    {                                                                                                                            \
        T buf[ROW_GROUP], total = 0;                                                                                             \
        for (int64_t c = 0; c < cols; c += ROW_GROUP) {                                                                          \
            const int64_t n                                  = cols - c < ROW_GROUP ? cols - c : ROW_GROUP;                      \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) buf[i] = x[c + i] - m;                                                     \
            total += w != NULL ? row_dot_##dt(n, buf, w + c) : row_sum_##dt(n, buf);                                             \
        }                                                                                                                        \
        return total;                                                                                                            \
    }                                                                                                                            \
    static void class_loss_##dt(int64_t rows, const hoop_class_opts *o, const void *xv, const int64_t *label, void *lsev,        \
                                void *lossv)                                                                                     \
    {                                                                                                                            \
        const T *w = o->weight, gamma = (T)o->gamma;                                                                             \
        const T  plain = (T)(1 - o->smoothing), even = (T)(o->smoothing / (double)o->cols);                                      \
        T       *lse = lsev, *loss = lossv;                                                                                      \
        for (int64_t r = 0; r < rows; r++) {                                                                                     \
            const T *x = (const T *)xv + r * o->cols, m = row_max_##dt(o->cols, x);                                              \
            const T  s = v_log_##dt(row_exp_##dt(o->cols, x, m, NULL));                                                          \
            T        n;                                                                                                          \
            lse[r]  = m + s;                                                                                                     \
            loss[r] = 0;                                                                                                         \
            if (label[r] == HOOP_IGNORE_LABEL_VALUE) continue;                                                                   \
            n       = s - (x[label[r]] - m);                                                                                     \
            loss[r] = plain * (w != NULL ? w[label[r]] : 1) * (power_##dt(1 - v_exp_##dt(-n), gamma) * n);                       \
            if (even > 0) loss[r] += even * ((T)o->total * s - below_##dt(o->cols, x, m, w));                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    /* the derivative of q^gamma n by n, q = 1 - e^-n */                                                                         \
    HOOP_INLINE T bend_##dt(T n, T gamma)                                                                                        \
    {                                                                                                                            \
        const T p = v_exp_##dt(-n), q = 1 - p;                                                                                   \
        return gamma == 0 ? 1 : power_##dt(q, gamma) * (1 + (q > 0 ? gamma * n * p / q : 0));                                    \
    }                                                                                                                            \
    static void class_loss_grad_##dt(int64_t rows, const hoop_class_opts *o, const void *xv, const int64_t *label,               \
                                     const void *lsev, double scale, void *dxv, bool add)                                        \
    {                                                                                                                            \
        const T *w = o->weight, *lse = lsev, gamma = (T)o->gamma;                                                                \
        const T  plain = (T)(scale * (1 - o->smoothing)), even = (T)(scale * o->smoothing / (double)o->cols);                    \
        for (int64_t r = 0; r < rows; r++) {                                                                                     \
            const T *x  = (const T *)xv + r * o->cols;                                                                           \
            T       *dx = (T *)dxv + r * o->cols, own, all, at;                                                                  \
            if (!add)                                                                                                            \
                for (int64_t c = 0; c < o->cols; c++) dx[c] = 0;                                                                 \
            if (label[r] == HOOP_IGNORE_LABEL_VALUE) continue;                                                                   \
            own = plain * (w != NULL ? w[label[r]] : 1) * bend_##dt(lse[r] - x[label[r]], gamma);                                \
            all = own + even * (T)o->total;                                                                                      \
            at  = dx[label[r]] + (all * v_exp_##dt(x[label[r]] - lse[r]) - own);                                                 \
            HOOP_SIMD for (int64_t c = 0; c < o->cols; c++) dx[c] += all * v_exp_##dt(x[c] - lse[r]);                            \
            dx[label[r]] = at;                                                                                                   \
            if (o->smoothing > 0 && w != NULL) {                                                                                 \
                HOOP_SIMD for (int64_t c = 0; c < o->cols; c++) dx[c] -= even * w[c];                                            \
            } else if (o->smoothing > 0) {                                                                                       \
                HOOP_SIMD for (int64_t c = 0; c < o->cols; c++) dx[c] -= even;                                                   \
            }                                                                                                                    \
        }                                                                                                                        \
    }
HOOP_FLOAT_LIST(CLASSES)

#define BOTH(name)                                                                                                               \
    {                                                                                                                            \
        name##_f32, name##_f64                                                                                                   \
    }
#define ROW(name) [HOOP_PAIR_##name] = BOTH(pair_##name),
#define ROW_GRAD(name) [HOOP_PAIR_##name] = BOTH(pair_grad_##name),
const hoop_loss_kernels HOOP_KERNEL(loss_kernels) = {
    .pair            = {HOOP_PAIR_LIST(ROW)},
    .pair_grad       = {HOOP_PAIR_LIST(ROW_GRAD)},
    .class_loss      = BOTH(class_loss),
    .class_loss_grad = BOTH(class_loss_grad),
    .ctc             = {HOOP_KERNEL(ctc_f32), HOOP_KERNEL(ctc_f64)},
    .ctc_grad        = {HOOP_KERNEL(ctc_grad_f32), HOOP_KERNEL(ctc_grad_f64)},
};
