/** pictures/palette.h - colours that people who see red and green alike can tell apart. */
#ifndef HOOP_PICTURES_PALETTE_H
#define HOOP_PICTURES_PALETTE_H

#include "pictures/canvas.h"

#define PAPER ((colour){255, 255, 255})
#define INK ((colour){24, 24, 24})
#define FAINT ((colour){205, 205, 205})
#define RIGHT ((colour){0, 114, 178}) /* blue */
#define WRONG ((colour){213, 94, 0})  /* vermilion */

/** Of class i: eight (Okabe and Ito, 2008), then the same darker. */
colour palette_class(int64_t i);
/** From dark blue (0) over green to light yellow (1), lighter all the way: so in grey, too. */
colour palette_heat(double v);
/** From blue (-1) over white (0) to orange (1). */
colour palette_signed(double v);
/** As light, without colour. */
colour palette_grey(colour k);
/** Of both, `share` of b. */
colour palette_mix(colour a, colour b, double share);

#endif
