/** metric/classes.h - what metrics of classes are made of: of each class how often it was right, said, and so. */
#ifndef HOOP_METRIC_CLASSES_H
#define HOOP_METRIC_CLASSES_H

#include "hoop/metric.h"

/** The sums: right, said and wanted of each class, then the rows of targets that are 0 and 1, each value a class for itself. */
enum { HOOP__RIGHT, HOOP__SAID, HOOP__WANTED, HOOP__CLASS_SUMS };
int64_t hoop__class_sums(int64_t width, const void *opts);
void    hoop__class_add(const hoop_metric_call *c, double *sums);

/** How numbers of classes become one. */
typedef enum hoop__average { HOOP__MACRO, HOOP__MICRO, HOOP__WEIGHTED, HOOP__BINARY, HOOP__BY_CLASS } hoop__average;
extern const char *const hoop__averages[];
typedef struct hoop__average_opts {
    int average;
} hoop__average_opts;
#define HOOP__AVERAGE_ROW                                                                                                        \
    {                                                                                                                            \
        "average", HOOP_OPT_ENUM, offsetof(hoop__average_opts, average), "macro", 0, 0, hoop__averages, false,                   \
            "macro: mean over classes; micro: of all together; weighted: by how often each is so; binary: class 1; none: each"   \
    }

/** A number of one class: of right, said, wanted. 0 where it is 0 / 0. */
typedef double hoop__class_fn(double right, double said, double wanted);
double         hoop__class_average(const double *sums, int64_t width, const void *opts, hoop__class_fn *fn);
void           hoop__class_list(const double *sums, int64_t width, hoop__class_fn *fn, double *out);
int64_t        hoop__class_numbers(int64_t width, const void *opts, int64_t *columns);

/** The class with the largest of n values from `first` on, the first of equal ones; -1 if any is NaN. */
int64_t hoop__class_said(const void *values, hoop_dtype dtype, int64_t first, int64_t n);

#endif
