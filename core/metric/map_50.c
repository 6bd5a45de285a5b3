/* map_50_95, map_50: mean average precision of boxes (hoop/detection.h, which counts them). */
#include "hoop/metric.h"

extern const hoop_metric hoop__metric_map_50_95, hoop__metric_map_50;

static int64_t numbers(int64_t width, const void *opts, int64_t *columns)
{
    (void)opts;
    *columns = 0;
    return width;
}

const hoop_metric hoop__metric_map_50_95 = {
    .name             = "map_50_95",
    .help             = "mean average precision of boxes, the mean over overlaps of 0.5 to 0.95 with true ones",
    .brief            = "mAP",
    .higher_is_better = true,
    .evaluation       = true,
    .boxes            = true,
    .overlap          = -1,
    .numbers          = numbers,
};

const hoop_metric hoop__metric_map_50 = {
    .name             = "map_50",
    .help             = "mean average precision of boxes, at an overlap of 0.5 with true ones",
    .brief            = "mAP50",
    .higher_is_better = true,
    .evaluation       = true,
    .boxes            = true,
    .overlap          = 0,
    .numbers          = numbers,
};
