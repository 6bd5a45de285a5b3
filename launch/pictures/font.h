/** pictures/font.h - letters of ASCII as dots: rows from the top, the leftmost dot in the highest of five bits. The last two rows
 *  are below the line that letters stand on. */
#ifndef HOOP_PICTURES_FONT_H
#define HOOP_PICTURES_FONT_H

enum { FONT_FIRST = ' ', FONT_LAST = '~', FONT_WIDTH = 5, FONT_HEIGHT = 9 };

extern const unsigned char font_rows[FONT_LAST - FONT_FIRST + 1][FONT_HEIGHT];

#endif
