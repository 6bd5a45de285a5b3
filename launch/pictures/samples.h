/** pictures/samples.h - from a trained model and its data to plans and samples (show.h). */
#ifndef HOOP_PICTURES_SAMPLES_H
#define HOOP_PICTURES_SAMPLES_H

#include "hoop/trained.h"
#include "pictures/show.h"

enum { SAMPLES_AHEAD = 64 };

typedef struct samples {
    hoop_trained *t;
    plan          plan;
    shown_sample  now; /* its arrays are the sample read last */
    const char  **names[HOOP_DATASET_FIELDS];
    void         *raw[HOOP_DATASET_FIELDS]; /* outputs, as the model gives them */
    int64_t       room[HOOP_DATASET_FIELDS];
    int64_t       first, ahead, ahead_room; /* raw holds those of rows [first, first + ahead) */
} samples;

/** What can be seen of t's data; end it with samples_close, also after a failure. Errors: HOOP_ESHAPE (nothing), HOOP_ENOMEM,
 * those of reading. Calls: Local. */
hoop_status samples_open(hoop_trained *t, hoop_error *err, samples *out);
void        samples_close(samples *s);
/** What is predicted of at most SAMPLES_AHEAD rows, for samples_read of them: they go through the model together. Calls: Local.
 */
hoop_status samples_ahead(samples *s, int64_t first, int64_t n, hoop_error *err);
/** Row `row`, and what is predicted of it, into s->now. Errors: those of reading and of ops. Calls: Local. */
hoop_status samples_read(samples *s, int64_t row, hoop_error *err);

#endif
