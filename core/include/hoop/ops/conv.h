/** hoop/ops/conv.h - ops: convolutions. What holds of all is said in hoop/ops.h, which includes this. */
#ifndef HOOP_OPS_CONV_H
#define HOOP_OPS_CONV_H

#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __cplusplus
}
#endif
#endif
