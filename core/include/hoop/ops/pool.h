/** hoop/ops/pool.h - ops: pooling, resampling. What holds of all is said in hoop/ops.h, which includes this. */
#ifndef HOOP_OPS_POOL_H
#define HOOP_OPS_POOL_H

#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __cplusplus
}
#endif
#endif
