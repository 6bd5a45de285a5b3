/*
 * Pictures of objects: masks to segment, boxes to detect. What an object is shows in its outline alone: its colour, stripes and
 * place are drawn from where those of clutter are, so that no threshold tells one from the other.
 */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "import/synth.h"

enum { DISC, SQUARE, TRIANGLE, RING, CROSS, KINDS, TRIES = 60, FINE = 3, SIDE_MOST = HOOP_SCENE_SIDE };

typedef struct object {
    int    kind;
    double x, y, radius, c, s; /* its middle, half of its size, its turn */
    float  colour[3], stripe;  /* stripe: how much lighter every other one is; 0: none */
    double period;
} object;

/* Draws a sample's objects into (3, side, side), each pixel being what nine points in it say. */
typedef struct canvas {
    int    side;
    float *pixel;
} canvas;

/* Is a point in the unit shape? */
static bool inside(int kind, double u, double v)
{
    const double r = u * u + v * v, au = fabs(u), av = fabs(v);
    switch (kind) {
    case DISC:
        return r <= 1;
    case SQUARE:
        return au <= 0.8 && av <= 0.8;
    case TRIANGLE: /* corners on the unit circle */
        return v <= 0.5 && 1.7320508 * au <= v + 1;
    case RING:
        return r <= 1 && r >= 0.3;
    default:
        return (au <= 0.3 && av <= 1) || (av <= 0.3 && au <= 1);
    }
}

static bool covers(const object *o, double x, double y, double *u)
{
    const double dx = (x - o->x) / o->radius, dy = (y - o->y) / o->radius;
    *u = o->c * dx + o->s * dy;
    return inside(o->kind, *u, o->c * dy - o->s * dx);
}

/* Rows or columns [*from, *to) that it may be in: the corners of a square are farthest, at 0.8 sqrt 2. */
static void reach(double middle, double radius, int side, int *from, int *to)
{
    const double low = middle - 1.15 * radius - 1, high = middle + 1.15 * radius + 2;
    *from = low < 0 ? 0 : (int)low;
    *to   = high > side ? side : (int)high;
}

static void blend(const canvas *k, const object *o, int x, int y, float share, double u)
{
    const int64_t plane = (int64_t)k->side * k->side, at = (int64_t)y * k->side + x;
    const double  along   = (u + 4) * o->radius / o->period;
    const float   lighter = o->stripe != 0 && (int64_t)(2 * along) % 2 != 0 ? o->stripe : 0;
    for (int c = 0; c < 3; c++) k->pixel[c * plane + at] += share * (o->colour[c] + lighter - k->pixel[c * plane + at]);
}

static void draw(const canvas *k, const object *o)
{
    int x0, x1, y0, y1;
    reach(o->x, o->radius, k->side, &x0, &x1);
    reach(o->y, o->radius, k->side, &y0, &y1);
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            int    n = 0;
            double u, middle = 0;
            for (int i = 0; i < FINE * FINE; i++) {
                const int row = i / FINE;
                n += covers(o, x + (i % FINE + 0.5) / FINE, y + (row + 0.5) / FINE, &u);
                if (i == FINE * FINE / 2) middle = u;
            }
            if (n > 0) blend(k, o, x, y, (float)n / (FINE * FINE), middle);
        }
}

/* ---- what is drawn ---- */

static void turn(hoop_draws *d, object *o)
{
    const double t = hoop__uniform(d, -1, 1); /* of half the angle, whose tangent it is: a quarter turn each way */
    o->c           = (1 - t * t) / (1 + t * t);
    o->s           = 2 * t / (1 + t * t);
}

static void paint(hoop_draws *d, object *o)
{
    for (int c = 0; c < 3; c++) o->colour[c] = (float)hoop__uniform(d, 20, 235);
    o->stripe = hoop__uniform(d, 0, 1) < 0.5 ? 0 : (float)hoop__uniform(d, -45, 45);
    o->period = hoop__uniform(d, 3, 9);
}

/* A plane of colour that goes over into another, striped or not, and things that are no object: strokes, crumbs. */
static void background(hoop_draws *d, const canvas *k, int strokes, int crumbs)
{
    const int64_t plane  = (int64_t)k->side * k->side;
    const double  stripe = hoop__uniform(d, 0, 1) < 0.4 ? 0 : hoop__uniform(d, 15, 45), period = hoop__uniform(d, 8, 20);
    object        ground = {.kind = DISC};
    turn(d, &ground);
    for (int c = 0; c < 3; c++) {
        const double at = hoop__uniform(d, 40, 215), across = hoop__uniform(d, -90, 90), down = hoop__uniform(d, -90, 90);
        const int    half = k->side / 2;
        for (int y = 0; y < k->side; y++)
            for (int x = 0; x < k->side; x++) {
                const double along = (ground.c * x + ground.s * y) / period + 16;
                k->pixel[c * plane + (int64_t)y * k->side + x] =
                    (float)(at + across * (x - half) / k->side + down * (y - half) / k->side +
                            ((int64_t)(2 * along) % 2 != 0 ? stripe : 0));
            }
    }
    for (int i = 0; i < strokes; i++) { /* of discs, one beside the other */
        object       o = {.kind = DISC, .radius = hoop__uniform(d, 0.8, 2.2), .c = 1};
        const double x = hoop__uniform(d, 0, k->side), y = hoop__uniform(d, 0, k->side), dx = hoop__uniform(d, -1, 1),
                     dy = hoop__uniform(d, -1, 1), bend = hoop__uniform(d, -0.02, 0.02);
        const int n = (int)hoop__uniform(d, 10, k->side);
        paint(d, &o);
        o.stripe = 0;
        for (int j = 0; j < n; j++) {
            o.x = x + dx * j - dy * bend * j * j / 2;
            o.y = y + dy * j + dx * bend * j * j / 2;
            if (o.x > -2 && o.y > -2 && o.x < k->side + 2 && o.y < k->side + 2) draw(k, &o);
        }
    }
    for (int i = 0; i < crumbs; i++) {
        object o = {.kind = (int)hoop__uniform(d, 0, KINDS), .radius = hoop__uniform(d, 0.8, 2.2)};
        o.x      = hoop__uniform(d, 0, k->side);
        o.y      = hoop__uniform(d, 0, k->side);
        turn(d, &o);
        paint(d, &o);
        draw(k, &o);
    }
}

/* With grain, to bytes. */
static void develop(hoop_draws *d, const canvas *k, uint64_t seed, int64_t i, unsigned char *image)
{
    const hoop_key grain = hoop_key_make(seed, HOOP_FOR_SYNTH, (uint64_t)i, 1, 0);
    const float    dirt  = (float)hoop__uniform(d, 3, 10);
    const int64_t  n     = 3 * (int64_t)k->side * k->side;
    for (int64_t group = 0; group < n / 4; group++) {
        uint32_t words[4];
        hoop_philox(grain, (uint64_t)group, words);
        for (int64_t j = 4 * group; j < 4 * group + 4; j++) {
            const float v = k->pixel[j] + dirt * hoop__noise4(words[j % 4]);
            image[j]      = (unsigned char)(v < 0 ? 0 : v > 255 ? 255 : (int)(v + 0.5f));
        }
    }
}

/* How far its colour is from what is there already in its middle. */
static double contrast(const canvas *k, const object *o)
{
    const int x         = o->x < 0          ? 0
                          : o->x >= k->side ? k->side - 1
                                            : (int)o->x,
              y         = o->y < 0          ? 0
                          : o->y >= k->side ? k->side - 1
                                            : (int)o->y;
    const int64_t plane = (int64_t)k->side * k->side, at = (int64_t)y * k->side + x;
    double        sum = 0;
    for (int c = 0; c < 3; c++) {
        const double e = (double)(o->colour[c] - k->pixel[c * plane + at]);
        sum += e * e;
    }
    return sum;
}

/* A colour that can be told from what is behind it. */
static void paint_apart(hoop_draws *d, const canvas *k, object *o)
{
    enum { APART = 60 };
    for (int i = 0; i < TRIES; i++) {
        paint(d, o);
        if (contrast(k, o) >= APART * APART) return;
    }
}

void hoop__synth_shapes(uint64_t seed, int64_t i, unsigned char *image, unsigned char *mask)
{
    enum { SIDE = HOOP_SHAPES_SIDE };
    float        pixel[3 * SIDE * SIDE];
    const canvas k = {SIDE, pixel};
    hoop_draws   d = {hoop_key_make(seed, HOOP_FOR_SYNTH, (uint64_t)i, 0, 0), 0};
    const int    n = (int)hoop__uniform(&d, 1, 5);
    background(&d, &k, (int)hoop__uniform(&d, 3, 9), (int)hoop__uniform(&d, 4, 12));
    memset(mask, 0, SIDE * SIDE);
    for (int j = 0; j < n; j++) {
        object o = {.kind = (int)hoop__uniform(&d, 0, 3), .radius = hoop__uniform(&d, 7, 15)};
        int    x0, x1, y0, y1;
        double u;
        o.x = hoop__uniform(&d, 6, SIDE - 6);
        o.y = hoop__uniform(&d, 6, SIDE - 6);
        turn(&d, &o);
        paint_apart(&d, &k, &o);
        draw(&k, &o);
        reach(o.x, o.radius, SIDE, &x0, &x1);
        reach(o.y, o.radius, SIDE, &y0, &y1);
        for (int y = y0; y < y1; y++)
            for (int x = x0; x < x1; x++)
                if (covers(&o, x + 0.5, y + 0.5, &u)) mask[y * SIDE + x] = (unsigned char)(1 + o.kind);
    }
    develop(&d, &k, seed, i, image);
}

/* ---- scenes ---- */

typedef struct scene {
    object        object[HOOP_SCENE_MOST];
    float         box[HOOP_SCENE_MOST][HOOP_SCENE_BOX];
    int           n, pixels[HOOP_SCENE_MOST], seen[HOOP_SCENE_MOST]; /* pixels of each, and those that nothing later covers */
    unsigned char owner[SIDE_MOST * SIDE_MOST];                      /* 1 + the object seen there; 0: none */
} scene;

/* Put it over those before, unless that would hide more than half of one of them, or its box is not 8 to 48 pixels long. */
static bool place(scene *s, const object *o)
{
    enum { SIDE = HOOP_SCENE_SIDE };
    int    x0, x1, y0, y1, hides[HOOP_SCENE_MOST + 1] = {0}, n = 0, longer, box[4] = {SIDE, SIDE, 0, 0};
    double u;
    reach(o->x, o->radius, SIDE, &x0, &x1);
    reach(o->y, o->radius, SIDE, &y0, &y1);
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            if (!covers(o, x + 0.5, y + 0.5, &u)) continue;
            hides[s->owner[y * SIDE + x]]++;
            n++;
            if (x < box[0]) box[0] = x;
            if (y < box[1]) box[1] = y;
            if (x + 1 > box[2]) box[2] = x + 1;
            if (y + 1 > box[3]) box[3] = y + 1;
        }
    longer = box[2] - box[0] > box[3] - box[1] ? box[2] - box[0] : box[3] - box[1];
    if (n == 0 || longer < 8 || longer > 48) return false;
    for (int j = 0; j < s->n; j++)
        if (2 * (s->seen[j] - hides[j + 1]) < s->pixels[j]) return false;
    for (int j = 0; j < s->n; j++) s->seen[j] -= hides[j + 1];
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            if (covers(o, x + 0.5, y + 0.5, &u)) s->owner[y * SIDE + x] = (unsigned char)(s->n + 1);
    s->pixels[s->n] = s->seen[s->n] = n;
    for (int c = 0; c < 4; c++) s->box[s->n][c] = (float)box[c];
    s->box[s->n][4]   = (float)o->kind;
    s->object[s->n++] = *o;
    return true;
}

/* Where objects are; the numbers behind these are for colours. */
static void lay(uint64_t seed, int64_t i, scene *s)
{
    hoop_draws d      = {hoop_key_make(seed, HOOP_FOR_SYNTH, (uint64_t)i, 2, 0), 0};
    const int  wanted = (int)hoop__uniform(&d, HOOP_SCENE_LEAST, HOOP_SCENE_MOST + 1);
    s->n              = 0;
    memset(s->owner, 0, sizeof s->owner);
    for (int j = 0; j < wanted; j++) {
        const int kind = (int)hoop__uniform(&d, 0, KINDS);
        for (int t = 0; t < TRIES; t++) {
            object o = {.kind   = kind,
                        .radius = hoop__uniform(&d, 4, 24 - 20.0 * t / TRIES)}; /* 8 to 48 pixels; smaller where it is full */
            if (kind == SQUARE) o.radius /= 0.8 * 1.4142136;
            o.x = hoop__uniform(&d, o.radius, HOOP_SCENE_SIDE - o.radius);
            o.y = hoop__uniform(&d, o.radius, HOOP_SCENE_SIDE - o.radius);
            turn(&d, &o);
            if (place(s, &o)) break;
        }
    }
}

int hoop__synth_objects(uint64_t seed, int64_t i)
{
    scene s;
    lay(seed, i, &s);
    return s.n;
}

void hoop__synth_scene(uint64_t seed, int64_t i, unsigned char *image, float (*boxes)[HOOP_SCENE_BOX])
{
    float        pixel[3 * HOOP_SCENE_SIDE * HOOP_SCENE_SIDE];
    const canvas k = {HOOP_SCENE_SIDE, pixel};
    hoop_draws   d = {hoop_key_make(seed, HOOP_FOR_SYNTH, (uint64_t)i, 0, 0), 0};
    scene        s;
    lay(seed, i, &s);
    background(&d, &k, (int)hoop__uniform(&d, 6, 16), (int)hoop__uniform(&d, 8, 24));
    for (int j = 0; j < s.n; j++) {
        paint_apart(&d, &k, &s.object[j]);
        draw(&k, &s.object[j]);
    }
    develop(&d, &k, seed, i, image);
    memcpy(boxes, s.box, (size_t)s.n * sizeof *boxes);
}
