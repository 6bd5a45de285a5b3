/* relative_l2: the norm of a row's errors over that of its targets, its mean over rows whose targets are not all 0; or, of rows
 * that are points of one solution, the norms over all of them. */
#include "hoop/metric.h"

#include <math.h>

extern const hoop_metric hoop__metric_relative_l2;

typedef struct relative_l2_opts {
    int over;
} relative_l2_opts;

enum { EACH_ROW, ALL };
static const char *const overs[] = {"rows", "all", NULL};
static const hoop_option rows[]  = {
     {"over", HOOP_OPT_ENUM, offsetof(relative_l2_opts, over), "rows", 0, 0, overs, false,
      "rows: of each row, then the mean; all: of all rows as one"},
};

enum { RATIOS, ROWS, ERRORS, SIZES, SUMS };

static void add(const hoop_metric_call *c, double *sums)
{
    for (int64_t i = 0; i < c->rows; i++) {
        double errors = 0, size = 0;
        for (int64_t j = c->first; j < c->first + c->count; j++) {
            const double e = hoop_metric_error(c, i, j), want = hoop_metric_at(c->target, c->target_dtype, i * c->width + j);
            errors += e * e;
            size += want * want;
        }
        sums[ERRORS] += errors;
        sums[SIZES] += size;
        if (size == 0) continue;
        sums[RATIOS] += sqrt(errors / size);
        sums[ROWS] += 1;
    }
}

static double value(const double *sums, int64_t width, const void *opts)
{
    (void)width;
    if (opts != NULL && ((const relative_l2_opts *)opts)->over == ALL)
        return sums[SIZES] > 0 ? sqrt(sums[ERRORS] / sums[SIZES]) : (double)NAN;
    return sums[ROWS] > 0 ? sums[RATIOS] / sums[ROWS] : (double)NAN;
}

const hoop_metric hoop__metric_relative_l2 = {
    .name       = "relative_l2",
    .help       = "norm of errors over norm of targets, of each row or of all",
    .brief      = "rel",
    .nsums      = SUMS,
    .options    = HOOP_OPTIONS(rows),
    .opts_size  = sizeof(relative_l2_opts),
    .evaluation = true,
    .add        = add,
    .value      = value,
};
