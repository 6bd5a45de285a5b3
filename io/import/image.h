/** io/import/image.h - one picture of a PNG or JPEG file. */
#ifndef HOOP_IO_IMAGE_H
#define HOOP_IO_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/status.h"

typedef struct hoop_image {
    int            height, width, channels; /* channels: 3, or 1 of grey ones */
    unsigned char *pixel;                   /* (height, width, channels) */
    int64_t        room;
} hoop_image;

enum { HOOP_IMAGE_SIDE = 1 << 16 };
enum { HOOP_IMAGE_PIXELS = 1 << 28 };
enum { HOOP_IMAGE_WIDE = HOOP_IMAGE_PIXELS / 8 }; /* of the rows that stand between two sizes, which are f64 */

/** Decode a file into *out, whose memory is used again. Alpha is left out, 16 bits are cut to 8, an orientation of EXIF is not
 * looked at. Errors: HOOP_EIO (cannot be read, HOOP_ENOMEM), HOOP_EFORMAT (neither of both, broken). */
hoop_status hoop__image_read(const char *path, bool grey, hoop_error *err, hoop_image *out);
/** The part `crop` (of from) to the size of `to`, whose pixels are there: weights fall off linearly over as many pixels of `from`
 * as one of `to` covers, at least two (PIL's BILINEAR). */
typedef struct hoop_image_part {
    double top, left, height, width;
} hoop_image_part;
hoop_status hoop__image_resize(const hoop_image *from, hoop_image_part crop, hoop_image *to, hoop_error *err);
/** Pixels for this size, in what *i has. */
hoop_status hoop__image_room(hoop_image *i, int height, int width, int channels, hoop_error *err);
void        hoop__image_free(hoop_image *i);

#endif
