/**
 * train/trained.h - a trained model, from its checkpoint alone: config, shapes and weights, to be evaluated on any data.
 *
 * The training data need not be there: sizes come from the data looked at and from the checkpoint's last layer.
 */
#ifndef HOOP_TRAINED_H
#define HOOP_TRAINED_H

#include "hoop/train.h"
#include "train/meaning.h"

struct hoop__tally;

typedef struct hoop__trained {
    const char    *path;    /* run or checkpoint; the caller's */
    hoop_config   *config;  /* of the checkpoint, with `set` on top */
    int64_t        outputs; /* of an mlp's last layer; 0: the model, once it is built, says how many */
    hoop__meaning  meaning; /* of the data it was trained on */
    hoop_comm_opts comm;    /* what the config says of communication */
    hoop_dataset  *data;
    hoop_trainer  *trainer;
    hoop_dtype     predicted;        /* of its outputs in the data's units */
    char           checkpoint[4096]; /* the one that was loaded */
} hoop__trained;

/** Read what the checkpoint says of its model; set[nset] are "key=value". `path` must outlive *out; end it with
 * hoop__trained_close. Errors: those of checkpoints, HOOP_EFORMAT when it has no config, HOOP_ECONFIG. Calls: Local. */
hoop_status hoop__trained_read(const char *path, const char *const *set, int nset, hoop_error *err, hoop__trained *out);

typedef struct hoop__trained_opts {
    const char *data;    /* shard prefix, file or glob; NULL: data.validation of the config */
    bool        targets; /* y is wanted (evaluation); false: it is not looked at */
    void       *ctx;
    void (*note)(void *ctx, const char *text); /* both as of hoop_trainer_opts */
    void (*progress)(void *ctx, double fraction);
} hoop__trained_opts;

/** Open data and model. Errors: those of datasets and hoop_trainer_create; HOOP_ESHAPE when data and model don't fit,
 * HOOP_ECONFIG when classes or scales are others than those trained on. Calls: Collective. */
hoop_status hoop__trained_open(hoop__trained *t, hoop_comm *comm, const hoop__trained_opts *opts, hoop_error *err);
/** Calls: Local. */
void hoop__trained_close(hoop__trained *t);

/** hoop_trainer_evaluate of the data, and what is to be counted with it: end that with hoop__tally_free, whatever comes back.
 * Calls: Collective. */
hoop_status hoop__trained_evaluate(hoop__trained *t, hoop_error *err, hoop_metrics_sums *sums, struct hoop__tally *tally);
/** A name that ends so is that of a table of text. */
bool hoop__trained_is_text(const char *path);
/** Write the model's outputs for all rows of the data to dataset /y of a new HDF5 file, in the run's precision, or f64 where
 * targets were normalised: ranks share the work, and the bytes do not depend on their number. Under a name that ends in .csv: a
 * table of text, a row each, of the class and the probability of each, or of the targets. `force`: replace a regular file of that
 * name that is not read here. Errors: HOOP_EIO, those of reading. Calls: Collective. */
hoop_status hoop__trained_predict(hoop__trained *t, const char *path, bool force, void (*progress)(void *ctx, double fraction),
                                  void *ctx, hoop_error *err);

#endif
