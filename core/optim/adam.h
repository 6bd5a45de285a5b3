/** core/optim/adam.h - what adam and its kin share. */
#ifndef HOOP_ADAM_H
#define HOOP_ADAM_H

#include "hoop/optim.h"

enum { HOOP__ADAM_ROWS = 7 };
extern const hoop_option hoop__adam_rows[HOOP__ADAM_ROWS]; /* of a hoop_adam_opts */

/** The two moments as states, of whatever options; adam and adamw may keep a third. */
int hoop__moments(const void *opts, const char **names);
int hoop__adam_states(const void *opts, const char **names);
/** decoupled: weight decay shrinks the weights; else it joins the gradient. */
void hoop__adam_update(const hoop_optim_call *c, bool decoupled);

#endif
