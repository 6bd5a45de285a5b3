/* constant, zeros, ones, eye. */
#include "nn/module.h"

extern const hoop_init_kind hoop__init_constant, hoop__init_zeros, hoop__init_ones, hoop__init_eye;

typedef struct constant_opts {
    double value;
} constant_opts;
static const hoop_option rows[] = {
    {"value", HOOP_OPT_FLOAT, offsetof(constant_opts, value), NULL, -1e30, 1e30, NULL, true, "of all elements"},
};

static hoop_status all(int64_t n, double *v, double value)
{
    for (int64_t i = 0; i < n; i++) v[i] = value;
    return HOOP_OK;
}
static hoop_status fill_constant(const hoop_init_call *c, int64_t first, int64_t n, double *v)
{
    (void)first;
    return all(n, v, ((const constant_opts *)c->opts)->value);
}
static hoop_status fill_zeros(const hoop_init_call *c, int64_t first, int64_t n, double *v)
{
    (void)c, (void)first;
    return all(n, v, 0.0);
}
static hoop_status fill_ones(const hoop_init_call *c, int64_t first, int64_t n, double *v)
{
    (void)c, (void)first;
    return all(n, v, 1.0);
}

static hoop_status check_eye(const hoop_init_call *c, hoop_error *err)
{
    if (c->ndim == 2) return HOOP_OK;
    return hoop_fail(err, HOOP_ESHAPE, "it has %d dims; a diagonal is of 2", c->ndim);
}
static hoop_status fill_eye(const hoop_init_call *c, int64_t first, int64_t n, double *v)
{
    const int64_t in = c->shape[1];
    for (int64_t i = 0; i < n; i++) v[i] = (first + i) / in == (first + i) % in ? 1.0 : 0.0;
    return HOOP_OK;
}

const hoop_init_kind hoop__init_constant = {.name      = "constant",
                                            .help      = "one value",
                                            .options   = HOOP_OPTIONS(rows),
                                            .opts_size = sizeof(constant_opts),
                                            .fill      = fill_constant};
const hoop_init_kind hoop__init_zeros    = {.name = "zeros", .help = "0", .fill = fill_zeros};
const hoop_init_kind hoop__init_ones     = {.name = "ones", .help = "1", .fill = fill_ones};
const hoop_init_kind hoop__init_eye = {.name = "eye", .help = "1 on the diagonal, else 0", .check = check_eye, .fill = fill_eye};
