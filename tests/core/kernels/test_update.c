/* Copies, casts, dropout and the optimisers' updates. */
#include "kernels_test.h"

typedef struct update_case {
    const hoop_kernels *k;
    hoop_dtype          dt;
    hoop_update         u;
} update_case;

static void sgd_plain_run(const void *ctx, int64_t n, void *const *in, void *const *out)
{
    const update_case *c = ctx;
    c->k->sgd[c->dt](n, &c->u, out[0], in[0], NULL);
}

static void sgd_run(const void *ctx, int64_t n, void *const *in, void *const *out)
{
    const update_case *c = ctx;
    c->k->sgd[c->dt](n, &c->u, out[0], in[0], out[1]);
}

/* v is output 3, which place_check starts with what is not negative */
static void adam_run(const void *ctx, int64_t n, void *const *in, void *const *out)
{
    const update_case *c = ctx;
    c->k->adam[c->dt](n, &c->u, out[0], in[0], out[1], out[3], NULL);
}

static const hoop_update updates[] = {
    {.grad_scale = 1, .lr = 0.1},
    {.grad_scale = 0.25, .lr = 0.1, .weight_decay = 0.01},
    {.grad_scale = 0.25, .lr = 0.1, .weight_decay = 0.01, .momentum = 0.9, .first = true},
    {.grad_scale = 0.25, .lr = 0.1, .weight_decay = 0.01, .momentum = 0.9, .dampening = 0.3},
    {.grad_scale = 0.25, .lr = 0.1, .momentum = 0.9, .nesterov = true},
    {.grad_scale = 0.25, .lr = 0.1, .momentum = 0.9, .nesterov = true, .first = true},
};
static const hoop_update adams[] = {
    {.grad_scale = 1, .lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .bias1 = 0.1, .bias2 = 0.001},
    {.grad_scale = 0.5, .lr = 1e-3, .weight_decay = 0.1, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .bias1 = 0.9, .bias2 = 0.7},
    {.grad_scale   = 0.5,
     .lr           = 1e-3,
     .weight_decay = 0.1,
     .beta1        = 0.9,
     .beta2        = 0.99,
     .eps          = 1e-8,
     .bias1        = 0.9,
     .bias2        = 0.7,
     .decoupled    = true},
};

/* torch.optim.SGD, in f64 */
static void sgd_reference(const hoop_update *u, double *w, double g, double *m)
{
    g = g * u->grad_scale + u->weight_decay * *w;
    if (m != NULL) {
        *m = u->first ? g : u->momentum * *m + (1 - u->dampening) * g;
        g  = u->nesterov ? g + u->momentum * *m : *m;
    }
    *w -= u->lr * g;
}

/* torch.optim.Adam and AdamW, in f64 */
static void adam_reference(const hoop_update *u, double *w, double g, double *m, double *v)
{
    g *= u->grad_scale;
    if (u->decoupled)
        *w *= 1 - u->lr * u->weight_decay;
    else
        g += u->weight_decay * *w;
    *m = u->beta1 * *m + (1 - u->beta1) * g;
    *v = u->beta2 * *v + (1 - u->beta2) * g * g;
    *w -= u->lr / u->bias1 * *m / (sqrt(*v) / sqrt(u->bias2) + u->eps);
}

enum { N = 1000 };

static void test_updates(void **state)
{
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int d = 0; d < HOOP_NFLOAT; d++) {
            hoop_dtype dt  = (hoop_dtype)d;
            double     tol = 8 * epsilon(dt), w[N], g[N], m[N], v[N], w0[N], m0[N], v0[N];
            for (size_t c = 0; c < 6 + 3; c++) {
                const hoop_update *u = c < 6 ? &updates[c] : &adams[c - 6];
                for (int i = 0; i < N; i++) {
                    set(dt, w0, i, 2 * uniform((uint64_t)i) - 1);
                    set(dt, g, i, 2 * uniform(N + (uint64_t)i) - 1);
                    set(dt, m0, i, 2 * uniform(2 * N + (uint64_t)i) - 1);
                    set(dt, v0, i, uniform(3 * N + (uint64_t)i));
                }
                memcpy(w, w0, sizeof w);
                memcpy(m, m0, sizeof m);
                memcpy(v, v0, sizeof v);
                if (c < 6)
                    k->sgd[dt](N, u, w, g, c < 2 ? NULL : m);
                else
                    k->adam[dt](N, u, w, g, m, v, NULL);
                for (int i = 0; i < N; i++) {
                    double rw = get(dt, w0, i), rm = get(dt, m0, i), rv = get(dt, v0, i);
                    if (c < 6)
                        sgd_reference(u, &rw, get(dt, g, i), c < 2 ? NULL : &rm);
                    else
                        adam_reference(u, &rw, get(dt, g, i), &rm, &rv);
                    if (!near(dt, get(dt, w, i), rw, 0, tol) || !near(dt, get(dt, m, i), rm, 0, tol) ||
                        !near(dt, get(dt, v, i), rv, 0, tol))
                        fail_msg("%s %s update %zu: w %a m %a v %a, want %a %a %a", k->isa, hoop_dtype_name(dt), c, get(dt, w, i),
                                 get(dt, m, i), get(dt, v, i), rw, rm, rv);
                }
            }
            for (size_t c = 0; c < 6; c++)
                place_check("sgd", dt, 1, c < 2 ? 1 : 2, c < 2 ? sgd_plain_run : sgd_run, &(update_case){k, dt, updates[c]});
            for (size_t c = 0; c < 3; c++) place_check("adam", dt, 1, 4, adam_run, &(update_case){k, dt, adams[c]});
        }
    }
}

/* the mask is hoop_random_f32 of element i, in both dtypes and at any length */
static void test_dropout(void **state)
{
    static const double rates[] = {0, 0.1, 0.5, 0.999, 1};
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int d = 0; d < HOOP_NFLOAT; d++) {
            hoop_dtype dt = (hoop_dtype)d;
            double     x[N], y[N], z[N];
            hoop_key   key  = hoop_key_make(5, HOOP_FOR_OP, 1, 2, 3);
            size_t     from = HOOP_DROPOUT_ALIGN * hoop_dtype_size(dt);
            values_fill(dt, x, N, 3);
            for (int p = 0; p < 5; p++) {
                for (int64_t n = 0; n <= N; n += n < 300 ? 1 : 100) {
                    int kept = 0;
                    memset(y, 0x55, sizeof y);
                    memcpy(z, y, sizeof z);
                    k->dropout[dt](0, n, x, rates[p], 1.25, key, y, false);
                    for (int64_t i = 0; i < n; i++) {
                        bool keep = (double)hoop_random_f32(key, (uint64_t)i) >= rates[p];
                        kept += keep;
                        set(dt, z, i,
                            keep ? (dt == HOOP_F32 ? (double)((float)get(dt, x, i) * 1.25f) : get(dt, x, i) * 1.25) : 0);
                    }
                    for (int64_t i = 0; i < N; i++) assert_true(same(dt, y, i, z, i));
                    if (n == N && (p == 0 || p == 4)) assert_int_equal(kept, p == 0 ? N : 0);
                    if (n == N && p == 2) assert_in_range(kept, 430, 570);
                    k->dropout[dt](0, n, x, rates[p], 1.25, key, z, true);
                    for (int64_t i = 0; i < n; i++) assert_true(get(dt, z, i) == 2 * get(dt, y, i));
                    if (n <= HOOP_DROPOUT_ALIGN) continue;
                    memcpy(z, y, sizeof z); /* elements from a place in the middle on */
                    memset((char *)z + from, 0x55, (size_t)n * hoop_dtype_size(dt) - from);
                    k->dropout[dt](HOOP_DROPOUT_ALIGN, n - HOOP_DROPOUT_ALIGN, (char *)x + from, rates[p], 1.25, key,
                                   (char *)z + from, false);
                    for (int64_t i = 0; i < N; i++) assert_true(same(dt, z, i, y, i));
                }
            }
        }
    }
}

static void test_copy(void **state)
{
    static const int64_t strides[] = {1, 0, 2, 5, -1};
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int d = 0; d < HOOP_DTYPE_COUNT; d++) {
            size_t size = hoop_dtype_size((hoop_dtype)d);
            char   x[130 * 5 * 8], y[130 * 5 * 8], z[130 * 5 * 8];
            for (size_t i = 0; i < sizeof x; i++) x[i] = (char)(i * 37 + i / 256);
            for (int s = 0; s < 5; s++) {
                for (int t = 0; t < 5; t++) {
                    if (strides[t] == 0) continue; /* many into one is no copy */
                    for (int64_t n = 0; n <= 130; n += 1 + n / 10) {
                        size_t xat = strides[s] < 0 && n > 0 ? (size_t)(n - 1) * size : 0,
                               yat = strides[t] < 0 && n > 0 ? (size_t)(n - 1) * size : 0;
                        memset(y, 0x11, sizeof y);
                        memset(z, 0x11, sizeof z);
                        k->copy[d](n, x + xat, strides[s], y + yat, strides[t]);
                        for (int64_t i = 0; i < n; i++)
                            memcpy(z + yat + (size_t)(i * strides[t]) * size, x + xat + (size_t)(i * strides[s]) * size, size);
                        assert_memory_equal(y, z, sizeof y);
                    }
                }
            }
        }
    }
}

static void test_cast(void **state)
{
    static const double  f[]     = {0,
                                    -0.0,
                                    0.9,
                                    -0.9,
                                    1.5,
                                    -1.5,
                                    255.9,
                                    256,
                                    300,
                                    -3,
                                    2147483647.0,
                                    2147483648.0,
                                    -2147483649.0,
                                    1e19,
                                    -1e19,
                                    1e300,
                                    -1e300,
                                    0x1p-140,
                                    (double)INFINITY,
                                    -(double)INFINITY,
                                    (double)NAN,
                                    16777217,
                                    9007199254740993.0};
    static const int64_t whole[] = {
        0, 1, -1, 255, 256, -129, INT32_MAX, INT32_MIN, (int64_t)1 << 40, INT64_MAX, INT64_MIN, 16777217, ((int64_t)1 << 53) + 1};
    enum { NF = sizeof f / sizeof f[0], NI = sizeof whole / sizeof whole[0], LONG = 100 };
    (void)state;
    FOR_EACH_TABLE(k)
    {
        double  x64[LONG], y64[LONG];
        float   x32[LONG], y32[LONG];
        int64_t i64[LONG], j64[LONG];
        int32_t i32[LONG], j32[LONG];
        uint8_t u8[LONG], v8[LONG];
        for (int i = 0; i < LONG; i++) {
            x64[i] = f[i % NF];
            x32[i] = (float)f[i % NF];
            i64[i] = whole[i % NI];
            i32[i] = (int32_t)whole[i % NI];
            u8[i]  = (uint8_t)whole[i % NI];
        }
#define SATURATE(x, low, high, least, most, T)                                                                                   \
    (isnan(x) ? (T)0 : (double)(x) <= (low) ? (least) : (double)(x) >= (high) ? (most) : (T)(x))
#define FROM_FLOAT(from, FROM, x)                                                                                                \
    k->cast[FROM][HOOP_I64](LONG, x, j64);                                                                                       \
    k->cast[FROM][HOOP_I32](LONG, x, j32);                                                                                       \
    k->cast[FROM][HOOP_U8](LONG, x, v8);                                                                                         \
    for (int i = 0; i < LONG; i++) {                                                                                             \
        assert_true(j64[i] == SATURATE(x[i], -0x1p63, 0x1p63, INT64_MIN, INT64_MAX, int64_t));                                   \
        assert_true(j32[i] == SATURATE(x[i], -0x1p31, 0x1p31, INT32_MIN, INT32_MAX, int32_t));                                   \
        assert_true(v8[i] == SATURATE(x[i], 0, 0x1p8, 0, UINT8_MAX, uint8_t));                                                   \
    }
        FROM_FLOAT(f32, HOOP_F32, x32)
        FROM_FLOAT(f64, HOOP_F64, x64)
        k->cast[HOOP_F32][HOOP_F64](LONG, x32, y64);
        k->cast[HOOP_F64][HOOP_F32](LONG, x64, y32);
        for (int i = 0; i < LONG; i++) {
            double wide   = (double)x32[i];
            float  narrow = (float)x64[i];
            assert_true(same(HOOP_F64, y64, i, &wide, 0));
            assert_true(same(HOOP_F32, y32, i, &narrow, 0));
        }
#define FROM_INT(FROM, x)                                                                                                        \
    k->cast[FROM][HOOP_F32](LONG, x, y32);                                                                                       \
    k->cast[FROM][HOOP_F64](LONG, x, y64);                                                                                       \
    k->cast[FROM][HOOP_I64](LONG, x, j64);                                                                                       \
    k->cast[FROM][HOOP_I32](LONG, x, j32);                                                                                       \
    k->cast[FROM][HOOP_U8](LONG, x, v8);                                                                                         \
    for (int i = 0; i < LONG; i++)                                                                                               \
        assert_true(y32[i] == (float)x[i] && y64[i] == (double)x[i] && j64[i] == (int64_t)x[i] && j32[i] == (int32_t)x[i] &&     \
                    v8[i] == (uint8_t)x[i]);
        FROM_INT(HOOP_I64, i64)
        FROM_INT(HOOP_I32, i32)
        FROM_INT(HOOP_U8, u8)
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_updates), cmocka_unit_test(test_dropout),
                                       cmocka_unit_test(test_copy), cmocka_unit_test(test_cast)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
