#include "pictures/canvas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pictures/font.h"

enum { PEN = 2 }; /* pixels of a letter's dot */

bool canvas_make(canvas *c, int width, int height, colour paper)
{
    *c = (canvas){width, height, malloc((size_t)width * (size_t)height * 3)};
    if (c->pixel == NULL) return false;
    canvas_fill(c, 0, 0, width, height, paper);
    return true;
}

void canvas_free(canvas *c)
{
    free(c->pixel);
    c->pixel = NULL;
}

void canvas_dot(const canvas *c, int x, int y, colour k)
{
    unsigned char *p;
    if (x < 0 || y < 0 || x >= c->width || y >= c->height) return;
    p    = c->pixel + ((int64_t)y * c->width + x) * 3;
    p[0] = k.r;
    p[1] = k.g;
    p[2] = k.b;
}

colour canvas_at(const canvas *c, int x, int y)
{
    const unsigned char *p = c->pixel + ((int64_t)y * c->width + x) * 3;
    return (colour){p[0], p[1], p[2]};
}

void canvas_fill(const canvas *c, int x, int y, int width, int height, colour k)
{
    for (int j = y < 0 ? 0 : y; j < y + height && j < c->height; j++)
        for (int i = x < 0 ? 0 : x; i < x + width && i < c->width; i++) canvas_dot(c, i, j, k);
}

void canvas_frame(const canvas *c, int x, int y, int width, int height, int thick, bool dashed, colour k)
{
    enum { DASH = 6, PERIOD = 10 };
    for (int i = 0; i < width; i++) {
        if (dashed && i % PERIOD >= DASH) continue;
        canvas_fill(c, x + i, y, 1, thick, k);
        canvas_fill(c, x + i, y + height - thick, 1, thick, k);
    }
    for (int j = 0; j < height; j++) {
        if (dashed && j % PERIOD >= DASH) continue;
        canvas_fill(c, x, y + j, thick, 1, k);
        canvas_fill(c, x + width - thick, y + j, thick, 1, k);
    }
}

/* Bresenham, IBM Systems Journal 1965, with a square pen */
void canvas_line(const canvas *c, int x0, int y0, int x1, int y1, int thick, colour k)
{
    const int dx = abs(x1 - x0), dy = -abs(y1 - y0), sx = x0 < x1 ? 1 : -1, sy = y0 < y1 ? 1 : -1;
    int       e = dx + dy;
    for (;;) {
        const int twice = 2 * e;
        canvas_fill(c, x0 - thick / 2, y0 - thick / 2, thick, thick, k);
        if (x0 == x1 && y0 == y1) return;
        if (twice >= dy) {
            e += dy;
            x0 += sx;
        }
        if (twice <= dx) {
            e += dx;
            y0 += sy;
        }
    }
}

/* ---- letters ---- */

/* a byte that continues a character of UTF-8 */
static bool continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static void letter(const canvas *c, int x, int y, char ch, colour k)
{
    const unsigned char *rows = font_rows[ch >= FONT_FIRST && ch <= FONT_LAST ? ch - FONT_FIRST : 0];
    if (ch < FONT_FIRST || ch > FONT_LAST) {
        canvas_frame(c, x, y, FONT_WIDTH * PEN, 7 * PEN, 1, false, k);
        return;
    }
    for (int j = 0; j < FONT_HEIGHT; j++)
        for (int i = 0; i < FONT_WIDTH; i++)
            if ((rows[j] >> (FONT_WIDTH - 1 - i) & 1) != 0) canvas_fill(c, x + i * PEN, y + j * PEN, PEN, PEN, k);
}

void canvas_text(const canvas *c, int x, int y, const char *text, colour k)
{
    for (; *text != '\0'; text++) {
        if (continues(*text)) continue;
        letter(c, x, y + 1, *text, k);
        x += TEXT_WIDTH;
    }
}

int text_width(const char *text)
{
    int n = 0;
    for (; *text != '\0'; text++) n += !continues(*text);
    return n * TEXT_WIDTH;
}

const char *text_fit(const char *text, int width, char *out, int size)
{
    int at = 0, room = width / TEXT_WIDTH;
    if (text_width(text) <= width && (int)strlen(text) < size) {
        (void)snprintf(out, (size_t)size, "%s", text);
        return out;
    }
    for (room -= 2; room > 0 && text[at] != '\0' && at < size - 8; room--) do
            at++;
        while (continues(text[at]));
    (void)snprintf(out, (size_t)size, "%.*s%s", at, text, width >= 2 * TEXT_WIDTH ? ".." : "");
    return out;
}
