/* Boxes over an image. */
#include "pictures/show.h"

#include <math.h>
#include <stdio.h>

#include "pictures/palette.h"

static double overlap(const double a[4], const double b[4])
{
    const double w = fmin(a[2], b[2]) - fmax(a[0], b[0]), h = fmin(a[3], b[3]) - fmax(a[1], b[1]);
    const double both = w > 0 && h > 0 ? w * h : 0;
    const double all  = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both;
    return all > 0 ? both / all : 0;
}

/* the one with the highest score of those not tried */
static int64_t next_box(const boxes *found, const bool *tried)
{
    int64_t best = -1;
    for (int64_t i = 0; i < found->n; i++)
        if (!tried[i] && (best < 0 || found->score[i] > found->score[best])) best = i;
    return best;
}

int64_t boxes_match(const boxes *real, const boxes *found, bool *hit, bool *seen)
{
    enum { MOST = 256 };
    bool    tried[MOST] = {false};
    boxes   some        = *found;
    int64_t n           = 0, i;
    if (some.n > MOST) some.n = MOST;
    for (; (i = next_box(&some, tried)) >= 0; tried[i] = true) {
        int64_t best = -1;
        double  most = 0.5;
        for (int64_t k = 0; k < real->n; k++) {
            const double o = seen[k] || real->label[k] != some.label[i] ? 0 : overlap(real->corner + 4 * k, some.corner + 4 * i);
            if (o < most) continue;
            most = o;
            best = k;
        }
        if (best < 0) continue;
        hit[i] = seen[best] = true;
        n++;
    }
    return n;
}

static int pixel(double v, const panel *a)
{
    const double at = v / a->step * a->zoom;
    return (int)lround(fmax(-16, fmin(at, 16384)));
}

/* The part of box i that is on the panel: left, top, right, bottom in its pixels. False: nothing is. */
static bool part_of(const panel *a, const boxes *b, int64_t i, int at[4])
{
    for (int k = 0; k < 4; k++) {
        const int end = k % 2 == 0 ? a->width : a->height, v = pixel(b->corner[4 * i + k], a);
        at[k] = v < 0 ? 0 : v > end ? end : v;
    }
    return at[2] > at[0] && at[3] > at[1];
}

/* dashed: of the truth what was missed, of what was found what is not there. Dark lines beside it show it on any ground. */
static void draw_frame(const panel *a, const boxes *b, int64_t i, bool dashed, const canvas *c, int x, int y)
{
    int at[4];
    if (!part_of(a, b, i, at)) return;
    canvas_frame(c, x + at[0], y + at[1], at[2] - at[0], at[3] - at[1], 4, false, INK);
    canvas_frame(c, x + at[0] + 1, y + at[1] + 1, at[2] - at[0] - 2, at[3] - at[1] - 2, 2, dashed, palette_class(b->label[i]));
}

/* its class, and its score: above it, or else in it */
static void draw_label(const shown_target *t, const panel *a, const boxes *b, int64_t i, const canvas *c, int x, int y)
{
    char name[24], text[64], cut[64];
    int  at[4], wide, up;
    if (!part_of(a, b, i, at)) return;
    if (b->score != NULL)
        (void)snprintf(text, sizeof text, "%.20s %.2f", class_text(t, b->label[i], name), b->score[i]);
    else
        (void)snprintf(text, sizeof text, "%.30s", class_text(t, b->label[i], name));
    wide = text_width(text) + 4 <= a->width - at[0] ? text_width(text) + 4 : a->width - at[0];
    up   = at[1] >= TEXT_HEIGHT ? at[1] - TEXT_HEIGHT : at[1];
    canvas_fill(c, x + at[0], y + up, wide, TEXT_HEIGHT, INK);
    canvas_text(c, x + at[0] + 2, y + up, text_fit(text, wide, cut, sizeof cut),
                palette_mix(palette_class(b->label[i]), PAPER, 0.25));
}

void draw_boxes(const plan *p, const panel *a, const shown_sample *s, const canvas *c, int x, int y)
{
    const shown_target *t        = &p->target[a->target];
    const view         *v        = &p->input[a->input].view;
    const bool          truth    = a->of == SIDE_TRUTH;
    bool                hit[256] = {false}, seen[256] = {false};
    boxes               real = s->real[a->target], found = s->found[a->target];
    if (real.n > 256) real.n = 256;
    if (found.n > 256) found.n = 256;
    for (int64_t row = 0; row < v->height; row += a->step)
        for (int64_t column = 0; column < v->width; column += a->step)
            canvas_fill(c, x + (int)(column / a->step) * a->zoom, y + (int)(row / a->step) * a->zoom, a->zoom, a->zoom,
                        draw_behind(p, a->input, s, row, column));
    if (t->truth) (void)boxes_match(&real, &found, hit, seen);
    for (int64_t i = (truth ? real.n : found.n) - 1; i >= 0; i--) /* those with the best scores above others */
        draw_frame(a, truth ? &real : &found, i, t->truth && !(truth ? seen[i] : hit[i]), c, x, y);
    for (int64_t i = (truth ? real.n : found.n) - 1; i >= 0; i--) draw_label(t, a, truth ? &real : &found, i, c, x, y);
}
