/** matrix_optim.h - an optimiser that needs whole matrices: momentum, divided by the norms of the matrix and of the row. It is
 * for tests alone: what the ranges of ranks do with it shows in its bits. */
#ifndef MATRIX_OPTIM_H
#define MATRIX_OPTIM_H

#include <math.h>
#include <stdatomic.h>

#include "hoop/optim.h"

typedef struct matrix_opts {
    double lr, weight_decay;
} matrix_opts;

static atomic_int matrix_wholes, matrix_wrong; /* updates of whole matrices; calls that cannot be */

static inline double matrix_at(const void *x, hoop_dtype dtype, int64_t i)
{
    return dtype == HOOP_F64 ? ((const double *)x)[i] : (double)((const float *)x)[i];
}

static inline void matrix_put(void *x, hoop_dtype dtype, int64_t i, double v)
{
    if (dtype == HOOP_F64)
        ((double *)x)[i] = v;
    else
        ((float *)x)[i] = (float)v;
}

static void matrix_update(const hoop_optim_call *c)
{
    const int64_t rows = c->shape == NULL ? 1 : c->shape[0], cols = c->n / rows;
    int64_t       n     = 1;
    double        total = 0;
    for (int d = 0; c->shape != NULL && d < c->ndim; d++) n *= c->shape[d];
    if (c->shape != NULL) matrix_wholes++;
    if (c->shape != NULL && (c->ndim < 2 || n != c->n)) matrix_wrong++;
    for (int64_t i = 0; i < c->n; i++) {
        const double m = 0.9 * matrix_at(c->state[0], c->dtype, i) + matrix_at(c->g, c->dtype, i) * c->grad_scale;
        matrix_put(c->state[0], c->dtype, i, m);
        total += m * m;
    }
    for (int64_t r = 0; r < rows; r++) {
        double row = 0, scale = 1;
        for (int64_t i = r * cols; i < (r + 1) * cols; i++) row += pow(matrix_at(c->state[0], c->dtype, i), 2);
        if (c->shape != NULL) scale = 1 / (sqrt(sqrt(total) * sqrt(row)) + 1e-8);
        for (int64_t i = r * cols; i < (r + 1) * cols; i++)
            matrix_put(c->w, c->dtype, i, matrix_at(c->w, c->dtype, i) - c->lr * scale * matrix_at(c->state[0], c->dtype, i));
    }
}

static int matrix_states(const void *opts, const char **names)
{
    (void)opts;
    names[0] = "momentum_buffer";
    return 1;
}

static const hoop_option matrix_rows[] = {
    {"lr", HOOP_OPT_FLOAT, offsetof(matrix_opts, lr), "0.01", 0, 1e6, NULL, true, "learning rate", NULL},
    {"weight_decay", HOOP_OPT_FLOAT, offsetof(matrix_opts, weight_decay), "0.0", 0, 1e6, NULL, true, "not used", NULL},
};
static const hoop_optim_kind matrix_optim = {
    .name        = "matrix",
    .help        = "for tests",
    .options     = {"", matrix_rows, 2},
    .opts_size   = sizeof(matrix_opts),
    .states      = matrix_states,
    .granularity = HOOP_BY_MATRIX,
    .update      = matrix_update,
};

#endif
