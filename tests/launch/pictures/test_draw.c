/* A sample's tile, by its pixels: images, masks and what is wrong of them, boxes, fields with their scales, curves, words. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pictures/palette.h"
#include "pictures/show.h"

static bool same(colour a, colour b)
{
    return a.r == b.r && a.g == b.g && a.b == b.b;
}

#define assert_colour(c, x, y, k) assert_true(same(canvas_at(c, x, y), k))

/* pixels of a colour in a part of a canvas */
static int count(const canvas *c, int x, int y, int width, int height, colour k)
{
    int n = 0;
    for (int j = y; j < y + height; j++)
        for (int i = x; i < x + width; i++) n += same(canvas_at(c, i, j), k);
    return n;
}

static const panel *find(const plan *p, panel_kind kind, shown_side of)
{
    for (int i = 0; i < p->npanels; i++)
        if (p->panel[i].kind == kind && p->panel[i].of == of) return &p->panel[i];
    fail_msg("there is no such panel");
    return NULL;
}

/* the middle of element (row, column) of a panel */
static colour element_at(const canvas *c, const panel *a, int row, int column)
{
    return canvas_at(c, a->x + column * a->zoom + a->zoom / 2, a->y + row * a->zoom + a->zoom / 2);
}
#define assert_element(c, a, row, column, k) assert_true(same(element_at(c, a, row, column), k))

static void views_of_rows(void **state)
{
    const int64_t flat[] = {3, 5}, channels[] = {2, 3, 5}, volume[] = {2, 4, 3, 5}, logits[] = {3, 5, 7},
                  volumes[] = {4, 3, 5, 7};
    view v;
    (void)state;
    assert_true(view_of(2, flat, false, &v));
    assert_int_equal(v.height * 100 + v.width * 10 + v.channels, 351);
    assert_int_equal(v.down * 10 + v.across, 51);
    assert_true(view_of(3, channels, false, &v));
    assert_int_equal(v.channels, 2);
    assert_int_equal(v.channel, 15);
    assert_true(view_of(4, volume, false, &v));
    assert_int_equal(v.channels * 10 + v.slices, 24);
    assert_int_equal(v.first, 2 * 15); /* the third of four slices */
    assert_int_equal(v.channel, 60);
    assert_true(view_of(3, logits, true, &v));
    assert_int_equal(v.channels, 7);
    assert_int_equal(v.across * 100 + v.down, 735);
    assert_int_equal(v.channel, 1);
    assert_true(view_of(4, volumes, true, &v));
    assert_int_equal(v.first, 2 * 15 * 7);
    assert_false(view_of(1, flat, false, &v));
    assert_false(view_of(2, flat, true, &v)); /* a class for each of a sequence */
    assert_false(view_of(5, volume, false, &v));
}

static void letters(void **state)
{
    canvas c;
    char   out[16];
    (void)state;
    assert_true(canvas_make(&c, 100, 40, PAPER));
    canvas_text(&c, 10, 10, "l1", INK);
    assert_int_equal(count(&c, 0, 0, 10, 40, PAPER) + count(&c, 34, 0, 66, 40, PAPER), 76 * 40); /* nothing beside them */
    assert_int_equal(count(&c, 10, 10, 24, 20, INK), 4 * (2 + 5 + 3 + 1 + 2 + 4 + 3));           /* dots of 2 by 2 */
    canvas_text(&c, 95, 30, "WW", INK); /* what does not fit is left out */
    assert_int_equal(text_width("Gr\xc3\xb6\xc3\x9f"
                                "e"),
                     5 * TEXT_WIDTH);
    assert_string_equal(text_fit("abc", 3 * TEXT_WIDTH, out, sizeof out), "abc");
    assert_string_equal(text_fit("abcdefgh", 5 * TEXT_WIDTH, out, sizeof out), "abc..");
    assert_string_equal(text_fit("a\xc3\xb6"
                                 "cdefgh",
                                 4 * TEXT_WIDTH, out, sizeof out),
                        "a\xc3\xb6..");
    canvas_free(&c);
}

/* light to dark is one way, in grey, too, and classes are eight different colours */
static void colours(void **state)
{
    double before = -1;
    (void)state;
    for (int i = 0; i <= 100; i++) {
        const colour k    = palette_heat(i / 100.0);
        const double grey = 0.2126 * k.r + 0.7152 * k.g + 0.0722 * k.b;
        assert_true(grey > before);
        before = grey;
    }
    assert_true(same(palette_heat(NAN), palette_heat(0)));
    assert_true(same(palette_heat(7), palette_heat(1)));
    assert_true(same(palette_signed(0), PAPER));
    assert_true(palette_signed(-1).b > palette_signed(-1).r && palette_signed(1).r > palette_signed(1).b);
    for (int i = 0; i < 24; i++)
        for (int k = 0; k < i; k++) assert_false(same(palette_class(i), palette_class(k)));
}

enum { SIDE = 8, PIXELS = SIDE * SIDE };

static const int64_t size[] = {SIDE, SIDE}, classes_of[] = {SIDE, SIDE, 3}, label_of[] = {SIDE, SIDE, 1};

static shown_input an_image(shown_paint how)
{
    shown_input in = {
        .name = "x", .path = "/x", .kind = FIELD_IMAGE, .paint = how, .scale = 1.0 / 255, .ndim = 2, .numel = PIXELS};
    assert_true(view_of(2, size, false, &in.view));
    return in;
}

static void masks_and_what_is_wrong(void **state)
{
    static const char *const names[] = {"ground", "cat", "dog"};
    double                   image[PIXELS], label[PIXELS] = {0}, logits[PIXELS * 3] = {0};
    plan                     p = {.ninputs = 1, .ntargets = 1, .input = {an_image(PAINT_GREY)}};
    shown_sample             s = {.row = 4, .input = {image}, .truth = {label}, .output = {logits}};
    const panel             *truth, *found, *wrong;
    canvas                   c;
    const colour             half = {128, 128, 128};
    (void)state;
    for (int i = 0; i < PIXELS; i++) image[i] = 128;
    p.target[0] = (shown_target){.name = "y", .kind = TARGET_MASK, .truth = true, .classes = 3, .class_name = names};
    assert_true(view_of(3, classes_of, true, &p.target[0].view));
    assert_true(view_of(3, label_of, true, &p.target[0].truth_view));
    label[3 * SIDE + 5]            = 2; /* a dog that was seen, */
    logits[(3 * SIDE + 5) * 3 + 2] = 4;
    label[6 * SIDE + 1]            = 1;    /* a cat that was not, */
    label[0]                       = -100; /* and a pixel that does not count, */
    logits[1]                      = 9;    /* whatever is said of it */
    assert_true(fabs(sample_error(&p, &s) - 1.0 / (PIXELS - 1)) < 1e-12);
    plan_panels(&p);
    assert_int_equal(p.npanels, 4);
    assert_true(draw_sample(&p, &s, &c));
    truth = find(&p, PANEL_MASK, SIDE_TRUTH);
    found = find(&p, PANEL_MASK, SIDE_PREDICTION);
    wrong = find(&p, PANEL_WRONG, SIDE_ERROR);
    assert_int_equal(truth->zoom, 256 / SIDE);
    assert_element(&c, find(&p, PANEL_IMAGE, SIDE_INPUT), 2, 2, half);
    assert_element(&c, truth, 2, 2, half); /* the first class has no colour over an image */
    assert_element(&c, truth, 3, 5, palette_mix(half, palette_class(2), 0.65));
    assert_element(&c, found, 3, 5, palette_mix(half, palette_class(2), 0.65));
    assert_element(&c, truth, 6, 1, palette_mix(half, palette_class(1), 0.65));
    assert_element(&c, found, 6, 1, half);
    assert_element(&c, truth, 0, 0, FAINT);
    assert_element(&c, wrong, 6, 1, WRONG);
    assert_int_equal(count(&c, wrong->x, wrong->y, wrong->width, wrong->height, WRONG), wrong->zoom * wrong->zoom);
    canvas_free(&c);
    p.target[0].truth = false; /* then there is the prediction alone */
    plan_panels(&p);
    assert_int_equal(p.npanels, 2);
    assert_true(draw_sample(&p, &s, &c));
    canvas_free(&c);
}

/* outputs of a loss of 0 and 1 are of class 1 above its cut */
static void binary_masks(void **state)
{
    double       image[PIXELS] = {0}, truth[PIXELS] = {0}, out[PIXELS];
    plan         p = {.ninputs = 1, .ntargets = 1, .input = {an_image(PAINT_GREY)}};
    shown_sample s = {.input = {image}, .truth = {truth}, .output = {out}};
    canvas       c;
    (void)state;
    for (int i = 0; i < PIXELS; i++) out[i] = -1;
    p.target[0] = (shown_target){.name = "y", .kind = TARGET_MASK, .truth = true, .binary = true, .classes = 2, .cut = 0.5};
    assert_true(view_of(2, size, false, &p.target[0].view));
    p.target[0].truth_view = p.target[0].view;
    truth[7] = out[7] = 1;
    out[8]            = 0.4;
    out[9]            = 0.6;
    assert_true(fabs(sample_error(&p, &s) - 1.0 / PIXELS) < 1e-12);
    plan_panels(&p);
    assert_true(draw_sample(&p, &s, &c));
    assert_element(&c, find(&p, PANEL_WRONG, SIDE_ERROR), 1, 1, WRONG);
    canvas_free(&c);
}

static void boxes_over_an_image(void **state)
{
    double       image[PIXELS] = {0};
    double       real[] = {1, 1, 4, 4, 5, 5, 8, 8, 0, 6, 2, 8}, found[] = {1, 1, 4, 3.5, 5, 5, 8, 8, 1, 1, 4, 4, 6, 0, 8, 2};
    double       score[] = {0.9, 0.8, 0.7, 0.3};
    int64_t      is[] = {1, 0, 2}, said[] = {1, 2, 1, 0};
    bool         hit[4] = {false}, seen[3] = {false};
    plan         p = {.ninputs = 1, .ntargets = 1, .input = {an_image(PAINT_GREY)}};
    shown_sample s = {.input = {image}, .real = {{3, real, NULL, is}}, .found = {{4, found, score, said}}};
    const panel *truth, *told;
    canvas       c;
    (void)state;
    assert_int_equal(boxes_match(&s.real[0], &s.found[0], hit, seen), 1); /* another class, a second of one, nothing there */
    assert_true(hit[0] && !hit[1] && !hit[2] && !hit[3] && seen[0] && !seen[1] && !seen[2]);
    p.target[0] = (shown_target){.name = "boxes", .kind = TARGET_BOXES, .truth = true, .classes = 3};
    assert_true(fabs(sample_error(&p, &s) - (1 - 2.0 / 7)) < 1e-12);
    plan_panels(&p);
    assert_int_equal(p.npanels, 2);
    assert_true(draw_sample(&p, &s, &c));
    truth = find(&p, PANEL_BOXES, SIDE_TRUTH);
    told  = find(&p, PANEL_BOXES, SIDE_PREDICTION);
    assert_int_equal(truth->zoom, 384 / SIDE);
    assert_colour(&c, truth->x + truth->zoom + 2, truth->y + 2 * truth->zoom, palette_class(1)); /* a left side, second pixel */
    assert_colour(&c, truth->x + truth->zoom, truth->y + 2 * truth->zoom, INK);
    assert_colour(&c, told->x + told->zoom + 2, told->y + 2 * told->zoom, palette_class(1));
    assert_true(count(&c, truth->x, truth->y + 6 * truth->zoom + 20, 4, truth->zoom, palette_class(2)) > 20); /* missed: dashes */
    assert_true(count(&c, truth->x, truth->y + 6 * truth->zoom + 20, 4, truth->zoom, INK) > 2 * truth->zoom);
    assert_true(count(&c, told->x + 6 * told->zoom, told->y, 2 * told->zoom, 2 * told->zoom, palette_class(0)) > 100);
    assert_colour(&c, truth->x + 4 * truth->zoom + 20, truth->y + 20, ((colour){0, 0, 0})); /* the image between them */
    canvas_free(&c);
    s.found[0].n = s.real[0].n = 0;
    assert_true(fabs(sample_error(&p, &s)) < 1e-12);
    assert_true(draw_sample(&p, &s, &c));
    canvas_free(&c);
}

static void fields_share_a_scale(void **state)
{
    double       in[PIXELS], truth[PIXELS], out[PIXELS];
    plan         p = {.ninputs = 1, .ntargets = 1, .input = {an_image(PAINT_HEAT)}};
    shown_sample s = {.input = {in}, .truth = {truth}, .output = {out}};
    const panel *a;
    canvas       c;
    (void)state;
    for (int i = 0; i < PIXELS; i++) {
        in[i]    = i;
        truth[i] = 0.5;
        out[i]   = 0.5;
    }
    truth[0]    = 0;
    out[0]      = 0.1;
    out[1]      = 1;
    out[2]      = 0.2;
    out[3]      = NAN;
    p.target[0] = (shown_target){.name        = "y",
                                 .kind        = TARGET_IMAGE,
                                 .truth       = true,
                                 .behind      = -1,
                                 .paint       = PAINT_HEAT,
                                 .scale       = 1,
                                 .numel       = 3,
                                 .truth_numel = 3};
    assert_true(view_of(2, size, false, &p.target[0].view));
    p.target[0].truth_view = p.target[0].view;
    assert_true(fabs(sample_error(&p, &s) - (0.01 + 0.25 + 0.09) / 3) < 1e-12);
    plan_panels(&p);
    assert_int_equal(p.npanels, 4);
    assert_true(draw_sample(&p, &s, &c));
    a = find(&p, PANEL_IMAGE, SIDE_INPUT);
    assert_element(&c, a, 0, 0, palette_heat(0));
    assert_element(&c, a, SIDE - 1, SIDE - 1, palette_heat(1));
    assert_colour(&c, a->x, a->y + SIDE * a->zoom + 6, palette_heat(0)); /* the scale below */
    assert_colour(&c, a->x + a->width - 1, a->y + SIDE * a->zoom + 6, palette_heat(1));
    assert_true(count(&c, a->x, a->y + SIDE * a->zoom + 12, a->width, TEXT_HEIGHT, INK) > 20); /* and its numbers */
    a = find(&p, PANEL_IMAGE, SIDE_TRUTH);
    assert_element(&c, a, 0, 0, palette_heat(0)); /* 0 to 1 in both */
    assert_element(&c, a, 4, 4, palette_heat(0.5));
    a = find(&p, PANEL_IMAGE, SIDE_PREDICTION);
    assert_element(&c, a, 0, 0, palette_heat(0.1));
    assert_element(&c, a, 0, 1, palette_heat(1));
    assert_element(&c, a, 0, 3, ((colour){255, 0, 255}));
    a = find(&p, PANEL_IMAGE, SIDE_ERROR);
    assert_element(&c, a, 0, 0, palette_signed(0.2));
    assert_element(&c, a, 0, 1, palette_signed(1));
    assert_element(&c, a, 0, 2, palette_signed(-0.6));
    assert_element(&c, a, 4, 4, PAPER);
    canvas_free(&c);
}

/* what a copy of an image is beside it, and of large images every other pixel */
static void large_copies(void **state)
{
    enum { WIDE = 2048 };
    static double in[2 * WIDE], out[2 * WIDE];
    const int64_t wide[] = {2, WIDE};
    plan          p      = {.ninputs = 1, .ntargets = 1};
    shown_sample  s      = {.input = {in}, .truth = {in}, .output = {out}};
    canvas        c;
    (void)state;
    for (int i = 0; i < 2 * WIDE; i++) in[i] = out[i] = i % 256;
    out[2 * 10] = 0;
    p.input[0]  = an_image(PAINT_GREY);
    assert_true(view_of(2, wide, false, &p.input[0].view));
    p.target[0]      = (shown_target){.name        = "y",
                                      .kind        = TARGET_IMAGE,
                                      .truth       = true,
                                      .copy        = true,
                                      .behind      = -1,
                                      .paint       = PAINT_GREY,
                                      .scale       = 1.0 / 255,
                                      .numel       = 2 * WIDE,
                                      .truth_numel = 2 * WIDE};
    p.target[0].view = p.target[0].truth_view = p.input[0].view;
    plan_panels(&p);
    assert_int_equal(p.npanels, 3); /* no truth beside what it is */
    assert_int_equal(p.panel[0].width, WIDE / 2);
    assert_int_equal(p.panel[0].height, 1);
    assert_true(draw_sample(&p, &s, &c));
    assert_colour(&c, p.panel[0].x + 10, p.panel[0].y, ((colour){20, 20, 20}));
    assert_colour(&c, p.panel[1].x + 10, p.panel[1].y, ((colour){0, 0, 0}));
    assert_colour(&c, p.panel[2].x + 10, p.panel[2].y, palette_signed(-1));
    canvas_free(&c);
}

static void curves_of_a_forecast(void **state)
{
    enum { PAST = 20, AHEAD = 5 };
    double       past[PAST], truth[AHEAD], out[AHEAD];
    plan         p = {.ninputs = 1, .ntargets = 1};
    shown_sample s = {.input = {past}, .truth = {truth}, .output = {out}};
    const panel *a;
    canvas       c;
    int          left, right;
    (void)state;
    for (int i = 0; i < PAST; i++) past[i] = 0;
    for (int i = 0; i < AHEAD; i++) {
        truth[i] = 1;
        out[i]   = 2;
    }
    p.input[0]  = (shown_input){.name = "x", .kind = FIELD_SERIES, .ndim = 2, .size = {PAST, 1}, .numel = PAST};
    p.target[0] = (shown_target){.name        = "y",
                                 .kind        = TARGET_SERIES,
                                 .truth       = true,
                                 .ndim        = 1,
                                 .size        = {AHEAD},
                                 .numel       = AHEAD,
                                 .truth_numel = AHEAD,
                                 .from        = 1};
    plan_panels(&p);
    assert_int_equal(p.npanels, 1);
    assert_true(draw_sample(&p, &s, &c));
    a     = &p.panel[0];
    left  = a->x + 100;
    right = left + (int)lround((a->width - 112 - 1) * 19.0 / 24); /* now: 0 of -19 to 5 */
    assert_true(count(&c, left, a->y + 30, right - left - 12, a->height - 60, INK) > 2 * (right - left - 12)); /* the past, */
    assert_int_equal(count(&c, left + 1, a->y + 30, right - left - 12, a->height - 60, WRONG), 0); /* and nothing else there */
    assert_true(count(&c, right, a->y + 26, a->width - (right - a->x), 20, WRONG) > 100); /* the forecast, highest, to the end */
    assert_true(count(&c, right, a->y + a->height / 2 - 20, a->width - (right - a->x), 40, RIGHT) > 100);
    assert_true(count(&c, a->x, a->y + 20, 96, a->height - 48, INK) > 50);             /* numbers beside, */
    assert_true(count(&c, left, a->y + a->height - 26, a->width - 100, 24, INK) > 50); /* and below */
    canvas_free(&c);
}

/* of numbers so large that a step from tick to tick is less than what tells two of them apart */
static void curves_of_large_numbers(void **state)
{
    static const double large[] = {3e15, 1.6e18, -1e300};
    double              past[4], value[1] = {0};
    plan                p = {.ninputs = 1, .ntargets = 1};
    shown_sample        s = {.input = {past}, .output = {value}};
    canvas              c;
    (void)state;
    p.input[0]  = (shown_input){.name = "x", .kind = FIELD_SERIES, .ndim = 2, .size = {4, 1}, .numel = 4};
    p.target[0] = (shown_target){.name = "y", .kind = TARGET_VALUES, .behind = -1, .ndim = 1, .size = {1}, .numel = 1};
    plan_panels(&p);
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 4; i++) past[i] = large[k];
        assert_true(draw_sample(&p, &s, &c));
        assert_true(count(&c, p.panel[0].x + 110, p.panel[0].y + 340 / 2 - 30, 500, 60, INK) > 900);
        canvas_free(&c);
    }
}

static void words_of_classes_and_values(void **state)
{
    double       image[PIXELS] = {0}, label[] = {1}, logits[] = {0, 0, log(2)}, value[] = {1.5};
    plan         p = {.ninputs = 1, .ntargets = 1, .input = {an_image(PAINT_GREY)}};
    shown_sample s = {.row = 7, .input = {image}, .truth = {label}, .output = {logits}};
    canvas       c;
    (void)state;
    p.target[0] = (shown_target){
        .name = "y", .kind = TARGET_CLASS, .truth = true, .behind = -1, .ndim = 1, .size = {3}, .numel = 3, .classes = 3};
    assert_true(fabs(sample_error(&p, &s) - log(4)) < 1e-12);
    plan_panels(&p);
    assert_true(draw_sample(&p, &s, &c));
    assert_true(count(&c, 0, TEXT_HEIGHT, p.width, TEXT_HEIGHT, WRONG) > 50);
    assert_int_equal(count(&c, 0, TEXT_HEIGHT, p.width, TEXT_HEIGHT, RIGHT), 0);
    canvas_free(&c);
    label[0] = 2;
    assert_true(draw_sample(&p, &s, &c));
    assert_true(count(&c, 0, TEXT_HEIGHT, p.width, TEXT_HEIGHT, RIGHT) > 50);
    assert_int_equal(count(&c, 0, TEXT_HEIGHT, p.width, TEXT_HEIGHT, WRONG), 0);
    canvas_free(&c);
    p.target[0].kind  = TARGET_VALUES;
    p.target[0].numel = p.target[0].truth_numel = 1;
    s.output[0]                                 = value;
    assert_true(fabs(sample_error(&p, &s) - 0.25) < 1e-12);
    assert_true(draw_sample(&p, &s, &c));
    assert_true(count(&c, 0, TEXT_HEIGHT, p.width, TEXT_HEIGHT, INK) > 50);
    canvas_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_of_rows),
        cmocka_unit_test(letters),
        cmocka_unit_test(colours),
        cmocka_unit_test(masks_and_what_is_wrong),
        cmocka_unit_test(binary_masks),
        cmocka_unit_test(boxes_over_an_image),
        cmocka_unit_test(fields_share_a_scale),
        cmocka_unit_test(large_copies),
        cmocka_unit_test(curves_of_a_forecast),
        cmocka_unit_test(curves_of_large_numbers),
        cmocka_unit_test(words_of_classes_and_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
