/**
 * hoop/trained.h - a trained model, from its checkpoint alone: config, shapes and weights, to be evaluated on any data and to
 * predict for it. The training data need not be there: sizes come from the data looked at and from the checkpoint.
 *
 *     HOOP_TRY(st, done, hoop_trained_read("runs/a", NULL, 0, err, &t));
 *     HOOP_TRY(st, done, hoop_trained_open(t, comm, &(hoop_trained_opts){.data = "more", .targets = true}, err));
 *     HOOP_TRY(st, done, hoop_trained_evaluate(t, err, &sums));
 *     const hoop_tally *counted = hoop_trained_tally(t, 0);
 */
#ifndef HOOP_TRAINED_H
#define HOOP_TRAINED_H

#include "hoop/train.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_trained hoop_trained;

typedef struct hoop_trained_opts {
    const char *data;    /* shard prefix, file or glob; NULL: data.validation of the config */
    bool        targets; /* these are wanted (evaluation); false: they are not looked at, */
    bool        beside;  /* unless the data have them all (to be shown beside predictions) */
    void       *ctx;
    void (*note)(void *ctx, const char *text); /* both as of hoop_trainer_opts */
    void (*progress)(void *ctx, double fraction);
} hoop_trained_opts;

/** Read what a run or checkpoint says of its model; set[nset] are "key=value" on top of its config. Owns: caller. Errors: those
 * of checkpoints, HOOP_EFORMAT when it has no config, HOOP_ECONFIG. Calls: Local. */
HOOP_API hoop_status hoop_trained_read(const char *path, const char *const *set, int nset, hoop_error *err, hoop_trained **out);
/** Accepts NULL. Calls: Local. */
HOOP_API void hoop_trained_close(hoop_trained **t);
/** What the config says of communication, for the communicator that is to be made. Calls: Local. */
HOOP_API const hoop_comm_opts *hoop_trained_comm_opts(const hoop_trained *t);

/** Open data and model. `opts` is copied, what its ctx points to is not; NULL: the model alone, to write text. Errors: those of
 * datasets and hoop_trainer_create; HOOP_ESHAPE when data and model don't fit, HOOP_ECONFIG when classes or scales are others
 * than those trained on. Calls: Collective. */
HOOP_API hoop_status hoop_trained_open(hoop_trained *t, hoop_comm *comm, const hoop_trained_opts *opts, hoop_error *err);

/* All below: of one that is open. */

/** The checkpoint that was loaded. Calls: Local. */
HOOP_API const char *hoop_trained_checkpoint(const hoop_trained *t);
/** What computes; it says the step, the targets and more (hoop/train.h). It belongs to t. Calls: Local. */
HOOP_API hoop_trainer *hoop_trained_trainer(const hoop_trained *t);
/** The data, presented as the model wants it. It belongs to t. Calls: Local. */
HOOP_API hoop_dataset *hoop_trained_data(const hoop_trained *t);
/** Name of class i of a target, or of value i of its rows where it has no classes; NULL: none is known. Calls: Local. */
HOOP_API const char *hoop_trained_name(const hoop_trained *t, int target, int64_t i);

/** What an evaluation counted of one target beside the loss. Integers and exact sums: the same for any number of ranks. */
typedef struct hoop_tally {
    int64_t                   classes;                   /* 0: the target is no classes */
    const int64_t            *count, *predicted, *right; /* of each class: labels, predictions, both */
    const int64_t            *matrix;                    /* (true, predicted); NULL: too many classes */
    int64_t                   values;                    /* of a row; 0: classes, too many, or rows vary in length */
    int                       nmetrics;                  /* of each value: those of the loss that are for evaluations */
    const hoop_metric *const *metric;
    const double             *value; /* (values, nmetrics), in the data's units; NaN: there is nothing it could be of */
} hoop_tally;

/** hoop_trainer_evaluate of the data, with what is to be counted beside it. Calls: Collective. */
HOOP_API hoop_status hoop_trained_evaluate(hoop_trained *t, hoop_error *err, hoop_metrics_sums *sums);
/** Of the last evaluation; valid until the next one. Calls: Local. */
HOOP_API const hoop_tally *hoop_trained_tally(const hoop_trained *t, int target);

/** What predict writes of target i. */
typedef struct hoop_trained_output {
    const char *name; /* of the HDF5 dataset: that of the target, "/y" in the short form */
    hoop_dtype  dtype;
    int         ndim; /* of a row */
    int64_t     shape[HOOP_MAX_DIMS];
    bool boxes; /* lists of boxes: /boxes (k, 4), x1, y1, x2, y2, /scores and /labels of each sample, with their offsets (of
                   several targets /NAME.boxes ...); dtype and shape are of hoop_trainer_predict: at most so many, each x1, y1,
                   x2, y2, score, class */
} hoop_trained_output;
/** False: there is no target i. Calls: Local. */
HOOP_API bool hoop_trained_output_at(const hoop_trained *t, int i, hoop_trained_output *out);
/** A name that ends so is that of a table of text. Calls: Local. */
HOOP_API bool hoop_trained_is_text(const char *path);
/** Write the model's outputs for all rows of the data to datasets of a new HDF5 file (hoop_trained_output_at), in the run's
 * precision, or f64 where targets were normalised: ranks share the work, and the bytes do not depend on their number. Under a
 * name that ends in .csv: a table of text, a row each, of the class and the probability of each, or of the values; of several
 * targets with their names before ("p.y0"). `force`: replace a regular file of that name that is not read here. Errors: HOOP_EIO,
 * HOOP_ESHAPE (rows of outputs vary in length), those of reading. Calls: Collective. */
HOOP_API hoop_status hoop_trained_predict(hoop_trained *t, const char *path, bool force,
                                          void (*progress)(void *ctx, double fraction), void *ctx, hoop_error *err);

/** What the model predicts for rows index[n] of the data, to outputs[i] of target i (n, as hoop_trained_output_at says of a row):
 * what hoop_trained_predict writes of them to HDF5. Errors: HOOP_ESHAPE (rows of outputs vary in length), HOOP_ERANGE (an index),
 * those of reading and of ops. Calls: Local. */
HOOP_API hoop_status hoop_trained_rows(hoop_trained *t, const int64_t *index, int64_t n, void *const *outputs, hoop_error *err);

/* Text, of a model that tells the next token of each (gpt, lstm, gru): all that is needed is in the run. */

/** How it is written. The same tokens for any number of threads. */
typedef struct hoop_generate_opts {
    const int64_t *prompt; /* ids that stand before, at least one */
    int64_t        nprompt, length;
    int64_t        vocabulary;  /* how many ids its tokenizer has; 0: not said */
    double         temperature; /* logits are divided by it; 0: always the most likely token */
    int64_t        top_k;       /* only so many of the most likely tokens; 0: all */
    double         top_p;       /* only the fewest whose probabilities add up to it; 0: all */
    uint64_t       seed;
    void          *ctx;
    bool (*token)(void *ctx, int64_t id); /* each, as it comes; false: no more */
} hoop_generate_opts;
/** Does a run write text, by what was read of it? Errors: HOOP_EARG (a kind of model that does not), HOOP_EFORMAT (it was not
 * trained on text). Calls: Local. */
HOOP_API hoop_status hoop_trained_writes(const hoop_trained *t, hoop_error *err);
/** Of a model that was opened without data. Where its context is full, the last three quarters of it are read anew. Errors:
 * HOOP_EARG (a model that writes no text, or not in so many tokens; options out of range), HOOP_ERANGE (an id), those of ops.
 * Calls: Local. */
HOOP_API hoop_status hoop_trained_generate(hoop_trained *t, const hoop_generate_opts *opts, hoop_error *err);
/** The line of the tokenizer (hoop/tokenizer.h) of what it was trained on; NULL: none is known. Calls: Local. */
HOOP_API const char *hoop_trained_tokenizer(const hoop_trained *t);

#ifdef __cplusplus
}
#endif
#endif
