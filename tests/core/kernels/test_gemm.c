/* Matrix products: the bits that gemm.h promises, for every shape, orientation, stride and cut; nothing written outside. */
#include "kernels_test.h"

#include <sys/mman.h>

static double fused(hoop_dtype dt, double x, double y, double z)
{
    return dt == HOOP_F32 ? (double)fmaf((float)x, (float)y, (float)z) : fma(x, y, z);
}

static double plus(hoop_dtype dt, double x, double y)
{
    return dt == HOOP_F32 ? (double)((float)x + (float)y) : x + y;
}

/* gemm.h's words as code */
static double element(hoop_dtype dt, const hoop_gemm *g, int64_t i, int64_t j, double old)
{
    double c    = old;
    bool   have = g->add;
    for (int64_t start = 0; start < g->k; start += HOOP_GEMM_BLOCK) {
        double s = 0;
        for (int64_t l = start; l < g->k && l < start + HOOP_GEMM_BLOCK; l++)
            s = fused(dt, get(dt, g->a, g->ta ? l * g->lda + i : i * g->lda + l),
                      get(dt, g->b, g->tb ? j * g->ldb + l : l * g->ldb + j), s);
        c    = have ? plus(dt, c, s) : s;
        have = true;
    }
    if (!have) c = 0;
    return g->bias == NULL ? c : plus(dt, c, get(dt, g->bias, j));
}

static uint64_t draws;

/* Numbers between -1 and 1 with all bits of a double: Steele et al., OOPSLA 2014 (splitmix64). Many are wanted, and these cost
 * little. */
static void fill(hoop_dtype dt, void *x, int64_t n)
{
    static uint64_t state;
    for (int64_t i = 0; i < n; i++) {
        uint64_t z = state += 0x9e3779b97f4a7c15U;
        z          = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
        z          = (z ^ z >> 27) * 0x94d049bb133111ebU;
        set(dt, x, i, (double)(int64_t)(z ^ z >> 31) * 0x1p-63);
    }
}

static int64_t draw(int64_t below)
{
    return (int64_t)(uniform(draws++) * (double)below);
}

static void *array(hoop_dtype dt, int64_t n)
{
    void *x = aligned_alloc(64, ((size_t)n * hoop_dtype_size(dt) + 64) / 64 * 64);
    assert_non_null(x);
    return x;
}

static void *at(hoop_dtype dt, void *x, int64_t i)
{
    return (char *)x + i * (int64_t)hoop_dtype_size(dt);
}

/* One product with random strides and offsets, checked in full or (large) at some elements. */
static void check(const hoop_kernels *k, hoop_dtype dt, hoop_gemm g, int checks)
{
    enum { GUARD = 37 };
    int64_t pad   = draw(3) == 0 ? 0 : draw(20), work_bytes;
    int64_t arows = g.ta ? g.k : g.m, acols = g.ta ? g.m : g.k, brows = g.tb ? g.n : g.k, bcols = g.tb ? g.k : g.n;
    void   *a, *b, *c, *before, *bias = array(dt, g.n + 1);
    char   *work;
    g.lda  = acols + pad;
    g.ldb  = bcols + (draw(3) == 0 ? 0 : draw(20));
    g.ldc  = g.n + (draw(3) == 0 ? 0 : draw(20));
    a      = array(dt, arows * g.lda + 1);
    b      = array(dt, brows * g.ldb + 1);
    c      = array(dt, g.m * g.ldc + 2 * GUARD);
    before = array(dt, g.m * g.ldc + 2 * GUARD);
    fill(dt, a, arows * g.lda + 1);
    fill(dt, b, brows * g.ldb + 1);
    fill(dt, c, g.m * g.ldc + 2 * GUARD);
    fill(dt, bias, g.n + 1);
    memcpy(before, c, (size_t)(g.m * g.ldc + 2 * GUARD) * hoop_dtype_size(dt));
    g.a        = at(dt, a, draw(2));
    g.b        = at(dt, b, draw(2));
    g.c        = at(dt, c, GUARD);
    g.bias     = !g.add && draw(2) ? bias : NULL;
    work_bytes = hoop_gemm_work_bytes(&g);
    work       = aligned_alloc(64, (size_t)work_bytes + 64);
    memset(work, 0x7f, (size_t)work_bytes + 64); /* NaN: what is not packed must not be used */
    k->gemm[dt](&g, work);
    for (int64_t i = 0; i < 64; i++) assert_int_equal(work[work_bytes + i], 0x7f);
    for (int64_t i = 0; i < g.m * g.ldc + 2 * GUARD; i++) {
        int64_t at = i - GUARD, row = at / g.ldc, col = at % g.ldc;
        double  want[1];
        set(dt, want, 0, get(dt, before, i));
        if (at >= 0 && row < g.m && col < g.n) {
            if (checks > 0 && draw(g.m * g.n) >= checks) continue;
            set(dt, want, 0, element(dt, &g, row, col, get(dt, before, i)));
        }
        if (!same(dt, c, i, want, 0))
            fail_msg("%s %s %c%c %dx%dx%d ld %d %d %d add %d bias %d: element (%d, %d) is %a, want %a", k->isa,
                     hoop_dtype_name(dt), g.ta ? 'T' : 'N', g.tb ? 'T' : 'N', (int)g.m, (int)g.n, (int)g.k, (int)g.lda,
                     (int)g.ldb, (int)g.ldc, g.add, g.bias != NULL, (int)row, (int)col, get(dt, c, i), get(dt, want, 0));
    }
    free(a);
    free(b);
    free(c);
    free(before);
    free(bias);
    free(work);
}

/* one in ten of f64, whose emulated fma takes its time */
static bool skipped(hoop_dtype dt)
{
    return dt == HOOP_F64 && draw(10) != 0;
}

static void test_small(void **state)
{
    (void)state;
    FOR_EACH_TABLE(k)
    for (hoop_dtype dt = HOOP_F32; dt <= HOOP_F64; dt++) {
        for (int64_t m = 1; m <= 40; m += 1 + m / 12)
            for (int64_t n = 1; n <= 70; n += 1 + n / 9)
                for (int64_t depth = 0; depth <= 40; depth += 1 + depth / 3)
                    for (int t = 0; t < 4; t++)
                        if (!skipped(dt))
                            check(k, dt, (hoop_gemm){.ta = t & 1, .tb = t & 2, .m = m, .n = n, .k = depth, .add = draw(2)}, 0);
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
    for (hoop_dtype dt = HOOP_F32; dt <= HOOP_F64; dt++) {
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
            for (int t = 0; t < 8; t++) {
                hoop_gemm g = {.ta = t & 1, .tb = t & 2, .add = t & 4, .m = shapes[s][0], .n = shapes[s][1], .k = shapes[s][2]};
                if (!skipped(dt)) check(k, dt, g, 300);
            }
    }
}

/* rows a page apart, whose packing differs: no padding here */
static void test_pages(void **state)
{
    (void)state;
    FOR_EACH_TABLE(k)
    for (hoop_dtype dt = HOOP_F32; dt <= HOOP_F64; dt++) {
        for (int t = 0; t < 4; t++) {
            hoop_gemm g = {.ta  = t & 1,
                           .tb  = t & 2,
                           .m   = dt == HOOP_F32 ? 100 : 17,
                           .n   = 200,
                           .k   = 1024,
                           .lda = 1024,
                           .ldb = 1024,
                           .ldc = 200};
            void     *a = array(dt, 1024 * 1024), *b = array(dt, 1024 * 1024), *c = array(dt, 100 * 200);
            void     *work = aligned_alloc(64, (size_t)hoop_gemm_work_bytes(&g));
            fill(dt, a, 1024 * 1024);
            fill(dt, b, 1024 * 1024);
            g.a = a;
            g.b = b;
            g.c = c;
            k->gemm[dt](&g, work);
            for (int i = 0; i < 300; i++) {
                int64_t row = draw(g.m), col = draw(200);
                double  want[1];
                set(dt, want, 0, element(dt, &g, row, col, 0));
                assert_true(same(dt, c, row * 200 + col, want, 0));
            }
            free(a);
            free(b);
            free(c);
            free(work);
        }
    }
}

/* n elements before a page that nobody may touch, or, `behind`, right behind one: masked loads are seen by no sanitizer */
static void *at_the_edge(hoop_dtype dt, int64_t n, bool behind, void **pages, size_t *bytes)
{
    enum { PAGE = 4096 };
    const size_t size = (size_t)n * hoop_dtype_size(dt), room = (size + PAGE - 1) / PAGE * PAGE;
    *bytes = room + 2 * PAGE;
    *pages = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(*pages != MAP_FAILED);
    assert_int_equal(mprotect(*pages, PAGE, PROT_NONE), 0);
    assert_int_equal(mprotect((char *)*pages + PAGE + room, PAGE, PROT_NONE), 0);
    return (char *)*pages + PAGE + (behind ? 0 : room - size);
}

static void test_edges(void **state)
{
    (void)state;
    FOR_EACH_TABLE(k)
    for (hoop_dtype dt = HOOP_F32; dt <= HOOP_F64; dt++) {
        for (int64_t m = 1; m <= 24; m++) {
            for (int t = 0; t < 8; t++) {
                const int64_t n = t & 4 ? 133 : 9 + m, depth = 300;
                hoop_gemm     g = {.ta = t & 1, .tb = t & 2, .m = m, .n = n, .k = depth, .ldc = n};
                void         *pages[3], *a, *b, *c, *work;
                size_t        bytes[3];
                double        want[1];
                g.lda = g.ta ? m : depth;
                g.ldb = g.tb ? depth : n;
                g.a = a = at_the_edge(dt, m * depth, m % 3 == 0, &pages[0], &bytes[0]);
                g.b = b = at_the_edge(dt, n * depth, m % 3 == 1, &pages[1], &bytes[1]);
                g.c = c = at_the_edge(dt, m * n, m % 3 == 2, &pages[2], &bytes[2]);
                if (strcmp(k->isa, "baseline") == 0 && m % 5 != 2) { /* whose emulated fma takes its time */
                    for (int i = 0; i < 3; i++) assert_int_equal(munmap(pages[i], bytes[i]), 0);
                    continue;
                }
                work = aligned_alloc(64, (size_t)hoop_gemm_work_bytes(&g) + 64);
                fill(dt, a, m * depth);
                fill(dt, b, n * depth);
                k->gemm[dt](&g, work);
                set(dt, want, 0, element(dt, &g, m - 1, n - 1, 0));
                assert_true(same(dt, c, m * n - 1, want, 0));
                free(work);
                for (int i = 0; i < 3; i++) assert_int_equal(munmap(pages[i], bytes[i]), 0);
            }
        }
    }
}

/* Cut along m and n anyhow, along k at blocks: the same bits. */
static void test_cuts(void **state)
{
    enum { M = 70, N = 150, K = 700 };
    static double a[M * K], b[N * K], whole[M * N], parts[M * N];
    void         *work = aligned_alloc(64, 4 << 20);
    (void)state;
    FOR_EACH_TABLE(k)
    for (hoop_dtype dt = HOOP_F32; dt <= HOOP_F64; dt++) {
        fill(dt, a, M * K);
        fill(dt, b, N * K);
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
            k->gemm[dt](&g, work);
            for (int round = 0; round < (dt == HOOP_F32 ? 10 : 1); round++) {
                int64_t m0 = draw(M + 1), n0 = draw(N + 1), k0 = HOOP_GEMM_BLOCK * draw(3);
                memset(parts, 0x7f, sizeof parts);
                for (int part = 0; part < 8; part++) {
                    hoop_gemm p  = g;
                    int64_t   i0 = part & 1 ? m0 : 0, j0 = part & 2 ? n0 : 0, l0 = part & 4 ? k0 : 0;
                    p.m   = part & 1 ? M - m0 : m0;
                    p.n   = part & 2 ? N - n0 : n0;
                    p.k   = part & 4 ? K - k0 : k0;
                    p.a   = at(dt, a, p.ta ? l0 * p.lda + i0 : i0 * p.lda + l0);
                    p.b   = at(dt, b, p.tb ? j0 * p.ldb + l0 : l0 * p.ldb + j0);
                    p.c   = at(dt, parts, i0 * N + j0);
                    p.add = (part & 4) && k0 > 0;
                    if (p.k == 0) continue;
                    k->gemm[dt](&p, work);
                }
                assert_memory_equal(parts, whole, M * N * hoop_dtype_size(dt));
            }
        }
    }
    free(work);
}

/* NaN and infinity reach what they should and nothing else */
static void test_special(void **state)
{
    enum { M = 30, N = 40, K = 20 };
    static double a[M * K], b[K * N], c[M * N], work[1 << 15] __attribute__((aligned(64)));
    (void)state;
    FOR_EACH_TABLE(k)
    for (hoop_dtype dt = HOOP_F32; dt <= HOOP_F64; dt++) {
        hoop_gemm g = {.m = M, .n = N, .k = K, .a = a, .lda = K, .b = b, .ldb = N, .c = c, .ldc = N};
        fill(dt, a, M * K);
        fill(dt, b, K * N);
        set(dt, a, 7 * K + 3, (double)NAN);
        set(dt, b, 11 * N + 5, (double)INFINITY);
        memset(c, 0x7f, sizeof c); /* overwritten, not added to */
        assert_true(hoop_gemm_work_bytes(&g) <= (int64_t)sizeof work);
        k->gemm[dt](&g, work);
        for (int i = 0; i < M; i++)
            for (int j = 0; j < N; j++)
                assert_true((isnan(get(dt, c, i * N + j)) != 0) == (i == 7) &&
                            (isinf(get(dt, c, i * N + j)) != 0) == (i != 7 && j == 5));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_small), cmocka_unit_test(test_large),
                                       cmocka_unit_test(test_pages), cmocka_unit_test(test_edges),
                                       cmocka_unit_test(test_cuts),  cmocka_unit_test(test_special)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
