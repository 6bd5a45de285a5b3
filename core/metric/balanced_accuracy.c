/* balanced_accuracy: mean of the recall of classes that there are; of targets of 0 and 1 that of both, its mean over values. */
#include "metric/classes.h"

#include <math.h>

extern const hoop_metric hoop__metric_balanced_accuracy;

static double value(const double *sums, int64_t width, const void *opts)
{
    const double rows  = sums[HOOP__CLASS_SUMS * width];
    double       total = 0, seen = 0;
    (void)opts;
    for (int64_t i = 0; i < width; i++) {
        const double right = sums[HOOP__RIGHT * width + i], said = sums[HOOP__SAID * width + i],
                     wanted = sums[HOOP__WANTED * width + i];
        double own = 0, sides = 0;
        if (wanted > 0) own += right / wanted, sides++;
        if (rows > 0 && rows > wanted) own += (rows - said - wanted + right) / (rows - wanted), sides++;
        if (sides > 0) total += own / sides, seen++;
    }
    return seen > 0 ? total / seen : (double)NAN;
}

const hoop_metric hoop__metric_balanced_accuracy = {
    .name             = "balanced_accuracy",
    .help             = "mean of the recall of classes",
    .brief            = "bal",
    .labels           = true,
    .binary           = true,
    .counts           = true,
    .evaluation       = true,
    .higher_is_better = true,
    .sums             = hoop__class_sums,
    .add              = hoop__class_add,
    .value            = value,
};
