/* adafactor: Adam's second moment of a matrix from means of its rows and columns alone, no first moment. Shazeer & Stern,
 * 'Adafactor: Adaptive Learning Rates with Sublinear Memory Cost', ICML 2018, algorithms 4 and 5, as PyTorch has them: of more
 * than two dims the last two are those of matrices. */
#include "hoop/optim.h"

#include "kernels/vmath64.h"
#include "optim/whole.h"
#include "runtime/runtime.h"

#include <math.h>

extern const hoop_optim_kind hoop__optim_adafactor;

#define AT(field) offsetof(hoop_adafactor_opts, field)
static const hoop_option rows[] = {
    {"lr", HOOP_OPT_FLOAT, AT(lr), "1e-2", 0, 1e6, NULL, true,
     "learning rate, before the schedule; at most 1 / sqrt(step) of it is used, times the root mean square of a parameter"},
    {"weight_decay", HOOP_OPT_FLOAT, AT(weight_decay), "0.0", 0, 1e6, NULL, true, "times lr, off the weights"},
    {"beta2_decay", HOOP_OPT_FLOAT, AT(beta2_decay), "-0.8", -10, 0, NULL, true, "step^this is the share of the newest squares"},
    {"eps1", HOOP_OPT_FLOAT, AT(eps1), "auto", 0, 1, NULL, true,
     "least root of a mean of squares; auto: the precision's distance from 1 to the next number"},
    {"eps2", HOOP_OPT_FLOAT, AT(eps2), "1e-3", 0, 1, NULL, true,
     "least root mean square of a parameter that lr is multiplied by"},
    {"d", HOOP_OPT_FLOAT, AT(d), "1.0", 1, 1e6, NULL, true, "largest root mean square of an update, before lr"},
    {"maximize", HOOP_OPT_BOOL, AT(maximize), "false", 0, 0, NULL, true, "the loss, not minimise it"},
};
#undef AT

enum { ROW_VAR, COL_VAR, VARIANCE };
enum { STRIP = 256 /* columns that are gone through together */ };

static int states(const void *opts, const char **names)
{
    (void)opts;
    names[ROW_VAR]  = "row_var";
    names[COL_VAR]  = "col_var";
    names[VARIANCE] = "variance";
    return 3;
}

static int state_shape(const void *opts, int i, int ndim, const int64_t *shape, int64_t *out)
{
    (void)opts;
    if ((i == VARIANCE) != (ndim < 2)) return -1;
    for (int d = 0; d < ndim; d++) out[d] = shape[d];
    if (i == ROW_VAR) out[ndim - 1] = 1;
    if (i == COL_VAR) out[ndim - 2] = 1;
    return ndim;
}

/* of all that a step needs, in f64 */
typedef struct factors {
    double  scale, share, least1; /* of the gradient; of the newest squares; eps1 */
    int64_t matrices, rows, cols;
    double  keep, step; /* of the second pass: weight decay, what the update is multiplied by */
} factors;

/* Sums of squares of rows and columns join their means; then the sum of squares of the update, or (apply) the update itself. The
 * sums of a row have 16 lanes and a fixed tree. */
#define ADAFACTOR(dt, T)                                                                                                         \
    static double row_squares_##dt(const T *g, int64_t n, double scale)                                                          \
    {                                                                                                                            \
        double lane[16] = {0};                                                                                                   \
        for (int64_t i = 0; i < n / 16 * 16; i += 16)                                                                            \
            for (int l = 0; l < 16; l++) {                                                                                       \
                const double x = (double)g[i + l] * scale;                                                                       \
                lane[l] += x * x;                                                                                                \
            }                                                                                                                    \
        for (int64_t i = n / 16 * 16; i < n; i++) {                                                                              \
            const double x = (double)g[i] * scale;                                                                               \
            lane[i % 16] += x * x;                                                                                               \
        }                                                                                                                        \
        for (int w = 8; w > 0; w /= 2)                                                                                           \
            for (int l = 0; l < w; l++) lane[l] += lane[l + w];                                                                  \
        return lane[0];                                                                                                          \
    }                                                                                                                            \
    static void means_##dt(const factors *f, const T *g, T *row, T *col)                                                         \
    {                                                                                                                            \
        for (int64_t r = 0; r < f->rows; r++) {                                                                                  \
            const double mean = row_squares_##dt(g + r * f->cols, f->cols, f->scale) / (double)f->cols;                          \
            row[r]            = (T)((double)row[r] + f->share * (mean - (double)row[r]));                                        \
        }                                                                                                                        \
        for (int64_t c = 0; c < f->cols; c += 64) { /* a strip of columns at a time */                                           \
            const int64_t n       = f->cols - c < 64 ? f->cols - c : 64;                                                         \
            double        sum[64] = {0};                                                                                         \
            for (int64_t r = 0; r < f->rows; r++)                                                                                \
                for (int64_t i = 0; i < n; i++) {                                                                                \
                    const double x = (double)g[r * f->cols + c + i] * f->scale;                                                  \
                    sum[i] += x * x;                                                                                             \
                }                                                                                                                \
            for (int64_t i = 0; i < n; i++)                                                                                      \
                col[c + i] = (T)((double)col[c + i] + f->share * (sum[i] / (double)f->rows - (double)col[c + i]));               \
        }                                                                                                                        \
    }                                                                                                                            \
    /* n <= STRIP elements of a row; inverse[i] * by is that of the root of element i's mean of squares, at most `most`; w NULL: \
     * the sum of squares of the update alone */                                                                                 \
    static double update_row_##dt(const factors *f, const T *g, const double *inverse, double by, double most, int64_t n, T *w)  \
    {                                                                                                                            \
        double lane[16] = {0}, u[STRIP];                                                                                         \
        for (int64_t i = 0; i < n; i++) {                                                                                        \
            const double root = inverse[i] * by;                                                                                 \
            u[i]              = (double)g[i] * f->scale * (root > most ? most : root);                                           \
        }                                                                                                                        \
        for (int64_t i = 0; i < n && w != NULL; i++) w[i] = (T)((double)w[i] * f->keep - f->step * u[i]);                        \
        if (w != NULL) return 0.0;                                                                                               \
        for (int64_t i = 0; i < n / 16 * 16; i += 16)                                                                            \
            for (int l = 0; l < 16; l++) lane[l] += u[i + l] * u[i + l];                                                         \
        for (int64_t i = n / 16 * 16; i < n; i++) lane[i % 16] += u[i] * u[i];                                                   \
        for (int k = 8; k > 0; k /= 2)                                                                                           \
            for (int l = 0; l < k; l++) lane[l] += lane[l + k];                                                                  \
        return lane[0];                                                                                                          \
    }                                                                                                                            \
    /* of a matrix, a strip of columns at a time */                                                                              \
    static double update_matrix_##dt(const factors *f, const T *g, const T *row, const T *col, T *w)                             \
    {                                                                                                                            \
        const double most = 1.0 / f->least1;                                                                                     \
        double       inverse[STRIP], sum = 0.0, mean = 0.0;                                                                      \
        for (int64_t r = 0; r < f->rows; r++) mean += (double)row[r];                                                            \
        mean /= (double)f->rows;                                                                                                 \
        if (mean < f->least1) mean = f->least1;                                                                                  \
        for (int64_t c = 0; c < f->cols; c += STRIP) {                                                                           \
            const int64_t n = f->cols - c < STRIP ? f->cols - c : STRIP;                                                         \
            for (int64_t i = 0; i < n; i++) inverse[i] = 1.0 / sqrt((double)col[c + i]);                                         \
            for (int64_t r = 0; r < f->rows; r++) {                                                                              \
                const int64_t at = r * f->cols + c;                                                                              \
                sum += update_row_##dt(f, g + at, inverse, sqrt(mean / (double)row[r]), most, n, w == NULL ? NULL : w + at);     \
            }                                                                                                                    \
        }                                                                                                                        \
        return sum;                                                                                                              \
    }                                                                                                                            \
    static double update_all_##dt(const factors *f, const hoop_optim_call *c, T *w)                                              \
    {                                                                                                                            \
        const T      *g = c->g, *row = c->state[ROW_VAR], *col = c->state[COL_VAR], *v = c->state[VARIANCE];                     \
        const int64_t size = f->rows * f->cols;                                                                                  \
        double        sum  = 0.0, inverse[STRIP];                                                                                \
        for (int64_t m = 0; m < f->matrices && c->ndim >= 2; m++)                                                                \
            sum += update_matrix_##dt(f, g + m * size, row + m * f->rows, col + m * f->cols, w == NULL ? NULL : w + m * size);   \
        for (int64_t i = 0; i < c->n && c->ndim < 2; i += STRIP) {                                                               \
            const int64_t n = c->n - i < STRIP ? c->n - i : STRIP;                                                               \
            for (int64_t k = 0; k < n; k++) inverse[k] = 1.0 / sqrt((double)v[i + k]);                                           \
            sum += update_row_##dt(f, g + i, inverse, 1.0, 1.0 / f->least1, n, w == NULL ? NULL : w + i);                        \
        }                                                                                                                        \
        return sum;                                                                                                              \
    }                                                                                                                            \
    static double second_moments_##dt(const factors *f, const hoop_optim_call *c)                                                \
    {                                                                                                                            \
        T       *row = c->state[ROW_VAR], *col = c->state[COL_VAR], *v = c->state[VARIANCE];                                     \
        const T *g = c->g;                                                                                                       \
        for (int64_t m = 0; m < f->matrices && c->ndim >= 2; m++)                                                                \
            means_##dt(f, g + m * f->rows * f->cols, row + m * f->rows, col + m * f->cols);                                      \
        for (int64_t i = 0; i < c->n && c->ndim < 2; i++) {                                                                      \
            const double x = (double)g[i] * f->scale;                                                                            \
            v[i]           = (T)((double)v[i] + f->share * (x * x - (double)v[i]));                                              \
        }                                                                                                                        \
        return update_all_##dt(f, c, NULL);                                                                                      \
    }
ADAFACTOR(f32, float)
ADAFACTOR(f64, double)
#undef ADAFACTOR

static double larger(double a, double b)
{
    return a > b || isnan(a) ? a : b;
}

static void update(const hoop_optim_call *c)
{
    const hoop_adafactor_opts *o = c->opts;
    const double               n = (double)c->n, step = (double)c->step, root = 1.0 / sqrt(step);
    const double               eps1 = !isnan(o->eps1) ? o->eps1 : c->dtype == HOOP_F64 ? 0x1p-52 : 0x1p-23;
    const double               norm = sqrt(hoop__whole_squares(c, c->w, c->n));
    factors                    f    = {.scale    = c->grad_scale,
                                       .share    = v_exp_f64(o->beta2_decay * v_log_f64(step)),
                                       .least1   = eps1,
                                       .matrices = 1,
                                       .rows     = 1,
                                       .cols     = c->n};
    double                     squares;
    if (c->n == 0) return;
    if (c->ndim >= 2) {
        f.rows     = c->shape[c->ndim - 2];
        f.cols     = c->shape[c->ndim - 1];
        f.matrices = c->n / (f.rows * f.cols);
    }
    squares = c->dtype == HOOP_F64 ? second_moments_f64(&f, c) : second_moments_f32(&f, c);
    f.keep  = 1.0 - c->lr * o->weight_decay;
    f.step  = larger(o->eps2, norm / sqrt(n)) * (c->lr < root ? c->lr : root) / larger(1.0, sqrt(squares) / (sqrt(n) * o->d));
    if (c->dtype == HOOP_F64)
        (void)update_all_f64(&f, c, c->w);
    else
        (void)update_all_f32(&f, c, c->w);
}

const hoop_optim_kind hoop__optim_adafactor = {
    .name        = "adafactor",
    .help        = "second moments of matrices by rows and columns: state of a matrix is a row and a column",
    .options     = HOOP_OPTIONS(rows),
    .opts_size   = sizeof(hoop_adafactor_opts),
    .states      = states,
    .state_shape = state_shape,
    .granularity = HOOP_BY_TENSOR,
    .update      = update,
};
