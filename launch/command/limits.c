#include "command/limits.h"

#include "base/clock.h"
#include "hoop/ops.h"

#include <stdlib.h>
#include <string.h>

/* Twelve independent chains of fma on vectors as wide as the instruction set's: enough for its latency, few enough for sixteen
 * registers; the loop touches no memory. */
enum { CHAINS = 12 };
#define FMA_LOOP(name, bytes, attributes)                                                                                        \
    attributes static float name(int64_t rounds)                                                                                 \
    {                                                                                                                            \
        typedef float vector __attribute__((vector_size(bytes)));                                                                \
        enum { LANES = (bytes) / 4 };                                                                                            \
        vector acc[CHAINS], a = {0}, b = {0};                                                                                    \
        float  sum = 0.0F;                                                                                                       \
        for (int i = 0; i < LANES; i++) a[i] = 0.999F, b[i] = 0.001F;                                                            \
        for (int c = 0; c < CHAINS; c++) acc[c] = a * (float)c;                                                                  \
        for (int64_t r = 0; r < rounds; r++) {                                                                                   \
            _Pragma("GCC unroll 12") for (int c = 0; c < CHAINS; c++)                                                            \
            {                                                                                                                    \
                FMA_ONE(acc[c], a, b, LANES)                                                                                     \
            }                                                                                                                    \
        }                                                                                                                        \
        for (int c = 0; c < CHAINS; c++) {                                                                                       \
            for (int i = 0; i < LANES; i++) sum += acc[c][i];                                                                    \
        }                                                                                                                        \
        return sum;                                                                                                              \
    }

#if defined(__x86_64__)
#include <immintrin.h>
#define FMA_ONE(x, a, b, lanes) x = (__typeof__(x))_mm512_fmadd_ps((__m512)(x), (__m512)(a), (__m512)(b));
FMA_LOOP(fma_avx512, 64, __attribute__((target("avx512f"))))
#undef FMA_ONE
#define FMA_ONE(x, a, b, lanes) x = (__typeof__(x))_mm256_fmadd_ps((__m256)(x), (__m256)(a), (__m256)(b));
FMA_LOOP(fma_avx2, 32, __attribute__((target("avx2,fma"))))
#undef FMA_ONE
#endif
#define FMA_ONE(x, a, b, lanes) x = x * a + b;
FMA_LOOP(fma_baseline, 16, )

static double fma_rate(const hoop_runtime *rt)
{
    const char    *isa  = hoop_runtime_build(rt);
    double         best = 0.0;
    volatile float sink = 0.0F;
    enum { ROUNDS = 2000000 };
    for (int i = 0; i < 5; i++) {
        double start = hoop__now_s(), lanes = 4.0;
#if defined(__x86_64__)
        if (strstr(isa, "avx512") != NULL) {
            sink += fma_avx512(ROUNDS);
            lanes = 16.0;
        } else if (strstr(isa, "avx2") != NULL) {
            sink += fma_avx2(ROUNDS);
            lanes = 8.0;
        } else
#endif
            sink += fma_baseline(ROUNDS);
        double rate = 2.0 * CHAINS * lanes * ROUNDS / (hoop__now_s() - start) * 1e-9;
        best        = rate > best ? rate : best;
    }
    (void)isa, (void)sink;
    return best;
}

static hoop_status gemm_rate(hoop_error *err, double *out)
{
    enum { N = 1024 };
    hoop_runtime_opts alone  = {.threads = 1, .blas = true};
    hoop_runtime     *single = NULL;
    hoop_tape        *t      = NULL;
    hoop_tensor      *a = NULL, *b = NULL;
    hoop_status       st;
    *out = 0.0;
    HOOP_TRY(st, done, hoop_runtime_create(&alone, err, &single));
    HOOP_TRY(st, done, hoop_tape_create(single, err, &t));
    HOOP_TRY(st, done, hoop_tensor_create(HOOP_F32, 2, (int64_t[]){N, N}, err, &a));
    HOOP_TRY(st, done, hoop_tensor_create(HOOP_F32, 2, (int64_t[]){N, N}, err, &b));
    for (int i = 0; i < N * N; i++)
        ((float *)hoop_tensor_data(a))[i] = ((float *)hoop_tensor_data(b))[i] = 1.0F / (float)(1 + i % 97);
    (void)hoop_tape_set_grad(t, false);
    for (int i = 0; i < 5; i++) {
        double start = hoop__now_s(), rate;
        (void)hoop_matmul(t, a, b);
        rate = 2.0 * N * N * N / (hoop__now_s() - start) * 1e-9;
        *out = rate > *out ? rate : *out;
        HOOP_TRY(st, done, hoop_tape_reset(t, NULL, err));
    }
done:
    hoop_tensor_destroy(&a);
    hoop_tensor_destroy(&b);
    hoop_tape_destroy(&t);
    hoop_runtime_destroy(&single);
    return st;
}

static hoop_status memcpy_rate(hoop_error *err, double *out)
{
    size_t bytes = (size_t)64 << 20;
    char  *a = malloc(bytes), *b = malloc(bytes);
    *out = 0.0;
    if (a == NULL || b == NULL) {
        free(a);
        free(b);
        return hoop_fail(err, HOOP_ENOMEM, "no memory to measure memcpy");
    }
    memset(a, 1, bytes);
    memset(b, 2, bytes);
    for (int i = 0; i < 5; i++) {
        double start = hoop__now_s(), rate;
        memcpy(b, a, bytes);
        rate = (double)bytes / (hoop__now_s() - start) * 1e-9;
        *out = rate > *out ? rate : *out;
        a[i] = b[i + 1]; /* keeps the copy */
    }
    free(a);
    free(b);
    return HOOP_OK;
}

hoop_status limits_measure(hoop_runtime *rt, hoop_error *err, machine_limits *out)
{
    hoop_status st;
    out->fma_gflops = fma_rate(rt);
    HOOP_TRY(st, done, gemm_rate(err, &out->gemm_gflops));
    HOOP_TRY(st, done, memcpy_rate(err, &out->memcpy_gb_s));
done:
    return st;
}
