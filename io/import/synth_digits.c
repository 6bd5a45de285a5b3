/*
 * Digit-like images. A digit is a few strokes, each a chain of quadratic curves in the unit square (x right, y down); a
 * sample takes one of its digit's styles, moves the control points, applies a random affine map, draws with a random pen and
 * adds noise. Only + - * / and sqrt are used, so that any machine draws the same bytes.
 */
#include "import/synth.h"

#include <math.h>
#include <string.h>

enum { SEGMENTS = 7, MAX_LINES = 96, PIXELS = HOOP_DIGIT_SIDE * HOOP_DIGIT_SIDE };

/* Strokes in a glyph's points: 'M x y' starts, 'L' goes straight, 'Q cx cy x y' curves. Coordinates are percent. */
typedef struct glyph {
    int         digit;
    const char *path;
} glyph;

static const glyph glyphs[] = {
    {0, "M50 5 Q15 5 15 50 Q15 95 50 95 Q85 95 85 50 Q85 5 50 5"},
    {0, "M62 8 Q20 2 20 52 Q22 97 52 95 Q84 90 80 42 Q76 8 46 12"},
    {0, "M50 5 Q15 5 15 50 Q15 95 50 95 Q85 95 85 50 Q85 5 50 5 M72 22 L28 78"},
    {1, "M52 5 L52 95"},
    {1, "M30 25 L54 5 L54 95"},
    {1, "M30 25 L54 5 L54 95 M30 95 L78 95"},
    {2, "M18 28 Q20 5 50 5 Q84 6 80 34 Q76 56 16 95 L86 95"},
    {2, "M20 22 Q36 2 60 8 Q86 18 70 48 Q52 74 24 90 Q14 96 20 82 Q34 70 54 86 Q72 98 90 86"},
    {2, "M16 12 L80 12 Q84 44 16 95 L84 93"},
    {3, "M18 16 Q34 3 56 6 Q84 12 74 34 Q66 47 40 48 Q86 48 82 74 Q74 98 44 95 Q24 92 16 82"},
    {3, "M18 8 L80 8 L44 44 Q86 46 82 74 Q74 98 44 95 Q24 92 16 82"},
    {4, "M62 5 L14 66 L88 66 M66 30 L66 96"},
    {4, "M28 6 L20 52 L80 52 M74 6 L72 96"},
    {4, "M70 96 L70 5 L16 62 L90 62"},
    {5, "M80 7 L28 7 L23 46 Q84 34 82 68 Q78 98 42 95 Q22 92 15 80"},
    {5, "M30 8 L26 44 Q70 36 78 62 Q80 94 46 95 Q28 94 18 84 M30 9 L82 6"},
    {6, "M72 6 Q26 22 20 64 Q20 96 52 95 Q82 92 80 68 Q74 44 46 48 Q26 52 21 68"},
    {6, "M52 5 Q24 40 24 70 Q26 97 54 95 Q80 90 76 68 Q66 46 26 70"},
    {7, "M15 8 L84 8 Q56 48 44 95"},
    {7, "M15 20 L17 8 L82 9 L42 95"},
    {7, "M15 8 L84 8 Q56 48 44 95 M30 50 L74 48"},
    {8, "M50 48 Q18 40 22 24 Q28 5 50 5 Q74 5 78 24 Q80 40 50 48 Q14 58 18 76 Q24 96 50 95 Q78 96 82 76 Q84 58 50 48"},
    {8, "M76 16 Q54 -2 28 14 Q16 32 50 48 Q90 66 76 86 Q54 102 26 88 Q8 68 50 48 Q86 30 76 16"},
    {9, "M78 32 Q76 5 48 5 Q20 8 20 30 Q24 54 50 52 Q74 50 79 30 Q80 66 66 95"},
    {9, "M76 34 Q78 4 46 6 Q18 12 22 36 Q34 58 76 32 L72 95"},
    {9, "M78 30 Q74 5 46 6 Q20 10 22 32 Q28 54 54 50 Q76 46 78 30 Q84 90 50 95 Q32 96 24 84"},
};
enum { GLYPHS = (int)(sizeof glyphs / sizeof glyphs[0]) };

typedef struct line {
    float x0, y0, x1, y1;
} line;

typedef struct point {
    double x, y;
} point;

/* The affine map from the unit square to pixels. */
typedef struct affine {
    double xx, xy, yx, yy, x, y;
} affine;

static affine draw_affine(hoop_draws *d)
{
    /* cos and sin through the half angle's tangent: +-0.11 is about +-13 degrees */
    const double t = hoop__uniform(d, -0.11, 0.11), c = (1 - t * t) / (1 + t * t), s = 2 * t / (1 + t * t);
    const double sx = hoop__uniform(d, 12.5, 17.5), sy = hoop__uniform(d, 17.0, 21.0), shear = hoop__uniform(d, -0.22, 0.22);
    affine       a = {c * sx, (c * shear - s) * sy, s * sx, (s * shear + c) * sy, 0, 0};
    a.x            = hoop__uniform(d, -1.8, 1.8) + 13.5;
    a.y            = hoop__uniform(d, -1.8, 1.8) + 13.5;
    return a;
}

static point place(const affine *a, double x, double y, hoop_draws *d)
{
    const double u = x / 100 - 0.5 + hoop__uniform(d, -0.03, 0.03);
    const double v = y / 100 - 0.5 + hoop__uniform(d, -0.03, 0.03);
    return (point){a->xx * u + a->xy * v + a->x, a->yx * u + a->yy * v + a->y};
}

static double number(const char **s)
{
    double v = 0, sign = 1;
    while (**s == ' ') ++*s;
    if (**s == '-') {
        sign = -1;
        ++*s;
    }
    for (; **s >= '0' && **s <= '9'; ++*s) v = v * 10 + (**s - '0');
    return sign * v;
}

static int trace(const char *path, const affine *a, hoop_draws *d, line lines[MAX_LINES])
{
    point at = {0, 0};
    int   n  = 0;
    while (*path != '\0') {
        const char   command = *path++;
        const double x       = number(&path);
        const double y       = number(&path);
        const point  p       = place(a, x, y, d);
        if (command == 'L' && n < MAX_LINES) lines[n++] = (line){(float)at.x, (float)at.y, (float)p.x, (float)p.y};
        if (command != 'Q') {
            at = p;
        } else {
            const double ex   = number(&path);
            const double ey   = number(&path);
            const point  end  = place(a, ex, ey, d);
            point        last = at;
            for (int i = 1; i <= SEGMENTS && n < MAX_LINES; i++) {
                const double t = (double)i / SEGMENTS, u = 1 - t;
                const point  q = {u * u * at.x + 2 * u * t * p.x + t * t * end.x, u * u * at.y + 2 * u * t * p.y + t * t * end.y};
                lines[n++]     = (line){(float)last.x, (float)last.y, (float)q.x, (float)q.y};
                last           = q;
            }
            at = end;
        }
        while (*path == ' ') path++;
    }
    return n;
}

/* Lower each pixel's squared distance to the pen's path, within reach of one line. */
static void stroke(const line *l, float reach, float near[PIXELS])
{
    const float dx = l->x1 - l->x0, dy = l->y1 - l->y0, length = dx * dx + dy * dy;
    const float left = fminf(l->x0, l->x1) - reach, right = fmaxf(l->x0, l->x1) + reach;
    const float top = fminf(l->y0, l->y1) - reach, bottom = fmaxf(l->y0, l->y1) + reach;
    const int   c0 = left > 0 ? (int)left : 0, c1 = right < HOOP_DIGIT_SIDE - 1 ? (int)right : HOOP_DIGIT_SIDE - 1;
    const int   r0 = top > 0 ? (int)top : 0, r1 = bottom < HOOP_DIGIT_SIDE - 1 ? (int)bottom : HOOP_DIGIT_SIDE - 1;
    for (int r = r0; r <= r1; r++) {
        for (int c = c0; c <= c1; c++) {
            const float px = (float)c - l->x0, py = (float)r - l->y0;
            float       t = length > 0 ? (px * dx + py * dy) / length : 0, ex, ey;
            t             = t < 0 ? 0 : t > 1 ? 1 : t;
            ex            = px - t * dx;
            ey            = py - t * dy;
            if (ex * ex + ey * ey < near[r * HOOP_DIGIT_SIDE + c]) near[r * HOOP_DIGIT_SIDE + c] = ex * ex + ey * ey;
        }
    }
}

int hoop__synth_digit(uint64_t seed, int64_t i, unsigned char image[HOOP_DIGIT_SIDE * HOOP_DIGIT_SIDE])
{
    hoop_draws     d     = {hoop_key_make(seed, HOOP_FOR_SYNTH, (uint64_t)i, 0, 0), 0};
    const hoop_key grain = hoop_key_make(seed, HOOP_FOR_SYNTH, (uint64_t)i, 1, 0);
    const int      digit = (int)hoop__uniform(&d, 0, 10);
    float          near[PIXELS], ink, pen, soft, dirt;
    line           lines[MAX_LINES];
    int            styles = 0, style, n;
    affine         map;
    const glyph   *g = glyphs;
    for (int k = 0; k < GLYPHS; k++) styles += glyphs[k].digit == digit;
    style = (int)hoop__uniform(&d, 0, styles);
    while (g->digit != digit) g++;
    g += style;
    map  = draw_affine(&d);
    pen  = (float)hoop__uniform(&d, 0.55, 1.75);
    soft = (float)hoop__uniform(&d, 0.8, 1.4);
    ink  = (float)hoop__uniform(&d, 165, 255);
    dirt = (float)hoop__uniform(&d, 4, 26);
    n    = trace(g->path, &map, &d, lines);
    /* Now and then a stray mark. */
    if (hoop__uniform(&d, 0, 1) < 0.15) {
        const float x = (float)hoop__uniform(&d, 1, 27), y = (float)hoop__uniform(&d, 1, 27);
        const float u = (float)hoop__uniform(&d, -4, 4), v = (float)hoop__uniform(&d, -4, 4);
        if (n < MAX_LINES) lines[n++] = (line){x, y, x + u, y + v};
    }
    for (int k = 0; k < PIXELS; k++) near[k] = 1e9f;
    for (int k = 0; k < n; k++) stroke(&lines[k], pen + soft + 1, near);
    for (int group = 0; group < PIXELS / 4; group++) {
        uint32_t words[4];
        hoop_philox(grain, (uint64_t)group, words);
        for (int k = 0; k < 4; k++) {
            const int at       = 4 * group + k;
            float     coverage = (pen + soft - sqrtf(near[at])) / soft, v;
            coverage           = coverage < 0 ? 0 : coverage > 1 ? 1 : coverage;
            v                  = ink * coverage + dirt * hoop__noise4(words[k]);
            image[at]          = (unsigned char)(v < 0 ? 0 : v > 255 ? 255 : (int)(v + 0.5f));
        }
    }
    return digit;
}
