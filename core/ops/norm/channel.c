/* What ops that normalise channels share (channel.h). */
#include "hoop/ops.h"
#include "ops/norm/channel.h"

#include <math.h>

const hoop_field hoop__channel_fields[] = {
    {"groups", 'i', offsetof(channel_attrs, groups)},
    {"eps", 'f', offsetof(channel_attrs, eps)},
    {"batch", 'i', offsetof(channel_attrs, batch)},
};
_Static_assert(sizeof hoop__channel_fields / sizeof hoop__channel_fields[0] == HOOP__CHANNEL_FIELDS, "their number");

enum { PER_CHANNEL = 4 /* numbers that a kernel reads of each */ };

/* ---- sizes and shape rules ---- */

channel_sizes hoop__channel_sizes(const hoop_view *x, const channel_attrs *a)
{
    channel_sizes z = {x->shape[0], 1, x->shape[x->ndim - 1], a->groups};
    for (int d = 1; d + 1 < x->ndim; d++) z.s *= x->shape[d];
    if (!a->batch) return z;
    return (channel_sizes){1, z.n * z.s, z.c, z.c};
}

hoop_status hoop__channel_check_input(hoop_shape_call *s, double eps)
{
    const hoop_view *x  = s->in[0];
    hoop_status      st = hoop__norm_check_dtypes(s);
    if (st == HOOP_OK) st = hoop__norm_check_eps(s, eps);
    if (st != HOOP_OK || x->ndim >= 2) return st;
    return hoop_fail(s->err, HOOP_ESHAPE, "an input of samples and channels is wanted, and it has %d dims", x->ndim);
}

hoop_status hoop__channel_check(hoop_shape_call *s)
{
    const channel_attrs *a  = s->attrs;
    const hoop_view     *x  = s->in[0];
    hoop_status          st = hoop__channel_check_input(s, a->eps);
    channel_sizes        z;
    if (st != HOOP_OK) return st;
    z = hoop__channel_sizes(x, a);
    if (z.g < 1 || z.c % z.g != 0)
        return hoop_fail(s->err, HOOP_ESHAPE, "%lld channels in %lld groups: groups of equal size are wanted", (long long)z.c,
                         (long long)z.g);
    if (z.n > 0 && (z.s == 0 || z.c == 0))
        return hoop_fail(s->err, HOOP_ESHAPE, "%lld places of %lld channels: nothing to take statistics of", (long long)z.s,
                         (long long)z.c);
    return HOOP_OK;
}

hoop_status hoop__channel_check_dims(hoop_shape_call *s, int i, int ndim, const int64_t *shape, const char *what)
{
    const hoop_view *x    = s->in[i];
    bool             same = x->ndim == ndim;
    for (int d = 0; d < ndim && same; d++) same = x->shape[d] == shape[d];
    if (same) return HOOP_OK;
    if (x->ndim != ndim) return hoop_fail(s->err, HOOP_ESHAPE, "%s has %d dims, and %d are wanted", what, x->ndim, ndim);
    for (int d = 0; d < ndim; d++)
        if (x->shape[d] != shape[d])
            return hoop_fail(s->err, HOOP_ESHAPE, "%s has %lld in dim %d, and %lld are wanted", what, (long long)x->shape[d], d,
                             (long long)shape[d]);
    return HOOP_OK;
}

hoop_status hoop__channel_check_batch(hoop_shape_call *s, bool batch)
{
    if ((((const channel_attrs *)s->attrs)->batch != 0) == batch) return HOOP_OK;
    return hoop_fail(s->err, HOOP_EARG, "statistics of %s are wanted", batch ? "all samples" : "each sample");
}

/* the first n inputs have samples, in dim 0 */
int hoop__channel_samples(const hoop_samples_call *s, int n)
{
    if (((const channel_attrs *)s->attrs)->batch) return -1;
    for (int i = 0; i < s->nin; i++)
        if (s->axis[i] != (i < n ? 0 : -1)) return -1;
    return 0;
}

/* ---- parts, by threads ---- */

channel_parts hoop__channel_parts(const hoop_call *c)
{
    channel_parts p = {
        .c = c, .z = hoop__channel_sizes(c->in[0], c->attrs), .size = (int64_t)hoop_dtype_size((hoop_dtype)c->in[0]->dtype)};
    p.each  = (p.z.s + HOOP_NORM_ROWS - 1) / HOOP_NORM_ROWS;
    p.joint = c->work;
    p.of    = (char *)c->work + p.z.n * p.each * p.z.c * 16;
    return p;
}
int64_t hoop__channel_workspace(const hoop_call *c)
{
    const channel_parts p = hoop__channel_parts(c);
    return p.z.n * p.each * p.z.c * 16 + PER_CHANNEL * p.z.n * p.z.c * p.size;
}

/* part i: its places, and where they begin in x */
int64_t hoop__channel_part(const channel_parts *p, int64_t i, int64_t *sample, int64_t *at)
{
    const int64_t first = i % p->each * HOOP_NORM_ROWS;
    *sample             = i / p->each;
    *at                 = (*sample * p->z.s + first) * p->z.c * p->size;
    return p->z.s - first < HOOP_NORM_ROWS ? p->z.s - first : HOOP_NORM_ROWS;
}
void hoop__channel_run(channel_parts *p, int64_t arrays, hoop_range_fn *f)
{
    int64_t rows = p->z.s < HOOP_NORM_ROWS ? p->z.s : HOOP_NORM_ROWS;
    if (p->z.c > 0) hoop_threads_share(p->c->threads, p->z.n * p->each, arrays * rows * p->z.c * p->size + 1, 1, f, p);
}

void *hoop__channel_array(const channel_parts *p, int k, int64_t sample)
{
    return p->of + (k * p->z.n + sample) * p->z.c * p->size;
}
void hoop__channel_put(const channel_parts *p, void *to, int64_t i, double v)
{
    if (p->size == 4)
        ((float *)to)[i] = (float)v;
    else
        ((double *)to)[i] = v;
}
/* element i of an input, 1 or 0 where it is not there */
double hoop__channel_in(const channel_parts *p, int k, int64_t i, double absent)
{
    if (k >= p->c->nin) return absent;
    return p->size == 4 ? (double)((const float *)p->c->in[k]->data)[i] : ((const double *)p->c->in[k]->data)[i];
}
const char *hoop__channel_data(const channel_parts *p, int k)
{
    return p->c->in[k]->data;
}

void hoop__channel_apply(const void *ctx, int64_t first, int64_t n)
{
    const channel_parts *p = ctx;
    for (int64_t i = first + n - 1; i >= first; i--) { /* what was summed last is in a cache yet */
        int64_t       sample, at;
        const int64_t rows = hoop__channel_part(p, i, &sample, &at);
        p->c->kernels->norm->apply[p->c->in[0]->dtype](rows, p->z.c, p->z.c, hoop__channel_data(p, 0) + at,
                                                       hoop__channel_array(p, 0, sample), hoop__channel_array(p, 1, sample),
                                                       hoop__channel_array(p, 2, sample), (char *)p->c->out->data + at);
    }
}

/* ---- as primitive ops: x as (N, S, G, C / G), statistics as (N, 1, G, 1) ---- */

hoop_tensor *hoop__channel_groups(hoop_tape *t, hoop_tensor *x, const channel_sizes *z)
{
    return hoop_reshape(t, x, 4, (int64_t[]){z->n, z->s, z->g, z->c / z->g});
}
hoop_tensor *hoop__channel_stats(hoop_tape *t, hoop_tensor *x, const channel_sizes *z)
{
    return hoop_reshape(t, x, 4, (int64_t[]){z->n, 1, z->g, 1});
}
hoop_tensor *hoop__channel_root(hoop_tape *t, hoop_tensor *variance, double eps)
{
    variance = hoop_shift(t, variance, eps);
    variance = hoop_sqrt(t, variance);
    return hoop_reciprocal(t, variance);
}
hoop_tensor *hoop__channel_off_mean(hoop_tape *t, hoop_tensor *x, hoop_tensor *mean, const channel_sizes *z)
{
    x    = hoop__channel_groups(t, x, z);
    mean = hoop__channel_stats(t, mean, z);
    return hoop_sub(t, x, mean);
}
hoop_tensor *hoop__channel_like(hoop_tape *t, hoop_tensor *y, const hoop_tensor *x)
{
    return hoop_reshape(t, y, hoop_tensor_ndim(x), hoop_tensor_shape(x));
}
