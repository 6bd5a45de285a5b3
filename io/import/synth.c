#include "import/synth.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/writer.h"

/* Two arms of 1.25 turns, half a turn apart; radius grows with the angle. Rounded to f32, a libm's last bit hardly shows. */
int hoop__synth_spiral(uint64_t seed, int64_t i, float point[2])
{
    const hoop_key key   = hoop_key_make(seed, HOOP_FOR_SYNTH, (uint64_t)i, 0, 0);
    const int      arm   = hoop_random_f64(key, 0) < 0.5 ? 0 : 1;
    const double   along = sqrt(hoop_random_f64(key, 1)), pi = 3.14159265358979323846;
    const double   angle = along * 2.5 * pi + arm * pi, radius = 0.1 + 0.9 * along;
    point[0] = (float)(radius * cos(angle) + 0.02 * hoop_random_normal(key, 8));
    point[1] = (float)(radius * sin(angle) + 0.02 * hoop_random_normal(key, 9));
    return arm;
}

static void digit_row(uint64_t seed, int64_t i, void *x, void *y)
{
    *(int64_t *)y = hoop__synth_digit(seed, i, x);
}

static void spiral_row(uint64_t seed, int64_t i, void *x, void *y)
{
    *(int64_t *)y = hoop__synth_spiral(seed, i, x);
}

static void shapes_row(uint64_t seed, int64_t i, void *x, void *y)
{
    hoop__synth_shapes(seed, i, x, y);
}

static void scene_row(uint64_t seed, int64_t i, void *x, void *y)
{
    hoop__synth_scene(seed, i, x, y);
}

static void heat_row(uint64_t seed, int64_t i, void *x, void *y)
{
    hoop__synth_heat(seed, i, x, y);
}

static void series_row(uint64_t seed, int64_t i, void *x, void *y)
{
    hoop__synth_series(seed, i, x, y);
}

static const char *const digit_names[] = {NULL}, *const shape_names[] = {"background", "disc", "square", "triangle", NULL},
                         *const object_names[] = {"disc", "square", "triangle", "ring", "cross", NULL};

/* One of its two fields. */
typedef struct side {
    const char        *name;
    hoop_dtype         dtype;
    int                ndim;
    int64_t            shape[3];
    double             scale;   /* 0: none */
    int64_t            classes; /* 0: none */
    const char *const *class_names;
} side;

static const char *const poisson_columns[] = {"x", "y", "kind", NULL}, *const burgers_columns[] = {"x", "t", "kind", NULL};

static const struct kind {
    const char *name, *help;
    side        x, y;
    int (*list)(uint64_t seed, int64_t i); /* rows that y has of sample i; NULL: one, without that dim */
    void (*row)(uint64_t seed, int64_t i, void *x, void *y);
    /* in place of row, of kinds whose validation is drawn otherwise: the last rows, counted from 0 again */
    void (*point)(uint64_t seed, int64_t i, bool validation, float *x, float *y);
    float              known;   /* weight of training rows whose value is known, in a dataset /w; others weigh 1 */
    const char *const *columns; /* of x */
} kinds[] = {
    {"digits",
     "digit-like images, 28 x 28, of 10 classes",
     {"x", HOOP_U8, 2, {HOOP_DIGIT_SIDE, HOOP_DIGIT_SIDE}, 1.0 / 255, 0, NULL},
     {"y", HOOP_I64, 0, {0}, 0, 10, digit_names},
     NULL,
     digit_row},
    {"spirals",
     "points on two spirals, 2 columns, 2 classes",
     {"x", HOOP_F32, 1, {2}, 0, 0, NULL},
     {"y", HOOP_I64, 0, {0}, 0, 2, digit_names},
     NULL,
     spiral_row},
    {"shapes",
     "pictures (3, 64, 64) and a class of each pixel: background, disc, square, triangle",
     {"x", HOOP_U8, 3, {3, HOOP_SHAPES_SIDE, HOOP_SHAPES_SIDE}, 1.0 / 255, 0, NULL},
     {"y", HOOP_U8, 2, {HOOP_SHAPES_SIDE, HOOP_SHAPES_SIDE}, 0, 4, shape_names},
     NULL,
     shapes_row},
    {"scenes",
     "pictures (3, 128, 128) of 3 to 12 objects of 5 classes, and a list of boxes: x1, y1, x2, y2, class",
     {"x", HOOP_U8, 3, {3, HOOP_SCENE_SIDE, HOOP_SCENE_SIDE}, 1.0 / 255, 0, NULL},
     {"boxes", HOOP_F32, 1, {HOOP_SCENE_BOX}, 0, 5, object_names},
     hoop__synth_objects,
     scene_row},
    {"heat",
     "fields (1, 64, 64), and what the heat equation makes of them in 50 steps, with borders that meet",
     {"x", HOOP_F32, 3, {1, HOOP_HEAT_SIDE, HOOP_HEAT_SIDE}, 0, 0, NULL},
     {"y", HOOP_F32, 3, {1, HOOP_HEAT_SIDE, HOOP_HEAT_SIDE}, 0, 0, NULL},
     NULL,
     heat_row},
    {"series",
     "96 values of waves (96, 1), and the 24 after them",
     {"x", HOOP_F32, 2, {HOOP_SERIES_PAST, 1}, 0, 0, NULL},
     {"y", HOOP_F32, 1, {HOOP_SERIES_NEXT}, 0, 0, NULL},
     NULL,
     series_row},
    {.name = "poisson",
     .help =
         "points of -(u_xx + u_yy) = f on a square, 0 on its edges: x, y, kind (0: u, 1: the equation), weights w; validation: u",
     .x       = {"x", HOOP_F32, 1, {3}, 0, 0, NULL},
     .y       = {"y", HOOP_F32, 1, {1}, 0, 0, NULL},
     .point   = hoop__synth_poisson,
     .known   = 100,
     .columns = poisson_columns},
    {.name    = "burgers",
     .help    = "points of u_t + u u_x = 0.01 / pi u_xx, -sin(pi x) at first: x, t, kind (0: u, 1: the equation), weights w; "
                "validation: u",
     .x       = {"x", HOOP_F32, 1, {3}, 0, 0, NULL},
     .y       = {"y", HOOP_F32, 1, {1}, 0, 0, NULL},
     .point   = hoop__synth_burgers,
     .known   = 20,
     .columns = burgers_columns},
};
enum { KINDS = (int)(sizeof kinds / sizeof kinds[0]) };

const char *hoop_synth_kind(int i)
{
    return i < 0 || i >= KINDS ? NULL : kinds[i].name;
}

const char *hoop_synth_help(int i)
{
    return i < 0 || i >= KINDS ? NULL : kinds[i].help;
}

/* What is asked of the writer, and how long lists are. */
typedef struct synth {
    const struct kind *kind;
    uint64_t           seed;
} synth;

static int64_t list_length(void *ctx, int64_t i)
{
    const synth *s = ctx;
    return s->kind->list(s->seed, i);
}

static hoop_writer_field describe(const struct kind *k, const side *s, hoop_field_role role, bool list)
{
    const char *const *columns = role == HOOP_INPUT ? k->columns : NULL;
    hoop_writer_field  f       = {.name = s->name, .role = role, .dtype = s->dtype, .ndim = s->ndim, .list = list};
    int64_t            names   = 0;
    memcpy(f.shape, s->shape, sizeof s->shape);
    if (s->scale != 0) f.attrs[f.nattrs++] = (hoop_h5_attr){.name = "scale", .kind = HOOP_H5_F64, .v.f64 = s->scale};
    if (columns != NULL)
        f.attrs[f.nattrs++] =
            (hoop_h5_attr){.name = "columns", .kind = HOOP_H5_STRINGS, .count = s->shape[0], .v.strings = columns};
    if (s->classes == 0) return f;
    f.attrs[f.nattrs++] = (hoop_h5_attr){.name = "classes", .kind = HOOP_H5_I64, .v.i64 = s->classes};
    while (s->class_names[names] != NULL) names++;
    if (names > 0)
        f.attrs[f.nattrs++] =
            (hoop_h5_attr){.name = "class_names", .kind = HOOP_H5_STRINGS, .count = names, .v.strings = s->class_names};
    return f;
}

static int64_t side_bytes(const side *s, int64_t rows)
{
    int64_t n = rows * (int64_t)hoop_dtype_size(s->dtype);
    for (int d = 0; d < s->ndim; d++) n *= s->shape[d];
    return n;
}

static hoop_status unknown(const char *kind, hoop_error *err)
{
    char list[256] = "";
    for (int i = 0; i < KINDS; i++)
        (void)snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s",
                       i == 0          ? ""
                       : i + 1 < KINDS ? ", "
                                       : " and ",
                       kinds[i].name);
    return hoop_fail(err, HOOP_EARG, "synth: there is no kind '%.64s'; %s are", kind, list);
}

hoop_status hoop_synth(const char *kind, int64_t samples, const hoop_import_opts *opts, hoop_error *err,
                       hoop_import_result *result)
{
    synth             s        = {.kind = kinds, .seed = opts->seed};
    hoop_writer      *w        = NULL;
    hoop_writer_field field[3] = {[2] = {.name = "w", .role = HOOP_INPUT, .dtype = HOOP_F32}};
    void             *x = NULL, *y = NULL;
    int64_t           training;
    hoop_status       st;
    if (result != NULL) *result = (hoop_import_result){0};
    while (s.kind < kinds + KINDS && strcmp(s.kind->name, kind) != 0) s.kind++;
    if (s.kind == kinds + KINDS) return unknown(kind, err);
    if (samples < 1) return hoop_fail(err, HOOP_EARG, "synth: %lld samples; at least 1 is wanted", (long long)samples);
    field[0] = describe(s.kind, &s.kind->x, HOOP_INPUT, false);
    field[1] = describe(s.kind, &s.kind->y, HOOP_TARGET, s.kind->list != NULL);
    x        = malloc((size_t)side_bytes(&s.kind->x, 1));
    y        = malloc((size_t)side_bytes(&s.kind->y, s.kind->list != NULL ? HOOP_SCENE_MOST : 1));
    if (x == NULL || y == NULL) {
        st = hoop_fail(err, HOOP_ENOMEM, "synth: no memory for a sample");
        goto done;
    }
    HOOP_TRY(st, done, hoop__writer_create(opts, samples, field, s.kind->point != NULL ? 3 : 2, err, &w));
    if (s.kind->list != NULL) hoop__writer_lists(w, list_length, &s);
    if (s.kind->point != NULL) hoop__writer_in_order(w);
    training = samples - hoop__writer_validation(w);
    for (int64_t i = 0; i < samples; i++) {
        float weight = 1;
        if (s.kind->point != NULL)
            s.kind->point(opts->seed, i < training ? i : i - training, i >= training, x, y);
        else
            s.kind->row(opts->seed, i, x, y);
        if (s.kind->point != NULL && i < training && ((const float *)x)[2] == 0.0F) weight = s.kind->known;
        HOOP_TRY(st, done, hoop__writer_row(w, (const void *[]){x, y, &weight}, err));
    }
    HOOP_TRY(st, done, hoop__writer_finish(w, err, result));
    if (result != NULL) result->classes = s.kind->y.classes;
done:
    hoop__writer_destroy(&w);
    free(x);
    free(y);
    return st;
}
