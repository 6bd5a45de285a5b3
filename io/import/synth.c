#include "import/synth.h"

#include <math.h>
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

static int digit_row(uint64_t seed, int64_t i, void *x)
{
    return hoop__synth_digit(seed, i, x);
}

static int spiral_row(uint64_t seed, int64_t i, void *x)
{
    return hoop__synth_spiral(seed, i, x);
}

static const struct kind {
    const char *name;
    hoop_dtype  dtype;
    int         ndim;
    int64_t     shape[2];
    int64_t     classes;
    double      scale; /* 0: none */
    int (*row)(uint64_t seed, int64_t i, void *x);
} kinds[] = {
    {"digits", HOOP_U8, 2, {HOOP_DIGIT_SIDE, HOOP_DIGIT_SIDE}, 10, 1.0 / 255, digit_row},
    {"spirals", HOOP_F32, 1, {2}, 2, 0, spiral_row},
};
enum { KINDS = (int)(sizeof kinds / sizeof kinds[0]) };

const char *hoop_synth_kind(int i)
{
    return i < 0 || i >= KINDS ? NULL : kinds[i].name;
}

hoop_status hoop_synth(const char *kind, int64_t samples, const hoop_import_opts *opts, hoop_error *err,
                       hoop_import_result *result)
{
    const struct kind *k        = kinds;
    hoop_writer       *w        = NULL;
    hoop_writer_field  field[2] = {{.name = "x"}, {.name = "y", .role = HOOP_TARGET, .dtype = HOOP_I64}}, *x = &field[0],
                      *y = &field[1];
    hoop_status               st;
    _Alignas(8) unsigned char row[HOOP_DIGIT_SIDE * HOOP_DIGIT_SIDE];
    if (result != NULL) *result = (hoop_import_result){0};
    while (k < kinds + KINDS && strcmp(k->name, kind) != 0) k++;
    if (k == kinds + KINDS) return hoop_fail(err, HOOP_EARG, "synth: there is no kind '%.64s'; digits and spirals are", kind);
    if (samples < 1) return hoop_fail(err, HOOP_EARG, "synth: %lld samples; at least 1 is wanted", (long long)samples);
    x->dtype = k->dtype;
    x->ndim  = k->ndim;
    memcpy(x->shape, k->shape, sizeof k->shape);
    if (k->scale != 0) x->attrs[x->nattrs++] = (hoop_h5_attr){.name = "scale", .kind = HOOP_H5_F64, .v.f64 = k->scale};
    y->attrs[y->nattrs++] = (hoop_h5_attr){.name = "classes", .kind = HOOP_H5_I64, .v.i64 = k->classes};
    HOOP_TRY(st, done, hoop__writer_create(opts, samples, field, 2, err, &w));
    for (int64_t i = 0; i < samples; i++) {
        const int64_t label = k->row(opts->seed, i, row);
        HOOP_TRY(st, done, hoop__writer_row(w, (const void *[]){row, &label}, err));
    }
    HOOP_TRY(st, done, hoop__writer_finish(w, err, result));
    if (result != NULL) result->classes = k->classes;
done:
    hoop__writer_destroy(&w);
    return st;
}
