/**
 * core/kernels/rows.h - sums along a row: of its elements, of products, of exponentials.
 *
 * Sixteen lanes take a group of 1,024 elements, groups are added to a second set of lanes: long sums stay accurate. The last,
 * short piece of a row is padded to 16 with what adds nothing (the exponential of -inf): classes are often ten.
 */
#ifndef HOOP_ROWS_H
#define HOOP_ROWS_H

#include "kernels/vmath.h"

enum { ROW_GROUP = 1024 };

HOOP_INLINE int64_t row_group_end(int64_t i, int64_t n)
{
    return n - i < ROW_GROUP ? n : i + ROW_GROUP;
}

#define ROW_SUMS(dt, T, I)                                                                                                       \
    HOOP_INLINE void lanes_join_##dt(lanes_##dt *total, const lanes_##dt *a)                                                     \
    {                                                                                                                            \
        for (int k = 0; k < VECS_##dt; k++) total->v[k] += a->v[k];                                                              \
    }                                                                                                                            \
    HOOP_INLINE T row_sum_##dt(int64_t n, const T *x)                                                                            \
    {                                                                                                                            \
        lanes_##dt total, a;                                                                                                     \
        T          buf[HOOP_LANES];                                                                                              \
        lanes_fill_##dt(&total, 0);                                                                                              \
        for (int64_t i = 0, end; i < n; i = end) {                                                                               \
            end = row_group_end(i, n);                                                                                           \
            lanes_fill_##dt(&a, 0);                                                                                              \
            for (; i + HOOP_LANES <= end; i += HOOP_LANES) lanes_add_##dt(&a, x + i);                                            \
            if (i < end) {                                                                                                       \
                lanes_pad_##dt(buf, x + i, end - i, 0);                                                                          \
                lanes_add_##dt(&a, buf);                                                                                         \
            }                                                                                                                    \
            lanes_join_##dt(&total, &a);                                                                                         \
        }                                                                                                                        \
        return lanes_sum_##dt(&total);                                                                                           \
    }                                                                                                                            \
    HOOP_INLINE T row_dot_##dt(int64_t n, const T *x, const T *y)                                                                \
    {                                                                                                                            \
        lanes_##dt total, a;                                                                                                     \
        T          bx[HOOP_LANES], by[HOOP_LANES];                                                                               \
        lanes_fill_##dt(&total, 0);                                                                                              \
        for (int64_t i = 0, end; i < n; i = end) {                                                                               \
            end = row_group_end(i, n);                                                                                           \
            lanes_fill_##dt(&a, 0);                                                                                              \
            for (; i + HOOP_LANES <= end; i += HOOP_LANES) lanes_add_product_##dt(&a, x + i, y + i);                             \
            if (i < end) {                                                                                                       \
                lanes_pad_##dt(bx, x + i, end - i, 0);                                                                           \
                lanes_pad_##dt(by, y + i, end - i, 0);                                                                           \
                lanes_add_product_##dt(&a, bx, by);                                                                              \
            }                                                                                                                    \
            lanes_join_##dt(&total, &a);                                                                                         \
        }                                                                                                                        \
        return lanes_sum_##dt(&total);                                                                                           \
    }                                                                                                                            \
    /* y[c] = e^(x[c] - m) unless y is NULL; returns their sum */                                                                \
    HOOP_INLINE T row_exp_##dt(int64_t n, const T *x, T m, T *y)                                                                 \
    {                                                                                                                            \
        lanes_##dt total, a;                                                                                                     \
        T          in[HOOP_LANES], out[HOOP_LANES];                                                                              \
        lanes_fill_##dt(&total, 0);                                                                                              \
        lanes_fill_##dt(&a, 0);                                                                                                  \
        for (int64_t i = 0; i < n; i += HOOP_LANES) {                                                                            \
            int64_t  k = n - i < HOOP_LANES ? n - i : HOOP_LANES;                                                                \
            const T *p = x + i;                                                                                                  \
            if (i > 0 && i % ROW_GROUP == 0) {                                                                                   \
                lanes_join_##dt(&total, &a);                                                                                     \
                lanes_fill_##dt(&a, 0);                                                                                          \
            }                                                                                                                    \
            if (k < HOOP_LANES) {                                                                                                \
                lanes_pad_##dt(in, p, k, (T)-INFINITY);                                                                          \
                p = in;                                                                                                          \
            }                                                                                                                    \
            for (int l = 0; l < HOOP_LANES; l++) out[l] = v_exp_##dt(p[l] - m);                                                  \
            lanes_add_##dt(&a, out);                                                                                             \
            if (y != NULL && k == HOOP_LANES) memcpy(y + i, out, sizeof out);                                                    \
            if (y != NULL && k < HOOP_LANES) lanes_unpad_##dt(y + i, out, k);                                                    \
        }                                                                                                                        \
        lanes_join_##dt(&total, &a);                                                                                             \
        return lanes_sum_##dt(&total);                                                                                           \
    }
HOOP_FLOAT_LIST(ROW_SUMS)
#undef ROW_SUMS

#endif
