/** output/sums.h - the numbers of a step or an evaluation in words, by target where there are several. */
#ifndef HOOP_OUTPUT_SUMS_H
#define HOOP_OUTPUT_SUMS_H

#include "hoop/train.h"

enum { HOOP__SUMS_TEXT = 160 };

/** A metric's value in its own format: "98.41%". Returns out. */
const char *hoop__metric_text(const hoop_metric_value *v, char *out, size_t size);
/** What is said behind the loss: "accuracy 97.21%"; of several targets each by its name, "p 0.0123  kind 0.4567 accuracy 97.21%".
 *  `brief`: "acc 97.21%". Targets that find no room are not told of. "": there is nothing to say. Returns out. */
const char *hoop__sums_text(const hoop_metrics_sums *s, bool brief, char out[HOOP__SUMS_TEXT]);
/** Loss of all; NaN: nothing was seen. */
double hoop__sums_loss(const hoop_metrics_sums *s);

#endif
