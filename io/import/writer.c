#include "import/writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "data/dataset.h"
#include "hoop/checkpoint.h"
#include "hoop/random.h"
#include "import/fields.h"

enum { BUFFER_BYTES = 1 << 20, ROWS_AT_ONCE = 1 << 16, DEFAULT_SHARDS = 4, MAX_SHARDS = 99999 };
static const char no_sum[] = "00000000000000000000000000000000";

/* A field's dataset in the open shard: rows collect in a buffer, whole blocks of them are added to the checksums and written at
 * `offset`. */
typedef struct column {
    int64_t   row_bytes, offset;
    hoop_sum *sum;
    char     *buffer;
    int64_t   used, room;
    int64_t   block_rows, nblocks, summed; /* blocks of the open shard, and how many of them have their sums */
    int64_t  *sums, sums_offset;
    int64_t   rows, at; /* of the open shard; at, of offsets: rows of its lists so far */
} column;

/* A dataset that is written: a field, or where the lists of one begin, and the last ends. */
typedef struct written {
    hoop_writer_field is;
    int               list; /* the column of the lists whose offsets these are; -1: it is a field */
    char              offsets[HOOP_FIELD_PATH + 16];
} written;

typedef struct part {
    const char *name;
    int64_t     rows, written, shards;
    int64_t     shard, shard_end; /* the open one, and the row it ends before */
    int         fd;
    column     *column;          /* of each field */
    char (*sums)[HOOP_SUM_TEXT]; /* of shard s and field k: s * nsums + k */
    int64_t named;               /* shards that have their final names */
    bool    others;              /* shards of an older set with another number of them are there */
} part;

struct hoop_writer {
    hoop_import_opts         opts;
    hoop_key                 split_key;
    int64_t                  rows, next, report_at;
    int                      nfields, ncolumns, nsums; /* nsums: at least two, of x and y; what is not there has none */
    const hoop_writer_field *field;
    written                 *column; /* the fields, then the offsets of lists among them */
    int64_t (*length)(void *ctx, int64_t i);
    void          *length_ctx;
    part           part[2];
    bool           finished, in_order, made; /* made: the directory was not there before */
    hoop_run_lock *lock;                     /* on the directory: another import would remove what this one writes */
};

static hoop_status shard_path(const hoop_writer *w, const part *p, int64_t shard, bool temp, hoop_error *err, char *out)
{
    const int n = snprintf(out, HOOP_PATH_MAX, "%s/%s%s-%05lld-of-%05lld.h5%s", w->opts.dir, temp ? "." : "", p->name,
                           (long long)shard, (long long)p->shards, temp ? ".tmp" : "");
    return n < HOOP_PATH_MAX ? HOOP_OK : hoop_fail(err, HOOP_EARG, "%.256s: the path is too long", w->opts.dir);
}

/* Call fn for each file in dir that is a shard of the set `prefix`, or with temp what a killed import left of it. */
static hoop_status each_shard(const char *dir, const char *prefix, bool temp, hoop_error *err,
                              hoop_status (*fn)(void *ctx, const char *path, const char *name, hoop_error *err), void *ctx)
{
    DIR                 *d = opendir(dir);
    const struct dirent *e;
    hoop_status          st = HOOP_OK;
    if (d == NULL) return hoop_fail(err, HOOP_EIO, "%s: %s", dir, strerror(errno));
    while (st == HOOP_OK && (e = readdir(d)) != NULL) {
        char    path[HOOP_PATH_MAX], name[256];
        int64_t index, count;
        size_t  n = strlen(e->d_name);
        if (temp) {
            if (e->d_name[0] != '.' || n < 5 || strcmp(e->d_name + n - 4, ".tmp") != 0) continue;
            (void)snprintf(name, sizeof name, "%.*s", (int)(n - 5), e->d_name + 1);
        } else {
            (void)snprintf(name, sizeof name, "%s", e->d_name);
        }
        if (!hoop__shard_name_parse(name, prefix, &index, &count)) continue;
        st = hoop__path_join(dir, e->d_name, err, path, sizeof path);
        if (st == HOOP_OK) st = fn(ctx, path, name, err);
    }
    (void)closedir(d);
    return st;
}

static hoop_status refuse(void *ctx, const char *path, const char *name, hoop_error *err)
{
    (void)ctx;
    (void)name;
    return hoop_fail(err, HOOP_EIO, "%s: is there already; choose another directory, or replace it with --force", path);
}

static hoop_status refuse_others(void *ctx, const char *path, const char *name, hoop_error *err)
{
    struct stat s;
    (void)ctx;
    (void)name;
    if (stat(path, &s) != 0 || S_ISREG(s.st_mode) || S_ISDIR(s.st_mode)) return HOOP_OK; /* nothing takes a folder's place */
    return hoop_fail(err, HOOP_EIO, "%s: is no regular file, and is not replaced; choose another directory", path);
}

static hoop_status remove_file(void *ctx, const char *path, const char *name, hoop_error *err)
{
    (void)ctx;
    (void)name;
    return unlink(path) == 0 || errno == ENOENT ? HOOP_OK
                                                : hoop_fail(err, HOOP_EIO, "%s: cannot be removed: %s", path, strerror(errno));
}

/* Remove a file of an older set that no new name has replaced. */
static hoop_status remove_other(void *ctx, const char *path, const char *name, hoop_error *err)
{
    const part *p = ctx;
    int64_t     index, count;
    char        expected[256];
    if (p->rows > 0 && hoop__shard_name_parse(name, p->name, &index, &count) && count == p->shards) {
        (void)snprintf(expected, sizeof expected, "%s-%05lld-of-%05lld.h5", p->name, (long long)index, (long long)count);
        if (strcmp(expected, name) == 0) return HOOP_OK;
    }
    return remove_file(NULL, path, name, err);
}

static hoop_status find_other(void *ctx, const char *path, const char *name, hoop_error *err)
{
    part   *p = ctx;
    int64_t index, count;
    (void)path;
    (void)err;
    if (hoop__shard_name_parse(name, p->name, &index, &count) && count != p->shards) p->others = true;
    return HOOP_OK;
}

static hoop_status column_flush(part *p, column *c, const char *path, hoop_error *err)
{
    hoop_status st = hoop__file_write_at(p->fd, c->buffer, c->used, c->offset, path, err);
    hoop__sum_add(c->sum, c->buffer, c->used);
    for (int64_t at = 0, block = c->block_rows * c->row_bytes; at < c->used; at += block)
        c->sums[c->summed++] = hoop__sum_64(c->buffer + at, c->used - at < block ? c->used - at : block);
    c->offset += c->used;
    c->used = 0;
    return st;
}

/* One field's part of a shard's layout, and the texts and attributes it points to. */
typedef struct field_layout {
    char         name[HOOP_FIELD_PATH + 16], sums[HOOP_FIELD_PATH + 32];
    hoop_h5_attr attrs[HOOP_ATTRS_MAX + 2];
} field_layout;

static hoop_status plan_field(const hoop_writer_field *f, const column *c, int64_t rows, field_layout *l, hoop_error *err,
                              hoop_h5_plan *data, hoop_h5_plan *sums)
{
    (void)snprintf(l->name, sizeof l->name, "/%s", f->name);
    memcpy(l->attrs, f->attrs, (size_t)f->nattrs * sizeof f->attrs[0]);
    l->attrs[f->nattrs]     = (hoop_h5_attr){.name = "xxh3_128", .kind = HOOP_H5_STRING, .v.string = no_sum};
    l->attrs[f->nattrs + 1] = (hoop_h5_attr){.name = "xxh3_64_rows", .kind = HOOP_H5_I64, .v.i64 = c->block_rows};
    *data = (hoop_h5_plan){.name = l->name, .dtype = f->dtype, .ndim = f->ndim + 1, .attrs = l->attrs, .nattrs = f->nattrs + 2};
    data->shape[0] = rows;
    memcpy(data->shape + 1, f->shape, (size_t)f->ndim * sizeof f->shape[0]);
    *sums = (hoop_h5_plan){.name = l->sums, .dtype = HOOP_I64, .ndim = 1, .shape = {c->nblocks}};
    return hoop__sums_name(l->name, err, l->sums, sizeof l->sums);
}

/* The file's own attributes: which fields are inputs and which targets is said where they are not x and y. */
static int root_attrs(const hoop_writer *w, const char **names, hoop_h5_attr *root)
{
    int n     = 0;
    root[n++] = (hoop_h5_attr){.name = "hoop_format", .kind = HOOP_H5_STRING, .v.string = "dataset shard 1"};
    root[n++] = (hoop_h5_attr){.name = "set", .kind = HOOP_H5_STRING, .v.string = no_sum};
    for (int role = HOOP_INPUT, at = 0; role <= HOOP_TARGET && !hoop__fields_short(w->field, w->nfields); role++) {
        const int first = at;
        for (int k = 0; k < w->nfields; k++)
            if ((int)w->field[k].role == role) names[at++] = w->field[k].name;
        if (at > first)
            root[n++] = (hoop_h5_attr){.name      = role == HOOP_INPUT ? "inputs" : "targets",
                                       .kind      = HOOP_H5_STRINGS,
                                       .count     = at - first,
                                       .v.strings = names + first};
    }
    return n;
}

/* What the open shard is to hold: the fields, then the checksums of their blocks. */
static hoop_status shard_layout(const hoop_writer *w, part *p, const char *path, hoop_error *err)
{
    const int     n      = w->ncolumns;
    field_layout *layout = calloc((size_t)n, sizeof *layout);
    hoop_h5_plan *plan   = calloc(2 * (size_t)n, sizeof *plan);
    const char   *names[HOOP_DATASET_FIELDS];
    hoop_h5_attr  root[4];
    const int     nroot = root_attrs(w, names, root);
    hoop_h5_quiet quiet;
    hoop_status   st = layout != NULL && plan != NULL ? HOOP_OK : hoop_fail(err, HOOP_ENOMEM, "%s: no memory", path);
    for (int k = 0; k < n && st == HOOP_OK; k++)
        st = plan_field(&w->column[k].is, &p->column[k], p->column[k].rows, &layout[k], err, &plan[k], &plan[n + k]);
    if (st == HOOP_OK) {
        hoop__h5_quiet(&quiet);
        st = hoop__h5_layout(path, plan, 2 * n, root, nroot, err);
        hoop__h5_restore(&quiet);
    }
    for (int k = 0; k < n && st == HOOP_OK; k++) {
        p->column[k].offset      = plan[k].offset;
        p->column[k].sums_offset = plan[n + k].offset;
    }
    free(plan);
    free(layout);
    return st;
}

static const part *part_of(const hoop_writer *w, int64_t row)
{
    const int64_t nvalidation = w->part[1].rows;
    const bool    second      = w->in_order ? row >= w->part[0].rows
                                            : nvalidation > 0 && hoop_random_permute(w->split_key, (uint64_t)w->rows, (uint64_t)row) <
                                                             (uint64_t)nvalidation;
    return &w->part[second];
}

/* Rows of a column in the part's shard that begins with the writer's next row, and has n samples. */
static int64_t column_rows(const hoop_writer *w, const part *p, int k, int64_t n)
{
    int64_t rows = 0;
    if (w->column[k].list >= 0) return n + 1;
    if (!w->column[k].is.list) return n;
    for (int64_t i = w->next; n > 0; i++) {
        if (part_of(w, i) != p) continue;
        rows += w->length(w->length_ctx, i);
        n--;
    }
    return rows;
}

static hoop_status shard_begin(hoop_writer *w, part *p, hoop_error *err)
{
    char          path[HOOP_PATH_MAX];
    const int64_t first = p->shard * p->rows / p->shards, end = (p->shard + 1) * p->rows / p->shards;
    hoop_status   st = shard_path(w, p, p->shard, true, err, path);
    if (st != HOOP_OK) return st;
    p->shard_end = end;
    for (int k = 0; k < w->ncolumns; k++) {
        column *c  = &p->column[k];
        c->rows    = column_rows(w, p, k, end - first);
        c->nblocks = (c->rows + c->block_rows - 1) / c->block_rows;
        c->at      = 0;
    }
    if ((st = shard_layout(w, p, path, err)) != HOOP_OK) return st;
    p->fd = open(path, O_WRONLY | O_CLOEXEC);
    if (p->fd < 0) return hoop_fail(err, HOOP_EIO, "%s: %s", path, strerror(errno));
    for (int k = 0; k < w->ncolumns; k++) {
        column *c = &p->column[k];
        c->used = c->summed = 0;
        hoop__sum_destroy(&c->sum);
        free(c->sums);
        c->sum  = hoop__sum_create();
        c->sums = malloc((size_t)(c->nblocks + 1) * sizeof *c->sums);
        if (c->buffer == NULL) c->buffer = malloc((size_t)c->room);
        if (c->sum == NULL || c->sums == NULL || c->buffer == NULL)
            return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for a row of %lld bytes", path, (long long)c->row_bytes);
    }
    return HOOP_OK;
}

static hoop_status shard_end(hoop_writer *w, part *p, hoop_error *err)
{
    char        path[HOOP_PATH_MAX];
    hoop_status st = shard_path(w, p, p->shard, true, err, path);
    for (int k = 0; k < w->ncolumns && st == HOOP_OK; k++) {
        column *c = &p->column[k];
        st        = column_flush(p, c, path, err);
        hoop__sum_end(c->sum, p->sums[p->shard * w->nsums + k]);
        if (st == HOOP_OK)
            st = hoop__file_write_at(p->fd, c->sums, c->summed * (int64_t)sizeof *c->sums, c->sums_offset, path, err);
    }
    if (close(p->fd) != 0 && st == HOOP_OK) st = hoop_fail(err, HOOP_EIO, "%s: cannot be closed: %s", path, strerror(errno));
    p->fd = -1;
    p->shard++;
    return st;
}

static hoop_status part_init(hoop_writer *w, part *p, const char *name, int64_t rows, hoop_error *err)
{
    p->name   = name;
    p->rows   = rows;
    p->fd     = -1;
    p->shards = w->opts.shards < rows ? w->opts.shards : rows;
    p->column = calloc((size_t)w->ncolumns, sizeof *p->column);
    if (p->column == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", w->opts.dir);
    for (int k = 0; k < w->ncolumns; k++) {
        p->column[k].row_bytes = (int64_t)hoop_dtype_size(w->column[k].is.dtype);
        for (int d = 0; d < w->column[k].is.ndim; d++)
            if (__builtin_mul_overflow(p->column[k].row_bytes, w->column[k].is.shape[d], &p->column[k].row_bytes))
                return hoop_fail(err, HOOP_ESIZE, "%s: the size of a row overflows", w->opts.dir);
        p->column[k].block_rows = hoop__sums_rows(p->column[k].row_bytes);
        p->column[k].room       = p->column[k].block_rows * p->column[k].row_bytes;
        if (p->column[k].room < BUFFER_BYTES) p->column[k].room *= BUFFER_BYTES / p->column[k].room;
    }
    if (rows == 0) return HOOP_OK;
    p->sums = calloc((size_t)(p->shards * w->nsums), sizeof *p->sums);
    return p->sums != NULL ? HOOP_OK : hoop_fail(err, HOOP_ENOMEM, "%s: no memory", w->opts.dir);
}

static hoop_status check_opts(const hoop_import_opts *o, int64_t rows, hoop_error *err)
{
    if (o->dir == NULL || o->dir[0] == '\0') return hoop_fail(err, HOOP_EARG, "import: a directory to write to is wanted");
    if (o->shards < 0 || o->shards > MAX_SHARDS)
        return hoop_fail(err, HOOP_EARG, "import: %lld shards; 1 to %d are possible", (long long)o->shards, MAX_SHARDS);
    if (!(o->split >= 0.0 && o->split < 1.0))
        return hoop_fail(err, HOOP_EARG, "import: split %g; 0 <= split < 1 is wanted", o->split);
    if (rows < 1) return hoop_fail(err, HOOP_EARG, "import: there are no rows");
    if (rows > (int64_t)1 << 44) return hoop_fail(err, HOOP_ESIZE, "import: %lld rows are too many", (long long)rows);
    if (o->split > 0.0 && rows < 2) return hoop_fail(err, HOOP_EARG, "import: one row cannot be split");
    return HOOP_OK;
}

/* Attribute `offsets` of a list says where its own are. */
static hoop_status make_columns(hoop_writer *w, hoop_error *err)
{
    w->column = calloc(2 * (size_t)w->nfields, sizeof *w->column);
    if (w->column == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", w->opts.dir);
    w->ncolumns = w->nfields;
    for (int k = 0; k < w->nfields; k++) {
        written *c = &w->column[k], *of;
        c->is      = w->field[k];
        c->list    = -1;
        if (!c->is.list) continue;
        of       = &w->column[w->ncolumns++];
        of->list = k;
        (void)snprintf(of->offsets, sizeof of->offsets, "/%s_offsets", c->is.name);
        of->is                      = (hoop_writer_field){.name = of->offsets + 1, .dtype = HOOP_I64};
        c->is.attrs[c->is.nattrs++] = (hoop_h5_attr){.name = "offsets", .kind = HOOP_H5_STRING, .v.string = of->offsets};
    }
    w->nsums = w->ncolumns < 2 ? 2 : w->ncolumns;
    return HOOP_OK;
}

hoop_status hoop__writer_create(const hoop_import_opts *opts, int64_t rows, const hoop_writer_field *fields, int nfields,
                                hoop_error *err, hoop_writer **out)
{
    hoop_writer *w = NULL;
    int64_t      validation;
    hoop_status  st;
    *out = NULL;
    HOOP_TRY(st, done, check_opts(opts, rows, err));
    w = calloc(1, sizeof *w);
    if (w == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", opts->dir);
    w->opts = *opts;
    w->rows = rows;
    if (w->opts.shards == 0) w->opts.shards = DEFAULT_SHARDS;
    w->split_key = hoop_key_make(opts->seed, HOOP_FOR_SPLIT, 0, 0, 0);
    w->field     = fields;
    w->nfields   = nfields;
    HOOP_TRY(st, done, make_columns(w, err));
    w->part[0].fd = w->part[1].fd = -1;
    validation                    = (int64_t)llround((double)rows * opts->split);
    if (opts->split > 0.0 && validation < 1) validation = 1;
    if (validation > rows - 1) validation = rows - 1;
    HOOP_TRY(st, done, part_init(w, &w->part[0], "train", rows - validation, err));
    HOOP_TRY(st, done, part_init(w, &w->part[1], "validation", validation, err));
    w->made = access(opts->dir, F_OK) != 0;
    HOOP_TRY(st, done, hoop_run_lock_take(opts->dir, err, &w->lock)); /* makes it, too */
    for (int i = 0; i < 2; i++) {
        HOOP_TRY(st, done, each_shard(opts->dir, w->part[i].name, false, err, opts->force ? refuse_others : refuse, NULL));
        HOOP_TRY(st, done, each_shard(opts->dir, w->part[i].name, true, err, remove_file, NULL));
    }
    *out = w;
    w    = NULL;
done:
    hoop__writer_destroy(&w);
    return st;
}

int64_t hoop__writer_validation(const hoop_writer *w)
{
    return w->part[1].rows;
}

void hoop__writer_in_order(hoop_writer *w)
{
    w->in_order = true;
}

/* n rows of a column. */
static hoop_status put_column(part *p, column *c, const void *rows, int64_t n, const char *path, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    for (int64_t at = 0, fits; at < n && st == HOOP_OK; at += fits) {
        fits = (c->room - c->used) / c->row_bytes;
        if (fits > n - at) fits = n - at;
        memcpy(c->buffer + c->used, (const char *)rows + at * c->row_bytes, (size_t)(fits * c->row_bytes));
        c->used += fits * c->row_bytes;
        if (c->used == c->room && at + fits < n) st = column_flush(p, c, path, err);
    }
    return st;
}

/* One sample of a list, and where it begins; behind the shard's last one, where that ends. */
static hoop_status put_list(const hoop_writer *w, part *p, int offsets, const void *rows, hoop_error *err)
{
    column       *c  = &p->column[offsets];
    const int64_t n  = w->length(w->length_ctx, w->next);
    hoop_status   st = HOOP_OK;
    if (p->written == p->shard_end - c->rows + 1) st = put_column(p, c, &(int64_t){0}, 1, w->opts.dir, err);
    c->at += n;
    if (st == HOOP_OK) st = put_column(p, c, &c->at, 1, w->opts.dir, err);
    return st == HOOP_OK ? put_column(p, &p->column[w->column[offsets].list], rows, n, w->opts.dir, err) : st;
}

/* The next rows, as many as are of the open shard, up to n. */
static hoop_status put_rows(hoop_writer *w, const void *const *row, int64_t n, int64_t *put, hoop_error *err)
{
    part       *p;
    hoop_status st = hoop__import_going(&w->opts, err);
    if (st != HOOP_OK) return st;
    if (w->next >= w->rows) return hoop_fail(err, HOOP_ESTATE, "%s: more rows than were said", w->opts.dir);
    p = &w->part[part_of(w, w->next) == &w->part[1]];
    if (p->fd < 0 && (st = shard_begin(w, p, err)) != HOOP_OK) return st;
    *put = n < p->shard_end - p->written ? n : p->shard_end - p->written;
    if (*put > ROWS_AT_ONCE) *put = ROWS_AT_ONCE;
    for (int k = 0; k < w->ncolumns && st == HOOP_OK; k++) {
        if (w->column[k].list >= 0)
            st = put_list(w, p, k, row[w->column[k].list], err);
        else if (!w->column[k].is.list)
            st = put_column(p, &p->column[k], row[k], *put, w->opts.dir, err);
    }
    if (st != HOOP_OK) return st;
    w->next += *put;
    p->written += *put;
    if (p->written == p->shard_end && (st = shard_end(w, p, err)) != HOOP_OK) return st;
    if (w->opts.progress != NULL && w->next >= w->report_at) {
        w->opts.progress(w->opts.ctx, (double)w->next / (double)w->rows);
        w->report_at = w->next + w->rows / 100 + 1;
    }
    return HOOP_OK;
}

void hoop__writer_lists(hoop_writer *w, int64_t (*length)(void *ctx, int64_t i), void *ctx)
{
    w->length     = length;
    w->length_ctx = ctx;
}

hoop_status hoop__writer_row(hoop_writer *w, const void *const *row, hoop_error *err)
{
    int64_t put;
    return put_rows(w, row, 1, &put, err);
}

hoop_status hoop__writer_rows(hoop_writer *w, const void *rows, int64_t n, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    for (int64_t at = 0, put = 0; at < n && st == HOOP_OK; at += put)
        st = put_rows(w, (const void *[]){(const char *)rows + at * w->part[0].column[0].row_bytes}, n - at, &put, err);
    return st;
}

hoop_status hoop__import_going(const hoop_import_opts *opts, hoop_error *err)
{
    if (opts->stop == NULL || *opts->stop == 0) return HOOP_OK;
    return hoop_fail(err, HOOP_EINTERRUPTED, "%s: interrupted; nothing was written", opts->dir);
}

/* Fill in the checksums, known only now, in place. */
static hoop_status shard_seal(const char *path, const hoop_writer *w, char sums[][HOOP_SUM_TEXT], const char *set,
                              hoop_error *err)
{
    char        name[HOOP_FIELD_PATH];
    hid_t       fapl = H5Pcreate(H5P_FILE_ACCESS), file = -1, dset = -1;
    hoop_status st = HOOP_OK;
    if (fapl >= 0 && H5Pset_file_locking(fapl, 0, 1) >= 0) file = H5Fopen(path, H5F_ACC_RDWR, fapl);
    if (file < 0) {
        st = hoop__h5_fail(err, HOOP_EIO, "%s: cannot be opened to add its checksums", path);
        goto done;
    }
    HOOP_TRY(st, done, hoop__h5_attr_rewrite(file, "set", set, path, err));
    for (int k = 0; k < w->ncolumns; k++) {
        (void)snprintf(name, sizeof name, "/%s", w->column[k].is.name);
        dset = H5Dopen2(file, name, H5P_DEFAULT);
        if (dset < 0) {
            st = hoop__h5_fail(err, HOOP_EIO, "%s: %s cannot be opened", path, name);
            goto done;
        }
        st = hoop__h5_attr_rewrite(dset, "xxh3_128", sums[k], path, err);
        if (H5Dclose(dset) < 0 && st == HOOP_OK) st = hoop__h5_fail(err, HOOP_EIO, "%s: %s cannot be closed", path, name);
        if (st != HOOP_OK) goto done;
    }
done:
    if (file >= 0 && H5Fclose(file) < 0 && st == HOOP_OK) st = hoop__h5_fail(err, HOOP_EIO, "%s: cannot be closed", path);
    if (fapl >= 0) (void)H5Pclose(fapl);
    return st == HOOP_OK ? hoop__file_sync(path, err) : st;
}

static hoop_status part_seal(const hoop_writer *w, part *p, hoop_error *err)
{
    char          set[HOOP_SUM_TEXT], path[HOOP_PATH_MAX];
    hoop_h5_quiet quiet;
    hoop_status   st = HOOP_OK;
    if (p->rows == 0) return HOOP_OK;
    hoop__sum_text(p->sums, p->shards * w->nsums * (int64_t)sizeof *p->sums, set);
    hoop__h5_quiet(&quiet);
    for (int64_t i = 0; i < p->shards && st == HOOP_OK; i++) {
        st = shard_path(w, p, i, true, err, path);
        if (st == HOOP_OK) st = shard_seal(path, w, p->sums + i * w->nsums, set, err);
    }
    hoop__h5_restore(&quiet);
    return st;
}

/* Give the part's shards from p->named up to `end` their names. */
static hoop_status part_rename(const hoop_writer *w, part *p, int64_t end, hoop_error *err)
{
    char        from[HOOP_PATH_MAX], to[HOOP_PATH_MAX];
    hoop_status st;
    for (; p->rows > 0 && p->named < end; p->named++) {
        if ((st = shard_path(w, p, p->named, true, err, from)) != HOOP_OK ||
            (st = shard_path(w, p, p->named, false, err, to)) != HOOP_OK ||
            (st = hoop__file_name(from, to, true, err)) != HOOP_OK)
            return st;
    }
    return HOOP_OK;
}

static hoop_status part_leftovers(const hoop_writer *w, part *p, hoop_error *err)
{
    return w->opts.force ? each_shard(w->opts.dir, p->name, false, err, remove_other, p) : HOOP_OK;
}

/*
 * Killed at any moment this leaves the old sets, the new ones, or a training set that cannot be opened (shards missing, or of
 * two imports), never new training data beside old validation data: the training set is begun first and completed last. Where
 * both are one file the old one goes first, the new one being complete and synced by now.
 */
static hoop_status name_shards(hoop_writer *w, hoop_error *err)
{
    part       *train = &w->part[0], *validation = &w->part[1];
    char        path[HOOP_PATH_MAX];
    hoop_status st;
    HOOP_TRY(st, done, each_shard(w->opts.dir, train->name, false, err, find_other, train));
    if (train->shards > 1 || train->others) {
        HOOP_TRY(st, done, part_rename(w, train, 1, err));
    } else if (w->opts.force) {
        HOOP_TRY(st, done, shard_path(w, train, 0, false, err, path));
        HOOP_TRY(st, done, remove_file(NULL, path, "", err));
    }
    HOOP_TRY(st, done, part_rename(w, validation, validation->shards, err));
    HOOP_TRY(st, done, part_leftovers(w, validation, err));
    HOOP_TRY(st, done, part_rename(w, train, train->shards, err));
    st = part_leftovers(w, train, err);
done:
    return st;
}

hoop_status hoop__writer_finish(hoop_writer *w, hoop_error *err, hoop_import_result *result)
{
    hoop_status st;
    if (w->next != w->rows)
        return hoop_fail(err, HOOP_ESTATE, "%s: %lld of %lld rows were written", w->opts.dir, (long long)w->next,
                         (long long)w->rows);
    for (int i = 0; i < 2; i++)
        if ((st = part_seal(w, &w->part[i], err)) != HOOP_OK) return st;
    if ((st = name_shards(w, err)) != HOOP_OK) return st;
    w->finished = true;
    if (result != NULL) {
        result->train_rows      = w->part[0].rows;
        result->validation_rows = w->part[1].rows;
    }
    return hoop__file_sync(w->opts.dir, err);
}

void hoop__writer_destroy(hoop_writer **pw)
{
    hoop_writer *w = *pw;
    char         path[HOOP_PATH_MAX];
    if (w == NULL) return;
    for (int i = 0; i < 2; i++) {
        part *p = &w->part[i];
        if (p->fd >= 0) (void)close(p->fd);
        for (int64_t s = 0; w->lock != NULL && p->rows > 0 && !w->finished && s < p->shards && s <= p->shard; s++) {
            if (shard_path(w, p, s, true, NULL, path) == HOOP_OK) (void)unlink(path);
            /* what has replaced an older file stays: there would be neither */
            if (!w->opts.force && s < p->named && shard_path(w, p, s, false, NULL, path) == HOOP_OK) (void)unlink(path);
        }
        for (int k = 0; p->column != NULL && k < w->ncolumns; k++) {
            hoop__sum_destroy(&p->column[k].sum);
            free(p->column[k].buffer);
            free(p->column[k].sums);
        }
        free(p->column);
        free(p->sums);
    }
    if (w->lock != NULL && hoop__path_join(w->opts.dir, "lock", NULL, path, sizeof path) == HOOP_OK) (void)unlink(path);
    hoop_run_lock_release(&w->lock);
    free(w->column);
    if (w->made && !w->finished) (void)rmdir(w->opts.dir); /* where nothing is in it */
    free(w);
    *pw = NULL;
}
