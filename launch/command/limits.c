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
#if defined(__aarch64__)
#include <arm_neon.h>
#define FMA_ONE(x, a, b, lanes) x = (__typeof__(x))vfmaq_f32((float32x4_t)(b), (float32x4_t)(x), (float32x4_t)(a));
#else
#define FMA_ONE(x, a, b, lanes) x = x * a + b;
#endif
FMA_LOOP(fma_baseline, 16, )

typedef struct fma {
    float (*loop)(int64_t rounds);
    double lanes;
} fma;

static fma fma_of(const hoop_runtime *rt)
{
#if defined(__x86_64__)
    const char *isa = hoop_runtime_build(rt);
    if (strstr(isa, "avx512") != NULL) return (fma){fma_avx512, 16.0};
    if (strstr(isa, "avx2") != NULL) return (fma){fma_avx2, 8.0};
#endif
    (void)rt;
    return (fma){fma_baseline, 4.0};
}

enum { FMA_ROUNDS = 2000000 };

static void fma_task(void *ctx, int64_t i)
{
    const fma     *f    = ctx;
    volatile float sink = f->loop(FMA_ROUNDS);
    (void)sink, (void)i;
}

/* on so many threads at once; rt NULL: on this one alone */
static double fma_rate(const hoop_runtime *rt, fma f, int threads)
{
    double best = 0.0;
    for (int i = 0; i < 5; i++) {
        double start = hoop__now_s(), rate;
        hoop_runtime_run(rt, threads, fma_task, &f);
        rate = 2.0 * CHAINS * f.lanes * FMA_ROUNDS * threads / (hoop__now_s() - start) * 1e-9;
        best = rate > best ? rate : best;
    }
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

typedef struct copy {
    char  *to, *from;
    size_t bytes; /* of each task */
    int    times;
} copy;

static void copy_task(void *ctx, int64_t i)
{
    const copy  *c  = ctx;
    const size_t at = (size_t)i * c->bytes;
    for (int k = 0; k < c->times; k++) {
        memcpy(c->to + at, c->from + at, c->bytes);
        __asm__ volatile("" : : "r"(c->to + at) : "memory"); /* keeps the copy */
    }
}

/* the best of five: `bytes` copied by so many tasks, each over and over, some MiB in all */
static double copy_rate(const hoop_runtime *rt, char *to, char *from, size_t bytes, int tasks)
{
    const size_t most = (size_t)4 << 20;
    copy         c    = {to, from, bytes / (size_t)tasks, bytes < most ? (int)(most / bytes) : 1};
    double       best = 0.0;
    for (int i = 0; i < 5; i++) {
        double start = hoop__now_s(), rate;
        hoop_runtime_run(rt, tasks, copy_task, &c);
        rate = (double)c.bytes * tasks * c.times / (hoop__now_s() - start) * 1e-9;
        best = rate > best ? rate : best;
    }
    return best;
}

static hoop_status copy_buffers(hoop_error *err, char **a, char **b)
{
    size_t bytes = (size_t)64 << 20;
    *a           = malloc(bytes);
    *b           = malloc(bytes);
    if (*a == NULL || *b == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory to measure memcpy");
    memset(*a, 1, bytes);
    memset(*b, 2, bytes);
    return HOOP_OK;
}

hoop_status limits_measure(hoop_runtime *rt, hoop_error *err, machine_limits *out)
{
    char       *a, *b;
    hoop_status st;
    out->fma_gflops = fma_rate(NULL, fma_of(rt), 1);
    HOOP_TRY(st, done, gemm_rate(err, &out->gemm_gflops));
    st = copy_buffers(err, &a, &b);
    if (st == HOOP_OK) out->memcpy_gb_s = copy_rate(NULL, b, a, (size_t)64 << 20, 1);
    free(a);
    free(b);
done:
    return st;
}

hoop_status limits_measure_rank(hoop_runtime *rt, hoop_error *err, rank_limits *out)
{
    const int   threads = hoop_runtime_threads(rt);
    size_t      bytes   = LIMITS_COPY_FIRST;
    char       *a, *b;
    hoop_status st  = copy_buffers(err, &a, &b);
    out->fma_gflops = fma_rate(rt, fma_of(rt), threads);
    for (int i = 0; i < LIMITS_COPIES && st == HOOP_OK; i++, bytes *= LIMITS_COPY_FACTOR) {
        double alone = copy_rate(NULL, b, a, bytes, 1), all = threads > 1 ? copy_rate(rt, b, a, bytes, threads) : alone;
        out->copy_gb_s[i] = all > alone ? all : alone;
    }
    free(a);
    free(b);
    return st;
}

double limits_move(const rank_limits *l, double bytes)
{
    double at = (double)LIMITS_COPY_FIRST;
    int    i  = 0;
    bytes /= 2.0; /* of a copy */
    while (i < LIMITS_COPIES - 1 && bytes > at * LIMITS_COPY_FACTOR) {
        at *= LIMITS_COPY_FACTOR;
        i++;
    }
    if (i == LIMITS_COPIES - 1 || bytes <= at) return 2.0 * l->copy_gb_s[i];
    at = (bytes / at - 1.0) / (LIMITS_COPY_FACTOR - 1.0); /* how far to the next */
    return 2.0 * ((1.0 - at) * l->copy_gb_s[i] + at * l->copy_gb_s[i + 1]);
}
