/* map_50_95, map_50: mean average precision of boxes (hoop/detection.h, which counts them). */
#include "hoop/metric.h"

extern const hoop_metric hoop__metric_map_50_95, hoop__metric_map_50;

typedef struct map_opts {
    int average;
} map_opts;
enum { MACRO, NONE };
static const char *const averages[] = {"macro", "none", NULL};
static const hoop_option rows[]     = {{"average", HOOP_OPT_ENUM, offsetof(map_opts, average), "macro", 0, 0, averages, false,
                                        "the mean over classes that have boxes; none: a number for each class", NULL}};

static int64_t numbers(int64_t width, const void *opts, int64_t *columns)
{
    *columns = 0;
    return ((const map_opts *)opts)->average == NONE ? width : 0;
}

const hoop_metric hoop__metric_map_50_95 = {
    .name             = "map_50_95",
    .help             = "mean average precision of boxes, the mean over overlaps of 0.5 to 0.95 with true ones",
    .brief            = "mAP",
    .higher_is_better = true,
    .evaluation       = true,
    .boxes            = true,
    .overlap          = -1,
    .options          = HOOP_OPTIONS(rows),
    .opts_size        = sizeof(map_opts),
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
    .options          = HOOP_OPTIONS(rows),
    .opts_size        = sizeof(map_opts),
    .numbers          = numbers,
};
