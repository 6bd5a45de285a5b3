/**
 * pictures/show.h - one sample as a tile: lines of words, and panels side by side. A plan says, once for all samples, which
 * panels there are, where they stand and what they show; draw.c, curve.c and boxes.c show it.
 */
#ifndef HOOP_PICTURES_SHOW_H
#define HOOP_PICTURES_SHOW_H

#include "hoop/dataset.h"
#include "hoop/dtype.h"
#include "hoop/loss.h"
#include "pictures/canvas.h"

enum { SHOW_PANELS = 32, SHOW_CHANNELS = 4, SHOW_TITLE = 64 };

/** Which numbers of a row are a picture: element (c, y, x) is at first + c * channel + y * down + x * across. */
typedef struct view {
    int64_t channels, height, width, first, channel, down, across;
    int64_t slice, slices; /* of a volume one; slices 0: it is none */
} view;

/** How its numbers become colours. */
typedef enum shown_paint { PAINT_GREY, PAINT_COLOUR, PAINT_HEAT } shown_paint;

typedef enum shown_side { SIDE_INPUT, SIDE_TRUTH, SIDE_PREDICTION, SIDE_ERROR } shown_side;

typedef enum panel_kind { PANEL_IMAGE, PANEL_MASK, PANEL_WRONG, PANEL_BOXES, PANEL_CURVES } panel_kind;

typedef struct panel {
    panel_kind kind;
    shown_side of;
    int        input;               /* what it shows, or what stands behind it; -1: nothing */
    int        target;              /* -1: it is of an input alone */
    int        channel;             /* of PAINT_HEAT, and of curves */
    int        zoom, step;          /* pixels for an element; every step-th element */
    int        x, y, width, height; /* in the tile, below its title */
    char       title[SHOW_TITLE];
} panel;

typedef enum field_kind { FIELD_OTHER, FIELD_IMAGE, FIELD_SERIES } field_kind;

/** An input. */
typedef struct shown_input {
    const char *name, *path;
    field_kind  kind;
    shown_paint paint;
    double      scale; /* numbers times this are 0 to 1, where it is grey or coloured */
    bool        varies;
    int         ndim;
    int64_t     size[HOOP_DATASET_DIMS], numel;
    int64_t     window;
    view        view; /* of an image */
} shown_input;

typedef enum target_kind { TARGET_CLASS, TARGET_MASK, TARGET_IMAGE, TARGET_SERIES, TARGET_VALUES, TARGET_BOXES } target_kind;

/** A target, and what is predicted of it. */
typedef struct shown_target {
    const char        *name;
    target_kind        kind;
    bool               truth;   /* the data have it */
    bool               several; /* there are others, and its name is said */
    int                behind;  /* the input it is drawn over, or a copy of which it is; -1: none */
    bool               copy;    /* it is that input itself */
    double             cut;     /* of a mask without classes: above it 1 */
    int64_t            classes; /* of a mask of 0 and 1: 2 */
    bool               binary;
    shown_paint        paint;
    double             scale;
    hoop_dtype         dtype; /* of outputs */
    int                ndim;
    int64_t            size[HOOP_MAX_DIMS], numel; /* of a row of outputs */
    int64_t            truth_numel;
    view               view, truth_view; /* of outputs; of the data */
    int64_t            from;             /* of a series: its first element is so many behind the last of the inputs */
    const char *const *class_name;       /* NULL: they have numbers */
} shown_target;

/** Boxes of lower scores are for metrics, and not shown. */
#define SHOW_SCORE 0.3

/** Boxes in pixels of the image: x0, y0, x1, y1 each. */
typedef struct boxes {
    int64_t  n;
    double  *corner; /* (n, 4) */
    double  *score;  /* NULL: of the truth */
    int64_t *label;
} boxes;

typedef struct shown_sample {
    int64_t row;
    double *input[HOOP_DATASET_FIELDS], *truth[HOOP_DATASET_FIELDS], *output[HOOP_DATASET_FIELDS];
    int64_t rows[HOOP_DATASET_FIELDS];                           /* of an input that varies */
    double  low[HOOP_DATASET_FIELDS], high[HOOP_DATASET_FIELDS]; /* of an input that is heat; draw_sample finds them */
    boxes   real[HOOP_DATASET_FIELDS], found[HOOP_DATASET_FIELDS];
} shown_sample;

typedef struct plan {
    int          ninputs, ntargets, npanels;
    shown_input  input[HOOP_DATASET_FIELDS];
    shown_target target[HOOP_DATASET_FIELDS];
    panel        panel[SHOW_PANELS];
    int          width, height; /* of a tile */
} plan;

/** A view of (H, W), (C, H, W) or (C, D, H, W), of which the middle slice is seen; classes: (..., C). False: it is none. */
bool view_of(int ndim, const int64_t *size, bool classes, view *out);
/** Which panels there are, and where; from inputs and targets. */
void plan_panels(plan *p);
/** A tile of p's size. False: no memory. */
bool draw_sample(const plan *p, shown_sample *s, canvas *out);
/** How wrong it is, of the first target: -log p of a class, the share of pixels, the mean of squares, 1 - F1 of boxes. */
double sample_error(const plan *p, const shown_sample *s);

/* ---- panels; (x, y): the place on the canvas ---- */

void draw_curves(const plan *p, const panel *a, const shown_sample *s, const canvas *c, int x, int y);
void draw_boxes(const plan *p, const panel *a, const shown_sample *s, const canvas *c, int x, int y);
/** Which of `found` are of `real`: each of these once, of the class, IoU 0.5 at least, higher scores first. hit[found],
 * seen[real]. How many. */
int64_t boxes_match(const boxes *real, const boxes *found, bool *hit, bool *seen);
/** The pixel behind (0 to 1 each way), white where nothing is. */
colour draw_behind(const plan *p, int input, const shown_sample *s, int64_t y, int64_t x);
/** "triangle", or "2". */
const char *class_text(const shown_target *t, int64_t i, char out[24]);
/** The most likely class at element `at` of outputs; 0 or 1 of a binary mask. */
int64_t predicted_class(const shown_target *t, const double *output, int64_t at);

#endif
