/** train/data.h - inputs and targets of a trainer, the datasets they come from, and what their numbers mean. */
#ifndef HOOP_TRAINER_DATA_H
#define HOOP_TRAINER_DATA_H

#include "hoop/loader.h"
#include "train/meaning.h"
#include "train/trainer.h"

typedef struct hoop__tally hoop__tally; /* of an evaluation (tally.h) */

enum { HOOP__FIELD_NAME = 64 };

/* one input or one target of a sample */
typedef struct hoop__field {
    char       name[HOOP__FIELD_NAME];
    hoop_dtype dtype;                /* as it is read */
    int        ndim;                 /* of a row; of targets -1: not known, to predict */
    int64_t    shape[HOOP_MAX_DIMS]; /* of a row */
    /* of a target */
    int64_t      classes;
    hoop_tensor *mean, *std; /* buffers (elements of a row), where it is normalised; else NULL */
    double      *found;      /* rank 0, until these exist: means, deviations */
} hoop__field;

struct hoop__data {
    hoop_dataset *train, *validation;
    hoop_loader  *loader;
    hoop__tally  *tally;   /* of the evaluation under way; NULL: only sums are wanted */
    hoop__meaning meaning; /* of the training data, which may be known from a checkpoint only */
    hoop__field  *field;   /* inputs, then targets: in this order in datasets, too */
    int           ninputs, ntargets;
};

static inline hoop__field *hoop__input(const hoop_trainer *tr, int i)
{
    return &tr->data->field[i];
}

static inline hoop__field *hoop__target(const hoop_trainer *tr, int k)
{
    return &tr->data->field[tr->data->ninputs + k];
}

/* elements of a row */
static inline int64_t hoop__field_numel(const hoop__field *f)
{
    int64_t n = 1;
    for (int d = 0; d < f->ndim; d++) n *= f->shape[d];
    return n;
}

/* element i of an array of f32 or f64 */
static inline double hoop__value_at(const void *values, hoop_dtype dtype, int64_t i)
{
    return dtype == HOOP_F64 ? ((const double *)values)[i] : (double)((const float *)values)[i];
}

/* data.c: so many inputs and targets, called x and y */
hoop_status hoop__data_fields(hoop_trainer *tr, int ninputs, int ntargets, hoop_error *err);
hoop_status hoop__data_open(hoop_trainer *tr, hoop_error *err);
hoop_status hoop__data_loader(hoop_trainer *tr, hoop_error *err);
/* before the first step: are there values that cannot be read? Collective */
hoop_status hoop__data_check(hoop_trainer *tr, hoop_error *err);
void        hoop__data_close(hoop_trainer *tr);
/* normalize.c; both Collective */
hoop_status hoop__data_normalize(hoop_trainer *tr, hoop_error *err);
hoop_status hoop__data_decide(hoop_trainer *tr, hoop_error *err);
/* targets.c: of a target that has a mean; hoop__targets_buffers makes it, hoop__targets_wrap is for any. */
hoop_status  hoop__targets_buffers(hoop_trainer *tr, hoop_error *err);
hoop_tensor *hoop__targets_wrap(hoop_trainer *tr, hoop_dtype dtype, const void *y, int64_t n);
double       hoop__targets_squares(const hoop_trainer *tr, const hoop_tensor *out, hoop_dtype dtype, const void *y, int64_t n);
void         hoop__targets_units(const hoop_trainer *tr, const void *values, int64_t n, void *out, hoop_dtype dtype);
/* predict.c */
typedef struct hoop__rows {
    const void *data;
    hoop_dtype  dtype;         /* the run's precision, or what its loader gives (as the field is read) */
    bool        probabilities; /* of classes are wanted, not logits */
} hoop__rows;
/* `dtype` of out: the run's precision, or f64 where targets are normalised (hoop__predict_dtype keeps all there is) */
hoop_status hoop__predict(hoop_trainer *tr, const hoop__rows *in, int64_t n, void *out, hoop_dtype dtype, hoop_error *err);
hoop_dtype  hoop__predict_dtype(const hoop_trainer *tr);
/* nonfinite.c: the first value of a leaf that is not finite, with its file and row (HOOP_OK: there is none); agree: that of the
 * lowest rank, so of the first leaf that has one, for all. Collective */
void        hoop__nonfinite_find(const hoop_trainer *tr, hoop_dataset *ds, const hoop_loader_leaf *leaf, hoop_error *found);
hoop_status hoop__nonfinite_agree(hoop_trainer *tr, hoop_error *found, hoop_error *err);

#endif
