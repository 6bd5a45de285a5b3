/* core/kernels/cross_entropy.c - log-sum-exp of rows with the loss of a class label, and the gradient. */
#include "kernels/rows.h"

#define CROSS_ENTROPY(dt, T, I)                                                                                                  \
    void HOOP_KERNEL(cross_entropy_##dt)(int64_t rows, int64_t cols, const void *xv, const int64_t *label, void *lsev,           \
                                         void *lossv)                                                                            \
    {                                                                                                                            \
        T *lse = lsev, *loss = lossv;                                                                                            \
        for (int64_t r = 0; r < rows; r++) {                                                                                     \
            const T *x = (const T *)xv + r * cols;                                                                               \
            lse[r]     = row_max_##dt(cols, x);                                                                                  \
            loss[r]    = row_exp_##dt(cols, x, lse[r], NULL);                                                                    \
        }                                                                                                                        \
        HOOP_SIMD for (int64_t r = 0; r < rows; r++) loss[r] = v_log_##dt(loss[r]);                                              \
        for (int64_t r = 0; r < rows; r++) {                                                                                     \
            const T *x = (const T *)xv + r * cols;                                                                               \
            T        m = lse[r], s = loss[r];                                                                                    \
            lse[r]  = m + s;                                                                                                     \
            loss[r] = label[r] == HOOP_IGNORE_LABEL_VALUE ? 0 : s - (x[label[r]] - m); /* not lse - x: m may be large */         \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(cross_entropy_grad_##dt)(int64_t rows, int64_t cols, const void *xv, const int64_t *label,                  \
                                              const void *lsev, double scale, void *dxv, bool add)                               \
    {                                                                                                                            \
        const T *lse = lsev;                                                                                                     \
        T        k   = (T)scale;                                                                                                 \
        for (int64_t r = 0; r < rows; r++) {                                                                                     \
            const T *x  = (const T *)xv + r * cols;                                                                              \
            T       *dx = (T *)dxv + r * cols, shift = lse[r], at;                                                               \
            if (label[r] == HOOP_IGNORE_LABEL_VALUE) {                                                                           \
                if (!add)                                                                                                        \
                    for (int64_t c = 0; c < cols; c++) dx[c] = 0;                                                                \
                continue;                                                                                                        \
            }                                                                                                                    \
            at = (add ? dx[label[r]] : 0) + k * (v_exp_##dt(x[label[r]] - shift) - 1);                                           \
            if (add) {                                                                                                           \
                HOOP_SIMD for (int64_t c = 0; c < cols; c++) dx[c] += k * v_exp_##dt(x[c] - shift);                              \
            } else {                                                                                                             \
                HOOP_SIMD for (int64_t c = 0; c < cols; c++) dx[c] = k * v_exp_##dt(x[c] - shift);                               \
            }                                                                                                                    \
            dx[label[r]] = at;                                                                                                   \
        }                                                                                                                        \
    }
HOOP_FLOAT_LIST(CROSS_ENTROPY)
