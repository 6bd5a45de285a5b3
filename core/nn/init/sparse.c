/* sparse: normal, with a part of each column zero (Martens, ICML 2010). */
#include "kernels/vmath.h"
#include "nn/module.h"

extern const hoop_init_kind hoop__init_sparse;

typedef struct sparse_opts {
    double sparsity, std;
} sparse_opts;
static const hoop_option rows[] = {
    {"sparsity", HOOP_OPT_FLOAT, offsetof(sparse_opts, sparsity), NULL, 0, 1, NULL, true,
     "part of each column that is 0, rounded up"},
    {"std", HOOP_OPT_FLOAT, offsetof(sparse_opts, std), "0.01", 0, 1e30, NULL, true, "standard deviation of the rest"},
};

static hoop_status check(const hoop_init_call *c, hoop_error *err)
{
    if (c->ndim == 2) return HOOP_OK;
    return hoop_fail(err, HOOP_ESHAPE, "it has %d dims; columns are of 2", c->ndim);
}

static hoop_status fill(const hoop_init_call *c, int64_t first, int64_t n, double *v)
{
    const sparse_opts *o   = c->opts;
    const int64_t      out = c->shape[0], in = c->shape[1];
    const double       part  = o->sparsity * (double)out;
    int64_t            zeros = (int64_t)part;
    (void)first;
    if ((double)zeros < part) zeros++;
    hoop_random_normal_fill(c->key, 0, n, v);
    for (int64_t i = 0; i < n; i++) v[i] *= o->std;
    for (int64_t i = 0; i < in; i++) { /* the first of an order that each column has of its own */
        hoop_key order = c->key;
        order.stream += 1 + (uint64_t)i;
        for (int64_t k = 0; k < zeros; k++) v[(int64_t)hoop_random_permute(order, (uint64_t)out, (uint64_t)k) * in + i] = 0.0;
    }
    return HOOP_OK;
}

const hoop_init_kind hoop__init_sparse = {.name      = "sparse",
                                          .help      = "normal, with a part of each column 0",
                                          .options   = HOOP_OPTIONS(rows),
                                          .opts_size = sizeof(sparse_opts),
                                          .whole     = true,
                                          .check     = check,
                                          .fill      = fill};
