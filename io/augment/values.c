/* Inputs whose values change where they are. */
#include <string.h>

#include "augment/augment.h"

/* ---- jitter ---- */

typedef struct jitter_opts {
    double brightness, contrast, saturation;
} jitter_opts;
static const hoop_option jitter_rows[] = {
    {"brightness", HOOP_OPT_FLOAT, offsetof(jitter_opts, brightness), "0.2", 0, 1, NULL, true, "times 1 - this to 1 + this"},
    {"contrast", HOOP_OPT_FLOAT, offsetof(jitter_opts, contrast), "0.2", 0, 1, NULL, true,
     "the same of what differs from the image's mean"},
    {"saturation", HOOP_OPT_FLOAT, offsetof(jitter_opts, saturation), "0.2", 0, 1, NULL, true,
     "the same of what differs from a pixel's grey (ITU-R BT.601), of images of 3 channels"},
};

static void jitter_row(const hoop_augment_call *c, const hoop_augment_field *f, char *row, double brightness, double contrast,
                       double saturation)
{
    const int64_t plane = c->height * c->width;
    double        mean  = 0;
    for (int64_t p = 0; p < plane && f->planes == 3; p++) {
        const double r = hoop__augment_get(f, row, p), g = hoop__augment_get(f, row, plane + p),
                     b = hoop__augment_get(f, row, 2 * plane + p), grey = 0.299 * r + 0.587 * g + 0.114 * b;
        hoop__augment_put(f, row, p, grey + saturation * (r - grey));
        hoop__augment_put(f, row, plane + p, grey + saturation * (g - grey));
        hoop__augment_put(f, row, 2 * plane + p, grey + saturation * (b - grey));
    }
    for (int64_t k = 0; k < f->numel; k++) mean += hoop__augment_get(f, row, k);
    mean /= (double)f->numel;
    for (int64_t k = 0; k < f->numel; k++)
        hoop__augment_put(f, row, k, brightness * (mean + contrast * (hoop__augment_get(f, row, k) - mean)));
}

static void jitter(const hoop_augment_call *c, int64_t i)
{
    const jitter_opts *o          = c->opts;
    const hoop_key     key        = hoop__augment_key(c, i);
    const double       brightness = hoop__augment_draw(key, 0, 1 - o->brightness, 1 + o->brightness),
                 contrast         = hoop__augment_draw(key, 1, 1 - o->contrast, 1 + o->contrast),
                 saturation       = hoop__augment_draw(key, 2, 1 - o->saturation, 1 + o->saturation);
    for (int k = 0; k < c->nfields; k++)
        if (!c->field[k].target && !c->field[k].labels && c->field[k].planes > 0)
            jitter_row(c, &c->field[k], hoop__augment_row(&c->field[k], i), brightness, contrast, saturation);
}

const hoop_augment_kind hoop__augment_jitter = {"jitter", "brightness, contrast and saturation of images changed",
                                                HOOP_OPTIONS(jitter_rows), HOOP_AUGMENT_IMAGES, jitter};

/* ---- noise ---- */

typedef struct noise_opts {
    double std;
} noise_opts;
static const hoop_option noise_rows[] = {
    {"std", HOOP_OPT_FLOAT, offsetof(noise_opts, std), "0.05", 0, 1e30, NULL, true,
     "deviation of normal numbers that are added, in units of the data"},
};

static void noise(const hoop_augment_call *c, int64_t i)
{
    enum { AT_ONCE = 256 };
    const double   std = ((const noise_opts *)c->opts)->std;
    const hoop_key key = hoop__augment_key(c, i);
    uint64_t       at  = 0;
    double         v[AT_ONCE];
    for (int k = 0; k < c->nfields; k++) {
        const hoop_augment_field *f   = &c->field[k];
        char                     *row = hoop__augment_row(f, i);
        for (int64_t j = 0; j < f->numel && !f->target && !f->labels; j += AT_ONCE) {
            const int64_t n = f->numel - j < AT_ONCE ? f->numel - j : AT_ONCE;
            hoop_random_normal_fill(key, at, n, v);
            at += AT_ONCE;
            for (int64_t m = 0; m < n; m++) hoop__augment_put(f, row, j + m, hoop__augment_get(f, row, j + m) + std * v[m]);
        }
    }
}

const hoop_augment_kind hoop__augment_noise = {"noise", "normal numbers added to all real inputs", HOOP_OPTIONS(noise_rows), 0,
                                               noise};

/* ---- cutout ---- */

typedef struct cutout_opts {
    int64_t size, count;
} cutout_opts;
static const hoop_option cutout_rows[] = {
    {"size", HOOP_OPT_INT, offsetof(cutout_opts, size), "8", 1, 65536, NULL, true, "pixels of a side"},
    {"count", HOOP_OPT_INT, offsetof(cutout_opts, count), "1", 1, 1024, NULL, true, "squares of an image"},
};

static void cutout(const hoop_augment_call *c, int64_t i)
{
    const cutout_opts *o   = c->opts;
    const hoop_key     key = hoop__augment_key(c, i);
    for (int64_t s = 0; s < o->count; s++) {
        const int64_t y  = (int64_t)(hoop_random_f64(key, (uint64_t)(2 * s)) * (double)c->height) - o->size / 2,
                      x  = (int64_t)(hoop_random_f64(key, (uint64_t)(2 * s + 1)) * (double)c->width) - o->size / 2;
        const int64_t x0 = x < 0 ? 0 : x, x1 = x + o->size > c->width ? c->width : x + o->size;
        for (int k = 0; k < c->nfields; k++) {
            const hoop_augment_field *f    = &c->field[k];
            const size_t              size = hoop_dtype_size(f->dtype);
            if (f->target || f->labels) continue;
            for (int64_t p = 0; p < f->planes; p++)
                for (int64_t r = y < 0 ? 0 : y; r < y + o->size && r < c->height; r++)
                    memset(hoop__augment_row(f, i) + (size_t)((p * c->height + r) * c->width + x0) * size, 0,
                           (size_t)(x1 - x0) * size);
        }
    }
}

const hoop_augment_kind hoop__augment_cutout = {"cutout",
                                                "squares of images set to 0 (DeVries and Taylor, 2017), their middles anywhere",
                                                HOOP_OPTIONS(cutout_rows), HOOP_AUGMENT_IMAGES, cutout};
