/* What metrics of classes are made of (classes.h), and precision, recall, f1, miou. */
#include "metric/classes.h"

#include "hoop/ops.h"

#include <math.h>

extern const hoop_metric hoop__metric_precision, hoop__metric_recall, hoop__metric_f1, hoop__metric_miou;

const char *const hoop__averages[] = {"macro", "micro", "weighted", "binary", "none", NULL};

int64_t hoop__class_sums(int64_t width, const void *opts)
{
    (void)opts;
    return HOOP__CLASS_SUMS * width + 1;
}

int64_t hoop__class_said(const void *values, hoop_dtype dtype, int64_t first, int64_t n)
{
    int64_t best = 0;
    for (int64_t c = 0; c < n; c++) {
        const double v = hoop_metric_at(values, dtype, first + c);
        if (isnan(v)) return -1;
        if (v > hoop_metric_at(values, dtype, first + best)) best = c;
    }
    return best;
}

static void count(double *sums, int64_t width, int64_t said, int64_t wanted)
{
    if (said >= 0) sums[HOOP__SAID * width + said] += 1;
    if (wanted >= 0) sums[HOOP__WANTED * width + wanted] += 1;
    if (said >= 0 && said == wanted) sums[HOOP__RIGHT * width + said] += 1;
}

void hoop__class_add(const hoop_metric_call *c, double *sums)
{
    const int64_t *label = c->target;
    if (c->target_dtype == HOOP_I64) {
        for (int64_t i = 0; i < c->rows; i++) {
            if (label[i] < 0 || label[i] >= c->width) continue; /* ignored, or refused by the loss */
            count(sums, c->width, hoop__class_said(c->out, c->out_dtype, i * c->width, c->width), label[i]);
        }
        return;
    }
    for (int64_t i = 0; i < c->rows; i++)
        for (int64_t j = c->first; j < c->first + c->count; j++)
            count(sums, c->width, hoop_metric_says(c, i, j) == 1 ? j : -1, hoop_metric_wants(c, i, j) ? j : -1);
    sums[HOOP__CLASS_SUMS * c->width] += (double)c->rows;
}

/* Is there such a class? Of labels those that are neither said nor so are none. */
static bool counts(const double *sums, int64_t width, int64_t i)
{
    return sums[HOOP__CLASS_SUMS * width] > 0 || sums[HOOP__SAID * width + i] + sums[HOOP__WANTED * width + i] > 0;
}

static double of_class(const double *sums, int64_t width, int64_t i, hoop__class_fn *fn)
{
    return fn(sums[HOOP__RIGHT * width + i], sums[HOOP__SAID * width + i], sums[HOOP__WANTED * width + i]);
}

double hoop__class_average(const double *sums, int64_t width, const void *opts, hoop__class_fn *fn)
{
    const int how   = ((const hoop__average_opts *)opts)->average;
    double    total = 0, weight = 0, all[HOOP__CLASS_SUMS] = {0};
    if (how == HOOP__BINARY) return width == 1 || width == 2 ? of_class(sums, width, width - 1, fn) : (double)NAN;
    if (how == HOOP__BY_CLASS) return (double)NAN;
    for (int64_t i = 0; i < width; i++) {
        const double w = how == HOOP__WEIGHTED ? sums[HOOP__WANTED * width + i] : 1;
        for (int k = 0; k < HOOP__CLASS_SUMS; k++) all[k] += sums[k * width + i];
        if (!counts(sums, width, i)) continue;
        total += w * of_class(sums, width, i, fn);
        weight += w;
    }
    if (how == HOOP__MICRO && weight > 0) return fn(all[HOOP__RIGHT], all[HOOP__SAID], all[HOOP__WANTED]);
    return weight > 0 ? total / weight : (double)NAN;
}

void hoop__class_list(const double *sums, int64_t width, hoop__class_fn *fn, double *out)
{
    for (int64_t i = 0; i < width; i++) out[i] = counts(sums, width, i) ? of_class(sums, width, i, fn) : (double)NAN;
}

int64_t hoop__class_numbers(int64_t width, const void *opts, int64_t *columns)
{
    *columns = 0;
    return ((const hoop__average_opts *)opts)->average == HOOP__BY_CLASS ? width : 0;
}

/* ---- the metrics ---- */

static double part(double of, double all)
{
    return all > 0 ? of / all : 0;
}
static double precision(double right, double said, double wanted)
{
    (void)wanted;
    return part(right, said);
}
static double recall(double right, double said, double wanted)
{
    (void)said;
    return part(right, wanted);
}
static double f1(double right, double said, double wanted)
{
    return part(2 * right, said + wanted);
}
static double iou(double right, double said, double wanted)
{
    return part(right, said + wanted - right);
}

static const hoop_option rows[] = {HOOP__AVERAGE_ROW};

static const char *fits(int64_t width, const void *opts)
{
    return ((const hoop__average_opts *)opts)->average != HOOP__BINARY || width <= 2 ? NULL : "two classes or one value";
}

#define CLASS_METRIC(word, function, text)                                                                                       \
    static double word##_value(const double *sums, int64_t width, const void *opts)                                              \
    {                                                                                                                            \
        return hoop__class_average(sums, width, opts, function);                                                                 \
    }                                                                                                                            \
    static void word##_list(const double *sums, int64_t width, const void *opts, double *out)                                    \
    {                                                                                                                            \
        (void)opts;                                                                                                              \
        hoop__class_list(sums, width, function, out);                                                                            \
    }                                                                                                                            \
    const hoop_metric hoop__metric_##word = {                                                                                    \
        .name             = #word,                                                                                               \
        .help             = text,                                                                                                \
        .brief            = #word,                                                                                               \
        .labels           = true,                                                                                                \
        .binary           = true,                                                                                                \
        .counts           = true,                                                                                                \
        .evaluation       = true,                                                                                                \
        .higher_is_better = true,                                                                                                \
        .options          = HOOP_OPTIONS(rows),                                                                                  \
        .opts_size        = sizeof(hoop__average_opts),                                                                          \
        .sums             = hoop__class_sums,                                                                                    \
        .fits             = fits,                                                                                                \
        .add              = hoop__class_add,                                                                                     \
        .value            = word##_value,                                                                                        \
        .numbers          = hoop__class_numbers,                                                                                 \
        .list             = word##_list,                                                                                         \
    }
CLASS_METRIC(precision, precision, "share of what was said to be a class that is");
CLASS_METRIC(recall, recall, "share of what is a class that was said to be");
CLASS_METRIC(f1, f1, "harmonic mean of precision and recall");
CLASS_METRIC(miou, iou, "intersection over union of what was said to be a class and what is, its mean over classes");
