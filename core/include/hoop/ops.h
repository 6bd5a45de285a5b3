/**
 * hoop/ops.h - the ops: each returns a tape tensor, never NULL; a failure sticks to the tape and gives poison.
 *
 * Inputs are tensors of this tape or persistent ones. Binary ops broadcast as NumPy does. No dtype is promoted: hoop_cast. A line
 * an op: shapes, its gradient (dx: what is added to that of x), dtypes, errors; HOOP_EARG (an input that is NULL),
 * HOOP_ERELEASED, HOOP_ESIZE and HOOP_ENOMEM are possible everywhere. Values and sources stand above the code in core/ops. All
 * calls: Local.
 */
#ifndef HOOP_OPS_H
#define HOOP_OPS_H

#include "hoop/ops/attention.h"
#include "hoop/ops/conv.h"
#include "hoop/ops/elementwise.h"
#include "hoop/ops/index.h"
#include "hoop/ops/linear.h"
#include "hoop/ops/loss.h"
#include "hoop/ops/norm.h"
#include "hoop/ops/pool.h"
#include "hoop/ops/random.h"
#include "hoop/ops/recurrent.h"
#include "hoop/ops/reduce.h"
#include "hoop/random.h"

#ifndef HOOP_NO_LOCATIONS
#include "hoop/op_lines.h" /* errors name the line of the call: made from the prototypes of these headers when hoop is built */
#endif
#endif
