#include "pictures/palette.h"

colour palette_mix(colour a, colour b, double share)
{
    return (colour){(unsigned char)(a.r + (b.r - a.r) * share + 0.5), (unsigned char)(a.g + (b.g - a.g) * share + 0.5),
                    (unsigned char)(a.b + (b.b - a.b) * share + 0.5)};
}

colour palette_class(int64_t i)
{
    static const colour eight[] = {{230, 159, 0}, {86, 180, 233}, {0, 158, 115},   {240, 228, 66},
                                   {0, 114, 178}, {213, 94, 0},   {204, 121, 167}, {153, 153, 153}};
    const int64_t       again   = i < 0 ? 0 : i / 8 % 3;
    return palette_mix(eight[i < 0 ? 7 : i % 8], INK, (double)again * 0.3);
}

colour palette_heat(double v)
{
    static const colour at[] = {{8, 14, 48},     {24, 58, 122},   {36, 112, 148}, {84, 160, 140},
                                {176, 202, 110}, {250, 228, 122}, {255, 250, 222}};
    const int           last = (int)(sizeof at / sizeof *at) - 1;
    const double        x    = !(v > 0) ? 0 : v > 1 ? last : v * last;
    const int           i    = x < last ? (int)x : last - 1;
    return palette_mix(at[i], at[i + 1], x - i);
}

colour palette_signed(double v)
{
    static const colour low = {0, 90, 160}, high = {205, 85, 0};
    const double        x = v < -1 ? -1 : v > 1 ? 1 : v;
    return x < 0 ? palette_mix(PAPER, low, -x) : palette_mix(PAPER, high, x > 0 ? x : 0);
}

colour palette_grey(colour k)
{
    const unsigned char v = (unsigned char)((299 * k.r + 587 * k.g + 114 * k.b + 500) / 1000);
    return (colour){v, v, v};
}
