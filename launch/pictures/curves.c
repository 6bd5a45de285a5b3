/* Series as curves, with axes. */
#include "pictures/show.h"

#include <math.h>
#include <stdio.h>

#include "pictures/palette.h"

enum { LEFT = 100, RIGHT_OF = 12, BELOW = 28, ACROSS = 8, UP = 5, MOST_TICKS = 3 * ACROSS };

/* n numbers, the first at `from` on the axis */
typedef struct curve {
    const double *v;
    int64_t       n, stride, from;
    colour        ink;
    const char   *name;
} curve;

typedef struct axes {
    const canvas *c;
    int           x, y, width, height; /* of the area of the curves */
    double        left, right, low, high;
} axes;

/* 1, 2 or 5 times a power of ten: at most n + 1 of them in a span */
static double tick(double span, int n)
{
    const double least = span / n, power = pow(10, floor(log10(least)));
    return power * (least / power <= 1 ? 1 : least / power <= 2 ? 2 : least / power <= 5 ? 5 : 10);
}

static int across(const axes *a, double v)
{
    return a->x + (int)lround((v - a->left) / (a->right - a->left) * (a->width - 1));
}

static int up(const axes *a, double v)
{
    return a->y + a->height - 1 - (int)lround((v - a->low) / (a->high - a->low) * (a->height - 1));
}

static void draw_axes(const axes *a)
{
    const int    end = a->x + a->width + RIGHT_OF;
    const double dx = tick(a->right - a->left, ACROSS), dy = tick(a->high - a->low, UP);
    char         text[32];
    for (int k = 0; k < MOST_TICKS; k++) {
        const double v  = (ceil(a->low / dy) + k) * dy;
        const int    at = up(a, v);
        if (v > a->high + dy * 1e-9) break;
        canvas_fill(a->c, a->x, at, a->width, 1, FAINT);
        (void)snprintf(text, sizeof text, "%.4g", fabs(v) < dy * 1e-9 ? 0 : v);
        canvas_text(a->c, a->x - 8 - text_width(text), at - 8, text, INK);
    }
    for (int k = 0; k < MOST_TICKS; k++) {
        const double v  = (ceil(a->left / dx) + k) * dx;
        const int    at = across(a, v),
                  half  = (snprintf(text, sizeof text, "%.6g", fabs(v) < dx * 1e-9 ? 0 : v), text_width(text) / 2);
        if (v > a->right + dx * 1e-9) break;
        canvas_fill(a->c, at, a->y + a->height, 1, 5, INK);
        canvas_text(a->c, at + half > end ? end - 2 * half : at - half, a->y + a->height + 8, text, INK);
    }
    canvas_fill(a->c, a->x, a->y, 1, a->height, INK);
    canvas_fill(a->c, a->x, a->y + a->height, a->width, 1, INK);
}

static void draw_curve(const axes *a, const curve *l)
{
    for (int64_t i = 0; i < l->n; i++) {
        const double v = l->v[i * l->stride], before = i > 0 ? l->v[(i - 1) * l->stride] : NAN;
        const int    x = across(a, (double)(l->from + i));
        if (!isfinite(v)) continue;
        canvas_fill(a->c, x - 1, up(a, v) - 1, 3, 3, l->ink);
        if (isfinite(before)) canvas_line(a->c, across(a, (double)(l->from + i - 1)), up(a, before), x, up(a, v), 2, l->ink);
    }
}

static void find_span(const curve *l, int n, axes *a)
{
    double room;
    a->low = a->left = INFINITY;
    a->high = a->right = -INFINITY;
    for (int k = 0; k < n; k++) {
        a->left  = fmin(a->left, (double)l[k].from);
        a->right = fmax(a->right, (double)(l[k].from + l[k].n - 1));
        for (int64_t i = 0; i < l[k].n; i++) {
            const double v = l[k].v[i * l[k].stride];
            if (!isfinite(v)) continue;
            a->low  = fmin(a->low, v);
            a->high = fmax(a->high, v);
        }
    }
    if (!(a->right > a->left)) a->right = a->left + 1;
    if (!(a->high >= a->low)) a->low = a->high = 0;
    room = fmax(fabs(a->low), fabs(a->high)) * 1e-9; /* ticks are numbers that differ */
    room = fmax(room, a->high > a->low ? 0.04 * (a->high - a->low) : 0.5);
    a->low -= room;
    a->high += room;
}

/* the past, the truth and the forecast, those that there are */
static int curves_of(const plan *p, const panel *a, const shown_sample *s, curve l[3])
{
    const shown_target *t    = a->target < 0 ? NULL : &p->target[a->target];
    const shown_input  *in   = a->input < 0 ? NULL : &p->input[a->input];
    int64_t             rows = 0;
    int                 n    = 0;
    if (in != NULL) {
        const int64_t all = in->ndim > 1 ? in->size[1] : 1;
        rows              = in->varies ? s->rows[a->input] : in->size[0];
        if (a->channel < all) l[n++] = (curve){s->input[a->input] + a->channel, rows, all, 1 - rows, INK, "input"};
    }
    if (t != NULL) {
        const int64_t all = t->ndim > 1 ? t->size[1] : 1, from = t->copy && in != NULL ? 1 - rows : t->from;
        if (t->truth && !t->copy) l[n++] = (curve){s->truth[a->target] + a->channel, t->size[0], all, from, RIGHT, "truth"};
        l[n++] = (curve){s->output[a->target] + a->channel, t->size[0], all, from, WRONG, "prediction"};
    }
    return n;
}

void draw_curves(const plan *p, const panel *a, const shown_sample *s, const canvas *c, int x, int y)
{
    curve     l[3];
    const int n    = curves_of(p, a, s, l);
    axes      area = {.c      = c,
                      .x      = x + LEFT,
                      .y      = y + TEXT_HEIGHT + 6,
                      .width  = a->width - LEFT - RIGHT_OF,
                      .height = a->height - TEXT_HEIGHT - 6 - BELOW};
    int       at   = x + LEFT;
    find_span(l, n, &area);
    draw_axes(&area);
    for (int i = 0; i < n; i++) {
        draw_curve(&area, &l[i]);
        canvas_fill(c, at, y + 6, 18, 4, l[i].ink);
        canvas_text(c, at + 24, y, l[i].name, l[i].ink);
        at += 24 + text_width(l[i].name) + 18;
    }
}
