/* box_assign, box_giou, box_detect: what a detector of one stage is trained on, by how much its boxes are wrong, what it sees. */
#include "hoop/ops.h"
#include "kernels/vmath.h"
#include "ops/shape.h"

#include <math.h>
#include <string.h>

extern const hoop_op hoop__op_box_assign, hoop__op_box_giou, hoop__op_box_giou_grad, hoop__op_box_detect;

enum { PLACE = HOOP_BOX_CLASSES, SIDES = 4, TRUE_BOX = 5, FOUND = HOOP_BOX_FOUND };

/* all of it is computed in f64, of either dtype, in a fixed order */
static double get(const hoop_view *x, int64_t i)
{
    return x->dtype == HOOP_F64 ? ((const double *)x->data)[i] : (double)((const float *)x->data)[i];
}
static void set(const hoop_view *x, int64_t i, double v)
{
    if (x->dtype == HOOP_F64)
        ((double *)x->data)[i] = v;
    else
        ((float *)x->data)[i] = (float)v;
}
static double least(double a, double b)
{
    return a < b ? a : b;
}
static double most(double a, double b)
{
    return a > b ? a : b;
}

/* Outputs (n, places, 7 + classes) of floats; true: they are. */
static hoop_status check_places(const hoop_shape_call *s)
{
    const hoop_view *x = s->in[0];
    if (!hoop_dtype_is_float((hoop_dtype)x->dtype)) return hoop_fail(s->err, HOOP_EDTYPE, "outputs of floats are wanted");
    if (x->ndim != 3 || x->shape[2] <= PLACE)
        return hoop_fail(s->err, HOOP_ESHAPE, "outputs (n, places, %d + classes) are wanted", PLACE);
    return HOOP_OK;
}
/* every input with samples has them in dim 0, and all have some */
static int samples_first(const hoop_samples_call *s)
{
    for (int i = 0; i < s->nin; i++)
        if (s->axis[i] != 0) return -1;
    return 0;
}

/* ---- box_assign ---- */

typedef struct assign_attrs {
    double radius;
} assign_attrs;
static const hoop_field assign_fields[] = {{"radius", 'f', offsetof(assign_attrs, radius)}};

/**
 * hoop_box_assign - which place of a detector's outputs is to find which box.
 * Shape   out (n, places, 7 + C), boxes (n, most, 5) -> (n, places, C + 5)
 * Value   a place in a box, and at most radius strides from its middle in either dim, has that box, of several the smallest (of
 *         equal ones the first): at its class the overlap (intersection over union) of the box that the outputs say with it,
 * which its score is to be; then 1, and the distances left, top, right, bottom to the box's sides. All else is 0. Boxes are x1,
 * y1, x2, y2, class; those with x2 <= x1 or y2 <= y1 are padding Grad    zero: it says what outputs are compared with Dtype f32,
 * f64                   Errors HOOP_EARG (radius), HOOP_ESHAPE, HOOP_EDTYPE, HOOP_ERANGE (a class) Source  places: Tian et al.,
 * ICCV 2019 (FCOS), with its sampling around middles; scores: Li et al., NeurIPS 2020
 */
hoop_tensor *hoop_box_assign(hoop_tape *t, hoop_tensor *out, hoop_tensor *boxes, double radius)
{
    return hoop_op_call(t, &hoop__op_box_assign, (hoop_tensor *[]){out, boxes}, 2, &(assign_attrs){radius}, NULL);
}

static hoop_status assign_shape(hoop_shape_call *s)
{
    const hoop_view *x = s->in[0], *boxes = s->in[1];
    hoop_status      st = check_places(s);
    if (st != HOOP_OK) return st;
    if (boxes->dtype != x->dtype) return hoop_fail(s->err, HOOP_EDTYPE, "boxes of the outputs' dtype are wanted (hoop_cast)");
    if (boxes->ndim != 3 || boxes->shape[0] != x->shape[0] || boxes->shape[2] != TRUE_BOX)
        return hoop_fail(s->err, HOOP_ESHAPE, "boxes (%lld, most, %d) are wanted", (long long)x->shape[0], TRUE_BOX);
    if (!(((const assign_attrs *)s->attrs)->radius > 0.0))
        return hoop_fail(s->err, HOOP_EARG, "radius is %g; more than 0 is wanted", ((const assign_attrs *)s->attrs)->radius);
    hoop__view_set(&s->out[0], (hoop_dtype)x->dtype, 3, (int64_t[]){x->shape[0], x->shape[1], x->shape[2] - PLACE + 1 + SIDES});
    return HOOP_OK;
}

static bool is_box(const hoop_view *boxes, int64_t at)
{
    return get(boxes, at + 2) > get(boxes, at) && get(boxes, at + 3) > get(boxes, at + 1);
}
static hoop_status check_classes(const hoop_call *c)
{
    const hoop_view *boxes   = c->in[1];
    const int64_t    classes = c->in[0]->shape[2] - PLACE, all = boxes->shape[1];
    for (int64_t i = 0; i < boxes->shape[0] * all; i++) {
        const double label = get(boxes, i * TRUE_BOX + 4);
        if (!is_box(boxes, i * TRUE_BOX) || (label >= 0 && label < (double)classes)) continue;
        return hoop_fail(c->err, HOOP_ERANGE, "box %lld of sample %lld is of class %g; they are 0 to %lld", (long long)(i % all),
                         (long long)(i / all), label, (long long)classes - 1);
    }
    return HOOP_OK;
}

/* distances from a place to the sides of a box; false: it is not inside, or too far from the middle */
static bool reaches(const double *place, const hoop_view *boxes, int64_t at, double radius, double *side)
{
    const double far = radius * place[HOOP_BOX_STRIDE];
    double       dx, dy;
    if (!is_box(boxes, at)) return false;
    for (int d = 0; d < 2; d++) {
        side[d]     = place[d] - get(boxes, at + d);
        side[d + 2] = get(boxes, at + d + 2) - place[d];
        if (!(side[d] > 0 && side[d + 2] > 0)) return false;
    }
    dx = (side[0] - side[2]) / 2;
    dy = (side[1] - side[3]) / 2;
    return dx <= far && -dx <= far && dy <= far && -dy <= far;
}
static double area_of(const double *side)
{
    return (side[0] + side[2]) * (side[1] + side[3]);
}
/* of two boxes around one place */
static double overlap_of(const double *a, const double *b)
{
    const double both = (least(a[0], b[0]) + least(a[2], b[2])) * (least(a[1], b[1]) + least(a[3], b[3])),
                 all = area_of(a) + area_of(b) - both, part = both / all;
    return part > 0 ? least(part, 1) : 0; /* 0 of what is no number, too */
}

static void assign_place(const hoop_call *c, int64_t i, int64_t p)
{
    const hoop_view *x = c->in[0], *boxes = c->in[1];
    const int64_t    classes = x->shape[2] - PLACE, from = (i * x->shape[1] + p) * x->shape[2],
                  to = (i * x->shape[1] + p) * (classes + 1 + SIDES);
    double  place[PLACE], side[SIDES], best[SIDES] = {0}, area = 0;
    int64_t mine = -1;
    for (int k = 0; k < PLACE; k++) place[k] = get(x, from + k);
    for (int64_t k = 0; k < classes + 1 + SIDES; k++) set(c->out, to + k, 0);
    for (int64_t b = 0; b < boxes->shape[1]; b++) {
        const int64_t at = (i * boxes->shape[1] + b) * TRUE_BOX;
        if (!reaches(place, boxes, at, ((const assign_attrs *)c->attrs)->radius, side)) continue;
        if (mine >= 0 && area_of(side) >= area) continue;
        mine = (int64_t)get(boxes, at + 4);
        area = area_of(side);
        memcpy(best, side, sizeof best);
    }
    if (mine < 0) return;
    set(c->out, to + mine, overlap_of(place + HOOP_BOX_SIDES, best));
    set(c->out, to + classes, 1);
    for (int k = 0; k < SIDES; k++) set(c->out, to + classes + 1 + k, best[k]);
}
static void assign_range(const void *ctx, int64_t first, int64_t n)
{
    const hoop_call *c      = ctx;
    const int64_t    places = c->in[0]->shape[1];
    for (int64_t i = first; i < first + n; i++) assign_place(c, i / places, i % places);
}
static hoop_status assign_forward(const hoop_call *c)
{
    const hoop_view *x = c->in[0];
    if (check_classes(c) != HOOP_OK) return HOOP_ERANGE;
    hoop_threads_share(c->threads, x->shape[0] * x->shape[1], 8 * x->shape[2] + 64 * c->in[1]->shape[1], 1, assign_range, c);
    return HOOP_OK;
}

/* Box by box: each takes the places it reaches from larger ones. */
static void assign_reference(const hoop_call *c)
{
    const hoop_view *x = c->in[0], *boxes = c->in[1];
    const double     radius  = ((const assign_attrs *)c->attrs)->radius;
    const int64_t    classes = x->shape[2] - PLACE, width = classes + 1 + SIDES, places = x->shape[1];
    for (int64_t k = 0; k < x->shape[0] * places * width; k++) hoop__put(c->out, k, 0.0);
    for (int64_t i = 0; i < x->shape[0]; i++)
        for (int64_t b = boxes->shape[1] - 1; b >= 0; b--) { /* the first of equal ones comes last */
            double v[TRUE_BOX];
            for (int k = 0; k < TRUE_BOX; k++) v[k] = hoop__at(boxes, (i * boxes->shape[1] + b) * TRUE_BOX + k);
            for (int64_t p = 0; p < places; p++) {
                const int64_t at = (i * places + p) * (classes + PLACE), to = (i * places + p) * width;
                const double  px = hoop__at(x, at), py = hoop__at(x, at + 1), reach = radius * hoop__at(x, at + 2);
                double        o[SIDES], w, h, both, has, area = (v[2] - v[0]) * (v[3] - v[1]);
                for (int k = 0; k < SIDES; k++) o[k] = hoop__at(x, at + HOOP_BOX_SIDES + k);
                if (px <= v[0] || px >= v[2] || py <= v[1] || py >= v[3]) continue;
                if (fabs(px - (v[0] + v[2]) / 2) > reach || fabs(py - (v[1] + v[3]) / 2) > reach) continue;
                has = (hoop__at(c->out, to + classes + 1) + hoop__at(c->out, to + classes + 3)) *
                      (hoop__at(c->out, to + classes + 2) + hoop__at(c->out, to + classes + 4));
                if (has > 0 && area > has * (1 + 1e-12)) continue;
                w    = fmin(px + o[2], v[2]) - fmax(px - o[0], v[0]);
                h    = fmin(py + o[3], v[3]) - fmax(py - o[1], v[1]);
                both = w * h / ((o[0] + o[2]) * (o[1] + o[3]) + area - w * h);
                for (int64_t k = 0; k < classes; k++)
                    hoop__put(c->out, to + k, k == (int64_t)v[4] ? fmin(fmax(both, 0), 1) : 0.0);
                hoop__put(c->out, to + classes, 1.0);
                hoop__put(c->out, to + classes + 1, px - v[0]);
                hoop__put(c->out, to + classes + 2, py - v[1]);
                hoop__put(c->out, to + classes + 3, v[2] - px);
                hoop__put(c->out, to + classes + 4, v[3] - py);
            }
        }
}

static const assign_attrs near = {0.25}, far = {1.5}, nowhere = {0.0};
static const hoop_case    assign_cases[] = {
       {"2x7x9+ 2x3x5+", &far},
       {"3x5x9+ 3x11x5+", &near},
       {"1x1x11+ 1x1x5+", &far},
       {"0x3x9+ 0x2x5+", &far},
       {"2x3x9+ 2x0x5+", &far},
       {"2x0x9+ 2x2x5+", &far},
       {"2x7x9+ 2x3x5+", &nowhere, HOOP_EARG},
       {"16x7x8+ 16x7x5^", &far, HOOP_ERANGE},
       {"2x7x7+ 2x3x5+", &far, HOOP_ESHAPE},
       {"2x9+ 2x3x5+", &far, HOOP_ESHAPE},
       {"2x7x9+ 3x3x5+", &far, HOOP_ESHAPE},
       {"2x7x9+ 2x3x4+", &far, HOOP_ESHAPE},
       {"2x7x9+ 2x5+", &far, HOOP_ESHAPE},
       {"i64:2x7x9<3 2x3x5+", &far, HOOP_EDTYPE},
       {"2x7x9+ i64:2x3x5<3", &far, HOOP_EDTYPE},
};

const hoop_op hoop__op_box_assign = {
    .name       = "box_assign",
    .min_in     = 2,
    .max_in     = 2,
    .nout       = 1,
    .flags      = HOOP_OP_ROW_WISE | HOOP_OP_NO_GRAD,
    .attrs_size = sizeof(assign_attrs),
    HOOP_FIELDS(assign_fields),
    .shape     = assign_shape,
    .forward   = assign_forward,
    .reference = assign_reference,
    .samples   = samples_first,
    HOOP_CASES(assign_cases),
};

/* ---- box_giou ---- */

/**
 * hoop_box_giou - by how much boxes around places differ.
 * Shape   y, target (..., 4) -> (...)
 * Value   1 - GIoU of boxes given as distances left, top, right, bottom from one place to their sides: with intersection I, union
 * U and the box C around both, 2 - I / U - U / C; what is divided by 0 is 0 Grad    the op box_giou_grad, of either; no second
 * Dtype   f32, f64                   Errors HOOP_ESHAPE, HOOP_EDTYPE
 * Source  Rezatofighi et al., CVPR 2019; distances: Yu et al., ACM MM 2016
 */
hoop_tensor *hoop_box_giou(hoop_tape *t, hoop_tensor *y, hoop_tensor *target)
{
    return hoop_op_call(t, &hoop__op_box_giou, (hoop_tensor *[]){y, target}, 2, NULL, NULL);
}

static hoop_status check_sides(const hoop_shape_call *s)
{
    const hoop_view *y = s->in[0], *target = s->in[1];
    if (!hoop_dtype_is_float((hoop_dtype)y->dtype) || target->dtype != y->dtype)
        return hoop_fail(s->err, HOOP_EDTYPE, "distances of one float dtype are wanted");
    if (y->ndim < 1 || y->shape[y->ndim - 1] != SIDES || target->ndim != y->ndim ||
        memcmp(y->shape, target->shape, (size_t)y->ndim * sizeof *y->shape) != 0)
        return hoop_fail(s->err, HOOP_ESHAPE, "two of one shape (..., %d) are wanted", SIDES);
    return HOOP_OK;
}
static hoop_status giou_shape(hoop_shape_call *s)
{
    hoop_status st = check_sides(s);
    if (st == HOOP_OK) hoop__view_set(&s->out[0], (hoop_dtype)s->in[0]->dtype, s->in[0]->ndim - 1, s->in[0]->shape);
    return st;
}
/* the same dim of all, and not the one of sides */
static int giou_samples(const hoop_samples_call *s)
{
    for (int i = 1; i < s->nin; i++)
        if (s->axis[i] != s->axis[0]) return -1;
    return s->axis[0] < s->in[0]->ndim - 1 ? s->axis[0] : -1;
}

/* sizes of what two boxes have in common and of what is around both: wide, high */
typedef struct pair {
    double a[SIDES], b[SIDES], common[2], around[2], both, all, outer;
} pair;
static pair pair_of(const hoop_view *y, const hoop_view *target, int64_t i)
{
    pair p;
    for (int k = 0; k < SIDES; k++) {
        p.a[k] = get(y, i * SIDES + k);
        p.b[k] = get(target, i * SIDES + k);
    }
    for (int d = 0; d < 2; d++) {
        p.common[d] = least(p.a[d], p.b[d]) + least(p.a[d + 2], p.b[d + 2]);
        p.around[d] = most(p.a[d], p.b[d]) + most(p.a[d + 2], p.b[d + 2]);
    }
    p.both  = p.common[0] * p.common[1];
    p.outer = p.around[0] * p.around[1];
    p.all   = area_of(p.a) + area_of(p.b) - p.both;
    return p;
}
static void giou_range(const void *ctx, int64_t first, int64_t n)
{
    const hoop_call *c = ctx;
    for (int64_t i = first; i < first + n; i++) {
        const pair p = pair_of(c->in[0], c->in[1], i);
        set(c->out, i, 2 - (p.all > 0 ? p.both / p.all : 0) - (p.outer > 0 ? p.all / p.outer : 0));
    }
}
static hoop_status giou_forward(const hoop_call *c)
{
    hoop_threads_share(c->threads, hoop__view_numel(c->out), 128, 1, giou_range, c);
    return HOOP_OK;
}
static void giou_backward(hoop_backward_call *b)
{
    if (b->dy[0] == NULL) return;
    if (hoop_sink(b, 0))
        hoop_op_call(b->t, &hoop__op_box_giou_grad, (hoop_tensor *[]){b->in[0], b->in[1], b->dy[0]}, 3, NULL, NULL);
    if (hoop_sink(b, 1))
        hoop_op_call(b->t, &hoop__op_box_giou_grad, (hoop_tensor *[]){b->in[1], b->in[0], b->dy[0]}, 3, NULL, NULL);
}
/* by corners */
static void giou_reference(const hoop_call *c)
{
    for (int64_t i = 0; i < hoop__view_numel(c->out); i++) {
        double a[SIDES], b[SIDES], i_area, u_area, c_area;
        for (int k = 0; k < SIDES; k++) {
            a[k] = (k < 2 ? -1 : 1) * hoop__at(c->in[0], i * SIDES + k);
            b[k] = (k < 2 ? -1 : 1) * hoop__at(c->in[1], i * SIDES + k);
        }
        i_area = (fmin(a[2], b[2]) - fmax(a[0], b[0])) * (fmin(a[3], b[3]) - fmax(a[1], b[1]));
        u_area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - i_area;
        c_area = (fmax(a[2], b[2]) - fmin(a[0], b[0])) * (fmax(a[3], b[3]) - fmin(a[1], b[1]));
        hoop__put(c->out, i, 1 - (i_area / u_area - (c_area - u_area) / c_area));
    }
}
static const hoop_case giou_cases[] = {
    {"3x5x4+ 3x5x4+", NULL},
    {"4+ 4+", NULL},
    {"2x3x1x4^ 2x3x1x4+", NULL},
    {"0x4 0x4", NULL},
    {"3x0x4 3x0x4", NULL},
    {"3x5+ 3x5+", NULL, HOOP_ESHAPE},
    {"3x4+ 4+", NULL, HOOP_ESHAPE},
    {"3x4+ 2x4+", NULL, HOOP_ESHAPE},
    {".+ .+", NULL, HOOP_ESHAPE},
    {"3x4+ i64:3x4<5", NULL, HOOP_EDTYPE},
    {"i64:3x4<5 i64:3x4<5", NULL, HOOP_EDTYPE},
};
const hoop_op hoop__op_box_giou = {
    .name      = "box_giou",
    .min_in    = 2,
    .max_in    = 2,
    .nout      = 1,
    .flags     = HOOP_OP_ROW_WISE,
    .reads     = HOOP_READS_IN(0) | HOOP_READS_IN(1),
    .shape     = giou_shape,
    .forward   = giou_forward,
    .backward  = giou_backward,
    .reference = giou_reference,
    .samples   = giou_samples,
    HOOP_CASES(giou_cases),
};

/* box_giou_grad: (y, target, dy) -> dy by y */
static hoop_status grad_shape(hoop_shape_call *s)
{
    const hoop_view *y = s->in[0], *dy = s->in[2];
    hoop_status      st = check_sides(s);
    if (st != HOOP_OK) return st;
    if (dy->dtype != y->dtype) return hoop_fail(s->err, HOOP_EDTYPE, "floats of one dtype are wanted");
    if (dy->ndim != y->ndim - 1 || memcmp(y->shape, dy->shape, (size_t)dy->ndim * sizeof *y->shape) != 0)
        return hoop_fail(s->err, HOOP_ESHAPE, "dy of each of %lld boxes is wanted", (long long)(hoop__view_numel(y) / SIDES));
    hoop__out_like(&s->out[0], y);
    return HOOP_OK;
}
/* how much of a growing side goes to the lesser of two; half where they are equal */
static double share_of(double a, double b)
{
    return a < b ? 1 : a > b ? 0 : 0.5;
}
static void grad_range(const void *ctx, int64_t first, int64_t n)
{
    const hoop_call *c = ctx;
    for (int64_t i = first; i < first + n; i++) {
        const pair   p  = pair_of(c->in[0], c->in[1], i);
        const double dy = get(c->in[2], i), by_all = p.all > 0 ? 1 / p.all : 0, by_outer = p.outer > 0 ? 1 / p.outer : 0;
        for (int k = 0; k < SIDES; k++) {
            const int    across = 1 - k % 2;
            const double in = share_of(p.a[k], p.b[k]), size = p.a[across] + p.a[across + 2];
            const double both = in * p.common[across], outer = (1 - in) * p.around[across], all = size - both;
            const double slope = (p.both * all * by_all - both) * by_all + (p.all * outer * by_outer - all) * by_outer;
            set(c->out, i * SIDES + k, (c->add ? get(c->out, i * SIDES + k) : 0) + dy * slope);
        }
    }
}
static hoop_status grad_forward(const hoop_call *c)
{
    hoop_threads_share(c->threads, hoop__view_numel(c->in[2]), 256, 1, grad_range, c);
    return HOOP_OK;
}
/* The quotient rule, by the corner that a side moves: which of the two boxes ends the intersection, and which what is around. */
static void grad_reference(const hoop_call *c)
{
    for (int64_t i = 0; i < hoop__view_numel(c->in[2]); i++) {
        double a[SIDES], b[SIDES], w[2], h[2], in, un, out;
        for (int k = 0; k < SIDES; k++) {
            a[k] = hoop__at(c->in[0], i * SIDES + k);
            b[k] = hoop__at(c->in[1], i * SIDES + k);
        }
        w[0] = fmin(a[0], b[0]) + fmin(a[2], b[2]);
        h[0] = fmin(a[1], b[1]) + fmin(a[3], b[3]);
        w[1] = fmax(a[0], b[0]) + fmax(a[2], b[2]);
        h[1] = fmax(a[1], b[1]) + fmax(a[3], b[3]);
        in   = w[0] * h[0];
        out  = w[1] * h[1];
        un   = (a[0] + a[2]) * (a[1] + a[3]) + (b[0] + b[2]) * (b[1] + b[3]) - in;
        for (int k = 0; k < SIDES; k++) {
            const bool   across = k % 2 == 0, less = a[k] < b[k];
            const double din = less ? (across ? h[0] : w[0]) : 0, dout = less ? 0 : (across ? h[1] : w[1]),
                         dun = (across ? a[1] + a[3] : a[0] + a[2]) - din;
            hoop__put(c->out, i * SIDES + k,
                      hoop__at(c->in[2], i) * (-(din * un - in * dun) / (un * un) - (dun * out - un * dout) / (out * out)));
        }
    }
}
static const hoop_case grad_cases[] = {
    {"3x5x4+ 3x5x4+ 3x5", NULL},
    {"4+ 4+ .", NULL},
    {"0x4 0x4 0", NULL},
    {"3x5+ 3x5+ 3", NULL, HOOP_ESHAPE},
    {"3x4+ 2x4+ 3", NULL, HOOP_ESHAPE},
    {"3x4+ 3x4+ 2", NULL, HOOP_ESHAPE},
    {"3x4+ 3x4+ 3x1", NULL, HOOP_ESHAPE},
    {"3x4+ i64:3x4<5 3", NULL, HOOP_EDTYPE},
    {"3x4+ 3x4+ i64:3<5", NULL, HOOP_EDTYPE},
};
const hoop_op hoop__op_box_giou_grad = {
    .name      = "box_giou_grad",
    .min_in    = 3,
    .max_in    = 3,
    .nout      = 1,
    .flags     = HOOP_OP_ROW_WISE | HOOP_OP_ACCUMULATES | HOOP_OP_NO_DERIV,
    .shape     = grad_shape,
    .forward   = grad_forward,
    .reference = grad_reference,
    .samples   = giou_samples,
    HOOP_CASES(grad_cases),
};

/* ---- box_detect ---- */

typedef struct detect_attrs {
    double  score, overlap;
    int64_t most;
} detect_attrs;
static const hoop_field detect_fields[] = {{"score", 'f', offsetof(detect_attrs, score)},
                                           {"overlap", 'f', offsetof(detect_attrs, overlap)},
                                           {"most", 'i', offsetof(detect_attrs, most)}};

/**
 * hoop_box_detect - the boxes that a detector's outputs say.
 * Shape   out (n, places, 7 + C) -> (n, most, 6): x1, y1, x2, y2, score, class
 * Value   of the places' boxes, cut at the picture (which ends half a stride behind the last places), at each class whose score
 *         sigmoid(logit) is above `score`: the best first (of equal ones that of the first place, then class), without those that
 *         overlap a better one of their class by more than `overlap`. Behind the last: 0, and class -1
 * Grad    zero
 * Dtype   f32, f64                   Errors HOOP_EARG (score, overlap, most), HOOP_ESHAPE, HOOP_EDTYPE
 * Source  non-maximum suppression by class, greedy, as Girshick et al., CVPR 2014
 */
hoop_tensor *hoop_box_detect(hoop_tape *t, hoop_tensor *out, double score, double overlap, int64_t most_boxes)
{
    return hoop_op_call(t, &hoop__op_box_detect, &out, 1, &(detect_attrs){score, overlap, most_boxes}, NULL);
}

static hoop_status detect_shape(hoop_shape_call *s)
{
    const detect_attrs *a  = s->attrs;
    hoop_status         st = check_places(s);
    if (st != HOOP_OK) return st;
    if (!(a->score > 0 && a->score < 1) || !(a->overlap >= 0 && a->overlap <= 1) || a->most < 1)
        return hoop_fail(s->err, HOOP_EARG, "a score between 0 and 1, an overlap of 0 to 1 and at least one box are wanted");
    hoop__view_set(&s->out[0], (hoop_dtype)s->in[0]->dtype, 3, (int64_t[]){s->in[0]->shape[0], a->most, FOUND});
    return HOOP_OK;
}

typedef struct candidate {
    double  logit;
    int64_t at; /* place * classes + class */
} candidate;
static int64_t room_of(const hoop_call *c)
{
    return c->in[0]->shape[1] * (c->in[0]->shape[2] - PLACE);
}
/* Samples run in groups of a few a thread, each in a room of its own. */
static int64_t group_of(const hoop_call *c)
{
    const int64_t n = c->in[0]->shape[0], few = 2 * (int64_t)hoop_threads_count(c->threads);
    return n < few ? n : few;
}
static int64_t detect_workspace(const hoop_call *c)
{
    return room_of(c) * group_of(c) * (int64_t)sizeof(candidate);
}

static double cut(double v, double end)
{
    return v > 0 ? least(v, end) : 0;
}
static void corners(const hoop_view *x, int64_t from, const double *end, double *box)
{
    for (int d = 0; d < 2; d++) {
        const double at = get(x, from + d);
        box[d]          = cut(at - get(x, from + HOOP_BOX_SIDES + d), end[d]);
        box[d + 2]      = most(box[d], cut(at + get(x, from + HOOP_BOX_SIDES + d + 2), end[d]));
    }
}
static double overlap_boxes(const double *a, const double *b)
{
    const double w = least(a[2], b[2]) - most(a[0], b[0]), h = least(a[3], b[3]) - most(a[1], b[1]),
                 both = w > 0 && h > 0 ? w * h : 0, all = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both;
    return all > 0 ? both / all : 0;
}

/* those above the score; *end: the picture's */
static int64_t collect(const hoop_call *c, int64_t i, candidate *list, double *end)
{
    const hoop_view *x     = c->in[0];
    const double     score = ((const detect_attrs *)c->attrs)->score, above = v_log_f64(score / (1 - score));
    const int64_t    classes = x->shape[2] - PLACE;
    int64_t          n       = 0;
    end[0] = end[1] = 0;
    for (int64_t p = 0; p < x->shape[1]; p++) {
        const int64_t from = (i * x->shape[1] + p) * x->shape[2];
        for (int d = 0; d < 2; d++) end[d] = most(end[d], get(x, from + d) + get(x, from + HOOP_BOX_STRIDE) / 2);
        for (int64_t k = 0; k < classes; k++) {
            const double logit = get(x, from + PLACE + k);
            if (logit > above) list[n++] = (candidate){logit, p * classes + k};
        }
    }
    return n;
}
/* without the best, and those of its class that overlap it too much */
static int64_t suppress(const hoop_call *c, int64_t i, candidate *list, int64_t n, int64_t best, const double *end,
                        const double *box)
{
    const hoop_view *x       = c->in[0];
    const int64_t    classes = x->shape[2] - PLACE, at = list[best].at;
    int64_t          left = 0;
    for (int64_t k = 0; k < n; k++) {
        double other[SIDES];
        if (list[k].at == at) continue;
        if (list[k].at % classes == at % classes) {
            corners(x, (i * x->shape[1] + list[k].at / classes) * x->shape[2], end, other);
            if (overlap_boxes(box, other) > ((const detect_attrs *)c->attrs)->overlap) continue;
        }
        list[left++] = list[k];
    }
    return left;
}
static void detect_sample(const hoop_call *c, int64_t i, candidate *list)
{
    const hoop_view *x       = c->in[0];
    const int64_t    classes = x->shape[2] - PLACE, all = ((const detect_attrs *)c->attrs)->most;
    double           end[2], box[SIDES];
    int64_t          n = collect(c, i, list, end), found = 0;
    for (; found < all && n > 0; found++) {
        const int64_t to   = (i * all + found) * FOUND;
        int64_t       best = 0;
        for (int64_t k = 1; k < n; k++)
            if (list[k].logit > list[best].logit) best = k;
        corners(x, (i * x->shape[1] + list[best].at / classes) * x->shape[2], end, box);
        for (int k = 0; k < SIDES; k++) set(c->out, to + k, box[k]);
        set(c->out, to + 4, 1 / (1 + v_exp_f64(-list[best].logit)));
        set(c->out, to + 5, (double)(list[best].at % classes));
        n = suppress(c, i, list, n, best, end, box);
    }
    for (int64_t k = found * FOUND; k < all * FOUND; k++) set(c->out, i * all * FOUND + k, k % FOUND == 5 ? -1 : 0);
}
typedef struct group {
    const hoop_call *call;
    int64_t          first; /* of its samples */
} group;
static void detect_range(const void *ctx, int64_t first, int64_t n)
{
    const group *g = ctx;
    for (int64_t k = first; k < first + n; k++)
        detect_sample(g->call, g->first + k, (candidate *)g->call->work + k * room_of(g->call));
}
static hoop_status detect_forward(const hoop_call *c)
{
    const int64_t n = c->in[0]->shape[0], few = group_of(c);
    for (int64_t i = 0; i < n; i += few)
        hoop_threads_share(c->threads, n - i < few ? n - i : few, 64 * room_of(c), 1, detect_range, &(group){c, i});
    return HOOP_OK;
}

/* Whether a candidate is left is asked of all that come before it, from the first on. */
static void detect_reference(const hoop_call *c)
{
    const hoop_view    *x       = c->in[0];
    const detect_attrs *a       = c->attrs;
    const int64_t       classes = x->shape[2] - PLACE, places = x->shape[1], all = places * classes;
    for (int64_t k = 0; k < hoop__view_numel(c->out); k++) hoop__put(c->out, k, k % FOUND == 5 ? -1 : 0);
    for (int64_t i = 0; i < x->shape[0]; i++) {
        double  end[2] = {0, 0};
        int64_t n = 0, last = -1;
        for (int64_t p = 0; p < places; p++)
            for (int d = 0; d < 2; d++)
                end[d] = fmax(end[d], hoop__at(x, (i * places + p) * x->shape[2] + d) +
                                          hoop__at(x, (i * places + p) * x->shape[2] + 2) / 2);
        for (int64_t turn = 0; turn < all && n < a->most; turn++) {
            int64_t next = -1;
            double  box[SIDES], logit = 0;
            bool    left = true;
            for (int64_t k = 0; k < all; k++) { /* the next in order */
                const double v = hoop__at(x, (i * places + k / classes) * x->shape[2] + PLACE + k % classes);
                const double w =
                    last < 0 ? INFINITY : hoop__at(x, (i * places + last / classes) * x->shape[2] + PLACE + last % classes);
                if (!(v < w || (v <= w && k > last)) || (next >= 0 && v <= logit)) continue;
                next  = k;
                logit = v;
            }
            last = next;
            if (next < 0 || !(1 / (1 + exp(-logit)) > a->score)) break;
            corners(x, (i * places + next / classes) * x->shape[2], end, box);
            for (int64_t k = 0; k < n; k++) {
                double other[SIDES];
                for (int j = 0; j < SIDES; j++) other[j] = hoop__at(c->out, (i * a->most + k) * FOUND + j);
                if ((int64_t)hoop__at(c->out, (i * a->most + k) * FOUND + 5) == next % classes &&
                    overlap_boxes(other, box) > a->overlap)
                    left = false;
            }
            if (!left) continue;
            for (int j = 0; j < SIDES; j++) hoop__put(c->out, (i * a->most + n) * FOUND + j, box[j]);
            hoop__put(c->out, (i * a->most + n) * FOUND + 4, 1 / (1 + exp(-logit)));
            hoop__put(c->out, (i * a->most + n) * FOUND + 5, (double)(next % classes));
            n++;
        }
    }
}

static const detect_attrs strict = {0.3, 0.3, 5}, open = {0.05, 0.9, 20}, one = {0.5, 0.0, 1}, certain = {1.0, 0.5, 5},
                          never = {0.5, 1.5, 5}, none = {0.5, 0.5, 0};
static const hoop_case detect_cases[] = {
    {"2x7x9+", &strict},
    {"3x5x10+", &open},
    {"1x11x8", &one},
    {"2x13x9", &strict},
    {"0x3x9+", &strict},
    {"2x0x9+", &strict},
    {"2x7x9+", &certain, HOOP_EARG},
    {"2x7x9+", &never, HOOP_EARG},
    {"2x7x9+", &none, HOOP_EARG},
    {"2x7x7+", &strict, HOOP_ESHAPE},
    {"7x9+", &strict, HOOP_ESHAPE},
    {"i64:2x7x9<3", &strict, HOOP_EDTYPE},
};
const hoop_op hoop__op_box_detect = {
    .name       = "box_detect",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_ROW_WISE | HOOP_OP_NO_GRAD,
    .attrs_size = sizeof(detect_attrs),
    HOOP_FIELDS(detect_fields),
    .shape     = detect_shape,
    .forward   = detect_forward,
    .workspace = detect_workspace,
    .reference = detect_reference,
    .samples   = samples_first,
    HOOP_CASES(detect_cases),
};
