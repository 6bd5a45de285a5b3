/* confusion: what was taken for what, rows being what is so. */
#include "metric/classes.h"

#include <math.h>

extern const hoop_metric hoop__metric_confusion;

typedef struct confusion_opts {
    int normalize;
} confusion_opts;
enum { NONE, BY_TRUE, BY_PRED, BY_ALL };
static const char *const norms[] = {"none", "true", "pred", "all", NULL};
static const hoop_option rows[]  = {
     {"normalize", HOOP_OPT_ENUM, offsetof(confusion_opts, normalize), "none", 0, 0, norms, false,
      "counts; or shares of each row (true), of each column (pred), of all"},
};

static int64_t count_sums(int64_t width, const void *opts)
{
    (void)opts;
    return width * width;
}

static void add(const hoop_metric_call *c, double *sums)
{
    const int64_t *label = c->target;
    for (int64_t i = 0; i < c->rows; i++) {
        int64_t said;
        if (label[i] < 0 || label[i] >= c->width) continue; /* ignored, or refused by the loss */
        said = hoop__class_said(c->out, c->out_dtype, i * c->width, c->width);
        if (said >= 0) sums[label[i] * c->width + said] += 1;
    }
}

static double value(const double *sums, int64_t width, const void *opts)
{
    (void)sums, (void)width, (void)opts;
    return (double)NAN;
}

static int64_t numbers(int64_t width, const void *opts, int64_t *columns)
{
    (void)opts;
    *columns = width;
    return width * width;
}

static double total(const double *sums, int64_t n, int64_t step)
{
    double t = 0;
    for (int64_t i = 0; i < n; i++) t += sums[i * step];
    return t;
}

static void list(const double *sums, int64_t width, const void *opts, double *out)
{
    const int how = ((const confusion_opts *)opts)->normalize;
    for (int64_t i = 0; i < width * width; i++) {
        const double by = how == NONE      ? 1
                          : how == BY_TRUE ? total(sums + i / width * width, width, 1)
                          : how == BY_PRED ? total(sums + i % width, width, width)
                                           : total(sums, width * width, 1);
        out[i]          = by > 0 ? sums[i] / by : 0;
    }
}

const hoop_metric hoop__metric_confusion = {
    .name       = "confusion",
    .help       = "how often each class was taken for each: a row of what is so, a column of what was said",
    .brief      = "confusion",
    .labels     = true,
    .counts     = true,
    .evaluation = true,
    .options    = HOOP_OPTIONS(rows),
    .opts_size  = sizeof(confusion_opts),
    .sums       = count_sums,
    .add        = add,
    .value      = value,
    .numbers    = numbers,
    .list       = list,
};
