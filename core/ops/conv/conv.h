/**
 * core/ops/conv/conv.h - what the rows of convolutions share: their attributes, and the geometry of a convolution that gathers.
 *
 * Forward, an output gathers input pixels of all taps (places of the kernel). A transposed convolution is the same once its
 * outputs are parted by their remainder modulo the stride: those of one class all meet the same taps, and neighbours of the
 * input.
 */
#ifndef HOOP_CONV_H
#define HOOP_CONV_H

#include "hoop/op.h"

#include "kernels/conv.h"

/* of each spatial dim, in their order; `extra` is conv_transpose's output_padding, conv_weight's size of the kernel */
typedef struct hoop__conv_attrs {
    int64_t stride[HOOP_MAX_DIMS], before[HOOP_MAX_DIMS], after[HOOP_MAX_DIMS], dilation[HOOP_MAX_DIMS], extra[HOOP_MAX_DIMS];
    int64_t groups;
} hoop__conv_attrs;
extern const hoop_field hoop__conv_fields[6];

enum { HOOP__CONV_DIMS = 3 };

/* dims: of which the last `dims` are there, the others of size 1 */
typedef struct hoop__conv_geometry {
    hoop_dtype dtype;
    int        dims;
    bool       transposed;
    int64_t    n, groups, cg, og; /* samples; channels a group, in and out */
    int64_t    in[HOOP__CONV_DIMS], out[HOOP__CONV_DIMS], kernel[HOOP__CONV_DIMS];
    int64_t    stride[HOOP__CONV_DIMS], before[HOOP__CONV_DIMS], dilation[HOOP__CONV_DIMS];
} hoop__conv_geometry;

/* x (N, in..., C) to y (N, out..., O) through the attributes' kernel, which lies in w from dim 2 on */
hoop__conv_geometry hoop__conv_geometry_of(const hoop_view *x, const hoop_view *w, const hoop_view *y,
                                           const hoop__conv_attrs *attrs, bool transposed);
int64_t             hoop__conv_taps(const hoop__conv_geometry *g);
int64_t             hoop__conv_pixels(const hoop__conv_geometry *g); /* of an output */

/* shape rules: x, w, b, attributes; the output's spatial sizes to y */
hoop_status hoop__conv_check(hoop_shape_call *s, bool transposed);
/* of dim d of the kernel; HOOP_ESHAPE where it does not fit */
hoop_status hoop__conv_size(hoop_error *err, const hoop__conv_attrs *a, int d, int64_t in, int64_t kernel, int64_t *out);

/*
 * A piece of the samples and of the outermost spatial dim (`band`): of forward's outputs, or of what a transposed one's are whole
 * strides of. An image of it has all input pixels that it meets, with the padding; where there is none to add, x itself serves.
 */
typedef struct hoop__conv_pieces {
    int     band;
    bool    copies;        /* images are copies */
    int64_t first, last;   /* of the band */
    int64_t samples, high; /* of a piece, at most */
    int64_t bands, count;  /* pieces of a sample, and in all */
    int64_t image_bytes;   /* of the largest */
} hoop__conv_pieces;

typedef struct hoop__conv_image {
    const char *x;                        /* pixel 0, 0, 0 of the piece's first sample, there or not */
    int64_t     sample;                   /* from one to the next; all in elements */
    int64_t     step[HOOP__CONV_DIMS];    /* of a pixel */
    int64_t     from, samples, low, high; /* the piece: its first sample, and how many; its part of the band */
} hoop__conv_image;

hoop__conv_pieces hoop__conv_cut(const hoop__conv_geometry *g, int threads);
/* piece i, made in `memory` where images are copies; x NULL: its steps alone */
hoop__conv_image hoop__conv_image_of(const hoop__conv_geometry *g, const hoop__conv_pieces *p, int64_t i, const void *x,
                                     void *memory);

/* runs of terms, cut into blocks */
typedef struct hoop__conv_runs {
    hoop_conv_run *run;
    int64_t       *block; /* of which there is one more than blocks */
    int64_t        nruns, nblocks, terms, step;
} hoop__conv_runs;
void hoop__conv_runs_add(hoop__conv_runs *r, int64_t x, int64_t len);
void hoop__conv_runs_end(hoop__conv_runs *r);

/* for references: where in x (of any sizes that fit) the forward convolution's output pixel p, of all samples, meets tap t, in
 * elements of channel ch; -1: outside. And what is there, or 0. */
int64_t hoop__conv_place(const hoop__conv_geometry *g, int64_t p, int64_t t, int64_t ch);
double  hoop__conv_pixel(const hoop_view *x, const hoop__conv_geometry *g, int64_t p, int64_t t, int64_t ch);

/* of conv and conv_transpose */
int hoop__conv_samples(const hoop_samples_call *s);

/* The convolution of x and w, either way. */
int64_t     hoop__conv_gather_work(const hoop_call *c, bool transposed);
hoop_status hoop__conv_gather(const hoop_call *c, bool transposed);

/* The same by Winograd's F(2 x 2, 3 x 3), which convolutions of some shapes take; and of the weight's gradient. */
bool    hoop__winograd_takes(const hoop__conv_geometry *g);
int64_t hoop__winograd_gather_work(const hoop_call *c, const hoop__conv_geometry *g);
void    hoop__winograd_gather(const hoop_call *c, const hoop__conv_geometry *g);
int64_t hoop__winograd_weight_work(const hoop_call *c, const hoop__conv_geometry *g);
void    hoop__winograd_weight(const hoop_call *c, const hoop__conv_geometry *g);

/* calls of the rows, x channels-last */
hoop_tensor *hoop__conv_call(hoop_tape *t, hoop_tensor *x, hoop_tensor *w, hoop_tensor *b, const hoop__conv_attrs *a);
hoop_tensor *hoop__conv_transpose_call(hoop_tape *t, hoop_tensor *x, hoop_tensor *w, hoop_tensor *b, const hoop__conv_attrs *a);
hoop_tensor *hoop__conv_weight_call(hoop_tape *t, hoop_tensor *x, hoop_tensor *dy, const hoop__conv_attrs *a);
/* a with `extra` for the transposed convolution that gives x's sizes from those of y; for conv_weight, of w's */
hoop__conv_attrs hoop__conv_back(const hoop__conv_attrs *a, const hoop_tensor *x, const hoop_tensor *w, const hoop_tensor *y);
hoop__conv_attrs hoop__conv_kernel(const hoop__conv_attrs *a, const hoop_tensor *w);

#endif
