/**
 * pictures/pictures.h - what a trained model predicts, as pages of PNG: images beside reconstructions, masks and boxes over
 * images, fields with their errors, curves of forecasts, classes.
 */
#ifndef HOOP_PICTURES_H
#define HOOP_PICTURES_H

#include "hoop/trained.h"

enum { PICTURES_COUNT = 24, PICTURES_MOST = 4096 };

typedef struct pictures_opts {
    const char *dir;   /* DIR/page-001.png and on; made where it is not there */
    const char *data;  /* what the data are called, for people */
    int64_t     count; /* how many samples */
    bool        worst; /* those that the first target is furthest off at, the worst first; else evenly spaced ones */
    bool        force; /* replace pages that are there */
    void       *ctx;
    void (*progress)(void *ctx, double fraction); /* may be NULL */
} pictures_opts;

/** Draw samples of the data that t was opened with: ranks share the pages, and the files are the same for any number of them.
 * *pages: how many. Errors: HOOP_ESHAPE (nothing that can be looked at), HOOP_EARG (worst, and the data have no targets),
 * HOOP_EIO (pages are there), those of reading and of ops. Calls: Collective. */
hoop_status pictures_write(hoop_trained *t, const pictures_opts *opts, hoop_error *err, int64_t *pages);

#endif
