/* perplexity: e to the mean of minus the log-probabilities of labels. */
#include "hoop/metric.h"
#include "hoop/ops.h"
#include "kernels/vmath64.h"

extern const hoop_metric hoop__metric_perplexity;

enum { LOSS, COUNTED, SUMS };

static void add(const hoop_metric_call *c, double *sums)
{
    const int64_t *label = c->target;
    for (int64_t i = 0; i < c->rows; i++) {
        double m = -(double)INFINITY, s = 0;
        if (label[i] < 0 || label[i] >= c->width) continue; /* ignored, or refused by the loss */
        for (int64_t j = 0; j < c->width; j++) {
            const double v = hoop_metric_at(c->out, c->out_dtype, i * c->width + j);
            m              = v > m || v != v ? v : m;
        }
        for (int64_t j = 0; j < c->width; j++) s += v_exp_f64(hoop_metric_at(c->out, c->out_dtype, i * c->width + j) - m);
        sums[LOSS] += v_log_f64(s) - (hoop_metric_at(c->out, c->out_dtype, i * c->width + label[i]) - m);
        sums[COUNTED] += 1;
    }
}

static double value(const double *sums, int64_t width, const void *opts)
{
    (void)width, (void)opts;
    return sums[COUNTED] > 0 ? v_exp_f64(sums[LOSS] / sums[COUNTED]) : (double)NAN;
}

const hoop_metric hoop__metric_perplexity = {
    .name       = "perplexity",
    .help       = "e to the mean of minus the log-probabilities of labels",
    .brief      = "ppl",
    .nsums      = SUMS,
    .labels     = true,
    .evaluation = true,
    .add        = add,
    .value      = value,
};
