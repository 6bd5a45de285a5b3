#include "pictures/samples.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what there is to see ---- */

static const hoop_dataset_field *field_of(const samples *s, int k)
{
    return &hoop_dataset_about(hoop_trained_data(s->t))->field[k];
}

/* Colours of reals: three channels, from 0 to 1 in row 0. */
static bool is_coloured(samples *s, int k, const view *v, int64_t numel)
{
    const int64_t row = 0;
    double       *x;
    bool          all = true;
    if (v->channels != 3 || numel < 1) return false;
    x = malloc((size_t)numel * sizeof *x);
    if (x == NULL || hoop_dataset_read(hoop_trained_data(s->t), &row, 1, k, HOOP_F64, x, NULL) != HOOP_OK) all = false;
    for (int64_t i = 0; all && i < numel; i++) all = x[i] >= 0 && x[i] <= 1;
    free(x);
    return all;
}

/* How field k of the data is painted. */
static shown_paint paint_of(samples *s, int k, const view *v, double *scale)
{
    const hoop_dataset_field *f = field_of(s, k);
    *scale                      = 1;
    if (f->dtype == HOOP_U8 && (v->channels == 1 || v->channels == 3)) {
        *scale = 1 / (255 * f->scale);
        return v->channels == 1 ? PAINT_GREY : PAINT_COLOUR;
    }
    return f->dtype != HOOP_U8 && is_coloured(s, k, v, f->numel) ? PAINT_COLOUR : PAINT_HEAT;
}

/* Two dims are an image where they are large; a window of a series is none, whatever its size. */
static field_kind kind_of(const samples *s, int k, view *v)
{
    enum { IMAGE_SIDE = 16, SERIES = 4, VECTOR = 12 };
    const hoop_dataset_field *f     = field_of(s, k);
    const bool                table = hoop_dataset_column(hoop_trained_data(s->t), k, 0) != NULL;
    if (hoop_dataset_tokenizer(hoop_trained_data(s->t)) != NULL) return FIELD_OTHER;
    if (!f->varies && f->window == 0 && view_of(f->ndim, f->shape, false, v) &&
        (f->ndim > 2 || f->dtype == HOOP_U8 || (v->height >= IMAGE_SIDE && v->width >= IMAGE_SIDE)))
        return FIELD_IMAGE;
    if (f->ndim == 2 && (f->varies || f->shape[0] >= SERIES)) return FIELD_SERIES;
    if (f->ndim == 1 && (f->window > 0 || f->varies || (!table && f->shape[0] >= VECTOR))) return FIELD_SERIES;
    return FIELD_OTHER;
}

static void take_input(samples *s, int k)
{
    const hoop_dataset_field *f  = field_of(s, k);
    shown_input              *in = &s->plan.input[k];
    *in                          = (shown_input){
                                 .name = f->name, .path = f->path, .varies = f->varies, .ndim = f->ndim, .numel = f->numel, .window = f->window};
    memcpy(in->size, f->shape, sizeof in->size);
    in->kind = kind_of(s, k, &in->view);
    if (in->kind == FIELD_IMAGE) in->paint = paint_of(s, k, &in->view, &in->scale);
}

/* the first input of a kind; v: an image of this size */
static int input_of(const plan *p, field_kind kind, const view *v)
{
    for (int i = 0; i < p->ninputs; i++) {
        const shown_input *in = &p->input[i];
        if (in->kind == kind &&
            (v == NULL || (in->view.height == v->height && in->view.width == v->width && in->view.slices == v->slices)))
            return i;
    }
    return -1;
}

/* Is target k the very input, to be made again? */
static int copied(const samples *s, int k)
{
    const hoop_dataset_field *y = field_of(s, s->plan.ninputs + k);
    for (int i = 0; i < s->plan.ninputs; i++)
        if (strcmp(field_of(s, i)->path, y->path) == 0 && y->horizon == 0) return i;
    return -1;
}

static hoop_status take_names(samples *s, int k, hoop_error *err)
{
    shown_target *t = &s->plan.target[k];
    if (hoop_trained_name(s->t, k, 0) == NULL) return HOOP_OK;
    s->names[k] = calloc((size_t)t->classes + 1, sizeof *s->names[k]);
    if (s->names[k] == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for names of classes");
    for (int64_t i = 0; i < t->classes; i++) s->names[k][i] = hoop_trained_name(s->t, k, i);
    t->class_name = s->names[k];
    return HOOP_OK;
}

static void take_mask(samples *s, int k)
{
    const hoop_dataset_field *y                           = field_of(s, s->plan.ninputs + k);
    shown_target             *t                           = &s->plan.target[k];
    int64_t                   size[HOOP_DATASET_DIMS + 1] = {0};
    t->kind                                               = TARGET_MASK;
    t->behind                                             = input_of(&s->plan, FIELD_IMAGE, &t->view);
    if (!t->truth) return;
    memcpy(size, y->shape, (size_t)y->ndim * sizeof *size);
    size[y->ndim] = 1; /* labels, as outputs of one class */
    t->truth      = view_of(t->binary ? y->ndim : y->ndim + 1, size, !t->binary, &t->truth_view) &&
               t->truth_view.height == t->view.height && t->truth_view.width == t->view.width &&
               t->truth_view.slices == t->view.slices;
}

static void take_image(samples *s, int k)
{
    const hoop_dataset_field *y  = field_of(s, s->plan.ninputs + k);
    shown_target             *t  = &s->plan.target[k];
    const int                 of = copied(s, k), like = of >= 0 ? of : input_of(&s->plan, FIELD_IMAGE, &t->view);
    t->kind  = TARGET_IMAGE;
    t->copy  = of >= 0;
    t->paint = PAINT_HEAT;
    t->scale = 1;
    if (t->truth)
        t->truth = view_of(y->ndim, y->shape, false, &t->truth_view) && t->truth_view.height == t->view.height &&
                   t->truth_view.width == t->view.width && t->truth_view.channels == t->view.channels;
    if (t->truth) {
        t->paint = paint_of(s, s->plan.ninputs + k, &t->truth_view, &t->scale);
    } else if (like >= 0 && s->plan.input[like].view.channels == t->view.channels) {
        t->paint = s->plan.input[like].paint;
        t->scale = s->plan.input[like].scale;
    }
}

static void take_series(samples *s, int k)
{
    const hoop_dataset_field *y = field_of(s, s->plan.ninputs + k);
    shown_target             *t = &s->plan.target[k];
    t->kind                     = TARGET_SERIES;
    t->behind                   = input_of(&s->plan, FIELD_SERIES, NULL);
    t->copy                     = copied(s, k) == t->behind && t->behind >= 0;
    t->from                     = y->horizon > 0 ? y->horizon - (y->window > 0 ? y->window : 1) + 1 : 1;
    t->truth                    = t->truth && t->truth_numel == t->numel;
}

/* Targets are matched with those trained on where all are there (hoop_trained_opts). */
static bool all_present(const samples *s)
{
    for (int k = 0; k < s->plan.ntargets; k++)
        if (!field_of(s, s->plan.ninputs + k)->present) return false;
    return true;
}

/* What boxes are drawn over; a detector takes images, also where such data alone could be series (kind_of). */
static int take_ground(samples *s)
{
    int i = input_of(&s->plan, FIELD_IMAGE, NULL);
    for (int k = 0; i < 0 && k < s->plan.ninputs; k++) {
        shown_input *in = &s->plan.input[k];
        if (in->varies || in->window > 0 || !view_of(in->ndim, in->size, false, &in->view)) continue;
        in->kind  = FIELD_IMAGE;
        in->paint = paint_of(s, k, &in->view, &in->scale);
        i         = k;
    }
    return i;
}

static hoop_status take_target(samples *s, int k, hoop_error *err)
{
    const hoop_target         is = hoop_trainer_target(hoop_trained_trainer(s->t), k);
    const hoop_dataset_field *y  = field_of(s, s->plan.ninputs + k);
    shown_target             *t  = &s->plan.target[k];
    hoop_trained_output       out;
    (void)hoop_trained_output_at(s->t, k, &out);
    *t = (shown_target){.name        = is.name,
                        .kind        = TARGET_VALUES,
                        .truth       = all_present(s) && !y->varies,
                        .several     = s->plan.ntargets > 1,
                        .behind      = -1,
                        .dtype       = out.dtype,
                        .ndim        = out.ndim,
                        .numel       = 1,
                        .truth_numel = y->numel};
    memcpy(t->size, out.shape, sizeof t->size);
    for (int d = 0; d < out.ndim; d++) t->numel *= out.shape[d];
    if (t->numel < 0) return HOOP_OK; /* reading says what is wrong */
    if (is.loss->boxes) {
        t->behind  = take_ground(s);
        t->kind    = t->behind < 0 ? TARGET_VALUES : TARGET_BOXES; /* numbers where there is nothing to draw boxes over */
        t->truth   = t->behind >= 0 && all_present(s);
        t->classes = is.classes;
        return take_names(s, k, err);
    }
    if (is.loss->classes) {
        t->classes = out.ndim > 0 ? out.shape[out.ndim - 1] : 0;
        if (out.ndim == 1) {
            t->kind  = TARGET_CLASS;
            t->truth = t->truth && y->numel == 1;
        }
        if (out.ndim > 2 && view_of(out.ndim, out.shape, true, &t->view)) take_mask(s, k);
        return take_names(s, k, err);
    }
    if (out.ndim > 1 && view_of(out.ndim, out.shape, false, &t->view) &&
        (out.ndim > 2 || input_of(&s->plan, FIELD_SERIES, NULL) < 0)) {
        t->binary = is.loss->binary && t->view.channels == 1;
        t->cut    = is.loss->cut;
        if (t->binary) t->classes = 2;
        if (t->binary)
            take_mask(s, k);
        else
            take_image(s, k);
    } else if (t->numel > 1 && out.ndim <= 2 && input_of(&s->plan, FIELD_SERIES, NULL) >= 0) {
        take_series(s, k);
    }
    if (t->kind == TARGET_VALUES) t->truth = t->truth && t->truth_numel == t->numel;
    return HOOP_OK;
}

static hoop_status nothing_to_see(const samples *s, hoop_error *err)
{
    const hoop_dataset_field *f      = field_of(s, 0);
    char                      t[128] = "";
    int                       at     = 0;
    for (int d = 0; d < f->ndim && at < (int)sizeof t; d++)
        at += snprintf(t + at, sizeof t - (size_t)at, d > 0 ? ", %lld" : "%lld", (long long)f->shape[d]);
    return hoop_fail(err, HOOP_ESHAPE, "--pictures: rows of %s are [%s]%s; there are pictures of images, fields and series",
                     f->path, t, hoop_dataset_tokenizer(hoop_trained_data(s->t)) != NULL ? ", of text" : "");
}

hoop_status samples_open(hoop_trained *t, hoop_error *err, samples *out)
{
    const hoop_dataset_info *about = hoop_dataset_about(hoop_trained_data(t));
    hoop_status              st    = HOOP_OK;
    *out                           = (samples){.t = t};
    out->plan.ntargets             = hoop_trainer_targets(hoop_trained_trainer(t));
    out->plan.ninputs              = about->nfields - out->plan.ntargets;
    for (int i = 0; i < out->plan.ninputs; i++) take_input(out, i);
    for (int k = 0; k < out->plan.ntargets && st == HOOP_OK; k++) st = take_target(out, k, err);
    if (st != HOOP_OK) return st;
    plan_panels(&out->plan);
    return out->plan.npanels == 0 ? nothing_to_see(out, err) : HOOP_OK;
}

void samples_close(samples *s)
{
    for (int k = 0; k < HOOP_DATASET_FIELDS; k++) {
        free(s->now.input[k]);
        free(s->now.truth[k]);
        free(s->now.output[k]);
        free(s->names[k]);
        free(s->raw[k]);
        for (int i = 0; i < 2; i++) {
            boxes *b = i == 0 ? &s->now.real[k] : &s->now.found[k];
            free(b->corner);
            free(b->score);
            free(b->label);
        }
    }
    *s = (samples){0};
}

/* ---- a sample ---- */

/* Row `row` of field k, as long as it is where it varies, into *to. */
static hoop_status read_field(samples *s, int k, int64_t row, double **to, hoop_error *err)
{
    hoop_dataset *ds     = hoop_trained_data(s->t);
    int64_t       length = 0, numel = field_of(s, k)->numel;
    double       *grown;
    hoop_status   st = HOOP_OK;
    if (field_of(s, k)->varies) {
        st             = hoop_dataset_lengths(ds, &row, 1, k, &length, err);
        numel          = length * hoop_dataset_inner(field_of(s, k));
        s->now.rows[k] = length;
    }
    if (st != HOOP_OK) return st;
    if (*to == NULL || numel > s->room[k]) {
        grown = realloc(*to, (size_t)(numel + 1) * sizeof **to);
        if (grown == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a row of %s", field_of(s, k)->path);
        *to        = grown;
        s->room[k] = numel;
    }
    return numel == 0 ? HOOP_OK : hoop_dataset_read_padded(ds, &row, 1, k, HOOP_F64, length, *to, err);
}

/* ---- boxes ---- */

enum { TRUE_BOX = 5, FOUND_BOX = 6, CLASS_OF_TRUE = 4, SCORE_OF_FOUND = 4, CLASS_OF_FOUND = 5 };

static hoop_status room_for_boxes(boxes *b, int64_t n, bool scores, hoop_error *err)
{
    free(b->corner);
    free(b->label);
    free(b->score);
    *b = (boxes){.corner = malloc((size_t)n * 4 * sizeof *b->corner + 1),
                 .score  = scores ? malloc((size_t)n * sizeof *b->score + 1) : NULL,
                 .label  = malloc((size_t)n * sizeof *b->label + 1)};
    return b->corner != NULL && b->label != NULL && (!scores || b->score != NULL)
               ? HOOP_OK
               : hoop_fail(err, HOOP_ENOMEM, "no memory for %lld boxes", (long long)n);
}

/* Rows of a list: corners, then (of what was found) a score, then the class; without an area, or of class -1, they are padding.
 */
static hoop_status take_boxes(const double *list, int64_t n, bool found, boxes *out, hoop_error *err)
{
    const int   width = found ? FOUND_BOX : TRUE_BOX;
    hoop_status st    = room_for_boxes(out, n, found, err);
    for (int64_t i = 0; i < n && st == HOOP_OK; i++) {
        const double *b = list + i * width;
        if (found && !(b[SCORE_OF_FOUND] >= SHOW_SCORE)) continue;
        if (!(b[2] > b[0]) || !(b[3] > b[1]) || b[found ? CLASS_OF_FOUND : CLASS_OF_TRUE] < 0) continue;
        memcpy(out->corner + 4 * out->n, b, 4 * sizeof *b);
        if (found) out->score[out->n] = b[SCORE_OF_FOUND];
        out->label[out->n++] = (int64_t)b[found ? CLASS_OF_FOUND : CLASS_OF_TRUE];
    }
    return st;
}

static hoop_status read_boxes(samples *s, int k, hoop_error *err)
{
    const shown_target *t    = &s->plan.target[k];
    const int           f    = s->plan.ninputs + k;
    const int64_t       rows = field_of(s, f)->varies ? s->now.rows[f] : field_of(s, f)->shape[0];
    hoop_status         st   = take_boxes(s->now.output[k], t->size[0], true, &s->now.found[k], err);
    return st == HOOP_OK && t->truth ? take_boxes(s->now.truth[k], rows, false, &s->now.real[k], err) : st;
}

/* ---- all of it ---- */

/* of n rows */
static hoop_status room_for_outputs(samples *s, int64_t n, hoop_error *err)
{
    for (int k = 0; k < s->plan.ntargets; k++) {
        const shown_target *t = &s->plan.target[k];
        void               *more;
        if (t->numel < 0) continue; /* the library says what is wrong */
        more = n > s->ahead_room || s->raw[k] == NULL ? realloc(s->raw[k], (size_t)(n * t->numel) * hoop_dtype_size(t->dtype) + 1)
                                                      : s->raw[k];
        if (more != NULL) s->raw[k] = more;
        if (s->now.output[k] == NULL) s->now.output[k] = malloc((size_t)t->numel * sizeof *s->now.output[k] + 1);
        if (more == NULL || s->now.output[k] == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for predictions");
    }
    if (n > s->ahead_room) s->ahead_room = n;
    return HOOP_OK;
}

hoop_status samples_ahead(samples *s, int64_t first, int64_t n, hoop_error *err)
{
    int64_t     index[SAMPLES_AHEAD];
    hoop_status st = room_for_outputs(s, n, err);
    for (int64_t i = 0; i < n; i++) index[i] = first + i;
    if (st == HOOP_OK) st = hoop_trained_rows(s->t, index, n, s->raw, err);
    s->first = first;
    s->ahead = st == HOOP_OK ? n : 0;
    return st;
}

/* outputs of row `row`, which are there, to s->now */
static void take_outputs(samples *s, int64_t row)
{
    for (int k = 0; k < s->plan.ntargets; k++) {
        const shown_target *t  = &s->plan.target[k];
        const int64_t       at = (row - s->first) * t->numel;
        for (int64_t i = 0; i < t->numel; i++)
            s->now.output[k][i] =
                t->dtype == HOOP_F64 ? ((const double *)s->raw[k])[at + i] : (double)((const float *)s->raw[k])[at + i];
    }
}

hoop_status samples_read(samples *s, int64_t row, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    s->now.row     = row;
    for (int i = 0; i < s->plan.ninputs && st == HOOP_OK; i++)
        if (s->plan.input[i].kind != FIELD_OTHER) st = read_field(s, i, row, &s->now.input[i], err);
    for (int k = 0; k < s->plan.ntargets && st == HOOP_OK; k++)
        if (s->plan.target[k].truth) st = read_field(s, s->plan.ninputs + k, row, &s->now.truth[k], err);
    if (st == HOOP_OK && (row < s->first || row >= s->first + s->ahead)) st = samples_ahead(s, row, 1, err);
    if (st == HOOP_OK) take_outputs(s, row);
    for (int k = 0; k < s->plan.ntargets && st == HOOP_OK; k++)
        if (s->plan.target[k].kind == TARGET_BOXES) st = read_boxes(s, k, err);
    return st;
}
