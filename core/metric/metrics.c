/* The table of metrics. */
#include "hoop/metric.h"

#include <string.h>

#define HOOP_METRIC(name) extern const hoop_metric hoop__metric_##name;
#include "metric/metrics.def"
#undef HOOP_METRIC

static const hoop_metric *const kinds[] = {
#define HOOP_METRIC(name) &hoop__metric_##name,
#include "metric/metrics.def"
#undef HOOP_METRIC
};

const hoop_metric *hoop_metric_get(int i)
{
    return i >= 0 && i < (int)(sizeof kinds / sizeof kinds[0]) ? kinds[i] : NULL;
}

const hoop_metric *hoop_metric_find(const char *name)
{
    const hoop_metric *k;
    for (int i = 0; (k = hoop_metric_get(i)) != NULL; i++) {
        if (strcmp(k->name, name) == 0) return k;
    }
    return NULL;
}
