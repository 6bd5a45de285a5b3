/* core/kernels/pool.c - largest and weighted sums of windows, 16 channels at a time. */
#include "kernels/isa.h"
#include "kernels/pool.h"

extern const hoop_pool_kernels HOOP_KERNEL(pool_kernels);

/* the sample and the first two dims of row r */
HOOP_INLINE void row_place(const int64_t *size, int64_t r, int64_t *sample, int64_t *a, int64_t *b)
{
    *b      = r % size[1];
    *a      = r / size[1] % size[0];
    *sample = r / size[1] / size[0];
}

#define POOL(dt, T, I)                                                                                                           \
    HOOP_INLINE void pool_load_##dt(lanes_##dt *a, const T *x, int64_t n)                                                        \
    {                                                                                                                            \
        T buf[HOOP_LANES];                                                                                                       \
        if (n == HOOP_LANES) {                                                                                                   \
            lanes_load_##dt(a, x);                                                                                               \
            return;                                                                                                              \
        }                                                                                                                        \
        lanes_pad_##dt(buf, x, n, 0);                                                                                            \
        lanes_load_##dt(a, buf);                                                                                                 \
    }                                                                                                                            \
    HOOP_INLINE void pool_store_##dt(const lanes_##dt *a, T *y, int64_t n, bool add)                                             \
    {                                                                                                                            \
        lanes_##dt was = *a;                                                                                                     \
        T          buf[HOOP_LANES];                                                                                              \
        if (add) {                                                                                                               \
            pool_load_##dt(&was, y, n);                                                                                          \
            for (int k = 0; k < VECS_##dt; k++) was.v[k] += a->v[k];                                                             \
        }                                                                                                                        \
        if (n == HOOP_LANES) {                                                                                                   \
            lanes_store_##dt(&was, y);                                                                                           \
            return;                                                                                                              \
        }                                                                                                                        \
        lanes_store_##dt(&was, buf);                                                                                             \
        lanes_unpad_##dt(y, buf, n);                                                                                             \
    }                                                                                                                            \
    /* one window, n <= 16 channels from x on, which begins at the sample's first place */                                       \
    HOOP_INLINE void window_max_##dt(const hoop_windows *w, int64_t a, int64_t b, int64_t o, int64_t n, const T *x, T *y,        \
                                     int32_t *index)                                                                             \
    {                                                                                                                            \
        const int64_t c0 = w->count[0][a], c1 = w->count[1][b], c2 = w->count[2][o];                                             \
        lanes_##dt    m, v;                                                                                                      \
        ivec_##dt     at[VECS_##dt];                                                                                             \
        I             places[HOOP_LANES];                                                                                        \
        const int64_t origin = (w->first[0][a] * w->in[1] + w->first[1][b]) * w->in[2] + w->first[2][o];                         \
        pool_load_##dt(&m, x + origin * w->channels, n);                                                                         \
        for (int l = 0; l < VECS_##dt; l++) at[l] = (I)origin - (ivec_##dt){0};                                                  \
        for (int64_t i = 0; i < c0; i++) {                                                                                       \
            for (int64_t j = 0; j < c1; j++) {                                                                                   \
                int64_t place = ((w->first[0][a] + i * w->step[0]) * w->in[1] + w->first[1][b] + j * w->step[1]) * w->in[2] +    \
                                w->first[2][o];                                                                                  \
                for (int64_t k = 0; k < c2; k++, place += w->step[2]) {                                                          \
                    pool_load_##dt(&v, x + place * w->channels, n);                                                              \
                    for (int l = 0; l < VECS_##dt; l++) {                                                                        \
                        ivec_##dt here = (I)place - (ivec_##dt){0};                                                              \
                        ivec_##dt take = (ivec_##dt)(v.v[l] > m.v[l]) | (ivec_##dt)(v.v[l] != v.v[l]);                           \
                        m.v[l]         = (vec_##dt)((take & (ivec_##dt)v.v[l]) | (~take & (ivec_##dt)m.v[l]));                   \
                        at[l]          = (take & here) | (~take & at[l]);                                                        \
                    }                                                                                                            \
                }                                                                                                                \
            }                                                                                                                    \
        }                                                                                                                        \
        pool_store_##dt(&m, y, n, false);                                                                                        \
        for (int l = 0; l < VECS_##dt; l++) *(ivecu_##dt *)(void *)(places + l * VECW_##dt) = at[l];                             \
        for (int64_t c = 0; c < n; c++) index[c] = (int32_t)places[c];                                                           \
    }                                                                                                                            \
    static void max_pool_##dt(const hoop_windows *w, int64_t first, int64_t rows, const void *xv, void *yv, int32_t *index)      \
    {                                                                                                                            \
        const int64_t plane = w->in[0] * w->in[1] * w->in[2] * w->channels;                                                      \
        for (int64_t r = first; r < first + rows; r++) {                                                                         \
            int64_t sample, a, b, to = r * w->out[2] * w->channels;                                                              \
            row_place(w->out, r, &sample, &a, &b);                                                                               \
            for (int64_t o = 0; o < w->out[2]; o++, to += w->channels) {                                                         \
                const T *x = (const T *)xv + sample * plane;                                                                     \
                T       *y = (T *)yv + to;                                                                                       \
                int64_t  c = 0;                                                                                                  \
                for (; c + HOOP_LANES <= w->channels; c += HOOP_LANES)                                                           \
                    window_max_##dt(w, a, b, o, HOOP_LANES, x + c, y + c, index + to + c);                                       \
                if (c < w->channels) window_max_##dt(w, a, b, o, w->channels - c, x + c, y + c, index + to + c);                 \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    typedef int32_t place_##dt __attribute__((vector_size(VECW_##dt * sizeof(int32_t)), aligned(sizeof(int32_t)), may_alias));   \
    /* s += dy where index is this place; n <= 16 */                                                                             \
    HOOP_INLINE void meet_place_##dt(lanes_##dt *s, int32_t place, const int32_t *index, const T *dy, int64_t n)                 \
    {                                                                                                                            \
        lanes_##dt g;                                                                                                            \
        int32_t    buf[HOOP_LANES];                                                                                              \
        pool_load_##dt(&g, dy, n);                                                                                               \
        if (n < HOOP_LANES) {                                                                                                    \
            for (int c = 0; c < HOOP_LANES; c++) buf[c] = -1;                                                                    \
            for (int64_t c = 0; c < n; c++) buf[c] = index[c];                                                                   \
            index = buf;                                                                                                         \
        }                                                                                                                        \
        for (int l = 0; l < VECS_##dt; l++) {                                                                                    \
            const ivec_##dt at = __builtin_convertvector(*(const place_##dt *)(const void *)(index + l * VECW_##dt), ivec_##dt); \
            s->v[l] += (vec_##dt)((ivec_##dt)(at == (I)place) & (ivec_##dt)g.v[l]);                                              \
        }                                                                                                                        \
    }                                                                                                                            \
    /* of one place: n <= 16 channels */                                                                                         \
    HOOP_INLINE void place_grad_##dt(const hoop_windows *w, int64_t a, int64_t b, int64_t o, int32_t place, int64_t n,           \
                                     const int32_t *index, const T *dy, T *dx, bool add)                                         \
    {                                                                                                                            \
        lanes_##dt s;                                                                                                            \
        lanes_fill_##dt(&s, 0);                                                                                                  \
        for (int64_t i = w->first[0][a]; i < w->first[0][a] + w->count[0][a]; i++) {                                             \
            for (int64_t j = w->first[1][b]; j < w->first[1][b] + w->count[1][b]; j++) {                                         \
                int64_t at = ((i * w->in[1] + j) * w->in[2] + w->first[2][o]) * w->channels;                                     \
                for (int32_t k = 0; k < w->count[2][o]; k++, at += w->channels)                                                  \
                    meet_place_##dt(&s, place, index + at, dy + at, n);                                                          \
            }                                                                                                                    \
        }                                                                                                                        \
        pool_store_##dt(&s, dx, n, add);                                                                                         \
    }                                                                                                                            \
    static void max_pool_grad_##dt(const hoop_windows *w, int64_t first, int64_t rows, const int32_t *index, const void *dyv,    \
                                   void *dxv, bool add)                                                                          \
    {                                                                                                                            \
        const int64_t plane = w->in[0] * w->in[1] * w->in[2] * w->channels;                                                      \
        for (int64_t r = first; r < first + rows; r++) {                                                                         \
            int64_t sample, a, b, to = r * w->out[2];                                                                            \
            row_place(w->out, r, &sample, &a, &b);                                                                               \
            for (int64_t o = 0; o < w->out[2]; o++) {                                                                            \
                const int32_t  place = (int32_t)((a * w->out[1] + b) * w->out[2] + o);                                           \
                const int32_t *at    = index + sample * plane;                                                                   \
                const T       *dy    = (const T *)dyv + sample * plane;                                                          \
                T             *dx    = (T *)dxv + (to + o) * w->channels;                                                        \
                int64_t        c     = 0;                                                                                        \
                for (; c + HOOP_LANES <= w->channels; c += HOOP_LANES)                                                           \
                    place_grad_##dt(w, a, b, o, place, HOOP_LANES, at + c, dy + c, dx + c, add);                                 \
                if (c < w->channels) place_grad_##dt(w, a, b, o, place, w->channels - c, at + c, dy + c, dx + c, add);           \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    HOOP_INLINE void taps_sum_##dt(const hoop_resample *r, int64_t a, int64_t b, int64_t o, int64_t n, const T *x, T *y,         \
                                   bool add)                                                                                     \
    {                                                                                                                            \
        const hoop_taps *t = r->taps;                                                                                            \
        lanes_##dt       s, v;                                                                                                   \
        lanes_fill_##dt(&s, 0);                                                                                                  \
        for (int32_t i = t[0].begin[a]; i < t[0].begin[a + 1]; i++) {                                                            \
            for (int32_t j = t[1].begin[b]; j < t[1].begin[b + 1]; j++) {                                                        \
                const double weight = t[0].weight[i] * t[1].weight[j];                                                           \
                const T     *line   = x + (t[0].from[i] * r->in[1] + t[1].from[j]) * r->in[2] * r->channels;                     \
                for (int32_t k = t[2].begin[o]; k < t[2].begin[o + 1]; k++) {                                                    \
                    const T of = (T)(weight * t[2].weight[k]);                                                                   \
                    pool_load_##dt(&v, line + t[2].from[k] * r->channels, n);                                                    \
                    for (int l = 0; l < VECS_##dt; l++) s.v[l] += v.v[l] * of;                                                   \
                }                                                                                                                \
            }                                                                                                                    \
        }                                                                                                                        \
        pool_store_##dt(&s, y, n, add);                                                                                          \
    }                                                                                                                            \
    /* of one place alone, which makes of many channels a plain loop */                                                          \
    HOOP_INLINE bool one_tap_##dt(const hoop_resample *r, int64_t a, int64_t b, int64_t o, const T *x, T *y, bool add)           \
    {                                                                                                                            \
        const hoop_taps *t = r->taps;                                                                                            \
        const int32_t    i = t[0].begin[a], j = t[1].begin[b], k = t[2].begin[o];                                                \
        if (t[0].begin[a + 1] != i + 1 || t[1].begin[b + 1] != j + 1 || t[2].begin[o + 1] != k + 1) return false;                \
        const T of = (T)(t[0].weight[i] * t[1].weight[j] * t[2].weight[k]);                                                      \
        x += ((t[0].from[i] * r->in[1] + t[1].from[j]) * r->in[2] + t[2].from[k]) * r->channels;                                 \
        if (add) {                                                                                                               \
            HOOP_SIMD for (int64_t c = 0; c < r->channels; c++) y[c] += 0 + x[c] * of;                                           \
        } else {                                                                                                                 \
            HOOP_SIMD for (int64_t c = 0; c < r->channels; c++) y[c] = 0 + x[c] * of;                                            \
        }                                                                                                                        \
        return true;                                                                                                             \
    }                                                                                                                            \
    static void resample_##dt(const hoop_resample *p, int64_t first, int64_t rows, const void *xv, void *yv, bool add)           \
    {                                                                                                                            \
        const int64_t plane = p->in[0] * p->in[1] * p->in[2] * p->channels;                                                      \
        for (int64_t r = first; r < first + rows; r++) {                                                                         \
            int64_t sample, a, b, to = r * p->out[2] * p->channels;                                                              \
            row_place(p->out, r, &sample, &a, &b);                                                                               \
            for (int64_t o = 0; o < p->out[2]; o++, to += p->channels) {                                                         \
                const T *x = (const T *)xv + sample * plane;                                                                     \
                T       *y = (T *)yv + to;                                                                                       \
                int64_t  c = 0;                                                                                                  \
                if (one_tap_##dt(p, a, b, o, x, y, add)) continue;                                                               \
                for (; c + HOOP_LANES <= p->channels; c += HOOP_LANES) taps_sum_##dt(p, a, b, o, HOOP_LANES, x + c, y + c, add); \
                if (c < p->channels) taps_sum_##dt(p, a, b, o, p->channels - c, x + c, y + c, add);                              \
            }                                                                                                                    \
        }                                                                                                                        \
    }
HOOP_FLOAT_LIST(POOL)

/* ---- patches of planes ---- */

/* the line of the plane that tap t meets in its line of outputs (a, b); -1: none */
HOOP_INLINE int64_t line_of(const hoop_patches *p, const int64_t *tap, int64_t a, int64_t b)
{
    const int64_t d = a * p->stride[0] + tap[0] * p->dilation[0] - p->before[0];
    const int64_t h = b * p->stride[1] + tap[1] * p->dilation[1] - p->before[1];
    return d >= 0 && d < p->in[0] && h >= 0 && h < p->in[1] ? (d * p->in[1] + h) * p->in[2] : -1;
}

/* outputs low to high - 1 of a line lie inside; *at: where output 0 would */
HOOP_INLINE void inside_of(const hoop_patches *p, int64_t tap, int64_t *at, int64_t *low, int64_t *high)
{
    const int64_t stride = p->stride[2], end = p->out[2];
    *at   = tap * p->dilation[2] - p->before[2];
    *low  = *at < 0 ? (stride - 1 - *at) / stride : 0;
    *high = *at < p->in[2] ? (p->in[2] - 1 - *at) / stride + 1 : 0;
    if (*high > end) *high = end;
    if (*low > *high) *low = *high;
}

#define PATCHES(dt, T, I)                                                                                                        \
    static void im2col_##dt(const hoop_patches *p, const void *xv, void *yv)                                                     \
    {                                                                                                                            \
        const int64_t taps = p->kernel[0] * p->kernel[1] * p->kernel[2], s = p->stride[2], n = p->out[2];                        \
        T            *y = yv;                                                                                                    \
        for (int64_t t = 0; t < taps; t++) {                                                                                     \
            const int64_t tap[] = {t / p->kernel[2] / p->kernel[1], t / p->kernel[2] % p->kernel[1]};                            \
            int64_t       at, low, high;                                                                                         \
            inside_of(p, t % p->kernel[2], &at, &low, &high);                                                                    \
            for (int64_t i = 0; i < p->out[0] * p->out[1]; i++, y += n) {                                                        \
                const int64_t line = line_of(p, tap, i / p->out[1], i % p->out[1]), end = line < 0 ? low : high;                 \
                const T      *x = (const T *)xv + line + at;                                                                     \
                for (int64_t o = 0; o < low; o++) y[o] = 0;                                                                      \
                if (s == 1) {                                                                                                    \
                    HOOP_SIMD for (int64_t o = low; o < end; o++) y[o] = x[o];                                                   \
                } else {                                                                                                         \
                    for (int64_t o = low; o < end; o++) y[o] = x[o * s];                                                         \
                }                                                                                                                \
                for (int64_t o = end; o < n; o++) y[o] = 0;                                                                      \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    static void col2im_##dt(const hoop_patches *p, const void *yv, void *xv)                                                     \
    {                                                                                                                            \
        const int64_t taps = p->kernel[0] * p->kernel[1] * p->kernel[2], s = p->stride[2];                                       \
        const T      *y = yv;                                                                                                    \
        for (int64_t t = 0; t < taps; t++) {                                                                                     \
            const int64_t tap[] = {t / p->kernel[2] / p->kernel[1], t / p->kernel[2] % p->kernel[1]};                            \
            int64_t       at, low, high;                                                                                         \
            inside_of(p, t % p->kernel[2], &at, &low, &high);                                                                    \
            for (int64_t i = 0; i < p->out[0] * p->out[1]; i++, y += p->out[2]) {                                                \
                const int64_t line = line_of(p, tap, i / p->out[1], i % p->out[1]);                                              \
                T            *x    = (T *)xv + line + at;                                                                        \
                if (line < 0) continue;                                                                                          \
                if (s == 1) {                                                                                                    \
                    HOOP_SIMD for (int64_t o = low; o < high; o++) x[o] += y[o];                                                 \
                } else {                                                                                                         \
                    for (int64_t o = low; o < high; o++) x[o * s] += y[o];                                                       \
                }                                                                                                                \
            }                                                                                                                    \
        }                                                                                                                        \
    }
HOOP_FLOAT_LIST(PATCHES)

#define BOTH(name)                                                                                                               \
    {                                                                                                                            \
        name##_f32, name##_f64                                                                                                   \
    }
const hoop_pool_kernels HOOP_KERNEL(pool_kernels) = {
    .max_pool      = BOTH(max_pool),
    .max_pool_grad = BOTH(max_pool_grad),
    .resample      = BOTH(resample),
    .im2col        = BOTH(im2col),
    .col2im        = BOTH(col2im),
};
