/* core/kernels/unary.c - y (+)= f(x) and its gradients, an element at a time. */
#include "kernels/activations.h"
#include "kernels/vmath_wide.h"

enum { CHUNK = 256 }; /* strided input goes through a buffer of this many, so that f always runs vectorised */

#define LOOP(name, dt, T)                                                                                                        \
    static void name##_##dt(int64_t n, const T *x, T *y, bool add)                                                               \
    {                                                                                                                            \
        if (add) {                                                                                                               \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) y[i] += v_##name##_##dt(x[i]);                                             \
        } else {                                                                                                                 \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) y[i] = v_##name##_##dt(x[i]);                                              \
        }                                                                                                                        \
    }

/* of angles: a chunk as if none were far, then those that are */
#define ANGLE_LOOP(name, dt, T)                                                                                                  \
    static void name##_##dt(int64_t n, const T *x, T *y, bool add)                                                               \
    {                                                                                                                            \
        T buf[CHUNK];                                                                                                            \
        for (int64_t i = 0; i < n; i += CHUNK) {                                                                                 \
            int64_t  m   = n - i < CHUNK ? n - i : CHUNK;                                                                        \
            unsigned far = 0;                                                                                                    \
            for (int64_t k = 0; k < m; k++) {                                                                                    \
                buf[k] = v_##name##_##dt(x[i + k]);                                                                              \
                far |= far_##dt(x[i + k]);                                                                                       \
            }                                                                                                                    \
            for (int64_t k = 0; k < m && far != 0; k++)                                                                          \
                if (far_##dt(x[i + k])) buf[k] = (T)trig_far_f64(TRIG_##name, (double)x[i + k]);                                 \
            if (add) {                                                                                                           \
                for (int64_t k = 0; k < m; k++) y[i + k] += buf[k];                                                              \
            } else {                                                                                                             \
                memcpy(y + i, buf, (size_t)m * sizeof(T));                                                                       \
            }                                                                                                                    \
        }                                                                                                                        \
    }

#define UNARY(name, dt, T)                                                                                                       \
    void HOOP_KERNEL(unary_##name##_##dt)(int64_t n, const void *xv, int64_t sx, void *yv, bool add)                             \
    {                                                                                                                            \
        const T *x = xv;                                                                                                         \
        T       *y = yv, buf[CHUNK];                                                                                             \
        if (sx == 1) {                                                                                                           \
            name##_##dt(n, x, y, add);                                                                                           \
            return;                                                                                                              \
        }                                                                                                                        \
        for (int64_t i = 0; i < n; i += CHUNK) {                                                                                 \
            int64_t m = n - i < CHUNK ? n - i : CHUNK;                                                                           \
            for (int64_t k = 0; k < m; k++) buf[k] = x[(i + k) * sx];                                                            \
            name##_##dt(m, buf, y + i, add);                                                                                     \
        }                                                                                                                        \
    }
#define LOOP_BOTH(name) LOOP(name, f32, float) LOOP(name, f64, double)
#define ANGLE_LOOP_BOTH(name) ANGLE_LOOP(name, f32, float) ANGLE_LOOP(name, f64, double)
#define UNARY_BOTH(name) UNARY(name, f32, float) UNARY(name, f64, double)
HOOP_UNARY_NEAR_LIST(LOOP_BOTH)
HOOP_UNARY_ANGLE_LIST(ANGLE_LOOP_BOTH)
HOOP_UNARY_LIST(UNARY_BOTH)

/* a is the op's output, but its input for gelu and gelu_tanh; phi(x) = e^(-x^2/2) / sqrt(2 pi). Beyond 40 the bell-shaped
 * terms are 0; the bound keeps infinity times 0 out of them. */
#define GRADS(dt, T, I)                                                                                                          \
    HOOP_INLINE T d_relu_##dt(T a, T dy)                                                                                         \
    {                                                                                                                            \
        return a > 0 ? dy : 0;                                                                                                   \
    }                                                                                                                            \
    HOOP_INLINE T d_tanh_##dt(T a, T dy)                                                                                         \
    {                                                                                                                            \
        return dy * (1 - a * a);                                                                                                 \
    }                                                                                                                            \
    HOOP_INLINE T d_sigmoid_##dt(T a, T dy)                                                                                      \
    {                                                                                                                            \
        return dy * (a * (1 - a));                                                                                               \
    }                                                                                                                            \
    HOOP_INLINE T bounded_##dt(T a)                                                                                              \
    {                                                                                                                            \
        return a > 40 ? 40 : a < -40 ? -40 : a;                                                                                  \
    }                                                                                                                            \
    HOOP_INLINE T d_gelu_##dt(T a, T dy)                                                                                         \
    {                                                                                                                            \
        T c   = bounded_##dt(a);                                                                                                 \
        T cdf = (T)0.5 * (1 + v_erf_##dt(c * (T)0.70710678118654752440));                                                        \
        T pdf = (T)0.39894228040143267794 * v_exp_##dt((T)-0.5 * (c * c));                                                       \
        return dy * (cdf + c * pdf);                                                                                             \
    }                                                                                                                            \
    HOOP_INLINE T d_gelu_tanh_##dt(T a, T dy)                                                                                    \
    {                                                                                                                            \
        T c = bounded_##dt(a), t = v_tanh_##dt(gelu_inner_##dt(c));                                                              \
        T u = (T)0.79788456080286535588 * (1 + (T)0.134145 * (c * c));                                                           \
        return dy * ((T)0.5 * (1 + t) + (T)0.5 * c * ((1 - t * t) * u));                                                         \
    }                                                                                                                            \
    HOOP_INLINE T d_silu_##dt(T a, T dy)                                                                                         \
    {                                                                                                                            \
        T c = a < -90 ? -90 : a, s = v_sigmoid_##dt(a);                                                                          \
        return dy * (s * (1 + c * (1 - s)));                                                                                     \
    }                                                                                                                            \
    HOOP_INLINE T d_softsign_##dt(T a, T dy)                                                                                     \
    {                                                                                                                            \
        T r = 1 - v_abs_##dt(a);                                                                                                 \
        return dy * (r * r);                                                                                                     \
    }                                                                                                                            \
    HOOP_INLINE T d_log_sigmoid_##dt(T a, T dy)                                                                                  \
    {                                                                                                                            \
        return dy * -v_expm1_##dt(a);                                                                                            \
    }                                                                                                                            \
    HOOP_INLINE T d_hardswish_##dt(T a, T dy)                                                                                    \
    {                                                                                                                            \
        return a <= -3 ? 0 : a < 3 ? dy * (a / 3 + (T)0.5) : dy;                                                                 \
    }                                                                                                                            \
    HOOP_INLINE T d_hardsigmoid_##dt(T a, T dy)                                                                                  \
    {                                                                                                                            \
        return a > 0 && a < 1 ? dy / 6 : 0;                                                                                      \
    }                                                                                                                            \
    HOOP_INLINE T d_mish_##dt(T a, T dy)                                                                                         \
    {                                                                                                                            \
        T c = a > 40 ? 40 : a < -90 ? -90 : a, e = v_exp_##dt(c), n = e * (e + 2), q = 1 / (n + 2);                              \
        return dy * (n * q + c * (e / (1 + e)) * (4 * (n + 1) * q * q));                                                         \
    }
HOOP_FLOAT_LIST(GRADS)

#define UNARY_GRAD(name, dt, T)                                                                                                  \
    void HOOP_KERNEL(unary_grad_##name##_##dt)(int64_t n, const void *av, const void *dyv, void *dxv, bool add)                  \
    {                                                                                                                            \
        const T *a = av, *dy = dyv;                                                                                              \
        T       *dx = dxv;                                                                                                       \
        if (add) {                                                                                                               \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) dx[i] += d_##name##_##dt(a[i], dy[i]);                                     \
        } else {                                                                                                                 \
            HOOP_SIMD for (int64_t i = 0; i < n; i++) dx[i] = d_##name##_##dt(a[i], dy[i]);                                      \
        }                                                                                                                        \
    }
#define UNARY_GRAD_BOTH(name) UNARY_GRAD(name, f32, float) UNARY_GRAD(name, f64, double)
HOOP_UNARY_GRAD_LIST(UNARY_GRAD_BOTH)
