/* Fields and series: what comes after what there is. */
#include "import/synth.h"

#include <stdbool.h>
#include <string.h>

enum { SIDE = HOOP_HEAT_SIDE };
static const double diffusion = 0.2; /* dt times the diffusivity over dx^2; below 1/4 the scheme is stable */
enum { STEPS = 50 };

/* The shorter way between two places of a ring. */
static double around(double d)
{
    d = d < 0 ? -d : d;
    return d > SIDE / 2.0 ? SIDE - d : d;
}

/* Bumps and boxes of any sign. */
static void begin(hoop_draws *d, double *u)
{
    const int n = (int)hoop__uniform(d, 3, 9);
    memset(u, 0, SIDE * SIDE * sizeof *u);
    for (int k = 0; k < n; k++) {
        const bool   box = hoop__uniform(d, 0, 1) < 0.4;
        const double cx = hoop__uniform(d, 0, SIDE), cy = hoop__uniform(d, 0, SIDE), size = hoop__uniform(d, 2, 10),
                     height = hoop__uniform(d, -1, 1);
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                const double dx = around(x - cx) / size, dy = around(y - cy) / size, r = 1 + dx * dx + dy * dy;
                u[y * SIDE + x] += box ? (dx < 1 && dy < 1 ? height : 0) : height / (r * r);
            }
    }
}

/* Forward in time, central in space, borders that meet: u' = u + diffusion (north + south + west + east - 4 u). */
static void step(const double *u, double *next)
{
    for (int y = 0; y < SIDE; y++) {
        const double *row = u + y * SIDE, *north = u + (y + SIDE - 1) % SIDE * SIDE, *south = u + (y + 1) % SIDE * SIDE;
        for (int x = 0; x < SIDE; x++)
            next[y * SIDE + x] =
                row[x] + diffusion * (north[x] + south[x] + row[(x + SIDE - 1) % SIDE] + row[(x + 1) % SIDE] - 4 * row[x]);
    }
}

void hoop__synth_heat(uint64_t seed, int64_t i, float *before, float *after)
{
    hoop_draws d = {hoop_key_make(seed, HOOP_FOR_SYNTH, (uint64_t)i, 0, 0), 0};
    double     u[2][SIDE * SIDE];
    begin(&d, u[0]);
    for (int k = 0; k < SIDE * SIDE; k++) u[0][k] = (double)(before[k] = (float)u[0][k]);
    for (int t = 0; t < STEPS; t++) step(u[t % 2], u[(t + 1) % 2]);
    for (int k = 0; k < SIDE * SIDE; k++) after[k] = (float)u[STEPS % 2][k];
}

/* ---- series ---- */

/* A point that goes around a circle: (c, s) turn it by one step. */
typedef struct wave {
    double x, y, c, s, bent;
} wave;

static wave draw_wave(hoop_draws *d)
{
    const double t = hoop__uniform(d, 0.065, 0.41); /* of half a step's angle, whose tangent it is: a period of 8 to 48 steps */
    wave         w = {.c = (1 - t * t) / (1 + t * t), .s = 2 * t / (1 + t * t)};
    w.x            = hoop__uniform(d, -1, 1);
    w.y            = hoop__uniform(d, -1, 1);
    w.bent         = hoop__uniform(d, 0, 2);
    return w;
}

/* Its height, flatter on top the more it is bent; and one step on. */
static double next_height(wave *w)
{
    const double x = w->x, height = x * (1 + w->bent) / (1 + w->bent * x * x);
    w->x = w->c * x - w->s * w->y;
    w->y = w->s * x + w->c * w->y;
    return height;
}

void hoop__synth_series(uint64_t seed, int64_t i, float *past, float *next)
{
    enum { ALL = HOOP_SERIES_PAST + HOOP_SERIES_NEXT };
    hoop_draws     d     = {hoop_key_make(seed, HOOP_FOR_SYNTH, (uint64_t)i, 0, 0), 0};
    const hoop_key grain = hoop_key_make(seed, HOOP_FOR_SYNTH, (uint64_t)i, 1, 0);
    wave           a = draw_wave(&d), b = draw_wave(&d);
    const double   level = hoop__uniform(&d, -1, 1), trend = hoop__uniform(&d, -0.01, 0.01), second = hoop__uniform(&d, 0, 0.5);
    for (int t = 0; t < ALL; t++) {
        uint32_t     words[4];
        const double v = level + trend * t + next_height(&a) + second * next_height(&b);
        hoop_philox(grain, (uint64_t)t, words);
        *(t < HOOP_SERIES_PAST ? past + t : next + t - HOOP_SERIES_PAST) = (float)v + 0.03f * hoop__noise4(words[0]);
    }
}
