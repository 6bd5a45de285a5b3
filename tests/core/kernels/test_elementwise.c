/* Elementwise kernels: values against naive formulas, and bits that do not depend on place, length or stride. */
#include "kernels_test.h"

typedef struct element_case {
    const hoop_kernels *k;
    hoop_dtype          dt;
    int                 which;
    bool                add;
} element_case;

static const char *const unary_names[] = {
#define NAME(name) #name,
    HOOP_UNARY_LIST(NAME)};
static const char *const grad_names[]   = {HOOP_UNARY_GRAD_LIST(NAME)};
static const char *const binary_names[] = {HOOP_BINARY_LIST(NAME)};

static double gelu_inner(double x)
{
    return sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double unary_reference(int which, double x)
{
    switch (which) {
    case HOOP_UNARY_exp2:
        return exp2(x);
    case HOOP_UNARY_expm1:
        return expm1(x);
    case HOOP_UNARY_log1p:
        return log1p(x);
    case HOOP_UNARY_log2:
        return log2(x);
    case HOOP_UNARY_log10:
        return log10(x);
    case HOOP_UNARY_rsqrt:
        return 1 / sqrt(x);
    case HOOP_UNARY_square:
        return x * x;
    case HOOP_UNARY_sin:
        return sin(x);
    case HOOP_UNARY_cos:
        return cos(x);
    case HOOP_UNARY_tan:
        return tan(x);
    case HOOP_UNARY_asin:
        return asin(x);
    case HOOP_UNARY_acos:
        return acos(x);
    case HOOP_UNARY_atan:
        return atan(x);
    case HOOP_UNARY_sinh:
        return sinh(x);
    case HOOP_UNARY_cosh:
        return cosh(x);
    case HOOP_UNARY_asinh:
        return asinh(x);
    case HOOP_UNARY_acosh:
        return acosh(x);
    case HOOP_UNARY_atanh:
        return atanh(x);
    case HOOP_UNARY_abs:
        return fabs(x);
    case HOOP_UNARY_sign:
        return x > 0 ? 1 : x < 0 ? -1 : 0;
    case HOOP_UNARY_floor:
        return floor(x);
    case HOOP_UNARY_ceil:
        return ceil(x);
    case HOOP_UNARY_round:
        return nearbyint(x);
    case HOOP_UNARY_trunc:
        return trunc(x);
    case HOOP_UNARY_isfinite:
        return isfinite(x) != 0;
    case HOOP_UNARY_isnan:
        return isnan(x) != 0;
    case HOOP_UNARY_isinf:
        return isinf(x) != 0;
    case HOOP_UNARY_iszero:
        return x == 0;
    case HOOP_UNARY_silu:
        return x / (1 + exp(-x));
    case HOOP_UNARY_softsign:
        return x / (1 + fabs(x));
    case HOOP_UNARY_log_sigmoid:
        return -softplus(-x);
    case HOOP_UNARY_hardswish:
        return isnan(x) ? x : x * fmin(fmax(x + 3, 0), 6) / 6;
    case HOOP_UNARY_hardsigmoid:
        return isnan(x) ? x : fmin(fmax(x + 3, 0), 6) / 6;
    case HOOP_UNARY_mish:
        return x * tanh(softplus(x));
    case HOOP_UNARY_neg:
        return -x;
    case HOOP_UNARY_exp:
        return exp(x);
    case HOOP_UNARY_log:
        return log(x);
    case HOOP_UNARY_sqrt:
        return sqrt(x);
    case HOOP_UNARY_tanh:
        return tanh(x);
    case HOOP_UNARY_sigmoid:
        return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
    case HOOP_UNARY_relu:
        return x > 0 || isnan(x) ? x : 0;
    case HOOP_UNARY_gelu:
        return x == -(double)INFINITY ? 0 : x * 0.5 * (1 + erf(x / sqrt(2)));
    case HOOP_UNARY_gelu_tanh:
        return x == -(double)INFINITY ? 0 : x * 0.5 * (1 + tanh(gelu_inner(x)));
    case HOOP_UNARY_erf:
        return erf(x);
    case HOOP_UNARY_reciprocal:
        return 1 / x;
    default:
        fail_msg("no reference for unary kernel %d", which);
    }
    return 0;
}

static double grad_reference(int which, double a, double dy)
{
    double t;
    switch (which) {
    case HOOP_UNARY_GRAD_relu:
        return a > 0 ? dy : 0;
    case HOOP_UNARY_GRAD_tanh:
        return dy * (1 - a * a);
    case HOOP_UNARY_GRAD_sigmoid:
        return dy * a * (1 - a);
    case HOOP_UNARY_GRAD_gelu:
        if (fabs(a) > 40) return a > 0 ? dy : dy * 0;
        return dy * (0.5 * (1 + erf(a / sqrt(2))) + a * exp(-0.5 * a * a) / sqrt(2 * M_PI));
    case HOOP_UNARY_GRAD_gelu_tanh:
        if (fabs(a) > 40) return a > 0 ? dy : dy * 0;
        t = tanh(gelu_inner(a));
        return dy * (0.5 * (1 + t) + 0.5 * a * (1 - t * t) * sqrt(2 / M_PI) * (1 + 3 * 0.044715 * a * a));
    case HOOP_UNARY_GRAD_silu:
        t = 1 / (1 + exp(-a));
        return a < -700 ? 0 * dy : isinf(a) ? dy * NAN : dy * t * (1 + a * (1 - t));
    case HOOP_UNARY_GRAD_softsign:
        return dy * (1 - fabs(a)) * (1 - fabs(a));
    case HOOP_UNARY_GRAD_log_sigmoid:
        return dy * -expm1(a);
    case HOOP_UNARY_GRAD_hardswish:
        return a <= -3 ? 0 : a < 3 ? dy * (a / 3 + 0.5) : dy;
    case HOOP_UNARY_GRAD_hardsigmoid:
        return a > 0 && a < 1 ? dy / 6 : 0;
    case HOOP_UNARY_GRAD_mish:
        t = tanh(softplus(a));
        return a < -700 ? 0 * dy : a > 40 ? dy : dy * (t + a / (1 + exp(-a)) * (1 - t * t));
    default:
        fail_msg("no reference for gradient kernel %d", which);
    }
    return 0;
}

static double binary_reference(int which, double a, double b)
{
    switch (which) {
    case HOOP_BINARY_add:
        return a + b;
    case HOOP_BINARY_sub:
        return a - b;
    case HOOP_BINARY_mul:
        return a * b;
    case HOOP_BINARY_div:
        return a / b;
    case HOOP_BINARY_greater:
        return a > b;
    case HOOP_BINARY_equal:
        return a == b;
    case HOOP_BINARY_not_equal:
        return a != b;
    case HOOP_BINARY_less:
        return a < b;
    case HOOP_BINARY_less_equal:
        return a <= b;
    case HOOP_BINARY_greater_equal:
        return a >= b;
    case HOOP_BINARY_and:
        return a != 0 && b != 0;
    case HOOP_BINARY_or:
        return a != 0 || b != 0;
    case HOOP_BINARY_xor:
        return (a != 0) != (b != 0);
    case HOOP_BINARY_minimum:
        return isnan(a) || isnan(b) ? NAN : fmin(a, b);
    case HOOP_BINARY_maximum:
        return isnan(a) || isnan(b) ? NAN : fmax(a, b);
    case HOOP_BINARY_above:
        return a < b ? 0 : a == b ? 0.5 : 1;
    case HOOP_BINARY_prelu:
        return a > 0 ? a : a * b;
    case HOOP_BINARY_pow:
        return pow(a, b);
    case HOOP_BINARY_atan2:
        return atan2(a, b);
    case HOOP_BINARY_fmod:
        return fmod(a, b);
    case HOOP_BINARY_remainder:
        return fmod(a, b) != 0 && (fmod(a, b) < 0) != (b < 0) ? fmod(a, b) + b : fmod(a, b);
    default:
        fail_msg("no reference for binary kernel %d", which);
    }
    return 0;
}

static void unary_run(const void *ctx, int64_t n, void *const *in, void *const *out)
{
    const element_case *c = ctx;
    c->k->unary[c->which][c->dt](n, in[0], 1, out[0], c->add);
}

static void grad_run(const void *ctx, int64_t n, void *const *in, void *const *out)
{
    const element_case *c = ctx;
    c->k->unary_grad[c->which][c->dt](n, in[0], in[1], out[0], c->add);
}

static void binary_run(const void *ctx, int64_t n, void *const *in, void *const *out)
{
    const element_case *c = ctx;
    c->k->binary[c->which][c->dt](n, in[0], 1, in[1], 1, out[0], c->add);
}

static void test_place(void **state)
{
    char what[64];
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int dt = 0; dt < HOOP_NFLOAT; dt++) {
            for (int add = 0; add < 2; add++) {
                for (int w = 0; w < HOOP_UNARY_COUNT; w++) {
                    (void)snprintf(what, sizeof what, "%s %s add %d", k->isa, unary_names[w], add);
                    place_check(what, (hoop_dtype)dt, 1, 1, unary_run, &(element_case){k, (hoop_dtype)dt, w, add != 0});
                }
                for (int w = 0; w < HOOP_UNARY_GRAD_COUNT; w++) {
                    (void)snprintf(what, sizeof what, "%s grad %s add %d", k->isa, grad_names[w], add);
                    place_check(what, (hoop_dtype)dt, 2, 1, grad_run, &(element_case){k, (hoop_dtype)dt, w, add != 0});
                }
                for (int w = 0; w < HOOP_BINARY_COUNT; w++) {
                    (void)snprintf(what, sizeof what, "%s %s add %d", k->isa, binary_names[w], add);
                    place_check(what, (hoop_dtype)dt, 2, 1, binary_run, &(element_case){k, (hoop_dtype)dt, w, add != 0});
                }
            }
        }
    }
}

enum { N = 3000 };

/* Tolerance: 4 ulp; where 1 + erf and its like cancel, an absolute error of some ulp of |x| beside it. */
static void test_values(void **state)
{
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int d = 0; d < HOOP_NFLOAT; d++) {
            hoop_dtype dt = (hoop_dtype)d;
            double     a[N], b[N], y[N], eps = epsilon(dt), tiny = 4 * tiniest(dt);
            values_fill(dt, a, N, 0);
            values_fill(dt, b, N, 1);
            for (int w = 0; w < HOOP_UNARY_COUNT; w++) {
                double abs = w == HOOP_UNARY_gelu || w == HOOP_UNARY_gelu_tanh ? 2 * eps : 0;
                k->unary[w][dt](N, a, 1, y, false);
                for (int i = 0; i < N; i++) {
                    double x = get(dt, a, i), want = unary_reference(w, x);
                    double far = w == HOOP_UNARY_silu || w == HOOP_UNARY_mish ? fmax(fmin(fabs(x), 1000), 1)
                                                                              : 1; /* times what is rounded */
                    if (!near(dt, get(dt, y, i), want, 4 * eps, tiny * far + abs * (fabs(x) < 10 ? fabs(x) : 0)))
                        fail_msg("%s %s %s(%a) = %a, want %a", k->isa, hoop_dtype_name(dt), unary_names[w], x, get(dt, y, i),
                                 want);
                }
            }
            for (int w = 0; w < HOOP_UNARY_GRAD_COUNT; w++) {
                k->unary_grad[w][dt](N, a, b, y, false);
                for (int i = 0; i < N; i++) {
                    double x = get(dt, a, i), dy = get(dt, b, i), want = grad_reference(w, x, dy),
                           scale = fabs(dy) * (1 + (fabs(x) < 7 ? fabs(x) : 0));
                    if (w == HOOP_UNARY_GRAD_tanh || w == HOOP_UNARY_GRAD_sigmoid) scale = fabs(want) + fabs(dy);
                    if (isnan(want) || isinf(want) || fabs(want) > (double)FLT_MAX / 4) scale = 0;
                    if (fabs(x) > 1e17 && w != HOOP_UNARY_GRAD_gelu && w != HOOP_UNARY_GRAD_gelu_tanh)
                        continue; /* not an output of tanh */
                    if (!near(dt, get(dt, y, i), want, 6 * eps, tiny + 6 * eps * scale))
                        fail_msg("%s %s grad %s(%a, %a) = %a, want %a", k->isa, hoop_dtype_name(dt), grad_names[w], x, dy,
                                 get(dt, y, i), want);
                }
            }
            for (int w = 0; w < HOOP_BINARY_COUNT; w++) {
                k->binary[w][dt](N, a, 1, b, 1, y, false);
                for (int i = 0; i < N; i++)
                    if (!near(dt, get(dt, y, i), binary_reference(w, get(dt, a, i), get(dt, b, i)),
                              w == HOOP_BINARY_atan2 ? 2 * eps : eps, tiniest(dt)))
                        fail_msg("%s %s %s(%a, %a) = %a", k->isa, hoop_dtype_name(dt), binary_names[w], get(dt, a, i),
                                 get(dt, b, i), get(dt, y, i));
            }
        }
    }
}

/* Any stride of the inputs gives the bits of contiguous copies of them; adding gives y + f. In place too. */
static void test_strides(void **state)
{
    static const int64_t strides[] = {0, 1, 2, 3, 17, -1};
    enum { M = 600, SPAN = 17 * M };
    double *wide_a = malloc(SPAN * sizeof *wide_a), *wide_b = malloc(SPAN * sizeof *wide_b);
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int d = 0; d < HOOP_NFLOAT; d++) {
            hoop_dtype dt   = (hoop_dtype)d;
            size_t     size = hoop_dtype_size(dt);
            double     a[M], b[M], want[M], y[M], sum[M];
            values_fill(dt, wide_a, SPAN, 2);
            values_fill(dt, wide_b, SPAN, 3);
            for (size_t s = 0; s < 6; s++) {
                const char *pa = (char *)wide_a + (strides[s] < 0 ? (M - 1) * size : 0);
                for (int i = 0; i < M; i++) set(dt, a, i, get(dt, pa, i * strides[s]));
                for (int w = 0; w < HOOP_UNARY_COUNT; w++) {
                    k->unary[w][dt](M, a, 1, want, false);
                    k->unary[w][dt](M, pa, strides[s], y, false);
                    for (int i = 0; i < M; i++) assert_true(same(dt, y, i, want, i));
                }
                for (size_t t = 0; t < 6; t++) {
                    const char *pb = (char *)wide_b + (strides[t] < 0 ? (M - 1) * size : 0);
                    for (int i = 0; i < M; i++) set(dt, b, i, get(dt, pb, i * strides[t]));
                    for (int w = 0; w < HOOP_BINARY_COUNT; w++) {
                        k->binary[w][dt](M, a, 1, b, 1, want, false);
                        k->binary[w][dt](M, pa, strides[s], pb, strides[t], y, false);
                        for (int i = 0; i < M; i++) assert_true(same(dt, y, i, want, i));
                        values_fill(dt, y, M, 4);
                        for (int i = 0; i < M; i++) set(dt, sum, i, get(dt, y, i) + get(dt, want, i));
                        k->binary[w][dt](M, pa, strides[s], pb, strides[t], y, true);
                        for (int i = 0; i < M; i++) assert_true(same(dt, y, i, sum, i));
                    }
                }
            }
            values_fill(dt, a, M, 5);
            k->unary[HOOP_UNARY_exp][dt](M, a, 1, want, false);
            k->unary[HOOP_UNARY_exp][dt](M, a, 1, a, false);
            for (int i = 0; i < M; i++) assert_true(same(dt, a, i, want, i));
        }
    }
    free(wide_a);
    free(wide_b);
}

/* fma and polynomials are the same in both: AVX-512 and AVX2 agree to the bit in f32 */
static void test_sets_agree(void **state)
{
    const hoop_kernels *a = NULL, *b = NULL;
    static float        x[1 << 16], u[1 << 16], v[1 << 16];
    (void)state;
    if (hoop_kernels_select("avx512", NULL, &a) != HOOP_OK || hoop_kernels_select("avx2", NULL, &b) != HOOP_OK) skip();
    for (uint32_t i = 0; i < 1 << 16; i++) {
        uint32_t bits = i << 16 | (i * 2654435761u & 0xffff);
        memcpy(&x[i], &bits, sizeof bits);
    }
    for (int w = 0; w < HOOP_UNARY_COUNT; w++) {
        a->unary[w][HOOP_F32](1 << 16, x, 1, u, false);
        b->unary[w][HOOP_F32](1 << 16, x, 1, v, false);
        for (int i = 0; i < 1 << 16; i++)
            if (!same(HOOP_F32, u, i, v, i))
                fail_msg("%s(%a): %a and %a", unary_names[w], (double)x[i], (double)u[i], (double)v[i]);
    }
}

static void test_select(void **state)
{
    const hoop_kernels *k;
    hoop_error          err = {0};
    (void)state;
    assert_int_equal(hoop_kernels_select(NULL, &err, &k), HOOP_OK);
    assert_non_null(k);
    assert_int_equal(hoop_kernels_select("auto", &err, &k), HOOP_OK);
    assert_int_equal(hoop_kernels_select("baseline", &err, &k), HOOP_OK);
    assert_string_equal(k->isa, "baseline");
    assert_int_equal(hoop_kernels_select("avx1024", &err, &k), HOOP_EARG);
    assert_null(k);
    assert_non_null(strstr(err.text, "avx1024"));
    assert_non_null(strstr(err.text, "baseline"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_select),  cmocka_unit_test(test_place),      cmocka_unit_test(test_values),
        cmocka_unit_test(test_strides), cmocka_unit_test(test_sets_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
