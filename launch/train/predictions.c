/* Predictions of a trained model, written by all ranks: HDF5, or a table of text by the name's ending. */
#include "train/trained.h"

#include <dirent.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/text.h"
#include "hoop/output.h"
#include "train/data.h"
#include "train/plan.h"

enum { BLOCK_BYTES = 8 << 20, TEXT_BYTES = 1 << 20 };

typedef struct progress_fn {
    void (*progress)(void *ctx, double fraction);
    void *ctx;
} progress_fn;

static int64_t row_bytes_in(const hoop_trained *t)
{
    return hoop_dataset_about(t->data)->field[HOOP_FIELD_X].numel * (int64_t)hoop_dtype_size(hoop__input(t->trainer, 0)->dtype);
}

/* The rows of this rank, cut where one rank alone would begin another forward pass: the same shapes, so the same bits. */
static int64_t own_rows(const hoop_trainer *tr, int64_t rows, int64_t chunk, int64_t *first)
{
    int64_t first_chunk,
        n        = hoop_leaf_range((rows + chunk - 1) / chunk, hoop_comm_rank(tr->comm), hoop_comm_size(tr->comm), &first_chunk);
    int64_t last = (first_chunk + n) * chunk < rows ? (first_chunk + n) * chunk : rows;
    *first       = first_chunk * chunk;
    return last > *first ? last - *first : 0;
}

/* Room for rows on their way through the model. */
typedef struct space {
    int64_t *index;
    char    *in, *out;
} space;

static hoop_status space_make(space *s, int64_t rows, int64_t in_bytes, int64_t out_bytes, hoop_error *err)
{
    s->index = malloc((size_t)(rows + 1) * sizeof *s->index);
    s->in    = malloc((size_t)(rows * in_bytes) + 1);
    s->out   = malloc((size_t)(rows * out_bytes) + 1);
    return s->index != NULL && s->in != NULL && s->out != NULL
               ? HOOP_OK
               : hoop_fail(err, HOOP_ENOMEM, "no memory for %lld rows", (long long)rows);
}

static void space_free(space *s)
{
    free(s->index);
    free(s->in);
    free(s->out);
}

/* Outputs of rows [first, first + n) into s->out. */
static hoop_status predict_some(hoop_trained *t, const space *s, int64_t first, int64_t n, bool probabilities, hoop_error *err)
{
    hoop_trainer *tr = t->trainer;
    const void   *x  = s->in;
    void         *y  = s->out;
    hoop__rows    in = {.data = &x, .as_read = true, .probabilities = probabilities};
    hoop_status   st;
    for (int64_t i = 0; i < n; i++) s->index[i] = first + i;
    st = hoop_dataset_read(t->data, s->index, n, HOOP_FIELD_X, hoop__input(tr, 0)->dtype, s->in, err);
    return st == HOOP_OK ? hoop__predict(tr, &in, n, &y, &t->predicted, err) : st;
}

static hoop_status predict_rows(hoop_trained *t, const hoop_output *file, int64_t chunk, const progress_fn *told, hoop_error *err)
{
    hoop_trainer *tr    = t->trainer;
    int64_t       width = row_bytes_in(t), first, block;
    int64_t       n     = own_rows(tr, file->set[0].rows, chunk, &first);
    space         s     = {0};
    hoop_status   st;
    block = BLOCK_BYTES / (width + file->set[0].row_bytes + 1) / chunk * chunk;
    if (block < chunk) block = chunk;
    if (block > n) block = n;
    st = space_make(&s, block, width, file->set[0].row_bytes, err);
    for (int64_t at = 0; at < n && st == HOOP_OK; at += block) {
        int64_t m = n - at < block ? n - at : block;
        st        = predict_some(t, &s, first + at, m, false, err);
        if (st == HOOP_OK) st = hoop_output_write(file, 0, first + at, m, s.out, err);
        if (told->progress != NULL) told->progress(told->ctx, (double)(at + m) / (double)n);
        hoop_comm_progress(tr->comm);
    }
    if (st == HOOP_OK) st = hoop_output_sync(file, err);
    space_free(&s);
    return st;
}

/* ---- a table of text ---- */

/* In letters of either case. */
static bool ends_in(const char *path, const char *ending)
{
    const size_t n = strlen(path), m = strlen(ending);
    return n > m && strcasecmp(path + n - m, ending) == 0;
}

/* A cell as RFC 4180 wants it. */
static void add_cell(hoop__text *line, const char *cell)
{
    if (strpbrk(cell, ",\"\r\n") == NULL) {
        hoop__text_adds(line, cell);
        return;
    }
    hoop__text_add(line, "\"", 1);
    for (; *cell != '\0'; cell++) {
        if (*cell == '"') hoop__text_add(line, "\"", 1);
        hoop__text_add(line, cell, 1);
    }
    hoop__text_add(line, "\"", 1);
}

/* So that it reads back to the same bits. */
static void add_number(hoop__text *line, double v, hoop_dtype dtype)
{
    char text[40];
    int  n = isnan(v) ? snprintf(text, sizeof text, "nan") : snprintf(text, sizeof text, "%.*g", dtype == HOOP_F64 ? 17 : 9, v);
    hoop__text_add(line, text, (size_t)n);
}

/* What a table of predictions holds. */
typedef struct form {
    const hoop__names *names; /* of classes, or of targets */
    bool               classes;
    int64_t            width; /* values of a row */
} form;

/* "setosa", or "3" where it has no name */
static const char *name_of(const form *s, int64_t i, const char *prefix, char out[32])
{
    if (i < s->names->n) return s->names->name[i];
    (void)snprintf(out, 32, "%s%lld", prefix, (long long)i);
    return out;
}

static void add_header(const form *s, hoop__text *line)
{
    char        number[32];
    hoop__text  cell = {0};
    const char *own;
    if (s->classes) hoop__text_adds(line, "class");
    for (int64_t i = 0; i < s->width; i++) {
        if (i > 0 || s->classes) hoop__text_add(line, ",", 1);
        own = s->classes ? name_of(s, i, "", number) : s->width == 1 && s->names->n == 0 ? "y" : name_of(s, i, "y", number);
        hoop__text_addf(&cell, s->classes ? "p(%s)" : "%s", own);
        if (cell.failed) line->failed = true;
        if (!cell.failed) add_cell(line, cell.data);
        hoop__text_clear(&cell);
    }
    hoop__text_add(line, "\n", 1);
}

static void add_rows(const form *s, const char *values, hoop_dtype dtype, int64_t n, hoop__text *text)
{
    char number[32];
    for (int64_t row = 0; row < n; row++) {
        const int64_t first = row * s->width;
        int64_t       best  = 0;
        for (int64_t i = 1; i < s->width; i++)
            if (hoop__value_at(values, dtype, first + i) > hoop__value_at(values, dtype, first + best)) best = i;
        if (s->classes && !isnan(hoop__value_at(values, dtype, first))) add_cell(text, name_of(s, best, "", number));
        for (int64_t i = 0; i < s->width; i++) {
            if (i > 0 || s->classes) hoop__text_add(text, ",", 1);
            add_number(text, hoop__value_at(values, dtype, first + i), dtype);
        }
        hoop__text_add(text, "\n", 1);
    }
}

/* Each rank a block in turn. Its bytes go behind those of the ranks before it, of which all tell how many they have; < 0: failed.
 */
static hoop_status write_turn(hoop_trainer *tr, const hoop_output *file, const hoop__text *text, int64_t *end, int64_t *sizes,
                              hoop_error *err)
{
    const int rank = hoop_comm_rank(tr->comm);
    int64_t   mine = err->status == HOOP_OK ? (int64_t)text->size : -1, at = *end;
    if (hoop_comm_all_gather_bytes(tr->comm, &mine, (int64_t)sizeof mine, "size of rows", err, sizes) != HOOP_OK)
        return err->status;
    for (int r = 0; r < hoop_comm_size(tr->comm); r++) {
        if (sizes[r] < 0) return HOOP_EPEER; /* who failed will say it */
        if (r < rank) at += sizes[r];
        *end += sizes[r];
    }
    if (mine > 0) (void)hoop_output_write(file, 0, at, mine, text->data, err);
    return HOOP_OK;
}

static void predict_text(hoop_trained *t, const hoop_output *file, const form *sheet, int64_t chunk, const progress_fn *told,
                         hoop_error *err)
{
    hoop_trainer *tr   = t->trainer;
    const int64_t rows = hoop_dataset_about(t->data)->length, in = row_bytes_in(t),
                  out = sheet->width * (int64_t)hoop_dtype_size(t->predicted), size = hoop_comm_size(tr->comm);
    int64_t    block = TEXT_BYTES / (in + out + 1) / chunk * chunk, end = 0;
    int64_t   *sizes = calloc((size_t)size, sizeof *sizes);
    hoop__text text  = {0};
    space      s     = {0};
    if (block < chunk) block = chunk; /* the same for any number of ranks, and so are the passes */
    if (sizes == NULL) (void)hoop_fail(err, HOOP_ENOMEM, "no memory for predictions");
    if (err->status == HOOP_OK) (void)space_make(&s, block < rows ? block : rows, in, out, err);
    if (hoop_comm_agree_status(tr->comm, err) != HOOP_OK) goto done;
    if (hoop_comm_rank(tr->comm) == 0) add_header(sheet, &text);
    for (int64_t turn = 0; turn < rows; turn += size * block) {
        const int64_t first = turn + hoop_comm_rank(tr->comm) * block, n = rows - first < block ? rows - first : block;
        if (n > 0 && err->status == HOOP_OK && predict_some(t, &s, first, n, sheet->classes, err) == HOOP_OK)
            add_rows(sheet, s.out, t->predicted, n, &text);
        if (text.failed) (void)hoop_fail(err, HOOP_ENOMEM, "no memory for %lld rows of text", (long long)n);
        if (write_turn(tr, file, &text, &end, sizes, err) != HOOP_OK) break;
        hoop__text_clear(&text);
        if (told->progress != NULL) told->progress(told->ctx, (double)(turn + size * block) / (double)rows);
    }
    if (err->status == HOOP_OK) (void)hoop_output_sync(file, err);
done:
    hoop__text_clear(&text);
    space_free(&s);
    free(sizes);
}

/* ---- the file ---- */

static hoop_status check_other(const char *path, const char *input, hoop_error *err)
{
    struct stat a, b;
    if (stat(path, &a) != 0 || stat(input, &b) != 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino) return HOOP_OK;
    return hoop_fail(err, HOOP_EIO, "%s: is read for the predictions (%s); choose another file for them", path, input);
}

/* The output is none of the files that are read: shards of the data, files of the checkpoint. */
static hoop_status check_inputs(const hoop_trained *t, const char *path, hoop_error *err)
{
    hoop_status          st = check_other(path, t->checkpoint, err);
    DIR                 *d  = opendir(t->checkpoint);
    const struct dirent *e;
    char                 input[sizeof t->checkpoint + sizeof e->d_name];
    for (int i = 0; i < hoop_dataset_about(t->data)->shards && st == HOOP_OK; i++)
        st = check_other(path, hoop_dataset_path(t->data, i, NULL), err);
    while (d != NULL && st == HOOP_OK && (e = readdir(d)) != NULL) {
        (void)snprintf(input, sizeof input, "%s/%s", t->checkpoint, e->d_name);
        st = check_other(path, input, err);
    }
    if (d != NULL) (void)closedir(d);
    return st;
}

/* Names of what is predicted, and how many values a row of a table has. */
static hoop_status sheet_make(const hoop_trained *t, const char *path, bool text, hoop_error *err, form *out)
{
    const hoop_trainer *tr    = t->trainer;
    const hoop__field  *f     = hoop__target(tr, 0);
    const int           ndim  = f->out_ndim;
    const int64_t      *shape = f->out_shape;
    *out                      = (form){.names = &t->names, .classes = f->loss->classes, .width = 1};
    for (int d = 0; d < ndim; d++) out->width *= shape[d];
    if (text && out->classes && ndim != 1)
        return hoop_fail(err, HOOP_ESHAPE, "%s: a row of it holds one class, and the model's outputs have %d dims; --out FILE.h5",
                         path, ndim);
    if (ends_in(path, ".csv.gz"))
        return hoop_fail(err, HOOP_EARG, "%s: a table is written as it is: --out %.*s, and gzip it", path, (int)strlen(path) - 3,
                         path);
    return HOOP_OK;
}

static hoop_status create_file(const hoop_trained *t, const char *path, bool force, bool text, const form *sheet, hoop_error *err,
                               hoop_output *out)
{
    hoop_trainer    *tr = t->trainer;
    char             step[24];
    const char      *attrs[] = {"checkpoint", t->checkpoint, "step", step, "content", sheet->classes ? "logits" : "values"};
    hoop_output_set  set     = {.name      = "/y",
                                .dtype     = t->predicted,
                                .attrs     = attrs,
                                .nattrs    = 3,
                                .list_name = sheet->classes ? "class_names" : "columns",
                                .list      = (const char *const *)sheet->names->name,
                                .nlist     = sheet->names->n};
    hoop_output_opts opts    = {.path = path, .sets = &set, .nsets = text ? 0 : 1, .force = force};
    const int        ndim    = hoop__target(tr, 0)->out_ndim;
    const int64_t   *shape   = hoop__target(tr, 0)->out_shape;
    hoop_status      st      = check_inputs(t, path, err);
    if (st != HOOP_OK) return st;
    (void)snprintf(step, sizeof step, "%lld", (long long)tr->status.step);
    if (ndim > 7 && !text) return hoop_fail(err, HOOP_ESHAPE, "%s: outputs of %d dims; at most 7", path, ndim);
    set.ndim     = ndim + 1;
    set.shape[0] = hoop_dataset_about(t->data)->length;
    for (int d = 0; d < ndim && d < 7; d++) set.shape[d + 1] = shape[d];
    return hoop_output_create(&opts, err, out);
}

bool hoop_trained_is_text(const char *path)
{
    return ends_in(path, ".csv");
}

hoop_status hoop_trained_predict(hoop_trained *t, const char *path, bool force, void (*progress)(void *ctx, double fraction),
                                 void *ctx, hoop_error *err)
{
    hoop_trainer     *tr    = t->trainer;
    const progress_fn told  = {progress, ctx};
    const int64_t     chunk = hoop__plan_leaf_rows(tr);
    const bool        first = hoop_comm_rank(tr->comm) == 0, text = hoop_trained_is_text(path);
    const locale_t    host  = uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0)); /* numbers with a point */
    hoop_error        local = {.status = HOOP_OK};
    hoop_output       file  = {0};
    form              sheet = {.width = 0};
    hoop_status       st;
    hoop_comm_set_position(tr->comm, tr->status.step, "prediction");
    (void)sheet_make(t, path, text, &local, &sheet);
    if (first && local.status == HOOP_OK) (void)create_file(t, path, force, text, &sheet, &local, &file);
    HOOP_TRY(st, done, hoop_comm_agree_status(tr->comm, &local));
    HOOP_TRY(st, done, hoop_comm_broadcast(tr->comm, 0, &file, (int64_t)sizeof file, "output file", &local));
    if (text)
        predict_text(t, &file, &sheet, chunk, &told, &local);
    else
        (void)predict_rows(t, &file, chunk, &told, &local);
    HOOP_TRY(st, done, hoop_comm_agree_status(tr->comm, &local));
    if (first) (void)hoop_output_publish(&file, &local);
    st = hoop_comm_agree_status(tr->comm, &local);
done:
    (void)uselocale(host);
    if (st != HOOP_OK && first) hoop_output_discard(&file);
    return st == HOOP_OK ? HOOP_OK : hoop_fail(err, st, "%s", local.text);
}
