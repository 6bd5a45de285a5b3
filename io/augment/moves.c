/* Pixels that change their places: of all images of a sample alike, masks too. What comes in from outside is 0, and of labels
 * -100, which no loss counts. */
#include <string.h>

#include "augment/augment.h"
#include "hoop/dataset.h"

static int64_t outside(const hoop_augment_field *f)
{
    return f->labels && f->target ? HOOP_PADDING_LABEL : 0;
}

static void clear(const hoop_augment_field *f, char *row, int64_t n)
{
    if (!f->labels) {
        memset(row, 0, (size_t)n * hoop_dtype_size(f->dtype));
        return;
    }
    for (int64_t k = 0; k < n; k++) ((int64_t *)(void *)row)[k] = outside(f);
}

/* ---- boxes ---- */

/* What becomes of a box: it is mirrored, or moved and cut at the picture; of which less than `keep` is left is there no more. */
typedef struct box_move {
    bool    mirror[2]; /* across, down */
    int64_t by[2];
    double  keep;
} box_move;

static void move_box(const hoop_augment_call *c, const hoop_augment_field *f, char *row, int64_t at, const box_move *m)
{
    const double end[2] = {(double)c->width, (double)c->height};
    double       from[2], to[2], before = 1, after = 1;
    for (int d = 0; d < 2; d++) {
        from[d] = hoop__augment_get(f, row, at + d);
        to[d]   = hoop__augment_get(f, row, at + d + 2);
        if (!(to[d] > from[d])) return; /* padding */
        before *= to[d] - from[d];
        if (m->mirror[d]) {
            const double first = from[d];
            from[d]            = end[d] - to[d];
            to[d]              = end[d] - first;
        }
        from[d] -= (double)m->by[d];
        to[d] -= (double)m->by[d];
        if (from[d] < 0) from[d] = 0;
        if (to[d] > end[d]) to[d] = end[d];
        after *= to[d] > from[d] ? to[d] - from[d] : 0;
    }
    if (!(after > 0) || after < m->keep * before) {
        for (int64_t k = 0; k < f->box; k++) hoop__augment_put(f, row, at + k, 0);
        return;
    }
    for (int d = 0; d < 2; d++) {
        hoop__augment_put(f, row, at + d, from[d]);
        hoop__augment_put(f, row, at + d + 2, to[d]);
    }
}

static void move_boxes(const hoop_augment_call *c, int64_t i, const box_move *m)
{
    for (int k = 0; k < c->nfields; k++)
        for (int64_t at = 0; c->field[k].box > 0 && at < c->field[k].numel; at += c->field[k].box)
            move_box(c, &c->field[k], hoop__augment_row(&c->field[k], i), at, m);
}

/* ---- flip ---- */

enum { HORIZONTAL, VERTICAL, BOTH };
static const char *const axes[] = {"horizontal", "vertical", "both", NULL};
typedef struct flip_opts {
    int    axis;
    double p;
} flip_opts;
static const hoop_option flip_rows[] = {
    {"axis", HOOP_OPT_ENUM, offsetof(flip_opts, axis), "horizontal", 0, 0, axes, true,
     "left becomes right, or top bottom; both: each by itself"},
    {"p", HOOP_OPT_FLOAT, offsetof(flip_opts, p), "0.5", 0, 1, NULL, true, "of samples that are flipped"},
};

static void swap(char *a, char *b, size_t n)
{
    char c[8];
    memcpy(c, a, n);
    memcpy(a, b, n);
    memcpy(b, c, n);
}

static void flip_plane(char *plane, int64_t height, int64_t width, size_t size, bool across, bool down, char *row)
{
    const size_t line = (size_t)width * size;
    for (int64_t y = 0; y < height && across; y++)
        for (int64_t x = 0; x < width / 2; x++)
            swap(plane + (size_t)(y * width + x) * size, plane + (size_t)(y * width + width - 1 - x) * size, size);
    for (int64_t y = 0; y < height / 2 && down; y++) {
        memcpy(row, plane + (size_t)y * line, line);
        memcpy(plane + (size_t)y * line, plane + (size_t)(height - 1 - y) * line, line);
        memcpy(plane + (size_t)(height - 1 - y) * line, row, line);
    }
}

static void flip(const hoop_augment_call *c, int64_t i)
{
    const flip_opts *o      = c->opts;
    const hoop_key   key    = hoop__augment_key(c, i);
    const bool       across = o->axis != VERTICAL && hoop_random_f64(key, 0) < o->p,
               down         = o->axis != HORIZONTAL && hoop_random_f64(key, 1) < o->p;
    for (int k = 0; k < c->nfields; k++) {
        const hoop_augment_field *f     = &c->field[k];
        const size_t              size  = hoop_dtype_size(f->dtype);
        const size_t              plane = (size_t)(c->height * c->width) * size;
        for (int64_t p = 0; p < f->planes; p++)
            flip_plane(hoop__augment_row(f, i) + (size_t)p * plane, c->height, c->width, size, across, down, c->row);
    }
    move_boxes(c, i, &(box_move){.mirror = {across, down}});
}

const hoop_augment_kind hoop__augment_flip = {"flip", "images mirrored, and boxes with them", HOOP_OPTIONS(flip_rows),
                                              HOOP_AUGMENT_IMAGES | HOOP_AUGMENT_MOVES | HOOP_AUGMENT_BOXES, flip};

/* ---- crop ---- */

typedef struct crop_opts {
    int64_t padding;
    double  keep;
} crop_opts;
static const hoop_option crop_rows[] = {
    {"padding", HOOP_OPT_INT, offsetof(crop_opts, padding), "4", 0, 65536, NULL, true,
     "images get so many pixels of 0 all around, and are cut from there to their size"},
    {"keep", HOOP_OPT_FLOAT, offsetof(crop_opts, keep), "0.25", 0, 1, NULL, true,
     "of lists of boxes, which are cut with the images: a box of which a smaller part is left is dropped"},
};

/* Image (y, x) becomes what was at (y + down, x + right). */
static void shift(const hoop_augment_call *c, const hoop_augment_field *f, char *row, int64_t down, int64_t right)
{
    const int64_t size = (int64_t)hoop_dtype_size(f->dtype), plane = c->height * c->width;
    const int64_t from = right < 0 ? 0 : right, to = right < 0 ? c->width + right : c->width; /* columns that stay */
    memcpy(c->row, row, (size_t)f->bytes);
    clear(f, row, f->numel);
    for (int64_t p = 0; p < f->planes && from < to; p++)
        for (int64_t y = 0; y < c->height; y++)
            if (y + down >= 0 && y + down < c->height)
                memcpy(row + (p * plane + y * c->width + from - right) * size,
                       c->row + (p * plane + (y + down) * c->width + from) * size, (size_t)((to - from) * size));
}

static void crop(const hoop_augment_call *c, int64_t i)
{
    const int64_t  padding = ((const crop_opts *)c->opts)->padding;
    const hoop_key key     = hoop__augment_key(c, i);
    const int64_t  down    = (int64_t)(hoop_random_f64(key, 0) * (double)(2 * padding + 1)) - padding,
                  right    = (int64_t)(hoop_random_f64(key, 1) * (double)(2 * padding + 1)) - padding;
    for (int k = 0; k < c->nfields; k++)
        if (c->field[k].planes > 0) shift(c, &c->field[k], hoop__augment_row(&c->field[k], i), down, right);
    move_boxes(c, i, &(box_move){.by = {right, down}, .keep = ((const crop_opts *)c->opts)->keep});
}

const hoop_augment_kind hoop__augment_crop = {"crop", "images moved by some pixels, and boxes with them", HOOP_OPTIONS(crop_rows),
                                              HOOP_AUGMENT_IMAGES | HOOP_AUGMENT_MOVES | HOOP_AUGMENT_BOXES, crop};

/* ---- rotate ---- */

typedef struct rotate_opts {
    double degrees, p;
} rotate_opts;
static const hoop_option rotate_rows[] = {
    {"degrees", HOOP_OPT_FLOAT, offsetof(rotate_opts, degrees), "15", 0, 180, NULL, true, "at most, each way"},
    {"p", HOOP_OPT_FLOAT, offsetof(rotate_opts, p), "1.0", 0, 1, NULL, true, "of samples that are turned"},
};

/* Between four pixels, of which those outside are 0. */
static double between(const hoop_augment_field *f, const char *row, int64_t plane, int64_t height, int64_t width, double y,
                      double x)
{
    const int64_t y0 = (int64_t)(y + 1) - 1, x0 = (int64_t)(x + 1) - 1; /* rounded down: both are above -1 */
    const double  v = y - (double)y0, u = x - (double)x0;
    double        sum = 0;
    for (int k = 0; k < 4; k++) {
        const int64_t yy = y0 + k / 2, xx = x0 + k % 2;
        const double  weight = (k / 2 == 0 ? 1 - v : v) * (k % 2 == 0 ? 1 - u : u);
        if (yy >= 0 && yy < height && xx >= 0 && xx < width) sum += weight * hoop__augment_get(f, row, plane + yy * width + xx);
    }
    return sum;
}

static void turn_plane(const hoop_augment_call *c, const hoop_augment_field *f, char *row, int64_t plane, double cosine,
                       double sine)
{
    const double cy = (double)(c->height - 1) / 2, cx = (double)(c->width - 1) / 2;
    for (int64_t y = 0; y < c->height; y++)
        for (int64_t x = 0; x < c->width; x++) {
            const double  dy = (double)y - cy, dx = (double)x - cx;
            const double  sy = cy + cosine * dy + sine * dx, sx = cx + cosine * dx - sine * dy;
            const int64_t at = plane + y * c->width + x;
            const bool    in = sy > -1 && sx > -1 && sy < (double)c->height && sx < (double)c->width;
            if (f->labels) {
                const int64_t ny = (int64_t)(sy + 1.5) - 1, nx = (int64_t)(sx + 1.5) - 1;
                ((int64_t *)(void *)row)[at] = in && ny >= 0 && nx >= 0 && ny < c->height && nx < c->width
                                                   ? ((const int64_t *)(const void *)c->row)[plane + ny * c->width + nx]
                                                   : outside(f);
            } else {
                hoop__augment_put(f, row, at, in ? between(f, c->row, plane, c->height, c->width, sy, sx) : 0);
            }
        }
}

static void rotate(const hoop_augment_call *c, int64_t i)
{
    const rotate_opts *o   = c->opts;
    const hoop_key     key = hoop__augment_key(c, i);
    double             cosine, sine;
    if (hoop_random_f64(key, 0) >= o->p) return;
    hoop_random_turn(hoop__augment_draw(key, 1, -o->degrees, o->degrees) / 360, &cosine, &sine);
    for (int k = 0; k < c->nfields; k++) {
        const hoop_augment_field *f   = &c->field[k];
        char                     *row = hoop__augment_row(f, i);
        if (f->planes > 0) memcpy(c->row, row, (size_t)f->bytes);
        for (int64_t p = 0; p < f->planes; p++) turn_plane(c, f, row, p * c->height * c->width, cosine, sine);
    }
}

const hoop_augment_kind hoop__augment_rotate = {
    "rotate", "images turned about their middle, between pixels by four of them, of labels by the nearest",
    HOOP_OPTIONS(rotate_rows), HOOP_AUGMENT_IMAGES | HOOP_AUGMENT_MOVES, rotate};
