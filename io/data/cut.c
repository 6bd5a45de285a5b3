#include "data/cut.h"

#include <stdlib.h>
#include <string.h>

/* ---- "/u[:, 0:3]" ---- */

static const char *blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* A number from 0, of at most 18 digits; false: there is none. */
static bool number(const char **at, int64_t *out)
{
    const size_t n = strspn(*at, "0123456789");
    if (n == 0 || n > 18) return false;
    *out = strtoll(*at, NULL, 10);
    *at  = blanks(*at + n);
    return true;
}

/* ":", "FROM:TO", "FROM:", ":TO" or one place. */
static bool dim(const char **at, int64_t *first, int64_t *end, bool *place)
{
    const bool from = number(at, first);
    *end            = -1;
    *place          = false;
    if (**at != ':') {
        *place = from;
        *end   = *first + 1;
        return from;
    }
    *at = blanks(*at + 1);
    if (!from) *first = 0;
    (void)number(at, end);
    return *end < 0 || *end > *first;
}

hoop_status hoop__piece_parse(const char *path, hoop_error *err, hoop_piece *out, size_t *name)
{
    const size_t n    = strlen(path);
    const char  *open = n > 0 && path[n - 1] == ']' ? strrchr(path, '[') : NULL, *at = open;
    bool         sound = true;
    *out               = (hoop_piece){.ndim = 0};
    *name              = open == NULL ? n : (size_t)(open - path);
    if (open == NULL) return HOOP_OK;
    while (sound && (out->ndim == 0 || *at == ',') && out->ndim < HOOP_CUT_DIMS) {
        at    = blanks(at + 1);
        sound = dim(&at, &out->first[out->ndim], &out->end[out->ndim], &out->place[out->ndim]);
        out->ndim++;
    }
    if (sound && at == path + n - 1 && *name > 0) return HOOP_OK;
    return hoop_fail(err, HOOP_EARG,
                     "%s: a piece is written NAME[:, 0:3]: of each dim `:`, FROM:TO (counted from 0) or one place", path);
}

/* ---- what it is of a dataset ---- */

/* How the elements of a row lie in the dataset: what is side by side is one run. */
static void walk(hoop_cut *c)
{
    int64_t stride[HOOP_CUT_DIMS] = {1}, numel = 1;
    bool    runs = true;
    for (int d = c->ndim - 1; d >= 0; d--) {
        stride[d] = numel;
        numel *= c->extent[d];
    }
    c->step = stride[c->axis];
    c->run  = 1;
    for (int d = c->ndim - 1; d >= 0; d--) { /* innermost first */
        if (d == c->axis) continue;
        c->start += c->first[d] * stride[d];
        if (c->count[d] == 1) continue;
        runs = runs && stride[d] == c->run;
        if (runs) {
            c->run *= c->count[d];
            continue;
        }
        c->turns[c->nloops]    = c->count[d];
        c->stride[c->nloops++] = stride[d];
    }
    for (int i = 0; i < c->nloops / 2; i++) {
        const int     j = c->nloops - 1 - i;
        const int64_t t = c->turns[i], s = c->stride[i];
        c->turns[i] = c->turns[j], c->stride[i] = c->stride[j];
        c->turns[j] = t, c->stride[j] = s;
    }
}

hoop_status hoop__cut_make(const hoop_piece *p, int axis, int ndim, const hsize_t *dims, const char *where, const char *path,
                           hoop_error *err, hoop_cut *out, hoop_dataset_field *about)
{
    if (axis < 0 || axis >= ndim)
        return hoop_fail(err, HOOP_ESHAPE, "%s: sample_axis of %s is %d, and it has %d dims; 0 to %d are possible", where, path,
                         axis, ndim, ndim - 1);
    if (p->ndim != 0 && p->ndim != ndim)
        return hoop_fail(err, HOOP_ESHAPE, "%s: %s names %d dims, and the dataset has %d", where, path, p->ndim, ndim);
    *out         = (hoop_cut){.ndim = ndim, .axis = axis, .whole = axis == 0};
    about->ndim  = 0;
    about->numel = 1;
    for (int d = 0; d < ndim; d++) {
        const int64_t extent = (int64_t)dims[d], first = p->ndim == 0 ? 0 : p->first[d],
                      end = p->ndim == 0 || p->end[d] < 0 ? extent : p->end[d];
        if (d == axis && (p->ndim != 0 && (first != 0 || p->end[d] >= 0)))
            return hoop_fail(err, HOOP_ESHAPE, "%s: dim %d of %s counts samples, and only `:` is possible for it", where, d,
                             path);
        if (end > extent || (first >= end && d != axis))
            return hoop_fail(err, HOOP_ESHAPE, "%s: dim %d of %s has %lld places, and place %lld is wanted", where, d, path,
                             (long long)extent, (long long)(end > first ? end - 1 : first));
        out->extent[d] = extent;
        out->first[d]  = first;
        out->count[d]  = end - first;
        out->whole     = out->whole && end - first == extent;
        if (d == axis) continue;
        about->numel *= end - first;
        if (p->ndim == 0 || !p->place[d]) about->shape[about->ndim++] = end - first;
    }
    walk(out);
    return HOOP_OK;
}

/* ---- rows ---- */

/* Runs are often one element: of a size the compiler knows. */
static inline void copy_run(unsigned char *out, const unsigned char *in, size_t bytes)
{
    if (bytes == 4)
        memcpy(out, in, 4);
    else if (bytes == 8)
        memcpy(out, in, 8);
    else
        memcpy(out, in, bytes);
}

void hoop__cut_pack(const hoop_cut *c, int64_t width, const unsigned char *dataset, int64_t row, int64_t most, void *out)
{
    const unsigned char *at    = dataset + (c->start + row * c->step) * width;
    const int64_t        bytes = c->run * width, last = c->nloops - 1, turns = last < 0 ? 1 : c->turns[last],
                  stride                = last < 0 ? 0 : c->stride[last] * width;
    int64_t        index[HOOP_CUT_DIMS] = {0}, done = 0;
    unsigned char *to = out;
    for (;;) {
        int d;
        for (int64_t i = 0; i < turns && done < most; i++, to += bytes, done += bytes)
            copy_run(to, at + i * stride, (size_t)bytes);
        for (d = (int)last - 1; d >= 0; d--) {
            at += c->stride[d] * width;
            if (++index[d] < c->turns[d]) break;
            at -= c->turns[d] * c->stride[d] * width;
            index[d] = 0;
        }
        if (d < 0 || done >= most) return;
    }
}

void hoop__cut_turn(const hoop_cut *c, int64_t width, int64_t rows, const void *in, void *out)
{
    const unsigned char *from   = in;
    unsigned char       *to     = out;
    int64_t              before = 1, after = 1;
    for (int d = 0; d < c->axis; d++) before *= c->count[d];
    for (int d = c->axis + 1; d < c->ndim; d++) after *= c->count[d];
    for (int64_t r = 0; r < rows; r++)
        for (int64_t b = 0; b < before; b++, to += after * width)
            copy_run(to, from + (b * rows + r) * after * width, (size_t)(after * width));
}
