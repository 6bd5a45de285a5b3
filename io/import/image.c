#include "import/image.h"

#include <spng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include "base/files.h"

enum { FILE_MOST = 1 << 30 };

hoop_status hoop__image_room(hoop_image *i, int height, int width, int channels, hoop_error *err)
{
    const int64_t bytes = (int64_t)height * width * channels;
    if (bytes > i->room) {
        free(i->pixel);
        i->pixel = malloc((size_t)bytes);
        i->room  = i->pixel != NULL ? bytes : 0;
        if (i->pixel == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a picture of %d x %d", height, width);
    }
    i->height   = height;
    i->width    = width;
    i->channels = channels;
    return HOOP_OK;
}

void hoop__image_free(hoop_image *i)
{
    free(i->pixel);
    *i = (hoop_image){0};
}

static hoop_status check_size(const char *path, int64_t height, int64_t width, hoop_error *err)
{
    if (height >= 1 && width >= 1 && height <= HOOP_IMAGE_SIDE && width <= HOOP_IMAGE_SIDE && height * width <= HOOP_IMAGE_PIXELS)
        return HOOP_OK;
    return hoop_fail(err, HOOP_EFORMAT, "%s: says that it has %lld x %lld pixels; at most 2^28 are possible, 65536 a side", path,
                     (long long)height, (long long)width);
}

/* ITU-R BT.601, as JPEG has it, in 16 bits */
static void to_grey(hoop_image *i)
{
    const int64_t n = (int64_t)i->height * i->width;
    for (int64_t p = 0; p < n; p++) {
        const unsigned char *c = i->pixel + 3 * p;
        i->pixel[p]            = (unsigned char)((19595 * c[0] + 38470 * c[1] + 7471 * c[2] + 32768) >> 16);
    }
    i->channels = 1;
}

static hoop_status read_png(const char *path, const char *data, size_t bytes, bool grey, hoop_error *err, hoop_image *out)
{
    spng_ctx        *ctx = spng_ctx_new(0);
    struct spng_ihdr head;
    int              rc;
    hoop_status      st = ctx != NULL ? HOOP_OK : hoop_fail(err, HOOP_ENOMEM, "%s: no memory", path);
    if (st != HOOP_OK) return st;
    rc = spng_set_chunk_limits(ctx, FILE_MOST, FILE_MOST);
    if (rc == 0) rc = spng_set_png_buffer(ctx, data, bytes);
    if (rc == 0) rc = spng_get_ihdr(ctx, &head);
    if (rc == 0) {
        HOOP_TRY(st, done, check_size(path, head.height, head.width, err));
        HOOP_TRY(st, done, hoop__image_room(out, (int)head.height, (int)head.width, 3, err));
        rc = spng_decode_image(ctx, out->pixel, (size_t)head.height * head.width * 3, SPNG_FMT_RGB8, 0);
    }
    if (rc == 0) rc = spng_decode_chunks(ctx); /* to the end of the file */
    if (rc != 0) st = hoop_fail(err, HOOP_EFORMAT, "%s: broken PNG: %s", path, spng_strerror(rc));
    if (st == HOOP_OK && grey) to_grey(out);
done:
    spng_ctx_free(ctx);
    return st;
}

static hoop_status read_jpeg(const char *path, const char *data, size_t bytes, bool grey, hoop_error *err, hoop_image *out)
{
    const unsigned char *jpeg = (const unsigned char *)data;
    const int            as   = grey ? TJPF_GRAY : TJPF_RGB;
    tjhandle             tj   = tjInitDecompress();
    int                  width, height, sampling, space;
    hoop_status          st = tj != NULL ? HOOP_OK : hoop_fail(err, HOOP_ENOMEM, "%s: no memory", path);
    if (st != HOOP_OK) return st;
    if (tjDecompressHeader3(tj, jpeg, bytes, &width, &height, &sampling, &space) != 0) {
        st = hoop_fail(err, HOOP_EFORMAT, "%s: broken JPEG: %s", path, tjGetErrorStr2(tj));
        goto done;
    }
    if (space == TJCS_CMYK || space == TJCS_YCCK) {
        st = hoop_fail(err, HOOP_EFORMAT, "%s: a JPEG for printing (CMYK); RGB or grey is wanted", path);
        goto done;
    }
    HOOP_TRY(st, done, check_size(path, height, width, err));
    HOOP_TRY(st, done, hoop__image_room(out, height, width, grey ? 1 : 3, err));
    if (tjDecompress2(tj, jpeg, bytes, out->pixel, width, 0, height, as,
                      TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS) != 0)
        st = hoop_fail(err, HOOP_EFORMAT, "%s: broken JPEG: %s", path, tjGetErrorStr2(tj));
done:
    (void)tjDestroy(tj);
    return st;
}

hoop_status hoop__image_read(const char *path, bool grey, hoop_error *err, hoop_image *out)
{
    char       *data = NULL;
    int64_t     bytes;
    hoop_status st = hoop__file_load(path, FILE_MOST, err, &data, &bytes);
    if (st != HOOP_OK) return st;
    if (bytes >= 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0)
        st = read_png(path, data, (size_t)bytes, grey, err, out);
    else if (bytes >= 3 && memcmp(data, "\xff\xd8\xff", 3) == 0)
        st = read_jpeg(path, data, (size_t)bytes, grey, err, out);
    else
        st = hoop_fail(err, HOOP_EFORMAT, "%s: %s", path, bytes == 0 ? "is empty" : "is neither a PNG nor a JPEG");
    free(data);
    return st;
}

/* ---- sizes ---- */

/* How one dim is made: pixel i of `to` is of from[first[i]] and on, `most` weights each, which sum to 1. */
typedef struct filter {
    int     most, *first, *n;
    double *weight;
} filter;

static void filter_free(filter *f)
{
    free(f->first);
    free(f->n);
    free(f->weight);
}

static bool filter_make(int from, double begin, double length, int to, filter *f)
{
    const double scale = length / to, reach = scale < 1 ? 1 : scale;
    f->most   = (int)(2 * reach) + 3;
    f->first  = malloc((size_t)to * sizeof *f->first);
    f->n      = malloc((size_t)to * sizeof *f->n);
    f->weight = malloc((size_t)to * (size_t)f->most * sizeof *f->weight);
    if (f->first == NULL || f->n == NULL || f->weight == NULL) return false;
    for (int i = 0; i < to; i++) {
        const double centre = begin + (i + 0.5) * scale;
        double      *w = f->weight + (int64_t)i * f->most, sum = 0;
        int          low = (int)(centre - reach + 0.5), high = (int)(centre + reach + 0.5);
        if (low < 0 || centre - reach + 0.5 < 0) low = 0;
        if (high > from) high = from;
        f->first[i] = low;
        f->n[i]     = high - low;
        for (int k = 0; k < f->n[i]; k++) {
            const double d = (low + k + 0.5 - centre) / reach, away = d < 0 ? -d : d;
            w[k] = away < 1 ? 1 - away : 0;
            sum += w[k];
        }
        for (int k = 0; k < f->n[i]; k++) w[k] /= sum;
    }
    return true;
}

/* Row y of `from`, as wide as `to`. */
static void widen(const hoop_image *from, const filter *across, int y, int width, double *out)
{
    const int c = from->channels;
    for (int x = 0; x < width; x++) {
        const unsigned char *p = from->pixel + ((int64_t)y * from->width + across->first[x]) * c;
        const double        *w = across->weight + (int64_t)x * across->most;
        for (int k = 0; k < c; k++) {
            double sum = 0;
            for (int i = 0; i < across->n[x]; i++) sum += w[i] * p[i * c + k];
            out[(int64_t)x * c + k] = sum;
        }
    }
}

/* Rows of `from` made as wide as `to`, then these as high; of the former the last `kept` are there, row y at y % kept. */
static void apply(const hoop_image *from, const filter *across, const filter *down, double *wide, int kept, hoop_image *to)
{
    const int64_t row  = (int64_t)to->width * from->channels;
    int           next = down->first[0];
    for (int y = 0; y < to->height; y++) {
        const double *w = down->weight + (int64_t)y * down->most;
        for (; next < down->first[y] + down->n[y]; next++) widen(from, across, next, to->width, wide + next % kept * row);
        for (int64_t x = 0; x < row; x++) {
            double sum = 0;
            for (int i = 0; i < down->n[y]; i++) sum += w[i] * wide[(down->first[y] + i) % kept * row + x];
            to->pixel[y * row + x] = (unsigned char)(sum + 0.5);
        }
    }
}

hoop_status hoop__image_resize(const hoop_image *from, hoop_image_part crop, hoop_image *to, hoop_error *err)
{
    filter      across = {0}, down = {0};
    double     *wide = NULL;
    int         kept;
    hoop_status st = HOOP_OK;
    if (!filter_make(from->width, crop.left, crop.width, to->width, &across) ||
        !filter_make(from->height, crop.top, crop.height, to->height, &down)) {
        st = hoop_fail(err, HOOP_ENOMEM, "no memory to make a picture of %d x %d one of %d x %d", from->height, from->width,
                       to->height, to->width);
        goto done;
    }
    kept = down.most < from->height ? down.most : from->height;
    if ((int64_t)kept * to->width > HOOP_IMAGE_WIDE) {
        st = hoop_fail(err, HOOP_ESIZE, "to make %d x %d of %d x %d, %lld pixels stand between; at most %d are possible",
                       to->height, to->width, from->height, from->width, (long long)kept * to->width, HOOP_IMAGE_WIDE);
        goto done;
    }
    wide = malloc((size_t)kept * (size_t)to->width * (size_t)from->channels * sizeof *wide);
    if (wide != NULL)
        apply(from, &across, &down, wide, kept, to);
    else
        st = hoop_fail(err, HOOP_ENOMEM, "no memory to make a picture of %d x %d one of %d x %d", from->height, from->width,
                       to->height, to->width);
done:
    filter_free(&across);
    filter_free(&down);
    free(wide);
    return st;
}
