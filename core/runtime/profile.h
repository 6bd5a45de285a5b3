/** core/runtime/profile.h - the one place where ops run tells the profile of them. */
#ifndef HOOP_PROFILE_INSIDE_H
#define HOOP_PROFILE_INSIDE_H

#include "hoop/op.h"
#include "hoop/profile.h"

/* Around the kernel of an op, where rt->profile is not NULL. */
void hoop__profile_begin(hoop_profile *p, const hoop_op *op, hoop_phase phase, const hoop_call *call);
void hoop__profile_end(hoop_profile *p);

#endif
