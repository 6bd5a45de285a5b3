/* core/kernels/norm.c - layer norm by rows, and what batch, group and instance norm do to channels. */
#include "kernels/norm.h"
#include "kernels/rows.h"

extern const hoop_norm_kernels HOOP_KERNEL(norm_kernels);

enum {
    WAYS      = 4,    /* sets of lanes that are summed side by side: an addition takes four cycles */
    WAY_GROUP = 4096, /* elements of a row in one set of sums */
    NEAR      = 32,   /* rows whose mean deviations are taken from, */
    NEAR_ROW  = 64,   /* and elements of a row */
    BLOCK     = 64,   /* rows that are summed before they join a total */
    STRIP     = 2,    /* rows of 16 columns at a time: what lies further apart is not read ahead */
    LINE      = 64,   /* bytes */
    CHUNK     = 256,  /* columns whose sums are kept in the nearest cache, */
    WIDE      = 1024  /* and of a weight's gradient */
};

/* The first n of 16 elements, zeros behind them; n = 16 is known where these are inlined. */
#define NORM_LANES(dt, T, I)                                                                                                     \
    HOOP_INLINE void take_##dt(lanes_##dt *a, const T *x, int64_t n)                                                             \
    {                                                                                                                            \
        T buf[HOOP_LANES];                                                                                                       \
        if (n == HOOP_LANES) {                                                                                                   \
            lanes_load_##dt(a, x);                                                                                               \
            return;                                                                                                              \
        }                                                                                                                        \
        lanes_pad_##dt(buf, x, n, 0);                                                                                            \
        lanes_load_##dt(a, buf);                                                                                                 \
    }                                                                                                                            \
    HOOP_INLINE void give_##dt(const lanes_##dt *a, T *y, int64_t n)                                                             \
    {                                                                                                                            \
        T buf[HOOP_LANES];                                                                                                       \
        if (n == HOOP_LANES) {                                                                                                   \
            lanes_store_##dt(a, y);                                                                                              \
            return;                                                                                                              \
        }                                                                                                                        \
        lanes_store_##dt(a, buf);                                                                                                \
        lanes_unpad_##dt(y, buf, n);                                                                                             \
    }                                                                                                                            \
    HOOP_INLINE void ways_clear_##dt(lanes_##dt a[WAYS])                                                                         \
    {                                                                                                                            \
        for (int j = 0; j < WAYS; j++) lanes_fill_##dt(&a[j], 0);                                                                \
    }                                                                                                                            \
    HOOP_INLINE void ways_join_##dt(lanes_##dt *total, const lanes_##dt a[WAYS])                                                 \
    {                                                                                                                            \
        for (int k = 0; k < VECS_##dt; k++) total->v[k] += (a[0].v[k] + a[1].v[k]) + (a[2].v[k] + a[3].v[k]);                    \
    }
HOOP_FLOAT_LIST(NORM_LANES)

/* ---- rows ---- */

#define NORM_ROWS(dt, T, I)                                                                                                      \
    /* s += d, q += d^2, d = x - shift */                                                                                        \
    HOOP_INLINE void deviate_##dt(lanes_##dt *s, lanes_##dt *q, const lanes_##dt *x, const lanes_##dt *shift)                    \
    {                                                                                                                            \
        for (int k = 0; k < VECS_##dt; k++) {                                                                                    \
            vec_##dt d = x->v[k] - shift->v[k];                                                                                  \
            s->v[k] += d;                                                                                                        \
            q->v[k] += d * d;                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    /* sums over a row of d and of d^2 */                                                                                        \
    HOOP_INLINE void row_deviations_##dt(int64_t n, const T *x, T from, T *sum, T *squares)                                      \
    {                                                                                                                            \
        lanes_##dt s[WAYS], q[WAYS], ts, tq, v, shift;                                                                           \
        T          buf[HOOP_LANES];                                                                                              \
        lanes_fill_##dt(&ts, 0);                                                                                                 \
        lanes_fill_##dt(&tq, 0);                                                                                                 \
        lanes_fill_##dt(&shift, from);                                                                                           \
        for (int64_t i = 0, end; i < n; i = end) {                                                                               \
            end = n - i < WAY_GROUP ? n : i + WAY_GROUP;                                                                         \
            ways_clear_##dt(s);                                                                                                  \
            ways_clear_##dt(q);                                                                                                  \
            for (; i + WAYS * HOOP_LANES <= end; i += WAYS * HOOP_LANES) {                                                       \
                for (int j = 0; j < WAYS; j++) {                                                                                 \
                    lanes_load_##dt(&v, x + i + j * HOOP_LANES);                                                                 \
                    deviate_##dt(&s[j], &q[j], &v, &shift);                                                                      \
                }                                                                                                                \
            }                                                                                                                    \
            for (int j = 0; j < WAYS; j++, i += HOOP_LANES) {                                                                    \
                if (i >= end) break;                                                                                             \
                if (i + HOOP_LANES <= end) {                                                                                     \
                    lanes_load_##dt(&v, x + i);                                                                                  \
                } else {                                                                                                         \
                    lanes_pad_##dt(buf, x + i, end - i, from);                                                                   \
                    lanes_load_##dt(&v, buf);                                                                                    \
                }                                                                                                                \
                deviate_##dt(&s[j], &q[j], &v, &shift);                                                                          \
            }                                                                                                                    \
            ways_join_##dt(&ts, s);                                                                                              \
            ways_join_##dt(&tq, q);                                                                                              \
        }                                                                                                                        \
        *sum     = lanes_sum_##dt(&ts);                                                                                          \
        *squares = lanes_sum_##dt(&tq);                                                                                          \
    }                                                                                                                            \
    /* mean and variance: once more where the first elements' mean is far from that of all */                                    \
    HOOP_INLINE double row_variance_##dt(int64_t n, const T *x, T *mean)                                                         \
    {                                                                                                                            \
        int64_t near = n < NEAR_ROW ? n : NEAR_ROW;                                                                              \
        T       from = row_sum_##dt(near, x) / (T)near, s, q;                                                                    \
        double  off;                                                                                                             \
        row_deviations_##dt(n, x, from, &s, &q);                                                                                 \
        off = (double)s / (double)n;                                                                                             \
        if (off * off * (double)n > 0.5 * (double)q) {                                                                           \
            from = (T)((double)from + off);                                                                                      \
            row_deviations_##dt(n, x, from, &s, &q);                                                                             \
            off = (double)s / (double)n;                                                                                         \
        }                                                                                                                        \
        *mean = (T)((double)from + off);                                                                                         \
        off   = (double)q / (double)n - off * off;                                                                               \
        return off < 0 ? 0 : off;                                                                                                \
    }                                                                                                                            \
    HOOP_INLINE void row_apply_##dt(int64_t n, const T *x, T mean, T rstd, const T *w, const T *b, T *y)                         \
    {                                                                                                                            \
        if (b != NULL) {                                                                                                         \
            HOOP_SIMD for (int64_t c = 0; c < n; c++) y[c] = (x[c] - mean) * rstd * w[c] + b[c];                                 \
        } else if (w != NULL) {                                                                                                  \
            HOOP_SIMD for (int64_t c = 0; c < n; c++) y[c] = (x[c] - mean) * rstd * w[c];                                        \
        } else {                                                                                                                 \
            HOOP_SIMD for (int64_t c = 0; c < n; c++) y[c] = (x[c] - mean) * rstd;                                               \
        }                                                                                                                        \
    }                                                                                                                            \
    static void norm_rows_##dt(int64_t rows, int64_t cols, double eps, const void *xv, const void *w, const void *b, void *yv,   \
                               void *meanv, void *rstdv)                                                                         \
    {                                                                                                                            \
        for (int64_t r = 0; r < rows; r++) {                                                                                     \
            const T *x    = (const T *)xv + r * cols;                                                                            \
            T        mean = 0, s, q;                                                                                             \
            double   variance;                                                                                                   \
            if (meanv != NULL) {                                                                                                 \
                variance        = row_variance_##dt(cols, x, &mean);                                                             \
                ((T *)meanv)[r] = mean;                                                                                          \
            } else {                                                                                                             \
                row_deviations_##dt(cols, x, 0, &s, &q);                                                                         \
                variance = (double)q / (double)cols;                                                                             \
            }                                                                                                                    \
            ((T *)rstdv)[r] = (T)(1 / sqrt(variance + eps));                                                                     \
            row_apply_##dt(cols, x, mean, ((T *)rstdv)[r], w, b, (T *)yv + r * cols);                                            \
        }                                                                                                                        \
    }                                                                                                                            \
    /* s += g, q += g (x - mean), g = dy w */                                                                                    \
    HOOP_INLINE void meet_##dt(lanes_##dt *s, lanes_##dt *q, const lanes_##dt *x, const lanes_##dt *dy, const lanes_##dt *mean)  \
    {                                                                                                                            \
        for (int k = 0; k < VECS_##dt; k++) {                                                                                    \
            s->v[k] += dy->v[k];                                                                                                 \
            q->v[k] += dy->v[k] * (x->v[k] - mean->v[k]);                                                                        \
        }                                                                                                                        \
    }                                                                                                                            \
    HOOP_INLINE void row_meet_##dt(lanes_##dt *s, lanes_##dt *q, const T *x, const T *dy, const T *w, const lanes_##dt *mean,    \
                                   int64_t n)                                                                                    \
    {                                                                                                                            \
        lanes_##dt v, g, f;                                                                                                      \
        take_##dt(&v, x, n);                                                                                                     \
        take_##dt(&g, dy, n);                                                                                                    \
        if (w != NULL) {                                                                                                         \
            take_##dt(&f, w, n);                                                                                                 \
            for (int k = 0; k < VECS_##dt; k++) g.v[k] *= f.v[k];                                                                \
        }                                                                                                                        \
        meet_##dt(s, q, &v, &g, mean);                                                                                           \
    }                                                                                                                            \
    HOOP_INLINE void row_products_##dt(int64_t n, const T *x, const T *dy, const T *w, T from, T *sum, T *product)               \
    {                                                                                                                            \
        lanes_##dt s[WAYS], q[WAYS], ts, tq, mean;                                                                               \
        lanes_fill_##dt(&ts, 0);                                                                                                 \
        lanes_fill_##dt(&tq, 0);                                                                                                 \
        lanes_fill_##dt(&mean, from);                                                                                            \
        for (int64_t i = 0, end; i < n; i = end) {                                                                               \
            end = n - i < WAY_GROUP ? n : i + WAY_GROUP;                                                                         \
            ways_clear_##dt(s);                                                                                                  \
            ways_clear_##dt(q);                                                                                                  \
            for (; i + WAYS * HOOP_LANES <= end; i += WAYS * HOOP_LANES) {                                                       \
                for (int j = 0; j < WAYS; j++) {                                                                                 \
                    int64_t at = i + j * HOOP_LANES;                                                                             \
                    row_meet_##dt(&s[j], &q[j], x + at, dy + at, w == NULL ? NULL : w + at, &mean, HOOP_LANES);                  \
                }                                                                                                                \
            }                                                                                                                    \
            for (int j = 0; j < WAYS; j++, i += HOOP_LANES) {                                                                    \
                if (i >= end) break;                                                                                             \
                row_meet_##dt(&s[j], &q[j], x + i, dy + i, w == NULL ? NULL : w + i, &mean,                                      \
                              end - i < HOOP_LANES ? end - i : HOOP_LANES);                                                      \
            }                                                                                                                    \
            ways_join_##dt(&ts, s);                                                                                              \
            ways_join_##dt(&tq, q);                                                                                              \
        }                                                                                                                        \
        *sum     = lanes_sum_##dt(&ts);                                                                                          \
        *product = lanes_sum_##dt(&tq);                                                                                          \
    }                                                                                                                            \
    static void norm_rows_grad_##dt(int64_t rows, int64_t cols, const void *xv, const void *dyv, const void *meanv,              \
                                    const void *rstdv, const void *wv, void *dxv, bool add)                                      \
    {                                                                                                                            \
        const T *w = wv;                                                                                                         \
        for (int64_t r = 0; r < rows; r++) {                                                                                     \
            const T *x = (const T *)xv + r * cols, *dy = (const T *)dyv + r * cols;                                              \
            T       *dx = (T *)dxv + r * cols, mean = meanv == NULL ? 0 : ((const T *)meanv)[r];                                 \
            T        rstd = ((const T *)rstdv)[r], s, q, shift, slope;                                                           \
            row_products_##dt(cols, x, dy, w, mean, &s, &q);                                                                     \
            shift = meanv == NULL ? 0 : rstd * (s / (T)cols);                                                                    \
            slope = rstd * rstd * rstd * (q / (T)cols);                                                                          \
            if (add && w != NULL) {                                                                                              \
                HOOP_SIMD for (int64_t c = 0; c < cols; c++) dx[c] += dy[c] * w[c] * rstd - shift - (x[c] - mean) * slope;       \
            } else if (add) {                                                                                                    \
                HOOP_SIMD for (int64_t c = 0; c < cols; c++) dx[c] += dy[c] * rstd - shift - (x[c] - mean) * slope;              \
            } else if (w != NULL) {                                                                                              \
                HOOP_SIMD for (int64_t c = 0; c < cols; c++) dx[c] = dy[c] * w[c] * rstd - shift - (x[c] - mean) * slope;        \
            } else {                                                                                                             \
                HOOP_SIMD for (int64_t c = 0; c < cols; c++) dx[c] = dy[c] * rstd - shift - (x[c] - mean) * slope;               \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    /* acc[c] += dy x^ of a row */                                                                                               \
    HOOP_INLINE T hat_##dt(const T *x, const T *mean, const T *rstd, int64_t r, int64_t at)                                      \
    {                                                                                                                            \
        return (x[at] - (mean == NULL ? 0 : mean[r])) * rstd[r];                                                                 \
    }                                                                                                                            \
    HOOP_INLINE void weight_block_##dt(int64_t rows, int64_t cols, int64_t ld, const T *x, const T *dy, const T *mean,           \
                                       const T *rstd, T *acc)                                                                    \
    {                                                                                                                            \
        int64_t r = 0;                                                                                                           \
        for (int64_t c = 0; c < cols; c++) acc[c] = 0;                                                                           \
        for (; r + 4 <= rows; r += 4) {                                                                                          \
            const T *p = x + r * ld, *g = dy + r * ld;                                                                           \
            HOOP_SIMD for (int64_t c = 0; c < cols; c++) acc[c] =                                                                \
                (((acc[c] + g[c] * hat_##dt(p, mean, rstd, r, c)) + g[ld + c] * hat_##dt(p, mean, rstd, r + 1, ld + c)) +        \
                 g[2 * ld + c] * hat_##dt(p, mean, rstd, r + 2, 2 * ld + c)) +                                                   \
                g[3 * ld + c] * hat_##dt(p, mean, rstd, r + 3, 3 * ld + c);                                                      \
        }                                                                                                                        \
        for (; r < rows; r++)                                                                                                    \
            HOOP_SIMD for (int64_t c = 0; c < cols; c++) acc[c] += dy[r * ld + c] * hat_##dt(x, mean, rstd, r, r * ld + c);      \
    }                                                                                                                            \
    static void norm_weight_grad_##dt(int64_t rows, int64_t cols, int64_t ld, const void *xv, const void *dyv,                   \
                                      const void *meanv, const void *rstdv, void *dwv, bool add)                                 \
    {                                                                                                                            \
        T acc[WIDE], total[WIDE];                                                                                                \
        for (int64_t c0 = 0; c0 < cols; c0 += WIDE) {                                                                            \
            const T *x = (const T *)xv + c0, *dy = (const T *)dyv + c0, *mean = meanv, *rstd = rstdv;                            \
            T       *dw = (T *)dwv + c0;                                                                                         \
            int64_t  m  = cols - c0 < WIDE ? cols - c0 : WIDE;                                                                   \
            for (int64_t c = 0; c < m; c++) total[c] = 0;                                                                        \
            for (int64_t r = 0; r < rows; r += BLOCK) {                                                                          \
                int64_t n = rows - r < BLOCK ? rows - r : BLOCK;                                                                 \
                if (mean == NULL)                                                                                                \
                    weight_block_##dt(n, m, ld, x + r * ld, dy + r * ld, NULL, rstd + r, acc);                                   \
                else                                                                                                             \
                    weight_block_##dt(n, m, ld, x + r * ld, dy + r * ld, mean + r, rstd + r, acc);                               \
                HOOP_SIMD for (int64_t c = 0; c < m; c++) total[c] += acc[c];                                                    \
            }                                                                                                                    \
            for (int64_t c = 0; c < m; c++) dw[c] = add ? dw[c] + total[c] : total[c];                                           \
        }                                                                                                                        \
    }
HOOP_FLOAT_LIST(NORM_ROWS)

/* ---- channels ---- */

#define NORM_CHANNELS(dt, T, I)                                                                                                  \
    /* As many lines as a tile of WAYS rows has, into the second cache. Tiles go down columns, where nothing is read ahead by    \
     * itself: they ask for the next block in its order. */                                                                      \
    HOOP_INLINE void ask_##dt(const T *ahead)                                                                                    \
    {                                                                                                                            \
        for (int64_t k = 0; k < WAYS * HOOP_LANES * (int64_t)sizeof(T); k += LINE)                                               \
            __builtin_prefetch((const void *)((uintptr_t)ahead + (uintptr_t)k), 0, 2);                                           \
    }                                                                                                                            \
    /* the mean of the first rows */                                                                                             \
    HOOP_INLINE void near_tile_##dt(int64_t rows, int64_t n, int64_t ld, const T *x, T *from)                                    \
    {                                                                                                                            \
        lanes_##dt shift, v;                                                                                                     \
        int64_t    near = rows < NEAR ? rows : NEAR;                                                                             \
        lanes_fill_##dt(&shift, 0);                                                                                              \
        for (int64_t r = 0; r < near; r++) {                                                                                     \
            take_##dt(&v, x + r * ld, n);                                                                                        \
            lanes_join_##dt(&shift, &v);                                                                                         \
        }                                                                                                                        \
        for (int k = 0; k < VECS_##dt; k++) shift.v[k] *= 1 / (T)near;                                                           \
        lanes_store_##dt(&shift, from);                                                                                          \
    }                                                                                                                            \
    /* total[c] += sum of d, total[CHUNK + c] += of d^2, over at most BLOCK rows, row r in set r % WAYS: in registers */         \
    HOOP_INLINE void join_##dt(const lanes_##dt s[WAYS], const lanes_##dt q[WAYS], T *total)                                     \
    {                                                                                                                            \
        lanes_##dt t;                                                                                                            \
        lanes_load_##dt(&t, total);                                                                                              \
        ways_join_##dt(&t, s);                                                                                                   \
        lanes_store_##dt(&t, total);                                                                                             \
        lanes_load_##dt(&t, total + CHUNK);                                                                                      \
        ways_join_##dt(&t, q);                                                                                                   \
        lanes_store_##dt(&t, total + CHUNK);                                                                                     \
    }                                                                                                                            \
    HOOP_INLINE void moments_tile_##dt(int64_t rows, int64_t n, int64_t ld, const T *x, const T *from, const T *ahead, T *total) \
    {                                                                                                                            \
        lanes_##dt s[WAYS], q[WAYS], v, shift;                                                                                   \
        int64_t    r = 0;                                                                                                        \
        lanes_load_##dt(&shift, from);                                                                                           \
        ways_clear_##dt(s);                                                                                                      \
        ways_clear_##dt(q);                                                                                                      \
        for (; r + WAYS <= rows; r += WAYS) {                                                                                    \
            ask_##dt(ahead + r * HOOP_LANES);                                                                                    \
            for (int j = 0; j < WAYS; j++) {                                                                                     \
                take_##dt(&v, x + (r + j) * ld, n);                                                                              \
                deviate_##dt(&s[j], &q[j], &v, &shift);                                                                          \
            }                                                                                                                    \
        }                                                                                                                        \
        for (int j = 0; j + 1 < WAYS; j++) {                                                                                     \
            if (r + j >= rows) break;                                                                                            \
            take_##dt(&v, x + (r + j) * ld, n);                                                                                  \
            deviate_##dt(&s[j], &q[j], &v, &shift);                                                                              \
        }                                                                                                                        \
        join_##dt(s, q, total);                                                                                                  \
    }                                                                                                                            \
    HOOP_INLINE void sums_tile_##dt(int64_t rows, int64_t n, int64_t ld, const T *x, const T *dy, const T *mean, int64_t ahead,  \
                                    T *total)                                                                                    \
    {                                                                                                                            \
        lanes_##dt s[WAYS], q[WAYS], v, g, m;                                                                                    \
        int64_t    r = 0;                                                                                                        \
        take_##dt(&m, mean, n);                                                                                                  \
        ways_clear_##dt(s);                                                                                                      \
        ways_clear_##dt(q);                                                                                                      \
        for (; r + WAYS <= rows; r += WAYS) {                                                                                    \
            ask_##dt(x + ahead + r * HOOP_LANES);                                                                                \
            ask_##dt(dy + ahead + r * HOOP_LANES);                                                                               \
            for (int j = 0; j < WAYS; j++) {                                                                                     \
                take_##dt(&v, x + (r + j) * ld, n);                                                                              \
                take_##dt(&g, dy + (r + j) * ld, n);                                                                             \
                meet_##dt(&s[j], &q[j], &v, &g, &m);                                                                             \
            }                                                                                                                    \
        }                                                                                                                        \
        for (int j = 0; j + 1 < WAYS; j++) {                                                                                     \
            if (r + j >= rows) break;                                                                                            \
            take_##dt(&v, x + (r + j) * ld, n);                                                                                  \
            take_##dt(&g, dy + (r + j) * ld, n);                                                                                 \
            meet_##dt(&s[j], &q[j], &v, &g, &m);                                                                                 \
        }                                                                                                                        \
        join_##dt(s, q, total);                                                                                                  \
    }                                                                                                                            \
    HOOP_INLINE void moments_part_##dt(int64_t rows, int64_t cols, int64_t ld, const T *x, double *mean, double *squares)        \
    {                                                                                                                            \
        T       from[CHUNK], total[2 * CHUNK];                                                                                   \
        int64_t c = 0;                                                                                                           \
        for (int64_t k = 0; k < 2 * CHUNK; k++) total[k] = 0;                                                                    \
        for (; c + HOOP_LANES <= cols; c += HOOP_LANES) near_tile_##dt(rows, HOOP_LANES, ld, x + c, from + c);                   \
        if (c < cols) near_tile_##dt(rows, cols - c, ld, x + c, from + c);                                                       \
        for (int64_t r = 0; r < rows; r += BLOCK) {                                                                              \
            const T *p = x + r * ld;                                                                                             \
            int64_t  m = rows - r < BLOCK ? rows - r : BLOCK;                                                                    \
            for (c = 0; c + HOOP_LANES <= cols; c += HOOP_LANES)                                                                 \
                moments_tile_##dt(m, HOOP_LANES, ld, p + c, from + c, p + BLOCK * (ld + c), total + c);                          \
            if (c < cols) moments_tile_##dt(m, cols - c, ld, p + c, from + c, p + BLOCK * (ld + c), total + c);                  \
        }                                                                                                                        \
        for (c = 0; c < cols; c++) {                                                                                             \
            double off = (double)total[c] / (double)rows, rest = (double)total[CHUNK + c] - off * (double)total[c];              \
            mean[c]    = (double)from[c] + off;                                                                                  \
            squares[c] = rest < 0 ? 0 : rest;                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    static void norm_moments_##dt(int64_t rows, int64_t cols, int64_t ld, const void *xv, double *mean, double *squares)         \
    {                                                                                                                            \
        for (int64_t c = 0; c < cols; c += CHUNK)                                                                                \
            moments_part_##dt(rows, cols - c < CHUNK ? cols - c : CHUNK, ld, (const T *)xv + c, mean + c, squares + c);          \
    }                                                                                                                            \
    HOOP_INLINE void sums_part_##dt(int64_t rows, int64_t cols, int64_t ld, const T *x, const T *dy, const T *mean, double *sum, \
                                    double *product)                                                                             \
    {                                                                                                                            \
        T total[2 * CHUNK];                                                                                                      \
        for (int64_t k = 0; k < 2 * CHUNK; k++) total[k] = 0;                                                                    \
        for (int64_t r = 0; r < rows; r += BLOCK) {                                                                              \
            const T *p = x + r * ld, *g = dy + r * ld;                                                                           \
            int64_t  m = rows - r < BLOCK ? rows - r : BLOCK, c = 0;                                                             \
            for (; c + HOOP_LANES <= cols; c += HOOP_LANES)                                                                      \
                sums_tile_##dt(m, HOOP_LANES, ld, p + c, g + c, mean + c, BLOCK * (ld + c) - c, total + c);                      \
            if (c < cols) sums_tile_##dt(m, cols - c, ld, p + c, g + c, mean + c, BLOCK * (ld + c) - c, total + c);              \
        }                                                                                                                        \
        for (int64_t c = 0; c < cols; c++) {                                                                                     \
            sum[c]     = (double)total[c];                                                                                       \
            product[c] = (double)total[CHUNK + c];                                                                               \
        }                                                                                                                        \
    }                                                                                                                            \
    static void norm_sums_##dt(int64_t rows, int64_t cols, int64_t ld, const void *xv, const void *dyv, const void *meanv,       \
                               double *sum, double *product)                                                                     \
    {                                                                                                                            \
        for (int64_t c = 0; c < cols; c += CHUNK)                                                                                \
            sums_part_##dt(rows, cols - c < CHUNK ? cols - c : CHUNK, ld, (const T *)xv + c, (const T *)dyv + c,                 \
                           (const T *)meanv + c, sum + c, product + c);                                                          \
    }                                                                                                                            \
    HOOP_INLINE void apply_tile_##dt(int64_t rows, int64_t n, int64_t ld, const T *x, const T *mean, const T *scale,             \
                                     const T *bias, T *y)                                                                        \
    {                                                                                                                            \
        lanes_##dt v, m, a, b;                                                                                                   \
        take_##dt(&m, mean, n);                                                                                                  \
        take_##dt(&a, scale, n);                                                                                                 \
        take_##dt(&b, bias, n);                                                                                                  \
        for (int64_t r = 0; r < rows; r++) {                                                                                     \
            take_##dt(&v, x + r * ld, n);                                                                                        \
            for (int k = 0; k < VECS_##dt; k++) v.v[k] = (v.v[k] - m.v[k]) * a.v[k] + b.v[k];                                    \
            give_##dt(&v, y + r * ld, n);                                                                                        \
        }                                                                                                                        \
    }                                                                                                                            \
    static void norm_apply_##dt(int64_t rows, int64_t cols, int64_t ld, const void *xv, const void *meanv, const void *scalev,   \
                                const void *biasv, void *yv)                                                                     \
    {                                                                                                                            \
        const T *mean = meanv, *scale = scalev, *bias = biasv;                                                                   \
        for (int64_t r = 0; r < rows; r += STRIP) {                                                                              \
            const T *x = (const T *)xv + r * ld;                                                                                 \
            T       *y = (T *)yv + r * ld;                                                                                       \
            int64_t  m = rows - r < STRIP ? rows - r : STRIP, c = 0;                                                             \
            for (; c + HOOP_LANES <= cols; c += HOOP_LANES)                                                                      \
                apply_tile_##dt(m, HOOP_LANES, ld, x + c, mean + c, scale + c, bias + c, y + c);                                 \
            if (c < cols) apply_tile_##dt(m, cols - c, ld, x + c, mean + c, scale + c, bias + c, y + c);                         \
        }                                                                                                                        \
    }                                                                                                                            \
    HOOP_INLINE void apply_grad_tile_##dt(int64_t rows, int64_t n, int64_t ld, const T *x, const T *dy, const T *const *of,      \
                                          int64_t at, T *dx, bool add)                                                           \
    {                                                                                                                            \
        lanes_##dt v, g, o, m, a, p, q;                                                                                          \
        take_##dt(&m, of[0] + at, n);                                                                                            \
        take_##dt(&a, of[1] + at, n);                                                                                            \
        take_##dt(&p, of[2] + at, n);                                                                                            \
        take_##dt(&q, of[3] + at, n);                                                                                            \
        for (int64_t r = 0; r < rows; r++) {                                                                                     \
            take_##dt(&v, x + r * ld, n);                                                                                        \
            take_##dt(&g, dy + r * ld, n);                                                                                       \
            for (int k = 0; k < VECS_##dt; k++) v.v[k] = (g.v[k] * a.v[k] - p.v[k]) - (v.v[k] - m.v[k]) * q.v[k];                \
            if (add) {                                                                                                           \
                take_##dt(&o, dx + r * ld, n);                                                                                   \
                lanes_join_##dt(&v, &o);                                                                                         \
            }                                                                                                                    \
            give_##dt(&v, dx + r * ld, n);                                                                                       \
        }                                                                                                                        \
    }                                                                                                                            \
    static void norm_apply_grad_##dt(int64_t rows, int64_t cols, int64_t ld, const void *xv, const void *dyv, const void *mean,  \
                                     const void *scale, const void *shift, const void *slope, void *dxv, bool add)               \
    {                                                                                                                            \
        const T *const of[] = {mean, scale, shift, slope};                                                                       \
        for (int64_t r = 0; r < rows; r += STRIP) {                                                                              \
            const T *x = (const T *)xv + r * ld, *dy = (const T *)dyv + r * ld;                                                  \
            T       *dx = (T *)dxv + r * ld;                                                                                     \
            int64_t  m = rows - r < STRIP ? rows - r : STRIP, c = 0;                                                             \
            for (; c + HOOP_LANES <= cols; c += HOOP_LANES)                                                                      \
                apply_grad_tile_##dt(m, HOOP_LANES, ld, x + c, dy + c, of, c, dx + c, add);                                      \
            if (c < cols) apply_grad_tile_##dt(m, cols - c, ld, x + c, dy + c, of, c, dx + c, add);                              \
        }                                                                                                                        \
    }
HOOP_FLOAT_LIST(NORM_CHANNELS)

#define BOTH(name)                                                                                                               \
    {                                                                                                                            \
        name##_f32, name##_f64                                                                                                   \
    }
const hoop_norm_kernels HOOP_KERNEL(norm_kernels) = {
    .rows        = BOTH(norm_rows),
    .rows_grad   = BOTH(norm_rows_grad),
    .weight_grad = BOTH(norm_weight_grad),
    .moments     = BOTH(norm_moments),
    .sums        = BOTH(norm_sums),
    .apply       = BOTH(norm_apply),
    .apply_grad  = BOTH(norm_apply_grad),
};
