#include "hoop/inspect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 1 << 18 };

/* Element i of a chunk, as a double. (i64 beyond 2^53 is rounded: it is only shown.) */
static double value_at(hoop_dtype dtype, const void *data, int64_t i)
{
    switch (dtype) {
    case HOOP_F32:
        return (double)((const float *)data)[i];
    case HOOP_F64:
        return ((const double *)data)[i];
    case HOOP_I64:
        return (double)((const int64_t *)data)[i];
    case HOOP_I32:
        return (double)((const int32_t *)data)[i];
    case HOOP_U8:
        return (double)((const uint8_t *)data)[i];
    default:
        return NAN;
    }
}

/* long double: squares of f64 elements may exceed a double's range */
hoop_status hoop_checkpoint_look(hoop_checkpoint *c, const hoop_checkpoint_tensor *t, hoop_error *err, hoop_checkpoint_stats *out)
{
    void       *chunk = malloc(CHUNK * hoop_dtype_size(t->dtype));
    long double sum = 0, squares = 0;
    int64_t     seen = 0;
    hoop_status st =
        chunk == NULL ? hoop_fail(err, HOOP_ENOMEM, "%s: no memory to read %s", hoop_checkpoint_path(c), t->name) : HOOP_OK;
    *out = (hoop_checkpoint_stats){NAN, NAN, NAN, NAN, 0};
    for (int64_t at = 0; at < t->numel && st == HOOP_OK; at += CHUNK) {
        int64_t n = t->numel - at < CHUNK ? t->numel - at : CHUNK;
        st        = hoop_checkpoint_read(c, t, at, n, chunk, err);
        for (int64_t i = 0; i < n && st == HOOP_OK; i++) {
            double v = value_at(t->dtype, chunk, i);
            if (!isfinite(v)) {
                out->nonfinite++;
                continue;
            }
            if (seen == 0 || v < out->min) out->min = v;
            if (seen == 0 || v > out->max) out->max = v;
            sum += v;
            squares += (long double)v * v;
            seen++;
        }
    }
    if (seen > 0) {
        out->mean = (double)(sum / (long double)seen);
        out->norm = (double)sqrtl(squares);
    }
    free(chunk);
    return st;
}

/* ---- two checkpoints ---- */

typedef struct sums {
    long double difference, a; /* of squares */
} sums;

static void compare_chunk(hoop_dtype dtype, const char *a, const char *b, int64_t n, hoop_checkpoint_difference *d, sums *s)
{
    size_t width = hoop_dtype_size(dtype);
    for (int64_t i = 0; i < n; i++) {
        double x = value_at(dtype, a, i), y = value_at(dtype, b, i);
        if (isfinite(x)) s->a += (long double)x * x;
        if (memcmp(a + (size_t)i * width, b + (size_t)i * width, width) == 0) continue;
        d->elements++;
        if (isfinite(x) && isfinite(y)) {
            double by = fabs(x - y);
            if (by > d->max_abs) d->max_abs = by;
            s->difference += (long double)by * by;
        } else if (!(isnan(x) && isnan(y))) {
            d->max_abs = INFINITY;
        }
    }
}

static hoop_status compare_values(hoop_checkpoint *a, hoop_checkpoint *b, char *chunk, hoop_error *err,
                                  hoop_checkpoint_difference *d)
{
    size_t      half = CHUNK * hoop_dtype_size(d->a->dtype);
    sums        s    = {0, 0};
    hoop_status st   = HOOP_OK;
    for (int64_t at = 0; at < d->a->numel && st == HOOP_OK; at += CHUNK) {
        int64_t n = d->a->numel - at < CHUNK ? d->a->numel - at : CHUNK;
        st        = hoop_checkpoint_read(a, d->a, at, n, chunk, err);
        if (st == HOOP_OK) st = hoop_checkpoint_read(b, d->b, at, n, chunk + half, err);
        if (st == HOOP_OK) compare_chunk(d->a->dtype, chunk, chunk + half, n, d, &s);
    }
    d->relation = d->elements == 0 ? HOOP_TENSORS_EQUAL : HOOP_TENSORS_DIFFERENT;
    if (isinf(d->max_abs))
        d->relative = INFINITY;
    else if (s.difference > 0)
        d->relative = s.a > 0 ? (double)sqrtl(s.difference / s.a) : INFINITY;
    return st;
}

static bool same_shape(const hoop_checkpoint_tensor *a, const hoop_checkpoint_tensor *b)
{
    bool same = a->dtype == b->dtype && a->ndim == b->ndim;
    for (int d = 0; same && d < a->ndim; d++) same = a->shape[d] == b->shape[d];
    return same;
}

/* Tensors of c and their bytes; all must be whole. */
static hoop_status count(const hoop_checkpoint *c, hoop_error *err, int64_t *n, double *bytes)
{
    const hoop_checkpoint_tensor *t;
    *n = 0;
    for (; (t = hoop_checkpoint_tensor_at(c, *n)) != NULL; ++*n) {
        if (!t->whole) {
            return hoop_fail(err, HOOP_EFORMAT, "%s: holds only a part of %s%s%s; to compare, name the checkpoint's folder",
                             hoop_checkpoint_path(c), t->group, t->group[0] != '\0' ? "/" : "", t->name);
        }
        *bytes += (double)t->numel * (double)hoop_dtype_size(t->dtype);
    }
    return HOOP_OK;
}

/* Whose tensors meet: all of a, then those of b that a has not. */
static int64_t pair(const hoop_checkpoint *a, int64_t na, const hoop_checkpoint *b, int64_t nb, hoop_checkpoint_difference *list)
{
    int64_t n = 0;
    for (int64_t i = 0; i < na; i++) {
        hoop_checkpoint_difference *d = &list[n++];
        d->a                          = hoop_checkpoint_tensor_at(a, i);
        d->b                          = hoop_checkpoint_find(b, d->a->kind, d->a->group, d->a->name);
        d->relation                   = d->b == NULL ? HOOP_TENSORS_ONLY_A : HOOP_TENSORS_OTHER_KIND;
    }
    for (int64_t i = 0; i < nb; i++) {
        const hoop_checkpoint_tensor *t = hoop_checkpoint_tensor_at(b, i);
        if (hoop_checkpoint_find(a, t->kind, t->group, t->name) != NULL) continue;
        list[n].b          = t;
        list[n++].relation = HOOP_TENSORS_ONLY_B;
    }
    return n;
}

hoop_status hoop_checkpoint_compare(hoop_checkpoint *a, hoop_checkpoint *b, void (*progress)(void *ctx, double fraction),
                                    void *ctx, hoop_error *err, hoop_checkpoint_difference **out, int64_t *n)
{
    hoop_checkpoint_difference *list  = NULL;
    char                       *chunk = NULL;
    int64_t                     na, nb;
    double                      all = 0, done_bytes = 0;
    size_t                      chunk_bytes = 2 * sizeof(double) * CHUNK;
    hoop_status                 st;
    HOOP_TRY(st, done, count(b, err, &nb, &all));
    all = 0;
    HOOP_TRY(st, done, count(a, err, &na, &all));
    list  = calloc((size_t)(na + nb) + 1, sizeof *list);
    chunk = malloc(chunk_bytes);
    if (list == NULL || chunk == NULL) {
        st = hoop_fail(err, HOOP_ENOMEM, "no memory to compare %lld tensors", (long long)(na + nb));
        goto done;
    }
    *n = pair(a, na, b, nb, list);
    for (int64_t i = 0; i < *n; i++) {
        hoop_checkpoint_difference *d = &list[i];
        if (d->a == NULL) continue;
        if (d->b != NULL && same_shape(d->a, d->b)) HOOP_TRY(st, done, compare_values(a, b, chunk, err, d));
        done_bytes += (double)d->a->numel * (double)hoop_dtype_size(d->a->dtype);
        if (progress != NULL) progress(ctx, all > 0 ? done_bytes / all : 1);
    }
    *out = list;
    list = NULL;
done:
    free(list);
    free(chunk);
    return st;
}
