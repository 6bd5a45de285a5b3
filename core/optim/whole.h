/** core/optim/whole.h - norms of whole parameters, for optimisers that want them. */
#ifndef HOOP_OPTIM_WHOLE_H
#define HOOP_OPTIM_WHOLE_H

#include "hoop/optim.h"

/** The sum of the squares of x[n], in f64: of blocks of 128 elements (16 lanes and a fixed tree), which are added in order. One
 * update sees all of a parameter, so nothing about ranks or threads can show. */
double hoop__whole_squares(const hoop_optim_call *c, const void *x, int64_t n);

#endif
