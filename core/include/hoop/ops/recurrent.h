/** hoop/ops/recurrent.h - ops: recurrent nets. What holds of all is said in hoop/ops.h, which includes this. */
#ifndef HOOP_OPS_RECURRENT_H
#define HOOP_OPS_RECURRENT_H

#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __cplusplus
}
#endif
#endif
