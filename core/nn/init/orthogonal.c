/*
 * orthogonal: rows, or columns where there are fewer of these, of length `gain` at right angles to each other (Saxe, McClelland &
 * Ganguli, ICLR 2014). Q of a normal matrix's QR, by Householder's reflections (Golub & Van Loan, Matrix Computations, 5.2), its
 * columns turned so that R's diagonal is positive: then Q is uniform among all such.
 */
#include "kernels/rows.h"
#include "nn/module.h"

#include <stdlib.h>

extern const hoop_init_kind hoop__init_orthogonal;

typedef struct orthogonal_opts {
    double gain;
} orthogonal_opts;
static const hoop_option rows[] = {
    {"gain", HOOP_OPT_FLOAT, offsetof(orthogonal_opts, gain), "1.0", 0, 1e30, NULL, true, "length of the rows or columns"},
};

static hoop_status check(const hoop_init_call *c, hoop_error *err)
{
    if (c->ndim >= 2) return HOOP_OK;
    return hoop_fail(err, HOOP_ESHAPE, "it has %d dims; rows and columns are of 2 or more", c->ndim);
}

/* y -= 2 (v y) v of n numbers, v of length 1 */
static void reflect(int64_t n, const double *v, double *y)
{
    const double twice = 2.0 * row_dot_f64(n, v, y);
    for (int64_t i = 0; i < n; i++) y[i] -= twice * v[i];
}

/* The reflection that takes x to a multiple of the first axis: v overwrites x. Returns the sign of that multiple; v stays 0 where
 * x is. */
static double reflection_of(int64_t n, double *x)
{
    const double size = v_sqrt_f64(row_dot_f64(n, x, x)), sign = x[0] < 0.0 ? 1.0 : -1.0; /* away from x: nothing cancels */
    double       length;
    if (size == 0.0) return 1.0;
    x[0] -= sign * size;
    length = v_sqrt_f64(row_dot_f64(n, x, x));
    for (int64_t i = 0; i < n; i++) x[i] /= length;
    return sign;
}

/* k vectors of n >= k numbers, one after the other in a: q, likewise, of length 1 at right angles; a is overwritten */
static void orthogonalize(int64_t k, int64_t n, double *a, double *q, double *sign)
{
    for (int64_t j = 0; j < k; j++) {
        sign[j] = reflection_of(n - j, a + j * n + j);
        for (int64_t i = j + 1; i < k; i++) reflect(n - j, a + j * n + j, a + i * n + j);
    }
    for (int64_t j = 0; j < k; j++) { /* the axes, through all reflections backwards; those above have no part in them */
        for (int64_t i = 0; i < n; i++) q[j * n + i] = i == j ? sign[j] : 0.0;
        for (int64_t i = j; i >= 0; i--) reflect(n - i, a + i * n + i, q + j * n + i);
    }
}

static hoop_status fill(const hoop_init_call *c, int64_t first, int64_t n, double *v)
{
    const double  gain = ((const orthogonal_opts *)c->opts)->gain;
    const int64_t out = c->shape[0], in = out > 0 ? n / out : 0, k = out < in ? out : in, length = out < in ? in : out;
    double       *a, *q;
    (void)first;
    if (n == 0) return HOOP_OK;
    a = malloc(((size_t)(2 * n) + (size_t)k) * sizeof *a);
    if (a == NULL) return HOOP_ENOMEM;
    q = a + n;
    hoop_random_normal_fill(c->key, 0, n, a);
    orthogonalize(k, length, a, q, q + n);
    for (int64_t o = 0; o < out; o++)
        for (int64_t i = 0; i < in; i++) v[o * in + i] = gain * (out < in ? q[o * length + i] : q[i * length + o]);
    free(a);
    return HOOP_OK;
}

const hoop_init_kind hoop__init_orthogonal = {.name      = "orthogonal",
                                              .help      = "rows, or columns where they are fewer, at right angles to each other",
                                              .options   = HOOP_OPTIONS(rows),
                                              .opts_size = sizeof(orthogonal_opts),
                                              .whole     = true,
                                              .check     = check,
                                              .fill      = fill};
