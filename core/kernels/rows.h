/**
 * core/kernels/rows.h - exponentials of a row and their sum, for softmax and cross-entropy.
 *
 * The last, short piece of a row is padded to 16 with -inf, whose exponential adds nothing: classes are often ten.
 */
#ifndef HOOP_ROWS_H
#define HOOP_ROWS_H

#include "kernels/vmath.h"

/* y[c] = e^(x[c] - m) unless y is NULL; returns their sum (16 lanes, fixed tree) */
#define ROW_EXP(dt, T, I)                                                                                                        \
    static T row_exp_##dt(int64_t n, const T *x, T m, T *y)                                                                      \
    {                                                                                                                            \
        lanes_##dt a;                                                                                                            \
        T          in[HOOP_LANES], out[HOOP_LANES];                                                                              \
        lanes_fill_##dt(&a, 0);                                                                                                  \
        for (int64_t i = 0; i < n; i += HOOP_LANES) {                                                                            \
            int64_t  k = n - i < HOOP_LANES ? n - i : HOOP_LANES;                                                                \
            const T *p = x + i;                                                                                                  \
            if (k < HOOP_LANES) {                                                                                                \
                lanes_pad_##dt(in, p, k, (T)-INFINITY);                                                                          \
                p = in;                                                                                                          \
            }                                                                                                                    \
            for (int l = 0; l < HOOP_LANES; l++) out[l] = v_exp_##dt(p[l] - m);                                                  \
            lanes_add_##dt(&a, out);                                                                                             \
            if (y != NULL && k == HOOP_LANES) memcpy(y + i, out, sizeof out);                                                    \
            if (y != NULL && k < HOOP_LANES) lanes_unpad_##dt(y + i, out, k);                                                    \
        }                                                                                                                        \
        return lanes_sum_##dt(&a);                                                                                               \
    }
HOOP_FLOAT_LIST(ROW_EXP)
#undef ROW_EXP

#endif
