/* core/kernels/reduce.c - sums and maxima of rows and of columns, and the sums of squares behind norms. */
#include "kernels/rows.h"

enum {
    COL_CHUNK = 1024, /* columns summed at a time, in the nearest cache */
    ROW_BLOCK = 64    /* rows of one column that are summed before they join its total */
};

#define REDUCE(dt, T, I)                                                                                                         \
    void HOOP_KERNEL(sum_rows_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ld, void *yv, bool add)                  \
    {                                                                                                                            \
        const T *x = xv;                                                                                                         \
        T       *y = yv;                                                                                                         \
        for (int64_t r = 0; r < rows; r++) {                                                                                     \
            T s  = row_sum_##dt(cols, x + r * ld);                                                                               \
            y[r] = add ? y[r] + s : s;                                                                                           \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(max_rows_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ld, void *yv, bool add)                  \
    {                                                                                                                            \
        const T *x = xv;                                                                                                         \
        T       *y = yv;                                                                                                         \
        for (int64_t r = 0; r < rows; r++) {                                                                                     \
            T m  = row_max_##dt(cols, x + r * ld);                                                                               \
            y[r] = add ? y[r] + m : m;                                                                                           \
        }                                                                                                                        \
    }                                                                                                                            \
    /* acc[c] = sum over the rows of a block of x[r, c], in order */                                                             \
    static void block_sum_##dt(int64_t rows, int64_t cols, const T *x, int64_t ld, T *acc)                                       \
    {                                                                                                                            \
        int64_t r = 0;                                                                                                           \
        for (int64_t c = 0; c < cols; c++) acc[c] = 0;                                                                           \
        for (; r + 4 <= rows; r += 4, x += 4 * ld)                                                                               \
            HOOP_SIMD for (int64_t c = 0; c < cols; c++) acc[c] =                                                                \
                (((acc[c] + x[c]) + x[ld + c]) + x[2 * ld + c]) + x[3 * ld + c];                                                 \
        for (; r < rows; r++, x += ld) HOOP_SIMD for (int64_t c = 0; c < cols; c++) acc[c] += x[c];                              \
    }                                                                                                                            \
    void HOOP_KERNEL(sum_cols_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ld, void *yv, bool add)                  \
    {                                                                                                                            \
        T acc[COL_CHUNK], total[COL_CHUNK];                                                                                      \
        for (int64_t c0 = 0; c0 < cols; c0 += COL_CHUNK) {                                                                       \
            const T *x = (const T *)xv + c0;                                                                                     \
            T       *y = (T *)yv + c0;                                                                                           \
            int64_t  m = cols - c0 < COL_CHUNK ? cols - c0 : COL_CHUNK;                                                          \
            for (int64_t c = 0; c < m; c++) total[c] = 0;                                                                        \
            for (int64_t r = 0; r < rows; r += ROW_BLOCK) {                                                                      \
                block_sum_##dt(rows - r < ROW_BLOCK ? rows - r : ROW_BLOCK, m, x + r * ld, ld, acc);                             \
                HOOP_SIMD for (int64_t c = 0; c < m; c++) total[c] += acc[c];                                                    \
            }                                                                                                                    \
            if (add) {                                                                                                           \
                HOOP_SIMD for (int64_t c = 0; c < m; c++) y[c] += total[c];                                                      \
            } else {                                                                                                             \
                HOOP_SIMD for (int64_t c = 0; c < m; c++) y[c] = total[c];                                                       \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(max_cols_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ld, void *yv, bool add)                  \
    {                                                                                                                            \
        T acc[COL_CHUNK];                                                                                                        \
        for (int64_t c0 = 0; c0 < cols; c0 += COL_CHUNK) {                                                                       \
            const T *x = (const T *)xv + c0;                                                                                     \
            T       *y = (T *)yv + c0;                                                                                           \
            int64_t  m = cols - c0 < COL_CHUNK ? cols - c0 : COL_CHUNK;                                                          \
            for (int64_t c = 0; c < m; c++) acc[c] = (T)-INFINITY;                                                               \
            for (int64_t r = 0; r < rows; r++)                                                                                   \
                HOOP_SIMD for (int64_t c = 0; c < m; c++) acc[c] = max_##dt(acc[c], x[r * ld + c]);                              \
            for (int64_t c = 0; c < m; c++) y[c] = add ? y[c] + acc[c] : acc[c];                                                 \
        }                                                                                                                        \
    }                                                                                                                            \
    /* f64 throughout; the square of an f32 is exact in it */                                                                    \
    void HOOP_KERNEL(squares_##dt)(int64_t nblocks, const void *xv, double *out)                                                 \
    {                                                                                                                            \
        const T *x = xv;                                                                                                         \
        double   wide[HOOP_EXACT_BLOCK];                                                                                         \
        for (int64_t b = 0; b < nblocks; b++, x += HOOP_EXACT_BLOCK) {                                                           \
            lanes_f64 a;                                                                                                         \
            lanes_fill_f64(&a, 0);                                                                                               \
            for (int i = 0; i < HOOP_EXACT_BLOCK; i++) wide[i] = (double)x[i];                                                   \
            for (int i = 0; i < HOOP_EXACT_BLOCK; i += HOOP_LANES) lanes_add_product_f64(&a, wide + i, wide + i);                \
            out[b] = lanes_sum_f64(&a);                                                                                          \
        }                                                                                                                        \
    }
HOOP_FLOAT_LIST(REDUCE)
