/* Philox against its authors' vectors; uniform and normal numbers; keys; the shuffle is a bijection. */
#include "kernels_test.h"

/* The known-answer file of Random123 (Salmon et al.): philox4x32, 10 rounds */
static void test_known(void **state)
{
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } rows[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    (void)state;
    for (int i = 0; i < 3; i++) {
        hoop_key key = {.k      = (uint64_t)rows[i].key[1] << 32 | rows[i].key[0],
                        .stream = (uint64_t)rows[i].counter[3] << 32 | rows[i].counter[2]};
        uint32_t out[4];
        hoop_philox(key, (uint64_t)rows[i].counter[1] << 32 | rows[i].counter[0], out);
        assert_memory_equal(out, rows[i].out, sizeof out);
    }
}

static void test_uniform(void **state)
{
    enum { N = 200000, BINS = 16 };
    hoop_key key       = hoop_key_make(1, HOOP_FOR_TEST, 0, 0, 0);
    int      f32[BINS] = {0}, f64[BINS] = {0};
    double   sum = 0, square = 0, cube = 0;
    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        float    f = hoop_random_f32(key, i);
        double   u = hoop_random_f64(key, i), z = hoop_random_normal(key, i);
        uint32_t out[4];
        assert_true(f >= 0 && f < 1 && u >= 0 && u < 1 && isfinite(z));
        hoop_philox(key, i / 4, out);
        assert_true(f == (float)(out[i % 4] >> 8) * 0x1p-24f);
        f32[(int)(f * BINS)]++;
        f64[(int)(u * BINS)]++;
        sum += z;
        square += z * z;
        cube += z * z * z;
    }
    for (int b = 0; b < BINS; b++) { /* 6 standard deviations */
        assert_in_range(f32[b], N / BINS - 650, N / BINS + 650);
        assert_in_range(f64[b], N / BINS - 650, N / BINS + 650);
    }
    assert_true(fabs(sum / N) < 0.014 && fabs(square / N - 1) < 0.02 && fabs(cube / N) < 0.06);
}

/* each coordinate matters, and changing the order of two is another key */
static void test_keys(void **state)
{
    static const struct {
        uint64_t     seed;
        hoop_purpose purpose;
        uint64_t     a, b, c;
    } rows[] = {{1, HOOP_FOR_OP, 2, 3, 4},
                {2, HOOP_FOR_OP, 2, 3, 4},
                {1, HOOP_FOR_INIT, 2, 3, 4},
                {1, HOOP_FOR_OP, 3, 2, 4},
                {1, HOOP_FOR_OP, 2, 4, 3},
                {1, HOOP_FOR_OP, 2, 3, 5},
                {1, HOOP_FOR_OP, 2, 2, 4},
                {1, HOOP_FOR_OP, 1, 3, 4},
                {0, HOOP_FOR_OP, 2, 3, 4},
                {1, HOOP_FOR_OP, 4, 3, 2},
                {1, HOOP_FOR_OP, 2, 3, (uint64_t)4 << 32}};
    enum { ROWS = sizeof rows / sizeof rows[0] };
    hoop_key key[ROWS];
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        key[i] = hoop_key_make(rows[i].seed, rows[i].purpose, rows[i].a, rows[i].b, rows[i].c);
        for (int j = 0; j < i; j++) assert_true(key[i].k != key[j].k && key[i].stream != key[j].stream);
    }
    key[1] = hoop_key_make(rows[0].seed, rows[0].purpose, rows[0].a, rows[0].b, rows[0].c);
    assert_memory_equal(&key[0], &key[1], sizeof key[0]);
}

static void test_permute(void **state)
{
    static const uint64_t more[] = {1000, 1023, 1024, 1025, 4097, 65536, 100003};
    (void)state;
    assert_true(hoop_random_permute(test_key, 0, 0) == 0);
    for (uint64_t t = 1; t < 300 + 7; t++) {
        uint64_t n = t < 300 ? t : more[t - 300], fixed = 0, neighbours = 0, before = 0;
        char    *seen = calloc(n, 1);
        hoop_key key  = hoop_key_make(t, HOOP_FOR_SHUFFLE, 0, 0, 0);
        for (uint64_t i = 0; i < n; i++) {
            uint64_t p = hoop_random_permute(key, n, i);
            assert_true(p < n && !seen[p]);
            seen[p] = 1;
            fixed += p == i;
            neighbours += i > 0 && p == before + 1;
            before = p;
        }
        if (n >= 1000) assert_true(fixed < 12 && neighbours < 12);
        free(seen);
    }
    for (uint64_t i = 0; i < 1000; i++) { /* far beyond what can be listed */
        uint64_t n = UINT64_MAX - i * 1234567;
        assert_true(hoop_random_permute(test_key, n, n - 1 - i) < n);
        assert_true(hoop_random_permute(test_key, n, i) != hoop_random_permute(test_key, n, i + 1));
    }
}

/* every order of three comes up equally often over keys */
static void test_permute_fair(void **state)
{
    int count[27] = {0};
    (void)state;
    for (uint64_t seed = 0; seed < 6000; seed++) {
        hoop_key key = hoop_key_make(seed, HOOP_FOR_SHUFFLE, 1, 0, 0);
        count[hoop_random_permute(key, 3, 0) * 9 + hoop_random_permute(key, 3, 1) * 3 + hoop_random_permute(key, 3, 2)]++;
    }
    for (int i = 0; i < 27; i++)
        if (count[i] != 0) assert_in_range(count[i], 1000 - 180, 1000 + 180);
}

/* many at once are the same numbers as one by one */
static void test_fill(void **state)
{
    double u[40], z[40];
    (void)state;
    for (uint64_t first = 0; first < 5; first++) {
        for (int64_t n = 0; n <= 33; n++) {
            u[n] = z[n] = 7;
            hoop_random_f64_fill(test_key, first, n, u);
            hoop_random_normal_fill(test_key, first, n, z);
            for (int64_t i = 0; i < n; i++) {
                assert_true(u[i] == hoop_random_f64(test_key, first + (uint64_t)i));
                assert_true(z[i] == hoop_random_normal(test_key, first + (uint64_t)i));
            }
            assert_true(u[n] == 7 && z[n] == 7);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fill),    cmocka_unit_test(test_known),
                                       cmocka_unit_test(test_uniform), cmocka_unit_test(test_keys),
                                       cmocka_unit_test(test_permute), cmocka_unit_test(test_permute_fair)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
