/**
 * core/ops/norm/channel.h - what normalises channels: sizes, parts by threads, the same as primitive ops.
 *
 * Rows of the table see images as they lie, channels-last: x (N, S.., C). Batch norm is group norm of all samples as one whose
 * groups are single channels: its N is 1 below, and its S is N times S. Statistics are made of parts of at most HOOP_NORM_ROWS
 * places, which are joined in f64 in their order, so that bits follow from the shape alone.
 */
#ifndef HOOP_OPS_NORM_CHANNEL_H
#define HOOP_OPS_NORM_CHANNEL_H

#include "kernels/norm.h"
#include "ops/norm/norm.h"

typedef struct channel_attrs {
    int64_t groups; /* batch: not looked at */
    double  eps;
    int64_t batch; /* statistics are of all samples */
} channel_attrs;
extern const hoop_field hoop__channel_fields[];
enum { HOOP__CHANNEL_FIELDS = 3 };

typedef struct channel_sizes {
    int64_t n, s, c, g; /* samples, places, channels, groups */
} channel_sizes;

typedef struct channel_parts {
    const hoop_call *c;
    channel_sizes    z;
    int64_t          each, size; /* parts of a sample; bytes of a number */
    double          *joint;      /* two for each channel of each part */
    char            *of;         /* of each channel of each sample, in the dtype: arrays of n * c */
} channel_parts;

channel_sizes hoop__channel_sizes(const hoop_view *x, const channel_attrs *a);
hoop_status   hoop__channel_check_input(hoop_shape_call *s, double eps);
hoop_status   hoop__channel_check(hoop_shape_call *s);
hoop_status   hoop__channel_check_dims(hoop_shape_call *s, int i, int ndim, const int64_t *shape, const char *what);
hoop_status   hoop__channel_check_batch(hoop_shape_call *s, bool batch);
int           hoop__channel_samples(const hoop_samples_call *s, int n);
channel_parts hoop__channel_parts(const hoop_call *c);
int64_t       hoop__channel_workspace(const hoop_call *c);
int64_t       hoop__channel_part(const channel_parts *p, int64_t i, int64_t *sample, int64_t *at);
void          hoop__channel_run(channel_parts *p, int64_t arrays, hoop_range_fn *f);
void         *hoop__channel_array(const channel_parts *p, int k, int64_t sample);
void          hoop__channel_put(const channel_parts *p, void *to, int64_t i, double v);
double        hoop__channel_in(const channel_parts *p, int k, int64_t i, double absent);
const char   *hoop__channel_data(const channel_parts *p, int k);
void          hoop__channel_apply(const void *ctx, int64_t first, int64_t n);
hoop_tensor  *hoop__channel_groups(hoop_tape *t, hoop_tensor *x, const channel_sizes *z);
hoop_tensor  *hoop__channel_stats(hoop_tape *t, hoop_tensor *x, const channel_sizes *z);
hoop_tensor  *hoop__channel_root(hoop_tape *t, hoop_tensor *variance, double eps);
hoop_tensor  *hoop__channel_off_mean(hoop_tape *t, hoop_tensor *x, hoop_tensor *mean, const channel_sizes *z);
hoop_tensor  *hoop__channel_like(hoop_tape *t, hoop_tensor *y, const hoop_tensor *x);

#endif
