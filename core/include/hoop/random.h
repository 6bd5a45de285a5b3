/**
 * hoop/random.h - counter-based random numbers and the keyed shuffle.
 *
 * A number is a pure function of its key and its counter, never of rank, thread or time. Philox4x32-10: Salmon, Moraes,
 * Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 */
#ifndef HOOP_RANDOM_H
#define HOOP_RANDOM_H

#include <stdint.h>

#include "hoop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_key {
    uint64_t k;      /* Philox's key */
    uint64_t stream; /* the upper half of its counter; the lower half counts elements in groups of four */
} hoop_key;

/** What a key is used for; the same seed with another purpose gives unrelated numbers. */
typedef enum hoop_purpose {
    HOOP_FOR_INIT = 1,
    HOOP_FOR_OP,
    HOOP_FOR_SHUFFLE,
    HOOP_FOR_SPLIT,
    HOOP_FOR_SYNTH,
    HOOP_FOR_TEST,
    HOOP_FOR_TEXT,
    HOOP_FOR_AUGMENT,
    HOOP_FOR_SAMPLING
} hoop_purpose;

/** Derive a key from a seed, a purpose and up to three coordinates, by hashing all of them through Philox. Calls: Local. */
HOOP_API hoop_key hoop_key_make(uint64_t seed, hoop_purpose purpose, uint64_t a, uint64_t b, uint64_t c);
/** Four uniform 32-bit words of group `group` of a key. Calls: Local. */
HOOP_API void hoop_philox(hoop_key key, uint64_t group, uint32_t out[4]);
/** Uniform in [0, 1) with 24 (53) random bits: element i of a key. Calls: Local. */
HOOP_API float  hoop_random_f32(hoop_key key, uint64_t i);
HOOP_API double hoop_random_f64(hoop_key key, uint64_t i);
/** Standard normal (Box-Muller): element i of a key. Calls: Local. */
HOOP_API double hoop_random_normal(hoop_key key, uint64_t i);
/** Of Beta(alpha, alpha), alpha > 0: all of a key is one number (Joehnk, Metrika 1964; for alpha > 1 by rejection). Calls: Local.
 */
HOOP_API double hoop_random_beta(hoop_key key, double alpha);
/** Cosine and sine of an angle of so many turns, -1 to 1: the same bits on every machine. Calls: Local. */
HOOP_API void hoop_random_turn(double turns, double *cosine, double *sine);
/** Elements first .. first + n - 1 of hoop_random_f64 (hoop_random_normal), in half the time. Calls: Local. */
HOOP_API void hoop_random_f64_fill(hoop_key key, uint64_t first, int64_t n, double *out);
HOOP_API void hoop_random_normal_fill(hoop_key key, uint64_t first, int64_t n, double *out);
/**
 * Position i (0 <= i < n) of a keyed permutation of 0..n-1, in O(1): a Feistel network over the next even power of two with
 * cycle walking (Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). Calls: Local.
 */
HOOP_API uint64_t hoop_random_permute(hoop_key key, uint64_t n, uint64_t i);

#ifdef __cplusplus
}
#endif
#endif
