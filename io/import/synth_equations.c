/* Points of differential equations: collocation points to train on, and others where the solution is known. */
#include "import/synth.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* what a sequence of places is of */
enum { INSIDE, EDGE, KNOWN };

/* Place i of a sequence that fills 0 to 1 evenly (van der Corput's, of a base), moved around by the seed. */
static double evenly(uint64_t seed, uint64_t what, int64_t i, int base)
{
    const hoop_key key = hoop_key_make(seed, HOOP_FOR_SYNTH, what, 2, 0);
    double         at = hoop_random_f64(key, (uint64_t)base), part = 1;
    for (i++; i > 0; i /= base) {
        part /= base;
        at += part * (double)(i % base);
    }
    return at - floor(at);
}

static void place(uint64_t seed, uint64_t what, int64_t i, double at[2])
{
    at[0] = evenly(seed, what, i, 2);
    at[1] = evenly(seed, what, i, 3);
}

/* edges take turns in twos and fours: a base of 3 does not keep step with them */
static double place_along(uint64_t seed, int64_t edge)
{
    return evenly(seed, EDGE, edge, 3);
}

/* A point of the equation in four of five rows; of the edges in the fifth: the number of those before it, else -1. */
static int64_t edge_of(int64_t i)
{
    return i % 5 == 4 ? i / 5 : -1;
}

static void put(float *x, double a, double b, bool equation)
{
    x[0] = (float)a;
    x[1] = (float)b;
    x[2] = equation ? 1.0F : 0.0F;
}

/* ---- -(u_xx + u_yy) = f on the unit square, 0 on its edges: u = sin(pi x) sin(pi y) ---- */

static double poisson(const float *x)
{
    return sin(pi * (double)x[0]) * sin(pi * (double)x[1]);
}

void hoop__synth_poisson(uint64_t seed, int64_t i, bool known, float x[3], float *y)
{
    const int64_t edge = edge_of(i);
    double        at[2], along;
    if (known) {
        place(seed, KNOWN, i, at);
        put(x, at[0], at[1], false);
        *y = (float)poisson(x);
    } else if (edge >= 0) {
        along = place_along(seed, edge);
        put(x, edge % 4 < 2 ? (double)(edge % 2) : along, edge % 4 < 2 ? along : (double)(edge % 2), false);
        *y = 0.0F;
    } else {
        place(seed, INSIDE, i - i / 5, at);
        put(x, at[0], at[1], true);
        *y = (float)(2 * pi * pi * poisson(x));
    }
}

/* ---- u_t + u u_x = nu u_xx, x from -1 to 1, t from 0 to 1; u = -sin(pi x) at first, 0 at the ends; nu = 0.01 / pi ---- */

/*
 * By Cole and Hopf, u(x, t) = - I[sin(pi y)] / I[1], I[g] = integral of g(y) exp(-cos(pi y) / (2 pi nu)) exp(-(x - y)^2 / (4 nu
 * t)) dy (Basdevant et al., Computers & Fluids 14, 1986, who take Gauss and Hermite's rule; here it is the trapezoid rule, which
 * on the line converges as fast for such functions: Trefethen and Weideman, SIAM Review 56, 2014). y = x - 2 sqrt(nu t) s.
 */
double hoop__synth_burgers_at(double x, double t)
{
    enum { STEPS = 1024 };
    const double nu = 0.01 / pi, scale = 2 * sqrt(nu * t),
                 most = 16; /* exp(-s^2) against at most exp(2 / (2 pi nu)) = exp(100) */
    double above = 0, below = 0;
    for (int k = 0; k <= STEPS; k++) {
        const double s = most * (2.0 * k / STEPS - 1), y = x - scale * s, w = exp(-cos(pi * y) / (2 * pi * nu) - s * s);
        above += w * sin(pi * y);
        below += w;
    }
    return -above / below;
}

void hoop__synth_burgers(uint64_t seed, int64_t i, bool known, float x[3], float *y)
{
    const int64_t edge = edge_of(i);
    double        at[2];
    *y = 0.0F;
    if (known) {
        place(seed, KNOWN, i, at);
        put(x, 2 * at[0] - 1, at[1], false);
        *y = (float)hoop__synth_burgers_at((double)x[0], (double)x[1]);
    } else if (edge >= 0 && edge % 2 == 0) {
        put(x, 2 * place_along(seed, edge) - 1, 0.0, false);
        *y = (float)-sin(pi * (double)x[0]);
    } else if (edge >= 0) {
        put(x, edge % 4 < 2 ? -1.0 : 1.0, place_along(seed, edge), false);
    } else {
        place(seed, INSIDE, i - i / 5, at);
        put(x, 2 * at[0] - 1, at[1], true);
    }
}
