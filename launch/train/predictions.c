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
#include "train/lists.h"
#include "train/plan.h"

enum { BLOCK_BYTES = 8 << 20, TEXT_BYTES = 1 << 20 };

typedef struct progress_fn {
    void (*progress)(void *ctx, double fraction);
    void *ctx;
} progress_fn;

/* Outputs of one target: what a row of it is. */
typedef struct form {
    const char        *name;
    const hoop__names *names; /* of classes, or of values */
    bool               classes;
    int                ndim;
    int64_t            shape[HOOP_MAX_DIMS], width; /* width: values of a row */
    hoop_dtype         dtype;
    int                set;   /* in the file: the first of its datasets */
    hoop__lists       *lists; /* of boxes: what was found; NULL: values */
} form;

/* All that is predicted, and room for rows on their way through the model. */
typedef struct work {
    hoop_trained *t;
    form         *form;
    int           ninputs, ntargets, nlists; /* nlists: targets that are boxes */
    int64_t       in_bytes, out_bytes;       /* of a row of all; in_bytes 0 where rows vary */
    int64_t       chunk;                     /* rows of one forward pass */
    bool          varies;                    /* rows of inputs are as long as the longest of a chunk */
    int64_t      *index, *lengths;
    hoop_dtype    dtype[HOOP_DATASET_FIELDS]; /* of inputs, as they are read */
    void         *in[HOOP_DATASET_FIELDS], *out[HOOP_DATASET_FIELDS];
    int64_t       length[HOOP_DATASET_FIELDS];
} work;

/* The rows of this rank, cut where one rank alone would begin another forward pass: the same shapes, so the same bits. */
static int64_t own_rows(const hoop_trainer *tr, int64_t rows, int64_t chunk, int64_t *first)
{
    int64_t first_chunk,
        n        = hoop_leaf_range((rows + chunk - 1) / chunk, hoop_comm_rank(tr->comm), hoop_comm_size(tr->comm), &first_chunk);
    int64_t last = (first_chunk + n) * chunk < rows ? (first_chunk + n) * chunk : rows;
    *first       = first_chunk * chunk;
    return last > *first ? last - *first : 0;
}

static const hoop_dataset_field *input_of(const work *w, int k)
{
    return &hoop_dataset_about(w->t->data)->field[k];
}

/* Of this many elements of input k. */
static hoop_status make_input(work *w, int k, int64_t elements, hoop_error *err)
{
    void *data = realloc(w->in[k], (size_t)elements * hoop_dtype_size(w->dtype[k]) + 1);
    if (data == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for rows to predict");
    w->in[k] = data;
    return HOOP_OK;
}

static hoop_status space_make(work *w, int64_t rows, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    bool        good;
    w->index   = malloc((size_t)(rows + 1) * sizeof *w->index);
    w->lengths = malloc((size_t)(rows + 1) * sizeof *w->lengths);
    good       = w->index != NULL && w->lengths != NULL;
    for (int k = 0; k < w->ntargets && good; k++) {
        w->out[k] = malloc((size_t)(rows * w->form[k].width) * hoop_dtype_size(w->form[k].dtype) + 1);
        good      = w->out[k] != NULL;
    }
    for (int k = 0; k < w->ninputs && good && st == HOOP_OK; k++)
        if (input_of(w, k)->numel >= 0) st = make_input(w, k, rows * input_of(w, k)->numel, err);
    return good ? st : hoop_fail(err, HOOP_ENOMEM, "no memory for %lld rows", (long long)rows);
}

static void space_free(work *w)
{
    free(w->index);
    free(w->lengths);
    w->index = w->lengths = NULL;
    for (int k = 0; k < w->ninputs; k++) {
        free(w->in[k]);
        w->in[k] = NULL;
    }
    for (int k = 0; k < w->ntargets; k++) {
        free(w->out[k]);
        w->out[k] = NULL;
    }
}

/* Rows w->index[n] of an input whose rows vary, as long as the longest of these. */
static hoop_status read_varying(work *w, int k, int64_t n, hoop_error *err)
{
    const hoop_dataset_field *f    = input_of(w, k);
    int64_t                   rest = hoop_dataset_inner(f), longest = 1;
    hoop_status               st = hoop_dataset_lengths(w->t->data, w->index, n, k, w->lengths, err);
    if (st != HOOP_OK) return st;
    for (int64_t i = 0; i < n; i++)
        if (w->lengths[i] > longest) longest = w->lengths[i];
    w->length[k] = longest;
    if (__builtin_mul_overflow(rest, longest, &rest) || __builtin_mul_overflow(rest, n, &rest) || rest > INT64_MAX / 8 - 1)
        return hoop_fail(err, HOOP_ESIZE, "the size of %lld rows of %s overflows", (long long)n, f->path);
    st = make_input(w, k, rest, err);
    return st != HOOP_OK ? st : hoop_dataset_read_padded(w->t->data, w->index, n, k, w->dtype[k], longest, w->in[k], err);
}

/* Outputs of rows w->index[n] into w->out. */
static hoop_status predict_indexed(work *w, int64_t n, bool probabilities, hoop_error *err)
{
    const void *rows[HOOP_DATASET_FIELDS];
    hoop_dtype  as[HOOP_DATASET_FIELDS];
    hoop__rows  in = {.data = rows, .length = w->length, .as_read = true, .probabilities = probabilities};
    hoop_status st = HOOP_OK;
    for (int k = 0; k < w->ntargets; k++) as[k] = w->form[k].dtype;
    for (int k = 0; k < w->ninputs && st == HOOP_OK; k++) {
        st      = input_of(w, k)->numel < 0 ? read_varying(w, k, n, err)
                                            : hoop_dataset_read(w->t->data, w->index, n, k, w->dtype[k], w->in[k], err);
        rows[k] = w->in[k];
    }
    return st == HOOP_OK ? hoop__predict(w->t->trainer, &in, n, w->out, as, err) : st;
}

/* The same of rows [first, first + n). */
static hoop_status predict_some(work *w, int64_t first, int64_t n, bool probabilities, hoop_error *err)
{
    for (int64_t i = 0; i < n; i++) w->index[i] = first + i;
    return predict_indexed(w, n, probabilities, err);
}

/* Targets of values into the file; or (NULL) those of boxes into lists. */
static hoop_status keep_rows(work *w, const hoop_output *file, int64_t first, int64_t n, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    for (int k = 0; k < w->ntargets && st == HOOP_OK; k++) {
        const form *s = &w->form[k];
        if (file == NULL && s->lists != NULL) st = hoop__lists_add(s->lists, w->out[k], s->dtype, n, s->shape[0], err);
        if (file != NULL && s->lists == NULL) st = hoop_output_write(file, s->set, first, n, w->out[k], err);
    }
    return st;
}

static hoop_status predict_rows(work *w, const hoop_output *file, const progress_fn *told, hoop_error *err)
{
    hoop_trainer *tr = w->t->trainer;
    int64_t       first, n = own_rows(tr, hoop_dataset_about(w->t->data)->length, w->chunk, &first);
    int64_t       block = w->varies ? w->chunk : BLOCK_BYTES / (w->in_bytes + w->out_bytes + 1) / w->chunk * w->chunk;
    hoop_status   st;
    if (block < w->chunk) block = w->chunk;
    if (block > n) block = n;
    space_free(w);
    st = space_make(w, block, err);
    for (int64_t at = 0; at < n && st == HOOP_OK; at += block) {
        int64_t m = n - at < block ? n - at : block;
        st        = predict_some(w, first + at, m, false, err);
        if (st == HOOP_OK) st = keep_rows(w, file, first + at, m, err);
        if (told->progress != NULL) told->progress(told->ctx, (double)(at + m) / (double)n);
        hoop_comm_progress(tr->comm);
    }
    return st;
}

/* Lists of boxes are as long as what is found: all of it is, before the file is laid out. */
static hoop_status find_boxes(work *w, const progress_fn *told, hoop_error *err)
{
    hoop_trainer *tr    = w->t->trainer;
    hoop_error    local = {.status = HOOP_OK};
    hoop_status   st;
    (void)predict_rows(w, NULL, told, &local);
    st = hoop_comm_agree_status(tr->comm, &local);
    for (int k = 0; k < w->ntargets && st == HOOP_OK; k++)
        if (w->form[k].lists != NULL) st = hoop__lists_agree(tr, w->form[k].lists, &local);
    return st == HOOP_OK ? HOOP_OK : hoop_fail(err, st, "%s", local.text);
}

static hoop_status write_rows(work *w, const hoop_output *file, const progress_fn *told, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    int64_t     first;
    (void)own_rows(w->t->trainer, hoop_dataset_about(w->t->data)->length, w->chunk, &first);
    if (w->nlists < w->ntargets) st = predict_rows(w, file, told, err);
    for (int k = 0; k < w->ntargets && st == HOOP_OK; k++)
        if (w->form[k].lists != NULL) st = hoop__lists_write(w->form[k].lists, file, w->form[k].set, first, err);
    return st == HOOP_OK ? hoop_output_sync(file, err) : st;
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

/* "setosa", or "3" where it has no name */
static const char *name_of(const form *s, int64_t i, const char *prefix, char out[HOOP__FIELD_NAME + 24])
{
    if (i < s->names->n) return s->names->name[i];
    (void)snprintf(out, HOOP__FIELD_NAME + 24, "%s%lld", prefix, (long long)i);
    return out;
}

/* A column's name, that of its target before it where there are several; own NULL: there is one column, called as the target. */
static void add_head(hoop__text *line, const work *w, const form *s, bool probability, const char *own)
{
    hoop__text cell = {0};
    if (line->size > 0) hoop__text_add(line, ",", 1);
    if (own == NULL || w->ntargets > 1) hoop__text_addf(&cell, own == NULL ? "%s" : "%s.", s->name);
    if (own != NULL) hoop__text_addf(&cell, probability ? "p(%s)" : "%s", own);
    if (cell.failed) line->failed = true;
    if (!cell.failed) add_cell(line, cell.data);
    hoop__text_clear(&cell);
}

static void add_header(const work *w, hoop__text *line)
{
    char number[HOOP__FIELD_NAME + 24];
    for (int k = 0; k < w->ntargets; k++) {
        const form *s      = &w->form[k];
        const bool  only   = s->width == 1 && s->names->n == 0 && !s->classes;
        const char *prefix = s->classes ? "" : w->ntargets > 1 ? "y" : s->name;
        if (s->classes) add_head(line, w, s, false, "class");
        for (int64_t i = 0; i < s->width; i++) add_head(line, w, s, s->classes, only ? NULL : name_of(s, i, prefix, number));
    }
    hoop__text_add(line, "\n", 1);
}

/* The class of a row, nothing where it has none, and a number for each of its values. */
static void add_values(const form *s, const void *values, int64_t row, hoop__text *text)
{
    const int64_t first = row * s->width;
    int64_t       best  = 0;
    char          number[HOOP__FIELD_NAME + 24];
    for (int64_t i = 1; i < s->width; i++)
        if (hoop__value_at(values, s->dtype, first + i) > hoop__value_at(values, s->dtype, first + best)) best = i;
    if (s->classes && !isnan(hoop__value_at(values, s->dtype, first))) add_cell(text, name_of(s, best, "", number));
    for (int64_t i = 0; i < s->width; i++) {
        if (i > 0 || s->classes) hoop__text_add(text, ",", 1);
        add_number(text, hoop__value_at(values, s->dtype, first + i), s->dtype);
    }
}

static void add_rows(const work *w, int64_t n, hoop__text *text)
{
    for (int64_t row = 0; row < n; row++) {
        for (int k = 0; k < w->ntargets; k++) {
            if (k > 0) hoop__text_add(text, ",", 1);
            add_values(&w->form[k], w->out[k], row, text);
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

static void predict_text(work *w, const hoop_output *file, const progress_fn *told, hoop_error *err)
{
    hoop_trainer *tr   = w->t->trainer;
    const int64_t rows = hoop_dataset_about(w->t->data)->length, size = hoop_comm_size(tr->comm);
    int64_t       block = w->varies ? w->chunk : TEXT_BYTES / (w->in_bytes + w->out_bytes + 1) / w->chunk * w->chunk, end = 0;
    int64_t      *sizes = calloc((size_t)size, sizeof *sizes);
    hoop__text    text  = {0};
    if (block < w->chunk) block = w->chunk; /* the same for any number of ranks, and so are the passes */
    if (sizes == NULL) (void)hoop_fail(err, HOOP_ENOMEM, "no memory for predictions");
    if (err->status == HOOP_OK) (void)space_make(w, block < rows ? block : rows, err);
    if (hoop_comm_agree_status(tr->comm, err) != HOOP_OK) goto done;
    if (hoop_comm_rank(tr->comm) == 0) add_header(w, &text);
    for (int64_t turn = 0; turn < rows; turn += size * block) {
        const int64_t first = turn + hoop_comm_rank(tr->comm) * block, n = rows - first < block ? rows - first : block;
        if (n > 0 && err->status == HOOP_OK && predict_some(w, first, n, true, err) == HOOP_OK) add_rows(w, n, &text);
        if (text.failed) (void)hoop_fail(err, HOOP_ENOMEM, "no memory for %lld rows of text", (long long)n);
        if (write_turn(tr, file, &text, &end, sizes, err) != HOOP_OK) break;
        hoop__text_clear(&text);
        if (told->progress != NULL) told->progress(told->ctx, (double)(turn + size * block) / (double)rows);
    }
    if (err->status == HOOP_OK) (void)hoop_output_sync(file, err);
done:
    hoop__text_clear(&text);
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

/* Outputs of which rows vary, and what would be right: an input that is padded to one length. */
static hoop_status fail_varies(const work *w, const char *path, hoop_error *err)
{
    char key[HOOP__SPEC_KEY];
    int  k = 0;
    while (k + 1 < w->ninputs && input_of(w, k)->numel >= 0) k++;
    if (!w->t->specs.named)
        return hoop_fail(
            err, HOOP_ESHAPE,
            "%s: rows of outputs vary in length, and those of a file are of one length; where the config names fields "
            "(data.inputs), an input may be padded to a length",
            path);
    return hoop_fail(
        err, HOOP_ESHAPE,
        "%s: rows of outputs vary in length, and those of a file are of one length; pad them: --set %s=%lld, or more", path,
        hoop__specs_key(&w->t->specs, k, "length", key),
        (long long)(input_of(w, k)->longest > 0 ? input_of(w, k)->longest : 100));
}

/* What a row of target k is in the file. */
static hoop_status form_make(work *w, int k, const char *path, bool text, hoop_error *err)
{
    const hoop_trained *t = w->t;
    const hoop__field  *f = hoop__target(t->trainer, k);
    form               *s = &w->form[k];
    *s                    = (form){.name    = f->name,
                                   .names   = &t->target[k].names,
                                   .classes = f->loss->classes,
                                   .ndim    = f->out_ndim,
                                   .width   = 1,
                                   .dtype   = hoop__predict_dtype(t->trainer, k)};
    memcpy(s->shape, f->out_shape, sizeof s->shape);
    for (int d = 0; d < s->ndim; d++) {
        if (s->shape[d] < 0) return fail_varies(w, path, err);
        s->width *= s->shape[d];
    }
    if (text && f->loss->boxes)
        return hoop_fail(err, HOOP_ESHAPE,
                         "%s: a row of it holds as many values as any other, and '%s' are lists of boxes; --out FILE.h5", path,
                         f->name);
    if (f->loss->boxes) {
        s->lists = calloc(1, sizeof *s->lists);
        if (s->lists == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for boxes");
        w->nlists++;
    }
    if (text && s->classes && s->ndim != 1)
        return hoop_fail(err, HOOP_ESHAPE, "%s: a row of it holds one class, and the model's outputs have %d dims; --out FILE.h5",
                         path, s->ndim);
    if (!text && s->ndim > 7) return hoop_fail(err, HOOP_ESHAPE, "%s: outputs of %d dims; at most 7", path, s->ndim);
    return HOOP_OK;
}

static hoop_status work_make(work *w, const char *path, bool text, hoop_error *err)
{
    const hoop_trained *t  = w->t;
    hoop_status         st = HOOP_OK;
    if (ends_in(path, ".csv.gz"))
        return hoop_fail(err, HOOP_EARG, "%s: a table is written as it is: --out %.*s, and gzip it", path, (int)strlen(path) - 3,
                         path);
    w->chunk = hoop__plan_leaf_rows(t->trainer);
    w->form  = calloc((size_t)t->trainer->data->ntargets + 1, sizeof *w->form);
    if (w->form == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for predictions");
    w->ninputs  = t->trainer->data->ninputs;
    w->ntargets = t->trainer->data->ntargets;
    for (int k = 0; k < w->ninputs; k++) {
        w->dtype[k] = hoop__input(t->trainer, k)->dtype;
        w->varies   = w->varies || input_of(w, k)->numel < 0;
        if (input_of(w, k)->numel > 0) w->in_bytes += input_of(w, k)->numel * (int64_t)hoop_dtype_size(w->dtype[k]);
    }
    for (int k = 0; k < w->ntargets && st == HOOP_OK; k++) {
        st = form_make(w, k, path, text, err);
        w->out_bytes += w->form[k].width * (int64_t)hoop_dtype_size(w->form[k].dtype);
    }
    return st;
}

static void work_free(work *w)
{
    space_free(w);
    for (int k = 0; k < w->ntargets && w->form != NULL; k++) {
        if (w->form[k].lists != NULL) hoop__lists_free(w->form[k].lists);
        free(w->form[k].lists);
    }
    free(w->form);
}

/* Where each target's datasets are in the file; how many there are. */
static int place_sets(work *w)
{
    int n = 0;
    for (int k = 0; k < w->ntargets; k++) {
        w->form[k].set = n;
        n += w->form[k].lists != NULL ? HOOP__LIST_SETS : 1;
    }
    return n;
}

static hoop_status create_file(const work *w, int nsets, const char *path, bool force, bool text, hoop_error *err,
                               hoop_output *out)
{
    const hoop_trained *t    = w->t;
    hoop_output_set    *sets = calloc((size_t)nsets + 1, sizeof *sets);
    char                step[24];
    const char         *attrs[2][6] = {{"checkpoint", t->checkpoint, "step", step, "content", "values"},
                                       {"checkpoint", t->checkpoint, "step", step, "content", "logits"}};
    hoop_output_opts    opts        = {.path = path, .sets = sets, .nsets = text ? 0 : nsets, .force = force};
    hoop_status         st          = HOOP_OK;
    if (sets == NULL) st = hoop_fail(err, HOOP_ENOMEM, "no memory for predictions");
    (void)snprintf(step, sizeof step, "%lld", (long long)hoop_trainer_about(t->trainer)->step);
    for (int k = 0; k < w->ntargets && st == HOOP_OK; k++) {
        const form *s                            = &w->form[k];
        char        prefix[HOOP__FIELD_NAME + 1] = "";
        if (s->lists != NULL) {
            if (w->ntargets > 1) (void)snprintf(prefix, sizeof prefix, "%s.", s->name);
            hoop__lists_sets(s->lists, prefix, hoop_dataset_about(t->data)->length, attrs[0], (const char *const *)s->names->name,
                             s->names->n, sets + s->set);
            continue;
        }
        sets[s->set] = (hoop_output_set){.name      = t->target[k].set,
                                         .dtype     = s->dtype,
                                         .ndim      = s->ndim + 1,
                                         .shape     = {hoop_dataset_about(t->data)->length},
                                         .attrs     = attrs[s->classes],
                                         .nattrs    = 3,
                                         .list_name = s->classes ? "class_names" : "columns",
                                         .list      = (const char *const *)s->names->name,
                                         .nlist     = s->names->n};
        for (int d = 0; d < s->ndim && d < 7; d++) sets[s->set].shape[d + 1] = s->shape[d];
    }
    if (st == HOOP_OK) st = hoop_output_create(&opts, err, out);
    free(sets);
    return st;
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
    const bool        first = hoop_comm_rank(tr->comm) == 0, text = hoop_trained_is_text(path);
    const locale_t    host  = uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0)); /* numbers with a point */
    hoop_error        local = {.status = HOOP_OK};
    hoop_output       file  = {0};
    work              w     = {.t = t};
    hoop_status       st;
    int               nsets;
    hoop_comm_set_position(tr->comm, tr->status.step, "prediction");
    (void)work_make(&w, path, text, &local);
    if (first && local.status == HOOP_OK && check_inputs(t, path, &local) == HOOP_OK)
        (void)hoop_output_check(path, force, &local);
    HOOP_TRY(st, done, hoop_comm_agree_status(tr->comm, &local));
    if (w.nlists > 0) HOOP_TRY(st, done, find_boxes(&w, &told, &local));
    nsets = place_sets(&w);
    if (first) (void)create_file(&w, nsets, path, force, text, &local, &file);
    HOOP_TRY(st, done, hoop_comm_agree_status(tr->comm, &local));
    HOOP_TRY(st, done, hoop_comm_broadcast(tr->comm, 0, &file, (int64_t)sizeof file, "output file", &local));
    if (text)
        predict_text(&w, &file, &told, &local);
    else
        (void)write_rows(&w, &file, &told, &local);
    HOOP_TRY(st, done, hoop_comm_agree_status(tr->comm, &local));
    if (first) (void)hoop_output_publish(&file, &local);
    st = hoop_comm_agree_status(tr->comm, &local);
done:
    (void)uselocale(host);
    work_free(&w);
    if (st != HOOP_OK && first) hoop_output_discard(&file);
    return st == HOOP_OK ? HOOP_OK : hoop_fail(err, st, "%s", local.text);
}

/* ---- some rows, to memory ---- */

hoop_status hoop_trained_rows(hoop_trained *t, const int64_t *index, int64_t n, void *const *outputs, hoop_error *err)
{
    work        w  = {.t = t};
    int64_t     m  = 0;
    hoop_status st = work_make(&w, "predictions", false, err);
    if (st == HOOP_OK) st = space_make(&w, w.chunk < n ? w.chunk : n, err);
    for (int64_t at = 0; at < n && st == HOOP_OK; at += m) {
        m = n - at < w.chunk ? n - at : w.chunk;
        memcpy(w.index, index + at, (size_t)m * sizeof *index);
        st = predict_indexed(&w, m, false, err);
        for (int k = 0; k < w.ntargets && st == HOOP_OK; k++) {
            const size_t row = (size_t)w.form[k].width * hoop_dtype_size(w.form[k].dtype);
            memcpy((char *)outputs[k] + (size_t)at * row, w.out[k], (size_t)m * row);
        }
    }
    work_free(&w);
    return st;
}
