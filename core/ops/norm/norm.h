/** core/ops/norm/norm.h - what the ops that normalise share. */
#ifndef HOOP_OPS_NORM_INTERNAL_H
#define HOOP_OPS_NORM_INTERNAL_H

#include "ops/shape.h"

/* 0 stands for the fallback, HOOP_ZERO for 0 */
double      hoop__norm_eps(double eps, double fallback);
hoop_status hoop__norm_check_eps(hoop_shape_call *s, double eps);
hoop_status hoop__norm_check_dtypes(hoop_shape_call *s); /* of all inputs: one, f32 or f64 */

#endif
