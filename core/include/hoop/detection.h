/**
 * hoop/detection.h - mean average precision of boxes that a detector found: mAP at an overlap, and over overlaps of 0.5 to 0.95.
 *
 * Images are added one by one, on any rank, in any order; what ranks have is merged as bytes. The value is a function of the set
 * of images alone, so that it is the same for any number of ranks.
 */
#ifndef HOOP_DETECTION_H
#define HOOP_DETECTION_H

#include <stdint.h>

#include "hoop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HOOP_DETECTION_OVERLAPS = 10,
    HOOP_DETECTION_MOST     = 100
}; /* 0.50, 0.55, ... 0.95; boxes of an image that count, the best */

typedef struct hoop_box {
    double  x1, y1, x2, y2; /* corners, x1 <= x2, y1 <= y2 */
    int64_t label;          /* its class */
    double  score;          /* of a box that was found */
} hoop_box;

typedef struct hoop_detections hoop_detections;

/** Of so many classes. Owns: caller. Errors: HOOP_EARG, HOOP_ENOMEM. Calls: Local. */
HOOP_API hoop_status hoop_detections_create(int64_t classes, hoop_error *err, hoop_detections **out);
HOOP_API void        hoop_detections_destroy(hoop_detections **d);
/**
 * Add an image, by a number that no other has: the boxes found in it and the true ones. A true box is found by the best that
 * overlaps it enough and is not taken by a better one. Errors: HOOP_ERANGE (a label, a box inside out, a score that is no
 * number), HOOP_ENOMEM. Calls: Local.
 */
HOOP_API hoop_status hoop_detections_add(hoop_detections *d, int64_t image, const hoop_box *found, int64_t nfound,
                                         const hoop_box *real, int64_t nreal, hoop_error *err);
/** All of it as bytes, to be sent to other ranks, d's until it is changed; and to add what others have. Errors: HOOP_EARG (they
 * are of other classes, or none), HOOP_ENOMEM. Calls: Local. */
HOOP_API hoop_status hoop_detections_bytes(hoop_detections *d, hoop_error *err, const void **bytes, int64_t *n);
HOOP_API hoop_status hoop_detections_merge(hoop_detections *d, const void *bytes, int64_t n, hoop_error *err);
/** Average precision of a class (-1: the mean over classes that have true boxes) at overlap 0.5 + 0.05 k (k = -1: the mean over
 * all ten), precision interpolated at 101 recalls as COCO does. NaN: no box is true. Calls: Local. */
HOOP_API double hoop_detections_value(hoop_detections *d, int64_t label, int k);

#ifdef __cplusplus
}
#endif
#endif
