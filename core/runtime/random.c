/* core/runtime/random.c - Philox, what is drawn from it, and the keyed shuffle. */
#include "hoop/random.h"

#include "base/threads.h"
#include "kernels/philox.h"
#include "kernels/vmath.h"

static uint64_t pair(uint32_t low, uint32_t high)
{
    return (uint64_t)high << 32 | low;
}

void hoop_philox(hoop_key key, uint64_t group, uint32_t out[4])
{
    hoop__philox(key.k, key.stream, group, out);
}

/* A chain: each coordinate is encrypted under the key that all before it made, so that none can cancel another. */
hoop_key hoop_key_make(uint64_t seed, hoop_purpose purpose, uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t coordinate[3] = {a, b, c};
    hoop_key       key           = {.k = seed, .stream = (uint64_t)purpose};
    uint32_t       out[4];
    for (int i = 0; i < 3; i++) {
        hoop__philox(key.k, key.stream, coordinate[i], out);
        key.k      = pair(out[0], out[1]);
        key.stream = pair(out[2], out[3]);
    }
    return key;
}

static double unit_f64(uint32_t low, uint32_t high)
{
    return (double)(pair(low, high) >> 11) * 0x1p-53;
}

float hoop_random_f32(hoop_key key, uint64_t i)
{
    uint32_t out[4];
    hoop__philox(key.k, key.stream, i / 4, out);
    return (float)(out[i % 4] >> 8) * 0x1p-24f;
}

double hoop_random_f64(hoop_key key, uint64_t i)
{
    uint32_t out[4];
    hoop__philox(key.k, key.stream, i / 2, out);
    return i % 2 == 0 ? unit_f64(out[0], out[1]) : unit_f64(out[2], out[3]);
}

void hoop_random_f64_fill(hoop_key key, uint64_t first, int64_t n, double *out)
{
    for (int64_t i = 0; i < n;) {
        uint32_t word[4];
        uint64_t at = first + (uint64_t)i;
        hoop__philox(key.k, key.stream, at / 2, word);
        if (at % 2 == 0) out[i++] = unit_f64(word[0], word[1]);
        if (i < n) out[i++] = unit_f64(word[2], word[3]);
    }
}

/* Elements 2j and 2j + 1 are the cosine and the sine of one group. */
static HOOP_NOINLINE void normals(hoop_key key, uint64_t first, int64_t n, double *out)
{
    for (int64_t i = 0; i < n;) {
        uint32_t word[4];
        uint64_t at = first + (uint64_t)i;
        double   radius, cosine, sine;
        hoop__philox(key.k, key.stream, at / 2, word);
        radius = v_sqrt_f64(-2.0 * v_log_f64(1.0 - unit_f64(word[0], word[1])));
        v_turn_f64(unit_f64(word[2], word[3]), &cosine, &sine);
        if (at % 2 == 0) out[i++] = radius * cosine;
        if (i < n) out[i++] = radius * sine;
    }
}

void hoop_random_normal_fill(hoop_key key, uint64_t first, int64_t n, double *out)
{
    uint64_t mode = hoop_fp_enter();
    normals(key, first, n, out);
    hoop_fp_restore(mode);
}

double hoop_random_normal(hoop_key key, uint64_t i)
{
    double x;
    hoop_random_normal_fill(key, i, 1, &x);
    return x;
}

/* Logs of U^(1/alpha), as these may be too small to be numbers. */
static double joehnk(hoop_key key, double alpha)
{
    for (uint64_t i = 0;; i += 2) {
        const double x    = v_log_f64(1.0 - hoop_random_f64(key, i)) / alpha,
                     y    = v_log_f64(1.0 - hoop_random_f64(key, i + 1)) / alpha;
        const double most = x > y ? x : y, a = v_exp_f64(x - most), b = v_exp_f64(y - most);
        if (v_exp_f64(x) + v_exp_f64(y) <= 1.0) return a / (a + b);
    }
}

static double rejected(hoop_key key, double alpha)
{
    for (uint64_t i = 0;; i += 2) {
        const double x = hoop_random_f64(key, i), peak = 4.0 * x * (1.0 - x);
        if (peak > 0.0 && v_log_f64(1.0 - hoop_random_f64(key, i + 1)) <= (alpha - 1.0) * v_log_f64(peak)) return x;
    }
}

double hoop_random_beta(hoop_key key, double alpha)
{
    const uint64_t mode = hoop_fp_enter();
    const double   x    = alpha > 1.0 ? rejected(key, alpha) : joehnk(key, alpha);
    hoop_fp_restore(mode);
    return x;
}

void hoop_random_turn(double turns, double *cosine, double *sine)
{
    const uint64_t mode = hoop_fp_enter();
    v_turn_f64(turns < 0.0 ? turns + 1.0 : turns, cosine, sine);
    hoop_fp_restore(mode);
}

/* The finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014) as round function; the round keys are Philox's. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

enum { FEISTEL_ROUNDS = 8 };

uint64_t hoop_random_permute(hoop_key key, uint64_t n, uint64_t i)
{
    uint64_t round_key[FEISTEL_ROUNDS], mask;
    int      half = 1;
    if (n < 2) return 0;
    while (half < 32 && (n - 1) >> (2 * half) != 0) half++;
    mask = (UINT64_C(1) << half) - 1;
    for (int r = 0; r < FEISTEL_ROUNDS; r += 2) {
        uint32_t out[4];
        hoop__philox(key.k, key.stream, (uint64_t)(r / 2), out);
        round_key[r]     = pair(out[0], out[1]);
        round_key[r + 1] = pair(out[2], out[3]);
    }
    do {
        uint64_t left = i >> half & mask, right = i & mask;
        for (int r = 0; r < FEISTEL_ROUNDS; r++) {
            uint64_t next = left ^ (mix(right + round_key[r]) & mask);
            left          = right;
            right         = next;
        }
        i = left << half | right;
    } while (i >= n);
    return i;
}
