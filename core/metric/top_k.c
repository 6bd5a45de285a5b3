/* top_k: labels whose logit is among the k largest; of equal ones the first count more. */
#include "metric/share.h"

#include <math.h>

extern const hoop_metric hoop__metric_top_k;

typedef struct top_k_opts {
    int64_t k;
} top_k_opts;
static const hoop_option rows[] = {
    {"k", HOOP_OPT_INT, offsetof(top_k_opts, k), "5", 1, 1e9, NULL, false, "how many of the largest"},
};

/* how many logits are before that of the label; all, if any is NaN */
static int64_t rank(const hoop_metric_call *c, int64_t row, int64_t label)
{
    const double own    = hoop_metric_at(c->out, c->out_dtype, row * c->width + label);
    int64_t      before = 0;
    for (int64_t j = 0; j < c->width; j++) {
        const double v = hoop_metric_at(c->out, c->out_dtype, row * c->width + j);
        if (isnan(v)) return c->width;
        before += v > own || (v == own && j < label);
    }
    return before;
}

static bool is_right(const hoop_metric_call *c, int64_t row, int64_t label)
{
    const int64_t before = rank(c, row, label);
    return before < ((const top_k_opts *)c->opts)->k && before < c->width;
}

static void add(const hoop_metric_call *c, double *sums)
{
    hoop__share_add(c, is_right, sums);
}

const hoop_metric hoop__metric_top_k = {
    .name             = "top_k",
    .help             = "share of labels among the k most probable classes",
    .brief            = "top",
    .nsums            = HOOP__SHARE_SUMS,
    .labels           = true,
    .counts           = true,
    .higher_is_better = true,
    .options          = HOOP_OPTIONS(rows),
    .opts_size        = sizeof(top_k_opts),
    .add              = add,
    .value            = hoop__share_value,
    .format           = hoop__share_format,
};
