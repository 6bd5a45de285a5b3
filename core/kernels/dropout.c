/* core/kernels/dropout.c - y (+)= x m with a mask that is a function of key and element alone. */
#include "kernels/isa.h"

/* A group has a 64-bit lane, of which 32 bits count: multiplications read no more, so the upper half need not be cleared. */
typedef uint64_t wide __attribute__((vector_size(HOOP_VEC_BYTES)));
#if defined(__AVX512F__)
#define MULTIPLY(a, b) (wide) _mm512_mul_epu32((__m512i)(a), (__m512i)(b))
#elif defined(__AVX2__)
#define MULTIPLY(a, b) (wide) _mm256_mul_epu32((__m256i)(a), (__m256i)(b))
#elif defined(__x86_64__)
#define MULTIPLY(a, b) (wide) _mm_mul_epu32((__m128i)(a), (__m128i)(b))
#else
#define MULTIPLY(a, b) (((a)&0xffffffffu) * ((b)&0xffffffffu))
#endif
enum {
    WIDE   = HOOP_VEC_BYTES / 8,
    CHAINS = 4, /* registers of groups that go through the rounds side by side, as one waits for its multiplications */
    GROUPS = CHAINS * WIDE,
    CHUNK  = 4 * GROUPS /* Philox makes four words a group */
};
_Static_assert(HOOP_DROPOUT_ALIGN % CHUNK == 0, "a call may begin where a chunk does");

/* words of elements first .. first + CHUNK - 1, first a multiple of CHUNK: hoop__philox, GROUPS groups at once */
static void words_make(hoop_key key, int64_t first, uint32_t word[CHUNK])
{
    const wide zero = {0}, m0 = zero + 0xD2511F53u, m1 = zero + 0xCD9E8D57u;
    uint64_t   counter[GROUPS], even[GROUPS], odd[GROUPS], pair[2 * GROUPS];
    uint32_t   k0 = (uint32_t)key.k, k1 = (uint32_t)(key.k >> 32);
    wide       c0[CHAINS], c1[CHAINS], c2[CHAINS], c3[CHAINS];
    for (int g = 0; g < GROUPS; g++) counter[g] = (uint64_t)(first / 4 + g);
    for (int q = 0; q < CHAINS; q++) {
        memcpy(&c0[q], counter + q * WIDE, sizeof c0[q]);
        c1[q] = c0[q] >> 32;
        c2[q] = zero + (uint32_t)key.stream;
        c3[q] = zero + (uint32_t)(key.stream >> 32);
    }
    for (int round = 0; round < 10; round++) {
        for (int q = 0; q < CHAINS; q++) {
            wide a = MULTIPLY(c0[q], m0), b = MULTIPLY(c2[q], m1);
            c0[q] = (b >> 32) ^ c1[q] ^ (zero + k0);
            c2[q] = (a >> 32) ^ c3[q] ^ (zero + k1);
            c1[q] = b;
            c3[q] = a;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int q = 0; q < CHAINS; q++) {
        c0[q] = (c0[q] & 0xffffffffu) | c1[q] << 32;
        c2[q] = (c2[q] & 0xffffffffu) | c3[q] << 32;
        memcpy(even + q * WIDE, &c0[q], sizeof c0[q]);
        memcpy(odd + q * WIDE, &c2[q], sizeof c2[q]);
    }
    for (int g = 0; g < GROUPS; g++) {
        pair[2 * g]     = even[g];
        pair[2 * g + 1] = odd[g];
    }
    for (int g = 0; g < 2 * GROUPS; g++) {
        word[2 * g]     = (uint32_t)pair[g];
        word[2 * g + 1] = (uint32_t)(pair[g] >> 32);
    }
}

/* u = (word >> 8) 2^-24 >= p, as integers: word >> 8 >= this */
static uint32_t threshold(double p)
{
    double t = ceil(p * 0x1p24);
    return t <= 0 ? 0 : t >= 0x1p24 ? 1u << 24 : (uint32_t)t;
}

#define DROPOUT(dt, T, I)                                                                                                        \
    void HOOP_KERNEL(dropout_##dt)(int64_t first, int64_t n, const void *xv, double p, double scale, hoop_key key, void *yv,     \
                                   bool add)                                                                                     \
    {                                                                                                                            \
        const T *x = xv;                                                                                                         \
        T       *y = yv, keep       = (T)scale;                                                                                  \
        uint32_t word[CHUNK], least = threshold(p);                                                                              \
        for (int64_t i = 0; i < n; i += CHUNK) {                                                                                 \
            int64_t m = n - i < CHUNK ? n - i : CHUNK;                                                                           \
            words_make(key, first + i, word);                                                                                    \
            if (add) {                                                                                                           \
                HOOP_SIMD for (int64_t k = 0; k < m; k++) y[i + k] += (word[k] >> 8) >= least ? x[i + k] * keep : 0;             \
            } else {                                                                                                             \
                HOOP_SIMD for (int64_t k = 0; k < m; k++) y[i + k] = (word[k] >> 8) >= least ? x[i + k] * keep : 0;              \
            }                                                                                                                    \
        }                                                                                                                        \
    }
HOOP_FLOAT_LIST(DROPOUT)
