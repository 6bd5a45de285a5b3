/** io/import/synth.h - samples of synthetic sets: pure functions of (seed, number). All but spirals, poisson and burgers use + -
 * * / and sqrt only, so that any machine draws the same bytes; in these, rounded to f32, a libm's last bit hardly shows. */
#ifndef HOOP_IO_SYNTH_H
#define HOOP_IO_SYNTH_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/random.h"

enum {
    HOOP_DIGIT_SIDE  = 28,
    HOOP_SHAPES_SIDE = 64,
    HOOP_SCENE_SIDE  = 128,
    HOOP_HEAT_SIDE   = 64,
    HOOP_SERIES_PAST = 96,
    HOOP_SERIES_NEXT = 24
};
enum { HOOP_SCENE_LEAST = 3, HOOP_SCENE_MOST = 12, HOOP_SCENE_BOX = 5 };

/** Uniform draws of one sample, in a fixed order. */
typedef struct hoop_draws {
    hoop_key key;
    uint64_t next;
} hoop_draws;
static inline double hoop__uniform(hoop_draws *d, double low, double high)
{
    return low + (high - low) * hoop_random_f64(d->key, d->next++);
}
/** About normal with deviation 1: the sum of four uniform bytes (variance 21,845). */
static inline float hoop__noise4(uint32_t word)
{
    const float sum = (float)((word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24));
    return (sum - 510.0f) / 147.8f;
}

/** Draw sample i: 28x28 grey values; returns its digit. */
int hoop__synth_digit(uint64_t seed, int64_t i, unsigned char image[HOOP_DIGIT_SIDE * HOOP_DIGIT_SIDE]);
/** A point of spiral 0 or 1. */
int hoop__synth_spiral(uint64_t seed, int64_t i, float point[2]);
/** Discs, squares and triangles among clutter: RGB (3, 64, 64), and of each pixel 0, background, or 1 to 3. */
void hoop__synth_shapes(uint64_t seed, int64_t i, unsigned char *image, unsigned char *mask);
/** 3 to 12 objects that overlap, of 5 classes, among clutter: RGB (3, 128, 128). Boxes as many as hoop__synth_objects says: x1,
 * y1, x2, y2 (pixels from the left and the top, x2 and y2 behind the last one), class. */
void hoop__synth_scene(uint64_t seed, int64_t i, unsigned char *image, float (*boxes)[HOOP_SCENE_BOX]);
int  hoop__synth_objects(uint64_t seed, int64_t i);
/** A field (64, 64), and what it is HOOP_HEAT_STEPS steps later. */
void hoop__synth_heat(uint64_t seed, int64_t i, float *before, float *after);
/** Waves of a period of their own, with trend and noise: 96 values, and the 24 after them. */
void hoop__synth_series(uint64_t seed, int64_t i, float *past, float *next);
/** A point of an equation: x are two coordinates and 1 where y is what the equation equals there, 0 where it is the value of the
 * solution. known: one of those to compare with, where it always is. */
void hoop__synth_poisson(uint64_t seed, int64_t i, bool known, float x[3], float *y);
void hoop__synth_burgers(uint64_t seed, int64_t i, bool known, float x[3], float *y);
/** The solution of burgers at x and t > 0. */
double hoop__synth_burgers_at(double x, double t);

#endif
