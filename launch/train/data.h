/** train/data.h - inputs and targets of a trainer, the datasets they come from, and what their numbers mean. */
#ifndef HOOP_TRAINER_DATA_H
#define HOOP_TRAINER_DATA_H

#include "base/hash.h"
#include "hoop/config.h"
#include "hoop/detection.h" /* source-check: kinds, because a header is called so, too */
#include "hoop/exact.h"
#include "hoop/loader.h"
#include "hoop/loss.h"
#include "hoop/metric.h"
#include "train/meaning.h"
#include "train/trainer.h"

typedef struct hoop__tally hoop__tally; /* of an evaluation (tally.h) */
struct hoop__augment;                   /* augment.h */

enum { HOOP__FIELD_NAME = 64, HOOP__BUFFER_NAME = 96 };

/* A metric that is shown of a target, and what an evaluation counts of it that steps do not. */
typedef struct hoop__shown {
    hoop_metric_use use;
    void           *opts;                    /* use.opts; NULL: its kind has none */
    char            name[HOOP__FIELD_NAME];  /* with the options that are not as by default: "f1_micro" */
    int64_t         width, nsums;            /* of an evaluation's sums; 0: none was made yet */
    double         *counts, *leaf, *list[2]; /* sums that are whole numbers; of others a leaf's; its numbers, by HOOP__TOLD_... */
    hoop_exact_scalar *sums;                 /* others */
    int64_t            numbers, columns;
    hoop_detections   *boxes; /* of metrics of boxes: what an evaluation has found, of all that are shown of the target */
} hoop__shown;

/* one input or one target of a sample */
typedef struct hoop__field {
    char                name[HOOP__FIELD_NAME];
    hoop_dtype          dtype;                /* as it is read */
    int                 ndim;                 /* of a row; of targets -1: not known, to predict */
    int64_t             shape[HOOP_MAX_DIMS]; /* of a row */
    bool                varies;     /* a row's first dim is its own, and padded to shape[0], or (-1) to the longest of its leaf */
    bool                normalized; /* to mean 0 and deviation 1 */
    struct hoop_module *transform;  /* of an input: the sequential of data.transform; NULL: none */
    /* of a target */
    const hoop_loss_kind *loss;
    void                 *loss_opts; /* the kind's struct, all fields set; NULL where it has none */
    double                weight;    /* of its loss, where there are several */
    int64_t               classes;
    hoop_tensor          *mean, *std; /* buffers (elements of a row), where it is normalised; else NULL */
    double               *found;      /* rank 0, until these exist: means, deviations */
    hoop__shown          *shown;      /* metrics: those of each step, then those of evaluations alone */
    int                   nshown, nsteps;
    hoop_detections      *boxes; /* of an evaluation, where metrics of boxes are shown */
    hoop_box             *box;   /* room for those of a sample */
    int64_t               nbox;
    const char           *class_dim;   /* to predict: as hoop_trainer_field says */
    bool                  in_parts;    /* labels that augmentation mixes (augment.h) */
    bool                  class_first; /* outputs are (n, C, ...), and are taken as (n, ..., C) */
    int                   output;      /* of the model; set once that is built, as is */
    int                   out_ndim;    /* of a row of predictions */
    int64_t               out_shape[HOOP_MAX_DIMS];
} hoop__field;

struct hoop__data {
    hoop_dataset         *train, *validation;
    hoop_loader          *loader;
    double               *drawn; /* weights of training, added up, where samples are drawn by them; NULL: each is taken once */
    char                  drawn_hash[HOOP__SHA256_HEX]; /* of these sums: no fingerprint of data has all weights */
    double               *weights;                      /* of what each sample of training loses; NULL: 1 */
    char                  weights_hash[HOOP__SHA256_HEX];
    struct hoop__augment *augment; /* of training; NULL: none */
    hoop__tally          *tally;   /* of the evaluation under way; NULL: only sums are wanted */
    hoop__meaning         meaning; /* of the training data, which may be known from a checkpoint only */
    hoop__field          *field;   /* inputs, then targets: in this order in datasets, too */
    int                   ninputs, ntargets;
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

/* the first dim of a row, -1 where each leaf has its own; 1 of a row without dims */
static inline int64_t hoop__field_length(const hoop__field *f)
{
    return f->ndim > 0 ? f->shape[0] : 1;
}

/* element i of an array of f32 or f64 */
static inline double hoop__value_at(const void *values, hoop_dtype dtype, int64_t i)
{
    return dtype == HOOP_F64 ? ((const double *)values)[i] : (double)((const float *)values)[i];
}

/* (n, row shape...); length: the first dim of a row that varies */
void hoop__field_shape(const hoop__field *f, int64_t n, int64_t length, int64_t full[HOOP_MAX_DIMS]);
/* a target's loss, with its defaults, and the dtype that asks for */
hoop_status hoop__field_loss(const hoop_trainer *tr, hoop__field *f, const hoop_loss_kind *loss, hoop_error *err);
/* shown.c: what the config, or the loss, says is shown of each target; Errors: HOOP_ECONFIG, HOOP_ENOMEM */
hoop_status                   hoop__shown_read(hoop_trainer *tr, hoop_error *err);
void                          hoop__shown_free(hoop__field *f);
extern const hoop_config_free hoop__shown_key;
/* once the outputs of target f are known: can all of it be counted? Errors: HOOP_ECONFIG */
hoop_status hoop__shown_fits(const hoop_trainer *tr, const hoop__field *f, hoop_error *err);
/* of an evaluation: begin; a leaf's outputs and targets, as its loss saw them; of all ranks (Collective); the numbers, told as */
hoop_status hoop__shown_begin(hoop_trainer *tr, hoop_error *err);
void hoop__shown_leaf(const hoop_leaf *leaf, hoop__field *f, const hoop_tensor *out, const hoop_tensor *target, hoop_error *err);
hoop_status hoop__shown_reduce(hoop_trainer *tr, hoop_error *err);
double      hoop__shown_value(hoop__shown *s, int told);
/* fields.c: so many inputs and targets, called x and y; those of opts (arrays), or of the short form */
hoop_status hoop__fields_create(hoop_trainer *tr, int ninputs, int ntargets, hoop_error *err);
hoop_status hoop__fields_of_opts(hoop_trainer *tr, hoop_error *err);
void        hoop__fields_free(hoop__data *d);
/* "normalize.mean", "normalize_targets.p.std": of one among several with its name */
const char *hoop__field_buffer(const hoop_trainer *tr, int k, const char *what, char out[HOOP__BUFFER_NAME]);

/* data.c: fields as the config, or who brings arrays, names them */
hoop_status hoop__data_fields(hoop_trainer *tr, hoop_error *err);
/* is field k to be normalised? HOOP__NORMALIZE_AUTO, NONE or STANDARD, as the config says */
int hoop__field_asks(const hoop_trainer *tr, int k);
/* what is done to input k before the model, as the config says; NULL: nothing */
const hoop_value *hoop__field_transform(const hoop_trainer *tr, int k);
hoop_status       hoop__data_open(hoop_trainer *tr, hoop_error *err);
hoop_status       hoop__data_loader(hoop_trainer *tr, hoop_error *err);
/* of this rank and run, unshuffled */
hoop_loader_opts hoop__data_loader_opts(const hoop_trainer *tr);
/* rows of ds become such as those trained on, where they say how */
hoop_status hoop__data_match(hoop_trainer *tr, hoop_dataset *ds, hoop_error *err);
/* before the first step: are there values that cannot be read? Collective */
hoop_status hoop__data_check(hoop_trainer *tr, hoop_error *err);
void        hoop__data_close(hoop_trainer *tr);
/* normalize.c; both Collective */
hoop_status hoop__data_normalize(hoop_trainer *tr, hoop_error *err);
hoop_status hoop__data_decide(hoop_trainer *tr, hoop_error *err);
/* transform.c: does the list make sense? Its place says what does not */
hoop_status hoop__transform_check(const hoop_trainer *tr, int k, hoop_error *err);
/* the first of its items that is to be measured; NULL: none is */
const hoop_value *hoop__transform_asks(const hoop_trainer *tr, int k);
/* does input k begin with normalize? Then it is read in f64 where that is stored */
bool hoop__transform_begins(const hoop_trainer *tr, int k);
/* the modules, under the model's root, and what they make of shapes of inputs, in their place */
hoop_status hoop__transform_add(hoop_trainer *tr, struct hoop_module *root, hoop_error *err);
hoop_status hoop__transform_shape(const hoop_trainer *tr, int k, struct hoop_shape *x, hoop_error *err);
/* what modules before `until` make of n rows of input k, which are of its dtype: on the trainer's tape, until its next reset */
hoop_status hoop__transform_run(hoop_trainer *tr, int k, const struct hoop_module *until, int64_t n, const void *rows,
                                hoop_error *err, hoop_tensor **out);
/* the next module behind m (NULL: the first) whose statistics are to be measured; NULL: no more */
const struct hoop_module *hoop__transform_measured(const hoop_trainer *tr, int k, const struct hoop_module *m);
/* targets.c: of targets that are normalised; hoop__targets_buffers makes their mean and std, hoop__targets_wrap is for any. y has
 * n rows, as the data has them, and so has *raw, which is set where they are normalised. */
hoop_status  hoop__targets_buffers(hoop_trainer *tr, hoop_error *err);
hoop_tensor *hoop__targets_wrap(const hoop_trainer *tr, hoop_tape *tape, const hoop__field *f, hoop_dtype dtype, const void *y,
                                int64_t n, int64_t length, hoop_tensor **raw);
/* a leaf's loss in the data's units; w: weights of its rows, NULL: 1 */
double hoop__targets_loss(const hoop_trainer *tr, const hoop__field *f, const hoop_tensor *out, hoop_dtype dtype, const void *y,
                          const double *w, int64_t n);
/* n rows of outputs in the run's precision to the data's units */
void hoop__targets_units(const hoop_trainer *tr, const hoop__field *f, const void *values, int64_t n, void *out,
                         hoop_dtype dtype);
/* outputs.c: the model of the config, what it gives and for which target. match: does it fit? before the model is finalized */
hoop_status hoop__outputs_match(hoop_trainer *tr, hoop_error *err);
/* those of opts.forward: it is tried, once the tape is there */
hoop_status hoop__outputs_try(hoop_trainer *tr, hoop_error *err);
/* predict.c */
typedef struct hoop__rows {
    const void *const *data;          /* of each input */
    const int64_t     *length;        /* of each: what rows that vary are padded to; NULL: none varies */
    bool               as_read;       /* dtypes are those of fields; else the run's precision, and i64 for indices */
    bool               probabilities; /* of classes are wanted, not logits */
} hoop__rows;
/* Outputs by target, out[k] of dtype[k]: the run's precision, or f64 where the target is normalised (hoop__predict_dtype keeps
 * all there is). Where rows vary, n is at most hoop__plan_leaf_rows: they are padded together. */
hoop_status hoop__predict(hoop_trainer *tr, const hoop__rows *in, int64_t n, void *const *out, const hoop_dtype *dtype,
                          hoop_error *err);
hoop_dtype  hoop__predict_dtype(const hoop_trainer *tr, int k);
/* nonfinite.c: the first value of a leaf that is not finite, with its file and row (HOOP_OK: there is none); agree: that of the
 * lowest rank, so of the first leaf that has one, for all. Collective */
void        hoop__nonfinite_find(const hoop_trainer *tr, hoop_dataset *ds, const hoop_loader_leaf *leaf, hoop_error *found);
hoop_status hoop__nonfinite_agree(hoop_trainer *tr, hoop_error *found, hoop_error *err);

#endif
