/* The polynomials of f32, measured in units of the last place over every exponent and both signs. */
#include "kernels_test.h"

static double sigmoid(double x)
{
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

static const struct {
    const char *name;
    int         kernel;
    double (*f)(double);
    double bound;
} functions[] = {
    {"exp", HOOP_UNARY_exp, exp, 1.5},           {"log", HOOP_UNARY_log, log, 1.5}, {"tanh", HOOP_UNARY_tanh, tanh, 3},
    {"sigmoid", HOOP_UNARY_sigmoid, sigmoid, 3}, {"erf", HOOP_UNARY_erf, erf, 3},
};

/* error of y in units of the last place of the right answer rounded to f32 (denormals: 2^-149) */
static double ulps(float y, double right)
{
    float r = (float)right, a = fabsf(r);
    if (isnan(r) || isnan(y)) return isnan(r) && isnan(y) ? 0 : INFINITY;
    if (isinf(r) || isinf(y)) return r == y || fabs(right) > 0x1.fffffcp127 ? 0 : INFINITY;
    return fabs((double)y - right) / (double)(a < FLT_MIN ? 0x1p-149f : nextafterf(a, INFINITY) - a);
}

static void test_ulp(void **state)
{
    enum { CHUNK = 4096, STEP = 1553 }; /* a prime: all exponents, mantissas spread */
    static float x[CHUNK], y[CHUNK];
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (size_t f = 0; f < sizeof functions / sizeof functions[0]; f++) {
            double worst = 0;
            float  at    = 0;
            for (uint64_t u = 0; u < (uint64_t)1 << 32;) {
                int n = 0;
                for (; n < CHUNK && u < (uint64_t)1 << 32; n++, u += STEP) {
                    uint32_t bits = (uint32_t)u;
                    memcpy(&x[n], &bits, sizeof bits);
                }
                k->unary[functions[f].kernel][HOOP_F32](n, x, 1, y, false);
                for (int i = 0; i < n; i++) {
                    double e = ulps(y[i], functions[f].f((double)x[i]));
                    if (e > worst) {
                        worst = e;
                        at    = x[i];
                    }
                }
            }
            print_message("%s %s: %.3f ulp at %a\n", k->isa, functions[f].name, worst, (double)at);
            if (!(worst <= functions[f].bound)) fail_msg("%s %s: %.3f ulp at %a", k->isa, functions[f].name, worst, (double)at);
        }
    }
}

/* signs of zero, ends, and exact values */
static void test_exact_values(void **state)
{
    static const struct {
        int   kernel;
        float x, y;
    } rows[] = {
        {HOOP_UNARY_exp, 0, 1},
        {HOOP_UNARY_exp, -0.0f, 1},
        {HOOP_UNARY_exp, -INFINITY, 0},
        {HOOP_UNARY_exp, INFINITY, INFINITY},
        {HOOP_UNARY_log, 1, 0},
        {HOOP_UNARY_log, 0, -INFINITY},
        {HOOP_UNARY_log, -0.0f, -INFINITY},
        {HOOP_UNARY_log, INFINITY, INFINITY},
        {HOOP_UNARY_log, -1, NAN},
        {HOOP_UNARY_log, -INFINITY, NAN},
        {HOOP_UNARY_tanh, -0.0f, -0.0f},
        {HOOP_UNARY_tanh, 0x1p-149f, 0x1p-149f},
        {HOOP_UNARY_tanh, INFINITY, 1},
        {HOOP_UNARY_tanh, -INFINITY, -1},
        {HOOP_UNARY_sigmoid, 0, 0.5f},
        {HOOP_UNARY_sigmoid, -INFINITY, 0},
        {HOOP_UNARY_sigmoid, INFINITY, 1},
        {HOOP_UNARY_erf, -0.0f, -0.0f},
        {HOOP_UNARY_erf, INFINITY, 1},
        {HOOP_UNARY_erf, -5, -1},
    };
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            float y;
            k->unary[rows[i].kernel][HOOP_F32](1, &rows[i].x, 1, &y, false);
            if (!same(HOOP_F32, &y, 0, &rows[i].y, 0))
                fail_msg("%s kernel %d of %a: %a, want %a", k->isa, rows[i].kernel, (double)rows[i].x, (double)y,
                         (double)rows[i].y);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ulp), cmocka_unit_test(test_exact_values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
