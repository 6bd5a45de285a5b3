/**
 * hoop/profile.h - where the time goes: by op, forward and backward apart, and by named spans for what is no op.
 *
 *     hoop_profile_create(rt, err, &p);
 *     hoop_profile_start(p);
 *     ... steps ...
 *     hoop_profile_stop(p);
 *     n = hoop_profile_rows(p, &rows);
 *     hoop_profile_destroy(&p);
 *
 * It is the wall time of the thread that started it, and each moment of it lies in one row: an op's, that of the innermost span
 * under way, or the first, "other". So the rows add up to the time between start and stop. What other threads do meanwhile is not
 * looked at. Without a profile an op costs the test of a pointer more. Nothing is allocated between create and destroy.
 */
#ifndef HOOP_PROFILE_H
#define HOOP_PROFILE_H

#include <stdint.h>

#include "hoop/runtime.h"
#include "hoop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_profile hoop_profile;

/** Forward, backward, or neither: what a step does besides. */
typedef enum hoop_phase { HOOP_PHASE_FORWARD, HOOP_PHASE_BACKWARD, HOOP_PHASE_OTHER } hoop_phase;

typedef struct hoop_profile_row {
    const char *name; /* of the op or span */
    hoop_phase  phase;
    bool        op;
    int64_t     calls;
    double      seconds; /* in all calls, without what began inside them */
    double      flops;   /* of products; 0: the op is none */
    double      bytes;   /* read and written; 0: not known */
} hoop_profile_row;

/** A profile of what runs on rt, which outlives it. Owns: caller. Errors: HOOP_ENOMEM. Calls: Local. */
HOOP_API hoop_status hoop_profile_create(hoop_runtime *rt, hoop_error *err, hoop_profile **out);
/** Stops it first. Calls: Local. */
HOOP_API void hoop_profile_destroy(hoop_profile **p);

/** Look at what this thread does from here on, until stop; once more: more is added. Of several profiles of a runtime the one
 * that was started last does. Calls: Local. */
HOOP_API void hoop_profile_start(hoop_profile *p);
HOOP_API void hoop_profile_stop(hoop_profile *p);
/** How many rows there are, and these: "other", then as they first came; valid until start or destroy. Calls: Local. */
HOOP_API int hoop_profile_rows(hoop_profile *p, const hoop_profile_row **rows);

/** A span begins: a part of the step that is no op, which reads and writes so many bytes (0: not known). `what` outlives the
 * profile. Spans may nest. Without effect where nothing profiles rt (or rt is NULL), and on other threads than the profile's.
 * Calls: Local. */
HOOP_API void hoop_profile_begin(const hoop_runtime *rt, const char *what, hoop_phase phase, double bytes);
/** The last one begun ends. Calls: Local. */
HOOP_API void hoop_profile_end(const hoop_runtime *rt);

#ifdef __cplusplus
}
#endif
#endif
