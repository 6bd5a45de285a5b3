/* core/kernels/softmax.c - softmax and log-softmax of rows, and their gradients. */
#include "kernels/rows.h"

enum { SOME_ROWS = 16, SOME_COLS = 256 }; /* short rows side by side, since each waits for its largest, its sum and a logarithm */

#define SOFTMAX(dt, T, I)                                                                                                        \
    void HOOP_KERNEL(softmax_##dt)(int64_t rows, int64_t cols, const void *xv, void *yv)                                         \
    {                                                                                                                            \
        for (int64_t r = 0; r < rows; r++) {                                                                                     \
            const T *x = (const T *)xv + r * cols;                                                                               \
            T       *y = (T *)yv + r * cols;                                                                                     \
            T        s = 1 / row_exp_##dt(cols, x, row_max_##dt(cols, x), y);                                                    \
            HOOP_SIMD for (int64_t c = 0; c < cols; c++) y[c] *= s;                                                              \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(log_softmax_##dt)(int64_t rows, int64_t cols, const void *xv, void *yv)                                     \
    {                                                                                                                            \
        const int64_t some = cols > SOME_COLS ? 1 : SOME_ROWS;                                                                   \
        T             m[SOME_ROWS], s[SOME_ROWS];                                                                                \
        for (int64_t r0 = 0, n; r0 < rows; r0 += n) {                                                                            \
            const T *x = (const T *)xv + r0 * cols;                                                                              \
            T       *y = (T *)yv + r0 * cols;                                                                                    \
            n          = rows - r0 < some ? rows - r0 : some;                                                                    \
            for (int64_t r = 0; r < n; r++) m[r] = row_max_##dt(cols, x + r * cols);                                             \
            for (int64_t r = 0; r < n; r++) s[r] = row_exp_##dt(cols, x + r * cols, m[r], NULL);                                 \
            HOOP_SIMD for (int64_t r = 0; r < n; r++) s[r] = v_log_##dt(s[r]);                                                   \
            for (int64_t r = 0; r < n; r++, x += cols, y += cols)                                                                \
                HOOP_SIMD for (int64_t c = 0; c < cols; c++) y[c] = (x[c] - m[r]) - s[r];                                        \
        }                                                                                                                        \
    }                                                                                                                            \
    /* dx = y (dy - sum dy y) */                                                                                                 \
    void HOOP_KERNEL(softmax_grad_##dt)(int64_t rows, int64_t cols, const void *yv, const void *dyv, void *dxv, bool add)        \
    {                                                                                                                            \
        for (int64_t r = 0; r < rows; r++) {                                                                                     \
            const T *y = (const T *)yv + r * cols, *dy = (const T *)dyv + r * cols;                                              \
            T       *dx = (T *)dxv + r * cols, s = row_dot_##dt(cols, dy, y);                                                    \
            if (add) {                                                                                                           \
                HOOP_SIMD for (int64_t c = 0; c < cols; c++) dx[c] += y[c] * (dy[c] - s);                                        \
            } else {                                                                                                             \
                HOOP_SIMD for (int64_t c = 0; c < cols; c++) dx[c] = y[c] * (dy[c] - s);                                         \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    /* dx = dy - e^y sum dy */                                                                                                   \
    void HOOP_KERNEL(log_softmax_grad_##dt)(int64_t rows, int64_t cols, const void *yv, const void *dyv, void *dxv, bool add)    \
    {                                                                                                                            \
        for (int64_t r = 0; r < rows; r++) {                                                                                     \
            const T *y = (const T *)yv + r * cols, *dy = (const T *)dyv + r * cols;                                              \
            T       *dx = (T *)dxv + r * cols, s = row_sum_##dt(cols, dy);                                                       \
            if (add) {                                                                                                           \
                HOOP_SIMD for (int64_t c = 0; c < cols; c++) dx[c] += dy[c] - v_exp_##dt(y[c]) * s;                              \
            } else {                                                                                                             \
                HOOP_SIMD for (int64_t c = 0; c < cols; c++) dx[c] = dy[c] - v_exp_##dt(y[c]) * s;                               \
            }                                                                                                                    \
        }                                                                                                                        \
    }
HOOP_FLOAT_LIST(SOFTMAX)
