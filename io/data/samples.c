/* Which rows of a field a sample is: one, a window of a series, or as many as its offsets say; and how many samples that makes.
 */
#include <stdlib.h>
#include <string.h>

#include "data/storage.h"

static const int64_t most_rows = INT64_C(1) << 48;

/* ---- windows ---- */

static bool windowed(const hoop_field_opts *o)
{
    return o->window > 0 || o->horizon > 0;
}

static hoop_status check_opts(const hoop_field_opts *o, const char *spec, hoop_error *err)
{
    const struct {
        const char *name;
        int64_t     value;
    } numbers[] = {{"sample_axis", o->sample_axis}, {"window", o->window}, {"stride", o->stride},
                   {"horizon", o->horizon},         {"length", o->length}, {"classes", o->classes}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].value < 0 || numbers[i].value > most_rows)
            return hoop_fail(err, HOOP_EARG, "%s: %s of %s is %lld; 0 to %lld are possible", spec, numbers[i].name, o->name,
                             (long long)numbers[i].value, (long long)most_rows);
    if (o->role == HOOP_INPUT && o->horizon > 0)
        return hoop_fail(err, HOOP_EARG, "%s: %s is an input, and a horizon is for targets", spec, o->name);
    if (o->offsets != NULL && windowed(o))
        return hoop_fail(err, HOOP_EARG, "%s: %s has both offsets and a window; one of them is possible", spec, o->name);
    return HOOP_OK;
}

hoop_status hoop__samples_plan(hoop_dataset *ds, hoop_error *err)
{
    int64_t     longest = 0, stride = 0;
    hoop_status st;
    for (int k = 0; k < ds->nfields; k++) {
        const hoop_field_opts *o = &ds->field[k].opts;
        if ((st = check_opts(o, ds->spec, err)) != HOOP_OK) return st;
        if (o->role == HOOP_INPUT && o->window > longest) longest = o->window;
        if (o->stride > 0 && stride > 0 && o->stride != stride)
            return hoop_fail(err, HOOP_EARG, "%s: stride of %s is %lld, and that of another field %lld; it is one for all",
                             ds->spec, o->name, (long long)o->stride, (long long)stride);
        if (o->stride > 0) stride = o->stride;
    }
    if (stride > 0 && longest == 0) return hoop_fail(err, HOOP_EARG, "%s: a stride wants an input with a window", ds->spec);
    for (int k = 0; k < ds->nfields; k++) {
        hoop_field            *f = &ds->field[k];
        const hoop_field_opts *o = &f->opts;
        f->stride                = 1;
        f->span                  = 1;
        if (!windowed(o)) continue;
        if (longest == 0)
            return hoop_fail(err, HOOP_EARG, "%s: %s of %s wants an input with a window", ds->spec,
                             o->window > 0 ? "window" : "horizon", o->name);
        f->stride = stride > 0 ? stride : 1;
        f->span   = o->window > 0 ? o->window : 1;
        f->lead   = o->role == HOOP_INPUT ? 0 : longest + o->horizon - f->span;
        if (f->lead < 0)
            return hoop_fail(
                err, HOOP_EARG,
                "%s: the window of %s, %lld rows that end %lld after the inputs, begins before theirs of %lld; at most "
                "%lld are possible",
                ds->spec, o->name, (long long)f->span, (long long)o->horizon, (long long)longest,
                (long long)(longest + o->horizon));
    }
    return HOOP_OK;
}

/* ---- how many samples a shard has ---- */

/* All windows are of one series: as many rows of each field, and enough for one of all. */
static hoop_status count_windows(const hoop_dataset *ds, const hoop_shard *s, const hoop_found *found, hoop_error *err,
                                 int64_t *n)
{
    int     first = -1, widest = -1;
    int64_t need = 0;
    for (int k = 0; k < ds->nfields; k++) {
        const hoop_field *f = &ds->field[k];
        if (found[k].dset < 0 || !windowed(&f->opts)) continue;
        if (first < 0) first = k;
        if (found[k].rows != found[first].rows)
            return hoop_fail(err, HOOP_ESHAPE, "%s: %s has %lld rows, %s has %lld; windows are of series of one length", s->path,
                             ds->field[first].opts.path, (long long)found[first].rows, f->opts.path, (long long)found[k].rows);
        if (f->lead + f->span <= need) continue;
        need   = f->lead + f->span;
        widest = k;
    }
    if (first < 0) return HOOP_OK;
    if (found[first].rows < need)
        return hoop_fail(err, HOOP_ESHAPE,
                         "%s: %s has %lld rows, and a sample of %s reaches over %lld: a shorter window, or a longer series "
                         "in each file, is wanted",
                         s->path, ds->field[first].opts.path, (long long)found[first].rows, ds->field[widest].opts.name,
                         (long long)need);
    *n = (found[first].rows - need) / ds->field[first].stride + 1;
    return HOOP_OK;
}

hoop_status hoop__samples_count(const hoop_dataset *ds, hoop_shard *s, const hoop_found *found, hoop_error *err)
{
    const char *of      = NULL;
    int64_t     windows = 0;
    hoop_status st      = count_windows(ds, s, found, err, &windows);
    if (st != HOOP_OK) return st;
    s->rows = windows;
    for (int k = 0; k < ds->nfields; k++) {
        const hoop_field_opts *o = &ds->field[k].opts;
        const int64_t          n = o->offsets != NULL ? found[k].noffsets - 1 : found[k].rows;
        if (found[k].dset < 0 || windowed(o)) continue;
        if (of == NULL && windows > 0 && n != windows)
            return hoop_fail(err, HOOP_ESHAPE, "%s: %s has %lld rows, and there are %lld windows", s->path, o->path, (long long)n,
                             (long long)windows);
        if (of != NULL && n != s->rows)
            return hoop_fail(err, HOOP_ESHAPE, "%s: %s has %lld rows, %s has %lld", s->path, of, (long long)s->rows,
                             o->offsets != NULL ? o->offsets : o->path, (long long)n);
        of      = o->offsets != NULL ? o->offsets : o->path;
        s->rows = n;
    }
    return s->rows > 0 ? HOOP_OK : hoop_fail(err, HOOP_EFORMAT, "%s: holds none of the fields", s->path);
}

/* ---- offsets ---- */

/* All of an open one-dimensional dataset of integers as i64: free it. */
static hoop_status read_integers(const hoop_look *l, const hoop_found *f, hoop_error *err, int64_t **out)
{
    hoop_row_cast *const cast = hoop__row_cast(f->about.dtype, HOOP_I64, 1);
    void                *raw  = malloc((size_t)f->rows * hoop_dtype_size(f->about.dtype));
    char                 is[HOOP_SUM_TEXT], want[HOOP_SUM_TEXT];
    hoop_status          st;
    *out = malloc((size_t)f->rows * sizeof **out);
    if (raw == NULL || *out == NULL) {
        st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %lld offsets", l->path, (long long)f->rows);
    } else {
        st = hoop__found_read(f, l->path, raw, err);
        if (st == HOOP_OK && l->ours && hoop__h5_attr_string(f->dset, "xxh3_128", want, sizeof want)) {
            hoop__sum_text(raw, f->rows * (int64_t)hoop_dtype_size(f->about.dtype), is);
            if (strcmp(is, want) != 0)
                st = hoop_fail(err, HOOP_ECHECKSUM, "%s: its offsets are damaged: their checksum does not match", l->path);
        }
        if (st == HOOP_OK) cast(raw, *out, f->rows, 1);
    }
    free(raw);
    return st;
}

static hoop_status check_offsets(const hoop_stored_I64 *at, int64_t n, int64_t rows, const char *path, const hoop_field_opts *o,
                                 hoop_error *err, int64_t *longest)
{
    *longest = 0;
    for (int64_t i = 0; i < n; i++) {
        const int64_t before = i == 0 ? 0 : at[i - 1];
        if (at[i] < before)
            return hoop_fail(err, HOOP_EFORMAT, "%s: offset %lld of %s is %lld, after %lld; they are to ascend from 0", path,
                             (long long)i, o->offsets, (long long)at[i], (long long)before);
        if (at[i] > rows)
            return hoop_fail(err, HOOP_EFORMAT, "%s: offset %lld of %s is %lld, and %s has %lld rows", path, (long long)i,
                             o->offsets, (long long)at[i], o->path, (long long)rows);
        if (i > 0 && at[i] - before > *longest) *longest = at[i] - before;
        if (i > 0 && o->length > 0 && at[i] - before > o->length)
            return hoop_fail(err, HOOP_ERANGE,
                             "%s: sample %lld of %s has %lld rows, and its length is %lld; a greater one, or 0 (as long "
                             "as the longest read together), is wanted",
                             path, (long long)i - 1, o->name, (long long)(at[i] - before), (long long)o->length);
    }
    return HOOP_OK;
}

hoop_status hoop__offsets_find(const hoop_look *l, const hoop_field_opts *o, hoop_error *err, hoop_found *f)
{
    hoop_field  of   = {.opts = {.name = o->offsets, .path = o->offsets}, .object = (char *)o->offsets};
    hoop_found  list = {.dset = -1};
    hoop_status st   = HOOP_OK;
    if (f->dset < 0 || o->offsets == NULL) return HOOP_OK;
    HOOP_TRY(st, done, hoop__field_find(l, &of, err, &list));
    if (list.about.ndim != 0 || hoop_dtype_is_float(list.about.dtype) || list.rows < 2) {
        st =
            hoop_fail(err, HOOP_EFORMAT,
                      "%s: %s is %lld x %lld of %s; a list of 2 or more integers, one more than there are samples, is wanted for "
                      "offsets",
                      l->path, o->offsets, (long long)list.rows, (long long)list.about.numel, hoop_dtype_name(list.about.dtype));
        goto done;
    }
    HOOP_TRY(st, done, read_integers(l, &list, err, &f->offsets));
    f->noffsets = list.rows;
    st          = check_offsets(f->offsets, f->noffsets, f->rows, l->path, o, err, &f->longest);
done:
    if (list.dset >= 0) (void)H5Dclose(list.dset);
    free(list.enum_names);
    return st;
}

/* ---- as what they are presented ---- */

hoop_status hoop__samples_shape(const hoop_field *f, bool varies, const char *path, hoop_error *err, hoop_dataset_field *shown)
{
    const hoop_field_opts *o     = &f->opts;
    const int64_t          first = varies ? (o->length > 0 ? o->length : -1) : o->window;
    int64_t                bytes;
    shown->role    = o->role;
    shown->window  = o->window;
    shown->stride  = windowed(o) ? f->stride : 0;
    shown->horizon = o->horizon;
    shown->varies  = varies;
    if (o->length > 0 && !varies)
        return hoop_fail(err, HOOP_EARG,
                         "%s: rows of %s are all of one length; length is for those of variable length, and offsets", path,
                         o->path);
    if (!varies && o->window == 0) return HOOP_OK;
    if (shown->ndim == HOOP_DATASET_DIMS)
        return hoop_fail(err, HOOP_ESHAPE, "%s: samples of %s would have %d dims; at most %d are possible", path, o->path,
                         HOOP_DATASET_DIMS + 1, HOOP_DATASET_DIMS);
    memmove(shown->shape + 1, shown->shape, (size_t)shown->ndim * sizeof *shown->shape);
    shown->shape[0] = first;
    shown->ndim++;
    if (first < 0) {
        shown->numel = -1;
        return HOOP_OK;
    }
    if (__builtin_mul_overflow(shown->numel, first, &shown->numel) || __builtin_mul_overflow(shown->numel, (int64_t)8, &bytes))
        return hoop_fail(err, HOOP_ESIZE, "%s: the size of a sample of %s overflows", path, o->path);
    return HOOP_OK;
}
