/* core/kernels/stats.c - variances, norms, log-sum-exp, places of extremes, running sums, products and extremes, gradients of
 * products. */
#include "kernels/reduce.h"
#include "kernels/rows.h"

enum {
    COL_CHUNK = 256, /* columns at a time, in the nearest cache */
    ROW_BLOCK = 64   /* rows of one column that are summed before they join its total */
};
typedef double four __attribute__((vector_size(32)));

/*
 * Variance: the mean and the sum of squares about it of a group of elements, of which there are few enough to stay in the nearest
 * cache, then those of groups joined (Chan, Golub & LeVeque, 1983), in f64.
 */
typedef struct moments {
    double n, mean, square; /* square: the sum of squares about the mean */
} moments;

HOOP_INLINE moments moments_join(moments a, moments b)
{
    double n = a.n + b.n, d = b.mean - a.mean, share = b.n / n;
    return (moments){n, a.mean + d * share, (a.square + b.square) + d * d * (a.n * share)};
}

HOOP_INLINE double stat_var(moments a, double correction)
{
    double n = a.n - correction;
    return a.square / (n > 0 ? n : 0.0);
}

/* |x|^p by way of f64; 0 of 0 */
HOOP_INLINE double power_of(double x, double p)
{
    double a = x < 0 ? -x : x;
    return v_exp_f64(p * v_log_f64(a));
}

#define STATS(dt, T, I)                                                                                                          \
    HOOP_INLINE T absolute_##dt(T x)                                                                                             \
    {                                                                                                                            \
        return x < 0 ? -x : x;                                                                                                   \
    }                                                                                                                            \
    static moments row_moments_##dt(int64_t n, const T *x)                                                                       \
    {                                                                                                                            \
        moments total = {0, 0, 0};                                                                                               \
        for (int64_t i = 0, end; i < n; i = end) {                                                                               \
            lanes_##dt a;                                                                                                        \
            T          buf[HOOP_LANES], mean;                                                                                    \
            int64_t    k = i, m;                                                                                                 \
            moments    g;                                                                                                        \
            end  = row_group_end(i, n);                                                                                          \
            m    = end - i;                                                                                                      \
            mean = row_sum_##dt(m, x + i) / (T)m;                                                                                \
            lanes_fill_##dt(&a, 0);                                                                                              \
            for (; k + HOOP_LANES <= end; k += HOOP_LANES) {                                                                     \
                for (int l = 0; l < HOOP_LANES; l++) buf[l] = x[k + l] - mean;                                                   \
                lanes_add_product_##dt(&a, buf, buf);                                                                            \
            }                                                                                                                    \
            if (k < end) {                                                                                                       \
                lanes_pad_##dt(buf, x + k, end - k, mean);                                                                       \
                for (int l = 0; l < HOOP_LANES; l++) buf[l] -= mean;                                                             \
                lanes_add_product_##dt(&a, buf, buf);                                                                            \
            }                                                                                                                    \
            g     = (moments){(double)m, (double)mean, (double)lanes_sum_##dt(&a)};                                              \
            total = i == 0 ? g : moments_join(total, g);                                                                         \
        }                                                                                                                        \
        return total;                                                                                                            \
    }                                                                                                                            \
    void HOOP_KERNEL(var_rows_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ld, double correction, void *yv)         \
    {                                                                                                                            \
        for (int64_t r = 0; r < rows; r++)                                                                                       \
            ((T *)yv)[r] = (T)stat_var(row_moments_##dt(cols, (const T *)xv + r * ld), correction);                              \
    }                                                                                                                            \
    void HOOP_KERNEL(std_rows_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ld, double correction, void *yv)         \
    {                                                                                                                            \
        for (int64_t r = 0; r < rows; r++)                                                                                       \
            ((T *)yv)[r] = (T)v_sqrt_f64(stat_var(row_moments_##dt(cols, (const T *)xv + r * ld), correction));                  \
    }                                                                                                                            \
    /* of m columns, block by block of rows */                                                                                   \
    static void cols_moments_##dt(int64_t rows, int64_t m, const T *x, int64_t ld, double *mean, double *square)                 \
    {                                                                                                                            \
        T sum[COL_CHUNK], acc[COL_CHUNK];                                                                                        \
        for (int64_t c = 0; c < m; c++) mean[c] = square[c] = 0;                                                                 \
        for (int64_t r0 = 0; r0 < rows; r0 += ROW_BLOCK) {                                                                       \
            int64_t n     = rows - r0 < ROW_BLOCK ? rows - r0 : ROW_BLOCK;                                                       \
            double  share = (double)n / (double)(r0 + n), weight = (double)r0 * share;                                           \
            for (int64_t c = 0; c < m; c++) sum[c] = acc[c] = 0;                                                                 \
            for (int64_t r = r0; r < r0 + n; r++) HOOP_SIMD for (int64_t c = 0; c < m; c++) sum[c] += x[r * ld + c];             \
            HOOP_SIMD for (int64_t c = 0; c < m; c++) sum[c] /= (T)n;                                                            \
            for (int64_t r = r0; r < r0 + n; r++) HOOP_SIMD for (int64_t c = 0; c < m; c++)                                      \
                {                                                                                                                \
                    T d = x[r * ld + c] - sum[c];                                                                                \
                    acc[c] += d * d;                                                                                             \
                }                                                                                                                \
            HOOP_SIMD for (int64_t c = 0; c < m; c++)                                                                            \
            {                                                                                                                    \
                double d  = (double)sum[c] - mean[c];                                                                            \
                mean[c]   = mean[c] + d * share;                                                                                 \
                square[c] = (square[c] + (double)acc[c]) + d * d * weight;                                                       \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(var_cols_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ld, double correction, void *yv)         \
    {                                                                                                                            \
        double mean[COL_CHUNK], square[COL_CHUNK];                                                                               \
        for (int64_t c0 = 0; c0 < cols; c0 += COL_CHUNK) {                                                                       \
            int64_t m = cols - c0 < COL_CHUNK ? cols - c0 : COL_CHUNK;                                                           \
            cols_moments_##dt(rows, m, (const T *)xv + c0, ld, mean, square);                                                    \
            for (int64_t c = 0; c < m; c++)                                                                                      \
                ((T *)yv)[c0 + c] = (T)stat_var((moments){(double)rows, mean[c], square[c]}, correction);                        \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(std_cols_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ld, double correction, void *yv)         \
    {                                                                                                                            \
        double mean[COL_CHUNK], square[COL_CHUNK];                                                                               \
        for (int64_t c0 = 0; c0 < cols; c0 += COL_CHUNK) {                                                                       \
            int64_t m = cols - c0 < COL_CHUNK ? cols - c0 : COL_CHUNK;                                                           \
            cols_moments_##dt(rows, m, (const T *)xv + c0, ld, mean, square);                                                    \
            for (int64_t c = 0; c < m; c++)                                                                                      \
                ((T *)yv)[c0 + c] = (T)v_sqrt_f64(stat_var((moments){(double)rows, mean[c], square[c]}, correction));            \
        }                                                                                                                        \
    }                                                                                                                            \
    /* log sum e^x = m + log sum e^(x - m); an infinite m is the result, and so is -inf of no elements */                        \
    void HOOP_KERNEL(logsumexp_rows_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ld, double param, void *yv)        \
    {                                                                                                                            \
        (void)param;                                                                                                             \
        for (int64_t r = 0; r < rows; r++) {                                                                                     \
            const T *x   = (const T *)xv + r * ld;                                                                               \
            T        m   = row_max_##dt(cols, x);                                                                                \
            ((T *)yv)[r] = m - m != 0 ? m : m + v_log_##dt(row_exp_##dt(cols, x, m, NULL));                                      \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(logsumexp_cols_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ld, double param, void *yv)        \
    {                                                                                                                            \
        T largest[COL_CHUNK], acc[COL_CHUNK], total[COL_CHUNK];                                                                  \
        (void)param;                                                                                                             \
        for (int64_t c0 = 0; c0 < cols; c0 += COL_CHUNK) {                                                                       \
            const T *x = (const T *)xv + c0;                                                                                     \
            T       *y = (T *)yv + c0;                                                                                           \
            int64_t  m = cols - c0 < COL_CHUNK ? cols - c0 : COL_CHUNK;                                                          \
            HOOP_KERNEL(max_cols_##dt)(rows, m, x, ld, largest, false);                                                          \
            for (int64_t c = 0; c < m; c++) total[c] = 0;                                                                        \
            for (int64_t r0 = 0; r0 < rows; r0 += ROW_BLOCK) {                                                                   \
                int64_t end = rows - r0 < ROW_BLOCK ? rows : r0 + ROW_BLOCK;                                                     \
                for (int64_t c = 0; c < m; c++) acc[c] = 0;                                                                      \
                for (int64_t r = r0; r < end; r++)                                                                               \
                    HOOP_SIMD for (int64_t c = 0; c < m; c++) acc[c] += v_exp_##dt(x[r * ld + c] - largest[c]);                  \
                HOOP_SIMD for (int64_t c = 0; c < m; c++) total[c] += acc[c];                                                    \
            }                                                                                                                    \
            HOOP_SIMD for (int64_t c = 0; c < m; c++)                                                                            \
            {                                                                                                                    \
                T top = largest[c], log = top + v_log_##dt(total[c]);                                                            \
                y[c] = top - top != 0 ? top : log;                                                                               \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    HOOP_INLINE T term_##dt(T x, double p)                                                                                       \
    {                                                                                                                            \
        return p == 2 ? x * x : p == 1 ? absolute_##dt(x) : (T)power_of((double)x, p);                                           \
    }                                                                                                                            \
    HOOP_INLINE T root_##dt(T sum, double p)                                                                                     \
    {                                                                                                                            \
        return p == 2 ? v_sqrt_##dt(sum) : p == 1 ? sum : (T)power_of((double)sum, 1 / p);                                       \
    }                                                                                                                            \
    /* p is a constant wherever this is inlined but for the last */                                                              \
    HOOP_INLINE T row_norm_##dt(int64_t n, const T *x, double p)                                                                 \
    {                                                                                                                            \
        lanes_##dt total, a;                                                                                                     \
        T          buf[HOOP_LANES], term[HOOP_LANES];                                                                            \
        lanes_fill_##dt(&total, 0);                                                                                              \
        for (int64_t i = 0, end; i < n; i = end) {                                                                               \
            end = row_group_end(i, n);                                                                                           \
            lanes_fill_##dt(&a, 0);                                                                                              \
            for (; i < end; i += HOOP_LANES) {                                                                                   \
                const T *from = x + i;                                                                                           \
                if (end - i < HOOP_LANES) {                                                                                      \
                    lanes_pad_##dt(buf, from, end - i, 0);                                                                       \
                    from = buf;                                                                                                  \
                }                                                                                                                \
                for (int l = 0; l < HOOP_LANES; l++) term[l] = term_##dt(from[l], p);                                            \
                lanes_add_##dt(&a, term);                                                                                        \
            }                                                                                                                    \
            lanes_join_##dt(&total, &a);                                                                                         \
        }                                                                                                                        \
        return root_##dt(lanes_sum_##dt(&total), p);                                                                             \
    }                                                                                                                            \
    HOOP_INLINE T row_largest_##dt(int64_t n, const T *x)                                                                        \
    {                                                                                                                            \
        lanes_##dt a;                                                                                                            \
        T          buf[HOOP_LANES];                                                                                              \
        lanes_fill_##dt(&a, 0);                                                                                                  \
        for (int64_t i = 0; i < n; i += HOOP_LANES) {                                                                            \
            if (n - i < HOOP_LANES)                                                                                              \
                lanes_pad_##dt(buf, x + i, n - i, 0);                                                                            \
            else                                                                                                                 \
                memcpy(buf, x + i, sizeof buf);                                                                                  \
            for (int l = 0; l < HOOP_LANES; l++) buf[l] = absolute_##dt(buf[l]);                                                 \
            lanes_max_##dt(&a, buf);                                                                                             \
        }                                                                                                                        \
        return lanes_largest_##dt(&a);                                                                                           \
    }                                                                                                                            \
    void HOOP_KERNEL(norm_rows_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ld, double p, void *yv)                 \
    {                                                                                                                            \
        T *y = yv;                                                                                                               \
        for (int64_t r = 0; r < rows; r++) {                                                                                     \
            const T *x = (const T *)xv + r * ld;                                                                                 \
            if (p == 2)                                                                                                          \
                y[r] = row_norm_##dt(cols, x, 2);                                                                                \
            else if (p == 1)                                                                                                     \
                y[r] = row_norm_##dt(cols, x, 1);                                                                                \
            else                                                                                                                 \
                y[r] = p == (double)INFINITY ? row_largest_##dt(cols, x) : row_norm_##dt(cols, x, p);                            \
        }                                                                                                                        \
    }                                                                                                                            \
    HOOP_INLINE void cols_norm_##dt(int64_t rows, int64_t m, const T *x, int64_t ld, double p, T *y)                             \
    {                                                                                                                            \
        T acc[COL_CHUNK], total[COL_CHUNK];                                                                                      \
        for (int64_t c = 0; c < m; c++) total[c] = 0;                                                                            \
        for (int64_t r0 = 0; r0 < rows; r0 += ROW_BLOCK) {                                                                       \
            int64_t end = rows - r0 < ROW_BLOCK ? rows : r0 + ROW_BLOCK;                                                         \
            for (int64_t c = 0; c < m; c++) acc[c] = 0;                                                                          \
            for (int64_t r = r0; r < end; r++) HOOP_SIMD for (int64_t c = 0; c < m; c++) acc[c] += term_##dt(x[r * ld + c], p);  \
            HOOP_SIMD for (int64_t c = 0; c < m; c++) total[c] += acc[c];                                                        \
        }                                                                                                                        \
        HOOP_SIMD for (int64_t c = 0; c < m; c++) y[c] = root_##dt(total[c], p);                                                 \
    }                                                                                                                            \
    static void cols_largest_##dt(int64_t rows, int64_t m, const T *x, int64_t ld, T *y)                                         \
    {                                                                                                                            \
        for (int64_t c = 0; c < m; c++) y[c] = 0;                                                                                \
        for (int64_t r = 0; r < rows; r++)                                                                                       \
            HOOP_SIMD for (int64_t c = 0; c < m; c++) y[c] = max_##dt(y[c], absolute_##dt(x[r * ld + c]));                       \
    }                                                                                                                            \
    void HOOP_KERNEL(norm_cols_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ld, double p, void *yv)                 \
    {                                                                                                                            \
        for (int64_t c0 = 0; c0 < cols; c0 += COL_CHUNK) {                                                                       \
            const T *x = (const T *)xv + c0;                                                                                     \
            T       *y = (T *)yv + c0;                                                                                           \
            int64_t  m = cols - c0 < COL_CHUNK ? cols - c0 : COL_CHUNK;                                                          \
            if (p == 2)                                                                                                          \
                cols_norm_##dt(rows, m, x, ld, 2, y);                                                                            \
            else if (p == 1)                                                                                                     \
                cols_norm_##dt(rows, m, x, ld, 1, y);                                                                            \
            else if (p == (double)INFINITY)                                                                                      \
                cols_largest_##dt(rows, m, x, ld, y);                                                                            \
            else                                                                                                                 \
                cols_norm_##dt(rows, m, x, ld, p, y);                                                                            \
        }                                                                                                                        \
    }                                                                                                                            \
    /* from the left, then from the right */                                                                                     \
    HOOP_INLINE void prod_grad_row_##dt(int64_t cols, const T *x, T dy, double *before, T *dx)                                   \
    {                                                                                                                            \
        double a = 1, after = (double)dy;                                                                                        \
        for (int64_t c = 0; c < cols; a *= (double)x[c++]) before[c] = a;                                                        \
        for (int64_t c = cols - 1; c >= 0; after *= (double)x[c--]) dx[c] = (T)(before[c] * after);                              \
    }                                                                                                                            \
    HOOP_INLINE void times_##dt(four *a, const T *x, int64_t ld)                                                                 \
    {                                                                                                                            \
        *a *= (four){(double)x[0], (double)x[ld], (double)x[2 * ld], (double)x[3 * ld]};                                         \
    }                                                                                                                            \
    /* four rows side by side, since each waits for its last product */                                                          \
    HOOP_INLINE void prod_grad_four_##dt(int64_t cols, const T *x, const T *dy, double *before, T *dx)                           \
    {                                                                                                                            \
        four a = {1, 1, 1, 1}, y;                                                                                                \
        for (int64_t c = 0; c < cols; c++) {                                                                                     \
            before[c] = a[0], before[cols + c] = a[1], before[2 * cols + c] = a[2], before[3 * cols + c] = a[3];                 \
            times_##dt(&a, x + c, cols);                                                                                         \
        }                                                                                                                        \
        a = (four){(double)dy[0], (double)dy[1], (double)dy[2], (double)dy[3]};                                                  \
        for (int64_t c = cols - 1; c >= 0; c--) {                                                                                \
            y = (four){before[c], before[cols + c], before[2 * cols + c], before[3 * cols + c]} * a;                             \
            times_##dt(&a, x + c, cols);                                                                                         \
            dx[c] = (T)y[0], dx[cols + c] = (T)y[1], dx[2 * cols + c] = (T)y[2], dx[3 * cols + c] = (T)y[3];                     \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(prod_grad_##dt)(int64_t rows, int64_t cols, const void *xv, const void *dyv, double *before, void *dxv)     \
    {                                                                                                                            \
        const T *x = xv, *dy = dyv;                                                                                              \
        T       *dx = dxv;                                                                                                       \
        int64_t  r  = 0;                                                                                                         \
        for (; r + 4 <= rows; r += 4) prod_grad_four_##dt(cols, x + r * cols, dy + r, before + r * cols, dx + r * cols);         \
        for (; r < rows; r++) prod_grad_row_##dt(cols, x + r * cols, dy[r], before + r * cols, dx + r * cols);                   \
    }
HOOP_FLOAT_LIST(STATS)

/* ---- places of extremes ---- */

enum { ARG_ROWS = 1 << 30 /* counted in the width of an element */ };

/* NaN is beyond all, and the first of equals is taken */
#define FLOAT_ABOVE(x, m) ((x) > (m) || ((x) != (x) && (m) == (m)))
#define FLOAT_BELOW(x, m) ((x) < (m) || ((x) != (x) && (m) == (m)))
#define WHOLE_ABOVE(x, m) ((x) > (m))
#define WHOLE_BELOW(x, m) ((x) < (m))

#define SAME(x, m) ((x) == (m) || ((x) != (x) && (m) != (m)))
enum { ARG_LANES = 64 };

#define PLACES(name, dt, T, I, beyond)                                                                                           \
    /* sixteen lanes find the extreme, then its first place is looked for */                                                     \
    void HOOP_KERNEL(name##_rows_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ld, int64_t *y)                       \
    {                                                                                                                            \
        for (int64_t r = 0; r < rows; r++) {                                                                                     \
            const T *x = (const T *)xv + r * ld;                                                                                 \
            T        m = x[0], lane[ARG_LANES];                                                                                  \
            int64_t  c = 0;                                                                                                      \
            for (int l = 0; l < ARG_LANES; l++) lane[l] = x[0];                                                                  \
            for (; c + ARG_LANES <= cols; c += ARG_LANES)                                                                        \
                HOOP_SIMD for (int l = 0; l < ARG_LANES; l++) lane[l] = beyond(x[c + l], lane[l]) ? x[c + l] : lane[l];          \
            for (; c < cols; c++) m = beyond(x[c], m) ? x[c] : m;                                                                \
            for (int l = 0; l < ARG_LANES; l++) m = beyond(lane[l], m) ? lane[l] : m;                                            \
            for (c = 0; c + ARG_LANES <= cols; c += ARG_LANES) {                                                                 \
                int found = 0;                                                                                                   \
                for (int l = 0; l < ARG_LANES; l++) found |= SAME(x[c + l], m);                                                  \
                if (found) break;                                                                                                \
            }                                                                                                                    \
            while (!SAME(x[c], m)) c++;                                                                                          \
            y[r] = c;                                                                                                            \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(name##_cols_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ld, int64_t *y)                       \
    {                                                                                                                            \
        T m[COL_CHUNK];                                                                                                          \
        I at[COL_CHUNK];                                                                                                         \
        for (int64_t c0 = 0; c0 < cols; c0 += COL_CHUNK) {                                                                       \
            const T *x = (const T *)xv + c0;                                                                                     \
            int64_t  n = cols - c0 < COL_CHUNK ? cols - c0 : COL_CHUNK;                                                          \
            for (int64_t c = 0; c < n; c++) {                                                                                    \
                m[c]      = x[c];                                                                                                \
                y[c0 + c] = 0;                                                                                                   \
            }                                                                                                                    \
            for (int64_t first = 0; first < rows; first += ARG_ROWS) {                                                           \
                int64_t end = rows - first < ARG_ROWS ? rows - first : ARG_ROWS;                                                 \
                for (int64_t c = 0; c < n; c++) at[c] = -1;                                                                      \
                for (int64_t r = 0; r < end; r++) {                                                                              \
                    const T *row = x + (first + r) * ld;                                                                         \
                    HOOP_SIMD for (int64_t c = 0; c < n; c++)                                                                    \
                    {                                                                                                            \
                        T    u    = row[c];                                                                                      \
                        bool take = beyond(u, m[c]);                                                                             \
                        m[c]      = take ? u : m[c];                                                                             \
                        at[c]     = take ? (I)r : at[c];                                                                         \
                    }                                                                                                            \
                }                                                                                                                \
                for (int64_t c = 0; c < n; c++) y[c0 + c] = at[c] >= 0 ? first + at[c] : y[c0 + c];                              \
            }                                                                                                                    \
        }                                                                                                                        \
    }
#define FLOAT_PLACES(dt, T, I)                                                                                                   \
    PLACES(argmax, dt, T, I, FLOAT_ABOVE)                                                                                        \
    PLACES(argmin, dt, T, I, FLOAT_BELOW)
HOOP_FLOAT_LIST(FLOAT_PLACES)
#define WHOLE_PLACES(dt, T, I)                                                                                                   \
    PLACES(argmax, dt, T, I, WHOLE_ABOVE)                                                                                        \
    PLACES(argmin, dt, T, I, WHOLE_BELOW)
WHOLE_PLACES(i64, int64_t, int64_t)
WHOLE_PLACES(i32, int32_t, int32_t)
WHOLE_PLACES(u8, uint8_t, int32_t)

/* ---- running sums and products ---- */

enum { RUNNING_ROWS = 4 /* side by side, since each step waits for the one before */ };

#define RUNNING(name, dt, T, A, Y, neutral, join)                                                                                \
    HOOP_INLINE void name##_few_##dt(int64_t few, int64_t cols, const T *x, int64_t ld, Y *y, int64_t ldy, bool reverse)         \
    {                                                                                                                            \
        A a[RUNNING_ROWS] = {neutral, neutral, neutral, neutral};                                                                \
        for (int64_t i = 0; i < cols; i++) {                                                                                     \
            int64_t c = reverse ? cols - 1 - i : i;                                                                              \
            for (int64_t r = 0; r < few; r++) {                                                                                  \
                a[r] join(A) x[r * ld + c];                                                                                      \
                y[r * ldy + c] = (Y)a[r];                                                                                        \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(name##_rows_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ld, void *yv, int64_t ldy,            \
                                       bool reverse)                                                                             \
    {                                                                                                                            \
        const T *x = xv;                                                                                                         \
        Y       *y = yv;                                                                                                         \
        int64_t  r = 0;                                                                                                          \
        for (; r + RUNNING_ROWS <= rows; r += RUNNING_ROWS)                                                                      \
            name##_few_##dt(RUNNING_ROWS, cols, x + r * ld, ld, y + r * ldy, ldy, reverse);                                      \
        for (; r < rows; r++) name##_few_##dt(1, cols, x + r * ld, ld, y + r * ldy, ldy, reverse);                               \
    }                                                                                                                            \
    void HOOP_KERNEL(name##_cols_##dt)(int64_t rows, int64_t cols, const void *xv, int64_t ld, void *yv, int64_t ldy,            \
                                       bool reverse)                                                                             \
    {                                                                                                                            \
        A a[COL_CHUNK];                                                                                                          \
        for (int64_t c0 = 0; c0 < cols; c0 += COL_CHUNK) {                                                                       \
            const T *x = (const T *)xv + c0;                                                                                     \
            Y       *y = (Y *)yv + c0;                                                                                           \
            int64_t  m = cols - c0 < COL_CHUNK ? cols - c0 : COL_CHUNK;                                                          \
            for (int64_t c = 0; c < m; c++) a[c] = neutral;                                                                      \
            for (int64_t i = 0; i < rows; i++) {                                                                                 \
                int64_t r = reverse ? rows - 1 - i : i;                                                                          \
                HOOP_SIMD for (int64_t c = 0; c < m; c++)                                                                        \
                {                                                                                                                \
                    a[c] join(A) x[r * ld + c];                                                                                  \
                    y[r * ldy + c] = (Y)a[c];                                                                                    \
                }                                                                                                                \
            }                                                                                                                    \
        }                                                                                                                        \
    }
#define RUNNING_BOTH(dt, T, A, Y)                                                                                                \
    RUNNING(running_sum, dt, T, A, Y, 0, +=)                                                                                     \
    RUNNING(running_prod, dt, T, A, Y, 1, *=)
RUNNING_BOTH(f32, float, double, float)
RUNNING_BOTH(f64, double, double, double)
RUNNING_BOTH(i64, int64_t, uint64_t, int64_t)
RUNNING_BOTH(i32, int32_t, uint64_t, int64_t)
RUNNING_BOTH(u8, uint8_t, uint64_t, int64_t)

/* Lines of n elements ld apart, `lines` of them step apart; where they do not lie side by side, a few at a time. */
enum { FEW_LINES = 16 };

/* With s_i = dy_i + x_(i+1) s_(i+1): dx_i = s_i times the product of what is before i. Nothing is divided by. s, in the order of
 * dx, is f64: what is out of f32's range may come back into it by what stands before. */
#define CUMPROD_GRAD(dt, T, I)                                                                                                   \
    HOOP_INLINE void cumprod_lines_##dt(int64_t n, int64_t m, const T *x, const T *dy, int64_t ld, int64_t step, double *s,      \
                                        T *dx)                                                                                   \
    {                                                                                                                            \
        double a[COL_CHUNK];                                                                                                     \
        for (int64_t c = 0; c < m; c++) a[c] = 0;                                                                                \
        for (int64_t i = n - 1; i >= 0; i--) HOOP_SIMD for (int64_t c = 0; c < m; c++)                                           \
            {                                                                                                                    \
                a[c] += (double)dy[i * ld + c * step];                                                                           \
                s[i * ld + c * step] = a[c];                                                                                     \
                a[c] *= (double)x[i * ld + c * step];                                                                            \
            }                                                                                                                    \
        for (int64_t c = 0; c < m; c++) a[c] = 1;                                                                                \
        for (int64_t i = 0; i < n; i++) HOOP_SIMD for (int64_t c = 0; c < m; c++)                                                \
            {                                                                                                                    \
                dx[i * ld + c * step] = (T)(a[c] * s[i * ld + c * step]);                                                        \
                a[c] *= (double)x[i * ld + c * step];                                                                            \
            }                                                                                                                    \
    }                                                                                                                            \
    void HOOP_KERNEL(cumprod_grad_##dt)(int64_t n, int64_t lines, const void *xv, const void *dyv, int64_t ld, int64_t step,     \
                                        double *sv, void *dxv)                                                                   \
    {                                                                                                                            \
        const int64_t most = step == 1 ? COL_CHUNK : FEW_LINES;                                                                  \
        for (int64_t c = 0; c < lines; c += most) {                                                                              \
            const T      *x = (const T *)xv + c * step, *dy = (const T *)dyv + c * step;                                         \
            double       *s  = sv + c * step;                                                                                    \
            T            *dx = (T *)dxv + c * step;                                                                              \
            const int64_t m  = lines - c < most ? lines - c : most;                                                              \
            if (step == 1)                                                                                                       \
                cumprod_lines_##dt(n, m, x, dy, ld, 1, s, dx);                                                                   \
            else                                                                                                                 \
                cumprod_lines_##dt(n, m, x, dy, ld, step, s, dx);                                                                \
        }                                                                                                                        \
    }
HOOP_FLOAT_LIST(CUMPROD_GRAD)

/* ---- running extremes: the last of equals, and NaN from the first on ---- */

#define FLOAT_REACHES(x, m) ((x) != (x) || ((m) == (m) && (x) >= (m)))
#define FLOAT_FALLS_TO(x, m) ((x) != (x) || ((m) == (m) && (x) <= (m)))
#define WHOLE_REACHES(x, m) ((x) >= (m))
#define WHOLE_FALLS_TO(x, m) ((x) <= (m))
#define RUNNING_PLACE(name, dt, T, takes)                                                                                        \
    static void name##_beside_##dt(int64_t n, int64_t lines, const T *x, int64_t ld, T *y, int64_t *place)                       \
    {                                                                                                                            \
        for (int64_t c = 0; c < lines; c++) {                                                                                    \
            y[c]     = x[c];                                                                                                     \
            place[c] = 0;                                                                                                        \
        }                                                                                                                        \
        for (int64_t i = 1; i < n; i++) {                                                                                        \
            for (int64_t at = i * ld; at < i * ld + lines; at++) {                                                               \
                const T    u = x[at], m = y[at - ld];                                                                            \
                const bool take = takes(u, m);                                                                                   \
                y[at]           = take ? u : m;                                                                                  \
                place[at]       = take ? i : place[at - ld];                                                                     \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    void HOOP_KERNEL(name##_##dt)(int64_t n, int64_t lines, const void *xv, int64_t ld, int64_t step, void *yv, int64_t *place)  \
    {                                                                                                                            \
        const T *x = xv;                                                                                                         \
        T       *y = yv;                                                                                                         \
        if (step == 1) {                                                                                                         \
            name##_beside_##dt(n, lines, x, ld, y, place);                                                                       \
            return;                                                                                                              \
        }                                                                                                                        \
        for (int64_t c = 0; c < lines; c++) {                                                                                    \
            T       m  = x[c * step];                                                                                            \
            int64_t at = 0;                                                                                                      \
            for (int64_t i = 0; i < n; i++) {                                                                                    \
                const T    u             = x[c * step + i * ld];                                                                 \
                const bool take          = takes(u, m);                                                                          \
                m                        = take ? u : m;                                                                         \
                at                       = take ? i : at;                                                                        \
                y[c * step + i * ld]     = m;                                                                                    \
                place[c * step + i * ld] = at;                                                                                   \
            }                                                                                                                    \
        }                                                                                                                        \
    }
#define FLOAT_RUNNING_PLACES(dt, T, I)                                                                                           \
    RUNNING_PLACE(cummax, dt, T, FLOAT_REACHES)                                                                                  \
    RUNNING_PLACE(cummin, dt, T, FLOAT_FALLS_TO)
HOOP_FLOAT_LIST(FLOAT_RUNNING_PLACES)
#define WHOLE_RUNNING_PLACES(dt, T)                                                                                              \
    RUNNING_PLACE(cummax, dt, T, WHOLE_REACHES)                                                                                  \
    RUNNING_PLACE(cummin, dt, T, WHOLE_FALLS_TO)
WHOLE_RUNNING_PLACES(i64, int64_t)
WHOLE_RUNNING_PLACES(i32, int32_t)
WHOLE_RUNNING_PLACES(u8, uint8_t)

/* ---- the table ---- */

#define DECLARE_FOLD(name, dt) extern hoop_fold_fn HOOP_KERNEL(name##_rows_##dt), HOOP_KERNEL(name##_cols_##dt);
#define DECLARE_FLOATS(dt, T, I)                                                                                                 \
    DECLARE_FOLD(min, dt)                                                                                                        \
    DECLARE_FOLD(prod, dt)
HOOP_FLOAT_LIST(DECLARE_FLOATS)
#define DECLARE_WHOLE(dt)                                                                                                        \
    DECLARE_FOLD(sum, dt)                                                                                                        \
    DECLARE_FOLD(prod, dt)                                                                                                       \
    DECLARE_FOLD(max, dt)                                                                                                        \
    DECLARE_FOLD(min, dt)
DECLARE_WHOLE(i64)
DECLARE_WHOLE(i32)
DECLARE_WHOLE(u8)
#define DECLARE_BITS(NAME, dt, T)                                                                                                \
    DECLARE_FOLD(any, dt)                                                                                                        \
    DECLARE_FOLD(all, dt)
HOOP_DTYPE_LIST(DECLARE_BITS)

#define OF_ALL(name)                                                                                                             \
    {                                                                                                                            \
        HOOP_KERNEL(name##_f32), HOOP_KERNEL(name##_f64), HOOP_KERNEL(name##_i64), HOOP_KERNEL(name##_i32),                      \
            HOOP_KERNEL(name##_u8)                                                                                               \
    }
#define OF_FLOATS(name)                                                                                                          \
    {                                                                                                                            \
        HOOP_KERNEL(name##_f32), HOOP_KERNEL(name##_f64)                                                                         \
    }
#define OF_FOLDS(which)                                                                                                          \
    {                                                                                                                            \
        OF_ALL(sum_##which), OF_ALL(max_##which), OF_ALL(min_##which), OF_ALL(prod_##which), OF_ALL(any_##which),                \
            OF_ALL(all_##which)                                                                                                  \
    }
#define OF_STATS(which)                                                                                                          \
    {                                                                                                                            \
        OF_FLOATS(var_##which), OF_FLOATS(std_##which), OF_FLOATS(logsumexp_##which), OF_FLOATS(norm_##which)                    \
    }
extern const hoop_reduce_kernels HOOP_KERNEL(reduce_kernels);
const hoop_reduce_kernels        HOOP_KERNEL(reduce_kernels) = {
           .fold_rows     = OF_FOLDS(rows),
           .fold_cols     = OF_FOLDS(cols),
           .stat_rows     = OF_STATS(rows),
           .stat_cols     = OF_STATS(cols),
           .arg_rows      = {OF_ALL(argmax_rows), OF_ALL(argmin_rows)},
           .arg_cols      = {OF_ALL(argmax_cols), OF_ALL(argmin_cols)},
           .running_rows  = {OF_ALL(running_sum_rows), OF_ALL(running_prod_rows)},
           .running_cols  = {OF_ALL(running_sum_cols), OF_ALL(running_prod_cols)},
           .running_place = {OF_ALL(cummax), OF_ALL(cummin)},
           .prod_grad     = OF_FLOATS(prod_grad),
           .cumprod_grad  = OF_FLOATS(cumprod_grad),
};
