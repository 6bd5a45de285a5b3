/* uniform, normal, trunc_normal: one distribution for all elements. */
#include "kernels/vmath.h"
#include "nn/module.h"

extern const hoop_init_kind hoop__init_uniform, hoop__init_normal, hoop__init_trunc_normal;

typedef struct spread_opts {
    double mean, std, a, b;
} spread_opts;
#define AT(field) offsetof(spread_opts, field)
static const hoop_option uniform_rows[] = {
    {"a", HOOP_OPT_FLOAT, AT(a), "0.0", -1e30, 1e30, NULL, true, "least"},
    {"b", HOOP_OPT_FLOAT, AT(b), "1.0", -1e30, 1e30, NULL, true, "largest"},
};
static const hoop_option normal_rows[] = {
    {"mean", HOOP_OPT_FLOAT, AT(mean), "0.0", -1e30, 1e30, NULL, true, "of the distribution"},
    {"std", HOOP_OPT_FLOAT, AT(std), "1.0", 0, 1e30, NULL, true, "standard deviation"},
};
static const hoop_option trunc_normal_rows[] = {
    {"mean", HOOP_OPT_FLOAT, AT(mean), "0.0", -1e30, 1e30, NULL, true, "of the distribution that is cut"},
    {"std", HOOP_OPT_FLOAT, AT(std), "1.0", 1e-30, 1e30, NULL, true, "its standard deviation"},
    {"a", HOOP_OPT_FLOAT, AT(a), "-2.0", -1e30, 1e30, NULL, true, "least"},
    {"b", HOOP_OPT_FLOAT, AT(b), "2.0", -1e30, 1e30, NULL, true, "largest"},
};
#undef AT

static hoop_status check(const hoop_init_call *c, hoop_error *err)
{
    const spread_opts *o = c->opts;
    if (o->a < o->b) return HOOP_OK;
    return hoop_fail(err, HOOP_EARG, "a, %g, is not below b, %g", o->a, o->b);
}

static hoop_status fill_uniform(const hoop_init_call *c, int64_t first, int64_t n, double *v)
{
    const spread_opts *o = c->opts;
    hoop_random_f64_fill(c->key, (uint64_t)first, n, v);
    for (int64_t i = 0; i < n; i++) v[i] = o->a + (o->b - o->a) * v[i];
    return HOOP_OK;
}

static hoop_status fill_normal(const hoop_init_call *c, int64_t first, int64_t n, double *v)
{
    const spread_opts *o = c->opts;
    hoop_random_normal_fill(c->key, (uint64_t)first, n, v);
    for (int64_t i = 0; i < n; i++) v[i] = o->mean + o->std * v[i];
    return HOOP_OK;
}

/* erf of what is p, |p| < 1: Winitzki's formula, right to 2e-3, and three of Newton's steps, each of which squares that */
static double erf_inverse(double p)
{
    const double a = 0.147, l = v_log_f64((1.0 - p) * (1.0 + p)), u = 2.0 / (3.14159265358979323846 * a) + 0.5 * l;
    double       x = v_sqrt_f64(v_sqrt_f64(u * u - l / a) - u);
    if (p < 0.0) x = -x;
    for (int step = 0; step < 3; step++) x -= (v_erf_f64(x) - p) * 0.88622692545275801365 * v_exp_f64(x * x);
    return x;
}

/* the uniform number between the probabilities of the bounds, taken back to the place where the distribution has it */
static hoop_status fill_trunc_normal(const hoop_init_call *c, int64_t first, int64_t n, double *v)
{
    const spread_opts *o  = c->opts;
    const double       to = o->std * 1.41421356237309504880;
    const double low = v_erf_f64((o->a - o->mean) / to), high = v_erf_f64((o->b - o->mean) / to), most = 0x1.fffffffffffffp-1;
    hoop_random_f64_fill(c->key, (uint64_t)first, n, v);
    for (int64_t i = 0; i < n; i++) {
        double p = low + (high - low) * v[i], x;
        p        = p > most ? most : p < -most ? -most : p;
        x        = o->mean + to * erf_inverse(p);
        v[i]     = x < o->a ? o->a : x > o->b ? o->b : x;
    }
    return HOOP_OK;
}

const hoop_init_kind hoop__init_uniform      = {.name      = "uniform",
                                                .help      = "between a and b",
                                                .options   = HOOP_OPTIONS(uniform_rows),
                                                .opts_size = sizeof(spread_opts),
                                                .check     = check,
                                                .fill      = fill_uniform};
const hoop_init_kind hoop__init_normal       = {.name      = "normal",
                                                .help      = "of a mean and a standard deviation",
                                                .options   = HOOP_OPTIONS(normal_rows),
                                                .opts_size = sizeof(spread_opts),
                                                .fill      = fill_normal};
const hoop_init_kind hoop__init_trunc_normal = {.name      = "trunc_normal",
                                                .help      = "normal, and only what lies between a and b",
                                                .options   = HOOP_OPTIONS(trunc_normal_rows),
                                                .opts_size = sizeof(spread_opts),
                                                .check     = check,
                                                .fill      = fill_trunc_normal};
