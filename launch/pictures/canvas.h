/** pictures/canvas.h - pixels, and what is drawn on them. Nothing here can fail but making one: what lies outside is left out. */
#ifndef HOOP_PICTURES_CANVAS_H
#define HOOP_PICTURES_CANVAS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct colour {
    unsigned char r, g, b;
} colour;

typedef struct canvas {
    int            width, height;
    unsigned char *pixel; /* (height, width, 3) */
} canvas;

enum { TEXT_WIDTH = 12, TEXT_HEIGHT = 20 }; /* of a character, with the space around it */

/** All of one colour. False: no memory. */
bool canvas_make(canvas *c, int width, int height, colour paper);
void canvas_free(canvas *c);

void   canvas_dot(const canvas *c, int x, int y, colour k);
colour canvas_at(const canvas *c, int x, int y);
void   canvas_fill(const canvas *c, int x, int y, int width, int height, colour k);
/** Four sides, `thick` pixels inwards; dashed: 6 pixels, and 4 that stay as they are. */
void canvas_frame(const canvas *c, int x, int y, int width, int height, int thick, bool dashed, colour k);
void canvas_line(const canvas *c, int x0, int y0, int x1, int y1, int thick, colour k);
/** Letters of ASCII; others, of UTF-8, are a box each. (x, y): the upper left corner. */
void canvas_text(const canvas *c, int x, int y, const char *text, colour k);
/** Pixels that it takes. */
int text_width(const char *text);
/** As much of it as fits `width` pixels into out, with dots where it was cut. Returns out. */
const char *text_fit(const char *text, int width, char *out, int size);

#endif
