/* Exact sums: the same bits from any order and any partition, and as near to the true sum as promised. */
#include "kernels_test.h"

enum { BLOCKS = 3, ELEMENTS = BLOCKS * HOOP_EXACT_BLOCK, MAX_TERMS = 300, PARTS = 7 };

static uint64_t draws;

static uint64_t draw(uint64_t below)
{
    uint32_t out[4];
    hoop_philox(test_key, draws++, out);
    return ((uint64_t)out[0] << 32 | out[1]) % below;
}

typedef struct sums {
    hoop_exact e;
    hoop_dtype dt;
    int        terms;
    void      *x[MAX_TERMS]; /* each ELEMENTS long */
    void      *part[PARTS];
    double     out[ELEMENTS];
} sums;

static sums *sums_create(const hoop_kernels *k, hoop_dtype dt, int terms)
{
    sums *s = calloc(1, sizeof *s);
    assert_non_null(s);
    assert_int_equal(hoop_exact_init(&s->e, k, dt, terms, NULL), HOOP_OK);
    s->dt    = dt;
    s->terms = terms;
    for (int i = 0; i < terms; i++) s->x[i] = aligned_alloc(64, ELEMENTS * 8);
    for (int p = 0; p < PARTS; p++) s->part[p] = aligned_alloc(64, (size_t)(BLOCKS * s->e.block_bytes));
    return s;
}

static void sums_destroy(sums *s)
{
    for (int i = 0; i < s->terms; i++) free(s->x[i]);
    for (int p = 0; p < PARTS; p++) free(s->part[p]);
    free(s);
}

/* Deposit in random order into a random number of accumulators, merge these in random order. */
static bool sums_run(sums *s)
{
    int parts = 1 + (int)draw(PARTS), order[MAX_TERMS];
    for (int i = 0; i < s->terms; i++) order[i] = i;
    for (int i = s->terms - 1; i > 0; i--) {
        int j = (int)draw((uint64_t)i + 1), o = order[i];
        order[i] = order[j];
        order[j] = o;
    }
    for (int p = 0; p < parts; p++) hoop_exact_clear(&s->e, s->part[p], BLOCKS);
    for (int i = 0; i < s->terms; i++) hoop_exact_deposit(&s->e, s->part[draw((uint64_t)parts)], BLOCKS, s->x[order[i]]);
    for (int p = parts - 1; p > 0; p--) hoop_exact_merge(&s->e, s->part[draw((uint64_t)p)], s->part[p], BLOCKS);
    return hoop_exact_finish(&s->e, s->part[0], BLOCKS, s->out);
}

typedef double value_fn(int term, int element);

static double plain(int i, int j)
{
    (void)i, (void)j;
    return 2 * uniform(draws++) - 1;
}
static double jumps(int i, int j)
{
    return plain(i, j) * exp2((double)draw(81) - 40);
}
static double leaf_jumps(int i, int j)
{
    return plain(i, j) * exp2((double)((uint64_t)i * 2654435761u % 81) - 40);
}
static double tiny(int i, int j)
{
    return plain(i, j) * 0x1p-120;
}
static double denormal(int i, int j)
{
    return plain(i, j) * 0x1p-135;
}
static double huge_values(int i, int j)
{
    return plain(i, j) * 0x1p120;
}
static double ties(int i, int j)
{
    (void)i, (void)j;
    return ((double)draw(9) - 4) * 0x1p-25 + (double)draw(3) - 1;
}
static double powers(int i, int j)
{
    (void)i, (void)j;
    return (draw(2) ? 1 : -1) * exp2((double)draw(60) - 30);
}
static double sparse(int i, int j)
{
    return draw(10) ? 0 : jumps(i, j);
}

static const struct {
    const char *name;
    value_fn   *fn;
} families[] = {{"plain", plain},      {"jumps", jumps}, {"leaf jumps", leaf_jumps}, {"tiny", tiny},    {"denormal", denormal},
                {"huge", huge_values}, {"ties", ties},   {"powers", powers},         {"sparse", sparse}};
enum { FAMILIES = sizeof families / sizeof families[0] };

/* |error| <= terms 2^-W of the block's largest, beside the flush below U_tmin and one rounding */
static void check_error(const sums *s, const char *what)
{
    double unit = ldexp(1, s->e.width * (s->e.tmin - 1));
    for (int b = 0; b < BLOCKS; b++) {
        double largest = 0;
        for (int i = 0; i < s->terms; i++)
            for (int j = 0; j < HOOP_EXACT_BLOCK; j++)
                largest = fmax(largest, fabs(get(s->dt, s->x[i], b * HOOP_EXACT_BLOCK + j)));
        for (int j = b * HOOP_EXACT_BLOCK; j < (b + 1) * HOOP_EXACT_BLOCK; j++) {
            long double sum = 0;
            double      got = get(s->dt, s->out, j), bound;
            for (int i = 0; i < s->terms; i++) sum += (long double)get(s->dt, s->x[i], j);
            bound = s->terms * (ldexp(largest, -s->e.width) + unit) + fabs((double)sum) * epsilon(s->dt);
            if (isinf(got)) continue; /* the sum itself may overflow */
            if (!(fabs(got - (double)sum) <= bound))
                fail_msg("%s: element %d is %a, want %La within %g", what, j, got, sum, bound);
        }
    }
}

static void test_orders(void **state)
{
    static const int counts[] = {1, 2, 3, 7, 12, 64, 100, 300};
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int d = 0; d < HOOP_NFLOAT; d++) {
            for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
                sums *s = sums_create(k, (hoop_dtype)d, counts[c]);
                for (int f = 0; f < FAMILIES; f++) {
                    double first[ELEMENTS];
                    bool   fine;
                    char   what[64];
                    (void)snprintf(what, sizeof what, "%s %s %s, %d terms", k->isa, hoop_dtype_name(s->dt), families[f].name,
                                   counts[c]);
                    for (int i = 0; i < s->terms; i++)
                        for (int j = 0; j < ELEMENTS; j++) set(s->dt, s->x[i], j, families[f].fn(i, j));
                    fine = sums_run(s);
                    memcpy(first, s->out, sizeof first);
                    check_error(s, what);
                    for (int run = 0; run < 12; run++) {
                        assert_true(sums_run(s) == fine);
                        if (memcmp(first, s->out, ELEMENTS * hoop_dtype_size(s->dt)) != 0)
                            fail_msg("%s: run %d differs", what, run);
                    }
                }
                sums_destroy(s);
            }
        }
    }
}

/* A sum that is representable comes out exactly, whatever else was added and taken away in the bins' reach. */
static void test_exactness(void **state)
{
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int d = 0; d < HOOP_NFLOAT; d++) {
            sums *s = sums_create(k, (hoop_dtype)d, 3);
            for (int j = 0; j < ELEMENTS; j++) {
                double big = ldexp((double)(j + 1), j % 5);
                set(s->dt, s->x[0], j, big);
                set(s->dt, s->x[1], j, -big);
                set(s->dt, s->x[2], j, j * 0x1p-12);
            }
            for (int run = 0; run < 10; run++) {
                assert_true(sums_run(s));
                for (int j = 0; j < ELEMENTS; j++) assert_true(get(s->dt, s->out, j) == j * 0x1p-12);
            }
            sums_destroy(s);
        }
    }
}

/* One NaN or infinity anywhere spoils its block and no other, in any order. */
static void test_nonfinite(void **state)
{
    static const double bad[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int d = 0; d < HOOP_NFLOAT; d++) {
            sums *s = sums_create(k, (hoop_dtype)d, 12);
            for (int run = 0; run < 60; run++) {
                int block = (int)draw(BLOCKS);
                for (int i = 0; i < s->terms; i++)
                    for (int j = 0; j < ELEMENTS; j++) set(s->dt, s->x[i], j, jumps(i, j));
                set(s->dt, s->x[draw(12)], block * HOOP_EXACT_BLOCK + (int)draw(HOOP_EXACT_BLOCK), bad[run % 3]);
                assert_false(sums_run(s));
                for (int j = 0; j < ELEMENTS; j++) assert_true(isnan(get(s->dt, s->out, j)) == (j / HOOP_EXACT_BLOCK == block));
            }
            sums_destroy(s);
        }
    }
}

/* The largest terms, as many as were announced: no integer overflows, and the sum is right. */
static void test_full(void **state)
{
    static const int64_t leaves[] = {1, 2, 3, 128, 129, 256, 1000, 1 << 14, (1 << 14) + 1, 1 << 16};
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int d = 0; d < HOOP_NFLOAT; d++) {
            hoop_dtype dt = (hoop_dtype)d;
            for (size_t c = 0; c < sizeof leaves / sizeof leaves[0]; c++) {
                hoop_exact e;
                double     x[HOOP_EXACT_BLOCK], out[HOOP_EXACT_BLOCK];
                void      *block;
                assert_int_equal(hoop_exact_init(&e, k, dt, leaves[c], NULL), HOOP_OK);
                block = aligned_alloc(64, (size_t)e.block_bytes);
                /* just below the end of a bin, whose hi is then the largest; signs make lo the largest too */
                for (int j = 0; j < HOOP_EXACT_BLOCK; j++) {
                    double v = ldexp(1 - epsilon(dt) / 2, e.width - 1);
                    set(dt, x, j, j % 2 ? v : -v);
                }
                hoop_exact_clear(&e, block, 1);
                for (int64_t i = 0; i < leaves[c]; i++) hoop_exact_deposit(&e, block, 1, x);
                assert_true(hoop_exact_finish(&e, block, 1, out));
                for (int j = 0; j < HOOP_EXACT_BLOCK; j++)
                    assert_true(near(dt, get(dt, out, j), get(dt, x, j) * (double)leaves[c], epsilon(dt), 0));
                free(block);
            }
        }
    }
}

/* The sets make the same accumulators, byte for byte: ranks of one run may differ in processor only if told so, but a
 * checkpoint of a run shows the same sums. */
static void test_sets_agree(void **state)
{
    const hoop_kernels *tables[3];
    int                 n = tables_get(tables);
    (void)state;
    for (int d = 0; d < HOOP_NFLOAT; d++) {
        for (int f = 0; f < FAMILIES; f++) {
            hoop_exact e[3];
            char      *block[3];
            double     x[20][HOOP_EXACT_BLOCK], out[3][HOOP_EXACT_BLOCK];
            for (int i = 0; i < 20; i++)
                for (int j = 0; j < HOOP_EXACT_BLOCK; j++) set((hoop_dtype)d, x[i], j, families[f].fn(i, j));
            for (int t = 0; t < n; t++) {
                assert_int_equal(hoop_exact_init(&e[t], tables[t], (hoop_dtype)d, 20, NULL), HOOP_OK);
                block[t] = aligned_alloc(64, (size_t)e[t].block_bytes);
                hoop_exact_clear(&e[t], block[t], 1);
                for (int i = 0; i < 20; i++) hoop_exact_deposit(&e[t], block[t], 1, x[i]);
                (void)hoop_exact_finish(&e[t], block[t], 1, out[t]);
                assert_memory_equal(block[t], block[0], (size_t)e[t].block_bytes);
                assert_memory_equal(out[t], out[0], HOOP_EXACT_BLOCK * hoop_dtype_size((hoop_dtype)d));
            }
            for (int t = 0; t < n; t++) free(block[t]);
        }
    }
}

static void test_init(void **state)
{
    const hoop_kernels *k;
    hoop_exact          e;
    hoop_error          err = {0};
    (void)state;
    assert_int_equal(hoop_kernels_select(NULL, NULL, &k), HOOP_OK);
    assert_int_equal(hoop_exact_init(&e, k, HOOP_F32, 1, NULL), HOOP_OK);
    assert_int_equal(e.width, 24);
    assert_int_equal(e.tmin, -4);
    assert_int_equal(e.block_bytes, 1088);
    assert_int_equal(hoop_exact_init(&e, k, HOOP_F32, 129, NULL), HOOP_OK);
    assert_int_equal(e.width, 23);
    assert_int_equal(hoop_exact_init(&e, k, HOOP_F64, 4096, NULL), HOOP_OK);
    assert_int_equal(e.width, 50);
    assert_int_equal(e.block_bytes, 2112);
    assert_int_equal(hoop_exact_init(&e, k, HOOP_F64, 4097, NULL), HOOP_OK);
    assert_int_equal(e.width, 49);
    assert_int_equal(hoop_exact_init(&e, k, HOOP_F32, 0, &err), HOOP_EARG);
    assert_int_equal(hoop_exact_init(&e, k, HOOP_F32, (1 << 20) + 1, NULL), HOOP_EARG);
    assert_int_equal(hoop_exact_init(&e, k, HOOP_I32, 3, NULL), HOOP_EDTYPE);
    assert_int_equal(hoop_exact_init(&e, NULL, HOOP_F32, 3, NULL), HOOP_EARG);
}

/* what a deposit adds to hi and lo, by the definition */
static void test_scalar_terms(void **state)
{
    enum { W = 38 };
    (void)state;
    for (int i = 0; i < 100000; i++) {
        hoop_exact_scalar s;
        int64_t           t = 1 - 1000 / W + (int64_t)draw(51); /* bins a sum may have */
        double            x = plain(0, 0) * exp2((double)((t - 2) * W) + 114.0 * uniform(draws++)), scaled, high;
        if (draw(5) == 0) x = (double)((int64_t)draw(1 << 20) - (1 << 19)) * ldexp(1, (int)(W * (t - 1)) - 1 + 38 * (int)draw(2));
        if (draw(50) == 0) x = 0x1p-1074 * (double)draw(99);
        hoop_exact_scalar_clear(&s);
        hoop_exact_scalar_deposit(&s, ldexp(0.75, (int)(W * t + W - 1))); /* raises it to t */
        assert_int_equal(s.t, t);
        s.hi = s.lo = 0;
        if (!(fabs(x) < ldexp(1, (int)(W * (t + 1)) - 1))) continue;
        hoop_exact_scalar_deposit(&s, x);
        scaled = ldexp(x, (int)(-W * t));
        high   = rint(scaled);
        if (s.t != t || s.hi != (int64_t)high || s.lo != (int64_t)rint(ldexp(scaled - high, W)))
            fail_msg("%a in bin %" PRId64 ": %" PRId64 " %" PRId64 ", want %g %g", x, t, s.hi, s.lo, high,
                     rint(ldexp(scaled - high, W)));
    }
}

/* scalars: orders, partitions, sizes from denormal to the largest, then what is not finite */
static void test_scalars(void **state)
{
    enum { TERMS = 500 };
    double x[TERMS];
    (void)state;
    for (int trial = 0; trial < 300; trial++) {
        double      first = 0, largest = 0, spread = (double)(1 + draw(trial % 3 == 0 ? 2000 : 60));
        long double sum = 0;
        for (int i = 0; i < TERMS; i++) {
            x[i]    = trial % 7 == 0 && i == 99 ? 0x1p-1074 : plain(0, 0) * exp2(uniform(draws++) * spread - spread / 2);
            largest = fmax(largest, fabs(x[i]));
            sum += (long double)x[i];
        }
        for (int run = 0; run < 20; run++) {
            hoop_exact_scalar part[PARTS];
            double            got;
            for (int p = 0; p < PARTS; p++) hoop_exact_scalar_clear(&part[p]);
            for (int i = TERMS - 1; i > 0; i--) {
                int    j = (int)draw((uint64_t)i + 1);
                double o = x[i];
                x[i]     = x[j];
                x[j]     = o;
            }
            for (int i = 0; i < TERMS; i++) hoop_exact_scalar_deposit(&part[draw(PARTS)], x[i]);
            for (int p = PARTS - 1; p > 0; p--) hoop_exact_scalar_merge(&part[draw((uint64_t)p)], &part[p]);
            got = hoop_exact_scalar_finish(&part[0]);
            if (run == 0) {
                first = got;
                if (!(fabs(got - (double)sum) <= TERMS * ldexp(largest, -37) + 1e-290))
                    fail_msg("scalar sum %a, want %La", got, sum);
            }
            assert_memory_equal(&first, &got, sizeof got);
        }
    }
    {
        hoop_exact_scalar a, b;
        hoop_exact_scalar_clear(&a);
        hoop_exact_scalar_clear(&b);
        assert_true(hoop_exact_scalar_finish(&a) == 0);
        hoop_exact_scalar_deposit(&a, 3);
        hoop_exact_scalar_deposit(&b, (double)INFINITY);
        hoop_exact_scalar_deposit(&b, -(double)INFINITY);
        hoop_exact_scalar_deposit(&b, 1);
        hoop_exact_scalar_merge(&a, &b);
        assert_true(isnan(hoop_exact_scalar_finish(&a)));
        hoop_exact_scalar_clear(&b);
        hoop_exact_scalar_merge(&b, &a);
        assert_true(isnan(hoop_exact_scalar_finish(&b)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init),      cmocka_unit_test(test_orders),       cmocka_unit_test(test_exactness),
        cmocka_unit_test(test_nonfinite), cmocka_unit_test(test_full),         cmocka_unit_test(test_sets_agree),
        cmocka_unit_test(test_scalars),   cmocka_unit_test(test_scalar_terms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
