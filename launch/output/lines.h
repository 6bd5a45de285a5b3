/**
 * output/lines.h - metrics.jsonl: one JSON object a line, the first key "step". A run that resumes after step S drops the
 * lines of later steps (and a line a kill cut in half), so that no step stands twice: what a checkpoint covers is to be flushed
 * before it is there. Used by one rank.
 */
#ifndef HOOP_OUTPUT_LINES_H
#define HOOP_OUTPUT_LINES_H

#include <stdint.h>

#include "hoop/status.h"

/** REAL: all its digits; FIXED: six decimals, for times; JSON: `json` as it is, on one line */
typedef enum hoop__metric_type { HOOP__METRIC_REAL, HOOP__METRIC_INT, HOOP__METRIC_FIXED, HOOP__METRIC_JSON } hoop__metric_type;

typedef struct hoop__metric {
    const char       *target; /* "target." before the key; NULL: nothing */
    const char       *before; /* the same of "before" alone, such as validation_; NULL: nothing */
    const char       *name;   /* letters, digits, _ */
    hoop__metric_type type;
    double            real; /* NaN and infinities are written as "NaN", "Infinity", "-Infinity": JSON has no number for them */
    int64_t           integer;
    const char       *json;
} hoop__metric;

typedef struct hoop__metrics hoop__metrics;

/** Open or create; lines of steps after `keep_until` go (-1: all). Errors: HOOP_EIO, HOOP_ENOMEM. */
hoop_status hoop__metrics_open(const char *path, int64_t keep_until, hoop_error *err, hoop__metrics **out);
/** One more line, kept until flush. */
void hoop__metrics_write(hoop__metrics *m, int64_t step, const hoop__metric *list, int n);
/** Append the lines that were kept, all or none, readable at once by others. */
hoop_status hoop__metrics_flush(hoop__metrics *m, hoop_error *err);
/** Flush, sync and close; *m is destroyed whatever is returned. */
hoop_status hoop__metrics_close(hoop__metrics **m, hoop_error *err);

#endif
