/* Which samples, on which pages; pages as files. */
#include "pictures/pictures.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <spng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hoop/output.h"
#include "pictures/palette.h"
#include "pictures/samples.h"

enum { PAGE_WIDTH = 1400, PAGE_HEIGHT = 1500, MARGIN = 16, SPACE = 20, KEY = 14, KEYS_MOST = 24 };

/* ---- which samples ---- */

typedef struct worst {
    double  error; /* infinite where it is no number */
    int64_t row;   /* -1: none */
} worst;

static bool before(worst a, worst b)
{
    if (a.row < 0 || b.row < 0) return a.row >= 0 && b.row < 0;
    return a.error > b.error || (!(a.error < b.error) && a.row < b.row);
}

/* Into a list of n, the worst first. */
static void keep(worst *list, int64_t n, worst w)
{
    int64_t i = n;
    if (!before(w, list[n - 1])) return;
    for (i = n - 1; i > 0 && before(w, list[i - 1]); i--) list[i] = list[i - 1];
    list[i] = w;
}

static hoop_status look_at_row(samples *s, int64_t row, int64_t n, worst *list, hoop_error *err)
{
    worst       w  = {.row = row};
    hoop_status st = samples_read(s, row, err);
    if (st != HOOP_OK) return st;
    w.error = sample_error(&s->plan, &s->now);
    if (isnan(w.error)) w.error = INFINITY;
    keep(list, n, w);
    return HOOP_OK;
}

/* The worst of this rank's part of the rows, which go through the model in the same groups whatever the number of ranks. */
static hoop_status look_at_part(samples *s, const pictures_opts *o, hoop_comm *comm, int64_t rows, int64_t n, worst *list,
                                hoop_error *err)
{
    const int64_t rank = hoop_comm_rank(comm), size = hoop_comm_size(comm), all = (rows + SAMPLES_AHEAD - 1) / SAMPLES_AHEAD,
                  first = all * rank / size, last = all * (rank + 1) / size;
    hoop_status st = HOOP_OK;
    for (int64_t i = 0; i < n; i++) list[i].row = -1;
    for (int64_t group = first; group < last && st == HOOP_OK; group++) {
        const int64_t at = group * SAMPLES_AHEAD, end = at + SAMPLES_AHEAD < rows ? at + SAMPLES_AHEAD : rows;
        st = samples_ahead(s, at, end - at, err);
        for (int64_t row = at; row < end && st == HOOP_OK; row++) st = look_at_row(s, row, n, list, err);
        if (o->progress != NULL) o->progress(o->ctx, (double)(group + 1 - first) / (double)(last - first));
        hoop_comm_progress(comm);
    }
    s->ahead = 0; /* pictures are of rows that go through it alone */
    return st;
}

static hoop_status choose_worst(samples *s, const pictures_opts *o, hoop_comm *comm, int64_t rows, int64_t n, int64_t *out,
                                hoop_error *err)
{
    const int64_t size = hoop_comm_size(comm);
    worst        *all = calloc((size_t)(n * (size + 2)), sizeof *all), *mine = NULL, *list = NULL;
    hoop_error    local = {.status = HOOP_OK};
    hoop_status   st;
    if (all != NULL) {
        mine = all + n * size;
        list = mine + n;
    }
    if (all == NULL) (void)hoop_fail(&local, HOOP_ENOMEM, "no memory for the worst of %" PRId64 " rows", rows);
    if (all != NULL && !s->plan.target[0].truth)
        (void)hoop_fail(&local, HOOP_EARG,
                        "--worst: %s has no %s to compare predictions with; without --worst pictures need none", o->data,
                        s->plan.target[0].name);
    if (local.status == HOOP_OK) (void)look_at_part(s, o, comm, rows, n, mine, &local);
    HOOP_TRY(st, done, hoop_comm_agree_status(comm, &local));
    HOOP_TRY(st, done, hoop_comm_all_gather_bytes(comm, mine, n * (int64_t)sizeof *mine, "the worst rows", &local, all));
    for (int64_t i = 0; i < n; i++) list[i].row = -1;
    for (int64_t i = 0; i < n * size; i++) keep(list, n, all[i]);
    for (int64_t i = 0; i < n; i++) out[i] = list[i].row;
done:
    free(all);
    return st == HOOP_OK ? HOOP_OK : hoop_fail(err, st, "%s", local.text);
}

/* ---- a page ---- */

typedef struct layout {
    int64_t n, pages;
    int     columns, rows, width, height, head;
} layout;

/* Names of classes with their colours, from *x, *y on; c NULL: only where they end. */
static void draw_keys(const shown_target *t, int width, const canvas *c, int *x, int *y)
{
    for (int64_t i = 0; i < t->classes && i < KEYS_MOST; i++) {
        char        number[24];
        const char *name = class_text(t, i, number);
        const int   wide = KEY + 6 + text_width(name) + 18;
        if (*x + wide > width - MARGIN && *x > MARGIN) {
            *x = MARGIN;
            *y += TEXT_HEIGHT + 4;
        }
        if (c != NULL) {
            canvas_fill(c, *x, *y + 1, KEY, KEY, INK);
            canvas_fill(c, *x + 1, *y + 2, KEY - 2, KEY - 2,
                        t->kind == TARGET_MASK && i == 0 && t->behind >= 0 ? FAINT : palette_class(i));
            canvas_text(c, *x + KEY + 6, *y, name, INK);
        }
        *x += wide;
    }
}

/* A line of words, and one of the classes that have a colour. */
static int draw_head(const plan *p, const char *words, int width, const canvas *c)
{
    char cut[512];
    int  x = MARGIN, y = MARGIN;
    if (c != NULL) canvas_text(c, x, y, text_fit(words, width - 2 * MARGIN, cut, sizeof cut), INK);
    y += TEXT_HEIGHT + 6;
    for (int k = 0; k < p->ntargets; k++) {
        if (p->target[k].kind != TARGET_MASK && p->target[k].kind != TARGET_BOXES) continue;
        draw_keys(&p->target[k], width, c, &x, &y);
        x = MARGIN;
        y += TEXT_HEIGHT + 6;
    }
    return y + 6;
}

static layout lay_out(const plan *p, int64_t n)
{
    layout l = {.n = n, .columns = (PAGE_WIDTH - 2 * MARGIN + SPACE) / (p->width + SPACE)};
    if (l.columns > n) l.columns = (int)n;
    if (l.columns < 1) l.columns = 1;
    l.width = 2 * MARGIN + l.columns * (p->width + SPACE) - SPACE;
    if (l.width < PAGE_WIDTH / 2) l.width = PAGE_WIDTH / 2;
    l.head = draw_head(p, "", l.width, NULL);
    l.rows = (PAGE_HEIGHT - l.head) / (p->height + SPACE);
    if (l.rows < 1) l.rows = 1;
    if (l.rows > (n + l.columns - 1) / l.columns) l.rows = (int)((n + l.columns - 1) / l.columns);
    l.height = l.head + l.rows * (p->height + SPACE) + MARGIN - SPACE;
    l.pages  = (n + (int64_t)l.columns * l.rows - 1) / ((int64_t)l.columns * l.rows);
    return l;
}

static void copy(const canvas *from, const canvas *to, int x, int y)
{
    for (int j = 0; j < from->height; j++)
        for (int i = 0; i < from->width; i++) canvas_dot(to, x + i, y + j, canvas_at(from, i, j));
}

static hoop_status draw_page(samples *s, const pictures_opts *o, const layout *l, const int64_t *row, int64_t page, canvas *out,
                             hoop_error *err)
{
    const int64_t each = (int64_t)l->columns * l->rows;
    const char   *from = hoop_trained_checkpoint(s->t), *cut = strstr(from, "/checkpoints/step-");
    char          words[1024];
    hoop_status   st = HOOP_OK;
    if (!canvas_make(out, l->width, l->height, PAPER))
        return hoop_fail(err, HOOP_ENOMEM, "no memory for a page of %d x %d", l->width, l->height);
    (void)snprintf(words, sizeof words, "page %" PRId64 " of %" PRId64 "  %s  %.*s, step %" PRId64, page + 1, l->pages, o->data,
                   cut != NULL ? (int)(cut - from) : (int)strlen(from), from,
                   hoop_trainer_about(hoop_trained_trainer(s->t))->step);
    (void)draw_head(&s->plan, words, l->width, out);
    for (int64_t i = page * each; i < (page + 1) * each && i < l->n && st == HOOP_OK; i++) {
        const int at   = (int)(i - page * each);
        canvas    tile = {0};
        st             = samples_read(s, row[i], err);
        if (st != HOOP_OK) break;
        if (!draw_sample(&s->plan, &s->now, &tile)) st = hoop_fail(err, HOOP_ENOMEM, "no memory for a picture");
        if (st == HOOP_OK)
            copy(&tile, out, MARGIN + at % l->columns * (s->plan.width + SPACE),
                 l->head + at / l->columns * (s->plan.height + SPACE));
        canvas_free(&tile);
    }
    return st;
}

/* ---- files ---- */

static hoop_status encode(const canvas *c, const char *path, hoop_error *err, void **png, size_t *n)
{
    spng_ctx        *ctx  = spng_ctx_new(SPNG_CTX_ENCODER);
    struct spng_ihdr head = {
        .width = (uint32_t)c->width, .height = (uint32_t)c->height, .bit_depth = 8, .color_type = SPNG_COLOR_TYPE_TRUECOLOR};
    int rc = ctx == NULL ? SPNG_EMEM : spng_set_option(ctx, SPNG_ENCODE_TO_BUFFER, 1);
    if (rc == 0) rc = spng_set_ihdr(ctx, &head);
    if (rc == 0)
        rc = spng_encode_image(ctx, c->pixel, (size_t)c->width * (size_t)c->height * 3, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
    *png = rc == 0 ? spng_get_png_buffer(ctx, n, &rc) : NULL;
    spng_ctx_free(ctx);
    return rc == 0 ? HOOP_OK : hoop_fail(err, HOOP_ENOMEM, "%s: cannot be made: %s", path, spng_strerror(rc));
}

/* "page-012.png"? its number; 0: not */
static int64_t page_number(const char *name)
{
    char     *end;
    long long n;
    if (strncmp(name, "page-", 5) != 0 || name[5] < '0' || name[5] > '9') return 0;
    n = strtoll(name + 5, &end, 10);
    return strcmp(end, ".png") == 0 ? n : 0;
}

/* Look at the pages of a folder: those beyond `most` are removed, or with most 0 one that is there is refused. */
static hoop_status look_at_pages(const char *dir, int64_t most, hoop_error *err)
{
    DIR                 *d = opendir(dir);
    const struct dirent *e;
    char                 path[HOOP_OUTPUT_PATH];
    hoop_status          st = HOOP_OK;
    if (d == NULL) return hoop_fail(err, HOOP_EIO, "%s: %s", dir, strerror(errno));
    while (st == HOOP_OK && (e = readdir(d)) != NULL) {
        if (page_number(e->d_name) <= most) continue;
        (void)snprintf(path, sizeof path, "%.3800s/%.255s", dir, e->d_name);
        if (most == 0)
            st = hoop_fail(err, HOOP_EIO,
                           "%s: is there already; choose another folder for --pictures, or replace it with --force", path);
        else if (unlink(path) != 0 && errno != ENOENT)
            st = hoop_fail(err, HOOP_EIO, "%s: cannot be removed: %s", path, strerror(errno));
    }
    (void)closedir(d);
    return st;
}

/* *made: it was not there before */
static hoop_status make_folder(const pictures_opts *o, bool *made, hoop_error *err)
{
    struct stat there;
    if (strlen(o->dir) > HOOP_OUTPUT_PATH - 64) return hoop_fail(err, HOOP_EARG, "%.64s...: the path is too long", o->dir);
    *made = mkdir(o->dir, 0777) == 0;
    if (*made) return HOOP_OK;
    if (errno != EEXIST)
        return hoop_fail(err, HOOP_EIO, "%s: this folder for --pictures cannot be made: %s", o->dir, strerror(errno));
    if (stat(o->dir, &there) != 0 || !S_ISDIR(there.st_mode))
        return hoop_fail(err, HOOP_EIO, "%s: is there already, and is no folder; choose another name for --pictures", o->dir);
    return o->force ? HOOP_OK : look_at_pages(o->dir, 0, err);
}

/* Page `page` under its temporary name. */
static hoop_status write_page(samples *s, const pictures_opts *o, const layout *l, const int64_t *row, int64_t page,
                              hoop_output *out, hoop_error *err)
{
    char             path[HOOP_OUTPUT_PATH];
    hoop_output_opts opts = {.path = path, .force = o->force};
    canvas           c    = {0};
    void            *png  = NULL;
    size_t           n    = 0;
    hoop_status      st;
    (void)snprintf(path, sizeof path, "%s/page-%03" PRId64 ".png", o->dir, page + 1);
    st = draw_page(s, o, l, row, page, &c, err);
    if (st == HOOP_OK) st = encode(&c, path, err, &png, &n);
    if (st == HOOP_OK) st = hoop_output_create(&opts, err, out);
    if (st == HOOP_OK) st = hoop_output_write(out, 0, 0, (int64_t)n, png, err);
    if (st == HOOP_OK) st = hoop_output_sync(out, err);
    free(png);
    canvas_free(&c);
    return st;
}

/* Each rank each size-th page; they get their names once all are there. */
static hoop_status write_pages(samples *s, const pictures_opts *o, hoop_comm *comm, const layout *l, const int64_t *row,
                               hoop_error *err)
{
    const int    rank = hoop_comm_rank(comm), size = hoop_comm_size(comm);
    hoop_output *out   = calloc((size_t)(l->pages / size + 1), sizeof *out);
    hoop_error   local = {.status = HOOP_OK};
    int64_t      n     = 0;
    hoop_status  st;
    if (out == NULL) (void)hoop_fail(&local, HOOP_ENOMEM, "no memory for pages");
    for (int64_t page = rank; page < l->pages && local.status == HOOP_OK; page += size, n++) {
        (void)write_page(s, o, l, row, page, &out[n], &local);
        if (o->progress != NULL) o->progress(o->ctx, (double)(page + 1) / (double)l->pages);
        hoop_comm_progress(comm);
    }
    st = hoop_comm_agree_status(comm, &local);
    for (int64_t i = 0; i < n; i++) {
        if (st == HOOP_OK && local.status == HOOP_OK) (void)hoop_output_publish(&out[i], &local);
        if (st != HOOP_OK || local.status != HOOP_OK) hoop_output_discard(&out[i]);
    }
    if (st == HOOP_OK) st = hoop_comm_agree_status(comm, &local);
    if (st == HOOP_OK && rank == 0 && o->force) (void)look_at_pages(o->dir, l->pages, &local);
    free(out);
    return st == HOOP_OK
               ? hoop_comm_agree_status(comm, &local) == HOOP_OK ? HOOP_OK : hoop_fail(err, local.status, "%s", local.text)
               : hoop_fail(err, st, "%s", local.text);
}

hoop_status pictures_write(hoop_trained *t, const pictures_opts *o, hoop_error *err, int64_t *pages)
{
    hoop_comm    *comm = hoop_trainer_comm(hoop_trained_trainer(t));
    const int64_t rows = hoop_dataset_about(hoop_trained_data(t))->length, n = o->count < rows ? o->count : rows;
    int64_t      *row   = calloc((size_t)n + 1, sizeof *row);
    samples       s     = {0};
    hoop_error    local = {.status = HOOP_OK};
    layout        l;
    bool          made = false;
    hoop_status   st;
    if (row == NULL) (void)hoop_fail(&local, HOOP_ENOMEM, "no memory for %" PRId64 " pictures", n);
    if (local.status == HOOP_OK) (void)samples_open(t, &local, &s);
    if (local.status == HOOP_OK && hoop_comm_rank(comm) == 0) (void)make_folder(o, &made, &local);
    HOOP_TRY(st, done, hoop_comm_agree_status(comm, &local));
    l = lay_out(&s.plan, n);
    for (int64_t i = 0; i < n; i++) row[i] = n > 1 ? i * (rows - 1) / (n - 1) : 0;
    if (o->worst) HOOP_TRY(st, done, choose_worst(&s, o, comm, rows, n, row, &local));
    st     = write_pages(&s, o, comm, &l, row, &local);
    *pages = l.pages;
done:
    if (st != HOOP_OK && made) (void)rmdir(o->dir); /* where nothing is in it */
    samples_close(&s);
    free(row);
    return st == HOOP_OK ? HOOP_OK : hoop_fail(err, st, "%s", local.text);
}
