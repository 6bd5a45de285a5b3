/* core/kernels/recurrent.c - the cells of recurrent nets. Rows are independent; units of a row are vectorised. */
#include "kernels/recurrent.h"
#include "kernels/vmath.h"

/* rows of a step, as they stand in the sequences: element 0 of row r at step s of an array of `width` a step */
#define AT(base, width, r, s) ((base) + ((r)*c->steps + (s)) * (width))

static bool still(const hoop_cell *c, int64_t r)
{
    return c->length != NULL && c->length[r] <= c->at;
}

/* was a step made before this one, which is? */
static bool begun(const hoop_cell *c, int64_t r)
{
    return c->before >= 0 && c->before < c->steps && (c->length == NULL || c->length[r] > c->before);
}

#define CELLS(dt, T, I)                                                                                                          \
    HOOP_INLINE void zero_##dt(int64_t n, T *x)                                                                                  \
    {                                                                                                                            \
        for (int64_t j = 0; j < n; j++) x[j] = 0;                                                                                \
    }                                                                                                                            \
    /* what stood before the step: in the sequence, or what all began with */                                                    \
    HOOP_INLINE const T *state_##dt(const hoop_cell *c, int64_t r, const T *sequence, const T *first, const T *zeros)            \
    {                                                                                                                            \
        if (begun(c, r)) return AT(sequence, c->hidden, r, c->before);                                                           \
        return first == NULL ? zeros : first + r * c->hidden;                                                                    \
    }                                                                                                                            \
    HOOP_INLINE void rnn_##dt(const hoop_cell *c, const bool relu)                                                               \
    {                                                                                                                            \
        const int64_t n = c->hidden;                                                                                             \
        for (int64_t r = 0; r < c->rows; r++) {                                                                                  \
            const T *x = AT((const T *)c->x, n, r, c->at), *g = (const T *)c->g + r * c->g_row;                                  \
            T       *h = (T *)c->h + r * c->h_row, *y = AT((T *)c->y, n, r, c->at);                                              \
            if (still(c, r)) {                                                                                                   \
                zero_##dt(n, y);                                                                                                 \
                continue;                                                                                                        \
            }                                                                                                                    \
            HOOP_SIMD for (int64_t j = 0; j < n; j++)                                                                            \
            {                                                                                                                    \
                T s  = x[j] + g[j];                                                                                              \
                s    = relu ? v_relu_##dt(s) : v_tanh_##dt(s);                                                                   \
                h[j] = s;                                                                                                        \
                y[j] = s;                                                                                                        \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    HOOP_INLINE void rnn_grad_##dt(const hoop_cell *c, const bool relu)                                                          \
    {                                                                                                                            \
        const int64_t n = c->hidden;                                                                                             \
        for (int64_t r = 0; r < c->rows; r++) {                                                                                  \
            const T *y = AT((const T *)c->y, n, r, c->at), *dy = c->dy == NULL ? NULL : AT((const T *)c->dy, n, r, c->at);       \
            T       *dh = (T *)c->h + r * c->h_row, *g = (T *)c->g + r * c->g_row, *dx = AT((T *)c->dx, n, r, c->at);            \
            if (still(c, r)) {                                                                                                   \
                zero_##dt(n, g);                                                                                                 \
                zero_##dt(n, dx);                                                                                                \
                continue;                                                                                                        \
            }                                                                                                                    \
            HOOP_SIMD for (int64_t j = 0; j < n; j++)                                                                            \
            {                                                                                                                    \
                T d   = dy == NULL ? dh[j] : dh[j] + dy[j];                                                                      \
                d     = relu ? (y[j] > 0 ? d : 0) : d * (1 - y[j] * y[j]);                                                       \
                g[j]  = d;                                                                                                       \
                dx[j] = d;                                                                                                       \
                dh[j] = 0;                                                                                                       \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    static void tanh_##dt(const hoop_cell *c)                                                                                    \
    {                                                                                                                            \
        rnn_##dt(c, false);                                                                                                      \
    }                                                                                                                            \
    static void relu_##dt(const hoop_cell *c)                                                                                    \
    {                                                                                                                            \
        rnn_##dt(c, true);                                                                                                       \
    }                                                                                                                            \
    static void tanh_grad_##dt(const hoop_cell *c)                                                                               \
    {                                                                                                                            \
        rnn_grad_##dt(c, false);                                                                                                 \
    }                                                                                                                            \
    static void relu_grad_##dt(const hoop_cell *c)                                                                               \
    {                                                                                                                            \
        rnn_grad_##dt(c, true);                                                                                                  \
    }                                                                                                                            \
    static void lstm_##dt(const hoop_cell *c)                                                                                    \
    {                                                                                                                            \
        const int64_t n = c->hidden;                                                                                             \
        for (int64_t r = 0; r < c->rows; r++) {                                                                                  \
            const T *x = AT((const T *)c->x, 4 * n, r, c->at), *g = (const T *)c->g + r * c->g_row;                              \
            T       *h = (T *)c->h + r * c->h_row, *cell = (T *)c->c + r * n, *y = AT((T *)c->y, n, r, c->at);                   \
            T       *gates = AT((T *)c->gates, 4 * n, r, c->at), *cells = AT((T *)c->cells, n, r, c->at);                        \
            if (still(c, r)) {                                                                                                   \
                zero_##dt(n, y);                                                                                                 \
                zero_##dt(n, cells);                                                                                             \
                zero_##dt(4 * n, gates);                                                                                         \
                continue;                                                                                                        \
            }                                                                                                                    \
            HOOP_SIMD for (int64_t j = 0; j < n; j++)                                                                            \
            {                                                                                                                    \
                T i = v_sigmoid_##dt(x[j] + g[j]), f = v_sigmoid_##dt(x[n + j] + g[n + j]);                                      \
                T u = v_tanh_##dt(x[2 * n + j] + g[2 * n + j]), o = v_sigmoid_##dt(x[3 * n + j] + g[3 * n + j]);                 \
                T s              = f * cell[j] + i * u;                                                                          \
                T s_out          = o * v_tanh_##dt(s);                                                                           \
                gates[j]         = i;                                                                                            \
                gates[n + j]     = f;                                                                                            \
                gates[2 * n + j] = u;                                                                                            \
                gates[3 * n + j] = o;                                                                                            \
                cell[j]          = s;                                                                                            \
                cells[j]         = s;                                                                                            \
                h[j]             = s_out;                                                                                        \
                y[j]             = s_out;                                                                                        \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    HOOP_INLINE void lstm_row_##dt(int64_t n, const T *gates, const T *cells, const T *last, const T *dy, T *dh, T *dc, T *g,    \
                                   T *dx)                                                                                        \
    {                                                                                                                            \
        HOOP_SIMD for (int64_t j = 0; j < n; j++)                                                                                \
        {                                                                                                                        \
            T i = gates[j], f = gates[n + j], u = gates[2 * n + j], o = gates[3 * n + j];                                        \
            T s = v_tanh_##dt(cells[j]), d = dy == NULL ? dh[j] : dh[j] + dy[j];                                                 \
            T e  = dc[j] + d * o * (1 - s * s);                                                                                  \
            T di = e * u * (i * (1 - i)), df = e * last[j] * (f * (1 - f));                                                      \
            T du = e * i * (1 - u * u), dout = d * s * (o * (1 - o));                                                            \
            g[j]          = di;                                                                                                  \
            g[n + j]      = df;                                                                                                  \
            g[2 * n + j]  = du;                                                                                                  \
            g[3 * n + j]  = dout;                                                                                                \
            dx[j]         = di;                                                                                                  \
            dx[n + j]     = df;                                                                                                  \
            dx[2 * n + j] = du;                                                                                                  \
            dx[3 * n + j] = dout;                                                                                                \
            dc[j]         = e * f;                                                                                               \
            dh[j]         = 0;                                                                                                   \
        }                                                                                                                        \
    }                                                                                                                            \
    static void gru_##dt(const hoop_cell *c)                                                                                     \
    {                                                                                                                            \
        const int64_t n = c->hidden;                                                                                             \
        for (int64_t r = 0; r < c->rows; r++) {                                                                                  \
            const T *x = AT((const T *)c->x, 3 * n, r, c->at), *g = (const T *)c->g + r * c->g_row;                              \
            T       *h = (T *)c->h + r * c->h_row, *y = AT((T *)c->y, n, r, c->at), *gates = AT((T *)c->gates, 4 * n, r, c->at); \
            if (still(c, r)) {                                                                                                   \
                zero_##dt(n, y);                                                                                                 \
                zero_##dt(4 * n, gates);                                                                                         \
                continue;                                                                                                        \
            }                                                                                                                    \
            HOOP_SIMD for (int64_t j = 0; j < n; j++)                                                                            \
            {                                                                                                                    \
                T a = v_sigmoid_##dt(x[j] + g[j]), z = v_sigmoid_##dt(x[n + j] + g[n + j]);                                      \
                T u = v_tanh_##dt(x[2 * n + j] + a * g[2 * n + j]), s = u + z * (h[j] - u);                                      \
                gates[j]         = a;                                                                                            \
                gates[n + j]     = z;                                                                                            \
                gates[2 * n + j] = u;                                                                                            \
                gates[3 * n + j] = g[2 * n + j];                                                                                 \
                h[j]             = s;                                                                                            \
                y[j]             = s;                                                                                            \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    HOOP_INLINE void gru_row_##dt(int64_t n, const T *gates, const T *last, const T *dy, T *dh, T *g, T *dx)                     \
    {                                                                                                                            \
        HOOP_SIMD for (int64_t j = 0; j < n; j++)                                                                                \
        {                                                                                                                        \
            T a = gates[j], z = gates[n + j], u = gates[2 * n + j], d = dy == NULL ? dh[j] : dh[j] + dy[j];                      \
            T du = d * (1 - z) * (1 - u * u), da = du * gates[3 * n + j] * (a * (1 - a));                                        \
            T dz          = d * (last[j] - u) * (z * (1 - z));                                                                   \
            dx[j]         = da;                                                                                                  \
            dx[n + j]     = dz;                                                                                                  \
            dx[2 * n + j] = du;                                                                                                  \
            g[j]          = da;                                                                                                  \
            g[n + j]      = dz;                                                                                                  \
            g[2 * n + j]  = du * a;                                                                                              \
            dh[j]         = d * z;                                                                                               \
        }                                                                                                                        \
    }                                                                                                                            \
    static void lstm_grad_##dt(const hoop_cell *c)                                                                               \
    {                                                                                                                            \
        const int64_t n = c->hidden;                                                                                             \
        for (int64_t r = 0; r < c->rows; r++) {                                                                                  \
            T       *g = (T *)c->g + r * c->g_row, *dx = AT((T *)c->dx, 4 * n, r, c->at), *dh = (T *)c->h + r * c->h_row;        \
            const T *dy   = c->dy == NULL ? NULL : AT((const T *)c->dy, n, r, c->at);                                            \
            const T *last = state_##dt(c, r, c->cells, c->c0, c->zeros);                                                         \
            if (still(c, r)) {                                                                                                   \
                zero_##dt(4 * n, g);                                                                                             \
                zero_##dt(4 * n, dx);                                                                                            \
            } else if (dy == NULL) {                                                                                             \
                lstm_row_##dt(n, AT((const T *)c->gates, 4 * n, r, c->at), AT((const T *)c->cells, n, r, c->at), last, NULL, dh, \
                              (T *)c->c + r * n, g, dx);                                                                         \
            } else {                                                                                                             \
                lstm_row_##dt(n, AT((const T *)c->gates, 4 * n, r, c->at), AT((const T *)c->cells, n, r, c->at), last, dy, dh,   \
                              (T *)c->c + r * n, g, dx);                                                                         \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    static void gru_grad_##dt(const hoop_cell *c)                                                                                \
    {                                                                                                                            \
        const int64_t n = c->hidden;                                                                                             \
        for (int64_t r = 0; r < c->rows; r++) {                                                                                  \
            T       *g = (T *)c->g + r * c->g_row, *dx = AT((T *)c->dx, 3 * n, r, c->at), *dh = (T *)c->h + r * c->h_row;        \
            const T *dy   = c->dy == NULL ? NULL : AT((const T *)c->dy, n, r, c->at);                                            \
            const T *last = state_##dt(c, r, c->y, c->h0, c->zeros);                                                             \
            if (still(c, r)) {                                                                                                   \
                zero_##dt(3 * n, g);                                                                                             \
                zero_##dt(3 * n, dx);                                                                                            \
            } else if (dy == NULL) {                                                                                             \
                gru_row_##dt(n, AT((const T *)c->gates, 4 * n, r, c->at), last, NULL, dh, g, dx);                                \
            } else {                                                                                                             \
                gru_row_##dt(n, AT((const T *)c->gates, 4 * n, r, c->at), last, dy, dh, g, dx);                                  \
            }                                                                                                                    \
            memcpy(AT((T *)c->dg, 3 * n, r, c->at), g, (size_t)(3 * n) * sizeof(T));                                             \
        }                                                                                                                        \
    }
HOOP_FLOAT_LIST(CELLS)

#define BOTH(name)                                                                                                               \
    {                                                                                                                            \
        name##_f32, name##_f64                                                                                                   \
    }
extern const hoop_recurrent_kernels HOOP_KERNEL(recurrent_kernels);
const hoop_recurrent_kernels        HOOP_KERNEL(recurrent_kernels) = {
           .cell      = {BOTH(tanh), BOTH(relu), BOTH(lstm), BOTH(gru)},
           .cell_grad = {BOTH(tanh_grad), BOTH(relu_grad), BOTH(lstm_grad), BOTH(gru_grad)},
};
