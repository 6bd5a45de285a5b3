/* Which panels a sample has, and where they stand. */
#include "pictures/show.h"

#include <stdio.h>
#include <string.h>

enum {
    GAP           = 12,
    SMALL         = 256,
    BOXED         = 384,
    LARGE         = 1024,
    SCALE_HEIGHT  = 12 + TEXT_HEIGHT,
    CURVES_WIDTH  = 640,
    CURVES_HEIGHT = 340
};

bool view_of(int ndim, const int64_t *size, bool classes, view *out)
{
    const int last = ndim - (classes ? 1 : 0), dims = classes ? last : ndim > 2 ? ndim - 1 : ndim, first = last - dims;
    int64_t   step = classes ? size[ndim - 1] : 1;
    if (dims < 2 || dims > 3 || first > 1) return false;
    *out        = (view){.channels = classes ? size[ndim - 1] : first == 1 ? size[0] : 1};
    out->width  = size[last - 1];
    out->height = size[last - 2];
    out->across = step;
    out->down   = step * out->width;
    step        = out->down * out->height;
    if (dims == 3) {
        out->slices = size[last - 3];
        out->slice  = out->slices / 2;
        out->first  = out->slice * step;
        step *= out->slices;
    }
    out->channel = classes ? 1 : step;
    return out->width > 0 && out->height > 0 && out->channels > 0;
}

/* ---- places ---- */

static panel *add(plan *p, panel_kind kind, shown_side of, int input, int target)
{
    panel *a = &p->panel[p->npanels < SHOW_PANELS ? p->npanels++ : SHOW_PANELS - 1];
    *a       = (panel){.kind = kind, .of = of, .input = input, .target = target, .zoom = 1, .step = 1};
    return a;
}

static void size_image(panel *a, const view *v, int least, bool scaled)
{
    const int64_t longest = v->height > v->width ? v->height : v->width;
    if (longest > LARGE) a->step = (int)((longest + LARGE - 1) / LARGE);
    if (longest < least) a->zoom = (int)(least / longest);
    a->width  = (int)((v->width + a->step - 1) / a->step) * a->zoom;
    a->height = (int)((v->height + a->step - 1) / a->step) * a->zoom + (scaled ? SCALE_HEIGHT : 0);
}

static void title(panel *a, const char *name, const char *what, const view *v, int channel)
{
    int at = snprintf(a->title, sizeof a->title, "%.30s%s%s", name, name[0] != '\0' && what[0] != '\0' ? " " : "", what);
    if (channel >= 0 && at < (int)sizeof a->title) at += snprintf(a->title + at, sizeof a->title - (size_t)at, " %d", channel);
    if (v != NULL && v->slices > 0 && at < (int)sizeof a->title)
        (void)snprintf(a->title + at, sizeof a->title - (size_t)at, " z=%lld", (long long)v->slice);
}

/* A row of panels: next to each other, as high as the highest. */
static void place(plan *p, int from, int *y)
{
    int x = 0, high = 0;
    for (int i = from; i < p->npanels; i++) {
        panel *a = &p->panel[i];
        a->x     = x;
        a->y     = *y + TEXT_HEIGHT;
        x += a->width + GAP;
        if (a->height > high) high = a->height;
    }
    if (from == p->npanels) return;
    if (x - GAP > p->width) p->width = x - GAP;
    *y += TEXT_HEIGHT + high + GAP;
}

/* ---- what is shown ---- */

/* one panel, or of heat one for each channel */
static void add_image(plan *p, shown_side of, int input, int target, const view *v, shown_paint how, const char *name,
                      const char *what)
{
    const int n = how != PAINT_HEAT ? 1 : v->channels < SHOW_CHANNELS ? (int)v->channels : SHOW_CHANNELS;
    for (int c = 0; c < n; c++) {
        panel *a   = add(p, PANEL_IMAGE, of, input, target);
        a->channel = c;
        size_image(a, v, SMALL, how == PAINT_HEAT || of == SIDE_ERROR);
        title(a, name, what, v, n > 1 ? c : -1);
    }
}

static bool is_shown(const plan *p, int input)
{
    for (int k = 0; k < p->ntargets; k++)
        if (p->target[k].behind == input && (p->target[k].kind == TARGET_SERIES || p->target[k].kind == TARGET_BOXES))
            return true;
    return false;
}

static void add_inputs(plan *p)
{
    for (int i = 0; i < p->ninputs; i++) {
        const shown_input *in   = &p->input[i];
        const char        *name = p->ninputs > 1 ? in->name : "";
        const int64_t      all  = in->ndim > 1 ? in->size[1] : 1;
        if (in->kind == FIELD_IMAGE && !is_shown(p, i)) add_image(p, SIDE_INPUT, i, -1, &in->view, in->paint, name, "input");
        for (int c = 0; in->kind == FIELD_SERIES && !is_shown(p, i) && c < all && c < SHOW_CHANNELS; c++) {
            panel *a   = add(p, PANEL_CURVES, SIDE_INPUT, i, -1);
            a->channel = c;
            a->width   = CURVES_WIDTH;
            a->height  = CURVES_HEIGHT;
            title(a, name, "input", NULL, all > 1 ? c : -1);
        }
    }
}

static void add_over(plan *p, int k, panel_kind kind, shown_side of, const view *v, int least, const char *name, const char *what)
{
    panel *a = add(p, kind, of, p->target[k].behind, k);
    size_image(a, v, least, false);
    title(a, name, what, v, -1);
}

static void add_target(plan *p, int k)
{
    const shown_target *t    = &p->target[k];
    const char         *name = t->several ? t->name : "";
    const int64_t       all  = t->ndim > 1 ? t->size[1] : 1;
    switch (t->kind) {
    case TARGET_MASK:
        if (t->truth) add_over(p, k, PANEL_MASK, SIDE_TRUTH, &t->view, SMALL, name, "truth");
        add_over(p, k, PANEL_MASK, SIDE_PREDICTION, &t->view, SMALL, name, "prediction");
        if (t->truth) add_over(p, k, PANEL_WRONG, SIDE_ERROR, &t->view, SMALL, name, "wrong");
        break;
    case TARGET_BOXES:
        if (t->truth) add_over(p, k, PANEL_BOXES, SIDE_TRUTH, &p->input[t->behind].view, BOXED, name, "truth");
        add_over(p, k, PANEL_BOXES, SIDE_PREDICTION, &p->input[t->behind].view, BOXED, name, "prediction, scores from 0.3");
        break;
    case TARGET_IMAGE:
        if (t->truth && !t->copy) add_image(p, SIDE_TRUTH, -1, k, &t->view, t->paint, name, "truth");
        add_image(p, SIDE_PREDICTION, -1, k, &t->view, t->paint, name, "prediction");
        if (t->truth) add_image(p, SIDE_ERROR, -1, k, &t->view, t->paint, name, "error");
        break;
    case TARGET_SERIES:
        for (int c = 0; c < all && c < SHOW_CHANNELS; c++) {
            panel *a   = add(p, PANEL_CURVES, SIDE_PREDICTION, t->behind, k);
            a->channel = c;
            a->width   = CURVES_WIDTH;
            a->height  = CURVES_HEIGHT;
            title(a, name, all > 1 ? "series" : "", NULL, all > 1 ? c : -1);
        }
        break;
    default:
        break;
    }
}

void plan_panels(plan *p)
{
    const bool beside = p->ntargets == 1 && p->target[0].kind != TARGET_IMAGE; /* the inputs' row goes on */
    int        y      = (1 + p->ntargets) * TEXT_HEIGHT, from;
    p->npanels = p->width = 0;
    add_inputs(p);
    from = 0;
    if (!beside && (p->ntargets > 1 || p->target[0].view.channels > 1) && p->npanels > 0) {
        place(p, from, &y);
        from = p->npanels;
    }
    for (int k = 0; k < p->ntargets; k++) {
        add_target(p, k);
        place(p, from, &y);
        from = p->npanels;
    }
    if (p->width < SMALL) p->width = SMALL;
    p->height = y;
}
