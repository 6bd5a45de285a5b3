/** ops/loss/classes.h - what losses of classes share: logits (..., C) and labels i64 (...). */
#ifndef HOOP_OPS_LOSS_CLASSES_H
#define HOOP_OPS_LOSS_CLASSES_H

#include "ops/index/labels.h"

/* are inputs 0 and 1 such? */
hoop_status hoop__check_logits(hoop_shape_call *s);
/* (...) -> (..., 1) */
hoop_tensor *hoop__with_last_dim(hoop_tape *t, hoop_tensor *x);
/* in second derivatives: to the gradient of input 0, logits, what comes through their log-sum-exp */
void hoop__lse_backward(hoop_backward_call *b, hoop_tensor *lse, hoop_tensor *dlse);

#endif
