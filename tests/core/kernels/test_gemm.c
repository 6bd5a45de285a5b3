/* Matrix products: the bits that gemm.h promises, for every shape, orientation, stride and cut; nothing written outside. */
#include "kernels_test.h"

/* gemm.h's words as code */
static float element(const hoop_gemm *g, int64_t i, int64_t j, float old)
{
    const float *a = g->a, *b = g->b, *bias = g->bias;
    float        c    = old;
    bool         have = g->add;
    for (int64_t start = 0; start < g->k; start += HOOP_GEMM_BLOCK) {
        float s = 0;
        for (int64_t l = start; l < g->k && l < start + HOOP_GEMM_BLOCK; l++) {
            float x = g->ta ? a[l * g->lda + i] : a[i * g->lda + l], y = g->tb ? b[j * g->ldb + l] : b[l * g->ldb + j];
            s = fmaf(x, y, s);
        }
        c    = have ? c + s : s;
        have = true;
    }
    if (!have) c = 0;
    return bias == NULL ? c : c + bias[j];
}

static uint64_t draws;

static void fill(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) x[i] = 2 * hoop_random_f32(test_key, draws++) - 1;
}

static int64_t draw(int64_t below)
{
    return (int64_t)(uniform(draws++) * (double)below);
}

static void *floats(int64_t n)
{
    void *x = aligned_alloc(64, (size_t)(n * 4 + 64) / 64 * 64);
    assert_non_null(x);
    return x;
}

/* One product with random strides and offsets, checked in full or (large) at some elements. */
static void check(const hoop_kernels *k, hoop_gemm g, int checks)
{
    enum { GUARD = 37 };
    int64_t pad   = draw(3) == 0 ? 0 : draw(20), work_bytes;
    int64_t arows = g.ta ? g.k : g.m, acols = g.ta ? g.m : g.k, brows = g.tb ? g.n : g.k, bcols = g.tb ? g.k : g.n;
    float  *a, *b, *c, *before, *bias = floats(g.n + 1);
    char   *work;
    g.lda  = acols + pad;
    g.ldb  = bcols + (draw(3) == 0 ? 0 : draw(20));
    g.ldc  = g.n + (draw(3) == 0 ? 0 : draw(20));
    a      = floats(arows * g.lda + 1);
    b      = floats(brows * g.ldb + 1);
    c      = floats(g.m * g.ldc + 2 * GUARD);
    before = floats(g.m * g.ldc + 2 * GUARD);
    fill(a, arows * g.lda + 1);
    fill(b, brows * g.ldb + 1);
    fill(c, g.m * g.ldc + 2 * GUARD);
    fill(bias, g.n + 1);
    memcpy(before, c, (size_t)(g.m * g.ldc + 2 * GUARD) * 4);
    g.a        = a + draw(2);
    g.b        = b + draw(2);
    g.c        = c + GUARD;
    g.bias     = !g.add && draw(2) ? bias : NULL;
    work_bytes = hoop_gemm_work_bytes(&g);
    work       = aligned_alloc(64, (size_t)work_bytes + 64);
    memset(work, 0x7f, (size_t)work_bytes + 64); /* NaN: what is not packed must not be used */
    k->gemm[HOOP_F32](&g, work);
    for (int64_t i = 0; i < 64; i++) assert_int_equal(work[work_bytes + i], 0x7f);
    for (int64_t i = 0; i < g.m * g.ldc + 2 * GUARD; i++) {
        int64_t at = i - GUARD, row = at / g.ldc, col = at % g.ldc;
        float   want = before[i];
        if (at >= 0 && row < g.m && col < g.n) {
            if (checks > 0 && draw(g.m * g.n) >= checks) continue;
            want = element(&g, row, col, before[i]);
        }
        if (!same(HOOP_F32, c, i, &want, 0))
            fail_msg("%s %c%c %dx%dx%d ld %d %d %d add %d bias %d: element (%d, %d) is %a, want %a", k->isa, g.ta ? 'T' : 'N',
                     g.tb ? 'T' : 'N', (int)g.m, (int)g.n, (int)g.k, (int)g.lda, (int)g.ldb, (int)g.ldc, g.add, g.bias != NULL,
                     (int)row, (int)col, (double)c[i], (double)want);
    }
    free(a);
    free(b);
    free(c);
    free(before);
    free(bias);
    free(work);
}

static void test_small(void **state)
{
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int64_t m = 1; m <= 40; m += 1 + m / 12)
            for (int64_t n = 1; n <= 70; n += 1 + n / 9)
                for (int64_t depth = 0; depth <= 40; depth += 1 + depth / 3)
                    for (int t = 0; t < 4; t++)
                        check(k, (hoop_gemm){.ta = t & 1, .tb = t & 2, .m = m, .n = n, .k = depth, .add = draw(2)}, 0);
    }
}

/* those of training, around the sizes where blocks, packing and orientation change */
static void test_large(void **state)
{
    static const int64_t shapes[][3] = {{64, 512, 784},  {64, 10, 256},   {512, 784, 64}, {64, 784, 512},  {32, 8, 64},
                                        {8, 32, 64},     {1, 1024, 1024}, {300, 1, 700},  {3, 200, 255},   {256, 128, 256},
                                        {200, 130, 257}, {128, 300, 511}, {65, 96, 1023}, {70, 100, 1024}, {257, 130, 1025},
                                        {40, 33, 2100},  {129, 400, 600}, {1025, 17, 40}};
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
            for (int t = 0; t < 8; t++)
                check(
                    k,
                    (hoop_gemm){.ta = t & 1, .tb = t & 2, .add = t & 4, .m = shapes[s][0], .n = shapes[s][1], .k = shapes[s][2]},
                    300);
    }
}

/* rows a page apart, whose packing differs: no padding here */
static void test_pages(void **state)
{
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int t = 0; t < 4; t++) {
            hoop_gemm g = {.ta = t & 1, .tb = t & 2, .m = 100, .n = 200, .k = 1024, .lda = 1024, .ldb = 1024, .ldc = 200};
            float    *a = floats(1024 * 1024), *b = floats(1024 * 1024), *c = floats(100 * 200);
            void     *work = aligned_alloc(64, (size_t)hoop_gemm_work_bytes(&g));
            fill(a, 1024 * 1024);
            fill(b, 1024 * 1024);
            g.a = a;
            g.b = b;
            g.c = c;
            k->gemm[HOOP_F32](&g, work);
            for (int i = 0; i < 300; i++) {
                int64_t row = draw(100), col = draw(200);
                float   want = element(&g, row, col, 0);
                assert_true(same(HOOP_F32, c, row * 200 + col, &want, 0));
            }
            free(a);
            free(b);
            free(c);
            free(work);
        }
    }
}

/* Cut along m and n anyhow, along k at blocks: the same bits. */
static void test_cuts(void **state)
{
    enum { M = 70, N = 150, K = 700 };
    float *a = floats(M * K), *b = floats(N * K), *whole = floats(M * N), *parts = floats(M * N);
    void  *work = aligned_alloc(64, 4 << 20);
    (void)state;
    fill(a, M * K);
    fill(b, N * K);
    FOR_EACH_TABLE(k)
    {
        for (int t = 0; t < 4; t++) {
            hoop_gemm g = {.ta  = t & 1,
                           .tb  = t & 2,
                           .m   = M,
                           .n   = N,
                           .k   = K,
                           .a   = a,
                           .lda = t & 1 ? M : K,
                           .b   = b,
                           .ldb = t & 2 ? K : N,
                           .c   = whole,
                           .ldc = N};
            k->gemm[HOOP_F32](&g, work);
            for (int round = 0; round < 10; round++) {
                int64_t m0 = draw(M + 1), n0 = draw(N + 1), k0 = HOOP_GEMM_BLOCK * draw(3);
                memset(parts, 0x7f, M * N * 4);
                for (int part = 0; part < 8; part++) {
                    hoop_gemm p  = g;
                    int64_t   i0 = part & 1 ? m0 : 0, j0 = part & 2 ? n0 : 0, l0 = part & 4 ? k0 : 0;
                    p.m   = part & 1 ? M - m0 : m0;
                    p.n   = part & 2 ? N - n0 : n0;
                    p.k   = part & 4 ? K - k0 : k0;
                    p.a   = a + (p.ta ? l0 * p.lda + i0 : i0 * p.lda + l0);
                    p.b   = b + (p.tb ? j0 * p.ldb + l0 : l0 * p.ldb + j0);
                    p.c   = parts + i0 * N + j0;
                    p.add = (part & 4) && k0 > 0;
                    if (p.k == 0) continue;
                    k->gemm[HOOP_F32](&p, work);
                }
                assert_memory_equal(parts, whole, M * N * 4);
            }
        }
    }
    free(a);
    free(b);
    free(whole);
    free(parts);
    free(work);
}

/* NaN and infinity reach what they should and nothing else */
static void test_special(void **state)
{
    enum { M = 30, N = 40, K = 20 };
    static float a[M * K], b[K * N], c[M * N], work[1 << 16] __attribute__((aligned(64)));
    (void)state;
    FOR_EACH_TABLE(k)
    {
        hoop_gemm g = {.m = M, .n = N, .k = K, .a = a, .lda = K, .b = b, .ldb = N, .c = c, .ldc = N};
        fill(a, M * K);
        fill(b, K * N);
        a[7 * K + 3]  = NAN;
        b[11 * N + 5] = INFINITY;
        memset(c, 0x7f, sizeof c); /* overwritten, not added to */
        assert_true(hoop_gemm_work_bytes(&g) <= (int64_t)sizeof work);
        k->gemm[HOOP_F32](&g, work);
        for (int i = 0; i < M; i++)
            for (int j = 0; j < N; j++)
                assert_true((isnan(c[i * N + j]) != 0) == (i == 7) && (isinf(c[i * N + j]) != 0) == (i != 7 && j == 5));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_small), cmocka_unit_test(test_large), cmocka_unit_test(test_pages),
                                       cmocka_unit_test(test_cuts), cmocka_unit_test(test_special)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
