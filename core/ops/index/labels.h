/** ops/index/labels.h - labels i64 of classes. */
#ifndef HOOP_OPS_INDEX_LABELS_H
#define HOOP_OPS_INDEX_LABELS_H

#include "ops/shape.h"

/* Are all from 0 to classes - 1, or HOOP_IGNORE_LABEL? HOOP_ERANGE names one that is not. */
hoop_status hoop__check_labels(const hoop_view *label, int64_t classes, hoop_error *err);

#endif
