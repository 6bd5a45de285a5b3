/** hoop/ops/attention.h - ops: attention. What holds of all is said in hoop/ops.h, which includes this. */
#ifndef HOOP_OPS_ATTENTION_H
#define HOOP_OPS_ATTENTION_H

#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __cplusplus
}
#endif
#endif
