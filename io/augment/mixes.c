/*
 * Samples mixed with another of their leaf. A sample's share of itself is drawn for it, and so is its partner, any other of the
 * leaf as it was before. Real targets are mixed by that share. Labels have no middle: they stay, and the parts of a sample say
 * whose it has, by which share.
 */
#include <math.h>
#include <string.h>

#include "augment/augment.h"

typedef struct mix_opts {
    double alpha, p;
} mix_opts;
static const hoop_option mixup_rows[] = {
    {"alpha", HOOP_OPT_FLOAT, offsetof(mix_opts, alpha), "0.2", 1e-3, 100, NULL, true, "shares are of Beta(alpha, alpha)"},
    {"p", HOOP_OPT_FLOAT, offsetof(mix_opts, p), "1.0", 0, 1, NULL, true, "of samples that are mixed"},
};
static const hoop_option cutmix_rows[] = {
    {"alpha", HOOP_OPT_FLOAT, offsetof(mix_opts, alpha), "1.0", 1e-3, 100, NULL, true, "shares are of Beta(alpha, alpha)"},
    {"p", HOOP_OPT_FLOAT, offsetof(mix_opts, p), "1.0", 0, 1, NULL, true, "of samples that are mixed"},
};

/* The partner, and the share of the sample itself; false: it stays as it is. */
static bool draw(const hoop_augment_call *c, int64_t i, hoop_key key, int64_t *partner, double *share)
{
    const mix_opts *o = c->opts;
    const int64_t   n = c->leaf->n;
    if (n < 2 || hoop_random_f64(key, 0) >= o->p) return false;
    *partner = (i + 1 + (int64_t)(hoop_random_f64(key, 1) * (double)(n - 1))) % n;
    *share   = hoop_random_beta(hoop_key_make(key.k, HOOP_FOR_AUGMENT, key.stream, 1, 0), o->alpha);
    return true;
}

/* Labels are left as they are. */
static void mix_row(const hoop_augment_field *f, char *row, const char *other, double share)
{
    if (f->labels) return;
    for (int64_t k = 0; k < f->numel; k++)
        hoop__augment_put(f, row, k, share * hoop__augment_get(f, row, k) + (1 - share) * hoop__augment_get(f, other, k));
}

/* Sample i has `share` of the parts it had, and its partner's by the rest. */
static void mix_parts(const hoop_augment_call *c, int64_t i, int64_t partner, double share)
{
    hoop_augment_part       *own   = c->leaf->parts + i * c->nparts;
    const hoop_augment_part *other = c->parts_before + partner * c->nparts;
    for (int k = 0; k < c->filled; k++) {
        own[c->filled + k] = (hoop_augment_part){other[k].of, other[k].share * (1 - share)};
        own[k].share *= share;
    }
}

static void mixup(const hoop_augment_call *c, int64_t i)
{
    const hoop_key key = hoop__augment_key(c, i);
    int64_t        partner;
    double         share;
    if (!draw(c, i, key, &partner, &share)) return;
    for (int k = 0; k < c->nfields; k++)
        mix_row(&c->field[k], hoop__augment_row(&c->field[k], i), c->before[k] + partner * c->field[k].bytes, share);
    mix_parts(c, i, partner, share);
}

const hoop_augment_kind hoop__augment_mixup = {"mixup", "each sample and another of its leaf, mixed (Zhang et al., ICLR 2018)",
                                               HOOP_OPTIONS(mixup_rows), HOOP_AUGMENT_MIXES, mixup};

/* ---- cutmix ---- */

typedef struct box {
    int64_t y0, y1, x0, x1;
} box;

/* Of a side `length`, a part `side` around a place that may be anywhere, as far as it is inside. */
static void cut(double at, double side, int64_t length, int64_t *from, int64_t *to)
{
    const double middle = at * (double)length, half = side * (double)length / 2;
    *from = middle - half < 0 ? 0 : (int64_t)(middle - half);
    *to   = middle + half > (double)length ? length : (int64_t)(middle + half);
}

static void paste(const hoop_augment_call *c, const hoop_augment_field *f, char *row, const char *other, const box *b)
{
    const size_t size = hoop_dtype_size(f->dtype);
    for (int64_t p = 0; p < f->planes; p++)
        for (int64_t y = b->y0; y < b->y1; y++) {
            const size_t at = (size_t)((p * c->height + y) * c->width + b->x0) * size;
            memcpy(row + at, other + at, (size_t)(b->x1 - b->x0) * size);
        }
}

static void cutmix(const hoop_augment_call *c, int64_t i)
{
    const hoop_key key = hoop__augment_key(c, i);
    int64_t        partner;
    double         share;
    box            b;
    if (!draw(c, i, key, &partner, &share)) return;
    cut(hoop_random_f64(key, 3), sqrt(1 - share), c->height, &b.y0, &b.y1);
    cut(hoop_random_f64(key, 4), sqrt(1 - share), c->width, &b.x0, &b.x1);
    share = 1 - (double)((b.y1 - b.y0) * (b.x1 - b.x0)) / (double)(c->height * c->width);
    for (int k = 0; k < c->nfields; k++) {
        const hoop_augment_field *f     = &c->field[k];
        char                     *row   = hoop__augment_row(f, i);
        const char               *other = c->before[k] + partner * f->bytes;
        if (f->planes > 0)
            paste(c, f, row, other, &b);
        else
            mix_row(f, row, other, share);
    }
    mix_parts(c, i, partner, share);
}

const hoop_augment_kind hoop__augment_cutmix = {"cutmix",
                                                "a box of each image is that of another of its leaf (Yun et al., ICCV 2019)",
                                                HOOP_OPTIONS(cutmix_rows), HOOP_AUGMENT_IMAGES | HOOP_AUGMENT_MIXES, cutmix};
