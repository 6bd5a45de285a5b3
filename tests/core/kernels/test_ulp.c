/* The polynomials, measured in units of the last place: f32 over every exponent and both signs, f64 at a million places. */
#include "kernels_test.h"

#include "kernels/vmath64.h"

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
    {"exp", HOOP_UNARY_exp, exp, 1.5},        {"log", HOOP_UNARY_log, log, 1.5},
    {"tanh", HOOP_UNARY_tanh, tanh, 3},       {"sigmoid", HOOP_UNARY_sigmoid, sigmoid, 3},
    {"erf", HOOP_UNARY_erf, erf, 3},          {"exp2", HOOP_UNARY_exp2, exp2, 0.76},
    {"expm1", HOOP_UNARY_expm1, expm1, 2},    {"log1p", HOOP_UNARY_log1p, log1p, 2},
    {"log2", HOOP_UNARY_log2, log2, 0.51},    {"log10", HOOP_UNARY_log10, log10, 0.51},
    {"sin", HOOP_UNARY_sin, sin, 0.51},       {"cos", HOOP_UNARY_cos, cos, 0.51},
    {"tan", HOOP_UNARY_tan, tan, 0.51},       {"asin", HOOP_UNARY_asin, asin, 0.51},
    {"acos", HOOP_UNARY_acos, acos, 0.51},    {"atan", HOOP_UNARY_atan, atan, 0.51},
    {"sinh", HOOP_UNARY_sinh, sinh, 0.51},    {"cosh", HOOP_UNARY_cosh, cosh, 0.51},
    {"asinh", HOOP_UNARY_asinh, asinh, 0.51}, {"acosh", HOOP_UNARY_acosh, acosh, 0.51},
    {"atanh", HOOP_UNARY_atanh, atanh, 0.51},
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

/* both dtypes: signs of zero, ends, and exact values */
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
            float  y;
            double x64 = (double)rows[i].x, y64, want = (double)rows[i].y;
            k->unary[rows[i].kernel][HOOP_F64](1, &x64, 1, &y64, false);
            if (fabs(x64) != 5 && !same(HOOP_F64, &y64, 0, &want, 0))
                fail_msg("%s f64 kernel %d of %a: %a, want %a", k->isa, rows[i].kernel, x64, y64, want);
            k->unary[rows[i].kernel][HOOP_F32](1, &rows[i].x, 1, &y, false);
            if (!same(HOOP_F32, &y, 0, &rows[i].y, 0))
                fail_msg("%s kernel %d of %a: %a, want %a", k->isa, rows[i].kernel, (double)rows[i].x, (double)y,
                         (double)rows[i].y);
        }
    }
}

/* ---- f64, against long double ---- */

static long double sigmoid_long(long double x)
{
    return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x));
}

static const struct {
    const char *name;
    int         kernel;
    long double (*f)(long double);
    double bound;
} functions64[] = {
    {"exp", HOOP_UNARY_exp, expl, 1},       {"log", HOOP_UNARY_log, logl, 1},
    {"tanh", HOOP_UNARY_tanh, tanhl, 3},    {"sigmoid", HOOP_UNARY_sigmoid, sigmoid_long, 3},
    {"erf", HOOP_UNARY_erf, erfl, 1.5},     {"exp2", HOOP_UNARY_exp2, exp2l, 1.1},
    {"expm1", HOOP_UNARY_expm1, expm1l, 2}, {"log1p", HOOP_UNARY_log1p, log1pl, 2},
    {"log2", HOOP_UNARY_log2, log2l, 2},    {"log10", HOOP_UNARY_log10, log10l, 2},
    {"sin", HOOP_UNARY_sin, sinl, 1},       {"cos", HOOP_UNARY_cos, cosl, 1},
    {"tan", HOOP_UNARY_tan, tanl, 2.5},     {"asin", HOOP_UNARY_asin, asinl, 2},
    {"acos", HOOP_UNARY_acos, acosl, 2},    {"atan", HOOP_UNARY_atan, atanl, 2},
    {"sinh", HOOP_UNARY_sinh, sinhl, 2.5},  {"cosh", HOOP_UNARY_cosh, coshl, 2},
    {"asinh", HOOP_UNARY_asinh, asinhl, 3}, {"acosh", HOOP_UNARY_acosh, acoshl, 3},
    {"atanh", HOOP_UNARY_atanh, atanhl, 3},
};

static double ulps64(double y, long double right)
{
    double r = (double)right, a = fabs(r);
    if (isnan(r) || isnan(y)) return isnan(r) && isnan(y) ? 0 : (double)INFINITY;
    if (isinf(r) || isinf(y)) return r == y ? 0 : (double)INFINITY;
    return (double)(fabsl((long double)y - right) / (long double)(a < DBL_MIN ? 0x1p-1074 : nextafter(a, (double)INFINITY) - a));
}

/* i even: any bits; odd: both signs of 2^-30 to 2^10, where functions bend; about 1 in 1000 of the latter beside a multiple of
 * pi/2 */
static double argument(uint64_t i)
{
    uint32_t w[4];
    uint64_t u;
    double   x;
    hoop_philox(test_key, i, w);
    u = (uint64_t)w[0] << 32 | w[1];
    if (i % 2 == 0) {
        memcpy(&x, &u, sizeof x);
        return x;
    }
    x = ldexp(1.0 + (double)(u >> 12) * 0x1p-52, (int)(w[2] % 40) - 30);
    if (w[3] % 2048 == 1) x = nextafter((double)w[2] * M_PI_2, (double)INFINITY);
    return w[3] % 2 == 0 ? x : -x;
}

static void test_ulp64(void **state)
{
    enum { N = 1 << 20 };
    double *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y), *first = malloc(N * sizeof *first);
    (void)state;
    for (uint64_t i = 0; i < N; i++) x[i] = argument(i);
    for (size_t f = 0; f < sizeof functions64 / sizeof functions64[0]; f++) {
        double worst = 0, at = 0;
        bool   again = false;
        FOR_EACH_TABLE(k)
        {
            k->unary[functions64[f].kernel][HOOP_F64](N, x, 1, y, false);
            for (int i = 0; i < N && !again; i++) {
                double e = ulps64(y[i], functions64[f].f((long double)x[i]));
                if (e > worst) worst = e, at = x[i];
            }
            if (!again) memcpy(first, y, N * sizeof *y);
            for (int i = 0; i < N; i++) { /* no fma: every set has the same bits */
                if (!same(HOOP_F64, y, i, first, i)) fail_msg("%s %s: other bits at %a", k->isa, functions64[f].name, x[i]);
            }
            again = true;
        }
        print_message("f64 %s: %.3f ulp at %a\n", functions64[f].name, worst, at);
        if (!(worst <= functions64[f].bound)) fail_msg("f64 %s: %.3f ulp at %a", functions64[f].name, worst, at);
    }
    free(x);
    free(y);
    free(first);
}

/* a function of two: bases and exponents of every size, and such that the power stays in the range */
typedef struct pair_case {
    const char *name;
    int         kernel;
    long double (*f)(long double, long double);
    double bound;
} pair_case;

static double pair_argument(uint64_t i, int which)
{
    double a = argument(4 * i + (uint64_t)which);
    if (i % 4 == 1) return which == 0 ? fabs(a) : nearbyint(fmod(a, 64));
    if (i % 4 == 2 && which == 0) return 1 + fmod(a, 0x1p-6);
    if (i % 4 == 3) return which == 0 ? fmod(argument(4 * i), 1e6) : 600 / log(fabs(fmod(argument(4 * i), 1e6)) + 2.0);
    return a;
}

static void test_pairs(void **state)
{
    static const pair_case pairs[] = {{"pow", HOOP_BINARY_pow, powl, 1.2}, {"atan2", HOOP_BINARY_atan2, atan2l, 2.3}};
    enum { N = 1 << 19 };
    double *a = malloc(N * sizeof *a), *b = malloc(N * sizeof *b), *y = malloc(N * sizeof *y), *first = malloc(N * sizeof *first);
    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        a[i] = pair_argument(i, 0);
        b[i] = pair_argument(i, 1);
    }
    for (size_t f = 0; f < sizeof pairs / sizeof pairs[0]; f++) {
        double worst = 0, at[2] = {0};
        bool   again = false;
        FOR_EACH_TABLE(k)
        {
            k->binary[pairs[f].kernel][HOOP_F64](N, a, 1, b, 1, y, false);
            for (int i = 0; i < N && !again; i++) {
                double e = ulps64(y[i], pairs[f].f((long double)a[i], (long double)b[i]));
                if (e > worst) worst = e, at[0] = a[i], at[1] = b[i];
            }
            if (!again) memcpy(first, y, N * sizeof *y);
            for (int i = 0; i < N; i++)
                if (!same(HOOP_F64, y, i, first, i)) fail_msg("%s %s: other bits at %a, %a", k->isa, pairs[f].name, a[i], b[i]);
            again = true;
        }
        print_message("f64 %s: %.3f ulp at %a, %a\n", pairs[f].name, worst, at[0], at[1]);
        if (!(worst <= pairs[f].bound)) fail_msg("f64 %s: %.3f ulp at %a, %a", pairs[f].name, worst, at[0], at[1]);
    }
    free(a);
    free(b);
    free(y);
    free(first);
}

/* the same of f32, against f64 */
static float pair_argument32(uint64_t i, int which)
{
    uint32_t w[4];
    float    x;
    double   a;
    hoop_philox(test_key, 4 * i + (uint64_t)which, w);
    memcpy(&x, w, sizeof x);
    if (i % 4 == 0) return x;
    a = ldexp(1.0 + (double)w[0] * 0x1p-32, (int)(w[1] % 252) - 126); /* bases; exponents such that the power is in range */
    if (i % 4 == 2) a = 1.0 + ((double)w[0] - 0x1p31) * 0x1p-37;
    if (i % 4 == 3) a = ldexp(1.0 + (double)w[0] * 0x1p-32, (int)(w[1] % 30) - 15);
    if (which == 0) return (float)(i % 4 == 3 && w[2] % 2 == 0 ? -a : a);
    if (i % 4 == 3) return (float)(w[2] % 2 == 0 ? -a : a);
    return (float)(126.0 * ((double)w[2] * 0x1p-31 - 1.0) / (fabs(log2((double)pair_argument32(i, 0))) + 1e-9));
}

static void test_pairs32(void **state)
{
    static const struct {
        const char *name;
        int         kernel;
        double (*f)(double, double);
    } pairs[] = {{"pow", HOOP_BINARY_pow, pow}, {"atan2", HOOP_BINARY_atan2, atan2}};
    enum { N = 1 << 19 };
    float *a = malloc(N * sizeof *a), *b = malloc(N * sizeof *b), *y = malloc(N * sizeof *y), *first = malloc(N * sizeof *first);
    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        a[i] = pair_argument32(i, 0);
        b[i] = pair_argument32(i, 1);
    }
    for (size_t f = 0; f < sizeof pairs / sizeof pairs[0]; f++) {
        double worst = 0, at[2] = {0};
        int    finite = 0;
        bool   again  = false;
        FOR_EACH_TABLE(k)
        {
            k->binary[pairs[f].kernel][HOOP_F32](N, a, 1, b, 1, y, false);
            for (int i = 0; i < N && !again; i++) {
                double right = pairs[f].f((double)a[i], (double)b[i]), e = ulps(y[i], right);
                finite += right != 0.0 && fabs(right) < 0x1p127;
                if (e > worst) worst = e, at[0] = (double)a[i], at[1] = (double)b[i];
            }
            if (!again) memcpy(first, y, N * sizeof *y);
            for (int i = 0; i < N; i++)
                if (!same(HOOP_F32, y, i, first, i))
                    fail_msg("%s f32 %s: other bits at %a, %a", k->isa, pairs[f].name, (double)a[i], (double)b[i]);
            again = true;
        }
        print_message("f32 %s: %.4f ulp at %a, %a; %d finite\n", pairs[f].name, worst, at[0], at[1], finite);
        assert_true(finite > N / 2);
        if (!(worst <= 0.501)) fail_msg("f32 %s: %.4f ulp at %a, %a", pairs[f].name, worst, at[0], at[1]);
    }
    free(a);
    free(b);
    free(y);
    free(first);
}

/* what pow and atan2 are at the ends: IEEE 754, as the C library has it */
static void test_pair_ends(void **state)
{
    static const double ends[] = {
        0,   -0.0, 1,  -1, 0.5, -0.5, 2,      -2,      3,      -3,      (double)INFINITY, -(double)INFINITY,
        0.9, -0.9, 4,  -4, 5,   -5,   0x1p53, -0x1p53, 0x1p80, -0x1p80, (double)NAN,      0x1p-1074,
        1.5, -1.5, 7.5};
    enum { ENDS = sizeof ends / sizeof ends[0] };
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int i = 0; i < ENDS * ENDS; i++) {
            double a = ends[i / ENDS], b = ends[i % ENDS], y, want = pow(a, b);
            float  fa = (float)a, fb = (float)b, fy, fwant;
            k->binary[HOOP_BINARY_pow][HOOP_F64](1, &a, 1, &b, 1, &y, false);
            if (!near(HOOP_F64, y, want, 4e-16, 0) || (signbit(y) != signbit(want) && !isnan(want)))
                fail_msg("%s pow(%a, %a) is %a, want %a", k->isa, a, b, y, want);
            fwant = (float)pow((double)fa, (double)fb);
            k->binary[HOOP_BINARY_pow][HOOP_F32](1, &fa, 1, &fb, 1, &fy, false);
            if (!same(HOOP_F32, &fy, 0, &fwant, 0))
                fail_msg("%s f32 pow(%a, %a) is %a, want %a", k->isa, a, b, (double)fy, (double)fwant);
            want = atan2(a, b);
            k->binary[HOOP_BINARY_atan2][HOOP_F64](1, &a, 1, &b, 1, &y, false);
            if (!near(HOOP_F64, y, want, 4e-16, 0x1p-1074) || (signbit(y) != signbit(want) && !isnan(want)))
                fail_msg("%s atan2(%a, %a) is %a, want %a", k->isa, a, b, y, want);
            want = fmod(a, b);
            k->binary[HOOP_BINARY_fmod][HOOP_F64](1, &a, 1, &b, 1, &y, false);
            if (!same(HOOP_F64, &y, 0, &want, 0)) fail_msg("%s fmod(%a, %a) is %a, want %a", k->isa, a, b, y, want);
        }
        for (uint64_t i = 0; i < 200000; i++) {
            double a = argument(2 * i), b = argument(2 * i + 1), y, want = fmod(a, b);
            k->binary[HOOP_BINARY_fmod][HOOP_F64](1, &a, 1, &b, 1, &y, false);
            if (!same(HOOP_F64, &y, 0, &want, 0)) fail_msg("%s fmod(%a, %a) is %a, want %a", k->isa, a, b, y, want);
        }
    }
}

static void test_turn(void **state)
{
    const long double two_pi   = 6.28318530717958647692528676655900577L;
    double            worst[2] = {0}, at[2] = {0};
    (void)state;
    for (uint64_t i = 0; i < 1 << 20; i++) {
        double      u       = i < 1024 ? (double)i / 1024 : uniform(i), got[2];
        double      shift   = u - 0.25 * rint(4 * u); /* exact, and so its sine is right where the angle would round */
        int         quarter = (int)rint(4 * u) % 4;
        long double c = cosl(two_pi * (long double)shift), s = sinl(two_pi * (long double)shift);
        long double right[2] = {quarter == 0   ? c
                                : quarter == 1 ? -s
                                : quarter == 2 ? -c
                                               : s,
                                quarter == 0   ? s
                                : quarter == 1 ? c
                                : quarter == 2 ? -s
                                               : -c};
        v_turn_f64(u, &got[0], &got[1]);
        for (int k = 0; k < 2; k++) {
            double e = ulps64(got[k], right[k]);
            if (e > worst[k]) worst[k] = e, at[k] = u;
        }
    }
    print_message("turn: cosine %.3f ulp at %a, sine %.3f at %a\n", worst[0], at[0], worst[1], at[1]);
    assert_true(worst[0] <= 2 && worst[1] <= 2);
}

static void test_power(void **state)
{
    (void)state;
    for (int64_t n = 0; n < 3000; n++) {
        for (int i = 0; i < 4; i++) {
            double      x     = (double[]){0.9, 0.999, 0.1, 1.0009765625}[i];
            long double right = powl((long double)x, (long double)n);
            if (!(ulps64(v_power_f64(x, n), right) <= 0.5 * (double)n + 0.5)) fail_msg("%a^%d: %a", x, (int)n, v_power_f64(x, n));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ulp64),     cmocka_unit_test(test_pairs),
                                       cmocka_unit_test(test_pair_ends), cmocka_unit_test(test_turn),
                                       cmocka_unit_test(test_pairs32),   cmocka_unit_test(test_power),
                                       cmocka_unit_test(test_ulp),       cmocka_unit_test(test_exact_values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
