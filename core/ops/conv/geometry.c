/* Geometry of convolutions: sizes and their checks, pieces and images of the input, runs of terms. */
#include "ops/conv/conv.h"
#include "ops/shape.h"

#include <string.h>

const hoop_field hoop__conv_fields[6] = {
    {"stride", 'I', offsetof(hoop__conv_attrs, stride)}, {"before", 'I', offsetof(hoop__conv_attrs, before)},
    {"after", 'I', offsetof(hoop__conv_attrs, after)},   {"dilation", 'I', offsetof(hoop__conv_attrs, dilation)},
    {"extra", 'I', offsetof(hoop__conv_attrs, extra)},   {"groups", 'i', offsetof(hoop__conv_attrs, groups)},
};

enum { MOST = 1 << 30 /* of any option: sums of a few products of them do not overflow */ };

static hoop_status check_option(hoop_error *err, const char *name, int d, int64_t v, int64_t least)
{
    if (v >= least && v <= MOST) return HOOP_OK;
    return hoop_fail(err, HOOP_EARG, "%s of dim %d is %lld, must be %lld to %d", name, d, (long long)v, (long long)least, MOST);
}

static hoop_status check_options(hoop_error *err, const hoop__conv_attrs *a, int dims)
{
    hoop_status st = HOOP_OK;
    for (int d = 0; d < dims && st == HOOP_OK; d++) {
        st = check_option(err, "the stride", d, a->stride[d], 1);
        if (st == HOOP_OK) st = check_option(err, "the dilation", d, a->dilation[d], 1);
        if (st == HOOP_OK) st = check_option(err, "the padding", d, a->before[d], 0);
        if (st == HOOP_OK) st = check_option(err, "the padding", d, a->after[d], -MOST); /* a gradient's cuts off */
    }
    if (st == HOOP_OK && a->groups < 1) st = hoop_fail(err, HOOP_EARG, "%lld groups; at least 1", (long long)a->groups);
    return st;
}

hoop_status hoop__conv_size(hoop_error *err, const hoop__conv_attrs *a, int d, int64_t in, int64_t kernel, int64_t *out)
{
    int64_t reach, padded = in + a->before[d] + a->after[d];
    if (kernel < 1 || kernel > MOST)
        return hoop_fail(err, HOOP_ESHAPE, "a kernel of %lld in dim %d; 1 to %d", (long long)kernel, d, MOST);
    reach = a->dilation[d] * (kernel - 1) + 1;
    if (padded < reach) {
        return hoop_fail(err, HOOP_ESHAPE, "the kernel reaches over %lld in dim %d, the padded input has %lld", (long long)reach,
                         d, (long long)padded);
    }
    *out = (padded - reach) / a->stride[d] + 1;
    return HOOP_OK;
}

static hoop_status transposed_size(hoop_error *err, const hoop__conv_attrs *a, int d, int64_t in, int64_t kernel, int64_t *out)
{
    int64_t most = a->stride[d] > a->dilation[d] ? a->stride[d] : a->dilation[d];
    if (kernel < 1 || kernel > MOST)
        return hoop_fail(err, HOOP_ESHAPE, "a kernel of %lld in dim %d; 1 to %d", (long long)kernel, d, MOST);
    if (a->extra[d] < 0 || a->extra[d] >= most) {
        return hoop_fail(err, HOOP_EARG, "an output_padding of %lld in dim %d; 0 to %lld, below stride or dilation",
                         (long long)a->extra[d], d, (long long)(most - 1));
    }
    if (in > MOST) return hoop_fail(err, HOOP_ESIZE, "%lld pixels in dim %d", (long long)in, d);
    *out = (in - 1) * a->stride[d] - a->before[d] - a->after[d] + a->dilation[d] * (kernel - 1) + a->extra[d] + 1;
    if (*out >= 0) return HOOP_OK;
    return hoop_fail(err, HOOP_ESHAPE, "an input of %lld and a kernel of %lld in dim %d leave nothing within a padding of %lld",
                     (long long)in, (long long)kernel, d, (long long)a->before[d]);
}

static hoop_status check_dtypes(hoop_shape_call *s)
{
    hoop_status st = hoop__check_float(s, 0);
    for (int i = 1; i < s->nin && st == HOOP_OK; i++)
        if (s->in[i]->dtype != s->in[0]->dtype) st = hoop_fail(s->err, HOOP_EDTYPE, "inputs of one dtype are wanted (hoop_cast)");
    return st;
}

/* channels of x and w; *channels: of the output */
static hoop_status check_channels(hoop_shape_call *s, bool transposed, int64_t *channels)
{
    const hoop_view *x = s->in[0], *w = s->in[1];
    const int64_t    groups = ((const hoop__conv_attrs *)s->attrs)->groups, c = x->shape[x->ndim - 1];
    const int64_t    from = w->shape[transposed ? 0 : 1] * (transposed ? 1 : groups), to = w->shape[transposed ? 1 : 0];
    if (w->shape[0] % groups != 0) {
        return hoop_fail(s->err, HOOP_ESHAPE, "a weight of %lld channels in dim 0 is not for %lld groups", (long long)w->shape[0],
                         (long long)groups);
    }
    if (c != from) {
        return hoop_fail(s->err, HOOP_ESHAPE, "x has %lld channels, the weight is for %lld (in %lld groups)", (long long)c,
                         (long long)from, (long long)groups);
    }
    *channels = transposed ? to * groups : to;
    if (s->nin == 3 && (s->in[2]->ndim != 1 || s->in[2]->shape[0] != *channels))
        return hoop_fail(s->err, HOOP_ESHAPE, "a bias of one dim of %lld is wanted", (long long)*channels);
    return HOOP_OK;
}

/* bytes times n; false: more than any process has, of which sums and small multiples do not overflow */
static bool grow(int64_t *bytes, int64_t n)
{
    return !__builtin_mul_overflow(*bytes, n > 1 ? n : 1, bytes) && *bytes <= (int64_t)1 << 47;
}

/* of a sample's image with all that the kernel reaches beside x, and of the output (N, out.., O) */
static hoop_status check_room(hoop_shape_call *s, bool transposed, const int64_t *out)
{
    const hoop__conv_attrs *a = s->attrs;
    const hoop_view        *x = s->in[0], *w = s->in[1];
    const int               dims  = x->ndim - 2;
    int64_t                 image = (int64_t)hoop_dtype_size((hoop_dtype)x->dtype), all = image;
    bool                    fits = grow(&image, x->shape[dims + 1]) && grow(&all, out[0]) && grow(&all, out[dims + 1]);
    for (int d = 0; d < dims && fits; d++) {
        const int64_t wide   = a->dilation[d] * (w->shape[2 + d] - 1);
        const int64_t pixels = transposed ? out[1 + d] + wide / a->stride[d] + 1 : x->shape[1 + d] + a->before[d] + a->after[d];
        fits                 = grow(&image, pixels) && grow(&all, out[1 + d]);
        if (!fits)
            return hoop_fail(
                s->err, HOOP_ESIZE,
                "its input and padding, or its output, of %lld and %lld pixels in dim %d, are more than memory holds",
                (long long)pixels, (long long)out[1 + d], d);
    }
    return fits ? HOOP_OK
                : hoop_fail(s->err, HOOP_ESIZE, "%lld samples, %lld channels to %lld, are more than memory holds",
                            (long long)out[0], (long long)x->shape[dims + 1], (long long)out[dims + 1]);
}

hoop_status hoop__conv_check(hoop_shape_call *s, bool transposed)
{
    const hoop__conv_attrs *a = s->attrs;
    const hoop_view        *x = s->in[0], *w = s->in[1];
    int64_t                 shape[HOOP_MAX_DIMS] = {0};
    const int               dims                 = x->ndim - 2;
    hoop_status             st                   = check_dtypes(s);
    if (st != HOOP_OK) return st;
    if (dims < 1 || dims > HOOP__CONV_DIMS || w->ndim != x->ndim) {
        return hoop_fail(s->err, HOOP_ESHAPE, "x of %d dims and a weight of %d; 3 to 5 dims are wanted, of both the same",
                         x->ndim, w->ndim);
    }
    st = check_options(s->err, a, dims);
    if (st == HOOP_OK) st = check_channels(s, transposed, &shape[dims + 1]);
    for (int d = 0; d < dims && st == HOOP_OK; d++) {
        st = transposed ? transposed_size(s->err, a, d, x->shape[1 + d], w->shape[2 + d], &shape[1 + d])
                        : hoop__conv_size(s->err, a, d, x->shape[1 + d], w->shape[2 + d], &shape[1 + d]);
    }
    shape[0] = x->shape[0];
    if (st == HOOP_OK) st = check_room(s, transposed, shape);
    if (st == HOOP_OK) hoop__view_set(&s->out[0], (hoop_dtype)x->dtype, x->ndim, shape);
    return st;
}

hoop__conv_geometry hoop__conv_geometry_of(const hoop_view *x, const hoop_view *w, const hoop_view *y,
                                           const hoop__conv_attrs *attrs, bool transposed)
{
    const int           dims = x->ndim - 2, lead = HOOP__CONV_DIMS - dims;
    hoop__conv_geometry g = {.dtype      = (hoop_dtype)x->dtype,
                             .dims       = dims,
                             .transposed = transposed,
                             .n          = x->shape[0],
                             .groups     = attrs->groups,
                             .cg         = x->shape[dims + 1] / attrs->groups,
                             .og         = y->shape[dims + 1] / attrs->groups};
    for (int d = 0; d < HOOP__CONV_DIMS; d++) {
        g.in[d] = g.out[d] = g.kernel[d] = g.stride[d] = g.dilation[d] = 1;
        if (d < lead) continue;
        g.in[d]       = x->shape[1 + d - lead];
        g.out[d]      = y->shape[1 + d - lead];
        g.kernel[d]   = w->shape[2 + d - lead];
        g.stride[d]   = attrs->stride[d - lead];
        g.before[d]   = attrs->before[d - lead];
        g.dilation[d] = attrs->dilation[d - lead];
    }
    return g;
}

int64_t hoop__conv_taps(const hoop__conv_geometry *g)
{
    return g->kernel[0] * g->kernel[1] * g->kernel[2];
}

int64_t hoop__conv_pixels(const hoop__conv_geometry *g)
{
    return g->out[0] * g->out[1] * g->out[2];
}

hoop__conv_attrs hoop__conv_back(const hoop__conv_attrs *a, const hoop_tensor *x, const hoop_tensor *w, const hoop_tensor *y)
{
    hoop__conv_attrs back = *a;
    for (int d = 0; d < hoop_tensor_ndim(x) - 2; d++) {
        int64_t least = (hoop_tensor_size(y, 1 + d) - 1) * a->stride[d] - a->before[d] - a->after[d] +
                        a->dilation[d] * (hoop_tensor_size(w, 2 + d) - 1) + 1;
        back.extra[d] = hoop_tensor_size(x, 1 + d) - least;
    }
    return back;
}

hoop__conv_attrs hoop__conv_kernel(const hoop__conv_attrs *a, const hoop_tensor *w)
{
    hoop__conv_attrs kernel = *a;
    for (int d = 0; d < hoop_tensor_ndim(w) - 2; d++) kernel.extra[d] = hoop_tensor_size(w, 2 + d);
    return kernel;
}

int64_t hoop__conv_place(const hoop__conv_geometry *g, int64_t p, int64_t t, int64_t ch)
{
    int64_t at = 0, size = 1, rest[2] = {p, t};
    for (int d = HOOP__CONV_DIMS - 1; d >= 0; d--) {
        const int64_t pixel = rest[0] % g->out[d] * g->stride[d] + rest[1] % g->kernel[d] * g->dilation[d] - g->before[d];
        if (pixel < 0 || pixel >= g->in[d]) return -1;
        at += pixel * size;
        size *= g->in[d];
        rest[0] /= g->out[d];
        rest[1] /= g->kernel[d];
    }
    return (rest[0] * size + at) * g->groups * g->cg + ch;
}

double hoop__conv_pixel(const hoop_view *x, const hoop__conv_geometry *g, int64_t p, int64_t t, int64_t ch)
{
    const int64_t at = hoop__conv_place(g, p, t, ch);
    return at < 0 ? 0.0 : hoop__at(x, at);
}

/* ---- pieces ---- */

/* what a piece may have of the input: with the weights it should stay in a second-level cache */
enum { IMAGE_BYTES = 128 * 1024 };

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* forward: an output; transposed: outputs over the stride */
static int64_t units_end(const hoop__conv_geometry *g, int d)
{
    if (!g->transposed) return g->out[d];
    return g->out[d] > 0 ? (g->out[d] - 1 + g->before[d]) / g->stride[d] + 1 : g->before[d] / g->stride[d];
}

static int64_t units_start(const hoop__conv_geometry *g, int d)
{
    return g->transposed ? g->before[d] / g->stride[d] : 0;
}

/* input pixels that units first .. last - 1 meet: low .. high - 1 */
static void reach(const hoop__conv_geometry *g, int d, int64_t first, int64_t last, int64_t *low, int64_t *high)
{
    const int64_t wide = (g->kernel[d] - 1) * g->dilation[d];
    *low               = g->transposed ? first - wide / g->stride[d] : first * g->stride[d] - g->before[d];
    *high              = g->transposed ? last : (last - 1) * g->stride[d] - g->before[d] + wide + 1;
    if (first >= last) *high = *low;
}

hoop__conv_pieces hoop__conv_cut(const hoop__conv_geometry *g, int threads)
{
    hoop__conv_pieces p    = {.band = HOOP__CONV_DIMS - g->dims, .samples = 1};
    const int64_t     want = g->n > 0 ? (threads + g->n - 1) / g->n : 1; /* pieces of a sample, for all threads to have some */
    int64_t           row  = g->groups * g->cg * (int64_t)hoop_dtype_size(g->dtype), low, high, units;
    for (int d = 0; d < HOOP__CONV_DIMS; d++) {
        reach(g, d, units_start(g, d), units_end(g, d), &low, &high);
        p.copies |= low < 0 || high > g->in[d];
        if (d != p.band) row *= high - low;
    }
    row     = larger(row, 1);
    p.first = units_start(g, p.band);
    p.last  = units_end(g, p.band);
    units   = larger(p.last - p.first, 1);
    reach(g, p.band, p.first, p.last, &low, &high);
    if ((high - low) * row > IMAGE_BYTES || want > 1) { /* the first unit, and as many steps as fit */
        int64_t one_low, one_high, step = g->transposed ? 1 : g->stride[p.band];
        reach(g, p.band, p.first, p.first + 1, &one_low, &one_high);
        p.high = larger((IMAGE_BYTES / row - (one_high - one_low)) / step + 1, 1);
        p.high = smaller(p.high, (units + want - 1) / want);
        p.high = (units + (units + p.high - 1) / p.high - 1) / ((units + p.high - 1) / p.high); /* of nearly one height */
        reach(g, p.band, p.first, p.first + p.high, &low, &high);
    } else {
        p.high    = units;
        p.samples = larger(smaller(IMAGE_BYTES / larger((high - low) * row, 1), (g->n + threads - 1) / threads), 1);
    }
    p.bands       = (units + p.high - 1) / p.high;
    p.count       = (g->n + p.samples - 1) / p.samples * p.bands;
    p.image_bytes = p.copies ? p.samples * (high - low) * row : 0;
    return p;
}

/* a row of the image, from x's, which lacks its ends; x NULL: outside */
static char *row_copy(const char *x, int64_t in, int64_t low, int64_t high, int64_t pixel, char *to)
{
    int64_t from = smaller(larger(low, 0), high), end = larger(smaller(high, in), from);
    if (x == NULL) end = from = high;
    memset(to, 0, (size_t)((from - low) * pixel));
    if (end > from) memcpy(to + (from - low) * pixel, x + from * pixel, (size_t)((end - from) * pixel));
    memset(to + (end - low) * pixel, 0, (size_t)((high - end) * pixel));
    return to + (high - low) * pixel;
}

static void samples_copy(const hoop__conv_geometry *g, int64_t n, const char *x, const int64_t *low, const int64_t *high,
                         char *to)
{
    const int64_t pixel = g->groups * g->cg * (int64_t)hoop_dtype_size(g->dtype);
    for (int64_t s = 0; s < n; s++, x += g->in[0] * g->in[1] * g->in[2] * pixel) {
        for (int64_t a = low[0]; a < high[0]; a++) {
            for (int64_t b = low[1]; b < high[1]; b++) {
                bool inside = a >= 0 && a < g->in[0] && b >= 0 && b < g->in[1];
                to = row_copy(inside ? x + (a * g->in[1] + b) * g->in[2] * pixel : NULL, g->in[2], low[2], high[2], pixel, to);
            }
        }
    }
}

hoop__conv_image hoop__conv_image_of(const hoop__conv_geometry *g, const hoop__conv_pieces *p, int64_t i, const void *x,
                                     void *memory)
{
    const int64_t    channels = g->groups * g->cg, size = (int64_t)hoop_dtype_size(g->dtype), pixel = channels * size;
    int64_t          low[HOOP__CONV_DIMS], high[HOOP__CONV_DIMS], len[HOOP__CONV_DIMS];
    hoop__conv_image m      = {.from = i / p->bands * p->samples, .low = p->first + i % p->bands * p->high};
    const char      *source = x;
    m.samples               = smaller(p->samples, g->n - m.from);
    m.high                  = smaller(m.low + p->high, p->last);
    for (int d = 0; d < HOOP__CONV_DIMS; d++) {
        bool band = d == p->band;
        reach(g, d, band ? m.low : units_start(g, d), band ? m.high : units_end(g, d), &low[d], &high[d]);
        if (!p->copies) low[d] = 0, high[d] = g->in[d];
        len[d] = high[d] - low[d];
    }
    m.step[2] = channels;
    m.step[1] = len[2] * channels;
    m.step[0] = len[1] * m.step[1];
    m.sample  = len[0] * m.step[0];
    if (x == NULL) return m;
    source += m.from * g->in[0] * g->in[1] * g->in[2] * pixel;
    m.x = p->copies ? memory : source;
    m.x -= (low[0] * m.step[0] + low[1] * m.step[1] + low[2] * m.step[2]) * size;
    if (p->copies) samples_copy(g, m.samples, source, low, high, memory);
    return m;
}

/* ---- runs ---- */

void hoop__conv_runs_add(hoop__conv_runs *r, int64_t x, int64_t len)
{
    while (len > 0) {
        const int64_t  n    = smaller(len, HOOP_CONV_BLOCK - r->terms % HOOP_CONV_BLOCK);
        const bool     next = r->terms % HOOP_CONV_BLOCK == 0 || r->nblocks == 0;
        hoop_conv_run *last = &r->run[r->nruns - (r->nruns > 0)];
        if (next) r->block[r->nblocks++] = r->nruns;
        if (!next && last->x + last->len * r->step == x)
            last->len += n;
        else
            r->run[r->nruns++] = (hoop_conv_run){x, r->terms, n};
        r->terms += n;
        x += n * r->step;
        len -= n;
    }
}

/* at least one block, if need be of no terms */
void hoop__conv_runs_end(hoop__conv_runs *r)
{
    if (r->nblocks == 0) r->block[r->nblocks++] = 0;
    r->block[r->nblocks] = r->nruns;
}
