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

/* Deposit in random order, some at once, into a random number of accumulators, merge these in random order. */
static bool sums_run(sums *s)
{
    const void *order[MAX_TERMS];
    int         parts = 1 + (int)draw(PARTS);
    for (int i = 0; i < s->terms; i++) order[i] = s->x[i];
    for (int i = s->terms - 1; i > 0; i--) {
        int         j = (int)draw((uint64_t)i + 1);
        const void *o = order[i];
        order[i]      = order[j];
        order[j]      = o;
    }
    for (int p = 0; p < parts; p++) hoop_exact_clear(&s->e, s->part[p], BLOCKS);
    for (int i = 0, n; i < s->terms; i += n) {
        n = (int)draw(draws % 3 == 0 ? 2 : 6); /* none at all too */
        if (n > s->terms - i) n = s->terms - i;
        hoop_exact_deposit(&s->e, s->part[draw((uint64_t)parts)], BLOCKS, order + i, n);
    }
    for (int p = parts - 1; p > 0; p--) hoop_exact_merge(&s->e, s->part[draw((uint64_t)p)], s->part[p], BLOCKS);
    return hoop_exact_finish(&s->e, s->part[0], BLOCKS, s->out);
}

/* hoop_exact_sum gives what clear, deposit and finish give; also where its result takes the place of a term */
static void check_sum(const sums *s, bool fine, const char *what)
{
    const size_t bytes = ELEMENTS * hoop_dtype_size(s->dt);
    const void  *terms[MAX_TERMS];
    double       sum[ELEMENTS], term[ELEMENTS];
    for (int i = 0; i < s->terms; i++) terms[i] = s->x[i];
    assert_true(hoop_exact_sum(&s->e, BLOCKS, terms, s->terms, sum) == fine);
    if (memcmp(sum, s->out, bytes) != 0) fail_msg("%s: exact_sum differs", what);
    memcpy(term, s->x[s->terms / 2], bytes);
    terms[s->terms / 2] = term;
    assert_true(hoop_exact_sum(&s->e, BLOCKS, terms, s->terms, term) == fine);
    if (memcmp(term, s->out, bytes) != 0) fail_msg("%s: exact_sum in the place of a term differs", what);
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
    static const int counts[] = {1, 2, 3, 4, 7, 12, 64, 100, 300};
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
                    check_sum(s, fine, what);
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
                check_sum(s, false, "not finite");
            }
            sums_destroy(s);
        }
    }
}

/* f32 sums of few terms at every scale there is, with ties and terms that just fit among them: neighbours share a plan, a new one
 * begins where the scale asks for it, and what is not finite is found in a block that came to a plan of another. */
static void test_scales(void **state)
{
    static const int   counts[] = {1, 2, 3, 4, 5, 8, 16, 17};
    static const float bad[]    = {NAN, INFINITY, -INFINITY};
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            sums *s = sums_create(k, HOOP_F32, counts[c]);
            for (int e = -150; e < 127; e++) {
                char what[64];
                (void)snprintf(what, sizeof what, "%s, %d terms below 2^%d", k->isa, counts[c], e);
                for (int i = 0; i < s->terms; i++) {
                    for (int j = 0; j < ELEMENTS; j++) {
                        const double   x    = plain(i, j);
                        const uint64_t kind = draw(8);
                        double         v = kind < 5 ? x : kind == 5 ? copysign(1 - 0x1p-24, x) : ldexp(rint(x * 64) + 0.5, -24);
                        set(HOOP_F32, s->x[i], j, ldexp(v, e));
                    }
                }
                check_sum(s, sums_run(s), what);
                set(HOOP_F32, s->x[draw((uint64_t)counts[c])], ELEMENTS - 1 - (int)draw(2 * HOOP_EXACT_BLOCK),
                    (double)bad[(unsigned)(e + 150) % 3]);
                assert_false(sums_run(s));
                check_sum(s, false, what);
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
                for (int64_t i = 0; i < leaves[c]; i++) hoop_exact_deposit(&e, block, 1, &(const void *){x}, 1);
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
                for (int i = 0; i < 20; i++) hoop_exact_deposit(&e[t], block[t], 1, &(const void *){x[i]}, 1);
                (void)hoop_exact_finish(&e[t], block[t], 1, out[t]);
                assert_memory_equal(block[t], block[0], (size_t)e[t].block_bytes);
                assert_memory_equal(out[t], out[0], HOOP_EXACT_BLOCK * hoop_dtype_size((hoop_dtype)d));
            }
            for (int t = 0; t < n; t++) free(block[t]);
        }
    }
}

/* No terms: zero, and nothing to anything it is merged with, whatever bytes the memory held. */
static void test_empty(void **state)
{
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int d = 0; d < HOOP_NFLOAT; d++) {
            hoop_dtype dt = (hoop_dtype)d;
            hoop_exact e;
            double     x[ELEMENTS], out[ELEMENTS], again[ELEMENTS];
            char      *a, *b;
            size_t     bytes;
            for (int j = 0; j < ELEMENTS; j++) set(dt, x, j, j < HOOP_EXACT_BLOCK ? 1.0 + j : plain(0, 0));
            set(dt, x, ELEMENTS - 1, (double)NAN);
            assert_int_equal(hoop_exact_init(&e, k, dt, 5, NULL), HOOP_OK);
            bytes = (size_t)(BLOCKS * e.block_bytes);
            a     = aligned_alloc(64, bytes);
            b     = aligned_alloc(64, bytes);
            memset(a, 0x5a, bytes);
            memset(b, 0xa5, bytes);
            hoop_exact_clear(&e, a, BLOCKS);
            hoop_exact_clear(&e, b, BLOCKS);
            hoop_exact_deposit(&e, b, BLOCKS, NULL, 0);
            hoop_exact_merge(&e, a, b, BLOCKS);
            assert_true(hoop_exact_finish(&e, a, BLOCKS, out));
            for (int j = 0; j < ELEMENTS; j++) assert_true(get(dt, out, j) == 0 && !signbit(get(dt, out, j)));
            memset(again, 0x5a, sizeof again);
            assert_true(hoop_exact_sum(&e, BLOCKS, NULL, 0, again));
            assert_memory_equal(out, again, ELEMENTS * hoop_dtype_size(dt));
            hoop_exact_deposit(&e, b, BLOCKS, &(const void *){x}, 1);
            assert_false(hoop_exact_finish(&e, b, BLOCKS, out));
            for (int way = 0; way < 2; way++) { /* into an empty one, and an empty one into it */
                hoop_exact_clear(&e, a, BLOCKS);
                hoop_exact_merge(&e, way == 0 ? a : b, way == 0 ? b : a, BLOCKS);
                assert_false(hoop_exact_finish(&e, way == 0 ? a : b, BLOCKS, again));
                assert_memory_equal(out, again, ELEMENTS * hoop_dtype_size(dt));
                for (int j = 0; j < HOOP_EXACT_BLOCK; j++) assert_true(get(dt, again, j) == 1.0 + j);
                assert_true(isnan(get(dt, again, ELEMENTS - 1)));
            }
            free(a);
            free(b);
        }
    }
}

/* hi and lo of any size: the one rounding of hi 2^W + lo is right, on all ways that finish takes. Widths of 1 to 2^20 leaves. */
static void test_finish_rounds_once(void **state)
{
    static const int64_t leaves[] = {1, 128, 1000, 1 << 20};
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int trial = 0; trial < 4000; trial++) {
            hoop_exact         e;
            hoop_exact_block32 block = {.t = 0};
            float              out[HOOP_EXACT_BLOCK];
            int                top = (int)draw(31); /* no |hi| of a sum passes 2^30 */
            bool               fine, want_fine = true;
            assert_int_equal(hoop_exact_init(&e, k, HOOP_F32, leaves[trial % 4], NULL), HOOP_OK);
            block.t = e.tmin + (int)draw((uint64_t)(127 / e.width - e.tmin + 1));
            for (int j = 0; j < HOOP_EXACT_BLOCK; j++) {
                int64_t low = (INT64_C(1) << draw(31)), high = INT64_C(1) << draw((uint64_t)top + 1);
                block.hi[j] = (int32_t)((int64_t)draw((uint64_t)(2 * high + 1)) - high);
                block.lo[j] = (int32_t)((int64_t)draw((uint64_t)(2 * low + 1)) - low);
                if (draw(8) == 0) block.lo[j] = (int32_t)((draw(2) ? 1 : -1) * (1 << (e.width - 1))); /* a tie of the carry */
            }
            fine = hoop_exact_finish(&e, &block, 1, out);
            for (int j = 0; j < HOOP_EXACT_BLOCK; j++) {
                float want = (float)((int64_t)block.hi[j] * (INT64_C(1) << e.width) + block.lo[j]);
                want *= ldexpf(1, e.width * (block.t - 1));
                want_fine &= isfinite(want) != 0;
                if (memcmp(&want, &out[j], sizeof want) != 0)
                    fail_msg("%s: W %d, t %d, hi %d, lo %d: %a, want %a", k->isa, e.width, block.t, block.hi[j], block.lo[j],
                             (double)out[j], (double)want);
            }
            assert_int_equal(fine, want_fine);
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
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_exactness),
        cmocka_unit_test(test_nonfinite),
        cmocka_unit_test(test_scales),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_sets_agree),
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_scalar_terms),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_finish_rounds_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
