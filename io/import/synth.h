/** io/import/synth.h - rows of synthetic sets: pure functions of (seed, row). */
#ifndef HOOP_IO_SYNTH_H
#define HOOP_IO_SYNTH_H

#include <stdint.h>

#include "hoop/random.h"

enum { HOOP_DIGIT_SIDE = 28 };

/** Draw sample i: 28x28 grey values; returns its digit. */
int hoop__synth_digit(uint64_t seed, int64_t i, unsigned char image[HOOP_DIGIT_SIDE * HOOP_DIGIT_SIDE]);
/** A point of spiral 0 or 1. */
int hoop__synth_spiral(uint64_t seed, int64_t i, float point[2]);

#endif
