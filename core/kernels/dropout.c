/* core/kernels/dropout.c - y (+)= x m with a mask that is a function of key and element alone. */
#include "kernels/isa.h"
#include "kernels/philox.h"

enum { GROUPS = 16, CHUNK = 4 * GROUPS }; /* philox makes four words a group */

/* words of elements first .. first + CHUNK - 1, first a multiple of CHUNK */
static void words_make(hoop_key key, int64_t first, uint32_t word[CHUNK])
{
    uint32_t part[4][GROUPS];
    for (int g = 0; g < GROUPS; g++) {
        uint32_t out[4];
        hoop__philox(key.k, key.stream, (uint64_t)(first / 4) + (uint64_t)g, out);
        for (int k = 0; k < 4; k++) part[k][g] = out[k];
    }
    for (int g = 0; g < GROUPS; g++)
        for (int k = 0; k < 4; k++) word[4 * g + k] = part[k][g];
}

/* u = (word >> 8) 2^-24 >= p, as integers: word >> 8 >= this */
static uint32_t threshold(double p)
{
    double t = ceil(p * 0x1p24);
    return t <= 0 ? 0 : t >= 0x1p24 ? 1u << 24 : (uint32_t)t;
}

#define DROPOUT(dt, T, I)                                                                                                      \
    void HOOP_KERNEL(dropout_##dt)(int64_t n, const void *xv, double p, double scale, hoop_key key, void *yv, bool add)        \
    {                                                                                                                          \
        const T *x = xv;                                                                                                       \
        T       *y = yv, keep = (T)scale;                                                                                      \
        uint32_t word[CHUNK], least = threshold(p);                                                                            \
        for (int64_t i = 0; i < n; i += CHUNK) {                                                                               \
            int64_t m = n - i < CHUNK ? n - i : CHUNK;                                                                         \
            words_make(key, i, word);                                                                                          \
            if (add) {                                                                                                         \
                HOOP_SIMD for (int64_t k = 0; k < m; k++) y[i + k] += (word[k] >> 8) >= least ? x[i + k] * keep : 0;           \
            } else {                                                                                                           \
                HOOP_SIMD for (int64_t k = 0; k < m; k++) y[i + k] = (word[k] >> 8) >= least ? x[i + k] * keep : 0;            \
            }                                                                                                                  \
        }                                                                                                                      \
    }
HOOP_FLOAT_LIST(DROPOUT)
