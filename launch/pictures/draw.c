/* A tile: words, images, masks, what is wrong of them. */
#include "pictures/show.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "pictures/palette.h"

static const colour nothing = {255, 0, 255}; /* of a number that is none */

const char *class_text(const shown_target *t, int64_t i, char out[24])
{
    if (t->class_name != NULL && i >= 0 && i < t->classes && t->class_name[i] != NULL) return t->class_name[i];
    (void)snprintf(out, 24, "%" PRId64, i);
    return out;
}

static double element(const view *v, const double *values, int64_t c, int64_t y, int64_t x)
{
    return values[v->first + c * v->channel + y * v->down + x * v->across];
}

static unsigned char shade(double v)
{
    return (unsigned char)(!(v > 0) ? 0 : v >= 1 ? 255 : v * 255 + 0.5);
}

/* ---- images ---- */

static colour image_colour(const view *v, shown_paint how, double scale, const double *values, int64_t y, int64_t x)
{
    const double a = element(v, values, 0, y, x) * scale;
    if (isnan(a)) return nothing;
    if (how == PAINT_GREY || v->channels < 3) return (colour){shade(a), shade(a), shade(a)};
    return (colour){shade(a), shade(element(v, values, 1, y, x) * scale), shade(element(v, values, 2, y, x) * scale)};
}

typedef struct range {
    double low, high;
} range;

static void widen(range *r, const view *v, const double *values, int channel)
{
    for (int64_t y = 0; values != NULL && y < v->height; y++)
        for (int64_t x = 0; x < v->width; x++) {
            const double e = element(v, values, channel, y, x);
            if (!isfinite(e)) continue;
            if (e < r->low) r->low = e;
            if (e > r->high) r->high = e;
        }
}

colour draw_behind(const plan *p, int input, const shown_sample *s, int64_t y, int64_t x)
{
    const shown_input *in = input < 0 ? NULL : &p->input[input];
    double             v;
    if (in == NULL) return PAPER;
    if (in->paint != PAINT_HEAT) return image_colour(&in->view, in->paint, in->scale, s->input[input], y, x);
    v = (element(&in->view, s->input[input], 0, y, x) - s->low[input]) / (s->high[input] - s->low[input]);
    return isfinite(v) ? palette_mix(INK, PAPER, v) : nothing;
}

/* One pixel, zoom times zoom. */
static void put(const canvas *c, const panel *a, int x, int y, int64_t row, int64_t column, colour k)
{
    canvas_fill(c, x + (int)(column / a->step) * a->zoom, y + (int)(row / a->step) * a->zoom, a->zoom, a->zoom, k);
}

#define EACH_PIXEL(v, a, row, column)                                                                                            \
    for (int64_t row = 0; row < (v)->height; row += (a)->step)                                                                   \
        for (int64_t column = 0; column < (v)->width; column += (a)->step)

/* the scale below: its ends in numbers */
static void draw_scale(const canvas *c, const panel *a, int x, int y, double low, double high, bool error)
{
    char text[32];
    for (int i = 0; i < a->width; i++) {
        const double share = a->width > 1 ? (double)i / (a->width - 1) : 0;
        canvas_fill(c, x + i, y + 2, 1, 8, error ? palette_signed(2 * share - 1) : palette_heat(share));
    }
    (void)snprintf(text, sizeof text, "%.3g", low);
    canvas_text(c, x, y + 12, text, INK);
    (void)snprintf(text, sizeof text, "%.3g", high);
    canvas_text(c, x + a->width - text_width(text), y + 12, text, INK);
}

static void draw_heat(const view *v, const panel *a, const double *values, range r, const canvas *c, int x, int y)
{
    if (!(r.high >= r.low)) r = (range){0, 0};
    EACH_PIXEL(v, a, row, column)
    {
        const double e = element(v, values, a->channel, row, column);
        put(c, a, x, y, row, column, isnan(e) ? nothing : palette_heat(r.high > r.low ? (e - r.low) / (r.high - r.low) : 0.5));
    }
    draw_scale(c, a, x, y + a->height - 12 - TEXT_HEIGHT, r.low, r.high, false);
}

/* Prediction less truth; of grey and coloured ones the mean of the channels. */
static double difference(const shown_target *t, const shown_sample *s, int k, const panel *a, int64_t y, int64_t x)
{
    double        sum = 0;
    const int64_t n   = t->paint == PAINT_HEAT ? 1 : t->view.channels;
    for (int64_t i = 0; i < n; i++) {
        const int64_t ch = t->paint == PAINT_HEAT ? a->channel : i;
        sum += element(&t->view, s->output[k], ch, y, x) - element(&t->truth_view, s->truth[k], ch, y, x);
    }
    return sum / (double)n;
}

static void draw_error(const plan *p, const panel *a, const shown_sample *s, const canvas *c, int x, int y)
{
    const shown_target *t    = &p->target[a->target];
    double              most = 0;
    EACH_PIXEL(&t->view, a, row, column)
    {
        const double d = fabs(difference(t, s, a->target, a, row, column));
        if (isfinite(d) && d > most) most = d;
    }
    EACH_PIXEL(&t->view, a, row, column)
    {
        const double d = difference(t, s, a->target, a, row, column);
        put(c, a, x, y, row, column, isnan(d) ? nothing : palette_signed(most > 0 ? d / most : 0));
    }
    draw_scale(c, a, x, y + a->height - 12 - TEXT_HEIGHT, -most, most, true);
}

static void draw_image(const plan *p, const panel *a, const shown_sample *s, const canvas *c, int x, int y)
{
    const int         k = a->target;
    const view       *v = k < 0 ? &p->input[a->input].view : a->of == SIDE_TRUTH ? &p->target[k].truth_view : &p->target[k].view;
    const shown_paint how    = k < 0 ? p->input[a->input].paint : p->target[k].paint;
    const double     *values = k < 0 ? s->input[a->input] : a->of == SIDE_TRUTH ? s->truth[k] : s->output[k];
    range             r      = {INFINITY, -INFINITY};
    if (a->of == SIDE_ERROR) {
        draw_error(p, a, s, c, x, y);
    } else if (how == PAINT_HEAT) { /* truth and prediction have one scale */
        widen(&r, v, values, a->channel);
        if (k >= 0 && p->target[k].truth) {
            widen(&r, &p->target[k].view, s->output[k], a->channel);
            widen(&r, &p->target[k].truth_view, s->truth[k], a->channel);
        }
        draw_heat(v, a, values, r, c, x, y);
    } else {
        EACH_PIXEL(v, a, row, column)
        put(c, a, x, y, row, column,
            image_colour(v, how, k < 0 ? p->input[a->input].scale : p->target[k].scale, values, row, column));
    }
}

/* ---- masks ---- */

int64_t predicted_class(const shown_target *t, const double *output, int64_t at)
{
    int64_t best = 0;
    if (t->binary) return output[at] > t->cut;
    for (int64_t i = 1; i < t->classes; i++)
        if (output[at + i] > output[at + best]) best = i;
    return best;
}

static int64_t class_at(const shown_target *t, const shown_sample *s, int k, bool truth, int64_t y, int64_t x)
{
    const view *v = truth ? &t->truth_view : &t->view;
    if (!truth) return predicted_class(t, s->output[k], v->first + y * v->down + x * v->across);
    if (t->binary) return element(v, s->truth[k], 0, y, x) > 0.5;
    return (int64_t)element(v, s->truth[k], 0, y, x);
}

/* a class that there is, not one that is left out */
static bool counts(const shown_target *t, int64_t label)
{
    return label >= 0 && label < t->classes;
}

static void draw_mask(const plan *p, const panel *a, const shown_sample *s, const canvas *c, int x, int y)
{
    const shown_target *t = &p->target[a->target];
    EACH_PIXEL(&t->view, a, row, column)
    {
        const int64_t label = class_at(t, s, a->target, a->of == SIDE_TRUTH, row, column);
        const colour  k     = palette_grey(draw_behind(p, a->input, s, row, column)); /* so that colours are of classes */
        const double  tint  = label == 0 && a->input >= 0 ? 0 : 0.65;
        put(c, a, x, y, row, column, !counts(t, label) ? FAINT : palette_mix(k, palette_class(label), tint));
    }
}

static void draw_wrong(const plan *p, const panel *a, const shown_sample *s, const canvas *c, int x, int y)
{
    const shown_target *t = &p->target[a->target];
    EACH_PIXEL(&t->view, a, row, column)
    {
        const int64_t label = class_at(t, s, a->target, true, row, column);
        const bool    wrong = counts(t, label) && label != class_at(t, s, a->target, false, row, column);
        put(c, a, x, y, row, column,
            wrong ? WRONG : palette_mix(palette_grey(draw_behind(p, a->input, s, row, column)), PAPER, 0.65));
    }
}

/* ---- words ---- */

/* counted over all pixels of the view, whatever is left out of a large one */
static void count_wrong(const shown_target *t, const shown_sample *s, int k, int64_t *wrong, int64_t *all)
{
    *wrong = *all = 0;
    for (int64_t y = 0; y < t->view.height; y++)
        for (int64_t x = 0; x < t->view.width; x++) {
            const int64_t label = class_at(t, s, k, true, y, x);
            *all += counts(t, label);
            *wrong += counts(t, label) && label != class_at(t, s, k, false, y, x);
        }
}

static double mean_square(const shown_target *t, const shown_sample *s, int k)
{
    double        sum = 0;
    const int64_t n   = t->numel < t->truth_numel ? t->numel : t->truth_numel;
    for (int64_t i = 0; i < n; i++) sum += (s->output[k][i] - s->truth[k][i]) * (s->output[k][i] - s->truth[k][i]);
    return n > 0 ? sum / (double)n : 0;
}

/* softmax of the class i */
static double probability(const shown_target *t, const double *output, int64_t i)
{
    double most = output[0], sum = 0;
    for (int64_t j = 1; j < t->classes; j++)
        if (output[j] > most) most = output[j];
    for (int64_t j = 0; j < t->classes; j++) sum += exp(output[j] - most);
    return exp(output[i] - most) / sum;
}

static double f1_of(const shown_sample *s, int k)
{
    bool    hit[256] = {false}, seen[256] = {false};
    boxes   real = s->real[k], found = s->found[k];
    int64_t both;
    if (real.n > 256) real.n = 256;
    if (found.n > 256) found.n = 256;
    both = boxes_match(&real, &found, hit, seen);
    return real.n + found.n == 0 ? 1 : 2.0 * (double)both / (double)(real.n + found.n);
}

double sample_error(const plan *p, const shown_sample *s)
{
    const shown_target *t = &p->target[0];
    int64_t             wrong, all;
    if (t->kind == TARGET_CLASS) {
        const int64_t label = (int64_t)s->truth[0][0];
        return counts(t, label) ? -log(probability(t, s->output[0], label)) : 0;
    }
    if (t->kind == TARGET_BOXES) return 1 - f1_of(s, 0);
    if (t->kind != TARGET_MASK) return mean_square(t, s, 0);
    count_wrong(t, s, 0, &wrong, &all);
    return all > 0 ? (double)wrong / (double)all : 0;
}

static colour say_class(const shown_target *t, const shown_sample *s, int k, char *out, size_t size)
{
    char          a[24], b[24];
    const int64_t is   = predicted_class(t, s->output[k], 0);
    const double  sure = probability(t, s->output[k], is);
    if (!t->truth) {
        (void)snprintf(out, size, "%s (%.2f)", class_text(t, is, a), sure);
        return INK;
    }
    if ((int64_t)s->truth[k][0] == is)
        (void)snprintf(out, size, "%s (%.2f)", class_text(t, is, a), sure);
    else
        (void)snprintf(out, size, "%s, taken for %s (%.2f)", class_text(t, (int64_t)s->truth[k][0], a), class_text(t, is, b),
                       sure);
    return (int64_t)s->truth[k][0] == is ? RIGHT : WRONG;
}

/* up to four of n numbers, behind *at */
static void say_numbers(const double *v, int64_t n, char *out, size_t size, size_t *at)
{
    for (int64_t i = 0; i < n && i < 4 && *at < size; i++)
        *at += (size_t)snprintf(out + *at, size - *at, i > 0 ? ", %.4g" : "%.4g", v[i]);
}

static void say_values(const shown_target *t, const shown_sample *s, int k, char *out, size_t size)
{
    size_t at = 0;
    say_numbers(s->output[k], t->numel, out, size, &at);
    if (!t->truth || at >= size) return;
    at += (size_t)snprintf(out + at, size - at, " (truth ");
    say_numbers(s->truth[k], t->numel, out, size, &at);
    if (at < size) (void)snprintf(out + at, size - at, ")");
}

static void say_boxes(const shown_target *t, const shown_sample *s, int k, char *out, size_t size)
{
    bool    hit[256] = {false}, seen[256] = {false};
    boxes   real = s->real[k], found = s->found[k];
    int64_t both;
    if (real.n > 256) real.n = 256;
    if (found.n > 256) found.n = 256;
    both = boxes_match(&real, &found, hit, seen);
    if (!t->truth)
        (void)snprintf(out, size, "%" PRId64 " found", s->found[k].n);
    else
        (void)snprintf(out, size, "%" PRId64 " of %" PRId64 " found, %" PRId64 " false", both, real.n, found.n - both);
}

/* The line of target k. */
static colour say_target(const shown_target *t, const shown_sample *s, int k, char *out, size_t size)
{
    int64_t wrong, all;
    out[0] = '\0';
    switch (t->kind) {
    case TARGET_CLASS:
        return say_class(t, s, k, out, size);
    case TARGET_VALUES:
        say_values(t, s, k, out, size);
        break;
    case TARGET_BOXES:
        say_boxes(t, s, k, out, size);
        break;
    case TARGET_MASK:
        if (!t->truth) break;
        count_wrong(t, s, k, &wrong, &all);
        (void)snprintf(out, size, "%" PRId64 " of %" PRId64 " pixels wrong (%.2f %%)", wrong, all,
                       all > 0 ? 100.0 * (double)wrong / (double)all : 0.0);
        break;
    default:
        if (t->truth) (void)snprintf(out, size, "error %.3g (root mean square)", sqrt(mean_square(t, s, k)));
    }
    return INK;
}

/* Of inputs that are heat, for what is drawn over them. */
static void find_ranges(const plan *p, shown_sample *s)
{
    for (int i = 0; i < p->ninputs; i++) {
        range r = {INFINITY, -INFINITY};
        if (p->input[i].kind == FIELD_IMAGE) widen(&r, &p->input[i].view, s->input[i], 0);
        s->low[i]  = r.low;
        s->high[i] = r.high > r.low ? r.high : r.low + 1;
    }
}

typedef void          draw_fn(const plan *p, const panel *a, const shown_sample *s, const canvas *c, int x, int y);
static draw_fn *const draws[] = {[PANEL_IMAGE]  = draw_image,
                                 [PANEL_MASK]   = draw_mask,
                                 [PANEL_WRONG]  = draw_wrong,
                                 [PANEL_BOXES]  = draw_boxes,
                                 [PANEL_CURVES] = draw_curves};

bool draw_sample(const plan *p, shown_sample *s, canvas *out)
{
    char line[160], words[128], cut[160];
    if (!canvas_make(out, p->width, p->height, PAPER)) return false;
    find_ranges(p, s);
    (void)snprintf(line, sizeof line, "row %" PRId64, s->row);
    canvas_text(out, 0, 0, text_fit(line, p->width, cut, sizeof cut), INK);
    for (int k = 0; k < p->ntargets; k++) {
        const colour ink = say_target(&p->target[k], s, k, words, sizeof words);
        (void)snprintf(line, sizeof line, "%.30s%s%s", p->target[k].several ? p->target[k].name : "",
                       p->target[k].several ? ": " : "", words);
        canvas_text(out, 0, (k + 1) * TEXT_HEIGHT, text_fit(line, p->width, cut, sizeof cut), ink);
    }
    for (int i = 0; i < p->npanels; i++) {
        const panel *a = &p->panel[i];
        canvas_text(out, a->x, a->y - TEXT_HEIGHT, text_fit(a->title, a->width, cut, sizeof cut), INK);
        draws[a->kind](p, a, s, out, a->x, a->y);
    }
    return true;
}
